//! Area and power of an accelerator by what they are for.

use crate::show::{grouped, percent, table};
use flow::power::{Power, Split};
use flow::report::{Area, ModuleArea};
use hdl::{Design, ModuleId, verilog};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What part of an accelerator something belongs to, in the order of printing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Purpose {
    /// Query lanes: dot products, state, queries.
    Lanes,
    /// What is around the lanes in the engine: sequencer, rows on their way, results.
    Engine,
    /// Tile buffers, macros aside.
    Buffers,
    /// Memories in macros.
    Macros,
    /// Registers, job control, the walk over blocks and keys.
    Control,
    /// Buses, addresses, rows from and to beats.
    Interface,
    /// The clock's net at the port, with all pins on it.
    Clock,
}

/// Instances that begin a part; what is in them belongs to it unless it begins one itself.
const BEGINS: [(&str, Purpose); 9] = [
    ("engine", Purpose::Engine),
    ("lane", Purpose::Lanes),
    ("tiles", Purpose::Buffers),
    ("registers", Purpose::Control),
    ("job", Purpose::Control),
    ("keys", Purpose::Control),
    ("query_feed", Purpose::Control),
    ("compute_blocks", Purpose::Control),
    ("progress", Purpose::Control),
];

/// A part.
#[derive(Serialize)]
pub struct Share {
    purpose: Purpose,
    um2: f64,
    #[serde(flatten)]
    power: Option<Split>,
}

/// The parts of an accelerator, from the own areas of its module kinds, and its power where that is known.
pub fn shares(design: &Design, modules: &[ModuleArea], power: Option<&Power>) -> Vec<Share> {
    let own: BTreeMap<&str, Area> = modules.iter().map(|m| (m.module.as_str(), m.each)).collect();
    let mut areas = BTreeMap::new();
    add(design, design.top, Purpose::Interface, 1.0, &own, &mut areas);
    let powers = power.map(split).unwrap_or_default();
    let purposes: BTreeSet<Purpose> = areas.keys().chain(powers.keys()).copied().collect();
    let share = |purpose| Share {
        purpose,
        um2: areas.get(&purpose).copied().unwrap_or(0.0),
        power: power.map(|_| powers.get(&purpose).copied().unwrap_or_default()),
    };
    purposes.into_iter().map(share).collect()
}

/// Power by the instances on the way to the cells that spend it.
fn split(power: &Power) -> BTreeMap<Purpose, Split> {
    let clock = Split { clock_mw: power.clock_net_mw, ..Split::default() };
    let mut sums = BTreeMap::from([(Purpose::Clock, clock)]);
    for module in &power.modules {
        let inside = module.path.rsplit('.').find_map(|part| begun(part.strip_prefix("u_")?));
        sums.entry(inside.unwrap_or(Purpose::Interface)).or_default().add(&module.power);
    }
    // It is among what belongs to the top.
    sums.entry(Purpose::Interface).or_default().clock_mw -= power.clock_net_mw;
    sums
}

/// The part that an instance of this name begins.
fn begun(instance: &str) -> Option<Purpose> {
    BEGINS.iter().find(|(name, _)| *name == instance).map(|(_, purpose)| *purpose)
}

fn add(
    design: &Design,
    at: ModuleId,
    purpose: Purpose,
    copies: f64,
    own: &BTreeMap<&str, Area>,
    sums: &mut BTreeMap<Purpose, f64>,
) {
    let module = design.module(at);
    let area = own.get(&*verilog::identifier(&module.name)).copied().unwrap_or_default();
    *sums.entry(purpose).or_default() += copies * (area.um2 - area.macro_um2);
    if area.macros > 0 {
        *sums.entry(Purpose::Macros).or_default() += copies * area.macro_um2;
    }
    for instance in &module.instances {
        let purpose = begun(&instance.name).unwrap_or(purpose);
        add(design, instance.module, purpose, copies * f64::from(instance.count), own, sums);
    }
}

/// The parts as a table.
pub fn text(shares: &[Share]) -> String {
    let area: f64 = shares.iter().map(|share| share.um2).sum();
    let total: f64 = shares.iter().filter_map(|share| Some(share.power?.total_mw())).sum();
    let row = |share: &Share| {
        let name = match share.purpose {
            Purpose::Lanes => "lanes",
            Purpose::Engine => "rest of the engine",
            Purpose::Buffers => "tile buffers",
            Purpose::Macros => "macros",
            Purpose::Control => "control",
            Purpose::Interface => "interface",
            Purpose::Clock => "clock net",
        };
        let area = [name.into(), grouped(share.um2.round() as u64), percent(share.um2 / area)];
        let power = share.power.map(|power| {
            let Split { clock_mw, registers_mw, combinational_mw, leakage_mw, .. } = power;
            let milliwatts = [clock_mw, registers_mw, combinational_mw, leakage_mw, power.total_mw()];
            let mut cells: Vec<String> = milliwatts.iter().map(|mw| format!("{mw:.3}")).collect();
            cells.push(percent(power.total_mw() / total));
            cells
        });
        area.into_iter().chain(power.into_iter().flatten()).collect()
    };
    let mut columns = vec!["part of the accelerator", ">µm²", ">share"];
    if shares.iter().any(|share| share.power.is_some()) {
        columns.extend([">clock mW", ">registers", ">logic", ">leakage", ">sum", ">share"]);
    }
    let rows = table(&columns, shares.iter().map(row));
    rows.lines().map(|line| format!("  {line}\n")).collect()
}
