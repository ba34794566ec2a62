//! The area of an accelerator by what it is for.

use crate::show::{grouped, percent, table};
use flow::report::ModuleArea;
use hdl::{Design, ModuleId, verilog};
use serde::Serialize;
use std::collections::BTreeMap;

/// What part of an accelerator something belongs to, in the order of printing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Purpose {
    /// Query lanes: dot products, state, queries.
    Lanes,
    /// What is around the lanes in the engine: sequencer, rows on their way, results.
    Engine,
    /// Tile buffers.
    Buffers,
    /// Registers, job control, the walk over blocks and keys.
    Control,
    /// Buses, addresses, rows from and to beats.
    Interface,
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

/// The area of a part.
#[derive(Serialize)]
pub struct Share {
    purpose: Purpose,
    um2: f64,
}

/// The parts of an accelerator, from the own areas of its module kinds.
pub fn shares(design: &Design, modules: &[ModuleArea]) -> Vec<Share> {
    let own: BTreeMap<&str, f64> = modules.iter().map(|m| (m.module.as_str(), m.each.um2)).collect();
    let mut sums = BTreeMap::new();
    add(design, design.top, Purpose::Interface, 1.0, &own, &mut sums);
    sums.into_iter().map(|(purpose, um2)| Share { purpose, um2 }).collect()
}

fn add(
    design: &Design,
    at: ModuleId,
    purpose: Purpose,
    copies: f64,
    own: &BTreeMap<&str, f64>,
    sums: &mut BTreeMap<Purpose, f64>,
) {
    let module = design.module(at);
    let area = own.get(&*verilog::identifier(&module.name)).copied().unwrap_or(0.0);
    *sums.entry(purpose).or_default() += copies * area;
    for instance in &module.instances {
        let begins = BEGINS.iter().find(|(name, _)| *name == &*instance.name);
        let purpose = begins.map_or(purpose, |(_, purpose)| *purpose);
        add(design, instance.module, purpose, copies * f64::from(instance.count), own, sums);
    }
}

/// The parts as a table.
pub fn text(shares: &[Share]) -> String {
    let total: f64 = shares.iter().map(|share| share.um2).sum();
    let row = |share: &Share| {
        let name = match share.purpose {
            Purpose::Lanes => "lanes",
            Purpose::Engine => "rest of the engine",
            Purpose::Buffers => "tile buffers",
            Purpose::Control => "control",
            Purpose::Interface => "interface",
        };
        vec![name.into(), grouped(share.um2.round() as u64), percent(share.um2 / total)]
    };
    let rows = table(&["part of the accelerator", ">µm²", ">share"], shares.iter().map(row));
    rows.lines().map(|line| format!("  {line}\n")).collect()
}
