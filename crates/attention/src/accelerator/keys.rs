//! Gives the engine the key rows of block after block, each with its mask and the block's end.
//!
//! Under a causal mask query n of a block meets a key if `n >= threshold`, and under a sliding window if also
//! `n < threshold + window`; the threshold is one more for every next key. The mask stands in a register beside its row.
//! A block that meets no key gets one row that nobody meets.

use super::job::Plan;
use super::parts::{BIT, Named, below, clamp, connect, flag, minus_one, place};
use super::spec::AcceleratorSpec;
use super::walk::{self, Block};
use arith::reduce;
use hdl::{Kind, ModuleBuilder, ModuleId, Outputs, Signal, Type};

/// What the engine is given, and what of it is counted.
pub(super) struct Keys<'b> {
    /// A row is offered to the engine.
    pub valid: Signal<'b>,
    /// Which queries meet it.
    pub mask: Signal<'b>,
    /// It is the last of its block.
    pub last: Signal<'b>,
    /// It is that of a block without keys, so that what it holds means nothing; where states make a difference of it.
    pub nobody: Option<Signal<'b>>,
    /// The row offered is from the tile buffers, and is taken.
    pub take: Signal<'b>,
    /// There are blocks to come, or one at hand.
    pub more: Signal<'b>,
    /// Steps of active queries that meet their key, of a row taken lately.
    pub useful: Signal<'b>,
    /// Steps of active queries that are masked.
    pub skipped: Signal<'b>,
}

/// What the sequencer of keys looks at.
pub(super) struct Inputs<'b> {
    /// A row stands at the tile buffers' way out.
    pub row_valid: Signal<'b>,
    /// The engine takes a row.
    pub ready: Signal<'b>,
    /// The job is drained.
    pub drain: Signal<'b>,
    /// In a drain, the engine has a block to be brought to its end.
    pub flush: Signal<'b>,
}

/// The sequencer of keys, with its walk over blocks.
pub(super) fn call<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    plan: &Plan<'b>,
    x: &Inputs<'b>,
) -> Keys<'b> {
    let take = b.wire("compute_take", BIT);
    let Block { valid, keys, queries, threshold, .. } =
        walk::blocks(b, "compute_blocks", spec, plan, take, x.drain);
    let count = step_count(b, spec);
    let kind = Kind { name: "key_sequencer", doc: "key rows of block after block with masks" };
    let inputs = [
        ("block_valid", valid),
        ("block_keys", keys),
        ("block_queries", queries),
        ("block_threshold", threshold),
        ("row_valid", x.row_valid),
        ("ready", x.ready),
        ("drain", x.drain),
        ("flush", x.flush),
        ("window_rest", plan.window_rest),
        ("causal", plan.causal),
        ("windowed", plan.windowed),
    ];
    let out = place(b, "keys", kind, &inputs, |m, x| body(m, x, spec, count));
    b.drive(take, out.get("block_take"));
    let [valid, mask, last, take] = out.all(["valid", "mask", "last", "row_take"]);
    let [more, useful, skipped] = out.all(["more", "useful", "skipped"]);
    Keys { valid, mask, last, nobody: out.find("met_by_nobody"), take, more, useful, skipped }
}

fn body<'m>(m: &'m ModuleBuilder, x: &Named<'m>, spec: &AcceleratorSpec, count: ModuleId) -> Outputs<'m> {
    let [block_valid, row_valid, ready] = x.all(["block_valid", "row_valid", "ready"]);
    let [keys, queries, drain, flush] = x.all(["block_keys", "block_queries", "drain", "flush"]);
    let running = flag(m, "running");
    let left = m.register("keys_left", keys.ty());
    let empty = m.register("nobody", BIT);
    let last = (empty.q | left.q.eq_const(1)).named("last_key");
    let offered = (running.q & (empty.q | row_valid)).named("offered");
    let valid = (offered & !drain) | flush;
    let done = (offered & !drain & ready).named("row_done");
    let load = (block_valid & !drain & (!running.q | (done & last))).named("load");
    running.set((load | (running.q & !(done & last))) & !drain);
    left.enable(load | done).set(load.mux(keys, minus_one(left.q)));
    empty.enable(load).set(!keys.reduce_or());

    let ty = spec.position_type();
    let threshold = m.register("threshold", ty).enable(load | done);
    let one_on = (threshold.q + m.lit_signed(1, 2)).truncate(ty.width);
    let next = load.mux(x.get("block_threshold"), one_on).named("next_threshold");
    threshold.set(next);
    let mask = m.register("row_mask", Type::unsigned(1).times(spec.block())).enable(load | done);
    mask.set(mask_at(m, x, spec, next));
    let active = m.register("active", mask.q.ty()).enable(load);
    active.set(below(queries, spec.block()));
    let block_queries = m.register("queries", queries.ty()).enable(load);
    block_queries.set(queries);

    let live = (!(drain | empty.q)).broadcast(spec.block());
    let inputs = [("valid", done & !empty.q), ("meets", mask.q & active.q), ("queries", block_queries.q)];
    let steps = connect(m, "step_count", count, &inputs);
    let mut outputs = vec![
        ("block_take", load),
        ("valid", valid),
        ("mask", mask.q & live),
        ("last", (last & !drain) | flush),
        ("row_take", done & !empty.q),
        ("more", running.q | block_valid),
        ("useful", steps.get("useful")),
        ("skipped", steps.get("skipped")),
    ];
    if spec.engine.initial && spec.engine.anchor_type().is_some() {
        outputs.push(("met_by_nobody", empty.q));
    }
    outputs
}

/// Which queries of the block meet the key with this threshold.
fn mask_at<'m>(
    m: &'m ModuleBuilder,
    x: &Named<'m>,
    spec: &AcceleratorSpec,
    threshold: Signal<'m>,
) -> Signal<'m> {
    let [window_rest, causal, windowed] = x.all(["window_rest", "causal", "windowed"]);
    let block = spec.block();
    let everybody = |yes: Signal<'m>| yes.broadcast(block);
    let too_early = below(clamp(threshold, block), block) & everybody(causal);
    let last_within = (threshold + window_rest).truncate(threshold.width());
    let one_after = (last_within + m.lit_signed(1, 2)).truncate(threshold.width());
    let in_window = below(clamp(one_after, block), block) | everybody(!windowed);
    !too_early & in_window
}

/// Counts the steps of a row, as many cycles later as the clock asks for.
fn step_count(b: &ModuleBuilder, spec: &AcceleratorSpec) -> ModuleId {
    let ty = spec.block_type();
    let name = format!("step_count_{}", spec.block());
    let kind = Kind { name: &name, doc: "useful = queries that meet the key, skipped = the others" };
    let inputs = [("valid", BIT), ("meets", BIT.times(spec.block())), ("queries", ty)];
    b.define(kind, &inputs, |m, x| {
        let met = reduce::sum(m, "sum", x[1]).truncate(ty.width);
        let skipped = (x[2] - met).low(ty.width);
        let [valid, met, skipped] = m.align([m.cleared(x[0]), met, skipped]);
        let none = m.zero(ty);
        vec![("useful", valid.mux(met, none)), ("skipped", valid.mux(skipped, none))]
    })
}
