//! Brings the results of a block out in query order while the next block computes.

use super::{EngineSpec, next_of, pick};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, index_width, value_width};

/// Cycles of a block's end in which no row is loaded: its last key's step, the flag of its result, that no row is left,
/// and that the drain rests.
pub(super) const HANDSHAKE: u32 = 4;

/// What the drain tells the rest of the engine.
pub(super) struct Drain<'b> {
    /// Results of a block are awaited or still here.
    pub busy: Signal<'b>,
    /// They have left.
    pub done: Signal<'b>,
    /// Its queries have met their last key: rows are read.
    pub reads: Signal<'b>,
    /// A row is on the output.
    pub valid: Signal<'b>,
    /// It is the last of its block.
    pub last: Signal<'b>,
    /// The output registers take the row of `lane` and `slot`.
    pub load: Signal<'b>,
    /// The row taken moves on through its conversion.
    pub shift: Signal<'b>,
    /// Lane looked at.
    pub lane: Signal<'b>,
    /// Slot looked at.
    pub slot: Signal<'b>,
}

/// Cycles that a row takes from the output registers' load until it can be given out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Conversion {
    /// Cycles before the row begins to move.
    pub wait: u32,
    /// Cycles in which it moves.
    pub shifts: u32,
}

/// The drain as an instance: `start` with the block's `active` queries, then one result slot after the other, once these
/// have been met by their last key.
pub(super) fn call<'b>(
    b: &'b ModuleBuilder,
    spec: &EngineSpec,
    [start, active, queries_met, result_valid, result_slot, o_ready]: [Signal<'b>; 6],
    conversion: Conversion,
) -> Drain<'b> {
    let Conversion { wait, shifts } = conversion;
    let takes = if wait + shifts == 0 { String::new() } else { format!("_c{wait}_{shifts}") };
    let name = format!("drain_p{}_i{}{takes}", spec.lanes, spec.interleave);
    let kind = Kind {
        name: &name,
        doc: "brings the results of a block out in query order, inactive queries left out",
    };
    let inputs = [
        ("start", start),
        ("active", active),
        ("queries_met", queries_met),
        ("result_valid", result_valid),
        ("result_slot", result_slot),
        ("o_ready", o_ready),
    ];
    let out = b.call("drain", kind, &inputs, |m, x| body(m, spec, x, conversion));
    let [busy, done, reads, valid, last, load, shift, lane, slot] = out[..] else {
        unreachable!("nine outputs")
    };
    Drain { busy, done, reads, valid, last, load, shift, lane, slot }
}

fn body<'m>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    x: &[Signal<'m>],
    conversion: Conversion,
) -> Outputs<'m> {
    m.explicit();
    let &[start, active, queries_met, result_valid, result_slot, o_ready] = x else {
        unreachable!("six inputs")
    };
    let bit = Type::unsigned(1);
    let (lanes, slots, block) = (spec.lanes, spec.interleave, spec.block());
    let busy = m.register("busy", bit).reset(0);
    let valid = m.register("valid", bit).reset(0);
    let last = m.register("last", bit);
    let pending = m.register("pending", Type::unsigned(1).times(block));
    let lane = m.register("lane", Type::unsigned(index_width(lanes))).reset(0);
    let slot = m.register("slot", spec.slot_type()).reset(0);

    let done = m.wire("done", bit);
    let reads = m.register("reads", bit).reset(0);
    reads.set((reads.q | queries_met) & !done);
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
    let load = m.wire("load_row", bit);
    let Converting { busy: converting, done: converted, shift } = converting(m, conversion, load);
    let rest = if block == 1 {
        m.zero(pending.q.ty())
    } else {
        m.bundle(&[pending.q.elements(1, block - 1), m.lit(0, 1)])
    };
    let wanted = pending.q.element(0).named("wanted");
    let room = ((!valid.q | o_ready) & !converting).named("room");
    let any_pending = pending.q.reduce_or().named("any_pending");
    let advance = (reads.q & any_pending & here & (room | !wanted)).named("advance");
    m.drive(load, advance & wanted);
    m.drive(done, reads.q & !any_pending & arrived.reduce_and());

    busy.set(start | (busy.q & !done));
    pending.enable(start | advance).set(start.mux(active, rest));
    let lane_end = lane.q.eq_const(u64::from(lanes) - 1);

    lane.enable(advance | start).set(start.mux(m.zero(lane.q.ty()), next_of(lane.q, lanes)));
    slot.enable((advance & lane_end) | start).set(start.mux(m.zero(slot.q.ty()), next_of(slot.q, slots)));
    valid.set(converted | (valid.q & !o_ready));
    last.enable(load).set(!rest.reduce_or());
    vec![
        ("busy", busy.q),
        ("done", done),
        ("reads", reads.q),
        ("o_valid", valid.q),
        ("o_last", last.q),
        ("load", load),
        ("shift", shift),
        ("lane", lane.q),
        ("slot", slot.q),
    ]
}

/// What becomes of a row that was loaded.
struct Converting<'m> {
    /// It cannot be given out yet, nor another be loaded.
    busy: Signal<'m>,
    /// It can be given out from the next cycle on.
    done: Signal<'m>,
    shift: Signal<'m>,
}

/// Counts the cycles of a conversion down.
fn converting<'m>(m: &'m ModuleBuilder, conversion: Conversion, load: Signal<'m>) -> Converting<'m> {
    let Conversion { wait, shifts } = conversion;
    let no = m.lit(0, 1);
    if wait + shifts == 0 {
        return Converting { busy: no, done: load, shift: no };
    }
    let cycles = u64::from(wait + shifts);
    let ty = Type::unsigned(value_width(cycles));
    let left = m.register("cycles_left", ty).reset(0);
    let busy = left.q.reduce_or().named("converting");
    let one_less = (left.q - m.lit(1, 1)).low(ty.width);
    left.enable(load | busy).set(load.mux(m.lit(cycles, ty.width), one_less));
    let shift = if wait == 0 { busy } else { busy & left.q.le(m.lit(u64::from(shifts), ty.width)) };
    Converting { busy, done: left.q.eq_const(1), shift: shift.named("shift_row") }
}
