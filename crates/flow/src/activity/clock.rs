//! Which nets carry the clock, and when its pulses reach them.

use super::compile::CompileError;
use crate::liberty::{CellKind, Expr, Library, PinDirection};
use crate::netlist::{NetId, Netlist};
use std::collections::HashMap;

/// A net of the clock network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ClockNet {
    /// Falls when the clock rises.
    pub inverted: bool,
    /// Clock gates passed on the way, nearest to the root first: instances whose enable must be 1.
    pub gates: Vec<usize>,
}

/// The clock network from its root: through buffers, inverters and clock gates to flip-flops and memories.
///
/// # Errors
/// When the clock reaches anything else.
pub(super) fn network(
    netlist: &Netlist,
    library: &Library,
    root: Option<NetId>,
) -> Result<HashMap<NetId, ClockNet>, CompileError> {
    let mut readers: HashMap<NetId, Vec<(usize, usize)>> = HashMap::new();
    for (i, instance) in netlist.instances.iter().enumerate() {
        let cell = &library.cells()[instance.cell];
        for pin in cell.pins_of(PinDirection::Input) {
            if let Some(net) = instance.pins[pin] {
                readers.entry(net).or_default().push((i, pin));
            }
        }
    }
    let mut found = HashMap::new();
    let mut todo: Vec<(NetId, ClockNet)> =
        root.map(|net| (net, ClockNet { inverted: false, gates: vec![] })).into_iter().collect();
    while let Some((net, clock)) = todo.pop() {
        for &(i, pin) in readers.get(&net).into_iter().flatten() {
            let instance = &netlist.instances[i];
            let cell = &library.cells()[instance.cell];
            let mut after = clock.clone();
            match &cell.kind {
                CellKind::FlipFlop(ff) if ff.clock == pin => continue,
                CellKind::Memory(memory) if memory.clock == pin => continue,
                CellKind::ClockGate { clock: input, .. } if *input == pin && !clock.inverted => {
                    after.gates.push(i);
                }
                CellKind::Combinational => match single_input(cell, pin) {
                    Some(inverts) => after.inverted ^= inverts,
                    None => return Err(CompileError::clock_as_data(&instance.name, &cell.name)),
                },
                _ => return Err(CompileError::clock_as_data(&instance.name, &cell.name)),
            }
            let outputs = cell.pins_of(PinDirection::Output).filter_map(|pin| instance.pins[pin]);
            todo.extend(outputs.map(|net| (net, after.clone())));
        }
        found.insert(net, clock);
    }
    Ok(found)
}

/// Whether a cell with one input inverts it; `None` for other cells.
fn single_input(cell: &crate::liberty::Cell, pin: usize) -> Option<bool> {
    let output = cell.pins_of(PinDirection::Output).next()?;
    let input = Expr::var(pin);
    match cell.pins[output].function.as_ref()? {
        f if *f == input => Some(false),
        f if *f == Expr::not(input) => Some(true),
        _ => None,
    }
}
