//! Lane operations per second of the compiled simulator, by vector unit and number of stimuli:
//! `cargo bench -p flashrtl-sim`. Ratios are to one stimulus on the baseline unit, measured in the same run.

use hdl::{Design, Kind, Reset, Type, each, elaborate};
use sim::{Program, VectorUnit};
use std::time::Instant;

const COPIES: u32 = 256;
const ROUNDS: usize = 8;

/// Copies of an element that multiplies, adds, shifts and selects, with a register after every round.
fn design() -> Design {
    elaborate("lanes", "synthetic load", None, Reset::default(), |b| {
        let vector = Type::unsigned(16).times(COPIES);
        let (x, y) = (b.input("x", vector), b.input("y", vector));
        let element = Kind { name: "element", doc: "multiply, add, shift, select, register" };
        let out = b.call_array("element", COPIES, element, &[("x", each(x)), ("y", each(y))], |b, inputs| {
            let (mut x, mut y) = (inputs[0], inputs[1]);
            for round in 0..ROUNDS {
                let product = x.low(12) * y.low(12);
                let sum = (product + x).truncate(24);
                let shifted = sum.shr(y.low(3));
                let larger = x.lt(y).mux(shifted, sum ^ product);
                let register = b.register(&format!("r{round}"), Type::unsigned(16));
                register.set(larger.low(16));
                (x, y) = (register.q, (x - y).low(16));
            }
            vec![("z", x ^ y)]
        });
        b.output("z", out[0]);
    })
    .expect("the load is a circuit")
}

/// Seconds per cycle: the best of several runs.
fn time(program: &Program, unit: VectorUnit, stimuli: usize) -> f64 {
    let mut sim = program.simulator_on(unit, stimuli);
    for (port, seed) in [("x", 0x9e37), ("y", 0x79b9)] {
        let port = program.input(port).expect("it is a port");
        let words: Vec<u64> = (0..u64::from(COPIES)).map(|i| ((i + 1) * seed) & 0xffff).collect();
        (0..stimuli).for_each(|s| sim.set(port, s, &words));
    }
    let cycles = 20_000 / stimuli;
    let run = |_| {
        let start = Instant::now();
        (0..cycles).for_each(|_| sim.step());
        start.elapsed().as_secs_f64() / cycles as f64
    };
    (0..7).map(run).fold(f64::MAX, f64::min)
}

fn main() {
    let program = Program::compile(&design()).expect("it compiles");
    let stats = program.stats();
    println!("{} instructions, {} lane operations a cycle", stats.instructions, stats.lane_operations);
    let mut baseline = None;
    for unit in VectorUnit::available() {
        for stimuli in [1, 4, 16] {
            let seconds = time(&program, unit, stimuli);
            let rate = stats.lane_operations as f64 * stimuli as f64 / seconds;
            let ratio = rate / *baseline.get_or_insert(rate);
            let unit = format!("{unit:?}");
            println!("{unit:<9} {stimuli:>2} stimuli: {:6.2} G lane operations/s, {ratio:.2}x", rate / 1e9);
        }
    }
}
