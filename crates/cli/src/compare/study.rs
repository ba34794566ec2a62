//! What is to be compared, as a TOML file says it.

use anyhow::{Context, Result, bail, ensure};
use attention::workload::groups::Group;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;
use std::path::Path;
use toml::{Table, Value};

/// Designs, and the views of them that are compared.
#[derive(Clone, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// Its name.
    pub name: String,
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// Platform to synthesise on.
    pub platform: String,
    /// Clock of all designs, MHz; each design's own if left out.
    pub mhz: Option<f64>,
    /// Labels of the designs that the others are compared with, the most important first.
    pub baseline: Vec<String>,
    /// The label that published figures are relative to: the first baseline that the file names.
    #[serde(skip)]
    pub published_baseline: String,
    /// Keys that all designs are given.
    #[serde(default)]
    pub set: Table,
    /// Key rows of each head that the netlists are run on.
    #[serde(default = "keys")]
    pub keys: u32,
    /// Groups of scores that accuracy is measured on; all of them if left out.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Take the first netlist that meets the clock.
    #[serde(default)]
    pub quick: bool,
    /// Look for the highest frequency too.
    #[serde(default)]
    pub fmax: bool,
    /// In rows of so many elements and more the element is mapped once for all its copies.
    pub element_once_from: Option<u32>,
    /// What of the designs is compared.
    #[serde(rename = "view")]
    pub views: Vec<View>,
    /// The designs.
    #[serde(rename = "design")]
    pub designs: Vec<Variant>,
}

/// A part of all designs, in several sizes.
#[derive(Clone, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// The part, as `synth --scope` takes it.
    pub scope: String,
    /// Slots of the designs.
    #[serde(default = "own")]
    pub interleave: Slots,
    /// Elements of a row; each design's own if left out.
    #[serde(default)]
    pub head_dim: Vec<u32>,
    /// Formats of q, k and v; each design's own if left out.
    #[serde(default)]
    pub input: Vec<String>,
    /// Only with `--full`.
    #[serde(default)]
    pub full: bool,
}

/// Slots that a lane is shared by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slots {
    /// The fewest with which each design meets the clock.
    Own,
    /// As many for all as the design that needs most.
    Same,
    /// As many as given.
    Given(u32),
}

/// A design.
#[derive(Clone, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// What it is called in the report.
    pub label: String,
    /// Configuration file, or name of a built-in one.
    pub config: String,
    /// Keys that it is given.
    #[serde(default)]
    pub set: Table,
    /// What was published about it.
    pub published: Option<Published>,
}

/// Published figures, as changes from the first baseline: -0.2 is a fifth less.
#[derive(Clone, PartialEq, Deserialize, Serialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Change of the area.
    pub area: f64,
    /// Change of the power.
    pub power: f64,
    /// Where, and in which technology.
    pub source: String,
}

fn keys() -> u32 {
    256
}

fn own() -> Slots {
    Slots::Own
}

impl Slots {
    /// As it is written.
    pub fn parse(text: &str) -> Result<Slots, String> {
        match (text, text.parse()) {
            ("own", _) => Ok(Slots::Own),
            ("same", _) => Ok(Slots::Same),
            (_, Ok(slots @ 1..=64)) => Ok(Slots::Given(slots)),
            _ => Err("must be \"own\", \"same\" or an integer from 1 to 64".into()),
        }
    }

    /// In words.
    pub fn words(self) -> String {
        match self {
            Slots::Own => "own interleave".into(),
            Slots::Same => "same interleave".into(),
            Slots::Given(slots) => format!("interleave {slots}"),
        }
    }
}

impl<'de> Deserialize<'de> for Slots {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Slots, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Slots::parse(&text).map_err(|legal| D::Error::custom(format!("interleave = {text}: {legal}")))
    }
}

impl Study {
    /// Reads a study; `place` is the file's name for messages.
    ///
    /// Errors name the file, the line where there is one, the key, its value, and what is legal.
    pub fn parse(text: &str, place: &str) -> Result<Study> {
        let mut study: Study = toml::from_str(text).map_err(|e| {
            let line = e.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            let place = line.map_or(place.to_string(), |line| format!("{place}:{line}"));
            anyhow::anyhow!("{place}: {}", e.message().lines().collect::<Vec<_>>().join("; "))
        })?;
        study.check().with_context(|| place.to_string())?;
        study.published_baseline.clone_from(&study.baseline[0]);
        Ok(study)
    }

