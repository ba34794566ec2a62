//! 2^F of a fraction as a significand: the only function of the base-2 online softmax.
//!
//! The lines, their rounding and the exact 2^0 = 1 are those of [`numerics::base2`].

use crate::pwl;
use hdl::{Kind, ModuleBuilder, Signal};
use numerics::Base2Spec;

/// The unit.
#[derive(Clone, Copy, Debug)]
pub struct Exp2Fraction {
    /// Widths and segments.
    pub spec: Base2Spec,
}

impl Exp2Fraction {
    /// u − 2^(U−1), the U − 1 bits of u below its leading one, of a fraction of Fs bits, as an instance.
    pub fn call<'b>(&self, b: &'b ModuleBuilder, instance: &str, fraction: Signal<'b>) -> Signal<'b> {
        let Base2Spec { score, weight_bits, segments } = self.spec;
        let name = format!("exp2_pwl{segments}_f{}_u{weight_bits}", score.frac_bits);
        let kind = Kind { name: &name, doc: "1.y = 2^0.fraction, rounded half up" };
        b.call(instance, kind, &[("fraction", fraction)], |m, x| vec![("y", self.body(m, x[0]))])[0]
    }

    fn body<'m>(&self, m: &'m ModuleBuilder, fraction: Signal<'m>) -> Signal<'m> {
        let (table, bits) = (self.spec.tables(), self.spec.weight_bits);
        let line = pwl::evaluate(m, &table, fraction).named("line");
        let drop = table.y_frac() - (bits - 1);
        // The entries of a table have no bits below those of u.
        let rounds = drop > 0 && table.offset_bits() > 0;
        let line = if rounds { line + m.lit(1 << (drop - 1), drop) } else { line };
        let u = line.shr_const(drop);
        u.extend(u.width().max(bits)).saturate(bits).low(bits - 1)
    }
}
