//! `fa2`: FlashAttention-2 (arXiv 2307.08691) with piecewise-linear e^x and 1/x, the baseline of both papers.
//!
//! ```text
//! m' = max(m, s)   c = e^(m - m')   e = e^(s - m')
//! l' = l·c + e     o' = o·c + v·e   result = o · 1/l          each operation rounded
//! ```
//! A first key meets l = 0 and o = +0 under m = s, so that l becomes 1 and o becomes v by the same datapath (a −0 in v
//! as +0). A key that is not met has c = 1 and e = 0 and writes nothing. Zeros in a result row are +0.

use super::{Division, Kernel, KernelEntry, Model, ScalarStep, ScalarUpdate, State};
use crate::config::{ConfigError, EngineConfig, Section, segments, sum_stagnates};
use crate::engine::EngineSpec;
use arith::float::{float_type, policy_suffix};
use arith::{Exp, FpAdd, FpMax, FpMul};
use hdl::{ModuleBuilder, Signal, Type};
use numerics::{ExpSpec, scalar};
use std::sync::Arc;

/// The kernel.
#[derive(Clone, Copy, Debug)]
pub struct Fa2 {
    /// Segments of the exponential's table.
    pub exp_segments: u32,
    /// The division by the sum.
    pub division: Division,
}

/// The registry entry.
pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "fa2",
    summary: "FlashAttention-2 with piecewise-linear e^x and 1/x: the baseline (arXiv 2307.08691)",
    options: &["exp_segments", Division::KEYS[0], Division::KEYS[1]],
    read,
};

fn read(section: &mut Section<'_>) -> Result<Arc<dyn Kernel>, ConfigError> {
    let exp_segments = segments(section, "exp_segments", 8, 1024)?;
    Ok(Arc::new(Fa2 { exp_segments, division: Division::read(section)? }))
}

impl Fa2 {
    fn exp(&self, spec: &EngineSpec) -> ExpSpec {
        ExpSpec { segments: self.exp_segments, ..ExpSpec::new(spec.score(), spec.float()) }
    }
}

impl Kernel for Fa2 {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn options(&self) -> toml::Table {
        let own = ("exp_segments".to_string(), i64::from(self.exp_segments).into());
        self.division.options().into_iter().chain([own]).collect()
    }

    fn warnings(&self, engine: &EngineConfig) -> Vec<String> {
        sum_stagnates(engine).into_iter().collect()
    }

    fn state(&self, spec: &EngineSpec) -> Vec<(&'static str, Type)> {
        vec![("m", float_type(spec.score()))]
    }

    fn scalar<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        state: &[Signal<'m>],
        step: ScalarStep<'m>,
    ) -> ScalarUpdate<'m> {
        running_max(m, spec, state[0], step)
    }

    fn controls<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        scalar: &[Signal<'m>],
    ) -> Vec<(&'static str, Signal<'m>)> {
        let &[before, after, score, fresh, update] = scalar else { unreachable!("five signals") };
        let sub = FpAdd { format: spec.score(), policy: spec.policy };
        let exp = Exp { spec: self.exp(spec), policy: spec.policy };
        let correction = sub.call_sub(m, "max_change", before, after);
        let correction = exp.call(m, "exp_correction", correction).named("correction");
        let weight = sub.call_sub(m, "below_max", score, after);
        let weight = exp.call(m, "exp_weight", weight).named("weight");
        let one = m.lit(spec.float().one(), spec.float().width());
        vec![
            ("correction", update.mux(correction, one).named("correction_or_one")),
            ("weight", update.mux(weight, m.zero(weight.ty())).named("weight_or_zero")),
            ("fresh", fresh),
        ]
    }

    fn element_kind(&self, spec: &EngineSpec) -> (String, &'static str) {
        let name = format!("fa2_element_{}{}", spec.float().name(), policy_suffix(&spec.policy));
        (name, "o = o * correction + v * weight for the slot's query")
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
        let mul = FpMul::uniform(spec.float(), spec.policy);
        let add = FpAdd { format: spec.float(), policy: spec.policy };
        let before = fresh.mux(m.zero(o.ty()), o).named("o_before");
        let scaled = mul.call(m, "mul_o", before, correction);
        let addend = mul.call(m, "mul_v", v, weight);
        add.call(m, "add_o", scaled, addend)
    }

    fn division(&self) -> Option<Division> {
        Some(self.division)
    }

    fn model(&self, spec: &EngineSpec) -> Box<dyn Model> {
        Box::new(Reference { spec: spec.clone(), exp: self.exp(spec), division: self.division })
    }
}

/// The running maximum; gives it before and after, the score, and the step's flags.
pub(super) fn running_max<'m>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    old: Signal<'m>,
    ScalarStep { score, fresh, update, .. }: ScalarStep<'m>,
) -> ScalarUpdate<'m> {
    let before = fresh.mux(score, old).named("m_before");
    let next = FpMax { format: spec.score() }.call(m, "max", before, score).named("m_next");
    ScalarUpdate { next: vec![next], write: update, out: vec![before, next, score, fresh, update] }
}

struct Reference {
    spec: EngineSpec,
    exp: ExpSpec,
    division: Division,
}

impl Reference {
    /// Meets a score and a row `[1 v]`, or another state's maximum and `[ℓ o]`. State: m, and [ℓ o].
    fn meet(&self, state: Option<State>, s: u64, row: &[u64]) -> State {
        let (score, acc, policy) = (self.spec.score(), self.spec.float(), &self.spec.policy);
        let empty = || State { scalars: vec![s], elements: vec![0; row.len()], anchor: 0 };
        let State { scalars, elements, anchor } = state.unwrap_or_else(empty);
        let max = scalar::max(score, scalars[0], s);
        let exp = |x| self.exp.compute(policy, scalar::sub(score, policy, x, max));
        let (correction, weight) = (exp(scalars[0]), exp(s));
        let mul = |a, b| scalar::mul(acc, acc, acc, policy, a, b);
        let next = |(&o, &v)| scalar::add(acc, policy, mul(o, correction), mul(v, weight));
        State { scalars: vec![max], elements: elements.iter().zip(row).map(next).collect(), anchor }
    }
}

impl Model for Reference {
    fn step(&self, state: Option<State>, score: u64, v: &[u64], _: u64) -> State {
        self.meet(state, score, &with_one(&self.spec, v))
    }

    fn merge(&self, running: Option<State>, other: State) -> State {
        self.meet(running, other.scalars[0], &other.elements)
    }

    fn result(&self, state: &State) -> Vec<u64> {
        self.division.reference(&self.spec, &state.elements[1..], state.elements[0])
    }
}

/// `[1 v]` in the accumulator's format.
pub(super) fn with_one(spec: &EngineSpec, v: &[u64]) -> Vec<u64> {
    let wide = |&v| spec.accumulator.load(&spec.policy, spec.value, v, 0);
    [spec.float().one()].into_iter().chain(v.iter().map(wide)).collect()
}
