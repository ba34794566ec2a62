//! A delay model as the text of a platform file.

use super::{Fit, Sample, UNSCALED, median};
use crate::synthesis::RELAX;
use hdl::{Curve, OpKind};
use std::ops::Range;

/// What is said of a fit beside its numbers.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Name of the platform.
    pub platform: &'a str,
    /// Version of the model.
    pub version: u32,
    /// Day of the fit.
    pub date: &'a str,
    /// The tools with their versions.
    pub tools: &'a str,
}

/// The section of a model, with where it comes from and how well it fits.
pub fn write(fit: &Fit, about: &About) -> String {
    let About { platform, version, date, tools } = *about;
    let [curves, pipelines] = [&fit.curve_errors(), &fit.pipeline_errors()].map(|errors| percentages(errors));
    let unscaled: Vec<String> = UNSCALED.iter().map(|kind| name(*kind)).collect();
    let mut text = format!(
        "[delay_model.{version}]\n\
         # Fitted {date} by `flashrtl fit {platform}` with {tools}:\n\
         #   {} operations between registers, netlists sized to {RELAX} x the shortest delay, no wire load.\n\
         #   Error of the curves: {curves} (per curve below).\n\
         #   Curves are scaled by {:.2} for chains of operations, except\n\
         #   {}.\n\
         #   Error of the longest stages of {} pipelined operators: {pipelines}.\n",
        fit.samples.len(),
        fit.chain,
        unscaled.join(", "),
        fit.pipelines.len(),
    );
    let model = &fit.model;
    text += &format!("clk_to_q = {:.1}\nsetup    = {:.1}\n\n", model.clk_to_q, model.setup);
    text += &format!("[delay_model.{version}.ops]\n");
    for (kind, curve) in &model.ops {
        let own = |(sample, error): &(Sample, f64)| (sample.operation.kind == *kind).then_some(error.abs());
        let errors: Vec<f64> = fit.samples.iter().filter_map(own).collect();
        let within = 100.0 * largest(&errors);
        text += &format!("{:11} = {{ {} }}  # within {within:.0} %\n", name(*kind), coefficients(curve));
    }
    text
}

/// A platform file with a version's sections replaced, or added at its end.
pub fn splice(file: &str, version: u32, section: &str) -> String {
    match place(file, version) {
        None => format!("{}\n\n{section}", file.trim_end()),
        Some(Range { start, end }) => {
            let between = if end < file.len() { "\n" } else { "" };
            format!("{}{section}{between}{}", &file[..start], &file[end..])
        }
    }
}

/// Where a version's sections are in a platform file: from its first header to the next header of something else.
fn place(file: &str, version: u32) -> Option<Range<usize>> {
    let own = |header: &str| {
        let rest = header.strip_prefix(&format!("[delay_model.{version}"));
        rest.is_some_and(|rest| rest.starts_with([']', '.']))
    };
    let mut at = 0;
    let lines = file.split_inclusive('\n').map(|line| {
        at += line.len();
        (at - line.len(), line)
    });
    let mut headers = lines.filter(|(_, line)| line.starts_with('['));
    let (start, _) = headers.find(|(_, line)| own(line))?;
    let end = headers.find(|(_, line)| !own(line)).map_or(file.len(), |(at, _)| at);
    Some(start..end)
}

/// The coefficients that are not 0.
fn coefficients(curve: &Curve) -> String {
    let Curve { base, log_n, lin_n, log_m } = *curve;
    let terms = [("base", base, 1), ("log_n", log_n, 1), ("lin_n", lin_n, 3), ("log_m", log_m, 1)];
    let shown = terms.map(|(name, value, digits)| (name, format!("{value:.digits$}")));
    let shown = shown.iter().filter(|(_, value)| value.parse() != Ok(0.0));
    shown.map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
}

/// The name of a kind in platform files.
pub fn name(kind: OpKind) -> String {
    let value = toml::Value::try_from(kind).expect("a kind is a word");
    value.as_str().expect("a kind is a word").into()
}

/// The middle and the largest of some relative errors, signs aside.
fn percentages(errors: &[f64]) -> String {
    let errors: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
    format!("median {:.0} %, largest {:.0} %", 100.0 * median(&errors), 100.0 * largest(&errors))
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(0.0, f64::max)
}
