//! Random jobs for accelerators of every kernel and both interfaces: memory and counters are the functional model's after
//! each, and so are all ports in Verilog simulators.
//!
//! 200 jobs, and 3 each in Icarus and Verilator; with `FLASHRTL_NIGHTLY=1` 2,000, and 50 each.

mod support;

use attention::EngineSpec;
use attention::accelerator::bus::Timing;
use attention::accelerator::memory::traffic;
use attention::accelerator::system::System;
use attention::accelerator::{AcceleratorSpec, Buffer, Buffers, Interface, MaskMode, MaskSupport, Settings};
use attention::config::ResultForm;
use attention::simulate::Recorder;
use hdl::Design;
use numerics::catalog::{BF16, E4M3};
use numerics::lse::Accumulator;
use numerics::stratified::Rng;
use rayon::prelude::*;
use sim::{Engine, Icarus, Program, Verilator, compare};
use support::lint::can_run;
use support::{FA2, INPUTS, KERNELS, accelerator, check, random_settings, timing};

/// Longest sequence.
const LONGEST: u32 = 300;

fn nightly() -> bool {
    std::env::var_os("FLASHRTL_NIGHTLY").is_some()
}

/// An accelerator of every kernel, and some of what else there is; every third one under a clock.
fn designs() -> Vec<(AcceleratorSpec, Design)> {
    let long = |spec| AcceleratorSpec { max_queries: LONGEST, max_keys: LONGEST, ..spec };
    let shapes = [[6, 2, 3], [5, 4, 1], [12, 1, 5], [3, 3, 2]];
    let mut specs: Vec<AcceleratorSpec> = KERNELS
        .iter()
        .enumerate()
        .map(|(i, (_, kernel))| {
            let input = if i % 4 == 3 { E4M3 } else { BF16 };
            let interface = [Interface::Dma, Interface::Stream][i % 2];
            let (bus_bits, key_tile) = ([32, 64, 128][i % 3], [1, 4, 7, 16][i % 4]);
            let spec = accelerator(kernel, input, shapes[i % 4]);
            AcceleratorSpec { interface, bus_bits, key_tile, ..long(spec) }
        })
        .collect();
    let plain = long(accelerator(&FA2, BF16, [20, 2, 4]));
    let state = EngineSpec { result: ResultForm::State, ..specs[0].engine.clone() };
    // Queries that may begin with states, on both interfaces, to be passed on or to be finished.
    let links = [(6, ResultForm::State, "bf16", None), (3, ResultForm::Row, "m12", None)];
    let anchored = [(4, ResultForm::State, "fixed18", None), (5, ResultForm::Row, "fixed16", Some(3))];
    let links = links.into_iter().chain(anchored).map(|(i, result, accumulator, key_block)| {
        let accumulator = Accumulator::parse(accumulator).expect("an accumulator");
        let engine = specs[i].engine.clone();
        let engine = EngineSpec { initial: true, result, accumulator, key_block, ..engine };
        AcceleratorSpec { engine, ..specs[i].clone() }
    });
    let links: Vec<AcceleratorSpec> = links.collect();
    let fixed = EngineSpec {
        accumulator: Accumulator::parse("fixed18").expect("an accumulator"),
        key_block: Some(5),
        ..specs[4].engine.clone()
    };
    specs.extend([
        AcceleratorSpec { engine: state, mask: MaskSupport::None, ..specs[0].clone() },
        AcceleratorSpec { engine: fixed, interface: Interface::Stream, ..specs[4].clone() },
        AcceleratorSpec { buffers: Buffers { tile: Buffer::Sram }, mask: MaskSupport::Causal, ..plain },
        q8_8(long(accelerator(&KERNELS[4].1, INPUTS[2], [6, 2, 3]))),
    ]);
    specs.extend(links);
    let build = |(i, spec): (usize, AcceleratorSpec)| match i % 3 {
        0 => spec.elaborate_auto(Some(timing(400.0))).unwrap(),
        _ => {
            let design = spec.elaborate(None).unwrap();
            (spec, design)
        }
    };
    specs.into_par_iter().enumerate().map(build).collect()
}

/// With results and o in the format of the values, all in fixed point.
fn q8_8(spec: AcceleratorSpec) -> AcceleratorSpec {
    let (accumulator, output) = (Accumulator::fixed(15), spec.engine.value);
    AcceleratorSpec { engine: EngineSpec { accumulator, output, ..spec.engine }, ..spec }
}

/// Random surroundings: a slow or fast memory, pauses or none.
fn surroundings(rng: &mut Rng) -> Timing {
    let mut one_of = |list: &[f64]| list[rng.below(list.len() as u64) as usize];
    Timing {
        latency: one_of(&[1.0, 7.0, 40.0, 150.0]) as u32,
        bandwidth: one_of(&[1.0, 1.0, 0.6, 0.3]),
        outstanding: one_of(&[1.0, 2.0, 16.0]) as usize,
        stalls: one_of(&[0.0, 0.1, 0.5]),
        seed: rng.below(1 << 32),
    }
}

