//! Accepts query rows and places them in the lanes' free bank.

use super::{EngineSpec, next_of, pick};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, index_width};

/// What the loader tells the rest of the engine.
pub(super) struct Loader<'b> {
    /// A row can be taken.
    pub ready: Signal<'b>,
    /// One bit per lane: the row on the port is written this cycle.
    pub write: Signal<'b>,
    /// Slot written.
    pub slot: Signal<'b>,
    /// Bank written.
    pub bank: Signal<'b>,
    /// Per bank, its block is complete, and its results have not all left.
    pub full: Signal<'b>,
    /// Of the full banks the older one.
    pub older: Signal<'b>,
    active: Signal<'b>,
}

impl<'b> Loader<'b> {
    /// The active queries of the block in `bank`, query 0 first.
    pub fn active_of(&self, bank: Signal<'b>) -> Signal<'b> {
        pick(self.active, 2, bank)
    }
}

/// The loader as an instance. Nothing is loaded while `results_come`; when they have `left`, the older full bank is free.
pub(super) fn call<'b>(
    b: &'b ModuleBuilder,
    spec: &EngineSpec,
    [valid, active, last]: [Signal<'b>; 3],
    results_come: Signal<'b>,
    left: Signal<'b>,
) -> Loader<'b> {
    let name = format!("q_loader_p{}_i{}", spec.lanes, spec.interleave);
    let kind =
        Kind { name: &name, doc: "places query n in slot n / lanes of lane n mod lanes, bank by bank" };
    let query = [("q_valid", valid), ("q_active", active), ("q_last", last)];
    let inputs = [&query[..], &[("results_come", results_come), ("results_left", left)]].concat();
    let out = b.call("q_loader", kind, &inputs, |m, x| body(m, spec, x));
    let [ready, write, slot, bank, full, older, active] = out[..] else { unreachable!("seven outputs") };
    Loader { ready, write, slot, bank, full, older, active }
}

fn body<'m>(m: &'m ModuleBuilder, spec: &EngineSpec, x: &[Signal<'m>]) -> Outputs<'m> {
    m.explicit();
    let &[q_valid, q_active, q_last, results_come, left] = x else { unreachable!("five inputs") };
    let (lanes, block) = (spec.lanes, spec.block());
    let bit = Type::unsigned(1);
    let bank = m.register("bank", bit).reset(0);
    let older = m.register("older", bit).reset(0).enable(left);
    older.set(!older.q);
    let lane = m.register("lane", Type::unsigned(index_width(lanes))).reset(0);
    let slot = m.register("slot", spec.slot_type()).reset(0);
    let full = [0, 1].map(|i| m.register(&format!("full_{i}"), bit).reset(0));

    let ready = !(bank.q.mux(full[1].q, full[0].q) | results_come);
    let accept = (q_valid & ready).named("accept");
    let last_lane = lane.q.eq_const(u64::from(lanes) - 1);
    let last_slot = slot.q.eq_const(u64::from(spec.interleave) - 1);
    let block_end = (accept & (q_last | (last_lane & last_slot))).named("block_end");
    bank.set(bank.q ^ block_end);
    let (zero_lane, zero_slot) = (m.zero(lane.q.ty()), m.zero(slot.q.ty()));
    lane.enable(accept).set(block_end.mux(zero_lane, next_of(lane.q, lanes)));
    slot.enable(accept & (last_lane | block_end))
        .set(block_end.mux(zero_slot, next_of(slot.q, spec.interleave)));

    let here: Vec<Signal<'m>> = (0..block)
        .map(|n| lane.q.eq_const(u64::from(n % lanes)) & slot.q.eq_const(u64::from(n / lanes)) & q_active)
        .collect();
    let here = m.bundle(&here).named("active_here");
    let mut active = vec![];
    for (i, full) in full.into_iter().enumerate() {
        let pick = |bank: Signal<'m>| if i == 0 { !bank } else { bank };
        let free = (left & pick(older.q)).named(&format!("free_{i}"));
        full.set((full.q | (block_end & pick(bank.q))) & !free);
        let flags =
            m.register(&format!("active_{i}"), here.ty()).reset(0).enable(free | (accept & pick(bank.q)));
        flags.set(free.mux(m.zero(here.ty()), flags.q | here));
        active.push(flags.q);
    }
    let writes: Vec<Signal<'m>> = (0..lanes).map(|n| accept & lane.q.eq_const(u64::from(n))).collect();
    vec![
        ("q_ready", ready),
        ("write", m.bundle(&writes)),
        ("slot", slot.q),
        ("bank", bank.q),
        ("full", m.bundle(&full.map(|f| f.q))),
        ("older_bank", older.q),
        ("active", m.bundle(&active)),
    ]
}
