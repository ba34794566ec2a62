//! Finished rows in the output format: divided by their sum, or converted, [`EngineSpec::result_elements`] at a time.
//!
//! ```text
//!        ┌────────────── row ──────────────┐
//!  ┌──► [ o_d-1 …                     o_0 ] ──► convert ──┐     d / E + latency shifts by E elements
//!  └───────────────────────────────────────────────────────┘
//! ```
//! The register that a row is converted in is the output register. Conversions are shared by all lanes.

use super::EngineSpec;
use super::drain::{Conversion, Drain};
use crate::config::ResultForm;
use crate::kernel::Division;
use arith::{Convert, FromAnchor};
use hdl::{Design, Kind, Module, ModuleBuilder, ModuleId, Outputs, Signal, Type, each};
use numerics::lse::Elements;
use std::sync::Arc;

/// Name of the conversions' instances.
const CONVERT: &str = "convert";

/// What is done to the elements of a row.
#[derive(Clone, Copy)]
pub(super) struct Converter {
    /// One element.
    element: ModuleId,
    /// 1/ℓ, for a division.
    inverse: Option<ModuleId>,
    /// Cycles it takes.
    pub conversion: Conversion,
}

impl Converter {
    /// The conversion of an engine; `None` where the lanes give rows as they are to leave.
    pub fn new(b: &ModuleBuilder, spec: &EngineSpec) -> Option<Converter> {
        if spec.result == ResultForm::State {
            return None;
        }
        let inverse = match spec.kernel.division() {
            Some(division) if division.serial => Some(define_inverse(b, spec, division)),
            Some(_) => return None,
            None => None,
        };
        let element = element(b, spec, inverse.is_some())?;
        let latency = |id: ModuleId| b.defined(id).latency();
        let shifts = spec.head_dim / spec.result_elements + latency(element);
        let conversion = Conversion { wait: inverse.map_or(0, latency), shifts };
        Some(Converter { element, inverse, conversion })
    }

    /// The row that leaves, after the drain has had `row` (a lane's: the sum, if there is one, and o) converted.
    pub fn call<'b>(
        &self,
        b: &'b ModuleBuilder,
        spec: &EngineSpec,
        row: Signal<'b>,
        anchor: Option<Signal<'b>>,
        drain: &Drain<'b>,
    ) -> Signal<'b> {
        let name = format!("result_row_e{}", spec.result_elements);
        let kind = Kind { name: &name, doc: "brings a finished row to the output format" };
        let mut inputs = vec![("row", row), ("load", drain.load), ("shift", drain.shift)];
        inputs.extend(anchor.map(|anchor| ("anchor", anchor)));
        b.call("result", kind, &inputs, |m, x| self.body(m, spec, x))[0]
    }

    fn body<'m>(&self, m: &'m ModuleBuilder, spec: &EngineSpec, x: &[Signal<'m>]) -> Outputs<'m> {
        m.explicit();
        let &[row, load, shift, ref anchor @ ..] = x else { unreachable!("three inputs at least") };
        let (d, at_once) = (spec.head_dim, spec.result_elements);
        let sum = u32::from(spec.kernel.has_sum());
        let held = m.register("row", held_type(spec).times(d)).enable(load | shift);
        // The next block may end while this row is on its way.
        let kept = |name: &str, signal: Signal<'m>| {
            let register = m.register(name, signal.ty()).enable(load);
            register.set(signal);
            register.q
        };
        let inverse = self.inverse.map(|id| {
            let sum = kept("sum", row.element(0));
            m.instantiate("inverse", 1, id, &[("sum", sum.into())])[0]
        });
        let anchor = anchor.first().map(|&anchor| kept("anchor", anchor));
        let names = [("inverse_sum", inverse), ("anchor", anchor)];
        let constant = names.into_iter().filter_map(|(name, signal)| Some((name, signal?.into())));
        let next = each(held.q.elements(0, at_once));
        let inputs: Vec<_> = [("o", next)].into_iter().chain(constant).collect();
        let converted = m.instantiate(CONVERT, at_once, self.element, &inputs)[0];
        let shifted = if at_once == d {
            converted
        } else {
            m.bundle(&[held.q.elements(at_once, d - at_once), converted])
        };
        let wide = |i: u32| row.element(sum + i).extend(held_type(spec).width);
        held.set(load.mux(elementwise(m, d, wide), shifted));
        vec![("o", elementwise(m, d, |i| held.q.element(i).low(spec.output.width())))]
    }
}

