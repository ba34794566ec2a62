//! e^x for x ≤ 0: multiply by log2(e), shift by the integer part, 2^fraction from a piecewise-linear table.
//!
//! The widths and the table are those of [`numerics::exp::ExpSpec`].

use crate::constant as factor;
use crate::float::{Range, Raw, constant, policy_suffix, round_pack, to_magnitude, unpack};
use crate::operator::{Case, Operator, Params, float, signed};
use crate::pwl;
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type};
use numerics::{ExpSpec, Policy};

/// An exponential unit.
#[derive(Clone, Copy, Debug)]
pub struct Exp {
    /// Formats, widths and table.
    pub spec: ExpSpec,
    /// Rounding and edges.
    pub policy: Policy,
}

impl Exp {
    /// Name of the module kind.
    pub fn kind_name(&self) -> String {
        let (input, output) = (self.spec.input.name(), self.spec.output.name());
        let formats = if input == output { input } else { format!("{input}_{output}") };
        format!("exp_pwl{}_{formats}{}", self.spec.segments, policy_suffix(&self.policy))
    }

    /// e^x as an instance.
    pub fn call<'b>(&self, b: &'b ModuleBuilder, instance: &str, x: Signal<'b>) -> Signal<'b> {
        let kind = Kind { name: &self.kind_name(), doc: "y = e^x for x <= 0, y = 1 for x >= 0" };
        b.call(instance, kind, &[("x", x)], |m, x| self.body(m, x[0]))[0]
    }

    pub(crate) fn body<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>) -> Outputs<'m> {
        let spec = &self.spec;
        let x = unpack(spec.input, x, "x");
        let mag = to_magnitude(spec.input, x, spec.in_int(), spec.in_frac);
        let rounded = (mag.kept + mag.guard).saturate(spec.in_bits()).named("magnitude");
        let limited = mag.over.mux(m.lit((1 << spec.in_bits()) - 1, spec.in_bits()), rounded);
        let argument = x.sign.mux(limited, m.zero(limited.ty())).named("argument");

        let half = m.lit(1 << (spec.t_shift() - 1), spec.t_shift());
        let scaled = (factor::times(argument, spec.log2e() as u64).named("times_log2e") + half)
            .shr_const(spec.t_shift());
        let t = scaled.low(spec.t_int() + spec.t_frac).named("base2_argument");
        let frac = t.low(spec.t_frac).named("frac");
        let integer = (t.shr_const(spec.t_frac) + frac.reduce_or()).named("whole");
        let complement = (-frac).low(spec.t_frac).named("complement");

        let table = spec.tables();
        assert!(pwl::largest(&table) >> table.y_frac() == 1, "2^F stays in [1, 2)");
        let y = pwl::evaluate(m, &table, complement).low(table.y_frac() + 1).named("power");
        let exp = constant(m, spec.output.bias()) - integer.to_signed();
        let zero = m.lit(0, 1);
        let raw = Raw { sign: zero, exp: exp.named("exp"), sig: y, zero };
        vec![("y", round_pack(spec.output, &self.policy, raw, Range::NO_OVERFLOW))]
    }
}

/// The registry entry.
pub(crate) struct ExpUnit;

impl ExpUnit {
    fn unit(&self, p: &Params) -> Exp {
        let spec = ExpSpec { segments: p.segments, ..ExpSpec::new(p.format, p.result) };
        Exp { spec, policy: p.policy }
    }
}

impl Operator for ExpUnit {
    fn name(&self) -> &'static str {
        "exp"
    }
    fn summary(&self) -> &'static str {
        "y = e^x for x <= 0, 1 for x >= 0. Base change, shift by the integer part, piecewise-linear 2^fraction."
    }
    fn options(&self) -> &'static [&'static str] {
        &["result", "segments"]
    }
    fn check(&self, p: &Params) -> Result<(), String> {
        self.unit(p).spec.check()
    }
    fn kind_name(&self, p: &Params) -> String {
        self.unit(p).kind_name()
    }
    fn inputs(&self, p: &Params) -> Vec<(&'static str, Type)> {
        vec![("x", float(p))]
    }
    fn build<'b>(&self, b: &'b ModuleBuilder, p: &Params, x: &[Signal<'b>]) -> Outputs<'b> {
        self.unit(p).body(b, x[0])
    }
    fn directed(&self, p: &Params) -> Vec<Case> {
        let (f, spec) = (p.format, self.unit(p).spec);
        let ln2 = std::f64::consts::LN_2;
        let underflow = -(spec.output.min_exp() as f64) * ln2;
        let half_place = 0.5f64.powi(spec.in_frac as i32 + 1);
        let saturated = f64::from(spec.in_int()).exp2();
        let mut values: Vec<f64> =
            (1..=spec.segments).map(|j| f64::from(j) / f64::from(spec.segments) * ln2).collect();
        values.extend([1.0, 2.0, 3.0, 10.0].map(|n| n * ln2)); // where the whole part steps
        values.extend([
            half_place,
            3.0 * half_place,
            1.0 + half_place,
            underflow,
            underflow + ln2,
            saturated,
        ]);
        let around = |x: f64| {
            let x = f.encode(x, &p.policy);
            [x, x + 1, x.saturating_sub(1)]
        };
        let mut values: Vec<u64> = values.into_iter().flat_map(around).collect();
        values.extend([0, f.man_mask(), f.min_normal_bits(), f.max_finite_bits(), f.one()]);
        values.retain(|&x| x <= f.max_finite_bits());
        signed(f, &values)
    }
    fn reference(&self, p: &Params, c: &Case) -> Vec<u64> {
        vec![self.unit(p).spec.compute(&p.policy, c[0][0])]
    }
}
