//! Random engines and random jobs for them.

use attention::config::{KernelOptions, Normalize, Quantize};
use attention::simulate::{Block, KeyRow, Query};
use attention::{EngineSpec, kernel};
use numerics::stratified::Rng;
use numerics::{DotSpec, Format, Policy, catalog};

/// The published baseline.
pub const FA2: KernelOptions =
    KernelOptions::Fa2 { normalize: Normalize::Parallel, exp_segments: 8, recip_segments: 16 };

/// An ExpMul kernel.
pub const fn expmul(quantize: Quantize, fraction_bits: u32) -> KernelOptions {
    KernelOptions::Fa2ExpMul { quantize, fraction_bits, recip_segments: 16 }
}

/// An engine with bf16 state and q, k, v in `input`.
pub fn engine(
    options: &KernelOptions,
    input: Format,
    head_dim: u32,
    lanes: u32,
    interleave: u32,
) -> EngineSpec {
    let bf16 = catalog::BF16;
    EngineSpec {
        name: "engine".into(),
        kernel: kernel::build(options),
        head_dim,
        lanes,
        interleave,
        dot: DotSpec::new(input, bf16),
        value: input,
        accumulator: bf16,
        output: bf16,
        policy: Policy::default(),
    }
}

/// Random blocks: partial ones, inactive queries, masked keys (whole rows and whole queries too), values of either sign
/// including zeros of both signs.
pub fn blocks(spec: &EngineSpec, rng: &mut Rng, count: usize, most_keys: u64) -> Vec<Block> {
    (0..count).map(|_| block(spec, rng, most_keys)).collect()
}

fn block(spec: &EngineSpec, rng: &mut Rng, most_keys: u64) -> Block {
    let size = u64::from(spec.block());
    let n = if rng.below(3) == 0 { 1 + rng.below(size) } else { size };
    let density = [0.0, 0.3, 0.9, 1.0][rng.below(4) as usize];
    let spread = [0.3, 1.0, 4.0][rng.below(3) as usize];
    let queries = (0..n).map(|_| Query { row: row(spec, rng, spread), active: rng.below(8) > 0 }).collect();
    let keys = (0..1 + rng.below(most_keys))
        .map(|_| KeyRow {
            k: row(spec, rng, spread),
            v: row(spec, rng, 1.0),
            meets: (0..size).map(|_| rng.unit() < density).collect(),
        })
        .collect();
    Block { queries, keys }
}

fn row(spec: &EngineSpec, rng: &mut Rng, spread: f64) -> Vec<u64> {
    let format = spec.dot.operand;
    let sign = 1 << (format.width() - 1);
    let element = |rng: &mut Rng| match rng.below(16) {
        0 => rng.below(2) * sign,
        1 => rng.below(2) * sign | rng.below(1 << format.man_bits),
        _ => {
            let normal = (0..6).map(|_| rng.unit()).sum::<f64>() - 3.0;
            format.encode(normal * spread, &spec.policy)
        }
    };
    (0..spec.head_dim).map(|_| element(rng)).collect()
}
