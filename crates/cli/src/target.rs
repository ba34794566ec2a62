//! The design that a configuration asks for, elaborated.

use crate::unit::Unit;
use anyhow::Result;
use arith::registry;
use attention::accelerator::AcceleratorSpec;
use attention::config::{AcceleratorConfig, DesignConfig, EngineConfig, Interleave};
use attention::{Config, ConfigError, EngineSpec};
use hdl::Design;
use numerics::Policy;

/// A configuration, what it describes, and the hardware.
pub struct Target {
    /// The configuration.
    pub config: Config,
    /// What it describes, with everything chosen.
    pub kind: Kind,
    /// The hardware.
    pub design: Design,
}

/// What is built.
pub enum Kind {
    /// A query engine.
    Engine(EngineSpec),
    /// An operator on its own.
    Unit(Unit),
    /// A tiled accelerator around an engine.
    Accelerator(Box<AcceleratorSpec>),
}

impl Kind {
    /// The query engine that it is, or that is inside.
    pub fn engine(&self) -> Option<&EngineSpec> {
        match self {
            Kind::Engine(spec) => Some(spec),
            Kind::Accelerator(spec) => Some(&spec.engine),
            Kind::Unit(_) => None,
        }
    }
}

impl Target {
    /// Elaborates a configuration; with `interleave = "auto"` it finds the smallest one.
    ///
    /// Errors name the key to change.
    pub fn new(config: Config) -> Result<Target, ConfigError> {
        let (kind, design) = match &config.design {
            DesignConfig::Engine(engine) => {
                let (spec, design) = elaborate_engine(&config, engine)?;
                (Kind::Engine(spec), design)
            }
            DesignConfig::Accelerator(accelerator) => {
                let (spec, design) = elaborate_accelerator(&config, accelerator)?;
                (Kind::Accelerator(Box::new(spec)), design)
            }
            DesignConfig::Unit(unit) => {
                let unit = Unit::new(&config, unit)?;
                (Kind::Unit(unit), elaborate_unit(&config, &unit)?)
            }
        };
        Ok(Target { config, kind, design })
    }

    /// Rounding and edges.
    pub fn policy(&self) -> Policy {
        self.config.policy
    }

    /// Cycles from a step's first inputs to its last result: of a lane, or of the unit.
    pub fn latency(&self) -> u32 {
        EngineSpec::lane(&self.design).unwrap_or(self.design.top()).latency()
    }

    /// The recurrences of the engine in its smallest interleave at another clock; empty where an operation does not fit that clock, and for a unit.
    pub fn loops_at(&self, mhz: f64) -> Vec<hdl::Loop> {
        let Some(spec) = self.kind.engine() else { return vec![] };
        let one_lane = EngineSpec { lanes: 1, ..spec.clone() };
        let elaborated = one_lane.elaborate_auto(Some(self.config.clock.timing_at(mhz)), self.config.reset);
        elaborated.map_or(vec![], |(_, design)| design.loops().map(|(_, l)| l.clone()).collect())
    }

    /// The number formats by what they hold.
    pub fn formats(&self) -> Vec<(&'static str, String)> {
        match (&self.kind, self.kind.engine()) {
            (Kind::Unit(unit), _) => {
                vec![("format", unit.params.format.to_string()), ("result", unit.params.result.to_string())]
            }
            (_, spec) => {
                let spec = spec.expect("what is no unit has an engine");
                vec![
                    ("input", spec.dot.operand.to_string()),
                    ("score", spec.score().to_string()),
                    ("accumulator", spec.accumulator.to_string()),
                    ("output", spec.output.to_string()),
                ]
            }
        }
    }
}

fn elaborate_engine(config: &Config, engine: &EngineConfig) -> Result<(EngineSpec, Design), ConfigError> {
    let spec = EngineSpec::new(&config.name, engine, config.policy);
    let timing = config.clock.timing.clone();
    match engine.array.interleave {
        Interleave::Auto => {
            spec.elaborate_auto(timing, config.reset).map_err(|problem| config.reject("clock.mhz", problem))
        }
        Interleave::Fixed(_) => match spec.elaborate(timing, config.reset) {
            Ok(design) => Ok((spec, design)),
            Err(problem) if problem.needs_interleave().is_some() => {
                Err(config.reject("array.interleave", problem))
            }
            Err(problem) => Err(config.reject("clock.mhz", problem)),
        },
    }
}

fn elaborate_accelerator(
    config: &Config,
    accelerator: &AcceleratorConfig,
) -> Result<(AcceleratorSpec, Design), ConfigError> {
    let spec = AcceleratorSpec::new(&config.name, accelerator, config.policy, config.reset);
    let timing = config.clock.timing.clone();
    let elaborated = match accelerator.engine.array.interleave {
        Interleave::Auto => spec.elaborate_auto(timing),
        Interleave::Fixed(_) => spec.elaborate(timing).map(|design| (spec, design)),
    };
    elaborated.map_err(|problem| {
        let fixed = accelerator.engine.array.interleave != Interleave::Auto;
        let key =
            if fixed && problem.needs_interleave().is_some() { "array.interleave" } else { "clock.mhz" };
        config.reject(key, problem)
    })
}

fn elaborate_unit(config: &Config, unit: &Unit) -> Result<Design, ConfigError> {
    let timing = config.clock.timing.clone();
    registry::elaborate(unit.operator, &unit.params, timing, config.reset)
        .map_err(|problem| config.reject("clock.mhz", problem))
}
