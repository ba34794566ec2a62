//! Seeded operands that visit the hard cases of a format: cancellation, every small exponent distance, rounding
//! ties, overflow and underflow edges, zeros of both signs and subnormal patterns. Never an infinity or NaN.

use crate::format::Format;
use crate::number::Number;

/// A small seeded generator (SplitMix64), the same on every machine.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator; equal seeds give equal sequences.
    pub fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `bound` (> 0).
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    /// A uniform real in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * 0.5f64.powi(53)
    }
}

/// An endless source of operands of one format.
#[derive(Clone, Debug)]
pub struct Stratified {
    format: Format,
    rng: Rng,
    count: u64,
}

impl Stratified {
    /// A source; equal seeds give equal operands.
    pub fn new(format: Format, seed: u64) -> Self {
        Stratified { format, rng: Rng::new(seed), count: 0 }
    }

    /// The generator, for further choices of a test.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Any finite pattern, all equally likely.
    pub fn any(&mut self) -> u64 {
        let magnitude = self.rng.below(self.format.max_finite_bits() + 1);
        self.format.zero(self.rng.below(2) == 1) | magnitude
    }

    /// A normal number whose exponent field is `field` moved into the legal range.
    fn with_exponent(&mut self, field: i64) -> u64 {
        let highest = self.format.max_finite_bits() >> self.format.man_bits;
        let field = field.clamp(1, highest as i64) as u64;
        let man = self.significand();
        let magnitude = ((field << self.format.man_bits) | man).min(self.format.max_finite_bits());
        self.format.zero(self.rng.below(2) == 1) | magnitude
    }

    /// Stored significand bits: random, or with long runs of equal bits, which make ties and carries.
    fn significand(&mut self) -> u64 {
        let (mask, random) = (self.format.man_mask(), self.rng.bits());
        let run = self.rng.below(u64::from(self.format.man_bits) + 1);
        match self.rng.below(4) {
            0 => mask & (mask << run),
            1 => mask & !(mask << run),
            2 => mask & (1 << run >> 1),
            _ => mask & random,
        }
    }

    /// One operand: any pattern, a small neighbourhood of 1, an edge, or a zero.
    pub fn value(&mut self) -> u64 {
        let highest = (self.format.max_finite_bits() >> self.format.man_bits) as i64;
        let field = match self.rng.below(8) {
            0..=2 => return self.any(),
            3 | 4 => self.format.bias() + self.rng.range(-4, 4),
            5 => self.rng.range(1, 3),
            6 => self.rng.range(highest - 2, highest),
            _ => return self.zero_like(),
        };
        self.with_exponent(field)
    }

    /// A zero of either sign, or a subnormal pattern that counts as one.
    fn zero_like(&mut self) -> u64 {
        let man = if self.rng.below(2) == 0 { 0 } else { self.rng.bits() & self.format.man_mask() };
        self.format.zero(self.rng.below(2) == 1) | man
    }

    /// Two operands, the strata in turn: unrelated; near cancellation; exponent distance 0 … p+2; sum of exponents
    /// near overflow; sum of exponents near underflow; edge values.
    pub fn pair(&mut self) -> (u64, u64) {
        self.count += 1;
        let a = self.value();
        let field = self.format.exp_field(a) as i64;
        let b = match self.count % 6 {
            0 => self.any(),
            1 => self.near_negation(a),
            2 => {
                let distance = self.rng.range(0, i64::from(self.format.precision()) + 2);
                let distance = if self.rng.below(2) == 0 { distance } else { -distance };
                self.with_exponent(field + distance)
            }
            3 => {
                let jitter = self.rng.range(-2, 2);
                self.with_exponent(self.format.max_exp() + 2 * self.format.bias() - field + jitter)
            }
            4 => {
                let jitter = self.rng.range(-2, 2);
                self.with_exponent(self.format.min_exp() + 2 * self.format.bias() - field + jitter)
            }
            _ => self.value(),
        };
        if self.rng.below(2) == 0 { (a, b) } else { (b, a) }
    }

    /// −a moved by a few places of the pattern.
    fn near_negation(&mut self, a: u64) -> u64 {
        let magnitude = (a & self.format.magnitude_mask()) as i64 + self.rng.range(-2, 2);
        let magnitude = magnitude.clamp(0, self.format.max_finite_bits() as i64) as u64;
        a & self.format.sign_bit() ^ self.format.sign_bit() | magnitude
    }

