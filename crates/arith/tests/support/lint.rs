//! Linters and Yosys on the Verilog of a design. A tool that is missing is skipped aloud; with `FLASHRTL_STRICT=1` it
//! fails.

use hdl::Design;
use hdl::verilog::{Header, write};
use sim::Tool;
use std::path::Path;
use std::process::Command;

/// Whether a tool is there; says so when it is not, and fails when that is not allowed.
pub fn have(tool: Tool) -> bool {
    let Some(why) = tool.unavailable() else { return true };
    assert!(std::env::var("FLASHRTL_STRICT").as_deref() != Ok("1"), "{why}");
    eprintln!("SKIPPED: {why}");
    false
}

/// Whether an engine can run, as [`have`].
pub fn can_run(engine: &dyn sim::Engine) -> bool {
    let Some(why) = engine.unavailable() else { return true };
    assert!(std::env::var("FLASHRTL_STRICT").as_deref() != Ok("1"), "{why}");
    eprintln!("SKIPPED: {why}");
    false
}

/// The Verilog, checked for what needs no tool: two runs give the same bytes, no `$` in an identifier. Returns its size.
pub fn text(design: &Design) -> usize {
    let files = write(design, &Header::default());
    assert_eq!(files, write(design, &Header::default()), "two runs differ");
    for file in &files {
        let bare = file.text.replace("$signed", "").replace("$clog2", "");
        assert!(!bare.contains('$'), "a `$` in {}:\n{}", file.name, file.text);
    }
    files.iter().map(|f| f.text.len()).sum()
}

/// Fails when Verilator, Icarus or Yosys has anything to say, or finds a latch.
pub fn lint(design: &Design) {
    text(design);
    let folder = tempfile::tempdir().unwrap();
    let mut files = write(design, &Header::default());
    files.pop();
    for file in &files {
        std::fs::write(folder.path().join(&file.name), &file.text).unwrap();
    }
    let names: Vec<&str> = files.iter().map(|f| &*f.name).collect();
    let top = &*design.top().name;
    let say = |program: &str, first: &[&str]| silent(folder.path(), program, &[first, &names].concat());
    if have(Tool::VERILATOR) {
        say("verilator", &["--lint-only", "-Wall", "--top-module", top]);
    }
    if have(Tool::IVERILOG) {
        say("iverilog", &["-g2005", "-Wall", "-o", "/dev/null"]);
    }
    if have(Tool::YOSYS) {
        let script = format!(
            "read_verilog {}; hierarchy -check -top {top}; proc; check -assert; \
             select -assert-none t:$dlatch t:$adlatch t:$dlatchsr t:$sr",
            names.join(" ")
        );
        silent(folder.path(), "yosys", &["-q", "-p", &script]);
    }
}

/// Runs a command in a folder; whatever it prints is a failure.
fn silent(folder: &Path, program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let said: String = said.lines().take(40).map(|line| format!("{line}\n")).collect();
    assert!(output.status.success() && said.trim().is_empty(), "{program} {args:?}:\n{said}");
}
