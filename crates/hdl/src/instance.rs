//! Instances: a kind is described by a closure, elaborated once per parameters and input arrival, and wired in.

use crate::builder::{ModuleBuilder, When};
use crate::module::*;
use crate::signal::Signal;
use crate::ty::Type;
use std::sync::Arc;

/// A signal at an input of an instance array.
#[derive(Clone, Copy)]
pub struct Arg<'b> {
    signal: Signal<'b>,
    sliced: bool,
}

impl<'b> From<Signal<'b>> for Arg<'b> {
    /// Every copy sees the whole signal.
    fn from(signal: Signal<'b>) -> Self {
        Arg { signal, sliced: false }
    }
}

/// Copy `i` of an array sees the `i`-th of equal parts of the bundle.
pub fn each(bundle: Signal<'_>) -> Arg<'_> {
    Arg { signal: bundle, sliced: true }
}

/// Named outputs of a kind.
pub type Outputs<'m> = Vec<(&'static str, Signal<'m>)>;

/// What identifies a kind: within a design the name says every parameter, so equal names are equal modules. For designs
/// to agree as well, modules with a clock end in a hash of their content once the design is complete.
#[derive(Clone, Copy, Debug)]
pub struct Kind<'a> {
    /// Module name, parameters included.
    pub name: &'a str,
    /// One line: what it computes.
    pub doc: &'a str,
}

