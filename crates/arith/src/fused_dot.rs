//! Fused dot product: exact products, aligned to the largest exponent, summed as integers, rounded once.
//!
//! The widths and the bit picture are those of [`numerics::dot`]. Fixed-point products have one exponent and are summed as
//! they are.

use crate::float::{Range, Raw, constant, policy_suffix, round_pack, saturate_amount, unpack};
use crate::operator::{Case, Operator, Params, float, scaled};
use crate::reduce;
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, each};
use numerics::stratified::Stratified;
use numerics::{DotSpec, Fixed, Format, Number, Policy, dot};

/// Bits of the number of leading zeros that count in the cycle after it: they are known last, and the cycle that ends with
/// them is the longest of a dot product.
const FINE: u32 = 2;

/// A dot-product unit.
#[derive(Clone, Copy, Debug)]
pub struct FusedDot {
    /// Formats, window and scale.
    pub spec: DotSpec,
    /// Elements of each vector.
    pub length: u32,
    /// Rounding and edges of the one rounding.
    pub policy: Policy,
}

impl FusedDot {
    /// Name of the module kind.
    pub fn kind_name(&self) -> String {
        let spec = &self.spec;
        let (operand, result) = (spec.operand.name(), spec.result.name());
        let formats = if operand == result { operand } else { format!("{operand}_{result}") };
        let scale = spec.scale.map_or(String::new(), |s| format!("_scale_{}", s.name()));
        let suffix = policy_suffix(&self.policy);
        format!("fused_dot_{formats}_n{}_w{}{scale}{suffix}", self.length, spec.align_bits)
    }

