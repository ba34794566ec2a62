//! Delay models: how long an operation takes, as data per platform and version.

use crate::module::{Module, NodeId, Op};
use crate::ty::Type;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Kinds of operation a delay model distinguishes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpKind {
    /// Add, subtract, negate; n = result width.
    Add,
    /// The same with a constant operand; n = result width.
    AddConst,
    /// Multiply; n = sum of the operand widths.
    Mul,
    /// Multiply by a constant; n = sum of the operand widths.
    MulConst,
    /// Sum over a bundle; n = result width, m = elements.
    Sum,
    /// Bitwise operations and single gates.
    Logic,
    /// Complement.
    Not,
    /// Two-way selection; n = bits steered by one select.
    Mux,
    /// Two-way selection between a value and a constant; n = bits steered by one select.
    MuxConst,
    /// Equality; n = operand width.
    Eq,
    /// Equality with a constant; n = operand width.
    EqConst,
    /// Magnitude comparison; n = operand width.
    Lt,
    /// Magnitude comparison with a constant; n = operand width.
    LtConst,
    /// Shift by a run-time amount; n = result width, m = 2^(amount bits).
    Shift,
    /// Shift of a constant by a run-time amount; n = result width, m = 2^(amount bits).
    ShiftConst,
    /// Leading-zero count; n = operand width.
    Lzc,
    /// Reduction of all bits; n = operand width.
    Reduce,
    /// Constant table; n = rows, m = row width.
    Table,
    /// Asynchronous read of a register file; n = entries, m = bits of an entry.
    Read,
    /// One signal driving the copies of an array; n = copies.
    Fanout,
}

impl OpKind {
    /// Every kind.
    pub const ALL: [OpKind; 20] = {
        use OpKind::*;
        [
            Add, AddConst, Mul, MulConst, Sum, Logic, Not, Mux, MuxConst, Eq, EqConst, Lt, LtConst, Shift,
            ShiftConst, Lzc, Reduce, Table, Read, Fanout,
        ]
    };

    /// The kind that stands in where a model has no curve for this one.
    fn general(self) -> Option<OpKind> {
        Some(match self {
            OpKind::AddConst => OpKind::Add,
            OpKind::MulConst => OpKind::Mul,
            OpKind::Not => OpKind::Logic,
            OpKind::MuxConst => OpKind::Mux,
            OpKind::EqConst => OpKind::Eq,
            OpKind::LtConst => OpKind::Lt,
            OpKind::ShiftConst => OpKind::Shift,
            _ => return None,
        })
    }

    /// The kind for operands of which one is constant.
    fn with_constant(self) -> OpKind {
        match self {
            OpKind::Add => OpKind::AddConst,
            OpKind::Mul => OpKind::MulConst,
            OpKind::Mux => OpKind::MuxConst,
            OpKind::Eq => OpKind::EqConst,
            OpKind::Lt => OpKind::LtConst,
            OpKind::Shift => OpKind::ShiftConst,
            other => other,
        }
    }
}

/// An operation as a delay model sees it: its kind and its sizes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Operation {
    /// Its kind.
    pub kind: OpKind,
    /// First size.
    pub n: u32,
    /// Second size, 1 where the kind has none.
    pub m: u32,
}

impl Operation {
    pub(crate) const fn new(kind: OpKind, n: u32, m: u32) -> Operation {
        Operation { kind, n, m }
    }
}

/// Delay in picoseconds: `base + log_n·log2(n) + lin_n·n + log_m·log2(m)`.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Curve {
    /// Constant part, ps.
    pub base: f64,
    /// Per doubling of n, ps.
    pub log_n: f64,
    /// Per unit of n, ps.
    pub lin_n: f64,
    /// Per doubling of m, ps.
    pub log_m: f64,
}

impl Curve {
    /// The delay for sizes `n` and `m`, in picoseconds.
    pub fn delay(&self, n: u32, m: u32) -> f64 {
        let log2 = |x: u32| f64::from(x.max(1)).log2();
        (self.base + self.log_n * log2(n) + self.lin_n * f64::from(n) + self.log_m * log2(m)).max(0.0)
    }
}

/// A versioned delay model of one platform.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelayModel {
    /// Clock edge to register output, ps.
    pub clk_to_q: f64,
    /// Data to clock edge, ps.
    pub setup: f64,
    /// One curve per kind of operation.
    pub ops: BTreeMap<OpKind, Curve>,
}

impl DelayModel {
    /// Delay of an operation in picoseconds; 0 where the model has no curve for it.
    pub fn delay(&self, Operation { kind, n, m }: Operation) -> f64 {
        let own = self.ops.get(&kind);
        let curve = own.or_else(|| kind.general().and_then(|kind| self.ops.get(&kind)));
        curve.map_or(0.0, |curve| curve.delay(n, m))
    }

