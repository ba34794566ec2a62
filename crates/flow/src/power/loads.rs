//! Loads of nets and slews of pins: from OpenSTA, or from the capacitances of the pins alone.

use crate::error::FlowError;
use crate::liberty::{Library, PinDirection};
use crate::memory::{self, Macro};
use crate::netlist::Netlist;
use crate::opensta::OpenSta;
use crate::step::{Input, Step, digest};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the energies of a netlist's cells depend on.
#[derive(Clone, PartialEq, Debug)]
pub struct Loads {
    /// Capacitance on each net, in farad.
    pub nets: Vec<f64>,
    /// Rising and falling slew of each pin of each instance, in seconds.
    pub slews: Vec<Vec<[f64; 2]>>,
    /// Where they come from, for the report.
    pub source: String,
}

/// What OpenSTA is given.
#[derive(Clone, Debug)]
pub struct Timed<'a> {
    /// Liberty file, uncompressed.
    pub liberty: &'a Path,
    /// Macros that are in the netlist.
    pub macros: &'a [&'a Macro],
    /// Netlist file.
    pub netlist: &'a Path,
    /// Its top module.
    pub top: &'a str,
    /// Constraints with the clock, in nanoseconds.
    pub sdc: &'a Path,
    /// The clock port. It is driven ideally, with slew 0: a clock tree is not there yet.
    pub clock: &'a str,
    /// Cell that drives all other inputs; ideal drivers if there is none.
    pub driving_cell: Option<&'a str>,
    /// Load of the outputs in units of the library.
    pub output_load: f64,
    /// Folder to run in.
    pub folder: &'a Path,
    /// Longest time it may take.
    pub timeout: Duration,
}

/// The file that the script leaves.
const OUTPUT: &str = "loads.txt";

impl Loads {
    /// Loads from pin capacitances, every slew the same: an estimate where there is no OpenSTA.
    pub fn of_pins(netlist: &Netlist, library: &Library, slew: f64) -> Loads {
        let mut nets = vec![0.0; netlist.nets.len()];
        for instance in &netlist.instances {
            let pins = library.cells()[instance.cell].pins.iter().zip(&instance.pins);
            pins.for_each(|(pin, net)| {
                if let Some(net) = net {
                    nets[*net as usize] += pin.capacitance;
                }
            });
        }
        let slews = netlist.instances.iter().map(|i| vec![[slew; 2]; i.pins.len()]).collect();
        Loads { nets, slews, source: format!("pin capacitances, slews of {:.0} ps", slew * 1e12) }
    }

    /// Loads and slews as OpenSTA computes them for the netlist file, wires having no capacitance.
    ///
    /// # Errors
    /// OpenSTA fails, takes too long, or says nothing of some pin.
    pub fn measure(
        sta: &OpenSta,
        timed: &Timed<'_>,
        netlist: &Netlist,
        library: &Library,
    ) -> Result<Loads, FlowError> {
        let input = |name: &str, path: &Path| {
            let bytes = fs::read(path).map_err(FlowError::io(path))?;
            Ok(Input { name: name.into(), path: PathBuf::from(path), digest: digest(&bytes) })
        };
        let mut inputs = vec![
            input("cells.lib", timed.liberty)?,
            input("netlist.v", timed.netlist)?,
            input("design.sdc", timed.sdc)?,
        ];
        inputs.extend(timed.macros.iter().map(|m| m.input()));
        let (tool, scripts) = (sta.version(), vec![("sta.tcl", script(timed))]);
        let step = Step { name: "loads", tool: &tool, inputs, scripts, outputs: &[OUTPUT] };
        let done = step.perform(timed.folder, timed.timeout, || sta.command("sta.tcl"))?;
        parse(&done.read(OUTPUT)?, netlist, library, tool.clone())
    }
}

