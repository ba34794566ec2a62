//! Delay models fitted to what synthesis makes of operations.
//!
//! ```text
//!  operations between registers ──► netlists ──► OpenSTA ──► one curve per kind of operation
//!  pipelines of several operations ─────────────────────────► how much faster operations are in a chain
//! ```
//!
//! A netlist is sized to a tenth more than the shortest delay that synthesis reaches, because area counts; that is
//! what a delay means in a model. Operations in a chain are faster than one by one: synthesis restructures across
//! them, and their late bits meet. So the curves are scaled by one factor, with which the longest stages of pipelined
//! operators come out right. Sums keep their delay, because they are chains already, and so do comparisons and
//! selections: all bits wait for one.

pub mod cases;
pub mod curve;
pub mod section;

pub use cases::Case;

use crate::error::FlowError;
use crate::opensta::Path;
use crate::synthesis::{Flow, Job};
use hdl::verilog::{self, Header, identifier};
use hdl::{Curve, DelayModel, Design, OpKind, Operation};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Kinds whose curves are not scaled.
pub const UNSCALED: [OpKind; 9] = {
    use OpKind::*;
    [Sum, Lt, LtConst, Eq, EqConst, Mux, MuxConst, Read, Fanout]
};
/// Additions of sixteen bits that pipelines to be measured have between two registers, as at 500 MHz on nangate45.
const DEPTH: f64 = 5.4;
/// Delays are no shorter than this, ps: a flip-flop has its complement for nothing.
const SHORTEST: f64 = 1.0;
/// Period that is only there to be given, ns: nothing is made for it.
const ANY_PERIOD_NS: f64 = 1000.0;

/// An operation with its delay.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// The operation.
    pub operation: Operation,
    /// Its delay, ps; of a signal that reaches all copies of an array, how much later than it reaches one.
    pub delay_ps: f64,
}

/// A pipeline with its longest path between registers.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// The hardware.
    pub design: Design,
    /// The path, ps.
    pub delay_ps: f64,
}

/// A model with what it was fitted to.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The model.
    pub model: DelayModel,
    /// Each operation with the relative error of its curve, before any scaling.
    pub samples: Vec<(Sample, f64)>,
    /// The factor of operations in a chain.
    pub chain: f64,
    /// The pipelines that it was scaled to.
    pub pipelines: Vec<Pipeline>,
}

/// What makes the netlists of a platform, and where they are kept.
pub struct Measure<'a> {
    /// The tools and the cells.
    pub flow: &'a Flow<'a>,
    /// Folder for everything that is written.
    pub folder: PathBuf,
}

impl Measure<'_> {
    /// The model of operations alone: every case measured, and a curve for each kind.
    ///
    /// # Errors
    /// A tool failed.
    pub fn operations(&self, cases: &[Case]) -> Result<Fit, FlowError> {
        let register = self.path("register", &cases::register())?;
        let clk_to_q = register.delay_ps - register.setup_ps;
        let paths = side_by_side(cases, |case| self.path(&case.name(), &case.design))?;
        let delays = paths.iter().map(|path| path.delay_ps - path.setup_ps - clk_to_q);
        let samples = cases.iter().zip(delays);
        let samples: Vec<Sample> =
            samples.map(|(case, delay_ps)| Sample { operation: case.operation, delay_ps }).collect();
        Ok(Fit::of_operations(clk_to_q, register.setup_ps, &relative_to_one_copy(&samples)))
    }

    /// The longest paths of designs that are pipelined, or have registers otherwise.
    ///
    /// # Errors
    /// A tool failed.
    pub fn pipelines(&self, designs: Vec<(String, Design)>) -> Result<Vec<Pipeline>, FlowError> {
        let paths = side_by_side(&designs, |(name, design)| self.path(name, design))?;
        let all = designs.into_iter().zip(paths);
        Ok(all.map(|((name, design), path)| Pipeline { name, design, delay_ps: path.delay_ps }).collect())
    }

    fn path(&self, name: &str, design: &Design) -> Result<Path, FlowError> {
        let files = verilog::write(design, &Header::default()).into_iter();
        let job = Job {
            design: name.into(),
            top: identifier(&design.top().name),
            files: files.filter(|f| f.name.ends_with(".v")).map(|f| (f.name, f.text)).collect(),
            memories: vec![],
            note: None,
            sdc: format!("create_clock -name clk -period {ANY_PERIOD_NS} [get_ports clk]\n"),
            period_ps: 1e3 * ANY_PERIOD_NS,
            once: vec![],
            quick: true,
            fmax: false,
            folder: self.folder.join(name),
        };
        let timing = self.flow.relaxed(&job)?;
        let path = timing.register_to_register().cloned();
        path.ok_or_else(|| FlowError::new(format!("{name}: has no path between registers")))
    }
}

