//! ExpMul: v·e^x with x ≤ 0 by subtracting a quantised power of two from v's exponent.
//!
//! Source: ExpMul (arXiv 2505.14314), extended by `frac_bits` f of the power (f = 0 as published).
//!
//! ```text
//! quantize:  X = x rounded half-up to 11 fraction bits, saturated to 16 bits; x > 0 counts as 0
//!            half-up is on the signed value, so on the magnitude of x < 0 a tie rounds down:
//!            |X| = kept + (guard & sticky)
//!            L = (23·|X| + 2^(14-f)) >> (15-f)      23/16 = 1 + 1/2 - 1/16 = 1.4375 ≈ log2(e);  unit 2^-f
//! apply:     L = | I = L >> f | i = low f bits |
//!            v · 2^-L ≈ (-1)^sign · sig(v)·table[i] · 2^(exp(v) - I - table_bits)
//!            table[i] = round(2^(-i/2^f) · 2^table_bits),  table[0] = 2^table_bits exactly
//!            rounded once to `result`; below its smallest normal number a zero with the sign of v
//! ```
//!
//! With f = 0 there is no table: the product is an exact exponent subtraction (and a conversion if formats differ).
//!
//! `score-first` quantisation rounds each score once and then keeps to integers, so that corrections compose exactly:
//!
//! ```text
//! quantize_score:  X = s rounded half-up to 11 fraction bits, saturated to 20 bits (9 integer bits with sign)
//!                  S = (23·X + 2^(14-f)) >> (15-f)       arithmetic shift: half-up on the signed value
//!                  m = max S;  L = clip(m - S)
//! ```

use crate::fixed::FixRound;
use crate::format::Format;
use crate::policy::Policy;
use crate::round::{round_pack, unpack};
use crate::scalar::to_fixed;

/// Fraction bits of X.
pub const X_FRAC: u32 = 11;
/// Width of X for a score difference: 5 integer bits with sign. e^-16 = 1.1e-7 is nothing beside 1 in any
/// accumulator of up to 23 bits.
pub const X_BITS: u32 = 16;
/// Width of X for a score itself: 9 integer bits with sign, |s| < 256.
pub const SCORE_X_BITS: u32 = 20;
/// log2(e) ≈ 23/16.
pub const LOG2E_16THS: i64 = 23;
/// Fraction bits of 23/16.
const LOG2E_FRAC: u32 = 4;

/// An ExpMul unit: formats and precision.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExpMulSpec {
    /// Format of v.
    pub value: Format,
    /// Format of the exponent x, or of the score.
    pub x_format: Format,
    /// Format of the product.
    pub result: Format,
    /// Fraction bits f of the power of two, 0 to 8.
    pub frac_bits: u32,
    /// Fraction bits of the table entries; unused when f = 0.
    pub table_bits: u32,
}

impl ExpMulSpec {
    /// The unit with the table width that suffices for `frac_bits`.
    pub fn new(value: Format, x_format: Format, result: Format, frac_bits: u32) -> Self {
        ExpMulSpec { value, x_format, result, frac_bits, table_bits: default_table_bits(frac_bits) }
    }

    /// Whether the widths are legal.
    ///
    /// # Errors
    /// Names the field, its value and the legal range.
    pub fn check(&self) -> Result<(), String> {
        if self.frac_bits > 8 {
            return Err(format!("frac_bits = {}: must be 0 to 8", self.frac_bits));
        }
        if self.frac_bits > 0 && !(1..=16).contains(&self.table_bits) {
            return Err(format!("table_bits = {}: must be 1 to 16", self.table_bits));
        }
        Ok(())
    }

    /// Integer bits of L: enough that the largest L flushes every v to zero, so that clipping changes nothing
    /// (⌊L⌋ ≥ max_exp − min_exp + 2 with a place for a rounding carry; bf16: 8), and at least 5 for a difference's
    /// 16·1.4375 = 23.
    pub fn level_int_bits(&self) -> u32 {
        let flushing = (self.value.max_exp() - self.result.min_exp() + 2).max(23);
        u64::BITS - (flushing as u64).leading_zeros()
    }

    /// Width of L, unsigned, in units of 2^-f.
    pub fn level_bits(&self) -> u32 {
        self.level_int_bits() + self.frac_bits
    }

