//! Walks over a job: rows of q or o in order, and blocks of queries with the keys they meet.

use super::job::Plan;
use super::parts::{BIT, Named, clamp, flag, minus_one, place, plus_one};
use super::spec::AcceleratorSpec;
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, index_width};

/// A row of q or o: head after head, block after block.
pub(super) struct RowWalk<'b> {
    /// There are rows left.
    pub active: Signal<'b>,
    /// The row is the last of its block.
    pub block_last: Signal<'b>,
    /// It is the last of its head.
    pub head_last: Signal<'b>,
}

/// A walk over rows; `advance` goes to the next one.
pub(super) fn rows<'b>(
    b: &'b ModuleBuilder,
    instance: &str,
    spec: &AcceleratorSpec,
    plan: &Plan<'b>,
    advance: Signal<'b>,
    clear: Signal<'b>,
) -> RowWalk<'b> {
    let kind = Kind { name: "row_walk", doc: "counts the rows of a job: slot in block, row in head, head" };
    let inputs = [
        ("go", plan.go),
        ("clear", clear),
        ("advance", advance),
        ("last_query", plan.last_query),
        ("last_head", plan.last_head),
    ];
    let out = place(b, instance, kind, &inputs, |m, x| rows_body(m, x, spec));
    let [active, block_last, head_last] = out.all(["active", "block_last", "head_last"]);
    RowWalk { active, block_last, head_last }
}

fn rows_body<'m>(m: &'m ModuleBuilder, x: &Named<'m>, spec: &AcceleratorSpec) -> Outputs<'m> {
    let [go, clear, advance, last_query, last_head] =
        x.all(["go", "clear", "advance", "last_query", "last_head"]);
    let active = flag(m, "active");
    let counter = |name: &str, ty: Type, step: Signal<'m>| m.register(name, ty).enable(go | step);
    let row = counter("row", last_query.ty(), advance);
    let slot = counter("slot", Type::unsigned(index_width(spec.block())), advance);
    let head_last = row.q.eq(last_query).named("last_of_head");
    let block_last = (slot.q.eq_const(u64::from(spec.block()) - 1) | head_last).named("last_of_block");
    let head = counter("head", last_head.ty(), advance & head_last);
    let restart =
        |again: Signal<'m>, count: Signal<'m>| (go | again).mux(m.zero(count.ty()), plus_one(count));
    row.set(restart(head_last, row.q));
    slot.set(restart(block_last, slot.q));
    head.set(restart(go, head.q));
    let job_last = (advance & head_last & head.q.eq(last_head)).named("job_ends");
    active.set((go | (active.q & !job_last)) & !clear);
    vec![("active", active.q), ("block_last", block_last), ("head_last", head_last)]
}

/// A block of queries.
pub(super) struct Block<'b> {
    /// The block is described; it stands until it is taken.
    pub valid: Signal<'b>,
    /// First key loaded for it.
    pub first_key: Signal<'b>,
    /// Keys loaded for it, 0 if none of its queries meets any.
    pub keys: Signal<'b>,
    /// Queries in it.
    pub queries: Signal<'b>,
    /// How many queries, counted from the first, come before those that meet the first key under a causal mask; may be
    /// negative, and is one more for every next key.
    pub threshold: Signal<'b>,
    /// It is the first of a key/value head other than the first head.
    pub next_kv_head: Signal<'b>,
}

/// A walk over blocks; `take` goes to the next one. A description takes four cycles, while the one before stands.
pub(super) fn blocks<'b>(
    b: &'b ModuleBuilder,
    instance: &str,
    spec: &AcceleratorSpec,
    plan: &Plan<'b>,
    take: Signal<'b>,
    clear: Signal<'b>,
) -> Block<'b> {
    let kind = Kind { name: "block_walk", doc: "describes block after block: its queries and range of keys" };
    let inputs = [
        ("go", plan.go),
        ("clear", clear),
        ("take", take),
        ("last_query", plan.last_query),
        ("last_head", plan.last_head),
        ("last_of_group", plan.last_of_group),
        ("keys", plan.keys),
        ("offset", plan.offset),
        ("window_rest", plan.window_rest),
        ("causal", plan.causal),
        ("windowed", plan.windowed),
    ];
    let out = place(b, instance, kind, &inputs, |m, x| blocks_body(m, x, spec));
    let [valid, first_key, keys, queries, threshold, next_kv_head] =
        out.all(["valid", "first_key", "block_keys", "queries", "threshold", "next_kv_head"]);
    Block { valid, first_key, keys, queries, threshold, next_kv_head }
}

