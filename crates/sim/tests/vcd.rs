//! Waveforms: what is written is read back and compared with the simulated values.

use hdl::*;
use sim::{Observe, Program, Vcd};
use std::collections::HashMap;

/// Three accumulators of an input each, in an array within a pair.
fn design() -> Design {
    elaborate("top", "accumulators", None, Reset::default(), |b| {
        let x = b.input("x", Type::unsigned(8).times(6));
        let pair = Kind { name: "pair", doc: "three accumulators" };
        let out = b.call_array("pair", 2, pair, &[("x", each(x))], |b, inputs| {
            let accumulator = Kind { name: "accumulator", doc: "total of x" };
            b.call_array("acc", 3, accumulator, &[("x", each(inputs[0]))], |b, inputs| {
                let total = b.register("total", Type::unsigned(70)).reset(0);
                let low = total.q.low(8) ^ inputs[0].named("addend");
                total.set(b.concat(&[total.q.slice(61, 0), low]));
                vec![("y", total.q), ("parity", total.q.reduce_xor())]
            })
            .into_iter()
            .zip(["y", "parity"])
            .map(|(s, name)| (name, s))
            .collect()
        });
        b.output("y", out[0]);
        b.output("parity", out[1]);
    })
    .unwrap()
}

type Changes = HashMap<String, Vec<(u64, String)>>;

/// Every change of every variable, by full name.
fn read_back(bytes: &[u8]) -> Changes {
    let mut parser = vcd::Parser::new(bytes);
    let header = parser.parse_header().unwrap();
    let mut names = HashMap::new();
    collect(&header.items, "", &mut names);
    let (mut changes, mut now) = (Changes::new(), 0);
    for command in parser {
        let (id, text) = match command.unwrap() {
            vcd::Command::Timestamp(t) => {
                assert!(t >= now);
                now = t;
                continue;
            }
            vcd::Command::ChangeScalar(id, value) => (id, value.to_string()),
            vcd::Command::ChangeVector(id, value) => (id, value.iter().map(|v| v.to_string()).collect()),
            _ => continue,
        };
        changes.entry(names[&id].clone()).or_default().push((now, text));
    }
    changes
}

fn collect(items: &[vcd::ScopeItem], path: &str, names: &mut HashMap<vcd::IdCode, String>) {
    for item in items {
        match item {
            vcd::ScopeItem::Var(v) => {
                assert!(names.insert(v.code, format!("{path}{}", v.reference)).is_none());
            }
            vcd::ScopeItem::Scope(s) => collect(&s.items, &format!("{path}{}/", s.identifier), names),
            _ => {}
        }
    }
}

/// The value at a time.
fn at(changes: &Changes, name: &str, time: u64) -> String {
    let changes = changes.get(name).unwrap_or_else(|| panic!("{name} is not in the dump"));
    changes.iter().take_while(|(t, _)| *t <= time).last().expect("a first value").1.clone()
}

fn dump(observe: Observe, cycles: u64) -> Changes {
    let design = design();
    let program = Program::compile_observed(&design, observe).unwrap();
    let mut sim = program.simulator(2);
    let x = program.input("x").unwrap();
    let mut bytes = vec![];
    let mut waves = Vcd::new(&mut bytes, &program, 1, 1000).unwrap();
    for cycle in 0..cycles {
        sim.set(x, 1, &[0, 1, 2, 3, 4, cycle]);
        sim.step();
        waves.cycle(&sim).unwrap();
    }
    waves.finish().unwrap();
    read_back(&bytes)
}

#[test]
fn values_are_those_of_the_simulation() {
    let changes = dump(Observe::All, 60);
    let mut totals = [0u128; 6];
    for cycle in 0..60u64 {
        for (i, total) in totals.iter_mut().enumerate() {
            let x = if i == 5 { cycle } else { i as u64 };
            let scope = format!("top/u_pair[{}]/u_acc[{}]", i / 3, i % 3);
            let now = cycle * 1000;
            assert_eq!(
                at(&changes, &format!("{scope}/total_q"), now),
                format!("{total:070b}"),
                "cycle {cycle}"
            );
            assert_eq!(at(&changes, &format!("{scope}/x"), now), format!("{x:08b}"));
            assert_eq!(at(&changes, &format!("{scope}/parity"), now), (total.count_ones() % 2).to_string());
            *total = (*total << 8 | (*total & 255 ^ u128::from(x))) & ((1 << 70) - 1);
        }
        assert_eq!(at(&changes, "top/clk", cycle * 1000), "1");
        assert_eq!(at(&changes, "top/clk", cycle * 1000 + 500), "0");
    }
    assert_eq!(at(&changes, "top/x", 0), "000000000000010000000011000000100000000100000000");
}

#[test]
fn only_changes_are_written() {
    let changes = dump(Observe::All, 20);
    assert_eq!(changes["top/u_pair[0]/u_acc[1]/x"].len(), 1);
    assert_eq!(changes["top/u_pair[1]/u_acc[2]/x"].len(), 20);
}

#[test]
fn depth_is_limited() {
    let changes = dump(Observe::Depth(1), 3);
    assert!(changes.contains_key("top/u_pair[0]/x"));
    assert!(!changes.keys().any(|name| name.contains("u_acc")));
}
