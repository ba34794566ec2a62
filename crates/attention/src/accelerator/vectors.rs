//! Files for benches outside: the register map, and jobs with the memory before and after them as the functional model
//! has it.

use super::memory::Memory;
use super::model;
use super::registers::Map;
use super::spec::{AcceleratorSpec, Settings};
use hdl::verilog::identifier;
use hdl::{Design, Direction};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a bench is told of a design, as JSON.
#[derive(Serialize)]
pub struct Bench {
    /// The top module.
    pub top: String,
    /// Its ports, the clock and the reset among them.
    pub ports: Vec<PortOf>,
    /// Its reset port.
    pub reset: &'static str,
    /// The reset port is active low.
    pub reset_active_low: bool,
    /// Queries of a block.
    pub block: u32,
    /// Bytes of a beat.
    pub bus_bytes: u32,
    /// Bytes of a query, key or value row, padded.
    pub row_bytes: u32,
    /// Bytes of a result row, padded.
    pub result_bytes: u32,
    /// Bytes of an initial state, padded.
    pub state_bytes: u32,
    /// The register map.
    pub registers: Vec<super::registers::Register>,
    /// Jobs to run.
    pub jobs: Vec<JobFiles>,
}

/// A port of the top.
#[derive(Serialize)]
pub struct PortOf {
    /// Its name in Verilog.
    pub name: String,
    /// Its width.
    pub bits: u32,
    /// The bench drives it.
    pub input: bool,
}

/// A job with its files.
#[derive(Serialize)]
pub struct JobFiles {
    /// What it is for.
    pub name: String,
    /// What it is.
    pub settings: Settings,
    /// Words to write before the start: byte addresses and values.
    pub setup: Vec<(u32, u32)>,
    /// Address of the images.
    pub base: u64,
    /// File with the memory before the job.
    pub before: String,
    /// File with the memory after the job, if it is legal.
    pub after: Option<String>,
    /// Cause of the error in which it ends.
    pub error: Option<u32>,
    /// Counters after the job.
    pub counts: BTreeMap<&'static str, u64>,
    /// Clock cycles after which something is wrong.
    pub cycles: u64,
}

impl Bench {
    /// A design and its register map; no jobs yet.
    pub fn new(spec: &AcceleratorSpec, design: &Design) -> Bench {
        let top = design.top();
        let implicit =
            ["clk", spec.reset.port()].map(|name| PortOf { name: name.into(), bits: 1, input: true });
        let port = |port: &hdl::Port| PortOf {
            name: identifier(&port.name),
            bits: port.ty.bits(),
            input: port.direction == Direction::Input,
        };
        Bench {
            top: identifier(&top.name),
            ports: implicit.into_iter().chain(top.ports.iter().map(port)).collect(),
            reset: spec.reset.port(),
            reset_active_low: spec.reset.active_low,
            block: spec.block(),
            bus_bytes: spec.bus_bytes(),
            row_bytes: spec.row_beats() * spec.bus_bytes(),
            result_bytes: spec.result_beats() * spec.bus_bytes(),
            state_bytes: spec.state_beats() * spec.bus_bytes(),
            registers: Map::new(spec).registers,
            jobs: vec![],
        }
    }

    /// Adds a job, whose images go to `folder`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn add(
        &mut self,
        spec: &AcceleratorSpec,
        folder: &Path,
        name: &str,
        settings: &Settings,
        memory: &Memory,
    ) -> std::io::Result<()> {
        let file = |when: &str| format!("{name}_{when}.bin");
        std::fs::write(folder.join(file("before")), &memory.bytes)?;
        let outcome = model::run(spec, settings, memory);
        let (mut after, mut counts, mut steps) = (None, BTreeMap::new(), 0);
        if let Ok(outcome) = &outcome {
            std::fs::write(folder.join(file("after")), &outcome.memory.bytes)?;
            after = Some(file("after"));
            counts = outcome.counts.by_register();
            steps = outcome.counts.useful_steps + outcome.counts.skipped + outcome.counts.bytes_read;
        }
        self.jobs.push(JobFiles {
            name: name.into(),
            settings: *settings,
            setup: Map::new(spec).setup(settings),
            base: memory.base,
            before: file("before"),
            after,
            error: outcome.err().map(|cause| cause as u32),
            counts,
            cycles: 20_000 + 40 * steps,
        });
        Ok(())
    }
}
