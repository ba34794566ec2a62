//! The charts of a case, as SVG. Bars lie, so that names can be read.

use super::axis::Axis;
use crate::compare::parts::PARTS;
use crate::compare::results::{CaseResults, Figures, PointResults, Results};

use maud::{Markup, html};

/// Width of a chart; it is scaled to its column.
const WIDTH: f64 = 560.0;
/// Where the names of designs end.
const NAMES: f64 = 112.0;
/// Room for a figure behind the longest bar.
const FIGURE: f64 = 62.0;
/// Place of the first row.
const TOP: f64 = 22.0;

/// Colours that people with any kind of colour vision can tell apart (after M. Okabe and K. Ito).
const BLUE: &str = "#0072b2";
const ORANGE: &str = "#e69f00";
const GREEN: &str = "#009e73";
const PINK: &str = "#cc79a7";
const SKY: &str = "#56b4e9";
const RED: &str = "#d55e00";
const GREY: &str = "#8b949d";
const PART_COLOURS: [&str; PARTS.len()] = [BLUE, ORANGE, GREEN, PINK, SKY, GREY];
/// How much of its colour registers keep.
const TINT: &str = "0.45";

/// A figure with its title, what the colours mean, and one line about it.
fn figure(title: &str, legend: &[(&str, Markup)], chart: Markup, caption: &str) -> Markup {
    html! {
        figure {
            h3 { (title) }
            @if !legend.is_empty() {
                ul.legend { @for (name, sign) in legend { li { (sign) (name) } } }
            }
            (chart)
            @if !caption.is_empty() { figcaption { (caption) } }
        }
    }
}

fn swatch(colour: &str) -> Markup {
    html! { i style=(format!("background:{colour}")) {} }
}

fn tinted(colour: &str) -> Markup {
    html! { i style=(format!("background:{colour};opacity:{TINT}")) {} }
}

/// A number of pixels.
fn px(x: f64) -> String {
    format!("{x:.1}")
}

fn canvas(height: f64, title: &str, inside: Markup) -> Markup {
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {}", px(height))) role="img" aria-label=(title) {
            (inside)
        }
    }
}

/// Vertical lines with their values above.
fn grid(axis: &Axis, count: usize, bottom: f64, label: impl Fn(f64) -> String) -> Markup {
    html! {
        @for tick in axis.ticks(count) {
            line class=(if tick == 0.0 { "zero" } else { "grid-line" }) x1=(px(axis.at(tick))) x2=(px(axis.at(tick))) y1=(px(TOP - 4.0)) y2=(px(bottom)) {}
            text.soft x=(px(axis.at(tick))) y="12" text-anchor="middle" { (label(tick)) }
        }
    }
}

/// The name of a design, marked if it is not to be compared.
fn name(point: &PointResults, y: f64) -> Markup {
    let mark = if point.reservation().is_some() { " †" } else { "" };
    html! { text.name x=(px(NAMES - 8.0)) y=(px(y + 4.0)) text-anchor="end" { (point.label) (mark) } }
}

fn remark(y: f64, text: &str) -> Markup {
    html! { text.soft x=(px(WIDTH - 4.0)) y=(px(y + 4.0)) text-anchor="end" font-style="italic" { (text) } }
}

/// A minus sign as printers have it.
pub fn signed(change: f64) -> String {
    let text = format!("{:+.1} %", 100.0 * change);
    let zero = ["+0.0 %", "-0.0 %"].contains(&text.as_str());
    if zero { "±0.0 %".into() } else { text.replace('-', "−") }
}

