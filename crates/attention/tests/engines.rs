//! The query engine in every simulator, to the bit: functional model = program = rust-hdl = Icarus = Verilator, with
//! random stalls on every port and random partial blocks and masks.
//!
//! The default run takes a pairwise selection of kernels, head dimensions, lanes, clocks and formats, five of them in
//! Verilator too; `FLASHRTL_NIGHTLY=1` takes every combination in every engine. A tool that is missing is skipped aloud;
//! with `FLASHRTL_STRICT=1` it fails.

mod support;

use attention::simulate::{Block, Recording, Stalls, record};
use attention::{EngineSpec, simulate};
use hdl::Design;
use numerics::stratified::Rng;
use sim::{Engine, Icarus, Program, ProgramEngine, RustHdlEngine, Verilator, compare};
use support::lint::{can_run, lint};
use support::{ACCUMULATORS, INPUTS, KERNELS, Point, blocks, pairwise, product};

/// An engine's design with a recorded run that agrees with the functional model.
struct Recorded {
    name: String,
    design: Design,
    recording: Recording,
}

fn jobs(spec: &EngineSpec, rng: &mut Rng) -> Vec<Block> {
    let count = if spec.head_dim < 64 { 5 } else { 3 };
    blocks(spec, rng, count, 9)
}

/// A pattern of the scale format, if the engine has a scale: also a negative one, 1 and 0.
fn scale(spec: &EngineSpec, rng: &mut Rng) -> Option<u64> {
    let value = [0.125, 1.0, -0.7, 0.0, 0.18, 1.44][rng.below(6) as usize];
    spec.dot.scale.map(|format| format.encode(value, &spec.policy))
}

impl Recorded {
    fn new(point: &Point, seed: u64) -> Recorded {
        let spec = point.spec();
        let (design, timing) = point.design(&spec);
        let name = format!("{} (seed {seed}, period {:?})", point.name(), timing.map(|t| t.period_ps));
        let mut rng = Rng::new(seed);
        let (blocks, scale) = (jobs(&spec, &mut rng), scale(&spec, &mut rng));
        let stalls = Stalls { q: 0.3, kv: 0.2, o: 0.4, i: 0.3, seed };
        let program = Program::compile(&design).unwrap();
        let (outcome, recording) = record(&spec, &program, &blocks, scale, stalls).unwrap();
        let expected: Vec<_> = blocks.iter().flat_map(|b| b.reference(&spec, scale)).collect();
        assert!(expected == outcome.rows, "{name}: the program differs from the functional model");
        Recorded { name, design, recording }
    }

    fn check(&self, engine: &dyn Engine) {
        if can_run(engine) {
            let found = engine.run(&self.design, &self.recording.inputs);
            let found = found.unwrap_or_else(|e| panic!("{} in {}: {e}", self.name, engine.name()));
            compare(&self.design, &self.recording.outputs, &found)
                .unwrap_or_else(|e| panic!("{} in {}: {e}", self.name, engine.name()));
        }
    }

    fn check_interpreted(&self) {
        self.check(&ProgramEngine { seed: Some(9) });
        self.check(&RustHdlEngine);
        self.check(&Icarus);
    }
}

/// The pairwise points of one kernel, linted and in every engine but Verilator.
fn check_kernel(kernel: usize) {
    for point in pairwise().iter().filter(|p| p.kernel == kernel) {
        let recorded = Recorded::new(point, 17 + point.dim as u64);
        recorded.check_interpreted();
        lint(&recorded.design);
    }
}

#[test]
fn fa2() {
    check_kernel(0);
}

#[test]
fn expmul_each() {
    check_kernel(1);
}

#[test]
fn expmul_score_first() {
    check_kernel(2);
}

#[test]
fn expmul_score_first_with_fraction_bits() {
    check_kernel(3);
}

#[test]
fn flash_d_lse() {
    check_kernel(4);
}

#[test]
fn flash_d_lse_with_skips() {
    check_kernel(5);
}

#[test]
fn flash_d() {
    check_kernel(6);
}

#[test]
fn flash_d_as_coarse_as_published() {
    check_kernel(7);
}

#[test]
fn fa2_base2() {
    check_kernel(8);
}

/// All kernels, dimensions, lanes, formats, accumulators, with and without a clock.
fn in_verilator() -> [Point; 5] {
    [(0, 0), (1, 1), (7, 0), (8, 2), (5, 3)].map(|(kernel, dim)| {
        pairwise().into_iter().find(|p| (p.kernel, p.dim) == (kernel, dim)).expect("a pairwise point")
    })
}

