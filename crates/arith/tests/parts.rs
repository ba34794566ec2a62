//! Parts that kernels use and that are no units of their own, against their references: the dot product with a run-time
//! scale and of fixed point, conversions of fixed point, base-2 scores and fractions, levels and scores of ExpMul, mixed formats, subtraction, σ and ln in the widths of
//! accumulators.

mod support;

use arith::convert::number_type;
use arith::operator::Case;
use arith::{
    AlignToAnchor, Convert, Exp2Fraction, ExpMul, FpAdd, FpMul, FusedDot, Ln, Sigmoid, ToBase2Score,
};
use hdl::{Design, ModuleBuilder, Reset, Signal, Timing, Type, elaborate};
use numerics::catalog::{BF16, E4M3, FP32};
use numerics::lse::{Accumulator, LseSpec};
use numerics::stratified::{Rng, Stratified};
use numerics::{
    Base2Score, Base2Spec, DotSpec, ExpMulSpec, Fixed, Format, Number, Policy, Rounding, SigmoidForm,
    SigmoidLnSpec, catalog, dot, scalar,
};
use support::{STIMULI, simulate, timing};

fn clocks() -> [Option<Timing>; 3] {
    [None, Some(timing(200.0)), Some(timing(550.0))]
}

/// A design of one output `y` at every clock, against expected results.
fn check(
    cases: &[Case],
    expected: impl Fn(&Case) -> u64,
    inputs: &[(&str, Type)],
    build: impl for<'b> Fn(&'b ModuleBuilder, &[Signal<'b>]) -> Signal<'b>,
) {
    let expected: Vec<u64> = cases.iter().map(expected).collect();
    for clock in clocks() {
        let top = |b: &ModuleBuilder| {
            let x: Vec<Signal<'_>> = inputs.iter().map(|&(name, ty)| b.input(name, ty)).collect();
            b.output("y", build(b, &x));
        };
        let design: Design = elaborate("part", "one part", clock, Reset::default(), top).unwrap();
        for ((case, expected), found) in cases.iter().zip(&expected).zip(simulate(&design, cases)) {
            assert!(found == [*expected], "{case:x?}: expected {expected:x}, found {found:x?}");
        }
    }
}

fn float(format: Format) -> Type {
    Type::unsigned(format.width())
}

/// Every finite pattern.
fn all(format: Format) -> impl Iterator<Item = u64> {
    (0..1u64 << format.width()).filter(move |&x| format.is_finite(x))
}

#[test]
fn dot_with_a_scale() {
    let policy = Policy::default();
    let plain = DotSpec::new(BF16, BF16);
    let specs = [
        plain.with_scale(BF16),
        DotSpec::new(E4M3, BF16).with_scale(BF16),
        DotSpec::new(E4M3, FP32).with_scale(E4M3).with_align_bits(30),
        plain.with_scale(FP32).with_align_bits(16),
    ];
    for (spec, length) in specs.into_iter().zip([5, 8, 33, 1]) {
        let format = spec.scale.unwrap();
        let (mut vectors, mut scales) =
            (Stratified::new(spec.operand.float().unwrap(), 1), Stratified::new(format, 2));
        let scales: Vec<u64> = (0..STIMULI).map(|_| scales.value()).collect();
        let case = |n: usize| {
            let (a, b) = vectors.vectors(length);
            vec![a, b, vec![scales[n % STIMULI]]] // a scale stays while anything is in flight
        };
        let cases: Vec<Case> = (0..20_000).map(case).collect();
        let row = number_type(spec.operand).times(length as u32);
        let unit = FusedDot { spec, length: length as u32, policy };
        let expected = |c: &Case| dot::dot(&spec, &policy, &c[0], &c[1], Some(c[2][0]));
        let inputs = [("a", row), ("b", row), ("scale", float(format))];
        check(&cases, expected, &inputs, |b, x| unit.call(b, "dot", x[0], x[1], Some(b.stable(x[2]))));
    }
}

/// Vectors long enough, and so late in their cycle, that terms are compressed before they are added.
#[test]
fn dot_of_compressed_terms() {
    let policy = Policy::default();
    let cases = [
        (FP32, 67, "compress34_"),
        (BF16, 67, "compress34_"),
        (BF16, 128, "compress4_"),
        (BF16, 16, "compress5_"),
    ];
    for (result, length, kind) in cases {
        let operand = BF16;
        let spec = DotSpec::new(operand, result);
        let unit = FusedDot { spec, length: length as u32, policy };
        let case = |n| {
            let (a, b) = Stratified::new(operand, n).vectors(length);
            vec![a, b, vec![n % 2]]
        };
        let cases: Vec<Case> = (0..1_000).map(case).collect();
        let design = elaborate("part", "one part", Some(timing(500.0)), Reset::default(), |b| {
            let ty = float(operand).times(length as u32);
            let (x, y, swap) = (b.input("a", ty), b.input("b", ty), b.input("swap", Type::unsigned(1)));
            b.output("y", unit.call(b, "dot", swap.mux(y, x), swap.mux(x, y), None));
        })
        .unwrap();
        for (case, found) in cases.iter().zip(simulate(&design, &cases)) {
            let expected = dot::dot(&spec, &policy, &case[0], &case[1], None);
            assert!(found == [expected], "{case:x?}: expected {expected:x}, found {found:x?}");
        }
        assert!(design.modules.iter().any(|module| module.name.starts_with(kind)), "{length} terms");
    }
}

/// Integers of a format, a third of the rows at an end of the range.
fn fixed_row(rng: &mut Rng, format: Fixed, length: usize) -> Vec<u64> {
    let end = [format.min(), format.max()][rng.below(2) as usize];
    let far = rng.below(3) == 0;
    let element = |rng: &mut Rng| format.min() + rng.below(1 << format.width()) as i64;
    (0..length).map(|_| format.pattern(if far { end } else { element(rng) })).collect()
}

#[test]
fn dot_of_fixed_point() {
    let policy = Policy::default();
    let cases = [
        ("q8.8", FP32, None, 64),
        ("q8.8", BF16, Some(BF16), 5),
        ("q1.27", FP32, None, 33),
        ("q3.1", BF16, None, 1),
        ("q1.1", BF16, None, 1),
        ("q8.8", FP32, Some(FP32), 33),
    ];
    for (name, result, scale, length) in cases {
        let operand = Number::parse(name).unwrap();
        let Number::Fixed(format) = operand else { unreachable!() };
        let spec = DotSpec { scale, ..DotSpec::new(operand, result) };
        let unit = FusedDot { spec, length: length as u32, policy };
        let mut rng = Rng::new(3);
        let scales: Vec<u64> = scale.map_or(vec![], |format| {
            (0..STIMULI).map(|i| Stratified::new(format, i as u64).value()).collect()
        });
        let case = |n: usize| {
            let rows = [(); 2].map(|()| fixed_row(&mut rng, format, length));
            rows.into_iter().chain(scale.map(|_| vec![scales[n % STIMULI]])).collect()
        };
        let cases: Vec<Case> = (0..5_000).map(case).collect();
        let row = number_type(operand).times(length as u32);
        let inputs = [("a", row), ("b", row)].into_iter().chain(scale.map(|format| ("scale", float(format))));
        let inputs: Vec<_> = inputs.collect();
        let expected = |c: &Case| dot::dot(&spec, &policy, &c[0], &c[1], c.get(2).map(|scale| scale[0]));
        check(&cases, expected, &inputs, |b, x| {
            unit.call(b, "dot", x[0], x[1], x.get(2).map(|&scale| b.stable(scale)))
        });
    }
}

/// Between every two of these formats and under both roundings; every pattern of up to 16 bits.
#[test]
fn conversions_with_fixed_point() {
    let formats =
        ["bf16", "fp8-e4m3", "q8.8", "q4.4", "q1.11", "q8.11", "q2.0"].map(|n| Number::parse(n).unwrap());
    for (from, to) in formats.into_iter().flat_map(|from| formats.map(|to| (from, to))) {
        if from == to || (from.float().is_some() && to.float().is_some()) {
            continue;
        }
        let legal = |bits: &u64| from.float().is_none_or(|format| format.is_finite(*bits));
        let step = if from.width() > 16 { 7 } else { 1 };
        let cases: Vec<Case> =
            (0..1u64 << from.width()).step_by(step).filter(legal).map(|bits| vec![vec![bits]]).collect();
        for policy in [Rounding::Rne, Rounding::Rtz].map(Policy::with_rounding) {
            let unit = Convert { from, to, policy };
            let expected = |c: &Case| scalar::convert(from, to, &policy, c[0][0]);
            check(&cases, expected, &[("x", number_type(from))], |b, x| unit.call(b, "convert", x[0]));
        }
    }
}

/// Every pattern, below its own exponent and below larger ones until nothing is left of it, and beyond.
#[test]
fn values_below_an_anchor() {
    for (format, frac_bits) in [(BF16, 8), (BF16, 16), (E4M3, 4), (E4M3, 12)] {
        let most = (1 << format.exp_bits) - 1;
        let below = |v: u64| {
            let exp = (v >> format.man_bits) & most;
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 16, 17, 18, 19, 31, 32, 64, 200]
                .into_iter()
                .map(move |distance| exp + distance)
                .filter(|&anchor| anchor <= most)
                .map(move |anchor| vec![vec![v], vec![anchor]])
        };
        let cases: Vec<Case> = all(format).flat_map(below).collect();
        let accumulator = Accumulator::fixed(frac_bits);
        let expected = |c: &Case| accumulator.load(&Policy::default(), format, c[0][0], c[1][0]);
        let inputs = [("v", float(format)), ("anchor", Type::unsigned(format.exp_bits))];
        check(&cases, expected, &inputs, |b, x| {
            let unit = AlignToAnchor { format, frac_bits }.define(b);
            b.instantiate("align", 1, unit, &[("v", x[0].into()), ("anchor", x[1].into())])[0]
        });
    }
}

