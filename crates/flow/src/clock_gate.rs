//! Clock gates: cells that pass the pulses of a clock on only while they are enabled.
//!
//! Registers that share an enable need no multiplexers when their common clock stands still instead. A gate of the
//! kind used here (`latch_posedge`) holds its enable in a latch while the clock is high, so that it passes or
//! suppresses whole pulses. Libraries have them in several strengths; nothing buffers a gated clock before there is a
//! clock tree, so the strength must suffice for the flip-flops behind it.

use crate::liberty_text::{Statement, statements};

/// The fewest flip-flops that get a gate.
pub const SMALLEST_GROUP: u32 = 8;
/// Part of the load that a gate may drive for clock pins; the rest is for wires.
const FOR_PINS: f64 = 0.5;

/// A cell that gates clocks.
#[derive(Clone, PartialEq, Debug)]
pub struct ClockGate {
    /// Its name.
    pub name: String,
    /// Its enable, active high.
    pub enable: String,
    /// Its clock.
    pub clock: String,
    /// The gated clock.
    pub output: String,
    /// Enables for tests, active high, to be tied to 0.
    pub test: Vec<String>,
    /// The largest load, in the library's unit.
    max_load: f64,
    /// Flip-flops that it may drive.
    pub reach: u32,
}

impl ClockGate {
    /// The gate that a cell with these statements is; none if it is something else.
    pub(crate) fn read(name: &str, cell: &[Statement]) -> Result<Option<ClockGate>, String> {
        let kind = cell.iter().find(|s| s.keyword == "clock_gating_integrated_cell").map(Statement::name);
        // The kinds with an output for observing the enable have nothing that we need.
        let Some("latch_posedge" | "latch_posedge_precontrol" | "latch_posedge_postcontrol") = kind else {
            return Ok(None);
        };
        let mut pins = vec![];
        for pin in cell.iter().filter(|s| s.keyword == "pin") {
            pins.push((pin.name(), statements(pin.body.unwrap_or_default())?));
        }
        let marked = |mark: &'static str| {
            let is = move |s: &&Statement| s.keyword == mark && s.name() == "true";
            pins.iter()
                .filter(move |(_, pin)| pin.iter().find(is).is_some())
                .map(|(name, _)| name.to_string())
        };
        let one = |mark| marked(mark).next();
        let limit = pins.iter().find_map(|(_, pin)| number(pin, "max_capacitance"));
        let roles = (one("clock_gate_enable_pin"), one("clock_gate_clock_pin"), one("clock_gate_out_pin"));
        let (Some(enable), Some(clock), Some(output)) = roles else { return Ok(None) };
        let test = marked("clock_gate_test_pin").collect();
        let max_load = limit.unwrap_or(f64::INFINITY);
        Ok(Some(ClockGate { name: name.into(), enable, clock, output, test, max_load, reach: 0 }))
    }
}

/// The gates with the fewest test pins, each with what it may drive, the weakest first; `clock_pin` is the capacitance
/// of a flip-flop's clock pin.
pub(crate) fn usable(mut gates: Vec<ClockGate>, clock_pin: Option<(f64, f64)>) -> Vec<ClockGate> {
    let Some((_, load)) = clock_pin else { return vec![] };
    let fewest = gates.iter().map(|gate| gate.test.len()).min();
    gates.retain(|gate| Some(gate.test.len()) == fewest);
    gates.iter_mut().for_each(|gate| gate.reach = (FOR_PINS * gate.max_load / load) as u32);
    gates.sort_by(|a, b| a.max_load.total_cmp(&b.max_load));
    gates.dedup_by_key(|gate| gate.reach);
    gates
}

/// Capacitance of the clock pin of a flip-flop, in the library's unit.
pub(crate) fn clock_pin(cell: &[Statement]) -> Result<Option<f64>, String> {
    for pin in cell.iter().filter(|s| s.keyword == "pin") {
        let pin = statements(pin.body.unwrap_or_default())?;
        if pin.iter().any(|s| s.keyword == "clock" && s.name() == "true") {
            return Ok(number(&pin, "capacitance"));
        }
    }
    Ok(None)
}

fn number(group: &[Statement], keyword: &str) -> Option<f64> {
    group.iter().find(|s| s.keyword == keyword).and_then(|s| s.argument.parse().ok())
}

/// The commands of Yosys that gate registers of equal enable: the strongest gates for the largest groups first, so
/// that every group gets the weakest one that can drive it.
pub(crate) fn script(gates: &[ClockGate]) -> String {
    let pass = |(i, gate): (usize, &ClockGate)| {
        let smallest = i.checked_sub(1).map_or(SMALLEST_GROUP, |weaker| gates[weaker].reach + 1);
        let ClockGate { name, enable, clock, output, test, .. } = gate;
        let ties: String = test.iter().map(|pin| format!(" -tie_lo {pin}")).collect();
        let smallest = smallest.max(SMALLEST_GROUP);
        format!("clockgate -pos {name} {enable}:{clock}:{output}{ties} -min_net_size {smallest}\n")
    };
    gates.iter().enumerate().rev().map(pass).collect()
}
