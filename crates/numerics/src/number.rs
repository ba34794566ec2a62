//! Formats of what an engine is given and gives: floating point, or two's complement fixed point.
//!
//! Both are integers times a power of two, so one pair of functions serves them: [`Number::unpack`] takes a pattern apart,
//! [`Number::round`] makes the nearest pattern of an exact integer times a power of two.

use crate::catalog;
use crate::fixed::{Fixed, saturate};
use crate::format::Format;
use crate::policy::Policy;
use crate::round::{Unpacked, increments, round_pack, unpack};
use std::fmt;

/// A number format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Number {
    /// Floating point.
    Float(Format),
    /// Two's complement fixed point, signed, of 2 to [`MAX_FIXED_BITS`] bits where it is an operand.
    Fixed(Fixed),
}

/// Widest fixed-point operand: 128 products of two of them, summed exactly, fit 63 bits.
pub const MAX_FIXED_BITS: u32 = 28;

impl From<Format> for Number {
    fn from(format: Format) -> Number {
        Number::Float(format)
    }
}

impl Number {
    /// A format by name: `qI.F` for two's complement fixed point with I integer bits (its sign among them) and F
    /// fraction bits, or that of a float ([`catalog::parse`]).
    ///
    /// # Errors
    /// Lists the legal names, or says which width is out of range.
    pub fn parse(name: &str) -> Result<Number, String> {
        let fixed = name.strip_prefix(['q', 'Q']).and_then(|rest| rest.split_once('.'));
        let Some((int_bits, frac_bits)) = fixed else {
            let legal =
                "or qI.F for fixed point with I integer bits, the sign among them, and F fraction bits";
            return catalog::parse(name).map(Number::Float).map_err(|problem| {
                if problem.starts_with("unknown") { format!("{problem}; {legal}") } else { problem }
            });
        };
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit()).then(|| s.parse::<u32>().ok()).flatten();
        let legal = format!("integer bits must be 1 or more, and both together 2 to {MAX_FIXED_BITS}");
        match (digits(int_bits), digits(frac_bits)) {
            (Some(i @ 1..=MAX_FIXED_BITS), Some(f @ 0..=MAX_FIXED_BITS))
                if (2..=MAX_FIXED_BITS).contains(&(i + f)) =>
            {
                Fixed::new(i, f, true).map(Number::Fixed)
            }
            _ => Err(format!("fixed point {name}: {legal}")),
        }
    }

    /// The floating-point format, if it is one.
    pub fn float(&self) -> Option<Format> {
        match *self {
            Number::Float(format) => Some(format),
            Number::Fixed(_) => None,
        }
    }

    /// Bits of a pattern.
    pub fn width(&self) -> u32 {
        match self {
            Number::Float(format) => format.width(),
            Number::Fixed(fixed) => fixed.width(),
        }
    }

    /// Bits of the magnitude that a product takes in: a float's significand, all bits but the sign in fixed point (the
    /// most negative number takes one more).
    pub fn magnitude_bits(&self) -> u32 {
        match self {
            Number::Float(format) => format.precision(),
            Number::Fixed(fixed) => fixed.width() - 1,
        }
    }

    /// Sign, integer significand and exponent of its lowest bit. In fixed point the significand is the magnitude, and the
    /// exponent is the same for all.
    pub fn unpack(&self, bits: u64) -> Unpacked {
        match self {
            Number::Float(format) => unpack(*format, bits),
            Number::Fixed(fixed) => {
                let integer = fixed.integer(bits);
                let exp = -i64::from(fixed.frac_bits);
                Unpacked { sign: integer < 0, exp, sig: integer.unsigned_abs() }
            }
        }
    }

    /// The pattern of `(-1)^sign · sig · 2^exp`, rounded once under the policy and saturated.
    pub fn round(&self, policy: &Policy, sign: bool, exp: i64, sig: u128) -> u64 {
        match self {
            Number::Float(format) => round_pack(*format, policy, sign, exp, sig, false),
            Number::Fixed(fixed) => {
                let drop = -i64::from(fixed.frac_bits) - exp;
                let magnitude = round_integer(policy, sig, drop);
                let integer = if sign { -magnitude } else { magnitude };
                fixed.pattern(saturate(integer, fixed.width(), fixed.signed))
            }
        }
    }

    /// The value of a pattern, exact; a float's subnormals as they are.
    pub fn decode(&self, bits: u64) -> f64 {
        match self {
            Number::Float(format) => format.decode(bits),
            Number::Fixed(fixed) => fixed.value(fixed.integer(bits)),
        }
    }

    /// The value of a pattern as hardware takes it: a float's subnormals are zeros.
    pub fn decode_flush(&self, bits: u64) -> f64 {
        match self {
            Number::Float(format) => format.decode_flush(bits),
            Number::Fixed(_) => self.decode(bits),
        }
    }

    /// The pattern nearest to `value` under the policy; beyond the largest number that number.
    ///
    /// # Panics
    /// When `value` is NaN.
    pub fn encode(&self, value: f64, policy: &Policy) -> u64 {
        match self {
            Number::Float(format) => format.encode(value, policy),
            Number::Fixed(fixed) => {
                let wide = Format::ieee(11, 52);
                // Of this magnitude everything saturates, and the integer below stays small.
                let value = value.clamp(-1e30, 1e30);
                let x = unpack(wide, wide.encode(value, policy));
                Number::Fixed(*fixed).round(policy, x.sign, x.exp, x.sig.into())
            }
        }
    }

    /// Pattern of a zero, of a float +0.
    pub fn zero(&self) -> u64 {
        0
    }

    /// Whether the pattern is a zero as hardware takes it.
    pub fn is_zero(&self, bits: u64) -> bool {
        match self {
            Number::Float(format) => format.is_zero(bits),
            Number::Fixed(_) => bits == 0,
        }
    }

    /// Whether the pattern is the largest number of its sign, which larger ones become.
    pub fn is_extreme(&self, bits: u64) -> bool {
        match self {
            Number::Float(format) => bits & format.magnitude_mask() == format.max_finite_bits(),
            Number::Fixed(fixed) => [fixed.min(), fixed.max()].contains(&fixed.integer(bits)),
        }
    }

    /// Whether a real number lies beyond the range.
    pub fn exceeds(&self, value: f64) -> bool {
        match self {
            Number::Float(format) => value.abs() > format.decode(format.max_finite_bits()),
            Number::Fixed(fixed) => value > fixed.value(fixed.max()) || value < fixed.value(fixed.min()),
        }
    }

    /// `e8m7`, `q8_8`: what module and file names carry.
    pub fn name(&self) -> String {
        match self {
            Number::Float(format) => format.name(),
            Number::Fixed(fixed) => format!("q{}_{}", fixed.int_bits, fixed.frac_bits),
        }
    }
}

