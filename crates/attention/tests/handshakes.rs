//! Nothing leads from a ready to a valid within a cycle, at any port of any engine or accelerator.

mod support;

use attention::accelerator::{AcceleratorSpec, Interface};
use hdl::{Direction, Reset, check_handshakes, paths};
use numerics::catalog::BF16;
use support::{KERNELS, accelerator, engine, timing};

#[test]
fn of_engines() {
    for (name, kernel) in &KERNELS {
        let spec = engine(kernel, BF16, 5, 2, 2);
        let untimed = spec.elaborate(None, Reset::default()).unwrap();
        let (_, timed) = spec.elaborate_auto(Some(timing(400.0)), Reset::default()).unwrap();
        for design in [untimed, timed] {
            assert_eq!(hdl::channels(design.top()).len(), 1, "{name}: results");
            check_handshakes(&design).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}

/// Every output of an accelerator comes from registers alone.
#[test]
fn of_accelerators() {
    for (interface, offered) in [(Interface::Stream, 3), (Interface::Dma, 5)] {
        for (name, kernel) in &KERNELS[..5] {
            let spec = AcceleratorSpec { interface, ..accelerator(kernel, BF16, [5, 2, 2]) };
            let design = spec.elaborate(None).unwrap();
            assert_eq!(hdl::channels(design.top()).len(), offered, "{name}");
            let inputs = design.top().ports.iter().filter(|port| port.direction == Direction::Input).count();
            assert!(
                inputs > 15 && paths(&design).unwrap().iter().all(|path| path.inputs.is_empty()),
                "{name}"
            );
        }
    }
}
