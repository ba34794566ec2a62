//! `flash-d-lse`: softmax division hidden in a sigmoid (FLASH-D, arXiv 2505.14201), with a state that survives
//! quantisation: the base-2 log-sum-exp c of the scores met so far.
//!
//! ```text
//! x = s − c    w = 1/(1 + 2^-x)    c' = max(s, c) + log2(1 + 2^-|x|)    o' = o + (v − o)·w     result = o
//! ```
//! No maximum, no sum, no division. The scalar path is all integer ([`numerics::lse`]); an element of o takes one
//! subtraction, one product with the U bits of u and one addition. A first key has c' = s and o' = v.

mod element;
mod options;

use super::{Kernel, KernelEntry, Model, ScalarStep, ScalarUpdate, State, Width};
use crate::config::{EngineConfig, coarse_score, enough_bits, fixed_bits, most_summands};
use crate::engine::EngineSpec;
use arith::float::{constant, policy_suffix};
use arith::lse::Lse;
use element::{Fixed, Float, Weight};
use hdl::{ModuleBuilder, Signal, Type};
use numerics::FixRound;
use numerics::lse::{Accumulator, LseKernel, LseSpec, LseState, Skip};

/// The kernel.
#[derive(Clone, Copy, Debug)]
pub struct FlashDLse {
    /// Widths and tables of the scalar path.
    pub spec: LseSpec,
    /// Keys with |x| at or above this many octaves hold or replace the state; 0 for none.
    pub skip_threshold: u32,
}

/// The registry entry.
pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "flash-d-lse",
    summary: "FLASH-D (arXiv 2505.14201) with a base-2 log-sum-exp state: no maximum, no sum, no division",
    options: options::KEYS,
    read: options::read,
};

impl Kernel for FlashDLse {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn options(&self) -> toml::Table {
        options::write(self)
    }

    fn warnings(&self, engine: &EngineConfig) -> Vec<String> {
        let (format, keys) = (&engine.format, engine.array.max_keys);
        let coarse = coarse_score(engine, ENTRY.name, self.spec.score());
        let enough = self.accumulator_bits(most_summands(engine));
        let too_narrow = match format.accumulator {
            Accumulator::Float(format) => format.man_bits < enough,
            Accumulator::Fixed { frac_bits, .. } => frac_bits < fixed_bits(enough),
        };
        let flat = too_narrow.then(|| {
            format!(
                "format.accumulator = \"{}\" lets o drift over array.max_keys = {keys}: a weight below half a place of o \
                 is lost (bf16, uniform attention over 4096 keys: 100 % where v drifts); use \"m{enough}\", \
                 \"fixed{}\" or array.key_block = 64",
                format.accumulator,
                fixed_bits(enough)
            )
        });
        coarse.into_iter().chain(flat).collect()
    }

    fn widths(&self, _: &EngineSpec) -> Vec<Width> {
        vec![
            Width {
                name: "base-2 score",
                bits: self.spec.score_bits(),
                reason: "integer and fraction bits of s",
            },
            Width {
                name: "log-sum-exp c",
                bits: self.spec.c_bits(),
                reason: "head-room for any number of keys",
            },
            Width {
                name: "weight u",
                bits: self.spec.u_bits,
                reason: "significant bits of the smaller weight",
            },
        ]
    }

    fn allows_fixed(&self) -> bool {
        true
    }

    /// No sum grows with the keys: twelve bits do at any length that was measured, and ten where the weight itself is
    /// no closer.
    fn accumulator_bits(&self, keys: u32) -> u32 {
        enough_bits(keys).min(if self.spec.u_bits <= 4 { 10 } else { 12 })
    }

    fn state(&self, _: &EngineSpec) -> Vec<(&'static str, Type)> {
        vec![("c", Lse { spec: self.spec }.c_type())]
    }

