//! The query engine against its functional model, to the bit, in the compiled simulator.

mod support;

use attention::EngineSpec;
use attention::config::Quantize;
use attention::simulate::{Block, Stalls, run};
use hdl::Reset;
use numerics::catalog::{BF16, E4M3};
use numerics::stratified::Rng;
use sim::Program;
use support::{FA2, blocks, engine, expmul};

fn check(spec: &EngineSpec, seed: u64) {
    let design = spec.elaborate(None, Reset::default()).unwrap();
    let program = Program::compile(&design).unwrap();
    let mut rng = Rng::new(seed);
    let jobs: Vec<Vec<Block>> = (0..4).map(|_| blocks(spec, &mut rng, 5, 12)).collect();
    let mut simulator = program.simulator(jobs.len());
    simulator.randomize(seed);
    let stalls = Stalls { q: 0.3, kv: 0.2, o: 0.4, seed };
    let outcomes = run(spec, &mut simulator, &jobs, None, stalls, |_| Ok(())).unwrap();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let expected: Vec<_> = job.iter().flat_map(|b| b.reference(spec, None)).collect();
        assert_eq!(expected, outcome.rows);
    }
}

#[test]
fn fa2_untimed() {
    check(&engine(&FA2, BF16, 4, 1, 1), 1);
    check(&engine(&FA2, BF16, 33, 3, 4), 2);
    check(&engine(&FA2, E4M3, 16, 3, 1), 3);
}

#[test]
fn expmul_untimed() {
    for (i, f) in [0, 1, 3, 5].into_iter().enumerate() {
        check(&engine(&expmul(Quantize::Each, f), BF16, 5, 3, 2), i as u64);
        check(&engine(&expmul(Quantize::ScoreFirst, f), E4M3, 4, 2, 4), i as u64);
    }
}
