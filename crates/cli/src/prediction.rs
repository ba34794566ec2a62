//! What the delay model says of a design, beside what the tools measure.

use crate::evaluate::Request;
use crate::show::percent;
use attention::config::platform;
use flow::Report;
use flow::opensta::{PathKind, Timing};
use hdl::DelayModel;
use serde::Serialize;
use std::sync::Arc;

/// The longest path between two registers: predicted and measured.
///
/// A netlist is only ever as fast as its clock asks for, so the measured delay of the one that was chosen says whether
/// a prediction is safe, not whether it is close. That is what a netlist says which is sized as those that the model
/// is fitted to, with a tenth more than the shortest delay.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Prediction {
    /// Version of the delay model.
    pub delay_model: u32,
    /// What it says, ps.
    pub predicted_ps: f64,
    /// Module of the register at the path's end.
    pub module: String,
    /// That register.
    pub register: String,
    /// In the chosen netlist, ps.
    pub measured_ps: f64,
    /// In a netlist that is sized as those of the model, ps, if it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sized_alike_ps: Option<f64>,
}

impl Prediction {
    /// The prediction for what was synthesised; `None` where the platform has no delay model, or no register follows
    /// another.
    pub fn new(request: &Request, report: &Report) -> Option<Prediction> {
        let (delay_model, model) = model(request, &report.platform)?;
        let part = request.part().ok()?.design;
        let stage = part.longest_stage(&model)?;
        Some(Prediction {
            delay_model,
            predicted_ps: stage.delay_ps,
            module: stage.module.to_string(),
            register: stage.register.to_string(),
            measured_ps: between_registers(&report.chosen.timing)?,
            sized_alike_ps: None,
        })
    }

    /// Adds what a netlist takes that is sized as those of the model.
    pub fn sized_alike(self, timing: &Timing) -> Prediction {
        Prediction { sized_alike_ps: between_registers(timing), ..self }
    }

    /// Relative error against the netlist that is sized as those of the model.
    pub fn error(&self) -> Option<f64> {
        Some(self.predicted_ps / self.sized_alike_ps? - 1.0)
    }

    /// What people read.
    pub fn text(&self) -> String {
        let Prediction { delay_model, predicted_ps, module, register, measured_ps, .. } = self;
        let alike = self.sized_alike_ps.zip(self.error()).map_or(String::new(), |(ps, error)| {
            format!("; {ps:.0} ps when sized as in the model, which is {} off", percent(error))
        });
        format!(
            "predicted {predicted_ps:.0} ps (to {register} of {module}, delay model {delay_model}), measured \
             {measured_ps:.0} ps{alike}"
        )
    }
}

/// The model that the design is pipelined with; on another platform, that one's newest.
fn model(request: &Request, name: &str) -> Option<(u32, Arc<DelayModel>)> {
    let clock = &request.target.config.clock;
    let platform = platform(&clock.platform).ok().filter(|own| own.name == name).or(platform(name).ok())?;
    let newest = platform.versions().filter_map(|version| version.parse().ok()).max();
    let version = if platform.name == clock.platform { Some(clock.delay_model) } else { newest };
    Some((version?, platform.delay_model(version?).ok()?))
}

/// The longest path from a register to a register, or to the gate of its clock.
fn between_registers(timing: &Timing) -> Option<f64> {
    let paths = timing.paths.iter();
    let inner =
        paths.filter(|p| matches!(p.kind, PathKind::RegisterToRegister | PathKind::RegisterToClockGate));
    inner.map(|path| path.delay_ps).reduce(f64::max)
}
