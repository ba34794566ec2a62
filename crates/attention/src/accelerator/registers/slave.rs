//! The AXI4-Lite slave with all registers.
//!
//! ```text
//! aw ─► holder ─┐                      ┌─► cfg_*, start, soft_reset, irq
//! w  ─► holder ─┴─► write ─► words ────┤
//! b  ◄──────────────── response        │   busy, done_set, error_set, error_cause, block_*, inc_* ─► status, counters
//! ar ─► holder ───► read ◄─────────────┘
//! r  ◄──────────────── data
//! ```
//! A holder keeps one transfer and is ready while it is empty, so addresses and data of a write arrive in any order, and
//! every output comes straight from registers: nothing leads from a ready to a valid, or the other way, within a cycle.

use super::{Access, Map, Register};
use crate::accelerator::spec::AcceleratorSpec;
use hdl::{Arg, Design, Kind, ModuleBuilder, ModuleId, Outputs, Reg, Reset, Signal, Timing, Type};

/// Address bits of the slave: 4 KiB.
const ADDRESS_BITS: u32 = 12;
/// Response SLVERR.
const SLVERR: u64 = 0b10;

/// The register block as a module.
///
/// Ports besides `s_axil_*`: outputs `cfg_<name>` of every setting of [`AcceleratorSpec::settings`], `start` and
/// `soft_reset` (one cycle each), `irq`; inputs `busy` (from the cycle after `start` to the job's end), `done_set`,
/// `error_set` with `error_cause`, `inc_<name>` of every counter of [`AcceleratorSpec::counters`], and on the stream
/// interface `block_lo` and `block_hi`.
pub fn define(b: &ModuleBuilder, spec: &AcceleratorSpec) -> ModuleId {
    let map = Map::new(spec);
    let inputs = inputs(spec, &map);
    let inputs: Vec<(&str, Type)> = inputs.iter().map(|(name, ty)| (name.as_str(), *ty)).collect();
    let name = format!("{}_registers", spec.name);
    let kind = Kind { name: &name, doc: "control, status, settings and counters behind an AXI4-Lite slave" };
    b.define(kind, &inputs, |m, x| {
        let ports = Ports { names: inputs.iter().map(|(name, _)| *name).collect(), signals: x };
        body(m, &map, &ports)
    })
}

/// The register block as a design of its own.
///
/// # Errors
/// When the design is no circuit, which would be a mistake here.
pub fn elaborate(spec: &AcceleratorSpec, timing: Option<Timing>, reset: Reset) -> Result<Design, hdl::Error> {
    let name = format!("{}_control", spec.name);
    hdl::elaborate(&name, "the registers by themselves", timing, reset, |b| {
        b.explicit();
        let module = define(b, spec);
        let kind = b.defined(module);
        let inputs: Vec<(&str, Arg<'_>)> =
            kind.inputs().map(|(_, port)| (&*port.name, b.input(&port.name, port.ty).into())).collect();
        let outputs = b.instantiate("registers", 1, module, &inputs);
        for ((_, port), signal) in kind.outputs().zip(outputs) {
            match &port.valid_by {
                Some(valid) => b.output_when(&port.name, signal, valid),
                None => b.output(&port.name, signal),
            }
        }
    })
}

/// Inputs of the module by name.
struct Ports<'a, 'm> {
    names: Vec<&'a str>,
    signals: &'a [Signal<'m>],
}

impl<'m> Ports<'_, 'm> {
    fn get(&self, name: &str) -> Signal<'m> {
        let at = self.names.iter().position(|n| *n == name);
        self.signals[at.unwrap_or_else(|| panic!("no input {name}"))]
    }
}

fn inputs(spec: &AcceleratorSpec, map: &Map) -> Vec<(String, Type)> {
    let lite = [
        ("awaddr", ADDRESS_BITS),
        ("awprot", 3),
        ("awvalid", 1),
        ("wdata", 32),
        ("wstrb", 4),
        ("wvalid", 1),
        ("bready", 1),
        ("araddr", ADDRESS_BITS),
        ("arprot", 3),
        ("arvalid", 1),
        ("rready", 1),
    ];
    let job = [("busy", 1), ("done_set", 1), ("error_set", 1), ("error_cause", 8)];
    let lite = lite.map(|(name, width)| (format!("s_axil_{name}"), width));
    let job = job.map(|(name, width)| (name.to_string(), width));
    let live = map.of(Access::Live).map(|r| (r.name.to_lowercase(), r.bits));
    let counters = spec.counters().into_iter().map(|(name, width)| (format!("inc_{name}"), width));
    let ports = lite.into_iter().chain(job).chain(live).chain(counters);
    ports.map(|(name, width)| (name, Type::unsigned(width))).collect()
}

