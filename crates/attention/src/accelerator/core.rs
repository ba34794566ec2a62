//! The core: everything but the registers. Settings come in as `cfg_` ports, counts go out as `inc_` ports.
//!
//! ```text
//!            ┌ row walk ┐
//! q beats ──►│  gather  │──► query feed ─────────────┐
//!            ┌ key walk ┐                            ▼
//! kv beats ─►│  gather  │──► tiles (ping, pong) ─► engine ──► send ──► o beats
//!                                          ▲
//!                  block walk ─► keys (mask, last)             job: check, run, drain
//! ```

use super::dma;
use super::feed;
use super::job::{self, Job};
use super::keys;
use super::parts::{BIT, connect};
use super::rows::{self, Gather, Send, beat_type, pack, split, unpack};
use super::spec::{AcceleratorSpec, Cause, Interface};
use super::stream;
use super::tiles;
use super::walk;
use crate::config::ResultForm;
use crate::functional;
use crate::simulate::{RESULT_PORTS, STATE_PORTS};
use arith::convert::number_type;
use hdl::{ModuleBuilder, Signal, Type};

/// Signals that are used before what they are made of.
pub(super) struct Forward<'b> {
    /// The rows that the gatherers hold are taken.
    pub q_take: Signal<'b>,
    pub kv_take: Signal<'b>,
    /// The engine has room for a whole block of queries, as long as none of it has come.
    pub q_room: Signal<'b>,
    /// A row has left its place in the tile buffers.
    pub kv_freed: Signal<'b>,
    /// The beat of a result is taken.
    pub o_take: Signal<'b>,
    pub initial: Option<ForwardStates<'b>>,
}

/// Of initial states.
pub(super) struct ForwardStates<'b> {
    /// The state that the gatherer holds is taken.
    pub take: Signal<'b>,
    /// The engine takes the states of a block.
    pub room: Signal<'b>,
}

/// Where rows come from.
pub(super) struct Source<'b> {
    /// Rows of queries; their tag is the end of a block.
    pub q: Gather<'b>,
    /// Rows of keys with their values.
    pub kv: Gather<'b>,
    /// Initial states.
    pub initial: Option<Gather<'b>>,
    /// The keys wanted next, first and one after the last.
    pub range: [Signal<'b>; 2],
    /// Beats of queries, of keys, and of initial states, that move.
    pub moved: Vec<Signal<'b>>,
    /// The job, or what a drain awaits, gets on.
    pub activity: Signal<'b>,
    /// Nothing is under way.
    pub quiet: Signal<'b>,
    /// Nothing that a drain has not seen the end of may still come.
    pub settled: Signal<'b>,
}

impl<'b> Source<'b> {
    /// Beats that move in a cycle, as wide as their counter wants them.
    fn beats(&self, spec: &AcceleratorSpec) -> Signal<'b> {
        match (&self.moved[..], spec.interface) {
            (&[q, kv], _) => q + kv,
            // Memory gives one of them at a time.
            (&[q, kv, i], Interface::Dma) => (q | i) + kv,
            (&[q, kv, i], Interface::Stream) => (q + kv + i).low(2),
            _ => unreachable!("two kinds of rows, or three"),
        }
    }
}

/// Where results go.
pub(super) struct Sink<'b> {
    /// The beat of a result is taken.
    pub take: Signal<'b>,
    /// Everything has been taken by the far side.
    pub finished: Signal<'b>,
    /// Nothing is under way that must be brought to its end.
    pub quiet: Signal<'b>,
    /// No answer of what a drain has not seen the end of may still come.
    pub settled: Signal<'b>,
    /// A beat moves.
    pub moved: Signal<'b>,
}

