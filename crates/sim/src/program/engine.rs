//! The compiled simulator as an [`Engine`].

use super::Program;
use crate::engine::{Engine, EngineError, Trace};
use hdl::{Design, Direction};

/// Runs designs in the compiled simulator, with one stimulus.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProgramEngine {
    /// Seed of the arbitrary values that state without reset begins with; zeros if `None`.
    pub seed: Option<u64>,
}

impl Engine for ProgramEngine {
    fn name(&self) -> &'static str {
        "program"
    }

    fn run(&self, design: &Design, stimulus: &Trace) -> Result<Trace, EngineError> {
        let program = Program::compile(design)?;
        let inputs: Vec<_> =
            stimulus.ports.iter().map(|p| program.input(&p.name)).collect::<Result<_, _>>()?;
        let mut response = Trace::new(design, Direction::Output);
        let outputs: Vec<_> =
            response.ports.iter().map(|p| program.output(&p.name)).collect::<Result<_, _>>()?;
        let mut sim = program.simulator(1);
        if let Some(seed) = self.seed {
            sim.randomize(seed);
            sim.reset();
        }
        for cycle in 0..stimulus.cycles {
            for (port, trace) in inputs.iter().zip(&stimulus.ports) {
                sim.set(*port, 0, trace.at(cycle));
            }
            sim.step();
            for (port, trace) in outputs.iter().zip(&mut response.ports) {
                sim.get_into(*port, 0, &mut trace.values);
            }
        }
        response.cycles = stimulus.cycles;
        Ok(response)
    }
}
