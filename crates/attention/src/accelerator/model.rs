//! The functional model of the whole accelerator: a memory image in, a memory image and counts out. It shares nothing with
//! the hardware but the kernels' functional models' tables.

use super::memory::{Bits, Memory, unpack};
use super::spec::{AcceleratorSpec, Cause, Settings, Tensor};
use crate::config::ResultForm;
use crate::functional::{self, ResultRow};
use rayon::prelude::*;
use std::collections::BTreeMap;

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

    /// The results of a block's queries.
    fn block(&self, head: u32, block: u32) -> Result<(Vec<ResultRow>, Counts), Cause> {
        let Job { spec, settings, .. } = *self;
        let (queries, keys) = (spec.query_range(settings, block), spec.key_range(settings, block));
        let bytes = |rows: usize, beats: u32| rows as u64 * u64::from(beats * spec.bus_bytes());
        let bytes_written = bytes(queries.len(), spec.result_beats());
        if keys.is_empty() {
            let bytes_read = bytes(queries.len(), spec.row_beats());
            let empty_rows = queries.len() as u64;
            let counts = Counts { empty_rows, bytes_read, bytes_written, ..Counts::default() };
            let none = functional::attend(&spec.engine, &[], &[], &[], None, |_| false);
            return Ok((vec![none; queries.len()], counts));
        }
        let kv_head = settings.kv_head(head);
        let rows = |tensor| keys.clone().map(|j| self.row(tensor, kv_head, j)).collect::<Result<Vec<_>, _>>();
        let (k, v) = (rows(settings.k)?, rows(settings.v)?);
        let scale = spec.engine.dot.scale.map(|_| settings.scale);
        let result = |i: u32| {
            let query = self.row(settings.q, head, i)?;
            let meets = |j: usize| settings.meets(i, keys.start + j as u32);
            Ok(functional::attend(&spec.engine, &query, &k, &v, scale, meets))
        };
        let results = queries.clone().map(result).collect::<Result<Vec<_>, Cause>>()?;
        let met = |i: u32| keys.clone().filter(|&j| settings.meets(i, j)).count() as u64;
        let useful_steps = queries.clone().map(met).sum();
        let counts = Counts {
            useful_steps,
            skipped: (queries.len() * keys.len()) as u64 - useful_steps,
            empty_rows: results.iter().filter(|result| result.empty).count() as u64,
            bytes_read: bytes(queries.len() + 2 * keys.len(), spec.row_beats()),
            bytes_written,
        };
        Ok((results, counts))
    }
}

/// A result as it lies in memory: the row's elements, or the state's ports and whether it is empty.
fn result_bytes(spec: &AcceleratorSpec, result: &ResultRow) -> Vec<u8> {
    let engine = &spec.engine;
    let mut bits = Bits::default();
    match engine.result {
        ResultForm::Row => result.row.iter().for_each(|&element| bits.push(element, engine.output.width())),
        ResultForm::State => {
            let widths = functional::state_ports(engine)
                .into_iter()
                .flat_map(|(_, ty)| std::iter::repeat_n(ty.width, ty.count as usize));
            result.row.iter().zip(widths).for_each(|(&element, width)| bits.push(element, width));
            bits.push(result.empty.into(), 1);
        }
    }
    bits.bytes.resize((spec.result_beats() * spec.bus_bytes()) as usize, 0);
    bits.bytes
}
