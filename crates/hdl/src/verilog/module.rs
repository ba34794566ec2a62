//! The text of one module.

use super::expr::{Expr, Operand, literal, operation};
use super::function::Functions;
use super::layout::{aligned, comment, range, statement};
use super::names::{Names, identifier};
use super::plan::{Plan, Read};
use crate::design::Design;
use crate::module::*;
use std::collections::HashSet;

/// Longer expressions get a wire of their own.
const INLINE_COLUMNS: usize = 60;

/// A declared name.
struct Net {
    name: String,
    width: u32,
    /// Ranges of bits read so far.
    read: Vec<(u32, u32)>,
}

/// Writes one module; the fields below `names` grow in the order of the finished text.
pub(super) struct Writer<'d> {
    pub(super) design: &'d Design,
    pub(super) module: &'d Module,
    plan: Plan<'d>,
    pub(super) names: Names,
    functions: Functions,
    /// Declared nodes.
    nets: Vec<Option<Net>>,
    /// Nodes written where they are used.
    inline: Vec<Option<Expr>>,
    /// Arrays of files and memories.
    pub(super) file_names: Vec<String>,
    pub(super) memory_names: Vec<String>,
    /// Registers, and the read registers of memories.
    pub(super) register_names: Vec<String>,
    pub(super) rdata_names: Vec<String>,
    /// Names for nodes that have none of their own: the register or output they drive.
    hints: Vec<Option<String>>,
    /// For nodes that are written under the name of an output port: its name.
    outputs: Vec<Option<String>>,
    pub(super) declarations: String,
    pub(super) body: String,
}

/// The module, from its comment to `endmodule`.
pub(super) fn text(design: &Design, module: &Module) -> String {
    let mut writer = Writer::new(design, module);
    writer.declare_state();
    writer.declare_wires();
    writer.write_nodes();
    writer.drive_wires();
    writer.write_state();
    writer.drive_outputs();
    let unused = writer.unused();
    let latency = match module.latency() {
        0 => String::new(),
        1 => comment("Latency: 1 cycle."),
        n => comment(&format!("Latency: {n} cycles.")),
    };
    let name = identifier(&module.name);
    let sections = [writer.functions.text(), &writer.declarations, &writer.body, &unused].join("\n");
    format!(
        "{}{latency}module {name} (\n{}\n);\n{}endmodule\n",
        comment(&format!("{name}: {}", module.doc)),
        ports(design, module).join(",\n"),
        single_spaced(&sections),
    )
}

/// The text without blank lines at its ends or in a row.
fn single_spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if !(line.is_empty() && (out.is_empty() || out.ends_with("\n\n"))) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

/// ANSI port declarations, names aligned.
fn ports(design: &Design, module: &Module) -> Vec<String> {
    let implicit = [(module.has_clock, "clk"), (module.has_reset, design.reset.port())];
    let implicit = implicit.iter().filter(|(used, _)| *used);
    let mut rows: Vec<(String, String)> =
        implicit.map(|(_, name)| ("  input  wire ".to_string(), name.to_string())).collect();
    rows.extend(module.ports.iter().map(|port| {
        let direction = match port.direction {
            Direction::Input => "input ",
            Direction::Output => "output",
        };
        (format!("  {direction} wire {}", range(port.ty.bits())), identifier(&port.name))
    }));
    aligned(&rows)
}

impl<'d> Writer<'d> {
    fn new(design: &'d Design, module: &'d Module) -> Self {
        let n = module.nodes.len();
        let mut writer = Writer {
            design,
            module,
            plan: Plan::new(module),
            names: Names::default(),
            functions: Functions::default(),
            nets: (0..n).map(|_| None).collect(),
            inline: vec![None; n],
            file_names: vec![],
            memory_names: vec![],
            register_names: vec![],
            rdata_names: vec![],
            outputs: vec![None; n],
            hints: vec![None; n],
            declarations: String::new(),
            body: String::new(),
        };
        for port in &module.ports {
            let name = writer.names.unique(&port.name);
            if port.direction == Direction::Input {
                writer.add_net(port.node, name);
            }
        }
        writer.find_hints();
        writer.find_outputs();
        writer
    }

