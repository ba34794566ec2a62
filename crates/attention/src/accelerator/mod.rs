//! The tiled accelerator around a query engine: loads blocks of queries and the key and value rows they meet, masks, and
//! writes the results.

mod address;
pub mod bus;
mod core;
mod dma;
mod feed;
mod job;
mod keys;
pub mod memory;
pub mod model;
mod parts;
pub mod registers;
mod rows;
mod skid;
mod spec;
mod stream;
pub mod system;
mod tiles;
mod top;
pub mod vectors;
mod walk;

pub use tiles::MACRO;

pub use spec::{
    AcceleratorSpec, Buffer, Buffers, Cause, Interface, MaskMode, MaskSupport, Settings, Tensor, WATCHDOG,
};
