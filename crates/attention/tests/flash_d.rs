//! `flash-d`: the engine against its functional model on cases whose result is known, and what the model is worth on
//! attention, by its published strengths and failures.

mod support;

use attention::accuracy::ModelAccuracy;
use attention::functional::{Initial, accumulate};
use attention::kernel::{FlashD, ScoreSkip};
use attention::simulate::{Block, KeyRow, Query, Stalls, run};
use attention::{EngineSpec, Workload};
use hdl::Reset;
use numerics::catalog::{BF16, E4M3, FP32};
use numerics::lse::Accumulator;
use numerics::stratified::Rng;
use numerics::{BlendForm, DotSpec, Format, LseSpec, Policy, SigmoidForm};
use sim::Program;
use std::sync::Arc;
use support::{Choice, engine, timing};

const RANGE_REDUCED: SigmoidForm = SigmoidForm::RangeReduced(LseSpec::FINE);
const PUBLISHED: FlashD =
    FlashD { sigmoid: RANGE_REDUCED, update: BlendForm::Difference, skip: ScoreSkip::None };
const DIRECT: FlashD = FlashD { sigmoid: SigmoidForm::Direct8, ..PUBLISHED };
const SKIPPING: FlashD = FlashD { skip: ScoreSkip::ScoreDelta, ..PUBLISHED };
const UPDATES: [BlendForm; 2] = [BlendForm::Difference, BlendForm::TwoProduct];

/// The kernel with inputs and outputs in bf16 and its whole state in one format.
fn spec(kernel: FlashD, state: Format, head_dim: u32) -> EngineSpec {
    let mut spec = engine(&Choice::Fa2, BF16, head_dim, 1, 1);
    spec.kernel = Arc::new(kernel);
    spec.dot.result = state;
    spec.accumulator = Accumulator::Float(state);
    spec
}

/// The results of a query that meets keys with these scores (masked where there is none) and rows of two values, once
/// they have come out of the engine as the functional model says, with and without a clock.
fn two_values(spec: &EngineSpec, keys: &[(Option<f64>, [f64; 2])]) -> [f64; 2] {
    let encode = |x: f64| BF16.encode(x, &Policy::default());
    let block = Block {
        queries: vec![Query { row: vec![encode(1.0), 0], active: true, initial: None }],
        keys: keys
            .iter()
            .map(|&(score, v)| KeyRow {
                k: vec![encode(score.unwrap_or(50.0)), 0],
                v: v.map(encode).to_vec(),
                meets: vec![score.is_some()],
            })
            .collect(),
    };
    let expected = block.reference(spec, None);
    for clock in [None, Some(timing(500.0))] {
        let (fitted, design) = spec.elaborate_auto(clock, Reset::default()).unwrap();
        let mut job = block.clone();
        job.keys.iter_mut().for_each(|row| row.meets.resize(fitted.block() as usize, false));
        let mut simulator = Program::compile(&design).unwrap().simulator(1);
        simulator.randomize(1);
        let outcome =
            run(&fitted, &mut simulator, &[vec![job]], None, Stalls::default(), |_| Ok(())).unwrap();
        assert_eq!(outcome[0].rows, expected, "{:?}", spec.kernel);
    }
    [0, 1].map(|i| BF16.decode(expected[0].row[i]))
}

fn all_kernels() -> impl Iterator<Item = FlashD> {
    let forms = [RANGE_REDUCED, SigmoidForm::Direct8];
    let skips = [ScoreSkip::None, ScoreSkip::ScoreDelta];
    let kernels =
        forms.map(|sigmoid| UPDATES.map(|update| skips.map(|skip| FlashD { sigmoid, update, skip })));
    kernels.into_iter().flatten().flatten()
}

#[test]
fn a_first_key_is_its_value() {
    for kernel in all_kernels() {
        let spec = spec(kernel, BF16, 2);
        let tiny = 2f64.powi(-130);
        for v in [[1.5, -0.0], [-tiny, tiny], [BF16.decode(BF16.max_finite_bits()), -2.0]] {
            let flushed = v.map(|x| if x.abs() == tiny { x.signum() * 0.0 } else { x });
            for score in [0.0, -90.0, 300.0] {
                let found = two_values(&spec, &[(None, [7.0, 7.0]), (Some(score), v), (None, [9.0, -9.0])]);
                assert_eq!(found.map(f64::to_bits), flushed.map(f64::to_bits), "{kernel:?}");
            }
        }
    }
}

#[test]
fn masked_keys_hold_the_state() {
    for kernel in all_kernels() {
        let spec = spec(kernel, BF16, 2);
        let keys = [(0.5, [1.0, -3.0]), (1.25, [0.75, 4.0]), (-2.0, [-8.0, 0.5])];
        let met: Vec<_> = keys.iter().map(|&(s, v)| (Some(s), v)).collect();
        let masked = [(None, [-100.0, 50.0]); 2];
        let spread: Vec<_> = met.iter().flat_map(|&key| [masked[0], key, masked[1]]).collect();
        assert_eq!(two_values(&spec, &met), two_values(&spec, &spread), "{kernel:?}");
    }
}