#[test]
fn exp_mul_scores_of_every_bf16() {
    let cases: Vec<Case> = all(BF16).map(|x| vec![vec![x]]).collect();
    for frac_bits in [0, 1, 2, 5, 8] {
        let spec = ExpMulSpec::new(BF16, BF16, BF16, frac_bits);
        let unit = ExpMul { spec, policy: Policy::default() };
        let mask = u64::MAX >> (64 - spec.score_bits());
        let input = [("s", float(BF16))];
        let score = |c: &Case| spec.quantize_score(c[0][0]) as u64 & mask;
        check(&cases, score, &input, |b, x| unit.quantize_score(b, "score", x[0]));
        let level = |c: &Case| u64::from(spec.quantize(c[0][0]));
        check(&cases, level, &input, |b, x| unit.quantize(b, "level", x[0]));
    }
}

#[test]
fn base2_scores_of_every_bf16() {
    let cases: Vec<Case> = all(BF16).map(|x| vec![vec![x]]).collect();
    for (int_bits, frac_bits) in [(9, 7), (4, 12), (14, 1)] {
        let score = Base2Score { int_bits, frac_bits };
        let mask = u64::MAX >> (64 - score.bits());
        let expected = |c: &Case| score.quantize(BF16, c[0][0], true) as u64 & mask;
        let unit = ToBase2Score { format: BF16, score };
        check(&cases, expected, &[("s", float(BF16))], |b, x| unit.call(b, "score", x[0]));
    }
}

