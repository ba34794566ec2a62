//! AXI4-Stream sources and sinks.

use super::channel::{bytes_of, port_type, words_of};
use super::{Pauses, Receiver, Sender};
use hdl::{Direction, Type};
use sim::{EngineError, Program, Simulator};
use std::collections::VecDeque;

/// A beat: its bytes, and whether it ends a packet.
type Beat = (Vec<u8>, bool);

/// A source of packets.
#[derive(Clone, Debug)]
pub struct Source {
    channel: Sender,
    data: Type,
    keep: Vec<u64>,
    beats: VecDeque<Beat>,
    /// A packet has begun and has not ended.
    begun: bool,
    pauses: Pauses,
}

impl Source {
    /// The source at the ports `<prefix>_t*`, with the probability per cycle that it pauses.
    ///
    /// # Errors
    /// When a port is not there.
    pub fn new(program: &Program, prefix: &str, stalls: f64, seed: u64) -> Result<Self, EngineError> {
        let data = port_type(program, Direction::Input, &format!("{prefix}_tdata"))?;
        let keep = port_type(program, Direction::Input, &format!("{prefix}_tkeep"))?;
        Ok(Source {
            channel: Sender::new(program, &format!("{prefix}_t"), &["data", "last", "keep"])?,
            data,
            keep: words_of(&vec![0xff; (keep.bits() as usize).div_ceil(8)], keep),
            beats: VecDeque::new(),
            begun: false,
            pauses: Pauses::new(stalls, seed),
        })
    }

    /// Appends a packet, a whole number of beats.
    pub fn send(&mut self, packet: &[u8]) {
        let bytes = (self.data.bits() / 8) as usize;
        assert!(packet.len().is_multiple_of(bytes) && !packet.is_empty(), "whole beats");
        let beats = packet.len() / bytes;
        self.beats.extend(packet.chunks_exact(bytes).enumerate().map(|(i, b)| (b.to_vec(), i + 1 == beats)));
    }

    /// Ends the packet at hand so many beats early, with 0 a beat late; `false`, and nothing changes, if it has not as many
    /// beats left.
    pub fn misplace_last(&mut self, early_by: usize) -> bool {
        let Some(end) = self.beats.iter().position(|(_, last)| *last).filter(|&end| end >= early_by) else {
            return false;
        };
        if early_by == 0 {
            let extra = (self.beats[end].0.clone(), true);
            self.beats[end].1 = false;
            self.beats.insert(end + 1, extra);
        } else {
            self.beats.drain(end - early_by + 1..=end);
            self.beats[end - early_by].1 = true;
        }
        true
    }

    /// Drops every packet that has not begun; whether there were any.
    pub fn stop(&mut self) -> bool {
        let end = self.beats.iter().position(|(_, last)| *last);
        let kept = end.filter(|_| self.begun).map_or(0, |end| end + 1);
        let dropped = kept < self.beats.len();
        self.beats.truncate(kept);
        dropped
    }

    /// Everything is sent.
    pub fn is_idle(&self) -> bool {
        self.beats.is_empty() && !self.channel.is_busy()
    }

    /// Drives the inputs of a cycle.
    pub fn drive(&mut self, simulator: &mut Simulator) {
        if !self.channel.is_busy()
            && !self.pauses.now()
            && let Some((bytes, last)) = self.beats.pop_front()
        {
            self.begun = !last;
            let words = words_of(&bytes, self.data);
            self.channel.offer(simulator, &[&words, &[last.into()], &self.keep]);
        }
        self.channel.drive(simulator);
    }

    /// Looks at the outputs of a cycle; whether a beat moved.
    pub fn sample(&mut self, simulator: &Simulator) -> bool {
        self.channel.sample(simulator)
    }
}

/// A sink of packets.
#[derive(Clone, Debug)]
pub struct Sink {
    channel: Receiver,
    data: Type,
    pauses: Pauses,
    /// Beats taken.
    pub beats: Vec<Beat>,
    /// Nothing is taken.
    pub frozen: bool,
}

impl Sink {
    /// The sink at the ports `<prefix>_t*`, with the probability per cycle that it pauses.
    ///
    /// # Errors
    /// When a port is not there.
    pub fn new(program: &Program, prefix: &str, stalls: f64, seed: u64) -> Result<Self, EngineError> {
        Ok(Sink {
            channel: Receiver::new(program, &format!("{prefix}_t"), &["data", "last", "keep"])?,
            data: port_type(program, Direction::Output, &format!("{prefix}_tdata"))?,
            pauses: Pauses::new(stalls, seed),
            beats: vec![],
            frozen: false,
        })
    }

    /// Drives the inputs of a cycle.
    pub fn drive(&mut self, simulator: &mut Simulator) {
        let willing = !self.pauses.now() && !self.frozen;
        self.channel.drive(simulator, willing);
    }

    /// Looks at the outputs of a cycle; whether a beat moved.
    ///
    /// # Errors
    /// When the design breaks a rule of the bus.
    pub fn sample(&mut self, simulator: &Simulator) -> Result<bool, EngineError> {
        let taken = self.channel.sample(simulator)?;
        let moved = taken.is_some();
        self.beats.extend(taken.map(|payload| (bytes_of(&payload[0], self.data), payload[1][0] == 1)));
        Ok(moved)
    }
}
