//! The functional model of the engine: what every query's result row is, to the bit.

use crate::config::ResultForm;
use crate::engine::EngineSpec;
use crate::kernel::{Model, State};
use hdl::Type;
use numerics::{Number, dot};

/// What a query gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResultRow {
    /// Elements in the output format, or the partial state as [`pack`] lists it; zeros if `empty`.
    pub row: Vec<u64>,
    /// The query met no key.
    pub empty: bool,
}

/// What a query begins with, once the states of its block are under one anchor ([`initials`]): by default nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Initial {
    /// The state over earlier keys; `None` if there are none.
    pub state: Option<State>,
    /// The block's anchor, 0 if nobody has a state.
    pub anchor: u64,
}

/// What the queries of a block begin with, given their states in order: all under the largest anchor so far. A state of
/// a larger anchor raises those before it, a state of a smaller one is raised itself.
pub fn initials(model: &dyn Model, states: impl IntoIterator<Item = Option<State>>) -> Vec<Initial> {
    let mut anchor = 0;
    let mut raised: Vec<Option<State>> = vec![];
    for state in states {
        let own = state.as_ref().map_or(0, |state| state.anchor);
        if own > anchor {
            anchor = own;
            for before in raised.iter_mut().flatten() {
                *before = model.rescale(before.clone(), anchor);
            }
        }
        raised.push(state.map(|state| model.rescale(state, anchor)));
    }
    raised.into_iter().map(|state| Initial { state, anchor }).collect()
}

/// A query and what it begins with.
pub struct Start<'a> {
    /// Elements in the input format.
    pub query: &'a [u64],
    /// Its state over earlier keys.
    pub initial: Initial,
}

/// The result of one query over keys and values (rows of patterns in the engine's input formats), meeting only the
/// keys for which `meets` is true. `scale` is a pattern of the scale format if the engine has one.
pub fn attend(
    spec: &EngineSpec,
    query: &[u64],
    keys: &[Vec<u64>],
    values: &[Vec<u64>],
    scale: Option<u64>,
    meets: impl Fn(usize) -> bool,
) -> ResultRow {
    attend_with(spec, spec.kernel.model(spec).as_ref(), query, keys, values, scale, meets)
}

/// As [`attend`], with a model at hand.
pub fn attend_with(
    spec: &EngineSpec,
    model: &dyn Model,
    query: &[u64],
    keys: &[Vec<u64>],
    values: &[Vec<u64>],
    scale: Option<u64>,
    meets: impl Fn(usize) -> bool,
) -> ResultRow {
    let start = Start { query, initial: Initial::default() };
    attend_from(spec, model, start, keys, values, scale, meets)
}

/// As [`attend_with`], for a query that begins with a state.
pub fn attend_from(
    spec: &EngineSpec,
    model: &dyn Model,
    Start { query, initial }: Start<'_>,
    keys: &[Vec<u64>],
    values: &[Vec<u64>],
    scale: Option<u64>,
    meets: impl Fn(usize) -> bool,
) -> ResultRow {
    let score = |i: usize| dot::dot(&spec.dot, &spec.policy, query, &keys[i], scale);
    let state = accumulate(spec, model, initial, values, |i| meets(i).then(|| score(i)));
    let row = match spec.result {
        ResultForm::Row => result(spec, model, state.as_ref()),
        ResultForm::State => pack(spec, state.as_ref()).concat(),
    };
    ResultRow { row, empty: state.is_none() }
}

/// The result row of a state; zeros of the empty one.
pub fn result(spec: &EngineSpec, model: &dyn Model, state: Option<&State>) -> Vec<u64> {
    state.map_or_else(|| vec![spec.output.zero(); spec.head_dim as usize], |state| model.result(state))
}

/// A state's ports: the scalar variables side by side, the first in the low bits; the sum, if the kernel has one; o; and
/// the anchor, if o is fixed point. All zeros of the empty one.
pub fn state_ports(spec: &EngineSpec) -> Vec<(&'static str, Type)> {
    let sum = spec.kernel.has_sum().then_some(("sum", spec.element_type()));
    let anchor = spec.anchor_type().map(|ty| ("anchor", ty));
    let o = ("o", spec.element_type().times(spec.head_dim));
    [("state", spec.scalar_type())].into_iter().chain(sum).chain([o]).chain(anchor).collect()
}

