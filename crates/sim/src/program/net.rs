//! The flattened design: nets of lanes, and the operations between them.
//!
//! A net is a vector of elements, one per copy of the module it comes from and per element of the bundle. Wiring makes
//! no nets: a signal is a list of [`Lane`]s, each saying where its value is found.

use super::fold;
use std::collections::HashMap;
use std::sync::Arc;

/// Index into [`Graph::nets`].
pub(crate) type NetId = u32;

/// One element of a net.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Lane {
    pub net: NetId,
    pub elem: u32,
}

/// Where the elements of a signal are found.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Lanes {
    /// All elements of a net, in order.
    Whole(NetId),
    /// Element by element.
    Map(Arc<[Lane]>),
}

/// The range of values a net takes: every value fits `width` bits, two's complement if `signed`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Form {
    pub width: u32,
    pub signed: bool,
}

impl Form {
    pub const BIT: Form = Form::unsigned(1);

    pub const fn unsigned(width: u32) -> Form {
        Form { width, signed: false }
    }

    /// Bits the values need as two's complement numbers.
    pub const fn signed_width(self) -> u32 {
        if self.signed { self.width } else { self.width + 1 }
    }

    /// The smallest form that holds both.
    pub fn join(self, other: Form) -> Form {
        if self.signed || other.signed {
            Form { width: self.signed_width().max(other.signed_width()), signed: true }
        } else {
            Form::unsigned(self.width.max(other.width))
        }
    }

    /// The values are kept in 64-bit lanes.
    pub const fn is_long(self) -> bool {
        self.width > 32
    }
}

/// What computes a net. Operands have as many elements as the net unless said otherwise.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum NetOp {
    /// A constant of one element, sign- or zero-extended to 64 bits.
    Const(u64),
    /// Part `part` of an input port of the top.
    Input {
        port: u32,
        part: u32,
    },
    /// The output of a register or of a memory's read register.
    State,
    /// The entry of a register file at the address (one element per copy).
    FileRead(u32),
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Eq,
    Ne,
    Lt,
    Le,
    /// `a << n`, kept to the form's bits.
    Shl,
    /// `floor(a / 2^n)`.
    Shr,
    Mux,
    /// Bits from `lo` on, as many as the form has, sign-extended if it is signed.
    Slice(u32),
    /// `(a << shift) | b`, `b` below `2^shift`.
    Join(u32),
    /// `a << shift`, without loss.
    ShlConst(u32),
    /// Row of a table; beyond the end, the last one.
    Table(Arc<Vec<u64>>),
    /// Leading zeros of a number of this many bits.
    Lzc(u32),
    /// Exclusive or of all bits of an unsigned operand.
    Parity,
    /// Sum of groups of so many consecutive elements; the operand has that many times the elements.
    Sum(u32),
    /// The lanes of the operand, side by side.
    Gather,
    /// The operand in 64-bit or 32-bit lanes, by the flag.
    Convert {
        long: bool,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Net {
    pub op: NetOp,
    pub args: Vec<Lanes>,
    pub form: Form,
    pub len: u32,
    /// Kept in 64-bit lanes.
    pub long: bool,
}

impl Net {
    /// It is not computed: its value is there when the cycle begins.
    pub fn is_source(&self) -> bool {
        matches!(self.op, NetOp::Const(_) | NetOp::Input { .. } | NetOp::State)
    }
}

/// A register of the flattened design.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub net: NetId,
    /// `None` where it never changes.
    pub next: Option<Lanes>,
    pub enable: Option<Lanes>,
    /// Loaded on reset, as a lane value.
    pub reset: Option<u64>,
}

/// A register file or memory: `copies` arrays of `depth` entries of `row` elements.
#[derive(Clone, Debug)]
pub(crate) struct FileState {
    pub depth: u32,
    pub copies: u32,
    pub row: u32,
    pub form: Form,
    pub write: Option<FileWriteLanes>,
    /// The read register of a memory.
    pub read: Option<MemReadLanes>,
}

/// Write port: address and enable have one element per copy.
#[derive(Clone, Debug)]
pub(crate) struct FileWriteLanes {
    pub addr: Lanes,
    pub data: Lanes,
    pub enable: Lanes,
}

/// Synchronous read port into the state net `net`.
#[derive(Clone, Debug)]
pub(crate) struct MemReadLanes {
    pub net: NetId,
    pub addr: Lanes,
    pub enable: Lanes,
}

type NetKey = (NetOp, Vec<Lanes>, Form, u32);
type StateKey = (Lanes, Option<Lanes>, Option<u64>);

/// All nets and states; equal operations on equal operands are one net.
#[derive(Default)]
pub(crate) struct Graph {
    pub nets: Vec<Net>,
    pub states: Vec<State>,
    pub files: Vec<FileState>,
    interned: HashMap<NetKey, NetId>,
    interned_states: HashMap<StateKey, NetId>,
}

