//! Power against sums by hand, and where it must double, stand still or vanish.

mod support;

use flow::activity::{Activity, Program, Simulator, random};
use flow::netlist::Netlist;
use flow::power::{Loads, Power, estimate, saif};
use std::collections::HashMap;
use support::tiny;

const MHZ: f64 = 100.0;
const SLEW: f64 = 0.1e-9;

/// A counter bit with an enable: q toggles when a = 1; y follows a ∧ q through two gates.
const COUNTER: &str = "module top(clk, a, y); input clk, a; output y; wire q, d, \\u_p.n , _0_;
    XOR2 x(.A(a), .B(q), .Y(d)); DFF f(.D(d), .CK(clk), .Q(q));
    AND2 g(.A(a), .B(q), .Y(_0_)); INV i(.A(_0_), .Y(\\u_p.n )); INV j(.A(\\u_p.n ), .Y(y));
  endmodule";

fn counter() -> Netlist {
    Netlist::parse(COUNTER, "top", &tiny()).unwrap()
}

/// Activity with `a` as given, cycle by cycle.
fn run(netlist: &Netlist, a: &[u64]) -> Activity {
    let program = Program::new(netlist, &tiny(), "clk").unwrap();
    let mut simulator = Simulator::new(&program, || 0);
    simulator.settle();
    simulator.clock();
    for a in a {
        simulator.set(netlist.port("a").unwrap().bits[0], *a);
        simulator.settle();
        simulator.count(1);
        simulator.clock();
    }
    simulator.activity(1)
}

fn power(netlist: &Netlist, a: &[u64]) -> Power {
    let loads = Loads::of_pins(netlist, &tiny(), SLEW);
    estimate(netlist, &tiny(), &run(netlist, a), &loads, MHZ, "test")
}

fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance * expected.abs(), "{what}: {found}, expected {expected}");
}

#[test]
fn a_sum_over_the_cells_by_hand() {
    // Ten cycles with a = 1. The bit before them is 0, so q = 0 1 0 1 0 1 0 1 0 1, d = ¬q, a ∧ q = q.
    let netlist = counter();
    let found = power(&netlist, &[1; 10]);
    // pJ over ten cycles of 10 ns, so that 1 pJ is 0.01 mW; ½·C·V² at 2 V is 2 pJ per pF.
    let milliwatt = |pj: f64| pj / (10.0 * 10e-9) * 1e-12 * 1e3;
    let clock = {
        let net = 10.0 * 2.0 * 2.0 * 0.01; // 10 pulses, two transitions, one clock pin
        let pin = 5.0 * (0.05 + 0.07) + 5.0 * (0.06 + 0.08); // half of the cycles D is 1
        net + pin
    };
    near(found.split.clock_mw, milliwatt(clock), 1e-9, "clock");
    let registers = {
        let data = 10.0 * (0.04 + 0.02) / 2.0; // d moves in every cycle (before: a = 0, d = 0), half of it while low
        let output = 5.0 * 0.4 + 4.0 * 0.5; // five rises, four falls
        let net = 9.0 * 2.0 * (0.01 + 0.02); // XOR2/B and AND2/B
        data + output + net
    };
    near(found.split.registers_mw, milliwatt(registers), 1e-9, "registers");
    let combinational = {
        // d: rises in cycle 0 because of a (q stays), then follows q: 0.2 pJ whatever moves; it drives DFF/D.
        let xor = 10.0 * (0.2 + 2.0 * 0.01);
        // a ∧ q follows q: nine transitions, all caused by B, 0.3 pJ; it drives an inverter. A moves once, to 1,
        // in cycle 0 while B = 0: 0.001 pJ.
        let and = 9.0 * (0.3 + 2.0 * 0.01) + 0.001;
        // The first inverter falls five times and rises four; at slew 0.1 ns and load 0.01 pF: 0.02 and 0.01 pJ.
        let first = 4.0 * 0.02 + 5.0 * 0.01 + 9.0 * 2.0 * 0.01;
        // The second drives a port, which has no capacitance here: extrapolated below 0.01 pF.
        let second = 5.0 * (0.02 - 0.001) + 4.0 * 0.01;
        xor + and + first + second
    };
    near(found.split.combinational_mw, milliwatt(combinational), 1e-9, "combinational");
    // nW: XOR2 6, DFF 10; AND2 9 while both are 1, else 5; each inverter 2 while its input is 1, else 4; half of the time each.
    let leakage = 6.0 + 10.0 + (9.0 + 5.0) / 2.0 + 3.0 + 3.0;
    near(found.split.leakage_mw, leakage * 1e-6, 1e-9, "leakage");
    near(found.total_mw, found.split.dynamic_mw() + found.split.leakage_mw, 1e-12, "total");
    // Five steps of two cycles each: the power of 20 ns.
    near(found.energy_pj(5), found.total_mw * 20.0, 1e-9, "energy of a step");
}

