//! Generated designs as rust-hdl blocks: the same values, the same clocking, and rust-hdl's checks.

mod common;

use common::{Machine, PORTS, Random, Values, cases, machine, pattern, stimulus, words, zoo};
use hdl::rust_hdl::{Bridge, ModuleBlock, check};
use hdl::verilog::Header;
use hdl::{Design, Kind, Module, ModuleBuilder, NodeId, Op, Reset, ResetKind, Signal, Type, elaborate};
use rust_hdl::core::check_error::CheckError;
use rust_hdl::prelude::{Block, TopWrap, check_all, generate_verilog_unchecked};
use std::sync::Arc;

fn drive(block: &mut ModuleBlock, name: &str, value: u128) {
    let (id, bits) = block.module().port(name).map(|(id, p)| (id, p.ty.bits())).unwrap();
    block.drive(id, &words(value, bits));
}

fn read(block: &ModuleBlock, name: &str) -> u128 {
    pattern(block.value(block.module().port(name).unwrap().0))
}

#[test]
fn every_operation_under_rust_hdl() {
    let mut block = Bridge::new(&zoo()).block();
    let mut random = Random(0xb10c);
    for _ in 0..100 {
        let values = stimulus(&mut random);
        for ((name, _), value) in PORTS.iter().zip(values) {
            drive(&mut block, name, value);
        }
        block.settle().unwrap();
        let integers = Values::new(&values);
        for case in cases() {
            let name = format!("y_{}", case.name);
            let bits = block.module().port(&name).unwrap().1.ty.bits();
            let expected = (case.expect)(&integers) as u128 & u128::MAX >> (128 - bits);
            assert_eq!(read(&block, &name), expected, "{name}");
        }
    }
}

/// Runs the machine next to its model; `reset` says in which cycles the reset is asserted.
fn run_machine(style: Reset, reset: impl Fn(u32) -> bool) {
    let mut block = Bridge::new(&machine(style)).block();
    let mut model = Machine::new();
    let mut random = Random(0x57a7e);
    for cycle in 0..300 {
        let [x, en, addr, we] = [8, 1, 2, 1].map(|bits| random.pattern(bits));
        for (name, value) in [("x", x), ("en", en), ("addr", addr), ("we", we)] {
            drive(&mut block, name, value);
        }
        block.drive_reset(reset(cycle));
        block.settle().unwrap();
        if reset(cycle) && style.kind == ResetKind::Async {
            model.reset();
        }
        let names = ["acc", "nested", "next", "total", "slot", "slot0", "tile"];
        let found = names.map(|name| read(&block, name));
        assert_eq!(found, model.outputs(x as u8, addr as usize), "cycle {cycle}: {names:?}");
        for level in [true, false] {
            block.drive_clock(level);
            block.settle().unwrap();
        }
        model.clock(x as u8, en == 1, addr as usize, we == 1, reset(cycle));
    }
}

#[test]
fn state_at_every_level_of_the_hierarchy() {
    run_machine(Reset::default(), |_| false);
}

#[test]
fn every_reset_style() {
    for kind in [ResetKind::Sync, ResetKind::Async] {
        for active_low in [false, true] {
            run_machine(Reset { kind, active_low }, |cycle| cycle < 2 || cycle % 37 < 2);
        }
    }
}

#[test]
fn good_designs_pass_the_gate() {
    for design in [zoo(), machine(Reset::default())] {
        check(&design).unwrap();
        let mut whole = Bridge::new(&design).block();
        whole.connect_all();
        check_all(&whole).unwrap();
    }
}

// ---- seeded faults, which validation would refuse: the finished graph is changed under its feet ----

/// Changes the module whose name begins so.
fn edit(design: &Design, module: &str, change: impl FnOnce(&mut Module)) -> Design {
    let mut design = design.clone();
    let at = design.modules.iter().position(|m| m.name.starts_with(module)).unwrap();
    change(Arc::make_mut(&mut design.modules[at]));
    design
}

/// rust-hdl's own verdict on the whole design.
fn verdict(design: &Design) -> CheckError {
    let mut block = Bridge::new(design).block();
    block.connect_all();
    check_all(&block).unwrap_err()
}

fn find_op(module: &Module, test: impl Fn(&Op) -> bool) -> NodeId {
    NodeId(module.nodes.iter().position(|n| test(&n.op)).unwrap() as u32)
}