    fn score<'m>(&self, m: &'m ModuleBuilder, spec: &EngineSpec, score: Signal<'m>) -> Signal<'m> {
        let lse = Lse { spec: self.spec };
        let score = lse.to_score(spec.score()).call(m, "base2_score", score);
        lse.rounding_terms(m, lse.align_score(score).named("score_aligned"))
    }

    fn state_score<'m>(&self, state: &[Signal<'m>]) -> Signal<'m> {
        Lse { spec: self.spec }.rounding_terms(state[0].builder(), state[0])
    }

    fn scalar<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        state: &[Signal<'m>],
        step: ScalarStep<'m>,
    ) -> ScalarUpdate<'m> {
        let lse = Lse { spec: self.spec };
        let ScalarStep { score, fresh, update, .. } = step;
        let argument = lse.argument(state[0], score);
        let score = argument.score;
        let w = lse.gain(m, "gain", argument.magnitude, frac_bits(spec));
        let (write, first) = match self.skips(m, argument.x, step) {
            None => (update, fresh),
            Some((hold, replace)) => (update & !(hold & !fresh), fresh | replace),
        };
        let (write, first) = (write.named("state_moves"), first.named("first"));
        // A first key gains nothing.
        let larger = (argument.neg & !first).mux(state[0], score).named("larger");
        let halves = w.halves & (!first).repeat(w.halves.width());
        let next = lse.next(m, larger, halves).named("c_next");
        let moves = (write & !first).named("moves");
        let keeps_o = ((argument.neg & !first) | !write).named("keeps_o");
        ScalarUpdate { next: vec![next], write, out: vec![w.u, w.k, keeps_o, moves] }
    }

    /// The smaller side's weight, and which side is the larger.
    fn controls<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        scalar: &[Signal<'m>],
    ) -> Vec<(&'static str, Signal<'m>)> {
        let &[u, k, keeps_o, moves] = scalar else { unreachable!("four signals") };
        match self.fixed(spec) {
            None => vec![("u", u), ("k", k), ("keeps_o", keeps_o), ("moves", moves)],
            Some(fixed) => fixed.controls(m, fixed.clip(m, k), moves, keeps_o, u),
        }
    }

    /// w = 1/2 · 2^-shift, in the form that takes v for the larger side.
    fn rescale<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        shift: Signal<'m>,
        update: Signal<'m>,
    ) -> Vec<Signal<'m>> {
        let fixed = self.fixed(spec).expect("only a fixed-point o is rescaled");
        let half = m.lit(1 << (self.spec.u_bits - 1), self.spec.u_bits);
        let controls = fixed.controls(m, fixed.clip(m, shift), update, !update, half);
        controls.into_iter().map(|(_, signal)| signal).collect()
    }

    fn element_kind(&self, spec: &EngineSpec) -> (String, &'static str) {
        let u = self.spec.u_bits;
        match spec.accumulator {
            Accumulator::Float(format) => {
                let (format, suffix) = (format.name(), policy_suffix(&spec.policy));
                let name = format!("lse_element_{format}_u{u}_c{}{suffix}", self.spec.c_int_bits);
                (name, "o = o + (v - o) * u * 2^-(U+k), or v - (v - o) * u * 2^-(U+k)")
            }
            Accumulator::Fixed { frac_bits, rounding } => {
                let floor = if rounding == FixRound::Floor { "_floor" } else { "" };
                let name = format!("lse_element_f{frac_bits}_u{u}{floor}");
                (
                    name,
                    "o = o + (v - o) * u * 2^-(U + 4 * coarse + fine), or v - (v - o) * the same; shifts one-hot",
                )
            }
        }
    }

    fn element<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        o: Signal<'m>,
        v: Signal<'m>,
        controls: &[Signal<'m>],
    ) -> Signal<'m> {
        let u_bits = self.spec.u_bits;
        match spec.accumulator {
            Accumulator::Float(format) => {
                let &[u, k, keeps_o, moves] = controls else { unreachable!("four controls") };
                let weight = Weight { u, k, keeps_o, moves };
                Float { format, policy: spec.policy, u_bits }.next(m, o, v, weight)
            }
            Accumulator::Fixed { .. } => self.fixed(spec).expect("it is").next(m, o, v, controls),
        }
    }

    fn model(&self, spec: &EngineSpec) -> Box<dyn Model> {
        let kernel = LseKernel::new(self.spec, spec.accumulator, spec.value, spec.policy);
        let kernel = kernel.expect("checked with the configuration");
        let kernel = if self.skip_threshold > 0 { kernel.with_skip(self.skip_threshold) } else { kernel };
        Box::new(Reference { spec: spec.clone(), lse: self.spec, kernel })
    }
}

