//! What a module's text needs to know before it is written: which nodes are mere views of others, how often each is
//! read, how many of its low bits anybody wants, and which must therefore be declared.

use super::fold::{Known, fold};
use crate::module::*;
use crate::ty::{MAX_ARITH_WIDTH, Type, index_width};

/// Bits `lo .. lo + width` of a node that is written out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    pub base: NodeId,
    pub lo: u32,
    pub width: u32,
}

/// An operand as it is read: a piece brought to `to` bits by zero or sign extension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Read {
    pub piece: Piece,
    pub to: u32,
    pub signed: bool,
    /// The text mentions it more than once or selects from it.
    pub declared: bool,
}

impl Read {
    const fn bits(piece: Piece) -> Read {
        Read { piece, to: piece.width, signed: false, declared: false }
    }
}

pub(super) struct Plan<'m> {
    module: &'m Module,
    /// Which bits of which written node each node is.
    pieces: Vec<Piece>,
    /// For scalars: the narrowest piece that, read with this signedness, has the node's value.
    values: Vec<(Piece, bool)>,
    /// For scalars of at most 64 bits: the pattern, where it is the same in every cycle.
    known: Vec<Option<u64>>,
    uses: Vec<u32>,
    widths: Vec<u32>,
    declared: Vec<bool>,
}

impl<'m> Plan<'m> {
    pub(super) fn new(module: &'m Module) -> Self {
        let n = module.nodes.len();
        let mut plan = Plan {
            module,
            pieces: Vec::with_capacity(n),
            values: Vec::with_capacity(n),
            known: Vec::with_capacity(n),
            uses: vec![0; n],
            widths: vec![0; n],
            declared: vec![false; n],
        };
        for i in 0..n {
            let id = NodeId(i as u32);
            let piece = plan.find_piece(id);
            plan.pieces.push(piece);
            let value = plan.find_value(id);
            plan.values.push(value);
            let known = plan.find_known(id);
            plan.known.push(known);
        }
        plan.count_reads();
        plan
    }

    fn ty(&self, id: NodeId) -> Type {
        self.module.node(id).ty
    }

    /// The width with which the node is declared.
    pub(super) fn width(&self, id: NodeId) -> u32 {
        self.widths[id.index()]
    }

    pub(super) fn uses(&self, id: NodeId) -> u32 {
        self.uses[id.index()]
    }

    /// Whether somebody needs the node under a name.
    pub(super) fn is_declared(&self, id: NodeId) -> bool {
        self.declared[id.index()]
    }

    /// The whole node.
    pub(super) fn whole(&self, id: NodeId) -> Read {
        Read::bits(self.pieces[id.index()])
    }

    // ---- views ----

    fn itself(&self, id: NodeId) -> Piece {
        Piece { base: id, lo: 0, width: self.ty(id).bits() }
    }

    fn find_piece(&self, id: NodeId) -> Piece {
        let node = self.module.node(id);
        let width = node.ty.bits();
        let view = match node.op {
            Op::Slice(a, lo) => Some((a, lo)),
            Op::Elements(a, start) => Some((a, start * node.ty.width)),
            Op::Regroup(a) => Some((a, 0)),
            Op::Resize(a) if width <= self.ty(a).bits() => Some((a, 0)),
            Op::Broadcast(a) if width == self.ty(a).bits() => Some((a, 0)),
            _ => None,
        };
        let piece = view.map(|(a, lo)| self.narrow(self.pieces[a.index()], lo, width));
        piece.filter(|p| node.name.is_none() || self.is_constant(p.base)).unwrap_or(self.itself(id))
    }

    /// The bits of a read of a constant, from the low end.
    pub(super) fn constant(&self, read: Read) -> Option<Vec<bool>> {
        let base = read.piece.base;
        let node = self.module.node(base);
        let pattern = match node.op {
            Op::Const(pattern) => pattern,
            _ => self.known.get(base.index()).copied().flatten()?,
        };
        let bit = |i: u32| i % node.ty.width < 64 && pattern >> (i % node.ty.width) & 1 == 1;
        let mut bits: Vec<bool> = (read.piece.lo..read.piece.lo + read.piece.width).map(bit).collect();
        let sign = read.signed && *bits.last().expect("a width of at least 1");
        bits.resize(read.to as usize, sign);
        Some(bits)
    }

