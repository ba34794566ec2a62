//! `flashrtl compare`: designs side by side, relative to a baseline.

use crate::compare::plan::Plan;
use crate::compare::results::{Outcome, Results};
use crate::compare::run::{Surroundings, run as run_plan};
use crate::compare::study::{Slots, Study, View};
use crate::compare::{html, table, text};
use crate::evaluate::ToolArgs;
use crate::output::write_file;
use crate::scope;
use crate::show;
use crate::source::{embedded_studies, load, quoted};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Compare designs: area, timing, power and accuracy at one clock, relative to a baseline, as tables and a report
///
/// A study says which designs are compared, in which sizes, and what of them; `papers` is the comparison of the papers.
/// Configurations are compared as they are. Each design is synthesised, its netlist run on the workload and held
/// against the design bit for bit, and its accuracy measured. What has been done is kept in the output folder, so that
/// an interrupted comparison goes on where it was. docs/comparison.md says how to read the result.
#[derive(clap::Args)]
#[command(
    after_help = "Examples: flashrtl compare papers\n          flashrtl compare fa2_bf16_d64 flash_d_bf16_d64 --platform osu018"
)]
pub struct Args {
    /// Name of a built-in study, or its TOML file; or configurations
    #[arg(value_name = "STUDY|CONFIG", default_value = "papers")]
    names: Vec<String>,
    /// Design to compare with, by its label; may be repeated. The study's if left out; the first configuration
    #[arg(long, value_name = "LABEL")]
    baseline: Vec<String>,
    /// Compare these designs of the study only, separated by commas
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    designs: Vec<String>,
    /// What of the designs is compared, separated by commas: engine, lane, element, ...
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<String>,
    /// Elements of a row, separated by commas
    #[arg(long, value_name = "N", value_delimiter = ',')]
    head_dim: Vec<u32>,
    /// Formats of q, k and v, separated by commas
    #[arg(long, value_name = "FORMAT", value_delimiter = ',')]
    input: Vec<String>,
    /// Slots of a lane: own, same, or a number; separated by commas
    #[arg(long, value_name = "SLOTS", value_delimiter = ',', value_parser = Slots::parse)]
    interleave: Vec<Slots>,
    /// Give a key of every design another value, for example --set array.query_lanes=2; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Platform, or a platform file; the study's if left out, osu018 for configurations
    #[arg(long, value_name = "NAME")]
    platform: Option<String>,
    /// Clock in MHz; the study's if left out, each configuration's own
    #[arg(long, value_name = "MHZ")]
    clock: Option<f64>,
    /// Take the first netlist that meets the clock, not the smallest
    #[arg(long)]
    quick: bool,
    /// Compare what takes long too: long rows, other formats
    #[arg(long)]
    full: bool,
    /// Look for the highest frequency of each design
    #[arg(long)]
    fmax: bool,
    /// Tensors q, k, v to run the netlists on and to measure accuracy on, an .npz or .safetensors file;
    /// $FLASHRTL_DATA if left out, and without that random ones
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Key rows of each head that the netlists are run on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keys: Option<u32>,
    #[command(flatten)]
    tools: ToolArgs,
    /// Write the report of these results, without running anything: the results.json of an earlier comparison
    #[arg(long, value_name = "FILE", conflicts_with_all = ["names", "designs", "scope", "head_dim", "input", "interleave", "set", "platform", "clock", "quick", "full", "fmax", "data", "keys"])]
    from: Option<PathBuf>,
    /// Folder to write
    #[arg(short, long, value_name = "DIR", default_value = "out/compare")]
    output: PathBuf,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
}

/// Compares, writes the report, prints the tables; fails when a design could not be measured.
pub fn run(args: &Args) -> Result<()> {
    let results = match &args.from {
        Some(path) => args.read(path)?,
        None => args.measure()?,
    };
    write(&results, &args.output)?;
    match (args.json, args.csv) {
        (true, _) => show::json(&results)?,
        (_, true) => show::text(table::csv(&results)?)?,
        _ => {
            show::text(text::text(&results))?;
            show::line(format!("report: {}", args.output.join(REPORT).display()))?;
        }
    }
    let points = || results.cases.iter().flat_map(|case| &case.points);
    let failed = points().filter(|p| matches!(p.outcome, Outcome::Failed(_))).count();
    ensure!(failed == 0, "{failed} of {} designs could not be measured", points().count());
    Ok(())
}

const REPORT: &str = "report.html";

