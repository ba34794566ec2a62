//! Error measures of an attention output against a reference, accumulated over rows and heads.

/// Sums from which the measures follow. Rows may be added in any grouping and merged.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Metrics {
    error_sq: f64,
    reference_sq: f64,
    max_error: f64,
    cosine_sum: f64,
    rows: u64,
    not_finite: u64,
}

impl Metrics {
    /// Nothing yet.
    pub fn new() -> Self {
        Metrics::default()
    }

    /// Adds one output row (one query of one head, `head_dim` elements). `value_max` is max |v| of the head.
    /// A row with a NaN or infinity is counted and measured with those elements as 0.
    ///
    /// # Panics
    /// When the rows differ in length.
    pub fn add_row(&mut self, output: &[f64], reference: &[f64], value_max: f64) {
        assert_eq!(output.len(), reference.len(), "rows of different length");
        let (mut error_sq, mut reference_sq, mut output_sq, mut product, mut worst) =
            (0.0, 0.0, 0.0, 0.0, 0.0f64);
        for (&o, &r) in output.iter().zip(reference) {
            let o = if o.is_finite() { o } else { 0.0 };
            error_sq += (o - r) * (o - r);
            reference_sq += r * r;
            output_sq += o * o;
            product += o * r;
            worst = worst.max((o - r).abs());
        }
        let norms = (output_sq * reference_sq).sqrt();
        // Two zero rows agree; a zero row against another has no direction in common.
        let cosine = if norms > 0.0 { product / norms } else { f64::from(output_sq == reference_sq) };
        self.merge(&Metrics {
            error_sq,
            reference_sq,
            max_error: if worst > 0.0 { worst / value_max } else { 0.0 },
            cosine_sum: cosine,
            rows: 1,
            not_finite: u64::from(output.iter().any(|o| !o.is_finite())),
        });
    }

    /// Adds another accumulation, for example another head.
    pub fn merge(&mut self, other: &Metrics) {
        self.error_sq += other.error_sq;
        self.reference_sq += other.reference_sq;
        self.max_error = self.max_error.max(other.max_error);
        self.cosine_sum += other.cosine_sum;
        self.rows += other.rows;
        self.not_finite += other.not_finite;
    }

    /// √(Σ(o−r)² / Σr²) over all rows; 0 when both are zero, infinite when only the reference is.
    pub fn relative_l2(&self) -> f64 {
        if self.error_sq == 0.0 { 0.0 } else { (self.error_sq / self.reference_sq).sqrt() }
    }

    /// The largest |o−r| / max|v|, each row against its head's maximum.
    pub fn max_abs(&self) -> f64 {
        self.max_error
    }

    /// Mean over the rows of the cosine between output and reference; 1 with no rows.
    pub fn cosine(&self) -> f64 {
        if self.rows == 0 { 1.0 } else { self.cosine_sum / self.rows as f64 }
    }

    /// Rows added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows that held a NaN or an infinity.
    pub fn not_finite(&self) -> u64 {
        self.not_finite
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_of_a_known_row() {
        let mut m = Metrics::new();
        m.add_row(&[3.0, 4.0], &[3.0, 0.0], 8.0);
        assert_eq!(m.relative_l2(), 4.0 / 3.0);
        assert_eq!(m.max_abs(), 0.5);
        assert!((m.cosine() - 0.6).abs() < 1e-15);
    }

    #[test]
    fn heads_combine_like_one_sum() {
        let (mut all, mut a, mut b) = (Metrics::new(), Metrics::new(), Metrics::new());
        for (m, out, reference) in [(0, [1.0, 2.0], [1.5, 2.0]), (1, [-1.0, 0.5], [-1.0, 0.25])] {
            all.add_row(&out, &reference, 2.0);
            if m == 0 { &mut a } else { &mut b }.add_row(&out, &reference, 2.0);
        }
        a.merge(&b);
        assert_eq!(a, all);
        assert_eq!((a.rows(), a.max_abs()), (2, 0.25));
        assert_eq!(a.relative_l2(), ((0.25 + 0.0625) / (6.25f64 + 1.0625)).sqrt());
    }

    #[test]
    fn zeros_and_infinities() {
        let mut m = Metrics::new();
        m.add_row(&[0.0], &[0.0], 0.0);
        assert_eq!((m.relative_l2(), m.max_abs(), m.cosine()), (0.0, 0.0, 1.0));
        m.add_row(&[f64::NAN, 1.0], &[0.0, 1.0], 1.0);
        assert_eq!((m.not_finite(), m.relative_l2(), m.cosine()), (1, 0.0, 1.0));
    }
}
