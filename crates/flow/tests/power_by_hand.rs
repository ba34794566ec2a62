//! Power of a small unit of osu018 cells against a sum over its cells that shares nothing with the program: the
//! Liberty file read as text, the nets followed in plain integers.

mod support;

use flow::activity::{Program, Simulator};
use flow::liberty::Library;
use flow::netlist::Netlist;
use flow::power::{Loads, estimate};

const MHZ: f64 = 100.0;
/// Slew of every pin, in the library's nanoseconds.
const SLEW: f64 = 0.1;
const BITS: usize = 4;
const CYCLES: usize = 200;

/// A counter of `a`: dᵢ = qᵢ ⊕ cᵢ, cᵢ₊₁ = qᵢ ∧ cᵢ, c₀ = a; y = ¬q₃.
fn counter() -> String {
    let mut text =
        "module top(clk, a, y); input clk, a; output y; wire [3:0] q, d; wire [4:0] c;\n".to_string();
    text += "assign c[0] = a; INVX1 n(.A(q[3]), .Y(y));\n";
    for i in 0..BITS {
        text += &format!("DFFPOSX1 f{i}(.D(d[{i}]), .CLK(clk), .Q(q[{i}]));\n");
        text += &format!("XOR2X1 x{i}(.A(q[{i}]), .B(c[{i}]), .Y(d[{i}]));\n");
        text += &format!("AND2X2 g{i}(.A(q[{i}]), .B(c[{i}]), .Y(c[{}]));\n", i + 1);
    }
    text + "endmodule\n"
}

/// The inputs: long runs and short ones.
fn input(cycle: usize) -> bool {
    cycle % 7 < 5 && cycle % 40 < 30
}

/// What is between the braces of the first group that begins so.
fn group<'t>(text: &'t str, head: &str) -> &'t str {
    let start = text.find(head).unwrap_or_else(|| panic!("no {head}"));
    let open = start + text[start..].find('{').unwrap();
    let mut depth = 0;
    for (at, c) in text[open..].char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 {
            return &text[open + 1..open + at];
        }
    }
    panic!("{head} does not end")
}

fn numbers(text: &str) -> Vec<f64> {
    text.split(|c: char| !(c.is_ascii_digit() || "+-.e".contains(c))).filter_map(|w| w.parse().ok()).collect()
}

/// The numbers in the parentheses after a word; none without the word.
fn list(text: &str, word: &str) -> Vec<f64> {
    let Some(at) = text.find(word) else { return vec![] };
    let rest = &text[at + word.len()..];
    numbers(&rest[..rest.find(')').unwrap()])
}

fn value(text: &str, word: &str) -> f64 {
    let at = text.find(word).unwrap_or_else(|| panic!("no {word}"));
    numbers(&text[at + word.len()..text[at..].find(';').unwrap() + at])[0]
}

/// Segment and place in it.
fn between(index: &[f64], x: f64) -> (usize, f64) {
    let i = (1..index.len() - 1).take_while(|i| index[*i] <= x).last().unwrap_or(0);
    (i, (x - index[i]) / (index[i + 1] - index[i]))
}

/// A table of energies at [`SLEW`]: over loads and slews, or over slews alone.
fn energy(power: &str, direction: &str, load: f64) -> f64 {
    let table = group(power, direction);
    let (first, second) = (list(table, "index_1"), list(table, "index_2"));
    let values = list(table, "values");
    if second.is_empty() {
        let (i, part) = between(&first, SLEW);
        return values[i] + part * (values[i + 1] - values[i]);
    }
    let (i, part) = between(&second, SLEW);
    let row = |j: usize| {
        let row = &values[j * second.len()..];
        row[i] + part * (row[i + 1] - row[i])
    };
    let (j, part) = between(&first, load);
    row(j) + part * (row(j + 1) - row(j))
}

/// The energy group of an output that an input causes.
fn caused<'t>(cell: &'t str, output: &str, by: &str) -> &'t str {
    let pin = group(cell, &format!("pin({output})"));
    let groups = pin.match_indices("internal_power()").map(|(at, _)| group(&pin[at..], "internal_power()"));
    let mut wanted = groups.filter(|g| g.contains(&format!("related_pin : \"{by}\"")));
    wanted.next().unwrap_or_else(|| panic!("no energy of {output} by {by}"))
}

fn direction(rises: bool) -> &'static str {
    if rises { "rise_power" } else { "fall_power" }
}

