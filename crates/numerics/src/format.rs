//! Binary floating-point formats as data.
//!
//! ```text
//!  width-1   width-2 … man_bits   man_bits-1 … 0
//! | sign  |  biased exponent    |  stored significand |      bias = 2^(exp_bits-1) - 1
//! exponent field 0        : ±0 (subnormals are flushed, see Policy)
//! exponent field all ones : infinity and NaN (Encoding::Ieee), or numbers like any other
//!                           except the all-ones magnitude, which is NaN (Encoding::Fn)
//! otherwise               : (-1)^sign · 1.significand · 2^(exponent - bias)
//! ```

use crate::policy::Policy;
use crate::round::round_pack;
use std::fmt;

/// What the exponent field of all ones means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Encoding {
    /// Infinities and NaN, as in IEEE 754.
    Ieee,
    /// Finite numbers, except that the all-ones magnitude is NaN; no infinity (OCP 8-bit e4m3).
    Fn,
}

/// A binary floating-point format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Format {
    /// Width of the exponent field, 2 to 11.
    pub exp_bits: u32,
    /// Stored significand bits, 1 to 52 (the leading one is not stored).
    pub man_bits: u32,
    /// Meaning of the top exponent.
    pub special: Encoding,
}

impl Format {
    /// An IEEE-like format.
    ///
    /// # Errors
    /// When `exp_bits` is outside 2..=11 or `man_bits` outside 1..=52 (every value must be an exact `f64`).
    pub fn new(exp_bits: u32, man_bits: u32) -> Result<Self, String> {
        if !(2..=11).contains(&exp_bits) {
            return Err(format!("format e{exp_bits}m{man_bits}: exponent bits must be 2 to 11"));
        }
        if !(1..=52).contains(&man_bits) {
            return Err(format!("format e{exp_bits}m{man_bits}: significand bits must be 1 to 52"));
        }
        Ok(Format { exp_bits, man_bits, special: Encoding::Ieee })
    }

    /// An IEEE-like format known to be legal, for tables of constants.
    pub(crate) const fn ieee(exp_bits: u32, man_bits: u32) -> Self {
        Format { exp_bits, man_bits, special: Encoding::Ieee }
    }

    /// Bits of a pattern: sign, exponent and stored significand.
    pub fn width(&self) -> u32 {
        1 + self.exp_bits + self.man_bits
    }

    /// Bits of a significand with its leading one, p = man_bits + 1.
    pub fn precision(&self) -> u32 {
        self.man_bits + 1
    }

    /// Exponent bias.
    pub fn bias(&self) -> i64 {
        (1 << (self.exp_bits - 1)) - 1
    }

    /// Exponent of the smallest normal number, 1 − bias.
    pub fn min_exp(&self) -> i64 {
        1 - self.bias()
    }

    /// Exponent of the largest finite number.
    pub fn max_exp(&self) -> i64 {
        self.max_exp_field() as i64 - self.bias()
    }

    fn max_exp_field(&self) -> u64 {
        match self.special {
            Encoding::Ieee => (1 << self.exp_bits) - 2,
            Encoding::Fn => (1 << self.exp_bits) - 1,
        }
    }

    /// Mask of the stored significand.
    pub fn man_mask(&self) -> u64 {
        (1 << self.man_bits) - 1
    }

    /// Mask of exponent and significand.
    pub fn magnitude_mask(&self) -> u64 {
        (1 << (self.width() - 1)) - 1
    }

    /// The sign bit.
    pub fn sign_bit(&self) -> u64 {
        1 << (self.width() - 1)
    }

    /// Pattern of the largest finite number.
    pub fn max_finite_bits(&self) -> u64 {
        let man = match self.special {
            Encoding::Ieee => self.man_mask(),
            Encoding::Fn => self.man_mask() - 1, // all ones is NaN
        };
        (self.max_exp_field() << self.man_bits) | man
    }

    /// Pattern of the smallest normal number, 2^min_exp.
    pub fn min_normal_bits(&self) -> u64 {
        1 << self.man_bits
    }

    /// Pattern of 1.
    pub fn one(&self) -> u64 {
        (self.bias() as u64) << self.man_bits
    }

    /// Pattern of a zero of the given sign.
    pub fn zero(&self, negative: bool) -> u64 {
        if negative { self.sign_bit() } else { 0 }
    }

