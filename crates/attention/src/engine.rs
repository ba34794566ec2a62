//! The query engine, interface `bare`: P lanes × `interleave` slots meet one key row after the other.
//!
//! ```text
//! q  ──► q_loader ── write strobes ─► lane 0 … P-1: banks, dot, kernel ─────────────────┐
//! kv ──► sequencer ─ step, slot ────►   (k, v and the step are broadcast)               ├─► drain ──► o
//!            └ row registers k, v, mask                                                 ┘
//! ```
//! Query n of a block is slot n / P of lane n mod P. A key row is held for `interleave` cycles while every lane serves
//! its slots in turn. Of two banks one holds the queries that are met. In the other the results of the block before, in
//! the place of its queries, drain meanwhile, and the next block's queries load after them; the last row of a block
//! waits until the previous block's results have left.
//!
//! With [`EngineSpec::initial`] a block's queries begin with partial states, one beat each in the form of what
//! [`ResultForm::State`] gives: between two blocks every state takes a row of steps, in one of which its slot is loaded.
//!
//! Two options change how o is accumulated ([`EngineSpec::key_block`], [`EngineSpec::accumulator`]): two levels, where
//! every so many rows what has been accumulated is merged into the rest, and fixed point below the largest exponent of
//! v so far, which every row brings along.

mod drain;
mod initial;
mod output;
mod q_loader;
mod sequencer;
mod values;

use crate::config::{EngineConfig, Interleave, ResultForm, ScaleInput};
use crate::kernel::Kernel;
use crate::lane;
use arith::convert::number_type;
use arith::float::float_type;
use hdl::{Design, Kind, Module, ModuleBuilder, ModuleId, Reset, Signal, Timing, Type, each, index_width};
use numerics::lse::{Accumulator, Elements};
use numerics::{DotSpec, Format, Number, Policy};
use std::sync::Arc;

/// Name of the lanes' instances.
const LANE: &str = "lane";

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
    pub value: Number,
    /// Representation of o and ℓ.
    pub accumulator: Accumulator,
    /// Key rows of a block that is accumulated apart and then merged; `None` accumulates at one level.
    pub key_block: Option<u32>,
    /// Format of the result rows.
    pub output: Number,
    /// Elements of a finished row that are brought to that format at a time, a divisor of `head_dim`.
    pub result_elements: u32,
    /// Whether the engine gives result rows or partial states.
    pub result: ResultForm,
    /// Whether queries may begin with partial states.
    pub initial: bool,
    /// Rounding and edges.
    pub policy: Policy,
}

