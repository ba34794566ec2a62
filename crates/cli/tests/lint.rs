//! The RTL of every built-in design: linters say nothing, Yosys finds no latch and no problem, and it is small.
//! A tool that is missing is skipped aloud; with `FLASHRTL_STRICT=1` it fails. Verilator, which flattens what it reads,
//! gets engines with short rows, and with `FLASHRTL_NIGHTLY=1` the whole ones.

mod support;

use sim::Tool;
use std::path::Path;
use std::process::Command;
use support::flashrtl;

/// Whether a tool is there; says so when it is not, and fails when that is not allowed.
fn have(tool: Tool) -> bool {
    let Some(why) = tool.unavailable() else { return true };
    assert!(std::env::var("FLASHRTL_STRICT").as_deref() != Ok("1"), "{why}");
    eprintln!("SKIPPED: {why}");
    false
}

/// Runs a command in a folder; whatever it prints is a failure.
fn silent(folder: &Path, program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.trim().is_empty(), "{program} {args:?}:\n{said}");
}

/// Generates every built-in design and gives folder, top and files of its RTL to the check, all at once. Engines get
/// these overrides.
fn each_design(overrides: &[&str], check: impl Fn(&Path, &str, &[&str]) + Sync) {
    let list = flashrtl(&["list", "configs", "--json"]).succeeds().json();
    let names: Vec<&str> =
        list["configs"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"tour"));
    std::thread::scope(|scope| {
        for name in names {
            let check = &check;
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let out = folder.path().join(name);
                let is_engine = flashrtl(&["check", name, "--json"]).succeeds().json()["engine"].is_object();
                let overrides = if is_engine { overrides } else { &[] };
                flashrtl(&[&["generate", name, "-o", out.to_str().unwrap()], overrides].concat()).succeeds();
                let manifest = std::fs::read_to_string(out.join("manifest.json")).unwrap();
                let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
                let top = manifest["top"].as_str().unwrap();
                let list = std::fs::read_to_string(out.join(format!("rtl/{top}.f"))).unwrap();
                check(&out.join("rtl"), top, &list.lines().collect::<Vec<_>>());
            });
        }
    });
}

#[test]
fn verilator_says_nothing() {
    let whole = std::env::var("FLASHRTL_NIGHTLY").as_deref() == Ok("1");
    let short: &[&str] = &["--set", "array.head_dim=8", "--set", "array.query_lanes=2"];
    if have(Tool::VERILATOR) {
        each_design(if whole { &[] } else { short }, |rtl, top, files| {
            let args = [&["--lint-only", "-Wall", "--top-module", top][..], files].concat();
            silent(rtl, "verilator", &args);
        });
    }
}

#[test]
fn icarus_says_nothing() {
    if have(Tool::IVERILOG) {
        each_design(&[], |rtl, _, files| {
            silent(rtl, "iverilog", &[&["-g2005", "-Wall", "-o", "/dev/null"], files].concat());
        });
    }
}

#[test]
fn yosys_finds_no_latch() {
    if have(Tool::YOSYS) {
        each_design(&[], |rtl, top, files| {
            let script = format!(
                "read_verilog {}; hierarchy -check -top {top}; proc; check -assert; select -assert-none t:$dlatch \
                 t:$dlatchsr t:$sr",
                files.join(" ")
            );
            silent(rtl, "yosys", &["-q", "-p", &script]);
        });
    }
}

#[test]
fn names_are_plain_and_files_small() {
    each_design(&[], |rtl, _, files| {
        let texts = files.iter().map(|file| std::fs::read_to_string(rtl.join(file)).unwrap());
        let bytes: usize = texts
            .map(|text| {
                assert!(!text.replace("$signed", "").contains('$'), "{text}");
                text.len()
            })
            .sum();
        assert!(bytes < 500_000, "{bytes} bytes of Verilog");
    });
}

/// The largest engine there is: rows of 256 elements.
#[test]
fn a_large_engine_is_generated_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("large");
    let sets = ["--set", "array.head_dim=256", "--set", "array.query_lanes=16"];
    let args = [&["generate", "fa2_bf16_d64", "-o", out.to_str().unwrap()][..], &sets].concat();
    let start = std::time::Instant::now();
    flashrtl(&args).succeeds();
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
