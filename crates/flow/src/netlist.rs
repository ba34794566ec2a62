//! Mapped netlists: the structural Verilog that Yosys writes after mapping, read back bit by bit.
//!
//! The subset is what `write_verilog -noattr -noexpr -nohex -nodec` gives: declarations, assignments of names, parts,
//! constants and concatenations, and instances with named ports. Modules that the file defines are flattened, with
//! `/` between the names of instances.

mod elaborate;
mod fan_out;
mod lex;
mod parse;
mod write;

use crate::liberty::Library;
use std::fmt;
use std::path::Path;

/// Index of a net.
pub type NetId = u32;

/// The net that is always 0.
pub const ZERO: NetId = 0;
/// The net that is always 1.
pub const ONE: NetId = 1;

/// A flat netlist of library cells.
#[derive(Clone, PartialEq, Debug)]
pub struct Netlist {
    /// Name of the top module.
    pub name: String,
    /// Name of every net, one bit each; the first two are the constants [`ZERO`] and [`ONE`].
    pub nets: Vec<String>,
    /// Ports of the top module, in order.
    pub ports: Vec<Port>,
    /// The cells.
    pub instances: Vec<Instance>,
}

/// A port of the top module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Input rather than output.
    pub input: bool,
    /// Its nets, least significant bit first.
    pub bits: Vec<NetId>,
}

/// A cell in the netlist.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instance {
    /// Its name, with those of the instances around it.
    pub name: String,
    /// Index into [`Library::cells`].
    pub cell: usize,
    /// The net on each pin of the library cell, `None` where unconnected.
    pub pins: Vec<Option<NetId>>,
}

impl Netlist {
    /// Reads a netlist file; `top` is the module to start from.
    ///
    /// # Errors
    /// When the file cannot be read, or as [`Netlist::parse`].
    pub fn read(path: &Path, top: &str, library: &Library) -> Result<Netlist, NetlistError> {
        let text = std::fs::read_to_string(path).map_err(|e| NetlistError::new(0, e.to_string()));
        let netlist = text.and_then(|text| Netlist::parse(&text, top, library));
        netlist.map_err(|e| NetlistError { file: Some(path.display().to_string()), ..e })
    }

    /// Reads the text of a netlist.
    ///
    /// # Errors
    /// With the line: anything outside the subset, names that are nowhere declared, cells and pins that the library
    /// does not have, widths that do not fit.
    pub fn parse(text: &str, top: &str, library: &Library) -> Result<Netlist, NetlistError> {
        elaborate::netlist(&parse::modules(text)?, top, library)
    }

    /// The text of the netlist, in the same subset: one flat module, with dots for `/` in names.
    pub fn verilog(&self, library: &Library) -> String {
        write::verilog(self, library)
    }

    /// Puts trees of buffers behind nets that drive many pins, clocks aside, in place of buffers that are there; nothing
    /// where the library has none.
    pub fn buffer(&mut self, library: &Library) {
        fan_out::buffer(self, library);
    }

    /// The port of this name.
    pub fn port(&self, name: &str) -> Option<&Port> {
        self.ports.iter().find(|p| p.name == name)
    }

    /// Area of all cells, in the library's unit.
    pub fn area(&self, library: &Library) -> f64 {
        self.instances.iter().map(|i| library.cells()[i.cell].area).sum()
    }
}

/// Why a netlist cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetlistError {
    file: Option<String>,
    /// 0 where no line is to blame.
    line: usize,
    what: String,
}

impl NetlistError {
    fn new(line: usize, what: impl Into<String>) -> NetlistError {
        NetlistError { file: None, line, what: what.into() }
    }
}

impl fmt::Display for NetlistError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for NetlistError {}
