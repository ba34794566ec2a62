//! Between beats of the bus and whole rows: gathering, sending, and the packing of elements.

use super::parts::{BIT, Named, flag, place, plus_one};
use super::spec::AcceleratorSpec;
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, index_width};

/// Type of a beat: words of 32 bits, so that a port has elements that simulators take.
pub(super) fn beat_type(spec: &AcceleratorSpec) -> Type {
    Type::unsigned(32).times(spec.bus_bits / 32)
}

/// The first `ty` of the bits of a bundle.
pub(super) fn unpack(bits: Signal<'_>, ty: Type) -> Signal<'_> {
    let total = bits.ty().bits();
    if total.is_multiple_of(ty.width) {
        return bits.regroup(total / ty.width, ty.width).elements(0, ty.count);
    }
    bits.regroup(total, 1).elements(0, ty.bits()).regroup(ty.count, ty.width)
}

/// The bits of a bundle in parts of those types, one after the other from the first bit on.
pub(super) fn split<'b>(bits: Signal<'b>, parts: &[Type]) -> Vec<Signal<'b>> {
    let all = bits.regroup(bits.ty().bits(), 1);
    let mut next = 0;
    let part = |ty: &Type| {
        next += ty.bits();
        all.elements(next - ty.bits(), ty.bits()).regroup(ty.count, ty.width)
    };
    parts.iter().map(part).collect()
}

/// Bits side by side, the first in the low place, padded with zeros to `ty`.
pub(super) fn pack<'b>(b: &'b ModuleBuilder, parts: &[Signal<'b>], ty: Type) -> Signal<'b> {
    let width = parts[0].width();
    let alike = parts.iter().all(|part| part.width() == width) && ty.bits().is_multiple_of(width);
    let width = if alike { width } else { 1 };
    let mut all: Vec<Signal<'b>> = parts.iter().map(|p| p.regroup(p.ty().bits() / width, width)).collect();
    let padding = ty.bits() - parts.iter().map(|p| p.ty().bits()).sum::<u32>();
    if padding > 0 {
        all.push(b.zero(Type::unsigned(width).times(padding / width)));
    }
    b.bundle(&all).regroup(ty.count, ty.width)
}

/// Gathers beats into rows.
pub(super) struct Gather<'b> {
    /// A beat can be taken.
    pub ready: Signal<'b>,
    /// The next beat completes a row.
    pub at_last: Signal<'b>,
    /// A beat is taken that completes one.
    pub done: Signal<'b>,
    /// A row is complete; it stands until it is taken.
    pub valid: Signal<'b>,
    /// Its beats, the first in the low place.
    pub row: Signal<'b>,
    /// The tag that came with its last beat.
    pub tag: Signal<'b>,
}

/// A gatherer of rows of `beats`; a row carries the one-bit `tag` of its last beat. `clear` forgets everything.
pub(super) fn gather<'b>(
    b: &'b ModuleBuilder,
    instance: &str,
    beats: u32,
    [valid, data, tag]: [Signal<'b>; 3],
    take: Signal<'b>,
    clear: Signal<'b>,
) -> Gather<'b> {
    let name = format!("gather_{beats}x{}", data.ty().bits());
    let kind = Kind { name: &name, doc: "gathers beats into a row, the first in the low place" };
    let inputs = [("valid", valid), ("data", data), ("tag", tag), ("take", take), ("clear", clear)];
    let out = place(b, instance, kind, &inputs, |m, x| gather_body(m, x, beats));
    let [ready, at_last, done] = out.all(["ready", "at_last", "done"]);
    let [valid, row, tag] = out.all(["row_valid", "row", "row_tag"]);
    Gather { ready, at_last, done, valid, row, tag }
}

fn gather_body<'m>(m: &'m ModuleBuilder, x: &Named<'m>, beats: u32) -> Outputs<'m> {
    let [valid, data, tag, take, clear] = x.all(["valid", "data", "tag", "take", "clear"]);
    let full = flag(m, "full");
    let ready = (!full.q | take).named("room");
    let accept = (valid & ready).named("accept");
    let at_last = if beats == 1 {
        m.lit(1, 1)
    } else {
        let index = m.register("index", Type::unsigned(index_width(beats))).reset(0).enable(accept | clear);
        let at_last = index.q.eq_const(u64::from(beats) - 1).named("at_last_beat");
        index.set((at_last | clear).mux(m.zero(index.q.ty()), plus_one(index.q)));
        at_last
    };
    let done = (accept & at_last).named("row_done");
    full.set((done | (full.q & !take)) & !clear);
    let row = m.register("row", data.ty().times(beats)).enable(accept);
    let words = data.ty().count;
    row.set(if beats == 1 { data } else { m.bundle(&[row.q.elements(words, words * (beats - 1)), data]) });
    let row_tag = m.register("row_tag", BIT).enable(done);
    row_tag.set(tag);
    vec![
        ("ready", ready),
        ("at_last", at_last),
        ("done", done),
        ("row_valid", full.q),
        ("row", row.q),
        ("row_tag", row_tag.q),
    ]
}

/// Sends rows as beats.
pub(super) struct Send<'b> {
    /// A row can be taken.
    pub ready: Signal<'b>,
    /// There is a beat.
    pub valid: Signal<'b>,
    /// The beat.
    pub data: Signal<'b>,
    /// It is the last of its row.
    pub last: Signal<'b>,
    /// The tag of its row.
    pub tag: Signal<'b>,
}

/// A sender of rows of `beats`.
pub(super) fn send<'b>(
    b: &'b ModuleBuilder,
    instance: &str,
    beats: u32,
    [valid, row, tag]: [Signal<'b>; 3],
    take: Signal<'b>,
) -> Send<'b> {
    let name = format!("send_{beats}x{}", row.ty().bits() / beats);
    let kind = Kind { name: &name, doc: "sends a row as beats, the low place first" };
    let inputs = [("valid", valid), ("row", row), ("tag", tag), ("take", take)];
    let out = place(b, instance, kind, &inputs, |m, x| send_body(m, x, beats));
    let [ready, valid, data, last, tag] = out.all(["ready", "beat_valid", "beat", "last", "beat_tag"]);
    Send { ready, valid, data, last, tag }
}

fn send_body<'m>(m: &'m ModuleBuilder, x: &Named<'m>, beats: u32) -> Outputs<'m> {
    let [valid, row, tag, take] = x.all(["valid", "row", "tag", "take"]);
    let full = flag(m, "full");
    let moves = (full.q & take).named("beat_moves");
    let index = m.register("index", Type::unsigned(index_width(beats))).reset(0).enable(moves);
    let last = index.q.eq_const(u64::from(beats) - 1).named("at_last_beat");
    index.set(last.mux(m.zero(index.q.ty()), plus_one(index.q)));
    let ready = (!full.q | (take & last)).named("room");
    let load = (valid & ready).named("load");
    full.set(load | (full.q & !(moves & last)));
    let held = m.register("row", row.ty()).enable(load | moves);
    let words = row.ty().count / beats;
    let rest = if beats == 1 {
        held.q
    } else {
        m.bundle(&[held.q.elements(words, words * (beats - 1)), m.zero(row.ty().element().times(words))])
    };
    held.set(load.mux(row, rest));
    let held_tag = m.register("row_tag", BIT).enable(load);
    held_tag.set(tag);
    vec![
        ("ready", ready),
        ("beat_valid", full.q),
        ("beat", held.q.elements(0, words)),
        ("last", last),
        ("beat_tag", held_tag.q),
    ]
}
