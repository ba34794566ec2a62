//! The exponential and reciprocal units: the documented integer steps, error bounds, exact points, monotonicity.

mod support;

use numerics::catalog::{self, BF16, E4M3, FP32};
use numerics::{ExpSpec, Format, Policy, RecipSpec, Rounding};
use support::{ROUNDINGS, all_finite};

/// Negative finite patterns by growing magnitude, −0 and flushed ones included.
fn negatives(format: Format) -> impl Iterator<Item = u64> {
    (0..=format.max_finite_bits()).map(move |magnitude| format.sign_bit() | magnitude)
}

fn exp_specs() -> Vec<ExpSpec> {
    let fp16 = catalog::parse("fp16").unwrap();
    let mut specs: Vec<ExpSpec> = [
        (BF16, BF16),
        (BF16, FP32),
        (BF16, E4M3),
        (E4M3, BF16),
        (fp16, fp16),
        (BF16, catalog::parse("m12").unwrap()),
    ]
    .map(|(input, output)| ExpSpec::new(input, output))
    .into();
    specs.push(ExpSpec { segments: 32, slope_frac: 10, base_frac: 13, ..ExpSpec::new(BF16, FP32) });
    specs.push(ExpSpec { segments: 1, t_frac: 6, in_frac: 5, ..ExpSpec::new(BF16, BF16) });
    specs
}

/// Largest relative error of e^x over the x in [−limit, 0) whose result is well above underflow.
fn exp_error(spec: &ExpSpec, limit: f64) -> f64 {
    let table = spec.tables();
    let error = |bits| {
        let exact = spec.input.decode_flush(bits).exp();
        let ours = spec.output.decode(spec.compute_with(&table, &Policy::default(), bits));
        (ours / exact - 1.0).abs()
    };
    let normal = 2f64.powi(spec.output.min_exp() as i32 + 1);
    let in_range = |&bits: &u64| {
        let x = spec.input.decode_flush(bits);
        x >= -limit && x.exp() > normal
    };
    negatives(spec.input).filter(in_range).map(error).fold(0.0, f64::max)
}

#[test]
fn exp_error_bounds() {
    for spec in exp_specs() {
        let (near, all, table) =
            (exp_error(&spec, 16.0), exp_error(&spec, f64::INFINITY), spec.tables().error);
        println!(
            "exp {} -> {}: |x| <= 16 {near:.2e}, all {all:.2e}, table {table:.2e}",
            spec.input, spec.output
        );
        // Each step as its field documents it: X, constant, T, table, and half a place of the output.
        let half = |frac: u32| 0.5f64.powi(frac as i32 + 1);
        let constant =
            (spec.log2e() as f64 / (1u64 << spec.log2e_frac) as f64 / std::f64::consts::LOG2_E - 1.0).abs();
        let steps = half(spec.in_frac)
            + half(spec.t_frac) * std::f64::consts::LN_2
            + table
            + half(spec.output.man_bits);
        assert!(near <= 1.01 * (steps + 16.0 * constant), "{near} {steps}");
        assert!(all <= 1.01 * (steps + 88.0 * constant), "{all} {steps}");
    }
    let default = ExpSpec::new(BF16, FP32);
    assert!(default.tables().error < 8e-4, "the default table is good to 2^-10.3");
    assert!(exp_error(&ExpSpec::new(BF16, BF16), f64::INFINITY) < 5e-3);
}

#[test]
fn exp_follows_the_documented_steps() {
    for spec in exp_specs() {
        let table = spec.tables();
        let exp2 = |n: u32| 2f64.powi(n as i32);
        for bits in negatives(spec.input) {
            let magnitude = -spec.input.decode_flush(bits);
            let saturated = exp2(spec.in_bits()) - 1.0;
            let x = (magnitude * exp2(spec.in_frac) + 0.5).floor().min(saturated);
            let t = (x * spec.log2e() as f64 / exp2(spec.t_shift()) + 0.5).floor() / exp2(spec.t_frac);
            let fraction = t.ceil() - t;
            let index = (fraction * f64::from(spec.segments)).floor();
            let offset = fraction - index / f64::from(spec.segments);
            let segment = table.segments[index as usize];
            let y = segment.base as f64 / exp2(spec.base_frac)
                + segment.slope as f64 / exp2(spec.slope_frac) * offset;
            for rounding in ROUNDINGS {
                let p = Policy::with_rounding(rounding);
                let expected = spec.output.encode(y * 2f64.powf(-t.ceil()), &p);
                assert_eq!(spec.compute_with(&table, &p, bits), expected, "{spec:?} {bits:#x}");
            }
        }
    }
}

#[test]
fn exp_is_one_at_zero_falls_and_flushes() {
    for spec in exp_specs() {
        let table = spec.tables();
        for rounding in ROUNDINGS {
            let p = Policy::with_rounding(rounding);
            let mut previous = spec.output.one();
            for bits in negatives(spec.input) {
                let y = spec.compute_with(&table, &p, bits);
                assert!(y <= previous, "{spec:?} rises at {bits:#x}");
                previous = y;
            }
            let most_negative = spec.input.sign_bit() | spec.input.max_finite_bits();
            let underflows = -spec.input.decode(most_negative) > 1.0 - spec.output.min_exp() as f64;
            assert_eq!(spec.compute(&p, most_negative) == 0, underflows, "{spec:?}");
            for bits in [0, spec.input.sign_bit(), 1, spec.input.one(), spec.input.max_finite_bits()] {
                assert_eq!(spec.compute(&p, bits), spec.output.one(), "{bits:#x}");
            }
        }
    }
}

