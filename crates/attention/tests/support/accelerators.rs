//! Accelerators to test, and random jobs for them.

use super::{Choice, engine};
use attention::accelerator::bus::Timing;
use attention::accelerator::memory::{Memory, image, place_states};
use attention::accelerator::system::{Job, System};
use attention::accelerator::{
    AcceleratorSpec, Buffers, Interface, MaskMode, MaskSupport, Settings, Tensor, WATCHDOG,
};
use attention::merge::random_state;
use attention::workload::QuantizedHead;
use hdl::Reset;
use numerics::Number;
use numerics::stratified::{Rng, corner};
use sim::Program;

/// A small accelerator that has everything at run time: masks, heads, scale.
pub fn accelerator(
    options: &Choice,
    input: impl Into<Number>,
    [head_dim, lanes, interleave]: [u32; 3],
) -> AcceleratorSpec {
    let mut engine = engine(options, input, head_dim, lanes, interleave);
    engine.dot = engine.dot.with_scale(engine.dot.result);
    AcceleratorSpec {
        name: "tiny".into(),
        engine,
        key_tile: 4,
        max_queries: 64,
        max_keys: 64,
        heads: 8,
        kv_heads: 8,
        mask: MaskSupport::SlidingWindow,
        interface: Interface::Dma,
        bus_bits: 64,
        buffers: Buffers::default(),
        watchdog: WATCHDOG,
        reset: Reset::default(),
    }
}

/// A job of one head without a mask, its tensors nowhere.
pub fn settings(spec: &AcceleratorSpec, queries: u32, keys: u32) -> Settings {
    let nowhere = Tensor::default();
    Settings {
        queries,
        keys,
        heads: 1,
        kv_heads: 1,
        mask: MaskMode::None,
        window: 0,
        scale: spec.engine.dot.scale.map_or(0, |format| format.one()),
        q: nowhere,
        k: nowhere,
        v: nowhere,
        o: nowhere,
        initial: false,
        i: nowhere,
    }
}

fn up_to(rng: &mut Rng, most: u32) -> u32 {
    1 + rng.below(u64::from(most)) as u32
}

/// Random legal settings of any mask and grouping, with queries and keys up to the `longest` and within the maxima.
pub fn random_settings(spec: &AcceleratorSpec, longest: [u32; 2], rng: &mut Rng) -> Settings {
    let kv_heads = up_to(rng, 2.min(spec.kv_heads));
    let queries = up_to(rng, spec.max_queries.min(longest[0]));
    let keys = up_to(rng, spec.max_keys.min(longest[1]));
    let scale = spec
        .engine
        .dot
        .scale
        .map(|f| f.encode([0.5, 1.0, -0.7, 0.0][rng.below(4) as usize], &spec.engine.policy));
    let masks = [MaskMode::None, MaskMode::Causal, MaskMode::Window];
    Settings {
        keys: if rng.below(3) == 0 { keys.min(queries.div_ceil(2)) } else { keys },
        heads: kv_heads * up_to(rng, 3.min(spec.heads / kv_heads)),
        kv_heads,
        mask: masks[rng.below(1 + spec.mask as u64) as usize],
        window: up_to(rng, longest[1] / 2),
        scale: scale.unwrap_or(0),
        initial: spec.engine.initial && rng.below(4) > 0,
        ..settings(spec, queries, keys)
    }
}

/// The settings with their tensors in any order and rows and heads at any distance; and the tensors' end.
pub fn scattered(spec: &AcceleratorSpec, job: Settings, rng: &mut Rng) -> (Settings, u64) {
    let beat = u64::from(spec.bus_bytes());
    let [row, result, state] =
        [spec.row_beats(), spec.result_beats(), spec.state_beats()].map(|beats| beat * u64::from(beats));
    let mut shapes = vec![
        (job.heads, job.queries, row),
        (job.kv_heads, job.keys, row),
        (job.kv_heads, job.keys, row),
        (job.heads, job.queries, result),
    ];
    shapes.extend(job.initial.then_some((job.heads, job.queries, state)));
    let mut end = 4096 + beat * rng.below(512);
    let mut tensors = [Tensor::default(); 5];
    let first = rng.below(4) as usize;
    for at in (0..shapes.len()).map(|i| (first + i) % shapes.len()) {
        let (heads, rows, bytes) = shapes[at];
        let row_stride = bytes + beat * rng.below(3);
        let head_stride = row_stride * u64::from(rows) + beat * rng.below(40);
        tensors[at] = Tensor { base: end, row_stride, head_stride };
        end += head_stride * u64::from(heads) + beat * rng.below(300);
    }
    let [q, k, v, o, i] = tensors;
    (Settings { q, k, v, o, i, ..job }, end)
}

/// Random tensors, and random states if queries begin with them, where the job has them.
pub fn random_image(spec: &AcceleratorSpec, job: &Settings, end: u64, rng: &mut Rng) -> Memory {
    let mut memory = image(spec, job, &heads(spec, job, rng), end);
    if job.initial {
        place_states(spec, job, &mut memory, |_, _| random_state(&spec.engine, rng));
    }
    memory
}

/// Random tensors with edges of their format.
pub fn heads(spec: &AcceleratorSpec, job: &Settings, rng: &mut Rng) -> Vec<QuantizedHead> {
    let format = spec.engine.dot.operand;
    let mut rows = |rows: u32| -> Vec<u64> {
        let mut element = || match rng.below(16) {
            0 => corner(format, rng),
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

/// A system beside an empty memory.
pub fn system(spec: &AcceleratorSpec, clock: Option<hdl::Timing>, timing: Timing) -> System<'static> {
    let design = spec.elaborate(clock).unwrap_or_else(|e| panic!("{e}"));
    let program = Program::compile(&design).unwrap();
    System::new(spec, &program, Default::default(), timing).unwrap()
}

/// Runs a job on random tensors and compares with the model.
pub fn check(spec: &AcceleratorSpec, system: &mut System, job: Settings, rng: &mut Rng) -> Job {
    let (job, end) = scattered(spec, job, rng);
    *system.memory() = random_image(spec, &job, end, rng);
    let done = system.check(&job).unwrap_or_else(|e| panic!("{e}: {job:?}"));
    assert_eq!(done.error, None, "{job:?}");
    done
}
