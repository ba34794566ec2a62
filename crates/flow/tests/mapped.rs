//! A pipelined adder mapped by the real tools to osu018: its netlist against the graph simulator bit for bit, its
//! toggles against Icarus, its power with loads from OpenSTA; and a dot product whose terms are mapped once.

mod support;

use flow::activity::{Activity, Check, PowerUp, Program, ReplayError, replay};
use flow::liberty::{Library, PinDirection};
use flow::netlist::Netlist;
use flow::power::{Loads, Timed, estimate};
use flow::{Flow, Job, OpenSta, Places, Platform, Report};
use hdl::{DelayModel, Design, Direction, Reset, Timing, verilog};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sim::{Engine, ProgramEngine, Trace};
use std::collections::HashMap;
use std::fmt::Write;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const PERIOD_PS: f64 = 8000.0;
/// Load of every output.
const OUTPUT_LOAD_PF: f64 = 0.0373;
/// Cycles after which no flip-flop holds what it had at power-up.
const WARM: usize = 16;

fn table(path: &str) -> toml::Table {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/platforms");
    std::fs::read_to_string(Path::new(folder).join(path)).unwrap().parse().unwrap()
}

/// An operator for bf16 in several stages.
fn operator(name: &str, length: u32) -> Design {
    let model: DelayModel = table("nangate45.toml")["delay_model"]["1"].clone().try_into().unwrap();
    let timing = Timing { period_ps: 800.0, model: Arc::new(model) };
    let operator = arith::registry::find(name).unwrap();
    let params = arith::operator::Params::new(operator, numerics::catalog::parse("bf16").unwrap());
    let params = arith::operator::Params { length, ..params };
    arith::registry::elaborate(operator, &params, Some(timing), Reset::default()).unwrap()
}

struct Mapped {
    design: Design,
    report: Report,
    library: Library,
    netlist: Netlist,
}

/// The adder, flat.
fn mapped(folder: &Path, period_ps: f64) -> Option<Mapped> {
    synthesised(folder, operator("fp-add", 1), period_ps, &[])
}

fn synthesised(folder: &Path, design: Design, period_ps: f64, once: &[&str]) -> Option<Mapped> {
    support::file_or_skip(support::OSU018, "qflow-tech-osu018")?;
    if let Some(why) = flow::registry::BACKENDS.iter().find_map(|backend| (backend.find)().err()) {
        return support::skip(&why.to_string());
    }
    let platform = Platform::new("osu018", "", &table("osu018.toml")).unwrap();
    let places = Places { liberty: vec![], pdk: None, orfs: None };
    let cells = flow::Library::prepare(&platform, &places, folder).unwrap();
    let files = verilog::write(&design, &verilog::Header::default()).into_iter();
    let files = files.filter(|f| f.name.ends_with(".v")).map(|f| (f.name, f.text)).collect();
    let job = Job {
        design: "design".into(),
        top: design.top().name.to_string(),
        files,
        memories: vec![],
        note: None,
        sdc: format!("create_clock -name clk -period {} [get_ports clk]\n", period_ps / 1e3),
        period_ps,
        once: once.iter().map(|name| name.to_string()).collect(),
        quick: true,
        fmax: false,
        folder: folder.to_path_buf(),
    };
    let report = Flow::new(cells, 1, Duration::from_secs(600), &|_| ()).unwrap().run(&job).unwrap();
    let library = Library::read(&report.prepared_liberty).unwrap();
    let netlist = Netlist::read(&report.netlist, &report.top, &library).unwrap();
    Some(Mapped { design, report, library, netlist })
}

/// Random inputs and what the graph simulator answers.
fn recording(design: &Design, cycles: usize, seed: u64) -> (Trace, Trace) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut inputs = Trace::new(design, Direction::Input);
    inputs.cycles = cycles;
    for port in &mut inputs.ports {
        let draw = |_| random.random::<u64>() & (u64::MAX >> (64 - port.ty.width));
        port.values = (0..cycles * port.ty.count as usize).map(draw).collect();
    }
    let outputs = ProgramEngine::default().run(design, &inputs).unwrap();
    (inputs, outputs)
}

