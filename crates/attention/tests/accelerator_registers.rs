//! The accelerator's registers: what comes from the table, and the slave's protocol.
//!
//! `FLASHRTL_BLESS=1 cargo test -p flashrtl-attention --test accelerator_registers` rewrites the files beside this one.

mod support;

use attention::EngineSpec;
use attention::accelerator::bus::{Answer, LiteMaster, Request, Response};
use attention::accelerator::registers::{self, Access, Map};
use attention::accelerator::{AcceleratorSpec, Interface};
use hdl::{Direction, Reset};
use numerics::catalog::BF16;
use numerics::stratified::Rng;
use sim::{Program, Simulator};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use support::{FA2, accelerator, timing};

fn tiny(interface: Interface) -> AcceleratorSpec {
    AcceleratorSpec { interface, ..accelerator(&FA2, BF16, [4, 2, 3]) }
}

/// One whose queries may begin with states.
fn linked(interface: Interface) -> AcceleratorSpec {
    let spec = tiny(interface);
    AcceleratorSpec { engine: EngineSpec { initial: true, ..spec.engine }, ..spec }
}

fn golden(file: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/accelerator_registers").join(file);
    if std::env::var_os("FLASHRTL_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{} differs; FLASHRTL_BLESS=1 rewrites it. Now:\n{text}", path.display());
}

#[test]
fn the_map_is_documented() {
    golden("dma.md", &registers::markdown(&tiny(Interface::Dma)));
    golden("dma_with_states.md", &registers::markdown(&linked(Interface::Dma)));
    golden("stream.md", &registers::markdown(&tiny(Interface::Stream)));
    golden("tiny_registers.h", &registers::c_header(&tiny(Interface::Dma)));
    golden("tiny_driver.h", &registers::c_driver_header(&tiny(Interface::Dma)));
    golden("tiny_driver.c", &registers::c_driver(&tiny(Interface::Dma)));
}

#[test]
fn words_are_apart_and_the_ports_are_those_of_the_specification() {
    let specs = [Interface::Dma, Interface::Stream].map(|interface| [tiny(interface), linked(interface)]);
    for spec in specs.into_iter().flatten() {
        let map = Map::new(&spec);
        let offsets: Vec<u32> = map.registers.iter().flat_map(|r| r.words()).map(|w| w.offset).collect();
        assert!(offsets.windows(2).all(|pair| pair[0] < pair[1]) && offsets.iter().all(|o| o % 4 == 0));
        let design = registers::elaborate(&spec, None, Reset::default()).unwrap();
        let width = |name: String| design.top().port(&name).unwrap_or_else(|| panic!("{name}")).1.ty.bits();
        spec.settings().iter().for_each(|(name, bits)| assert_eq!(width(format!("cfg_{name}")), *bits));
        spec.counters().iter().for_each(|(name, bits)| assert_eq!(width(format!("inc_{name}")), *bits));
        let settings = design.top().outputs().filter(|(_, port)| port.name.starts_with("cfg_")).count();
        assert_eq!(settings, spec.settings().len());
    }
}

/// The C compiler, where there is one.
fn c_compiler() -> Option<Command> {
    Command::new("cc")
        .arg("--version")
        .output()
        .ok()
        .filter(|o| o.status.success())
        .map(|_| Command::new("cc"))
}

