//! The written Verilog in external tools: quiet linters, no latches, and the same values as the program simulator and
//! the rust-hdl view. A tool that is missing skips its part aloud; with `FLASHRTL_STRICT=1` it fails.

use hdl::verilog::{Header, write};
use hdl::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sim::{Engine, Icarus, PortTrace, ProgramEngine, RustHdlEngine, Tool, Trace, Verilator};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

// ---- help ----

/// Whether a tool is there; says so when it is not, and fails when that is not allowed.
fn have(tool: Tool) -> bool {
    let Some(why) = tool.unavailable() else { return true };
    assert!(std::env::var("FLASHRTL_STRICT").as_deref() != Ok("1"), "{why}");
    eprintln!("SKIPPED: {why}");
    false
}

fn u(width: u32) -> Type {
    Type::unsigned(width)
}

fn s(width: u32) -> Type {
    Type::signed(width)
}

/// Random inputs with many extreme values.
fn stimulus(design: &Design, cycles: usize, seed: u64) -> Trace {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut trace = Trace::new(design, Direction::Input);
    trace.cycles = cycles;
    for port in &mut trace.ports {
        let mask = u64::MAX >> (64 - port.ty.width);
        let value = |rng: &mut StdRng| match rng.random_range(0..8) {
            0 => 0,
            1 => mask,
            2 => mask >> 1,
            3 => 1,
            4 => (mask >> 1) + 1,
            _ => rng.random::<u64>() & mask,
        };
        port.values = (0..cycles * port.ty.count as usize).map(|_| value(&mut rng)).collect();
    }
    trace
}

/// Runs a command in a folder; whatever it prints is a failure.
fn silent(folder: &Path, program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.trim().is_empty(), "{program} {args:?}:\n{said}");
}

/// Lints a design with what is installed and checks it with Yosys.
fn lint(design: &Design, yosys: bool) {
    let folder = tempfile::tempdir().unwrap();
    let mut files = write(design, &Header::default());
    for file in &files {
        std::fs::write(folder.path().join(&file.name), &file.text).unwrap();
        assert!(!file.text.replace("$signed", "").contains('$'), "{}", file.text);
    }
    files.pop();
    let names: Vec<&str> = files.iter().map(|f| &*f.name).collect();
    let top = &*design.top().name;
    if have(Tool::VERILATOR) {
        let args = [&["--lint-only", "-Wall", "--top-module", top][..], &names].concat();
        silent(folder.path(), "verilator", &args);
    }
    if have(Tool::IVERILOG) {
        silent(folder.path(), "iverilog", &[&["-g2005", "-Wall", "-o", "/dev/null"][..], &names].concat());
    }
    if yosys && have(Tool::YOSYS) {
        let script = format!(
            "read_verilog {}; hierarchy -check -top {top}; proc; check -assert; select -assert-none t:$dlatch \
             t:$dlatchsr t:$sr; opt; check -assert",
            names.join(" ")
        );
        silent(folder.path(), "yosys", &["-q", "-p", &script]);
    }
}

/// Fails where two responses differ in values that `found` knows; returns the part of them that it knows.
fn agree(what: &str, expected: &Trace, found: &Trace, from_cycle: usize) -> f64 {
    assert_eq!(expected.cycles, found.cycles);
    let (mut known, mut all) = (0, 0);
    for (e, f) in expected.ports.iter().zip(&found.ports) {
        let n = e.ty.count as usize;
        for i in from_cycle * n..e.values.len() {
            all += 1;
            if f.known.is_empty() || f.known[i] {
                known += 1;
                let (cycle, element) = (i / n, i % n);
                assert_eq!(e.values[i], f.values[i], "{what}, cycle {cycle}, {}[{element}]", e.name);
            }
        }
    }
    f64::from(known) / f64::from(all.max(1))
}

/// All engines on one design; outputs must be known to Icarus from `from_cycle` on.
fn check(design: &Design, cycles: usize, seed: u64, from_cycle: usize) {
    let stimulus = stimulus(design, cycles, seed);
    let expected = ProgramEngine::default().run(design, &stimulus).unwrap();
    agree("rust-hdl", &expected, &RustHdlEngine.run(design, &stimulus).unwrap(), from_cycle);
    if have(Tool::IVERILOG) {
        let found = Icarus.run(design, &stimulus).unwrap();
        assert_eq!(agree("Icarus", &expected, &found, from_cycle), 1.0, "Icarus finds X");
    }
}