impl EngineSpec {
    /// The engine of a configuration; `interleave = "auto"` reads as 1 until [`EngineSpec::elaborate_auto`].
    pub fn new(name: &str, config: &EngineConfig, policy: Policy) -> EngineSpec {
        let format = &config.format;
        let scale = (config.kernel.scale == ScaleInput::Port).then_some(format.score);
        let (operand, result) = (format.input, format.score);
        let dot = DotSpec { operand, result, align_bits: format.align_bits, scale };
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
            key_block: config.array.key_block,
            output: format.output,
            result_elements: config.array.result_elements(),
            result: config.kernel.result,
            initial: config.kernel.initial,
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

    /// The format of a floating-point o.
    ///
    /// # Panics
    /// When o is fixed point; kernels that do not allow that are refused one.
    pub fn float(&self) -> Format {
        match self.accumulator {
            Accumulator::Float(format) => format,
            Accumulator::Fixed { .. } => panic!("kernel {} has a floating-point o", self.kernel.name()),
        }
    }

    /// Type of an element of o.
    pub fn element_type(&self) -> Type {
        Type::unsigned(self.accumulator.width())
    }

    /// Elements of a state: the sum, if the kernel has one, and o.
    pub(crate) fn row_elements(&self) -> u32 {
        self.head_dim + u32::from(self.kernel.has_sum())
    }

    /// Type of a state's scalar variables side by side.
    pub(crate) fn scalar_type(&self) -> Type {
        Type::unsigned(self.kernel.state(self).iter().map(|(_, ty)| ty.width).sum())
    }

    /// What an element of o means.
    pub fn elements(&self) -> Elements {
        self.accumulator.elements(self.value)
    }

    /// Type of an exponent field of v, which a fixed-point o is aligned to; `None` for a floating-point one, and where v
    /// is fixed point too.
    pub fn anchor_type(&self) -> Option<Type> {
        match self.elements() {
            Elements::Anchored { value, .. } => Some(Type::unsigned(value.exp_bits)),
            Elements::Numbers(_) => None,
        }
    }

    /// The format of floating-point results.
    ///
    /// # Panics
    /// When they are fixed point; an o below an anchor is refused that.
    pub(crate) fn float_output(&self) -> Format {
        self.output.float().expect("an o below an anchor gives floating-point results")
    }

    /// Type of a slot number.
    pub fn slot_type(&self) -> Type {
        Type::unsigned(index_width(self.interleave))
    }

    /// The lane kind of a design that is an engine, or has one inside.
    pub fn lane(design: &Design) -> Option<&Module> {
        let mut instances = design.modules.iter().flat_map(|module| &module.instances);
        instances.find(|instance| &*instance.name == LANE).map(|lane| design.module(lane.module))
    }

    /// Cycles that each of many full blocks should last in `design` (this engine, or what it is part of) so that none
    /// waits, where the sink takes each result at once and queries are always there: the results of a block leave, and
    /// the queries of the next but one come, while one block is met.
    pub fn result_cycles(&self, design: &Design) -> u32 {
        let latency = EngineSpec::lane(design).map_or(0, Module::latency);
        let row = output::row_cycles(self, design);
        let leave = latency.max(self.interleave) + (self.block() - 1) * row + drain::HANDSHAKE;
        leave.max(self.block() * row) + self.block()
    }

    /// The engine as a design.
    ///
    /// # Errors
    /// When an operation does not fit the clock, or a recurrence the interleave.
    pub fn elaborate(&self, timing: Option<Timing>, reset: Reset) -> Result<Design, hdl::Error> {
        hdl::elaborate(&self.name, &self.doc(), timing, reset, |b| self.build(b))
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

    /// The engine as a module of a larger design.
    pub(crate) fn define(&self, b: &ModuleBuilder) -> ModuleId {
        let kind = Kind { name: &self.name, doc: &self.doc() };
        b.define(kind, &[], |m, _| {
            self.build(m);
            vec![]
        })
    }

    fn doc(&self) -> String {
        format!(
            "{} query engine: {} lanes x {} slots, head_dim {}",
            self.kernel.name(),
            self.lanes,
            self.interleave,
            self.head_dim
        )
    }

    fn build(&self, b: &ModuleBuilder) {
        b.explicit();
        let (d, block) = (self.head_dim, self.block());
        let row = number_type(self.dot.operand).times(d);
        let bit = Type::unsigned(1);
        let [q_valid, q_active, q_last] = ["q_valid", "q_active", "q_last"].map(|n| b.input(n, bit));
        let q_data = b.input("q_data", row);
        let kv_valid = b.input("kv_valid", bit);
        let k_data = b.input("k_data", row);
        let v_data = b.input("v_data", number_type(self.value).times(d));
        let kv_mask = b.input("kv_mask", Type::unsigned(1).times(block));
        let kv_last = b.input("kv_last", bit);
        let kv_exp = self.anchor_type().map(|ty| b.input("kv_exp", ty));
        let initial = self.initial.then(|| StatePort::new(b, self));
        let o_ready = b.input("o_ready", bit);
        let scale = self.dot.scale.map(|format| b.stable(b.input("scale", float_type(format))));

        let (results_come, results_left) = (b.wire("results_come", bit), b.wire("results_left", bit));
        let query = [q_valid, q_active, q_last];
        let loader = q_loader::call(b, self, query, results_come, results_left);
        let drain_busy = b.wire("results_pending", bit);
        let next_active = self.initial.then(|| b.wire("active_next", Type::unsigned(1).times(block)));
        let offer = initial.as_ref().zip(next_active).map(|(port, active)| port.offer(active));
        let inputs =
            sequencer::Inputs { kv_valid, kv_last, kv_exp, full: loader.full, drain_busy, initial: offer };
        let step = sequencer::call(b, self, &inputs);

        let k = b.register("row_k", row).enable(step.accept);
        k.set(k_data);
        let active = loader.active_of(step.next_bank);
        if let Some(wire) = next_active {
            b.drive(wire, active);
        }
        let meets = self.met_queries(b, kv_mask & active, &step);
        let lane = lane::define(b, self);
        let mut passed = vec![step.row_start];
        let v = values::call(b, self, lane, v_data, &step, &mut passed);
        let o_slot = b.wire("o_slot", self.slot_type());
        let o_reads = b.wire("o_reads", bit);
        let mut inputs = vec![
            ("q_write", each(loader.write)),
            ("q_slot", loader.slot.into()),
            ("q_bank", loader.bank.into()),
            ("q_row", q_data.into()),
            // The same bank as `o_bank`: a lane reads it at once, and writes a result to it when that has been computed.
            ("results_bank", loader.older.into()),
            ("step_valid", step.valid.into()),
            ("step_slot", step.slot.into()),
            ("step_bank", step.bank.into()),
            ("step_first", step.first.into()),
            ("step_last", step.last.into()),
            ("step_meets", each(meets)),
            ("k", k.q.into()),
            ("v", v.into()),
            ("o_slot", o_slot.into()),
            ("o_bank", loader.older.into()),
            ("o_reads", o_reads.into()),
        ];
        inputs.extend(step.merge.map(|s| ("step_merge", s.into())));
        inputs.extend(step.convert.map(|s| ("step_convert", s.into())));
        inputs.extend(step.anchor.as_ref().map(|anchor| ("step_rescale", anchor.rescale.into())));
        inputs.extend(step.outer.map(|s| ("step_outer", s.into())));
        inputs.extend(step.anchor.as_ref().map(|anchor| ("step_shift", anchor.shift.into())));
        inputs.extend(scale.map(|s| ("scale", s.into())));
        if let (Some(port), Some(load)) = (&initial, &step.load) {
            inputs.push(("step_load", load.step.into()));
            for (name, data) in [("initial_state", port.scalars), ("initial_row", port.elements)] {
                let held = values::state(b, self, lane, name, data, load.start, &mut passed);
                inputs.push((name, held.into()));
            }
        }
        let lanes = b.instantiate(LANE, self.lanes, lane, &inputs);
        let [rows, empties, valids, slots, ref states @ ..] = lanes[..] else { unreachable!("four outputs") };
        let (result_valid, result_slot) = (valids.element(0), slots.element(0));

        let o_lane = b.wire("o_lane", Type::unsigned(index_width(self.lanes)));
        let converter = output::Converter::new(b, self);
        let drain = drain::call(
            b,
            self,
            [step.block_end, active, step.queries_met, result_valid, result_slot, o_ready],
            converter.map(|c| c.conversion).unwrap_or_default(),
        );
        b.drive(drain_busy, drain.busy);
        b.drive(results_come, result_valid);
        b.drive(results_left, drain.done);
        b.drive(o_reads, drain.reads);
        b.drive(o_slot, drain.slot);
        b.drive(o_lane, drain.lane);
        let empty = pick(empties, self.lanes, drain.lane);
        let row = pick(rows, self.lanes, o_lane);
        let anchor = self.result_anchor(b, &step);
        let mut results = vec![("o_empty", empty)];
        let converted = converter.map(|converter| converter.call(b, self, row, anchor, &drain));
        if converted.is_none() {
            let sum = row.ty().count - self.head_dim;
            results.push(("o_data", row.elements(sum, self.head_dim)));
            results.extend((sum == 1).then(|| ("o_sum", row.element(0))));
        }
        if let Some(&states) = states.first() {
            results.push(("o_state", pick(states, self.lanes, drain.lane)));
            results.extend(anchor.map(|anchor| ("o_anchor", empty.mux(b.zero(anchor.ty()), anchor))));
        }

        b.output("q_ready", loader.ready);
        b.output("kv_ready", step.ready);
        if let Some(load) = &step.load {
            b.output("i_ready", load.ready);
            b.output("i_open", load.open);
        }
        b.output("o_valid", drain.valid);
        if let Some(row) = converted {
            b.output_when("o_data", row, "o_valid");
        }
        for (name, value) in results {
            let register = b.register(name, value.ty()).enable(drain.load);
            register.set(value);
            b.output_when(name, register.q, "o_valid");
        }
        b.output_when("o_last", drain.last, "o_valid");
    }

    /// The anchor under which a block's o stand, kept until its results have left.
    fn result_anchor<'b>(&self, b: &'b ModuleBuilder, step: &sequencer::Sequencer<'b>) -> Option<Signal<'b>> {
        let anchor = step.anchor.as_ref()?;
        let finished = b.register("result_anchor", anchor.row.ty()).enable(step.block_end);
        finished.set(anchor.row);
        Some(finished.q)
    }

    /// Per lane, whether the current step's query meets the row: the mask, moved on by P queries a step.
    fn met_queries<'b>(
        &self,
        b: &'b ModuleBuilder,
        met: Signal<'b>,
        step: &sequencer::Sequencer<'b>,
    ) -> Signal<'b> {
        let (lanes, block) = (self.lanes, self.block());
        let starts = step.load.as_ref().map_or(step.accept, |load| step.accept | load.start);
        let mask = b.register("row_mask", met.ty()).enable(starts | step.valid);
        let shifted = if self.interleave == 1 {
            b.zero(met.ty())
        } else {
            b.bundle(&[mask.q.elements(lanes, block - lanes), b.zero(Type::unsigned(1).times(lanes))])
        };
        let onward = step.load.as_ref().map_or(shifted, |load| load.start.mux(load.turn, shifted));
        mask.set(step.accept.mux(met, onward));
        mask.q.elements(0, lanes)
    }
}

