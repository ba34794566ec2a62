//! The registers: one table, from which come the AXI4-Lite slave ([`define`]), the C header and driver ([`c_header`],
//! [`c_driver_header`], [`c_driver`]), the register map ([`markdown`]) and the offsets that Rust uses ([`Map`]).
//!
//! A register of 64 bits is two words, `NAME_LO` at its offset and `NAME_HI` after it. Words are read whole; writes
//! honour the byte strobes. Nothing answers at addresses that are not in the table: SLVERR, as for a write to a
//! register that is read only, and for one to the configuration while a job runs, which changes nothing.

mod document;
mod driver;
mod slave;

pub use document::{c_header, causes, markdown};
pub use driver::{c_driver, c_driver_header};
pub use slave::{define, elaborate};

use super::spec::{AcceleratorSpec, Interface, Settings};
use numerics::Number;
use serde::Serialize;

/// What the register ID holds: "FLRT".
pub const ID: u64 = 0x464c_5254;
/// What the register VERSION holds: the version of this table, major in the high half.
pub const VERSION: u64 = 0x0001_0000;

/// What a register is for, which decides who reads and writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Read only, the same for every chip of a design.
    Constant,
    /// Starts and stops jobs.
    Control,
    /// How the last job went; 1 clears a flag.
    Status,
    /// Read and written; refuses writes while a job runs.
    Configuration,
    /// Read only, as the hardware has it now.
    Live,
    /// Read only, cleared by the start of a job.
    Counter,
}

impl Access {
    /// As register maps abbreviate it.
    pub const fn abbreviation(self) -> &'static str {
        match self {
            Access::Constant | Access::Live | Access::Counter => "ro",
            Access::Control | Access::Configuration => "rw",
            Access::Status => "rw1c",
        }
    }
}

/// Bits of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Field {
    /// Name in capitals.
    pub name: &'static str,
    /// Lowest bit.
    pub low: u32,
    /// Bits, 1 to 64.
    pub width: u32,
    /// Value after reset; of a constant, its value.
    pub reset: u64,
    /// What it means.
    pub doc: &'static str,
}

/// A register.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Register {
    /// Name in capitals.
    pub name: &'static str,
    /// Byte address of its (low) word.
    pub offset: u32,
    /// What it is for.
    pub access: Access,
    /// Bits, 32 or 64.
    pub bits: u32,
    /// Its fields; bits outside them read 0.
    pub fields: Vec<Field>,
    /// What it holds.
    pub doc: &'static str,
}

/// A 32-bit word of a register.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// Name in capitals, `NAME`, `NAME_LO` or `NAME_HI`.
    pub name: String,
    /// Byte address.
    pub offset: u32,
}

impl Register {
    /// Its words, low one first.
    pub fn words(&self) -> Vec<Word> {
        let word =
            |suffix: &str, at| Word { name: format!("{}{suffix}", self.name), offset: self.offset + at };
        if self.bits == 32 { vec![word("", 0)] } else { vec![word("_LO", 0), word("_HI", 4)] }
    }

    /// What it reads after reset.
    pub fn reset(&self) -> u64 {
        self.fields.iter().fold(0, |word, field| word | field.reset << field.low)
    }

    /// Bits that are used, from bit 0.
    pub fn width(&self) -> u32 {
        self.fields.iter().map(|field| field.low + field.width).max().unwrap_or(0)
    }

    /// The field of that name.
    ///
    /// # Panics
    /// When there is none.
    pub fn field(&self, name: &str) -> Field {
        let field = self.fields.iter().find(|field| field.name == name);
        *field.unwrap_or_else(|| panic!("register {} has no field {name}", self.name))
    }
}

/// The registers of an accelerator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Map {
    /// In the order of their addresses.
    pub registers: Vec<Register>,
}

