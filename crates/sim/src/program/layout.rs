//! Storage and instructions for a number of stimuli.
//!
//! Everything lives in one arena. Element `e` of a net for stimulus `s` is lane `e · stimuli + s`; a net's lanes are
//! rounded up to whole blocks of 16, so that no kernel has a remainder loop. Temporaries share storage once they have
//! been read for the last time.
//!
//! A chain of `n` sliding registers has `n + 1` places, the first being what the first register loads. All chains with
//! places of one size lie one after the other in a window; at the end of a cycle the window moves down by one place,
//! so that what was loaded is seen in the first register, and so on. When it reaches the bottom of its region, it is
//! copied back to the top.

use super::exec::{Cut, FileAccess, Inst, Kernel, Ptr, Segment};
use super::fold::lane_value;
use super::net::*;
use super::plan::{Operand, Place, Plan, Step, short_product};
use std::collections::{BTreeMap, HashMap};

/// Lanes per block.
pub(crate) const BLOCK: u32 = 16;

/// Places a window moves before it is copied back.
const TRAVEL: u32 = 32;

/// A window of sliding registers.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// Byte offset of the region in the arena.
    pub start: usize,
    /// Bytes of a place.
    pub place: usize,
    /// Bytes of all places of all chains.
    pub bytes: usize,
}

impl Window {
    /// The highest position of the window.
    pub fn top(&self) -> usize {
        self.start + TRAVEL as usize * self.place
    }
}

/// Instructions and storage of a program for a number of stimuli.
pub(crate) struct Code {
    pub stimuli: u32,
    /// A full cycle, state included.
    pub step: Vec<Inst>,
    /// What the observed values need.
    pub settle: Vec<Inst>,
    pub segments: Vec<Vec<Segment>>,
    pub files: Vec<FileAccess>,
    pub tables: Vec<Vec<u64>>,
    pub windows: Vec<Window>,
    /// Where every net is; `None` for constants and nets that are never stored.
    pub places: Vec<Option<Ptr>>,
    /// Constants: where, and the lane values of all lanes.
    pub constants: Vec<(Ptr, Vec<u64>, bool)>,
    /// Lanes of files: where, how many, and their form.
    pub file_lanes: Vec<(Ptr, usize, Form)>,
    /// Bytes of the arena.
    pub bytes: usize,
}

/// Lays out a plan for `stimuli` streams.
pub(crate) fn lay_out(plan: &Plan, stimuli: u32) -> Code {
    let mut layout = Layout::new(plan, stimuli);
    layout.place_fixed();
    layout.place_chains();
    layout.place_temporaries();
    layout.emit()
}

struct Layout<'a> {
    plan: &'a Plan,
    stimuli: u32,
    end: usize,
    places: Vec<Option<Ptr>>,
    constants: Vec<Ptr>,
    files: HashMap<u32, Ptr>,
    windows: Vec<Window>,
    segments: Vec<Vec<Segment>>,
    accesses: Vec<FileAccess>,
    tables: Vec<Vec<u64>>,
}

impl<'a> Layout<'a> {
    fn new(plan: &'a Plan, stimuli: u32) -> Self {
        Layout {
            plan,
            stimuli,
            end: 0,
            places: vec![None; plan.graph.nets.len()],
            constants: vec![],
            files: HashMap::new(),
            windows: vec![],
            segments: vec![],
            accesses: vec![],
            tables: vec![],
        }
    }

    fn blocks(&self, len: u32) -> u32 {
        (len * self.stimuli).div_ceil(BLOCK)
    }

    /// Bytes of so many elements, in whole blocks.
    fn bytes(&self, len: u32, long: bool) -> usize {
        self.blocks(len) as usize * BLOCK as usize * if long { 8 } else { 4 }
    }

    fn net_bytes(&self, net: NetId) -> usize {
        let net = self.plan.graph.net(net);
        self.bytes(net.len, net.long)
    }

    fn take(&mut self, bytes: usize) -> Ptr {
        let at = self.end;
        self.end += bytes;
        Ptr::new(0, at)
    }

    // ---- storage ----

    fn place_fixed(&mut self) {
        for constant in &self.plan.constants {
            let bytes = self.bytes(constant.len, constant.long);
            let at = self.take(bytes);
            self.constants.push(at);
        }
        for (id, net) in self.plan.graph.nets.iter().enumerate() {
            if matches!(net.op, NetOp::Input { .. }) {
                self.places[id] = Some(self.take(self.bytes(net.len, net.long)));
            }
        }
        for &net in &self.plan.held {
            self.places[net as usize] = Some(self.take(self.net_bytes(net)));
        }
        for &file in &self.plan.files {
            let FileState { depth, copies, row, form, .. } = self.plan.graph.files[file as usize];
            let bytes = self.bytes(depth * copies * row, form.is_long());
            let at = self.take(bytes);
            self.files.insert(file, at);
        }
    }

