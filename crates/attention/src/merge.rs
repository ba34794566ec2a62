//! The merge of two partial states as a unit of its own, for keys that were split over several engines.
//!
//! ```text
//! A, B over disjoint keys  →  the state over both, and its result row          ∅ is neutral on both sides
//! ```
//! It is the step with which an engine merges its blocks of keys: B's scalar state stands for a score and its o for a
//! value row. A state's ports: `empty`; `state`, the scalar variables side by side, the first in the low bits; `sum`, the
//! sum ℓ of kernels that have one; `o`; and `anchor`, the exponent field that a fixed-point o is aligned to.

use crate::engine::EngineSpec;
use crate::functional::{self, Initial, accumulate, state_ports};
use crate::kernel::{ScalarStep, State};
use crate::lane::unpack_scalars;
use arith::operator::{Case, Operator, Params};
use arith::{Convert, FromAnchor};
use hdl::{Arg, Kind, ModuleBuilder, Outputs, Signal, Type, each};
use numerics::lse::Elements;
use numerics::stratified::{Rng, Stratified};

/// The merge unit of an engine.
pub struct MergeUnit {
    spec: EngineSpec,
}

/// What an element is told, by name.
type Control<'m> = (&'static str, Signal<'m>);

/// A state as signals.
#[derive(Clone)]
struct Partial<'m> {
    empty: Signal<'m>,
    scalars: Vec<Signal<'m>>,
    /// The sum, if there is one, and o.
    elements: Signal<'m>,
    anchor: Option<Signal<'m>>,
}

impl MergeUnit {
    /// The unit that merges states of that engine.
    pub fn new(spec: EngineSpec) -> Self {
        MergeUnit { spec }
    }

    /// The ports of a state, less its prefix.
    fn ports(&self) -> Vec<(&'static str, Type)> {
        [("empty", Type::unsigned(1))].into_iter().chain(state_ports(&self.spec)).collect()
    }

    fn unpack<'m>(&self, m: &'m ModuleBuilder, ports: &[Signal<'m>]) -> Partial<'m> {
        let &[empty, state, ref rest @ ..] = ports else { unreachable!("two ports at least") };
        let scalars = unpack_scalars(&self.spec, state);
        let (elements, rest) = match (self.spec.kernel.has_sum(), rest) {
            (true, [sum, o, rest @ ..]) => (m.bundle(&[*sum, *o]), rest),
            (_, [o, rest @ ..]) => (*o, rest),
            _ => unreachable!("every state has o"),
        };
        Partial { empty, scalars, elements, anchor: rest.first().copied() }
    }

    /// The elements of a state under the larger anchor of two; `like` names the controls.
    fn raised<'m>(
        &self,
        m: &'m ModuleBuilder,
        name: &str,
        state: &Partial<'m>,
        anchor: Option<Signal<'m>>,
        like: &[Control<'m>],
    ) -> Signal<'m> {
        let (Some(own), Some(anchor)) = (state.anchor, anchor) else { return state.elements };
        let raises = anchor.ne(own).named(&format!("raises_{name}"));
        let shift = ((anchor - own).low(own.width()) - m.lit(1, 1)).low(own.width());
        let controls = self.spec.kernel.rescale(m, &self.spec, shift, raises);
        let controls: Vec<Control<'m>> = like.iter().map(|(name, _)| *name).zip(controls).collect();
        self.elements(m, &format!("rescale_{name}"), state.elements, m.zero(state.elements.ty()), &controls)
    }

    /// One step of every element.
    fn elements<'m>(
        &self,
        m: &'m ModuleBuilder,
        instance: &str,
        o: Signal<'m>,
        v: Signal<'m>,
        controls: &[Control<'m>],
    ) -> Signal<'m> {
        let (name, doc) = self.spec.kernel.element_kind(&self.spec);
        let name = format!("{name}_step");
        let mut inputs: Vec<(&str, Arg<'m>)> = vec![("o", each(o)), ("v", each(v))];
        inputs.extend(controls.iter().map(|&(name, control)| (name, control.into())));
        m.call_array(instance, o.ty().count, Kind { name: &name, doc }, &inputs, |m, x| {
            vec![("next", self.spec.kernel.element(m, &self.spec, x[0], x[1], &x[2..]))]
        })[0]
    }