/// Picojoules of all cycles, and nanowatts of leakage.
fn by_hand(text: &str) -> (f64, f64) {
    let cell = |name: &str| group(text, &format!("cell ({name})"));
    let (flop, xor, and, inverter) = (cell("DFFPOSX1"), cell("XOR2X1"), cell("AND2X2"), cell("INVX1"));
    let load = |cell: &str, pin: &str| value(group(cell, &format!("pin({pin})")), "capacitance :");
    let volts = value(text, "nom_voltage :");
    let half_cv2 = |load: f64| 0.5 * load * volts * volts;
    let last = |i: usize| i == BITS - 1;
    let d_load = load(flop, "D");
    let q_load = |i: usize| load(xor, "A") + load(and, "A") + if last(i) { load(inverter, "A") } else { 0.0 };
    // The last carry goes nowhere.
    let carry_load = |i: usize| if last(i) { 0.0 } else { load(xor, "B") + load(and, "B") };
    let clock_load = BITS as f64 * load(flop, "CLK");
    let mean = |cell: &str, moved: [bool; 2], rises: bool, load: f64| {
        let each = ["A", "B"].iter().zip(moved).filter(|(_, moved)| *moved);
        let each: Vec<f64> =
            each.map(|(by, _)| energy(caused(cell, "Y", by), direction(rises), load)).collect();
        each.iter().sum::<f64>() / each.len() as f64
    };
    let clock_pin = group(flop, "pin(CLK)");
    let clock_pulse = 2.0 * half_cv2(clock_load)
        + BITS as f64 * (energy(clock_pin, "rise_power", 0.0) + energy(clock_pin, "fall_power", 0.0));
    // Bits q, d, and c with c₀ = a.
    let settle = |count: usize, a: bool| {
        let q: Vec<bool> = (0..BITS).map(|i| count >> i & 1 == 1).collect();
        let mut c = vec![a];
        (0..BITS).for_each(|i| c.push(c[i] && q[i]));
        let d: Vec<bool> = (0..BITS).map(|i| q[i] ^ c[i]).collect();
        (q, c, d)
    };
    let (mut count, mut total) = (0, 0.0);
    let mut before = settle(0, false);
    for cycle in 0..CYCLES {
        let now = settle(count, input(cycle));
        total += clock_pulse;
        for i in 0..BITS {
            let (q, c, d) = (now.0[i], now.1[i + 1], now.2[i]);
            let moved = [q != before.0[i], now.1[i] != before.1[i]];
            if moved[0] {
                total += half_cv2(q_load(i)) + energy(caused(flop, "Q", "CLK"), direction(q), q_load(i));
            }
            if moved[0] && last(i) {
                total += energy(caused(inverter, "Y", "A"), direction(!q), 0.0);
            }
            if c != before.1[i + 1] {
                total += half_cv2(carry_load(i)) + mean(and, moved, c, carry_load(i));
            }
            if d != before.2[i] {
                let pin = group(flop, "pin(D)");
                total += half_cv2(d_load) + mean(xor, moved, d, d_load) + energy(pin, direction(d), 0.0);
            }
        }
        count = (count + usize::from(input(cycle))) % (1 << BITS);
        before = now;
    }
    let leakage = |cell: &str| value(cell, "cell_leakage_power :");
    (total, BITS as f64 * (leakage(flop) + leakage(xor) + leakage(and)) + leakage(inverter))
}

#[test]
fn a_counter_of_osu018_cells_agrees_with_a_sum_by_hand() {
    let Some(path) = support::file_or_skip(support::OSU018, "qflow-tech-osu018") else { return };
    let library = Library::read(&path).unwrap();
    let netlist = Netlist::parse(&counter(), "top", &library).unwrap();
    let program = Program::new(&netlist, &library, "clk").unwrap();
    let mut simulator = Simulator::new(&program, || 0);
    simulator.settle();
    simulator.clock();
    for cycle in 0..CYCLES {
        simulator.set(netlist.port("a").unwrap().bits[0], u64::from(input(cycle)));
        simulator.settle();
        simulator.count(1);
        simulator.clock();
    }
    let loads = Loads::of_pins(&netlist, &library, SLEW * 1e-9);
    let found = estimate(&netlist, &library, &simulator.activity(1), &loads, MHZ, "");
    let (picojoule, nanowatt) = by_hand(&std::fs::read_to_string(&path).unwrap());
    let dynamic = picojoule * 1e-12 * MHZ * 1e6 / CYCLES as f64 * 1e3;
    let total = dynamic + nanowatt * 1e-6;
    println!("{} mW, by hand {total} mW", found.total_mw);
    assert!(
        dynamic > 0.1 && (found.total_mw / total - 1.0).abs() < 0.02,
        "{} mW, {total} by hand",
        found.total_mw
    );
    assert!((found.split.leakage_mw / (nanowatt * 1e-6) - 1.0).abs() < 1e-6);
}
