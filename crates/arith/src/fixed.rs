//! Conversions between floats and two's complement fixed point.

use crate::float::{
    Magnitude, Range, Raw, constant, normalize, policy_suffix, round_pack, to_magnitude, unpack,
};
use crate::operator::{Case, Operator, Params, float, signed};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type};
use numerics::stratified::Stratified;
use numerics::{FixRound, Format, Policy, scalar};

/// Float to signed fixed point, saturating.
#[derive(Clone, Copy, Debug)]
pub struct FpToFixed {
    /// Format of the operand.
    pub format: Format,
    /// Integer bits of the result, its sign included.
    pub int_bits: u32,
    /// Fraction bits of the result.
    pub frac_bits: u32,
    /// How bits below are removed.
    pub rounding: FixRound,
}

impl FpToFixed {
    /// Width of the result.
    pub fn width(&self) -> u32 {
        self.int_bits + self.frac_bits
    }

    /// Name of the module kind.
    pub fn kind_name(&self) -> String {
        let floor = if self.rounding == FixRound::Floor { "_floor" } else { "" };
        format!("fp_to_fixed_{}_q{}_{}{floor}", self.format.name(), self.int_bits, self.frac_bits)
    }

    /// `x` in fixed point as an instance.
    pub fn call<'b>(&self, b: &'b ModuleBuilder, instance: &str, x: Signal<'b>) -> Signal<'b> {
        let kind = Kind { name: &self.kind_name(), doc: "y = x in fixed point, saturated" };
        b.call(instance, kind, &[("x", x)], |m, x| self.body(m, x[0]))[0]
    }

    pub(crate) fn body<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>) -> Outputs<'m> {
        vec![("y", to_fixed(m, self, x))]
    }
}

/// The conversion as logic of the calling module.
///
/// Rounding is on the signed value: half-up takes a negative tie towards zero, floor takes any negative rest away
/// from it.
pub(crate) fn to_fixed<'m>(m: &'m ModuleBuilder, spec: &FpToFixed, x: Signal<'m>) -> Signal<'m> {
    let x = unpack(spec.format, x, "x");
    let width = spec.width();
    let mag = to_magnitude(spec.format, x, spec.int_bits - 1, spec.frac_bits);
    saturate_signed(m, x.sign, mag, width, spec.rounding)
}

/// A magnitude with its sign as a two's complement number of `width` bits, rounded on the signed value, saturated.
/// `mag.kept` has `width - 1` bits, or more where large values are not all `over`.
pub(crate) fn saturate_signed<'m>(
    m: &'m ModuleBuilder,
    sign: Signal<'m>,
    mag: Magnitude<'m>,
    width: u32,
    rounding: FixRound,
) -> Signal<'m> {
    let increment = match rounding {
        FixRound::HalfUp => mag.guard & (!sign | mag.sticky),
        FixRound::Floor => sign & (mag.guard | mag.sticky),
    };
    saturate_rounded(m, sign, mag, width, increment)
}

/// As [`saturate_signed`], with the increment of the magnitude given.
pub(crate) fn saturate_rounded<'m>(
    m: &'m ModuleBuilder,
    sign: Signal<'m>,
    mag: Magnitude<'m>,
    width: u32,
    increment: Signal<'m>,
) -> Signal<'m> {
    let rounded = (mag.kept + increment.named("round_up")).named("magnitude");
    let limit = m.lit(1 << (width - 1), width);
    let over = if mag.kept.width() < width { mag.over } else { mag.over | rounded.gt(limit) };
    let magnitude = over.mux(limit, rounded.low(width));
    let negative = (-magnitude).truncate(width);
    let positive = magnitude.msb().mux(m.lit((1 << (width - 1)) - 1, width), magnitude).reinterpret(true);
    sign.mux(negative, positive)
}

/// Signed fixed point to float.
#[derive(Clone, Copy, Debug)]
pub struct FixedToFp {
    /// Width of the operand.
    pub width: u32,
    /// Fraction bits of the operand.
    pub frac_bits: u32,
    /// Format of the result.
    pub format: Format,
    /// Rounding and edges.
    pub policy: Policy,
}

impl FixedToFp {
    /// Type of the operand.
    pub fn input(&self) -> Type {
        Type::signed(self.width)
    }

    /// Name of the module kind.
    pub fn kind_name(&self) -> String {
        let int = self.width - self.frac_bits;
        format!("fixed_to_fp_q{int}_{}_{}{}", self.frac_bits, self.format.name(), policy_suffix(&self.policy))
    }

    /// `x` as a float, as an instance.
    pub fn call<'b>(&self, b: &'b ModuleBuilder, instance: &str, x: Signal<'b>) -> Signal<'b> {
        let kind = Kind { name: &self.kind_name(), doc: "y = round(x) from fixed point" };
        b.call(instance, kind, &[("x", x)], |m, x| self.body(m, x[0]))[0]
    }

    pub(crate) fn body<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>) -> Outputs<'m> {
        let sign = x.msb().named("sign");
        let magnitude = sign.mux((-x).low(self.width), x.reinterpret(false)).named("magnitude");
        let (sig, leading_zeros) = normalize(magnitude);
        let top = self.format.bias() + i64::from(self.width) - 1 - i64::from(self.frac_bits);
        let exp = (constant(m, top) - leading_zeros.to_signed()).named("exp");
        let zero = magnitude.is_zero();
        let raw = Raw { sign, exp, sig, zero };
        vec![("y", round_pack(self.format, &self.policy, raw, Range::ANY))]
    }
}

