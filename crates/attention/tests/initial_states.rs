//! Engines whose queries begin with partial states: against the functional model, and in chains over pieces of the keys.

mod support;

use attention::EngineSpec;
use attention::config::ResultForm;
use attention::functional::partial_state;
use attention::merge::random_state;
use attention::simulate::{Block, KeyRow, Outcome, Query, Stalls, run};
use hdl::{Design, Reset, Timing};
use numerics::catalog::{BF16, E4M3};
use numerics::lse::Accumulator;
use numerics::stratified::Rng;
use sim::Program;
use support::{KERNELS, block_of, blocks, check_against_model, engine, timing};

/// Every kernel with every accumulator that it allows, at one level and in blocks of three keys; nightly all of them, else
/// one in `few`, among which is every kernel.
fn engines(few: usize) -> impl Iterator<Item = EngineSpec> {
    all_engines().step_by(if support::nightly() { 1 } else { few })
}

fn all_engines() -> impl Iterator<Item = EngineSpec> {
    let accumulators =
        ["bf16", "m12", "fixed16", "fixed18-floor"].map(|name| Accumulator::parse(name).unwrap());
    KERNELS.iter().enumerate().flat_map(move |(i, (_, kernel))| {
        let base = engine(kernel, [BF16, E4M3][i % 2], 5, 3, 4);
        let fixed = base.kernel.allows_fixed();
        let legal = accumulators.into_iter().filter(move |a| fixed || matches!(a, Accumulator::Float(_)));
        let specs = legal.flat_map(move |accumulator| {
            [None, Some(3)].map(|key_block| EngineSpec {
                accumulator,
                key_block,
                initial: true,
                result: ResultForm::State,
                ..base.clone()
            })
        });
        specs.collect::<Vec<_>>()
    })
}

fn outcome(spec: &EngineSpec, design: &Design, job: &[Block], seed: u64) -> Outcome {
    let mut simulator = Program::compile(design).unwrap().simulator(1);
    simulator.randomize(seed);
    let stalls = Stalls { q: 0.2, kv: 0.2, o: 0.2, i: 0.2, seed };
    let mut outcomes = run(spec, &mut simulator, &[job.to_vec()], None, stalls, |_| Ok(())).unwrap();
    outcomes.remove(0)
}

#[test]
fn states_are_loaded_untimed() {
    for (seed, spec) in engines(3).enumerate() {
        check_against_model(&spec, None, seed as u64);
        let rows = EngineSpec { result: ResultForm::Row, lanes: 1, interleave: 1, ..spec };
        check_against_model(&rows, None, 100 + seed as u64);
    }
}

#[test]
fn states_are_loaded_under_a_clock() {
    for (seed, spec) in engines(5).enumerate() {
        let spec = EngineSpec { lanes: 2, ..spec };
        check_against_model(&spec, Some(timing([300.0, 500.0, 650.0][seed % 3])), seed as u64);
    }
}

/// The block with its keys from one number to another, and the states that its queries begin with.
fn piece(block: &Block, keys: std::ops::Range<usize>, states: impl Iterator<Item = Query>) -> Block {
    Block { queries: states.collect(), keys: block.keys[keys].to_vec() }
}

/// Pieces of the keys one after the other, each beginning with what the one before has left, give what all keys at once
/// give, to the bit; pieces are whole blocks of keys where there are blocks.
#[test]
fn chains_are_one_pass() {
    let clock: Option<Timing> = Some(timing(400.0));
    for (seed, spec) in engines(3).enumerate() {
        let (spec, design) = spec.elaborate_auto(clock.clone(), Reset::default()).unwrap();
        let mut rng = Rng::new(seed as u64);
        let mut whole = blocks(&spec, &mut rng, 2, 20);
        whole.push(block_of(&spec, &mut rng, 13));
        for block in &mut whole {
            block.queries.iter_mut().for_each(|query| query.initial = None);
            // Somebody meets the first key: what nobody has met leaves no anchor behind.
            block.queries[0].active = true;
            block.keys[0].meets[0] = true;
        }
        let at_once = outcome(&spec, &design, &whole, 1);
        let mut chained = vec![];
        for block in &whole {
            let mut queries = block.queries.clone();
            let (mut from, mut last) = (0, vec![]);
            for to in [3, 9, block.keys.len()].map(|to| to.min(block.keys.len())) {
                if to > from {
                    let part = piece(block, from..to, queries.iter().cloned());
                    last = outcome(&spec, &design, &[part], 2).rows;
                    let active = queries.iter_mut().filter(|query| query.active);
                    active.zip(&last).for_each(|(query, row)| query.initial = partial_state(&spec, row));
                    from = to;
                }
            }
            chained.extend(last);
        }
        assert_eq!(at_once.rows, chained, "{:?} {} {:?}", spec.kernel, spec.accumulator, spec.key_block);
    }
}

/// A block that nobody meets gives the states that it began with, those under one anchor as they were.
#[test]
fn a_state_passes_through_unchanged() {
    for (seed, spec) in engines(3).enumerate() {
        let design = spec.elaborate(None, Reset::default()).unwrap();
        let mut rng = Rng::new(seed as u64);
        let mut begun = block_of(&spec, &mut rng, 4);
        begun.queries[1].active = false;
        let rows = outcome(&spec, &design, &[begun.clone()], 3).rows;
        let active = begun.queries.iter_mut().filter(|query| query.active);
        active.zip(&rows).for_each(|(query, row)| query.initial = partial_state(&spec, row));
        let nothing = vec![0; spec.head_dim as usize];
        begun.keys = vec![KeyRow { k: nothing.clone(), v: nothing, meets: vec![false; begun.queries.len()] }];
        assert_eq!(rows, outcome(&spec, &design, &[begun], 4).rows);
    }
}

/// Loading takes a row of steps for every state, and two cycles around them.
#[test]
fn loading_takes_a_row_of_steps_for_each_state() {
    let spec = EngineSpec { initial: true, ..engine(&KERNELS[4].1, BF16, 4, 2, 6) };
    let design = spec.elaborate(None, Reset::default()).unwrap();
    let mut rng = Rng::new(1);
    let empty = block_of(&spec, &mut rng, 9);
    let mut begun = empty.clone();
    begun.queries.iter_mut().for_each(|query| {
        query.initial = std::iter::from_fn(|| Some(random_state(&spec, &mut rng))).flatten().next();
    });
    let cycles = |block: &Block| {
        let mut simulator = Program::compile(&design).unwrap().simulator(1);
        let jobs = [vec![block.clone(); 3]];
        run(&spec, &mut simulator, &jobs, None, Stalls::default(), |_| Ok(())).unwrap()[0].cycles
    };
    let more = cycles(&begun) - cycles(&empty);
    let rows = u64::from(spec.block() * spec.interleave);
    assert!(more >= 3 * rows && more <= 3 * (rows + 2), "{more} cycles for three blocks of {rows}");
}
