//! A finished design: its module kinds, children before parents, and the top.

use crate::module::{Loop, Module, ModuleId};
use std::collections::HashMap;
use std::sync::Arc;

/// When registers with a reset value are reset.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ResetKind {
    /// At the clock edge.
    #[default]
    Sync,
    /// At once.
    Async,
}

/// Reset style of the emitted RTL.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Reset {
    /// Synchronous or asynchronous.
    pub kind: ResetKind,
    /// `rst_n` instead of `rst`.
    pub active_low: bool,
}

impl Reset {
    /// Name of the reset port.
    pub const fn port(self) -> &'static str {
        if self.active_low { "rst_n" } else { "rst" }
    }
}

/// A complete design. Every module reachable from the top is present exactly once, children before parents.
#[derive(Clone, Debug)]
pub struct Design {
    /// The kinds.
    pub modules: Vec<Arc<Module>>,
    /// The top module.
    pub top: ModuleId,
    /// Reset style.
    pub reset: Reset,
}

impl Design {
    /// The module with this index.
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.index()]
    }

    /// The top module.
    pub fn top(&self) -> &Module {
        self.module(self.top)
    }

    /// The kind of this name.
    pub fn find(&self, name: &str) -> Option<ModuleId> {
        self.modules.iter().position(|m| &*m.name == name).map(|i| ModuleId(i as u32))
    }

    /// The design that has one of the kinds as its top.
    pub fn part(&self, top: ModuleId) -> Design {
        Design::prune(&self.modules, top, self.reset)
    }

    /// Copies of each kind in the flattened design, in module order.
    pub fn copies(&self) -> Vec<u64> {
        let mut copies = vec![0; self.modules.len()];
        copies[self.top.index()] = 1;
        for (i, module) in self.modules.iter().enumerate().rev() {
            for inst in &module.instances {
                copies[inst.module.index()] += copies[i] * u64::from(inst.count);
            }
        }
        copies
    }

    /// Every state recurrence with the kind that holds it.
    pub fn loops(&self) -> impl Iterator<Item = (&Module, &Loop)> {
        self.modules.iter().flat_map(|m| m.loops.iter().map(move |l| (&**m, l)))
    }

    /// The smallest legal interleave: the longest recurrence, at least 1.
    pub fn min_interleave(&self) -> u32 {
        self.loops().map(|(_, l)| l.cycles).max().unwrap_or(1)
    }

    /// The part of `modules` below `top`, renumbered, in the order of the input.
    pub(crate) fn prune(modules: &[Arc<Module>], top: ModuleId, reset: Reset) -> Design {
        let mut used = vec![false; modules.len()];
        used[top.index()] = true;
        for (i, module) in modules.iter().enumerate().rev().filter(|(i, _)| *i <= top.index()) {
            if used[i] {
                module.instances.iter().for_each(|inst| used[inst.module.index()] = true);
            }
        }
        let kept: Vec<usize> = (0..modules.len()).filter(|&i| used[i]).collect();
        let place: HashMap<usize, u32> =
            kept.iter().enumerate().map(|(to, &from)| (from, to as u32)).collect();
        let renumber = |module: &Arc<Module>| {
            let mut module = Module::clone(module);
            for inst in &mut module.instances {
                inst.module = ModuleId(place[&inst.module.index()]);
            }
            Arc::new(module)
        };
        let modules = kept.iter().map(|&i| renumber(&modules[i])).collect();
        Design { modules, top: ModuleId(place[&top.index()]), reset }
    }
}
