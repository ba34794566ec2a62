//! The subcommands, one file each.

mod accuracy;
mod bench;
mod check;
mod compare;
mod doctor;
mod export;
mod fit;
mod generate;
mod list;
mod report;
mod run;
pub mod simulate;
mod synth;
mod verify;

use anyhow::Result;

/// A subcommand with its arguments.
#[derive(clap::Subcommand)]
pub enum Command {
    List(list::Args),
    Check(check::Args),
    Generate(generate::Args),
    Simulate(simulate::Args),
    Verify(verify::Args),
    Synth(synth::Args),
    Compare(compare::Args),
    Export(export::Args),
    Report(report::Args),
    Fit(fit::Args),
    Run(run::Args),
    Accuracy(accuracy::Args),
    Bench(bench::Args),
    Doctor(doctor::Args),
}

impl Command {
    /// Does what was asked for.
    pub fn run(&self) -> Result<()> {
        match self {
            Command::List(args) => list::run(args),
            Command::Check(args) => check::run(args),
            Command::Generate(args) => generate::run(args),
            Command::Simulate(args) => simulate::run(args),
            Command::Verify(args) => verify::run(args),
            Command::Synth(args) => synth::run(args),
            Command::Compare(args) => compare::run(args),
            Command::Export(args) => export::run(args),
            Command::Report(args) => report::run(args),
            Command::Fit(args) => fit::run(args),
            Command::Run(args) => run::run(args),
            Command::Accuracy(args) => accuracy::run(args),
            Command::Bench(args) => bench::run(args),
            Command::Doctor(args) => doctor::run(args),
        }
    }
}
