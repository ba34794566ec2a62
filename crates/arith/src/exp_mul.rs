//! ExpMul: v·e^x for x ≤ 0 without a multiplier, by subtracting a quantised power of two from v's exponent.
//!
//! Source: ExpMul (arXiv 2505.14314). The quantisation of x is shared by all elements of a vector ([`ExpMul::quantize`]); each
//! element needs only [`ExpMul::apply`]. Widths and tables are those of [`numerics::expmul::ExpMulSpec`].
//!
//! ```text
//! |X| = x in fixed point;  L = |X| + |X|/2 - |X|/16, rounded      23/16 ~ log2(e)
//! y = v with exponent - L;  with fraction bits also times 2^-fraction from a small table
//! ```

use crate::fixed::{FpToFixed, to_fixed};
use crate::float::{Range, Raw, constant, policy_suffix, round_pack, to_magnitude, unpack};
use crate::operator::{Case, Operator, Params, float, scaled, signed_pairs};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type};
use numerics::expmul::{LOG2E_16THS, SCORE_X_BITS, X_BITS, X_FRAC};
use numerics::{ExpMulSpec, FixRound, Policy};

/// An ExpMul unit or its parts.
#[derive(Clone, Copy, Debug)]
pub struct ExpMul {
    /// Formats, widths and table.
    pub spec: ExpMulSpec,
    /// Rounding and edges.
    pub policy: Policy,
}

impl ExpMul {
    fn formats(&self) -> String {
        let (value, result) = (self.spec.value.name(), self.spec.result.name());
        let f = if self.spec.frac_bits > 0 { format!("_f{}", self.spec.frac_bits) } else { String::new() };
        let formats = if value == result { value } else { format!("{value}_{result}") };
        format!("{formats}{f}{}", policy_suffix(&self.policy))
    }

    /// Name of the whole unit.
    pub fn kind_name(&self) -> String {
        format!("exp_mul_{}", self.formats())
    }

    /// Type of a level L.
    pub fn level_type(&self) -> Type {
        Type::unsigned(self.spec.level_bits())
    }

    /// The level of a score difference x ≤ 0 (a float), as an instance.
    pub fn quantize<'b>(&self, b: &'b ModuleBuilder, instance: &str, x: Signal<'b>) -> Signal<'b> {
        let name = format!("exp_mul_level_{}_f{}", self.spec.x_format.name(), self.spec.frac_bits);
        let kind = Kind { name: &name, doc: "level = -x * 23/16 in fixed point, 0 for x >= 0" };
        b.call(instance, kind, &[("x", x)], |m, x| vec![("level", self.level(m, x[0]))])[0]
    }

    /// v·2^-level as an instance.
    pub fn apply<'b>(
        &self,
        b: &'b ModuleBuilder,
        instance: &str,
        v: Signal<'b>,
        level: Signal<'b>,
    ) -> Signal<'b> {
        let name = format!("exp_mul_apply_{}", self.formats());
        let kind = Kind { name: &name, doc: "y = v * 2^-level" };
        b.call(instance, kind, &[("v", v), ("level", level)], |m, x| vec![("y", self.scaled(m, x[0], x[1]))])
            [0]
    }

    /// The base-2 score of a float score, signed, as an instance.
    pub fn quantize_score<'b>(&self, b: &'b ModuleBuilder, instance: &str, s: Signal<'b>) -> Signal<'b> {
        let name = format!("exp_mul_score_{}_f{}", self.spec.x_format.name(), self.spec.frac_bits);
        let kind = Kind { name: &name, doc: "score = s * 23/16 in fixed point, rounded half up" };
        b.call(instance, kind, &[("s", s)], |m, x| vec![("score", self.base2_score(m, x[0]))])[0]
    }

    /// The whole unit: level and product.
    pub(crate) fn body<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>, v: Signal<'m>) -> Outputs<'m> {
        let level = self.level(m, x).named("level");
        vec![("y", self.scaled(m, v, level))]
    }

    fn level<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>) -> Signal<'m> {
        let x = unpack(self.spec.x_format, x, "x");
        let int_bits = X_BITS - X_FRAC - 1;
        let mag = to_magnitude(self.spec.x_format, x, int_bits, X_FRAC);
        let rounded = mag.kept + (mag.guard & mag.sticky).named("round_up");
        let limited = mag.over.mux(m.lit(1 << (X_BITS - 1), X_BITS), rounded);
        let magnitude = x.sign.mux(limited, m.zero(limited.ty())).named("magnitude");
        let level = self.times_log2e(m, magnitude.to_signed());
        level.extend(level.width().max(self.spec.level_bits())).low(self.spec.level_bits())
    }

    fn base2_score<'m>(&self, m: &'m ModuleBuilder, s: Signal<'m>) -> Signal<'m> {
        let spec = FpToFixed {
            format: self.spec.x_format,
            int_bits: SCORE_X_BITS - X_FRAC,
            frac_bits: X_FRAC,
            rounding: FixRound::HalfUp,
        };
        let score = self.times_log2e(m, to_fixed(m, &spec, s).named("score_fixed"));
        score.truncate(self.spec.score_bits())
    }

    /// `23/16 · x` rounded half-up from 11 to f fraction bits: x + x/2 - x/16 in units of 2^-15.
    fn times_log2e<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>) -> Signal<'m> {
        assert_eq!(LOG2E_16THS, 16 + 8 - 1);
        let shift = self.spec.level_shift();
        let sum = (x.shl_const(4) + x.shl_const(3)) - x;
        (sum + m.lit(1 << (shift - 1), shift).to_signed()).named("scaled").shr_const(shift)
    }

    fn scaled<'m>(&self, m: &'m ModuleBuilder, v: Signal<'m>, level: Signal<'m>) -> Signal<'m> {
        let spec = &self.spec;
        let f = spec.frac_bits;
        let v = unpack(spec.value, v, "v");
        let rebias = spec.result.bias() - spec.value.bias();
        let places = level.slice(level.width() - 1, f).to_signed();
        let exp = (v.exp.to_signed() - places).named("exp_shifted");
        let exp = if rebias == 0 { exp } else { exp + constant(m, rebias) };
        let range = Range { overflow: spec.value.max_exp() > spec.result.max_exp(), underflow: true };
        let (exp, sig) = if f == 0 {
            (exp, v.sig)
        } else {
            let factor = level.low(f).table(&spec.table(), spec.table_frac() + 1).named("factor");
            // factor <= 1, so the product stays below 2 and its top bit is never used.
            let w = v.sig.width() + spec.table_frac();
            let product = (v.sig * factor).low(w).named("product");
            let carry = product.msb().named("carry");
            let sig = carry.mux(product, product.low(w - 1).shl_const(1)).named("normalized");
            (exp + carry.to_signed() - constant(m, 1), sig)
        };
        let raw = Raw { sign: v.sign, exp, sig, zero: !v.nonzero };
        round_pack(spec.result, &self.policy, raw, range)
    }
}

