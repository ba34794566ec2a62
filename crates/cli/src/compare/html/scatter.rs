//! The chart of a case with a dot for each design.

use super::axis::Axis;
use super::frame::*;
use crate::compare::results::{CaseResults, PointResults, Results};
use maud::{Markup, html};

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
    fn labels_of_near_dots_do_not_cover_each_other() {
        let labels = placed(vec![(200.0, 100.0, 8), (206.0, 100.0, 8), (203.0, 104.0, 8)]);
        for (i, a) in labels.iter().enumerate() {
            for b in &labels[..i] {
                assert!((a.0 - b.0).abs() > 8.0 || (a.1 - b.1).abs() > 8.0, "{labels:?}");
            }
        }
    }
}
