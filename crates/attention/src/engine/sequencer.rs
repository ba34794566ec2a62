//! Accepts key rows and steps every accepted row through the slots; inserts the steps that merge a block of keys and
//! that rescale a fixed-point o.
//!
//! A row, a merge and a rescaling all take one step per slot, one after the other. A row that raises the anchor waits
//! at the port until every level that holds something has been rescaled.

use super::initial::{Loads, Offer};
use super::{EngineSpec, next_of, pick};
use hdl::{Arg, Kind, ModuleBuilder, Outputs, Signal, Type, index_width};

/// The step the lanes are given in this cycle, and the handshake around it.
pub(super) struct Sequencer<'b> {
    /// A row can be taken.
    pub ready: Signal<'b>,
    /// A row is taken this cycle.
    pub accept: Signal<'b>,
    /// The row taken is the last of its query block.
    pub block_end: Signal<'b>,
    /// Bank of the queries that the row taken will meet.
    pub next_bank: Signal<'b>,
    /// There is a step.
    pub valid: Signal<'b>,
    /// It is the first of its row (or merge, or rescaling).
    pub row_start: Signal<'b>,
    /// Its slot.
    pub slot: Signal<'b>,
    /// Bank of its queries.
    pub bank: Signal<'b>,
    /// Its row is the first of the query block.
    pub first: Signal<'b>,
    /// It gives the slot's result.
    pub last: Signal<'b>,
    /// The last row's last step: the queries are needed no longer.
    pub queries_met: Signal<'b>,
    /// With blocks of keys.
    pub merge: Option<Signal<'b>>,
    /// With merges of two steps: the first of them.
    pub convert: Option<Signal<'b>>,
    /// With a fixed-point o.
    pub anchor: Option<Anchor<'b>>,
    /// With two levels, the step is about the outer one; where that is not [`merge`](Self::merge).
    pub outer: Option<Signal<'b>>,
    /// With initial states.
    pub load: Option<Load<'b>>,
}

/// What initial states need.
pub(super) struct Load<'b> {
    /// The state at the port is taken.
    pub ready: Signal<'b>,
    /// States are awaited.
    pub open: Signal<'b>,
    /// A row of steps begins in the next cycle that loads the state at the port.
    pub start: Signal<'b>,
    /// For whom: one bit per query.
    pub turn: Signal<'b>,
    /// The step is of such a row.
    pub step: Signal<'b>,
}

/// What a fixed-point o needs.
pub(super) struct Anchor<'b> {
    /// A rescaling begins in the next cycle: the value row is to read 0.
    pub start: Signal<'b>,
    /// The step rescales.
    pub rescale: Signal<'b>,
    /// One less than the anchor grows by.
    pub shift: Signal<'b>,
    /// The anchor of the row that is taken.
    pub row: Signal<'b>,
}

/// The inputs of the sequencer.
pub(super) struct Inputs<'b> {
    pub kv_valid: Signal<'b>,
    pub kv_last: Signal<'b>,
    /// Largest exponent field of the value row; with a fixed-point o.
    pub kv_exp: Option<Signal<'b>>,
    /// Per query bank, its block is there.
    pub full: Signal<'b>,
    pub drain_busy: Signal<'b>,
    /// With initial states.
    pub initial: Option<Offer<'b>>,
}

impl<'b> Inputs<'b> {
    /// By name.
    fn ports(&self) -> Vec<(&'static str, Signal<'b>)> {
        let mut ports = vec![
            ("kv_valid", self.kv_valid),
            ("kv_last", self.kv_last),
            ("full", self.full),
            ("drain_busy", self.drain_busy),
        ];
        ports.extend(self.kv_exp.map(|exponent| ("kv_exp", exponent)));
        if let Some(offer) = &self.initial {
            ports.extend([("i_enable", offer.enable), ("i_valid", offer.valid), ("i_empty", offer.empty)]);
            ports.push(("active", offer.active));
            ports.extend(offer.anchor.map(|anchor| ("i_anchor", anchor)));
        }
        ports
    }

