//! `flash-d`: softmax division hidden in a sigmoid, as published (FLASH-D, arXiv 2505.14201). The state is the score
//! of the last key and its weight among the keys so far.
//!
//! ```text
//! d = s − s'    x = d + ln w'    w = σ(x)    o = o + (v − o)·w   or   v·w + o·(1 − w)     result = o
//! ```
//! Every operation is rounded ([`numerics::sigmoid_ln`]): those of s and w to the score format, those of o to the
//! accumulator's. A first key has w = 1 and o = v exactly, −0 included; a subnormal v counts as a zero of its sign. What
//! is not met, or skipped, adds −0, which leaves every o as it is.
//!
//! *Skipping* by `score-delta`, with d outside [−6, 11]: below, o is held and w becomes 10^-5; above, o = v and w = 1. The
//! score is taken over in either case. (A weight of 0 has no logarithm; 10^-5 is what the authors' code leaves.)
//!
//! *Merging*: (s, w) stands for the same keys as (s − ln w, 1), as w is the share of e^s in the sum of all. One step
//! brings the inner state there with the two adders, s ← −((0 − s) + ln w); then it is met like a key that nothing skips.

mod reference;

use super::{Kernel, KernelEntry, Model, ScalarStep, ScalarUpdate, Width};
use crate::config::{ConfigError, EngineConfig, Section, enough_bits, most_summands};
use crate::engine::EngineSpec;
use arith::float::{float_type, policy_suffix};
use arith::{Convert, FpAdd, FpMul, Ln, Sigmoid};
use hdl::{ModuleBuilder, Signal, Type};
use numerics::sigmoid_ln::{X_FRAC, X_INT};
use numerics::{BlendForm, Format, SigmoidForm, SigmoidLnSpec};
use reference::Reference;
use std::sync::Arc;

/// The kernel.
#[derive(Clone, Copy, Debug)]
pub struct FlashD {
    /// The form of σ and ln.
    pub sigmoid: SigmoidForm,
    /// The form of the element update.
    pub update: BlendForm,
    /// Which keys are skipped.
    pub skip: ScoreSkip,
}

/// Which keys leave o as it is, or replace it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScoreSkip {
    /// None.
    None,
    /// Those whose score differs from the one before by less than −6 or more than 11, as published.
    ScoreDelta,
}

const SIGMOIDS: &[(&str, SigmoidForm)] = &[
    ("range-reduced", SigmoidForm::RangeReduced(numerics::LseSpec::FINE)),
    ("direct-8", SigmoidForm::Direct8),
];
const UPDATES: &[(&str, BlendForm)] =
    &[("difference", BlendForm::Difference), ("two-product", BlendForm::TwoProduct)];
const SKIPS: &[(&str, ScoreSkip)] = &[("none", ScoreSkip::None), ("score-delta", ScoreSkip::ScoreDelta)];

/// Differences of scores below the first hold o, above the second replace it.
const DELTAS: [f64; 2] = [-6.0, 11.0];
/// The weight that a key which holds o leaves.
const HELD_WEIGHT: f64 = 1e-5;

/// The registry entry.
pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "flash-d",
    summary: "FLASH-D (arXiv 2505.14201) as published: a sigmoid of the score's rise and the last weight's logarithm",
    options: &["sigmoid", "update", "skip"],
    read,
};

fn read(section: &mut Section<'_>) -> Result<Arc<dyn Kernel>, ConfigError> {
    Ok(Arc::new(FlashD {
        sigmoid: section.choice("sigmoid", SIGMOIDS, Some(SIGMOIDS[0].1))?,
        update: section.choice("update", UPDATES, Some(UPDATES[0].1))?,
        skip: section.choice("skip", SKIPS, Some(SKIPS[0].1))?,
    }))
}

impl Kernel for FlashD {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn options(&self) -> toml::Table {
        fn word<T: PartialEq>(words: &[(&str, T)], choice: T) -> toml::Value {
            words.iter().find(|(_, c)| *c == choice).expect("the kernel was read from a word").0.into()
        }
        toml::Table::from_iter([
            ("sigmoid".to_string(), word(SIGMOIDS, self.sigmoid)),
            ("update".to_string(), word(UPDATES, self.update)),
            ("skip".to_string(), word(SKIPS, self.skip)),
        ])
    }

