//! ln(w) of FLASH-D as published, for weights from the smallest normal number to 1.
//!
//! The steps, widths and tables are those of [`numerics::sigmoid_ln`].
//!
//! ```text
//! range-reduced:  w = 1.M·2^-n:  −ln w = n·ln2 − ln(1.M) from eight lines; exact, then normalised and rounded once
//! direct:         w in fixed point, at least 2^-10; its leading one selects one of eight lines that fall from its end
//! ```

use crate::constant as factor;
use crate::float::{Range, Raw, constant, normalize, policy_suffix, round_pack, to_magnitude, unpack};
use crate::operator::{Case, Operator, Params, float, signed};
use crate::pwl;
use crate::sigmoid::{check_format, form};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, value_width};
use numerics::Policy;
use numerics::pwl::Segment;
use numerics::sigmoid_ln::{LN_BREAKS, LN_GRID, LN2, LN2_FRAC, SigmoidForm, SigmoidLnSpec, W_FRAC};

/// A logarithm unit.
#[derive(Clone, Copy, Debug)]
pub struct Ln {
    /// Format and form.
    pub spec: SigmoidLnSpec,
    /// Rounding and edges.
    pub policy: Policy,
}

impl Ln {
    /// Name of the module kind.
    pub fn kind_name(&self) -> String {
        let form = match self.spec.form {
            SigmoidForm::Direct8 => "direct8".to_string(),
            SigmoidForm::RangeReduced(_) => {
                format!("pwl{}", self.spec.tables().ln_significand.segments.len())
            }
        };
        format!("ln_{form}_{}{}", self.spec.format.name(), policy_suffix(&self.policy))
    }

    /// ln(w) as an instance; w must be a positive normal number and at most 1, as every weight is.
    pub fn call<'b>(&self, b: &'b ModuleBuilder, instance: &str, w: Signal<'b>) -> Signal<'b> {
        let kind = Kind { name: &self.kind_name(), doc: "y = ln(w) for a positive normal w <= 1" };
        b.call(instance, kind, &[("w", w)], |m, w| vec![("y", self.weight(m, w[0]))])[0]
    }

    fn weight<'m>(&self, m: &'m ModuleBuilder, w: Signal<'m>) -> Signal<'m> {
        let (magnitude, frac) = match self.spec.form {
            SigmoidForm::RangeReduced(_) => self.reduced(m, w),
            SigmoidForm::Direct8 => self.direct(m, w),
        };
        let format = self.spec.format;
        let zero = magnitude.is_zero().named("is_zero");
        let (sig, leading_zeros) = normalize(magnitude);
        let top = format.bias() + i64::from(magnitude.width()) - 1 - i64::from(frac);
        let exp = (constant(m, top) - leading_zeros.to_signed()).named("exp");
        round_pack(format, &self.policy, Raw { sign: !zero, exp, sig, zero }, Range::NO_OVERFLOW)
    }

    /// −ln w and its fraction bits.
    fn reduced<'m>(&self, m: &'m ModuleBuilder, w: Signal<'m>) -> (Signal<'m>, u32) {
        let (format, tables) = (self.spec.format, self.spec.tables());
        let table = &tables.ln_significand;
        let frac = table.y_frac().max(LN2_FRAC);
        let raise = frac - table.y_frac();
        // The bias is all ones, so bias − exponent is a complement: no subtractor.
        let octaves = (!w.slice(format.man_bits + format.exp_bits - 2, format.man_bits)).named("octaves");
        let top = w.slice(format.man_bits - 1, format.man_bits - self.spec.ln_in_bits()).named("significand");
        let whole = factor::times(octaves, LN2 as u64).shl_const(frac - LN2_FRAC).named("octaves_ln2");
        let part = pwl::evaluate(m, table, top).shl_const(raise).named("ln_significand");
        let difference = (whole - part).named("difference");
        let magnitude = difference.low(whole.width()).named("magnitude");
        if pwl::largest(table) << raise <= LN2 << (frac - LN2_FRAC) {
            return (magnitude, frac);
        }
        // Just below 1 the last line ends above ln 2.
        (difference.msb().mux(m.zero(magnitude.ty()), magnitude), frac)
    }

    fn direct<'m>(&self, m: &'m ModuleBuilder, w: Signal<'m>) -> (Signal<'m>, u32) {
        let magnitude = to_magnitude(self.spec.format, unpack(self.spec.format, w, "w"), 1, W_FRAC);
        let fixed = (magnitude.kept + magnitude.guard).low(W_FRAC + 1).named("fixed");
        let least = m.lit(power(LN_BREAKS[0]), fixed.width());
        let w = fixed.lt(least).mux(least, fixed).named("confined");

        // Breakpoints are powers of two, so the leading zeros know the segment.
        let rows: Vec<usize> = (0..=-LN_BREAKS[0]).map(direct_segment).collect();
        let segments = &self.spec.tables().ln_direct;
        let index = w.lzc().low(value_width(rows.len() as u64 - 1)).named("leading_zeros_of_w");
        let column = |pick: &dyn Fn(usize) -> u64| {
            let values: Vec<u64> = rows.iter().map(|&segment| pick(segment)).collect();
            index.table(&values, value_width(values.iter().copied().max().unwrap_or(0)))
        };
        let coefficient = |pick: fn(&Segment) -> i64| column(&|s| pick(&segments[s]) as u64);
        let upper = column(&|segment| power(LN_BREAKS[segment + 1])).named("upper");
        let offset = (upper - w).low(W_FRAC + 1).named("offset");
        let frac = LN_GRID.slope_frac + W_FRAC;
        let base = coefficient(|s| s.base).named("base").shl_const(frac - LN_GRID.base_frac);
        let slope = coefficient(|s| s.slope).named("slope");
        ((base + (slope * offset).named("rise")).named("magnitude"), frac)
    }
}