/// A module of which wire `w` follows `a` and feeds `y`, through the operation given.
fn wired(through: for<'b> fn(&'b ModuleBuilder, Signal<'b>, Signal<'b>) -> Signal<'b>) -> Design {
    elaborate("wired", "y = f(w, a), w = a", None, Reset::default(), |m| {
        let a = m.input("a", Type::unsigned(4));
        let w = m.wire("w", Type::unsigned(4));
        m.drive(w, a);
        m.output("y", through(m, w, a));
    })
    .unwrap()
}

fn child<'m>(_: &'m ModuleBuilder, inputs: &[Signal<'m>]) -> hdl::Outputs<'m> {
    vec![("y", !inputs[0])]
}

#[test]
fn a_seeded_combinational_loop_is_caught() {
    let designs = [
        wired(|_, w, a| w ^ a),
        wired(|_, w, a| w.bit(0).mux(a, !a)),
        wired(|_, w, a| a.bit(0).mux(a, w)),
        wired(|_, w, _| w.table(&[3, 2, 1], 4)),
        wired(|_, w, _| w.lzc().extend(4)),
        wired(|_, w, _| w.shr(w)),
        wired(|m, w, _| m.concat(&[w.bit(0), w.slice(3, 1)])),
        wired(|m, w, _| m.call("not", Kind { name: "not4", doc: "" }, &[("a", w)], child)[0]),
    ];
    for design in designs {
        check(&design).unwrap();
        let looped = edit(&design, "wired", |module| {
            let y = module.port("y").unwrap().1.node;
            let wire = find_op(module, |op| matches!(op, Op::Wire(_)));
            module.nodes[wire.index()].op = Op::Wire(Some(y));
        });
        assert!(matches!(verdict(&looped), CheckError::LogicLoops(_)), "{:?}", verdict(&looped));
        let error = check(&looped).unwrap_err().to_string();
        assert!(error.starts_with("wired: `") && error.contains("combinational loop"), "{error}");
    }
}

#[test]
fn a_loop_through_a_register_is_none() {
    let design = elaborate("count", "counts", None, Reset::default(), |m| {
        let q = m.register("q", Type::unsigned(4)).reset(0);
        q.set((q.q + m.lit(1, 1)).truncate(4));
        m.output("y", q.q);
    });
    check(&design.unwrap()).unwrap();
}

#[test]
fn a_seeded_write_to_an_input_is_caught() {
    let design = wired(|_, w, a| w ^ a);
    let written = edit(&design, "wired", |module| {
        let y = module.port("y").unwrap().1.node;
        let a = module.port("a").unwrap().0;
        module.ports[a.index()].node = y;
    });
    assert!(matches!(verdict(&written), CheckError::WritesToInputs(_)), "{:?}", verdict(&written));
    let error = check(&written).unwrap_err().to_string();
    assert_eq!(error, "wired: `a` is an input and is written inside the module (rust-hdl check)");
}

#[test]
fn open_connections_are_caught() {
    let undriven = edit(&wired(|_, w, a| w ^ a), "wired", |module| {
        let wire = find_op(module, |op| matches!(op, Op::Wire(_)));
        module.nodes[wire.index()].op = Op::Wire(None);
    });
    let open = edit(&machine(Reset::default()), "machine", |module| module.instances[1].inputs.clear());
    let mut stage = String::new();
    let idle = edit(&machine(Reset::default()), "stage", |module| {
        stage = module.name.to_string();
        module.registers[0].next = None;
    });
    for (design, message) in [
        (undriven, "wired: `w`"),
        (open, "machine: `u_lane.0.d`, `u_lane.1.d`, `u_lane.2.d`"),
        (idle, &format!("{stage}: `q.r0.q`")),
    ] {
        let message = format!("{message} is not connected (rust-hdl check)");
        assert_eq!(check(&design).unwrap_err().to_string(), message);
    }
}

// ---- Verilog ----

#[test]
fn each_kind_is_printed_once() {
    let design = machine(Reset::default());
    let bridge = Bridge::new(&design);
    let mut top = TopWrap::new([bridge.block(), bridge.block()]);
    top.connect_all();
    bridge.emit(&Header::default());
    let text = generate_verilog_unchecked(&top);
    for module in &design.modules {
        let name = &module.name;
        let count = text.matches(&format!("\nmodule {name} (")).count();
        assert_eq!(count, 1, "{name} in\n{text}");
    }
    assert!(text.contains("machine uut$0(") && text.contains("machine uut$1("), "{text}");
    assert!(text.contains(".clk(uut$0$clk)") && text.contains(".next(uut$1$next)"), "{text}");
}
