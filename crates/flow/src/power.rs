//! Power of a mapped netlist from counted activity.
//!
//! ```text
//!   switching   ½·C·V² per transition of a net                       C from OpenSTA, pins without wires
//!   internal    energy tables of the cells, by slew and load          states weighed by what was counted
//!   leakage     of each cell by its state                             states weighed by what was counted
//!   clock       C·V² per pulse of a clock net, energies of clock pins an ideal tree: the clock pins' capacitance only
//! ```
//!
//! Every condition (`when`) is counted in simulation, none is averaged, with two exceptions: conditions on the clock
//! hold half of the time, and where no input that an output's energy is related to has moved in the same cycle, the
//! tables of the output count alike. Of an output with several tables the one counts whose related pin moved; of those
//! of several moving pins, each by its share. Nets driven by input ports belong to whoever drives them and are left
//! out, the clock aside. Glitches are not simulated and not contained, nor is what macros spend inside: their files have
//! no figures for it that mean anything.

mod cross_check;
mod loads;
mod mapped;
mod modules;
mod saif;

pub use cross_check::{CrossCheck, cross_check};
pub use loads::{Loads, Timed};
pub use mapped::Mapped;
pub use saif::saif;

use crate::activity::{Activity, Meaning, Probe, probes};
use crate::liberty::{Cell, CellKind, Energy, Library, PinDirection};
use crate::netlist::Netlist;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Power by what it is spent on, in milliwatts.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Split {
    /// Clock nets, and what clock pins, clock gates and clock buffers spend at each pulse.
    pub clock_mw: f64,
    /// Flip-flops' data pins and outputs, and the nets they drive.
    pub registers_mw: f64,
    /// All other cells and the nets they drive.
    pub combinational_mw: f64,
    /// Nets that macros drive. What is spent inside of macros is not contained: open ones come without figures that
    /// mean anything.
    #[serde(default)]
    pub macros_mw: f64,
    /// Leakage of all cells.
    pub leakage_mw: f64,
}

impl Split {
    /// The sum.
    pub fn total_mw(&self) -> f64 {
        self.dynamic_mw() + self.leakage_mw
    }

    /// All but leakage.
    pub fn dynamic_mw(&self) -> f64 {
        self.clock_mw + self.registers_mw + self.combinational_mw + self.macros_mw
    }

    /// Adds that of something else.
    pub fn add(&mut self, other: &Split) {
        self.clock_mw += other.clock_mw;
        self.registers_mw += other.registers_mw;
        self.combinational_mw += other.combinational_mw;
        self.macros_mw += other.macros_mw;
        self.leakage_mw += other.leakage_mw;
    }
}

/// Power of a part of the design.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ModulePower {
    /// Path of instances, those of an array as one; empty for the top itself.
    pub path: String,
    /// Cells.
    pub cells: usize,
    /// What they spend, parts below left out.
    #[serde(flatten)]
    pub power: Split,
}

/// Power of a netlist.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Power {
    /// The sum, in milliwatts.
    pub total_mw: f64,
    /// What it is spent on.
    #[serde(flatten)]
    pub split: Split,
    /// Memories in macros: what they spend themselves is not contained.
    #[serde(default)]
    pub macros: usize,
    /// Part of the dynamic power that charges nets; the rest is spent inside cells.
    pub switching_mw: f64,
    /// What the clock's net at the port spends, clock pins included; behind gates are other nets.
    #[serde(default)]
    pub clock_net_mw: f64,
    /// Parts of the design, the largest first. Cells whose output has no name of its own count to the part that all of
    /// their readers share.
    pub modules: Vec<ModulePower>,
    /// Clock frequency, in megahertz.
    pub mhz: f64,
    /// Supply voltage, in volts.
    pub volts: f64,
    /// Where the activity comes from: a workload, or `vectorless`.
    pub activity: String,
    /// Simulated clock cycles, over all stimuli.
    pub cycles: u64,
    /// Those of them whose activity was counted.
    #[serde(default)]
    pub counted_cycles: u64,
    /// Transitions per data net and cycle.
    pub toggle_rate: f64,
    /// Where loads and slews come from.
    pub loads: String,
}

