//! The benches in `testbench/cocotb` on emitted Verilog.

use super::lint::can_run;
use attention::accelerator::vectors::Bench;
use hdl::Design;
use hdl::verilog::{Header, write};
use sim::Engine;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The interpreter that has cocotb and cocotbext-axi: the one that `FLASHRTL_PYTHON` names, `python3`, or that of the
/// environment which `scripts/install.sh` makes.
fn python() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = variable("XDG_DATA_HOME").or_else(|| Some(variable("HOME")?.join(".local/share")));
    let installed = home.map(|home| home.join("flashrtl/venv/bin/python3"));
    let has = |python: &PathBuf| {
        let script = "import cocotb, cocotbext.axi; assert cocotb.__version__.startswith('1.')";
        Command::new(python).args(["-c", script]).output().is_ok_and(|output| output.status.success())
    };
    [variable("FLASHRTL_PYTHON"), Some("python3".into()), installed].into_iter().flatten().find(has)
}

/// A folder for a design's bench.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cocotb_{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("rtl")).unwrap();
    folder
}

/// Runs benches on a design in simulators; a tool that is missing is skipped aloud, or fails with `FLASHRTL_STRICT=1`.
pub fn run(folder: &Path, design: &Design, bench: &Bench, modules: &str, simulators: &[&dyn Engine]) {
    let Some(python) = python() else {
        let why = "cocotb 1.9 and cocotbext-axi are missing; scripts/install.sh installs them";
        assert!(std::env::var("FLASHRTL_STRICT").as_deref() != Ok("1"), "{why}");
        eprintln!("SKIPPED: {why}");
        return;
    };
    for file in write(design, &Header::default()).into_iter().filter(|file| file.name.ends_with(".v")) {
        std::fs::write(folder.join("rtl").join(file.name), file.text).unwrap();
    }
    std::fs::write(folder.join("design.json"), serde_json::to_string_pretty(bench).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testbench/cocotb/run.py");
    for simulator in simulators.iter().filter(|simulator| can_run(**simulator)) {
        let mut command = Command::new(&python);
        let output = command.arg(&script).arg(folder).args([simulator.name(), modules]).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let passed = output.status.success() && said.contains("PASS: ");
        assert!(passed, "{modules} in {}:\n{said}", simulator.name());
    }
}