/// Weights 1, 1/2, 1/3, …: the mean, as well as bf16 and the tables keep it.
#[test]
fn equal_scores_give_the_mean() {
    let mut rng = Rng::new(3);
    let values: Vec<[f64; 2]> = (0..64).map(|_| [1.0 + rng.unit(), -1.0 - rng.unit()]).collect();
    let mean = [0, 1].map(|i| values.iter().map(|v| v[i]).sum::<f64>() / 64.0);
    let keys: Vec<_> = values.iter().map(|&v| (Some(1.0), v)).collect();
    for update in UPDATES {
        for (state, within) in [(BF16, 0.05), (Format::new(8, 12).unwrap(), 0.02)] {
            let found = two_values(&spec(FlashD { update, ..PUBLISHED }, state, 2), &keys);
            for (found, mean) in found.iter().zip(mean) {
                assert!((found / mean - 1.0).abs() < within, "{update:?} {state}: {found} for {mean}");
            }
        }
    }
}

/// After a score lower by 100 the weight has underflown, and what came before it is forgotten, in any format of
/// 8 exponent bits: the result is the last value, not the mean of the first and the last.
#[test]
fn a_fall_by_100_forgets() {
    let keys = [(Some(0.0), [1.0, -1.0]), (Some(-100.0), [5.0, 5.0]), (Some(0.0), [3.0, 2.0])];
    for state in [BF16, FP32] {
        assert_eq!(two_values(&spec(PUBLISHED, state, 2), &keys), [3.0, 2.0], "{state}");
    }
    let [shallow, _] = two_values(&spec(PUBLISHED, FP32, 2), &[keys[0], (Some(-30.0), [5.0, 5.0]), keys[2]]);
    assert!((shallow - 2.0).abs() < 0.02, "{shallow}");
}

#[test]
fn a_difference_of_scores_skips() {
    let values = [[1.0, -1.0], [5.0, 5.0]];
    let pair = |from, to| [(Some(from), values[0]), (Some(to), values[1])];
    for update in UPDATES {
        let spec = spec(FlashD { update, ..SKIPPING }, BF16, 2);
        assert_eq!(two_values(&spec, &pair(0.0, -6.03125)), values[0], "below -6 holds");
        assert_ne!(two_values(&spec, &pair(0.0, -6.0)), values[0], "-6 does not");
        assert_eq!(two_values(&spec, &pair(-3.0, 8.0625)), values[1], "above 11 replaces");
        let near = two_values(&spec, &pair(-3.0, 8.0));
        assert!((near[0] - 5.0).abs() < 0.05, "11 does not, and has a weight of almost 1: {near:?}");
        // A held key leaves a weight of 1e-5 behind, and with it the keys before are all but lost to the next.
        let [_, after] =
            two_values(&spec, &[pair(0.0, -7.0)[0], pair(0.0, -7.0)[1], (Some(0.0), [1.0, 3.0])]);
        assert!(after < -0.9, "7 − 11.5 is no weight for an equal score: {after}");
    }
}

