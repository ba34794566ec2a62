//! Values that are the same in every cycle. Linters follow constants through wires and report what is decided by them,
//! so they are written as literals where they are used.

use crate::module::{NodeId, Op};
use crate::ty::Type;

/// What is known of an operand of at most 64 bits.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// Its value, if it is constant.
    pub value: Option<i128>,
    /// The least and the greatest value its bits can have.
    pub range: (i128, i128),
}

impl Known {
    /// Of a number of this width, with the value of the pattern if there is one.
    pub(super) fn new(width: u32, signed: bool, pattern: Option<u64>) -> Known {
        let negative = |p: u64| signed && p >> (width - 1) & 1 == 1;
        let number = |p: u64| i128::from(p) - if negative(p) { 1 << width } else { 0 };
        let range =
            if signed { (-(1 << (width - 1)), (1 << (width - 1)) - 1) } else { (0, (1 << width) - 1) };
        Known { value: pattern.map(number), range }
    }
}

/// The value of an operation if it is constant; its low bits are what the node holds. `same` tells whether two
/// operands are one value.
pub(super) fn fold(
    op: &Op,
    ty: Type,
    operand: impl Fn(NodeId) -> Option<Known>,
    same: impl Fn(NodeId, NodeId) -> bool,
) -> Option<i128> {
    let value = |id: NodeId| operand(id)?.value;
    let both = |a: NodeId, b: NodeId| Some((value(a)?, value(b)?));
    let either = |a: NodeId, b: NodeId, v: i128| (value(a) == Some(v) || value(b) == Some(v)).then_some(v);
    let all_ones = if ty.signed { -1 } else { (1 << ty.width) - 1 };
    match *op {
        Op::Eq(a, b) | Op::Le(a, b) if same(a, b) => Some(1),
        Op::Ne(a, b) | Op::Lt(a, b) | Op::Xor(a, b) | Op::Sub(a, b) if same(a, b) => Some(0),
        Op::Table(_, ref rows) if rows.iter().all(|r| *r == rows[0]) => Some(i128::from(rows[0])),
        Op::Table(index, ref rows) => Some(i128::from(rows[(value(index)? as usize).min(rows.len() - 1)])),
        Op::Not(a) => Some(!value(a)?),
        Op::And(a, b) => either(a, b, 0).or_else(|| both(a, b).map(|(a, b)| a & b)),
        Op::Or(a, b) => either(a, b, all_ones).or_else(|| both(a, b).map(|(a, b)| a | b)),
        Op::Xor(a, b) => both(a, b).map(|(a, b)| a ^ b),
        Op::Add(a, b) => both(a, b).map(|(a, b)| a + b),
        Op::Sub(a, b) => both(a, b).map(|(a, b)| a - b),
        Op::Mul(a, b) => either(a, b, 0).or_else(|| both(a, b).and_then(|(a, b)| a.checked_mul(b))),
        Op::Neg(a) => Some(-value(a)?),
        Op::Eq(a, b) => both(a, b).map(|(a, b)| i128::from(a == b)),
        Op::Ne(a, b) => both(a, b).map(|(a, b)| i128::from(a != b)),
        Op::Lt(a, b) => less(operand(a)?, operand(b)?),
        Op::Le(a, b) => less(operand(b)?, operand(a)?).map(|greater| 1 - greater),
        Op::Shl(a, _) | Op::Shr(a, _) if value(a) == Some(0) => Some(0),
        Op::Shl(a, n) => both(a, n).map(|(a, n)| if n < 64 { a << n } else { 0 }),
        Op::Shr(a, n) => both(a, n).map(|(a, n)| a >> n.min(64)),
        Op::Mux(s, t, f) => match value(s) {
            Some(s) => value(if s == 1 { t } else { f }),
            None => both(t, f).and_then(|(t, f)| (t == f).then_some(t)),
        },
        Op::Resize(a) => value(a),
        Op::ReduceOr(a) => value(a).map(|a| i128::from(a != 0)),
        _ => None,
    }
}

/// Whether `a < b`, where the ranges or the values say so.
fn less(a: Known, b: Known) -> Option<i128> {
    let bounds = |k: Known| k.value.map_or(k.range, |v| (v, v));
    let ((a_least, a_most), (b_least, b_most)) = (bounds(a), bounds(b));
    let constant = a.value.is_some() || b.value.is_some();
    let certain = a_most < b_least || a_least >= b_most;
    (constant && certain).then(|| i128::from(a_most < b_least))
}
