//! Random engines and random jobs for them; tensor files; linters.

#![allow(dead_code, unused_imports)] // every test file uses a part

mod accelerators;
pub mod cocotb;
#[path = "../../../arith/tests/support/lint.rs"]
pub mod lint;
mod points;
mod tensors;

pub use accelerators::{
    accelerator, check, heads, random_image, random_settings, scattered, settings, system,
};
pub use points::{ACCUMULATORS, INPUTS, KERNELS, Point, pairwise, product};
pub use tensors::*;

use attention::EngineSpec;
use attention::config::{ResultForm, platform};
use attention::kernel::{Division, Fa2, Fa2Base2, Fa2ExpMul, FlashD, FlashDLse, Kernel, Quantize, ScoreSkip};
use attention::merge::random_state;
use attention::simulate::{Block, KeyRow, Query, Stalls, run};
use hdl::{Reset, Timing};
use numerics::lse::{Accumulator, LSE_PRESETS};
use numerics::stratified::{Rng, corner};
use numerics::{Base2Spec, BlendForm, DotSpec, Format, Number, Policy, SigmoidForm, catalog};
use sim::Program;
use std::sync::Arc;

/// Nangate45 at a clock.
pub fn timing(mhz: f64) -> Timing {
    let model = platform("nangate45").unwrap().delay_model(1).unwrap();
    Timing { period_ps: 1e6 / mhz, model }
}

/// Whether the long tests were asked for.
pub fn nightly() -> bool {
    std::env::var_os("FLASHRTL_NIGHTLY").is_some()
}

/// A kernel to test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// `fa2`
    Fa2,
    /// `fa2-expmul`
    ExpMul(Quantize, u32),
    /// `flash-d-lse` with a preset and a skip threshold.
    Lse(usize, u32),
    /// `flash-d`
    FlashD(SigmoidForm, BlendForm, ScoreSkip),
    /// `fa2-base2`
    Base2(Base2Spec),
}

/// The published baseline.
pub const FA2: Choice = Choice::Fa2;

/// An ExpMul kernel.
pub const fn expmul(quantize: Quantize, fraction_bits: u32) -> Choice {
    Choice::ExpMul(quantize, fraction_bits)
}

impl Choice {
    fn build(self, serial: bool) -> Arc<dyn Kernel> {
        let division = Division { recip_segments: 16, serial };
        match self {
            Choice::Fa2 => Arc::new(Fa2 { exp_segments: 8, division }),
            Choice::ExpMul(quantize, fraction_bits) => {
                Arc::new(Fa2ExpMul { quantize, fraction_bits, division })
            }
            Choice::Lse(preset, skip_threshold) => {
                Arc::new(FlashDLse { spec: LSE_PRESETS[preset].1, skip_threshold })
            }
            Choice::FlashD(sigmoid, update, skip) => Arc::new(FlashD { sigmoid, update, skip }),
            Choice::Base2(spec) => Arc::new(Fa2Base2 { spec, division }),
        }
    }
}

/// An engine with bf16 state and q, k, v in `input`.
pub fn engine(
    options: &Choice,
    input: impl Into<Number>,
    head_dim: u32,
    lanes: u32,
    interleave: u32,
) -> EngineSpec {
    let (input, bf16) = (input.into(), catalog::BF16);
    let score = if matches!(options, Choice::Lse(..) | Choice::Base2(_)) {
        Format::new(8, 15).unwrap()
    } else {
        bf16
    };
    EngineSpec {
        name: "engine".into(),
        kernel: options.build(false),
        head_dim,
        lanes,
        interleave,
        dot: DotSpec::new(input, score),
        value: input,
        accumulator: Accumulator::Float(bf16),
        key_block: None,
        output: bf16.into(),
        result_elements: head_dim,
        result: ResultForm::Row,
        initial: false,
        policy: Policy::default(),
    }
}

/// Random jobs in the compiled simulator, with stalls on every port, give what the functional model gives. Under a clock
/// the engine has the smallest interleave that meets it.
pub fn check_against_model(spec: &EngineSpec, clock: Option<Timing>, seed: u64) {
    let (spec, design) = match clock {
        None => (spec.clone(), spec.elaborate(None, Reset::default()).unwrap()),
        clock => spec.elaborate_auto(clock, Reset::default()).unwrap(),
    };
    let program = Program::compile(&design).unwrap();
    let mut rng = Rng::new(seed);
    let jobs: Vec<Vec<Block>> = (0..4).map(|_| blocks(&spec, &mut rng, 5, 25)).collect();
    let mut simulator = program.simulator(jobs.len());
    simulator.randomize(seed);
    let stalls = Stalls { q: 0.3, kv: 0.2, o: 0.4, i: 0.3, seed };
    let outcomes = run(&spec, &mut simulator, &jobs, None, stalls, |_| Ok(())).unwrap();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let expected: Vec<_> = job.iter().flat_map(|b| b.reference(&spec, None)).collect();
        assert_eq!(expected, outcome.rows, "{:?} {} {:?}", spec.kernel, spec.accumulator, spec.key_block);
    }
}

/// Random blocks: partial ones, inactive queries, masked keys (whole rows and whole queries too), values of either sign
/// including zeros of both signs.
pub fn blocks(spec: &EngineSpec, rng: &mut Rng, count: usize, most_keys: u64) -> Vec<Block> {
    (0..count).map(|_| block(spec, rng, most_keys)).collect()
}

/// A full block of active queries over that many keys, most of which they meet.
pub fn block_of(spec: &EngineSpec, rng: &mut Rng, keys: usize) -> Block {
    let size = spec.block() as usize;
    let queries =
        (0..size).map(|_| Query { row: row(spec, rng, 1.0), active: true, initial: None }).collect();
    let mut key = || KeyRow {
        k: row(spec, rng, 1.0),
        v: row(spec, rng, 1.0),
        meets: (0..size).map(|_| rng.unit() < 0.9).collect(),
    };
    Block { queries, keys: (0..keys).map(|_| key()).collect() }
}

fn block(spec: &EngineSpec, rng: &mut Rng, most_keys: u64) -> Block {
    let size = u64::from(spec.block());
    let n = if rng.below(3) == 0 { 1 + rng.below(size) } else { size };
    let density = [0.0, 0.3, 0.9, 1.0][rng.below(4) as usize];
    let spread = [0.3, 1.0, 4.0][rng.below(3) as usize];
    let with_states = spec.initial && rng.below(4) > 0;
    let mut query = || Query {
        row: row(spec, rng, spread),
        active: rng.below(8) > 0,
        initial: if with_states { random_state(spec, rng) } else { None },
    };
    let queries = (0..n).map(|_| query()).collect();
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
    let element = |rng: &mut Rng| match rng.below(16) {
        0 | 1 => corner(format, rng),
        _ => {
            let normal = (0..6).map(|_| rng.unit()).sum::<f64>() - 3.0;
            format.encode(normal * spread, &spec.policy)
        }
    };
    (0..spec.head_dim).map(|_| element(rng)).collect()
}
