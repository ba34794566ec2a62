//! AXI4-Stream: packets in and out.
//!
//! A packet holds the queries of a block, their initial states, the key and value rows of a block, or its results; `tlast` is
//! on its last beat. In a drain, what still comes in is swallowed to the end of its packet, and a packet that is under way out is
//! ended after its row. A host that does not fall silent is not waited for longer than the watchdog allows; what it sends is
//! thrown away all the same until it does, and no job starts before. A packet out that nobody takes meanwhile comes first.

use super::core::{Forward, Sink, Source};
use super::job::{Job, LEAST_DRAIN};
use super::parts::{BIT, Named, flag, place, plus_one};
use super::rows::{Gather, Send, beat_type, gather};
use super::skid;
use super::spec::{AcceleratorSpec, Cause};
use super::walk;
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, value_width};

/// Errors and their causes.
pub(super) type Errors<'b> = Vec<(Cause, Signal<'b>)>;

/// The incoming streams as a source of rows.
pub(super) fn source<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    job: &Job<'b>,
    forward: &Forward<'b>,
) -> (Source<'b>, Errors<'b>) {
    let ty = beat_type(spec);
    let (run, drain) = (job.run, job.drain);
    // The gatherers come before the intakes, which need to know where in a row they are.
    let beats = ["q", "kv"].map(|s| [b.wire(&format!("{s}_beat"), BIT), b.wire(&format!("{s}_data"), ty)]);
    let tag = b.wire("q_block_last", BIT);
    let [[q_beat, q_data], [kv_beat, kv_data]] = beats;
    let q = gather(b, "q_gather", spec.row_beats(), [q_beat, q_data, tag], forward.q_take, drain);
    let none = b.lit(0, 1);
    let kv = gather(b, "kv_gather", 2 * spec.row_beats(), [kv_beat, kv_data, none], forward.kv_take, drain);
    let rows = walk::rows(b, "q_rows", spec, &job.plan, q.done, drain);
    b.drive(tag, rows.block_last);
    let keys = walk::keys(b, "kv_keys", spec, &job.plan, kv.done, drain);
    let wanted = [
        Wanted { ready: run & rows.active & q.ready, last: q.at_last & rows.block_last, drain },
        Wanted { ready: run & keys.active & kv.ready, last: kv.at_last & keys.last, drain },
    ];
    let [q_in, kv_in] = ["q", "kv"].map(|stream| {
        let wanted = &wanted[usize::from(stream == "kv")];
        intake(b, spec, stream, wanted)
    });
    for ([valid, data], from) in beats.into_iter().zip([&q_in, &kv_in]) {
        b.drive(valid, from.valid);
        b.drive(data, from.data);
    }
    let initial = forward.initial.as_ref().map(|states| states_in(b, spec, job, states.take));
    let mut intakes = vec![&q_in, &kv_in];
    intakes.extend(initial.as_ref().map(|(_, intake)| intake));
    let any = |of: fn(&Intake<'b>) -> Signal<'b>| {
        intakes.iter().map(|intake| of(intake)).reduce(|a, b| a | b).expect("streams come in")
    };
    let all = |of: fn(&Intake<'b>) -> Signal<'b>| {
        intakes.iter().map(|intake| of(intake)).reduce(|a, b| a & b).expect("streams come in")
    };
    let errors = vec![(Cause::EarlyLast, any(|i| i.early)), (Cause::LateLast, any(|i| i.late))];
    let source = Source {
        q,
        kv,
        range: [keys.lo, keys.hi],
        moved: intakes.iter().map(|intake| intake.moved).collect(),
        // What a drain throws away does not hold it up: a host may never stop.
        activity: any(|i| i.valid),
        quiet: all(|i| i.quiet),
        settled: all(|i| i.settled),
        initial: initial.map(|(gathered, _)| gathered),
    };
    (source, errors)
}

/// The stream of initial states, a packet for every block of queries.
fn states_in<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    job: &Job<'b>,
    take: Signal<'b>,
) -> (Gather<'b>, Intake<'b>) {
    let [beat, data] = [b.wire("i_beat", BIT), b.wire("i_beat_data", beat_type(spec))];
    let none = b.lit(0, 1);
    let states = gather(b, "i_gather", spec.state_beats(), [beat, data, none], take, job.drain);
    let rows = walk::rows(b, "i_rows", spec, &job.plan, states.done, job.drain);
    let enable = job.plan.initial.unwrap_or(none);
    let ready = job.run & enable & rows.active & states.ready;
    let wanted = Wanted { ready, last: states.at_last & rows.block_last, drain: job.drain };
    let intake = intake(b, spec, "i", &wanted);
    b.drive(beat, intake.valid);
    b.drive(data, intake.data);
    (states, intake)
}

/// A stream that comes in, behind its skid buffer.
struct Intake<'b> {
    /// A beat of a wanted packet is taken.
    pub valid: Signal<'b>,
    /// The beat.
    pub data: Signal<'b>,
    /// A packet ends too early.
    pub early: Signal<'b>,
    /// A packet does not end where it should.
    pub late: Signal<'b>,
    /// No packet is half in.
    pub quiet: Signal<'b>,
    /// The host has been silent since the last drain.
    pub settled: Signal<'b>,
    /// A beat is taken, wanted or not.
    pub moved: Signal<'b>,
}

/// Which beats are taken.
struct Wanted<'b> {
    /// There is room for a beat that is wanted.
    pub ready: Signal<'b>,
    /// It is the last of its packet.
    pub last: Signal<'b>,
    /// What comes is swallowed.
    pub drain: Signal<'b>,
}

