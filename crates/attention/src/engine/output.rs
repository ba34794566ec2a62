//! Finished rows in the output format: converted once for all lanes, while a row stands at the drain.

use super::EngineSpec;
use super::sequencer::Sequencer;
use arith::{FpConvert, FromAnchor};
use hdl::{Arg, ModuleBuilder, Signal, each};
use numerics::lse::Accumulator;

/// The row in the output format, and the cycles after which it follows what it is given.
pub(super) fn call<'b>(
    b: &'b ModuleBuilder,
    spec: &EngineSpec,
    row: Signal<'b>,
    step: &Sequencer<'b>,
) -> (Signal<'b>, u32) {
    if spec.kernel.has_sum() {
        return (row, 0);
    }
    let mut inputs: Vec<(&str, Arg<'b>)> = vec![];
    let module = match spec.accumulator {
        Accumulator::Float(format) => {
            inputs.push(("x", each(row)));
            FpConvert { from: format, to: spec.output, policy: spec.policy }.define(b)
        }
        Accumulator::Fixed { frac_bits, .. } => {
            let anchor = step.anchor.as_ref().expect("a fixed-point o has one");
            let finished = b.register("result_anchor", anchor.row.ty()).enable(step.block_end);
            finished.set(anchor.row);
            inputs.extend([("o", each(row)), ("anchor", finished.q.into())]);
            let convert =
                FromAnchor { format: spec.value, frac_bits, result: spec.output, policy: spec.policy };
            Some(convert.define(b))
        }
    };
    let Some(module) = module else { return (row, 0) };
    let converted = b.instantiate("o_convert", spec.head_dim, module, &inputs)[0];
    (converted, b.defined(module).latency())
}
