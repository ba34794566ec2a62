//! `kind = "accelerator"`: an engine inside the tiled accelerator, and the job and memory that it is simulated with.

use super::{ConfigError, EngineConfig, KernelConfig, ResultForm, ScaleInput, Section};
use crate::accelerator::bus::Timing;
use crate::accelerator::{AcceleratorSpec, Buffer, Buffers, Interface, MaskMode, MaskSupport, WATCHDOG};
use crate::engine::EngineSpec;
use hdl::Reset;
use numerics::Policy;
use toml::{Table, Value};

/// An accelerator.
#[derive(Clone, PartialEq, Debug)]
pub struct AcceleratorConfig {
    /// The engine inside, and the tensors it is simulated with.
    pub engine: EngineConfig,
    /// `[accelerator]`
    pub shape: ShapeConfig,
    /// `[job]`
    pub job: JobConfig,
    /// `[memory]`: what it is simulated with.
    pub memory: Timing,
}

/// `[accelerator]`: what is around the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShapeConfig {
    /// Where rows come from and go to.
    pub interface: Interface,
    /// Bits of a beat, a power of two from 32 to 1024.
    pub bus_bits: u32,
    /// Key rows of a tile.
    pub key_tile: u32,
    /// Most queries of a head.
    pub max_queries: u32,
    /// Most query heads.
    pub heads: u32,
    /// Most key/value heads.
    pub kv_heads: u32,
    /// The masks there is hardware for.
    pub mask: MaskSupport,
    /// What the buffers are made of.
    pub buffers: Buffers,
    /// Cycles without any transfer after which a job is given up.
    pub watchdog: u32,
}

/// `[job]`: the settings that are simulated.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct JobConfig {
    /// The mask.
    pub mask: MaskMode,
    /// The factor of the scores in SCALE. The q of a workload, which bring their scale, are divided by it before they are
    /// rounded: 1/√d keeps them as large as k, which a fixed-point format wants.
    pub scale: f64,
    /// Keys of a sliding window.
    pub window: u32,
    /// Query heads that share a key/value head, which must divide the heads of the workload.
    pub group: u32,
    /// Jobs that the keys are split over, each beginning with the states that the one before has left.
    pub pieces: u32,
}

const INTERFACES: [(&str, Interface); 2] = [("dma", Interface::Dma), ("stream", Interface::Stream)];
const MASKS: [(&str, MaskSupport); 3] = [
    ("none", MaskSupport::None),
    ("causal", MaskSupport::Causal),
    ("sliding-window", MaskSupport::SlidingWindow),
];
const MODES: [(&str, MaskMode); 3] =
    [("none", MaskMode::None), ("causal", MaskMode::Causal), ("sliding-window", MaskMode::Window)];
const BUFFERS: [(&str, Buffer); 2] = [("flops", Buffer::Flops), ("sram", Buffer::Sram)];

