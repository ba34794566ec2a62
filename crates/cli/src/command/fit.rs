//! `flashrtl fit`: the delay model of a platform, from synthesis of every kind of operation.

use crate::evaluate::{ToolArgs, Tools};
use crate::output::write_file;
use crate::progress::Progress;
use crate::show::{self, table};
use anyhow::{Context, Result};
use arith::operator::{Operator, Params};
use arith::registry::OPERATORS;
use attention::config::platform;
use flow::Platform;
use flow::fit::{self, Fit, Measure, Pipeline, Sample, cases, section};
use hdl::{Design, Kind, Operation, Reset, Signal, Timing, elaborate};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Fit a delay model to a platform's cells: what designs are pipelined with
///
/// Every kind of operation is synthesised between registers in several sizes and timed, a curve is fitted to each kind,
/// and the curves are scaled to what pipelines of operators take. What has been measured already is not measured again.
/// A version of a model that designs name is not to be changed, because their Verilog would change with it.
#[derive(clap::Args)]
#[command(after_help = "Example: flashrtl fit nangate45 --write")]
pub struct Args {
    /// Platform, or a platform file (`flashrtl list platforms`)
    #[arg(value_name = "PLATFORM")]
    platform: String,
    /// Version of the model; the next one if left out
    #[arg(long, value_name = "N")]
    model: Option<u32>,
    /// Write the model into the platform file: the one named, or configs/platforms/PLATFORM.toml
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    tools: ToolArgs,
    /// Folder to write
    #[arg(short, long, value_name = "DIR", default_value = "out/fit")]
    output: PathBuf,
}

/// Formats of the operators that are pipelined.
const FORMATS: [&str; 2] = ["bf16", "m13"];

/// Measures, fits, prints, and writes on request.
pub fn run(args: &Args) -> Result<()> {
    let found = platform(&args.platform).map_err(anyhow::Error::msg)?;
    let version = args.model.unwrap_or_else(|| 1 + newest(found.versions()));
    let cells = Platform::new(&found.name, &found.description, &found.sections)?;
    let (fit, tools) = measured(args, &cells)?;
    let about = section::About {
        platform: &found.name,
        version,
        date: &time::OffsetDateTime::now_utc().date().to_string(),
        tools: &tools,
    };
    let text = section::write(&fit, &about);
    show::text(format!("{}\n{}\n{text}", samples(&fit), errors_by_model(&fit, &found)?))?;
    if args.write { write(&file(&args.platform, &found.name), version, &text) } else { Ok(()) }
}

fn newest<'v>(versions: impl Iterator<Item = &'v str>) -> u32 {
    versions.filter_map(|version| version.parse().ok()).max().unwrap_or(0)
}

/// Curves of the operations, scaled to the operators that are pipelined with them; and the tools.
fn measured(args: &Args, platform: &Platform) -> Result<(Fit, String)> {
    let progress = Progress::spinner("measuring");
    let say = |what: &str| progress.say(what);
    let tools = Tools::new(&args.tools, platform, &args.output, &say)?;
    let flow = tools.flow();
    let measure = Measure { flow, folder: args.output.join(&platform.name) };
    let fit = measure.operations(&cases::cases())?;
    let pipelines = measure.pipelines(pipelines(&fit)?)?;
    Ok((fit.chained(pipelines), flow.tools().join(", ")))
}

/// Every operator, pipelined with what is known so far.
fn pipelines(fit: &Fit) -> Result<Vec<(String, Design)>> {
    let timing = Timing { period_ps: fit.typical_period(), model: Arc::new(fit.model.clone()) };
    let mut designs = vec![];
    for name in FORMATS {
        let format = numerics::catalog::parse(name).map_err(anyhow::Error::msg)?;
        for operator in OPERATORS {
            let params = Params::new(*operator, format);
            if operator.check(&params).is_ok() {
                let design = between_registers(*operator, &params, &timing);
                let design = design.with_context(|| format!("{} of {name}", operator.name()))?;
                designs.push((format!("{}_{name}", operator.name()), design));
            }
        }
    }
    Ok(designs)
}

