//! Piecewise-linear tables fitted in the minimax sense with coefficients on binary grids.
//!
//! ```text
//! x, in_bits wide:   | index: top index_bits | offset u: the rest |      x in [0,1), unit 2^-in_bits
//! y = (base[index] << a) ± (slope[index] · u << b)                       unit 2^-y_frac
//!     y_frac = max(base_frac, slope_frac + in_bits);  a = y_frac - base_frac;  b = y_frac - slope_frac - in_bits
//! ```
//!
//! The fit is exact over the integers. For a given slope the error is a convex function of the base, so the best
//! base is found by bisection; the error at the best *real* base is a convex lower bound over the slopes. The
//! search starts at the bound's minimum and walks outwards until the bound passes the best error met.
//! Ties: smaller base, then smaller slope.

use std::cmp::Ordering;

/// Errors closer than this are a tie: well above the noise of `f64`, well below any coefficient's place.
const TIE: f64 = 1e-12;

/// What the error of a fit is measured against.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Weight {
    /// |y − f|.
    Absolute,
    /// |y − f| / |f|.
    Relative,
}

/// Whether the slope, an unsigned integer, is added or subtracted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// y = B + A·t.
    Rising,
    /// y = B − A·t.
    Falling,
}

/// The grids of one segment's coefficients.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Grid {
    /// Fraction bits of the base B.
    pub base_frac: u32,
    /// Fraction bits of the slope A.
    pub slope_frac: u32,
    /// Sign of the slope.
    pub direction: Direction,
}

/// One wanted value: `y` at offset `t ≥ 0` from the segment's start, its error counted `weight` (> 0) times.
/// An offset may occur several times, which fits one segment to several functions.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// Offset from the start of the segment.
    pub t: f64,
    /// Wanted value.
    pub y: f64,
    /// Factor on the error.
    pub weight: f64,
}

/// Coefficients of one segment, both ≥ 0 in units of their grids.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Segment {
    /// B in units of 2^-base_frac.
    pub base: i64,
    /// A in units of 2^-slope_frac.
    pub slope: i64,
}

/// A fitted segment and its largest weighted error.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fit {
    /// The coefficients.
    pub segment: Segment,
    /// max over the points of weight·|y − line|.
    pub error: f64,
}

/// The limits a fit must keep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BaseRange {
    /// Smallest base allowed.
    pub min: i64,
    /// Largest base allowed; equal to `min` it pins an exact point at the segment's start.
    pub max: i64,
}

impl BaseRange {
    /// Any base.
    pub const FREE: BaseRange = BaseRange { min: i64::MIN >> 1, max: i64::MAX >> 1 };

    /// Exactly that base.
    pub fn pinned(base: i64) -> Self {
        BaseRange { min: base, max: base }
    }
}

/// The best line through `points` with both coefficients on the grid, the slope ≥ 0 and the base in `range`.
/// Points that share one offset leave the slope open; it is then 0.
///
/// # Panics
/// When there is no point.
pub fn fit_segment(points: &[Point], grid: &Grid, range: BaseRange) -> Fit {
    assert!(!points.is_empty(), "a segment without points");
    let problem = Problem { points, grid, range };
    if points.iter().all(|p| p.t == points[0].t) {
        return problem.fit_at(0);
    }
    let start = problem.best_real_slope();
    let mut best = problem.fit_at(start);
    for direction in [1, -1] {
        let mut slope = start + direction;
        while slope >= 0 && problem.bound(slope) <= best.error + TIE {
            best = better(best, problem.fit_at(slope));
            slope += direction;
        }
    }
    best
}

fn better(a: Fit, b: Fit) -> Fit {
    let order = if (a.error - b.error).abs() <= TIE {
        (a.segment.base, a.segment.slope).cmp(&(b.segment.base, b.segment.slope))
    } else {
        a.error.total_cmp(&b.error)
    };
    if order == Ordering::Greater { b } else { a }
}

struct Problem<'a> {
    points: &'a [Point],
    grid: &'a Grid,
    range: BaseRange,
}

impl Problem<'_> {
    /// Largest error on the side where the line is too high, and on the other.
    fn errors(&self, slope: i64, base: f64) -> (f64, f64) {
        let slope = slope as f64 * 0.5f64.powi(self.grid.slope_frac as i32);
        let slope = if self.grid.direction == Direction::Rising { slope } else { -slope };
        let base = base * 0.5f64.powi(self.grid.base_frac as i32);
        self.points.iter().fold((f64::NEG_INFINITY, f64::NEG_INFINITY), |(high, low), p| {
            let error = (base + slope * p.t - p.y) * p.weight;
            (high.max(error), low.max(-error))
        })
    }

    fn error(&self, slope: i64, base: f64) -> f64 {
        let (high, low) = self.errors(slope, base);
        high.max(low)
    }

    /// The error at the best base for this slope, the base not confined to its grid: a lower bound, convex in slope.
    fn bound(&self, slope: i64) -> f64 {
        let (below, above) = self.bracket(slope);
        let (mut lo, mut hi) = (below as f64, above as f64);
        // The bracket is narrower than 2^20 units: 48 halvings reach far below TIE.
        for _ in 0..48 {
            let mid = 0.5 * (lo + hi);
            let (high, low) = self.errors(slope, mid);
            if high < low { lo = mid } else { hi = mid }
        }
        self.error(slope, 0.5 * (lo + hi))
    }

    /// The best base on the grid for this slope.
    fn fit_at(&self, slope: i64) -> Fit {
        let (mut lo, mut hi) = self.bracket(slope);
        while hi - lo > 1 {
            let mid = lo + (hi - lo) / 2;
            let (high, low) = self.errors(slope, mid as f64);
            if high < low { lo = mid } else { hi = mid }
        }
        let fit = |base| Fit { segment: Segment { base, slope }, error: self.error(slope, base as f64) };
        better(fit(lo), fit(hi))
    }

    /// Bases between which the best one lies: at the lower one no point is too high, at the upper none too low,
    /// both moved into the allowed range.
    fn bracket(&self, slope: i64) -> (i64, i64) {
        let scale = 2f64.powi(self.grid.base_frac as i32);
        let unit = 0.5f64.powi(self.grid.slope_frac as i32);
        let line = slope as f64 * if self.grid.direction == Direction::Rising { unit } else { -unit };
        let wanted = self.points.iter().map(|p| (p.y - line * p.t) * scale);
        let (lo, hi) = wanted.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), w| (lo.min(w), hi.max(w)));
        let clamp = |base: i64| base.clamp(self.range.min, self.range.max);
        (clamp(lo.floor() as i64), clamp(hi.ceil() as i64))
    }

    /// The slope, at least 0, at which the bound is smallest.
    fn best_real_slope(&self) -> i64 {
        let mut hi = 1;
        while self.bound(2 * hi) < self.bound(hi) {
            hi *= 2;
        }
        let (mut lo, mut hi) = (0, 2 * hi);
        while hi - lo > 2 {
            let (left, right) = (lo + (hi - lo) / 3, hi - (hi - lo) / 3);
            if self.bound(left) <= self.bound(right) { hi = right } else { lo = left }
        }
        (lo..=hi).min_by(|&a, &b| self.bound(a).total_cmp(&self.bound(b))).expect("a range that is not empty")
    }
}

