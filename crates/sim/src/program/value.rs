//! Signals of any width as lanes, and the wiring between them.
//!
//! A signal up to 64 bits wide is one part: lanes that hold its values. A wider one is cut into parts of at most 64
//! bits, each holding a bit pattern; the cuts are wherever the wiring put them.

use super::net::{Form, Graph, Lanes, NetOp};
use hdl::Type;
use std::collections::BTreeSet;

/// One signal in all copies of its module: `copies · ty.count` lanes, copy-major.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// From the least significant bits up; widths add up to that of the type.
    pub parts: Vec<Part>,
}

/// Consecutive bits of every element of a signal.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub width: u32,
    pub lanes: Lanes,
}

impl Value {
    pub fn narrow(lanes: Lanes, width: u32) -> Value {
        Value { parts: vec![Part { width, lanes }] }
    }

    /// The lanes of a signal of at most 64 bits.
    pub fn lanes(&self) -> &Lanes {
        &self.parts[0].lanes
    }

    fn cuts(&self) -> BTreeSet<u32> {
        let ends = self.parts.iter().scan(0, |end, p| {
            *end += p.width;
            Some(*end)
        });
        ends.collect()
    }

    /// The same lane selection in every part.
    pub fn map(&self, f: impl Fn(&Lanes) -> Lanes) -> Value {
        Value { parts: self.parts.iter().map(|p| Part { width: p.width, lanes: f(&p.lanes) }).collect() }
    }
}

/// Widths of the parts in which an element of `width` bits is kept when nothing else decides.
pub(crate) fn limbs(width: u32) -> Vec<u32> {
    (0..width.div_ceil(64)).map(|i| (width - 64 * i).min(64)).collect()
}

/// The form of a part of this width: a part of a wide signal is a bit pattern.
pub(crate) fn part_form(ty: Type, width: u32) -> Form {
    Form { width, signed: ty.signed && ty.width <= 64 }
}

impl Graph {
    /// Bits from `lo` on, `form.width` of them, of a part.
    pub fn slice(&mut self, lanes: &Lanes, lo: u32, form: Form) -> Lanes {
        self.op(NetOp::Slice(lo), vec![lanes.clone()], form)
    }

    /// Bits `lo .. lo + width` of every element as parts.
    pub fn bits(&mut self, value: &Value, lo: u32, width: u32) -> Vec<Part> {
        let (mut parts, mut start) = (vec![], 0);
        for part in &value.parts {
            let (from, to) = (lo.max(start), (lo + width).min(start + part.width));
            if from < to {
                let form = Form::unsigned(to - from);
                let lanes = self.slice(&part.lanes, from - start, form);
                parts.push(Part { width: to - from, lanes });
            }
            start += part.width;
        }
        parts
    }

    /// Parts as a signal of type `ty`: joined if that is narrow.
    pub fn joined(&mut self, parts: Vec<Part>, ty: Type) -> Value {
        if ty.width > 64 {
            return Value { parts };
        }
        let mut parts = parts.into_iter();
        let mut whole = parts.next().expect("at least one bit");
        for part in parts {
            let width = whole.width + part.width;
            let args = vec![part.lanes, whole.lanes];
            let form = Form::unsigned(whole.width + self.form(&args[0]).width);
            whole = Part { width, lanes: self.op(NetOp::Join(whole.width), args, form) };
        }
        let lanes = if ty.signed {
            self.slice(&whole.lanes, 0, Form { width: ty.width, signed: true })
        } else {
            whole.lanes
        };
        Value::narrow(lanes, ty.width)
    }

    /// Both signals cut at the same places.
    pub fn aligned(&mut self, values: &[&Value]) -> Vec<Value> {
        let cuts: BTreeSet<u32> = values.iter().flat_map(|v| v.cuts()).collect();
        if values.iter().all(|v| v.parts.len() == cuts.len()) {
            return values.iter().map(|&v| v.clone()).collect();
        }
        let cut = |graph: &mut Graph, value: &Value| {
            let mut lo = 0;
            let mut parts = vec![];
            for &end in &cuts {
                parts.extend(graph.bits(value, lo, end - lo));
                lo = end;
            }
            Value { parts }
        };
        values.iter().map(|&v| cut(self, v)).collect()
    }

