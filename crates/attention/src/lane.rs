//! A query lane: two banks of queries and their results, the dot product, and the kernel's state at one level or two.
//!
//! A step works on one slot: it meets a key row; or merges what the inner level has accumulated over a block of keys
//! into the outer level; or rescales o of either level to a larger anchor; or gives it the state it is to begin with.

use crate::config::ResultForm;
use crate::engine::EngineSpec;
use crate::kernel::ScalarStep;
use arith::FusedDot;
use arith::convert::number_type;
use arith::float::float_type;
use hdl::{Arg, File, Kind, ModuleBuilder, ModuleId, Outputs, Signal, StateVar, Type, Update, Write, each};

/// Elaborates the lane kind.
///
/// Outputs, in order: `o_row` and `o_empty` of the slot at `o_slot`, `result_valid` and `result_slot` of the row written.
pub(crate) fn define(b: &ModuleBuilder, spec: &EngineSpec) -> ModuleId {
    let name = format!("{}_lane", spec.name);
    let kind = Kind {
        name: &name,
        doc: "one query lane: score = q . k, then the kernel's update of this slot's state",
    };
    b.define(kind, &ports(spec), |m, x| body(m, spec, x))
}

fn ports(spec: &EngineSpec) -> Vec<(&'static str, Type)> {
    let bit = Type::unsigned(1);
    let row = number_type(spec.dot.operand).times(spec.head_dim);
    let slot = spec.slot_type();
    let (blocks, fixed) = (spec.key_block.is_some(), spec.anchor_type().is_some());
    let optional = [
        (blocks, ("step_merge", bit)),
        (blocks && spec.kernel.merge_steps() > 1, ("step_convert", bit)),
        (fixed, ("step_rescale", bit)),
        ((fixed || spec.initial) && blocks, ("step_outer", bit)),
    ];
    let mut ports = vec![
        ("q_write", bit),
        ("q_slot", slot),
        ("q_bank", bit),
        ("q_row", row),
        ("results_bank", bit),
        ("step_valid", bit),
        ("step_slot", slot),
        ("step_bank", bit),
        ("step_first", bit),
        ("step_last", bit),
        ("step_meets", bit),
        ("k", row),
        ("v", spec.element_type().times(spec.head_dim)),
        ("o_slot", slot),
        ("o_bank", bit),
        ("o_reads", bit),
    ];
    ports.extend(optional.into_iter().filter(|(there, _)| *there).map(|(_, port)| port));
    ports.extend(spec.anchor_type().map(|ty| ("step_shift", ty)));
    ports.extend(spec.dot.scale.map(|format| ("scale", float_type(format))));
    if spec.initial {
        ports.extend([("step_load", bit), ("initial_state", spec.scalar_type())]);
        ports.push(("initial_row", spec.element_type().times(spec.row_elements())));
    }
    ports
}

/// The steps a lane is given.
struct Steps<'m> {
    slot: Signal<'m>,
    valid: Signal<'m>,
    first: Signal<'m>,
    last: Signal<'m>,
    meets: Signal<'m>,
    convert: Option<Signal<'m>>,
    rescale: Option<Rescale<'m>>,
    levels: Option<Levels<'m>>,
    load: Option<Load<'m>>,
}

/// A step that begins a slot with the state at hand: it stands in for the one that is read, and is written as it is, or
/// rescaled; the value row is 0 meanwhile.
#[derive(Clone)]
struct Load<'m> {
    /// The step is of this lane's slot.
    now: Signal<'m>,
    /// Of all lanes' slots, that of one.
    row: Signal<'m>,
    /// The scalar variables.
    scalars: Vec<Signal<'m>>,
    /// The sum, if there is one, and o.
    elements: Signal<'m>,
}

/// A step that scales o by 2^-(1 + `shift`) and changes nothing else; the value row is 0 meanwhile.
#[derive(Clone, Copy)]
struct Rescale<'m> {
    now: Signal<'m>,
    shift: Signal<'m>,
}

/// Which of two levels a step is about.
#[derive(Clone, Copy)]
struct Levels<'m> {
    /// The state read and written is the outer one.
    outer: Signal<'m>,
    /// A block's state is merged into the outer one.
    merge: Signal<'m>,
}

