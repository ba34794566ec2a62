//! The table as a C header and as a page.

use super::{Field, Map, Register};
use crate::accelerator::spec::{AcceleratorSpec, Cause};
use std::fmt::Write;

/// The C header: offsets of all words, masks of all fields of registers that have several, causes.
pub fn c_header(spec: &AcceleratorSpec) -> String {
    let name = spec.name.to_uppercase();
    let guard = format!("{name}_REGISTERS_H");
    let mut text = format!(
        "/* Registers of {}: byte offsets, fields, and what they hold after reset. Generated; do not edit. */\n\
         #ifndef {guard}\n#define {guard}\n",
        spec.name
    );
    for register in &Map::new(spec).registers {
        define_register(&mut text, &name, register);
    }
    text.push_str("\n/* STATUS.CAUSE */\n");
    for (cause, doc) in CAUSES {
        define(&mut text, &format!("{name}_CAUSE_{}", macro_case(cause)), &format!("{}u", cause as u32), doc);
    }
    let _ = write!(text, "\n#endif /* {guard} */\n");
    text
}

fn define(text: &mut String, name: &str, value: &str, doc: &str) {
    let _ = writeln!(text, "#define {name} {value} /* {doc} */");
}

fn define_register(text: &mut String, prefix: &str, register: &Register) {
    let _ =
        writeln!(text, "\n/* {} ({}): {} */", register.name, register.access.abbreviation(), register.doc);
    for word in register.words() {
        let _ = writeln!(text, "#define {prefix}_{} 0x{:03x}u", word.name, word.offset);
    }
    if register.bits == 32 {
        let _ = writeln!(text, "#define {prefix}_{}_RESET 0x{:08x}u", register.name, register.reset());
    }
    for field in register.fields.iter().filter(|field| field.name != "VALUE") {
        let name = format!("{prefix}_{}_{}", register.name, field.name);
        define(text, &format!("{name}_SHIFT"), &format!("{}u", field.low), field.doc);
        let _ = writeln!(text, "#define {name}_MASK 0x{:08x}u", mask(field));
    }
}

fn mask(field: &Field) -> u64 {
    (u64::MAX >> (64 - field.width)) << field.low
}

/// `ZeroLength` as `ZERO_LENGTH`.
fn macro_case(cause: Cause) -> String {
    let mut name = String::new();
    for letter in format!("{cause:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// The register map as Markdown.
pub fn markdown(spec: &AcceleratorSpec) -> String {
    let mut text = format!(
        "# Registers of {}\n\n\
         AXI4-Lite, 32-bit words at byte offsets. Words are read whole; writes honour the byte strobes. An address that\n\
         is not listed, a write to a word that is read only (`ro`), and a write to a setting while `STATUS.BUSY` is on\n\
         are answered with SLVERR and change nothing. Read the high word of a counter that still counts before and after\n\
         the low one.\n\n\
         | offset | name | access | reset | |\n|---|---|---|---|---|\n",
        spec.name
    );
    let map = Map::new(spec);
    for register in &map.registers {
        for (i, word) in register.words().iter().enumerate() {
            let _ = writeln!(
                text,
                "| `0x{:03x}` | {} | {} | `0x{:08x}` | {} |",
                word.offset,
                word.name,
                register.access.abbreviation(),
                register.reset() >> (32 * i) & 0xffff_ffff,
                if i == 0 { register.doc } else { "Its high word." }
            );
        }
    }
    for register in map.registers.iter().filter(|r| r.fields.iter().any(|f| f.name != "VALUE")) {
        let _ = write!(text, "\n## {}\n\n| bits | field | reset | |\n|---|---|---|---|\n", register.name);
        for field in &register.fields {
            let bits = match field.width {
                1 => field.low.to_string(),
                width => format!("{}:{}", field.low + width - 1, field.low),
            };
            let _ = writeln!(text, "| {bits} | {} | {} | {} |", field.name, field.reset, field.doc);
        }
    }
    text.push_str("\n## Causes\n\n| CAUSE | | |\n|---|---|---|\n");
    for (cause, doc) in CAUSES {
        let _ = writeln!(text, "| {} | {} | {doc} |", cause as u32, macro_case(cause));
    }
    text
}

/// Every cause.
pub fn causes() -> impl Iterator<Item = Cause> {
    CAUSES.into_iter().map(|(cause, _)| cause)
}

/// What the causes mean to a driver.
const CAUSES: [(Cause, &str); 14] = [
    (Cause::ZeroLength, "QUERIES, KEYS, HEADS or KV_HEADS is 0."),
    (Cause::TooLong, "QUERIES or KEYS is beyond the maximum."),
    (Cause::BadHeads, "HEADS or KV_HEADS is beyond the maximum, or HEADS is no multiple of KV_HEADS."),
    (Cause::BadMask, "MASK is unknown, or there is no hardware for it."),
    (Cause::ZeroWindow, "MASK is 2 and WINDOW is 0."),
    (Cause::Unaligned, "A base or stride is no multiple of BUS_BYTES."),
    (Cause::EarlyLast, "tlast came before the last beat of a packet."),
    (Cause::LateLast, "The last beat of a packet came without tlast."),
    (Cause::ReadSlaveError, "A read was answered with SLVERR."),
    (Cause::ReadDecodeError, "A read was answered with DECERR."),
    (Cause::WriteSlaveError, "A write was answered with SLVERR."),
    (Cause::WriteDecodeError, "A write was answered with DECERR."),
    (Cause::Watchdog, "Nothing moved for a very long time."),
    (
        Cause::OpenTransfers,
        "The bus has yet to answer what a job asked for that the watchdog has ended, or the streams still bring what was sent to it.",
    ),
];
