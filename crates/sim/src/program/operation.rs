//! One operation of the design as nets.

use super::fold::{lane_value, pattern};
use super::net::{Form, Graph, Lanes, NetOp};
use super::value::{Part, Value, limbs};
use hdl::{Op, Type};

type Operand = (Value, Type);

/// The value of a node from those of its operands.
pub(crate) fn build(graph: &mut Graph, op: &Op, ty: Type, operands: &[Operand], copies: u32) -> Value {
    let len = copies * ty.count;
    match op {
        Op::Const(bits) => constant(graph, *bits, ty, len),
        Op::Wire(_) => operands[0].0.clone(),
        Op::Not(_) => complement(graph, &operands[0].0, ty, len),
        Op::And(..) => bitwise(graph, NetOp::And, operands),
        Op::Or(..) => bitwise(graph, NetOp::Or, operands),
        Op::Xor(..) => bitwise(graph, NetOp::Xor, operands),
        Op::Mux(..) => mux(graph, operands, ty, len),
        Op::Slice(_, lo) => {
            let parts = graph.bits(&operands[0].0, *lo, ty.width);
            graph.joined(parts, ty)
        }
        Op::Resize(_) => graph.resize(&operands[0].0, operands[0].1, ty),
        Op::Concat(_) => {
            let flat = operands.iter().rev().flat_map(|(v, t)| graph.flat(v, *t, copies)).collect();
            graph.joined(flat, ty)
        }
        Op::ReduceOr(_) | Op::ReduceAnd(_) | Op::ReduceXor(_) => reduce(graph, op, &operands[0], copies),
        Op::Bundle(_) => bundle(graph, operands, copies, ty.count),
        Op::Elements(_, start) => {
            let (value, from) = &operands[0];
            value.map(|l| graph.pick(l, len, |i| i / ty.count * from.count + start + i % ty.count))
        }
        Op::Broadcast(_) => {
            let (value, from) = &operands[0];
            value.map(|l| graph.pick(l, len, |i| i / ty.count * from.count + i % from.count))
        }
        Op::Regroup(_) => graph.regroup(&operands[0].0, operands[0].1, ty, copies),
        _ => Value::narrow(arithmetic(graph, op, ty, operands), ty.width),
    }
}

/// Operations on scalars of at most 64 bits.
fn arithmetic(graph: &mut Graph, op: &Op, ty: Type, operands: &[Operand]) -> Lanes {
    let args: Vec<Lanes> = operands.iter().map(|(v, _)| v.lanes().clone()).collect();
    let forms: Vec<Form> = args.iter().map(|a| graph.form(a)).collect();
    let declared = Form { width: ty.width, signed: ty.signed };
    match op {
        Op::Add(..) => graph.op(NetOp::Add, args, sum_form(forms[0], forms[1])),
        Op::Sub(..) => graph.op(NetOp::Sub, args, difference_form(forms[0], forms[1])),
        Op::Neg(_) => {
            let form = difference_form(Form::BIT, forms[0]);
            let zero = graph.splat(0, false, graph.len(&args[0]));
            graph.op(NetOp::Sub, vec![zero, args[0].clone()], form)
        }
        Op::Mul(..) => graph.op(NetOp::Mul, args, product_form(forms[0], forms[1])),
        Op::Sum(_) => graph.sum(&args[0], operands[0].1.count),
        Op::Eq(..) => graph.op(NetOp::Eq, args, Form::BIT),
        Op::Ne(..) => graph.op(NetOp::Ne, args, Form::BIT),
        Op::Lt(..) => graph.op(NetOp::Lt, args, Form::BIT),
        Op::Le(..) => graph.op(NetOp::Le, args, Form::BIT),
        Op::Shl(..) => {
            let amount = graph.at_most(&args[1], 64);
            graph.op(NetOp::Shl, vec![args[0].clone(), amount], declared)
        }
        Op::Shr(..) => {
            let amount = graph.at_most(&args[1], 64);
            graph.op(NetOp::Shr, vec![args[0].clone(), amount], forms[0])
        }
        Op::Table(_, rows) => {
            let bits = rows.iter().map(|r| pattern(*r, ty.width));
            let rows: Vec<u64> = bits.map(|r| lane_value(r, declared)).collect();
            let index = graph.at_most(&args[0], rows.len() as u32 - 1);
            graph.op(NetOp::Table(rows.into()), vec![index], declared)
        }
        Op::Lzc(_) => {
            let width = operands[0].1.width;
            let form = Form::unsigned(hdl::value_width(u64::from(width)));
            graph.op(NetOp::Lzc(width), args, form)
        }
        other => unreachable!("{} is not arithmetic", other.mnemonic()),
    }
}

fn sum_form(a: Form, b: Form) -> Form {
    let widest = a.join(b);
    Form { width: widest.width + 1, ..widest }
}