#[test]
fn powers_of_two_of_every_fraction() {
    for (frac_bits, weight_bits, segments) in [(7, 8, 8), (7, 8, 128), (9, 2, 4), (4, 5, 1), (10, 12, 16)] {
        let score = Base2Score { int_bits: 9, frac_bits };
        let spec = Base2Spec { score, weight_bits, segments };
        let cases: Vec<Case> = (0..1 << frac_bits).map(|fraction| vec![vec![fraction]]).collect();
        let table = spec.tables();
        let expected = |c: &Case| spec.significand(&table, c[0][0]) - (1 << (weight_bits - 1));
        let input = [("fraction", Type::unsigned(frac_bits))];
        check(&cases, expected, &input, |b, x| Exp2Fraction { spec }.call(b, "exp2", x[0]));
    }
}

/// Every level on operands of every kind, levels beyond the flushing one included.
#[test]
fn exp_mul_products_at_every_level() {
    for (value, result, frac_bits) in [(BF16, BF16, 0), (BF16, BF16, 2), (E4M3, BF16, 5), (BF16, E4M3, 1)] {
        let spec = ExpMulSpec::new(value, BF16, result, frac_bits);
        let unit = ExpMul { spec, policy: Policy::default() };
        let mut values = Stratified::new(value, 3);
        let cases: Vec<Case> =
            (0..40_000).map(|n| vec![vec![values.value()], vec![n % (spec.most() + 1)]]).collect();
        let expected = |c: &Case| spec.apply(&unit.policy, c[0][0], c[1][0] as u32);
        let inputs = [("v", float(value)), ("level", unit.level_type())];
        check(&cases, expected, &inputs, |b, x| unit.apply(b, "apply", x[0], x[1]));
    }
}

