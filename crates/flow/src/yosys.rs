//! The Yosys back-end: Verilog to a netlist of a platform's cells.
//!
//! Modern Yosys (0.60 or newer, best as the Python package `pyosys`) recodes multipliers by Booth, collects sums into
//! compressor trees and builds parallel-prefix adders. Debian 12's Yosys 0.23 has none of that: it works, for netlists
//! that are a quarter larger and slower.

use crate::clock_gate;
use crate::error::FlowError;
use crate::library::Library;
use crate::memory::{self, Macro};
use crate::process::LOG;
use crate::recipe::Recipe;
use crate::report::Modules;
use crate::step::{Done, Input, Step, digest};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Oldest minor version of Yosys 0 with the datapath passes that the recipe uses.
const MODERN: u32 = 60;
/// Oldest that works at all.
const OLDEST: u32 = 23;
/// Variable that names a `yosys` program to be used before any other.
pub const YOSYS: &str = "FLASHRTL_YOSYS";
/// Variable that names a Python interpreter that has the package `pyosys`.
pub const PYTHON: &str = "FLASHRTL_PYTHON";

/// Cells before and after clock gating.
const FREE: &str = "free.json";
const GATED: &str = "gated.json";

const PYOSYS_VERSION: &str = "import importlib.metadata as m; print(m.version('pyosys'))";
const PYOSYS_RUN: &str = "from pyosys import libyosys as y; y.run_pass('script run.ys', y.Design())";

/// A Yosys that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Yosys {
    how: How,
    /// Minor version.
    minor: u32,
    version: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum How {
    /// The package `pyosys` of a Python interpreter.
    Python(PathBuf),
    /// The program.
    Program(PathBuf),
}

impl Yosys {
    /// How to install it.
    pub const INSTALL: &str = "scripts/install.sh, or pip install pyosys in a virtual environment";

    /// Looks for Yosys: the program that `FLASHRTL_YOSYS` names; then the Python package in the interpreter that
    /// `FLASHRTL_PYTHON` names, in `python3`, and in the environment that `scripts/install.sh` makes; then `yosys`.
    ///
    /// # Errors
    /// There is none, or it is too old.
    pub fn find() -> Result<Yosys, FlowError> {
        if let Some(program) = variable(YOSYS) {
            let named = |e: FlowError| FlowError::new(format!("{YOSYS}={}: {e}", program.display()));
            return Yosys::program(&program).map_err(named);
        }
        let home = variable("XDG_DATA_HOME").or_else(|| Some(variable("HOME")?.join(".local/share")));
        let installed = home.map(|home| home.join("flashrtl/venv/bin/python3"));
        let pythons = [variable(PYTHON), Some("python3".into()), installed];
        match pythons.into_iter().flatten().find_map(|python| Yosys::python(&python)) {
            Some(yosys) => Ok(yosys),
            None => Yosys::program(Path::new("yosys")),
        }
    }

    /// Its name and version.
    pub fn version(&self) -> String {
        let how = if matches!(self.how, How::Python(_)) { "pyosys" } else { "Yosys" };
        format!("{how} {}", self.version)
    }

    /// Whether it has the datapath passes.
    pub fn is_modern(&self) -> bool {
        self.minor >= MODERN
    }

    /// Whether it gates clocks.
    pub fn gates_clocks(&self) -> bool {
        self.is_modern()
    }

    /// What the reader of its results should know.
    pub fn note(&self) -> Option<String> {
        let text =
            "without its passes for datapaths, multipliers and sums are about a quarter larger and slower";
        (!self.is_modern()).then(|| format!("{}: {text}; {}", self.version(), Yosys::INSTALL))
    }

    fn python(python: &Path) -> Option<Yosys> {
        let version = output(Command::new(python).args(["-c", PYOSYS_VERSION]))?;
        let minor = minor(&version).filter(|minor| *minor >= MODERN)?;
        Some(Yosys { how: How::Python(python.into()), minor, version })
    }

    fn program(program: &Path) -> Result<Yosys, FlowError> {
        let install = Yosys::INSTALL;
        let said = output(Command::new(program).arg("-V"))
            .ok_or_else(|| FlowError::new(format!("Yosys is not installed; {install}")))?;
        let version = said.split_whitespace().nth(1).unwrap_or_default().to_string();
        match minor(&version) {
            Some(minor) if minor >= OLDEST => Ok(Yosys { how: How::Program(program.into()), minor, version }),
            _ => Err(FlowError::new(format!("{said} is too old; 0.{OLDEST} or newer is needed: {install}"))),
        }
    }

