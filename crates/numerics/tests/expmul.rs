//! The ExpMul unit against its defining formula in real numbers.

mod support;

use numerics::catalog::{BF16, E4M3, FP32};
use numerics::expmul::{ExpMulSpec, default_table_bits};
use numerics::stratified::Stratified;
use numerics::{Format, Policy};
use support::{ROUNDINGS, all_finite};

fn spec(frac_bits: u32) -> ExpMulSpec {
    ExpMulSpec::new(BF16, BF16, BF16, frac_bits)
}

fn exp2(n: u32) -> f64 {
    f64::from(1 << n)
}

/// round(1.4375·x·2^f), half-up, of an x already on its grid.
fn scaled(x: f64, frac_bits: u32) -> f64 {
    (1.4375 * x * exp2(frac_bits) + 0.5).floor()
}

#[test]
fn quantisation_over_all_operands() {
    for input in [BF16, E4M3, Format::new(5, 10).unwrap()] {
        for f in 0..=8 {
            let spec = ExpMulSpec::new(BF16, input, BF16, f);
            for bits in all_finite(input) {
                let value = input.decode_flush(bits);
                let x = ((value.clamp(-1e6, 1e6) * 2048.0 + 0.5).floor() / 2048.0).clamp(-16.0, 0.0);
                assert_eq!(f64::from(spec.quantize(bits)), scaled(-x, f), "{input} {bits:#x} f = {f}");
                let s = ((value.clamp(-1e6, 1e6) * 2048.0 + 0.5).floor() / 2048.0)
                    .clamp(-256.0, 256.0 - 1.0 / 2048.0);
                assert_eq!(spec.quantize_score(bits) as f64, scaled(s, f), "{input} {bits:#x} f = {f}");
            }
        }
    }
}

/// The magnitude form a circuit uses: |X| = kept + (guard & sticky).
#[test]
fn half_up_of_a_negative_number_by_magnitude() {
    for bits in 0xb900..0xc1f0u64 {
        let magnitude = (BF16.decode(bits).abs() * 2f64.powi(40)) as u64; // 29 places below the grid: exact here
        let (kept, guard, sticky) = (magnitude >> 29, magnitude >> 28 & 1, magnitude & ((1 << 28) - 1) != 0);
        let x = (kept + (guard & u64::from(sticky))).min(1 << 15);
        assert_eq!(spec(0).quantize(bits), spec(0).level(-(x as i64)), "{bits:#x}");
    }
}

fn expected_product(spec: &ExpMulSpec, policy: &Policy, v: u64, level: u32) -> u64 {
    let steps = 1 << spec.frac_bits;
    let fraction = 0.5f64.powf(f64::from(level % steps) / f64::from(steps));
    let entry = (fraction * exp2(spec.table_frac()) + 0.5).floor() / exp2(spec.table_frac());
    let shifted = 0.5f64.powi((level / steps) as i32);
    spec.result.encode(spec.value.decode_flush(v) * entry * shifted, policy)
}

#[test]
fn products_of_every_e4m3_value_and_level() {
    for (result, f) in [(BF16, 0), (E4M3, 0), (BF16, 1), (E4M3, 2), (BF16, 3), (E4M3, 4)] {
        let spec = ExpMulSpec::new(E4M3, BF16, result, f);
        for rounding in ROUNDINGS {
            let p = Policy::with_rounding(rounding);
            for v in all_finite(E4M3) {
                for level in 0..1 << spec.level_bits() {
                    let ours = spec.apply(&p, v, level);
                    assert_eq!(ours, expected_product(&spec, &p, v, level), "{spec:?} {v:#x} {level}");
                }
            }
        }
    }
}

#[test]
fn products_of_bf16() {
    for f in 0..=5 {
        let spec = spec(f);
        let table = spec.table();
        let mut source = Stratified::new(BF16, 20 + u64::from(f));
        for i in 0..20_000 {
            let v = source.value();
            let level = source.rng().below(1 << spec.level_bits().min(5 + f + (i as u32 % 4))) as u32;
            let p = Policy::with_rounding(ROUNDINGS[i % 2]);
            let expected = expected_product(&spec, &p, v, level);
            assert_eq!(spec.apply(&p, v, level), expected, "{spec:?} {v:#x} {level}");
            assert_eq!(spec.apply_with(&table, &p, v, level), expected);
        }
    }
}

