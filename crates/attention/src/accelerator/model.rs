//! The functional model of the whole accelerator: a memory image in, a memory image and counts out. It shares nothing with
//! the hardware but the kernels' functional models' tables.

use super::memory::{Bits, Memory, unpack};
use super::spec::{AcceleratorSpec, Cause, Settings, Tensor};
use crate::config::ResultForm;
use crate::functional::{self, Initial, ResultRow, Start};
use crate::kernel::State;
use hdl::Type;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// What a job counts, as the registers of the same names do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Steps in which a query met a key.
    pub useful_steps: u64,
    /// Steps in which a query did not meet the key of its block.
    pub skipped: u64,
    /// Queries that met no key.
    pub empty_rows: u64,
    /// Bytes of all beats that came in.
    pub bytes_read: u64,
    /// Bytes of all beats that went out.
    pub bytes_written: u64,
}

impl Counts {
    /// The counts by the names of their registers.
    pub fn by_register(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::from([
            ("USEFUL_STEPS", self.useful_steps),
            ("SKIPPED", self.skipped),
            ("EMPTY_ROWS", self.empty_rows),
            ("BYTES_READ", self.bytes_read),
            ("BYTES_WRITTEN", self.bytes_written),
        ])
    }

    fn plus(self, other: Counts) -> Counts {
        Counts {
            useful_steps: self.useful_steps + other.useful_steps,
            skipped: self.skipped + other.skipped,
            empty_rows: self.empty_rows + other.empty_rows,
            bytes_read: self.bytes_read + other.bytes_read,
            bytes_written: self.bytes_written + other.bytes_written,
        }
    }
}

/// What a job leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The memory with the results in it.
    pub memory: Memory,
    /// What was counted.
    pub counts: Counts,
}

/// Runs a job on a memory image.
///
/// # Errors
/// The cause if the settings are refused, or a row lies outside the memory.
pub fn run(spec: &AcceleratorSpec, settings: &Settings, memory: &Memory) -> Result<Outcome, Cause> {
    settings.check(spec)?;
    let blocks = spec.blocks(settings.queries);
    let places: Vec<(u32, u32)> =
        (0..settings.heads).flat_map(|head| (0..blocks).map(move |block| (head, block))).collect();
    let job = Job { spec, settings, memory };
    let results: Vec<(Vec<ResultRow>, Counts)> =
        places.par_iter().map(|&(head, block)| job.block(head, block)).collect::<Result<_, Cause>>()?;
    let mut after = memory.clone();
    let mut counts = Counts::default();
    for (&(head, block), (rows, of_block)) in places.iter().zip(&results) {
        counts = counts.plus(*of_block);
        for (query, row) in spec.query_range(settings, block).zip(rows) {
            let written = after.write(settings.o.row(head, query), &result_bytes(spec, row));
            written.ok_or(Cause::WriteDecodeError)?;
        }
    }
    Ok(Outcome { memory: after, counts })
}

struct Job<'a> {
    spec: &'a AcceleratorSpec,
    settings: &'a Settings,
    memory: &'a Memory,
}

