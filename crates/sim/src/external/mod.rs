//! Verilog simulators as engines: a self-checking testbench around the written RTL, compiled once and run on any
//! number of stimuli.

mod built;
mod icarus;
mod testbench;
mod tool;
mod vectors;
mod verilator;

pub use built::{Built, Run};
pub use icarus::Icarus;
pub use testbench::{testbench, testbench_with_vectors};
pub use tool::Tool;
pub use vectors::write_vectors;
pub use verilator::Verilator;
