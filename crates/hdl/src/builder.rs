//! Building a module: nodes, ports, explicit registers and files; the time of every signal is kept on the way.

use crate::design::{Design, Reset};
use crate::error::{Error, Kind};
use crate::module::*;
use crate::signal::Signal;
use crate::timing::{OpKind, Operation, Timing};
use crate::ty::{MAX_ARITH_WIDTH, Type, index_width};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// When a signal belongs to the step that entered the module in cycle 0.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum When {
    /// Constants and quasi-static inputs: in every cycle.
    Always,
    /// A late input that nothing has used yet, or wiring of such.
    Floating,
    /// In this cycle, this many picoseconds after the clock edge.
    At { cycle: u32, arrival: f64 },
}

/// What is shared by all modules of a design under construction.
#[derive(Default)]
pub(crate) struct Library {
    pub(crate) modules: RefCell<Vec<Arc<Module>>>,
    pub(crate) kinds: RefCell<HashMap<(String, u32), ModuleId>>,
    pub(crate) timing: Option<Timing>,
    pub(crate) error: RefCell<Option<Error>>,
}

impl Library {
    pub(crate) fn report(&self, error: Error) {
        self.error.borrow_mut().get_or_insert(error);
    }
}

#[derive(Clone)]
pub(crate) struct State {
    pub(crate) module: Module,
    pub(crate) when: Vec<When>,
    interned: HashMap<(Op, Type), NodeId>,
    delayed: HashMap<(NodeId, u32), NodeId>,
    /// For the output of a pipeline register: the signal it delays and the cycle it is in.
    origin: HashMap<NodeId, (NodeId, u32)>,
    stable: Vec<NodeId>,
    cleared: Vec<NodeId>,
}

/// Builds one module. Signals borrow it; it is handed to the closure that describes the module.
pub struct ModuleBuilder {
    pub(crate) library: Rc<Library>,
    pub(crate) state: RefCell<State>,
    explicit: Cell<bool>,
}

/// Elaborates a design: `body` describes the top module with the builder it is given.
///
/// Without `timing` everything is combinational but for explicit registers and state; with it, modules are pipelined.
/// Errors name the module and what does not fit; misuse of the builder (wrong widths) panics at the caller's line.
pub fn elaborate(
    name: &str,
    doc: &str,
    timing: Option<Timing>,
    reset: Reset,
    body: impl FnOnce(&ModuleBuilder),
) -> Result<Design, Error> {
    let timed = timing.is_some();
    let library = Rc::new(Library { timing, ..Library::default() });
    let builder = ModuleBuilder::new(library.clone(), name, doc);
    body(&builder);
    let module = builder.finish(0);
    if let Some(error) = library.error.borrow_mut().take() {
        return Err(error);
    }
    let top = ModuleId(library.modules.borrow().len() as u32);
    library.modules.borrow_mut().push(Arc::new(module));
    let mut design = Design::prune(&library.modules.borrow(), top, reset);
    crate::validate::validate(&design)?;
    crate::content::name_by_content(&mut design, timed);
    Ok(design)
}

impl ModuleBuilder {
    pub(crate) fn new(library: Rc<Library>, name: &str, doc: &str) -> Self {
        let module = Module {
            name: name.into(),
            doc: doc.into(),
            ports: vec![],
            nodes: vec![],
            registers: vec![],
            files: vec![],
            memories: vec![],
            instances: vec![],
            loops: vec![],
            has_clock: false,
            has_reset: false,
        };
        let state = State {
            module,
            when: vec![],
            interned: HashMap::new(),
            delayed: HashMap::new(),
            origin: HashMap::new(),
            stable: vec![],
            cleared: vec![],
        };
        ModuleBuilder { library, state: RefCell::new(state), explicit: Cell::new(false) }
    }

    /// The clock the design is pipelined for, if any.
    pub fn timing(&self) -> Option<&Timing> {
        self.library.timing.as_ref()
    }

    /// Makes this module's registers explicit: nothing is pipelined automatically in it (controllers).
    pub fn explicit(&self) {
        self.explicit.set(true);
    }

