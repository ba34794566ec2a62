//! The part of a design that is synthesised.

use crate::package::constraints::Boundary;
use crate::target::{Kind, Target};
use anyhow::{Context, Result, bail};
use attention::Config;
use attention::datapath::Datapath;
use hdl::{Design, ModuleId, verilog};
use std::collections::BTreeSet;

/// What the whole design is called.
pub const WHOLE: &str = "engine";
/// A query lane.
pub const LANE: &str = "lane";
/// What a lane has one of per element of the accumulator row.
pub const ELEMENT: &str = "element";
/// The arithmetic of a lane, without what stores queries, states and rows.
const DATAPATH: &str = "datapath";
/// What there may be one of per element of an accumulator row, and is large: its step, and its division.
const REPEATED: [&str; 2] = [ELEMENT, "normalize"];

/// A part of a design, as a design of its own.
pub struct Part {
    /// Its hardware.
    pub design: Design,
    /// Where it is in the whole.
    pub origin: Origin,
}

/// Where a part comes from.
pub enum Origin {
    /// It is the whole.
    Whole,
    /// A module of it, with all copies.
    Module(ModuleId),
    /// The datapath of an engine's lanes, which no engine contains as a module.
    Datapath(Datapath),
}

impl Part {
    /// What is around it.
    pub fn boundary(&self, config: &Config) -> Boundary {
        match (&config.clock.timing, &self.origin) {
            (_, Origin::Whole) | (None, _) => Boundary::Outside,
            // What leaves a datapath is the state after the step, or a result.
            (Some(timing), Origin::Datapath(_)) => Boundary::Registered(timing.period_ps, timing.model.setup),
            (Some(timing), Origin::Module(_)) => Boundary::Within(timing.period_ps),
        }
    }
}

/// The part that a scope names: the whole design, a lane, the datapath of a lane, an element of a lane, or any module by
/// its name or the beginning of its name.
///
/// Errors list the modules.
pub fn part(target: &Target, scope: &str) -> Result<Part> {
    let design = &target.design;
    if scope == DATAPATH {
        let Kind::Engine(spec) = &target.kind else {
            bail!("--scope {scope}: only an engine has one, and {} is none", target.config.name)
        };
        let datapath = Datapath::new(spec);
        let elaborated = datapath.elaborate(target.config.clock.timing.clone(), target.config.reset);
        let design = elaborated.with_context(|| format!("--scope {scope}"))?;
        return Ok(Part { design, origin: Origin::Datapath(datapath) });
    }
    let id = module(target, scope)?;
    let origin = if id == design.top { Origin::Whole } else { Origin::Module(id) };
    Ok(Part { design: design.part(id), origin })
}

/// The module that a scope names.
fn module(target: &Target, scope: &str) -> Result<ModuleId> {
    let design = &target.design;
    if scope == WHOLE {
        return Ok(design.top);
    }
    let named: Vec<ModuleId> = match scope {
        LANE => instances(design, LANE),
        ELEMENT => instances(design, ELEMENT),
        _ => match design.find(scope) {
            Some(id) => vec![id],
            None => modules(design).filter(|id| design.module(*id).name.starts_with(scope)).collect(),
        },
    };
    match named[..] {
        [id] => Ok(id),
        [] => bail!(
            "--scope {scope}: {} has no such module; it has {}",
            target.config.name,
            names(design, modules(design))
        ),
        _ => bail!("--scope {scope}: several modules begin so: {}", names(design, named.into_iter())),
    }
}

/// The names in Verilog of those kinds of which a part has an array; none if it has no rows.
pub fn elements(part: &Design) -> Vec<String> {
    let all = part.modules.iter().flat_map(|module| &module.instances);
    let arrays = all.filter(|inst| inst.count > 1 && REPEATED.contains(&&*inst.name));
    let names: BTreeSet<String> =
        arrays.map(|inst| verilog::identifier(&part.module(inst.module).name)).collect();
    names.into_iter().collect()
}

fn modules(design: &Design) -> impl Iterator<Item = ModuleId> {
    (0..design.modules.len()).map(|i| ModuleId(i as u32))
}

/// The kinds that have instances of this name.
fn instances(design: &Design, name: &str) -> Vec<ModuleId> {
    let all = design.modules.iter().flat_map(|module| &module.instances);
    let kinds: BTreeSet<ModuleId> = all.filter(|inst| &*inst.name == name).map(|inst| inst.module).collect();
    kinds.into_iter().collect()
}

fn names(design: &Design, ids: impl Iterator<Item = ModuleId>) -> String {
    ids.map(|id| design.module(id).name.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{embedded_names, load, load_embedded};
    use attention::config::DesignConfig;

    #[test]
    fn every_engine_has_one_lane_and_one_element() {
        for name in embedded_names() {
            let config = load_embedded(name).unwrap();
            let is_engine = matches!(config.design, DesignConfig::Engine(_));
            let target = Target::new(config).unwrap();
            assert_eq!(module(&target, WHOLE).unwrap(), target.design.top);
            for scope in [LANE, ELEMENT, DATAPATH] {
                assert!(part(&target, scope).is_ok() || !is_engine, "{name} {scope}");
            }
        }
    }

    #[test]
    fn what_there_is_one_of_per_element_is_found() {
        let found = |name: &str, set: &[&str]| {
            let set: Vec<String> = set.iter().map(|s| s.to_string()).collect();
            let target = Target::new(load(name, &set).unwrap()).unwrap();
            elements(&target.design)
        };
        let [element, division] = &found("fa2_bf16_d64", &[])[..] else { panic!("two kinds") };
        assert!(division.starts_with("normalize_") && element.starts_with("fa2_element_"));
        assert_eq!(found("fa2_bf16_d64", &["kernel.normalize=\"serial\""]), [element.as_str()]);
        assert!(found("flash_d_lse_mid_bf16_d64", &[]).iter().all(|kind| kind.starts_with("lse_element")));
        assert!(found("expmul_bf16", &[]).is_empty());
    }

    #[test]
    fn modules_are_found_by_the_beginning_of_their_names() {
        let target = Target::new(load_embedded("tour").unwrap()).unwrap();
        let dot = module(&target, "fused_dot").unwrap();
        assert!(target.design.module(dot).name.starts_with("fused_dot_"));
        let error = module(&target, "fp_").unwrap_err().to_string();
        assert!(error.contains("several modules begin so") && error.contains("fp_mul"), "{error}");
        let error = module(&target, "nothing").unwrap_err().to_string();
        assert!(error.contains("tour has no such module") && error.contains("fused_dot_"), "{error}");
    }
}
