//! Scores in base 2 as fixed-point numbers: what the integer scalar paths of the base-2 kernels start from.

use crate::fixed::{FixRound, saturate, shift_right};
use crate::format::Format;
use crate::round::unpack;

/// Fraction bits of the constant log2(e): an error of −7.0e-6, 1e-4 of a score of 16.
pub const LOG2E_FRAC: u32 = 14;
/// round(log2(e)·2^14), 15 bits.
pub const LOG2E: i64 = 23637;

/// A fixed-point format of base-2 scores, signed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Base2Score {
    /// Is, integer bits with the sign.
    pub int_bits: u32,
    /// Fs, fraction bits.
    pub frac_bits: u32,
}

impl Base2Score {
    /// Width of a score.
    pub fn bits(&self) -> u32 {
        self.int_bits + self.frac_bits
    }

    /// The largest integer of a score; the smallest is −this − 1.
    pub fn max(&self) -> i64 {
        (1 << (self.bits() - 1)) - 1
    }

    /// The largest score, in natural-log units.
    pub fn limit(&self) -> f64 {
        self.max() as f64 * (-f64::from(self.frac_bits)).exp2() / std::f64::consts::LOG2_E
    }

    /// A float score as an integer in units of 2^-Fs, rounded half-up on the signed value and saturated to
    /// [`bits`](Self::bits).
    ///
    /// With `log2e` the score is in natural-log units and its significand is first multiplied, exactly, by the
    /// constant [`LOG2E`]:
    ///
    /// ```text
    /// sig(s): p bits · 23637: 15 bits = m: p+15 bits;  value = ±m·2^e,  e = exp(s) − man_bits − 14
    /// n = −(e + Fs):  n ≤ 0: m << −n (saturates from Is+Fs places on)
    ///                 n > 0: | kept = m >> n | guard | sticky |;  magnitude = kept + (guard & (!sign | sticky))
    ///                 n > p+15: 0
    /// ```
    pub fn quantize(&self, format: Format, bits: u64, log2e: bool) -> i64 {
        let s = unpack(format, bits);
        let (factor, factor_frac) = if log2e { (LOG2E, LOG2E_FRAC) } else { (1, 0) };
        let magnitude = i128::from(s.sig) * i128::from(factor);
        let value = if s.sign { -magnitude } else { magnitude };
        // 40 places to the left already saturate the widest score.
        let shift = (i64::from(factor_frac) - s.exp - i64::from(self.frac_bits)).max(-40);
        saturate(shift_right(value, shift, FixRound::HalfUp), self.bits(), true)
    }
}