fn write(results: &Results, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot write here", folder.display()))?;
    let json = serde_json::to_string_pretty(results)? + "\n";
    let files =
        [("results.json", json), ("results.csv", table::csv(results)?), (REPORT, html::page(results))];
    for (name, text) in files {
        write_file(&folder.join(name), |mut file| Ok(file.write_all(text.as_bytes())?))?;
    }
    Ok(())
}

impl Args {
    /// The results of an earlier comparison, relative to another baseline if one is given.
    fn read(&self, path: &Path) -> Result<Results> {
        let place = || format!("{}: cannot read the results", path.display());
        let text = fs::read_to_string(path).with_context(place)?;
        let mut results: Results = serde_json::from_str(&text).with_context(place)?;
        for baseline in &self.baseline {
            let labels = results.designs.iter().map(|d| d.label.as_str()).collect::<Vec<_>>().join(", ");
            ensure!(
                results.design(baseline).is_some(),
                "--baseline {baseline}: must be the label of a design: {labels}"
            );
        }
        if !self.baseline.is_empty() {
            results.baselines.clone_from(&self.baseline);
        }
        Ok(results)
    }

    fn measure(&self) -> Result<Results> {
        let plan = Plan::new(self.study()?, &self.set, self.full)?;
        let date = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|s| s.parse().ok());
        let date =
            date.map_or_else(SystemTime::now, |s| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(s));
        let words: Vec<String> = std::env::args().skip(1).map(|word| quoted(&word)).collect();
        run_plan(
            &plan,
            &Surroundings {
                tools: &self.tools,
                data: self.data.clone().or_else(data_of_environment),
                output: &self.output,
                date: humantime::format_rfc3339_seconds(date).to_string(),
                command: format!("flashrtl {}", words.join(" ")),
            },
        )
    }

    /// The study, with what the command line changes about it.
    fn study(&self) -> Result<Study> {
        let mut study = self.named_study()?;
        if !self.designs.is_empty() {
            for label in &self.designs {
                study.check_baselines(std::slice::from_ref(label)).context("--designs")?;
            }
            study.designs.retain(|d| self.designs.contains(&d.label) || study.baseline.contains(&d.label));
        }
        if !self.baseline.is_empty() {
            study.baseline.clone_from(&self.baseline);
        }
        study.platform = self.platform.clone().unwrap_or(study.platform);
        study.mhz = self.clock.or(study.mhz);
        study.keys = self.keys.unwrap_or(study.keys);
        study.quick |= self.quick;
        study.fmax |= self.fmax;
        self.narrow(&mut study);
        study.check()?;
        Ok(study)
    }

    fn named_study(&self) -> Result<Study> {
        if let [name] = &self.names[..] {
            let stem = name.strip_prefix("configs/studies/").unwrap_or(name);
            let stem = stem.strip_suffix(".toml").unwrap_or(stem);
            if Path::new(name).exists() && is_study(Path::new(name)) {
                return Study::load(Path::new(name));
            }
            if let Some((_, text)) = embedded_studies().find(|(known, _)| *known == stem) {
                return Study::parse(text, &format!("configs/studies/{stem}.toml"));
            }
            if !Path::new(name).exists() && load(name, &[]).is_err() {
                let known = embedded_studies().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
                bail!("{name}: no study and no configuration of that name; built-in studies: {known}");
            }
        }
        let scope = self.scope.first().map_or(scope::LANE, String::as_str);
        Study::of_configs(&self.names, "osu018", scope)
    }

    /// Only the views, or the sizes of views, that are asked for.
    fn narrow(&self, study: &mut Study) {
        let first = study.views[0].clone();
        if !self.scope.is_empty() || !self.interleave.is_empty() {
            let scopes =
                if self.scope.is_empty() { std::slice::from_ref(&first.scope) } else { &self.scope[..] };
            let slots = if self.interleave.is_empty() { &[first.interleave] } else { &self.interleave[..] };
            let view =
                |scope: &String, interleave| View { scope: scope.clone(), interleave, ..first.clone() };
            let views = scopes
                .iter()
                .flat_map(|scope| slots.iter().map(|&slots| view(scope, slots)).collect::<Vec<_>>());
            study.views = views.collect();
        }
        for view in &mut study.views {
            if !self.head_dim.is_empty() {
                view.head_dim.clone_from(&self.head_dim);
            }
            if !self.input.is_empty() {
                view.input.clone_from(&self.input);
            }
        }
    }
}

/// Whether a file describes a study: a design has no table `design`.
fn is_study(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .any(|line| line.trim_start().starts_with("[[design]]") || line.trim_start().starts_with("[[view]]"))
}

fn data_of_environment() -> Option<PathBuf> {
    std::env::var_os("FLASHRTL_DATA").filter(|path| !path.is_empty()).map(PathBuf::from)
}
