//! Units: one operator with its parameters from `[unit]`.

use anyhow::Result;
use arith::operator::{Case, Operator, Params};
use arith::registry;
use attention::config::UnitConfig;
use attention::merge::MergeUnit;
use attention::{Config, ConfigError, EngineSpec};
use numerics::stratified::Stratified;
use numerics::{Format, catalog};
use toml::Value;

/// An operator with its parameters.
#[derive(Clone, Copy)]
pub struct Unit {
    /// The operator.
    pub operator: &'static dyn Operator,
    /// Its parameters.
    pub params: Params,
}

/// Keys of `[unit]` besides `op` and `format`, each with the name its operator gives it.
const KEYS: &[(&str, &str)] = &[
    ("result", "result"),
    ("fraction_bits", "frac_bits"),
    ("integer_bits", "int_bits"),
    ("length", "length"),
    ("segments", "segments"),
];

impl Unit {
    /// The operator of a configuration, its parameters checked.
    pub fn new(config: &Config, unit: &UnitConfig) -> Result<Unit, ConfigError> {
        if let Some(engine) = &unit.merges {
            let spec = EngineSpec::new(&config.name, engine, config.policy);
            // One design is built in a run of the tool: its operator lives as long as the run.
            let operator: &'static MergeUnit = Box::leak(Box::new(MergeUnit::new(spec)));
            return Ok(Unit {
                operator,
                params: Params { policy: config.policy, ..Params::new(operator, unit.format) },
            });
        }
        let operator = registry::find(&unit.op).map_err(|problem| {
            // The error about the key names the value itself.
            config.reject(
                "unit.op",
                problem.replace(&format!("unknown operator \"{}\"", unit.op), "unknown operator"),
            )
        })?;
        let mut params = Params { policy: config.policy, ..Params::new(operator, unit.format) };
        for (key, value) in &unit.parameters {
            set(&mut params, operator, key, value)
                .map_err(|problem| config.reject(&format!("unit.{key}"), problem))?;
        }
        operator.check(&params).map_err(|problem| illegal(config, &problem))?;
        Ok(Unit { operator, params })
    }

    /// The directed corner cases, then random ones, the same for the same seed.
    pub fn cases(&self, seed: u64) -> impl Iterator<Item = Case> + use<> {
        let Unit { operator, params } = *self;
        let mut random = Stratified::new(params.format, seed);
        let random = std::iter::repeat_with(move || operator.case(&params, &mut random));
        operator.directed(&params).into_iter().chain(random)
    }

    /// Number of directed corner cases.
    pub fn directed(&self) -> usize {
        self.operator.directed(&self.params).len()
    }

    /// Keys of `[unit]` that the operator reads, `format` first.
    pub fn keys(operator: &dyn Operator) -> Vec<&'static str> {
        let reads = |name: &&str| operator.options().contains(name);
        let own = KEYS.iter().filter(|(_, name)| reads(name)).map(|(key, _)| *key);
        std::iter::once("format").chain(own).collect()
    }
}

fn set(params: &mut Params, operator: &dyn Operator, key: &str, value: &Value) -> Result<(), String> {
    let known = Unit::keys(operator);
    let option = KEYS.iter().find(|(k, _)| *k == key && known.contains(k));
    let Some((_, option)) = option else {
        let name = operator.name();
        return Err(format!("unknown key; operator \"{name}\" has op, {}", known.join(", ")));
    };
    match *option {
        "result" => params.result = format(value)?,
        "frac_bits" => params.frac_bits = count(value)?,
        "int_bits" => params.int_bits = count(value)?,
        "length" => params.length = count(value)?,
        "segments" => params.segments = count(value)?,
        other => unreachable!("option {other} of operator {}", operator.name()),
    }
    Ok(())
}

fn count(value: &Value) -> Result<u32, String> {
    let number = value.as_integer().and_then(|n| u32::try_from(n).ok());
    number.filter(|n| *n <= 1 << 16).ok_or_else(|| "must be an integer from 0 to 65536".to_string())
}

fn format(value: &Value) -> Result<Format, String> {
    let name = value.as_str().ok_or("must be the name of a number format, a string")?;
    catalog::parse(name)
}

/// What an operator's check says, at the key it speaks of.
fn illegal(config: &Config, problem: &str) -> ConfigError {
    let about = KEYS.iter().find_map(|(key, name)| {
        let (_, rest) = problem.split_once(&format!("{name} = "))?;
        let (_, rule) = rest.split_once(": ")?;
        Some((key, rule))
    });
    match about {
        Some((key, rule)) => {
            let rule = KEYS.iter().fold(rule.to_string(), |text, (key, name)| text.replace(name, key));
            config.reject(&format!("unit.{key}"), rule)
        }
        None => config.reject("unit.format", problem),
    }
}
