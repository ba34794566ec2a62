//! `flashrtl report`: what place and route brought back, beside the figures of synthesis.

use crate::command::export::{Exported, Manifest, exporter};
use crate::evaluate::find_platform;
use crate::show::{self, grouped, percent, table};
use anyhow::{Context, Result};
use flow::layout::{Layout, Run};
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Show what place and route brought back, beside the figures of synthesis
///
/// Reads the metrics that OpenROAD-flow-scripts or LibreLane left in folders of `flashrtl export`, and the report that
/// `flashrtl synth` has written of the same module on the same platform.
#[derive(clap::Args)]
#[command(after_help = "Example: flashrtl report out/orfs/fa2_bf16_d64")]
pub struct Args {
    /// Folders that `flashrtl export` wrote
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// Where the flow ran, if not in the folder: OpenROAD-flow-scripts' folder `flow`, a folder with its logs, or a
    /// file of metrics
    #[arg(long, value_name = "PATH")]
    run: Option<PathBuf>,
    /// Folder of `flashrtl synth`
    #[arg(long, value_name = "DIR", default_value = "out/synth")]
    synth: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A design before and after layout.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    exported: Exported,
    /// What `flashrtl synth` has reported of it, if it has.
    synthesis: Option<Synthesis>,
    /// What the flow brought back.
    layout: Layout,
}

/// The figures of synthesis that layout has as well.
#[derive(Serialize)]
struct Synthesis {
    report: PathBuf,
    mhz: f64,
    area_um2: f64,
    cells: u64,
    slack_ps: f64,
    min_period_ps: f64,
    power_mw: Option<f64>,
}

/// Prints the figures.
pub fn run(args: &Args) -> Result<()> {
    let reports = args.folders.iter().map(|folder| report(args, folder)).collect::<Result<Vec<_>>>()?;
    if args.json {
        return show::json(&reports);
    }
    let texts: Vec<String> = reports.iter().map(Report::text).collect();
    show::text(texts.join("\n"))
}

fn report(args: &Args, folder: &Path) -> Result<Report> {
    let exported = Manifest::read(folder)?.exported;
    let exporter = exporter(&exported.flow)?;
    let brings = || format!("{}: {} brings no figures back", folder.display(), exported.flow);
    let read = exporter.read.with_context(brings)?;
    let platform = find_platform(exported.platform.as_deref().with_context(brings)?)?;
    let period_ps = exported.period_ps.with_context(brings)?;
    let ran = args.run.as_deref().unwrap_or(folder);
    let layout = read(&Run { folder: ran, design: &exported.name, platform: &platform, period_ps })?;
    let synthesis = Synthesis::find(&args.synth, &exported, &platform.name);
    Ok(Report { exported, synthesis, layout })
}

impl Synthesis {
    /// The report of the same hardware on the same platform, of the clock that is nearest.
    fn find(folder: &Path, exported: &Exported, platform: &str) -> Option<Synthesis> {
        let entries = std::fs::read_dir(folder).ok()?.flatten();
        let reports = entries.filter_map(|entry| {
            let path = entry.path().join("report.json");
            let report: Value = serde_json::from_str(&std::fs::read_to_string(&path).ok()?).ok()?;
            let is = |key: &str, value: &str| report[key] == value;
            let same = is("config_hash", &exported.config_hash) && is("top", &exported.top);
            (same && is("platform", platform)).then(|| Synthesis::of(path, &report)).flatten()
        });
        let wanted = 1e6 / exported.period_ps?;
        reports.min_by(|a, b| (a.mhz - wanted).abs().total_cmp(&(b.mhz - wanted).abs()))
    }

    fn of(report: PathBuf, value: &Value) -> Option<Synthesis> {
        let (area, timing) = (&value["chosen"]["area"], &value["chosen"]["timing"]);
        Some(Synthesis {
            report,
            mhz: 1e6 / value["period_ps"].as_f64()?,
            area_um2: area["um2"].as_f64()?,
            cells: area["cells"].as_u64()?,
            slack_ps: timing["slack_ps"].as_f64()?,
            min_period_ps: timing["min_period_ps"].as_f64()?,
            power_mw: value["power"]["total_mw"].as_f64(),
        })
    }
}

