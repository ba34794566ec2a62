//! Fitting the rows of u and h.
//!
//! ```text
//! u_k(F) = 2^k/(1 + 2^(k+F)) = 1/(2^-k + 2^F)  in (1/3, 1)        h_k(F) = 2^k·log2(1 + 2^-(k+F))  in (0.6, 1.45)
//! ```
//!
//! Row K serves every k ≥ K: its lines are fitted to k = K and k → ∞ together, its entries are the harmonic means of
//! the two, which halves the relative error at both ends. The point x = 0 (w = 1/2, g = 1) is kept exactly.

use super::{LseKind, LseSpec};
use crate::pwl::{BaseRange, Direction, Grid, Point, Segment, fit_segment};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

/// k that stands for infinity: 2^-60 is nothing beside 1 in `f64`.
const K_INFINITE: u32 = 60;

/// An entry of [`LseKind::Shift`]: w_small = u·2^-(U+k+lift).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Power {
    /// The significant bits, 2^(U−1) ≤ u < 2^U.
    pub u: u64,
    /// What is added to k: −1, 0 or 1.
    pub lift: i64,
}

/// The constants of the scalar path: what software computes with and hardware is built from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LseTable {
    /// Lines of u, falling in t, at index `r << seg_bits | j`; entries are bases with slope 0 (units 2^-U).
    /// Empty for [`LseKind::Shift`].
    pub u: Vec<Segment>,
    /// Lines of h, likewise; entries in units 2^-h_bits.
    pub h: Vec<Segment>,
    /// At index `r << fx | F` for [`LseKind::Shift`], else empty.
    pub powers: Vec<Power>,
}

impl LseSpec {
    /// The constants, fitted once per process and specification.
    pub fn tables(&self) -> Arc<LseTable> {
        static CACHE: LazyLock<Mutex<HashMap<LseSpec, Arc<LseTable>>>> = LazyLock::new(Mutex::default);
        let mut cache = CACHE.lock().expect("no panic while fitting");
        cache.entry(*self).or_insert_with(|| Arc::new(self.fit())).clone()
    }

    fn fit(&self) -> LseTable {
        debug_assert_eq!(self.check(), Ok(()));
        match self.kind {
            LseKind::Pwl => {
                let u_range = BaseRange { max: self.most_u_base(), ..BaseRange::FREE };
                LseTable { u: self.lines(u, 0.5, u_range), h: self.h_lines(), powers: Vec::new() }
            }
            LseKind::Table { h_bits } => LseTable {
                u: self.entries(u, self.u_bits, (1 << self.u_bits) - 1),
                h: self.entries(h, h_bits, i64::MAX),
                powers: Vec::new(),
            },
            LseKind::Shift => {
                let powers = self.points().map(|(k, x)| self.power(self.row_value(u, k, x))).collect();
                LseTable { u: Vec::new(), h: self.h_lines(), powers }
            }
        }
    }

    fn h_lines(&self) -> Vec<Segment> {
        self.lines(h, 1.0, BaseRange::FREE)
    }

    /// The largest base whose u still rounds to 2^U − 1.
    fn most_u_base(&self) -> i64 {
        let (p, u) = (self.h_frac(), self.u_bits);
        ((1i64 << p) - (1 << (p - u - 1)) - 1) >> (p - self.base_frac)
    }

    /// One line per row and segment, minimax in relative error over the grid of F.
    fn lines(&self, f: Function, at_zero: f64, range: BaseRange) -> Vec<Segment> {
        let grid =
            Grid { base_frac: self.base_frac, slope_frac: self.slope_frac, direction: Direction::Falling };
        let exact = BaseRange::pinned((at_zero * f64::from(1 << self.base_frac)) as i64);
        let line = |k, j| {
            let range = if (k, j) == (0, 0) { exact } else { range };
            fit_segment(&self.wanted(f, k, j), &grid, range).segment
        };
        let segments = 1u64 << self.seg_bits;
        (0..=self.k_rows).flat_map(|k| (0..segments).map(move |j| (k, j))).map(|(k, j)| line(k, j)).collect()
    }

    fn wanted(&self, f: Function, k: u32, j: u64) -> Vec<Point> {
        let rows: &[u32] = if k == self.k_rows { &[k, K_INFINITE] } else { &[k] };
        let unit = 0.5f64.powi(self.fx as i32);
        let start = j << self.offset_bits();
        let point = |k, i: u64| {
            let y = f(k, (start + i) as f64 * unit);
            Point { t: i as f64 * unit, y, weight: 1.0 / y }
        };
        let offsets = 1u64 << self.offset_bits();
        rows.iter().flat_map(|&k| (0..offsets).map(move |i| (k, i))).map(|(k, i)| point(k, i)).collect()
    }

    /// One entry per row and grid point, rounded half-up.
    fn entries(&self, f: Function, frac_bits: u32, most: i64) -> Vec<Segment> {
        let unit = f64::from(1 << frac_bits);
        let entry = |(k, x)| ((self.row_value(f, k, x) * unit + 0.5).floor() as i64).min(most);
        self.points().map(|point| Segment { base: entry(point), slope: 0 }).collect()
    }

    /// Every row k with every F of the grid, in the order of the entries.
    fn points(&self) -> impl Iterator<Item = (u32, f64)> {
        let (steps, unit) = (1u32 << self.fx, 0.5f64.powi(self.fx as i32));
        (0..=self.k_rows).flat_map(move |k| (0..steps).map(move |i| (k, f64::from(i) * unit)))
    }

    fn row_value(&self, f: Function, k: u32, x: f64) -> f64 {
        if k < self.k_rows { f(k, x) } else { 2.0 / (1.0 / f(k, x) + 1.0 / f(K_INFINITE, x)) }
    }

    /// The nearest number with U significant bits, ties up.
    fn power(&self, y: f64) -> Power {
        let exponent = -y.log2().floor() as i64 - 1; // y in [2^-(exponent+1), 2^-exponent)
        let u = (y * ((i64::from(self.u_bits) + exponent) as f64).exp2() + 0.5).floor() as u64;
        match u >> self.u_bits {
            0 => Power { u, lift: exponent },
            _ => Power { u: u >> 1, lift: exponent - 1 }, // rounded up to the next power of two
        }
    }
}

type Function = fn(u32, f64) -> f64;

fn u(k: u32, f: f64) -> f64 {
    1.0 / ((-f64::from(k)).exp2() + f.exp2())
}

fn h(k: u32, f: f64) -> f64 {
    // ln_1p keeps its precision where 2^-k is far below 1.
    (-(f64::from(k) + f)).exp2().ln_1p() * std::f64::consts::LOG2_E * f64::from(k).exp2()
}
