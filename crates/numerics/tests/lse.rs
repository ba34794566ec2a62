//! The scalar path of flash-d-lse: fitted constants, weights and gains to the bit and against `f64`, widths.

use numerics::catalog::{self, BF16, FP32};
use numerics::lse::{LSE_PRESETS, LseKind, LseSpec, LseTable};
use numerics::stratified::{Rng, Stratified};

fn rows(table: &LseTable) -> Vec<[i64; 4]> {
    table.u.iter().zip(&table.h).map(|(u, h)| [u.slope, u.base, h.slope, h.base]).collect()
}

#[test]
fn entries_of_table() {
    #[rustfmt::skip]
    let (u, h) = (
        [[ 8,  8,  7,  7,  7,  6,  6,  6],
         [11, 10,  9,  9,  8,  8,  7,  7],
         [13, 12, 11, 10, 10,  9,  8,  8],
         [14, 13, 12, 11, 10, 10,  9,  8],
         [15, 14, 13, 12, 11, 10,  9,  9]],
        [[32, 30, 28, 26, 25, 23, 22, 20],
         [37, 35, 32, 30, 28, 26, 24, 22],
         [41, 38, 35, 33, 30, 28, 26, 24],
         [44, 40, 37, 34, 31, 29, 26, 24],
         [45, 42, 38, 35, 32, 30, 27, 25]],
    );
    let table = LseSpec::TABLE.tables();
    let expected: Vec<_> =
        u.as_flattened().iter().zip(h.as_flattened()).map(|(&u, &h)| [0, u, 0, h]).collect();
    assert_eq!(rows(&table), expected);
    assert!(table.powers.is_empty());
}

#[test]
fn lines_of_mid() {
    #[rustfmt::skip]
    let expected = [
        [11, 128, 30, 256], [10, 106, 24, 197], [18, 170, 38, 298], [16, 134, 29, 222],
        [26, 205, 45, 329], [20, 153, 33, 239], [31, 227, 49, 346], [23, 166, 35, 248],
        [34, 240, 51, 356], [25, 173, 37, 254], [35, 246, 53, 362], [26, 177, 37, 256],
        [36, 250, 53, 364], [26, 178, 38, 258], [37, 253, 54, 366], [26, 179, 38, 259],
    ];
    assert_eq!(rows(&LseSpec::MID.tables()), expected);
    assert_eq!(LseSpec::shift(3).tables().h, LseSpec::MID.tables().h);
}

#[test]
fn lines_of_fine() {
    #[rustfmt::skip]
    let expected = [
        [22, 256, 62, 512], [22, 234, 55, 450], [21, 212, 51, 395], [20, 191, 46, 345],
        [38, 341, 80, 598], [36, 303, 71, 518], [32, 267, 63, 447], [29, 234, 55, 384],
        [53, 409, 96, 659], [49, 356, 83, 563], [42, 307, 71, 480], [38, 265, 62, 409],
        [66, 455, 105, 695], [57, 389, 90, 590], [49, 332, 77, 500], [42, 283, 65, 423],
        [73, 481, 112, 716], [63, 409, 95, 605], [53, 346, 79, 510], [45, 293, 68, 431],
        [77, 496, 114, 726], [65, 419, 96, 612], [56, 354, 82, 516], [46, 298, 68, 434],
        [79, 503, 116, 732], [66, 424, 98, 616], [57, 358, 83, 519], [47, 301, 70, 437],
        [81, 509, 117, 736], [69, 429, 98, 619], [58, 361, 83, 521], [48, 303, 70, 438],
    ];
    assert_eq!(rows(&LseSpec::FINE.tables()), expected);
}

/// Every x of ±20: a checksum over (neg, u, k, g) that an integer model in another language gave.
#[test]
fn weights_and_gains_equal_an_independent_model() {
    for (spec, expected) in [
        (LseSpec::TABLE, 0x68f6_8ea1_5cb7_7388),
        (LseSpec::MID, 0xceeb_5326_12cf_ca54),
        (LseSpec::FINE, 0xd145_902d_59e3_8040),
    ] {
        let checksum = (-(20 << spec.fx)..=20 << spec.fx).fold(0u64, |sum, x| {
            let w = spec.gain(x);
            let fields = [u64::from(w.neg), w.u, u64::from(w.k), w.g as u64];
            fields.iter().fold(sum, |sum, field| sum.wrapping_mul(0x100_0000_01b3) ^ field)
        });
        assert_eq!(checksum, expected, "{spec:?}");
    }
}

fn exact_w(x: f64) -> f64 {
    1.0 / (1.0 + x.abs().exp2())
}

fn exact_gain(x: f64) -> f64 {
    (-x.abs()).exp2().ln_1p() * std::f64::consts::LOG2_E
}

