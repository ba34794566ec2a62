//! The sections of the page.

use super::frame::signed;
use super::{bars, scatter};
use crate::compare::parts::PARTS;
use crate::compare::results::{CaseResults, Figures, PointResults, Results};
use crate::show::{grouped, percent};
use maud::{Markup, html};

/// Cases side by side in a table.
const BESIDE: usize = 4;

/// Changes of area and power in all cases.
pub fn glance(results: &Results) -> Markup {
    let mut scopes: Vec<&str> = vec![];
    for case in results.cases.iter().filter(|case| !scopes.contains(&case.scope.as_str())).collect::<Vec<_>>()
    {
        if !scopes.contains(&case.scope.as_str()) {
            scopes.push(&case.scope);
        }
    }
    html! {
        section {
            h2 { "At a glance" }
            p { "Area and power at the same clock and the same throughput, one step of a query with a key per cycle and lane. Negative is less." }
            @for baseline in &results.baselines {
                @for scope in &scopes {
                    @let cases: Vec<&CaseResults> = results.cases.iter().filter(|c| c.scope == *scope).collect();
                    @for cases in cases.chunks(BESIDE) { (glance_table(results, baseline, scope, cases)) }
                }
            }
            (reservations(results))
        }
    }
}

fn glance_table(results: &Results, baseline: &str, scope: &str, cases: &[&CaseResults]) -> Markup {
    let published = results.designs.iter().any(|d| results.published(&d.label).is_some())
        && baseline == results.baseline();
    let size = |case: &CaseResults| {
        let rest = case.title.strip_prefix(&case.scope).unwrap_or(&case.title);
        let size = rest.trim_start_matches(", ");
        let size = size.strip_suffix(&case.interleave).map_or(size, |size| size.trim_end_matches(", "));
        html! { (size) small { (case.interleave) } }
    };
    let cells = |case: &CaseResults, point: &PointResults| {
        let area = case.change(point, baseline, |f| f.area_um2);
        let power = case.change(point, baseline, |f| f.power.total_mw);
        html! {
            @match (point.reservation(), area.zip(power)) {
                (Some(why), _) => td.gap.said.warn colspan="2" { (why) },
                (None, _) if point.label == baseline => td.gap.said colspan="2" { "baseline" },
                (None, Some((area, power))) => { td.gap { (signed(area)) } td { (signed(power)) } }
                (None, None) => td.gap.said.warn colspan="2" { "no baseline" },
            }
        }
    };
    html! {
        div.scroll { table {
            thead {
                tr.over {
                    th { (scope) ", relative to " (baseline) }
                    @for case in cases { th.gap colspan="2" { (size(case)) } }
                    @if published { th.gap colspan="2" { "published" small { "in another technology" } } }
                }
                tr {
                    th { "design" }
                    @for _ in cases { th.gap { "area" } th { "power" } }
                    @if published { th.gap { "area" } th { "power" } }
                }
            }
            tbody {
                @for design in &results.designs {
                    tr class=[(design.label == baseline).then_some("base")] {
                        th { (design.label) }
                        @for case in cases {
                            @if let Some(point) = case.point(&design.label) {
                                (cells(case, point))
                            } @else { td.gap {} td {} }
                        }
                        @if published {
                            @match results.published(&design.label) {
                                Some(p) => { td.gap.published title=(p.source) { (signed(p.area)) } td.published title=(p.source) { (signed(p.power)) } }
                                None => { td.gap {} td {} }
                            }
                        }
                    }
                }
            }
        } }
    }
}

fn reservations(results: &Results) -> Markup {
    let said = results.reservations();
    html! {
        @if said.is_empty() {
            p.soft { "Every netlist meets its clock and agrees with its design bit for bit on the workload." }
        } @else {
            p.warn { "Not compared:" }
            ul.warn { @for line in said { li { (line) } } }
        }
    }
}

/// What the figures mean.
pub fn reading(results: &Results) -> Markup {
    let mut sources: Vec<String> = results
        .designs
        .iter()
        .filter_map(|d| results.published(&d.label).map(|p| format!("{}: {}", d.label, p.source)))
        .collect();
    sources.dedup();
    html! {
        section {
            h2 { "How to read it" }
            ul.notes {
                li { "Measured on " (results.platform.library) ", after synthesis: no placement, no wires, no clock tree. Differences below 2 % are within what a change of the recipe makes." }
                @if !sources.is_empty() {
                    li { "Published figures are the authors' own, in another technology and of their whole design (" (sources.join("; ")) "). They stand beside the measured ones for orientation and are never the same quantity." }
                }
                li { "Equal throughput: every design takes one key row per slot and cycle. " em { "Own interleave" } " gives each the fewest slots with which its recurrence meets the clock; " em { "same interleave" } " gives all as many as the one that needs most, so that all hold as many queries." }
                li { "Power is that of the netlist run on the workload, every net counted, without glitches. The netlist is compared with the design bit for bit in the same run." }
                li { "A design that misses its clock, or was not held against its netlist, has figures and no comparison." }
                li { "Errors are of the functional models, which the hardware equals bit for bit, relative to float64 attention on the same rounded inputs." }
            }
        }
    }
}

