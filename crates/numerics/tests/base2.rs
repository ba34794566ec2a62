//! The base-2 online softmax: exact points, tables, and attention against float64.

use numerics::base2::{Base2Kernel, Base2Spec, Base2State};
use numerics::catalog::{self, BF16, FP32};
use numerics::stratified::Rng;
use numerics::{Base2Score, DotSpec, Format, Metrics, Policy, dot, scalar};

fn spec(frac_bits: u32, weight_bits: u32, segments: u32) -> Base2Spec {
    Base2Spec { score: Base2Score { int_bits: 9, frac_bits }, weight_bits, segments }
}

/// A table, a line for all of it, lines, more fraction bits than u resolves, and fewer.
fn specs() -> Vec<Base2Spec> {
    let some = [(7, 8, 8), (7, 8, 128), (4, 5, 1), (12, 2, 4), (12, 4, 4096), (1, 16, 2), (9, 12, 16)];
    some.map(|(frac_bits, weight_bits, segments)| spec(frac_bits, weight_bits, segments)).into()
}

fn kernel(spec: Base2Spec, accumulator: Format) -> Base2Kernel {
    Base2Kernel::new(spec, accumulator, Policy::default()).unwrap()
}

#[test]
fn a_power_of_two_is_exact_and_weights_rise() {
    for spec in specs() {
        let table = spec.tables();
        let half = 1u64 << (spec.weight_bits - 1);
        let u: Vec<u64> =
            (0..1 << spec.score.frac_bits).map(|fraction| spec.significand(&table, fraction)).collect();
        assert_eq!(u[0], half, "2^0 = 1 in {spec:?}");
        assert!(u.is_sorted() && u.iter().all(|&u| (half..2 * half).contains(&u)), "{spec:?}");
        let kernel = kernel(spec, FP32);
        for s in [-5i64, 0, 3].map(|s| s << spec.score.frac_bits) {
            assert_eq!(kernel.weigh(FP32.one(), s), FP32.one());
        }
    }
}

/// Within half a place of u, and what a line may be off by: h²·ln2²/16 over segments of width h.
#[test]
fn weights_are_those_of_the_exponential() {
    for spec in specs() {
        let kernel = kernel(spec, FP32);
        let line = (std::f64::consts::LN_2 / f64::from(spec.segments)).powi(2) / 16.0;
        let place = 0.5f64.powi(spec.weight_bits as i32);
        let saturated = if spec.score.frac_bits > spec.weight_bits { place } else { 0.0 };
        for s in -(3i64 << spec.score.frac_bits)..3 << spec.score.frac_bits {
            let weight = FP32.decode(kernel.weigh(FP32.one(), s));
            let s = s as f64 * 0.5f64.powi(spec.score.frac_bits as i32);
            let error = weight / (s - s.ceil()).exp2() - 1.0;
            let bound = 1.6 * place + line + saturated;
            assert!(
                error.abs() < bound && weight > 0.49 && weight <= 1.0,
                "{spec:?} {s}: {error} of {bound}"
            );
        }
    }
}

#[test]
fn scores_round_up_to_the_maximum() {
    let spec = spec(3, 8, 8);
    for s in -100i64..100 {
        let exact = s as f64 / 8.0;
        assert_eq!(spec.ceil(s) as f64, exact.ceil());
        assert_eq!(spec.fraction(s) as f64 / 8.0, exact - exact.floor());
    }
    assert!(spec.ceil(i64::from(i16::MAX >> 4)) < 1 << (spec.max_bits() - 1));
}

/// Rescaling by the maximum moves exponents and nothing else, down to the smallest normal number.
#[test]
fn rescaling_is_exact() {
    let kernel = kernel(Base2Spec::DEFAULT, BF16);
    let one = BF16.one();
    let state = |max, x| Base2State { max, row: vec![x, x | 0x8000] };
    let nothing = |max| Base2State { max, row: vec![0, 0x8000] };
    for (rise, lowered) in [(0, 0x3f81u64), (1, 0x3f01), (126, 0x0081), (127, 0), (300, 0)] {
        let merged = kernel.merge(Some(state(4, 0x3f81)), nothing(4 + rise));
        assert_eq!(merged, Base2State { max: 4 + rise, row: vec![lowered, lowered | 0x8000] });
        assert_eq!(kernel.merge(Some(nothing(4 + rise)), state(4, 0x3f81)), merged);
    }
    // Scores 0, 1, 2, 3 weigh 1, 2, 4, 8, to the bit.
    let sum = (0..4).fold(None, |state, s| Some(kernel.step(state, s << 7, &[one]))).unwrap();
    assert_eq!((sum.max, BF16.decode(sum.row[0])), (3, 15.0 / 8.0));
}

/// A first key is o = v·2^(s−⌈s⌉), and the result v up to one rounding.
#[test]
fn first_keys_and_empty_states() {
    let kernel = kernel(Base2Spec::DEFAULT, FP32);
    let v = FP32.encode(-3.25, &Policy::default());
    for s in -300..300 {
        let state = kernel.step(None, s, &[FP32.one(), v]);
        let [l, o] = [0, 1].map(|i| FP32.decode(state.row[i]));
        assert_eq!((o / l, state.max), (-3.25, Base2Spec::DEFAULT.ceil(s)));
        assert_eq!(kernel.merge(None, state.clone()), state);
    }
}

