//! `flashrtl`: from one TOML file to the Verilog of attention hardware and a bit-exact simulation of it.
//!
//! Every subcommand is one file of [`command`]; what they share is around it:
//!
//! | module | |
//! |---|---|
//! | [`source`] | the configuration named on the command line, with its overrides |
//! | [`target`] | the design elaborated from it, engine or [unit](mod@unit) |
//! | [`packing`] | a workload cut into blocks and jobs; [`stimuli`]: vectors and random blocks |
//! | [`waves`] | waveforms |
//! | [`engines`] | the ways of running a design |
//! | [`simulation`] | a workload through one of them |
//! | [`study`] | the accuracy of several designs on the same rows; [`plot`]: an SVG of it |
//! | [`scope`] | the part of a design that is synthesised; [`boundary`]: what goes in and out of it |
//! | [`evaluate`] | such a part through the tools; [`power`]: its netlist run on the workload |
//! | [`compare`] | designs side by side, relative to a baseline |
//! | [`prediction`] | what the delay model says of it; [`purpose`]: what the area of an accelerator is for |
//! | [`facts`] | the figures that follow from a configuration |
//! | [`package`] | everything `generate` writes; [`output`]: how it gets to disk in one piece |
//! | [`show`], [`progress`] | standard output and standard error |

mod accelerate;
mod boundary;
mod command;
mod compare;
mod engines;
mod evaluate;
mod facts;
mod output;
mod package;
mod packing;
mod plot;
mod power;
mod prediction;
mod progress;
mod purpose;
mod scope;
mod show;
mod simulation;
mod source;
mod stimuli;
mod study;
mod target;
mod unit;
mod waves;

use clap::Parser;
use std::process::ExitCode;

/// From one TOML file to the Verilog of attention hardware and a bit-exact simulation of it.
#[derive(Parser)]
#[command(name = "flashrtl", version, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Example: flashrtl run tour\nExit codes: 0 success, 1 failure, 2 usage error.")]
struct Cli {
    #[command(subcommand)]
    command: command::Command,
}

fn main() -> ExitCode {
    output::clean_up_on_interrupt();
    match Cli::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if show::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
