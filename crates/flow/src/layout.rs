//! What a place-and-route run brought back, whichever flow it was.

use crate::error::FlowError;
use crate::platform::Platform;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};

/// A run whose figures are to be read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Run<'a> {
    /// The folder it ran in, or one that holds its metrics.
    pub folder: &'a Path,
    /// Name that the design was exported under.
    pub design: &'a str,
    /// Its platform.
    pub platform: &'a Platform,
    /// Clock period that was asked for, ps.
    pub period_ps: f64,
}

/// The figures of a run; what it did not report is `None`.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Layout {
    /// The flow.
    pub flow: &'static str,
    /// The step whose figures these are: the last one that reported timing.
    pub stage: String,
    /// Whether that is the end of the flow.
    pub finished: bool,
    /// Area of the cells after synthesis, µm².
    pub synthesis_um2: Option<f64>,
    /// Area of all cells, µm².
    pub cells_um2: Option<f64>,
    /// Cells, fillers and taps included where the flow counts them.
    pub cells: Option<u64>,
    /// Area of the core, µm².
    pub core_um2: Option<f64>,
    /// Area of the die, µm².
    pub die_um2: Option<f64>,
    /// Part of the core that cells cover, 0 to 1.
    pub utilisation: Option<f64>,
    /// Slack of the worst setup path, over all corners that the flow looks at, ps.
    pub setup_slack_ps: Option<f64>,
    /// The same in the typical corner, where the flow tells corners apart, ps.
    pub typical_setup_slack_ps: Option<f64>,
    /// Sum of the negative setup slacks, ps.
    pub setup_total_slack_ps: Option<f64>,
    /// Slack of the worst hold path, ps.
    pub hold_slack_ps: Option<f64>,
    /// Highest frequency as the flow gives it, otherwise that of the clock period less the worst slack, MHz.
    pub fmax_mhz: Option<f64>,
    /// Power by the flow's own assumptions about activity, W.
    pub power: Power,
    /// Length of the routed wires, µm.
    pub wirelength_um: Option<f64>,
    /// Violations of design rules that routing left.
    pub drc_errors: Option<u64>,
    /// Nets with antenna violations.
    pub antenna_violations: Option<u64>,
    /// The files that were read.
    pub sources: Vec<PathBuf>,
}

/// Power by kind, W.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Power {
    /// All of it.
    pub total_w: Option<f64>,
    /// Within cells.
    pub internal_w: Option<f64>,
    /// On nets.
    pub switching_w: Option<f64>,
    /// Without activity.
    pub leakage_w: Option<f64>,
}

/// Metrics by name, as OpenROAD's tools write them.
#[derive(Default)]
pub(crate) struct Metrics {
    values: Map<String, Value>,
    pub(crate) sources: Vec<PathBuf>,
}

/// Beyond this a figure is OpenSTA's infinity: there are no such paths.
const INFINITE: f64 = 1e29;

impl Metrics {
    /// Adds the metrics of a file, which replace older ones of the same name.
    ///
    /// # Errors
    /// The file cannot be read, or is no JSON object.
    pub(crate) fn add(&mut self, path: &Path) -> Result<(), FlowError> {
        let value = json(path)?;
        self.add_object(path, &value)
    }

    /// Adds the metrics of an object in a file.
    pub(crate) fn add_object(&mut self, path: &Path, object: &Value) -> Result<(), FlowError> {
        let object = object
            .as_object()
            .ok_or_else(|| FlowError::new(format!("{}: is no JSON object of metrics", path.display())))?;
        self.values.extend(object.iter().map(|(name, value)| (name.clone(), value.clone())));
        self.sources.push(path.into());
        Ok(())
    }

    /// The metric of a name, if it is a finite number.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.values.get(name)?.as_f64().filter(|number| number.abs() < INFINITE)
    }

    /// The metric of a name, if it is a count.
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.number(name).filter(|number| *number >= 0.0).map(|number| number.round() as u64)
    }

    /// The metric of a name, if it is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_str()
    }

    /// The first finite number whose name passes.
    pub(crate) fn find(&self, passes: impl Fn(&str) -> bool) -> Option<f64> {
        let name = self.values.keys().find(|name| passes(name))?;
        self.number(name)
    }

    /// The figures whose names begin with `prefix`, times being in this unit.
    pub(crate) fn layout(&self, prefix: &str, run: &Run, time_unit_ps: f64) -> Layout {
        let number = |name: &str| self.number(&format!("{prefix}{name}"));
        let time = |name: &str| number(name).map(|time| time * time_unit_ps);
        let setup_slack_ps = time("timing__setup__ws");
        let from_slack = |slack| 1e6 / (run.period_ps - slack);
        Layout {
            cells_um2: number("design__instance__area"),
            cells: self.count(&format!("{prefix}design__instance__count")),
            core_um2: number("design__core__area"),
            die_um2: number("design__die__area"),
            utilisation: number("design__instance__utilization"),
            setup_slack_ps,
            setup_total_slack_ps: time("timing__setup__tns"),
            hold_slack_ps: time("timing__hold__ws"),
            fmax_mhz: number("timing__fmax").map(|hz| hz / 1e6).or(setup_slack_ps.map(from_slack)),
            power: Power {
                total_w: number("power__total"),
                internal_w: number("power__internal__total"),
                switching_w: number("power__switching__total"),
                leakage_w: number("power__leakage__total"),
            },
            sources: self.sources.clone(),
            ..Layout::default()
        }
    }
}

/// A JSON file.
pub(crate) fn json(path: &Path) -> Result<Value, FlowError> {
    let text = fs::read_to_string(path).map_err(FlowError::io(path))?;
    serde_json::from_str(&text).map_err(|e| FlowError::new(format!("{}: is no JSON: {e}", path.display())))
}

/// The entries of a folder whose names pass, in order of their names; none if there is no such folder.
pub(crate) fn entries(folder: &Path, passes: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let named = |path: &PathBuf| passes(&path.file_name().unwrap_or_default().to_string_lossy());
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(named).collect();
    paths.sort();
    paths
}
