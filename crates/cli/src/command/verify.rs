//! `flashrtl verify`: the same stimuli through every engine, compared bit for bit.

use crate::engines::EngineName;
use crate::progress::Progress;
use crate::show::{self, grouped};
use crate::source::ConfigArgs;
use crate::stimuli;
use crate::target::Target;
use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::Serialize;
use std::time::Instant;

/// Run every installed engine on the same stimuli and compare them bit for bit
///
/// The stimuli are random: partial blocks, inactive queries, masked keys and pauses on every port of an engine,
/// stratified operands of a unit. The compiled simulator records them, and its results are held against the
/// bit-accurate functional model; then every engine replays them.
#[derive(clap::Args)]
#[command(after_help = "Example: flashrtl verify tour --strict")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Fail when an engine cannot run because a tool is missing
    #[arg(long)]
    strict: bool,
    /// A few stimuli only
    #[arg(long)]
    quick: bool,
    /// Seed of the stimuli
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run these engines only; may be repeated
    #[arg(long, value_enum)]
    engine: Vec<EngineName>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Blocks of queries, or hundreds of operands.
const BLOCKS: usize = 24;
const QUICK_BLOCKS: usize = 5;

/// What became of the engines.
#[derive(Serialize)]
pub struct Verification {
    name: String,
    cycles: usize,
    results: usize,
    engines: Vec<EngineResult>,
}

#[derive(Serialize)]
struct EngineResult {
    engine: &'static str,
    status: Status,
    detail: String,
    seconds: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Equal,
    Differs,
    Failed,
    Skipped,
}

/// Verifies and prints a table; fails when an engine differs.
pub fn run(args: &Args) -> Result<()> {
    let target = Target::new(args.config.load()?)?;
    let blocks = if args.quick { QUICK_BLOCKS } else { BLOCKS };
    let engines =
        if args.engine.is_empty() { EngineName::value_variants().to_vec() } else { args.engine.clone() };
    let verification = Verification::new(&target, &engines, blocks, args.seed)?;
    if args.json {
        show::json(&verification)?;
    } else {
        show::text(verification.text())?;
    }
    verification.verdict(args.strict)
}

impl Verification {
    /// Records `amount` random blocks (or hundreds of operands) and has the engines replay them.
    pub fn new(target: &Target, engines: &[EngineName], amount: usize, seed: u64) -> Result<Verification> {
        let recorded = stimuli::random(target, amount, seed)?;
        let replay = |engine: &EngineName| {
            let start = Instant::now();
            let (status, detail) = replay(target, *engine, &recorded.recording);
            EngineResult { engine: engine.name(), status, detail, seconds: start.elapsed().as_secs_f64() }
        };
        Ok(Verification {
            name: target.config.name.clone(),
            cycles: recorded.recording.inputs.cycles,
            results: recorded.results,
            engines: engines.iter().map(replay).collect(),
        })
    }

    /// The table.
    pub fn text(&self) -> String {
        let row = |r: &EngineResult| {
            let (status, ran) = match r.status {
                Status::Equal => ("equal", true),
                Status::Differs => ("DIFFERS", true),
                Status::Failed => ("FAILED", false),
                Status::Skipped => ("skipped", false),
            };
            let time = if ran { format!("{:.2}", r.seconds) } else { String::new() };
            let cycles = if ran { grouped(self.cycles as u64) } else { String::new() };
            vec![r.engine.to_string(), status.into(), cycles, time, r.detail.clone()]
        };
        let (cycles, results) = (grouped(self.cycles as u64), grouped(self.results as u64));
        let reference = format!("{cycles} cycles, {results} results as by the bit-accurate reference");
        let columns = ["engine", "status", ">cycles", ">seconds", ""];
        format!("{}: {reference}\n{}", self.name, show::table(&columns, self.engines.iter().map(row)))
    }

    /// Fails when an engine differs or failed, and if `strict` when one was skipped.
    pub fn verdict(&self, strict: bool) -> Result<()> {
        let with = |status: Status| {
            let named = self.engines.iter().filter(|e| e.status == status).map(|e| e.engine);
            named.collect::<Vec<_>>().join(", ")
        };
        match [Status::Differs, Status::Failed, Status::Skipped].map(with) {
            [differs, ..] if !differs.is_empty() => bail!("{}: not equal: {differs}", self.name),
            [_, failed, _] if !failed.is_empty() => bail!("{}: could not run: {failed}", self.name),
            [.., skipped] if strict && !skipped.is_empty() => bail!("{}: skipped: {skipped}", self.name),
            _ => Ok(()),
        }
    }
}

fn replay(
    target: &Target,
    engine: EngineName,
    recording: &attention::simulate::Recording,
) -> (Status, String) {
    if let Some(why) = engine.unavailable() {
        return (Status::Skipped, why);
    }
    let _progress = Progress::spinner(format!("engine {}", engine.name()));
    let outputs = engine.prepare(&target.design).and_then(|replay| replay(&recording.inputs));
    match outputs.map(|found| sim::compare(&target.design, &recording.outputs, &found)) {
        Ok(Ok(())) => (Status::Equal, String::new()),
        Ok(Err(mismatch)) => (Status::Differs, mismatch.to_string()),
        Err(error) => (Status::Failed, error.to_string()),
    }
}