    /// Reads a file.
    pub fn load(path: &Path) -> Result<Study> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("{place}: cannot read it"))?;
        Study::parse(&text, &place)
    }

    /// A study of some configurations as they are, the first of which is the baseline.
    pub fn of_configs(configs: &[String], platform: &str, scope: &str) -> Result<Study> {
        let stem = |config: &String| {
            Path::new(config).file_stem().map_or(config.clone(), |stem| stem.to_string_lossy().into_owned())
        };
        let variant = |config: &String| Variant {
            label: stem(config),
            config: config.clone(),
            set: Table::new(),
            published: None,
        };
        let view = View {
            scope: scope.into(),
            interleave: Slots::Own,
            head_dim: vec![],
            input: vec![],
            full: false,
        };
        let study = Study {
            name: "comparison".into(),
            description: format!("{} designs", configs.len()),
            platform: platform.into(),
            mhz: None,
            baseline: configs.first().map(stem).into_iter().collect(),
            published_baseline: String::new(),
            set: Table::new(),
            keys: keys(),
            groups: vec![],
            quick: false,
            fmax: false,
            element_once_from: None,
            views: vec![view],
            designs: configs.iter().map(variant).collect(),
        };
        study.check()?;
        Ok(study)
    }

    /// Whether what was said makes sense together.
    pub fn check(&self) -> Result<()> {
        ensure!(!self.designs.is_empty(), "design: there must be at least one [[design]]");
        ensure!(!self.views.is_empty(), "view: there must be at least one [[view]]");
        ensure!(self.mhz.is_none_or(|mhz| mhz > 0.0), "mhz = {}: must be above 0", self.mhz.unwrap_or(0.0));
        ensure!(self.keys >= 1, "keys = 0: must be at least 1");
        let mut labels = BTreeSet::new();
        for design in &self.designs {
            ensure!(
                labels.insert(design.label.as_str()),
                "design.label = \"{}\": is given twice; every design needs a label of its own",
                design.label
            );
        }
        self.check_baselines(&self.baseline)?;
        for group in &self.groups {
            Group::find(group).map_err(|legal| anyhow::anyhow!("groups: {legal}"))?;
        }
        let mut dims = self.views.iter().flat_map(|view| &view.head_dim);
        match dims.find(|d| !(1..=256).contains(*d)) {
            Some(d) => bail!("view.head_dim = {d}: must be an integer from 1 to 256"),
            None => Ok(()),
        }
    }

    /// Whether designs have these labels.
    pub fn check_baselines(&self, baselines: &[String]) -> Result<()> {
        let labels = || self.designs.iter().map(|d| d.label.as_str());
        ensure!(!baselines.is_empty(), "baseline = []: must name at least one of {}", quoted(labels()));
        match baselines.iter().find(|name| labels().all(|label| label != name.as_str())) {
            Some(name) => bail!("baseline = \"{name}\": must be the label of a design: {}", quoted(labels())),
            None => Ok(()),
        }
    }
}

fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// Keys of a table as `--set` takes them: `array.head_dim=16`.
pub fn overrides(set: &Table) -> Vec<String> {
    let one = |(key, value): (&String, &Value)| match value {
        Value::Table(inner) => {
            overrides(inner).into_iter().map(|rest| format!("{key}.{rest}")).collect::<Vec<_>>()
        }
        value => vec![format!("{key}={value}")],
    };
    set.iter().flat_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::embedded_studies;

    const SMALL: &str = "name = \"s\"\nplatform = \"osu018\"\nbaseline = [\"a\"]\n\
        [[view]]\nscope = \"lane\"\n[[design]]\nlabel = \"a\"\nconfig = \"tour\"\n";

    #[test]
    fn defaults_are_those_of_the_designs() {
        let study = Study::parse(SMALL, "s.toml").unwrap();
        assert_eq!((study.mhz, study.keys, study.quick), (None, 256, false));
        let view = &study.views[0];
        assert!(view.interleave == Slots::Own && view.head_dim.is_empty() && view.input.is_empty());
    }

    #[test]
    fn errors_name_file_key_value_and_what_is_legal() {
        let fails = |from: &str, to: &str, said: &[&str]| {
            assert!(SMALL.contains(from));
            let error = format!("{:#}", Study::parse(&SMALL.replace(from, to), "s.toml").unwrap_err());
            assert!(error.starts_with("s.toml"), "{error}");
            assert!(said.iter().all(|s| error.contains(s)), "{error}");
        };
        fails("scope =", "scop =", &["s.toml:5: ", "unknown field `scop`", "`scope`", "`head_dim`"]);
        fails("\"lane\"", "7", &["s.toml:5: ", "integer `7`", "a string"]);
        fails("scope = \"lane\"\n", "", &["s.toml:4: ", "missing field `scope`"]);
        let with = |line: &str| format!("\"lane\"\n{line}");
        fails(
            "\"lane\"",
            &with("interleave = \"most\""),
            &["s.toml:6: ", "interleave = most", "from 1 to 64"],
        );
        fails("\"lane\"", &with("interleave = 65"), &["interleave = 65: must be \"own\", \"same\" or"]);
        fails("\"lane\"", &with("head_dim = [300]"), &["view.head_dim = 300: must be", "from 1 to 256"]);
        fails("[\"a\"]", "[\"b\"]", &["baseline = \"b\": must be the label of a design: \"a\""]);
        fails("[\"a\"]", "[]", &["baseline = []: must name at least one of \"a\""]);
        fails("[[view]]", "groups = [\"normal\"]\n[[view]]", &["groups: ", "normal"]);
        fails("[[view]]", "mhz = 0\n[[view]]", &["mhz = 0: must be above 0"]);
        let twice = "[[design]]\nlabel = \"a\"\nconfig = \"x\"\n[[design]]";
        fails("[[design]]", twice, &["design.label = \"a\": is given twice"]);
        fails("name = \"s\"", "name = ", &["s.toml:1: "]);
    }

    #[test]
    fn built_in_studies_are_sound() {
        let studies: Vec<(&str, &str)> = embedded_studies().collect();
        assert!(studies.iter().any(|(name, _)| *name == "papers"));
        for (name, text) in studies {
            assert_eq!(Study::parse(text, name).unwrap().name, name);
        }
    }

    #[test]
    fn tables_become_overrides() {
        let table = "\"a.b\" = 1\nkernel = { preset = \"mid\", x = { y = true } }".parse().unwrap();
        assert_eq!(overrides(&table), ["a.b=1", "kernel.preset=\"mid\"", "kernel.x.y=true"]);
    }
}