    /// A scalar or bundle in another type of as many elements: extended by its own signedness, or cut to its low bits.
    pub fn resize(&mut self, value: &Value, from: Type, to: Type) -> Value {
        if from.width <= 64 && to.width <= 64 {
            let keeps = from.width <= to.width && (!from.signed || to.signed);
            let same_sign = from.signed == to.signed || from.width < to.width;
            if keeps && same_sign {
                return Value::narrow(value.lanes().clone(), to.width);
            }
            let form = Form { width: to.width, signed: to.signed };
            return Value::narrow(self.slice(value.lanes(), 0, form), to.width);
        }
        let mut parts = self.bits(value, 0, from.width.min(to.width));
        let mut missing = to.width.saturating_sub(from.width);
        let sign = self.sign(value, from);
        while missing > 0 {
            let width = missing.min(64);
            let lanes = self.slice(&sign, 0, Form::unsigned(width));
            parts.push(Part { width, lanes });
            missing -= width;
        }
        self.joined(parts, to)
    }

    /// 0 or −1 in every lane: what extends the elements to the left.
    fn sign(&mut self, value: &Value, ty: Type) -> Lanes {
        let top = value.parts.last().expect("at least one part");
        if !ty.signed {
            return self.splat(0, false, self.len(&top.lanes));
        }
        let (lanes, width) = (top.lanes.clone(), top.width);
        self.slice(&lanes, width - 1, Form { width: 1, signed: true })
    }

    /// The same bits of every copy cut into elements of another width.
    pub fn regroup(&mut self, value: &Value, from: Type, to: Type, copies: u32) -> Value {
        if from.width == to.width {
            let parts = self.bits(value, 0, from.width);
            return self.joined(parts, to);
        }
        let mut lo = 0;
        let mut parts = vec![];
        for end in cuts_within(value, from, to) {
            let form = Form::unsigned(end - lo);
            // Where in its source element this piece of destination element `j` begins.
            let place = |j: u32| ((j * to.width + lo) / from.width, (j * to.width + lo) % from.width);
            let starts: BTreeSet<u32> = (0..to.count).map(|j| place(j).1).collect();
            let slices: Vec<(u32, Lanes)> = starts
                .into_iter()
                .map(|start| (start, self.bits(value, start, form.width).remove(0).lanes))
                .collect();
            let lane = |i: u32| {
                let (element, start) = place(i % to.count);
                let at = slices.binary_search_by_key(&start, |s| s.0).expect("every start has its slice");
                self.lane(&slices[at].1, i / to.count * from.count + element)
            };
            let lanes = self.lanes((0..copies * to.count).map(lane).collect());
            parts.push(Part { width: end - lo, lanes });
            lo = end;
        }
        self.joined(parts, to)
    }

    /// All bits of every copy as one scalar.
    pub fn flat(&mut self, value: &Value, ty: Type, copies: u32) -> Vec<Part> {
        let scalar = Type::unsigned(ty.bits());
        if ty.count == 1 {
            return self.bits(value, 0, ty.width);
        }
        // Kept apart even if narrow: the caller joins.
        let mut parts = vec![];
        for i in 0..ty.count {
            let element = value.map(|l| self.pick(l, copies, |c| c * ty.count + i));
            parts.extend(self.bits(&element, 0, ty.width));
        }
        debug_assert_eq!(parts.iter().map(|p| p.width).sum::<u32>(), scalar.width);
        parts
    }
}

/// The ends of the pieces of a destination element such that every piece lies within one part of one source element
/// and is at most 64 bits wide, whichever element it is.
fn cuts_within(value: &Value, from: Type, to: Type) -> BTreeSet<u32> {
    let source: Vec<u32> = value.cuts().into_iter().collect();
    let boundary = |position: u32| position / from.width * from.width;
    let mut cuts = BTreeSet::from([to.width]);
    for j in 0..to.count {
        let (first, last) = (j * to.width, (j + 1) * to.width);
        let mut element = boundary(first);
        while element < last {
            let ends = source.iter().map(|c| element + c);
            cuts.extend(ends.filter(|&e| e > first && e < last).map(|e| e - first));
            element += from.width;
        }
    }
    cuts
}