    fn place_chains(&mut self) {
        let mut sizes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (i, chain) in self.plan.chains.iter().enumerate() {
            sizes.entry(self.net_bytes(chain.nets[0])).or_default().push(i);
        }
        for (place, chains) in sizes {
            let base = self.windows.len() as u32 + 1;
            let mut offset = 0;
            for chain in chains {
                for &net in &self.plan.chains[chain].nets {
                    self.places[net as usize] = Some(Ptr::new(base, offset));
                    offset += place;
                }
            }
            let window = Window { start: self.end, place, bytes: offset };
            self.end = window.top() + offset;
            self.windows.push(window);
        }
    }

    /// Storage of nets that live for part of a cycle: the storage last freed of the same size, if any.
    fn place_temporaries(&mut self) {
        let mut free: HashMap<usize, Vec<Ptr>> = HashMap::new();
        let mut expiring: BTreeMap<usize, Vec<NetId>> = BTreeMap::new();
        for (at, step) in self.plan.steps.iter().enumerate() {
            if let Some(net) = step.computes().filter(|&n| self.places[n as usize].is_none()) {
                let bytes = self.net_bytes(net);
                let reused = free.get_mut(&bytes).and_then(Vec::pop);
                self.places[net as usize] = Some(reused.unwrap_or_else(|| self.take(bytes)));
                if !self.plan.pinned[net as usize] {
                    expiring.entry(at.max(self.plan.last_use[net as usize])).or_default().push(net);
                }
            }
            for net in expiring.remove(&at).unwrap_or_default() {
                let place = self.places[net as usize].expect("it was computed");
                free.entry(self.net_bytes(net)).or_default().push(place);
            }
        }
    }

    // ---- instructions ----

    fn emit(mut self) -> Code {
        let plan = self.plan;
        let step: Vec<Inst> = plan.steps.iter().map(|s| self.inst(s)).collect();
        let settle = step.iter().zip(&plan.settle).filter(|(_, s)| **s).map(|(i, _)| *i).collect();
        let constants = plan.constants.iter().zip(&self.constants).map(|(c, &at)| {
            let each = c.values.iter().flat_map(|&v| std::iter::repeat_n(v, self.stimuli as usize));
            let lanes = (self.bytes(c.len, c.long) / if c.long { 8 } else { 4 }).max(1);
            let last = *c.values.last().expect("a constant has a value");
            let lanes = each.chain(std::iter::repeat(last)).take(lanes).collect();
            (at, lanes, c.long)
        });
        let file_lanes = plan.files.iter().map(|file| {
            let FileState { depth, copies, row, form, .. } = plan.graph.files[*file as usize];
            (self.files[file], (depth * copies * row * self.stimuli) as usize, form)
        });
        Code {
            stimuli: self.stimuli,
            step,
            settle,
            constants: constants.collect(),
            file_lanes: file_lanes.collect(),
            segments: self.segments,
            files: self.accesses,
            tables: self.tables,
            windows: self.windows,
            places: self.places,
            // Operands that begin within a net, and those of sums, are read up to so far beyond their end.
            bytes: self.end + 9 * BLOCK as usize * 8,
        }
    }

    fn ptr(&self, operand: Operand) -> Ptr {
        let (at, long) = match operand.place {
            Place::Net(net) => (self.net_ptr(net), self.plan.graph.net(net).long),
            Place::Constant(c) => (self.constants[c as usize], self.plan.constants[c as usize].long),
        };
        at.offset((operand.elem * self.stimuli) as usize * if long { 8 } else { 4 })
    }

    fn net_ptr(&self, net: NetId) -> Ptr {
        self.places[net as usize].expect("operands are placed")
    }

