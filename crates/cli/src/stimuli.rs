//! Recorded stimuli: inputs and outputs of every cycle, which any engine can replay.
//!
//! The compiled simulator is the recorder, and what it gives is held against the bit-accurate reference before it is
//! used for anything.

use crate::accelerate;
use crate::packing::{jobs, scale};
use crate::target::{Kind, Target};
use crate::unit::Unit;
use anyhow::{Result, bail, ensure};
use arith::operator::Case;
use attention::config::{DesignConfig, EngineConfig};
use attention::datapath::Step;
use attention::merge::random_state;
use attention::simulate::{Block, KeyRow, Query, Recording, Stalls, record};
use attention::{EngineSpec, Workload};
use hdl::{Design, Direction};
use numerics::stratified::{Rng, corner};
use sim::{Engine, Program, ProgramEngine, Trace};

/// Pauses on every port of a testbench, per cycle.
const PAUSES: f64 = 0.15;
/// Keys and values that a testbench's vectors keep of the workload.
const VECTOR_KEYS: usize = 32;
/// Random operands that a testbench's vectors keep of a unit's workload.
const VECTOR_CASES: usize = 1000;

/// What was recorded, and how much of it there is.
pub struct Recorded {
    /// Inputs and outputs.
    pub recording: Recording,
    /// Results that agree with the reference.
    pub results: usize,
}

/// Vectors of the design's own workload for its testbench: of an engine, one full block of queries and a partial one
/// over the first keys, with pauses on every port.
pub fn vectors(target: &Target) -> Result<Recorded> {
    match (&target.kind, &target.config.design) {
        (Kind::Engine(spec), DesignConfig::Engine(config)) => {
            let seed = config.workload.seed;
            record_engine(target, spec, &workload_blocks(target, spec, config), PAUSES, seed)
        }
        (Kind::Unit(unit), DesignConfig::Unit(config)) => {
            let count = unit.directed() + config.stimuli.min(VECTOR_CASES);
            let cases: Vec<Case> = unit.cases(config.seed).take(count).collect();
            record_unit(&target.design, unit, &cases)
        }
        (Kind::Accelerator(spec), DesignConfig::Accelerator(config)) => {
            accelerate::recorded(target, spec, config, 1, PAUSES)
        }
        _ => unreachable!("a target is of the kind of its configuration"),
    }
}

/// Random stimuli: partial blocks, inactive queries, masks and pauses for an engine, operands for a unit. `amount` is
/// the number of blocks, or of hundreds of cases.
pub fn random(target: &Target, amount: usize, seed: u64) -> Result<Recorded> {
    match &target.kind {
        Kind::Engine(spec) => {
            let mut rng = Rng::new(seed);
            let blocks: Vec<Block> = (0..amount).map(|_| random_block(spec, &mut rng)).collect();
            record_engine(target, spec, &blocks, 0.25, seed)
        }
        Kind::Unit(unit) => {
            let cases: Vec<Case> = unit.cases(seed).take(unit.directed() + 100 * amount).collect();
            record_unit(&target.design, unit, &cases)
        }
        Kind::Accelerator(spec) => {
            let DesignConfig::Accelerator(config) = &target.config.design else {
                unreachable!("a target is of the kind of its configuration")
            };
            accelerate::recorded(target, spec, config, amount, 0.25)
        }
    }
}

/// The first queries and keys of the workload's first head.
fn workload_blocks(target: &Target, spec: &EngineSpec, config: &EngineConfig) -> Vec<Block> {
    let block = spec.block() as usize;
    let mut workload = Workload::generate(config).limit(Some(1), Some(block + block.div_ceil(2)));
    for head in &mut workload.heads {
        let kept = head.keys(workload.head_dim).min(VECTOR_KEYS) * workload.head_dim;
        head.k.truncate(kept);
        head.v.truncate(kept);
    }
    let quantized = workload.quantize(config.format.input, &target.policy());
    jobs(spec, &quantized).iter().flat_map(|job| job.blocks(spec, &quantized)).collect()
}

fn record_engine(
    target: &Target,
    spec: &EngineSpec,
    blocks: &[Block],
    pauses: f64,
    seed: u64,
) -> Result<Recorded> {
    let program = Program::compile(&target.design)?;
    let stalls = Stalls { q: pauses, kv: pauses, o: pauses, i: pauses, seed };
    let (outcome, recording) = record(spec, &program, blocks, scale(spec), stalls)?;
    let expected: Vec<_> = blocks.iter().flat_map(|b| b.reference(spec, scale(spec))).collect();
    let wrong = expected.iter().zip(&outcome.rows).position(|(e, f)| e != f);
    if let Some(row) = wrong {
        bail!("{}: result row {row} of the simulation differs from the functional model", spec.name);
    }
    ensure!(expected.len() == outcome.rows.len(), "{}: result rows are missing", spec.name);
    Ok(Recorded { recording, results: expected.len() })
}

