//! Attention kernels: what a lane does with a score and a value row.
//!
//! A kernel is one file: its hardware ([`Kernel::lane`]) and its functional model ([`Kernel::model`]), which share
//! nothing but fitted tables, and its options. A new one is its file and one line in [`KERNELS`].

mod fa2;
mod fa2_expmul;
mod flash_d_lse;

pub use fa2::Fa2;
pub use fa2_expmul::{Fa2ExpMul, Quantize};
pub use flash_d_lse::FlashDLse;

use crate::config::{ConfigError, EngineConfig, Section};
use crate::engine::EngineSpec;
use hdl::{ModuleBuilder, Signal, StateVar, Type};
use std::fmt::Debug;
use std::sync::Arc;

/// One step of one slot, as signals of the lane.
#[derive(Clone, Copy)]
pub struct Step<'m> {
    /// Slot number.
    pub slot: Signal<'m>,
    /// Score of the slot's query with the key, in the score format.
    pub score: Signal<'m>,
    /// The value row in the accumulator format; needed no earlier than the kernel first uses it.
    pub v: Signal<'m>,
    /// The query meets its first key.
    pub fresh: Signal<'m>,
    /// The query meets this key; 0 holds its state.
    pub update: Signal<'m>,
}

/// A kernel as configurations know it.
pub struct KernelEntry {
    /// Its name.
    pub name: &'static str,
    /// One sentence: what it computes and how.
    pub summary: &'static str,
    /// Keys of its own in `[kernel]`.
    pub options: &'static [&'static str],
    pub(crate) read: fn(&mut Section<'_>) -> Result<Arc<dyn Kernel>, ConfigError>,
}

/// Every kernel.
pub const KERNELS: &[KernelEntry] = &[fa2::ENTRY, fa2_expmul::ENTRY, flash_d_lse::ENTRY];

/// A width that follows from an engine's formats, for reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Width {
    /// What is that wide.
    pub name: &'static str,
    /// Bits.
    pub bits: u32,
    /// Why.
    pub reason: &'static str,
}

/// An attention kernel.
pub trait Kernel: Send + Sync + Debug {
    /// Name in configurations.
    fn name(&self) -> &'static str;

    /// Its own keys of `[kernel]` with their values, defaults included.
    fn options(&self) -> toml::Table;

    /// What its user should know of where it does not hold.
    fn warnings(&self, engine: &EngineConfig) -> Vec<String>;

    /// Widths of its own.
    fn widths(&self, _: &EngineSpec) -> Vec<Width> {
        vec![]
    }

    /// The state update and the result row (in the output format) as it stands after the step.
    fn lane<'m>(&self, m: &'m ModuleBuilder, spec: &EngineSpec, step: &Step<'m>) -> Signal<'m>;

    /// A fresh functional model of one query.
    fn model(&self, spec: &EngineSpec) -> Box<dyn QueryModel>;
}

/// The functional model of one query, to the bit.
pub trait QueryModel {
    /// Meets a key: its score (score format) and its value row (accumulator format).
    fn step(&mut self, score: u64, v: &[u64]);

    /// The result row (output format); not called before the first step.
    fn result(&self) -> Vec<u64>;
}

/// A state variable of the engine's interleave.
pub(crate) fn state<'a>(spec: &EngineSpec, name: &'a str, ty: Type) -> StateVar<'a> {
    StateVar { name, interleave: spec.interleave, ty }
}
