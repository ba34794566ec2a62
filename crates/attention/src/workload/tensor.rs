//! Arrays as they come from a file, and the checks that they fit each other.

/// An array of three dimensions.
pub(super) struct Tensor {
    /// `q`, `k` or `v`.
    pub name: &'static str,
    /// Heads, rows, elements of a row.
    pub shape: (usize, usize, usize),
    /// The elements, last dimension fastest.
    pub data: Vec<f32>,
}

/// The arrays of a workload.
pub(super) struct Arrays {
    pub q: Tensor,
    pub k: Tensor,
    pub v: Tensor,
    /// `n`: valid rows of each head.
    pub valid: Option<Vec<i64>>,
}

impl Tensor {
    /// Takes two dimensions as one head, and four as batch and head.
    pub fn new(name: &'static str, shape: &[usize], data: Vec<f32>) -> Result<Tensor, String> {
        // A damaged header may promise more than there is, or more than can be counted.
        let promised = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        if promised != Some(data.len()) {
            return Err(format!("{name} has shape {shape:?} and {} elements", data.len()));
        }
        let shape = match *shape {
            [rows, d] => (1, rows, d),
            [heads, rows, d] => (heads, rows, d),
            [batch, heads, rows, d] => (batch * heads, rows, d),
            _ => return Err(format!("{name} has shape {shape:?}; must be [heads, rows, head_dim]")),
        };
        Ok(Tensor { name, shape, data })
    }

    fn shape_text(&self) -> String {
        let (heads, rows, d) = self.shape;
        format!("{} is [{heads}, {rows}, {d}]", self.name)
    }

    /// The first rows of a head, if they are all finite.
    pub fn rows(&self, head: usize, rows: usize) -> Result<Vec<f32>, String> {
        let (_, there, d) = self.shape;
        let start = head * there * d;
        let data = &self.data[start..start + rows * d];
        match data.iter().position(|x| !x.is_finite()) {
            None => Ok(data.to_vec()),
            Some(at) => Err(format!(
                "{}[{head}, {}, {}] is {}; every element must be a finite number",
                self.name,
                at / d,
                at % d,
                if data[at].is_nan() { "NaN" } else { "infinite" },
            )),
        }
    }
}

impl Arrays {
    /// Nothing is empty; k and v agree, q agrees with them but for its rows.
    pub fn check_shapes(&self) -> Result<(), String> {
        for tensor in [&self.q, &self.k, &self.v] {
            let (heads, rows, d) = tensor.shape;
            if heads == 0 || rows == 0 || d == 0 {
                return Err(format!("{}; an empty sequence has no attention", tensor.shape_text()));
            }
        }
        let (heads, _, d) = self.k.shape;
        if self.v.shape != self.k.shape {
            return Err(format!(
                "{}, and {}; they must have the same shape",
                self.k.shape_text(),
                self.v.shape_text()
            ));
        }
        if (self.q.shape.0, self.q.shape.2) != (heads, d) {
            return Err(format!(
                "{}, and {}; they must agree in all but the number of rows",
                self.q.shape_text(),
                self.k.shape_text()
            ));
        }
        Ok(())
    }

    /// Valid keys of each head: all of them when nothing is said.
    pub fn valid_keys(&self) -> Result<Vec<usize>, String> {
        let (heads, keys, _) = self.k.shape;
        let Some(valid) = &self.valid else { return Ok(vec![keys; heads]) };
        if valid.len() != heads {
            return Err(format!("n has {} elements for {heads} heads", valid.len()));
        }
        for (head, &n) in valid.iter().enumerate() {
            if n == 0 {
                return Err(format!("n[{head}] is 0; an empty sequence has no attention"));
            }
            if !(1..=keys as i64).contains(&n) {
                return Err(format!("n[{head}] is {n}; must be 1 to {keys}, the rows of k"));
            }
        }
        Ok(valid.iter().map(|&n| n as usize).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_that_promises_too_much_is_refused() {
        for shape in [&[2, 3, 4][..], &[1 << 32, 1 << 32, 1 << 32], &[2, usize::MAX, 3, 1]] {
            let Err(error) = Tensor::new("q", shape, vec![0.0; 23]) else { panic!("{shape:?}") };
            assert!(error.ends_with("and 23 elements"), "{error}");
        }
    }
}
