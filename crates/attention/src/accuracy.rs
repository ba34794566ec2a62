//! How far an output is from float64 attention.
//!
//! Two references: on the inputs as rounded to the engine's format, which shows what the arithmetic costs, and on the
//! inputs as they were, which adds what the format of the inputs costs.

mod counting;
mod model;

pub use counting::Counts;
pub use model::{ModelAccuracy, ModelReport};

use crate::workload::{Quantized, Saturation, Workload};
use numerics::Metrics;
use rayon::prelude::*;
use serde::Serialize;

/// An accuracy report, in heads and over all.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct AccuracyReport {
    /// Where the tensors come from.
    pub workload: String,
    /// Elements of a row.
    pub head_dim: usize,
    /// Queries measured, of all heads.
    pub queries: usize,
    /// What did not fit the input format.
    pub saturation: Saturation,
    /// All heads as one.
    pub overall: Comparison,
    /// Head by head.
    pub heads: Vec<HeadReport>,
}

/// One head of a report.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct HeadReport {
    /// Number of the head in the workload.
    pub head: usize,
    /// Row numbers of the queries measured: first, last, and how many.
    pub queries: QueryRange,
    /// Keys that each query met.
    pub keys: usize,
    /// The measures.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// Which queries were measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct QueryRange {
    /// Row number of the first.
    pub first: usize,
    /// Row number of the last.
    pub last: usize,
    /// How many, evenly spread.
    pub count: usize,
}

/// The measures against both references.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Comparison {
    /// Against float64 attention on the rounded inputs.
    pub rounded_inputs: Measures,
    /// Against float64 attention on the inputs as they were.
    pub unrounded_inputs: Measures,
}

/// Error measures of an output.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Measures {
    /// √(Σ(o−r)² / Σr²).
    pub relative_l2: f64,
    /// max |o−r| / max |v| of the head.
    pub max_abs: f64,
    /// Mean over the queries of the cosine between output and reference.
    pub cosine: f64,
    /// Output rows that hold a NaN or an infinity.
    pub not_finite: u64,
}

/// Sums against both references.
#[derive(Clone, Copy, Default)]
struct Sums {
    rounded: Metrics,
    unrounded: Metrics,
}

/// Measures the outputs of a run: for each head of the workload its result rows [queries, d] as values.
///
/// # Panics
/// When `outputs` has another shape than the workload.
pub fn report(workload: &Workload, quantized: &Quantized, outputs: &[Vec<f64>]) -> AccuracyReport {
    assert_eq!(outputs.len(), workload.heads.len(), "one output for each head");
    let heads = outputs.par_iter().enumerate();
    let sums: Vec<Sums> =
        heads.map(|(head, output)| Sums::of_head(workload, quantized, head, output)).collect();
    let mut overall = Sums::default();
    sums.iter().for_each(|head| overall.merge(head));
    AccuracyReport {
        workload: workload.source.clone(),
        head_dim: workload.head_dim,
        queries: workload.queries(),
        saturation: quantized.saturation,
        overall: overall.comparison(),
        heads: sums.iter().enumerate().map(|(head, sums)| head_report(workload, head, sums)).collect(),
    }
}

/// Float64 attention softmax(q·kᵀ)·v of `q` [S, d] over `k`, `v` [N, d]: [S, d]. Query i meets key j where `meets(i, j)`;
/// a query that meets none gives zeros.
pub fn reference(head_dim: usize, [q, k, v]: [&[f64]; 3], meets: impl Fn(usize, usize) -> bool) -> Vec<f64> {
    let mut output = Vec::with_capacity(q.len());
    for (i, query) in q.chunks_exact(head_dim).enumerate() {
        let keys = k.chunks_exact(head_dim).enumerate();
        let score = |(j, key): (usize, &[f64])| {
            if meets(i, j) { query.iter().zip(key).map(|(a, b)| a * b).sum() } else { f64::NEG_INFINITY }
        };
        let scores: Vec<f64> = keys.map(score).collect();
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut row = vec![0.0; head_dim];
        let mut sum = 0.0;
        for (s, value) in scores.iter().zip(v.chunks_exact(head_dim)).filter(|(s, _)| s.is_finite()) {
            let weight = (s - max).exp();
            sum += weight;
            row.iter_mut().zip(value).for_each(|(o, v)| *o += weight * v);
        }
        output.extend(row.iter().map(|o| if sum > 0.0 { o / sum } else { 0.0 }));
    }
    output
}

fn measure(head_dim: usize, [q, k, v]: &[Vec<f64>; 3], output: &[f64]) -> Metrics {
    assert_eq!(output.len(), q.len(), "one output row for each query");
    let expected = reference(head_dim, [q, k, v], |_, _| true);
    let value_max = v.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    let mut metrics = Metrics::new();
    for (o, r) in output.chunks_exact(head_dim).zip(expected.chunks_exact(head_dim)) {
        metrics.add_row(o, r, value_max);
    }
    metrics
}

fn head_report(workload: &Workload, head: usize, sums: &Sums) -> HeadReport {
    HeadReport {
        head,
        queries: QueryRange::of(&workload.heads[head].rows),
        keys: workload.heads[head].keys(workload.head_dim),
        comparison: sums.comparison(),
    }
}

impl QueryRange {
    /// The range of ascending row numbers.
    pub fn of(rows: &[usize]) -> QueryRange {
        let end = |row: Option<&usize>| row.copied().unwrap_or_default();
        QueryRange { first: end(rows.first()), last: end(rows.last()), count: rows.len() }
    }
}

impl Sums {
    /// The result rows [queries, d] of one head.
    fn of_head(workload: &Workload, quantized: &Quantized, head: usize, output: &[f64]) -> Sums {
        let exact = |values: &[f32]| values.iter().copied().map(f64::from).collect();
        let original = &workload.heads[head];
        let inputs = [&original.q, &original.k, &original.v].map(|x| exact(x));
        Sums {
            rounded: measure(workload.head_dim, &quantized.values(head), output),
            unrounded: measure(workload.head_dim, &inputs, output),
        }
    }

    fn merge(&mut self, other: &Sums) {
        self.rounded.merge(&other.rounded);
        self.unrounded.merge(&other.unrounded);
    }

    fn comparison(&self) -> Comparison {
        Comparison {
            rounded_inputs: Measures::of(&self.rounded),
            unrounded_inputs: Measures::of(&self.unrounded),
        }
    }
}

impl Measures {
    fn of(metrics: &Metrics) -> Measures {
        Measures {
            relative_l2: metrics.relative_l2(),
            max_abs: metrics.max_abs(),
            cosine: metrics.cosine(),
            not_finite: metrics.not_finite(),
        }
    }
}
