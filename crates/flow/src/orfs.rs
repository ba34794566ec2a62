//! The OpenROAD-flow-scripts back-end: a folder that they run on unchanged, and a reader of the metrics they leave.
//!
//! The folder has the scripts' own layout, and every path in it goes from `DESIGN_DIR`, where `config.mk` is. So it
//! works where it is and copied into a checkout alike:
//!
//! ```text
//!  designs/src/NAME/*.v
//!  designs/PLATFORM/NAME/{config.mk,constraint.sdc}
//!  run.sh ──► run/logs/PLATFORM/NAME/base/N_*.json
//! ```

use crate::error::FlowError;
use crate::export::{Exporter, Files, Source, section};
use crate::layout::{Layout, Metrics, Run, entries};
use crate::memory;
use crate::platform::Platform;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// OpenROAD-flow-scripts.
pub const EXPORTER: Exporter = Exporter {
    name: "orfs",
    purpose: "a folder for OpenROAD-flow-scripts: config.mk, constraints, RTL, a script that runs them",
    platform: Some("nangate45"),
    export,
    read: Some(read),
};

/// Modules below this many gates are dissolved where the hierarchy is kept.
const KEPT_GATES: u32 = 1000;

const RUN: &str = include_str!("orfs/run.sh");
const README: &str = include_str!("orfs/README.md");

/// What OpenROAD-flow-scripts need to know of a platform.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    /// Name of the platform there, where it is another.
    name: Option<String>,
    /// Part of the core's area for cells before timing repair, in percent.
    core_utilization: u32,
    /// Unit of time of the platform's constraints.
    time_unit: TimeUnit,
    /// Further variables of `config.mk`.
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TimeUnit {
    Ns,
    Ps,
}

impl Section {
    fn of(platform: &Platform) -> Result<Section, FlowError> {
        section(platform, "orfs", "OpenROAD-flow-scripts")
    }

    /// Name of the platform in the scripts.
    fn name<'a>(&'a self, platform: &'a Platform) -> &'a str {
        self.name.as_deref().unwrap_or(&platform.name)
    }
}

impl TimeUnit {
    fn ps(self) -> f64 {
        match self {
            TimeUnit::Ns => 1000.0,
            TimeUnit::Ps => 1.0,
        }
    }
}

/// The folder for a design.
///
/// # Errors
/// The scripts do not have the platform, or the design no clock.
pub fn export(source: &Source) -> Result<Files, FlowError> {
    let target = source.target()?;
    let section = Section::of(target.platform)?;
    let (name, top, platform) = (source.name, source.top(), section.name(target.platform));
    let folder = format!("designs/{platform}/{name}");
    let filled = |template: &str| {
        template.replace("@name@", name).replace("@top@", &top).replace("@platform@", platform)
    };
    let mut files = source.rtl_in(&format!("designs/src/{name}"));
    files.extend(source.models_in("sim"));
    files.extend([
        (format!("{folder}/config.mk"), config(source, platform, &section) + &macros(source)?),
        (format!("{folder}/constraint.sdc"), constraints(source, target.period_ps, section.time_unit)),
        ("run.sh".into(), filled(RUN)),
        ("README.md".into(), filled(README)),
    ]);
    Ok(files)
}

/// The design's variables, which are documented in the scripts' `docs/user/FlowVariables.md`.
fn config(source: &Source, platform: &str, section: &Section) -> String {
    let mut text = source.comment();
    let mut group = |comment: &str, variables: &[(&str, String)]| {
        text += &format!("\n# {comment}\n");
        for (name, value) in variables {
            text += &format!("export {name:<24} = {value}\n");
        }
    };
    group(
        "Every path goes from this file's folder, DESIGN_DIR, so that the tree works anywhere.",
        &[
            ("PLATFORM", platform.into()),
            ("DESIGN_NAME", source.top()),
            ("DESIGN_NICKNAME", source.name.into()),
            ("VERILOG_FILES", "$(sort $(wildcard $(DESIGN_DIR)../../src/$(DESIGN_NICKNAME)/*.v))".into()),
            ("SDC_FILE", "$(DESIGN_DIR)constraint.sdc".into()),
        ],
    );
    group(
        "The lowest density with which placement works, and a tenth more; every violated path is repaired.",
        &[
            ("CORE_UTILIZATION", section.core_utilization.to_string()),
            ("PLACE_DENSITY_LB_ADDON", "0.10".into()),
            ("TNS_END_PERCENT", "100".into()),
        ],
    );
    group("Multipliers recoded by Booth are a fifth smaller.", &[("SYNTH_ARGS", "-booth".into())]);
    group(
        "Register files and constant tables become flip-flops and gates; no memory is forgotten.",
        &[("SYNTH_MEMORY_MAX_BITS", source.mapped_memory_bits().max(4096).to_string())],
    );
    if source.is_large() {
        group(
            "Too large to be synthesised flat: modules above so many gates are kept.",
            &[("SYNTH_HIERARCHICAL", "1".into()), ("SYNTH_MINIMUM_KEEP_SIZE", KEPT_GATES.to_string())],
        );
    }
    let further: Vec<(&str, String)> =
        section.variables.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    if !further.is_empty() {
        group("What this platform asks for.", &further);
    }
    text
}

