//! The query engine against its functional model, to the bit, in the compiled simulator.

mod support;

use attention::EngineSpec;
use attention::kernel::{Division, Fa2, Quantize};
use attention::simulate::{Block, Outcome, Stalls, run};
use hdl::{Design, Reset};
use numerics::catalog::{BF16, E4M3};
use numerics::lse::Accumulator;
use numerics::stratified::Rng;
use sim::Program;
use std::sync::Arc;
use support::{FA2, KERNELS, block_of, blocks, engine, expmul, timing};

const STALLS: Stalls = Stalls { q: 0.3, kv: 0.2, o: 0.4, i: 0.3, seed: 0 };

fn expected(spec: &EngineSpec, job: &[Block], scale: Option<u64>) -> Vec<attention::functional::ResultRow> {
    job.iter().flat_map(|b| b.reference(spec, scale)).collect()
}

/// Runs jobs, all of them at once, from random state.
fn outcomes(
    spec: &EngineSpec,
    design: &Design,
    jobs: &[Vec<Block>],
    stalls: Stalls,
    seed: u64,
) -> Vec<Outcome> {
    let program = Program::compile(design).unwrap();
    let mut simulator = program.simulator(jobs.len());
    simulator.randomize(seed);
    run(spec, &mut simulator, jobs, None, stalls, |_| Ok(())).unwrap()
}

fn check(spec: &EngineSpec, design: &Design, seed: u64) {
    let mut rng = Rng::new(seed);
    let jobs: Vec<Vec<Block>> = (0..4).map(|_| blocks(spec, &mut rng, 5, 12)).collect();
    for stalls in [Stalls { seed, ..STALLS }, Stalls::default()] {
        let outcomes = outcomes(spec, design, &jobs, stalls, seed);
        jobs.iter().zip(outcomes).for_each(|(job, o)| assert_eq!(expected(spec, job, None), o.rows));
    }
}

fn check_untimed(spec: &EngineSpec, seed: u64) {
    check(spec, &spec.elaborate(None, Reset::default()).unwrap(), seed);
}

#[test]
fn fa2_untimed() {
    check_untimed(&engine(&FA2, BF16, 4, 1, 1), 1);
    check_untimed(&engine(&FA2, BF16, 33, 3, 4), 2);
    check_untimed(&engine(&FA2, E4M3, 16, 3, 1), 3);
    check_untimed(&engine(&FA2, E4M3, 1, 1, 1), 4);
    check_untimed(&engine(&FA2, BF16, 2, 5, 3), 5);
}

#[test]
fn expmul_untimed() {
    for (i, f) in [0, 1, 3, 5].into_iter().enumerate() {
        check_untimed(&engine(&expmul(Quantize::Each, f), BF16, 5, 3, 2), i as u64);
        check_untimed(&engine(&expmul(Quantize::ScoreFirst, f), E4M3, 4, 2, 4), i as u64);
    }
}

#[test]
fn any_interleave_from_the_smallest_up() {
    for (i, (_, options)) in KERNELS.iter().enumerate() {
        let clock = Some(timing(450.0));
        let (least, design) =
            engine(options, BF16, 6, 2, 1).elaborate_auto(clock.clone(), Reset::default()).unwrap();
        check(&least, &design, i as u64);
        for more in [1, 2, 5] {
            let spec = EngineSpec { interleave: least.interleave + more, ..least.clone() };
            check(&spec, &spec.elaborate(clock.clone(), Reset::default()).unwrap(), 10 + i as u64);
        }
    }
}

/// The clock decides latency and the smallest interleave, and no value.
#[test]
fn the_clock_changes_only_time() {
    for (name, options) in KERNELS {
        let spec = engine(&options, BF16, 16, 3, 1);
        let mut rng = Rng::new(5);
        let jobs: Vec<Vec<Block>> = (0..3).map(|_| blocks(&spec, &mut rng, 4, 10)).collect();
        let expected: Vec<_> = jobs.iter().map(|job| expected(&spec, job, None)).collect();
        let mut before = (0, 1);
        for clock in [None, Some(200.0), Some(500.0), Some(800.0)] {
            let (timed, design) = spec.elaborate_auto(clock.map(timing), Reset::default()).unwrap();
            let latency = design.modules.iter().map(|m| m.latency()).max().unwrap();
            let now = (latency, timed.interleave);
            assert_eq!(timed.interleave, design.min_interleave());
            assert!(
                clock.is_none() || now.0 > before.0,
                "{name}, {clock:?} MHz: latency {} after {}",
                now.0,
                before.0
            );
            assert!(now.1 >= before.1, "{name}, {clock:?} MHz: interleave {} after {}", now.1, before.1);
            before = now;
            let outcomes = outcomes(&timed, &design, &jobs, STALLS, 1);
            assert!(outcomes.into_iter().map(|o| o.rows).eq(expected.clone()), "{name}, {clock:?} MHz");
        }
        assert!(before.1 > 1, "{name}");
    }
}