#[test]
fn parts_are_told_apart_by_name() {
    let found = power(&counter(), &[1; 10]);
    let cells = |path: &str| found.modules.iter().find(|m| m.path == path).map(|m| m.cells);
    // The AND drives a net without a name that only the inverter of u_p reads.
    assert_eq!((cells(""), cells("u_p")), (Some(3), Some(2)));
    let sum: f64 = found.modules.iter().map(|m| m.power.total_mw()).sum();
    near(sum, found.total_mw, 1e-12, "sum of the parts");
}

#[test]
fn twice_the_toggles_twice_the_data_power() {
    let netlist = counter();
    let enabled = |cycles: usize| [vec![1; cycles], vec![0; 128 - cycles]].concat();
    let (half, busy) = (power(&netlist, &enabled(64)), power(&netlist, &enabled(128)));
    let data = |p: &Power| p.split.registers_mw + p.split.combinational_mw;
    // The enable's own fall is in one of the two only.
    near(busy.toggle_rate / half.toggle_rate, 2.0, 0.03, "toggles");
    near(data(&busy) / data(&half), 2.0, 0.03, "data power");
}

#[test]
fn idle_costs_the_clock_and_leakage_only() {
    let idle = power(&counter(), &[0; 64]);
    assert_eq!((idle.split.registers_mw, idle.split.combinational_mw), (0.0, 0.0));
    let busy = power(&counter(), &[1; 64]);
    let fraction = idle.total_mw / busy.total_mw;
    assert!((0.1..0.4).contains(&fraction), "idle costs {fraction} of busy");
    near(idle.split.clock_mw, MHZ * 1e6 * (2.0 * 2.0 * 0.01 + 0.05 + 0.07) * 1e-12 * 1e3, 1e-9, "clock");
}

