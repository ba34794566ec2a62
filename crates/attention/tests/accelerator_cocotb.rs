//! The accelerator's Verilog driven by cocotb and cocotbext-axi, as an integrator would.

mod support;

use attention::EngineSpec;
use attention::accelerator::registers;
use attention::accelerator::vectors::Bench;
use attention::accelerator::{AcceleratorSpec, Interface, MaskMode, Settings};
use hdl::{Reset, ResetKind};
use numerics::catalog::BF16;
use numerics::stratified::Rng;
use sim::{Engine, Icarus, Verilator};
use support::{Choice, FA2, accelerator, cocotb, random_image, settings, timing};

/// What runs by day in Icarus alone runs at night in Verilator too, which takes its time to build.
fn simulators(verilator: &Verilator, by_day: bool) -> Vec<&dyn Engine> {
    if by_day || nightly() { vec![&Icarus, verilator] } else { vec![&Icarus] }
}

fn nightly() -> bool {
    std::env::var_os("FLASHRTL_NIGHTLY").is_some()
}

#[test]
fn registers_by_themselves() {
    let low = Reset { kind: ResetKind::Async, active_low: true };
    let verilator = Verilator::default();
    for (interface, reset) in [(Interface::Dma, Reset::default()), (Interface::Stream, low)] {
        let spec = AcceleratorSpec { interface, reset, ..accelerator(&FA2, BF16, [4, 2, 3]) };
        let design = registers::elaborate(&spec, Some(timing(500.0)), reset).unwrap();
        let folder = cocotb::folder(&format!("registers_{interface:?}"));
        let simulators = simulators(&verilator, false);
        cocotb::run(&folder, &design, &Bench::new(&spec, &design), "test_registers", &simulators);
    }
}

/// Legal jobs of every mask and grouping, among them illegal ones.
fn jobs(spec: &AcceleratorSpec) -> Vec<(&'static str, Settings)> {
    let job = |queries, keys| settings(spec, queries, keys);
    vec![
        ("plain", job(7, 9)),
        ("no_keys_allowed", Settings { keys: 0, ..job(7, 9) }),
        ("causal", Settings { mask: MaskMode::Causal, ..job(17, 17) }),
        ("too_long", Settings { queries: spec.max_queries + 1, ..job(7, 9) }),
        ("grouped", Settings { heads: 4, kv_heads: 2, mask: MaskMode::Causal, ..job(9, 13) }),
        ("odd_heads", Settings { heads: 3, kv_heads: 2, ..job(7, 9) }),
        ("window", Settings { mask: MaskMode::Window, window: 5, ..job(20, 23) }),
        ("early_queries", Settings { mask: MaskMode::Causal, ..job(20, 6) }),
        ("with_states", Settings { initial: true, heads: 2, ..job(8, 5) }),
    ]
}

/// An accelerator whose queries may begin with states.
fn linked(spec: AcceleratorSpec) -> AcceleratorSpec {
    AcceleratorSpec { engine: EngineSpec { initial: true, ..spec.engine }, ..spec }
}

/// The whole accelerator: the bench's jobs, with what the functional model leaves of them.
fn whole(name: &str, spec: &AcceleratorSpec, jobs: &[(&str, Settings)], simulators: &[&dyn Engine]) {
    let design = spec.elaborate(None).unwrap();
    let folder = cocotb::folder(name);
    let mut bench = Bench::new(spec, &design);
    let mut rng = Rng::new(1);
    for (i, (job, settings)) in jobs.iter().enumerate() {
        // A refused job has a place all the same, that of its legal part.
        let kept = Settings { queries: settings.queries.min(spec.max_queries), ..*settings };
        let (placed, end) = kept.placed(spec, 0x10000 * (i as u64 + 1));
        let memory = random_image(spec, &placed, end, &mut rng);
        let settings = Settings { queries: settings.queries, ..placed };
        bench.add(spec, &folder, job, &settings, &memory).unwrap();
    }
    let modules = match spec.interface {
        Interface::Dma => "test_accelerator,test_memory",
        Interface::Stream => "test_accelerator,test_stream",
    };
    cocotb::run(&folder, &design, &bench, modules, simulators);
}

#[test]
fn with_memory() {
    let spec = linked(accelerator(&Choice::Lse(1, 0), BF16, [4, 2, 3]));
    whole("memory", &spec, &jobs(&spec), &simulators(&Verilator::default(), false));
}

#[test]
fn with_streams() {
    let spec = AcceleratorSpec { interface: Interface::Stream, ..accelerator(&FA2, BF16, [5, 1, 2]) };
    let spec = linked(spec);
    let job = |queries, keys| settings(&spec, queries, keys);
    let small = [
        ("plain", job(3, 4)),
        ("with_states", Settings { initial: true, ..job(3, 4) }),
        ("too_long", job(spec.max_queries + 1, 4)),
        ("grouped", Settings { heads: 2, mask: MaskMode::Causal, ..job(5, 4) }),
        ("window", Settings { mask: MaskMode::Window, window: 3, ..job(5, 7) }),
    ];
    let jobs = if nightly() { jobs(&spec) } else { small.to_vec() };
    whole("streams", &spec, &jobs, &simulators(&Verilator::default(), true));
}

/// Jobs of 256 keys of 64 elements, at night, in Verilator: Icarus would take hours.
#[test]
fn at_full_size() {
    if !nightly() {
        return;
    }
    for interface in [Interface::Dma, Interface::Stream] {
        let spec = AcceleratorSpec {
            interface,
            key_tile: 16,
            max_queries: 256,
            max_keys: 256,
            bus_bits: 256,
            ..accelerator(&Choice::Lse(1, 0), BF16, [64, 4, 8])
        };
        let jobs = [
            ("plain", settings(&spec, 256, 256)),
            ("causal", Settings { mask: MaskMode::Causal, ..settings(&spec, 256, 256) }),
        ];
        whole(&format!("full_size_{interface:?}"), &spec, &jobs, &[&Verilator::default()]);
    }
}
