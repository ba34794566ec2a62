//! The float64 reference and the report.

use attention::accuracy::{reference, report};
use attention::{Config, Workload};
use numerics::{Policy, catalog};

/// One of the seeded workload's heads at head_dim 8.
fn workload(heads: usize) -> Workload {
    let text = "name = \"m\"\n[kernel]\nname = \"fa2\"\n[array]\nhead_dim = 8\nquery_lanes = 1";
    let heads = format!("workload.heads={heads}");
    let config = Config::parse(text, "m", &[&heads, "workload.queries=9", "workload.keys=33"]).unwrap();
    Workload::generate(config.engine().unwrap())
}

fn exact(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

#[test]
fn reference_of_a_case_by_hand() {
    // Scores ln 1 and ln 3: weights 1/4 and 3/4.
    let (q, k, v) = ([1.0, 0.0], [0.0, 5.0, 3f64.ln(), -5.0], [4.0, 8.0, 0.0, 4.0]);
    let both = reference(2, [&q, &k, &v], |_, _| true);
    assert!((both[0] - 1.0).abs() < 1e-12 && (both[1] - 5.0).abs() < 1e-12, "{both:?}");
    assert_eq!(reference(2, [&q, &k, &v], |_, key| key == 0), [4.0, 8.0]);
    assert_eq!(reference(2, [&q, &k, &v], |_, _| false), [0.0, 0.0]);
}

#[test]
fn reference_survives_scores_beyond_the_exponent() {
    let out = reference(1, [&[1.0], &[-2000.0, 2000.0, 1999.0], &[1.0, 2.0, 2.0]], |_, _| true);
    assert_eq!(out, [2.0]);
}

#[test]
fn the_reference_itself_is_exact_and_an_offset_is_measured() {
    let workload = workload(3);
    let quantized = workload.quantize(catalog::BF16, &Policy::default());
    let outputs = |shift: f64| -> Vec<Vec<f64>> {
        let head = |h: usize| {
            let [q, k, v] = quantized.values(h);
            reference(8, [&q, &k, &v], |_, _| true).iter().map(|x| x * (1.0 + shift)).collect()
        };
        (0..3).map(head).collect()
    };
    let same = report(&workload, &quantized, &outputs(0.0));
    assert_eq!((same.queries, same.heads.len()), (27, 3));
    assert_eq!(same.overall.rounded_inputs.relative_l2, 0.0);
    let of_inputs = same.overall.unrounded_inputs.relative_l2;
    assert!((1e-4..2e-2).contains(&of_inputs), "rounding q, k, v to bf16 costs {of_inputs}");

    let off = report(&workload, &quantized, &outputs(0.25));
    assert!((off.overall.rounded_inputs.relative_l2 - 0.25).abs() < 1e-12);
    assert!((off.heads[2].comparison.rounded_inputs.cosine - 1.0).abs() < 1e-12);
    assert_eq!(off, report(&workload, &quantized, &outputs(0.25)), "reports repeat");
}

#[test]
fn the_report_serialises_flat_enough_to_read() {
    let workload = workload(1);
    let quantized = workload.quantize(catalog::BF16, &Policy::default());
    let json = serde_json::to_value(report(&workload, &quantized, &[vec![0.0; 72]])).unwrap();
    assert_eq!(json["overall"]["rounded_inputs"]["relative_l2"], 1.0);
    assert_eq!(json["heads"][0]["queries"]["count"], 9);
    assert_eq!(json["heads"][0]["keys"], 33);
    assert_eq!(json["heads"][0]["unrounded_inputs"]["not_finite"], 0);
    assert_eq!(json["saturation"]["saturated"], 0);
}

/// Real tensors, when `FLASHRTL_DATA` points to an `.npz` file of them: rounding the inputs to bf16 costs little.
#[test]
fn rounding_real_tensors_costs_little() {
    let Some(path) = std::env::var_os("FLASHRTL_DATA") else { return };
    let workload = Workload::load(path.as_ref()).unwrap_or_else(|e| panic!("{e}")).limit(None, Some(4));
    let quantized = workload.quantize(catalog::BF16, &Policy::default());
    let heads = workload.heads.iter();
    let exact =
        heads.map(|h| reference(workload.head_dim, [&exact(&h.q), &exact(&h.k), &exact(&h.v)], |_, _| true));
    let report = report(&workload, &quantized, &exact.collect::<Vec<_>>());
    assert_eq!(report.overall.unrounded_inputs.relative_l2, 0.0);
    assert!(report.overall.rounded_inputs.relative_l2 < 0.05, "{:?}", report.overall);
    assert_eq!(report.saturation.saturated, 0);
}
