//! The order of computation: what is alive, with which operands, in which step of the cycle.
//!
//! Registers without enable *slide*: a register and what it loads lie next to each other, and instead of copying the
//! one into the other at the clock edge, the window through which both are seen moves by one place (see
//! [`super::layout`]). Registers with enable, register files and memories are updated in place, after their last
//! reader.

use super::net::*;

/// Where an operand's lanes begin, and which of their bits are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Operand {
    pub place: Place,
    pub elem: u32,
    pub field: Option<Field>,
}

/// Bits `lo .. lo + width` of a 32-bit lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Field {
    pub lo: u32,
    pub width: u32,
}

impl Operand {
    pub fn new(place: Place, elem: u32) -> Operand {
        Operand { place, elem, field: None }
    }
}

/// What an operand is part of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Place {
    Net(NetId),
    /// Index into [`Plan::constants`].
    Constant(u32),
}

/// A vector of constants; one value stands for all lanes.
#[derive(Clone, Debug)]
pub(crate) struct Constant {
    pub values: Vec<u64>,
    /// Elements needed.
    pub len: u32,
    pub long: bool,
}

/// Elements `to ..` of a gathered net are elements `from`, `from + stride`, … of a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub to: u32,
    pub from: Operand,
    pub stride: u32,
    pub count: u32,
}

/// One step of a cycle.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Computes a net.
    Compute { net: NetId, operands: Vec<Operand> },
    /// Reads a file: one address for every `group` elements.
    Read { net: NetId, file: u32, addr: Operand, group: u32 },
    /// Gathers lanes.
    Gather { net: NetId, runs: Vec<Run> },
    /// Loads an enabled register: one enable for every `group` elements.
    Hold { net: NetId, next: Operand, enable: Operand, group: u32 },
    /// Loads a memory's read register.
    Fetch { net: NetId, file: u32, addr: Operand, enable: Operand, group: u32 },
    /// Writes a register file or memory.
    Write { file: u32, addr: Operand, data: Operand, enable: Operand, group: u32 },
}

/// A value that slides through registers: what the first one loads, and the registers.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub nets: Vec<NetId>,
}

/// A flattened design in order of computation.
pub(crate) struct Plan {
    pub graph: Graph,
    pub steps: Vec<Step>,
    /// Steps that the observed values need.
    pub settle: Vec<bool>,
    pub constants: Vec<Constant>,
    pub chains: Vec<Chain>,
    /// Files that are written or read.
    pub files: Vec<u32>,
    /// State nets that are not in chains.
    pub held: Vec<NetId>,
    /// Observed signals: kept until the next cycle.
    pub observed: Vec<Vec<Lanes>>,
    /// Widths of the parts of observed signals.
    pub widths: Vec<Vec<u32>>,
    /// Nets of observed signals.
    pub pinned: Vec<bool>,
    /// The last step that reads a net.
    pub last_use: Vec<usize>,
}

impl Run {
    /// Takes in one more element, if it continues the run.
    pub fn extend(&mut self, from: Operand) -> bool {
        if from.place != self.from.place || from.elem < self.from.elem {
            return false;
        }
        let stride = from.elem - self.from.elem;
        if self.count == 1 {
            self.stride = stride;
        } else if stride != self.stride * self.count {
            return false;
        }
        self.count += 1;
        true
    }
}

impl Step {
    /// What it reads.
    pub fn operands(&self) -> Vec<Operand> {
        match self {
            Step::Compute { operands, .. } => operands.clone(),
            Step::Gather { runs, .. } => runs.iter().map(|r| r.from).collect(),
            Step::Read { addr, .. } => vec![*addr],
            Step::Hold { next, enable, .. } => vec![*next, *enable],
            Step::Fetch { addr, enable, .. } => vec![*addr, *enable],
            Step::Write { addr, data, enable, .. } => vec![*addr, *data, *enable],
        }
    }

    /// The net it computes; updates change state instead.
    pub fn computes(&self) -> Option<NetId> {
        match self {
            Step::Compute { net, .. } | Step::Gather { net, .. } | Step::Read { net, .. } => Some(*net),
            _ => None,
        }
    }
}

/// The product can be taken of 32-bit lanes.
pub(crate) fn short_product(a: Form, b: Form) -> bool {
    let signed = a.signed || b.signed;
    let short = |f: Form| if signed { f.signed_width() <= 32 } else { f.width <= 32 };
    short(a) && short(b)
}
