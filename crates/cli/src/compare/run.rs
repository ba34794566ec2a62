//! A plan through the tools. What has been done already is not done again: synthesis keeps every step of every tool,
//! power and accuracy are kept here.

use super::errors;
use super::kept::{Kept, sha256};
use super::pace::Clock;
use super::parts::parts;
use super::plan::{Case, Plan, Point, interleave};
use super::results::*;
use super::study::overrides;
use super::tensors;
use crate::evaluate::{Request, ToolArgs, Tools, side_by_side};
use crate::power::{Drive, PowerReport};
use crate::progress::Progress;
use anyhow::Result;
use attention::Workload;
use attention::config::DesignConfig;
use flow::Report;
use serde::Serialize;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What the run needs besides the plan.
pub struct Surroundings<'a> {
    /// Cells and tools.
    pub tools: &'a ToolArgs,
    /// Tensors to run the netlists on, and to measure accuracy on; each design's own workload if not given.
    pub data: Option<PathBuf>,
    /// Folder to write.
    pub output: &'a Path,
    /// When it is.
    pub date: String,
    /// The command.
    pub command: String,
}

/// Runs everything.
pub fn run(plan: &Plan, around: &Surroundings) -> Result<Results> {
    let kept = Kept::new(around.output.join("kept"))?;
    let progress = Progress::spinner("comparing");
    let say = |what: &str| progress.say(what);
    let tools = Tools::new(around.tools, &plan.platform, around.output, &say)?; // first: one may be missing
    let errors = errors::of_plan(plan, around.data.as_deref(), &kept, &say)?;
    let digest = around.data.as_ref().map(|path| fs::read(path).map(|bytes| sha256(&bytes))).transpose()?;
    let work = Work {
        plan,
        around,
        kept,
        tools,
        digest,
        clock: Clock::new(plan.cases.iter().flat_map(Case::weights), &progress),
        say: &say,
    };
    let places: Vec<Place> = work.places();
    let outcomes = side_by_side(&places, around.tools.jobs(), |place| work.point(place));
    let mut platform = PlatformFacts { name: plan.platform.name.clone(), ..PlatformFacts::default() };
    let mut cases: Vec<CaseResults> = plan
        .cases
        .iter()
        .map(|case| CaseResults {
            title: case.title(),
            scope: case.scope.clone(),
            interleave: case.slots.words(),
            head_dim: case.head_dim,
            input: case.input.clone(),
            points: vec![],
        })
        .collect();
    for (place, outcome) in places.iter().zip(outcomes) {
        let outcome = match outcome {
            Ok((figures, facts)) => {
                platform = facts;
                Outcome::Measured(Box::new(figures))
            }
            Err(error) => Outcome::Failed(format!("{error:#}")),
        };
        cases[place.case].points.push(place.results(outcome));
    }
    Ok(results(plan, around, platform, cases, errors))
}

fn results(
    plan: &Plan,
    around: &Surroundings,
    platform: PlatformFacts,
    cases: Vec<CaseResults>,
    errors: Vec<errors::DesignErrors>,
) -> Results {
    let study = &plan.study;
    let design = |(design, point): (&super::study::Variant, &Point)| DesignFacts {
        label: design.label.clone(),
        config: design.config.clone(),
        set: [&study.set, &design.set].map(overrides).concat(),
        kernel: match &point.target.config.design {
            DesignConfig::Engine(engine) => engine.kernel.name().to_string(),
            DesignConfig::Accelerator(accelerator) => accelerator.engine.kernel.name().to_string(),
            DesignConfig::Unit(unit) => unit.op.clone(),
        },
        published: design.published.clone(),
    };
    Results {
        tool: crate::package::TOOL.into(),
        date: around.date.clone(),
        command: around.command.clone(),
        study: study.name.clone(),
        description: study.description.clone(),
        baselines: study.baseline.clone(),
        published_baseline: study.published_baseline.clone(),
        platform,
        designs: study.designs.iter().zip(&plan.cases[0].points).map(design).collect(),
        cases,
        errors,
    }
}

/// A design in a case.
struct Place<'a> {
    case: usize,
    scope: &'a str,
    label: &'a str,
    title: String,
    point: &'a Point,
}

impl Place<'_> {
    fn results(&self, outcome: Outcome) -> PointResults {
        let target = &self.point.target;
        PointResults {
            label: self.label.into(),
            config_hash: target.config.hash(),
            input: target.formats()[0].1.clone(),
            interleave: interleave(target),
            latency: target.latency(),
            outcome,
        }
    }
}

struct Work<'a> {
    plan: &'a Plan,
    around: &'a Surroundings<'a>,
    kept: Kept,
    tools: Tools<'a>,
    /// Hash of the tensors.
    digest: Option<String>,
    clock: Clock<'a>,
    say: &'a (dyn Fn(&str) + Sync),
}

