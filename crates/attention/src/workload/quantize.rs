//! Rounding a workload to the engine's input format.

use super::{Head, Workload};
use numerics::{Number, Policy};
use serde::Serialize;

/// A workload in the bit patterns that the engine takes.
#[derive(Clone, PartialEq, Debug)]
pub struct Quantized {
    /// Format of the patterns.
    pub format: Number,
    /// Elements of a row, d.
    pub head_dim: usize,
    /// The heads of the workload.
    pub heads: Vec<QuantizedHead>,
    /// What did not fit the format.
    pub saturation: Saturation,
}

/// The rows of one head as bit patterns.
#[derive(Clone, PartialEq, Debug)]
pub struct QuantizedHead {
    /// Queries [S, d].
    pub q: Vec<u64>,
    /// Keys [N, d].
    pub k: Vec<u64>,
    /// Values [N, d].
    pub v: Vec<u64>,
}

/// How many elements did not fit the input format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Saturation {
    /// Elements of all q, k and v.
    pub elements: u64,
    /// Beyond the largest finite number of their sign, which they became.
    pub saturated: u64,
    /// Not zero before rounding, but zero after.
    pub flushed: u64,
}

impl Saturation {
    /// Adds other elements.
    pub fn merge(&mut self, other: &Saturation) {
        self.elements += other.elements;
        self.saturated += other.saturated;
        self.flushed += other.flushed;
    }
}

impl Workload {
    /// Every element in one rounding to `format`.
    pub fn quantize(&self, format: impl Into<Number>, policy: &Policy) -> Quantized {
        let format = format.into();
        let mut saturation = Saturation::default();
        let mut encode = |values: &[f32]| -> Vec<u64> {
            let round = |&value: &f32| {
                let value = f64::from(value);
                let bits = format.encode(value, policy);
                saturation.elements += 1;
                saturation.saturated += u64::from(format.exceeds(value));
                saturation.flushed += u64::from(value != 0.0 && format.is_zero(bits));
                bits
            };
            values.iter().map(round).collect()
        };
        let mut head = |h: &Head| QuantizedHead { q: encode(&h.q), k: encode(&h.k), v: encode(&h.v) };
        let heads = self.heads.iter().map(&mut head).collect();
        Quantized { format, head_dim: self.head_dim, heads, saturation }
    }
}

impl Quantized {
    /// The values of a head's q, k and v as the engine sees them.
    pub fn values(&self, head: usize) -> [Vec<f64>; 3] {
        let head = &self.heads[head];
        [&head.q, &head.k, &head.v].map(|bits| bits.iter().map(|&b| self.format.decode_flush(b)).collect())
    }
}
