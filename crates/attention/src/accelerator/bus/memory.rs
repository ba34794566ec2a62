//! Memory behind an AXI4 slave.

use super::channel::{bytes_of, port_type, words_of};
use super::{Pauses, Receiver, Response, Sender};
use crate::accelerator::memory::Memory;
use hdl::{Direction, Type};
use sim::{EngineError, Program, Simulator};
use std::collections::VecDeque;

/// How fast the memory is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Timing {
    /// Cycles from the address to the first beat, and from the last beat written to the response.
    pub latency: u32,
    /// Beats per cycle and direction, above 0, up to 1.
    pub bandwidth: f64,
    /// Bursts of a direction that are open at most.
    pub outstanding: usize,
    /// Probability per channel and cycle of a pause, and of a read that overtakes one of another ID.
    pub stalls: f64,
    /// Seed of the pauses.
    pub seed: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Timing { latency: 40, bandwidth: 1.0, outstanding: 16, stalls: 0.0, seed: 1 }
    }
}

/// A transfer that fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The read beat of that number is answered so.
    Read(u64, Response),
    /// The write burst of that number is answered so.
    Write(u64, Response),
}

/// A burst.
#[derive(Clone, Copy, Debug)]
struct Burst {
    address: u64,
    beats: u64,
    id: u64,
    /// First cycle in which it may be served.
    due: u64,
}

/// A beat written: data, a bit of strobe for each byte, last.
type Written = (Vec<u8>, Vec<u8>, bool);

/// The memory at the ports `m_axi_*`.
#[derive(Clone, Debug)]
pub struct AxiMemory {
    /// What it holds.
    pub memory: Memory,
    /// Transfers that are to fail.
    pub faults: Vec<Fault>,
    /// Nothing more is taken or answered, but for what is offered already.
    pub frozen: bool,
    /// Beats read.
    pub beats_read: u64,
    /// Beats written.
    pub beats_written: u64,
    timing: Timing,
    data: Type,
    strobes: Type,
    ar: Receiver,
    r: Sender,
    aw: Receiver,
    w: Receiver,
    b: Sender,
    reads: VecDeque<Burst>,
    writes: VecDeque<Burst>,
    /// Beats written whose burst is not complete.
    written: VecDeque<Written>,
    responses: VecDeque<(Burst, Response)>,
    bursts_written: u64,
    /// Beats that the bandwidth allows by now, to read and to write.
    credits: [f64; 2],
    cycle: u64,
    pauses: Pauses,
}

const ADDRESS: [&str; 5] = ["addr", "len", "size", "burst", "id"];

impl AxiMemory {
    /// The memory of a design.
    ///
    /// # Errors
    /// When a port is not there.
    pub fn new(program: &Program, memory: Memory, timing: Timing) -> Result<Self, EngineError> {
        Ok(AxiMemory {
            memory,
            faults: vec![],
            frozen: false,
            beats_read: 0,
            beats_written: 0,
            timing,
            data: port_type(program, Direction::Input, "m_axi_rdata")?,
            strobes: port_type(program, Direction::Output, "m_axi_wstrb")?,
            ar: Receiver::new(program, "m_axi_ar", &ADDRESS)?,
            r: Sender::new(program, "m_axi_r", &["data", "resp", "last", "id"])?,
            aw: Receiver::new(program, "m_axi_aw", &ADDRESS)?,
            w: Receiver::new(program, "m_axi_w", &["data", "strb", "last"])?,
            b: Sender::new(program, "m_axi_b", &["resp", "id"])?,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            written: VecDeque::new(),
            responses: VecDeque::new(),
            bursts_written: 0,
            credits: [0.0; 2],
            cycle: 0,
            pauses: Pauses::new(timing.stalls, timing.seed ^ 0xa1),
        })
    }

    /// No transfer is open.
    pub fn is_idle(&self) -> bool {
        let queues = self.reads.is_empty() && self.writes.is_empty() && self.responses.is_empty();
        queues && self.written.is_empty() && !self.r.is_busy() && !self.b.is_busy()
    }

    /// Counts beats and bursts from 0 again.
    pub fn restart_counts(&mut self) {
        (self.beats_read, self.beats_written, self.bursts_written) = (0, 0, 0);
    }

    fn bytes(&self) -> u64 {
        u64::from(self.data.bits() / 8)
    }

    /// Drives the inputs of a cycle.
    pub fn drive(&mut self, simulator: &mut Simulator) {
        let bandwidth = self.timing.bandwidth;
        // What is left over of a cycle counts in the next; what was not asked for is lost.
        self.credits = self.credits.map(|credit| (credit + bandwidth).min(1.0 + bandwidth));
        let [read, write] = self.credits.map(|credit| credit >= 1.0);
        let answers = !self.frozen;
        if answers && !self.r.is_busy() && read && !self.pauses.now() {
            self.offer_read(simulator);
        }
        let due = self.responses.front().is_some_and(|(burst, _)| burst.due <= self.cycle);
        if answers && due && !self.b.is_busy() && !self.pauses.now() {
            let (burst, response) = self.responses.pop_front().expect("one is due");
            self.b.offer(simulator, &[&[response.bits()], &[burst.id]]);
        }
        self.r.drive(simulator);
        self.b.drive(simulator);
        let open = self.timing.outstanding;
        let [ar, aw, w] = [(); 3].map(|()| !self.pauses.now() && !self.frozen);
        self.ar.drive(simulator, ar && self.reads.len() < open);
        self.aw.drive(simulator, aw && self.writes.len() + self.responses.len() < open);
        self.w.drive(simulator, w && write && self.written.len() < 256);
    }

