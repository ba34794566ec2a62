//! `flashrtl generate`: RTL, testbench, constraints and manifest in a folder.

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
    Ok(format!(
        "{shown}/rtl            {} modules, {} bytes of Verilog-2005; rust-hdl's checks pass\n\
         {shown}/tb             testbench over {} cycles with {} results; make -C {shown}/tb icarus\n\
         {shown}/manifest.json  ports, formats, latency, hashes\n",
        package.modules(),
        grouped(package.rtl_bytes() as u64),
        grouped(package.vector_cycles as u64),
        grouped(package.vector_results as u64),
    ))
}