    fn find_hints(&mut self) {
        for register in &self.module.registers {
            if let Some(next) = register.next {
                self.hints[next.index()].get_or_insert(format!("{}_d", register.name));
            }
        }
    }

    /// An expression without a name of its own takes that of the first output port it drives.
    fn find_outputs(&mut self) {
        for (_, port) in self.module.outputs() {
            let node = self.module.node(port.node);
            let fits = node.name.as_ref().is_none_or(|name| *name == port.name);
            let own = self.plan.whole(port.node).piece.base == port.node;
            if fits && own && !is_source(&node.op) && !self.plan.is_constant(port.node) {
                self.outputs[port.node.index()].get_or_insert(identifier(&port.name));
            }
        }
    }

    pub(super) fn add_net(&mut self, id: NodeId, name: String) {
        let width = self.plan.width(id);
        self.nets[id.index()] = Some(Net { name, width, read: vec![] });
    }

    // ---- reading nodes ----

    /// The text of a whole node.
    pub(super) fn value(&mut self, id: NodeId) -> Expr {
        self.reference(self.plan.whole(id))
    }

    /// The text of an address into an array of `depth` entries.
    pub(super) fn address(&mut self, addr: NodeId, depth: u32) -> Expr {
        self.reference(self.plan.address(addr, depth))
    }

    /// The name a node is declared under.
    pub(super) fn net_name(&self, id: NodeId) -> String {
        self.nets[id.index()].as_ref().expect("declared").name.clone()
    }

    /// A declared name with the place of the node's bits in it, `None` for constants; all bits count as read.
    pub(super) fn place(&mut self, id: NodeId) -> Option<(String, u32)> {
        let piece = self.plan.whole(id).piece;
        let net = self.nets[piece.base.index()].as_mut()?;
        net.read.push((piece.lo, piece.lo + piece.width));
        Some((net.name.clone(), piece.lo))
    }

    /// Whether a node can be read at this point of the text.
    fn is_ready(&self, id: NodeId) -> bool {
        let base = self.plan.whole(id).piece.base;
        self.plan.is_constant(base)
            || self.nets[base.index()].is_some()
            || self.inline[base.index()].is_some()
    }

    fn reference(&mut self, read: Read) -> Expr {
        let base = read.piece.base;
        if let Some(bits) = self.plan.constant(read) {
            return self.constant(base, &bits);
        }
        let missing = read.to - read.piece.width;
        let bits = self.bits(base, read.piece.lo, read.piece.width);
        if missing == 0 {
            return bits;
        }
        let fill = if read.signed {
            let sign = self.bits(base, read.piece.lo + read.piece.width - 1, 1);
            Expr::replicate(missing, &sign)
        } else {
            literal(&vec![false; missing as usize])
        };
        Expr::concat(&[fill, bits])
    }

    fn bits(&mut self, base: NodeId, lo: u32, width: u32) -> Expr {
        let Some(net) = &mut self.nets[base.index()] else {
            return self.inline[base.index()].clone().expect("operands are written before their readers");
        };
        net.read.push((lo, lo + width));
        let name = &net.name;
        Expr::atom(match (net.width == width, width) {
            (true, _) => name.clone(),
            (_, 1) => format!("{name}[{lo}]"),
            _ => format!("{name}[{}:{lo}]", lo + width - 1),
        })
    }

    /// A constant; long bundles of one pattern as a replication.
    fn constant(&self, base: NodeId, bits: &[bool]) -> Expr {
        let width = self.module.node(base).ty.width as usize;
        let repeats =
            bits.len().is_multiple_of(width) && bits.chunks(width).all(|element| element == &bits[..width]);
        if bits.len() > 64 && bits.contains(&true) && repeats {
            return Expr::replicate((bits.len() / width) as u32, &literal(&bits[..width]));
        }
        literal(bits)
    }

    // ---- nodes ----

    /// Forward-declared wires, and the results of instances that are not placed yet.
    fn declare_wires(&mut self) {
        for (i, node) in self.module.nodes.iter().enumerate() {
            let id = NodeId(i as u32);
            if let Op::Wire(_) = node.op {
                let name = self.outputs[i].clone().unwrap_or_else(|| {
                    let name = self.fresh_name(id);
                    self.declarations.push_str(&format!("  wire {}{name};\n", range(self.plan.width(id))));
                    name
                });
                self.add_net(id, name);
            }
        }
    }

