//! Designs as rust-hdl blocks.
//!
//! Every module is a rust-hdl `Block` with `Logic`, its ports are `Atom`s whose widths are known at run time, and every
//! instance (each copy of an array) is a block of its own. So rust-hdl's checks, its simulation (test benches, VCD) and
//! its Verilog generation work on generated designs, and a generated module can sit in any `#[derive(LogicBlock)]`
//! design through a typed shell ([`crate::shell!`]).
//!
//! - **Check mode** (how a [`Bridge`] starts): `hdl()` is the module's logic in rust-hdl's syntax tree, because
//!   `check_all`'s search for combinational loops and for writes to inputs looks at nothing else. [`check`] is the gate
//!   built on it.
//! - **Emit mode** ([`Bridge::emit`]): `hdl()` is a black box with the module's Verilog, once per kind. Call `check_all`
//!   before, then `generate_verilog_unchecked`; a bare module as the top must be put in rust-hdl's `TopWrap`.
//!
//! In both modes `update()` runs the [`crate::Interpreter`] under rust-hdl's scheduling and clocking.
//!
//! ```
//! use hdl::{elaborate, rust_hdl::Bridge, Reset, Type};
//! let design = elaborate("mac", "y = a*b + c", None, Reset::default(), |b| {
//!     let [a, x, c] = ["a", "b", "c"].map(|name| b.input(name, Type::unsigned(8)));
//!     b.output("y", a * x + c);
//! }).unwrap();
//! hdl::rust_hdl::check(&design).unwrap();
//! let mut mac = Bridge::new(&design).block();
//! for (name, value) in [("a", 200), ("b", 100), ("c", 7)] {
//!     mac.drive(design.top().port(name).unwrap().0, &[value]);
//! }
//! mac.settle().unwrap();
//! assert_eq!(mac.value(design.top().port("y").unwrap().0), &[20_007]);
//! ```

mod atom;
mod block;
mod bridge;
mod check;
mod lower;
mod paths;
mod shell;

/// rust-hdl's traits, for the code that [`crate::shell!`] generates.
pub mod prelude {
    pub use ::rust_hdl::prelude::{Block, Logic, Probe, Verilog};
}

pub use block::ModuleBlock;
pub use bridge::Bridge;
pub use check::check;
pub use shell::{Core, Pattern, ShellPort};