impl Power {
    /// Energy of one of `count` equal pieces of work that the counted cycles did, in picojoule.
    pub fn energy_pj(&self, count: u64) -> f64 {
        // mW × µs = nJ
        self.total_mw * (self.cycles as f64 / self.mhz) * 1e3 / count.max(1) as f64
    }
}

/// Power of the netlist under the activity that was counted on it, at a clock of `mhz`; `source` says where the
/// activity comes from.
///
/// # Panics
/// When `activity` or `loads` belong to another netlist.
pub fn estimate(
    netlist: &Netlist,
    library: &Library,
    activity: &Activity,
    loads: &Loads,
    mhz: f64,
    source: &str,
) -> Power {
    let sum =
        Sum { netlist, library, activity, loads, milliwatt_hertz: mhz * 1e9 / activity.cycles.max(1) as f64 };
    let (each, clock, switching_mw) = sum.instances();
    let paths = modules::paths(netlist, library);
    let mut parts: BTreeMap<&str, (usize, Split)> = BTreeMap::new();
    parts.entry("").or_default().1.add(&clock);
    for (path, split) in paths.iter().zip(&each) {
        let part = parts.entry(path).or_default();
        part.0 += 1;
        part.1.add(split);
    }
    let mut split = Split::default();
    parts.values().for_each(|(_, part)| split.add(part));
    let mut modules: Vec<ModulePower> = parts
        .into_iter()
        .map(|(path, (cells, power))| ModulePower { path: path.to_string(), cells, power })
        .collect();
    modules.sort_by(|a, b| b.power.total_mw().total_cmp(&a.power.total_mw()));
    Power {
        total_mw: split.total_mw(),
        split,
        macros: netlist.instances.iter().filter(|i| is_macro(&library.cells()[i.cell])).count(),
        switching_mw,
        clock_net_mw: clock.clock_mw,
        modules,
        mhz,
        volts: library.voltage,
        activity: source.to_string(),
        cycles: activity.simulated,
        counted_cycles: activity.cycles,
        toggle_rate: activity.toggle_rate(),
        loads: loads.source.clone(),
    }
}

fn is_macro(cell: &Cell) -> bool {
    matches!(cell.kind, CellKind::Memory(_))
}

struct Sum<'a> {
    netlist: &'a Netlist,
    library: &'a Library,
    activity: &'a Activity,
    loads: &'a Loads,
    /// Milliwatts of one joule spent over the counted cycles.
    milliwatt_hertz: f64,
}