/// The registry entry.
pub(crate) struct ExpMulUnit;

impl ExpMulUnit {
    fn unit(&self, p: &Params) -> ExpMul {
        ExpMul { spec: ExpMulSpec::new(p.format, p.format, p.result, p.frac_bits), policy: p.policy }
    }
}

impl Operator for ExpMulUnit {
    fn name(&self) -> &'static str {
        "exp-mul"
    }
    fn summary(&self) -> &'static str {
        "y = v * e^x for x <= 0 without a multiplier. The quantised power of two is subtracted from v's exponent."
    }
    fn options(&self) -> &'static [&'static str] {
        &["result", "frac_bits"]
    }
    fn check(&self, p: &Params) -> Result<(), String> {
        self.unit(p).spec.check()
    }
    fn kind_name(&self, p: &Params) -> String {
        self.unit(p).kind_name()
    }
    fn inputs(&self, p: &Params) -> Vec<(&'static str, Type)> {
        vec![("x", float(p)), ("v", float(p))]
    }
    fn build<'b>(&self, b: &'b ModuleBuilder, p: &Params, x: &[Signal<'b>]) -> Outputs<'b> {
        self.unit(p).body(b, x[0], x[1])
    }
    fn directed(&self, p: &Params) -> Vec<Case> {
        let f = p.format;
        let (one, max, min) = (f.one(), f.max_finite_bits(), f.min_normal_bits());
        // |x| where L steps from n to n + 1, in units of 2^-frac_bits; half places of X; saturation at 16.
        let level = 0.5f64.powi(p.frac_bits as i32) * 16.0 / f64::from(LOG2E_16THS as i32);
        let steps = (0..24).map(|n| (f64::from(n) + 0.5) * level);
        let half_place = 0.5f64.powi(X_FRAC as i32 + 1);
        let fixed = [half_place, 3.0 * half_place, 1.0 + half_place, 16.0, 16.0 - half_place];
        let around = |x: f64| {
            let x = f.encode(x, &p.policy);
            [x, x + 1, x.saturating_sub(1)]
        };
        let mut x: Vec<u64> = steps.chain(fixed).flat_map(around).filter(|&x| x <= max).collect();
        x.extend([0, f.man_mask(), min, max]);
        let v = [0, f.man_mask(), min, min + 1, scaled(f, min, 1), scaled(f, one, 1) - 1, one, one + 1, max];
        let pairs: Vec<(u64, u64)> = x.iter().flat_map(|&x| v.map(|v| (x, v))).collect();
        signed_pairs(f, &pairs)
    }
    fn reference(&self, p: &Params, c: &Case) -> Vec<u64> {
        let unit = self.unit(p).spec;
        vec![unit.apply(&p.policy, c[1][0], unit.quantize(c[0][0]))]
    }
}
