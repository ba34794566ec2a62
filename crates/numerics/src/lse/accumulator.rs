//! One element of o: o ← o + (v − o)·w, in floating or fixed point.
//!
//! ```text
//! x < 0:  o' = o + p        x ≥ 0:  o' = v − p        p = (v − o)·u·2^-(U+k)
//! ```
//!
//! *Float* (format mN): three roundings to that format, d = rnd(v − o), p = rnd(d·u·2^-(U+k)), o' = rnd(o + p) or
//! rnd(v − p). The product is a significand of N+1 bits times the U bits of u, exact before its rounding; u has its
//! leading one in one of its two top bits.
//!
//! *Fixed f*: o is an integer of f+1 bits with sign. The anchor a is the largest biased exponent field of the v so far;
//! every |v| < 2^(a−bias+1), so the unit 2^(a−bias+1−f) leaves f bits for the magnitude:
//!
//! ```text
//!          bit   f   f−1           f−p  f−p−1      0
//!              | ± | significand(v), p | 0 … 0 |        sig(v) << (f−p), shifted right by a − field(v), the sign
//!                                                       applied, half-up on the signed value; f ≥ p
//! d = v − o                                             f+2 bits, signed
//! m = d·u                                               f+2+U bits, signed, exact
//! p = (m + 2^(U+k−1)) >> (U+k)     half-up; floor: without the addend; arithmetic shift      f+2 bits, signed
//! o' = o + p  or  v − p                                 f+1 bits, signed: never overflows
//! ```
//!
//! *Why it never overflows*: 0 ≤ u·2^-(U+k) ≤ 1 and both roundings are monotone and keep integers, so p lies between
//! 0 and d, both included; o + p and v − p therefore lie between o and v. By induction o never leaves the range of
//! the v it has met. (A v of the largest exponent is exact as f ≥ p; a smaller one rounds up to 2^(f−1) at most.)
//!
//! *Rescaling* by δ = a' − a > 0 uses the same datapath with v = 0, u = 2^(U−1), k = δ−1 (so w = 2^-δ), the x ≥ 0
//! form, hence o' = −round(−o·2^-δ): with half-up a tie goes down.

use super::Weights;
use crate::catalog;
use crate::fixed::{FixRound, Fixed, shift_right};
use crate::format::Format;
use crate::number::Number;
use crate::policy::Policy;
use crate::round::{round_pack, unpack};
use crate::scalar::{add_mixed, convert};
use std::fmt;

/// The representation of o. Elements are patterns: of the float format, or two's complement on f+1 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Accumulator {
    /// Floating point; bf16 is the smallest of use.
    Float(Format),
    /// Fixed point below the running largest exponent of v; where v itself is fixed point, below its largest number.
    Fixed {
        /// f: bits of the magnitude.
        frac_bits: u32,
        /// Rounding of the product.
        rounding: FixRound,
    },
}

/// What an element of o means.
///
/// In fixed point a v of b bits that is fixed point itself has its point in the same place at any time; one in floating
/// point has it where the largest exponent so far puts it:
///
/// ```text
///   bit   f   f−1         f−b+1  f−b       0
///       | ± | rest of v          | 0  …  0 |
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Elements {
    /// Numbers of a format.
    Numbers(Number),
    /// Integers of `frac_bits` + 1 bits in units that the anchor gives, which is an exponent field of `value`.
    Anchored {
        /// Format of v.
        value: Format,
        /// f, bits of the magnitude.
        frac_bits: u32,
    },
}

impl fmt::Display for Accumulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Accumulator::Float(format) => write!(f, "{format}"),
            Accumulator::Fixed { frac_bits, rounding: FixRound::HalfUp } => write!(f, "fixed{frac_bits}"),
            Accumulator::Fixed { frac_bits, rounding: FixRound::Floor } => {
                write!(f, "fixed{frac_bits}-floor")
            }
        }
    }
}

impl Accumulator {
    /// By name: that of a float format, `fixedN` (N magnitude bits, products rounded half-up) or `fixedN-floor`
    /// (products truncated).
    ///
    /// # Errors
    /// Lists the legal names.
    pub fn parse(name: &str) -> Result<Self, String> {
        let Some(rest) = name.strip_prefix("fixed") else {
            return catalog::parse(name)
                .map(Accumulator::Float)
                .map_err(|problem| format!("{problem}; or fixedN, fixedN-floor for N magnitude bits"));
        };
        let (digits, rounding) = match rest.strip_suffix("-floor") {
            Some(digits) => (digits, FixRound::Floor),
            None => (rest, FixRound::HalfUp),
        };
        match digits.parse() {
            Ok(frac_bits) if (3..=40).contains(&frac_bits) => Ok(Accumulator::Fixed { frac_bits, rounding }),
            _ => Err(format!("unknown accumulator \"{name}\": fixedN has 3 to 40 magnitude bits N")),
        }
    }

    /// Fixed point with half-up rounding.
    pub fn fixed(frac_bits: u32) -> Self {
        Accumulator::Fixed { frac_bits, rounding: FixRound::HalfUp }
    }

