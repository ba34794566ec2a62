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

/// u_k(F) = 1/(2^-k + 2^F) and h_k(F) = 2^k·log2(1 + 2^-(k+F)): the two functions of the log-sum-exp recurrence.
fn u(k: f64, f: f64) -> f64 {
    1.0 / ((-k).exp2() + f.exp2())
}

fn h(k: f64, f: f64) -> f64 {
    (1.0 + (-(k + f)).exp2()).log2() * k.exp2()
}

/// (Su, Bu, Sh, Bh) of row k, segment j; the last row serves k and all above.
fn row(
    k: i64,
    j: i64,
    last: i64,
    index_bits: i32,
    in_bits: i32,
    base_frac: u32,
    slope_frac: u32,
) -> [i64; 4] {
    let grid = Grid { base_frac, slope_frac, direction: Direction::Falling };
    let count = 1 << (in_bits - index_bits);
    let rows: &[f64] = if k == last { &[last as f64, 40.0] } else { &[k as f64] };
    let fit = |f: fn(f64, f64) -> f64, exact: f64| {
        let mut points = Vec::new();
        for &k in rows {
            points.extend((0..count).map(|i| {
                let x = (j * count + i) as f64 * 0.5f64.powi(in_bits);
                let y = f(k, x);
                Point { t: i as f64 * 0.5f64.powi(in_bits), y, weight: 1.0 / y }
            }));
        }
        let pinned = BaseRange::pinned((exact * f64::from(1 << base_frac)) as i64);
        fit_segment(&points, &grid, if k == 0 && j == 0 { pinned } else { BaseRange::FREE }).segment
    };
    let (u, h) = (fit(u, 0.5), fit(h, 1.0));
    [u.slope, u.base, h.slope, h.base]
}

#[test]
fn sixteen_rows_of_the_log_sum_exp_recurrence() {
    #[rustfmt::skip]
    let expected = [
        [11, 128, 30, 256], [10, 106, 24, 197], [18, 170, 38, 298], [16, 134, 29, 222],
        [26, 205, 45, 329], [20, 153, 33, 239], [31, 227, 49, 346], [23, 166, 35, 248],
        [34, 240, 51, 356], [25, 173, 37, 254], [35, 246, 53, 362], [26, 177, 37, 256],
        [36, 250, 53, 364], [26, 178, 38, 258], [37, 253, 54, 366], [26, 179, 38, 259],
    ];
    for (i, row_expected) in expected.iter().enumerate() {
        let (k, j) = (i as i64 / 2, i as i64 % 2);
        assert_eq!(row(k, j, 7, 1, 6, 8, 6), *row_expected, "k = {k}, half {j}");
    }
}

#[test]
fn thirty_two_rows_of_the_log_sum_exp_recurrence() {
    #[rustfmt::skip]
    let expected = [
        [22, 256, 62, 512], [22, 234, 55, 450], [21, 212, 51, 395], [20, 191, 46, 345],
        [38, 341, 80, 598], [36, 303, 71, 518], [32, 267, 63, 447], [29, 234, 55, 384],
        [53, 409, 96, 659], [49, 356, 83, 563], [42, 307, 71, 480], [38, 265, 62, 409],
        [66, 455, 105, 695], [57, 389, 90, 590], [49, 332, 77, 500], [42, 283, 65, 423],
        [73, 481, 112, 716], [63, 409, 95, 605], [53, 346, 79, 510], [45, 293, 68, 431],
        [77, 496, 114, 726], [65, 419, 96, 612], [56, 354, 82, 516], [46, 298, 68, 434],
        [79, 503, 116, 732], [66, 424, 98, 616], [57, 358, 83, 519], [47, 301, 70, 437],
        [81, 509, 117, 736], [69, 429, 98, 619], [58, 361, 83, 521], [48, 303, 70, 438],
    ];
    for (i, row_expected) in expected.iter().enumerate() {
        let (k, j) = (i as i64 / 4, i as i64 % 4);
        assert_eq!(row(k, j, 7, 2, 7, 9, 7), *row_expected, "k = {k}, quarter {j}");
    }
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
