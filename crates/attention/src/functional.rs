//! The functional model of the engine: what every query's result row is, to the bit.

use crate::engine::EngineSpec;
use crate::kernel::{Model, State};
use numerics::dot;

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
    attend_with(spec, spec.kernel.model(spec).as_ref(), query, keys, values, scale, meets)
}

/// As [`attend`], with a model at hand.
pub fn attend_with(
    spec: &EngineSpec,
    model: &dyn Model,
    query: &[u64],
    keys: &[Vec<u64>],
    values: &[Vec<u64>],
    scale: Option<u64>,
    meets: impl Fn(usize) -> bool,
) -> ResultRow {
    let score = |i: usize| dot::dot(&spec.dot, &spec.policy, query, &keys[i], scale);
    let state = accumulate(spec, model, values, |i| meets(i).then(|| score(i)));
    ResultRow {
        row: state
            .as_ref()
            .map_or_else(|| vec![spec.output.zero(false); spec.head_dim as usize], |s| model.result(s)),
        empty: state.is_none(),
    }
}

/// The state after all keys, given the score of those that the query meets. Rows are counted into blocks, and raise
/// the anchor, whether the query meets them or not.
pub fn accumulate(
    spec: &EngineSpec,
    model: &dyn Model,
    values: &[Vec<u64>],
    score: impl Fn(usize) -> Option<u64>,
) -> Option<State> {
    let rows_of_block = spec.key_block.map_or(values.len(), |rows| rows as usize).max(1);
    let (mut outer, mut anchor) = (None, 0);
    for (block, rows) in values.chunks(rows_of_block).enumerate() {
        let mut inner = None;
        for (i, row) in rows.iter().enumerate() {
            anchor = anchor.max(largest_exponent(spec, row));
            let raise = |state: Option<State>| state.map(|state| model.rescale(state, anchor));
            (inner, outer) = (raise(inner), raise(outer));
            if let Some(score) = score(block * rows_of_block + i) {
                inner = Some(model.step(inner, score, row, anchor));
            }
        }
        outer = match (outer, inner) {
            (Some(outer), Some(inner)) => Some(model.merge(outer, inner)),
            (outer, inner) => outer.or(inner),
        };
    }
    outer
}

/// The largest exponent field of a value row.
pub fn largest_exponent(spec: &EngineSpec, row: &[u64]) -> u64 {
    row.iter().map(|&v| spec.value.exp_field(v)).max().unwrap_or(0)
}
