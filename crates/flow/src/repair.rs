//! More drive for the last few late paths.
//!
//! ABC sizes cells under a driver of its own at every input and register, and gives up on all paths when it can do
//! nothing for one. Where its netlist misses the clock by little, the cells on late paths get more drive here, as OpenSTA
//! sees them: some cells in a hundred thousand, where the next faster recipe would take several percent of area.

use crate::error::FlowError;
use crate::liberty::{self, CellKind};
use crate::opensta::OpenSta;
use crate::step::{Input, Step};
use crate::yosys::{Context, Netlist};
use std::collections::BTreeMap;

const SCRIPT: &str = include_str!("repair.tcl");

impl Context<'_> {
    /// A flat netlist with larger cells on its late paths, and how many they are.
    ///
    /// # Errors
    /// OpenSTA failed, or the Liberty file cannot be read.
    pub(crate) fn repair(
        &self,
        sta: &OpenSta,
        netlist: &Netlist,
        top: &str,
        sdc: &str,
    ) -> Result<(Netlist, u64), FlowError> {
        let cells = liberty::Library::read(&self.library.path)
            .map_err(|e| FlowError::new(format!("{}: {e}", self.library.path.display())))?;
        let larger: String = larger(&cells).iter().map(|(cell, next)| format!(" {cell} {next}")).collect();
        let script = format!("{}set larger [dict create{larger}]\n{SCRIPT}", self.link(top, "mapped.v"));
        let mapped = Input { name: "mapped.v".into(), ..netlist.done.input("netlist.v") };
        let step = Step {
            name: "repair",
            tool: &sta.version(),
            inputs: self.timed(mapped, sdc),
            scripts: vec![("sta.tcl", script)],
            outputs: &["netlist.v", CHANGES],
        };
        let mut done = step.perform(self.root, self.timeout, || sta.command("sta.tcl"))?;
        let text = done.read(CHANGES)?;
        let changes: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(' ')).collect();
        let mut modules = netlist.modules.clone();
        let counts = modules.get_mut(top).expect("a flat netlist is its top");
        for &(from, to) in &changes {
            *counts.get_mut(from).expect("it was there") -= 1;
            *counts.entry(to.into()).or_default() += 1;
        }
        done.seconds += netlist.done.seconds;
        done.cached &= netlist.done.cached;
        Ok((Netlist { done, modules, reached_ps: netlist.reached_ps }, changes.len() as u64))
    }
}

/// What it changed, a line for every cell: what it was, and what it is.
const CHANGES: &str = "resized.txt";

/// The next larger size of cells: same name but for the number at its end, same pins, same function.
fn larger(library: &liberty::Library) -> BTreeMap<&str, &str> {
    let mut families: BTreeMap<&str, Vec<&liberty::Cell>> = BTreeMap::new();
    for cell in library.cells() {
        families.entry(cell.name.trim_end_matches(|c: char| c.is_ascii_digit())).or_default().push(cell);
    }
    let mut larger = BTreeMap::new();
    for family in families.values_mut() {
        family.sort_by(|a, b| a.area.total_cmp(&b.area));
        let pairs = family.windows(2).filter(|pair| pair[0].area < pair[1].area && same(pair[0], pair[1]));
        larger.extend(pairs.map(|pair| (pair[0].name.as_str(), pair[1].name.as_str())));
    }
    larger
}

/// Whether one cell can stand in another's place.
fn same(a: &liberty::Cell, b: &liberty::Cell) -> bool {
    let pins = |cell: &liberty::Cell| {
        cell.pins
            .iter()
            .map(|pin| (pin.name.clone(), pin.direction, pin.function.clone()))
            .collect::<Vec<_>>()
    };
    matches!(a.kind, CellKind::Combinational | CellKind::FlipFlop(_))
        && a.kind == b.kind
        && pins(a) == pins(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_size_has_the_same_function() {
        let inverter = |name: &str, area: f64, function: &str| {
            format!(
                "cell ({name}) {{ area : {area}; pin (A) {{ direction : input; capacitance : 1; }} \
                 pin (Z) {{ direction : output; function : \"{function}\"; }} }}\n"
            )
        };
        let cells = [
            inverter("INV_X4", 2.0, "!A"),
            inverter("INV_X1", 0.5, "!A"),
            inverter("INV_X2", 1.0, "!A"),
            inverter("INV_X8", 3.0, "A"),
            inverter("BUF_X1", 0.7, "A"),
        ];
        let units =
            "nom_voltage : 1; capacitive_load_unit (1, ff); time_unit : \"1ns\"; voltage_unit : \"1V\";";
        let text = format!("library (l) {{ {units} {} }}", cells.concat());
        let library = liberty::Library::parse(&text).unwrap();
        let larger = larger(&library);
        assert_eq!(larger.into_iter().collect::<Vec<_>>(), [("INV_X1", "INV_X2"), ("INV_X2", "INV_X4")]);
    }
}
