//! An accelerator with its memory, on tensors: cycle by cycle, held against the functional model.

pub mod excerpt;
mod refusal;

use crate::command::simulate::WorkloadArgs;
use crate::show::{self, counted, grouped, percent};
use crate::stimuli::{Recorded, random_row};
use crate::target::Target;
use anyhow::{Context, Result, anyhow, ensure};
use attention::Workload;
use attention::accelerator::bus::Timing;
use attention::accelerator::memory::{Memory, image, place_states, traffic, unpack};
use attention::accelerator::model;
use attention::accelerator::system::{Job, System};
use attention::accelerator::{AcceleratorSpec, Interface, MaskMode, Settings, Tensor};
use attention::accuracy::reference;
use attention::config::{AcceleratorConfig, JobConfig, ResultForm};
use attention::functional;
use attention::kernel::Model;
use attention::merge::random_state;
use attention::simulate::Recorder;
use attention::workload::{Quantized, QuantizedHead};
use numerics::stratified::Rng;
use rayon::prelude::*;
use serde::Serialize;
use sim::Program;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

/// Address of the first tensor.
const BASE: u64 = 0x1000_0000;

/// What running a workload gave.
#[derive(Serialize)]
pub struct Report {
    workload: String,
    jobs: usize,
    heads: usize,
    queries: usize,
    mask: &'static str,
    /// From the start of each job to its interrupt.
    cycles: u64,
    /// Useful steps ÷ (lanes × cycles).
    utilisation: f64,
    counters: BTreeMap<&'static str, u64>,
    /// Cycles that the engine needs for its keys when nothing holds it up.
    compute_cycles: u64,
    /// Cycles that the bus needs for what is read, and for what is written.
    bus_cycles: [u64; 2],
    memory: String,
    /// Against attention in float64 on the tensors before rounding: mean and largest absolute error.
    error: [f64; 2],
    seconds: f64,
}

/// Heads of a workload that lie together and have equal lengths.
struct Batch<'w> {
    /// All their keys.
    settings: Settings,
    /// The jobs, one after the other.
    jobs: Vec<Settings>,
    end: u64,
    heads: Range<usize>,
    tensors: &'w [QuantizedHead],
}

/// Runs a workload, job by job; each must leave what the functional model leaves.
pub fn report(
    target: &Target,
    spec: &AcceleratorSpec,
    config: &AcceleratorConfig,
    args: &WorkloadArgs,
) -> Result<Report> {
    let (workload, quantized) = args.load(target)?;
    let batches = batches(spec, &config.job, &quantized)?;
    let program = Program::compile(&target.design)?;
    let start = Instant::now();
    let run = |batch: &Batch<'_>| -> Result<(Vec<Job>, Memory)> {
        let memory = image(spec, &batch.settings, batch.tensors, batch.end);
        let mut system = System::new(spec, &program, memory, config.memory)?;
        let mut run = |job| system.check(job).with_context(|| format!("heads {:?}", batch.heads));
        let jobs = batch.jobs.iter().map(&mut run).collect::<Result<_>>()?;
        Ok((jobs, system.memory().clone()))
    };
    let results: Vec<(Vec<Job>, Memory)> = batches.par_iter().map(run).collect::<Result<_>>()?;
    let seconds = start.elapsed().as_secs_f64();
    let done = || results.iter().flat_map(|(jobs, _)| jobs);
    let cycles = done().map(|job| job.cycles).sum();
    let mut counters = BTreeMap::new();
    for (name, count) in done().flat_map(|job| &job.counters) {
        *counters.entry(*name).or_insert(0) += count;
    }
    let memories: Vec<&Memory> = results.iter().map(|(_, memory)| memory).collect();
    let jobs: Vec<&Settings> = batches.iter().flat_map(|batch| &batch.jobs).collect();
    let beats = |direction: usize| {
        let bytes: u64 = jobs.iter().map(|job| traffic(spec, job)[direction]).sum();
        (bytes as f64 / f64::from(spec.bus_bytes()) / config.memory.bandwidth).ceil() as u64
    };
    Ok(Report {
        workload: workload.source.clone(),
        jobs: jobs.len(),
        heads: workload.heads.len(),
        queries: workload.queries(),
        mask: mask_name(config.job.mask),
        cycles,
        utilisation: counters["USEFUL_STEPS"] as f64 / (f64::from(spec.engine.lanes) * cycles as f64),
        counters,
        compute_cycles: jobs.iter().map(|job| compute_cycles(spec, job)).sum(),
        bus_cycles: [beats(0), beats(1)],
        memory: memory_name(spec, &config.memory),
        error: error(spec, &batches, &memories, &workload),
        seconds,
    })
}

