//! The query engine, interface `bare`: P lanes × `interleave` slots meet one key row after the other.
//!
//! ```text
//! q  ──► q_loader ── write strobes ─► lane 0 … P-1: q banks, dot, kernel, result rows ──┐
//! kv ──► sequencer ─ step, slot ────►   (k, v and the step are broadcast)               ├─► drain ──► o
//!            └ row registers k, v, mask                                                 ┘
//! ```
//! Query n of a block is slot n / P of lane n mod P. A key row is held for `interleave` cycles while every lane serves
//! its slots in turn. The next block's queries load into the other bank meanwhile, and results drain meanwhile; the
//! last row of a block waits until the previous block's results have left.

mod drain;
mod q_loader;
mod sequencer;

use crate::config::{EngineConfig, Interleave, ScaleInput};
use crate::kernel::Kernel;
use crate::lane;
use arith::FpConvert;
use arith::float::float_type;
use hdl::{Design, ModuleBuilder, ModuleId, Reset, Signal, Timing, Type, each, index_width};
use numerics::{DotSpec, Format, Policy};
use std::sync::Arc;

/// Everything that decides the engine's hardware, and its functional model.
#[derive(Clone)]
pub struct EngineSpec {
    /// Name of the top module.
    pub name: String,
    /// The attention kernel.
    pub kernel: Arc<dyn Kernel>,
    /// Elements of a row, 1 to 256.
    pub head_dim: u32,
    /// Query lanes P.
    pub lanes: u32,
    /// Slots per lane.
    pub interleave: u32,
    /// The dot product q·k: formats of q and k and of the score, window, run-time scale if there is one.
    pub dot: DotSpec,
    /// Format of v.
    pub value: Format,
    /// Format of o and ℓ.
    pub accumulator: Format,
    /// Format of the result rows.
    pub output: Format,
    /// Rounding and edges.
    pub policy: Policy,
}

impl EngineSpec {
    /// The engine of a configuration; `interleave = "auto"` reads as 1 until [`EngineSpec::elaborate_auto`].
    pub fn new(name: &str, config: &EngineConfig, policy: Policy) -> EngineSpec {
        let format = &config.format;
        let scale = (config.kernel.scale == ScaleInput::Port).then_some(format.score);
        let dot =
            DotSpec { operand: format.input, result: format.score, align_bits: format.align_bits, scale };
        let interleave = match config.array.interleave {
            Interleave::Auto => 1,
            Interleave::Fixed(slots) => slots,
        };
        EngineSpec {
            name: name.into(),
            kernel: config.kernel.kernel.clone(),
            head_dim: config.array.head_dim,
            lanes: config.array.query_lanes,
            interleave,
            dot,
            value: format.input,
            accumulator: format.accumulator,
            output: format.output,
            policy,
        }
    }

    /// Queries resident together, P × interleave.
    pub fn block(&self) -> u32 {
        self.lanes * self.interleave
    }

    /// Format of the scores.
    pub fn score(&self) -> Format {
        self.dot.result
    }

    /// Type of a slot number.
    pub fn slot_type(&self) -> Type {
        Type::unsigned(index_width(self.interleave))
    }

    /// The engine as a design.
    ///
    /// # Errors
    /// When an operation does not fit the clock, or a recurrence the interleave.
    pub fn elaborate(&self, timing: Option<Timing>, reset: Reset) -> Result<Design, hdl::Error> {
        let doc = format!(
            "{} query engine: {} lanes x {} slots, head_dim {}",
            self.kernel.name(),
            self.lanes,
            self.interleave,
            self.head_dim
        );
        hdl::elaborate(&self.name, &doc, timing, reset, |b| self.build(b))
    }

    /// The engine with the smallest interleave that meets the clock.
    ///
    /// # Errors
    /// When an operation does not fit the clock at all.
    pub fn elaborate_auto(
        &self,
        timing: Option<Timing>,
        reset: Reset,
    ) -> Result<(EngineSpec, Design), hdl::Error> {
        let mut spec = EngineSpec { interleave: 1, ..self.clone() };
        loop {
            match spec.elaborate(timing.clone(), reset) {
                Ok(design) => return Ok((spec, design)),
                Err(e) => spec.interleave = e.needs_interleave().ok_or(e)?.max(spec.interleave + 1),
            }
        }
    }