/// `sig · 2^-drop` as an integer, at most 2^100.
fn round_integer(policy: &Policy, sig: u128, drop: i64) -> i128 {
    const MOST: u128 = 1 << 100;
    if drop <= 0 {
        let too_large = i64::from(sig.leading_zeros()) <= 27 - drop;
        return if sig == 0 { 0 } else { (if too_large { MOST } else { sig << -drop }) as i128 };
    }
    if drop >= 128 {
        return 0;
    }
    let kept = sig.checked_shr(drop as u32).unwrap_or(0);
    let increment = u128::from(increments(policy, sig, drop as u32, false));
    (kept + increment).min(MOST) as i128
}

impl fmt::Display for Number {
    /// The name that configurations give it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Float(format) => format.fmt(f),
            Number::Fixed(fixed) => write!(f, "q{}.{}", fixed.int_bits, fixed.frac_bits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Rounding;

    fn q8_8() -> Number {
        Number::parse("q8.8").unwrap()
    }

    #[test]
    fn names_parse_back() {
        for name in ["q8.8", "q1.1", "q2.0", "q1.27", "bf16", "fp8-e4m3"] {
            assert_eq!(Number::parse(name).unwrap().to_string(), name);
        }
        assert_eq!(Number::parse("Q8.8"), Ok(q8_8()));
        assert_eq!((q8_8().width(), q8_8().magnitude_bits(), q8_8().name()), (16, 15, "q8_8".into()));
        for bad in ["q0.8", "q1.0", "q1.28", "q16.16", "q8", "q8.", "q.8", "q8.x", "q-1.8", "q99999999999.1"]
        {
            let problem = Number::parse(bad).unwrap_err();
            assert!(problem.contains(bad), "{problem}");
        }
        assert!(Number::parse("e1m3").unwrap_err().ends_with("exponent bits must be 2 to 11"));
        assert!(Number::parse("q8").unwrap_err().contains("qI.F"));
    }

    #[test]
    fn every_pattern_survives() {
        let policy = Policy::default();
        for bits in 0..1 << 16 {
            let x = q8_8().unpack(bits);
            assert_eq!(q8_8().round(&policy, x.sign, x.exp, x.sig.into()), bits);
            assert_eq!(q8_8().encode(q8_8().decode(bits), &policy), bits);
        }
    }

    #[test]
    fn ties_go_to_even_and_large_numbers_saturate() {
        let (rne, rtz) = (Policy::default(), Policy::with_rounding(Rounding::Rtz));
        let units = |value: f64, policy| q8_8().encode(value / 256.0, policy) as u16 as i16;
        let to_even = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.501].map(|x| units(x, &rne));
        assert_eq!(to_even, [0, 2, 2, 0, -2, -2, 3]);
        assert_eq!([0.9, -0.9, 1.5, -1.5].map(|x| units(x, &rtz)), [0, 0, 1, -1]);
        for policy in [&rne, &rtz] {
            let ends = [1e9, -1e9, f64::INFINITY, f64::NEG_INFINITY, 32768.0, -32768.0];
            let expected = [32767, -32768, 32767, -32768, 32767, -32768];
            assert_eq!(ends.map(|x| units(x, policy)), expected);
        }
        assert_eq!(q8_8().round(&rne, false, 90, 1 << 60), 0x7fff);
        assert_eq!(q8_8().round(&rne, true, -300, u128::MAX), 0);
        assert!(q8_8().exceeds(128.0) && !q8_8().exceeds(-128.0) && q8_8().is_extreme(0x8000));
    }
}
