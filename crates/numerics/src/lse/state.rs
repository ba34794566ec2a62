//! A query's state: keys in turn, blocks merged, the anchor raised.
//!
//! ```text
//! ∅, (s, v)   →  c = s,                        o = v
//! A, (s, v)   →  c, w = update_c(A.c, s),      o = update(A.o, v, w)
//! merge(A, B) →  the same with s := B.c, v := B.o;  ∅ is neutral on both sides
//! ```

use super::{Accumulator, LseSpec, LseTable, Skip};
use crate::number::Number;
use crate::policy::Policy;
use std::sync::Arc;

/// c, o and the anchor of a query that has met a key; `None` of it is the empty state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LseState {
    /// log2 of the sum of 2^score, in units of 2^-Fc.
    pub c: i64,
    /// The output so far, `head_dim` elements of the accumulator.
    pub o: Vec<u64>,
    /// Largest exponent field of v so far; a float accumulator carries it along unused.
    pub anchor: u64,
}

/// The kernel as a function of scores and value rows.
#[derive(Clone, Debug)]
pub struct LseKernel {
    spec: LseSpec,
    accumulator: Accumulator,
    value: Number,
    policy: Policy,
    table: Arc<LseTable>,
    skip: Option<u32>,
}

impl LseKernel {
    /// A kernel for values of that format.
    ///
    /// # Errors
    /// When the parameters or the accumulator are not legal.
    pub fn new(
        spec: LseSpec,
        accumulator: Accumulator,
        value: impl Into<Number>,
        policy: Policy,
    ) -> Result<Self, String> {
        let value = value.into();
        spec.check()?;
        accumulator.check(value)?;
        policy.supported()?;
        Ok(LseKernel { spec, accumulator, value, policy, table: spec.tables(), skip: None })
    }

    /// With keys skipped from |x| ≥ `threshold` octaves on (at least 1); merges never skip.
    pub fn with_skip(self, threshold: u32) -> Self {
        assert!(threshold >= 1, "a threshold of 0 would skip every key");
        LseKernel { skip: Some(threshold), ..self }
    }

    /// One key: its score in units of 2^-Fs and its value row. `anchor` is at least the largest exponent field of
    /// the row (the tile's maximum, say); above the state's anchor it rescales o first.
    pub fn step(&self, state: Option<LseState>, s: i64, v: &[u64], anchor: u64) -> LseState {
        let state = state.map(|state| self.raise_anchor(state, anchor));
        let anchor = state.as_ref().map_or(anchor, |state| state.anchor);
        let load = |&v| self.accumulator.load(&self.policy, self.value, v, anchor);
        let key = LseState { c: self.spec.align_score(s), o: v.iter().map(load).collect(), anchor };
        match state {
            None => key,
            Some(state) => match self.skip(state.c, s) {
                Skip::Update => self.join(state, &key),
                Skip::Hold => state,
                Skip::Replace => key,
            },
        }
    }

    /// What becomes of a key with score `s` (units 2^-Fs) where the state's log-sum-exp is `c` (units 2^-Fc).
    pub fn skip(&self, c: i64, s: i64) -> Skip {
        let x = || self.spec.argument(c, self.spec.align_score(s));
        self.skip.map_or(Skip::Update, |threshold| self.spec.skip(x(), threshold))
    }

    /// Two states over disjoint keys as one, `a` in the place of the running state.
    pub fn merge(&self, a: Option<LseState>, b: Option<LseState>) -> Option<LseState> {
        match (a, b) {
            (Some(a), Some(b)) => {
                let anchor = a.anchor.max(b.anchor);
                let (a, b) = (self.raise_anchor(a, anchor), self.raise_anchor(b, anchor));
                Some(self.join(a, &b))
            }
            (a, b) => a.or(b),
        }
    }

    fn join(&self, mut a: LseState, b: &LseState) -> LseState {
        let (c, weights) = self.spec.join_c_with(&self.table, a.c, b.c);
        for (o, &v) in a.o.iter_mut().zip(&b.o) {
            *o = self.accumulator.update(&self.policy, *o, v, &weights, self.spec.u_bits);
        }
        LseState { c, ..a }
    }

    /// The state under an anchor that is at least as large; c is held.
    pub fn raise_anchor(&self, mut state: LseState, anchor: u64) -> LseState {
        let delta = anchor.saturating_sub(state.anchor);
        for o in &mut state.o {
            *o = self.accumulator.rescale(*o, delta);
        }
        LseState { anchor: state.anchor + delta, ..state }
    }

    /// The output row in `result`.
    pub fn output(&self, state: &LseState, result: impl Into<Number>) -> Vec<u64> {
        let result = result.into();
        let output = |&o| self.accumulator.output(&self.policy, self.value, result, o, state.anchor);
        state.o.iter().map(output).collect()
    }

    /// The largest exponent field of a value row; 0 in fixed point.
    pub fn row_anchor(&self, v: &[u64]) -> u64 {
        let Number::Float(format) = self.value else { return 0 };
        v.iter().map(|&v| format.exp_field(v)).max().unwrap_or(0)
    }
}