    fn command(&self) -> Command {
        match &self.how {
            How::Python(python) => {
                let mut command = Command::new(python);
                command.args(["-c", PYOSYS_RUN]);
                command
            }
            How::Program(program) => {
                let mut command = Command::new(program);
                command.args(["-s", "run.ys"]);
                command
            }
        }
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// First line that a program prints; `None` when it cannot be run or fails.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_string())
}

/// The minor version of `0.70` or `0.23+1`; later majors count as newer than any.
fn minor(version: &str) -> Option<u32> {
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    let major: u32 = parts.next()?.parse().ok()?;
    if major > 0 { Some(u32::MAX) } else { parts.next()?.parse().ok() }
}

/// Where and with what a design is synthesised.
pub(crate) struct Context<'a> {
    pub(crate) yosys: &'a Yosys,
    pub(crate) library: &'a Library,
    /// Macros that are in the design.
    pub(crate) macros: Vec<&'a Macro>,
    /// Folder of the design's steps.
    pub(crate) root: &'a Path,
    pub(crate) timeout: Duration,
}

/// Which modules are mapped for themselves, once for all their copies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hierarchy {
    /// None: one flat module.
    Flat,
    /// Some; what is between them is flat.
    Some,
    /// All.
    All,
}

impl Hierarchy {
    fn word(self) -> &'static str {
        match self {
            Hierarchy::Flat => "flat",
            Hierarchy::Some => "once",
            Hierarchy::All => "hier",
        }
    }
}

/// A mapped design.
#[derive(Clone, Debug)]
pub(crate) struct Netlist {
    pub(crate) done: Done,
    /// Cells of each module by type; instances of other modules are among them.
    pub(crate) modules: Modules,
    /// The longest path between flip-flops and ports as ABC sees it, ps; none without logic.
    pub(crate) reached_ps: Option<f64>,
}

impl Context<'_> {
    /// Everything before the mapping of logic: elaboration, arithmetic, clock gates, flip-flops of the library.
    pub(crate) fn front(
        &self,
        files: &[(String, String)],
        top: &str,
        hierarchy: Hierarchy,
        gated: bool,
    ) -> Result<Done, FlowError> {
        let rtl = self.root.join("rtl");
        let input = |(name, text): &(String, String)| Input {
            name: name.clone(),
            path: rtl.join(name),
            digest: digest(text.as_bytes()),
        };
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        // Each kind is worked on once; its copies come apart for what follows.
        let flatten = if hierarchy == Hierarchy::Flat { "flatten\n" } else { "" };
        let datapath =
            if self.yosys.is_modern() { " -booth -arith_tree -extra-map +/choices/sklansky.v" } else { "" };
        let script = format!(
            "{}read_verilog {}\n\
             synth -top {top} -noabc{datapath} -run begin:check\n\
             {flatten}opt -purge\n\
             {}dfflibmap -liberty cells.lib\n\
             opt\n\
             setundef -zero\n\
             opt -purge\n\
             write_rtlil design.il\n",
            memory::read_liberty(&self.macros, "-lib "),
            names.join(" "),
            if gated { self.gating() } else { String::new() }
        );
        let mut inputs: Vec<Input> = files.iter().map(input).collect();
        inputs.push(self.library.input());
        inputs.extend(self.macros.iter().map(|m| m.input()));
        let outputs: &[&str] = if gated { &["design.il", FREE, GATED] } else { &["design.il"] };
        self.step(&format!("front-{}", hierarchy.word()), inputs, vec![("run.ys", script)], outputs)
    }

    /// Flattens what [`Context::front`] left of all modules, but for some.
    pub(crate) fn dissolve(&self, front: &Done, kept: &[String]) -> Result<Done, FlowError> {
        let script = format!(
            "read_rtlil kept.il\n\
             setattr -mod -set keep_hierarchy 1 {}\n\
             flatten\n\
             opt -purge\n\
             write_rtlil design.il\n",
            kept.join(" ")
        );
        let inputs = vec![Input { name: "kept.il".into(), ..front.input("design.il") }];
        self.step("dissolve", inputs, vec![("run.ys", script)], &["design.il"])
    }

    /// Gates the clocks of registers with enables. Resets by the clock become logic first: a gate would hold them off.
    fn gating(&self) -> String {
        format!(
            "dfflegalize -cell $_DFF_?_ x -cell $_DFF_???_ x -cell $_DFFE_??_ x -cell $_DFFE_????_ x\n\
             tee -q -o {FREE} stat -json\n\
             {}tee -q -o {GATED} stat -json\n",
            clock_gate::script(&self.library.clock_gates)
        )
    }

    /// Flip-flops of each module that [`Context::front`] put behind clock gates.
    pub(crate) fn gated_flops(&self, front: &Done) -> Result<BTreeMap<String, u64>, FlowError> {
        let count = |name: &str| {
            let enabled = |cells: BTreeMap<String, u64>| {
                cells.iter().filter(|(name, _)| name.starts_with("$_DFFE_")).map(|(_, n)| n).sum::<u64>()
            };
            let modules = counts(front, name)?.into_iter();
            Ok::<_, FlowError>(
                modules.map(|(name, cells)| (name, enabled(cells))).collect::<BTreeMap<_, _>>(),
            )
        };
        let (mut free, gated) = (count(FREE)?, count(GATED)?);
        free.iter_mut().for_each(|(name, n)| *n -= gated[name]);
        Ok(free)
    }

    /// Maps the logic to cells by a recipe, for paths of `target_ps` picoseconds.
    pub(crate) fn map(
        &self,
        front: &Done,
        hierarchy: Hierarchy,
        recipe: &Recipe,
        target_ps: u32,
    ) -> Result<Netlist, FlowError> {
        let constraints = format!(
            "set_driving_cell {}\nset_load {}\n",
            self.library.platform.synthesis.driving_cell,
            self.library.output_load()
        );
        let script = format!(
            "read_rtlil design.il\n\
             abc -liberty cells.lib -constr abc.constr -script abc.script -D {target_ps}\n\
             splitnets\n\
             opt_clean -purge\n\
             tee -q -o stat.json stat -json\n\
             tee -q -o stat.txt stat -liberty cells.lib\n\
             write_verilog -noattr -noexpr -nohex -nodec -simple-lhs netlist.v\n"
        );
        let scripts =
            vec![("run.ys", script), ("abc.script", recipe.script(target_ps)), ("abc.constr", constraints)];
        let inputs = vec![front.input("design.il"), self.library.input()];
        let name = format!("map-{}-{}-{target_ps}", hierarchy.word(), recipe.name);
        let done = self.step(&name, inputs, scripts, &["netlist.v", "stat.json"])?;
        let modules = counts(&done, "stat.json")?;
        let reached_ps = reached(&done.read(LOG)?);
        Ok(Netlist { done, modules, reached_ps })
    }

    fn step(
        &self,
        name: &str,
        inputs: Vec<Input>,
        scripts: Vec<(&str, String)>,
        outputs: &[&str],
    ) -> Result<Done, FlowError> {
        let step = Step { name, tool: &self.yosys.version(), inputs, scripts, outputs };
        step.perform(self.root, self.timeout, || self.yosys.command())
    }
}

