//! Designs of one project: modules of the same name are the same module.

mod support;

use attention::EngineSpec;
use attention::accelerator::{AcceleratorSpec, Buffer, Buffers, Interface, MaskSupport};
use hdl::verilog::{Header, write};
use hdl::{Reset, ResetKind};
use numerics::stratified::Rng;
use std::collections::BTreeMap;
use support::{INPUTS, KERNELS, accelerator, nightly, timing};

/// An accelerator with everything drawn at random, and its clock in MHz.
fn random_accelerator(name: &str, rng: &mut Rng) -> (AcceleratorSpec, f64) {
    let kernel = &KERNELS[rng.below(KERNELS.len() as u64) as usize].1;
    let mut of = |values: &[u32]| values[rng.below(values.len() as u64) as usize];
    let plain = accelerator(kernel, INPUTS[of(&[0, 1, 2]) as usize], [of(&[3, 4]), of(&[1, 2]), 1]);
    let spec = AcceleratorSpec {
        name: name.into(),
        engine: EngineSpec { name: format!("{name}_engine"), ..plain.engine.clone() },
        key_tile: of(&[1, 3, 4, 6]),
        max_queries: of(&[16, 64, 100]),
        max_keys: of(&[16, 64, 100]),
        heads: of(&[4, 8]),
        kv_heads: of(&[1, 4]),
        mask: [MaskSupport::None, MaskSupport::Causal, MaskSupport::SlidingWindow][of(&[0, 1, 2]) as usize],
        interface: [Interface::Stream, Interface::Dma][of(&[0, 1]) as usize],
        bus_bits: of(&[32, 64]),
        buffers: Buffers { tile: [Buffer::Flops, Buffer::Sram][of(&[0, 1]) as usize] },
        watchdog: of(&[128, 1000, 65536]),
        reset: Reset {
            kind: [ResetKind::Sync, ResetKind::Async][of(&[0, 1]) as usize],
            active_low: of(&[0, 1]) == 1,
        },
        ..plain
    };
    (spec, f64::from(of(&[100, 300, 400, 450])))
}

#[test]
fn equal_names_mean_equal_modules() {
    let mut rng = Rng::new(11);
    let mut seen: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut shared = 0;
    for n in 0..if nightly() { 200 } else { 12 } {
        let name = format!("unit{n}");
        let (spec, mhz) = random_accelerator(&name, &mut rng);
        let (_, design) = spec.elaborate_auto(Some(timing(mhz))).unwrap_or_else(|e| panic!("{mhz} MHz: {e}"));
        for file in write(&design, &Header::default()) {
            let (first, text) = seen.entry(file.name.clone()).or_insert((name.clone(), file.text.clone()));
            assert!(*text == file.text, "{} differs in {first} and {name}", file.name);
            shared += usize::from(*first != name);
        }
    }
    assert!(shared > 12, "the designs share {shared} modules");
}
