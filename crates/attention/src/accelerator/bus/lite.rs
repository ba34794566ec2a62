//! An AXI4-Lite master.

use super::{Pauses, Receiver, Response, Sender};
use sim::{EngineError, Program, Simulator};
use std::collections::VecDeque;

/// An access to a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Reads the word at an address.
    Read(u32),
    /// Writes a word: address, data, byte strobes.
    Write(u32, u32, u8),
}

/// What an access gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Answer {
    /// Data of a read.
    pub data: u32,
    /// The response.
    pub response: Response,
}

/// The master; requests are done one after the other, each channel with its own pauses.
#[derive(Clone, Debug)]
pub struct LiteMaster {
    aw: Sender,
    w: Sender,
    b: Receiver,
    ar: Sender,
    r: Receiver,
    pauses: Pauses,
    requests: VecDeque<Request>,
    /// What of the request at hand is still to be offered: address of a write, its data, address of a read.
    unsent: [bool; 3],
    waiting: bool,
    /// Answers in the order of the requests.
    pub answers: VecDeque<Answer>,
}

impl LiteMaster {
    /// The master of the ports `s_axil_*`, with the probability per channel and cycle that it pauses.
    ///
    /// # Errors
    /// When a port is not there.
    pub fn new(program: &Program, stalls: f64, seed: u64) -> Result<Self, EngineError> {
        Ok(LiteMaster {
            aw: Sender::new(program, "s_axil_aw", &["addr", "prot"])?,
            w: Sender::new(program, "s_axil_w", &["data", "strb"])?,
            b: Receiver::new(program, "s_axil_b", &["resp"])?,
            ar: Sender::new(program, "s_axil_ar", &["addr", "prot"])?,
            r: Receiver::new(program, "s_axil_r", &["data", "resp"])?,
            pauses: Pauses::new(stalls, seed),
            requests: VecDeque::new(),
            unsent: [false; 3],
            waiting: false,
            answers: VecDeque::new(),
        })
    }

    /// Asks for an access.
    pub fn ask(&mut self, request: Request) {
        self.requests.push_back(request);
    }

    /// No access is open or asked for.
    pub fn is_idle(&self) -> bool {
        self.requests.is_empty()
    }

    /// Drives the inputs of a cycle.
    pub fn drive(&mut self, simulator: &mut Simulator) {
        if let Some(&request) = self.requests.front() {
            if !self.waiting {
                self.waiting = true;
                self.unsent = match request {
                    Request::Read(_) => [false, false, true],
                    Request::Write(..) => [true, true, false],
                };
            }
            self.send(simulator, request);
        }
        [&self.aw, &self.w, &self.ar].iter().for_each(|channel| channel.drive(simulator));
        let [b, r] = [(); 2].map(|()| !self.pauses.now());
        self.b.drive(simulator, b);
        self.r.drive(simulator, r);
    }

    fn send(&mut self, simulator: &mut Simulator, request: Request) {
        let (address, data, strobes) = match request {
            Request::Read(address) => (address, 0, 0),
            Request::Write(address, data, strobes) => (address, data, strobes),
        };
        let (address, prot) = ([u64::from(address)], [0]);
        let (data, strobes) = ([u64::from(data)], [u64::from(strobes)]);
        let payloads: [[&[u64]; 2]; 3] = [[&address, &prot], [&data, &strobes], [&address, &prot]];
        let channels = [&mut self.aw, &mut self.w, &mut self.ar];
        for ((channel, payload), unsent) in channels.into_iter().zip(payloads).zip(&mut self.unsent) {
            if *unsent && !self.pauses.now() {
                channel.offer(simulator, &payload);
                *unsent = false;
            }
        }
    }

    /// Looks at the outputs of a cycle; whether anything moved.
    ///
    /// # Errors
    /// When the design breaks a rule of the bus.
    pub fn sample(&mut self, simulator: &Simulator) -> Result<bool, EngineError> {
        let sent = [&mut self.aw, &mut self.w, &mut self.ar].map(|channel| channel.sample(simulator));
        let written = self.b.sample(simulator)?.map(|b| (0, b[0][0], true));
        let read = self.r.sample(simulator)?.map(|r| (r[0][0] as u32, r[1][0], false));
        let open = self.aw.is_busy() || self.w.is_busy() || self.ar.is_busy() || self.unsent.contains(&true);
        for (data, response, is_write) in written.into_iter().chain(read) {
            let asked = matches!(self.requests.front(), Some(Request::Write(..)));
            if !self.waiting || open || asked != is_write {
                let channel = if is_write { "b" } else { "r" };
                return Err(EngineError(format!("s_axil_{channel}valid answers what was not asked")));
            }
            self.requests.pop_front();
            self.waiting = false;
            self.answers.push_back(Answer { data, response: Response::from_bits(response) });
        }
        Ok(sent.contains(&true) || written.is_some() || read.is_some())
    }
}
