//! What came back: everything that a report shows, to be kept as JSON and shown again without the tools.

use super::errors::DesignErrors;
use super::study::Published;
use serde::{Deserialize, Serialize};

/// The results of a study.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Results {
    /// Version of this program.
    pub tool: String,
    /// When it was run.
    pub date: String,
    /// The command.
    pub command: String,
    /// Name of the study.
    pub study: String,
    /// What it is about.
    pub description: String,
    /// Labels of the baselines, the most important first.
    pub baselines: Vec<String>,
    /// The label that published figures are relative to.
    pub published_baseline: String,
    /// Where it was run.
    pub platform: PlatformFacts,
    /// The designs, in order.
    pub designs: Vec<DesignFacts>,
    /// The cases, in order.
    pub cases: Vec<CaseResults>,
    /// Errors of each design in each format.
    pub errors: Vec<DesignErrors>,
}

/// Cells and tools.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug, Default)]
pub struct PlatformFacts {
    /// Name of the platform.
    pub name: String,
    /// Library and corner.
    pub library: String,
    /// The tools with their versions.
    pub tools: Vec<String>,
    /// What the reader should know about the tools.
    pub note: Option<String>,
    /// Liberty files, each with its SHA-256.
    pub liberty: Vec<(String, String)>,
}

/// A design of the study.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct DesignFacts {
    /// What it is called.
    pub label: String,
    /// Its configuration.
    pub config: String,
    /// What was changed about it, as `--set` takes it.
    pub set: Vec<String>,
    /// Its kernel, or its operator.
    pub kernel: String,
    /// What was published about it.
    pub published: Option<Published>,
}

/// All designs side by side.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct CaseResults {
    /// In words.
    pub title: String,
    /// The part of the designs.
    pub scope: String,
    /// How slots were chosen, in words.
    pub interleave: String,
    /// Elements of a row, where all have the same.
    pub head_dim: Option<u32>,
    /// Format of q, k and v, where all have the same.
    pub input: Option<String>,
    /// A point for each design, in order.
    pub points: Vec<PointResults>,
}

/// A design in a case.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct PointResults {
    /// Label of the design.
    pub label: String,
    /// Hash of everything its hardware depends on.
    pub config_hash: String,
    /// Format of q, k and v.
    pub input: String,
    /// Slots of a lane.
    pub interleave: u32,
    /// Cycles through a lane.
    pub latency: u32,
    /// The figures, or why there are none.
    pub outcome: Outcome,
}

/// What came of a design.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was measured.
    Measured(Box<Figures>),
    /// A tool failed, or the netlist does something else than the design.
    Failed(String),
}

/// The figures of a netlist.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug, Default)]
pub struct Figures {
    /// The module that was synthesised.
    pub module: String,
    /// Clock, MHz.
    pub mhz: f64,
    /// Every path meets it.
    pub met: bool,
    /// Slack, ps.
    pub slack_ps: f64,
    /// Highest frequency of the netlist, MHz.
    pub fmax_mhz: f64,
    /// Highest frequency of the fastest netlist, if it was looked for, MHz.
    pub searched_fmax_mhz: Option<f64>,
    /// Area of the cells, µm².
    pub area_um2: f64,
    /// The same in areas of a NAND of two inputs.
    pub nand2: f64,
    /// Cells.
    pub cells: u64,
    /// Cells that hold a bit.
    pub flops: u64,
    /// Flip-flops behind clock gates.
    pub gated_flops: u64,
    /// The netlist is one flat module.
    pub flattened: bool,
    /// Recipe of the netlist.
    pub recipe: String,
    /// Wall-clock time of the tools, s.
    pub seconds: f64,
    /// Where the area is, mapped module by module.
    pub parts: Vec<PartArea>,
    /// Power on the workload.
    pub power: PowerFigures,
}

/// Area of a part of a design.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct PartArea {
    /// What it is for.
    pub part: String,
    /// Area of what holds no bit, µm².
    pub logic_um2: f64,
    /// Area of what holds a bit, µm².
    pub register_um2: f64,
}

/// Power of a netlist on its workload.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug, Default)]
pub struct PowerFigures {
    /// The sum, mW.
    pub total_mw: f64,
    /// Energy of a piece of work, pJ.
    pub energy_pj: f64,
    /// A piece of work.
    pub unit_of_work: String,
    /// Clock nets and pins, mW.
    pub clock_mw: f64,
    /// Flip-flops and what they drive, mW.
    pub registers_mw: f64,
    /// All other cells, mW.
    pub combinational_mw: f64,
    /// Leakage, mW.
    pub leakage_mw: f64,
    /// Transitions per net and cycle.
    pub toggle_rate: f64,
    /// The netlist agreed with the design bit for bit.
    pub bit_exact: bool,
    /// Recordings that it was run on.
    pub recordings: u64,
    /// Cycles of all of them.
    pub cycles: u64,
    /// Where they come from.
    pub workload: String,
}

