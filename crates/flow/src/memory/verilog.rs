//! The Verilog of a memory in macros, and of the macros' behaviour.

use super::macro_cell::Macro;
use super::mapping::{Group, Mapping};
use super::section::Control;
use hdl::verilog::{Header, identifier};
use hdl::{Design, Direction, ModuleId};

/// The wrapper with the macros in it: the same module and ports as the behavioural one.
///
/// # Panics
/// When the module has other ports than those of a single-port memory.
pub fn wrapper(
    design: &Design,
    id: ModuleId,
    mapping: &Mapping,
    macros: &[Macro],
    header: &Header,
) -> String {
    let module = design.module(id);
    let name = identifier(&module.name);
    let widths: Vec<(&str, Direction, u32)> =
        module.ports.iter().map(|p| (&*p.name, p.direction, p.ty.bits())).collect();
    let (address, d) = (width_of(&widths, "addr"), width_of(&widths, "d"));
    assert_eq!((d, width_of(&widths, "q")), (mapping.bits, mapping.bits), "data of {name}");
    let mut ports = vec![("input ", String::new(), "clk")];
    ports.extend(widths.iter().map(|(port, direction, width)| {
        (if *direction == Direction::Input { "input " } else { "output" }, range(*width), *port)
    }));
    let groups = mapping.groups.iter().enumerate();
    let wrapper = Wrapper { macros, address };
    let body: Vec<String> = groups.map(|(n, group)| wrapper.group(n, group)).collect();
    format!(
        "{}\n// {name}: single-port memory of {} rows of {} bits in macros; q = row at addr one cycle after read\n\
         module {name} (\n{}\n);\n  wire access = read | write;\n\n{}endmodule\n",
        header.comment(),
        mapping.rows,
        mapping.bits,
        declared(&ports),
        body.join("\n")
    )
}

fn width_of(ports: &[(&str, Direction, u32)], name: &str) -> u32 {
    ports
        .iter()
        .find(|(port, ..)| *port == name)
        .unwrap_or_else(|| panic!("the wrapper has no port `{name}`"))
        .2
}

struct Wrapper<'a> {
    macros: &'a [Macro],
    /// Bits of the wrapper's address.
    address: u32,
}

impl Wrapper<'_> {
    /// Columns of one macro: their data, the banks, and what has been read.
    fn group(&self, n: usize, group: &Group) -> String {
        let kind = &self.macros[group.kind];
        let width = group.columns * kind.bits;
        let (high, low, spare) = (group.low + group.bits - 1, group.low, width - group.bits);
        let given = slice("d", high, low);
        let pad = if spare > 0 { format!("{{{spare}'b0, {given}}}") } else { given };
        let mut text = format!(
            "  // bits {high} to {low}: {} of {}\n  wire {}row_{n} = {};\n  wire {}d_{n} = {pad};\n",
            shape(group),
            kind.name,
            range(kind.address_bits()),
            self.row(kind),
            range(width),
        );
        text += &self.choice(n, group, kind);
        for bank in 0..group.banks {
            text += &bank_text(n, bank, group, kind);
        }
        let read: Vec<String> = (0..group.banks).map(|bank| format!("q_{n}_{bank}")).collect();
        text += &format!("  wire {}q_{n} = {};\n", range(width), chosen(n, &read, self.bank_bits(kind)));
        let (used, all) = (slice(&format!("q_{n}"), group.bits - 1, 0), format!("q_{n}"));
        let used = if spare > 0 { used } else { all };
        text += &format!("  assign {} = {used};\n", slice("q", high, low));
        if spare > 0 {
            text += &format!("  wire unused_q_{n} = ^{};\n", slice(&format!("q_{n}"), width - 1, group.bits));
        }
        text
    }

    /// Address bits that choose a bank.
    fn bank_bits(&self, kind: &Macro) -> u32 {
        self.address.saturating_sub(kind.address_bits())
    }

    /// The address within a macro.
    fn row(&self, kind: &Macro) -> String {
        match kind.address_bits() as i64 - i64::from(self.address) {
            more @ 1.. => format!("{{{more}'b0, addr}}"),
            0 => "addr".into(),
            _ => format!("addr[{}:0]", kind.address_bits() - 1),
        }
    }

    /// Which bank is meant, and which was read last.
    fn choice(&self, n: usize, group: &Group, kind: &Macro) -> String {
        if group.banks == 1 {
            return format!("  wire on_{n} = access;\n");
        }
        let (low, bits) = (kind.address_bits(), self.bank_bits(kind));
        let (banks, range_text) = (group.banks, range(bits));
        format!(
            "  wire {range_text}bank_{n} = addr[{}:{low}];\n  wire {}on_{n} = {{{}'b0, access}} << bank_{n};\n  \
             reg  {range_text}bank_{n}_q;\n  always @(posedge clk) if (read) bank_{n}_q <= bank_{n};\n",
            low + bits - 1,
            range(banks),
            banks - 1,
        )
    }
}

