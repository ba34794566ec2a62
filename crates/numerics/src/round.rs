//! Unpacking and the one shared rounder.
//!
//! Every operation hands its exact result, or enough of it and a sticky bit, to [`round_pack`]:
//!
//! ```text
//!  sig (any width)  1 x x … x | g | s s s … s | sticky
//!                   retained p bits │ guard │  ORed into sticky
//!
//!  rne: increment = g & (sticky | lsb)      g sticky lsb | increment
//!  rtz: increment = 0                       0   -     -  |    0        below half
//!                                           1   1     -  |    1        above half
//!                                           1   0     0  |    0        tie, already even
//!                                           1   0     1  |    1        tie, to even
//! ```

use crate::format::Format;
use crate::policy::{Policy, Rounding};

/// A finite number as sign, integer significand and exponent: `(-1)^sign · sig · 2^exp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unpacked {
    /// The sign bit.
    pub sign: bool,
    /// Exponent of the significand's lowest bit.
    pub exp: i64,
    /// Significand with its leading one at bit `man_bits`; 0 for a zero.
    pub sig: u64,
}

/// Splits a pattern; exponent field 0 gives a zero that keeps its sign.
///
/// The pattern must be finite in its format (checked in debug builds).
pub fn unpack(format: Format, bits: u64) -> Unpacked {
    debug_assert!(bits >> (format.width() - 1) <= 1, "{bits:#x} is wider than {format}");
    debug_assert!(format.is_finite(bits), "{bits:#x} is no finite {format}");
    let sign = format.is_negative(bits);
    let field = format.exp_field(bits);
    if field == 0 {
        return Unpacked { sign, exp: 0, sig: 0 };
    }
    let sig = bits & format.man_mask() | 1 << format.man_bits;
    Unpacked { sign, exp: field as i64 - format.bias() - i64::from(format.man_bits), sig }
}

/// Rounds `(-1)^sign · (sig + δ) · 2^exp` to a pattern of `format`, where 0 < δ < 1 if `sticky`, else δ = 0.
///
/// The exponent is unbounded while rounding; then magnitudes below 2^min_exp become a zero of that sign and
/// magnitudes above the largest finite number become it. With `sticky`, `sig` must hold the guard bit too,
/// that is at least precision + 1 bits (checked in debug builds).
pub fn round_pack(format: Format, policy: &Policy, sign: bool, exp: i64, sig: u128, sticky: bool) -> u64 {
    debug_assert!(policy.supported().is_ok(), "{policy:?}");
    let signed_zero = format.zero(sign);
    let length = i64::from(u128::BITS - sig.leading_zeros());
    let precision = i64::from(format.precision());
    debug_assert!(!sticky || length > precision, "sticky needs a guard bit");
    if sig == 0 {
        return signed_zero;
    }
    let (mut retained, mut top_exp) = (retain(sig, length - precision, sticky, policy), exp + length - 1);
    if retained >> format.precision() != 0 {
        retained >>= 1; // the increment carried out: 11…1 became 10…0
        top_exp += 1;
    }
    if top_exp < format.min_exp() {
        return signed_zero;
    }
    let field = (top_exp + format.bias()).min(1 << format.exp_bits) as u64;
    let magnitude = (field << format.man_bits) + (retained & format.man_mask());
    signed_zero | magnitude.min(format.max_finite_bits())
}

/// The top bits of `sig` without its `drop` lowest ones, rounded; `drop` may be negative (then exact).
fn retain(sig: u128, drop: i64, sticky: bool, policy: &Policy) -> u64 {
    if drop <= 0 {
        return (sig as u64) << -drop;
    }
    (sig >> drop) as u64 + u64::from(increments(policy, sig, drop as u32, sticky))
}

/// Whether dropping the `drop` lowest bits of a magnitude (1 to 127) rounds it up.
pub(crate) fn increments(policy: &Policy, sig: u128, drop: u32, sticky: bool) -> bool {
    let odd = sig >> drop & 1 == 1;
    let guard = sig >> (drop - 1) & 1 == 1;
    let sticky = sticky || sig & ((1 << (drop - 1)) - 1) != 0;
    match policy.rounding {
        Rounding::Rne => guard && (sticky || odd),
        Rounding::Rtz => false,
    }
}
