//! Energy tables over input slew and output load.

/// What an axis of a table measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Axis {
    /// Transition time of the input, in seconds.
    Slew,
    /// Capacitance on the output, in farad.
    Load,
}

/// A table of up to two axes, linear between its points and beyond its ends.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    axes: Vec<(Axis, Vec<f64>)>,
    /// The last axis varies fastest.
    values: Vec<f64>,
}

impl Table {
    /// The same value everywhere.
    pub fn constant(value: f64) -> Table {
        Table { axes: vec![], values: vec![value] }
    }

    /// `None` when the number of values is not the product of the axes' lengths, an axis is empty or does not rise.
    pub(super) fn new(axes: Vec<(Axis, Vec<f64>)>, values: Vec<f64>) -> Option<Table> {
        let rises = |index: &[f64]| !index.is_empty() && index.windows(2).all(|w| w[0] < w[1]);
        let points: usize = axes.iter().map(|(_, index)| index.len()).product();
        let sound = axes.iter().all(|(_, index)| rises(index)) && points == values.len();
        sound.then_some(Table { axes, values })
    }

    /// The value for an input slew in seconds and an output load in farad.
    pub fn at(&self, slew: f64, load: f64) -> f64 {
        let place = |axis: Axis| if axis == Axis::Slew { slew } else { load };
        let mut values = self.values.clone();
        // From the last axis on: each step halves the dimensions that are left.
        for (axis, index) in self.axes.iter().rev() {
            let (i, weight) = segment(index, place(*axis));
            let next = if index.len() > 1 { i + 1 } else { i };
            values = values.chunks(index.len()).map(|row| row[i] + weight * (row[next] - row[i])).collect();
        }
        values[0]
    }
}

/// The segment of a rising axis that serves `x`, and how far along it `x` lies (outside 0 to 1 beyond the ends).
fn segment(index: &[f64], x: f64) -> (usize, f64) {
    if index.len() < 2 {
        return (0, 0.0);
    }
    let i = index.partition_point(|&at| at <= x).clamp(1, index.len() - 1) - 1;
    (i, (x - index[i]) / (index[i + 1] - index[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane() -> Table {
        let axes = vec![(Axis::Load, vec![1.0, 3.0]), (Axis::Slew, vec![10.0, 20.0, 40.0])];
        let value = |load: f64, slew: f64| 2.0 * load + 0.5 * slew;
        let values = [1.0, 3.0].iter().flat_map(|&l| [10.0, 20.0, 40.0].map(|s| value(l, s))).collect();
        Table::new(axes, values).unwrap()
    }

    #[test]
    fn bilinear_inside_and_beyond() {
        for (slew, load) in [(10.0, 1.0), (15.0, 2.0), (40.0, 3.0), (0.0, 0.0), (100.0, 5.0)] {
            assert!((plane().at(slew, load) - (2.0 * load + 0.5 * slew)).abs() < 1e-12, "{slew} {load}");
        }
        assert_eq!(Table::constant(7.0).at(1.0, 2.0), 7.0);
    }

    #[test]
    fn single_points_and_unsound_tables() {
        let point = Table::new(vec![(Axis::Load, vec![2.0])], vec![5.0]).unwrap();
        assert_eq!(point.at(0.0, 9.0), 5.0);
        assert!(Table::new(vec![(Axis::Load, vec![2.0, 1.0])], vec![5.0, 6.0]).is_none());
        assert!(Table::new(vec![(Axis::Load, vec![1.0, 2.0])], vec![5.0]).is_none());
    }
}