impl PartArea {
    /// Its area, µm².
    pub fn um2(&self) -> f64 {
        self.logic_um2 + self.register_um2
    }
}

impl PointResults {
    /// The figures, where there are any.
    pub fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Measured(figures) => Some(figures),
            Outcome::Failed(_) => None,
        }
    }

    /// The figures, if they may be compared with others: the clock is met and the netlist bit-exact.
    pub fn comparable(&self) -> Option<&Figures> {
        self.figures().filter(|f| f.met && f.power.bit_exact)
    }

    /// Why it is not to be compared.
    pub fn reservation(&self) -> Option<&'static str> {
        match self.figures() {
            None => Some("failed"),
            Some(figures) if !figures.power.bit_exact => Some("not bit-exact"),
            Some(figures) => (!figures.met).then_some("misses the clock"),
        }
    }
}

impl CaseResults {
    /// The point of a design.
    pub fn point(&self, label: &str) -> Option<&PointResults> {
        self.points.iter().find(|point| point.label == label)
    }

    /// Designs that are not to be compared, with the reason.
    pub fn reservations(&self) -> Vec<String> {
        let said = self.points.iter().filter_map(|point| {
            let why = match &point.outcome {
                Outcome::Failed(why) => format!("failed: {why}"),
                Outcome::Measured(f) if !f.met => format!("misses the clock by {:.0} ps", -f.slack_ps),
                Outcome::Measured(_) => point.reservation()?.to_string(),
            };
            Some(format!("{} {why}", point.label))
        });
        said.collect()
    }

    /// By how much a figure of a point is above that of a baseline, as a fraction; none if either may not be compared.
    pub fn change(&self, point: &PointResults, baseline: &str, figure: fn(&Figures) -> f64) -> Option<f64> {
        change(figure(point.comparable()?), figure(self.point(baseline)?.comparable()?))
    }
}

/// By how much a value is above a base, as a fraction of it.
pub fn change(value: f64, base: f64) -> Option<f64> {
    (base != 0.0).then(|| value / base - 1.0).filter(|c| c.is_finite())
}

impl Results {
    /// A design.
    pub fn design(&self, label: &str) -> Option<&DesignFacts> {
        self.designs.iter().find(|design| design.label == label)
    }

    /// The main baseline.
    pub fn baseline(&self) -> &str {
        self.baselines.first().map_or("", String::as_str)
    }

    /// The errors of the design of a point.
    pub fn errors_of(&self, point: &PointResults) -> Option<&DesignErrors> {
        self.errors.iter().find(|e| e.label == point.label && e.input == point.input)
    }

    /// The error that is shown beside area and power, as a fraction.
    pub fn headline_error(&self, point: &PointResults) -> Option<f64> {
        self.errors_of(point)?.headline().map(|group| group.relative_l2)
    }

    /// Published figures of a design, if they are relative to the main baseline.
    pub fn published(&self, label: &str) -> Option<&Published> {
        let design = self.design(label)?;
        design.published.as_ref().filter(|_| self.published_baseline == self.baseline())
    }

