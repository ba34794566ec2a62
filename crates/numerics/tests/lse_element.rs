//! Element updates and states of flash-d-lse against `f64`, the convex hull, anchors and merging.

use numerics::catalog::{self, BF16, E4M3, FP32};
use numerics::lse::{Elements, Weights};
use numerics::stratified::{Rng, Stratified};
use numerics::{Accumulator, FixRound, Fixed, Format, LseKernel, LseSpec, LseState, Number, Policy};

const P: Policy = Policy {
    rounding: numerics::Rounding::Rne,
    subnormals: numerics::Subnormals::Flush,
    specials: numerics::Specials::Finite,
};

fn fixed_accumulators() -> impl Iterator<Item = Accumulator> {
    let roundings = [FixRound::HalfUp, FixRound::Floor];
    [8, 12, 16, 24]
        .into_iter()
        .flat_map(move |frac_bits| roundings.map(|rounding| Accumulator::Fixed { frac_bits, rounding }))
}

fn signed(accumulator: Accumulator, pattern: u64) -> i64 {
    let unused = 64 - accumulator.width();
    (pattern << unused) as i64 >> unused
}

fn random_weights(rng: &mut Rng, u_bits: u32) -> Weights {
    let k = if rng.below(4) == 0 { rng.below(200) } else { rng.below(12) } as u32;
    Weights { neg: rng.below(2) == 0, u: 1 + rng.below((1 << u_bits) - 1), k, g: 0 }
}

/// The documented integer formula, evaluated in `f64`, over the whole range of o and v; o stays between them.
#[test]
fn fixed_update_is_exact_and_convex() {
    let mut rng = Rng::new(1);
    for accumulator in fixed_accumulators() {
        let Accumulator::Fixed { frac_bits, rounding } = accumulator else { unreachable!() };
        let limit = (1i64 << frac_bits) - 1;
        for i in 0..20_000 {
            let element = |rng: &mut Rng| match rng.below(4) {
                0 => limit,
                1 => -limit,
                _ => rng.range(-limit, limit),
            };
            let (o, v, u_bits) = (element(&mut rng), element(&mut rng), 2 + i % 8);
            let weights = random_weights(&mut rng, u_bits);
            let mask = (1u64 << accumulator.width()) - 1;
            let next = accumulator.update(&P, o as u64 & mask, v as u64 & mask, &weights, u_bits);
            let next = signed(accumulator, next);
            let exact = (v - o) as f64 * weights.u as f64 * (-f64::from(u_bits + weights.k)).exp2();
            let p = if rounding == FixRound::HalfUp { (exact + 0.5).floor() } else { exact.floor() } as i64;
            assert_eq!(next, if weights.neg { o + p } else { v - p }, "{o} {v} {weights:?}");
            assert!((o.min(v)..=o.max(v)).contains(&next), "{o} {v} {weights:?} {next}");
        }
    }
}

