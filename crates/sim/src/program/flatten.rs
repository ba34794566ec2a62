//! From a design of module kinds to one graph: every instance path is visited once, its copies being lanes.

use super::net::*;
use super::operation;
use super::value::{Part, Value, limbs, part_form};
use crate::EngineError;
use hdl::{Connection, Design, FileId, InstId, MemId, Module, ModuleId, NodeId, Op, RegId, Type};
use std::collections::HashMap;

/// A module at one instance path, in all its copies.
pub(crate) struct Context {
    pub module: ModuleId,
    pub copies: u32,
    /// Where it is instantiated; `None` for the top.
    pub parent: Option<(usize, InstId)>,
    /// By instance.
    pub children: Vec<usize>,
    values: Vec<Progress>,
    /// Graph files of the module's register files and memories, by part, once somebody reads them.
    files: HashMap<FileId, Vec<u32>>,
    memories: HashMap<MemId, Vec<u32>>,
}

/// A node in a context.
pub(crate) type Key = (usize, NodeId);

#[derive(Clone)]
enum Progress {
    New,
    Open,
    Done(Value),
}

/// State whose inputs are still to be found.
enum Pending {
    Register { context: usize, register: RegId, states: Vec<usize> },
    File { context: usize, file: FileId },
    Memory { context: usize, memory: MemId },
}

struct Frame {
    key: Key,
    sources: Vec<Key>,
    next: usize,
}

/// Flattens a design on demand.
pub(crate) struct Flattener<'a> {
    pub design: &'a Design,
    pub graph: Graph,
    pub contexts: Vec<Context>,
    pending: Vec<Pending>,
}

impl<'a> Flattener<'a> {
    pub fn new(design: &'a Design) -> Self {
        let mut flattener = Flattener { design, graph: Graph::default(), contexts: vec![], pending: vec![] };
        flattener.add_context(design.top, 1, None);
        flattener
    }

    fn add_context(&mut self, id: ModuleId, copies: u32, parent: Option<(usize, InstId)>) -> usize {
        let design = self.design;
        let module = design.module(id);
        let at = self.contexts.len();
        self.contexts.push(Context {
            module: id,
            copies,
            parent,
            children: vec![],
            values: vec![Progress::New; module.nodes.len()],
            files: HashMap::new(),
            memories: HashMap::new(),
        });
        for (i, inst) in module.instances.iter().enumerate() {
            let child = self.add_context(inst.module, copies * inst.count, Some((at, InstId(i as u32))));
            self.contexts[at].children.push(child);
        }
        at
    }

