//! One instance of a module as a rust-hdl block, with the instances below it.

use super::atom::{PortAtom, SignalAtom};
use super::bridge::{Bridge, Kind};
use super::lower::instance_name;
use crate::design::ResetKind;
use crate::error::Error;
use crate::interpret::Interpreter;
use crate::module::*;
use crate::ty::Type;
use ::rust_hdl::core::signal::get_signal_id;
use ::rust_hdl::prelude::{BlackBox, Block, Logic, Probe, Verilog, simulate};
use std::sync::OnceLock;

/// How far below a block there are blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Only ports.
    Ports,
    /// Blocks that have only ports.
    Below,
    /// Everything.
    Full,
}

/// An instance of a module: a rust-hdl block whose ports have widths known at run time.
///
/// Updates follow rust-hdl's rules: outputs show at once, inputs a delta cycle later, and state that loads at a clock
/// edge shows in the delta cycle after the edge has gone on to the blocks below.
#[derive(Debug)]
pub struct ModuleBlock {
    bridge: Bridge,
    kind: ModuleId,
    has_text: bool,
    is_outline: bool,
    /// In the order of the module, then the clock and the reset if it has them.
    ports: Vec<PortAtom>,
    interpreter: Interpreter,
    children: Vec<Child>,
    clock_was_high: bool,
    /// The state or the power-up values have not been evaluated yet.
    is_stale: bool,
    /// The next update may change something.
    is_active: bool,
    has_changed: bool,
    local_ids: OnceLock<Vec<usize>>,
}

#[derive(Debug)]
struct Child {
    name: String,
    instance: InstId,
    copy: u32,
    block: ModuleBlock,
}

impl ModuleBlock {
    pub(super) fn new(bridge: &Bridge, id: ModuleId, depth: Depth) -> ModuleBlock {
        let kind = bridge.kind(id);
        let module = kind.module();
        let mut ports: Vec<PortAtom> = module.ports.iter().map(PortAtom::of).collect();
        let pin = |name: &str| PortAtom::new(name, Type::unsigned(1), Direction::Input);
        ports.extend(module.has_clock.then(|| pin("clk")));
        ports.extend(module.has_reset.then(|| pin(bridge.design().reset.port())));
        let below = match depth {
            Depth::Ports => None,
            Depth::Below => Some(Depth::Ports),
            Depth::Full => Some(Depth::Full),
        };
        let instances = (0..).map(InstId).zip(&module.instances).filter(|_| below.is_some());
        let copies = instances.flat_map(|(id, inst)| (0..inst.count).map(move |copy| (id, inst, copy)));
        let child = |(instance, inst, copy): (InstId, &Instance, u32)| Child {
            name: instance_name(inst, copy),
            instance,
            copy,
            block: ModuleBlock::new(bridge, inst.module, below.unwrap_or(Depth::Ports)),
        };
        ModuleBlock {
            bridge: bridge.clone(),
            kind: id,
            has_text: kind.claim_text(),
            is_outline: depth == Depth::Ports,
            ports,
            interpreter: kind.power_up(),
            children: copies.map(child).collect(),
            clock_was_high: false,
            is_stale: true,
            is_active: true,
            has_changed: false,
            local_ids: OnceLock::new(),
        }
    }

    fn kind(&self) -> &Kind {
        self.bridge.kind(self.kind)
    }

    /// The module it is an instance of.
    pub fn module(&self) -> &Module {
        self.kind().module()
    }

    /// The bridge it comes from.
    pub fn bridge(&self) -> &Bridge {
        &self.bridge
    }

    // ---- for test benches ----

    /// Sets the next value of an input port: a flat bit pattern in 64-bit words, element 0 in the lowest bits.
    pub fn drive(&mut self, port: PortId, pattern: &[u64]) {
        self.set_input(port.index(), pattern, 0);
    }

    /// Sets the next level of the clock, if the module has one.
    pub fn drive_clock(&mut self, high: bool) {
        if let Some(clock) = self.clock_pin() {
            self.set_input(clock, &[u64::from(high)], 0);
        }
    }