/// One transfer of a channel, kept until it is done with.
struct Holder<'m> {
    ready: Signal<'m>,
    held: Signal<'m>,
    payload: Vec<Signal<'m>>,
}

impl<'m> Holder<'m> {
    fn new(
        m: &'m ModuleBuilder,
        x: &Ports<'_, 'm>,
        channel: &str,
        payload: &[(&str, Signal<'m>)],
        done: Signal<'m>,
    ) -> Self {
        let valid = x.get(&format!("s_axil_{channel}valid"));
        let held = m.register(&format!("{channel}_held"), Type::unsigned(1)).reset(0);
        let ready = (!held.q).named(&format!("{channel}_free"));
        let accept = (valid & ready).named(&format!("{channel}_accept"));
        held.set(accept | (held.q & !done));
        let keep = |&(name, value): &(&str, Signal<'m>)| {
            let register = m.register(name, value.ty()).enable(accept);
            register.set(value);
            register.q
        };
        Holder { ready, held: held.q, payload: payload.iter().map(keep).collect() }
    }
}

/// A response that waits to be taken.
struct Response<'m> {
    valid: Reg<'m>,
    ready: Signal<'m>,
    /// A new one can be given.
    free: Signal<'m>,
}

impl<'m> Response<'m> {
    fn new(m: &'m ModuleBuilder, x: &Ports<'_, 'm>, channel: &str) -> Self {
        let valid = m.register(&format!("{channel}_valid"), Type::unsigned(1)).reset(0);
        let ready = x.get(&format!("s_axil_{channel}ready"));
        Response { valid, ready, free: !valid.q | ready }
    }

    fn give(&self, now: Signal<'m>) {
        self.valid.set(now | (self.valid.q & !self.ready));
    }
}

/// A write as the registers see it.
struct Write<'m> {
    /// Happens now.
    now: Signal<'m>,
    /// Word address.
    word: Signal<'m>,
    data: Signal<'m>,
    strobe: Signal<'m>,
}

impl<'m> Write<'m> {
    /// `old` with the bytes that are written, from bit 0.
    fn merged(&self, old: Signal<'m>) -> Signal<'m> {
        let width = old.width();
        let byte = |k: u32| {
            let (hi, lo) = ((8 * k + 7).min(width - 1), 8 * k);
            self.strobe.bit(k).mux(self.data.slice(hi, lo), old.slice(hi, lo))
        };
        let bytes: Vec<Signal<'m>> = (0..width.div_ceil(8)).rev().map(byte).collect();
        old.builder().concat(&bytes)
    }

    /// Bit `i` is written, as 1.
    fn one(&self, i: u32) -> Signal<'m> {
        self.data.bit(i) & self.strobe.bit(i / 8)
    }

    fn hits(&self, offset: u32) -> Signal<'m> {
        self.word.eq_const(u64::from(offset / 4))
    }
}

/// What reads give, and which writes are taken.
#[derive(Default)]
struct Words<'m> {
    /// Byte address and value.
    readable: Vec<(u32, Signal<'m>)>,
    /// The write at hand is taken, register by register.
    taken: Vec<Signal<'m>>,
}

