//! The configuration: one TOML file that says everything about a design.
//!
//! Every key is read by name, with its type, legal range and default in one place; a key that nobody reads is an
//! error. An error names the file and line (or the `--set` override), the key, the value and what is legal:
//!
//! ```
//! use attention::Config;
//! let error = Config::parse("name = \"t\"\n[aray]\nhead_dim = 4", "t.toml", &[]).unwrap_err();
//! assert!(error.to_string().starts_with("t.toml:2: aray: unknown section; did you mean \"array\"?"));
//! ```
//!
//! | section | holds | of kind |
//! |---|---|---|
//! | top level | `name`, `kind` (`engine`, `unit`, `merge` or `accelerator`), `description` | all |
//! | `[unit]` | `op`, `format` and the operator's own parameters | unit |
//! | `[kernel]` | `name`, `scale`, `result` and the kernel's own options ([`crate::kernel`]) | engine |
//! | `[array]` | `head_dim`, `query_lanes`, `interleave`, `key_block`, `result_elements`, `max_keys` | engine |
//! | `[format]` | `input`, `score`, `accumulator`, `output`, `align_bits`; and for both the policy | both |
//! | `[accelerator]` | `interface`, `bus_bits`, `key_tile`, the maxima, `mask`, `tile_buffer`, `watchdog` | accelerator |
//! | `[job]`, `[memory]` | mask and heads of the job that is simulated; latency and bandwidth of its memory | accelerator |
//! | `[clock]`, `[reset]` | period, platform, delay model; reset style | both |
//! | `[workload]` | what is simulated when no tensors are given | both |

mod accelerator;
mod canonical;
mod error;
mod kernel;
mod platform;
mod section;
mod source;
mod warnings;

pub use accelerator::{AcceleratorConfig, JobConfig, ShapeConfig};
pub use error::ConfigError;
pub(crate) use error::suggestion;
pub(crate) use kernel::segments;
pub use kernel::{KernelConfig, ResultForm, ScaleInput};
pub use platform::{Platform, platform, platform_names};
pub(crate) use section::Section;
pub(crate) use warnings::{coarse_score, enough_bits, fixed_bits, most_summands, sum_stagnates};

use numerics::lse::{Accumulator, Elements};
use numerics::{DotSpec, Format, Number, Policy, Rounding, Specials, Subnormals, catalog};
use source::Source;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the design, a Verilog identifier in lower case.
    pub name: String,
    /// What the design is for, free text.
    pub description: String,
    /// What is built.
    pub design: DesignConfig,
    /// Rounding, subnormals and specials of all floating-point arithmetic.
    pub policy: Policy,
    /// The clock the design is pipelined for.
    pub clock: ClockConfig,
    /// Reset style of the RTL.
    pub reset: hdl::Reset,
    source: Source,
}

/// What is built: one operator, or a query engine.
#[derive(Clone, PartialEq, Debug)]
pub enum DesignConfig {
    /// One arithmetic operator (`kind = "unit"`), or the merge of an engine's partial states (`kind = "merge"`).
    Unit(UnitConfig),
    /// A query engine (`kind = "engine"`).
    Engine(EngineConfig),
    /// A tiled accelerator around a query engine (`kind = "accelerator"`).
    Accelerator(AcceleratorConfig),
}

/// `[unit]`: an operator by its registry name.
#[derive(Clone, PartialEq, Debug)]
pub struct UnitConfig {
    /// Registry name of the operator, such as `exp-mul`.
    pub op: String,
    /// Format of its operands.
    pub format: Format,
    /// The operator's own parameters, which its registry entry checks.
    pub parameters: toml::Table,
    /// Random operands to run, 1 to 10⁷.
    pub stimuli: usize,
    /// Seed of the random operands.
    pub seed: u64,
    /// The engine whose partial states the unit merges (`kind = "merge"`).
    pub merges: Option<EngineConfig>,
}

