//! What all instances of a design share.

use super::block::{Depth, ModuleBlock};
use super::lower::{Lowered, lower};
use super::paths::{Paths, paths};
use crate::design::Design;
use crate::interpret::Interpreter;
use crate::module::*;
use crate::verilog::{Header, write_module};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// A design on its way to rust-hdl; cheap to clone.
///
/// It starts in **check mode**, in which `hdl()` shows rust-hdl the logic of every module for its checks. From
/// [`Bridge::emit`] on `hdl()` is the Verilog of the modules.
#[derive(Clone)]
pub struct Bridge(Arc<Shared>);

struct Shared {
    design: Design,
    kinds: Vec<Kind>,
    paths: Vec<Paths>,
    lowered: Vec<OnceLock<Lowered>>,
    texts: OnceLock<Vec<String>>,
}

/// What all instances of a module share.
pub(super) struct Kind {
    power_up: Interpreter,
    inputs: Vec<usize>,
    /// For each instance the nodes that read its outputs.
    instance_outputs: Vec<Vec<(NodeId, PortId)>>,
    text_is_claimed: AtomicBool,
}

impl Bridge {
    /// Prepares a design.
    pub fn new(design: &Design) -> Bridge {
        let mut all = Vec::with_capacity(design.modules.len());
        for module in &design.modules {
            all.push(paths(module, &all));
        }
        Bridge(Arc::new(Shared {
            kinds: design.modules.iter().map(Kind::new).collect(),
            paths: all,
            lowered: design.modules.iter().map(|_| OnceLock::new()).collect(),
            texts: OnceLock::new(),
            design: design.clone(),
        }))
    }

    /// The design.
    pub fn design(&self) -> &Design {
        &self.0.design
    }

    /// An instance of the top module.
    ///
    /// Several instances may be used in one rust-hdl design: the Verilog of each kind is printed once, with the first
    /// instance created.
    pub fn block(&self) -> ModuleBlock {
        ModuleBlock::new(self, self.design().top, Depth::Full)
    }

    /// Leaves check mode: from now on `hdl()` is the Verilog of each kind, under this header. Only the first call counts.
    pub fn emit(&self, header: &Header) {
        let kinds = (0..self.design().modules.len() as u32).map(ModuleId);
        self.0.texts.get_or_init(|| kinds.map(|id| write_module(self.design(), id, header)).collect());
    }

    pub(super) fn is_emitting(&self) -> bool {
        self.0.texts.get().is_some()
    }

    /// The Verilog of a kind, if [`Bridge::emit`] has been called.
    pub(super) fn text(&self, id: ModuleId) -> Option<&str> {
        self.0.texts.get().map(|texts| &*texts[id.index()])
    }

    pub(super) fn kind(&self, id: ModuleId) -> &Kind {
        &self.0.kinds[id.index()]
    }

    /// A kind in rust-hdl's syntax tree.
    pub(super) fn lowered(&self, id: ModuleId) -> &Lowered {
        let shared = &*self.0;
        shared.lowered[id.index()]
            .get_or_init(|| lower(&shared.design, shared.design.module(id), &shared.paths))
    }
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bridge").field(&self.design().top().name).finish()
    }
}

impl Kind {
    fn new(module: &Arc<Module>) -> Kind {
        let mut instance_outputs = vec![vec![]; module.instances.len()];
        for (i, node) in module.nodes.iter().enumerate() {
            if let Op::InstOut(instance, port) = node.op {
                instance_outputs[instance.index()].push((NodeId(i as u32), port));
            }
        }
        Kind {
            power_up: Interpreter::new(module.clone()),
            inputs: module.inputs().map(|(p, _)| p.index()).collect(),
            instance_outputs,
            text_is_claimed: AtomicBool::new(false),
        }
    }

    pub(super) fn module(&self) -> &Module {
        self.power_up.module()
    }

    /// An instance in its power-up state.
    pub(super) fn power_up(&self) -> Interpreter {
        self.power_up.clone()
    }

    /// Positions of the input ports.
    pub(super) fn inputs(&self) -> impl Iterator<Item = usize> {
        self.inputs.iter().copied()
    }

    /// The nodes that read the outputs of an instance.
    pub(super) fn instance_outputs(&self, instance: InstId) -> &[(NodeId, PortId)] {
        &self.instance_outputs[instance.index()]
    }

    /// True for the first instance of the kind.
    pub(super) fn claim_text(&self) -> bool {
        !self.text_is_claimed.swap(true, Ordering::Relaxed)
    }
}
