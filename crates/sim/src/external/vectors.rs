//! Traces as text: one line per cycle, one hexadecimal field per port, long ports in several fields.

use crate::engine::{EngineError, PortTrace, Trace};
use hdl::Type;
use std::io::{self, BufRead, Write};

/// Bits in one field; Verilog simulators read and print numbers of this length without trouble.
pub(super) const FIELD_BITS: u32 = 4096;

/// The fields of a port from its low end: offset and width.
pub(super) fn fields(ty: Type) -> impl Iterator<Item = (u32, u32)> {
    let bits = ty.bits();
    (0..bits).step_by(FIELD_BITS as usize).map(move |lo| (lo, FIELD_BITS.min(bits - lo)))
}

/// Writes a trace as the testbench reads it: the number of cycles in decimal on the first line, then one line per cycle
/// with the ports' values in hexadecimal, each port in fields of 4096 bits from its low end.
pub fn write_vectors(trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", trace.cycles)?;
    let mut line = String::new();
    for cycle in 0..trace.cycles {
        line.clear();
        for port in &trace.ports {
            let words = flatten(port.at(cycle), port.ty);
            fields(port.ty).for_each(|(lo, width)| push_hex(&mut line, field(&words, lo, width)));
        }
        line.truncate(line.trim_end().len());
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn field(words: &[u64], lo: u32, width: u32) -> &[u64] {
    &words[(lo / 64) as usize..(lo + width).div_ceil(64) as usize]
}

/// Elements side by side, element 0 in the low bits.
fn flatten(elements: &[u64], ty: Type) -> Vec<u64> {
    let mut words = vec![0; ty.bits().div_ceil(64) as usize];
    for (i, &element) in elements.iter().enumerate() {
        let at = i * ty.width as usize;
        let (word, shift) = (at / 64, at % 64);
        words[word] |= element << shift;
        if shift + ty.width as usize > 64 {
            words[word + 1] |= element >> (64 - shift);
        }
    }
    words
}

/// The elements of a flat pattern.
fn unflatten(words: &[u64], ty: Type) -> impl Iterator<Item = u64> {
    let mask = u64::MAX >> (64 - ty.width);
    (0..ty.count as usize).map(move |i| {
        let at = i * ty.width as usize;
        let (word, shift) = (at / 64, at % 64);
        let low = words[word] >> shift;
        let high = if shift + ty.width as usize > 64 { words[word + 1] << (64 - shift) } else { 0 };
        (low | high) & mask
    })
}

/// Appends a number without leading zeros, and a space.
fn push_hex(line: &mut String, words: &[u64]) {
    use std::fmt::Write;
    let top = words.iter().rposition(|&w| w != 0).unwrap_or(0);
    let _ = write!(line, "{:x}", words[top]);
    for word in words[..top].iter().rev() {
        let _ = write!(line, "{word:016x}");
    }
    line.push(' ');
}

/// Reads what the testbench dumped: one line per cycle, fields in hexadecimal, or in binary behind a `#` where some
/// bits are unknown. `trace` brings the ports and gets the values.
pub(super) fn read_dump(trace: &mut Trace, dump: impl BufRead) -> Result<(), EngineError> {
    for line in dump.lines() {
        let line = line?;
        let mut tokens = line.split_ascii_whitespace();
        for port in &mut trace.ports {
            let (mut value, mut unknown) = (vec![0; words(port.ty) + 1], vec![0; words(port.ty) + 1]);
            for (lo, _) in fields(port.ty) {
                let token = tokens.next().ok_or_else(|| short(trace.cycles, &port.name))?;
                let at = (lo / 64) as usize;
                parse(token, &mut value[at..], &mut unknown[at..])
                    .ok_or_else(|| EngineError(format!("`{token}` in the dump is no number")))?;
            }
            push(port, trace.cycles, &value, &unknown);
        }
        trace.cycles += 1;
    }
    Ok(())
}

fn words(ty: Type) -> usize {
    ty.bits().div_ceil(64) as usize
}

fn short(cycle: usize, port: &str) -> EngineError {
    EngineError(format!("the dump ends within cycle {cycle}, at port `{port}`"))
}

fn push(port: &mut PortTrace, cycles: usize, value: &[u64], unknown: &[u64]) {
    port.values.extend(unflatten(value, port.ty));
    if unknown.iter().any(|&w| w != 0) && port.known.is_empty() {
        port.known = vec![true; cycles * port.ty.count as usize];
    }
    if !port.known.is_empty() || unknown.iter().any(|&w| w != 0) {
        port.known.extend(unflatten(unknown, port.ty).map(|u| u == 0));
    }
}

/// Parses a field into words of value and of unknown bits.
fn parse(token: &str, value: &mut [u64], unknown: &mut [u64]) -> Option<()> {
    match token.strip_prefix('#') {
        Some(digits) => parse_digits(digits, 1, value, unknown),
        None => parse_digits(token, 4, value, unknown),
    }
}

fn parse_digits(digits: &str, bits: u32, value: &mut [u64], unknown: &mut [u64]) -> Option<()> {
    for (i, c) in digits.bytes().rev().enumerate() {
        let at = i * bits as usize;
        let (word, shift) = (at / 64, at % 64);
        match (c as char).to_digit(16) {
            Some(digit) => *value.get_mut(word)? |= u64::from(digit) << shift,
            None if matches!(c, b'x' | b'z' | b'X' | b'Z') => *unknown.get_mut(word)? |= 1 << shift,
            None => return None,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(ty: Type, values: Vec<u64>) -> Trace {
        let cycles = values.len() / ty.count as usize;
        Trace { cycles, ports: vec![PortTrace { name: "p".into(), ty, values, known: vec![] }] }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (width, count) in [(1, 1), (7, 3), (64, 2), (33, 200), (13, 700)] {
            let ty = Type::unsigned(width).times(count);
            let mask = u64::MAX >> (64 - width);
            let values = (0..3 * u64::from(count)).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask);
            let trace = trace(ty, values.collect());
            let mut text = vec![];
            write_vectors(&trace, &mut text).unwrap();
            let body = &text[text.iter().position(|&c| c == b'\n').unwrap() + 1..];
            let mut back = Trace { cycles: 0, ports: trace.ports.clone() };
            back.ports[0].values.clear();
            read_dump(&mut back, body).unwrap();
            assert_eq!(back, trace);
        }
    }

    #[test]
    fn unknown_bits_are_found_in_their_element() {
        let mut back = trace(Type::unsigned(3).times(2), vec![]);
        read_dump(&mut back, "3f\n#1x0011\n01\n".as_bytes()).unwrap();
        assert_eq!(back.ports[0].values, [7, 7, 3, 4, 1, 0]);
        assert_eq!(back.ports[0].known, [true, true, true, false, true, true]);
    }

    #[test]
    fn a_short_line_is_an_error() {
        let mut back = trace(Type::unsigned(3), vec![]);
        assert!(read_dump(&mut back, "\n".as_bytes()).unwrap_err().0.contains("port `p`"));
    }
}