/// A query engine.
#[derive(Clone, PartialEq, Debug)]
pub struct EngineConfig {
    /// `[kernel]`
    pub kernel: KernelConfig,
    /// `[array]`
    pub array: ArrayConfig,
    /// `[format]`
    pub format: FormatConfig,
    /// `[workload]`
    pub workload: WorkloadConfig,
}

/// `[array]`: the shape of the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArrayConfig {
    /// Elements of a query, key or value row, 1 to 256.
    pub head_dim: u32,
    /// Query lanes P, 1 to 64.
    pub query_lanes: u32,
    /// Slots per lane.
    pub interleave: Interleave,
    /// Key rows of a block that is accumulated apart and then merged (two-level accumulation), 2 to 4096; `None` for
    /// one level.
    pub key_block: Option<u32>,
    /// Elements of a finished row that are converted, or divided by the sum, at a time; divides `head_dim`. `None` takes
    /// the smallest divisor that is no less than `query_lanes`.
    pub result_elements: Option<u32>,
    /// Most keys a query may meet; sizes counters and the warnings about accumulators.
    pub max_keys: u32,
}

impl ArrayConfig {
    /// Elements of a finished row that are converted at a time. One for every lane takes a block `head_dim` steps of a
    /// slot: no time at all where its queries meet that many keys.
    pub fn result_elements(&self) -> u32 {
        let enough = |n: &u32| self.head_dim.is_multiple_of(*n) && *n >= self.query_lanes;
        self.result_elements.unwrap_or_else(|| (1..self.head_dim).find(enough).unwrap_or(self.head_dim))
    }
}

/// Queries that share a lane in turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interleave {
    /// The fewest with which the state loops meet the clock.
    Auto,
    /// As many as given, 1 to 64.
    Fixed(u32),
}

/// `[format]`: the number format of every quantity in the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FormatConfig {
    /// q, k and v.
    pub input: Number,
    /// s = scale·q·k and the running maximum m.
    pub score: Format,
    /// Output accumulator o and running sum ℓ.
    pub accumulator: Accumulator,
    /// Result rows.
    pub output: Number,
    /// Alignment window of the fused dot product in bits; default 2·(input man_bits + 1) + 8. In fixed point the bits of a
    /// product, and nothing else is legal.
    pub align_bits: u32,
}

/// `[clock]`: what the pipelining aims at.
#[derive(Clone, PartialEq, Debug)]
pub struct ClockConfig {
    /// Frequency in MHz, 1 to 10000, or `None` for untimed (everything between state registers is combinational).
    pub mhz: Option<f64>,
    /// Platform name, or path of a platform file.
    pub platform: String,
    /// Version of the platform's delay model.
    pub delay_model: u32,
    /// Period and delays for the pipeliner; `None` when untimed.
    pub timing: Option<hdl::Timing>,
    model: Arc<hdl::DelayModel>,
}

impl ClockConfig {
    /// The same platform and delay model at another frequency.
    pub fn timing_at(&self, mhz: f64) -> hdl::Timing {
        hdl::Timing { period_ps: 1e6 / mhz, model: self.model.clone() }
    }
}

/// `[workload]`: the seeded tensors that are simulated when none are given.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WorkloadConfig {
    /// Query rows of each head, 1 to 65536.
    pub queries: usize,
    /// Key and value rows of each head, 1 to `max_keys`.
    pub keys: usize,
    /// Heads, 1 to 4096.
    pub heads: usize,
    /// Seed of the generator.
    pub seed: u64,
    /// Standard deviation of the scores, 0 to 100.
    pub sigma: f64,
}

impl Default for WorkloadConfig {
    fn default() -> Self {
        WorkloadConfig { queries: 64, keys: 256, heads: 4, seed: 1, sigma: 1.0 }
    }
}

