//! Checks that a design is a circuit: everything driven, no combinational loop, consistent types and names.

use crate::design::Design;
use crate::error::Error;
use crate::module::*;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Checks every module; errors name the module and the signal.
pub fn validate(design: &Design) -> Result<(), Error> {
    let mut names = HashSet::new();
    for module in &design.modules {
        if !names.insert(&module.name) {
            return Err(Error::graph(&module.name, "two different modules have this name"));
        }
        check_driven(module)?;
        check_ports(module)?;
    }
    paths(design).map(|_| ())
}

/// What leads to an output within a cycle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// The output's name.
    pub output: Arc<str>,
    /// The inputs that it depends on, in the order of the ports.
    pub inputs: Vec<Arc<str>>,
}

/// What leads to every output of the top, in the order of the ports.
///
/// # Errors
/// When there is a combinational loop.
pub fn paths(design: &Design) -> Result<Vec<Path>, Error> {
    let mut reach: Vec<Vec<HashSet<PortId>>> = vec![];
    for module in &design.modules {
        reach.push(combinational_paths(design, module, &reach)?);
    }
    let top = design.top();
    let reach = &reach[design.top.index()];
    let through = |from: &HashSet<PortId>| {
        top.inputs().filter(|(id, _)| from.contains(id)).map(|(_, port)| port.name.clone()).collect()
    };
    let path = |(id, port): (PortId, &Port)| {
        let inputs = through(&reach[id.index()]);
        Path { output: port.name.clone(), inputs }
    };
    Ok(top.outputs().map(path).collect())
}

fn describe(module: &Module, id: NodeId) -> String {
    let node = module.node(id);
    match (&node.name, &node.op) {
        (Some(name), _) => format!("`{name}`"),
        (None, Op::RegQ(r)) => format!("register `{}`", module.registers[r.index()].name),
        (None, op) => format!("an unnamed {} of type {}", op.mnemonic(), node.ty),
    }
}

fn check_driven(module: &Module) -> Result<(), Error> {
    for (i, node) in module.nodes.iter().enumerate() {
        if node.op == Op::Wire(None) {
            return Err(Error::graph(
                &module.name,
                format!("{} is never driven", describe(module, NodeId(i as u32))),
            ));
        }
    }
    let register = module.registers.iter().find(|r| r.next.is_none()).map(|r| ("register", &r.name));
    let file = module.files.iter().find(|f| f.write.is_none()).map(|f| ("register file", &f.name));
    let memory =
        module.memories.iter().find(|m| m.write.is_none() || m.read.is_none()).map(|m| ("memory", &m.name));
    match register.or(file).or(memory) {
        Some((what, name)) => Err(Error::graph(&module.name, format!("{what} `{name}` is never driven"))),
        None => Ok(()),
    }
}

fn check_ports(module: &Module) -> Result<(), Error> {
    for (_, port) in module.outputs() {
        let Some(valid) = &port.valid_by else { continue };
        let ok =
            module.port(valid).is_some_and(|(_, v)| v.direction == Direction::Output && v.ty.bits() == 1);
        if !ok {
            let what = format!("output `{}` is qualified by `{valid}`, which is no 1-bit output", port.name);
            return Err(Error::graph(&module.name, what));
        }
    }
    Ok(())
}

/// For each port (by index; empty for inputs) the inputs it depends on within the cycle; fails on a loop.
fn combinational_paths(
    design: &Design,
    module: &Module,
    below: &[Vec<HashSet<PortId>>],
) -> Result<Vec<HashSet<PortId>>, Error> {
    let mut search = Search { design, module, below, done: HashMap::new(), open: vec![] };
    let state_inputs = module
        .registers
        .iter()
        .flat_map(|r| r.next.iter().chain(&r.enable).copied())
        .chain(module.files.iter().filter_map(|f| f.write).flat_map(|w| [w.addr, w.data, w.enable]))
        .chain(module.instances.iter().flat_map(|i| i.inputs.iter().map(|c| c.node())));
    for id in state_inputs {
        search.visit(id)?;
    }
    let ports = module.ports.iter();
    ports
        .map(|p| if p.direction == Direction::Output { search.visit(p.node) } else { Ok(HashSet::new()) })
        .collect()
}

struct Search<'a> {
    design: &'a Design,
    module: &'a Module,
    below: &'a [Vec<HashSet<PortId>>],
    done: HashMap<NodeId, HashSet<PortId>>,
    open: Vec<NodeId>,
}

impl Search<'_> {
    fn visit(&mut self, id: NodeId) -> Result<HashSet<PortId>, Error> {
        if let Some(inputs) = self.done.get(&id) {
            return Ok(inputs.clone());
        }
        if let Some(at) = self.open.iter().position(|&o| o == id) {
            let path: Vec<String> = self.open[at..].iter().rev().map(|&n| describe(self.module, n)).collect();
            return Err(Error::graph(
                &self.module.name,
                format!("combinational loop through {}", path.join(" -> ")),
            ));
        }
        self.open.push(id);
        let mut inputs = HashSet::new();
        for source in self.sources(id) {
            inputs.extend(self.visit(source)?);
        }
        if let Op::Input(port) = self.module.node(id).op {
            inputs.insert(port);
        }
        self.open.pop();
        self.done.insert(id, inputs.clone());
        Ok(inputs)
    }

    fn sources(&self, id: NodeId) -> Vec<NodeId> {
        let Op::InstOut(inst, port) = self.module.node(id).op else {
            return self.module.node(id).op.operands();
        };
        let instance = &self.module.instances[inst.index()];
        let child = self.design.module(instance.module);
        let through = &self.below[instance.module.index()][port.index()];
        let inputs = child.inputs().zip(&instance.inputs);
        inputs.filter(|((p, _), _)| through.contains(p)).map(|(_, c)| c.node()).collect()
    }
}
