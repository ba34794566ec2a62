//! Finding the steps of a cycle: from what is observed back to its operands, and from the state met on the way to what
//! the state loads.

use super::fuse;
use super::net::*;
use super::plan::*;
use std::collections::HashMap;

/// Plans the computation of `observed` signals (each a list of parts) and of all state behind them.
pub(crate) fn plan(graph: Graph, observed: Vec<Vec<Lanes>>) -> Plan {
    let mut planner = Planner::new(graph);
    planner.absorbed = fuse::absorbed(&planner.graph, &observed);
    let observed = planner.observe(observed);
    planner.visit_all();
    planner.finish(observed)
}

pub(super) struct Planner {
    pub(super) graph: Graph,
    /// By net: bit fields that are cut out by the operations that use them.
    pub(super) absorbed: Vec<bool>,
    pub(super) constants: Vec<Constant>,
    pub(super) splats: HashMap<(u64, bool), u32>,
    pub(super) vectors: HashMap<(Vec<u64>, bool), u32>,
    /// By net: its position in `steps`, once it is there.
    pub(super) position: Vec<Option<usize>>,
    pub(super) steps: Vec<Step>,
    /// Sources and files met, whose updates are still to be planned.
    pub(super) work: Vec<Work>,
    pub(super) state_of: HashMap<NetId, usize>,
    pub(super) memory_of: HashMap<NetId, u32>,
    pub(super) met: HashMap<NetId, ()>,
    pub(super) met_files: HashMap<u32, ()>,
    pub(super) files: Vec<u32>,
    pub(super) held: Vec<NetId>,
    pub(super) updates: Vec<Step>,
    /// What a register slides out of, and the register it slides into.
    pub(super) feeds: HashMap<NetId, NetId>,
    pub(super) fed_by: HashMap<NetId, NetId>,
}

pub(super) enum Work {
    State(usize),
    File(u32),
}

impl Planner {
    pub(super) fn new(graph: Graph) -> Self {
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
    pub(super) fn observe(&mut self, observed: Vec<Vec<Lanes>>) -> Vec<Vec<Lanes>> {
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
    pub(super) fn slides(&self, net: NetId) -> bool {
        let Some(&state) = self.state_of.get(&net) else { return false };
        let state = &self.graph.states[state];
        state.enable.is_none() && state.next.as_ref().is_some_and(|n| *n != Lanes::Whole(net))
    }

    pub(super) fn visit_all(&mut self) {
        while let Some(work) = self.work.pop() {
            match work {
                Work::State(state) => self.visit_state(state),
                Work::File(file) => self.visit_file(file),
            }
        }
    }

    pub(super) fn visit_state(&mut self, state: usize) {
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

    pub(super) fn visit_file(&mut self, file: u32) {
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
    pub(super) fn slide(&mut self, net: NetId, next: &Lanes) {
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
    pub(super) fn ends_in(&self, net: NetId, source: NetId) -> bool {
        let mut at = source;
        while let Some(&before) = self.fed_by.get(&at) {
            at = before;
        }
        at == net
    }

    // ---- order ----

    /// Plans a net and everything it needs within the cycle, operands first.
    pub(super) fn visit(&mut self, net: NetId) {
        let mut stack = vec![net];
        while let Some(net) = stack.pop() {
            if self.position.get(net as usize).is_some_and(Option::is_some) || self.meet_source(net) {
                continue;
            }
            // The first time, the nets it reads come first; by the second they are there.
            let needs = self.needs(net);
            let missing: Vec<NetId> = needs.into_iter().filter(|&n| !self.is_placed(n)).collect();
            if missing.is_empty() {
                let step = self.step(net);
                self.place(net, step);
            } else {
                stack.push(net);
                stack.extend(missing.into_iter().rev());
            }
        }
    }

    pub(super) fn is_placed(&self, net: NetId) -> bool {
        self.graph.net(net).is_source() && self.met.contains_key(&net)
            || matches!(self.graph.net(net).op, NetOp::Const(_))
            || self.position.get(net as usize).is_some_and(Option::is_some)
    }

    /// Notes state that is read, so that its update is planned too; true for everything that is not computed.
    pub(super) fn meet_source(&mut self, net: NetId) -> bool {
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

    pub(super) fn meet_file(&mut self, file: u32) {
        if self.met_files.insert(file, ()).is_none() {
            self.work.push(Work::File(file));
        }
    }

    pub(super) fn place(&mut self, net: NetId, step: Step) {
        if self.position.len() <= net as usize {
            self.position.resize(self.graph.nets.len().max(net as usize + 1), None);
        }
        self.position[net as usize] = Some(self.steps.len());
        self.steps.push(step);
    }

    /// Nets whose lanes a net is made from.
    pub(super) fn needs(&self, net: NetId) -> Vec<NetId> {
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
    pub(super) fn step(&mut self, net: NetId) -> Step {
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
    pub(super) fn operand_sizes(&self, net: NetId) -> Vec<bool> {
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

    pub(super) fn runs(&mut self, lanes: &Lanes, long: bool) -> Vec<Run> {
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
}
