//! One direction of a valid/ready handshake.

use crate::accelerator::memory::{pack, unpack};
use hdl::{Direction, Type};
use sim::{EngineError, InPort, OutPort, Program, Simulator};

/// Payload signals as words of 64 bits, port by port.
type Payload = Vec<Vec<u64>>;

/// A channel into the design: this side gives.
#[derive(Clone, Debug)]
pub struct Sender {
    valid: InPort,
    ready: OutPort,
    payload: Vec<Option<InPort>>,
    offered: bool,
}

impl Sender {
    /// The channel `<prefix>valid`, `<prefix>ready` with payload ports `<prefix><name>`, which the design may lack.
    ///
    /// # Errors
    /// When the handshake is not there.
    pub fn new(program: &Program, prefix: &str, payload: &[&str]) -> Result<Self, EngineError> {
        Ok(Sender {
            valid: program.input(&format!("{prefix}valid"))?,
            ready: program.output(&format!("{prefix}ready"))?,
            payload: payload.iter().map(|name| program.input(&format!("{prefix}{name}")).ok()).collect(),
            offered: false,
        })
    }

    /// A transfer is offered and has not been taken.
    pub const fn is_busy(&self) -> bool {
        self.offered
    }

    /// Offers a transfer, which stays until it is taken.
    pub fn offer(&mut self, simulator: &mut Simulator, payload: &[&[u64]]) {
        assert!(!self.offered, "one transfer at a time");
        let ports = self.payload.iter().zip(payload);
        ports.filter_map(|(port, words)| Some((*port.as_ref()?, words))).for_each(|(port, words)| {
            simulator.set(port, 0, words);
        });
        self.offered = true;
    }

    /// Drives valid.
    pub fn drive(&self, simulator: &mut Simulator) {
        simulator.set1(self.valid, 0, self.offered.into());
    }

    /// Whether the design takes the transfer at the coming edge.
    pub fn sample(&mut self, simulator: &Simulator) -> bool {
        let taken = self.offered && simulator.get1(self.ready, 0) == 1;
        self.offered &= !taken;
        taken
    }
}

/// A channel out of the design: this side takes, and watches that what is offered stays.
#[derive(Clone, Debug)]
pub struct Receiver {
    prefix: String,
    valid: OutPort,
    ready: InPort,
    payload: Vec<(String, OutPort)>,
    willing: bool,
    held: Option<Payload>,
}

impl Receiver {
    /// The channel `<prefix>valid`, `<prefix>ready` with payload ports `<prefix><name>`.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn new(program: &Program, prefix: &str, payload: &[&str]) -> Result<Self, EngineError> {
        let port = |name: &&str| Ok((format!("{prefix}{name}"), program.output(&format!("{prefix}{name}"))?));
        Ok(Receiver {
            prefix: prefix.into(),
            valid: program.output(&format!("{prefix}valid"))?,
            ready: program.input(&format!("{prefix}ready"))?,
            payload: payload.iter().map(port).collect::<Result<_, EngineError>>()?,
            willing: false,
            held: None,
        })
    }

    /// Drives ready.
    pub fn drive(&mut self, simulator: &mut Simulator, willing: bool) {
        self.willing = willing;
        simulator.set1(self.ready, 0, willing.into());
    }

    /// What is taken at the coming edge.
    ///
    /// # Errors
    /// When valid was withdrawn, or the payload changed while it waited.
    pub fn sample(&mut self, simulator: &Simulator) -> Result<Option<Payload>, EngineError> {
        let valid = simulator.get1(self.valid, 0) == 1;
        if !valid {
            return match self.held.take() {
                Some(_) => Err(EngineError(format!("{}valid was withdrawn before ready came", self.prefix))),
                None => Ok(None),
            };
        }
        let payload: Payload = self.payload.iter().map(|(_, port)| simulator.get(*port, 0)).collect();
        if let Some(held) = &self.held {
            let changed = held.iter().zip(&payload).position(|(before, now)| before != now);
            if let Some(at) = changed {
                let name = &self.payload[at].0;
                return Err(EngineError(format!("{name} changed while {}valid waited", self.prefix)));
            }
        }
        if self.willing {
            self.held = None;
            return Ok(Some(payload));
        }
        self.held = Some(payload);
        Ok(None)
    }
}

/// Bytes as the words of a port.
pub(super) fn words_of(bytes: &[u8], ty: Type) -> Vec<u64> {
    let (width, count) = word_shape(ty);
    unpack(bytes, width, count)
}

/// The bytes in the words of a port.
pub(super) fn bytes_of(words: &[u64], ty: Type) -> Vec<u8> {
    pack(words, word_shape(ty).0)
}

/// Width and number of a port's words; elements beyond 64 bits are several.
fn word_shape(ty: Type) -> (u32, usize) {
    assert!(ty.width <= 64 || ty.width.is_multiple_of(64), "a bus of {ty}");
    let width = ty.width.min(64);
    (width, (ty.bits() / width) as usize)
}

/// Type of a port.
pub(super) fn port_type(program: &Program, direction: Direction, name: &str) -> Result<Type, EngineError> {
    let port = program.ports(direction).into_iter().find(|(port, _)| &**port == name);
    port.map(|(_, ty)| ty).ok_or_else(|| EngineError(format!("the design has no port {name}")))
}
