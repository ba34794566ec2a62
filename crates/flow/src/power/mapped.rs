//! A netlist that synthesis left, with all that its power needs.

use super::{Loads, Timed};
use crate::activity::Program;
use crate::error::FlowError;
use crate::memory::Macro;
use crate::opensta::OpenSta;
use crate::report::Report;
use crate::{liberty, library, netlist};
use std::path::Path;
use std::time::Duration;

/// Name of the clock port in all designs.
const CLOCK: &str = "clk";

/// A mapped design.
pub struct Mapped {
    /// The cells.
    pub library: liberty::Library,
    /// The netlist.
    pub netlist: netlist::Netlist,
    /// Its simulation.
    pub program: Program,
    /// Loads and slews from OpenSTA.
    pub loads: Loads,
}

impl Mapped {
    /// Reads what a synthesis left, and asks OpenSTA for loads and slews; `cells` is the library it was mapped to.
    ///
    /// # Errors
    /// A file cannot be read, the netlist cannot be simulated, OpenSTA is missing or fails.
    pub fn of(report: &Report, cells: &library::Library, timeout: Duration) -> Result<Mapped, FlowError> {
        let said = |e: &dyn std::fmt::Display| FlowError::new(e.to_string());
        let library = liberty::Library::read(&report.prepared_liberty).map_err(|e| said(&e))?;
        let library = library.with(cells.macros.iter().map(Macro::cell));
        let netlist = netlist::Netlist::read(&report.netlist, &report.top, &library).map_err(|e| said(&e))?;
        let program = Program::new(&netlist, &library, CLOCK).map_err(|e| said(&e))?;
        let timed = Timed {
            liberty: &report.prepared_liberty,
            macros: &cells.used(&report.memories),
            netlist: &report.netlist,
            top: &report.top,
            sdc: &report.constraints,
            clock: CLOCK,
            driving_cell: Some(&cells.platform.synthesis.driving_cell),
            output_load: cells.output_load(),
            folder: report.netlist.parent().unwrap_or(Path::new(".")),
            timeout,
        };
        let loads = Loads::measure(&OpenSta::find()?, &timed, &netlist, &library)?;
        Ok(Mapped { library, netlist, program, loads })
    }
}
