//! 1/x by a piecewise-linear table of the significand's reciprocal.
//!
//! ```text
//! x = (-1)^s · 1.f · 2^e;   F = top in_bits bits of f (the rest is dropped)
//! y = table(F) ≈ 1/(1+F) in (1/2, 1],  exact 1 at F = 0
//! 1/x = (-1)^s · y · 2^-e, rounded once to `output`
//! ```
//!
//! The sign always passes through. 1/0 gives the largest finite number (a kernel never divides by zero: a query
//! that met no key gives zeros before it comes to a division).

use crate::format::Format;
use crate::policy::Policy;
use crate::pwl::{Direction, Grid, Shape, Table, Weight};
use crate::round::{round_pack, unpack};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

/// A reciprocal unit: formats and inner widths.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RecipSpec {
    /// Format of x.
    pub input: Format,
    /// Format of 1/x.
    pub output: Format,
    /// Segments of the table, a power of two; 16 bring its error to about 2^-11. No more than 2^in_bits are used.
    pub segments: u32,
    /// Fraction bits of the table's slopes. The offset is below 1/16, so 8 bits resolve 2^-12 of y.
    pub slope_frac: u32,
    /// Fraction bits of the table's bases: their rounding costs half a unit, 2^-12, of y > 1/2.
    pub base_frac: u32,
    /// Most bits of the significand that are looked at: 14, so that what is dropped costs less than 2^-14.
    pub max_in_bits: u32,
}

impl RecipSpec {
    /// Sixteen segments and the widths whose reasons stand beside the fields.
    pub fn new(input: Format, output: Format) -> Self {
        RecipSpec { input, output, segments: 16, slope_frac: 8, base_frac: 11, max_in_bits: 14 }
    }

    /// Whether the widths are legal.
    ///
    /// # Errors
    /// Names the field, its value and the legal range.
    pub fn check(&self) -> Result<(), String> {
        let segments = self.segments;
        if !segments.is_power_of_two() || segments > 1 << 12 {
            return Err(format!("reciprocal segments = {segments}: must be a power of two, 1 to 4096"));
        }
        let widths = [
            ("slope_frac", self.slope_frac),
            ("base_frac", self.base_frac),
            ("max_in_bits", self.max_in_bits),
        ];
        match widths.iter().find(|(_, w)| !(1..=20).contains(w)) {
            Some((name, width)) => Err(format!("reciprocal {name} = {width}: must be 1 to 20")),
            None => Ok(()),
        }
    }

    /// Bits of F: the stored significand, or its top `max_in_bits`.
    pub fn in_bits(&self) -> u32 {
        self.input.man_bits.min(self.max_in_bits)
    }

    /// Stored significand bits below F, dropped.
    pub fn dropped_bits(&self) -> u32 {
        self.input.man_bits - self.in_bits()
    }

    /// Bits that select a segment.
    pub fn index_bits(&self) -> u32 {
        self.segments.trailing_zeros().min(self.in_bits())
    }

    /// The table of 1/(1+F), fitted once per process and specification.
    pub fn tables(&self) -> Arc<Table> {
        static CACHE: LazyLock<Mutex<HashMap<RecipSpec, Arc<Table>>>> = LazyLock::new(Mutex::default);
        CACHE
            .lock()
            .expect("no panic while fitting")
            .entry(*self)
            .or_insert_with(|| Arc::new(self.fit()))
            .clone()
    }

    fn fit(&self) -> Table {
        let grid =
            Grid { base_frac: self.base_frac, slope_frac: self.slope_frac, direction: Direction::Falling };
        let shape =
            Shape { in_bits: self.in_bits(), index_bits: self.index_bits(), grid, weight: Weight::Relative };
        Table::fit(shape, 1 << self.base_frac, |x| 1.0 / (1.0 + x))
    }

    /// 1/x.
    pub fn compute(&self, policy: &Policy, x: u64) -> u64 {
        self.compute_with(&self.tables(), policy, x)
    }

    /// 1/x with the table at hand, for inner loops.
    pub fn compute_with(&self, table: &Table, policy: &Policy, x: u64) -> u64 {
        let unpacked = unpack(self.input, x);
        if unpacked.sig == 0 {
            return self.output.zero(unpacked.sign) | self.output.max_finite_bits();
        }
        let y = table.eval((unpacked.sig & self.input.man_mask()) >> self.dropped_bits());
        let exponent = unpacked.exp + i64::from(self.input.man_bits);
        round_pack(
            self.output,
            policy,
            unpacked.sign,
            -exponent - i64::from(table.y_frac()),
            y as u128,
            false,
        )
    }
}
