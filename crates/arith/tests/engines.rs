//! Every operator in every engine, to the bit, against its reference: all units side by side in one top, so that each
//! engine compiles once. A tool that is missing is skipped aloud; with `FLASHRTL_STRICT=1` it fails.

mod support;

use arith::operator::Case;
use hdl::{Design, Direction, Kind, Reset, Signal, Timing, elaborate};
use numerics::catalog::{BF16, E4M3};
use sim::{Engine, Icarus, PortTrace, ProgramEngine, RustHdlEngine, Trace, Verilator};
use support::lint::{can_run, lint};
use support::{Unit, timing, units, variants};

/// Cases of each unit in Verilator.
const MANY: usize = 100_000;
/// Cases of each unit of e4m3 with no vectors for operands: all pairs and the directed ones.
const PAIRS: usize = 75_000;
/// Cases of each unit in the interpreted engines.
const SOME: usize = 10_000;

/// All units side by side; the ports of unit 3 are `u3_…`, its outputs `u3_0` and so on.
fn side_by_side(units: &[Unit], timing: Option<Timing>) -> Design {
    let top = |b: &hdl::ModuleBuilder| {
        for (i, unit) in units.iter().enumerate() {
            let ports = unit.operator.inputs(&unit.params);
            let inputs: Vec<(&str, Signal<'_>)> =
                ports.iter().map(|&(name, ty)| (name, b.input(&format!("u{i}_{name}"), ty))).collect();
            let kind = Kind { name: &unit.operator.kind_name(&unit.params), doc: unit.operator.name() };
            let outputs =
                b.call(&format!("unit_{i}"), kind, &inputs, |m, x| unit.operator.build(m, &unit.params, x));
            outputs.iter().enumerate().for_each(|(k, &y)| b.output(&format!("u{i}_{k}"), y));
        }
    };
    elaborate("units", "every operator side by side", timing, Reset::default(), top).unwrap()
}

/// Units with a design of all of them, their cases, one per cycle, and the results.
struct Bench {
    units: Vec<Unit>,
    design: Design,
    cases: Vec<Vec<Case>>,
    count: usize,
}

impl Bench {
    fn new(units: Vec<Unit>, timing: Option<Timing>, count: usize) -> Bench {
        let design = side_by_side(&units, timing);
        let mut cases: Vec<Vec<Case>> = units.iter().map(|unit| unit.cases(count, 5)).collect();
        for (unit, cases) in units.iter().zip(&mut cases) {
            assert!(count < PAIRS || cases.len() == count, "{}: {} cases", unit.name(), cases.len());
            cases.truncate(count);
        }
        Bench { units, design, cases, count }
    }

    /// One case of every unit per cycle, then idle until the last result is out.
    fn stimulus(&self) -> Trace {
        let cycles = self.count + self.design.top().latency() as usize;
        let mut trace = Trace { cycles, ..Trace::new(&self.design, Direction::Input) };
        let mut ports = trace.ports.iter_mut();
        for (unit, cases) in self.units.iter().zip(&self.cases) {
            let inputs = unit.operator.inputs(&unit.params).len();
            for (input, port) in (0..inputs).zip(ports.by_ref()) {
                (0..cycles).for_each(|cycle| port.values.extend(&cases[cycle.min(self.count - 1)][input]));
            }
        }
        trace
    }

    /// Every result of every unit stands at its port, latency cycles after its operands.
    fn check(&self, engine: &str, found: &Trace) {
        for (i, (unit, cases)) in self.units.iter().zip(&self.cases).enumerate() {
            let ports: Vec<(&PortTrace, usize)> = (0..).map_while(|k| self.output(found, i, k)).collect();
            for (n, case) in cases.iter().enumerate() {
                for (&(port, late), expected) in ports.iter().zip(unit.reference(case)) {
                    let known = port.known.get(n + late).copied().unwrap_or(true);
                    let got = port.values[n + late];
                    let name = unit.name();
                    assert!(known, "{engine}, {name}{case:x?}: X in bits that should be {expected:x}");
                    assert!(
                        got == expected,
                        "{engine}, {name}{case:x?}: expected {expected:x}, found {got:x}"
                    );
                }
            }
            assert!(!ports.is_empty() && cases.len() == self.count);
        }
    }

    fn output<'t>(&self, found: &'t Trace, unit: usize, k: usize) -> Option<(&'t PortTrace, usize)> {
        let name = format!("u{unit}_{k}");
        let (_, port) = self.design.top().port(&name)?;
        Some((found.port(&name)?, port.cycle as usize))
    }

    fn run(&self, engine: &dyn Engine) {
        if can_run(engine) {
            self.check(engine.name(), &engine.run(&self.design, &self.stimulus()).unwrap());
        }
    }
}

fn defaults() -> Vec<Unit> {
    [units(E4M3), units(BF16)].concat()
}

fn all_variants() -> Vec<Unit> {
    [variants(E4M3), variants(BF16)].concat()
}

#[test]
fn units_in_verilator() {
    Bench::new(defaults(), Some(timing(500.0)), MANY).run(&Verilator::default());
}

#[test]
fn units_in_icarus() {
    Bench::new(defaults(), Some(timing(500.0)), SOME).run(&Icarus);
}

#[test]
fn e4m3_units_in_icarus() {
    let all: Vec<Unit> = units(E4M3).into_iter().filter(Unit::is_exhaustive).collect();
    Bench::new(all, None, PAIRS).run(&Icarus);
}

#[test]
fn units_in_rust_hdl() {
    Bench::new(defaults(), Some(timing(500.0)), SOME).run(&RustHdlEngine);
}

#[test]
fn e4m3_units_in_rust_hdl() {
    Bench::new(units(E4M3), None, PAIRS).run(&RustHdlEngine);
}

#[test]
fn options_in_all_engines() {
    for timing in [None, Some(timing(300.0))] {
        let bench = Bench::new(all_variants(), timing, 400);
        bench.run(&ProgramEngine { seed: Some(3) });
        bench.run(&RustHdlEngine);
        bench.run(&Icarus);
    }
}

#[test]
fn units_are_quiet() {
    lint(&side_by_side(&[defaults(), all_variants()].concat(), None));
    lint(&side_by_side(&defaults(), Some(timing(500.0))));
}
