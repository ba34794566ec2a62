//! Evaluation of a fitted piecewise-linear table: `y = base[j]·2^s ± slope[j]·offset·2^r`, exact.

use hdl::{ModuleBuilder, Signal};
use numerics::pwl::{Direction, Table};

/// The line of the segment that `x` (`in_bits` wide) falls into, in units of 2^-y_frac, as logic of the calling module.
pub(crate) fn evaluate<'m>(m: &'m ModuleBuilder, table: &Table, x: Signal<'m>) -> Signal<'m> {
    let shape = &table.shape;
    let offset_bits = table.offset_bits();
    let coefficients = |pick: fn(&numerics::pwl::Segment) -> i64| -> Vec<u64> {
        table.segments.iter().map(|s| pick(s) as u64).collect()
    };
    let (bases, slopes) = (coefficients(|s| s.base), coefficients(|s| s.slope));
    let index = if shape.index_bits == 0 { m.lit(0, 1) } else { x.high(shape.index_bits) };
    let base = index.table(&bases, table.base_bits()).named("base").shl_const(table.base_shift());
    if offset_bits == 0 {
        return base;
    }
    let slope = index.table(&slopes, table.slope_bits()).named("slope");
    let rise = (slope * x.low(offset_bits)).named("rise").shl_const(table.product_shift());
    match shape.grid.direction {
        Direction::Rising => base + rise,
        Direction::Falling => (base - rise).low(base.width()),
    }
}

/// Largest value the table takes.
pub(crate) fn largest(table: &Table) -> i64 {
    (0..1u64 << table.shape.in_bits).map(|x| table.eval(x)).max().expect("a table has points")
}

/// Smallest value the table takes.
pub(crate) fn smallest(table: &Table) -> i64 {
    (0..1u64 << table.shape.in_bits).map(|x| table.eval(x)).min().expect("a table has points")
}