impl Config {
    /// Reads and checks a file. Each override is `key=value` with a dotted key (`array.head_dim=32`) and a TOML value;
    /// what is no TOML value is taken as a string, so quotes may be left out.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML, or says anything illegal.
    pub fn load(path: &Path, overrides: &[impl AsRef<str>]) -> Result<Config, ConfigError> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| ConfigError::unreadable(&place, &e))?;
        Config::parse(&text, &place, &overrides.iter().map(AsRef::as_ref).collect::<Vec<_>>())
    }

    /// As [`load`](Self::load), from text. `place` is the file name for messages, and platform files given by a
    /// relative path are looked for beside it.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, place: &str, overrides: &[&str]) -> Result<Config, ConfigError> {
        let source = Source::new(text, place, overrides)?;
        let mut top = Section::top(&source);
        let kinds = [
            ("engine", Kind::Engine),
            ("unit", Kind::Unit),
            ("merge", Kind::Merge),
            ("accelerator", Kind::Accelerator),
        ];
        let kind = top.choice("kind", &kinds, Some(Kind::Engine))?;
        let sections = match kind {
            Kind::Unit => UNIT_KEYS,
            Kind::Engine | Kind::Merge => ENGINE_KEYS,
            Kind::Accelerator => ACCELERATOR_KEYS,
        };
        top.only(sections, |key| foreign_section(key, kind))?;
        let name = identifier(&mut top)?;
        let description = top.string("description", Some(""))?;
        let mut format = top.section("format")?;
        let policy = policy(&mut format)?;
        let design = match kind {
            Kind::Engine => DesignConfig::Engine(engine(&mut top, &mut format, None)?),
            Kind::Unit => unit(&mut top)?,
            Kind::Merge => merge(&mut top, &mut format)?,
            Kind::Accelerator => accelerator(&mut top, &mut format)?,
        };
        format.finish_or(|key| match design {
            DesignConfig::Unit(_) if FORMAT_KEYS.contains(&key) => {
                Some("belongs to kind = \"engine\"; a unit has unit.format".into())
            }
            _ => None,
        })?;
        let clock = clock(&mut top, &source)?;
        let reset = reset(&mut top)?;
        Ok(Config { name, description, design, policy, clock, reset, source })
    }

    /// The engine part, if this is an engine or has one inside.
    pub fn engine(&self) -> Option<&EngineConfig> {
        match &self.design {
            DesignConfig::Engine(engine) | DesignConfig::Accelerator(AcceleratorConfig { engine, .. }) => {
                Some(engine)
            }
            DesignConfig::Unit(_) => None,
        }
    }

    /// An error about a key of this configuration, found later than in reading (by the operator registry, or in
    /// building): it names the file and line or the override, and the value.
    pub fn reject(&self, key: &str, problem: impl Display) -> ConfigError {
        let path: Vec<&str> = key.split('.').collect();
        self.source.error(&path, source::lookup(&self.canonical(), &path), problem)
    }
}

/// The top-level key `kind`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Engine,
    Unit,
    Merge,
    Accelerator,
}

/// The keys of the top level besides `kind`.
const ENGINE_KEYS: &[&str] =
    &["name", "description", "kernel", "array", "format", "clock", "reset", "workload"];
const UNIT_KEYS: &[&str] = &["name", "description", "unit", "format", "clock", "reset", "workload"];
const ACCELERATOR_KEYS: &[&str] = &[
    "name",
    "description",
    "kernel",
    "array",
    "accelerator",
    "format",
    "clock",
    "reset",
    "workload",
    "job",
    "memory",
];
/// The keys of `[format]` that only an engine has.
const FORMAT_KEYS: &[&str] = &["input", "score", "accumulator", "output", "align_bits"];

fn foreign_section(key: &str, kind: Kind) -> Option<String> {
    match (key, kind) {
        ("kernel" | "array", Kind::Unit) => {
            Some("belongs to kind = \"engine\", and this design is a unit".into())
        }
        ("unit", _) => Some("belongs to kind = \"unit\"; add kind = \"unit\" at the top".into()),
        ("accelerator" | "job" | "memory", _) => Some("belongs to kind = \"accelerator\"".into()),
        _ => None,
    }
}

