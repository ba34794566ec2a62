//! Table fitting: optimality by exhaustive search, and known tables reproduced.

use numerics::pwl::{BaseRange, Direction, Fit, Grid, Point, Shape, Table, Weight, fit_segment};
use numerics::stratified::Rng;

fn error(points: &[Point], grid: &Grid, base: i64, slope: i64) -> f64 {
    let slope = slope as f64 / f64::from(1 << grid.slope_frac);
    let slope = if grid.direction == Direction::Falling { -slope } else { slope };
    let line = |t: f64| base as f64 / f64::from(1 << grid.base_frac) + slope * t;
    points.iter().map(|p| (line(p.t) - p.y).abs() * p.weight).fold(0.0, f64::max)
}

/// Every pair of coefficients in a generous box, the tie rule applied.
fn exhaustive(points: &[Point], grid: &Grid, range: BaseRange) -> Fit {
    let bases = range.min.max(-80)..=range.max.min(160);
    let mut best: Option<Fit> = None;
    for base in bases {
        for slope in 0..200 {
            let error = error(points, grid, base, slope);
            if best.is_none_or(|b| error < b.error - 1e-12) {
                best = Some(Fit { segment: numerics::pwl::Segment { base, slope }, error });
            }
        }
    }
    best.unwrap()
}

#[test]
fn the_fit_is_optimal_and_breaks_ties_downwards() {
    let mut rng = Rng::new(1);
    for round in 0..300 {
        let direction = if round % 2 == 0 { Direction::Rising } else { Direction::Falling };
        let grid = Grid { base_frac: 5, slope_frac: 4, direction };
        let (height, steepness) = (rng.unit(), 4.0 * rng.unit() - 1.0);
        let slope = if direction == Direction::Rising { steepness } else { -steepness };
        let points: Vec<Point> = (0..8)
            .map(|i| {
                let t = f64::from(i) / 8.0;
                let y = 1.0 + height + slope * t + 0.3 * (rng.unit() - 0.5);
                Point { t, y, weight: if round % 3 == 0 { 1.0 } else { 0.5 + rng.unit() } }
            })
            .collect();
        let ranges = [BaseRange::FREE, BaseRange::pinned(40), BaseRange { min: 50, ..BaseRange::FREE }];
        let range = ranges[round % 3];
        let (ours, best) = (fit_segment(&points, &grid, range), exhaustive(&points, &grid, range));
        assert!((ours.error - best.error).abs() < 1e-9, "{ours:?} {best:?}");
        assert_eq!(ours.segment, best.segment, "{points:?}");
        assert!((ours.error - error(&points, &grid, ours.segment.base, ours.segment.slope)).abs() < 1e-12);
    }
}

/// The smaller base, then the smaller slope: with one point at the start every slope is as good.
#[test]
fn ties() {
    let grid = Grid { base_frac: 2, slope_frac: 2, direction: Direction::Rising };
    let point = Point { t: 0.0, y: 1.125, weight: 1.0 };
    let fit = fit_segment(&[point], &grid, BaseRange::FREE);
    assert_eq!((fit.segment.base, fit.segment.slope, fit.error), (4, 0, 0.125));
}

#[test]
fn tables_are_monotone_exact_at_zero_and_add_up() {
    for (direction, f) in
        [(Direction::Rising, f64::exp2 as fn(f64) -> f64), (Direction::Falling, |x| 1.0 / (1.0 + x))]
    {
        for (in_bits, index_bits, base_frac, slope_frac) in
            [(10, 3, 9, 8), (7, 4, 11, 8), (4, 4, 6, 3), (6, 0, 8, 8)]
        {
            let grid = Grid { base_frac, slope_frac, direction };
            let table =
                Table::fit(Shape { in_bits, index_bits, grid, weight: Weight::Relative }, 1 << base_frac, f);
            assert_eq!(table.segments.len(), 1 << index_bits);
            assert_eq!(table.eval(0), 1 << table.y_frac());
            let mut worst = 0.0f64;
            for x in 0..1u64 << in_bits {
                let (y, exact) = (table.eval(x), f(x as f64 / f64::from(1 << in_bits)));
                worst = worst.max((y as f64 / (1u64 << table.y_frac()) as f64 / exact - 1.0).abs());
                if x > 0 {
                    let step = y - table.eval(x - 1);
                    assert!(
                        if direction == Direction::Rising { step >= 0 } else { step <= 0 },
                        "{x} {table:?}"
                    );
                }
            }
            assert!((worst - table.error).abs() < 1e-12, "{worst} {}", table.error);
        }
    }
}
