//! Addresses, counted in beats: bases and strides are multiples of a beat, so that the low bits are wires.

use super::job::Plan;
use super::parts::{BIT, Named, flag, place, up_down};
use super::spec::AcceleratorSpec;
use super::walk::{self, Block};
use hdl::{Kind, ModuleBuilder, Outputs, Reg, Signal, Type, value_width};

/// A byte address or stride as a count of beats.
pub(super) fn in_beats<'b>(spec: &AcceleratorSpec, bytes: Signal<'b>) -> Signal<'b> {
    bytes.high(64 - spec.bus_bytes().ilog2())
}

/// The byte address of a count of beats.
pub(super) fn in_bytes(address: Signal<'_>) -> Signal<'_> {
    let b = address.builder();
    b.concat(&[address, b.lit(0, 64 - address.width())])
}

/// Addresses wrap round.
fn plus<'m>(address: Signal<'m>, stride: Signal<'m>) -> Signal<'m> {
    (address + stride).low(address.width())
}

/// The settings of a tensor, in beats: base, row stride, head stride.
pub(super) type TensorPorts<'b> = [Signal<'b>; 3];

/// The settings `cfg_<tensor>_…`.
pub(super) fn tensor<'b>(
    spec: &AcceleratorSpec,
    settings: &[(&str, Signal<'b>)],
    tensor: &str,
) -> TensorPorts<'b> {
    ["base", "row_stride", "head_stride"].map(|setting| {
        let name = format!("{tensor}_{setting}");
        let found = settings.iter().find(|(n, _)| *n == name).expect("dma has settings for every tensor");
        in_beats(spec, found.1)
    })
}

/// The address of row after row, head after head.
pub(super) fn of_rows<'b>(
    b: &'b ModuleBuilder,
    instance: &str,
    go: Signal<'b>,
    [base, row_stride, head_stride]: TensorPorts<'b>,
    [advance, head_last]: [Signal<'b>; 2],
) -> Signal<'b> {
    let kind = Kind { name: "row_address", doc: "address of row after row of head after head" };
    let inputs = [
        ("go", go),
        ("base", base),
        ("row_stride", row_stride),
        ("head_stride", head_stride),
        ("advance", advance),
        ("head_last", head_last),
    ];
    let out = place(b, instance, kind, &inputs, |m, x| {
        let [go, advance, head_last] = x.all(["go", "advance", "head_last"]);
        let [base, row_stride, head_stride] = x.all(["base", "row_stride", "head_stride"]);
        let head = m.register("head", base.ty()).enable(go | (advance & head_last));
        let next_head = go.mux(base, plus(head.q, head_stride)).named("next_head");
        head.set(next_head);
        let row = m.register("row", base.ty()).enable(go | advance);
        row.set((go | head_last).mux(next_head, plus(row.q, row_stride)));
        vec![("address", row.q)]
    });
    out.get("address")
}

/// Requests for rows.
pub(super) struct Requests<'b> {
    pub valid: Signal<'b>,
    pub address: Signal<'b>,
}

/// Requests for rows of queries, or of their states.
pub(super) struct QueryRequests<'b> {
    pub requests: Requests<'b>,
    /// They are for the job's first block, without which nothing is computed.
    pub urgent: Signal<'b>,
}

