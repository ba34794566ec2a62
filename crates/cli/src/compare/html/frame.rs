//! What the charts have in common. Colours are those that people with any kind of colour vision can tell apart (after
//! M. Okabe and K. Ito).

use super::axis::Axis;
use crate::compare::results::PointResults;
use maud::{Markup, html};

/// Width of a chart; it is scaled to its column.
pub const WIDTH: f64 = 560.0;
/// Where the names of designs end.
pub const NAMES: f64 = 112.0;
/// Room for a figure behind the longest bar.
pub const FIGURE: f64 = 62.0;
/// Place of the first row.
pub const TOP: f64 = 22.0;

/// Blue.
pub const BLUE: &str = "#0072b2";
/// Orange.
pub const ORANGE: &str = "#e69f00";
/// Green.
pub const GREEN: &str = "#009e73";
/// Pink.
pub const PINK: &str = "#cc79a7";
/// Light blue.
pub const SKY: &str = "#56b4e9";
/// Red.
pub const RED: &str = "#d55e00";
/// Grey.
pub const GREY: &str = "#8b949d";
/// A figure with its title, what the colours mean, and one line about it.
pub fn figure(title: &str, legend: &[(&str, Markup)], chart: Markup, caption: &str) -> Markup {
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

/// A colour in a legend.
pub fn swatch(colour: &str) -> Markup {
    html! { i style=(format!("background:{colour}")) {} }
}

/// A number of pixels.
pub fn px(x: f64) -> String {
    format!("{x:.1}")
}

/// A drawing.
pub fn canvas(height: f64, title: &str, inside: Markup) -> Markup {
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {}", px(height))) role="img" aria-label=(title) {
            (inside)
        }
    }
}

/// Vertical lines with their values above.
pub fn grid(axis: &Axis, count: usize, bottom: f64, label: impl Fn(f64) -> String) -> Markup {
    html! {
        @for tick in axis.ticks(count) {
            line class=(if tick == 0.0 { "zero" } else { "grid-line" }) x1=(px(axis.at(tick))) x2=(px(axis.at(tick))) y1=(px(TOP - 4.0)) y2=(px(bottom)) {}
            text.soft x=(px(axis.at(tick))) y="12" text-anchor="middle" { (label(tick)) }
        }
    }
}

/// The name of a design, marked if it is not to be compared.
pub fn name(point: &PointResults, y: f64) -> Markup {
    let mark = if point.reservation().is_some() { " †" } else { "" };
    html! { text.name x=(px(NAMES - 8.0)) y=(px(y + 4.0)) text-anchor="end" { (point.label) (mark) } }
}

/// What is said in place of figures.
pub fn remark(y: f64, text: &str) -> Markup {
    html! { text.soft x=(px(WIDTH - 4.0)) y=(px(y + 4.0)) text-anchor="end" font-style="italic" { (text) } }
}

/// A minus sign as printers have it.
pub fn signed(change: f64) -> String {
    let text = format!("{:+.1} %", 100.0 * change);
    let zero = ["+0.0 %", "-0.0 %"].contains(&text.as_str());
    if zero { "±0.0 %".into() } else { text.replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_have_a_sign() {
        assert_eq!([-0.2881, 0.05, 0.0, -0.0001].map(signed), ["−28.8 %", "+5.0 %", "±0.0 %", "±0.0 %"]);
    }
}