impl Fit {
    /// Fits a curve to each kind of operation.
    pub fn of_operations(clk_to_q: f64, setup: f64, samples: &[Sample]) -> Fit {
        let mut kinds: BTreeMap<OpKind, Vec<Sample>> = BTreeMap::new();
        samples.iter().for_each(|s| kinds.entry(s.operation.kind).or_default().push(*s));
        let ops: BTreeMap<OpKind, Curve> = kinds
            .into_iter()
            .map(|(kind, samples)| (kind, curve::fit(&samples, kind != OpKind::Fanout)))
            .collect();
        let error =
            |s: &Sample| ops[&s.operation.kind].delay(s.operation.n, s.operation.m) / s.delay_ps - 1.0;
        let samples = samples.iter().map(|s| (*s, error(s))).collect();
        Fit { model: DelayModel { clk_to_q, setup, ops }, samples, chain: 1.0, pipelines: vec![] }
    }

    /// The period for which pipelines are made whose stages are as long as those of real designs, ps.
    pub fn typical_period(&self) -> f64 {
        let add = Operation { kind: OpKind::Add, n: 17, m: 1 };
        self.model.clk_to_q + DEPTH * self.model.delay(add) + self.model.setup
    }

    /// The model with its curves scaled so that the middle one of these pipelines is predicted as it was measured.
    pub fn chained(self, pipelines: Vec<Pipeline>) -> Fit {
        let factors = (40..=140).map(|percent| f64::from(percent) / 100.0);
        let far = |factor: &f64| median(&errors(&scaled(&self.model, *factor), &pipelines)).abs();
        let chain = factors.min_by(|a, b| far(a).total_cmp(&far(b))).expect("there are factors");
        Fit { model: scaled(&self.model, chain), chain, pipelines, ..self }
    }

    /// Relative errors of the curves before any scaling, in the order of the samples.
    pub fn curve_errors(&self) -> Vec<f64> {
        self.samples.iter().map(|(_, error)| *error).collect()
    }

    /// Relative errors of the model, in the order of the pipelines.
    pub fn pipeline_errors(&self) -> Vec<f64> {
        errors(&self.model, &self.pipelines)
    }
}

/// A model with the curves of operations in a chain.
fn scaled(model: &DelayModel, factor: f64) -> DelayModel {
    let mut model = model.clone();
    for (_, curve) in model.ops.iter_mut().filter(|(kind, _)| !UNSCALED.contains(kind)) {
        let Curve { base, log_n, lin_n, log_m } = *curve;
        *curve = Curve {
            base: factor * base,
            log_n: factor * log_n,
            lin_n: factor * lin_n,
            log_m: factor * log_m,
        };
    }
    model
}

/// Relative errors of a model's predictions; a pipeline has at least two registers that follow each other.
pub fn errors(model: &DelayModel, pipelines: &[Pipeline]) -> Vec<f64> {
    let error = |p: &Pipeline| Some(p.design.longest_stage(model)?.delay_ps / p.delay_ps - 1.0);
    pipelines.iter().filter_map(error).collect()
}

/// The middle one of some numbers; NaN of none.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// Delays to the copies of arrays, less that to a single one.
fn relative_to_one_copy(samples: &[Sample]) -> Vec<Sample> {
    let is_array = |s: &&Sample| s.operation.kind == OpKind::Fanout;
    let one = samples.iter().filter(is_array).find(|s| s.operation.n == 1).map_or(0.0, |s| s.delay_ps);
    let others = samples.iter().filter(|s| !is_array(s) || s.operation.n > 1);
    let less = |s: &Sample| {
        let delay_ps = s.delay_ps - if is_array(&s) { one } else { 0.0 };
        Sample { delay_ps: delay_ps.max(SHORTEST), ..*s }
    };
    others.map(less).collect()
}

/// The results of `work` on all items; the flow sees to it that not too many tools run at a time.
fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, FlowError> + Sync,
) -> Result<Vec<R>, FlowError> {
    std::thread::scope(|scope| {
        let runs: Vec<_> = items.iter().map(|item| scope.spawn(|| work(item))).collect();
        runs.into_iter().map(|run| run.join().expect("measuring does not panic")).collect()
    })
}