    /// Registers are inserted where the clock asks for them.
    pub(crate) fn is_automatic(&self) -> bool {
        self.library.timing.is_some() && !self.explicit.get()
    }

    pub(crate) fn name(&self) -> String {
        self.state.borrow().module.name.to_string()
    }

    pub(crate) fn report(&self, what: impl Into<String>, needs: f64) {
        let period_ps = self.timing().map_or(0, |t| t.period_ps as u32);
        let kind = Kind::Operation {
            module: self.name(),
            what: what.into(),
            needs_ps: needs.ceil() as u32,
            period_ps,
        };
        self.library.report(Error::new(kind));
    }

    // ---- ports ----

    /// An input port.
    pub fn input(&self, name: &str, ty: Type) -> Signal<'_> {
        let arrival = self.timing().map_or(0.0, Timing::fresh);
        self.input_at(name, ty, arrival)
    }

    pub(crate) fn input_at(&self, name: &str, ty: Type, arrival: f64) -> Signal<'_> {
        let id = self.add_port(name, Direction::Input, ty, NodeId(0), None);
        let input = self.push(Op::Input(id), ty, When::At { cycle: 0, arrival });
        self.state.borrow_mut().module.ports[id.index()].node = input.id();
        input.named(name)
    }

    /// Declares an input quasi-static: its value may change only while no step is in flight, so it is never delayed.
    pub fn stable<'b>(&'b self, input: Signal<'b>) -> Signal<'b> {
        let mut state = self.state.borrow_mut();
        state.when[input.id().index()] = When::Always;
        state.stable.push(input.id());
        input
    }

    /// Has the pipeline registers that will delay `valid` reset to 0: for bits that announce something, so that what the
    /// pipeline holds at power-up announces nothing.
    pub fn cleared<'b>(&'b self, valid: Signal<'b>) -> Signal<'b> {
        self.state.borrow_mut().cleared.push(valid.id());
        valid
    }

    /// Declares that an input arrives later than the others: in the cycle of its first use, straight from a register.
    pub fn late<'b>(&'b self, input: Signal<'b>) -> Signal<'b> {
        if self.is_automatic() {
            self.state.borrow_mut().when[input.id().index()] = When::Floating;
        }
        input
    }

    /// An output port.
    pub fn output(&self, name: &str, value: Signal<'_>) {
        self.add_port(name, Direction::Output, value.ty(), value.id(), None);
    }

    /// An output port that means something only while the 1-bit output `valid` is 1.
    pub fn output_when(&self, name: &str, value: Signal<'_>, valid: &str) {
        self.add_port(name, Direction::Output, value.ty(), value.id(), Some(valid.into()));
    }

    fn add_port(
        &self,
        name: &str,
        direction: Direction,
        ty: Type,
        node: NodeId,
        valid_by: Option<Arc<str>>,
    ) -> PortId {
        let ports = &mut self.state.borrow_mut().module.ports;
        assert!(ports.iter().all(|p| &*p.name != name), "port `{name}` declared twice");
        ports.push(Port {
            name: name.into(),
            direction,
            ty,
            node,
            valid_by,
            stable: false,
            cycle: 0,
            arrival_ps: 0,
        });
        PortId(ports.len() as u32 - 1)
    }

    // ---- nodes ----

    /// An unsigned constant.
    #[track_caller]
    pub fn lit(&self, value: u64, width: u32) -> Signal<'_> {
        assert!(width <= 64 && (width == 64 || value >> width == 0), "{value} does not fit {width} bits");
        self.push(Op::Const(value), Type::unsigned(width), When::Always)
    }

    /// A signed constant.
    #[track_caller]
    pub fn lit_signed(&self, value: i64, width: u32) -> Signal<'_> {
        assert!(
            width <= 64 && (value << (64 - width)) >> (64 - width) == value,
            "{value} does not fit s{width}"
        );
        let pattern = value as u64 & (u64::MAX >> (64 - width));
        self.push(Op::Const(pattern), Type::signed(width), When::Always)
    }

    /// All bits zero, of any type.
    pub fn zero(&self, ty: Type) -> Signal<'_> {
        self.push(Op::Const(0), ty, When::Always)
    }

    /// A forward-declared wire, driven later with [`ModuleBuilder::drive`].
    pub fn wire(&self, name: &str, ty: Type) -> Signal<'_> {
        let arrival = self.timing().map_or(0.0, Timing::fresh);
        let mut state = self.state.borrow_mut();
        let id = state.add(Op::Wire(None), ty, When::At { cycle: 0, arrival });
        drop(state);
        self.signal(id).named(name)
    }

    /// Drives a wire.
    #[track_caller]
    pub fn drive<'b>(&'b self, wire: Signal<'b>, value: Signal<'b>) {
        assert_eq!(wire.ty(), value.ty(), "a wire and its driver have one type");
        let mut state = self.state.borrow_mut();
        let node = &mut state.module.nodes[wire.id().index()];
        match &mut node.op {
            Op::Wire(driver @ None) => *driver = Some(value.id()),
            _ => panic!("driven twice or not a wire"),
        }
    }

    /// Bits side by side, the first in the most significant place.
    pub fn concat<'b>(&'b self, parts: &[Signal<'b>]) -> Signal<'b> {
        if let [one] = parts {
            return if one.ty().is_scalar() {
                one.reinterpret(false)
            } else {
                one.regroup(1, one.ty().bits())
            };
        }
        let width = parts.iter().map(|p| p.ty().bits()).sum();
        self.op(Op::Concat(parts.iter().map(|p| p.id()).collect()), Type::unsigned(width))
    }

    /// Scalars or bundles of one element type as one bundle, the first in the low elements.
    #[track_caller]
    pub fn bundle<'b>(&'b self, parts: &[Signal<'b>]) -> Signal<'b> {
        if let [one] = parts {
            return *one;
        }
        let element = parts[0].ty().element();
        assert!(parts.iter().all(|p| p.ty().element() == element), "elements of a bundle have one type");
        let count = parts.iter().map(|p| p.ty().count).sum();
        self.op(Op::Bundle(parts.iter().map(|p| p.id()).collect()), Type { count, ..element })
    }

    pub(crate) fn signal(&self, id: NodeId) -> Signal<'_> {
        Signal::new(self, id, self.state.borrow().module.nodes[id.index()].ty)
    }

    pub(crate) fn when(&self, id: NodeId) -> When {
        self.state.borrow().when[id.index()]
    }

    pub(crate) fn push(&self, op: Op, ty: Type, when: When) -> Signal<'_> {
        let mut state = self.state.borrow_mut();
        if let Some(&id) = state.interned.get(&(op.clone(), ty)) {
            drop(state);
            return self.signal(id);
        }
        let id = state.add(op.clone(), ty, when);
        state.interned.insert((op, ty), id);
        Signal::new(self, id, ty)
    }

    /// Adds an operation in the cycle in which it fits, delaying operands of earlier cycles.
    #[track_caller]
    pub(crate) fn op(&self, op: Op, ty: Type) -> Signal<'_> {
        let ids = op.operands();
        let types: Vec<Type> = ids.iter().map(|&i| self.signal(i).ty()).collect();
        let narrow = types.iter().chain([&ty]).all(|t| t.width <= MAX_ARITH_WIDTH);
        assert!(
            narrow || op.is_wiring(),
            "arithmetic on {types:?} -> {ty}: more than {MAX_ARITH_WIDTH} bits"
        );
        let Some(timing) = self.timing() else {
            return self.push(op, ty, When::At { cycle: 0, arrival: 0.0 });
        };
        let undecided = |&i: &NodeId| matches!(self.when(i), When::Always | When::Floating);
        if op.is_wiring() && ids.iter().all(undecided) && ids.iter().any(|&i| self.when(i) == When::Floating)
        {
            return self.push(op, ty, When::Floating);
        }
        let operation = self.state.borrow().module.operation(&op, ty);
        let delay = operation.map_or(0.0, |operation| timing.model.delay(operation));
        let (cycle, arrival) = self.meet(&ids, delay, || describe(&op, &types));
        let mut op = op;
        op.map_operands(|id| self.at_cycle(id, cycle));
        if ids.iter().all(|&i| self.when(i) == When::Always) {
            return self.push(op, ty, When::Always);
        }
        self.push(op, ty, When::At { cycle, arrival: arrival + delay })
    }

    /// The cycle, and the latest arrival within it, in which signals meet for an operation of `delay` ps.
    pub(crate) fn meet(&self, ids: &[NodeId], delay: f64, what: impl Fn() -> String) -> (u32, f64) {
        let Some(timing) = self.timing() else { return (0, 0.0) };
        let cycle = self.latest_cycle(ids);
        let arrival = self.arrival(ids, cycle);
        if delay == 0.0 || arrival + delay <= timing.latest() {
            return (cycle, arrival);
        }
        if !self.is_automatic() {
            return (cycle, arrival);
        }
        if timing.fresh() + delay > timing.latest() {
            self.report(what(), timing.fresh() + delay + timing.model.setup);
        }
        (cycle + 1, timing.fresh())
    }

    /// Whether an operation of size `whole` cannot stand between two registers, and one of size `part` takes less.
    pub(crate) fn wants_parts(&self, kind: OpKind, whole: u32, part: u32) -> bool {
        let wants = |t: &Timing| {
            let delay = |n| t.model.delay(Operation::new(kind, n, 1));
            t.fresh() + delay(whole) > t.latest() && delay(part) < delay(whole)
        };
        self.is_automatic() && self.timing().is_some_and(wants)
    }

    /// The latest cycle any of the signals is in.
    pub(crate) fn latest_cycle(&self, ids: &[NodeId]) -> u32 {
        let cycle = |&id: &NodeId| if let When::At { cycle, .. } = self.when(id) { cycle } else { 0 };
        ids.iter().map(cycle).max().unwrap_or(0)
    }

    /// The latest arrival in `cycle`, with signals of earlier cycles delayed to it.
    pub(crate) fn arrival(&self, ids: &[NodeId], cycle: u32) -> f64 {
        let fresh = self.timing().map_or(0.0, Timing::fresh);
        let arrival = |&id: &NodeId| match self.when(id) {
            When::Always => 0.0,
            When::At { cycle: at, arrival } if at == cycle => arrival,
            _ => fresh,
        };
        ids.iter().map(arrival).fold(0.0, f64::max)
    }

    /// The signal as it is in `cycle`, through pipeline registers where it is earlier.
    pub(crate) fn at_cycle(&self, id: NodeId, cycle: u32) -> NodeId {
        if !self.is_automatic() {
            return id;
        }
        let fresh = self.timing().map_or(0.0, Timing::fresh);
        match self.when(id) {
            When::Always => id,
            When::Floating => {
                self.state.borrow_mut().when[id.index()] = When::At { cycle, arrival: fresh };
                // Wiring of late inputs arrives with them.
                let mut op = self.state.borrow().module.nodes[id.index()].op.clone();
                op.map_operands(|operand| self.at_cycle(operand, cycle));
                self.state.borrow_mut().module.nodes[id.index()].op = op;
                id
            }
            When::At { cycle: at, .. } if at >= cycle => {
                assert!(at == cycle, "a signal of cycle {at} is used in cycle {cycle}");
                id
            }
            When::At { cycle: at, .. } => {
                let mut state = self.state.borrow_mut();
                let root = state.origin.get(&id).map_or(id, |o| o.0);
                (at..cycle).fold(id, |previous, from| state.delay(root, previous, from + 1, fresh))
            }
        }
    }

    /// Signals delayed to the latest cycle among them.
    pub fn align<'b, const N: usize>(&'b self, signals: [Signal<'b>; N]) -> [Signal<'b>; N] {
        let aligned = self.align_all(&signals);
        std::array::from_fn(|i| aligned[i])
    }

    /// As [`align`](Self::align), of any number of signals.
    pub fn align_all<'b>(&'b self, signals: &[Signal<'b>]) -> Vec<Signal<'b>> {
        let ids: Vec<NodeId> = signals.iter().map(|s| s.id()).collect();
        let cycle = self.latest_cycle(&ids);
        ids.into_iter().map(|id| self.signal(self.at_cycle(id, cycle))).collect()
    }

    /// Signals straight out of registers, in one cycle: the latest of theirs if they all are, else the one after it.
    ///
    /// For what goes to many copies of a kind: delayed out here, it is delayed once and not in every copy.
    pub fn registered<'b>(&'b self, signals: &[Signal<'b>]) -> Vec<Signal<'b>> {
        self.by(0.0, signals)
    }

    /// Signals that are there by this part of one cycle: as they come, or out of registers if that is later.
    ///
    /// For what is followed by much logic of few bits: a register of these costs little, and the cycle is not filled to
    /// what the fastest netlist can do, which a small one cannot.
    pub fn by<'b>(&'b self, part: f64, signals: &[Signal<'b>]) -> Vec<Signal<'b>> {
        self.no_later(self.timing().map_or(0.0, |t| part * t.period_ps), signals)
    }

    /// Signals in a cycle that has time left for these operations one after the other, so that no register comes
    /// between them, where there are more bits than before or behind.
    pub fn before<'b>(&'b self, operations: &[Operation], signals: &[Signal<'b>]) -> Vec<Signal<'b>> {
        let delay = |t: &Timing| operations.iter().map(|&operation| t.model.delay(operation)).sum::<f64>();
        self.no_later(self.timing().map_or(0.0, |t| t.latest() - delay(t)), signals)
    }

    /// Whether the signals are there early enough for something that takes this part of a period to end in their cycle.
    pub fn has_time(&self, part: f64, signals: &[Signal<'_>]) -> bool {
        let ids: Vec<NodeId> = signals.iter().map(|s| s.id()).collect();
        let arrival = self.arrival(&ids, self.latest_cycle(&ids));
        self.timing().is_none_or(|t| arrival + part * t.period_ps <= t.latest())
    }

    fn no_later<'b>(&'b self, limit: f64, signals: &[Signal<'b>]) -> Vec<Signal<'b>> {
        let limit = limit.max(self.timing().map_or(0.0, Timing::fresh));
        let ids: Vec<NodeId> = signals.iter().map(|s| s.id()).collect();
        let latest = self.latest_cycle(&ids);
        let cycle = latest + u32::from(self.is_automatic() && self.arrival(&ids, latest) > limit);
        ids.into_iter().map(|id| self.signal(self.at_cycle(id, cycle))).collect()
    }

    // ---- explicit state ----

    /// A register of an explicit (or untimed) module; drive it with [`Reg::set`].
    #[track_caller]
    pub fn register(&self, name: &str, ty: Type) -> Reg<'_> {
        assert!(!self.is_automatic(), "register `{name}`: this module is pipelined automatically");
        let arrival = self.timing().map_or(0.0, Timing::fresh);
        let mut state = self.state.borrow_mut();
        let id = state.add_register(name, ty);
        let node = state.add(Op::RegQ(id), ty, When::At { cycle: 0, arrival });
        drop(state);
        Reg { q: self.signal(node), id }
    }

    /// A register file with asynchronous reads and one synchronous write; one entry is a plain register.
    pub fn file(&self, name: &str, depth: u32, ty: Type) -> File<'_> {
        let mut state = self.state.borrow_mut();
        let store = if depth == 1 {
            Store::Register(state.add_register(name, ty))
        } else {
            let files = &mut state.module.files;
            files.push(RegFile { name: name.into(), depth, ty, write: None });
            Store::File(FileId(files.len() as u32 - 1))
        };
        File { builder: self, store, ty }
    }

    /// A synchronous memory; `single_port` (1RW) shares one address between reads and writes.
    pub fn memory(&self, name: &str, depth: u32, ty: Type, single_port: bool) -> Mem<'_> {
        let memories = &mut self.state.borrow_mut().module.memories;
        memories.push(Memory { name: name.into(), depth, ty, single_port, write: None, read: None });
        Mem { builder: self, id: MemId(memories.len() as u32 - 1), ty }
    }

    pub(crate) fn add_loop(&self, l: Loop) {
        self.state.borrow_mut().module.loops.push(l);
    }

    // ---- end ----

    /// Closes the module: fills in port times, names, and removes what nobody reads.
    pub(crate) fn finish(self, bucket: u32) -> Module {
        let library = self.library.clone();
        let automatic = self.is_automatic();
        let State { mut module, when, origin, stable, .. } = self.state.into_inner();
        for port in &mut module.ports {
            port.stable = stable.contains(&port.node);
            if let When::At { cycle, arrival } = when[port.node.index()] {
                (port.cycle, port.arrival_ps) = (cycle, arrival.ceil() as u32);
            }
        }
        name_delays(&mut module, &origin);
        if automatic {
            let latency = module.latency();
            let latency = if latency > 0 { format!("_l{latency}") } else { String::new() };
            let arrival = if bucket > 0 { format!("_a{bucket}") } else { String::new() };
            module.name = format!("{}{latency}{arrival}", module.name).into();
        }
        let mut module = crate::clean::remove_unread(module);
        let modules = library.modules.borrow();
        let below = |f: fn(&Module) -> bool| module.instances.iter().any(|i| f(&modules[i.module.index()]));
        let own_state =
            !(module.registers.is_empty() && module.files.is_empty() && module.memories.is_empty());
        module.has_clock = own_state || below(|m| m.has_clock);
        module.has_reset = module.registers.iter().any(|r| r.reset.is_some()) || below(|m| m.has_reset);
        module
    }
}

/// Pipeline registers are called after what they delay: `score` in cycle 3 is `score_s3`.
fn name_delays(module: &mut Module, origin: &HashMap<NodeId, (NodeId, u32)>) {
    for (delayed, (root, cycle)) in origin {
        let Op::RegQ(register) = module.nodes[delayed.index()].op else {
            unreachable!("a delay is a register")
        };
        let base = match (&module.nodes[root.index()].name, &module.nodes[root.index()].op) {
            (Some(name), _) => name.to_string(),
            (None, Op::RegQ(r)) => module.registers[r.index()].name.to_string(),
            (None, op) => format!("{}_{}", op.mnemonic(), root.0),
        };
        module.registers[register.index()].name = format!("{base}_s{cycle}").into();
    }
}

fn describe(op: &Op, operands: &[Type]) -> String {
    let operands: Vec<String> = operands.iter().map(Type::to_string).collect();
    format!("{} of {}", op.mnemonic(), operands.join(", "))
}

impl State {
    pub(crate) fn add(&mut self, op: Op, ty: Type, when: When) -> NodeId {
        self.module.nodes.push(Node { op, ty, name: None });
        self.when.push(when);
        NodeId(self.module.nodes.len() as u32 - 1)
    }

    fn add_register(&mut self, name: &str, ty: Type) -> RegId {
        let registers = &mut self.module.registers;
        registers.push(Register { name: name.into(), ty, next: None, enable: None, reset: None });
        RegId(registers.len() as u32 - 1)
    }

    fn delay(&mut self, root: NodeId, previous: NodeId, cycle: u32, arrival: f64) -> NodeId {
        if let Some(&id) = self.delayed.get(&(root, cycle)) {
            return id;
        }
        let ty = self.module.nodes[root.index()].ty;
        let register = self.add_register("", ty);
        self.module.registers[register.index()].next = Some(previous);
        self.module.registers[register.index()].reset = self.cleared.contains(&root).then_some(0);
        let id = self.add(Op::RegQ(register), ty, When::At { cycle, arrival });
        self.delayed.insert((root, cycle), id);
        self.origin.insert(id, (root, cycle));
        id
    }
}

/// An explicit register.
#[derive(Clone, Copy)]
pub struct Reg<'b> {
    /// Its output.
    pub q: Signal<'b>,
    id: RegId,
}

impl<'b> Reg<'b> {
    /// The value loaded at the next clock edge.
    #[track_caller]
    pub fn set(self, next: Signal<'b>) {
        assert_eq!(next.ty(), self.q.ty(), "a register and its next value have one type");
        self.edit(|r| assert!(r.next.replace(next.id()).is_none(), "register driven twice"));
    }

    /// The register with a load enable.
    #[track_caller]
    pub fn enable(self, enable: Signal<'b>) -> Self {
        assert_eq!(enable.ty(), Type::unsigned(1));
        self.edit(|r| r.enable = Some(enable.id()));
        self
    }

    /// The register with a reset value.
    pub fn reset(self, value: u64) -> Self {
        self.edit(|r| r.reset = Some(value));
        self
    }

    fn edit(&self, f: impl FnOnce(&mut Register)) {
        f(&mut self.q.builder().state.borrow_mut().module.registers[self.id.index()]);
    }
}

/// A register file under construction.
#[derive(Clone, Copy)]
pub struct File<'b> {
    builder: &'b ModuleBuilder,
    store: Store,
    ty: Type,
}

