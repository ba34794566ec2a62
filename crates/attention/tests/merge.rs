//! Keys split over several engines: partial states, merged in any order, against the functional model and the whole.

mod support;

use arith::operator::{Case, Operator, Params};
use arith::registry::elaborate;
use attention::EngineSpec;
use attention::config::ResultForm;
use attention::functional::{ResultRow, attend, final_row, state_ports};
use attention::merge::MergeUnit;
use attention::simulate::{Block, Query, Stalls, run};
use hdl::{Design, Direction, Reset, Timing};
use numerics::catalog::BF16;
use numerics::lse::Accumulator;
use numerics::stratified::Rng;
use sim::{Engine, Icarus, Program, ProgramEngine, RustHdlEngine, Trace};
use support::{KERNELS, block_of, engine, timing};

/// Every kernel with a floating-point o, and those that allow it with a fixed-point one, in blocks and flat.
fn specs(head_dim: u32) -> Vec<EngineSpec> {
    let of = |(_, choice): &(&str, support::Choice)| {
        let spec = engine(choice, BF16, head_dim, 2, 2);
        let fixed = Accumulator::parse("fixed17").unwrap();
        let accumulators = [Some(spec.accumulator), Some(fixed).filter(|_| spec.kernel.allows_fixed())];
        let specs = accumulators.into_iter().flatten().map(move |accumulator| EngineSpec {
            accumulator,
            key_block: matches!(accumulator, Accumulator::Fixed { .. }).then_some(3),
            result: ResultForm::State,
            ..spec.clone()
        });
        specs.collect::<Vec<_>>()
    };
    KERNELS.iter().flat_map(of).collect()
}

/// A merge unit with its design.
struct Merger {
    unit: MergeUnit,
    params: Params,
    design: Design,
}

impl Merger {
    fn new(spec: &EngineSpec, clock: Option<Timing>) -> Merger {
        let unit = MergeUnit::new(EngineSpec { name: "merge".into(), ..spec.clone() });
        let params = Params::new(&unit, spec.score());
        let design = elaborate(&unit, &params, clock, Reset::default()).unwrap();
        Merger { unit, params, design }
    }

    /// A case per cycle through an engine; outputs as [`Operator::reference`] lists them.
    fn run(&self, engine: &dyn Engine, cases: &[Case]) -> Vec<Vec<u64>> {
        let mut inputs = Trace::new(&self.design, Direction::Input);
        inputs.cycles = cases.len() + self.design.top().latency() as usize;
        for (i, port) in inputs.ports.iter_mut().enumerate() {
            port.values = cases.iter().flat_map(|case| case[i].iter().copied()).collect();
            port.values.resize(inputs.cycles * port.ty.count as usize, 0);
        }
        let outputs = engine.run(&self.design, &inputs).unwrap();
        let late = self.design.top().latency() as usize;
        (0..cases.len())
            .map(|n| outputs.ports.iter().flat_map(|p| p.at(n + late).to_vec()).collect())
            .collect()
    }

    fn check(&self, engine: &dyn Engine, cases: &[Case]) {
        for (case, found) in cases.iter().zip(self.run(engine, cases)) {
            let expected = self.unit.reference(&self.params, case);
            assert_eq!(expected, found, "{}, {}: {case:x?}", engine.name(), self.design.top().name);
        }
    }

    fn cases(&self, count: usize) -> Vec<Case> {
        let mut random = numerics::stratified::Stratified::new(self.params.format, 5);
        let random = (0..count).map(|_| self.unit.case(&self.params, &mut random));
        self.unit.directed(&self.params).into_iter().chain(random).collect()
    }
}

#[test]
fn the_unit_is_the_functional_merge_at_any_clock() {
    for (i, spec) in specs(5).iter().enumerate() {
        let merger = Merger::new(spec, [None, Some(timing(500.0))][i % 2].clone());
        merger.check(&ProgramEngine::default(), &merger.cases(500));
    }
}

#[test]
fn the_unit_in_rust_hdl_and_icarus() {
    for (i, spec) in specs(3).iter().enumerate() {
        let merger = Merger::new(spec, [Some(timing(400.0)), None][i % 2].clone());
        let cases = merger.cases(20);
        merger.check(&RustHdlEngine, &cases);
        if support::lint::can_run(&Icarus) {
            merger.check(&Icarus, &cases);
        }
    }
}

