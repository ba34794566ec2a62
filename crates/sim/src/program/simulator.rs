//! Running a program.

use super::exec::{Memory, Ptr, VectorUnit};
use super::fold::{lane_value, pattern};
use super::layout::Code;
use super::net::{Lanes, Net, NetId, NetOp};
use super::storage::Storage;
use super::value::part_form;
use super::{InPort, OutPort, Program, Signal};
use hdl::Type;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::sync::Arc;

/// A running design: a number of independent stimuli with their inputs, state and outputs.
///
/// In every cycle: [`Simulator::set`] the inputs, [`Simulator::step`], and [`Simulator::get`] the outputs as they were
/// just before the clock edge. Where outputs decide inputs of the same cycle, [`Simulator::eval`] in between.
///
/// Values are bit patterns: an element of up to 64 bits is one word, a wider one several, the lowest first.
#[derive(Clone)]
pub struct Simulator {
    program: Program,
    code: Arc<Code>,
    unit: VectorUnit,
    arena: Storage,
    /// Byte position of the arena (0) and of every window.
    bases: Vec<usize>,
    /// The positions at which observed values are read: those before the last clock edge.
    view: Vec<usize>,
}

impl Simulator {
    pub(crate) fn new(program: Program, code: Code, unit: VectorUnit) -> Simulator {
        let mut bases = vec![0];
        bases.extend(code.windows.iter().map(|w| w.top()));
        let mut simulator = Simulator {
            program,
            unit,
            arena: Storage::new(code.bytes),
            code: Arc::new(code),
            view: bases.clone(),
            bases,
        };
        simulator.write_constants();
        simulator.reset();
        simulator
    }

    /// Number of independent stimuli.
    pub fn stimuli(&self) -> usize {
        self.code.stimuli as usize
    }

    /// The program that is run.
    pub fn program(&self) -> &Program {
        &self.program
    }

    // ---- ports ----

    /// Sets an input port; it stays until set again.
    ///
    /// Panics if the number of words is not that of the port, or the stimulus does not exist.
    #[track_caller]
    pub fn set(&mut self, port: InPort, stimulus: usize, words: &[u64]) {
        let stimuli = self.stimuli();
        let Simulator { program, code, arena, bases, .. } = self;
        let port = &program.inner.inputs[port.0];
        let each = port.ty.width.div_ceil(64) as usize;
        assert_eq!(words.len(), port.ty.count as usize * each, "words of input port `{}`", port.name);
        assert!(stimulus < stimuli, "stimulus {stimulus} of {stimuli}");
        for (part, &net) in port.nets.iter().enumerate() {
            let form = part_form(port.ty, (port.ty.width - 64 * part as u32).min(64));
            let at = code.places[net as usize].expect("inputs are placed").at(bases);
            for (elem, word) in words.iter().skip(part).step_by(each).enumerate() {
                arena.set_lane(at, form.is_long(), elem * stimuli + stimulus, lane_value(*word, form));
            }
        }
    }

    /// Sets a scalar input port of at most 64 bits.
    #[track_caller]
    pub fn set1(&mut self, port: InPort, stimulus: usize, value: u64) {
        self.set(port, stimulus, &[value]);
    }

    /// An input port as it was set last, appended to `words`.
    #[track_caller]
    pub fn input_into(&self, port: InPort, stimulus: usize, words: &mut Vec<u64>) {
        let stimuli = self.stimuli();
        assert!(stimulus < stimuli, "stimulus {stimulus} of {stimuli}");
        let port = &self.program.inner.inputs[port.0];
        let (each, first) = (port.ty.width.div_ceil(64) as usize, words.len());
        words.resize(first + port.ty.count as usize * each, 0);
        for (part, &net) in port.nets.iter().enumerate() {
            let width = (port.ty.width - 64 * part as u32).min(64);
            let form = part_form(port.ty, width);
            let at = self.code.places[net as usize].expect("inputs are placed").at(&self.bases);
            for (elem, word) in words[first..].iter_mut().skip(part).step_by(each).enumerate() {
                let lane = self.arena.lane(at, form.is_long(), elem * stimuli + stimulus);
                *word = pattern(lane_value(lane, form), width);
            }
        }
    }

    /// An output port as it was at the last [`Simulator::eval`] or [`Simulator::step`].
    #[track_caller]
    pub fn get(&self, port: OutPort, stimulus: usize) -> Vec<u64> {
        let mut words = vec![];
        self.get_into(port, stimulus, &mut words);
        words
    }

    /// As [`Simulator::get`], appended to `words`.
    #[track_caller]
    pub fn get_into(&self, port: OutPort, stimulus: usize, words: &mut Vec<u64>) {
        let ty = self.program.inner.outputs[port.0].ty;
        self.observed(port.0, ty, 0, stimulus, words);
    }

    /// A scalar output port of at most 64 bits.
    #[track_caller]
    pub fn get1(&self, port: OutPort, stimulus: usize) -> u64 {
        let ty = self.program.inner.outputs[port.0].ty;
        assert!(ty.count == 1 && ty.width <= 64, "an output of type {ty} is not one word");
        let lanes = &self.program.inner.plan.observed[port.0];
        if lanes.len() == 1 {
            return pattern(self.observed_lane(&lanes[0], 0, stimulus), ty.width);
        }
        self.get(port, stimulus)[0]
    }

    /// A signal inside the design, in one copy of its module; appended to `words`.
    #[track_caller]
    pub fn signal_into(&self, signal: &Signal, copy: u32, stimulus: usize, words: &mut Vec<u64>) {
        self.observed(signal.index, signal.ty, copy, stimulus, words);
    }

