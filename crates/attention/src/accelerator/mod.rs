//! The tiled accelerator around a query engine: loads blocks of queries and the key and value rows they meet, masks, and
//! writes the results.

mod address;
mod core;
mod dma;
mod feed;
mod job;
mod keys;
mod parts;
mod rows;
mod skid;
mod spec;
mod stream;
mod tiles;
mod walk;

pub use spec::{
    AcceleratorSpec, Buffer, Buffers, Cause, Interface, MaskMode, MaskSupport, Settings, Tensor, WATCHDOG,
};
