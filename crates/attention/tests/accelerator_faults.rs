//! What goes wrong around an accelerator: no run hangs, the cause is reported, and the next legal job is right.

mod support;

use attention::EngineSpec;
use attention::accelerator::bus::{Fault, Request, Response, Timing};
use attention::accelerator::memory::traffic;
use attention::accelerator::registers::{Access, Map, Word};
use attention::accelerator::system::{Packets, System};
use attention::accelerator::{AcceleratorSpec, Cause, Interface, MaskSupport, Settings};
use numerics::catalog::BF16;
use numerics::stratified::Rng;
use std::collections::BTreeMap;
use support::{FA2, accelerator, check, random_image, random_settings, scattered, settings, system};

const INTERFACES: [Interface; 2] = [Interface::Stream, Interface::Dma];

/// A small accelerator whose watchdog waits for as short as tests want.
fn tiny(interface: Interface) -> AcceleratorSpec {
    AcceleratorSpec { interface, watchdog: 500, ..accelerator(&FA2, BF16, [5, 2, 2]) }
}

/// One whose queries may begin with states.
fn linked(interface: Interface) -> AcceleratorSpec {
    let spec = tiny(interface);
    AcceleratorSpec { engine: EngineSpec { initial: true, ..spec.engine }, ..spec }
}

/// A system with pauses, or without.
fn surrounded(spec: &AcceleratorSpec, stalls: f64, seed: u64) -> System<'static> {
    system(spec, None, Timing { latency: 9, stalls, seed, ..Timing::default() })
}

/// A random job, its tensors in memory.
fn placed(spec: &AcceleratorSpec, system: &mut System, rng: &mut Rng) -> Settings {
    let (job, end) = scattered(spec, random_settings(spec, [40; 2], rng), rng);
    *system.memory() = random_image(spec, &job, end, rng);
    job
}

/// Jobs that are disturbed, each followed by one that is not; at night 20 times as many.
fn recovers(
    spec: &AcceleratorSpec,
    seed: u64,
    rounds: u32,
    disturb: impl Fn(&mut System, Settings, &mut Rng),
) {
    let rounds = rounds * if std::env::var_os("FLASHRTL_NIGHTLY").is_some() { 20 } else { 1 };
    let mut rng = Rng::new(seed);
    let mut system = surrounded(spec, if seed.is_multiple_of(2) { 0.2 } else { 0.0 }, seed);
    for _ in 0..rounds {
        let job = placed(spec, &mut system, &mut rng);
        disturb(&mut system, job, &mut rng);
        let job = random_settings(spec, [20; 2], &mut rng);
        check(spec, &mut system, job, &mut rng);
    }
}

fn steps(system: &mut System, count: u64) {
    (0..count).for_each(|_| system.step().unwrap());
}

/// An answer in error, on any beat of a job, ends it with its cause.
#[test]
fn errors_of_the_memory() {
    let spec = linked(Interface::Dma);
    let mut rng = Rng::new(20);
    let mut system = surrounded(&spec, 0.0, 20);
    let shape = Settings { heads: 2, initial: true, ..settings(&spec, 5, 3) };
    let (job, end) = scattered(&spec, shape, &mut rng);
    *system.memory() = random_image(&spec, &job, end, &mut rng);
    let beats = traffic(&spec, &job)[0] / u64::from(spec.bus_bytes());
    let rows = u64::from(job.heads * job.queries);
    let reads = [Cause::ReadSlaveError, Cause::ReadDecodeError].map(|cause| (beats, cause));
    let writes = [Cause::WriteSlaveError, Cause::WriteDecodeError].map(|cause| (rows, cause));
    for (i, (count, cause)) in reads.into_iter().chain(writes).enumerate() {
        let response = [Response::SlaveError, Response::DecodeError][i % 2];
        for at in 0..count {
            let fault = if i < 2 { Fault::Read(at, response) } else { Fault::Write(at, response) };
            system.inject(vec![fault]);
            let done = system.run(&job).unwrap_or_else(|e| panic!("{e}: {fault:?}"));
            assert_eq!(done.error, Some(cause), "{fault:?}");
            system.inject(vec![]);
            if at % 8 == 0 {
                assert_eq!(system.check(&job).unwrap_or_else(|e| panic!("{e}: {fault:?}")).error, None);
            }
        }
    }
}

/// A packet that ends too early or too late.
#[test]
fn misplaced_last() {
    for (spec, seed) in [tiny, linked].map(|spec| spec(Interface::Stream)).iter().zip([30, 31]) {
        recovers(spec, seed, 30, |system, job, rng| {
            system.start(&job).unwrap();
            let start = system.cycle;
            steps(system, rng.below(150));
            let early_by = rng.below(6) as usize;
            let of = [Packets::Queries, Packets::Keys, Packets::States][rng.below(3) as usize];
            let misplaced = system.misplace_last(of, early_by);
            let done = system.finish(&job, start).unwrap_or_else(|e| panic!("{e}: {job:?}"));
            let cause = if early_by == 0 { Cause::LateLast } else { Cause::EarlyLast };
            assert_eq!(done.error, misplaced.then_some(cause), "{early_by} {job:?}");
        });
    }
}

