//! Driving a query engine: blocks of queries and key rows in, result rows out, with optional stalls on every port.

use crate::engine::EngineSpec;
use crate::functional::{self, ResultRow, Start, initials};
use crate::kernel::State;
use numerics::stratified::Rng;
use sim::{EngineError, InPort, OutPort, PortTrace, Program, Simulator, Trace};
use std::collections::VecDeque;

/// One query of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// Elements in the input format.
    pub row: Vec<u64>,
    /// An inactive query occupies its slot and gives no result.
    pub active: bool,
    /// The state it begins with, where the engine takes one; `None` is the empty one.
    pub initial: Option<State>,
}

/// One key and value row of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRow {
    /// Key elements.
    pub k: Vec<u64>,
    /// Value elements.
    pub v: Vec<u64>,
    /// Which queries of the block meet the key, query 0 first; queries beyond its end do not.
    pub meets: Vec<bool>,
}

/// A block of queries and the keys they meet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// 1 to P × interleave queries.
    pub queries: Vec<Query>,
    /// At least one key row.
    pub keys: Vec<KeyRow>,
}

impl Block {
    /// The result rows of the functional model, inactive queries left out.
    pub fn reference(&self, spec: &EngineSpec, scale: Option<u64>) -> Vec<ResultRow> {
        let keys: Vec<Vec<u64>> = self.keys.iter().map(|r| r.k.clone()).collect();
        let values: Vec<Vec<u64>> = self.keys.iter().map(|r| r.v.clone()).collect();
        let active = self.queries.iter().enumerate().filter(|(_, q)| q.active);
        let meets = |n: usize, i: usize| self.keys[i].meets.get(n).copied().unwrap_or(false);
        let model = spec.kernel.model(spec);
        let initial = initials(model.as_ref(), active.clone().map(|(_, q)| q.initial.clone()));
        let result = |((n, q), initial): ((usize, &Query), _)| {
            let start = Start { query: &q.row, initial };
            functional::attend_from(spec, model.as_ref(), start, &keys, &values, scale, |i| meets(n, i))
        };
        active.zip(initial).map(result).collect()
    }

    /// Unmasked steps of active queries.
    fn useful_steps(&self) -> u64 {
        let met = |r: &KeyRow| self.queries.iter().zip(&r.meets).filter(|(q, m)| q.active && **m).count();
        self.keys.iter().map(|r| met(r) as u64).sum()
    }

    /// Whether a query begins with a state.
    fn has_states(&self) -> bool {
        self.queries.iter().any(|q| q.initial.is_some())
    }

    fn results(&self) -> usize {
        self.queries.iter().filter(|q| q.active).count()
    }
}

/// How often each port pauses, as probabilities per cycle.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Stalls {
    /// The query source has nothing to give.
    pub q: f64,
    /// The key source has nothing to give.
    pub kv: f64,
    /// The sink takes nothing.
    pub o: f64,
    /// The source of initial states has nothing to give.
    pub i: f64,
    /// Seed of the pauses.
    pub seed: u64,
}

/// What a run gave.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outcome {
    /// Result rows of every block, in order.
    pub rows: Vec<ResultRow>,
    /// Clock cycles until the last row left.
    pub cycles: u64,
    /// Unmasked steps of active queries.
    pub useful_steps: u64,
}

impl Outcome {
    /// Useful steps ÷ (lanes × cycles).
    pub fn utilisation(&self, spec: &EngineSpec) -> f64 {
        self.useful_steps as f64 / (f64::from(spec.lanes) * self.cycles as f64)
    }
}

/// Inputs and outputs of every cycle, to replay in another engine.
#[derive(Clone, PartialEq, Debug)]
pub struct Recording {
    /// Input ports.
    pub inputs: Trace,
    /// Output ports.
    pub outputs: Trace,
}