#[test]
fn verilator_small() {
    for i in 0..3 {
        Recorded::new(&in_verilator()[i], 23).check(&Verilator { seed: 5, ..Verilator::default() });
    }
}

#[test]
fn verilator_large() {
    for i in 3..5 {
        Recorded::new(&in_verilator()[i], 24).check(&Verilator { seed: 7, ..Verilator::default() });
    }
}

/// Every combination in every engine: hours. It runs with `FLASHRTL_NIGHTLY=1`.
#[test]
fn full_product() {
    if std::env::var("FLASHRTL_NIGHTLY").as_deref() != Ok("1") {
        eprintln!("SKIPPED: every combination in every simulator; FLASHRTL_NIGHTLY=1 runs them");
        return;
    }
    for (i, point) in product().iter().enumerate() {
        let recorded = Recorded::new(point, 1000 + i as u64);
        recorded.check_interpreted();
        recorded.check(&Verilator::default());
        lint(&recorded.design);
        eprintln!("{}: agrees", recorded.name);
    }
}

/// Whether every two values of two different properties occur together.
#[test]
fn the_selection_is_pairwise() {
    let values = |p: &Point| [p.kernel, p.dim, p.lanes, usize::from(p.timed), p.input, p.accumulator()];
    let sizes = [KERNELS.len(), 4, 2, 2, INPUTS.len(), ACCUMULATORS.len()];
    for (i, j) in (0..6).flat_map(|i| (0..i).map(move |j| (i, j))) {
        let met = |a: usize, b: usize| pairwise().iter().any(|p| values(p)[i] == a && values(p)[j] == b);
        assert!((0..sizes[i]).all(|a| (0..sizes[j]).all(|b| met(a, b))), "properties {i} and {j}");
    }
    let points = in_verilator();
    assert!((1..6).all(|i| (0..sizes[i]).all(|a| points.iter().any(|p| values(p)[i] == a))));
    assert!(points.iter().any(Point::has_scale) && !points.iter().all(Point::has_scale));
    for entry in attention::kernel::KERNELS {
        let is_met = points.iter().any(|p| p.spec().kernel.name() == entry.name);
        assert!(is_met, "kernel {} is in no engine", entry.name);
    }
    let all = product();
    assert!(pairwise().iter().all(|p| all.contains(p)));
    assert!((0..all.len()).all(|i| !all[..i].contains(&all[i])));
}

/// A comparison that finds nothing would pass everything: one wrong bit in a valid cycle is seen.
#[test]
fn a_wrong_bit_is_found() {
    let point = pairwise()[0];
    let mut recorded = Recorded::new(&point, 3);
    let outputs = &mut recorded.recording.outputs;
    let valid = outputs.port("o_valid").unwrap().values.iter().position(|&v| v == 1).unwrap();
    let d = point.spec().head_dim as usize;
    outputs.ports.iter_mut().find(|p| &*p.name == "o_data").unwrap().values[valid * d] ^= 1;
    let found = ProgramEngine::default().run(&recorded.design, &recorded.recording.inputs).unwrap();
    let mismatch = compare(&recorded.design, &outputs.clone(), &found).unwrap_err();
    assert_eq!((mismatch.cycle, &*mismatch.port), (valid, "o_data"));
}

/// The recorded outputs carry exactly the rows of the functional model, under the handshake.
#[test]
fn the_recording_holds_the_results() {
    let spec = pairwise()[5].spec();
    let (design, _) = pairwise()[5].design(&spec);
    let mut rng = Rng::new(4);
    let (blocks, scale) = (jobs(&spec, &mut rng), scale(&spec, &mut rng));
    let program = Program::compile(&design).unwrap();
    let stalls = Stalls { o: 0.5, ..Stalls::default() };
    let (outcome, Recording { inputs, outputs }) =
        simulate::record(&spec, &program, &blocks, scale, stalls).unwrap();
    let at = |trace: &sim::Trace, port: &str, cycle| trace.port(port).unwrap().at(cycle).to_vec();
    let taken = |&c: &usize| at(&outputs, "o_valid", c) == [1] && at(&inputs, "o_ready", c) == [1];
    let rows: Vec<Vec<u64>> = (0..outputs.cycles).filter(taken).map(|c| at(&outputs, "o_data", c)).collect();
    assert_eq!(rows, outcome.rows.iter().map(|r| r.row.clone()).collect::<Vec<_>>());
}
