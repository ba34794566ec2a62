//! Memory as the accelerator sees it, and rows in it: elements little-end first at their width, padded with zeros to whole
//! beats.

use super::model::state_bytes;
use super::spec::{AcceleratorSpec, Settings, Tensor};
use crate::functional;
use crate::kernel::State;
use crate::workload::QuantizedHead;

/// A stretch of memory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// Address of the first byte.
    pub base: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Memory {
    fn range(&self, address: u64, count: usize) -> Option<std::ops::Range<usize>> {
        let start = usize::try_from(address.checked_sub(self.base)?).ok()?;
        let end = start.checked_add(count)?;
        (end <= self.bytes.len()).then_some(start..end)
    }

    /// `count` bytes from an address; `None` if there is no memory.
    pub fn read(&self, address: u64, count: usize) -> Option<&[u8]> {
        self.range(address, count).map(|range| &self.bytes[range])
    }

    /// Writes bytes from an address; `None`, and nothing is written, if there is no memory.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Option<()> {
        let range = self.range(address, bytes.len())?;
        self.bytes[range].copy_from_slice(bytes);
        Some(())
    }
}

impl Tensor {
    /// Address of a row of a head.
    pub fn row(&self, head: u32, row: u32) -> u64 {
        let offset = |stride: u64, n: u32| stride.wrapping_mul(u64::from(n));
        self.base.wrapping_add(offset(self.head_stride, head)).wrapping_add(offset(self.row_stride, row))
    }
}

/// Patterns of `width` bits (1 to 64) side by side, the first in the lowest bits.
pub fn pack(patterns: &[u64], width: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    patterns.iter().for_each(|&pattern| bits.push(pattern, width));
    bits.bytes
}

/// The first `count` patterns of `width` bits (1 to 64) of what [`pack`] gives.
pub fn unpack(bytes: &[u8], width: u32, count: usize) -> Vec<u64> {
    let byte = |at: usize| u128::from(bytes.get(at).copied().unwrap_or(0));
    let pattern = |i: usize| {
        let low = i * width as usize;
        let window = (0..9).fold(0, |window, k| window | byte(low / 8 + k) << (8 * k));
        (window >> (low % 8)) as u64 & (u64::MAX >> (64 - width))
    };
    (0..count).map(pattern).collect()
}

/// Bits being put side by side.
#[derive(Default)]
pub(super) struct Bits {
    /// Whole bytes, the last filled up with zeros.
    pub bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    /// Appends the low `width` bits (1 to 64) of a pattern that has no others.
    pub fn push(&mut self, pattern: u64, width: u32) {
        let shifted = u128::from(pattern) << (self.used % 8);
        let first = self.used / 8;
        self.used += width as usize;
        self.bytes.resize(self.used.div_ceil(8), 0);
        for (k, byte) in self.bytes[first..].iter_mut().enumerate() {
            *byte |= (shifted >> (8 * k)) as u8;
        }
    }
}

/// Bytes of a gap between tensors, which nothing may touch.
const GAP: u64 = 256;

/// Where q, k, v, o and, if the job has them, the initial states lie when they are placed one after the other from `base`,
/// with gaps between them; and their end.
pub fn layout(spec: &AcceleratorSpec, settings: &Settings, base: u64) -> ([Tensor; 5], u64) {
    let [row, result, state] = [spec.row_beats(), spec.result_beats(), spec.state_beats()]
        .map(|beats| u64::from(beats * spec.bus_bytes()));
    let (queries, keys) = (settings.queries, settings.keys);
    let mut next = base;
    let shapes = [
        (settings.heads, queries, row),
        (settings.kv_heads, keys, row),
        (settings.kv_heads, keys, row),
        (settings.heads, queries, result),
        (if settings.initial { settings.heads } else { 0 }, queries, state),
    ];
    let tensors = shapes.map(|(heads, rows, row_stride)| {
        let head_stride = row_stride * u64::from(rows);
        let tensor = Tensor { base: next, row_stride, head_stride };
        if heads > 0 {
            next += head_stride * u64::from(heads) + GAP;
        }
        tensor
    });
    (tensors, next)
}

/// A memory image that holds the rows of all heads where `settings` has them. Keys and values are those of the first query
/// head of every group. Gaps and padding hold a pattern; results and what nobody writes too.
pub fn image(spec: &AcceleratorSpec, settings: &Settings, heads: &[QuantizedHead], end: u64) -> Memory {
    let initial = settings.initial.then_some(settings.i);
    let tensors = [settings.q, settings.k, settings.v, settings.o].into_iter().chain(initial);
    let base = tensors.map(|t| t.base).min().unwrap_or(0);
    let mut memory = Memory { base, bytes: vec![0xa5; (end - base) as usize] };
    let mut place = |tensor: Tensor, head: u32, rows: &[u64]| {
        for (i, row) in rows.chunks_exact(spec.engine.head_dim as usize).enumerate() {
            let mut bytes = pack(row, spec.engine.dot.operand.width());
            bytes.resize((spec.row_beats() * spec.bus_bytes()) as usize, 0);
            memory.write(tensor.row(head, i as u32), &bytes).expect("the image holds every row");
        }
    };
    for (h, head) in (0..settings.heads).zip(heads) {
        place(settings.q, h, &head.q);
    }
    for group in 0..settings.kv_heads {
        let head = &heads[(group * settings.heads / settings.kv_heads) as usize];
        place(settings.k, group, &head.k);
        place(settings.v, group, &head.v);
    }
    memory
}

/// Puts the initial state of every query of every head where the job has it.
///
/// # Panics
/// When the memory does not hold them.
pub fn place_states(
    spec: &AcceleratorSpec,
    settings: &Settings,
    memory: &mut Memory,
    mut state: impl FnMut(u32, u32) -> Option<State>,
) {
    for (head, query) in (0..settings.heads).flat_map(|head| (0..settings.queries).map(move |i| (head, i))) {
        let state = state(head, query);
        let packed = functional::pack(&spec.engine, state.as_ref()).concat();
        let bytes = state_bytes(spec, &packed, state.is_none());
        memory.write(settings.i.row(head, query), &bytes).expect("the memory holds every state");
    }
}

impl Settings {
    /// The settings with their tensors where [`layout`] places them from `base`; and the tensors' end.
    pub fn placed(self, spec: &AcceleratorSpec, base: u64) -> (Settings, u64) {
        let ([q, k, v, o, i], end) = layout(spec, &self, base);
        (Settings { q, k, v, o, i, ..self }, end)
    }
}

/// Bytes that a job moves on the bus at least: reads, writes.
pub fn traffic(spec: &AcceleratorSpec, settings: &Settings) -> [u64; 2] {
    let row = u64::from(spec.row_beats() * spec.bus_bytes());
    let result = u64::from(spec.result_beats() * spec.bus_bytes());
    let state = if settings.initial { u64::from(spec.state_beats() * spec.bus_bytes()) } else { 0 };
    let block = |block: u32| {
        let keys = spec.key_range(settings, block);
        let queries = spec.query_range(settings, block);
        row * (2 * keys.len() as u64 + queries.len() as u64) + state * queries.len() as u64
    };
    let reads: u64 = (0..spec.blocks(settings.queries)).map(block).sum();
    let heads = u64::from(settings.heads);
    [heads * reads, heads * u64::from(settings.queries) * result]
}