#[test]
fn exp_widths() {
    let spec = ExpSpec::new(BF16, BF16);
    assert_eq!(
        (spec.in_int(), spec.in_bits(), spec.t_int(), spec.t_shift(), spec.log2e()),
        (7, 19, 8, 16, 23637)
    );
    assert_eq!(ExpSpec::new(BF16, E4M3).in_int(), 3);
    let table = spec.tables();
    assert_eq!(
        (table.y_frac(), table.segments.len(), table.offset_bits(), table.base_bits()),
        (18, 8, 7, 10)
    );
    assert!(table.eval((1 << 10) - 1) < 2 << 18, "below 2, so that the integer part never carries");
    assert_eq!(spec.check(), Ok(()));
    let odd = ExpSpec { segments: 6, ..spec };
    assert_eq!(odd.check().unwrap_err(), "exp segments = 6: must be a power of two, 1 to 1024");
    assert_eq!(ExpSpec { in_frac: 30, ..spec }.check().unwrap_err(), "exp in_frac = 30: must be 1 to 20");
}

fn recip_specs() -> Vec<RecipSpec> {
    let fp16 = catalog::parse("fp16").unwrap();
    let m12 = catalog::parse("m12").unwrap();
    let mut specs: Vec<RecipSpec> = [(BF16, BF16), (E4M3, E4M3), (fp16, fp16), (m12, BF16), (BF16, FP32)]
        .map(|(input, output)| RecipSpec::new(input, output))
        .into();
    specs.push(RecipSpec { segments: 4, ..RecipSpec::new(BF16, BF16) });
    specs.push(RecipSpec { max_in_bits: 6, ..RecipSpec::new(BF16, BF16) });
    specs
}

#[test]
fn reciprocal_error_bounds_and_steps() {
    for spec in recip_specs() {
        let (p, table) = (Policy::default(), spec.tables());
        let in_range = |x: f64| {
            let y = (1.0 / x).abs();
            y > 2f64.powi(spec.output.min_exp() as i32 + 1)
                && y < spec.output.decode(spec.output.max_finite_bits())
        };
        let mut worst = 0.0f64;
        for bits in all_finite(spec.input).into_iter().filter(|&b| !spec.input.is_zero(b)) {
            let (x, ours) = (spec.input.decode(bits), spec.compute_with(&table, &p, bits));
            if in_range(x) {
                worst = worst.max((spec.output.decode(ours) * x - 1.0).abs());
            }
            let exponent = x.abs().log2().floor();
            let fraction = (x.abs() / exponent.exp2() - 1.0) * 2f64.powi(spec.in_bits() as i32);
            let index = fraction as u64 >> table.offset_bits();
            let offset =
                (fraction.floor() - (index << table.offset_bits()) as f64) / 2f64.powi(spec.in_bits() as i32);
            let segment = table.segments[index as usize];
            let y = segment.base as f64 / 2f64.powi(spec.base_frac as i32)
                - segment.slope as f64 / 2f64.powi(spec.slope_frac as i32) * offset;
            assert_eq!(
                ours,
                spec.output.encode(x.signum() * y * (-exponent).exp2(), &p),
                "{spec:?} {bits:#x}"
            );
        }
        println!("1/x {} -> {}: {worst:.2e}, table {:.2e}", spec.input, spec.output, table.error);
        let dropped = if spec.dropped_bits() > 0 { 0.5f64.powi(spec.in_bits() as i32) } else { 0.0 };
        assert!(
            worst <= 1.01 * (table.error + dropped + 0.5f64.powi(spec.output.man_bits as i32 + 1)),
            "{worst}"
        );
    }
    assert!(RecipSpec::new(BF16, BF16).tables().error < 7e-4);
}

#[test]
fn reciprocal_exact_points_and_edges() {
    let (p, spec) = (Policy::default(), RecipSpec::new(BF16, BF16));
    for e in -126..=126 {
        for sign in [1.0, -1.0] {
            let x = BF16.encode(sign * 2f64.powi(e), &p);
            assert_eq!(BF16.decode(spec.compute(&p, x)), sign * 2f64.powi(-e));
        }
    }
    assert_eq!(spec.compute(&p, 0), 0x7f7f);
    assert_eq!(spec.compute(&p, 0x8000), 0xff7f);
    assert_eq!(spec.compute(&p, 0xff7f), 0x8000, "1/x of the largest numbers underflows");
    let rtz = Policy::with_rounding(Rounding::Rtz);
    for bits in 0x3f80..0x4000 {
        assert!(spec.compute(&rtz, bits) <= spec.compute(&p, bits));
        assert!(spec.compute(&p, bits) <= spec.compute(&p, bits - 1), "falls: {bits:#x}");
    }
    assert_eq!(spec.check(), Ok(()));
    let odd = RecipSpec { segments: 12, ..spec };
    assert_eq!(odd.check().unwrap_err(), "reciprocal segments = 12: must be a power of two, 1 to 4096");
    assert_eq!(RecipSpec::new(E4M3, E4M3).tables().segments.len(), 8, "no more segments than significands");
}
