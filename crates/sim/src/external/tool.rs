//! Finding the external programs.

use std::process::Command;

/// An external program and where it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tool {
    /// The program.
    pub program: &'static str,
    /// Argument that makes it print its version.
    pub version_flag: &'static str,
    /// The Debian or Ubuntu package that installs it.
    pub package: &'static str,
    /// Oldest major version that works.
    pub least_major: u32,
}

impl Tool {
    /// Compiler of Icarus Verilog.
    pub const IVERILOG: Tool =
        Tool { program: "iverilog", version_flag: "-V", package: "iverilog", least_major: 10 };
    /// Run-time engine of Icarus Verilog.
    pub const VVP: Tool = Tool { program: "vvp", version_flag: "-V", package: "iverilog", least_major: 10 };
    /// Verilator; testbenches with delays need version 5.
    pub const VERILATOR: Tool =
        Tool { program: "verilator", version_flag: "--version", package: "verilator", least_major: 5 };
    /// Yosys.
    pub const YOSYS: Tool = Tool { program: "yosys", version_flag: "-V", package: "yosys", least_major: 0 };

    /// First line of what the program says about its version; `None` when it cannot be run.
    pub fn version(&self) -> Option<String> {
        let output = Command::new(self.program).arg(self.version_flag).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Some(text.lines().next().unwrap_or_default().trim().to_string())
    }

    /// Why the program cannot be used, with how to install it; `None` when it can.
    pub fn unavailable(&self) -> Option<String> {
        let Tool { program, package, least_major, .. } = self;
        let Some(version) = self.version() else {
            return Some(format!("`{program}` is not installed; `apt-get install {package}` installs it"));
        };
        match major(&version) {
            Some(major) if major < *least_major => Some(format!(
                "`{program}` is too old ({version}); version {least_major} or newer is needed, and newer releases of \
                 the package `{package}` have it"
            )),
            _ => None,
        }
    }
}

/// The first number in a version line.
fn major(version: &str) -> Option<u32> {
    let number = version.split(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty())?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_says_how_to_install_it() {
        let tool = Tool { program: "no-such-simulator", package: "some-package", ..Tool::VVP };
        let why = tool.unavailable().unwrap();
        assert!(why.contains("no-such-simulator") && why.contains("apt-get install some-package"), "{why}");
    }

    #[test]
    fn version_lines_are_understood() {
        assert_eq!(major("Verilator 5.006 2023-01-22 rev (Debian 5.006-3)"), Some(5));
        assert_eq!(major("Icarus Verilog version 11.0 (stable) ()"), Some(11));
    }
}