    /// Whether it can hold values of that format.
    ///
    /// # Errors
    /// When f is below the precision of v (in fixed point, the bits of its magnitude) or above 40, or the float format
    /// holds a floating-point v only in part. A fixed-point v may be rounded on its way into a float.
    pub fn check(&self, value: impl Into<Number>) -> Result<(), String> {
        let value = value.into();
        let least = value.magnitude_bits();
        match (*self, value) {
            (Accumulator::Fixed { frac_bits: f, .. }, _) if !(least..=40).contains(&f) => {
                Err(format!("fixed {f}: must be {least} (the precision of {value}) to 40"))
            }
            (Accumulator::Float(format), Number::Float(v))
                if format.man_bits < v.man_bits
                    || format.min_exp() > v.min_exp()
                    || format.max_exp() < v.max_exp() =>
            {
                Err(format!("accumulator {format}: must hold every {value}"))
            }
            _ => Ok(()),
        }
    }

    /// What its elements mean where v is of that format.
    pub fn elements(&self, value: impl Into<Number>) -> Elements {
        match (*self, value.into()) {
            (Accumulator::Float(format), _) => Elements::Numbers(format.into()),
            (Accumulator::Fixed { frac_bits, .. }, Number::Float(value)) => {
                Elements::Anchored { value, frac_bits }
            }
            (Accumulator::Fixed { frac_bits, .. }, Number::Fixed(v)) => {
                let frac_bits = frac_bits + 1 - v.int_bits;
                Elements::Numbers(Number::Fixed(Fixed { frac_bits, ..v }))
            }
        }
    }

    /// Width of an element.
    pub fn width(&self) -> u32 {
        match *self {
            Accumulator::Float(format) => format.width(),
            Accumulator::Fixed { frac_bits, .. } => frac_bits + 1,
        }
    }

    /// v as an element, under the anchor (ignored by a float).
    ///
    /// # Panics
    /// In fixed point, when the exponent of v is above the anchor.
    pub fn load(&self, policy: &Policy, value: impl Into<Number>, v: u64, anchor: u64) -> u64 {
        let value = value.into();
        match self.elements(value) {
            Elements::Numbers(number) => convert(value, number, policy, v),
            Elements::Anchored { value, frac_bits } => self.pattern(align(value, v, anchor, frac_bits)),
        }
    }

    /// The next o from o and v, both elements. `u_bits` is the U of the weights.
    pub fn update(&self, policy: &Policy, o: u64, v: u64, weights: &Weights, u_bits: u32) -> u64 {
        match *self {
            Accumulator::Float(format) => update_float(format, policy, o, v, weights, u_bits),
            Accumulator::Fixed { rounding, .. } => {
                let (o, v) = (self.integer(o), self.integer(v));
                self.pattern(update_fixed(o, v, weights, u_bits, rounding))
            }
        }
    }

    /// o under an anchor larger by `delta`; a float has none and stays.
    pub fn rescale(&self, o: u64, delta: u64) -> u64 {
        match *self {
            Accumulator::Fixed { rounding, .. } if delta > 0 => {
                let weights = Weights { neg: false, u: 1, k: delta as u32 - 1, g: 0 };
                self.pattern(update_fixed(self.integer(o), 0, &weights, 1, rounding))
            }
            _ => o,
        }
    }

    /// o in the format `result`, rounded once. `value` is the format of v, whose exponent field the anchor is.
    pub fn output(
        &self,
        policy: &Policy,
        value: impl Into<Number>,
        result: impl Into<Number>,
        o: u64,
        anchor: u64,
    ) -> u64 {
        match self.elements(value) {
            Elements::Numbers(number) => convert(number, result, policy, o),
            Elements::Anchored { value, frac_bits } => {
                let o = self.integer(o);
                let unit = anchor as i64 - value.bias() + 1 - i64::from(frac_bits);
                result.into().round(policy, o < 0, unit, u128::from(o.unsigned_abs()))
            }
        }
    }

    fn pattern(&self, integer: i64) -> u64 {
        let limit = 1i64 << (self.width() - 1);
        debug_assert!((-limit..limit).contains(&integer), "{integer} left its {} bits", self.width());
        integer as u64 & ((1 << self.width()) - 1)
    }

    fn integer(&self, pattern: u64) -> i64 {
        let unused = 64 - self.width();
        (pattern << unused) as i64 >> unused
    }
}

/// v as an integer in units of 2^(anchor − bias + 1 − f), half-up.
fn align(format: Format, v: u64, anchor: u64, frac_bits: u32) -> i64 {
    let (field, v) = (format.exp_field(v), unpack(format, v));
    assert!(field <= anchor, "exponent field {field} of v is above the anchor {anchor}");
    let top = i128::from(v.sig) << (frac_bits - format.precision());
    shift_right(if v.sign { -top } else { top }, (anchor - field) as i64, FixRound::HalfUp) as i64
}

fn update_fixed(o: i64, v: i64, weights: &Weights, u_bits: u32, rounding: FixRound) -> i64 {
    let product = i128::from(v - o) * i128::from(weights.u);
    let p = shift_right(product, i64::from(u_bits) + i64::from(weights.k), rounding) as i64;
    if weights.neg { o + p } else { v - p }
}

fn update_float(format: Format, policy: &Policy, o: u64, v: u64, weights: &Weights, u_bits: u32) -> u64 {
    let sum = |a, b| add_mixed(format, format, format, policy, a, b);
    let d = unpack(format, sum(v, o ^ format.sign_bit()));
    let exp = d.exp - i64::from(u_bits) - i64::from(weights.k);
    let p = round_pack(format, policy, d.sign, exp, u128::from(d.sig) * u128::from(weights.u), false);
    if weights.neg { sum(o, p) } else { sum(v, p ^ format.sign_bit()) }
}
