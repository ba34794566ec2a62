//! `flashrtl generate`: RTL, testbench, constraints and manifest in a folder.

use crate::output::MANIFEST;
use crate::package::Package;
use crate::progress::Progress;
use crate::show::{self, grouped};
use crate::source::ConfigArgs;
use crate::target::Target;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// Write the RTL of a design, a self-checking testbench with vectors, constraints and a manifest
#[derive(clap::Args)]
#[command(after_help = "Example: flashrtl generate tour -o out/tour && make -C out/tour/tb icarus")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Folder to write; out/NAME if left out
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write into a folder that was not made by flashrtl; only files of the same name are replaced
    #[arg(long)]
    force: bool,
}

/// Generates the package.
pub fn run(args: &Args) -> Result<()> {
    let target = Target::new(args.config.load()?)?;
    let command = args.config.generate_command();
    show::text(package(&target, &command, args.output.as_deref(), args.force)?)
}

/// Writes the package of a design; says what is where.
pub fn package(target: &Target, command: &str, folder: Option<&Path>, force: bool) -> Result<String> {
    let default = Path::new("out").join(&target.config.name);
    let folder = folder.unwrap_or(&default);
    let _progress = Progress::spinner("generating");
    let package = Package::new(target, command)?;
    package.write(folder, force)?;
    let shown = folder.display();
    let mut rows = vec![
        (
            "rtl",
            format!(
                "{} modules, {} bytes of Verilog-2005; rust-hdl's checks pass",
                package.modules(),
                grouped(package.rtl_bytes() as u64)
            ),
        ),
        (
            "tb",
            format!(
                "testbench over {} cycles with {} results; make -C {shown}/tb icarus",
                grouped(package.vector_cycles as u64),
                grouped(package.vector_results as u64)
            ),
        ),
    ];
    let others = package.files.iter().filter_map(|(path, _)| contents(path));
    rows.extend(others.map(|(path, what)| (path, what.to_string())));
    let width = rows.iter().map(|(path, _)| path.len()).max().unwrap_or(0);
    let row = |(path, what): &(&str, String)| format!("{shown}/{path:width$}  {what}\n");
    Ok(rows.iter().map(row).collect())
}

/// What is in a file beside RTL and testbench.
fn contents(path: &str) -> Option<(&str, &'static str)> {
    let is = |end| path.ends_with(end);
    match path {
        _ if is(".sdc") => Some((path, "clock and boundary for synthesis")),
        "registers.md" => Some((path, "the register map")),
        _ if is("_registers.h") => Some((path, "its offsets and fields in C")),
        _ if is("_driver.h") => Some((path, "structs and functions of a small driver")),
        _ if is("_driver.c") => Some((path, "the driver")),
        MANIFEST => Some((path, "ports, formats, latency, hashes")),
        _ => None,
    }
}