impl Job<'_> {
    fn row(&self, tensor: Tensor, head: u32, row: u32) -> Result<Vec<u64>, Cause> {
        let bytes = (self.spec.row_beats() * self.spec.bus_bytes()) as usize;
        let bytes = self.memory.read(tensor.row(head, row), bytes).ok_or(Cause::ReadDecodeError)?;
        let engine = &self.spec.engine;
        Ok(unpack(bytes, engine.dot.operand.width(), engine.head_dim as usize))
    }

    /// What the queries of a block begin with.
    fn initial(&self, head: u32, queries: Range<u32>) -> Result<Vec<Initial>, Cause> {
        let spec = &self.spec.engine;
        if !(spec.initial && self.settings.initial) {
            return Ok(vec![Initial::default(); queries.len()]);
        }
        let states = queries.map(|query| state(self.spec, self.memory, self.settings.i.row(head, query)));
        let states: Option<Vec<_>> = states.collect();
        let states = states.ok_or(Cause::ReadDecodeError)?;
        Ok(functional::initials(spec.kernel.model(spec).as_ref(), states))
    }

    /// The results of a block's queries.
    fn block(&self, head: u32, block: u32) -> Result<(Vec<ResultRow>, Counts), Cause> {
        let Job { spec, settings, .. } = *self;
        let (queries, keys) = (spec.query_range(settings, block), spec.key_range(settings, block));
        let bytes = |rows: usize, beats: u32| rows as u64 * u64::from(beats * spec.bus_bytes());
        let bytes_written = bytes(queries.len(), spec.result_beats());
        let initial = self.initial(head, queries.clone())?;
        let beats_of_query = spec.row_beats() + if settings.initial { spec.state_beats() } else { 0 };
        let kv_head = settings.kv_head(head);
        let rows = |tensor| keys.clone().map(|j| self.row(tensor, kv_head, j)).collect::<Result<Vec<_>, _>>();
        let (k, v) = (rows(settings.k)?, rows(settings.v)?);
        let scale = spec.engine.dot.scale.map(|_| settings.scale);
        let model = spec.engine.kernel.model(&spec.engine);
        let result = |(i, initial): (u32, Initial)| {
            let query = self.row(settings.q, head, i)?;
            let meets = |j: usize| settings.meets(i, keys.start + j as u32);
            let start = Start { query: &query, initial };
            Ok(functional::attend_from(&spec.engine, model.as_ref(), start, &k, &v, scale, meets))
        };
        let results = queries.clone().zip(initial).map(result).collect::<Result<Vec<_>, Cause>>()?;
        let met = |i: u32| keys.clone().filter(|&j| settings.meets(i, j)).count() as u64;
        let useful_steps = queries.clone().map(met).sum();
        let counts = Counts {
            useful_steps,
            skipped: (queries.len() * keys.len()) as u64 - useful_steps,
            empty_rows: results.iter().filter(|result| result.empty).count() as u64,
            bytes_read: bytes(queries.len(), beats_of_query) + bytes(2 * keys.len(), spec.row_beats()),
            bytes_written,
        };
        Ok((results, counts))
    }
}

/// The partial state in memory at an address; `None` if there is no memory.
pub fn state(spec: &AcceleratorSpec, memory: &Memory, address: u64) -> Option<Option<State>> {
    let bytes = memory.read(address, (spec.state_beats() * spec.bus_bytes()) as usize)?;
    let bits = unpack(bytes, 1, spec.state_bits() as usize);
    let mut left = bits.as_slice();
    let mut next = |width: u32| {
        let (bits, rest) = left.split_at(width as usize);
        left = rest;
        bits.iter().rev().fold(0, |pattern, bit| pattern << 1 | bit)
    };
    let port = |(_, ty): (_, Type)| (0..ty.count).map(|_| next(ty.width)).collect::<Vec<_>>();
    let ports: Vec<Vec<u64>> = functional::state_ports(&spec.engine).into_iter().map(port).collect();
    let empty = left[0] == 1;
    Some((!empty).then(|| functional::unpack(&spec.engine, &ports)))
}

/// A result as it lies in memory: the row's elements, or the state.
fn result_bytes(spec: &AcceleratorSpec, result: &ResultRow) -> Vec<u8> {
    if spec.engine.result == ResultForm::State {
        return state_bytes(spec, &result.row, result.empty);
    }
    let mut bits = Bits::default();
    result.row.iter().for_each(|&element| bits.push(element, spec.engine.output.width()));
    bits.bytes.resize((spec.result_beats() * spec.bus_bytes()) as usize, 0);
    bits.bytes
}

/// A partial state as it lies in memory: the elements of [`functional::pack`], and whether it is empty.
pub fn state_bytes(spec: &AcceleratorSpec, packed: &[u64], empty: bool) -> Vec<u8> {
    let mut bits = Bits::default();
    let widths = functional::state_ports(&spec.engine)
        .into_iter()
        .flat_map(|(_, ty)| std::iter::repeat_n(ty.width, ty.count as usize));
    packed.iter().zip(widths).for_each(|(&element, width)| bits.push(element, width));
    bits.push(empty.into(), 1);
    bits.bytes.resize((spec.state_beats() * spec.bus_bytes()) as usize, 0);
    bits.bytes
}
