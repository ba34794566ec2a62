//! Attention kernels: what a lane does with a score and a value row.
//!
//! A kernel is one file: its hardware as a scalar step and an element ([`Kernel`]), its functional model ([`Model`]),
//! which shares nothing with it but fitted tables, and its options. A new one is its file and one line in [`KERNELS`].
//! State files, levels of accumulation, merges and rescaling are built around it by the lane.

mod division;
mod fa2;
mod fa2_base2;
mod fa2_expmul;
mod flash_d;
mod flash_d_lse;

pub use division::Division;
pub use fa2::Fa2;
pub use fa2_base2::Fa2Base2;
pub use fa2_expmul::{Fa2ExpMul, Quantize};
pub use flash_d::{FlashD, ScoreSkip};
pub use flash_d_lse::FlashDLse;

use crate::config::{ConfigError, EngineConfig, Section, enough_bits};
use crate::engine::EngineSpec;
use hdl::{ModuleBuilder, Signal, Type};
use numerics::Format;
use std::fmt::Debug;
use std::sync::Arc;

/// What a scalar step meets, as signals of the recurrence.
#[derive(Clone, Copy)]
pub struct ScalarStep<'m> {
    /// The score of the key as [`Kernel::score`] makes it; in a merge [`Kernel::state_score`] of the inner state.
    pub score: Signal<'m>,
    /// The state is empty: this is its first key, or the first state merged into it.
    pub fresh: Signal<'m>,
    /// There is something to meet; 0 holds the state.
    pub update: Signal<'m>,
    /// The score stands for a state that is merged into this one; only where there are blocks.
    pub merges: Option<Signal<'m>>,
    /// The state is to become one that [`Kernel::state_score`] can stand for; only in kernels of two merge steps.
    pub convert: Option<Signal<'m>>,
}

/// What a scalar step gives.
pub struct ScalarUpdate<'m> {
    /// The next state, variable by variable.
    pub next: Vec<Signal<'m>>,
    /// The slot's state is written: `update`, less what the kernel skips.
    pub write: Signal<'m>,
    /// What [`Kernel::controls`] wants out of the recurrence.
    pub out: Vec<Signal<'m>>,
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
pub const KERNELS: &[KernelEntry] =
    &[fa2::ENTRY, fa2_base2::ENTRY, fa2_expmul::ENTRY, flash_d::ENTRY, flash_d_lse::ENTRY];

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

    /// Whether o may be fixed point below the anchor ([`numerics::lse::Accumulator::Fixed`]).
    fn allows_fixed(&self) -> bool {
        false
    }

    /// Significand bits that a floating-point o (and ℓ) needs for that many keys at one level.
    fn accumulator_bits(&self, keys: u32) -> u32 {
        enough_bits(keys)
    }

    /// Whether its scalar step works on scores of that format.
    ///
    /// # Errors
    /// Says what the format must be.
    fn check_score(&self, _: Format) -> Result<(), String> {
        Ok(())
    }

    /// The scalar state of a slot: names and types.
    fn state(&self, spec: &EngineSpec) -> Vec<(&'static str, Type)>;

    /// The score as the scalar step wants it.
    fn score<'m>(&self, _: &'m ModuleBuilder, _: &EngineSpec, score: Signal<'m>) -> Signal<'m> {
        score
    }

    /// What stands for the score where a state is merged into another.
    fn state_score<'m>(&self, state: &[Signal<'m>]) -> Signal<'m> {
        state[0]
    }

    /// Steps that a merge takes: 1, or 2 where the inner state is converted first.
    fn merge_steps(&self) -> u32 {
        1
    }

    /// The scalar step, inside its recurrence.
    fn scalar<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        state: &[Signal<'m>],
        step: ScalarStep<'m>,
    ) -> ScalarUpdate<'m>;

    /// What every element of the lane is told, from what the scalar step gave: names and signals. Where the slot is not
    /// written they must leave o as it is, as the result row is taken from the element's next o.
    fn controls<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        scalar: &[Signal<'m>],
    ) -> Vec<(&'static str, Signal<'m>)>;

    /// The controls, in the same order, with which an element makes o·2^-(1 + `shift`) of o and v = 0, or leaves o as it
    /// is where `update` is 0. Only a fixed-point o is rescaled.
    fn rescale<'m>(
        &self,
        _: &'m ModuleBuilder,
        _: &EngineSpec,
        _shift: Signal<'m>,
        _update: Signal<'m>,
    ) -> Vec<Signal<'m>> {
        vec![]
    }

    /// Name (every parameter of the element in it) and equation of the element.
    fn element_kind(&self, spec: &EngineSpec) -> (String, &'static str);

    /// What an element meets in place of v: v with all that is done to it before the recurrence, whatever the state. A
    /// merge meets the inner o as it is.
    fn addend<'m>(
        &self,
        _: &'m ModuleBuilder,
        _: &EngineSpec,
        v: Signal<'m>,
        _controls: &[Signal<'m>],
    ) -> Signal<'m> {
        v
    }

    /// The next o, inside its recurrence; `v` is the [`addend`](Self::addend).
    fn element<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        o: Signal<'m>,
        v: Signal<'m>,
        controls: &[Signal<'m>],
    ) -> Signal<'m>;

    /// How o is divided by the sum ℓ, where there is one: one more element, of value 1, accumulates it.
    fn division(&self) -> Option<Division> {
        None
    }

    /// Whether there is a sum.
    fn has_sum(&self) -> bool {
        self.division().is_some()
    }

    /// The functional model.
    fn model(&self, spec: &EngineSpec) -> Box<dyn Model>;
}

/// The state of a query that has met a key, as bit patterns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// The scalar state, as [`Kernel::state`] lists it.
    pub scalars: Vec<u64>,
    /// The sum ℓ, if the kernel has one, and o: elements of the accumulator.
    pub elements: Vec<u64>,
    /// Exponent field that a fixed-point o is aligned to.
    pub anchor: u64,
}

/// The functional model of a kernel, to the bit.
pub trait Model {
    /// Meets a key: its score (score format) and its value row (value format). A fixed-point o has been brought to
    /// `anchor`, which is at least the largest exponent field of the row.
    fn step(&self, state: Option<State>, score: u64, v: &[u64], anchor: u64) -> State;

    /// A state of other keys merged into the running one; anchors are equal.
    fn merge(&self, running: Option<State>, other: State) -> State;

    /// The state under an anchor that is at least as large; a floating-point o stays.
    fn rescale(&self, state: State, _anchor: u64) -> State {
        state
    }

    /// The result row (output format).
    fn result(&self, state: &State) -> Vec<u64>;

    /// Whether a step with that score (score format) would hold the state, or replace it by the key.
    fn skips(&self, _state: &State, _score: u64) -> bool {
        false
    }

    /// The magnitude, in natural-log units, beyond which a score saturates in a representation of the kernel's own.
    fn score_limit(&self) -> f64 {
        f64::INFINITY
    }
}
