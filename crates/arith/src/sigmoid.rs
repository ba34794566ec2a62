//! σ(x) = 1/(1 + e^-x) of FLASH-D as published, from the smallest normal number to 1.
//!
//! The steps, widths and tables are those of [`numerics::sigmoid_ln`].
//!
//! ```text
//! range-reduced:  |x|·log2(e) = k + F;  u·2^-U ~ 1/(2^-k + 2^F) from lines          one shared rounder:
//!                 x < 0   1 x … x 0 … 0          u normalised,       exponent −1−k or −2−k
//!                 x ≥ 0   1 x … x x … x          1 − u·2^-(U+k),     exponent −1            U+p+2 bits
//! direct:         x in fixed point, confined to −6 … 11; its integer part selects one of eight lines
//! ```
//! An exponent too small for the format is replaced, before the rounding, by that of the smallest normal number.

use crate::constant as factor;
use crate::fixed::{FpToFixed, to_fixed};
use crate::float::{
    Magnitude, Range, Raw, constant, normalize, policy_suffix, round_pack, to_magnitude, unpack,
};
use crate::lse::{Lse, at_most};
use crate::operator::{Case, Operator, Params, float, signed};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, value_width};
use numerics::lse::{LOG2E, LOG2E_FRAC, LseSpec};
use numerics::sigmoid_ln::{SIGMOID_BREAKS, SIGMOID_GRID, SigmoidForm, SigmoidLnSpec, X_FRAC, X_INT};
use numerics::{FixRound, Format, Policy};

/// A sigmoid unit.
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid {
    /// Format and form.
    pub spec: SigmoidLnSpec,
    /// Rounding and edges.
    pub policy: Policy,
}

impl Sigmoid {
    /// Name of the module kind.
    pub fn kind_name(&self) -> String {
        let form = match self.spec.form {
            SigmoidForm::Direct8 => "direct8".to_string(),
            SigmoidForm::RangeReduced(lse) => format!(
                "k{}_b{}_fx{}_u{}_c{}_s{}",
                lse.k_rows, lse.seg_bits, lse.fx, lse.u_bits, lse.base_frac, lse.slope_frac
            ),
        };
        format!("sigmoid_{form}_{}{}", self.spec.format.name(), policy_suffix(&self.policy))
    }

    /// σ(x) as an instance.
    pub fn call<'b>(&self, b: &'b ModuleBuilder, instance: &str, x: Signal<'b>) -> Signal<'b> {
        let kind =
            Kind { name: &self.kind_name(), doc: "y = 1/(1 + e^-x), at least the smallest normal number" };
        b.call(instance, kind, &[("x", x)], |m, x| self.body(m, x[0]))[0]
    }

