//! A netlist that synthesis left, with all that its power needs.

use super::{CrossCheck, Loads, Power, Timed, cross_check};
use crate::activity::{Activity, Program};
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
pub struct Mapped<'a> {
    /// The cells.
    pub library: liberty::Library,
    /// The netlist.
    pub netlist: netlist::Netlist,
    /// Its simulation.
    pub program: Program,
    /// Loads and slews from OpenSTA.
    pub loads: Loads,
    sta: OpenSta,
    report: &'a Report,
    cells: &'a library::Library,
    timeout: Duration,
}

impl<'a> Mapped<'a> {
    /// Reads what a synthesis left, and asks OpenSTA for loads and slews; `cells` is the library it was mapped to.
    ///
    /// # Errors
    /// A file cannot be read, the netlist cannot be simulated, OpenSTA is missing or fails.
    pub fn of(
        report: &'a Report,
        cells: &'a library::Library,
        timeout: Duration,
    ) -> Result<Mapped<'a>, FlowError> {
        let said = |e: &dyn std::fmt::Display| FlowError::new(e.to_string());
        let library = liberty::Library::read(&report.prepared_liberty).map_err(|e| said(&e))?;
        let library = library.with(cells.macros.iter().map(Macro::cell));
        let netlist = netlist::Netlist::read(&report.netlist, &report.top, &library).map_err(|e| said(&e))?;
        let program = Program::new(&netlist, &library, CLOCK).map_err(|e| said(&e))?;
        let sta = OpenSta::find()?;
        let macros = cells.used(&report.memories);
        let loads = Loads::measure(&sta, &timed(report, cells, &macros, timeout), &netlist, &library)?;
        Ok(Mapped { library, netlist, program, loads, sta, report, cells, timeout })
    }

    /// What a newer OpenSTA, if that is installed, finds where `power` was found from `activity`.
    ///
    /// # Panics
    /// When `activity` belongs to another netlist.
    pub fn cross_check(&self, activity: &Activity, power: &Power) -> Option<CrossCheck> {
        let macros = self.cells.used(&self.report.memories);
        let timed = timed(self.report, self.cells, &macros, self.timeout);
        cross_check(&self.sta, &timed, &self.netlist, &self.library, activity, power)
    }
}

fn timed<'t>(
    report: &'t Report,
    cells: &'t library::Library,
    macros: &'t [&'t Macro],
    timeout: Duration,
) -> Timed<'t> {
    Timed {
        liberty: &report.prepared_liberty,
        macros,
        netlist: &report.netlist,
        top: &report.top,
        sdc: &report.constraints,
        clock: CLOCK,
        driving_cell: Some(&cells.platform.synthesis.driving_cell),
        output_load: cells.output_load(),
        folder: report.netlist.parent().unwrap_or(Path::new(".")),
        timeout,
    }
}
