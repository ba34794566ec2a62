//! The LibreLane back-end: a folder with `config.json`, constraints and RTL, and a reader of the metrics of a run.
//!
//! ```text
//!  src/*.v, constraint.sdc, config.json
//!  run.sh ──► runs/TAG/final/metrics.json
//! ```

use crate::error::FlowError;
use crate::export::{Exporter, Files, Source, section};
use crate::layout::{Layout, Metrics, Run, entries, json};
use serde::Deserialize;
use serde_json::json;
use std::cmp::Reverse;
use std::path::{Path, PathBuf};

/// LibreLane.
pub const EXPORTER: Exporter = Exporter {
    name: "librelane",
    purpose: "a folder for LibreLane: config.json, constraints, RTL, a script that runs it",
    platform: Some("sky130hd"),
    export,
    read: Some(read),
};

/// The section of a platform file.
const SECTION: &str = "librelane";

const RUN: &str = include_str!("librelane/run.sh");
const README: &str = include_str!("librelane/README.md");

/// LibreLane's own assumptions about what is around a design, which a file of constraints replaces unless it repeats
/// them: uncertainty and slope of the clock, margins, drivers and loads, and the clock tree once there is one.
const SURROUNDINGS: &str = include_str!("librelane/surroundings.sdc");

/// What LibreLane needs to know of a platform.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    /// Its process design kit.
    pdk: String,
    /// The standard cells in it.
    scl: String,
    /// Part of the core's area for cells, in percent.
    core_utilization: u32,
}

/// The folder for a design.
///
/// # Errors
/// LibreLane does not have the platform, or the design no clock.
pub fn export(source: &Source) -> Result<Files, FlowError> {
    let target = source.target()?;
    let section: Section = section(target.platform, SECTION, "LibreLane")?;
    let filled = |template: &str| {
        template
            .replace("@name@", source.name)
            .replace("@top@", &source.top())
            .replace("@pdk@", &section.pdk)
            .replace("@scl@", &section.scl)
    };
    let constraints = format!(
        "{}\n# CLOCK_PERIOD of config.json, in ns.\nset clk_period $::env(CLOCK_PERIOD)\n{}{SURROUNDINGS}",
        source.comment(),
        source.constraints
    );
    let mut files = source.rtl_in("src");
    files.extend(source.models_in("sim"));
    files.extend([
        ("config.json".into(), config(source, target.period_ps, &section)),
        ("constraint.sdc".into(), constraints),
        ("run.sh".into(), filled(RUN)),
        ("README.md".into(), filled(README)),
    ]);
    Ok(files)
}

fn config(source: &Source, period_ps: f64, section: &Section) -> String {
    let hierarchy = if source.is_large() { "deferred_flatten" } else { "flatten" };
    let mut config = json!({
        "meta": { "version": 2, "flow": "Classic" },
        "DESIGN_NAME": source.top(),
        "VERILOG_FILES": "dir::src/*.v",
        "CLOCK_PORT": "clk",
        "CLOCK_PERIOD": (period_ps / 10.0).round() / 100.0,
        "PNR_SDC_FILE": "dir::constraint.sdc",
        "SIGNOFF_SDC_FILE": "dir::constraint.sdc",
        "FP_CORE_UTIL": section.core_utilization,
        "SYNTH_MUL_BOOTH": true,
        "SYNTH_HIERARCHY_MODE": hierarchy,
    });
    let macros: serde_json::Map<String, serde_json::Value> = source
        .macros()
        .into_iter()
        .map(|name| {
            let file = |kind: &str| format!("dir::macros/{name}.{kind}");
            (
                name.into(),
                json!({ "gds": [file("gds")], "lef": [file("lef")], "lib": { "*": [file("lib")] } }),
            )
        })
        .collect();
    if !macros.is_empty() {
        config["MACROS"] = macros.into();
    }
    format!("{config:#}\n")
}

/// Reads the metrics of a run: `runs/TAG/final/metrics.json` of the latest run, or of one that has not ended those
/// after its last step. The run's folder may also be `runs/TAG`, `final`, or a file of metrics.
///
/// # Errors
/// Nothing is found; a file is no JSON; no step has reported timing.
pub fn read(run: &Run) -> Result<Layout, FlowError> {
    let file = file(run.folder).ok_or_else(|| {
        FlowError::new(format!(
            "{}: has no metrics of LibreLane; run.sh makes them. Searched for runs/*/final/metrics.json",
            run.folder.display()
        ))
    })?;
    let mut metrics = Metrics::default();
    let unfinished = file.ends_with(STATE).then(|| file.parent().and_then(Path::file_name)).flatten();
    match unfinished {
        Some(_) => metrics.add_object(&file, &json(&file)?["metrics"])?,
        None => metrics.add(&file)?,
    }
    let layout = metrics.layout("", run, NANOSECOND);
    if layout.setup_slack_ps.is_none() {
        return Err(FlowError::new(format!("{}: no step has reported timing yet", file.display())));
    }
    let typical = |name: &str| name.starts_with("timing__setup__ws__corner:nom_t");
    Ok(Layout {
        flow: EXPORTER.name,
        stage: unfinished.map_or_else(|| "final".into(), |step| step.to_string_lossy().into_owned()),
        finished: unfinished.is_none(),
        typical_setup_slack_ps: metrics.find(typical).map(|ns| ns * NANOSECOND),
        wirelength_um: metrics.number("route__wirelength"),
        drc_errors: drc_errors(&metrics),
        antenna_violations: metrics.count("antenna__violating__nets"),
        ..layout
    })
}

