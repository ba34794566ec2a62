//! σ and ln of FLASH-D as published: error bounds, exact points, edges; the recurrence against softmax.

use numerics::catalog::{self, BF16, FP32};
use numerics::lse::LseSpec;
use numerics::stratified::Rng;
use numerics::{BlendForm, Format, Policy, Rounding, SigmoidForm, SigmoidLnSpec};

fn formats() -> [Format; 3] {
    ["bf16", "m9", "m12"].map(|name| catalog::parse(name).unwrap())
}

fn all_finite(format: Format) -> Vec<u64> {
    (0..1 << format.width()).filter(|&bits| format.is_finite(bits)).collect()
}

fn sigmoid(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

/// Weights: all patterns from the smallest normal number to 1.
fn weights(format: Format) -> impl Iterator<Item = u64> {
    format.min_normal_bits()..=format.one()
}

#[test]
fn range_reduced_sigmoid_error() {
    for format in formats() {
        let (spec, p) = (SigmoidLnSpec::new(format), Policy::default());
        let (mut worst, mut far) = (0.0f64, 0.0f64);
        for bits in all_finite(format) {
            let x = format.decode_flush(bits);
            if x > -86.0 {
                let error = (format.decode(spec.sigmoid(&p, bits)) / sigmoid(x) - 1.0).abs();
                if x > -16.0 { worst = worst.max(error) } else { far = far.max(error) }
            }
        }
        println!("{format}: x > -16 {:.2} %, x > -86 {:.2} %", 100.0 * worst, 100.0 * far);
        // Lines 0.78 %, half a grid step of T ln2/256 = 0.27 %, constant 0.01 % and 0.06 %, half a place of w.
        assert!(worst < 0.0107 + 0.5f64.powi(format.man_bits as i32 + 1), "{format} {worst}");
        assert!(far < 0.0112 + 0.5f64.powi(format.man_bits as i32 + 1), "{format} {far}");
        assert!(worst > 0.005, "the measure sees the table's error");
    }
}

#[test]
fn ln_errors() {
    for format in formats() {
        let (reduced, direct, p) =
            (SigmoidLnSpec::new(format), SigmoidLnSpec::direct8(format), Policy::default());
        let (mut worst, mut worst_direct) = (0.0f64, 0.0f64);
        for bits in weights(format) {
            let exact = format.decode(bits).ln();
            let half_place = exact.abs() * 0.5f64.powi(format.man_bits as i32 + 1);
            let error = |spec: &SigmoidLnSpec| (format.decode(spec.ln(&p, bits)) - exact).abs() - half_place;
            worst = worst.max(error(&reduced));
            if format.decode(bits) >= 0.5f64.powi(10) {
                worst_direct = worst_direct.max(error(&direct));
            }
        }
        println!("{format}: range-reduced {worst:.4}, direct {worst_direct:.4}");
        let dropped = 0.5f64.powi(12);
        assert!(worst < 0.0012 + 126.0 * 3e-6 + dropped, "{format} {worst}");
        assert!(worst_direct > 0.05 && worst_direct < 0.25, "{format} {worst_direct}");
    }
}

#[test]
fn direct_sigmoid_error() {
    let (spec, p) = (SigmoidLnSpec::direct8(BF16), Policy::default());
    let worst = all_finite(BF16)
        .into_iter()
        .filter(|&bits| (-6.0..=11.0).contains(&BF16.decode(bits)))
        .map(|bits| (BF16.decode(spec.sigmoid(&p, bits)) - sigmoid(BF16.decode(bits))).abs())
        .fold(0.0, f64::max);
    assert!(worst > 0.005 && worst < 0.02, "{worst}");
}

#[test]
fn exact_points_and_edges() {
    for format in formats() {
        for spec in [SigmoidLnSpec::new(format), SigmoidLnSpec::direct8(format)] {
            for rounding in [Rounding::Rne, Rounding::Rtz] {
                let p = Policy::with_rounding(rounding);
                let half = format.encode(0.5, &p);
                assert_eq!((spec.sigmoid(&p, 0), spec.sigmoid(&p, format.sign_bit())), (half, half));
                assert_eq!((spec.ln(&p, format.one()), spec.ln(&p, format.encode(3.0, &p))), (0, 0));
                assert_eq!(spec.ln(&p, 0), spec.ln(&p, format.min_normal_bits()));
                for bits in all_finite(format) {
                    let w = spec.sigmoid(&p, bits);
                    assert!(
                        (format.min_normal_bits()..=format.one()).contains(&w),
                        "{spec:?} {bits:#x} {w:#x}"
                    );
                }
            }
        }
        let (spec, p) = (SigmoidLnSpec::new(format), Policy::default());
        assert_eq!(spec.sigmoid(&p, format.encode(-88.0, &p)), format.min_normal_bits());
        assert_eq!(spec.sigmoid(&p, format.encode(60.0, &p)), format.one());
        let powers = (0..=126).map(|e| (e, format.encode((-f64::from(e)).exp2(), &p)));
        for (e, w) in powers {
            let expected = format.encode(f64::from(e) * -45426.0 / 65536.0, &p);
            assert_eq!(
                spec.ln(&p, w) & format.magnitude_mask(),
                expected & format.magnitude_mask(),
                "2^-{e}"
            );
        }
    }
}

/// The documented integers for x ≥ 0, without the clip of k: the rounding does not see it.
#[test]
fn clipping_k_changes_nothing() {
    let lse = LseSpec::FINE;
    for format in formats() {
        let spec = SigmoidLnSpec::new(format);
        for rounding in [Rounding::Rne, Rounding::Rtz] {
            let p = Policy::with_rounding(rounding);
            for x in (0..2000).map(|i| f64::from(i) / 64.0) {
                let bits = format.encode(x, &p);
                let x = (format.decode(bits) * 4096.0 + 0.5).floor();
                let t = (x * 23637.0 / f64::from(1 << (26 - lse.fx)) + 0.5).floor() as i64;
                let weights = lse.gain(t);
                let places = lse.u_bits + weights.k;
                let sig = (1u128 << places) - u128::from(weights.u);
                let w = numerics::round::round_pack(format, &p, false, -i64::from(places), sig, false);
                assert_eq!(spec.sigmoid(&p, bits), w, "{format} {x}");
            }
        }
    }
}

/// The largest relative error of a query's weights against e^{s_i} / Σ_{j≤i} e^{s_j}, over 200 keys.
fn recurrence_error(spec: &SigmoidLnSpec) -> f64 {
    let (p, mut rng) = (Policy::default(), Rng::new(2));
    let scores: Vec<u64> = (0..200).map(|_| spec.format.encode(4.0 * rng.unit() - 2.0, &p)).collect();
    let power = |s: u64| spec.format.decode(s).exp();
    let (mut w, mut total, mut worst) = (spec.format.one(), power(scores[0]), 0.0f64);
    for pair in scores.windows(2) {
        w = spec.weight(&p, pair[1], pair[0], w);
        total += power(pair[1]);
        worst = worst.max((spec.format.decode(w) * total / power(pair[1]) - 1.0).abs());
    }
    worst
}

#[test]
fn the_recurrence_is_softmax() {
    let (reduced, direct) =
        [SigmoidLnSpec::new(FP32), SigmoidLnSpec::direct8(FP32)].map(|spec| recurrence_error(&spec)).into();
    println!("largest relative error of w: range-reduced {reduced:.3}, direct {direct:.3}");
    assert!(reduced < 0.1 && direct > 5.0 * reduced, "{reduced} {direct}");
}

#[test]
fn blending_rounds_every_operation() {
    let (p, mut rng) = (Policy::default(), Rng::new(6));
    let round = |x: f64| BF16.decode(BF16.encode(x, &p));
    for _ in 0..20_000 {
        let [o, v] = [(); 2].map(|()| round(8.0 * (rng.unit() - 0.5)));
        let w = round(rng.unit());
        let blend = |form: BlendForm| {
            let [o, v, w] = [o, v, w].map(|x| BF16.encode(x, &p));
            BF16.decode(form.apply(BF16, &p, o, v, w))
        };
        // Every operation is exact in f64 before its rounding.
        assert_eq!(blend(BlendForm::Difference), round(o + round(round(v - o) * w)));
        assert_eq!(blend(BlendForm::TwoProduct), round(round(w * v) + round(round(1.0 - w) * o)));
    }
}

#[test]
fn illegal_specifications() {
    let e5m10 = catalog::parse("fp16").unwrap();
    assert_eq!(SigmoidLnSpec::new(BF16).check(), Ok(()));
    assert_eq!(
        SigmoidLnSpec::new(e5m10).check().unwrap_err(),
        "weight format fp16: must have 8 exponent bits and at least 3 of significand"
    );
    let table = SigmoidLnSpec { form: SigmoidForm::RangeReduced(LseSpec::TABLE), ..SigmoidLnSpec::new(BF16) };
    assert_eq!(table.check().unwrap_err(), "range-reduced sigmoid: needs the lines of a pwl specification");
}