// ---- a design with everything ----

/// One of each operation on scalars, with operands of all signs, narrow and wide.
fn operations(b: &ModuleBuilder) {
    let (a, c) = (b.input("a", u(9)), b.input("c", u(5)));
    let (x, y) = (b.input("x", s(8)), b.input("y", s(13)));
    let (p, q) = (b.input("p", u(62)), b.input("q", s(61)));
    let (sel, n) = (b.input("sel", u(1)), b.input("n", u(4)));
    let w = b.input("w", u(24).times(9));
    let lane = b.input("v", s(6).times(5));
    b.output("add", a + c);
    b.output("add_s", x + y);
    b.output("sub", c - a);
    b.output("sub_s", y - x);
    b.output("mul", a * c);
    b.output("mul_s", x * y);
    b.output("mul_mixed", x * c.to_signed());
    b.output("mul_low", (y * y.extend(14)).truncate(9));
    b.output("neg", -x);
    b.output("neg_u", -c);
    b.output("sum", lane.sum());
    b.output("sum_u", w.sum());
    b.output("sum_cut", lane.sum().truncate(6));
    b.output("wide_add", p + b.lit(u64::MAX >> 3, 61).extend(62));
    b.output("wide_sub", q - x);
    b.output("eq", a.eq(c));
    b.output("ne", x.ne(y));
    b.output("lt", b.concat(&[a.lt(c), x.lt(y), q.lt(y), c.to_signed().lt(y), y.lt(c.to_signed())]));
    b.output("le", b.concat(&[a.le(c), x.le(y), q.ge(y), p.gt(a.extend(62))]));
    let limits = [a.ge(b.lit(0, 9)), a.gt(b.lit(511, 9)), b.lit(0, 9).le(a), x.ge(b.lit_signed(-128, 8))];
    b.output("limits", b.concat(&limits));
    b.output("shl", a.shl_truncating(n, 16));
    b.output("shl_s", x.shl_truncating(n, 20));
    b.output("shl_wide_amount", a.shl_truncating(p, 12));
    b.output("shr", a.shr(n));
    b.output("shr_s", y.shr(n));
    b.output("shr_wide_amount", y.shr(p));
    b.output("shr_sum", y.shr(n) + x.shr(c).shr_const(1));
    b.output("mux", sel.mux(a, c));
    b.output("mux_s", sel.mux(x, y.shr(n)));
    b.output("mux_bundle", sel.mux(w, !w));
    b.output("logic", (a & c.extend(9)) | (a ^ !c.extend(9)));
    b.output("reduce", b.concat(&[w.reduce_or(), w.reduce_and(), p.reduce_xor(), (a + c).reduce_and()]));
    b.output(
        "slices",
        b.concat(&[a.slice(6, 2), (a + c).slice(8, 3), x.msb(), b.concat(&[x, c]).slice(7, 3)]),
    );
    b.output("saturated", b.bundle(&[y.saturate(6), x.saturate(6), (x * y).saturate(6)]));
    b.output("table", n.table(&[3, 900, 12, 77, 1023, 0, 5], 10));
    b.output("table_one", n.table(&[6, 6], 4));
    b.output("lzc", b.bundle(&[a.lzc(), b.lit(1, 9).lzc(), p.slice(40, 32).lzc()]));
    b.output("lzc_1", sel.lzc());
    b.output("lzc_2", c.low(2).lzc());
    b.output("lzc_long", p.lzc());
    b.output("regrouped", w.regroup(8, 27).elements(2, 3));
    b.output(
        "broadcast",
        b.bundle(&[c.broadcast(3), (c ^ n.extend(5)).broadcast(2), b.lit(21, 5).broadcast(3)]),
    );
    b.output("constant", b.bundle(&[b.lit_signed(-3, 7), b.lit_signed(63, 7)]));
    b.output("zero", b.zero(u(40).times(3)));
    b.output("extended", b.concat(&[x.extend(12), y.truncate(4), c.extend(7)]));
    b.output("element", w.element(3) ^ b.bundle(&[w.element(0), w.element(8)]).element(1));
    let forward = b.wire("reg", s(14));
    b.output("through_wire", forward + x);
    b.drive(forward, -y);
}

