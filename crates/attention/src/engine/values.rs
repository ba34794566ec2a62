//! The value row, or an initial state, on its way to the lanes: held, and brought to the form of o, as late as the lanes
//! want it.
//!
//! A row stays `interleave` cycles, so one register per `interleave` cycles of delay is enough, each loaded when the row's
//! first step passes it. Elements are converted once for all lanes, after the last register in their own format: all at
//! once, or one part of the row after the other by the same converters while the row stands there.

use super::EngineSpec;
use super::sequencer::Sequencer;
use arith::{AlignToAnchor, Convert};
use hdl::{ModuleBuilder, ModuleId, Signal, each};
use numerics::lse::Elements;

/// The row that the lanes' `v` port is given.
pub(super) fn call<'b>(
    b: &'b ModuleBuilder,
    spec: &EngineSpec,
    lane: ModuleId,
    v_data: Signal<'b>,
    step: &Sequencer<'b>,
    passed: &mut Passed<'b>,
) -> Signal<'b> {
    let delay = b.defined(lane).port("v").expect("a lane takes values").1.cycle;
    let converter = converter(b, spec);
    let latency = converter.map_or(0, |c| b.defined(c).latency());

    let start = step.anchor.as_ref().map_or(step.accept, |anchor| step.accept | anchor.start);
    let start = step.load.as_ref().map_or(start, |load| start | load.start);
    let v = b.register("row_v", v_data.ty()).enable(start);
    let special = step.anchor.is_some() || step.load.is_some();
    v.set(if special { step.accept.mux(v_data, b.zero(v_data.ty())) } else { v_data });
    let mut row = vec![v.q];
    if let Some(anchor) = &step.anchor {
        let taken = step.load.as_ref().map_or(step.accept, |load| step.accept | load.start);
        let register = b.register("row_anchor", anchor.row.ty()).enable(taken);
        register.set(anchor.row);
        row.push(register.q);
    }
    let mut age = 0;
    if let Some(turns) = converter.and_then(|kind| turns(b, spec, kind, delay)) {
        let at = delay - spec.interleave;
        while age + spec.interleave < at {
            age += spec.interleave;
            hold(b, passed, &ROW, &mut row, age);
        }
        hold(b, passed, &ROW[1..], &mut row[1..], at);
        let converter = converter.expect("what takes turns");
        let mut last = vec![in_turn(b, spec, converter, &row, &Turns { turns, at }, passed)];
        hold(b, passed, &ROW, &mut last, delay);
        return last[0];
    }
    // The last register takes the converted row, which stands there `interleave` cycles from `age + latency` on.
    while age + latency + spec.interleave < delay {
        age += spec.interleave;
        hold(b, passed, &ROW, &mut row, age);
    }
    assert!(age + latency < delay.max(1) || latency == 0, "a lane wants values before they are converted");
    let v = converter.map_or(row[0], |kind| converted(b, spec.head_dim, kind, &row));
    let mut last = vec![v];
    if delay > age {
        hold(b, passed, &ROW, &mut last, delay);
    }
    last[0]
}

/// Names of what is held of a row.
const ROW: [&str; 2] = ["row_v", "row_anchor"];

/// Most parts of a row that share converters: for more of them, selections outweigh what is saved.
const MOST_TURNS: u32 = 4;
/// What of a period a converter may take that parts of a row share: they are selected before and stored behind it.
const SHARED_BY: f64 = 0.7;

/// How parts of a row share converters.
struct Turns {
    turns: u32,
    /// The age of the row in the first turn. The last turn is in the last cycle of its stay.
    at: u32,
}

/// In how many parts a row is converted, if not at once.
fn turns(b: &ModuleBuilder, spec: &EngineSpec, converter: ModuleId, delay: u32) -> Option<u32> {
    let large = matches!(spec.elements(), Elements::Anchored { .. });
    let kind = b.defined(converter);
    let (_, y) = kind.port("y").expect("a converter has a result");
    let quick =
        y.cycle == 0 && b.timing().is_some_and(|t| f64::from(y.arrival_ps) <= SHARED_BY * t.period_ps);
    (large && quick && spec.interleave > 1 && delay > spec.interleave)
        .then_some(spec.interleave.min(MOST_TURNS))
}