/// Jobs that run side by side as further lanes of one simulator give what each gives alone, cycle counts included,
/// whatever the state at power-up.
#[test]
fn stimuli_are_independent() {
    let spec = engine(&FA2, E4M3, 7, 2, 3);
    let design = spec.elaborate(None, Reset::default()).unwrap();
    let mut rng = Rng::new(8);
    let jobs: Vec<Vec<Block>> = (0..6).map(|i| blocks(&spec, &mut rng, 1 + i, 8)).collect();
    let together = outcomes(&spec, &design, &jobs, STALLS, 1);
    assert_eq!(together, outcomes(&spec, &design, &jobs, STALLS, 2));
    for (i, job) in jobs.iter().enumerate() {
        let stalls = Stalls { seed: (i as u64) << 32, ..STALLS }; // as the source of stimulus i is seeded
        let alone = outcomes(&spec, &design, std::slice::from_ref(job), stalls, 3);
        assert_eq!(alone[0], together[i]);
    }
}

#[test]
fn a_run_time_scale() {
    for input in [BF16, E4M3] {
        let mut spec = engine(&expmul(Quantize::ScoreFirst, 1), input, 9, 2, 2);
        spec.dot = spec.dot.with_scale(spec.score());
        let design = spec.elaborate(None, Reset::default()).unwrap();
        let program = Program::compile(&design).unwrap();
        let mut rng = Rng::new(12);
        let jobs: Vec<Vec<Block>> = (0..3).map(|_| blocks(&spec, &mut rng, 3, 9)).collect();
        for value in [0.353, 1.0, -2.0, 0.0, 1e30] {
            let scale = Some(spec.score().encode(value, &spec.policy));
            let mut simulator = program.simulator(jobs.len());
            let outcomes = run(&spec, &mut simulator, &jobs, scale, STALLS, |_| Ok(())).unwrap();
            jobs.iter().zip(outcomes).for_each(|(job, o)| assert_eq!(expected(&spec, job, scale), o.rows));
        }
    }
}

#[test]
fn a_hang_is_reported() {
    let spec = engine(&FA2, E4M3, 4, 1, 1);
    let design = spec.elaborate(None, Reset::default()).unwrap();
    let job = blocks(&spec, &mut Rng::new(1), 1, 2);
    let program = Program::compile(&design).unwrap();
    let never = Stalls { o: 1.0, ..Stalls::default() };
    let mut simulator = program.simulator(1);
    let error = run(&spec, &mut simulator, &[job], None, never, |_| Ok(())).unwrap_err();
    assert!(error.0.contains("nothing moved"), "{error}");
}

/// Cycles that a further block of so many keys takes when nothing else stalls.
fn cycles_of_a_block(spec: &EngineSpec, design: &Design, keys: usize) -> u64 {
    let mut rng = Rng::new(2);
    let job = |blocks: usize| (0..blocks).map(|_| block_of(spec, &mut rng, keys)).collect();
    let jobs: Vec<Vec<Block>> = [4, 9].map(job).into();
    let outcomes = outcomes(spec, design, &jobs, Stalls::default(), 1);
    (outcomes[1].cycles - outcomes[0].cycles) / 5
}

/// Results that are divided or converted some elements at a time cost nothing where the next block has the keys that
/// hide them, and time where it has half of them.
#[test]
fn results_hide_behind_the_next_block() {
    let division = Division { recip_segments: 16, serial: true };
    let serial =
        EngineSpec { kernel: Arc::new(Fa2 { exp_segments: 8, division }), ..engine(&FA2, BF16, 16, 2, 3) };
    let wide = EngineSpec {
        accumulator: Accumulator::parse("m12").unwrap(),
        ..engine(&KERNELS[4].1, BF16, 16, 2, 3)
    };
    for spec in [serial, wide].map(|spec| EngineSpec { result_elements: 2, ..spec }) {
        for clock in [None, Some(timing(250.0))] {
            let (spec, design) = match clock {
                None => (spec.clone(), spec.elaborate(None, Reset::default()).unwrap()),
                clock => spec.elaborate_auto(clock, Reset::default()).unwrap(),
            };
            let enough = spec.result_cycles(&design).div_ceil(spec.interleave) as usize;
            let steps = |keys: usize| keys as u64 * u64::from(spec.interleave);
            assert_eq!(cycles_of_a_block(&spec, &design, enough), steps(enough), "{:?}", spec.kernel);
            assert!(cycles_of_a_block(&spec, &design, enough / 2) > steps(enough / 2), "{:?}", spec.kernel);
        }
    }
}
