//! The netlist simulator on netlists small enough to follow by hand.

mod support;

use flow::activity::{Program, Simulator, random};
use flow::netlist::Netlist;
use support::tiny;

fn program(body: &str) -> (Netlist, Program) {
    let netlist = Netlist::parse(
        &format!("module top(clk, a, b, y); input clk, a, b; output [1:0] y; {body} endmodule"),
        "top",
        &tiny(),
    );
    let netlist = netlist.unwrap();
    let program = Program::new(&netlist, &tiny(), "clk").unwrap();
    (netlist, program)
}

fn refused(body: &str) -> String {
    let text = format!("module top(clk, a, y); input clk, a; output y; wire n; {body} endmodule");
    let netlist = Netlist::parse(&text, "top", &tiny()).unwrap();
    Program::new(&netlist, &tiny(), "clk").err().expect("it must be refused").to_string()
}

/// Drives `a` and `b` with one bit per cycle in stimulus 0, all others staying 0; the two outputs of every cycle.
fn run<'p>(netlist: &Netlist, program: &'p Program, a: &[u64], b: &[u64]) -> (Vec<u64>, Simulator<'p>) {
    let net = |name: &str, bit: usize| netlist.port(name).unwrap().bits[bit];
    let mut simulator = Simulator::new(program, || 0);
    simulator.settle();
    simulator.clock();
    let mut cycle = |(a, b): (&u64, &u64)| {
        simulator.set(net("a", 0), *a);
        simulator.set(net("b", 0), *b);
        simulator.settle();
        simulator.count(1);
        let y = simulator.get(net("y", 1)) << 1 & 2 | simulator.get(net("y", 0)) & 1;
        simulator.clock();
        y
    };
    let outputs = a.iter().zip(b).map(&mut cycle).collect();
    (outputs, simulator)
}

fn toggles(netlist: &Netlist, simulator: Simulator<'_>, net: &str) -> u64 {
    let id = netlist.nets.iter().position(|n| n == net).unwrap_or_else(|| panic!("no net {net}"));
    simulator.activity(1).toggles[id]
}

#[test]
fn logic_follows_within_the_cycle_and_flip_flops_after_the_edge() {
    let (netlist, program) = program(
        "wire n; XOR2 g(.A(a), .B(b), .Y(n)); INV i(.A(n), .Y(y[0])); DFF f(.D(n), .CK(clk), .Q(y[1]));",
    );
    let (y, simulator) = run(&netlist, &program, &[0, 1, 1, 0, 0], &[0, 0, 1, 1, 0]);
    assert_eq!(y, [0b01, 0b00, 0b11, 0b00, 0b11]);
    // n: 0 0 1 0 1 0 counting the idle cycle before; the clock moves twice in each of five cycles.
    let activity = simulator.activity(1);
    let of = |name: &str| activity.toggles[netlist.nets.iter().position(|n| n == name).unwrap()];
    assert_eq!((of("n"), of("y[0]"), of("y[1]"), of("clk")), (4, 4, 3, 10));
    assert_eq!((activity.cycles, activity.stimuli), (5, 1));
    let data = activity.toggle_rate();
    assert!((data - (4 + 4 + 3 + of("a") + of("b")) as f64 / 25.0).abs() < 1e-12, "{data}");
}

#[test]
fn clear_and_preset_act_at_once_and_stay() {
    // The clock is inverted twice: by the cell and by the inverter in front of it.
    let (netlist, program) = program(
        "wire nc; INV i(.A(clk), .Y(nc)); DFFSRN f(.D(b), .CK(nc), .R(a), .S(1'b1), .Q(y[0]));
         INV j(.A(y[0]), .Y(y[1]));",
    );
    let (y, simulator) = run(&netlist, &program, &[1, 1, 0, 1, 1, 1], &[1, 0, 1, 1, 0, 0]);
    assert_eq!(y, [0b10, 0b01, 0b10, 0b10, 0b01, 0b10]);
    assert_eq!(toggles(&netlist, simulator, "nc"), 12);
}

#[test]
fn a_clock_gate_holds_what_is_behind_it() {
    let (netlist, program) = program(
        "wire g; ICG c(.CK(clk), .E(a), .GCK(g)); DFF f(.D(b), .CK(g), .Q(y[0])); DFF h(.D(b), .CK(clk), .QN(y[1]));",
    );
    let (y, simulator) = run(&netlist, &program, &[0, 1, 0, 0, 1, 0], &[1, 0, 1, 1, 1, 0]);
    // f takes b only in cycles with a = 1; h follows inverted.
    assert_eq!(y.iter().map(|y| y & 1).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 1]);
    assert_eq!(y.iter().map(|y| y >> 1).collect::<Vec<_>>(), [1, 0, 1, 0, 0, 0]);
    assert_eq!(toggles(&netlist, simulator, "g"), 4);
}

#[test]
fn what_cannot_be_simulated_is_refused_by_name() {
    let cases = [
        ("AND2 g(.A(clk), .B(a), .Y(y));", "the clock reaches `g` (AND2)"),
        ("LATCH l(.G(a), .D(a), .Q(y));", "`l` is a LATCH"),
        ("INV i(.A(n), .Y(y)); INV j(.A(y), .Y(n));", "the logic loops through"),
        ("INV i(.A(n), .Y(y));", "nothing drives net `n`"),
        ("INV i(.A(a), .Y(y)); INV j(.A(a), .Y(y)); assign n = a;", "net `y` has 2 drivers"),
        ("DFFSRN f(.D(a), .CK(clk), .R(a), .S(a), .Q(y)); assign n = a;", "`f` captures on the falling edge"),
        ("DFF f(.D(a), .CK(a), .Q(y)); assign n = a;", "`f` is not on the clock"),
    ];
    for (body, expected) in cases {
        let error = refused(body);
        assert!(error.contains(expected), "{body}\ngave {error}");
    }
}

#[test]
fn random_inputs_toggle_at_their_rate() {
    let (netlist, program) = program("XOR2 g(.A(a), .B(b), .Y(y[0])); DFF f(.D(y[0]), .CK(clk), .Q(y[1]));");
    let activity = random(&program, None, 0.1, 400, 1);
    let rate = |name: &str| {
        let net = netlist.nets.iter().position(|n| n == name).unwrap();
        activity.toggles[net] as f64 / activity.cycles as f64
    };
    assert_eq!(activity.cycles, 64 * 400);
    assert!((rate("a") - 0.1).abs() < 0.01, "{}", rate("a"));
    // An exclusive or moves when exactly one input does: 2 × 0.1 × 0.9.
    assert!((rate("y[0]") - 0.18).abs() < 0.01 && (rate("y[1]") - 0.18).abs() < 0.01);
}