/// A pipelined operator, its operands and results in registers.
fn between_registers(
    operator: &dyn Operator,
    params: &Params,
    timing: &Timing,
) -> Result<Design, hdl::Error> {
    elaborate("pipeline", "An operator between registers", Some(timing.clone()), Reset::default(), |b| {
        b.explicit();
        let register = |name: &str, value: Signal<'_>| {
            let register = b.register(name, value.ty());
            register.set(value);
            register.q
        };
        let ports = operator.inputs(params);
        let inputs: Vec<(&str, Signal<'_>)> = ports
            .iter()
            .map(|&(name, ty)| (name, register(name, b.input(&format!("{name}_in"), ty))))
            .collect();
        let name = operator.kind_name(params);
        let kind = Kind { name: &name, doc: operator.summary() };
        let outputs = b.call("unit", kind, &inputs, |m, x| operator.build(m, params, x));
        for (i, output) in outputs.into_iter().enumerate() {
            b.output(&format!("y{i}_out"), register(&format!("y{i}"), output));
        }
    })
}

/// Every operation with the error of its curve.
fn samples(fit: &Fit) -> String {
    let row = |(sample, e): &(Sample, f64)| {
        let Operation { kind, n, m } = sample.operation;
        vec![section::name(kind), n.to_string(), m.to_string(), format!("{:.1}", sample.delay_ps), error(*e)]
    };
    table(&["operation", ">n", ">m", ">ps", ">curve"], fit.samples.iter().map(row))
}

/// Every pipeline with the errors of the model, and of those that the platform has.
fn errors_by_model(fit: &Fit, platform: &attention::config::Platform) -> Result<String> {
    let mut columns = vec![fit.pipeline_errors()];
    let mut header = vec![">this model".to_string()];
    for version in platform.versions() {
        let model = platform.delay_model(version.parse()?).map_err(anyhow::Error::msg)?;
        columns.push(fit::errors(&model, &fit.pipelines));
        header.push(format!(">model {version}"));
    }
    let header: Vec<&str> =
        ["pipeline", ">ps"].into_iter().chain(header.iter().map(String::as_str)).collect();
    let row = |(i, p): (usize, &Pipeline)| {
        let errors = columns.iter().map(|errors| error(errors[i]));
        [p.name.clone(), format!("{:.0}", p.delay_ps)].into_iter().chain(errors).collect()
    };
    Ok(table(&header, fit.pipelines.iter().enumerate().map(row)))
}

fn error(relative: f64) -> String {
    format!("{:+.1} %", 100.0 * relative)
}

/// The file of a platform given by its path or name.
fn file(platform: &str, name: &str) -> PathBuf {
    let is_path = platform.contains('/') || platform.ends_with(".toml");
    if is_path { platform.into() } else { Path::new("configs/platforms").join(format!("{name}.toml")) }
}

fn write(path: &Path, version: u32, section: &str) -> Result<()> {
    let name = path.display();
    let old = std::fs::read_to_string(path).with_context(|| {
        format!("--write: cannot read {name}; call it in the source folder, or with the path of the file")
    })?;
    let new = section::splice(&old, version, section);
    write_file(path, |mut file| Ok(write!(file, "{new}")?))?;
    show::line(format!("{name}: delay_model.{version} written"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdl::OpKind;
    use std::collections::BTreeSet;

    /// A kind that no case has would be priced at nothing.
    #[test]
    fn every_operator_is_between_registers_and_made_of_measured_kinds() {
        let model = platform("nangate45").unwrap().delay_model(1).unwrap();
        let timing = Timing { period_ps: 2000.0, model: model.clone() };
        let measured: BTreeSet<OpKind> = cases::cases().iter().map(|c| c.operation.kind).collect();
        for operator in OPERATORS {
            let params = Params::new(*operator, numerics::catalog::parse("bf16").unwrap());
            let design = between_registers(*operator, &params, &timing).unwrap();
            let stage = design.longest_stage(&model).unwrap();
            assert!(stage.delay_ps > 300.0 && stage.delay_ps <= 2000.0, "{}: {stage:?}", operator.name());
            let mut kinds = design.modules.iter().flat_map(|m| m.operations()).map(|o| o.kind);
            assert!(kinds.all(|kind| measured.contains(&kind)), "{}", operator.name());
        }
    }
}