    fn warnings(&self, engine: &EngineConfig) -> Vec<String> {
        let limit = "kernel.name = \"flash-d\" keeps all that was met in one weight: bf16 scores cost 12 % on real heads \
                     (1.8 % in blocks of 16 keys), and a score that falls by 87 loses what was met before it (scores \
                     0, -100, 0: 70 % error and more in any format of 8 exponent bits); use \"flash-d-lse\"";
        let direct = (self.sigmoid == SigmoidForm::Direct8).then_some(
            "kernel.sigmoid = \"direct-8\" is too coarse for the scores of real heads (121 to 144 % error); use \
             \"range-reduced\"",
        );
        let skip = (self.skip == ScoreSkip::ScoreDelta).then_some(
            "kernel.skip = \"score-delta\" judges a key by its neighbour's score, not by its weight, and forgets that \
             weight: 37 % error on real heads although it fires on 0.4 % of the updates, 418 % on scores 0, -7, 0, -7; \
             use \"none\"",
        );
        let told = [Some(limit), direct, skip].into_iter().flatten().map(String::from);
        told.chain(drifts(engine)).collect()
    }

    fn widths(&self, spec: &EngineSpec) -> Vec<Width> {
        let bits = spec.score().width();
        vec![
            Width { name: "score s", bits, reason: "format.score, kept from key to key" },
            Width { name: "weight w", bits, reason: "format.score, 2^-126 to 1" },
            Width {
                name: "sigmoid argument",
                bits: X_INT + X_FRAC,
                reason: "integer and fraction bits of |x|",
            },
        ]
    }

    /// o stays among the v it has met.
    fn accumulator_bits(&self, keys: u32) -> u32 {
        enough_bits(keys).min(12)
    }

    fn check_score(&self, score: Format) -> Result<(), String> {
        let named = format!("weight format {score}: "); // the error names it itself
        let functions = SigmoidLnSpec { format: score, form: self.sigmoid };
        functions.check().map_err(|problem| problem.trim_start_matches(&named).into())
    }

    fn state(&self, spec: &EngineSpec) -> Vec<(&'static str, Type)> {
        vec![("s", float_type(spec.score())), ("w", float_type(spec.score()))]
    }

    fn merge_steps(&self) -> u32 {
        2
    }

    fn scalar<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        state: &[Signal<'m>],
        step: ScalarStep<'m>,
    ) -> ScalarUpdate<'m> {
        let (format, policy) = (spec.score(), spec.policy);
        let functions = SigmoidLnSpec { format, form: self.sigmoid };
        let (add, pattern) = (FpAdd { format, policy }, |bits: u64| m.lit(bits, format.width()));
        let &[last_score, last_weight] = state else { unreachable!("two variables") };
        let ScalarStep { score, fresh, update, convert, .. } = step;

        let minuend = convert.map_or(score, |now| now.mux(pattern(0), score));
        let rise = add.call_sub(m, "rise", minuend, last_score).named("score_rise");
        let ln = Ln { spec: functions, policy }.call(m, "ln", last_weight).named("ln_weight");
        let argument = add.call(m, "argument", rise, ln).named("x");
        let weight = Sigmoid { spec: functions, policy }.call(m, "sigmoid", argument).named("sigma");

