//! A small driver in C, to start from.

use super::{Access, Map};
use crate::accelerator::spec::AcceleratorSpec;
use std::fmt::Write;

/// C that starts a job, waits for it and reads the counters; it includes the header `<name>_registers.h`.
pub fn c_driver(spec: &AcceleratorSpec) -> String {
    let map = Map::new(spec);
    let (mut fields, mut writes, mut counters, mut reads) =
        (String::new(), String::new(), String::new(), String::new());
    for register in map.of(Access::Configuration) {
        let field = register.name.to_lowercase();
        let _ = writeln!(fields, "    uint{}_t {field}; /* {} */", register.bits, register.doc);
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
        let field = register.name.to_lowercase();
        let _ = writeln!(counters, "    uint{}_t {field}; /* {} */", register.bits, register.doc);
        let read = |word: &str| format!("read_word(base, @NAME@_{word})");
        let value = match register.words().as_slice() {
            [low, high] => format!("{} | (uint64_t){} << 32", read(&low.name), read(&high.name)),
            words => read(&words[0].name),
        };
        let _ = writeln!(reads, "    counters->{field} = {value};");
    }
    let parts = [("@fields@", fields), ("@writes@", writes), ("@counters@", counters), ("@reads@", reads)];
    let text = parts.iter().fold(TEMPLATE.to_string(), |text, (place, part)| text.replace(place, part));
    text.replace("@NAME@", &spec.name.to_uppercase()).replace("@name@", &spec.name)
}

const TEMPLATE: &str = include_str!("driver.c.in");
