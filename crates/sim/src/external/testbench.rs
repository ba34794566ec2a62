//! The self-checking testbench: Verilog-2005 that Icarus and `verilator --binary --timing` both run.

use super::vectors::{fields, write_vectors};
use crate::engine::Trace;
use hdl::verilog::{File, Header, identifier};
use hdl::{Design, Direction, Port};

/// Cycles of stimulus that a `+bench` run keeps in memory and repeats.
pub(super) const BENCH_CYCLES: usize = 1024;

/// The part that is the same for every design, with `@…@` for what is not.
const TEMPLATE: &str = include_str!("testbench.v.in");

/// The testbench `tb_<top>.v`: it resets the design for two cycles, applies one line of `tb_<top>_stimulus.hex` per
/// cycle and compares every output just before the clock edge with the line of `tb_<top>_expected.hex`. A port that
/// shows its first result after some cycles ([`Port::cycle`]) is compared from then on, one that means something only
/// while another output is 1 ([`Port::valid_by`]) in cycles in which that one is expected to be 1. X never equals
/// anything. What a channel out of the design ([`hdl::channels`]) offers has to stay, unchanged, until it is taken. It ends with `PASS: N cycles, M comparisons` or, after the first ten mismatches, with `FAIL: …` and a
/// `$stop`, which simulators that run unattended can make an error.
///
/// Plusargs: `+stimulus=FILE`, `+expected=FILE`; `+dump=FILE` writes the outputs instead of comparing them; `+bench=N`
/// runs N cycles on the first 1024 lines of the stimulus over and over; `+vcd=FILE` writes waves.
pub fn testbench(design: &Design, header: &Header) -> File {
    let top = identifier(&design.top().name);
    let bench = Bench {
        design,
        inputs: signals(design, Direction::Input),
        outputs: signals(design, Direction::Output),
    };
    let mut text = format!("{}\n{TEMPLATE}", header.comment());
    for (field, value) in bench.parts(&top) {
        text = text.replace(&format!("@{field}@"), &value);
    }
    File { name: format!("tb_{top}.v"), text }
}

/// The testbench with its stimulus and expected vectors.
pub fn testbench_with_vectors(
    design: &Design,
    stimulus: &Trace,
    expected: &Trace,
    header: &Header,
) -> Vec<File> {
    let text = |trace: &Trace| {
        let mut text = vec![];
        write_vectors(trace, &mut text).expect("writing to memory does not fail");
        String::from_utf8(text).expect("vectors are ASCII")
    };
    let top = identifier(&design.top().name);
    let stimulus = File { name: format!("tb_{top}_stimulus.hex"), text: text(stimulus) };
    let expected = File { name: format!("tb_{top}_expected.hex"), text: text(expected) };
    vec![testbench(design, header), stimulus, expected]
}

/// A port and the variables its vectors are read into, low end first.
struct Signal<'d> {
    port: &'d Port,
    /// Name of the port's net.
    net: String,
    /// Name of the whole value as read.
    value: String,
    /// Variable, offset and width of each field.
    fields: Vec<(String, u32, u32)>,
}

fn signals(design: &Design, direction: Direction) -> Vec<Signal<'_>> {
    let signal = |port| {
        let port: &Port = port;
        let net = identifier(&port.name);
        let value = if direction == Direction::Input { net.clone() } else { format!("expected_{net}") };
        let count = fields(port.ty).count();
        let field = |(i, (lo, width))| {
            let name = if count == 1 { value.clone() } else { format!("tb_{value}_{i}") };
            (name, lo, width)
        };
        let fields = fields(port.ty).enumerate().map(field).collect();
        Signal { port, net, value, fields }
    };
    design.top().ports.iter().filter(|p| p.direction == direction).map(signal).collect()
}

