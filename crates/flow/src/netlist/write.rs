//! Flat netlists as Verilog, laid out as Yosys does it.
//!
//! Nets keep their names, with dots between those of instances; cells are numbered, in a way that neither Yosys nor our
//! Verilog names nets.

use super::{Instance, NetId, Netlist, ONE, Port, ZERO};
use crate::liberty::{Cell, Library};
use std::collections::HashMap;
use std::fmt::Write;

/// The text.
pub(super) fn verilog(netlist: &Netlist, library: &Library) -> String {
    let names = Names::of(netlist);
    let ports: Vec<String> = netlist.ports.iter().map(|port| escaped(&port.name)).collect();
    let mut text = format!("module {}({});\n", escaped(&netlist.name), ports.join(", "));
    for port in &netlist.ports {
        let direction = if port.input { "input" } else { "output" };
        writeln!(text, "  {direction} {};", declared(port)).expect("a string takes everything");
    }
    for name in &names.wires {
        writeln!(text, "  wire {name};").expect("a string takes everything");
    }
    for (number, instance) in netlist.instances.iter().enumerate() {
        let cell = &library.cells()[instance.cell];
        writeln!(text, "  {} _g{number}_ (", escaped(&cell.name)).expect("a string takes everything");
        text += &connections(instance, cell, &names).join(",\n");
        text += "\n  );\n";
    }
    for (bit, net) in &names.assigned {
        writeln!(text, "  assign {bit} = {};", names.nets[*net as usize]).expect("a string takes everything");
    }
    text + "endmodule\n"
}

/// What nets are called in the text.
struct Names {
    nets: Vec<String>,
    /// Nets on pins that are no bits of ports.
    wires: Vec<String>,
    /// Bits of outputs that are called after another bit, or constant.
    assigned: Vec<(String, NetId)>,
}

impl Names {
    fn of(netlist: &Netlist) -> Names {
        let mut bits: HashMap<NetId, String> = HashMap::from([(ZERO, "1'b0".into()), (ONE, "1'b1".into())]);
        let mut assigned = vec![];
        // Inputs first: an output that is one of them is assigned.
        for port in netlist.ports.iter().filter(|p| p.input).chain(netlist.ports.iter().filter(|p| !p.input))
        {
            for (i, net) in port.bits.iter().enumerate() {
                let name = bit_name(port, i);
                if bits.contains_key(net) {
                    assigned.push((name, *net));
                } else {
                    bits.insert(*net, name);
                }
            }
        }
        let mut used = vec![false; netlist.nets.len()];
        netlist
            .instances
            .iter()
            .flat_map(|i| i.pins.iter().flatten())
            .for_each(|net| used[*net as usize] = true);
        let mut wires = vec![];
        let nets = netlist.nets.iter().enumerate().map(|(net, name)| {
            bits.remove(&(net as NetId)).unwrap_or_else(|| {
                let name = escaped(&name.replace('/', "."));
                wires.extend(used[net].then(|| name.clone()));
                name
            })
        });
        let nets = nets.collect();
        Names { nets, wires, assigned }
    }
}

/// `[3:0] name`, or the name alone.
fn declared(port: &Port) -> String {
    let name = escaped(&port.name);
    if port.bits.len() == 1 { name } else { format!("[{}:0] {name}", port.bits.len() - 1) }
}

fn bit_name(port: &Port, bit: usize) -> String {
    let name = escaped(&port.name);
    if port.bits.len() == 1 { name } else { format!("{name}[{bit}]") }
}

/// What is on each pin; bits of buses, all of which are connected or none, are put together.
fn connections(instance: &Instance, cell: &Cell, names: &Names) -> Vec<String> {
    let mut pins: Vec<(&str, Vec<&str>)> = vec![];
    for (pin, net) in cell.pins.iter().zip(&instance.pins) {
        let Some(net) = net else { continue };
        let (bus, name) =
            (pin.name.split('[').next().unwrap_or_default(), names.nets[*net as usize].as_str());
        match pins.last_mut() {
            Some((last, nets)) if *last == bus => nets.push(name),
            _ => pins.push((bus, vec![name])),
        }
    }
    let value = |nets: Vec<&str>| match nets[..] {
        [net] => net.to_string(),
        _ => format!("{{ {} }}", nets.into_iter().rev().collect::<Vec<_>>().join(", ")),
    };
    pins.into_iter().map(|(pin, nets)| format!("    .{}({})", escaped(pin), value(nets))).collect()
}

/// The name, with a backslash before and a space after it where it is no plain identifier.
fn escaped(name: &str) -> String {
    let plain = name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.into() } else { format!("\\{name} ") }
}
