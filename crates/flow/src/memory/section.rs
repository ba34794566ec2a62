//! The `[macros]` section of a platform file: single-port memories, their ports, and where their files are.

use crate::error::FlowError;
use crate::platform::{Places, Platform};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Name of the section.
const SECTION: &str = "macros";
/// What stands for a macro's name in the path of a file.
const NAME: &str = "*";

/// Single-port memories of a platform; all of them have the same ports.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Their ports.
    pub ports: Ports,
    /// Rows, a power of two, and bits of a row, by name.
    pub sizes: BTreeMap<String, [u32; 2]>,
    /// Their files in the platform's folder of [`PDK`](crate::platform::PDK).
    pub pdk: Files,
    /// Their files in OpenROAD-flow-scripts, from `flow/platforms/NAME`.
    pub orfs: Option<Files>,
}

/// Files of a macro, `*` standing for its name.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Liberty; it may end in `.gz` too.
    pub liberty: String,
    /// LEF.
    pub lef: Option<String>,
    /// GDS.
    pub gds: Option<String>,
}

/// The ports of a macro: a rising edge of the clock takes address, controls and data; what has been read is there
/// before the next one, and need not stay.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    /// Clock.
    pub clock: String,
    /// Reads or writes.
    pub enable: Control,
    /// Writes rather than reads.
    pub write: Control,
    /// Which bits are written.
    pub write_mask: Option<WriteMask>,
    /// The row.
    pub address: String,
    /// What is written.
    pub data_in: String,
    /// What has been read.
    pub data_out: String,
    /// A second port, which only reads and is left alone.
    pub unused_read: Option<ReadPort>,
}

/// A control input, `!` in front of its name if 0 asserts it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Control {
    /// Its name.
    pub port: String,
    /// Asserted at 0.
    pub active_low: bool,
}

/// An input with a bit for so many bits of the data.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteMask {
    /// Its name.
    pub port: String,
    /// Bits of the data that one of it stands for.
    pub bits: u32,
}

/// A port that only reads.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadPort {
    /// Clock.
    pub clock: String,
    /// Reads.
    pub enable: Control,
    /// The row.
    pub address: String,
    /// What has been read.
    pub data_out: String,
}

impl TryFrom<String> for Control {
    type Error = String;

    fn try_from(text: String) -> Result<Control, String> {
        let port = text.strip_prefix('!').unwrap_or(&text).to_string();
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if port.is_empty() || !port.chars().all(legal) {
            return Err(format!("\"{text}\" is no name of a port, with `!` in front if 0 asserts it"));
        }
        Ok(Control { active_low: port.len() < text.len(), port })
    }
}

impl Control {
    /// A level of the pin: asserted or not.
    pub fn level(&self, asserted: bool) -> bool {
        asserted != self.active_low
    }
}

impl Section {
    /// The files of a macro in OpenROAD-flow-scripts, from the platform's folder.
    ///
    /// # Errors
    /// The section does not say where they are.
    pub(crate) fn orfs(&self, platform: &Platform) -> Result<&Files, FlowError> {
        self.orfs.as_ref().ok_or_else(|| {
            let name = &platform.name;
            FlowError::new(format!(
                "platform \"{name}\", section [{SECTION}]: does not say where the files are (orfs)"
            ))
        })
    }

