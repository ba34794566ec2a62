//! How a folder of generated files gets to disk: all of it or nothing.
//!
//! Files go to a temporary folder beside the target, which takes the target's place when it is complete. A folder that
//! the tool did not write is not touched, and files in it that are not ours move over into the new one.

use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// Name of the file by which a folder is known to be ours, with the list of the others.
pub const MANIFEST: &str = "manifest.json";

/// The temporary folders that are being filled, to be removed on an interrupt. Whoever changes what is on disk holds
/// the lock meanwhile, so that an interrupt comes before the change or after it.
static IN_PROGRESS: Mutex<Vec<TempDir>> = Mutex::new(vec![]);

fn in_progress() -> MutexGuard<'static, Vec<TempDir>> {
    IN_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes an interrupt remove what is half-written, and end the tools that run, before it ends the program.
pub fn clean_up_on_interrupt() {
    // Without a handler an interrupt leaves the folder under its temporary name, which does no harm.
    let _ = ctrlc::set_handler(|| {
        let mut folders = in_progress();
        folders.clear();
        flow::interrupt();
        std::process::exit(130); // with the lock held: nobody writes any more
    });
}

/// A temporary folder beside the place of what is written; removed when it is dropped, and on an interrupt.
struct Temporary(PathBuf);

impl Temporary {
    fn new(parent: &Path, prefix: &str) -> std::io::Result<Temporary> {
        let mut folders = in_progress();
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        let path = folder.path().to_path_buf();
        folders.push(folder);
        Ok(Temporary(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        in_progress().retain(|folder| folder.path() != self.0);
    }
}

/// A folder in the making.
pub struct Staging {
    temporary: Temporary,
    target: PathBuf,
    written: BTreeSet<PathBuf>,
}

impl Staging {
    /// Begins a folder that will be `target`. Fails when the target cannot be written, or was not written by this
    /// tool and `force` is not given.
    pub fn new(target: &Path, force: bool) -> Result<Staging> {
        if target.exists() {
            may_replace(target, force)?;
        }
        let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let cannot_write = || format!("{}: cannot write here", target.display());
        fs::create_dir_all(parent).with_context(cannot_write)?;
        let name = target.file_name().with_context(|| format!("{}: must name a folder", target.display()))?;
        let prefix = format!(".{}.part-", name.to_string_lossy());
        let temporary = Temporary::new(parent, &prefix).with_context(cannot_write)?;
        let staging = Staging { temporary, target: target.into(), written: BTreeSet::new() };
        let _uninterrupted = in_progress();
        fs::create_dir(staging.new_folder()).with_context(cannot_write)?;
        Ok(staging)
    }

    /// Where the files are until the folder is complete.
    fn new_folder(&self) -> PathBuf {
        self.temporary.0.join("new")
    }

    /// Writes a file, by its path from the folder.
    pub fn write(&mut self, path: &str, contents: &str) -> Result<()> {
        let _uninterrupted = in_progress();
        let place = self.new_folder().join(path);
        let write = || {
            fs::create_dir_all(place.parent().expect("it is in the folder"))?;
            fs::write(&place, contents)
        };
        write().with_context(|| format!("{}: cannot write {path}", self.target.display()))?;
        self.written.insert(path.into());
        Ok(())
    }

    /// Puts the complete folder in the target's place.
    pub fn commit(self) -> Result<()> {
        let _uninterrupted = in_progress();
        let failed = || format!("{}: cannot replace it", self.target.display());
        let old = self.temporary.0.join("old");
        let ours = manifest_files(&self.target).unwrap_or_default();
        if self.target.exists() {
            fs::rename(&self.target, &old).with_context(failed)?;
        }
        if let Err(error) = fs::rename(self.new_folder(), &self.target) {
            if old.exists() {
                fs::rename(&old, &self.target).with_context(failed)?;
            }
            return Err(error).with_context(failed);
        }
        for file in files(&old, Path::new("")).into_iter().filter(|f| !ours.contains(f)) {
            let place = self.target.join(&file);
            if !self.written.contains(&file) {
                fs::create_dir_all(place.parent().expect("it is in the folder")).with_context(failed)?;
                fs::rename(old.join(&file), place).with_context(failed)?;
            }
        }
        Ok(())
    }
}

/// Writes a single file: into a temporary folder beside it, from where it takes its place when it is complete.
pub fn write_file(path: &Path, write: impl FnOnce(fs::File) -> Result<()>) -> Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot_write = || format!("{}: cannot write it", path.display());
    let folder = Temporary::new(parent, ".flashrtl-").with_context(cannot_write)?;
    let part = folder.0.join("part");
    write(fs::File::create(&part).with_context(cannot_write)?).with_context(cannot_write)?;
    let _uninterrupted = in_progress();
    fs::rename(part, path).with_context(cannot_write)
}

fn may_replace(target: &Path, force: bool) -> Result<()> {
    let shown = target.display();
    if !target.is_dir() {
        bail!("{shown}: is a file; give a folder with -o");
    }
    let is_empty = fs::read_dir(target).with_context(|| format!("{shown}: cannot read it"))?.next().is_none();
    if !is_empty && !force && manifest_files(target).is_none() {
        bail!(
            "{shown}: was not written by flashrtl (it has no {MANIFEST} of ours); choose another folder with -o, or \
             add --force to write into it (only files of the same name are replaced)"
        );
    }
    Ok(())
}

/// The files that the manifest of a folder lists, itself included; `None` without a manifest of ours.
fn manifest_files(folder: &Path) -> Option<BTreeSet<PathBuf>> {
    let text = fs::read_to_string(folder.join(MANIFEST)).ok()?;
    let manifest: serde_json::Value = serde_json::from_str(&text).ok()?;
    manifest["tool"].as_str().filter(|tool| tool.starts_with("flashrtl "))?;
    let listed = manifest["files"].as_array()?.iter().filter_map(|file| Some(file["path"].as_str()?.into()));
    Some(listed.chain([MANIFEST.into()]).collect())
}

/// All files below a folder, by their paths from it.
fn files(folder: &Path, below: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.join(below)) else { return vec![] };
    let of_entry = |entry: fs::DirEntry| {
        let path = below.join(entry.file_name());
        let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
        if is_folder { files(folder, &path) } else { vec![path] }
    };
    entries.flatten().flat_map(of_entry).collect()
}
