//! The sections at the end: the errors in full, and how to make the same report again.

use crate::compare::results::Results;
use crate::show::{grouped, percent};
use maud::{Markup, html};

/// The errors of every design on every group.
pub fn errors(results: &Results) -> Markup {
    let mut inputs: Vec<&str> = results.errors.iter().map(|e| e.input.as_str()).collect();
    inputs.sort_unstable();
    inputs.dedup();
    html! {
        @if !results.errors.is_empty() {
            section.case {
                h2 { "Accuracy" }
                p { "Relative L2 error against float64 attention on the rounded inputs, in percent; the groups are those of " code { "flashrtl list groups" } "." }
                @for input in inputs { (errors_table(results, input)) }
            }
        }
    }
}

fn errors_table(results: &Results, input: &str) -> Markup {
    let designs: Vec<_> = results.errors.iter().filter(|e| e.input == input).collect();
    let shown = |fraction: f64| percent(fraction).trim_end_matches(" %").to_string();
    html! {
        div.scroll { table.narrow {
            thead { tr { th { (input) } th { "keys" } @for design in &designs { th { (design.label) } } } }
            tbody {
                @for (at, group) in designs[0].groups.iter().enumerate() {
                    tr { th { (group.group) } td { (grouped(group.keys as u64)) }
                        @for design in &designs {
                            td { (design.groups.get(at).map_or(String::new(), |g| shown(g.relative_l2))) }
                        }
                    }
                }
            }
        } }
    }
}

/// How to make the same report again.
pub fn provenance(results: &Results) -> Markup {
    let mut workloads: Vec<&str> = results
        .cases
        .iter()
        .flat_map(|c| &c.points)
        .filter_map(|p| Some(p.figures()?.power.workload.as_str()))
        .collect();
    workloads.sort_unstable();
    workloads.dedup();
    let seconds: f64 =
        results.cases.iter().flat_map(|c| &c.points).filter_map(|p| Some(p.figures()?.seconds)).sum();
    html! {
        section.case {
            h2 { "Provenance" }
            p.code { (results.command) }
            table { tbody {
                tr { th { "Program" } td.wrap { (results.tool) ", " (results.date) } }
                tr { th { "Tools" } td.wrap { (results.platform.tools.join(", ")) @if let Some(note) = &results.platform.note { "; " (note) } } }
                tr { th { "Time" } td.wrap { (format!("{:.0} min of tools, side by side", seconds / 60.0)) } }
                @for (path, sha256) in &results.platform.liberty {
                    tr { th { "Liberty" } td.wrap { (path) " " code { (sha256) } } }
                }
                @for workload in workloads { tr { th { "Workload" } td.wrap { (workload) } } }
            } }
            h3 style="margin-top:18px" { "Designs" }
            table {
                thead { tr { th { "label" } th.left { "kernel" } th.left { "configuration" } th.left { "changed" } } }
                tbody { @for d in &results.designs {
                    tr { th { (d.label) } td.left { (d.kernel) } td.left { (d.config) } td.wrap { code { (d.set.join("  ")) } } }
                } }
            }
            h3 style="margin-top:18px" { "Configuration hashes" }
            table {
                thead { tr { th { "case" } th.left { "design" } th.left { "module" } th.left { "recipe" } th.left { "SHA-256 of the configuration" } } }
                tbody {
                    @for case in &results.cases { @for p in &case.points {
                        tr { td { (case.title) } td.left { (p.label) }
                            td.left { (p.figures().map_or("", |f| &f.module)) }
                            td.left { (p.figures().map_or("", |f| &f.recipe)) }
                            td.left { code { (p.config_hash.get(..16).unwrap_or(&p.config_hash)) "…" } } }
                    } }
                }
            }
        }
    }
}