#[test]
fn illegal_parameters_are_named() {
    let error = |spec: Base2Spec| spec.check().unwrap_err();
    assert_eq!(error(spec(0, 8, 1)), "score_frac_bits = 0: must be 1 to 12");
    assert_eq!(error(spec(7, 1, 8)), "weight_bits = 1: must be 2 to 16");
    assert_eq!(error(spec(4, 8, 32)), "segments = 32: must be a power of two, 1 to 16");
    assert_eq!(error(spec(4, 8, 3)), "segments = 3: must be a power of two, 1 to 16");
}

struct Design {
    name: &'static str,
    spec: Base2Spec,
    accumulator: &'static str,
    /// Keys accumulated apart and merged.
    block: usize,
    /// Bounds of the relative L2 on normal and on uniform attention, in per cent.
    bounds: [f64; 2],
}

const D: usize = 16;

/// Queries, keys and values, normally distributed; `spread` is the standard deviation of a score.
fn workload(spread: f64, keys: usize) -> [Vec<Vec<u64>>; 3] {
    let mut rng = Rng::new(31);
    let mut normal = || (-2.0 * (1.0 - rng.unit()).ln()).sqrt() * (std::f64::consts::TAU * rng.unit()).cos();
    let mut rows = |count: usize, scale: f64, offset: f64| -> Vec<Vec<u64>> {
        let mut row = || (0..D).map(|_| BF16.encode(scale * normal() + offset, &Policy::default())).collect();
        (0..count).map(|_| row()).collect()
    };
    [rows(6, spread / (D as f64).sqrt(), 0.0), rows(keys, 1.0, 0.0), rows(keys, 1.0, 0.5)]
}

fn reals(row: &[u64]) -> Vec<f64> {
    row.iter().map(|&x| BF16.decode(x)).collect()
}

fn exact(q: &[u64], k: &[Vec<u64>], v: &[Vec<u64>]) -> Vec<f64> {
    let score = |k: &Vec<u64>| reals(q).iter().zip(reals(k)).map(|(q, k)| q * k).sum::<f64>();
    let weights: Vec<f64> = k.iter().map(|k| score(k).exp()).collect();
    let total: f64 = weights.iter().sum();
    let element = |i: usize| weights.iter().zip(v).map(|(w, v)| w * BF16.decode(v[i])).sum::<f64>() / total;
    (0..D).map(element).collect()
}

/// o/ℓ of a query, the division exact.
fn attend(design: &Design, q: &[u64], k: &[Vec<u64>], v: &[Vec<u64>]) -> Vec<f64> {
    let (policy, format) = (Policy::default(), catalog::parse(design.accumulator).unwrap());
    let kernel = kernel(design.spec, format);
    let merged = |a: Option<Base2State>, b: Option<Base2State>| match b {
        None => a,
        Some(b) => Some(kernel.merge(a, b)),
    };
    let (mut whole, mut block) = (None, None);
    for (i, (k, v)) in k.iter().zip(v).enumerate() {
        if i % design.block == 0 {
            whole = merged(whole, block.take());
        }
        let score = dot::dot(&DotSpec::new(BF16, FP32), &policy, q, k, None);
        let wide = |&v: &u64| scalar::convert(BF16, format, &policy, v);
        let row: Vec<u64> = [format.one()].into_iter().chain(v.iter().map(wide)).collect();
        block = Some(kernel.step(block, design.spec.score.quantize(FP32, score, true), &row));
    }
    let row = merged(whole, block).unwrap().row;
    let sum = format.decode(row[0]);
    row[1..].iter().map(|&o| format.decode(o) / sum).collect()
}

/// Flat bf16 stagnates on many equal scores, as it does in all of this family.
#[test]
fn error_against_float64() {
    const FLAT: usize = usize::MAX;
    let default = Base2Spec::DEFAULT;
    let design = |name, spec, accumulator, block, bounds| Design { name, spec, accumulator, block, bounds };
    let designs = [
        design("U = 8, bf16", default, "bf16", FLAT, [1.4, 700.0]),
        design("U = 8, bf16 in blocks of 64", default, "bf16", 64, [1.0, 0.7]),
        design("U = 8, m12", default, "m12", FLAT, [0.19, 0.19]),
        design("U = 8 by table, m12", spec(7, 8, 128), "m12", FLAT, [0.19, 0.19]),
        design("U = 5, Fs = 4, m12", spec(4, 5, 4), "m12", FLAT, [0.6, 0.19]),
        design("U = 12, Fs = 11, fp32", spec(11, 12, 32), "fp32", FLAT, [0.009, 0.0001]),
    ];
    for (i, (spread, keys)) in [(3.0, 200), (0.0, 2048)].into_iter().enumerate() {
        let [q, k, v] = workload(spread, keys);
        for design in &designs {
            let mut metrics = Metrics::new();
            for q in &q {
                metrics.add_row(&attend(design, q, &k, &v), &exact(q, &k, &v), 1.0);
            }
            let error = 100.0 * metrics.relative_l2();
            println!("{}, {keys} keys: {error:.4} %", design.name);
            assert!(error < design.bounds[i], "{}, {keys} keys: {error}", design.name);
        }
    }
}