/// State of every kind below arrays of arrays.
fn hierarchy(b: &ModuleBuilder) {
    let x = b.input("x", s(7).times(6));
    let (gain, slot) = (b.input("gain", s(4)), b.input("slot", address(4)));
    let (go, mode) = (b.input("go", u(1)), b.input("mode", u(2)));
    let row = Kind { name: "row", doc: "two lanes" };
    let inputs = [("x", each(x)), ("gain", gain.into()), ("slot", slot.into()), ("go", go.into())];
    let outs = b.call_array("rows", 3, row, &inputs, |m, p| {
        let lane = Kind { name: "lane_s7", doc: "slot-addressed accumulator" };
        let inputs = [("x", each(p[0])), ("gain", p[1].into()), ("slot", p[2].into()), ("go", p[3].into())];
        let outs = m.call_array("lane", 2, lane, &inputs, leaf);
        vec![("sums", outs[0]), ("flags", outs[1]), ("total", outs[0].sum())]
    });
    let ready = b.register("ready", u(1)).reset(0);
    ready.set(go | ready.q);
    let count = b.register("count", u(9)).reset(0x155).enable(go);
    count.set((count.q + mode.extend(9)).truncate(9));
    b.output("ready", ready.q);
    b.output("count", count.q);
    b.output("sums", outs[0]);
    b.output("parity", outs[1].reduce_xor());
    let memory = b.memory("rows", 8, s(12).times(2), true);
    memory.write(count.q.low(3), outs[0].elements(1, 2), go);
    b.output("fetched", memory.read(mode.extend(3), !go));
    let two = b.memory("always", 4, u(9), false);
    two.write(mode, count.q, go);
    b.output("two_port", two.read(slot, go));
}

fn leaf<'m>(m: &'m ModuleBuilder, p: &[Signal<'m>]) -> Outputs<'m> {
    let (x, gain, slot, go) = (p[0], p[1], p[2], p[3]);
    let file = m.file("acc", 4, s(12));
    let fill = m.register("fill", u(4)).reset(0).enable(go);
    fill.set(fill.q | m.lit(1, 1).extend(4).shl_truncating(slot, 4));
    let filled = fill.q.shr(slot).bit(0).named("filled");
    let old = filled.mux(file.read(slot), m.lit_signed(0, 12)).named("old");
    let next = (old + (x * gain).named("product")).saturate(12).named("next");
    file.write(slot, next, go);
    vec![("sum", old), ("flag", next.msb()), ("never_read", next.low(3))]
}

const RESETS: [Reset; 4] = [
    Reset { kind: ResetKind::Sync, active_low: false },
    Reset { kind: ResetKind::Sync, active_low: true },
    Reset { kind: ResetKind::Async, active_low: false },
    Reset { kind: ResetKind::Async, active_low: true },
];

#[test]
fn every_operation_is_quiet_and_exact() {
    let design = elaborate("operations", "one of each", None, Reset::default(), operations).unwrap();
    lint(&design, true);
    check(&design, 600, 1, 0);
}

#[test]
fn arrays_and_state_agree_under_every_reset() {
    for reset in RESETS {
        let design = elaborate("hierarchy", "arrays of arrays", None, reset, hierarchy).unwrap();
        lint(&design, true);
        let stimulus = stimulus(&design, 300, 2);
        let expected = ProgramEngine::default().run(&design, &stimulus).unwrap();
        assert!(agree("rust-hdl", &expected, &RustHdlEngine.run(&design, &stimulus).unwrap(), 0) == 1.0);
        if have(Tool::IVERILOG) {
            // Entries of the memories that were never written stay unknown.
            assert!(agree("Icarus", &expected, &Icarus.run(&design, &stimulus).unwrap(), 0) > 0.9);
        }
    }
}

#[test]
fn names_that_verilog_does_not_have_are_mended() {
    let design = elaborate("module", "x", None, Reset::default(), |b| {
        let a = b.input("wire", u(4));
        let clk = b.input("clk", u(4));
        let sum = (a + clk).named("unused.sum$");
        b.output("logic", sum.low(3));
        b.output("i", (sum.shr_const(1).named("begin") + clk).named("wire_"));
        b.output("index", clk.table(&[1, 2, 3], 2));
        b.output("value", sum.lzc());
    })
    .unwrap();
    let folder = write(&design, &Header::default());
    assert_eq!(folder[0].name, "module_.v");
    check(&design, 50, 3, 0);
}

// ---- random graphs ----

/// Makes operations on random operands out of what there is.
struct Maker<'b> {
    b: &'b ModuleBuilder,
    rng: StdRng,
    pool: Vec<Signal<'b>>,
}

