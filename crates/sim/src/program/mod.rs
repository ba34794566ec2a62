//! The compiled simulator.
//!
//! A design is flattened once ([`Program::compile`]): the copies of an instance array become lanes, nested arrays
//! multiply, and wiring between bundles becomes index mapping. What is left is a list of operations on vectors of
//! lanes in an order in which every operand comes first. [`Program::simulator`] lays them out for a number of
//! independent stimuli, which are further lanes, and runs them with the widest vector instructions the machine has.
//!
//! ```
//! use hdl::{Reset, Type, elaborate};
//! use sim::Program;
//! let design = elaborate("counter", "q counts", None, Reset::default(), |b| {
//!     let count = b.register("count", Type::unsigned(8)).reset(0);
//!     let step = b.input("step", Type::unsigned(8));
//!     count.set((count.q + step).truncate(8));
//!     b.output("q", count.q);
//! })
//! .unwrap();
//! let program = Program::compile(&design).unwrap();
//! let (step, q) = (program.input("step").unwrap(), program.output("q").unwrap());
//! let mut sim = program.simulator(2);
//! sim.set1(step, 0, 3);
//! sim.set1(step, 1, 5);
//! sim.step();
//! sim.step();
//! sim.eval();
//! assert_eq!((sim.get1(q, 0), sim.get1(q, 1)), (6, 10));
//! ```

mod elementwise;
mod engine;
mod exec;
mod flatten;
mod fold;
mod fuse;
mod kernels;
mod layout;
mod moves;
mod net;
mod operands;
mod operation;
mod plan;
mod planner;
mod signals;
mod simplify;
mod simulator;
mod storage;
mod sums;
mod updates;
mod value;

pub use engine::ProgramEngine;
pub use exec::VectorUnit;
pub use signals::{Observe, ScopeLevel, Signal};
pub use simulator::Simulator;

use crate::EngineError;
use flatten::Flattener;
use hdl::{Design, Direction, Type};
use net::{Lanes, NetId, NetOp};
use plan::{Plan, Step};
use std::sync::Arc;
use value::Value;

/// A design compiled for simulation; immutable and cheap to clone.
#[derive(Clone)]
pub struct Program {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    plan: Plan,
    name: Arc<str>,
    inputs: Vec<InputPort>,
    outputs: Vec<OutputPort>,
    signals: Vec<Signal>,
}

struct InputPort {
    name: Arc<str>,
    ty: Type,
    /// Nets of its parts.
    nets: Vec<NetId>,
}

struct OutputPort {
    name: Arc<str>,
    ty: Type,
}

/// Handle of an input port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InPort(usize);

/// Handle of an output port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutPort(usize);

/// The size of a compiled program, for one stimulus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stats {
    /// Instructions per cycle.
    pub instructions: usize,
    /// Instructions per cycle that only move lanes.
    pub moves: usize,
    /// Elements computed per cycle, moves not counted.
    pub lane_operations: u64,
    /// Bits of state.
    pub state_bits: u64,
}

impl Program {
    /// Compiles a design; only its ports can be observed, and only what they depend on is simulated.
    ///
    /// Fails on a combinational loop.
    pub fn compile(design: &Design) -> Result<Program, EngineError> {
        Program::compile_observed(design, Observe::Ports)
    }

    /// Compiles a design such that signals inside it can be observed, see [`Program::signals`].
    pub fn compile_observed(design: &Design, observe: Observe) -> Result<Program, EngineError> {
        let mut flattener = Flattener::new(design);
        let top = design.top();
        let mut inputs = vec![];
        for (_, port) in top.inputs() {
            let value = flattener.value(0, port.node)?;
            let nets = value.parts.iter().map(|p| match p.lanes {
                Lanes::Whole(net) => net,
                Lanes::Map(_) => unreachable!("an input is its own net"),
            });
            inputs.push(InputPort { name: port.name.clone(), ty: port.ty, nets: nets.collect() });
        }
        let (mut observed, mut widths) = (vec![], vec![]);
        let mut outputs = vec![];
        for (_, port) in top.outputs() {
            let value = flattener.value(0, port.node)?;
            keep(&value, &mut observed, &mut widths);
            outputs.push(OutputPort { name: port.name.clone(), ty: port.ty });
        }
        let mut signals = vec![];
        for (mut signal, context, node) in signals::find(&flattener, observe) {
            let value = flattener.value(context, node)?;
            signal.index = observed.len();
            keep(&value, &mut observed, &mut widths);
            signals.push(signal);
        }
        flattener.close()?;
        let mut plan = planner::plan(flattener.graph, observed);
        plan.widths = widths;
        let inner = Inner { plan, name: top.name.clone(), inputs, outputs, signals };
        Ok(Program { inner: Arc::new(inner) })
    }

    /// Name of the top module.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The input port of this name.
    pub fn input(&self, name: &str) -> Result<InPort, EngineError> {
        let at = self.inner.inputs.iter().position(|p| &*p.name == name);
        at.map(InPort).ok_or_else(|| self.no_port("input", name))
    }