impl Map {
    /// Those that an accelerator has: tensors where it reads memory, the block's keys where it is sent them.
    pub fn new(spec: &AcceleratorSpec) -> Map {
        let has = |name: &str| match name {
            "SCALE" => spec.engine.dot.scale.is_some(),
            "INITIAL" => spec.engine.initial,
            name if name.starts_with("I_") => spec.engine.initial && spec.interface == Interface::Dma,
            "BLOCK_LO" | "BLOCK_HI" => spec.interface == Interface::Stream,
            _ => spec.interface == Interface::Dma || !name.ends_with("_BASE") && !name.ends_with("_STRIDE"),
        };
        let mut registers: Vec<Register> =
            [constants(spec), control(), configuration(spec), live(), counters()].concat();
        registers.retain(|register| has(register.name));
        registers.sort_by_key(|register| register.offset);
        Map { registers }
    }

    /// The register of that name.
    ///
    /// # Panics
    /// When the accelerator has none.
    pub fn register(&self, name: &str) -> &Register {
        let register = self.registers.iter().find(|register| register.name == name);
        register.unwrap_or_else(|| panic!("no register {name}"))
    }

    /// The byte address of a register, its low word.
    ///
    /// # Panics
    /// When the accelerator has no such register.
    pub fn offset(&self, name: &str) -> u32 {
        self.register(name).offset
    }

    /// The words that set up a job: byte addresses and values.
    pub fn setup(&self, settings: &Settings) -> Vec<(u32, u32)> {
        let words = self.of(Access::Configuration).flat_map(|register| {
            let value = setting(settings, register.name);
            let words = register.words().into_iter().enumerate();
            words.map(move |(i, word)| (word.offset, (value >> (32 * i)) as u32))
        });
        words.collect()
    }

    fn of(&self, access: Access) -> impl Iterator<Item = &Register> {
        self.registers.iter().filter(move |register| register.access == access)
    }
}

/// What a register of the configuration is to hold.
fn setting(settings: &Settings, register: &str) -> u64 {
    let tensor = match &register[..1] {
        "Q" => settings.q,
        "K" => settings.k,
        "V" => settings.v,
        "I" => settings.i,
        _ => settings.o,
    };
    match register {
        "QUERIES" => settings.queries.into(),
        "KEYS" => settings.keys.into(),
        "HEADS" => settings.heads.into(),
        "KV_HEADS" => settings.kv_heads.into(),
        "MASK" => settings.mask as u64,
        "WINDOW" => settings.window.into(),
        "SCALE" => settings.scale,
        "INITIAL" => settings.initial.into(),
        name if name.ends_with("_BASE") => tensor.base,
        name if name.ends_with("_ROW_STRIDE") => tensor.row_stride,
        name if name.ends_with("_HEAD_STRIDE") => tensor.head_stride,
        name => unreachable!("{name} is no setting"),
    }
}

/// A register that is one field.
fn whole(
    name: &'static str,
    offset: u32,
    access: Access,
    [bits, width]: [u32; 2],
    reset: u64,
    doc: &'static str,
) -> Register {
    Register {
        name,
        offset,
        access,
        bits,
        fields: vec![Field { name: "VALUE", low: 0, width, reset, doc }],
        doc,
    }
}

fn field(name: &'static str, low: u32, width: u32, reset: u64, doc: &'static str) -> Field {
    Field { name, low, width, reset, doc }
}

