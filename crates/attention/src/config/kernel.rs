//! `[kernel]`: which attention kernel; its own options are read where the kernel is.

use super::error::ConfigError;
use super::section::Section;
use crate::kernel::{KERNELS, Kernel};
use std::sync::Arc;

/// `[kernel]`
#[derive(Clone, Debug)]
pub struct KernelConfig {
    /// Where the factor on the scores comes from.
    pub scale: ScaleInput,
    /// What the engine gives for each query.
    pub result: ResultForm,
    /// Whether queries may begin with a partial state.
    pub initial: bool,
    /// The kernel with its options.
    pub kernel: Arc<dyn Kernel>,
}

/// Where the factor on the scores comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScaleInput {
    /// It is 1: q is already scaled, and no multiplier is built.
    Unit,
    /// A port, read at run time.
    Port,
}

/// What an engine gives for each query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResultForm {
    /// The result row.
    Row,
    /// The partial state, for a merge unit to merge with those over other keys ([`crate::merge`]).
    State,
}

impl PartialEq for KernelConfig {
    fn eq(&self, other: &Self) -> bool {
        let key = |k: &KernelConfig| (k.scale, k.result, k.initial, k.name(), k.kernel.options());
        key(self) == key(other)
    }
}

impl KernelConfig {
    /// Name of the kernel in configurations.
    pub fn name(&self) -> &'static str {
        self.kernel.name()
    }

    pub(super) fn read(section: &mut Section) -> Result<Self, ConfigError> {
        let names: Vec<(&str, usize)> = KERNELS.iter().enumerate().map(|(i, k)| (k.name, i)).collect();
        let entry = &KERNELS[section.choice("name", &names, None)?];
        let scales = [("unit", ScaleInput::Unit), ("port", ScaleInput::Port)];
        let scale = section.choice("scale", &scales, Some(ScaleInput::Unit))?;
        let forms = [("row", ResultForm::Row), ("state", ResultForm::State)];
        let result = section.choice("result", &forms, Some(ResultForm::Row))?;
        let initial = section.choice("initial", &[("empty", false), ("state", true)], Some(false))?;
        Ok(KernelConfig { scale, result, initial, kernel: (entry.read)(section)? })
    }

    /// Says so if `key` is an option of another kernel.
    pub(super) fn foreign_option(&self, key: &str) -> Option<String> {
        let owner = KERNELS.iter().find(|k| k.options.contains(&key))?;
        Some(format!("is an option of kernel \"{}\", and this is \"{}\"", owner.name, self.name()))
    }
}

/// Segments of a table: a power of two from 1 to `most`.
pub(crate) fn segments(
    section: &mut Section,
    key: &'static str,
    default: u32,
    most: u32,
) -> Result<u32, ConfigError> {
    let count = section.integer(key, 1..=i64::from(most), Some(i64::from(default)))? as u32;
    if !count.is_power_of_two() {
        return Err(section.error(key, format!("must be a power of two from 1 to {most}")));
    }
    Ok(count)
}
