//! The tile buffers: key and value rows wait in two single-port banks, ping and pong, for the engine.
//!
//! Rows are written and read in the same order round both banks, so that a row's place is free again as soon as it has
//! been read, and what comes next is on its way while the rest of the tile is computed. A bank does one thing a cycle:
//! where both want the same one, the row that comes in goes first.

use super::parts::{Named, connect, flag, place, plus_one, up_down};
use super::spec::{AcceleratorSpec, Buffer};
use arith::reduce;
use hdl::{Kind, ModuleBuilder, ModuleId, Outputs, Signal, Type, each, index_width, value_width};
use numerics::Format;
use numerics::lse::Elements;

/// What the names of modules begin with whose bodies macros of a platform may replace: single-port memories with ports
/// `addr`, `write`, `read`, `d` and `q`, of which `q` means something in the cycle after a read only.
pub const MACRO: &str = "sram_1rw_";

/// The buffers' way out, and what a source of rows must know.
pub(super) struct Tiles<'b> {
    /// There is room for a row.
    pub ready: Signal<'b>,
    /// A row has left its place.
    pub freed: Signal<'b>,
    /// A row stands at the way out.
    pub valid: Signal<'b>,
    /// Its key.
    pub k: Signal<'b>,
    /// Its value.
    pub v: Signal<'b>,
    /// The largest exponent field of its value, for engines that want it.
    pub exponent: Option<Signal<'b>>,
}

/// The tile buffers: rows `k`, `v` in when `valid`, out when `take`; `clear` forgets them.
pub(super) fn call<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    [valid, k, v]: [Signal<'b>; 3],
    take: Signal<'b>,
    clear: Signal<'b>,
) -> Tiles<'b> {
    let bank = bank(b, spec, k.ty());
    let exponent = match spec.engine.elements() {
        Elements::Anchored { value, .. } => Some(exponent(b, value, v.ty())),
        Elements::Numbers(_) => None,
    };
    let name = format!("tiles_{}x{}", spec.key_tile, 2 * k.ty().bits());
    let kind = Kind { name: &name, doc: "two banks of key and value rows, in and out in order" };
    let inputs = [("valid", valid), ("k", k), ("v", v), ("take", take), ("clear", clear)];
    let out = place(b, "tiles", kind, &inputs, |m, x| body(m, x, spec, bank, exponent));
    Tiles {
        ready: out.get("ready"),
        freed: out.get("freed"),
        valid: out.get("row_valid"),
        k: out.get("row_k"),
        v: out.get("row_v"),
        exponent: out.find("row_exponent"),
    }
}

/// One bank: a single-port memory of rows in a module of its own. A macro need not hold what it has read while it is
/// written, so that a register beside it does.
fn bank(b: &ModuleBuilder, spec: &AcceleratorSpec, row: Type) -> ModuleId {
    let (depth, bits) = (spec.key_tile, 2 * row.bits());
    if spec.buffers.tile == Buffer::Flops {
        let doc = "single-port memory: q = row at addr one cycle after read, held until the next";
        return storage(b, Kind { name: &format!("tile_bank_{depth}x{bits}"), doc }, depth, row.times(2));
    }
    let doc = "a macro, and a register that holds what it has read";
    let kind = Kind { name: &format!("tile_bank_sram_{depth}x{bits}"), doc };
    b.define(kind, &storage_ports(depth, row.times(2)), |m, x| {
        m.explicit();
        let doc = "behaviour of a single-port macro: q = row at addr one cycle after read";
        let name = format!("{MACRO}{depth}x{bits}");
        let storage = storage(m, Kind { name: &name, doc }, depth, row.times(2));
        let inputs = [("addr", x[0]), ("write", x[1]), ("read", x[2]), ("d", x[3])];
        let read = connect(m, "macro", storage, &inputs).get("q");
        let fresh = m.register("fresh", x[2].ty());
        fresh.set(x[2]);
        let held = m.register("held", read.ty()).enable(fresh.q);
        held.set(read);
        vec![("q", fresh.q.mux(read, held.q))]
    })
}