/// Runs the driver on registers that are plain memory.
const MAIN: &str = r#"
#include <stdio.h>
#include <string.h>
int main(void)
{
    static uint32_t registers[1024];
    struct tiny_job job;
    struct tiny_counters counters;
    memset(&job, 0, sizeof job);
    job.queries = 5;
    job.k_base = 0x123456789abcdef0u;
    registers[TINY_ID / 4] = TINY_ID_RESET;
    printf("%d ", tiny_probe(registers));
    registers[TINY_VERSION / 4] = TINY_VERSION_RESET;
    printf("%d ", tiny_probe(registers));
    tiny_start(registers, &job, 1);
    printf("%x %x %x %x ", registers[TINY_QUERIES / 4], registers[TINY_K_BASE_LO / 4],
           registers[TINY_K_BASE_HI / 4], registers[TINY_CTRL / 4]);
    registers[TINY_STATUS / 4] = TINY_STATUS_ERROR_MASK | TINY_CAUSE_BAD_MASK << TINY_STATUS_CAUSE_SHIFT;
    printf("%u ", tiny_wait(registers));
    registers[TINY_CYCLES_LO / 4] = 7;
    registers[TINY_CYCLES_HI / 4] = 1;
    tiny_read_counters(registers, &counters);
    printf("%llx", (unsigned long long)counters.cycles);
    return 0;
}
"#;

#[test]
fn the_driver_compiles_and_runs() {
    let Some(mut cc) = c_compiler() else { return };
    let folder = tempfile::tempdir().unwrap();
    let spec = tiny(Interface::Dma);
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("tiny_registers.h", &registers::c_header(&spec));
    file("tiny_driver.h", &registers::c_driver_header(&spec));
    file("tiny_driver.c", &registers::c_driver(&spec));
    file("main.c", &format!("#include \"tiny_driver.h\"\n{MAIN}"));
    let flags =
        ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "tiny_driver.c", "main.c", "-o", "main"];
    let compiled = cc.current_dir(folder.path()).args(flags).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let ran = Command::new(folder.path().join("main")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "0 1 5 9abcdef0 12345678 5 4 100000007");
}

/// The registers as a program would think of them.
struct Reference {
    words: BTreeMap<u32, (Access, u32, u32)>,
    map: Map,
    busy: bool,
    irq_enable: bool,
    done: bool,
    error: bool,
    cause: u32,
    starts: u64,
    resets: u64,
}

impl Reference {
    fn new(spec: &AcceleratorSpec) -> Self {
        let map = Map::new(spec);
        let words = map.registers.iter().flat_map(|register| {
            register.words().into_iter().enumerate().map(|(i, word)| {
                let bits = (register.width() - 32 * i as u32).min(32);
                let value = (register.reset() >> (32 * i)) as u32;
                (word.offset, (register.access, u32::MAX >> (32 - bits), value))
            })
        });
        let words = words.collect();
        Reference {
            words,
            map,
            busy: false,
            irq_enable: false,
            done: false,
            error: false,
            cause: 0,
            starts: 0,
            resets: 0,
        }
    }

    fn answer(&mut self, request: Request) -> Answer {
        let refused = Answer { data: 0, response: Response::SlaveError };
        match request {
            Request::Read(address) => {
                let Some(&(access, _, value)) = self.words.get(&(address & !3)) else { return refused };
                let flags = [self.busy, self.done, self.error].map(u32::from);
                let data = match access {
                    Access::Control => u32::from(self.irq_enable) << 2,
                    Access::Status => flags[0] | flags[1] << 1 | flags[2] << 2 | self.cause << 8,
                    _ => value,
                };
                Answer { data, response: Response::Okay }
            }
            Request::Write(address, data, strobes) => {
                if self.write(address & !3, data, strobes) {
                    Answer::default()
                } else {
                    refused
                }
            }
        }
    }

    fn write(&mut self, address: u32, data: u32, strobes: u8) -> bool {
        let Some((access, mask, value)) = self.words.get_mut(&address) else { return false };
        let low = strobes & 1 == 1;
        match access {
            Access::Configuration if !self.busy => {
                let bytes = (0..4).filter(|k| strobes >> k & 1 == 1).fold(0, |m, k| m | 0xff << (8 * k));
                *value = (*value & !bytes | data & bytes) & *mask;
                true
            }
            Access::Control => {
                let (start, reset) = (low && data & 3 == 1, low && data & 2 == 2);
                if start && self.busy {
                    return false;
                }
                self.irq_enable = if low { data & 4 == 4 } else { self.irq_enable };
                self.resets += u64::from(reset);
                if start {
                    self.starts += 1;
                    (self.done, self.error, self.cause) = (false, false, 0);
                    self.clear_counters();
                }
                true
            }
            Access::Status => {
                self.done &= !(low && data & 2 == 2);
                if low && data & 4 == 4 {
                    (self.error, self.cause) = (false, 0);
                }
                true
            }
            _ => false,
        }
    }