    fn observed(&self, index: usize, ty: Type, copy: u32, stimulus: usize, words: &mut Vec<u64>) {
        assert!(stimulus < self.stimuli(), "stimulus {stimulus} of {}", self.stimuli());
        let plan = &self.program.inner.plan;
        if let Some((net, at)) = self.whole(index) {
            let elements = (copy * ty.count) as usize..((copy + 1) * ty.count) as usize;
            let lanes = elements.map(|e| self.arena.lane(at, net.long, e * self.stimuli() + stimulus));
            words.extend(lanes.map(|lane| pattern(lane_value(lane, net.form), ty.width)));
            return;
        }
        for elem in copy * ty.count..(copy + 1) * ty.count {
            let first = words.len();
            words.resize(first + ty.width.div_ceil(64) as usize, 0);
            let mut lo = 0;
            for (lanes, &width) in plan.observed[index].iter().zip(&plan.widths[index]) {
                let bits = pattern(self.observed_lane(lanes, elem, stimulus), width);
                let (word, shift) = (first + lo as usize / 64, lo % 64);
                words[word] |= bits << shift;
                if shift + width > 64 {
                    words[word + 1] |= bits >> (64 - shift);
                }
                lo += width;
            }
        }
    }

    /// The net that holds all of an observed signal, if one does, and where it is.
    fn whole(&self, index: usize) -> Option<(&Net, usize)> {
        let plan = &self.program.inner.plan;
        let [Lanes::Whole(net)] = plan.observed[index][..] else { return None };
        Some((plan.graph.net(net), self.code.places[net as usize]?.at(&self.view)))
    }

    fn observed_lane(&self, lanes: &Lanes, elem: u32, stimulus: usize) -> u64 {
        let graph = &self.program.inner.plan.graph;
        let lane = graph.lane(lanes, elem);
        let net = graph.net(lane.net);
        if let NetOp::Const(value) = net.op {
            return value;
        }
        let at = self.code.places[lane.net as usize].expect("observed nets are kept").at(&self.view);
        let value = self.arena.lane(at, net.long, lane.elem as usize * self.stimuli() + stimulus);
        lane_value(value, net.form)
    }

    // ---- time ----

    /// Lets the outputs follow the inputs, without a clock edge.
    pub fn eval(&mut self) {
        self.run(false);
        self.view.copy_from_slice(&self.bases);
    }

    /// The clock edge: all state takes its next value. Outputs stay readable as they were before.
    pub fn clock(&mut self) {
        self.step();
    }

    /// One cycle: outputs follow the inputs, then the clock edge. Faster than [`Simulator::eval`] and
    /// [`Simulator::clock`].
    pub fn step(&mut self) {
        self.rewind_windows();
        self.run(true);
        self.view.copy_from_slice(&self.bases);
        for (base, window) in self.bases[1..].iter_mut().zip(&self.code.windows) {
            *base -= window.place;
        }
    }

    fn run(&mut self, step: bool) {
        let code = self.code.clone();
        let insts = if step { &code.step } else { &code.settle };
        let memory = Memory { code: &code, arena: self.arena.as_mut_ptr(), bases: &self.bases };
        // SAFETY: the arena has the size the code was laid out for, the bases are positions of its windows, and
        // `Program::simulator_on` chose a unit this machine has.
        unsafe { self.unit.run(insts, &memory) }
    }

    /// Copies windows that have reached the bottom of their region back to its top.
    fn rewind_windows(&mut self) {
        let code = self.code.clone();
        for (i, window) in code.windows.iter().enumerate() {
            if self.bases[i + 1] == window.start {
                self.arena.copy(window.start, window.top(), window.bytes);
                self.bases[i + 1] = window.top();
            }
        }
    }

    // ---- state ----

    /// Loads every register that has a reset value with it, in all stimuli. Other state stays as it is.
    pub fn reset(&mut self) {
        let program = self.program.clone();
        for state in &program.inner.plan.graph.states {
            if let Some(value) = state.reset {
                self.write_net(state.net, |_| value);
            }
        }
    }

    /// Gives all state (registers, register files, memories) arbitrary values; follow it with [`Simulator::reset`].
    ///
    /// Nothing a design means to compute may depend on them.
    pub fn randomize(&mut self, seed: u64) {
        let mut random = SmallRng::seed_from_u64(seed);
        let program = self.program.clone();
        let graph = &program.inner.plan.graph;
        for (id, net) in graph.nets.iter().enumerate().filter(|(_, n)| n.op == NetOp::State) {
            self.write_net(id as NetId, |_| lane_value(random.random(), net.form));
        }
        let code = self.code.clone();
        for &(at, lanes, form) in &code.file_lanes {
            self.write_lanes(at, form.is_long(), lanes, |_| lane_value(random.random(), form));
        }
    }

    // ---- storage ----

    fn write_constants(&mut self) {
        let code = self.code.clone();
        for (at, values, long) in &code.constants {
            self.write_lanes(*at, *long, values.len(), |i| values[i]);
        }
    }

    fn write_net(&mut self, net: NetId, value: impl FnMut(usize) -> u64) {
        let Some(at) = self.code.places[net as usize] else { return };
        let program = self.program.clone();
        let net = program.inner.plan.graph.net(net);
        self.write_lanes(at, net.long, net.len as usize * self.stimuli(), value);
    }

    fn write_lanes(&mut self, at: Ptr, long: bool, lanes: usize, mut value: impl FnMut(usize) -> u64) {
        let at = at.at(&self.bases);
        for i in 0..lanes {
            self.arena.set_lane(at, long, i, value(i));
        }
    }
}
