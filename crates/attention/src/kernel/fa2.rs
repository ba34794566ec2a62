//! `fa2`: FlashAttention-2 (arXiv 2307.08691) with piecewise-linear e^x and 1/x, the baseline of both papers.
//!
//! ```text
//! m' = max(m, s)   c = e^(m - m')   e = e^(s - m')
//! l' = l·c + e     o' = o·c + v·e   result = o · 1/l          each operation rounded
//! ```
//! A first key meets l = 0 and o = +0 under m = s, so that l becomes 1 and o becomes v by the same datapath (a −0 in v
//! as +0). A key that is not met has c = 1 and e = 0 and writes nothing. Zeros in a result row are +0.

use super::{Kernel, KernelEntry, QueryModel, Step, state};
use crate::config::{ConfigError, EngineConfig, Section, segments, sum_stagnates};
use crate::engine::EngineSpec;
use arith::float::{float_type, policy_suffix};
use arith::{Exp, FpAdd, FpMax, FpMul, Reciprocal};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, StateVar, Update, each};
use numerics::{ExpSpec, Format, Policy, RecipSpec, scalar};
use std::sync::Arc;

/// The kernel.
#[derive(Clone, Copy, Debug)]
pub struct Fa2 {
    /// Segments of the exponential's table.
    pub exp_segments: u32,
    /// Segments of the reciprocal's table.
    pub recip_segments: u32,
}

/// The registry entry.
pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "fa2",
    summary: "FlashAttention-2 with piecewise-linear e^x and 1/x: the baseline (arXiv 2307.08691)",
    options: &["normalize", "exp_segments", "recip_segments"],
    read,
};

fn read(section: &mut Section<'_>) -> Result<Arc<dyn Kernel>, ConfigError> {
    section.choice("normalize", &[("parallel", ())], Some(()))?;
    Ok(Arc::new(Fa2 {
        exp_segments: segments(section, "exp_segments", 8, 1024)?,
        recip_segments: segments(section, "recip_segments", 16, 4096)?,
    }))
}

impl Fa2 {
    fn exp(&self, spec: &EngineSpec) -> ExpSpec {
        ExpSpec { segments: self.exp_segments, ..ExpSpec::new(spec.score(), spec.accumulator) }
    }
}

impl Kernel for Fa2 {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn options(&self) -> toml::Table {
        toml::Table::from_iter([
            ("normalize".to_string(), "parallel".into()),
            ("exp_segments".to_string(), i64::from(self.exp_segments).into()),
            ("recip_segments".to_string(), i64::from(self.recip_segments).into()),
        ])
    }

    fn warnings(&self, engine: &EngineConfig) -> Vec<String> {
        sum_stagnates(engine).into_iter().collect()
    }

    fn lane<'m>(&self, m: &'m ModuleBuilder, spec: &EngineSpec, step: &Step<'m>) -> Signal<'m> {
        let (score, policy) = (spec.score(), spec.policy);
        let (old_max, new_max) = running_max(m, spec, step);
        let sub = FpAdd { format: score, policy };
        let exp = Exp { spec: self.exp(spec), policy };
        let correction = sub.call_sub(m, "max_change", old_max, new_max);
        let correction = exp.call(m, "exp_correction", correction).named("correction");
        let weight = sub.call_sub(m, "below_max", step.score, new_max);
        let weight = exp.call(m, "exp_weight", weight).named("weight");

        let one = m.lit(spec.accumulator.one(), spec.accumulator.width());
        let correction = step.update.mux(correction, one).named("correction_or_one");
        let weight = step.update.mux(weight, m.zero(weight.ty())).named("weight_or_zero");
        let update = MulAdd { format: spec.accumulator, policy, interleave: spec.interleave };
        let sum = update.feedback(m, "l", [step.slot, step.fresh, step.update], correction, weight);
        let name =
            format!("fa2_element_{}_i{}{}", spec.accumulator.name(), spec.interleave, policy_suffix(&policy));
        let kind = Kind { name: &name, doc: "o = o * correction + v * weight for the slot's query" };
        let inputs = [
            ("v", each(step.v)),
            ("correction", correction.into()),
            ("weight", weight.into()),
            ("slot", step.slot.into()),
            ("fresh", step.fresh.into()),
            ("update", step.update.into()),
        ];
        let o = m.call_array("element", spec.head_dim, kind, &inputs, |m, x| update.element(m, x))[0];
        normalize(m, spec, self.recip_segments, o, sum)
    }

    fn model(&self, spec: &EngineSpec) -> Box<dyn QueryModel> {
        Box::new(Model {
            spec: spec.clone(),
            exp: self.exp(spec),
            recip_segments: self.recip_segments,
            state: None,
        })
    }
}

