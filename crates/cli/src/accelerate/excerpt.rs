//! Short jobs of an accelerator that are looked into cycle by cycle: for power, and for waves.

use anyhow::{Context, Result, bail};
use attention::accelerator::memory::{Memory, image};
use attention::accelerator::system::System;
use attention::accelerator::{AcceleratorSpec, Interface, Settings};
use attention::config::{AcceleratorConfig, JobConfig};
use attention::workload::{Quantized, QuantizedHead};
use sim::{EngineError, Program, Simulator};

/// Blocks of queries of a job, the next one loading while the last one drains.
const BLOCKS: usize = 2;

/// A job of one head: its next queries, and its first keys.
pub struct Excerpt {
    settings: Settings,
    memory: Memory,
}

impl Excerpt {
    /// At most `most` jobs of `keys` keys, from all heads in turn.
    ///
    /// # Errors
    /// When the accelerator refuses such a job, or there are no queries.
    pub fn of(
        spec: &AcceleratorSpec,
        config: &AcceleratorConfig,
        workload: &Quantized,
        keys: usize,
        most: usize,
    ) -> Result<Vec<Excerpt>> {
        let rows = BLOCKS * spec.block() as usize * workload.head_dim;
        let longest = workload.heads.iter().map(|head| head.q.len().div_ceil(rows)).max().unwrap_or(0);
        let turns = (0..longest).flat_map(|i| workload.heads.iter().map(move |head| (i, head)));
        let there = turns.filter_map(|(i, head)| Some((head.q.chunks(rows).nth(i)?, head)));
        let head = |(q, head): (&[u64], &QuantizedHead)| {
            let kept = (keys * workload.head_dim).min(head.k.len());
            QuantizedHead { q: q.to_vec(), k: head.k[..kept].to_vec(), v: head.v[..kept].to_vec() }
        };
        let excerpts: Vec<Excerpt> =
            there.take(most).map(|at| Excerpt::new(spec, config, head(at))).collect::<Result<_>>()?;
        if excerpts.is_empty() {
            bail!("the workload has no queries");
        }
        Ok(excerpts)
    }

    fn new(spec: &AcceleratorSpec, config: &AcceleratorConfig, head: QuantizedHead) -> Result<Excerpt> {
        let length = |rows: &[u64]| (rows.len() / spec.engine.head_dim as usize) as u32;
        let lengths = [length(&head.q), length(&head.k), 1];
        let job = JobConfig { group: 1, ..config.job };
        let (settings, end) = super::settings(spec, &job, lengths)?.placed(spec, super::BASE);
        Ok(Excerpt { settings, memory: image(spec, &settings, &[head], end) })
    }

    /// The port that tells that a result leaves.
    pub fn valid(spec: &AcceleratorSpec) -> &'static str {
        match spec.interface {
            Interface::Dma => "m_axi_wvalid",
            Interface::Stream => "m_axis_o_tvalid",
        }
    }

    /// Runs the job, which must leave what the functional model leaves; steps of a query with a key that it took.
    pub fn run(
        &self,
        spec: &AcceleratorSpec,
        config: &AcceleratorConfig,
        program: &Program,
        observe: impl FnMut(&Simulator) -> Result<(), EngineError>,
    ) -> Result<u64> {
        let mut system = System::new(spec, program, self.memory.clone(), config.memory)?;
        system.observe(observe);
        let job = system.check(&self.settings).context("an excerpt of the workload")?;
        Ok(job.counter("USEFUL_STEPS"))
    }
}
