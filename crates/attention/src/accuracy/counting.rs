//! What happens on the way to a result, counted.

use crate::engine::EngineSpec;
use crate::kernel::{Model, State};
use numerics::{Format, Number};
use serde::Serialize;
use std::cell::Cell;

/// Events of a number of queries. Those of disjoint queries add up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Keys that queries met.
    pub steps: u64,
    /// Steps that the kernel skipped: it held the state, or replaced it by the key.
    pub skipped: u64,
    /// Scores beyond the largest number of the score format, or of the kernel's own representation of scores.
    pub saturated_scores: u64,
    /// Elements of result rows.
    pub results: u64,
    /// Elements of result rows that are the largest number of the output format, of either sign.
    pub saturated_results: u64,
}

impl Counts {
    /// Adds other queries.
    pub fn merge(&mut self, other: &Counts) {
        self.steps += other.steps;
        self.skipped += other.skipped;
        self.saturated_scores += other.saturated_scores;
        self.results += other.results;
        self.saturated_results += other.saturated_results;
    }
}

/// A functional model that counts.
pub(super) struct Counting<'a> {
    model: &'a dyn Model,
    score: Format,
    output: Number,
    counts: Cell<Counts>,
}

impl<'a> Counting<'a> {
    pub fn new(spec: &EngineSpec, model: &'a dyn Model) -> Self {
        Counting { model, score: spec.score(), output: spec.output, counts: Cell::default() }
    }

    pub fn counts(&self) -> Counts {
        self.counts.get()
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }
}

impl Model for Counting<'_> {
    fn step(&self, state: Option<State>, score: u64, v: &[u64], anchor: u64) -> State {
        let saturated = Number::from(self.score).is_extreme(score)
            || self.score.decode(score).abs() > self.model.score_limit();
        let skipped = state.as_ref().is_some_and(|state| self.model.skips(state, score));
        self.count(|counts| {
            counts.steps += 1;
            counts.skipped += u64::from(skipped);
            counts.saturated_scores += u64::from(saturated);
        });
        self.model.step(state, score, v, anchor)
    }

    fn merge(&self, running: Option<State>, other: State) -> State {
        self.model.merge(running, other)
    }

    fn rescale(&self, state: State, anchor: u64) -> State {
        self.model.rescale(state, anchor)
    }

    fn result(&self, state: &State) -> Vec<u64> {
        let row = self.model.result(state);
        let saturated = row.iter().filter(|&&element| self.output.is_extreme(element)).count();
        self.count(|counts| {
            counts.results += row.len() as u64;
            counts.saturated_results += saturated as u64;
        });
        row
    }
}
