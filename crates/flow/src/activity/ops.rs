//! Boolean operations on words, and the emission of expressions into them.

use crate::liberty::Expr;
use std::collections::HashMap;

/// Place of a word: nets first, then intermediate results.
pub(super) type Slot = u32;

/// A function of two words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Kind {
    Copy,
    Not,
    And,
    Or,
    Xor,
    Nand,
    Nor,
    Xnor,
}

/// `to = kind(a, b)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Op {
    pub kind: Kind,
    pub to: Slot,
    pub a: Slot,
    pub b: Slot,
}

/// Writes operations, giving out slots; equal operations of one cell are done once.
pub(super) struct Emitter {
    pub ops: Vec<Op>,
    pub slots: Slot,
    seen: HashMap<(Kind, Slot, Slot), Slot>,
}

impl Emitter {
    /// The first `slots` slots hold nets.
    pub fn new(slots: usize) -> Emitter {
        Emitter { ops: vec![], slots: slots as Slot, seen: HashMap::new() }
    }

    /// Forgets what can be shared: from here on belongs to another cell.
    pub fn next_cell(&mut self) {
        self.seen.clear();
    }

    pub fn slot(&mut self) -> Slot {
        self.slots += 1;
        self.slots - 1
    }

    /// The slot that holds the expression; `place` gives the slots of its variables.
    pub fn expr(&mut self, e: &Expr, place: &impl Fn(u32) -> Slot) -> Slot {
        match e {
            Expr::Const(v) => Slot::from(*v), // the two constant nets
            Expr::Var(i) => place(*i),
            _ => {
                let (kind, a, b) = self.operands(e, place);
                if let Some(&known) = self.seen.get(&(kind, a, b)) {
                    return known;
                }
                let to = self.slot();
                self.push(kind, to, a, b)
            }
        }
    }

    /// As [`Emitter::expr`], into a given slot.
    pub fn expr_to(&mut self, to: Slot, e: &Expr, place: &impl Fn(u32) -> Slot) {
        let (kind, a, b) = match e {
            Expr::Const(_) | Expr::Var(_) => {
                let from = self.expr(e, place);
                (Kind::Copy, from, from)
            }
            _ => self.operands(e, place),
        };
        self.push(kind, to, a, b);
    }

    fn push(&mut self, kind: Kind, to: Slot, a: Slot, b: Slot) -> Slot {
        self.seen.insert((kind, a, b), to);
        self.ops.push(Op { kind, to, a, b });
        to
    }

    fn operands(&mut self, e: &Expr, place: &impl Fn(u32) -> Slot) -> (Kind, Slot, Slot) {
        let mut two = |kind, a: &Expr, b: &Expr| (kind, self.expr(a, place), self.expr(b, place));
        match e {
            Expr::And(a, b) => two(Kind::And, a, b),
            Expr::Or(a, b) => two(Kind::Or, a, b),
            Expr::Xor(a, b) => two(Kind::Xor, a, b),
            Expr::Not(inner) => match &**inner {
                Expr::And(a, b) => two(Kind::Nand, a, b),
                Expr::Or(a, b) => two(Kind::Nor, a, b),
                Expr::Xor(a, b) => two(Kind::Xnor, a, b),
                leaf => {
                    let a = self.expr(leaf, place);
                    (Kind::Not, a, a)
                }
            },
            Expr::Const(_) | Expr::Var(_) => unreachable!("leaves need no operation"),
        }
    }
}

/// A run of operations of one kind that do not depend on each other.
pub(super) struct Run {
    kind: Kind,
    ops: Vec<(Slot, Slot, Slot)>,
}

/// Operations that are scheduled together: few enough for their words to stay in the cache.
const CHUNK: usize = 4096;

/// Groups operations, given in an order of dependence, chunk by chunk by level and kind.
pub(super) fn schedule(ops: &[Op], slots: usize) -> Vec<Run> {
    let mut level = vec![0_u32; slots];
    ops.chunks(CHUNK).flat_map(|chunk| schedule_chunk(chunk, &mut level)).collect()
}

/// `level` is all 0 before and after.
fn schedule_chunk(ops: &[Op], level: &mut [u32]) -> Vec<Run> {
    let mut keyed: Vec<(u32, Op)> = Vec::with_capacity(ops.len());
    for &op in ops {
        let at = level[op.a as usize].max(level[op.b as usize]) + 1;
        level[op.to as usize] = at;
        keyed.push((at, op));
    }
    ops.iter().for_each(|op| level[op.to as usize] = 0);
    keyed.sort_by_key(|(at, op)| (*at, op.kind));
    let same = |a: &(u32, Op), b: &(u32, Op)| (a.0, a.1.kind) == (b.0, b.1.kind);
    let run = |group: &[(u32, Op)]| Run {
        kind: group[0].1.kind,
        ops: group.iter().map(|(_, op)| (op.to, op.a, op.b)).collect(),
    };
    keyed.chunk_by(same).map(run).collect()
}

impl Run {
    pub fn execute(&self, words: &mut [u64]) {
        match self.kind {
            Kind::Copy => self.each(words, |a, _| a),
            Kind::Not => self.each(words, |a, _| !a),
            Kind::And => self.each(words, |a, b| a & b),
            Kind::Or => self.each(words, |a, b| a | b),
            Kind::Xor => self.each(words, |a, b| a ^ b),
            Kind::Nand => self.each(words, |a, b| !(a & b)),
            Kind::Nor => self.each(words, |a, b| !(a | b)),
            Kind::Xnor => self.each(words, |a, b| !(a ^ b)),
        }
    }

    #[inline(always)]
    fn each(&self, words: &mut [u64], f: impl Fn(u64, u64) -> u64) {
        for &(to, a, b) in &self.ops {
            words[to as usize] = f(words[a as usize], words[b as usize]);
        }
    }

    pub fn len(&self) -> usize {
        self.ops.len()
    }
}
