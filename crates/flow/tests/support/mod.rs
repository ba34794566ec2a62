//! What the tests share: a library of our own making, and the places where real ones may be.
#![allow(dead_code)] // every test file uses a part of it

use flow::liberty::Library;
use std::path::{Path, PathBuf};

/// Round numbers: pF, ns, nW, 1 V, so that energies are in pJ.
pub const TINY: &str = include_str!("tiny.lib");

/// The library of [`TINY`].
pub fn tiny() -> Library {
    Library::parse(TINY).unwrap()
}

/// Where Debian's package puts the osu018 cells.
pub const OSU018: &str = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib";

/// The file if it is there; absent, a message, or a failure where everything must run.
pub fn file_or_skip(path: &str, package: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let missing = format!("{} is absent; `apt-get install {package}` installs it", path.display());
    path.exists().then(|| path.to_path_buf()).or_else(|| skip(&missing))
}

/// Says why a test is skipped; fails instead where everything must run.
pub fn skip<T>(why: &str) -> Option<T> {
    let strict = std::env::var("FLASHRTL_STRICT").is_ok_and(|v| v == "1");
    assert!(!strict, "{why}");
    println!("skipped: {why}");
    None
}

/// Liberty files below the folder that `FLASHRTL_PDK` names, macros aside.
pub fn pdk_libraries() -> Vec<PathBuf> {
    let Ok(root) = std::env::var("FLASHRTL_PDK") else { return vec![] };
    let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_dir());
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()));
    let mut libraries: Vec<PathBuf> = files.filter(|p| p.to_string_lossy().ends_with(".lib.gz")).collect();
    libraries.sort();
    libraries
}