fn identifier(top: &mut Section) -> Result<String, ConfigError> {
    let name = top.string("name", None)?;
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let rest = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !first || !rest || name.len() > 64 {
        let legal =
            "must be a lower-case letter followed by lower-case letters, digits and _, at most 64 in all";
        return Err(top.error("name", legal));
    }
    Ok(name)
}

fn policy(format: &mut Section) -> Result<Policy, ConfigError> {
    let policy = Policy {
        rounding: format.choice(
            "rounding",
            &[("rne", Rounding::Rne), ("rtz", Rounding::Rtz)],
            Some(Rounding::Rne),
        )?,
        subnormals: format.choice("subnormals", &[("flush", Subnormals::Flush)], Some(Subnormals::Flush))?,
        specials: format.choice("specials", &[("finite", Specials::Finite)], Some(Specials::Finite))?,
    };
    Ok(policy)
}

fn unit(top: &mut Section) -> Result<DesignConfig, ConfigError> {
    let mut unit = top.section("unit")?;
    let op = unit.string("op", None)?;
    let format = unit.format("format", catalog::BF16)?;
    let parameters = unit.into_rest();
    let (stimuli, seed) = operands(top)?;
    Ok(DesignConfig::Unit(UnitConfig { op, format, parameters, stimuli, seed, merges: None }))
}

/// The unit that merges the partial states of an engine.
fn merge(top: &mut Section, format: &mut Section) -> Result<DesignConfig, ConfigError> {
    let engine = engine_sections(top, format, Some(1))?;
    if engine.kernel.initial {
        return Err(top
            .section("kernel")?
            .error("initial", "is for engines: a merge unit takes two states as it is"));
    }
    let (stimuli, seed) = operands(top)?;
    Ok(DesignConfig::Unit(UnitConfig {
        op: "merge".into(),
        format: engine.format.input.float().unwrap_or(engine.format.score),
        parameters: toml::Table::new(),
        stimuli,
        seed,
        merges: Some(engine),
    }))
}

/// `[workload]` of a unit: how many random operands, and their seed.
fn operands(top: &mut Section) -> Result<(usize, u64), ConfigError> {
    let mut workload = top.section("workload")?;
    let stimuli = workload.integer("stimuli", 1..=10_000_000, Some(1000))? as usize;
    let seed = workload.integer("seed", 0..=i64::MAX, Some(1))? as u64;
    workload.finish_or(|key| {
        ["queries", "keys", "heads", "sigma"]
            .contains(&key)
            .then(|| "belongs to kind = \"engine\", and this design is a unit".into())
    })?;
    Ok((stimuli, seed))
}

/// An engine with a workload, of at most `max_queries` if what is around the engine sets a limit.
fn engine(
    top: &mut Section,
    format: &mut Section,
    max_queries: Option<u32>,
) -> Result<EngineConfig, ConfigError> {
    let engine = engine_sections(top, format, None)?;
    let mut section = top.section("workload")?;
    let workload = workload(&mut section, engine.array.max_keys, max_queries)?;
    section.finish_or(|key| (key == "stimuli").then(|| "belongs to kind = \"unit\"".into()))?;
    Ok(EngineConfig { workload, ..engine })
}

/// An accelerator: an engine with its workload, and what is around it.
fn accelerator(top: &mut Section, format: &mut Section) -> Result<DesignConfig, ConfigError> {
    let mut section = top.section("accelerator")?;
    let shape = ShapeConfig::read(&mut section)?;
    section.finish()?;
    let engine = engine(top, format, Some(shape.max_queries))?;
    let mut section = top.section("job")?;
    let job = JobConfig::read(&mut section, shape.mask, &engine.kernel)?;
    section.finish()?;
    let mut section = top.section("memory")?;
    let memory = accelerator::memory(&mut section, &shape)?;
    section.finish()?;
    Ok(DesignConfig::Accelerator(AcceleratorConfig { engine, shape, job, memory }))
}

