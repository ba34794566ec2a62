//! A deliberately plain interpreter of one module: it evaluates the graph node by node, with exact integers, the way
//! the documentation of [`Op`] reads. It is what the rust-hdl view of a design runs on.
//!
//! ```
//! use hdl::{elaborate, Interpreter, Reset, Type};
//! let design = elaborate("mac", "y = a*b + c", None, Reset::default(), |b| {
//!     let [a, x, c] = ["a", "b", "c"].map(|name| b.input(name, Type::unsigned(8)));
//!     b.output("y", a * x + c);
//! }).unwrap();
//! let mut mac = Interpreter::new(design.modules[0].clone());
//! for (name, value) in [("a", 200), ("b", 100), ("c", 7)] {
//!     mac.set_input(design.top().port(name).unwrap().0, &[value]);
//! }
//! mac.evaluate();
//! assert_eq!(mac.port(design.top().port("y").unwrap().0), &[20_007]);
//! ```

use crate::bits;
use crate::module::*;
use crate::ty::Type;
use std::ops::Range;
use std::sync::Arc;

/// One instance of a module with its state. The modules below it are somebody else's: their outputs are put in with
/// [`Interpreter::set_instance_output`], and what they are connected to is read with [`Interpreter::node`].
///
/// Values are flat bit patterns in 64-bit words, element 0 of a bundle in the lowest bits.
/// At power-up registers hold their reset value, and everything else is zero.
#[derive(Clone, Debug)]
pub struct Interpreter {
    module: Arc<Module>,
    plan: Arc<Plan>,
    values: Vec<u64>,
    registers: Vec<Vec<u64>>,
    files: Vec<Vec<Vec<u64>>>,
    memories: Vec<MemoryState>,
}

#[derive(Clone, Debug)]
struct MemoryState {
    entries: Vec<Vec<u64>>,
    data: Vec<u64>,
}

/// What all instances of a module share: where each node's value is, and the order of evaluation.
#[derive(Debug)]
struct Plan {
    order: Vec<NodeId>,
    places: Vec<Range<usize>>,
}

impl Plan {
    fn new(module: &Module) -> Plan {
        let mut end = 0;
        let place = |node: &Node| {
            let start = end;
            end += bits::words(node.ty.bits());
            start..end
        };
        let places = module.nodes.iter().map(place).collect();
        let order = order(module.nodes.len(), |id| module.node(id).op.operands());
        Plan { order, places }
    }
}

/// The nodes, each after its `sources` where they form no loop.
pub(crate) fn order(nodes: usize, sources: impl Fn(NodeId) -> Vec<NodeId>) -> Vec<NodeId> {
    let mut order = Vec::with_capacity(nodes);
    let mut seen = vec![false; nodes];
    for root in (0..nodes as u32).map(NodeId) {
        let mut open = vec![(root, None)];
        while let Some((id, todo)) = open.pop() {
            if todo.is_none() && std::mem::replace(&mut seen[id.index()], true) {
                continue;
            }
            let mut todo: std::vec::IntoIter<NodeId> = todo.unwrap_or_else(|| sources(id).into_iter());
            match todo.next() {
                Some(source) => open.extend([(id, Some(todo)), (source, None)]),
                None => order.push(id),
            }
        }
    }
    order
}

/// The pattern of a constant in every element.
fn fill(ty: Type, pattern: u64) -> Vec<u64> {
    let mut value = vec![0; bits::words(ty.bits())];
    for i in 0..ty.count {
        bits::put(&mut value, i * ty.width, ty.width.min(64), pattern);
    }
    value
}

/// Writes an entry; there is none beyond the last.
fn replace(entries: &mut [Vec<u64>], addr: usize, data: Vec<u64>) {
    if let Some(entry) = entries.get_mut(addr) {
        *entry = data;
    }
}

impl Interpreter {
    /// The module in its power-up state, all inputs zero.
    pub fn new(module: Arc<Module>) -> Interpreter {
        let plan = Arc::new(Plan::new(&module));
        let zero = |ty: Type| fill(ty, 0);
        let mut interpreter = Interpreter {
            values: vec![0; plan.places.last().map_or(0, |p| p.end)],
            registers: module.registers.iter().map(|r| fill(r.ty, r.reset.unwrap_or(0))).collect(),
            files: module.files.iter().map(|f| vec![zero(f.ty); f.depth as usize]).collect(),
            memories: module
                .memories
                .iter()
                .map(|m| MemoryState { entries: vec![zero(m.ty); m.depth as usize], data: zero(m.ty) })
                .collect(),
            module,
            plan,
        };
        for (i, node) in interpreter.module.clone().nodes.iter().enumerate() {
            if let Op::Const(pattern) = node.op {
                interpreter.store(NodeId(i as u32), &fill(node.ty, pattern));
            }
        }
        interpreter
    }

    /// The module it runs.
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// Puts a pattern on an input port; says whether that changes its value.
    pub fn set_input(&mut self, port: PortId, pattern: &[u64]) -> bool {
        let port = &self.module.ports[port.index()];
        let to = self.plan.places[port.node.index()].clone();
        bits::copy(&mut self.values[to], 0, pattern, 0, port.ty.bits())
    }

