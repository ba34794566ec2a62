//! Buffers behind nets that reach many modules.
//!
//! Modules that are mapped one by one are sized one by one: what a signal reaches beyond its module is unknown there.
//! In the flat netlist that is put together of them, every net with too many readers gets a tree of buffers; where a
//! signal reaches very many, in place of the buffers that ABC put there: it makes chains of them. Readers stay in the
//! order of the netlist, so that a buffer's are of neighbouring modules.

use super::{Instance, NetId, Netlist, ONE};
use crate::liberty::{Cell, CellKind, Expr, Library, PinDirection};
use crate::recipe::FAN_OUT;
use std::collections::{BTreeSet, HashMap};

/// What a buffer drives at most, as a multiple of its own input capacitance: its output stage is larger than its input's.
const EFFORT: f64 = 10.0;
/// Pins from which on a tree takes the place of a chain, which has the most urgent of them in front.
const BROAD: usize = 8 * FAN_OUT as usize;

/// A pin: instance, and pin of its cell.
type Reader = (usize, usize);

/// Puts buffers behind all nets that reach more than [`FAN_OUT`] pins, clocks aside; none where the library has none.
pub(super) fn buffer(netlist: &mut Netlist, library: &Library) {
    let buffers = Buffer::all(library);
    if buffers.is_empty() {
        return;
    }
    let before = Before::of(netlist, library, &buffers);
    let mut replaced = BTreeSet::new();
    for net in before.nets() {
        let driver = before.driver.get(&net);
        let (mut readers, passed) = before.reached(net);
        let broad = driver.is_none() && readers.len() > BROAD;
        if !broad {
            readers = before.readers[net as usize].clone();
        }
        let clocks = |(i, pin): &Reader| library.cells()[netlist.instances[*i].cell].clock() == Some(*pin);
        let gone = driver.is_some_and(|buffer| replaced.contains(buffer));
        // Trees of clocks are made after placement.
        if readers.len() > FAN_OUT as usize && !gone && !readers.iter().any(clocks) {
            replaced.extend(passed.into_iter().filter(|_| broad));
            Tree { netlist, library, buffers: &buffers }.grow(net, readers);
        }
    }
    let mut number = 0..;
    netlist.instances.retain(|_| !number.next().is_some_and(|i: usize| replaced.contains(&i)));
}

/// What the nets drove before.
struct Before {
    /// Pins by net.
    readers: Vec<Vec<Reader>>,
    /// The nets that buffers drive, by instance; but for those that are ports.
    passed: HashMap<usize, NetId>,
    /// The buffers that drive these nets.
    driver: HashMap<NetId, usize>,
}

impl Before {
    fn of(netlist: &Netlist, library: &Library, buffers: &[Buffer]) -> Before {
        let (mut readers, mut passed) = (vec![vec![]; netlist.nets.len()], HashMap::new());
        let ports: BTreeSet<NetId> = netlist.ports.iter().flat_map(|p| &p.bits).copied().collect();
        for (i, instance) in netlist.instances.iter().enumerate() {
            for pin in library.cells()[instance.cell].pins_of(PinDirection::Input) {
                instance.pins[pin].into_iter().for_each(|net| readers[net as usize].push((i, pin)));
            }
            let buffer = buffers.iter().find(|b| b.cell == instance.cell);
            if let Some(net) = buffer.and_then(|b| instance.pins[b.output]).filter(|net| !ports.contains(net))
            {
                passed.insert(i, net);
            }
        }
        let driver = passed.iter().map(|(buffer, net)| (*net, *buffer)).collect();
        Before { readers, passed, driver }
    }

    /// The nets but for constants, those behind buffers last.
    fn nets(&self) -> Vec<NetId> {
        let mut nets: Vec<NetId> = (ONE + 1..self.readers.len() as NetId).collect();
        nets.sort_by_key(|net| self.driver.contains_key(net));
        nets
    }

    /// The pins that a net reaches, through buffers too, and these buffers.
    fn reached(&self, net: NetId) -> (Vec<Reader>, Vec<usize>) {
        let (mut nets, mut readers, mut buffers) = (vec![net], vec![], vec![]);
        while let Some(net) = nets.pop() {
            for reader in &self.readers[net as usize] {
                match self.passed.get(&reader.0) {
                    Some(next) => {
                        nets.push(*next);
                        buffers.push(reader.0);
                    }
                    None => readers.push(*reader),
                }
            }
        }
        readers.sort_unstable();
        (readers, buffers)
    }
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

impl<'a> Tree<'a> {
    /// Puts buffers between a net and its readers, level by level, until what is left is a small load.
    fn grow(&mut self, root: NetId, mut readers: Vec<Reader>) {
        while readers.len() > FAN_OUT as usize || self.lightens(&readers) {
            let groups = readers.len().div_ceil(FAN_OUT as usize);
            let size = readers.len().div_ceil(groups);
            readers = readers.chunks(size).map(|group| self.insert(root, group)).collect();
        }
    }

    /// A buffer on `root` that drives the readers; its input is what reads `root` then.
    fn insert(&mut self, root: NetId, readers: &[Reader]) -> Reader {
        let buffer = self.fit(self.load(readers));
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

    /// The smallest buffer for a load in farad.
    fn fit(&self, load: f64) -> &'a Buffer {
        let enough = |b: &&Buffer| EFFORT * b.capacitance >= load;
        self.buffers.iter().find(enough).or(self.buffers.last()).expect("there are some")
    }

    /// Whether the readers are more than any cell can drive, and a buffer is less.
    fn lightens(&self, readers: &[Reader]) -> bool {
        let load = self.load(readers);
        let smallest = self.buffers.iter().map(|b| b.capacitance).fold(f64::INFINITY, f64::min);
        load > EFFORT * smallest && self.fit(load).capacitance < load
    }
}