fn body<'m>(m: &'m ModuleBuilder, map: &Map, x: &Ports<'_, 'm>) -> Outputs<'m> {
    m.explicit();
    let bit = Type::unsigned(1);
    let word_address = |name: &str| x.get(name).slice(ADDRESS_BITS - 1, 2);
    let (b, r) = (Response::new(m, x, "b"), Response::new(m, x, "r"));
    let [write_now, read_now] = ["write_now", "read_now"].map(|name| m.wire(name, bit));
    let aw = Holder::new(m, x, "aw", &[("write_word", word_address("s_axil_awaddr"))], write_now);
    let data = [("write_data", x.get("s_axil_wdata")), ("write_strobe", x.get("s_axil_wstrb"))];
    let w = Holder::new(m, x, "w", &data, write_now);
    let ar = Holder::new(m, x, "ar", &[("read_word", word_address("s_axil_araddr"))], read_now);
    m.drive(write_now, aw.held & w.held & b.free);
    m.drive(read_now, ar.held & r.free);
    b.give(write_now);
    r.give(read_now);

    let write = Write { now: write_now, word: aw.payload[0], data: w.payload[0], strobe: w.payload[1] };
    let mut words = Words::default();
    let start = control(m, map, x, &write, &mut words);
    for register in &map.registers {
        match register.access {
            Access::Constant => constant(m, register, &mut words),
            Access::Live => words.readable.push((register.offset, x.get(&register.name.to_lowercase()))),
            Access::Counter => counter(m, x, register, start.job, &mut words),
            Access::Configuration => setting(m, register, &write, start.busy, &mut words),
            Access::Control | Access::Status => {}
        }
    }

    let response = |name: &str, now: Signal<'m>, good: Signal<'m>| {
        let register = m.register(name, Type::unsigned(2)).enable(now);
        register.set(good.mux(m.lit(0, 2), m.lit(SLVERR, 2)));
        register.q
    };
    let taken = any(m, &words.taken).named("write_taken");
    let hits: Vec<Signal<'m>> =
        words.readable.iter().map(|(at, _)| ar.payload[0].eq_const(u64::from(at / 4))).collect();
    let values = hits.iter().zip(&words.readable).map(|(hit, (_, v))| hit.mux(v.extend(32), m.lit(0, 32)));
    let values: Vec<Signal<'m>> = values.collect();
    let read_data = m.register("read_data", Type::unsigned(32)).enable(read_now);
    read_data.set(any(m, &values));

    let mapped = any(m, &hits).named("read_mapped");
    m.output("s_axil_awready", aw.ready);
    m.output("s_axil_wready", w.ready);
    m.output("s_axil_bvalid", b.valid.q);
    m.output_when("s_axil_bresp", response("write_response", write_now, taken), "s_axil_bvalid");
    m.output("s_axil_arready", ar.ready);
    m.output("s_axil_rvalid", r.valid.q);
    m.output_when("s_axil_rdata", read_data.q, "s_axil_rvalid");
    m.output_when("s_axil_rresp", response("read_response", read_now, mapped), "s_axil_rvalid");
    vec![]
}

/// Or of all, as a tree.
fn any<'m>(m: &'m ModuleBuilder, signals: &[Signal<'m>]) -> Signal<'m> {
    match signals {
        [] => m.lit(0, 1),
        [one] => *one,
        more => {
            let (a, b) = more.split_at(more.len() / 2);
            any(m, a) | any(m, b)
        }
    }
}

fn constant<'m>(m: &'m ModuleBuilder, register: &Register, words: &mut Words<'m>) {
    words.readable.push((register.offset, m.lit(register.reset(), 32)));
}

/// A setting: kept while a job runs.
fn setting<'m>(
    m: &'m ModuleBuilder,
    register: &Register,
    write: &Write<'m>,
    busy: Signal<'m>,
    words: &mut Words<'m>,
) {
    let parts = register.words().into_iter().enumerate().map(|(i, word)| {
        let width = (register.width() - 32 * i as u32).min(32);
        let taken = (write.hits(word.offset) & !busy).named(&format!("sets_{}", word.name.to_lowercase()));
        let part = m.register(&word.name.to_lowercase(), Type::unsigned(width)).enable(write.now & taken);
        let part = part.reset(register.reset() >> (32 * i) & 0xffff_ffff);
        part.set(write.merged(part.q));
        words.readable.push((word.offset, part.q));
        words.taken.push(taken);
        part.q
    });
    let parts: Vec<Signal<'m>> = parts.collect();
    let high_first: Vec<Signal<'m>> = parts.into_iter().rev().collect();
    m.output(&format!("cfg_{}", register.name.to_lowercase()), m.concat(&high_first));
}

/// A counter, cleared by the start of a job. The high word of a long one follows a cycle behind the low one.
fn counter<'m>(
    m: &'m ModuleBuilder,
    x: &Ports<'_, 'm>,
    register: &Register,
    clear: Signal<'m>,
    words: &mut Words<'m>,
) {
    let name = register.name.to_lowercase();
    let step = x.get(&format!("inc_{name}"));
    let (zero, word) = (m.lit(0, 32), Type::unsigned(32));
    let low = m.register(&name, word).reset(0).enable(step.reduce_or() | clear);
    let sum = (low.q + step).named(&format!("{name}_sum"));
    low.set(clear.mux(zero, sum.low(32)));
    words.readable.push((register.offset, low.q));
    if register.bits == 64 {
        let carry = m.register(&format!("{name}_carry"), Type::unsigned(1)).reset(0);
        carry.set(sum.bit(32) & !clear);
        let high = m.register(&format!("{name}_hi"), word).reset(0).enable(carry.q | clear);
        high.set(clear.mux(zero, (high.q + m.lit(1, 1)).low(32)));
        words.readable.push((register.offset + 4, high.q));
    }
}