    /// Puts in what an output of copy `copy` of an instance shows; `node` is the module's [`Op::InstOut`] for that
    /// output. Says whether that changes the node's value.
    pub fn set_instance_output(&mut self, node: NodeId, copy: u32, pattern: &[u64], width: u32) -> bool {
        let to = self.plan.places[node.index()].clone();
        bits::copy(&mut self.values[to], copy * width, pattern, 0, width)
    }

    /// The value of a port, as of the last evaluation.
    pub fn port(&self, port: PortId) -> &[u64] {
        self.node(self.module.ports[port.index()].node)
    }

    /// The value of a node, as of the last evaluation.
    pub fn node(&self, id: NodeId) -> &[u64] {
        &self.values[self.plan.places[id.index()].clone()]
    }

    /// Evaluates every node from the inputs, the state and the instances' outputs.
    pub fn evaluate(&mut self) {
        let (module, plan) = (self.module.clone(), self.plan.clone());
        for &id in &plan.order {
            let node = module.node(id);
            self.evaluate_node(id, &node.op, node.ty);
        }
    }

    /// The clock edge: state loads what the last evaluation says it should, or its reset value.
    pub fn clock(&mut self, reset: bool) {
        let module = self.module.clone();
        for (i, register) in module.registers.iter().enumerate() {
            let enabled = register.enable.is_none_or(|e| self.bit(e));
            match (register.reset, register.next) {
                (Some(pattern), _) if reset => self.registers[i] = fill(register.ty, pattern),
                (_, Some(next)) if enabled => self.registers[i] = self.node(next).to_vec(),
                _ => {}
            }
        }
        for (i, file) in module.files.iter().enumerate() {
            if let Some((addr, data)) = self.write(file.write) {
                replace(&mut self.files[i], addr, data);
            }
        }
        for (i, memory) in module.memories.iter().enumerate() {
            if let Some((addr, _)) = memory.read.filter(|&(_, enable)| self.bit(enable)) {
                let addr = self.address(addr);
                let state = &mut self.memories[i];
                state.data = state.entries.get(addr).cloned().unwrap_or_else(|| fill(memory.ty, 0));
            }
            if let Some((addr, data)) = self.write(memory.write) {
                replace(&mut self.memories[i].entries, addr, data);
            }
        }
    }

    /// Gives registers that have one their reset value, at once; says whether that changes the state.
    pub fn reset(&mut self) -> bool {
        let mut changed = false;
        for (register, state) in self.module.registers.iter().zip(&mut self.registers) {
            if let Some(pattern) = register.reset {
                let value = fill(register.ty, pattern);
                changed |= *state != value;
                *state = value;
            }
        }
        changed
    }

    /// The write a register file or memory does at this edge, if any.
    fn write(&self, write: Option<FileWrite>) -> Option<(usize, Vec<u64>)> {
        let write = write.filter(|w| self.bit(w.enable))?;
        Some((self.address(write.addr), self.node(write.data).to_vec()))
    }

    fn evaluate_node(&mut self, id: NodeId, op: &Op, ty: Type) {
        use Op::*;
        match *op {
            Const(_) | Input(_) | InstOut(..) | Wire(None) => {}
            Wire(Some(a)) | Regroup(a) => self.move_bits(id, 0, a, 0, ty.bits()),
            Not(a) => self.bitwise(id, a, a, |a, _| !a),
            And(a, b) => self.bitwise(id, a, b, |a, b| a & b),
            Or(a, b) => self.bitwise(id, a, b, |a, b| a | b),
            Xor(a, b) => self.bitwise(id, a, b, |a, b| a ^ b),
            Add(a, b) => self.exact(id, self.number(a) + self.number(b)),
            Sub(a, b) => self.exact(id, self.number(a) - self.number(b)),
            Mul(a, b) => self.exact(id, self.number(a) * self.number(b)),
            Neg(a) => self.exact(id, -self.number(a)),
            Sum(a) => self.exact(id, (0..self.ty(a).count).map(|i| self.element(a, i)).sum()),
            Eq(a, b) => self.exact(id, i128::from(self.number(a) == self.number(b))),
            Ne(a, b) => self.exact(id, i128::from(self.number(a) != self.number(b))),
            Lt(a, b) => self.exact(id, i128::from(self.number(a) < self.number(b))),
            Le(a, b) => self.exact(id, i128::from(self.number(a) <= self.number(b))),
            Shl(a, n) => self.cut(id, self.number(a) << self.number(n).min(64)),
            Shr(a, n) => self.exact(id, self.number(a) >> self.number(n).min(64)),
            Mux(s, t, f) => {
                let chosen = if self.bit(s) { t } else { f };
                self.move_bits(id, 0, chosen, 0, ty.bits());
            }
            Slice(a, lo) => self.move_bits(id, 0, a, lo, ty.width),
            Resize(a) => self.resize(id, a),
            Concat(ref parts) => self.side_by_side(id, parts.iter().rev()),
            Bundle(ref parts) => self.side_by_side(id, parts.iter()),
            Elements(a, start) => self.move_bits(id, 0, a, start * ty.width, ty.bits()),
            Broadcast(a) => {
                self.side_by_side(id, std::iter::repeat_n(&a, (ty.count / self.ty(a).count) as usize))
            }
            Table(index, ref rows) => {
                let row = (self.number(index) as usize).min(rows.len() - 1);
                self.exact(id, i128::from(rows[row]));
            }
            Lzc(a) => {
                let significant = 128 - self.number(a).leading_zeros();
                self.exact(id, i128::from(self.ty(a).width - significant));
            }
            ReduceOr(a) => self.exact(id, i128::from(self.ones(a) != 0)),
            ReduceAnd(a) => self.exact(id, i128::from(self.ones(a) == self.ty(a).bits())),
            ReduceXor(a) => self.exact(id, i128::from(self.ones(a) % 2)),
            RegQ(r) => {
                let value = std::mem::take(&mut self.registers[r.index()]);
                self.store(id, &value);
                self.registers[r.index()] = value;
            }
            FileRead(f, addr) => {
                let entry = self.files[f.index()].get(self.address(addr)).cloned();
                self.store(id, &entry.unwrap_or_else(|| fill(ty, 0)));
            }
            MemRead(m) => {
                let data = self.memories[m.index()].data.clone();
                self.store(id, &data);
            }
        }
    }

