//! Icarus Verilog: four-state, interpreted; finds values that depend on uninitialised state as X.

use super::built::Built;
use super::tool::Tool;
use crate::engine::{Engine, EngineError, Trace};
use hdl::Design;
use std::process::Command;

/// The engine on Icarus Verilog.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Icarus;

impl Icarus {
    /// Compiles a design, to be run on any number of stimuli.
    pub fn build(&self, design: &Design) -> Result<Built, EngineError> {
        let compile = |files: &[String], top: &str| {
            let mut command = Command::new(Tool::IVERILOG.program);
            command.args(["-g2005", "-o", "sim.vvp", "-s", top]).args(files);
            command
        };
        let command = [Tool::VVP.program, "-n", "{}/sim.vvp"];
        Built::new(design, compile, command.map(String::from).to_vec())
    }
}

impl Engine for Icarus {
    fn name(&self) -> &'static str {
        "icarus"
    }

    fn unavailable(&self) -> Option<String> {
        Tool::IVERILOG.unavailable().or_else(|| Tool::VVP.unavailable())
    }

    fn run(&self, design: &Design, stimulus: &Trace) -> Result<Trace, EngineError> {
        Ok(self.build(design)?.run(stimulus)?.outputs)
    }
}
