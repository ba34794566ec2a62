//! Floating-point building blocks shared by the operators: unpacking and the one rounder.
//!
//! These are not modules of their own: they add logic to the module that calls them.

use hdl::{ModuleBuilder, Signal, Type};
use numerics::{Encoding, Format, Policy, Rounding};

/// A float taken apart. An exponent field of 0 reads as zero, whatever the significand says.
#[derive(Clone, Copy)]
pub struct Float<'b> {
    /// Sign bit.
    pub sign: Signal<'b>,
    /// Exponent field, `exp_bits` wide.
    pub exp: Signal<'b>,
    /// Significand with its leading one, `man_bits + 1` wide; its top bit is 0 for a zero.
    pub sig: Signal<'b>,
    /// The number is not zero.
    pub nonzero: Signal<'b>,
}

/// Splits a pattern of `format`. The significand of a zero keeps its stored bits, with a leading 0.
pub fn unpack<'b>(format: Format, x: Signal<'b>, name: &str) -> Float<'b> {
    let (m, e) = (format.man_bits, format.exp_bits);
    let exp = x.slice(m + e - 1, m).named(&format!("{name}_exp"));
    let nonzero = exp.reduce_or().named(&format!("{name}_nonzero"));
    let sig = x.builder().concat(&[nonzero, x.low(m)]).named(&format!("{name}_sig"));
    Float { sign: x.msb().named(&format!("{name}_sign")), exp, sig, nonzero }
}

impl<'b> Float<'b> {
    /// The significand, all zeros for a zero.
    pub fn gated_sig(self) -> Signal<'b> {
        let b = self.sig.builder();
        self.nonzero.mux(self.sig, b.zero(self.sig.ty()))
    }
}

/// What the rounder may leave out because the caller knows that it cannot happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The result may exceed the largest finite number.
    pub overflow: bool,
    /// The result may fall below the smallest normal number.
    pub underflow: bool,
}

impl Range {
    /// Anything may happen.
    pub const ANY: Range = Range { overflow: true, underflow: true };
    /// Only results too small may happen.
    pub const NO_OVERFLOW: Range = Range { overflow: false, underflow: true };
}

/// A normalised result before rounding: `(-1)^sign · sig · 2^(exp - bias - (width(sig) - 1))`.
#[derive(Clone, Copy)]
pub struct Raw<'b> {
    /// Sign of the result, also of a zero.
    pub sign: Signal<'b>,
    /// Biased exponent, signed, before a rounding carry.
    pub exp: Signal<'b>,
    /// Significand with its leading one in the top bit (unless `zero`).
    pub sig: Signal<'b>,
    /// The result is zero whatever `sig` and `exp` say.
    pub zero: Signal<'b>,
}

/// Rounds and packs.
///
/// ```text
/// sig  1 x x … x | g | s s … s        increment (rne) = g & (lsb | any s)
///      retained p  guard  sticky
/// {exp, retained} + increment: a carry out of the fraction raises the exponent by itself
/// ```
/// Whether that leaves the format's range is told from the exponent before, which is there earlier.
pub fn round_pack<'b>(format: Format, policy: &Policy, raw: Raw<'b>, range: Range) -> Signal<'b> {
    let b = raw.sig.builder();
    let (m, e) = (format.man_bits, format.exp_bits);
    let exp = raw.exp.to_signed();
    let exp = exp.extend(exp.width().max(e + 2));
    let (retained, increment) = retain(policy, raw.sig, m);
    let unrounded = b.concat(&[exp.low(e), retained]);
    let rounded = increment.map_or(unrounded, |inc| (unrounded + inc).low(m + e)).named("rounded");
    let carry = increment.map_or(b.lit(0, 1), |inc| inc & retained.reduce_and()).named("exp_carry");

    let mut magnitude = rounded;
    if range.overflow {
        let over = overflows(format, exp, carry, rounded.low(m)).named("overflow");
        magnitude = over.mux(b.lit(format.max_finite_bits(), m + e), magnitude);
    }
    let mut zero = raw.zero;
    if range.underflow {
        let under = exp.msb() | (exp.is_zero() & !carry);
        zero = zero | under.named("underflow");
    }
    let magnitude = zero.mux(b.zero(magnitude.ty()), magnitude);
    b.concat(&[raw.sign, magnitude])
}

/// The `m` fraction bits below the leading one, and the increment that rounding adds, if it can.
fn retain<'b>(policy: &Policy, sig: Signal<'b>, m: u32) -> (Signal<'b>, Option<Signal<'b>>) {
    let w = sig.width();
    if w <= m + 1 {
        return (sig.shl_const(m + 1 - w).low(m), None);
    }
    let fraction = sig.slice(w - 2, w - 1 - m).named("retained");
    if policy.rounding == Rounding::Rtz {
        return (fraction, None);
    }
    let guard = sig.bit(w - 2 - m).named("guard");
    let lsb = fraction.bit(0);
    let tie_break = if w > m + 2 { lsb | sig.low(w - 2 - m).reduce_or().named("sticky") } else { lsb };
    (fraction, Some((guard & tie_break).named("increment")))
}

