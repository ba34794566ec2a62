//! What happens at the edges of a format: rounding, subnormals, overflow.

use std::fmt;
use std::str::FromStr;

/// How a result between two neighbouring numbers is rounded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Rounding {
    /// To nearest, ties to the even significand.
    #[default]
    Rne,
    /// Towards zero (truncation).
    Rtz,
}

/// What a number below the smallest normal one becomes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Subnormals {
    /// A zero of the same sign, at inputs and at outputs.
    #[default]
    Flush,
    /// Gradual underflow as in IEEE 754.
    Full,
}

/// What lies beyond the largest finite number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Specials {
    /// Nothing: overflow saturates to the largest finite number; infinities and NaN are no legal operands.
    #[default]
    Finite,
    /// Infinities and NaN as in IEEE 754.
    Ieee,
}

/// The edge behaviour of a whole design. The default is the cheapest hardware: nearest even, flush, finite.
///
/// To the bit, under [`Subnormals::Flush`] and [`Specials::Finite`]:
/// - an operand whose exponent field is 0 is a zero of its sign;
/// - a result is first rounded with unbounded exponent; if its magnitude is then below the smallest normal
///   number it becomes a zero of its sign, if above the largest finite number it becomes that, with its sign;
/// - `x + (-x)` is +0, `(-0) + (-0)` is −0, every other sum of zeros is +0; the sign of a product is the
///   exclusive or of the operands' signs, also when it is zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Policy {
    /// Rounding of every floating-point result.
    pub rounding: Rounding,
    /// Treatment of exponent field 0.
    pub subnormals: Subnormals,
    /// Treatment of overflow, infinities and NaN.
    pub specials: Specials,
}

impl Policy {
    /// The default policy with another rounding.
    pub fn with_rounding(rounding: Rounding) -> Self {
        Policy { rounding, ..Policy::default() }
    }

    /// Whether the arithmetic of this crate implements the policy.
    ///
    /// # Errors
    /// Names the key that is out of range and its legal value.
    pub fn supported(&self) -> Result<(), String> {
        if self.subnormals != Subnormals::Flush {
            return Err(format!("subnormals = \"{}\" is not available; use \"flush\"", self.subnormals));
        }
        if self.specials != Specials::Finite {
            return Err(format!("specials = \"{}\" is not available; use \"finite\"", self.specials));
        }
        Ok(())
    }
}

/// Names of the variants as configurations write them: `Display`, and `FromStr` with an error that lists them.
macro_rules! named {
    ($type:ident, $key:literal, $($name:literal => $variant:ident),+) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($type::$variant => $name),+ })
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                match name {
                    $($name => Ok($type::$variant),)+
                    _ => Err(format!("{} = \"{name}\": use {}", $key, [$(concat!("\"", $name, "\"")),+].join(" or "))),
                }
            }
        }
    };
}

named!(Rounding, "rounding", "rne" => Rne, "rtz" => Rtz);
named!(Subnormals, "subnormals", "flush" => Flush, "full" => Full);
named!(Specials, "specials", "finite" => Finite, "ieee" => Ieee);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_flush_and_finite_are_supported() {
        assert_eq!(Policy::default().supported(), Ok(()));
        assert_eq!(Policy::with_rounding(Rounding::Rtz).supported(), Ok(()));
        let full = Policy { subnormals: Subnormals::Full, ..Policy::default() };
        assert_eq!(full.supported().unwrap_err(), "subnormals = \"full\" is not available; use \"flush\"");
        let ieee = Policy { specials: Specials::Ieee, ..Policy::default() };
        assert_eq!(ieee.supported().unwrap_err(), "specials = \"ieee\" is not available; use \"finite\"");
    }

    #[test]
    fn names_parse_back() {
        for rounding in [Rounding::Rne, Rounding::Rtz] {
            assert_eq!(rounding.to_string().parse(), Ok(rounding));
        }
        assert_eq!("full".parse(), Ok(Subnormals::Full));
        let error = "rnd".parse::<Rounding>().unwrap_err();
        assert_eq!(error, "rounding = \"rnd\": use \"rne\" or \"rtz\"");
    }
}
