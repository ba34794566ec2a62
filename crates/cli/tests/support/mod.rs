//! Running the program.
#![allow(dead_code)] // every test file uses its part

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The program with its arguments.
pub fn flashrtl(args: &[&str]) -> Call {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flashrtl"));
    command.args(args);
    Call { command }
}

/// A call of the program.
pub struct Call {
    pub command: Command,
}

impl Call {
    /// Where it runs.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Call {
        self.command.current_dir(folder);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Call {
        self.command.env(name, value);
        self
    }

    /// Runs it; it must end with this exit code.
    #[track_caller]
    pub fn ends(mut self, code: i32) -> Said {
        let Output { status, stdout, stderr } = self.command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let said = Said { out: text(stdout), err: text(stderr) };
        assert_eq!(status.code(), Some(code), "{:?}\n{}{}", self.command, said.out, said.err);
        said
    }

    /// Runs it; it must succeed.
    #[track_caller]
    pub fn succeeds(self) -> Said {
        self.ends(0)
    }

    /// Runs it; it must fail, and say why on standard error alone.
    #[track_caller]
    pub fn fails(self) -> Said {
        let said = self.ends(1);
        assert!(said.err.starts_with("error: "), "{}", said.err);
        said
    }
}

/// What the program printed.
pub struct Said {
    pub out: String,
    pub err: String,
}

impl Said {
    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Cells that Debian's qflow-tech-osu018 installs.
pub const OSU018: &str = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib";

/// Whether the synthesis tools and osu018 are there. What is missing is skipped aloud, and fails under
/// `FLASHRTL_STRICT=1`.
pub fn have_tools() -> bool {
    let missing = flow::registry::BACKENDS.iter().find_map(|backend| (backend.find)().err());
    let why = match missing {
        Some(why) => why.to_string(),
        None if !Path::new(OSU018).exists() => "no osu018; apt-get install qflow-tech-osu018".into(),
        None => return true,
    };
    assert!(std::env::var("FLASHRTL_STRICT").as_deref() != Ok("1"), "{why}");
    eprintln!("SKIPPED: {why}");
    false
}

/// The folder of Liberty files that `FLASHRTL_PDK` names, where the tools are there too; skipped aloud otherwise.
pub fn pdk() -> Option<String> {
    let Ok(pdk) = std::env::var("FLASHRTL_PDK") else {
        eprintln!("SKIPPED: FLASHRTL_PDK names no folder of Liberty files");
        return None;
    };
    have_tools().then_some(pdk)
}