/// Builds the core into `b`, whose module it is.
pub(super) fn build(b: &ModuleBuilder, spec: &AcceleratorSpec) {
    b.explicit();
    let port = |(name, width)| (name, b.input(&format!("cfg_{name}"), Type::unsigned(width)));
    let settings: Vec<(&str, Signal<'_>)> = spec.settings().into_iter().map(port).collect();
    let wire = |name: &str| b.wire(name, BIT);
    let errors: Vec<(Cause, Signal<'_>)> =
        causes(spec).into_iter().map(|cause| (cause, wire(&format!("error_{}", cause as u32)))).collect();
    let events = job::Events {
        start: b.input("start", BIT),
        soft_reset: b.input("soft_reset", BIT),
        finished: wire("finished"),
        quiet: wire("quiet"),
        settled: wire("settled"),
        activity: wire("activity"),
        errors,
    };
    let job = job::call(b, spec, &settings, &events);
    let forward = Forward {
        q_take: wire("q_take"),
        kv_take: wire("kv_take"),
        q_room: wire("q_room"),
        kv_freed: wire("kv_freed"),
        o_take: wire("o_take"),
        initial: spec.engine.initial.then(|| ForwardStates { take: wire("i_take"), room: wire("i_room") }),
    };
    let (source, mut found) = match spec.interface {
        Interface::Stream => stream::source(b, spec, &job, &forward),
        Interface::Dma => dma::source(b, spec, &settings, &job, &forward),
    };
    let engine = compute(b, spec, &settings, &job, &source, &forward);
    let (sink, of_sink) = match spec.interface {
        Interface::Stream => (stream::sink(b, spec, &engine.beats, job.drain), vec![]),
        Interface::Dma => dma::sink(b, spec, &settings, &job, &engine.beats),
    };
    found.extend(of_sink);
    b.drive(forward.o_take, sink.take);
    for (cause, wire) in &events.errors {
        let error = found.iter().find(|(c, _)| c == cause).expect("every cause has its signal");
        b.drive(*wire, error.1);
    }
    b.drive(events.finished, engine.all_out & sink.finished);
    b.drive(events.quiet, source.quiet & sink.quiet & engine.quiet);
    b.drive(events.settled, source.settled & sink.settled);
    b.drive(events.activity, source.activity | sink.moved | engine.moved);
    state(b, spec, &job, &source);
    counts(b, spec, &job, &source, &sink, &engine);
}

/// The errors that a running job may meet.
fn causes(spec: &AcceleratorSpec) -> Vec<Cause> {
    match spec.interface {
        Interface::Stream => vec![Cause::EarlyLast, Cause::LateLast],
        Interface::Dma => vec![
            Cause::ReadSlaveError,
            Cause::ReadDecodeError,
            Cause::WriteSlaveError,
            Cause::WriteDecodeError,
        ],
    }
}

/// The engine with what feeds it.
struct Engine<'b> {
    /// Results as beats; their tag is the end of a block.
    beats: Send<'b>,
    /// The last result of the job has left the engine.
    all_out: Signal<'b>,
    quiet: Signal<'b>,
    moved: Signal<'b>,
    useful: Signal<'b>,
    skipped: Signal<'b>,
    empty: Signal<'b>,
    stalls: [Signal<'b>; 4],
}

fn compute<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    settings: &[(&str, Signal<'b>)],
    job: &Job<'b>,
    source: &Source<'b>,
    forward: &Forward<'b>,
) -> Engine<'b> {
    let wire = |name: &str| b.wire(name, BIT);
    let [q_ready, kv_ready, o_ready] = ["q_ready", "kv_ready", "o_ready"].map(wire);
    let (unended, row_take) = (wire("unended"), wire("row_take"));
    let drain = job.drain;
    let queries = feed::queries(b, [source.q.valid, source.q.tag, q_ready, drain]);
    b.drive(forward.q_take, queries.take);

    let row = number_type(spec.engine.dot.operand).times(spec.engine.head_dim);
    let half = source.kv.row.ty().count / 2;
    let [k, v] = [0, half].map(|at| unpack(source.kv.row.elements(at, half), row));
    let tiles = tiles::call(b, spec, [source.kv.valid, k, v], row_take, drain);
    b.drive(forward.kv_take, tiles.ready);
    b.drive(forward.kv_freed, tiles.freed);
    let inputs = keys::Inputs { row_valid: tiles.valid, ready: kv_ready, drain, flush: unended & drain };
    let keys = keys::call(b, spec, &job.plan, &inputs);
    b.drive(row_take, keys.take);

    let mut inputs = vec![
        ("q_valid", queries.valid),
        ("q_active", queries.active),
        ("q_last", queries.last),
        ("q_data", unpack(source.q.row, row)),
        ("kv_valid", keys.valid),
        ("k_data", tiles.k),
        ("v_data", tiles.v),
        ("kv_mask", keys.mask),
        ("kv_last", keys.last),
        ("o_ready", o_ready),
    ];
    // A block without keys raises no anchor.
    let exponent = |exponent: Signal<'b>| match keys.nobody {
        Some(nobody) => nobody.mux(b.zero(exponent.ty()), exponent).named("exponent_met"),
        None => exponent,
    };
    inputs.extend(tiles.exponent.map(|e| ("kv_exp", exponent(e))));
    let states = source.initial.as_ref().map(|states| StatePorts::new(b, spec, job, states));
    inputs.extend(states.iter().flat_map(|states| states.inputs.clone()));
    inputs.extend(settings.iter().copied().filter(|(name, _)| *name == "scale"));
    let engine = connect(b, "engine", spec.engine.define(b), &inputs);
    b.drive(q_ready, engine.get("q_ready"));
    b.drive(forward.q_room, engine.get("q_ready"));
    b.drive(kv_ready, engine.get("kv_ready"));
    let state_moves = states.zip(forward.initial.as_ref()).map(|(states, forward)| {
        let moves = (states.valid & engine.get("i_ready")).named("state_moves");
        b.drive(forward.take, moves & !drain);
        b.drive(forward.room, engine.get("i_open"));
        moves
    });

    let [o_valid, o_last, o_empty] = engine.all(["o_valid", "o_last", "o_empty"]);
    let mut parts: Vec<Signal<'b>> = RESULT_PORTS.iter().filter_map(|name| engine.find(name)).collect();
    if spec.engine.result == ResultForm::State {
        parts.push(o_empty);
    }
    let beats = spec.result_beats();
    let packed = pack(b, &parts, beat_type(spec).times(beats));
    let beats = rows::send(b, "send", beats, [o_valid & !drain, packed, o_last], forward.o_take);
    b.drive(o_ready, beats.ready | drain);
    let out = (o_valid & o_ready).named("result_taken");
    let rows = walk::rows(b, "o_rows", spec, &job.plan, out & !drain, drain);

    let ports = feed::Ports {
        run: job.run,
        query_block: queries.block,
        key: [keys.valid, keys.last, kv_ready],
        more_keys: keys.more,
        result_block: out & o_last,
    };
    let progress = feed::progress(b, spec, &ports);
    b.drive(unended, progress.unended);
    Engine {
        beats,
        all_out: !rows.active,
        quiet: !(progress.unended | progress.unanswered | queries.partial),
        moved: {
            let moved = out | (keys.valid & kv_ready);
            state_moves.map_or(moved, |state| moved | state)
        },
        useful: keys.useful,
        skipped: keys.skipped,
        empty: out & o_empty & !drain,
        stalls: progress.stalls,
    }
}

/// What the engine's port of initial states is given: those that were gathered, and empty ones in a drain.
struct StatePorts<'b> {
    valid: Signal<'b>,
    inputs: Vec<(&'static str, Signal<'b>)>,
}

