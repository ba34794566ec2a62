//! Accepts key rows and steps every accepted row through the slots.

use super::{EngineSpec, next_of, pick};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type};

/// The step the lanes are given in this cycle, and the handshake around it.
pub(super) struct Step<'b> {
    /// A row can be taken.
    pub ready: Signal<'b>,
    /// A row is taken this cycle.
    pub accept: Signal<'b>,
    /// The row taken is the last of its block.
    pub block_end: Signal<'b>,
    /// Bank of the queries that the row taken will meet.
    pub next_bank: Signal<'b>,
    /// There is a step.
    pub valid: Signal<'b>,
    /// It is the first of its row.
    pub row_start: Signal<'b>,
    /// Its slot.
    pub slot: Signal<'b>,
    /// Bank of its queries.
    pub bank: Signal<'b>,
    /// Its row is the first of the block.
    pub first: Signal<'b>,
    /// Its row is the last of the block.
    pub last: Signal<'b>,
    /// It is the last of its block: the query bank is free.
    pub release: Signal<'b>,
}

/// The sequencer as an instance.
pub(super) fn call<'b>(
    b: &'b ModuleBuilder,
    spec: &EngineSpec,
    kv_valid: Signal<'b>,
    kv_last: Signal<'b>,
    full: Signal<'b>,
    drain_busy: Signal<'b>,
) -> Step<'b> {
    let name = format!("sequencer_i{}", spec.interleave);
    let kind = Kind { name: &name, doc: "holds each key row for one step per slot" };
    let inputs = [("kv_valid", kv_valid), ("kv_last", kv_last), ("full", full), ("drain_busy", drain_busy)];
    let out = b.call("sequencer", kind, &inputs, |m, x| body(m, spec, x[0], x[1], x[2], x[3]));
    let [ready, accept, block_end, next_bank, valid, row_start, slot, bank, first, last, release] = out[..]
    else {
        unreachable!("eleven outputs")
    };
    Step { ready, accept, block_end, next_bank, valid, row_start, slot, bank, first, last, release }
}

fn body<'m>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    kv_valid: Signal<'m>,
    kv_last: Signal<'m>,
    full: Signal<'m>,
    drain_busy: Signal<'m>,
) -> Outputs<'m> {
    m.explicit();
    let bit = Type::unsigned(1);
    let running = m.register("running", bit).reset(0);
    let slot = m.register("slot", spec.slot_type()).reset(0);
    let next_bank = m.register("next_bank", bit).reset(0);
    let next_first = m.register("next_first", bit).reset(1);

    let row_end = (running.q & slot.q.eq_const(u64::from(spec.interleave) - 1)).named("row_end");
    let idle = (!running.q | row_end).named("idle");
    let queries_there = pick(full, 2, next_bank.q).named("queries_there");
    let ready = (idle & queries_there & !(kv_last & drain_busy)).named("ready");
    let accept = (kv_valid & ready).named("accept");
    running.set(accept | (running.q & !row_end));
    slot.enable(running.q).set(next_of(slot.q, spec.interleave));
    next_bank.enable(accept).set(next_bank.q ^ kv_last);
    next_first.enable(accept).set(kv_last);

    let row = |name: &str, value: Signal<'m>| {
        let register = m.register(name, bit).enable(accept);
        register.set(value);
        register.q
    };
    let (bank, first, last) = (row("bank", next_bank.q), row("first", next_first.q), row("last", kv_last));
    let row_start = running.q & slot.q.is_zero();
    vec![
        ("kv_ready", ready),
        ("accept", accept),
        ("block_end", accept & kv_last),
        ("next_block_bank", next_bank.q),
        ("step_valid", running.q),
        ("row_start", row_start),
        ("step_slot", slot.q),
        ("step_bank", bank),
        ("step_first", first),
        ("step_last", last),
        ("release_bank", row_end & last),
    ]
}
