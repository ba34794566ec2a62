//! Online softmax in base 2 with an integer running maximum: rescaling is an exact decrement of exponents.
//!
//! Source: Softermax (arXiv 2103.09301), applied to the recurrence of FlashAttention-2 (arXiv 2307.08691). With base-2
//! scores s the running maximum is rounded up to an integer m, so that 2^(m−m') is a power of two:
//!
//! ```text
//! m' = max(m, ⌈s⌉)    o' = o·2^-(m'−m) + v·2^(s−m')    ℓ' = ℓ·2^-(m'−m) + 2^(s−m')    result = o/ℓ
//! ```
//!
//! and 2^(s−m') = 2^(s−⌈s⌉) · 2^-(m'−⌈s⌉): only the first factor, in (½, 1], takes a multiplication, and it does not
//! depend on the state. Row [ℓ o] and input [1 v] are numbers of one float format, the accumulator's.
//! Is = integer bits of s with sign, Fs = its fraction bits, U = bits of the weight's significand.
//!
//! ```text
//! 1. s:  S = round half-up(score·log2(e)·2^Fs), saturated                                 Is+Fs bits, signed
//!        | C−1 or C: Is bits | F: Fs bits |      C = ⌈S·2^-Fs⌉                            Is+1 bits, signed
//!
//! 2. 2^(s−C) = u·2^-(U−1)·2^-(F≠0),   u ≈ 2^F·2^(U−1)                       U bits, the top one always 1
//!        u = line(F) rounded half-up, at most 2^U − 1;  exactly 2^(U−1) at F = 0, so that 2^0 = 1
//!        with 2^Fs segments the lines are a table of u
//!
//! 3. p = round(v·u·2^-(U−1)·2^-(F≠0))         to the accumulator's format; a significand times U bits, |p| ≤ |v|
//!
//! 4. m' = max(m, C)                                                                       Is+1 bits, signed
//!    o' = round(lower(o, m'−m) + lower(p, m'−C))       one of the two differences is 0
//!    lower(x, n): exponent field − n, exact;  where that is 0 or less, and of every zero:
//!                 of o a zero of its sign, of p −0, which changes nothing
//! ```
//!
//! *Empty state*: m = C and o = +0, so that o' = p by the same operations. The first key thus has the weight 2^(s−C)
//! and not 1, in o and ℓ alike. *Merge*: A meets B as a key with C = m_B whose p is [ℓ_B o_B].
//!
//! Rounding p before it is lowered is the same as rounding once after: p has the place of the product's leading one.

use crate::base2_score::Base2Score;
use crate::fixed::{FixRound, shift_right};
use crate::format::Format;
use crate::policy::Policy;
use crate::pwl::{Direction, Grid, Shape, Table, Weight};
use crate::round::{round_pack, unpack};
use crate::scalar::add;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

/// The scalar path's parameters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Base2Spec {
    /// Is and Fs: widths of a score.
    pub score: Base2Score,
    /// U, bits of u with its leading one. Rounding u costs at most 2^-U of a weight.
    pub weight_bits: u32,
    /// Segments of the lines of 2^F, a power of two of at most 2^Fs.
    pub segments: u32,
}

impl Base2Spec {
    /// U = 8 and Fs = 7, whose roundings cost about the same (2^-8 and ln2·2^-8), |s| < 256, and 8 segments, exact to
    /// 2^-11.
    pub const DEFAULT: Base2Spec =
        Base2Spec { score: Base2Score { int_bits: 9, frac_bits: 7 }, weight_bits: 8, segments: 8 };

    /// Whether the parameters are legal.
    ///
    /// # Errors
    /// Names the field, its value and the legal range.
    pub fn check(&self) -> Result<(), String> {
        let ranges = [
            ("score_int_bits", self.score.int_bits, 2, 16),
            ("score_frac_bits", self.score.frac_bits, 1, 12),
            ("weight_bits", self.weight_bits, 2, 16),
        ];
        match ranges.iter().find(|(_, value, low, high)| !(low..=high).contains(&value)) {
            Some((name, value, low, high)) => Err(format!("{name} = {value}: must be {low} to {high}")),
            None if !self.segments.is_power_of_two() || self.segments > 1 << self.score.frac_bits => {
                let most = 1u32 << self.score.frac_bits;
                Err(format!("segments = {}: must be a power of two, 1 to {most}", self.segments))
            }
            None => Ok(()),
        }
    }

    /// Width of m, signed.
    pub fn max_bits(&self) -> u32 {
        self.score.int_bits + 1
    }

    /// C, a score (units 2^-Fs) rounded up to an integer.
    pub fn ceil(&self, s: i64) -> i64 {
        -(-s >> self.score.frac_bits)
    }

