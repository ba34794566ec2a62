//! Every kernel with every kind of accumulator, flat and in blocks of keys, against its functional model to the bit.

mod support;

use numerics::Format;
use numerics::catalog::{BF16, E4M3};
use numerics::lse::Accumulator;
use support::{KERNELS, check_against_model, engine, timing};

/// Both clocks, some block sizes, all kernels that allow the accumulator.
fn every_kernel(accumulators: &[Accumulator], blocks: &[Option<u32>]) {
    let mut n = 0;
    for (_, choice) in &KERNELS {
        for &accumulator in accumulators {
            for &key_block in blocks {
                n += 1;
                let mut spec =
                    engine(choice, [BF16, E4M3][n % 2], 3 + n as u32 % 3, 1 + n as u32 % 3, 1 + n as u32 % 4);
                if matches!(accumulator, Accumulator::Fixed { .. }) && !spec.kernel.allows_fixed() {
                    continue;
                }
                (spec.accumulator, spec.key_block) = (accumulator, key_block);
                let clock = [None, Some(timing(400.0))][n / 2 % 2].clone();
                check_against_model(&spec, clock, n as u64);
            }
        }
    }
}

#[test]
fn floating_point_in_blocks() {
    let float = |man_bits| Accumulator::Float(Format::new(8, man_bits).unwrap());
    every_kernel(&[float(7), float(12)], &[Some(2), Some(5), Some(8)]);
}

#[test]
fn fixed_point() {
    let fixed = ["fixed16", "fixed19-floor", "fixed9"].map(|name| Accumulator::parse(name).unwrap());
    every_kernel(&fixed, &[None, Some(3), Some(8)]);
}
