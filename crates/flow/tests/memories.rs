//! Memories in macros: the wrapper beside the behaviour it stands for in Icarus and Verilator, and macros in the
//! netlist simulator. The macros are of our own making; with `FLASHRTL_PDK` those of the platforms are read too.

mod support;

use flow::activity::{Program, Simulator};
use flow::memory::{Macro, Section, models, place, replaced, unplaced};
use flow::netlist::Netlist;
use flow::{Places, Platform};
use hdl::verilog::{File, Header, write};
use hdl::{Design, Kind, Reset, Type, elaborate};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{skip, tiny};

const HIGH: &str = r#"
ports = { clock = "clk", enable = "ce", write = "we", address = "a", data_in = "d", data_out = "q" }
sizes = { high_8x4 = [8, 4], high_8x11 = [8, 11], high_16x4 = [16, 4] }
pdk = { liberty = "*.lib" }
"#;
const LOW: &str = r#"
sizes = { low_4x6 = [4, 6] }
pdk = { liberty = "*.lib" }
[macros.ports]
clock = "clk0"
enable = "!csb0"
write = "!web0"
write_mask = { port = "wmask0", bits = 4 }
address = "addr0"
data_in = "din0"
data_out = "dout0"
unused_read = { clock = "clk1", enable = "!csb1", address = "addr1", data_out = "dout1" }
"#;

fn platform(macros: &str) -> Platform {
    let text =
        format!("[synthesis]\ndriving_cell = \"B\"\noutput_load = 4\nnand2 = \"N\"\n[macros]\n{macros}");
    Platform::new("ours", "", &toml::from_str(&text).unwrap()).unwrap()
}

/// The macros, with Liberty files that say no more than is needed; a bit takes 1 µm², a macro 8 more.
fn macros(section: &str, sizes: &[(&str, u32)], ports: &str) -> Vec<Macro> {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("ours")).unwrap();
    let pins: String = ports.split(' ').map(|port| format!("pin ({port}) {{ }} ")).collect();
    for (name, bits) in sizes {
        let text = format!("library (l) {{ cell ({name}) {{ area : {}; {pins} }} }}", bits + 8);
        fs::write(root.path().join(format!("ours/{name}.lib")), text).unwrap();
    }
    let places = Places { pdk: Some(root.path().into()), ..Places::default() };
    Macro::find(&platform(section), &places).unwrap()
}

fn high() -> Vec<Macro> {
    macros(HIGH, &[("high_8x4", 32), ("high_8x11", 88), ("high_16x4", 64)], "clk ce we a d q")
}

fn low() -> Vec<Macro> {
    macros(LOW, &[("low_4x6", 24)], "clk0 csb0 web0 wmask0 addr0 din0 dout0 clk1 csb1 addr1 dout1")
}

/// A module around a memory of its own kind, whose name begins with `prefix`.
fn design(name: &str, prefix: &str, rows: u32, bits: u32) -> Design {
    let (bit, entry) = (Type::unsigned(1), Type::unsigned(bits));
    elaborate(name, "a memory", None, Reset::default(), |b| {
        b.explicit();
        let ports = [("addr", hdl::address(rows)), ("write", bit), ("read", bit), ("d", entry)];
        let inputs = ports.map(|(name, ty)| (name, b.input(name, ty)));
        let kind = Kind { name: &format!("{prefix}{rows}x{bits}"), doc: "single-port memory" };
        let q = b.call("ram", kind, &inputs, |m, x| {
            m.explicit();
            let memory = m.memory("rows", rows, x[3].ty(), true);
            memory.write(x[0], x[3], x[1]);
            vec![("q", memory.read(x[0], x[2]))]
        });
        b.output("q", q[0]);
    })
    .unwrap()
}

