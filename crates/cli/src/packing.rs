//! A workload cut into what an engine takes: blocks of queries with the keys they meet.

use attention::EngineSpec;
use attention::simulate::{Block, KeyRow, Query};
use attention::workload::Quantized;
use std::ops::Range;

/// Blocks of a job at most, so that a head with many queries keeps several threads busy.
const BLOCKS_PER_JOB: usize = 16;

/// Consecutive queries of one head, which a simulation works through block by block without a pause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// Head in the workload.
    pub head: usize,
    /// Queries of the head.
    pub queries: Range<usize>,
}

impl Job {
    /// The queries in blocks of P × interleave, the last one partial, each with all keys of the head.
    pub fn blocks(&self, spec: &EngineSpec, workload: &Quantized) -> Vec<Block> {
        let head = &workload.heads[self.head];
        let rows = |x: &[u64]| x.chunks(workload.head_dim).map(<[u64]>::to_vec).collect::<Vec<_>>();
        let d = workload.head_dim;
        let queries = rows(&head.q[self.queries.start * d..self.queries.end * d]);
        let key_rows = || rows(&head.k).into_iter().zip(rows(&head.v));
        let block = |queries: &[Vec<u64>]| Block {
            queries: queries
                .iter()
                .map(|row| Query { row: row.clone(), active: true, initial: None })
                .collect(),
            keys: key_rows().map(|(k, v)| KeyRow { k, v, meets: vec![true; queries.len()] }).collect(),
        };
        queries.chunks(spec.block() as usize).map(block).collect()
    }
}

/// The jobs of a workload, in the order of heads and queries. They depend on the engine and the workload alone, so
/// that cycle counts do.
pub fn jobs(spec: &EngineSpec, workload: &Quantized) -> Vec<Job> {
    let most = BLOCKS_PER_JOB * spec.block() as usize;
    let of_head = |head: usize| {
        let queries = workload.heads[head].q.len() / workload.head_dim;
        (0..queries).step_by(most).map(move |i| Job { head, queries: i..queries.min(i + most) })
    };
    (0..workload.heads.len()).flat_map(of_head).collect()
}

/// The factor on the scores: q is already scaled, so it is 1 where the engine has it at run time.
pub fn scale(spec: &EngineSpec) -> Option<u64> {
    spec.dot.scale.map(|format| format.one())
}
