//! Workload groups: scores and values that each bring out one weakness of an attention kernel.
//!
//! A group says what the scores are, not q and k; a row of it is one query with keys and values of its own. The engine
//! computes scores as q·k, so q and k are made such that q·k is the score *in the engine's input format*: key j holds
//! the digits of s_j in base 2^p, p being the precision of the format, and q their weights,
//!
//! ```text
//! q   = ( 1,  2^-p,  2^-2p, …, 0 … 0 )            no weight below the smallest normal number
//! k_j = ( round(s_j),  round((s_j − what is there already)·2^p),  …, 0 … 0 )
//! ```
//!
//! which three digits make exact in bf16. In fp8-e4m3 what is left is below 2^-12, its smallest product. In fixed point p is
//! the fraction bits, and two digits are all there are.

use super::{Head, Workload};
use crate::config::suggestion;
use numerics::{Number, Policy};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Scores and values with one property in common.
pub struct Group {
    /// Its name on the command line and in reports.
    pub name: &'static str,
    /// The scores, s_i for i = 0 … N−1, in natural-log units.
    pub rule: &'static str,
    /// How the values are drawn.
    pub values: Values,
    /// Keys N of each query.
    pub keys: usize,
    /// The rule makes sense for any N.
    pub any_length: bool,
    scores: Scores,
}

/// How the elements of v are drawn; x is standard normal, and so is b, which all rows of a seed share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Values {
    /// v = x.
    Normal,
    /// v = x + b: the mean of many values is b and not almost zero.
    Offset,
    /// v = x/2 + 2·b in the first half of the keys, x/2 in the second: what was learnt must be forgotten.
    Drift,
}

impl Values {
    /// The equation.
    pub fn rule(self) -> &'static str {
        match self {
            Values::Normal => "x",
            Values::Offset => "x + b",
            Values::Drift => "x/2 + (i < N/2 ? 2b : 0)",
        }
    }
}

/// Every group.
pub const GROUPS: &[Group] = &[
    Group::new("uniform", "0", 4096, |n, _| vec![0.0; n]).any_length(),
    Group::new("uniform-offset", "0", 4096, |n, _| vec![0.0; n]).any_length().values(Values::Offset),
    Group::new("uniform-drift", "0", 4096, |n, _| vec![0.0; n]).any_length().values(Values::Drift),
    Group::new("cliff", "0, then -6.5", 4096, |n, _| first(0.0, vec![-6.5; n]))
        .any_length()
        .values(Values::Drift),
    Group::new("normal-1-offset", "N(0, 1)", 4096, |n, x| x.normal(n, 1.0))
        .any_length()
        .values(Values::Offset),
    Group::new("dominant-first", "15, then N(0, 1)", 256, |n, x| first(15.0, x.normal(n, 1.0))).any_length(),
    Group::new("dominant-last", "N(0, 1), then 15", 256, |n, x| last(15.0, x.normal(n, 1.0))).any_length(),
    Group::new("alternate-7", "0, -7, 0, -7, ...", 64, |n, _| alternate(-7.0, n)).any_length(),
    Group::new("alternate-12", "0, -12, 0, -12, ...", 64, |n, _| alternate(-12.0, n)).any_length(),
    Group::new("dip-12", "0, -12, 0", 3, |_, _| vec![0.0, -12.0, 0.0]),
    Group::new("dip-100", "0, -100, 0, 0", 4, |_, _| vec![0.0, -100.0, 0.0, 0.0]),
    Group::new("ramp-return", "-i/2 for i < 40, then N(0, 0.3)", 64, ramp_and_return),
    Group::new("rise-0.25", "i/4", 256, |n, _| rising(0.25, n)),
    Group::new("rise-3", "3i", 33, |n, _| rising(3.0, n)),
    Group::new("wide", "uniform in [-100, 100]", 256, |n, x| x.uniform(n, 100.0)).any_length(),
    Group::new("normal-1", "N(0, 1)", 512, |n, x| x.normal(n, 1.0)).any_length(),
    Group::new("normal-3", "N(0, 3)", 512, |n, x| x.normal(n, 3.0)).any_length(),
    Group::new("normal-8", "N(0, 8)", 512, |n, x| x.normal(n, 8.0)).any_length(),
];

