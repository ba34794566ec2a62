//! `flash-d-lse` against its functional model, to the bit, in the compiled simulator.

mod support;

use attention::EngineSpec;
use attention::kernel::FlashDLse;
use attention::simulate::{Block, Stalls, run};
use hdl::{Reset, Timing};
use numerics::Format;
use numerics::catalog::{BF16, E4M3};
use numerics::lse::{Accumulator, LSE_PRESETS};
use numerics::stratified::Rng;
use sim::Program;
use std::sync::Arc;
use support::{FA2, blocks, engine, timing};

fn spec(kernel: FlashDLse, input: Format, head_dim: u32, lanes: u32, interleave: u32) -> EngineSpec {
    let mut spec = engine(&FA2, input, head_dim, lanes, interleave);
    spec.kernel = Arc::new(kernel);
    spec.dot.result = Format::new(8, 15).unwrap();
    spec
}

fn check(spec: &EngineSpec, clock: Option<Timing>, seed: u64) {
    let (spec, design) = match clock {
        None => (spec.clone(), spec.elaborate(None, Reset::default()).unwrap()),
        clock => spec.elaborate_auto(clock, Reset::default()).unwrap(),
    };
    let program = Program::compile(&design).unwrap();
    let mut rng = Rng::new(seed);
    let jobs: Vec<Vec<Block>> = (0..4).map(|_| blocks(&spec, &mut rng, 5, 20)).collect();
    let mut simulator = program.simulator(jobs.len());
    simulator.randomize(seed);
    let stalls = Stalls { q: 0.3, kv: 0.2, o: 0.4, seed };
    let outcomes = run(&spec, &mut simulator, &jobs, None, stalls, |_| Ok(())).unwrap();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let expected: Vec<_> = job.iter().flat_map(|b| b.reference(&spec, None)).collect();
        assert_eq!(expected, outcome.rows, "{:?}", spec.kernel);
    }
}

#[test]
fn every_preset_untimed() {
    for (i, (_, lse)) in LSE_PRESETS.iter().enumerate() {
        let kernel = FlashDLse { spec: *lse, skip_threshold: [0, 13, 3][i % 3] };
        check(&spec(kernel, [BF16, E4M3][i % 2], 5, 3, 1 + i as u32 % 4), None, i as u64);
    }
}

#[test]
fn every_preset_pipelined() {
    for (i, (_, lse)) in LSE_PRESETS.iter().enumerate() {
        let kernel = FlashDLse { spec: lse.with_fc(14), skip_threshold: [4, 0][i % 2] };
        check(&spec(kernel, [E4M3, BF16][i % 2], 4, 2, 1), Some(timing([500.0, 300.0][i % 2])), i as u64);
    }
}

#[test]
fn other_accumulators() {
    for (i, man_bits) in [9, 12].into_iter().enumerate() {
        let kernel = FlashDLse { spec: LSE_PRESETS[6].1, skip_threshold: 0 };
        let mut spec = spec(kernel, BF16, 6, 2, 2);
        spec.accumulator = Accumulator::Float(Format::new(8, man_bits).unwrap());
        check(&spec, None, i as u64);
    }
}

/// At 1 GHz the product of a 20-bit difference takes more than a cycle and is made in parts.
#[test]
fn a_product_of_several_cycles() {
    let kernel = FlashDLse { spec: LSE_PRESETS[6].1, skip_threshold: 0 };
    let mut spec = spec(kernel, BF16, 4, 1, 1);
    spec.accumulator = Accumulator::parse("fixed18").unwrap();
    check(&spec, Some(timing(1000.0)), 9);
}
