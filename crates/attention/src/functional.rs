//! The functional model of the engine: what every query's result row is, to the bit.

use crate::engine::EngineSpec;
use numerics::{dot, scalar};

/// A result row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResultRow {
    /// Elements in the output format; zeros if `empty`.
    pub row: Vec<u64>,
    /// The query met no key.
    pub empty: bool,
}

/// The result of one query over keys and values (rows of patterns in the engine's input formats), meeting only the
/// keys for which `meets` is true. `scale` is a pattern of the scale format if the engine has one.
pub fn attend(
    spec: &EngineSpec,
    query: &[u64],
    keys: &[Vec<u64>],
    values: &[Vec<u64>],
    scale: Option<u64>,
    meets: impl Fn(usize) -> bool,
) -> ResultRow {
    let mut model = spec.kernel.model(spec);
    let mut empty = true;
    for i in (0..keys.len()).filter(|&i| meets(i)) {
        let score = dot::dot(&spec.dot, &spec.policy, query, &keys[i], scale);
        model.step(score, &widen(spec, &values[i]));
        empty = false;
    }
    let row = if empty { vec![spec.output.zero(false); spec.head_dim as usize] } else { model.result() };
    ResultRow { row, empty }
}

/// A value row in the accumulator format.
fn widen(spec: &EngineSpec, row: &[u64]) -> Vec<u64> {
    if spec.value == spec.accumulator {
        return row.to_vec();
    }
    row.iter().map(|&v| scalar::convert(spec.value, spec.accumulator, &spec.policy, v)).collect()
}