/// What was read, from the bank that it was read from.
fn chosen(n: usize, read: &[String], bank_bits: u32) -> String {
    let (first, rest) = read.split_first().expect("there is a bank");
    let rest = rest.iter().enumerate().rev();
    rest.map(|(i, q)| format!("bank_{n}_q == {bank_bits}'d{} ? {q} : ", i + 1)).collect::<String>() + first
}

/// How the macros of a group stand.
fn shape(group: &Group) -> String {
    let side = format!("{} side by side", group.columns);
    if group.banks > 1 { format!("{side}, {} on top of each other,", group.banks) } else { side }
}

/// One bank: its columns side by side.
fn bank_text(n: usize, bank: u32, group: &Group, kind: &Macro) -> String {
    let (bits, ports) = (kind.bits, &kind.ports);
    let (loops, index) = (group.columns > 1, format!("i_{n}_{bank}"));
    let column =
        |vector: String| if loops { format!("{vector}[{index} * {bits} +: {bits}]") } else { vector };
    let on = if group.banks > 1 { format!("on_{n}[{bank}]") } else { format!("on_{n}") };
    let control = |control: &Control, value: &str| {
        let not = if control.active_low { "~" } else { "" };
        (control.port.clone(), format!("{not}{value}"))
    };
    let mut pins = vec![(ports.clock.clone(), "clk".to_string()), control(&ports.enable, &on)];
    pins.push(control(&ports.write, "write"));
    pins.extend(ports.write_mask.as_ref().map(|mask| (mask.port.clone(), ones(kind.mask_bits()))));
    pins.push((ports.address.clone(), format!("row_{n}")));
    pins.push((ports.data_in.clone(), column(format!("d_{n}"))));
    pins.push((ports.data_out.clone(), column(format!("q_{n}_{bank}"))));
    if let Some(unused) = &ports.unused_read {
        pins.push((unused.clock.clone(), "1'b0".into()));
        pins.push((unused.enable.port.clone(), format!("1'b{}", u8::from(unused.enable.level(false)))));
        pins.push((unused.address.clone(), format!("{}'b0", kind.address_bits())));
        pins.push((unused.data_out.clone(), column(format!("unused_{n}_{bank}"))));
    }
    let indent = if loops { "      " } else { "  " };
    let aligned = pins.iter().map(|(port, _)| port.len()).max().unwrap_or(0);
    let pins: Vec<String> =
        pins.iter().map(|(port, net)| format!("{indent}  .{port:aligned$} ({net})")).collect();
    let instance = format!("{indent}{} u_ram", kind.name);
    let width = range(group.columns * bits);
    let unused =
        ports.unused_read.as_ref().map_or(String::new(), |_| format!("  wire {width}unused_{n}_{bank};\n"));
    let declared = format!("  wire {width}q_{n}_{bank};\n{unused}");
    if !loops {
        return format!("{declared}{instance}_{n}_{bank} (\n{}\n  );\n", pins.join(",\n"));
    }
    format!(
        "{declared}  genvar {index};\n  generate\n    for ({index} = 0; {index} < {}; {index} = {index} + 1) begin : \
         g_{n}_{bank}\n{instance} (\n{}\n      );\n    end\n  endgenerate\n",
        group.columns,
        pins.join(",\n"),
    )
}

