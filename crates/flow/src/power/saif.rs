//! Activity for other tools: SAIF (IEEE 1801, "backward" files), pin by pin.
//!
//! What a net does is said at each of its pins, because that is where readers such as OpenSTA look for it, and because
//! nets of a mapped netlist have names that no two tools escape alike.

use crate::activity::Activity;
use crate::liberty::Library;
use crate::netlist::{NetId, Netlist};
use std::fmt::Write;

/// Femtoseconds in a second: the unit of times in the file.
const FEMTOSECONDS: f64 = 1e15;

/// The text of a SAIF file, whose scope is the netlist's top, of what was counted at a clock of `mhz`.
///
/// # Panics
/// When `activity` belongs to another netlist.
pub fn saif(netlist: &Netlist, library: &Library, activity: &Activity, mhz: f64) -> String {
    let period = (FEMTOSECONDS / (mhz * 1e6)).round() as u64;
    let file = File { activity, period, duration: activity.cycles * period };
    let mut text = format!(
        "(SAIFILE\n(SAIFVERSION \"2.0\")\n(DIRECTION \"backward\")\n(DESIGN \"{name}\")\n\
         (PROGRAM_NAME \"flashrtl\")\n(VERSION \"{version}\")\n(DIVIDER /)\n(TIMESCALE 1 fs)\n(DURATION {duration})\n\
         (INSTANCE {name}\n",
        name = netlist.name,
        version = env!("CARGO_PKG_VERSION"),
        duration = file.duration,
    );
    let ports = netlist.ports.iter().flat_map(|port| &port.bits);
    let ports = ports.map(|net| (netlist.nets[*net as usize].as_str(), *net));
    file.pins(&mut text, ports);
    let mut order: Vec<usize> = (0..netlist.instances.len()).collect();
    // Instances of a scope side by side.
    order.sort_by_cached_key(|i| {
        netlist.instances[*i].name.split('/').map(str::to_string).collect::<Vec<_>>()
    });
    let mut open: Vec<&str> = vec![];
    for instance in order.into_iter().map(|i| &netlist.instances[i]) {
        let path: Vec<&str> = instance.name.split('/').collect();
        let shared = open.iter().zip(&path).take_while(|(a, b)| a == b).count();
        text += &")\n".repeat(open.len() - shared);
        path[shared..]
            .iter()
            .for_each(|name| writeln!(text, "(INSTANCE {}", escaped(name)).expect("a string"));
        let pins = library.cells()[instance.cell].pins.iter().zip(&instance.pins);
        file.pins(&mut text, pins.filter_map(|(pin, net)| Some((pin.name.as_str(), (*net)?))));
        open = path;
    }
    text + &")\n".repeat(open.len()) + "))\n"
}

struct File<'a> {
    activity: &'a Activity,
    /// Of the clock.
    period: u64,
    duration: u64,
}

impl File<'_> {
    fn pins<'p>(&self, text: &mut String, pins: impl Iterator<Item = (&'p str, NetId)>) {
        *text += "(NET";
        for (name, net) in pins {
            let net = net as usize;
            let toggles = self.activity.toggles[net];
            // A pulse is high for half of a cycle.
            let halves = if self.activity.is_clock[net] { 1 } else { 2 };
            let high = self.activity.high[net] * halves * self.period / 2;
            let low = self.duration - high;
            write!(text, "\n({} (T0 {low}) (T1 {high}) (TC {toggles}))", escaped(name)).expect("a string");
        }
        *text += ")\n";
    }
}

/// Everything but letters, digits and underscores escaped.
fn escaped(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().flat_map(|c| (!plain(c)).then_some('\\').into_iter().chain([c])).collect()
}