/// The largest relative error of w and the largest error of g in units of 2^-Fc, over |x| < 40.
fn errors(spec: &LseSpec) -> (f64, f64) {
    let table = spec.tables();
    (0..40 << spec.fx).fold((0.0, 0.0), |(worst_w, worst_g): (f64, f64), x| {
        let (weights, real) = (spec.gain_with(&table, x), x as f64 / f64::from(1 << spec.fx));
        let w = weights.u as f64 * (-f64::from(spec.u_bits + weights.k)).exp2();
        let g = exact_gain(real) * f64::from(1 << spec.fc);
        (worst_w.max((w / exact_w(real) - 1.0).abs()), worst_g.max((weights.g as f64 - g).abs()))
    })
}

#[test]
fn error_bounds() {
    let bounds = [
        ("shift", 0.335),
        ("shift2", 0.202),
        ("shift3", 0.113),
        ("shift4", 0.061),
        ("shift5", 0.032),
        ("table", 0.068),
        ("mid", 0.0185),
        ("fine", 0.00785),
    ];
    for ((name, spec), (bound_name, bound)) in LSE_PRESETS.iter().zip(bounds) {
        let (w, g) = errors(spec);
        println!("{name}: w within {:.2} %, g within {g:.2} units of 2^-{}", 100.0 * w, spec.fc);
        assert_eq!(*name, bound_name);
        assert!(w <= bound && w > 0.8 * bound, "{name}: {w} {bound}");
        // Half a unit of rounding, and the table's relative error (below 1.6 % of at most 1) beside it.
        assert!(g <= 0.5 + 0.016 * f64::from(1 << spec.fc), "{name}: {g}");
    }
}

#[test]
fn exact_point_symmetry_and_monotony() {
    for (name, spec) in LSE_PRESETS {
        let table = spec.tables();
        let zero = spec.gain_with(&table, 0);
        assert_eq!(
            (zero.u, zero.k, zero.g, zero.neg),
            (1 << (spec.u_bits - 1), 0, 1 << spec.fc, false),
            "{name}"
        );
        let value = |x| {
            let w = spec.gain_with(&table, x);
            (w.u as f64 * (-f64::from(spec.u_bits + w.k)).exp2(), w.g)
        };
        for x in 1..30 << spec.fx {
            let (w, g) = value(x);
            assert_eq!((w, g), value(-x), "{name}");
            assert!(spec.gain_with(&table, -x).neg);
            assert!(w <= 0.5 && g >= 0, "{name} {x}");
            let weights = spec.gain_with(&table, x);
            assert!(
                weights.u < 1 << spec.u_bits && 8 * weights.u >= 2 << spec.u_bits,
                "two top bits: {name} {x}"
            );
            let (previous_w, previous_g) = value(x - 1);
            // Neighbouring lines meet within their errors.
            assert!(w <= 1.04 * previous_w && g as f64 <= 1.04 * previous_g as f64 + 1.0, "{name} {x}");
        }
    }
}

/// `shift` takes, among all numbers of U significant bits, one of the nearest in value (rows from K on share one
/// entry, whose ties move by less than the row's own distance to the limit).
#[test]
fn shift_is_nearest_in_value() {
    for u_bits in 1..=5 {
        let (spec, k_rows) = (LseSpec::shift(u_bits), 7);
        for x in 0..k_rows << spec.fx {
            let weights = spec.gain(x);
            let exact = exact_w(x as f64 / f64::from(1 << spec.fx));
            let candidates = (0..20).flat_map(|k| {
                (1 << (u_bits - 1)..1u64 << u_bits).map(move |u| u as f64 * (-f64::from(u_bits + k)).exp2())
            });
            let nearest = candidates.map(|c| (c - exact).abs()).fold(f64::INFINITY, f64::min);
            let ours = weights.u as f64 * (-f64::from(u_bits + weights.k)).exp2();
            assert_eq!((ours - exact).abs(), nearest, "U = {u_bits}, x = {x}");
        }
    }
}

#[test]
fn update_follows_the_formula() {
    let mut rng = Rng::new(3);
    for (name, spec) in LSE_PRESETS {
        let unit_c = (-f64::from(spec.fc)).exp2();
        for _ in 0..2_000 {
            let s = rng.range(-spec.score().max() - 1, spec.score().max());
            let c = spec.align_score(s) + rng.range(-12 << spec.fc, 12 << spec.fc);
            let (real_s, real_c) = (s as f64 * (-f64::from(spec.fs)).exp2(), c as f64 * unit_c);
            let (next, weights) = spec.update_c(c, s);
            let grid = f64::from(1 << spec.fx);
            let x = ((real_s - real_c) * grid + 0.5).floor() / grid;
            assert_eq!(weights.neg, x < 0.0);
            assert_eq!(weights, spec.gain((x * grid) as i64));
            let larger = if x < 0.0 { real_c } else { real_s };
            assert_eq!(next as f64 * unit_c, larger + weights.g as f64 * unit_c);
            let exact = real_s.max(real_c) + exact_gain(real_s - real_c);
            // Table, rounding of x (the slope of the exact c over x is at most 1) and of g.
            assert!((next as f64 * unit_c - exact).abs() <= 0.016 + 0.5 / grid + unit_c, "{name}");
        }
    }
}

