//! The datapath of a lane by itself, for synthesis: a query meets a key in every cycle.
//!
//! ```text
//! q, k, v, state of the query ──► score = q·k ──► scalar step ──► elements ──► state after the key ──► result row
//! ```
//! What stores anything but pipeline registers is left out: queries, states and finished rows, and the conversions of v
//! and of results that all lanes share. The state comes and goes through ports, each input in the cycle in which it is
//! wanted. Where a kernel divides, the division is part of it: of the whole row, or of
//! [`EngineSpec::result_elements`] of an earlier one (`normalize = "serial"`).

use crate::config::ResultForm;
use crate::engine::EngineSpec;
use crate::functional::largest_exponent;
use crate::kernel::{Division, Kernel, Model, ScalarStep, State};
use crate::simulate::Block;
use arith::FusedDot;
use arith::convert::number_type;
use arith::float::float_type;
use hdl::{Design, Kind, ModuleBuilder, Reset, Signal, Timing, Type, each};
use numerics::dot;

/// The datapath of an engine's lanes.
pub struct Datapath {
    spec: EngineSpec,
}

/// A cycle of the datapath.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Per input port, the elements of its bundle.
    pub inputs: Vec<Vec<u64>>,
    /// The elements of every output port, one port after the other.
    pub outputs: Vec<u64>,
}

/// Input ports of a state, then of the key.
const LATE: [&str; 2] = ["state", "v"];

impl Datapath {
    /// The datapath of an engine of one level that gives result rows.
    pub fn new(spec: &EngineSpec) -> Datapath {
        let name = format!("{}_datapath", spec.name);
        let spec = spec.clone();
        Datapath {
            spec: EngineSpec { name, key_block: None, result: ResultForm::Row, initial: false, ..spec },
        }
    }

    fn kernel(&self) -> &dyn Kernel {
        self.spec.kernel.as_ref()
    }

    fn inputs(&self) -> Vec<(&'static str, Type)> {
        let spec = &self.spec;
        let (row, element) = (number_type(spec.dot.operand).times(spec.head_dim), spec.element_type());
        let mut inputs = vec![("q", row), ("k", row)];
        inputs.extend(spec.dot.scale.map(|format| ("scale", float_type(format))));
        inputs.push(("fresh", Type::unsigned(1)));
        inputs.extend(self.kernel().state(spec));
        let count = spec.head_dim + u32::from(self.kernel().has_sum());
        inputs.extend([(LATE[0], element.times(count)), (LATE[1], element.times(spec.head_dim))]);
        match self.kernel().division() {
            Some(division) if division.serial => {
                inputs.push(("finished_sum", element));
                inputs.push(("finished", element.times(spec.result_elements)));
            }
            Some(_) => inputs.push(("last", Type::unsigned(1))),
            None => {}
        }
        inputs
    }

    /// The datapath as a design.
    ///
    /// # Errors
    /// When an operation does not fit the clock.
    pub fn elaborate(&self, timing: Option<Timing>, reset: Reset) -> Result<Design, hdl::Error> {
        let doc = format!("{} datapath of one lane, head_dim {}", self.kernel().name(), self.spec.head_dim);
        hdl::elaborate(&self.spec.name, &doc, timing, reset, |m| self.build(m))
    }

    fn build(&self, m: &ModuleBuilder) {
        let spec = &self.spec;
        let ports: Vec<_> = self.inputs().into_iter().map(|(name, ty)| (name, m.input(name, ty))).collect();
        let port = |name: &str| ports.iter().find(|(n, _)| *n == name).map(|(_, signal)| *signal);
        let get = |name: &str| port(name).expect("every datapath has it");

        let dot = FusedDot { spec: spec.dot, length: spec.head_dim, policy: spec.policy };
        let scale = port("scale").map(|s| m.stable(s));
        let score = dot.call(m, "dot", get("q"), get("k"), scale).named("score");
        let score = self.kernel().score(m, spec, score);
        let names: Vec<&str> = self.kernel().state(spec).iter().map(|(name, _)| *name).collect();
        let state: Vec<Signal<'_>> = names.iter().map(|name| m.late(get(name))).collect();
        let fresh = m.late(get("fresh"));
        let update = m.lit(1, 1);
        let step = ScalarStep { score, fresh, update, merges: None, convert: None };
        let scalar = self.kernel().scalar(m, spec, &state, step);
        for ((name, &old), &next) in names.iter().zip(&state).zip(&scalar.next) {
            m.output(&format!("{name}_next"), scalar.write.mux(next, old));
        }

        let controls = self.kernel().controls(m, spec, &scalar.out);
        let next = self.elements(m, m.late(get(LATE[0])), m.late(get(LATE[1])), &controls);
        m.output("state_next", next);
        let d = spec.head_dim;
        match self.kernel().division() {
            Some(division) if division.serial => {
                let (sum, row) = (m.late(get("finished_sum")), m.late(get("finished")));
                m.output("result", division.row(m, spec, row, sum));
            }
            Some(division) => {
                let finished = m.late(get("last")).mux(next, m.zero(next.ty())).named("finished");
                m.output("result", division.row(m, spec, finished.elements(1, d), finished.element(0)));
            }
            None => {}
        }
    }