/// An engine without its workload.
fn engine_sections(
    top: &mut Section,
    format: &mut Section,
    default_lanes: Option<i64>,
) -> Result<EngineConfig, ConfigError> {
    let mut section = top.section("kernel")?;
    let kernel = KernelConfig::read(&mut section)?;
    section.finish_or(|key| kernel.foreign_option(key))?;
    let mut section = top.section("array")?;
    let array = array(&mut section, default_lanes)?;
    section.finish()?;
    let format = formats(format, array.head_dim, &kernel)?;
    Ok(EngineConfig { kernel, array, format, workload: WorkloadConfig::default() })
}

fn array(section: &mut Section, default_lanes: Option<i64>) -> Result<ArrayConfig, ConfigError> {
    let head_dim = section.integer("head_dim", 1..=256, None)? as u32;
    Ok(ArrayConfig {
        head_dim,
        query_lanes: section.integer("query_lanes", 1..=64, default_lanes)? as u32,
        interleave: match section.integer_or("interleave", "auto", 1..=64)? {
            None => Interleave::Auto,
            Some(slots) => Interleave::Fixed(slots as u32),
        },
        key_block: section.integer_or("key_block", "none", 2..=4096)?.map(|rows| rows as u32),
        result_elements: result_elements(section, head_dim)?,
        max_keys: section.integer("max_keys", 1..=1 << 24, Some(4096))? as u32,
    })
}

fn result_elements(section: &mut Section, head_dim: u32) -> Result<Option<u32>, ConfigError> {
    let elements = section.integer_or("result_elements", "auto", 1..=256)?.map(|n| n as u32);
    match elements {
        Some(n) if !head_dim.is_multiple_of(n) => {
            Err(section.error("result_elements", format!("must divide array.head_dim = {head_dim}")))
        }
        _ => Ok(elements),
    }
}

fn formats(section: &mut Section, head_dim: u32, kernel: &KernelConfig) -> Result<FormatConfig, ConfigError> {
    let input = section.number("input", catalog::BF16)?;
    let score = section.format("score", catalog::BF16)?;
    not_fp8(section, "score", score, "the running maximum is kept in it")?;
    kernel.kernel.check_score(score).map_err(|problem| section.error("score", problem))?;
    let accumulator = accumulator(section, input, kernel)?;
    let output = section.number("output", catalog::BF16)?;
    if let (Elements::Anchored { .. }, Number::Fixed(_)) = (accumulator.elements(input), output) {
        let problem = format!(
            "a fixed-point accumulator follows the exponents of {input} values, and gives floating-point results; use a \
             fixed-point format.input, or a floating-point format.accumulator"
        );
        return Err(section.error("output", problem));
    }
    let mut dot = DotSpec::new(input, score);
    if kernel.scale == ScaleInput::Port {
        dot = dot.with_scale(score);
    }
    dot.align_bits = section.integer("align_bits", 1..=128, Some(i64::from(dot.align_bits)))? as u32;
    if let Err(problem) = dot.check(head_dim as usize) {
        let named = format!("align_bits = {} ", dot.align_bits); // the error names it itself
        return Err(section.error("align_bits", problem.trim_start_matches(&named)));
    }
    let widest = dot.scaled_bits(head_dim as usize).max(dot.sum_bits(head_dim as usize) + 1);
    if widest > hdl::MAX_ARITH_WIDTH {
        let key = if dot.scale.is_some() { "score" } else { "align_bits" };
        return Err(section.error(key, too_wide(&dot, head_dim, widest)));
    }
    Ok(FormatConfig { input, score, accumulator, output, align_bits: dot.align_bits })
}

fn too_wide(dot: &DotSpec, head_dim: u32, bits: u32) -> String {
    let (scale, remedy) = match dot.scale {
        Some(format) => (format!(" times a scale in {format}"), ", or kernel.scale = \"unit\""),
        None => (String::new(), ""),
    };
    format!(
        "the sum of {head_dim} products of {} in {} bits{scale} takes {bits} bits, at most {}; use fewer{remedy}",
        dot.operand,
        dot.align_bits,
        hdl::MAX_ARITH_WIDTH
    )
}

