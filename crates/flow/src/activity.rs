//! Simulating a mapped netlist to see how often everything in it moves.
//!
//! The netlist becomes a levelised program of Boolean operations on 64-bit words, one stimulus a bit. A clock cycle is
//! settled once, with zero delay, and every net, flip-flop and condition of the library is counted as it goes, over all
//! stimuli. Glitches are therefore not seen.
//!
//! Conventions within a cycle, `S` being what the nets settle to:
//!
//! ```text
//!   edge   inputs and flip-flops change, nets settle to S   falling edge   next edge: flip-flops take what S says
//!   ──┐  ┌───────────────────────────────────────────────┐ ┌────────────┐ ┌──
//! ```
//!
//! Both clock edges of a cycle see `S`; a data transition happens in either half of the cycle with the same weight,
//! because its delay is not simulated; conditions on the other pins of a transition are taken from `S`. A clock gate
//! passes the pulse at the end of the cycle if `S` enables it; in a cycle without a pulse a gated clock is low all the
//! time.

mod clock;
mod compile;
mod memory;
mod ops;
mod probe;
mod random;
mod replay;
mod simulator;

pub use compile::{CompileError, Program};
pub use probe::{Event, Meaning, Probe, probes, pulse};
pub use random::{idle, random};
pub use replay::{Check, PowerUp, ReplayError, replay};
pub use simulator::Simulator;

/// How often what happened, summed over all stimuli.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Activity {
    /// Clock cycles that were counted, summed over stimuli.
    pub cycles: u64,
    /// Clock cycles that were simulated, counted or not, summed over stimuli.
    pub simulated: u64,
    /// Stimuli.
    pub stimuli: u64,
    /// Transitions of each net of the netlist; two per pulse for clock nets.
    pub toggles: Vec<u64>,
    /// Cycles that each net spent at 1; of a clock net, those with a pulse.
    pub high: Vec<u64>,
    /// Which nets carry the clock, gated or not.
    pub is_clock: Vec<bool>,
    /// How often each probe of each instance saw its event, instance after instance; see [`probes`].
    pub events: Vec<u64>,
}

impl Activity {
    /// Transitions per data net and cycle, on average.
    pub fn toggle_rate(&self) -> f64 {
        let data = || self.toggles.iter().zip(&self.is_clock).skip(2).filter(|(_, clock)| !**clock);
        let toggles: u64 = data().map(|(toggles, _)| toggles).sum();
        toggles as f64 / (data().count() as f64 * self.cycles as f64).max(1.0)
    }

    /// Adds what other stimuli of the same program did.
    fn add(&mut self, other: &Activity) {
        self.cycles += other.cycles;
        self.simulated += other.simulated;
        self.stimuli += other.stimuli;
        let add = |own: &mut [u64], other: &[u64]| own.iter_mut().zip(other).for_each(|(a, b)| *a += b);
        add(&mut self.toggles, &other.toggles);
        add(&mut self.high, &other.high);
        add(&mut self.events, &other.events);
    }
}
