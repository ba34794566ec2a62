//! The tiled accelerator around a query engine: loads blocks of queries and the key and value rows they meet, masks, and
//! writes the results.

pub mod bus;
pub mod memory;
pub mod model;
pub mod registers;
mod spec;
pub mod system;

pub use spec::{
    AcceleratorSpec, Buffer, Buffers, Cause, Interface, MaskMode, MaskSupport, Settings, Tensor, WATCHDOG,
};
