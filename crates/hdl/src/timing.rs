//! Delay models: how long an operation takes, as data per platform and version.

use crate::module::Op;
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
    /// Multiply; n = sum of the operand widths.
    Mul,
    /// Sum over a bundle; n = result width, m = elements.
    Sum,
    /// Bitwise operations and single gates.
    Logic,
    /// Two-way selection; n = bits steered by one select.
    Mux,
    /// Equality; n = operand width.
    Eq,
    /// Magnitude comparison; n = operand width.
    Lt,
    /// Shift by a run-time amount; n = result width, m = 2^(amount bits).
    Shift,
    /// Leading-zero count; n = operand width.
    Lzc,
    /// Reduction of all bits; n = operand width.
    Reduce,
    /// Constant table; n = rows, m = row width.
    Table,
    /// Asynchronous read of a register file; n = entries, m = bits of an entry.
    Read,
    /// One signal driving many loads; n = loads.
    Fanout,
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
    /// Delay of an operation kind at sizes `n` and `m`, in picoseconds.
    pub fn delay(&self, kind: OpKind, n: u32, m: u32) -> f64 {
        self.ops.get(&kind).map_or(0.0, |curve| curve.delay(n, m))
    }

    /// Delay of a node, given the types of its operands; 0 for wiring.
    pub fn node_delay(&self, op: &Op, ty: Type, operands: &[Type], file: Option<(u32, Type)>) -> f64 {
        let widest = operands.iter().map(|t| t.width).max().unwrap_or(1);
        let (kind, n, m) = match op {
            Op::Add(..) | Op::Sub(..) | Op::Neg(_) => (OpKind::Add, ty.width, 1),
            Op::Mul(..) => (OpKind::Mul, operands[0].width + operands[1].width, 1),
            Op::Sum(_) => (OpKind::Sum, ty.width, operands[0].count),
            Op::Not(_) | Op::And(..) | Op::Or(..) | Op::Xor(..) => (OpKind::Logic, ty.width, 1),
            Op::Mux(..) => (OpKind::Mux, ty.bits(), 1),
            Op::Eq(..) | Op::Ne(..) => (OpKind::Eq, widest, 1),
            Op::Lt(..) | Op::Le(..) => (OpKind::Lt, widest, 1),
            Op::Shl(..) | Op::Shr(..) => (OpKind::Shift, ty.width, 1 << operands[1].width.min(16)),
            Op::Lzc(_) => (OpKind::Lzc, operands[0].width, 1),
            Op::ReduceOr(_) | Op::ReduceAnd(_) | Op::ReduceXor(_) => (OpKind::Reduce, operands[0].bits(), 1),
            Op::Table(_, rows) => (OpKind::Table, rows.len() as u32, ty.width),
            Op::FileRead(..) => {
                file.map_or((OpKind::Read, 1, 1), |(depth, ty)| (OpKind::Read, depth, ty.bits()))
            }
            _ => return 0.0,
        };
        self.delay(kind, n, m)
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
