//! `flashrtl accuracy`: how far designs are from float64 attention, group by group, without simulating hardware.

mod tables;

use crate::output::write_file;
use crate::plot::{Curve, Plot};
use crate::show::{self, counted};
use crate::source::ConfigsArgs;
use crate::study::{Set, Subject, SubjectReport, measure};
use anyhow::{Result, bail, ensure};
use attention::Workload;
use attention::workload::groups::{GROUPS, Group};
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Measure the accuracy of designs on groups of difficult scores and on your tensors
///
/// Runs the bit-accurate functional models and no hardware, so it is fast. Every group is measured with rows of 32
/// elements and as many keys as it has, whatever array.head_dim and array.max_keys; docs/accuracy.md describes the
/// groups (`flashrtl list groups`) and the measures.
#[derive(clap::Args)]
#[command(after_help = "Example: flashrtl accuracy fa2_bf16_d64 flash_d_lse_mid_bf16_d64 --plot error.svg")]
pub struct Args {
    #[command(flatten)]
    configs: ConfigsArgs,
    /// Tensors q, k, v (heads x rows x d) and optionally n (heads), an .npz or .safetensors file: one more group
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Measure these groups only, separated by commas; `data` is the file given by --data
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = Choice::parse)]
    groups: Vec<Choice>,
    /// Seeds of the groups, 1 to N
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Queries of each group and seed, each with keys of its own; and of each head of --data, evenly spread
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=65536))]
    rows: u32,
    /// Measure one group at these numbers of keys, separated by commas; with --plot from 64 to 16384 if left out
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=65536))]
    lengths: Vec<u32>,
    /// Write an SVG plot of error against sequence length
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// The group of --lengths and --plot
    #[arg(long, value_name = "NAME", default_value = "uniform-offset", value_parser = long_group)]
    plot_group: &'static Group,
    /// Write everything as JSON; - prints it instead of the tables
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print all measures of each design
    #[arg(short, long)]
    verbose: bool,
}

/// Elements of a row of a group.
const HEAD_DIM: usize = 32;
/// Numbers of keys of a plot.
const LENGTHS: [u32; 5] = [64, 256, 1024, 4096, 16384];
/// Name of the group that is a file of tensors.
const DATA: &str = "data";

/// A group by its name on the command line.
#[derive(Clone, Copy)]
enum Choice {
    Data,
    Group(&'static Group),
}

impl Choice {
    fn parse(name: &str) -> Result<Choice, String> {
        if name == DATA { Ok(Choice::Data) } else { Group::find(name).map(Choice::Group) }
    }
}

fn long_group(name: &str) -> Result<&'static Group, String> {
    let group = Group::find(name)?;
    if group.any_length {
        return Ok(group);
    }
    let long: Vec<&str> = GROUPS.iter().filter(|g| g.any_length).map(|g| g.name).collect();
    Err(format!("{name} always has {} keys; groups of any length are {}", group.keys, long.join(", ")))
}

/// The measurements.
#[derive(Serialize)]
struct Report {
    /// Queries of each group and seed.
    rows: u32,
    /// The seeds of the groups.
    seeds: Vec<u64>,
    /// The file of tensors.
    data: Option<String>,
    /// The group that was measured at several lengths.
    length_group: Option<&'static str>,
    configs: Vec<SubjectReport>,
}

/// Measures, writes what was asked for, prints tables; fails when a result is not a finite number.
pub fn run(args: &Args) -> Result<()> {
    let subjects = args.subjects()?;
    let (groups, lengths) = (args.group_sets()?, args.length_sets());
    let count = groups.len();
    let sets: Vec<Set> = groups.into_iter().chain(lengths).collect();
    let report = Report {
        rows: args.rows,
        seeds: (1..=args.seeds).collect(),
        data: args.data.as_ref().map(|path| path.display().to_string()),
        length_group: (sets.len() > count).then_some(args.plot_group.name),
        configs: measure(&subjects, &sets, count)?,
    };
    if let Some(path) = &args.plot {
        let svg = report.plot(args.plot_group).svg()?;
        write_file(path, |mut file| Ok(file.write_all(svg.as_bytes())?))?;
    }
    match &args.json {
        Some(path) if path == Path::new("-") => show::json(&report)?,
        json => {
            if let Some(path) = json {
                let text = serde_json::to_string_pretty(&report)?;
                write_file(path, |mut file| Ok(writeln!(file, "{text}")?))?;
            }
            show::text(tables::text(&report.configs, args.verbose))?;
        }
    }
    report.all_finite()
}

