//! Names that tell modules with the same name in two designs apart.
//!
//! The name of a combinational kind says everything that it depends on, unless it is made of others: how many of them
//! may depend on the period, as the nodes of a sum do. A module with a clock depends on more: where the period has put
//! its registers, the style of the reset, and, in control, on what is around it. The end of such a name is therefore a
//! hash of the module's Verilog, so that the designs of one project can be read together.

use crate::design::Design;
use crate::module::ModuleId;
use crate::verilog::{Header, write_module};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Hexadecimal digits of the hash.
const DIGITS: usize = 6;

/// Ends the names of modules with a clock in a hash of their content, and of those of a design for a period that are
/// made of others. The top, and modules that are called after it (`<top>_lane`), keep the names that the user has given.
pub(crate) fn name_by_content(design: &mut Design, timed: bool) {
    let own = format!("{}_", design.top().name);
    for i in 0..design.modules.len() {
        let (id, module) = (ModuleId(i as u32), &design.modules[i]);
        let varies = module.has_clock || (timed && !module.instances.is_empty());
        if id == design.top || !varies || module.name.starts_with(&own) {
            continue;
        }
        // Children come first, so that the text has the names that they keep.
        let text = write_module(design, id, &Header::default());
        let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{}_{}", module.name, &hash[..DIGITS]);
        Arc::make_mut(&mut design.modules[i]).name = name.into();
    }
}
