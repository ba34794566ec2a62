//! A module's combinational logic in rust-hdl's own syntax tree, which is what rust-hdl's checks look at.
//!
//! Every node is a local signal, assigned once in an order in which sources come first: where there is no such order
//! (a combinational loop) some signal is read before it is written, and that is what the check looks for. It does not
//! look at the conditions of `if` and `case`, nor through instances, so such a signal is first assigned what it depends
//! on ([`Lowering::follow`]) and then its value.

use super::paths::{Paths, sources};
use crate::design::Design;
use crate::interpret::order;
use crate::module::*;
use crate::ty::Type;
use ::rust_hdl::core::ast::*;
use ::rust_hdl::core::atom::AtomKind;
use VerilogExpression as Expr;

/// A module in rust-hdl's syntax tree.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) block: VerilogBlock,
    pub(super) locals: Vec<Local>,
}

/// A signal inside a module.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) kind: AtomKind,
    pub(super) driven: bool,
    /// The node whose value it has, if it is one.
    pub(super) node: Option<NodeId>,
}

/// The name of a copy of an instance in its parent.
pub(super) fn instance_name(instance: &Instance, copy: u32) -> String {
    if instance.count == 1 { format!("u_{}", instance.name) } else { format!("u_{}${copy}", instance.name) }
}

/// A name from rust-hdl as the design knows it.
pub(super) fn plain_name(name: &str) -> String {
    match name.rsplit_once('$') {
        Some((base, tail)) if tail.starts_with('n') && tail[1..].parse::<u32>().is_ok() => base.into(),
        _ => name.replace('$', "."),
    }
}

/// Lowers a module; `below` are the paths through the kinds below it.
pub(super) fn lower(design: &Design, module: &Module, below: &[Paths]) -> Lowered {
    let mut lowering = Lowering { design, module, block: vec![], locals: vec![] };
    for id in order(module.nodes.len(), |id| sources(module, below, id)) {
        let node = module.node(id);
        if matches!(node.op, Op::Input(_)) {
            continue;
        }
        let driven = node.op != Op::Wire(None);
        let name = lowering.name(id);
        lowering.local(name, node.ty, AtomKind::LocalSignal, driven, Some(id));
        lowering.node(id, &node.op, node.ty, &sources(module, below, id));
    }
    lowering.state();
    lowering.instances();
    lowering.ports();
    Lowered { block: lowering.block, locals: lowering.locals }
}

struct Lowering<'a> {
    design: &'a Design,
    module: &'a Module,
    block: VerilogBlock,
    locals: Vec<Local>,
}

fn signal(name: impl Into<String>) -> Expr {
    Expr::Signal(name.into())
}

fn number(value: u64) -> Expr {
    Expr::Literal(value.into())
}

fn paren(e: Expr) -> Expr {
    Expr::Paren(Box::new(e))
}

fn unary(op: VerilogOpUnary, e: Expr) -> Expr {
    Expr::Unary(op, Box::new(e))
}

fn binary(a: Expr, op: VerilogOp, b: Expr) -> Expr {
    Expr::Binary(Box::new(a), op, Box::new(b))
}

