//! Scores to fixed point, the weight and the gain of an x, the update of c. See the parent module for the steps.

use super::{LseKind, LseSpec, LseTable};
use crate::base2_score::Base2Score;
use crate::fixed::{FixRound, saturate, shift_right};
use crate::format::Format;
use crate::pwl::Segment;

/// What one x does to c and o.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Weights {
    /// x < 0: the new key is the smaller side.
    pub neg: bool,
    /// The smaller side's weight is u·2^-(U+k), at most 1/2 up to the error of the table; u < 2^U.
    pub u: u64,
    /// See `u`.
    pub k: u32,
    /// What is added to the larger of s and c, in units of 2^-Fc; 0 to 2^Fc.
    pub g: i64,
}

/// What a threshold T on |x| makes of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Skip {
    /// |x| < T: an update like any other.
    Update,
    /// x ≤ −T: c and o are held.
    Hold,
    /// x ≥ T: c ← s and o ← v.
    Replace,
}

impl LseSpec {
    /// The fixed-point format of a score.
    pub fn score(&self) -> Base2Score {
        Base2Score { int_bits: self.score_int_bits, frac_bits: self.fs }
    }

    /// A score as an integer in units of 2^-Fs, see [`Base2Score::quantize`].
    pub fn quantize_score(&self, format: Format, bits: u64, log2e: bool) -> i64 {
        self.score().quantize(format, bits, log2e)
    }

    /// A score in the units of c, which is also c after the first key.
    pub fn align_score(&self, s: i64) -> i64 {
        s << (self.fc - self.fs)
    }

    /// Weight and gain of x, in units of 2^-Fx.
    pub fn gain(&self, x: i64) -> Weights {
        self.gain_with(&self.tables(), x)
    }

    /// Weight and gain with the table at hand, for inner loops.
    pub fn gain_with(&self, table: &LseTable, x: i64) -> Weights {
        let magnitude = x.unsigned_abs();
        let (k, fraction) = ((magnitude >> self.fx) as i64, magnitude & ((1 << self.fx) - 1));
        let row = k.min(i64::from(self.k_rows)) as u64;
        let segment = (row << self.seg_bits | fraction >> self.offset_bits()) as usize;
        let offset = (fraction & ((1 << self.offset_bits()) - 1)) as i64;
        let (u, shift) = match self.kind {
            LseKind::Shift => {
                let power = table.powers[(row << self.fx | fraction) as usize];
                (power.u, k + power.lift)
            }
            LseKind::Table { .. } => (table.u[segment].base as u64, k),
            LseKind::Pwl => (self.round_u(self.line(table.u[segment], offset)), k),
        };
        let g = self.shift_gain(self.line(table.h[segment], offset), k);
        Weights { neg: x < 0, u, k: shift as u32, g }
    }

    /// B·2^(P−C) − S·t in units of 2^-P; an entry as it stands.
    fn line(&self, segment: Segment, offset: i64) -> i64 {
        let base_shift = match self.kind {
            LseKind::Table { .. } => 0,
            _ => self.h_frac() - self.base_frac,
        };
        (segment.base << base_shift) - segment.slope * offset
    }

    /// Half-up from P to U fraction bits.
    fn round_u(&self, line: i64) -> u64 {
        let drop = self.h_frac() - self.u_bits;
        ((line + (1 << (drop - 1))) >> drop) as u64
    }

    /// h·2^-k from P to Fc fraction bits: one shift, one rounding, half-up.
    fn shift_gain(&self, h: i64, k: i64) -> i64 {
        let drop = i64::from(self.h_frac()) + k - i64::from(self.fc);
        shift_right(i128::from(h), drop, FixRound::HalfUp) as i64
    }

    /// The next c, and the weights for o, from c (units 2^-Fc) and a score (units 2^-Fs).
    pub fn update_c(&self, c: i64, s: i64) -> (i64, Weights) {
        self.join_c_with(&self.tables(), c, self.align_score(s))
    }

    /// x = s − c, both in units of 2^-Fc, rounded half-up to units of 2^-Fx.
    pub fn argument(&self, c: i64, s: i64) -> i64 {
        shift_right(i128::from(s - c), i64::from(self.fc - self.fx), FixRound::HalfUp) as i64
    }

    /// Whether a threshold of T octaves skips the update at `x` (units 2^-Fx). A skipped key loses at most 2^-T of
    /// the sum.
    pub fn skip(&self, x: i64, threshold: u32) -> Skip {
        match i64::from(threshold) << self.fx {
            t if x <= -t => Skip::Hold,
            t if x >= t => Skip::Replace,
            _ => Skip::Update,
        }
    }

    /// [`update_c`](Self::update_c) with both in units of 2^-Fc and the table at hand: the datapath itself, which
    /// also merges two states (`s` is then the other state's c).
    pub fn join_c_with(&self, table: &LseTable, c: i64, s: i64) -> (i64, Weights) {
        let weights = self.gain_with(table, self.argument(c, s));
        let next = if weights.neg { c + weights.g } else { s + weights.g };
        debug_assert_eq!(
            next,
            saturate(next.into(), self.c_bits(), true),
            "c left its {} bits",
            self.c_bits()
        );
        (next, weights)
    }
}
