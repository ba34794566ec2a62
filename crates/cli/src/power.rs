//! Power of a netlist: it is run on a workload, and held against the graph bit for bit.

use crate::accelerate::excerpt::Excerpt;
use crate::boundary::record_part;
use crate::command::simulate::{WorkloadArgs, quantized};
use crate::packing::{jobs, scale};
use crate::scope::{Origin, Part};
use crate::show::{grouped, pairs, percent, table};
use crate::stimuli::{record_steps, record_unit};
use crate::target::{Kind, Target};
use crate::unit::Unit;
use anyhow::{Result, bail, ensure};
use arith::operator::Case;
use attention::config::{DesignConfig, UnitConfig};
use attention::datapath::Datapath;
use attention::simulate::{Block, Recorder, Recording, Stalls, run};
use attention::{EngineSpec, Workload};
use flow::activity::{self, Activity, Check};
use flow::power::{CrossCheck, Mapped, Power, Split};
use flow::{Library, Report};
use hdl::{Design, ModuleId};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sim::{Program, Simulator};
use std::num::NonZeroU32;
use std::time::Duration;

/// Stimuli side by side: bits of a word.
const LANES: usize = 64;
/// Blocks of queries that a recording of an engine works through, the next one loading while the last one drains.
const BLOCKS: usize = 2;
/// Operands of each recording of a unit.
const CASES: usize = 256;
/// Chance that an input bit toggles in a cycle, where there is no workload.
const VECTORLESS_RATE: f64 = 0.1;
/// Cycles without workload.
const VECTORLESS_CYCLES: usize = 256;

/// Whether and from what activity power is computed.
#[derive(clap::Args)]
pub struct PowerArgs {
    /// Compute power, from the activity of the netlist on the workload
    #[arg(long)]
    power: bool,
    /// Compute power from random inputs instead, each bit toggling in a tenth of the cycles: says little of the workload
    #[arg(long, conflicts_with = "power")]
    vectorless: bool,
    /// Key rows of each head that the netlist is run on
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    keys: u32,
    /// Count the activity in one of N cycles only, chosen at random; all of them are run and compared
    #[arg(long, value_name = "N", default_value_t = NonZeroU32::MIN)]
    sample: NonZeroU32,
    #[command(flatten)]
    workload: WorkloadArgs,
}

/// What drives the inputs of a netlist.
pub enum Drive<'a> {
    /// The first `keys` key rows of each head of some tensors; a unit takes its random operands instead.
    Workload {
        /// The tensors for a design.
        tensors: Tensors<'a>,
        /// Key rows of a head.
        keys: u32,
        /// One of so many cycles is counted.
        sample: NonZeroU32,
    },
    /// Random bits.
    Random,
}

/// The tensors that a design is run on.
pub type Tensors<'a> = Box<dyn Fn(&Target) -> Result<Workload> + Sync + 'a>;

/// Power and the work that was done with it.
#[derive(Clone, Serialize, Deserialize)]
pub struct PowerReport {
    /// The figures.
    #[serde(flatten)]
    pub power: Power,
    /// Whether the outputs of the netlist were compared with the graph's; they agree, or there is no report.
    pub bit_exact: bool,
    /// Recordings that were replayed.
    pub recordings: u64,
    /// What `work` counts: steps of a query with a key, or operations of a unit.
    pub unit_of_work: String,
    /// How much of it was done; of a part of an engine, by all of its copies.
    pub work: u64,
    /// Energy of one of it, in all copies of a part, in picojoule.
    pub energy_pj: f64,
    /// Power at rest, when all inputs stay 0 after the reset: what clock gating leaves of the clock, and leakage.
    pub idle_mw: f64,
    /// The same power by a newer OpenSTA, where one is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_check: Option<CrossCheck>,
}

/// Parts that the printed table shows.
const SHOWN: usize = 10;

impl PowerReport {
    /// The power of some work under the activity that was counted.
    fn new(
        [power, idle]: [Power; 2],
        activity: &Activity,
        work: u64,
        unit: &str,
        bit_exact: bool,
    ) -> PowerReport {
        let (energy_pj, idle_mw) = (power.energy_pj(work), idle.total_mw);
        let (recordings, unit_of_work) = (activity.stimuli, unit.to_string());
        let cross_check = None;
        PowerReport { power, bit_exact, recordings, unit_of_work, work, energy_pj, idle_mw, cross_check }
    }

