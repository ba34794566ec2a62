//! Conversion between any two number formats, floating or fixed point, with one rounding under the policy, saturated.
//!
//! ```text
//! fixed to fixed     x x x x . x x x x x        kept = floor      rne adds g & (kept's lowest bit | any s)
//!                      kept    | g s s          two's complement  rtz adds sign & (g | any s)
//! ```
//! Where the result has no fewer places on either side this is wiring.

use crate::fixed::{FixedToFp, saturate_rounded};
use crate::float::{policy_suffix, to_magnitude, unpack};
use crate::fp_convert::FpConvert;
use hdl::{Kind, ModuleBuilder, ModuleId, Outputs, Signal, Type, each};
use numerics::{Fixed, Format, Number, Policy, Rounding};

/// A converter.
#[derive(Clone, Copy, Debug)]
pub struct Convert {
    /// Format of the operand.
    pub from: Number,
    /// Format of the result.
    pub to: Number,
    /// Rounding and edges.
    pub policy: Policy,
}

impl Convert {
    fn kind_name(&self) -> String {
        match self.floats() {
            Some(convert) => convert.kind_name(),
            None => format!("convert_{}_{}{}", self.from.name(), self.to.name(), policy_suffix(&self.policy)),
        }
    }

    fn kind<'a>(&self, name: &'a str) -> Kind<'a> {
        let doc = if self.floats().is_some() { FpConvert::DOC } else { "y = x in the other format" };
        Kind { name, doc }
    }

    fn floats(&self) -> Option<FpConvert> {
        Some(FpConvert { from: self.from.float()?, to: self.to.float()?, policy: self.policy })
    }

    /// Every element of `x` in the other format; no hardware where the formats are one.
    pub fn call<'b>(&self, b: &'b ModuleBuilder, instance: &str, x: Signal<'b>) -> Signal<'b> {
        if self.from == self.to {
            return x;
        }
        let name = self.kind_name();
        b.call_array(instance, x.ty().count, self.kind(&name), &[("x", each(x))], |m, x| self.body(m, x[0]))
            [0]
    }

    /// The module kind, with input `x` and output `y`; `None` where the formats are one.
    pub fn define(&self, b: &ModuleBuilder) -> Option<ModuleId> {
        let name = self.kind_name();
        let inputs = [("x", number_type(self.from))];
        (self.from != self.to).then(|| b.define(self.kind(&name), &inputs, |m, x| self.body(m, x[0])))
    }

    fn body<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>) -> Outputs<'m> {
        let policy = self.policy;
        match (self.from, self.to) {
            (Number::Float(from), Number::Float(to)) => FpConvert { from, to, policy }.body(m, x),
            (Number::Fixed(from), Number::Float(format)) => {
                let (width, frac_bits) = (from.width(), from.frac_bits);
                FixedToFp { width, frac_bits, format, policy }.body(m, x.reinterpret(true))
            }
            (Number::Float(from), Number::Fixed(to)) => vec![("y", float_to_fixed(m, policy, from, to, x))],
            (Number::Fixed(from), Number::Fixed(to)) => {
                vec![("y", fixed_to_fixed(policy, from, to, x.reinterpret(true)))]
            }
        }
    }
}

/// Type of a pattern.
pub fn number_type(number: Number) -> Type {
    Type::unsigned(number.width())
}

fn float_to_fixed<'m>(
    m: &'m ModuleBuilder,
    policy: Policy,
    from: Format,
    to: Fixed,
    x: Signal<'m>,
) -> Signal<'m> {
    let x = unpack(from, x, "x");
    let magnitude = to_magnitude(from, x, to.int_bits - 1, to.frac_bits);
    let increment = match policy.rounding {
        Rounding::Rne => magnitude.guard & (magnitude.sticky | magnitude.kept.bit(0)),
        Rounding::Rtz => m.lit(0, 1),
    };
    saturate_rounded(m, x.sign, magnitude, to.width(), increment).reinterpret(false)
}

fn fixed_to_fixed(policy: Policy, from: Fixed, to: Fixed, x: Signal<'_>) -> Signal<'_> {
    let resized = if to.frac_bits >= from.frac_bits {
        x.shl_const(to.frac_bits - from.frac_bits)
    } else {
        let dropped = from.frac_bits - to.frac_bits;
        let kept = x.shr_const(dropped).named("kept");
        let guard = x.bit(dropped - 1).named("guard");
        let sticky = if dropped > 1 { x.low(dropped - 1).reduce_or() } else { x.builder().lit(0, 1) };
        let increment = match policy.rounding {
            Rounding::Rne => guard & (sticky | kept.bit(0)),
            Rounding::Rtz => x.msb() & (guard | sticky),
        };
        (kept + increment.named("increment").to_signed()).named("rounded")
    };
    resized.saturate(to.width()).reinterpret(false)
}