/// Cycles from one finished row to the next.
pub(super) fn row_cycles(spec: &EngineSpec, design: &Design) -> u32 {
    let converts = |module: &&Arc<Module>| module.instances.iter().any(|i| &*i.name == CONVERT);
    let Some(row) = design.modules.iter().find(converts) else { return 1 };
    let latencies = row.instances.iter().map(|i| design.module(i.module).latency());
    1 + spec.head_dim / spec.result_elements + latencies.sum::<u32>()
}

fn define_inverse(b: &ModuleBuilder, spec: &EngineSpec, division: Division) -> ModuleId {
    let name = format!("inverse_{}_n{}", spec.float().name(), division.recip_segments);
    let kind = Kind { name: &name, doc: "y = 1 / sum" };
    b.define(kind, &[("sum", spec.element_type())], |m, x| vec![("y", division.inverse(m, spec, x[0]))])
}

/// An element before or after its conversion.
fn held_type(spec: &EngineSpec) -> Type {
    Type::unsigned(spec.element_type().width.max(spec.output.width()))
}

fn elementwise<'m>(m: &'m ModuleBuilder, count: u32, element: impl Fn(u32) -> Signal<'m>) -> Signal<'m> {
    m.bundle(&(0..count).map(element).collect::<Vec<_>>())
}

/// What is done to an element; `None` if nothing is.
fn element(b: &ModuleBuilder, spec: &EngineSpec, divides: bool) -> Option<ModuleId> {
    let (held, policy) = (held_type(spec), spec.policy);
    let accumulator = spec.accumulator.to_string().replace('-', "_");
    let define = |what: &str, doc, constant: Option<(&'static str, Type)>, convert: Conversions<'_>| {
        let name = format!("result_{what}_{accumulator}_{}_{}", spec.output.name(), held.width);
        let ports: Vec<_> = [("o", held)].into_iter().chain(constant).collect();
        Some(b.define(Kind { name: &name, doc }, &ports, |m, x| {
            let o = x[0].low(spec.element_type().width);
            vec![("y", convert(m, o, x.get(1).copied()).extend(held.width))]
        }))
    };
    if divides {
        let inverse = Some(("inverse_sum", spec.element_type()));
        return define("quotient", "y = o * inverse_sum", inverse, &|m, o, inverse| {
            Division::element(m, spec, o, inverse.expect("a division has it"))
        });
    }
    match spec.elements() {
        Elements::Numbers(from) if from == spec.output => None,
        Elements::Numbers(from) => {
            let convert = Convert { from, to: spec.output, policy };
            define("convert", "y = round(o)", None, &|m, o, _| convert.call(m, "o_convert", o))
        }
        Elements::Anchored { value: format, frac_bits } => {
            let convert = FromAnchor { format, frac_bits, result: spec.float_output(), policy };
            let anchor = spec.anchor_type().map(|ty| ("anchor", ty));
            define(
                "from_anchor",
                "y = round(o) from fixed point below the anchor",
                anchor,
                &|m, o, anchor| convert.call(m, "o_convert", o, anchor.expect("a fixed-point o has one")),
            )
        }
    }
}

/// A conversion of o with what is constant for the row.
type Conversions<'a> = &'a dyn for<'m> Fn(&'m ModuleBuilder, Signal<'m>, Option<Signal<'m>>) -> Signal<'m>;
