//! Addition, multiplication, maximum, conversions against the exact oracle and third-party arithmetic.

mod support;

use numerics::catalog::{self, BF16, E4M3, FP32};
use numerics::scalar::{add, add_mixed, convert, from_fixed, max, mul, sub, to_fixed};
use numerics::stratified::Stratified;
use numerics::{FixRound, Format, Policy, Rounding};
use rustc_apfloat::{Float, Round, ieee};
use support::{Dyadic, ROUNDINGS, all_finite, is_negative};

fn format(name: &str) -> Format {
    catalog::parse(name).unwrap()
}

fn exact_sum(fa: Format, fb: Format, fo: Format, rounding: Rounding, a: u64, b: u64) -> u64 {
    let (x, y) = (Dyadic::decode(fa, a), Dyadic::decode(fb, b));
    let both_negative_zero = x.is_zero() && y.is_zero() && is_negative(fa, a) && is_negative(fb, b);
    x.add(&y).round(fo, rounding, both_negative_zero)
}

fn exact_product(fa: Format, fb: Format, fo: Format, rounding: Rounding, a: u64, b: u64) -> u64 {
    let sign = is_negative(fa, a) != is_negative(fb, b);
    Dyadic::decode(fa, a).mul(&Dyadic::decode(fb, b)).round(fo, rounding, sign)
}

fn check_pair(format: Format, rounding: Rounding, a: u64, b: u64) {
    let p = Policy::with_rounding(rounding);
    let context = || format!("{format} {rounding} {a:#x} {b:#x}");
    assert_eq!(add(format, &p, a, b), exact_sum(format, format, format, rounding, a, b), "add {}", context());
    let minus_b = b ^ format.sign_bit();
    assert_eq!(
        sub(format, &p, a, b),
        exact_sum(format, format, format, rounding, a, minus_b),
        "sub {}",
        context()
    );
    let product = exact_product(format, format, format, rounding, a, b);
    assert_eq!(mul(format, format, format, &p, a, b), product, "mul {}", context());
}

#[test]
fn eight_bit_formats_over_all_pairs() {
    for format in [E4M3, format("e5m2")] {
        let all = all_finite(format);
        assert_eq!(all.len(), if format == E4M3 { 254 } else { 248 });
        for rounding in ROUNDINGS {
            for &a in &all {
                for &b in &all {
                    check_pair(format, rounding, a, b);
                }
            }
        }
    }
}

#[test]
fn small_odd_formats_over_all_pairs() {
    for format in ["e2m1", "e3m2", "e4m2", "e2m4"].map(format) {
        let all = all_finite(format);
        for rounding in ROUNDINGS {
            for (&a, &b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
                check_pair(format, rounding, a, b);
            }
        }
    }
}

#[test]
fn wide_formats_on_stratified_pairs() {
    for (name, count) in
        [("bf16", 120_000), ("fp16", 20_000), ("fp32", 20_000), ("m12", 20_000), ("e11m52", 20_000)]
    {
        let format = format(name);
        let mut source = Stratified::new(format, 1);
        for i in 0..count {
            let (a, b) = source.pair();
            check_pair(format, ROUNDINGS[i % 2], a, b);
        }
    }
}

#[test]
fn mixed_formats_on_stratified_pairs() {
    for (fa, fb, fo) in [
        ("e4m3", "bf16", "m12"),
        ("bf16", "bf16", "fp32"),
        ("fp32", "e5m2", "e4m3"),
        ("m4", "e11m52", "e11m52"),
    ] {
        let (fa, fb, fo) = (format(fa), format(fb), format(fo));
        let (mut sa, mut sb) = (Stratified::new(fa, 5), Stratified::new(fb, 6));
        for i in 0..20_000 {
            let (a, b, rounding) = (sa.value(), sb.value(), ROUNDINGS[i % 2]);
            let p = Policy::with_rounding(rounding);
            assert_eq!(
                add_mixed(fa, fb, fo, &p, a, b),
                exact_sum(fa, fb, fo, rounding, a, b),
                "{a:#x} {b:#x}"
            );
            assert_eq!(mul(fa, fb, fo, &p, a, b), exact_product(fa, fb, fo, rounding, a, b), "{a:#x} {b:#x}");
        }
    }
}

/// IEEE arithmetic of rustc_apfloat agrees wherever neither side meets a subnormal or an overflow.
fn agrees_with_ieee<F: Float>(format: Format, count: usize) {
    let mut source = Stratified::new(format, 2);
    let mut compared = 0;
    for i in 0..count {
        let (a, b) = source.pair();
        let (rounding, theirs) =
            [(Rounding::Rne, Round::NearestTiesToEven), (Rounding::Rtz, Round::TowardZero)][i % 2];
        let p = Policy::with_rounding(rounding);
        let [x, y] = [a, b].map(|bits| F::from_bits(bits.into()));
        if [x, y].iter().any(|v| v.is_denormal()) {
            continue;
        }
        let sum = x.add_r(y, theirs).value;
        let product = x.mul_r(y, theirs).value;
        for (ours, value) in [(add(format, &p, a, b), sum), (mul(format, format, format, &p, a, b), product)]
        {
            let saturated = ours & format.magnitude_mask() == format.max_finite_bits();
            let smallest = ours & format.magnitude_mask() == format.min_normal_bits();
            if value.is_denormal() {
                // A sum of that size is exact; a product may round up to the smallest normal number.
                assert!(format.is_zero(ours) || smallest, "{format} {a:#x} {b:#x}");
            } else if value.is_infinite() || value.is_nan() {
                assert!(saturated, "{format} {a:#x} {b:#x}");
            } else if !smallest && !value.is_smallest_normalized() {
                assert_eq!(u128::from(ours), value.to_bits(), "{format} {a:#x} {b:#x}");
                compared += 1;
            }
        }
    }
    assert!(compared > count, "only {compared} of {count} pairs compared");
}