/// Both are written all over, then written and read at random; what has been read counts.
fn bench(rows: u32, bits: u32) -> String {
    let random = format!("{{{}{{$random}}}}", bits.div_ceil(32));
    format!(
        "module bench;
  reg clk = 0, write = 0, read = 0, was_read = 0;
  reg [{address}:0] addr = 0;
  reg [{high}:0] d = 0;
  wire [{high}:0] q, expected;
  integer i, wrong = 0, seen = 0;
  ours dut (.clk(clk), .addr(addr), .write(write), .read(read), .d(d), .q(q));
  theirs body (.clk(clk), .addr(addr), .write(write), .read(read), .d(d), .q(expected));
  initial begin
    for (i = 0; i < 4000; i = i + 1) begin
      d = {random};
      addr = i < {rows} ? i : $unsigned($random) % {rows};
      write = i < {rows} ? 1'b1 : $random;
      read = i < {rows} ? 1'b0 : ~write & ($unsigned($random) % 4 != 0);
      #1 clk = 1;
      was_read = read;
      #1 clk = 0;
      if (was_read) seen = seen + 1;
      if (was_read && q !== expected) wrong = wrong + 1;
    end
    $display(\"wrong %0d of %0s\", wrong, seen > 1000 ? \"many\" : \"few\");
    $finish;
  end
endmodule
",
        address = hdl::index_width(rows) - 1,
        high = bits - 1,
    )
}

/// What a program says; it must succeed.
fn said(folder: &Path, program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(folder).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {args:?}:\n{text}");
    text
}

fn there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok()
        || Command::new(program).arg("-V").output().is_ok();
    found || skip::<()>(&format!("{program} is not installed")).is_some()
}

/// Sizes that need several columns, several macros, a part of the last one, and several banks.
const SIZES: [(u32, u32); 6] = [(8, 4), (5, 30), (16, 37), (20, 9), (50, 5), (1, 8)];

/// The wrapper in macros with their models, the body and the bench, in a folder; the files of the first.
fn leave(folder: &Path, macros: &[Macro], rows: u32, bits: u32) -> Vec<File> {
    let ours = design("ours", "ram_", rows, bits);
    let placed = place(&ours, "ram_", macros, &Header::default());
    assert_eq!((placed.len(), placed[0].rows, placed[0].bits, placed[0].copies), (1, rows, bits, 1));
    let is_verilog = |file: &File| file.name.ends_with(".v");
    let written = write(&ours, &Header::default()).into_iter().filter(is_verilog).collect();
    let mut files = replaced(written, &placed);
    assert!(files[0].text.contains(&placed[0].macros[0].name), "{}", files[0].text);
    files.extend(models(&placed, macros, &Header::default()));
    let theirs = write(&design("theirs", "body_", rows, bits), &Header::default());
    let bench = File { name: "bench.v".into(), text: bench(rows, bits) };
    for file in files.iter().chain(theirs.iter().filter(|f| is_verilog(f))).chain([&bench]) {
        fs::write(folder.join(&file.name), &file.text).unwrap();
    }
    files
}

#[test]
fn macros_do_what_the_body_does() {
    if !there("iverilog") {
        return;
    }
    for macros in [high(), low()] {
        for (rows, bits) in SIZES {
            let folder = tempfile::tempdir().unwrap();
            leave(folder.path(), &macros, rows, bits);
            let verilog = "iverilog -g2005 -Wall -Wno-timescale -o bench *.v && vvp -n bench";
            let said = said(folder.path(), "sh", &["-c", verilog]);
            assert_eq!(said.trim(), "wrong 0 of many", "{rows} x {bits}");
        }
    }
}

/// Verilator is silent about the wrapper and the models; in the nightly tests it simulates them, too.
#[test]
fn verilator_agrees() {
    if !there("verilator") {
        return;
    }
    let nightly = std::env::var_os("FLASHRTL_NIGHTLY").is_some();
    for (i, macros) in [high(), low()].into_iter().enumerate() {
        for (rows, bits) in SIZES {
            let folder = tempfile::tempdir().unwrap();
            let files = leave(folder.path(), &macros, rows, bits);
            let names: Vec<&str> = files.iter().rev().map(|file| file.name.as_str()).collect();
            let lint = [&["--lint-only", "-Wall", "--top-module", "ours"], &names[..]].concat();
            let text = said(folder.path(), "verilator", &lint);
            assert!(text.is_empty(), "{rows} x {bits}: {text}");
            if nightly && (rows, bits) == SIZES[2 + i] {
                let build = "verilator --binary --timing -Wno-fatal -Wno-lint --top-module bench *.v && obj_dir/Vbench";
                assert!(said(folder.path(), "sh", &["-c", build]).contains("wrong 0 of many"));
            }
        }
    }
}

