//! `flashrtl simulate`: a workload through a design, with its accuracy; operands through a unit.

use crate::accelerate;
use crate::engines::EngineName;
use crate::show::{self, counted, grouped, percent};
use crate::simulation::{Figures, Request, Simulation};
use crate::source::ConfigArgs;
use crate::stimuli::record_unit;
use crate::target::{Kind, Target};
use crate::unit::Unit;
use crate::waves;
use anyhow::{Result, bail, ensure};
use attention::accelerator::bus::Timing;
use attention::accuracy::{self, AccuracyReport, Comparison};
use attention::config::{AcceleratorConfig, DesignConfig, UnitConfig};
use attention::simulate::Stalls;
use attention::workload::Quantized;
use attention::{EngineSpec, Workload};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Run a workload through a design, bit for bit, and report accuracy, cycles and utilisation
///
/// Without --data the configuration's own seeded workload is run. Files hold q already scaled by 1/sqrt(d).
#[derive(clap::Args)]
#[command(after_help = "Example: flashrtl simulate fa2_bf16_d64 --data qkv.npz --set array.head_dim=32")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
    /// What runs the design
    #[arg(long, value_enum, default_value = "program")]
    engine: EngineName,
    /// Probability per cycle that a port pauses; 0 if left out, for an accelerator memory.stalls
    #[arg(long, value_name = "P", value_parser = probability)]
    stalls: Option<f64>,
    /// Write the waves of the first queries, for GTKWave
    #[arg(long, value_name = "FILE")]
    vcd: Option<PathBuf>,
    /// Compare with the functional model even if the run is large
    #[arg(long, overrides_with = "no_functional")]
    functional: bool,
    /// Do not compare with the functional model
    #[arg(long)]
    no_functional: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The tensors to run.
#[derive(clap::Args)]
pub struct WorkloadArgs {
    /// Tensors q, k, v (heads x rows x head_dim) and optionally n (heads), an .npz or .safetensors file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["q", "k", "v", "n"])]
    data: Option<PathBuf>,
    /// Queries in a .npy file; with --k and --v
    #[arg(long, value_name = "FILE", requires_all = ["k", "v"])]
    q: Option<PathBuf>,
    /// Keys in a .npy file
    #[arg(long, value_name = "FILE", requires_all = ["q", "v"])]
    k: Option<PathBuf>,
    /// Values in a .npy file
    #[arg(long, value_name = "FILE", requires_all = ["q", "k"])]
    v: Option<PathBuf>,
    /// Valid rows of each head in a .npy file
    #[arg(long, value_name = "FILE", requires = "q")]
    n: Option<PathBuf>,
    /// Run the first N heads only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    heads: Option<u32>,
    /// Run N queries of each head only, evenly spread
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    queries: Option<u32>,
}

fn probability(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "must be a number".to_string())?;
    if (0.0..=0.95).contains(&value) { Ok(value) } else { Err("must be 0 to 0.95".into()) }
}

/// Multiply-accumulates up to which the functional model is run along, some seconds' worth.
const SMALL_RUN: u64 = 50_000_000;

/// Runs the workload and prints the report.
pub fn run(args: &Args) -> Result<()> {
    let target = Target::new(args.config.load()?)?;
    match (&target.kind, &target.config.design) {
        (Kind::Unit(unit), DesignConfig::Unit(config)) => {
            if args.workload.data.is_some() || args.workload.q.is_some() {
                bail!(
                    "{} is a unit, which takes no tensors; workload.stimuli is how many operands it is run on",
                    target.config.name
                );
            }
            if let Some(path) = &args.vcd {
                waves::unit(&target, unit, config, path)?;
            }
            let report = unit_report(&target, unit, config, args.engine)?;
            if args.json { show::json(&report) } else { show::text(report.text()) }
        }
        (Kind::Accelerator(spec), DesignConfig::Accelerator(config)) => {
            ensure!(args.engine == EngineName::Program, "accelerators are simulated in engine program");
            let option = if args.no_functional { "--no-functional" } else { "--functional" };
            ensure!(
                !args.functional && !args.no_functional,
                "{option}: accelerators are always compared with the functional model"
            );
            let stalls = args.stalls.unwrap_or(config.memory.stalls);
            let config = &AcceleratorConfig { memory: Timing { stalls, ..config.memory }, ..config.clone() };
            if let Some(path) = &args.vcd {
                let (_, quantized) = args.workload.load(&target)?;
                waves::accelerator(&target, spec, config, &quantized, path)?;
            }
            let report = accelerate::report(&target, spec, config, &args.workload)?;
            if args.json { show::json(&report) } else { show::text(report.text()) }
        }
        (Kind::Engine(spec), _) => {
            let functional = match (args.functional, args.no_functional) {
                (_, true) => Some(false),
                (true, _) => Some(true),
                _ => None,
            };
            let stalls = stalls(args.stalls.unwrap_or(0.0));
            if let Some(path) = &args.vcd {
                let (_, quantized) = args.workload.load(&target)?;
                waves::engine(&target, spec, &quantized, stalls, path)?;
            }
            let report = engine_report(&target, spec, &args.workload, args.engine, stalls, functional)?;
            if args.json { show::json(&report) } else { show::text(report.text()) }
        }
        _ => unreachable!("a target is of the kind of its configuration"),
    }
}