/// About how many cycles a job takes.
fn cycles(spec: &AcceleratorSpec, timing: Timing, job: &Settings) -> f64 {
    let [read, written] = traffic(spec, job).map(|bytes| (bytes / u64::from(spec.bus_bytes())) as f64);
    let steps = spec.engine.interleave * job.heads * job.keys * spec.blocks(job.queries);
    let (per_beat, per_row) = match spec.interface {
        Interface::Dma => (timing.bandwidth, f64::from(timing.latency) / timing.outstanding as f64),
        Interface::Stream => (1.0, 0.0),
    };
    let bus =
        read.max(written) / (per_beat * (1.0 - timing.stalls)) + read / f64::from(spec.row_beats()) * per_row;
    bus.max(f64::from(steps))
}

/// Runs a random job of about so many cycles at most, or a long one of more, which leaves what the functional model leaves.
fn job(spec: &AcceleratorSpec, system: &mut System, timing: Timing, most: f64, rng: &mut Rng) -> Settings {
    // Beside a slow memory no long job may be short enough.
    let mut tries = if rng.below(5) == 0 { 200 } else { 0 };
    let job = loop {
        let long = tries > 0;
        tries -= i32::from(long);
        let longest = [(); 2].map(|()| [9, 40, LONGEST][rng.below(3) as usize]);
        let job = random_settings(spec, longest, rng);
        let fits = cycles(spec, timing, &job) < if long { 6.0 * most } else { most };
        if fits && (!long || job.queries.max(job.keys) > 200) {
            break job;
        }
    };
    check(spec, system, job, rng);
    job
}

#[test]
fn random_jobs() {
    let (count, most) = if nightly() { (2000, 30_000.0) } else { (200, 600.0) };
    let designs = designs();
    let per_design = usize::div_ceil(count, designs.len());
    let of_design = |(i, (spec, design)): (usize, &(AcceleratorSpec, Design))| {
        let program = Program::compile(design).unwrap();
        let mut rng = Rng::new(1000 + i as u64);
        let mut jobs = vec![];
        while jobs.len() < per_design {
            let timing = surroundings(&mut rng);
            let mut system = System::new(spec, &program, Default::default(), timing).unwrap();
            let next = (per_design - jobs.len()).min(6);
            jobs.extend((0..next).map(|_| job(spec, &mut system, timing, most, &mut rng)));
        }
        jobs
    };
    let jobs: Vec<Settings> = designs.par_iter().enumerate().flat_map_iter(of_design).collect();
    assert!(jobs.len() >= count);
    let covers = |what: &str, is: &dyn Fn(&Settings) -> bool| {
        let found = jobs.iter().filter(|job| is(job)).count();
        eprintln!("{found} of {} jobs: {what}", jobs.len());
        assert!(found >= jobs.len() / 40, "{what}");
    };
    covers("over 200 queries", &|job| job.queries > 200);
    covers("over 200 keys", &|job| job.keys > 200);
    covers("causal", &|job| job.mask == MaskMode::Causal);
    covers("sliding window", &|job| job.mask == MaskMode::Window && job.window < job.keys);
    covers("queries without keys", &|job| job.mask != MaskMode::None && job.keys < job.queries);
    covers("initial states", &|job| job.initial);
    covers("grouped heads", &|job| job.kv_heads > 1 && job.heads > job.kv_heads);
}

/// Jobs back to back, every port of every cycle, in a Verilog simulator.
fn in_verilog(engine: &dyn Engine, run: impl Fn(&Design, &sim::Trace) -> sim::Trace) {
    if !can_run(engine) {
        return;
    }
    let (all, jobs) = (designs(), if nightly() { 10 } else { 3 });
    let chosen = if nightly() { &[0, 1, 4, 7, 10, 12, 13, 14, 15, 16][..] } else { &[1, 13, 16] };
    for &i in chosen {
        let (spec, design) = &all[i];
        let mut rng = Rng::new(2000 + i as u64);
        let program = Program::compile(design).unwrap();
        let timing = surroundings(&mut rng);
        let mut recorder = Recorder::new(&program).unwrap();
        let mut system = System::new(spec, &program, Default::default(), timing).unwrap();
        system.observe(|simulator| {
            recorder.cycle(simulator);
            Ok(())
        });
        for _ in 0..jobs {
            job(spec, &mut system, timing, 1500.0, &mut rng);
        }
        drop(system);
        let recording = recorder.finish();
        let outputs = run(design, &recording.inputs);
        let same = compare(design, &recording.outputs, &outputs);
        same.unwrap_or_else(|e| panic!("{}, design {i}: {e}", engine.name()));
    }
}

#[test]
fn random_jobs_in_icarus() {
    in_verilog(&Icarus, |design, inputs| Icarus.run(design, inputs).unwrap());
}

#[test]
fn random_jobs_in_verilator() {
    let verilator = Verilator::default();
    in_verilog(&verilator, |design, inputs| verilator.run(design, inputs).unwrap());
}