/// What a macro does, for simulation: its timing aside, and with unknown outputs after a cycle that did not read.
pub fn model(of: &Macro, header: &Header) -> String {
    let (ports, bits, address) = (&of.ports, of.bits, of.address_bits());
    let mut rows = vec![
        ("input ", String::new(), ports.clock.as_str()),
        ("input ", String::new(), &ports.enable.port),
        ("input ", String::new(), &ports.write.port),
        ("input ", range(address), &ports.address),
        ("input ", range(bits), &ports.data_in),
    ];
    rows.extend(ports.write_mask.as_ref().map(|m| ("input ", range(of.mask_bits()), m.port.as_str())));
    let mut unused = String::new();
    if let Some(port) = &ports.unused_read {
        rows.push(("input ", String::new(), &port.clock));
        rows.push(("input ", String::new(), &port.enable.port));
        rows.push(("input ", range(address), &port.address));
        unused = format!("  wire unused = &{{{}, {}, {}}};\n", port.clock, port.enable.port, port.address);
    }
    let mut text = declared(&rows) + &format!(",\n  output reg  {}{}", range(bits), ports.data_out);
    if let Some(port) = &ports.unused_read {
        text += &format!(",\n  output wire {}{}", range(bits), port.data_out);
        unused += &format!("  assign {} = {{{bits}{{1'bx}}}};\n", port.data_out);
    }
    let asserted = |control: &Control| {
        let not = if control.active_low { "~" } else { "" };
        format!("{not}{}", control.port)
    };
    format!(
        "{}\n// {name}: behaviour of the macro, for simulation only\nmodule {name} (\n{text}\n);\n\
         \x20 reg [{high}:0] rows [0:{last}];\n  wire writes = {enable} & {write};\n{mask}{unused}\n\
         \x20 always @(posedge {clock}) begin\n{store}\
         \x20   {q} <= {enable} & ~writes ? rows[{addr}] : {{{bits}{{1'bx}}}};\n  end\nendmodule\n",
        header.comment(),
        name = of.name,
        high = bits - 1,
        last = of.rows - 1,
        enable = asserted(&ports.enable),
        write = asserted(&ports.write),
        clock = ports.clock,
        q = ports.data_out,
        addr = ports.address,
        mask = mask_text(of),
        store = store_text(of),
    )
}

/// The write mask, one bit for each bit of the data.
fn mask_text(of: &Macro) -> String {
    let Some(mask) = &of.ports.write_mask else { return String::new() };
    let bit = |i: u32| format!("{}[{}]", mask.port, i / mask.bits);
    let lanes: Vec<String> = (0..of.mask_bits())
        .rev()
        .map(|lane| {
            let width = mask.bits.min(of.bits - lane * mask.bits);
            format!("{{{width}{{{}}}}}", bit(lane * mask.bits))
        })
        .collect();
    format!("  wire [{}:0] mask = {{{}}};\n", of.bits - 1, lanes.join(", "))
}

fn store_text(of: &Macro) -> String {
    let (addr, d) = (&of.ports.address, &of.ports.data_in);
    match of.ports.write_mask {
        None => format!("    if (writes) rows[{addr}] <= {d};\n"),
        Some(_) => format!("    if (writes) rows[{addr}] <= ({d} & mask) | (rows[{addr}] & ~mask);\n"),
    }
}

/// So many ones.
fn ones(width: u32) -> String {
    format!("{{{width}{{1'b1}}}}")
}

/// `[width-1:0] ` in front of a vector's name; nothing for one bit.
fn range(width: u32) -> String {
    if width == 1 { String::new() } else { format!("[{}:0] ", width - 1) }
}

/// Bits of a vector.
fn slice(name: &str, high: u32, low: u32) -> String {
    if high == low { format!("{name}[{low}]") } else { format!("{name}[{high}:{low}]") }
}

/// Port declarations, names aligned.
fn declared(ports: &[(&str, String, &str)]) -> String {
    let column = ports.iter().map(|(_, range, _)| range.len()).max().unwrap_or(0);
    let row =
        |(direction, range, name): &(&str, String, &str)| format!("  {direction} wire {range:column$}{name}");
    ports.iter().map(row).collect::<Vec<_>>().join(",\n")
}
