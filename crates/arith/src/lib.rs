//! Arithmetic operators as hardware: one file each, every one bit-exact with its reference in `numerics`.
//!
//! An operator is a small struct of formats and widths. `call` places it as an instance in a module under
//! construction; under a clock it is pipelined automatically. [`registry`] lists the operators that can be generated
//! as units of their own, with their reference and test cases.

pub mod anchor;
pub mod base2_score;
mod constant;
pub mod convert;
pub mod exp;
pub mod exp2;
pub mod exp_mul;
pub mod fixed;
pub mod float;
pub mod fp_add;
pub mod fp_convert;
pub mod fp_max;
pub mod fp_mul;
pub mod fused_dot;
pub mod ln;
pub mod lse;
pub mod operator;
mod pwl;
pub mod reciprocal;
pub mod reduce;
pub mod registry;
pub mod sigmoid;

pub use anchor::{AlignToAnchor, FromAnchor};
pub use base2_score::ToBase2Score;
pub use convert::Convert;
pub use exp::Exp;
pub use exp_mul::ExpMul;
pub use exp2::Exp2Fraction;
pub use fixed::{FixedToFp, FpToFixed};
pub use fp_add::FpAdd;
pub use fp_convert::FpConvert;
pub use fp_max::FpMax;
pub use fp_mul::FpMul;
pub use fused_dot::FusedDot;
pub use ln::Ln;
pub use reciprocal::Reciprocal;
pub use sigmoid::Sigmoid;
