//! Buffers behind nets that reach many modules.
//!
//! Modules that are mapped one by one are sized one by one: what a signal reaches beyond its module is unknown there.
//! In the flat netlist that is put together of them, every net with too many readers gets a tree of buffers. Readers
//! stay in the order of the netlist, so that a buffer's are of neighbouring modules.

use super::{Instance, NetId, Netlist, ONE};
use crate::liberty::{Cell, CellKind, Expr, Library, PinDirection};
use crate::recipe::FAN_OUT;

/// What a buffer drives at most, as a multiple of its own input capacitance: its output stage is larger than its input's.
const EFFORT: f64 = 10.0;

/// A pin: instance, and pin of its cell.
type Reader = (usize, usize);

/// Puts buffers behind all nets that drive more than [`FAN_OUT`] pins, clocks aside; none where the library has none.
pub(super) fn buffer(netlist: &mut Netlist, library: &Library) {
    let buffers = Buffer::all(library);
    if buffers.is_empty() {
        return;
    }
    for (net, readers) in readers(netlist, library).into_iter().enumerate() {
        if readers.len() > FAN_OUT as usize && !clocks(&readers, netlist, library) {
            Tree { netlist, library, buffers: &buffers }.grow(net as NetId, readers);
        }
    }
}

/// The pins that each net drives; none for constants.
fn readers(netlist: &Netlist, library: &Library) -> Vec<Vec<Reader>> {
    let mut readers = vec![vec![]; netlist.nets.len()];
    for (i, instance) in netlist.instances.iter().enumerate() {
        for pin in library.cells()[instance.cell].pins_of(PinDirection::Input) {
            if let Some(net) = instance.pins[pin].filter(|net| *net > ONE) {
                readers[net as usize].push((i, pin));
            }
        }
    }
    readers
}

/// Whether a clock pin is among them: trees of clocks are made after placement.
fn clocks(readers: &[Reader], netlist: &Netlist, library: &Library) -> bool {
    readers.iter().any(|(i, pin)| library.cells()[netlist.instances[*i].cell].clock() == Some(*pin))
}

/// A cell that passes its only input on.
struct Buffer {
    cell: usize,
    input: usize,
    output: usize,
    /// Farad.
    capacitance: f64,
}

impl Buffer {
    /// Those of a library, the smallest first.
    fn all(library: &Library) -> Vec<Buffer> {
        let cells = library.cells();
        let mut all: Vec<Buffer> =
            cells.iter().enumerate().filter_map(|(i, cell)| Buffer::of(i, cell)).collect();
        all.sort_by(|a, b| cells[a.cell].area.total_cmp(&cells[b.cell].area));
        all
    }

    fn of(index: usize, cell: &Cell) -> Option<Buffer> {
        let mut inputs = cell.pins_of(PinDirection::Input);
        let mut outputs = cell.pins_of(PinDirection::Output);
        let (input, output) = (inputs.next()?, outputs.next()?);
        let passes = cell.pins[output].function == Some(Expr::Var(input as u32));
        let alone = inputs.next().is_none() && outputs.next().is_none();
        (alone && passes && cell.kind == CellKind::Combinational).then_some(Buffer {
            cell: index,
            input,
            output,
            capacitance: cell.pins[input].capacitance,
        })
    }
}

struct Tree<'a> {
    netlist: &'a mut Netlist,
    library: &'a Library,
    buffers: &'a [Buffer],
}

impl Tree<'_> {
    /// Puts buffers between a net and its readers, level by level, until what is left is a small load.
    fn grow(&mut self, root: NetId, mut readers: Vec<Reader>) {
        while readers.len() > 1 && (readers.len() > FAN_OUT as usize || self.load(&readers) > self.light()) {
            let groups = readers.len().div_ceil(FAN_OUT as usize);
            let size = readers.len().div_ceil(groups);
            readers = readers.chunks(size).map(|group| self.insert(root, group)).collect();
        }
    }

    /// A buffer on `root` that drives the readers; its input is what reads `root` then.
    fn insert(&mut self, root: NetId, readers: &[Reader]) -> Reader {
        let load = self.load(readers);
        let enough = |b: &&Buffer| EFFORT * b.capacitance >= load;
        let buffer = self.buffers.iter().find(enough).or(self.buffers.last()).expect("there are some");
        let net = self.netlist.nets.len() as NetId;
        let number = self.netlist.instances.len();
        let around = self.netlist.nets[root as usize].rfind(['.', '/']);
        let path = around.map_or("", |at| &self.netlist.nets[root as usize][..=at]);
        let name = format!("{path}_fan_out_{number}_");
        for (instance, pin) in readers {
            self.netlist.instances[*instance].pins[*pin] = Some(net);
        }
        let mut pins = vec![None; self.library.cells()[buffer.cell].pins.len()];
        (pins[buffer.input], pins[buffer.output]) = (Some(root), Some(net));
        self.netlist.nets.push(name.clone());
        self.netlist.instances.push(Instance { name, cell: buffer.cell, pins });
        (number, buffer.input)
    }

    /// Capacitance of pins, farad.
    fn load(&self, readers: &[Reader]) -> f64 {
        let pin =
            |(i, pin): &Reader| self.library.cells()[self.netlist.instances[*i].cell].pins[*pin].capacitance;
        readers.iter().map(pin).sum()
    }

    /// What any cell can drive, farad.
    fn light(&self) -> f64 {
        EFFORT * self.buffers.iter().map(|b| b.capacitance).fold(f64::INFINITY, f64::min)
    }
}