    /// `round(scale · Σ a_i·c_i)` as an instance; `scale` if and only if the specification has one.
    pub fn call<'b>(
        &self,
        b: &'b ModuleBuilder,
        instance: &str,
        a: Signal<'b>,
        c: Signal<'b>,
        scale: Option<Signal<'b>>,
    ) -> Signal<'b> {
        let name = self.kind_name();
        let doc =
            if scale.is_some() { "y = round(scale * sum a_i * b_i)" } else { "y = round(sum a_i * b_i)" };
        let mut inputs = vec![("a", a), ("b", c)];
        inputs.extend(scale.map(|s| ("scale", s)));
        b.call(instance, Kind { name: &name, doc }, &inputs, |m, x| {
            self.body(m, x[0], x[1], x.get(2).copied())
        })[0]
    }

    pub(crate) fn body<'m>(
        &self,
        m: &'m ModuleBuilder,
        a: Signal<'m>,
        c: Signal<'m>,
        scale: Option<Signal<'m>>,
    ) -> Outputs<'m> {
        assert_eq!(self.spec.scale.is_some(), scale.is_some(), "scale and its format go together");
        let scale = scale.map(|s| m.stable(s));
        match self.spec.operand {
            Number::Float(format) => self.floating(m, format, a, c, scale),
            Number::Fixed(fixed) => self.fixed(m, fixed, a, c, scale),
        }
    }

    fn floating<'m>(
        &self,
        m: &'m ModuleBuilder,
        format: Format,
        a: Signal<'m>,
        c: Signal<'m>,
        scale: Option<Signal<'m>>,
    ) -> Outputs<'m> {
        let terms = self.terms(m, format, a, c);
        let (product, exp, sign) = (terms[0], terms[1], terms[2]);
        let max_exp = reduce::max(m, "max_exp", exp).named("max_exp");
        let aligned = self.align(m, product, exp, sign, max_exp);
        // Two's complement wants a one more for each complement: they are counted once for all.
        let negatives = reduce::sum(m, "negatives", sign).named("negatives");
        let negatives = negatives.to_signed().extend(aligned.width());
        let bits = self.spec.sum_bits(self.length as usize);
        let sum = reduce::sum_words(m, "sum", m.bundle(&[aligned, negatives]), bits);
        // The window's top bit weighs 2^(max_exp - 2·bias + 1), with max_exp a sum of fields.
        let growth = i64::from(bits - 1) - i64::from(self.spec.align_bits);
        self.finish(m, sum, Some(max_exp), growth + 1 - 2 * format.bias(), scale)
    }

    fn fixed<'m>(
        &self,
        m: &'m ModuleBuilder,
        format: Fixed,
        a: Signal<'m>,
        c: Signal<'m>,
        scale: Option<Signal<'m>>,
    ) -> Outputs<'m> {
        let name = format!("dot_product_{}", self.spec.operand.name());
        let kind = Kind { name: &name, doc: "product = a * b, two's complement" };
        let product = m.call_array("term", self.length, kind, &[("a", each(a)), ("b", each(c))], |_, x| {
            vec![("product", x[0].reinterpret(true) * x[1].reinterpret(true))]
        })[0];
        let bits = self.spec.sum_bits(self.length as usize);
        let sum = reduce::sum_words(m, "sum", product, bits);
        let top = i64::from(bits) - 2 - 2 * i64::from(format.frac_bits);
        self.finish(m, sum, None, top, scale)
    }

    /// Per element: significand product, sum of the exponent fields (0 for a zero product), sign.
    fn terms<'m>(
        &self,
        m: &'m ModuleBuilder,
        format: Format,
        a: Signal<'m>,
        c: Signal<'m>,
    ) -> Vec<Signal<'m>> {
        let name = format!("dot_term_{}", format.name());
        let kind = Kind { name: &name, doc: "exact product of two significands, sum of their exponents" };
        m.call_array("term", self.length, kind, &[("a", each(a)), ("b", each(c))], |m, x| {
            let (a, c) = (unpack(format, x[0], "a"), unpack(format, x[1], "b"));
            let nonzero = (a.nonzero & c.nonzero).named("nonzero");
            let sig = nonzero.mux(a.sig, m.zero(a.sig.ty())).named("gated_sig");
            let exp = a.exp + c.exp;
            let exp = nonzero.mux(exp, m.zero(exp.ty()));
            vec![("product", sig * c.sig), ("exp", exp), ("sign", a.sign ^ c.sign)]
        })
    }

    /// Per element: the product in the window below the largest exponent, or its complement if negative: one less than
    /// its negation.
    fn align<'m>(
        &self,
        m: &'m ModuleBuilder,
        product: Signal<'m>,
        exp: Signal<'m>,
        sign: Signal<'m>,
        max_exp: Signal<'m>,
    ) -> Signal<'m> {
        let window = self.spec.align_bits;
        let headroom = window - self.spec.product_bits();
        let name = format!("dot_align_{}_w{window}", self.spec.operand.name());
        let kind = Kind {
            name: &name,
            doc: "term = (product << headroom) >> (max_exp - exp), complemented if sign",
        };
        let inputs = [
            ("product", each(product)),
            ("exp", each(exp)),
            ("sign", each(sign)),
            ("max_exp", max_exp.into()),
        ];
        m.call_array("align", self.length, kind, &inputs, |_, x| {
            let distance = (x[3] - x[1]).low(x[1].width()).named("distance");
            let amount = saturate_amount(distance, u64::from(window)).named("shift_amount");
            let magnitude = x[0].shl_const(headroom).shr(amount).named("magnitude");
            let term = magnitude.extend(window + 1) ^ x[2].repeat(window + 1);
            vec![("term", term.reinterpret(true))]
        })[0]
    }

    /// Sign and magnitude, normalisation, scale, rounding, of a sum that may be left of two words. The exponent of the
    /// magnitude's top bit is `max_exp`, if there is one, and `offset`.
    fn finish<'m>(
        &self,
        m: &'m ModuleBuilder,
        sum: Signal<'m>,
        max_exp: Option<Signal<'m>>,
        offset: i64,
        scale: Option<Signal<'m>>,
    ) -> Outputs<'m> {
        let result = self.spec.result;
        // Few bits come in here and there, and small netlists take longer for these steps than the delay model says.
        let sum = m.by(0.5, &[sum])[0];
        let bits = self.spec.sum_bits(self.length as usize);
        let (sum, negated) = match sum.ty().count {
            1 => (sum.named("sum"), -sum),
            // Both at once: a sum of two words is no later than its complement would be.
            _ => {
                let [p, q] = [0, 1].map(|i| sum.element(i));
                let negated = m.bundle(&[!p, !q, m.lit_signed(2, p.width())]).sum();
                ((p + q).named("sum"), negated.named("negated"))
            }
        };
        let sign = sum.bit(bits - 1).named("sum_sign");
        let magnitude = sign.mux(negated.low(bits - 1), sum.low(bits - 1)).named("magnitude");
        let zero = magnitude.is_zero().named("sum_is_zero");
        let (nearly, leading_zeros) = normalize_nearly(magnitude);
        let top = constant(m, offset + result.bias());
        let top = max_exp.map_or(top, |max_exp| max_exp.to_signed() + top);
        let later = m.by(0.5, &[nearly, leading_zeros, top]);
        let (nearly, leading_zeros, top) = (later[0], later[1], later[2]);
        let fine = leading_zeros.low(FINE.min(leading_zeros.width()));
        let exp = top - leading_zeros.to_signed();
        let sig = nearly.shl_truncating(fine, nearly.width()).named("normalized");
        let raw = match scale {
            None => Raw { sign: !zero & sign, exp: exp.named("exp"), sig, zero },
            Some(scale) => self.scaled(m, scale, Raw { sign: !zero & sign, exp, sig, zero }),
        };
        vec![("y", round_pack(result, &self.policy, raw, Range::ANY))]
    }

    fn scaled<'m>(&self, m: &'m ModuleBuilder, scale: Signal<'m>, sum: Raw<'m>) -> Raw<'m> {
        let format = self.spec.scale.expect("a scale has a format");
        let scale = unpack(format, scale, "scale");
        let product = (sum.sig * scale.sig).named("scaled_product");
        let carry = product.msb().named("scaled_carry");
        let w = product.width();
        let sig = carry.mux(product, product.low(w - 1).shl_const(1)).named("scaled_sig");
        let exp = sum.exp + scale.exp.to_signed() + carry.to_signed() - constant(m, format.bias());
        let sign = (sum.sign ^ (scale.sign & !sum.zero)).named("scaled_sign");
        Raw { sign, exp: exp.named("exp"), sig, zero: sum.zero | !scale.nonzero }
    }
}

