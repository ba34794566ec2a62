//! Running a workload through an engine, many queries at a time.

use crate::engines::EngineName;
use crate::packing::{Job, jobs, scale};
use crate::progress::Progress;
use crate::target::Target;
use anyhow::{Result, ensure};
use attention::EngineSpec;
use attention::functional::ResultRow;
use attention::functional::final_row;
use attention::simulate::{RESULT_PORTS, Stalls, record, run};
use attention::workload::Quantized;
use rayon::prelude::*;
use serde::Serialize;
use sim::{Program, Trace};
use std::time::{Duration, Instant};

/// Independent jobs that one simulator runs side by side, as further lanes of its vectors.
const STIMULI: usize = 4;

/// What to run.
pub struct Request<'a> {
    /// The design and its parameters.
    pub target: &'a Target,
    /// The engine's parameters.
    pub spec: &'a EngineSpec,
    /// Rows as bit patterns.
    pub workload: &'a Quantized,
    /// Pauses on the ports.
    pub stalls: Stalls,
    /// What runs it.
    pub engine: EngineName,
}

/// What a run gave.
pub struct Simulation {
    /// Result rows of each head as values, [queries, d] flattened.
    pub outputs: Vec<Vec<f64>>,
    /// Result rows of each job, in patterns.
    pub rows: Vec<(Job, Vec<ResultRow>)>,
    /// The figures.
    pub figures: Figures,
}

/// Figures of a run.
#[derive(Clone, Copy, Serialize)]
pub struct Figures {
    /// Result rows.
    pub rows: usize,
    /// Clock cycles that one engine takes for all jobs, one after the other.
    pub cycles: u64,
    /// Steps of a query with a key ÷ (lanes × cycles).
    pub utilisation: f64,
    /// Wall-clock seconds of the simulation.
    pub seconds: f64,
    /// Simulated cycles per second of wall-clock time, all threads together.
    pub cycles_per_second: f64,
    /// Results that were compared with the functional model, all equal; none if that was not asked for.
    pub compared: Option<usize>,
}

struct JobResult {
    rows: Vec<ResultRow>,
    cycles: u64,
    useful_steps: u64,
}

