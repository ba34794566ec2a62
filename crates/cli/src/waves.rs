//! Waveforms of a run.

use crate::accelerate::excerpt::Excerpt;
use crate::output::write_file;
use crate::packing::{jobs, scale};
use crate::progress::Progress;
use crate::stimuli::record_unit;
use crate::target::Target;
use crate::unit::Unit;
use anyhow::Result;
use attention::EngineSpec;
use attention::accelerator::AcceleratorSpec;
use attention::config::{AcceleratorConfig, UnitConfig};
use attention::simulate::{Stalls, run};
use attention::workload::Quantized;
use sim::{Observe, Program, Vcd};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// Blocks of queries, or hundreds of operands, that a file shows.
const SHOWN: usize = 2;
/// Keys of the job of an accelerator that a file shows.
const SHOWN_KEYS: usize = 64;
/// Clock period in the file of an untimed design, in picoseconds.
const ANY_PERIOD: f64 = 1000.0;

/// Writes the waves of the first blocks of an engine's workload.
pub fn engine(
    target: &Target,
    spec: &EngineSpec,
    workload: &Quantized,
    stalls: Stalls,
    path: &Path,
) -> Result<()> {
    let first = jobs(spec, workload).into_iter().next();
    let blocks: Vec<_> = first.iter().flat_map(|job| job.blocks(spec, workload)).take(SHOWN).collect();
    draw(target, path, |program, waves| {
        run(spec, &mut program.simulator(1), &[blocks], scale(spec), stalls, |pins| {
            Ok(waves.cycle(pins.simulator)?)
        })?;
        Ok(())
    })
}

/// Writes the waves of an accelerator's first job over some keys of its workload.
pub fn accelerator(
    target: &Target,
    spec: &AcceleratorSpec,
    config: &AcceleratorConfig,
    workload: &Quantized,
    path: &Path,
) -> Result<()> {
    let excerpts = Excerpt::of(spec, config, workload, SHOWN_KEYS, 1)?;
    draw(target, path, |program, waves| {
        for excerpt in &excerpts {
            excerpt.run(spec, config, program, |simulator| Ok(waves.cycle(simulator)?))?;
        }
        Ok(())
    })
}

/// Writes the waves of a unit's first cases.
pub fn unit(target: &Target, unit: &Unit, config: &UnitConfig, path: &Path) -> Result<()> {
    let cases: Vec<_> = unit.cases(config.seed).take(config.stimuli.min(100 * SHOWN)).collect();
    let inputs = record_unit(&target.design, unit, &cases)?.recording.inputs;
    draw(target, path, |program, waves| {
        let mut simulator = program.simulator(1);
        for cycle in 0..inputs.cycles {
            for port in &inputs.ports {
                let pin = program.input(&port.name)?;
                simulator.set(pin, 0, port.at(cycle));
            }
            simulator.step();
            waves.cycle(&simulator)?;
        }
        Ok(())
    })
}

type Waves = Vcd<BufWriter<File>>;

fn draw(target: &Target, path: &Path, run: impl FnOnce(&Program, &mut Waves) -> Result<()>) -> Result<()> {
    let _progress = Progress::spinner("writing waves");
    let program = Program::compile_observed(&target.design, Observe::All)?;
    let period = target.config.clock.timing.as_ref().map_or(ANY_PERIOD, |t| t.period_ps);
    write_file(path, |file| {
        let mut waves = Vcd::new(BufWriter::new(file), &program, 0, period.round() as u32)?;
        run(&program, &mut waves)?;
        Ok(waves.finish()?)
    })
}
