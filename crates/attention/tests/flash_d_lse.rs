//! `flash-d-lse` against its functional model, to the bit, in the compiled simulator.

mod support;

use attention::EngineSpec;
use attention::kernel::FlashDLse;
use numerics::Format;
use numerics::catalog::{BF16, E4M3};
use numerics::lse::{Accumulator, LSE_PRESETS};
use std::sync::Arc;
use support::{FA2, check_against_model, engine, timing};

fn spec(kernel: FlashDLse, input: Format, head_dim: u32, lanes: u32, interleave: u32) -> EngineSpec {
    let mut spec = engine(&FA2, input, head_dim, lanes, interleave);
    spec.kernel = Arc::new(kernel);
    spec.dot.result = Format::new(8, 15).unwrap();
    spec
}

#[test]
fn every_preset_untimed() {
    for (i, (_, lse)) in LSE_PRESETS.iter().enumerate() {
        let kernel = FlashDLse { spec: *lse, skip_threshold: [0, 13, 3][i % 3] };
        check_against_model(&spec(kernel, [BF16, E4M3][i % 2], 5, 3, 1 + i as u32 % 4), None, i as u64);
    }
}

#[test]
fn every_preset_pipelined() {
    for (i, (_, lse)) in LSE_PRESETS.iter().enumerate() {
        let kernel = FlashDLse { spec: lse.with_fc(14), skip_threshold: [4, 0][i % 2] };
        check_against_model(
            &spec(kernel, [E4M3, BF16][i % 2], 4, 2, 1),
            Some(timing([500.0, 300.0][i % 2])),
            i as u64,
        );
    }
}

#[test]
fn other_accumulators() {
    for (i, man_bits) in [9, 12].into_iter().enumerate() {
        let kernel = FlashDLse { spec: LSE_PRESETS[6].1, skip_threshold: 0 };
        let mut spec = spec(kernel, BF16, 6, 2, 2);
        spec.accumulator = Accumulator::Float(Format::new(8, man_bits).unwrap());
        check_against_model(&spec, None, i as u64);
    }
}

/// At 1 GHz the product of a 20-bit difference takes more than a cycle and is made in parts.
#[test]
fn a_product_of_several_cycles() {
    let kernel = FlashDLse { spec: LSE_PRESETS[6].1, skip_threshold: 0 };
    let mut spec = spec(kernel, BF16, 4, 1, 1);
    spec.accumulator = Accumulator::parse("fixed18").unwrap();
    check_against_model(&spec, Some(timing(1000.0)), 9);
}