impl<'b> StatePorts<'b> {
    fn new(
        b: &'b ModuleBuilder,
        spec: &AcceleratorSpec,
        job: &Job<'b>,
        states: &Gather<'b>,
    ) -> StatePorts<'b> {
        let ports = functional::state_ports(&spec.engine);
        let types: Vec<Type> = ports.iter().map(|(_, ty)| *ty).chain([BIT]).collect();
        let mut parts = split(states.row, &types);
        let empty = parts.pop().expect("a state says whether it is empty");
        let valid = (states.valid | job.drain).named("state_offered");
        let enable = job.plan.initial.unwrap_or(b.lit(0, 1));
        let mut inputs = vec![("i_enable", enable), ("i_valid", valid), ("i_empty", empty | job.drain)];
        let name = |port: &str| {
            let found = STATE_PORTS.iter().find(|name| name[2..] == *if port == "o" { "data" } else { port });
            *found.expect("every part of a state has its port")
        };
        inputs.extend(ports.iter().zip(parts).map(|((port, _), part)| (name(port), part)));
        StatePorts { valid, inputs }
    }
}

/// What the registers show.
fn state<'b>(b: &'b ModuleBuilder, spec: &AcceleratorSpec, job: &Job<'b>, source: &Source<'b>) {
    b.output("busy", job.busy);
    b.output("done_set", job.done_set);
    b.output("error_set", job.error_set);
    b.output("error_cause", job.error_cause);
    if spec.interface == Interface::Stream {
        b.output("block_lo", source.range[0].extend(32));
        b.output("block_hi", source.range[1].extend(32));
    }
}

/// What the registers count.
fn counts<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    job: &Job<'b>,
    source: &Source<'b>,
    sink: &Sink<'b>,
    engine: &Engine<'b>,
) {
    let bytes = |beats: Signal<'b>| beats.shl_const(spec.bus_bytes().ilog2());
    let [q, kv, o, other] = engine.stalls;
    let values = [
        job.busy,
        engine.useful,
        q,
        kv,
        o,
        other,
        engine.skipped,
        engine.empty,
        bytes(source.beats(spec)),
        bytes(sink.moved.extend(2)),
    ];
    for ((name, width), value) in spec.counters().into_iter().zip(values) {
        assert_eq!(width, value.width(), "increment of {name}");
        b.output(&format!("inc_{name}"), value);
    }
}
