//! `fa2-base2`: FlashAttention-2 in base 2 with an integer running maximum (after Softermax, arXiv 2103.09301).
//!
//! ```text
//! p  = v·2^(s - ceil s)                                    rounded; before the recurrence, as it knows no state
//! m' = max(m, ceil s)
//! l' = l·2^-(m' - m) + 2^(s - m')     o' = o·2^-(m' - m) + p·2^-(m' - ceil s)     result = o · 1/l
//! ```
//! The arithmetic is [`numerics::base2`]. An element takes one product of the significand of v with the U bits of the
//! weight, two exponent subtractions, and one addition; only a subtraction and the addition are in its recurrence. A
//! first key meets +0, so that o and ℓ become p; a key that is not met adds p lowered to nothing, −0.

use super::fa2::with_one;
use super::{Division, Kernel, KernelEntry, Model, ScalarStep, ScalarUpdate, State, Width};
use crate::config::{ConfigError, EngineConfig, Section, coarse_score, segments, sum_stagnates};
use crate::engine::EngineSpec;
use arith::float::{Range, Raw, clamp_amount, policy_suffix, round_pack, unpack};
use arith::{Exp2Fraction, FpAdd, ToBase2Score};
use hdl::{Kind, ModuleBuilder, Signal, Type};
use numerics::{Base2Kernel, Base2Score, Base2Spec, Base2State, Format};
use std::sync::Arc;

/// The kernel.
#[derive(Clone, Copy, Debug)]
pub struct Fa2Base2 {
    /// Widths and table of the weight.
    pub spec: Base2Spec,
    /// The division by the sum.
    pub division: Division,
}

/// The registry entry.
pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "fa2-base2",
    summary: "FlashAttention-2 in base 2 with an integer running maximum: rescaling moves exponents only \
              (after Softermax, arXiv 2103.09301)",
    options: &[
        "weight_bits",
        "score_integer_bits",
        "score_fraction_bits",
        "exp_segments",
        Division::KEYS[0],
        Division::KEYS[1],
    ],
    read,
};

fn read(section: &mut Section<'_>) -> Result<Arc<dyn Kernel>, ConfigError> {
    let Base2Spec { score, weight_bits, segments: lines } = Base2Spec::DEFAULT;
    let mut bits = |key, range, default: u32| section.integer(key, range, Some(default.into()));
    let weight_bits = bits("weight_bits", 2..=16, weight_bits)? as u32;
    let int_bits = bits("score_integer_bits", 4..=14, score.int_bits)? as u32;
    let frac_bits = bits("score_fraction_bits", 1..=12, score.frac_bits)? as u32;
    let most = 1 << frac_bits.min(10);
    let segments_of_exp = segments(section, "exp_segments", lines.min(most), most)?;
    let score = Base2Score { int_bits, frac_bits };
    Ok(Arc::new(Fa2Base2 {
        spec: Base2Spec { score, weight_bits, segments: segments_of_exp },
        division: Division::read(section)?,
    }))
}

impl Kernel for Fa2Base2 {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn options(&self) -> toml::Table {
        let Base2Spec { score, weight_bits, segments } = self.spec;
        let values = [weight_bits, score.int_bits, score.frac_bits, segments];
        let value = |(key, value): (&&str, u32)| (key.to_string(), i64::from(value).into());
        ENTRY.options.iter().zip(values).map(value).chain(self.division.options()).collect()
    }

    fn warnings(&self, engine: &EngineConfig) -> Vec<String> {
        let coarse = coarse_score(engine, ENTRY.name, self.spec.score);
        sum_stagnates(engine).into_iter().chain(coarse).collect()
    }

    fn widths(&self, _: &EngineSpec) -> Vec<Width> {
        let width = |name, bits, reason| Width { name, bits, reason };
        vec![
            width("base-2 score", self.spec.score.bits(), "integer and fraction bits of s"),
            width("maximum m", self.spec.max_bits(), "the largest score rounded up"),
            width("weight u", self.spec.weight_bits, "significant bits of 2^(s - ceil s)"),
        ]
    }