/// The shape of a piecewise-linear table over x in [0, 1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Shape {
    /// Bits of x.
    pub in_bits: u32,
    /// Top bits of x that select the segment: 2^index_bits segments.
    pub index_bits: u32,
    /// Grids of the coefficients.
    pub grid: Grid,
    /// What the error is measured against.
    pub weight: Weight,
}

/// A piecewise-linear table: what software computes with and hardware is built from.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    /// Widths and grids.
    pub shape: Shape,
    /// One entry per segment, in order of x.
    pub segments: Vec<Segment>,
    /// Largest weighted error over the input grid.
    pub error: f64,
}

impl Table {
    /// Fits `f` over [0, 1) with the exact point `f(0) = first_base` (in base units) kept, and the table monotone:
    /// a segment starts no lower (rising) or no higher (falling) than its predecessor ends.
    pub fn fit(shape: Shape, first_base: i64, f: impl Fn(f64) -> f64) -> Table {
        let mut table = Table { shape, segments: Vec::new(), error: 0.0 };
        let mut range = BaseRange::pinned(first_base);
        for index in 0..1u64 << shape.index_bits {
            let fit = fit_segment(&table.points(index, &f), &shape.grid, range);
            table.segments.push(fit.segment);
            table.error = table.error.max(fit.error);
            range = table.monotone_range(index);
        }
        table
    }

    fn points(&self, index: u64, f: impl Fn(f64) -> f64) -> Vec<Point> {
        let unit = 0.5f64.powi(self.shape.in_bits as i32);
        let start = index << self.offset_bits();
        let point = |offset: u64| {
            let y = f((start + offset) as f64 * unit);
            let weight = if self.shape.weight == Weight::Relative { 1.0 / y.abs() } else { 1.0 };
            Point { t: offset as f64 * unit, y, weight }
        };
        (0..1u64 << self.offset_bits()).map(point).collect()
    }

    /// Bases of the segment after `index` that keep the table monotone.
    fn monotone_range(&self, index: u64) -> BaseRange {
        let last = self.eval((index << self.offset_bits()) | ((1 << self.offset_bits()) - 1));
        let unit = self.base_shift();
        match self.shape.grid.direction {
            Direction::Rising => BaseRange {
                min: last.div_euclid(1 << unit) + i64::from(last.rem_euclid(1 << unit) != 0),
                ..BaseRange::FREE
            },
            Direction::Falling => BaseRange { max: last >> unit, ..BaseRange::FREE },
        }
    }

    /// Bits of the offset within a segment.
    pub fn offset_bits(&self) -> u32 {
        self.shape.in_bits - self.shape.index_bits
    }

    /// Fraction bits of [`eval`](Self::eval)'s result.
    pub fn y_frac(&self) -> u32 {
        self.shape.grid.base_frac.max(self.shape.grid.slope_frac + self.shape.in_bits)
    }

    /// Places the base is shifted left.
    pub fn base_shift(&self) -> u32 {
        self.y_frac() - self.shape.grid.base_frac
    }

    /// Places slope·offset is shifted left.
    pub fn product_shift(&self) -> u32 {
        self.y_frac() - self.shape.grid.slope_frac - self.shape.in_bits
    }

    /// Bits that hold every slope.
    pub fn slope_bits(&self) -> u32 {
        bits(self.segments.iter().map(|s| s.slope).max().unwrap_or(0))
    }

    /// Bits that hold every base.
    pub fn base_bits(&self) -> u32 {
        bits(self.segments.iter().map(|s| s.base).max().unwrap_or(0))
    }

    /// The line at `x` (in units of 2^-in_bits), exact, in units of 2^-y_frac.
    pub fn eval(&self, x: u64) -> i64 {
        let segment = self.segments[(x >> self.offset_bits()) as usize];
        let offset = (x & ((1 << self.offset_bits()) - 1)) as i64;
        let (base, product) =
            (segment.base << self.base_shift(), (segment.slope * offset) << self.product_shift());
        match self.shape.grid.direction {
            Direction::Rising => base + product,
            Direction::Falling => base - product,
        }
    }
}

fn bits(value: i64) -> u32 {
    i64::BITS - value.leading_zeros()
}
