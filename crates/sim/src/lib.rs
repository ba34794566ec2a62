//! Running designs: a lane-vectorised compiled simulator, and one interface over it, rust-hdl, Icarus and Verilator.

mod engine;
mod external;
mod program;
mod rust_hdl;
mod vcd;

pub use engine::{Engine, EngineError, Mismatch, PortTrace, Trace, compare};
pub use external::{Built, Icarus, Run, Tool, Verilator, testbench, testbench_with_vectors, write_vectors};
pub use program::{
    InPort, Observe, OutPort, Program, ProgramEngine, ScopeLevel, Signal, Simulator, Stats, VectorUnit,
};
pub use rust_hdl::RustHdlEngine;
pub use vcd::Vcd;