#[test]
fn products_of_two_formats() {
    let policy = Policy::default();
    for (fa, fb, result) in [(BF16, E4M3, BF16), (E4M3, BF16, E4M3), (FP32, BF16, BF16), (E4M3, E4M3, FP32)] {
        let (mut a, mut b) = (Stratified::new(fa, 4), Stratified::new(fb, 5));
        let cases: Vec<Case> = (0..40_000).map(|_| vec![vec![a.value()], vec![b.value()]]).collect();
        let unit = FpMul { a: fa, b: fb, result, policy };
        let expected = |c: &Case| scalar::mul(fa, fb, result, &policy, c[0][0], c[1][0]);
        check(&cases, expected, &[("a", float(fa)), ("b", float(fb))], |b, x| {
            unit.call(b, "mul", x[0], x[1])
        });
    }
}

#[test]
fn differences() {
    let (format, policy) = (E4M3, Policy::default());
    let cases: Vec<Case> =
        all(format).flat_map(|a| all(format).map(move |b| vec![vec![a], vec![b]])).collect();
    let unit = FpAdd { format, policy };
    let expected = |c: &Case| scalar::sub(format, &policy, c[0][0], c[1][0]);
    let inputs = [("a", float(format)), ("b", float(format))];
    check(&cases, expected, &inputs, |b, x| unit.call_sub(b, "sub", x[0], x[1]));
}

/// σ over stratified operands and around 0, ln over the weights that a kernel may have.
#[test]
fn sigmoid_and_ln_of_wider_formats() {
    let policy = Policy::default();
    let mid = |format| SigmoidLnSpec { format, form: SigmoidForm::RangeReduced(LseSpec::MID) };
    let [m3, m9, m12] = ["m3", "m9", "m12"].map(|name| catalog::parse(name).unwrap());
    let specs = [m3, m9, m12, FP32].map(SigmoidLnSpec::new);
    for spec in
        specs.into_iter().chain([SigmoidLnSpec::direct8(m12), SigmoidLnSpec::direct8(FP32), mid(BF16)])
    {
        let (format, mut random) = (spec.format, Stratified::new(spec.format, 6));
        let near = (-16_000..16_000).map(|i| format.encode(f64::from(i) / 333.0, &policy));
        let cases: Vec<Case> =
            near.chain((0..20_000).map(|_| random.value())).map(|x| vec![vec![x]]).collect();
        let sigmoid = |c: &Case| spec.sigmoid(&policy, c[0][0]);
        check(&cases, sigmoid, &[("x", float(format))], |b, x| {
            Sigmoid { spec, policy }.call(b, "sigmoid", x[0])
        });

        let span = format.one() - format.min_normal_bits() + 1;
        let weights = (0..span.min(40_000)).map(|n| format.one() - n * (span / span.min(40_000)));
        let cases: Vec<Case> = weights.map(|w| vec![vec![w]]).collect();
        let ln = |c: &Case| spec.ln(&policy, c[0][0]);
        check(&cases, ln, &[("w", float(format))], |b, x| Ln { spec, policy }.call(b, "ln", x[0]));
    }
}