/// The files of macros, which the scripts have beside those of the platform.
fn macros(source: &Source) -> Result<String, FlowError> {
    let (names, platform) = (source.macros(), source.target()?.platform);
    let Some(section) = memory::Section::of(platform)?.filter(|_| !names.is_empty()) else {
        return Ok(String::new());
    };
    let files = section.orfs(platform)?;
    let variables = [
        ("ADDITIONAL_LEFS", files.lef.as_ref()),
        ("ADDITIONAL_LIBS", Some(&files.liberty)),
        ("ADDITIONAL_GDS", files.gds.as_ref()),
    ];
    let line = |(variable, pattern): (&str, Option<&String>)| {
        let pattern = pattern?;
        let paths = names.iter().map(|name| format!("$(PLATFORM_DIR)/{}", memory::file(pattern, name)));
        Some(format!("export {variable:<24} = {}\n", paths.collect::<Vec<_>>().join(" ")))
    };
    let lines: String = variables.into_iter().filter_map(line).collect();
    Ok(format!("\n# Memories are in macros; sim/ has models of them for simulation.\n{lines}"))
}

/// The constraints. The scripts search them for a line that sets `clk_period` to a literal.
fn constraints(source: &Source, period_ps: f64, unit: TimeUnit) -> String {
    let period = match unit {
        TimeUnit::Ns => format!("# Clock period in ns.\nset clk_period {:.4}", period_ps / 1e3),
        TimeUnit::Ps => format!("# Clock period in ps.\nset clk_period {period_ps:.0}"),
    };
    format!("{}\n{period}\n{}", source.comment(), source.constraints)
}

/// Steps that report timing, the last one first, as their metrics begin.
const STAGES: [&str; 7] =
    ["finish", "globalroute", "cts", "detailedplace", "placeopt", "globalplace", "floorplan"];

/// Reads the metrics of a run: `logs/PLATFORM/DESIGN/base/N_*.json`, and `metadata*.json` beside the reports where
/// somebody made it. The run's folder may also be the one with these files in it, or any file of metrics.
///
/// # Errors
/// Nothing is found, with the places that were searched; a file is no JSON; no step has reported timing.
pub fn read(run: &Run) -> Result<Layout, FlowError> {
    let section = Section::of(run.platform)?;
    let mut metrics = Metrics::default();
    for file in files(run, section.name(run.platform))? {
        metrics.add(&file)?;
    }
    let timed = |stage: &&&str| metrics.number(&format!("{stage}__timing__setup__ws")).is_some();
    let stage = STAGES.iter().find(timed).ok_or_else(|| {
        FlowError::new(format!(
            "{}: no step has reported timing yet; run the flow at least up to floorplan",
            run.folder.display()
        ))
    })?;
    let unit = match metrics.text("run__flow__platform__time_units") {
        Some("1ps") => 1.0,
        Some("1ns") => 1000.0,
        _ => section.time_unit.ps(),
    };
    Ok(Layout {
        flow: EXPORTER.name,
        stage: stage.to_string(),
        finished: *stage == STAGES[0],
        synthesis_um2: metrics.number("synth__design__instance__area__stdcell"),
        wirelength_um: metrics.number("detailedroute__route__wirelength"),
        drc_errors: metrics.count("detailedroute__route__drc_errors"),
        antenna_violations: metrics.count("detailedroute__antenna__violating__nets"),
        ..metrics.layout(&format!("{stage}__"), run, unit)
    })
}

