//! rust-hdl as an engine: the design as rust-hdl blocks, updated by rust-hdl's own `simulate`.
//!
//! It shares no evaluation with [`crate::ProgramEngine`]: every instance is a block of its own, clocks and values travel
//! through the hierarchy in delta cycles, and the logic is evaluated node by node ([`hdl::Interpreter`]).

use crate::engine::{Engine, EngineError, PortTrace, Trace};
use hdl::rust_hdl::{Bridge, ModuleBlock};
use hdl::{Design, Direction, PortId, Type};

/// The engine `rust-hdl`.
///
/// State begins as at power-up: registers with a reset value have it, all other state is zero. The reset is asserted
/// and released before cycle 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RustHdlEngine;

impl Engine for RustHdlEngine {
    fn name(&self) -> &'static str {
        "rust-hdl"
    }

    fn run(&self, design: &Design, stimulus: &Trace) -> Result<Trace, EngineError> {
        let inputs = inputs(design, stimulus)?;
        let outputs: Vec<(PortId, Type)> = design.top().outputs().map(|(id, p)| (id, p.ty)).collect();
        let mut response = Trace::new(design, Direction::Output);
        response.cycles = stimulus.cycles;
        let mut block = Bridge::new(design).block();
        for asserted in [true, false] {
            block.drive_reset(asserted);
            settle(&mut block)?;
        }
        for cycle in 0..stimulus.cycles {
            for &(id, port) in &inputs {
                block.drive(id, &pack(port.ty, port.at(cycle)));
            }
            settle(&mut block)?;
            for (&(id, ty), port) in outputs.iter().zip(&mut response.ports) {
                port.values.extend(unpack(ty, block.value(id)));
            }
            for level in [true, false] {
                block.drive_clock(level);
                settle(&mut block)?;
            }
        }
        Ok(response)
    }
}

/// The input ports with their values, all present and of the right length.
fn inputs<'a>(design: &Design, stimulus: &'a Trace) -> Result<Vec<(PortId, &'a PortTrace)>, EngineError> {
    let find = |(id, port): (PortId, &hdl::Port)| {
        let trace = stimulus.port(&port.name).filter(|t| t.ty == port.ty);
        let trace = trace.filter(|t| t.values.len() == stimulus.cycles * port.ty.count as usize);
        let missing = || {
            let (top, name, cycles) = (&design.top().name, &port.name, stimulus.cycles);
            EngineError(format!(
                "rust-hdl: the stimulus has no {cycles} values of type {} for input `{name}` of {top}",
                port.ty
            ))
        };
        trace.map(|trace| (id, trace)).ok_or_else(missing)
    };
    design.top().inputs().map(find).collect()
}

fn settle(block: &mut ModuleBlock) -> Result<(), EngineError> {
    block.settle().map_err(|e| EngineError(e.to_string()))
}

/// Elements as one flat pattern, element 0 in the lowest bits.
fn pack(ty: Type, elements: &[u64]) -> Vec<u64> {
    let mut flat = vec![0; ty.bits().div_ceil(64) as usize];
    for (at, element) in (0..ty.bits()).step_by(ty.width as usize).zip(elements) {
        let wide = u128::from(*element) << (at % 64);
        flat[at as usize / 64] |= wide as u64;
        if at % 64 + ty.width > 64 {
            flat[at as usize / 64 + 1] |= (wide >> 64) as u64;
        }
    }
    flat
}

/// The elements of a flat pattern.
fn unpack(ty: Type, flat: &[u64]) -> impl Iterator<Item = u64> {
    (0..ty.bits()).step_by(ty.width as usize).map(move |at| {
        let word = at as usize / 64;
        let high = flat.get(word + 1).copied().unwrap_or(0);
        let wide = (u128::from(high) << 64 | u128::from(flat[word])) >> (at % 64);
        wide as u64 & (u64::MAX >> (64 - ty.width.min(64)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_any_width() {
        for width in [1, 7, 32, 33, 63, 64] {
            let ty = Type::unsigned(width).times(5);
            let elements: Vec<u64> =
                (1..6u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - width)).collect();
            let flat = pack(ty, &elements);
            assert!((0..ty.bits()).all(|bit| {
                let expected = elements[(bit / width) as usize] >> (bit % width) & 1;
                flat[(bit / 64) as usize] >> (bit % 64) & 1 == expected
            }));
            assert_eq!(unpack(ty, &flat).collect::<Vec<_>>(), elements);
        }
    }
}
