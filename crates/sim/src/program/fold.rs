//! What the operations compute, one element at a time: used to fold constants.

use super::net::{Form, NetOp};

/// The number a lane value stands for.
pub(crate) fn number(value: u64, signed: bool) -> i128 {
    if signed { i128::from(value as i64) } else { i128::from(value) }
}

/// The low `width` bits of `value` as a lane value of that form: sign- or zero-extended to 64 bits.
pub(crate) const fn lane_value(value: u64, form: Form) -> u64 {
    let unused = 64 - form.width;
    if form.signed { (((value << unused) as i64) >> unused) as u64 } else { (value << unused) >> unused }
}

/// The low `width` bits of a lane value.
pub(crate) const fn pattern(value: u64, width: u32) -> u64 {
    value & (u64::MAX >> (64 - width))
}

/// The result of an elementwise operation as a lane value.
pub(crate) fn evaluate(op: &NetOp, args: &[i128], form: Form) -> u64 {
    let a = args[0];
    let b = || args[1];
    let amount = || args[1].clamp(0, 64) as u32;
    let exact: i128 = match op {
        NetOp::Add => a + b(),
        NetOp::Sub => a - b(),
        NetOp::Mul => a.wrapping_mul(b()),
        NetOp::And => a & b(),
        NetOp::Or => a | b(),
        NetOp::Xor => a ^ b(),
        NetOp::Eq => i128::from(a == b()),
        NetOp::Ne => i128::from(a != b()),
        NetOp::Lt => i128::from(a < b()),
        NetOp::Le => i128::from(a <= b()),
        NetOp::Shl => i128::from(if amount() == 64 { 0 } else { (a as u64) << amount() }),
        NetOp::Shr => a >> amount(),
        NetOp::Mux => args[if a == 1 { 1 } else { 2 }],
        NetOp::Slice(lo) => a >> lo,
        NetOp::Join(shift) => (a << shift) | b(),
        NetOp::ShlConst(shift) => a << shift,
        NetOp::Table(rows) => i128::from(rows[(a as u64).min(rows.len() as u64 - 1) as usize]),
        NetOp::Lzc(width) => i128::from((a as u64).leading_zeros() + width - 64),
        NetOp::Parity => i128::from((a as u64).count_ones() & 1),
        NetOp::Const(_)
        | NetOp::Input { .. }
        | NetOp::State
        | NetOp::FileRead(_)
        | NetOp::Sum(_)
        | NetOp::Gather
        | NetOp::Convert { .. } => unreachable!("not elementwise"),
    };
    lane_value(exact as u64, form)
}