/// Whether `exp` + `carry` with the rounded `fraction` is beyond the largest finite number.
fn overflows<'b>(format: Format, exp: Signal<'b>, carry: Signal<'b>, fraction: Signal<'b>) -> Signal<'b> {
    let b = exp.builder();
    let top = (1i64 << format.exp_bits) - 1;
    let is = |value| exp.eq(b.lit_signed(value, exp.width()));
    match format.special {
        Encoding::Ieee => exp.ge(b.lit_signed(top, exp.width())) | (is(top - 1) & carry),
        Encoding::Fn => {
            let last = is(top) & (carry | fraction.reduce_and());
            exp.gt(b.lit_signed(top, exp.width())) | last
        }
    }
}

/// An integer magnitude with its leading one moved to the top bit, and the places it moved.
pub fn normalize<'b>(magnitude: Signal<'b>) -> (Signal<'b>, Signal<'b>) {
    let lzc = magnitude.lzc().named("leading_zeros");
    let sig = magnitude.shl_truncating(lzc, magnitude.width()).named("normalized");
    (sig, lzc)
}

/// A float's magnitude in fixed point.
#[derive(Clone, Copy)]
pub struct Magnitude<'b> {
    /// `⌊|x|·2^frac_bits⌋`, `int_bits + frac_bits` wide, meaningless if `over`.
    pub kept: Signal<'b>,
    /// The first bit below.
    pub guard: Signal<'b>,
    /// Any bit below that.
    pub sticky: Signal<'b>,
    /// |x| ≥ 2^int_bits.
    pub over: Signal<'b>,
}

/// |x| as an integer in units of 2^-frac_bits, by one right shift from the highest place it may have.
///
/// The shifter is `int_bits + frac_bits + p` wide: at the largest shift that matters the whole significand has
/// become guard and sticky; shifts beyond it are clamped.
pub fn to_magnitude<'b>(format: Format, x: Float<'b>, int_bits: u32, frac_bits: u32) -> Magnitude<'b> {
    let b = x.sig.builder();
    let width = int_bits + frac_bits;
    let top_exp = format.bias() + i64::from(int_bits) - 1;
    let exp = x.exp.to_signed();
    let over = exp.gt(constant(b, top_exp)).named("too_large");
    let distance = (constant(b, top_exp) - exp).named("distance");
    let most = u64::from(width) + 1;
    let amount = clamp_amount(distance, most).named("shift_amount");
    let window = x.gated_sig().shl_const(width).shr(amount).named("aligned");
    let p = format.precision();
    let (kept, rest) = (window.high(width), window.low(p));
    let sticky = if p > 1 { rest.low(p - 1).reduce_or() } else { b.lit(0, 1) };
    Magnitude { kept, guard: rest.msb(), sticky, over }
}

/// A signed constant in as many bits as it takes.
pub fn constant(b: &ModuleBuilder, value: i64) -> Signal<'_> {
    let width = 65 - (if value < 0 { !value } else { value }).leading_zeros();
    b.lit_signed(value, width)
}

/// A signed distance ≥ 0 (if negative: anything) as an unsigned shift amount of at most `most`.
pub fn clamp_amount<'b>(distance: Signal<'b>, most: u64) -> Signal<'b> {
    let b = distance.builder();
    let width = hdl::value_width(most);
    if distance.width() <= width {
        return distance.extend(width + 1).low(width);
    }
    let beyond = distance.gt(constant(b, most as i64));
    beyond.mux(b.lit(most, width), distance.low(width))
}

/// An unsigned distance as a shift amount of fewer bits, all ones if it does not fit: for shifts by `most` or more that
/// leave nothing, however far they go.
pub fn saturate_amount<'b>(distance: Signal<'b>, most: u64) -> Signal<'b> {
    let width = hdl::value_width(most);
    if distance.width() <= width {
        return distance;
    }
    let beyond = distance.high(distance.width() - width).reduce_or().named("beyond");
    distance.low(width) | beyond.repeat(width)
}

/// Type of a pattern of `format`.
pub fn float_type(format: Format) -> Type {
    Type::unsigned(format.width())
}

/// The part of a kind name that says the policy: nothing for the default.
pub fn policy_suffix(policy: &Policy) -> &'static str {
    match policy.rounding {
        Rounding::Rne => "",
        Rounding::Rtz => "_rtz",
    }
}
