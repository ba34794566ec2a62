//! The ways of running a design.

use hdl::Design;
use sim::{Engine, EngineError, Icarus, ProgramEngine, RustHdlEngine, Trace, Verilator};

/// An engine by its name on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum EngineName {
    /// The compiled simulator.
    Program,
    /// rust-hdl's own simulation.
    RustHdl,
    /// Icarus Verilog on the written RTL.
    Icarus,
    /// Verilator on the written RTL.
    Verilator,
}

/// Runs one design on any number of stimuli.
pub type Runner = Box<dyn Fn(&Trace) -> Result<Trace, EngineError>>;

impl EngineName {
    /// The engine; the program starts from arbitrary state, so that nothing may depend on it.
    fn engine(self) -> Box<dyn Engine> {
        match self {
            EngineName::Program => Box::new(ProgramEngine { seed: Some(1) }),
            EngineName::RustHdl => Box::new(RustHdlEngine),
            EngineName::Icarus => Box::new(Icarus),
            EngineName::Verilator => Box::new(Verilator::default()),
        }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        self.engine().name()
    }

    /// What is missing for it and how to install that, if anything is.
    pub fn unavailable(self) -> Option<String> {
        self.engine().unavailable()
    }

    /// Compiles the design where the engine needs that.
    pub fn prepare(self, design: &Design) -> Result<Runner, EngineError> {
        Ok(match self {
            EngineName::Icarus => {
                let built = Icarus.build(design)?;
                Box::new(move |stimulus| Ok(built.run(stimulus)?.outputs))
            }
            EngineName::Verilator => {
                let built = Verilator::default().build(design)?;
                Box::new(move |stimulus| Ok(built.run(stimulus)?.outputs))
            }
            EngineName::Program | EngineName::RustHdl => {
                let (engine, design) = (self.engine(), design.clone());
                Box::new(move |stimulus| engine.run(&design, stimulus))
            }
        })
    }
}
