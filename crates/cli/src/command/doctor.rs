//! `flashrtl doctor`: which external tools are there.

use crate::show;
use anyhow::{Result, bail};
use flow::registry::{BACKENDS, Backend};
use serde::Serialize;
use sim::Tool;

/// Show which external tools are there, and what each is for
///
/// None of them is needed for `flashrtl run`: they prove that the Verilog behaves like the simulation, and say how
/// large and how fast it is.
#[derive(clap::Args)]
#[command(after_help = "Example: flashrtl doctor --strict")]
pub struct Args {
    /// Fail when a tool is missing
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const TOOLS: &[(Tool, &str)] = &[
    (Tool::IVERILOG, "simulates the Verilog, four-state (verify, simulate --engine icarus)"),
    (Tool::VERILATOR, "lints the Verilog, and simulates it compiled (verify, bench)"),
    (Tool::YOSYS, "checks that the Verilog synthesises without latches"),
];

/// A tool and its state.
#[derive(Serialize)]
struct Report {
    tool: &'static str,
    purpose: &'static str,
    version: Option<String>,
    problem: Option<String>,
    install: String,
}

/// Looks for the tools.
pub fn run(args: &Args) -> Result<()> {
    let report = |(tool, purpose): &(Tool, &'static str)| Report {
        tool: tool.program,
        purpose,
        version: tool.version(),
        problem: tool.unavailable(),
        install: format!("apt-get install {}", tool.package),
    };
    let backend = |backend: &Backend| {
        let found = (backend.find)();
        Report {
            tool: backend.name,
            purpose: backend.purpose,
            problem: found.as_ref().err().map(|problem| problem.to_string()),
            version: found.ok(),
            install: backend.install.into(),
        }
    };
    let reports: Vec<Report> = TOOLS.iter().map(report).chain(BACKENDS.iter().map(backend)).collect();
    if args.json {
        show::json(&reports)?;
    } else {
        let row = |r: &Report| {
            let state = match (&r.problem, &r.version) {
                (Some(problem), _) => problem.clone(),
                (None, version) => version.clone().unwrap_or_default(),
            };
            vec![r.tool.to_string(), r.purpose.to_string(), state]
        };
        show::text(show::table(&["tool", "purpose", "found"], reports.iter().map(row)))?;
    }
    let missing: Vec<&str> = reports.iter().filter(|r| r.problem.is_some()).map(|r| r.tool).collect();
    if args.strict && !missing.is_empty() {
        bail!("missing: {}", missing.join(", "));
    }
    Ok(())
}