    /// The scalar state that stands for a score.
    fn score<'m>(&self, m: &'m ModuleBuilder, state: &Partial<'m>) -> Signal<'m> {
        let (kernel, on, off) = (&self.spec.kernel, m.lit(1, 1), m.lit(0, 1));
        if kernel.merge_steps() == 1 {
            return kernel.state_score(&state.scalars);
        }
        let score = kernel.state_score(&state.scalars);
        let step = ScalarStep { score, fresh: off, update: on, merges: Some(off), convert: Some(on) };
        let converted = kernel.scalar(m, &self.spec, &state.scalars, step);
        kernel.state_score(&converted.next)
    }

    fn merged<'m>(&self, m: &'m ModuleBuilder, a: &Partial<'m>, b: &Partial<'m>) -> Partial<'m> {
        let kernel = &self.spec.kernel;
        let anchor = a.anchor.zip(b.anchor).map(|(a, b)| b.gt(a).mux(b, a).named("larger_anchor"));
        let (on, off) = (m.lit(1, 1), m.lit(0, 1));
        let convert = (kernel.merge_steps() > 1).then_some(off);
        let step = ScalarStep { score: self.score(m, b), fresh: off, update: on, merges: Some(on), convert };
        let scalar = kernel.scalar(m, &self.spec, &a.scalars, step);
        let controls = kernel.controls(m, &self.spec, &scalar.out);
        let [a_elements, b_elements] =
            [("a", a), ("b", b)].map(|(name, state)| self.raised(m, name, state, anchor, &controls));
        let elements = self.elements(m, "element", a_elements, b_elements, &controls);
        let pick = |x: Signal<'m>, y: Signal<'m>, merged| a.empty.mux(y, b.empty.mux(x, merged));
        let scalars = a.scalars.iter().zip(&b.scalars).zip(&scalar.next);
        let anchors = a.anchor.zip(b.anchor).zip(anchor);
        Partial {
            empty: (a.empty & b.empty).named("both_empty"),
            scalars: scalars.map(|((&x, &y), &merged)| pick(x, y, merged)).collect(),
            elements: pick(a.elements, b.elements, elements).named("merged"),
            anchor: anchors.map(|((x, y), larger)| pick(x, y, larger)),
        }
    }

    /// The result row of a state, zeros where it is empty.
    fn row<'m>(&self, m: &'m ModuleBuilder, state: &Partial<'m>) -> Signal<'m> {
        let spec = &self.spec;
        let d = spec.head_dim;
        let policy = spec.policy;
        let row = match (spec.elements(), state.anchor) {
            _ if spec.kernel.has_sum() => {
                let division = spec.kernel.division().expect("a sum is there to divide by");
                division.row(m, spec, state.elements.elements(1, d), state.elements.element(0))
            }
            (Elements::Anchored { value: format, frac_bits }, anchor) => {
                let anchor = anchor.expect("a state below an anchor has it");
                let convert = FromAnchor { format, frac_bits, result: spec.float_output(), policy };
                convert.call(m, "o_convert", state.elements, anchor)
            }
            (Elements::Numbers(from), _) => {
                Convert { from, to: spec.output, policy }.call(m, "o_convert", state.elements)
            }
        };
        state.empty.mux(m.zero(row.ty()), row).named("row")
    }

    fn pack(&self, state: Option<&State>) -> Case {
        let empty = u64::from(state.is_none());
        [vec![vec![empty]], functional::pack(&self.spec, state)].concat()
    }

    fn state(&self, ports: &[Vec<u64>]) -> Option<State> {
        (ports[0][0] == 0).then(|| functional::unpack(&self.spec, &ports[1..]))
    }

    /// The functional model: two states as one.
    pub fn merge(&self, a: Option<State>, b: Option<State>) -> Option<State> {
        let (Some(a), Some(b)) = (&a, &b) else { return a.or(b) };
        let model = self.spec.kernel.model(&self.spec);
        let anchor = a.anchor.max(b.anchor);
        let [a, b] = [a, b].map(|state| model.rescale(state.clone(), anchor));
        Some(model.merge(Some(a), b))
    }
}