/// A row: what, its unit, before layout, after it.
type Row = (&'static str, &'static str, Option<f64>, Option<f64>);

impl Report {
    /// What people read.
    fn text(&self) -> String {
        let Report { exported, synthesis, layout } = self;
        let platform = exported.platform.as_deref().unwrap_or_default();
        let mhz = exported.period_ps.map_or(0.0, |ps| 1e6 / ps);
        let title = format!("{}: module {} on {platform}, {mhz:.0} MHz", exported.name, exported.top);
        let columns = ["", "unit", ">synthesis", &format!(">{} {}", layout.flow, layout.stage), ">change"];
        let figures = table(&columns, rows(synthesis.as_ref(), layout).into_iter().filter_map(shown));
        let indented: String = figures.lines().map(|line| format!("  {line}\n")).collect();
        let notes: String = self.notes().iter().map(|note| format!("  note: {note}\n")).collect();
        format!("{title}\n{indented}{notes}")
    }

    /// What the reader should know about the figures.
    fn notes(&self) -> Vec<String> {
        let mut notes = vec![];
        let layout = &self.layout;
        if !layout.finished {
            notes.push(format!("the run has not reached its end; these are the figures of {}", layout.stage));
        }
        match &self.synthesis {
            None => notes.push("no report of `flashrtl synth` for this module and platform was found".into()),
            Some(synthesis) if synthesis.power_mw.is_some() && layout.power.total_w.is_some() => notes.push(
                "power is not comparable: of a workload in synthesis, of assumed activity in layout".into(),
            ),
            Some(_) => {}
        }
        notes
    }
}

fn rows(synthesis: Option<&Synthesis>, layout: &Layout) -> Vec<Row> {
    let before = |figure: fn(&Synthesis) -> f64| synthesis.map(figure);
    let milli = |watts: Option<f64>| watts.map(|w| 1e3 * w);
    let count = |count: Option<u64>| count.map(|n| n as f64);
    vec![
        ("cells, synthesised", "µm²", before(|s| s.area_um2), layout.synthesis_um2),
        ("cells", "µm²", before(|s| s.area_um2), layout.cells_um2),
        ("cells", "", before(|s| s.cells as f64), count(layout.cells)),
        ("core", "µm²", None, layout.core_um2),
        ("die", "µm²", None, layout.die_um2),
        ("utilisation", "%", None, layout.utilisation.map(|u| 100.0 * u)),
        ("setup slack", "ps", before(|s| s.slack_ps), layout.setup_slack_ps),
        ("setup slack, typical corner", "ps", before(|s| s.slack_ps), layout.typical_setup_slack_ps),
        ("setup slack, total", "ps", None, layout.setup_total_slack_ps),
        ("hold slack", "ps", None, layout.hold_slack_ps),
        ("fmax", "MHz", before(|s| 1e6 / s.min_period_ps), layout.fmax_mhz),
        ("power", "mW", synthesis.and_then(|s| s.power_mw), milli(layout.power.total_w)),
        ("power, internal", "mW", None, milli(layout.power.internal_w)),
        ("power, switching", "mW", None, milli(layout.power.switching_w)),
        ("power, leakage", "mW", None, milli(layout.power.leakage_w)),
        ("wires", "µm", None, layout.wirelength_um),
        ("design rule violations", "", None, count(layout.drc_errors)),
        ("antenna violations", "", None, count(layout.antenna_violations)),
    ]
}

/// The cells of a row; none where layout has no figure.
fn shown((what, unit, before, after): Row) -> Option<Vec<String>> {
    let after = after?;
    let change = match before {
        // A slack is a difference already, and power is of another activity.
        Some(before) if before > 0.0 && ["µm²", "", "MHz"].contains(&unit) => {
            format!("{}{}", if after < before { "" } else { "+" }, percent(after / before - 1.0))
        }
        _ => String::new(),
    };
    Some(vec![what.into(), unit.into(), before.map(number).unwrap_or_default(), number(after), change])
}

/// A whole number in groups, with more digits where it is small.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => {
            format!("{}{}", if value < 0.0 { "-" } else { "" }, grouped(size.round() as u64))
        }
        size if size == size.round() => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.4}"),
    }
}