    /// Whether the node is a literal wherever it is read.
    pub(super) fn is_constant(&self, id: NodeId) -> bool {
        matches!(self.module.node(id).op, Op::Const(_))
            || self.known.get(id.index()).is_some_and(Option::is_some)
    }

    fn find_known(&self, id: NodeId) -> Option<u64> {
        let node = self.module.node(id);
        if !node.ty.is_scalar() || node.ty.width > MAX_ARITH_WIDTH {
            return None;
        }
        let mask = u64::MAX >> (64 - node.ty.width);
        let value = |piece: Piece| {
            let bits = self.constant(Read::bits(piece))?;
            (bits.len() <= 64).then(|| bits.iter().rev().fold(0, |v, &b| v << 1 | u64::from(b)))
        };
        let operand = |a: NodeId| {
            let (piece, signed) = self.values[a.index()];
            let scalar = self.ty(a).is_scalar() && piece.width <= MAX_ARITH_WIDTH;
            scalar.then(|| Known::new(piece.width, signed, value(piece)))
        };
        let same = |a: NodeId, b: NodeId| self.values[a.index()] == self.values[b.index()];
        let piece = self.pieces[id.index()];
        let is_view = piece.base != id || matches!(node.op, Op::Const(_));
        let folded = || fold(&node.op, node.ty, operand, same).map(|v| v as u64 & mask);
        if is_view { value(piece) } else { folded() }
    }

    /// Bits `lo .. lo + width` of a piece, looking through unnamed concatenations and extensions.
    fn narrow(&self, mut piece: Piece, lo: u32, width: u32) -> Piece {
        piece = Piece { lo: piece.lo + lo, width, ..piece };
        while let Some(inner) = self.look_through(piece) {
            piece = inner;
        }
        piece
    }

    fn look_through(&self, piece: Piece) -> Option<Piece> {
        let node = self.module.node(piece.base);
        if node.name.is_some() {
            return None;
        }
        let part = |id: NodeId, offset: u32| {
            let inner = self.pieces[id.index()];
            let inside = piece.lo >= offset && piece.lo + piece.width <= offset + inner.width;
            inside.then(|| Piece { base: inner.base, lo: inner.lo + piece.lo - offset, width: piece.width })
        };
        match &node.op {
            Op::Resize(a) => part(*a, 0),
            Op::Concat(parts) => self.part_at(parts.iter().rev(), piece.lo).and_then(|(id, at)| part(id, at)),
            Op::Bundle(parts) => self.part_at(parts.iter(), piece.lo).and_then(|(id, at)| part(id, at)),
            Op::Broadcast(a) => part(*a, piece.lo / self.ty(*a).bits() * self.ty(*a).bits()),
            _ => None,
        }
    }