    /// Asserts or releases the reset, whatever its polarity, if the module has one.
    pub fn drive_reset(&mut self, asserted: bool) {
        let level = asserted != self.bridge.design().reset.active_low;
        if let Some(reset) = self.reset_pin() {
            self.set_input(reset, &[u64::from(level)], 0);
        }
    }

    /// What a port shows, as a flat bit pattern.
    pub fn value(&self, port: PortId) -> &[u64] {
        &self.ports[port.index()].next
    }

    /// Updates the block until nothing changes any more ([`simulate`]); an error if that does not happen.
    pub fn settle(&mut self) -> Result<(), Error> {
        const LIMIT: usize = 10_000;
        if simulate(self, LIMIT) {
            return Ok(());
        }
        Err(Error::graph(
            &self.module().name,
            format!("rust-hdl: no stable state after {LIMIT} delta cycles"),
        ))
    }

    // ---- ports by position ----

    fn clock_pin(&self) -> Option<usize> {
        self.module().has_clock.then_some(self.module().ports.len())
    }

    fn reset_pin(&self) -> Option<usize> {
        let before = self.module().ports.len() + usize::from(self.module().has_clock);
        self.module().has_reset.then_some(before)
    }

    /// The position of the port, clock or reset of this name, with its direction and width.
    pub(super) fn find(&self, name: &str) -> Option<(usize, Direction, u32)> {
        let at = self.ports.iter().position(|p| &*p.name == name)?;
        Some((at, self.ports[at].direction, self.ports[at].ty.bits()))
    }

    pub(super) fn port_names(&self) -> impl Iterator<Item = &str> {
        self.ports.iter().map(|p| &*p.name)
    }

    pub(super) fn set_input(&mut self, at: usize, pattern: &[u64], lo: u32) {
        self.is_active |= self.ports[at].set(pattern, lo);
    }

    pub(super) fn output(&self, at: usize) -> &[u64] {
        &self.ports[at].next
    }

    fn is_high(&self, pin: Option<usize>) -> bool {
        pin.is_some_and(|pin| self.ports[pin].is_high())
    }

    // ---- update ----

    /// One delta cycle of the block's own logic.
    fn step(&mut self) {
        let clock = self.is_high(self.clock_pin());
        let edge = clock && !self.clock_was_high;
        self.clock_was_high = clock;
        let reset = self
            .reset_pin()
            .is_some_and(|pin| self.ports[pin].is_high() != self.bridge.design().reset.active_low);
        let mut fresh = std::mem::take(&mut self.is_stale);
        fresh |= self.load();
        if reset && self.bridge.design().reset.kind == ResetKind::Async {
            fresh |= self.interpreter.reset();
        }
        if fresh {
            self.interpreter.evaluate();
        }
        if edge {
            self.interpreter.clock(reset);
            self.is_stale = true;
        } else if fresh {
            self.show();
        }
        self.forward_pins();
    }

    /// Takes in what has changed at the inputs and in the blocks below; says whether anything is new.
    fn load(&mut self) -> bool {
        let mut fresh = false;
        for (i, port) in self.ports.iter().enumerate().take(self.interpreter.module().ports.len()) {
            if port.direction == Direction::Input && port.changed {
                fresh |= self.interpreter.set_input(PortId(i as u32), &port.value);
            }
        }
        let kind = self.bridge.kind(self.kind);
        for child in self.children.iter().filter(|c| c.block.has_changed) {
            for &(node, port) in kind.instance_outputs(child.instance) {
                let port = &child.block.ports[port.index()];
                fresh |= self.interpreter.set_instance_output(node, child.copy, &port.next, port.ty.bits());
            }
        }
        fresh
    }

    /// Puts the evaluated values on the outputs and on the inputs of the blocks below.
    fn show(&mut self) {
        let module = self.interpreter.module();
        for (i, port) in module.outputs() {
            self.ports[i.index()].set(self.interpreter.node(port.node), 0);
        }
        for child in &mut self.children {
            let connections = &module.instances[child.instance.index()].inputs;
            for (at, connection) in self.bridge.kind(child.block.kind).inputs().zip(connections) {
                let lo = match connection {
                    Connection::Broadcast(_) => 0,
                    Connection::Sliced(_) => child.copy * child.block.ports[at].ty.bits(),
                };
                child.block.set_input(at, self.interpreter.node(connection.node()), lo);
            }
        }
    }