#[derive(Clone, Copy)]
enum Store {
    Register(RegId),
    File(FileId),
}

impl<'b> File<'b> {
    /// The entry at `addr`, combinationally, in the cycle of `addr`.
    pub fn read(self, addr: Signal<'b>) -> Signal<'b> {
        match self.store {
            Store::File(file) => self.builder.op(Op::FileRead(file, addr.id()), self.ty),
            Store::Register(register) => {
                let arrival = self.builder.timing().map_or(0.0, Timing::fresh);
                let cycle = self.builder.latest_cycle(&[addr.id()]);
                // Not interned: reads in two cycles are two signals, though one register.
                let node = Op::RegQ(register);
                let id = self.builder.state.borrow_mut().add(node, self.ty, When::At { cycle, arrival });
                self.builder.signal(id)
            }
        }
    }

    /// The one write port: `data` to entry `addr` at the clock edge when `enable`.
    #[track_caller]
    pub fn write(self, addr: Signal<'b>, data: Signal<'b>, enable: Signal<'b>) {
        assert_eq!((data.ty(), enable.ty()), (self.ty, Type::unsigned(1)));
        let [addr, data, enable] = self.builder.align([addr, data, enable]).map(|s| s.id());
        self.set_write(FileWrite { addr, data, enable });
    }

    pub(crate) fn set_write(self, write: FileWrite) {
        let module = &mut self.builder.state.borrow_mut().module;
        match self.store {
            Store::File(file) => {
                let file = &mut module.files[file.index()];
                assert!(file.write.replace(write).is_none(), "file written twice");
            }
            Store::Register(register) => {
                let register = &mut module.registers[register.index()];
                assert!(register.next.replace(write.data).is_none(), "file written twice");
                register.enable = Some(write.enable);
            }
        }
    }
}

/// A memory under construction.
#[derive(Clone, Copy)]
pub struct Mem<'b> {
    builder: &'b ModuleBuilder,
    id: MemId,
    ty: Type,
}

