//! Running a program, cycle by cycle.

use super::Activity;
use super::compile::{Program, Watch};
use crate::netlist::{NetId, ONE};

/// A running netlist: 64 stimuli, one a bit of every word.
pub struct Simulator<'p> {
    program: &'p Program,
    words: Vec<u64>,
    /// The tracked words one cycle ago.
    past: Vec<u64>,
    next: Vec<u64>,
    /// What the memories hold.
    rows: Vec<Vec<u64>>,
    cycles: u64,
    simulated: u64,
    toggles: Vec<u64>,
    high: Vec<u64>,
    events: Vec<u64>,
}

impl<'p> Simulator<'p> {
    /// All inputs 0; every flip-flop, and every bit of a memory, starts with the word that `state` gives.
    pub fn new(program: &'p Program, mut state: impl FnMut() -> u64) -> Self {
        let mut words = vec![0; program.slots];
        words[ONE as usize] = u64::MAX;
        program.flops.iter().for_each(|flop| words[flop.state as usize] = state());
        Simulator {
            program,
            past: words[..program.tracked].to_vec(),
            words,
            next: vec![0; program.flops.len()],
            rows: program.memories.iter().map(|memory| memory.rows(&mut state)).collect(),
            cycles: 0,
            simulated: 0,
            toggles: vec![0; program.nets],
            high: vec![0; program.nets],
            events: vec![0; program.watches.len()],
        }
    }

    /// Puts a word on a net that an input port drives.
    pub fn set(&mut self, net: NetId, word: u64) {
        self.words[net as usize] = word;
    }

    /// The word on a net, as of the last [`Simulator::settle`].
    pub fn get(&self, net: NetId) -> u64 {
        self.words[net as usize]
    }

    /// Lets the nets follow inputs and flip-flops.
    pub fn settle(&mut self) {
        self.program.logic.iter().for_each(|run| run.execute(&mut self.words));
    }

    /// Lets the settled cycle of the stimuli of the mask `active` pass without counting what it brought.
    pub fn pass(&mut self, active: u64) {
        self.simulated += ones(active);
    }

    /// Counts what the settled cycle brought, in the stimuli of the mask `active`.
    pub fn count(&mut self, active: u64) {
        self.program.conditions.iter().for_each(|run| run.execute(&mut self.words));
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("popcnt") {
            // SAFETY: the instruction has just been found to be there.
            return unsafe { self.count_by_instruction(active) };
        }
        self.count_words(active);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "popcnt")]
    fn count_by_instruction(&mut self, active: u64) {
        self.count_words(active);
    }

    #[inline(always)]
    fn count_words(&mut self, active: u64) {
        let Simulator { program, words, past, .. } = self;
        words[program.tracked - 1] = !past[program.tracked - 1];
        let counts = self.toggles.iter_mut().zip(&mut self.high);
        for (((toggles, high), word), past) in counts.zip(&*words).zip(&*past) {
            *toggles += ones((word ^ past) & active);
            *high += ones(word & active);
        }
        for (net, pulse) in &program.clock_nets {
            let pulses = ones(words[*pulse as usize] & active);
            self.toggles[*net as usize] += 2 * pulses;
            self.high[*net as usize] += pulses;
        }
        let changed = |slot: u32| words[slot as usize] ^ past[slot as usize];
        for (events, watch) in self.events.iter_mut().zip(&program.watches) {
            let seen = match *watch {
                Watch::Level(slot) => words[slot as usize],
                Watch::Rise([net, cause, when]) => {
                    changed(net) & words[net as usize] & changed(cause) & words[when as usize]
                }
                Watch::Fall([net, cause, when]) => {
                    changed(net) & past[net as usize] & changed(cause) & words[when as usize]
                }
            };
            *events += ones(seen & active);
        }
        self.cycles += ones(active);
        self.simulated += ones(active);
    }

    /// The clock edge: flip-flops and memories take what the settled nets say.
    pub fn clock(&mut self) {
        let Simulator { program, words, past, next, rows, .. } = self;
        past.copy_from_slice(&words[..program.tracked]);
        for (next, flop) in next.iter_mut().zip(&program.flops) {
            let [take, pulse, keep] = [flop.next, flop.pulse, flop.keep].map(|slot| words[slot as usize]);
            *next = keep ^ (pulse & (take ^ keep));
        }
        // Outputs of a memory may be inputs of another: all of them read before the first shows anything.
        let read: Vec<Vec<(u32, u64)>> =
            program.memories.iter().zip(rows).map(|(memory, rows)| memory.clock(words, rows)).collect();
        read.into_iter().flatten().for_each(|(slot, word)| words[slot as usize] = word);
        for (next, flop) in next.iter().zip(&program.flops) {
            words[flop.state as usize] = *next;
        }
    }

    /// What was counted, in the name of so many stimuli.
    pub fn activity(self, stimuli: u64) -> Activity {
        let mut is_clock = vec![false; self.program.nets];
        self.program.clock_nets.iter().for_each(|(net, _)| is_clock[*net as usize] = true);
        let Simulator { cycles, simulated, toggles, high, events, .. } = self;
        Activity { cycles, simulated, stimuli, toggles, high, is_clock, events }
    }
}

#[inline(always)]
fn ones(word: u64) -> u64 {
    u64::from(word.count_ones())
}
