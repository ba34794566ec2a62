//! The accelerator's core on its streams, against the functional model of the engine row by row.

mod support;

use attention::EngineSpec;
use attention::accelerator::{
    AcceleratorSpec, Buffers, Cause, Interface, MaskMode, MaskSupport, Settings, Tensor,
};
use hdl::Reset;
use numerics::catalog::{BF16, E4M3};
use numerics::stratified::Rng;
use sim::Program;
use support::stream::{Bench, Job};
use support::{FA2, KERNELS, engine, timing};

fn accelerator(engine: EngineSpec, key_tile: u32, bus_bits: u32) -> AcceleratorSpec {
    AcceleratorSpec {
        name: "accelerator".into(),
        engine,
        key_tile,
        max_queries: 60,
        max_keys: 70,
        heads: 6,
        kv_heads: 6,
        mask: MaskSupport::SlidingWindow,
        interface: Interface::Stream,
        bus_bits,
        buffers: Buffers::default(),
        reset: Reset::default(),
    }
}

/// Random settings within the maxima.
fn settings(spec: &AcceleratorSpec, rng: &mut Rng) -> Settings {
    let kv_heads = 1 + rng.below(2) as u32;
    let mask = [MaskMode::None, MaskMode::Causal, MaskMode::Window][rng.below(3) as usize];
    let queries = 1 + rng.below(u64::from(spec.max_queries)) as u32;
    let keys = 1 + rng.below(u64::from(spec.max_keys)) as u32;
    Settings {
        queries,
        keys: if rng.below(3) == 0 { keys.min(queries.div_ceil(2)) } else { keys },
        heads: kv_heads * (1 + rng.below(3) as u32),
        kv_heads,
        mask,
        window: 1 + rng.below(30) as u32,
        scale: 0,
        q: Tensor::default(),
        k: Tensor::default(),
        v: Tensor::default(),
        o: Tensor::default(),
    }
}

fn check(spec: &AcceleratorSpec, clock: Option<hdl::Timing>, seed: u64, jobs: usize) {
    let design = spec.elaborate_core(clock).unwrap_or_else(|e| panic!("{e}"));
    let program = Program::compile(&design).unwrap();
    let mut bench = Bench::new(spec, &program, seed);
    let mut rng = Rng::new(seed);
    for i in 0..jobs {
        let settings = settings(spec, &mut rng);
        bench.pauses = if i % 2 == 0 { [0.3, 0.3, 0.3] } else { [0.0; 3] };
        let job = Job::random(spec, settings, &mut rng);
        let rows = bench.run(&job);
        assert_eq!(job.expected(spec), rows, "job {i} of seed {seed}: {settings:?}");
        bench.counters.check(spec, &job);
    }
}

#[test]
fn jobs_back_to_back() {
    check(&accelerator(engine(&FA2, BF16, 5, 2, 2), 4, 32), None, 1, 6);
    check(&accelerator(engine(&FA2, E4M3, 7, 3, 1), 3, 64), None, 2, 6);
    check(&accelerator(engine(&FA2, BF16, 1, 1, 1), 1, 32), None, 3, 4);
}

#[test]
fn every_kernel_under_a_clock() {
    for (i, (_, kernel)) in KERNELS.iter().enumerate() {
        let (engine, _) =
            engine(kernel, BF16, 6, 2, 1).elaborate_auto(Some(timing(400.0)), Reset::default()).unwrap();
        check(&accelerator(engine, 5, 32), Some(timing(400.0)), 10 + i as u64, 3);
    }
}
