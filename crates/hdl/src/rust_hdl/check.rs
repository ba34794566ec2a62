//! The gate that every design passes before its RTL leaves the tool.

use super::block::{Depth, ModuleBlock};
use super::bridge::Bridge;
use super::lower::plain_name;
use crate::design::Design;
use crate::error::Error;
use crate::module::ModuleId;
use ::rust_hdl::core::check_error::{CheckError, PathedName};
use ::rust_hdl::prelude::{Block, check_all};

/// Runs rust-hdl's `check_all` (open connections, combinational loops, writes to inputs) on every kind of a design.
///
/// Each kind is checked once, as a top of its own, with the blocks below it reduced to their ports and to which
/// outputs follow which inputs; so a large design takes no longer than its kinds.
/// Errors name the kind and the signals.
pub fn check(design: &Design) -> Result<(), Error> {
    let bridge = Bridge::new(design);
    for id in (0..design.modules.len() as u32).map(ModuleId) {
        let mut block = ModuleBlock::new(&bridge, id, Depth::Below);
        block.connect_all();
        check_all(&block).map_err(|e| error(&design.module(id).name, e))?;
    }
    Ok(())
}

fn error(module: &str, error: CheckError) -> Error {
    let (what, places) = match error {
        CheckError::OpenSignal(map) => ("is not connected", map.into_values().collect()),
        CheckError::LogicLoops(places) => ("is in a combinational loop", places),
        CheckError::WritesToInputs(places) => ("is an input and is written inside the module", places),
    };
    Error::graph(module, format!("{} {what} (rust-hdl check)", list(places)))
}

/// The signals in question, sorted.
fn list(places: Vec<PathedName>) -> String {
    let place = |p: &PathedName| {
        let name = plain_name(&p.name);
        match p.path.strip_prefix("uut$") {
            Some(path) => format!("`{}.{name}`", path.replace('$', ".")),
            None => format!("`{name}`"),
        }
    };
    let mut names: Vec<String> = places.iter().map(place).collect();
    names.sort();
    names.dedup();
    names.join(", ")
}