/// The state of a query over a few random keys, often none or one, for tests.
pub fn random_state(spec: &EngineSpec, rng: &mut Rng) -> Option<State> {
    let spread = [0.5, 4.0, 30.0][rng.below(3) as usize];
    let scale = [1.0, 1e-4, 300.0][rng.below(3) as usize];
    let normal = |rng: &mut Rng| (0..6).map(|_| rng.unit()).sum::<f64>() - 3.0;
    let keys = [0, 1, 2, 7][rng.below(4) as usize];
    let mut row = || {
        let element = |_| spec.value.encode(normal(rng) * scale, &spec.policy);
        (
            (0..spec.head_dim).map(element).collect::<Vec<_>>(),
            spec.score().encode(normal(rng) * spread, &spec.policy),
        )
    };
    let (values, scores): (Vec<_>, Vec<_>) = (0..keys).map(|_| row()).unzip();
    accumulate(spec, spec.kernel.model(spec).as_ref(), Initial::default(), &values, |i| Some(scores[i]))
}

impl Operator for MergeUnit {
    fn name(&self) -> &'static str {
        "merge"
    }
    fn summary(&self) -> &'static str {
        "y = the state of a query over the keys of a and of b, and its result row. An empty state is neutral."
    }
    fn kind_name(&self, _: &Params) -> String {
        self.spec.name.clone()
    }
    fn inputs(&self, _: &Params) -> Vec<(&'static str, Type)> {
        let of = |side: usize| self.ports().into_iter().map(move |(name, ty)| (PORTS[side][index(name)], ty));
        of(0).chain(of(1)).chain([("valid", Type::unsigned(1))]).collect()
    }
    fn build<'b>(&self, b: &'b ModuleBuilder, _: &Params, x: &[Signal<'b>]) -> Outputs<'b> {
        let count = self.ports().len();
        let (first, second) = (self.unpack(b, &x[..count]), self.unpack(b, &x[count..2 * count]));
        let merged = self.merged(b, &first, &second);
        let row = self.row(b, &merged);
        let scalars: Vec<Signal<'b>> = merged.scalars.iter().rev().map(|s| s.reinterpret(false)).collect();
        let sum = self.spec.kernel.has_sum();
        let mut outputs = vec![("y_empty", merged.empty), ("y_state", b.concat(&scalars))];
        outputs.extend(sum.then(|| ("y_sum", merged.elements.element(0))));
        outputs.push(("y_o", merged.elements.elements(u32::from(sum), self.spec.head_dim)));
        outputs.extend(merged.anchor.map(|anchor| ("y_anchor", anchor)));
        outputs.extend([("y_row", row), ("y_valid", b.cleared(x[2 * count]))]);
        let (names, signals): (Vec<_>, Vec<_>) = outputs.into_iter().unzip();
        names.into_iter().zip(b.align_all(&signals)).collect()
    }
    fn reference(&self, _: &Params, case: &Case) -> Vec<u64> {
        let count = self.ports().len();
        let merged = self.merge(self.state(&case[..count]), self.state(&case[count..2 * count]));
        let model = self.spec.kernel.model(&self.spec);
        let row = functional::result(&self.spec, model.as_ref(), merged.as_ref());
        let ports = self.pack(merged.as_ref());
        ports.into_iter().chain([row, case[2 * count].clone()]).flatten().collect()
    }
    fn directed(&self, _: &Params) -> Vec<Case> {
        let mut rng = Rng::new(1);
        let states: Vec<Option<State>> =
            (0..6).map(|i| random_state(&self.spec, &mut rng).filter(|_| i > 0)).collect();
        let pair = |(a, b): (&Option<State>, &Option<State>)| {
            [self.pack(a.as_ref()), self.pack(b.as_ref()), vec![vec![1]]].concat()
        };
        states.iter().flat_map(|a| states.iter().map(move |b| (a, b))).map(pair).collect()
    }
    fn case(&self, _: &Params, random: &mut Stratified) -> Case {
        let rng = random.rng();
        let [a, b] = [(); 2].map(|()| random_state(&self.spec, rng));
        [self.pack(a.as_ref()), self.pack(b.as_ref()), vec![vec![rng.below(2)]]].concat()
    }
}

/// Names of a state's ports, of a and of b.
const PORTS: [[&str; 5]; 2] =
    [["a_empty", "a_state", "a_sum", "a_o", "a_anchor"], ["b_empty", "b_state", "b_sum", "b_o", "b_anchor"]];

fn index(name: &str) -> usize {
    ["empty", "state", "sum", "o", "anchor"].iter().position(|n| *n == name).expect("one of a state's ports")
}
