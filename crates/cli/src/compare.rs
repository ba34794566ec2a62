//! Designs compared at one clock and equal throughput: area, timing, power and accuracy, relative to a baseline.
//!
//! ```text
//!  study (TOML) ──► plan: cases × designs, elaborated ──► run: the tools, what is done kept ──► results (JSON)
//!                                                                                                   │
//!                                                             terminal table, CSV, HTML  ◄──────────┘
//! ```
//!
//! | module | |
//! |---|---|
//! | [`study`] | what is to be compared |
//! | [`plan`] | the designs of every case, elaborated |
//! | [`tensors`] | the rows that the netlists are run on |
//! | [`errors`] | the accuracy of the designs |
//! | [`parts`] | where the area is |
//! | [`run`] | everything through the tools; [`kept`]: nothing twice; [`pace`]: how long it will take |
//! | [`results`] | what came back, and what it is relative to a baseline |
//! | [`text`], [`table`], [`html`] | for the terminal, for programs, for readers |

pub mod errors;
pub mod html;
mod kept;
mod pace;
mod parts;
pub mod plan;
pub mod results;
pub mod run;
pub mod study;
pub mod table;
pub mod tensors;
pub mod text;
