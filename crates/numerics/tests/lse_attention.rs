//! flash-d-lse end to end: relative L2 against float64 attention on the rounded inputs, for every parameter set.
//!
//! On generated Gaussian heads; with `FLASHRTL_DATA` set to an `.npz` file of q, k and v (heads × rows × d, padded
//! with zero rows; q already divided by √d) on 16 queries of each of its heads.

use numerics::catalog::{self, BF16, FP32};
use numerics::stratified::Rng;
use numerics::{Accumulator, DotSpec, FixRound, LseKernel, LseSpec, Metrics, Policy, dot};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

const D: usize = 32;
const QUERIES: usize = 16;

type Rows = Vec<Vec<u64>>;

/// One head in bf16.
struct Head {
    q: Rows,
    k: Rows,
    v: Rows,
}

fn rows(values: &[f32]) -> Rows {
    let encode = |&x| BF16.encode(f64::from(x), &Policy::default());
    values.chunks(D).map(|row| row.iter().map(encode).collect()).collect()
}

/// Normally distributed q, k, v with scores of standard deviation 3.
fn generated() -> Vec<Head> {
    let mut rng = Rng::new(12);
    let mut normal = |count: usize, scale: f64| -> Vec<f32> {
        let mut sample =
            || (-2.0 * (1.0 - rng.unit()).ln()).sqrt() * (std::f64::consts::TAU * rng.unit()).cos();
        (0..count * D).map(|_| (scale * sample()) as f32).collect()
    };
    let scale = 3.0 / (D as f64).sqrt();
    (0..2)
        .map(|_| Head { q: rows(&normal(8, scale)), k: rows(&normal(200, 1.0)), v: rows(&normal(200, 1.0)) })
        .collect()
}

fn load(path: &Path) -> Vec<Head> {
    let mut archive = npyz::npz::NpzArchive::<BufReader<File>>::open(path).unwrap();
    let mut heads = |name: &str| -> Vec<Vec<f32>> {
        let file = archive.by_name(name).unwrap().unwrap();
        let head = file.shape()[1] as usize * D;
        assert_eq!(file.shape()[2] as usize, D, "rows of another length");
        let values: Vec<f32> = file.into_vec().unwrap();
        values.chunks(head).map(<[f32]>::to_vec).collect()
    };
    let (q, k, v) = (heads("q"), heads("k"), heads("v"));
    q.iter().zip(&k).zip(&v).map(|((q, k), v)| real_head(q, k, v)).collect()
}

/// Without its padding, and with evenly spaced queries only.
fn real_head(q: &[f32], k: &[f32], v: &[f32]) -> Head {
    let valid = k.chunks(D).filter(|row| row.iter().any(|&x| x != 0.0)).count();
    let queries = (0..QUERIES).flat_map(|i| &q[i * valid / QUERIES * D..][..D]);
    let q: Vec<f32> = queries.copied().collect();
    Head { q: rows(&q), k: rows(&k[..valid * D]), v: rows(&v[..valid * D]) }
}

fn reals(row: &[u64]) -> Vec<f64> {
    row.iter().map(|&x| BF16.decode(x)).collect()
}

fn exact(head: &Head, q: &[u64]) -> Vec<f64> {
    let score = |k: &Vec<u64>| reals(q).iter().zip(reals(k)).map(|(q, k)| q * k).sum::<f64>();
    let scores: Vec<f64> = head.k.iter().map(score).collect();
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut total) = (vec![0.0; D], 0.0);
    for (s, v) in scores.iter().zip(&head.v) {
        let weight = (s - most).exp();
        total += weight;
        sum.iter_mut().zip(reals(v)).for_each(|(o, v)| *o += weight * v);
    }
    sum.iter().map(|o| o / total).collect()
}

struct Design {
    name: &'static str,
    spec: LseSpec,
    accumulator: Accumulator,
    /// Keys accumulated apart and merged.
    block: usize,
    /// Threshold from which keys are skipped.
    skip: Option<u32>,
    /// Bounds of the relative L2 on generated and on real heads, in per cent.
    bounds: [f64; 2],
}

const FLAT: usize = usize::MAX;

