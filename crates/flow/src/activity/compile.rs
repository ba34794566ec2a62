//! From a netlist to a program.

use super::clock::{self, ClockNet};
use super::memory::Ram;
use super::ops::{Emitter, Run, Slot, schedule};
use super::probe::{Event, Probe, probes, pulse};
use crate::liberty::{Cell, CellKind, Expr, Library, PinDirection};
use crate::netlist::{Instance, NetId, Netlist, ONE, Port, ZERO};
use std::collections::HashMap;
use std::fmt;

/// A netlist ready to be simulated.
pub struct Program {
    pub(super) ports: Vec<Port>,
    pub(super) clock: Option<NetId>,
    pub(super) nets: usize,
    pub(super) slots: usize,
    /// Slots below this one have a past; the last of them changes in every cycle.
    pub(super) tracked: usize,
    /// What nets and flip-flops follow.
    pub(super) logic: Vec<Run>,
    /// What only the probes look at.
    pub(super) conditions: Vec<Run>,
    pub(super) flops: Vec<Flop>,
    pub(super) memories: Vec<Ram>,
    pub(super) clock_nets: Vec<(NetId, Slot)>,
    pub(super) watches: Vec<Watch>,
}

/// A stored bit.
pub(super) struct Flop {
    /// What it takes at a pulse.
    pub next: Slot,
    /// Whether a pulse comes.
    pub pulse: Slot,
    /// What it keeps without a pulse.
    pub keep: Slot,
    /// The bit.
    pub state: Slot,
}

/// A probe in the terms of the program: counts where `when` is 1 and the event happened.
pub(super) enum Watch {
    /// The cycle passes.
    Level(Slot),
    /// `[net, cause, when]`: a rising edge.
    Rise([Slot; 3]),
    /// `[net, cause, when]`: a falling edge.
    Fall([Slot; 3]),
}

/// Why a netlist cannot be simulated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompileError(String);

impl CompileError {
    pub(super) fn clock_as_data(instance: &str, cell: &str) -> CompileError {
        CompileError(format!(
            "the clock reaches `{instance}` ({cell}); only flip-flops, memories, buffers, inverters and clock gates may be on it"
        ))
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CompileError {}

impl Program {
    /// Compiles a netlist; `clock` is its clock port, if there is one. A port of that name need not exist.
    ///
    /// # Errors
    /// When a net has no driver or several, the logic has a loop, the clock reaches more than flip-flops and memories
    /// through buffers, inverters and clock gates, or a cell has no function (latches).
    pub fn new(netlist: &Netlist, library: &Library, clock: &str) -> Result<Program, CompileError> {
        let clock = netlist.port(clock).map(|port| port.bits[0]);
        let network = clock::network(netlist, library, clock)?;
        let emitter = Emitter::new(netlist.nets.len());
        let mut compiler =
            Compiler { netlist, library, network, emitter, pulses: HashMap::new(), flops: vec![] };
        compiler.check_drivers()?;
        let instances: Vec<Placed<'_>> = netlist.instances.iter().map(|i| compiler.place(i)).collect();
        let always = compiler.emitter.slot();
        for i in compiler.order(&instances)? {
            compiler.logic(&instances[i])?;
        }
        let clock_nets = compiler.clock_nets();
        instances.iter().try_for_each(|placed| compiler.flop(placed))?;
        let memories: Vec<Option<Ram>> =
            instances.iter().map(|placed| compiler.memory(placed)).collect::<Result<_, _>>()?;
        let logic = std::mem::take(&mut compiler.emitter.ops);
        let watches = compiler.watches(&instances, always);
        let slots = compiler.emitter.slots as usize;
        let (logic, conditions) = (schedule(&logic, slots), schedule(&compiler.emitter.ops, slots));
        let (ports, nets, flops) = (netlist.ports.clone(), netlist.nets.len(), compiler.flops);
        let tracked = always as usize + 1;
        let memories = memories.into_iter().flatten().collect();
        Ok(Program {
            ports,
            clock,
            nets,
            slots,
            tracked,
            logic,
            conditions,
            flops,
            memories,
            clock_nets,
            watches,
        })
    }

    /// Word operations per simulated cycle, counts aside.
    pub fn operations(&self) -> usize {
        self.logic.iter().chain(&self.conditions).map(Run::len).sum()
    }

    /// Probes that are counted in every cycle.
    pub fn probes(&self) -> usize {
        self.watches.len()
    }
}

/// An instance with a slot for every pin and for its stored bit.
struct Placed<'n> {
    instance: &'n Instance,
    cell: &'n Cell,
    slots: Vec<Slot>,
}

impl Placed<'_> {
    fn place(&self) -> impl Fn(u32) -> Slot + '_ {
        |variable| self.slots[variable as usize]
    }
}