/// The row when its last part is converted; the other parts have been, and stand where they had stood before.
fn in_turn<'b>(
    b: &'b ModuleBuilder,
    spec: &EngineSpec,
    converter: ModuleId,
    row: &[Signal<'b>],
    &Turns { turns, at }: &Turns,
    passed: &mut Passed<'b>,
) -> Signal<'b> {
    let (d, raw, o) = (spec.head_dim, row[0].ty().element(), spec.element_type());
    let count = d.div_ceil(turns);
    let last = at + spec.interleave - 1;
    pass(b, passed, last + 1);
    let load = passed[at as usize - 1];
    let result = b.wire("v_converted", o.times(count));
    let mut next: Option<Signal<'b>> = None;
    let mut parts = vec![];
    for (turn, start) in (0..turns).zip((0..d).step_by(count as usize)) {
        let size = count.min(d - start);
        let name = format!("{}_{at}_{turn}", ROW[0]);
        let (part, done) = (row[0].elements(start, size), result.elements(0, size));
        let age = if turn + 1 == turns { last } else { at + turn };
        let now = passed[age as usize];
        let (stands, converted) = if turn + 1 == turns {
            (held(b, &name, part, load), done)
        } else {
            overwritten(b, &name, (part, load), (done, now))
        };
        parts.push(converted);
        let padding = (size < count).then(|| b.zero(raw.times(count - size)));
        let stands = b.bundle(&[Some(stands), padding].into_iter().flatten().collect::<Vec<_>>());
        next = Some(next.map_or(stands, |others| now.mux(stands, others)));
    }
    let next = next.expect("there are turns").named("v_next");
    b.drive(result, converted(b, count, converter, &[&[next], &row[1..]].concat()));
    b.bundle(&parts)
}

/// A register that takes a part of a row when it comes, and what has been made of it when that is there; both contents.
fn overwritten<'b>(
    b: &'b ModuleBuilder,
    name: &str,
    (part, comes): (Signal<'b>, Signal<'b>),
    (done, now): (Signal<'b>, Signal<'b>),
) -> (Signal<'b>, Signal<'b>) {
    let wide = part.width().max(done.width());
    let either = comes.mux(resized(part, wide), resized(done, wide));
    let held = held(b, name, either, comes | now);
    (resized(held, part.width()), resized(held, done.width()))
}

fn held<'b>(b: &'b ModuleBuilder, name: &str, x: Signal<'b>, enable: Signal<'b>) -> Signal<'b> {
    let register = b.register(name, x.ty()).enable(enable);
    register.set(x);
    register.q
}

/// Every element with zeros above, or its low bits.
fn resized(row: Signal<'_>, width: u32) -> Signal<'_> {
    if width == row.width() {
        return row;
    }
    let element = |i| {
        let x = row.element(i);
        if width < x.width() { x.low(width) } else { x.extend(width) }
    };
    row.builder().bundle(&(0..row.ty().count).map(element).collect::<Vec<_>>())
}

/// Elements, below an anchor if there is one, in the form of o.
fn converted<'b>(b: &'b ModuleBuilder, count: u32, converter: ModuleId, row: &[Signal<'b>]) -> Signal<'b> {
    let inputs: Vec<_> = match *row {
        [v, anchor] => vec![("v", each(v)), ("anchor", anchor.into())],
        _ => vec![("x", each(row[0]))],
    };
    b.instantiate("v_convert", count, converter, &inputs)[0]
}

/// A part of the initial state at the port, when it is loaded, as the lanes' port of that name is given it.
pub(super) fn state<'b>(
    b: &'b ModuleBuilder,
    spec: &EngineSpec,
    lane: ModuleId,
    port: &'static str,
    data: Signal<'b>,
    start: Signal<'b>,
    passed: &mut Passed<'b>,
) -> Signal<'b> {
    let delay = b.defined(lane).port(port).expect("a lane takes states").1.cycle;
    let mut row = vec![held(b, port, data, start)];
    let mut at = 0;
    while at < delay {
        at = (at + spec.interleave).min(delay);
        hold(b, passed, &[port], &mut row, at);
    }
    row[0]
}

/// Of every cycle so far, that a row's first step has come that far.
pub(super) type Passed<'b> = Vec<Signal<'b>>;

/// Registers that hold a row from when its first step is `cycle` cycles old.
fn hold<'b>(
    b: &'b ModuleBuilder,
    passed: &mut Passed<'b>,
    names: &[&str],
    row: &mut [Signal<'b>],
    cycle: u32,
) {
    pass(b, passed, cycle);
    for (signal, name) in row.iter_mut().zip(names) {
        *signal = held(b, &format!("{name}_{cycle}"), *signal, passed[cycle as usize - 1]);
    }
}

/// Follows a row's first step for that many cycles.
fn pass<'b>(b: &'b ModuleBuilder, passed: &mut Passed<'b>, cycles: u32) {
    while passed.len() < cycles as usize {
        let register = b.register(&format!("row_start_{}", passed.len()), passed[0].ty()).reset(0);
        register.set(passed[passed.len() - 1]);
        passed.push(register.q);
    }
}

/// From the format of v to that of o.
fn converter(b: &ModuleBuilder, spec: &EngineSpec) -> Option<ModuleId> {
    match spec.elements() {
        Elements::Numbers(to) => Convert { from: spec.value, to, policy: spec.policy }.define(b),
        Elements::Anchored { value: format, frac_bits } => {
            Some(AlignToAnchor { format, frac_bits }.define(b))
        }
    }
}
