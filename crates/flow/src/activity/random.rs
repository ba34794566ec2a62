//! Activity where nobody recorded any: random inputs, or none that move.

use super::{Activity, Program, Simulator};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Activity under random inputs: 64 stimuli over `cycles` clock cycles, each input bit toggling in a cycle with
/// probability `rate`. `reset` names the reset port and its asserted level; it is asserted for two cycles first.
/// Whoever reports a power that comes from this says so: it knows nothing of the workload.
pub fn random(
    program: &Program,
    reset: Option<(&str, bool)>,
    rate: f64,
    cycles: usize,
    seed: u64,
) -> Activity {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut simulator = Simulator::new(program, || 0);
    program.reset(&mut simulator, reset);
    let is_reset = |name: &str| reset.is_some_and(|(port, _)| port == name);
    let ports = program.ports.iter().filter(|p| p.input && !is_reset(&p.name));
    let inputs: Vec<u32> =
        ports.flat_map(|p| p.bits.clone()).filter(|&net| Some(net) != program.clock).collect();
    let mut words: Vec<u64> = inputs.iter().map(|_| random.next_u64()).collect();
    for _ in 0..cycles {
        for (net, word) in inputs.iter().zip(&mut words) {
            let flips = (0..64).fold(0, |flips, _| flips << 1 | u64::from(random.random_bool(rate)));
            *word ^= flips;
            simulator.set(*net, *word);
        }
        simulator.settle();
        simulator.count(u64::MAX);
        simulator.clock();
    }
    simulator.activity(64)
}

/// Cycles in which what is under way comes to rest, and cycles that are counted then.
const IDLE_CYCLES: usize = 64;

/// Activity of a netlist that rests: after the reset all inputs stay 0, and only the clock moves.
pub fn idle(program: &Program, reset: Option<(&str, bool)>) -> Activity {
    let mut simulator = Simulator::new(program, || 0);
    program.reset(&mut simulator, reset);
    for cycle in 0..2 * IDLE_CYCLES {
        simulator.settle();
        if cycle >= IDLE_CYCLES {
            simulator.count(u64::MAX);
        }
        simulator.clock();
    }
    simulator.activity(64)
}

impl Program {
    /// Two clock cycles with the reset asserted and all other inputs at 0, not counted; then it is deasserted.
    pub(super) fn reset(&self, simulator: &mut Simulator<'_>, reset: Option<(&str, bool)>) {
        let port = reset.and_then(|(name, level)| Some((self.ports.iter().find(|p| p.name == name)?, level)));
        let word = |level: bool| if level { u64::MAX } else { 0 };
        if let Some((port, level)) = port {
            simulator.set(port.bits[0], word(level));
        }
        for _ in 0..2 {
            simulator.settle();
            simulator.clock();
        }
        if let Some((port, level)) = port {
            simulator.set(port.bits[0], word(!level));
        }
    }
}