/// Runs `jobs` (one list of blocks per stimulus of `simulator`) to the end; `observe` sees every settled cycle.
///
/// # Errors
/// When no row moves for a very long time: the design hangs.
pub fn run(
    spec: &EngineSpec,
    simulator: &mut Simulator,
    jobs: &[Vec<Block>],
    scale: Option<u64>,
    stalls: Stalls,
    mut observe: impl FnMut(&Pins<'_>) -> Result<(), EngineError>,
) -> Result<Vec<Outcome>, EngineError> {
    assert_eq!(simulator.stimuli(), jobs.len(), "one job per stimulus");
    let ports = Ports::new(simulator.program())?;
    simulator.reset();
    let mut pins = Pins::new(simulator)?;
    let mut drivers: Vec<Driver> =
        jobs.iter().enumerate().map(|(i, job)| Driver::new(i, job, stalls)).collect();
    if let (Some(port), Some(scale)) = (ports.scale, scale) {
        (0..jobs.len()).for_each(|s| pins.set1(port, s, scale));
    }
    if let Some(states) = &ports.states {
        for (s, job) in jobs.iter().enumerate() {
            pins.set1(states.enable, s, job.iter().any(Block::has_states).into());
        }
    }
    let limit = 100_000 + 100 * u64::from(spec.block()) * u64::from(spec.head_dim);
    let mut idle = 0;
    while drivers.iter().any(|d| !d.done()) {
        drivers.iter_mut().for_each(|d| d.drive(&ports, &mut pins, spec));
        pins.simulator.eval();
        observe(&pins)?;
        let moved = drivers.iter_mut().fold(false, |moved, d| d.sample(&ports, pins.simulator) | moved);
        pins.simulator.clock();
        idle = if moved { 0 } else { idle + 1 };
        if idle > limit {
            return Err(EngineError(format!("{}: nothing moved for {limit} cycles", spec.name)));
        }
    }
    Ok(drivers.into_iter().map(|d| d.outcome).collect())
}

/// Runs one list of blocks on a fresh simulator and records every port in every cycle.
///
/// # Errors
/// As [`run`].
pub fn record(
    spec: &EngineSpec,
    program: &Program,
    blocks: &[Block],
    scale: Option<u64>,
    stalls: Stalls,
) -> Result<(Outcome, Recording), EngineError> {
    let mut simulator = program.simulator(1);
    let mut recorder = Recorder::new(program)?;
    let jobs = [blocks.to_vec()];
    let outcome = run(spec, &mut simulator, &jobs, scale, stalls, |pins| {
        recorder.cycle(pins.simulator);
        Ok(())
    })?;
    Ok((outcome.into_iter().next().unwrap_or_default(), recorder.finish()))
}

/// A simulator whose inputs are being set.
pub struct Pins<'s> {
    /// The simulator.
    pub simulator: &'s mut Simulator,
}

impl<'s> Pins<'s> {
    /// All inputs idle.
    fn new(simulator: &'s mut Simulator) -> Result<Self, EngineError> {
        let program = simulator.program().clone();
        for (name, ty) in program.ports(hdl::Direction::Input) {
            let (port, zeros) = (program.input(&name)?, vec![0; ty.count as usize]);
            (0..simulator.stimuli()).for_each(|s| simulator.set(port, s, &zeros));
        }
        Ok(Pins { simulator })
    }

    fn set(&mut self, port: InPort, stimulus: usize, values: &[u64]) {
        self.simulator.set(port, stimulus, values);
    }

    fn set1(&mut self, port: InPort, stimulus: usize, value: u64) {
        self.set(port, stimulus, &[value]);
    }
}

/// Keeps every port of stimulus 0 in every cycle.
pub struct Recorder {
    inputs: Vec<(InPort, PortTrace)>,
    outputs: Vec<(OutPort, PortTrace)>,
    cycles: usize,
}

impl Recorder {
    /// Nothing yet.
    ///
    /// # Errors
    /// When the program lacks a port.
    pub fn new(program: &Program) -> Result<Self, EngineError> {
        let empty = |(name, ty)| PortTrace { name, ty, values: vec![], known: vec![] };
        let ports = |direction| program.ports(direction).into_iter().map(empty);
        let inputs = ports(hdl::Direction::Input).map(|t| Ok((program.input(&t.name)?, t)));
        let outputs = ports(hdl::Direction::Output).map(|t| Ok((program.output(&t.name)?, t)));
        Ok(Recorder {
            inputs: inputs.collect::<Result<_, EngineError>>()?,
            outputs: outputs.collect::<Result<_, EngineError>>()?,
            cycles: 0,
        })
    }

    /// A settled cycle.
    pub fn cycle(&mut self, simulator: &Simulator) {
        let inputs = self.inputs.iter_mut();
        inputs.for_each(|(port, trace)| simulator.input_into(*port, 0, &mut trace.values));
        let outputs = self.outputs.iter_mut();
        outputs.for_each(|(port, trace)| simulator.get_into(*port, 0, &mut trace.values));
        self.cycles += 1;
    }