fn mask_name(mask: MaskMode) -> &'static str {
    match mask {
        MaskMode::None => "no mask",
        MaskMode::Causal => "causal",
        MaskMode::Window => "causal, sliding window",
    }
}

fn memory_name(spec: &AcceleratorSpec, timing: &Timing) -> String {
    let Timing { latency, bandwidth, outstanding, stalls, .. } = timing;
    match spec.interface {
        Interface::Dma => format!(
            "{} bits, {latency} cycles latency, {bandwidth} beats/cycle, {outstanding} bursts open, pauses {}",
            spec.bus_bits,
            percent(*stalls)
        ),
        Interface::Stream => format!("streams of {} bits, pauses {}", spec.bus_bits, percent(*stalls)),
    }
}

/// Steps of a lane over all blocks: a key row, and an initial state, takes as many cycles as there are slots.
fn compute_cycles(spec: &AcceleratorSpec, settings: &Settings) -> u64 {
    let keys = |block: u32| spec.key_range(settings, block).len() as u64;
    let of_head: u64 = (0..spec.blocks(settings.queries)).map(keys).sum();
    let states = if settings.initial { u64::from(settings.queries) } else { 0 };
    u64::from(settings.heads) * (of_head + states) * u64::from(spec.engine.interleave)
}

fn batches<'w>(spec: &AcceleratorSpec, job: &JobConfig, quantized: &'w Quantized) -> Result<Vec<Batch<'w>>> {
    let d = quantized.head_dim;
    let lengths = |head: &QuantizedHead| ((head.q.len() / d) as u32, (head.k.len() / d) as u32);
    let most = (spec.heads.min(spec.kv_heads.saturating_mul(job.group)) / job.group * job.group) as usize;
    ensure!(most > 0, "job.group = {} is more than accelerator.heads = {}", job.group, spec.heads);
    let (mut batches, mut next) = (vec![], 0);
    while next < quantized.heads.len() {
        let (queries, keys) = lengths(&quantized.heads[next]);
        let alike = quantized.heads[next..].iter().take_while(|h| lengths(h) == (queries, keys)).count();
        let heads = next..next + alike.min(most);
        next = heads.end;
        let count = heads.len() as u32;
        ensure!(
            count.is_multiple_of(job.group),
            "heads {heads:?} do not divide into groups of job.group = {}",
            job.group
        );
        let settings = settings(spec, job, [queries, keys, count])?;
        let (settings, end) = Settings { initial: job.pieces > 1, ..settings }.placed(spec, BASE);
        // Pieces are whole blocks of keys, so that they give what all keys at once give.
        let rows = keys.div_ceil(job.pieces).next_multiple_of(spec.engine.key_block.unwrap_or(1));
        let jobs = if job.pieces > 1 { settings.pieces(rows) } else { vec![settings] };
        batches.push(Batch { settings, jobs, end, tensors: &quantized.heads[heads.clone()], heads });
    }
    Ok(batches)
}

