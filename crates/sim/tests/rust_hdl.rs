//! The rust-hdl engine against a hand-written model and against the compiled program.

#[path = "../../hdl/tests/common/mod.rs"]
mod common;

use common::{Machine, Random, machine};
use hdl::{Design, Direction, Reset, ResetKind, Type, elaborate};
use sim::{Engine, ProgramEngine, RustHdlEngine, Trace, compare};

/// Random values on every input.
fn random_stimulus(design: &Design, cycles: usize) -> Trace {
    let mut random = Random(0xc10c);
    let mut stimulus = Trace::new(design, Direction::Input);
    stimulus.cycles = cycles;
    for port in &mut stimulus.ports {
        let count = cycles * port.ty.count as usize;
        port.values = (0..count).map(|_| random.pattern(port.ty.width) as u64).collect();
    }
    stimulus
}

#[test]
fn agrees_with_a_model_written_by_hand() {
    for kind in [ResetKind::Sync, ResetKind::Async] {
        let design = machine(Reset { kind, active_low: kind == ResetKind::Async });
        let stimulus = random_stimulus(&design, 200);
        let response = RustHdlEngine.run(&design, &stimulus).unwrap();
        let mut model = Machine::new();
        for cycle in 0..200 {
            let [x, en, addr, we] = ["x", "en", "addr", "we"].map(|n| stimulus.port(n).unwrap().at(cycle)[0]);
            for (port, expected) in response.ports.iter().zip(model.outputs(x as u8, addr as usize)) {
                let elements = port.at(cycle).iter().rev();
                let found = elements.fold(0, |p, &e| p << port.ty.width | u128::from(e));
                assert_eq!(found, expected, "`{}` in cycle {cycle}", port.name);
            }
            model.clock(x as u8, en == 1, addr as usize, we == 1, false);
        }
    }
}

#[test]
fn agrees_with_the_program() {
    let design = machine(Reset::default());
    let stimulus = random_stimulus(&design, 500);
    let expected = ProgramEngine::default().run(&design, &stimulus).unwrap();
    let found = RustHdlEngine.run(&design, &stimulus).unwrap();
    compare(&design, &expected, &found).unwrap();
}

#[test]
fn elements_of_every_width_arrive() {
    let design = elaborate("pass", "", None, Reset::default(), |m| {
        let a = m.input("a", Type::signed(33).times(3));
        let b = m.input("b", Type::unsigned(64).times(2));
        m.output("nb", !b);
        m.output("na", !a);
    })
    .unwrap();
    let stimulus = random_stimulus(&design, 50);
    let response = RustHdlEngine.run(&design, &stimulus).unwrap();
    for (output, input, width) in [("na", "a", 33), ("nb", "b", 64)] {
        let mask = u64::MAX >> (64 - width);
        let expected: Vec<u64> = stimulus.port(input).unwrap().values.iter().map(|v| !v & mask).collect();
        assert_eq!(response.port(output).unwrap().values, expected);
    }
}

#[test]
fn a_stimulus_without_a_port_is_an_error() {
    let design = machine(Reset::default());
    let mut stimulus = random_stimulus(&design, 4);
    stimulus.ports.retain(|p| &*p.name != "we");
    let error = RustHdlEngine.run(&design, &stimulus).unwrap_err();
    assert_eq!(error.0, "rust-hdl: the stimulus has no 4 values of type u1 for input `we` of machine");
}
