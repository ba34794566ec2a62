//! Registers, register files, memories and instances.

use super::expr::Expr;
use super::function::pattern;
use super::layout::{range, statement};
use super::module::Writer;
use super::names::identifier;
use crate::design::ResetKind;
use crate::module::*;
use std::fmt::Write;

impl Writer<'_> {
    /// Declares registers, arrays and the read registers of memories.
    pub(super) fn declare_state(&mut self) {
        let module = self.module;
        let mut out = String::new();
        let reg_nodes = self.nodes_of(module.registers.len(), |op| match op {
            Op::RegQ(r) => Some(r.index()),
            _ => None,
        });
        for (register, node) in module.registers.iter().zip(reg_nodes) {
            let name = self.register_name(&register.name);
            let _ = writeln!(out, "  reg {}{name};", range(register.ty.bits()));
            node.into_iter().for_each(|id| self.add_net(id, name.clone()));
            self.register_names.push(name);
        }
        for file in &module.files {
            let name = self.register_name(&file.name);
            let _ = writeln!(out, "  reg {}{name} [0:{}];", range(file.ty.bits()), file.depth - 1);
            self.file_names.push(name);
        }
        let read_nodes = self.nodes_of(module.memories.len(), |op| match op {
            Op::MemRead(m) => Some(m.index()),
            _ => None,
        });
        for (memory, node) in module.memories.iter().zip(read_nodes) {
            let name = self.names.unique(&memory.name);
            let _ = writeln!(out, "  reg {}{name} [0:{}];", range(memory.ty.bits()), memory.depth - 1);
            let data = self.register_name(&format!("{}_rdata", memory.name));
            let _ = writeln!(out, "  reg {}{data};", range(memory.ty.bits()));
            node.into_iter().for_each(|id| self.add_net(id, data.clone()));
            self.memory_names.push(name);
            self.rdata_names.push(data);
        }
        self.declarations.push_str(&out);
    }

    fn register_name(&mut self, base: &str) -> String {
        let suffix = if base.ends_with("_q") { "" } else { "_q" };
        self.names.unique(&format!("{base}{suffix}"))
    }

    /// The node of each register, or of each memory.
    fn nodes_of(&self, count: usize, which: impl Fn(&Op) -> Option<usize>) -> Vec<Option<NodeId>> {
        let mut nodes = vec![None; count];
        for (i, node) in self.module.nodes.iter().enumerate() {
            if let Some(at) = which(&node.op) {
                nodes[at] = Some(NodeId(i as u32));
            }
        }
        nodes
    }

    /// The clocked blocks.
    pub(super) fn write_state(&mut self) {
        let module = self.module;
        let (with_reset, without): (Vec<_>, Vec<_>) =
            (0..module.registers.len()).partition(|&r| module.registers[r].reset.is_some());
        let loads: Vec<Load> = with_reset.iter().map(|&r| self.load(r)).collect();
        if !loads.is_empty() {
            let text = self.reset_block(&with_reset, &loads);
            self.body.push_str(&text);
        }
        let loads: Vec<Load> = without.iter().map(|&r| self.load(r)).collect();
        if !loads.is_empty() {
            let text = format!("\n  always @(posedge clk) begin\n{}  end\n", assignments(4, &loads));
            self.body.push_str(&text);
        }
        for (i, file) in module.files.iter().enumerate() {
            let Some(write) = file.write else { continue };
            let line = self.write_statement(write, &self.file_names[i].clone(), file.depth);
            self.body.push_str(&format!("\n  always @(posedge clk) begin\n{}  end\n", statement(4, &line)));
        }
        for i in 0..module.memories.len() {
            let text = self.memory_block(i);
            self.body.push_str(&text);
        }
    }

    fn load(&mut self, r: usize) -> Load {
        let register = &self.module.registers[r];
        let next = register.next.expect("validated: registers are driven");
        Load {
            name: self.register_names[r].clone(),
            enable: register.enable.map(|e| self.value(e)),
            value: self.value(next),
        }
    }

    fn reset_block(&self, registers: &[usize], loads: &[Load]) -> String {
        let reset = self.design.reset;
        let (edge, active) = if reset.active_low { ("negedge", "!rst_n") } else { ("posedge", "rst") };
        let sensitivity = match reset.kind {
            ResetKind::Sync => String::new(),
            ResetKind::Async => format!(" or {edge} {}", reset.port()),
        };
        let mut out = format!("\n  always @(posedge clk{sensitivity}) begin\n    if ({active}) begin\n");
        for (&r, load) in registers.iter().zip(loads) {
            let register = &self.module.registers[r];
            let element = pattern(register.reset.expect("has a reset value"), register.ty.width);
            let value = Expr::replicate(register.ty.count, &element);
            out.push_str(&statement(6, &format!("{} <= {};", load.name, value.text())));
        }
        out + "    end else begin\n" + &assignments(6, loads) + "    end\n  end\n"
    }

    fn write_statement(&mut self, write: FileWrite, name: &str, depth: u32) -> String {
        let [enable, data] = [write.enable, write.data].map(|id| self.value(id));
        let addr = self.address(write.addr, depth);
        format!("if ({}) {name}[{}] <= {};", enable.text(), addr.text(), data.text())
    }

    fn memory_block(&mut self, i: usize) -> String {
        let memory = &self.module.memories[i];
        let (Some(write), Some((addr, enable))) = (memory.write, memory.read) else { return String::new() };
        let name = self.memory_names[i].clone();
        let data = self.rdata_names[i].clone();
        let store = self.write_statement(write, &name, memory.depth);
        let enable = self.value(enable);
        let addr = self.address(addr, memory.depth);
        let otherwise = if memory.single_port { "else " } else { "" };
        let load = format!("{otherwise}if ({}) {data} <= {name}[{}];", enable.text(), addr.text());
        format!("\n  always @(posedge clk) begin\n{}{}  end\n", statement(4, &store), statement(4, &load))
    }

    // ---- instances ----

    /// Writes an instance, or a named generate block of them, with wires for the outputs nobody reads.
    pub(super) fn write_instance(&mut self, id: InstId, outputs: &[(PortId, NodeId)]) {
        let instance = &self.module.instances[id.index()];
        let child = self.design.module(instance.module);
        let index = (instance.count > 1).then(|| self.names.unique("i"));
        let mut pins: Vec<(String, String)> = vec![];
        if child.has_clock {
            pins.push(("clk".into(), "clk".into()));
        }
        if child.has_reset {
            pins.push((self.design.reset.port().into(), self.design.reset.port().into()));
        }
        let mut inputs = instance.inputs.iter();
        for (p, port) in child.ports.iter().enumerate() {
            let signal = match port.direction {
                Direction::Input => {
                    let connection = *inputs.next().expect("one connection per input");
                    self.input_pin(connection, instance.count, index.as_deref())
                }
                Direction::Output => {
                    let node = outputs.iter().find(|(at, _)| at.index() == p).map(|(_, node)| *node);
                    self.output_pin(node, instance, port, index.as_deref())
                }
            };
            pins.push((identifier(&port.name), signal));
        }
        let kind = identifier(&child.name);
        let name = self.names.unique(&format!("u_{}", instance.name));
        let text = match index {
            None => connect(2, &kind, &name, &pins),
            Some(i) => {
                let block = self.names.unique(&format!("g_{}", instance.name));
                let count = instance.count;
                format!(
                    "  genvar {i};\n  generate\n    for ({i} = 0; {i} < {count}; {i} = {i} + 1) begin : {block}\n{}    end\n  \
                     endgenerate\n",
                    connect(6, &kind, &name, &pins)
                )
            }
        };
        self.body.push_str(&text);
        self.body.push('\n');
    }

    fn input_pin(&mut self, connection: Connection, count: u32, index: Option<&str>) -> String {
        let (Connection::Sliced(node), Some(index)) = (connection, index) else {
            return self.value(connection.node()).text().to_string();
        };
        let ty = self.module.node(node).ty;
        match self.place(node) {
            Some((name, lo)) => part(&name, lo, ty.bits() / count, index),
            None => {
                let value = self.value(node);
                let name = self.names.unique(&format!("const_{}", node.0));
                self.body
                    .push_str(&statement(2, &format!("wire {}{name} = {};", range(ty.bits()), value.text())));
                part(&name, 0, ty.bits() / count, index)
            }
        }
    }

    fn output_pin(
        &mut self,
        node: Option<NodeId>,
        instance: &Instance,
        port: &Port,
        index: Option<&str>,
    ) -> String {
        let name = match node {
            Some(node) => self.net_name(node),
            None => {
                let name = self.names.unique(&format!("unused_{}_{}", instance.name, port.name));
                let bits = port.ty.bits() * instance.count;
                self.body.push_str(&format!("  wire {}{name};\n", range(bits)));
                name
            }
        };
        index.map_or(name.clone(), |index| part(&name, 0, port.ty.bits(), index))
    }
}

