//! Resolving names: bits become nets, modules of the file are flattened, assignments join nets.

use super::parse::{Kind, Module, Part, RawInstance};
use super::{Instance, NetId, Netlist, NetlistError, ONE, Port, ZERO};
use crate::liberty::Library;
use std::collections::HashMap;

pub(super) fn netlist<'t>(
    modules: &'t [Module<'t>],
    top: &str,
    library: &'t Library,
) -> Result<Netlist, NetlistError> {
    let by_name: HashMap<&str, &Module<'_>> = modules.iter().map(|m| (m.name, m)).collect();
    let cells = library.cells().iter().enumerate().map(|(i, c)| (c.name.as_str(), i)).collect();
    let missing = || NetlistError::new(0, format!("there is no module `{top}`"));
    let module = *by_name.get(top).ok_or_else(missing)?;
    let mut flat = Flat {
        modules: by_name,
        cells,
        library,
        nets: vec!["1'b0".to_string(), "1'b1".to_string()],
        joined: vec![ZERO, ONE],
        instances: vec![],
    };
    let names = flat.module(module, "", HashMap::new(), 0)?;
    let kind = |name: &str| module.declarations.iter().find(|d| d.name == name && d.kind != Kind::Wire);
    let port = |name: &&str| {
        let undeclared = || NetlistError::new(0, format!("port `{name}` is not declared"));
        let input = kind(name).ok_or_else(undeclared)?.kind == Kind::Input;
        Ok(Port { name: name.to_string(), input, bits: names[name].bits.clone() })
    };
    let ports = module.ports.iter().map(port).collect::<Result<_, NetlistError>>()?;
    Ok(flat.finish(Netlist { name: top.to_string(), nets: vec![], ports, instances: vec![] }))
}

/// A declared name: its nets, least significant bit first, and the index of that bit.
struct Bus {
    bits: Vec<NetId>,
    lsb: u32,
}

type Names<'t> = HashMap<&'t str, Bus>;

struct Flat<'t> {
    modules: HashMap<&'t str, &'t Module<'t>>,
    cells: HashMap<&'t str, usize>,
    library: &'t Library,
    nets: Vec<String>,
    /// Nets joined by assignments: each points towards the lowest of its group.
    joined: Vec<NetId>,
    instances: Vec<Instance>,
}

impl<'t> Flat<'t> {
    fn net(&mut self, name: String) -> NetId {
        let id = self.nets.len() as NetId;
        self.nets.push(name);
        self.joined.push(id);
        id
    }

    fn root(&mut self, mut net: NetId) -> NetId {
        while self.joined[net as usize] != net {
            let next = self.joined[net as usize];
            self.joined[net as usize] = self.joined[next as usize];
            net = next;
        }
        net
    }

    fn join(&mut self, a: NetId, b: NetId, line: usize) -> Result<(), NetlistError> {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        if (low, high) == (ZERO, ONE) {
            return Err(NetlistError::new(line, "a net is both 0 and 1"));
        }
        self.joined[high as usize] = low;
        Ok(())
    }

