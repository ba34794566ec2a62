//! What every way of running a design has in common: stimuli in, responses out, compared port by port.

use hdl::{Design, Direction, Type};
use std::fmt;
use std::sync::Arc;

/// The values of one port over time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortTrace {
    /// Port name.
    pub name: Arc<str>,
    /// Port type; elements are at most 64 bits wide.
    pub ty: Type,
    /// Bit patterns, `[cycle][element]` flattened.
    pub values: Vec<u64>,
    /// Which of `values` are known (an X in a four-state simulator is not); empty when all are.
    pub known: Vec<bool>,
}

impl PortTrace {
    /// The elements in `cycle`.
    pub fn at(&self, cycle: usize) -> &[u64] {
        let n = self.ty.count as usize;
        &self.values[cycle * n..(cycle + 1) * n]
    }

    fn known_at(&self, cycle: usize) -> bool {
        let n = self.ty.count as usize;
        self.known.is_empty() || self.known[cycle * n..(cycle + 1) * n].iter().all(|&k| k)
    }
}

/// The values of all input ports, or of all output ports, of a design's top over `cycles` clock cycles.
///
/// Cycle 0 is the first after reset. Inputs hold from just after one clock edge to the next; outputs are taken just
/// before the edge that ends the cycle.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trace {
    /// Clock cycles.
    pub cycles: usize,
    /// Ports in the order of the top module.
    pub ports: Vec<PortTrace>,
}

impl Trace {
    /// An empty trace of the top's ports of one direction.
    pub fn new(design: &Design, direction: Direction) -> Trace {
        let ports = design.top().ports.iter().filter(|p| p.direction == direction);
        let port =
            |p: &hdl::Port| PortTrace { name: p.name.clone(), ty: p.ty, values: vec![], known: vec![] };
        Trace { cycles: 0, ports: ports.map(port).collect() }
    }

    /// The port of this name.
    pub fn port(&self, name: &str) -> Option<&PortTrace> {
        self.ports.iter().find(|p| &*p.name == name)
    }
}

/// A way of running a design.
pub trait Engine {
    /// Short name for reports: `program`, `rust-hdl`, `icarus`, `verilator`.
    fn name(&self) -> &'static str;

    /// Why the engine cannot run here (a tool that is missing, with how to install it), if so.
    fn unavailable(&self) -> Option<String> {
        None
    }

    /// Resets the design and applies `stimulus`; returns the outputs of the same cycles.
    fn run(&self, design: &Design, stimulus: &Trace) -> Result<Trace, EngineError>;
}

/// Why an engine could not finish a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EngineError(pub String);

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EngineError {}

impl From<std::io::Error> for EngineError {
    fn from(e: std::io::Error) -> Self {
        EngineError(e.to_string())
    }
}

/// The first place where two engines disagree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// Clock cycle.
    pub cycle: usize,
    /// Output port.
    pub port: Arc<str>,
    /// Elements expected.
    pub expected: Vec<u64>,
    /// Elements found, `None` where they are unknown (X).
    pub found: Option<Vec<u64>>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |v: &[u64]| v.iter().map(|x| format!("{x:x}")).collect::<Vec<_>>().join(" ");
        let found = self.found.as_ref().map_or("X".to_string(), |v| hex(v));
        write!(
            f,
            "cycle {}, port `{}`: expected {}, found {found}",
            self.cycle,
            self.port,
            hex(&self.expected)
        )
    }
}

/// Compares two responses cycle by cycle. A port that shows the result of the first inputs after some cycles
/// ([`hdl::Port::cycle`]) counts only from there on, and one qualified by another ([`hdl::Port::valid_by`]) only in cycles
/// in which that one is 1 in `expected`.
pub fn compare(design: &Design, expected: &Trace, found: &Trace) -> Result<(), Mismatch> {
    for cycle in 0..expected.cycles {
        for (e, f) in expected.ports.iter().zip(&found.ports) {
            let port = design.top().port(&e.name).map(|(_, port)| port);
            let begun = port.is_none_or(|p| cycle >= p.cycle as usize);
            let valid_by = port.and_then(|p| p.valid_by.as_ref());
            let valid = valid_by.is_none_or(|v| expected.port(v).is_none_or(|v| v.at(cycle)[0] == 1));
            let known = cycle < found.cycles && f.known_at(cycle);
            if begun && valid && !(known && e.at(cycle) == f.at(cycle)) {
                let (port, expected) = (e.name.clone(), e.at(cycle).to_vec());
                return Err(Mismatch { cycle, port, expected, found: known.then(|| f.at(cycle).to_vec()) });
            }
        }
    }
    Ok(())
}