impl Sum<'_> {
    /// Of every instance; of the clock net at the port; the part of it all that charges nets.
    fn instances(&self) -> (Vec<Split>, Split, f64) {
        let mut kinds: HashMap<usize, Vec<Probe>> = HashMap::new();
        let mut events = self.activity.events.as_slice();
        let (mut all, mut switching) = (Vec::with_capacity(self.netlist.instances.len()), 0.0);
        for (i, instance) in self.netlist.instances.iter().enumerate() {
            let cell = &self.library.cells()[instance.cell];
            let probes = kinds.entry(instance.cell).or_insert_with(|| probes(cell));
            let (own, rest) = events.split_at(probes.len());
            events = rest;
            let seen = Seen { cell, probes, counts: own };
            let mut split = self.internal(i, &seen);
            split.leakage_mw = seen.leakage(self.activity.cycles) * 1e3;
            for pin in cell.pins_of(PinDirection::Output) {
                let Some(net) = instance.pins[pin] else { continue };
                let milliwatt = self.charging(net as usize);
                *share(&mut split, cell, self.activity.is_clock[net as usize]) += milliwatt;
                switching += milliwatt;
            }
            all.push(split);
        }
        let ports = self.netlist.ports.iter().filter(|p| p.input).flat_map(|p| &p.bits);
        let roots = ports.filter(|net| self.activity.is_clock[**net as usize]);
        let clock_mw = roots.map(|net| self.charging(*net as usize)).sum();
        (all, Split { clock_mw, ..Split::default() }, switching + clock_mw)
    }

    /// Milliwatts of ½·C·V² per transition.
    fn charging(&self, net: usize) -> f64 {
        let joule = 0.5 * self.loads.nets[net] * self.library.voltage.powi(2);
        joule * self.activity.toggles[net] as f64 * self.milliwatt_hertz
    }

    /// What the tables say.
    fn internal(&self, i: usize, seen: &Seen<'_>) -> Split {
        let (instance, slews) = (&self.netlist.instances[i], &self.loads.slews[i]);
        let mut split = Split::default();
        for (pin, described) in seen.cell.pins.iter().enumerate() {
            let net = instance.pins[pin];
            let on_clock = net.is_some_and(|net| self.activity.is_clock[net as usize]);
            let load = net.map_or(0.0, |net| self.loads.nets[net as usize]);
            let joule = |energy: &Energy, rise: bool| match (energy.related, rise) {
                // Which way the related pin moves is not known: both.
                (Some(related), true) => energy.rise.at(mean(slews[related]), load),
                (Some(related), false) => energy.fall.at(mean(slews[related]), load),
                (None, true) => energy.rise.at(slews[pin][0], load),
                (None, false) => energy.fall.at(slews[pin][1], load),
            };
            let joules: f64 = [true, false]
                .map(|rise| {
                    let energies: Vec<f64> = described.energies.iter().map(|e| joule(e, rise)).collect();
                    seen.joules(pin, rise, &energies)
                })
                .iter()
                .sum();
            *share(&mut split, seen.cell, on_clock) += joules * self.milliwatt_hertz;
        }
        split
    }
}

/// Where the power of a pin belongs.
fn share<'s>(split: &'s mut Split, cell: &Cell, on_clock: bool) -> &'s mut f64 {
    match &cell.kind {
        _ if on_clock => &mut split.clock_mw,
        CellKind::ClockGate { .. } => &mut split.clock_mw,
        CellKind::FlipFlop(_) => &mut split.registers_mw,
        CellKind::Memory(_) => &mut split.macros_mw,
        _ => &mut split.combinational_mw,
    }
}

fn mean([rise, fall]: [f64; 2]) -> f64 {
    0.5 * (rise + fall)
}

/// What was counted at one instance.
struct Seen<'a> {
    cell: &'a Cell,
    probes: &'a [Probe],
    counts: &'a [u64],
}

impl Seen<'_> {
    fn count(&self, meaning: Meaning) -> f64 {
        let own = self.probes.iter().zip(self.counts).filter(|(probe, _)| probe.meaning == meaning);
        own.map(|(probe, count)| probe.weight * *count as f64).sum()
    }

    /// Average leakage in watts.
    fn leakage(&self, cycles: u64) -> f64 {
        let cycles = cycles.max(1) as f64;
        let entries = self.cell.leakage.iter().enumerate();
        let (watts, covered) = entries.fold((0.0, 0.0), |(watts, covered), (i, entry)| {
            let part = self.count(Meaning::Leakage(i)) / cycles;
            (watts + part * entry.watts, covered + part)
        });
        watts + f64::max(1.0 - covered, 0.0) * self.cell.default_leakage
    }

    /// Energy of all transitions of the pin in one direction, given those of each group. Groups of an input add up;
    /// of those of an output every transition takes one.
    fn joules(&self, pin: usize, rise: bool, energies: &[f64]) -> f64 {
        let counted = |group: usize| self.count(Meaning::Energy { pin, group, rise });
        let sum: f64 = energies.iter().enumerate().map(|(group, e)| counted(group) * e).sum();
        if energies.len() < 2 || self.cell.pins[pin].direction != PinDirection::Output {
            return sum;
        }
        let weights: f64 = (0..energies.len()).map(counted).sum();
        let transitions = self.count(Meaning::Transitions { pin, rise });
        let each =
            if weights > 0.0 { sum / weights } else { energies.iter().sum::<f64>() / energies.len() as f64 };
        transitions * each
    }
}
