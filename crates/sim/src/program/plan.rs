//! The order of computation: what is alive, with which operands, in which step of the cycle.
//!
//! Registers without enable *slide*: a register and what it loads lie next to each other, and instead of copying the
//! one into the other at the clock edge, the window through which both are seen moves by one place (see
//! [`super::layout`]). Registers with enable, register files and memories are updated in place, after their last
//! reader.

use super::fuse;
use super::net::*;
use std::collections::HashMap;

/// Where an operand's lanes begin, and which of their bits are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Operand {
    pub place: Place,
    pub elem: u32,
    pub field: Option<Field>,
}

/// Bits `lo .. lo + width` of a 32-bit lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Field {
    pub lo: u32,
    pub width: u32,
}

impl Operand {
    fn new(place: Place, elem: u32) -> Operand {
        Operand { place, elem, field: None }
    }
}

/// What an operand is part of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Place {
    Net(NetId),
    /// Index into [`Plan::constants`].
    Constant(u32),
}

/// A vector of constants; one value stands for all lanes.
#[derive(Clone, Debug)]
pub(crate) struct Constant {
    pub values: Vec<u64>,
    /// Elements needed.
    pub len: u32,
    pub long: bool,
}

/// Elements `to ..` of a gathered net are elements `from`, `from + stride`, … of a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub to: u32,
    pub from: Operand,
    pub stride: u32,
    pub count: u32,
}

/// One step of a cycle.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Computes a net.
    Compute { net: NetId, operands: Vec<Operand> },
    /// Reads a file: one address for every `group` elements.
    Read { net: NetId, file: u32, addr: Operand, group: u32 },
    /// Gathers lanes.
    Gather { net: NetId, runs: Vec<Run> },
    /// Loads an enabled register: one enable for every `group` elements.
    Hold { net: NetId, next: Operand, enable: Operand, group: u32 },
    /// Loads a memory's read register.
    Fetch { net: NetId, file: u32, addr: Operand, enable: Operand, group: u32 },
    /// Writes a register file or memory.
    Write { file: u32, addr: Operand, data: Operand, enable: Operand, group: u32 },
}

/// A value that slides through registers: what the first one loads, and the registers.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub nets: Vec<NetId>,
}

/// A flattened design in order of computation.
pub(crate) struct Plan {
    pub graph: Graph,
    pub steps: Vec<Step>,
    /// Steps that the observed values need.
    pub settle: Vec<bool>,
    pub constants: Vec<Constant>,
    pub chains: Vec<Chain>,
    /// Files that are written or read.
    pub files: Vec<u32>,
    /// State nets that are not in chains.
    pub held: Vec<NetId>,
    /// Observed signals: kept until the next cycle.
    pub observed: Vec<Vec<Lanes>>,
    /// Widths of the parts of observed signals.
    pub widths: Vec<Vec<u32>>,
    /// Nets of observed signals.
    pub pinned: Vec<bool>,
    /// The last step that reads a net.
    pub last_use: Vec<usize>,
}

/// Plans the computation of `observed` signals (each a list of parts) and of all state behind them.
pub(crate) fn plan(graph: Graph, observed: Vec<Vec<Lanes>>) -> Plan {
    let mut planner = Planner::new(graph);
    planner.absorbed = fuse::absorbed(&planner.graph, &observed);
    let observed = planner.observe(observed);
    planner.visit_all();
    planner.finish(observed)
}

struct Planner {
    graph: Graph,
    /// By net: bit fields that are cut out by the operations that use them.
    absorbed: Vec<bool>,
    constants: Vec<Constant>,
    splats: HashMap<(u64, bool), u32>,
    vectors: HashMap<(Vec<u64>, bool), u32>,
    /// By net: its position in `steps`, once it is there.
    position: Vec<Option<usize>>,
    steps: Vec<Step>,
    /// Sources and files met, whose updates are still to be planned.
    work: Vec<Work>,
    state_of: HashMap<NetId, usize>,
    memory_of: HashMap<NetId, u32>,
    met: HashMap<NetId, ()>,
    met_files: HashMap<u32, ()>,
    files: Vec<u32>,
    held: Vec<NetId>,
    updates: Vec<Step>,
    /// What a register slides out of, and the register it slides into.
    feeds: HashMap<NetId, NetId>,
    fed_by: HashMap<NetId, NetId>,
}