/// A load of a register.
struct Load {
    name: String,
    enable: Option<Expr>,
    value: Expr,
}

/// Non-blocking assignments; neighbours with the same enable share its `if`.
fn assignments(indent: usize, loads: &[Load]) -> String {
    let mut out = String::new();
    let pad = " ".repeat(indent);
    for group in loads.chunk_by(|a, b| a.enable == b.enable) {
        let lines = |indent| {
            group
                .iter()
                .map(|l| statement(indent, &format!("{} <= {};", l.name, l.value.text())))
                .collect::<String>()
        };
        match &group[0].enable {
            None => out.push_str(&lines(indent)),
            Some(enable) if group.len() == 1 => {
                let Load { name, value, .. } = &group[0];
                let line = format!("if ({}) {name} <= {};", enable.text(), value.text());
                out.push_str(&statement(indent, &line));
            }
            Some(enable) => {
                let _ = write!(out, "{pad}if ({}) begin\n{}{pad}end\n", enable.text(), lines(indent + 2));
            }
        }
    }
    out
}

/// The part of a vector that copy `index` of an array is connected to.
fn part(name: &str, lo: u32, width: u32, index: &str) -> String {
    let offset = if lo == 0 { String::new() } else { format!("{lo}+") };
    match width {
        1 => format!("{name}[{offset}{index}]"),
        _ => format!("{name}[{offset}{width}*{index} +: {width}]"),
    }
}

/// An instance with aligned pins.
fn connect(indent: usize, kind: &str, name: &str, pins: &[(String, String)]) -> String {
    let pad = " ".repeat(indent);
    let column = pins.iter().map(|(port, _)| port.len()).max().unwrap_or(0);
    let pins: Vec<String> =
        pins.iter().map(|(port, signal)| format!("{pad}  .{port:column$} ({signal})")).collect();
    format!("{pad}{kind} {name} (\n{}\n{pad});\n", pins.join(",\n"))
}