/// The port of initial states: a beat for each active query of a block, in their order, as [`ResultForm::State`] gives
/// them, wanted while `i_enable` is on.
struct StatePort<'b> {
    enable: Signal<'b>,
    valid: Signal<'b>,
    empty: Signal<'b>,
    scalars: Signal<'b>,
    /// The sum, if there is one, and o.
    elements: Signal<'b>,
    anchor: Option<Signal<'b>>,
}

impl<'b> StatePort<'b> {
    fn new(b: &'b ModuleBuilder, spec: &EngineSpec) -> StatePort<'b> {
        let [enable, valid, empty] =
            ["i_enable", "i_valid", "i_empty"].map(|n| b.input(n, Type::unsigned(1)));
        let scalars = b.input("i_state", spec.scalar_type());
        let sum = spec.kernel.has_sum().then(|| b.input("i_sum", spec.element_type()));
        let o = b.input("i_data", spec.element_type().times(spec.head_dim));
        let elements = sum.map_or(o, |sum| b.bundle(&[sum, o]));
        let anchor = spec.anchor_type().map(|ty| b.input("i_anchor", ty));
        StatePort { enable, valid, empty, scalars, elements, anchor }
    }

    fn offer(&self, active: Signal<'b>) -> initial::Offer<'b> {
        let StatePort { enable, valid, empty, anchor, .. } = *self;
        initial::Offer { enable, valid, empty, anchor, active }
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