enum Work {
    State(usize),
    File(u32),
}

/// The operands of a net that is about to be computed, or the next one to visit first.
struct Visit {
    net: NetId,
    step: Option<Step>,
}

impl Planner {
    fn new(graph: Graph) -> Self {
        let state_of = graph.states.iter().enumerate().map(|(i, s)| (s.net, i)).collect();
        let reads =
            graph.files.iter().enumerate().filter_map(|(i, f)| Some((f.read.as_ref()?.net, i as u32)));
        let memory_of = reads.collect();
        Planner {
            graph,
            absorbed: vec![],
            constants: vec![],
            splats: HashMap::new(),
            vectors: HashMap::new(),
            position: vec![],
            steps: vec![],
            work: vec![],
            state_of,
            memory_of,
            met: HashMap::new(),
            met_files: HashMap::new(),
            files: vec![],
            held: vec![],
            updates: vec![],
            feeds: HashMap::new(),
            fed_by: HashMap::new(),
        }
    }

    // ---- roots ----

    /// What is updated in place, or set from outside, is copied before it is observed.
    fn observe(&mut self, observed: Vec<Vec<Lanes>>) -> Vec<Vec<Lanes>> {
        let mut copy = |lanes: Lanes| {
            let map: Vec<Lane> = (0..self.graph.len(&lanes)).map(|i| self.graph.lane(&lanes, i)).collect();
            let kept = map.into_iter().map(|lane| {
                let copied = match self.graph.net(lane.net).op {
                    NetOp::Input { .. } => true,
                    NetOp::State => !self.slides(lane.net),
                    _ => false,
                };
                let net = if copied {
                    let long = self.graph.net(lane.net).long;
                    self.graph.gather(&Lanes::Whole(lane.net), long)
                } else {
                    lane.net
                };
                Lane { net, elem: lane.elem }
            });
            let kept: Vec<Lane> = kept.collect();
            self.graph.lanes(kept)
        };
        let mut all = vec![];
        for signal in observed {
            all.push(signal.into_iter().map(&mut copy).collect::<Vec<_>>());
        }
        for lanes in all.iter().flatten() {
            for i in 0..self.graph.len(lanes) {
                let net = self.graph.lane(lanes, i).net;
                self.visit(net);
            }
        }
        all
    }

    /// A register that loads in every cycle.
    fn slides(&self, net: NetId) -> bool {
        let Some(&state) = self.state_of.get(&net) else { return false };
        let state = &self.graph.states[state];
        state.enable.is_none() && state.next.as_ref().is_some_and(|n| *n != Lanes::Whole(net))
    }

    fn visit_all(&mut self) {
        while let Some(work) = self.work.pop() {
            match work {
                Work::State(state) => self.visit_state(state),
                Work::File(file) => self.visit_file(file),
            }
        }
    }

    fn visit_state(&mut self, state: usize) {
        let State { net, next, enable, .. } = self.graph.states[state].clone();
        let long = self.graph.net(net).long;
        match (next, enable) {
            (Some(next), None) if next != Lanes::Whole(net) => self.slide(net, &next),
            (Some(next), Some(enable)) => {
                let next = self.settled(&next, long);
                let ([enable], group) = self.controls([&enable]);
                self.held.push(net);
                self.updates.push(Step::Hold { net, next, enable, group });
            }
            _ => self.held.push(net),
        }
    }

    fn visit_file(&mut self, file: u32) {
        self.files.push(file);
        let FileState { row, form, write, read, .. } = self.graph.files[file as usize].clone();
        if let Some(MemReadLanes { net, addr, enable }) = read {
            let ([addr, enable], copies) = self.controls([&addr, &enable]);
            self.held.push(net);
            self.updates.push(Step::Fetch { net, file, addr, enable, group: copies * row });
        }
        let write = write.expect("every file is written");
        let data = self.settled(&write.data, form.is_long());
        let ([addr, enable], copies) = self.controls([&write.addr, &write.enable]);
        self.updates.push(Step::Write { file, addr, data, enable, group: copies * row });
    }

