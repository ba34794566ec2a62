//! Platforms: what a process library says about delays, as data.

use super::error::suggestion;
use hdl::DelayModel;
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The platform files that the program carries: every file of `configs/platforms`.
static EMBEDDED: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../configs/platforms");

/// A platform file.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Platform {
    /// Name, as configurations give it.
    pub name: String,
    /// Library and corner.
    pub description: String,
    /// Delay models by version; a platform may be for synthesis only and have none.
    #[serde(rename = "delay_model", default)]
    models: BTreeMap<String, DelayModel>,
    /// The other sections, for the readers they belong to.
    #[serde(flatten)]
    pub sections: toml::Table,
}

impl Platform {
    /// A version of the delay model.
    ///
    /// # Errors
    /// Lists the versions there are, or says that there is none.
    pub fn delay_model(&self, version: u32) -> Result<Arc<DelayModel>, String> {
        if self.models.is_empty() {
            return Err(format!(
                "platform \"{}\" has no delay model, so that nothing can be pipelined for it; pipeline for another \
                 platform (`flashrtl list platforms`), or fit a model with `flashrtl fit`",
                self.name
            ));
        }
        self.models.get(&version.to_string()).cloned().map(Arc::new).ok_or_else(|| {
            let there: Vec<&str> = self.versions().collect();
            format!("platform \"{}\" has no such version; it has {}", self.name, there.join(", "))
        })
    }

    /// Versions of the delay model, in order.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }

    fn parse(text: &str) -> Result<Platform, String> {
        let platform: Platform = toml::from_str(text).map_err(|e| e.to_string())?;
        match platform.models.keys().find(|k| k.parse::<u32>().is_err()) {
            Some(key) => Err(format!("delay_model.{key}: a version must be an integer")),
            None => Ok(platform),
        }
    }
}

/// Names of the platforms that the program carries, in order.
pub fn platform_names() -> Vec<&'static str> {
    let mut names: Vec<&str> =
        EMBEDDED.files().filter_map(|f| f.path().to_str()?.strip_suffix(".toml")).collect();
    names.sort_unstable();
    names
}

/// The platform of a name, or of a path (which has a `/` or ends in `.toml`) from the current folder.
///
/// # Errors
/// Says which names there are, or what is wrong with the file.
pub fn platform(name: &str) -> Result<Platform, String> {
    find(name, PathBuf::new())
}

/// As [`platform`], with paths from `folder`.
pub(super) fn find(name: &str, folder: PathBuf) -> Result<Platform, String> {
    if name.contains('/') || name.ends_with(".toml") {
        let path = folder.join(Path::new(name));
        let text = std::fs::read_to_string(&path)
            .map_err(|e| format!("cannot read the platform file {}: {e}", path.display()))?;
        return Platform::parse(&text).map_err(|e| format!("in the platform file {}: {e}", path.display()));
    }
    let file = EMBEDDED.get_file(format!("{name}.toml")).and_then(|f| f.contents_utf8());
    match file {
        Some(text) => Platform::parse(text),
        None => {
            let names = platform_names();
            let hint = suggestion(name, names.iter().copied()).unwrap_or_default();
            Err(format!(
                "unknown platform; legal: {}, or the path of a platform file{hint}",
                names.join(", ")
            ))
        }
    }
}
