//! Modules that were mapped one by one, put together: one flat netlist, with buffers behind what reaches many of them.

use crate::error::FlowError;
use crate::liberty;
use crate::memory::Macro;
use crate::netlist;
use crate::step::{Input, Step, write};
use crate::yosys::{Context, Netlist};
use std::collections::BTreeMap;
use std::path::Path;

/// Cells of the netlist by type.
const CELLS: &str = "cells.json";
/// Part of the step's key: a new version may join otherwise.
const TOOL: &str = concat!("FlashRTL ", env!("CARGO_PKG_VERSION"));

impl Context<'_> {
    /// The flat netlist of modules that were mapped one by one.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub(crate) fn join(&self, netlist: &Netlist, top: &str) -> Result<Netlist, FlowError> {
        let mapped = Input { name: "mapped.v".into(), ..netlist.done.input("netlist.v") };
        let macros = self.macros.iter().map(|m| m.input());
        let step = Step {
            name: "join",
            tool: TOOL,
            inputs: [mapped, self.library.input()].into_iter().chain(macros).collect(),
            scripts: vec![],
            outputs: &["netlist.v", CELLS],
        };
        let mut done = step.make(self.root, |folder| self.joined(folder, top))?;
        let cells = serde_json::from_str(&done.read(CELLS)?)
            .map_err(|e| FlowError::new(format!("{}: {e}", done.path(CELLS).display())))?;
        done.seconds += netlist.done.seconds;
        done.cached &= netlist.done.cached;
        let modules = BTreeMap::from([(top.to_string(), cells)]);
        Ok(Netlist { done, modules, reached_ps: netlist.reached_ps })
    }

    fn joined(&self, folder: &Path, top: &str) -> Result<(), FlowError> {
        let said = |e: &dyn std::fmt::Display| FlowError::new(e.to_string());
        let library = liberty::Library::read(&self.library.path).map_err(|e| said(&e))?;
        let library = library.with(self.macros.iter().map(|m| Macro::cell(m)));
        let mapped = folder.join("mapped.v");
        let mut netlist = netlist::Netlist::read(&mapped, top, &library).map_err(|e| said(&e))?;
        netlist.buffer(&library);
        let mut cells: BTreeMap<&str, u64> = BTreeMap::new();
        for instance in &netlist.instances {
            *cells.entry(&library.cells()[instance.cell].name).or_default() += 1;
        }
        write(&folder.join(CELLS), &serde_json::to_string(&cells).expect("counts are plain data"))?;
        write(&folder.join("netlist.v"), &netlist.verilog(&library))
    }
}