    /// Links a register to what it loads: a computed net of its own shape, or another sliding register.
    fn slide(&mut self, net: NetId, next: &Lanes) {
        let (long, len) = (self.graph.net(net).long, self.graph.net(net).len);
        let source = match self.operand(next, long) {
            Operand { place: Place::Net(source), elem: 0, .. } if self.graph.net(source).len == len => {
                let free = !self.feeds.contains_key(&source) && !self.ends_in(net, source);
                let movable = match self.graph.net(source).op {
                    NetOp::Input { .. } => false,
                    NetOp::State => self.slides(source),
                    _ => true,
                };
                (free && movable).then_some(source)
            }
            _ => None,
        };
        let source = source.unwrap_or_else(|| {
            let form = self.graph.net(net).form;
            let from = self.converted(next, long);
            let copy = self.graph.add(NetOp::Gather, vec![from], form, len);
            self.graph.nets[copy as usize].long = long;
            self.visit(copy);
            copy
        });
        self.feeds.insert(source, net);
        self.fed_by.insert(net, source);
    }

    /// Following what slides into `net` backwards from `source` comes back to `net`.
    fn ends_in(&self, net: NetId, source: NetId) -> bool {
        let mut at = source;
        while let Some(&before) = self.fed_by.get(&at) {
            at = before;
        }
        at == net
    }

    // ---- operands ----

    /// The lanes as a contiguous operand in lanes of the given size, computed in an earlier step.
    fn operand(&mut self, lanes: &Lanes, long: bool) -> Operand {
        if let Some(constant) = self.constant(lanes, long) {
            return constant;
        }
        let lanes = self.converted(lanes, long);
        let len = self.graph.len(&lanes);
        let first = self.graph.lane(&lanes, 0);
        let contiguous = (0..len).all(|i| {
            let lane = self.graph.lane(&lanes, i);
            lane.net == first.net && lane.elem == first.elem + i
        });
        let (net, elem) =
            if contiguous { (first.net, first.elem) } else { (self.graph.gather(&lanes, long), 0) };
        self.visit(net);
        Operand::new(Place::Net(net), elem)
    }

    /// As [`Planner::operand`], but a bit field that is absorbed is taken from where it is cut out.
    fn field(&mut self, lanes: &Lanes, long: bool) -> Operand {
        let Lanes::Whole(net) = *lanes else { return self.operand(lanes, long) };
        if !self.absorbs(net) {
            return self.operand(lanes, long);
        }
        let Net { op, args, form, .. } = self.graph.net(net).clone();
        let NetOp::Slice(lo) = op else { unreachable!("fields are absorbed") };
        let field = Some(Field { lo, width: form.width });
        Operand { field, ..self.operand(&args[0], long) }
    }

    fn absorbs(&self, net: NetId) -> bool {
        self.absorbed.get(net as usize).copied().unwrap_or(false)
    }

    /// As [`Planner::operand`], but never state that is updated in place: that would have to be read by its successor
    /// before and after its own update.
    fn settled(&mut self, lanes: &Lanes, long: bool) -> Operand {
        let operand = self.operand(lanes, long);
        let Place::Net(net) = operand.place else { return operand };
        if self.graph.net(net).op != NetOp::State || self.slides(net) {
            return operand;
        }
        let lanes = self.converted(lanes, long);
        let copy = self.graph.gather(&lanes, long);
        self.visit(copy);
        Operand::new(Place::Net(copy), 0)
    }

    /// Controls with one element for every so many elements that share them all.
    fn controls<const N: usize>(&mut self, all: [&Lanes; N]) -> ([Operand; N], u32) {
        let len = self.graph.len(all[0]);
        let changes = |i: u32| all.iter().any(|l| self.graph.lane(l, i) != self.graph.lane(l, i - 1));
        let group = (1..len).filter(|&i| changes(i)).fold(len, gcd);
        let operands = all.map(|lanes| {
            let few = self.graph.pick(lanes, len / group, |i| i * group);
            self.settled(&few, false)
        });
        (operands, group)
    }