/// What the design is.
fn constants(spec: &AcceleratorSpec) -> Vec<Register> {
    let word = |name, offset, value: u64, doc| whole(name, offset, Access::Constant, [32, 32], value, doc);
    let engine = &spec.engine;
    let format = |name, offset, format: Number, doc| {
        let [fraction, exponent, integer] = match format {
            Number::Float(format) => [format.man_bits, format.exp_bits, 0],
            Number::Fixed(fixed) => [fixed.frac_bits, 0, fixed.int_bits],
        };
        let fields = vec![
            field("MAN_BITS", 0, 8, fraction.into(), "Bits of the fraction."),
            field("EXP_BITS", 8, 8, exponent.into(), "Bits of the exponent; 0 in fixed point."),
            field("INT_BITS", 16, 8, integer.into(), "Integer bits with the sign; 0 in floating point."),
        ];
        Register { name, offset, access: Access::Constant, bits: 32, fields, doc }
    };
    let beats = vec![
        field("ROW", 0, 16, spec.row_beats().into(), "Beats of a query, key or value row."),
        field("RESULT", 16, 16, spec.result_beats().into(), "Beats of a result row."),
    ];
    let mut features = vec![
        field("MASK", 0, 2, spec.mask as u64, "Masks: 0 none, 1 causal, 2 causal and sliding window."),
        field(
            "DMA",
            4,
            1,
            (spec.interface == Interface::Dma).into(),
            "Rows are read from and written to memory, else streamed.",
        ),
        field("SCALE", 5, 1, engine.dot.scale.is_some().into(), "There is a register SCALE."),
    ];
    if engine.initial {
        features.push(field("INITIAL", 6, 1, 1, "There is a register INITIAL."));
        features.push(field("STATE_BEATS", 16, 16, spec.state_beats().into(), "Beats of an initial state."));
    }
    let constant = |name, offset, fields, doc| Register {
        name,
        offset,
        access: Access::Constant,
        bits: 32,
        fields,
        doc,
    };
    vec![
        word("ID", 0x000, ID, "Identification, \"FLRT\"."),
        word("VERSION", 0x004, VERSION, "Version of this register map, major in the high half."),
        word("HEAD_DIM", 0x008, engine.head_dim.into(), "Elements of a row."),
        word("QUERY_LANES", 0x00c, engine.lanes.into(), "Query lanes."),
        word(
            "INTERLEAVE",
            0x010,
            engine.interleave.into(),
            "Slots of a lane; lanes x slots queries are a block.",
        ),
        word("KEY_TILE", 0x014, spec.key_tile.into(), "Key rows of a tile."),
        word("MAX_QUERIES", 0x018, spec.max_queries.into(), "Most queries of a head."),
        word("MAX_KEYS", 0x01c, spec.max_keys.into(), "Most keys of a head."),
        word("MAX_HEADS", 0x020, spec.heads.into(), "Most query heads."),
        word("MAX_KV_HEADS", 0x024, spec.kv_heads.into(), "Most key/value heads."),
        word(
            "BUS_BYTES",
            0x028,
            spec.bus_bytes().into(),
            "Bytes of a beat; bases and strides are multiples.",
        ),
        constant("BEATS", 0x02c, beats, "Beats of rows, which are padded with zeros."),
        format("INPUT_FORMAT", 0x030, engine.dot.operand, "Format of q, k and v."),
        format("OUTPUT_FORMAT", 0x034, engine.output, "Format of results."),
        format("SCORE_FORMAT", 0x038, engine.score().into(), "Format of scores."),
        constant("FEATURES", 0x03c, features, "What there is hardware for."),
    ]
}

fn control() -> Vec<Register> {
    let control = vec![
        field("START", 0, 1, 0, "1 starts a job; reads 0. A write that starts while a job runs is refused."),
        field(
            "SOFT_RESET",
            1,
            1,
            0,
            "1 ends the job as soon as no transfer is open, or throws away what streams hold; reads 0.",
        ),
        field("IRQ_ENABLE", 2, 1, 0, "The interrupt is on while DONE or ERROR is."),
    ];
    let status = vec![
        field("BUSY", 0, 1, 0, "A job runs."),
        field("DONE", 1, 1, 0, "The job is done. 1 clears it, as does a start."),
        field("ERROR", 2, 1, 0, "The job ended in an error. 1 clears it and CAUSE, as does a start."),
        field("CAUSE", 8, 8, 0, "Why the job ended in an error."),
    ];
    let register =
        |name, offset, access, fields, doc| Register { name, offset, access, bits: 32, fields, doc };
    vec![
        register("CTRL", 0x040, Access::Control, control, "Starts and stops jobs."),
        register("STATUS", 0x044, Access::Status, status, "How the job goes, and how the last one went."),
    ]
}

