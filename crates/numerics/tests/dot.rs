//! The fused dot product against exact integers.

mod support;

use num_bigint::BigInt;
use numerics::catalog::{BF16, E4M3, FP32};
use numerics::dot::{DotSpec, dot};
use numerics::stratified::{Rng, Stratified};
use numerics::{Format, Number, Policy, Rounding};
use support::{Dyadic, ROUNDINGS, is_negative};

/// The definition in exact arithmetic: every product divided by the weight of the window's lowest bit, towards zero.
fn oracle(spec: &DotSpec, rounding: Rounding, a: &[u64], b: &[u64], scale: Option<u64>) -> u64 {
    let operand = spec.operand.float().expect("floating-point operands");
    let products: Vec<Dyadic> = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| Dyadic::decode(operand, a).mul(&Dyadic::decode(operand, b)))
        .filter(|p| !p.is_zero())
        .collect();
    // All significands have man_bits fraction bits, so exponents of products compare by their lowest place.
    let Some(max) = products.iter().map(|p| p.exp).max() else { return 0 };
    let unit = max + 2 * i64::from(operand.man_bits) + 2 - i64::from(spec.align_bits);
    let terms = products.iter().map(|p| {
        if p.exp >= unit {
            &p.int * BigInt::from(2).pow((p.exp - unit) as u32)
        } else {
            &p.int / BigInt::from(2).pow((unit - p.exp) as u32) // rounds towards zero
        }
    });
    let sum = Dyadic::new(terms.sum::<BigInt>(), unit);
    if sum.is_zero() {
        return 0;
    }
    let Some(bits) = scale else { return sum.round(spec.result, rounding, false) };
    let format = spec.scale.unwrap();
    let negative = (sum.int < BigInt::ZERO) != is_negative(format, bits);
    sum.mul(&Dyadic::decode(format, bits)).round(spec.result, rounding, negative)
}

fn check(spec: DotSpec, lengths: &[usize], count: usize, seed: u64) {
    let mut source = Stratified::new(spec.operand.float().unwrap(), seed);
    for i in 0..count {
        let (a, b) = source.vectors(lengths[i % lengths.len()]);
        let rounding = ROUNDINGS[i / 7 % 2];
        let scale = spec.scale.map(|f| Stratified::new(f, i as u64).value());
        let ours = dot(&spec, &Policy::with_rounding(rounding), &a, &b, scale);
        assert_eq!(ours, oracle(&spec, rounding, &a, &b, scale), "{spec:?} {a:x?} {b:x?} {scale:x?}");
    }
}

#[test]
fn default_window_in_every_format() {
    let e5m2 = Format::new(5, 2).unwrap();
    for (operand, result, seed) in
        [(BF16, BF16, 1), (E4M3, BF16, 2), (e5m2, BF16, 3), (BF16, FP32, 4), (FP32, FP32, 5)]
    {
        check(DotSpec::new(operand, result), &[1, 2, 3, 4, 16, 33, 64], 10_000, seed);
    }
}

#[test]
fn scaled_and_other_windows() {
    check(DotSpec::new(BF16, BF16).with_scale(BF16), &[1, 4, 33, 256], 4_000, 6);
    check(DotSpec::new(E4M3, BF16).with_scale(FP32), &[1, 4, 33], 4_000, 7);
    check(DotSpec::new(BF16, BF16).with_align_bits(16), &[2, 8], 4_000, 8);
    check(DotSpec::new(BF16, BF16).with_align_bits(40), &[2, 8], 4_000, 9);
}

/// Fixed-point operands: the sum of products is an integer, rounded once with the scale.
#[test]
fn fixed_point_is_exact() {
    let mut rng = Rng::new(10);
    for (name, result, scale) in
        [("q8.8", BF16, None), ("q8.8", FP32, Some(BF16)), ("q1.27", FP32, None), ("q4.0", BF16, Some(E4M3))]
    {
        let operand = Number::parse(name).unwrap();
        let Number::Fixed(fixed) = operand else { unreachable!() };
        let spec = DotSpec { scale, ..DotSpec::new(operand, result) };
        assert_eq!(spec.check(256), Ok(()));
        for i in 0..6_000 {
            let length = [1, 2, 33, 256][i % 4];
            let mut row = || -> Vec<i64> {
                let far = rng.below(3) == 0;
                let element = |rng: &mut Rng| rng.below(1 << fixed.width()) as i64 + fixed.min();
                (0..length).map(|_| if far { fixed.min() } else { element(&mut rng) }).collect()
            };
            let (a, b) = (row(), row());
            let patterns = |row: &[i64]| row.iter().map(|&x| fixed.pattern(x)).collect::<Vec<_>>();
            let sum: BigInt = a.iter().zip(&b).map(|(&a, &b)| BigInt::from(a) * BigInt::from(b)).sum();
            let sum = Dyadic::new(sum, -2 * i64::from(fixed.frac_bits));
            let rounding = ROUNDINGS[i / 7 % 2];
            let scale = scale.map(|format| Stratified::new(format, i as u64).value());
            let expected = match (scale, spec.scale) {
                _ if sum.is_zero() => 0,
                (Some(bits), Some(format)) => {
                    let negative = (sum.int < BigInt::ZERO) != is_negative(format, bits);
                    sum.mul(&Dyadic::decode(format, bits)).round(result, rounding, negative)
                }
                _ => sum.round(result, rounding, false),
            };
            let policy = Policy::with_rounding(rounding);
            let found = dot(&spec, &policy, &patterns(&a), &patterns(&b), scale);
            assert_eq!(found, expected, "{spec:?} {a:?} {b:?} {scale:x?}");
        }
    }
}

