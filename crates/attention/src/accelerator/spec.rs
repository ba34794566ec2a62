//! What decides the accelerator's hardware, what a job asks of it, and which keys a block of queries meets.

use crate::config::ResultForm;
use crate::engine::EngineSpec;
use crate::functional;
use hdl::{Reset, value_width};
use serde::Serialize;
use std::ops::Range;

/// Everything that decides the accelerator's hardware.
#[derive(Clone)]
pub struct AcceleratorSpec {
    /// Name of the top module.
    pub name: String,
    /// The query engine inside: kernel, lanes, interleave, head_dim, formats.
    pub engine: EngineSpec,
    /// Key rows of a tile buffer; there are two, ping and pong.
    pub key_tile: u32,
    /// Most queries of a head.
    pub max_queries: u32,
    /// Most keys of a head.
    pub max_keys: u32,
    /// Most query heads.
    pub heads: u32,
    /// Most key/value heads.
    pub kv_heads: u32,
    /// The masks there is hardware for.
    pub mask: MaskSupport,
    /// Where rows come from and go to.
    pub interface: Interface,
    /// Bits of a beat, a power of two from 32 to 1024.
    pub bus_bits: u32,
    /// What the buffers are made of.
    pub buffers: Buffers,
    /// Cycles without any transfer after which a running job is given up, above 64; [`WATCHDOG`] as a rule.
    pub watchdog: u32,
    /// Reset style.
    pub reset: Reset,
}

/// The masks there is hardware for; each includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MaskSupport {
    /// Every query meets every key.
    None,
    /// Query i meets the keys up to its own position.
    Causal,
    /// Query i meets the last `window` keys up to its own position.
    SlidingWindow,
}

/// Where rows come from and go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interface {
    /// AXI4-Stream: queries, keys and values, and results as packets.
    Stream,
    /// An AXI4 master reads and writes memory.
    Dma,
}

/// What a buffer is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Buffer {
    /// Flip-flops.
    #[default]
    Flops,
    /// A macro of the platform, in a wrapper of the same ports.
    Sram,
}

/// What each buffer is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Buffers {
    /// The tile buffers of key and value rows.
    pub tile: Buffer,
}

/// The mask of a job, as the register MASK holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum MaskMode {
    /// Every query meets every key.
    None = 0,
    /// Query i meets key j if `j <= i + keys - queries`.
    Causal = 1,
    /// As causal, and `j > i + keys - queries - window`.
    Window = 2,
}

/// A tensor in memory: element row r of head h begins at `base + h·head_stride + r·row_stride`, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Tensor {
    /// Address of the first row.
    pub base: u64,
    /// From a row to the next.
    pub row_stride: u64,
    /// From a head to the next.
    pub head_stride: u64,
}

/// A job, as the registers hold it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Settings {
    /// Queries of a head.
    pub queries: u32,
    /// Keys of a head that count; padding beyond them is never read.
    pub keys: u32,
    /// Query heads.
    pub heads: u32,
    /// Key/value heads; divides `heads`.
    pub kv_heads: u32,
    /// Which keys a query meets.
    pub mask: MaskMode,
    /// Keys of a sliding window; unused otherwise.
    pub window: u32,
    /// Pattern of the engine's `scale` port; unused without one.
    pub scale: u64,
    /// Queries begin with the states at `i`; never without the hardware for it ([`EngineSpec::initial`]).
    pub initial: bool,
    /// Queries in memory (`dma`).
    pub q: Tensor,
    /// Keys in memory (`dma`).
    pub k: Tensor,
    /// Values in memory (`dma`).
    pub v: Tensor,
    /// Results in memory (`dma`).
    pub o: Tensor,
    /// Initial states in memory (`dma`), a row for every query.
    pub i: Tensor,
}

/// Why a job ended in an error: the cause field of STATUS. Of several, the lowest is reported by the check of settings
/// (those up to [`Cause::Unaligned`], then [`Cause::OpenTransfers`]), and the first by a running job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// `queries`, `keys`, `heads` or `kv_heads` is 0.
    ZeroLength = 1,
    /// `queries` or `keys` is beyond the maximum.
    TooLong = 2,
    /// `heads` or `kv_heads` is beyond the maximum, or `heads` is no multiple of `kv_heads`.
    BadHeads = 3,
    /// The mask is unknown, or there is no hardware for it.
    BadMask = 4,
    /// A sliding window of no keys.
    ZeroWindow = 5,
    /// A base or stride is no multiple of the bytes of a beat (`dma`).
    Unaligned = 6,
    /// `tlast` before the last beat of a packet (`stream`).
    EarlyLast = 7,
    /// No `tlast` on the last beat of a packet (`stream`).
    LateLast = 8,
    /// A read answered with SLVERR.
    ReadSlaveError = 9,
    /// A read answered with DECERR.
    ReadDecodeError = 10,
    /// A write answered with SLVERR.
    WriteSlaveError = 11,
    /// A write answered with DECERR.
    WriteDecodeError = 12,
    /// Nothing moved for [`AcceleratorSpec::watchdog`] cycles.
    Watchdog = 13,
    /// A start while transfers of a job that the watchdog has ended are still open (`dma`).
    OpenTransfers = 14,
}

