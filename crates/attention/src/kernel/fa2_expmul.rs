//! `fa2-expmul`: FlashAttention-2 whose products with an exponential are ExpMul units (arXiv 2505.14314).
//!
//! ```text
//! state [l o], input [1 v]:   state' = state·2^-L(m - m') + input·2^-L(s - m')        result = o · 1/l
//! quantize = each:         L of each difference, rounded by itself (published)
//! quantize = score-first:  the base-2 score is rounded once, then maximum and differences are exact integers
//! ```
//! A first key meets [0 0] under m = s, so that the state becomes [1 v] by the same datapath; a key that is not met has
//! correction 0 and the level that flushes every input, and writes nothing.

use super::fa2::{running_max, with_one};
use super::{Division, Kernel, KernelEntry, Model, ScalarStep, ScalarUpdate, State, Width};
use crate::config::{ConfigError, EngineConfig, Section, sum_stagnates};
use crate::engine::EngineSpec;
use arith::float::{clamp_amount, float_type, policy_suffix};
use arith::{ExpMul, FpAdd};
use hdl::{ModuleBuilder, Signal, Type};
use numerics::{ExpMulSpec, scalar};
use std::sync::Arc;

/// Where ExpMul quantises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantize {
    /// Each correction m_{i-1} − m_i and s − m_i on its own, as published.
    Each,
    /// The base-2 score once; maximum and differences are then exact.
    ScoreFirst,
}

/// The kernel.
#[derive(Clone, Copy, Debug)]
pub struct Fa2ExpMul {
    /// Where the logarithmic quantisation happens.
    pub quantize: Quantize,
    /// Fraction bits f of the power of two.
    pub fraction_bits: u32,
    /// The division by the sum.
    pub division: Division,
}

/// The registry entry.
pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "fa2-expmul",
    summary: "FlashAttention-2 whose products with an exponential are exponent subtractions (arXiv 2505.14314)",
    options: &["quantize", "fraction_bits", Division::KEYS[0], Division::KEYS[1]],
    read,
};

fn read(section: &mut Section<'_>) -> Result<Arc<dyn Kernel>, ConfigError> {
    let places = [("each", Quantize::Each), ("score-first", Quantize::ScoreFirst)];
    Ok(Arc::new(Fa2ExpMul {
        quantize: section.choice("quantize", &places, Some(Quantize::ScoreFirst))?,
        fraction_bits: section.integer("fraction_bits", 0..=5, Some(0))? as u32,
        division: Division::read(section)?,
    }))
}

impl Fa2ExpMul {
    fn unit(&self, spec: &EngineSpec) -> ExpMulSpec {
        ExpMulSpec::new(spec.float(), spec.score(), spec.float(), self.fraction_bits)
    }

    /// A correction below half a step of L is rounded to no correction at all, every time.
    fn loses_slow_rises(&self) -> String {
        let lost = 0.5 / 1.4375 / f64::from(1u32 << self.fraction_bits);
        format!(
            "kernel.quantize = \"each\" (as published) loses every rise of the maximum below {lost:.3}, however often \
             it happens (f = 0, scores rising by 0.25 a key: 98 % error; \"score-first\" 17 %, with fraction_bits = 5 \
             0.8 %)"
        )
    }

    fn hardware(&self, spec: &EngineSpec) -> ExpMul {
        ExpMul { spec: self.unit(spec), policy: spec.policy }
    }
}

impl Kernel for Fa2ExpMul {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn options(&self) -> toml::Table {
        let quantize = if self.quantize == Quantize::Each { "each" } else { "score-first" };
        let own = [
            ("quantize".to_string(), quantize.into()),
            ("fraction_bits".to_string(), i64::from(self.fraction_bits).into()),
        ];
        own.into_iter().chain(self.division.options()).collect()
    }

    fn warnings(&self, engine: &EngineConfig) -> Vec<String> {
        let slow_rise = (self.quantize == Quantize::Each).then(|| self.loses_slow_rises());
        sum_stagnates(engine).into_iter().chain(slow_rise).collect()
    }

    fn widths(&self, spec: &EngineSpec) -> Vec<Width> {
        let reason = "enough to flush any value, plus fraction_bits";
        vec![Width { name: "level L", bits: self.unit(spec).level_bits(), reason }]
    }

    fn state(&self, spec: &EngineSpec) -> Vec<(&'static str, Type)> {
        let ty = match self.quantize {
            Quantize::Each => float_type(spec.score()),
            Quantize::ScoreFirst => Type::signed(self.unit(spec).score_bits()),
        };
        vec![("m", ty)]
    }

    fn score<'m>(&self, m: &'m ModuleBuilder, spec: &EngineSpec, score: Signal<'m>) -> Signal<'m> {
        match self.quantize {
            Quantize::Each => score,
            Quantize::ScoreFirst => self.hardware(spec).quantize_score(m, "base2_score", score),
        }
    }