    pub(crate) fn body<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>) -> Outputs<'m> {
        let (exp, sig) = match self.spec.form {
            SigmoidForm::RangeReduced(lse) => self.reduced(m, &lse, x),
            SigmoidForm::Direct8 => self.direct(m, x),
        };
        let (exp, sig) = at_least_min_normal(exp, sig);
        let zero = m.lit(0, 1);
        let raw = Raw { sign: zero, exp, sig, zero };
        vec![(
            "y",
            round_pack(self.spec.format, &self.policy, raw, Range { overflow: false, underflow: false }),
        )]
    }

    /// Biased exponent and normalised significand, both forms' results.
    fn reduced<'m>(&self, m: &'m ModuleBuilder, lse: &LseSpec, x: Signal<'m>) -> (Signal<'m>, Signal<'m>) {
        let format = self.spec.format;
        let x = unpack(format, x, "x");
        let (k, fraction) = base2_magnitude(m, lse, to_magnitude(format, x, X_INT, X_FRAC));
        let u = Lse { spec: *lse }.small_weight(m, k, fraction);
        assert!(leading_one_is_high(lse), "u takes one place to normalise, and 1 - u needs none");

        // From k = p + 2 on 1 − u·2^-(U+k) is rounded alike, so that it needs so many places below those of u.
        let below = format.precision() + 2;
        let shift = at_most(m, k, u64::from(below), value_width(u64::from(below))).named("large_shift");
        let aligned = u.shl_const(below).shr(shift).named("u_aligned");
        let large = (-aligned).low(aligned.width()).named("large");
        let high = u.msb().named("u_high");
        let normalized = high.mux(u, u.low(lse.u_bits - 1).shl_const(1));
        let bias = format.bias();
        let small_exp = constant(m, bias - 2) - k.to_signed() + high.to_signed();
        let small = normalized.shl_const(below).named("small");
        let exp = x.sign.mux(small_exp.named("small_exp"), constant(m, bias - 1));
        (exp.named("exp"), x.sign.mux(small, large).named("sig"))
    }

    fn direct<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>) -> (Signal<'m>, Signal<'m>) {
        let format = self.spec.format;
        let fixed = FpToFixed { format, int_bits: X_INT + 1, frac_bits: X_FRAC, rounding: FixRound::HalfUp };
        let x = confined(m, to_fixed(m, &fixed, x).named("fixed"));
        let y = self.direct_line(m, x);
        let (sig, leading_zeros) = normalize(y);
        let exp = constant(m, format.bias()) - leading_zeros.to_signed();
        // A line that is 0 has a normalised significand without its one.
        (y.is_zero().mux(constant(m, 0), exp).named("exp"), sig)
    }

    /// The line of the segment that x (confined, in fixed point) falls into, from 0 to 1. Breakpoints are integers, so
    /// the integer part knows the segment and the whole places of the offset.
    fn direct_line<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>) -> Signal<'m> {
        let lowest = SIGMOID_BREAKS[0];
        let rows: Vec<(usize, i64)> = (lowest..=HIGHEST_BREAK).map(direct_segment).collect();
        let index = (x.shr_const(X_FRAC) - constant(m, lowest)).low(value_width(rows.len() as u64 - 1));
        let index = index.named("integer");
        let segments = &self.spec.tables().sigmoid_direct;
        let column = |width: u32, pick: &dyn Fn(usize, i64) -> i64| {
            let pattern = |&(segment, whole): &(usize, i64)| pick(segment, whole) as u64 & ((1 << width) - 1);
            index.table(&rows.iter().map(pattern).collect::<Vec<_>>(), width)
        };
        let most = |values: &mut dyn Iterator<Item = i64>| value_width(values.max().unwrap_or(0) as u64);
        let base =
            column(SIGMOID_GRID.base_frac + 2, &|s, _| segments[s].base).reinterpret(true).named("base");
        let slope =
            column(most(&mut segments.iter().map(|s| s.slope)), &|s, _| segments[s].slope).named("slope");
        let whole = column(most(&mut rows.iter().map(|row| row.1)), &|_, whole| whole);
        let offset = m.concat(&[whole, x.low(X_FRAC)]).named("offset");

        let frac = SIGMOID_GRID.slope_frac + X_FRAC;
        let rise = (slope * offset).named("rise").to_signed();
        let line = base.shl_const(frac - SIGMOID_GRID.base_frac) + rise;
        let one = m.lit_signed(1 << frac, line.width());
        let positive = line.msb().mux(m.zero(line.ty()), line);
        positive.gt(one).mux(one, positive).low(frac + 1).named("line")
    }
}

const HIGHEST_BREAK: i64 = SIGMOID_BREAKS[SIGMOID_BREAKS.len() - 1];

/// x in fixed point, within the breakpoints.
fn confined<'m>(m: &'m ModuleBuilder, x: Signal<'m>) -> Signal<'m> {
    let limit = |n: i64| m.lit_signed(n << X_FRAC, x.width());
    let (lowest, highest) = (limit(SIGMOID_BREAKS[0]), limit(HIGHEST_BREAK));
    let floored = x.lt(lowest).mux(lowest, x);
    floored.gt(highest).mux(highest, floored).named("confined")
}

/// The segment of an integer part from −6 to 11, and its distance from the segment's start.
fn direct_segment(integer: i64) -> (usize, i64) {
    let segment = (1..SIGMOID_BREAKS.len() - 1).filter(|&i| integer >= SIGMOID_BREAKS[i]).count();
    (segment, integer - SIGMOID_BREAKS[segment])
}

/// k and F of |x|·log2(e).
fn base2_magnitude<'m>(m: &'m ModuleBuilder, lse: &LseSpec, x: Magnitude<'m>) -> (Signal<'m>, Signal<'m>) {
    let bits = X_INT + X_FRAC;
    let rounded = (x.kept + x.guard).saturate(bits).named("magnitude");
    let argument = x.over.mux(m.lit((1 << bits) - 1, bits), rounded).named("argument");
    let drop = X_FRAC + LOG2E_FRAC - lse.fx;
    let scaled = factor::times(argument, LOG2E as u64).named("times_log2e") + m.lit(1 << (drop - 1), drop);
    let magnitude = scaled.shr_const(drop).low(X_INT + 1 + lse.fx).named("base2_magnitude");
    (magnitude.shr_const(lse.fx).named("k"), magnitude.low(lse.fx).named("fraction"))
}