    fn forward_pins(&mut self) {
        let [clock, reset] = [self.clock_pin(), self.reset_pin()];
        let level = |pin: Option<usize>| [u64::from(pin.is_some_and(|pin| self.ports[pin].is_high()))];
        let [clock, reset] = [level(clock), level(reset)];
        for child in &mut self.children {
            if let Some(pin) = child.block.clock_pin() {
                child.block.set_input(pin, &clock, 0);
            }
            if let Some(pin) = child.block.reset_pin() {
                child.block.set_input(pin, &reset, 0);
            }
        }
    }

    // ---- what rust-hdl's probes see ----

    pub(super) fn accept_ports(&self, probe: &mut dyn Probe) {
        for port in &self.ports {
            probe.visit_atom(&port.name, &port.atom());
        }
    }

    /// Everything but the ports.
    pub(super) fn accept_inside(&self, probe: &mut dyn Probe) {
        if !self.is_outline && !self.bridge.is_emitting() {
            self.accept_locals(probe);
        }
        for child in &self.children {
            child.block.accept(&child.name, probe);
        }
    }

    fn accept_locals(&self, probe: &mut dyn Probe) {
        let locals = &self.bridge.lowered(self.kind).locals;
        let ids = self.local_ids.get_or_init(|| locals.iter().map(|_| get_signal_id()).collect());
        for (local, &id) in locals.iter().zip(ids) {
            let unknown = vec![0; crate::bits::words(local.ty.bits())];
            let value = local.node.map_or(&unknown[..], |node| self.interpreter.node(node));
            let atom = SignalAtom {
                ty: local.ty,
                kind: local.kind,
                id,
                connected: local.driven,
                changed: false,
                value,
            };
            probe.visit_atom(&local.name, &atom);
        }
    }
}

impl Logic for ModuleBlock {
    fn update(&mut self) {
        if self.is_active {
            self.step();
        }
    }

    /// A module drives its outputs and the inputs of the instances below it.
    fn connect(&mut self) {
        let is_driving = |p: &&mut PortAtom| p.direction == Direction::Output;
        self.ports.iter_mut().filter(is_driving).for_each(|p| p.connected = true);
        let module = self.interpreter.module();
        for child in &mut self.children {
            let connected = module.instances[child.instance.index()].inputs.len();
            let child = &mut child.block;
            let pins = [(child.clock_pin(), module.has_clock), (child.reset_pin(), module.has_reset)];
            for at in self.bridge.kind(child.kind).inputs().take(connected) {
                child.ports[at].connected = true;
            }
            for (pin, has) in pins {
                pin.into_iter().for_each(|pin| child.ports[pin].connected = has);
            }
        }
    }

    fn hdl(&self) -> Verilog {
        if self.is_outline {
            return Verilog::Empty;
        }
        match self.bridge.text(self.kind) {
            None => Verilog::Combinatorial(self.bridge.lowered(self.kind).block.clone()),
            Some(text) => Verilog::Blackbox(BlackBox {
                code: if self.has_text { text.into() } else { String::new() },
                name: crate::verilog::identifier(&self.module().name),
            }),
        }
    }
}

impl Block for ModuleBlock {
    fn connect_all(&mut self) {
        self.connect();
        self.children.iter_mut().for_each(|c| c.block.connect_all());
    }

    fn update_all(&mut self) {
        if !self.is_active {
            self.has_changed = false;
            return;
        }
        self.update();
        let mut changed = self.is_stale;
        for port in &mut self.ports {
            changed |= port.latch();
        }
        for child in &mut self.children {
            child.block.update_all();
            changed |= child.block.has_changed;
        }
        (self.has_changed, self.is_active) = (changed, changed);
    }

    fn has_changed(&self) -> bool {
        self.has_changed
    }

    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_start_scope(name, self);
        self.accept_ports(probe);
        self.accept_inside(probe);
        probe.visit_end_scope(name, self);
    }
}
