//! `fa2-expmul`: FlashAttention-2 whose products with an exponential are ExpMul units (arXiv 2505.14314).
//!
//! ```text
//! state [l o], input [1 v]:   state' = state·2^-L(m - m') + input·2^-L(s - m')        result = o · 1/l
//! quantize = each:         L of each difference, rounded by itself (published)
//! quantize = score-first:  the base-2 score is rounded once, then maximum and differences are exact integers
//! ```
//! A first key meets [0 0] under m = s, so that the state becomes [1 v] by the same datapath; a key that is not met has
//! correction 0 and the level that flushes every input, and writes nothing.

use super::fa2::{normalize, normalized};
use super::{Kernel, KernelEntry, QueryModel, Step, Width, state};
use crate::config::{ConfigError, EngineConfig, Section, segments, sum_stagnates};
use crate::engine::EngineSpec;
use arith::float::{clamp_amount, float_type, policy_suffix};
use arith::{ExpMul, FpAdd};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, Update, each};
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
    /// Segments of the reciprocal's table.
    pub recip_segments: u32,
}

/// The registry entry.
pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "fa2-expmul",
    summary: "FlashAttention-2 whose products with an exponential are exponent subtractions (arXiv 2505.14314)",
    options: &["quantize", "fraction_bits", "recip_segments"],
    read,
};

fn read(section: &mut Section<'_>) -> Result<Arc<dyn Kernel>, ConfigError> {
    let places = [("each", Quantize::Each), ("score-first", Quantize::ScoreFirst)];
    Ok(Arc::new(Fa2ExpMul {
        quantize: section.choice("quantize", &places, Some(Quantize::ScoreFirst))?,
        fraction_bits: section.integer("fraction_bits", 0..=5, Some(0))? as u32,
        recip_segments: segments(section, "recip_segments", 16, 4096)?,
    }))
}

impl Fa2ExpMul {
    fn unit(&self, spec: &EngineSpec) -> ExpMulSpec {
        ExpMulSpec::new(spec.accumulator, spec.score(), spec.accumulator, self.fraction_bits)
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

    /// Levels of the correction of the state and of the new value.
    fn levels<'m>(&self, m: &'m ModuleBuilder, spec: &EngineSpec, step: &Step<'m>) -> [Signal<'m>; 2] {
        let unit = ExpMul { spec: self.unit(spec), policy: spec.policy };
        match self.quantize {
            Quantize::Each => levels_of_differences(m, spec, &unit, step),
            Quantize::ScoreFirst => levels_of_scores(m, spec, &unit, step),
        }
    }
}

impl Kernel for Fa2ExpMul {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn options(&self) -> toml::Table {
        let quantize = if self.quantize == Quantize::Each { "each" } else { "score-first" };
        toml::Table::from_iter([
            ("quantize".to_string(), quantize.into()),
            ("fraction_bits".to_string(), i64::from(self.fraction_bits).into()),
            ("recip_segments".to_string(), i64::from(self.recip_segments).into()),
        ])
    }

    fn warnings(&self, engine: &EngineConfig) -> Vec<String> {
        let slow_rise = (self.quantize == Quantize::Each).then(|| self.loses_slow_rises());
        sum_stagnates(engine).into_iter().chain(slow_rise).collect()
    }

    fn widths(&self, spec: &EngineSpec) -> Vec<Width> {
        let reason = "enough to flush any value, plus fraction_bits";
        vec![Width { name: "level L", bits: self.unit(spec).level_bits(), reason }]
    }

    fn lane<'m>(&self, m: &'m ModuleBuilder, spec: &EngineSpec, step: &Step<'m>) -> Signal<'m> {
        let [correction, weight] = self.levels(m, spec, step);
        let unit = ExpMul { spec: self.unit(spec), policy: spec.policy };
        let (none, all) = (m.zero(unit.level_type()), m.lit(self.unit(spec).most(), unit.level_type().width));
        let correction = step.update.mux(correction, none).named("correction");
        let weight = step.update.mux(weight, all).named("weight");
        let one = m.lit(spec.accumulator.one(), spec.accumulator.width());
        let extended = m.bundle(&[one, step.v]);
        let f = self.fraction_bits;
        let name = format!(
            "expmul_element_{}_f{f}_i{}{}",
            spec.accumulator.name(),
            spec.interleave,
            policy_suffix(&spec.policy)
        );
        let kind = Kind { name: &name, doc: "o = o * 2^-correction + v * 2^-weight for the slot's query" };
        let inputs = [
            ("v", each(extended)),
            ("correction", correction.into()),
            ("weight", weight.into()),
            ("slot", step.slot.into()),
            ("fresh", step.fresh.into()),
            ("update", step.update.into()),
        ];
        let count = spec.head_dim + 1;
        let state = m.call_array("element", count, kind, &inputs, |m, x| element(m, spec, &unit, x))[0];
        let (sum, o) = (state.element(0), state.elements(1, spec.head_dim));
        normalize(m, spec, self.recip_segments, o, sum)
    }