    fn elements<'m>(
        &self,
        m: &'m ModuleBuilder,
        state: Signal<'m>,
        v: Signal<'m>,
        controls: &[(&'static str, Signal<'m>)],
    ) -> Signal<'m> {
        let (spec, kernel) = (&self.spec, self.kernel());
        let v = if kernel.has_sum() {
            m.bundle(&[m.lit(spec.float().one(), spec.float().width()), v])
        } else {
            v
        };
        let (name, doc) = kernel.element_kind(spec);
        let name = format!("{name}_step");
        let (names, signals): (Vec<&str>, Vec<Signal<'m>>) = controls.iter().copied().unzip();
        let told = names.into_iter().zip(m.registered(&signals).into_iter().map(|s| s.into()));
        let inputs: Vec<_> = [("o", each(state)), ("v", each(v))].into_iter().chain(told).collect();
        m.call_array("element", state.ty().count, Kind { name: &name, doc }, &inputs, |m, x| {
            let addend = kernel.addend(m, spec, x[1], &x[2..]);
            vec![("o_next", kernel.element(m, spec, x[0], addend, &x[2..]))]
        })[0]
    }

    /// What lane 0 meets of blocks of queries, in the order in which an engine of that interleave does.
    pub fn steps(&self, blocks: &[Block], scale: Option<u64>) -> Vec<Step> {
        let model = self.kernel().model(&self.spec);
        let mut finished = Finished::default();
        blocks.iter().flat_map(|block| self.block(model.as_ref(), block, scale, &mut finished)).collect()
    }

    fn block(
        &self,
        model: &dyn Model,
        block: &Block,
        scale: Option<u64>,
        finished: &mut Finished,
    ) -> Vec<Step> {
        let spec = &self.spec;
        let slots: Vec<usize> = (0..block.queries.len()).step_by(spec.lanes as usize).collect();
        let mut states: Vec<Option<State>> = vec![None; slots.len()];
        let (mut anchor, mut steps) = (0, vec![]);
        for (i, row) in block.keys.iter().enumerate() {
            anchor = anchor.max(largest_exponent(spec, &row.v));
            let v: Vec<u64> = row.v.iter().map(|&v| self.load(v, anchor)).collect();
            for (&n, state) in slots.iter().zip(&mut states) {
                let query = &block.queries[n];
                if !query.active || !row.meets[n] {
                    continue;
                }
                let before = state.take().map(|state| model.rescale(state, anchor));
                let score = dot::dot(&spec.dot, &spec.policy, &query.row, &row.k, scale);
                let after = model.step(before.clone(), score, &row.v, anchor);
                let mut step = self.step(&query.row, &row.k, scale, before.as_ref(), &v, &after);
                let last = i + 1 == block.keys.len();
                self.divide(model, &after, last, finished, &mut step);
                steps.push(step);
                *state = Some(after);
            }
        }
        finished.rows.extend(states.into_iter().flatten().map(|state| state.elements));
        steps
    }

    fn load(&self, v: u64, anchor: u64) -> u64 {
        self.spec.accumulator.load(&self.spec.policy, self.spec.value, v, anchor)
    }

    fn step(
        &self,
        q: &[u64],
        k: &[u64],
        scale: Option<u64>,
        before: Option<&State>,
        v: &[u64],
        after: &State,
    ) -> Step {
        let empty = State {
            scalars: vec![0; after.scalars.len()],
            elements: vec![0; after.elements.len()],
            anchor: 0,
        };
        let old = before.unwrap_or(&empty);
        let mut inputs = vec![q.to_vec(), k.to_vec()];
        inputs.extend(scale.map(|scale| vec![scale]));
        inputs.push(vec![u64::from(before.is_none())]);
        inputs.extend(old.scalars.iter().map(|&scalar| vec![scalar]));
        inputs.extend([old.elements.clone(), v.to_vec()]);
        Step { inputs, outputs: [after.scalars.as_slice(), &after.elements].concat() }
    }

    /// What the division of the cycle gets, and gives.
    fn divide(&self, model: &dyn Model, after: &State, last: bool, finished: &mut Finished, step: &mut Step) {
        let spec = &self.spec;
        match self.kernel().division() {
            Some(division) if division.serial => {
                let (sum, some) = finished.next(spec.result_elements as usize);
                step.outputs.extend(division.reference(spec, &some, sum));
                step.inputs.extend([vec![sum], some]);
            }
            Some(division) => {
                let row = if last { model.result(after) } else { self.idle(division) };
                step.outputs.extend(row);
                step.inputs.push(vec![u64::from(last)]);
            }
            None => {}
        }
    }

    /// The quotient of zeros.
    fn idle(&self, division: Division) -> Vec<u64> {
        division.reference(&self.spec, &vec![0; self.spec.head_dim as usize], 0)
    }
}

/// Rows on their way through a serial division: some elements in every cycle while there are rows, then the last ones.
#[derive(Default)]
struct Finished {
    rows: std::collections::VecDeque<Vec<u64>>,
    at: usize,
    held: Option<(u64, Vec<u64>)>,
}

impl Finished {
    /// The sum and the next `count` elements of o.
    fn next(&mut self, count: usize) -> (u64, Vec<u64>) {
        if let Some(row) = self.rows.front() {
            self.held = Some((row[0], row[1 + self.at..1 + self.at + count].to_vec()));
            self.at += count;
            if self.at + 1 == row.len() {
                self.rows.pop_front();
                self.at = 0;
            }
        }
        self.held.clone().unwrap_or_else(|| (0, vec![0; count]))
    }
}