    /// The same, held against what a newer OpenSTA finds, if there is one.
    fn checked(self, mapped: &Mapped, activity: &Activity) -> PowerReport {
        let cross_check = mapped.cross_check(activity, &self.power);
        PowerReport { cross_check, ..self }
    }

    /// What people read.
    pub fn text(&self) -> String {
        let Power { split, mhz, volts, total_mw, .. } = &self.power;
        let of = |mw: f64| format!("{mw:.3} mW, {}", percent(mw / total_mw));
        let counted = match self.power.counted_cycles {
            n if (1..self.power.cycles).contains(&n) => format!("; counted in {} of the cycles", grouped(n)),
            _ => String::new(),
        };
        let compared = match self.bit_exact {
            true => format!("netlist and graph agree bit for bit in {} recordings", self.recordings),
            false => "not compared with the graph".to_string(),
        };
        let without = if self.power.macros > 0 { "glitches, wires and macros" } else { "glitches and wires" };
        let mut rows = vec![
            ("power", format!("{total_mw:.3} mW at {mhz:.0} MHz, {volts} V; {without} not included")),
            ("clock", of(split.clock_mw)),
            ("registers", of(split.registers_mw)),
            ("logic", of(split.combinational_mw)),
            ("leakage", of(split.leakage_mw)),
            ("idle", format!("{} when no input moves", of(self.idle_mw))),
            ("energy", format!("{:.3} pJ per {}", self.energy_pj, self.unit_of_work)),
            (
                "activity",
                format!(
                    "{}; {:.3} toggles per net and cycle{counted}",
                    self.power.activity, self.power.toggle_rate
                ),
            ),
            ("netlist", format!("{compared}, {} cycles", grouped(self.power.cycles))),
        ];
        if self.power.macros > 0 {
            let (mw, macros) = (of(split.macros_mw), grouped(self.power.macros as u64));
            rows.insert(
                4,
                ("macros", format!("{mw} on the nets that {macros} of them drive, nothing inside")),
            );
        }
        let cross_check = self.cross_check.as_ref().map(compared_with_opensta);
        rows.extend(cross_check.as_deref().map(|text| ("cross-check", text.to_string())));
        format!("\n{}\n{}", pairs(&rows), self.parts())
    }

    /// Where the power goes.
    fn parts(&self) -> String {
        let row = |m: &flow::power::ModulePower| {
            let name = if m.path.is_empty() { "(top)".to_string() } else { m.path.clone() };
            let Split { clock_mw, registers_mw, combinational_mw, .. } = m.power;
            let total = m.power.total_mw();
            let figures = [clock_mw, registers_mw, combinational_mw, total].map(|mw| format!("{mw:.3}"));
            [
                vec![name, grouped(m.cells as u64)],
                figures.to_vec(),
                vec![percent(total / self.power.total_mw)],
            ]
            .concat()
        };
        let columns = ["own power", ">cells", ">clock mW", ">registers", ">logic", ">sum", ">share"];
        let rows = self.power.modules.iter().take(SHOWN).map(row);
        table(&columns, rows).lines().map(|line| format!("  {line}\n")).collect()
    }
}

fn compared_with_opensta(found: &CrossCheck) -> String {
    match found {
        CrossCheck::Power { tool, total_mw, own_mw, unannotated_pins } => {
            let unknown = match unannotated_pins {
                0 => String::new(),
                n => format!("; {} pins without activity there", grouped(*n)),
            };
            let more = 100.0 * (total_mw / own_mw - 1.0);
            let same = "the clock's net at the port left out";
            format!(
                "{tool} finds {total_mw:.3} mW where this is {own_mw:.3} mW ({more:+.1} %), {same}{unknown}"
            )
        }
        CrossCheck::Failed { failed } => format!("none: {failed}"),
    }
}

impl PowerArgs {
    /// What drives the netlist, if power is asked for.
    pub fn drive(&self) -> Option<Drive<'_>> {
        let workload = || Drive::Workload {
            tensors: Box::new(|target| self.workload.tensors(target)),
            keys: self.keys,
            sample: self.sample,
        };
        if self.vectorless { Some(Drive::Random) } else { self.power.then(workload) }
    }
}