    /// Points that are not to be compared, with the reason.
    pub fn reservations(&self) -> Vec<String> {
        let of_case = |case: &CaseResults| -> Vec<String> {
            let said = case.reservations().into_iter();
            said.map(|said| format!("{}: {said}", case.title)).collect()
        };
        self.cases.iter().flat_map(of_case).collect()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::compare::errors::GroupError;

    /// A point with figures that are in proportion to `size`.
    fn point(label: &str, size: f64, met: bool) -> PointResults {
        let power = PowerFigures {
            total_mw: 10.0 * size,
            energy_pj: 20.0 * size,
            unit_of_work: "query-key pair".into(),
            clock_mw: 4.0 * size,
            registers_mw: size,
            combinational_mw: 4.5 * size,
            leakage_mw: 0.5 * size,
            toggle_rate: 0.25,
            bit_exact: true,
            recordings: 44,
            cycles: 68_500,
            workload: "normal, sigma 1, seed 1, 256 keys".into(),
        };
        let part = |part: &str, share: f64| PartArea {
            part: part.into(),
            logic_um2: 1e4 * size * share * 0.7,
            register_um2: 1e4 * size * share * 0.3,
        };
        let figures = Figures {
            module: format!("{label}_lane"),
            mhz: 500.0,
            met,
            slack_ps: if met { 12.0 } else { -80.0 },
            fmax_mhz: 505.0,
            area_um2: 1e4 * size,
            nand2: 1.25e4 * size,
            cells: 5000,
            flops: 800,
            flattened: true,
            recipe: "balanced".into(),
            seconds: 61.5,
            parts: vec![part("dot product", 0.3), part("elements", 0.5), part("storage and pipeline", 0.2)],
            power,
            ..Figures::default()
        };
        PointResults {
            label: label.into(),
            config_hash: "0123456789abcdef".repeat(4),
            input: "bf16".into(),
            interleave: 3,
            latency: 15,
            outcome: Outcome::Measured(Box::new(figures)),
        }
    }

    /// Four designs in two cases: a baseline, one with published figures, one that misses the clock, one that failed.
    pub fn example() -> Results {
        let failed = PointResults {
            outcome: Outcome::Failed("Yosys <said> \"no\" & left".into()),
            ..point("broken", 1.0, true)
        };
        let case = |head_dim: u32, factor: f64| CaseResults {
            title: format!("lane, d = {head_dim}, bf16, own interleave"),
            scope: "lane".into(),
            interleave: "own interleave".into(),
            head_dim: Some(head_dim),
            input: Some("bf16".into()),
            points: vec![
                point("fa2", factor, true),
                point("expmul", 0.75 * factor, true),
                point("late", 0.5 * factor, false),
                failed.clone(),
            ],
        };
        let design = |label: &str| DesignFacts {
            label: label.into(),
            config: format!("{label}_bf16_d64"),
            set: vec!["array.query_lanes=1".into()],
            kernel: "fa2".into(),
            published: (label == "expmul").then(|| Published {
                area: -0.288,
                power: -0.176,
                source: "arXiv 2505.14314, 28 nm".into(),
            }),
        };
        let errors = |label: &str, relative_l2: f64| DesignErrors {
            label: label.into(),
            input: "bf16".into(),
            groups: vec![GroupError { group: "data".into(), keys: 256, relative_l2, max_abs: 0.01 }],
        };
        Results {
            tool: "flashrtl 0.1.0".into(),
            date: "2026-01-02T03:04:05Z".into(),
            command: "flashrtl compare papers".into(),
            study: "papers".into(),
            description: "Kernels <side by side>".into(),
            baselines: vec!["fa2".into()],
            published_baseline: "fa2".into(),
            platform: PlatformFacts {
                name: "nangate45".into(),
                library: "Nangate 45 nm".into(),
                tools: vec!["pyosys 0.70".into()],
                note: None,
                liberty: vec![("nangate45.lib".into(), "00ff".into())],
            },
            designs: ["fa2", "expmul", "late", "broken"].map(design).into(),
            cases: vec![case(16, 1.0), case(64, 4.0)],
            errors: vec![errors("fa2", 0.051), errors("expmul", 0.109), errors("late", 0.004)],
        }
    }

    #[test]
    fn changes_are_relative_to_the_baseline_and_only_of_what_may_be_compared() {
        let results = example();
        let case = &results.cases[1];
        let area = |label: &str| case.change(case.point(label).unwrap(), "fa2", |f| f.area_um2);
        assert_eq!((area("fa2"), area("expmul")), (Some(0.0), Some(-0.25)));
        assert_eq!(
            (area("late"), area("broken")),
            (None, None),
            "a design that misses its clock is not compared"
        );
        let expmul = case.point("expmul").unwrap();
        assert_eq!(case.change(expmul, "late", |f| f.area_um2), None, "nor is anything compared with it");
        assert_eq!(case.change(expmul, "nobody", |f| f.area_um2), None);
        assert_eq!(case.change(expmul, "fa2", |f| f.power.leakage_mw), Some(-0.25));
        assert_eq!(change(1.0, 0.0), None);
    }

    #[test]
    fn a_netlist_that_was_not_held_against_the_design_is_not_compared() {
        let mut results = example();
        let Outcome::Measured(figures) = &mut results.cases[0].points[1].outcome else { panic!() };
        figures.power.bit_exact = false;
        let case = &results.cases[0];
        assert_eq!(case.points[1].reservation(), Some("not bit-exact"));
        assert_eq!(case.change(&case.points[1], "fa2", |f| f.area_um2), None);
    }

    #[test]
    fn what_is_not_compared_is_listed() {
        let said = example().reservations();
        assert_eq!(said.len(), 4);
        assert_eq!(said[0], "lane, d = 16, bf16, own interleave: late misses the clock by 80 ps");
        assert!(said[1].starts_with("lane, d = 16") && said[1].contains("broken failed: Yosys"), "{said:?}");
    }

    #[test]
    fn published_figures_belong_to_their_baseline() {
        let mut results = example();
        assert_eq!(results.published("expmul").unwrap().area, -0.288);
        assert!(results.published("fa2").is_none());
        results.baselines = vec!["late".into()];
        assert!(results.published("expmul").is_none());
    }

    #[test]
    fn results_survive_json() {
        let results = example();
        let text = serde_json::to_string(&results).unwrap();
        assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
    }
}
