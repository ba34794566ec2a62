//! Every kernel with every kind of accumulator, flat and in blocks of keys, against its functional model to the bit.

mod support;

use attention::EngineSpec;
use attention::simulate::{Block, Stalls, run};
use hdl::{Reset, Timing};
use numerics::Format;
use numerics::catalog::{BF16, E4M3};
use numerics::lse::Accumulator;
use numerics::stratified::Rng;
use sim::Program;
use support::{KERNELS, blocks, engine, timing};

fn check(spec: &EngineSpec, clock: Option<Timing>, seed: u64) {
    let (spec, design) = match clock {
        None => (spec.clone(), spec.elaborate(None, Reset::default()).unwrap()),
        clock => spec.elaborate_auto(clock, Reset::default()).unwrap(),
    };
    let program = Program::compile(&design).unwrap();
    let mut rng = Rng::new(seed);
    let jobs: Vec<Vec<Block>> = (0..4).map(|_| blocks(&spec, &mut rng, 5, 25)).collect();
    let mut simulator = program.simulator(jobs.len());
    simulator.randomize(seed);
    let stalls = Stalls { q: 0.3, kv: 0.2, o: 0.4, seed };
    let outcomes = run(&spec, &mut simulator, &jobs, None, stalls, |_| Ok(())).unwrap();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let expected: Vec<_> = job.iter().flat_map(|b| b.reference(&spec, None)).collect();
        assert_eq!(expected, outcome.rows, "{:?} {} {:?}", spec.kernel, spec.accumulator, spec.key_block);
    }
}

/// Both clocks, some block sizes, all kernels that allow the accumulator.
fn every_kernel(accumulators: &[Accumulator], blocks: &[Option<u32>]) {
    let mut n = 0;
    for (_, choice) in &KERNELS {
        for &accumulator in accumulators {
            for &key_block in blocks {
                n += 1;
                let mut spec =
                    engine(choice, [BF16, E4M3][n % 2], 3 + n as u32 % 3, 1 + n as u32 % 3, 1 + n as u32 % 4);
                if matches!(accumulator, Accumulator::Fixed { .. }) && !spec.kernel.allows_fixed() {
                    continue;
                }
                (spec.accumulator, spec.key_block) = (accumulator, key_block);
                let clock = [None, Some(timing(400.0))][n / 2 % 2].clone();
                check(&spec, clock, n as u64);
            }
        }
    }
}

#[test]
fn floating_point_in_blocks() {
    let float = |man_bits| Accumulator::Float(Format::new(8, man_bits).unwrap());
    every_kernel(&[float(7), float(12)], &[Some(2), Some(5), Some(8)]);
}

#[test]
fn fixed_point() {
    let fixed = ["fixed16", "fixed19-floor", "fixed9"].map(|name| Accumulator::parse(name).unwrap());
    every_kernel(&fixed, &[None, Some(3), Some(8)]);
}
