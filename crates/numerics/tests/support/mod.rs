//! The oracle of the tests: exact dyadic numbers over big integers, rounded by division. It shares nothing with
//! the crate but the field widths of a format.
#![allow(dead_code)]

use num_bigint::{BigInt, Sign};
use numerics::{Encoding, Format, Rounding};
use std::cmp::Ordering;

/// `int · 2^exp`, exact.
#[derive(Clone, Debug)]
pub struct Dyadic {
    pub int: BigInt,
    pub exp: i64,
}

impl Dyadic {
    pub fn new(int: impl Into<BigInt>, exp: i64) -> Self {
        Dyadic { int: int.into(), exp }
    }

    /// The number a finite pattern stands for, exponent field 0 counting as zero.
    pub fn decode(format: Format, bits: u64) -> Self {
        let field = bits / 2u64.pow(format.man_bits) % 2u64.pow(format.exp_bits);
        if field == 0 {
            return Dyadic::new(0, 0);
        }
        let sig = 2i64.pow(format.man_bits) + (bits % 2u64.pow(format.man_bits)) as i64;
        let exp = field as i64 - bias(format) - i64::from(format.man_bits);
        Dyadic::new(if is_negative(format, bits) { -sig } else { sig }, exp)
    }

    pub fn from_f64(x: f64) -> Self {
        assert!(x.is_finite());
        // 2^1074 clears every fraction; do it in two exact steps below the overflow threshold.
        let (mut scaled, mut exp) = (x, 0);
        while scaled != scaled.trunc() {
            scaled *= 2.0;
            exp -= 1;
        }
        let mut shift = 0;
        while scaled.abs() > 2f64.powi(60) {
            scaled /= 2.0;
            shift += 1;
        }
        // Dividing by two loses nothing while the number is that large.
        Dyadic::new(scaled as i64, exp + shift)
    }

    pub fn add(&self, other: &Dyadic) -> Dyadic {
        let exp = self.exp.min(other.exp);
        let aligned = |x: &Dyadic| &x.int * BigInt::from(2).pow((x.exp - exp) as u32);
        Dyadic::new(aligned(self) + aligned(other), exp)
    }

    pub fn mul(&self, other: &Dyadic) -> Dyadic {
        Dyadic::new(&self.int * &other.int, self.exp + other.exp)
    }

    pub fn is_zero(&self) -> bool {
        self.int.sign() == Sign::NoSign
    }

    /// ⌊self / 2^exp⌋ or ⌊self / 2^exp + ½⌋.
    pub fn integer(&self, exp: i64, half_up: bool) -> BigInt {
        let x = self.add(&Dyadic::new(i32::from(half_up), exp - 1));
        if x.exp >= exp {
            return x.int * BigInt::from(2).pow((x.exp - exp) as u32);
        }
        floor_div(&x.int, &BigInt::from(2).pow((exp - x.exp) as u32))
    }

    /// The pattern of this number in a format: rounded with unbounded exponent, then flushed or saturated.
    /// `negative_zero` is the sign a zero gets that was zero before rounding.
    pub fn round(&self, format: Format, rounding: Rounding, negative_zero: bool) -> u64 {
        let sign_bit = 2u64.pow(format.exp_bits + format.man_bits);
        if self.is_zero() {
            return if negative_zero { sign_bit } else { 0 };
        }
        let sign = if self.int.sign() == Sign::Minus { sign_bit } else { 0 };
        let magnitude = self.int.magnitude();
        let mut top = self.exp + magnitude.bits() as i64 - 1;
        let unit = top - i64::from(format.man_bits);
        let two = num_bigint::BigUint::from(2u32);
        let mut sig = if self.exp >= unit {
            magnitude * two.pow((self.exp - unit) as u32)
        } else {
            let divisor = two.pow((unit - self.exp) as u32);
            let (quotient, remainder) = (magnitude / &divisor, magnitude % &divisor);
            let up = match (&remainder * 2u32).cmp(&divisor) {
                Ordering::Less => false,
                Ordering::Greater => true,
                Ordering::Equal => quotient.bit(0),
            };
            if up && rounding == Rounding::Rne { quotient + 1u32 } else { quotient }
        };
        if sig.bits() > u64::from(format.man_bits) + 1 {
            sig /= 2u32;
            top += 1;
        }
        if top < 1 - bias(format) {
            return sign;
        }
        let (largest_field, largest_man) = largest(format);
        let (field, sig) = (top + bias(format), sig.iter_u64_digits().next().unwrap());
        let man = sig - 2u64.pow(format.man_bits);
        if (field, man) > (largest_field, largest_man) {
            return sign + largest_field as u64 * 2u64.pow(format.man_bits) + largest_man;
        }
        sign + field as u64 * 2u64.pow(format.man_bits) + man
    }
}

fn floor_div(a: &BigInt, b: &BigInt) -> BigInt {
    let quotient = a / b;
    if (&quotient * b) > *a { quotient - 1 } else { quotient }
}

fn bias(format: Format) -> i64 {
    2i64.pow(format.exp_bits - 1) - 1
}

/// Exponent field and stored significand of the largest finite number.
fn largest(format: Format) -> (i64, u64) {
    let (field, man) = (2i64.pow(format.exp_bits) - 1, 2u64.pow(format.man_bits) - 1);
    if format.special == Encoding::Fn { (field, man - 1) } else { (field - 1, man) }
}

pub fn is_negative(format: Format, bits: u64) -> bool {
    bits >= 2u64.pow(format.exp_bits + format.man_bits)
}

/// Every finite pattern of a narrow format.
pub fn all_finite(format: Format) -> Vec<u64> {
    let (field, man) = largest(format);
    let largest = field as u64 * 2u64.pow(format.man_bits) + man;
    let half = 2u64.pow(format.exp_bits + format.man_bits);
    (0..=largest).chain(half..=half + largest).collect()
}

pub const ROUNDINGS: [Rounding; 2] = [Rounding::Rne, Rounding::Rtz];