impl Graph {
    pub fn net(&self, id: NetId) -> &Net {
        &self.nets[id as usize]
    }

    pub fn len(&self, lanes: &Lanes) -> u32 {
        match lanes {
            Lanes::Whole(net) => self.net(*net).len,
            Lanes::Map(map) => map.len() as u32,
        }
    }

    pub fn lane(&self, lanes: &Lanes, i: u32) -> Lane {
        match lanes {
            Lanes::Whole(net) => Lane { net: *net, elem: i },
            Lanes::Map(map) => map[i as usize],
        }
    }

    /// Lanes from a list.
    pub fn lanes(&self, map: Vec<Lane>) -> Lanes {
        let net = map[0].net;
        let whole = self.net(net).len as usize == map.len()
            && map.iter().enumerate().all(|(i, l)| l.net == net && l.elem == i as u32);
        if whole { Lanes::Whole(net) } else { Lanes::Map(map.into()) }
    }

    /// `lanes[pick(i)]` for `i` in `0..len`.
    pub fn pick(&self, lanes: &Lanes, len: u32, pick: impl Fn(u32) -> u32) -> Lanes {
        self.lanes((0..len).map(|i| self.lane(lanes, pick(i))).collect())
    }

    /// The smallest form of all lanes.
    pub fn form(&self, lanes: &Lanes) -> Form {
        match lanes {
            Lanes::Whole(net) => self.net(*net).form,
            Lanes::Map(map) => {
                let mut form = self.net(map[0].net).form;
                for pair in map.windows(2).filter(|p| p[0].net != p[1].net) {
                    form = form.join(self.net(pair[1].net).form);
                }
                form
            }
        }
    }

    /// The one net all lanes come from, if so.
    pub fn source(&self, lanes: &Lanes) -> Option<NetId> {
        match lanes {
            Lanes::Whole(net) => Some(*net),
            Lanes::Map(map) => map.iter().all(|l| l.net == map[0].net).then_some(map[0].net),
        }
    }

    /// The lane value of a constant, if all lanes are that constant.
    pub fn constant(&self, lanes: &Lanes) -> Option<u64> {
        match self.net(self.source(lanes)?).op {
            NetOp::Const(value) => Some(value),
            _ => None,
        }
    }

    /// A constant in `len` lanes; `value` is a lane value, negative if `signed` and its top bit is set.
    pub fn splat(&mut self, value: u64, signed: bool, len: u32) -> Lanes {
        let negative = signed && (value as i64) < 0;
        let form = if negative {
            Form { width: 65 - (!value).leading_zeros(), signed: true }
        } else {
            Form::unsigned(hdl::value_width(value))
        };
        let net = self.intern(NetOp::Const(value), vec![], form, 1);
        self.lanes(vec![Lane { net, elem: 0 }; len as usize])
    }

    fn intern(&mut self, op: NetOp, args: Vec<Lanes>, form: Form, len: u32) -> NetId {
        let key = (op, args, form, len);
        if let Some(&id) = self.interned.get(&key) {
            return id;
        }
        let id = self.add(key.0.clone(), key.1.clone(), form, len);
        self.interned.insert(key, id);
        id
    }

    /// A net of its own, shared with nothing.
    pub fn add(&mut self, op: NetOp, args: Vec<Lanes>, form: Form, len: u32) -> NetId {
        self.nets.push(Net { op, args, form, len, long: form.is_long() });
        self.nets.len() as NetId - 1
    }

    /// The lanes of `from` as a net in lanes of the given size.
    pub fn gather(&mut self, from: &Lanes, long: bool) -> NetId {
        let (form, len) = (self.form(from), self.len(from));
        let id = self.intern(NetOp::Gather, vec![from.clone()], form, len);
        self.nets[id as usize].long = long;
        id
    }

    /// A net in lanes of the other size.
    pub fn convert(&mut self, net: NetId, long: bool) -> NetId {
        let Net { form, len, .. } = *self.net(net);
        let id = self.intern(NetOp::Convert { long }, vec![Lanes::Whole(net)], form, len);
        self.nets[id as usize].long = long;
        id
    }

    /// An elementwise operation. Computed once where lanes repeat, folded where they are constant.
    pub fn op(&mut self, op: NetOp, args: Vec<Lanes>, form: Form) -> Lanes {
        let len = self.len(&args[0]);
        if let Some(folded) = self.fold(&op, &args, form) {
            return folded;
        }
        if let Some(simpler) = self.simplify(&op, &args, form) {
            return simpler;
        }
        let Some((unique, place)) = self.unique(&args) else {
            return Lanes::Whole(self.intern(op, args, form, len));
        };
        let args = args.iter().map(|a| self.pick(a, unique.len() as u32, |i| unique[i as usize])).collect();
        let few = self.op(op, args, form);
        self.pick(&few, len, |i| place[i as usize])
    }

