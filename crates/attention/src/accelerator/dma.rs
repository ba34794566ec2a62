//! An AXI4 master: reads query, key and value rows, writes result rows.
//!
//! A row is a burst, or more where it would cross 4 KiB or exceed 256 beats. Rows are asked for only when there is a place
//! for them, so that what is read is never held up: many reads are under way at once, and reads of queries (ID 0) and of
//! keys and values (ID 1) do not wait for each other, nor for those of initial states (ID 2), which the engine takes as
//! they come. In a drain no more is asked for, and what has been is awaited.

use super::address::{self, address_type, in_bytes};
use super::core::{Forward, Sink, Source};
use super::job::Job;
use super::parts::{BIT, Named, flag, place, plus_one, up_down};
use super::rows::{Send, beat_type, gather};
use super::skid;
use super::spec::{AcceleratorSpec, Cause};
use super::stream::Errors;
use super::walk;
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, value_width};

/// Most beats of a burst.
const LONGEST_BURST: u32 = 256;
/// What no burst crosses, in bytes.
const BOUNDARY: u32 = 4096;

/// The beats of the burst that begins at `address` with `left` beats to go.
fn burst<'m>(spec: &AcceleratorSpec, address: Signal<'m>, left: Signal<'m>) -> Signal<'m> {
    let m = address.builder();
    let page = BOUNDARY / spec.bus_bytes();
    let width = left.width().max(value_width(u64::from(page)));
    let left = left.extend(width);
    let in_page = address.low(page.ilog2()).extend(width);
    let to_boundary = (m.lit(u64::from(page), width) - in_page).low(width).named("to_boundary");
    let fits = to_boundary.lt(left).mux(to_boundary, left);
    let longest = m.lit(u64::from(LONGEST_BURST.min(page)), width);
    fits.gt(longest).mux(longest, fits).named("burst")
}