/// f = 0 as published: nothing but the exponent field changes.
#[test]
fn without_fraction_it_is_an_exponent_subtraction() {
    let (p, spec) = (Policy::default(), spec(0));
    for v in all_finite(BF16) {
        for level in [0, 1, 7, 23, 255] {
            let field = (v >> 7 & 0xff) as i64 - i64::from(level);
            let expected = if field > 0 { v - (u64::from(level) << 7) } else { v & 0x8000 };
            assert_eq!(spec.apply(&p, v, level), expected, "{v:#x} {level}");
        }
    }
}

#[test]
fn error_against_the_exponential() {
    for f in 0..=5 {
        let (p, spec) = (Policy::default(), spec(f));
        let mut worst = 0.0f64;
        for x in (0xb800..=0xc180).filter(|&x| BF16.decode(x) >= -16.0) {
            let ours = BF16.decode(spec.apply(&p, BF16.one(), spec.quantize(x)));
            worst = worst.max((ours.log2() - BF16.decode(x) * std::f64::consts::LOG2_E).abs());
        }
        // Half a step of L, the constant over |x| ≤ 16, X, the table and the result's rounding.
        let table = if f == 0 { 0.0 } else { 1.45 * 0.5f64.powi(spec.table_bits as i32) };
        let bound = 0.5 / exp2(f) + 16.0 * (std::f64::consts::LOG2_E - 1.4375) + 4e-4 + table + 6e-3;
        println!("expmul f = {f}: {worst:.3} octaves of at most {bound:.3}");
        assert!(worst <= bound && worst > 0.5 * bound, "{worst} {bound}");
    }
}

#[test]
fn clipping_loses_nothing() {
    for (value, result) in [(BF16, BF16), (E4M3, BF16), (E4M3, E4M3), (FP32, BF16)] {
        for f in [0, 3] {
            let spec = ExpMulSpec::new(value, BF16, result, f);
            let top = spec.clip(i64::MAX);
            assert_eq!(u64::from(top), (1 << spec.level_bits()) - 1);
            let p = Policy::default();
            assert_eq!(spec.apply(&p, value.max_finite_bits(), top), 0);
            assert_eq!(spec.apply(&p, value.max_finite_bits() | value.sign_bit(), top), result.sign_bit());
            assert!(
                spec.clip(i64::from(23u32 << f)) == 23 << f,
                "a difference's largest level is not clipped"
            );
        }
    }
}

/// Integer levels compose: m1 to m2 to m3 is the same as m1 to m3. That is the point of score-first.
#[test]
fn score_first_levels_compose() {
    let spec = spec(3);
    let scores: Vec<i64> =
        [-3.0, 0.25, 0.5, 7.75].map(|s| spec.quantize_score(BF16.encode(s, &Policy::default()))).into();
    let level = |from: usize, to: usize| spec.clip(scores[to] - scores[from]);
    assert_eq!(level(0, 1) + level(1, 2) + level(2, 3), level(0, 3));
    let (low, high) = (spec.quantize_score(0xff7f), spec.quantize_score(0x7f7f));
    let limit = 1i64 << (spec.score_bits() - 1);
    assert!(-limit <= low && high < limit && high > limit / 2, "score_bits holds every score");
}

#[test]
fn tables_and_widths() {
    assert_eq!(spec(0).table(), [1]);
    assert_eq!(spec(1).table(), [32, 23]);
    assert_eq!(spec(2).table(), [32, 27, 23, 19]);
    assert_eq!(spec(3).table(), [64, 59, 54, 49, 45, 41, 38, 35]);
    assert_eq!((0..=5).map(default_table_bits).collect::<Vec<_>>(), [0, 5, 5, 6, 7, 8]);
    assert_eq!((spec(0).level_bits(), spec(3).level_bits(), spec(0).score_bits()), (8, 11, 10));
    assert_eq!(ExpMulSpec::new(E4M3, E4M3, E4M3, 0).level_bits(), 5);
    assert_eq!(spec(8).check(), Ok(()));
    assert_eq!(spec(9).check().unwrap_err(), "frac_bits = 9: must be 0 to 8");
    assert_eq!(
        ExpMulSpec { table_bits: 0, ..spec(1) }.check().unwrap_err(),
        "table_bits = 0: must be 1 to 16"
    );
}