    /// The part, of parts listed from the low end, in which bit `lo` lies, and where that part begins.
    fn part_at<'a>(&self, parts: impl Iterator<Item = &'a NodeId>, lo: u32) -> Option<(NodeId, u32)> {
        let mut at = 0;
        for &part in parts {
            let bits = self.ty(part).bits();
            if lo < at + bits {
                return Some((part, at));
            }
            at += bits;
        }
        None
    }

    fn find_value(&self, id: NodeId) -> (Piece, bool) {
        let node = self.module.node(id);
        let own = (self.pieces[id.index()], node.ty.signed);
        let Op::Resize(a) = node.op else { return own };
        let (piece, signed) = self.values[a.index()];
        if node.name.is_some() && !self.is_constant(piece.base) {
            return own;
        }
        let not_negative = !signed && piece.width < node.ty.width;
        let kept = not_negative || (node.ty.width >= self.ty(a).width && node.ty.signed == signed);
        if kept { (piece, signed) } else { own }
    }

    // ---- reads ----

    /// The low `to` bits of the node, or its value extended to them.
    fn read_to(&self, id: NodeId, to: u32) -> Read {
        if !self.ty(id).is_scalar() {
            let piece = self.pieces[id.index()];
            return Read::bits(Piece { width: piece.width.min(to), ..piece });
        }
        let (piece, signed) = self.values[id.index()];
        let piece = Piece { width: piece.width.min(to), ..piece };
        Read { piece, to, signed, declared: signed && to > piece.width && !self.is_constant(piece.base) }
    }

    /// Factors in their own widths. The product's width extends them where they stand, which must not happen within an
    /// expression, so unsigned ones need names; `$signed()` shields the others.
    fn read_factors(&self, a: NodeId, b: NodeId, width: u32) -> Vec<Read> {
        let factor = |id: NodeId| self.read_to(id, width.min(self.values[id.index()].0.width));
        let reads = [factor(a), factor(b)];
        let unsigned = reads.iter().all(|r| !r.signed);
        let adapted = |r: Read| match unsigned {
            true => Read { declared: true, ..r },
            // In as many bits as the product the sign makes no difference, and a zero before them would be too much.
            false => Read { signed: r.signed || r.to == width, ..r },
        };
        reads.into_iter().map(adapted).collect()
    }

    /// Both operands at the width, and with the signedness, in which they compare as values.
    fn read_compared(&self, a: NodeId, b: NodeId) -> Vec<Read> {
        let [(pa, sa), (pb, sb)] = [self.values[a.index()], self.values[b.index()]];
        let signed = sa || sb;
        let needed = |p: Piece, s: bool| p.width + u32::from(signed && !s);
        let to = needed(pa, sa).max(needed(pb, sb));
        vec![self.read_to(a, to), self.read_to(b, to)]
    }

    /// The operands of a node as its text reads them, given the node's declared width.
    pub(super) fn reads(&self, id: NodeId) -> Vec<Read> {
        let node = self.module.node(id);
        let width = self.widths[id.index()];
        let whole = |a: NodeId| self.whole(a);
        match &node.op {
            _ if self.is_constant(id) => vec![],
            Op::Const(_) | Op::Input(_) | Op::RegQ(_) | Op::MemRead(_) | Op::InstOut(..) | Op::Wire(_) => {
                vec![]
            }
            Op::Not(a) | Op::Neg(a) | Op::Resize(a) => vec![self.read_to(*a, width)],
            Op::And(a, b) | Op::Or(a, b) | Op::Xor(a, b) | Op::Add(a, b) | Op::Sub(a, b) => {
                vec![self.read_to(*a, width), self.read_to(*b, width)]
            }
            Op::Mul(a, b) => self.read_factors(*a, *b, width),
            Op::Sum(a) => self.read_elements(*a, width),
            Op::Eq(a, b) | Op::Ne(a, b) | Op::Lt(a, b) | Op::Le(a, b) => self.read_compared(*a, *b),
            Op::Shl(a, n) => vec![self.read_to(*a, width), self.shift_amount(*n)],
            Op::Shr(a, n) => vec![self.read_to(*a, width), self.shift_amount(*n)],
            Op::Mux(s, t, f) => vec![whole(*s), self.read_to(*t, width), self.read_to(*f, width)],
            Op::Slice(a, lo) => vec![self.read_slice(*a, *lo, width)],
            Op::Elements(a, start) => vec![self.read_slice(*a, start * node.ty.width, width)],
            Op::Regroup(a) => vec![self.read_slice(*a, 0, width)],
            Op::Concat(parts) => {
                let mut reads = self.read_parts(parts.iter().rev(), width);
                reads.reverse();
                reads
            }
            Op::Bundle(parts) => self.read_parts(parts.iter(), width),
            Op::Broadcast(a) => vec![whole(*a)],
            Op::Table(a, _) | Op::Lzc(a) => vec![whole(*a)],
            Op::ReduceOr(a) | Op::ReduceAnd(a) | Op::ReduceXor(a) => vec![whole(*a)],
            Op::FileRead(f, a) => vec![self.address(*a, self.module.files[f.index()].depth)],
        }
        .into_iter()
        .map(|r| if r.piece.lo > 0 { Read { declared: true, ..r } } else { r })
        .chain(match node.op {
            // The bits of the amount beyond the 32 that every tool shifts by.
            Op::Shl(_, n) | Op::Shr(_, n) if self.ty(n).width > 32 => {
                vec![Read { declared: true, ..self.read_slice(n, 32, self.ty(n).width - 32) }]
            }
            _ => vec![],
        })
        .collect()
    }

    fn shift_amount(&self, n: NodeId) -> Read {
        let piece = self.pieces[n.index()];
        Read::bits(Piece { width: piece.width.min(32), ..piece })
    }

    fn read_slice(&self, a: NodeId, lo: u32, width: u32) -> Read {
        Read::bits(self.narrow(self.pieces[a.index()], lo, width))
    }

    fn read_elements(&self, a: NodeId, to: u32) -> Vec<Read> {
        let ty = self.ty(a);
        let element = |i: u32| {
            let width = ty.width.min(to);
            let piece = self.narrow(self.pieces[a.index()], i * ty.width, width);
            let declared = ty.signed && to > width && !self.is_constant(piece.base);
            Read { piece, to, signed: ty.signed, declared }
        };
        (0..ty.count).map(element).collect()
    }

    /// The parts of a concatenation listed from its low end, as far as its low `width` bits go.
    fn read_parts<'a>(&self, parts: impl Iterator<Item = &'a NodeId>, width: u32) -> Vec<Read> {
        let mut left = width;
        let mut reads = vec![];
        for &part in parts {
            let piece = self.pieces[part.index()];
            let taken = piece.width.min(left);
            if taken == 0 {
                break;
            }
            reads.push(Read::bits(self.narrow(piece, 0, taken)));
            left -= taken;
        }
        reads
    }

    // ---- use counts and widths ----

    fn count_reads(&mut self) {
        let n = self.module.nodes.len();
        let mut seen = Seen { demand: vec![0; n], least: vec![u32::MAX; n] };
        for read in self.roots() {
            self.count(&mut seen, read);
        }
        for i in (0..n).rev() {
            let id = NodeId(i as u32);
            let node = self.module.node(id);
            let bits = node.ty.bits();
            let narrowed = is_narrowable(&node.op) && self.uses[i] > 0;
            self.widths[i] = if narrowed { seen.demand[i] } else { bits };
            self.declared[i] |= seen.least[i] < self.widths[i];
            if self.uses[i] > 0 {
                self.reads(id).into_iter().for_each(|r| self.count(&mut seen, r));
            }
        }
    }

    fn count(&mut self, seen: &mut Seen, read: Read) {
        let i = read.piece.base.index();
        let top = read.piece.lo + read.piece.width;
        self.uses[i] += 1;
        self.declared[i] |= read.declared || read.piece.lo > 0;
        seen.demand[i] = seen.demand[i].max(top);
        seen.least[i] = seen.least[i].min(top);
    }

    /// An address into an array of `depth` entries.
    pub(super) fn address(&self, addr: NodeId, depth: u32) -> Read {
        self.read_to(addr, index_width(depth))
    }

    /// What is read by something that is no node.
    fn roots(&self) -> Vec<Read> {
        let m = self.module;
        let registers = m.registers.iter().flat_map(|r| r.next.into_iter().chain(r.enable));
        let files = m.files.iter().filter_map(|f| Some((f.write?, f.depth)));
        let memories = m.memories.iter().filter_map(|m| Some((m.write?, m.depth)));
        let writes: Vec<(FileWrite, u32)> = files.chain(memories).collect();
        let memory_reads = m.memories.iter().filter_map(|m| Some((m.read?, m.depth)));
        let memory_reads: Vec<((NodeId, NodeId), u32)> = memory_reads.collect();
        let addresses = writes.iter().map(|(w, depth)| self.address(w.addr, *depth));
        let addresses = addresses.chain(memory_reads.iter().map(|((a, _), depth)| self.address(*a, *depth)));
        let outputs = m.outputs().map(|(_, p)| p.node);
        let wires = m.nodes.iter().filter_map(|n| if let Op::Wire(driver) = n.op { driver } else { None });
        let whole = registers.chain(outputs).chain(wires).chain(memory_reads.iter().map(|((_, e), _)| *e));
        let whole = whole.chain(writes.iter().flat_map(|(w, _)| [w.data, w.enable]));
        let pins = m.instances.iter().flat_map(|i| i.inputs.iter().map(|c| (c.node(), i.count > 1)));
        let pins = pins.map(|(id, declared)| Read { declared, ..self.whole(id) });
        addresses.chain(whole.map(|id| self.whole(id))).chain(pins).collect()
    }
}

/// What the readers of each node want of it.
struct Seen {
    /// Highest bit, plus one, that anybody reads.
    demand: Vec<u32>,
    /// The same of the most modest reader.
    least: Vec<u32>,
}

/// The low bits of the result follow from the low bits of the operands alone.
fn is_narrowable(op: &Op) -> bool {
    use Op::*;
    matches!(
        op,
        Add(..)
            | Sub(..)
            | Mul(..)
            | Neg(_)
            | Sum(_)
            | Shl(..)
            | Not(_)
            | And(..)
            | Or(..)
            | Xor(..)
            | Mux(..)
            | Resize(_)
            | Concat(_)
            | Bundle(_)
            | Slice(..)
            | Elements(..)
            | Regroup(_)
    )
}