    /// Adds a copy of the module; `bound` are the nets that its surroundings put on its ports.
    fn module(
        &mut self,
        module: &'t Module<'t>,
        prefix: &str,
        mut bound: HashMap<&'t str, Vec<NetId>>,
        depth: usize,
    ) -> Result<Names<'t>, NetlistError> {
        if depth > 64 {
            return Err(NetlistError::new(0, format!("module `{}` contains itself", module.name)));
        }
        let mut names = Names::new();
        for d in &module.declarations {
            if names.contains_key(d.name) {
                continue; // a port is declared once more as a wire
            }
            let (msb, lsb) = d.range.unwrap_or((0, 0));
            if msb < lsb {
                return Err(NetlistError::new(d.line, format!("range of `{}` does not fall", d.name)));
            }
            let bit_name = |i: u32| match d.range {
                None => format!("{prefix}{}", d.name),
                Some(_) => format!("{prefix}{}[{i}]", d.name),
            };
            let bits = match bound.remove(d.name) {
                Some(bits) if bits.len() == (msb - lsb + 1) as usize => bits,
                Some(_) => return Err(NetlistError::new(d.line, format!("width of port `{}`", d.name))),
                None => (lsb..=msb).map(|i| self.net(bit_name(i))).collect(),
            };
            names.insert(d.name, Bus { bits, lsb });
        }
        for (to, from, line) in &module.assignments {
            let (to, from) = (bits(&names, to, *line)?, bits(&names, from, *line)?);
            if to.len() != from.len() {
                let widths = format!("{} bits are assigned to {}", from.len(), to.len());
                return Err(NetlistError::new(*line, widths));
            }
            to.into_iter().zip(from).try_for_each(|(a, b)| self.join(a, b, *line))?;
        }
        for raw in &module.instances {
            self.instance(raw, &names, prefix, depth)?;
        }
        Ok(names)
    }

    fn instance(
        &mut self,
        raw: &'t RawInstance<'t>,
        names: &Names<'t>,
        prefix: &str,
        depth: usize,
    ) -> Result<(), NetlistError> {
        let name = format!("{prefix}{}", raw.name);
        let connected = raw.pins.iter().filter(|(_, parts)| !parts.is_empty());
        let nets = connected.map(|(pin, parts)| Ok((*pin, bits(names, parts, raw.line)?)));
        if let Some(&inner) = self.modules.get(raw.kind) {
            let bound = nets.collect::<Result<_, NetlistError>>()?;
            self.module(inner, &format!("{name}/"), bound, depth + 1)?;
            return Ok(());
        }
        let unknown = || NetlistError::new(raw.line, format!("the library has no cell `{}`", raw.kind));
        let cell = *self.cells.get(raw.kind).ok_or_else(unknown)?;
        let described = &self.library.cells()[cell];
        let mut pins = vec![None; described.pins.len()];
        for connection in nets {
            let (pin, nets) = connection?;
            let places = described.bus(pin);
            if places.is_empty() {
                return Err(NetlistError::new(raw.line, format!("cell `{}` has no pin `{pin}`", raw.kind)));
            }
            if nets.len() != places.len() {
                let takes = match places.len() {
                    1 => "one bit".to_string(),
                    n => format!("{n} bits"),
                };
                return Err(NetlistError::new(raw.line, format!("pin `{pin}` takes {takes}")));
            }
            places.into_iter().zip(nets).for_each(|(place, net)| pins[place] = Some(net));
        }
        self.instances.push(Instance { name, cell, pins });
        Ok(())
    }

    /// Renumbers nets so that joined ones are one.
    fn finish(mut self, empty: Netlist) -> Netlist {
        let mut number = vec![NetId::MAX; self.nets.len()];
        let mut nets = vec![];
        for id in 0..self.nets.len() as NetId {
            let root = self.root(id) as usize;
            if number[root] == NetId::MAX {
                number[root] = nets.len() as NetId;
                nets.push(std::mem::take(&mut self.nets[root]));
            }
            number[id as usize] = number[root];
        }
        let place = |net: &mut NetId| *net = number[*net as usize];
        let mut netlist = Netlist { nets, instances: self.instances, ..empty };
        netlist.ports.iter_mut().flat_map(|p| &mut p.bits).for_each(place);
        netlist.instances.iter_mut().flat_map(|i| i.pins.iter_mut().flatten()).for_each(place);
        netlist
    }
}

/// Nets of a value, least significant bit first.
fn bits(names: &Names<'_>, parts: &[Part<'_>], line: usize) -> Result<Vec<NetId>, NetlistError> {
    let mut all = vec![];
    for part in parts.iter().rev() {
        match part {
            Part::Constant(bits) => all.extend(bits.iter().map(|&b| if b { ONE } else { ZERO })),
            Part::Name(name, range) => {
                let unknown = || NetlistError::new(line, format!("`{name}` is not declared"));
                let bus = names.get(name).ok_or_else(unknown)?;
                let Some((msb, lsb)) = *range else {
                    all.extend(&bus.bits);
                    continue;
                };
                let outside = || NetlistError::new(line, format!("`{name}[{msb}:{lsb}]` is out of range"));
                let place = |i: u32| i.checked_sub(bus.lsb).map(|i| i as usize);
                let (low, high) = place(lsb).zip(place(msb)).ok_or_else(outside)?;
                all.extend(bus.bits.get(low..=high).ok_or_else(outside)?);
            }
        }
    }
    Ok(all)
}
