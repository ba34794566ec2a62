//! An accelerator with its surroundings, cycle by cycle: the host at the registers, and memory or streams at the rows'
//! interface.

use super::bus::{AxiMemory, Fault, LiteMaster, Request, Response, Sink, Source, Timing};
use super::memory::Memory;
use super::model::Counts;
use super::registers::{self, Access, Map};
use super::spec::{AcceleratorSpec, Cause, Interface, Settings, WATCHDOG};
use sim::{EngineError, OutPort, Program, Simulator};
use std::collections::BTreeMap;

/// Cycles without a transfer after which a run is given up; more than the hardware's own watchdog waits.
fn patience(spec: &AcceleratorSpec) -> u64 {
    4 * u64::from(spec.watchdog.max(WATCHDOG))
}

/// What a job gave.
#[derive(Clone, PartialEq, Debug)]
pub struct Job {
    /// Why it ended in an error, as STATUS says.
    pub error: Option<Cause>,
    /// Clock cycles from the start to the interrupt.
    pub cycles: u64,
    /// Every counter by the name of its register.
    pub counters: BTreeMap<&'static str, u64>,
}

impl Job {
    /// A counter.
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or_default()
    }

    /// Those counters that the functional model has.
    pub fn counts(&self) -> Counts {
        Counts {
            useful_steps: self.counter("USEFUL_STEPS"),
            skipped: self.counter("SKIPPED"),
            empty_rows: self.counter("EMPTY_ROWS"),
            bytes_read: self.counter("BYTES_READ"),
            bytes_written: self.counter("BYTES_WRITTEN"),
        }
    }
}

/// What is at the rows' interface.
enum Rows {
    Memory(Box<AxiMemory>),
    Streams(Box<Streams>),
}

fn host(program: &Program, timing: Timing) -> Result<LiteMaster, EngineError> {
    LiteMaster::new(program, timing.stalls, timing.seed ^ 0x40)
}

impl Rows {
    fn new(
        interface: Interface,
        program: &Program,
        memory: Memory,
        timing: Timing,
    ) -> Result<Rows, EngineError> {
        let (stalls, seed) = (timing.stalls, timing.seed);
        Ok(match interface {
            Interface::Dma => Rows::Memory(Box::new(AxiMemory::new(program, memory, timing)?)),
            Interface::Stream => Rows::Streams(Box::new(Streams {
                memory,
                q: Source::new(program, "s_axis_q", stalls, seed ^ 0x10)?,
                kv: Source::new(program, "s_axis_kv", stalls, seed ^ 0x20)?,
                i: match program.input("s_axis_i_tvalid") {
                    Ok(_) => Some(Source::new(program, "s_axis_i", stalls, seed ^ 0x50)?),
                    Err(_) => None,
                },
                o: Sink::new(program, "m_axis_o", stalls, seed ^ 0x30)?,
            })),
        })
    }
}

/// The streams that come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packets {
    /// Query rows.
    Queries,
    /// Key and value rows.
    Keys,
    /// Initial states.
    States,
}

struct Streams {
    memory: Memory,
    q: Source,
    kv: Source,
    /// Initial states.
    i: Option<Source>,
    o: Sink,
}

/// Sees every settled cycle.
type Observer<'o> = Box<dyn FnMut(&Simulator) -> Result<(), EngineError> + 'o>;

/// A running accelerator.
pub struct System<'o> {
    spec: AcceleratorSpec,
    map: Map,
    /// The simulator.
    pub simulator: Simulator,
    host: LiteMaster,
    rows: Rows,
    timing: Timing,
    irq: OutPort,
    /// Clock cycles so far.
    pub cycle: u64,
    quiet: u64,
    observer: Option<Observer<'o>>,
}