    /// F, the fraction of a score in units of 2^-Fs; 0 exactly where the score is C.
    pub fn fraction(&self, s: i64) -> u64 {
        s as u64 & ((1 << self.score.frac_bits) - 1)
    }

    /// The lines of 2^F, fitted once per process and specification.
    pub fn tables(&self) -> Arc<Table> {
        static CACHE: LazyLock<Mutex<HashMap<Base2Spec, Arc<Table>>>> = LazyLock::new(Mutex::default);
        CACHE
            .lock()
            .expect("no panic while fitting")
            .entry(*self)
            .or_insert_with(|| Arc::new(self.fit()))
            .clone()
    }

    /// Bases two places below those of u, where their rounding costs a quarter of that of u, and slopes likewise at
    /// the end of a segment; a table has entries of the width of u.
    fn fit(&self) -> Table {
        let index_bits = self.segments.trailing_zeros();
        let is_table = index_bits == self.score.frac_bits;
        let base_frac = if is_table { self.weight_bits - 1 } else { self.weight_bits + 1 };
        let slope_frac = if is_table { 0 } else { (self.weight_bits + 1).saturating_sub(index_bits) };
        let grid = Grid { base_frac, slope_frac, direction: Direction::Rising };
        let shape = Shape { in_bits: self.score.frac_bits, index_bits, grid, weight: Weight::Relative };
        Table::fit(shape, 1 << base_frac, f64::exp2)
    }

    /// u of a fraction, 2^(U−1) to 2^U − 1.
    pub fn significand(&self, table: &Table, fraction: u64) -> u64 {
        let drop = table.y_frac() - (self.weight_bits - 1);
        let rounded = shift_right(i128::from(table.eval(fraction)), i64::from(drop), FixRound::HalfUp);
        (rounded as u64).min((1 << self.weight_bits) - 1)
    }
}

/// The state of a query that has met a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Base2State {
    /// m, the integer running maximum.
    pub max: i64,
    /// [ℓ o], patterns of the accumulator's format.
    pub row: Vec<u64>,
}

/// The kernel as a function of scores and rows.
#[derive(Clone, Debug)]
pub struct Base2Kernel {
    spec: Base2Spec,
    accumulator: Format,
    policy: Policy,
    table: Arc<Table>,
}

impl Base2Kernel {
    /// A kernel whose rows have that format.
    ///
    /// # Errors
    /// When the parameters are not legal.
    pub fn new(spec: Base2Spec, accumulator: Format, policy: Policy) -> Result<Self, String> {
        spec.check()?;
        policy.supported()?;
        Ok(Base2Kernel { spec, accumulator, policy, table: spec.tables() })
    }

    /// One key: its score in units of 2^-Fs and its row [1 v].
    pub fn step(&self, state: Option<Base2State>, s: i64, row: &[u64]) -> Base2State {
        let row = row.iter().map(|&v| self.weigh(v, s)).collect();
        self.merge(state, Base2State { max: self.spec.ceil(s), row })
    }

    /// Two states over disjoint keys as one. Merged into the empty state `b` stays, but for zeros, which become +0.
    pub fn merge(&self, a: Option<Base2State>, b: Base2State) -> Base2State {
        let a = a.unwrap_or(Base2State { max: b.max, row: vec![0; b.row.len()] });
        let max = a.max.max(b.max);
        let sum = |(&o, &p): (&u64, &u64)| {
            let (o, p) = (self.lower(o, max - a.max), self.lower(p, max - b.max));
            let nothing = self.accumulator.is_zero(p);
            add(self.accumulator, &self.policy, o, if nothing { self.accumulator.zero(true) } else { p })
        };
        Base2State { max, row: a.row.iter().zip(&b.row).map(sum).collect() }
    }

    /// p: v times 2^(s−⌈s⌉), rounded.
    pub fn weigh(&self, v: u64, s: i64) -> u64 {
        let fraction = self.spec.fraction(s);
        let u = self.spec.significand(&self.table, fraction);
        let v = unpack(self.accumulator, v);
        let exp = v.exp - i64::from(self.spec.weight_bits - 1) - i64::from(fraction != 0);
        round_pack(self.accumulator, &self.policy, v.sign, exp, u128::from(v.sig) * u128::from(u), false)
    }

    /// x·2^-places, a zero of its sign where that is below the smallest normal number.
    fn lower(&self, x: u64, places: i64) -> u64 {
        let format = self.accumulator;
        let small = format.exp_field(x) as i64 <= places;
        if small { format.zero(format.is_negative(x)) } else { x - ((places as u64) << format.man_bits) }
    }
}
