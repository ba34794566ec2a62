//! FLASH-D with a log-sum-exp state: the scalar path, the element update and the merge, all in integers.
//!
//! Mathematics (FLASH-D, arXiv 2505.14201, restated so that the state survives quantisation). With base-2 scores s_i
//! carry c_i = log2 Σ_{j≤i} 2^{s_j}; for the next score x = s − c and
//!
//! ```text
//! w = 1/(1 + 2^-x)      c ← max(s, c) + log2(1 + 2^-|x|)      o ← o + (v − o)·w
//! ```
//!
//! No maximum, no sum, no division; 1 − w and the gain of c depend on |x| alone and share one table row.
//! Widths below: Is, Ic = integer bits of s and c with sign; Fs, Fx, Fc = fraction bits of s, x, c.
//!
//! ```text
//! 1. x:   S = s << (Fc−Fs)                                                               Ic+Fc bits, signed
//!         D = S − c                                                                    Ic+1+Fc bits, signed
//!         X = (D + 2^(Fc−Fx−1)) >> (Fc−Fx)     half-up, arithmetic; D itself if Fx = Fc  Ic+1+Fx bits, signed
//! 2. neg = X < 0;   A = |X|                                                            Ic+Fx bits, unsigned
//!
//!         A = | k: Ic bits | F: Fx bits           |        r = min(k, K)   row
//!                          | j: b bits | t: Fx−b  |        segment j of the row, offset t into it
//!
//! 3. weight of the smaller side    w_small = u·2^-(U+k)  ≈ 1/(1+2^|x|)
//!    gain of c                     g·2^-Fc               ≈ log2(1+2^-|x|)
//!
//!    pwl:    P = S+Fx;    u = (Bu·2^(P−C) − Su·t + 2^(P−U−1)) >> (P−U)          P bits before the shift, U after
//!                         h =  Bh·2^(P−C) − Sh·t                                P+1 bits (1 ≤ 2^k·g < 1.5)
//!    table:  P = h_bits;  u, h read at (r, F)
//!    shift:  u and k' − k ∈ {−1, 0, 1} read at (r, F), k' then stands for k in w_small; h as in pwl
//!
//!    n = P + k − Fc;      g = n > 0 ? (h + 2^(n−1)) >> n : h << −n              Fc+1 bits (g = 2^Fc at x = 0)
//!
//! 4. c' = neg ? c + g : S + g                                                   Ic+Fc bits, never overflows
//! ```
//!
//! *c keeps to its width.* h < 2, so g = 0 as soon as k ≥ Fc+2: a score that far below c no longer moves it. With M
//! the largest score so far, c ≤ M + Fc + 3 whatever the number of keys (and c ≥ −2^(Is−1), as every new c is a sum of
//! s or c and a g ≥ 0). A merge, whose s is another c, adds at most as much once more, hence the rule of
//! [`LseSpec::check`]: 2^(Ic−1) ≥ 2^(Is−1) + 2·(Fc+3). Then |x| ≤ 2^Is + 2·(Fc+3) < 2^Ic, the width of A.
//!
//! *k may be clipped*: a k above [`LseSpec::k_clip`] acts like that one on c and on a fixed-point o.
//!
//! *Skipping*: with a threshold T, X ≤ −T·2^Fx holds c and o (no write), X ≥ T·2^Fx replaces them by S and v, see
//! [`LseSpec::skip`]. What is lost is at most 2^-T of the sum for each key.
//!
//! The element update is [`Accumulator`], queries as a whole [`LseKernel`].

mod accumulator;
mod scalar;
mod state;
mod table;

pub use crate::base2_score::{LOG2E, LOG2E_FRAC};
pub use accumulator::{Accumulator, Elements};
pub use scalar::{Skip, Weights};
pub use state::{LseKernel, LseState};
pub use table::{LseTable, Power};

/// How w_small comes from |x|.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LseKind {
    /// Lines for u and h: [`seg_bits`](LseSpec::seg_bits) select one of a row's.
    Pwl,
    /// One entry for u and h per grid point of F; no multiplier.
    Table {
        /// Fraction bits of h.
        h_bits: u32,
    },
    /// w_small is the number with `u_bits` significant bits nearest in value to 1/(1+2^|x|), at most 1/2; with
    /// `u_bits` = 1 a power of two, and the element multiplier is gone. h by lines.
    Shift,
}

/// The scalar path's parameters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LseSpec {
    /// K: rows k = 0 … K, the last serving every k ≥ K.
    pub k_rows: u32,
    /// b: a row has 2^b segments over F.
    pub seg_bits: u32,
    /// Fx, fraction bits of x.
    pub fx: u32,
    /// Fs, fraction bits of a score.
    pub fs: u32,
    /// Fc, fraction bits of c.
    pub fc: u32,
    /// U, bits of u.
    pub u_bits: u32,
    /// C, fraction bits of the bases Bu and Bh; without lines 0.
    pub base_frac: u32,
    /// S, fraction bits of the slopes Su and Sh; without lines 0.
    pub slope_frac: u32,
    /// How w_small comes from |x|.
    pub kind: LseKind,
    /// Is, integer bits of a score with its sign.
    pub score_int_bits: u32,
    /// Ic, integer bits of c with its sign.
    pub c_int_bits: u32,
}

/// The named parameter sets, from the smallest hardware to the most exact.
pub const LSE_PRESETS: &[(&str, LseSpec)] = &[
    ("shift", LseSpec::shift(1)),
    ("shift2", LseSpec::shift(2)),
    ("shift3", LseSpec::shift(3)),
    ("shift4", LseSpec::shift(4)),
    ("shift5", LseSpec::shift(5)),
    ("table", LseSpec::TABLE),
    ("mid", LseSpec::MID),
    ("fine", LseSpec::FINE),
];