    /// The section of a platform's file; `None` where there is none.
    ///
    /// # Errors
    /// It is wrong.
    pub fn of(platform: &Platform) -> Result<Option<Section>, FlowError> {
        let wrong = |what: String| {
            FlowError::new(format!("platform \"{}\", section [{SECTION}]: {what}", platform.name))
        };
        let Some(section) = platform.sections.get(SECTION).cloned() else { return Ok(None) };
        let section: Section = section.try_into().map_err(|e: toml::de::Error| wrong(e.to_string()))?;
        let bad = section.sizes.iter().find(|(_, [rows, bits])| !rows.is_power_of_two() || *bits == 0);
        if let Some((name, [rows, bits])) = bad {
            let why = "rows must be a power of two, bits of a row above 0";
            return Err(wrong(format!("sizes.{name} = [{rows}, {bits}]: {why}")));
        }
        if section.ports.write_mask.as_ref().is_some_and(|mask| mask.bits == 0) {
            return Err(wrong("ports.write_mask.bits = 0: must be above 0".into()));
        }
        let files = [Some(("pdk", &section.pdk)), section.orfs.as_ref().map(|files| ("orfs", files))];
        for (key, files) in files.into_iter().flatten() {
            let paths =
                [("liberty", Some(&files.liberty)), ("lef", files.lef.as_ref()), ("gds", files.gds.as_ref())];
            let unnamed = paths.iter().find(|(_, path)| path.is_some_and(|path| !path.contains(NAME)));
            if let Some((kind, Some(path))) = unnamed {
                return Err(wrong(format!(
                    "{key}.{kind} = \"{path}\": must have a `{NAME}` for the macro's name"
                )));
            }
        }
        Ok(Some(section))
    }

    /// Where the Liberty file of a macro is: in the folder of PDKs, or in the checkout of OpenROAD-flow-scripts.
    pub(super) fn liberty(&self, platform: &str, name: &str, places: &Places) -> Option<PathBuf> {
        let pdk = places.pdk.as_ref().map(|pdk| pdk.join(platform).join(file(&self.pdk.liberty, name)));
        let orfs = places.orfs.as_ref().zip(self.orfs.as_ref()).map(|(checkout, files)| {
            checkout.join("flow/platforms").join(platform).join(file(&files.liberty, name))
        });
        let packed = |path: &PathBuf| PathBuf::from(format!("{}.gz", path.display()));
        let either = |path: PathBuf| [packed(&path), path].into_iter().find(|path| path.is_file());
        [pdk, orfs].into_iter().flatten().find_map(either)
    }
}

/// The path of a macro's file from its pattern.
pub(crate) fn file(pattern: &str, name: &str) -> String {
    pattern.replace(NAME, name)
}

impl Ports {
    /// The names of all ports.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            [&self.clock, &self.enable.port, &self.write.port, &self.address, &self.data_in, &self.data_out]
                .map(String::as_str)
                .to_vec();
        names.extend(self.write_mask.iter().map(|mask| mask.port.as_str()));
        let unused = self.unused_read.iter();
        names.extend(
            unused.flat_map(|p| [&p.clock, &p.enable.port, &p.address, &p.data_out]).map(String::as_str),
        );
        names
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A platform with a small macro whose controls 1 asserts, and one whose controls 0 asserts.
    pub(crate) fn platform(extra: &str) -> Platform {
        let text =
            format!("[synthesis]\ndriving_cell = \"B\"\noutput_load = 4\nnand2 = \"N\"\n[macros]\n{extra}");
        Platform::new("p", "", &toml::from_str(&text).unwrap()).unwrap()
    }

    pub(crate) const PLAIN: &str = "
        ports = { clock = \"clk\", enable = \"ce\", write = \"we\", address = \"a\", data_in = \"d\", data_out = \"q\" }
        sizes = { ram_8x4 = [8, 4], ram_16x8 = [16, 8] }
        pdk = { liberty = \"ram/*.lib\" }
        orfs = { liberty = \"lib/*.lib\", lef = \"lef/*.lef\" }
    ";

    #[test]
    fn what_is_wrong_in_a_section_is_said() {
        for (from, to, why) in [
            ("[8, 4]", "[6, 4]", "sizes.ram_8x4 = [6, 4]: rows must be a power of two"),
            ("ram/*.lib", "ram.lib", "pdk.liberty = \"ram.lib\": must have a `*`"),
            ("enable = \"ce\"", "enable = \"!\"", "\"!\" is no name of a port"),
            ("clock =", "clk =", "unknown field `clk`"),
        ] {
            let error = Section::of(&platform(&PLAIN.replace(from, to))).unwrap_err().to_string();
            assert!(
                error.starts_with("platform \"p\", section [macros]: ") && error.contains(why),
                "{error}"
            );
        }
        assert_eq!(
            Control::try_from("!csb0".to_string()).unwrap(),
            Control { port: "csb0".into(), active_low: true }
        );
    }
}