fn body<'m>(m: &'m ModuleBuilder, spec: &EngineSpec, x: &[Signal<'m>]) -> Outputs<'m> {
    let names = ports(spec);
    let find = |name: &str| names.iter().position(|(n, _)| *n == name).map(|i| x[i]);
    let port = |name: &str| find(name).expect("every lane has it");
    let merge = find("step_merge");
    let (valid, meets) = (port("step_valid"), port("step_meets"));
    let load = find("step_load").map(|row| Load {
        now: (valid & row & meets).named("loads"),
        row,
        scalars: unpack_scalars(spec, m.late(port("initial_state"))),
        elements: m.late(port("initial_row")),
    });
    let of_slot = |now: Signal<'m>| load.as_ref().map_or(now, |load| now & (!load.row | load.now));
    let steps = Steps {
        slot: port("step_slot"),
        valid,
        first: port("step_first"),
        last: port("step_last"),
        meets: load.as_ref().map_or(meets, |load| meets & !load.row),
        convert: find("step_convert"),
        rescale: find("step_rescale").map(|now| Rescale { now: of_slot(now), shift: port("step_shift") }),
        levels: merge.map(|merge| Levels { outer: find("step_outer").unwrap_or(merge), merge }),
        load,
    };
    let v = m.late(port("v"));
    let scale = find("scale").map(|s| m.stable(s));
    let banks =
        Banks::new(m, spec, [steps.slot, port("step_bank")], ["o_slot", "o_bank", "o_reads"].map(port));
    let q = banks.met.named("q");
    let dot = FusedDot { spec: spec.dot, length: spec.head_dim, policy: spec.policy };
    let score = dot.call(m, "dot", q, port("k"), scale).named("score");

    let met = occupancy(m, spec, &steps);
    let result = m.cleared((steps.valid & steps.last).named("result"));
    let (row, state) = update(m, spec, &steps, &met, result, score, v);

    let blank = m.zero(row.ty());
    let row = met.empty.mux(blank, row).named("result_row");
    let blank_state = m.zero(state.ty());
    let state = met.empty.mux(blank_state, state).named("result_state");
    let [result, result_slot, empty, row, state] = m.align([result, steps.slot, met.empty, row, state]);
    let loaded = ["q_write", "q_bank", "q_slot", "q_row"].map(|name| m.late(port(name)));
    let (finished, [result, result_slot]) =
        banks.write(m, loaded, [result, m.late(port("results_bank")), result_slot, row]);
    let empties = m.file("empties", spec.interleave, empty.ty());
    empties.write(result_slot, empty, result);
    let o_slot = port("o_slot");
    let mut outputs = vec![
        ("o_row", finished),
        ("o_empty", empties.read(o_slot)),
        ("result_valid", result),
        ("result_slot", result_slot),
    ];
    if spec.result == ResultForm::State {
        let states = m.file("states", spec.interleave, state.ty());
        states.write(result_slot, state, result);
        outputs.push(("o_state", states.read(o_slot)));
    }
    outputs
}

/// The scalar variables that lie side by side, the first in the low bits.
pub(crate) fn unpack_scalars<'m>(spec: &EngineSpec, packed: Signal<'m>) -> Vec<Signal<'m>> {
    let mut low = 0;
    let scalars = spec.kernel.state(spec).into_iter().map(|(_, ty)| {
        low += ty.width;
        packed.slice(low - 1, low - ty.width).reinterpret(ty.signed)
    });
    scalars.collect()
}

/// The rows of two blocks: queries, and their results in the same places, as far as those fit in there.
struct Banks<'m> {
    files: [File<'m>; 2],
    /// The query of the step.
    met: Signal<'m>,
    /// The finished row in the slot looked at, and that slot.
    finished: Signal<'m>,
    looked_at: Signal<'m>,
    slots: u32,
}