    /// The output port of this name.
    pub fn output(&self, name: &str) -> Result<OutPort, EngineError> {
        let at = self.inner.outputs.iter().position(|p| &*p.name == name);
        at.map(OutPort).ok_or_else(|| self.no_port("output", name))
    }

    fn no_port(&self, direction: &str, name: &str) -> EngineError {
        EngineError(format!("`{}` has no {direction} port `{name}`", self.inner.name))
    }

    /// Names and types of the ports of one direction, in the order of the top module.
    pub fn ports(&self, direction: Direction) -> Vec<(Arc<str>, Type)> {
        match direction {
            Direction::Input => self.inner.inputs.iter().map(|p| (p.name.clone(), p.ty)).collect(),
            Direction::Output => self.inner.outputs.iter().map(|p| (p.name.clone(), p.ty)).collect(),
        }
    }

    /// Signals inside the design that can be observed; none unless it was compiled with [`Program::compile_observed`].
    pub fn signals(&self) -> &[Signal] {
        &self.inner.signals
    }

    /// A simulator of `stimuli` independent copies of the design (at least 1), each with its own inputs and state.
    ///
    /// Registers with a reset value have it; all other state is zero (see [`Simulator::randomize`]).
    pub fn simulator(&self, stimuli: usize) -> Simulator {
        let widest = VectorUnit::available().into_iter().next_back().unwrap_or(VectorUnit::Baseline);
        self.simulator_on(widest, stimuli)
    }

    /// As [`Program::simulator`], with the given vector instructions or, if the machine lacks them, the widest it has.
    pub fn simulator_on(&self, unit: VectorUnit, stimuli: usize) -> Simulator {
        let unit = VectorUnit::available().into_iter().filter(|&u| u <= unit).max();
        let unit = unit.unwrap_or(VectorUnit::Baseline);
        Simulator::new(self.clone(), layout::lay_out(&self.inner.plan, stimuli.max(1) as u32), unit)
    }

    /// How much there is to do per cycle.
    pub fn stats(&self) -> Stats {
        let plan = &self.inner.plan;
        let graph = &plan.graph;
        let computed = plan.steps.iter().filter_map(|s| match s {
            Step::Compute { net, .. } | Step::Read { net, .. } => Some(graph.net(*net)),
            _ => None,
        });
        let operations = |net: &net::Net| match net.op {
            NetOp::Sum(count) => u64::from(net.len) * u64::from(count),
            _ => u64::from(net.len),
        };
        let states = graph.nets.iter().filter(|n| n.op == NetOp::State);
        let files = graph.files.iter().map(|f| u64::from(f.depth * f.copies * f.row * f.form.width));
        Stats {
            instructions: plan.steps.len(),
            moves: plan.steps.iter().filter(|s| matches!(s, Step::Gather { .. })).count(),
            lane_operations: computed.map(operations).sum(),
            state_bits: states.map(|n| u64::from(n.len * n.form.width)).sum::<u64>() + files.sum::<u64>(),
        }
    }
}

impl Program {
    /// The instructions of a cycle in order, one a line, for people who look into speed.
    pub fn listing(&self) -> String {
        let graph = &self.inner.plan.graph;
        let form = |net: NetId| {
            let net = graph.net(net);
            let lanes = if net.long { 64 } else { 32 };
            format!("{}x{}{}/{lanes}", net.len, if net.form.signed { 's' } else { 'u' }, net.form.width)
        };
        let line = |step: &Step| match step {
            Step::Compute { net, operands } => {
                let name = |o: &plan::Operand| match o.place {
                    plan::Place::Net(n) => {
                        let field = o.field.map_or(String::new(), |f| format!(".{}+{}", f.lo, f.width));
                        format!("n{n}[{}]{field}:{}", o.elem, form(n))
                    }
                    plan::Place::Constant(c) => format!("c{c}"),
                };
                let operands: Vec<String> = operands.iter().map(name).collect();
                let op = format!("{:?}", graph.net(*net).op);
                let op = op.split("([").next().unwrap_or_default();
                format!("n{net}:{} = {op} {}", form(*net), operands.join(" "))
            }
            Step::Gather { net, runs } => format!("n{net}:{} = Gather of {} runs", form(*net), runs.len()),
            Step::Read { net, file, group, .. } => format!("n{net}:{} = Read f{file} by {group}", form(*net)),
            Step::Hold { net, group, .. } => format!("n{net}:{} Hold by {group}", form(*net)),
            Step::Fetch { net, file, group, .. } => format!("n{net}:{} Fetch f{file} by {group}", form(*net)),
            Step::Write { file, group, .. } => {
                let f = &graph.files[*file as usize];
                format!("f{file}:{}x{} of u{} Write by {group}", f.depth, f.copies * f.row, f.form.width)
            }
        };
        self.inner.plan.steps.iter().map(|s| line(s) + "\n").collect()
    }
}

fn keep(value: &Value, observed: &mut Vec<Vec<Lanes>>, widths: &mut Vec<Vec<u32>>) {
    observed.push(value.parts.iter().map(|p| p.lanes.clone()).collect());
    widths.push(value.parts.iter().map(|p| p.width).collect());
}
