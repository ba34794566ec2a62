//! FLASH-D as published (arXiv 2505.14201): the weight of a key from the weight of the key before.
//!
//! ```text
//! w_1 = 1;   w_i = σ(s_i − s_{i−1} + ln w_{i−1});   o ← o + (v − o)·w_i     or     o ← v·w_i + o·(1 − w_i)
//!
//! d = rnd(s_i − s_{i−1})   l = rnd(ln w_{i−1})   x = rnd(d + l)   w_i = rnd(σ(x)),  at least 2^min_exp
//! ```
//!
//! Every `rnd` is one rounding to the state's format; the functions are exact integers before theirs.
//!
//! *Range-reduced* σ, with u the lines of [`LseSpec`] (row k, segment and offset from F; k ≥ K shares a row):
//!
//! ```text
//! X = |x| half-up to 12 fraction bits, saturated to 7 integer bits                            19 bits
//! T = (X·23637 + 2^(25−Fx)) >> (26−Fx)        23637 = log2(e)·2^14                       8+Fx bits  = | k | F |
//! x < 0:  w = u·2^-(U+k)                                x ≥ 0:  w = (2^(U+k') − u)·2^-(U+k'),  k' = min(k, p+2)
//!         exact scaling, one rounding                           U+p+2 bits, one rounding (p: precision of w; beyond
//!                                                               k' the rounding gives the same)
//! ```
//!
//! *Range-reduced* ln, w = 1.m·2^e ≤ 1: eight lines for ln(1.m) over the top bits M of m, exact 0 at m = 0, and a constant:
//!
//! ```text
//! ln w = e·45426·2^-16 + line(M), at most 0    45426 = ln(2)·2^16; both in units of 2^-y_frac, added exactly, one rounding
//! ```
//!
//! *Direct*: eight lines straight on x and on w, as published. σ on the breakpoints −6, −3, −2, −1, 1, 2, 3, 4, 11 with
//! x half-up to 12 fraction bits and confined to them; ln on 2^-10, 2^-8, 2^-6, 2^-5, …, 2^-1, 1 with w half-up to 16
//! fraction bits and confined to [2^-10, 1]. Exact points σ(0) = 1/2 and ln 1 = 0. Too coarse to be of use (see tests).

use crate::fixed::{FixRound, shift_right};
use crate::format::Format;
use crate::lse::{LOG2E, LOG2E_FRAC, LseKind, LseSpec};
use crate::policy::Policy;
use crate::pwl::{BaseRange, Direction, Grid, Point, Segment, Shape, Table, Weight, fit_segment};
use crate::round::{round_pack, unpack};
use crate::scalar::{add, mul, sub, to_fixed};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

/// Fraction bits of x in fixed point: an absolute error of 2^-13 is as much of w, relatively.
pub const X_FRAC: u32 = 12;
/// Fraction bits of the direct ln's w; its smallest breakpoint is 2^-10.
pub const W_FRAC: u32 = 16;
/// Fraction bits of the constant ln 2; its error counts |e| ≤ 126 times, 1e-3 at most.
pub const LN2_FRAC: u32 = 16;
/// round(ln 2·2^16).
pub const LN2: i64 = 45426;
/// Breakpoints of the direct σ.
pub const SIGMOID_BREAKS: [i64; 9] = [-6, -3, -2, -1, 1, 2, 3, 4, 11];
/// Breakpoints of the direct ln, as powers of two.
pub const LN_BREAKS: [i32; 9] = [-10, -8, -6, -5, -4, -3, -2, -1, 0];
/// Segments of either form's ln and of the direct σ.
const SEGMENTS: usize = 8;
/// Integer bits of |x|: below 2^-126 nothing is left of w from |x| = 88 on.
pub const X_INT: u32 = 7;

/// The form of σ and ln.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SigmoidForm {
    /// A power of two taken off first; the lines of u of that specification.
    RangeReduced(LseSpec),
    /// Eight segments straight on the argument, as published.
    Direct8,
}

/// The form of the element update, all in one format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BlendForm {
    /// o + (v − o)·w, as in the paper's text: rnd(o + rnd(rnd(v − o)·w)).
    Difference,
    /// v·w + o·(1 − w), as in the authors' code: rnd(rnd(w·v) + rnd(rnd(1 − w)·o)).
    TwoProduct,
}

impl BlendForm {
    /// The next o from o, v and w, all in `format`.
    pub fn apply(self, format: Format, policy: &Policy, o: u64, v: u64, w: u64) -> u64 {
        let product = |a, b| mul(format, format, format, policy, a, b);
        match self {
            BlendForm::Difference => add(format, policy, o, product(sub(format, policy, v, o), w)),
            BlendForm::TwoProduct => {
                let rest = sub(format, policy, format.one(), w);
                add(format, policy, product(w, v), product(rest, o))
            }
        }
    }
}

/// The weight recurrence: the state's format and the form of its functions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SigmoidLnSpec {
    /// Format of s, d, l, x and w.
    pub format: Format,
    /// Form of σ and ln.
    pub form: SigmoidForm,
}

