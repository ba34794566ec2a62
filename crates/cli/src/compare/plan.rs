//! The designs of every case of a study, elaborated: whatever is wrong with one is said before a tool runs.

use super::study::{Slots, Study, Variant, View, overrides};
use crate::evaluate::{clock, find_platform};
use crate::scope;
use crate::source::load;
use crate::target::Target;
use anyhow::{Context, Result, bail};
use attention::Config;
use flow::Platform;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is to be done.
pub struct Plan {
    /// The study.
    pub study: Study,
    /// Its platform.
    pub platform: Platform,
    /// Its cases, in order.
    pub cases: Vec<Case>,
}

/// All designs side by side in one size.
pub struct Case {
    /// The part of the designs.
    pub scope: String,
    /// Slots of the designs.
    pub slots: Slots,
    /// Elements of a row; each design's own if not given.
    pub head_dim: Option<u32>,
    /// Format of q, k and v; each design's own if not given.
    pub input: Option<String>,
    /// The designs of the study, in order.
    pub points: Vec<Point>,
}

/// A design in a case.
#[derive(Clone)]
pub struct Point {
    /// The design, elaborated.
    pub target: Arc<Target>,
    /// Clock, MHz.
    pub mhz: f64,
    /// Its elements are mapped once for all of them.
    pub element_once: bool,
}

impl Case {
    /// In words.
    pub fn title(&self) -> String {
        let head_dim = self.head_dim.map(|d| format!("d = {d}"));
        let parts = [Some(self.scope.clone()), head_dim, self.input.clone(), Some(self.slots.words())];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl Case {
    /// How long each design takes, roughly, in arbitrary units.
    pub fn weights(&self) -> impl Iterator<Item = f64> {
        self.points.iter().map(|point| point.weight(&self.scope))
    }
}

impl Point {
    /// How long the tools take for a part of it, roughly, in arbitrary units: the more, the longer its rows are, less so if
    /// elements are mapped once.
    pub fn weight(&self, scope: &str) -> f64 {
        let elements = self.target.config.engine().map_or(1, |engine| engine.array.head_dim);
        let copies = if scope == scope::ELEMENT { 1.0 } else { f64::from(elements) };
        4.0 + copies * if self.element_once { 0.7 } else { 1.0 }
    }
}

impl Plan {
    /// Elaborates the designs of a study, with `set` laid over all of them; views that are `full` only if asked for.
    pub fn new(study: Study, set: &[String], full: bool) -> Result<Plan> {
        let platform = find_platform(&study.platform)?;
        let views = study.views.iter().filter(|view| full || !view.full);
        let sizes: Vec<(&View, Option<u32>, Option<&String>)> = views
            .flat_map(|view| axis(&view.head_dim).map(move |head_dim| (view, head_dim.copied())))
            .flat_map(|(view, head_dim)| axis(&view.input).map(move |input| (view, head_dim, input)))
            .collect();
        if sizes.is_empty() {
            bail!("{}: every view is for --full only", study.name);
        }
        let case = |&(view, head_dim, input): &(&View, Option<u32>, Option<&String>)| {
            Builder { study: &study, platform: &platform, set, head_dim, input }.case(view)
        };
        let mut cases = sizes.par_iter().map(case).collect::<Result<Vec<Case>>>()?;
        let mut titles = BTreeSet::new();
        cases.retain(|case| titles.insert(case.title())); // views may overlap
        Ok(Plan { study, platform, cases })
    }
}

/// The values of an axis, or none once.
fn axis<T>(values: &[T]) -> impl Iterator<Item = Option<&T>> {
    let none = values.is_empty().then_some(None);
    values.iter().map(Some).chain(none)
}

struct Builder<'a> {
    study: &'a Study,
    platform: &'a Platform,
    set: &'a [String],
    head_dim: Option<u32>,
    input: Option<&'a String>,
}

impl Builder<'_> {
    fn case(&self, view: &View) -> Result<Case> {
        let slots = match view.interleave {
            Slots::Given(slots) => Some(slots),
            _ => None,
        };
        let targets = self.study.designs.iter().map(|design| self.target(design, slots));
        let mut targets: Vec<Arc<Target>> = targets.collect::<Result<_>>()?;
        if view.interleave == Slots::Same {
            let most = targets.iter().map(|target| interleave(target)).max().unwrap_or(1);
            for (target, design) in targets.iter_mut().zip(&self.study.designs) {
                if interleave(target) != most {
                    *target = self.target(design, Some(most))?;
                }
            }
        }
        for target in &targets {
            scope::part(target, &view.scope)?;
        }
        Ok(Case {
            scope: view.scope.clone(),
            slots: view.interleave,
            head_dim: self.head_dim,
            input: self.input.cloned(),
            points: targets.into_iter().map(|target| self.point(target)).collect::<Result<_>>()?,
        })
    }