    fn drive_wires(&mut self) {
        for (i, node) in self.module.nodes.iter().enumerate() {
            if let Op::Wire(Some(driver)) = node.op {
                let value = self.value(driver);
                let name = self.nets[i].as_ref().map(|n| n.name.clone()).expect("declared first");
                self.body.push_str(&statement(2, &format!("assign {name} = {};", value.text())));
            }
        }
    }

    fn write_nodes(&mut self) {
        let mut placed = vec![false; self.module.instances.len()];
        let outputs = self.instance_outputs();
        for (i, node) in self.module.nodes.iter().enumerate() {
            let id = NodeId(i as u32);
            if let Op::InstOut(inst, _) = node.op {
                if self.nets[i].is_none() {
                    self.declare_instance_outputs(&outputs[inst.index()]);
                    placed[inst.index()] = self.try_place(inst, &outputs[inst.index()]);
                }
            } else if self.is_written(id) {
                self.write_node(id);
            }
        }
        for i in (0..placed.len()).filter(|&i| !placed[i]) {
            self.write_instance(InstId(i as u32), &outputs[i]);
        }
    }

    /// The node is an expression that somebody reads as it is.
    fn is_written(&self, id: NodeId) -> bool {
        let op = &self.module.node(id).op;
        let expression = !is_source(op) && !matches!(op, Op::Wire(_)) && !self.plan.is_constant(id);
        expression && self.plan.uses(id) > 0 && self.plan.whole(id).piece.base == id
    }

    /// For each instance, the ports somebody reads and the nodes that read them.
    fn instance_outputs(&self) -> Vec<Vec<(PortId, NodeId)>> {
        let mut outputs = vec![vec![]; self.module.instances.len()];
        for (i, node) in self.module.nodes.iter().enumerate() {
            if let Op::InstOut(inst, port) = node.op {
                outputs[inst.index()].push((port, NodeId(i as u32)));
            }
        }
        outputs
    }

    fn declare_instance_outputs(&mut self, outputs: &[(PortId, NodeId)]) {
        self.body.push('\n');
        for &(_, id) in outputs {
            let name = self.fresh_name(id);
            self.body.push_str(&format!("  wire {}{name};\n", range(self.plan.width(id))));
            self.add_net(id, name);
        }
    }

    /// Places an instance if all its inputs are written already.
    fn try_place(&mut self, inst: InstId, outputs: &[(PortId, NodeId)]) -> bool {
        let ready = self.module.instances[inst.index()].inputs.iter().all(|c| self.is_ready(c.node()));
        if ready {
            self.write_instance(inst, outputs);
        }
        ready
    }

    fn write_node(&mut self, id: NodeId) {
        let expr = self.node_text(id);
        let node = self.module.node(id);
        let alone = self.plan.uses(id) == 1 && expr.text().len() <= INLINE_COLUMNS;
        let trivial = matches!(node.op, Op::Not(_)) && expr.is_simple();
        let named = node.name.is_some() || self.plan.is_declared(id);
        if !named && (alone || trivial) && !stands_alone(&node.op, expr.text()) {
            self.inline[id.index()] = Some(expr);
            return;
        }
        let width = self.plan.width(id);
        let (keyword, name) = match self.outputs[id.index()].clone() {
            Some(port) => ("assign ".to_string(), port),
            None => (format!("wire {}", range(width)), self.fresh_name(id)),
        };
        self.body.push_str(&statement(2, &format!("{keyword}{name} = {};", expr.text())));
        self.add_net(id, name);
    }