#[test]
fn the_netlist_answers_as_the_graph_does_and_toggles_as_in_icarus() {
    let folder = tempfile::tempdir().unwrap();
    let Some(Mapped { design, report, library, netlist }) = mapped(folder.path(), PERIOD_PS) else { return };
    let program = Program::new(&netlist, &library, "clk").unwrap();
    let recordings: Vec<(Trace, Trace)> =
        (0..70).map(|seed| recording(&design, 100 + seed as usize, seed)).collect();
    let pairs: Vec<(&Trace, &Trace)> = recordings.iter().map(|(i, o)| (i, o)).collect();
    let activity = replay(&program, &design, &pairs, Check::default()).unwrap();
    assert_eq!((activity.stimuli, activity.cycles), (70, (100..170).sum()));
    replay(&program, &design, &pairs, Check { power_up: PowerUp::Random(7), ..Check::default() }).unwrap();
    a_sample_of_the_cycles_tells_the_same(&program, &design, &pairs, &activity);
    a_wrong_bit_is_found(&design, &program, &recordings);
    a_wrong_cell_is_found(&design, &report, &library, &pairs);
    power_of_the_mapped_unit(&report, &library, &netlist, &activity, folder.path());
    if let Some(why) = sim::Tool::IVERILOG.unavailable() {
        return support::skip(&why).unwrap_or_default();
    }
    let (inputs, outputs) = recording(&design, 1000, 99);
    let found = icarus_toggles(&report, &inputs, folder.path());
    let until = |cycles: usize| {
        let cut = |trace: &Trace| Trace { cycles, ..trace.clone() };
        replay(&program, &design, &[(&cut(&inputs), &cut(&outputs))], Check::default()).unwrap().toggles
    };
    let (warm, all) = (until(WARM), until(inputs.cycles));
    let (mut ours, mut theirs) = (0, 0);
    for (net, name) in netlist.nets.iter().enumerate().skip(2) {
        ours += all[net] - warm[net];
        theirs += found.get(name).unwrap_or_else(|| panic!("Icarus has no net `{name}`"));
    }
    println!("toggles: {ours}, in Icarus {theirs}");
    assert!(ours > 100_000 && ours.abs_diff(theirs) * 1000 <= theirs, "{ours} toggles, in Icarus {theirs}");
}

/// A clock a little faster than a recipe's netlist: the cells on late paths are given more drive, and nothing else changes.
#[test]
fn late_paths_get_larger_cells() {
    let folder = tempfile::tempdir().unwrap();
    let Some(Mapped { report, .. }) = mapped(folder.path(), 1.0) else { return };
    let fastest = report.chosen.timing.min_period_ps;
    let faster = tempfile::tempdir().unwrap();
    let Mapped { design, report, library, .. } = mapped(faster.path(), 0.99 * fastest).unwrap();
    let repaired = report.attempts.iter().find(|attempt| attempt.resized > 0).expect("a netlist just misses");
    println!("{} cells of {} resized: {:?}", repaired.resized, repaired.area.cells, repaired.timing.slack_ps);
    assert!(repaired.resized < repaired.area.cells / 4);
    let netlist = Netlist::read(&repaired.folder.join("netlist.v"), &report.top, &library).unwrap();
    let program = Program::new(&netlist, &library, "clk").unwrap();
    let (inputs, outputs) = recording(&design, 1000, 1);
    replay(&program, &design, &[(&inputs, &outputs)], Check::default()).unwrap();
}

/// The terms of a dot product are mapped once; together with all else they are one flat netlist that answers as the
/// graph does, and no net in it but the clock reaches more cells than one buffer may.
#[test]
fn modules_that_are_repeated_are_mapped_once() {
    let folder = tempfile::tempdir().unwrap();
    let design = operator("fused-dot", 32);
    let term = design.modules.iter().find(|module| module.name.starts_with("dot_term")).unwrap().name.clone();
    let Some(Mapped { design, report, library, netlist }) =
        synthesised(folder.path(), design, PERIOD_PS, &[&term])
    else {
        return;
    };
    let text = std::fs::read_to_string(report.chosen.folder.join("mapped.v")).unwrap();
    let modules = text.lines().filter(|line| line.starts_with("module ")).count();
    assert!(modules == 2 && text.contains(&format!("module {term}(")), "{modules} modules");
    assert!(!report.flattened && report.met, "{:?}", report.chosen);
    assert_eq!(report.chosen.area.cells, netlist.instances.len() as u64);
    assert!((report.chosen.area.um2 / netlist.area(&library) - 1.0).abs() < 1e-9);
    let clock = netlist.port("clk").unwrap().bits[0];
    let mut readers = vec![0; netlist.nets.len()];
    for instance in &netlist.instances {
        let inputs = library.cells()[instance.cell].pins_of(PinDirection::Input);
        inputs.filter_map(|pin| instance.pins[pin]).for_each(|net| readers[net as usize] += 1);
    }
    let data = readers.iter().enumerate().skip(2).filter(|(net, _)| *net != clock as usize);
    assert!(*data.map(|(_, readers)| readers).max().unwrap() <= 24);
    let program = Program::new(&netlist, &library, "clk").unwrap();
    let (inputs, outputs) = recording(&design, 1000, 1);
    replay(&program, &design, &[(&inputs, &outputs)], Check::default()).unwrap();
}

