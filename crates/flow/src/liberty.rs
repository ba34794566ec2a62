//! What a Liberty file says about cells, as far as simulating a netlist and adding up its power needs it.
//!
//! Quantities are in SI units: farad, watt, joule, second. Where a library gives the energy of each supply rail, the
//! groups of ground rails are left out: their current flows at 0 V, and adding them would count a charge twice.

mod function;
mod read;
mod table;

pub use function::Expr;
pub use read::LibertyError;
pub use table::Table;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

/// A cell library.
#[derive(Clone, PartialEq, Debug)]
pub struct Library {
    /// Its name.
    pub name: String,
    /// Nominal supply voltage in volts.
    pub voltage: f64,
    /// The file's unit of capacitance in farad.
    pub farad: f64,
    cells: Vec<Cell>,
    by_name: HashMap<String, usize>,
}

impl Library {
    /// Reads a Liberty file, plain or compressed by gzip.
    ///
    /// # Errors
    /// When the file cannot be read, is not Liberty, or a cell names a pin that it does not have.
    pub fn read(path: &Path) -> Result<Library, LibertyError> {
        read::file(path)
    }

    /// Reads the text of a Liberty file.
    ///
    /// # Errors
    /// As [`Library::read`].
    pub fn parse(text: &str) -> Result<Library, LibertyError> {
        read::text(text)
    }

    /// Several files read as one library, as platforms with macros have them; the first gives name and voltage, and
    /// of cells of the same name the first counts.
    ///
    /// # Errors
    /// As [`Library::read`]; also when there is no file.
    pub fn read_all<P: AsRef<Path>>(paths: &[P]) -> Result<Library, LibertyError> {
        let (first, rest) = paths.split_first().ok_or(LibertyError::new("no Liberty file given"))?;
        let mut all = Library::read(first.as_ref())?;
        for path in rest {
            let more = Library::read(path.as_ref())?;
            more.cells.into_iter().for_each(|cell| all.add(cell));
        }
        Ok(all)
    }

    /// The cell of this name.
    pub fn cell(&self, name: &str) -> Option<&Cell> {
        self.by_name.get(name).map(|&i| &self.cells[i])
    }

    /// All cells, in the order of the file.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The library with further cells; of cells of the same name the first counts.
    pub fn with(mut self, cells: impl IntoIterator<Item = Cell>) -> Library {
        cells.into_iter().for_each(|cell| self.add(cell));
        self
    }

    fn add(&mut self, cell: Cell) {
        if !self.by_name.contains_key(&cell.name) {
            self.by_name.insert(cell.name.clone(), self.cells.len());
            self.cells.push(cell);
        }
    }
}

/// One cell.
#[derive(Clone, PartialEq, Debug)]
pub struct Cell {
    /// Its name.
    pub name: String,
    /// Area in the library's unit, µm² in every library known to us.
    pub area: f64,
    /// Signal pins. A variable of an [`Expr`] is an index into them; the one past the end is the stored bit.
    pub pins: Vec<Pin>,
    /// What it computes.
    pub kind: CellKind,
    /// Leakage by state; conditions exclude each other.
    pub leakage: Vec<Leakage>,
    /// Leakage, in watts, in states that no entry of `leakage` covers.
    pub default_leakage: f64,
}

impl Cell {
    /// Index of the pin of this name.
    pub fn pin(&self, name: &str) -> Option<usize> {
        self.pins.iter().position(|p| p.name == name)
    }

    /// Indices of the pins of this name, or of a bus of this name from bit 0 up; empty if there are none.
    pub fn bus(&self, name: &str) -> Vec<usize> {
        match self.pin(name) {
            Some(pin) => vec![pin],
            None => (0..).map_while(|i| self.pin(&format!("{name}[{i}]"))).collect(),
        }
    }

    /// The variable that stands for the stored bit in expressions.
    pub fn state(&self) -> u32 {
        self.pins.len() as u32
    }

    /// The clock pin, of a cell that has one.
    pub fn clock(&self) -> Option<usize> {
        match &self.kind {
            CellKind::FlipFlop(ff) => Some(ff.clock),
            CellKind::Memory(memory) => Some(memory.clock),
            CellKind::ClockGate { clock, .. } => Some(*clock),
            _ => None,
        }
    }