/// The registry entry.
pub(crate) struct ToFixedUnit;

impl ToFixedUnit {
    fn unit(&self, p: &Params) -> FpToFixed {
        let (int_bits, frac_bits) = (p.int_bits, p.frac_bits);
        FpToFixed { format: p.format, int_bits, frac_bits, rounding: FixRound::HalfUp }
    }
}

impl Operator for ToFixedUnit {
    fn name(&self) -> &'static str {
        "fp-to-fixed"
    }
    fn summary(&self) -> &'static str {
        "y = x as a two's complement number. Rounded half up, saturated."
    }
    fn options(&self) -> &'static [&'static str] {
        &["int_bits", "frac_bits"]
    }
    fn defaults(&self, p: Params) -> Params {
        Params { frac_bits: 8, ..p }
    }
    fn check(&self, p: &Params) -> Result<(), String> {
        check_fixed(p)
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
        let place = 0.5f64.powi(p.frac_bits as i32);
        let limit = f64::from(p.int_bits - 1).exp2();
        let ties = [0.0, 1.0, 2.0, 3.0, 7.0].map(|n| (n + 0.5) * place);
        let edges = [limit, limit - place, limit - place / 2.0, limit + place / 2.0, 2.0 * limit, place];
        let encode = |x: &f64| f.encode(*x, &p.policy).min(f.max_finite_bits());
        let around = |x: u64| [x, x + 1, x.saturating_sub(1)];
        let mut values: Vec<u64> = ties.iter().chain(&edges).map(encode).flat_map(around).collect();
        values.extend([0, f.man_mask(), f.min_normal_bits(), f.max_finite_bits()]);
        values.retain(|&x| x <= f.max_finite_bits());
        signed(f, &values)
    }
    fn reference(&self, p: &Params, c: &Case) -> Vec<u64> {
        let width = p.int_bits + p.frac_bits;
        let y = scalar::to_fixed(p.format, c[0][0], p.frac_bits, width, true, FixRound::HalfUp);
        vec![y as u64 & (u64::MAX >> (64 - width))]
    }
}

fn check_fixed(p: &Params) -> Result<(), String> {
    let width = p.int_bits + p.frac_bits;
    if !(2..=32).contains(&width) || p.int_bits < 2 {
        let (i, f) = (p.int_bits, p.frac_bits);
        return Err(format!(
            "int_bits = {i}, frac_bits = {f}: int_bits must be at least 2 and both together at most 32"
        ));
    }
    Ok(())
}

/// The registry entry.
pub(crate) struct FromFixedUnit;

impl FromFixedUnit {
    fn unit(&self, p: &Params) -> FixedToFp {
        FixedToFp {
            width: p.int_bits + p.frac_bits,
            frac_bits: p.frac_bits,
            format: p.format,
            policy: p.policy,
        }
    }
}

impl Operator for FromFixedUnit {
    fn name(&self) -> &'static str {
        "fixed-to-fp"
    }
    fn summary(&self) -> &'static str {
        "y = x from two's complement fixed point. Normalised and rounded once."
    }
    fn options(&self) -> &'static [&'static str] {
        &["int_bits", "frac_bits"]
    }
    fn defaults(&self, p: Params) -> Params {
        Params { frac_bits: 8, ..p }
    }
    fn check(&self, p: &Params) -> Result<(), String> {
        check_fixed(p)
    }
    fn kind_name(&self, p: &Params) -> String {
        self.unit(p).kind_name()
    }
    fn inputs(&self, p: &Params) -> Vec<(&'static str, Type)> {
        vec![("x", self.unit(p).input())]
    }
    fn build<'b>(&self, b: &'b ModuleBuilder, p: &Params, x: &[Signal<'b>]) -> Outputs<'b> {
        self.unit(p).body(b, x[0])
    }
    fn directed(&self, p: &Params) -> Vec<Case> {
        let width = p.int_bits + p.frac_bits;
        let (limit, precision) = (1i64 << (width - 1), p.format.precision());
        let power = |n: u32| 1i64 << n.min(width - 2);
        let mut values = vec![0, 1, 2, 3, limit - 1, -limit, 1 - limit]; // zero, one place, both ends
        values.extend((1..width - 1).flat_map(|n| {
            let below = power(n) >> precision; // half a place of the result: a tie, and next to one
            [power(n), power(n) - 1, power(n) + below, power(n) + 3 * below, power(n) + below + 1]
        }));
        let negated: Vec<i64> = values.iter().map(|v| -v).collect();
        let legal = values.into_iter().chain(negated).filter(|v| (-limit..limit).contains(v));
        legal.map(|v| vec![vec![v as u64 & (u64::MAX >> (64 - width))]]).collect()
    }
    fn reference(&self, p: &Params, c: &Case) -> Vec<u64> {
        let width = p.int_bits + p.frac_bits;
        let value = (c[0][0] << (64 - width)) as i64 >> (64 - width);
        vec![scalar::from_fixed(p.format, &p.policy, value, p.frac_bits)]
    }
    fn case(&self, p: &Params, random: &mut Stratified) -> Case {
        let width = p.int_bits + p.frac_bits;
        let rng = random.rng();
        let keep = rng.below(u64::from(width)) as u32;
        let pattern = (rng.bits() as i64 >> (63 - keep)) as u64; // every magnitude equally often, both signs
        vec![vec![pattern & (u64::MAX >> (64 - width))]]
    }
}
