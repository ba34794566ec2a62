//! How busy the lanes of an accelerator are, and what masks save. With `FLASHRTL_NIGHTLY` set, over 1024 keys too.

mod support;

use attention::EngineSpec;
use attention::accelerator::bus::Timing;
use attention::accelerator::memory::traffic;
use attention::accelerator::{AcceleratorSpec, Interface, MaskMode, Settings};
use numerics::Number;
use numerics::catalog::BF16;
use numerics::stratified::Rng;
use support::{FA2, accelerator, check, settings, system};

/// Four lanes of eight slots, a bus that brings a key and its value in the time that the slots take.
fn spec(interface: Interface, length: u32) -> AcceleratorSpec {
    let tiny = accelerator(&FA2, BF16, [16, 4, 8]);
    let spec = AcceleratorSpec { key_tile: 8, max_queries: length, max_keys: length, interface, ..tiny };
    assert!(spec.row_bytes() / spec.bus_bytes() <= spec.engine.interleave);
    spec
}

/// Cycles of a job, and its useful steps ÷ (lanes × cycles).
fn run(spec: &AcceleratorSpec, job: Settings) -> (f64, f64) {
    let mut system = system(spec, None, Timing { latency: 40, outstanding: 64, ..Timing::default() });
    let done = check(spec, &mut system, job, &mut Rng::new(1));
    let cycles = done.counter("CYCLES") as f64;
    (cycles, done.counter("USEFUL_STEPS") as f64 / (f64::from(spec.engine.lanes) * cycles))
}

fn busy(length: u32, least: f64) {
    for interface in [Interface::Stream, Interface::Dma] {
        let spec = spec(interface, length);
        let (_, found) = run(&spec, settings(&spec, length, length));
        println!("{interface:?}, {length} keys: {:.1} %", 100.0 * found);
        assert!(found >= least, "{interface:?}, {length} keys: {found}");
    }
}

/// Where rows come more slowly than they are used, the bus is what is busy.
#[test]
fn the_bus_is_busy() {
    for interface in [Interface::Stream, Interface::Dma] {
        let spec = spec(interface, 256);
        let engine = EngineSpec { interleave: 3, ..spec.engine.clone() };
        let spec = AcceleratorSpec { engine, ..spec };
        let job = settings(&spec, 256, 256);
        // Streams bring queries and keys side by side.
        let queries = if interface == Interface::Stream { 256 * spec.row_beats() } else { 0 };
        let beats = traffic(&spec, &job)[0] as f64 / f64::from(spec.bus_bytes()) - f64::from(queries);
        let (cycles, _) = run(&spec, job);
        println!("{interface:?}: {:.1} % of the bandwidth bound", 100.0 * beats / cycles);
        assert!((0.95..=1.0).contains(&(beats / cycles)), "{interface:?}: {beats} beats, {cycles} cycles");
    }
}

/// Memory gives and takes the share of beats that was asked for, whatever the share: reads, where every key is read; and
/// writes, where there is one key and results are wider than queries.
#[test]
fn memory_keeps_its_bandwidth() {
    let reads = spec(Interface::Dma, 64);
    let wide = EngineSpec { output: Number::parse("fp32").unwrap(), ..reads.engine.clone() };
    let writes = AcceleratorSpec { engine: wide, ..reads.clone() };
    for (spec, keys, direction) in [(reads, 64, 0), (writes, 1, 1)] {
        let job = settings(&spec, 64, keys);
        let beats = traffic(&spec, &job)[direction] as f64 / f64::from(spec.bus_bytes());
        for bandwidth in [0.9, 0.6, 0.3, 0.05] {
            let timing = Timing { latency: 5, outstanding: 64, bandwidth, ..Timing::default() };
            let done = check(&spec, &mut system(&spec, None, timing), job, &mut Rng::new(1));
            let share = beats / done.counter("CYCLES") as f64 / bandwidth;
            println!("direction {direction}, {bandwidth} beats a cycle: {share:.3} of them");
            assert!((0.75..=1.01).contains(&share), "direction {direction}, bandwidth {bandwidth}: {share}");
        }
    }
}

/// Masked tiles cost nothing: under a causal mask little more than half of the cycles, under a sliding window those of
/// the keys that a block's queries meet.
fn masks(length: u32, most_of_causal: f64) {
    let spec = spec(Interface::Dma, length);
    let job = settings(&spec, length, length);
    let (all, _) = run(&spec, job);
    let (causal, _) = run(&spec, Settings { mask: MaskMode::Causal, ..job });
    println!("causal, {length} keys: {:.3} of the cycles", causal / all);
    assert!(causal <= most_of_causal * all, "{causal} of {all}");
    for window in [16, 64, length / 2] {
        let job = Settings { mask: MaskMode::Window, window, ..job };
        let (cycles, _) = run(&spec, job);
        let keys: usize = (0..spec.blocks(length)).map(|block| spec.key_range(&job, block).len()).sum();
        let steps = keys as f64 * f64::from(spec.engine.interleave);
        let beats = traffic(&spec, &job)[0] as f64 / f64::from(spec.bus_bytes());
        let found = cycles / steps.max(beats);
        println!(
            "window {window}, {length} keys: {cycles} cycles, {found:.3} of the larger of steps and beats"
        );
        assert!(
            (1.0..1.1).contains(&found),
            "window {window}: {cycles} cycles, {steps} steps, {beats} beats"
        );
    }
}

/// Lanes stay busy while rows come at the rate at which they are used, whatever the latency of the memory.
#[test]
fn lanes_are_busy() {
    busy(256, 0.9);
    if support::nightly() {
        busy(1024, 0.95);
    }
}

#[test]
fn masks_save_time() {
    masks(256, 0.6);
    if support::nightly() {
        masks(1024, 0.56);
    }
}
