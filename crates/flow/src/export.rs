//! A design handed to somebody else's flow: what an exporter gets and gives.

use crate::error::FlowError;
use crate::layout::{Layout, Run};
use crate::memory::{self, Placed};
use crate::platform::Platform;
use hdl::verilog::{File, Header, identifier};
use hdl::{Design, Op};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// Reads what a flow brought back.
pub type Reader = fn(&Run) -> Result<Layout, FlowError>;

/// A flow that designs are exported to.
pub struct Exporter {
    /// Its name.
    pub name: &'static str,
    /// What comes out.
    pub purpose: &'static str,
    /// The platform that is meant when none is named; `None` where the flow needs none.
    pub platform: Option<&'static str>,
    /// The files of the flow for a design.
    pub export: fn(&Source) -> Result<Files, FlowError>,
    /// Reads what a run of the flow brought back; `None` where it brings no figures.
    pub read: Option<Reader>,
}

/// Files by their paths in the folder that is exported.
pub type Files = Vec<(String, String)>;

/// A design on its way out.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Its name: a lower-case identifier.
    pub name: &'a str,
    /// A sentence about it.
    pub description: &'a str,
    /// The hardware.
    pub design: &'a Design,
    /// What generated files begin with.
    pub header: &'a Header,
    /// Its RTL, children before parents: Verilog only.
    pub rtl: &'a [File],
    /// The self-checking testbench `tb_<top>.v` and its vectors, where the flow simulates.
    pub bench: &'a [File],
    /// Timing constraints in SDC that use the variable `clk_period`, without the line that sets it.
    pub constraints: &'a str,
    /// Memories of the design that are in macros in its RTL.
    pub memories: &'a [Placed],
    /// What these macros do, for simulation.
    pub models: &'a [File],
    /// Where and how fast; `None` for flows that need no platform.
    pub target: Option<Target<'a>>,
}

/// The platform of an export, and the clock on it.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The platform.
    pub platform: &'a Platform,
    /// Clock period, ps.
    pub period_ps: f64,
}

/// State bits above which a design is synthesised module by module: some hundred thousand cells.
const LARGE: u64 = 20_000;

impl<'a> Source<'a> {
    /// Name of the top module.
    pub(crate) fn top(&self) -> String {
        identifier(&self.design.top().name)
    }

    /// The header as comment lines that begin with `#`.
    pub(crate) fn comment(&self) -> String {
        let line = |line: &str| format!("{}\n", line.replacen("//", "#", 1));
        self.header.comment().lines().map(line).collect()
    }

    /// The files of the RTL in a folder.
    pub(crate) fn rtl_in(&self, folder: &str) -> Files {
        self.rtl.iter().map(|file| (format!("{folder}/{}", file.name), file.text.clone())).collect()
    }

    /// The models of macros in a folder of their own: synthesis must not read them.
    pub(crate) fn models_in(&self, folder: &str) -> Files {
        self.models.iter().map(|file| (format!("{folder}/{}", file.name), file.text.clone())).collect()
    }

    /// Names of the macros.
    pub(crate) fn macros(&self) -> BTreeSet<&'a str> {
        memory::names(self.memories)
    }

    /// Platform and clock of a flow that cannot do without.
    ///
    /// # Errors
    /// The design has no clock, so that there is nothing to build a clock tree for.
    pub(crate) fn target(&self) -> Result<Target<'a>, FlowError> {
        if !self.design.top().has_clock {
            return Err(FlowError::new(format!(
                "{}: is combinational, and place and route need a clock; pipeline it with clock.mhz",
                self.name
            )));
        }
        Ok(self.target.expect("exporters with a platform get one"))
    }

    /// Whether the design is too large to be flattened in reasonable time.
    pub(crate) fn is_large(&self) -> bool {
        self.sum(|module| {
            let registers = module.registers.iter().map(|r| u64::from(r.ty.bits()));
            registers.chain([self.array_bits(module)]).sum()
        }) > LARGE
    }

    /// Bits of a module's register files, and of its memory unless that is in macros.
    fn array_bits(&self, module: &hdl::Module) -> u64 {
        let files = module.files.iter().map(|f| u64::from(f.depth) * u64::from(f.ty.bits()));
        let memories = module.memories.iter().map(|m| u64::from(m.depth) * u64::from(m.ty.bits()));
        let name = identifier(&module.name);
        let in_macros = self.memories.iter().any(|placed| placed.module == name);
        files.sum::<u64>() + if in_macros { 0 } else { memories.sum() }
    }

    /// Bits of what Yosys takes for memories and maps to flip-flops and gates: register files, memories without macros,
    /// and constant tables.
    pub(crate) fn mapped_memory_bits(&self) -> u64 {
        self.sum(|module| {
            let tables = module.nodes.iter().map(|node| match &node.op {
                Op::Table(_, rows) => rows.len().next_power_of_two() as u64 * u64::from(node.ty.bits()),
                _ => 0,
            });
            tables.sum::<u64>() + self.array_bits(module)
        })
    }

    /// A figure of the modules summed over all their copies.
    fn sum(&self, of: impl Fn(&hdl::Module) -> u64) -> u64 {
        let copies = self.design.copies();
        self.design.modules.iter().zip(copies).map(|(module, copies)| copies * of(module)).sum()
    }
}

/// A section of a platform's file that belongs to an exporter.
///
/// # Errors
/// The section is missing, because the flow does not know the platform, or wrong.
pub(crate) fn section<T: DeserializeOwned>(
    platform: &Platform,
    name: &str,
    flow: &str,
) -> Result<T, FlowError> {
    let section = platform.sections.get(name).cloned().ok_or_else(|| {
        FlowError::new(format!(
            "platform \"{}\": {flow} does not have it (its file has no [{name}] section)",
            platform.name
        ))
    })?;
    section
        .try_into()
        .map_err(|e| FlowError::new(format!("platform \"{}\", section [{name}]: {e}", platform.name)))
}
