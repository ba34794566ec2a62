//! What the functional model's results are worth: no hardware is simulated, so thousands of keys take seconds.

use super::counting::{Counting, Counts};
use super::{Comparison, Sums};
use crate::config::ResultForm;
use crate::engine::EngineSpec;
use crate::functional;
use crate::workload::{Saturation, Workload};
use serde::Serialize;

/// The accuracy of a number of queries. Those of disjoint queries add up.
#[derive(Clone, Copy, Default)]
pub struct ModelAccuracy {
    sums: Sums,
    inputs: Saturation,
    counts: Counts,
}

/// What a report says about a number of queries.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct ModelReport {
    /// Queries measured.
    pub queries: u64,
    /// The measures.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Elements of q, k and v that did not fit the input format.
    pub inputs: Saturation,
    /// Skipped ÷ all steps.
    pub skip_fraction: f64,
    /// What happened on the way.
    pub counts: Counts,
}

impl ModelAccuracy {
    /// Runs every query of a workload over all keys of its head.
    pub fn of(spec: &EngineSpec, workload: &Workload) -> ModelAccuracy {
        let spec = &EngineSpec { result: ResultForm::Row, ..spec.clone() };
        let quantized = workload.quantize(spec.dot.operand, &spec.policy);
        let scale = spec.dot.scale.map(|format| format.one()); // q is already scaled
        let rows = |x: &[u64]| x.chunks_exact(workload.head_dim).map(<[u64]>::to_vec).collect::<Vec<_>>();
        let mut accuracy = ModelAccuracy { inputs: quantized.saturation, ..ModelAccuracy::default() };
        let model = spec.kernel.model(spec);
        let model = Counting::new(spec, model.as_ref());
        for (head, rounded) in quantized.heads.iter().enumerate() {
            let (keys, values) = (rows(&rounded.k), rows(&rounded.v));
            let mut output = Vec::with_capacity(rounded.q.len());
            for query in rounded.q.chunks_exact(workload.head_dim) {
                let result = functional::attend_with(spec, &model, query, &keys, &values, scale, |_| true);
                output.extend(result.row.iter().map(|&bits| spec.output.decode(bits)));
            }
            accuracy.sums.merge(&Sums::of_head(workload, &quantized, head, &output));
        }
        accuracy.counts = model.counts();
        accuracy
    }

    /// Adds other queries.
    pub fn merge(&mut self, other: &ModelAccuracy) {
        self.sums.merge(&other.sums);
        self.inputs.merge(&other.inputs);
        self.counts.merge(&other.counts);
    }

    /// The measures over all queries so far.
    pub fn report(&self) -> ModelReport {
        ModelReport {
            queries: self.sums.rounded.rows(),
            comparison: self.sums.comparison(),
            inputs: self.inputs,
            skip_fraction: self.counts.skipped as f64 / self.counts.steps.max(1) as f64,
            counts: self.counts,
        }
    }
}

impl ModelReport {
    /// The relative L2 error against float64 attention on the rounded inputs.
    pub fn relative_l2(&self) -> f64 {
        self.comparison.rounded_inputs.relative_l2
    }
}