impl Signal<'_> {
    /// Variables for the whole value, and for its fields where there are several.
    fn declaration(&self) -> Vec<String> {
        let whole = format!("  reg {}{};", range(self.port.ty.bits()), self.value);
        let fields = self.fields.iter().map(|(name, _, width)| format!("  reg {}{name};", range(*width)));
        let several = self.fields.len() > 1;
        std::iter::once(whole).chain(fields.filter(|_| several)).collect()
    }

    /// Puts the whole value together where it was read in several fields.
    fn join(&self) -> Option<String> {
        let parts: Vec<&str> = self.fields.iter().rev().map(|(name, ..)| &**name).collect();
        (parts.len() > 1).then(|| format!("      {} = {{{}}};", self.value, parts.join(", ")))
    }

    /// Counts a comparison, and a mismatch if there is one.
    fn compare(&self) -> String {
        let begun = (self.port.cycle > 0).then(|| format!("tb_cycle >= {}", self.port.cycle));
        let valid = self.port.valid_by.as_ref().map(|v| format!("expected_{} === 1'b1", identifier(v)));
        let conditions: Vec<String> = begun.into_iter().chain(valid).collect();
        let qualifier = match conditions.join(" && ") {
            none if none.is_empty() => none,
            all => format!("if ({all}) "),
        };
        let (net, value) = (&self.net, &self.value);
        format!(
            "      {qualifier}begin
        tb_comparisons = tb_comparisons + 1;
        if ({net} !== {value}) begin
          tb_failures = tb_failures + 1;
          if (tb_failures <= 10)
            $display(\"cycle %0d, {net}: expected %h, found %h\", tb_cycle, {value}, {net});
        end
      end"
        )
    }

    /// Writes the port's fields to the dump.
    fn write(&self) -> Vec<String> {
        let part = |&(_, lo, width): &(String, u32, u32)| match self.fields.len() {
            1 => self.net.clone(),
            _ => format!("{}[{}:{lo}]", self.net, lo + width - 1),
        };
        let line = |part: String| {
            format!(
                "      if (^{part} === 1'bx) $fwrite(tb_dump, \"#%b \", {part});
      else $fwrite(tb_dump, \"%h \", {part});"
            )
        };
        self.fields.iter().map(|f| line(part(f))).collect()
    }
}

struct Bench<'d> {
    design: &'d Design,
    inputs: Vec<Signal<'d>>,
    outputs: Vec<Signal<'d>>,
}

