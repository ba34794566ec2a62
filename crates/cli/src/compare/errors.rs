//! The accuracy of the designs: float64 attention against their functional models, on the groups of difficult scores
//! and on real tensors.

use super::kept::{Kept, sha256};
use super::plan::{Case, Plan};
use crate::study::{Set, Subject, measure};
use anyhow::{Context, Result};
use attention::workload::groups::{GROUPS, Group};
use attention::{Config, Workload};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// Name of the group that is a file of tensors.
pub const DATA: &str = "data";
/// The group that stands for ordinary heads where there are no tensors.
const ORDINARY: &str = "normal-3";
/// Elements of a row of a group.
const HEAD_DIM: usize = 32;
/// Queries of a group.
const ROWS: usize = 32;
/// Queries of a head of the tensors, evenly spread.
const DATA_ROWS: usize = 16;

/// The errors of a design.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct DesignErrors {
    /// Label of the design.
    pub label: String,
    /// Format of q, k and v.
    pub input: String,
    /// Group by group.
    pub groups: Vec<GroupError>,
}

/// The error on a group, against float64 attention on the rounded inputs.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct GroupError {
    /// Name of the group.
    pub group: String,
    /// Most keys that a query meets.
    pub keys: usize,
    /// Relative L2, as a fraction.
    pub relative_l2: f64,
    /// max |o − r| / max |v|.
    pub max_abs: f64,
}

impl DesignErrors {
    /// The error that is shown beside area and power: on the tensors, or else on an ordinary group.
    pub fn headline(&self) -> Option<&GroupError> {
        let find = |name: &str| self.groups.iter().find(|g| g.group == name);
        find(DATA).or_else(|| find(ORDINARY))
    }
}

/// What of a measurement an earlier one must agree with.
#[derive(Serialize)]
struct DependsOn<'a> {
    config: &'a toml::Table,
    data: Option<&'a str>,
    groups: &'a [String],
    rows: [usize; 3],
}

/// The errors of every engine of a plan in every input format; `say` hears whose turn it is.
pub fn of_plan(
    plan: &Plan,
    data: Option<&Path>,
    kept: &Kept,
    say: &dyn Fn(&str),
) -> Result<Vec<DesignErrors>> {
    let digest = data.map(|path| fs::read(path).map(|bytes| sha256(&bytes)));
    let digest = digest.transpose().context("--data")?;
    let sets = sets(&plan.study.groups, data)?;
    let mut all: Vec<DesignErrors> = vec![];
    for (case, label, config) in plan.cases.iter().flat_map(|case| designs(plan, case)) {
        let Some(engine) = config.engine() else { continue };
        let input = engine.format.input.to_string();
        if all.iter().any(|e| e.label == label && e.input == input) {
            continue;
        }
        say(&format!("accuracy of {label}, {}", case.input.as_deref().unwrap_or(&input)));
        let depends_on = DependsOn {
            config: &measured(config),
            data: digest.as_deref(),
            groups: &plan.study.groups,
            rows: [HEAD_DIM, ROWS, DATA_ROWS],
        };
        let groups = kept.or_make("accuracy", &depends_on, || groups(config.clone(), &sets))?;
        all.push(DesignErrors { label: label.into(), input, groups });
    }
    Ok(all)
}

fn designs<'a>(plan: &'a Plan, case: &'a Case) -> impl Iterator<Item = (&'a Case, &'a str, &'a Config)> {
    let labels = plan.study.designs.iter().map(|d| d.label.as_str());
    labels.zip(&case.points).map(move |(label, point)| (case, label, &point.target.config))
}

/// The configuration as far as it is measured: slots and lanes make no difference.
fn measured(config: &Config) -> toml::Table {
    let mut table = config.canonical();
    for section in ["clock", "reset", "workload", "description"] {
        table.remove(section);
    }
    if let Some(array) = table.get_mut("array").and_then(|a| a.as_table_mut()) {
        for key in ["head_dim", "query_lanes", "interleave"] {
            array.remove(key);
        }
    }
    table
}

fn sets(names: &[String], data: Option<&Path>) -> Result<Vec<Set>> {
    let tensors = |path: &Path| -> Result<Set> {
        Ok(Set::data(DATA, Workload::load(path)?.limit(None, Some(DATA_ROWS))))
    };
    let wanted = |group: &&Group| names.is_empty() || names.iter().any(|name| name == group.name);
    let groups =
        GROUPS.iter().filter(wanted).map(|group| Ok(Set::group(group, group.keys, HEAD_DIM, 1, ROWS)));
    data.map(tensors).into_iter().chain(groups).collect()
}

fn groups(config: Config, sets: &[Set]) -> Result<Vec<GroupError>> {
    let reports = measure(&[Subject::new(config)?], sets, sets.len())?;
    let group = |set: &crate::study::SetReport| {
        let measures = set.report.comparison.rounded_inputs;
        let finite = |x: f64| if x.is_finite() { x } else { f64::MAX };
        GroupError {
            group: set.group.clone(),
            keys: set.keys,
            relative_l2: finite(measures.relative_l2),
            max_abs: finite(measures.max_abs),
        }
    };
    Ok(reports[0].groups.iter().map(group).collect())
}