/// What gives the scores of so many keys.
type Scores = fn(usize, &mut Noise) -> Vec<f64>;

impl Group {
    /// A group of fixed length with normal values.
    const fn new(name: &'static str, rule: &'static str, keys: usize, scores: Scores) -> Group {
        Group { name, rule, values: Values::Normal, keys, any_length: false, scores }
    }

    const fn any_length(self) -> Group {
        Group { any_length: true, ..self }
    }

    const fn values(self, values: Values) -> Group {
        Group { values, ..self }
    }
}

fn first(score: f64, mut scores: Vec<f64>) -> Vec<f64> {
    scores[0] = score;
    scores
}

fn last(score: f64, mut scores: Vec<f64>) -> Vec<f64> {
    let end = scores.len() - 1;
    scores[end] = score;
    scores
}

fn alternate(low: f64, keys: usize) -> Vec<f64> {
    (0..keys).map(|i| if i % 2 == 0 { 0.0 } else { low }).collect()
}

fn rising(step: f64, keys: usize) -> Vec<f64> {
    (0..keys).map(|i| step * i as f64).collect()
}

fn ramp_and_return(keys: usize, noise: &mut Noise) -> Vec<f64> {
    let mut scores = noise.normal(keys, 0.3);
    scores.iter_mut().take(40).enumerate().for_each(|(i, s)| *s = -0.5 * i as f64);
    scores
}

/// What of a group is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Keys N of each query, at least 1; other than the group's own only where it has any length.
    pub keys: usize,
    /// Elements of a row.
    pub head_dim: usize,
    /// The format in which q·k is to be the score.
    pub input: Number,
}

impl Group {
    /// The group of that name.
    ///
    /// # Errors
    /// When there is none: which there are, and which one may have been meant.
    pub fn find(name: &str) -> Result<&'static Group, String> {
        let names = || GROUPS.iter().map(|g| g.name);
        GROUPS.iter().find(|g| g.name == name).ok_or_else(|| {
            let meant = suggestion(name, names()).unwrap_or_default();
            format!("unknown group \"{name}\"; groups are {}{meant}", names().collect::<Vec<_>>().join(", "))
        })
    }

    /// The group at its own length.
    pub fn shape(&self, head_dim: usize, input: impl Into<Number>) -> Shape {
        Shape { keys: self.keys, head_dim, input: input.into() }
    }

    /// One query of a seed with its keys and values, as a workload of one head. Rows do not depend on how many there
    /// are, and q, k and v are drawn apart: the values are the same for every input format.
    ///
    /// # Panics
    /// When the shape has other keys than a group of fixed length.
    pub fn row(&self, shape: Shape, seed: u64, row: usize) -> Workload {
        assert!(self.any_length || shape.keys == self.keys, "{} has {} keys", self.name, self.keys);
        let scores = (self.scores)(shape.keys, &mut Noise::new(seed, Stream::Scores, row));
        let (q, k) = query_and_keys(&scores, shape);
        let head = Head { rows: vec![row], q, k, v: self.draw_values(shape, seed, row) };
        Workload {
            source: format!("{}, seed {seed}", self.name),
            head_dim: shape.head_dim,
            heads: vec![head],
        }
    }

    fn draw_values(&self, shape: Shape, seed: u64, row: usize) -> Vec<f32> {
        let (keys, d) = (shape.keys, shape.head_dim);
        let x = Noise::new(seed, Stream::Values, row).normal(keys * d, 1.0);
        let b = Noise::new(seed, Stream::Common, 0).normal(d, 1.0);
        let value = |(at, x): (usize, f64)| match self.values {
            Values::Normal => x,
            Values::Offset => x + b[at % d],
            Values::Drift if at / d < keys / 2 => 0.5 * x + 2.0 * b[at % d],
            Values::Drift => 0.5 * x,
        };
        x.into_iter().enumerate().map(|x| value(x) as f32).collect()
    }
}

