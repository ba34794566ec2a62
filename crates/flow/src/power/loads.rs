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
        let nets = sums(netlist, library, 0.0);
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
        let (tool, scripts) = (sta.version(), vec![("sta.tcl", script(timed))]);
        let step = Step { name: "loads", tool: &tool, inputs: timed.inputs()?, scripts, outputs: &[OUTPUT] };
        let done = step.perform(timed.folder, timed.timeout, || sta.command("sta.tcl"))?;
        let sums = sums(netlist, library, timed.output_load * library.farad);
        parse(&done.read(OUTPUT)?, netlist, library, &sums, tool.clone())
    }
}

/// Capacitance of the pins on each net, with `output` at every output port, in farad.
fn sums(netlist: &Netlist, library: &Library, output: f64) -> Vec<f64> {
    let mut nets = vec![0.0; netlist.nets.len()];
    for instance in &netlist.instances {
        let pins = library.cells()[instance.cell].pins.iter().zip(&instance.pins);
        pins.filter_map(|(pin, net)| Some((pin, (*net)?)))
            .for_each(|(pin, net)| nets[net as usize] += pin.capacitance);
    }
    let outputs = netlist.ports.iter().filter(|port| !port.input).flat_map(|port| &port.bits);
    outputs.for_each(|net| nets[*net as usize] += output);
    nets
}

impl Timed<'_> {
    /// What scripts read that begin with [`link`].
    pub(super) fn inputs(&self) -> Result<Vec<Input>, FlowError> {
        let input = |name: &str, path: &Path| {
            let bytes = fs::read(path).map_err(FlowError::io(path))?;
            Ok(Input { name: name.into(), path: PathBuf::from(path), digest: digest(&bytes) })
        };
        let files = [("cells.lib", self.liberty), ("netlist.v", self.netlist), ("design.sdc", self.sdc)];
        let files = files.into_iter().map(|(name, path)| input(name, path));
        files.chain(self.macros.iter().map(|m| Ok(m.input()))).collect()
    }
}

/// The beginning of scripts: the netlist under its constraints, with loads and drivers at its ports.
pub(super) fn link(timed: &Timed<'_>) -> String {
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
         {driver}set_load {load} [all_outputs]\n",
        macros = memory::read_liberty(timed.macros, ""),
        top = timed.top,
        load = timed.output_load,
    )
}

/// `Vertex_slew` is not in the manual, nor is what Debian's OpenSTA of 2019 has for loads, but they are the only way to
/// all pins within seconds. Newer versions have no such thing for loads: `-` stands for the sum of the pins. Only drivers
/// are asked for their load, because an answer visits all pins of the net: asked by every pin, a clock of many
/// flip-flops would take their number squared. Every object that Tcl is given becomes a command; `rename` removes it,
/// without the object.
fn script(timed: &Timed<'_>) -> String {
    format!(
        "{}proc load {{pin}} {{ return - }}\n\
         if {{[llength [info commands sta::cmd_corner]] && [llength [info commands sta::Pin_capacitance]]}} {{\n\
         \x20 set corner [sta::cmd_corner]\n\
         \x20 proc load {{pin}} {{\n\
         \x20   global corner\n\
         \x20   return [expr {{[$pin is_driver] ? [sta::Pin_capacitance $pin rise $corner max] : 0}}]\n\
         \x20 }}\n\
         }}\n\
         set out [open {OUTPUT} w]\n\
         set vertices [sta::vertex_iterator]\n\
         while {{[$vertices has_next]}} {{\n\
         \x20 set vertex [$vertices next]\n\
         \x20 set pin [$vertex pin]\n\
         \x20 set slews \"[sta::Vertex_slew $vertex rise max] [sta::Vertex_slew $vertex fall max]\"\n\
         \x20 puts $out [format {{%s %.6g %.6g %s}} [get_property $pin full_name] {{*}}$slews [load $pin]]\n\
         \x20 rename $vertex {{}}\n\
         \x20 rename $pin {{}}\n\
         }}\n\
         $vertices finish\n\
         close $out\n",
        link(timed)
    )
}

/// Lines are `instance/pin rise fall load`, or those of a port; the load is that of the net that the pin drives, `-`
/// where it is the one in `sums`.
fn parse(
    text: &str,
    netlist: &Netlist,
    library: &Library,
    sums: &[f64],
    source: String,
) -> Result<Loads, FlowError> {
    let mut lines: HashMap<Cow<str>, ([f64; 2], Option<f64>)> = HashMap::new();
    for line in text.lines() {
        let unreadable = || FlowError::new(format!("cannot read `{line}` in {OUTPUT}"));
        let words: Vec<&str> = line.rsplitn(4, ' ').collect();
        let &[load, fall, rise, name] = &words[..] else { return Err(unreadable()) };
        let number = |word: &str| word.parse::<f64>().map_err(|_| unreadable());
        let load = if load == "-" { None } else { Some(number(load)?) };
        lines.insert(unescaped(name), ([number(rise)?, number(fall)?], load));
    }
    let mut nets = vec![0.0; netlist.nets.len()];
    for net in netlist.ports.iter().filter(|port| port.input).flat_map(|port| &port.bits) {
        let net = *net as usize;
        nets[net] = lines.get(netlist.nets[net].as_str()).map_or(0.0, |(_, load)| load.unwrap_or(sums[net]));
    }
    let mut slews = Vec::with_capacity(netlist.instances.len());
    for instance in &netlist.instances {
        let mut own = vec![[0.0; 2]; instance.pins.len()];
        let pins = library.cells()[instance.cell].pins.iter().zip(&instance.pins).enumerate();
        for (i, (pin, net)) in pins.filter(|(_, (pin, _))| pin.direction != PinDirection::Other) {
            let name = format!("{}/{}", instance.name, pin.name);
            let Some(&(slew, load)) = lines.get(name.as_str()) else {
                if net.is_some() {
                    return Err(FlowError::new(format!("OpenSTA says nothing of {name}")));
                }
                continue;
            };
            own[i] = slew;
            if let Some(net) = net.filter(|_| pin.direction == PinDirection::Output) {
                nets[net as usize] = load.unwrap_or(sums[net as usize]);
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