/// One case per cycle, then as many cycles as the last one takes, held against the reference.
pub fn record_unit(design: &Design, unit: &Unit, cases: &[Case]) -> Result<Recorded> {
    let reference = |case: &Case| unit.operator.reference(&unit.params, case);
    let step = |case: &Case| Step { inputs: case.clone(), outputs: reference(case) };
    let recording = record_steps(design, &cases.iter().map(step).collect::<Vec<_>>())?;
    Ok(Recorded { recording, results: cases.len() })
}

/// One step per cycle, each input and output in the cycle of its port, held against what the steps say. Inputs keep
/// their last values while the last step is on its way.
pub fn record_steps(design: &Design, steps: &[Step]) -> Result<Recording> {
    let mut inputs = Trace::new(design, Direction::Input);
    inputs.cycles = steps.len() + design.top().latency() as usize;
    for (i, ((_, port), trace)) in design.top().inputs().zip(&mut inputs.ports).enumerate() {
        let at = |cycle: usize| cycle.saturating_sub(port.cycle as usize).min(steps.len() - 1);
        trace.values =
            (0..inputs.cycles).flat_map(|cycle| steps[at(cycle)].inputs[i].iter().copied()).collect();
    }
    let outputs = ProgramEngine::default().run(design, &inputs)?;
    for (at, step) in steps.iter().enumerate() {
        let mut left = step.outputs.as_slice();
        for ((_, port), trace) in design.top().outputs().zip(&outputs.ports) {
            let (expected, others) = left.split_at(port.ty.count as usize);
            left = others;
            let found = trace.at(at + port.cycle as usize);
            ensure!(
                found == expected,
                "{}: {} = {found:x?} in the simulation, {expected:x?} by the reference, for {:x?}",
                design.top().name,
                port.name,
                step.inputs
            );
        }
    }
    Ok(Recording { inputs, outputs })
}

/// A block with everything that can happen: partial, inactive queries, keys masked for all or some queries.
fn random_block(spec: &EngineSpec, rng: &mut Rng) -> Block {
    let size = u64::from(spec.block());
    let queries = if rng.below(3) == 0 { 1 + rng.below(size) } else { size };
    let density = [0.0, 0.3, 0.9, 1.0][rng.below(4) as usize];
    let spread = [0.3, 1.0, 4.0][rng.below(3) as usize];
    let with_states = spec.initial && rng.below(4) > 0;
    let mut query = || Query {
        row: random_row(spec, rng, spread),
        active: rng.below(8) > 0,
        initial: if with_states { random_state(spec, rng) } else { None },
    };
    let queries = (0..queries).map(|_| query()).collect();
    let keys = (0..1 + rng.below(12))
        .map(|_| KeyRow {
            k: random_row(spec, rng, spread),
            v: random_row(spec, rng, 1.0),
            meets: (0..size).map(|_| rng.unit() < density).collect(),
        })
        .collect();
    Block { queries, keys }
}

/// Roughly normal numbers, among them the edges of the format.
pub fn random_row(spec: &EngineSpec, rng: &mut Rng, spread: f64) -> Vec<u64> {
    let format = spec.dot.operand;
    let element = |rng: &mut Rng| match rng.below(16) {
        0 | 1 => corner(format, rng),
        _ => {
            let normal = (0..6).map(|_| rng.unit()).sum::<f64>() - 3.0;
            format.encode(normal * spread, &spec.policy)
        }
    };
    (0..spec.head_dim).map(|_| element(rng)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{embedded_names, load_embedded};
    use attention::datapath::Datapath;

    #[test]
    fn every_datapath_does_what_its_kernel_says() {
        let mut rng = Rng::new(3);
        let mut checked = 0;
        for config in embedded_names().map(|name| load_embedded(name).unwrap()) {
            let Target { kind: Kind::Engine(spec), config, .. } = Target::new(config).unwrap() else {
                continue;
            };
            let small = EngineSpec { head_dim: 6, result_elements: 2, lanes: 2, ..spec };
            let datapath = Datapath::new(&small);
            for timing in [None, config.clock.timing] {
                let design = datapath.elaborate(timing, config.reset).unwrap();
                let blocks: Vec<Block> = (0..6).map(|_| random_block(&small, &mut rng)).collect();
                let steps = datapath.steps(&blocks, scale(&small));
                if !steps.is_empty() {
                    checked += record_steps(&design, &steps).unwrap().inputs.cycles;
                }
            }
        }
        assert!(checked > 1000, "{checked} cycles");
    }
}
