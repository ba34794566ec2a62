//! The accelerator behind its buses against its functional model: memory and counters after every job.

mod support;

use attention::EngineSpec;
use attention::accelerator::bus::Timing;
use attention::accelerator::memory::{Memory, image};
use attention::accelerator::model::state;
use attention::accelerator::{AcceleratorSpec, Buffer, Buffers, Interface, MaskSupport, Settings, Tensor};
use attention::config::ResultForm;
use hdl::Reset;
use numerics::Number;
use numerics::catalog::{BF16, E4M3};
use numerics::lse::Accumulator;
use numerics::stratified::Rng;
use support::lint::lint;
use support::{FA2, INPUTS, KERNELS, accelerator, check, heads, random_settings, settings, system, timing};

fn jobs(spec: &AcceleratorSpec, clock: Option<hdl::Timing>, seed: u64, count: usize) {
    let mut rng = Rng::new(seed);
    let stalls = if seed.is_multiple_of(2) { 0.3 } else { 0.0 };
    let latency = [1, 12, 40][rng.below(3) as usize];
    let mut system = system(spec, clock, Timing { latency, stalls, seed, ..Timing::default() });
    for _ in 0..count {
        let job = random_settings(spec, [40; 2], &mut rng);
        check(spec, &mut system, job, &mut rng);
    }
}

fn both(spec: AcceleratorSpec, clock: Option<hdl::Timing>, seed: u64, count: usize) {
    for interface in [Interface::Stream, Interface::Dma] {
        jobs(&AcceleratorSpec { interface, ..spec.clone() }, clock.clone(), seed, count);
    }
}

#[test]
fn jobs_back_to_back() {
    both(AcceleratorSpec { bus_bits: 32, ..accelerator(&FA2, BF16, [5, 2, 2]) }, None, 1, 4);
    both(AcceleratorSpec { key_tile: 3, ..accelerator(&FA2, E4M3, [7, 3, 1]) }, None, 2, 4);
    both(AcceleratorSpec { key_tile: 1, bus_bits: 32, ..accelerator(&FA2, BF16, [1, 1, 1]) }, None, 4, 3);
    both(AcceleratorSpec { bus_bits: 256, ..accelerator(&FA2, BF16, [33, 2, 4]) }, None, 5, 3);
}

#[test]
fn every_kernel_under_a_clock() {
    for (i, (_, kernel)) in KERNELS.iter().enumerate() {
        let clock = Some(timing(400.0));
        let spec = accelerator(kernel, BF16, [6, 2, 1]);
        let (engine, _) = spec.engine.elaborate_auto(clock.clone(), Reset::default()).unwrap();
        let interface = [Interface::Stream, Interface::Dma][i % 2];
        jobs(&AcceleratorSpec { engine, interface, ..spec }, clock, 10 + i as u64, 2);
    }
}

/// A fixed-point accumulator, whose rows bring their largest exponent along, in blocks of keys; and partial states.
#[test]
fn fixed_point_and_partial_states() {
    let spec = accelerator(&KERNELS[4].1, BF16, [6, 2, 3]);
    let accumulator = Accumulator::parse("fixed18").unwrap();
    for (i, result) in [ResultForm::Row, ResultForm::State].into_iter().enumerate() {
        let engine = EngineSpec { accumulator, key_block: Some(5), result, ..spec.engine.clone() };
        both(AcceleratorSpec { engine, ..spec.clone() }, None, 50 + i as u64, 3);
    }
}

/// Fixed-point rows in and out: no exponents beside the tiles, elements of 16 bits at the ends of their range too.
#[test]
fn fixed_point_operands() {
    for (i, (kernel, accumulator, output)) in [
        (4, "fixed18", "q8.8"),
        (5, "fixed15", "q8.8"),
        (4, "m12", "bf16"),
        (0, "m12", "q8.8"),
        (8, "bf16", "q4.4"),
    ]
    .into_iter()
    .enumerate()
    {
        let spec = accelerator(&KERNELS[kernel].1, INPUTS[2], [6, 2, 3]);
        let accumulator = Accumulator::parse(accumulator).unwrap();
        let output = Number::parse(output).unwrap();
        let engine = EngineSpec { accumulator, output, ..spec.engine.clone() };
        both(AcceleratorSpec { engine, ..spec }, None, 60 + i as u64, 3);
    }
}

/// A tile buffer of macros gives the same as one of flops.
#[test]
fn tiles_in_macros() {
    let buffers = Buffers { tile: Buffer::Sram };
    both(AcceleratorSpec { buffers, ..accelerator(&FA2, BF16, [5, 2, 2]) }, None, 6, 3);
}

/// Linters and rust-hdl's checks are silent, whatever is built in.
#[test]
fn verilog_is_clean() {
    let buffers = Buffers { tile: Buffer::Sram };
    let tiny = accelerator(&FA2, BF16, [5, 2, 2]);
    let fixed = accelerator(&KERNELS[4].1, E4M3, [3, 1, 1]);
    let (engine, _) = fixed.engine.elaborate_auto(Some(timing(400.0)), Reset::default()).unwrap();
    let stream = Interface::Stream;
    let specs = [
        (tiny.clone(), None),
        (AcceleratorSpec { interface: stream, mask: MaskSupport::None, key_tile: 1, ..tiny.clone() }, None),
        (AcceleratorSpec { engine, interface: stream, buffers, bus_bits: 32, ..fixed }, Some(timing(400.0))),
    ];
    for (spec, clock) in specs {
        let design = spec.elaborate(clock).unwrap();
        hdl::rust_hdl::check(&design).unwrap();
        lint(&design);
    }
}

/// Jobs over pieces of the keys, each going on with the states in memory that the one before has left, leave the states that
/// one job over all keys leaves.
#[test]
fn pieces_are_one_job() {
    for (i, (kernel, accumulator, key_block)) in
        [(0, "bf16", None), (4, "fixed18", None), (4, "m12", Some(3)), (6, "m12", Some(4)), (8, "bf16", None)]
            .into_iter()
            .enumerate()
    {
        let accumulator = Accumulator::parse(accumulator).unwrap();
        let spec = accelerator(&KERNELS[kernel].1, BF16, [6, 2, 3]);
        let result = ResultForm::State;
        let engine = EngineSpec { accumulator, key_block, result, initial: true, ..spec.engine };
        let interface = [Interface::Dma, Interface::Stream][i % 2];
        let spec = AcceleratorSpec { engine, interface, ..spec };
        let mut rng = Rng::new(90 + i as u64);
        let mut system = system(&spec, None, Timing { stalls: 0.1, ..Timing::default() });
        let job = Settings { heads: 2, initial: true, ..settings(&spec, 9, 25) };
        let (placed, end) = job.placed(&spec, 4096);
        *system.memory() = image(&spec, &placed, &heads(&spec, &placed, &mut rng), end);
        let states = |memory: &Memory, tensor: Tensor| {
            let rows = (0..2).flat_map(|head| (0..9).map(move |query| tensor.row(head, query)));
            rows.map(|at| state(&spec, memory, at).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(system.check(&Settings { initial: false, ..placed }).unwrap().error, None);
        let at_once = states(system.memory(), placed.o);
        let pieces = placed.pieces(12);
        assert_eq!(pieces.iter().map(|piece| piece.keys).collect::<Vec<_>>(), [12, 12, 1]);
        for piece in &pieces {
            assert_eq!(system.check(piece).unwrap().error, None);
        }
        assert_ne!(at_once, states(system.memory(), pieces[1].o));
        assert_eq!(at_once, states(system.memory(), pieces[2].o));
    }
}