impl<'m> Banks<'m> {
    /// Reads the query of `slot` in `bank`, and from the bank whose results leave the row of `looked_at`.
    fn new(
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        [slot, bank]: [Signal<'m>; 2],
        [looked_at, leaving, leaves]: [Signal<'m>; 3],
    ) -> Banks<'m> {
        let row = number_type(spec.dot.operand).times(spec.head_dim);
        let files = ["bank_0", "bank_1"].map(|name| m.file(name, spec.interleave, row));
        // The bank that is not met stands still, or gives results; so may the one that has been met, before another is.
        let still = [bank | (!leaving & leaves), !bank | (leaving & leaves)];
        let slots = still.map(|still| still.mux(looked_at, slot));
        let read = |n: usize| files[n].read(slots[n].named(&format!("slot_{n}"))).named(&format!("row_{n}"));
        let rows = [read(0), read(1)];
        let of = |bank: Signal<'m>| bank.mux(rows[1], rows[0]);
        let finished = of(leaves.mux(leaving, !bank).named("looked_at_bank"));
        Banks { files, met: of(bank), finished, looked_at, slots: spec.interleave }
    }

    /// Writes queries as they are loaded, and results, never both in one cycle. The finished row looked at, and whether a
    /// result is written, with its slot, in the cycle in which it is.
    fn write(
        &self,
        m: &'m ModuleBuilder,
        [load, load_bank, load_slot, query]: [Signal<'m>; 4],
        [result, bank, slot, row]: [Signal<'m>; 4],
    ) -> (Signal<'m>, [Signal<'m>; 2]) {
        let (bits, room) = (row.ty().bits(), query.ty().bits());
        let (all, loaded) = (row.regroup(bits, 1), query.regroup(room, 1));
        let fits = bits.min(room);
        let mut stored = result.mux(all.elements(0, fits), loaded.elements(0, fits));
        if fits < room {
            stored = m.bundle(&[stored, loaded.elements(fits, room - fits)]);
        }
        let stored = stored.regroup(query.ty().count, query.ty().width).named("stored_row");
        let [stored, result, slot] = m.align([stored, result, slot]);
        let place = result.mux(slot, load_slot).named("place");
        let bank = result.mux(bank, load_bank).named("stored_bank");
        let store = (load | result).named("stores");
        for (file, here) in self.files.iter().zip([!bank, bank]) {
            file.write(place, stored, store & here);
        }
        let mut finished = vec![self.finished.regroup(room, 1).elements(0, fits)];
        if bits > room {
            let rest = all.elements(room, bits - room);
            let file = m.file("results_rest", self.slots, rest.ty());
            file.write(slot, rest, result);
            finished.push(file.read(self.looked_at));
        }
        (m.bundle(&finished).regroup(row.ty().count, row.ty().width), [result, slot])
    }
}

/// What a step finds in its slot.
struct Met<'m> {
    /// The state that is written is empty so far.
    fresh: Signal<'m>,
    /// There is something to write.
    update: Signal<'m>,
    /// The query has met no key by the end of this step.
    empty: Signal<'m>,
}

/// Whether each slot's inner and outer state have met a key.
fn occupancy<'m>(m: &'m ModuleBuilder, spec: &EngineSpec, steps: &Steps<'m>) -> Met<'m> {
    let bit = Type::unsigned(1);
    let var = |name| StateVar { name, interleave: spec.interleave, ty: bit };
    let mut vars = vec![var("nonempty")];
    let mut inputs = vec![steps.valid, steps.first, steps.meets];
    let inner_only = inputs.len();
    inputs.extend(steps.rescale.map(|r| r.now));
    inputs.extend(steps.convert);
    let special = inputs.len() - inner_only;
    if let Some(levels) = steps.levels {
        vars.push(var("nonempty_outer"));
        inputs.extend([levels.merge, levels.outer]);
    }
    inputs.extend(steps.load.as_ref().map(|load| load.now));
    let (fresh, update, empty) = m.feedback(&vars, steps.slot, &inputs, |state, x| {
        let (x, load) = x.split_at(x.len() - usize::from(steps.load.is_some()));
        let (valid, first) = (x[0], x[1]);
        let met = state.iter().map(|&s| (s & !first).named("met_before")).collect::<Vec<_>>();
        // A step that meets no row has its mask at 0.
        let meets = (valid & x[2]).named("meets_key");
        let mut writes = vec![Write { next: (met[0] | meets).named("nonempty_next"), enable: valid }];
        let mut fresh = meets & !met[0];
        let mut update = meets;
        let mut level = met[0];
        if steps.levels.is_some() {
            let [merge, outer] = [x[x.len() - 2], x[x.len() - 1]];
            let merges = (valid & merge & met[0]).named("merges");
            level = outer.mux(met[1], met[0]).named("level_met");
            writes[0].next = (writes[0].next & !merge).named("nonempty_next");
            let next = (met[1] | merges).named("nonempty_outer_next");
            writes.push(Write { next, enable: valid });
            fresh = fresh | (merges & !met[1]);
            update = update | merges;
        }
        for &step in &x[inner_only..inner_only + special] {
            update = update | (valid & step & level);
        }
        // With two levels, the outer one begins with the state.
        if let (Some(write), &[load]) = (writes.last_mut(), load) {
            write.next = (write.next | load).named("nonempty_loaded");
        }
        let next = writes.iter().map(|w| w.next).reduce(|a, b| a | b).expect("at least one level");
        Update { writes, out: (fresh.named("fresh"), update.named("update"), (!next).named("empty")) }
    });
    Met { fresh, update, empty }
}

/// The kernel's recurrences; the result row and the scalar state, side by side, as they stand after the step.
fn update<'m>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    steps: &Steps<'m>,
    met: &Met<'m>,
    result: Signal<'m>,
    score: Signal<'m>,
    v: Signal<'m>,
) -> (Signal<'m>, Signal<'m>) {
    let kernel = &spec.kernel;
    let levels = steps.levels.map(|l| Levels { merge: (l.merge & met.update).named("takes_inner"), ..l });
    let score = kernel.score(m, spec, score);
    let mut inputs = vec![score, met.fresh, met.update];
    inputs.extend(steps.convert);
    inputs.extend(steps.rescale.map(|r| r.now));
    let load = steps.load.as_ref();
    let initial = load.map(|load| Initial { now: load.now, state: load.scalars.clone() });
    let special = Special { levels, initial };
    let (write, scalar, after) =
        recurrence(m, spec, &kernel.state(spec), steps.slot, &special, &inputs, |at, x| {
            let score = at.incoming(x[0], |inner| kernel.state_score(inner)).named("score_met");
            let merges = at.inner.map(|(_, merges)| merges);
            let convert = steps.convert.map(|_| x[3]);
            let step = ScalarStep { score, fresh: x[1], update: x[2], merges, convert };
            let next = kernel.scalar(m, spec, &at.state, step);
            // A rescaling holds the scalar state, and writes o whatever the kernel would skip.
            let rescale = steps.rescale.map(|_| x[x.len() - 1]);
            let write = rescale.map_or(next.write, |now| next.write & !now).named("state_write");
            let element = rescale.map_or(next.write, |now| now.mux(x[2], next.write)).named("write");
            let after = next.next.iter().zip(&at.state).map(|(&next, &state)| write.mux(next, state));
            let (after, bits): (Vec<_>, Vec<_>) = after.map(|s| (s, s.reinterpret(false))).unzip();
            match at.loads {
                None => (next.next, write, (element, next.out, bits)),
                // What the kernel leaves as it is, is the state that was loaded.
                Some(now) => (after, write | now, (element | now, next.out, bits)),
            }
        });
    let mut controls = kernel.controls(m, spec, &scalar);
    if let Some(Rescale { now, shift }) = steps.rescale {
        let update = load.map_or(met.update, |load| met.update | load.now);
        let rescaling = kernel.rescale(m, spec, shift, update);
        for ((name, control), rescaling) in controls.iter_mut().zip(rescaling) {
            *control = now.mux(rescaling, *control).named(name);
        }
    }

    let initial = load.map(|load| Initial { now: load.now, state: vec![load.elements] });
    let special = Special { levels, initial };
    let elements = elements(m, spec, steps.slot, &special, write, v, &controls);
    let row = match kernel.division() {
        Some(division) if spec.result == ResultForm::Row && !division.serial => {
            // What divides stands still in between.
            let finished = result.mux(elements, m.zero(elements.ty())).named("finished");
            division.row(m, spec, finished.elements(1, spec.head_dim), finished.element(0))
        }
        _ => elements,
    };
    (row, m.concat(&after.into_iter().rev().collect::<Vec<_>>()))
}

