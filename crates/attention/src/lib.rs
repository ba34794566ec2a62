//! Attention hardware: configurations, kernels, the query engine, workloads and accuracy.

pub mod accelerator;
pub mod accuracy;
pub mod config;
pub mod datapath;
pub mod engine;
pub mod functional;
pub mod kernel;
mod lane;
pub mod merge;
pub mod simulate;
pub mod workload;

pub use accuracy::AccuracyReport;
pub use config::{Config, ConfigError};
pub use engine::EngineSpec;
pub use workload::{Workload, WorkloadError};
