//! Generated folders: complete or not there, never in the way of anybody's files, the same every time.

mod support;

use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use support::flashrtl;

fn generate(folder: &Path, more: &[&str]) -> support::Call {
    flashrtl(&[&["generate", "tour", "-o", folder.to_str().unwrap()], more].concat())
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn every_file_beside_rtl_and_testbench_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tour_accelerator");
    let said = flashrtl(&["generate", "tour_accelerator", "-o", out.to_str().unwrap()]).succeeds();
    for file in
        files(&out).iter().filter(|f| !f.starts_with(out.join("rtl")) && !f.starts_with(out.join("tb")))
    {
        assert!(said.out.contains(file.to_str().unwrap()), "{}:\n{}", file.display(), said.out);
    }
}

#[test]
fn the_manifest_lists_every_file_with_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tour");
    generate(&out, &[]).succeeds();
    let manifest: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("manifest.json")).unwrap()).unwrap();
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!(listed.len() + 1, files(&out).len());
    for file in listed {
        let bytes = fs::read(out.join(file["path"].as_str().unwrap())).unwrap();
        let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(file["sha256"], hash.as_str(), "{file}");
        assert_eq!(file["bytes"], bytes.len(), "{file}");
    }
    assert_eq!(manifest["top"], "tour");
    assert_eq!(manifest["engine"]["queries_per_block"], 4);
    assert_eq!(manifest["command"], "flashrtl generate tour");
    let widths = manifest["ports"].as_array().unwrap().iter().map(|p| (p["name"].as_str().unwrap(), p));
    let ports: std::collections::BTreeMap<_, _> = widths.collect();
    assert_eq!((&ports["q_data"]["width"], &ports["q_data"]["format"]), (&64.into(), &"bf16".into()));
    assert!(ports.values().all(|p| !p["meaning"].as_str().unwrap().is_empty()));
}

#[test]
fn two_runs_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["a", "b"].map(|name| folder.path().join(name));
    generate(&first, &[]).succeeds();
    generate(&second, &[]).succeeds();
    for file in files(&first) {
        let other = second.join(file.strip_prefix(&first).unwrap());
        assert!(fs::read(&file).unwrap() == fs::read(other).unwrap(), "{}", file.display());
    }
}

#[test]
fn a_second_run_replaces_its_own_files_and_keeps_others() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tour");
    generate(&out, &[]).succeeds();
    fs::write(out.join("rtl/stale.v"), "mine").unwrap();
    fs::create_dir(out.join("notes")).unwrap();
    fs::write(out.join("notes/a.txt"), "mine").unwrap();
    fs::write(out.join("rtl/tour.v"), "damaged").unwrap();
    generate(&out, &[]).succeeds();
    assert_eq!(fs::read_to_string(out.join("notes/a.txt")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(out.join("rtl/stale.v")).unwrap(), "mine");
    assert!(fs::read_to_string(out.join("rtl/tour.v")).unwrap().contains("module tour"));
    assert_eq!(names(folder.path()).len(), 1, "nothing temporary is left");
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("mine");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("thesis.tex"), "mine").unwrap();
    let said = generate(&out, &[]).fails();
    assert!(said.err.contains("was not written by flashrtl") && said.err.contains("--force"), "{}", said.err);
    assert_eq!(names(&out), BTreeSet::from(["thesis.tex".to_string()]));
    generate(&out, &["--force"]).succeeds();
    assert_eq!(fs::read_to_string(out.join("thesis.tex")).unwrap(), "mine");
    assert!(out.join("rtl/tour.v").exists());
}

#[test]
fn a_file_in_the_way_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tour");
    fs::write(&out, "mine").unwrap();
    let said = generate(&out, &["--force"]).fails();
    assert!(said.err.contains("is a file"), "{}", said.err);
    let said = generate(&out.join("below"), &[]).fails();
    assert!(said.err.contains("cannot write here"), "{}", said.err);
    assert_eq!(fs::read_to_string(&out).unwrap(), "mine");
}

#[test]
#[cfg(target_os = "linux")]
fn an_unwritable_place_is_an_error() {
    // Nobody, not even root, can make a folder there.
    let said = generate(Path::new("/proc/flashrtl/tour"), &[]).fails();
    assert!(said.err.contains("/proc/flashrtl/tour: cannot write here"), "{}", said.err);
}

/// Interrupts at every moment of a run, closest together where it ends and the folder takes its place.
#[test]
#[cfg(unix)]
fn an_interrupted_run_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("big");
    let start = || {
        let args = ["generate", "fa2_bf16_d64", "--set", "array.query_lanes=2", "-o", out.to_str().unwrap()];
        let mut command = Command::new(env!("CARGO_BIN_EXE_flashrtl"));
        command.args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let begun = Instant::now();
    start().wait().unwrap();
    let whole = begun.elapsed();
    let early = (0..4).map(|i| whole * i / 5);
    let late = (0..30).map(|i| whole * (70 + i) / 100);
    for wait in early.chain(late) {
        let mut child = start();
        std::thread::sleep(wait);
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        child.wait().unwrap();
        let manifest = fs::read_to_string(out.join("manifest.json")).expect("an earlier run completed it");
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(manifest["files"].as_array().unwrap().len() + 1, files(&out).len());
        assert_eq!(names(folder.path()), BTreeSet::from(["big".to_string()]), "after {wait:?} of {whole:?}");
    }
}
