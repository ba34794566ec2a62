//! `flashrtl synth`: area and timing on a platform's cells.

use crate::output::write_file;
use crate::package::constraints::{Boundary, sdc};
use crate::power::{PowerArgs, PowerReport};
use crate::progress::Progress;
use crate::scope;
use crate::show::{self, grouped, pairs, percent, table};
use crate::source::ConfigsArgs;
use crate::target::Target;
use anyhow::{Context, Result};
use attention::Config;
use attention::config::platform;
use flow::report::Attempt;
use flow::{Flow, Job, Library, Places, Platform, Report};
use hdl::verilog::{self, Header};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Synthesise designs: area, module by module, and timing on a platform's cells
///
/// Yosys maps the RTL to cells by several recipes, OpenSTA times the netlists, and the smallest that meets the clock is
/// taken. No wires are placed: real ones add delay and area. What has been done already is not done again. The Liberty
/// files come from --liberty; $FLASHRTL_PDK/PLATFORM/; a checkout of OpenROAD-flow-scripts ($FLASHRTL_ORFS or --orfs);
/// or, for osu018, Debian's package qflow-tech-osu018.
#[derive(clap::Args)]
#[command(
    after_help = "Example: flashrtl synth fa2_bf16_d64 fa2_expmul_bf16_d64 --scope element --platform nangate45"
)]
pub struct Args {
    #[command(flatten)]
    configs: ConfigsArgs,
    /// Platform, or a platform file (`flashrtl list platforms`)
    #[arg(long, value_name = "NAME", default_value = "osu018")]
    platform: String,
    /// Clock in MHz to synthesise for. If left out, the clock that the design is pipelined for, slowed down or sped up
    /// by how much slower or faster the platform's logic is
    #[arg(long, value_name = "MHZ")]
    clock: Option<f64>,
    /// Look for the highest frequency too
    #[arg(long)]
    fmax: bool,
    /// What to synthesise: engine, lane, element, or a module by its name or the beginning of its name
    #[arg(long, value_name = "MODULE", default_value = scope::WHOLE)]
    scope: String,
    /// Map every module for itself: faster for large designs, and a little larger
    #[arg(long)]
    keep_hierarchy: bool,
    /// Take the first netlist that meets the clock, not the smallest
    #[arg(long)]
    quick: bool,
    /// Tools that run at a time; one per processor if left out
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Seconds that a tool may run
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    timeout: u64,
    /// Liberty file, plain or .gz; may be repeated
    #[arg(long, value_name = "FILE")]
    liberty: Vec<PathBuf>,
    /// Checkout of OpenROAD-flow-scripts
    #[arg(long, value_name = "DIR")]
    orfs: Option<PathBuf>,
    #[command(flatten)]
    power: PowerArgs,
    /// Folder to write; each design gets a folder in it
    #[arg(short, long, value_name = "DIR", default_value = "out/synth")]
    output: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Modules that the printed breakdown shows.
const SHOWN: usize = 12;

/// What `report.json` says.
#[derive(Serialize)]
struct Synthesis {
    tool: &'static str,
    config_hash: String,
    config: toml::Table,
    scope: String,
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    power: Option<PowerReport>,
}

impl Synthesis {
    /// What people read.
    fn text(&self) -> String {
        details(&self.report) + &self.power.as_ref().map_or(String::new(), PowerReport::text)
    }
}

/// Synthesises the designs and prints their figures.
pub fn run(args: &Args) -> Result<()> {
    let configs = args.configs.load()?;
    let targets = configs.into_iter().map(|c| Ok(Target::new(c)?)).collect::<Result<Vec<_>>>()?;
    let platform = find_platform(&args.platform)?;
    let jobs = targets.iter().map(|t| job(args, &platform, t)).collect::<Result<Vec<_>>>()?;
    let library = library(args, &platform)?;
    let reports = synthesise(args, library.clone(), &jobs)?;
    let powers = powers(args, &library, &targets, &reports)?;
    let parts = reports.into_iter().zip(powers).zip(&targets);
    let all = parts.map(|((report, power), target)| Synthesis {
        tool: crate::package::TOOL,
        config_hash: target.config.hash(),
        config: target.config.canonical(),
        scope: args.scope.clone(),
        report,
        power,
    });
    let all: Vec<Synthesis> = all.collect();
    for (synthesis, job) in all.iter().zip(&jobs) {
        let json = serde_json::to_string_pretty(synthesis)?;
        write_file(&job.folder.join("report.json"), |mut file| Ok(writeln!(file, "{json}")?))?;
        write_file(&job.folder.join("report.txt"), |mut file| Ok(write!(file, "{}", synthesis.text())?))?;
    }
    if args.json { show::json(&all) } else { print(&all, &jobs) }
}

/// All designs side by side.
fn synthesise(args: &Args, library: Library, jobs: &[Job]) -> Result<Vec<Report>> {
    let progress = Progress::spinner("synthesising");
    let say = |what: &str| progress.say(what);
    let processors = || std::thread::available_parallelism().map_or(1, |n| n.get());
    let parallel = args.jobs.unwrap_or_else(processors);
    let flow = Flow::new(library, parallel, Duration::from_secs(args.timeout), &say)?;
    std::thread::scope(|scope| {
        let runs: Vec<_> = jobs.iter().map(|job| scope.spawn(|| flow.run(job))).collect();
        let results = runs.into_iter().map(|run| run.join().expect("synthesis does not panic"));
        Ok(results.collect::<Result<_, _>>()?)
    })
}

/// The power of each design, where it is asked for.
fn powers(
    args: &Args,
    library: &Library,
    targets: &[Target],
    reports: &[Report],
) -> Result<Vec<Option<PowerReport>>> {
    if !args.power.wanted() {
        return Ok(reports.iter().map(|_| None).collect());
    }
    let progress = Progress::spinner("power");
    let one = |(target, report): (&Target, &Report)| {
        progress.say(format!("{}: running the netlist", report.design));
        let id = scope::module(target, &args.scope)?;
        let power = args.power.estimate(target, id, report, library, Duration::from_secs(args.timeout));
        power.map(Some).with_context(|| format!("power of {}", report.design))
    };
    targets.iter().zip(reports).map(one).collect()
}

/// The platform of a name or a file.
pub fn find_platform(name: &str) -> Result<Platform> {
    let found = platform(name).map_err(anyhow::Error::msg).context("--platform")?;
    Ok(Platform::new(&found.name, &found.description, &found.sections)?)
}

fn library(args: &Args, platform: &Platform) -> Result<Library> {
    let mut places = Places::from_environment();
    places.liberty.clone_from(&args.liberty);
    if let Some(orfs) = &args.orfs {
        places = Places { pdk: None, orfs: Some(orfs.clone()), ..places };
    }
    Ok(Library::prepare(platform, &places, &args.output.join("cells"))?)
}

/// The clock to synthesise for, MHz.
pub fn clock(given: Option<f64>, platform: &Platform, config: &Config) -> Result<f64> {
    let own = || {
        let ratio = match find_platform(&config.clock.platform).map(|p| p.synthesis.relative_delay) {
            Ok(Some(own)) => platform.synthesis.relative_delay.map_or(1.0, |delay| delay / own),
            _ => 1.0,
        };
        Some((config.clock.mhz? / ratio).round())
    };
    given.or_else(own).with_context(|| {
        format!(
            "{}: has no clock (clock.mhz = \"none\"); give one to synthesise for with --clock",
            config.name
        )
    })
}

fn job(args: &Args, platform: &Platform, target: &Target) -> Result<Job> {
    let config = &target.config;
    let mhz = clock(args.clock, platform, config)?;
    anyhow::ensure!(mhz > 0.0, "--clock {mhz}: must be above 0");
    let id = scope::module(target, &args.scope)?;
    let part = target.design.part(id);
    let boundary = match &config.clock.timing {
        Some(timing) if id != target.design.top => Boundary::Within(timing.period_ps),
        _ => Boundary::Outside,
    };
    let top = verilog::identifier(&part.top().name);
    let header = Header::default();
    let files = verilog::write(&part, &header).into_iter().filter(|file| file.name.ends_with(".v"));
    let name = if id == target.design.top { config.name.clone() } else { format!("{}_{top}", config.name) };
    let folder = args.output.join(format!("{name}_{}_{}", platform.name, &config.hash()[..8]));
    Ok(Job {
        design: config.name.clone(),
        files: files.map(|file| (file.name, file.text)).collect(),
        sdc: sdc(&part, Some(mhz), boundary, &header),
        top,
        period_ps: 1e6 / mhz,
        keep_hierarchy: args.keep_hierarchy,
        quick: args.quick,
        fmax: args.fmax,
        folder,
    })
}

fn print(all: &[Synthesis], jobs: &[Job]) -> Result<()> {
    for (synthesis, job) in all.iter().zip(jobs) {
        show::text(synthesis.text())?;
        show::text(format!("  folder     {}\n\n", job.folder.display()))?;
    }
    if all.len() > 1 {
        show::text(overview(all))?;
    }
    Ok(())
}

/// One row per design.
fn overview(all: &[Synthesis]) -> String {
    let row = |s: &Synthesis| {
        let Report { chosen, met, .. } = &s.report;
        let slack = format!("{:.0}{}", chosen.timing.slack_ps, if *met { "" } else { " VIOLATED" });
        let [cells, flops] = [chosen.area.cells, chosen.area.flops].map(grouped);
        let area = rounded(chosen.area.um2);
        let period = rounded(chosen.timing.min_period_ps);
        vec![s.report.design.clone(), area, rounded(chosen.area.nand2), cells, flops, period, slack]
    };
    let columns = ["design", ">µm²", ">NAND2", ">cells", ">flops", ">min period ps", ">slack ps"];
    table(&columns, all.iter().map(row))
}

/// The figures of a design.
fn details(report: &Report) -> String {
    let Attempt { area, timing, recipe, target_ps, .. } = &report.chosen;
    let mhz = 1e6 / report.period_ps;
    let verdict = if report.met { "met" } else { "NOT MET" };
    let flops = percent(area.flop_um2 / area.um2.max(f64::MIN_POSITIVE));
    let mut rows = vec![
        ("area", format!("{} µm², {} NAND2", rounded(area.um2), rounded(area.nand2))),
        (
            "cells",
            format!(
                "{}, {} of them flip-flops with {flops} of the area",
                grouped(area.cells),
                grouped(area.flops)
            ),
        ),
        (
            "clock",
            format!(
                "{mhz:.0} MHz {verdict}: slack {:.0} ps, shortest period {} ps",
                timing.slack_ps,
                rounded(timing.min_period_ps)
            ),
        ),
    ];
    if let Some(path) = timing.register_to_register() {
        rows.push(("registers", format!("{} ps from {} to {}", rounded(path.delay_ps), path.from, path.to)));
    }
    if let Some(path) = timing.critical() {
        rows.push(("critical", format!("{} to {}, slack {:.0} ps", path.from, path.to, path.slack_ps)));
    }
    if let Some(fastest) = &report.fastest {
        let period = fastest.timing.min_period_ps;
        rows.push((
            "fmax",
            format!(
                "{:.0} MHz ({} ps) with {} µm²",
                1e6 / period,
                rounded(period),
                rounded(fastest.area.um2)
            ),
        ));
    }
    rows.push(("recipe", format!("{recipe} for {target_ps} ps, of {}", attempts(report))));
    rows.push(("tools", report.tools.join(", ")));
    if let Some(note) = &report.note {
        rows.push(("note", note.clone()));
    }
    format!(
        "{}: module {} on {} ({})\n{}\n{}",
        report.design,
        report.top,
        report.platform,
        report.library,
        pairs(&rows),
        modules(report)
    )
}

fn attempts(report: &Report) -> String {
    let attempt = |a: &Attempt| {
        let met = if a.timing.slack_ps >= 0.0 { "" } else { " (missed)" };
        format!("{} {}: {} µm²{met}", a.recipe, a.target_ps, rounded(a.area.um2))
    };
    report.attempts.iter().map(attempt).collect::<Vec<_>>().join(", ")
}

/// Where the area is.
fn modules(report: &Report) -> String {
    let row = |m: &flow::report::ModuleArea| {
        let share = percent(m.total_um2 / report.breakdown_um2);
        vec![m.module.clone(), grouped(m.copies), rounded(m.each.um2), rounded(m.total_um2), share]
    };
    let mut rows: Vec<Vec<String>> = report.breakdown.iter().take(SHOWN).map(row).collect();
    if let Some(rest) = report.breakdown.get(SHOWN..).filter(|rest| !rest.is_empty()) {
        let total: f64 = rest.iter().map(|m| m.total_um2).sum();
        let name = format!("{} more (report.json)", rest.len());
        rows.push(vec![
            name,
            String::new(),
            String::new(),
            rounded(total),
            percent(total / report.breakdown_um2),
        ]);
    }
    rows.push(vec!["sum".into(), String::new(), String::new(), rounded(report.breakdown_um2), String::new()]);
    let own = if report.flattened { "own area, mapped module by module" } else { "own area" };
    let columns = [own, ">copies", ">µm² each", ">µm²", ">share"];
    table(&columns, rows).lines().map(|line| format!("  {line}\n")).collect()
}

/// A whole number, or one with a digit after the point where that is a thousandth and more.
fn rounded(number: f64) -> String {
    if number < 1000.0 { format!("{number:.1}") } else { grouped(number.round() as u64) }
}