    /// The lanes with every net in lanes of the given size.
    fn converted(&mut self, lanes: &Lanes, long: bool) -> Lanes {
        let mut convert = |net: NetId| {
            let Net { long: now, ref op, .. } = *self.graph.net(net);
            if now == long || matches!(op, NetOp::Const(_)) { net } else { self.graph.convert(net, long) }
        };
        match lanes {
            Lanes::Whole(net) => Lanes::Whole(convert(*net)),
            Lanes::Map(map) => {
                let map = map.iter().map(|l| Lane { net: convert(l.net), ..*l }).collect();
                self.graph.lanes(map)
            }
        }
    }

    fn constant(&mut self, lanes: &Lanes, long: bool) -> Option<Operand> {
        let len = self.graph.len(lanes);
        let value = |l: Lane| match self.graph.net(l.net).op {
            NetOp::Const(value) => Some(value),
            _ => None,
        };
        let first = value(self.graph.lane(lanes, 0))?;
        let values: Option<Vec<u64>> = (0..len).map(|i| value(self.graph.lane(lanes, i))).collect();
        let values = values?;
        let splat = values.iter().all(|&v| v == first);
        let fresh = self.constants.len() as u32;
        let at = if splat {
            *self.splats.entry((first, long)).or_insert(fresh)
        } else {
            *self.vectors.entry((values.clone(), long)).or_insert(fresh)
        };
        if at == fresh {
            let values = if splat { vec![first] } else { values };
            self.constants.push(Constant { values, len, long });
        }
        let known = &mut self.constants[at as usize];
        known.len = known.len.max(len);
        Some(Operand::new(Place::Constant(at), 0))
    }

    // ---- order ----

    /// Plans a net and everything it needs within the cycle, operands first.
    fn visit(&mut self, net: NetId) {
        let mut stack = vec![Visit { net, step: None }];
        while let Some(mut visit) = stack.pop() {
            let net = visit.net;
            if self.position.get(net as usize).is_some_and(Option::is_some) || self.meet_source(net) {
                continue;
            }
            if let Some(step) = visit.step.take() {
                self.place(net, step);
                continue;
            }
            // The first time, the nets it reads come first; by the second they are there.
            let needs = self.needs(net);
            let missing: Vec<NetId> = needs.into_iter().filter(|&n| !self.is_placed(n)).collect();
            if missing.is_empty() {
                let step = self.step(net);
                self.place(net, step);
            } else {
                stack.push(visit);
                stack.extend(missing.into_iter().rev().map(|net| Visit { net, step: None }));
            }
        }
    }

    fn is_placed(&self, net: NetId) -> bool {
        self.graph.net(net).is_source() && self.met.contains_key(&net)
            || matches!(self.graph.net(net).op, NetOp::Const(_))
            || self.position.get(net as usize).is_some_and(Option::is_some)
    }

    /// Notes state that is read, so that its update is planned too; true for everything that is not computed.
    fn meet_source(&mut self, net: NetId) -> bool {
        if !self.graph.net(net).is_source() {
            return false;
        }
        if self.met.insert(net, ()).is_none() {
            if let Some(&state) = self.state_of.get(&net) {
                self.work.push(Work::State(state));
            }
            if let Some(&file) = self.memory_of.get(&net) {
                self.meet_file(file);
            }
        }
        true
    }

    fn meet_file(&mut self, file: u32) {
        if self.met_files.insert(file, ()).is_none() {
            self.work.push(Work::File(file));
        }
    }

    fn place(&mut self, net: NetId, step: Step) {
        if self.position.len() <= net as usize {
            self.position.resize(self.graph.nets.len().max(net as usize + 1), None);
        }
        self.position[net as usize] = Some(self.steps.len());
        self.steps.push(step);
    }