/// A soft reset in any cycle leaves nothing behind.
#[test]
fn soft_resets() {
    let specs =
        [tiny(Interface::Dma), tiny(Interface::Stream), linked(Interface::Dma), linked(Interface::Stream)];
    for (spec, seed) in specs.iter().zip(40..) {
        recovers(spec, seed, 12, |system, job, rng| {
            system.start(&job).unwrap();
            steps(system, rng.below(400));
            system.soft_reset().unwrap_or_else(|e| panic!("{e}: {job:?}"));
        });
    }
}

/// A reset of everything in any cycle does not either.
#[test]
fn hard_resets() {
    for (spec, seed) in
        [tiny(Interface::Dma), linked(Interface::Stream), linked(Interface::Dma)].iter().zip(50..)
    {
        recovers(spec, seed, 12, |system, job, rng| {
            system.start(&job).unwrap();
            steps(system, rng.below(400));
            system.hard_reset().unwrap();
        });
    }
}

/// Packets that a refused job has left behind are thrown away by a soft reset.
#[test]
fn packets_of_no_job() {
    let spec = linked(Interface::Stream);
    recovers(&spec, 61, 5, |system, job, rng| {
        system.start(&job).unwrap();
        system.soft_reset().unwrap();
        system.queue(&job);
        steps(system, rng.below(30));
        system.soft_reset().unwrap_or_else(|e| panic!("{e}: {job:?}"));
    });
}

/// Memory that falls silent ends a job by the watchdog; jobs are refused until it has answered, and what it answers then
/// belongs to nobody.
#[test]
fn answers_after_the_watchdog() {
    let spec = linked(Interface::Dma);
    recovers(&spec, 70, 8, |system, job, rng| {
        system.start(&job).unwrap();
        let start = system.cycle;
        steps(system, rng.below(100));
        system.freeze(true);
        assert_eq!(system.finish(&job, start).unwrap().error, Some(Cause::Watchdog), "{job:?}");
        assert!(system.cycle - start < 4 * u64::from(spec.watchdog));
        assert_eq!(system.run(&job).unwrap().error, Some(Cause::OpenTransfers), "{job:?}");
        system.freeze(false);
        let pending = |error| error == Some(Cause::OpenTransfers);
        let last = (0..20).map(|_| system.run(&job).unwrap().error).find(|&error| !pending(error));
        assert_eq!(last, Some(None), "{job:?}");
    });
}

/// Streams that do not come.
#[test]
fn a_silent_host() {
    let spec = linked(Interface::Stream);
    recovers(&spec, 71, 4, |system, job, rng| {
        system.start(&job).unwrap();
        let start = system.cycle;
        steps(system, rng.below(60));
        let dropped = system.silence();
        let done = system.finish(&job, start).unwrap();
        assert_eq!(done.error, dropped.then_some(Cause::Watchdog), "{job:?}");
    });
}

/// Results that nobody takes.
#[test]
fn a_deaf_host() {
    let spec = tiny(Interface::Stream);
    recovers(&spec, 72, 4, |system, job, rng| {
        system.start(&job).unwrap();
        let start = system.cycle;
        steps(system, rng.below(10)); // before the shortest job's first result
        system.freeze(true);
        assert_eq!(system.finish(&job, start).unwrap().error, Some(Cause::Watchdog), "{job:?}");
        system.freeze(false);
        steps(system, 50); // the row at hand ends its packet
    });
}

/// Settings that are refused, with the cause the model gives.
#[test]
fn settings_refused() {
    let spec = AcceleratorSpec { mask: MaskSupport::Causal, ..linked(Interface::Dma) };
    type Edit = fn(&mut Settings);
    let edits: [(Edit, Cause); 11] = [
        (|s| s.queries = 0, Cause::ZeroLength),
        (|s| s.keys = 0, Cause::ZeroLength),
        (|s| s.kv_heads = 0, Cause::ZeroLength),
        (|s| s.keys = 65, Cause::TooLong),
        (|s| s.queries = 1 << 31, Cause::TooLong),
        (|s| s.heads = 9, Cause::BadHeads),
        (|s| (s.heads, s.kv_heads) = (6, 4), Cause::BadHeads),
        (|s| (s.heads, s.kv_heads) = (2, 4), Cause::BadHeads),
        (|s| s.mask = attention::accelerator::MaskMode::Window, Cause::BadMask),
        (|s| s.k.row_stride += 4, Cause::Unaligned),
        (|s| s.i.base += 4, Cause::Unaligned),
    ];
    let mut system = surrounded(&spec, 0.0, 1);
    for (edit, cause) in edits {
        let (mut job, _) = settings(&spec, 5, 6).placed(&spec, 4096);
        edit(&mut job);
        assert_eq!(job.check(&spec), Err(cause), "{job:?}");
        assert_eq!(system.run(&job).unwrap().error, Some(cause), "{job:?}");
    }
    check(&spec, &mut system, settings(&spec, 5, 6), &mut Rng::new(40));
}