    fn state(&self, _: &EngineSpec) -> Vec<(&'static str, Type)> {
        vec![("m", Type::signed(self.spec.max_bits()))]
    }

    fn score<'m>(&self, m: &'m ModuleBuilder, spec: &EngineSpec, score: Signal<'m>) -> Signal<'m> {
        let unit = ToBase2Score { format: spec.score(), score: self.spec.score };
        let score = unit.call(m, "base2_score", score);
        score.extend(self.spec.max_bits() + self.spec.score.frac_bits)
    }

    fn state_score<'m>(&self, state: &[Signal<'m>]) -> Signal<'m> {
        state[0].shl_const(self.spec.score.frac_bits)
    }

    fn scalar<'m>(
        &self,
        _: &'m ModuleBuilder,
        _: &EngineSpec,
        state: &[Signal<'m>],
        ScalarStep { score, fresh, update, .. }: ScalarStep<'m>,
    ) -> ScalarUpdate<'m> {
        let (before, frac_bits) = (state[0], self.spec.score.frac_bits);
        let fraction = score.low(frac_bits).named("fraction");
        let between = fraction.reduce_or().named("between_integers");
        let ceil = score.shr_const(frac_bits) + between.to_signed();
        let ceil = ceil.truncate(self.spec.max_bits()).named("score_rounded_up");
        let above = before.shl_const(frac_bits).lt(score).named("above_max");
        let next = (fresh | above).mux(ceil, before).named("m_next");
        let out = vec![before, next, ceil, fraction, between, fresh, update];
        ScalarUpdate { next: vec![next], write: update, out }
    }

    fn controls<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        scalar: &[Signal<'m>],
    ) -> Vec<(&'static str, Signal<'m>)> {
        let &[before, after, ceil, fraction, between, fresh, update] = scalar else {
            unreachable!("seven signals")
        };
        let exp_bits = spec.float().exp_bits;
        let most = (1 << exp_bits) - 1; // makes every number vanish
        let [places_o, places_v] = [before, ceil].map(|from| clamp_amount(after - from, most));
        let (none, all) = (m.lit(0, exp_bits), m.lit(most, exp_bits));
        vec![
            ("weight", Exp2Fraction { spec: self.spec }.call(m, "exp2", fraction)),
            ("half", between),
            ("places_o", update.mux(places_o, none).named("places_o")),
            ("places_v", update.mux(places_v, all).named("places_v")),
            ("fresh", fresh),
        ]
    }

    fn element_kind(&self, spec: &EngineSpec) -> (String, &'static str) {
        let (format, u) = (spec.float().name(), self.spec.weight_bits);
        let name = format!("base2_element_{format}_s{}_u{u}{}", v_bits(spec), policy_suffix(&spec.policy));
        (name, "o = o * 2^-places_o + v * 1.weight * 2^-half * 2^-places_v for the slot's query")
    }

    /// v·1.weight·2^-half rounded: at most |v|, as weight is 0 where half is. Only the significand bits that v brings
    /// along are multiplied; a merge, whose row has all of the accumulator's, does not come here.
    fn addend<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        v: Signal<'m>,
        controls: &[Signal<'m>],
    ) -> Signal<'m> {
        let (format, u) = (spec.float(), self.spec.weight_bits);
        let s = v_bits(spec);
        let name = format!("base2_weigh_{}_s{s}_u{u}{}", format.name(), policy_suffix(&spec.policy));
        let kind = Kind { name: &name, doc: "p = round(v * 1.weight * 2^-half)" };
        let inputs = [("v", v), ("weight", controls[0]), ("half", controls[1])];
        m.call("weigh", kind, &inputs, |m, x| {
            let (v, half) = (unpack(format, x[0], "v"), x[2]);
            let product = (v.sig.high(s) * m.concat(&[m.lit(1, 1), x[1]])).named("product");
            let carry = product.msb().named("carry");
            let below = product.low(product.width() - 1).shl_const(1);
            let sig = carry.mux(product, below).named("normalized");
            let exp = v.exp.to_signed() + (carry - half);
            let raw = Raw { sign: v.sign, exp: exp.named("exp"), sig, zero: !v.nonzero };
            vec![("p", round_pack(format, &spec.policy, raw, Range::NO_OVERFLOW))]
        })[0]
    }

    /// What vanishes of o keeps its sign and what vanishes of p is −0, so that o stays as it is where nothing is added.
    fn element<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        o: Signal<'m>,
        p: Signal<'m>,
        controls: &[Signal<'m>],
    ) -> Signal<'m> {
        let &[_, _, places_o, places_v, fresh] = controls else { unreachable!("five controls") };
        let format = spec.float();
        let (exp, small) = lowered(format, o, places_o, "o");
        let (sign, none) = ((o.msb() & !fresh).named("o_sign"), (small | fresh).named("o_vanishes"));
        let o = number(sign, exp, o.low(format.man_bits), none, "o");
        let (exp, small) = lowered(format, p, places_v, "p");
        let (sign, none) = ((p.msb() | small).named("p_sign"), small.named("p_vanishes"));
        let p = number(sign, exp, p.low(format.man_bits), none, "p");
        FpAdd { format, policy: spec.policy }.call(m, "add_o", o, p)
    }

    fn division(&self) -> Option<Division> {
        Some(self.division)
    }

    fn model(&self, spec: &EngineSpec) -> Box<dyn Model> {
        let kernel = Base2Kernel::new(self.spec, spec.float(), spec.policy);
        let kernel = kernel.expect("checked with the configuration");
        Box::new(Reference { spec: spec.clone(), options: *self, kernel })
    }
}

