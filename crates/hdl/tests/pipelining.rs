//! Automatic pipelining: registers where the period asks for them, feedback within the interleave, precise errors.

use hdl::{
    Curve, DelayModel, Design, Error, Kind, OpKind, Reset, StateVar, Timing, Type, Update, Write, address,
    elaborate,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// 100 ps to leave a register, 50 ps to enter one, 300 ps an addition, 600 ps a multiplication, 20 ps a selection.
fn timing(period_ps: f64) -> Timing {
    let flat = |base| Curve { base, ..Curve::default() };
    let ops = BTreeMap::from([
        (OpKind::Add, flat(300.0)),
        (OpKind::Mul, flat(600.0)),
        (OpKind::Mux, flat(20.0)),
        (OpKind::Read, flat(100.0)),
    ]);
    Timing { period_ps, model: Arc::new(DelayModel { clk_to_q: 100.0, setup: 50.0, ops }) }
}

/// y = (a·b + c) + d
fn chain(period: Option<f64>) -> Result<Design, Error> {
    elaborate("chain", "y = a * b + c + d", period.map(timing), Reset::default(), |b| {
        let [a, x, c, d] = ["a", "b", "c", "d"].map(|n| b.input(n, Type::unsigned(8)));
        b.output("y", a * x + c + d);
    })
}

fn latency(design: &Design) -> u32 {
    design.top().latency()
}

#[test]
fn registers_appear_only_where_the_period_asks_for_them() {
    assert_eq!(latency(&chain(None).unwrap()), 0);
    // 100 + 600 + 300 + 300 + 50 = 1350 ps in one cycle
    assert_eq!(latency(&chain(Some(1350.0)).unwrap()), 0);
    assert_eq!(latency(&chain(Some(1349.0)).unwrap()), 1);
    assert_eq!(latency(&chain(Some(750.0)).unwrap()), 1);
}

#[test]
fn an_operation_longer_than_the_period_is_named() {
    assert_eq!(
        chain(Some(749.9)).unwrap_err().to_string(),
        "chain: mul of u8, u8 takes 750 ps with register overhead, more than the clock period of 749 ps; a clock of \
         1333 MHz or slower fits"
    );
}

#[test]
fn an_operand_of_an_earlier_cycle_is_delayed_once_for_all_its_readers() {
    let design = elaborate("share", "", Some(timing(760.0)), Reset::default(), |b| {
        let [a, c] = ["a", "c"].map(|n| b.input(n, Type::unsigned(8)));
        let product = a * a;
        b.output("x", product + c);
        b.output("y", product - c);
    })
    .unwrap();
    let names: Vec<&str> = design.top().registers.iter().map(|r| &*r.name).collect();
    assert_eq!(names.iter().filter(|n| **n == "c_s1").count(), 1, "{names:?}");
    assert_eq!(names.len(), 2, "{names:?}");
}

/// acc' = acc·a + b for the slot.
fn recurrence(period: Option<f64>, interleave: u32) -> Result<Design, Error> {
    elaborate("mac", "acc = acc * a + b", period.map(timing), Reset::default(), |m| {
        let slot = m.input("slot", address(interleave));
        let [a, x] = ["a", "b"].map(|n| m.input(n, Type::unsigned(8)));
        let en = m.input("en", Type::unsigned(1));
        let var = StateVar { name: "acc", interleave, ty: Type::unsigned(8) };
        let y = m.feedback(&[var], slot, &[a, x, en], |old, x| {
            let next = (old[0] * x[0] + x[1]).truncate(8);
            Update { writes: vec![Write { next, enable: x[2] }], out: next }
        });
        m.output("y", y);
    })
}

#[test]
fn a_recurrence_is_as_long_as_its_path_and_no_longer_than_the_interleave() {
    // registered state, one slot: 100 + 600 + 300 + 20 + 50 = 1070 ps
    let one = recurrence(Some(1070.0), 1).unwrap();
    assert_eq!((one.loops().next().unwrap().1.cycles, one.min_interleave()), (1, 1));
    let two = recurrence(Some(900.0), 2).unwrap();
    assert_eq!(two.min_interleave(), 2);
    assert_eq!(recurrence(None, 1).unwrap().min_interleave(), 1);
}

#[test]
fn a_recurrence_that_does_not_fit_says_by_how_much_and_what_would() {
    let error = recurrence(Some(1000.0), 1).unwrap_err();
    assert_eq!(error.needs_interleave(), Some(2));
    let text = error.to_string();
    assert!(
        text.starts_with("mac: the recurrence of `acc` needs 2 cycles but the interleave is 1"),
        "{text}"
    );
    assert!(text.contains("interleave = 2 fits, or a clock of"), "{text}");
    assert!(recurrence(Some(1000.0), 2).is_ok());
}

#[test]
fn one_kind_is_one_module_and_late_arrivals_get_a_variant_of_their_own() {
    let design = elaborate("two", "", Some(timing(1500.0)), Reset::default(), |b| {
        let a = b.input("a", Type::unsigned(8));
        let kind = Kind { name: "inc", doc: "y = x + 1" };
        let call = |name: &str, x| {
            b.call(name, kind, &[("x", x)], |m, x| vec![("y", (x[0] + m.lit(1, 1)).truncate(8))])[0]
        };
        let first = call("first", a);
        let again = call("again", a);
        let late = call("late", first);
        b.output("y", first ^ again ^ late);
    })
    .unwrap();
    let kinds: Vec<&str> = design.modules.iter().map(|m| &*m.name).collect();
    assert_eq!(kinds, ["inc", "inc_a4", "two"]);
    assert_eq!(design.copies(), [2, 1, 1]);
}

#[test]
fn a_late_input_belongs_to_the_cycle_of_its_first_use() {
    let design = elaborate("late", "", Some(timing(760.0)), Reset::default(), |b| {
        let [a, v] = ["a", "v"].map(|n| b.input(n, Type::unsigned(8)));
        let v = b.late(v);
        b.output("y", a * a + v);
    })
    .unwrap();
    assert_eq!(design.top().port("v").unwrap().1.cycle, 1);
    assert_eq!(design.top().registers.len(), 1, "only the product is registered");
}

#[test]
fn a_stable_input_is_never_delayed() {
    let design = elaborate("stable", "", Some(timing(760.0)), Reset::default(), |b| {
        let [a, v] = ["a", "v"].map(|n| b.input(n, Type::unsigned(8)));
        let v = b.stable(v);
        b.output("y", a * a + v);
    })
    .unwrap();
    assert!(design.top().port("v").unwrap().1.stable);
    assert_eq!(design.top().registers.len(), 1);
}

#[test]
fn the_delays_of_a_cleared_bit_are_reset() {
    let design = elaborate("valid", "", Some(timing(760.0)), Reset::default(), |b| {
        let a = b.input("a", Type::unsigned(8));
        let valid = b.cleared(b.input("valid", Type::unsigned(1)));
        let [y, valid] = b.align([a * a * a, valid]);
        b.output("y", y);
        b.output("y_valid", valid);
    })
    .unwrap();
    let resets = |name: &str| design.top().registers.iter().find(|r| &*r.name == name).unwrap().reset;
    assert_eq!((resets("valid_s1"), resets("mul_2_s1")), (Some(0), None));
    assert!(design.top().has_reset);
}
