//! Attention hardware: configurations, kernels, the query engine, workloads and accuracy.

pub mod config;

pub use config::{Config, ConfigError};
