//! rust-hdl's printer as a second emitter: the modules in its syntax tree, printed by it, against our own Verilog in
//! Icarus. It prints combinational designs only (state is a set of open signals there).

mod common;

use common::{Random, zoo};
use hdl::rust_hdl::Bridge;
use hdl::verilog::{Header, write};
use hdl::{Design, Kind, ModuleBuilder, Outputs, Reset, Signal, Type, each, elaborate};
use rust_hdl::prelude::{Block, generate_verilog_unchecked};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// A test bench that gives both texts the same random inputs and prints the outputs in which they differ.
fn test_bench(design: &Design, vectors: u32) -> String {
    let top = design.top();
    let [mut declared, mut ours, mut theirs, mut compare, mut steps] = [const { String::new() }; 5];
    let add = |text: &mut String, line: String| writeln!(text, "{line}").unwrap();
    for (_, p) in top.inputs() {
        add(&mut declared, format!("reg [{}:0] {};", p.ty.bits() - 1, p.name));
        write!(ours, ".{0}({0}), ", p.name).unwrap();
        write!(theirs, ".{0}({0}), ", p.name).unwrap();
    }
    for (_, p) in top.outputs() {
        let (range, name) = (p.ty.bits() - 1, &p.name);
        add(&mut declared, format!("wire [{range}:0] {name}_ours, {name}_theirs;"));
        write!(ours, ".{name}({name}_ours), ").unwrap();
        write!(theirs, ".{name}({name}_theirs), ").unwrap();
        let differs = format!("if ({name}_ours !== {name}_theirs)");
        add(&mut compare, format!("{differs} $display(\"{name}: %h %h\", {name}_ours, {name}_theirs);"));
    }
    let mut random = Random(0xe417);
    for _ in 0..vectors {
        for (_, p) in top.inputs() {
            let bits = p.ty.bits();
            add(&mut steps, format!("{} = {bits}'h{:x};", p.name, random.pattern(bits)));
        }
        add(&mut steps, "#1 compare;".into());
    }
    let (ours, theirs) = (ours.trim_end_matches(", "), theirs.trim_end_matches(", "));
    let name = &top.name;
    format!(
        "module bench;\n{declared}\n{name} ours({ours});\ntop theirs({theirs});\ntask compare; begin\n{compare}end \
         endtask\ninitial begin\n{steps}$display(\"done\"); $finish;\nend\nendmodule\n"
    )
}

fn icarus(dir: &Path, files: &[&str]) -> String {
    let run = |command: &mut Command| {
        let output = command.current_dir(dir).output().expect("Icarus is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(Command::new("iverilog").args(["-g2005", "-o", "bench.vvp"]).args(files));
    run(Command::new("vvp").arg("bench.vvp"))
}

fn cross_check(design: &Design, vectors: u32) {
    if Command::new("iverilog").arg("-V").output().is_err() {
        eprintln!("iverilog is not installed: the two emitters were not compared");
        return;
    }
    let mut block = Bridge::new(design).block();
    block.connect_all();
    let dir = tempfile::tempdir().unwrap();
    let save = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    save("theirs.v", &generate_verilog_unchecked(&block));
    save(
        "ours.v",
        &write(design, &Header::default())
            .iter()
            .filter(|f| f.name.ends_with(".v"))
            .map(|f| &*f.text)
            .collect::<String>(),
    );
    save("bench.v", &test_bench(design, vectors));
    assert_eq!(icarus(dir.path(), &["bench.v", "ours.v", "theirs.v"]), "done\n");
}

#[test]
fn every_operation() {
    cross_check(&zoo(), 300);
}

fn difference<'m>(_: &'m ModuleBuilder, inputs: &[Signal<'m>]) -> Outputs<'m> {
    vec![("d", inputs[0] - inputs[1]), ("less", inputs[0].lt(inputs[1]))]
}

#[test]
fn instances_and_arrays() {
    let design = elaborate("tree", "Differences of differences.", None, Reset::default(), |m| {
        let v = m.input("v", Type::signed(5).times(4));
        let a = m.input("a", Type::signed(5));
        let kind = |name| Kind { name, doc: "d = x - y" };
        let lanes = m.call_array("lane", 4, kind("diff5"), &[("x", each(v)), ("y", a.into())], difference);
        let [first, last] = [0, 3].map(|i| lanes[0].element(i));
        let last = m.call("last", kind("diff6"), &[("x", first), ("y", last)], difference);
        m.output("lanes", lanes[0]);
        m.output("any", lanes[1].reduce_or());
        m.output("d", last[0]);
    });
    cross_check(&design.unwrap(), 100);
}