fn a_sample_of_the_cycles_tells_the_same(
    program: &Program,
    design: &Design,
    pairs: &[(&Trace, &Trace)],
    all: &Activity,
) {
    let check = Check { sample: NonZeroU32::new(4).unwrap(), ..Check::default() };
    let sampled = replay(program, design, pairs, check).unwrap();
    let share = sampled.cycles as f64 / sampled.simulated as f64;
    assert_eq!((sampled.simulated, all.simulated), (all.cycles, all.cycles));
    assert!((0.1..0.4).contains(&share), "{share} of the cycles were counted");
    let [expected, found] = [all, &sampled].map(Activity::toggle_rate);
    assert!(
        (found / expected - 1.0).abs() < 0.02,
        "{found} toggles per cycle of a sample, {expected} of all"
    );
}

/// The last recording, its last result with one bit turned.
fn a_wrong_bit_is_found(design: &Design, program: &Program, recordings: &[(Trace, Trace)]) {
    let mut wrong = recordings.to_vec();
    let (_, outputs) = wrong.last_mut().unwrap();
    *outputs.ports[0].values.last_mut().unwrap() ^= 1;
    let pairs: Vec<(&Trace, &Trace)> = wrong.iter().map(|(i, o)| (i, o)).collect();
    match replay(program, design, &pairs, Check::default()).unwrap_err() {
        ReplayError::Mismatch { recording, at } => {
            assert_eq!((recording, at.cycle), (69, 168));
            assert_eq!(at.expected[0] ^ at.found.unwrap()[0], 1);
        }
        other => panic!("{other}"),
    }
}

fn a_wrong_cell_is_found(design: &Design, report: &Report, library: &Library, pairs: &[(&Trace, &Trace)]) {
    let text = std::fs::read_to_string(&report.netlist).unwrap();
    let netlist = Netlist::parse(&text.replacen("  NAND2X1 ", "  NOR2X1 ", 1), &report.top, library).unwrap();
    let program = Program::new(&netlist, library, "clk").unwrap();
    let error = replay(&program, design, pairs, Check::default()).unwrap_err();
    assert!(matches!(error, ReplayError::Mismatch { .. }), "{error}");
}

/// With loads and slews from OpenSTA; against those of the pins alone they differ little, as there are no wires.
fn power_of_the_mapped_unit(
    report: &Report,
    library: &Library,
    netlist: &Netlist,
    activity: &Activity,
    folder: &Path,
) {
    let timed = Timed {
        liberty: &report.prepared_liberty,
        macros: &[],
        netlist: &report.netlist,
        top: &report.top,
        sdc: &report.constraints,
        clock: "clk",
        driving_cell: Some("BUFX2"),
        output_load: OUTPUT_LOAD_PF,
        folder,
        timeout: Duration::from_secs(60),
    };
    let loads = Loads::measure(&OpenSta::find().unwrap(), &timed, netlist, library).unwrap();
    let sums = Loads::of_pins(netlist, library, 0.1e-9);
    loads_are_sums_of_pins(&loads, &sums, netlist);
    let mhz = 1e6 / PERIOD_PS;
    let power = estimate(netlist, library, activity, &loads, mhz, "random operands");
    let pins = estimate(netlist, library, activity, &sums, mhz, "");
    println!("{power:#?}");
    assert!(
        (power.total_mw / pins.total_mw - 1.0).abs() < 0.25,
        "{} against {}",
        power.total_mw,
        pins.total_mw
    );
    let parts: f64 = power.modules.iter().map(|m| m.power.total_mw()).sum();
    assert!((parts / power.total_mw - 1.0).abs() < 1e-9 && power.split.leakage_mw > 0.0);
    assert!(
        power.split.clock_mw > 0.0 && power.split.registers_mw > 0.0 && power.split.combinational_mw > 0.0
    );
}

/// Without wires, OpenSTA's load of a net is the sum of its pins, the clock's and other inputs' nets among them; rising
/// pins differ a little from the mean.
fn loads_are_sums_of_pins(loads: &Loads, sums: &Loads, netlist: &Netlist) {
    let outputs = netlist.ports.iter().filter(|port| !port.input).flat_map(|port| &port.bits);
    let mut expected = sums.nets.clone();
    outputs.for_each(|net| expected[*net as usize] += OUTPUT_LOAD_PF * 1e-12);
    for (net, name) in netlist.nets.iter().enumerate().skip(2) {
        let (found, expected) = (loads.nets[net], expected[net]);
        assert!(
            (found - expected).abs() <= 0.05 * expected,
            "{name}: {found} F, pins sum up to {expected} F"
        );
    }
}