/// Area and power relative to the baseline, published figures beside measured ones.
pub fn changes(results: &Results, case: &CaseResults) -> Markup {
    const ROW: f64 = 36.0;
    let baseline = results.baseline();
    let kinds: [(&str, fn(&Figures) -> f64); 2] = [(BLUE, |f| f.area_um2), (ORANGE, |f| f.power.total_mw)];
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

/// Error against area: what is below and left of everything else is the better choice.
pub fn pareto(results: &Results, case: &CaseResults) -> Markup {
    const HEIGHT: f64 = 300.0;
    struct Dot<'a> {
        label: &'a str,
        area: f64,
        error: f64,
        ok: bool,
    }
    let dot = |point: &'_ PointResults| -> Option<(f64, f64, bool)> {
        let (f, error) = (point.figures()?, results.headline_error(point)?);
        Some((f.area_um2, error.clamp(1e-6, 1e3), point.reservation().is_none()))
    };
    let dots: Vec<Dot> = case
        .points
        .iter()
        .filter_map(|p| {
            let (area, error, ok) = dot(p)?;
            Some(Dot { label: &p.label, area, error, ok })
        })
        .collect();
    let group = case.points.iter().find_map(|p| results.errors_of(p)?.headline());
    let title = format!("Error against area, group {}", group.map_or("-", |g| &g.group));
    let end = |pick: fn(&Dot) -> f64, start: f64, fold: fn(f64, f64) -> f64| {
        dots.iter().map(pick).fold(start, fold)
    };
    let x = Axis::linear((0.0, 1.12 * end(|d| d.area, 0.0, f64::max)), (56.0, WIDTH - 12.0));
    let y = if dots.is_empty() {
        (0.01, 0.1)
    } else {
        (end(|d| d.error, f64::INFINITY, f64::min), end(|d| d.error, 0.0, f64::max))
    };
    let y = Axis::logarithmic(y, (HEIGHT - 42.0, 12.0));
    let labels =
        placed(dots.iter().map(|d| (x.at(d.area), y.at(d.error), d.label.chars().count())).collect());
    let best = |d: &&Dot| {
        d.ok && !dots
            .iter()
            .any(|o| o.ok && o.area <= d.area && o.error <= d.error && (o.area < d.area || o.error < d.error))
    };
    let mut front: Vec<&Dot> = dots.iter().filter(best).collect();
    front.sort_by(|a, b| a.area.total_cmp(&b.area));
    let mut path = String::new();
    for (at, d) in front.iter().enumerate() {
        path += &match at {
            0 => format!("M{} {}", px(x.at(d.area)), px(y.at(d.error))),
            _ => format!("H{}V{}", px(x.at(d.area)), px(y.at(d.error))),
        };
    }
    let chart = html! {
        @for tick in y.ticks(0) {
            line.grid-line x1="56" x2=(px(WIDTH - 12.0)) y1=(px(y.at(tick))) y2=(px(y.at(tick))) {}
            text.soft x="50" y=(px(y.at(tick) + 4.0)) text-anchor="end" { (format!("{} %", (1e8 * tick).round() / 1e6)) }
        }
        @for tick in x.ticks(6) {
            line.grid-line x1=(px(x.at(tick))) x2=(px(x.at(tick))) y1="12" y2=(px(HEIGHT - 42.0)) {}
            text.soft x=(px(x.at(tick))) y=(px(HEIGHT - 27.0)) text-anchor="middle" { (format!("{}", (tick / 10.0).round() / 100.0)) }
        }
        text.soft x=(px(WIDTH - 12.0)) y=(px(HEIGHT - 10.0)) text-anchor="end" { "area, 10³ µm²" }
        @if !path.is_empty() { path d=(path) fill="none" stroke=(GREY) stroke-width="1.2" stroke-dasharray="4 3" {} }
        @for (d, (lx, ly, anchor)) in dots.iter().zip(labels) {
            circle cx=(px(x.at(d.area))) cy=(px(y.at(d.error))) r="4.5" fill=(if d.ok { BLUE } else { "#fff" }) stroke=(BLUE) stroke-width="1.4" {}
            text x=(px(lx)) y=(px(ly)) text-anchor=(anchor) class="halo" font-size="11" { (d.label) (if d.ok { "" } else { " †" }) }
        }
    };
    let caption = "Relative L2 against float64 attention on the rounded inputs. The dashed line joins what nothing else beats in both.";
    figure(&title, &[], canvas(HEIGHT, &title, chart), caption)
}

/// Places for the labels of dots, which are `letters` long, where they cover no dot and no other label if there is such
/// a place.
fn placed(dots: Vec<(f64, f64, usize)>) -> Vec<(f64, f64, &'static str)> {
    type Box = (f64, f64, f64, f64);
    let mut taken: Vec<Box> = dots.iter().map(|&(x, y, _)| (x - 6.0, y - 6.0, x + 6.0, y + 6.0)).collect();
    let overlap =
        |a: &Box, b: &Box| (a.2.min(b.2) - a.0.max(b.0)).max(0.0) * (a.3.min(b.3) - a.1.max(b.1)).max(0.0);
    let mut labels = vec![];
    for &(x, y, letters) in &dots {
        let width = 6.2 * letters as f64;
        let places = [
            (x + 8.0, y + 4.0, "start"),
            (x - 8.0, y + 4.0, "end"),
            (x, y - 9.0, "middle"),
            (x, y + 17.0, "middle"),
            (x + 7.0, y - 8.0, "start"),
            (x + 7.0, y + 15.0, "start"),
            (x - 7.0, y - 8.0, "end"),
            (x - 7.0, y + 15.0, "end"),
        ];
        let covers = |&(x, y, anchor): &(f64, f64, &str)| -> Box {
            let left = match anchor {
                "start" => x,
                "end" => x - width,
                _ => x - width / 2.0,
            };
            (left, y - 10.0, left + width, y + 3.0)
        };
        let cost = |place: &(f64, f64, &'static str)| {
            let mine = covers(place);
            let outside = (56.0 - mine.0).max(0.0) + (mine.2 - WIDTH).max(0.0);
            taken.iter().map(|other| overlap(&mine, other)).sum::<f64>() + 20.0 * outside
        };
        let best = places.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("there are places");
        taken.push(covers(&best));
        labels.push(best);
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_have_a_sign() {
        assert_eq!([-0.2881, 0.05, 0.0, -0.0001].map(signed), ["−28.8 %", "+5.0 %", "±0.0 %", "±0.0 %"]);
    }

    #[test]
    fn labels_of_near_dots_do_not_cover_each_other() {
        let labels = placed(vec![(200.0, 100.0, 8), (206.0, 100.0, 8), (203.0, 104.0, 8)]);
        for (i, a) in labels.iter().enumerate() {
            for b in &labels[..i] {
                assert!((a.0 - b.0).abs() > 8.0 || (a.1 - b.1).abs() > 8.0, "{labels:?}");
            }
        }
    }
}
