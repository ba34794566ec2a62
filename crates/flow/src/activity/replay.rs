//! Recorded stimuli replayed on the netlist, its outputs checked bit for bit.

use super::{Activity, Program, Simulator};
use crate::netlist::NetId;
use hdl::Design;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sim::{Mismatch, PortTrace, Trace};
use std::fmt;
use std::num::NonZeroU32;

/// Chooses the cycles that are counted.
const SAMPLE_SEED: u64 = 1;

/// How a netlist is held against its recordings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Check {
    /// Flip-flops before the reset.
    pub power_up: PowerUp,
    /// Outputs count from this cycle on: where a part of a design was recorded inside of the whole, what has no reset
    /// differs at first.
    pub from: usize,
    /// One cycle out of so many is counted, chosen at random; all of them are compared.
    pub sample: NonZeroU32,
}

impl Default for Check {
    fn default() -> Self {
        Check { power_up: PowerUp::default(), from: 0, sample: NonZeroU32::MIN }
    }
}

/// Flip-flops before the reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PowerUp {
    /// All 0.
    #[default]
    Zero,
    /// Random, from this seed; what has no reset must not show in valid outputs.
    Random(u64),
}

/// Why a replay ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplayError {
    /// The netlist and the recording have different ports.
    Ports(String),
    /// An output differs.
    Mismatch {
        /// Index of the recording.
        recording: usize,
        /// Where, and what.
        at: Mismatch,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::Ports(what) => f.write_str(what),
            ReplayError::Mismatch { recording, at } => write!(f, "netlist, recording {recording}: {at}"),
        }
    }
}

impl std::error::Error for ReplayError {}

/// Resets the netlist and replays recordings, `(inputs, outputs)` of the same design, 64 of them side by side; the
/// activity is counted over all of them, the cycles of the reset aside.
///
/// Outputs are compared as [`sim::compare`] does: a port counts from the cycle on that belongs to the first inputs, and
/// one qualified by another only while that one is 1.
///
/// # Errors
/// At the first output that differs, or when a port is missing or has another width.
pub fn replay(
    program: &Program,
    design: &Design,
    recordings: &[(&Trace, &Trace)],
    check: Check,
) -> Result<Activity, ReplayError> {
    let mut total: Option<Activity> = None;
    for (batch, chunk) in recordings.chunks(64).enumerate() {
        let activity = Replay::new(program, design, chunk, batch * 64)?.run(check)?;
        match &mut total {
            Some(total) => total.add(&activity),
            None => total = Some(activity),
        }
    }
    total.ok_or_else(|| ReplayError::Ports("there is no recording to replay".to_string()))
}

/// A port of the design with its nets in the netlist.
struct Pins<'r> {
    nets: &'r [NetId],
    /// Its trace in each recording.
    traces: Vec<&'r PortTrace>,
}

impl Pins<'_> {
    /// Bit `bit` of the flattened port in every recording; those that have ended give 0.
    fn word(&self, cycle: usize, bit: usize) -> u64 {
        let lane = |(lane, trace): (usize, &&PortTrace)| {
            let width = trace.ty.width as usize;
            let words = words_of(trace);
            let at = cycle * trace.ty.count as usize * words + bit / width * words + bit % width / 64;
            (trace.values.get(at).copied().unwrap_or(0) >> (bit % width % 64) & 1) << lane
        };
        self.traces.iter().enumerate().map(lane).fold(0, |word, bit| word | bit)
    }
}

/// An output with the rule that says when it counts.
struct Output<'r> {
    pins: Pins<'r>,
    from_cycle: usize,
    valid: Option<Pins<'r>>,
}

struct Replay<'r> {
    program: &'r Program,
    design: &'r Design,
    recordings: &'r [(&'r Trace, &'r Trace)],
    first: usize,
    inputs: Vec<Pins<'r>>,
    outputs: Vec<Output<'r>>,
}

impl<'r> Replay<'r> {
    fn new(
        program: &'r Program,
        design: &'r Design,
        recordings: &'r [(&'r Trace, &'r Trace)],
        first: usize,
    ) -> Result<Self, ReplayError> {
        let mut replay = Replay { program, design, recordings, first, inputs: vec![], outputs: vec![] };
        let Some((inputs, outputs)) = recordings.first() else { return Ok(replay) };
        for trace in &inputs.ports {
            let pins = replay.pins(&trace.name, |(inputs, _)| *inputs)?;
            replay.inputs.push(pins);
        }
        for trace in &outputs.ports {
            let port = design.top().port(&trace.name).map(|(_, port)| port);
            let valid = port.and_then(|p| p.valid_by.as_ref());
            let output = Output {
                pins: replay.pins(&trace.name, |(_, outputs)| *outputs)?,
                from_cycle: port.map_or(0, |p| p.cycle as usize),
                valid: valid.map(|v| replay.pins(v, |(_, outputs)| *outputs)).transpose()?,
            };
            replay.outputs.push(output);
        }
        Ok(replay)
    }

