//! Finished rows in the output format: converted once for all lanes, while a row stands at the drain.

use super::EngineSpec;
use super::sequencer::Sequencer;
use crate::config::ResultForm;
use arith::{FpConvert, FromAnchor};
use hdl::{Arg, ModuleBuilder, Signal, each};
use numerics::lse::Accumulator;

/// What a query gives, on its way to the output registers.
pub(super) struct Result<'b> {
    /// The result row, or o of a partial state.
    pub row: Signal<'b>,
    /// The sum of a partial state, of kernels that have one.
    pub sum: Option<Signal<'b>>,
    /// The anchor of a partial state, if o is fixed point.
    pub anchor: Option<Signal<'b>>,
    /// Cycles after which the row follows what the drain looks at.
    pub settling: u32,
}

/// The result of the row that the drain looks at.
pub(super) fn call<'b>(
    b: &'b ModuleBuilder,
    spec: &EngineSpec,
    row: Signal<'b>,
    step: &Sequencer<'b>,
) -> Result<'b> {
    let anchor = step.anchor.as_ref().map(|anchor| {
        let finished = b.register("result_anchor", anchor.row.ty()).enable(step.block_end);
        finished.set(anchor.row);
        finished.q
    });
    if spec.result == ResultForm::State {
        let sum = u32::from(spec.kernel.has_sum());
        let o = row.elements(sum, spec.head_dim);
        return Result { row: o, sum: (sum == 1).then(|| row.element(0)), anchor, settling: 0 };
    }
    let plain = Result { row, sum: None, anchor: None, settling: 0 };
    if spec.kernel.has_sum() {
        return plain;
    }
    let (module, inputs): (_, Vec<(&str, Arg<'b>)>) = match spec.accumulator {
        Accumulator::Float(format) => {
            let convert = FpConvert { from: format, to: spec.output, policy: spec.policy };
            (convert.define(b), vec![("x", each(row))])
        }
        Accumulator::Fixed { frac_bits, .. } => {
            let convert =
                FromAnchor { format: spec.value, frac_bits, result: spec.output, policy: spec.policy };
            let anchor = anchor.expect("a fixed-point o has one");
            (Some(convert.define(b)), vec![("o", each(row)), ("anchor", anchor.into())])
        }
    };
    let Some(module) = module else { return plain };
    let row = b.instantiate("o_convert", spec.head_dim, module, &inputs)[0];
    Result { row, settling: b.defined(module).latency(), ..plain }
}