/// A magnitude, moved to the left by its leading zeros but for the last [`FINE`] bits of their number; and that number.
fn normalize_nearly(magnitude: Signal<'_>) -> (Signal<'_>, Signal<'_>) {
    let leading_zeros = magnitude.lzc().named("leading_zeros");
    let Some(bits) = leading_zeros.width().checked_sub(FINE).filter(|bits| *bits > 0) else {
        return (magnitude, leading_zeros);
    };
    let coarse = leading_zeros.high(bits).shl_const(FINE);
    (magnitude.shl_truncating(coarse, magnitude.width()).named("nearly_normalized"), leading_zeros)
}

/// The registry entry.
pub(crate) struct DotUnit;

impl DotUnit {
    fn unit(&self, p: &Params) -> FusedDot {
        let spec = DotSpec { result: p.result, ..DotSpec::new(p.format, p.format) };
        FusedDot { spec, length: p.length, policy: p.policy }
    }
}

impl Operator for DotUnit {
    fn name(&self) -> &'static str {
        "fused-dot"
    }
    fn summary(&self) -> &'static str {
        "y = sum of a_i * b_i, rounded once. Exact products are aligned to the largest exponent and summed as integers."
    }
    fn options(&self) -> &'static [&'static str] {
        &["result", "length"]
    }
    fn check(&self, p: &Params) -> Result<(), String> {
        if !(1..=256).contains(&p.length) {
            return Err(format!("length = {}: must be 1 to 256", p.length));
        }
        self.unit(p).spec.check(p.length as usize)
    }
    fn kind_name(&self, p: &Params) -> String {
        self.unit(p).kind_name()
    }
    fn inputs(&self, p: &Params) -> Vec<(&'static str, Type)> {
        let row = float(p).times(p.length);
        vec![("a", row), ("b", row)]
    }
    fn build<'b>(&self, b: &'b ModuleBuilder, p: &Params, x: &[Signal<'b>]) -> Outputs<'b> {
        self.unit(p).body(b, x[0], x[1], None)
    }
    fn reference(&self, p: &Params, c: &Case) -> Vec<u64> {
        vec![dot::dot(&self.unit(p).spec, &p.policy, &c[0], &c[1], None)]
    }
    fn directed(&self, p: &Params) -> Vec<Case> {
        let f = p.format;
        let (n, sign, one) = (p.length as usize, f.sign_bit(), f.one());
        let (max, min, ones) = (f.max_finite_bits(), f.min_normal_bits(), scaled(f, f.one(), 1) - 1);
        let all = |a: u64, b: u64| vec![vec![a; n], vec![b; n]];
        // The first product is a·b, all others are c·d.
        let first = |a: u64, b: u64, c: u64, d: u64| {
            let row = |head, tail| [vec![head], vec![tail; n - 1]].concat();
            vec![row(a, c), row(b, d)]
        };
        let alternating: Vec<u64> = (0..n).map(|i| one | if i % 2 == 1 { sign } else { 0 }).collect();
        let mut cases = vec![
            all(0, one),
            all(sign, one),
            all(f.man_mask(), max), // every product a zero
            all(one, one),
            all(ones, ones),
            all(sign | ones, ones), // the largest sums of either sign
            all(max, max),
            all(max, sign | max),
            all(min, min),
            all(min, sign | min), // overflow and underflow
            vec![alternating.clone(), vec![one; n]],
            vec![alternating.clone(), alternating], // exact cancellation
            first(0, max, min, one),
            first(f.man_mask() | sign, max, one, one), // a zero takes no part in the maximum
            first(max, one, min, one),
            first(max, one, sign | min, one), // the rest far below the window
            first(one, one, sign | one, one),
            first(one + 1, one, sign | one, one), // one place left over
        ];
        // One product at every distance below the first, to beyond the window; also as its negation.
        let distances = 0..=i64::from(self.unit(p).spec.align_bits) + 1;
        cases.extend(distances.flat_map(|k| {
            let (a, b) = (scaled(f, ones, -(k / 2)), scaled(f, ones, -(k - k / 2)));
            [first(ones, ones, a, b), first(ones, ones, a | sign, b), first(ones | sign, ones, a, b)]
        }));
        cases
    }
    fn case(&self, p: &Params, random: &mut Stratified) -> Case {
        let (a, b) = random.vectors(p.length as usize);
        vec![a, b]
    }
}