    /// The burst whose beat comes next: the oldest that is due, or at random the oldest of another ID, which AXI allows
    /// to come in between.
    fn read_to_serve(&mut self) -> Option<usize> {
        let oldest = self.reads.front().filter(|burst| burst.due <= self.cycle)?.id;
        let other = self.reads.iter().position(|burst| burst.id != oldest && burst.due <= self.cycle);
        Some(other.filter(|_| self.pauses.now()).unwrap_or(0))
    }

    fn offer_read(&mut self, simulator: &mut Simulator) {
        let Some(at) = self.read_to_serve() else { return };
        let burst = &mut self.reads[at];
        let (address, id) = (burst.address, burst.id);
        (burst.address, burst.beats) = (address + u64::from(self.data.bits() / 8), burst.beats - 1);
        let last = burst.beats == 0;
        if last {
            self.reads.remove(at);
        }
        let count = self.bytes() as usize;
        let there = self.memory.read(address, count);
        let fault = self.faults.iter().find_map(|fault| match *fault {
            Fault::Read(beat, response) if beat == self.beats_read => Some(response),
            _ => None,
        });
        let response = fault.unwrap_or(if there.is_some() { Response::Okay } else { Response::DecodeError });
        let data = match (response, there) {
            (Response::Okay, Some(bytes)) => words_of(bytes, self.data),
            _ => words_of(&vec![0x5a; count], self.data),
        };
        self.r.offer(simulator, &[&data, &[response.bits()], &[last.into()], &[id]]);
        self.beats_read += 1;
        self.credits[0] -= 1.0;
    }

    /// Looks at the outputs of a cycle; whether anything moved.
    ///
    /// # Errors
    /// When the design breaks a rule of the bus.
    pub fn sample(&mut self, simulator: &Simulator) -> Result<bool, EngineError> {
        let mut moved = self.r.sample(simulator) | self.b.sample(simulator);
        if let Some(payload) = self.ar.sample(simulator)? {
            self.reads.push_back(self.burst("ar", &payload)?);
            moved = true;
        }
        if let Some(payload) = self.aw.sample(simulator)? {
            self.writes.push_back(self.burst("aw", &payload)?);
            moved = true;
        }
        if let Some(payload) = self.w.sample(simulator)? {
            let [data, strobes, last] = &payload[..] else { unreachable!("three signals") };
            self.written.push_back((
                bytes_of(data, self.data),
                bytes_of(strobes, self.strobes),
                last[0] == 1,
            ));
            self.beats_written += 1;
            self.credits[1] -= 1.0;
            moved = true;
        }
        self.take_burst()?;
        self.cycle += 1;
        Ok(moved)
    }

    /// The burst of an address, after checking it.
    fn burst(&self, channel: &str, payload: &[Vec<u64>]) -> Result<Burst, EngineError> {
        let [address, len, size, kind, id] = [0, 1, 2, 3, 4].map(|i| payload[i][0]);
        let (bytes, beats) = (self.bytes(), len + 1);
        let rule = |holds: bool, rule: &str| {
            let what = format!("m_axi_{channel}: burst of {beats} beats at {address:#x} {rule}");
            if holds { Ok(()) } else { Err(EngineError(what)) }
        };
        rule(kind == 1, "is not of kind INCR")?;
        rule(1 << size == bytes, "is narrower or wider than the bus")?;
        rule(address % bytes == 0, "is not aligned to the bus")?;
        rule(address % 4096 + beats * bytes <= 4096, "crosses a 4 KiB boundary")?;
        Ok(Burst { address, beats, id, due: self.cycle + u64::from(self.timing.latency) })
    }

    /// Writes the oldest burst if all its beats are there.
    fn take_burst(&mut self) -> Result<(), EngineError> {
        let Some(&burst) = self.writes.front() else { return Ok(()) };
        let beats = burst.beats as usize;
        let misplaced = |(i, beat): (usize, &Written)| beat.2 != (i + 1 == beats);
        if self.written.iter().take(beats).enumerate().any(misplaced) {
            let what = format!("m_axi_wlast is misplaced in a burst of {beats} at {:#x}", burst.address);
            return Err(EngineError(what));
        }
        if self.written.len() < beats {
            return Ok(());
        }
        let mut response = Response::Okay;
        for i in 0..burst.beats {
            let (data, strobes, _) = self.written.pop_front().expect("all beats are there");
            let address = burst.address + i * self.bytes();
            if self.write(address, &data, &strobes).is_none() {
                response = Response::DecodeError;
            }
        }
        let fault = self.faults.iter().find_map(|fault| match *fault {
            Fault::Write(at, response) if at == self.bursts_written => Some(response),
            _ => None,
        });
        self.bursts_written += 1;
        self.writes.pop_front();
        let burst = Burst { due: self.cycle + u64::from(self.timing.latency), ..burst };
        self.responses.push_back((burst, fault.unwrap_or(response)));
        Ok(())
    }

    fn write(&mut self, address: u64, data: &[u8], strobes: &[u8]) -> Option<()> {
        let mut bytes = self.memory.read(address, data.len())?.to_vec();
        for (i, byte) in bytes.iter_mut().enumerate() {
            if strobes[i / 8] >> (i % 8) & 1 == 1 {
                *byte = data[i];
            }
        }
        self.memory.write(address, &bytes)
    }
}
