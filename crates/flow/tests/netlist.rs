//! Reading netlists: the subset, flattening, and what is said about anything else. Writing them, and buffers in them.

mod support;

use flow::liberty::Library;
use flow::netlist::{Instance, NetId, Netlist, ONE, Port, ZERO};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn parse(text: &str) -> Result<Netlist, String> {
    Netlist::parse(text, "top", &support::tiny()).map_err(|e| e.to_string())
}

#[test]
fn declarations_assignments_and_cells() {
    let netlist = parse(
        "/* by hand */
         (* src = \"x\" *)
         module top(a, b, y, z);
           input [1:0] a; wire [1:0] a; input b; output [2:0] y; output z;
           wire \\n[0] ; // escaped
           assign y[0] = \\n[0] ;
           assign y[2:1] = { 1'h0, a[1] };
           assign z = 1'b1;
           AND2 _0_ ( .A(a[0]), .B(b), .Y(\\n[0] ) );
           DFF \\u_x.q[1] (.D(a[1]), .CK(b), .Q(), .QN());
         endmodule",
    )
    .unwrap();
    let bits = |name: &str| netlist.port(name).unwrap().bits.clone();
    assert_eq!(netlist.ports.iter().map(|p| p.input).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(bits("y")[1..], [bits("a")[1], ZERO]);
    assert_eq!(bits("z"), [ONE]);
    let library = support::tiny();
    let and = library.cell("AND2").unwrap();
    assert_eq!(netlist.instances[0].pins[and.pin("Y").unwrap()], Some(bits("y")[0]));
    assert_eq!(netlist.instances[1].name, "u_x.q[1]");
    assert_eq!(netlist.instances[1].pins.iter().flatten().count(), 2);
    assert_eq!(netlist.area(&library), 8.0);
}

#[test]
fn modules_of_the_file_are_flattened() {
    let netlist = parse(
        "module pair(x, y); input [1:0] x; output y; wire m;
           XOR2 g(.A(x[0]), .B(x[1]), .Y(m)); INV i(.A(m), .Y(y));
         endmodule
         module top(a, b, y); input a, b; output [1:0] y;
           pair u_0(.x({a, b}), .y(y[0])); pair u_1(.x({b, 1'b1}), .y(y[1]));
         endmodule",
    )
    .unwrap();
    let names: Vec<&str> = netlist.instances.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["u_0/g", "u_0/i", "u_1/g", "u_1/i"]);
    assert!(netlist.nets.iter().any(|n| n == "u_1/m"));
    let second = &netlist.instances[2];
    assert!(
        second.pins.contains(&Some(ONE)) && second.pins.contains(&Some(netlist.port("b").unwrap().bits[0]))
    );
}

#[test]
fn errors_say_where() {
    let cases = [
        ("module top(a); input a;\n always @(posedge a) ; endmodule", "line 2: `@` is not part"),
        ("module top(a); input a;\n assign a = a & a; endmodule", "line 2: `&` is not part"),
        ("module top(a); input a;\n\n AND3 g(.A(a)); endmodule", "line 3: the library has no cell `AND3`"),
        ("module top(a); input a; AND2 g(.C(a)); endmodule", "line 1: cell `AND2` has no pin `C`"),
        ("module top(a); input a; AND2 g(.A(b)); endmodule", "line 1: `b` is not declared"),
        ("module top(a); input [1:0] a; INV g(.A(a)); endmodule", "line 1: pin `A` takes one bit"),
        ("module top(a); input [1:0] a; INV g(.A(a[2])); endmodule", "line 1: `a[2:2]` is out of range"),
        ("module top(a); output a; assign a = 2'b01; endmodule", "line 1: 2 bits are assigned to 1"),
        ("module top(a); output a; assign a = 1'b0; assign a = 1'b1; endmodule", "line 1: a net is both"),
        ("module top(input a); endmodule", "line 1: `)` expected, found `a`"),
        ("module top(a); input a; INV g(a); endmodule", "line 1: `.` expected, found `a`"),
        ("module other(a); input a; endmodule", "there is no module `top`"),
        ("module top(a); input a;", "expected, found the end of the file"),
    ];
    for (text, expected) in cases {
        let error = parse(text).unwrap_err();
        assert!(error.contains(expected), "{text}\ngave {error}\nnot {expected}");
    }
}

/// Outputs that are inputs, constants or one net, and names that need a backslash, are what they were after writing.
#[test]
fn what_is_written_is_read_back() {
    let text = "module part(x, y); input [1:0] x; output [1:0] y; wire m;
           AND2 g(.A(x[0]), .B(x[1]), .Y(m)); DFF f(.D(m), .CK(x[0]), .Q(y[0]), .QN()); INV i(.A(m), .Y(y[1]));
         endmodule
         module top(b, a, y, z, same, one); output [1:0] y, z; input [1:0] a; input b; output same, one; wire _1_;
           INV _0_(.A(b), .Y(_1_)); INV _2_(.A(_1_), .Y());
           part \\u[0] (.x({a[0], b}), .y(y)); part \\u[1] (.x({1'b1, b}), .y(z));
           assign same = a[1]; assign one = 1'b1;
         endmodule";
    let netlist = parse(text).unwrap();
    let written = netlist.verilog(&support::tiny());
    let again = parse(&written).unwrap();
    assert_eq!(shape(&again), shape(&netlist), "{written}");
    assert!(written.contains("wire \\u[1].m ;") && !written.contains('/'), "{written}");
    assert_eq!(again.verilog(&support::tiny()), written);
    let declared = written.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_cell = line.ends_with(" (");
        (is_cell || line.starts_with("  wire ")).then(|| words[1].trim_end_matches(';').to_string())
    });
    let mut names = BTreeSet::new();
    assert!(declared.into_iter().all(|name| names.insert(name)), "{written}");
    assert!(names.contains("_1_") && names.len() == 3 + 8, "{names:?}");
}

/// What a netlist is but for the names of nets and cells: nets are numbered as they occur.
fn shape(netlist: &Netlist) -> String {
    let mut numbers: BTreeMap<NetId, NetId> = BTreeMap::from([(ZERO, ZERO), (ONE, ONE)]);
    let mut number = |net: NetId| {
        let next = numbers.len() as NetId;
        *numbers.entry(net).or_insert(next)
    };
    let port = |p: &Port| Port { bits: p.bits.iter().map(|net| number(*net)).collect(), ..p.clone() };
    let ports: Vec<Port> = netlist.ports.iter().map(port).collect();
    let mut cell = |i: &Instance| (i.cell, i.pins.iter().map(|net| net.map(&mut number)).collect::<Vec<_>>());
    let cells: Vec<_> = netlist.instances.iter().map(&mut cell).collect();
    format!("{ports:?}\n{cells:?}")
}

/// The library of our own making, with buffers of 10 and 40 fF.
fn with_buffers() -> Library {
    let buffer = |name: &str, area: u32, pf: f64| {
        format!(
            "cell ({name}) {{ area : {area}; pin (A) {{ direction : input; capacitance : {pf}; }} \
             pin (Y) {{ direction : output; function : \"A\"; }} }}\n"
        )
    };
    let text = support::TINY.trim_end().strip_suffix('}').unwrap();
    Library::parse(&format!("{text}{}{}}}", buffer("BUF4", 6, 0.04), buffer("BUF1", 3, 0.01))).unwrap()
}

/// Gates and flip-flops on two inputs each of `sources` nets, all but the first of which are behind buffers in a chain.
fn broadcasts(reads: &[(usize, usize)], sources: usize) -> String {
    let gate = |(i, (a, b)): (usize, &(usize, usize))| {
        format!("AND2 g{i}(.A(n[{a}]), .B(n[{b}]), .Y(y[{i}])); DFF f{i}(.D(n[{b}]), .CK(clk), .Q());\n")
    };
    let gates: String = reads.iter().enumerate().map(gate).collect();
    let source = |i| match i {
        0 => "DFF s(.D(d), .CK(clk), .Q(n[0]));\n".to_string(),
        _ => format!("BUF1 s{i}(.A(n[{}]), .Y(n[{i}]));\n", i - 1),
    };
    let (top, last) = (sources - 1, reads.len() - 1);
    format!(
        "module top(clk, d, y); input clk, d; output [{last}:0] y; wire [{top}:0] n;\n{}{gates}endmodule\n",
        (0..sources).map(source).collect::<String>()
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every pin still gets what it got, through buffers; none drives too much, and nothing touches the clock.
    #[test]
    fn buffers_pass_on_what_was_there(
        reads in prop::collection::vec((0..3usize, 0..3usize), 1..900)
    ) {
        let library = with_buffers();
        let before = Netlist::parse(&broadcasts(&reads, 3), "top", &library).unwrap();
        let mut after = before.clone();
        after.buffer(&library);
        let is_buffer = |i: &Instance| library.cells()[i.cell].name.starts_with("BUF");
        let mut drivers = BTreeMap::new();
        let mut pins: BTreeMap<NetId, usize> = BTreeMap::new();
        for instance in &after.instances {
            let cell = &library.cells()[instance.cell];
            let input = |pin: &usize| instance.pins[*pin].is_some();
            for pin in cell.pins_of(flow::liberty::PinDirection::Input).filter(input) {
                *pins.entry(instance.pins[pin].unwrap()).or_default() += 1;
            }
            if is_buffer(instance) {
                drivers.insert(instance.pins[1].unwrap(), instance.pins[0].unwrap());
            }
        }
        let gates = |netlist: &Netlist, drivers: &BTreeMap<NetId, NetId>| {
            let source = |mut net: NetId| {
                while let Some(next) = drivers.get(&net) {
                    net = *next;
                }
                net
            };
            let gates = netlist.instances.iter().filter(|i| !is_buffer(i));
            gates.map(|i| i.pins.iter().map(|net| net.map(source)).collect()).collect::<Vec<Vec<_>>>()
        };
        let chain: BTreeMap<_, _> = before.instances.iter().filter(|i| is_buffer(i))
            .map(|i| (i.pins[1].unwrap(), i.pins[0].unwrap())).collect();
        prop_assert_eq!(gates(&before, &chain), gates(&after, &drivers));
        let clock = after.port("clk").unwrap().bits[0];
        prop_assert_eq!(pins[&clock], reads.len() + 1);
        prop_assert!(pins.iter().all(|(net, n)| *net == clock || *n <= 24), "{:?}", pins);
        prop_assert!(after.instances.iter().all(|i| i.name != "s1") || reads.len() <= 64);
        let again = Netlist::parse(&after.verilog(&library), "top", &library).unwrap();
        prop_assert_eq!(shape(&again), shape(&after));
    }
}