/// The sum, if the kernel has one, and o as they stand after the step.
fn elements<'m>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    slot: Signal<'m>,
    special: &Special<'m>,
    write: Signal<'m>,
    v: Signal<'m>,
    controls: &[(&'static str, Signal<'m>)],
) -> Signal<'m> {
    let kernel = &spec.kernel;
    let one = || m.lit(spec.float().one(), spec.float().width());
    let extended = if kernel.has_sum() { m.bundle(&[one(), v]).named("v_extended") } else { v };
    let (name, doc) = kernel.element_kind(spec);
    let Special { levels, initial } = special;
    let blocks = if levels.is_some() { "_blocks" } else { "" };
    let from_state = if initial.is_some() { "_from_state" } else { "" };
    let name = format!("{name}{blocks}{from_state}_i{}", spec.interleave);
    let mut told = vec![("slot", slot), ("write", write)];
    told.extend(levels.iter().flat_map(|l| [("outer", l.outer), ("takes_inner", l.merge)]));
    told.extend(initial.iter().map(|initial| ("loads", initial.now)));
    let fixed = 1 + told.len();
    told.extend(controls);
    let (names, signals): (Vec<&str>, Vec<Signal<'m>>) = told.into_iter().unzip();
    let registered = m.registered(&signals).into_iter().map(Arg::from);
    let mut inputs: Vec<_> =
        [("v", each(extended))].into_iter().chain(names.into_iter().zip(registered)).collect();
    let end = inputs.len();
    inputs.extend(initial.iter().map(|initial| ("initial", each(initial.state[0]))));
    m.call_array("element", spec.row_elements(), Kind { name: &name, doc }, &inputs, |m, x| {
        let special = Special {
            levels: levels.map(|_| Levels { outer: x[3], merge: x[4] }),
            initial: x.get(end).map(|&state| Initial { now: x[fixed - 1], state: vec![state] }),
        };
        let addend = kernel.addend(m, spec, x[0], &x[fixed..end]);
        let mut inputs = vec![addend, x[2]];
        inputs.extend(&x[fixed..end]);
        let var = [("o", spec.element_type())];
        let o = recurrence(m, spec, &var, x[1], &special, &inputs, |at, x| {
            let v = at.incoming(x[0], |inner| inner[0]).named("v_met");
            let next = kernel.element(m, spec, at.state[0], v, &x[2..]).named("o_next");
            (vec![next], x[1], next)
        });
        vec![("o", o)]
    })[0]
}