fn difference_form(a: Form, b: Form) -> Form {
    let widest = a.join(b);
    Form { width: widest.width + 1, signed: true }
}

fn product_form(a: Form, b: Form) -> Form {
    Form { width: a.width + b.width, signed: a.signed || b.signed }
}

fn constant(graph: &mut Graph, bits: u64, ty: Type, len: u32) -> Value {
    let narrow = ty.width <= 64;
    let mut lo = 0;
    let mut parts = vec![];
    for width in limbs(ty.width) {
        let form = Form { width, signed: ty.signed && narrow };
        let value = if lo == 0 { lane_value(bits, form) } else { 0 };
        parts.push(Part { width, lanes: graph.splat(value, form.signed, len) });
        lo += width;
    }
    Value { parts }
}

fn complement(graph: &mut Graph, value: &Value, ty: Type, len: u32) -> Value {
    let signed = ty.signed && ty.width <= 64;
    let mut parts = vec![];
    for part in &value.parts {
        let ones = if signed { u64::MAX } else { pattern(u64::MAX, part.width) };
        let ones = graph.splat(ones, signed, len);
        let form = graph.form(&part.lanes).join(graph.form(&ones));
        let lanes = graph.op(NetOp::Xor, vec![part.lanes.clone(), ones], form);
        parts.push(Part { width: part.width, lanes });
    }
    Value { parts }
}

fn bitwise(graph: &mut Graph, op: NetOp, operands: &[Operand]) -> Value {
    let values = graph.aligned(&[&operands[0].0, &operands[1].0]);
    let mut parts = vec![];
    for (a, b) in values[0].parts.iter().zip(&values[1].parts) {
        let (fa, fb) = (graph.form(&a.lanes), graph.form(&b.lanes));
        let form = match (&op, fa.signed, fb.signed) {
            (NetOp::And, false, false) => Form::unsigned(fa.width.min(fb.width)),
            (NetOp::And, false, true) => fa,
            (NetOp::And, true, false) => fb,
            _ => fa.join(fb),
        };
        let lanes = graph.op(op.clone(), vec![a.lanes.clone(), b.lanes.clone()], form);
        parts.push(Part { width: a.width, lanes });
    }
    Value { parts }
}

fn mux(graph: &mut Graph, operands: &[Operand], ty: Type, len: u32) -> Value {
    let select = graph.pick(operands[0].0.lanes(), len, |i| i / ty.count);
    let values = graph.aligned(&[&operands[1].0, &operands[2].0]);
    let mut parts = vec![];
    for (t, f) in values[0].parts.iter().zip(&values[1].parts) {
        let form = graph.form(&t.lanes).join(graph.form(&f.lanes));
        let args = vec![select.clone(), t.lanes.clone(), f.lanes.clone()];
        parts.push(Part { width: t.width, lanes: graph.op(NetOp::Mux, args, form) });
    }
    Value { parts }
}

/// Or, and, exclusive or over all bits of every copy.
fn reduce(graph: &mut Graph, op: &Op, (value, ty): &Operand, copies: u32) -> Value {
    let mut bits: Option<Lanes> = None;
    for part in graph.flat(value, *ty, copies) {
        let one = reduce_part(graph, op, &part);
        bits = Some(match bits {
            None => one,
            Some(so_far) => {
                let combine = match op {
                    Op::ReduceOr(_) => NetOp::Or,
                    Op::ReduceAnd(_) => NetOp::And,
                    _ => NetOp::Xor,
                };
                graph.op(combine, vec![so_far, one], Form::BIT)
            }
        });
    }
    Value::narrow(bits.expect("at least one bit"), 1)
}

fn reduce_part(graph: &mut Graph, op: &Op, part: &Part) -> Lanes {
    let len = graph.len(&part.lanes);
    let (combine, with) = match op {
        Op::ReduceOr(_) => (NetOp::Ne, 0),
        Op::ReduceAnd(_) => (NetOp::Eq, pattern(u64::MAX, part.width)),
        _ => return graph.op(NetOp::Parity, vec![part.lanes.clone()], Form::BIT),
    };
    let with = graph.splat(with, false, len);
    graph.op(combine, vec![part.lanes.clone(), with], Form::BIT)
}

fn bundle(graph: &mut Graph, operands: &[Operand], copies: u32, count: u32) -> Value {
    let values: Vec<&Value> = operands.iter().map(|(v, _)| v).collect();
    let values = graph.aligned(&values);
    let parts = (0..values[0].parts.len()).map(|p| {
        let mut lanes = Vec::with_capacity((copies * count) as usize);
        for copy in 0..copies {
            for (value, (_, ty)) in values.iter().zip(operands) {
                let from = &value.parts[p].lanes;
                lanes.extend((0..ty.count).map(|i| graph.lane(from, copy * ty.count + i)));
            }
        }
        Part { width: values[0].parts[p].width, lanes: graph.lanes(lanes) }
    });
    Value { parts: parts.collect() }
}