/// The name of a choice.
fn word<T: PartialEq>(choices: &[(&'static str, T)], choice: &T) -> Value {
    choices.iter().find(|(_, c)| c == choice).expect("every choice has its word").0.into()
}

impl ShapeConfig {
    /// Reads `[accelerator]`.
    pub(super) fn read(section: &mut Section<'_>) -> Result<ShapeConfig, ConfigError> {
        let mut count = |key, most, default| Ok(section.integer(key, 1..=most, Some(default))? as u32);
        let (bus_bits, key_tile) = (count("bus_bits", 1024, 256)?, count("key_tile", 1024, 16)?);
        let max_queries = count("max_queries", 1 << 24, 4096)?;
        let (heads, kv_heads) = (count("heads", 1024, 64)?, count("kv_heads", 1024, 64)?);
        let watchdog = section.integer("watchdog", 128..=1 << 24, Some(WATCHDOG.into()))? as u32;
        if bus_bits < 32 || !bus_bits.is_power_of_two() {
            return Err(section.error("bus_bits", "must be a power of two from 32 to 1024"));
        }
        Ok(ShapeConfig {
            interface: section.choice("interface", &INTERFACES, Some(Interface::Dma))?,
            bus_bits,
            key_tile,
            max_queries,
            heads,
            kv_heads,
            mask: section.choice("mask", &MASKS, Some(MaskSupport::SlidingWindow))?,
            buffers: Buffers { tile: section.choice("tile_buffer", &BUFFERS, Some(Buffer::Flops))? },
            watchdog,
        })
    }

    pub(super) fn canonical(&self) -> Table {
        let numbers = [
            ("bus_bits", self.bus_bits),
            ("key_tile", self.key_tile),
            ("max_queries", self.max_queries),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("watchdog", self.watchdog),
        ];
        let words = [
            ("interface", word(&INTERFACES, &self.interface)),
            ("mask", word(&MASKS, &self.mask)),
            ("tile_buffer", word(&BUFFERS, &self.buffers.tile)),
        ];
        let numbers = numbers.map(|(key, n)| (key, Value::Integer(n.into())));
        numbers.into_iter().chain(words).map(|(key, value)| (key.to_string(), value)).collect()
    }
}

impl JobConfig {
    /// Reads `[job]`.
    pub(super) fn read(
        section: &mut Section<'_>,
        mask: MaskSupport,
        kernel: &KernelConfig,
    ) -> Result<JobConfig, ConfigError> {
        let job = JobConfig {
            scale: section.float("scale", 1e-6..=1e6, 1.0)?,
            mask: section.choice("mask", &MODES, Some(MaskMode::None))?,
            window: section.integer("window", 1..=1 << 24, Some(128))? as u32,
            group: section.integer("group", 1..=1024, Some(1))? as u32,
            pieces: section.integer("pieces", 1..=1024, Some(1))? as u32,
        };
        if job.mask as u32 > mask as u32 {
            let problem = "there is no hardware for it; set accelerator.mask to the same or more";
            return Err(section.error("mask", problem));
        }
        if job.pieces > 1 && !(kernel.initial && kernel.result == ResultForm::State) {
            let problem =
                "a job leaves no states for the next; set kernel.result and kernel.initial to \"state\"";
            return Err(section.error("pieces", problem));
        }
        if job.pieces > 1 && job.mask != MaskMode::None {
            let problem =
                "a mask is aligned at the last key of a job, and not of all; set job.mask to \"none\"";
            return Err(section.error("pieces", problem));
        }
        if job.scale != 1.0 && kernel.scale == ScaleInput::Unit {
            return Err(section.error("scale", "there is no register for it; set kernel.scale to \"port\""));
        }
        Ok(job)
    }

    pub(super) fn canonical(&self) -> Table {
        let values = [
            ("mask", word(&MODES, &self.mask)),
            ("scale", Value::Float(self.scale)),
            ("window", Value::Integer(self.window.into())),
            ("group", Value::Integer(self.group.into())),
            ("pieces", Value::Integer(self.pieces.into())),
        ];
        values.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
    }
}

/// Reads `[memory]`, which an accelerator of this shape is beside.
pub(super) fn memory(section: &mut Section<'_>, shape: &ShapeConfig) -> Result<Timing, ConfigError> {
    let usual = Timing::default();
    let outstanding = section.integer("outstanding", 1..=256, Some(usual.outstanding as i64))?;
    let latency = section.integer("latency", 0..=10_000, Some(usual.latency.into()))? as u32;
    if shape.interface == Interface::Dma && latency >= shape.watchdog {
        let problem = format!(
            "must be below accelerator.watchdog = {}, which gives a job up after that many cycles without a transfer",
            shape.watchdog
        );
        return Err(section.error("latency", problem));
    }
    Ok(Timing {
        latency,
        bandwidth: section.float("bandwidth", 0.01..=1.0, usual.bandwidth)?,
        outstanding: outstanding as usize,
        stalls: section.float("stalls", 0.0..=0.95, usual.stalls)?,
        seed: usual.seed,
    })
}

pub(super) fn canonical_memory(memory: &Timing) -> Table {
    let values = [
        ("latency", Value::Integer(memory.latency.into())),
        ("bandwidth", Value::Float(memory.bandwidth)),
        ("outstanding", Value::Integer(memory.outstanding as i64)),
        ("stalls", Value::Float(memory.stalls)),
    ];
    values.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
}

impl AcceleratorSpec {
    /// The accelerator of a configuration; `interleave = "auto"` reads as 1 until it is elaborated.
    pub fn new(name: &str, config: &AcceleratorConfig, policy: Policy, reset: Reset) -> AcceleratorSpec {
        let AcceleratorConfig { engine, shape, .. } = config;
        AcceleratorSpec {
            name: name.into(),
            engine: EngineSpec::new(&format!("{name}_engine"), engine, policy),
            key_tile: shape.key_tile,
            max_queries: shape.max_queries,
            max_keys: engine.array.max_keys,
            heads: shape.heads,
            kv_heads: shape.kv_heads,
            mask: shape.mask,
            interface: shape.interface,
            bus_bits: shape.bus_bits,
            buffers: shape.buffers,
            watchdog: shape.watchdog,
            reset,
        }
    }
}