    fn target(&self, design: &Variant, slots: Option<u32>) -> Result<Arc<Target>> {
        let at_design = || format!("{}: design \"{}\"", self.study.name, design.label);
        Ok(Arc::new(
            Target::new(self.config(design, slots).with_context(at_design)?).with_context(at_design)?,
        ))
    }

    fn config(&self, design: &Variant, slots: Option<u32>) -> Result<Config> {
        let size = [
            self.head_dim.map(|d| format!("array.head_dim={d}")),
            self.input.map(|format| format!("format.input={format}")),
            self.study.mhz.map(|mhz| format!("clock.mhz={}", mhz * self.relative_delay(design))),
            slots.map(|slots| format!("array.interleave={slots}")),
        ];
        let sets = [&self.study.set, &design.set].map(overrides).concat();
        let all: Vec<String> = sets.into_iter().chain(size.into_iter().flatten()).collect();
        load(&design.config, &[all.as_slice(), self.set].concat())
    }

    /// By how much the study's platform is slower than the one that the design is pipelined for: the pipeline is
    /// that of a clock so much faster.
    fn relative_delay(&self, design: &Variant) -> f64 {
        let own =
            load(&design.config, &[]).ok().and_then(|config| find_platform(&config.clock.platform).ok());
        let own = own.and_then(|platform| platform.synthesis.relative_delay);
        own.zip(self.platform.synthesis.relative_delay).map_or(1.0, |(own, here)| here / own)
    }

    fn point(&self, target: Arc<Target>) -> Result<Point> {
        let mhz = clock(self.study.mhz, self.platform, &target.config)?;
        let elements = target.config.engine().map_or(0, |engine| engine.array.head_dim);
        let element_once = self.study.element_once_from.is_some_and(|from| elements >= from);
        Ok(Point { target, mhz, element_once })
    }
}

/// Slots of a design; a unit has none.
pub fn interleave(target: &Target) -> u32 {
    target.kind.engine().map_or(1, |spec| spec.interleave)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUDY: &str = r#"
        name = "s"
        platform = "nangate45"
        mhz = 500
        baseline = ["fa2"]
        set = { array.query_lanes = 1 }
        element_once_from = 8
        [[view]]
        scope = "element"
        interleave = "same"
        head_dim = [4, 8]
        [[view]]
        scope = "lane"
        head_dim = [4]
        input = ["fp8-e4m3"]
        full = true
        [[view]]
        scope = "element"
        interleave = "same"
        head_dim = [8]
        [[design]]
        label = "fa2"
        config = "fa2_bf16_d64"
        [[design]]
        label = "flash-d"
        config = "flash_d_bf16_d64"
    "#;

    fn plan(text: &str, full: bool) -> Result<Plan> {
        Plan::new(Study::parse(text, "s.toml")?, &[], full)
    }

    #[test]
    fn a_case_has_every_design_in_its_size_and_interleave() {
        let plan = plan(STUDY, true).unwrap();
        let titles: Vec<String> = plan.cases.iter().map(Case::title).collect();
        let expected = [
            "element, d = 4, same interleave",
            "element, d = 8, same interleave",
            "lane, d = 4, fp8-e4m3, own interleave",
        ];
        assert_eq!(titles, expected);
        let slots =
            |case: usize| plan.cases[case].points.iter().map(|p| interleave(&p.target)).collect::<Vec<_>>();
        let own = slots(2);
        assert!(own[0] < own[1], "{own:?}");
        assert_eq!(slots(0), [slots(0)[1]; 2]);
        let point = &plan.cases[1].points[0];
        let array = point.target.config.engine().unwrap().array;
        assert_eq!((array.head_dim, array.query_lanes, point.mhz, point.element_once), (8, 1, 500.0, true));
        assert!(!plan.cases[0].points[0].element_once);
    }

    #[test]
    fn what_is_wrong_is_said_with_the_design() {
        assert_eq!(super::tests::plan(STUDY, false).unwrap().cases.len(), 2);
        let fails = |from: &str, to: &str, said: &[&str]| {
            let error = format!("{:#}", plan(&STUDY.replace(from, to), true).err().unwrap());
            assert!(said.iter().all(|s| error.contains(s)), "{error}");
        };
        let set = "config = \"fa2_bf16_d64\"\nset = { kernel.normalize = \"sideways\" }";
        let said = ["design \"fa2\"", "kernel.normalize = \"sideways\": must be"];
        fails("config = \"fa2_bf16_d64\"", set, &said);
        fails("fa2_bf16_d64", "fa3", &["design \"fa2\"", "no built-in design of that name"]);
        fails("\"lane\"", "\"pond\"", &["--scope pond", "has no such module"]);
        fails("nangate45", "copper", &["--platform", "copper"]);
    }
}