    fn build(&self, b: &ModuleBuilder) {
        b.explicit();
        let (d, block) = (self.head_dim, self.block());
        let row = float_type(self.dot.operand).times(d);
        let bit = Type::unsigned(1);
        let [q_valid, q_active, q_last] = ["q_valid", "q_active", "q_last"].map(|n| b.input(n, bit));
        let q_data = b.input("q_data", row);
        let kv_valid = b.input("kv_valid", bit);
        let k_data = b.input("k_data", row);
        let v_data = b.input("v_data", float_type(self.value).times(d));
        let kv_mask = b.input("kv_mask", Type::unsigned(1).times(block));
        let kv_last = b.input("kv_last", bit);
        let o_ready = b.input("o_ready", bit);
        let scale = self.dot.scale.map(|format| b.stable(b.input("scale", float_type(format))));

        let release = b.wire("bank_release", bit);
        let loader = q_loader::call(b, self, q_valid, q_active, q_last, release);
        let drain_busy = b.wire("results_pending", bit);
        let step = sequencer::call(b, self, kv_valid, kv_last, loader.full, drain_busy);
        b.drive(release, step.release);

        let k = b.register("row_k", row).enable(step.accept);
        k.set(k_data);
        let convert = FpConvert { from: self.value, to: self.accumulator, policy: self.policy };
        let v_wide = convert.call(b, "v_convert", v_data);
        let v = b.register("row_v", v_wide.ty()).enable(step.accept);
        v.set(v_wide);
        let active = loader.active_of(step.next_bank);
        let met = kv_mask & active;
        let meets = self.met_queries(b, met, &step);

        let lane = lane::define(b, self);
        let v_late = self.hold(b, lane, v.q, step.row_start);
        let o_slot = b.wire("o_slot", self.slot_type());
        let mut inputs = vec![
            ("q_write", each(loader.write)),
            ("q_slot", loader.slot.into()),
            ("q_bank", loader.bank.into()),
            ("q_row", q_data.into()),
            ("step_valid", step.valid.into()),
            ("step_slot", step.slot.into()),
            ("step_bank", step.bank.into()),
            ("step_first", step.first.into()),
            ("step_last", step.last.into()),
            ("step_meets", each(meets)),
            ("k", k.q.into()),
            ("v", v_late.into()),
            ("o_slot", o_slot.into()),
        ];
        inputs.extend(scale.map(|s| ("scale", s.into())));
        let lanes = b.instantiate("lane", self.lanes, lane, &inputs);
        let (rows, empties) = (lanes[0], lanes[1]);
        let (result_valid, result_slot) = (lanes[2].element(0), lanes[3].element(0));

        let drain = drain::call(b, self, step.block_end, active, result_valid, result_slot, o_ready);
        b.drive(drain_busy, drain.busy);
        b.drive(o_slot, drain.slot);
        let o_data = b.register("o_data", float_type(self.output).times(d)).enable(drain.load);
        o_data.set(pick(rows, self.lanes, drain.lane));
        let o_empty = b.register("o_empty", bit).enable(drain.load);
        o_empty.set(pick(empties, self.lanes, drain.lane));

        b.output("q_ready", loader.ready);
        b.output("kv_ready", step.ready);
        b.output("o_valid", drain.valid);
        b.output_when("o_data", o_data.q, "o_valid");
        b.output_when("o_empty", o_empty.q, "o_valid");
        b.output_when("o_last", drain.last, "o_valid");
    }

    /// Per lane, whether the current step's query meets the row: the mask, moved on by P queries a step.
    fn met_queries<'b>(
        &self,
        b: &'b ModuleBuilder,
        met: Signal<'b>,
        step: &sequencer::Step<'b>,
    ) -> Signal<'b> {
        let (lanes, block) = (self.lanes, self.block());
        let mask = b.register("row_mask", met.ty()).enable(step.accept | step.valid);
        let shifted = if self.interleave == 1 {
            b.zero(met.ty())
        } else {
            b.bundle(&[mask.q.elements(lanes, block - lanes), b.zero(Type::unsigned(1).times(lanes))])
        };
        mask.set(step.accept.mux(met, shifted));
        mask.q.elements(0, lanes)
    }

    /// The value row as late as the lanes want it: a row stays `interleave` cycles, so one register per `interleave`
    /// cycles of delay is enough, each loaded when the row's first step passes it.
    fn hold<'b>(
        &self,
        b: &'b ModuleBuilder,
        lane: ModuleId,
        v: Signal<'b>,
        row_start: Signal<'b>,
    ) -> Signal<'b> {
        let delay = b.defined(lane).port("v").expect("a lane takes values").1.cycle;
        let mut v = v;
        let mut start = row_start;
        let mut loaded = 0;
        for cycle in 0..delay {
            if cycle > 0 {
                let passed = b.register(&format!("row_start_{cycle}"), start.ty()).reset(0);
                passed.set(start);
                start = passed.q;
            }
            if cycle + 1 == delay.min(loaded + self.interleave) {
                let held = b.register(&format!("row_v_{}", cycle + 1), v.ty()).enable(start);
                held.set(v);
                v = held.q;
                loaded = cycle + 1;
            }
        }
        v
    }
}

/// Part `index` of `parts` equal parts of a bundle.
pub(crate) fn pick<'b>(bundle: Signal<'b>, parts: u32, index: Signal<'b>) -> Signal<'b> {
    let count = bundle.ty().count / parts;
    let mut level: Vec<Signal<'b>> = (0..parts).map(|i| bundle.elements(i * count, count)).collect();
    let mut bit = 0;
    while level.len() > 1 {
        let select = index.bit(bit);
        level =
            level.chunks(2).map(|pair| if let [a, b] = *pair { select.mux(b, a) } else { pair[0] }).collect();
        bit += 1;
    }
    level[0]
}

/// `count + 1`, or 0 after `n - 1`.
pub(crate) fn next_of<'b>(count: Signal<'b>, n: u32) -> Signal<'b> {
    let b = count.builder();
    let at_end = count.eq_const(u64::from(n) - 1);
    let one_more = (count + b.lit(1, 1)).truncate(count.width());
    at_end.mux(b.zero(count.ty()), one_more)
}