impl<'b> Maker<'b> {
    fn any(&mut self) -> Signal<'b> {
        let n = self.pool.len();
        let back = self.rng.random_range(0..n).min(self.rng.random_range(0..n));
        self.pool[n - 1 - back]
    }

    fn scalar(&mut self, max: u32) -> Signal<'b> {
        let x = self.any();
        let x = if x.ty().is_scalar() { x } else { x.element(self.rng.random_range(0..x.ty().count)) };
        if x.width() <= max {
            return x;
        }
        let width = self.rng.random_range(1..=max);
        let lo = self.rng.random_range(0..=x.width() - width);
        x.slice(lo + width - 1, lo).reinterpret(x.ty().signed)
    }

    fn pair(&mut self, max: u32) -> (Signal<'b>, Signal<'b>) {
        let (x, y) = (self.scalar(max), self.scalar(max - 1));
        match (x.ty().signed, y.ty().signed) {
            (true, false) if self.rng.random() => (x, y.to_signed()),
            (sx, sy) if sx != sy => (x, y.reinterpret(sx)),
            _ => (x, y),
        }
    }

    fn bit(&mut self) -> Signal<'b> {
        let x = self.scalar(64);
        x.bit(self.rng.random_range(0..x.width()))
    }

    fn grow(&mut self) {
        let kind = self.rng.random_range(0..34);
        let new = match kind {
            0..3 => self.pair(30).then(|x, y| x + y),
            3..5 => self.pair(30).then(|x, y| x - y),
            5..7 => self.pair(16).then(|x, y| x * y),
            7 => -self.scalar(30),
            8 => self.pair(60).then(|x, y| x.eq(y)),
            9 => self.pair(60).then(|x, y| x.ne(y)),
            10 => self.pair(60).then(|x, y| x.lt(y)),
            11 => self.pair(60).then(|x, y| x.ge(y)),
            12 => {
                let (x, n) = (self.scalar(30), self.scalar(6).reinterpret(false));
                x.shl_truncating(n, self.rng.random_range(1..40))
            }
            13 => {
                let (x, n) = (self.scalar(50), self.scalar(6).reinterpret(false));
                x.shr(n)
            }
            14..17 => {
                let (sel, (x, y)) = (self.bit(), self.pair(64));
                sel.mux(x, y)
            }
            17 => {
                let (sel, x) = (self.bit(), self.any());
                sel.mux(x, !x)
            }
            18 => {
                let x = self.any();
                let y = if self.rng.random() { !x } else { x };
                (x & y) ^ x
            }
            19 => {
                let (x, y) = self.pair(40);
                let width = x.width().max(y.width());
                x.extend(width) | y.extend(width)
            }
            20 => self.scalar(64).lzc_of_pattern(),
            21 => {
                let index = self.scalar(4).reinterpret(false);
                let rows = self.rng.random_range(1..=1 << index.width());
                let width = self.rng.random_range(1..20);
                let rows: Vec<u64> = (0..rows).map(|_| self.rng.random::<u64>() >> (64 - width)).collect();
                index.table(&rows, width)
            }
            22 => self.any().reduce_or(),
            23 => self.any().reduce_and(),
            24 => self.any().reduce_xor(),
            25..28 => {
                let parts: Vec<_> = (0..self.rng.random_range(1..4)).map(|_| self.any()).collect();
                let joined = self.b.concat(&parts);
                if joined.ty().bits() > 300 {
                    joined.element(0).slice(9.min(joined.width() - 1), 0)
                } else {
                    joined
                }
            }
            28..30 => {
                let ty = self.scalar(20).ty();
                let parts: Vec<_> = (0..self.rng.random_range(2..5)).map(|_| self.of(ty)).collect();
                self.b.bundle(&parts)
            }
            30 => {
                let x = self.scalar(12);
                x.broadcast(self.rng.random_range(2..5))
            }
            31 => {
                let x = self.any();
                if x.width() <= 20 { x.sum() } else { x }
            }
            32 => {
                let x = self.any();
                let count = self.rng.random_range(1..=x.ty().count);
                x.elements(self.rng.random_range(0..=x.ty().count - count), count)
            }
            _ => {
                let x = self.scalar(40);
                if self.rng.random() { x.extend(x.width() + 3) } else { x.truncate(x.width().div_ceil(2)) }
            }
        };
        let named = self.rng.random_bool(0.2);
        self.pool.push(if named { new.named(["part", "sum", "x0", "sign"][kind % 4]) } else { new });
    }

    fn of(&mut self, ty: Type) -> Signal<'b> {
        let x = self.scalar(64).reinterpret(ty.signed);
        if x.width() >= ty.width { x.truncate(ty.width) } else { x.extend(ty.width) }
    }
}