    /// An entry of a register file.
    pub fn read(&mut self, file: u32, addr: Lanes, form: Form, len: u32) -> Lanes {
        Lanes::Whole(self.intern(NetOp::FileRead(file), vec![addr], form, len))
    }

    /// The sum of every `count` consecutive lanes.
    pub fn sum(&mut self, lanes: &Lanes, count: u32) -> Lanes {
        let from = self.form(lanes);
        let growth = u32::BITS - (count - 1).leading_zeros();
        let form = Form { width: (from.width + growth).min(64), ..from };
        let len = self.len(lanes) / count;
        Lanes::Whole(self.intern(NetOp::Sum(count), vec![lanes.clone()], form, len))
    }

    /// `min(lanes, max)` in at most 32 bits, for shift amounts, addresses and table indices.
    pub fn at_most(&mut self, lanes: &Lanes, max: u32) -> Lanes {
        if !self.form(lanes).is_long() {
            return lanes.clone();
        }
        let len = self.len(lanes);
        let limit = self.splat(u64::from(max), false, len);
        let below = self.op(NetOp::Lt, vec![lanes.clone(), limit.clone()], Form::BIT);
        let low = self.op(NetOp::Slice(0), vec![lanes.clone()], Form::unsigned(32));
        self.op(NetOp::Mux, vec![below, low, limit], Form::unsigned(32))
    }

    /// A register whose next value is known; registers alike in all but name are one.
    pub fn state(&mut self, next: Lanes, enable: Option<Lanes>, reset: Option<u64>, form: Form) -> Lanes {
        let len = self.len(&next);
        let mut operands = vec![next.clone()];
        operands.extend(enable.clone());
        if let Some((unique, place)) = self.unique(&operands) {
            let count = unique.len() as u32;
            let next = self.pick(&next, count, |i| unique[i as usize]);
            let enable = enable.map(|e| self.pick(&e, count, |i| unique[i as usize]));
            let few = self.state(next, enable, reset, form);
            return self.pick(&few, len, |i| place[i as usize]);
        }
        let key = (next, enable, reset);
        if let Some(&net) = self.interned_states.get(&key) {
            return Lanes::Whole(net);
        }
        let net = self.add(NetOp::State, vec![], form, len);
        let (next, enable, reset) = key.clone();
        self.states.push(State { net, next: Some(next), enable, reset });
        self.interned_states.insert(key, net);
        Lanes::Whole(net)
    }

    /// The distinct tuples of operand lanes (as indices into them) and the place of each lane among them; `None` where
    /// fewer than half of the lanes repeat.
    fn unique(&self, args: &[Lanes]) -> Option<(Vec<u32>, Vec<u32>)> {
        let len = self.len(&args[0]);
        if len == 1 || args.iter().any(|a| matches!(a, Lanes::Whole(_))) {
            return None;
        }
        let mut seen: HashMap<[Option<Lane>; 3], u32> = HashMap::new();
        let mut unique = vec![];
        let mut place = Vec::with_capacity(len as usize);
        for i in 0..len {
            let mut tuple = [None; 3];
            args.iter().zip(&mut tuple).for_each(|(a, t)| *t = Some(self.lane(a, i)));
            let next = seen.len() as u32;
            let at = *seen.entry(tuple).or_insert(next);
            if at == next {
                unique.push(i);
            }
            place.push(at);
        }
        (2 * unique.len() <= len as usize).then_some((unique, place))
    }

    fn fold(&mut self, op: &NetOp, args: &[Lanes], form: Form) -> Option<Lanes> {
        let len = self.len(&args[0]);
        if matches!(op, NetOp::Sum(_) | NetOp::FileRead(_) | NetOp::Gather | NetOp::Convert { .. }) {
            return None;
        }
        let constant = |l: Lane| matches!(self.net(l.net).op, NetOp::Const(_));
        if !args.iter().all(|a| constant(self.lane(a, 0))) {
            return None;
        }
        if !args.iter().all(|a| (0..len).all(|i| constant(self.lane(a, i)))) {
            return None;
        }
        let mut result = Vec::with_capacity(len as usize);
        for i in 0..len {
            let value = |a: &Lanes| {
                let net = self.net(self.lane(a, i).net);
                let NetOp::Const(value) = net.op else { unreachable!("all lanes are constant") };
                fold::number(value, net.form.signed)
            };
            let values: Vec<i128> = args.iter().map(value).collect();
            let value = fold::evaluate(op, &values, form);
            let one = self.splat(value, form.signed, 1);
            result.push(self.lane(&one, 0));
        }
        Some(self.lanes(result))
    }

    /// The operand lanes as seen through the operation that computes them: operand `arg` of that net.
    pub fn through(&self, lanes: &Lanes, net: NetId, arg: usize) -> Lanes {
        let inner = &self.net(net).args[arg];
        match lanes {
            Lanes::Whole(_) => inner.clone(),
            Lanes::Map(map) => self.lanes(map.iter().map(|l| self.lane(inner, l.elem)).collect()),
        }
    }
}