/// The length field of a burst.
fn length(burst: Signal<'_>) -> Signal<'_> {
    let b = burst.builder();
    (burst.extend(burst.width().max(9)) - b.lit(1, 1)).low(8)
}

/// The constant fields of an address channel: incrementing bursts of whole beats, ordinary memory.
fn constants(b: &ModuleBuilder, spec: &AcceleratorSpec, channel: &str) {
    let size = u64::from(spec.bus_bytes().ilog2());
    for (name, value, width) in
        [("size", size, 3), ("burst", 1, 2), ("lock", 0, 1), ("cache", 3, 4), ("prot", 0, 3)]
    {
        b.output(&format!("m_axi_{channel}{name}"), b.lit(value, width));
    }
}

/// Memory as a source of rows.
pub(super) fn source<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    settings: &[(&str, Signal<'b>)],
    job: &Job<'b>,
    forward: &Forward<'b>,
) -> (Source<'b>, Errors<'b>) {
    let (plan, drain) = (&job.plan, job.drain);
    let [q, k, v] = ["q", "k", "v"].map(|t| address::tensor(spec, settings, t));
    let [q_accept, kv_accept] = ["q_accept", "kv_accept"].map(|name| b.wire(name, BIT));
    let q_asks =
        address::of_queries(b, spec, plan, "q", q, [q_accept, forward.q_take, forward.q_room, drain]);
    let kv_asks = address::of_keys(b, spec, plan, [k, v], [kv_accept, forward.kv_freed, drain]);

    let i_asks = forward.initial.as_ref().map(|states| {
        let (tensor, accept) = (address::tensor(spec, settings, "i"), b.wire("i_accept", BIT));
        let moves = [accept, states.take, states.room, drain];
        (accept, address::of_queries(b, spec, plan, "i", tensor, moves).requests)
    });

    let ready = b.wire("ar_skid_ready", BIT);
    let name = format!("read_requests_{}{}", spec.row_beats(), with_states(spec));
    let kind = Kind {
        name: &name,
        doc: "bursts of the rows asked for, queries and keys in turn after the first block of queries",
    };
    let keys = &kv_asks.requests;
    let mut inputs = vec![
        ("q_valid", q_asks.requests.valid),
        ("q_address", q_asks.requests.address),
        ("q_urgent", q_asks.urgent),
        ("kv_valid", keys.valid),
        ("kv_address", keys.address),
        ("ready", ready),
        ("drain", drain),
    ];
    inputs.extend(i_asks.iter().flat_map(|(_, i)| [("i_valid", i.valid), ("i_address", i.address)]));
    let ask = place(b, "read_requests", kind, &inputs, |m, x| requests_body(m, x, spec));
    b.drive(q_accept, ask.get("q_accept"));
    b.drive(kv_accept, ask.get("kv_accept"));
    if let Some((accept, _)) = i_asks {
        b.drive(accept, ask.get("i_accept"));
    }
    let fields = ask.all(["address", "length", "id"]);
    let ar = skid::call(b, "ar_skid", ask.get("valid"), &fields, b.input("m_axi_arready", BIT));
    b.drive(ready, ar.ready);
    b.output("m_axi_arvalid", ar.valid);
    b.output_when("m_axi_araddr", in_bytes(ar.data[0]), "m_axi_arvalid");
    b.output_when("m_axi_arlen", ar.data[1], "m_axi_arvalid");
    b.output_when("m_axi_arid", ar.data[2], "m_axi_arvalid");
    constants(b, spec, "ar");

    let back = answers(b, spec, ask.get("moves"), drain);
    let (q_beat, kv_beat) = (back.beats[0], back.beats[1]);
    let tag = b.wire("q_block_last", BIT);
    let q = gather(b, "q_gather", spec.row_beats(), [q_beat, back.data, tag], forward.q_take, drain);
    let none = b.lit(0, 1);
    let kv = gather(b, "kv_gather", 2 * spec.row_beats(), [kv_beat, back.data, none], forward.kv_take, drain);
    b.drive(back.room[0], q.ready);
    b.drive(back.room[1], kv.ready);
    let initial = forward.initial.as_ref().map(|states| {
        let beat = [back.beats[2], back.data, none];
        let gathered = gather(b, "i_gather", spec.state_beats(), beat, states.take, drain);
        b.drive(back.room[2], gathered.ready);
        gathered
    });
    let rows = walk::rows(b, "q_rows", spec, plan, q.done, drain);
    b.drive(tag, rows.block_last);
    let source = Source {
        q,
        kv,
        initial,
        range: kv_asks.range,
        moved: back.beats,
        activity: back.moved,
        quiet: back.quiet,
        settled: back.quiet,
    };
    (source, back.errors)
}

/// What the name of a module has where there are initial states.
fn with_states(spec: &AcceleratorSpec) -> String {
    if spec.engine.initial { format!("_s{}", spec.state_beats()) } else { String::new() }
}

/// Type of an ID.
fn id_type(spec: &AcceleratorSpec) -> Type {
    Type::unsigned(if spec.engine.initial { 2 } else { 1 })
}

fn requests_body<'m>(m: &'m ModuleBuilder, x: &Named<'m>, spec: &AcceleratorSpec) -> Outputs<'m> {
    let [q_valid, kv_valid, ready, drain] = x.all(["q_valid", "kv_valid", "ready", "drain"]);
    let valid = flag(m, "row_here");
    let keys_next = flag(m, "keys_next");
    let address = m.register("row_address", address_type(spec));
    let initial = x.find("i_valid");
    let longest = spec.row_beats().max(initial.map_or(0, |_| spec.state_beats()));
    let left = m.register("beats_left", Type::unsigned(value_width(u64::from(longest))));
    let id = m.register("row_id", id_type(spec));

    let burst = burst(spec, address.q, left.q);
    let rest = (left.q.extend(burst.width()) - burst).low(left.q.width()).named("beats_after");
    let moves = (valid.q & ready & !drain).named("burst_moves");
    let row_end = (moves & rest.is_zero()).named("row_ends");
    let free = ((!valid.q | row_end) & !drain).named("free");
    let keys = (kv_valid & ((keys_next.q & !x.get("q_urgent")) | !q_valid)).named("keys_turn");
    let load = (free & (q_valid | kv_valid)).named("load");
    // The engine stands still for states: they come first.
    let state_load = initial.map(|valid| (free & valid).named("load_state"));
    let (row_load, any_load) = match state_load {
        None => (load, load),
        Some(state) => (load & !state, load | state),
    };
    keys_next.enable(row_load).set(!keys);
    valid.set((any_load | (valid.q & !row_end)) & !drain);
    let chosen = keys.mux(x.get("kv_address"), x.get("q_address"));
    let chosen = state_load.map_or(chosen, |state| state.mux(x.get("i_address"), chosen));
    let onward = (address.q + burst).low(address.q.width());
    address.enable(any_load | moves).set(any_load.mux(chosen, onward));
    let beats = |beats: u32| m.lit(u64::from(beats), rest.width());
    let of_row = beats(spec.row_beats());
    let of_row = state_load.map_or(of_row, |state| state.mux(beats(spec.state_beats()), of_row));
    left.enable(any_load | moves).set(any_load.mux(of_row, rest));
    id.enable(any_load).set(state_load.map_or(keys, |state| m.concat(&[state, keys & !state])));
    let mut outputs = vec![
        ("q_accept", row_load & !keys),
        ("kv_accept", row_load & keys),
        ("valid", valid.q & !drain),
        ("moves", moves),
        ("address", address.q),
        ("length", length(burst)),
        ("id", id.q),
    ];
    outputs.extend(state_load.map(|load| ("i_accept", load)));
    outputs
}

/// What has been read.
struct Answers<'b> {
    /// A beat of queries, of keys, of initial states.
    beats: Vec<Signal<'b>>,
    data: Signal<'b>,
    /// To be driven: there is room for a beat of queries, of keys, of initial states.
    room: Vec<Signal<'b>>,
    /// A beat comes, wanted or not.
    moved: Signal<'b>,
    quiet: Signal<'b>,
    errors: Errors<'b>,
}

fn answers<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    asked: Signal<'b>,
    drain: Signal<'b>,
) -> Answers<'b> {
    let port = |name: &str, ty: Type| b.input(&format!("m_axi_r{name}"), ty);
    let [data, id, resp] = [("data", beat_type(spec)), ("id", id_type(spec)), ("resp", Type::unsigned(2))]
        .map(|(n, ty)| port(n, ty));
    let (last, valid) = (port("last", BIT), port("valid", BIT));
    let ready = b.wire("r_ready", BIT);
    let skid = skid::call(b, "r_skid", valid, &[data, id, resp, last], ready);
    b.output("m_axi_rready", skid.ready);
    let kinds = if spec.engine.initial { 3 } else { 2 };
    let rooms = &["q_room", "kv_room", "i_room"][..kinds];
    let room: Vec<_> = rooms.iter().map(|name| b.wire(&format!("{name}_for_beat"), BIT)).collect();
    // As many bursts as rows that there are places for, each in up to three.
    let blocks = if spec.engine.initial { 2 } else { 1 };
    let most = 3 * (blocks * u64::from(spec.block()) + 4 * u64::from(spec.key_tile));
    let name = format!("read_answers_{most}{}", with_states(spec));
    let kind = Kind { name: &name, doc: "sorts what is read by its ID, awaits what has been asked for" };
    let mut inputs = vec![
        ("valid", skid.valid),
        ("id", skid.data[1]),
        ("resp", skid.data[2]),
        ("last", skid.data[3]),
        ("asked", asked),
        ("q_room", room[0]),
        ("kv_room", room[1]),
        ("drain", drain),
    ];
    inputs.extend(room.get(2).map(|&room| ("i_room", room)));
    let out = place(b, "read_answers", kind, &inputs, |m, x| {
        let [valid, id, resp, last] = x.all(["valid", "id", "resp", "last"]);
        let [asked, q_room, kv_room, drain] = x.all(["asked", "q_room", "kv_room", "drain"]);
        // What a drain has not awaited, its watchdog having ended it, belongs to no later job.
        let stale = flag(m, "stale");
        let swallow = (drain | stale.q).named("swallow");
        let (of_keys, of_states) = match x.find("i_room") {
            None => (id, None),
            Some(room) => (id.bit(0), Some((id.bit(1), room))),
        };
        let has_room = of_keys.mux(kv_room, q_room);
        let has_room = of_states.map_or(has_room, |(state, room)| state.mux(room, has_room));
        let ready = (swallow | has_room).named("taken");
        let moved = (valid & ready).named("moved");
        let under_way = up_down(m, "under_way", value_width(most), asked, moved & last, m.lit(0, 1));
        let waits = under_way.reduce_or();
        stale.set(swallow & waits);
        let of_queries = of_states.map_or(!of_keys, |(state, _)| !(of_keys | state));
        let mut outputs = vec![
            ("ready", ready),
            ("q_beat", moved & of_queries & !swallow),
            ("kv_beat", moved & of_keys & !swallow),
            ("moved", moved),
            ("quiet", !waits),
            ("slave_error", moved & resp.eq_const(2)),
            ("decode_error", moved & resp.eq_const(3)),
        ];
        outputs.extend(of_states.map(|(state, _)| ("i_beat", moved & state & !swallow)));
        outputs
    });
    b.drive(ready, out.get("ready"));
    let [slave, decode] = out.all(["slave_error", "decode_error"]);
    Answers {
        beats: ["q_beat", "kv_beat", "i_beat"].iter().filter_map(|name| out.find(name)).collect(),
        data: skid.data[0],
        room,
        moved: out.get("moved"),
        quiet: out.get("quiet"),
        errors: vec![(Cause::ReadSlaveError, slave), (Cause::ReadDecodeError, decode)],
    }
}