    /// Indices of the pins of this direction.
    pub fn pins_of(&self, direction: PinDirection) -> impl Iterator<Item = usize> + '_ {
        (0..self.pins.len()).filter(move |&i| self.pins[i].direction == direction)
    }
}

/// What a cell computes.
#[derive(Clone, PartialEq, Debug)]
pub enum CellKind {
    /// Outputs are functions of inputs.
    Combinational,
    /// An edge-triggered bit.
    FlipFlop(FlipFlop),
    /// A clock gate: its output follows the clock while an enable, sampled before the edge, is 1.
    ClockGate {
        /// The clock pin.
        clock: usize,
        /// Pins of which one must be 1 (enable, test enable).
        enables: Vec<usize>,
    },
    /// A single-port memory.
    Memory(Memory),
    /// Latches, three-state drivers and whatever else has no function here; simulating it is an error.
    Opaque,
}

/// A memory that reads or writes a row at a rising edge of its clock; its outputs keep what was read last.
#[derive(Clone, PartialEq, Debug)]
pub struct Memory {
    /// The clock pin.
    pub clock: usize,
    /// The pin that enables it, and whether 0 does.
    pub enable: (usize, bool),
    /// The pin that makes it write, and whether 0 does.
    pub write: (usize, bool),
    /// Pins that choose what is written, and the bits of a row that each stands for.
    pub mask: Option<(Range<usize>, u32)>,
    /// Pins of the row's number, the low one first.
    pub address: Range<usize>,
    /// Pins of what is written.
    pub data_in: Range<usize>,
    /// Pins of what has been read.
    pub data_out: Range<usize>,
    /// Rows.
    pub rows: u32,
}

/// An `ff` group.
#[derive(Clone, PartialEq, Debug)]
pub struct FlipFlop {
    /// The clock pin.
    pub clock: usize,
    /// Captures on the falling edge of `clock`.
    pub falling: bool,
    /// The bit after the edge.
    pub next: Expr,
    /// The bit is 0 while this is 1.
    pub clear: Option<Expr>,
    /// The bit is 1 while this is 1.
    pub preset: Option<Expr>,
    /// The bit while both are 1.
    pub both: bool,
}

impl FlipFlop {
    /// The bit as outputs see it: the stored one, the variable `state`, unless cleared or preset.
    pub fn seen(&self, state: u32) -> Expr {
        let clear = self.clear.clone().unwrap_or(Expr::Const(false));
        let preset = self.preset.clone().unwrap_or(Expr::Const(false));
        match self.both {
            true => Expr::or(preset, Expr::and(Expr::not(clear), Expr::Var(state))),
            false => Expr::and(Expr::not(clear), Expr::or(preset, Expr::Var(state))),
        }
    }
}

/// Direction of a pin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PinDirection {
    /// Input.
    Input,
    /// Output.
    Output,
    /// Anything else.
    Other,
}

/// One pin.
#[derive(Clone, PartialEq, Debug)]
pub struct Pin {
    /// Its name.
    pub name: String,
    /// Its direction.
    pub direction: PinDirection,
    /// Function of an output over input pins and the stored bit.
    pub function: Option<Expr>,
    /// Capacitance of an input, in farad.
    pub capacitance: f64,
    /// Energies of transitions of this pin.
    pub energies: Vec<Energy>,
}

/// An `internal_power` group: the energy that one transition of a pin takes inside the cell.
#[derive(Clone, PartialEq, Debug)]
pub struct Energy {
    /// For outputs: the input that caused the transition, and whose slew counts.
    pub related: Option<usize>,
    /// The group counts only in these states.
    pub when: Option<Expr>,
    /// Joules of a rising transition.
    pub rise: Table,
    /// Joules of a falling transition.
    pub fall: Table,
}

/// A `leakage_power` group.
#[derive(Clone, PartialEq, Debug)]
pub struct Leakage {
    /// The states.
    pub when: Expr,
    /// Watts.
    pub watts: f64,
}
