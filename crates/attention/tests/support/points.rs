//! The engines that are tested: points of kernel × head_dim × lanes × timing × input format.

use super::Choice;
use super::{FA2, engine, expmul, timing};
use attention::EngineSpec;
use attention::config::ResultForm;
use attention::kernel::{Quantize, ScoreSkip};
use hdl::{Design, Reset, ResetKind, Timing};
use numerics::catalog::{BF16, E4M3};
use numerics::lse::Accumulator;
use numerics::{Base2Spec, BlendForm, Fixed, LseSpec, Number, SigmoidForm};

pub const KERNELS: [(&str, Choice); 9] = [
    ("fa2", FA2),
    ("fa2-expmul each", expmul(Quantize::Each, 0)),
    ("fa2-expmul score-first", expmul(Quantize::ScoreFirst, 0)),
    ("fa2-expmul score-first f2", expmul(Quantize::ScoreFirst, 2)),
    ("flash-d-lse mid", Choice::Lse(6, 0)),
    ("flash-d-lse shift3, skip 13", Choice::Lse(2, 13)),
    ("flash-d", FLASH_D),
    (
        "flash-d direct-8, two-product, score-delta",
        Choice::FlashD(SigmoidForm::Direct8, BlendForm::TwoProduct, ScoreSkip::ScoreDelta),
    ),
    ("fa2-base2", Choice::Base2(Base2Spec::DEFAULT)),
];
const FLASH_D: Choice =
    Choice::FlashD(SigmoidForm::RangeReduced(LseSpec::FINE), BlendForm::Difference, ScoreSkip::None);
pub const HEAD_DIMS: [u32; 4] = [4, 16, 33, 64];
pub const LANES: [u32; 2] = [1, 3];
/// bf16, e4m3, q8.8
pub const INPUTS: [Number; 3] = [
    Number::Float(BF16),
    Number::Float(E4M3),
    Number::Fixed(Fixed { int_bits: 8, frac_bits: 8, signed: true }),
];
/// Representation of o (of kernels that allow a fixed-point one, else bf16), keys of a block, and what a query gives.
pub const ACCUMULATORS: [(&str, Option<u32>, ResultForm); 4] = [
    ("bf16", None, ResultForm::Row),
    ("fixed16", Some(4), ResultForm::Row),
    ("m12", Some(3), ResultForm::State),
    ("fixed18-floor", None, ResultForm::Row),
];
/// Slots of a lane in a pipelined engine.
const SLOTS: u32 = 4;

/// One engine, as positions in the lists above; `timed` is pipelined with four slots, else untimed with one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Point {
    pub kernel: usize,
    pub dim: usize,
    pub lanes: usize,
    pub timed: bool,
    pub input: usize,
}

/// Four points of each kernel in which every two values of two different properties meet.
pub fn pairwise() -> Vec<Point> {
    let point = |kernel: usize, dim: usize| Point {
        kernel,
        dim,
        lanes: (kernel ^ dim) & 1,
        timed: (kernel >> 1 ^ dim >> 1) & 1 == 1,
        input: (kernel + dim) % INPUTS.len(),
    };
    (0..KERNELS.len()).flat_map(|k| (0..HEAD_DIMS.len()).map(move |d| point(k, d))).collect()
}

/// All points.
pub fn product() -> Vec<Point> {
    let point = |n: usize| Point {
        dim: n & 3,
        lanes: n >> 2 & 1,
        timed: n >> 3 & 1 == 1,
        input: (n >> 4) % INPUTS.len(),
        kernel: (n >> 4) / INPUTS.len(),
    };
    (0..16 * INPUTS.len() * KERNELS.len()).map(point).collect()
}

impl Point {
    pub fn name(&self) -> String {
        let (kernel, d, p) = (KERNELS[self.kernel].0, HEAD_DIMS[self.dim], LANES[self.lanes]);
        let timing = if self.timed { "pipelined" } else { "untimed" };
        let (o, block, _) = ACCUMULATORS[self.accumulator()];
        format!("{kernel}, d = {d}, P = {p}, {timing}, {}, o {o}, blocks of {block:?}", INPUTS[self.input])
    }

    /// All of them occur among the points of a kernel, and with every value of the other properties.
    pub fn accumulator(&self) -> usize {
        (self.dim ^ self.kernel >> 1) % ACCUMULATORS.len()
    }

    /// Half of the engines have a run-time scale.
    pub fn has_scale(&self) -> bool {
        (self.kernel ^ self.kernel >> 1 ^ self.dim ^ self.dim >> 1) & 1 == 1
    }

    /// A third of the engines may begin with states, among them some of every kernel and of every accumulator.
    pub fn has_states(&self) -> bool {
        (self.kernel + 2 * self.dim).is_multiple_of(3)
    }

    /// All reset styles occur among the points of a kernel.
    fn reset(&self) -> Reset {
        let n = self.kernel + self.dim;
        Reset { kind: [ResetKind::Sync, ResetKind::Async][n & 1], active_low: n & 2 == 0 }
    }

    pub fn spec(&self) -> EngineSpec {
        let slots = if self.timed { SLOTS } else { 1 };
        let options = &KERNELS[self.kernel].1;
        let (d, p) = (HEAD_DIMS[self.dim], LANES[self.lanes]);
        let mut spec = engine(options, INPUTS[self.input], d, p, slots);
        let (name, key_block, result) = ACCUMULATORS[self.accumulator()];
        let accumulator = Accumulator::parse(name).unwrap();
        if matches!(accumulator, Accumulator::Float(_)) || spec.kernel.allows_fixed() {
            spec.accumulator = accumulator;
        }
        (spec.key_block, spec.result) = (key_block, result);
        if spec.value.float().is_none() && self.dim & 1 == 0 {
            spec.output = spec.value;
        }
        // Rows are divided and converted one by one, all at once, and some at a time.
        spec.kernel = options.build(self.dim & 1 == 0);
        spec.result_elements = [1, d, d.div_ceil(4).max(1)][(self.kernel + self.dim) % 3];
        if !d.is_multiple_of(spec.result_elements) {
            spec.result_elements = 1;
        }
        spec.initial = self.has_states();
        if self.has_scale() {
            spec.dot = spec.dot.with_scale(spec.score());
        }
        spec
    }

    /// The engine, and its clock if it is pipelined: the fastest that its slots allow.
    pub fn design(&self, spec: &EngineSpec) -> (Design, Option<Timing>) {
        let untimed = || spec.elaborate(None, self.reset()).unwrap();
        if !self.timed {
            return (untimed(), None);
        }
        let clocks = (4..=40).rev().map(|step| timing(25.0 * f64::from(step)));
        let fits = |t: Timing| Some((spec.elaborate(Some(t.clone()), self.reset()).ok()?, Some(t)));
        clocks
            .filter_map(fits)
            .next()
            .unwrap_or_else(|| panic!("{}: no clock fits {SLOTS} slots", self.name()))
    }
}
