//! The same power as a newer OpenSTA finds it, where one is installed, from the same activity.
//!
//! Debian's, of 2019, is not asked: it cannot read SAIF, and its internal power is two to three times too high.

use super::loads::{Timed, link};
use super::{Power, saif};
use crate::activity::Activity;
use crate::error::FlowError;
use crate::liberty::Library;
use crate::netlist::Netlist;
use crate::opensta::OpenSta;
use crate::process::LOG;
use crate::step::Step;
use serde::{Deserialize, Serialize};

/// The first version whose power is worth a comparison.
const FIRST: u32 = 3;

/// What OpenSTA finds, or why it found nothing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CrossCheck {
    /// Its power.
    Power {
        /// The tool and its version.
        tool: String,
        /// What it finds, in milliwatts.
        total_mw: f64,
        /// What was found here, without the clock's net at the port, which OpenSTA leaves to whoever drives it.
        own_mw: f64,
        /// Pins that it knew no activity of.
        unannotated_pins: u64,
    },
    /// It failed, which costs nothing but the comparison.
    Failed {
        /// Why.
        failed: String,
    },
}

/// OpenSTA's power of the netlist file under the activity that `power` was found from; `None` where there is no OpenSTA
/// new enough, and of netlists with macros, whose insides only OpenSTA would count.
///
/// # Panics
/// When `activity` belongs to another netlist.
pub fn cross_check(
    sta: &OpenSta,
    timed: &Timed<'_>,
    netlist: &Netlist,
    library: &Library,
    activity: &Activity,
    power: &Power,
) -> Option<CrossCheck> {
    if sta.major() < FIRST || power.macros > 0 {
        return None;
    }
    let found = ask(sta, timed, saif(netlist, library, activity, power.mhz));
    Some(found.map_or_else(
        |error| CrossCheck::Failed { failed: error.to_string() },
        |(total_mw, unannotated_pins)| {
            let own_mw = power.total_mw - power.clock_net_mw;
            CrossCheck::Power { tool: sta.version(), total_mw, own_mw, unannotated_pins }
        },
    ))
}

fn ask(sta: &OpenSta, timed: &Timed<'_>, saif: String) -> Result<(f64, u64), FlowError> {
    let script = format!(
        "{}read_saif -scope {} activity.saif\nreport_activity_annotation\nreport_power -digits 9\n",
        link(timed),
        timed.top
    );
    let (tool, scripts) = (sta.version(), vec![("sta.tcl", script), ("activity.saif", saif)]);
    let step = Step { name: "cross-check", tool: &tool, inputs: timed.inputs()?, scripts, outputs: &[] };
    let done = step.perform(timed.folder, timed.timeout, || sta.command("sta.tcl"))?;
    let unreadable = || FlowError::new(format!("no power in {}", done.path(LOG).display()));
    parse(&done.read(LOG)?).ok_or_else(unreadable)
}

/// Total power in milliwatts, and pins without activity: the last figure in watts of the line `Total`, and that of
/// `unannotated`, if it is there.
fn parse(log: &str) -> Option<(f64, u64)> {
    let words = |label: &str| {
        let line = log.lines().map(str::trim).find_map(|line| line.strip_prefix(label))?;
        Some(line.split_whitespace().map(str::to_string).collect::<Vec<_>>())
    };
    let watts: f64 = words("Total ")?.get(3)?.parse().ok()?;
    let unannotated = words("unannotated ").and_then(|words| words.first()?.parse().ok());
    Some((watts * 1e3, unannotated.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
vcd                     0
saif                 1234
unannotated             5
Group                    Internal    Switching      Leakage        Total
                            Power        Power        Power        Power (Watts)
------------------------------------------------------------------------
Sequential            3.290000e-06 3.410000e-08 2.370000e-07 3.560000e-06  92.4%
Combinational         1.860000e-07 3.310000e-08 7.510000e-08 2.940000e-07   7.6%
------------------------------------------------------------------------
Total                 3.480000e-06 6.720000e-08 3.120000e-07 3.860000e-06 100.0%
                             90.2%         1.7%         8.1%
";

    #[test]
    fn the_total_is_read() {
        let (milliwatts, unannotated) = parse(LOG).unwrap();
        assert!((milliwatts - 3.86e-3).abs() < 1e-12 && unannotated == 5);
        assert_eq!(parse("Error: no such command\n"), None);
    }
}
