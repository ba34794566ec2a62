//! Types of signals: `count` elements of `width` bits.

use std::fmt;

/// The type of a signal: a bundle of `count` elements, each `width` bits wide; a scalar has `count == 1`.
///
/// Element 0 occupies the least significant bits of the flattened vector.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Type {
    /// Bits of one element; at least 1, at most 64 where arithmetic is done on it.
    pub width: u32,
    /// Elements in the bundle, at least 1.
    pub count: u32,
    /// Elements are two's complement numbers.
    pub signed: bool,
}

/// Widest operand or result of an arithmetic operation, in bits.
pub const MAX_ARITH_WIDTH: u32 = 64;

impl Type {
    /// An unsigned scalar.
    pub const fn unsigned(width: u32) -> Self {
        Type { width, count: 1, signed: false }
    }

    /// A two's complement scalar.
    pub const fn signed(width: u32) -> Self {
        Type { width, count: 1, signed: true }
    }

    /// The same element repeated `count` times.
    pub const fn times(self, count: u32) -> Self {
        Type { count: self.count * count, ..self }
    }

    /// Bits of the whole bundle.
    pub const fn bits(self) -> u32 {
        self.width * self.count
    }

    /// One element of the bundle.
    pub const fn element(self) -> Self {
        Type { count: 1, ..self }
    }

    /// A scalar, not a bundle.
    pub const fn is_scalar(self) -> bool {
        self.count == 1
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.signed { 's' } else { 'u' };
        if self.count == 1 {
            write!(f, "{sign}{}", self.width)
        } else {
            write!(f, "{}x{sign}{}", self.count, self.width)
        }
    }
}

/// Bits needed to number `n` things (`0..n`), at least 1.
pub const fn index_width(n: u32) -> u32 {
    if n <= 2 { 1 } else { u32::BITS - (n - 1).leading_zeros() }
}

/// Bits needed to write the value `max`, at least 1.
pub const fn value_width(max: u64) -> u32 {
    if max == 0 { 1 } else { u64::BITS - max.leading_zeros() }
}
