//! Where the area is: the modules of a design that was mapped module by module, gathered by what they are for.

use super::results::PartArea;
use crate::scope;
use flow::report::ModuleArea;
use hdl::verilog::identifier;
use hdl::{Design, ModuleId};
use std::collections::HashMap;

/// What the parts are called, in the order in which they are shown.
pub const PARTS: [&str; 6] = [DOT, SCALAR, ELEMENTS, DIVISION, CONVERT, STORAGE];

const DOT: &str = "dot product";
const SCALAR: &str = "scalar step";
const ELEMENTS: &str = "elements";
const DIVISION: &str = "division";
const CONVERT: &str = "conversion";
const STORAGE: &str = "storage and pipeline";

/// What an instance is for, by the beginning of its name or that of its kind; everything in it is for the same.
const INSTANCES: [(&str, &str); 5] = [
    ("dot", DOT),
    ("element", ELEMENTS),
    ("normalize", DIVISION),
    ("recip", DIVISION),
    ("inverse", DIVISION),
];
const KINDS: [(&str, &str); 7] = [
    ("result_quotient", DIVISION),
    ("result_convert", CONVERT),
    ("result_from_anchor", CONVERT),
    ("align_", CONVERT),
    ("q_loader", STORAGE),
    ("sequencer", STORAGE),
    ("drain", STORAGE),
];

/// The parts of a design with their areas, those that it has; `design` is the part `scope` of the whole.
pub fn parts(design: &Design, scope: &str, areas: &[ModuleArea]) -> Vec<PartArea> {
    let by_name = areas.iter().map(|row| (row.module.as_str(), row)).collect();
    let mut walk = Walk { design, areas: by_name, sums: vec![[0.0; 2]; PARTS.len()] };
    walk.module(design.top, if scope == scope::ELEMENT { ELEMENTS } else { STORAGE }, 1.0);
    let sums = PARTS.iter().zip(&walk.sums).filter(|(_, sum)| sum.iter().sum::<f64>() > 0.0);
    let part = |(part, [logic_um2, register_um2]): (&&str, &[f64; 2])| PartArea {
        part: part.to_string(),
        logic_um2: *logic_um2,
        register_um2: *register_um2,
    };
    sums.map(part).collect()
}

struct Walk<'a> {
    design: &'a Design,
    areas: HashMap<&'a str, &'a ModuleArea>,
    /// Logic and registers of each part.
    sums: Vec<[f64; 2]>,
}

impl Walk<'_> {
    fn module(&mut self, id: ModuleId, part: &'static str, copies: f64) {
        let module = self.design.module(id);
        // A module that is all wires has no row.
        if let Some(row) = self.areas.get(identifier(&module.name).as_str()) {
            let place = PARTS.iter().position(|p| *p == part).expect("parts are listed");
            self.sums[place][0] += copies * (row.each.um2 - row.each.flop_um2);
            self.sums[place][1] += copies * row.each.flop_um2;
        }
        for instance in &module.instances {
            let kind = &self.design.module(instance.module).name;
            let inside = if part == STORAGE { part_of(&instance.name, kind) } else { part };
            self.module(instance.module, inside, copies * f64::from(instance.count));
        }
    }
}

/// What an instance in a lane, or around lanes, is for: one of the scalar step, if nothing else.
fn part_of(instance: &str, kind: &str) -> &'static str {
    let row = kind.starts_with("result_row");
    let lane = row || instance == scope::LANE;
    let found = INSTANCES.iter().find(|(name, _)| instance.starts_with(name));
    let found = found.or_else(|| KINDS.iter().find(|(name, _)| kind.starts_with(name)));
    found.map_or(if lane { STORAGE } else { SCALAR }, |(_, part)| part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::load_embedded;
    use crate::target::Target;
    use flow::report::Area;

    /// The part of every kind of a design, told apart by an area of its own.
    fn part_of_kind(config: &str, scope: &str, kind: &str) -> Vec<PartArea> {
        let target = Target::new(load_embedded(config).unwrap()).unwrap();
        let design = scope::part(&target, scope).unwrap().design;
        let found = design.modules.iter().find(|m| m.name.starts_with(kind));
        let module = identifier(&found.unwrap_or_else(|| panic!("{config} has no {kind}")).name);
        let each = Area { um2: 3.0, flop_um2: 1.0, ..Area::default() };
        parts(&design, scope, &[ModuleArea { module, copies: 0, each, total_um2: 0.0 }])
    }

    #[test]
    fn modules_count_to_what_they_are_for() {
        for (config, scope, kind, part) in [
            ("fa2_bf16_d64", "lane", "dot_term", DOT),
            ("fa2_bf16_d64", "lane", "exp_pwl", SCALAR),
            ("fa2_bf16_d64", "lane", "fa2_element", ELEMENTS),
            ("fa2_bf16_d64", "lane", "normalize", DIVISION),
            ("fa2_bf16_d64", "lane", "recip", DIVISION),
            ("fa2_bf16_d64", "engine", "fa2_bf16_d64_lane", STORAGE),
            ("fa2_bf16_d64", "element", "fp_add", ELEMENTS),
            ("fa2_bf16_d64", "engine", "sequencer", STORAGE),
            ("flash_d_bf16_d64", "lane", "sigmoid", SCALAR),
            ("flash_d_lse_mid_bf16_d64", "lane", "lse_gain", SCALAR),
            ("flash_d_lse_mid_bf16_d64", "engine", "align_", CONVERT),
            ("flash_d_lse_mid_bf16_d64", "engine", "result_from_anchor", CONVERT),
            ("flash_d_lse_mid_bf16_d64", "engine", "result_row", STORAGE),
            ("fa2_bf16_d64", "datapath", "normalize", DIVISION),
            ("flash_d_lse_mid_bf16_d64", "datapath", "lse_element", ELEMENTS),
        ] {
            let found = part_of_kind(config, scope, kind);
            assert_eq!(found.iter().map(|p| p.part.as_str()).collect::<Vec<_>>(), [part], "{config} {kind}");
            assert_eq!(found[0].logic_um2, 2.0 * found[0].register_um2);
        }
        // An adder of fa2 is in every element, ℓ's included; each copy counts.
        assert_eq!(part_of_kind("fa2_bf16_d64", "lane", "fa2_element")[0].register_um2, 65.0);
    }
}
