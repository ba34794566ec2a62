//! Memories in macros of a platform: which macros a memory is made of, the Verilog that puts them together, and what
//! the macros do.
//!
//! ```text
//!  wrapper (addr, write, read, d, q) ──► columns side by side for the bits, banks on top of each other for the rows
//! ```

mod macro_cell;
mod mapping;
mod section;
mod verilog;

pub use macro_cell::Macro;
pub use mapping::{Group, Mapping, Place, Size, map};
pub(crate) use section::file;
pub use section::{Control, Files, Ports, ReadPort, Section, WriteMask};
pub use verilog::{model, wrapper};

use crate::platform::{ORFS, PDK, Platform};
use hdl::verilog::{File, Header};
use hdl::{Design, Module, ModuleId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A memory of a design, in macros.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Placed {
    /// Its wrapper: the module that the macros are in.
    pub module: String,
    /// Copies of it in the design.
    pub copies: u64,
    /// Rows.
    pub rows: u32,
    /// Bits of a row.
    pub bits: u32,
    /// The macros of one copy, by name.
    pub macros: Vec<Used>,
    /// Their area in one copy, µm².
    pub um2: f64,
    /// Bits of one copy's macros that nobody uses.
    pub unused_bits: u64,
    /// The Verilog of the wrapper.
    #[serde(skip)]
    pub text: String,
}

/// Macros of one kind in a memory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Used {
    /// Name of the macro.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// The memories of a design in the macros of a platform, the smallest choice of them. Wrappers are the modules whose
/// names begin with `prefix`: a single-port memory and nothing else, with ports `addr`, `write`, `read`, `d` and `q`.
pub fn place(design: &Design, prefix: &str, macros: &[Macro], header: &Header) -> Vec<Placed> {
    let sizes: Vec<Size> = macros.iter().map(Macro::size).collect();
    let copies = design.copies();
    let placed = wrappers(design, prefix).filter_map(|id| {
        let module = design.module(id);
        let memory = &module.memories[0];
        let mapping = map(memory.depth, memory.ty.bits(), &sizes)?;
        Some(Placed {
            module: hdl::verilog::identifier(&module.name),
            copies: copies[id.index()],
            rows: mapping.rows,
            bits: mapping.bits,
            macros: used(&mapping, macros),
            um2: mapping.area(&sizes),
            unused_bits: mapping.unused_bits(&sizes),
            text: wrapper(design, id, &mapping, macros, header),
        })
    });
    placed.collect()
}

impl Placed {
    /// The file of the wrapper, as [`hdl::verilog::write`] names it.
    pub fn file_name(&self) -> String {
        format!("{}.v", self.module)
    }

    /// What is in one copy: `16 fakeram45_64x32`.
    pub fn macros_text(&self) -> String {
        let each = self.macros.iter().map(|used| format!("{} {}", used.count, used.name));
        each.collect::<Vec<_>>().join(" and ")
    }

    /// Part of the macros' bits that nobody uses.
    pub fn unused(&self) -> f64 {
        let used = u64::from(self.rows) * u64::from(self.bits);
        self.unused_bits as f64 / (self.unused_bits + used) as f64
    }
}

/// The files of a design with the wrappers of placed memories in the place of the behavioural ones.
pub fn replaced(mut files: Vec<File>, placed: &[Placed]) -> Vec<File> {
    for file in &mut files {
        if let Some(placed) = placed.iter().find(|placed| placed.file_name() == file.name) {
            file.text.clone_from(&placed.text);
        }
    }
    files
}

/// Names of the macros in some memories, each once.
pub fn names(placed: &[Placed]) -> BTreeSet<&str> {
    placed.iter().flat_map(|p| &p.macros).map(|used| used.name.as_str()).collect()
}

/// Models of the macros in some memories, a file `<macro>.v` each.
pub fn models(placed: &[Placed], macros: &[Macro], header: &Header) -> Vec<File> {
    let names = names(placed);
    let used = macros.iter().filter(|m| names.contains(m.name.as_str()));
    used.map(|m| File { name: format!("{}.v", m.name), text: model(m, header) }).collect()
}

/// Why memories that want macros are not in any; `None` if they are, or the design has none of them.
pub fn unplaced(design: &Design, prefix: &str, placed: &[Placed], platform: &Platform) -> Option<String> {
    if !placed.is_empty() || wrappers(design, prefix).next().is_none() {
        return None;
    }
    let name = &platform.name;
    let why = match Section::of(platform) {
        Ok(None) => format!("no macro of {name} is known"),
        _ => format!("no Liberty file of a macro of {name} was found ({PDK} and {ORFS} name their places)"),
    };
    Some(format!("{why}, so the bodies of the wrappers of memories become flip-flops"))
}

/// The modules that macros may stand for.
pub fn wrappers<'a>(design: &'a Design, prefix: &'a str) -> impl Iterator<Item = ModuleId> + 'a {
    let is_wrapper =
        move |m: &Module| m.name.starts_with(prefix) && m.memories.len() == 1 && m.registers.is_empty();
    let modules = design.modules.iter().enumerate();
    modules.filter(move |(_, m)| is_wrapper(m)).map(|(i, _)| ModuleId(i as u32))
}

/// The commands of a script that read macros, with an option.
pub(crate) fn read_liberty(macros: &[&Macro], option: &str) -> String {
    macros.iter().map(|m| format!("read_liberty {option}{}\n", m.liberty_name())).collect()
}

/// The macros of a mapping, those of one kind together.
fn used(mapping: &Mapping, macros: &[Macro]) -> Vec<Used> {
    let count = |group: &Group| u64::from(group.columns) * u64::from(group.banks);
    let one = |group: &Group| Used { name: macros[group.kind].name.clone(), count: count(group) };
    mapping.groups.iter().map(one).collect()
}