/// A macro in a netlist, in 64 stimuli that each go their own way, beside arrays.
fn check_in_a_netlist(of: &Macro, text: &str, asserted: u64) {
    let library = tiny().with([of.cell()]);
    let netlist = Netlist::parse(text, "top", &library).unwrap();
    let program = Program::new(&netlist, &library, "clk").unwrap();
    let mut simulator = Simulator::new(&program, || 0);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let (rows, bits) = (of.rows as usize, of.bits as usize);
    let (mut held, mut shown) = (vec![[0_u64; 64]; rows], [0_u64; 64]);
    for _ in 0..200 {
        let [enable, write]: [u64; 2] = random.random();
        let mask: Vec<u64> = (0..bits.div_ceil(4)).map(|_| random.random()).collect();
        let address: Vec<u64> = (0..rows.ilog2()).map(|_| random.random()).collect();
        let data: Vec<u64> = (0..bits).map(|_| random.random()).collect();
        let ports = [("en", vec![enable]), ("wr", vec![write]), ("m", mask.clone()), ("a", address.clone())];
        for (name, words) in ports.iter().chain(&[("d", data.clone())]) {
            let Some(port) = netlist.port(name) else { continue };
            port.bits.iter().zip(words).for_each(|(net, word)| simulator.set(*net, *word));
        }
        simulator.settle();
        let q = &netlist.port("q").unwrap().bits;
        for lane in 0..64 {
            let bit = |word: u64| word >> lane & 1;
            let found = q.iter().rev().fold(0, |value, net| value << 1 | bit(simulator.get(*net)));
            assert_eq!(found, shown[lane]);
            if bit(enable) != asserted {
                continue;
            }
            let row = address.iter().rev().fold(0, |row, word| row << 1 | bit(*word) as usize);
            if bit(write) == asserted {
                for (i, word) in data.iter().enumerate() {
                    if of.ports.write_mask.is_none() || bit(mask[i / 4]) == 1 {
                        held[row][lane] = held[row][lane] & !(1 << i) | bit(*word) << i;
                    }
                }
            } else {
                shown[lane] = held[row][lane];
            }
        }
        simulator.clock();
    }
}

#[test]
fn macros_are_simulated_in_netlists() {
    let text = "module top(clk, en, wr, a, d, q); input clk, en, wr; input [2:0] a; input [3:0] d; output [3:0] q; \
                high_8x4 u (.clk(clk), .ce(en), .we(wr), .a(a), .d({d[3], d[2:0]}), .q(q)); endmodule";
    let all = high();
    check_in_a_netlist(all.iter().find(|m| m.name == "high_8x4").unwrap(), text, 1);
    let text = "module top(clk, en, wr, m, a, d, q); input clk, en, wr; input [1:0] m, a; input [5:0] d; \
                output [5:0] q; low_4x6 u (.clk0(clk), .csb0(en), .web0(wr), .wmask0(m), .addr0(a), .din0(d), \
                .dout0(q), .clk1(1'b0), .csb1(1'b1), .addr1(2'b00)); endmodule";
    check_in_a_netlist(&low()[0], text, 0);
}

#[test]
fn memories_without_macros_are_noted() {
    let (ours, platform) = (design("ours", "ram_", 8, 4), platform(HIGH));
    let placed = place(&ours, "ram_", &high(), &Header::default());
    assert_eq!(unplaced(&ours, "ram_", &placed, &platform), None);
    let note = unplaced(&ours, "ram_", &[], &platform).unwrap();
    assert!(note.contains("no Liberty file of a macro of ours") && note.contains("FLASHRTL_PDK"), "{note}");
    let bare = toml::from_str("[synthesis]\ndriving_cell = \"B\"\noutput_load = 4\nnand2 = \"N\"").unwrap();
    let note = unplaced(&ours, "ram_", &[], &Platform::new("bare", "", &bare).unwrap()).unwrap();
    assert!(note.contains("no macro of bare is known") && note.ends_with("flip-flops"), "{note}");
    assert_eq!(unplaced(&ours, "other_", &[], &platform), None);
}

/// The macros of the platform files; where `FLASHRTL_PDK` has them, with the ports and an area that their files say.
#[test]
fn platforms_name_their_macros() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/platforms");
    let pdk = std::env::var_os("FLASHRTL_PDK").map(Into::into);
    let places = Places { pdk, ..Places::default() };
    for (name, kinds) in [("nangate45", 10), ("asap7", 6), ("sky130hd", 4), ("osu018", 0)] {
        let text = fs::read_to_string(configs.join(format!("{name}.toml"))).unwrap();
        let platform = Platform::new(name, "", &toml::from_str(&text).unwrap()).unwrap();
        let section = Section::of(&platform).unwrap();
        assert_eq!(section.map_or(0, |section| section.sizes.len()), kinds, "{name}");
        if places.pdk.is_some() {
            assert_eq!(Macro::find(&platform, &places).unwrap().len(), kinds, "{name}");
        }
    }
}