impl<'b> Mem<'b> {
    /// The read data register, loaded with entry `addr` when `enable`; valid one cycle later.
    #[track_caller]
    pub fn read(self, addr: Signal<'b>, enable: Signal<'b>) -> Signal<'b> {
        let [addr, enable] = self.builder.align([addr, enable]).map(|s| s.id());
        let cycle = self.builder.latest_cycle(&[addr, enable]) + u32::from(self.builder.is_automatic());
        let arrival = self.builder.timing().map_or(0.0, Timing::fresh);
        let mut state = self.builder.state.borrow_mut();
        let memory = &mut state.module.memories[self.id.index()];
        assert!(memory.read.replace((addr, enable)).is_none(), "memory read twice");
        let id = state.add(Op::MemRead(self.id), self.ty, When::At { cycle, arrival });
        drop(state);
        self.builder.signal(id)
    }

    /// The write port.
    #[track_caller]
    pub fn write(self, addr: Signal<'b>, data: Signal<'b>, enable: Signal<'b>) {
        assert_eq!((data.ty(), enable.ty()), (self.ty, Type::unsigned(1)));
        let [addr, data, enable] = self.builder.align([addr, data, enable]).map(|s| s.id());
        let memory = &mut self.builder.state.borrow_mut().module.memories[self.id.index()];
        assert!(memory.write.replace(FileWrite { addr, data, enable }).is_none(), "memory written twice");
    }
}

/// Type of an address into `depth` entries.
pub const fn address(depth: u32) -> Type {
    Type::unsigned(index_width(depth))
}