/// Usual cycles of the watchdog.
pub const WATCHDOG: u32 = 1 << 16;

impl AcceleratorSpec {
    /// Queries of a block, lanes × interleave.
    pub fn block(&self) -> u32 {
        self.engine.block()
    }

    /// Bytes of a beat.
    pub fn bus_bytes(&self) -> u32 {
        self.bus_bits / 8
    }

    /// Bits of a q, k or v row: its elements, little-end first.
    pub fn row_bits(&self) -> u32 {
        self.engine.head_dim * self.engine.dot.operand.width()
    }

    /// Beats of a q, k or v row, which is padded with zeros.
    pub fn row_beats(&self) -> u32 {
        self.row_bits().div_ceil(self.bus_bits)
    }

    /// Bits of a partial state: the ports of [`functional::state_ports`] in that order and one more bit for the empty
    /// state.
    pub fn state_bits(&self) -> u32 {
        functional::state_ports(&self.engine).iter().map(|(_, ty)| ty.bits()).sum::<u32>() + 1
    }

    /// Beats of a partial state, which is padded with zeros.
    pub fn state_beats(&self) -> u32 {
        self.state_bits().div_ceil(self.bus_bits)
    }

    /// Bits of a result: the row's elements, or the state.
    pub fn result_bits(&self) -> u32 {
        match self.engine.result {
            ResultForm::Row => self.engine.head_dim * self.engine.output.width(),
            ResultForm::State => self.state_bits(),
        }
    }

    /// Beats of a result, which is padded with zeros.
    pub fn result_beats(&self) -> u32 {
        self.result_bits().div_ceil(self.bus_bits)
    }

    /// Bytes of a K row and a V row on the bus.
    pub fn row_bytes(&self) -> u32 {
        2 * self.row_beats() * self.bus_bytes()
    }

    /// Blocks of a head of `queries`.
    pub fn blocks(&self, queries: u32) -> u32 {
        queries.div_ceil(self.block())
    }

    /// The queries of a block.
    pub fn query_range(&self, settings: &Settings, block: u32) -> Range<u32> {
        let first = block * self.block();
        first..(first + self.block()).min(settings.queries)
    }

    /// The keys that are loaded for a block: those that any of its queries meets, `lo..hi`; `hi <= lo` if none.
    pub fn key_range(&self, settings: &Settings, block: u32) -> Range<u32> {
        let queries = self.query_range(settings, block);
        let keys = i64::from(settings.keys);
        let offset = keys - i64::from(settings.queries);
        let clamp = |key: i64| key.clamp(0, keys) as u32;
        let lo = match settings.mask {
            MaskMode::Window => clamp(i64::from(queries.start) + offset - i64::from(settings.window) + 1),
            MaskMode::None | MaskMode::Causal => 0,
        };
        let hi = match settings.mask {
            MaskMode::None => settings.keys,
            MaskMode::Causal | MaskMode::Window => clamp(i64::from(queries.end) + offset),
        };
        lo..hi
    }

    /// The settings the hardware takes, as ports `cfg_<name>` and their widths. Lengths are whole registers, so that
    /// one beyond the maximum is seen.
    pub fn settings(&self) -> Vec<(&'static str, u32)> {
        let mut settings: Vec<(&'static str, u32)> =
            ["queries", "keys", "heads", "kv_heads", "mask", "window"].map(|name| (name, 32)).to_vec();
        settings.extend(self.engine.dot.scale.map(|format| ("scale", format.width())));
        settings.extend(self.engine.initial.then_some(("initial", 1)));
        if self.interface == Interface::Dma {
            settings.extend(TENSOR_SETTINGS.map(|name| (name, 64)));
            if self.engine.initial {
                settings.extend(STATE_SETTINGS.map(|name| (name, 64)));
            }
        }
        settings
    }

    /// The tensors that are read and written (`dma`), as their settings begin.
    pub(super) fn tensors(&self) -> Vec<&'static str> {
        let initial = self.engine.initial.then_some("i");
        ["q", "k", "v", "o"].into_iter().chain(initial).collect()
    }