    // ---- reading ----

    fn ty(&self, id: NodeId) -> Type {
        self.module.node(id).ty
    }

    /// The integer that element `i` of a node denotes.
    fn element(&self, id: NodeId, i: u32) -> i128 {
        let ty = self.ty(id);
        let pattern = i128::from(bits::get(self.node(id), i * ty.width, ty.width));
        let negative = ty.signed && pattern >> (ty.width - 1) == 1;
        if negative { pattern - (1 << ty.width) } else { pattern }
    }

    fn number(&self, id: NodeId) -> i128 {
        self.element(id, 0)
    }

    fn bit(&self, id: NodeId) -> bool {
        self.node(id)[0] & 1 == 1
    }

    /// An address; those beyond `usize` are beyond every memory.
    fn address(&self, id: NodeId) -> usize {
        usize::try_from(self.number(id)).unwrap_or(usize::MAX)
    }

    fn ones(&self, id: NodeId) -> u32 {
        self.node(id).iter().map(|w| w.count_ones()).sum()
    }

    // ---- writing ----

    fn store(&mut self, id: NodeId, value: &[u64]) {
        self.values[self.plan.places[id.index()].clone()].copy_from_slice(value);
    }

    /// A result the type of which holds it.
    fn exact(&mut self, id: NodeId, value: i128) {
        let Type { width, signed, .. } = self.ty(id);
        let (low, high) = if signed { (-(1 << (width - 1)), 1 << (width - 1)) } else { (0, 1 << width) };
        debug_assert!(
            (low..high).contains(&value),
            "{}: node {} does not hold {value}",
            self.module.name,
            id.0
        );
        self.cut(id, value);
    }

    /// The low bits of a result.
    fn cut(&mut self, id: NodeId, value: i128) {
        let width = self.ty(id).width;
        self.values[self.plan.places[id.index()].start] = value as u64 & bits::mask(width);
    }

    fn move_bits(&mut self, to: NodeId, to_lo: u32, from: NodeId, from_lo: u32, n: u32) {
        let from = self.plan.places[from.index()].clone();
        let to = self.plan.places[to.index()].clone();
        for done in (0..n).step_by(64) {
            let part = (n - done).min(64);
            let value = bits::get(&self.values[from.clone()], from_lo + done, part);
            bits::put(&mut self.values[to.clone()], to_lo + done, part, value);
        }
    }

    fn side_by_side<'a>(&mut self, to: NodeId, parts: impl Iterator<Item = &'a NodeId>) {
        let mut at = 0;
        for &part in parts {
            let n = self.ty(part).bits();
            self.move_bits(to, at, part, 0, n);
            at += n;
        }
    }

    fn bitwise(&mut self, id: NodeId, a: NodeId, b: NodeId, f: impl Fn(u64, u64) -> u64) {
        let [a, b] = [a, b].map(|n| self.plan.places[n.index()].start);
        let to = self.plan.places[id.index()].clone();
        let n = to.len();
        for i in 0..n {
            let top = if i + 1 == n { (self.ty(id).bits() - 1) % 64 + 1 } else { 64 };
            self.values[to.start + i] = f(self.values[a + i], self.values[b + i]) & bits::mask(top);
        }
    }

    fn resize(&mut self, id: NodeId, a: NodeId) {
        let (from, to) = (self.ty(a), self.ty(id));
        let kept = from.width.min(to.width);
        let sign = from.signed && bits::get(self.node(a), from.width - 1, 1) == 1;
        let mut value = vec![if sign { u64::MAX } else { 0 }; bits::words(to.width)];
        bits::copy(&mut value, 0, self.node(a), 0, kept);
        if let Some(top) = value.last_mut() {
            *top &= bits::mask((to.width - 1) % 64 + 1);
        }
        self.store(id, &value);
    }
}
