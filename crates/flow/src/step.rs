//! A run of a tool, or work of our own, kept: nothing is run again whose inputs are the same.
//!
//! A step has a folder of its own whose name ends in a hash of everything that it depends on: the tool's version, the
//! scripts, the contents of the input files. The folder gets this name when the step has succeeded; a folder of that
//! name is therefore the step's result.

use crate::error::FlowError;
use crate::process::{LOG, complaint, is_error, run};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// When and with what a step ran.
const STAMP: &str = "stamp.json";
/// Hexadecimal digits of the hash in a folder's name.
const DIGITS: usize = 16;

/// A file that a step reads, under a name of its own in the step's folder.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// Stands for the contents.
    pub(crate) digest: String,
}

/// A run of a tool.
pub(crate) struct Step<'a> {
    /// The beginning of its folder's name.
    pub(crate) name: &'a str,
    /// The tool with its version.
    pub(crate) tool: &'a str,
    pub(crate) inputs: Vec<Input>,
    /// Files written into its folder before it runs.
    pub(crate) scripts: Vec<(&'a str, String)>,
    /// Files that it must leave there.
    pub(crate) outputs: &'a [&'a str],
}

/// A step that has been done, now or earlier.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) folder: PathBuf,
    /// Hash of everything that it depended on.
    key: String,
    /// Whether an earlier run's result was taken.
    pub(crate) cached: bool,
    /// Wall-clock time that it took.
    pub(crate) seconds: f64,
}

#[derive(Serialize, Deserialize)]
struct Stamp {
    tool: String,
    seconds: f64,
}

impl Done {
    /// A file that it left.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The text of a file that it left.
    pub(crate) fn read(&self, name: &str) -> Result<String, FlowError> {
        let path = self.path(name);
        fs::read_to_string(&path).map_err(FlowError::io(&path))
    }

    /// A file that it left as the input of another step.
    pub(crate) fn input(&self, name: &str) -> Input {
        Input { name: name.into(), path: self.path(name), digest: format!("{}/{name}", self.key) }
    }
}

impl Step<'_> {
    /// Takes the result of an earlier run from `root`, or runs the tool, which `command` starts, in a new folder there.
    ///
    /// # Errors
    /// Shows what the tool said about its failure, and where its log is.
    pub(crate) fn perform(
        &self,
        root: &Path,
        timeout: Duration,
        command: impl FnOnce() -> Command,
    ) -> Result<Done, FlowError> {
        self.make(root, |folder| self.run(root, folder, timeout, command()))
    }

    /// Takes the result of an earlier run from `root`, or lets `work` leave it in a new folder there.
    ///
    /// # Errors
    /// As `work`, or when the folder cannot be written.
    pub(crate) fn make(
        &self,
        root: &Path,
        work: impl FnOnce(&Path) -> Result<(), FlowError>,
    ) -> Result<Done, FlowError> {
        let key = self.key();
        let folder = root.join(format!("{}-{}", self.name, &key[..DIGITS]));
        if let Some(stamp) = self.earlier(&folder) {
            return Ok(Done { folder, key, cached: true, seconds: stamp.seconds });
        }
        let part = tempfile::Builder::new()
            .prefix(&format!(".{}-", self.name))
            .tempdir_in(root)
            .map_err(FlowError::io(root))?;
        self.fill(part.path())?;
        let start = Instant::now();
        work(part.path())?;
        let stamp = Stamp { tool: self.tool.into(), seconds: start.elapsed().as_secs_f64() };
        let text = serde_json::to_string(&stamp).expect("a stamp is plain data");
        fs::write(part.path().join(STAMP), text).map_err(FlowError::io(part.path()))?;
        if self.earlier(&folder).is_none() {
            if folder.exists() {
                fs::remove_dir_all(&folder).map_err(FlowError::io(&folder))?; // results are missing in it
            }
            fs::rename(part.keep(), &folder).map_err(FlowError::io(&folder))?;
        } // else somebody was faster, and may be reading it
        Ok(Done { folder, key, cached: false, seconds: stamp.seconds })
    }

    fn key(&self) -> String {
        let inputs = self.inputs.iter().map(|i| (i.name.as_str(), i.digest.as_str()));
        let scripts = self.scripts.iter().map(|(name, text)| (*name, text.as_str()));
        let all = [("tool", self.tool)].into_iter().chain(inputs).chain(scripts);
        digest(all.flat_map(|(name, text)| [name, "\0", text, "\0"]).collect::<String>().as_bytes())
    }

    fn earlier(&self, folder: &Path) -> Option<Stamp> {
        let stamp = serde_json::from_str(&fs::read_to_string(folder.join(STAMP)).ok()?).ok()?;
        self.outputs.iter().all(|name| folder.join(name).exists()).then_some(stamp)
    }

    fn fill(&self, folder: &Path) -> Result<(), FlowError> {
        for input in &self.inputs {
            let target = std::path::absolute(&input.path).map_err(FlowError::io(&input.path))?;
            symlink(target, folder.join(&input.name)).map_err(FlowError::io(folder))?;
        }
        for (name, text) in &self.scripts {
            fs::write(folder.join(name), text).map_err(FlowError::io(folder))?;
        }
        Ok(())
    }

    fn run(
        &self,
        root: &Path,
        folder: &Path,
        timeout: Duration,
        mut command: Command,
    ) -> Result<(), FlowError> {
        // The log of a failure outlives the step's folder.
        let kept = root.join(format!("{}.failed.log", self.name));
        let log = folder.join(LOG);
        let keep = |error: FlowError| {
            let _ = fs::copy(&log, &kept);
            error
        };
        let status = run(&mut command, folder, timeout).map_err(keep)?;
        let missing = self.outputs.iter().find(|name| !folder.join(name).exists());
        // Debian's OpenSTA ends with success whatever happens in a script.
        let said = fs::read(&log).unwrap_or_default();
        let complained = String::from_utf8_lossy(&said).lines().any(is_error);
        let why = match (status.success(), complained, missing) {
            (true, false, None) => {
                let _ = fs::remove_file(&kept); // of an earlier run
                return Ok(());
            }
            (true, false, Some(name)) => format!("it left no {name}"),
            _ => status.to_string(),
        };
        let (tool, name, said) = (self.tool, self.name, complaint(&log));
        Err(keep(FlowError::new(format!(
            "{tool} failed at step {name} ({why}):{said}\n  log: {}",
            kept.display()
        ))))
    }
}