/// `Vertex_slew` and `Pin_capacitance` are not in the manual, but in Debian's OpenSTA of 2019 they are the only way to
/// all pins within seconds. Only drivers are asked for their load, because an answer visits all pins of the net: asked
/// by every pin, a clock of many flip-flops would take their number squared. Every object that Tcl is given becomes a
/// command; `rename` removes it, without the object.
fn script(timed: &Timed<'_>) -> String {
    let driver = timed.driving_cell.map_or(String::new(), |cell| {
        format!(
            "foreach port [all_inputs] {{\n\
             \x20 if {{[get_property $port full_name] ne \"{}\"}} {{ set_driving_cell -lib_cell {cell} $port }}\n\
             }}\n",
            timed.clock
        )
    });
    format!(
        "read_liberty cells.lib\n\
         {macros}read_verilog netlist.v\n\
         link_design {top}\n\
         set_cmd_units -time ns\n\
         source design.sdc\n\
         {driver}set_load {load} [all_outputs]\n\
         set corner [sta::cmd_corner]\n\
         set out [open {OUTPUT} w]\n\
         set vertices [sta::vertex_iterator]\n\
         while {{[$vertices has_next]}} {{\n\
         \x20 set vertex [$vertices next]\n\
         \x20 set pin [$vertex pin]\n\
         \x20 set load [expr {{[$pin is_driver] ? [sta::Pin_capacitance $pin rise $corner max] : 0}}]\n\
         \x20 set slews \"[sta::Vertex_slew $vertex rise max] [sta::Vertex_slew $vertex fall max]\"\n\
         \x20 puts $out [format {{%s %.6g %.6g %.6g}} [get_property $pin full_name] {{*}}$slews $load]\n\
         \x20 rename $vertex {{}}\n\
         \x20 rename $pin {{}}\n\
         }}\n\
         $vertices finish\n\
         close $out\n",
        macros = memory::read_liberty(timed.macros, ""),
        top = timed.top,
        load = timed.output_load,
    )
}

/// Lines are `instance/pin rise fall load`, or those of a port; the load is that of the net that the pin drives.
fn parse(text: &str, netlist: &Netlist, library: &Library, source: String) -> Result<Loads, FlowError> {
    let mut lines: HashMap<Cow<str>, [f64; 3]> = HashMap::new();
    for line in text.lines() {
        let mut words = line.rsplitn(4, ' ');
        let mut number = || words.next().and_then(|w| w.parse::<f64>().ok());
        let (load, fall, rise) = (number(), number(), number());
        let unreadable = || FlowError::new(format!("cannot read `{line}` in {OUTPUT}"));
        let [Some(rise), Some(fall), Some(load)] = [rise, fall, load] else { return Err(unreadable()) };
        lines.insert(unescaped(words.next().ok_or_else(unreadable)?), [rise, fall, load]);
    }
    let mut nets = vec![0.0; netlist.nets.len()];
    for net in netlist.ports.iter().filter(|port| port.input).flat_map(|port| &port.bits) {
        let name = netlist.nets[*net as usize].as_str();
        nets[*net as usize] = lines.get(name).map_or(0.0, |[_, _, load]| *load);
    }
    let mut slews = Vec::with_capacity(netlist.instances.len());
    for instance in &netlist.instances {
        let mut own = vec![[0.0; 2]; instance.pins.len()];
        let pins = library.cells()[instance.cell].pins.iter().zip(&instance.pins).enumerate();
        for (i, (pin, net)) in pins.filter(|(_, (pin, _))| pin.direction != PinDirection::Other) {
            let name = format!("{}/{}", instance.name, pin.name);
            let Some(&[rise, fall, load]) = lines.get(name.as_str()) else {
                if net.is_some() {
                    return Err(FlowError::new(format!("OpenSTA says nothing of {name}")));
                }
                continue;
            };
            own[i] = [rise, fall];
            if let Some(net) = net.filter(|_| pin.direction == PinDirection::Output) {
                nets[net as usize] = load;
            }
        }
        slews.push(own);
    }
    Ok(Loads { nets, slews, source })
}

/// A name as a netlist has it.
fn unescaped(name: &str) -> Cow<'_, str> {
    if name.contains('\\') { name.replace('\\', "").into() } else { name.into() }
}