    /// Nets whose lanes a net is made from.
    fn needs(&self, net: NetId) -> Vec<NetId> {
        let mut nets = vec![];
        for lanes in &self.graph.net(net).args {
            let lanes = match lanes {
                Lanes::Whole(n) if self.absorbs(*n) => &self.graph.net(*n).args[0],
                lanes => lanes,
            };
            match lanes {
                Lanes::Whole(n) => nets.push(*n),
                Lanes::Map(map) => {
                    for lane in map.iter() {
                        if nets.last() != Some(&lane.net) {
                            nets.push(lane.net);
                        }
                    }
                }
            }
        }
        nets
    }

    /// The step that computes a net whose operands are there.
    fn step(&mut self, net: NetId) -> Step {
        let Net { op, args, .. } = self.graph.net(net).clone();
        match op {
            NetOp::Gather => Step::Gather { net, runs: self.runs(&args[0], self.graph.net(net).long) },
            NetOp::FileRead(file) => {
                self.meet_file(file);
                let ([addr], copies) = self.controls([&args[0]]);
                let row = self.graph.files[file as usize].row;
                Step::Read { net, file, addr, group: copies * row }
            }
            NetOp::Convert { long } => {
                let Lanes::Whole(from) = args[0] else { unreachable!("whole nets are converted") };
                debug_assert_ne!(self.graph.net(from).long, long);
                Step::Compute { net, operands: vec![Operand::new(Place::Net(from), 0)] }
            }
            _ => {
                let sizes = self.operand_sizes(net);
                let operands = args.iter().zip(sizes).map(|(a, long)| self.field(a, long)).collect();
                Step::Compute { net, operands }
            }
        }
    }

    /// The lane size in which a net's operation takes each operand.
    fn operand_sizes(&self, net: NetId) -> Vec<bool> {
        let Net { op, args, form, .. } = self.graph.net(net);
        let forms: Vec<Form> = args.iter().map(|a| self.graph.form(a)).collect();
        let long = form.is_long();
        match op {
            NetOp::Mul if long && short_product(forms[0], forms[1]) => vec![false, false],
            NetOp::Eq | NetOp::Ne | NetOp::Lt | NetOp::Le => vec![forms[0].join(forms[1]).is_long(); 2],
            NetOp::Shl => vec![long, false],
            NetOp::Shr => vec![long, false],
            NetOp::Mux => vec![false, long, long],
            NetOp::Slice(lo) => vec![forms[0].is_long() || lo + form.width > 32],
            NetOp::Table(_) => vec![false],
            NetOp::Lzc(_) | NetOp::Parity | NetOp::Sum(_) => vec![forms[0].is_long()],
            _ => vec![long; args.len()],
        }
    }

    fn runs(&mut self, lanes: &Lanes, long: bool) -> Vec<Run> {
        let mut runs: Vec<Run> = vec![];
        for i in 0..self.graph.len(lanes) {
            let lane = self.graph.lane(lanes, i);
            let one = self.graph.lanes(vec![lane]);
            let from = match self.constant(&one, long) {
                Some(constant) => constant,
                None => Operand::new(Place::Net(lane.net), lane.elem),
            };
            let extended = runs.last_mut().is_some_and(|run| run.extend(from));
            if !extended {
                runs.push(Run { to: i, from, stride: 1, count: 1 });
            }
        }
        runs
    }

    // ---- end ----

    fn finish(mut self, observed: Vec<Vec<Lanes>>) -> Plan {
        self.place_updates();
        let nets = self.graph.nets.len();
        let mut pinned = vec![false; nets];
        for lanes in observed.iter().flatten() {
            for i in 0..self.graph.len(lanes) {
                pinned[self.graph.lane(lanes, i).net as usize] = true;
            }
        }
        let mut last_use = vec![0; nets];
        for (at, step) in self.steps.iter().enumerate() {
            for operand in step.operands() {
                if let Place::Net(net) = operand.place {
                    last_use[net as usize] = at;
                }
            }
        }
        let settle = self.settle(&pinned);
        let chains = self.chains();
        Plan {
            graph: self.graph,
            steps: self.steps,
            settle,
            constants: self.constants,
            chains,
            files: self.files,
            held: self.held,
            observed,
            widths: vec![],
            pinned,
            last_use,
        }
    }

