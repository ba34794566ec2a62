//! Models of what is at the other end of the accelerator's buses, for cycle-accurate runs: an AXI4-Lite master, memory
//! behind an AXI4 slave, and AXI4-Stream sources and sinks. They watch the rules of the buses and fail a run that breaks
//! one: a valid that is withdrawn or changes its payload, a burst across 4 KiB, a misplaced last.
//!
//! In every cycle each model first drives the design's inputs from what it knew before, then looks at the outputs; so
//! nothing it does within a cycle depends on the design.

mod channel;
mod lite;
mod memory;
mod stream;

pub use channel::{Receiver, Sender};
pub use lite::{Answer, LiteMaster, Request};
pub use memory::{AxiMemory, Fault, Timing};
pub use stream::{Sink, Source};

use numerics::stratified::Rng;

/// What a transfer was answered with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Response {
    /// OKAY
    #[default]
    Okay,
    /// SLVERR
    SlaveError,
    /// DECERR
    DecodeError,
}

impl Response {
    /// As the two bits of a response.
    pub const fn bits(self) -> u64 {
        match self {
            Response::Okay => 0,
            Response::SlaveError => 2,
            Response::DecodeError => 3,
        }
    }

    fn from_bits(bits: u64) -> Response {
        match bits {
            2 => Response::SlaveError,
            3 => Response::DecodeError,
            _ => Response::Okay,
        }
    }
}

/// Random pauses.
#[derive(Clone, Debug)]
struct Pauses {
    probability: f64,
    rng: Rng,
}

impl Pauses {
    fn new(probability: f64, seed: u64) -> Self {
        Pauses { probability, rng: Rng::new(seed) }
    }

    fn now(&mut self) -> bool {
        self.probability > 0.0 && self.rng.unit() < self.probability
    }
}
