//! A register on a valid/ready path in both directions: two entries, full throughput, and no combinational path from one
//! side to the other.

use super::parts::{Named, flag, place};
use hdl::{Kind, ModuleBuilder, Outputs, Signal};

/// The far side of a skid buffer, and the ready of its near side.
pub(super) struct Skid<'b> {
    /// The buffer takes what is offered.
    pub ready: Signal<'b>,
    /// The buffer offers something; it does until it is taken.
    pub valid: Signal<'b>,
    /// What it offers, as it was given.
    pub data: Vec<Signal<'b>>,
}

/// A skid buffer as an instance.
pub(super) fn call<'b>(
    b: &'b ModuleBuilder,
    instance: &str,
    valid: Signal<'b>,
    data: &[Signal<'b>],
    ready: Signal<'b>,
) -> Skid<'b> {
    let types: Vec<String> = data.iter().map(|d| format!("_{}x{}", d.ty().count, d.ty().width)).collect();
    let name = format!("skid{}", types.concat());
    let kind =
        Kind { name: &name, doc: "valid/ready register of two entries, both sides straight from flags" };
    let names: Vec<String> = (0..data.len()).map(|i| format!("in_{i}")).collect();
    let mut inputs = vec![("in_valid", valid), ("out_ready", ready)];
    inputs.extend(names.iter().map(String::as_str).zip(data.iter().copied()));
    let out = place(b, instance, kind, &inputs, |m, x| body(m, x, data.len()));
    let data = OUT[..data.len()].iter().map(|name| out.get(name)).collect();
    Skid { ready: out.get("in_ready"), valid: out.get("out_valid"), data }
}

/// Names of the outputs.
const OUT: [&str; 5] = ["out_0", "out_1", "out_2", "out_3", "out_4"];

fn body<'m>(m: &'m ModuleBuilder, x: &Named<'m>, parts: usize) -> Outputs<'m> {
    let [in_valid, out_ready] = x.all(["in_valid", "out_ready"]);
    let valid = flag(m, "valid");
    // The second entry fills when the first is held up; until it is empty again nothing more is taken.
    let spare = flag(m, "spare");
    let accept = (in_valid & !spare.q).named("accept");
    let moves = (!valid.q | out_ready).named("moves");
    valid.enable(moves).set(accept | spare.q);
    spare.set(!moves & (spare.q | accept));
    let mut outputs = vec![("in_ready", !spare.q), ("out_valid", valid.q)];
    for (i, name) in OUT.into_iter().enumerate().take(parts) {
        let given = x.get(&format!("in_{i}"));
        let second = m.register(&format!("spare_{i}"), given.ty()).enable(accept & !moves);
        second.set(given);
        let first = m.register(&format!("first_{i}"), given.ty()).enable(moves);
        first.set(spare.q.mux(second.q, given));
        outputs.push((name, first.q));
    }
    outputs
}
