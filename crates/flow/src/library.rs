//! The Liberty files of a platform made into the one file that every tool reads: uncompressed, merged, without the
//! cells that are not to be used, and without the wire loads that a tool might apply unasked.

use crate::clock_gate::{self, ClockGate};
use crate::error::FlowError;
use crate::liberty_text::{Statement, statements};
use crate::memory::{self, Macro, Placed};
use crate::platform::{Places, Platform};
use crate::step::{Input, digest, write};
use flate2::read::MultiGzDecoder;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A cell library, ready for the tools.
#[derive(Clone, Debug)]
pub struct Library {
    /// The platform.
    pub platform: Platform,
    /// The file that the tools read.
    pub path: PathBuf,
    /// Where it comes from.
    pub sources: Vec<Source>,
    /// Its cells by name.
    pub cells: BTreeMap<String, Cell>,
    /// The macros of the platform whose Liberty files are there; they are among the cells.
    pub macros: Vec<Macro>,
    /// The cells that gate clocks, the weakest first; none in many libraries.
    pub clock_gates: Vec<ClockGate>,
    /// Femtofarads of the library's unit of capacitance.
    pub capacitance_unit_ff: f64,
    digest: String,
}

/// A Liberty file as it was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Source {
    /// Its path.
    pub path: PathBuf,
    /// SHA-256 of its contents.
    pub sha256: String,
}

/// What is counted of a cell.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cell {
    /// Area, µm².
    pub area: f64,
    /// It holds a bit: a flip-flop or a latch.
    pub stores: bool,
    /// It is a memory.
    pub is_macro: bool,
}

impl Library {
    /// Finds the Liberty files of a platform and writes the prepared one into a folder.
    ///
    /// # Errors
    /// Liberty files are missing, cannot be read, or are not Liberty; a cell that the platform names is not there; the
    /// platform's `[macros]` are wrong.
    pub fn prepare(platform: &Platform, places: &Places, folder: &Path) -> Result<Library, FlowError> {
        let paths = platform.liberty(places)?;
        let texts = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
        let named: Vec<(&Path, &str)> =
            paths.iter().zip(&texts).map(|(path, (text, _))| (path.as_path(), text.as_str())).collect();
        let merged = merge(&named, &platform.synthesis.dont_use)?;
        let digest = digest(merged.text.as_bytes());
        fs::create_dir_all(folder).map_err(FlowError::io(folder))?;
        let path = folder.join(format!("{}-{}.lib", platform.name, &digest[..16]));
        if !path.exists() {
            write(&path, &merged.text)?;
        }
        let sources =
            paths.into_iter().zip(texts).map(|(path, (_, sha256))| Source { path, sha256 }).collect();
        let macros = Macro::find(platform, places)?;
        let macros = macros.into_iter().map(|m| m.prepared(folder)).collect::<Result<Vec<_>, _>>()?;
        let memory = |m: &Macro| (m.name.clone(), Cell { area: m.area, stores: false, is_macro: true });
        let mut cells = merged.cells;
        cells.extend(macros.iter().map(memory));
        let library = Library {
            platform: platform.clone(),
            path,
            sources,
            cells,
            macros,
            clock_gates: clock_gate::usable(merged.clock_gates, merged.clock_pin),
            capacitance_unit_ff: merged.capacitance_unit_ff,
            digest,
        };
        library.cell(&platform.synthesis.driving_cell, "driving_cell")?;
        library.cell(&platform.synthesis.nand2, "nand2")?;
        Ok(library)
    }

    /// The macros that are in some memories, each once.
    pub fn used(&self, memories: &[Placed]) -> Vec<&Macro> {
        let names = memory::names(memories);
        self.macros.iter().filter(|m| names.contains(m.name.as_str())).collect()
    }

    /// Area of one gate equivalent, µm².
    pub fn nand2_area(&self) -> f64 {
        self.cells[&self.platform.synthesis.nand2].area
    }

    /// The load of outputs in the library's unit.
    pub(crate) fn output_load(&self) -> f64 {
        self.platform.synthesis.output_load / self.capacitance_unit_ff
    }

    /// The prepared file as the input of a step.
    pub(crate) fn input(&self) -> Input {
        Input { name: "cells.lib".into(), path: self.path.clone(), digest: self.digest.clone() }
    }

    fn cell(&self, name: &str, key: &str) -> Result<&Cell, FlowError> {
        self.cells.get(name).ok_or_else(|| {
            let (platform, files) =
                (&self.platform.name, self.sources.iter().map(|s| s.path.display().to_string()));
            FlowError::new(format!(
                "platform \"{platform}\": synthesis.{key} = \"{name}\" is no usable cell of {}",
                files.collect::<Vec<_>>().join(", ")
            ))
        })
    }
}

/// The text of a Liberty file, unpacked if it ends in `.gz`, and the hash of the file.
pub(crate) fn read(path: &Path) -> Result<(String, String), FlowError> {
    let bytes = fs::read(path).map_err(FlowError::io(path))?;
    let sha256 = digest(&bytes);
    let mut text = vec![];
    if path.extension().is_some_and(|e| e == "gz") {
        MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).map_err(FlowError::io(path))?;
    } else {
        text = bytes;
    }
    Ok((String::from_utf8_lossy(&text).into_owned(), sha256))
}

#[derive(Default)]
struct Merged {
    text: String,
    cells: BTreeMap<String, Cell>,
    clock_gates: Vec<ClockGate>,
    /// The smallest flip-flop: its area, and the capacitance of its clock pin in the library's unit.
    clock_pin: Option<(f64, f64)>,
    capacitance_unit_ff: f64,
}