/// What [`control`] tells the rest.
struct Start<'m> {
    /// A job starts, and what the last one left is cleared.
    job: Signal<'m>,
    /// Settings are in use.
    busy: Signal<'m>,
}

/// The registers CTRL and STATUS.
fn control<'m>(
    m: &'m ModuleBuilder,
    map: &Map,
    x: &Ports<'_, 'm>,
    write: &Write<'m>,
    words: &mut Words<'m>,
) -> Start<'m> {
    let bit = Type::unsigned(1);
    let (ctrl, status) = (map.register("CTRL"), map.register("STATUS"));
    let one = |register: &Register, name: &str| write.one(register.field(name).low);
    let start = m.register("start_job", bit).reset(0);
    let busy = (x.get("busy") | start.q).named("in_use");

    let reset_asked = one(ctrl, "SOFT_RESET");
    let start_asked = (one(ctrl, "START") & !reset_asked).named("start_asked");
    let taken = (write.hits(ctrl.offset) & !(start_asked & busy)).named("controls");
    let now = (write.now & taken).named("control_now");
    start.set(now & start_asked);
    let soft_reset = m.register("reset_job", bit).reset(0);
    soft_reset.set(now & reset_asked);
    let irq_enable = ctrl.field("IRQ_ENABLE").low;
    let enable = m.register("irq_enable", bit).reset(0).enable(now & write.strobe.bit(irq_enable / 8));
    enable.set(write.data.bit(irq_enable));
    words.taken.push(taken);

    let marks = write.hits(status.offset).named("marks");
    words.taken.push(marks);
    let clears = |name: &str| start.q | (write.now & marks & one(status, name));
    let (error_set, clears_error) = (x.get("error_set"), clears("ERROR").named("clears_error"));
    let flag = |name: &str, set: Signal<'m>, clears: Signal<'m>| {
        let flag = m.register(name, bit).reset(0);
        flag.set(set | (flag.q & !clears));
        flag.q
    };
    let done = flag("done", x.get("done_set"), clears("DONE").named("clears_done"));
    let error = flag("error", error_set, clears_error);
    let code = x.get("error_cause");
    let cause = m.register("cause", code.ty()).reset(0).enable(error_set | clears_error);
    cause.set(error_set.mux(code, m.zero(code.ty())));

    let place = |register: &Register, fields: &[(&str, Signal<'m>)]| {
        let placed = fields.iter().map(|(name, value)| value.shl_const(register.field(name).low).extend(32));
        any(m, &placed.collect::<Vec<_>>())
    };
    let flags = [("BUSY", busy), ("DONE", done), ("ERROR", error), ("CAUSE", cause.q)];
    words.readable.push((ctrl.offset, place(ctrl, &[("IRQ_ENABLE", enable.q)])));
    words.readable.push((status.offset, place(status, &flags)));
    m.output("start", start.q);
    m.output("soft_reset", soft_reset.q);
    m.output("irq", enable.q & (done | error));
    Start { job: start.q, busy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::Program;

    /// With steps as wide as a word, a long counter carries within a few cycles.
    #[test]
    fn long_counters_carry() {
        let cycles = super::super::counters().into_iter().find(|register| register.bits == 64).unwrap();
        let design = hdl::elaborate("counter", "a long counter", None, Reset::default(), |b| {
            b.explicit();
            let name = format!("inc_{}", cycles.name.to_lowercase());
            let (step, clear) = (b.input(&name, Type::unsigned(32)), b.input("clear", Type::unsigned(1)));
            let mut words = Words::default();
            counter(b, &Ports { names: vec![&name], signals: &[step] }, &cycles, clear, &mut words);
            b.output("low", words.readable[0].1);
            b.output("high", words.readable[1].1);
        });
        let program = Program::compile(&design.unwrap()).unwrap();
        let mut simulator = program.simulator(1);
        let [step, clear] =
            [0, 1].map(|i| program.input(&program.ports(hdl::Direction::Input)[i].0).unwrap());
        let [low, high] = ["low", "high"].map(|name| program.output(name).unwrap());
        let mut run = |steps: &[u64], clears: u64| {
            simulator.set1(clear, 0, clears);
            for &n in steps.iter().chain([&0]) {
                simulator.set1(step, 0, n);
                simulator.step();
            }
            simulator.eval();
            simulator.get1(low, 0) | simulator.get1(high, 0) << 32
        };
        assert_eq!(run(&[u32::MAX.into(), u32::MAX.into(), 2, 5], 0), 2 * u64::from(u32::MAX) + 7);
        assert_eq!(run(&[1], 1), 0);
    }
}
