//! Macros as they are found: what their Liberty files say, and what they do in a netlist.

use super::mapping::Size;
use super::section::{Ports, Section};
use crate::error::FlowError;
use crate::liberty::{Cell, CellKind, Memory, Pin, PinDirection};
use crate::liberty_text::statements;
use crate::library::{Source, read};
use crate::platform::{Places, Platform};
use crate::step::{Input, digest, write};
use hdl::index_width;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A macro whose Liberty file is there.
#[derive(Clone, PartialEq, Debug)]
pub struct Macro {
    /// Its name.
    pub name: String,
    /// Rows, a power of two.
    pub rows: u32,
    /// Bits of a row.
    pub bits: u32,
    /// Area, µm².
    pub area: f64,
    /// Its ports.
    pub ports: Ports,
    /// Its Liberty file, as it was found or as the tools read it.
    pub path: PathBuf,
    /// Where it comes from.
    pub source: Source,
    digest: String,
}

impl Macro {
    /// The macros of a platform whose Liberty files are found; none where the platform's file has no `[macros]`.
    ///
    /// # Errors
    /// The section is wrong, or a file does not describe its macro.
    pub fn find(platform: &Platform, places: &Places) -> Result<Vec<Macro>, FlowError> {
        let Some(section) = Section::of(platform)? else { return Ok(vec![]) };
        let found = section.sizes.iter().filter_map(|(name, size)| {
            section.liberty(&platform.name, name, places).map(|path| (name, *size, path))
        });
        found.map(|(name, size, path)| Macro::read(name, size, &section.ports, path)).collect()
    }

    fn read(name: &str, [rows, bits]: [u32; 2], ports: &Ports, path: PathBuf) -> Result<Macro, FlowError> {
        let (text, sha256) = read(&path)?;
        let described = describe(&text, name).and_then(|(area, found)| {
            let mut wanted = ports.names().into_iter();
            match wanted.find(|port| !found.contains(*port)) {
                Some(port) => Err(format!("its macro {name} has no port `{port}`")),
                None => Ok(area),
            }
        });
        let area = described.map_err(|what| FlowError::new(format!("{}: {what}", path.display())))?;
        let digest = digest(text.as_bytes());
        let source = Source { path: path.clone(), sha256 };
        Ok(Macro { name: name.into(), rows, bits, area, ports: ports.clone(), path, source, digest })
    }

    /// The same with its Liberty file uncompressed in a folder.
    ///
    /// # Errors
    /// The file cannot be read any more, or the other one not written.
    pub fn prepared(self, folder: &Path) -> Result<Macro, FlowError> {
        let plain = folder.join(format!("{}-{}.lib", self.name, &self.digest[..16]));
        if !plain.exists() {
            std::fs::create_dir_all(folder).map_err(FlowError::io(folder))?;
            write(&plain, &read(&self.source.path)?.0)?;
        }
        Ok(Macro { path: plain, ..self })
    }

    /// What the choice of macros depends on.
    pub fn size(&self) -> Size {
        Size { rows: self.rows, bits: self.bits, area: self.area }
    }

    /// Bits of an address.
    pub(crate) fn address_bits(&self) -> u32 {
        index_width(self.rows)
    }

    /// Bits of the write mask.
    pub(crate) fn mask_bits(&self) -> u32 {
        self.ports.write_mask.as_ref().map_or(0, |mask| self.bits.div_ceil(mask.bits))
    }

    /// The prepared file as the input of a step.
    pub(crate) fn input(&self) -> Input {
        Input { name: self.liberty_name(), path: self.path.clone(), digest: self.digest.clone() }
    }

    /// Name of that file in the folder of a step.
    pub(crate) fn liberty_name(&self) -> String {
        format!("{}.lib", self.name)
    }