/// The constants of both functions.
#[derive(Clone, PartialEq, Debug)]
pub struct SigmoidLnTable {
    /// ln(1.m) for the range-reduced form.
    pub ln_significand: Table,
    /// σ on segment i from its lower end, rising: base 12, slope 10 fraction bits.
    pub sigmoid_direct: Vec<Segment>,
    /// −ln on segment i from its upper end downwards, rising with the distance: base 12, slope 6 fraction bits.
    pub ln_direct: Vec<Segment>,
}

/// Grids of the direct σ's lines.
pub const SIGMOID_GRID: Grid = Grid { base_frac: 12, slope_frac: 10, direction: Direction::Rising };
/// Grids of the direct ln's lines.
pub const LN_GRID: Grid = Grid { base_frac: 12, slope_frac: 6, direction: Direction::Rising };

impl SigmoidLnSpec {
    /// The range-reduced form on the 32 lines of [`LseSpec::FINE`].
    pub fn new(format: Format) -> Self {
        SigmoidLnSpec { format, form: SigmoidForm::RangeReduced(LseSpec::FINE) }
    }

    /// The form that was published.
    pub fn direct8(format: Format) -> Self {
        SigmoidLnSpec { format, form: SigmoidForm::Direct8 }
    }

    /// Whether the parameters are legal.
    ///
    /// # Errors
    /// When the lines are not those of [`LseKind::Pwl`], or the format cannot hold 2^-126 … 1.
    pub fn check(&self) -> Result<(), String> {
        let format = self.format;
        if format.exp_bits != 8 || format.man_bits < 3 {
            return Err(format!(
                "weight format {format}: must have 8 exponent bits and at least 3 of significand"
            ));
        }
        match self.form {
            SigmoidForm::Direct8 => Ok(()),
            SigmoidForm::RangeReduced(lse) if lse.kind != LseKind::Pwl => {
                Err("range-reduced sigmoid: needs the lines of a pwl specification".into())
            }
            SigmoidForm::RangeReduced(lse) => lse.check(),
        }
    }

    /// The constants, fitted once per process and specification.
    pub fn tables(&self) -> Arc<SigmoidLnTable> {
        static CACHE: LazyLock<Mutex<HashMap<SigmoidLnSpec, Arc<SigmoidLnTable>>>> =
            LazyLock::new(Mutex::default);
        let mut cache = CACHE.lock().expect("no panic while fitting");
        cache.entry(*self).or_insert_with(|| Arc::new(self.fit())).clone()
    }

    fn fit(&self) -> SigmoidLnTable {
        let grid = Grid { base_frac: 12, slope_frac: 10, direction: Direction::Rising };
        let in_bits = self.ln_in_bits();
        let index_bits = in_bits.min(SEGMENTS.trailing_zeros());
        SigmoidLnTable {
            ln_significand: Table::fit(
                Shape { in_bits, index_bits, grid, weight: Weight::Absolute },
                0,
                f64::ln_1p,
            ),
            sigmoid_direct: (0..SEGMENTS).map(sigmoid_segment).collect(),
            ln_direct: (0..SEGMENTS).map(ln_segment).collect(),
        }
    }

    /// Bits of M: the stored significand, at most its top 12 (what is dropped costs less than 2^-12).
    pub fn ln_in_bits(&self) -> u32 {
        self.format.man_bits.min(12)
    }

    /// σ(x), at least the smallest normal number and at most 1.
    pub fn sigmoid(&self, policy: &Policy, x: u64) -> u64 {
        let w = match self.form {
            SigmoidForm::RangeReduced(lse) => self.sigmoid_reduced(&lse, policy, x),
            SigmoidForm::Direct8 => self.sigmoid_direct(policy, x),
        };
        w.max(self.format.min_normal_bits())
    }

    /// k and F of |x|·log2(e), in units of 2^-Fx.
    fn base2_magnitude(&self, lse: &LseSpec, x: u64) -> i64 {
        let magnitude = x & self.format.magnitude_mask();
        let fixed = to_fixed(self.format, magnitude, X_FRAC, X_INT + X_FRAC, false, FixRound::HalfUp);
        let shift = i64::from(X_FRAC + LOG2E_FRAC - lse.fx);
        shift_right(i128::from(fixed) * i128::from(LOG2E), shift, FixRound::HalfUp) as i64
    }

    fn sigmoid_reduced(&self, lse: &LseSpec, policy: &Policy, x: u64) -> u64 {
        let weights = lse.gain(self.base2_magnitude(lse, x));
        let small = unpack(self.format, x).sign;
        let k = if small { weights.k } else { weights.k.min(self.format.precision() + 2) };
        let places = lse.u_bits + k;
        let sig = if small { u128::from(weights.u) } else { (1 << places) - u128::from(weights.u) };
        round_pack(self.format, policy, false, -i64::from(places), sig, false)
    }

