//! Timing constraints in SDC.

use hdl::verilog::{Header, identifier};
use hdl::{Design, Direction, Port};
use std::collections::BTreeMap;

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
    /// As [`Within`](Boundary::Within) this period, with a register of this setup time, in picoseconds, right behind
    /// every output.
    Registered(f64, f64),
}

impl Boundary {
    /// Part of the period that is spent outside at a port.
    fn part(self, port: &Port) -> f64 {
        match (self, port.direction) {
            (Boundary::Outside, _) => OUTSIDE,
            (Boundary::Within(period_ps) | Boundary::Registered(period_ps, _), Direction::Input) => {
                f64::from(port.arrival_ps) / period_ps
            }
            (Boundary::Registered(period_ps, setup_ps), Direction::Output) => setup_ps / period_ps,
            (Boundary::Within(period_ps), Direction::Output) => {
                (1.0 - f64::from(port.arrival_ps) / period_ps).clamp(0.0, OUTSIDE)
            }
        }
    }
}

/// The constraints of a design: its clock, and the delays outside at its ports.
pub fn sdc(design: &Design, mhz: Option<f64>, boundary: Boundary, header: &Header) -> String {
    let comment: String =
        header.comment().lines().map(|line| format!("{}\n", line.replacen("//", "#", 1))).collect();
    let period = match mhz {
        Some(mhz) => format!("{:.4} ;# ns, {mhz} MHz", 1e3 / mhz),
        None => format!("{ANY_PERIOD:.4} ;# ns; the design is untimed, so this is only a guess"),
    };
    format!("{comment}\nset clk_period {period}\n{}", body(design, boundary))
}

/// The constraints without the line that sets `clk_period`, in whatever unit.
pub fn body(design: &Design, boundary: Boundary) -> String {
    let top = design.top();
    let mut text = String::from(if top.has_clock {
        "create_clock -name clk -period $clk_period [get_ports clk]\n"
    } else {
        "create_clock -name clk -period $clk_period ;# virtual: the design is combinational\n"
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
            text.push_str(&format!(
                "{command} [expr {part} * $clk_period] -clock clk [get_ports {{{ports}}}]\n"
            ));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::load_embedded;
    use crate::target::Target;

    #[test]
    fn a_part_of_a_design_is_constrained_as_it_was_planned() {
        let target = Target::new(load_embedded("fa2_bf16_d64").unwrap()).unwrap();
        let lane = target.design.top().instances.iter().find(|i| &*i.name == "lane").unwrap().module;
        let part = target.design.part(lane);
        let late = part.top().inputs().map(|(_, p)| p.arrival_ps).max().unwrap();
        assert!(late > 0);
        let text = sdc(&part, Some(500.0), Boundary::Within(2000.0), &Header::default());
        let planned = format!("set_input_delay [expr {} * $clk_period]", fraction(f64::from(late) / 2000.0));
        assert!(
            text.contains(&planned) && text.contains("set_output_delay [expr 0.2 * $clk_period]"),
            "{text}"
        );
        let text = sdc(&target.design, Some(500.0), Boundary::Outside, &Header::default());
        assert!(text.contains("set clk_period 2.0000 ;# ns, 500 MHz"), "{text}");
        assert_eq!(text.matches("set_input_delay [expr 0.2 * $clk_period]").count(), 1);
    }

    #[test]
    fn parts_of_the_period_are_short() {
        assert_eq!([0.0, 0.2, 0.0625, 1.0].map(fraction), ["0.0", "0.2", "0.062", "1.0"]);
    }
}