fn stalls(probability: f64) -> Stalls {
    Stalls { q: probability, kv: probability, o: probability, i: probability, seed: 1 }
}

impl WorkloadArgs {
    /// The tensors as they are, and in the engine's input format.
    pub fn load(&self, target: &Target) -> Result<(Workload, Quantized)> {
        let workload = self.tensors(target)?;
        let quantized = quantized(&workload, target)?;
        Ok((workload, quantized))
    }

    /// The tensors that are given, or else the engine's own.
    pub fn tensors(&self, target: &Target) -> Result<Workload> {
        let workload = match (&self.data, &self.q, &self.k, &self.v) {
            (Some(data), ..) => Workload::load(data)?,
            (_, Some(q), Some(k), Some(v)) => Workload::load_npy(q, k, v, self.n.as_deref())?,
            _ => Workload::generate(target.config.engine().expect("the design is an engine")),
        };
        let limit = |n: Option<u32>| n.map(|n| n as usize);
        Ok(workload.limit(limit(self.heads), limit(self.queries)))
    }
}

/// Tensors in the engine's input format, if it can run them; q without the scale that an accelerator multiplies scores with.
pub fn quantized(workload: &Workload, target: &Target) -> Result<Quantized> {
    workload.check(&target.config)?;
    let config = target.config.engine().expect("the design is an engine");
    let scale = match &target.config.design {
        DesignConfig::Accelerator(accelerator) => accelerator.job.scale,
        _ => 1.0,
    };
    Ok(workload.unscaled(scale).quantize(config.format.input, &target.policy()))
}

/// What a simulation of an engine gave.
#[derive(Serialize)]
pub struct EngineReport {
    engine: &'static str,
    #[serde(flatten)]
    figures: Figures,
    accuracy: AccuracyReport,
}

/// Runs a workload and measures its accuracy. `functional` asks for the functional model or forbids it; by default
/// small runs are compared with it.
pub fn engine_report(
    target: &Target,
    spec: &EngineSpec,
    workload: &WorkloadArgs,
    engine: EngineName,
    stalls: Stalls,
    functional: Option<bool>,
) -> Result<EngineReport> {
    let (workload, quantized) = workload.load(target)?;
    let request = Request { target, spec, workload: &quantized, stalls, engine };
    let mut simulation: Simulation = request.run()?;
    let size = |head: &attention::workload::Head| (head.rows.len() * head.k.len()) as u64;
    let steps: u64 = workload.heads.iter().map(size).sum();
    if functional.unwrap_or(steps <= SMALL_RUN) {
        simulation.compare_with_model(&request)?;
    }
    let accuracy = accuracy::report(&workload, &quantized, &simulation.outputs);
    Ok(EngineReport { engine: engine.name(), figures: simulation.figures, accuracy })
}

impl EngineReport {
    /// The report as text.
    pub fn text(&self) -> String {
        format!("{}{}\n{}", self.summary(), self.saturation(), self.table())
    }