    /// From signals of those names.
    fn from_ports(ports: &[(&str, Signal<'b>)]) -> Inputs<'b> {
        let find = |name: &str| ports.iter().find(|(n, _)| *n == name).map(|(_, signal)| *signal);
        let get = |name: &str| find(name).expect("every sequencer has it");
        let offer = |enable| Offer {
            enable,
            valid: get("i_valid"),
            empty: get("i_empty"),
            anchor: find("i_anchor"),
            active: get("active"),
        };
        Inputs {
            kv_valid: get("kv_valid"),
            kv_last: get("kv_last"),
            kv_exp: find("kv_exp"),
            full: get("full"),
            drain_busy: get("drain_busy"),
            initial: find("i_enable").map(offer),
        }
    }
}

/// The sequencer as an instance.
pub(super) fn call<'b>(b: &'b ModuleBuilder, spec: &EngineSpec, x: &Inputs<'b>) -> Sequencer<'b> {
    let block = spec.key_block.map_or(String::new(), |n| format!("_b{n}x{}", spec.kernel.merge_steps()));
    let anchor = spec.anchor_type().map_or(String::new(), |ty| format!("_e{}", ty.width));
    let initial = if spec.initial { format!("_s{}", spec.lanes) } else { String::new() };
    let name = format!("sequencer_i{}{block}{anchor}{initial}", spec.interleave);
    let doc = if spec.initial {
        "holds each key row for one step per slot, inserts loads, merges and rescalings"
    } else {
        "holds each key row for one step per slot, inserts merges and rescalings"
    };
    let kind = Kind { name: &name, doc };
    let inputs = x.ports();
    let types: Vec<(&str, Type)> = inputs.iter().map(|(name, signal)| (*name, signal.ty())).collect();
    let module = b.define(kind, &types, |m, x| {
        let named: Vec<_> = types.iter().zip(x).map(|((name, _), signal)| (*name, *signal)).collect();
        body(m, spec, &Inputs::from_ports(&named))
    });
    let args: Vec<(&str, Arg<'b>)> = inputs.iter().map(|&(name, signal)| (name, signal.into())).collect();
    let out = b.instantiate("sequencer", 1, module, &args);
    let kind = b.defined(module);
    let find = |name: &str| kind.outputs().position(|(_, port)| &*port.name == name).map(|i| out[i]);
    let get = |name: &str| find(name).expect("every sequencer has it");
    Sequencer {
        ready: get("kv_ready"),
        accept: get("accept"),
        block_end: get("block_end"),
        next_bank: get("next_block_bank"),
        valid: get("step_valid"),
        row_start: get("row_start"),
        slot: get("step_slot"),
        bank: get("step_bank"),
        first: get("step_first"),
        last: get("step_last"),
        queries_met: get("queries_met"),
        merge: find("step_merge"),
        convert: find("step_convert"),
        anchor: find("step_rescale").map(|rescale| Anchor {
            start: get("rescale_start"),
            rescale,
            shift: get("step_shift"),
            row: get("row_anchor"),
        }),
        outer: find("step_outer"),
        load: find("i_ready").map(|ready| Load {
            ready,
            open: get("i_open"),
            start: get("load_starts"),
            turn: get("load_turn"),
            step: get("step_load"),
        }),
    }
}

fn body<'m>(m: &'m ModuleBuilder, spec: &EngineSpec, x: &Inputs<'m>) -> Outputs<'m> {
    m.explicit();
    let &Inputs { kv_valid, kv_last, full, drain_busy, .. } = x;
    let bit = Type::unsigned(1);
    let running = m.register("running", bit).reset(0);
    let slot = m.register("slot", spec.slot_type()).reset(0);
    let next_bank = m.register("next_bank", bit).reset(0);
    let next_first = m.register("next_first", bit).reset(1);

    let row_end = (running.q & slot.q.eq_const(u64::from(spec.interleave) - 1)).named("row_end");
    let idle = (!running.q | row_end).named("idle");
    let queries_there = pick(full, 2, next_bank.q).named("queries_there");
    let results_fit = (!(kv_last & drain_busy)).named("results_fit");
    let accept = m.wire("accept", bit);
    let load_start = spec.initial.then(|| m.wire("load_start", bit));
    let rows = Rows { idle, accept, kv_last, load_start };
    let blocks = spec.key_block.map(|count| Blocks::new(m, count, spec, &rows));
    let merge_first = blocks.as_ref().map(|b| b.due);
    let free = merge_first.map_or(idle, |due| idle & !due);
    let loads =
        load_start.map(|start| Loads::new(m, spec, x, [queries_there, free, start, accept & kv_last]));
    let may_take = free & queries_there & results_fit;
    let may_take = loads.as_ref().map_or(may_take, |loads| may_take & loads.done);
    // What comes first, a key row or a state, finds every slot empty.
    let taken = load_start.map_or(accept, |load| accept | load);
    let anchor = x.kv_exp.map(|exponent| {
        let offered = (kv_valid & may_take).named("row_offered");
        let mut offer = Exponent { exponent, offered, taken };
        if let (Some(loads), Some(Offer { anchor: Some(anchor), .. })) = (&loads, &x.initial) {
            offer.exponent = loads.open.mux(*anchor, exponent).named("exponent_offered");
            offer.offered = offered | loads.offered;
        }
        Rescaling::new(m, offer, next_first.q, blocks.as_ref())
    });
    let ready = anchor.as_ref().map_or(may_take, |a| may_take & !a.wanted).named("ready");
    m.drive(accept, kv_valid & ready);
    let raises = anchor.as_ref().map(|a| a.wanted);
    if let (Some(loads), Some(start)) = (&loads, load_start) {
        m.drive(start, raises.map_or(loads.offered, |raises| loads.offered & !raises));
    }

    let starts: Vec<Signal<'m>> =
        [Some(accept), blocks.as_ref().map(|b| b.start), anchor.as_ref().map(|a| a.start), load_start]
            .into_iter()
            .flatten()
            .collect();
    let start = starts.into_iter().reduce(|a, b| a | b).expect("rows start").named("start");
    running.set(start | (running.q & !row_end));
    slot.enable(running.q).set(next_of(slot.q, spec.interleave));
    next_bank.enable(accept).set(next_bank.q ^ kv_last);
    next_first.enable(taken).set(load_start.map_or(kv_last, |load| kv_last & !load));

    let kept = |name: &str, value: Signal<'m>| {
        let register = m.register(name, bit).enable(start);
        register.set(value);
        register.q
    };
    let (bank, first) = (kept("bank", next_bank.q), kept("first", taken & next_first.q));
    let row_last = kept("row_last", accept & kv_last);
    let result = blocks.as_ref().map_or(row_last, |b| kept("result", b.result));
    let mut outputs = vec![
        ("kv_ready", ready),
        ("accept", accept),
        ("block_end", accept & kv_last),
        ("next_block_bank", next_bank.q),
        ("step_valid", running.q),
        ("row_start", running.q & slot.q.is_zero()),
        ("step_slot", slot.q),
        ("step_bank", bank),
        ("step_first", first),
        ("step_last", result),
        ("queries_met", row_end & row_last),
    ];
    if let Some(blocks) = &blocks {
        outputs.push(("step_merge", kept("merge", blocks.merge)));
        outputs.extend(blocks.convert.map(|now| ("step_convert", kept("convert", now))));
    }
    if let Some(anchor) = &anchor {
        outputs.push(("rescale_start", anchor.start));
        let (rescales, places) = match load_start {
            None => (anchor.start, anchor.shift),
            Some(load) => anchor.or_state(load, next_first.q),
        };
        outputs.push(("step_rescale", kept("rescale", rescales)));
        let outer = blocks.as_ref().zip(anchor.outer).map(|(blocks, outer)| outer | blocks.merge);
        let outer = outer.map(|outer| load_start.map_or(outer, |load| outer | load));
        outputs.extend(outer.map(|outer| ("step_outer", kept("outer", outer))));
        let shift = m.register("shift", places.ty()).enable(rescales);
        shift.set(places);
        outputs.extend([("step_shift", shift.q), ("row_anchor", anchor.row)]);
    } else if let (Some(blocks), Some(load)) = (&blocks, load_start) {
        outputs.push(("step_outer", kept("outer", blocks.merge | load)));
    }
    if let (Some(loads), Some(start)) = (&loads, load_start) {
        outputs.extend([
            ("i_ready", loads.ready(raises)),
            ("i_open", loads.open),
            ("load_starts", start),
            ("load_turn", loads.turn),
            ("step_load", kept("load", start)),
        ]);
    }
    outputs
}

/// What the rows of steps are decided by.
struct Rows<'m> {
    /// One may start.
    idle: Signal<'m>,
    /// A key row is taken.
    accept: Signal<'m>,
    /// It is the last of its query block.
    kv_last: Signal<'m>,
    /// A state is loaded.
    load_start: Option<Signal<'m>>,
}

/// Counts rows into blocks and merges each when it is complete.
struct Blocks<'m> {
    /// A complete block waits to be merged.
    due: Signal<'m>,
    /// A merge, or the conversion before it, starts.
    start: Signal<'m>,
    merge: Signal<'m>,
    convert: Option<Signal<'m>>,
    /// The merge that starts completes the query block.
    result: Signal<'m>,
    /// The block at hand has rows.
    begun: Signal<'m>,
    /// A block of this query block has been merged.
    merged: Signal<'m>,
}

impl<'m> Blocks<'m> {
    fn new(
        m: &'m ModuleBuilder,
        rows: u32,
        spec: &EngineSpec,
        &Rows { idle, accept, kv_last, load_start }: &Rows<'m>,
    ) -> Self {
        let bit = Type::unsigned(1);
        let count = m.register("rows", Type::unsigned(index_width(rows))).reset(0).enable(accept);
        let complete = (kv_last | count.q.eq_const(u64::from(rows) - 1)).named("complete");
        count.set(complete.mux(m.zero(count.q.ty()), next_of(count.q, rows)));
        let ending = m.register("ending", bit).enable(accept);
        ending.set(kv_last);
        let due = m.register("merge_due", bit).reset(0);
        let start = (idle & due.q).named("merge_start");
        let (convert, merge) = if spec.kernel.merge_steps() > 1 {
            let converted = m.register("converted", bit).reset(0).enable(start);
            converted.set(!converted.q);
            (Some(start & !converted.q), start & converted.q)
        } else {
            (None, start)
        };
        due.set((accept & complete) | (due.q & !merge));
        // A state counts as merged.
        let holds = load_start.map_or(merge, |load| merge | load);
        let merged = m.register("merged", bit).reset(0).enable(holds);
        merged.set(load_start.map_or(!ending.q, |load| load | !ending.q));
        let begun = !count.q.is_zero();
        Blocks { due: due.q, start, merge, convert, result: merge & ending.q, begun, merged: merged.q }
    }
}

/// Keeps the anchor, and rescales what is held when a row raises it.
struct Rescaling<'m> {
    /// The row at the port raises the anchor: it is not taken.
    wanted: Signal<'m>,
    /// A rescaling starts.
    start: Signal<'m>,
    outer: Option<Signal<'m>>,
    shift: Signal<'m>,
    row: Signal<'m>,
    exponent: Signal<'m>,
    anchor: Signal<'m>,
}

