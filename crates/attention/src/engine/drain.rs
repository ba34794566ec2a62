//! Brings the results of a block out in query order while the next block computes.

use super::{EngineSpec, next_of, pick};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, index_width};

/// What the drain tells the rest of the engine.
pub(super) struct Drain<'b> {
    /// Results of a block are awaited or still here.
    pub busy: Signal<'b>,
    /// A row is on the output.
    pub valid: Signal<'b>,
    /// It is the last of its block.
    pub last: Signal<'b>,
    /// The output registers take the row of `lane` and `slot`.
    pub load: Signal<'b>,
    /// Lane looked at.
    pub lane: Signal<'b>,
    /// Slot looked at.
    pub slot: Signal<'b>,
}

/// The drain as an instance: `start` with the block's `active` queries, then one result slot after the other. A row that
/// is looked at can be loaded `settling` cycles later.
pub(super) fn call<'b>(
    b: &'b ModuleBuilder,
    spec: &EngineSpec,
    [start, active, result_valid, result_slot, o_ready]: [Signal<'b>; 5],
    settling: u32,
) -> Drain<'b> {
    let wait = if settling == 0 { String::new() } else { format!("_w{settling}") };
    let name = format!("drain_p{}_i{}{wait}", spec.lanes, spec.interleave);
    let kind = Kind {
        name: &name,
        doc: "brings the results of a block out in query order, inactive queries left out",
    };
    let inputs = [
        ("start", start),
        ("active", active),
        ("result_valid", result_valid),
        ("result_slot", result_slot),
        ("o_ready", o_ready),
    ];
    let out = b.call("drain", kind, &inputs, |m, x| body(m, spec, x, settling));
    let [busy, valid, last, load, lane, slot] = out[..] else { unreachable!("six outputs") };
    Drain { busy, valid, last, load, lane, slot }
}

fn body<'m>(m: &'m ModuleBuilder, spec: &EngineSpec, x: &[Signal<'m>], settling: u32) -> Outputs<'m> {
    m.explicit();
    let &[start, active, result_valid, result_slot, o_ready] = x else { unreachable!("five inputs") };
    let bit = Type::unsigned(1);
    let (lanes, slots, block) = (spec.lanes, spec.interleave, spec.block());
    let busy = m.register("busy", bit).reset(0);
    let valid = m.register("valid", bit).reset(0);
    let last = m.register("last", bit);
    let pending = m.register("pending", Type::unsigned(1).times(block));
    let lane = m.register("lane", Type::unsigned(index_width(lanes))).reset(0);
    let slot = m.register("slot", spec.slot_type()).reset(0);

    let done = m.wire("done", bit);
    let arrived: Vec<Signal<'m>> = (0..slots)
        .map(|i| {
            let flag = m.register(&format!("arrived_{i}"), bit).reset(0);
            let sets = result_valid & result_slot.eq_const(u64::from(i));
            flag.set((flag.q | sets) & !done);
            flag.q
        })
        .collect();
    let arrived = m.bundle(&arrived);
    let here = pick(arrived, slots, slot.q).named("result_here");
    let moves = m.wire("moves", bit);
    let here = settled(m, here, moves, settling);
    let rest = if block == 1 {
        m.zero(pending.q.ty())
    } else {
        m.bundle(&[pending.q.elements(1, block - 1), m.lit(0, 1)])
    };
    let wanted = pending.q.element(0).named("wanted");
    let room = (!valid.q | o_ready).named("room");
    let any_pending = pending.q.reduce_or().named("any_pending");
    let advance = (busy.q & any_pending & here & (room | !wanted)).named("advance");
    let load = (advance & wanted).named("load");
    m.drive(moves, advance | start);
    m.drive(done, busy.q & !any_pending & arrived.reduce_and());

    busy.set(start | (busy.q & !done));
    pending.enable(start | advance).set(start.mux(active, rest));
    let lane_end = lane.q.eq_const(u64::from(lanes) - 1);

    lane.enable(advance | start).set(start.mux(m.zero(lane.q.ty()), next_of(lane.q, lanes)));
    slot.enable((advance & lane_end) | start).set(start.mux(m.zero(slot.q.ty()), next_of(slot.q, slots)));
    valid.set(load | (valid.q & !o_ready));
    last.enable(load).set(!rest.reduce_or());
    vec![
        ("busy", busy.q),
        ("o_valid", valid.q),
        ("o_last", last.q),
        ("load", load),
        ("lane", lane.q),
        ("slot", slot.q),
    ]
}

/// Whether the row looked at has stood at the output conversion for as long as that takes.
fn settled<'m>(m: &'m ModuleBuilder, here: Signal<'m>, moves: Signal<'m>, settling: u32) -> Signal<'m> {
    let mut settled = here;
    for cycle in 1..=settling {
        let stood = m.register(&format!("stood_{cycle}"), here.ty()).reset(0);
        stood.set(settled & !moves);
        settled = stood.q;
    }
    settled.named("row_settled")
}
