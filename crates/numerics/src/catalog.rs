//! The named formats. A new one is one line of [`CATALOG`].

use crate::format::{Encoding, Format};

/// A catalogue entry.
pub struct Named {
    /// The name used in messages.
    pub name: &'static str,
    /// Other names that mean the same format.
    pub aliases: &'static [&'static str],
    /// The format itself.
    pub format: Format,
}

/// Every named format.
pub const CATALOG: &[Named] = &[
    Named { name: "bf16", aliases: &["bfloat16"], format: BF16 },
    Named { name: "fp16", aliases: &["half"], format: Format::ieee(5, 10) },
    Named { name: "fp32", aliases: &["float"], format: FP32 },
    Named { name: "fp8-e4m3", aliases: &["e4m3", "e4m3fn"], format: E4M3 },
    Named { name: "fp8-e5m2", aliases: &["e5m2"], format: Format::ieee(5, 2) },
];

/// bfloat16: the exponent range of fp32 with 8 significant bits.
pub const BF16: Format = Format::ieee(8, 7);
/// IEEE single precision.
pub const FP32: Format = Format::ieee(8, 23);
/// OCP 8-bit e4m3: no infinity, largest number 448.
pub const E4M3: Format = Format { exp_bits: 4, man_bits: 3, special: Encoding::Fn };

/// The format of a name: a catalogue name or alias, `eXmY` (IEEE-like), or `mN` (= `e8mN`).
///
/// # Errors
/// Lists the legal names, or says which width is out of range.
pub fn parse(name: &str) -> Result<Format, String> {
    let named = CATALOG.iter().find(|n| n.name == name || n.aliases.contains(&name));
    if let Some(named) = named {
        return Ok(named.format);
    }
    match widths(name) {
        Some((exp_bits, man_bits)) => Format::new(exp_bits, man_bits),
        None => Err(format!("unknown number format \"{name}\"; use {}", legal_names())),
    }
}

/// The catalogue name of a format.
pub fn name_of(format: &Format) -> Option<&'static str> {
    CATALOG.iter().find(|n| n.format == *format).map(|n| n.name)
}

/// The two widths of `eXmY` or `mN`.
fn widths(name: &str) -> Option<(u32, u32)> {
    let (exp, man) = match name.strip_prefix('e') {
        Some(rest) => rest.split_once('m')?,
        None => ("8", name.strip_prefix('m')?),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit()).then(|| s.parse().ok()).flatten();
    Some((digits(exp)?, digits(man)?))
}

fn legal_names() -> String {
    let names: Vec<&str> = CATALOG.iter().flat_map(|n| [&[n.name], n.aliases].concat()).collect();
    format!("{}, eXmY with X in 2..=11 and Y in 1..=52, or mY for e8mY", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_parse_back() {
        let mut seen = std::collections::BTreeSet::new();
        for named in CATALOG {
            for name in [&[named.name], named.aliases].concat() {
                assert!(seen.insert(name), "{name} twice");
                assert_eq!(parse(name), Ok(named.format));
            }
            assert_eq!(parse(&named.format.name()), Ok(named.format));
            assert_eq!(named.format.to_string(), named.name);
        }
    }

    #[test]
    fn any_width_parses() {
        assert_eq!(parse("m7"), Ok(BF16));
        assert_eq!(parse("e8m23"), Ok(FP32));
        assert_eq!(parse("m12").unwrap().name(), "e8m12");
    }

    #[test]
    fn errors_say_what_is_legal() {
        assert_eq!(parse("e1m3").unwrap_err(), "format e1m3: exponent bits must be 2 to 11");
        assert_eq!(parse("m53").unwrap_err(), "format e8m53: significand bits must be 1 to 52");
        let message = parse("bf17").unwrap_err();
        for legal in ["bf16", "fp16", "fp32", "e4m3", "e5m2", "eXmY"] {
            assert!(message.contains(legal), "{message}");
        }
        for bad in ["", "e", "m", "e+4m3", "e4m", "8m7", "e99999999999m3"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