/// Settings that the accelerator takes; where the tensors are is left open.
fn settings(spec: &AcceleratorSpec, job: &JobConfig, lengths: [u32; 3]) -> Result<Settings> {
    let nowhere = Tensor::default();
    let [queries, keys, heads] = lengths;
    let settings = Settings {
        queries,
        keys,
        heads,
        kv_heads: heads / job.group,
        mask: job.mask,
        window: job.window,
        scale: spec.engine.dot.scale.map_or(0, |format| format.encode(job.scale, &spec.engine.policy)),
        q: nowhere,
        k: nowhere,
        v: nowhere,
        o: nowhere,
        initial: false,
        i: nowhere,
    };
    settings.check(spec).map_err(|cause| anyhow!(refusal::text(spec, &settings, cause)))?;
    Ok(settings)
}

/// Mean and largest absolute error against float64 attention; rows that meet no key count as exact zeros.
fn error(spec: &AcceleratorSpec, batches: &[Batch<'_>], after: &[&Memory], workload: &Workload) -> [f64; 2] {
    let d = workload.head_dim;
    let model = || spec.engine.kernel.model(&spec.engine);
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let of_batch = |(batch, after): (&Batch<'_>, &&Memory)| {
        let Settings { heads, kv_heads, queries, .. } = batch.settings;
        let (o, model) = (batch.jobs.last().expect("a batch has a job").o, model());
        let (mut sum, mut count, mut largest) = (0.0, 0.0, 0.0f64);
        for h in 0..heads {
            let first = |head: u32| &workload.heads[batch.heads.start + head as usize];
            let (own, group) = (first(h), first(batch.settings.kv_head(h) * (heads / kv_heads)));
            let (q, k, v) = (wide(&own.q), wide(&group.k), wide(&group.v));
            let meets = |i: usize, j: usize| batch.settings.meets(i as u32, j as u32);
            let expected = reference(d, [&q, &k, &v], meets);
            for (i, row) in (0..queries).zip(expected.chunks_exact(d)) {
                let got = result(spec, model.as_ref(), after, o.row(h, i)).expect("results lie in memory");
                for (bits, &expected) in got.into_iter().zip(row) {
                    let error = (spec.engine.output.decode(bits) - expected).abs();
                    (sum, count, largest) = (sum + error, count + 1.0, largest.max(error));
                }
            }
        }
        [sum, count, largest]
    };
    let parts: Vec<[f64; 3]> = batches.par_iter().zip(after).map(of_batch).collect();
    let total = |i: usize| parts.iter().map(|part| part[i]).sum::<f64>();
    [total(0) / total(1).max(1.0), parts.iter().map(|part| part[2]).fold(0.0, f64::max)]
}

/// The result row at an address, or that of the state there.
fn result(spec: &AcceleratorSpec, model: &dyn Model, memory: &Memory, address: u64) -> Option<Vec<u64>> {
    if spec.engine.result == ResultForm::State {
        let state = model::state(spec, memory, address)?;
        return Some(functional::result(&spec.engine, model, state.as_ref()));
    }
    let bytes = memory.read(address, (spec.result_beats() * spec.bus_bytes()) as usize)?;
    Some(unpack(bytes, spec.engine.output.width(), spec.engine.head_dim as usize))
}

impl Report {
    /// The report as text.
    pub fn text(&self) -> String {
        let count = |name: &str| self.counters.get(name).copied().unwrap_or(0);
        let share = |name: &str| {
            format!("{} ({})", grouped(count(name)), percent(count(name) as f64 / self.cycles as f64))
        };
        let (read, written) = (count("BYTES_READ"), count("BYTES_WRITTEN"));
        let rows = [
            (
                "workload",
                format!(
                    "{}: {}, {}, {} in {}",
                    self.workload,
                    counted(self.heads, "head", "heads"),
                    counted(self.queries, "query", "queries"),
                    self.mask,
                    counted(self.jobs, "job", "jobs")
                ),
            ),
            ("memory", self.memory.clone()),
            (
                "model",
                "memory and counters equal the functional model's, bit for bit; no bus rule was broken"
                    .into(),
            ),
            ("error", format!("mean {:.5}, largest {:.5} against float64", self.error[0], self.error[1])),
            ("cycles", format!("{}, utilisation {}", grouped(self.cycles), percent(self.utilisation))),
            (
                "stalls",
                format!(
                    "waiting for queries {}, for keys {}, for results to leave {}, other {}",
                    share("STALL_Q"),
                    share("STALL_KV"),
                    share("STALL_O"),
                    share("STALL_OTHER")
                ),
            ),
            (
                "bytes",
                format!(
                    "{} read ({:.1} per cycle), {} written ({:.1} per cycle)",
                    grouped(read),
                    read as f64 / self.cycles as f64,
                    grouped(written),
                    written as f64 / self.cycles as f64
                ),
            ),
            ("roofline", self.roofline()),
            (
                "speed",
                format!(
                    "{} cycles/s ({:.2} s)",
                    grouped((self.cycles as f64 / self.seconds) as u64),
                    self.seconds
                ),
            ),
        ];
        show::pairs(&rows)
    }

    /// Which of arithmetic and bus needs longer, by how much, and how near the run is.
    fn roofline(&self) -> String {
        let [read, written] = self.bus_cycles;
        let (compute, bus) = (self.compute_cycles, read.max(written));
        let (what, bound, other) =
            if compute >= bus { ("compute-bound", compute, bus) } else { ("memory-bound", bus, compute) };
        format!(
            "{what} by a factor of {:.2}: the engine needs {} cycles, reads {}, writes {}; the run is {} of the bound",
            bound as f64 / other.max(1) as f64,
            grouped(compute),
            grouped(read),
            grouped(written),
            percent(bound as f64 / self.cycles as f64)
        )
    }
}

/// Queries beyond a block, and keys, of the jobs that vectors are made of.
const VECTOR_KEYS: u32 = 12;

/// Small jobs of two heads on random tensors with pauses everywhere, every port of every cycle.
pub fn recorded(
    target: &Target,
    spec: &AcceleratorSpec,
    config: &AcceleratorConfig,
    jobs: usize,
    pauses: f64,
) -> Result<Recorded> {
    let seed = config.engine.workload.seed;
    let mut rng = Rng::new(seed);
    let program = Program::compile(&target.design)?;
    let timing = Timing { latency: 7, stalls: pauses, seed, ..config.memory };
    let mut recorder = Recorder::new(&program)?;
    let mut system = System::new(spec, &program, Memory::default(), timing)?;
    system.observe(|simulator| {
        recorder.cycle(simulator);
        Ok(())
    });
    let mut results = 0;
    for _ in 0..jobs {
        let length = |rng: &mut Rng, most: u32| 1 + rng.below(u64::from(most)) as u32;
        let queries = length(&mut rng, (spec.block() + VECTOR_KEYS).min(spec.max_queries));
        let keys = length(&mut rng, VECTOR_KEYS.min(spec.max_keys));
        let job = JobConfig { window: length(&mut rng, VECTOR_KEYS), group: 1, pieces: 1, ..config.job };
        let heads = 2.min(spec.heads).min(spec.kv_heads);
        let settings = settings(spec, &job, [queries, keys, heads])?;
        let initial = spec.engine.initial && rng.below(4) > 0;
        let (settings, end) = Settings { initial, ..settings }.placed(spec, BASE);
        let tensors: Vec<QuantizedHead> =
            (0..heads).map(|_| random_head(spec, &mut rng, queries, keys)).collect();
        let mut memory = image(spec, &settings, &tensors, end);
        if initial {
            place_states(spec, &settings, &mut memory, |_, _| random_state(&spec.engine, &mut rng));
        }
        *system.memory() = memory;
        system.check(&settings)?;
        results += (queries * heads) as usize;
    }
    drop(system);
    Ok(Recorded { recording: recorder.finish(), results })
}

fn random_head(spec: &AcceleratorSpec, rng: &mut Rng, queries: u32, keys: u32) -> QuantizedHead {
    let mut rows = |count: u32| (0..count).flat_map(|_| random_row(&spec.engine, rng, 1.0)).collect();
    QuantizedHead { q: rows(queries), k: rows(keys), v: rows(keys) }
}