/// A state as elements of its [`state_ports`].
pub fn pack(spec: &EngineSpec, state: Option<&State>) -> Vec<Vec<u64>> {
    let Some(state) = state else {
        return state_ports(spec).iter().map(|(_, ty)| vec![0; ty.count as usize]).collect();
    };
    let scalars = spec.kernel.state(spec).into_iter().zip(&state.scalars).rev();
    let scalars = scalars.fold(0, |packed, ((_, ty), &value)| packed << ty.width | value);
    let (sum, o) = state.elements.split_at(usize::from(spec.kernel.has_sum()));
    let sum = Some(sum.to_vec()).filter(|sum| !sum.is_empty());
    let anchor = spec.anchor_type().map(|_| vec![state.anchor]);
    [vec![scalars]].into_iter().chain(sum).chain([o.to_vec()]).chain(anchor).collect()
}

/// The result row that a query's result stands for: itself, or that of its partial state.
pub fn final_row(spec: &EngineSpec, result: &ResultRow) -> Vec<u64> {
    if spec.result == ResultForm::Row {
        return result.row.clone();
    }
    self::result(spec, spec.kernel.model(spec).as_ref(), partial_state(spec, result).as_ref())
}

/// The partial state that a query's result is, where results are states.
pub fn partial_state(spec: &EngineSpec, result: &ResultRow) -> Option<State> {
    let mut left = result.row.as_slice();
    let ports = state_ports(spec).into_iter().map(|(_, ty)| {
        let (port, others) = left.split_at(ty.count as usize);
        left = others;
        port.to_vec()
    });
    let state = unpack(spec, &ports.collect::<Vec<_>>());
    Some(state).filter(|_| !result.empty)
}

/// The state whose [`pack`] these are.
pub fn unpack(spec: &EngineSpec, ports: &[Vec<u64>]) -> State {
    let mut packed = ports[0][0];
    let mut scalars = vec![];
    for (_, ty) in spec.kernel.state(spec) {
        scalars.push(packed & ((1 << ty.width) - 1));
        packed >>= ty.width;
    }
    let o = 1 + usize::from(spec.kernel.has_sum());
    let anchor = ports.get(o + 1).map_or(0, |anchor| anchor[0]);
    State { scalars, elements: ports[1..=o].concat(), anchor }
}

/// The state after all keys, from the initial one on, given the score of those that the query meets. Rows are counted into
/// blocks, and raise the anchor, whether the query meets them or not. With blocks of keys, the initial state is what they
/// are merged into.
pub fn accumulate(
    spec: &EngineSpec,
    model: &dyn Model,
    initial: Initial,
    values: &[Vec<u64>],
    score: impl Fn(usize) -> Option<u64>,
) -> Option<State> {
    let rows_of_block = spec.key_block.map_or(values.len(), |rows| rows as usize).max(1);
    let Initial { state: mut outer, mut anchor } = initial;
    for (block, rows) in values.chunks(rows_of_block).enumerate() {
        let mut inner = if spec.key_block.is_none() { outer.take() } else { None };
        for (i, row) in rows.iter().enumerate() {
            anchor = anchor.max(largest_exponent(spec, row));
            let raise = |state: Option<State>| state.map(|state| model.rescale(state, anchor));
            (inner, outer) = (raise(inner), raise(outer));
            if let Some(score) = score(block * rows_of_block + i) {
                inner = Some(model.step(inner, score, row, anchor));
            }
        }
        outer = match (outer, inner) {
            (outer, Some(inner)) if spec.key_block.is_some() => Some(model.merge(outer, inner)),
            (outer, inner) => outer.or(inner),
        };
    }
    outer
}

/// The largest exponent field of a value row; 0 in fixed point.
pub fn largest_exponent(spec: &EngineSpec, row: &[u64]) -> u64 {
    let Number::Float(format) = spec.value else { return 0 };
    row.iter().map(|&v| format.exp_field(v)).max().unwrap_or(0)
}