#[test]
fn behind_a_closed_clock_gate_nothing_is_spent() {
    let text = "module top(clk, a, y); input clk, a; output y; wire g;
        ICG c(.CK(clk), .E(a), .GCK(g)); DFF f(.D(1'b0), .CK(g), .Q(y)); endmodule";
    let netlist = Netlist::parse(text, "top", &tiny()).unwrap();
    let clock = |enable: u64| power(&netlist, &[enable; 32]).split.clock_mw;
    // The root net, and what the gate's clock pin takes while nothing passes; behind it net, the gate's output, and the
    // flip-flop's clock pin.
    let (root, shut) = (2.0 * 2.0 * 0.01, 0.02);
    let behind = 2.0 * 2.0 * 0.01 + 0.2 + 0.05 + 0.07;
    let milliwatt = |pj: f64| MHZ * 1e6 * pj * 1e-12 * 1e3;
    near(clock(0), milliwatt(root + shut), 1e-9, "closed");
    // The enable's one rise, in the first cycle, falls into either half of it: half of 0.8 pJ over 32 cycles.
    near(clock(1), milliwatt(root + behind + 0.4 / 32.0), 1e-9, "open");
}

#[test]
fn a_gated_clock_is_low_where_it_has_no_pulse() {
    // With d = ¬a the data pin moves whenever the enable does: 0.04 pJ while the clock is low, 0.02 pJ while it is high.
    // Its rises come with a = 0, without a pulse; its falls with a = 1, when the clock is high for half of the cycle.
    let text = "module top(clk, a, y); input clk, a; output y; wire g, d; INV i(.A(a), .Y(d));
        ICG c(.CK(clk), .E(a), .GCK(g)); DFF f(.D(d), .CK(g), .Q(y)); endmodule";
    let netlist = Netlist::parse(text, "top", &tiny()).unwrap();
    let found = power(&netlist, &[1, 0, 1, 0, 1, 0, 1, 0]);
    let pj = 4.0 * 0.04 + 4.0 * (0.04 + 0.02) / 2.0;
    near(found.split.registers_mw, MHZ * 1e6 * pj / 8.0 * 1e-12 * 1e3, 1e-9, "data pin");
}

/// What a SAIF file says of each pin, `scope/…/pin` to `[T0, T1, TC]`, and its duration: a reader of the few words that
/// such files consist of.
fn read_saif(text: &str) -> (HashMap<String, [u64; 3]>, u64) {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (mut path, mut depth, mut pins, mut duration) = (vec![], vec![], HashMap::new(), 0);
    for (i, word) in words.iter().enumerate() {
        let next = |n: usize| words.get(i + n).copied().unwrap_or("");
        let number = |n: usize| next(n).parse::<u64>().unwrap();
        match (*word, next(1)) {
            ("(", "INSTANCE") => path.push(next(2).replace('\\', "")),
            ("(", "DURATION") => duration = number(2),
            ("(", name) if next(2) == "(" && next(3) == "T0" => {
                assert_eq!((next(7), next(11)), ("T1", "TC"), "{name}");
                let pin = [&path[..], &[name.replace('\\', "")]].concat().join("/");
                assert_eq!(pins.insert(pin, [number(4), number(8), number(12)]), None, "{name} twice");
            }
            _ => (),
        }
        match *word {
            "(" => depth.push(next(1) == "INSTANCE"),
            ")" if depth.pop().expect("parentheses") => drop(path.pop()),
            _ => (),
        }
    }
    assert!(depth.is_empty() && path.is_empty(), "parentheses");
    (pins, duration)
}

#[test]
fn saif_says_of_every_pin_what_its_net_did() {
    let netlist = counter();
    let text = saif(&netlist, &tiny(), &run(&netlist, &[1, 1, 1, 0, 0, 0, 0, 0, 1, 1]), MHZ);
    let (pins, duration) = read_saif(&text);
    let cycle = 10_000_000; // femtoseconds
    assert_eq!(duration, 10 * cycle);
    // q = 0 1 0 1 1 1 1 1 1 0: toggles four times, is high in seven cycles.
    assert_eq!(pins["top/f/Q"], [3 * cycle, 7 * cycle, 4]);
    assert_eq!(pins["top/x/B"], pins["top/f/Q"]);
    assert_eq!(pins["top/f/CK"], [5 * cycle, 5 * cycle, 20]);
    // a was 0 before the first cycle.
    assert_eq!(pins["top/a"], [5 * cycle, 5 * cycle, 3]);
    // a ∧ q = 0 1 0 0 0 0 0 0 1 0.
    assert_eq!((pins["top/y"], pins["top/i/Y"]), ([8 * cycle, 2 * cycle, 4], [2 * cycle, 8 * cycle, 4]));
    assert_eq!(pins.len(), 3 + 3 + 3 + 3 + 2 + 2);
}

#[test]
fn saif_has_scopes_and_escaped_names() {
    let text = "module leaf(a, y); input [1:0] a; output y; AND2 g(.A(a[0]), .B(a[1]), .Y(y)); endmodule
        module top(a, y); input [1:0] a; output [1:0] y;
        leaf u(.a(a), .y(y[0])); INV \\v.w[3] (.A(a[0]), .Y(y[1])); leaf t(.a(a), .y()); endmodule";
    let netlist = Netlist::parse(text, "top", &tiny()).unwrap();
    let program = Program::new(&netlist, &tiny(), "clk").unwrap();
    let text = saif(&netlist, &tiny(), &random(&program, None, 0.5, 8, 1), MHZ);
    let (pins, _) = read_saif(&text);
    for pin in ["top/u/g/A", "top/t/g/Y", "top/v.w[3]/Y", "top/a[1]", "top/y[0]"] {
        assert!(pins.contains_key(pin), "{pin} is not in {text}");
    }
    assert!(
        text.contains("(INSTANCE v\\.w\\[3\\]\n") && text.matches("(INSTANCE u\n").count() == 1,
        "{text}"
    );
}
