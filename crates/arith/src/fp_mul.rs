//! Floating-point multiplication, one rounding; operands and result may differ in format.
//!
//! ```text
//! sig(a)·sig(b) in [1, 4): one conditional shift normalises;  exp = exp(a) + exp(b) - biases + bias(result)
//! ```

use crate::float::{Range, Raw, constant, policy_suffix, round_pack, unpack};
use crate::operator::{Case, Operator, Params, float, scaled, signed_pairs};
use hdl::{Arg, Kind, ModuleBuilder, Outputs, Signal, Type};
use numerics::{Format, Policy, scalar};

/// A multiplier.
#[derive(Clone, Copy, Debug)]
pub struct FpMul {
    /// Format of `a`.
    pub a: Format,
    /// Format of `b`.
    pub b: Format,
    /// Format of the product.
    pub result: Format,
    /// Rounding and edges.
    pub policy: Policy,
}

impl FpMul {
    /// A multiplier with one format throughout.
    pub fn uniform(format: Format, policy: Policy) -> Self {
        FpMul { a: format, b: format, result: format, policy }
    }

    /// Name of the module kind.
    pub fn kind_name(&self) -> String {
        let [a, b, r] = [self.a, self.b, self.result].map(|f| f.name());
        let suffix = policy_suffix(&self.policy);
        if a == b && b == r { format!("fp_mul_{a}{suffix}") } else { format!("fp_mul_{a}_{b}_{r}{suffix}") }
    }

    /// `a · c` as an instance.
    pub fn call<'b>(&self, b: &'b ModuleBuilder, instance: &str, a: Signal<'b>, c: Signal<'b>) -> Signal<'b> {
        let kind = Kind { name: &self.kind_name(), doc: "y = round(a * b)" };
        b.call(instance, kind, &[("a", a), ("b", c)], |m, x| self.body(m, x[0], x[1]))[0]
    }

    /// `count` multipliers as an instance array.
    pub fn call_array<'b>(
        &self,
        b: &'b ModuleBuilder,
        instance: &str,
        count: u32,
        a: Arg<'b>,
        c: Arg<'b>,
    ) -> Signal<'b> {
        let kind = Kind { name: &self.kind_name(), doc: "y = round(a * b)" };
        b.call_array(instance, count, kind, &[("a", a), ("b", c)], |m, x| self.body(m, x[0], x[1]))[0]
    }

    pub(crate) fn body<'m>(&self, m: &'m ModuleBuilder, a: Signal<'m>, c: Signal<'m>) -> Outputs<'m> {
        let (a, c) = (unpack(self.a, a, "a"), unpack(self.b, c, "b"));
        let product = (a.sig * c.sig).named("product");
        let carry = product.msb().named("carry");
        let w = product.width();
        let sig = carry.mux(product, product.low(w - 1).shl_const(1)).named("normalized");
        let rebias = constant(m, self.result.bias() - self.a.bias() - self.b.bias());
        let exp = (a.exp + c.exp).to_signed() + carry.to_signed() + rebias;
        let zero = !(a.nonzero & c.nonzero);
        let raw = Raw { sign: a.sign ^ c.sign, exp: exp.named("exp"), sig, zero: zero.named("zero") };
        vec![("y", round_pack(self.result, &self.policy, raw, Range::ANY))]
    }
}

/// The registry entry.
pub(crate) struct MulUnit;

impl MulUnit {
    fn unit(&self, p: &Params) -> FpMul {
        FpMul { a: p.format, b: p.format, result: p.result, policy: p.policy }
    }
}

impl Operator for MulUnit {
    fn name(&self) -> &'static str {
        "fp-mul"
    }
    fn summary(&self) -> &'static str {
        "y = a * b in floating point. Exact significand product, one conditional normalising shift, one rounding."
    }
    fn options(&self) -> &'static [&'static str] {
        &["result"]
    }
    fn kind_name(&self, p: &Params) -> String {
        self.unit(p).kind_name()
    }
    fn inputs(&self, p: &Params) -> Vec<(&'static str, Type)> {
        vec![("a", float(p)), ("b", float(p))]
    }
    fn build<'b>(&self, b: &'b ModuleBuilder, p: &Params, x: &[Signal<'b>]) -> Outputs<'b> {
        self.unit(p).body(b, x[0], x[1])
    }
    fn directed(&self, p: &Params) -> Vec<Case> {
        let f = p.format;
        let (one, max, min, subnormal) = (f.one(), f.max_finite_bits(), f.min_normal_bits(), f.man_mask());
        let three_halves = one | 1 << (f.man_bits - 1);
        let (largest, smallest) = [p.result.max_finite_bits(), p.result.min_normal_bits()]
            .map(|bits| f.encode(p.result.decode(bits), &p.policy) & f.magnitude_mask())
            .into();
        let mut pairs = vec![
            (0, one),
            (0, max),
            (subnormal, max),
            (subnormal, subnormal), // zeros of either sign
            (one, one),
            (one, max),
            (one, min), // exact
            (one + 1, three_halves),
            (one + 3, three_halves),
            (one + 1, one + 1), // ties to even, and near one
            (scaled(f, one, 1) - 1, scaled(f, one, 1) - 1),
            (one + 1, one - 2), // a carry, a round-up to a power
            (max, max),
            (max, one + 1),
            (max, one - 1),
            (min, min),
            (min, one - 1), // overflow and underflow
            (min + 1, one - 2),
            (min, one + 1), // rounded up to the smallest number
        ];
        let factors = [one, one + 1, one - 1, one - 2, three_halves, scaled(f, one, 1), scaled(f, one, -1)];
        pairs.extend(factors.iter().flat_map(|&x| [(largest, x), (smallest.max(min), x)]));
        signed_pairs(f, &pairs)
    }
    fn reference(&self, p: &Params, c: &Case) -> Vec<u64> {
        vec![scalar::mul(p.format, p.format, p.result, &p.policy, c[0][0], c[1][0])]
    }
}
