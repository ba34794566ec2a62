//! A query lane: the query banks, the dot product, the kernel, and the finished rows of one block.

use crate::engine::EngineSpec;
use crate::kernel::Step;
use arith::FusedDot;
use arith::float::float_type;
use hdl::{Kind, ModuleBuilder, ModuleId, Outputs, Signal, StateVar, Type, Update};

/// Elaborates the lane kind.
///
/// Outputs, in order: `o_row` and `o_empty` of the slot at `o_slot`, `result_valid` and `result_slot` of the row written.
pub(crate) fn define(b: &ModuleBuilder, spec: &EngineSpec) -> ModuleId {
    let bit = Type::unsigned(1);
    let row = float_type(spec.dot.operand).times(spec.head_dim);
    let slot = spec.slot_type();
    let mut inputs = vec![
        ("q_write", bit),
        ("q_slot", slot),
        ("q_bank", bit),
        ("q_row", row),
        ("step_valid", bit),
        ("step_slot", slot),
        ("step_bank", bit),
        ("step_first", bit),
        ("step_last", bit),
        ("step_meets", bit),
        ("k", row),
        ("v", float_type(spec.accumulator).times(spec.head_dim)),
        ("o_slot", slot),
    ];
    inputs.extend(spec.dot.scale.map(|format| ("scale", float_type(format))));
    let name = format!("{}_lane", spec.name);
    let kind = Kind {
        name: &name,
        doc: "one query lane: score = q . k, then the kernel's update of this slot's state",
    };
    b.define(kind, &inputs, |m, x| body(m, spec, x))
}

fn body<'m>(m: &'m ModuleBuilder, spec: &EngineSpec, x: &[Signal<'m>]) -> Outputs<'m> {
    let &[
        q_write,
        q_slot,
        q_bank,
        q_row,
        valid,
        slot,
        bank,
        first,
        last,
        meets,
        k,
        v,
        o_slot,
        ref scale @ ..,
    ] = x
    else {
        unreachable!("thirteen inputs")
    };
    let v = m.late(v);
    let scale = scale.first().map(|&s| m.stable(s));
    let q = queries(m, spec, [q_write, q_slot, q_bank, q_row], slot, bank);
    let dot = FusedDot { spec: spec.dot, length: spec.head_dim, policy: spec.policy };
    let score = dot.call(m, "dot", q, k, scale).named("score");

    let update = (valid & meets).named("update");
    let (fresh, empty) = occupancy(m, spec, slot, [valid, first, update]);
    let step = Step { slot, score, v, fresh, update };
    let row = spec.kernel.lane(m, spec, &step);

    let result = m.cleared((valid & last).named("result"));
    let blank = m.zero(row.ty());
    let row = empty.mux(blank, row).named("result_row");
    let [result, result_slot, empty, row] = m.align([result, slot, empty, row]);
    let rows = m.file("rows", spec.interleave, row.ty());
    rows.write(result_slot, row, result);
    let empties = m.file("empties", spec.interleave, empty.ty());
    empties.write(result_slot, empty, result);
    vec![
        ("o_row", rows.read(o_slot)),
        ("o_empty", empties.read(o_slot)),
        ("result_valid", result),
        ("result_slot", result_slot),
    ]
}

/// The double-buffered query rows: one bank is read while the other is written.
fn queries<'m>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    [write, write_slot, write_bank, row]: [Signal<'m>; 4],
    slot: Signal<'m>,
    bank: Signal<'m>,
) -> Signal<'m> {
    let banks = [("q_bank_0", !write_bank), ("q_bank_1", write_bank)].map(|(name, here)| {
        let file = m.file(name, spec.interleave, row.ty());
        file.write(write_slot, row, write & here);
        file.read(slot)
    });
    bank.mux(banks[1], banks[0]).named("q")
}

/// Whether each slot has met a key: `fresh` on a query's first key, `empty` if it has met none by this step.
fn occupancy<'m>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    slot: Signal<'m>,
    [valid, first, update]: [Signal<'m>; 3],
) -> (Signal<'m>, Signal<'m>) {
    let var = StateVar { name: "nonempty", interleave: spec.interleave, ty: Type::unsigned(1) };
    m.feedback(var, slot, &[valid, first, update], |state, x| {
        let old = (state & !x[1]).named("met_before");
        let next = (old | x[2]).named("nonempty_next");
        let fresh = (x[2] & !old).named("fresh");
        Update { next, enable: x[0], out: (fresh, (!next).named("empty")) }
    })
}