impl Args {
    fn subjects(&self) -> Result<Vec<Subject>> {
        let subjects: Vec<Subject> =
            self.configs.load()?.into_iter().map(Subject::new).collect::<Result<_>>()?;
        for (at, subject) in subjects.iter().enumerate() {
            if subjects[..at].iter().any(|other| other.name() == subject.name()) {
                bail!("{} is named twice; give every design a `name` of its own", subject.name());
            }
        }
        Ok(subjects)
    }

    /// The groups that were asked for, or all.
    fn group_sets(&self) -> Result<Vec<Set>> {
        let all = self.data.iter().map(|_| Choice::Data).chain(GROUPS.iter().map(Choice::Group));
        let chosen = if self.groups.is_empty() { all.collect() } else { self.groups.clone() };
        let set = |choice: Choice| match (choice, &self.data) {
            (Choice::Group(group), _) => Ok(self.set(group, group.keys)),
            (Choice::Data, Some(path)) => {
                Ok(Set::data(DATA, Workload::load(path)?.limit(None, Some(self.rows as usize))))
            }
            (Choice::Data, None) => bail!("--groups {DATA}: name the file by --data"),
        };
        chosen.into_iter().map(set).collect()
    }

    /// The group of the plot at every length that was asked for, ascending.
    fn length_sets(&self) -> Vec<Set> {
        let mut lengths = self.lengths.clone();
        if lengths.is_empty() && self.plot.is_some() {
            lengths.extend(LENGTHS);
        }
        lengths.sort_unstable();
        lengths.dedup();
        lengths.into_iter().map(|keys| self.set(self.plot_group, keys as usize)).collect()
    }

    fn set(&self, group: &'static Group, keys: usize) -> Set {
        Set::group(group, keys, HEAD_DIM, self.seeds, self.rows as usize)
    }
}

impl Report {
    fn plot(&self, group: &Group) -> Plot {
        let curve = |c: &SubjectReport| Curve {
            name: c.name.clone(),
            points: c.lengths.iter().map(|set| (set.keys, set.report.relative_l2())).collect(),
        };
        let queries = counted(self.rows as usize, "query", "queries");
        let seeds = counted(self.seeds.len(), "seed", "seeds");
        Plot {
            title: format!("Error against sequence length, group {}", group.name),
            subtitle: format!(
                "scores {}; values {}; {queries} of {seeds}, against float64 on the rounded inputs",
                group.rule,
                group.values.rule(),
            ),
            curves: self.configs.iter().map(curve).collect(),
        }
    }

    /// No kernel may make an infinity or NaN from finite inputs.
    fn all_finite(&self) -> Result<()> {
        for config in &self.configs {
            for set in config.groups.iter().chain(&config.lengths) {
                let bad = set.report.comparison.rounded_inputs.not_finite;
                let rows = counted(bad as usize, "result row", "result rows");
                ensure!(bad == 0, "{}: {rows} of {} with an infinity or NaN", config.name, set.group);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::load_embedded;

    fn report() -> Report {
        let tour = Subject::new(load_embedded("tour").unwrap()).unwrap();
        let group = Group::find("dip-12").unwrap();
        let sets = [0, 1].map(|_| Set::group(group, group.keys, HEAD_DIM, 1, 1));
        let configs = measure(&[tour], &sets, 1).unwrap();
        Report { rows: 1, seeds: vec![1], data: None, length_group: Some(group.name), configs }
    }

    #[test]
    fn a_result_that_is_no_number_fails() {
        report().all_finite().unwrap();
        let mut bad = report();
        bad.configs[0].groups[0].report.comparison.rounded_inputs.not_finite = 1;
        let error = bad.all_finite().unwrap_err().to_string();
        assert_eq!(error, "tour: 1 result row of dip-12 with an infinity or NaN");
        let mut bad = report();
        bad.configs[0].lengths[0].report.comparison.rounded_inputs.not_finite = 2;
        assert!(bad.all_finite().is_err());
    }
}