/// f of a fixed-point o.
fn frac_bits(spec: &EngineSpec) -> Option<u32> {
    match spec.accumulator {
        Accumulator::Float(_) => None,
        Accumulator::Fixed { frac_bits, .. } => Some(frac_bits),
    }
}

impl FlashDLse {
    /// The element of a fixed-point o.
    fn fixed(&self, spec: &EngineSpec) -> Option<Fixed> {
        match spec.accumulator {
            Accumulator::Float(_) => None,
            Accumulator::Fixed { frac_bits, rounding } => {
                Some(Fixed { frac_bits, rounding, u_bits: self.spec.u_bits })
            }
        }
    }

    /// x ≤ −T and x ≥ T; a merge skips nothing.
    fn skips<'m>(
        &self,
        m: &'m ModuleBuilder,
        x: Signal<'m>,
        step: ScalarStep<'m>,
    ) -> Option<(Signal<'m>, Signal<'m>)> {
        if self.skip_threshold == 0 {
            return None;
        }
        let threshold = i64::from(self.skip_threshold) << self.spec.fx;
        let of_key = |skips: Signal<'m>| step.merges.map_or(skips, |merges| skips & !merges);
        let (low, high) = (x.le(constant(m, -threshold)), x.ge(constant(m, threshold)));
        Some((of_key(low).named("holds"), of_key(high).named("replaces")))
    }
}

struct Reference {
    spec: EngineSpec,
    lse: LseSpec,
    kernel: LseKernel,
}

impl Reference {
    fn c(&self, state: &State) -> i64 {
        let unused = 64 - self.lse.c_bits();
        (state.scalars[0] << unused) as i64 >> unused
    }

    fn decode(&self, state: State) -> LseState {
        LseState { c: self.c(&state), o: state.elements, anchor: state.anchor }
    }

    fn encode(&self, state: LseState) -> State {
        let c = state.c as u64 & ((1 << self.lse.c_bits()) - 1);
        State { scalars: vec![c], elements: state.o, anchor: state.anchor }
    }
}

impl Model for Reference {
    fn step(&self, state: Option<State>, score: u64, v: &[u64], anchor: u64) -> State {
        let score = self.lse.quantize_score(self.spec.score(), score, true);
        self.encode(self.kernel.step(state.map(|s| self.decode(s)), score, v, anchor))
    }

    fn merge(&self, running: Option<State>, other: State) -> State {
        let running = running.map(|state| self.decode(state));
        self.encode(self.kernel.merge(running, Some(self.decode(other))).expect("one is not empty"))
    }

    fn rescale(&self, state: State, anchor: u64) -> State {
        self.encode(self.kernel.raise_anchor(self.decode(state), anchor))
    }

    fn result(&self, state: &State) -> Vec<u64> {
        self.kernel.output(&self.decode(state.clone()), self.spec.output)
    }

    fn skips(&self, state: &State, score: u64) -> bool {
        let score = self.lse.quantize_score(self.spec.score(), score, true);
        self.kernel.skip(self.c(state), score) != Skip::Update
    }

    fn score_limit(&self) -> f64 {
        self.lse.score().limit()
    }
}