    /// What was kept.
    pub fn finish(self) -> Recording {
        let trace = |ports: Vec<PortTrace>| Trace { cycles: self.cycles, ports };
        Recording {
            inputs: trace(self.inputs.into_iter().map(|(_, t)| t).collect()),
            outputs: trace(self.outputs.into_iter().map(|(_, t)| t).collect()),
        }
    }
}

/// What a query gives, port by port: the row, or a partial state in the order of [`functional::pack`].
pub const RESULT_PORTS: [&str; 4] = ["o_state", "o_sum", "o_data", "o_anchor"];

struct Ports {
    q_valid: InPort,
    q_data: InPort,
    q_active: InPort,
    q_last: InPort,
    kv_valid: InPort,
    k_data: InPort,
    v_data: InPort,
    kv_mask: InPort,
    kv_last: InPort,
    kv_exp: Option<InPort>,
    o_ready: InPort,
    scale: Option<InPort>,
    q_ready: OutPort,
    kv_ready: OutPort,
    o_valid: OutPort,
    o_empty: OutPort,
    /// Those of [`RESULT_PORTS`] that there are.
    o_parts: Vec<OutPort>,
    states: Option<StatePorts>,
}

/// What a state comes in by, in the order of [`functional::pack`].
pub const STATE_PORTS: [&str; 4] = ["i_state", "i_sum", "i_data", "i_anchor"];

struct StatePorts {
    enable: InPort,
    valid: InPort,
    empty: InPort,
    /// Those of [`STATE_PORTS`] that there are.
    parts: Vec<InPort>,
    ready: OutPort,
}

impl StatePorts {
    fn new(p: &Program) -> Option<Self> {
        Some(StatePorts {
            enable: p.input("i_enable").ok()?,
            valid: p.input("i_valid").ok()?,
            empty: p.input("i_empty").ok()?,
            parts: STATE_PORTS.iter().filter_map(|name| p.input(name).ok()).collect(),
            ready: p.output("i_ready").ok()?,
        })
    }
}

impl Ports {
    fn new(p: &Program) -> Result<Self, EngineError> {
        Ok(Ports {
            q_valid: p.input("q_valid")?,
            q_data: p.input("q_data")?,
            q_active: p.input("q_active")?,
            q_last: p.input("q_last")?,
            kv_valid: p.input("kv_valid")?,
            k_data: p.input("k_data")?,
            v_data: p.input("v_data")?,
            kv_mask: p.input("kv_mask")?,
            kv_last: p.input("kv_last")?,
            kv_exp: p.input("kv_exp").ok(),
            o_ready: p.input("o_ready")?,
            scale: p.input("scale").ok(),
            q_ready: p.output("q_ready")?,
            kv_ready: p.output("kv_ready")?,
            o_valid: p.output("o_valid")?,
            o_empty: p.output("o_empty")?,
            o_parts: RESULT_PORTS.iter().filter_map(|name| p.output(name).ok()).collect(),
            states: StatePorts::new(p),
        })
    }
}

/// Position in a list of lists.
struct Beats {
    lengths: VecDeque<usize>,
    block: usize,
    at: usize,
    /// The current beat is on the port and stays until taken.
    offered: bool,
}

impl Beats {
    fn new(lengths: impl Iterator<Item = usize>) -> Self {
        let mut beats = Beats { lengths: lengths.collect(), block: 0, at: 0, offered: false };
        beats.skip_empty();
        beats
    }

    fn skip_empty(&mut self) {
        while self.lengths.front() == Some(&0) {
            self.lengths.pop_front();
            self.block += 1;
        }
    }

    fn is_last(&self) -> bool {
        self.lengths.front() == Some(&(self.at + 1))
    }

    fn advance(&mut self) {
        self.offered = false;
        if self.is_last() {
            self.lengths.pop_front();
            (self.block, self.at) = (self.block + 1, 0);
            self.skip_empty();
        } else {
            self.at += 1;
        }
    }
}

/// Source and sink of one stimulus.
struct Driver<'a> {
    stimulus: usize,
    blocks: &'a [Block],
    stalls: Stalls,
    rng: Rng,
    q: Beats,
    kv: Beats,
    /// States of active queries, of all blocks if any query has one.
    states: Beats,
    wanted: usize,
    ready: bool,
    outcome: Outcome,
}

