//! The committed RTL and testbenches of the small designs are what the program generates.
//!
//! `FLASHRTL_BLESS=1 cargo test -p flashrtl --test committed` rewrites them.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use support::{flashrtl, root};

/// The designs whose RTL is in `rtl_out/`, and whose testbench is in `testbench/`.
const DESIGNS: &[&str] = &["tour", "tour_flash_d_lse", "expmul_bf16"];

/// Files of a folder by their names.
fn contents(folder: &Path) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeMap::new() };
    let files = entries.map(|e| e.unwrap()).filter(|e| e.file_type().unwrap().is_file());
    files.map(|e| (e.file_name().into_string().unwrap(), fs::read_to_string(e.path()).unwrap())).collect()
}

/// Makes a committed folder equal to a generated one, or demands that it is.
fn settle(design: &str, committed: &Path, generated: &Path) {
    let (old, new) = (contents(committed), contents(generated));
    assert!(!new.is_empty());
    if std::env::var_os("FLASHRTL_BLESS").is_some() {
        fs::create_dir_all(committed).unwrap();
        old.keys()
            .filter(|name| !new.contains_key(*name))
            .for_each(|name| fs::remove_file(committed.join(name)).unwrap());
        new.iter().for_each(|(name, text)| fs::write(committed.join(name), text).unwrap());
        return;
    }
    let differs = |name: &&String| old.get(*name) != new.get(*name);
    let names: Vec<&String> = old.keys().chain(new.keys()).filter(differs).collect();
    assert!(
        names.is_empty(),
        "{} is not what `flashrtl generate configs/{design}.toml` gives: {names:?} differ.\nIf that is meant, \
         `FLASHRTL_BLESS=1 cargo test -p flashrtl --test committed` brings it up to date.",
        committed.display()
    );
}

#[test]
fn committed_designs_are_current() {
    for design in DESIGNS {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join(design);
        // Relative, as a user in the root of the tree would say it: the command is in the headers.
        let config = format!("configs/{design}.toml");
        flashrtl(&["generate", &config, "-o", out.to_str().unwrap()]).current_dir(root()).succeeds();
        settle(design, &root().join("rtl_out").join(design), &out.join("rtl"));
        settle(design, &root().join("testbench").join(design), &out.join("tb"));
    }
}