impl<'o> System<'o> {
    /// An accelerator out of reset, its other state arbitrary, beside a memory. On the stream interface the rows come
    /// from there and go there all the same, and of the timing only the stalls count.
    ///
    /// # Errors
    /// When the design lacks a port.
    pub fn new(
        spec: &AcceleratorSpec,
        program: &Program,
        memory: Memory,
        timing: Timing,
    ) -> Result<System<'o>, EngineError> {
        let mut simulator = program.simulator(1);
        simulator.randomize(timing.seed);
        simulator.reset();
        Ok(System {
            spec: spec.clone(),
            map: Map::new(spec),
            simulator,
            host: host(program, timing)?,
            rows: Rows::new(spec.interface, program, memory, timing)?,
            timing,
            irq: program.output("irq")?,
            cycle: 0,
            quiet: 0,
            observer: None,
        })
    }

    /// Shows every settled cycle from now on.
    pub fn observe(&mut self, observer: impl FnMut(&Simulator) -> Result<(), EngineError> + 'o) {
        self.observer = Some(Box::new(observer));
    }

    /// The memory as it is.
    pub fn memory(&mut self) -> &mut Memory {
        match &mut self.rows {
            Rows::Memory(bus) => &mut bus.memory,
            Rows::Streams(streams) => &mut streams.memory,
        }
    }

    /// Has transfers fail, counted from now on; none if the list is empty.
    pub fn inject(&mut self, faults: Vec<Fault>) {
        if let Rows::Memory(bus) = &mut self.rows {
            bus.restart_counts();
            bus.faults = faults;
        }
    }

    /// Ends the packet that is being sent so many beats early, with 0 a beat late; `false` if it has not as many beats left,
    /// or there is no such stream.
    pub fn misplace_last(&mut self, of: Packets, early_by: usize) -> bool {
        let Rows::Streams(streams) = &mut self.rows else { return false };
        let source = match of {
            Packets::Queries => Some(&mut streams.q),
            Packets::Keys => Some(&mut streams.kv),
            Packets::States => streams.i.as_mut(),
        };
        source.is_some_and(|source| source.misplace_last(early_by))
    }

    /// Queues the packets of a job on the streams, if there are any, without starting it.
    pub fn queue(&mut self, settings: &Settings) {
        if let Rows::Streams(streams) = &mut self.rows {
            streams.load(&self.spec, settings);
        }
    }

    /// Drops every packet that has not begun from the streams; whether there were any.
    pub fn silence(&mut self) -> bool {
        match &mut self.rows {
            Rows::Streams(streams) => {
                let states = streams.i.as_mut().is_some_and(Source::stop);
                streams.q.stop() | streams.kv.stop() | states
            }
            Rows::Memory(_) => false,
        }
    }

    /// From now on the memory takes and answers nothing, or no result is taken from the stream; or it is again.
    pub fn freeze(&mut self, frozen: bool) {
        match &mut self.rows {
            Rows::Memory(bus) => bus.frozen = frozen,
            Rows::Streams(streams) => streams.o.frozen = frozen,
        }
    }

    /// Resets the accelerator and everything at its buses, but for what the memory holds.
    ///
    /// # Errors
    /// When the design lacks a port.
    pub fn hard_reset(&mut self) -> Result<(), EngineError> {
        let memory = std::mem::take(self.memory());
        let program = self.simulator.program().clone();
        self.host = host(&program, self.timing)?;
        self.rows = Rows::new(self.spec.interface, &program, memory, self.timing)?;
        self.simulator.reset();
        Ok(())
    }

    /// One clock cycle.
    ///
    /// # Errors
    /// When the design breaks a rule of a bus, nothing has moved for a very long time, or the observer fails.
    pub fn step(&mut self) -> Result<(), EngineError> {
        let simulator = &mut self.simulator;
        self.host.drive(simulator);
        match &mut self.rows {
            Rows::Memory(bus) => bus.drive(simulator),
            Rows::Streams(streams) => {
                streams.q.drive(simulator);
                streams.kv.drive(simulator);
                if let Some(states) = &mut streams.i {
                    states.drive(simulator);
                }
                streams.o.drive(simulator);
            }
        }
        simulator.eval();
        if let Some(observer) = &mut self.observer {
            observer(simulator)?;
        }
        let mut moved = self.host.sample(simulator)?;
        moved |= match &mut self.rows {
            Rows::Memory(bus) => bus.sample(simulator)?,
            Rows::Streams(streams) => {
                let states = streams.i.as_mut().is_some_and(|states| states.sample(simulator));
                let sent = streams.q.sample(simulator) | streams.kv.sample(simulator);
                streams.o.sample(simulator)? | sent | states
            }
        };
        simulator.clock();
        self.cycle += 1;
        self.quiet = if moved { 0 } else { self.quiet + 1 };
        let patience = patience(&self.spec);
        if self.quiet > patience {
            return Err(EngineError(format!("{}: nothing moved for {patience} cycles", self.spec.name)));
        }
        Ok(())
    }

    /// An access to a register; steps until it is answered.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn access(&mut self, request: Request) -> Result<(u32, Response), EngineError> {
        self.host.ask(request);
        while self.host.answers.is_empty() {
            self.step()?;
        }
        let answer = self.host.answers.pop_front().unwrap_or_default();
        Ok((answer.data, answer.response))
    }

    /// Writes a register by name.
    ///
    /// # Errors
    /// As [`step`](Self::step), and when the write is refused.
    pub fn write(&mut self, register: &str, value: u32) -> Result<(), EngineError> {
        let offset = self.map.offset(register);
        self.write_at(offset, value)
    }

    fn write_at(&mut self, offset: u32, value: u32) -> Result<(), EngineError> {
        match self.access(Request::Write(offset, value, 0xf))?.1 {
            Response::Okay => Ok(()),
            refused => Err(EngineError(format!("the write to register {offset:#x} got {refused:?}"))),
        }
    }

    /// Reads a register by name.
    ///
    /// # Errors
    /// As [`step`](Self::step), and when the read is refused.
    pub fn read(&mut self, register: &str) -> Result<u64, EngineError> {
        let register = self.map.register(register).clone();
        let mut value = 0;
        for (i, word) in register.words().iter().enumerate() {
            let (data, response) = self.access(Request::Read(word.offset))?;
            if response != Response::Okay {
                return Err(EngineError(format!("the read of register {} got {response:?}", word.name)));
            }
            value |= u64::from(data) << (32 * i);
        }
        Ok(value)
    }

    /// Sets up a job and starts it, with its interrupt on.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn start(&mut self, settings: &Settings) -> Result<(), EngineError> {
        for (offset, value) in self.map.setup(settings) {
            self.write_at(offset, value)?;
        }
        self.queue(settings);
        self.write("CTRL", 0b101)
    }

    /// Asks for the end of the job.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn soft_reset(&mut self) -> Result<(), EngineError> {
        self.write("CTRL", 0b110)?;
        self.until_idle()?;
        self.all_closed()?;
        // A job that was over already has left its interrupt.
        self.write("STATUS", 0b110)
    }

    fn until_idle(&mut self) -> Result<(), EngineError> {
        self.silence();
        let mut waited = 0;
        while self.read("STATUS")? & 1 == 1 {
            waited += 1;
            if waited > patience(&self.spec) {
                return Err(EngineError(format!("{}: STATUS.BUSY stays on", self.spec.name)));
            }
        }
        while matches!(&self.rows, Rows::Streams(streams) if !streams.is_idle()) {
            self.step()?; // what is left of a packet is swallowed
        }
        Ok(())
    }

    fn all_closed(&self) -> Result<(), EngineError> {
        match &self.rows {
            Rows::Memory(bus) if !bus.is_idle() && !bus.frozen => {
                Err(EngineError("STATUS.BUSY is off while a transfer is open".into()))
            }
            _ => Ok(()),
        }
    }

    /// Runs a job to its end, done or in error.
    ///
    /// # Errors
    /// As [`step`](Self::step), and when the core ends a job with a transfer open.
    pub fn run(&mut self, settings: &Settings) -> Result<Job, EngineError> {
        self.start(settings)?;
        let from = self.cycle;
        self.finish(settings, from)
    }

    /// Waits for the interrupt of the job that was started in cycle `from`, and reads what it counted.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn finish(&mut self, settings: &Settings, from: u64) -> Result<Job, EngineError> {
        while self.simulator.get1(self.irq, 0) == 0 {
            self.step()?;
        }
        let cycles = self.cycle - from;
        let status = self.read("STATUS")?;
        let error = if status >> 2 & 1 == 1 { Some(cause(status >> 8 & 0xff)?) } else { None };
        self.until_idle()?;
        if error != Some(Cause::Watchdog) {
            self.all_closed()?;
        }
        if error.is_none()
            && let Rows::Streams(streams) = &mut self.rows
        {
            streams.store(&self.spec, settings)?;
        }
        let names: Vec<&'static str> =
            self.map.registers.iter().filter(|r| r.access == Access::Counter).map(|r| r.name).collect();
        let mut counters = BTreeMap::new();
        for name in names {
            counters.insert(name, self.read(name)?);
        }
        self.write("STATUS", 0b110)?;
        Ok(Job { error, cycles, counters })
    }

    /// As [`run`](Self::run), and the memory and counts are those of the functional model, or so is the error.
    ///
    /// # Errors
    /// As [`run`](Self::run), and when something differs.
    pub fn check(&mut self, settings: &Settings) -> Result<Job, EngineError> {
        let before = self.memory().clone();
        let expected = super::model::run(&self.spec, settings, &before);
        let job = self.run(settings)?;
        let differs = |what: String| Err(EngineError(what));
        match (expected, job.error) {
            (Err(cause), Some(error)) if cause == error => Ok(job),
            (Err(cause), error) => differs(format!("cause {error:?}, and the model's is {cause:?}")),
            (Ok(_), Some(error)) => differs(format!("the job ended in an error of cause {error:?}")),
            (Ok(expected), None) => {
                if let Some(what) = difference(&expected.memory, self.memory()) {
                    return differs(what);
                }
                if expected.counts != job.counts() {
                    let what = format!("counted {:?}, and the model {:?}", job.counts(), expected.counts);
                    return differs(what);
                }
                Ok(job)
            }
        }
    }
}

