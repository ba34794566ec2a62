//! Verilator: two-state, compiled; uninitialised state starts at random.

use super::built::Built;
use super::tool::Tool;
use crate::engine::{Engine, EngineError, Trace};
use hdl::Design;
use std::process::Command;

/// The engine on Verilator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verilator {
    /// Seed of what uninitialised state starts at: values that depend on it differ from seed to seed.
    pub seed: u32,
    /// Compile for speed (`-O3` for both compilers, the machine's own instructions) rather than for a short build.
    pub optimise: bool,
}

impl Default for Verilator {
    fn default() -> Self {
        Verilator { seed: 1, optimise: false }
    }
}

impl Verilator {
    /// Compiles a design, to be run on any number of stimuli. It takes tens of seconds and more for large designs.
    pub fn build(&self, design: &Design) -> Result<Built, EngineError> {
        let compile = |files: &[String], top: &str| {
            let mut command = Command::new(Tool::VERILATOR.program);
            command.args(["--binary", "--timing", "-Wno-fatal", "--x-initial", "unique", "-O3"]);
            let jobs = std::thread::available_parallelism().map_or(1, |n| n.get());
            command.args(["-j", &jobs.to_string(), "--Mdir", "obj", "-o", "sim", "--top-module", top]);
            // One function with all the logic of a large design would take the C++ compiler minutes by itself.
            command.args(["--output-split", "20000", "--output-split-cfuncs", "2000"]);
            let fast = if self.optimise { "-O3 -march=native" } else { "-O1" };
            command.args(["-MAKEFLAGS", &format!("OPT_FAST='{fast}'")]).args(files);
            command
        };
        let seed = format!("+verilator+seed+{}", self.seed.max(1));
        let command = ["{}/obj/sim", "+verilator+rand+reset+2", &seed];
        Built::new(design, compile, command.map(String::from).to_vec())
    }
}

impl Engine for Verilator {
    fn name(&self) -> &'static str {
        "verilator"
    }

    fn unavailable(&self) -> Option<String> {
        Tool::VERILATOR.unavailable()
    }

    fn run(&self, design: &Design, stimulus: &Trace) -> Result<Trace, EngineError> {
        Ok(self.build(design)?.run(stimulus)?.outputs)
    }
}
