//! Scores in base 2 as fixed-point numbers, where the integer scalar paths of the base-2 kernels start.

use crate::constant;
use crate::fixed::saturate_signed;
use crate::float::{Magnitude, clamp_amount, constant as signed_constant, unpack};
use hdl::{Kind, ModuleBuilder, Signal};
use numerics::base2_score::LOG2E;
use numerics::{Base2Score, FixRound, Format};

/// A natural-log float score to a base-2 one, see [`Base2Score::quantize`].
#[derive(Clone, Copy, Debug)]
pub struct ToBase2Score {
    /// Format of the float score.
    pub format: Format,
    /// Widths of the fixed-point score.
    pub score: Base2Score,
}

impl ToBase2Score {
    /// The score, signed, in units of 2^-Fs, as an instance.
    pub fn call<'b>(&self, b: &'b ModuleBuilder, instance: &str, s: Signal<'b>) -> Signal<'b> {
        let Base2Score { int_bits, frac_bits } = self.score;
        let name = format!("base2_score_{}_q{int_bits}_{frac_bits}", self.format.name());
        let kind =
            Kind { name: &name, doc: "score = s * log2(e) in fixed point, rounded half up, saturated" };
        b.call(instance, kind, &[("s", s)], |m, x| vec![("score", self.body(m, x[0]))])[0]
    }

    /// One shift from the highest place the product with log2(e) may have: for an exponent of Is − 2 it takes all Is
    /// integer bits, for larger ones the score saturates.
    fn body<'m>(&self, m: &'m ModuleBuilder, s: Signal<'m>) -> Signal<'m> {
        let (format, width) = (self.format, self.score.bits());
        let s = unpack(format, s, "s");
        let product = constant::times(s.gated_sig(), LOG2E as u64);
        let product_bits = format.precision() + 15;
        let product = product.low(product_bits).named("times_log2e");
        let top = signed_constant(m, format.bias() + i64::from(self.score.int_bits) - 2);
        let exp = s.exp.to_signed();
        let amount = clamp_amount((top - exp).named("distance"), u64::from(width) + 1).named("shift_amount");
        let window = product.shl_const(width).shr(amount).named("aligned");
        let rest = window.low(product_bits);
        let magnitude = Magnitude {
            kept: window.high(width),
            guard: rest.msb(),
            sticky: rest.low(product_bits - 1).reduce_or(),
            over: exp.gt(top).named("too_large"),
        };
        saturate_signed(m, s.sign, magnitude, width, FixRound::HalfUp)
    }
}