/// One library of several: what the first says about itself, and the groups of all, each once.
fn merge(files: &[(&Path, &str)], dont_use: &[String]) -> Result<Merged, FlowError> {
    let mut merged = Merged::default();
    let mut seen = BTreeSet::new();
    for (i, (path, text)) in files.iter().enumerate() {
        let broken = |what: String| {
            FlowError::new(format!("{}: is not a usable Liberty file: {what}", path.display()))
        };
        let outer = statements(text).map_err(&broken)?;
        let library = outer.iter().find(|s| s.keyword == "library" && s.body.is_some());
        let library = library.ok_or_else(|| broken("it has no library group".into()))?;
        let inner = statements(library.body.expect("it was looked for")).map_err(&broken)?;
        if i == 0 {
            merged.text = format!("library ({}) {{\n", library.argument);
            merged.capacitance_unit_ff = capacitance_unit(&inner).map_err(&broken)?;
        }
        for statement in &inner {
            let new = match statement.body {
                Some(_) => seen.insert((statement.keyword, statement.argument)),
                None => i == 0 && !statement.keyword.starts_with("default_wire_load"),
            };
            if new && !(statement.keyword == "cell" && is_unused(statement.name(), dont_use)) {
                let end = if statement.body.is_some() { "" } else { ";" };
                merged.text += &format!("  {}{end}\n", statement.text);
                if statement.keyword == "cell" {
                    merged.add(statement).map_err(&broken)?;
                }
            }
        }
    }
    merged.text += "}\n";
    Ok(merged)
}

impl Merged {
    fn add(&mut self, statement: &Statement) -> Result<(), String> {
        let inner = statements(statement.body.expect("a cell is a group"))?;
        let area = inner.iter().find(|s| s.keyword == "area").and_then(|s| s.argument.parse().ok());
        let area = area.ok_or_else(|| format!("cell {} has no area", statement.name()))?;
        let gate = ClockGate::read(statement.name(), &inner)?;
        let holds = |s: &Statement| ["ff", "latch", "ff_bank", "latch_bank"].contains(&s.keyword);
        let stores = gate.is_none() && inner.iter().any(holds);
        self.cells.insert(statement.name().into(), Cell { area, stores, is_macro: false });
        self.clock_gates.extend(gate);
        let is_flop = inner.iter().any(|s| s.keyword == "ff");
        if is_flop && self.clock_pin.is_none_or(|(smallest, _)| area < smallest) {
            self.clock_pin = clock_gate::clock_pin(&inner)?.map(|load| (area, load)).or(self.clock_pin);
        }
        Ok(())
    }
}

/// Femtofarads of `capacitive_load_unit (1, pf)`.
fn capacitance_unit(library: &[Statement]) -> Result<f64, String> {
    let unit = library.iter().find(|s| s.keyword == "capacitive_load_unit").map(|s| s.argument);
    let parse = |text: &str| {
        let (number, unit) = text.split_once(',')?;
        let factor = match unit.trim().trim_matches('"').to_lowercase().as_str() {
            "ff" => 1.0,
            "pf" => 1e3,
            _ => return None,
        };
        Some(number.trim().parse::<f64>().ok()? * factor)
    };
    let text = unit.ok_or("it has no capacitive_load_unit")?;
    parse(text).ok_or_else(|| format!("capacitive_load_unit ({text}) is not understood"))
}

fn is_unused(cell: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| matches(pattern, cell))
}

/// Whether a pattern, in which `*` stands for anything, fits a name.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len()).filter(|&at| tail.is_char_boundary(at)).any(|at| matches(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "library (a) { capacitive_load_unit (1, pf);\n default_wire_load : \"w\";\n table (t) { x : 1; }\n\
                     cell (BUF) { area : 2; pin (A) { } }\n cell (\"DFF\") { area : 8.5; ff (IQ, IQN) { } }\n}";
    const B: &str = "library (b) { capacitive_load_unit (1, ff); table (t) { x : 1; } cell (BIG_X8) { area : 9; } \
                     cell (INV) { area : 1; } }";

    #[test]
    fn files_are_merged_and_filtered() {
        let files = [(Path::new("a"), A), (Path::new("b"), B)];
        let merged = merge(&files, &["BIG*".into()]).unwrap();
        let cells: Vec<(&str, f64, bool)> =
            merged.cells.iter().map(|(name, c)| (name.as_str(), c.area, c.stores)).collect();
        assert_eq!(cells, [("BUF", 2.0, false), ("DFF", 8.5, true), ("INV", 1.0, false)]);
        assert_eq!(merged.capacitance_unit_ff, 1000.0);
        assert!(!merged.text.contains("wire_load") && !merged.text.contains("BIG_X8"), "{}", merged.text);
        assert_eq!(merged.text.matches("table").count(), 1);
    }

    #[test]
    fn what_is_no_liberty_is_refused() {
        for (text, why) in [
            ("module x; endmodule", "expected a statement"),
            ("cell (B) { area : 1; }", "no library group"),
            (&A[..150], "is not closed"),
            ("library (a) { cell (B) { area : 1; } }", "no capacitive_load_unit"),
            ("library (a) { capacitive_load_unit (1, pf); cell (B) { } }", "cell B has no area"),
        ] {
            let error = merge(&[(Path::new("x.lib"), text)], &[]).err().unwrap().to_string();
            assert!(error.starts_with("x.lib: ") && error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("sky*__dly*", "sky130__dlymetal") && matches("*", "") && matches("a*b*b", "aXbb"));
        assert!(!matches("DFF", "DFFX1") && !matches("a*b", "abc"));
    }
}