trait Then<'b> {
    fn then(self, f: impl FnOnce(Signal<'b>, Signal<'b>) -> Signal<'b>) -> Signal<'b>;
}

impl<'b> Then<'b> for (Signal<'b>, Signal<'b>) {
    fn then(self, f: impl FnOnce(Signal<'b>, Signal<'b>) -> Signal<'b>) -> Signal<'b> {
        f(self.0, self.1)
    }
}

trait LzcOfPattern {
    fn lzc_of_pattern(self) -> Self;
}

impl LzcOfPattern for Signal<'_> {
    fn lzc_of_pattern(self) -> Self {
        self.reinterpret(false).lzc()
    }
}

/// A module of random operations on six inputs; with `registers` some of them feed back through state.
fn random(b: &ModuleBuilder, seed: u64, registers: bool) {
    let mut rng = StdRng::seed_from_u64(seed);
    let types = [u(1), u(7), s(8), s(19), u(40), s(5).times(3), u(11).times(2)];
    let inputs = types.iter().enumerate().map(|(i, &ty)| b.input(&format!("x{i}"), ty));
    let mut pool: Vec<Signal<'_>> = inputs.collect();
    let state = if registers { &[u(6), s(14), u(3).times(4)][..] } else { &[] };
    let state: Vec<Reg<'_>> = state
        .iter()
        .enumerate()
        .map(|(i, &ty)| b.register(&format!("r{i}"), ty).reset(rng.random()))
        .collect();
    pool.extend(state.iter().map(|r| r.q));
    let mut maker = Maker { b, rng, pool };
    for _ in 0..maker.rng.random_range(5..60) {
        maker.grow();
    }
    for (i, register) in state.into_iter().enumerate() {
        let ty = register.q.ty();
        let parts: Vec<_> = (0..ty.count).map(|_| maker.of(ty.element())).collect();
        let next = b.bundle(&parts);
        let enable = maker.bit();
        (if i == 1 { register.enable(enable) } else { register }).set(next);
    }
    for i in 0..5 {
        let x = maker.any();
        let x = if x.width() > 64 { x.slice(63, 1) } else { x };
        b.output(&format!("y{i}"), x);
    }
}

#[test]
fn random_graphs_are_quiet_and_exact() {
    for seed in 0..24 {
        let reset = RESETS[seed as usize % 4];
        let design =
            elaborate("random", "random operations", None, reset, |b| random(b, seed, seed % 2 == 0));
        let design = design.unwrap();
        lint(&design, seed % 4 == 0);
        check(&design, 80, seed, 0);
    }
}

/// Every operation takes a third of the period.
fn timing() -> Timing {
    use OpKind::*;
    let kinds = [Add, Mul, Sum, Logic, Mux, Eq, Lt, Shift, Lzc, Reduce, Table, Read];
    let curve = Curve { base: 300.0, ..Curve::default() };
    let ops: BTreeMap<OpKind, Curve> = kinds.into_iter().map(|k| (k, curve)).collect();
    Timing { period_ps: 1000.0, model: Arc::new(DelayModel { clk_to_q: 50.0, setup: 50.0, ops }) }
}

#[test]
fn random_pipelines_are_quiet_and_exact() {
    for seed in 100..110 {
        let top = |b: &ModuleBuilder| random(b, seed, false);
        let design =
            elaborate("pipeline", "random operations", Some(timing()), Reset::default(), top).unwrap();
        lint(&design, false);
        check(&design, 80, seed, design.top().latency() as usize);
    }
}

// ---- testbench and engines ----

/// An accumulator whose result means something once a value has come in.
fn accumulator(b: &ModuleBuilder) {
    let (x, valid) = (b.input("x", s(16).times(300)), b.input("valid", u(1)));
    let seen = b.register("seen", u(1)).reset(0);
    seen.set(seen.q | valid);
    let sum = b.register("sum", s(32)).enable(valid);
    let base = seen.q.mux(sum.q, b.lit_signed(0, 32)).named("base");
    sum.set((base + x.sum()).truncate(32));
    b.output("any", seen.q);
    b.output_when("sum", sum.q, "any");
    b.output_when("copy", (!x).regroup(100, 48), "any");
}