    fn model(&self, spec: &EngineSpec) -> Box<dyn QueryModel> {
        Box::new(Model { spec: spec.clone(), kernel: *self, unit: self.unit(spec), state: None })
    }
}

/// `quantize = each`: float maximum and differences, each difference quantised.
fn levels_of_differences<'m>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    unit: &ExpMul,
    step: &Step<'m>,
) -> [Signal<'m>; 2] {
    let (old_max, new_max) = super::fa2::running_max(m, spec, step);
    let sub = FpAdd { format: spec.score(), policy: spec.policy };
    let change = sub.call_sub(m, "max_change", old_max, new_max);
    let below = sub.call_sub(m, "below_max", step.score, new_max);
    [unit.quantize(m, "level_correction", change), unit.quantize(m, "level_weight", below)]
}

/// `quantize = score-first`: integer maximum and differences of quantised base-2 scores.
fn levels_of_scores<'m>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    unit: &ExpMul,
    step: &Step<'m>,
) -> [Signal<'m>; 2] {
    let score = unit.quantize_score(m, "base2_score", step.score);
    let var = state(spec, "m", Type::signed(unit.spec.score_bits()));
    let (old, new) = m.feedback(var, step.slot, &[score, step.fresh, step.update], |old, x| {
        let before = x[1].mux(x[0], old).named("m_before");
        let next = before.lt(x[0]).mux(x[0], before).named("m_next");
        Update { next, enable: x[2], out: (before, next) }
    });
    let level = |from: Signal<'m>, name: &str| clamp_amount(new - from, unit.spec.most()).named(name);
    [level(old, "level_correction"), level(score, "level_weight")]
}

fn element<'m>(m: &'m ModuleBuilder, spec: &EngineSpec, unit: &ExpMul, x: &[Signal<'m>]) -> Outputs<'m> {
    let &[v, correction, weight, slot, fresh, update] = x else { unreachable!("six inputs") };
    let add = FpAdd { format: spec.accumulator, policy: spec.policy };
    let addend = unit.apply(m, "scale_v", v, weight);
    let var = state(spec, "o", float_type(spec.accumulator));
    let o = m.feedback(var, slot, &[correction, addend, fresh, update], |old, x| {
        let old = x[2].mux(m.zero(old.ty()), old).named("o_before");
        let scaled = unit.apply(m, "scale_o", old, x[0]);
        let next = add.call(m, "add_o", scaled, x[1]).named("o_next");
        Update { next, enable: x[3], out: next }
    });
    vec![("o", o)]
}

/// The running maximum: a float, or a base-2 score in units of 2^-f.
#[derive(Clone, Copy)]
enum Max {
    Float(u64),
    Base2(i64),
}

struct Model {
    spec: EngineSpec,
    kernel: Fa2ExpMul,
    unit: ExpMulSpec,
    /// m and [ℓ o]
    state: Option<(Max, Vec<u64>)>,
}

impl Model {
    fn first(&self, s: u64) -> Max {
        match self.kernel.quantize {
            Quantize::Each => Max::Float(s),
            Quantize::ScoreFirst => Max::Base2(self.unit.quantize_score(s)),
        }
    }

    /// The new maximum and the levels of the state's and the value's correction.
    fn levels(&self, max: Max, s: u64) -> (Max, u32, u32) {
        let (score, policy) = (self.spec.score(), &self.spec.policy);
        match max {
            Max::Float(old) => {
                let new = scalar::max(score, old, s);
                let level = |x| self.unit.quantize(scalar::sub(score, policy, x, new));
                (Max::Float(new), level(old), level(s))
            }
            Max::Base2(old) => {
                let s = self.unit.quantize_score(s);
                let new = old.max(s);
                (Max::Base2(new), self.unit.clip(new - old), self.unit.clip(new - s))
            }
        }
    }
}

impl QueryModel for Model {
    fn step(&mut self, s: u64, v: &[u64]) {
        let input: Vec<u64> = [self.spec.accumulator.one()].iter().chain(v).copied().collect();
        let (max, state) = self.state.take().unwrap_or_else(|| (self.first(s), vec![0; input.len()]));
        let (max, correction, weight) = self.levels(max, s);
        let (format, policy) = (self.spec.accumulator, &self.spec.policy);
        let apply = |x, level| self.unit.apply(policy, x, level);
        let next =
            |(&o, &v): (&u64, &u64)| scalar::add(format, policy, apply(o, correction), apply(v, weight));
        self.state = Some((max, state.iter().zip(&input).map(next).collect()));
    }

    fn result(&self) -> Vec<u64> {
        let (_, state) = self.state.as_ref().expect("a key was met");
        normalized(&self.spec, self.kernel.recip_segments, &state[1..], state[0])
    }
}
