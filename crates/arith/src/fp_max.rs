//! Maximum of two floats in the order of sign and magnitude, −0 below +0; nothing is rounded.

use crate::operator::{Case, Operator, Params, float, scaled, signed_pairs};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type};
use numerics::{Format, scalar};

/// A maximum unit.
#[derive(Clone, Copy, Debug)]
pub struct FpMax {
    /// Format of both operands.
    pub format: Format,
}

impl FpMax {
    /// Name of the module kind.
    pub fn kind_name(&self) -> String {
        format!("fp_max_{}", self.format.name())
    }

    /// `max(a, c)` as an instance.
    pub fn call<'b>(&self, b: &'b ModuleBuilder, instance: &str, a: Signal<'b>, c: Signal<'b>) -> Signal<'b> {
        let kind = Kind { name: &self.kind_name(), doc: "y = max(a, b), ordered by sign and magnitude" };
        b.call(instance, kind, &[("a", a), ("b", c)], |m, x| self.body(m, x[0], x[1]))[0]
    }

    pub(crate) fn body<'m>(&self, m: &'m ModuleBuilder, a: Signal<'m>, c: Signal<'m>) -> Outputs<'m> {
        let (ka, kc) = (order_key(m, a).named("a_key"), order_key(m, c).named("b_key"));
        vec![("y", kc.gt(ka).named("b_wins").mux(c, a))]
    }
}

/// An unsigned key in the order of the floats: magnitudes inverted below zero, the sign bit inverted on top.
fn order_key<'m>(m: &'m ModuleBuilder, x: Signal<'m>) -> Signal<'m> {
    let magnitude = x.low(x.width() - 1);
    let negative = x.msb();
    m.concat(&[!negative, negative.mux(!magnitude, magnitude)])
}

/// The registry entry.
pub(crate) struct MaxUnit;

impl Operator for MaxUnit {
    fn name(&self) -> &'static str {
        "fp-max"
    }
    fn summary(&self) -> &'static str {
        "y = max(a, b) in the order of sign and magnitude. Nothing is rounded; -0 is below +0."
    }
    fn kind_name(&self, p: &Params) -> String {
        FpMax { format: p.format }.kind_name()
    }
    fn inputs(&self, p: &Params) -> Vec<(&'static str, Type)> {
        vec![("a", float(p)), ("b", float(p))]
    }
    fn build<'b>(&self, b: &'b ModuleBuilder, p: &Params, x: &[Signal<'b>]) -> Outputs<'b> {
        FpMax { format: p.format }.body(b, x[0], x[1])
    }
    fn directed(&self, p: &Params) -> Vec<Case> {
        let f = p.format;
        let (one, max, min) = (f.one(), f.max_finite_bits(), f.min_normal_bits());
        let neighbours = [0, 1, min - 1, min, one - 1, one, scaled(f, one, 1), max - 1];
        let pairs: Vec<(u64, u64)> =
            neighbours.iter().flat_map(|&x| [(x, x), (x, x + 1), (x, max)]).collect();
        signed_pairs(f, &pairs)
    }
    fn reference(&self, p: &Params, c: &Case) -> Vec<u64> {
        vec![scalar::max(p.format, c[0][0], c[1][0])]
    }
}
