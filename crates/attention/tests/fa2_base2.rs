//! `fa2-base2` with options of all kinds, against its functional model to the bit, in the compiled simulator.

mod support;

use attention::EngineSpec;
use attention::kernel::{Division, Fa2Base2};
use numerics::catalog::{BF16, E4M3, FP32};
use numerics::lse::Accumulator;
use numerics::{Base2Score, Base2Spec, Format, Policy, Rounding};
use std::sync::Arc;
use support::{FA2, check_against_model, engine, timing};

/// Score width Is.Fs, bits of the weight, segments.
const OPTIONS: [(u32, u32, u32, u32); 7] = [
    (9, 7, 8, 8),
    (9, 7, 8, 128),
    (10, 4, 5, 1),
    (4, 12, 2, 4),
    (9, 12, 4, 256),
    (14, 1, 16, 2),
    (9, 9, 12, 16),
];

fn spec(n: usize) -> EngineSpec {
    let (int_bits, frac_bits, weight_bits, segments) = OPTIONS[n % OPTIONS.len()];
    let input = [BF16, E4M3][n % 2];
    let mut engine = engine(&FA2, input, 3 + n as u32 % 4, 1 + n as u32 % 3, 1 + n as u32 % 4);
    let spec = Base2Spec { score: Base2Score { int_bits, frac_bits }, weight_bits, segments };
    engine.kernel = Arc::new(Fa2Base2 { spec, division: Division { recip_segments: 16, serial: false } });
    engine.dot.result = [BF16, FP32][n / 2 % 2];
    engine
}

#[test]
fn every_width_untimed_and_pipelined() {
    for n in 0..OPTIONS.len() {
        check_against_model(&spec(n), None, n as u64);
        check_against_model(&spec(n + 1), Some(timing([500.0, 1000.0][n % 2])), n as u64);
    }
}

/// Accumulators of few and many exponent bits: numbers vanish early, and levels are wider than differences of maxima.
#[test]
fn accumulators() {
    let formats = [(4, 7), (5, 10), (8, 12), (11, 20)].map(|(e, m)| Format::new(e, m).unwrap());
    for (n, format) in formats.into_iter().enumerate() {
        for key_block in [None, Some(3)] {
            let mut spec = spec(7 * n);
            spec.dot.operand = E4M3.into();
            spec.value = E4M3.into();
            (spec.accumulator, spec.key_block) = (Accumulator::Float(format), key_block);
            spec.policy = Policy::with_rounding([Rounding::Rne, Rounding::Rtz][n % 2]);
            check_against_model(&spec, [None, Some(timing(600.0))][n / 2].clone(), 40 + n as u64);
        }
    }
}
