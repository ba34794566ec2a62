//! A simulator that is as plain as possible: every copy of every module apart, values as vectors of bits.

use hdl::*;
use std::collections::HashMap;

/// Bits of a whole signal, least significant first.
pub type Bits = Vec<bool>;

struct Copy {
    module: ModuleId,
    /// Parent, its instance, and the number of this copy in the array.
    parent: Option<(usize, InstId, usize)>,
    /// By instance and copy.
    children: Vec<Vec<usize>>,
    registers: Vec<Bits>,
    files: Vec<Vec<Bits>>,
    memories: Vec<(Vec<Bits>, Bits)>,
    memo: HashMap<NodeId, Bits>,
}

/// The state of a design.
pub struct Naive<'a> {
    design: &'a Design,
    copies: Vec<Copy>,
    inputs: HashMap<String, Bits>,
}

impl<'a> Naive<'a> {
    /// All state zero, then reset.
    pub fn new(design: &'a Design) -> Self {
        let mut naive = Naive { design, copies: vec![], inputs: HashMap::new() };
        naive.add(design.top, None);
        naive
    }

    fn add(&mut self, id: ModuleId, parent: Option<(usize, InstId, usize)>) -> usize {
        let design = self.design;
        let module = design.module(id);
        let at = self.copies.len();
        let zero = |ty: Type| vec![false; ty.bits() as usize];
        let reset = |r: &Register| match r.reset {
            None => zero(r.ty),
            Some(pattern) => (0..r.ty.bits()).map(|i| bit(pattern, i % r.ty.width)).collect(),
        };
        self.copies.push(Copy {
            module: id,
            parent,
            children: vec![],
            registers: module.registers.iter().map(reset).collect(),
            files: module.files.iter().map(|f| vec![zero(f.ty); f.depth as usize]).collect(),
            memories: module
                .memories
                .iter()
                .map(|m| (vec![zero(m.ty); m.depth as usize], zero(m.ty)))
                .collect(),
            memo: HashMap::new(),
        });
        for (i, inst) in module.instances.iter().enumerate() {
            let array =
                (0..inst.count as usize).map(|k| self.add(inst.module, Some((at, InstId(i as u32), k))));
            let array = array.collect();
            self.copies[at].children.push(array);
        }
        at
    }

    /// Elements of at most 64 bits, one word each; wider ones several.
    pub fn set(&mut self, name: &str, words: &[u64]) {
        let ty = self.design.top().port(name).unwrap().1.ty;
        let each = ty.width.div_ceil(64);
        let of = |i: u32| bit(words[(i / ty.width * each + i % ty.width / 64) as usize], i % ty.width % 64);
        self.inputs.insert(name.to_string(), (0..ty.bits()).map(of).collect());
        self.copies.iter_mut().for_each(|c| c.memo.clear());
    }

    /// The words of an output port.
    pub fn get(&mut self, name: &str) -> Vec<u64> {
        let port = self.design.top().port(name).unwrap().1.clone();
        words(&self.eval(0, port.node), port.ty)
    }

    pub fn clock(&mut self) {
        let mut next = vec![];
        for at in 0..self.copies.len() {
            next.push(self.next_state(at));
        }
        for (copy, (registers, files, memories)) in self.copies.iter_mut().zip(next) {
            copy.registers = registers;
            copy.files = files;
            copy.memories = memories;
            copy.memo.clear();
        }
    }

    #[allow(clippy::type_complexity)]
    fn next_state(&mut self, at: usize) -> (Vec<Bits>, Vec<Vec<Bits>>, Vec<(Vec<Bits>, Bits)>) {
        let module = self.design.module(self.copies[at].module);
        let mut registers = self.copies[at].registers.clone();
        for (q, r) in registers.iter_mut().zip(&module.registers) {
            if r.enable.is_none_or(|e| self.eval(at, e)[0]) {
                *q = self.eval(at, r.next.unwrap());
            }
        }
        let mut files = self.copies[at].files.clone();
        for (entries, f) in files.iter_mut().zip(&module.files) {
            self.write(at, entries, f.write.unwrap());
        }
        let mut memories = self.copies[at].memories.clone();
        for ((entries, q), m) in memories.iter_mut().zip(&module.memories) {
            let (addr, enable) = m.read.unwrap();
            if self.eval(at, enable)[0] {
                let addr = number(&self.eval(at, addr), false) as usize;
                *q = entries.get(addr).cloned().unwrap_or(vec![false; q.len()]);
            }
            self.write(at, entries, m.write.unwrap());
        }
        (registers, files, memories)
    }

    fn write(&mut self, at: usize, entries: &mut [Bits], write: FileWrite) {
        let addr = number(&self.eval(at, write.addr), false) as usize;
        let enable = self.eval(at, write.enable)[0];
        let data = self.eval(at, write.data);
        if enable && addr < entries.len() {
            entries[addr] = data;
        }
    }

    fn eval(&mut self, at: usize, node: NodeId) -> Bits {
        if let Some(bits) = self.copies[at].memo.get(&node) {
            return bits.clone();
        }
        let bits = self.compute(at, node);
        let width = self.design.module(self.copies[at].module).node(node).ty.bits() as usize;
        assert_eq!(bits.len(), width);
        self.copies[at].memo.insert(node, bits.clone());
        bits
    }

