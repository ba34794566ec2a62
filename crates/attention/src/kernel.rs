//! Attention kernels: what a lane does with a score and a value row.
//!
//! A kernel is one file: its hardware ([`Kernel::lane`]) and its functional model ([`Kernel::model`]), which share
//! nothing but fitted tables. A new one is its file and one line here.

mod fa2;
mod fa2_expmul;

pub use fa2::Fa2;
pub use fa2_expmul::Fa2ExpMul;

use crate::config::KernelOptions;
use crate::engine::EngineSpec;
use hdl::{ModuleBuilder, Signal, StateVar, Type};
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

/// An attention kernel.
pub trait Kernel: Send + Sync {
    /// Name in configurations.
    fn name(&self) -> &'static str;

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

/// The kernel that a configuration asks for.
pub fn build(options: &KernelOptions) -> Arc<dyn Kernel> {
    match *options {
        KernelOptions::Fa2 { exp_segments, recip_segments, .. } => {
            Arc::new(Fa2 { exp_segments, recip_segments })
        }
        KernelOptions::Fa2ExpMul { quantize, fraction_bits, recip_segments } => {
            Arc::new(Fa2ExpMul { quantize, fraction_bits, recip_segments })
        }
    }
}

/// A state variable of the engine's interleave.
pub(crate) fn state<'a>(spec: &EngineSpec, name: &'a str, ty: Type) -> StateVar<'a> {
    StateVar { name, interleave: spec.interleave, ty }
}
