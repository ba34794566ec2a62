//! What comes back from synthesis.

use crate::library::{Library, Source};
use crate::memory::Placed;
use crate::opensta::Timing;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Cells of modules by type; instances of other modules are among them.
pub(crate) type Modules = BTreeMap<String, BTreeMap<String, u64>>;

/// A design synthesised.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the design.
    pub design: String,
    /// The module that was the top.
    pub top: String,
    /// Name of the platform.
    pub platform: String,
    /// Library and corner.
    pub library: String,
    /// Clock period aimed at, ps.
    pub period_ps: f64,
    /// Whether every path meets it.
    pub met: bool,
    /// The netlist that was chosen.
    pub chosen: Attempt,
    /// Every netlist that was made.
    pub attempts: Vec<Attempt>,
    /// The fastest netlist that was found, if it was looked for.
    pub fastest: Option<Attempt>,
    /// Memories in macros.
    pub memories: Vec<Placed>,
    /// Where the area is, by module kind, largest first. With modules mapped one by one, so that the sum differs from
    /// the area of the netlist.
    pub breakdown: Vec<ModuleArea>,
    /// Sum of the breakdown, µm².
    pub breakdown_um2: f64,
    /// Registers whose clock is gated, in the chosen netlist.
    pub clock_gating: ClockGating,
    /// Whether the chosen netlist was mapped as one flat module, and not some modules once for all their copies.
    pub flattened: bool,
    /// The tools with their versions.
    pub tools: Vec<String>,
    /// What the reader should know about the tools and the memories.
    pub note: Option<String>,
    /// The Liberty files.
    pub liberty: Vec<Source>,
    /// The Liberty file that the tools read.
    pub prepared_liberty: PathBuf,
    /// The netlist.
    pub netlist: PathBuf,
    /// The timing constraints.
    pub constraints: PathBuf,
}

/// What of the registers is behind clock gates.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ClockGating {
    /// Clock gates.
    pub gates: u64,
    /// Flip-flops behind them.
    pub flops: u64,
    /// Why there are none: enables are multiplexers.
    pub off: Option<&'static str>,
}

/// A netlist with its figures.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// Name of the recipe.
    pub recipe: &'static str,
    /// Delay of paths that it was sized for, ps.
    pub target_ps: u32,
    /// Cells that were given more drive afterwards.
    pub resized: u64,
    /// Its size.
    pub area: Area,
    /// Its timing.
    pub timing: Timing,
    /// Wall-clock time of mapping and timing, s; of the earlier run if its result was taken.
    pub seconds: f64,
    /// Whether an earlier run's result was taken.
    pub cached: bool,
    /// Its folder.
    pub folder: PathBuf,
}

/// Size of a netlist or a module.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Area {
    /// Area of the cells, µm².
    pub um2: f64,
    /// The same in areas of a NAND of two inputs.
    pub nand2: f64,
    /// Cells.
    pub cells: u64,
    /// Cells that hold a bit.
    pub flops: u64,
    /// Area of those, µm².
    pub flop_um2: f64,
    /// Cells that are memories.
    pub macros: u64,
    /// Area of those, µm².
    pub macro_um2: f64,
}

/// Size of a module kind, without the modules in it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ModuleArea {
    /// Its name.
    pub module: String,
    /// Copies in the design.
    pub copies: u64,
    /// Size of one copy.
    pub each: Area,
    /// Area of all copies, µm².
    pub total_um2: f64,
}

impl Area {
    /// The size of counted cells; types that the library does not have are modules, and left out.
    pub(crate) fn of(cells: &BTreeMap<String, u64>, library: &Library) -> Area {
        let mut area = Area::default();
        for (count, cell) in cells.iter().filter_map(|(name, count)| Some((*count, library.cells.get(name)?)))
        {
            let um2 = count as f64 * cell.area;
            area.um2 += um2;
            area.cells += count;
            if cell.stores {
                area.flops += count;
                area.flop_um2 += um2;
            }
            if cell.is_macro {
                area.macros += count;
                area.macro_um2 += um2;
            }
        }
        area.nand2 = area.um2 / library.nand2_area();
        area
    }

    /// The size of copies.
    pub(crate) fn times(&self, copies: u64) -> Area {
        let factor = copies as f64;
        Area {
            um2: factor * self.um2,
            nand2: factor * self.nand2,
            cells: copies * self.cells,
            flops: copies * self.flops,
            flop_um2: factor * self.flop_um2,
            macros: copies * self.macros,
            macro_um2: factor * self.macro_um2,
        }
    }
}

impl std::iter::Sum for Area {
    fn sum<I: Iterator<Item = Area>>(areas: I) -> Area {
        areas.fold(Area::default(), |a, b| Area {
            um2: a.um2 + b.um2,
            nand2: a.nand2 + b.nand2,
            cells: a.cells + b.cells,
            flops: a.flops + b.flops,
            flop_um2: a.flop_um2 + b.flop_um2,
            macros: a.macros + b.macros,
            macro_um2: a.macro_um2 + b.macro_um2,
        })
    }
}

/// The modules of a netlist with their copies, largest total first.
pub(crate) fn breakdown(modules: &Modules, top: &str, library: &Library) -> Vec<ModuleArea> {
    let copies = copies(modules, top);
    let row = |(module, copies): (&str, u64)| {
        let each = Area::of(&modules[module], library);
        ModuleArea { module: module.into(), copies, each, total_um2: copies as f64 * each.um2 }
    };
    let mut rows: Vec<ModuleArea> = copies.into_iter().map(row).collect();
    rows.sort_by(|a, b| b.total_um2.total_cmp(&a.total_um2).then_with(|| a.module.cmp(&b.module)));
    rows
}

/// Copies of each module below the top, and of the top itself.
pub(crate) fn copies<'m>(modules: &'m Modules, top: &'m str) -> BTreeMap<&'m str, u64> {
    let mut copies = BTreeMap::new();
    count(modules, top, 1, &mut copies);
    copies
}

fn count<'m>(modules: &'m Modules, module: &'m str, times: u64, copies: &mut BTreeMap<&'m str, u64>) {
    *copies.entry(module).or_default() += times;
    for (name, instances) in modules[module].iter().filter(|(name, _)| modules.contains_key(*name)) {
        count(modules, name, times * instances, copies);
    }
}