/// Whether every u has its leading one in its top two bits, and in the lower of them where |x| < 1 octave.
fn leading_one_is_high(lse: &LseSpec) -> bool {
    let half = 1 << (lse.u_bits - 1);
    let octave = 1i64 << lse.fx;
    (0..octave << 4).all(|x| {
        let u = lse.gain(x).u;
        (half / 2..2 * half).contains(&u) && (x >= octave || u <= half)
    })
}

/// 2^min_exp in place of anything below it.
fn at_least_min_normal<'m>(exp: Signal<'m>, sig: Signal<'m>) -> (Signal<'m>, Signal<'m>) {
    let m = exp.builder();
    let under = exp.lt(constant(m, 1)).named("underflow");
    let least = m.lit(1 << (sig.width() - 1), sig.width());
    (under.mux(constant(m, 1), exp), under.mux(least, sig))
}

/// The registry entries: σ in one of its forms.
pub(crate) struct SigmoidUnit {
    /// The form that was published, instead of the range-reduced one.
    pub(crate) direct: bool,
}

impl SigmoidUnit {
    fn unit(&self, p: &Params) -> Sigmoid {
        Sigmoid { spec: form(self.direct, p.format), policy: p.policy }
    }
}

/// A form's specification.
pub(crate) fn form(direct: bool, format: Format) -> SigmoidLnSpec {
    if direct { SigmoidLnSpec::direct8(format) } else { SigmoidLnSpec::new(format) }
}

/// σ and ln by themselves work in formats whose numbers the fixed-point steps still tell apart.
pub(crate) fn check_format(format: Format) -> Result<(), String> {
    if format.exp_bits > 8 || format.man_bits > 23 {
        return Err(format!("format = {format}: at most 8 exponent and 23 significand bits"));
    }
    Ok(())
}

impl Operator for SigmoidUnit {
    fn name(&self) -> &'static str {
        if self.direct { "sigmoid-direct8" } else { "sigmoid" }
    }
    fn summary(&self) -> &'static str {
        if self.direct {
            "y = 1/(1 + e^-x) from eight lines straight on x. As published for FLASH-D; off by up to 0.02."
        } else {
            "y = 1/(1 + e^-x), at least the smallest normal number. A power of two taken off, the rest from lines."
        }
    }
    fn check(&self, p: &Params) -> Result<(), String> {
        check_format(p.format)
    }
    fn kind_name(&self, p: &Params) -> String {
        self.unit(p).kind_name()
    }
    fn inputs(&self, p: &Params) -> Vec<(&'static str, Type)> {
        vec![("x", float(p))]
    }
    fn build<'b>(&self, b: &'b ModuleBuilder, p: &Params, x: &[Signal<'b>]) -> Outputs<'b> {
        self.unit(p).body(b, x[0])
    }
    fn directed(&self, p: &Params) -> Vec<Case> {
        let f = p.format;
        let ln2 = std::f64::consts::LN_2;
        let octaves = (1..=10).chain([100, 124, 125, 126, 127]).map(|k| f64::from(k) * ln2);
        let quarters = (1..8).map(|j| f64::from(j) / 4.0 * ln2);
        let breaks = SIGMOID_BREAKS.map(|x| x.unsigned_abs() as f64);
        let half_place = 0.5f64.powi(X_FRAC as i32 + 1);
        let fixed = [half_place, 3.0 * half_place, 1.0 + half_place, 127.0, 128.0, 200.0];
        let values = octaves.chain(quarters).chain(breaks).chain(fixed);
        let around = |x: f64| {
            let x = f.encode(x, &p.policy);
            [x, x + 1, x.saturating_sub(1)]
        };
        let mut values: Vec<u64> = values.flat_map(around).filter(|&x| x <= f.max_finite_bits()).collect();
        values.extend([0, f.man_mask(), f.min_normal_bits(), f.max_finite_bits()]);
        signed(f, &values)
    }
    fn reference(&self, p: &Params, c: &Case) -> Vec<u64> {
        let unit = self.unit(p);
        vec![unit.spec.sigmoid(&unit.policy, c[0][0])]
    }
}