fn configuration(spec: &AcceleratorSpec) -> Vec<Register> {
    let word =
        |name, offset, width, reset, doc| whole(name, offset, Access::Configuration, [32, width], reset, doc);
    let long = |name, offset, doc| whole(name, offset, Access::Configuration, [64, 64], 0, doc);
    let scale = spec.engine.dot.scale;
    vec![
        word("QUERIES", 0x080, 32, 0, "Queries of a head."),
        word("KEYS", 0x084, 32, 0, "Keys of a head; padding beyond them is never read."),
        word("HEADS", 0x088, 32, 1, "Query heads."),
        word("KV_HEADS", 0x08c, 32, 1, "Key/value heads; divides HEADS."),
        word("MASK", 0x090, 32, 0, "Keys that a query meets: 0 all, 1 causal, 2 causal and sliding window."),
        word("WINDOW", 0x094, 32, 0, "Keys of the sliding window, with MASK = 2."),
        word(
            "SCALE",
            0x098,
            scale.map_or(32, |format| format.width()),
            scale.map_or(0, |format| format.one()),
            "Factor of the scores, a number of SCORE_FORMAT.",
        ),
        word("INITIAL", 0x09c, 1, 0, "1: every query begins with its initial state; 0: with no key."),
        long("Q_BASE", 0x100, "Address of the first query row."),
        long("Q_ROW_STRIDE", 0x108, "Bytes from a query row to the next."),
        long("Q_HEAD_STRIDE", 0x110, "Bytes from a head's queries to the next head's."),
        long("K_BASE", 0x118, "Address of the first key row."),
        long("K_ROW_STRIDE", 0x120, "Bytes from a key row to the next."),
        long("K_HEAD_STRIDE", 0x128, "Bytes from a head's keys to the next head's."),
        long("V_BASE", 0x130, "Address of the first value row."),
        long("V_ROW_STRIDE", 0x138, "Bytes from a value row to the next."),
        long("V_HEAD_STRIDE", 0x140, "Bytes from a head's values to the next head's."),
        long("O_BASE", 0x148, "Address of the first result row."),
        long("O_ROW_STRIDE", 0x150, "Bytes from a result row to the next."),
        long("O_HEAD_STRIDE", 0x158, "Bytes from a head's results to the next head's."),
        long("I_BASE", 0x168, "Address of the first initial state."),
        long("I_ROW_STRIDE", 0x170, "Bytes from an initial state to the next."),
        long("I_HEAD_STRIDE", 0x178, "Bytes from a head's initial states to the next head's."),
    ]
}

fn live() -> Vec<Register> {
    let word = |name, offset, doc| whole(name, offset, Access::Live, [32, 32], 0, doc);
    vec![
        word("BLOCK_LO", 0x160, "First key row that the core wants next."),
        word("BLOCK_HI", 0x164, "One past the last key row that the core wants next."),
    ]
}

fn counters() -> Vec<Register> {
    let word = |name, offset, doc| whole(name, offset, Access::Counter, [32, 32], 0, doc);
    let long = |name, offset, doc| whole(name, offset, Access::Counter, [64, 64], 0, doc);
    vec![
        long("CYCLES", 0x180, "Clock cycles of the job."),
        long("USEFUL_STEPS", 0x188, "Steps in which a query met a key."),
        long("SKIPPED", 0x190, "Steps in which a query did not meet the key: it is masked."),
        word("EMPTY_ROWS", 0x198, "Queries that met no key."),
        word("STALL_Q", 0x1a0, "Cycles in which the engine waited for queries."),
        word("STALL_KV", 0x1a4, "Cycles in which the engine waited for keys."),
        word("STALL_O", 0x1a8, "Cycles in which the engine waited for the way out of results."),
        word(
            "STALL_OTHER",
            0x1ac,
            "Other cycles in which the engine stood: its own loads, merges and rescalings, and a job's start and end.",
        ),
        long("BYTES_READ", 0x1b0, "Bytes of all beats that came in."),
        long("BYTES_WRITTEN", 0x1b8, "Bytes of all beats that went out."),
    ]
}