/// The longest of the delays that ABC ends the mapping of each module with.
fn reached(log: &str) -> Option<f64> {
    // Each module has one line per `stime`: "ABC: WireLoad = ... Delay = 1575.32 ps ..."
    let delay = |line: &str| {
        let text = line.strip_prefix("ABC: WireLoad")?.split("Delay =").nth(1)?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    };
    log.lines().filter_map(delay).reduce(f64::max)
}

/// Cells of each module by type, of a file that `stat -json` made.
fn counts(done: &Done, name: &str) -> Result<Modules, FlowError> {
    cell_counts(&done.read(name)?).map_err(|e| FlowError::new(format!("{}: {e}", done.path(name).display())))
}

fn cell_counts(text: &str) -> Result<Modules, serde_json::Error> {
    #[derive(Deserialize)]
    struct Module {
        num_cells_by_type: BTreeMap<String, u64>,
    }
    const KEY: &str = "\"modules\":";
    // Yosys 0.23 goes on with the tree of modules as plain text: nothing behind this value is read.
    let modules = text.find(KEY).map_or("", |at| &text[at + KEY.len()..]);
    let modules = BTreeMap::<String, Module>::deserialize(&mut serde_json::Deserializer::from_str(modules))?;
    let plain =
        |(name, module): (String, Module)| (name.trim_start_matches('\\').into(), module.num_cells_by_type);
    Ok(modules.into_iter().map(plain).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_understood() {
        assert_eq!(["0.70", "0.23+1", "1.0", "x"].map(minor), [Some(70), Some(23), Some(u32::MAX), None]);
    }

    #[test]
    fn the_delay_of_a_mapping_is_read() {
        let log = "ABC: + stime -p\nABC: WireLoad = \"none\"  Gates =  9 ( 1.9 %)   Delay =  1575.32 ps  ( 10.2 %)\n";
        assert_eq!(reached(log), Some(1575.32));
        assert_eq!(reached("ABC: nothing"), None);
    }

    #[test]
    fn counts_are_read_by_module() {
        let text = r#"{"modules": {"\\a": {"num_cells": 3, "num_cells_by_type": {"INV": 2, "b": 1}}}, b 1 }"#;
        assert_eq!(cell_counts(text).unwrap()["a"]["INV"], 2);
        assert!(cell_counts("{}").is_err() && cell_counts("").is_err());
    }
}
