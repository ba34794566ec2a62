//! The FuseSoC back-end: a core with the RTL and its self-checking testbench.
//!
//! FuseSoC runs simulators and linters through edalize. Edalize's back-ends for layout are not used: `openroad` is
//! a call of OpenROAD-flow-scripts with files that the `orfs` export has already, `openlane` one of LibreLane's
//! predecessor.

use crate::error::FlowError;
use crate::export::{Exporter, Files, Source};

/// FuseSoC.
pub const EXPORTER: Exporter = Exporter {
    name: "fusesoc",
    purpose: "a core for FuseSoC: the RTL, its self-checking testbench in Icarus and Verilator, lint",
    platform: None,
    export,
    read: None,
};

const README: &str = include_str!("fusesoc/README.md");

/// The core of a design.
///
/// # Errors
/// None.
pub fn export(source: &Source) -> Result<Files, FlowError> {
    let mut files = source.rtl_in("rtl");
    files.extend(source.models_in("sim"));
    files.extend(source.bench.iter().map(|file| (format!("tb/{}", file.name), file.text.clone())));
    let readme = README.replace("@name@", source.name).replace("@vlnv@", &vlnv(source));
    files.extend([(format!("{}.core", source.name), core(source)), ("README.md".into(), readme)]);
    Ok(files)
}

/// Vendor, library, name and version.
fn vlnv(source: &Source) -> String {
    format!("flashrtl::{}:{}", source.name, env!("CARGO_PKG_VERSION"))
}

/// The core file. The simulators end with an error when the testbench fails: it stops, which `-N` makes an error of
/// Icarus's, too.
fn core(source: &Source) -> String {
    let top = source.top();
    let list = |files: Vec<String>| files.iter().map(|file| format!("      - {file}\n")).collect::<String>();
    let rtl = list(source.rtl.iter().map(|file| format!("rtl/{}", file.name)).collect());
    let models = match source.models {
        [] => String::new(),
        models => format!(
            "\n  # What the macros do that memories are in. With the real ones, leave it out.\n  models:\n    file_type: \
             verilogSource-2005\n    files:\n{}",
            list(models.iter().map(|file| format!("sim/{}", file.name)).collect())
        ),
    };
    let simulated = if models.is_empty() { "rtl" } else { "rtl, models" };
    let entry = |name: &str| match name.ends_with(".v") {
        true => format!("tb/{name}: {{file_type: verilogSource-2005}}"),
        false => format!("tb/{name}: {{file_type: user, copyto: {name}}}"),
    };
    let bench = list(source.bench.iter().map(|file| entry(&file.name)).collect());
    // A JSON string is a YAML string.
    let description = serde_json::Value::from(source.description);
    let comment = source.comment();
    let vlnv = vlnv(source);
    format!(
        "CAPI=2:
{comment}
name: {vlnv}
description: {description}

filesets:
  rtl:
    file_type: verilogSource-2005
    files:
{rtl}{models}
  tb:
    files:
{bench}
targets:
  default:
    filesets: [rtl]
    toplevel: {top}

  sim:
    description: Self-checking testbench in Icarus Verilog
    flow: sim
    flow_options:
      tool: icarus
      iverilog_options: [-g2005, -Wall, -Wno-timescale]
      vvp_options: [-N]
    filesets: [{simulated}, tb]
    toplevel: tb_{top}

  sim_verilator:
    description: The same in Verilator 5
    flow: sim
    flow_options:
      tool: verilator
      mode: binary
      verilator_options: [--timing, -Wno-fatal]
    filesets: [{simulated}, tb]
    toplevel: tb_{top}

  lint:
    description: Verilator's lint, every warning an error
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wall]
    filesets: [{simulated}]
    toplevel: {top}
"
    )
}
