//! Floating-point addition, one format, one rounding.
//!
//! ```text
//! swap so that |hi| >= |lo|;  lo >> (hi.exp - lo.exp)         two places kept below, the rest ORed into sticky
//!   hi  1 x … x 0 0 0
//!   lo  0 … 1 x … x s                                          p + 3 bits
//! hi ± lo, leading-zero count, normalise, round
//! ```
//! Two places and a sticky are enough: a normalising shift of more than one place happens only when the exponents
//! differ by at most one, and then nothing was shifted into sticky.

use crate::float::{Range, Raw, clamp_amount, normalize, policy_suffix, round_pack, unpack};
use crate::operator::{Case, Operator, Params, float, scaled, signed_pairs};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type};
use numerics::{Format, Policy, scalar};

/// An adder.
#[derive(Clone, Copy, Debug)]
pub struct FpAdd {
    /// Format of operands and result.
    pub format: Format,
    /// Rounding and edges.
    pub policy: Policy,
}

impl FpAdd {
    /// Name of the module kind.
    pub fn kind_name(&self) -> String {
        format!("fp_add_{}{}", self.format.name(), policy_suffix(&self.policy))
    }

    /// `a + c` as an instance.
    pub fn call<'b>(&self, b: &'b ModuleBuilder, instance: &str, a: Signal<'b>, c: Signal<'b>) -> Signal<'b> {
        let kind = Kind { name: &self.kind_name(), doc: "y = round(a + b)" };
        b.call(instance, kind, &[("a", a), ("b", c)], |m, x| self.body(m, x[0], x[1]))[0]
    }

    /// `a - c`: an adder with the sign of `c` inverted.
    pub fn call_sub<'b>(
        &self,
        b: &'b ModuleBuilder,
        instance: &str,
        a: Signal<'b>,
        c: Signal<'b>,
    ) -> Signal<'b> {
        let w = c.width();
        let negated = b.concat(&[!c.msb(), c.low(w - 1)]).named(&format!("{instance}_negated"));
        self.call(b, instance, a, negated)
    }

    pub(crate) fn body<'m>(&self, m: &'m ModuleBuilder, a: Signal<'m>, c: Signal<'m>) -> Outputs<'m> {
        let p = self.format.precision();
        let magnitude_bits = self.format.width() - 1;
        let swap = a.low(magnitude_bits).lt(c.low(magnitude_bits)).named("swap");
        let hi = unpack(self.format, swap.mux(c, a).named("hi"), "hi");
        let lo = unpack(self.format, swap.mux(a, c).named("lo"), "lo");

        let distance = (hi.exp - lo.exp).named("exp_diff");
        let amount = clamp_amount(distance, u64::from(p) + 2).named("shift_amount");
        let shifted = lo.gated_sig().shl_const(p + 2).shr(amount).named("lo_aligned");
        let sticky = shifted.low(p).reduce_or().named("lo_sticky");
        let lo_sig = m.concat(&[shifted.high(p + 2), sticky]);

        // hi - lo = hi + !lo + 1, and the places below hi have room for the 1.
        let subtract = (hi.sign ^ lo.sign).named("subtract");
        let hi_sig = m.concat(&[hi.gated_sig(), m.lit(0, 2), subtract]);
        let lo_sig = lo_sig.extend(p + 4) ^ subtract.repeat(p + 4);
        let sum = (hi_sig + lo_sig).low(p + 4).named("sum");
        let zero = sum.is_zero().named("sum_is_zero");
        let (sig, leading_zeros) = normalize(sum);
        let exp = (hi.exp + m.lit(1, 1)).to_signed() - leading_zeros.to_signed();
        let both_negative = hi.sign & lo.sign;
        let sign = zero.mux(both_negative, hi.sign).named("sign");
        let raw = Raw { sign, exp: exp.named("exp"), sig, zero };
        vec![("y", round_pack(self.format, &self.policy, raw, Range::ANY))]
    }
}

/// The registry entry.
pub(crate) struct AddUnit;

impl AddUnit {
    fn unit(&self, p: &Params) -> FpAdd {
        FpAdd { format: p.format, policy: p.policy }
    }
}

impl Operator for AddUnit {
    fn name(&self) -> &'static str {
        "fp-add"
    }
    fn summary(&self) -> &'static str {
        "y = a + b in floating point. Single path: swap, align with sticky, add, normalise, round once."
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
        let places = i64::from(f.precision());
        let (two, half_place) = (scaled(f, one, 1), scaled(f, one, -places));
        let top = max & !f.man_mask();
        let (last, half_last) = (scaled(f, top, 1 - places), scaled(f, top, -places));
        let mut pairs = vec![
            (0, 0),
            (0, one),
            (subnormal, one),
            (subnormal, subnormal), // zeros of either sign
            (one, one),
            (one, one + 1),
            (two, two - 1),
            (two, one), // cancellation, exponent distance 0 and 1
            (one, half_place),
            (one + 1, half_place),
            (one, half_place - 1),
            (one, half_place + 1), // around a tie
            (max, max),
            (max, half_last),
            (max, half_last - 1),
            (max, last), // overflow and its edge
            (min, min + 1),
            (min, two),
            (scaled(f, min, 1), scaled(f, min, 1) - 1), // underflow by cancellation
        ];
        pairs.extend((0..places + 4).flat_map(|n| {
            let low = scaled(f, one, -n);
            [(one, low), (one, low + 1), (two - 1, low + 1)] // every distance, to below sticky
        }));
        signed_pairs(f, &pairs)
    }
    fn reference(&self, p: &Params, c: &Case) -> Vec<u64> {
        vec![scalar::add(p.format, &p.policy, c[0][0], c[1][0])]
    }
}