fn accumulator(
    section: &mut Section,
    value: Number,
    kernel: &KernelConfig,
) -> Result<Accumulator, ConfigError> {
    const KEY: &str = "accumulator";
    let name = section.string(KEY, Some("bf16"))?;
    let accumulator = Accumulator::parse(&name).map_err(|problem| section.error(KEY, problem))?;
    match accumulator {
        Accumulator::Float(format) => {
            not_fp8(section, KEY, format, "the running sum and the output are kept in it")?;
        }
        Accumulator::Fixed { .. } if !kernel.kernel.allows_fixed() => {
            let problem = format!("kernel {} needs a floating-point accumulator, bf16 or mN", kernel.name());
            return Err(section.error(KEY, problem));
        }
        Accumulator::Fixed { .. } => {
            accumulator.check(value).map_err(|problem| section.error(KEY, problem))?
        }
    }
    Ok(accumulator)
}

/// State is never fp8: two or three significand bits stop accumulating after a handful of keys.
fn not_fp8(section: &Section, key: &'static str, format: Format, why: &str) -> Result<(), ConfigError> {
    if format.width() > 8 {
        return Ok(());
    }
    let problem = format!("state is never fp8 ({why}); fp8 is for input and output, use bf16 or wider here");
    Err(section.error(key, problem))
}

fn workload(
    section: &mut Section,
    max_keys: u32,
    max_queries: Option<u32>,
) -> Result<WorkloadConfig, ConfigError> {
    let default_keys = i64::from(max_keys.min(256));
    let keys = section.integer("keys", 1..=1 << 24, Some(default_keys))?;
    if keys > i64::from(max_keys) {
        let problem = format!("must be at most array.max_keys = {max_keys}");
        return Err(section.error("keys", problem));
    }
    let most = i64::from(max_queries.unwrap_or(u32::MAX));
    let queries = section.integer("queries", 1..=65536, Some(most.min(64)))?;
    if queries > most {
        return Err(section.error("queries", format!("must be at most accelerator.max_queries = {most}")));
    }
    Ok(WorkloadConfig {
        queries: queries as usize,
        keys: keys as usize,
        heads: section.integer("heads", 1..=4096, Some(4))? as usize,
        seed: section.integer("seed", 0..=i64::MAX, Some(1))? as u64,
        sigma: section.float("sigma", 0.0..=100.0, 1.0)?,
    })
}

fn clock(top: &mut Section, source: &Source) -> Result<ClockConfig, ConfigError> {
    let mut section = top.section("clock")?;
    let mhz = section.float_or("mhz", "none", 1.0..=10_000.0, 500.0)?;
    let name = section.string("platform", Some("nangate45"))?;
    let version = section.integer("delay_model", 1..=i64::from(u32::MAX), Some(1))? as u32;
    let platform =
        platform::find(&name, source.folder()).map_err(|problem| section.error("platform", problem))?;
    let model = platform.delay_model(version).map_err(|problem| section.error("delay_model", problem))?;
    let timing = mhz.map(|mhz| hdl::Timing { period_ps: 1e6 / mhz, model: model.clone() });
    if let Some(t) = &timing {
        let overhead = t.model.clk_to_q + t.model.setup;
        if t.period_ps <= overhead {
            let problem = format!(
                "a period of {:.0} ps leaves nothing between registers, which take {overhead:.0} ps on {}; must be below {:.0}",
                t.period_ps,
                platform.name,
                1e6 / overhead
            );
            return Err(section.error("mhz", problem));
        }
    }
    section.finish()?;
    Ok(ClockConfig { mhz, platform: name, delay_model: version, timing, model })
}

fn reset(top: &mut Section) -> Result<hdl::Reset, ConfigError> {
    let mut section = top.section("reset")?;
    let kinds = [("sync", hdl::ResetKind::Sync), ("async", hdl::ResetKind::Async)];
    let kind = section.choice("kind", &kinds, Some(hdl::ResetKind::Sync))?;
    let active_low = section.boolean("active_low", false)?;
    section.finish()?;
    Ok(hdl::Reset { kind, active_low })
}