    fn inst(&mut self, step: &Step) -> Inst {
        match step {
            Step::Compute { net, operands } => self.compute(*net, operands),
            Step::Gather { net, runs } => {
                let long = self.plan.graph.net(*net).long;
                let segments = runs.iter().map(|r| Segment {
                    to: r.to * self.stimuli,
                    from: self.ptr(r.from),
                    stride: r.stride * self.stimuli,
                    count: r.count,
                });
                let segments = segments.collect();
                self.segments.push(segments);
                let kernel = if long { Kernel::Gather64 } else { Kernel::Gather32 };
                let aux = self.segments.len() as u32 - 1;
                Inst { dst: self.net_ptr(*net), aux, ..Inst::new(kernel, 0) }
            }
            Step::Read { net, file, addr, group } => {
                let access = self.access(*file, *group);
                let kernel = if access.1 { Kernel::FileRead64 } else { Kernel::FileRead32 };
                Inst { dst: self.net_ptr(*net), a: self.ptr(*addr), aux: access.0, ..Inst::new(kernel, 0) }
            }
            Step::Hold { net, next, enable, group } => {
                let Net { len, long, .. } = *self.plan.graph.net(*net);
                let kernel = if long { Kernel::Hold64 } else { Kernel::Hold32 };
                Inst {
                    dst: self.net_ptr(*net),
                    a: self.ptr(*next),
                    b: self.ptr(*enable),
                    aux: *group,
                    ..Inst::new(kernel, len / group)
                }
            }
            Step::Fetch { net, file, addr, enable, group } => {
                let access = self.access(*file, *group);
                let kernel = if access.1 { Kernel::Fetch64 } else { Kernel::Fetch32 };
                let (a, b) = (self.ptr(*addr), self.ptr(*enable));
                Inst { dst: self.net_ptr(*net), a, b, aux: access.0, ..Inst::new(kernel, 0) }
            }
            Step::Write { file, addr, data, enable, group } => {
                let access = self.access(*file, *group);
                let kernel = if access.1 { Kernel::FileWrite64 } else { Kernel::FileWrite32 };
                let (a, b, c) = (self.ptr(*addr), self.ptr(*data), self.ptr(*enable));
                Inst { a, b, c, aux: access.0, ..Inst::new(kernel, 0) }
            }
        }
    }

    fn access(&mut self, file: u32, group: u32) -> (u32, bool) {
        let FileState { depth, copies, row, form, .. } = self.plan.graph.files[file as usize];
        let at = self.files[&file];
        self.accesses.push(FileAccess { at, depth, row: copies * row, group });
        (self.accesses.len() as u32 - 1, form.is_long())
    }

    fn compute(&mut self, id: NetId, operands: &[Operand]) -> Inst {
        let net = self.plan.graph.net(id);
        let pointer = |i: usize| operands.get(i).map_or(Ptr::new(0, 0), |&o| self.ptr(o));
        let pointers = [pointer(0), pointer(1), pointer(2)];
        let first = self.plan.graph.form(&net.args[0]);
        let second = net.args.get(1).map(|a| self.plan.graph.form(a));
        let mut inst = Inst {
            dst: self.net_ptr(id),
            a: pointers[0],
            b: pointers[1],
            c: pointers[2],
            ..Inst::new(Kernel::Add32, self.blocks(net.len))
        };
        let long = net.long;
        let by_size = |short, wide| if long { wide } else { short };
        let either = first.join(second.unwrap_or(first));
        let compare = |[u32_, s32, u64_, s64]: [Kernel; 4]| match (either.is_long(), either.signed) {
            (false, false) => u32_,
            (false, true) => s32,
            (true, false) => u64_,
            (true, true) => s64,
        };
        use Kernel::*;
        inst.kernel = match &net.op {
            NetOp::Add => by_size(Add32, Add64),
            NetOp::Sub => by_size(Sub32, Sub64),
            NetOp::Mul if long && short_product(first, second.unwrap_or(first)) => {
                if either.signed {
                    MulWideS
                } else {
                    MulWideU
                }
            }
            NetOp::Mul => by_size(Mul32, Mul64),
            NetOp::And | NetOp::Or | NetOp::Xor => {
                inst.blocks *= if long { 2 } else { 1 };
                match net.op {
                    NetOp::And => And,
                    NetOp::Or => Or,
                    _ => Xor,
                }
            }
            NetOp::Eq => compare([Eq32, Eq32, Eq64, Eq64]),
            NetOp::Ne => compare([Ne32, Ne32, Ne64, Ne64]),
            NetOp::Lt => compare([LtU32, LtS32, LtU64, LtS64]),
            NetOp::Le => compare([LeU32, LeS32, LeU64, LeS64]),
            NetOp::Shl => {
                inst.set_field(0, net.form, long);
                match (long, net.form.signed) {
                    (false, false) => ShlU32,
                    (false, true) => ShlS32,
                    (true, false) => ShlU64,
                    (true, true) => ShlS64,
                }
            }
            NetOp::Shr => match (long, net.form.signed) {
                (false, false) => ShrU32,
                (false, true) => ShrS32,
                (true, false) => ShrU64,
                (true, true) => ShrS64,
            },
            NetOp::Mux => by_size(Mux32, Mux64),
            NetOp::Slice(lo) => {
                let from_long = first.is_long() || lo + net.form.width > 32;
                inst.set_field(*lo, net.form, from_long);
                match (from_long, long, net.form.signed) {
                    (false, _, false) => SliceU32,
                    (false, _, true) => SliceS32,
                    (true, false, false) => SliceU64To32,
                    (true, false, true) => SliceS64To32,
                    (true, true, false) => SliceU64,
                    (true, true, true) => SliceS64,
                }
            }
            NetOp::Join(shift) => {
                inst.imm = *shift;
                by_size(Join32, Join64)
            }
            NetOp::ShlConst(shift) => {
                inst.imm = *shift;
                by_size(ShlConst32, ShlConst64)
            }
            NetOp::Table(rows) => {
                self.tables.push(rows.to_vec());
                inst.aux = self.tables.len() as u32 - 1;
                by_size(Table32, Table64)
            }
            NetOp::Lzc(width) => {
                let lanes = if first.is_long() { 64 } else { 32 };
                inst.imm = width.wrapping_sub(lanes);
                if first.is_long() { Lzc64 } else { Lzc32 }
            }
            NetOp::Parity => {
                if first.is_long() {
                    Parity64
                } else {
                    Parity32
                }
            }
            NetOp::Sum(count) => {
                (inst.imm, inst.blocks) = (*count, net.len);
                match (first.is_long(), long, first.signed) {
                    (false, false, _) => Sum32,
                    (false, true, false) => SumWideU,
                    (false, true, true) => SumWideS,
                    (true, ..) => Sum64,
                }
            }
            NetOp::Convert { long: true } => {
                if first.signed {
                    WidenS
                } else {
                    WidenU
                }
            }
            NetOp::Convert { long: false } => Narrow,
            other => unreachable!("{other:?} is not computed from operands"),
        };
        self.cut(&mut inst, operands);
        inst
    }

