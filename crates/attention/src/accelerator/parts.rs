//! Placing modules with their ports by name, and small pieces of logic that several of them use.

use hdl::{Arg, Kind, ModuleBuilder, ModuleId, Outputs, Signal, Type};

/// One bit.
pub(super) const BIT: Type = Type::unsigned(1);

/// Signals by name: the inputs of a module's body, or the outputs of a placed module.
pub(super) struct Named<'b>(Vec<(String, Signal<'b>)>);

impl<'b> Named<'b> {
    /// The signal of that name.
    #[track_caller]
    pub fn get(&self, name: &str) -> Signal<'b> {
        self.find(name).unwrap_or_else(|| panic!("there is no signal `{name}`"))
    }

    /// The signal of that name, if there is one.
    pub fn find(&self, name: &str) -> Option<Signal<'b>> {
        self.0.iter().find(|(n, _)| n == name).map(|&(_, signal)| signal)
    }

    /// Several signals.
    #[track_caller]
    pub fn all<const N: usize>(&self, names: [&str; N]) -> [Signal<'b>; N] {
        names.map(|name| self.get(name))
    }
}

/// Places one instance of a control module (its registers are explicit); `body` describes it by its inputs.
pub(super) fn place<'b>(
    b: &'b ModuleBuilder,
    instance: &str,
    kind: Kind<'_>,
    inputs: &[(&str, Signal<'b>)],
    body: impl for<'m> FnOnce(&'m ModuleBuilder, &Named<'m>) -> Outputs<'m>,
) -> Named<'b> {
    let types: Vec<(&str, Type)> = inputs.iter().map(|(name, signal)| (*name, signal.ty())).collect();
    let module = b.define(kind, &types, |m, signals| {
        m.explicit();
        let names = types.iter().map(|(name, _)| (*name).to_string());
        body(m, &Named(names.zip(signals.iter().copied()).collect()))
    });
    connect(b, instance, module, inputs)
}

/// Places one instance of a module, its inputs connected by name.
#[track_caller]
pub(super) fn connect<'b>(
    b: &'b ModuleBuilder,
    instance: &str,
    module: ModuleId,
    inputs: &[(&str, Signal<'b>)],
) -> Named<'b> {
    let kind = b.defined(module);
    let args: Vec<(&str, Arg<'b>)> = kind
        .inputs()
        .map(|(_, port)| {
            let given = inputs.iter().find(|(name, _)| *name == &*port.name);
            (&*port.name, given.unwrap_or_else(|| panic!("{} needs `{}`", kind.name, port.name)).1.into())
        })
        .collect();
    let outputs = b.instantiate(instance, 1, module, &args);
    let names = kind.outputs().map(|(_, port)| port.name.to_string());
    Named(names.zip(outputs).collect())
}

/// A one-bit register that resets to 0.
pub(super) fn flag<'m>(m: &'m ModuleBuilder, name: &str) -> hdl::Reg<'m> {
    m.register(name, BIT).reset(0)
}

/// `count + 1`, cut to its width.
pub(super) fn plus_one(count: Signal<'_>) -> Signal<'_> {
    (count + count.builder().lit(1, 1)).low(count.width())
}

/// `count - 1`, cut to its width.
pub(super) fn minus_one(count: Signal<'_>) -> Signal<'_> {
    (count - count.builder().lit(1, 1)).low(count.width())
}

/// A counter that resets to 0 and goes up by one, down by one, both or neither; `clear` wins.
pub(super) fn up_down<'m>(
    m: &'m ModuleBuilder,
    name: &str,
    width: u32,
    up: Signal<'m>,
    down: Signal<'m>,
    clear: Signal<'m>,
) -> Signal<'m> {
    let count = m.register(name, Type::unsigned(width)).reset(0).enable((up ^ down) | clear);
    let moved = up.mux(plus_one(count.q), minus_one(count.q));
    count.set(clear.mux(m.zero(count.q.ty()), moved));
    count.q
}

/// A signed number cut to `0 ..= most`, unsigned and as narrow as that.
pub(super) fn clamp<'m>(x: Signal<'m>, most: u32) -> Signal<'m> {
    let m = x.builder();
    let width = hdl::value_width(u64::from(most));
    let over = x.gt(m.lit_signed(i64::from(most), x.width()));
    let inside = over.mux(m.lit(u64::from(most), width), x.low(width));
    x.msb().mux(m.zero(inside.ty()), inside)
}

/// Bit n of `count` bits is 1 if `n < x`.
pub(super) fn below(x: Signal<'_>, count: u32) -> Signal<'_> {
    let m = x.builder();
    let bits: Vec<_> = (0..count).map(|n| x.gt(m.lit(u64::from(n), x.width()))).collect();
    m.bundle(&bits)
}
