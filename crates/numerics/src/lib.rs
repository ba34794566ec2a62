//! Bit-accurate number formats and scalar operations: the reference that the hardware is tested against.
//!
//! Formats are data, and every operation is written once over them: operands are *unpacked* into
//! sign, exponent and integer significand, combined exactly, and given to the one shared rounder
//! ([`round::round_pack`]). Bit patterns are `u64`, real values `f64`.
//!
//! ```
//! use numerics::{Policy, catalog, scalar};
//!
//! let bf16 = catalog::parse("bf16")?;
//! let policy = Policy::default(); // round to nearest even, flush subnormals, saturate
//! let (a, b) = (bf16.encode(1.5, &policy), bf16.encode(-0.25, &policy));
//! assert_eq!(bf16.decode(scalar::add(bf16, &policy, a, b)), 1.25);
//! # Ok::<(), String>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`mod@format`], [`catalog`], [`policy`] | what a bit pattern means, and what happens at the edges |
//! | [`number`] | floating and fixed point side by side |
//! | [`round`], [`scalar`], [`fixed`] | the rounder; add, mul, max, conversions; fixed point |
//! | [`dot`] | fused dot product with one rounding |
//! | [`pwl`] | minimax fitting of piecewise-linear tables on binary grids |
//! | [`exp`], [`reciprocal`], [`expmul`] | e^x, 1/x and the combined exp-and-multiply unit |
//! | [`base2_score`] | scores in base 2 as fixed-point numbers |
//! | [`base2`] | online softmax in base 2 with an integer running maximum |
//! | [`lse`] | FLASH-D with a log-sum-exp state: tables, scalar path, element update, merge |
//! | [`metrics`] | error measures of an attention output |
//! | [`sigmoid_ln`] | the weight recurrence of FLASH-D as published |
//! | [`stratified`] | seeded operands that visit the hard cases |

pub mod base2;
pub mod base2_score;
pub mod catalog;
pub mod dot;
pub mod exp;
pub mod expmul;
pub mod fixed;
pub mod format;
pub mod lse;
pub mod metrics;
pub mod number;
pub mod policy;
pub mod pwl;
pub mod reciprocal;
pub mod round;
pub mod scalar;
pub mod sigmoid_ln;
pub mod stratified;

pub use base2::{Base2Kernel, Base2Spec, Base2State};
pub use base2_score::Base2Score;
pub use dot::DotSpec;
pub use exp::ExpSpec;
pub use expmul::ExpMulSpec;
pub use fixed::{FixRound, Fixed};
pub use format::{Encoding, Format};
pub use lse::{Accumulator, LseKernel, LseKind, LseSpec, LseState, LseTable};
pub use metrics::Metrics;
pub use number::Number;
pub use policy::{Policy, Rounding, Specials, Subnormals};
pub use reciprocal::RecipSpec;
pub use sigmoid_ln::{BlendForm, SigmoidForm, SigmoidLnSpec};
