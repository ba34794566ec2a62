//! The emitted Verilog of large engines: its size, and silence of the linters.

mod support;

use hdl::Reset;
use numerics::catalog::{BF16, E4M3};
use support::lint::{lint, text};
use support::{KERNELS, engine, timing};

/// d = 64 with 8 lanes stays below 1 MB of text, whatever the kernel and the clock.
#[test]
fn the_text_of_an_array_does_not_grow_with_its_copies() {
    for (name, kernel) in KERNELS {
        for (clock, input) in [(None, BF16), (Some(timing(500.0)), E4M3)] {
            let spec = engine(&kernel, input, 64, 8, 1);
            let (_, design) = spec.elaborate_auto(clock, Reset::default()).unwrap();
            let bytes = text(&design);
            assert!(bytes < 1 << 20, "{name}: {bytes} bytes");
        }
    }
}

/// The largest engine: what grows with d and P is a few wide wires.
#[test]
fn the_largest_engine() {
    for (name, kernel) in KERNELS {
        let spec = engine(&kernel, BF16, 256, 16, 1);
        let (spec, design) = spec.elaborate_auto(Some(timing(500.0)), Reset::default()).unwrap();
        let bytes = text(&design);
        assert!(spec.interleave > 1 && bytes < 1 << 20, "{name}: {bytes} bytes");
    }
}

/// Lint of the engine the published figures are about. It takes Verilator a minute, as it looks at every copy.
#[test]
fn eight_lanes_are_quiet() {
    if std::env::var("FLASHRTL_NIGHTLY").as_deref() != Ok("1") {
        eprintln!("SKIPPED: lint of d = 64, P = 8; FLASHRTL_NIGHTLY=1 runs it");
        return;
    }
    for (_, kernel) in KERNELS {
        let spec = engine(&kernel, BF16, 64, 8, 1);
        let (_, design) = spec.elaborate_auto(Some(timing(500.0)), Reset::default()).unwrap();
        lint(&design);
    }
}