    fn scalar<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        state: &[Signal<'m>],
        step: ScalarStep<'m>,
    ) -> ScalarUpdate<'m> {
        match self.quantize {
            Quantize::Each => running_max(m, spec, state[0], step),
            Quantize::ScoreFirst => integer_max(state[0], step),
        }
    }

    fn controls<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        scalar: &[Signal<'m>],
    ) -> Vec<(&'static str, Signal<'m>)> {
        let &[before, after, score, fresh, update] = scalar else { unreachable!("five signals") };
        let unit = self.hardware(spec);
        let [correction, weight] = match self.quantize {
            Quantize::Each => levels_of_differences(m, spec, &unit, before, after, score),
            Quantize::ScoreFirst => [("correction", before), ("weight", score)].map(|(name, from)| {
                clamp_amount(after - from, unit.spec.most()).named(&format!("level_{name}"))
            }),
        };
        let (none, all) = (m.zero(unit.level_type()), m.lit(unit.spec.most(), unit.level_type().width));
        vec![
            ("correction", update.mux(correction, none).named("correction")),
            ("weight", update.mux(weight, all).named("weight")),
            ("fresh", fresh),
        ]
    }

    fn element_kind(&self, spec: &EngineSpec) -> (String, &'static str) {
        let (format, f) = (spec.float().name(), self.fraction_bits);
        let name = format!("expmul_element_{format}_f{f}{}", policy_suffix(&spec.policy));
        (name, "o = o * 2^-correction + v * 2^-weight for the slot's query")
    }

    fn element<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        o: Signal<'m>,
        v: Signal<'m>,
        controls: &[Signal<'m>],
    ) -> Signal<'m> {
        let &[correction, weight, fresh] = controls else { unreachable!("three controls") };
        let unit = self.hardware(spec);
        let before = fresh.mux(m.zero(o.ty()), o).named("o_before");
        let scaled = unit.apply(m, "scale_o", before, correction);
        let addend = unit.apply(m, "scale_v", v, weight);
        FpAdd { format: spec.float(), policy: spec.policy }.call(m, "add_o", scaled, addend)
    }

    fn division(&self) -> Option<Division> {
        Some(self.division)
    }

    fn model(&self, spec: &EngineSpec) -> Box<dyn Model> {
        Box::new(Reference { spec: spec.clone(), kernel: *self, unit: self.unit(spec) })
    }
}

/// `quantize = each`: float differences, each quantised.
fn levels_of_differences<'m>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    unit: &ExpMul,
    before: Signal<'m>,
    after: Signal<'m>,
    score: Signal<'m>,
) -> [Signal<'m>; 2] {
    let sub = FpAdd { format: spec.score(), policy: spec.policy };
    let change = sub.call_sub(m, "max_change", before, after);
    let below = sub.call_sub(m, "below_max", score, after);
    [unit.quantize(m, "level_correction", change), unit.quantize(m, "level_weight", below)]
}

/// `quantize = score-first`: the maximum of quantised base-2 scores.
fn integer_max<'m>(
    old: Signal<'m>,
    ScalarStep { score, fresh, update, .. }: ScalarStep<'m>,
) -> ScalarUpdate<'m> {
    let before = fresh.mux(score, old).named("m_before");
    let next = before.lt(score).mux(score, before).named("m_next");
    ScalarUpdate { next: vec![next], write: update, out: vec![before, next, score, fresh, update] }
}

struct Reference {
    spec: EngineSpec,
    kernel: Fa2ExpMul,
    unit: ExpMulSpec,
}

impl Reference {
    /// The maximum that a score is, as a pattern: the float itself, or base 2 in units of 2^-f.
    fn max_of(&self, s: u64) -> u64 {
        match self.kernel.quantize {
            Quantize::Each => s,
            Quantize::ScoreFirst => self.unit.quantize_score(s) as u64 & self.mask(),
        }
    }

    /// All bits of an integer maximum.
    fn mask(&self) -> u64 {
        (1 << self.unit.score_bits()) - 1
    }

    /// The larger of two maxima, and the levels by which each is below it.
    fn levels(&self, old: u64, new: u64) -> (u64, u32, u32) {
        match self.kernel.quantize {
            Quantize::Each => {
                let (score, policy) = (self.spec.score(), &self.spec.policy);
                let max = scalar::max(score, old, new);
                let level = |x| self.unit.quantize(scalar::sub(score, policy, x, max));
                (max, level(old), level(new))
            }
            Quantize::ScoreFirst => {
                let unused = 64 - self.unit.score_bits();
                let [old, new] = [old, new].map(|pattern| (pattern << unused) as i64 >> unused);
                let max = old.max(new);
                (max as u64 & self.mask(), self.unit.clip(max - old), self.unit.clip(max - new))
            }
        }
    }

    /// Meets a maximum and a row `[1 v]`, or another state's `[ℓ o]`. State: m, and [ℓ o].
    fn meet(&self, state: Option<State>, new: u64, row: &[u64]) -> State {
        let empty = || State { scalars: vec![new], elements: vec![0; row.len()], anchor: 0 };
        let State { scalars, elements, anchor } = state.unwrap_or_else(empty);
        let (max, correction, weight) = self.levels(scalars[0], new);
        let (format, policy) = (self.spec.float(), &self.spec.policy);
        let apply = |x, level| self.unit.apply(policy, x, level);
        let next = |(&o, &v)| scalar::add(format, policy, apply(o, correction), apply(v, weight));
        State { scalars: vec![max], elements: elements.iter().zip(row).map(next).collect(), anchor }
    }
}

impl Model for Reference {
    fn step(&self, state: Option<State>, score: u64, v: &[u64], _: u64) -> State {
        self.meet(state, self.max_of(score), &with_one(&self.spec, v))
    }

    fn merge(&self, running: Option<State>, other: State) -> State {
        self.meet(running, other.scalars[0], &other.elements)
    }

    fn result(&self, state: &State) -> Vec<u64> {
        self.kernel.division.reference(&self.spec, &state.elements[1..], state.elements[0])
    }

    fn score_limit(&self) -> f64 {
        match self.kernel.quantize {
            Quantize::Each => f64::INFINITY,
            Quantize::ScoreFirst => self.unit.score_limit(),
        }
    }
}