    fn clear_counters(&mut self) {
        for (access, _, value) in self.words.values_mut() {
            *value = if *access == Access::Counter { 0 } else { *value };
        }
    }

    fn count(&mut self, register: &str, step: u64) {
        let words = self.map.register(register).words();
        let get = |word: usize| u64::from(self.words[&words[word].offset].2);
        let wide = words.len() == 2;
        let sum = (get(0) | if wide { get(1) << 32 } else { 0 }).wrapping_add(step);
        for (i, word) in words.iter().enumerate() {
            self.words.get_mut(&word.offset).unwrap().2 = (sum >> (32 * i)) as u32;
        }
    }
}

/// The slave, what drives it, and what it pulses.
struct Bench {
    program: Program,
    simulator: Simulator,
    master: LiteMaster,
    starts: u64,
    resets: u64,
}

impl Bench {
    fn set(&mut self, port: &str, value: u64) {
        self.simulator.set1(self.program.input(port).unwrap(), 0, value);
    }

    fn get(&self, port: &str) -> u64 {
        self.simulator.get1(self.program.output(port).unwrap(), 0)
    }

    fn cycle(&mut self) {
        self.master.drive(&mut self.simulator);
        self.simulator.eval();
        self.master.sample(&self.simulator).unwrap();
        (self.starts, self.resets) = (self.starts + self.get("start"), self.resets + self.get("soft_reset"));
        self.simulator.clock();
    }

    fn ask(&mut self, request: Request) -> Answer {
        self.master.ask(request);
        for _ in 0..2000 {
            self.cycle();
            if let Some(answer) = self.master.answers.pop_front() {
                self.cycle(); // what a write pulses
                self.cycle();
                return answer;
            }
        }
        panic!("no answer to {request:?}")
    }
}

fn random_request(reference: &Reference, rng: &mut Rng) -> Request {
    let offsets: Vec<u32> = reference.words.keys().copied().collect();
    let address = match rng.below(5) {
        0 => rng.below(4096) as u32,
        1 => reference.map.offset(["CTRL", "STATUS"][rng.below(2) as usize]),
        _ => offsets[rng.below(offsets.len() as u64) as usize],
    };
    if rng.below(2) == 0 {
        return Request::Read(address);
    }
    let strobes = if rng.below(3) == 0 { rng.below(16) } else { 15 };
    Request::Write(address, rng.bits() as u32, strobes as u8)
}

/// Random accesses between random events, against the reference.
fn fuzz(spec: &AcceleratorSpec, design: &hdl::Design, stalls: f64, seed: u64) {
    let program = Program::compile(design).unwrap();
    let mut simulator = program.simulator(1);
    simulator.randomize(seed);
    simulator.reset();
    let master = LiteMaster::new(&program, stalls, seed).unwrap();
    let mut bench = Bench { program, simulator, master, starts: 0, resets: 0 };
    let mut reference = Reference::new(spec);
    let mut rng = Rng::new(seed);
    let counters = spec.counters();
    for port in bench.program.ports(Direction::Input) {
        bench.simulator.set(bench.program.input(&port.0).unwrap(), 0, &[0]);
    }
    for _ in 0..600 {
        let request = random_request(&reference, &mut rng);
        let (expected, got) = (reference.answer(request), bench.ask(request));
        assert_eq!((expected.response, expected.data), (got.response, got.data), "{request:x?}");
        assert_eq!((reference.starts, reference.resets), (bench.starts, bench.resets), "{request:x?}");
        let irq = reference.irq_enable && (reference.done || reference.error);
        assert_eq!(u64::from(irq), bench.get("irq"));
        check_settings(&reference, &bench);
        if rng.below(2) == 0 {
            events(&mut bench, &mut reference, &counters, &mut rng);
        }
    }
}

