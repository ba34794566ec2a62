//! Axes of the charts.

/// From values to places along a line.
pub struct Axis {
    /// The values at the ends.
    pub values: (f64, f64),
    /// The places of the ends, in pixels.
    pub places: (f64, f64),
    logarithmic: bool,
}

impl Axis {
    /// An axis on which equal differences are equally long.
    pub fn linear(values: (f64, f64), places: (f64, f64)) -> Axis {
        let end = if values.1 > values.0 { values.1 } else { values.0 + 1.0 };
        Axis { values: (values.0, end), places, logarithmic: false }
    }

    /// An axis on which equal ratios are equally long, from whole decades to whole decades; all values are above 0.
    pub fn logarithmic(values: (f64, f64), places: (f64, f64)) -> Axis {
        let low = values.0.log10().floor();
        let high = values.1.log10().ceil().max(low + 1.0);
        Axis { values: (10f64.powf(low), 10f64.powf(high)), places, logarithmic: true }
    }

    /// The place of a value, in pixels.
    pub fn at(&self, value: f64) -> f64 {
        let scaled = |x: f64| if self.logarithmic { x.log10() } else { x };
        let (low, high) = (scaled(self.values.0), scaled(self.values.1));
        let (from, to) = self.places;
        from + (to - from) * (scaled(value) - low) / (high - low)
    }

    /// Values that get a line: about `count`, or the decades.
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        let (low, high) = self.values;
        if self.logarithmic {
            let decades = low.log10().round() as i32..=high.log10().round() as i32;
            return decades.map(|d| 10f64.powi(d)).collect();
        }
        let rough = (high - low) / count as f64;
        let unit = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * unit).into_iter().find(|s| *s >= rough * 0.999);
        let step = step.unwrap_or(10.0 * unit);
        let range = (low / step - 1e-9).ceil() as i64..=(high / step + 1e-9).floor() as i64;
        range.map(|i| i as f64 * step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_places_and_ticks() {
        let axis = Axis::linear((-0.5, 0.0), (100.0, 200.0));
        assert_eq!((axis.at(-0.5), axis.at(-0.25), axis.at(0.0)), (100.0, 150.0, 200.0));
        let ticks: Vec<String> = axis.ticks(5).iter().map(|t| format!("{t:.1}")).collect();
        assert_eq!(ticks, ["-0.5", "-0.4", "-0.3", "-0.2", "-0.1", "0.0"]);
        let axis = Axis::logarithmic((0.003, 0.2), (0.0, 30.0));
        assert_eq!((axis.values.1, axis.ticks(9).len()), (1.0, 4));
        assert!((axis.at(0.01) - 10.0).abs() < 1e-9);
        assert!(Axis::linear((0.0, 0.0), (0.0, 1.0)).at(0.0).is_finite());
    }
}
