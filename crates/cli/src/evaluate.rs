//! A part of a design through the tools: its RTL and constraints in; area, timing and power out.

use crate::package::constraints::sdc;
use crate::power::{Drive, PowerReport, estimate};
use crate::prediction::Prediction;
use crate::purpose;
use crate::scope::{self, Part};
use crate::target::{Kind, Target};
use anyhow::{Context, Result, ensure};
use attention::Config;
use attention::accelerator::MACRO;
use attention::config::platform;
use flow::memory;
use flow::{Flow, Job, Library, Places, Platform, Report};
use hdl::verilog::{self, Header};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Where the cells come from, and how the tools run.
#[derive(clap::Args)]
pub struct ToolArgs {
    /// Tools that run at a time; one per processor if left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Seconds that a tool may run
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    timeout: u64,
    /// Liberty file, plain or .gz; may be repeated
    #[arg(long, value_name = "FILE")]
    liberty: Vec<PathBuf>,
    /// Checkout of OpenROAD-flow-scripts
    #[arg(long, value_name = "DIR")]
    orfs: Option<PathBuf>,
    /// Leave clocks ungated: registers hold what they have by multiplexers
    #[arg(long)]
    no_clock_gating: bool,
}

/// What `report.json` says of a design.
#[derive(Serialize)]
pub struct Synthesis {
    tool: &'static str,
    /// Hash of everything the hardware depends on.
    pub config_hash: String,
    config: toml::Table,
    scope: String,
    /// Area and timing.
    #[serde(flatten)]
    pub report: Report,
    /// An accelerator's area and power by what they are for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<purpose::Share>,
    /// The delay model's prediction, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Prediction>,
    /// Power, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<PowerReport>,
}

impl Synthesis {
    /// What came back for a request.
    pub fn new(request: &Request, report: Report, power: Option<PowerReport>) -> Synthesis {
        let Target { config, design, kind, .. } = request.target;
        let whole = matches!(kind, Kind::Accelerator(_)) && request.scope == scope::WHOLE;
        let milliwatts = power.as_ref().map(|power| &power.power);
        Synthesis {
            tool: crate::package::TOOL,
            config_hash: config.hash(),
            config: config.canonical(),
            scope: request.scope.into(),
            purposes: if whole { purpose::shares(design, &report.breakdown, milliwatts) } else { vec![] },
            prediction: Prediction::new(request, &report),
            report,
            power,
        }
    }
}

/// What is to be synthesised, and how hard.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The design.
    pub target: &'a Target,
    /// The part of it, as [`scope::part`] takes it.
    pub scope: &'a str,
    /// Clock, MHz.
    pub mhz: f64,
    /// Map elements of the accumulator row once for all of them, where there are any.
    pub element_once: bool,
    /// Take the first netlist that meets the clock.
    pub quick: bool,
    /// Look for the highest frequency too.
    pub fmax: bool,
    /// Where the design gets a folder of its own.
    pub output: &'a Path,
}

impl Request<'_> {
    /// What is synthesised.
    pub fn part(&self) -> Result<Part> {
        scope::part(self.target, self.scope)
    }

    /// The folder of the design on a platform.
    fn folder(&self, platform: &Platform, top: &str) -> PathBuf {
        let config = &self.target.config;
        let whole = self.scope == scope::WHOLE;
        let name = if whole { config.name.clone() } else { format!("{}_{top}", config.name) };
        self.output.join(format!("{name}_{}_{}", platform.name, &config.hash()[..8]))
    }

    /// What the tools get: memories in macros of the platform, as far as their files are there.
    pub fn job(&self, cells: &Library) -> Result<Job> {
        let config = &self.target.config;
        let part = self.part()?;
        let boundary = part.boundary(config);
        let part = part.design;
        let once = if self.element_once { scope::elements(&part) } else { vec![] };
        let top = verilog::identifier(&part.top().name);
        let header = Header::default();
        let memories = memory::place(&part, MACRO, &cells.macros, &header);
        let files = verilog::write(&part, &header).into_iter().filter(|file| file.name.ends_with(".v"));
        Ok(Job {
            design: config.name.clone(),
            files: memory::replaced(files.collect(), &memories)
                .into_iter()
                .map(|f| (f.name, f.text))
                .collect(),
            note: memory::unplaced(&part, MACRO, &memories, &cells.platform),
            memories,
            sdc: sdc(&part, Some(self.mhz), boundary, &header),
            folder: self.folder(&cells.platform, &top),
            top,
            period_ps: 1e6 / self.mhz,
            once,
            quick: self.quick,
            fmax: self.fmax,
        })
    }
}

