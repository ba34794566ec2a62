//! The least squares behind a delay curve.

use super::Sample;
use hdl::{Curve, Operation};

/// Terms of a curve: 1, log2 n, n, log2 m.
const TERMS: usize = 4;
/// Steps after which the descent ends in any case.
const STEPS: usize = 200_000;
/// Relative change of a coefficient at which it ends.
const STILL: f64 = 1e-12;

/// The curve with coefficients of at least 0 that has the least squares of the relative errors; with `constant` false
/// it has no constant part. Terms that are the same for all samples are left to the constant part.
///
/// Solved by coordinate descent: the problem is convex, and with the other coefficients held each has a closed form.
pub fn fit(samples: &[Sample], constant: bool) -> Curve {
    let rows: Vec<[f64; TERMS]> = samples.iter().map(|s| terms(s.operation)).collect();
    let varies = |j: usize| rows.iter().any(|row| row[j] != rows[0][j]);
    let used: Vec<usize> = (0..TERMS).filter(|&j| if j == 0 { constant } else { varies(j) }).collect();
    // Minimises the squares of A·x − 1, where a row of A is that of the terms over the delay.
    let over: Vec<[f64; TERMS]> =
        rows.iter().zip(samples).map(|(row, s)| row.map(|term| term / s.delay_ps)).collect();
    let product = |i: usize, j: usize| over.iter().map(|row| row[i] * row[j]).sum::<f64>();
    let gram: [[f64; TERMS]; TERMS] = std::array::from_fn(|i| std::array::from_fn(|j| product(i, j)));
    let aim: [f64; TERMS] = std::array::from_fn(|j| over.iter().map(|row| row[j]).sum());
    let mut x = [0.0; TERMS];
    for _ in 0..STEPS {
        let mut moved: f64 = 0.0;
        for &j in &used {
            let others: f64 = used.iter().filter(|&&i| i != j).map(|&i| gram[j][i] * x[i]).sum();
            let best = ((aim[j] - others) / gram[j][j]).max(0.0);
            moved = moved.max((best - x[j]).abs() / best.max(f64::MIN_POSITIVE));
            x[j] = best;
        }
        if moved < STILL {
            break;
        }
    }
    let [base, log_n, lin_n, log_m] = x;
    Curve { base, log_n, lin_n, log_m }
}

fn terms(Operation { n, m, .. }: Operation) -> [f64; TERMS] {
    [1.0, f64::from(n).log2(), f64::from(n), f64::from(m).log2()]
}
