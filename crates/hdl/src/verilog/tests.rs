//! The text itself, against files kept beside this one; `FLASHRTL_BLESS=1` rewrites them.

use super::*;
use crate::instance::{Kind, each};
use crate::{Design, ModuleBuilder, Reset, ResetKind, Type, address, elaborate};

fn u(width: u32) -> Type {
    Type::unsigned(width)
}

fn header() -> Header {
    Header {
        tool: "FlashRTL 0.1.0".into(),
        command: "flashrtl generate configs/tour.toml".into(),
        config_hash: "sha256:0123456789abcdef".into(),
        lines: vec!["NaN and infinity are refused at the inputs.".into()],
    }
}

fn check_golden(design: &Design) {
    let files = write(design, &header());
    assert_eq!(files, write(design, &header()), "two runs differ");
    let text: String = files.iter().map(|f| format!("==== {} ====\n{}", f.name, f.text)).collect();
    let name = format!("{}.golden", design.top().name);
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/verilog/golden").join(name);
    if std::env::var_os("FLASHRTL_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{} differs; FLASHRTL_BLESS=1 rewrites it. Now:\n{text}", path.display());
}

/// An accumulator of products with a saturating, rounded result.
fn mac(b: &ModuleBuilder) {
    let (x, y) = (b.input("x", Type::signed(8)), b.input("y", Type::signed(8)));
    let (valid, clear) = (b.input("valid", u(1)), b.input("clear", u(1)));
    let product = (x * y).named("product");
    let sum = b.register("sum", Type::signed(20)).enable(valid | clear);
    let next = (sum.q + product).truncate(20);
    sum.set(clear.mux(b.lit_signed(0, 20), next));
    let pending = b.register("pending", u(1)).reset(0);
    pending.set(valid);
    let rounded = (sum.q + b.lit_signed(8, 20)).named("rounded").shr_const(4);
    b.output("done", pending.q);
    b.output_when("result", rounded.saturate(8), "done");
}

/// A leaf with a table, a leading-zero count and shifts, and an array of it.
fn normalise(b: &ModuleBuilder) {
    let x = b.input("x", u(13).times(4));
    let up = b.input("up", u(1));
    let kind = Kind { name: "normalise_u13", doc: "y = x shifted to its leading one, table of the top bits" };
    let outs = b.call_array("lane", 4, kind, &[("x", each(x)), ("up", up.into())], |m, p| {
        let (x, up) = (p[0], p[1]);
        let zeros = x.lzc().named("zeros");
        let shifted = x.shl_truncating(zeros, 13).named("shifted");
        let seed = shifted.high(3).low(2).table(&[9, 5, 3, 2], 4).named("seed");
        let _ = m;
        vec![("y", up.mux(shifted, x.shr(zeros))), ("seed", seed), ("empty", x.is_zero())]
    });
    b.output("y", outs[0]);
    b.output("total", outs[1].sum());
    b.output("any_empty", outs[2].reduce_or());
}

/// A register file, a memory and a forward-declared wire.
fn store(b: &ModuleBuilder) {
    let (addr, data) = (b.input("addr", address(6)), b.input("data", u(8)));
    let write = b.input("write", u(1));
    let full = b.wire("full", u(1));
    let file = b.file("slots", 6, u(8));
    file.write(addr, data, write & !full);
    let memory = b.memory("rows", 6, u(8), true);
    memory.write(addr, file.read(addr).named("old"), write);
    let row = memory.read(addr, !write);
    let count = b.register("count", u(3)).reset(0).enable(write);
    count.set((count.q + b.lit(1, 3)).truncate(3));
    b.drive(full, count.q.eq_const(6));
    b.output("row", row);
    b.output("low", data.low(4) ^ count.q.bit(2).broadcast(4).regroup(1, 4));
}

#[test]
fn registers_products_and_saturation_read_well() {
    let design = elaborate("mac", "sum = clear ? 0 : sum + x*y", None, Reset::default(), mac).unwrap();
    check_golden(&design);
}

#[test]
fn arrays_tables_and_leading_zeros_read_well() {
    check_golden(&elaborate("normalise", "four lanes", None, Reset::default(), normalise).unwrap());
}

#[test]
fn files_memories_and_wires_read_well() {
    let reset = Reset { kind: ResetKind::Async, active_low: true };
    check_golden(&elaborate("store", "slots and rows", None, reset, store).unwrap());
}
