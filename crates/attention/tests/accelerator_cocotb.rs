//! The accelerator's Verilog driven by cocotb and cocotbext-axi, as an integrator would.

mod support;

use attention::accelerator::registers;
use attention::accelerator::vectors::Bench;
use attention::accelerator::{AcceleratorSpec, Interface};
use hdl::{Reset, ResetKind};
use numerics::catalog::BF16;
use support::{FA2, accelerator, cocotb, timing};

#[test]
fn registers_by_themselves() {
    let low = Reset { kind: ResetKind::Async, active_low: true };
    for (interface, reset) in [(Interface::Dma, Reset::default()), (Interface::Stream, low)] {
        let spec = AcceleratorSpec { interface, reset, ..accelerator(&FA2, BF16, [4, 2, 3]) };
        let design = registers::elaborate(&spec, Some(timing(500.0)), reset).unwrap();
        let folder = cocotb::folder(&format!("registers_{interface:?}"));
        cocotb::run(&folder, &design, &Bench::new(&spec, &design.top().name), "test_registers");
    }
}
