//! The longest stage of a design under a delay model.

use hdl::{Curve, DelayModel, Design, Kind, OpKind, Reset, Signal, Timing, Type, each, elaborate};
use std::collections::BTreeMap;
use std::sync::Arc;

/// 100 ps to leave a register, 50 ps to enter one, 300 ps an addition, 40 ps with a constant, 20 ps a selection, 7 ps
/// per doubling of the copies of an array.
fn model() -> DelayModel {
    let flat = |base| Curve { base, ..Curve::default() };
    let ops = BTreeMap::from([
        (OpKind::Add, flat(300.0)),
        (OpKind::AddConst, flat(40.0)),
        (OpKind::Mux, flat(20.0)),
        (OpKind::Read, flat(110.0)),
        (OpKind::Fanout, Curve { log_n: 7.0, ..Curve::default() }),
    ]);
    DelayModel { clk_to_q: 100.0, setup: 50.0, ops }
}

fn registered<'b>(b: &'b hdl::ModuleBuilder, name: &str, value: Signal<'b>) -> Signal<'b> {
    let register = b.register(name, value.ty());
    register.set(value);
    register.q
}

fn untimed(body: impl FnOnce(&hdl::ModuleBuilder)) -> Design {
    elaborate("top", "", None, Reset::default(), body).unwrap()
}

/// The longest stage, and the register at its end; of modules below the top without the hash in their names.
fn longest(design: &Design) -> (f64, String) {
    let stage = design.longest_stage(&model()).unwrap();
    let module = stage.module.split('_').next().unwrap();
    (stage.delay_ps, format!("{module}.{}", stage.register))
}

#[test]
fn it_is_the_longest_path_and_says_where_that_ends() {
    let design = untimed(|b| {
        let [a, c] =
            ["a", "c"].map(|name| registered(b, name, b.input(&format!("{name}_in"), Type::unsigned(8))));
        let short = registered(b, "short", a + c);
        let long = registered(b, "long", (short + short) + b.lit(3, 10));
        b.output("y", long);
    });
    assert_eq!(longest(&design), (100.0 + 300.0 + 40.0 + 50.0, "top.long".into()));
}

#[test]
fn without_registers_that_follow_each_other_there_is_none() {
    let design = untimed(|b| {
        let a = b.input("a", Type::unsigned(8));
        b.output("y", registered(b, "q", a + a));
    });
    assert_eq!(design.longest_stage(&model()), None);
}

/// Into an instance, through one, and out of one; broadcast to four copies.
#[test]
fn paths_cross_instances() {
    let kind = Kind { name: "part", doc: "y = x + 1, kept; z = x + x" };
    let design = untimed(|b| {
        let a = registered(b, "a", b.input("a_in", Type::unsigned(8)));
        let parts = b.call_array("part", 4, kind, &[("x", a.into())], |m, x| {
            let kept = registered(m, "kept", x[0] + m.lit(1, 8));
            vec![("y", kept), ("z", x[0] + x[0])]
        });
        b.output("y", parts[0]);
        b.output("z", registered(b, "z_q", parts[1]));
    });
    assert_eq!(longest(&design), (100.0 + 14.0 + 300.0 + 50.0, "top.z_q".into()));
    let design = untimed(|b| {
        let a = registered(b, "a", b.input("a_in", Type::unsigned(8)).broadcast(4));
        let y = b.call_array("part", 4, kind, &[("x", each(a))], |m, x| {
            vec![("y", registered(m, "kept", x[0] + x[0]))]
        });
        b.output("y", y[0]);
    });
    assert_eq!(longest(&design), (100.0 + 300.0 + 50.0, "part.kept".into()));
}

/// An output that comes back to another input of the same instance is no loop.
#[test]
fn outputs_are_followed_one_by_one() {
    let kind = Kind { name: "pair", doc: "y = x + x; w = kept v" };
    let design = untimed(|b| {
        let a = registered(b, "a", b.input("a_in", Type::unsigned(8)));
        let back = b.wire("back", Type::unsigned(9));
        let pair = b.call("pair", kind, &[("x", a), ("v", back)], |m, x| {
            vec![("y", x[0] + x[0]), ("w", registered(m, "kept", x[1]))]
        });
        b.drive(back, pair[0]);
        b.output("w", pair[1]);
    });
    assert_eq!(longest(&design), (450.0, "pair.kept".into()));
}

#[test]
fn register_files_are_read_and_written_in_a_stage() {
    let design = untimed(|b| {
        let [at, data] = [("at", 2), ("data", 8)]
            .map(|(name, width)| registered(b, name, b.input(&format!("{name}_in"), Type::unsigned(width))));
        let file = b.file("f", 4, Type::unsigned(8));
        file.write(at, (data + data).truncate(8), b.input("we", Type::unsigned(1)));
        b.output("y", registered(b, "y_q", file.read(at)));
    });
    assert_eq!(longest(&design), (100.0 + 300.0 + 20.0 + 50.0, "top.f".into()));
}

/// What the pipelining cut to the period fits the period, whatever the period.
#[test]
fn no_stage_of_a_pipeline_is_longer_than_the_period() {
    for period_ps in [480.0, 500.0, 820.0, 1500.0] {
        let timing = Timing { period_ps, model: Arc::new(model()) };
        let design = elaborate("chain", "", Some(timing), Reset::default(), |b| {
            let kind = Kind { name: "inc", doc: "y = x + x" };
            let mut x = b.input("x", Type::unsigned(8));
            for i in 0..12 {
                let twice = b
                    .call(&format!("u{i}"), kind, &[("x", x)], |_, x| vec![("y", (x[0] + x[0]).truncate(8))]);
                x = (twice[0] + b.lit(1, 8)).truncate(8);
            }
            b.output("y", x);
        })
        .unwrap();
        let longest = design.longest_stage(&model()).unwrap().delay_ps;
        assert!(longest <= period_ps && longest > 0.5 * period_ps, "{longest} ps at {period_ps} ps");
    }
}

/// A model without curves for constants prices them like variables.
#[test]
fn the_general_kind_stands_in_where_a_model_has_no_curve() {
    let mut general = model();
    general.ops.remove(&OpKind::AddConst);
    let design = untimed(|b| {
        let a = registered(b, "a", b.input("a_in", Type::unsigned(8)));
        b.output("y", registered(b, "y_q", a + b.lit(1, 8)));
    });
    let delay = |model| design.longest_stage(model).unwrap().delay_ps;
    assert_eq!((delay(&model()), delay(&general)), (190.0, 450.0));
}