fn blocks_body<'m>(m: &'m ModuleBuilder, x: &Named<'m>, spec: &AcceleratorSpec) -> Outputs<'m> {
    let [go, clear, take] = x.all(["go", "clear", "take"]);
    let [last_query, last_head, last_of_group] = x.all(["last_query", "last_head", "last_of_group"]);
    let pending = flag(m, "pending");
    let phase = m.register("phase", Type::unsigned(2)).reset(0);
    let valid = flag(m, "described");
    let load = (pending.q & phase.q.eq_const(3) & (!valid.q | take)).named("load");
    phase.set((go | load | !pending.q).mux(m.zero(phase.q.ty()), next_phase(phase.q)));
    valid.set((load | (valid.q & !take)) & !clear);

    let next = go | load;
    let first = m.register("first_query", last_query.ty()).enable(next);
    let left = (last_query - first.q).truncate(last_query.width()).reinterpret(false).named("queries_after");
    let head_end = left.lt(m.lit(u64::from(spec.block()), left.width())).named("last_of_head");
    let block_on = (first.q + m.lit(u64::from(spec.block()), first.q.width())).low(first.q.width());
    first.set((go | head_end).mux(m.zero(first.q.ty()), block_on));
    let head = m.register("head", last_head.ty()).enable(go | (load & head_end));
    head.set(go.mux(m.zero(head.q.ty()), plus_one(head.q)));
    let in_group = m.register("head_of_group", last_of_group.ty()).enable(go | (load & head_end));
    let group_end = (head_end & in_group.q.eq(last_of_group)).named("last_of_group_ends");
    in_group.set((go | group_end).mux(m.zero(in_group.q.ty()), plus_one(in_group.q)));
    let new_kv = m.register("new_kv_head", BIT).enable(next);
    new_kv.set(!go & group_end);
    pending.set((go | (pending.q & !(load & head_end & head.q.eq(last_head)))) & !clear);

    let queries_ty = spec.block_type();
    let count = plus_one(left.low(queries_ty.width.min(left.width())).extend(queries_ty.width));
    let queries = head_end.mux(count, m.lit(u64::from(spec.block()), queries_ty.width));
    let range = range(m, x, spec, first.q, queries);
    let described = |name: &str, value: Signal<'m>| {
        let register = m.register(name, value.ty()).enable(load);
        register.set(value);
        register.q
    };
    vec![
        ("valid", valid.q),
        ("first_key", described("first_key", range.lo)),
        ("block_keys", described("block_keys", range.count)),
        ("queries", described("queries", queries)),
        ("threshold", described("threshold", range.threshold)),
        ("next_kv_head", described("next_kv_head", new_kv.q)),
    ]
}

fn next_phase(phase: Signal<'_>) -> Signal<'_> {
    phase.eq_const(3).mux(phase, plus_one(phase))
}

struct Range<'m> {
    lo: Signal<'m>,
    count: Signal<'m>,
    threshold: Signal<'m>,
}

/// The keys that `queries` queries from `first` on meet, right three cycles after these two have changed.
fn range<'m>(
    m: &'m ModuleBuilder,
    x: &Named<'m>,
    spec: &AcceleratorSpec,
    first: Signal<'m>,
    queries: Signal<'m>,
) -> Range<'m> {
    let [keys, offset, window_rest, causal, windowed] =
        x.all(["keys", "offset", "window_rest", "causal", "windowed"]);
    let ty = spec.position_type();
    let staged = |name: &str, value: Signal<'m>| {
        let register = m.register(name, value.ty());
        register.set(value);
        register.q
    };
    // Position of the first query on the axis of keys, then of the ends, then these within the keys.
    let base = staged("position", (first.to_signed() + offset).truncate(ty.width));
    let after = staged("position_after", (base + queries.to_signed()).truncate(ty.width));
    let since = staged("window_start", (base - window_rest).truncate(ty.width));
    let within = |position: Signal<'m>| {
        let inside = clamp(position, spec.max_keys).extend(keys.width());
        inside.gt(keys).mux(keys, inside)
    };
    let hi = staged("hi", causal.mux(within(after), keys));
    let lo = staged("lo", windowed.mux(within(since), m.zero(keys.ty())));
    let count = hi.gt(lo).mux((hi - lo).low(keys.width()), m.zero(keys.ty()));
    let threshold = (lo.to_signed() - base).truncate(ty.width);
    Range { lo, count, threshold }
}

/// Keys of one block after the other, blocks without keys left out: what a source of key rows follows.
pub(super) struct KeyWalk<'b> {
    /// A key is wanted.
    pub active: Signal<'b>,
    /// It is the last of its block.
    pub last: Signal<'b>,
    /// First key of the block at hand.
    pub lo: Signal<'b>,
    /// One after its last key.
    pub hi: Signal<'b>,
}

/// A walk over keys with its own walk over blocks; `advance` goes to the next key.
pub(super) fn keys<'b>(
    b: &'b ModuleBuilder,
    instance: &str,
    spec: &AcceleratorSpec,
    plan: &Plan<'b>,
    advance: Signal<'b>,
    clear: Signal<'b>,
) -> KeyWalk<'b> {
    let take = b.wire(&format!("{instance}_take"), BIT);
    let block = blocks(b, &format!("{instance}_blocks"), spec, plan, take, clear);
    let kind = Kind { name: "key_walk", doc: "counts the keys of block after block" };
    let inputs = [
        ("valid", block.valid),
        ("first_key", block.first_key),
        ("block_keys", block.keys),
        ("advance", advance),
        ("clear", clear),
    ];
    let out = place(b, instance, kind, &inputs, keys_body);
    b.drive(take, out.get("take"));
    let [active, last, lo, hi] = out.all(["active", "last", "lo", "hi"]);
    KeyWalk { active, last, lo, hi }
}

fn keys_body<'m>(m: &'m ModuleBuilder, x: &Named<'m>) -> Outputs<'m> {
    let [valid, first_key, block_keys, advance, clear] =
        x.all(["valid", "first_key", "block_keys", "advance", "clear"]);
    let left = m.register("keys_left", block_keys.ty()).reset(0);
    let active = left.q.reduce_or().named("any_left");
    let last = left.q.eq_const(1).named("last_key");
    let take = (valid & (!active | (advance & last))).named("take");
    left.enable(take | advance | clear)
        .set(clear.mux(m.zero(left.q.ty()), take.mux(block_keys, minus_one(left.q))));
    let bound = |name: &str, value: Signal<'m>| {
        let register = m.register(name, value.ty()).reset(0).enable(take & block_keys.reduce_or());
        register.set(value);
        register.q
    };
    let lo = bound("lo", first_key);
    let hi = bound("hi", (first_key + block_keys).low(first_key.width()));
    vec![("take", take), ("active", active), ("last", last), ("lo", lo), ("hi", hi)]
}
