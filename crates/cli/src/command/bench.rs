//! `flashrtl bench`: how fast the simulators are.

use crate::progress::Progress;
use crate::show::{self, grouped};
use crate::source::ConfigArgs;
use crate::stimuli;
use crate::target::Target;
use anyhow::Result;
use serde::Serialize;
use sim::{EngineError, Icarus, Program, Tool, Trace, Verilator};
use std::time::{Duration, Instant};

/// Measure the simulators on one design: cycles per second of one core, build time apart
///
/// Every engine replays the same inputs from memory and writes nothing. Run it on a quiet machine.
#[derive(clap::Args)]
#[command(after_help = "Example: flashrtl bench fa2_bf16_d64")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Seconds that each measurement should take
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Leave out the Verilog simulators
    #[arg(long)]
    program_only: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "must be a number".to_string())?;
    if (0.01..=600.0).contains(&value) { Ok(value) } else { Err("must be 0.01 to 600".into()) }
}

/// Numbers of independent stimuli that are tried side by side in the compiled simulator.
const STIMULI: &[usize] = &[1, 2, 4, 8, 16];
/// Cycles of the first, short measurement, which tells how many the second one needs.
const PROBE_CYCLES: u32 = 256;

/// The measurements.
#[derive(Serialize)]
struct Report {
    name: String,
    measurements: Vec<Measurement>,
    skipped: Vec<String>,
}

#[derive(Serialize)]
struct Measurement {
    engine: String,
    build_seconds: f64,
    /// Cycles of one engine per second of one core; of all stimuli together.
    cycles_per_second: f64,
}

/// Measures and prints a table.
pub fn run(args: &Args) -> Result<()> {
    let target = Target::new(args.config.load()?)?;
    let trace = stimuli::vectors(&target)?.recording.inputs;
    let mut report = Report { name: target.config.name.clone(), measurements: vec![], skipped: vec![] };
    report.measurements.extend(program(&target, &trace, args.seconds)?);
    if !args.program_only {
        external(&target, &trace, args.seconds, &mut report)?;
    }
    if args.json { show::json(&report) } else { show::text(report.text()) }
}

/// The compiled simulator with one stimulus and with several.
fn program(target: &Target, trace: &Trace, seconds: f64) -> Result<Vec<Measurement>> {
    let start = Instant::now();
    let program = Program::compile(&target.design)?;
    let build_seconds = start.elapsed().as_secs_f64();
    let measure = |&stimuli: &usize| {
        let _progress = Progress::spinner(format!("program, {stimuli} stimuli"));
        let rate = rate(seconds, |cycles| replay(&program, trace, stimuli, cycles))?;
        Ok(Measurement {
            engine: format!("program, {stimuli} {}", if stimuli == 1 { "stimulus" } else { "stimuli" }),
            build_seconds,
            cycles_per_second: rate * stimuli as f64,
        })
    };
    STIMULI.iter().map(measure).collect()
}

/// Time of so many cycles, the inputs of the trace over and over.
fn replay(program: &Program, trace: &Trace, stimuli: usize, cycles: u32) -> Result<Duration, EngineError> {
    let ports: Vec<_> = trace.ports.iter().map(|p| program.input(&p.name)).collect::<Result<_, _>>()?;
    let mut simulator = program.simulator(stimuli);
    let start = Instant::now();
    for cycle in 0..cycles as usize {
        for (port, values) in ports.iter().zip(&trace.ports) {
            for stimulus in 0..stimuli {
                // Stimuli differ, so that nothing is gained from their being alike.
                simulator.set(*port, stimulus, values.at((cycle + 7 * stimulus) % trace.cycles));
            }
        }
        simulator.step();
    }
    Ok(start.elapsed())
}

/// Verilator and Icarus, as far as they are installed.
fn external(target: &Target, trace: &Trace, seconds: f64, report: &mut Report) -> Result<()> {
    let mut measure = |engine: &str, unavailable: Option<String>, build: &dyn Fn() -> Build| -> Result<()> {
        if let Some(why) = unavailable {
            report.skipped.push(why);
            return Ok(());
        }
        let _progress = Progress::spinner(engine);
        let built = build()?;
        report.measurements.push(Measurement {
            engine: engine.into(),
            build_seconds: built.build_time.as_secs_f64(),
            cycles_per_second: rate(seconds, |cycles| built.bench(trace, cycles))?,
        });
        Ok(())
    };
    let verilator = Verilator { optimise: true, ..Verilator::default() };
    measure("verilator -O3, 1 thread", Tool::VERILATOR.unavailable(), &|| verilator.build(&target.design))?;
    let no_icarus = Tool::IVERILOG.unavailable().or_else(|| Tool::VVP.unavailable());
    measure("icarus", no_icarus, &|| Icarus.build(&target.design))
}

/// A compiled simulation, or why there is none.
type Build = Result<sim::Built, EngineError>;

/// Cycles per second: a short run tells how long the measured one must be.
fn rate(seconds: f64, time: impl Fn(u32) -> Result<Duration, EngineError>) -> Result<f64, EngineError> {
    let probe = time(PROBE_CYCLES)?.as_secs_f64().max(1e-3);
    let wanted = f64::from(PROBE_CYCLES) * seconds / probe;
    let cycles = wanted.clamp(f64::from(PROBE_CYCLES), 1e9) as u32;
    Ok(f64::from(cycles) / time(cycles)?.as_secs_f64().max(1e-9))
}

impl Report {
    fn text(&self) -> String {
        let program = self.measurements.iter().filter(|m| m.engine.starts_with("program"));
        let best = program.map(|m| m.cycles_per_second).fold(0.0, f64::max);
        let row = |m: &Measurement| {
            vec![
                m.engine.clone(),
                format!("{:.2}", m.build_seconds),
                grouped(m.cycles_per_second as u64),
                format!("{:.2}", best / m.cycles_per_second),
            ]
        };
        let columns = ["engine", ">build s", ">engine cycles/s", ">best program is faster by"];
        let skipped: String = self.skipped.iter().map(|why| format!("skipped: {why}\n")).collect();
        format!("{}\n{}{skipped}", self.name, show::table(&columns, self.measurements.iter().map(row)))
    }
}