    /// Streams of rows that come in, or memory beats that may come in a cycle, are one more with initial states.
    fn most_beats(&self) -> u32 {
        if self.engine.initial && self.interface == Interface::Stream { 3 } else { 2 }
    }

    /// What is counted, as ports `inc_<name>` and the width of a cycle's increment:
    /// cycles of the job, steps in which an active query meets a key, cycles in which the engine could take a row and
    /// did not (the reason being queries, keys, results' way out, or something else: the engine's own merges and rescalings, the
    /// walk to the first block at a job's start, the wait for the last write responses at its end), steps in
    /// which an active query is masked, results of queries that met no key, and bytes of all beats moved.
    pub fn counters(&self) -> Vec<(&'static str, u32)> {
        let steps = value_width(u64::from(self.block()));
        let bytes = value_width(u64::from(self.most_beats() * self.bus_bytes()));
        vec![
            ("cycles", 1),
            ("useful_steps", steps),
            ("stall_q", 1),
            ("stall_kv", 1),
            ("stall_o", 1),
            ("stall_other", 1),
            ("skipped", steps),
            ("empty_rows", 1),
            ("bytes_read", bytes),
            ("bytes_written", bytes),
        ]
    }
}

/// The settings of the tensors (`dma`).
const TENSOR_SETTINGS: [&str; 12] = [
    "q_base",
    "q_row_stride",
    "q_head_stride",
    "k_base",
    "k_row_stride",
    "k_head_stride",
    "v_base",
    "v_row_stride",
    "v_head_stride",
    "o_base",
    "o_row_stride",
    "o_head_stride",
];

/// The settings of initial states (`dma`).
const STATE_SETTINGS: [&str; 3] = ["i_base", "i_row_stride", "i_head_stride"];

impl Settings {
    /// Whether the hardware runs the job.
    ///
    /// # Errors
    /// The cause that the hardware reports.
    pub fn check(&self, spec: &AcceleratorSpec) -> Result<(), Cause> {
        let refuse = |bad: bool, cause: Cause| if bad { Err(cause) } else { Ok(()) };
        let lengths = [self.queries, self.keys, self.heads, self.kv_heads];
        refuse(lengths.contains(&0), Cause::ZeroLength)?;
        refuse(self.queries > spec.max_queries || self.keys > spec.max_keys, Cause::TooLong)?;
        let too_many = self.heads > spec.heads || self.kv_heads > spec.kv_heads;
        refuse(too_many || !self.heads.is_multiple_of(self.kv_heads), Cause::BadHeads)?;
        refuse(self.mask as u32 > spec.mask as u32, Cause::BadMask)?;
        refuse(self.mask == MaskMode::Window && self.window == 0, Cause::ZeroWindow)?;
        let initial = spec.engine.initial.then_some(self.i);
        let mut tensors = [self.q, self.k, self.v, self.o].into_iter().chain(initial);
        let bytes = u64::from(spec.bus_bytes());
        let aligned = |t: &Tensor| (t.base | t.row_stride | t.head_stride).is_multiple_of(bytes);
        refuse(spec.interface == Interface::Dma && !tensors.all(|tensor| aligned(&tensor)), Cause::Unaligned)
    }

    /// The job over all keys as jobs over `rows` keys each but for the last, of which every one begins with the states that
    /// the one before leaves: these go to where `o` and `i` are, in turn, the first ones to `o`. Without a mask.
    pub fn pieces(&self, rows: u32) -> Vec<Settings> {
        let piece = |(n, first): (usize, u32)| {
            let from = |tensor: Tensor| Tensor { base: tensor.row(0, first), ..tensor };
            let (o, i) = if n.is_multiple_of(2) { (self.o, self.i) } else { (self.i, self.o) };
            let keys = rows.min(self.keys - first);
            Settings { keys, k: from(self.k), v: from(self.v), o, i, initial: n > 0, ..*self }
        };
        (0..self.keys).step_by(rows as usize).enumerate().map(piece).collect()
    }

    /// Whether query `i` meets key `j` (of all `keys`).
    pub fn meets(&self, i: u32, j: u32) -> bool {
        let position = i64::from(i) + i64::from(self.keys) - i64::from(self.queries);
        let distance = position - i64::from(j);
        match self.mask {
            MaskMode::None => true,
            MaskMode::Causal => distance >= 0,
            MaskMode::Window => (0..i64::from(self.window)).contains(&distance),
        }
    }

    /// The key/value head of a query head.
    pub fn kv_head(&self, head: u32) -> u32 {
        head / (self.heads / self.kv_heads)
    }
}
