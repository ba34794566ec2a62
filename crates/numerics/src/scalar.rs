//! Addition, multiplication, maximum and conversions, to the bit.
//!
//! Operands are patterns of finite numbers; see [`Policy`] for zeros, underflow and overflow.

use crate::fixed::{saturate, shift_right};
use crate::format::{Format, ldexp};
use crate::number::Number;
use crate::policy::Policy;

pub use crate::fixed::FixRound;
pub use crate::round::{Unpacked, round_pack, unpack};

/// Width to which [`add_mixed`] brings both significands: the widest there is.
const COMMON_PRECISION: u32 = 53;
/// An operand whose lowest place is more than this far below the other's only tells on which side of it
/// the sum lies: it is then less than 2^(53-64) of the other's last place.
const FAR: i64 = 64;

/// `a + b`, one rounding, all in one format.
pub fn add(format: Format, policy: &Policy, a: u64, b: u64) -> u64 {
    add_mixed(format, format, format, policy, a, b)
}

/// `a − b`: the sum with the sign of `b` inverted (so `0 − 0` is +0 and `(-0) − 0` is −0).
pub fn sub(format: Format, policy: &Policy, a: u64, b: u64) -> u64 {
    add(format, policy, a, b ^ format.sign_bit())
}

/// `a` in `fa` plus `b` in `fb`, rounded once to `fo`.
pub fn add_mixed(fa: Format, fb: Format, fo: Format, policy: &Policy, a: u64, b: u64) -> u64 {
    let (a, b) = (widen(unpack(fa, a), fa), widen(unpack(fb, b), fb));
    if a.sig == 0 && b.sig == 0 {
        return fo.zero(a.sign && b.sign);
    }
    let (high, low) = if b.sig == 0 || (a.sig != 0 && a.exp >= b.exp) { (a, b) } else { (b, a) };
    let distance = if low.sig == 0 { 0 } else { high.exp - low.exp };
    let low_sig = if distance > FAR { 1 } else { low.sig };
    let distance = distance.min(FAR);
    let sum = (signed(high.sign, high.sig) << distance) + signed(low.sign, low_sig);
    round_pack(fo, policy, sum < 0, high.exp - distance, sum.unsigned_abs(), false)
}

/// The same number with its leading one moved to bit 52.
fn widen(x: Unpacked, format: Format) -> Unpacked {
    let shift = COMMON_PRECISION - format.precision();
    Unpacked { sign: x.sign, exp: x.exp - i64::from(shift), sig: x.sig << shift }
}

fn signed(sign: bool, magnitude: u64) -> i128 {
    if sign { -i128::from(magnitude) } else { i128::from(magnitude) }
}

/// `a` in `fa` times `b` in `fb`, rounded once to `fo`.
pub fn mul(fa: Format, fb: Format, fo: Format, policy: &Policy, a: u64, b: u64) -> u64 {
    let (a, b) = (unpack(fa, a), unpack(fb, b));
    round_pack(fo, policy, a.sign ^ b.sign, a.exp + b.exp, u128::from(a.sig) * u128::from(b.sig), false)
}

/// The larger of two patterns in the order of sign and magnitude, −0 below +0. Nothing is rounded or flushed.
pub fn max(format: Format, a: u64, b: u64) -> u64 {
    if order_key(format, a) >= order_key(format, b) { a } else { b }
}

/// An integer that orders patterns as [`max`] does.
pub fn order_key(format: Format, bits: u64) -> i64 {
    let magnitude = (bits & format.magnitude_mask()) as i64;
    if format.is_negative(bits) { -1 - magnitude } else { magnitude }
}

/// The same number in another format, rounded once.
pub fn convert(from: impl Into<Number>, to: impl Into<Number>, policy: &Policy, a: u64) -> u64 {
    let a = from.into().unpack(a);
    to.into().round(policy, a.sign, a.exp, u128::from(a.sig))
}

/// A float as an integer in units of 2^-frac_bits, of `width` bits, saturating.
pub fn to_fixed(format: Format, a: u64, frac_bits: u32, width: u32, signed: bool, rounding: FixRound) -> i64 {
    let a = unpack(format, a);
    let magnitude = i128::from(a.sig);
    let value = if a.sign { -magnitude } else { magnitude };
    // Beyond 64 places to the left any nonzero significand saturates every width.
    let shift = (-a.exp - i64::from(frac_bits)).max(-64);
    saturate(shift_right(value, shift, rounding), width, signed)
}

/// An integer in units of 2^-frac_bits as a float; 0 gives +0.
pub fn from_fixed(format: Format, policy: &Policy, value: i64, frac_bits: u32) -> u64 {
    let magnitude = u128::from(value.unsigned_abs());
    round_pack(format, policy, value < 0, -i64::from(frac_bits), magnitude, false)
}

/// The real value of an unpacked number.
pub fn value(x: Unpacked) -> f64 {
    let magnitude = ldexp(x.sig as f64, x.exp);
    if x.sign { -magnitude } else { magnitude }
}
