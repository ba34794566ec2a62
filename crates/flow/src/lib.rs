//! Back-ends that take RTL and bring back area, timing and power: platforms as data, tools found and run, results kept.
//!
//! ```text
//!  RTL + SDC ──► Yosys ── front end, mapping by several recipes ──► netlists ──► OpenSTA ──► timing
//!                  ▲                                                                 │
//!  platform ──► Liberty: unpacked, merged, unusable cells out                        ▼
//!                                                       the smallest netlist that meets the clock
//! ```
//!
//! | module | |
//! |---|---|
//! | [`platform`] | what synthesis needs to know about a platform, and where its Liberty files are |
//! | [`library`] | those files as the tools read them, and the areas of the cells |
//! | [`registry`] | the external tools |
//! | [`yosys`], [`opensta`] | the back-ends |
//! | [`recipe`] | the ways of mapping logic to cells |
//! | `join` | modules that were mapped one by one put together |
//! | `repair` | more drive for the last few late paths |
//! | [`memory`] | memories in macros of the platform |
//! | [`clock_gate`] | registers whose clock stands still, instead of multiplexers |
//! | [`fit`] | delay models fitted to what comes back |
//! | [`synthesis`] | a design through the back-ends: recipes, retries, highest frequency, hierarchy |
//! | [`report`] | what comes back |
//! | [`liberty`] | cells as simulation and power need them |
//! | [`netlist`], [`activity`] | a mapped netlist read back, simulated and counted |
//! | [`power`] | its power, from what was counted |
//! | [`export`] | a design handed to another flow; [`layout`]: what that brings back |
//! | [`orfs`], [`librelane`], [`fusesoc`] | those flows |

pub mod activity;
pub mod clock_gate;
mod error;
pub mod export;
pub mod fit;
pub mod fusesoc;
mod join;
pub mod layout;
pub mod liberty;
mod liberty_text;
pub mod library;
pub mod librelane;
pub mod memory;
pub mod netlist;
pub mod opensta;
pub mod orfs;
pub mod platform;
pub mod power;
mod process;
pub mod recipe;
pub mod registry;
mod repair;
pub mod report;
mod step;
pub mod synthesis;
pub mod yosys;

pub use error::FlowError;
pub use library::Library;
pub use opensta::OpenSta;
pub use platform::{Places, Platform};
pub use process::interrupt;
pub use report::Report;
pub use synthesis::{Flow, Job};
pub use yosys::Yosys;
