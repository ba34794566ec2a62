//! A memory put together from macros: columns side by side give the bits of a row, banks on top of each other the rows.
//!
//! ```text
//!            bits ►   column 0   column 1 │ column 2         a group: columns of one macro
//!   rows    bank 0   ┌────────┬──────────┬┬──────┐           the last column's upper bits, and rows beyond
//!    ▼      bank 1   ├────────┼──────────┤└──────┘           the last one, may stay unused
//!                    └────────┴──────────┘
//! ```
//! Every column is a stack of equal macros, as many as its rows need. What a stack costs per column is known, so the
//! cheapest row of columns is a knapsack that has to be filled: solved bit by bit, from one bit to all of them.

/// What the choice depends on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Size {
    /// Rows, a power of two.
    pub rows: u32,
    /// Bits of a row.
    pub bits: u32,
    /// Area, µm².
    pub area: f64,
}

/// A memory in macros.
#[derive(Clone, PartialEq, Debug)]
pub struct Mapping {
    /// Rows of the memory.
    pub rows: u32,
    /// Bits of a row.
    pub bits: u32,
    /// Columns, from bit 0 up; those of one macro together, the widest first.
    pub groups: Vec<Group>,
}

/// Columns of one macro.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    /// Which macro: its place in the list that was chosen from.
    pub kind: usize,
    /// Lowest bit of the memory's row.
    pub low: u32,
    /// Bits of the row; less than the macros have where the last column is not full.
    pub bits: u32,
    /// Macros side by side.
    pub columns: u32,
    /// Macros on top of each other.
    pub banks: u32,
}

/// Where a bit of the memory is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// Group of columns.
    pub group: usize,
    /// Column in the group.
    pub column: u32,
    /// Bank in the column.
    pub bank: u32,
    /// Row in the macro.
    pub row: u32,
    /// Bit in the macro's row.
    pub bit: u32,
}

