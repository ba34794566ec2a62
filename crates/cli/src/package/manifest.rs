//! `manifest.json`: what a package is, for programs that build on it.

use super::ports::{format_of, meaning};
use super::{TOOL, sha256};
use crate::facts::Facts;
use crate::stimuli::Recorded;
use crate::target::Target;
use hdl::verilog::identifier;
use hdl::{Direction, Port, ResetKind};
use serde_json::{Map, Value, json};

/// The manifest, in which every other file is listed with its hash.
pub fn json(
    target: &Target,
    command: &str,
    facts: &Facts,
    recorded: &Recorded,
    files: &[(String, String)],
) -> String {
    let (config, top) = (&target.config, target.design.top());
    let formats: Map<String, Value> =
        target.formats().iter().map(|(role, format)| (role.to_string(), format.to_string().into())).collect();
    let policy = target.policy();
    let file = |(path, text): &(String, String)| {
        let hash = sha256(text);
        json!({ "path": path, "bytes": text.len(), "sha256": hash })
    };
    let manifest = json!({
        "tool": TOOL,
        "command": command,
        "name": config.name,
        "description": config.description,
        "config_hash": config.hash(),
        "config": config.canonical(),
        "top": identifier(&top.name),
        "clock": {
            "port": top.has_clock.then_some("clk"),
            "mhz": config.clock.mhz,
            "platform": config.clock.platform,
            "delay_model": config.clock.delay_model,
        },
        "reset": {
            "port": top.has_reset.then_some(config.reset.port()),
            "kind": if config.reset.kind == ResetKind::Sync { "sync" } else { "async" },
            "active_low": config.reset.active_low,
        },
        "formats": formats,
        "policy": {
            "rounding": policy.rounding.to_string(),
            "subnormals": policy.subnormals.to_string(),
            "specials": policy.specials.to_string(),
        },
        "latency_cycles": facts.latency_cycles,
        "engine": facts.engine,
        "bus": facts.bus,
        "recurrences": facts.recurrences,
        "ports": top.ports.iter().map(|p| port(target, p)).collect::<Vec<_>>(),
        "modules": facts.modules,
        "testbench": {
            "top": format!("tb_{}", identifier(&top.name)),
            "cycles": recorded.recording.inputs.cycles,
            "results": recorded.results,
        },
        "warnings": facts.warnings,
        "files": files.iter().map(file).collect::<Vec<_>>(),
    });
    format!("{manifest:#}\n")
}

fn port(target: &Target, port: &Port) -> Value {
    json!({
        "name": identifier(&port.name),
        "direction": if port.direction == Direction::Input { "input" } else { "output" },
        "width": port.ty.bits(),
        "elements": port.ty.count,
        "format": format_of(&target.kind, &port.name),
        "valid_with": port.valid_by.as_deref(),
        "cycle": port.cycle,
        "meaning": meaning(&target.kind, &port.name),
    })
}
