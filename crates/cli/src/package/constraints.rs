//! Timing constraints in SDC.

use hdl::verilog::{Header, identifier};
use hdl::{Design, Direction, Port};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Part of the period that is left to the logic outside, at inputs and outputs alike.
const OUTSIDE: f64 = 0.2;
/// Period in nanoseconds that stands in where the configuration has no clock.
const ANY_PERIOD: f64 = 10.0;

/// What is around a design.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Boundary {
    /// Unknown logic: a fifth of the period outside at every port.
    Outside,
    /// The rest of the design that it is a part of, pipelined for this period in picoseconds: inputs arrive when the
    /// pipelining expects them. Outputs have a fifth of the period ahead of them, or what it has planned if that is
    /// less.
    Within(f64),
}

impl Boundary {
    /// Part of the period that is spent outside at a port.
    fn part(self, port: &Port) -> f64 {
        match (self, port.direction) {
            (Boundary::Outside, _) => OUTSIDE,
            (Boundary::Within(period_ps), Direction::Input) => f64::from(port.arrival_ps) / period_ps,
            (Boundary::Within(period_ps), Direction::Output) => {
                (1.0 - f64::from(port.arrival_ps) / period_ps).clamp(0.0, OUTSIDE)
            }
        }
    }
}

/// The constraints of a design: its clock, and the delays outside at its ports.
pub fn sdc(design: &Design, mhz: Option<f64>, boundary: Boundary, header: &Header) -> String {
    let top = design.top();
    let mut text: String =
        header.comment().lines().map(|line| format!("{}\n", line.replacen("//", "#", 1))).collect();
    match mhz {
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
    for (command, direction) in
        [("set_input_delay", Direction::Input), ("set_output_delay", Direction::Output)]
    {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for port in top.ports.iter().filter(|p| p.direction == direction && !p.stable) {
            groups.entry(fraction(boundary.part(port))).or_default().push(identifier(&port.name));
        }
        for (part, ports) in groups {
            let ports = ports.join(" ");
            text.push_str(&format!("{command} [expr {part} * $period] -clock clk [get_ports {{{ports}}}]\n"));
        }
    }
    let stable: Vec<String> = top.ports.iter().filter(|p| p.stable).map(|p| identifier(&p.name)).collect();
    if !stable.is_empty() {
        text.push_str(&format!(
            "set_false_path -from [get_ports {{{}}}] ;# constant while the engine works\n",
            stable.join(" ")
        ));
    }
    if top.has_reset {
        text.push_str(&format!("set_false_path -from [get_ports {}]\n", design.reset.port()));
    }
    text
}

/// A number with three digits at most.
fn fraction(part: f64) -> String {
    let text = format!("{part:.3}");
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.into() }
}