/// Significand bits of v, and of 1, in the accumulator's format; those below are 0.
fn v_bits(spec: &EngineSpec) -> u32 {
    spec.value.magnitude_bits().min(spec.float().precision())
}

/// The exponent field of x less `places`, and whether 2^-places takes x below the smallest normal number.
fn lowered<'m>(format: Format, x: Signal<'m>, places: Signal<'m>, name: &str) -> (Signal<'m>, Signal<'m>) {
    let (man_bits, exp_bits) = (format.man_bits, format.exp_bits);
    let exp = x.slice(man_bits + exp_bits - 1, man_bits) - places;
    let negative = exp.msb().named(&format!("{name}_exp_negative"));
    let exp = exp.low(exp_bits).named(&format!("{name}_exp_lowered"));
    (exp, negative | exp.is_zero())
}

/// A number of the parts, all but its sign zero if `none`.
fn number<'m>(
    sign: Signal<'m>,
    exp: Signal<'m>,
    fraction: Signal<'m>,
    none: Signal<'m>,
    name: &str,
) -> Signal<'m> {
    let m = sign.builder();
    let magnitude = m.concat(&[exp, fraction]).named(&format!("{name}_magnitude"));
    let magnitude = none.mux(m.zero(magnitude.ty()), magnitude);
    m.concat(&[sign, magnitude]).named(&format!("{name}_lowered"))
}

struct Reference {
    spec: EngineSpec,
    options: Fa2Base2,
    kernel: Base2Kernel,
}

impl Reference {
    fn decode(&self, state: State) -> Base2State {
        let unused = 64 - self.options.spec.max_bits();
        Base2State { max: (state.scalars[0] << unused) as i64 >> unused, row: state.elements }
    }

    fn encode(&self, state: Base2State) -> State {
        let max = state.max as u64 & ((1 << self.options.spec.max_bits()) - 1);
        State { scalars: vec![max], elements: state.row, anchor: 0 }
    }
}

impl Model for Reference {
    fn step(&self, state: Option<State>, score: u64, v: &[u64], _: u64) -> State {
        let score = self.options.spec.score.quantize(self.spec.score(), score, true);
        let state = state.map(|state| self.decode(state));
        self.encode(self.kernel.step(state, score, &with_one(&self.spec, v)))
    }

    fn merge(&self, running: Option<State>, other: State) -> State {
        let running = running.map(|state| self.decode(state));
        self.encode(self.kernel.merge(running, self.decode(other)))
    }

    fn result(&self, state: &State) -> Vec<u64> {
        self.options.division.reference(&self.spec, &state.elements[1..], state.elements[0])
    }

    fn score_limit(&self) -> f64 {
        self.options.spec.score.limit()
    }
}