    fn node_text(&mut self, id: NodeId) -> Expr {
        let node = self.module.node(id);
        let reads = self.plan.reads(id);
        let operands: Vec<Operand> = reads.into_iter().map(|r| (r, self.reference(r))).collect();
        match &node.op {
            Op::Table(index, rows) => {
                let hint =
                    node.name.as_ref().map_or(format!("table_{}", id.0), |name| format!("{name}_table"));
                let index = self.module.node(*index).ty.bits();
                let table = self.functions.table(&mut self.names, rows, index, node.ty.width, &hint);
                Expr::call(&table, &operands[0].1)
            }
            Op::Lzc(x) => {
                let width = self.module.node(*x).ty.bits();
                let function = self.functions.lzc(&mut self.names, width);
                Expr::call(&function, &operands[0].1)
            }
            Op::FileRead(file, _) => {
                let name = &self.file_names[file.index()];
                Expr::atom(format!("{name}[{}]", operands[0].1.text()))
            }
            Op::Broadcast(a) => {
                operation(&node.op, &operands, node.ty.bits() / self.module.node(*a).ty.bits())
            }
            op => operation(op, &operands, 1),
        }
    }

    /// What a node is called: its own name, what it drives, or its operation and number.
    fn base_name(&self, id: NodeId) -> String {
        let node = self.module.node(id);
        match (&node.name, &self.hints[id.index()]) {
            (Some(name), _) => name.to_string(),
            (None, Some(hint)) => hint.clone(),
            (None, None) => format!("{}_{}", node.op.mnemonic(), id.0),
        }
    }

    fn fresh_name(&mut self, id: NodeId) -> String {
        let name = self.base_name(id);
        self.names.unique(&name)
    }

    // ---- end ----

    fn drive_outputs(&mut self) {
        let mut lines = vec![];
        for (_, port) in self.module.outputs() {
            let name = identifier(&port.name);
            let is_port = |net: &Net| net.name == name;
            if !self.nets[port.node.index()].as_ref().is_some_and(is_port) {
                let value = self.value(port.node);
                lines.push((format!("assign {name}"), value));
            }
        }
        let column = lines.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
        let lines =
            lines.iter().map(|(left, value)| statement(2, &format!("{left:column$} = {};", value.text())));
        let lines: String = lines.collect();
        if !lines.is_empty() {
            self.body.push('\n');
            self.body.push_str(&lines);
        }
    }

    /// One wire per declared name for the bits of it that nobody reads.
    fn unused(&mut self) -> String {
        let mut out = String::new();
        let outputs: HashSet<String> = self.module.outputs().map(|(_, p)| identifier(&p.name)).collect();
        for i in 0..self.nets.len() {
            let Some(net) = &mut self.nets[i] else { continue };
            let gaps = gaps(&mut net.read, net.width);
            if gaps.is_empty() || outputs.contains(&net.name) {
                continue;
            }
            let select = |&(lo, hi): &(u32, u32)| match (hi - lo == net.width, hi - lo) {
                (true, _) => net.name.clone(),
                (_, 1) => format!("{}[{lo}]", net.name),
                _ => format!("{}[{}:{lo}]", net.name, hi - 1),
            };
            let parts: Vec<Expr> = gaps.iter().rev().map(|g| Expr::atom(select(g))).collect();
            let one = gaps.len() == 1 && gaps[0].1 - gaps[0].0 == 1;
            let reduce = if one { "" } else { "^" };
            let name = self.names.unique(&format!("unused_{}", net.name));
            out.push_str(&statement(2, &format!("wire {name} = {reduce}{};", Expr::concat(&parts).text())));
        }
        out
    }
}

/// The parts of `0 .. width` that no range covers.
fn gaps(read: &mut [(u32, u32)], width: u32) -> Vec<(u32, u32)> {
    read.sort_unstable();
    let mut gaps = vec![];
    let mut at = 0;
    for &mut (lo, hi) in read {
        if lo > at {
            gaps.push((at, lo));
        }
        at = at.max(hi);
    }
    if at < width {
        gaps.push((at, width));
    }
    gaps
}

/// Not an expression over operands.
const fn is_source(op: &Op) -> bool {
    matches!(op, Op::Const(_) | Op::Input(_) | Op::RegQ(_) | Op::MemRead(_) | Op::InstOut(..))
}

/// An expression that is right only as the whole right-hand side of its own declaration: a product takes its width
/// from there, and an arithmetic shift would lose its sign in an unsigned context.
fn stands_alone(op: &Op, text: &str) -> bool {
    match op {
        Op::Mul(..) | Op::FileRead(..) => true,
        Op::Shr(..) => text.starts_with("$signed"),
        _ => false,
    }
}
