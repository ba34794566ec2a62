//! Reading tensors, the seeded workload, and rounding to a format.

mod support;

use attention::config::EngineConfig;
use attention::{Config, Workload};
use numerics::{Policy, catalog};
use support::{ramp, write_npy, write_npz};

fn engine(overrides: &[&str]) -> EngineConfig {
    let text = "name = \"m\"\n[kernel]\nname = \"fa2\"\n[array]\nhead_dim = 16\nquery_lanes = 1";
    Config::parse(text, "m", overrides).unwrap().engine().unwrap().clone()
}

#[test]
fn an_npz_file_is_cut_to_its_valid_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("self.npz");
    let mut padded = ramp(&[2, 4, 5]);
    padded.1[39] = f32::NAN; // the last row of head 1 is padding: nobody reads it
    write_npz(&path, &["q", "k", "v"].map(|name| (name, padded.clone())), Some(&[4, 3]));
    let workload = Workload::load(&path).unwrap();
    assert_eq!((workload.head_dim, workload.heads.len(), workload.queries()), (5, 2, 7));
    let head = &workload.heads[1];
    assert_eq!((head.rows.as_slice(), head.keys(5)), ([0, 1, 2].as_slice(), 3));
    assert_eq!(head.q, padded.1[20..35]);
    assert_eq!(head.q, head.v);
}

#[test]
fn lengths_of_a_cross_attention_speak_of_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cross.npz");
    let arrays = [("q", ramp(&[1, 2, 5])), ("k", ramp(&[1, 4, 5])), ("v", ramp(&[1, 4, 5]))];
    write_npz(&path, &arrays, Some(&[3]));
    let workload = Workload::load(&path).unwrap();
    assert_eq!((workload.heads[0].rows.len(), workload.heads[0].keys(5)), (2, 3));
}

#[test]
fn npy_and_safetensors_hold_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (shape, data) = ramp(&[3, 5]);
    let halves: Vec<half::f16> = data.iter().map(|&x| half::f16::from_f32(x)).collect();
    write_npy(&path("q.npy"), &shape, &data, npyz::Order::C);
    write_npy(&path("k.npy"), &shape, &halves, npyz::Order::C);
    let bytes = |convert: fn(f32) -> Vec<u8>| data.iter().flat_map(|&x| convert(x)).collect::<Vec<u8>>();
    let dims = vec![1, 1, 3, 5];
    let file = support::safetensors(&[
        ("q", safetensors::Dtype::F32, dims.clone(), bytes(|x| x.to_le_bytes().into())),
        ("k", safetensors::Dtype::F16, dims.clone(), bytes(|x| half::f16::from_f32(x).to_le_bytes().into())),
        ("v", safetensors::Dtype::BF16, dims, bytes(|x| half::bf16::from_f32(x).to_le_bytes().into())),
        ("n", safetensors::Dtype::I64, vec![1], 3i64.to_le_bytes().into()),
    ]);
    std::fs::write(path("all.safetensors"), file).unwrap();
    let npy = Workload::load_npy(&path("q.npy"), &path("k.npy"), &path("q.npy"), None).unwrap();
    let tensors = Workload::load(&path("all.safetensors")).unwrap();
    assert_eq!(npy.heads, tensors.heads);
    assert_eq!(npy.heads[0].q, data);
}

#[test]
fn limits_spread_over_the_sequence() {
    let workload = Workload::generate(&engine(&["workload.queries=10", "workload.heads=3"]));
    let limited = workload.clone().limit(Some(2), Some(4));
    assert_eq!(limited.heads.len(), 2);
    assert_eq!(limited.heads[1].rows, [0, 2, 5, 7]);
    assert_eq!(limited.heads[1].q[16..32], workload.heads[1].q[2 * 16..3 * 16]);
    assert_eq!(limited.heads[1].k, workload.heads[1].k);
    assert_eq!(workload.clone().limit(None, Some(99)), workload);
}

#[test]
fn the_seeded_workload_repeats_and_has_the_deviation_asked_for() {
    let config = engine(&["workload.sigma=3", "workload.queries=128"]);
    let workload = Workload::generate(&config);
    assert_eq!(workload, Workload::generate(&config));
    assert_ne!(workload.heads[0], workload.heads[1]);
    assert_ne!(workload.heads, Workload::generate(&engine(&["workload.sigma=3", "workload.seed=2"])).heads);
    let longer =
        Workload::generate(&engine(&["workload.sigma=3", "workload.queries=128", "workload.heads=5"]));
    assert_eq!(longer.heads[..4], workload.heads, "more heads leave the first ones as they are");

    let head = &workload.heads[0];
    let dot = |q: &[f32], k: &[f32]| q.iter().zip(k).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let scores = head.q.chunks(16).flat_map(|q| head.k.chunks(16).map(move |k| dot(q, k)));
    let (sum, count) = scores.fold((0.0, 0), |(sum, n), s| (sum + s * s, n + 1));
    let deviation = (sum / f64::from(count)).sqrt();
    assert!((deviation - 3.0).abs() < 0.3, "{deviation}");
}

#[test]
fn rounding_counts_what_does_not_fit() {
    let mut workload =
        Workload::generate(&engine(&["workload.heads=1", "workload.queries=1", "workload.keys=1"]));
    workload.heads[0].q = vec![0.0; 16];
    workload.heads[0].k = vec![1.0; 16];
    workload.heads[0].v = vec![0.5; 16];
    workload.heads[0].q[0] = 1000.0;
    workload.heads[0].k[1] = -449.0;
    workload.heads[0].v[2] = 448.0;
    workload.heads[0].v[3] = 1e-6;
    let quantized = workload.quantize(catalog::E4M3, &Policy::default());
    let counts = quantized.saturation;
    assert_eq!((counts.elements, counts.saturated, counts.flushed), (48, 2, 1));
    let [q, k, v] = quantized.values(0);
    assert_eq!((q[0], k[1], v[2], v[3], k[0]), (448.0, -448.0, 448.0, 0.0, 1.0));
}