    /// Width of a quantised score S, signed: 9 integer bits, one more for the factor 23/16, f fraction bits.
    pub fn score_bits(&self) -> u32 {
        SCORE_X_BITS - X_FRAC + 1 + self.frac_bits
    }

    /// Places by which 23·X is shifted right.
    pub fn level_shift(&self) -> u32 {
        X_FRAC + LOG2E_FRAC - self.frac_bits
    }

    /// The 2^f table entries, in units of 2^-table_bits; for f = 0 the single entry 1.
    pub fn table(&self) -> Vec<u64> {
        let steps = 1u32 << self.frac_bits;
        (0..steps).map(|i| self.table_entry(i)).collect()
    }

    fn table_entry(&self, i: u32) -> u64 {
        if i == 0 {
            return 1 << self.table_frac();
        }
        let value = (-f64::from(i) / f64::from(1u32 << self.frac_bits)).exp2();
        (value * f64::from(1u32 << self.table_frac())).round() as u64
    }

    /// Fraction bits of the table: `table_bits`, or 0 without a table.
    pub fn table_frac(&self) -> u32 {
        if self.frac_bits == 0 { 0 } else { self.table_bits }
    }

    /// The level of a score difference x ≤ 0 in `x_format`.
    pub fn quantize(&self, x: u64) -> u32 {
        self.level(to_fixed(self.x_format, x, X_FRAC, X_BITS, true, FixRound::HalfUp))
    }

    /// The level of a difference already in fixed point (11 fraction bits, −2^15 to 0; positive counts as 0).
    pub fn level(&self, x: i64) -> u32 {
        let magnitude = (-x).max(0);
        self.clip(self.scale(magnitude))
    }

    /// The base-2 score of s in `x_format`: signed, [`score_bits`](Self::score_bits) wide, in units of 2^-f.
    pub fn quantize_score(&self, s: u64) -> i64 {
        self.scale(to_fixed(self.x_format, s, X_FRAC, SCORE_X_BITS, true, FixRound::HalfUp))
    }

    /// The magnitude from which [`quantize_score`](Self::quantize_score) saturates.
    pub fn score_limit(&self) -> f64 {
        f64::from(1 << (SCORE_X_BITS - 1 - X_FRAC))
    }

    /// 23/16 of a fixed-point number, rounded half-up from 11 fraction bits to f.
    fn scale(&self, x: i64) -> i64 {
        let shift = self.level_shift();
        (LOG2E_16THS * x + (1 << (shift - 1))) >> shift
    }

    /// Confines a difference of levels (≥ 0) to [`level_bits`](Self::level_bits).
    pub fn clip(&self, level: i64) -> u32 {
        debug_assert!(level >= 0, "a score above the running maximum");
        level.min(self.most() as i64) as u32
    }

    /// The largest level; it flushes every v to zero.
    pub fn most(&self) -> u64 {
        (1 << self.level_bits()) - 1
    }

    /// v·2^-L, with L in units of 2^-f.
    pub fn apply(&self, policy: &Policy, v: u64, level: u32) -> u64 {
        self.apply_entry(policy, v, level, self.table_entry(self.step(level)))
    }

    /// v·2^-L with the [`table`](Self::table) at hand, for inner loops.
    pub fn apply_with(&self, table: &[u64], policy: &Policy, v: u64, level: u32) -> u64 {
        self.apply_entry(policy, v, level, table[self.step(level) as usize])
    }

    /// The low f bits of L.
    fn step(&self, level: u32) -> u32 {
        level & ((1 << self.frac_bits) - 1)
    }

    fn apply_entry(&self, policy: &Policy, v: u64, level: u32, entry: u64) -> u64 {
        let v = unpack(self.value, v);
        let exp = v.exp - i64::from(level >> self.frac_bits) - i64::from(self.table_frac());
        round_pack(self.result, policy, v.sign, exp, u128::from(v.sig) * u128::from(entry), false)
    }
}

/// Table bits that suffice: the table's rounding stays below that of L (5 for f ≤ 2, then f + 3; none for f = 0).
pub fn default_table_bits(frac_bits: u32) -> u32 {
    if frac_bits == 0 { 0 } else { (frac_bits + 3).max(5) }
}
