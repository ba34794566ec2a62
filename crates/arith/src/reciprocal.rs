//! 1/x: the exponent is negated, the significand's reciprocal comes from a piecewise-linear table.
//!
//! The widths and the table are those of [`numerics::reciprocal::RecipSpec`].

use crate::float::{Range, Raw, constant, normalize, policy_suffix, round_pack, unpack};
use crate::operator::{Case, Operator, Params, float, scaled, signed};
use crate::pwl;
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type};
use numerics::{Policy, RecipSpec};

/// A reciprocal unit.
#[derive(Clone, Copy, Debug)]
pub struct Reciprocal {
    /// Formats, widths and table.
    pub spec: RecipSpec,
    /// Rounding and edges.
    pub policy: Policy,
}

impl Reciprocal {
    /// Name of the module kind.
    pub fn kind_name(&self) -> String {
        let (input, output) = (self.spec.input.name(), self.spec.output.name());
        let formats = if input == output { input } else { format!("{input}_{output}") };
        format!("recip_pwl{}_{formats}{}", self.spec.segments, policy_suffix(&self.policy))
    }

    /// 1/x as an instance.
    pub fn call<'b>(&self, b: &'b ModuleBuilder, instance: &str, x: Signal<'b>) -> Signal<'b> {
        let kind = Kind { name: &self.kind_name(), doc: "y = 1/x, the largest number for x = 0" };
        b.call(instance, kind, &[("x", x)], |m, x| self.body(m, x[0]))[0]
    }

    pub(crate) fn body<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>) -> Outputs<'m> {
        let spec = &self.spec;
        let x = unpack(spec.input, x, "x");
        let table = spec.tables();
        let fraction = x.sig.slice(spec.input.man_bits - 1, spec.dropped_bits()).named("fraction");
        let y = pwl::evaluate(m, &table, fraction).low(table.y_frac() + 1).named("recip");
        let (sig, exp) = if pwl::smallest(&table) << 1 >> table.y_frac() == 0 {
            // So few segments that the line falls below 1/2.
            let (sig, leading_zeros) = normalize(y);
            let top = constant(m, spec.output.bias() + spec.input.bias());
            (sig, top - x.exp.to_signed() - leading_zeros.to_signed())
        } else {
            let is_one = y.msb().named("is_one");
            let sig = is_one.mux(y, y.low(table.y_frac()).shl_const(1)).named("normalized");
            let top = constant(m, spec.output.bias() + spec.input.bias() - 1);
            (sig, top - x.exp.to_signed() + is_one.to_signed())
        };
        let raw = Raw { sign: x.sign, exp: exp.named("exp"), sig, zero: m.lit(0, 1) };
        let rounded = round_pack(spec.output, &self.policy, raw, Range::ANY);
        let width = spec.output.width() - 1;
        let limit = m.concat(&[x.sign, m.lit(spec.output.max_finite_bits(), width)]);
        vec![("y", x.nonzero.mux(rounded, limit))]
    }
}

/// The registry entry.
pub(crate) struct RecipUnit;

impl RecipUnit {
    fn unit(&self, p: &Params) -> Reciprocal {
        let spec = RecipSpec { segments: p.segments, ..RecipSpec::new(p.format, p.result) };
        Reciprocal { spec, policy: p.policy }
    }
}

impl Operator for RecipUnit {
    fn name(&self) -> &'static str {
        "reciprocal"
    }
    fn summary(&self) -> &'static str {
        "y = 1/x. Exponent negated, significand from a piecewise-linear table; 1/0 is the largest number."
    }
    fn options(&self) -> &'static [&'static str] {
        &["result", "segments"]
    }
    fn defaults(&self, p: Params) -> Params {
        Params { segments: 16, ..p }
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
        let (one, max, min) = (f.one(), f.max_finite_bits(), f.min_normal_bits());
        let segment = f.man_bits - spec.index_bits().min(f.man_bits);
        let starts = (0..1u64 << spec.index_bits()).map(|j| one + (j << segment));
        let mut values: Vec<u64> = starts.flat_map(|x| [x, x + 1, x - 1]).collect();
        // Zeros, powers of two, both ends: 1/max underflows and 1/min overflows in some formats.
        values.extend([0, f.man_mask(), scaled(f, one, 1), scaled(f, one, -1), max, max - 1, min, min + 1]);
        let edges = [spec.output.max_finite_bits(), spec.output.min_normal_bits()];
        values.extend(edges.iter().flat_map(|&y| {
            let x = f.encode(1.0 / spec.output.decode(y), &p.policy);
            [x, x + 1, x.saturating_sub(1)]
        }));
        values.retain(|&x| x <= max);
        signed(f, &values)
    }
    fn reference(&self, p: &Params, c: &Case) -> Vec<u64> {
        vec![self.unit(p).spec.compute(&p.policy, c[0][0])]
    }
}