/// Requests for the rows of a block of queries after the other, of `q` or of `i`: those of the next block from when the
/// engine has room for it and nothing of the last is under way.
pub(super) fn of_queries<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    plan: &Plan<'b>,
    rows_of: &str,
    tensor: TensorPorts<'b>,
    [accept, taken, room, drain]: [Signal<'b>; 4],
) -> QueryRequests<'b> {
    let rows = walk::rows(b, &format!("{rows_of}_fetch_rows"), spec, plan, accept, drain);
    let name = format!("{rows_of}_address");
    let address = of_rows(b, &name, plan.go, tensor, [accept, rows.head_last]);
    let name = format!("query_fetch_{}", spec.block());
    let kind = Kind { name: &name, doc: "opens a block's requests when there is room for all of it" };
    let inputs = [
        ("go", plan.go),
        ("active", rows.active),
        ("block_last", rows.block_last),
        ("accept", accept),
        ("taken", taken),
        ("room", room),
        ("drain", drain),
    ];
    let width = value_width(u64::from(spec.block()));
    let out = place(b, &format!("{rows_of}_fetch"), kind, &inputs, |m, x| {
        let [active, block_last, accept] = x.all(["active", "block_last", "accept"]);
        let [taken, room, drain] = x.all(["taken", "room", "drain"]);
        let under_way = up_down(m, "under_way", width, accept, taken, drain);
        let open = flag(m, "open");
        let opens = (active & !open.q & under_way.is_zero() & room).named("opens");
        open.set((opens | (open.q & !(accept & block_last))) & !drain);
        let first = flag(m, "first_block");
        first.set(x.get("go") | (first.q & !(accept & block_last)));
        vec![("valid", open.q & active), ("urgent", first.q)]
    });
    QueryRequests { requests: Requests { valid: out.get("valid"), address }, urgent: out.get("urgent") }
}

/// Requests for key and value rows in turn, and the range they are of.
pub(super) struct KeyRequests<'b> {
    pub requests: Requests<'b>,
    /// The keys of the block at hand, first and one after the last.
    pub range: [Signal<'b>; 2],
}

/// Requests for the key rows of block after block, as far as the tile buffers have room.
pub(super) fn of_keys<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    plan: &Plan<'b>,
    [k, v]: [TensorPorts<'b>; 2],
    [accept, freed, drain]: [Signal<'b>; 3],
) -> KeyRequests<'b> {
    let take = b.wire("fetch_take", BIT);
    let Block { valid, first_key, keys, next_kv_head, .. } =
        walk::blocks(b, "fetch_blocks", spec, plan, take, drain);
    let name = format!("key_fetch_{}", spec.key_tile);
    let kind = Kind { name: &name, doc: "addresses of the key and value rows of block after block, in turn" };
    let inputs = [
        ("go", plan.go),
        ("block_valid", valid),
        ("first_key", first_key),
        ("block_keys", keys),
        ("next_kv_head", next_kv_head),
        ("k_base", k[0]),
        ("k_row_stride", k[1]),
        ("k_head_stride", k[2]),
        ("v_base", v[0]),
        ("v_row_stride", v[1]),
        ("v_head_stride", v[2]),
        ("accept", accept),
        ("freed", freed),
        ("drain", drain),
    ];
    let out = place(b, "kv_fetch", kind, &inputs, |m, x| keys_body(m, x, spec));
    b.drive(take, out.get("take"));
    let requests = Requests { valid: out.get("valid"), address: out.get("address") };
    KeyRequests { requests, range: out.all(["lo", "hi"]) }
}

fn keys_body<'m>(m: &'m ModuleBuilder, x: &Named<'m>, spec: &AcceleratorSpec) -> Outputs<'m> {
    let [accept, freed, drain] = x.all(["accept", "freed", "drain"]);
    let next = prepare(m, x);
    let rows = 2 * spec.key_tile;
    let width = value_width(u64::from(rows));
    let left = m.register("keys_left", next.keys.ty()).reset(0);
    let value = flag(m, "value_next").enable(accept | drain);
    let row_done = (accept & value.q).named("row_done");
    let load = (next.ready & (left.q.is_zero() | (row_done & left.q.eq_const(1)))).named("load");
    m.drive(next.take, load);
    let rest = super::parts::minus_one(left.q);
    left.enable(load | row_done | drain).set(drain.mux(m.zero(left.q.ty()), load.mux(next.keys, rest)));
    value.set(!value.q & !drain);
    // Places asked for, from the request to when the row leaves its place.
    let reserved = up_down(m, "reserved", width, accept & !value.q, freed, drain);
    let room = reserved.lt(m.lit(u64::from(rows), width)).named("room");

    let pointer = |name: &str, first: Signal<'m>, stride: &str, moves: Signal<'m>| {
        let register = m.register(name, first.ty()).enable(load | moves);
        register.set(load.mux(first, plus(register.q, x.get(stride))));
        register.q
    };
    let k = pointer("k_address", next.k, "k_row_stride", accept & !value.q);
    let v = pointer("v_address", next.v, "v_row_stride", row_done);
    let bound = |name: &str, at: Signal<'m>| {
        let register = m.register(name, at.ty()).reset(0).enable(load);
        register.set(at);
        register.q
    };
    vec![
        ("take", next.taken),
        ("valid", left.q.reduce_or() & (value.q | room)),
        ("address", value.q.mux(v, k)),
        ("lo", bound("lo", next.first_key)),
        ("hi", bound("hi", (next.first_key + next.keys).low(next.keys.width()))),
    ]
}

