//! Every operator against its reference, to the bit, in the compiled simulator: combinational and pipelined.

mod support;

use arith::operator::Case;
use arith::registry::{elaborate, find};
use hdl::{Design, Reset, Timing};
use numerics::catalog::{BF16, E4M3};
use std::collections::BTreeMap;
use support::{Unit, simulate, timing, units, variants};

/// At least so many cases of a unit whose operands are too many to try them all.
const MANY: usize = 100_000;
const SOME: usize = 8_000;

/// The clocks of a unit: none, slow, medium, and fast enough for several cycles of latency.
fn clocks() -> [Option<Timing>; 4] {
    [None, Some(timing(150.0)), Some(timing(400.0)), Some(timing(700.0))]
}

fn build(unit: &Unit, timing: Option<Timing>) -> Design {
    elaborate(unit.operator, &unit.params, timing, Reset::default())
        .unwrap_or_else(|e| panic!("{}: {e}", unit.name()))
}

fn check(unit: &Unit, design: &Design, cases: &[Case], expected: &[Vec<u64>]) {
    for ((case, expected), found) in cases.iter().zip(expected).zip(simulate(design, cases)) {
        assert!(*expected == found, "{} {case:x?}: expected {expected:x?}, found {found:x?}", unit.name());
    }
}

fn check_at_every_clock(unit: &Unit, count: usize) {
    let cases = unit.cases(count, 11);
    let expected: Vec<Vec<u64>> = cases.iter().map(|case| unit.reference(case)).collect();
    let mut latency = 0;
    for timing in clocks() {
        let design = build(unit, timing);
        check(unit, &design, &cases, &expected);
        assert!(design.top().latency() >= latency, "{}: a faster clock takes fewer cycles", unit.name());
        latency = design.top().latency();
    }
}

#[test]
fn e4m3_over_all_operands() {
    units(E4M3).iter().for_each(|unit| check_at_every_clock(unit, MANY));
}

#[test]
fn bf16_over_stratified_operands() {
    units(BF16).iter().for_each(|unit| check_at_every_clock(unit, MANY));
}

#[test]
fn options_in_e4m3() {
    variants(E4M3).iter().for_each(|unit| check_at_every_clock(unit, SOME));
}

#[test]
fn options_in_bf16() {
    variants(BF16).iter().for_each(|unit| check_at_every_clock(unit, SOME));
}

/// What takes longer than a period is pipelined, in all units with more to do than compare or round.
#[test]
fn a_fast_clock_takes_cycles() {
    for unit in units(BF16) {
        let latency = |mhz| build(&unit, Some(timing(mhz))).top().latency();
        let shallow = ["fp-max", "fp-convert"].contains(&unit.operator.name());
        assert_eq!(latency(1.0), 0, "{}", unit.name());
        assert!(shallow || latency(700.0) > 0, "{}: nothing was pipelined", unit.name());
    }
}

#[test]
fn every_operator_has_directed_cases_and_is_found_by_name() {
    for unit in [units(E4M3), units(BF16)].concat() {
        let (name, directed) = (unit.operator.name(), unit.operator.directed(&unit.params));
        assert!(directed.len() >= 20, "{name}: {} directed cases", directed.len());
        assert_eq!(find(name).unwrap().name(), name);
    }
    let error = find("fp-ad").err().unwrap();
    assert!(error.starts_with("unknown operator \"fp-ad\"; known: fp-add, "), "{error}");
}

/// Units of one module name are one module: whatever changes a result must be part of the name.
#[test]
fn the_kind_name_says_every_parameter() {
    let mut seen: BTreeMap<String, (Unit, Vec<Vec<u64>>)> = BTreeMap::new();
    for unit in [E4M3, BF16].into_iter().flat_map(|f| [units(f), variants(f)].concat()) {
        let results = |cases: &[Case]| cases.iter().map(|c| unit.reference(c)).collect::<Vec<_>>();
        let Some((other, expected)) = seen.get(&unit.operator.kind_name(&unit.params)) else {
            let expected = results(&unit.cases(500, 3));
            seen.insert(unit.operator.kind_name(&unit.params), (unit, expected));
            continue;
        };
        assert_eq!(results(&other.cases(500, 3)), *expected, "{} means two units", unit.name());
    }
}
