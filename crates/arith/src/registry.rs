//! The operators that can be generated, simulated and verified as units.
//!
//! A new operator is its own file and one line in [`OPERATORS`]; command line, test loops and documentation follow.

use crate::operator::{Operator, Params};
use crate::{exp, exp_mul, fixed, fp_add, fp_convert, fp_max, fp_mul, fused_dot, ln, reciprocal, sigmoid};
use hdl::{Design, Reset, Signal, Timing};

/// Every operator.
pub const OPERATORS: &[&dyn Operator] = &[
    &fp_add::AddUnit,
    &fp_mul::MulUnit,
    &fp_max::MaxUnit,
    &fp_convert::ConvertUnit,
    &fixed::ToFixedUnit,
    &fixed::FromFixedUnit,
    &fused_dot::DotUnit,
    &exp::ExpUnit,
    &reciprocal::RecipUnit,
    &exp_mul::ExpMulUnit,
    &sigmoid::SigmoidUnit { direct: false },
    &sigmoid::SigmoidUnit { direct: true },
    &ln::LnUnit { direct: false },
    &ln::LnUnit { direct: true },
];

/// The operator of this name.
///
/// # Errors
/// Lists the legal names.
pub fn find(name: &str) -> Result<&'static dyn Operator, String> {
    let names = || OPERATORS.iter().map(|o| o.name()).collect::<Vec<_>>().join(", ");
    let found = OPERATORS.iter().find(|o| o.name() == name);
    found.copied().ok_or_else(|| format!("unknown operator \"{name}\"; known: {}", names()))
}

/// The operator as a design of its own: registered nowhere but where the clock asks for it, one result per cycle.
///
/// # Errors
/// When the clock is too fast for an operation.
pub fn elaborate(
    operator: &dyn Operator,
    p: &Params,
    timing: Option<Timing>,
    reset: Reset,
) -> Result<Design, hdl::Error> {
    hdl::elaborate(&operator.kind_name(p), first_sentence(operator.summary()), timing, reset, |b| {
        let inputs: Vec<Signal<'_>> =
            operator.inputs(p).iter().map(|&(name, ty)| b.input(name, ty)).collect();
        for (name, y) in operator.build(b, p, &inputs) {
            b.output(name, y);
        }
    })
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}
