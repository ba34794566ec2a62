//! What synthesis needs to know about a platform: the `[synthesis]` section of its file, and where its Liberty files
//! are found.

use crate::error::FlowError;
use serde::Deserialize;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Variable that names a folder with one folder of Liberty files per platform.
pub const PDK: &str = "FLASHRTL_PDK";
/// Variable that names a checkout of OpenROAD-flow-scripts.
pub const ORFS: &str = "FLASHRTL_ORFS";

/// A platform for synthesis.
#[derive(Clone, PartialEq, Debug)]
pub struct Platform {
    /// Its name.
    pub name: String,
    /// Library and corner.
    pub description: String,
    /// What its file says.
    pub synthesis: Synthesis,
    /// All sections of its file, for the back-ends that have one of their own.
    pub(crate) sections: toml::Table,
}

/// The `[synthesis]` section of a platform file.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synthesis {
    /// Cell that drives the inputs of a design: a small buffer.
    pub driving_cell: String,
    /// Load of the outputs in femtofarads, about that of four small buffers.
    pub output_load: f64,
    /// The cell whose area is one gate equivalent: the smallest NAND of two inputs.
    pub nand2: String,
    /// Delay of logic relative to nangate45, if it is known: a design pipelined for one platform can be expected to
    /// run on another with its period scaled so.
    pub relative_delay: Option<f64>,
    /// Cells that are not to be used; `*` stands for anything.
    #[serde(default)]
    pub dont_use: Vec<String>,
    /// Liberty files in a checkout of OpenROAD-flow-scripts, from `flow/platforms/NAME`.
    #[serde(default)]
    pub orfs: Vec<String>,
    /// Liberty files that a system package installs, with their full paths.
    #[serde(default)]
    pub system: Vec<PathBuf>,
    /// The Debian package that installs them.
    pub package: Option<String>,
}

/// Where the user says that Liberty files are; all of it may be left out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Places {
    /// The Liberty files themselves.
    pub liberty: Vec<PathBuf>,
    /// A folder with one folder of Liberty files per platform.
    pub pdk: Option<PathBuf>,
    /// A checkout of OpenROAD-flow-scripts.
    pub orfs: Option<PathBuf>,
}

impl Places {
    /// What the environment says: [`PDK`] and [`ORFS`].
    pub fn from_environment() -> Places {
        let folder = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Places { liberty: vec![], pdk: folder(PDK), orfs: folder(ORFS) }
    }
}

impl Platform {
    /// The platform of a file with these sections.
    ///
    /// # Errors
    /// The section is missing, or wrong.
    pub fn new(name: &str, description: &str, sections: &toml::Table) -> Result<Platform, FlowError> {
        let section = sections.get("synthesis").cloned().ok_or_else(|| {
            FlowError::new(format!("platform \"{name}\" has no [synthesis] section in its file; add one"))
        })?;
        let synthesis = section
            .try_into()
            .map_err(|e| FlowError::new(format!("platform \"{name}\", section [synthesis]: {e}")))?;
        let sections = sections.clone();
        Ok(Platform { name: name.into(), description: description.into(), synthesis, sections })
    }

    /// The Liberty files, from the first of these places that is given or there: files named by the user, the folder
    /// of PDKs, the checkout of OpenROAD-flow-scripts, the system's package.
    ///
    /// # Errors
    /// Names the file that is missing in the place that was given, or all the ways to give one.
    pub fn liberty(&self, places: &Places) -> Result<Vec<PathBuf>, FlowError> {
        if !places.liberty.is_empty() {
            return all_there(places.liberty.clone(), "--liberty");
        }
        if let Some(folder) = places.pdk.as_ref().map(|pdk| pdk.join(&self.name)).filter(|f| f.is_dir()) {
            return liberty_files(&folder);
        }
        let Synthesis { orfs, system, .. } = &self.synthesis;
        if let Some(checkout) = places.orfs.as_ref().filter(|_| !orfs.is_empty()) {
            let folder = checkout.join("flow/platforms").join(&self.name);
            return all_there(orfs.iter().map(|file| folder.join(file)).collect(), "--orfs");
        }
        if !system.is_empty() && system.iter().all(|file| file.exists()) {
            return Ok(system.clone());
        }
        Err(FlowError::new(self.ways(places)))
    }

