//! A small driver in C, to start from.

use super::{Access, Map, Register};
use crate::accelerator::spec::{AcceleratorSpec, Interface};
use std::fmt::Write;

/// The driver's header, `<name>_driver.h`: the structs of a job and of its counters, and the functions.
pub fn c_driver_header(spec: &AcceleratorSpec) -> String {
    let map = Map::new(spec);
    let fields = |access| map.of(access).map(field).collect::<String>();
    let read = if spec.engine.initial { "q, k, v and initial states" } else { "q, k and v" };
    let caches = match spec.interface {
        Interface::Dma => {
            format!("\n *\n * Caches: write {read} back to memory before a job, and invalidate o after it.")
        }
        Interface::Stream => String::new(),
    };
    let parts = [
        ("@fields@", fields(Access::Configuration)),
        ("@counters@", fields(Access::Counter)),
        ("@caches@", caches),
    ];
    filled(HEADER, &parts, spec)
}

/// C that starts a job, waits for it and reads the counters; it includes `<name>_driver.h`, which includes
/// `<name>_registers.h`.
pub fn c_driver(spec: &AcceleratorSpec) -> String {
    let map = Map::new(spec);
    let (mut writes, mut reads) = (String::new(), String::new());
    for register in map.of(Access::Configuration) {
        let field = register.name.to_lowercase();
        for (i, word) in register.words().iter().enumerate() {
            let half = if i == 0 { String::new() } else { " >> 32".into() };
            let _ = writeln!(
                writes,
                "    write_word(base, @NAME@_{}, (uint32_t)(job->{field}{half}));",
                word.name
            );
        }
    }
    for register in map.of(Access::Counter) {
        let read = |word: &str| format!("read_word(base, @NAME@_{word})");
        let value = match register.words().as_slice() {
            [low, high] => format!("{} | (uint64_t){} << 32", read(&low.name), read(&high.name)),
            words => read(&words[0].name),
        };
        let _ = writeln!(reads, "    counters->{} = {value};", register.name.to_lowercase());
    }
    filled(DRIVER, &[("@writes@", writes), ("@reads@", reads)], spec)
}

/// A register as a member of a struct.
fn field(register: &Register) -> String {
    format!("    uint{}_t {}; /* {} */\n", register.bits, register.name.to_lowercase(), register.doc)
}

/// A template with its parts and the accelerator's name in their places.
fn filled(template: &str, parts: &[(&str, String)], spec: &AcceleratorSpec) -> String {
    let text = parts.iter().fold(template.to_string(), |text, (place, part)| text.replace(place, part));
    text.replace("@NAME@", &spec.name.to_uppercase()).replace("@name@", &spec.name)
}

const HEADER: &str = include_str!("driver.h.in");
const DRIVER: &str = include_str!("driver.c.in");
