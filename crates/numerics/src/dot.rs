//! Fused dot product: exact products, one alignment, integer sum, one rounding.
//!
//! With p = man_bits + 1 (bits of a significand), W = `align_bits` and n terms:
//!
//! ```text
//! 1. product_i = sig(a_i)·sig(b_i), 2p bits;  e_i = exp_field(a_i) + exp_field(b_i);  s_i = sign(a_i) ^ sign(b_i)
//!    A term with a zero operand is 0: it takes no part in step 2 and adds nothing.
//! 2. e_max = max e_i over the nonzero products.
//! 3. Each product is put at the top of a window of W bits and shifted right:
//!
//!      bit  W-1 …… W-2p   W-2p-1 …… 0
//!          [ product_i ][  0  …  0  ]  >> (e_max - e_i)    bits shifted out are dropped (magnitude truncation,
//!                                                          so towards zero); 0 once the shift reaches W
//!    then the sign is applied: term_i = s_i ? -window_i : window_i         (W+1 bits, two's complement)
//! 4. sum = Σ term_i, exact                                                 (W+1+ceil(log2 n) bits, two's complement)
//! 5. sign = sum < 0;  magnitude = |sum|                                    (W+ceil(log2 n) bits)
//!    The lowest bit of the window weighs 2^(e_max - 2·bias - 2·man_bits - (W-2p)).
//! 6. With a scale: magnitude · sig(scale), exact; its exponent added; its sign into the sign.
//! 7. The shared rounder, once, to `result`. A sum of zero (also: all products zero) gives +0;
//!    a nonzero sum times a scale of zero gives a zero with the exclusive or of the signs.
//! ```
//!
//! The default W = 2p + 8 keeps eight places below the largest product: a term loses less than
//! 2^-(2p+7) of the largest product, well below half a place of a p-bit result unless the sum cancels.
//!
//! Fixed-point operands of b bits have p = b−1 and all products the same exponent, so that W = 2p+1 holds every product whole:
//! steps 1 to 4 are an exact sum of integers, 2b+ceil(log2 n) bits wide.

use crate::format::Format;
use crate::number::Number;
use crate::policy::Policy;
use crate::round::{Unpacked, round_pack, unpack};

/// A fused dot product's formats and window.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DotSpec {
    /// Format of both vectors.
    pub operand: Number,
    /// Format of the result.
    pub result: Format,
    /// Width W of the alignment window, at least [`product_bits`](Self::product_bits); in fixed point just that.
    pub align_bits: u32,
    /// Format of the factor applied before the rounding, if there is one.
    pub scale: Option<Format>,
}

impl DotSpec {
    /// The default window, no scale.
    pub fn new(operand: impl Into<Number>, result: Format) -> Self {
        let spec = DotSpec { operand: operand.into(), result, align_bits: 0, scale: None };
        let spare = if spec.operand.float().is_some() { 8 } else { 0 };
        spec.with_align_bits(spec.product_bits() + spare)
    }

    /// With a scale of that format.
    pub fn with_scale(self, scale: Format) -> Self {
        DotSpec { scale: Some(scale), ..self }
    }

    /// With a window of that width.
    pub fn with_align_bits(self, align_bits: u32) -> Self {
        DotSpec { align_bits, ..self }
    }

    /// Bits of an exact product of two significands, 2p; in fixed point one more, for the square of the most negative
    /// number.
    pub fn product_bits(&self) -> u32 {
        2 * self.operand.magnitude_bits() + u32::from(self.operand.float().is_none())
    }

    /// Bits of the two's complement sum of `terms` windows: W, a sign, and ⌈log2 terms⌉ for growth.
    pub fn sum_bits(&self, terms: usize) -> u32 {
        self.align_bits + 1 + terms.next_power_of_two().trailing_zeros()
    }

    /// Bits of the magnitude given to the rounder: the sum without its sign, times the scale's significand.
    pub fn scaled_bits(&self, terms: usize) -> u32 {
        self.sum_bits(terms) - 1 + self.scale.map_or(0, |s| s.precision())
    }

    /// Whether the widths are legal for vectors of `terms` elements.
    ///
    /// # Errors
    /// When the window does not hold a product, or the scaled sum would not fit 127 bits.
    pub fn check(&self, terms: usize) -> Result<(), String> {
        let (window, product, scaled) = (self.align_bits, self.product_bits(), self.scaled_bits(terms));
        if window < product {
            return Err(format!(
                "align_bits = {window} is too small; a product of {} takes {product} bits",
                self.operand
            ));
        }
        if self.operand.float().is_none() && window > product {
            let operand = self.operand;
            return Err(format!(
                "align_bits = {window} is no choice; products of {operand} are not aligned, and take {product} bits"
            ));
        }
        if scaled > 127 {
            let most = 127 - (scaled - window);
            return Err(format!("align_bits = {window} is too large for {terms} terms; at most {most}"));
        }
        Ok(())
    }
}

/// `round(scale · Σ a_i·b_i)` as the module describes it.
///
/// # Panics
/// When the vectors differ in length, or `scale_bits` is given without `spec.scale` or the reverse.
pub fn dot(spec: &DotSpec, policy: &Policy, a: &[u64], b: &[u64], scale_bits: Option<u64>) -> u64 {
    assert_eq!(a.len(), b.len(), "vectors of different length");
    assert_eq!(spec.scale.is_some(), scale_bits.is_some(), "scale given without its format, or the reverse");
    debug_assert_eq!(spec.check(a.len()), Ok(()));
    let products = || a.iter().zip(b).map(|(&a, &b)| product(spec.operand, a, b)).filter(|p| p.sig != 0);
    let Some(max_exp) = products().map(|p| p.exp).max() else {
        return spec.result.zero(false);
    };
    let headroom = spec.align_bits - spec.product_bits();
    let sum: i128 = products().map(|p| window(p, headroom, max_exp)).sum();
    if sum == 0 {
        return spec.result.zero(false);
    }
    let (mut sign, mut exp, mut sig) = (sum < 0, max_exp - i64::from(headroom), sum.unsigned_abs());
    if let (Some(format), Some(bits)) = (spec.scale, scale_bits) {
        let scale = unpack(format, bits);
        sign ^= scale.sign;
        exp += scale.exp;
        sig *= u128::from(scale.sig);
    }
    round_pack(spec.result, policy, sign, exp, sig, false)
}

/// An exact product: `(-1)^sign · sig · 2^exp`.
struct Product {
    sign: bool,
    exp: i64,
    sig: u128,
}

fn product(format: Number, a: u64, b: u64) -> Product {
    let (a, b): (Unpacked, Unpacked) = (format.unpack(a), format.unpack(b));
    Product { sign: a.sign ^ b.sign, exp: a.exp + b.exp, sig: u128::from(a.sig) * u128::from(b.sig) }
}

/// The product aligned to `max_exp`, magnitude truncated, sign applied.
fn window(p: Product, headroom: u32, max_exp: i64) -> i128 {
    let shift = (max_exp - p.exp).min(127);
    let magnitude = ((p.sig << headroom) >> shift) as i128;
    if p.sign { -magnitude } else { magnitude }
}