    /// How to provide the Liberty files that were not found.
    fn ways(&self, places: &Places) -> String {
        let name = &self.name;
        let mut text =
            format!("platform \"{name}\": its Liberty files were not found. One of these provides them:");
        if let Some(package) = &self.synthesis.package {
            text += &format!("\n  apt-get install {package}");
        }
        if !self.synthesis.orfs.is_empty() {
            text += &format!("\n  --orfs DIR or {ORFS}=DIR, a checkout of OpenROAD-flow-scripts");
        }
        let there = match &places.pdk {
            Some(pdk) => format!(" (there is no {})", pdk.join(name).display()),
            None => String::new(),
        };
        text + &format!(
            "\n  {PDK}=DIR, where DIR/{name} holds them as .lib or .lib.gz{there}\n  --liberty FILE for each of them"
        )
    }
}

fn all_there(files: Vec<PathBuf>, given_by: &str) -> Result<Vec<PathBuf>, FlowError> {
    match files.iter().find(|file| !file.is_file()) {
        Some(file) => Err(FlowError::new(format!("{given_by}: there is no Liberty file {}", file.display()))),
        None => Ok(files),
    }
}

/// The Liberty files of a folder, in order.
fn liberty_files(folder: &Path) -> Result<Vec<PathBuf>, FlowError> {
    let entries = fs::read_dir(folder).map_err(FlowError::io(folder))?;
    let is_liberty = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_file() && (name.ends_with(".lib") || name.ends_with(".lib.gz"))
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(is_liberty).collect();
    files.sort();
    if files.is_empty() {
        return Err(FlowError::new(format!("{}: holds no Liberty file (.lib or .lib.gz)", folder.display())));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(extra: &str) -> Platform {
        let text = format!("[synthesis]\ndriving_cell = \"B\"\noutput_load = 4\nnand2 = \"N\"\n{extra}");
        Platform::new("p", "", &toml::from_str(&text).unwrap()).unwrap()
    }

    #[test]
    fn places_are_tried_in_order() {
        let root = tempfile::tempdir().unwrap();
        let file = |path: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let system = file("system.lib");
        let p = platform(&format!("orfs = [\"lib/a.lib\"]\nsystem = [\"{}\"]", system.display()));
        let mut places = Places::default();
        assert_eq!(p.liberty(&places).unwrap(), [system]);
        places.orfs = Some(root.path().join("orfs"));
        let error = p.liberty(&places).unwrap_err().to_string();
        assert!(error.contains("--orfs") && error.contains("flow/platforms/p/lib/a.lib"), "{error}");
        let orfs = file("orfs/flow/platforms/p/lib/a.lib");
        assert_eq!(p.liberty(&places).unwrap(), [orfs]);
        places.pdk = Some(root.path().join("pdk"));
        let pdk = [file("pdk/p/x.lib"), file("pdk/p/y.lib.gz")];
        file("pdk/p/README");
        assert_eq!(p.liberty(&places).unwrap(), pdk);
        let own = file("own.lib");
        places.liberty = vec![own.clone()];
        assert_eq!(p.liberty(&places).unwrap(), [own]);
    }

    #[test]
    fn what_is_missing_is_said_with_every_way_to_provide_it() {
        let p = platform("orfs = [\"a.lib\"]\nsystem = [\"/nowhere/a.lib\"]\npackage = \"cells\"");
        let error = p.liberty(&Places::default()).unwrap_err().to_string();
        for way in
            ["apt-get install cells", "--orfs DIR", "FLASHRTL_ORFS", "FLASHRTL_PDK=DIR", "--liberty FILE"]
        {
            assert!(error.contains(way), "{error}");
        }
        let error = Platform::new("p", "", &toml::Table::new()).unwrap_err().to_string();
        assert!(error.contains("no [synthesis] section"), "{error}");
    }
}
