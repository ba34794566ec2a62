//! Behaviour of the compiled simulator that random designs do not show.

use hdl::*;
use sim::{Engine, Program, ProgramEngine, Trace};

/// A running total with a two-stage pipeline and a register file that is written before it is read.
fn design() -> Design {
    elaborate("top", "running totals by slot", None, Reset::default(), |b| {
        let (valid, x) = (b.input("x_valid", Type::unsigned(1)), b.input("x", Type::signed(12)));
        let slot = b.register("slot", address(4)).reset(0).enable(valid);
        slot.set((slot.q + b.lit(1, 1)).truncate(2));
        let seen = b.register("seen", Type::unsigned(4)).reset(0);
        let mine =
            b.concat(&[slot.q.eq_const(3), slot.q.eq_const(2), slot.q.eq_const(1), slot.q.eq_const(0)]);
        seen.set(valid.mux(seen.q | mine, seen.q));
        let known = (seen.q & mine).reduce_or();
        let totals = b.file("totals", 4, Type::signed(32));
        let old = known.mux(totals.read(slot.q), b.lit_signed(0, 32));
        let total = (old + x.extend(32)).truncate(32);
        totals.write(slot.q, total, valid);
        let out_valid = b.register("out_valid", Type::unsigned(1)).reset(0);
        out_valid.set(valid);
        let out = b.register("out", Type::signed(32));
        out.set(total);
        b.output("valid", out_valid.q);
        b.output_when("total", out.q, "valid");
        b.output("x_again", x);
    })
    .unwrap()
}

fn stimulus(design: &Design, cycles: usize) -> Trace {
    let mut trace = Trace::new(design, Direction::Input);
    trace.cycles = cycles;
    trace.ports[0].values = (0..cycles as u64).map(|i| u64::from(i % 5 != 2)).collect();
    trace.ports[1].values = (0..cycles as u64).map(|i| (i * 977) & 0xfff).collect();
    trace
}

#[test]
fn arbitrary_initial_state_does_not_show() {
    let design = design();
    let stimulus = stimulus(&design, 100);
    let zeros = ProgramEngine { seed: None }.run(&design, &stimulus).unwrap();
    assert_eq!(zeros.cycles, 100);
    assert!(zeros.port("total").unwrap().values.iter().any(|&t| t > 0xffff_0000), "some totals are negative");
    for seed in 0..5 {
        let seeded = ProgramEngine { seed: Some(seed) }.run(&design, &stimulus).unwrap();
        sim::compare(&design, &zeros, &seeded).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
    // It does show where outputs do not count: in the first cycle, before anything is valid.
    let first = |seed| ProgramEngine { seed: Some(seed) }.run(&design, &stimulus).unwrap().ports[1].values[0];
    assert!((0..5).any(|seed| first(seed) != 0));
}

#[test]
fn reset_starts_again() {
    let design = design();
    let program = Program::compile(&design).unwrap();
    let (valid, x, total) =
        (program.input("x_valid").unwrap(), program.input("x").unwrap(), program.output("total").unwrap());
    let mut sim = program.simulator(1);
    sim.set1(valid, 0, 1);
    sim.set1(x, 0, 5);
    let mut totals = vec![];
    for _ in 0..3 {
        for _ in 0..9 {
            sim.step();
        }
        sim.eval();
        totals.push(sim.get1(total, 0));
        sim.reset();
    }
    assert_eq!(totals, [15, 15, 15]);
}

#[test]
fn outputs_stay_as_they_were_before_the_edge() {
    let design = design();
    let program = Program::compile(&design).unwrap();
    let (x, again) = (program.input("x").unwrap(), program.output("x_again").unwrap());
    let mut sim = program.simulator(2);
    sim.set1(x, 1, 0xabc);
    sim.step();
    sim.set1(x, 1, 0x123);
    assert_eq!((sim.get1(again, 0), sim.get1(again, 1)), (0, 0xabc));
    sim.eval();
    assert_eq!(sim.get1(again, 1), 0x123);
}

#[test]
fn a_clone_goes_its_own_way() {
    let design = design();
    let program = Program::compile(&design).unwrap();
    let (valid, x, total) =
        (program.input("x_valid").unwrap(), program.input("x").unwrap(), program.output("total").unwrap());
    let mut one = program.simulator(1);
    one.set1(valid, 0, 1);
    one.set1(x, 0, 7);
    (0..5).for_each(|_| one.step());
    let mut other = one.clone();
    other.set1(x, 0, 1);
    for sim in [&mut one, &mut other] {
        (0..4).for_each(|_| sim.step());
        sim.eval();
    }
    assert_eq!((one.get1(total, 0), other.get1(total, 0)), (21, 15));
}

#[test]
fn programs_and_simulators_go_to_other_threads() {
    fn sendable<T: Send>() {}
    fn shareable<T: Sync>() {}
    sendable::<sim::Simulator>();
    sendable::<Program>();
    shareable::<Program>();
}

#[test]
fn errors_name_the_port() {
    let program = Program::compile(&design()).unwrap();
    let error = program.input("y").unwrap_err().to_string();
    assert_eq!(error, "`top` has no input port `y`");
}

#[test]
fn common_operands_are_computed_once() {
    let design = elaborate("top", "a broadcast weight", None, Reset::default(), |b| {
        let (w, x) = (b.input("w", Type::unsigned(8)), b.input("x", Type::unsigned(8).times(64)));
        let kind = Kind { name: "scale", doc: "x times the square of w" };
        let out = b.call_array("scale", 64, kind, &[("w", w.into()), ("x", each(x))], |b, inputs| {
            let square = inputs[0] * inputs[0];
            let delayed = b.register("square", square.ty());
            delayed.set(square);
            vec![("y", inputs[1] * delayed.q)]
        });
        b.output("y", out[0]);
    })
    .unwrap();
    // One square and 64 products.
    let stats = Program::compile(&design).unwrap().stats();
    assert_eq!((stats.lane_operations, stats.state_bits), (65, 16));
}