/// LibreLane's unit of time, in ps.
const NANOSECOND: f64 = 1000.0;
/// What a step of an unfinished run leaves.
const STATE: &str = "state_out.json";

/// Violations that the router counted, or the more thorough checks of the layout where they found more.
fn drc_errors(metrics: &Metrics) -> Option<u64> {
    let checks = ["route__drc_errors", "magic__drc_error__count", "klayout__drc_error__count"];
    checks.iter().filter_map(|check| metrics.count(check)).max()
}

/// The file of metrics of a folder.
fn file(folder: &Path) -> Option<PathBuf> {
    if folder.is_file() {
        return Some(folder.into());
    }
    let mut runs = entries(&folder.join("runs"), |_| true);
    runs.sort_by_key(|run| Reverse(run.metadata().and_then(|data| data.modified()).ok()));
    runs.extend([folder.to_path_buf(), folder.join("..")]);
    runs.iter().find_map(|run| {
        let finished = run.join("final/metrics.json");
        let last = || entries(run, |name| name.starts_with(|c: char| c.is_ascii_digit())).pop();
        let state = || last().map(|step| step.join(STATE)).filter(|state| state.exists());
        if finished.exists() { Some(finished) } else { state() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Platform;
    use serde_json::Value;
    use std::fs;
    use std::time::{Duration, SystemTime};

    fn metrics(slack: f64) -> Value {
        json!({
            "design__instance__area": 5000,
            "timing__setup__ws": slack,
            "timing__setup__ws__corner:nom_ss_100C_1v60": slack,
            "timing__setup__ws__corner:nom_tt_025C_1v80": 3.5,
            "power__total": 0.002,
            "route__wirelength": 81234,
            "route__drc_errors": 0,
            "magic__drc_error__count": 3,
        })
    }

    fn leave(path: &Path, value: &Value) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    }

    fn read_from(folder: &Path) -> Result<Layout, FlowError> {
        let text = "[synthesis]\ndriving_cell = \"B\"\noutput_load = 4\nnand2 = \"N\"";
        let platform = Platform::new("p", "", &toml::from_str(text).unwrap()).unwrap();
        read(&Run { folder, design: "d", platform: &platform, period_ps: 8000.0 })
    }

    #[test]
    fn the_latest_run_is_read_in_all_corners() {
        let root = tempfile::tempdir().unwrap();
        let runs = root.path().join("runs");
        leave(&runs.join("b/final/metrics.json"), &metrics(-9.0));
        leave(&runs.join("a/final/metrics.json"), &metrics(-0.5));
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        fs::File::open(runs.join("b")).unwrap().set_modified(hour_ago).unwrap();
        for folder in [root.path().to_path_buf(), runs.join("a"), runs.join("a/final")] {
            let layout = read_from(&folder).unwrap();
            assert!(layout.finished && layout.stage == "final", "{layout:?}");
            assert_eq!(layout.setup_slack_ps, Some(-500.0));
            assert_eq!(layout.typical_setup_slack_ps, Some(3500.0));
            assert_eq!(layout.fmax_mhz, Some(1e6 / 8500.0));
            assert_eq!((layout.power.total_w, layout.drc_errors), (Some(0.002), Some(3)));
        }
    }

    #[test]
    fn a_run_that_has_not_ended_says_where_it_is() {
        let root = tempfile::tempdir().unwrap();
        let step = |name: &str| root.path().join("runs/a").join(name).join(STATE);
        leave(&step("11-openroad-staprepnr"), &json!({ "metrics": metrics(2.0) }));
        leave(&step("33-openroad-cts"), &json!({ "metrics": metrics(1.0) }));
        let layout = read_from(root.path()).unwrap();
        assert!(!layout.finished && layout.stage == "33-openroad-cts", "{layout:?}");
        assert_eq!(layout.setup_slack_ps, Some(1000.0));
    }

    #[test]
    fn what_is_no_metrics_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let error = || read_from(root.path()).unwrap_err().to_string();
        assert!(error().contains("has no metrics of LibreLane"), "{}", error());
        let file = root.path().join("runs/a/final/metrics.json");
        leave(&file, &json!({}));
        assert!(error().contains("metrics.json: no step has reported timing yet"), "{}", error());
        fs::write(file, "{").unwrap();
        assert!(error().contains("metrics.json: is no JSON"), "{}", error());
    }
}
