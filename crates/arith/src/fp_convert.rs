//! Conversion between float formats, one rounding (none where the result is wider).

use crate::float::{Range, Raw, constant, policy_suffix, round_pack, unpack};
use crate::operator::{Case, Operator, Params, float, scaled, signed};
use hdl::{ModuleBuilder, Outputs, Signal, Type};
use numerics::{Format, Policy, scalar};

/// A converter.
#[derive(Clone, Copy, Debug)]
pub struct FpConvert {
    /// Format of the operand.
    pub from: Format,
    /// Format of the result.
    pub to: Format,
    /// Rounding and edges.
    pub policy: Policy,
}

impl FpConvert {
    pub(crate) const DOC: &'static str = "y = round(x) in the wider or narrower format";

    /// Name of the module kind.
    pub fn kind_name(&self) -> String {
        format!("fp_convert_{}_{}{}", self.from.name(), self.to.name(), policy_suffix(&self.policy))
    }

    pub(crate) fn body<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>) -> Outputs<'m> {
        let x = unpack(self.from, x, "x");
        let exp = x.exp.to_signed() + constant(m, self.to.bias() - self.from.bias());
        let raw = Raw { sign: x.sign, exp: exp.named("exp"), sig: x.sig, zero: !x.nonzero };
        vec![("y", round_pack(self.to, &self.policy, raw, self.range()))]
    }

    fn range(&self) -> Range {
        let narrower = self.to.precision() < self.from.precision();
        let overflow =
            self.to.max_exp() < self.from.max_exp() || (narrower && self.to.max_exp() == self.from.max_exp());
        Range {
            overflow: overflow || self.to.special != self.from.special,
            underflow: self.to.min_exp() > self.from.min_exp(),
        }
    }
}

/// The registry entry.
pub(crate) struct ConvertUnit;

impl ConvertUnit {
    fn unit(&self, p: &Params) -> FpConvert {
        FpConvert { from: p.format, to: p.result, policy: p.policy }
    }
}

impl Operator for ConvertUnit {
    fn name(&self) -> &'static str {
        "fp-convert"
    }
    fn summary(&self) -> &'static str {
        "y = x in another float format. One rounding, none where the result is wider."
    }
    fn options(&self) -> &'static [&'static str] {
        &["result"]
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
        let (from, to) = (p.format, p.result);
        let (one, max, min) = (from.one(), from.max_finite_bits(), from.min_normal_bits());
        let edge = |bits| from.encode(to.decode(bits), &p.policy) & from.magnitude_mask();
        let (largest, smallest) = (edge(to.max_finite_bits()), edge(to.min_normal_bits()));
        let half_place = 1 << from.man_bits.saturating_sub(to.man_bits) >> 1;
        let around = |x: u64| [x, x + 1, x.saturating_sub(1), x + half_place, x + 3 * half_place];
        let edges = [one, largest, smallest, min, scaled(from, smallest.max(min), -1)];
        let mut values: Vec<u64> = edges.into_iter().flat_map(around).filter(|&x| x <= max).collect();
        values.extend([0, from.man_mask(), max, max - 1, scaled(from, one, 1) - 1]);
        signed(from, &values)
    }
    fn reference(&self, p: &Params, c: &Case) -> Vec<u64> {
        vec![scalar::convert(p.format, p.result, &p.policy, c[0][0])]
    }
}