    /// Lets a 32-bit operation cut fields out of its operands, and forget operands that are zero.
    fn cut(&self, inst: &mut Inst, operands: &[Operand]) {
        let zero = |i: usize| match operands[i].place {
            Place::Constant(c) => self.plan.constants[c as usize].values == [0],
            Place::Net(_) => false,
        };
        let kernel = match inst.kernel {
            Kernel::Ne32 if zero(1) => Some(Kernel::AnyCut),
            Kernel::Mux32 if zero(2) => Some(Kernel::KeepCut),
            Kernel::Mux32 if zero(1) => Some(Kernel::DropCut),
            kernel => operands.iter().any(|o| o.field.is_some()).then(|| kernel.cutting()),
        };
        let Some(kernel) = kernel else { return };
        inst.kernel = kernel;
        for (cut, operand) in inst.cuts.iter_mut().zip(operands) {
            *cut = operand.field.map_or(Cut::ALL, Cut::new);
        }
        if kernel == Kernel::DropCut {
            (inst.b, inst.cuts[1]) = (inst.c, inst.cuts[2]);
        }
    }
}

impl Kernel {
    /// The same operation on fields of its operands.
    fn cutting(self) -> Kernel {
        use Kernel::*;
        match self {
            Add32 => AddCut,
            Sub32 => SubCut,
            Mul32 => MulCut,
            And => AndCut,
            Or => OrCut,
            Xor => XorCut,
            Eq32 => EqCut,
            Ne32 => NeCut,
            LtU32 => LtUCut,
            LtS32 => LtSCut,
            LeU32 => LeUCut,
            LeS32 => LeSCut,
            Mux32 => MuxCut,
            Join32 => JoinCut,
            ShlConst32 => ShlConstCut,
            other => unreachable!("{other:?} has no fields"),
        }
    }
}

impl Inst {
    /// Immediates that cut bits `lo ..` out of a lane: a shift and a mask, or two shifts for signed fields.
    fn set_field(&mut self, lo: u32, form: Form, long: bool) {
        let lane = if long { 64 } else { 32 };
        if form.signed {
            self.imm = lane - lo - form.width;
            self.mask = u64::from(lane - form.width);
        } else {
            self.imm = lo;
            self.mask = lane_value(u64::MAX, form);
        }
    }
}
