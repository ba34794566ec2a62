//! The interpreter against integers computed here, for every operation.

mod common;

use common::{PORTS, Random, Values, cases, pattern, stimulus, words, zoo};
use hdl::{Interpreter, Op};
use std::collections::BTreeSet;

#[test]
fn every_operation() {
    let design = zoo();
    let mut zoo = Interpreter::new(design.modules[0].clone());
    let mut random = Random(0x5eed);
    let outputs: Vec<_> = cases()
        .into_iter()
        .map(|case| (design.top().port(&format!("y_{}", case.name)).unwrap(), case))
        .collect();
    for _ in 0..2_000 {
        let values = stimulus(&mut random);
        for ((name, ty), value) in PORTS.iter().zip(values) {
            zoo.set_input(design.top().port(name).unwrap().0, &words(value, ty.bits()));
        }
        zoo.evaluate();
        let integers = Values::new(&values);
        for ((id, port), case) in &outputs {
            let bits = port.ty.bits();
            let expected = (case.expect)(&integers) as u128 & u128::MAX >> (128 - bits);
            assert_eq!(pattern(zoo.port(*id)), expected, "{} at {values:x?}", case.name);
        }
    }
}

#[test]
fn the_zoo_has_every_combinational_operation() {
    let design = zoo();
    let seen: BTreeSet<&str> = design.top().nodes.iter().map(|n| n.op.mnemonic()).collect();
    let state = ["reg", "read", "mem", "out"];
    let node = hdl::NodeId(0);
    let all = [
        Op::Const(0),
        Op::Input(hdl::PortId(0)),
        Op::Wire(None),
        Op::Not(node),
        Op::And(node, node),
        Op::Or(node, node),
        Op::Xor(node, node),
        Op::Add(node, node),
        Op::Sub(node, node),
        Op::Mul(node, node),
        Op::Neg(node),
        Op::Sum(node),
        Op::Eq(node, node),
        Op::Ne(node, node),
        Op::Lt(node, node),
        Op::Le(node, node),
        Op::Shl(node, node),
        Op::Shr(node, node),
        Op::Mux(node, node, node),
        Op::Slice(node, 0),
        Op::Resize(node),
        Op::Concat(vec![]),
        Op::Table(node, Default::default()),
        Op::Lzc(node),
        Op::ReduceOr(node),
        Op::ReduceAnd(node),
        Op::ReduceXor(node),
        Op::Bundle(vec![]),
        Op::Elements(node, 0),
        Op::Broadcast(node),
        Op::Regroup(node),
    ];
    for op in all {
        assert!(seen.contains(op.mnemonic()), "no {} in the zoo", op.mnemonic());
        assert!(!state.contains(&op.mnemonic()));
    }
}
