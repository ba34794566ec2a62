//! Valid/ready channels among the ports of a module, told by their names: `<channel>valid` and `<channel>ready`.

use crate::design::Design;
use crate::error::Error;
use crate::module::{Direction, Module, Port};
use crate::validate::{Path, paths};

/// A channel out of a module.
#[derive(Clone, Debug)]
pub struct Channel<'m> {
    /// Output: something is offered, until it is taken.
    pub valid: &'m Port,
    /// Input: what is offered is taken at the coming clock edge.
    pub ready: &'m Port,
    /// Outputs that stand still meanwhile, those that `valid` qualifies.
    pub payload: Vec<&'m Port>,
}

/// The channels out of a module.
pub fn channels(module: &Module) -> Vec<Channel<'_>> {
    let channels = module.outputs().filter_map(|(_, valid)| {
        let (_, ready) = module.port(&format!("{}ready", valid.name.strip_suffix("valid")?))?;
        let payload =
            module.outputs().map(|(_, port)| port).filter(|p| p.valid_by.as_ref() == Some(&valid.name));
        (ready.direction == Direction::Input).then(|| Channel { valid, ready, payload: payload.collect() })
    });
    channels.collect()
}

/// Checks that no valid output of the top depends on a ready input within a cycle: a far side whose ready follows valid
/// would close a loop with it, and one that waits for valid would wait forever.
///
/// # Errors
/// Names the two ports.
pub fn check_handshakes(design: &Design) -> Result<(), Error> {
    let top = design.top();
    for Path { output, inputs } in paths(design)? {
        let ready = inputs.iter().find(|input| input.ends_with("ready"));
        if let Some(ready) = ready.filter(|_| output.ends_with("valid")) {
            let what = format!("output `{output}` depends on input `{ready}` within a cycle");
            return Err(Error::graph(&top.name, what));
        }
    }
    Ok(())
}
