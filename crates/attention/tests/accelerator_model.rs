//! The functional model of the accelerator against float64 attention, and what it counts.

mod support;

use attention::accelerator::memory::{image, pack, traffic, unpack};
use attention::accelerator::{AcceleratorSpec, Cause, Interface, MaskMode, MaskSupport, Settings, model};
use attention::accuracy::reference;
use attention::workload::QuantizedHead;
use numerics::catalog::{BF16, E4M3};
use numerics::stratified::Rng;
use support::{Choice, FA2, accelerator, settings};

/// Random heads in the engine's input format.
fn heads(spec: &AcceleratorSpec, job: &Settings, seed: u64) -> Vec<QuantizedHead> {
    let mut rng = Rng::new(seed);
    let format = spec.engine.dot.operand;
    let mut rows = |count: u32, spread: f64| -> Vec<u64> {
        let normal = |rng: &mut Rng| (0..6).map(|_| rng.unit()).sum::<f64>() - 3.0;
        let elements = count * spec.engine.head_dim;
        (0..elements).map(|_| format.encode(normal(&mut rng) * spread, &spec.engine.policy)).collect()
    };
    let mut head =
        |_| QuantizedHead { q: rows(job.queries, 0.5), k: rows(job.keys, 1.0), v: rows(job.keys, 1.0) };
    (0..job.heads).map(&mut head).collect()
}

/// Largest error of a job's results against float64 attention, with the mask written out in words.
fn error(spec: &AcceleratorSpec, job: Settings, seed: u64) -> f64 {
    let (job, end) = job.placed(spec, 0x1000);
    let heads = heads(spec, &job, seed);
    let memory = image(spec, &job, &heads, end);
    let after = model::run(spec, &job, &memory).unwrap().memory;
    let d = spec.engine.head_dim as usize;
    let decode = |rows: &[u64]| rows.iter().map(|&bits| spec.engine.value.decode(bits)).collect::<Vec<f64>>();
    let mut worst: f64 = 0.0;
    for h in 0..job.heads {
        let group = &heads[(h / (job.heads / job.kv_heads) * (job.heads / job.kv_heads)) as usize];
        let parts = [&heads[h as usize].q, &group.k, &group.v].map(|rows| decode(rows));
        let meets = |i: usize, j: usize| {
            let (diagonal, j) = (i as i64 + i64::from(job.keys) - i64::from(job.queries), j as i64);
            match job.mask {
                MaskMode::None => true,
                MaskMode::Causal => j <= diagonal,
                MaskMode::Window => j <= diagonal && j > diagonal - i64::from(job.window),
            }
        };
        let expected = reference(d, [&parts[0], &parts[1], &parts[2]], meets);
        for i in 0..job.queries {
            let bytes =
                after.read(job.o.row(h, i), (spec.result_beats() * spec.bus_bytes()) as usize).unwrap();
            let row = unpack(bytes, spec.engine.output.width(), d);
            for (n, bits) in row.into_iter().enumerate() {
                let got = spec.engine.output.decode(bits);
                worst = worst.max((got - expected[i as usize * d + n]).abs());
            }
        }
    }
    worst
}

#[test]
fn rows_are_packed_little_end_first() {
    assert_eq!(pack(&[0x1234, 0xabcd], 16), [0x34, 0x12, 0xcd, 0xab]);
    assert_eq!(pack(&[0b101, 0b011, 0b1], 3), [0b0101_1101, 0]);
    let patterns: Vec<u64> = (0..20).map(|i| 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(i) >> 21).collect();
    assert_eq!(unpack(&pack(&patterns, 43), 43, 20), patterns);
}

#[test]
fn close_to_float64_attention_for_every_mask_and_grouping() {
    let spec = accelerator(&FA2, BF16, [8, 2, 3]);
    for (seed, mask) in [MaskMode::None, MaskMode::Causal, MaskMode::Window].into_iter().enumerate() {
        for (queries, keys) in [(1, 1), (13, 20), (20, 13), (7, 40)] {
            for (heads, kv_heads) in [(1, 1), (4, 2), (3, 1)] {
                let job = Settings { heads, kv_heads, mask, window: 5, ..settings(&spec, queries, keys) };
                let error = error(&spec, job, seed as u64);
                assert!(error < 0.06, "{job:?}: {error}");
            }
        }
    }
}

