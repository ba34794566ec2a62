//! e^x for x ≤ 0 as a power of two: shift by the integer part, 2^F by a piecewise-linear table.
//!
//! ```text
//! X = |x| rounded half-up to in_frac fraction bits, saturated to in_int integer bits     (in_int+in_frac bits)
//! T = (X·C + half) >> (in_frac + log2e_frac - t_frac),   C = round(log2(e)·2^log2e_frac)  (t_int+t_frac bits)
//! I = ceil(T / 2^t_frac),   F = I·2^t_frac - T          i.e. I = int(T) + (frac(T) != 0), F = -frac(T) mod 2^t_frac
//! y = table(F) ≈ 2^F in [1, 2),  exact 1 at F = 0
//! e^x = y · 2^-I, rounded once to `output`; below its smallest normal number: +0
//! ```
//!
//! x > 0 (which a running maximum never produces) and ±0 give exactly 1. The result falls monotonically with |x|.

use crate::fixed::{FixRound, shift_right};
use crate::format::Format;
use crate::policy::Policy;
use crate::pwl::{Direction, Grid, Shape, Table, Weight};
use crate::round::{round_pack, unpack};
use crate::scalar::to_fixed;
use std::collections::HashMap;
use std::f64::consts::LOG2_E;
use std::sync::{Arc, LazyLock, Mutex};

/// An exponential unit: formats and inner widths.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExpSpec {
    /// Format of x.
    pub input: Format,
    /// Format of e^x.
    pub output: Format,
    /// Segments of the table of 2^F, a power of two. 8 bring its error to about 2^-10, a quarter place of bf16.
    pub segments: u32,
    /// Fraction bits of the table's slopes. The offset is below 1/8, so 8 bits resolve 2^-11 of y.
    pub slope_frac: u32,
    /// Fraction bits of the table's bases: their rounding costs half a unit, 2^-10.
    pub base_frac: u32,
    /// Fraction bits of X. An absolute error of |x| is a relative error of the result: 12 bits cost 2^-13.
    pub in_frac: u32,
    /// Fraction bits of the constant log2(e). Its error counts |x| times: 14 bits (−7.0e-6) cost 1e-4 at
    /// |x| = 16, where 12 bits (−6.8e-5) would cost 1e-3.
    pub log2e_frac: u32,
    /// Fraction bits of T and F: the rounding costs ln2·2^-11.
    pub t_frac: u32,
}

impl ExpSpec {
    /// Eight segments and the widths whose reasons stand beside the fields.
    pub fn new(input: Format, output: Format) -> Self {
        ExpSpec {
            input,
            output,
            segments: 8,
            slope_frac: 8,
            base_frac: 9,
            in_frac: 12,
            log2e_frac: 14,
            t_frac: 10,
        }
    }

    /// Whether the widths are legal.
    ///
    /// # Errors
    /// Names the field, its value and the legal range.
    pub fn check(&self) -> Result<(), String> {
        let segments = self.segments;
        if !segments.is_power_of_two() || self.index_bits() > self.t_frac {
            let most = 1u64 << self.t_frac.min(16);
            return Err(format!("exp segments = {segments}: must be a power of two, 1 to {most}"));
        }
        let widths = [
            ("slope_frac", self.slope_frac),
            ("base_frac", self.base_frac),
            ("in_frac", self.in_frac),
            ("log2e_frac", self.log2e_frac),
            ("t_frac", self.t_frac),
        ];
        match widths.iter().find(|(_, w)| !(1..=20).contains(w)) {
            Some((name, width)) => Err(format!("exp {name} = {width}: must be 1 to 20")),
            None if self.in_frac + self.log2e_frac < self.t_frac => {
                Err(format!("exp t_frac = {}: at most in_frac + log2e_frac", self.t_frac))
            }
            None => Ok(()),
        }
    }

    /// Bits that select a segment.
    pub fn index_bits(&self) -> u32 {
        self.segments.trailing_zeros()
    }

    /// Integer bits of X: the fewest at which the saturated X already gives 0, t ≥ 1 − min_exp (bf16: 7).
    pub fn in_int(&self) -> u32 {
        let flushed = (1 - self.output.min_exp()) as f64;
        (1..).find(|&n| ((1u64 << n) - 1) as f64 * LOG2_E >= flushed).expect("a width below 12")
    }

    /// Width of X.
    pub fn in_bits(&self) -> u32 {
        self.in_int() + self.in_frac
    }

    /// The constant log2(e) in units of 2^-log2e_frac.
    pub fn log2e(&self) -> i64 {
        (LOG2_E * (1u64 << self.log2e_frac) as f64).round() as i64
    }

    /// Integer bits of T: X < 2^in_int and log2(e) < 2.
    pub fn t_int(&self) -> u32 {
        self.in_int() + 1
    }

    /// Places X·C is shifted right to give T.
    pub fn t_shift(&self) -> u32 {
        self.in_frac + self.log2e_frac - self.t_frac
    }

    /// The table of 2^F, fitted once per process and specification.
    pub fn tables(&self) -> Arc<Table> {
        static CACHE: LazyLock<Mutex<HashMap<ExpSpec, Arc<Table>>>> = LazyLock::new(Mutex::default);
        CACHE
            .lock()
            .expect("no panic while fitting")
            .entry(*self)
            .or_insert_with(|| Arc::new(self.fit()))
            .clone()
    }

    fn fit(&self) -> Table {
        let grid =
            Grid { base_frac: self.base_frac, slope_frac: self.slope_frac, direction: Direction::Rising };
        let shape =
            Shape { in_bits: self.t_frac, index_bits: self.index_bits(), grid, weight: Weight::Relative };
        Table::fit(shape, 1 << self.base_frac, f64::exp2)
    }

    /// e^x.
    pub fn compute(&self, policy: &Policy, x: u64) -> u64 {
        self.compute_with(&self.tables(), policy, x)
    }

    /// e^x with the table at hand, for inner loops.
    pub fn compute_with(&self, table: &Table, policy: &Policy, x: u64) -> u64 {
        let t = self.base2_argument(x);
        let integer = (t + (1 << self.t_frac) - 1) >> self.t_frac;
        let fraction = (integer << self.t_frac) - t;
        let y = table.eval(fraction as u64);
        round_pack(self.output, policy, false, -integer - i64::from(table.y_frac()), y as u128, false)
    }

    /// T = |x|·log2(e) ≥ 0 in units of 2^-t_frac; 0 for x ≥ 0.
    pub fn base2_argument(&self, x: u64) -> i64 {
        if !unpack(self.input, x).sign {
            return 0;
        }
        let magnitude = x & self.input.magnitude_mask();
        let fixed = to_fixed(self.input, magnitude, self.in_frac, self.in_bits(), false, FixRound::HalfUp);
        let product = i128::from(fixed) * i128::from(self.log2e());
        shift_right(product, i64::from(self.t_shift()), FixRound::HalfUp) as i64
    }
}
