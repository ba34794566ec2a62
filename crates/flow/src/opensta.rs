//! The OpenSTA back-end: static timing of a netlist, without wires.
//!
//! Debian's OpenSTA is of 2019; the script below uses nothing that it lacks, and newer ones read it too.

use crate::clock_gate::ClockGate;
use crate::error::FlowError;
use crate::memory;
use crate::process::LOG;
use crate::step::{Done, Input, Step, digest};
use crate::yosys::{Context, Netlist};
use serde::Serialize;
use std::process::Command;

/// The program.
const PROGRAM: &str = "sta";

/// An OpenSTA that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenSta {
    version: String,
}

impl OpenSta {
    /// How to install it.
    pub const INSTALL: &str = "apt-get install opensta";

    /// Looks for `sta`.
    ///
    /// # Errors
    /// There is none.
    pub fn find() -> Result<OpenSta, FlowError> {
        let output = Command::new(PROGRAM).arg("-version").output().ok();
        let said = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
        let version = said.split_whitespace().next().ok_or_else(|| {
            FlowError::new(format!("OpenSTA (`{PROGRAM}`) is not installed; {}", OpenSta::INSTALL))
        })?;
        Ok(OpenSta { version: version.into() })
    }

    /// Its name and version.
    pub fn version(&self) -> String {
        format!("OpenSTA {}", self.version)
    }

    /// The first number of its version, 0 if that is none.
    pub(crate) fn major(&self) -> u32 {
        self.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
    }

    /// The command that runs a script and ends.
    pub(crate) fn command(&self, script: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["-exit", script]);
        command
    }
}

/// The longest path of each kind that the netlist has.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Timing {
    /// Slack of the worst path, ps.
    pub slack_ps: f64,
    /// The shortest period that every path allows, ps; delays outside the design shrink with it.
    pub min_period_ps: f64,
    /// The worst path of each kind, none where there are no such paths.
    pub paths: Vec<Path>,
}

/// A path.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Path {
    /// Where it begins and ends.
    pub kind: PathKind,
    /// Its first pin or port.
    pub from: String,
    /// Its last pin or port.
    pub to: String,
    /// Delay within the design, with the setup time of the flip-flop at its end, ps.
    pub delay_ps: f64,
    /// The setup time in it, ps.
    pub setup_ps: f64,
    /// Slack, ps.
    pub slack_ps: f64,
    /// The shortest period that it allows, ps.
    pub min_period_ps: f64,
}

/// Where a path begins and ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathKind {
    /// Between flip-flops.
    RegisterToRegister,
    /// From an input to a flip-flop.
    InputToRegister,
    /// From a flip-flop to an output.
    RegisterToOutput,
    /// From an input to an output.
    InputToOutput,
    /// From a flip-flop to the enable of a clock gate.
    RegisterToClockGate,
    /// From an input to the enable of a clock gate.
    InputToClockGate,
}

const KINDS: [(PathKind, &str, &str); 6] = [
    (PathKind::RegisterToRegister, "[all_registers -clock_pins]", "[all_registers -data_pins]"),
    (PathKind::InputToRegister, "[all_inputs]", "[all_registers -data_pins]"),
    (PathKind::RegisterToOutput, "[all_registers -clock_pins]", "[all_outputs]"),
    (PathKind::InputToOutput, "[all_inputs]", "[all_outputs]"),
    (PathKind::RegisterToClockGate, "[all_registers -clock_pins]", "$enables"),
    (PathKind::InputToClockGate, "[all_inputs]", "$enables"),
];

/// What the names of groups of paths begin with; the index of the kind follows.
const GROUP: &str = "kind_";

/// Sets `enables` to the pins that enable clock gates; Debian's OpenSTA does not count them to the registers' pins.
fn enables(gates: &[ClockGate]) -> String {
    let pins: String = gates.iter().map(|gate| format!(" {} {}", gate.name, gate.enable)).collect();
    format!(
        "set gates [dict create{pins}]\n\
         set enables {{}}\n\
         foreach cell [get_cells -hierarchical *] {{\n\
         \x20 set kind [get_property $cell ref_name]\n\
         \x20 if {{[dict exists $gates $kind]}} {{\n\
         \x20   lappend enables [get_pins [get_property $cell full_name]/[dict get $gates $kind]]\n\
         \x20 }}\n\
         }}\n"
    )
}

impl Timing {
    /// The worst path between flip-flops.
    pub fn register_to_register(&self) -> Option<&Path> {
        self.paths.iter().find(|path| path.kind == PathKind::RegisterToRegister)
    }

    /// The worst path.
    pub fn critical(&self) -> Option<&Path> {
        self.paths.iter().min_by(|a, b| a.slack_ps.total_cmp(&b.slack_ps))
    }
}