    /// The figures over all heads.
    pub fn summary(&self) -> String {
        let (f, a) = (&self.figures, &self.accuracy);
        let model = match f.compared {
            Some(rows) => {
                format!("all {} result rows equal the functional model, bit for bit", grouped(rows as u64))
            }
            None => "not compared with the functional model (--functional does)".into(),
        };
        let rows = [
            (
                "workload",
                format!(
                    "{}: {}, {}",
                    a.workload,
                    counted(a.heads.len(), "head", "heads"),
                    counted(a.queries, "query", "queries")
                ),
            ),
            ("accuracy", measures(&a.overall)),
            ("cycles", format!("{}, utilisation {}", grouped(f.cycles), percent(f.utilisation))),
            (
                "speed",
                format!(
                    "{} cycles/s in engine {} ({:.2} s)",
                    grouped(f.cycles_per_second as u64),
                    self.engine,
                    f.seconds
                ),
            ),
            ("model", model),
        ];
        show::pairs(&rows)
    }

    fn saturation(&self) -> String {
        let s = &self.accuracy.saturation;
        if s.saturated + s.flushed == 0 {
            return String::new();
        }
        let rows = [(
            "inputs",
            format!(
                "of {} elements {} saturated and {} were flushed to zero by the input format",
                grouped(s.elements),
                grouped(s.saturated),
                grouped(s.flushed)
            ),
        )];
        show::pairs(&rows)
    }

    fn table(&self) -> String {
        let rows = self.accuracy.heads.iter().map(|head| {
            let (rounded, unrounded) = (&head.comparison.rounded_inputs, &head.comparison.unrounded_inputs);
            vec![
                head.head.to_string(),
                head.queries.count.to_string(),
                head.keys.to_string(),
                percent(rounded.relative_l2),
                percent(rounded.max_abs),
                format!("{:.5}", rounded.cosine),
                percent(unrounded.relative_l2),
            ]
        });
        let columns =
            [">head", ">queries", ">keys", ">relative L2", ">max abs", ">cosine", ">on unrounded inputs"];
        show::table(&columns, rows)
    }
}

fn measures(c: &Comparison) -> String {
    format!(
        "relative L2 {}, max abs {}, cosine {:.5}; against unrounded inputs {}",
        percent(c.rounded_inputs.relative_l2),
        percent(c.rounded_inputs.max_abs),
        c.rounded_inputs.cosine,
        percent(c.unrounded_inputs.relative_l2)
    )
}

/// What a simulation of a unit gave.
#[derive(Serialize)]
pub struct UnitReport {
    name: String,
    operator: &'static str,
    engine: &'static str,
    directed: usize,
    random: usize,
    mismatches: usize,
    latency_cycles: u32,
    seconds: f64,
}

/// Cases that are simulated and compared at a time.
const CASES_AT_A_TIME: usize = 8192;

/// Runs the directed cases and the configuration's number of random ones against the reference.
pub fn unit_report(
    target: &Target,
    unit: &Unit,
    config: &UnitConfig,
    engine: EngineName,
) -> Result<UnitReport> {
    if let Some(why) = engine.unavailable() {
        bail!("engine {}: {why}", engine.name());
    }
    let start = Instant::now();
    let replay = engine.prepare(&target.design)?;
    let mut cases = unit.cases(config.seed);
    let (directed, random) = (unit.directed(), config.stimuli);
    let mut left = directed + random;
    while left > 0 {
        let some: Vec<_> = cases.by_ref().take(left.min(CASES_AT_A_TIME)).collect();
        left -= some.len();
        let recorded = record_unit(&target.design, unit, &some)?.recording;
        let outputs = replay(&recorded.inputs)?;
        sim::compare(&target.design, &recorded.outputs, &outputs).map_err(|mismatch| {
            anyhow::anyhow!("{} differs from the reference: {mismatch}", engine.name())
        })?;
    }
    Ok(UnitReport {
        name: target.config.name.clone(),
        operator: unit.operator.name(),
        engine: engine.name(),
        directed,
        random,
        mismatches: 0,
        latency_cycles: target.latency(),
        seconds: start.elapsed().as_secs_f64(),
    })
}

impl UnitReport {
    /// The report as text.
    pub fn text(&self) -> String {
        let rows = [
            ("cases", format!("{} directed, {} random", self.directed, grouped(self.random as u64))),
            ("mismatches", format!("{} against the reference, in engine {}", self.mismatches, self.engine)),
        ];
        show::pairs(&rows)
    }
}
