//! Values in fixed point below an anchor, and back.
//!
//! The anchor is an exponent field at least as large as that of every value; the unit of an element with f magnitude
//! bits is 2^(anchor − bias + 1 − f), see [`numerics::lse::Accumulator`].

use crate::float::{
    Range, Raw, constant, float_type, normalize, policy_suffix, round_pack, saturate_amount, unpack,
};
use hdl::{Kind, ModuleBuilder, ModuleId, Outputs, Signal, Type, each};
use numerics::{Format, Policy};

/// Float to fixed point below the anchor, rounded half-up on the signed value.
#[derive(Clone, Copy, Debug)]
pub struct AlignToAnchor {
    /// Format of the value, and of the anchor's exponent field.
    pub format: Format,
    /// f, magnitude bits of the element; at least the precision of the format.
    pub frac_bits: u32,
}

impl AlignToAnchor {
    /// The module kind, with inputs `v` and `anchor` and output `y` of f+1 bits.
    pub fn define(&self, b: &ModuleBuilder) -> ModuleId {
        let name = format!("align_{}_f{}", self.format.name(), self.frac_bits);
        let kind = Kind { name: &name, doc: "y = v in fixed point below the anchor, rounded half up" };
        let inputs = [("v", float_type(self.format)), ("anchor", Type::unsigned(self.format.exp_bits))];
        b.define(kind, &inputs, |m, x| self.body(m, x[0], x[1]))
    }

    /// The value as an integer, shifted from the place that the anchor's own exponent has. What is rounded has lost a
    /// place at least, so that a carry passes the low bits only where the integer is -1, and above is nothing but sign.
    fn body<'m>(&self, m: &'m ModuleBuilder, v: Signal<'m>, anchor: Signal<'m>) -> Outputs<'m> {
        let f = self.frac_bits;
        let p = self.format.precision();
        let v = unpack(self.format, v, "v");
        let distance = (anchor - v.exp).low(self.format.exp_bits).named("distance");
        let amount = saturate_amount(distance, u64::from(f) + 1).named("shift_amount");
        let complement = m.concat(&[m.lit(0, 1), v.gated_sig()]) ^ v.sign.repeat(p + 1);
        let signed = (complement + v.sign).low(p + 1).reinterpret(true).named("signed_sig");
        let aligned = signed.shl_const(f + 1 - p).shr(amount).reinterpret(false).named("aligned");
        let (kept, half) = (aligned.high(f + 1), aligned.bit(0));
        let low = (kept.low(p) + half).named("rounded_low");
        let high = kept.high(f + 1 - p) & (!low.msb()).repeat(f + 1 - p);
        vec![("y", m.concat(&[high, low.low(p)]))]
    }
}

/// Fixed point below the anchor to float, rounded once.
#[derive(Clone, Copy, Debug)]
pub struct FromAnchor {
    /// Format of the values, and of the anchor's exponent field.
    pub format: Format,
    /// f, magnitude bits of the element.
    pub frac_bits: u32,
    /// Format of the result.
    pub result: Format,
    /// Rounding and edges.
    pub policy: Policy,
}

impl FromAnchor {
    const DOC: &'static str = "y = round(o) from fixed point below the anchor";

    fn kind_name(&self) -> String {
        let (format, f, result) = (self.format.name(), self.frac_bits, self.result.name());
        format!("from_anchor_{format}_f{f}_{result}{}", policy_suffix(&self.policy))
    }

    /// Every element of `o` as a float.
    pub fn call<'b>(
        &self,
        b: &'b ModuleBuilder,
        instance: &str,
        o: Signal<'b>,
        anchor: Signal<'b>,
    ) -> Signal<'b> {
        let kind = Kind { name: &self.kind_name(), doc: Self::DOC };
        let inputs = [("o", each(o)), ("anchor", anchor.into())];
        b.call_array(instance, o.ty().count, kind, &inputs, |m, x| self.body(m, x[0], x[1]))[0]
    }

    fn body<'m>(&self, m: &'m ModuleBuilder, o: Signal<'m>, anchor: Signal<'m>) -> Outputs<'m> {
        let sign = o.msb().named("sign");
        let magnitude = sign.mux((-o.reinterpret(true)).low(o.width()), o).named("magnitude");
        let (sig, leading_zeros) = normalize(magnitude);
        let top = constant(m, self.result.bias() - self.format.bias() + 1);
        let exp = (anchor.to_signed() + top - leading_zeros.to_signed()).named("exp");
        let raw = Raw { sign, exp, sig, zero: magnitude.is_zero() };
        vec![("y", round_pack(self.result, &self.policy, raw, Range::ANY))]
    }
}