impl Context<'_> {
    /// The beginning of scripts: a netlist of the library's cells, under the constraints.
    pub(crate) fn link(&self, top: &str, netlist: &str) -> String {
        format!(
            "read_liberty cells.lib\n\
             {}read_verilog {netlist}\n\
             link_design {top}\n\
             set_cmd_units -time ns\n\
             source design.sdc\n\
             set_driving_cell -lib_cell {} [all_inputs]\n\
             set_load {} [all_outputs]\n",
            memory::read_liberty(&self.macros, ""),
            self.library.platform.synthesis.driving_cell,
            self.library.output_load()
        )
    }

    /// What such a script reads.
    pub(crate) fn timed(&self, netlist: Input, sdc: &str) -> Vec<Input> {
        let path = self.root.join("design.sdc");
        let sdc = Input { name: "design.sdc".into(), path, digest: digest(sdc.as_bytes()) };
        let macros = self.macros.iter().map(|m| m.input());
        [netlist, self.library.input(), sdc].into_iter().chain(macros).collect()
    }

    /// Times a netlist under constraints whose clock has the given period.
    pub(crate) fn time(
        &self,
        sta: &OpenSta,
        netlist: &Netlist,
        top: &str,
        sdc: &str,
        period_ps: f64,
    ) -> Result<(Timing, Done), FlowError> {
        let mut script = self.link(top, "netlist.v");
        script += &enables(&self.library.clock_gates);
        // One search for the worst path of every group takes half of the time of a search for each kind.
        for (i, (_, from, to)) in KINDS.iter().enumerate() {
            // A list that is empty would stand for everything.
            script += &format!(
                "if {{[llength {from}] && [llength {to}]}} {{ group_path -name {GROUP}{i} -from {from} -to {to} }}\n"
            );
        }
        script += "report_checks -path_delay max -format full -digits 5\n";
        let step = Step {
            name: "time",
            tool: &sta.version(),
            inputs: self.timed(netlist.done.input("netlist.v"), sdc),
            scripts: vec![("sta.tcl", script)],
            outputs: &[],
        };
        let done = step.perform(self.root, self.timeout, || sta.command("sta.tcl"))?;
        let none =
            || FlowError::new(format!("no path of the design is timed; see {}", done.path(LOG).display()));
        let timing = parse(&done.read(LOG)?, period_ps).ok_or_else(none)?;
        Ok((timing, done))
    }
}

/// The paths of the script's report; `None` when there are none.
fn parse(log: &str, period_ps: f64) -> Option<Timing> {
    let paths = log.split(START).skip(1).filter_map(|report| path(report, period_ps));
    let paths: Vec<Path> = paths.collect();
    let slack_ps = paths.iter().map(|p| p.slack_ps).reduce(f64::min)?;
    let min_period_ps = paths.iter().map(|p| p.min_period_ps).reduce(f64::max)?;
    Some(Timing { slack_ps, min_period_ps, paths })
}

/// What the report of a path begins with.
const START: &str = "Startpoint:";

fn path(report: &str, period_ps: f64) -> Option<Path> {
    let word = |text: &str| text.split_whitespace().next().map(String::from);
    let labelled = |label: &str| report.lines().find_map(|line| word(line.strip_prefix(label)?));
    let kind = labelled("Path Group:")?.strip_prefix(GROUP)?.parse::<usize>().ok()?;
    // Lines are "incremental, total, what"; slack and arrival have the total only.
    let number = |label: &str| {
        let line = report.lines().find(|line| line.contains(label))?;
        line.split_whitespace().next()?.parse::<f64>().ok().map(|ns| ns * 1e3)
    };
    let slack_ps = number("   slack (")?;
    let outside =
        number("input external delay").unwrap_or(0.0) - number("output external delay").unwrap_or(0.0);
    let inside = 1.0 - outside / period_ps;
    let delay_ps = period_ps - slack_ps - outside;
    Some(Path {
        kind: KINDS.get(kind)?.0,
        from: word(report)?,
        to: labelled("Endpoint:")?,
        delay_ps,
        setup_ps: -number("library setup time").unwrap_or(0.0),
        slack_ps,
        min_period_ps: delay_ps / inside,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
Startpoint: _1_ (rising edge-triggered flip-flop clocked by clk)
Endpoint: _2_ (rising edge-triggered flip-flop clocked by clk)
Path Group: kind_0
Path Type: max

   Delay     Time   Description
-----------------------------------------------------------
 0.00000  0.00000   clock clk (rise edge)
-0.04000  1.96000   library setup time
          1.96000   data required time
-----------------------------------------------------------
          1.96000   data required time
         -1.46000   data arrival time
-----------------------------------------------------------
          0.50000   slack (MET)


Startpoint: _3_ (rising edge-triggered flip-flop clocked by clk)
Endpoint: y[3] (output port clocked by clk)
Path Group: kind_2
Path Type: max

-0.40000  1.60000   output external delay
         -1.70000   data arrival time
-----------------------------------------------------------
         -0.10000   slack (VIOLATED)

Startpoint: rst (input port clocked by clk)
Endpoint: _4_ (recovery check against rising-edge clock clk)
Path Group: **async_default**
";

    #[test]
    fn paths_are_read_and_periods_follow() {
        let timing = parse(REPORT, 2000.0).unwrap();
        assert_eq!(timing.slack_ps, -100.0);
        let inner = timing.register_to_register().unwrap();
        assert_eq!((inner.delay_ps, inner.min_period_ps, inner.to.as_str()), (1500.0, 1500.0, "_2_"));
        assert_eq!(inner.setup_ps, 40.0);
        let outer = timing.critical().unwrap();
        assert_eq!((outer.kind, outer.from.as_str()), (PathKind::RegisterToOutput, "_3_"));
        // 1700 ps inside and a fifth of the period outside.
        assert!((outer.delay_ps - 1700.0).abs() < 1e-9 && (outer.min_period_ps - 2125.0).abs() < 1e-9);
        assert!(parse("No paths found.\n", 1.0).is_none());
    }
}