    /// Two vectors of `length` for a dot product, the kinds in turn: moderate numbers; any numbers; cancelling
    /// pairs of products; a wide spread of exponents around one large product; mostly zeros.
    pub fn vectors(&mut self, length: usize) -> (Vec<u64>, Vec<u64>) {
        self.count += 1;
        let kind = self.count % 5;
        let (mut a, mut b): (Vec<u64>, Vec<u64>) = (0..length).map(|_| self.element_pair(kind)).unzip();
        if kind == 2 {
            for i in (1..length).step_by(2) {
                a[i] = a[i - 1] ^ self.format.sign_bit();
                b[i] = self.near_negation(b[i - 1]) ^ self.format.sign_bit();
            }
        }
        (a, b)
    }

    fn element_pair(&mut self, kind: u64) -> (u64, u64) {
        let bias = self.format.bias();
        let near_one = |s: &mut Self, spread: i64| {
            let distance = s.rng.range(-spread, spread);
            s.with_exponent(bias + distance)
        };
        match kind {
            1 => (self.value(), self.value()),
            3 => (near_one(self, 20), near_one(self, 20)),
            4 if self.rng.below(4) != 0 => (self.zero_like(), self.any()),
            _ => (near_one(self, 3), near_one(self, 3)),
        }
    }
}

/// A pattern at an edge of its format: a zero of either sign or another pattern of exponent field 0; in fixed point zero,
/// one unit, or an end of the range.
pub fn corner(number: Number, rng: &mut Rng) -> u64 {
    match number {
        Number::Float(format) => {
            format.zero(rng.below(2) == 1) | (rng.below(2) * rng.below(1 << format.man_bits))
        }
        Number::Fixed(fixed) => fixed.pattern([0, 1, -1, fixed.min(), fixed.max()][rng.below(5) as usize]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::CATALOG;

    #[test]
    fn operands_are_finite_and_seeded() {
        for named in CATALOG {
            let (mut a, mut b) = (Stratified::new(named.format, 4), Stratified::new(named.format, 4));
            for _ in 0..2_000 {
                let pair = a.pair();
                assert_eq!(pair, b.pair());
                let vectors = a.vectors(5);
                assert_eq!(vectors, b.vectors(5));
                let (x, y) = vectors;
                for bits in [pair.0, pair.1].into_iter().chain(x).chain(y) {
                    assert!(named.format.is_finite(bits) && bits >> named.format.width() == 0, "{bits:#x}");
                }
            }
        }
    }

    /// Every stratum occurs often enough that a test of 10^4 pairs meets it hundreds of times.
    #[test]
    fn hard_cases_occur() {
        let format = crate::catalog::BF16;
        let mut source = Stratified::new(format, 9);
        let (mut cancelling, mut equal, mut zeros, mut near_overflow, mut near_underflow) = (0, 0, 0, 0, 0);
        let mut distances = vec![0; 11];
        for _ in 0..10_000 {
            let (a, b) = source.pair();
            let magnitude = |bits| (bits & format.magnitude_mask()) as i64;
            let opposite = format.is_negative(a) != format.is_negative(b);
            cancelling += u32::from(opposite && (magnitude(a) - magnitude(b)).abs() <= 2);
            equal += u32::from(a == b ^ format.sign_bit());
            zeros += u32::from(format.is_zero(a) || format.is_zero(b));
            let (ea, eb) = (format.exp_field(a) as i64, format.exp_field(b) as i64);
            if let Some(count) = distances.get_mut((ea - eb).unsigned_abs() as usize) {
                *count += 1;
            }
            let product = ea + eb - 2 * format.bias();
            near_overflow += u32::from((product - format.max_exp()).abs() <= 1);
            near_underflow += u32::from((product - format.min_exp()).abs() <= 1);
        }
        for (name, count) in [("cancelling", cancelling), ("equal", equal), ("zeros", zeros)] {
            assert!(count > 200, "{name}: {count}");
        }
        assert!(near_overflow > 500 && near_underflow > 500, "{near_overflow} {near_underflow}");
        assert!(distances.iter().all(|&count| count > 100), "{distances:?}");
    }
}
