//! A plot of errors against sequence length as a self-contained SVG text, both axes logarithmic.

use crate::show::grouped;
use anyhow::Result;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// What is plotted.
pub struct Plot {
    /// Above the plot.
    pub title: String,
    /// Below the title, smaller.
    pub subtitle: String,
    /// One curve for each design; at least one, with the same number of keys each.
    pub curves: Vec<Curve>,
}

/// The errors of one design.
pub struct Curve {
    /// Its name, in the legend.
    pub name: String,
    /// Keys, ascending, and the error as a fraction.
    pub points: Vec<(usize, f64)>,
}

/// Colours that people with any kind of colour vision can tell apart (after M. Okabe and K. Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(60, 60, 60),
];
const INK: RGBColor = RGBColor(40, 40, 40);
const GREY: RGBColor = RGBColor(110, 110, 110);
const GRID: RGBColor = RGBColor(225, 225, 225);
const FONT: &str = "Helvetica, Arial, sans-serif";

const HEIGHT: u32 = 480;
/// Of the plot with its axes; the legend is beside it.
const WIDTH: u32 = 640;
const HEADING: u32 = 64;
const DASH: u32 = 8;
const GAP: u32 = 6;
const LEGEND_LINE: i32 = 24;
const LEGEND_SIZE: i32 = 14;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A logarithmic axis with lines where they are wanted.
struct Axis {
    /// Logarithms of its ends.
    ends: (f64, f64),
    lines: Vec<f64>,
    label: fn(f64) -> String,
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let (low, high) = self.ends;
        from + (f64::from(to - from) * (value.ln() - low) / (high - low)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.lines.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.ends.0.exp()..self.ends.1.exp()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        (self.label)(*value)
    }
}

impl Plot {
    /// The SVG text.
    pub fn svg(&self) -> Result<String> {
        let mut text = String::new();
        let longest = self.curves.iter().map(|c| c.name.chars().count()).max().unwrap_or(0) as i32;
        let legend = (50 + longest * LEGEND_SIZE * 11 / 20) as u32;
        {
            let page = SVGBackend::with_string(&mut text, (WIDTH + legend, HEIGHT)).into_drawing_area();
            page.fill(&WHITE)?;
            let (heading, body) = page.split_vertically(HEADING);
            let (axes, legend) = body.split_horizontally(WIDTH);
            self.draw_heading(&heading)?;
            self.draw_curves(&axes)?;
            self.draw_legend(&legend)?;
            page.present()?;
        }
        Ok(text)
    }

    fn draw_heading(&self, area: &Area) -> Result<()> {
        area.draw(&Text::new(self.title.as_str(), (20, 14), (FONT, 20).into_font().color(&INK)))?;
        area.draw(&Text::new(self.subtitle.as_str(), (20, 40), (FONT, 14).into_font().color(&GREY)))?;
        Ok(())
    }

    fn draw_curves(&self, area: &Area) -> Result<()> {
        let mut chart = ChartBuilder::on(area)
            .margin_left(12)
            .margin_right(20)
            .margin_bottom(10)
            .x_label_area_size(46)
            .y_label_area_size(80)
            .build_cartesian_2d(self.x_axis(), self.y_axis())?;
        chart
            .configure_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(GREY)
            .x_desc("sequence length (keys)")
            .y_desc("relative L2 error")
            .axis_desc_style((FONT, 15).into_font().color(&INK))
            .label_style((FONT, 13).into_font().color(&INK))
            .draw()?;
        for Styled { curve, line, dashed } in self.styled() {
            let points: Vec<(f64, f64)> =
                curve.points.iter().map(|&(keys, error)| (keys as f64, visible(error))).collect();
            let path = points.iter().copied();
            if dashed {
                chart.draw_series(DashedLineSeries::new(path, DASH, GAP, line))?;
            } else {
                chart.draw_series(LineSeries::new(path, line))?;
            }
            chart.draw_series(points.into_iter().map(|at| Circle::new(at, 3, line.filled())))?;
        }
        Ok(())
    }

    /// From the shortest to the longest, with a line at each.
    fn x_axis(&self) -> Axis {
        let lines: Vec<f64> = self.curves[0].points.iter().map(|&(keys, _)| keys as f64).collect();
        let ends = (lines[0].ln() - 0.2, lines[lines.len() - 1].ln() + 0.2);
        Axis { ends, lines, label: |keys| grouped(keys as u64) }
    }

    /// Whole decades, with a line at each.
    fn y_axis(&self) -> Axis {
        let decades = || self.curves.iter().flat_map(|c| &c.points).map(|&(_, e)| visible(e).log10());
        let low = decades().fold(f64::INFINITY, f64::min).floor() as i32;
        let high = (decades().fold(f64::NEG_INFINITY, f64::max).ceil() as i32).max(low + 1);
        let lines: Vec<f64> = (low..=high).map(|decade| 10f64.powi(decade)).collect();
        let ends = (lines[0].ln(), lines[lines.len() - 1].ln());
        Axis { ends, lines, label: |error| format!("{} %", (1e8 * error).round() / 1e6) }
    }

    /// The designs in the order in which their curves end, the largest error first.
    fn draw_legend(&self, area: &Area) -> Result<()> {
        let mut curves: Vec<Styled> = self.styled().collect();
        let end = |styled: &Styled| styled.curve.points.last().map_or(0.0, |&(_, error)| error);
        curves.sort_by(|a, b| end(b).total_cmp(&end(a)));
        for (at, Styled { curve, line, dashed }) in curves.into_iter().enumerate() {
            let y = 12 + LEGEND_LINE * at as i32;
            let path = [(0, y), (30, y)];
            if dashed {
                area.draw(&DashedPathElement::new(path, DASH, GAP, line))?;
            } else {
                area.draw(&PathElement::new(path, line))?;
            }
            area.draw(&Circle::new((15, y), 3, line.filled()))?;
            let style = (FONT, LEGEND_SIZE).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(curve.name.as_str(), (38, y), style))?;
        }
        Ok(())
    }

    /// Every second curve is dashed, so that one that coincides with the one before shows both.
    fn styled(&self) -> impl Iterator<Item = Styled<'_>> {
        let curves = self.curves.iter().zip(COLOURS.into_iter().cycle()).enumerate();
        curves.map(|(at, (curve, colour))| Styled {
            curve,
            line: colour.stroke_width(2),
            dashed: at % 2 == 1,
        })
    }
}

struct Styled<'a> {
    curve: &'a Curve,
    line: ShapeStyle,
    dashed: bool,
}

/// What has a place on a logarithmic axis: an exact result has none, nor has an error relative to zeros.
fn visible(error: f64) -> f64 {
    error.clamp(1e-7, 1e3)
}
