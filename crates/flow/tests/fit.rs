//! Delay models fitted: curves of known coefficients are found again, every kind of operation is measured, and what is
//! written into a platform file is what is read from it.

use flow::fit::{Fit, Pipeline, Sample, cases, curve, section};
use hdl::{Curve, DelayModel, OpKind, Operation};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

/// Delays of a curve at random sizes, each off by a random part of at most `noise`.
fn samples(curve: &Curve, noise: f64, random: &mut ChaCha8Rng) -> Vec<Sample> {
    let sample = |_| {
        let (n, m) = (random.random_range(1..=256), random.random_range(1..=64));
        let factor = 1.0 + noise * random.random_range(-1.0..=1.0);
        Sample { operation: Operation { kind: OpKind::Shift, n, m }, delay_ps: factor * curve.delay(n, m) }
    };
    (0..16).map(sample).collect()
}

/// A curve with some of its coefficients 0.
fn random_curve(random: &mut ChaCha8Rng) -> Curve {
    let mut some = |largest: f64| random.random_bool(0.7) as u8 as f64 * random.random_range(0.1..largest);
    Curve { base: 5.0 + some(100.0), log_n: some(80.0), lin_n: some(5.0), log_m: some(80.0) }
}

#[test]
fn known_coefficients_are_found_again() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..200 {
        let known = random_curve(&mut random);
        let found = curve::fit(&samples(&known, 0.0, &mut random), true);
        let pairs = [
            (known.base, found.base),
            (known.log_n, found.log_n),
            (known.lin_n, found.lin_n),
            (known.log_m, found.log_m),
        ];
        assert!(pairs.iter().all(|(k, f)| (k - f).abs() < 1e-2 + 1e-3 * k), "{known:?} {found:?}");
    }
}

/// No other curve with coefficients of at least 0 is closer, and noise does not turn one negative.
#[test]
fn with_noise_the_squares_are_the_least() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..50 {
        let known = random_curve(&mut random);
        let samples = samples(&known, 0.3, &mut random);
        let squares = |c: &Curve| -> f64 {
            samples.iter().map(|s| (c.delay(s.operation.n, s.operation.m) / s.delay_ps - 1.0).powi(2)).sum()
        };
        let best = curve::fit(&samples, true);
        let Curve { base, log_n, lin_n, log_m } = best;
        assert!([base, log_n, lin_n, log_m].iter().all(|x| *x >= 0.0), "{best:?}");
        for step in [-1.0, -0.01, 0.01, 1.0] {
            let near = |x: f64| (x + step).max(0.0);
            let others = [
                Curve { base: near(base), ..best },
                Curve { log_n: near(log_n), ..best },
                Curve { lin_n: near(lin_n), ..best },
                Curve { log_m: near(log_m), ..best },
            ];
            assert!(others.iter().all(|other| squares(other) >= squares(&best) - 1e-6), "{best:?}");
        }
    }
}

#[test]
fn every_kind_of_operation_is_measured_in_several_sizes() {
    let cases = cases::cases();
    for kind in OpKind::ALL {
        let sizes: BTreeSet<(u32, u32)> = cases
            .iter()
            .filter(|c| c.operation.kind == kind)
            .map(|c| (c.operation.n, c.operation.m))
            .collect();
        assert!(sizes.len() >= 3, "{kind:?}: {sizes:?}");
    }
    let names: BTreeSet<String> = cases.iter().map(|case| case.name()).collect();
    assert_eq!(names.len(), cases.len(), "names tell cases apart");
}

/// Every case has one operation between registers, so that its longest stage is that operation's delay.
#[test]
fn a_case_is_its_operation_between_registers() {
    let flat = |delay| Curve { base: delay, ..Curve::default() };
    for case in cases::cases().iter().filter(|c| c.operation.kind != OpKind::Fanout) {
        let ops = [(case.operation.kind, flat(1000.0))].into();
        let model = DelayModel { clk_to_q: 100.0, setup: 10.0, ops };
        let stage = case.design.longest_stage(&model).unwrap();
        assert_eq!((stage.delay_ps, &*stage.register), (1110.0, "y"), "{}", case.name());
    }
}

/// Operations measured as they are, and a pipeline in which they take 0.8 of that.
#[test]
fn the_factor_of_chains_is_found() {
    let case = cases::cases().into_iter().find(|c| c.operation.kind == OpKind::Add).unwrap();
    let sample = |n| Sample {
        operation: Operation { kind: OpKind::Add, n, m: 1 },
        delay_ps: 50.0 * f64::from(n).log2(),
    };
    let fit = Fit::of_operations(80.0, 40.0, &[2, 3, 8, 32].map(sample));
    let alone = case.design.longest_stage(&fit.model).unwrap().delay_ps - 120.0;
    let pipeline = Pipeline { name: "add".into(), design: case.design, delay_ps: 120.0 + 0.8 * alone };
    let fit = fit.chained(vec![pipeline]);
    assert!((fit.chain - 0.8).abs() < 1e-9 && fit.pipeline_errors()[0].abs() < 1e-6, "{fit:?}");
    assert!((fit.model.ops[&OpKind::Add].log_n - 40.0).abs() < 1e-6, "{fit:?}");
}

const FILE: &str = "# A platform.\nname = \"p\"\n\n[delay_model.1]\n# Old.\nclk_to_q = 1.0\nsetup    = 2.0\n\n\
                    [delay_model.1.ops]\nadd = { base = 3.0 }\n\n[synthesis]\nx = 1  # kept\n";

#[test]
fn a_model_is_read_as_it_was_written() {
    let sample = |(kind, n): (OpKind, u32)| Sample {
        operation: Operation { kind, n, m: n },
        delay_ps: 20.0 + 3.0 * f64::from(n) + kind as u8 as f64,
    };
    let kinds = OpKind::ALL.iter().flat_map(|kind| [1, 4, 9].map(|n| (*kind, n)));
    let fit = Fit::of_operations(71.3, 28.4, &kinds.map(sample).collect::<Vec<_>>());
    let about = section::About { platform: "p", version: 2, date: "2026-01-31", tools: "Yosys 1, OpenSTA 2" };
    let text = section::write(&fit, &about);
    assert!(text.contains("# Fitted 2026-01-31 by `flashrtl fit p` with Yosys 1, OpenSTA 2:\n"), "{text}");
    let added = section::splice(FILE, 2, &text);
    let models = |file: &str| -> toml::Table {
        let table: toml::Table = file.parse().unwrap();
        table["delay_model"].as_table().unwrap().clone()
    };
    let model: DelayModel = models(&added)["2"].clone().try_into().unwrap();
    assert_eq!((model.clk_to_q, model.setup), (71.3, 28.4));
    for (kind, curve) in &fit.model.ops {
        let (read, fitted) = (model.ops[kind].delay(16, 16), curve.delay(16, 16));
        assert!((read - fitted).abs() < 0.5, "{kind:?}: {read} {fitted}");
    }
    // What was there stays, and a version is replaced where it is.
    assert!(added.starts_with(FILE) && models(&added)["1"] == models(FILE)["1"]);
    assert_eq!(section::splice(&added, 2, &text), added);
    let replaced = section::splice(FILE, 1, &text.replace("delay_model.2", "delay_model.1"));
    assert!(replaced.starts_with("# A platform.") && replaced.ends_with("\n\n[synthesis]\nx = 1  # kept\n"));
    assert!(models(&replaced).len() == 1 && !replaced.contains("Old"), "{replaced}");
}