/// A query of d elements and keys, N × d, whose products are the scores: see the module.
fn query_and_keys(scores: &[f64], shape: Shape) -> (Vec<f32>, Vec<f32>) {
    let (d, format) = (shape.head_dim, shape.input);
    let (places, smallest) = match format {
        Number::Float(format) => (format.precision(), format.min_exp()),
        Number::Fixed(fixed) => (fixed.frac_bits.max(1), -i64::from(fixed.frac_bits)),
    };
    let digits = d.min(f32::MANTISSA_DIGITS.div_ceil(places) as usize);
    let exponent = |digit: usize| (-(digit as i64) * i64::from(places)).max(smallest);
    let weights: Vec<f64> = (0..digits).map(|digit| (exponent(digit) as f64).exp2()).collect();
    let mut q = vec![0.0; d];
    q.iter_mut().zip(&weights).for_each(|(q, w)| *q = *w as f32);
    let mut k = vec![0.0; scores.len() * d];
    for (key, &score) in k.chunks_exact_mut(d).zip(scores) {
        let mut left = score;
        for (element, weight) in key.iter_mut().zip(&weights) {
            let digit = format.decode_flush(format.encode(left / weight, &Policy::default()));
            left -= digit * weight;
            *element = digit as f32;
        }
    }
    (q, k)
}

/// Independent sources of one seed.
#[derive(Clone, Copy)]
enum Stream {
    Scores,
    Values,
    Common,
}

/// Random numbers of a row.
struct Noise(ChaCha8Rng);

impl Noise {
    fn new(seed: u64, stream: Stream, row: usize) -> Noise {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream((row as u64) << 2 | stream as u64);
        Noise(rng)
    }

    fn normal(&mut self, count: usize, sigma: f64) -> Vec<f64> {
        (0..count).map(|_| sigma * self.0.sample::<f64, _>(StandardNormal)).collect()
    }

    fn uniform(&mut self, count: usize, limit: f64) -> Vec<f64> {
        (0..count).map(|_| self.0.random_range(-limit..=limit)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use numerics::Format;
    use numerics::catalog::{BF16, E4M3, FP32};
    use proptest::prelude::*;

    /// q·k of every key.
    fn products(q: &[f32], k: &[f32]) -> Vec<f64> {
        let product = |key: &[f32]| q.iter().zip(key).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        k.chunks_exact(q.len()).map(product).collect()
    }

    #[test]
    fn fixed_point_products_are_the_scores() {
        let q8_8 = Number::parse("q8.8").unwrap();
        let scores = [0.0, 1.0 / 3.0, -7.3, 119.99, -0.001];
        let (q, k) = query_and_keys(&scores, Shape { keys: scores.len(), head_dim: 4, input: q8_8 });
        for (score, product) in scores.into_iter().zip(products(&q, &k)) {
            assert!((score - product).abs() <= 2f64.powi(-17), "{score} {product}");
        }
    }

    proptest! {
        #[test]
        fn products_are_the_scores(scores in prop::collection::vec(-120.0..120.0f64, 1..9), d in 1usize..40) {
            for format in [BF16, E4M3, FP32, Format::new(5, 10).unwrap(), Format::new(8, 3).unwrap()] {
                let (q, k) = query_and_keys(&scores, Shape { keys: scores.len(), head_dim: d, input: format.into() });
                let same = |x: f32| format.decode_flush(format.encode(x.into(), &Policy::default())) == f64::from(x);
                prop_assert!(q.iter().chain(&k).all(|&x| same(x)), "{format} rounds q or k");
                let digits = d.min(24usize.div_ceil(format.precision() as usize)) as u32;
                let relative = (-f64::from((digits * format.precision()).min(24))).exp2();
                let smallest = (2.0 * format.min_exp() as f64).exp2();
                for (&score, product) in scores.iter().zip(products(&q, &k)) {
                    let error = (score - product).abs();
                    prop_assert!(error <= score.abs() * relative + smallest, "{format} d {d}: {score} {product}");
                }
            }
        }
    }
}
