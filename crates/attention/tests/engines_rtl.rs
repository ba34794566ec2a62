//! The emitted Verilog of large engines: its size, and silence of the linters.

mod support;

use hdl::Reset;
use numerics::catalog::{BF16, E4M3};
use support::lint::{lint, text};
use support::{FA2, engine, expmul, timing};

use attention::kernel::Quantize;

/// d = 64 with 8 lanes stays below 1 MB of text, whatever the kernel and the clock.
#[test]
fn the_text_of_an_array_does_not_grow_with_its_copies() {
    for (kernel, input) in [(FA2, BF16), (expmul(Quantize::ScoreFirst, 2), E4M3)] {
        for clock in [None, Some(timing(500.0))] {
            let spec = engine(&kernel, input, 64, 8, 1);
            let (_, design) = spec.elaborate_auto(clock, Reset::default()).unwrap();
            let bytes = text(&design);
            assert!(bytes < 1 << 20, "{bytes} bytes");
            lint(&design);
        }
    }
}

/// The largest engine: what grows with d and P is a few wide wires.
#[test]
fn the_largest_engine() {
    let spec = engine(&FA2, BF16, 256, 16, 1);
    let (spec, design) = spec.elaborate_auto(Some(timing(500.0)), Reset::default()).unwrap();
    let bytes = text(&design);
    assert!(spec.interleave > 1 && bytes < 2 << 20, "{bytes} bytes");
    lint(&design);
}
