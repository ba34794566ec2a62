//! Speed of the netlist simulator on a netlist of yours, counting included:
//!
//! ```text
//! cargo bench -p flashrtl-flow --bench netlist -- cells.lib netlist.v TOP
//! ```

use flow::activity::{Program, random};
use flow::liberty::Library;
use flow::netlist::Netlist;
use std::time::Instant;

const CYCLES: usize = 64;

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [liberty, file, top] = &files[..] else {
        println!("usage: cargo bench -p flashrtl-flow --bench netlist -- LIBERTY NETLIST TOP");
        return;
    };
    let mut start = Instant::now();
    let mut lap = |what: &str| {
        let seconds = start.elapsed().as_secs_f64();
        println!("{what:<28}{seconds:8.2} s");
        start = Instant::now();
        seconds
    };
    let library = Library::read(liberty.as_ref()).expect("a Liberty file");
    lap("Liberty read");
    let netlist = Netlist::read(file.as_ref(), top, &library).expect("a netlist");
    lap("netlist read");
    let program = Program::new(&netlist, &library, "clk").expect("a netlist that can be simulated");
    lap("compiled");
    let activity = random(&program, None, 0.25, CYCLES, 1);
    let seconds = lap("simulated");
    let cells = netlist.instances.len();
    println!("{cells} cells, {} operations, {} probes", program.operations(), program.probes());
    println!("{:.3} ms per cycle of 64 stimuli", 1e3 * seconds / CYCLES as f64);
    println!("{:.3e} cell-cycles per second", cells as f64 * activity.cycles as f64 / seconds);
}
