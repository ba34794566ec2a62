//! Names of the signals inside a design.

use super::flatten::Flattener;
use hdl::{NodeId, Op, Type};
use std::collections::HashSet;
use std::sync::Arc;

/// What of a design is kept observable; what is observed costs simulation speed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Observe {
    /// Only the ports of the top.
    #[default]
    Ports,
    /// Ports, registers and named signals of modules at most so many levels below the top.
    Depth(u32),
    /// Ports, registers and named signals of all modules.
    All,
}

/// One step down the hierarchy.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ScopeLevel {
    /// Instance name.
    pub name: Arc<str>,
    /// Copies in its array, 1 for a plain instance.
    pub count: u32,
}

/// An observable signal, in all copies of its module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signal {
    /// The instances from the top down to its module; empty in the top.
    pub scope: Vec<ScopeLevel>,
    /// Its name in its module.
    pub name: Arc<str>,
    /// Its type in one copy.
    pub ty: Type,
    /// A register's output.
    pub is_register: bool,
    /// Index among the observed values.
    pub(crate) index: usize,
}

impl Signal {
    /// Copies of its module.
    pub fn copies(&self) -> u32 {
        self.scope.iter().map(|l| l.count).product()
    }

    /// Scope names of a copy from the top down: `u_name`, or `u_name[i]` in an array.
    pub fn scope_of(&self, copy: u32) -> Vec<String> {
        let mut rest = copy;
        let mut names: Vec<String> = vec![];
        for level in self.scope.iter().rev() {
            let name = &level.name;
            names.push(if level.count == 1 {
                format!("u_{name}")
            } else {
                format!("u_{name}[{}]", rest % level.count)
            });
            rest /= level.count;
        }
        names.reverse();
        names
    }
}

/// The signals to observe and the nodes that hold them.
pub(crate) fn find(flattener: &Flattener<'_>, observe: Observe) -> Vec<(Signal, usize, NodeId)> {
    let depth = match observe {
        Observe::Ports => return vec![],
        Observe::Depth(depth) => depth as usize,
        Observe::All => usize::MAX,
    };
    let mut found = vec![];
    for context in 0..flattener.contexts.len() {
        let scope = scope(flattener, context);
        if scope.len() <= depth {
            let named = named_nodes(flattener.module(context));
            found.extend(named.into_iter().map(|(name, node)| {
                let node_of = flattener.module(context).node(node);
                let is_register = matches!(node_of.op, Op::RegQ(_) | Op::MemRead(_));
                let signal = Signal { scope: scope.clone(), name, ty: node_of.ty, is_register, index: 0 };
                (signal, context, node)
            }));
        }
    }
    found
}

fn scope(flattener: &Flattener<'_>, mut context: usize) -> Vec<ScopeLevel> {
    let mut scope = vec![];
    while let Some((parent, inst)) = flattener.contexts[context].parent {
        let inst = &flattener.module(parent).instances[inst.index()];
        scope.push(ScopeLevel { name: inst.name.clone(), count: inst.count });
        context = parent;
    }
    scope.reverse();
    scope
}

/// Ports first, then registers, then named signals; each name once.
fn named_nodes(module: &hdl::Module) -> Vec<(Arc<str>, NodeId)> {
    let ports = module.ports.iter().map(|p| (p.name.clone(), p.node));
    let nodes = || module.nodes.iter().enumerate().map(|(i, n)| (n, NodeId(i as u32)));
    let registers = nodes().filter_map(|(n, id)| match n.op {
        Op::RegQ(r) => Some((format!("{}_q", module.registers[r.index()].name).into(), id)),
        Op::MemRead(m) => Some((format!("{}_q", module.memories[m.index()].name).into(), id)),
        _ => None,
    });
    let named = nodes().filter_map(|(n, id)| Some((n.name.clone()?, id)));
    let mut seen = HashSet::new();
    ports.chain(registers).chain(named).filter(|(name, _)| seen.insert(name.clone())).collect()
}
