//! Between rows and the engine: its queries, what of it is under way, and why it stands still.

use super::parts::{Named, flag, minus_one, place, up_down};
use super::spec::AcceleratorSpec;
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, index_width};

/// What the engine's query port is given.
pub(super) struct Queries<'b> {
    pub valid: Signal<'b>,
    pub active: Signal<'b>,
    pub last: Signal<'b>,
    /// The row that is offered is taken.
    pub take: Signal<'b>,
    /// The last query of a block is taken.
    pub block: Signal<'b>,
    /// The engine has a part of a block.
    pub partial: Signal<'b>,
}

/// Passes rows on to the engine; in a drain, ends the block that has been begun.
pub(super) fn queries<'b>(
    b: &'b ModuleBuilder,
    [row_valid, row_last, ready, drain]: [Signal<'b>; 4],
) -> Queries<'b> {
    let kind = Kind {
        name: "query_feed",
        doc: "query rows to the engine; a drain ends a block with an inactive query",
    };
    let inputs = [("row_valid", row_valid), ("row_last", row_last), ("ready", ready), ("drain", drain)];
    let out = place(b, "query_feed", kind, &inputs, |m, x| {
        let [row_valid, row_last, ready, drain] = x.all(["row_valid", "row_last", "ready", "drain"]);
        let partial = flag(m, "partial");
        let valid = drain.mux(partial.q, row_valid).named("offered");
        let last = row_last | drain;
        let accept = (valid & ready).named("accept");
        partial.enable(accept).set(!last);
        vec![
            ("valid", valid),
            ("active", !drain),
            ("last", last),
            ("take", row_valid & ready & !drain),
            ("block", accept & last),
            ("has_part", partial.q),
        ]
    });
    let [valid, active, last, take, block, partial] =
        out.all(["valid", "active", "last", "take", "block", "has_part"]);
    Queries { valid, active, last, take, block, partial }
}

/// What happens at the engine's ports.
pub(super) struct Ports<'b> {
    pub run: Signal<'b>,
    /// The last query of a block is taken.
    pub query_block: Signal<'b>,
    /// A key row is offered, it is the last of its block, and the engine is ready for it.
    pub key: [Signal<'b>; 3],
    /// There are blocks of keys to come.
    pub more_keys: Signal<'b>,
    /// The last result of a block leaves the engine.
    pub result_block: Signal<'b>,
}

/// What of the engine is under way, and why it does not take a row that it could.
pub(super) struct Progress<'b> {
    /// Blocks whose keys have not ended.
    pub unended: Signal<'b>,
    /// Blocks whose results have not left.
    pub unanswered: Signal<'b>,
    /// Stalls by cause: queries, keys, results, other.
    pub stalls: [Signal<'b>; 4],
}

/// Follows the engine.
pub(super) fn progress<'b>(b: &'b ModuleBuilder, spec: &AcceleratorSpec, x: &Ports<'b>) -> Progress<'b> {
    let name = format!("progress_i{}", spec.engine.interleave);
    let kind = Kind { name: &name, doc: "blocks under way in the engine, and why it stands still" };
    let [key_valid, key_last, key_ready] = x.key;
    let inputs = [
        ("run", x.run),
        ("query_block", x.query_block),
        ("key_valid", key_valid),
        ("key_last", key_last),
        ("key_ready", key_ready),
        ("more_keys", x.more_keys),
        ("result_block", x.result_block),
    ];
    let out = place(b, "progress", kind, &inputs, |m, x| progress_body(m, x, spec.engine.interleave));
    Progress {
        unended: out.get("unended"),
        unanswered: out.get("unanswered"),
        stalls: out.all(["stall_q", "stall_kv", "stall_o", "stall_other"]),
    }
}

fn progress_body<'m>(m: &'m ModuleBuilder, x: &Named<'m>, interleave: u32) -> Outputs<'m> {
    let [run, query_block, result_block, more] = x.all(["run", "query_block", "result_block", "more_keys"]);
    let [valid, last, ready] = x.all(["key_valid", "key_last", "key_ready"]);
    let row = (valid & ready).named("row_taken");
    let never = m.lit(0, 1);
    let loaded = up_down(m, "loaded", 2, query_block, row & last, never).reduce_or();
    let unanswered = up_down(m, "answers_due", 2, row & last, result_block, never).reduce_or();

    let steps = m.register("steps_left", Type::unsigned(index_width(interleave))).reset(0);
    let stepping = steps.q.reduce_or().named("stepping");
    let rest = stepping.mux(minus_one(steps.q), steps.q);
    steps.set(row.mux(m.lit(u64::from(interleave) - 1, steps.q.width()), rest));
    let stalls = (run & !stepping & !row).named("stalls");
    let stall_q = stalls & more & !loaded;
    let stall_kv = stalls & more & loaded & !valid;
    let stall_o = stalls & unanswered & ((loaded & valid & last) | !more);
    vec![
        ("unended", loaded),
        ("unanswered", unanswered),
        ("stall_q", stall_q),
        ("stall_kv", stall_kv),
        ("stall_o", stall_o),
        ("stall_other", stalls & !(stall_q | stall_kv | stall_o)),
    ]
}
