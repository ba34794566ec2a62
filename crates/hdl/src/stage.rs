//! Static timing of a finished design under a delay model: its longest path between two registers.
//!
//! Each module is looked at once, children first: how long its longest path between registers is, how far its inputs
//! are from its registers, and when its outputs arrive. That is all a parent has to know of it.

use crate::design::Design;
use crate::module::{Connection, Instance, Module, NodeId, Op, PortId};
use crate::timing::DelayModel;
use std::rc::Rc;
use std::sync::Arc;

/// A path to a register as a delay model predicts it.
#[derive(Clone, PartialEq, Debug)]
pub struct Stage {
    /// From the clock edge that starts it to the one that ends it, setup time included, ps.
    pub delay_ps: f64,
    /// The module that holds the register at its end.
    pub module: Arc<str>,
    /// That register, register file or memory.
    pub register: Arc<str>,
}

impl Design {
    /// The longest path between two registers, wherever they are in the hierarchy; `None` when no register follows
    /// another. Paths from and to the ports of the top are left out.
    pub fn longest_stage(&self, model: &DelayModel) -> Option<Stage> {
        let mut below: Vec<Paths> = vec![];
        for module in &self.modules {
            let arrivals = vec![None; module.nodes.len()];
            below.push(Analysis { module, model, below: &below, arrivals }.run());
        }
        below.swap_remove(self.top.index()).stages.swap_remove(REGISTERS)
    }
}

/// Where paths start: [`REGISTERS`], or an input port, whose place is one more than its index.
type BySource<T> = Vec<T>;
/// The registers of the module and of those in it.
const REGISTERS: usize = 0;
/// Nothing arrives.
const NEVER: f64 = f64::NEG_INFINITY;

/// What a parent has to know of a module.
struct Paths {
    inputs: Vec<PortId>,
    /// The longest path to a register.
    stages: BySource<Option<Stage>>,
    /// The latest arrival at each port, ps after the source; of outputs.
    exits: Vec<Rc<BySource<f64>>>,
}

struct Analysis<'a> {
    module: &'a Module,
    model: &'a DelayModel,
    below: &'a [Paths],
    arrivals: Vec<Option<Rc<BySource<f64>>>>,
}

impl Analysis<'_> {
    fn run(mut self) -> Paths {
        let mut stages = vec![None; self.sources()];
        for (node, delay, register) in self.ends() {
            let end =
                Stage { delay_ps: delay + self.model.setup, module: self.module.name.clone(), register };
            self.reach(&mut stages, node, &end);
        }
        for inst in &self.module.instances {
            let kind = &self.below[inst.module.index()];
            keep_longest(&mut stages[REGISTERS], kind.stages[REGISTERS].clone());
            for (port, connection) in connections(inst, kind) {
                if let Some(end) = &kind.stages[place(port)] {
                    let delay_ps = end.delay_ps + self.spread(inst, connection);
                    self.reach(&mut stages, connection.node(), &Stage { delay_ps, ..end.clone() });
                }
            }
        }
        let exits = self.module.ports.iter().map(|port| self.arrival(port.node)).collect();
        Paths { inputs: self.module.inputs().map(|(port, _)| port).collect(), stages, exits }
    }

    fn sources(&self) -> usize {
        self.module.ports.len() + 1
    }

    /// Extends what arrives at a node by a path from there to a register.
    fn reach(&mut self, stages: &mut [Option<Stage>], node: NodeId, end: &Stage) {
        for (stage, at) in stages.iter_mut().zip(self.arrival(node).iter()) {
            if *at > NEVER {
                keep_longest(stage, Some(Stage { delay_ps: at + end.delay_ps, ..end.clone() }));
            }
        }
    }

    /// Nodes that registers, register files and memories load, what loading them takes, and their names.
    fn ends(&self) -> Vec<(NodeId, f64, Arc<str>)> {
        let mut ends = vec![];
        for register in &self.module.registers {
            let delay = register.enable.map_or(0.0, |_| self.model.load(register.ty.bits()));
            let loaded = register.next.into_iter().chain(register.enable);
            ends.extend(loaded.map(|node| (node, delay, register.name.clone())));
        }
        for file in &self.module.files {
            let delay = self.model.load(file.ty.bits());
            let loaded = file.write.into_iter().flat_map(|w| [w.addr, w.data, w.enable]);
            ends.extend(loaded.map(|node| (node, delay, file.name.clone())));
        }
        for memory in &self.module.memories {
            let write = memory.write.into_iter().flat_map(|w| [w.addr, w.data, w.enable]);
            let read = memory.read.into_iter().flat_map(|(addr, enable)| [addr, enable]);
            ends.extend(write.chain(read).map(|node| (node, 0.0, memory.name.clone())));
        }
        ends
    }

    /// The latest arrival at a node, by source.
    fn arrival(&mut self, id: NodeId) -> Rc<BySource<f64>> {
        if let Some(known) = &self.arrivals[id.index()] {
            return known.clone();
        }
        let node = self.module.node(id);
        let mut at = vec![NEVER; self.sources()];
        match &node.op {
            Op::Input(port) => at[place(*port)] = 0.0,
            Op::RegQ(_) | Op::MemRead(_) => at[REGISTERS] = self.model.clk_to_q,
            Op::InstOut(inst, port) => self.leave(&self.module.instances[inst.index()], *port, &mut at),
            op => {
                if let Op::FileRead(..) = op {
                    at[REGISTERS] = self.model.clk_to_q;
                }
                for operand in op.operands() {
                    merge(&mut at, &self.arrival(operand), 0.0);
                }
                let delay = self.module.operation(op, node.ty).map_or(0.0, |op| self.model.delay(op));
                at.iter_mut().for_each(|at| *at += delay);
            }
        }
        self.arrivals[id.index()].insert(Rc::new(at)).clone()
    }

    /// The latest arrival at an output of an instance: from the registers in it, and through it.
    fn leave(&mut self, inst: &Instance, port: PortId, at: &mut [f64]) {
        let below = self.below;
        let kind = &below[inst.module.index()];
        let exit = &kind.exits[port.index()];
        at[REGISTERS] = exit[REGISTERS];
        for (input, connection) in connections(inst, kind) {
            if exit[place(input)] > NEVER {
                let delay = self.spread(inst, connection) + exit[place(input)];
                merge(at, &self.arrival(connection.node()), delay);
            }
        }
    }

    fn spread(&self, inst: &Instance, connection: Connection) -> f64 {
        match connection {
            Connection::Broadcast(_) => self.model.broadcast(inst.count),
            Connection::Sliced(_) => 0.0,
        }
    }
}

/// The input ports of an instance with what they are connected to.
fn connections(inst: &Instance, kind: &Paths) -> impl Iterator<Item = (PortId, Connection)> {
    kind.inputs.iter().copied().zip(inst.inputs.iter().copied())
}

const fn place(port: PortId) -> usize {
    port.index() + 1
}

fn merge(at: &mut [f64], other: &[f64], delay: f64) {
    at.iter_mut().zip(other).for_each(|(at, other)| *at = at.max(other + delay));
}

fn keep_longest(longest: &mut Option<Stage>, other: Option<Stage>) {
    if other.as_ref().is_some_and(|o| longest.as_ref().is_none_or(|l| o.delay_ps > l.delay_ps)) {
        *longest = other;
    }
}