    /// Puts every in-place update after the last step that reads what it changes and after what it needs.
    fn place_updates(&mut self) {
        let mut readers: HashMap<NetId, usize> = HashMap::new();
        let mut file_readers: HashMap<u32, usize> = HashMap::new();
        for (at, step) in self.steps.iter().enumerate() {
            for operand in step.operands() {
                if let Place::Net(net) = operand.place {
                    readers.insert(net, at);
                }
            }
            if let Step::Read { file, .. } = step {
                file_readers.insert(*file, at);
            }
        }
        let mut after: Vec<Vec<Step>> = vec![vec![]; self.steps.len()];
        let mut first = vec![];
        for update in std::mem::take(&mut self.updates) {
            let computed = update.operands().into_iter().filter_map(|o| match o.place {
                Place::Net(net) => self.position.get(net as usize).copied().flatten(),
                Place::Constant(_) => None,
            });
            let readers = match &update {
                Step::Hold { net, .. } => readers.get(net).copied(),
                Step::Fetch { net, file, .. } => {
                    let at = computed.clone().chain(readers.get(net).copied()).max();
                    // The write to the same memory comes later in the list, and must come later in the order.
                    if let Some(at) = at {
                        let known = file_readers.entry(*file).or_insert(at);
                        *known = at.max(*known);
                    }
                    at
                }
                Step::Write { file, .. } => file_readers.get(file).copied(),
                _ => unreachable!("not an update"),
            };
            match computed.chain(readers).max() {
                Some(at) => after[at].push(update),
                None => first.push(update),
            }
        }
        let steps = std::mem::take(&mut self.steps);
        self.steps = first;
        for (step, updates) in steps.into_iter().zip(after) {
            self.steps.push(step);
            self.steps.extend(updates);
        }
    }

    fn settle(&self, pinned: &[bool]) -> Vec<bool> {
        let mut needed = pinned.to_vec();
        let mut settle = vec![false; self.steps.len()];
        for (at, step) in self.steps.iter().enumerate().rev() {
            let computes = step.computes().is_some_and(|net| needed[net as usize]);
            if computes {
                settle[at] = true;
                for operand in step.operands() {
                    if let Place::Net(net) = operand.place {
                        needed[net as usize] = true;
                    }
                }
            }
        }
        settle
    }

    fn chains(&self) -> Vec<Chain> {
        let mut heads: Vec<NetId> =
            self.feeds.keys().copied().filter(|n| !self.fed_by.contains_key(n)).collect();
        heads.sort_unstable();
        let follow = |head: NetId| {
            let nets = std::iter::successors(Some(head), |n| self.feeds.get(n).copied());
            Chain { nets: nets.collect() }
        };
        heads.into_iter().map(follow).collect()
    }
}

impl Run {
    /// Takes in one more element, if it continues the run.
    fn extend(&mut self, from: Operand) -> bool {
        if from.place != self.from.place || from.elem < self.from.elem {
            return false;
        }
        let stride = from.elem - self.from.elem;
        if self.count == 1 {
            self.stride = stride;
        } else if stride != self.stride * self.count {
            return false;
        }
        self.count += 1;
        true
    }
}

impl Step {
    /// What it reads.
    pub fn operands(&self) -> Vec<Operand> {
        match self {
            Step::Compute { operands, .. } => operands.clone(),
            Step::Gather { runs, .. } => runs.iter().map(|r| r.from).collect(),
            Step::Read { addr, .. } => vec![*addr],
            Step::Hold { next, enable, .. } => vec![*next, *enable],
            Step::Fetch { addr, enable, .. } => vec![*addr, *enable],
            Step::Write { addr, data, enable, .. } => vec![*addr, *data, *enable],
        }
    }

    /// The net it computes; updates change state instead.
    pub fn computes(&self) -> Option<NetId> {
        match self {
            Step::Compute { net, .. } | Step::Gather { net, .. } | Step::Read { net, .. } => Some(*net),
            _ => None,
        }
    }
}

/// The product can be taken of 32-bit lanes.
pub(crate) fn short_product(a: Form, b: Form) -> bool {
    let signed = a.signed || b.signed;
    let short = |f: Form| if signed { f.signed_width() <= 32 } else { f.width <= 32 };
    short(a) && short(b)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