#[test]
fn agrees_with_apfloat() {
    agrees_with_ieee::<ieee::BFloat>(BF16, 100_000);
    agrees_with_ieee::<ieee::Half>(format("fp16"), 50_000);
    agrees_with_ieee::<ieee::Single>(FP32, 50_000);
    agrees_with_ieee::<ieee::Float8E5M2>(format("e5m2"), 50_000);
    agrees_with_ieee::<ieee::Float8E4M3FN>(E4M3, 50_000);
}

#[test]
fn signs_of_zeros() {
    let p = Policy::default();
    let (zero, minus_zero, one, minus_one) = (0, 0x8000, 0x3f80, 0xbf80);
    for (a, b, sum) in [
        (zero, zero, zero),
        (zero, minus_zero, zero),
        (minus_zero, zero, zero),
        (minus_zero, minus_zero, minus_zero),
        (one, minus_one, zero),
        (minus_one, one, zero),
        (minus_zero, one, one),
        (0x8001, 0x807f, minus_zero), // subnormal patterns are zeros of their sign
        (0x0001, 0x3f80, one),
    ] {
        assert_eq!(add(BF16, &p, a, b), sum, "{a:#x} + {b:#x}");
    }
    assert_eq!(mul(BF16, BF16, BF16, &p, minus_one, zero), minus_zero);
    assert_eq!(mul(BF16, BF16, BF16, &p, minus_zero, minus_one), zero);
    assert_eq!(mul(BF16, BF16, BF16, &p, 0x8080, 0x0080), minus_zero, "underflow keeps the sign");
    assert_eq!(sub(BF16, &p, minus_zero, zero), minus_zero);
}

#[test]
fn saturation_and_underflow() {
    let p = Policy::default();
    assert_eq!(add(BF16, &p, 0x7f7f, 0x7f7f), 0x7f7f);
    assert_eq!(add(BF16, &p, 0xff7f, 0xff00), 0xff7f);
    assert_eq!(mul(E4M3, E4M3, E4M3, &p, 0x7e, 0xfe), 0xfe, "448 * -448");
    assert_eq!(sub(BF16, &p, 0x0081, 0x0080), 0, "2^-133 is below the smallest normal number");
    assert_eq!(sub(BF16, &p, 0x0080, 0x0081), 0x8000);
}

#[test]
fn max_is_the_order_of_the_reals() {
    for format in [E4M3, format("e5m2")] {
        let all = all_finite(format);
        for (&a, &b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
            let (x, y) = (format.decode(a), format.decode(b));
            let larger = if x.total_cmp(&y).is_ge() { a } else { b };
            assert_eq!(max(format, a, b), larger, "{x} {y}");
        }
    }
    assert_eq!((max(BF16, 0x8000, 0), max(BF16, 0, 0x8000)), (0, 0));
    assert_eq!(max(format("e11m52"), u64::MAX >> 12 | 1 << 63, 1 << 63), 1 << 63);
}

#[test]
fn conversions_over_all_sixteen_bit_operands() {
    for (from, to) in
        [("bf16", "e4m3"), ("bf16", "fp16"), ("bf16", "fp32"), ("fp16", "bf16"), ("fp16", "e5m2")]
    {
        let (from, to) = (format(from), format(to));
        for rounding in ROUNDINGS {
            for bits in all_finite(from) {
                let exact = Dyadic::decode(from, bits).round(to, rounding, is_negative(from, bits));
                let ours = convert(from, to, &Policy::with_rounding(rounding), bits);
                assert_eq!(ours, exact, "{from} {bits:#x} to {to}");
            }
        }
    }
}

#[test]
fn floats_to_fixed_over_all_bf16() {
    for (frac, width, signed) in
        [(11, 16, true), (12, 19, false), (0, 8, true), (20, 40, true), (3, 64, true)]
    {
        let low = if signed { -(1i128 << (width - 1)) } else { 0 };
        let high = low + (1i128 << width) - 1;
        for bits in all_finite(BF16) {
            let x = Dyadic::decode(BF16, bits);
            for (rounding, half_up) in [(FixRound::HalfUp, true), (FixRound::Floor, false)] {
                let exact = x.integer(-i64::from(frac), half_up).clamp(low.into(), high.into());
                let ours = to_fixed(BF16, bits, frac, width, signed, rounding);
                assert_eq!(num_bigint::BigInt::from(ours), exact, "{bits:#x} {rounding:?} {frac} {width}");
            }
        }
    }
}

#[test]
fn fixed_to_floats() {
    for rounding in ROUNDINGS {
        let p = Policy::with_rounding(rounding);
        for value in (-70_000..70_000).chain([i64::MIN, i64::MAX]) {
            for (format, frac) in [(BF16, 11), (E4M3, 5), (E4M3, 20)] {
                let exact = Dyadic::new(value, -i64::from(frac)).round(format, rounding, false);
                assert_eq!(from_fixed(format, &p, value, frac), exact, "{value} {frac}");
            }
        }
    }
}