impl LseSpec {
    /// 40 entries of u (4 bits) and h (5 fraction bits).
    pub const TABLE: LseSpec = LseSpec {
        k_rows: 4,
        seg_bits: 3,
        fx: 3,
        fs: 4,
        fc: 8,
        u_bits: 4,
        base_frac: 0,
        slope_frac: 0,
        kind: LseKind::Table { h_bits: 5 },
        score_int_bits: 9,
        c_int_bits: 10,
    };

    /// 16 lines; w within 1.85 %. Fc = 10 suffices in blocks of 64 keys; flat use takes 14.
    pub const MID: LseSpec = LseSpec {
        k_rows: 7,
        seg_bits: 1,
        fx: 6,
        fs: 6,
        fc: 10,
        u_bits: 7,
        base_frac: 8,
        slope_frac: 6,
        kind: LseKind::Pwl,
        score_int_bits: 9,
        c_int_bits: 10,
    };

    /// 32 lines; w within 0.78 %.
    pub const FINE: LseSpec =
        LseSpec { seg_bits: 2, fx: 7, fs: 7, fc: 14, u_bits: 8, base_frac: 9, slope_frac: 7, ..LseSpec::MID };

    /// w_small with that many significant bits (1: a power of two); h by the lines of [`MID`](Self::MID).
    pub const fn shift(u_bits: u32) -> LseSpec {
        LseSpec { fc: 12, u_bits, kind: LseKind::Shift, ..LseSpec::MID }
    }

    /// A parameter set by name.
    ///
    /// # Errors
    /// Lists the legal names.
    pub fn preset(name: &str) -> Result<LseSpec, String> {
        let found = LSE_PRESETS.iter().find(|(n, _)| *n == name);
        let names = || LSE_PRESETS.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ");
        found.map(|(_, spec)| *spec).ok_or_else(|| format!("unknown preset \"{name}\": use {}", names()))
    }

    /// With that many fraction bits of c.
    pub const fn with_fc(self, fc: u32) -> Self {
        LseSpec { fc, ..self }
    }

    /// Whether the parameters are legal.
    ///
    /// # Errors
    /// Names the field, its value and the legal range.
    pub fn check(&self) -> Result<(), String> {
        let ranges = [
            ("k_rows", self.k_rows, 1, 16),
            ("fx", self.fx, 1, 10),
            ("fc", self.fc, self.fx.max(self.fs), 24),
            ("seg_bits", self.seg_bits, 0, self.fx),
            ("u_bits", self.u_bits, 1, 16),
            ("score_int_bits", self.score_int_bits, 2, 16),
            ("c_int_bits", self.c_int_bits, self.min_c_int_bits(), 24),
        ];
        match ranges.iter().find(|(_, value, low, high)| !(low..=high).contains(&value)) {
            Some((name, value, low, high)) => Err(format!("{name} = {value}: must be {low} to {high}")),
            None => self.check_kind(),
        }
    }

    fn check_kind(&self) -> Result<(), String> {
        let (base, slope) = (self.base_frac, self.slope_frac);
        match self.kind {
            LseKind::Table { h_bits } if !(1..=20).contains(&h_bits) => {
                Err(format!("h_bits = {h_bits}: must be 1 to 20"))
            }
            LseKind::Table { .. } if self.seg_bits != self.fx => Err(format!(
                "seg_bits = {}: a table has one entry per grid point, {}",
                self.seg_bits, self.fx
            )),
            LseKind::Table { .. } => Ok(()),
            _ if slope > 16 => Err(format!("slope_frac = {slope}: must be 0 to 16")),
            _ if !(1..=self.h_frac()).contains(&base) => {
                Err(format!("base_frac = {base}: must be 1 to slope_frac + fx = {}", self.h_frac()))
            }
            LseKind::Pwl if self.u_bits >= self.h_frac() => {
                Err(format!("u_bits = {}: must be below slope_frac + fx = {}", self.u_bits, self.h_frac()))
            }
            _ => Ok(()),
        }
    }

    /// The fewest integer bits of c that a merge cannot overflow, 2^(Ic−1) ≥ 2^(Is−1) + 2·(Fc+3).
    pub fn min_c_int_bits(&self) -> u32 {
        let most = (1u64 << (self.score_int_bits.clamp(1, 32) - 1)) + 2 * (u64::from(self.fc) + 3);
        most.next_power_of_two().trailing_zeros() + 1
    }

    /// P, fraction bits of h before the shift by k.
    pub fn h_frac(&self) -> u32 {
        match self.kind {
            LseKind::Table { h_bits } => h_bits,
            _ => self.slope_frac + self.fx,
        }
    }

    /// Bits of t, the offset into a segment.
    pub fn offset_bits(&self) -> u32 {
        self.fx - self.seg_bits
    }

    /// Width of a score.
    pub fn score_bits(&self) -> u32 {
        self.score_int_bits + self.fs
    }

    /// Width of c.
    pub fn c_bits(&self) -> u32 {
        self.c_int_bits + self.fc
    }

    /// Width of X, signed; |X| takes one bit less.
    pub fn x_bits(&self) -> u32 {
        self.c_int_bits + 1 + self.fx
    }

    /// The smallest k beyond which nothing changes: g is 0 from Fc+2 on, and in a fixed-point o of `frac_bits` f the
    /// product |d·u| < 2^(f+1+U) is below half a unit from k = f+2 on (`Floor` then gives 0 or −1, by its sign).
    /// `shift` rows may take one off k, hence f+3.
    pub fn k_clip(&self, frac_bits: u32) -> u32 {
        (self.fc + 2).max(frac_bits + 3)
    }
}