impl ModuleBuilder {
    /// One instance of a kind; `body` describes the kind in terms of its inputs (in the order given) and is run at most
    /// once per name and arrival. Returns the outputs in order.
    pub fn call<'b>(
        &'b self,
        instance: &str,
        kind: Kind<'_>,
        inputs: &[(&str, Signal<'b>)],
        body: impl for<'m> FnOnce(&'m ModuleBuilder, &[Signal<'m>]) -> Outputs<'m>,
    ) -> Vec<Signal<'b>> {
        let inputs: Vec<_> = inputs.iter().map(|&(name, s)| (name, Arg::from(s))).collect();
        self.call_array(instance, 1, kind, &inputs, body)
    }

    /// `count` copies of a kind; outputs are bundles with copy 0 in the low elements.
    #[track_caller]
    pub fn call_array<'b>(
        &'b self,
        instance: &str,
        count: u32,
        kind: Kind<'_>,
        inputs: &[(&str, Arg<'b>)],
        body: impl for<'m> FnOnce(&'m ModuleBuilder, &[Signal<'m>]) -> Outputs<'m>,
    ) -> Vec<Signal<'b>> {
        let (base, bucket) = self.entry(inputs, count);
        let types: Vec<(&str, Type)> =
            inputs.iter().map(|&(name, arg)| (name, arg.port_type(count))).collect();
        let module = self.kind(kind, &types, bucket, body);
        self.place(instance, count, module, base, inputs)
    }

    /// Elaborates a kind without placing it, its inputs straight from registers; for parents that need to know its
    /// port times before they can connect it.
    pub fn define(
        &self,
        kind: Kind<'_>,
        inputs: &[(&str, Type)],
        body: impl for<'m> FnOnce(&'m ModuleBuilder, &[Signal<'m>]) -> Outputs<'m>,
    ) -> ModuleId {
        self.kind(kind, inputs, 0, body)
    }

    /// The module elaborated so far under this index.
    pub fn defined(&self, id: ModuleId) -> Arc<Module> {
        self.library.modules.borrow()[id.index()].clone()
    }

    /// Places `count` copies of a kind elaborated with [`ModuleBuilder::define`].
    pub fn instantiate<'b>(
        &'b self,
        instance: &str,
        count: u32,
        module: ModuleId,
        inputs: &[(&str, Arg<'b>)],
    ) -> Vec<Signal<'b>> {
        let (base, _) = self.entry(inputs, count);
        self.place(instance, count, module, base, inputs)
    }

    /// The cycle in which an instance's inputs meet and the arrival step within it.
    fn entry(&self, inputs: &[(&str, Arg<'_>)], count: u32) -> (u32, u32) {
        let Some(timing) = self.timing() else { return (0, 0) };
        let ids: Vec<NodeId> = inputs.iter().map(|(_, a)| a.signal.id()).collect();
        let cycle = self.latest_cycle(&ids);
        let spread = |arg: &Arg<'_>| if arg.sliced { 0.0 } else { timing.model.broadcast(count) };
        let arrival =
            inputs.iter().map(|(_, a)| self.arrival(&[a.signal.id()], cycle) + spread(a)).fold(0.0, f64::max);
        let bucket = timing.bucket(arrival);
        if self.is_automatic() && timing.bucket_arrival(bucket) >= timing.latest() {
            let fresh = inputs.iter().map(|(_, a)| timing.fresh() + spread(a)).fold(0.0, f64::max);
            return (cycle + 1, timing.bucket(fresh));
        }
        (cycle, bucket)
    }

    fn kind(
        &self,
        kind: Kind<'_>,
        inputs: &[(&str, Type)],
        bucket: u32,
        body: impl for<'m> FnOnce(&'m ModuleBuilder, &[Signal<'m>]) -> Outputs<'m>,
    ) -> ModuleId {
        let key = (kind.name.to_string(), bucket);
        if let Some(&id) = self.library.kinds.borrow().get(&key) {
            self.assert_same_ports(id, inputs);
            return id;
        }
        let builder = ModuleBuilder::new(self.library.clone(), kind.name, kind.doc);
        let arrival = self.timing().map_or(0.0, |t| t.bucket_arrival(bucket));
        let signals: Vec<Signal<'_>> =
            inputs.iter().map(|&(name, ty)| builder.input_at(name, ty, arrival)).collect();
        for (name, value) in body(&builder, &signals) {
            builder.output(name, value);
        }
        let module = builder.finish(bucket);
        let mut modules = self.library.modules.borrow_mut();
        modules.push(Arc::new(module));
        let id = ModuleId(modules.len() as u32 - 1);
        self.library.kinds.borrow_mut().insert(key, id);
        id
    }

    fn assert_same_ports(&self, id: ModuleId, inputs: &[(&str, Type)]) {
        let module = self.defined(id);
        let same = module.inputs().map(|(_, p)| (&*p.name, p.ty)).eq(inputs.iter().copied());
        assert!(
            same,
            "kind `{}` is used with two sets of ports: its name must say every parameter",
            module.name
        );
    }

    fn place<'b>(
        &'b self,
        instance: &str,
        count: u32,
        module: ModuleId,
        base: u32,
        inputs: &[(&str, Arg<'b>)],
    ) -> Vec<Signal<'b>> {
        let kind = self.defined(module);
        let automatic = self.is_automatic();
        let late = |name: &str| kind.port(name).map_or(0, |(_, p)| p.cycle);
        let connections = inputs.iter().map(|&(name, arg)| {
            let (_, port) = kind.port(name).unwrap_or_else(|| panic!("{} has no port `{name}`", kind.name));
            assert_eq!(arg.port_type(count), port.ty, "port `{name}` of {}", kind.name);
            let id = if port.stable || !automatic {
                arg.signal.id()
            } else {
                self.at_cycle(arg.signal.id(), base + late(name))
            };
            if arg.sliced { Connection::Sliced(id) } else { Connection::Broadcast(id) }
        });
        let inputs = connections.collect();
        let mut state = self.state.borrow_mut();
        let id = InstId(state.module.instances.len() as u32);
        state.module.instances.push(Instance { name: instance.into(), module, count, inputs });
        let outputs: Vec<NodeId> = kind
            .outputs()
            .map(|(port, p)| {
                let cycle = if automatic { base + p.cycle } else { 0 };
                let when = When::At { cycle, arrival: f64::from(p.arrival_ps) };
                let node = state.add(Op::InstOut(id, port), p.ty.times(count), when);
                state.module.nodes[node.index()].name = Some(format!("{instance}_{}", p.name).into());
                node
            })
            .collect();
        drop(state);
        outputs.into_iter().map(|id| self.signal(id)).collect()
    }
}

impl Arg<'_> {
    fn port_type(&self, count: u32) -> Type {
        let ty = self.signal.ty();
        if !self.sliced {
            return ty;
        }
        assert_eq!(ty.count % count, 0, "{ty} does not divide among {count} copies");
        Type { count: ty.count / count, ..ty }
    }
}
