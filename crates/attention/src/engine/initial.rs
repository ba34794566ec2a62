//! The states that a block's queries begin with: takes one per active query in their order, before the block's first key.
//!
//! An empty state is taken and that is all. Any other one is taken like a key row: one row of steps, in one of which its
//! slot of its lane is loaded. Below an anchor, a state that raises it waits at the port as a key row would, and one that
//! is below it is brought to it as it is loaded.

use super::EngineSpec;
use super::sequencer::Inputs;
use hdl::{ModuleBuilder, Signal, Type};

/// The port of states as the sequencer sees it; a beat's other data go past it.
pub(super) struct Offer<'b> {
    /// Blocks begin with states.
    pub enable: Signal<'b>,
    pub valid: Signal<'b>,
    /// The state offered is empty.
    pub empty: Signal<'b>,
    /// Its anchor; with a fixed-point o.
    pub anchor: Option<Signal<'b>>,
    /// The active queries of the block that comes next.
    pub active: Signal<'b>,
}

/// The loads between two blocks.
pub(super) struct Loads<'m> {
    /// States of the block that comes next are awaited.
    pub open: Signal<'m>,
    /// Key rows of the block may be taken.
    pub done: Signal<'m>,
    /// A state is offered that takes a row of steps.
    pub offered: Signal<'m>,
    /// One bit per query of the block, query 0 first: whose turn it is.
    pub turn: Signal<'m>,
    /// The state offered waits for nothing, if it does not wait for its anchor.
    free: Signal<'m>,
    empty: Signal<'m>,
    wanted: Signal<'m>,
}

impl<'m> Loads<'m> {
    /// `free`: a row of steps may start. `start`: one starts that loads the state offered. `block_end`: a block's last key
    /// row is taken.
    pub fn new(
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        x: &Inputs<'m>,
        [queries_there, free, start, block_end]: [Signal<'m>; 4],
    ) -> Loads<'m> {
        let offer = x.initial.as_ref().expect("loads are of states that are offered");
        let (bit, block) = (Type::unsigned(1), spec.block());
        let begun = m.register("states_begun", bit).reset(0);
        let loaded = m.register("states_loaded", bit).reset(0);
        let pending = m.register("pending", bit.times(block));
        let turn = m.register("turn", bit.times(block));

        let begin = (queries_there & offer.enable & !(begun.q | loaded.q)).named("states_begin");
        let left = pending.q.reduce_or().named("states_left");
        let wanted = (begun.q & pending.q.element(0)).named("state_wanted");
        let here = (wanted & offer.valid).named("state_here");
        let moves = (begun.q & left & (!wanted | (here & offer.empty) | start)).named("turn_moves");
        begun.set(begin | (begun.q & left));
        loaded.set((begun.q & !left) | (loaded.q & !block_end));
        let none = m.zero(bit);
        let (rest, next) = if block == 1 {
            (none, none)
        } else {
            let (low, high) = (turn.q.elements(0, block - 1), pending.q.elements(1, block - 1));
            (m.bundle(&[high, none]), m.bundle(&[none, low]))
        };
        let first = m.bundle(&(0..block).map(|n| m.lit(u64::from(n == 0), 1)).collect::<Vec<_>>());
        pending.enable(begin | moves).set(begin.mux(offer.active, rest));
        turn.enable(begin | moves).set(begin.mux(first, next));
        Loads {
            open: (begun.q & left).named("states_open"),
            done: !offer.enable | loaded.q,
            offered: (here & !offer.empty & free).named("state_offered"),
            turn: turn.q,
            free,
            empty: offer.empty,
            wanted,
        }
    }

    /// The state offered is taken, unless it `waits` for its anchor.
    pub fn ready(&self, waits: Option<Signal<'m>>) -> Signal<'m> {
        let free = waits.map_or(self.free, |waits| self.free & !waits);
        (self.wanted & (self.empty | free)).named("state_ready")
    }
}
