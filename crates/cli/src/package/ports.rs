//! What the ports of a design mean.

use crate::target::Kind;
use attention::config::ResultForm;

/// Ports of the query engine.
const ENGINE: &[(&str, &str)] = &[
    ("q_valid", "a query row is offered; it is taken in a cycle in which q_ready is 1 too"),
    ("q_ready", "there is room for a query row"),
    ("q_data", "query row, element 0 in the low bits"),
    ("q_active", "0 marks a query that occupies its slot but gives no result"),
    ("q_last", "the row is the last query of its block"),
    ("kv_valid", "a key and a value row are offered; they are taken in a cycle in which kv_ready is 1 too"),
    ("kv_ready", "a key row is taken, once per interleave cycles at best"),
    ("k_data", "key row, element 0 in the low bits"),
    ("v_data", "value row of the same key"),
    ("kv_mask", "bit n is 1 if query n of the block meets the key"),
    ("kv_last", "the row is the last key of the block"),
    ("kv_exp", "exponent field at least as large as that of every element of v_data"),
    ("o_valid", "a result row is offered, in the order of the queries; it is taken when o_ready is 1 too"),
    ("o_ready", "the result row is taken"),
    ("o_data", "result row, element 0 in the low bits"),
    ("o_empty", "the query met no key, and its result is zero"),
    ("o_state", "scalar state of a partial result, the kernel's first variable in the low bits"),
    ("o_sum", "sum l of a partial result, in the accumulator's format"),
    ("o_anchor", "exponent field that a partial result's o is aligned to"),
    ("o_last", "the row is the last result of its block"),
    ("i_enable", "queries begin with states from this port, or with no key; constant while the engine works"),
    (
        "i_valid",
        "the state of the next active query is offered; it is taken in a cycle in which i_ready is 1 too",
    ),
    ("i_ready", "the state is taken"),
    ("i_open", "the states of the next block are awaited"),
    ("i_empty", "the query has met no key yet"),
    ("i_data", "o of the state, element 0 in the low bits"),
    ("i_state", "scalar state, the kernel's first variable in the low bits"),
    ("i_sum", "sum l of the state, in the accumulator's format"),
    ("i_anchor", "exponent field that the state's o is aligned to"),
    ("scale", "factor on the scores; constant while the engine works"),
];

/// Beginnings of an accelerator's ports.
const ACCELERATOR: &[(&str, &str)] = &[
    ("s_axil_", "AXI4-Lite slave: the registers, see registers.md"),
    ("m_axi_", "AXI4 master: rows are read, results written"),
    ("s_axis_q_", "AXI4-Stream: a packet is the query rows of a block"),
    (
        "s_axis_kv_",
        "AXI4-Stream: a packet is the key and value rows that a block meets, each key before its value",
    ),
    ("s_axis_i_", "AXI4-Stream: a packet is the initial states of a block, while INITIAL is on"),
    ("m_axis_o_", "AXI4-Stream: a packet is the results of a block"),
    ("irq", "STATUS.DONE or STATUS.ERROR is on, and CTRL.IRQ_ENABLE"),
];

/// What a port means, in a sentence.
pub fn meaning(kind: &Kind, port: &str) -> String {
    match kind {
        Kind::Engine(_) => {
            let entry = ENGINE.iter().find(|(name, _)| *name == port);
            entry.map_or_else(String::new, |(_, meaning)| meaning.to_string())
        }
        Kind::Accelerator(_) => {
            let entry = ACCELERATOR.iter().find(|(prefix, _)| port.starts_with(prefix));
            entry.map_or_else(String::new, |(_, meaning)| meaning.to_string())
        }
        Kind::Unit(unit) => match unit.operator.inputs(&unit.params).iter().any(|(name, _)| *name == port) {
            true => format!("operand {port}, a new one every cycle"),
            false => format!("result {port}: {}", unit.operator.summary()),
        },
    }
}

/// Which of the design's formats a port's elements have, if they are numbers.
pub fn format_of(kind: &Kind, port: &str) -> Option<String> {
    match (kind, port) {
        (Kind::Engine(spec), "q_data" | "k_data") => Some(spec.dot.operand.to_string()),
        (Kind::Engine(spec), "v_data") => Some(spec.value.to_string()),
        (Kind::Engine(spec), "o_data") if spec.result == ResultForm::Row => Some(spec.output.to_string()),
        (Kind::Engine(spec), "o_data" | "o_sum" | "i_data" | "i_sum") => Some(spec.accumulator.to_string()),
        (Kind::Engine(spec), "scale") => spec.dot.scale.map(|format| format.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;
    use crate::target::Target;

    #[test]
    fn every_port_of_the_built_in_designs_has_a_meaning() {
        for name in source::embedded_names() {
            let target = Target::new(source::load_embedded(name).unwrap()).unwrap();
            for port in &target.design.top().ports {
                assert!(!meaning(&target.kind, &port.name).is_empty(), "{name}: {}", port.name);
            }
        }
    }
}