/// The cause of a number that STATUS shows.
fn cause(number: u64) -> Result<Cause, EngineError> {
    let cause = registers::causes().find(|&cause| cause as u64 == number);
    cause.ok_or_else(|| EngineError(format!("STATUS.CAUSE is {number}, which is none")))
}

/// Where two memories differ first.
fn difference(expected: &Memory, got: &Memory) -> Option<String> {
    let at = expected.bytes.iter().zip(&got.bytes).position(|(a, b)| a != b)?;
    let (expected, got) = (expected.bytes[at], got.bytes[at]);
    Some(format!("memory at byte {at} from its base holds {got:#04x}, and the model's {expected:#04x}"))
}

impl Streams {
    fn is_idle(&self) -> bool {
        self.q.is_idle() && self.kv.is_idle() && self.i.as_ref().is_none_or(Source::is_idle)
    }

    /// Queues the packets of a job.
    fn load(&mut self, spec: &AcceleratorSpec, settings: &Settings) {
        self.o.beats.clear();
        if settings.check(spec).is_err() {
            return;
        }
        let [count, of_state] =
            [spec.row_beats(), spec.state_beats()].map(|beats| (beats * spec.bus_bytes()) as usize);
        for head in 0..settings.heads {
            let group = settings.kv_head(head);
            for block in 0..spec.blocks(settings.queries) {
                let read = |at: u64, count| self.memory.read(at, count).expect("rows lie in memory");
                let row = |address: u64| read(address, count);
                let queries = spec.query_range(settings, block).map(|i| row(settings.q.row(head, i)));
                let queries = queries.collect::<Vec<_>>().concat();
                let pair = |j: u32| [row(settings.k.row(group, j)), row(settings.v.row(group, j))].concat();
                let keys = spec.key_range(settings, block).flat_map(pair).collect::<Vec<u8>>();
                if let Some(source) = self.i.as_mut().filter(|_| settings.initial) {
                    let states = spec.query_range(settings, block);
                    let states = states.map(|i| read(settings.i.row(head, i), of_state));
                    source.send(&states.collect::<Vec<_>>().concat());
                }
                self.q.send(&queries);
                if !keys.is_empty() {
                    self.kv.send(&keys);
                }
            }
        }
    }

    /// Puts the results that came where they belong.
    fn store(&mut self, spec: &AcceleratorSpec, settings: &Settings) -> Result<(), EngineError> {
        let beats = spec.result_beats() as usize;
        let rows = settings.heads * settings.queries;
        if self.o.beats.len() != rows as usize * beats {
            let (got, due) = (self.o.beats.len(), rows as usize * beats);
            return Err(EngineError(format!("{got} beats of results came, and {due} were due")));
        }
        let taken = std::mem::take(&mut self.o.beats);
        let places = (0..settings.heads).flat_map(|head| (0..settings.queries).map(move |i| (head, i)));
        for ((head, i), row) in places.zip(taken.chunks_exact(beats)) {
            let ends_block = (i + 1) % spec.block() == 0 || i + 1 == settings.queries;
            if row.iter().enumerate().any(|(k, beat)| beat.1 != (ends_block && k + 1 == beats)) {
                return Err(EngineError(format!("m_axis_o_tlast is misplaced in row {i} of head {head}")));
            }
            let bytes: Vec<u8> = row.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
            let written = self.memory.write(settings.o.row(head, i), &bytes);
            written.ok_or_else(|| EngineError("results lie outside the memory".into()))?;
        }
        Ok(())
    }
}