/// Memory as a sink of beats.
pub(super) fn sink<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    settings: &[(&str, Signal<'b>)],
    job: &Job<'b>,
    rows: &Send<'b>,
) -> (Sink<'b>, Errors<'b>) {
    let wire = |name: &str| b.wire(name, BIT);
    let (aw_ready, w_ready, row_done) = (wire("aw_skid_ready"), wire("w_skid_ready"), wire("row_written"));
    let walk = walk::rows(b, "o_address_rows", spec, &job.plan, row_done, b.lit(0, 1));
    let tensor = address::tensor(spec, settings, "o");
    let address = address::of_rows(b, "o_address", job.plan.go, tensor, [row_done, walk.head_last]);
    let wready = b.input("m_axi_wready", BIT);
    let w_valid = wire("w_skid_valid");
    let [bvalid, bresp] =
        [("valid", 1), ("resp", 2)].map(|(n, w)| b.input(&format!("m_axi_b{n}"), Type::unsigned(w)));
    b.input("m_axi_bid", id_type(spec));
    let name = format!("row_writer_{}", spec.result_beats());
    let kind = Kind { name: &name, doc: "bursts of a row, and what has been written and not answered" };
    let inputs = [
        ("valid", rows.valid),
        ("row_last", rows.last),
        ("address", address),
        ("aw_ready", aw_ready),
        ("w_ready", w_ready),
        ("bvalid", bvalid),
        ("bresp", bresp),
        ("wvalid", w_valid),
        ("wready", wready),
    ];
    let out = place(b, "row_writer", kind, &inputs, |m, x| writer_body(m, x, spec));
    b.drive(row_done, out.get("row_done"));
    let fields = out.all(["burst_address", "length"]);
    let aw = skid::call(b, "aw_skid", out.get("aw_valid"), &fields, b.input("m_axi_awready", BIT));
    b.drive(aw_ready, aw.ready);
    let w = skid::call(b, "w_skid", out.get("w_valid"), &[rows.data, out.get("wlast")], wready);
    b.drive(w_ready, w.ready);
    b.drive(w_valid, w.valid);
    b.output("m_axi_awvalid", aw.valid);
    b.output_when("m_axi_awaddr", in_bytes(aw.data[0]), "m_axi_awvalid");
    b.output_when("m_axi_awlen", aw.data[1], "m_axi_awvalid");
    b.output("m_axi_awid", b.lit(0, id_type(spec).width));
    constants(b, spec, "aw");
    b.output("m_axi_wvalid", w.valid);
    b.output_when("m_axi_wdata", w.data[0], "m_axi_wvalid");
    b.output_when("m_axi_wlast", w.data[1], "m_axi_wvalid");
    b.output("m_axi_wstrb", b.lit(1, 1).broadcast(spec.bus_bytes()));
    b.output("m_axi_bready", b.lit(1, 1));
    let [take, quiet, moved] = out.all(["take", "quiet", "moved"]);
    let [slave, decode] = out.all(["slave_error", "decode_error"]);
    let errors = vec![(Cause::WriteSlaveError, slave), (Cause::WriteDecodeError, decode)];
    (Sink { take, finished: quiet, quiet, settled: quiet, moved }, errors)
}

fn writer_body<'m>(m: &'m ModuleBuilder, x: &Named<'m>, spec: &AcceleratorSpec) -> Outputs<'m> {
    let [valid, row_last, address] = x.all(["valid", "row_last", "address"]);
    let [aw_ready, w_ready, bvalid, bresp] = x.all(["aw_ready", "w_ready", "bvalid", "bresp"]);
    let beats = spec.result_beats();
    let count = Type::unsigned(value_width(u64::from(beats)));
    // Beats of the row in bursts before, and of the burst at hand that have gone.
    let before = m.register("beats_before", count).reset(0);
    let gone = m.register("beats_gone", count).reset(0);
    let announced = flag(m, "announced");

    let at = (address + before.q).low(address.width()).named("at");
    let left = (m.lit(u64::from(beats), count.width) - before.q).low(count.width).named("beats_left");
    let burst = burst(spec, at, left);
    let aw_valid = (valid & !announced.q).named("announces");
    let aw_moves = (aw_valid & aw_ready).named("announced_now");
    let wlast =
        plus_one(gone.q.extend(burst.width() + 1)).eq(burst.extend(burst.width() + 1)).named("burst_last");
    // A burst's last beat waits for its address, so that the next burst's address is the next in line.
    let w_valid = (valid & (!wlast | announced.q | aw_moves)).named("sends");
    let moves = (w_valid & w_ready).named("beat_moves");
    let burst_done = (moves & wlast).named("burst_done");
    let row_done = (burst_done & row_last).named("row_done");
    announced.set((announced.q | aw_moves) & !burst_done);
    gone.enable(moves).set(wlast.mux(m.zero(count), plus_one(gone.q)));
    let on = (before.q.extend(burst.width()) + burst).low(count.width);
    before.enable(burst_done).set(row_last.mux(m.zero(count), on));

    let unanswered = up_down(m, "unanswered", 16, aw_moves, bvalid, m.lit(0, 1));
    vec![
        ("take", moves),
        ("row_done", row_done),
        ("aw_valid", aw_valid),
        ("burst_address", at),
        ("length", length(burst)),
        ("w_valid", w_valid),
        ("wlast", wlast),
        ("quiet", !valid & unanswered.is_zero()),
        ("moved", x.get("wvalid") & x.get("wready")),
        ("slave_error", bvalid & bresp.eq_const(2)),
        ("decode_error", bvalid & bresp.eq_const(3)),
    ]
}
