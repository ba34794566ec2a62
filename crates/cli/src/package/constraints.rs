//! Timing constraints in SDC.

use crate::target::Target;
use hdl::Direction;
use hdl::verilog::{Header, identifier};
use std::fmt::Write;

/// Part of the period that is left to the logic outside, at inputs and outputs alike.
const OUTSIDE: f64 = 0.2;
/// Period in nanoseconds that stands in where the configuration has no clock.
const ANY_PERIOD: f64 = 10.0;

/// The constraints of a design: its clock, and a fifth of the period outside at every port.
pub fn sdc(target: &Target, header: &Header) -> String {
    let top = target.design.top();
    let mut text: String =
        header.comment().lines().map(|line| format!("{}\n", line.replacen("//", "#", 1))).collect();
    match target.config.clock.mhz {
        Some(mhz) => writeln!(text, "\nset period {:.4} ;# ns, {mhz} MHz", 1e3 / mhz),
        None => writeln!(
            text,
            "\nset period {ANY_PERIOD:.4} ;# ns; the design is untimed, so this is only a guess"
        ),
    }
    .expect("writing to a string does not fail");
    text.push_str(if top.has_clock {
        "create_clock -name clk -period $period [get_ports clk]\n"
    } else {
        "create_clock -name clk -period $period ;# virtual: the design is combinational\n"
    });
    let ports = |direction: Direction, stable: bool| {
        let ports = top.ports.iter().filter(|p| p.direction == direction && p.stable == stable);
        ports.map(|p| identifier(&p.name)).collect::<Vec<_>>().join(" ")
    };
    let mut delay = |command: &str, ports: String| {
        if !ports.is_empty() {
            text.push_str(&format!(
                "{command} [expr {OUTSIDE} * $period] -clock clk [get_ports {{{ports}}}]\n"
            ));
        }
    };
    delay("set_input_delay", ports(Direction::Input, false));
    delay("set_output_delay", ports(Direction::Output, false));
    let stable = ports(Direction::Input, true);
    if !stable.is_empty() {
        text.push_str(&format!(
            "set_false_path -from [get_ports {{{stable}}}] ;# constant while the engine works\n"
        ));
    }
    if top.has_reset {
        text.push_str(&format!("set_false_path -from [get_ports {}]\n", target.design.reset.port()));
    }
    text
}