/// The ports of an incoming stream and its checks.
fn intake<'b>(b: &'b ModuleBuilder, spec: &AcceleratorSpec, stream: &str, wanted: &Wanted<'b>) -> Intake<'b> {
    let port = |name: &str, ty: Type| b.input(&format!("s_axis_{stream}_{name}"), ty);
    let data = port("tdata", beat_type(spec));
    port("tkeep", BIT.times(spec.bus_bytes()));
    let (valid, last) = (port("tvalid", BIT), port("tlast", BIT));
    let ready = b.wire(&format!("{stream}_ready"), BIT);
    let skid = skid::call(b, &format!("{stream}_skid"), valid, &[data, last], ready);
    b.output(&format!("s_axis_{stream}_tready"), skid.ready);

    let kind = Kind {
        name: "intake",
        doc: "takes wanted beats, checks where packets end, swallows the rest in a drain",
    };
    let inputs = [
        ("in_valid", skid.valid),
        ("in_last", skid.data[1]),
        ("wanted", wanted.ready),
        ("wanted_last", wanted.last),
        ("drain", wanted.drain),
    ];
    let out = place(b, &format!("{stream}_intake"), kind, &inputs, intake_body);
    b.drive(ready, out.get("ready"));
    let [valid, early, late] = out.all(["valid", "early", "late"]);
    let [quiet, settled, moved] = out.all(["quiet", "settled", "moved"]);
    Intake { valid, data: skid.data[0], early, late, quiet, settled, moved }
}

fn intake_body<'m>(m: &'m ModuleBuilder, x: &Named<'m>) -> Outputs<'m> {
    let [valid, last, wanted, wanted_last, drain] =
        x.all(["in_valid", "in_last", "wanted", "wanted_last", "drain"]);
    let open = flag(m, "open");
    let stale = flag(m, "stale");
    let swallow = (drain | stale.q).named("swallow");
    let ready = swallow | wanted;
    let moved = (valid & ready).named("moved");
    let taken = (moved & !swallow).named("taken");
    open.set(moved.mux(!last, open.q));
    // What comes is thrown away until nothing has come for as long as ends a drain, whatever has ended this one.
    let quiet = (!(open.q | valid)).named("quiet");
    let silence = m.register("silence", Type::unsigned(value_width(u64::from(LEAST_DRAIN)))).reset(0);
    let silent = silence.q.eq_const(u64::from(LEAST_DRAIN)).named("silent");
    let longer = silent.mux(silence.q, plus_one(silence.q));
    silence.set((swallow & quiet).mux(longer, m.zero(silence.q.ty())));
    stale.set(swallow & !silent);
    vec![
        ("ready", ready),
        ("valid", taken),
        ("early", taken & last & !wanted_last),
        ("late", taken & !last & wanted_last),
        ("quiet", quiet),
        ("settled", !stale.q),
        ("moved", moved),
    ]
}

/// The stream of results as a sink of beats.
pub(super) fn sink<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    rows: &Send<'b>,
    drain: Signal<'b>,
) -> Sink<'b> {
    let tready = b.input("m_axis_o_tready", BIT);
    let ready = b.wire("o_skid_ready", BIT);
    let kind = Kind { name: "outlet", doc: "ends packets at blocks, in a drain after the row at hand" };
    let tvalid = b.wire("o_skid_valid", BIT);
    let inputs = [
        ("beat_valid", rows.valid),
        ("row_last", rows.last),
        ("block_last", rows.tag),
        ("ready", ready),
        ("drain", drain),
        ("tready", tready),
        ("tvalid", tvalid),
    ];
    let out = place(b, "outlet", kind, &inputs, outlet_body);
    let skid = skid::call(b, "o_skid", out.get("valid"), &[rows.data, out.get("last")], tready);
    b.drive(ready, skid.ready);
    b.drive(tvalid, skid.valid);
    b.output("m_axis_o_tvalid", skid.valid);
    b.output_when("m_axis_o_tdata", skid.data[0], "m_axis_o_tvalid");
    b.output_when("m_axis_o_tlast", skid.data[1], "m_axis_o_tvalid");
    b.output("m_axis_o_tkeep", b.lit(1, 1).broadcast(spec.bus_bytes()));
    let [take, quiet, finished, moved] = out.all(["take", "quiet", "finished", "moved"]);
    Sink { take, finished, quiet, settled: b.lit(1, 1), moved }
}

fn outlet_body<'m>(m: &'m ModuleBuilder, x: &Named<'m>) -> Outputs<'m> {
    let [beat, row_last, block_last, ready] = x.all(["beat_valid", "row_last", "block_last", "ready"]);
    let [drain, tready, tvalid] = x.all(["drain", "tready", "tvalid"]);
    let open = flag(m, "open");
    let closing = flag(m, "closing");
    // A beat that only ends a packet, once it is due, goes before any row that comes meanwhile.
    let owed = flag(m, "owed");
    let cut = (drain | closing.q).named("cut");
    let filler = ((cut & open.q & !beat) | owed.q).named("filler");
    owed.set(filler & !ready);
    let valid = (beat | filler).named("offered");
    let last = (filler | (row_last & (cut | block_last))).named("packet_last");
    let moves = (valid & ready).named("moves");
    open.enable(moves).set(!last);
    closing.set(cut & (open.q | beat) & !(moves & last));
    vec![
        ("valid", valid),
        ("last", last),
        ("take", ready & !filler),
        ("quiet", !(open.q | beat)),
        ("finished", !(tvalid | beat)),
        ("moved", tvalid & tready),
    ]
}