fn check_settings(reference: &Reference, bench: &Bench) {
    for register in reference.map.registers.iter().filter(|r| r.access == Access::Configuration) {
        let words = register.words().into_iter().enumerate();
        let value = words.fold(0, |v, (i, w)| v | u64::from(reference.words[&w.offset].2) << (32 * i));
        assert_eq!(value, bench.get(&format!("cfg_{}", register.name.to_lowercase())), "{}", register.name);
    }
}

/// A cycle in which the job counts, ends, or begins.
fn events(bench: &mut Bench, reference: &mut Reference, counters: &[(&str, u32)], rng: &mut Rng) {
    reference.busy = rng.below(2) == 0;
    bench.set("busy", reference.busy.into());
    let (done, error, cause) = (rng.below(4) == 0, rng.below(4) == 0, rng.below(256));
    for &(name, bits) in counters {
        let step = rng.bits() >> (64 - bits);
        bench.set(&format!("inc_{name}"), step);
        reference.count(&name.to_uppercase(), step);
    }
    let flags = [("done_set", done.into()), ("error_set", error.into()), ("error_cause", cause)];
    flags.iter().for_each(|&(name, value)| bench.set(name, value));
    reference.done |= done;
    if error {
        (reference.error, reference.cause) = (true, cause as u32);
    }
    bench.cycle();
    counters.iter().for_each(|(name, _)| bench.set(&format!("inc_{name}"), 0));
    flags.iter().for_each(|&(name, _)| bench.set(name, 0));
    if bench.program.input("block_lo").is_ok() {
        for name in ["block_lo", "block_hi"] {
            let value = rng.bits() >> 32;
            bench.set(name, value);
            reference.words.get_mut(&reference.map.offset(&name.to_uppercase())).unwrap().2 = value as u32;
        }
    }
    bench.cycle(); // the high words follow
}

#[test]
fn every_register_under_random_stalls() {
    for (i, stalls) in [0.0, 0.5, 0.9].into_iter().enumerate() {
        for interface in [Interface::Dma, Interface::Stream] {
            let spec = tiny(interface);
            let design = registers::elaborate(&spec, Some(timing(500.0)), Reset::default()).unwrap();
            fuzz(&spec, &design, stalls, 11 + i as u64);
        }
    }
}

/// Outputs come straight from registers: inputs of the same cycle change none.
#[test]
fn nothing_leads_through_within_a_cycle() {
    let design = registers::elaborate(&tiny(Interface::Stream), None, Reset::default()).unwrap();
    let program = Program::compile(&design).unwrap();
    let mut simulator = program.simulator(1);
    simulator.randomize(5);
    let mut rng = Rng::new(5);
    let inputs: Vec<_> = program.ports(Direction::Input).into_iter().collect();
    let outputs: Vec<_> = program.ports(Direction::Output).into_iter().collect();
    let mut settled = |simulator: &mut Simulator| {
        for (name, ty) in &inputs {
            simulator.set1(program.input(name).unwrap(), 0, rng.bits() >> (64 - ty.width));
        }
        simulator.eval();
        outputs.iter().map(|(name, _)| simulator.get(program.output(name).unwrap(), 0)).collect::<Vec<_>>()
    };
    for _ in 0..200 {
        assert_eq!(settled(&mut simulator), settled(&mut simulator));
        simulator.clock();
    }
}

#[test]
fn the_rtl_lints() {
    let design = registers::elaborate(&tiny(Interface::Dma), Some(timing(500.0)), Reset::default()).unwrap();
    hdl::rust_hdl::check(&design).unwrap();
    support::lint::lint(&design);
}
