//! A compiled simulation, run on any number of stimuli.

use super::testbench::{BENCH_CYCLES, testbench};
use super::vectors::{read_dump, write_vectors};
use crate::engine::{EngineError, Trace};
use hdl::verilog::{Header, identifier, write};
use hdl::{Design, Direction};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A design compiled by an external simulator, together with its testbench, in a temporary folder.
#[derive(Debug)]
pub struct Built {
    folder: TempDir,
    /// The program and its arguments; runs add plusargs.
    command: Vec<String>,
    design: Design,
    /// Wall-clock time of the compilation.
    pub build_time: Duration,
}

/// What a run gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The outputs, cycle by cycle.
    pub outputs: Trace,
    /// Wall-clock time of the simulator's process, vector files included.
    pub wall: Duration,
}

impl Built {
    /// Writes the RTL and the testbench to a temporary folder and runs `compile` there; `compile` gets the folder and
    /// the files and returns the command that compiles them, `command` is the one that simulates.
    pub(super) fn new(
        design: &Design,
        compile: impl FnOnce(&[String], &str) -> Command,
        command: Vec<String>,
    ) -> Result<Built, EngineError> {
        let folder = tempfile::Builder::new().prefix("flashrtl-").tempdir()?;
        let header = Header::default();
        let mut files = write(design, &header);
        files.pop();
        files.push(testbench(design, &header));
        for file in &files {
            std::fs::write(folder.path().join(&file.name), &file.text)?;
        }
        let names: Vec<String> = files.into_iter().map(|f| f.name).collect();
        let top = format!("tb_{}", identifier(&design.top().name));
        let start = Instant::now();
        run(compile(&names, &top).current_dir(folder.path()))?;
        Ok(Built { command, design: design.clone(), build_time: start.elapsed(), folder })
    }

    /// The design that was compiled.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// Resets the design and applies the stimulus; several runs may go on at a time.
    pub fn run(&self, stimulus: &Trace) -> Result<Run, EngineError> {
        let folder = self.with_vectors(&[("stimulus", stimulus)])?;
        let start = Instant::now();
        let said = self.simulate(folder.path(), &["+stimulus=stimulus.hex", "+dump=dump.hex"])?;
        let wall = start.elapsed();
        let mut outputs = Trace::new(&self.design, Direction::Output);
        read_dump(&mut outputs, BufReader::new(File::open(folder.path().join("dump.hex"))?))?;
        if outputs.cycles != stimulus.cycles {
            let what = format!("{} of {} cycles were simulated:\n{said}", outputs.cycles, stimulus.cycles);
            return Err(EngineError(what));
        }
        Ok(Run { outputs, wall })
    }

    /// Runs the self-checking testbench as a user would; returns what it printed, or that as the error when its last
    /// line is not `PASS`.
    pub fn check(&self, stimulus: &Trace, expected: &Trace) -> Result<String, EngineError> {
        let folder = self.with_vectors(&[("stimulus", stimulus), ("expected", expected)])?;
        let said = self.simulate(folder.path(), &["+stimulus=stimulus.hex", "+expected=expected.hex"])?;
        if said.lines().any(|line| line.starts_with("PASS: ")) { Ok(said) } else { Err(EngineError(said)) }
    }

    /// Wall-clock time of `cycles` cycles on the first 1024 cycles of the stimulus over and over, nothing written or
    /// compared; loading is measured apart and taken off.
    pub fn bench(&self, stimulus: &Trace, cycles: u32) -> Result<Duration, EngineError> {
        let folder = self.with_vectors(&[("stimulus", &first(stimulus, BENCH_CYCLES))])?;
        let time = |cycles: u32| {
            let start = Instant::now();
            self.simulate(folder.path(), &["+stimulus=stimulus.hex", &format!("+bench={cycles}")])?;
            Ok::<_, EngineError>(start.elapsed())
        };
        let overhead = time(0)?;
        Ok(time(cycles)?.saturating_sub(overhead))
    }

    /// A fresh folder with vector files.
    fn with_vectors(&self, traces: &[(&str, &Trace)]) -> Result<TempDir, EngineError> {
        let folder = tempfile::tempdir_in(self.folder.path())?;
        for (name, trace) in traces {
            let mut file = BufWriter::new(File::create(folder.path().join(format!("{name}.hex")))?);
            write_vectors(trace, &mut file)?;
            file.flush()?;
        }
        Ok(folder)
    }

    fn simulate(&self, folder: &Path, plusargs: &[&str]) -> Result<String, EngineError> {
        let at = |arg: &String| arg.replace("{}", &self.folder.path().display().to_string());
        let mut command = Command::new(at(&self.command[0]));
        command.args(self.command[1..].iter().map(at)).args(plusargs).current_dir(folder);
        run(&mut command)
    }
}

/// The first cycles of a trace.
fn first(trace: &Trace, cycles: usize) -> Trace {
    let mut part = trace.clone();
    part.cycles = trace.cycles.min(cycles);
    for port in &mut part.ports {
        port.values.truncate(part.cycles * port.ty.count as usize);
    }
    part
}

/// Runs a command to its end and returns what it printed; the error says what it said.
fn run(command: &mut Command) -> Result<String, EngineError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| EngineError(format!("cannot run `{program}`: {e}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    Err(EngineError(format!("`{program}` failed ({}):\n{out}{err}", output.status)))
}
