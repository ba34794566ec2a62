//! What goes in and out of a part of a design while the whole of it runs.

use anyhow::Result;
use attention::simulate::Recording;
use hdl::{Design, Direction, ModuleId};
use sim::{Observe, PortTrace, Program, Signal, Simulator, Trace};
use std::sync::Arc;

/// Instance names from the top down to an instance of a kind, arrays as one.
type Path = Vec<Arc<str>>;

/// One recording per copy of the kind `part`, of a run of `design`: `run` shows every settled cycle of a simulator of
/// the program it is given. The second result is the run's.
pub fn record_part<R>(
    design: &Design,
    part: ModuleId,
    run: impl FnOnce(&Program, &mut dyn FnMut(&Simulator)) -> Result<R>,
) -> Result<(Vec<Recording>, R)> {
    let mut paths = vec![];
    find(design, design.top, part, &mut vec![], &mut paths);
    let depth = paths.iter().map(Vec::len).max().unwrap_or(0);
    let program = Program::compile_observed(design, Observe::Depth(depth as u32))?;
    let mut taps: Vec<Tap<'_>> =
        paths.iter().flat_map(|path| Tap::copies(design, part, &program, path)).collect();
    let of_run = run(&program, &mut |simulator| taps.iter_mut().for_each(|tap| tap.cycle(simulator)))?;
    Ok((taps.into_iter().map(|tap| tap.recording).collect(), of_run))
}

fn find(design: &Design, at: ModuleId, part: ModuleId, path: &mut Path, found: &mut Vec<Path>) {
    for instance in &design.module(at).instances {
        path.push(instance.name.clone());
        if instance.module == part {
            found.push(path.clone());
        } else {
            find(design, instance.module, part, path, found);
        }
        path.pop();
    }
}

/// The ports of one copy.
struct Tap<'p> {
    inputs: Vec<&'p Signal>,
    outputs: Vec<&'p Signal>,
    copy: u32,
    recording: Recording,
}

impl<'p> Tap<'p> {
    fn copies(design: &Design, part: ModuleId, program: &'p Program, path: &Path) -> Vec<Tap<'p>> {
        let here = |s: &&Signal| s.scope.iter().map(|level| &level.name).eq(path.iter());
        let signals: Vec<&Signal> = program.signals().iter().filter(here).collect();
        let ports = |direction| {
            let ports = design.module(part).ports.iter().filter(move |p| p.direction == direction);
            ports.filter_map(|p| signals.iter().find(|s| s.name == p.name).copied()).collect::<Vec<_>>()
        };
        let (inputs, outputs) = (ports(Direction::Input), ports(Direction::Output));
        let copies = signals.first().map_or(0, |s| s.copies());
        let empty = |signals: &[&Signal]| {
            let port =
                |s: &&Signal| PortTrace { name: s.name.clone(), ty: s.ty, values: vec![], known: vec![] };
            Trace { cycles: 0, ports: signals.iter().map(port).collect() }
        };
        let tap = |copy| Tap {
            copy,
            recording: Recording { inputs: empty(&inputs), outputs: empty(&outputs) },
            inputs: inputs.clone(),
            outputs: outputs.clone(),
        };
        (0..copies).map(tap).collect()
    }

    fn cycle(&mut self, simulator: &Simulator) {
        let Tap { inputs, outputs, copy, recording } = self;
        for (signals, trace) in [(inputs, &mut recording.inputs), (outputs, &mut recording.outputs)] {
            for (signal, port) in signals.iter().zip(&mut trace.ports) {
                simulator.signal_into(signal, *copy, 0, &mut port.values);
            }
            trace.cycles += 1;
        }
    }
}