struct Compiler<'n> {
    netlist: &'n Netlist,
    library: &'n Library,
    network: HashMap<NetId, ClockNet>,
    emitter: Emitter,
    /// Pulse words by the gates on the way.
    pulses: HashMap<Vec<usize>, Slot>,
    flops: Vec<Flop>,
}

impl<'n> Compiler<'n> {
    fn cell(&self, instance: &Instance) -> &'n Cell {
        &self.library.cells()[instance.cell]
    }

    fn check_drivers(&self) -> Result<(), CompileError> {
        let (mut drivers, mut read) =
            (vec![0_u32; self.netlist.nets.len()], vec![false; self.netlist.nets.len()]);
        let mut drive = |net: NetId| drivers[net as usize] += 1;
        [ZERO, ONE].into_iter().for_each(&mut drive);
        for port in &self.netlist.ports {
            match port.input {
                true => port.bits.iter().for_each(|net| drive(*net)),
                false => port.bits.iter().for_each(|net| read[*net as usize] = true),
            }
        }
        for instance in &self.netlist.instances {
            let pins = self.cell(instance).pins.iter().zip(&instance.pins);
            for (pin, net) in pins.filter_map(|(pin, net)| Some((pin, (*net)?))) {
                match pin.direction {
                    PinDirection::Output => drive(net),
                    _ => read[net as usize] = true,
                }
            }
        }
        let wrong = |&net: &usize| drivers[net] > 1 || drivers[net] == 0 && read[net];
        let Some(net) = (0..drivers.len()).find(wrong) else { return Ok(()) };
        let (name, count) = (&self.netlist.nets[net], drivers[net]);
        Err(CompileError(match count {
            0 => format!("nothing drives net `{name}`"),
            _ => format!("net `{name}` has {count} drivers"),
        }))
    }

    /// Slots: the net of a connected pin, 0 on an open input, a slot of its own for an open output. A stored bit lives
    /// on the net of an output that shows it, unless it can be cleared or preset at any time.
    fn place(&mut self, instance: &'n Instance) -> Placed<'n> {
        let cell = self.cell(instance);
        let mut slots: Vec<Slot> = (cell.pins.iter().zip(&instance.pins))
            .map(|(pin, net)| match net {
                Some(net) => *net,
                None if pin.direction == PinDirection::Output => self.emitter.slot(),
                None => ZERO,
            })
            .collect();
        if let CellKind::FlipFlop(ff) = &cell.kind {
            let shows = |&pin: &usize| cell.pins[pin].function == Some(Expr::Var(cell.state()));
            let free = ff.clear.is_none() && ff.preset.is_none();
            let output = cell.pins_of(PinDirection::Output).find(|pin| free && shows(pin));
            let state = output.map_or_else(|| self.emitter.slot(), |pin| slots[pin]);
            slots.push(state);
        }
        Placed { instance, cell, slots }
    }

    fn on_clock(&self, placed: &Placed<'_>) -> bool {
        let inputs = placed.cell.pins_of(PinDirection::Input);
        let gate = matches!(placed.cell.kind, CellKind::ClockGate { .. });
        let combinational = placed.cell.kind == CellKind::Combinational;
        gate || combinational
            && inputs.filter_map(|p| placed.instance.pins[p]).any(|n| self.network.contains_key(&n))
    }

    /// Instances such that every one comes after those whose outputs it needs within the cycle.
    fn order(&self, instances: &[Placed<'_>]) -> Result<Vec<usize>, CompileError> {
        let mut driver = vec![usize::MAX; self.netlist.nets.len()];
        for (i, placed) in instances.iter().enumerate() {
            let outputs = placed.cell.pins_of(PinDirection::Output).filter_map(|p| placed.instance.pins[p]);
            outputs.for_each(|net| driver[net as usize] = i);
        }
        let needs = |i: usize| {
            let placed = &instances[i];
            let pins = placed.cell.pins_of(PinDirection::Input).filter(|&p| through(placed.cell, p));
            let nets = pins.filter_map(|p| placed.instance.pins[p]);
            nets.map(|net| driver[net as usize]).filter(|&d| d != usize::MAX).collect::<Vec<_>>()
        };
        let (mut order, mut waits) = (Vec::with_capacity(instances.len()), vec![0_u32; instances.len()]);
        let mut readers: Vec<Vec<u32>> = vec![vec![]; instances.len()];
        for (i, waits) in waits.iter_mut().enumerate() {
            for needed in needs(i) {
                readers[needed].push(i as u32);
                *waits += 1;
            }
        }
        let mut ready: Vec<usize> = (0..instances.len()).filter(|&i| waits[i] == 0).collect();
        while let Some(i) = ready.pop() {
            order.push(i);
            for &reader in &readers[i] {
                waits[reader as usize] -= 1;
                if waits[reader as usize] == 0 {
                    ready.push(reader as usize);
                }
            }
        }
        match waits.iter().position(|&n| n > 0) {
            Some(i) => Err(CompileError(format!("the logic loops through `{}`", instances[i].instance.name))),
            None => Ok(order),
        }
    }

    /// What the outputs are for given inputs and stored bits.
    fn logic(&mut self, placed: &Placed<'_>) -> Result<(), CompileError> {
        if self.on_clock(placed) {
            return Ok(());
        }
        self.emitter.next_cell();
        let (cell, place) = (placed.cell, placed.place());
        let state = match &cell.kind {
            CellKind::FlipFlop(ff) => ff.seen(cell.state()),
            CellKind::Opaque => {
                let (name, cell) = (&placed.instance.name, &cell.name);
                return Err(CompileError(format!("`{name}` is a {cell}, which has no function to simulate")));
            }
            _ => Expr::Var(cell.state()),
        };
        for pin in cell.pins_of(PinDirection::Output) {
            let Some(function) = &cell.pins[pin].function else { continue };
            let function =
                function.substitute(&|v| if v == cell.state() { state.clone() } else { Expr::Var(v) });
            let lives_here = cell.state() as usize != placed.slots.len()
                && function == Expr::Var(cell.state())
                && placed.slots[pin] == placed.slots[cell.state() as usize];
            if !lives_here {
                self.emitter.expr_to(placed.slots[pin], &function, &place);
            }
        }
        Ok(())
    }

    /// The word that says whether a pulse comes through these gates.
    fn pulse(&mut self, gates: &[usize]) -> Slot {
        let Some((&last, before)) = gates.split_last() else { return ONE };
        if let Some(&known) = self.pulses.get(gates) {
            return known;
        }
        let before = self.pulse(before);
        let instance = &self.netlist.instances[last];
        let CellKind::ClockGate { enables, .. } = &self.cell(instance).kind else {
            unreachable!("only clock gates are noted as gates")
        };
        let any = (1..=enables.len() as u32).fold(Expr::Const(false), |any, i| Expr::or(any, Expr::Var(i)));
        let nets: Vec<Slot> = enables.iter().map(|&pin| instance.pins[pin].unwrap_or(ZERO)).collect();
        let place = |v: u32| if v == 0 { before } else { nets[v as usize - 1] };
        self.emitter.next_cell();
        let pulse = self.emitter.expr(&Expr::and(Expr::Var(0), any), &place);
        self.pulses.insert(gates.to_vec(), pulse);
        pulse
    }

    fn clock_nets(&mut self) -> Vec<(NetId, Slot)> {
        let mut nets: Vec<(NetId, Vec<usize>)> =
            self.network.iter().map(|(net, clock)| (*net, clock.gates.clone())).collect();
        nets.sort();
        nets.into_iter().map(|(net, gates)| (net, self.pulse(&gates))).collect()
    }

    /// The word that says whether a pulse reaches this pin of an instance, which captures on the `falling` edge.
    fn captures(&mut self, placed: &Placed<'_>, pin: usize, falling: bool) -> Result<Slot, CompileError> {
        let name = &placed.instance.name;
        let Some(clock) = placed.instance.pins[pin].and_then(|net| self.network.get(&net).cloned()) else {
            return Err(CompileError(format!("`{name}` is not on the clock")));
        };
        if clock.inverted != falling {
            return Err(CompileError(format!("`{name}` captures on the falling edge of the clock")));
        }
        Ok(self.pulse(&clock.gates))
    }

    /// A memory in the terms of the program.
    fn memory(&mut self, placed: &Placed<'_>) -> Result<Option<Ram>, CompileError> {
        let CellKind::Memory(memory) = &placed.cell.kind else { return Ok(None) };
        let pulse = self.captures(placed, memory.clock, false)?;
        Ok(Some(Ram::new(memory, pulse, &placed.slots)))
    }

    /// What a stored bit becomes.
    fn flop(&mut self, placed: &Placed<'_>) -> Result<(), CompileError> {
        let CellKind::FlipFlop(ff) = &placed.cell.kind else { return Ok(()) };
        let pulse = self.captures(placed, ff.clock, ff.falling)?;
        self.emitter.next_cell();
        let place = placed.place();
        // Clear and preset hold across the edge, too.
        let (state, seen) = (placed.cell.state(), ff.seen(placed.cell.state()));
        let taken = seen.substitute(&|v| if v == state { ff.next.clone() } else { Expr::Var(v) });
        let next = self.emitter.expr(&taken, &place);
        let keep = self.emitter.expr(&seen, &place);
        self.flops.push(Flop { next, pulse, keep, state: placed.slots[placed.cell.pins.len()] });
        Ok(())
    }

    /// The probes of every instance; `always` is a slot that changes in every cycle.
    fn watches(&mut self, instances: &[Placed<'_>], always: Slot) -> Vec<Watch> {
        let mut kinds: HashMap<usize, Vec<Probe>> = HashMap::new();
        let mut watches = vec![];
        for placed in instances {
            let probes = kinds.entry(placed.instance.cell).or_insert_with(|| probes(placed.cell));
            let clock = placed.cell.clock().and_then(|pin| placed.instance.pins[pin]);
            let gates = clock.and_then(|net| self.network.get(&net)).map(|clock| clock.gates.clone());
            let (reaches, variable) = (gates.map_or(ZERO, |gates| self.pulse(&gates)), pulse(placed.cell));
            let place = |v: u32| if v == variable { reaches } else { placed.slots[v as usize] };
            self.emitter.next_cell();
            for probe in probes {
                // Most clocks are not gated: their conditions are simpler.
                let when = if reaches == ONE { probe.when.with(variable, true) } else { probe.when.clone() };
                let when = self.emitter.expr(&when, &place);
                let Event::Edge { pin, rise, cause } = probe.event else {
                    watches.push(Watch::Level(when));
                    continue;
                };
                let net = placed.instance.pins[pin];
                if let Some(gates) = net.and_then(|n| self.network.get(&n)).map(|clock| clock.gates.clone()) {
                    let pulse = self.pulse(&gates);
                    let both = Expr::and(Expr::Var(0), Expr::Var(1));
                    watches
                        .push(Watch::Level(self.emitter.expr(&both, &|v| if v == 0 { pulse } else { when })));
                    continue;
                }
                let cause = cause.map_or(always, |pin| placed.slots[pin]);
                let slots = [placed.slots[pin], cause, when];
                watches.push(if rise { Watch::Rise(slots) } else { Watch::Fall(slots) });
            }
        }
        watches
    }
}

/// Whether the outputs follow the pin within a cycle.
fn through(cell: &Cell, pin: usize) -> bool {
    match &cell.kind {
        CellKind::FlipFlop(ff) => {
            let mentions = |e: &Option<Expr>| e.as_ref().is_some_and(|e| e.mentions(pin as u32));
            mentions(&ff.clear) || mentions(&ff.preset)
        }
        CellKind::ClockGate { .. } | CellKind::Memory(_) => false,
        CellKind::Combinational | CellKind::Opaque => true,
    }
}