/// The next block with keys, its addresses worked out while the block before is loaded.
struct Next<'m> {
    ready: Signal<'m>,
    /// To be driven: the block is taken over.
    take: Signal<'m>,
    /// The walk's block is taken.
    taken: Signal<'m>,
    first_key: Signal<'m>,
    keys: Signal<'m>,
    k: Signal<'m>,
    v: Signal<'m>,
}

/// `head + first_key · row_stride` for k and v, a bit of `first_key` a cycle.
fn prepare<'m>(m: &'m ModuleBuilder, x: &Named<'m>) -> Next<'m> {
    let [go, valid, next_kv_head, drain] = x.all(["go", "block_valid", "next_kv_head", "drain"]);
    let [first_key, keys] = x.all(["first_key", "block_keys"]);
    let begun = flag(m, "begun");
    let busy = flag(m, "multiplying");
    let factor = m.register("factor", first_key.ty());
    let take = m.wire("take_next", BIT);
    let taken = (valid & !begun.q & !busy.q & !drain).named("block_taken");
    let ready = (busy.q & factor.q.is_zero()).named("addresses_ready");
    let starts = begun.q;
    begun.set(taken & keys.reduce_or());
    busy.set((starts | (busy.q & !take)) & !drain);
    let step = (busy.q & !ready).named("multiply_step");
    let shifted_factor = m.concat(&[m.lit(0, 1), factor.q]).slice(factor.q.width(), 1);
    factor.enable(taken | step).set(taken.mux(first_key, shifted_factor));
    let kept = |name: &str, value: Signal<'m>| {
        let register: Reg<'m> = m.register(name, value.ty()).enable(taken);
        register.set(value);
        register.q
    };
    let address = |tensor: &str| {
        let [base, row_stride, head_stride] =
            ["base", "row_stride", "head_stride"].map(|s| x.get(&format!("{tensor}_{s}")));
        let head = m.register(&format!("{tensor}_head"), base.ty()).enable(go | (taken & next_kv_head));
        head.set(go.mux(base, plus(head.q, head_stride)));
        let multiple = m.register(&format!("{tensor}_multiple"), base.ty()).enable(starts | step);
        let doubled = m.concat(&[multiple.q.low(base.width() - 1), m.lit(0, 1)]);
        multiple.set(starts.mux(row_stride, doubled));
        let sum = m.register(&format!("{tensor}_start"), base.ty()).enable(starts | (step & factor.q.bit(0)));
        sum.set(starts.mux(head.q, plus(sum.q, multiple.q)));
        sum.q
    };
    Next {
        ready,
        take,
        taken,
        first_key: kept("next_first_key", first_key),
        keys: kept("next_keys", keys),
        k: address("k"),
        v: address("v"),
    }
}

/// Type of an address in beats.
pub(super) fn address_type(spec: &AcceleratorSpec) -> Type {
    Type::unsigned(64 - spec.bus_bytes().ilog2())
}
