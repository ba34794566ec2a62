//! Reading netlists: the subset, flattening, and what is said about anything else.

mod support;

use flow::netlist::{Netlist, ONE, ZERO};

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
