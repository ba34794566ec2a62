//! The value row, or an initial state, on its way to the lanes: held, and brought to the form of o, as late as the lanes
//! want it.
//!
//! A row stays `interleave` cycles, so one register per `interleave` cycles of delay is enough, each loaded when the row's
//! first step passes it. Elements are converted once for all lanes, after the last register in their own format.

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
    let names = ["row_v", "row_anchor"];
    // The last register takes the converted row, which stands there `interleave` cycles from `held + latency` on.
    let mut held = 0;
    while held + latency + spec.interleave < delay {
        held += spec.interleave;
        hold(b, passed, &names, &mut row, held);
    }
    assert!(held + latency < delay.max(1) || latency == 0, "a lane wants values before they are converted");
    let v = match converter {
        Some(kind) => {
            let inputs: Vec<_> = match row[..] {
                [v, anchor] => vec![("v", each(v)), ("anchor", anchor.into())],
                _ => vec![("x", each(row[0]))],
            };
            b.instantiate("v_convert", spec.head_dim, kind, &inputs)[0]
        }
        None => row[0],
    };
    let mut last = vec![v];
    if delay > held {
        hold(b, passed, &names, &mut last, delay);
    }
    last[0]
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
    let first = b.register(port, data.ty()).enable(start);
    first.set(data);
    let mut row = vec![first.q];
    let mut held = 0;
    while held < delay {
        held = (held + spec.interleave).min(delay);
        hold(b, passed, &[port], &mut row, held);
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
    let row_start = passed[0];
    while passed.len() < cycle as usize {
        let register = b.register(&format!("row_start_{}", passed.len()), row_start.ty()).reset(0);
        register.set(passed[passed.len() - 1]);
        passed.push(register.q);
    }
    for (signal, name) in row.iter_mut().zip(names) {
        let held = b.register(&format!("{name}_{cycle}"), signal.ty()).enable(passed[cycle as usize - 1]);
        held.set(*signal);
        *signal = held.q;
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
