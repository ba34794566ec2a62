//! The charts of a case with a bar for each design. Bars lie, so that names can be read.

use super::axis::Axis;
use super::frame::*;
use crate::compare::parts::PARTS;
use crate::compare::results::{CaseResults, Figures, PointResults, Results};
use maud::{Markup, html};

/// Of the parts, in their order.
const PART_COLOURS: [&str; PARTS.len()] = [BLUE, ORANGE, GREEN, PINK, SKY, GREY];
/// How much of its colour registers keep.
const TINT: &str = "0.45";

/// Area and power relative to the baseline, published figures beside measured ones.
pub fn changes(results: &Results, case: &CaseResults) -> Markup {
    const ROW: f64 = 36.0;
    let baseline = results.baseline();
    type Figure = fn(&Figures) -> f64;
    let kinds: [(&str, Figure); 2] = [(BLUE, |f| f.area_um2), (ORANGE, |f| f.power.total_mw)];
    let published = |p: &PointResults| results.published(&p.label).map(|p| [p.area, p.power]);
    let measured = |p: &PointResults| kinds.map(|(_, figure)| case.change(p, baseline, figure));
    let all = || {
        case.points
            .iter()
            .flat_map(|p| measured(p).into_iter().chain(published(p).unwrap_or_default().map(Some)))
    };
    let low = all().flatten().fold(-0.1f64, f64::min);
    let high = all().flatten().fold(0.0f64, f64::max);
    let axis = Axis::linear((low, high), (NAMES + 8.0, WIDTH - FIGURE - 8.0));
    let bottom = TOP + ROW * case.points.len() as f64;
    let any_published = case.points.iter().any(|p| published(p).is_some());
    let bar = |value: f64, colour: &str, y: f64| {
        let (zero, end) = (axis.at(0.0), axis.at(value));
        html! {
            rect x=(px(zero.min(end))) y=(px(y - 5.5)) width=(px((end - zero).abs())) height="11" rx="1" fill=(colour) {}
            text x=(px(WIDTH - 4.0)) y=(px(y + 4.0)) text-anchor="end" font-size="11" { (signed(value)) }
        }
    };
    let diamond = |value: f64, y: f64| {
        let x = axis.at(value);
        let points = [(x, y - 5.5), (x + 5.5, y), (x, y + 5.5), (x - 5.5, y)];
        let points = points.map(|(x, y)| format!("{},{}", px(x), px(y))).join(" ");
        html! { polygon points=(points) fill="#fff" stroke="#1d2630" stroke-width="1.4" {} }
    };
    let row = |(at, point): (usize, &PointResults)| {
        let y = TOP + ROW * (at as f64 + 0.5);
        let places = [y - 7.0, y + 7.0];
        html! {
            (name(point, y))
            @if point.label == baseline && point.reservation().is_none() { (remark(y, "baseline")) }
            @else if let Some(why) = point.reservation() { (remark(y, why)) }
            @else {
                @for ((value, (colour, _)), y) in measured(point).into_iter().zip(kinds).zip(places) {
                    @if let Some(value) = value { (bar(value, colour, y)) }
                }
            }
            @if let Some(values) = published(point) {
                @for (value, y) in values.into_iter().zip(places) { (diamond(value, y)) }
            }
        }
    };
    let chart = html! {
        (grid(&axis, 6, bottom, |t| format!("{:.0} %", 100.0 * t).replace('-', "−")))
        @for row in case.points.iter().enumerate().map(row) { (row) }
    };
    let title = format!("Area and power relative to {baseline}");
    let sign = html! { svg viewBox="0 0 12 12" { polygon points="6,1 11,6 6,11 1,6" fill="#fff" stroke="#1d2630" stroke-width="1.4" {} } };
    let mut legend = vec![("area", swatch(BLUE)), ("power", swatch(ORANGE))];
    if any_published {
        legend.push(("published, in another technology", sign));
    }
    figure(&title, &legend, canvas(bottom + 6.0, &title, chart), "")
}