    /// What it takes a signal to reach all copies of an array, in picoseconds.
    pub(crate) fn broadcast(&self, copies: u32) -> f64 {
        if copies > 1 { self.delay(Operation::new(OpKind::Fanout, copies, 1)) } else { 0.0 }
    }

    /// What it takes to load a register under an enable that steers this many bits, in picoseconds.
    pub(crate) fn load(&self, bits: u32) -> f64 {
        self.delay(Operation::new(OpKind::Mux, bits, 1))
    }
}

impl Module {
    /// Its own operations, wiring left out.
    pub fn operations(&self) -> Vec<Operation> {
        self.nodes.iter().filter_map(|node| self.operation(&node.op, node.ty)).collect()
    }

    /// The operation that a node with this type is; `None` for wiring.
    pub(crate) fn operation(&self, op: &Op, ty: Type) -> Option<Operation> {
        let of = |id: &NodeId| self.node(*id).ty;
        let constant = |ids: &[&NodeId]| ids.iter().any(|id| self.is_constant(**id));
        let sized = |kind: OpKind, n: u32, m: u32, ids: &[&NodeId]| {
            Operation::new(if constant(ids) { kind.with_constant() } else { kind }, n, m)
        };
        Some(match op {
            Op::Add(a, b) | Op::Sub(a, b) => sized(OpKind::Add, ty.width, 1, &[a, b]),
            Op::Neg(_) => Operation::new(OpKind::AddConst, ty.width, 1),
            Op::Mul(a, b) => sized(OpKind::Mul, of(a).width + of(b).width, 1, &[a, b]),
            Op::Sum(a) => Operation::new(OpKind::Sum, ty.width, of(a).count),
            Op::Not(_) => Operation::new(OpKind::Not, ty.width, 1),
            Op::And(..) | Op::Or(..) | Op::Xor(..) => Operation::new(OpKind::Logic, ty.width, 1),
            Op::Mux(_, t, f) => sized(OpKind::Mux, ty.bits(), 1, &[t, f]),
            Op::Eq(a, b) | Op::Ne(a, b) => sized(OpKind::Eq, of(a).width.max(of(b).width), 1, &[a, b]),
            Op::Lt(a, b) | Op::Le(a, b) => sized(OpKind::Lt, of(a).width.max(of(b).width), 1, &[a, b]),
            Op::Shl(a, n) | Op::Shr(a, n) => sized(OpKind::Shift, ty.width, 1 << of(n).width.min(16), &[a]),
            Op::Lzc(a) => Operation::new(OpKind::Lzc, of(a).width, 1),
            Op::ReduceOr(a) | Op::ReduceAnd(a) | Op::ReduceXor(a) => {
                Operation::new(OpKind::Reduce, of(a).bits(), 1)
            }
            Op::Table(_, rows) => Operation::new(OpKind::Table, rows.len() as u32, ty.width),
            Op::FileRead(file, _) => {
                let file = &self.files[file.index()];
                Operation::new(OpKind::Read, file.depth, file.ty.bits())
            }
            _ => return None,
        })
    }

    /// Whether a node is wired together from constants only.
    fn is_constant(&self, id: NodeId) -> bool {
        match &self.node(id).op {
            Op::Const(_) => true,
            Op::Resize(a) | Op::Slice(a, _) | Op::Regroup(a) | Op::Elements(a, _) | Op::Broadcast(a) => {
                self.is_constant(*a)
            }
            Op::Concat(parts) | Op::Bundle(parts) => parts.iter().all(|part| self.is_constant(*part)),
            _ => false,
        }
    }
}

/// The clock a design is pipelined for.
#[derive(Clone, PartialEq, Debug)]
pub struct Timing {
    /// Clock period in picoseconds.
    pub period_ps: f64,
    /// Delays of the platform.
    pub model: Arc<DelayModel>,
}

/// Arrival times at module boundaries are rounded up to this part of the period, so that few variants of a kind exist.
pub(crate) const ARRIVAL_STEPS: u32 = 16;

impl Timing {
    /// Arrival of a signal straight out of a register, ps.
    pub(crate) fn fresh(&self) -> f64 {
        self.model.clk_to_q
    }

    /// Latest arrival that a register still captures, ps.
    pub(crate) fn latest(&self) -> f64 {
        self.period_ps - self.model.setup
    }

    /// The boundary step an arrival rounds up to.
    pub(crate) fn bucket(&self, arrival: f64) -> u32 {
        let step = self.period_ps / f64::from(ARRIVAL_STEPS);
        ((arrival - self.fresh()).max(0.0) / step).ceil().min(f64::from(ARRIVAL_STEPS - 1)) as u32
    }

    /// The arrival a boundary step stands for, ps.
    pub(crate) fn bucket_arrival(&self, bucket: u32) -> f64 {
        self.fresh() + f64::from(bucket) * self.period_ps / f64::from(ARRIVAL_STEPS)
    }
}