/// What a recurrence does besides meeting keys.
struct Special<'m> {
    levels: Option<Levels<'m>>,
    initial: Option<Initial<'m>>,
}

/// The variables that stand in for those that are read, in a step that loads them.
struct Initial<'m> {
    now: Signal<'m>,
    state: Vec<Signal<'m>>,
}

/// The state that a step of a recurrence is about.
struct At<'a, 'm> {
    /// The variables that are updated.
    state: Vec<Signal<'m>>,
    /// The inner level's, and whether they are what the step meets.
    inner: Option<(&'a [Signal<'m>], Signal<'m>)>,
    /// The state is the one that the slot is to begin with.
    loads: Option<Signal<'m>>,
}

impl<'m> At<'_, 'm> {
    /// What the step meets: something of a key, or of the inner state in its place.
    fn incoming(&self, key: Signal<'m>, of_state: impl Fn(&[Signal<'m>]) -> Signal<'m>) -> Signal<'m> {
        self.inner.map_or(key, |(state, merges)| merges.mux(of_state(state), key))
    }
}

/// A recurrence over variables at one level, or at two of which each step updates one. `body` returns the next
/// state, whether it is written, and what else is wanted.
fn recurrence<'m, R>(
    m: &'m ModuleBuilder,
    spec: &EngineSpec,
    vars: &[(&str, Type)],
    slot: Signal<'m>,
    special: &Special<'m>,
    inputs: &[Signal<'m>],
    body: impl Fn(At<'_, 'm>, &[Signal<'m>]) -> (Vec<Signal<'m>>, Signal<'m>, R),
) -> R {
    let Special { levels, initial } = special;
    let n = vars.len();
    let outer_names: Vec<String> = vars.iter().map(|(name, _)| format!("{name}_outer")).collect();
    let outer = outer_names.iter().zip(vars).map(|(name, (_, ty))| (name.as_str(), *ty));
    let all = vars.iter().copied().chain(outer.filter(|_| levels.is_some()));
    let all: Vec<StateVar<'_>> =
        all.map(|(name, ty)| StateVar { name, interleave: spec.interleave, ty }).collect();
    let told = inputs.len();
    let mut inputs = inputs.to_vec();
    inputs.extend(levels.iter().flat_map(|l| [l.outer, l.merge]));
    let leveled = inputs.len();
    inputs.extend(initial.iter().flat_map(|i| [i.now].into_iter().chain(i.state.iter().copied())));
    m.feedback(&all, slot, &inputs, |old, x| {
        let (x, level, load) = (&x[..told], &x[told..leveled], &x[leveled..]);
        let loads = load.first().copied();
        let begun = |state: Vec<Signal<'m>>| match load {
            [] => state,
            [now, loaded @ ..] => {
                let stand_in = state.iter().zip(loaded).zip(vars);
                stand_in.map(|((&s, &l), (name, _))| now.mux(l, s).named(&format!("{name}_begun"))).collect()
            }
        };
        let Some(_) = levels else {
            let (next, enable, out) = body(At { state: begun(old.to_vec()), inner: None, loads }, x);
            return Update { writes: next.into_iter().map(|next| Write { next, enable }).collect(), out };
        };
        let (inner, outer) = old.split_at(n);
        let level_of = |((&i, &o), (name, _)): ((&Signal<'m>, &Signal<'m>), &(&str, Type))| {
            level[0].mux(o, i).named(&format!("{name}_of_level"))
        };
        let state = begun(inner.iter().zip(outer).zip(vars).map(level_of).collect());
        let (next, write, out) = body(At { state, inner: Some((inner, level[1])), loads }, x);
        let enables = [write & !level[0], write & level[0]];
        let writes = enables.iter().flat_map(|&enable| next.iter().map(move |&next| Write { next, enable }));
        Update { writes: writes.collect(), out }
    })
}
