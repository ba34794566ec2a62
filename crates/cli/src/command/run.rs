//! `flashrtl run`: check, generate, simulate, and verify where it is quick.

use super::check::summary;
use super::generate::package;
use super::simulate::{WorkloadArgs, engine_report, unit_report};
use super::verify::Verification;
use crate::accelerate;
use crate::engines::EngineName;
use crate::facts::Facts;
use crate::show;
use crate::source::ConfigArgs;
use crate::target::{Kind, Target};
use anyhow::Result;
use attention::config::DesignConfig;
use attention::simulate::Stalls;
use clap::ValueEnum;
use std::path::PathBuf;

/// Do the main job: check, generate the RTL, simulate it and report its accuracy
///
/// Needs nothing but this program. Small designs are also verified in the Verilog simulators that are installed.
#[derive(clap::Args)]
#[command(after_help = "Example: flashrtl run fa2_expmul_bf16_d64 --data qkv.npz --set array.head_dim=32")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
    /// Folder to write; out/NAME if left out
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write into a folder that was not made by flashrtl; only files of the same name are replaced
    #[arg(long)]
    force: bool,
    /// Verify large designs too, which takes minutes
    #[arg(long)]
    verify: bool,
    /// Fail when an engine cannot run because a tool is missing
    #[arg(long)]
    strict: bool,
}

/// Multipliers' worth of arithmetic (lanes × head_dim) up to which a design counts as small.
const SMALL_DESIGN: u32 = 16;
/// Random blocks that a design is verified on.
const BLOCKS: usize = 5;

/// Runs all steps and prints what they gave.
pub fn run(args: &Args) -> Result<()> {
    let target = Target::new(args.config.load()?)?;
    show::text(summary(&target, &Facts::new(&target)))?;
    let command = args.config.generate_command();
    show::line("\ngenerated")?;
    show::text(indented(&package(&target, &command, args.output.as_deref(), args.force)?))?;
    show::line("\nsimulated")?;
    show::text(simulated(args, &target)?)?;
    verify(args, &target)
}

fn simulated(args: &Args, target: &Target) -> Result<String> {
    match (&target.kind, &target.config.design) {
        (Kind::Engine(spec), _) => {
            let stalls = Stalls::default();
            let report = engine_report(target, spec, &args.workload, EngineName::Program, stalls, None)?;
            Ok(report.text())
        }
        (Kind::Accelerator(spec), DesignConfig::Accelerator(config)) => {
            Ok(accelerate::report(target, spec, config, &args.workload)?.text())
        }
        (Kind::Unit(unit), DesignConfig::Unit(config)) => {
            Ok(unit_report(target, unit, config, EngineName::Program)?.text())
        }
        _ => unreachable!("a target is of the kind of its configuration"),
    }
}

fn verify(args: &Args, target: &Target) -> Result<()> {
    let is_small = match &target.kind {
        Kind::Engine(spec) => spec.lanes * spec.head_dim <= SMALL_DESIGN,
        Kind::Accelerator(spec) => spec.engine.lanes * spec.engine.head_dim <= SMALL_DESIGN,
        Kind::Unit(_) => true,
    };
    if !is_small && !args.verify {
        return show::line("\nnot verified in the Verilog simulators: --verify does it, and takes minutes");
    }
    show::line("\nverified")?;
    let verification = Verification::new(target, EngineName::value_variants(), BLOCKS, 1)?;
    show::text(indented(&verification.text()))?;
    verification.verdict(args.strict)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