        let (hold, replace) = self.skips(m, spec, rise, step);
        let first = (fresh | (replace & update)).named("first");
        let small = pattern(format.encode(HELD_WEIGHT, &policy));
        let skipped = if self.skip == ScoreSkip::None { weight } else { hold.mux(small, weight) };
        let one = convert.map_or(first, |now| first | now).named("whole_weight");
        let next_weight = one.mux(pattern(format.one()), skipped).named("w_next");
        let converted = m.concat(&[!argument.msb(), argument.low(format.width() - 1)]).named("s_converted");
        let next_score = convert.map_or(score, |now| now.mux(converted, score)).named("s_next");
        let holds = !update | (hold & !first);
        let holds = convert.map_or(holds, |now| holds | now).named("holds");
        ScalarUpdate {
            next: vec![next_score, next_weight],
            write: update,
            out: vec![next_weight, holds, first],
        }
    }

    fn controls<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        scalar: &[Signal<'m>],
    ) -> Vec<(&'static str, Signal<'m>)> {
        let &[weight, holds, first] = scalar else { unreachable!("three signals") };
        let (format, policy) = (spec.float(), spec.policy);
        let weight =
            Convert { from: spec.score().into(), to: format.into(), policy }.call(m, "weight_to_o", weight);
        let zero = m.zero(float_type(format));
        match self.update {
            BlendForm::Difference => {
                let nothing = (holds | first).named("nothing");
                let weight = nothing.mux(zero, weight).named("weight");
                vec![("weight", weight), ("nothing", nothing), ("takes_v", first)]
            }
            BlendForm::TwoProduct => {
                let weight = holds.mux(zero, weight).named("weight");
                let one = m.lit(format.one(), format.width());
                let rest = FpAdd { format, policy }.call_sub(m, "one_minus", one, weight).named("rest");
                vec![("weight", weight), ("rest", rest), ("holds", holds), ("takes_v", first)]
            }
        }
    }

    fn element_kind(&self, spec: &EngineSpec) -> (String, &'static str) {
        let (form, equation) = match self.update {
            BlendForm::Difference => ("difference", "o = o + (v - o) * weight"),
            BlendForm::TwoProduct => ("two_product", "o = v * weight + o * rest"),
        };
        let suffix = policy_suffix(&spec.policy);
        (format!("flash_d_{form}_{}{suffix}", spec.float().name()), equation)
    }

    /// A product that must change nothing has the weight 0, and its sign set to make it −0.
    fn element<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        o: Signal<'m>,
        v: Signal<'m>,
        controls: &[Signal<'m>],
    ) -> Signal<'m> {
        let mul = FpMul::uniform(spec.float(), spec.policy);
        let add = FpAdd { format: spec.float(), policy: spec.policy };
        let negative_if = |flag: Signal<'m>, x: Signal<'m>| m.concat(&[x.msb() | flag, x.low(x.width() - 1)]);
        match *controls {
            [weight, nothing, takes_v] => {
                let difference = add.call_sub(m, "sub", v, o).named("difference");
                let share = mul.call(m, "mul", difference, weight);
                let larger = takes_v.mux(v, o).named("larger");
                add.call(m, "add", larger, negative_if(nothing, share).named("share"))
            }
            [weight, rest, holds, takes_v] => {
                let new = negative_if(holds, mul.call(m, "mul_v", v, weight)).named("new_share");
                let old = negative_if(takes_v, mul.call(m, "mul_o", o, rest)).named("old_share");
                add.call(m, "add", new, old)
            }
            _ => unreachable!("three controls or four"),
        }
    }

    fn model(&self, spec: &EngineSpec) -> Box<dyn Model> {
        let weights = SigmoidLnSpec { format: spec.score(), form: self.sigmoid };
        Box::new(Reference { spec: spec.clone(), weights, update: self.update, skip: self.skip })
    }
}

/// Each weight comes from the one before, tables' errors included, so that they add up over the keys of a block, and over
/// the blocks.
fn drifts(engine: &EngineConfig) -> Option<String> {
    const CARRIED: u32 = 128;
    let keys = engine.array.max_keys;
    (most_summands(engine) > CARRIED).then(|| {
        format!(
            "array.max_keys = {keys} lets the weight drift from key to key in any format (equal scores: 40 to 130 % error \
             at 256 keys, 400 to 1000 % at 4096); use array.key_block = {} (4096 keys in blocks of 64: 5 %)",
            f64::from(keys).sqrt().ceil() as u32
        )
    })
}

impl FlashD {
    /// Whether the rise of the score makes the key hold o, or replace it; steps of a merge do neither.
    fn skips<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        rise: Signal<'m>,
        step: ScalarStep<'m>,
    ) -> (Signal<'m>, Signal<'m>) {
        if self.skip == ScoreSkip::None {
            return (m.lit(0, 1), m.lit(0, 1));
        }
        let format = spec.score();
        let magnitude = rise.low(format.width() - 1);
        let [below, above] = DELTAS.map(|limit| {
            let limit = format.encode(limit.abs(), &spec.policy);
            magnitude.gt(m.lit(limit, magnitude.width()))
        });
        let state_steps = [step.merges, step.convert].into_iter().flatten();
        let of_key = |skips: Signal<'m>| state_steps.clone().fold(skips, |skips, other| skips & !other);
        (of_key(below & rise.msb()).named("falls"), of_key(above & !rise.msb()).named("leaps"))
    }
}
