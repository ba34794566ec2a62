//! A graph of hardware modules whose widths are known at run time, and its readers.
//!
//! A module is described once, by a closure over a [`ModuleBuilder`]; from the resulting [`Design`] come the Verilog,
//! the simulation and the rust-hdl view. Under a [`Timing`] every signal knows its clock cycle and its arrival time,
//! and registers appear where an operation would pass the period.
//!
//! ```
//! use hdl::{elaborate, Reset, Type};
//! let design = elaborate("mac", "y = a*b + c", None, Reset::default(), |b| {
//!     let [a, x, c] = ["a", "b", "c"].map(|name| b.input(name, Type::unsigned(8)));
//!     b.output("y", a * x + c);
//! }).unwrap();
//! assert_eq!(design.top().port("y").unwrap().1.ty, Type::unsigned(17));
//! ```

mod bits;
mod builder;
mod clean;
mod content;
mod design;
mod error;
mod feedback;
mod handshake;
mod instance;
mod interpret;
mod module;
pub mod rust_hdl;
mod signal;
mod stage;
mod timing;
mod ty;
mod validate;
pub mod verilog;

pub use builder::{File, Mem, ModuleBuilder, Reg, address, elaborate};
pub use design::{Design, Reset, ResetKind};
pub use error::Error;
pub use feedback::{StateVar, Update, Write};
pub use handshake::{Channel, channels, check_handshakes};
pub use instance::{Arg, Kind, Outputs, each};
pub use interpret::Interpreter;
pub use module::*;
pub use signal::Signal;
pub use stage::Stage;
pub use timing::{Curve, DelayModel, OpKind, Operation, Timing};
pub use ty::{MAX_ARITH_WIDTH, Type, index_width, value_width};
pub use validate::{Path, paths, validate};