#[rustfmt::skip]
fn designs() -> Vec<Design> {
    let float = |man: &str| Accumulator::Float(catalog::parse(man).unwrap());
    let floor = |frac_bits| Accumulator::Fixed { frac_bits, rounding: FixRound::Floor };
    let (table, mid, fine) = (LseSpec::TABLE, LseSpec::MID, LseSpec::FINE);
    let design = |name, spec, accumulator, block, bounds| Design { name, spec, accumulator, block, skip: None, bounds };
    vec![
        design("table bf16 flat", table, float("m7"), FLAT, [5.0, 4.4]),
        design("table bf16 blocks of 32", table, float("m7"), 32, [5.0, 2.7]),
        design("mid m9 blocks of 64", mid, float("m9"), 64, [0.8, 0.56]),
        design("mid m12 flat", mid.with_fc(14), float("m12"), FLAT, [0.8, 0.42]),
        Design { skip: Some(13), ..design("mid m12 flat, skip from 13", mid.with_fc(14), float("m12"), FLAT, [0.8, 0.44]) },
        design("mid fixed 16 flat", mid.with_fc(14), Accumulator::fixed(16), FLAT, [0.8, 0.42]),
        design("fine m11 blocks of 64", fine, float("m11"), 64, [0.45, 0.28]),
        design("fine m13 flat", fine.with_fc(16), float("m13"), FLAT, [0.45, 0.26]),
        design("fine fixed 19 flat", fine.with_fc(16), Accumulator::fixed(19), FLAT, [0.45, 0.26]),
        design("shift fixed 16", LseSpec::shift(1), floor(16), FLAT, [18.0, 10.0]),
        design("shift fixed 19", LseSpec::shift(1), floor(19), FLAT, [18.0, 10.0]),
        design("shift2 fixed 16", LseSpec::shift(2), floor(16), FLAT, [7.5, 5.3]),
        design("shift2 fixed 19", LseSpec::shift(2), floor(19), FLAT, [7.5, 5.0]),
        design("shift3 fixed 16", LseSpec::shift(3), floor(16), FLAT, [5.0, 3.2]),
        design("shift3 fixed 19", LseSpec::shift(3), floor(19), FLAT, [5.0, 2.7]),
        design("shift4 fixed 16", LseSpec::shift(4), floor(16), FLAT, [2.2, 2.3]),
        design("shift4 fixed 19", LseSpec::shift(4), floor(19), FLAT, [1.8, 1.4]),
        design("shift5 fixed 16", LseSpec::shift(5), floor(16), FLAT, [1.8, 2.0]),
        design("shift5 fixed 19", LseSpec::shift(5), floor(19), FLAT, [1.2, 0.8]),
    ]
}

/// Attention of one query: blocks apart, merged in order; the output in bf16.
fn attend(design: &Design, kernel: &LseKernel, scores: &[u64], v: &Rows) -> Vec<f64> {
    let s = |bits| design.spec.quantize_score(FP32, bits, true);
    let (mut whole, mut block, mut anchor) = (None, None, 0);
    for (i, (&score, v)) in scores.iter().zip(v).enumerate() {
        if i % design.block == 0 {
            whole = kernel.merge(whole, block.take());
        }
        anchor = kernel.row_anchor(v).max(anchor);
        block = Some(kernel.step(block, s(score), v, anchor));
    }
    let state = kernel.merge(whole, block).expect("at least one key");
    reals(&kernel.output(&state, BF16))
}

#[test]
fn relative_error_of_every_parameter_set() {
    let path = std::env::var_os("FLASHRTL_DATA");
    let heads = path.as_ref().map_or_else(generated, |path| load(path.as_ref()));
    let (policy, spec) = (Policy::default(), DotSpec::new(BF16, FP32));
    let score = |q: &[u64], k: &Vec<u64>| dot::dot(&spec, &policy, q, k, None);
    let queries: Vec<(&Head, Vec<u64>, Vec<f64>)> = heads
        .iter()
        .flat_map(|head| head.q.iter().map(move |q| (head, q)))
        .map(|(head, q)| (head, head.k.iter().map(|k| score(q, k)).collect(), exact(head, q)))
        .collect();
    for design in designs() {
        let kernel = LseKernel::new(design.spec, design.accumulator, BF16, policy).unwrap();
        let kernel = match design.skip {
            Some(threshold) => kernel.with_skip(threshold),
            None => kernel,
        };
        let mut metrics = Metrics::new();
        for (head, scores, exact) in &queries {
            metrics.add_row(&attend(&design, &kernel, scores, &head.v), exact, 1.0);
        }
        let error = 100.0 * metrics.relative_l2();
        println!("{}: {error:.2} % over {} queries", design.name, metrics.rows());
        assert!(error < design.bounds[usize::from(path.is_some())], "{}: {error}", design.name);
    }
}
