//! Designs of one project: modules of the same name are the same module.

mod support;

use attention::accelerator::{AcceleratorSpec, Buffer, Interface, MaskSupport};
use hdl::ResetKind;
use hdl::verilog::{Header, write};
use numerics::stratified::Rng;
use std::collections::BTreeMap;
use support::{INPUTS, KERNELS, accelerator, nightly, timing};

/// An accelerator with everything drawn at random, and its clock in MHz.
fn random_accelerator(name: &str, rng: &mut Rng) -> (AcceleratorSpec, f64) {
    let kernel = &KERNELS[rng.below(KERNELS.len() as u64) as usize].1;
    let mut of = |values: &[u32]| values[rng.below(values.len() as u64) as usize];
    let input = INPUTS[of(&[0, 1, 2]) as usize];
    let mut spec = accelerator(kernel, input, [of(&[3, 4]), of(&[1, 2]), 1]);
    (spec.name, spec.engine.name) = (name.into(), format!("{name}_engine"));
    (spec.key_tile, spec.bus_bits, spec.watchdog) =
        (of(&[1, 3, 4, 6]), of(&[32, 64]), of(&[128, 1000, 65536]));
    (spec.max_queries, spec.max_keys) = (of(&[16, 64, 100]), of(&[16, 64, 100]));
    (spec.heads, spec.kv_heads) = (of(&[4, 8]), of(&[1, 4]));
    spec.mask = [MaskSupport::None, MaskSupport::Causal, MaskSupport::SlidingWindow][of(&[0, 1, 2]) as usize];
    spec.interface = [Interface::Stream, Interface::Dma][of(&[0, 1]) as usize];
    spec.buffers.tile = [Buffer::Flops, Buffer::Sram][of(&[0, 1]) as usize];
    spec.reset.kind = [ResetKind::Sync, ResetKind::Async][of(&[0, 1]) as usize];
    spec.reset.active_low = of(&[0, 1]) == 1;
    (spec, f64::from(of(&[100, 300, 400, 450])))
}

#[test]
fn equal_names_mean_equal_modules() {
    let mut rng = Rng::new(11);
    let mut seen: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut shared = 0;
    for n in 0..if nightly() { 200 } else { 64 } {
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