/// The power of what a synthesis left of a part of the design.
pub fn estimate(
    target: &Target,
    part: &Part,
    report: &Report,
    cells: &Library,
    timeout: Duration,
    drive: &Drive,
) -> Result<PowerReport> {
    let mapped = Mapped::of(report, cells, timeout)?;
    let mhz = 1e6 / report.period_ps;
    let figures = |activity: &Activity, source: &str| {
        flow::power::estimate(&mapped.netlist, &mapped.library, activity, &mapped.loads, mhz, source)
    };
    let reset = Some((part.design.reset.port(), !part.design.reset.active_low));
    let idle = figures(&activity::idle(&mapped.program, reset), "at rest");
    let Drive::Workload { tensors, keys, sample } = drive else {
        let activity = activity::random(&mapped.program, reset, VECTORLESS_RATE, VECTORLESS_CYCLES, 1);
        let source = format!("vectorless: random inputs, toggle rate {VECTORLESS_RATE}");
        return Ok(PowerReport::new(
            [figures(&activity, &source), idle],
            &activity,
            activity.cycles,
            "cycle",
            false,
        )
        .checked(&mapped, &activity));
    };
    let Recorded { recordings, work, unit_of_work, from, source } =
        record_work(target, part, tensors, *keys)?;
    let traces: Vec<_> = recordings.iter().map(|r| (&r.inputs, &r.outputs)).collect();
    let check = Check { from, sample: *sample, ..Check::default() };
    let activity = activity::replay(&mapped.program, &part.design, &traces, check)?;
    let report = PowerReport::new([figures(&activity, &source), idle], &activity, work, unit_of_work, true);
    Ok(report.checked(&mapped, &activity))
}

fn record_work(target: &Target, part: &Part, tensors: &Tensors, keys: u32) -> Result<Recorded> {
    match (&target.kind, &target.config.design) {
        (Kind::Engine(spec), _) => {
            let (source, blocks) = blocks(target, spec, tensors(target)?, keys as usize)?;
            let run = |blocks: &Vec<Block>, program: &Program, observe: &mut dyn FnMut(&Simulator)| {
                let mut simulator = program.simulator(1);
                let jobs = [blocks.clone()];
                let outcomes = run(spec, &mut simulator, &jobs, scale(spec), Stalls::default(), |pins| {
                    observe(pins.simulator);
                    Ok(())
                })?;
                Ok(outcomes.iter().map(|o| o.useful_steps).sum())
            };
            let recorded = match &part.origin {
                Origin::Whole => record_whole(&target.design, &blocks, run)?,
                Origin::Module(id) => record_inside(&target.design, *id, "o_valid", &blocks, run)?,
                Origin::Datapath(datapath) => record_datapath(&part.design, datapath, &blocks, scale(spec))?,
            };
            Ok(Recorded { source: format!("{source}, {keys} keys"), ..recorded })
        }
        (Kind::Unit(unit), DesignConfig::Unit(config)) => {
            ensure!(
                matches!(part.origin, Origin::Whole),
                "--power: of a unit only the whole can be run; use --scope {} or --vectorless",
                crate::scope::WHOLE
            );
            record_operands(&target.design, unit, config)
        }
        (Kind::Accelerator(spec), DesignConfig::Accelerator(config)) => {
            let workload = tensors(target)?;
            let source = format!("{}, {keys} keys", workload.source);
            let quantized = quantized(&workload, target)?;
            let excerpts = Excerpt::of(spec, config, &quantized, keys as usize, LANES)?;
            let run = |excerpt: &Excerpt, program: &Program, observe: &mut dyn FnMut(&Simulator)| {
                excerpt.run(spec, config, program, |simulator| {
                    observe(simulator);
                    Ok(())
                })
            };
            let recorded = match &part.origin {
                Origin::Module(id) => {
                    record_inside(&target.design, *id, Excerpt::valid(spec), &excerpts, run)?
                }
                _ => record_whole(&target.design, &excerpts, run)?,
            };
            Ok(Recorded { source, ..recorded })
        }
        _ => unreachable!("a target is of the kind of its configuration"),
    }
}