/// The longest job there is, the shortest, and those just beyond.
#[test]
fn extreme_lengths() {
    for interface in INTERFACES {
        let spec = AcceleratorSpec {
            key_tile: 32,
            max_queries: 23,
            max_keys: 19,
            heads: 4,
            kv_heads: 2,
            ..tiny(interface)
        };
        let mut rng = Rng::new(80);
        let mut system = surrounded(&spec, 0.0, 80);
        let longest = Settings { heads: 4, kv_heads: 2, ..settings(&spec, 23, 19) };
        for job in [longest, settings(&spec, 1, 1), settings(&spec, 23, 1), settings(&spec, 1, 19), longest] {
            check(&spec, &mut system, job, &mut rng);
        }
        for (beyond, cause) in [
            (Settings { queries: 24, ..longest }, Cause::TooLong),
            (Settings { keys: 20, ..longest }, Cause::TooLong),
            (Settings { heads: 5, kv_heads: 1, ..longest }, Cause::BadHeads),
            (Settings { heads: 3, kv_heads: 3, ..longest }, Cause::BadHeads),
            (Settings { queries: u32::MAX, keys: u32::MAX, ..longest }, Cause::TooLong),
        ] {
            assert_eq!(system.run(&beyond).unwrap().error, Some(cause), "{beyond:?}");
        }
    }
}

/// Random accesses to the registers, of which every answer is right.
struct Fuzz {
    map: Map,
    /// Every word, and what a word of the configuration holds.
    words: BTreeMap<u32, (Access, u32, u32)>,
}

impl Fuzz {
    fn new(spec: &AcceleratorSpec, job: &Settings) -> Fuzz {
        let map = Map::new(spec);
        let setup: BTreeMap<u32, u32> = map.setup(job).into_iter().collect();
        let word = |width: u32, access, (i, word): (u32, Word)| {
            let bits = (width - 32 * i).min(32);
            (word.offset, (access, u32::MAX >> (32 - bits), setup.get(&word.offset).copied().unwrap_or(0)))
        };
        let words = map.registers.iter().flat_map(|register| {
            let words = (0..).zip(register.words());
            words.map(|at| word(register.width(), register.access, at)).collect::<Vec<_>>()
        });
        Fuzz { words: words.collect(), map }
    }

    fn request(&self, rng: &mut Rng) -> Request {
        let words: Vec<u32> = self.words.keys().copied().collect();
        let address = match rng.below(8) {
            0 => rng.below(4096) as u32,
            1 | 2 => self.map.offset(["CTRL", "STATUS"][rng.below(2) as usize]),
            _ => words[rng.below(words.len() as u64) as usize],
        };
        let value = if rng.below(4) == 0 { rng.below(1 << 32) } else { rng.below(9) };
        match rng.below(3) {
            0 => Request::Read(address),
            _ => {
                Request::Write(address, value as u32, [0xf, 0xf, rng.below(16) as u8][rng.below(3) as usize])
            }
        }
    }

    fn check(&mut self, request: Request, (data, response): (u32, Response)) {
        let (Request::Read(address) | Request::Write(address, ..)) = request;
        let Some((access, bits, value)) = self.words.get_mut(&(address & !3)) else {
            assert_eq!(response, Response::SlaveError, "{request:?} is mapped to nothing");
            return;
        };
        match (request, *access) {
            (Request::Read(_), Access::Configuration) => {
                assert_eq!((data, response), (*value, Response::Okay), "{request:?}");
            }
            (Request::Read(_), _) | (_, Access::Status) => {
                assert_eq!(response, Response::Okay, "{request:?}")
            }
            (Request::Write(_, data, strobes), Access::Configuration) if response == Response::Okay => {
                let bytes = (0..4).filter(|k| strobes >> k & 1 == 1).fold(0, |m, k| m | 0xff << (8 * k));
                *value = (*value & !bytes | data & bytes) & *bits;
            }
            // A job may run.
            (_, Access::Configuration | Access::Control) => {}
            _ => assert_eq!(response, Response::SlaveError, "{request:?} is read only"),
        }
    }
}

/// Random accesses at random times while a job runs, whatever they start, stop and set up.
#[test]
fn registers_fuzzed() {
    for (spec, seed) in
        [tiny(Interface::Dma), linked(Interface::Stream), linked(Interface::Dma)].iter().zip(90..)
    {
        recovers(spec, seed, 8, |system, job, rng| {
            let mut fuzz = Fuzz::new(spec, &job);
            system.start(&job).unwrap();
            for _ in 0..100 {
                let request = fuzz.request(rng);
                fuzz.check(request, system.access(request).unwrap());
                steps(system, [0, 0, rng.below(30), rng.below(200)][rng.below(4) as usize]);
            }
            let start = system.cycle;
            system.soft_reset().unwrap_or_else(|e| panic!("{e}: {job:?}"));
            assert!(system.cycle - start < 4 * u64::from(spec.watchdog), "the reset took too long");
            let words: Vec<u32> = fuzz.words.keys().copied().collect();
            for request in words.into_iter().map(Request::Read) {
                fuzz.check(request, system.access(request).unwrap());
            }
        });
    }
}