    pub fn module(&self, context: usize) -> &'a Module {
        self.design.module(self.contexts[context].module)
    }

    /// The value of a node, and everything it depends on within the cycle.
    pub fn value(&mut self, context: usize, node: NodeId) -> Result<Value, EngineError> {
        let key = (context, node);
        if !matches!(self.progress(key), Progress::Done(_)) {
            self.search(key)?;
        }
        Ok(self.done(key))
    }

    /// Finds the inputs of all state met so far, and of the state met on the way.
    pub fn close(&mut self) -> Result<(), EngineError> {
        while let Some(pending) = self.pending.pop() {
            match pending {
                Pending::Register { context, register, states } => {
                    self.close_register(context, register, &states)?;
                }
                Pending::File { context, file } => self.close_file(context, file)?,
                Pending::Memory { context, memory } => self.close_memory(context, memory)?,
            }
        }
        Ok(())
    }

    // ---- search ----

    fn progress(&mut self, key: Key) -> &mut Progress {
        &mut self.contexts[key.0].values[key.1.index()]
    }

    /// The value of a finished node.
    pub fn done(&self, key: Key) -> Value {
        match &self.contexts[key.0].values[key.1.index()] {
            Progress::Done(value) => value.clone(),
            _ => unreachable!("operands are finished before their users"),
        }
    }

    /// Depth-first, through registers: what feeds a register is known before the register wherever possible, so that
    /// registers of equal lanes are one. A register on a cycle gets its output net first and its input later.
    fn search(&mut self, root: Key) -> Result<(), EngineError> {
        let mut stack = vec![self.open(root)];
        while let Some(frame) = stack.last_mut() {
            let Some(&source) = frame.sources.get(frame.next) else {
                let key = frame.key;
                let value = self.compute(key);
                *self.progress(key) = Progress::Done(value);
                stack.pop();
                continue;
            };
            frame.next += 1;
            match self.progress(source) {
                Progress::Done(_) => {}
                Progress::New => {
                    let frame = self.open(source);
                    stack.push(frame);
                }
                Progress::Open => self.break_cycle(&mut stack)?,
            }
        }
        Ok(())
    }

    fn open(&mut self, key: Key) -> Frame {
        *self.progress(key) = Progress::Open;
        Frame { key, sources: self.sources(key), next: 0 }
    }

    /// Finishes the innermost register under search, so that its readers can be; they are searched anew.
    fn break_cycle(&mut self, stack: &mut Vec<Frame>) -> Result<(), EngineError> {
        while let Some(Frame { key, .. }) = stack.pop() {
            let module = self.module(key.0);
            if let Op::RegQ(register) = module.node(key.1).op {
                let value = self.place_register(key.0, register);
                *self.progress(key) = Progress::Done(value);
                // The reader moved on to the next source when it came here.
                return Ok(());
            }
            *self.progress(key) = Progress::New;
            if let Some(reader) = stack.last_mut() {
                reader.next -= 1;
            }
        }
        Err(EngineError(format!("combinational loop in `{}`", self.design.top().name)))
    }

    /// The nodes a node's value is made from.
    fn sources(&self, (context, node): Key) -> Vec<Key> {
        let module = self.module(context);
        let here = |n: NodeId| (context, n);
        match &module.node(node).op {
            Op::Input(port) => {
                let Some((parent, inst)) = self.contexts[context].parent else { return vec![] };
                vec![(parent, self.connection(context, parent, inst, port.index()).node())]
            }
            Op::InstOut(inst, port) => {
                let child = self.contexts[context].children[inst.index()];
                vec![(child, self.module(child).ports[port.index()].node)]
            }
            Op::RegQ(register) => {
                let register = &module.registers[register.index()];
                register.next.iter().chain(&register.enable).copied().map(here).collect()
            }
            op => op.operands().into_iter().map(here).collect(),
        }
    }

    /// How input port `port` of `context` is connected.
    fn connection(&self, context: usize, parent: usize, inst: InstId, port: usize) -> Connection {
        let inputs = self.module(context).inputs();
        let place = inputs.take_while(|(p, _)| p.index() < port).count();
        self.module(parent).instances[inst.index()].inputs[place]
    }

    // ---- values ----

    fn compute(&mut self, key: Key) -> Value {
        let (context, node) = key;
        let module = self.module(context);
        let copies = self.contexts[context].copies;
        let ty = module.node(node).ty;
        match &module.node(node).op {
            Op::Input(port) => self.input(key, port.index()),
            Op::InstOut(..) => self.done(self.sources(key)[0]),
            Op::RegQ(register) => self.register(context, *register),
            Op::FileRead(file, addr) => {
                let addr = self.done((context, *addr)).lanes().clone();
                let depth = module.files[file.index()].depth;
                let addr = self.graph.at_most(&addr, depth);
                self.file_read(context, *file, addr)
            }
            Op::MemRead(memory) => self.memory_read(context, *memory),
            op => {
                let ids = op.operands();
                let operands: Vec<(Value, Type)> =
                    ids.iter().map(|&n| (self.done((context, n)), module.node(n).ty)).collect();
                operation::build(&mut self.graph, op, ty, &operands, copies)
            }
        }
    }

    fn input(&mut self, key: Key, port: usize) -> Value {
        let (context, node) = key;
        let ty = self.module(context).node(node).ty;
        let Some((parent, inst)) = self.contexts[context].parent else {
            let widths = limbs(ty.width).into_iter().enumerate();
            let parts = widths.map(|(part, width)| {
                let op = NetOp::Input { port: port as u32, part: part as u32 };
                let net = self.graph.add(op, vec![], part_form(ty, width), ty.count);
                Part { width, lanes: Lanes::Whole(net) }
            });
            return Value { parts: parts.collect() };
        };
        let outer = self.done(self.sources(key)[0]);
        let array = self.module(parent).instances[inst.index()].count;
        match self.connection(context, parent, inst, port) {
            Connection::Sliced(_) => outer,
            Connection::Broadcast(_) => {
                let copies = self.contexts[context].copies;
                let each = array * ty.count;
                let from = |i: u32| i / each * ty.count + i % ty.count;
                if array == 1 { outer } else { outer.map(|l| self.graph.pick(l, copies * ty.count, from)) }
            }
        }
    }

    /// A scalar control, one element per copy, for every element of a bundle.
    fn spread(&self, control: &Value, count: u32) -> Lanes {
        let lanes = control.lanes();
        self.graph.pick(lanes, self.graph.len(lanes) * count, |i| i / count)
    }

    fn enable(&mut self, context: usize, enable: Option<NodeId>, count: u32) -> Option<Lanes> {
        let enable = self.done((context, enable?));
        let lanes = self.spread(&enable, count);
        (self.graph.constant(&lanes) != Some(1)).then_some(lanes)
    }

    /// A register whose next value is known.
    fn register(&mut self, context: usize, id: RegId) -> Value {
        let register = &self.module(context).registers[id.index()];
        let next = self.done((context, register.next.expect("validated")));
        let enable = self.enable(context, register.enable, register.ty.count);
        let mut lo = 0;
        let mut parts = vec![];
        for part in next.parts {
            let reset = register.reset.map(|r| part_of_pattern(r, lo, part_form(register.ty, part.width)));
            lo += part.width;
            let mut form = self.graph.form(&part.lanes);
            if let Some(reset) = reset {
                let at_reset = self.graph.splat(reset, form.signed || register.ty.signed, 1);
                form = form.join(self.graph.form(&at_reset));
            }
            let lanes = self.graph.state(part.lanes, enable.clone(), reset, form);
            parts.push(Part { width: part.width, lanes });
        }
        Value { parts }
    }

    /// A register on a cycle: its output net now, the rest later.
    fn place_register(&mut self, context: usize, id: RegId) -> Value {
        let register = &self.module(context).registers[id.index()];
        let ty = register.ty;
        let len = self.contexts[context].copies * ty.count;
        let (mut states, mut parts, mut lo) = (vec![], vec![], 0);
        for width in limbs(ty.width) {
            let form = part_form(ty, width);
            let net = self.graph.add(NetOp::State, vec![], form, len);
            let reset = register.reset.map(|r| part_of_pattern(r, lo, form));
            states.push(self.graph.states.len());
            self.graph.states.push(State { net, next: None, enable: None, reset });
            parts.push(Part { width, lanes: Lanes::Whole(net) });
            lo += width;
        }
        self.pending.push(Pending::Register { context, register: id, states });
        Value { parts }
    }

    fn close_register(&mut self, context: usize, id: RegId, states: &[usize]) -> Result<(), EngineError> {
        let register = &self.module(context).registers[id.index()];
        let next = self.value(context, register.next.expect("validated"))?;
        if let Some(enable) = register.enable {
            self.value(context, enable)?;
        }
        let enable = self.enable(context, register.enable, register.ty.count);
        let mut lo = 0;
        for &state in states {
            let width = (register.ty.width - lo).min(64);
            let lanes = self.limb(&next, register.ty, lo, width);
            let state = &mut self.graph.states[state];
            (state.next, state.enable) = (Some(lanes), enable.clone());
            lo += width;
        }
        Ok(())
    }

    /// Bits `lo .. lo + width` of a value as one part.
    fn limb(&mut self, value: &Value, ty: Type, lo: u32, width: u32) -> Lanes {
        if ty.width <= 64 {
            return value.lanes().clone();
        }
        let parts = self.graph.bits(value, lo, width);
        self.graph.joined(parts, Type::unsigned(width)).lanes().clone()
    }

    // ---- register files and memories ----

    fn add_files(&mut self, context: usize, depth: u32, ty: Type) -> Vec<u32> {
        let copies = self.contexts[context].copies;
        let first = self.graph.files.len() as u32;
        for width in limbs(ty.width) {
            let form = part_form(ty, width);
            self.graph.files.push(FileState { depth, copies, row: ty.count, form, write: None, read: None });
        }
        (first..self.graph.files.len() as u32).collect()
    }

    fn file_read(&mut self, context: usize, id: FileId, addr: Lanes) -> Value {
        let file = &self.module(context).files[id.index()];
        let (depth, ty) = (file.depth, file.ty);
        if !self.contexts[context].files.contains_key(&id) {
            let files = self.add_files(context, depth, ty);
            self.contexts[context].files.insert(id, files);
            self.pending.push(Pending::File { context, file: id });
        }
        let len = self.contexts[context].copies * ty.count;
        let files = self.contexts[context].files[&id].clone();
        let parts = files.iter().zip(limbs(ty.width)).map(|(&file, width)| {
            let form = part_form(ty, width);
            Part { width, lanes: self.graph.read(file, addr.clone(), form, len) }
        });
        Value { parts: parts.collect() }
    }

    fn memory_read(&mut self, context: usize, id: MemId) -> Value {
        let memory = &self.module(context).memories[id.index()];
        let (depth, ty) = (memory.depth, memory.ty);
        let files = self.add_files(context, depth, ty);
        self.contexts[context].memories.insert(id, files.clone());
        self.pending.push(Pending::Memory { context, memory: id });
        let len = self.contexts[context].copies * ty.count;
        let mut parts = vec![];
        for (file, width) in files.into_iter().zip(limbs(ty.width)) {
            let net = self.graph.add(NetOp::State, vec![], part_form(ty, width), len);
            let unknown = Lanes::Whole(net);
            let read = MemReadLanes { net, addr: unknown.clone(), enable: unknown };
            self.graph.files[file as usize].read = Some(read);
            parts.push(Part { width, lanes: Lanes::Whole(net) });
        }
        Value { parts }
    }

    fn close_file(&mut self, context: usize, id: FileId) -> Result<(), EngineError> {
        let file = &self.module(context).files[id.index()];
        let files = self.contexts[context].files[&id].clone();
        self.close_write(context, &files, file.write, file.ty)
    }

    fn close_memory(&mut self, context: usize, id: MemId) -> Result<(), EngineError> {
        let memory = &self.module(context).memories[id.index()];
        let files = self.contexts[context].memories[&id].clone();
        let (addr, enable) = memory.read.expect("validated");
        let addr = self.value(context, addr)?.lanes().clone();
        let addr = self.graph.at_most(&addr, memory.depth);
        let enable = self.value(context, enable)?.lanes().clone();
        for &file in &files {
            let read = self.graph.files[file as usize].read.as_mut().expect("a memory");
            (read.addr, read.enable) = (addr.clone(), enable.clone());
        }
        self.close_write(context, &files, memory.write, memory.ty)
    }

    fn close_write(
        &mut self,
        context: usize,
        files: &[u32],
        write: Option<hdl::FileWrite>,
        ty: Type,
    ) -> Result<(), EngineError> {
        let write = write.expect("validated");
        let addr = self.value(context, write.addr)?.lanes().clone();
        let addr = self.graph.at_most(&addr, self.graph.files[files[0] as usize].depth);
        let enable = self.value(context, write.enable)?.lanes().clone();
        let data = self.value(context, write.data)?;
        for (i, &file) in files.iter().enumerate() {
            let lo = 64 * i as u32;
            let data = self.limb(&data, ty, lo, (ty.width - lo).min(64));
            let write = FileWriteLanes { addr: addr.clone(), data, enable: enable.clone() };
            self.graph.files[file as usize].write = Some(write);
        }
        Ok(())
    }
}

/// The part from bit `lo` on of a 64-bit pattern, as a lane value.
fn part_of_pattern(pattern: u64, lo: u32, form: Form) -> u64 {
    if lo >= 64 { 0 } else { super::fold::lane_value(pattern >> lo, form) }
}