impl<'a> Driver<'a> {
    fn new(stimulus: usize, blocks: &'a [Block], stalls: Stalls) -> Self {
        let useful_steps = blocks.iter().map(Block::useful_steps).sum();
        let with_states = blocks.iter().any(Block::has_states);
        Driver {
            stimulus,
            blocks,
            stalls,
            rng: Rng::new(stalls.seed ^ (stimulus as u64) << 32),
            q: Beats::new(blocks.iter().map(|b| b.queries.len())),
            kv: Beats::new(blocks.iter().map(|b| b.keys.len())),
            states: Beats::new(blocks.iter().map(|b| if with_states { b.results() } else { 0 })),
            wanted: blocks.iter().map(Block::results).sum(),
            ready: false,
            outcome: Outcome { useful_steps, ..Outcome::default() },
        }
    }

    fn done(&self) -> bool {
        self.outcome.rows.len() == self.wanted && self.q.lengths.is_empty() && self.kv.lengths.is_empty()
    }

    fn pauses(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.unit() < probability
    }

    fn drive(&mut self, p: &Ports, s: &mut Pins<'_>, spec: &EngineSpec) {
        let n = self.stimulus;
        if !self.q.offered && !self.q.lengths.is_empty() && !self.pauses(self.stalls.q) {
            let query = &self.blocks[self.q.block].queries[self.q.at];
            s.set(p.q_data, n, &query.row);
            s.set1(p.q_active, n, u64::from(query.active));
            s.set1(p.q_last, n, u64::from(self.q.is_last()));
            self.q.offered = true;
        }
        s.set1(p.q_valid, n, u64::from(self.q.offered));
        if !self.kv.offered && !self.kv.lengths.is_empty() && !self.pauses(self.stalls.kv) {
            let row = &self.blocks[self.kv.block].keys[self.kv.at];
            s.set(p.k_data, n, &row.k);
            s.set(p.v_data, n, &row.v);
            let meets = row.meets.iter().map(|&m| u64::from(m)).chain(std::iter::repeat(0));
            s.set(p.kv_mask, n, &meets.take(spec.block() as usize).collect::<Vec<_>>());
            s.set1(p.kv_last, n, u64::from(self.kv.is_last()));
            if let Some(port) = p.kv_exp {
                s.set1(port, n, functional::largest_exponent(spec, &row.v));
            }
            self.kv.offered = true;
        }
        s.set1(p.kv_valid, n, u64::from(self.kv.offered));
        if let Some(ports) = &p.states {
            self.drive_state(ports, s, spec);
        }
        self.ready = !self.pauses(self.stalls.o);
        s.set1(p.o_ready, n, u64::from(self.ready));
    }

    fn drive_state(&mut self, p: &StatePorts, s: &mut Pins<'_>, spec: &EngineSpec) {
        let n = self.stimulus;
        if !self.states.offered && !self.states.lengths.is_empty() && !self.pauses(self.stalls.i) {
            let mut active = self.blocks[self.states.block].queries.iter().filter(|q| q.active);
            let state = active.nth(self.states.at).and_then(|q| q.initial.as_ref());
            for (&port, values) in p.parts.iter().zip(functional::pack(spec, state)) {
                s.set(port, n, &values);
            }
            s.set1(p.empty, n, u64::from(state.is_none()));
            self.states.offered = true;
        }
        s.set1(p.valid, n, u64::from(self.states.offered));
    }

    /// Notes what the coming clock edge takes; whether anything moves.
    fn sample(&mut self, p: &Ports, s: &Simulator) -> bool {
        if self.done() {
            return false;
        }
        let n = self.stimulus;
        self.outcome.cycles += 1;
        let q_moves = self.q.offered && s.get1(p.q_ready, n) == 1;
        let kv_moves = self.kv.offered && s.get1(p.kv_ready, n) == 1;
        let i_moves = self.states.offered && p.states.as_ref().is_some_and(|p| s.get1(p.ready, n) == 1);
        let o_moves = self.ready && s.get1(p.o_valid, n) == 1;
        if q_moves {
            self.q.advance();
        }
        if kv_moves {
            self.kv.advance();
        }
        if i_moves {
            self.states.advance();
        }
        if o_moves {
            let row = p.o_parts.iter().flat_map(|&part| s.get(part, n)).collect();
            self.outcome.rows.push(ResultRow { row, empty: s.get1(p.o_empty, n) == 1 });
        }
        q_moves | kv_moves | i_moves | o_moves
    }
}