/// Toggles of every net of the netlist in Icarus from cycle [`WARM`] on, with the models that Yosys makes of Liberty.
fn icarus_toggles(report: &Report, inputs: &Trace, folder: &Path) -> HashMap<String, u64> {
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let library = report.prepared_liberty.canonicalize().unwrap();
    let models = "read_liberty -ignore_miss_func -ignore_miss_data_latch";
    run("yosys", &["-q", "-p", &format!("{models} {}; write_verilog -noattr models.v", library.display())]);
    std::fs::write(folder.join("tb.v"), testbench(report, inputs, folder)).unwrap();
    run("iverilog", &["-o", "tb.vvp", "tb.v", "netlist.v", "models.v"]);
    run("vvp", &["-n", "tb.vvp"]);
    toggles(&folder.join("tb.vcd"))
}

/// Inputs change with the rising edge, cycle c at time 10 · (c + 1).
fn testbench(report: &Report, inputs: &Trace, folder: &Path) -> String {
    let width: u32 = inputs.ports.iter().map(|p| p.ty.bits()).sum();
    let mut lines = String::new();
    for cycle in 0..inputs.cycles {
        for port in &inputs.ports {
            assert_eq!(port.ty.count, 1);
            write!(lines, "{:0width$b}", port.at(cycle)[0], width = port.ty.width as usize).unwrap();
        }
        lines.push('\n');
    }
    std::fs::write(folder.join("stimulus.txt"), lines).unwrap();
    let names = inputs.ports.iter().map(|p| p.name.to_string()).collect::<Vec<_>>().join(", ");
    let declared: String =
        inputs.ports.iter().map(|p| format!("  reg [{}:0] {};\n", p.ty.width - 1, p.name)).collect();
    let pins: String = inputs.ports.iter().map(|p| format!(", .{0}({0})", p.name)).collect();
    format!(
        "`timescale 1ns/1ns\nmodule tb;\n{declared}  reg clk = 0; reg [{}:0] lines [0:{}]; integer i = 0;\n\
         \x20 {} dut(.clk(clk){pins});\n\
         \x20 always #5 clk = ~clk;\n\
         \x20 always @(posedge clk) begin {{{names}}} <= lines[i]; i <= i + 1; end\n\
         \x20 initial begin $readmemb(\"stimulus.txt\", lines); $dumpfile(\"tb.vcd\"); $dumpvars(0, dut);\n\
         \x20   #{} $finish; end\nendmodule\n",
        width - 1,
        inputs.cycles - 1,
        report.top,
        10 * inputs.cycles + 4,
    )
}

/// Transitions between 0 and 1 of every bit of the scope `dut` itself, from cycle [`WARM`] on.
fn toggles(path: &Path) -> HashMap<String, u64> {
    let mut parser = vcd::Parser::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    let header = parser.parse_header().unwrap();
    let dut = header.find_scope(&["tb", "dut"]).unwrap();
    // Nets that are joined share a code: a code has several names.
    let mut names: HashMap<vcd::IdCode, Vec<(String, u32, bool)>> = HashMap::new();
    for item in &dut.items {
        if let vcd::ScopeItem::Var(var) = item {
            let bus = matches!(var.index, Some(vcd::ReferenceIndex::Range(..)));
            names.entry(var.code).or_default().push((var.reference.clone(), var.size, bus));
        }
    }
    let mut last: HashMap<(vcd::IdCode, usize), vcd::Value> = HashMap::new();
    let mut counts: HashMap<(vcd::IdCode, usize), u64> = HashMap::new();
    let mut time = 0;
    for command in parser {
        let changes = match command.unwrap() {
            vcd::Command::Timestamp(t) => {
                time = t;
                continue;
            }
            vcd::Command::ChangeScalar(code, value) => vec![((code, 0), value)],
            vcd::Command::ChangeVector(code, values) => {
                let width = names.get(&code).map_or(values.len(), |n| n[0].1 as usize);
                let fill =
                    if values.iter().next() == Some(vcd::Value::X) { vcd::Value::X } else { vcd::Value::V0 };
                let bits: Vec<_> = values.iter().collect();
                let bit = |i: usize| if i < bits.len() { bits[bits.len() - 1 - i] } else { fill };
                (0..width).map(|i| ((code, i), bit(i))).collect()
            }
            _ => continue,
        };
        for (key, value) in changes {
            let known = |v: vcd::Value| matches!(v, vcd::Value::V0 | vcd::Value::V1);
            let before = last.insert(key, value);
            if before.is_some_and(|b| known(b) && known(value) && b != value)
                && time >= 10 * (WARM as u64 + 1) - 5
            {
                *counts.entry(key).or_default() += 1;
            }
        }
    }
    let mut all = HashMap::new();
    for (code, names) in names {
        for (name, width, bus) in names {
            for i in 0..width as usize {
                let bit =
                    if bus { format!("{name}[{i}]") } else { name.trim_start_matches('\\').to_string() };
                all.insert(bit, counts.get(&(code, i)).copied().unwrap_or(0));
            }
        }
    }
    all
}