    fn pins(
        &self,
        name: &str,
        side: impl Fn(&'r (&'r Trace, &'r Trace)) -> &'r Trace,
    ) -> Result<Pins<'r>, ReplayError> {
        let missing = |place: &str| ReplayError::Ports(format!("{place} has no port `{name}`"));
        let port =
            self.program.ports.iter().find(|p| p.name == name).ok_or_else(|| missing("the netlist"))?;
        let trace = |r| side(r).port(name).ok_or_else(|| missing("a recording"));
        let traces = self.recordings.iter().map(trace).collect::<Result<Vec<_>, _>>()?;
        match traces.iter().find(|t| t.ty.bits() as usize != port.bits.len()) {
            None => Ok(Pins { nets: &port.bits, traces }),
            Some(trace) => {
                let (netlist, recorded) = (port.bits.len(), trace.ty.bits());
                let widths = format!("port `{name}` has {netlist} bits in the netlist, {recorded} recorded");
                Err(ReplayError::Ports(widths))
            }
        }
    }

    fn run(&self, check: Check) -> Result<Activity, ReplayError> {
        let mut random = match check.power_up {
            PowerUp::Zero => None,
            PowerUp::Random(seed) => Some(ChaCha8Rng::seed_from_u64(seed)),
        };
        let mut simulator = Simulator::new(self.program, || random.as_mut().map_or(0, RngCore::next_u64));
        let reset = self.design.reset;
        self.program.reset(&mut simulator, Some((reset.port(), !reset.active_low)));
        let mut chosen = ChaCha8Rng::seed_from_u64(SAMPLE_SEED);
        let cycles = self.recordings.iter().map(|(inputs, _)| inputs.cycles).max().unwrap_or(0);
        for cycle in 0..cycles {
            let running = self.recordings.iter().map(|(inputs, _)| cycle < inputs.cycles);
            let active = running.enumerate().fold(0, |mask, (lane, runs)| mask | u64::from(runs) << lane);
            for pins in &self.inputs {
                let nets = pins.nets.iter().enumerate();
                nets.for_each(|(bit, net)| simulator.set(*net, pins.word(cycle, bit)));
            }
            simulator.settle();
            if cycle >= check.from {
                self.check(&simulator, cycle, active)?;
            }
            match chosen.random_ratio(1, check.sample.get()) {
                true => simulator.count(active),
                false => simulator.pass(active),
            }
            simulator.clock();
        }
        Ok(simulator.activity(self.recordings.len() as u64))
    }

    fn check(&self, simulator: &Simulator<'_>, cycle: usize, active: u64) -> Result<(), ReplayError> {
        for output in self.outputs.iter().filter(|o| cycle >= o.from_cycle) {
            let counts = active & output.valid.as_ref().map_or(u64::MAX, |v| v.word(cycle, 0));
            let wrong =
                |(bit, net): (usize, &NetId)| (simulator.get(*net) ^ output.pins.word(cycle, bit)) & counts;
            let wrong = output.pins.nets.iter().enumerate().map(wrong).fold(0, |all, word| all | word);
            if wrong != 0 {
                let lane = wrong.trailing_zeros() as usize;
                let at = mismatch(simulator, &output.pins, cycle, lane);
                return Err(ReplayError::Mismatch { recording: self.first + lane, at });
            }
        }
        Ok(())
    }
}

fn mismatch(simulator: &Simulator<'_>, pins: &Pins<'_>, cycle: usize, lane: usize) -> Mismatch {
    let trace = pins.traces[lane];
    let width = trace.ty.width as usize;
    let in_cycle = trace.ty.count as usize * words_of(trace);
    let expected = trace.values[cycle * in_cycle..(cycle + 1) * in_cycle].to_vec();
    let bit = |net: &NetId| simulator.get(*net) >> lane & 1;
    let word = |nets: &[NetId]| nets.iter().rev().fold(0, |value, net| value << 1 | bit(net));
    let found = pins.nets.chunks(width).flat_map(|element| element.chunks(64).map(word)).collect();
    Mismatch { cycle, port: trace.name.clone(), expected, found: Some(found) }
}

/// Words that an element takes: ports inside of a design may be wider than one.
fn words_of(trace: &PortTrace) -> usize {
    trace.ty.width.div_ceil(64) as usize
}
