//! The canonical form: every key with its value, defaults and overrides included, and its hash.

use super::*;
use sha2::{Digest, Sha256};
use toml::{Table, Value};

impl Config {
    /// Every key with its value, defaults and overrides included. Parsing its text gives the same configuration.
    pub fn canonical(&self) -> Table {
        let mut top = self.hardware();
        top.insert("description".into(), self.description.clone().into());
        let workload = match &self.design {
            DesignConfig::Unit(unit) => {
                section([("stimuli", (unit.stimuli as i64).into()), ("seed", (unit.seed as i64).into())])
            }
            DesignConfig::Engine(engine) => engine.workload.canonical(),
            DesignConfig::Accelerator(accelerator) => {
                top.insert("job".into(), accelerator.job.canonical().into());
                let memory = super::accelerator::canonical_memory(&accelerator.memory);
                top.insert("memory".into(), memory.into());
                accelerator.engine.workload.canonical()
            }
        };
        top.insert("workload".into(), workload.into());
        top
    }

    /// SHA-256 of the canonical form without `description` and `[workload]`, in hexadecimal: what the hardware
    /// depends on, and nothing else.
    pub fn hash(&self) -> String {
        let text = self.hardware().to_string();
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn hardware(&self) -> Table {
        let mut format = section([
            ("rounding", self.policy.rounding.to_string().into()),
            ("subnormals", self.policy.subnormals.to_string().into()),
            ("specials", self.policy.specials.to_string().into()),
        ]);
        let mut top = section([
            ("name", self.name.clone().into()),
            ("clock", self.clock.canonical().into()),
            ("reset", reset(self.reset).into()),
        ]);
        match &self.design {
            DesignConfig::Unit(UnitConfig { merges: Some(engine), .. }) => {
                top.insert("kind".into(), "merge".into());
                engine.insert_into(&mut top, &mut format);
            }
            DesignConfig::Unit(unit) => {
                top.insert("kind".into(), "unit".into());
                top.insert("unit".into(), unit.canonical().into());
            }
            DesignConfig::Engine(engine) => {
                top.insert("kind".into(), "engine".into());
                engine.insert_into(&mut top, &mut format);
            }
            DesignConfig::Accelerator(accelerator) => {
                top.insert("kind".into(), "accelerator".into());
                top.insert("accelerator".into(), accelerator.shape.canonical().into());
                accelerator.engine.insert_into(&mut top, &mut format);
            }
        }
        top.insert("format".into(), format.into());
        top
    }
}

fn section<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
}

fn integer(n: impl Into<i64>) -> Value {
    Value::Integer(n.into())
}

fn reset(reset: hdl::Reset) -> Table {
    let kind = match reset.kind {
        hdl::ResetKind::Sync => "sync",
        hdl::ResetKind::Async => "async",
    };
    section([("kind", kind.into()), ("active_low", reset.active_low.into())])
}

impl EngineConfig {
    /// Everything of it that is hardware.
    fn insert_into(&self, top: &mut Table, format: &mut Table) {
        top.insert("kernel".into(), self.kernel.canonical().into());
        top.insert("array".into(), self.array.canonical().into());
        format.extend(self.format.canonical());
    }
}

impl UnitConfig {
    fn canonical(&self) -> Table {
        let mut table = self.parameters.clone();
        table.insert("op".into(), self.op.clone().into());
        table.insert("format".into(), self.format.to_string().into());
        table
    }
}

impl KernelConfig {
    fn canonical(&self) -> Table {
        let scale = match self.scale {
            ScaleInput::Unit => "unit",
            ScaleInput::Port => "port",
        };
        let result = match self.result {
            ResultForm::Row => "row",
            ResultForm::State => "state",
        };
        let mut table =
            section([("name", self.name().into()), ("scale", scale.into()), ("result", result.into())]);
        // Left out where it is the default, so that the hash of a design is what it was before there was a choice.
        table.extend(self.initial.then(|| ("initial".to_string(), "state".into())));
        table.extend(self.kernel.options());
        table
    }
}

impl ArrayConfig {
    fn canonical(&self) -> Table {
        let interleave = match self.interleave {
            Interleave::Auto => "auto".into(),
            Interleave::Fixed(slots) => integer(slots),
        };
        section([
            ("head_dim", integer(self.head_dim)),
            ("query_lanes", integer(self.query_lanes)),
            ("interleave", interleave),
            ("key_block", self.key_block.map_or("none".into(), integer)),
            ("result_elements", self.result_elements.map_or("auto".into(), integer)),
            ("max_keys", integer(self.max_keys)),
        ])
    }
}

impl FormatConfig {
    fn canonical(&self) -> Table {
        section([
            ("input", self.input.to_string().into()),
            ("score", self.score.to_string().into()),
            ("accumulator", self.accumulator.to_string().into()),
            ("output", self.output.to_string().into()),
            ("align_bits", integer(self.align_bits)),
        ])
    }
}

impl ClockConfig {
    fn canonical(&self) -> Table {
        section([
            ("mhz", self.mhz.map_or("none".into(), Value::Float)),
            ("platform", self.platform.clone().into()),
            ("delay_model", integer(self.delay_model)),
        ])
    }
}

impl WorkloadConfig {
    fn canonical(&self) -> Table {
        section([
            ("queries", integer(self.queries as i64)),
            ("keys", integer(self.keys as i64)),
            ("heads", integer(self.heads as i64)),
            ("seed", integer(self.seed as i64)),
            ("sigma", self.sigma.into()),
        ])
    }
}
