//! Which part of the design a cell of a flattened netlist belongs to.
//!
//! Yosys keeps the names of nets (`u_lane.u_dot.sum[3]`), not those of the cells that logic is mapped to. A cell
//! belongs where the net that it drives does; if that has no name of its own, to the part that all its readers share.

use crate::liberty::{Library, PinDirection};
use crate::netlist::{Instance, Netlist};

/// The path of every instance; `u_lane.g_mul[].u_mul` for all of an array.
pub(super) fn paths(netlist: &Netlist, library: &Library) -> Vec<String> {
    let outputs = |i: &Instance| {
        let pins = library.cells()[i.cell].pins_of(PinDirection::Output);
        pins.filter_map(|pin| i.pins[pin]).collect::<Vec<_>>()
    };
    let mut named: Vec<Option<String>> = netlist.nets.iter().map(|name| named_part(name)).collect();
    let ports = netlist.ports.iter().flat_map(|p| &p.bits);
    ports.for_each(|net| named[*net as usize] = Some(String::new()));
    let mut readers: Vec<Vec<u32>> = vec![vec![]; netlist.nets.len()];
    for (i, instance) in netlist.instances.iter().enumerate() {
        let inputs = library.cells()[instance.cell].pins_of(PinDirection::Input);
        inputs.filter_map(|pin| instance.pins[pin]).for_each(|net| readers[net as usize].push(i as u32));
    }
    let mut paths: Vec<Option<String>> = netlist.instances.iter().map(|i| hierarchical(&i.name)).collect();
    // Names are taken backwards from readers: a stack, because logic is deep.
    for start in 0..paths.len() {
        let mut stack = vec![start];
        while let Some(&i) = stack.last() {
            if paths[i].is_some() {
                stack.pop();
                continue;
            }
            let nets = outputs(&netlist.instances[i]);
            let own =
                nets.iter().filter_map(|net| named[*net as usize].clone()).reduce(|a, b| shared(&a, &b));
            let around = || nets.iter().flat_map(|net| &readers[*net as usize]).map(|r| *r as usize);
            let open: Vec<usize> = if own.is_some() {
                vec![]
            } else {
                around().filter(|r| paths[*r].is_none() && !stack.contains(r)).collect()
            };
            if open.is_empty() {
                let read = || around().filter_map(|r| paths[r].clone()).reduce(|a, b| shared(&a, &b));
                paths[i] = Some(own.or_else(read).unwrap_or_default());
            } else {
                stack.extend(open);
            }
        }
    }
    paths.into_iter().map(Option::unwrap_or_default).collect()
}

/// The part that a net of this name belongs to; `None` for names without a path that Yosys made up.
fn named_part(name: &str) -> Option<String> {
    let made_up = |last: &str| last.starts_with('_') && last.ends_with('_') || last.contains('$');
    let (path, last) = split(name);
    (!path.is_empty() || !made_up(last)).then(|| collapsed(path))
}

/// The path of an instance of a netlist that kept its hierarchy.
fn hierarchical(name: &str) -> Option<String> {
    name.rsplit_once('/').map(|(path, _)| collapsed(path))
}

/// Path and last name.
fn split(name: &str) -> (&str, &str) {
    name.rfind(['.', '/']).map_or(("", name), |at| (&name[..at], &name[at + 1..]))
}

/// Without the indices of arrays, with dots.
fn collapsed(path: &str) -> String {
    let mut index = false;
    let keep = |c: &char| {
        index = *c == '[' || index && *c != ']';
        *c == '[' || !index
    };
    path.replace('/', ".").chars().filter(keep).collect()
}

/// The longest common path.
fn shared(a: &str, b: &str) -> String {
    let same = a.split('.').zip(b.split('.')).take_while(|(a, b)| a == b).map(|(a, _)| a);
    same.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_parts() {
        assert_eq!(named_part("u_lane.g_mul[12].u_mul.p[3]").as_deref(), Some("u_lane.g_mul[].u_mul"));
        assert_eq!(named_part("row_q[2][5]").as_deref(), Some(""));
        assert_eq!(named_part("_0123_"), None);
        assert_eq!(named_part("u_x/_0123_").as_deref(), Some("u_x"));
        assert_eq!(named_part("u_x._0123_").as_deref(), Some("u_x"));
        assert_eq!(shared("u_a.u_b.u_c", "u_a.u_b2"), "u_a");
        assert_eq!(shared("", "u_a"), "");
    }
}