/// What the power of a netlist depends on.
#[derive(Serialize)]
struct PowerKey<'a> {
    config: toml::Table,
    scope: &'a str,
    mhz: f64,
    netlist: String,
    cells: &'a Path,
    data: &'a Option<String>,
    keys: u32,
}

impl<'a> Work<'a> {
    /// Every design in every case, in order.
    fn places(&self) -> Vec<Place<'a>> {
        let of_case = |(at, case): (usize, &'a Case)| -> Vec<Place<'a>> {
            let labels = self.plan.study.designs.iter().map(|d| d.label.as_str());
            let place =
                |(label, point)| Place { case: at, scope: &case.scope, label, title: case.title(), point };
            labels.zip(&case.points).map(place).collect()
        };
        self.plan.cases.iter().enumerate().flat_map(of_case).collect()
    }

    fn point(&self, place: &Place) -> Result<(Figures, PlatformFacts)> {
        let start = Instant::now();
        let result = self.figures(place);
        let said = match &result {
            Ok((f, _)) => format!("{:.0} µm², {:.3} mW", f.area_um2, f.power.total_mw),
            Err(error) => format!("failed: {error:#}"),
        };
        let name = format!("{} ({})", place.label, place.title);
        self.clock.done(&name, place.point.weight(place.scope), &said, start.elapsed());
        result
    }

    fn figures(&self, place: &Place) -> Result<(Figures, PlatformFacts)> {
        let (study, point) = (&self.plan.study, place.point);
        let request = Request {
            target: &point.target,
            scope: place.scope,
            mhz: point.mhz,
            element_once: point.element_once,
            quick: study.quick,
            fmax: study.fmax,
            output: self.around.output,
        };
        let report = self.tools.synthesise(&self.tools.job(&request)?)?;
        let key = PowerKey {
            config: point.target.config.canonical(),
            scope: place.scope,
            mhz: point.mhz,
            netlist: sha256(&fs::read(&report.netlist)?),
            cells: &report.prepared_liberty,
            data: &self.digest,
            keys: study.keys,
        };
        let power = self.kept.or_make("power", &key, || {
            (self.say)(&format!("{} ({}): running the netlist", place.label, place.title));
            let data = self.around.data.as_deref();
            let tensors = |target: &crate::target::Target| -> Result<Workload> {
                let engine = target.config.engine().expect("only engines have tensors");
                match data {
                    Some(path) => tensors::load(path, engine.array.head_dim as usize),
                    None => Ok(Workload::generate(engine)),
                }
            };
            let drive =
                Drive::Workload { tensors: Box::new(tensors), keys: study.keys, sample: NonZeroU32::MIN };
            self.tools.power(&request, &report, &drive)
        })?;
        let design = request.part()?.design;
        let parts = parts(&design, place.scope, &report.breakdown);
        Ok((figures(&report, parts, &power, point.mhz), facts(&report)))
    }
}

fn figures(report: &Report, parts: Vec<PartArea>, power: &PowerReport, mhz: f64) -> Figures {
    let (area, timing) = (report.chosen.area, &report.chosen.timing);
    let split = power.power.split;
    Figures {
        module: report.top.clone(),
        mhz,
        met: report.met,
        slack_ps: timing.slack_ps,
        fmax_mhz: 1e6 / timing.min_period_ps,
        searched_fmax_mhz: report.fastest.as_ref().map(|f| 1e6 / f.timing.min_period_ps),
        area_um2: area.um2,
        nand2: area.nand2,
        cells: area.cells,
        flops: area.flops,
        gated_flops: report.clock_gating.flops,
        flattened: report.flattened,
        recipe: report.chosen.recipe.to_string(),
        seconds: report.attempts.iter().map(|a| a.seconds).sum(),
        parts,
        power: PowerFigures {
            total_mw: power.power.total_mw,
            energy_pj: power.energy_pj,
            unit_of_work: power.unit_of_work.clone(),
            clock_mw: split.clock_mw,
            registers_mw: split.registers_mw,
            combinational_mw: split.combinational_mw,
            leakage_mw: split.leakage_mw,
            toggle_rate: power.power.toggle_rate,
            bit_exact: power.bit_exact,
            recordings: power.recordings,
            cycles: power.power.cycles,
            workload: power.power.activity.clone(),
        },
    }
}

fn facts(report: &Report) -> PlatformFacts {
    PlatformFacts {
        name: report.platform.clone(),
        library: report.library.clone(),
        tools: report.tools.clone(),
        note: report.note.clone(),
        liberty: report.liberty.iter().map(|s| (s.path.display().to_string(), s.sha256.clone())).collect(),
    }
}