/// The tools and the cells of one platform, shared by all designs.
pub struct Tools<'a> {
    flow: Flow<'a>,
    library: Library,
    timeout: Duration,
}

impl<'a> Tools<'a> {
    /// Finds the tools and the cells, which are prepared in a folder of `output`; `say` hears what goes on.
    pub fn new(
        args: &ToolArgs,
        platform: &Platform,
        output: &Path,
        say: &'a (dyn Fn(&str) + Sync),
    ) -> Result<Tools<'a>> {
        let mut places = Places::from_environment();
        places.liberty.clone_from(&args.liberty);
        if let Some(orfs) = &args.orfs {
            places = Places { pdk: None, orfs: Some(orfs.clone()), ..places };
        }
        let library = Library::prepare(platform, &places, &output.join("cells"))?;
        let timeout = Duration::from_secs(args.timeout);
        let flow = Flow::new(library.clone(), args.jobs(), timeout, say)?;
        let flow = if args.no_clock_gating { flow.without_clock_gating() } else { flow };
        Ok(Tools { flow, library, timeout })
    }

    /// The tools by themselves.
    pub fn flow(&self) -> &Flow<'a> {
        &self.flow
    }

    /// What the tools get for a request.
    pub fn job(&self, request: &Request) -> Result<Job> {
        request.job(&self.library)
    }

    /// Area and timing.
    pub fn synthesise(&self, job: &Job) -> Result<Report> {
        Ok(self.flow.run(job)?)
    }

    /// Power of what a synthesis left.
    pub fn power(&self, request: &Request, report: &Report, drive: &Drive) -> Result<PowerReport> {
        let part = request.part()?;
        let power = estimate(request.target, &part, report, &self.library, self.timeout, drive);
        power.with_context(|| format!("power of {}", report.design))
    }
}

impl ToolArgs {
    /// Tools that run at a time.
    pub fn jobs(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, |n| n.get());
        self.jobs.map_or_else(processors, usize::from)
    }
}

/// A platform by its name, or a platform file.
pub fn find_platform(name: &str) -> Result<Platform> {
    let found = platform(name).map_err(anyhow::Error::msg).with_context(|| format!("--platform {name}"))?;
    Ok(Platform::new(&found.name, &found.description, &found.sections)?)
}

/// The clock to synthesise for, MHz: the one that is given, or the one that the design is pipelined for, divided by
/// how much slower the platform's logic is than that of the design's own; above 0.
pub fn clock(given: Option<f64>, platform: &Platform, config: &Config) -> Result<f64> {
    let own = || {
        let ratio = match find_platform(&config.clock.platform).map(|p| p.synthesis.relative_delay) {
            Ok(Some(own)) => platform.synthesis.relative_delay.map_or(1.0, |delay| delay / own),
            _ => 1.0,
        };
        Some((config.clock.mhz? / ratio).round())
    };
    let mhz = given.or_else(own).with_context(|| {
        format!(
            "{}: has no clock (clock.mhz = \"none\"); give one to synthesise for with --clock",
            config.name
        )
    })?;
    ensure!(mhz > 0.0, "--clock {mhz}: must be above 0");
    Ok(mhz)
}

/// The results of `work` on all items, in their order, `workers` of them at a time, taken from the front.
pub fn side_by_side<T: Sync, R: Send>(items: &[T], workers: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    std::thread::scope(|scope| {
        for _ in 0..workers.min(items.len()) {
            scope.spawn(|| {
                while let Some((at, item)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|at| items.get(at).map(|item| (at, item)))
                {
                    let result = work(item);
                    done.lock().expect("nobody panics with the lock").push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("nobody panicked with the lock");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..40).collect();
        let slow = |n: &u64| {
            std::thread::sleep(Duration::from_micros((41 - n) * 50));
            n * n
        };
        let squares: Vec<u64> = items.iter().map(|n| n * n).collect();
        assert_eq!(side_by_side(&items, 7, slow), squares);
        assert!(side_by_side(&[], 7, slow).is_empty());
    }
}