fn accumulator_design() -> Design {
    elaborate("accumulator", "sum of bundles", None, Reset::default(), accumulator).unwrap()
}

/// With `valid` low at first.
fn accumulator_stimulus(design: &Design, cycles: usize) -> Trace {
    let mut trace = stimulus(design, cycles, 5);
    trace.ports[1].values[..4].fill(0);
    trace
}

#[test]
fn the_testbench_passes_and_fails_when_it_should() {
    if !have(Tool::IVERILOG) {
        return;
    }
    let design = accumulator_design();
    let stimulus = accumulator_stimulus(&design, 40);
    let mut expected = ProgramEngine::default().run(&design, &stimulus).unwrap();
    let built = Icarus.build(&design).unwrap();
    let said = built.check(&stimulus, &expected).unwrap();
    let valid = expected.ports[0].values.iter().filter(|&&v| v == 1).count();
    assert!(said.contains(&format!("PASS: 40 cycles, {} comparisons", 40 + 2 * valid)), "{said}");

    expected.ports[1].values[7] ^= 0x10;
    let said = built.check(&stimulus, &expected).unwrap_err().0;
    assert!(said.contains("cycle 7, sum: expected") && said.contains("FAIL: 1 mismatches"), "{said}");

    let mut short = stimulus.clone();
    short.cycles = 41;
    short.ports.iter_mut().for_each(|p| p.values.extend_from_slice(&vec![0; p.ty.count as usize]));
    let said = built.check(&short, &expected).unwrap_err().0;
    assert!(said.contains("FAIL"), "{said}");
}

#[test]
fn unknown_values_are_reported_as_such() {
    if !have(Tool::IVERILOG) {
        return;
    }
    let design = accumulator_design();
    let stimulus = accumulator_stimulus(&design, 10);
    let expected = ProgramEngine::default().run(&design, &stimulus).unwrap();
    let found = Icarus.run(&design, &stimulus).unwrap();
    let sum: &PortTrace = found.port("sum").unwrap();
    assert_eq!(sum.known[..4], [false; 4], "the sum is X until a value has come in");
    assert!(found.port("any").unwrap().known.is_empty());
    sim::compare(&design, &expected, &found).unwrap();
}

#[test]
fn verilator_agrees_and_uninitialised_state_shows() {
    if !have(Tool::VERILATOR) {
        return;
    }
    let design = accumulator_design();
    let stimulus = accumulator_stimulus(&design, 200);
    let expected = ProgramEngine::default().run(&design, &stimulus).unwrap();
    let built = Verilator::default().build(&design).unwrap();
    let run = built.run(&stimulus).unwrap();
    sim::compare(&design, &expected, &run.outputs).unwrap();
    assert_ne!(run.outputs.port("sum").unwrap().values[0], 0, "state starts at random");
    assert!(built.check(&stimulus, &expected).unwrap().contains("PASS: 200 cycles"));
    built.bench(&stimulus, 3000).unwrap();
}

// ---- handshakes ----

/// Offers a number whenever it counts up; the number, and whether it is offered, may change before it is taken.
fn offers(keeps: bool) -> Design {
    elaborate("offers", "a counter behind valid and ready", None, Reset::default(), |b| {
        b.explicit();
        let ready = b.input("o_ready", u(1));
        let valid = b.register("valid", u(1)).reset(0);
        let count = b.register("count", u(8)).reset(0);
        let moves = if keeps { !valid.q | ready } else { b.lit(1, 1) };
        valid.set(valid.q ^ moves | valid.q & count.q.bit(1) & moves);
        count.enable(moves).set((count.q + b.lit(1, 1)).low(8));
        b.output("o_valid", valid.q);
        b.output_when("o_data", count.q, "o_valid");
    })
    .unwrap()
}

/// The testbench finds an offer that is withdrawn or changes even where the expected vectors have it so.
#[test]
fn the_testbench_watches_handshakes() {
    if !have(Tool::IVERILOG) {
        return;
    }
    for keeps in [true, false] {
        let design = offers(keeps);
        let stimulus = stimulus(&design, 60, 3);
        let expected = ProgramEngine::default().run(&design, &stimulus).unwrap();
        let said = Icarus.build(&design).unwrap().check(&stimulus, &expected);
        let broken = "o_valid: withdrawn or changed before o_ready came";
        assert_eq!(said.is_ok(), keeps, "{said:?}");
        assert!(keeps || said.unwrap_err().0.contains(broken));
    }
}
