//! Running designs: a lane-vectorised compiled simulator, and one interface over it, rust-hdl, Icarus and Verilator.

mod engine;

pub use engine::{Engine, EngineError, Mismatch, PortTrace, Trace, compare};
