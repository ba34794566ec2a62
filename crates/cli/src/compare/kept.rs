//! Results of long computations, kept under a hash of all that they depend on, this program included.

use crate::output::write_file;
use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;

/// A folder of results.
pub struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// Makes the folder.
    pub fn new(folder: PathBuf) -> Result<Kept> {
        fs::create_dir_all(&folder).with_context(|| format!("{}: cannot write here", folder.display()))?;
        Ok(Kept { folder })
    }

    /// The result of an earlier run that depended on the same, or else that of `make`.
    pub fn or_make<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        depends_on: &impl Serialize,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let key = serde_json::to_string(&(program(), depends_on))?;
        let path = self.folder.join(format!("{name}-{}.json", &sha256(key.as_bytes())[..16]));
        let earlier = fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
        if let Some(result) = earlier {
            return Ok(result);
        }
        let result = make()?;
        let text = serde_json::to_string(&result)?;
        write_file(&path, |mut file| Ok(file.write_all(text.as_bytes())?))?;
        Ok(result)
    }
}

/// Hash of the running program.
fn program() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let bytes = std::env::current_exe().and_then(fs::read);
        bytes.map_or_else(|_| crate::package::TOOL.to_string(), |bytes| sha256(&bytes))
    })
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn results_are_made_once_and_failures_are_not_kept() {
        let root = tempfile::tempdir().unwrap();
        let kept = Kept::new(root.path().join("kept")).unwrap();
        assert!(kept.or_make("x", &1, || -> Result<f64> { bail!("no") }).is_err());
        assert_eq!(kept.or_make("x", &1, || Ok(0.1)).unwrap(), 0.1);
        assert_eq!(kept.or_make("x", &1, || -> Result<f64> { panic!("it is there") }).unwrap(), 0.1);
        assert_eq!(kept.or_make("x", &2, || Ok(0.2)).unwrap(), 0.2);
    }
}