impl Lowering<'_> {
    // ---- signals ----

    fn ty(&self, id: NodeId) -> Type {
        self.module.node(id).ty
    }

    /// What a node is called: a port by its name, any other by its own name or operation and its number.
    fn name(&self, id: NodeId) -> String {
        let node = self.module.node(id);
        match (&node.op, &node.name) {
            (Op::Input(port), _) => self.module.ports[port.index()].name.to_string(),
            (_, Some(name)) => format!("{name}$n{}", id.0),
            (Op::RegQ(r), None) => format!("{}$n{}", self.module.registers[r.index()].name, id.0),
            (op, None) => format!("{}$n{}", op.mnemonic(), id.0),
        }
    }

    fn value(&self, id: NodeId) -> Expr {
        signal(self.name(id))
    }

    /// Bits `lo .. lo + n` of a node.
    fn part(&self, id: NodeId, lo: u32, n: u32) -> Expr {
        let whole = self.value(id);
        if n == self.ty(id).bits() {
            return whole;
        }
        Expr::Slice(Box::new(whole), n as usize, Box::new(number(lo.into())))
    }

    /// Element `i` of a bundle, with its sign.
    fn element(&self, id: NodeId, i: u32) -> Expr {
        let Type { width, signed, count } = self.ty(id);
        let element = self.part(id, i * width, width);
        if signed && count > 1 { Expr::Signed(Box::new(element)) } else { element }
    }

    fn local(&mut self, name: String, ty: Type, kind: AtomKind, driven: bool, node: Option<NodeId>) {
        self.locals.push(Local { name, ty, kind, driven, node });
    }

    // ---- assignments ----

    fn assign(&mut self, to: Expr, value: Expr) {
        self.block.push(VerilogStatement::Assignment(to, value));
    }

    /// Assigns all of a node.
    fn set(&mut self, id: NodeId, value: Expr) {
        let to = self.value(id);
        self.assign(to, value);
    }

    /// Assigns bits `lo .. lo + n` of a node.
    fn set_part(&mut self, id: NodeId, lo: u32, n: u32, replacement: Expr) {
        if n == self.ty(id).bits() {
            return self.set(id, replacement);
        }
        let (base, offset) = (self.value(id), number(lo.into()));
        self.block.push(VerilogStatement::SliceAssignment { base, width: n as usize, offset, replacement });
    }

    /// Assigns all of a node from a nested block.
    fn block_of(&self, id: NodeId, value: Expr) -> VerilogBlock {
        vec![VerilogStatement::Assignment(self.value(id), value)]
    }

    /// Shows the loop check what a node follows where the assignments to come do not.
    fn follow(&mut self, id: NodeId, sources: &[NodeId]) {
        let all = sources.iter().map(|&s| self.value(s));
        if let Some(all) = all.reduce(|a, b| binary(a, VerilogOp::BitOr, b)) {
            self.set(id, all);
        }
    }

    fn side_by_side<'n>(&mut self, id: NodeId, parts: impl Iterator<Item = &'n NodeId>) {
        let mut at = 0;
        for &part in parts {
            let n = self.ty(part).bits();
            self.set_part(id, at, n, self.value(part));
            at += n;
        }
    }

    fn choose(&mut self, id: NodeId, test: Expr, then: Expr, otherwise: Option<Expr>) {
        let otherwise = otherwise.map_or(VerilogBlockOrConditional::None, |e| {
            VerilogBlockOrConditional::Block(self.block_of(id, e))
        });
        let then = self.block_of(id, then);
        self.block.push(VerilogStatement::If(VerilogConditional { test, then, otherwise }));
    }

    // ---- nodes ----

    fn node(&mut self, id: NodeId, op: &Op, ty: Type, sources: &[NodeId]) {
        use VerilogOp as V;
        let two = |this: &mut Self, a, op, b| {
            let value = binary(this.value(a), op, this.value(b));
            this.set(id, value);
        };
        let one = |this: &mut Self, op, a| {
            let value = unary(op, this.value(a));
            this.set(id, value);
        };
        match *op {
            Op::Input(_) | Op::Wire(None) => {}
            Op::Const(pattern) => self.constant(id, ty, pattern),
            Op::Wire(Some(a)) | Op::Resize(a) | Op::Regroup(a) => self.set(id, self.value(a)),
            Op::Not(a) => one(self, VerilogOpUnary::Not, a),
            Op::Neg(a) => one(self, VerilogOpUnary::Neg, a),
            Op::ReduceOr(a) => one(self, VerilogOpUnary::Any, a),
            Op::ReduceAnd(a) => one(self, VerilogOpUnary::All, a),
            Op::ReduceXor(a) => one(self, VerilogOpUnary::Xor, a),
            Op::And(a, b) => two(self, a, V::BitAnd, b),
            Op::Or(a, b) => two(self, a, V::BitOr, b),
            Op::Xor(a, b) => two(self, a, V::BitXor, b),
            Op::Add(a, b) => two(self, a, V::Add, b),
            Op::Sub(a, b) => two(self, a, V::Sub, b),
            Op::Mul(a, b) => two(self, a, V::Mul, b),
            Op::Eq(a, b) => two(self, a, V::Eq, b),
            Op::Ne(a, b) => two(self, a, V::Ne, b),
            Op::Lt(a, b) => two(self, a, V::Lt, b),
            Op::Le(a, b) => two(self, a, V::Le, b),
            Op::Shl(a, n) => two(self, a, V::Shl, n),
            Op::Shr(a, n) => self.shift_right(id, a, n),
            Op::Sum(a) => {
                let elements = (0..self.ty(a).count).map(|i| self.element(a, i));
                let sum = elements.reduce(|x, y| binary(x, V::Add, y)).expect("a bundle has elements");
                self.set(id, sum);
            }
            Op::Mux(s, t, f) => {
                self.follow(id, sources);
                self.choose(id, self.value(s), self.value(t), Some(self.value(f)));
            }
            Op::Slice(a, lo) => self.set(id, self.part(a, lo, ty.width)),
            Op::Elements(a, start) => self.set(id, self.part(a, start * ty.width, ty.bits())),
            Op::Concat(ref parts) => self.side_by_side(id, parts.iter().rev()),
            Op::Bundle(ref parts) => self.side_by_side(id, parts.iter()),
            Op::Broadcast(a) => {
                let copies = ty.count / self.ty(a).count;
                self.side_by_side(id, std::iter::repeat_n(&a, copies as usize));
            }
            Op::Table(index, ref rows) => {
                self.follow(id, sources);
                self.table(id, index, rows);
            }
            Op::Lzc(a) => {
                self.follow(id, sources);
                self.leading_zeros(id, a);
            }
            Op::RegQ(r) => self.set(id, signal(register_signal(self.module, r, "q"))),
            Op::FileRead(f, _) => {
                self.follow(id, sources);
                self.set(id, signal(file_signal(self.module, f, "q")));
            }
            Op::MemRead(m) => self.set(id, signal(memory_signal(self.module, m, "q"))),
            Op::InstOut(inst, port) => {
                self.follow(id, sources);
                self.instance_output(id, inst, port);
            }
        }
    }

    fn constant(&mut self, id: NodeId, ty: Type, pattern: u64) {
        for i in 0..ty.count {
            self.set_part(id, i * ty.width, ty.width, number(pattern));
        }
    }

    /// rust-hdl's tree has no arithmetic shift: the complement of a negative number is shifted instead.
    fn shift_right(&mut self, id: NodeId, a: NodeId, n: NodeId) {
        self.follow(id, &[a, n]);
        let shifted = |e| binary(e, VerilogOp::Shr, self.value(n));
        let plain = shifted(self.value(a));
        if !self.ty(a).signed {
            return self.set(id, plain);
        }
        let not = |e| unary(VerilogOpUnary::Not, paren(e));
        let negative = not(shifted(paren(not(self.value(a)))));
        let sign = self.part(a, self.ty(a).width - 1, 1);
        self.choose(id, sign, negative, Some(plain));
    }

    fn table(&mut self, id: NodeId, index: NodeId, rows: &[u64]) {
        let width = self.ty(index).width;
        let case = |(i, &row): (usize, &u64)| {
            let condition = if i + 1 == rows.len() { "default".into() } else { format!("{width}'d{i}") };
            VerilogCase { condition, block: self.block_of(id, number(row)) }
        };
        let cases = rows.iter().enumerate().map(case).collect();
        self.block.push(VerilogStatement::Match(VerilogMatch { test: self.value(index), cases }));
    }

    /// The highest set bit is the last to be looked at.
    fn leading_zeros(&mut self, id: NodeId, a: NodeId) {
        let width = self.ty(a).width;
        self.set(id, number(width.into()));
        for i in 0..width {
            self.choose(id, self.part(a, i, 1), number((width - 1 - i).into()), None);
        }
    }

    fn instance_output(&mut self, id: NodeId, inst: InstId, port: PortId) {
        let instance = &self.module.instances[inst.index()];
        let port = &self.design.module(instance.module).ports[port.index()];
        for copy in 0..instance.count {
            let output = signal(format!("{}${}", instance_name(instance, copy), port.name));
            self.set_part(id, copy * port.ty.bits(), port.ty.bits(), output);
        }
    }

    // ---- what is not a node ----

    /// The inputs and outputs of registers, register files and memories: signals at blocks inside the module.
    fn state(&mut self) {
        let module = self.module;
        for (i, r) in module.registers.iter().enumerate() {
            let name = |pin: &str| register_signal(module, RegId(i as u32), pin);
            self.output_pin(name("q"), r.ty, r.next.is_some());
            self.input_pins(&[("d", r.next), ("en", r.enable)], name);
        }
        for (i, f) in module.files.iter().enumerate() {
            let name = |pin: &str| file_signal(module, FileId(i as u32), pin);
            self.output_pin(name("q"), f.ty, f.write.is_some());
            self.write_pins(f.write, name);
        }
        for (i, m) in module.memories.iter().enumerate() {
            let name = |pin: &str| memory_signal(module, MemId(i as u32), pin);
            self.output_pin(name("q"), m.ty, m.write.is_some() && m.read.is_some());
            self.write_pins(m.write, name);
            self.input_pins(&[("raddr", m.read.map(|r| r.0)), ("ren", m.read.map(|r| r.1))], name);
        }
    }

    fn output_pin(&mut self, name: String, ty: Type, driven: bool) {
        self.local(name, ty, AtomKind::StubOutputSignal, driven, None);
    }

    fn write_pins(&mut self, write: Option<FileWrite>, name: impl Fn(&str) -> String) {
        let pins = [
            ("waddr", write.map(|w| w.addr)),
            ("wdata", write.map(|w| w.data)),
            ("wen", write.map(|w| w.enable)),
        ];
        self.input_pins(&pins, name);
    }

    fn input_pins(&mut self, pins: &[(&str, Option<NodeId>)], name: impl Fn(&str) -> String) {
        for &(pin, node) in pins {
            let Some(node) = node else { continue };
            self.local(name(pin), self.ty(node), AtomKind::StubInputSignal, true, None);
            self.assign(signal(name(pin)), self.value(node));
        }
    }

    fn instances(&mut self) {
        for instance in &self.module.instances {
            let kind = self.design.module(instance.module);
            for copy in 0..instance.count {
                let name = instance_name(instance, copy);
                for ((_, port), connection) in kind.inputs().zip(&instance.inputs) {
                    let n = port.ty.bits();
                    let value = match *connection {
                        Connection::Broadcast(node) => self.part(node, 0, n),
                        Connection::Sliced(node) => self.part(node, copy * n, n),
                    };
                    self.assign(signal(format!("{name}${}", port.name)), value);
                }
                if kind.has_clock {
                    self.assign(signal(format!("{name}$clk")), signal("clk"));
                }
                if kind.has_reset {
                    let reset = self.design.reset.port();
                    self.assign(signal(format!("{name}${reset}")), signal(reset));
                }
            }
        }
    }

    /// A port is assigned from its node, unless it is the input that the node stands for.
    fn ports(&mut self) {
        for (i, port) in self.module.ports.iter().enumerate() {
            if self.module.node(port.node).op != Op::Input(PortId(i as u32)) {
                self.assign(signal(&*port.name), self.value(port.node));
            }
        }
    }
}

fn register_signal(module: &Module, id: RegId, pin: &str) -> String {
    format!("{}$r{}${pin}", module.registers[id.index()].name, id.0)
}

fn file_signal(module: &Module, id: FileId, pin: &str) -> String {
    format!("{}$f{}${pin}", module.files[id.index()].name, id.0)
}

fn memory_signal(module: &Module, id: MemId, pin: &str) -> String {
    format!("{}$m{}${pin}", module.memories[id.index()].name, id.0)
}
