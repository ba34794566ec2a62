//! The accelerator: its core, and the registers that say what it does.

use super::core;
use super::parts::connect;
use super::registers;
use super::spec::AcceleratorSpec;
use hdl::{Design, Direction, Kind, ModuleBuilder, ModuleId, Signal, Timing};

impl AcceleratorSpec {
    /// The accelerator as a design: AXI4-Lite registers, an interrupt, and the ports of the interface.
    ///
    /// # Errors
    /// When an operation does not fit the clock, or a recurrence of the engine its interleave.
    pub fn elaborate(&self, timing: Option<Timing>) -> Result<Design, hdl::Error> {
        let doc =
            format!("attention accelerator: {} keys a tile, {} bits a beat", self.key_tile, self.bus_bits);
        hdl::elaborate(&self.name, &doc, timing, self.reset, |b| build(b, self))
    }

    /// The accelerator with the smallest interleave that meets the clock.
    ///
    /// # Errors
    /// When an operation does not fit the clock at all.
    pub fn elaborate_auto(&self, timing: Option<Timing>) -> Result<(AcceleratorSpec, Design), hdl::Error> {
        let (engine, _) = self.engine.elaborate_auto(timing.clone(), self.reset)?;
        let spec = AcceleratorSpec { engine, ..self.clone() };
        let design = spec.elaborate(timing)?;
        Ok((spec, design))
    }
}

fn build(b: &ModuleBuilder, spec: &AcceleratorSpec) {
    b.explicit();
    let core_name = format!("{}_core", spec.name);
    let kind = Kind { name: &core_name, doc: "the accelerator without its registers" };
    let core = b.define(kind, &[], |m, _| {
        core::build(m, spec);
        vec![]
    });
    let registers = registers::define(b, spec);
    // What one of the two gives the other, before either is placed; the rest are the top's own ports.
    let inner: Vec<(String, Signal<'_>)> = [core, registers]
        .into_iter()
        .flat_map(|module| ports(b, module, Direction::Output))
        .filter(|(name, _)| [core, registers].iter().any(|&module| takes(b, module, name)))
        .map(|(name, ty)| (name.clone(), b.wire(&format!("{name}_net"), ty)))
        .collect();
    for (module, instance) in [(registers, "registers"), (core, "core")] {
        let from = |(name, ty): (String, hdl::Type)| {
            let wire = inner.iter().find(|(n, _)| *n == name).map(|(_, wire)| *wire);
            let signal = wire.unwrap_or_else(|| b.input(&name, ty));
            (name, signal)
        };
        let inputs: Vec<(String, Signal<'_>)> =
            ports(b, module, Direction::Input).into_iter().map(from).collect();
        let inputs: Vec<(&str, Signal<'_>)> = inputs.iter().map(|(name, s)| (name.as_str(), *s)).collect();
        let outputs = connect(b, instance, module, &inputs);
        for (name, _) in ports(b, module, Direction::Output) {
            let signal = outputs.get(&name);
            match inner.iter().find(|(n, _)| *n == name) {
                Some((_, wire)) => b.drive(*wire, signal),
                None => output(b, module, &name, signal),
            }
        }
    }
}

/// An output of the top, with what qualifies it.
fn output<'b>(b: &'b ModuleBuilder, module: ModuleId, name: &str, signal: Signal<'b>) {
    let kind = b.defined(module);
    let valid_by = kind.port(name).and_then(|(_, port)| port.valid_by.clone());
    match valid_by {
        Some(valid) => b.output_when(name, signal, &valid),
        None => b.output(name, signal),
    }
}

fn ports(b: &ModuleBuilder, module: ModuleId, direction: Direction) -> Vec<(String, hdl::Type)> {
    let kind = b.defined(module);
    let ports = kind.ports.iter().filter(|port| port.direction == direction);
    ports.map(|port| (port.name.to_string(), port.ty)).collect()
}

fn takes(b: &ModuleBuilder, module: ModuleId, name: &str) -> bool {
    b.defined(module).port(name).is_some_and(|(_, port)| port.direction == Direction::Input)
}