/// Relative L2 error of the functional model on given scores (masked where there is none) and normally distributed values.
fn error_on(spec: &EngineSpec, scores: &[Option<f64>]) -> f64 {
    let mut rng = Rng::new(7);
    let mut normal = || (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0;
    let mut row = |_| (0..spec.head_dim).map(|_| BF16.encode(normal(), &spec.policy)).collect();
    let values: Vec<Vec<u64>> = (0..scores.len()).map(&mut row).collect();
    let met = |i: usize| scores[i].map(|s| spec.score().encode(s, &spec.policy));
    let model = spec.kernel.model(spec);
    let state = accumulate(spec, model.as_ref(), Initial::default(), &values, met).expect("a key was met");
    let weight = |i: usize| met(i).map_or(0.0, |s| spec.score().decode(s).exp());
    let total: f64 = (0..scores.len()).map(weight).sum();
    let (mut off, mut all) = (0.0, 0.0);
    for (j, &o) in state.elements.iter().enumerate() {
        let exact = (0..scores.len()).map(|i| weight(i) * BF16.decode(values[i][j])).sum::<f64>() / total;
        off += (spec.float().decode(o) - exact).powi(2);
        all += exact.powi(2);
    }
    (off / all).sqrt()
}

#[test]
fn states_merge_in_blocks() {
    let mut rng = Rng::new(7);
    let scores: Vec<_> = (0..60).map(|i| (i % 5 != 4).then(|| 6.0 * rng.unit() - 3.0)).collect();
    for update in UPDATES {
        for key_block in [None, Some(2), Some(7), Some(60)] {
            let spec = EngineSpec { key_block, ..spec(FlashD { update, ..PUBLISHED }, FP32, 16) };
            let error = error_on(&spec, &scores);
            assert!(error < 0.02, "{update:?} {key_block:?}: {error}");
        }
    }
}

/// With equal scores every weight should be a little less than the one before: the tables' errors add up, whatever the
/// formats, until the keys are accumulated in blocks.
#[test]
fn the_weight_drifts_over_many_keys() {
    for state in [BF16, FP32] {
        let flat = spec(PUBLISHED, state, 16);
        let blocks = EngineSpec { key_block: Some(64), ..flat.clone() };
        let [flat, blocks] = [flat, blocks].map(|spec| error_on(&spec, &[Some(1.0); 4096]));
        assert!((3.0..11.0).contains(&flat) && blocks < 0.07, "{state}: {flat} and {blocks}");
    }
}

/// A skipped key's weight is forgotten, so that the next high score does not know how much there was before it.
#[test]
fn skipping_forgets_the_weight() {
    let scores: Vec<_> = (0..64).map(|i| Some(-7.0 * f64::from(i % 2))).collect();
    let [all, skipping] = [PUBLISHED, SKIPPING].map(|kernel| error_on(&spec(kernel, FP32, 16), &scores));
    assert!(all < 0.05 && skipping > 2.0, "{all} and {skipping}");
}

/// Relative L2 error over a workload, against float64 attention on its rows in the engine's input format, and the
/// fraction of the updates that are skipped.
fn measured(spec: &EngineSpec, workload: &Workload) -> (f64, f64) {
    let report = ModelAccuracy::of(spec, workload).report();
    (report.comparison.rounded_inputs.relative_l2, report.skip_fraction)
}

/// The engine with as many elements as the workload has.
fn fitted(kernel: FlashD, state: Format, workload: &Workload) -> EngineSpec {
    spec(kernel, state, workload.head_dim as u32)
}

#[test]
fn gaussian_heads() {
    let text = "name = \"m\"\n[kernel]\nname = \"flash-d\"\n[array]\nhead_dim = 8\nquery_lanes = 1";
    let sizes = ["workload.heads=6", "workload.queries=8", "workload.keys=100", "workload.sigma=2.0"];
    let config = attention::Config::parse(text, "m", &sizes).unwrap();
    let workload = Workload::generate(config.engine().unwrap());
    let error = |kernel, state| measured(&fitted(kernel, state, &workload), &workload).0;
    let wide = Format::new(8, 15).unwrap();
    let (narrow, wide) = (error(PUBLISHED, BF16), [error(PUBLISHED, wide), error(DIRECT, wide)]);
    println!("bf16 {narrow:.3}, m15 range-reduced {:.4}, direct {:.3}", wide[0], wide[1]);
    assert!((0.02..0.25).contains(&narrow), "{narrow}");
    assert!(wide[0] < 0.04 && wide[1] > 0.3, "{wide:?}");
}

/// What was published, on real tensors, when `FLASHRTL_DATA` points to an `.npz` file of them.
#[test]
fn real_heads() {
    let Some(path) = std::env::var_os("FLASHRTL_DATA") else { return };
    let workload = Workload::load(path.as_ref()).unwrap_or_else(|e| panic!("{e}")).limit(None, Some(16));
    let two_products = |kernel| FlashD { update: BlendForm::TwoProduct, ..kernel };
    let cases = [
        ("range-reduced", PUBLISHED, 0.09..0.13),
        ("range-reduced, two-product", two_products(PUBLISHED), 0.09..0.13),
        ("direct-8", DIRECT, 1.0..1.6),
        ("direct-8, two-product", two_products(DIRECT), 1.0..1.6),
        ("score-delta", SKIPPING, 0.3..0.45),
    ];
    let mut skipped = 0.0;
    for (name, kernel, expected) in cases {
        let (error, skips) = measured(&fitted(kernel, BF16, &workload), &workload);
        println!("{name}: {:.1} %, {:.2} % of the updates skipped", 100.0 * error, 100.0 * skips);
        assert!(expected.contains(&error), "{name}: {error}");
        skipped = skips;
    }
    assert!((0.002..0.006).contains(&skipped), "score-delta: {skipped}");
    let blocks = EngineSpec { key_block: Some(16), ..fitted(PUBLISHED, BF16, &workload) };
    let (error, _) = measured(&blocks, &workload);
    println!("range-reduced in blocks of 16: {:.1} %", 100.0 * error);
    assert!(error < 0.03, "{error}");
    let mut eight_bits = fitted(PUBLISHED, BF16, &workload);
    (eight_bits.dot, eight_bits.value) = (DotSpec::new(E4M3, BF16), E4M3.into());
    println!("e4m3 inputs: {:.1} %", 100.0 * measured(&eight_bits, &workload).0);
}