#[test]
fn fixed_point_has_one_window() {
    let spec = DotSpec::new(Number::parse("q8.8").unwrap(), FP32);
    assert_eq!((spec.align_bits, spec.sum_bits(64)), (31, 38));
    let wide = spec.with_align_bits(32).check(64).unwrap_err();
    assert_eq!(wide, "align_bits = 32 is no choice; products of q8.8 are not aligned, and take 31 bits");
    assert!(spec.with_align_bits(30).check(64).unwrap_err().contains("a product of q8.8 takes 31 bits"));
}

/// All products of e4m3 lie within a window of 8 + 2·(15-1) bits: nothing is truncated, the result is the rounded sum.
#[test]
fn without_truncation_it_is_the_rounded_exact_sum() {
    let spec = DotSpec::new(E4M3, BF16).with_align_bits(8 + 28);
    let mut source = Stratified::new(E4M3, 10);
    for i in 0..20_000 {
        let (a, b) = source.vectors(1 + i % 40);
        let exact = a.iter().zip(&b).map(|(&a, &b)| E4M3.decode_flush(a) * E4M3.decode_flush(b)).sum::<f64>();
        let expected = BF16.encode(if exact == 0.0 { 0.0 } else { exact }, &Policy::default());
        assert_eq!(dot(&spec, &Policy::default(), &a, &b, None), expected);
    }
}

#[test]
fn one_term_is_a_multiplication() {
    let (p, spec) = (Policy::default(), DotSpec::new(BF16, BF16));
    let mut source = Stratified::new(BF16, 11);
    for _ in 0..20_000 {
        let (a, b) = source.pair();
        let product = numerics::scalar::mul(BF16, BF16, BF16, &p, a, b);
        let product = if BF16.is_zero(a) || BF16.is_zero(b) { 0 } else { product };
        assert_eq!(dot(&spec, &p, &[a], &[b], None), product);
    }
}

#[test]
fn zeros_and_truncation_by_hand() {
    let (p, spec) = (Policy::default(), DotSpec::new(BF16, BF16));
    let (one, minus_one, tiny) = (0x3f80, 0xbf80, 0x0080);
    let d = |a: &[u64], b: &[u64]| dot(&spec, &p, a, b, None);
    assert_eq!(d(&[0x8000, 0x8000], &[one, one]), 0, "zeros give +0");
    assert_eq!(d(&[one, minus_one], &[one, one]), 0, "cancellation gives +0");
    assert_eq!(d(&[0x8000, tiny], &[0x7f7f, one]), tiny, "a zero product never sets the largest exponent");
    // W = 24: the window's lowest bit is 2^-22 beside a product of exponent 0.
    let power = |e: i64| BF16.encode(2f64.powi(e as i32), &p);
    assert_eq!(d(&[one, power(-22), minus_one], &[one, one, one]), power(-22));
    assert_eq!(d(&[one, power(-23), minus_one], &[one, one, one]), 0, "below the window");
    assert_eq!(
        d(&[one, power(-23) | 0x8000, minus_one], &[one, one, one]),
        0,
        "truncated by magnitude, not floored"
    );
    let scaled = spec.with_scale(BF16);
    assert_eq!(dot(&scaled, &p, &[minus_one], &[one], Some(0)), 0x8000, "scale 0: the signs' exclusive or");
    assert_eq!(dot(&scaled, &p, &[one, one], &[one, minus_one], Some(0x8000)), 0);
}

#[test]
fn widths_are_checked() {
    let spec = DotSpec::new(BF16, BF16);
    assert_eq!((spec.align_bits, spec.product_bits(), spec.sum_bits(64)), (24, 16, 31));
    assert_eq!(spec.with_scale(BF16).scaled_bits(64), 38);
    assert_eq!(spec.sum_bits(33), 31, "six bits of growth for 33 terms");
    assert_eq!(spec.check(256), Ok(()));
    let narrow = spec.with_align_bits(15).check(1).unwrap_err();
    assert_eq!(narrow, "align_bits = 15 is too small; a product of bf16 takes 16 bits");
    assert!(DotSpec::new(FP32, FP32).with_scale(FP32).check(256).is_ok());
    let wide = spec.with_scale(BF16).with_align_bits(120);
    assert_eq!(wide.check(2).unwrap_err(), "align_bits = 120 is too large for 2 terms; at most 118");
    assert_eq!(wide.with_align_bits(118).check(2), Ok(()));
}