/// Equal largest scores for ever, and two states merged over and over: c stops within the documented head-room.
#[test]
fn c_stays_within_its_width() {
    for (name, spec) in LSE_PRESETS {
        let (table, limit) = (spec.tables(), 1i64 << (spec.c_bits() - 1));
        let headroom = i64::from(spec.fc + 3) << spec.fc;
        let top = spec.align_score(spec.score().max());
        let mut c = top;
        for _ in 0..200_000 {
            c = spec.join_c_with(&table, c, top).0;
        }
        assert!(c > top + ((i64::from(spec.fc) - 2) << spec.fc) && c <= top + headroom, "{name}: {c}");
        let block = c;
        for _ in 0..200_000 {
            c = spec.join_c_with(&table, c, block).0;
        }
        assert!(c <= block + headroom && c < limit, "{name}: {c} {limit}");
        let bottom = spec.align_score(-spec.score().max() - 1);
        let x = spec.join_c_with(&table, c, bottom).1;
        assert!(x.neg && i64::from(x.k) < 1 << spec.c_int_bits && x.g == 0, "{name}");
        let mut rng = Rng::new(5);
        for _ in 0..20_000 {
            c = spec.update_c(c, rng.range(-spec.score().max() - 1, spec.score().max())).0;
            assert!((bottom..limit).contains(&c), "{name}: {c}");
        }
    }
}

#[test]
fn gain_vanishes_at_the_clip() {
    for (name, spec) in LSE_PRESETS {
        let at = |k: u32| spec.gain(i64::from(k) << spec.fx);
        assert_eq!(at(spec.fc + 2).g, 0, "{name}");
        assert!(at(spec.fc).g > 0, "{name}");
        assert_eq!((spec.k_clip(8), spec.k_clip(24)), ((spec.fc + 2).max(11), 27), "{name}");
    }
}

/// Against real arithmetic over stratified scores of several formats, with and without log2(e).
#[test]
fn scores_are_quantised_half_up() {
    let spec = LseSpec::MID;
    let (most, unit) = (spec.score().max() as f64, f64::from(1 << spec.fs));
    for format in [BF16, FP32, catalog::parse("fp16").unwrap(), catalog::parse("e4m3").unwrap()] {
        let mut source = Stratified::new(format, 11);
        let mut inside = 0;
        for _ in 0..20_000 {
            let bits = source.value();
            let s = format.decode_flush(bits);
            for (log2e, factor) in [(false, 1.0), (true, 23637.0 / 16384.0)] {
                let scaled = s * factor * unit; // exact: at most 24 + 15 significant bits
                let expected = (scaled + 0.5).floor().clamp(-most - 1.0, most);
                // Far below half the sum above rounds; the result is then 0 all the same.
                let expected = if scaled.abs() < 0.25 { 0.0 } else { expected };
                assert_eq!(spec.quantize_score(format, bits, log2e) as f64, expected, "{format} {s} {log2e}");
                inside += u32::from(expected.abs() < most && expected != 0.0);
            }
        }
        assert!(inside > 4_000, "{format}: {inside}");
    }
    let tie = |x: f64| spec.quantize_score(FP32, u64::from((x as f32).to_bits()), false);
    assert_eq!((tie(1.5 / 64.0), tie(-1.5 / 64.0), tie(-0.5 / 64.0)), (2, -1, 0));
}

#[test]
fn widths_and_messages() {
    let spec = LseSpec::MID;
    assert_eq!((spec.score_bits(), spec.c_bits(), spec.x_bits(), spec.h_frac()), (15, 20, 17, 12));
    assert_eq!((spec.offset_bits(), spec.min_c_int_bits()), (5, 10));
    for (name, spec) in LSE_PRESETS {
        assert_eq!(spec.check(), Ok(()), "{name}");
        assert_eq!(LseSpec::preset(name).as_ref(), Ok(spec));
        assert_eq!(spec.with_fc(16).check(), Ok(()), "{name}");
    }
    let error = |spec: LseSpec| spec.check().unwrap_err();
    assert_eq!(error(LseSpec { fc: 5, ..spec }), "fc = 5: must be 6 to 24");
    assert_eq!(error(LseSpec { c_int_bits: 9, ..spec }), "c_int_bits = 9: must be 10 to 24");
    assert_eq!(error(LseSpec { u_bits: 12, ..spec }), "u_bits = 12: must be below slope_frac + fx = 12");
    assert_eq!(error(LseSpec { base_frac: 13, ..spec }), "base_frac = 13: must be 1 to slope_frac + fx = 12");
    assert_eq!(
        error(LseSpec { seg_bits: 2, ..LseSpec::TABLE }),
        "seg_bits = 2: a table has one entry per grid point, 3"
    );
    assert_eq!(
        error(LseSpec { kind: LseKind::Table { h_bits: 0 }, ..LseSpec::TABLE }),
        "h_bits = 0: must be 1 to 20"
    );
    assert_eq!(
        LseSpec::preset("small").unwrap_err(),
        "unknown preset \"small\": use shift, shift2, shift3, shift4, shift5, table, mid, fine"
    );
}
