//! The functional model of `flash-d`, from the scalar operations of [`numerics`] alone.

use super::{DELTAS, HELD_WEIGHT, ScoreSkip};
use crate::engine::EngineSpec;
use crate::kernel::{Model, State};
use numerics::{BlendForm, SigmoidLnSpec, scalar};

/// State: s and w; o.
pub(super) struct Reference {
    pub(super) spec: EngineSpec,
    pub(super) weights: SigmoidLnSpec,
    pub(super) update: BlendForm,
    pub(super) skip: ScoreSkip,
}

impl Reference {
    /// The sign of the side of [−6, 11] on which a key's score lies relative to the one before; 0 within.
    fn side(&self, score: u64, before: u64) -> i32 {
        let (format, policy) = (self.spec.score(), &self.spec.policy);
        let rise = format.decode(scalar::sub(format, policy, score, before));
        match self.skip {
            ScoreSkip::ScoreDelta => i32::from(rise > DELTAS[1]) - i32::from(rise < DELTAS[0]),
            ScoreSkip::None => 0,
        }
    }

    /// (s − ln w, 1), which stands for the same keys as (s, w).
    fn converted(&self, state: State) -> State {
        let (format, policy) = (self.spec.score(), &self.spec.policy);
        let falls = scalar::sub(format, policy, 0, state.scalars[0]);
        let ln = self.weights.ln(policy, state.scalars[1]);
        let score = scalar::add(format, policy, falls, ln) ^ format.sign_bit();
        State { scalars: vec![score, format.one()], ..state }
    }

    /// o after a row of that weight (score format).
    fn blend(&self, o: &[u64], row: &[u64], weight: u64) -> Vec<u64> {
        let (format, policy) = (self.spec.float(), &self.spec.policy);
        let weight = scalar::convert(self.spec.score(), format, policy, weight);
        o.iter().zip(row).map(|(&o, &v)| self.update.apply(format, policy, o, v, weight)).collect()
    }
}

impl Model for Reference {
    fn step(&self, state: Option<State>, score: u64, v: &[u64], anchor: u64) -> State {
        let (format, policy) = (self.spec.score(), &self.spec.policy);
        let load = |&v| self.spec.accumulator.load(policy, self.spec.value, v, anchor);
        let row: Vec<u64> = v.iter().map(load).collect();
        let side = state.as_ref().map_or(1, |state| self.side(score, state.scalars[0]));
        let (weight, elements) = match (side, state) {
            (-1, Some(state)) => (format.encode(HELD_WEIGHT, policy), state.elements),
            (0, Some(state)) => {
                let weight = self.weights.weight(policy, score, state.scalars[0], state.scalars[1]);
                (weight, self.blend(&state.elements, &row, weight))
            }
            _ => (format.one(), row),
        };
        State { scalars: vec![score, weight], elements, anchor: 0 }
    }

    fn merge(&self, running: Option<State>, other: State) -> State {
        let other = self.converted(other);
        let Some(State { scalars, elements, .. }) = running else { return other };
        let score = other.scalars[0];
        let weight = self.weights.weight(&self.spec.policy, score, scalars[0], scalars[1]);
        let elements = self.blend(&elements, &other.elements, weight);
        State { scalars: vec![score, weight], elements, anchor: 0 }
    }

    fn skips(&self, state: &State, score: u64) -> bool {
        self.side(score, state.scalars[0]) != 0
    }

    fn result(&self, state: &State) -> Vec<u64> {
        let convert = |&o: &u64| scalar::convert(self.spec.float(), self.spec.output, &self.spec.policy, o);
        state.elements.iter().map(convert).collect()
    }
}