    /// The macro as simulation takes it. It has no energies: open macros come with figures that mean nothing.
    pub fn cell(&self) -> Cell {
        let mut pins = vec![];
        let mut add = |port: &str, width: Option<u32>, direction: PinDirection| {
            let names: Vec<String> = match width {
                None => vec![port.to_string()],
                Some(width) => (0..width).map(|i| format!("{port}[{i}]")).collect(),
            };
            let first = pins.len();
            let pin = |name| Pin { name, direction, function: None, capacitance: 0.0, energies: vec![] };
            pins.extend(names.into_iter().map(pin));
            first..pins.len()
        };
        let (ports, input) = (&self.ports, PinDirection::Input);
        let clock = add(&ports.clock, None, input).start;
        let enable = (add(&ports.enable.port, None, input).start, ports.enable.active_low);
        let write = (add(&ports.write.port, None, input).start, ports.write.active_low);
        let mask =
            ports.write_mask.as_ref().map(|mask| (add(&mask.port, Some(self.mask_bits()), input), mask.bits));
        let address = add(&ports.address, Some(self.address_bits()), input);
        let data_in = add(&ports.data_in, Some(self.bits), input);
        let data_out = add(&ports.data_out, Some(self.bits), PinDirection::Output);
        if let Some(unused) = &ports.unused_read {
            add(&unused.clock, None, input);
            add(&unused.enable.port, None, input);
            add(&unused.address, Some(self.address_bits()), input);
            add(&unused.data_out, Some(self.bits), PinDirection::Output);
        }
        let memory = Memory { clock, enable, write, mask, address, data_in, data_out, rows: self.rows };
        let kind = CellKind::Memory(memory);
        Cell { name: self.name.clone(), area: self.area, pins, kind, leakage: vec![], default_leakage: 0.0 }
    }
}

/// Area and ports of the only cell of a Liberty file.
fn describe<'t>(text: &'t str, name: &str) -> Result<(f64, BTreeSet<&'t str>), String> {
    let outer = statements(text)?;
    let library = outer.iter().find(|s| s.keyword == "library").and_then(|s| s.body);
    let inner = statements(library.ok_or("it has no library group")?)?;
    let cell = inner.iter().find(|s| s.keyword == "cell" && s.name() == name).and_then(|s| s.body);
    let cell = statements(cell.ok_or_else(|| format!("it has no cell {name}"))?)?;
    let area = cell.iter().find(|s| s.keyword == "area").and_then(|s| s.argument.parse().ok());
    let area = area.filter(|area| *area > 0.0).ok_or_else(|| format!("cell {name} has no area"))?;
    let ports = cell.iter().filter(|s| s.keyword == "pin" || s.keyword == "bus");
    Ok((area, ports.map(|s| s.name()).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::section::tests::{PLAIN, platform};
    use super::*;
    use std::fs;

    fn liberty(name: &str, ports: &str) -> String {
        let ports: String = ports.split(' ').map(|port| format!("pin ({port}) {{ }}\n")).collect();
        format!("library (l) {{ cell ({name}) {{ area : 12.5; {ports} }} }}")
    }

    #[test]
    fn macros_are_those_whose_files_are_there() {
        let root = tempfile::tempdir().unwrap();
        let leave = |path: &str, text: String| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let place = |name: &str| Some(root.path().join(name));
        let places = Places { liberty: vec![], pdk: place("pdk"), orfs: place("orfs") };
        let find = || Macro::find(&platform(PLAIN), &places);
        assert_eq!(find().unwrap(), []);
        leave("pdk/p/ram/ram_8x4.lib", liberty("ram_8x4", "clk ce we a d q"));
        leave("orfs/flow/platforms/p/lib/ram_16x8.lib", liberty("ram_16x8", "clk ce we a d q"));
        let found = find().unwrap();
        let sizes: Vec<(&str, u32, u32, f64)> =
            found.iter().map(|m| (m.name.as_str(), m.rows, m.bits, m.area)).collect();
        assert_eq!(sizes, [("ram_16x8", 16, 8, 12.5), ("ram_8x4", 8, 4, 12.5)]);
        let prepared = found[1].clone().prepared(&root.path().join("cells")).unwrap();
        assert!(prepared.path.starts_with(root.path().join("cells")) && prepared.path.is_file());
        leave("pdk/p/ram/ram_8x4.lib", liberty("ram_8x4", "clk ce a d q"));
        let error = find().unwrap_err().to_string();
        assert!(error.ends_with("ram_8x4.lib: its macro ram_8x4 has no port `we`"), "{error}");
        leave("pdk/p/ram/ram_8x4.lib", liberty("other", "clk"));
        assert!(find().unwrap_err().to_string().ends_with("it has no cell ram_8x4"));
    }
}
