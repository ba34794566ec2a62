//! The external tools of the flow, and the flows that designs are exported to: a new one is a file and a line here.

use crate::error::FlowError;
use crate::export::Exporter;
use crate::opensta::OpenSta;
use crate::yosys::Yosys;
use crate::{fusesoc, librelane, orfs};

/// An external tool.
pub struct Backend {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// How to install it.
    pub install: &'static str,
    /// Its version, or why it cannot be used.
    pub find: fn() -> Result<String, FlowError>,
}

/// The tools, in the order in which a design meets them.
pub const BACKENDS: &[Backend] = &[
    Backend {
        name: "pyosys",
        purpose: "maps the Verilog to cells (synth); the program yosys stands in, less well",
        install: Yosys::INSTALL,
        find: || Yosys::find().map(|yosys| yosys.version()),
    },
    Backend {
        name: "sta",
        purpose: "times the netlist (synth)",
        install: OpenSta::INSTALL,
        find: || OpenSta::find().map(|sta| sta.version()),
    },
];

/// The flows that designs are exported to, and whose figures are read back.
pub const EXPORTERS: &[Exporter] = &[orfs::EXPORTER, librelane::EXPORTER, fusesoc::EXPORTER];