    /// Whether the sign bit is set (also for −0).
    pub fn is_negative(&self, bits: u64) -> bool {
        bits & self.sign_bit() != 0
    }

    /// The biased exponent field.
    pub fn exp_field(&self, bits: u64) -> u64 {
        bits >> self.man_bits & ((1 << self.exp_bits) - 1)
    }

    /// Whether the pattern is a zero once subnormals are flushed.
    pub fn is_zero(&self, bits: u64) -> bool {
        self.exp_field(bits) == 0
    }

    /// Whether the pattern is NaN.
    pub fn is_nan(&self, bits: u64) -> bool {
        let magnitude = bits & self.magnitude_mask();
        match self.special {
            Encoding::Ieee => magnitude > self.infinity_bits(),
            Encoding::Fn => magnitude == self.magnitude_mask(),
        }
    }

    /// Whether the pattern is neither infinity nor NaN.
    pub fn is_finite(&self, bits: u64) -> bool {
        bits & self.magnitude_mask() <= self.max_finite_bits()
    }

    fn infinity_bits(&self) -> u64 {
        ((1 << self.exp_bits) - 1) << self.man_bits
    }

    /// The value of a pattern, subnormals included; infinities and NaN as `f64` has them. Always exact.
    pub fn decode(&self, bits: u64) -> f64 {
        let sign = if self.is_negative(bits) { -1.0 } else { 1.0 };
        if self.is_nan(bits) {
            return f64::NAN;
        }
        if !self.is_finite(bits) {
            return sign * f64::INFINITY;
        }
        let field = self.exp_field(bits);
        let man = bits & self.man_mask();
        let sig = if field == 0 { man } else { man | 1 << self.man_bits };
        let exp = field.max(1) as i64 - self.bias() - i64::from(self.man_bits);
        sign * ldexp(sig as f64, exp)
    }

    /// The value of a pattern with subnormals flushed to a zero of their sign.
    pub fn decode_flush(&self, bits: u64) -> f64 {
        if self.is_zero(bits) { self.decode(bits & self.sign_bit()) } else { self.decode(bits) }
    }

    /// The pattern nearest to `value` under the policy, in one exact rounding. Infinity saturates.
    ///
    /// # Panics
    /// When `value` is NaN: no pattern stands for it under the finite policy.
    pub fn encode(&self, value: f64, policy: &Policy) -> u64 {
        assert!(!value.is_nan(), "NaN cannot be encoded in {self}");
        let sign = value.is_sign_negative();
        if value.is_infinite() {
            return self.zero(sign) | self.max_finite_bits();
        }
        let bits = value.to_bits();
        let field = (bits >> 52 & 0x7ff) as i64;
        let man = bits & ((1 << 52) - 1);
        let sig = if field == 0 { man } else { man | 1 << 52 };
        round_pack(*self, policy, sign, field.max(1) - 1075, u128::from(sig), false)
    }

    /// `e8m7`, or `e4m3fn` for [`Encoding::Fn`]: what module and file names carry.
    pub fn name(&self) -> String {
        let suffix = match self.special {
            Encoding::Ieee => "",
            Encoding::Fn => "fn",
        };
        format!("e{}m{}{suffix}", self.exp_bits, self.man_bits)
    }

    /// The usual name (`bf16`) if the catalogue has one.
    pub fn alias(&self) -> Option<&'static str> {
        crate::catalog::name_of(self)
    }
}

impl fmt::Display for Format {
    /// The usual name if there is one, else the `eXmY` name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.alias() {
            Some(alias) => f.write_str(alias),
            None => f.write_str(&self.name()),
        }
    }
}

/// `value · 2^exp`, exact whenever the result is an `f64`.
pub(crate) fn ldexp(value: f64, exp: i64) -> f64 {
    // Each factor stays a normal power of two; the steps go towards the result, so only the last can round.
    let mut value = value;
    let mut exp = exp;
    while exp > 1000 {
        value *= power_of_two(1000);
        exp -= 1000;
    }
    while exp < -1000 {
        if value == 0.0 || exp < -5000 {
            return value * 0.0;
        }
        value *= power_of_two(-1000);
        exp += 1000;
    }
    value * power_of_two(exp)
}

fn power_of_two(exp: i64) -> f64 {
    f64::from_bits(((exp + 1023) as u64) << 52)
}
