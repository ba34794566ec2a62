//! `flashrtl synth`: area and timing on a platform's cells.

use crate::evaluate::{Request, Synthesis, ToolArgs, Tools, clock, find_platform, side_by_side};
use crate::output::write_file;
use crate::power::{PowerArgs, PowerReport};
use crate::prediction::Prediction;
use crate::progress::Progress;
use crate::purpose;
use crate::scope;
use crate::show::{self, grouped, pairs, percent, table};
use crate::source::ConfigsArgs;
use crate::target::Target;
use anyhow::Result;
use flow::fit::median;
use flow::report::{Attempt, ClockGating};
use flow::{Job, Report};
use std::io::Write;
use std::path::PathBuf;

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
    /// What to synthesise: engine, lane, datapath (a lane without what stores queries, states and rows), element, or a
    /// module by its name or the beginning of its name
    #[arg(long, value_name = "MODULE", default_value = scope::WHOLE)]
    scope: String,
    /// Map elements of the accumulator row once for all of them: faster for large designs, and a little larger
    #[arg(long)]
    element_once: bool,
    /// Take the first netlist that meets the clock, not the smallest
    #[arg(long)]
    quick: bool,
    /// Compare the delay model with a netlist that is sized as those it is fitted to
    #[arg(long)]
    check_model: bool,
    #[command(flatten)]
    tools: ToolArgs,
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

/// Synthesises the designs and prints their figures.
pub fn run(args: &Args) -> Result<()> {
    let configs = args.configs.load()?;
    let targets = configs.into_iter().map(|c| Ok(Target::new(c)?)).collect::<Result<Vec<_>>>()?;
    let platform = find_platform(&args.platform)?;
    let request = |target| -> Result<Request> {
        let request = args.request(target, clock(args.clock, &platform, &target.config)?);
        request.part().map(|_| request)
    };
    let requests = targets.iter().map(request).collect::<Result<Vec<_>>>()?;
    let (all, jobs) = {
        let progress = Progress::spinner("synthesising");
        let say = |what: &str| progress.say(what);
        let tools = Tools::new(&args.tools, &platform, &args.output, &say)?;
        let jobs = requests.into_iter().map(|request| Ok((request, tools.job(&request)?)));
        let jobs = jobs.collect::<Result<Vec<_>>>()?;
        let drive = args.power.drive();
        let evaluate = |(request, job): &(Request, Job)| -> Result<Synthesis> {
            let report = tools.synthesise(job)?;
            let power = drive.as_ref().map(|drive| {
                say(&format!("{}: running the netlist", job.design));
                tools.power(request, &report, drive)
            });
            let mut synthesis = Synthesis::new(request, report, power.transpose()?);
            if let Some(prediction) = synthesis.prediction.take_if(|_| args.check_model) {
                synthesis.prediction = Some(prediction.sized_alike(&tools.flow().relaxed(job)?));
            }
            save(&synthesis, job)?;
            Ok(synthesis)
        };
        let all = side_by_side(&jobs, args.tools.jobs(), evaluate);
        (all.into_iter().collect::<Result<Vec<_>>>()?, jobs)
    };
    if args.json { show::json(&all) } else { print(&all, jobs.iter().map(|(_, job)| job)) }
}

impl Args {
    fn request<'a>(&'a self, target: &'a Target, mhz: f64) -> Request<'a> {
        Request {
            target,
            scope: &self.scope,
            mhz,
            element_once: self.element_once,
            quick: self.quick,
            fmax: self.fmax,
            output: &self.output,
        }
    }
}

fn save(synthesis: &Synthesis, job: &Job) -> Result<()> {
    let json = serde_json::to_string_pretty(synthesis)?;
    write_file(&job.folder.join("report.json"), |mut file| Ok(writeln!(file, "{json}")?))?;
    write_file(&job.folder.join("report.txt"), |mut file| Ok(write!(file, "{}", text(synthesis))?))
}

/// What people read.
fn text(synthesis: &Synthesis) -> String {
    let purposes = if synthesis.purposes.is_empty() {
        String::new()
    } else {
        format!("\n{}", purpose::text(&synthesis.purposes))
    };
    details(&synthesis.report, synthesis.prediction.as_ref())
        + &purposes
        + &synthesis.power.as_ref().map_or(String::new(), PowerReport::text)
}

fn print<'j>(all: &[Synthesis], jobs: impl Iterator<Item = &'j Job>) -> Result<()> {
    for (synthesis, job) in all.iter().zip(jobs) {
        show::text(text(synthesis))?;
        show::text(format!("  folder     {}\n\n", job.folder.display()))?;
    }
    if all.len() > 1 {
        show::text(overview(all))?;
        show::text(agreement(all))?;
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
        let predicted = s.prediction.as_ref().map_or(String::new(), |p| rounded(p.predicted_ps));
        vec![
            s.report.design.clone(),
            area,
            rounded(chosen.area.nand2),
            cells,
            flops,
            period,
            slack,
            predicted,
        ]
    };
    let columns =
        ["design", ">µm²", ">NAND2", ">cells", ">flops", ">min period ps", ">slack ps", ">predicted ps"];
    table(&columns, all.iter().map(row))
}

/// How many designs meet their clock, and how close the delay model is.
fn agreement(all: &[Synthesis]) -> String {
    let met = all.iter().filter(|s| s.report.met).count();
    let errors: Vec<f64> = all.iter().filter_map(|s| Some(s.prediction.as_ref()?.error()?.abs())).collect();
    let model = if errors.is_empty() {
        String::new()
    } else {
        format!("; the delay model is {} off in the median of {}", percent(median(&errors)), errors.len())
    };
    format!("{met} of {} meet the clock{model}\n", all.len())
}

/// The figures of a design.
fn details(report: &Report, prediction: Option<&Prediction>) -> String {
    let Attempt { area, timing, recipe, target_ps, resized, .. } = &report.chosen;
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
    if area.macros > 0 {
        let share = percent(area.macro_um2 / area.um2);
        rows.push(("macros", format!("{} with {share} of the area", grouped(area.macros))));
    }
    rows.extend(report.memories.iter().map(|placed| {
        let (copies, macros) = (grouped(placed.copies), placed.macros_text());
        let (size, unused) =
            (format!("{} rows x {} bits", placed.rows, placed.bits), percent(placed.unused()));
        ("memory", format!("{copies} of {size}, each in {macros} ({unused} of its bits unused)"))
    }));
    if let Some(path) = timing.register_to_register() {
        rows.push(("registers", format!("{} ps from {} to {}", rounded(path.delay_ps), path.from, path.to)));
    }
    if let Some(prediction) = prediction {
        rows.push(("model", prediction.text()));
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
    let ClockGating { gates, flops, off } = &report.clock_gating;
    rows.push(match off {
        Some(why) => ("gating", format!("no clock gates: {why}")),
        None => ("gating", format!("{} clock gates for {} flip-flops", grouped(*gates), grouped(*flops))),
    });
    let repair = if *resized > 0 { format!(", {resized} cells resized") } else { String::new() };
    rows.push(("recipe", format!("{recipe} for {target_ps} ps{repair}, of {}", attempts(report))));
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
    let columns = ["own area, mapped module by module", ">copies", ">µm² each", ">µm²", ">share"];
    table(&columns, rows).lines().map(|line| format!("  {line}\n")).collect()
}

/// A whole number, or one with a digit after the point where that is a thousandth and more.
fn rounded(number: f64) -> String {
    if number < 1000.0 { format!("{number:.1}") } else { grouped(number.round() as u64) }
}
