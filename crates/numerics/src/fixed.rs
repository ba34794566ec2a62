//! Fixed-point formats Qi.f: an integer in units of 2^-f.

use std::fmt;

/// How bits below the lowest place are removed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FixRound {
    /// ⌊x + ½⌋: to nearest, ties towards +∞ (so −2.5 becomes −2).
    HalfUp,
    /// ⌊x⌋: arithmetic shift.
    Floor,
}

/// A fixed-point format: `int_bits + frac_bits` bits, the sign counted among the integer bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fixed {
    /// Integer bits, with the sign bit if signed.
    pub int_bits: u32,
    /// Fraction bits.
    pub frac_bits: u32,
    /// Two's complement if set.
    pub signed: bool,
}

impl Fixed {
    /// A fixed-point format.
    ///
    /// # Errors
    /// When the width is not 1 to 63 bits (values are held in `i64`).
    pub fn new(int_bits: u32, frac_bits: u32, signed: bool) -> Result<Self, String> {
        if !(1..=63).contains(&(u64::from(int_bits) + u64::from(frac_bits))) {
            return Err(format!(
                "fixed point Q{int_bits}.{frac_bits}: integer and fraction bits must sum to 1 to 63"
            ));
        }
        Ok(Fixed { int_bits, frac_bits, signed })
    }

    /// Total width in bits.
    pub fn width(&self) -> u32 {
        self.int_bits + self.frac_bits
    }

    /// The smallest integer it holds.
    pub fn min(&self) -> i64 {
        range(self.width(), self.signed).0
    }

    /// The largest integer it holds.
    pub fn max(&self) -> i64 {
        range(self.width(), self.signed).1
    }

    /// The integer that a pattern of [`width`](Self::width) bits stands for.
    pub fn integer(&self, pattern: u64) -> i64 {
        let unused = 64 - self.width();
        let top = pattern << unused;
        if self.signed { top as i64 >> unused } else { (top >> unused) as i64 }
    }

    /// The pattern of an integer that fits.
    pub fn pattern(&self, integer: i64) -> u64 {
        debug_assert!((self.min()..=self.max()).contains(&integer), "{integer} is outside {self}");
        integer as u64 & (u64::MAX >> (64 - self.width()))
    }

    /// Clamps an integer in units of 2^-frac_bits to the range.
    pub fn saturate(&self, value: i128) -> i64 {
        saturate(value, self.width(), self.signed)
    }

    /// Quantises a real number (not NaN), saturating.
    pub fn quantize(&self, value: f64, rounding: FixRound) -> i64 {
        assert!(!value.is_nan(), "NaN cannot be held in {self}");
        // Widths stay below 2^63, so clamping first loses nothing and makes the scaled value an exact f64.
        let scaled = crate::format::ldexp(value, i64::from(self.frac_bits)).clamp(-1e19, 1e19);
        let floor = scaled.floor();
        let up = rounding == FixRound::HalfUp && scaled - floor >= 0.5;
        self.saturate(floor as i128 + i128::from(up))
    }

    /// The real value of an integer in units of 2^-frac_bits.
    pub fn value(&self, integer: i64) -> f64 {
        crate::format::ldexp(integer as f64, -i64::from(self.frac_bits))
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.signed { "" } else { "U" };
        write!(f, "{sign}Q{}.{}", self.int_bits, self.frac_bits)
    }
}

/// `value · 2^-shift` as an integer; a negative shift goes left. The left-shifted value must fit 127 bits.
pub fn shift_right(value: i128, shift: i64, rounding: FixRound) -> i128 {
    if shift <= 0 {
        return value << -shift;
    }
    let shift = shift.min(126); // beyond it only the sign is left, and so it is at 126 for |value| < 2^125
    let half = match rounding {
        FixRound::HalfUp => 1 << (shift - 1),
        FixRound::Floor => 0,
    };
    (value + half) >> shift
}

/// Clamps to `width` bits (1 to 63 of them, 64 when signed).
pub fn saturate(value: i128, width: u32, signed: bool) -> i64 {
    let (min, max) = range(width, signed);
    value.clamp(i128::from(min), i128::from(max)) as i64
}

fn range(width: u32, signed: bool) -> (i64, i64) {
    assert!(width >= 1 && width <= 63 + u32::from(signed), "width {width}");
    let magnitude_bits = width - u32::from(signed);
    let max = (1i128 << magnitude_bits) - 1;
    (if signed { (-max - 1) as i64 } else { 0 }, max as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_of_ties_goes_up() {
        let q = Fixed::new(5, 1, true).unwrap();
        assert_eq!(q.quantize(-1.25, FixRound::HalfUp), -2);
        assert_eq!(q.quantize(1.25, FixRound::HalfUp), 3);
        assert_eq!(q.quantize(-1.25, FixRound::Floor), -3);
        assert_eq!(shift_right(-5, 1, FixRound::HalfUp), -2);
        assert_eq!(shift_right(-5, 1, FixRound::Floor), -3);
        assert_eq!(shift_right(-5, 500, FixRound::Floor), -1);
        assert_eq!(shift_right(-5, 500, FixRound::HalfUp), 0);
        assert_eq!(shift_right(3, -2, FixRound::Floor), 12);
        assert_eq!(shift_right(3 << 100, 101, FixRound::HalfUp), 2);
    }

    #[test]
    fn saturation_at_both_ends() {
        let q = Fixed::new(5, 11, true).unwrap();
        assert_eq!((q.width(), q.min(), q.max()), (16, -32768, 32767));
        assert_eq!(q.quantize(f64::NEG_INFINITY, FixRound::HalfUp), -32768);
        assert_eq!(q.quantize(1e300, FixRound::Floor), 32767);
        assert_eq!(q.value(-32768), -16.0);
        let u = Fixed { signed: false, ..q };
        assert_eq!((u.min(), u.max(), u.quantize(-3.0, FixRound::Floor)), (0, 65535, 0));
        assert_eq!(u.to_string(), "UQ5.11");
    }

    #[test]
    fn widths_are_checked() {
        assert!(Fixed::new(0, 0, true).is_err());
        assert!(Fixed::new(40, 24, true).is_err());
        assert_eq!(saturate(i128::MAX, 64, true), i64::MAX);
    }
}