/// The engines' own partial states, of random parts of the keys, merged by the unit in a random order.
#[test]
fn parts_of_the_keys_merge_into_the_whole() {
    let mut rng = Rng::new(3);
    for spec in specs(4) {
        let program = Program::compile(&spec.elaborate(None, Reset::default()).unwrap()).unwrap();
        let merger = Merger::new(&spec, None);
        for parts in 1..=8 {
            let whole = block_of(&spec, &mut rng, 24);
            let split = split(&whole, parts, &mut rng);
            let mut simulator = program.simulator(1);
            let outcomes =
                run(&spec, &mut simulator, std::slice::from_ref(&split), None, Stalls::default(), |_| Ok(()))
                    .unwrap();
            let queries = whole.queries.len();
            let states: Vec<&[ResultRow]> = outcomes[0].rows.chunks(queries).collect();
            assert_eq!(states.len(), split.len());
            for query in 0..queries {
                let row = merge_all(&merger, &spec, states.iter().map(|rows| &rows[query]));
                check_against_whole(&spec, &whole, query, &row);
            }
        }
    }
}

/// Every key goes to one of the parts, in random order; a part without keys keeps one that nobody meets.
fn split(whole: &Block, parts: usize, rng: &mut Rng) -> Vec<Block> {
    let mut blocks = vec![Block { queries: whole.queries.clone(), keys: vec![] }; parts];
    for key in &whole.keys {
        blocks[rng.below(parts as u64) as usize].keys.push(key.clone());
    }
    for block in blocks.iter_mut().filter(|b| b.keys.is_empty()) {
        let mut key = whole.keys[0].clone();
        key.meets.fill(false);
        block.keys.push(key);
    }
    blocks
}

/// The result row after merging one state after the other into an empty one, each by the hardware and its reference.
fn merge_all<'a>(
    merger: &Merger,
    spec: &EngineSpec,
    states: impl Iterator<Item = &'a ResultRow>,
) -> Vec<u64> {
    let ports = |packed: &[u64]| {
        let mut left = packed;
        let ports = state_ports(spec).into_iter().map(|(_, ty)| {
            let (port, others) = left.split_at(ty.count as usize);
            left = others;
            port.to_vec()
        });
        ports.collect::<Vec<_>>()
    };
    let width: usize = state_ports(spec).iter().map(|(_, ty)| ty.count as usize).sum();
    let mut running = (1, vec![0; width]);
    let mut row = vec![];
    for state in states {
        let side = |empty: u64, packed: &[u64]| [vec![vec![empty]], ports(packed)].concat();
        let case =
            [side(running.0, &running.1), side(u64::from(state.empty), &state.row), vec![vec![1]]].concat();
        let found = merger.run(&ProgramEngine::default(), std::slice::from_ref(&case)).remove(0);
        assert_eq!(found, merger.unit.reference(&merger.params, &case), "{:?}", spec.kernel);
        running = (found[0], found[1..=width].to_vec());
        row = found[1 + width..1 + width + spec.head_dim as usize].to_vec();
    }
    row
}

/// The merged row is that of all keys at once, but for the kernel's own rounding.
fn check_against_whole(spec: &EngineSpec, whole: &Block, query: usize, row: &[u64]) {
    let [keys, values] =
        [|r: &attention::simulate::KeyRow| r.k.clone(), |r: &attention::simulate::KeyRow| r.v.clone()]
            .map(|f| whole.keys.iter().map(f).collect::<Vec<_>>());
    let Query { row: q, .. } = &whole.queries[query];
    let flat = EngineSpec { key_block: None, ..spec.clone() };
    let meets = |i: usize| whole.keys[i].meets[query];
    let at_once = final_row(&flat, &attend(&flat, q, &keys, &values, None, meets));
    let decode = |x: &u64| spec.output.decode(*x);
    let error: f64 = row.iter().zip(&at_once).map(|(a, b)| (decode(a) - decode(b)).powi(2)).sum();
    let size: f64 = values.iter().flatten().map(|v| spec.value.decode(*v).abs()).fold(0.0, f64::max);
    let worst = size * f64::from(spec.head_dim).sqrt();
    let coarse = ["fa2-expmul", "flash-d"].contains(&spec.kernel.name());
    assert!(
        error.sqrt() <= if coarse { 0.1 } else { 0.04 } * worst,
        "{:?}: {} of {worst}",
        spec.kernel,
        error.sqrt()
    );
}
