//! The accelerator behind its buses against its functional model: memory and counters after every job.

mod support;

use attention::accelerator::bus::Timing;
use attention::accelerator::memory::image;
use attention::accelerator::system::{Job, System};
use attention::accelerator::{AcceleratorSpec, Interface, MaskMode, Settings};
use attention::workload::QuantizedHead;
use hdl::Reset;
use numerics::catalog::{BF16, E4M3};
use numerics::stratified::Rng;
use sim::Program;
use support::{FA2, KERNELS, accelerator, settings, timing};

/// Random tensors with zeros of both signs.
fn heads(spec: &AcceleratorSpec, job: &Settings, rng: &mut Rng) -> Vec<QuantizedHead> {
    let format = spec.engine.dot.operand;
    let mut rows = |rows: u32| -> Vec<u64> {
        let mut element = || match rng.below(16) {
            0 => rng.below(2) << (format.width() - 1),
            _ => {
                let normal = (0..6).map(|_| rng.unit()).sum::<f64>() - 3.0;
                format.encode(normal, &spec.engine.policy)
            }
        };
        (0..rows * spec.engine.head_dim).map(|_| element()).collect()
    };
    let mut head = |_| QuantizedHead { q: rows(job.queries), k: rows(job.keys), v: rows(job.keys) };
    (0..job.heads).map(&mut head).collect()
}

/// Random settings within the maxima.
fn random(spec: &AcceleratorSpec, rng: &mut Rng) -> Settings {
    let up_to = |rng: &mut Rng, most: u32| 1 + rng.below(u64::from(most)) as u32;
    let kv_heads = up_to(rng, 2);
    let queries = up_to(rng, spec.max_queries.min(40));
    let keys = up_to(rng, spec.max_keys.min(40));
    let scale = spec
        .engine
        .dot
        .scale
        .map(|f| f.encode([0.5, 1.0, -0.7, 0.0][rng.below(4) as usize], &spec.engine.policy));
    Settings {
        keys: if rng.below(3) == 0 { keys.min(queries.div_ceil(2)) } else { keys },
        heads: kv_heads * up_to(rng, 3),
        kv_heads,
        mask: [MaskMode::None, MaskMode::Causal, MaskMode::Window][rng.below(3) as usize],
        window: up_to(rng, 20),
        scale: scale.unwrap_or(0),
        ..settings(spec, queries, keys)
    }
}

/// A system beside an empty memory.
fn system(spec: &AcceleratorSpec, clock: Option<hdl::Timing>, timing: Timing) -> System {
    let design = spec.elaborate(clock).unwrap_or_else(|e| panic!("{e}"));
    let program = Program::compile(&design).unwrap();
    System::new(spec, &program, Default::default(), timing).unwrap()
}

/// Runs a job on random tensors and compares with the model.
fn check(spec: &AcceleratorSpec, system: &mut System, job: Settings, rng: &mut Rng) -> Job {
    let base = 4096 + rng.below(64) * u64::from(spec.bus_bytes());
    let (job, end) = job.placed(spec, base);
    *system.memory() = image(spec, &job, &heads(spec, &job, rng), end);
    let done = system.check(&job).unwrap_or_else(|e| panic!("{e}: {job:?}"));
    assert_eq!(done.error, None, "{job:?}");
    done
}

fn jobs(spec: &AcceleratorSpec, clock: Option<hdl::Timing>, seed: u64, count: usize) {
    let mut rng = Rng::new(seed);
    let stalls = if seed.is_multiple_of(2) { 0.3 } else { 0.0 };
    let latency = [1, 12, 40][rng.below(3) as usize];
    let mut system = system(spec, clock, Timing { latency, stalls, seed, ..Timing::default() });
    for _ in 0..count {
        let job = random(spec, &mut rng);
        check(spec, &mut system, job, &mut rng);
    }
}

fn both(spec: AcceleratorSpec, clock: Option<hdl::Timing>, seed: u64, count: usize) {
    for interface in [Interface::Stream, Interface::Dma] {
        jobs(&AcceleratorSpec { interface, ..spec.clone() }, clock.clone(), seed, count);
    }
}

#[test]
fn jobs_back_to_back() {
    both(AcceleratorSpec { bus_bits: 32, ..accelerator(&FA2, BF16, [5, 2, 2]) }, None, 1, 4);
    both(AcceleratorSpec { key_tile: 3, ..accelerator(&FA2, E4M3, [7, 3, 1]) }, None, 2, 4);
    both(AcceleratorSpec { key_tile: 1, bus_bits: 32, ..accelerator(&FA2, BF16, [1, 1, 1]) }, None, 4, 3);
    both(AcceleratorSpec { bus_bits: 256, ..accelerator(&FA2, BF16, [33, 2, 4]) }, None, 5, 3);
}

#[test]
fn every_kernel_under_a_clock() {
    for (i, (_, kernel)) in KERNELS.iter().enumerate() {
        let clock = Some(timing(400.0));
        let spec = accelerator(kernel, BF16, [6, 2, 1]);
        let (engine, _) = spec.engine.elaborate_auto(clock.clone(), Reset::default()).unwrap();
        let interface = [Interface::Stream, Interface::Dma][i % 2];
        jobs(&AcceleratorSpec { engine, interface, ..spec }, clock, 10 + i as u64, 2);
    }
}