#[test]
fn close_for_kernels_of_other_formats() {
    let lse = Choice::Lse(6, 0);
    let job = |spec: &AcceleratorSpec| Settings { mask: MaskMode::Causal, ..settings(spec, 10, 10) };
    let spec = AcceleratorSpec { bus_bits: 32, ..accelerator(&lse, BF16, [5, 1, 4]) };
    assert!(error(&spec, job(&spec), 4) < 0.1);
    let spec = accelerator(&lse, E4M3, [5, 1, 4]);
    assert!(error(&spec, job(&spec), 5) < 0.1);
}

#[test]
fn the_scale_is_the_jobs() {
    let spec = accelerator(&FA2, BF16, [8, 2, 3]);
    let (job, end) = settings(&spec, 4, 9).placed(&spec, 0);
    let heads = heads(&spec, &job, 8);
    let memory = image(&spec, &job, &heads, end);
    let zero = Settings { scale: spec.engine.dot.scale.unwrap().zero(false), ..job };
    let rows = |job: &Settings| model::run(&spec, job, &memory).unwrap().memory;
    assert_ne!(rows(&job), rows(&zero));
    let row = |i| rows(&zero).read(job.o.row(0, i), 16).unwrap().to_vec();
    assert_eq!(row(0), row(3), "without scores every query averages the values");
}

#[test]
fn counts_are_those_of_the_mask() {
    let spec = accelerator(&FA2, BF16, [4, 2, 3]);
    let count = |job: Settings| {
        let (job, end) = job.placed(&spec, 64);
        let memory = image(&spec, &job, &heads(&spec, &job, 1), end);
        let counts = model::run(&spec, &job, &memory).unwrap().counts;
        assert_eq!([counts.bytes_read, counts.bytes_written], traffic(&spec, &job));
        counts
    };
    let causal = count(Settings { mask: MaskMode::Causal, heads: 2, kv_heads: 2, ..settings(&spec, 8, 8) });
    assert_eq!((causal.useful_steps, causal.empty_rows), (2 * 36, 0));
    // Blocks of 6 queries: keys 0..6 and 0..8, one beat of 8 bytes a row.
    assert_eq!(causal.bytes_read, 2 * 8 * (6 + 2 * 6 + 2 + 2 * 8));
    assert_eq!(causal.bytes_written, 2 * 8 * 8);
    // Queries 0 to 5 of 8 come before the first of 2 keys.
    let empty = count(Settings { mask: MaskMode::Causal, ..settings(&spec, 8, 2) });
    assert_eq!((empty.useful_steps, empty.empty_rows, empty.skipped), (3, 6, 1));
    assert_eq!(empty.bytes_read, 8 * (8 + 2 * 2));
    let window = count(Settings { mask: MaskMode::Window, window: 3, ..settings(&spec, 30, 30) });
    assert_eq!(window.useful_steps, 30 * 3 - 3);
}

#[test]
fn bad_settings_have_their_causes() {
    let spec =
        AcceleratorSpec { mask: MaskSupport::Causal, kv_heads: 2, ..accelerator(&FA2, BF16, [4, 2, 3]) };
    let good = Settings { heads: 4, kv_heads: 2, ..settings(&spec, 64, 64) };
    assert_eq!(good.check(&spec), Ok(()));
    let misplaced = |base| attention::accelerator::Tensor { base, ..good.o };
    for (bad, cause) in [
        (Settings { queries: 0, ..good }, Cause::ZeroLength),
        (Settings { kv_heads: 0, ..good }, Cause::ZeroLength),
        (Settings { keys: 65, ..good }, Cause::TooLong),
        (Settings { heads: 9, ..good }, Cause::BadHeads),
        (Settings { heads: 3, ..good }, Cause::BadHeads),
        (Settings { mask: MaskMode::Window, window: 1, ..good }, Cause::BadMask),
        (Settings { o: misplaced(4), ..good }, Cause::Unaligned),
    ] {
        assert_eq!(bad.check(&spec), Err(cause), "{bad:?}");
    }
    let sliding = AcceleratorSpec { mask: MaskSupport::SlidingWindow, ..spec.clone() };
    let empty = Settings { mask: MaskMode::Window, window: 0, ..good };
    assert_eq!(empty.check(&sliding), Err(Cause::ZeroWindow));
    let streamed = AcceleratorSpec { interface: Interface::Stream, ..spec };
    assert_eq!(Settings { o: misplaced(4), ..good }.check(&streamed), Ok(()));
}
