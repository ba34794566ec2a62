//! Memories among the cells: rows of words, one stimulus a bit, each stimulus at an address of its own.

use super::ops::Slot;
use crate::liberty::Memory;
use crate::netlist::ONE;

/// A memory in the terms of the program.
pub(super) struct Ram {
    /// Whether a pulse comes.
    pulse: Slot,
    enable: (Slot, bool),
    write: (Slot, bool),
    /// For each bit of a row, whether it is written at all.
    mask: Vec<Slot>,
    address: Vec<Slot>,
    data_in: Vec<Slot>,
    data_out: Vec<Slot>,
    rows: usize,
}

impl Ram {
    /// The memory with its pins in these slots; `pulse` says whether a pulse comes.
    pub fn new(memory: &Memory, pulse: Slot, slots: &[Slot]) -> Ram {
        let bits = memory.data_in.len();
        let mask = match &memory.mask {
            Some((pins, each)) => (0..bits).map(|bit| slots[pins.start + bit / *each as usize]).collect(),
            None => vec![ONE; bits],
        };
        let control = |(pin, active_low): (usize, bool)| (slots[pin], active_low);
        Ram {
            pulse,
            enable: control(memory.enable),
            write: control(memory.write),
            mask,
            address: slots[memory.address.clone()].to_vec(),
            data_in: slots[memory.data_in.clone()].to_vec(),
            data_out: slots[memory.data_out.clone()].to_vec(),
            rows: memory.rows as usize,
        }
    }

    /// What it holds at first.
    pub fn rows(&self, mut state: impl FnMut() -> u64) -> Vec<u64> {
        (0..self.rows * self.data_in.len()).map(|_| state()).collect()
    }

    /// The clock edge: writes into the rows; gives the words that the outputs change to.
    pub fn clock(&self, words: &[u64], rows: &mut [u64]) -> Vec<(Slot, u64)> {
        let word = |slot: Slot| words[slot as usize];
        let asserted = |(slot, active_low): (Slot, bool)| if active_low { !word(slot) } else { word(slot) };
        let active = word(self.pulse) & asserted(self.enable);
        if active == 0 {
            return vec![];
        }
        let writing = active & asserted(self.write);
        let reading = active & !writing;
        let mut read: Vec<u64> = self.data_out.iter().map(|&slot| word(slot) & !reading).collect();
        let mut left = active;
        while left != 0 {
            let (row, here) = self.row(words, left);
            left &= !here;
            let bits = self.data_in.len();
            for (bit, stored) in rows[row * bits..][..bits].iter_mut().enumerate() {
                read[bit] |= *stored & here & reading;
                let change = here & writing & word(self.mask[bit]);
                *stored ^= (*stored ^ word(self.data_in[bit])) & change;
            }
        }
        self.data_out.iter().copied().zip(read).collect()
    }

    /// The row that the first of some stimuli addresses, and all of them that do.
    fn row(&self, words: &[u64], stimuli: u64) -> (usize, u64) {
        let first = stimuli.trailing_zeros();
        let mut found = (0, stimuli);
        for (place, &slot) in self.address.iter().enumerate() {
            let word = words[slot as usize];
            let bit = word >> first & 1;
            found.0 |= (bit as usize) << place;
            found.1 &= if bit == 1 { word } else { !word };
        }
        found
    }
}