impl Bench<'_> {
    /// What replaces each field of the template.
    fn parts(&self, top: &str) -> Vec<(&'static str, String)> {
        let reset = self.design.reset;
        let asserted = if reset.active_low { "1'b0" } else { "1'b1" };
        let inputs: Vec<&str> = self.inputs.iter().map(|s| &*s.value).collect();
        let bits: u32 = self.inputs.iter().map(|s| s.port.ty.bits()).sum();
        let all = format!("{{{}}}", inputs.join(", "));
        let with_inputs = |text: String| if inputs.is_empty() { String::new() } else { text };
        vec![
            ("tb", format!("tb_{top}")),
            ("top", top.to_string()),
            ("bench_cycles", BENCH_CYCLES.to_string()),
            ("reset", reset.port().to_string()),
            ("asserted", asserted.to_string()),
            ("signals", self.declarations()),
            ("memory", with_inputs(format!("  reg {}tb_memory [0:{}];\n", range(bits), BENCH_CYCLES - 1))),
            ("pins", self.pins()),
            ("apply", scan("tb_stimulus", &self.inputs)),
            ("expect", scan("tb_expected", &self.outputs)),
            ("compare", self.outputs.iter().map(Signal::compare).collect::<Vec<_>>().join("\n")),
            ("handshakes", self.handshakes()),
            (
                "check_handshakes",
                if self.offers().is_empty() { "" } else { "        tb_handshakes;\n" }.into(),
            ),
            ("write", self.outputs.iter().flat_map(Signal::write).collect::<Vec<_>>().join("\n")),
            ("clear", inputs.iter().map(|n| format!("    {n} = 0;")).collect::<Vec<_>>().join("\n")),
            ("load", with_inputs(load(&all))),
            ("replay", with_inputs(format!("        {all} = tb_memory[tb_cycle % tb_cycles];"))),
        ]
    }

    /// Names of the valid and ready ports of every channel out of the design, and everything it offers at once.
    fn offers(&self) -> Vec<[String; 3]> {
        let offer = |channel: hdl::Channel<'_>| {
            let valid = identifier(&channel.valid.name);
            let nets = channel.payload.iter().map(|port| identifier(&port.name));
            let offered: Vec<String> = std::iter::once(valid.clone()).chain(nets).collect();
            [valid, identifier(&channel.ready.name), format!("{{{}}}", offered.join(", "))]
        };
        hdl::channels(self.design.top()).into_iter().map(offer).collect()
    }

    /// Assertions on the channels out of the design.
    fn handshakes(&self) -> String {
        let offers = self.offers();
        if offers.is_empty() {
            return String::new();
        }
        let channels = hdl::channels(self.design.top());
        let bits = channels.iter().map(|c| 1 + c.payload.iter().map(|port| port.ty.bits()).sum::<u32>());
        let declared = offers.iter().zip(bits).map(|([valid, ..], bits)| {
            format!("  reg {}tb_offer_{valid};\n  reg tb_waits_{valid} = 1'b0;\n", range(bits))
        });
        let checks = offers.iter().map(|[valid, ready, offered]| {
            format!(
                "      if (tb_waits_{valid} && {offered} !== tb_offer_{valid}) begin
        tb_failures = tb_failures + 1;
        if (tb_failures <= 10)
          $display(\"cycle %0d, {valid}: withdrawn or changed before {ready} came\", tb_cycle);
      end
      tb_offer_{valid} = {offered};
      tb_waits_{valid} = {valid} === 1'b1 && {ready} !== 1'b1;
"
            )
        });
        format!(
            "  // What is offered stays as it is until it is taken.
{}  task tb_handshakes;
    begin
{}    end
  endtask\n\n",
            declared.collect::<String>(),
            checks.collect::<String>()
        )
    }

    fn declarations(&self) -> String {
        let inputs = self.inputs.iter().flat_map(Signal::declaration);
        let outputs = self.outputs.iter().flat_map(|s| {
            let net = format!("  wire {}{};", range(s.port.ty.bits()), s.net);
            std::iter::once(net).chain(s.declaration())
        });
        inputs.chain(outputs).collect::<Vec<_>>().join("\n")
    }

    fn pins(&self) -> String {
        let module = self.design.top();
        let implicit = [(module.has_clock, "clk"), (module.has_reset, self.design.reset.port())];
        let implicit = implicit.iter().filter(|(used, _)| *used).map(|(_, name)| name.to_string());
        let names: Vec<String> = implicit.chain(module.ports.iter().map(|p| identifier(&p.name))).collect();
        let column = names.iter().map(String::len).max().unwrap_or(0);
        let pins: Vec<String> = names.iter().map(|n| format!("    .{n:column$} ({n})")).collect();
        pins.join(",\n")
    }
}

/// Reads one line of a vector file into variables.
fn scan(file: &str, signals: &[Signal<'_>]) -> String {
    if signals.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = signals.iter().flat_map(|s| s.fields.iter().map(|(name, ..)| &**name)).collect();
    let format = vec!["%h"; names.len()].join(" ");
    let read = format!("      tb_fields = $fscanf({file}, \"{format}\", {});", names.join(", "));
    let require = format!("      tb_require({});", names.len());
    [read, require].into_iter().chain(signals.iter().filter_map(Signal::join)).collect::<Vec<_>>().join("\n")
}

fn load(inputs: &str) -> String {
    format!(
        "      for (tb_cycle = 0; tb_cycle < tb_cycles; tb_cycle = tb_cycle + 1) begin
        tb_apply;
        tb_memory[tb_cycle] = {inputs};
      end"
    )
}

/// `[width-1:0] ` in front of a vector's name; nothing for one bit.
fn range(width: u32) -> String {
    if width == 1 { String::new() } else { format!("[{}:0] ", width - 1) }
}