/// The files of metrics of a run.
fn files(run: &Run, platform: &str) -> Result<Vec<PathBuf>, FlowError> {
    if run.folder.is_file() {
        return Ok(vec![run.folder.into()]);
    }
    let variant = |work: &Path, kind: &str| work.join(kind).join(platform).join(run.design).join("base");
    let is_log = |name: &str| {
        name.ends_with(".json") && name.starts_with(|c: char| c.is_ascii_digit()) && name.contains('_')
    };
    let is_metadata = |name: &str| name.starts_with("metadata") && name.ends_with(".json");
    let works = [run.folder.to_path_buf(), run.folder.join("run")];
    let mut searched = vec![(run.folder.to_path_buf(), run.folder.to_path_buf())];
    searched.extend(works.iter().map(|work| (variant(work, "logs"), variant(work, "reports"))));
    for (logs, reports) in &searched {
        let found: Vec<PathBuf> =
            entries(logs, is_log).into_iter().chain(entries(reports, is_metadata)).collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let places: String = searched.iter().map(|(logs, _)| format!("\n  {}", logs.display())).collect();
    Err(FlowError::new(format!(
        "{}: has no metrics of OpenROAD-flow-scripts; run.sh makes them. Searched for N_*.json:{places}",
        run.folder.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::fs;

    fn platform(time_unit: &str) -> Platform {
        let text = format!(
            "[synthesis]\ndriving_cell = \"B\"\noutput_load = 4\nnand2 = \"N\"\n\
             [orfs]\nname = \"theirs\"\ncore_utilization = 50\ntime_unit = \"{time_unit}\""
        );
        Platform::new("ours", "", &toml::from_str(&text).unwrap()).unwrap()
    }

    /// Reads metrics that are left in the folder of this name.
    fn read_in(place: &str, platform: &Platform, files: &[(&str, Value)]) -> Result<Layout, FlowError> {
        let root = tempfile::tempdir().unwrap();
        for (name, metrics) in files {
            let path = root.path().join(place).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, metrics.to_string()).unwrap();
        }
        read(&Run { folder: root.path(), design: "d", platform, period_ps: 2000.0 })
    }

    #[test]
    fn times_are_in_the_platforms_unit_unless_the_run_says_another() {
        let slack = json!({ "finish__timing__setup__ws": 0.25, "finish__timing__hold__ws": 1e39 });
        let unit = json!({ "run__flow__platform__time_units": "1ps" });
        let base = "logs/theirs/d/base";
        let layout = read_in(base, &platform("ns"), &[("6_report.json", slack.clone())]).unwrap();
        // No frequency is given, so it is that of 2 ns less a quarter; there is no hold path.
        assert_eq!((layout.setup_slack_ps, layout.hold_slack_ps), (Some(250.0), None));
        assert_eq!(layout.fmax_mhz, Some(1e6 / 1750.0));
        let layout = read_in(base, &platform("ps"), &[("6_report.json", slack.clone())]).unwrap();
        assert_eq!(layout.setup_slack_ps, Some(0.25));
        let files = [("2_1_floorplan.json", unit), ("6_report.json", slack)];
        assert_eq!(read_in(base, &platform("ns"), &files).unwrap().setup_slack_ps, Some(0.25));
    }

    #[test]
    fn the_last_step_that_reported_timing_counts() {
        let placed = json!({ "detailedplace__timing__setup__ws": -1, "detailedplace__power__total": "N/A" });
        let tree = json!({ "cts__timing__setup__ws": -0.5, "cts__design__instance__area": 120.5 });
        let files = [("3_5_place_dp.json", placed), ("4_1_cts.json", tree)];
        for place in ["run/logs/theirs/d/base", "logs/theirs/d/base", "."] {
            let layout = read_in(place, &platform("ns"), &files).unwrap();
            assert!(layout.stage == "cts" && !layout.finished && layout.sources.len() == 2, "{layout:?}");
            assert_eq!((layout.setup_slack_ps, layout.cells_um2), (Some(-500.0), Some(120.5)));
            assert_eq!((layout.power, layout.drc_errors), (Default::default(), None));
        }
    }

    #[test]
    fn metadata_counts_where_somebody_made_it() {
        let root = tempfile::tempdir().unwrap();
        let leave = |path: &str, metrics: Value| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, metrics.to_string()).unwrap();
        };
        leave("logs/theirs/d/base/6_report.json", json!({ "finish__timing__setup__ws": 0 }));
        leave(
            "reports/theirs/d/base/metadata.json",
            json!({ "synth__design__instance__area__stdcell": 47.2 }),
        );
        let platform = platform("ns");
        let run = Run { folder: root.path(), design: "d", platform: &platform, period_ps: 2000.0 };
        assert_eq!(read(&run).unwrap().synthesis_um2, Some(47.2));
        // A file of metrics by itself.
        let file = root.path().join("logs/theirs/d/base/6_report.json");
        assert_eq!(read(&Run { folder: &file, ..run }).unwrap().synthesis_um2, None);
        // Another design's metrics are not taken.
        let error = read(&Run { design: "e", ..run }).unwrap_err().to_string();
        assert!(error.contains("has no metrics") && error.contains("logs/theirs/e/base"), "{error}");
    }

    #[test]
    fn what_is_no_metrics_is_refused() {
        let place = "logs/theirs/d/base";
        let error = read_in(place, &platform("ns"), &[("1_synth.json", json!([1]))]).unwrap_err().to_string();
        assert!(error.contains("1_synth.json: is no JSON object of metrics"), "{error}");
        let error = read_in(place, &platform("ns"), &[("1_synth.json", json!({}))]).unwrap_err().to_string();
        assert!(error.contains("no step has reported timing yet"), "{error}");
    }
}