/// Every bf16 and e4m3 number under every anchor near it.
#[test]
fn alignment_rounds_half_up_below_the_anchor() {
    for format in [BF16, E4M3] {
        for accumulator in fixed_accumulators() {
            let Accumulator::Fixed { frac_bits, .. } = accumulator else { unreachable!() };
            if accumulator.check(format).is_err() {
                continue;
            }
            for bits in (0..1 << format.width()).filter(|&b| format.is_finite(b)) {
                let field = format.exp_field(bits);
                for anchor in field..(field + 30).min(1 << format.exp_bits) {
                    let integer = signed(accumulator, accumulator.load(&P, format, bits, anchor));
                    let unit = (anchor as f64 - format.bias() as f64 + 1.0 - f64::from(frac_bits)).exp2();
                    let expected = (format.decode_flush(bits) / unit + 0.5).floor();
                    assert_eq!(integer as f64, expected, "{format} {bits:#x} {anchor}");
                    if anchor == field {
                        let back = accumulator.output(
                            &P,
                            format,
                            format,
                            integer as u64 & ((2 << frac_bits) - 1),
                            anchor,
                        );
                        assert_eq!(format.decode_flush(back), format.decode_flush(bits));
                    }
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "above the anchor")]
fn a_value_above_the_anchor_is_refused() {
    Accumulator::fixed(16).load(&P, BF16, BF16.one(), 126);
}

#[test]
fn rescaling_halves_and_ties_go_down() {
    let accumulator = Accumulator::fixed(12);
    for o in [-4095, -100, -7, -6, -5, -3, -2, -1, 0, 1, 2, 3, 5, 6, 7, 100, 4095i64] {
        for delta in [0, 1, 2, 3, 11, 12, 13, 14, 40, 254] {
            let half_down = (o as f64 * (-(delta as f64)).exp2() - 0.5).ceil();
            let ours = signed(accumulator, accumulator.rescale(o as u64 & 0x1fff, delta));
            assert_eq!(ours as f64, half_down, "{o} {delta}");
        }
    }
    let float = Accumulator::Float(BF16);
    assert_eq!(float.rescale(0x3f80, 3), 0x3f80, "a float has no anchor");
}

/// Three correctly rounded operations: each is exact in `f64` before its rounding for m ≤ 12 and moderate operands.
#[test]
fn float_update_is_three_roundings() {
    for format in ["bf16", "m9", "m12", "e5m10"].map(|name| catalog::parse(name).unwrap()) {
        let accumulator = Accumulator::Float(format);
        let mut rng = Rng::new(7);
        for _ in 0..20_000 {
            let number =
                |rng: &mut Rng| format.encode((rng.unit() - 0.5) * (rng.range(-6, 6) as f64).exp2(), &P);
            let (o, v, u_bits) = (number(&mut rng), number(&mut rng), 7);
            let weights = random_weights(&mut rng, u_bits);
            let round = |x: f64| format.decode(format.encode(x, &P));
            let (fo, fv) = (format.decode(o), format.decode(v));
            let p = round(round(fv - fo) * weights.u as f64 * (-f64::from(u_bits + weights.k)).exp2());
            let expected = if weights.neg { round(fo + p) } else { round(fv - p) };
            let next = accumulator.update(&P, o, v, &weights, u_bits);
            assert_eq!(format.decode(next), expected, "{format} {fo} {fv} {weights:?}");
        }
    }
}

#[test]
fn accumulators_are_checked() {
    assert_eq!(
        Accumulator::fixed(7).check(BF16).unwrap_err(),
        "fixed 7: must be 8 (the precision of bf16) to 40"
    );
    assert_eq!(Accumulator::fixed(8).check(BF16), Ok(()));
    assert_eq!(
        Accumulator::Float(E4M3).check(BF16).unwrap_err(),
        "accumulator fp8-e4m3: must hold every bf16"
    );
    assert_eq!(Accumulator::Float(BF16).check(E4M3), Ok(()));
    assert_eq!((Accumulator::fixed(16).width(), Accumulator::Float(BF16).width()), (17, 16));
}

/// Softmax-weighted mean in `f64` of base-2 scores on the grid of the design.
fn exact(spec: &LseSpec, scores: &[i64], values: &[Vec<u64>]) -> Vec<f64> {
    let unit = (-f64::from(spec.fs)).exp2();
    let most = *scores.iter().max().unwrap();
    let weights: Vec<f64> = scores.iter().map(|s| ((s - most) as f64 * unit).exp2()).collect();
    let total: f64 = weights.iter().sum();
    let mean =
        |d: usize| values.iter().zip(&weights).map(|(v, w)| BF16.decode(v[d]) * w).sum::<f64>() / total;
    (0..values[0].len()).map(mean).collect()
}

struct Case {
    scores: Vec<i64>,
    values: Vec<Vec<u64>>,
}

/// Values whose exponents grow along the keys, so that the anchor rises several times.
fn case(spec: &LseSpec, keys: usize, seed: u64) -> Case {
    let mut rng = Rng::new(seed);
    let scores = (0..keys).map(|_| rng.range(-6 << spec.fs, 6 << spec.fs)).collect();
    let number = |rng: &mut Rng, i: usize| BF16.encode((rng.unit() - 0.5) * (i as f64 / 8.0).exp2(), &P);
    let values = (0..keys).map(|i| (0..8).map(|_| number(&mut rng, i)).collect()).collect();
    Case { scores, values }
}

fn run(kernel: &LseKernel, case: &Case, keys: std::ops::Range<usize>) -> Option<LseState> {
    keys.fold(None, |state, i| {
        let v = &case.values[i];
        Some(kernel.step(state, case.scores[i], v, kernel.row_anchor(v)))
    })
}

fn relative_error(kernel: &LseKernel, state: &LseState, exact: &[f64]) -> f64 {
    let ours = kernel.output(state, FP32);
    let error: f64 = ours.iter().zip(exact).map(|(&o, e)| (FP32.decode(o) - e).powi(2)).sum();
    (error / exact.iter().map(|e| e * e).sum::<f64>()).sqrt()
}

fn kernel(spec: LseSpec, accumulator: Accumulator) -> LseKernel {
    LseKernel::new(spec, accumulator, BF16, P).unwrap()
}

#[test]
fn states_follow_softmax_flat_and_merged() {
    let m12 = Accumulator::Float(catalog::parse("m12").unwrap());
    let fine = LseSpec::FINE.with_fc(16);
    for (spec, bound) in [(LseSpec::TABLE, 0.2), (LseSpec::MID.with_fc(14), 0.03), (fine, 0.015)] {
        for accumulator in [m12, Accumulator::fixed(19)] {
            let kernel = kernel(spec, accumulator);
            for seed in 0..20 {
                let case = case(&spec, 60, seed);
                let exact = exact(&spec, &case.scores, &case.values);
                let flat = run(&kernel, &case, 0..60).unwrap();
                let blocks = [0..7, 7..7, 7..30, 30..60].map(|keys| run(&kernel, &case, keys));
                let merged = blocks.into_iter().reduce(|a, b| kernel.merge(a, b)).flatten().unwrap();
                for state in [flat, merged] {
                    let error = relative_error(&kernel, &state, &exact);
                    assert!(error < bound, "{spec:?} {accumulator:?} {error}");
                }
            }
        }
    }
}

#[test]
fn merging_is_neutral_towards_the_empty_state() {
    let kernel = kernel(LseSpec::MID, Accumulator::fixed(16));
    let case = case(&LseSpec::MID, 9, 3);
    let state = run(&kernel, &case, 0..9);
    assert_eq!(kernel.merge(state.clone(), None), state);
    assert_eq!(kernel.merge(None, state.clone()), state);
    assert_eq!(kernel.merge(None, None), None);
}

/// A block of one key merged is that key's step: the same datapath.
#[test]
fn merging_a_single_key_is_a_step() {
    for accumulator in [Accumulator::fixed(16), Accumulator::Float(BF16)] {
        let kernel = kernel(LseSpec::FINE, accumulator);
        let case = case(&LseSpec::FINE, 10, 4);
        let (nine, last) = (run(&kernel, &case, 0..9), run(&kernel, &case, 9..10));
        assert_eq!(kernel.merge(nine, last), run(&kernel, &case, 0..10));
    }
}

/// Thresholds on either side of x = ±13: held, replaced, and otherwise as without one.
#[test]
fn skipping_holds_or_replaces() {
    let plain = kernel(LseSpec::MID, Accumulator::fixed(16));
    let skipping = plain.clone().with_skip(13);
    let fs = LseSpec::MID.fs;
    let [v, other] = [0x3f80, 0xbf00].map(|bits| vec![bits]);
    let first = plain.step(None, 0, &v, 127);
    for (s, expected) in [
        (-(13 << fs), first.clone()),
        (1 - (13 << fs), plain.step(Some(first.clone()), 1 - (13 << fs), &other, 127)),
        ((13 << fs) - 1, plain.step(Some(first.clone()), (13 << fs) - 1, &other, 127)),
        (13 << fs, plain.step(None, 13 << fs, &other, 127)),
    ] {
        assert_eq!(skipping.step(Some(first.clone()), s, &other, 127), expected, "{s}");
    }
    let (held, updated) = (first.clone(), plain.step(Some(first.clone()), -(10 << fs), &other, 127));
    assert_ne!(held, updated);
    let far = plain.step(None, -(20 << fs), &other, 127);
    assert_eq!(skipping.merge(Some(first.clone()), Some(far.clone())), plain.merge(Some(first), Some(far)));
}

/// Scores 0, −100, 0: the state survives, where a weight of 8 exponent bits would be lost.
#[test]
fn a_deep_dip_is_survived() {
    let kernel = kernel(LseSpec::FINE, Accumulator::fixed(16));
    let one = |x: f64| vec![BF16.encode(x, &P)];
    let case = Case {
        scores: [0, -200, 0, 0].map(|s| s << LseSpec::FINE.fs).to_vec(),
        values: [1.0, -3.0, 2.0, 0.25].map(one).to_vec(),
    };
    let state = run(&kernel, &case, 0..4).unwrap();
    let error = relative_error(&kernel, &state, &exact(&LseSpec::FINE, &case.scores, &case.values));
    assert!(error < 0.008, "{error}");
}

/// Random stratified values, extremes of the format included: nothing panics and o stays in the hull of v.
#[test]
fn extreme_values_stay_in_the_hull() {
    let kernel = kernel(LseSpec::MID, Accumulator::fixed(16));
    let mut source = Stratified::new(BF16, 8);
    for _ in 0..300 {
        let v: Vec<u64> = (0..20).map(|_| source.value()).collect();
        let state = v.iter().fold(None, |state, &v| {
            let s = source.rng().range(-400, 400);
            Some(kernel.step(state, s, &[v], BF16.exp_field(v)))
        });
        let state = state.unwrap();
        let o = FP32.decode(kernel.output(&state, FP32)[0]);
        let unit = (state.anchor as f64 - 127.0 + 1.0 - 16.0).exp2();
        let reals = || v.iter().map(|&v| BF16.decode_flush(v));
        let (low, high) = (reals().fold(f64::INFINITY, f64::min), reals().fold(f64::NEG_INFINITY, f64::max));
        assert!(o >= low - unit && o <= high + unit, "{o} {low} {high}");
    }
}

#[test]
fn an_illegal_kernel_is_refused() {
    let error = |spec, accumulator, value: Format| LseKernel::new(spec, accumulator, value, P).unwrap_err();
    assert!(error(LseSpec { fx: 0, ..LseSpec::MID }, Accumulator::fixed(16), BF16).starts_with("fx = 0"));
    assert!(error(LseSpec::MID, Accumulator::fixed(4), BF16).starts_with("fixed 4"));
}

/// A fixed-point v stands at a fixed place: no anchor, and what an accumulator holds comes back as it went in.
#[test]
fn fixed_point_values_have_no_anchor() {
    let q8_8 = Number::parse("q8.8").unwrap();
    let accumulator = Accumulator::fixed(18);
    let number = Number::Fixed(Fixed::new(8, 11, true).unwrap());
    assert_eq!(accumulator.elements(q8_8), Elements::Numbers(number));
    assert_eq!(accumulator.elements(BF16), Elements::Anchored { value: BF16, frac_bits: 18 });
    assert_eq!(
        Accumulator::fixed(14).check(q8_8).unwrap_err(),
        "fixed 14: must be 15 (the precision of q8.8) to 40"
    );
    for pattern in 0..1 << 16 {
        let o = accumulator.load(&P, q8_8, pattern, 0);
        assert_eq!(signed(accumulator, o), i64::from(pattern as u16 as i16) << 3);
        assert_eq!(accumulator.output(&P, q8_8, q8_8, o, 0), pattern);
        let rounded = FP32.decode(accumulator.output(&P, q8_8, FP32, o, 0));
        assert_eq!(rounded, q8_8.decode(pattern));
    }
    // 2^-3 units of the result: ties to even, no carry out of the range.
    let output = |o: i64| accumulator.output(&P, q8_8, q8_8, (o & 0x7ffff) as u64, 0) as i16;
    assert_eq!([4, 12, -4, -12, 13, 0x3ffff, -0x40000].map(output), [0, 2, 0, -2, 2, i16::MAX, i16::MIN]);
}