    fn compute(&mut self, at: usize, node: NodeId) -> Bits {
        let module = self.design.module(self.copies[at].module);
        let Node { op, ty, .. } = module.node(node).clone();
        let total = ty.bits() as usize;
        let ids = op.operands();
        let types: Vec<Type> = ids.iter().map(|&n| module.node(n).ty).collect();
        let args: Vec<Bits> = ids.iter().map(|&n| self.eval(at, n)).collect();
        let value = |i: usize| number(&args[i], types[i].signed);
        let exact = |v: i128| (0..total).map(|i| v >> i.min(127) & 1 == 1).collect::<Bits>();
        let one = |b: bool| vec![b];
        let amount = || value(1).min(100) as u32;
        let zip = |f: fn(bool, bool) -> bool| args[0].iter().zip(&args[1]).map(|(&a, &b)| f(a, b)).collect();
        match op {
            Op::Const(c) => (0..ty.bits()).map(|i| bit(c, i % ty.width)).collect(),
            Op::Input(port) => self.input(at, port),
            Op::InstOut(inst, port) => {
                let children = self.copies[at].children[inst.index()].clone();
                let node = self.design.module(module.instances[inst.index()].module).ports[port.index()].node;
                children.into_iter().flat_map(|child| self.eval(child, node)).collect()
            }
            Op::RegQ(r) => self.copies[at].registers[r.index()].clone(),
            Op::MemRead(m) => self.copies[at].memories[m.index()].1.clone(),
            Op::FileRead(f, _) => {
                let entries = &self.copies[at].files[f.index()];
                entries.get(value(0) as usize).cloned().unwrap_or(vec![false; total])
            }
            Op::Wire(_) | Op::Regroup(_) => args[0].clone(),
            Op::Not(_) => args[0].iter().map(|b| !b).collect(),
            Op::And(..) => zip(|a, b| a && b),
            Op::Or(..) => zip(|a, b| a || b),
            Op::Xor(..) => zip(|a, b| a != b),
            Op::Add(..) => exact(value(0) + value(1)),
            Op::Sub(..) => exact(value(0) - value(1)),
            Op::Mul(..) => exact(value(0).wrapping_mul(value(1))),
            Op::Neg(_) => exact(-value(0)),
            Op::Sum(_) => {
                let element = |e: &[bool]| number(e, types[0].signed);
                exact(args[0].chunks(types[0].width as usize).map(element).sum())
            }
            Op::Eq(..) => one(value(0) == value(1)),
            Op::Ne(..) => one(value(0) != value(1)),
            Op::Lt(..) => one(value(0) < value(1)),
            Op::Le(..) => one(value(0) <= value(1)),
            Op::Shl(..) => {
                if amount() >= 64 {
                    exact(0)
                } else {
                    exact(value(0).wrapping_mul(1 << amount()))
                }
            }
            Op::Shr(..) => exact(value(0) >> amount()),
            Op::Mux(..) => args[if args[0][0] { 1 } else { 2 }].clone(),
            Op::Slice(_, lo) => args[0][lo as usize..lo as usize + total].to_vec(),
            Op::Resize(_) => {
                let width = types[0].width as usize;
                let of = |i: usize| {
                    let (e, b) = (i / ty.width as usize, i % ty.width as usize);
                    let sign = types[0].signed && args[0][e * width + width - 1];
                    if b < width { args[0][e * width + b] } else { sign }
                };
                (0..total).map(of).collect()
            }
            Op::Concat(_) => args.iter().rev().flatten().copied().collect(),
            Op::Bundle(_) => args.iter().flatten().copied().collect(),
            Op::Table(_, rows) => exact(i128::from(rows[(value(0) as usize).min(rows.len() - 1)])),
            Op::Lzc(_) => exact(args[0].iter().rev().take_while(|b| !**b).count() as i128),
            Op::ReduceOr(_) => one(args[0].iter().any(|&b| b)),
            Op::ReduceAnd(_) => one(args[0].iter().all(|&b| b)),
            Op::ReduceXor(_) => one(args[0].iter().filter(|b| **b).count() % 2 == 1),
            Op::Elements(_, start) => {
                let first = (start * ty.width) as usize;
                args[0][first..first + total].to_vec()
            }
            Op::Broadcast(_) => args[0].iter().copied().cycle().take(total).collect(),
        }
    }

    fn input(&mut self, at: usize, port: PortId) -> Bits {
        let module = self.design.module(self.copies[at].module);
        let Some((parent, inst, copy)) = self.copies[at].parent else {
            return self.inputs[&*module.ports[port.index()].name].clone();
        };
        let place = module.inputs().position(|(p, _)| p == port).unwrap();
        let instance = &self.design.module(self.copies[parent].module).instances[inst.index()];
        let bits = self.eval(parent, instance.inputs[place].node());
        match instance.inputs[place] {
            Connection::Broadcast(_) => bits,
            Connection::Sliced(_) => {
                let each = bits.len() / instance.count as usize;
                bits[copy * each..(copy + 1) * each].to_vec()
            }
        }
    }
}

fn bit(word: u64, i: u32) -> bool {
    i < 64 && word >> i & 1 == 1
}

/// The number a scalar of at most 64 bits denotes.
fn number(bits: &[bool], signed: bool) -> i128 {
    let pattern: i128 = bits.iter().enumerate().map(|(i, &b)| i128::from(b) << i).sum();
    if signed && bits[bits.len() - 1] { pattern - (1 << bits.len()) } else { pattern }
}

/// Words of a signal as ports take and give them.
pub fn words(bits: &[bool], ty: Type) -> Vec<u64> {
    let word = |chunk: &[bool]| chunk.iter().enumerate().map(|(i, &b)| u64::from(b) << i).sum();
    bits.chunks(ty.width as usize).flat_map(|e| e.chunks(64).map(word).collect::<Vec<u64>>()).collect()
}