/// The running maximum before and after the step.
pub(super) fn running_max<'m>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    step: &Step<'m>,
) -> (Signal<'m>, Signal<'m>) {
    let max = FpMax { format: spec.score() };
    let var = state(spec, "m", float_type(spec.score()));
    m.feedback(var, step.slot, &[step.score, step.fresh, step.update], |old, x| {
        let before = x[1].mux(x[0], old).named("m_before");
        let next = max.call(m, "max", before, x[0]).named("m_next");
        Update { next, enable: x[2], out: (before, next) }
    })
}

/// `state·correction + addend`, the update of ℓ and of every element of o.
#[derive(Clone, Copy)]
struct MulAdd {
    format: Format,
    policy: Policy,
    interleave: u32,
}

impl MulAdd {
    fn element<'m>(&self, m: &'m ModuleBuilder, x: &[Signal<'m>]) -> Outputs<'m> {
        let &[v, correction, weight, slot, fresh, update] = x else { unreachable!("six inputs") };
        let mul = FpMul::uniform(self.format, self.policy);
        let addend = mul.call(m, "mul_weight", v, weight);
        vec![("o", self.feedback(m, "o", [slot, fresh, update], correction, addend))]
    }

    /// The recurrence; returns the state after the step.
    fn feedback<'m>(
        &self,
        m: &'m ModuleBuilder,
        name: &str,
        [slot, fresh, update]: [Signal<'m>; 3],
        correction: Signal<'m>,
        addend: Signal<'m>,
    ) -> Signal<'m> {
        let mul = FpMul::uniform(self.format, self.policy);
        let add = FpAdd { format: self.format, policy: self.policy };
        let var = StateVar { name, interleave: self.interleave, ty: float_type(self.format) };
        m.feedback(var, slot, &[correction, addend, fresh, update], |old, x| {
            let old = x[2].mux(m.zero(old.ty()), old).named(&format!("{name}_before"));
            let scaled = mul.call(m, &format!("mul_{name}"), old, x[0]);
            let next = add.call(m, &format!("add_{name}"), scaled, x[1]).named(&format!("{name}_next"));
            Update { next, enable: x[3], out: next }
        })
    }
}

/// `o · 1/ℓ`, one multiplier per element.
pub(super) fn normalize<'m>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    segments: u32,
    o: Signal<'m>,
    sum: Signal<'m>,
) -> Signal<'m> {
    let (format, policy) = (spec.accumulator, spec.policy);
    let recip = Reciprocal { spec: RecipSpec { segments, ..RecipSpec::new(format, format) }, policy };
    let inverse = recip.call(m, "recip", sum).named("inverse_sum");
    let mul = FpMul { a: format, b: format, result: spec.output, policy };
    let name = format!("normalize_{}_{}{}", format.name(), spec.output.name(), policy_suffix(&policy));
    let kind = Kind { name: &name, doc: "y = round(o * inverse_sum), zeros as +0" };
    let inputs = [("o", each(o)), ("inverse_sum", inverse.into())];
    m.call_array("normalize", spec.head_dim, kind, &inputs, |m, x| {
        let scaled = mul.call(m, "mul", x[0], x[1]);
        let magnitude = scaled.low(scaled.width() - 1);
        let sign = scaled.msb() & magnitude.reduce_or();
        vec![("y", m.concat(&[sign, magnitude]))]
    })[0]
}

/// The functional counterpart of [`normalize`].
pub(super) fn normalized(spec: &EngineSpec, segments: u32, o: &[u64], sum: u64) -> Vec<u64> {
    let (format, policy) = (spec.accumulator, &spec.policy);
    let inverse = RecipSpec { segments, ..RecipSpec::new(format, format) }.compute(policy, sum);
    let scaled = |&o: &u64| scalar::mul(format, format, spec.output, policy, o, inverse);
    let positive_zero = |y: u64| if spec.output.is_zero(y) { 0 } else { y };
    o.iter().map(scaled).map(positive_zero).collect()
}

struct Model {
    spec: EngineSpec,
    exp: ExpSpec,
    recip_segments: u32,
    /// m, ℓ, o
    state: Option<(u64, u64, Vec<u64>)>,
}

impl QueryModel for Model {
    fn step(&mut self, s: u64, v: &[u64]) {
        let (score, acc, policy) = (self.spec.score(), self.spec.accumulator, &self.spec.policy);
        let (max, sum, o) = self.state.get_or_insert_with(|| (s, 0, vec![0; v.len()]));
        let new_max = scalar::max(score, *max, s);
        let exp = |x| self.exp.compute(policy, x);
        let correction = exp(scalar::sub(score, policy, *max, new_max));
        let weight = exp(scalar::sub(score, policy, s, new_max));
        let mul = |a, b| scalar::mul(acc, acc, acc, policy, a, b);
        *max = new_max;
        *sum = scalar::add(acc, policy, mul(*sum, correction), weight);
        for (o, &v) in o.iter_mut().zip(v) {
            *o = scalar::add(acc, policy, mul(*o, correction), mul(v, weight));
        }
    }

    fn result(&self) -> Vec<u64> {
        let (_, sum, o) = self.state.as_ref().expect("a key was met");
        normalized(&self.spec, self.recip_segments, o, *sum)
    }
}
