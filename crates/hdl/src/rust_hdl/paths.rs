//! Which inputs each output of a module follows within the clock cycle.

use crate::interpret::order;
use crate::module::*;
use std::collections::BTreeSet;

/// For each port of a module (empty for inputs) the inputs it follows, numbered among the inputs.
pub(super) type Paths = Vec<BTreeSet<usize>>;

/// The paths through a module, given those through the kinds below it.
pub(super) fn paths(module: &Module, below: &[Paths]) -> Paths {
    let mut reach: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); module.nodes.len()];
    for id in order(module.nodes.len(), |id| sources(module, below, id)) {
        let mut inputs: BTreeSet<usize> =
            sources(module, below, id).iter().flat_map(|s| reach[s.index()].iter().copied()).collect();
        if let Op::Input(port) = module.node(id).op {
            inputs.extend(module.inputs().position(|(p, _)| p == port));
        }
        reach[id.index()] = inputs;
    }
    let of = |p: &Port| match p.direction {
        Direction::Input => BTreeSet::new(),
        Direction::Output => reach[p.node.index()].clone(),
    };
    module.ports.iter().map(of).collect()
}

/// The nodes on which a node depends within the cycle, also through instances.
pub(super) fn sources(module: &Module, below: &[Paths], id: NodeId) -> Vec<NodeId> {
    let Op::InstOut(instance, port) = module.node(id).op else { return module.node(id).op.operands() };
    let instance = &module.instances[instance.index()];
    let follows = &below[instance.module.index()][port.index()];
    follows.iter().filter_map(|&input| instance.inputs.get(input)).map(|c| c.node()).collect()
}
