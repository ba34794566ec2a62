//! The workload groups: their scores are what they say, and they repeat.

use attention::accuracy::ModelAccuracy;
use attention::workload::groups::{GROUPS, Group, Shape, Values};
use attention::{Config, EngineSpec, Workload};
use numerics::catalog::{BF16, E4M3, FP32};
use numerics::{DotSpec, Format, Policy, dot};

const D: usize = 32;

fn group(name: &str) -> &'static Group {
    Group::find(name).unwrap()
}

fn row(group: &Group, input: Format, seed: u64, row: usize) -> Workload {
    group.row(group.shape(D, input), seed, row)
}

/// The scores as the engine's dot product gives them in fp32.
fn engine_scores(workload: &Workload, input: Format) -> Vec<f64> {
    let policy = Policy::default();
    let quantized = workload.quantize(input, &policy);
    assert_eq!(quantized.saturation.saturated, 0, "{}", workload.source);
    let (spec, head) = (DotSpec::new(input, FP32), &quantized.heads[0]);
    let score = |key: &[u64]| FP32.decode(dot::dot(&spec, &policy, &head.q, key, None));
    head.k.chunks_exact(workload.head_dim).map(score).collect()
}

fn scores(name: &str, input: Format) -> Vec<f64> {
    engine_scores(&row(group(name), input, 1, 0), input)
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn deviation(x: &[f64]) -> f64 {
    let mean = mean(x);
    (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64).sqrt()
}

#[test]
fn scores_that_are_prescribed_are_exact() {
    let repeated = |pair: [f64; 2]| pair.repeat(32);
    let ramp: Vec<f64> = (0..256).map(|i| 0.25 * f64::from(i)).collect();
    let steep: Vec<f64> = (0..33).map(|i| 3.0 * f64::from(i)).collect();
    let mut cliff = vec![-6.5; 4096];
    cliff[0] = 0.0;
    for input in [BF16, E4M3] {
        for name in ["uniform", "uniform-offset", "uniform-drift"] {
            assert_eq!(scores(name, input), vec![0.0; 4096]);
        }
        assert_eq!(scores("cliff", input), cliff);
        assert_eq!(scores("alternate-7", input), repeated([0.0, -7.0]));
        assert_eq!(scores("alternate-12", input), repeated([0.0, -12.0]));
        assert_eq!(scores("dip-12", input), [0.0, -12.0, 0.0]);
        assert_eq!(scores("dip-100", input), [0.0, -100.0, 0.0, 0.0]);
        assert_eq!(scores("rise-0.25", input), ramp);
        assert_eq!(scores("rise-3", input), steep);
        let ramp: Vec<f64> = (0..40).map(|i| -0.5 * f64::from(i)).collect();
        assert_eq!(scores("ramp-return", input)[..40], ramp);
        assert_eq!(scores("dominant-first", input)[0], 15.0);
        assert_eq!(scores("dominant-last", input)[255], 15.0);
    }
}

#[test]
fn scores_that_are_drawn_have_their_distribution() {
    for input in [BF16, E4M3] {
        for (name, sigma) in
            [("normal-1", 1.0), ("normal-3", 3.0), ("normal-8", 8.0), ("normal-1-offset", 1.0)]
        {
            let scores = scores(name, input);
            assert!((deviation(&scores) / sigma - 1.0).abs() < 0.1, "{name}: {}", deviation(&scores));
            assert!((mean(&scores) / sigma).abs() < 0.15, "{name}: {}", mean(&scores));
        }
        assert!((deviation(&scores("dominant-first", input)[1..]) - 1.0).abs() < 0.15);
        assert!((deviation(&scores("ramp-return", input)[40..]) - 0.3).abs() < 0.15);
        let wide = scores("wide", input);
        assert!(wide.iter().all(|s| s.abs() <= 100.0) && wide.iter().any(|s| s.abs() > 95.0));
        assert!((deviation(&wide) - 200.0 / 12f64.sqrt()).abs() < 8.0, "{}", deviation(&wide));
    }
}

/// Scores do not depend on the input format beyond what it can hold, values not at all.
#[test]
fn formats_get_the_same_rows() {
    for group in GROUPS.iter().filter(|g| g.keys < 4096) {
        let (bf16, fp8) = (row(group, BF16, 3, 5), row(group, E4M3, 3, 5));
        assert_eq!(bf16.heads[0].v, fp8.heads[0].v, "{}", group.name);
        let pairs = engine_scores(&bf16, BF16).into_iter().zip(engine_scores(&fp8, E4M3));
        for (a, b) in pairs {
            assert!((a - b).abs() <= 0.0005 * a.abs().max(1.0), "{}: {a} {b}", group.name);
        }
    }
}

#[test]
fn rows_repeat_and_differ() {
    for group in GROUPS {
        let values = |seed, at| row(group, BF16, seed, at).heads[0].v.clone();
        let first = row(group, BF16, 1, 0);
        assert_eq!(first, row(group, BF16, 1, 0), "{}", group.name);
        assert!(values(1, 0) != values(1, 1) && values(1, 0) != values(2, 0), "{}", group.name);
        assert_eq!(first.heads[0].keys(D), group.keys);
        assert!(first.source.contains(group.name) && first.queries() == 1);
    }
}

/// A longer sequence begins with the shorter one, so that a plot over lengths shows lengths alone.
#[test]
fn longer_sequences_go_on() {
    for group in GROUPS.iter().filter(|g| g.any_length && g.values != Values::Drift) {
        let at = |keys| group.row(Shape { keys, ..group.shape(D, BF16) }, 1, 2).heads.remove(0);
        let (short, long) = (at(100), at(300));
        assert_eq!(short.v, long.v[..100 * D], "{}", group.name);
        assert_eq!(short.k[..99 * D], long.k[..99 * D], "{}", group.name);
    }
}

#[test]
fn values_are_offset_and_drift() {
    let elements = |name: &str, at: usize| -> Vec<Vec<f64>> {
        let workload = row(group(name), BF16, 1, at);
        let element =
            |i: usize| workload.heads[0].v.iter().skip(i).step_by(D).map(|&v| f64::from(v)).collect();
        (0..D).map(element).collect()
    };
    let plain = elements("uniform", 0);
    let (a, b, drift) =
        (elements("uniform-offset", 0), elements("uniform-offset", 1), elements("uniform-drift", 0));
    let offsets: Vec<f64> = a.iter().map(|v| mean(v)).collect();
    assert!((0.5..1.5).contains(&deviation(&offsets)), "offsets are about standard normal");
    for i in 0..D {
        assert!((deviation(&plain[i]) - 1.0).abs() < 0.06 && mean(&plain[i]).abs() < 0.08);
        assert!((mean(&b[i]) - offsets[i]).abs() < 0.1, "rows share the offset");
        let (early, late) = drift[i].split_at(2048);
        assert!((mean(early) - 2.0 * offsets[i]).abs() < 0.15 && mean(late).abs() < 0.06);
        assert!((deviation(late) - 0.5).abs() < 0.04);
    }
}

#[test]
fn names_are_found_or_suggested() {
    let names: std::collections::BTreeSet<&str> = GROUPS.iter().map(|g| g.name).collect();
    assert_eq!(names.len(), GROUPS.len());
    for group in GROUPS {
        assert_eq!(Group::find(group.name).map(|g| g.rule), Ok(group.rule));
    }
    let Err(error) = Group::find("unifrom") else { panic!("there is no such group") };
    assert!(error.starts_with("unknown group \"unifrom\"; groups are uniform, "), "{error}");
    assert!(error.ends_with("normal-8; did you mean \"uniform\"?"), "{error}");
}

fn engine(kernel: &str, accumulator: &str) -> EngineSpec {
    let text = format!(
        "name = \"e\"\n[kernel]\n{kernel}\n[array]\nhead_dim = {D}\nquery_lanes = 1\n[format]\n\
         score = \"m15\"\naccumulator = \"{accumulator}\""
    );
    let config = Config::parse(&text, "e.toml", &[]).unwrap_or_else(|e| panic!("{e}"));
    EngineSpec::new("e", config.engine().unwrap(), config.policy)
}

fn relative_l2(spec: &EngineSpec, group: &Group, rows: usize) -> f64 {
    let mut accuracy = ModelAccuracy::default();
    (0..rows).for_each(|at| accuracy.merge(&ModelAccuracy::of(spec, &row(group, BF16, 1, at))));
    assert_eq!(accuracy.report().queries, rows as u64);
    accuracy.report().relative_l2()
}

/// ℓ stops at 256 in bf16, so thousands of equal scores are far off; enough bits, or a state without ℓ, are not.
#[test]
fn a_kernel_known_to_be_bad_is_measured_as_bad() {
    let uniform = group("uniform");
    let bf16 = relative_l2(&engine("name = \"fa2\"", "bf16"), uniform, 1);
    assert!((2.0..100.0).contains(&bf16), "{bf16}");
    let wide = relative_l2(&engine("name = \"fa2\"", "m16"), uniform, 1);
    assert!((0.0..0.02).contains(&wide), "{wide}");
    let fine = "name = \"flash-d-lse\"\npreset = \"fine\"\nc_fraction_bits = 16";
    let fine = relative_l2(&engine(fine, "m13"), uniform, 1);
    assert!((0.0..0.01).contains(&fine), "{fine}");
}

#[test]
fn one_key_gives_its_value() {
    let single = Shape { keys: 1, ..group("normal-8").shape(D, BF16) };
    let workload = group("normal-8").row(single, 1, 0);
    let report = ModelAccuracy::of(&engine("name = \"fa2\"", "bf16"), &workload).report();
    assert!(report.relative_l2() < 0.004, "{}", report.relative_l2());
    let unrounded = report.comparison.unrounded_inputs.relative_l2;
    assert!((1e-4..0.01).contains(&unrounded), "rounding v to bf16 costs {unrounded}");
}

#[test]
fn parts_add_up_to_the_whole() {
    let spec = engine("name = \"fa2\"", "m12");
    let mut whole = row(group("normal-3"), BF16, 1, 0);
    whole.heads.extend(row(group("normal-8"), BF16, 1, 1).heads);
    let mut sum = ModelAccuracy::default();
    for head in &whole.heads {
        sum.merge(&ModelAccuracy::of(&spec, &Workload { heads: vec![head.clone()], ..whole.clone() }));
    }
    assert_eq!(sum.report(), ModelAccuracy::of(&spec, &whole).report());
}

/// Scores 0, −12 repeated against a threshold of 13 octaves of 17: every low score is held, and no other.
#[test]
fn skipped_steps_are_counted() {
    let lse = |threshold: u32| {
        let kernel = format!("name = \"flash-d-lse\"\npreset = \"mid\"\nskip_threshold = {threshold}");
        ModelAccuracy::of(&engine(&kernel, "m12"), &row(group("alternate-12"), BF16, 1, 0)).report()
    };
    assert_eq!((lse(13).counts.steps, lse(13).counts.skipped, lse(13).skip_fraction), (64, 32, 0.5));
    assert_eq!((lse(0).counts.skipped, lse(30).counts.skipped), (0, 0));
    let fa2 = ModelAccuracy::of(&engine("name = \"fa2\"", "bf16"), &row(group("wide"), BF16, 1, 0)).report();
    assert_eq!((fa2.counts.steps, fa2.counts.skipped), (256, 0));
}

/// ±100 in natural units is ±144 in base 2, more than 7 integer bits with sign hold.
#[test]
fn saturated_scores_are_counted() {
    let saturated = |spec: &EngineSpec| {
        ModelAccuracy::of(spec, &row(group("wide"), BF16, 1, 0)).report().counts.saturated_scores
    };
    let scores = scores("wide", BF16);
    let limit = 64.0 * std::f64::consts::LN_2;
    let beyond = scores.iter().filter(|s| s.abs() > limit).count() as u64;
    assert!(beyond > 100);
    let mid = "name = \"flash-d-lse\"\npreset = \"mid\"";
    assert_eq!(saturated(&engine(mid, "m12")), 0);
    let narrow = saturated(&engine(&format!("{mid}\nscore_integer_bits = 7"), "m12"));
    assert!(beyond.abs_diff(narrow) <= 1, "{beyond} {narrow}");
    assert_eq!(saturated(&engine("name = \"fa2\"", "bf16")), 0);
}

/// Values beyond the output format are its largest number in the result, and counted.
#[test]
fn saturated_results_are_counted() {
    let mut spec = engine("name = \"fa2\"", "m12");
    spec.output = E4M3.into();
    let mut workload = row(group("dip-12"), BF16, 1, 0);
    workload.heads[0].v.iter_mut().skip(1).step_by(D).for_each(|v| *v = -1e4);
    let report = ModelAccuracy::of(&spec, &workload).report();
    assert_eq!((report.counts.results, report.counts.saturated_results), (D as u64, 1));
    assert_eq!(report.comparison.rounded_inputs.not_finite, 0);
}