impl Request<'_> {
    /// Runs the workload.
    pub fn run(&self) -> Result<Simulation> {
        let jobs = jobs(self.spec, self.workload);
        let program = Program::compile(&self.target.design)?;
        let start = Instant::now();
        let results = match self.engine {
            EngineName::Program => self.run_program(&program, &jobs)?,
            other => self.replay(&program, &jobs, other)?,
        };
        let wall = start.elapsed();
        let mut outputs = vec![vec![]; self.workload.heads.len()];
        for (job, result) in jobs.iter().zip(&results) {
            let expected = job.queries.len();
            ensure!(
                result.rows.len() == expected,
                "{} of {expected} result rows came out",
                result.rows.len()
            );
            let rows = result.rows.iter().flat_map(|row| final_row(self.spec, row));
            outputs[job.head].extend(rows.map(|bits| self.spec.output.decode(bits)));
        }
        let figures = self.figures(&results, wall);
        let rows = jobs.into_iter().zip(results.into_iter().map(|r| r.rows)).collect();
        Ok(Simulation { outputs, rows, figures })
    }

    fn figures(&self, results: &[JobResult], wall: Duration) -> Figures {
        let cycles: u64 = results.iter().map(|r| r.cycles).sum();
        let useful: u64 = results.iter().map(|r| r.useful_steps).sum();
        let seconds = wall.as_secs_f64();
        Figures {
            rows: results.iter().map(|r| r.rows.len()).sum(),
            cycles,
            utilisation: useful as f64 / (f64::from(self.spec.lanes) * cycles as f64),
            seconds,
            cycles_per_second: cycles as f64 / seconds,
            compared: None,
        }
    }

    /// Several jobs side by side in each simulator, and a simulator in each thread.
    fn run_program(&self, program: &Program, jobs: &[Job]) -> Result<Vec<JobResult>> {
        let progress = Progress::steps("simulating", jobs.len() as u64);
        let side_by_side = jobs.len().div_ceil(rayon::current_num_threads()).clamp(1, STIMULI);
        let batch = |jobs: &[Job]| -> Result<Vec<JobResult>> {
            let blocks: Vec<_> = jobs.iter().map(|job| job.blocks(self.spec, self.workload)).collect();
            let mut simulator = program.simulator(jobs.len());
            let outcomes =
                run(self.spec, &mut simulator, &blocks, scale(self.spec), self.stalls, |_| Ok(()))?;
            progress.advance(jobs.len() as u64);
            let result = |o: attention::simulate::Outcome| JobResult {
                rows: o.rows,
                cycles: o.cycles,
                useful_steps: o.useful_steps,
            };
            Ok(outcomes.into_iter().map(result).collect())
        };
        let batches: Vec<Vec<JobResult>> = jobs.par_chunks(side_by_side).map(batch).collect::<Result<_>>()?;
        Ok(batches.into_iter().flatten().collect())
    }

    /// Records the inputs of every cycle with the program, and has another engine replay them.
    fn replay(&self, program: &Program, jobs: &[Job], engine: EngineName) -> Result<Vec<JobResult>> {
        if let Some(why) = engine.unavailable() {
            anyhow::bail!("engine {}: {why}", engine.name());
        }
        let building = Progress::spinner(format!("compiling for {}", engine.name()));
        let replay = engine.prepare(&self.target.design)?;
        drop(building);
        let progress = Progress::steps(format!("simulating with {}", engine.name()), jobs.len() as u64);
        let job = |job: &Job| -> Result<JobResult> {
            let blocks = job.blocks(self.spec, self.workload);
            let (outcome, recording) = record(self.spec, program, &blocks, scale(self.spec), self.stalls)?;
            let outputs = replay(&recording.inputs)?;
            sim::compare(&self.target.design, &recording.outputs, &outputs).map_err(|mismatch| {
                anyhow::anyhow!("{} differs from the compiled simulator: {mismatch}", engine.name())
            })?;
            progress.advance(1);
            let rows = result_rows(&recording.inputs, &outputs);
            Ok(JobResult { rows, cycles: outcome.cycles, useful_steps: outcome.useful_steps })
        };
        jobs.iter().map(job).collect()
    }
}

/// The rows that leave in the cycles in which both sides are ready.
fn result_rows(inputs: &Trace, outputs: &Trace) -> Vec<ResultRow> {
    let port = |trace: &'_ Trace, name: &str| trace.port(name).cloned().expect("the engine has this port");
    let (ready, valid) = (port(inputs, "o_ready"), port(outputs, "o_valid"));
    let empty = port(outputs, "o_empty");
    let parts: Vec<_> = RESULT_PORTS.iter().filter_map(|name| outputs.port(name)).collect();
    let leaves = |cycle: &usize| ready.at(*cycle)[0] == 1 && valid.at(*cycle)[0] == 1;
    let row = |cycle: usize| ResultRow {
        row: parts.iter().flat_map(|part| part.at(cycle)).copied().collect(),
        empty: empty.at(cycle)[0] == 1,
    };
    (0..outputs.cycles).filter(leaves).map(row).collect()
}

impl Simulation {
    /// Compares every result row with the functional model.
    pub fn compare_with_model(&mut self, request: &Request<'_>) -> Result<()> {
        let progress = Progress::steps("functional model", self.rows.len() as u64);
        let check = |(job, rows): &(Job, Vec<ResultRow>)| -> Result<usize> {
            let blocks = job.blocks(request.spec, request.workload);
            let expected = blocks.iter().flat_map(|b| b.reference(request.spec, scale(request.spec)));
            for (query, (expected, found)) in job.queries.clone().zip(expected.zip(rows)) {
                ensure!(
                    expected == *found,
                    "head {}, query {query}: the simulation gives {:x?}, the functional model {:x?}",
                    job.head,
                    found.row,
                    expected.row
                );
            }
            progress.advance(1);
            Ok(rows.len())
        };
        let compared: Vec<usize> = self.rows.par_iter().map(check).collect::<Result<_>>()?;
        self.figures.compared = Some(compared.iter().sum());
        Ok(())
    }
}