    fn sigmoid_direct(&self, policy: &Policy, x: u64) -> u64 {
        let (low, high) = (SIGMOID_BREAKS[0] << X_FRAC, SIGMOID_BREAKS[SEGMENTS] << X_FRAC);
        let x = to_fixed(self.format, x, X_FRAC, X_INT + 1 + X_FRAC, true, FixRound::HalfUp).clamp(low, high);
        let index = (1..SEGMENTS).filter(|&i| x >= SIGMOID_BREAKS[i] << X_FRAC).count();
        let offset = x - (SIGMOID_BREAKS[index] << X_FRAC);
        let frac = SIGMOID_GRID.slope_frac + X_FRAC;
        let y = line(self.tables().sigmoid_direct[index], SIGMOID_GRID, frac, offset).clamp(0, 1 << frac);
        round_pack(self.format, policy, false, -i64::from(frac), y as u128, false)
    }

    /// ln(w) for 0 < w ≤ 1; a zero counts as the smallest normal number, anything above 1 as 1.
    pub fn ln(&self, policy: &Policy, w: u64) -> u64 {
        let w = w.clamp(self.format.min_normal_bits(), self.format.one());
        match self.form {
            SigmoidForm::RangeReduced(_) => self.ln_reduced(policy, w),
            SigmoidForm::Direct8 => self.ln_direct(policy, w),
        }
    }

    fn ln_reduced(&self, policy: &Policy, w: u64) -> u64 {
        let tables = self.tables();
        let table = &tables.ln_significand;
        let exponent = self.format.exp_field(w) as i64 - self.format.bias();
        let top = (w & self.format.man_mask()) >> (self.format.man_bits - self.ln_in_bits());
        let frac = table.y_frac().max(LN2_FRAC);
        let sum = ((exponent * LN2) << (frac - LN2_FRAC)) + (table.eval(top) << (frac - table.y_frac()));
        let sum = sum.min(0); // just below 1 a line may end above ln 2
        round_pack(self.format, policy, sum < 0, -i64::from(frac), u128::from(sum.unsigned_abs()), false)
    }

    fn ln_direct(&self, policy: &Policy, w: u64) -> u64 {
        let at = |i: usize| 1i64 << (W_FRAC as i32 + LN_BREAKS[i]);
        let w =
            to_fixed(self.format, w, W_FRAC, W_FRAC + 1, false, FixRound::HalfUp).clamp(at(0), at(SEGMENTS));
        let index = (1..SEGMENTS).filter(|&i| w >= at(i)).count();
        let frac = LN_GRID.slope_frac + W_FRAC;
        let y = line(self.tables().ln_direct[index], LN_GRID, frac, at(index + 1) - w);
        round_pack(self.format, policy, y != 0, -i64::from(frac), y as u128, false)
    }

    /// The next weight from two scores and the weight before (1 for the first key).
    pub fn weight(&self, policy: &Policy, s: u64, previous_s: u64, previous_w: u64) -> u64 {
        let difference = sub(self.format, policy, s, previous_s);
        self.sigmoid(policy, add(self.format, policy, difference, self.ln(policy, previous_w)))
    }
}

/// B + A·t, exact, in units of 2^-frac; the slope's grid times the offset's gives that unit.
fn line(segment: Segment, grid: Grid, frac: u32, offset: i64) -> i64 {
    (segment.base << (frac - grid.base_frac)) + segment.slope * offset
}

fn sigmoid_segment(index: usize) -> Segment {
    let (low, high) = (SIGMOID_BREAKS[index], SIGMOID_BREAKS[index + 1]);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let fit = |from: i64, range| {
        let points = samples(from as f64, high as f64).map(|(x, t)| Point { t, y: sigmoid(x), weight: 1.0 });
        fit_segment(&points.collect::<Vec<_>>(), &SIGMOID_GRID, range).segment
    };
    if low >= 0 || high <= 0 {
        return fit(low, BaseRange::FREE);
    }
    // Around 0: exact there, and by symmetry the upper half's slope is the whole segment's.
    let half = 1 << (SIGMOID_GRID.base_frac - 1);
    let upper = fit(0, BaseRange::pinned(half));
    Segment {
        base: half + ((low * upper.slope) << (SIGMOID_GRID.base_frac - SIGMOID_GRID.slope_frac)),
        ..upper
    }
}

fn ln_segment(index: usize) -> Segment {
    let [low, high] = [index, index + 1].map(|i| f64::from(LN_BREAKS[i]).exp2());
    let points = samples(0.0, high - low).map(|(_, t)| Point { t, y: -(high - t).ln(), weight: 1.0 });
    let range = if index + 1 == SEGMENTS { BaseRange::pinned(0) } else { BaseRange::FREE };
    fit_segment(&points.collect::<Vec<_>>(), &LN_GRID, range).segment
}

/// 257 evenly spaced x from `low` to `high` with their distances from `low`.
fn samples(low: f64, high: f64) -> impl Iterator<Item = (f64, f64)> {
    (0..=256).map(move |i| f64::from(i) / 256.0 * (high - low)).map(move |t| (low + t, t))
}
