//! Kernels × workloads: the accuracy of several designs on the same rows, from their functional models.

use crate::progress::Progress;
use anyhow::{Result, bail};
use attention::accuracy::{ModelAccuracy, ModelReport, QueryRange};
use attention::config::EngineConfig;
use attention::workload::groups::{Group, Shape};
use attention::{Config, EngineSpec, Workload};
use numerics::Number;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// A design to measure.
pub struct Subject {
    config: Config,
    engine: EngineConfig,
}

impl Subject {
    /// The design of a configuration, which must be an engine.
    pub fn new(config: Config) -> Result<Subject> {
        match config.engine().cloned() {
            Some(engine) => Ok(Subject { config, engine }),
            None => bail!("{} is a unit; accuracy is measured of query engines", config.name),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The engine for rows of that length and so many keys, whatever the configuration's own.
    fn spec(&self, head_dim: usize, keys: usize) -> Result<EngineSpec> {
        let mut engine = self.engine.clone();
        engine.array.head_dim = head_dim as u32;
        engine.array.max_keys = engine.array.max_keys.max(keys as u32);
        let spec = EngineSpec::new(&self.config.name, &engine, self.config.policy);
        match spec.dot.check(head_dim) {
            Ok(()) => Ok(spec),
            Err(problem) => bail!("{} on rows of {head_dim} elements: {problem}", self.config.name),
        }
    }
}

/// Queries with something in common, measured together.
pub struct Set {
    /// Name in reports.
    pub name: String,
    /// Most keys that a query meets.
    pub keys: usize,
    /// Elements of a row.
    pub head_dim: usize,
    source: Source,
}

enum Source {
    Group { group: &'static Group, seeds: u64, rows: usize },
    Data(Workload),
}

/// One part of a set.
#[derive(Clone, Serialize)]
#[serde(untagged)]
enum Part {
    Seed { seed: u64 },
    Head { head: usize, rows: QueryRange, keys: usize },
}

impl Set {
    /// `rows` queries of each of the seeds 1 to `seeds` of a group, over so many keys.
    pub fn group(group: &'static Group, keys: usize, head_dim: usize, seeds: u64, rows: usize) -> Set {
        Set { name: group.name.into(), keys, head_dim, source: Source::Group { group, seeds, rows } }
    }

    /// Every query of a workload.
    pub fn data(name: &str, workload: Workload) -> Set {
        let head_dim = workload.head_dim;
        let keys = workload.heads.iter().map(|head| head.keys(head_dim)).max().unwrap_or(0);
        Set { name: name.into(), keys, head_dim, source: Source::Data(workload) }
    }

    fn parts(&self) -> Vec<Part> {
        match &self.source {
            Source::Group { seeds, .. } => (1..=*seeds).map(|seed| Part::Seed { seed }).collect(),
            Source::Data(workload) => {
                let head = |(head, rows): (usize, &attention::workload::Head)| Part::Head {
                    head,
                    rows: QueryRange::of(&rows.rows),
                    keys: rows.keys(workload.head_dim),
                };
                workload.heads.iter().enumerate().map(head).collect()
            }
        }
    }

    /// How many workloads make up a part.
    fn rows(&self) -> usize {
        match &self.source {
            Source::Group { rows, .. } => *rows,
            Source::Data(_) => 1,
        }
    }

    fn workload(&self, part: usize, row: usize, input: Number) -> Workload {
        match &self.source {
            Source::Group { group, .. } => {
                let shape = Shape { keys: self.keys, head_dim: self.head_dim, input };
                group.row(shape, part as u64 + 1, row)
            }
            Source::Data(workload) => {
                let heads = vec![workload.heads[part].clone()];
                Workload { source: workload.source.clone(), head_dim: workload.head_dim, heads }
            }
        }
    }
}

/// What was measured of one design.
#[derive(Serialize)]
pub struct SubjectReport {
    /// Name of the design.
    pub name: String,
    /// Name of its kernel.
    pub kernel: &'static str,
    /// Hash of everything its hardware depends on.
    pub config_hash: String,
    /// Its number formats by what they hold.
    pub formats: BTreeMap<&'static str, String>,
    /// Its `array.max_keys`; longer sets were measured as if it were as large as they need.
    pub max_keys: u32,
    /// Set by set.
    pub groups: Vec<SetReport>,
    /// All of `groups` as one.
    pub overall: ModelReport,
    /// The same group at several lengths.
    pub lengths: Vec<SetReport>,
}

/// What was measured on one set.
#[derive(Serialize)]
pub struct SetReport {
    /// Name of the set.
    pub group: String,
    /// Most keys that a query meets.
    pub keys: usize,
    /// More than the design's `array.max_keys`.
    pub beyond_max_keys: bool,
    /// All of the set.
    #[serde(flatten)]
    pub report: ModelReport,
    /// Seed by seed, or head by head.
    parts: Vec<PartReport>,
}

#[derive(Serialize)]
struct PartReport {
    #[serde(flatten)]
    part: Part,
    #[serde(flatten)]
    report: ModelReport,
}

/// What a thread works through at a time.
#[derive(Clone, Copy)]
struct Row {
    set: usize,
    part: usize,
    row: usize,
}

/// Measures every design on every set; the first `groups` sets are the groups, the others the lengths.
pub fn measure(subjects: &[Subject], sets: &[Set], groups: usize) -> Result<Vec<SubjectReport>> {
    let specs = |set: &Set| subjects.iter().map(|s| s.spec(set.head_dim, set.keys)).collect();
    let specs: Vec<Vec<EngineSpec>> = sets.iter().map(specs).collect::<Result<_>>()?;
    let rows = rows(sets);
    let progress = Progress::steps("measuring", (rows.len() * subjects.len()) as u64);
    let of_row = |&Row { set, part, row }: &Row| -> Vec<ModelAccuracy> {
        let of_design = |spec: &EngineSpec| {
            let accuracy = ModelAccuracy::of(spec, &sets[set].workload(part, row, spec.dot.operand));
            progress.advance(1);
            accuracy
        };
        specs[set].iter().map(of_design).collect()
    };
    // Sums are made in the order of the rows, so that they do not depend on the threads.
    let measured: Vec<Vec<ModelAccuracy>> = rows.par_iter().map(of_row).collect();
    let report = |(at, subject): (usize, &Subject)| {
        let empty = |set: &Set| vec![ModelAccuracy::default(); set.parts().len()];
        let mut parts: Vec<Vec<ModelAccuracy>> = sets.iter().map(empty).collect();
        for (&Row { set, part, .. }, accuracy) in rows.iter().zip(&measured) {
            parts[set][part].merge(&accuracy[at]);
        }
        subject.report(sets, &parts, groups)
    };
    Ok(subjects.iter().enumerate().map(report).collect())
}

fn rows(sets: &[Set]) -> Vec<Row> {
    let of_set = |(set, s): (usize, &Set)| -> Vec<Row> {
        let of_part = |part| (0..s.rows()).map(move |row| Row { set, part, row });
        (0..s.parts().len()).flat_map(of_part).collect()
    };
    sets.iter().enumerate().flat_map(of_set).collect()
}

impl Subject {
    fn report(&self, sets: &[Set], parts: &[Vec<ModelAccuracy>], groups: usize) -> SubjectReport {
        let format = &self.engine.format;
        let formats = [
            ("input", format.input.to_string()),
            ("score", format.score.to_string()),
            ("accumulator", format.accumulator.to_string()),
            ("output", format.output.to_string()),
        ];
        let mut reports: Vec<SetReport> =
            sets.iter().zip(parts).map(|(set, parts)| self.set_report(set, parts)).collect();
        let lengths = reports.split_off(groups);
        SubjectReport {
            name: self.config.name.clone(),
            kernel: self.engine.kernel.name(),
            config_hash: self.config.hash(),
            formats: formats.into(),
            max_keys: self.engine.array.max_keys,
            groups: reports,
            overall: together(parts[..groups].iter().flatten()).report(),
            lengths,
        }
    }

    fn set_report(&self, set: &Set, parts: &[ModelAccuracy]) -> SetReport {
        let part = |(part, accuracy): (Part, &ModelAccuracy)| PartReport { part, report: accuracy.report() };
        SetReport {
            group: set.name.clone(),
            keys: set.keys,
            beyond_max_keys: set.keys > self.engine.array.max_keys as usize,
            report: together(parts).report(),
            parts: set.parts().into_iter().zip(parts).map(part).collect(),
        }
    }
}

fn together<'a>(parts: impl IntoIterator<Item = &'a ModelAccuracy>) -> ModelAccuracy {
    let mut all = ModelAccuracy::default();
    parts.into_iter().for_each(|part| all.merge(part));
    all
}