/// What is offered with an exponent, a key row or a state.
struct Exponent<'m> {
    exponent: Signal<'m>,
    /// It could be taken.
    offered: Signal<'m>,
    /// It is taken.
    taken: Signal<'m>,
}

impl<'m> Rescaling<'m> {
    fn new(
        m: &'m ModuleBuilder,
        Exponent { exponent, offered, taken }: Exponent<'m>,
        next_first: Signal<'m>,
        blocks: Option<&Blocks<'m>>,
    ) -> Self {
        let anchor = m.register("anchor", exponent.ty());
        let wanted = (!next_first & exponent.gt(anchor.q)).named("raises_anchor");
        let start = (offered & wanted).named("rescale_start");
        // Levels that hold nothing are left out; the inner one comes first.
        let (outer, done) = match blocks {
            None => (None, start),
            Some(blocks) => {
                let inner_done =
                    m.register("inner_rescaled", Type::unsigned(1)).reset(0).enable(start | taken);
                let outer = (inner_done.q | !blocks.begun).named("rescales_outer");
                let done = start & (outer | !blocks.merged);
                inner_done.set(start & !done);
                (Some(start & outer), done)
            }
        };
        let row = next_first.mux(exponent, anchor.q).named("row_anchor");
        anchor.enable(done | (taken & next_first)).set(exponent);
        let growth = (exponent - anchor.q).low(exponent.width()).named("growth");
        let shift = (growth - m.lit(1, 1)).low(exponent.width());
        Rescaling { wanted, start, outer, shift, row, exponent, anchor: anchor.q }
    }

    /// When something is rescaled and by how much, with the states that are below the anchor when they are loaded.
    fn or_state(&self, load: Signal<'m>, next_first: Signal<'m>) -> (Signal<'m>, Signal<'m>) {
        let m = load.builder();
        let below = (load & !next_first & self.exponent.lt(self.anchor)).named("state_below");
        let depth = (self.anchor - self.exponent).low(self.exponent.width()).named("depth");
        let shift = (depth - m.lit(1, 1)).low(self.exponent.width());
        (self.start | below, load.mux(shift, self.shift))
    }
}