/// One case: charts and figures.
pub fn case(results: &Results, case: &CaseResults) -> Markup {
    html! {
        section.case {
            h2 { (capitalised(&case.title)) }
            @for said in case.reservations() { p.warn { "† not compared: " (said) } }
            div.grid {
                (bars::changes(results, case))
                (bars::breakdown(case))
                (bars::energy(case))
                (scatter::pareto(results, case))
                (bars::fmax(case))
                (parts_table(case))
            }
            (figures_table(results, case))
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn parts_table(case: &CaseResults) -> Markup {
    let measured: Vec<(&PointResults, &Figures)> =
        case.points.iter().filter_map(|p| Some((p, p.figures()?))).collect();
    let um2 = |f: &Figures, part: &str| f.parts.iter().find(|p| p.part == part).map_or(0.0, |p| p.um2());
    let there: Vec<&str> =
        PARTS.into_iter().filter(|part| measured.iter().any(|(_, f)| um2(f, part) > 0.0)).collect();
    let area = |um2: f64| if um2 > 0.0 { grouped(um2.round() as u64) } else { "–".into() };
    let registers = |f: &Figures| {
        f.parts.iter().map(|p| p.register_um2).sum::<f64>()
            / f.parts.iter().map(|p| p.um2()).sum::<f64>().max(f64::MIN_POSITIVE)
    };
    html! {
        figure {
            h3 { "Area by part, µm²" }
            div.scroll { table.narrow {
                thead { tr { th { "design" } @for part in &there { th { (broken(part)) } } th { "registers" } } }
                tbody {
                    @for (point, f) in &measured {
                        tr { th { (point.label) }
                            @for part in &there { td { (area(um2(f, part))) } }
                            td { (percent(registers(f))) }
                        }
                    }
                }
            } }
        }
    }
}

/// A name in several lines.
fn broken(name: &str) -> Markup {
    let mut words = name.split(' ');
    let first = words.next().unwrap_or_default();
    let rest = words.collect::<Vec<_>>().join(" ");
    html! { div { (first) } @if !rest.is_empty() { div { (rest) } } }
}

fn figures_table(results: &Results, case: &CaseResults) -> Markup {
    let number = |x: f64| grouped(x.round() as u64);
    let change = |point: &PointResults, baseline: &str, figure: fn(&Figures) -> f64| match case
        .change(point, baseline, figure)
    {
        _ if point.label == baseline && point.reservation().is_none() => "baseline".to_string(),
        change => change.map_or("–".into(), signed),
    };
    html! {
        div.scroll { table.narrow {
            thead { tr {
                th { "design" } th { "slots" } th { "latency" } th.gap { "µm²" }
                @for b in &results.baselines { th { div { "area" } div { "vs " (b) } } }
                th { "cells" } th { "flops" } th.gap { "mW" }
                @for b in &results.baselines { th { div { "power" } div { "vs " (b) } } }
                th { "pJ/pair" } th.gap { "slack ps" } th { "fmax MHz" } th { "error" } th.gap.left { "netlist" }
            } }
            tbody {
                @for point in &case.points {
                    tr class=[results.baselines.contains(&point.label).then_some("base")] {
                        th { (point.label) } td { (point.interleave) } td { (point.latency) }
                        @if let Some(f) = point.figures() {
                            td.gap { (number(f.area_um2)) }
                            @for b in &results.baselines { td { (change(point, b, |f| f.area_um2)) } }
                            td { (grouped(f.cells)) } td { (grouped(f.flops)) }
                            td.gap { (format!("{:.3}", f.power.total_mw)) }
                            @for b in &results.baselines { td { (change(point, b, |f| f.power.total_mw)) } }
                            td { (format!("{:.2}", f.power.energy_pj)) }
                            td.gap { (format!("{:.0}", f.slack_ps).replace('-', "−")) }
                            td { (number(f.searched_fmax_mhz.unwrap_or(f.fmax_mhz))) }
                            td { (results.headline_error(point).map_or("–".into(), percent)) }
                            td.gap.left { (verdict(point, f)) }
                        } @else {
                            td.gap.left.warn colspan=(10 + 2 * results.baselines.len()) { "failed" }
                        }
                    }
                }
            }
        } }
    }
}

fn verdict(point: &PointResults, f: &Figures) -> Markup {
    let exact = format!("bit-exact, {} cycles", grouped(f.power.cycles));
    html! {
        @match point.reservation() {
            Some(why) => span.warn { (why) },
            None => (exact),
        }
        @if !f.flattened { ", element mapped once" }
    }
}