/// Writes a file, all of it or nothing.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), FlowError> {
    let folder = path.parent().expect("a file is in a folder");
    let part = tempfile::NamedTempFile::new_in(folder).map_err(FlowError::io(folder))?;
    fs::write(part.path(), text).map_err(FlowError::io(part.path()))?;
    part.persist(path).map_err(|e| FlowError::io(path)(e.error))?;
    Ok(())
}

/// SHA-256 in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn step(script: &str) -> Step<'_> {
        let scripts = vec![("script", script.to_string())];
        Step { name: "try", tool: "sh", inputs: vec![], scripts, outputs: &["out"] }
    }

    fn shell() -> Command {
        let mut command = Command::new("sh");
        command.arg("script");
        command
    }

    #[test]
    fn a_step_runs_once_until_something_changes() {
        let root = tempfile::tempdir().unwrap();
        let first = step("echo 1 > out").perform(root.path(), LIMIT, shell).unwrap();
        let second = step("echo 1 > out").perform(root.path(), LIMIT, || panic!("it ran again")).unwrap();
        assert!(!first.cached && second.cached && first.folder == second.folder);
        let third = step("echo 2 > out").perform(root.path(), LIMIT, shell).unwrap();
        assert!(!third.cached && third.read("out").unwrap() == "2\n");
        fs::remove_file(first.path("out")).unwrap();
        assert!(!step("echo 1 > out").perform(root.path(), LIMIT, shell).unwrap().cached);
    }

    #[test]
    fn a_failure_says_what_the_tool_said_and_keeps_the_log() {
        let root = tempfile::tempdir().unwrap();
        for script in ["echo ERROR: bad; exit 3", "echo ERROR: bad; touch out", "echo bad"] {
            let error = step(script).perform(root.path(), LIMIT, shell).unwrap_err().to_string();
            assert!(error.contains("failed at step try") && error.contains("bad\n"), "{error}");
            let log = root.path().join("try.failed.log");
            assert!(error.contains(log.to_str().unwrap()) && log.exists(), "{error}");
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "no half-written folder stays");
    }
}