/// Pieces of a bar: how long, which colour, registers or not.
type Pieces = Vec<(f64, &'static str, bool)>;

/// A stacked bar for each design.
fn stacked(
    case: &CaseResults,
    title: &str,
    pieces: impl Fn(&Figures) -> Pieces,
    total: impl Fn(f64) -> String,
    mark: Option<f64>,
) -> Markup {
    const ROW: f64 = 26.0;
    let bars: Vec<(&PointResults, Option<Pieces>)> =
        case.points.iter().map(|p| (p, p.figures().map(&pieces))).collect();
    let sum = |pieces: &Pieces| pieces.iter().map(|(value, ..)| value).sum::<f64>();
    let longest = bars.iter().filter_map(|(_, p)| p.as_ref().map(sum)).fold(0.0, f64::max);
    let axis = Axis::linear((0.0, longest), (NAMES, WIDTH - FIGURE));
    let bottom = TOP + ROW * bars.len() as f64;
    let bar = |pieces: &Pieces, y: f64| {
        let mut from = 0.0;
        let places: Vec<_> = pieces
            .iter()
            .map(|&(value, colour, register)| {
                let at = from;
                from += value;
                (axis.at(at), axis.at(from) - axis.at(at), colour, register)
            })
            .collect();
        html! {
            @for (x, width, colour, register) in places.into_iter().filter(|p| p.1 > 0.0) {
                rect x=(px(x)) y=(px(y - 8.0)) width=(px(width)) height="16" fill=(colour) fill-opacity=[register.then_some(TINT)] stroke="#fff" stroke-width="0.7" {}
            }
            text x=(px(axis.at(from) + 6.0)) y=(px(y + 4.0)) font-size="11" { (total(from)) }
        }
    };
    let row = |(at, (point, pieces)): (usize, &(&PointResults, Option<Pieces>))| {
        let y = TOP + ROW * (at as f64 + 0.5);
        html! {
            (name(point, y))
            @match pieces {
                Some(pieces) => (bar(pieces, y)),
                None => (remark(y, "failed")),
            }
        }
    };
    canvas(
        bottom + 6.0,
        title,
        html! {
            (grid(&axis, 5, bottom, |t| total(t).trim_end_matches(".0").to_string()))
        @if let Some(mark) = mark {
            line.mark x1=(px(axis.at(mark))) x2=(px(axis.at(mark))) y1=(px(TOP - 4.0)) y2=(px(bottom)) {}
        }
            @for row in bars.iter().enumerate().map(row) { (row) }
        },
    )
}

/// Where the area is.
pub fn breakdown(case: &CaseResults) -> Markup {
    let of = |part: &str| PARTS.iter().position(|p| *p == part);
    let pieces = |f: &Figures| -> Pieces {
        let known = f.parts.iter().filter_map(|part| Some((part, PART_COLOURS[of(&part.part)?])));
        known
            .flat_map(|(part, colour)| [(part.logic_um2, colour, false), (part.register_um2, colour, true)])
            .collect()
    };
    let there = |part: &&str| {
        case.points.iter().filter_map(|p| p.figures()).any(|f| f.parts.iter().any(|p| p.part == **part))
    };
    let mut legend: Vec<(&str, Markup)> = PARTS
        .iter()
        .zip(PART_COLOURS)
        .filter(|(part, _)| there(part))
        .map(|(part, colour)| (*part, swatch(colour)))
        .collect();
    legend.push(("lighter: its registers", tinted(GREY)));
    let thousands = |um2: f64| format!("{:.1}", um2 / 1e3);
    let title = "Where the area is, 10³ µm²";
    let chart = stacked(case, title, pieces, thousands, None);
    figure(
        title,
        &legend,
        chart,
        "Mapped module by module: sums differ by some percent from the flat netlist, which is what is compared.",
    )
}

/// Energy of a piece of work.
pub fn energy(case: &CaseResults) -> Markup {
    let pieces = |f: &Figures| -> Pieces {
        let p = &f.power;
        let per = p.energy_pj / p.total_mw.max(f64::MIN_POSITIVE);
        let kinds =
            [(p.clock_mw, GREY), (p.registers_mw, SKY), (p.combinational_mw, BLUE), (p.leakage_mw, RED)];
        kinds.map(|(mw, colour)| (per * mw, colour, false)).to_vec()
    };
    let unit = case.points.iter().filter_map(|p| p.figures()).map(|f| f.power.unit_of_work.as_str()).next();
    let title = format!("Energy per {}, pJ", unit.unwrap_or("step"));
    let legend = [("clock", GREY), ("registers", SKY), ("combinational", BLUE), ("leakage", RED)]
        .map(|(name, colour)| (name, swatch(colour)));
    let chart = stacked(case, &title, pieces, |pj| format!("{pj:.1}"), None);
    figure(&title, &legend, chart, "The netlist on its workload, without glitches and wires.")
}

/// The highest frequency of each netlist against the clock.
pub fn fmax(case: &CaseResults) -> Markup {
    let pieces = |f: &Figures| -> Pieces {
        let searched = f.searched_fmax_mhz.map_or(0.0, |s| (s - f.fmax_mhz).max(0.0));
        vec![(f.fmax_mhz, BLUE, false), (searched, BLUE, true)]
    };
    let title = "Highest frequency, MHz";
    let clock = case.points.iter().filter_map(|p| p.figures()).map(|f| f.mhz).next();
    let searched = case.points.iter().filter_map(|p| p.figures()).any(|f| f.searched_fmax_mhz.is_some());
    let mut legend = vec![("of the netlist that is compared", swatch(BLUE))];
    if searched {
        legend.push(("of the fastest netlist of the same RTL", tinted(BLUE)));
    }
    let chart = stacked(case, title, pieces, |mhz| format!("{mhz:.0}"), clock);
    figure(
        title,
        &legend,
        chart,
        "Dotted: the clock. After synthesis: placement takes 10 to 30 %. Netlists are made as small as the clock allows, not as fast as can be.",
    )
}

fn tinted(colour: &str) -> Markup {
    html! { i style=(format!("background:{colour};opacity:{TINT}")) {} }
}