/// The mapping of least area, of those the one with the fewest macros; `None` if there are no macros.
pub fn map(rows: u32, bits: u32, sizes: &[Size]) -> Option<Mapping> {
    let banks = |kind: usize| rows.div_ceil(sizes[kind].rows);
    // Area and macros of the columns for so many bits, and the macro of the last of them.
    let mut best: Vec<(f64, u32, usize)> = vec![(0.0, 0, 0)];
    for bit in 1..=bits {
        let with = |kind: usize| {
            let (area, count, _) = best[bit.saturating_sub(sizes[kind].bits) as usize];
            (area + f64::from(banks(kind)) * sizes[kind].area, count + banks(kind), kind)
        };
        let cheapest = |a: &(f64, u32, usize), b: &(f64, u32, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        best.push((0..sizes.len()).map(with).min_by(cheapest)?);
    }
    let mut columns = vec![0; sizes.len()];
    let mut left = bits;
    while left > 0 {
        let kind = best[left as usize].2;
        columns[kind] += 1;
        left = left.saturating_sub(sizes[kind].bits);
    }
    let mut kinds: Vec<usize> = (0..sizes.len()).filter(|&kind| columns[kind] > 0).collect();
    kinds.sort_by_key(|&kind| std::cmp::Reverse(sizes[kind].bits));
    let mut low = 0;
    let group = |kind: usize| {
        let wide = (columns[kind] * sizes[kind].bits).min(bits - low);
        low += wide;
        Group { kind, low: low - wide, bits: wide, columns: columns[kind], banks: banks(kind) }
    };
    Some(Mapping { rows, bits, groups: kinds.into_iter().map(group).collect() })
}

impl Mapping {
    /// Area of the macros, µm².
    pub fn area(&self, sizes: &[Size]) -> f64 {
        self.groups.iter().map(|g| f64::from(g.columns * g.banks) * sizes[g.kind].area).sum()
    }

    /// Bits of the macros that hold nothing.
    pub fn unused_bits(&self, sizes: &[Size]) -> u64 {
        let of = |g: &Group| {
            let size = sizes[g.kind];
            u64::from(g.columns * g.banks) * u64::from(size.rows) * u64::from(size.bits)
        };
        self.groups.iter().map(of).sum::<u64>() - u64::from(self.rows) * u64::from(self.bits)
    }

    /// Where a bit of a row is.
    ///
    /// # Panics
    /// Beyond the memory.
    pub fn place(&self, row: u32, bit: u32, sizes: &[Size]) -> Place {
        assert!(row < self.rows && bit < self.bits, "row {row}, bit {bit} of {} x {}", self.rows, self.bits);
        let (group, found) =
            self.groups.iter().enumerate().rfind(|(_, g)| g.low <= bit).expect("the first begins at bit 0");
        let (size, bit) = (sizes[found.kind], bit - found.low);
        Place {
            group,
            column: bit / size.bits,
            bank: row / size.rows,
            row: row % size.rows,
            bit: bit % size.bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn sizes() -> impl Strategy<Value = Vec<Size>> {
        let size = (0_u32..6, 1_u32..40, 1_u32..1000).prop_map(|(log, bits, area)| Size {
            rows: 1 << log,
            bits,
            area: f64::from(area),
        });
        prop::collection::vec(size, 1..6)
    }

    proptest! {
        /// Every bit has a place of its own, within macros that are there.
        #[test]
        fn every_bit_is_covered_and_none_twice(rows in 1_u32..70, bits in 1_u32..100, sizes in sizes()) {
            let mapping = map(rows, bits, &sizes).unwrap();
            let mut places = HashSet::new();
            for row in 0..rows {
                for bit in 0..bits {
                    let place = mapping.place(row, bit, &sizes);
                    let group = mapping.groups[place.group];
                    let size = sizes[group.kind];
                    prop_assert!(group.low <= bit && bit < group.low + group.bits);
                    prop_assert!(place.column < group.columns && place.bank < group.banks);
                    prop_assert!(place.row < size.rows && place.bit < size.bits);
                    prop_assert!(places.insert(place));
                }
            }
            let all: u64 = mapping.groups.iter().map(|g| {
                u64::from(g.columns * g.banks * sizes[g.kind].rows) * u64::from(sizes[g.kind].bits)
            }).sum();
            prop_assert_eq!(all - places.len() as u64, mapping.unused_bits(&sizes));
        }

        /// Groups follow each other, no column is there for nothing, and nothing that tries every number of columns
        /// of two macros is smaller.
        #[test]
        fn no_choice_of_two_macros_is_smaller(rows in 1_u32..70, bits in 1_u32..60, sizes in sizes()) {
            let mapping = map(rows, bits, &sizes).unwrap();
            let mut low = 0;
            for group in &mapping.groups {
                prop_assert_eq!(group.low, low);
                prop_assert!(group.bits > (group.columns - 1) * sizes[group.kind].bits);
                low += group.bits;
            }
            prop_assert_eq!(low, bits);
            let stack = |size: &Size| f64::from(rows.div_ceil(size.rows)) * size.area;
            for a in &sizes {
                for b in &sizes {
                    for columns in 0..=bits.div_ceil(a.bits) {
                        let rest = bits.saturating_sub(columns * a.bits).div_ceil(b.bits);
                        let area = f64::from(columns) * stack(a) + f64::from(rest) * stack(b);
                        prop_assert!(mapping.area(&sizes) <= area);
                    }
                }
            }
        }
    }

    #[test]
    fn macros_side_by_side_and_stacked() {
        let sizes = [(64, 32, 10.0), (64, 64, 19.0), (256, 32, 25.0)];
        let sizes = sizes.map(|(rows, bits, area)| Size { rows, bits, area });
        let group = |kind, low, bits, columns, banks| Group { kind, low, bits, columns, banks };
        // The wide one is cheaper per bit, the narrow one for what is left.
        assert_eq!(map(16, 80, &sizes).unwrap().groups, [group(1, 0, 64, 1, 1), group(0, 64, 16, 1, 1)]);
        // Two deep need less than the deepest, four deep more.
        assert_eq!(map(100, 32, &sizes).unwrap().groups, [group(0, 0, 32, 1, 2)]);
        assert_eq!(map(200, 32, &sizes).unwrap().groups, [group(2, 0, 32, 1, 1)]);
        let mapping = map(100, 40, &sizes).unwrap();
        assert_eq!(mapping.groups, [group(1, 0, 40, 1, 2)]);
        assert_eq!((mapping.area(&sizes), mapping.unused_bits(&sizes)), (38.0, 2 * 64 * 64 - 100 * 40));
        assert_eq!(map(4, 4, &[]), None);
    }
}
