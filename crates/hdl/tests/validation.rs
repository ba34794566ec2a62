//! Graphs that are no circuits are refused with the name of what is wrong; bits are never lost silently.

use hdl::{Design, Error, Reset, Type, elaborate};
use std::panic::catch_unwind;

fn build(body: impl FnOnce(&hdl::ModuleBuilder)) -> Result<Design, Error> {
    elaborate("m", "", None, Reset::default(), body)
}

fn message(body: impl FnOnce(&hdl::ModuleBuilder)) -> String {
    build(body).unwrap_err().to_string()
}

#[test]
fn a_combinational_loop_is_named() {
    let text = message(|b| {
        let w = b.wire("w", Type::unsigned(1));
        let a = b.input("a", Type::unsigned(1));
        let x = (w & a).named("x");
        b.drive(w, !x);
        b.output("y", x);
    });
    assert!(text.starts_with("m: combinational loop through"), "{text}");
    assert!(text.contains("`x`") && text.contains("`w`"), "{text}");
}

#[test]
fn a_loop_through_a_register_is_none() {
    build(|b| {
        let r = b.register("r", Type::unsigned(4));
        r.set((r.q + b.lit(1, 1)).truncate(4));
        b.output("y", r.q);
    })
    .unwrap();
}

#[test]
fn a_loop_through_an_instance_is_found_and_one_around_its_register_is_none() {
    let around = |registered: bool| {
        build(|b| {
            let w = b.wire("w", Type::unsigned(1));
            let kind = hdl::Kind { name: "not", doc: "" };
            let y = b.call("inv", kind, &[("x", w)], |m, x| {
                m.explicit();
                let y = !x[0];
                let r = m.register("r", y.ty());
                r.set(y);
                vec![("y", if registered { r.q } else { y })]
            });
            b.drive(w, y[0]);
            b.output("y", y[0]);
        })
    };
    assert!(around(true).is_ok());
    assert!(around(false).unwrap_err().to_string().contains("combinational loop"));
}

#[test]
fn what_is_never_driven_is_named() {
    let text = message(|b| b.output("y", b.register("r", Type::unsigned(4)).q));
    assert_eq!(text, "m: register `r` is never driven");
    let text = message(|b| b.output("y", b.wire("w", Type::unsigned(4))));
    assert_eq!(text, "m: `w` is never driven");
    let text = message(|b| {
        let addr = b.input("a", Type::unsigned(2));
        b.output("y", b.file("f", 4, Type::unsigned(8)).read(addr));
    });
    assert_eq!(text, "m: register file `f` is never driven");
}

#[test]
fn a_qualifier_must_be_a_one_bit_output() {
    let text = message(|b| b.output_when("y", b.input("a", Type::unsigned(4)), "valid"));
    assert_eq!(text, "m: output `y` is qualified by `valid`, which is no 1-bit output");
}

#[test]
fn widths_grow_and_are_cut_only_by_name() {
    let types = build(|b| {
        let [a, c] = ["a", "c"].map(|n| b.input(n, Type::unsigned(8)));
        let [s, t] = ["s", "t"].map(|n| b.input(n, Type::signed(5)));
        let rows = [
            ("sum", a + c, Type::unsigned(9)),
            ("difference", a - c, Type::signed(9)),
            ("product", a * c, Type::unsigned(16)),
            ("signed_sum", s + t, Type::signed(6)),
            ("signed_product", s * t, Type::signed(10)),
            ("negated", -a, Type::signed(9)),
            ("shifted", a.shl_const(3), Type::unsigned(11)),
            ("as_signed", a.to_signed(), Type::signed(9)),
            ("zeros", a.lzc(), Type::unsigned(4)),
        ];
        for (name, signal, ty) in rows {
            assert_eq!(signal.ty(), ty, "{name}");
            b.output(name, signal);
        }
    });
    types.unwrap();
}

#[test]
fn misuse_panics_at_the_caller() {
    type Misuse = fn(&hdl::ModuleBuilder);
    let misuses: [(&str, Misuse); 6] = [
        ("mixed signs", |b| {
            let _ = b.input("a", Type::unsigned(4)) + b.input("s", Type::signed(4));
        }),
        ("bitwise of two widths", |b| {
            let _ = b.input("a", Type::unsigned(4)) & b.input("c", Type::unsigned(5));
        }),
        ("65-bit product", |b| {
            let _ = b.input("a", Type::unsigned(40)) * b.input("c", Type::unsigned(25));
        }),
        ("constant too wide", |b| {
            b.lit(16, 4);
        }),
        ("slice beyond the top", |b| {
            b.input("a", Type::unsigned(4)).bit(4);
        }),
        ("register of another type", |b| {
            b.register("r", Type::unsigned(4)).set(b.lit(0, 5));
        }),
    ];
    for (name, misuse) in misuses {
        assert!(catch_unwind(|| build(misuse)).is_err(), "{name} was accepted");
    }
}

#[test]
fn what_nobody_reads_is_gone() {
    let design = build(|b| {
        let a = b.input("a", Type::unsigned(8));
        let unread = b.register("unread", a.ty());
        unread.set(a);
        let _ = (a * a) + a;
        b.output("y", a);
    })
    .unwrap();
    assert_eq!((design.top().nodes.len(), design.top().registers.len()), (1, 0));
}

#[test]
fn elaboration_order_decides_nothing() {
    let design = || {
        build(|b| {
            let a = b.input("a", Type::unsigned(8));
            let kind = |name| hdl::Kind { name, doc: "" };
            let x = b.call("x", kind("inc"), &[("x", a)], |m, x| vec![("y", x[0] + m.lit(1, 1))]);
            let y = b.call("y", kind("dec"), &[("x", a)], |m, x| vec![("y", x[0] - m.lit(1, 1))]);
            b.output("s", x[0].to_signed() + y[0]);
        })
        .unwrap()
    };
    let modules = |d: Design| d.modules.iter().map(|m| hdl::Module::clone(m)).collect::<Vec<_>>();
    assert_eq!(modules(design()), modules(design()));
}

/// An output register stage on a channel, its valid kept, or passed on within the cycle that ready comes.
fn stage(through: bool) -> Design {
    build(|b| {
        let [valid, ready, data] = [("in_valid", 1), ("o_ready", 1), ("data", 8)]
            .map(|(name, width)| b.input(name, Type::unsigned(width)));
        let held = b.register("held", data.ty()).enable(ready);
        held.set(data);
        let full = b.register("full", valid.ty()).reset(0).enable(ready);
        full.set(valid);
        b.output("o_valid", if through { full.q & ready } else { full.q });
        b.output_when("o_data", held.q, "o_valid");
        b.output("in_ready", ready);
    })
    .unwrap()
}

#[test]
fn a_valid_that_follows_ready_is_refused() {
    hdl::check_handshakes(&stage(false)).unwrap();
    let text = hdl::check_handshakes(&stage(true)).unwrap_err().to_string();
    assert_eq!(text, "m: output `o_valid` depends on input `o_ready` within a cycle");
}

#[test]
fn channels_are_found_by_name() {
    let design = stage(false);
    let [channel] = &hdl::channels(design.top())[..] else { panic!("one channel") };
    assert_eq!([&*channel.valid.name, &*channel.ready.name], ["o_valid", "o_ready"]);
    assert_eq!(channel.payload.iter().map(|port| &*port.name).collect::<Vec<_>>(), ["o_data"]);
}