/// 2^exponent in units of 2^-16.
fn power(exponent: i32) -> u64 {
    1 << (W_FRAC as i32 + exponent)
}

/// The segment of a w in fixed point with so many leading zeros.
fn direct_segment(leading_zeros: i32) -> usize {
    (1..LN_BREAKS.len() - 1).filter(|&i| -leading_zeros >= LN_BREAKS[i]).count()
}

/// The registry entries: ln in one of its forms, of any pattern.
pub(crate) struct LnUnit {
    /// The form that was published, instead of the range-reduced one.
    pub(crate) direct: bool,
}

impl LnUnit {
    fn unit(&self, p: &Params) -> Ln {
        Ln { spec: form(self.direct, p.format), policy: p.policy }
    }
}

impl Operator for LnUnit {
    fn name(&self) -> &'static str {
        if self.direct { "ln-direct8" } else { "ln" }
    }
    fn summary(&self) -> &'static str {
        if self.direct {
            "y = ln(w) for 0 < w <= 1 from eight lines on w. As published for FLASH-D; a zero or subnormal pattern \
             counts as the smallest normal number, any other pattern above that of 1 as 1."
        } else {
            "y = ln(w) for 0 < w <= 1, as exponent times ln 2 plus lines over the significand. A zero or subnormal \
             pattern counts as the smallest normal number, any other pattern above that of 1 as 1."
        }
    }
    fn check(&self, p: &Params) -> Result<(), String> {
        check_format(p.format)
    }
    fn kind_name(&self, p: &Params) -> String {
        format!("confined_{}", self.unit(p).kind_name())
    }
    fn inputs(&self, p: &Params) -> Vec<(&'static str, Type)> {
        vec![("w", float(p))]
    }
    /// The weight confined to what [`Ln::call`] takes, and its logarithm.
    fn build<'b>(&self, b: &'b ModuleBuilder, p: &Params, x: &[Signal<'b>]) -> Outputs<'b> {
        let (w, limit) = (x[0], |bits: u64| b.lit(bits, p.format.width()));
        let over = w.gt(limit(p.format.one())).named("above_one");
        let under = w.lt(limit(p.format.min_normal_bits())).named("below_normal");
        let w = over.mux(limit(p.format.one()), under.mux(limit(p.format.min_normal_bits()), w));
        vec![("y", self.unit(p).weight(b, w.named("weight")))]
    }
    fn directed(&self, p: &Params) -> Vec<Case> {
        let f = p.format;
        let segment = f.man_bits.saturating_sub(3);
        let in_octave = |n: i32| {
            let start = f.encode(f64::from(-n).exp2(), &p.policy);
            (0..8).flat_map(move |j| [0, 1].map(|d| start + (j << segment) + d))
        };
        let mut values: Vec<u64> = (1..=11).chain([125, 126]).flat_map(in_octave).collect();
        let (one, least) = (f.one(), f.min_normal_bits());
        values.extend([0, f.man_mask(), least, least + 1, one - 1, one, one + 1, f.max_finite_bits()]);
        values.retain(|&x| x <= f.max_finite_bits());
        signed(f, &values)
    }
    fn reference(&self, p: &Params, c: &Case) -> Vec<u64> {
        let unit = self.unit(p);
        vec![unit.spec.ln(&unit.policy, c[0][0])]
    }
}