/// Pairs of blocks from all heads in turn, each with the first keys.
fn blocks(
    target: &Target,
    spec: &EngineSpec,
    workload: Workload,
    keys: usize,
) -> Result<(String, Vec<Vec<Block>>)> {
    let mut quantized = quantized(&workload, target)?;
    for head in &mut quantized.heads {
        let kept = (keys * quantized.head_dim).min(head.k.len());
        head.k.truncate(kept);
        head.v.truncate(kept);
    }
    let jobs = jobs(spec, &quantized);
    let heads = quantized.heads.len();
    let mut by_head: Vec<Vec<Vec<Block>>> = vec![vec![]; heads];
    for job in &jobs {
        let blocks = job.blocks(spec, &quantized);
        by_head[job.head].extend(blocks.chunks(BLOCKS).map(<[Block]>::to_vec));
    }
    let most = by_head.iter().map(Vec::len).max().unwrap_or(0);
    let turns = (0..most).flat_map(|i| by_head.iter().filter_map(move |head| head.get(i)));
    let blocks: Vec<Vec<Block>> = turns.take(LANES).cloned().collect();
    if blocks.is_empty() {
        bail!("--power: the workload has no queries");
    }
    Ok((workload.source, blocks))
}

struct Recorded {
    recordings: Vec<Recording>,
    work: u64,
    unit_of_work: &'static str,
    from: usize,
    source: String,
}

fn steps(recordings: Vec<Recording>, work: u64, from: usize) -> Recorded {
    Recorded { recordings, work, unit_of_work: "query-key pair", from, source: String::new() }
}

/// Every port in every cycle of some runs; `run` says how many steps one took.
fn record_whole<T: Sync>(
    design: &Design,
    runs: &[T],
    run: impl Fn(&T, &Program, &mut dyn FnMut(&Simulator)) -> Result<u64> + Sync,
) -> Result<Recorded> {
    let program = Program::compile(design)?;
    let record = |of: &T| -> Result<(Recording, u64)> {
        let mut recorder = Recorder::new(&program)?;
        let steps = run(of, &program, &mut |simulator| recorder.cycle(simulator))?;
        Ok((recorder.finish(), steps))
    };
    let recorded: Vec<(Recording, u64)> = runs.par_iter().map(record).collect::<Result<_>>()?;
    let work = recorded.iter().map(|(_, steps)| steps).sum();
    Ok(steps(recorded.into_iter().map(|(recording, _)| recording).collect(), work, 0))
}

/// What the copies of a part get to see in some runs. Outputs of a part are compared from the first result on, which
/// the port `valid` of the design tells, because what has no reset holds something else before.
fn record_inside<T>(
    design: &Design,
    id: ModuleId,
    valid: &str,
    runs: &[T],
    run: impl Fn(&T, &Program, &mut dyn FnMut(&Simulator)) -> Result<u64>,
) -> Result<Recorded> {
    let (mut recordings, mut work, mut from) = (vec![], 0.0, 0);
    for of in runs {
        let mut first_result = None;
        let (copies, steps) = record_part(design, id, |program, observe| {
            let (port, mut cycle) = (program.output(valid)?, 0);
            run(of, program, &mut |simulator| {
                if simulator.get1(port, 0) == 1 {
                    first_result.get_or_insert(cycle);
                }
                cycle += 1;
                observe(simulator);
            })
        })?;
        ensure!(!copies.is_empty(), "--power: {} is not in the design", design.module(id).name);
        from = from.max(first_result.unwrap_or(0));
        let room = LANES - recordings.len();
        work += steps as f64 * copies.len().min(room) as f64 / copies.len() as f64;
        recordings.extend(copies.into_iter().take(room));
        if recordings.len() == LANES {
            break;
        }
    }
    Ok(steps(recordings, work.round() as u64, from))
}

/// What a lane's datapath would meet in the engine, a query and a key in every cycle.
fn record_datapath(
    design: &Design,
    datapath: &Datapath,
    blocks: &[Vec<Block>],
    scale: Option<u64>,
) -> Result<Recorded> {
    let (mut recordings, mut work) = (vec![], 0);
    for blocks in blocks {
        let steps = datapath.steps(blocks, scale);
        work += steps.len() as u64;
        recordings.push(record_steps(design, &steps)?);
    }
    Ok(self::steps(recordings, work, 0))
}

/// Random operands, one per cycle.
fn record_operands(design: &Design, unit: &Unit, config: &UnitConfig) -> Result<Recorded> {
    let runs = config.stimuli.div_ceil(CASES).clamp(1, LANES);
    let cases: Vec<Case> = unit.cases(config.seed).skip(unit.directed()).take(runs * CASES).collect();
    let recordings: Vec<Recording> = cases
        .chunks(CASES)
        .map(|cases| Ok(record_unit(design, unit, cases)?.recording))
        .collect::<Result<_>>()?;
    let source = format!("{} random operands, one per cycle", cases.len());
    Ok(Recorded { recordings, work: cases.len() as u64, unit_of_work: "operation", from: 0, source })
}