fn storage_ports(depth: u32, entry: Type) -> [(&'static str, Type); 4] {
    let bit = Type::unsigned(1);
    [("addr", hdl::address(depth)), ("write", bit), ("read", bit), ("d", entry)]
}

fn storage(b: &ModuleBuilder, kind: Kind<'_>, depth: u32, entry: Type) -> ModuleId {
    b.define(kind, &storage_ports(depth, entry), |m, x| {
        m.explicit();
        let &[addr, write, read, d] = x else { unreachable!("four inputs") };
        let memory = m.memory("rows", depth, d.ty(), true);
        memory.write(addr, d, write);
        vec![("q", memory.read(addr, read))]
    })
}

/// The largest exponent field of a value row, as many cycles later as the clock asks for.
fn exponent(b: &ModuleBuilder, format: Format, row: Type) -> ModuleId {
    let name = format!("row_exponent_{}x{}", row.count, format.name());
    let kind = Kind { name: &name, doc: "exponent = largest exponent field of the row" };
    b.define(kind, &[("valid", Type::unsigned(1)), ("row", row)], |m, x| {
        let field = Kind { name: &format!("exponent_{}", format.name()), doc: "y = exponent field of x" };
        let (low, high) = (format.man_bits, format.man_bits + format.exp_bits - 1);
        let fields = m.call_array("field", row.count, field, &[("x", each(x[1]))], |_, x| {
            vec![("y", x[0].slice(high, low))]
        })[0];
        let [valid, largest] = m.align([m.cleared(x[0]), reduce::max(m, "larger", fields)]);
        vec![("exponent_valid", valid), ("exponent", largest)]
    })
}

fn body<'m>(
    m: &'m ModuleBuilder,
    x: &Named<'m>,
    spec: &AcceleratorSpec,
    bank: ModuleId,
    exponent: Option<ModuleId>,
) -> Outputs<'m> {
    let [valid, k, v, take, clear] = x.all(["valid", "k", "v", "take", "clear"]);
    let rows = 2 * spec.key_tile;
    let width = value_width(u64::from(rows));
    let here = flag(m, "row_here");
    let read = m.wire("read", here.q.ty());
    let write = m.wire("write", here.q.ty());
    // Places taken, from the write to the read; of them, rows that are whole.
    let held = up_down(m, "held", width, write, read, clear);
    let room = held.lt(m.lit(u64::from(rows), width)).named("room");
    m.drive(write, valid & room);
    let into = place_of(m, "write", spec.key_tile, write, clear);
    let out_of = place_of(m, "read", spec.key_tile, read, clear);

    let largest = exponent.map(|kind| {
        let out = connect(m, "row_exponent", kind, &[("valid", write), ("row", v)]);
        (out.get("exponent_valid"), out.get("exponent"))
    });
    let whole = largest.map_or(write, |(valid, _)| valid);
    let waiting = up_down(m, "waiting", width, whole, read, clear);
    let busy = (write & !(into.bank ^ out_of.bank)).named("bank_busy");
    m.drive(read, waiting.reduce_or() & (!here.q | take) & !busy);
    here.set((read | (here.q & !take)) & !clear);

    let row = m.bundle(&[k, v]);
    let banks = [0, 1].map(|i| {
        let mine = |bank: Signal<'m>| if i == 0 { !bank } else { bank };
        let (write, read) = (write & mine(into.bank), read & mine(out_of.bank));
        let addr = write.mux(into.index, out_of.index);
        let inputs = [("addr", addr), ("write", write), ("read", read), ("d", row)];
        connect(m, if i == 0 { "ping" } else { "pong" }, bank, &inputs).get("q")
    });
    let from = m.register("row_bank", here.q.ty()).enable(read);
    from.set(out_of.bank);
    let row = from.q.mux(banks[1], banks[0]);
    let d = spec.engine.head_dim;
    let mut outputs = vec![
        ("ready", room),
        ("freed", read),
        ("row_valid", here.q),
        ("row_k", row.elements(0, d)),
        ("row_v", row.elements(d, d)),
    ];
    outputs.extend(largest.map(|(valid, exponent)| {
        let at = place_of(m, "exponent", spec.key_tile, valid, clear);
        let file = m.file("exponents", 2 << at.index.width(), exponent.ty());
        file.write(m.concat(&[at.bank, at.index]), exponent, valid);
        let register = m.register("row_exponent", exponent.ty()).enable(read);
        register.set(file.read(m.concat(&[out_of.bank, out_of.index])));
        ("row_exponent", register.q)
    }));
    outputs
}

/// A place in the banks: the first bank from 0 up, then the second.
struct Place<'m> {
    bank: Signal<'m>,
    index: Signal<'m>,
}

fn place_of<'m>(
    m: &'m ModuleBuilder,
    name: &str,
    rows: u32,
    advance: Signal<'m>,
    clear: Signal<'m>,
) -> Place<'m> {
    let index = m
        .register(&format!("{name}_index"), Type::unsigned(index_width(rows)))
        .reset(0)
        .enable(advance | clear);
    let end = index.q.eq_const(u64::from(rows) - 1);
    index.set((end | clear).mux(m.zero(index.q.ty()), plus_one(index.q)));
    let bank = flag(m, &format!("{name}_bank")).enable((advance & end) | clear);
    bank.set(!bank.q & !clear);
    Place { bank: bank.q, index: index.q }
}
