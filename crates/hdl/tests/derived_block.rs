//! A generated module inside a hand-written rust-hdl design, from description to waveform and Verilog.
//!
//! The generated part is a multiply-accumulate unit whose widths could come from anywhere at run time; around it stands
//! an ordinary `#[derive(LogicBlock)]` design with a counter and an output register of rust-hdl's own.

use hdl::rust_hdl::{Bridge, check};
use hdl::{Design, Reset, Type, elaborate};
use rust_hdl::prelude::*;
use std::process::Command;

/// y = sum of a * b over the cycles since the last clear, as seen before this cycle's product is added.
fn mac() -> Design {
    elaborate("mac_u8", "acc = clear ? 0 : acc + a * b", None, Reset::default(), |m| {
        let [a, b] = ["a", "b"].map(|name| m.input(name, Type::unsigned(8)));
        let clear = m.input("clear", Type::unsigned(1));
        let acc = m.register("acc", Type::unsigned(24)).reset(0);
        acc.set(clear.mux(m.lit(0, 24), (acc.q + a * b).truncate(24)));
        m.output("y", acc.q);
    })
    .unwrap()
}

hdl::shell! {
    /// The generated unit with rust-hdl's types at its ports.
    #[derive(Debug)]
    struct Mac {
        pub clk: Signal<In, Clock>,
        pub rst: Signal<In, Bit>,
        pub a: Signal<In, Bits<8>>,
        pub b: Signal<In, Bits<8>>,
        pub clear: Signal<In, Bit>,
        pub y: Signal<Out, Bits<24>>,
    }
}

/// Sums counter * factor and shows the sum a cycle later.
#[derive(LogicBlock)]
struct Meter {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub factor: Signal<In, Bits<8>>,
    pub total: Signal<Out, Bits<24>>,
    never: Constant<Bit>,
    one: Constant<Bits<8>>,
    count: DFF<Bits<8>>,
    shown: DFF<Bits<24>>,
    mac: Mac,
}

impl Meter {
    fn new(bridge: &Bridge) -> Meter {
        Meter {
            clock: Default::default(),
            reset: Default::default(),
            factor: Default::default(),
            total: Default::default(),
            never: Constant::new(false),
            one: Constant::new(bits(1)),
            count: Default::default(),
            shown: Default::default(),
            mac: Mac::new(bridge).unwrap(),
        }
    }
}

impl Logic for Meter {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, count, shown);
        self.mac.clk.next = self.clock.val();
        self.mac.rst.next = self.reset.val();
        self.mac.clear.next = self.never.val();
        self.mac.a.next = self.count.q.val();
        self.mac.b.next = self.factor.val();
        self.count.d.next = self.count.q.val() + self.one.val();
        self.shown.d.next = self.mac.y.val();
        self.total.next = self.shown.q.val();
    }
}

/// What the meter shows in each cycle: the counter runs on, the sum is two registers behind.
fn expected(cycles: u64, factor: u64) -> u64 {
    (0..cycles.saturating_sub(1)).map(|count| count * factor).sum()
}

#[test]
fn simulates_in_a_test_bench_with_waves() {
    let bridge = Bridge::new(&mac());
    let mut sim = Simulation::new();
    sim.add_clock(5, |meter: &mut Box<Meter>| meter.clock.next = !meter.clock.val());
    sim.add_testbench(move |mut sim: Sim<Meter>| {
        let mut meter = sim.init()?;
        meter.factor.next = bits(7);
        for cycle in 0..20 {
            sim_assert_eq!(sim, meter.total.val(), bits::<24>(expected(cycle, 7)), meter);
            wait_clock_true!(sim, clock, meter);
            wait_clock_false!(sim, clock, meter);
        }
        sim.done(meter)
    });
    let mut waves = vec![];
    sim.run_traced(Box::new(Meter::new(&bridge)), 10_000, &mut waves).unwrap();
    let waves = String::from_utf8(waves).unwrap();
    assert!(
        waves.contains("$scope module mac $end") && waves.contains(" acc$n"),
        "the unit's inside is in the waves"
    );
}

#[test]
fn checks_and_prints_verilog() {
    let design = mac();
    check(&design).unwrap();
    let bridge = Bridge::new(&design);
    let mut top = TopWrap::new(Meter::new(&bridge));
    top.uut.reset.connect();
    top.uut.clock.connect();
    top.uut.factor.connect();
    top.connect_all();
    check_all(&top).unwrap();
    bridge.emit(&Default::default());
    let text = generate_verilog_unchecked(&top);
    assert!(text.contains("mac_u8 mac(") && text.contains(".clear(mac$clear)"), "{text}");
    assert_eq!(text.matches("\nmodule mac_u8 (").count(), 1, "{text}");
    assert_compiles(&text);
}

/// Icarus accepts the text, where it is installed.
fn assert_compiles(text: &str) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("top.v");
    std::fs::write(&file, text).unwrap();
    match Command::new("iverilog").args(["-g2005", "-t", "null"]).arg(&file).output() {
        Ok(output) => assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => eprintln!("iverilog is not installed: the printed Verilog was not compiled"),
    }
}

#[test]
fn a_shell_must_have_the_ports_of_its_module() {
    let build = |name: &str, width: u32, state: bool| {
        let design = elaborate("other", "", None, Reset::default(), |m| {
            let a = m.input(name, Type::unsigned(width));
            let q = m.register("q", Type::unsigned(8));
            q.set(a.truncate(8));
            m.output("y", if state { q.q } else { a.truncate(8) });
        });
        Wire::new(&Bridge::new(&design.unwrap())).err().map(|e| e.to_string())
    };
    assert_eq!(build("a", 8, false), None);
    assert_eq!(build("b", 8, false).unwrap(), "other: no port `a`; the ports are b, y");
    assert_eq!(
        build("a", 9, false).unwrap(),
        "other: port `a` is an Input of 9 bits, in the shell an Input of 8 bits"
    );
    assert_eq!(build("a", 8, true).unwrap(), "other: the shell has no port `clk`");
}

hdl::shell! {
    struct Wire {
        a: Signal<In, Signed<8>>,
        y: Signal<Out, Signed<8>>,
    }
}

#[test]
fn signed_values_pass_through() {
    let design =
        elaborate("wire", "", None, Reset::default(), |m| m.output("y", m.input("a", Type::signed(8))));
    let mut wire = Wire::new(&Bridge::new(&design.unwrap())).unwrap();
    wire.connect_all();
    for value in [-128, -1, 0, 127] {
        wire.a.next = signed(value);
        assert!(simulate(&mut wire, 10));
        assert_eq!(wire.y.val(), signed(value));
    }
}
