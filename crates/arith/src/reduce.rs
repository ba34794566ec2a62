//! Trees over the elements of a bundle: exact sums and maxima of unsigned integers.

use hdl::{Kind, ModuleBuilder, OpKind, Operation, Signal, each};

/// Most elements one adder node sums: the tree's levels are where pipeline registers may go.
const WIDEST_SUM: u32 = 64;
/// What a node takes of a period at most: the first ones, which share a cycle with what comes before; and others.
const FIRST_SUM: f64 = 0.35;
const OTHER_SUM: f64 = 0.67;
/// What of a period is filled with sums: netlists that go for area take longer for them than the delay model says.
const FILLED: f64 = 0.8;
/// Most elements one node compares.
const WIDEST_MAX: u32 = 4;

/// The exact sum of all elements of `x`, by nodes of as many elements as fit the clock.
pub fn sum<'b>(b: &'b ModuleBuilder, instance: &str, x: Signal<'b>) -> Signal<'b> {
    let mut x = x;
    let mut level = 0;
    while !x.ty().is_scalar() {
        let part = if level == 0 { FIRST_SUM } else { OTHER_SUM };
        let fits = sum_radix(b, x.width(), part);
        // One left over joins the last node: a level of its own would cost more than that node is slower.
        let radix = if x.ty().count <= fits + 1 { x.ty().count } else { fits };
        if level > 0 {
            x = b.by(FILLED - sum_part(b, x.width(), radix), &[x])[0];
        }
        let groups = x.ty().count / radix;
        let rest = x.ty().count % radix;
        let mut parts =
            vec![sum_nodes(b, &format!("{instance}_l{level}"), x.elements(0, groups * radix), radix)];
        if rest > 0 {
            let rest = x.elements(groups * radix, rest);
            let rest = sum_nodes(b, &format!("{instance}_l{level}_rest"), rest, rest.ty().count);
            parts.push(rest.extend(parts[0].width()));
        }
        x = b.bundle(&parts);
        level += 1;
    }
    x
}

fn sum_nodes<'b>(b: &'b ModuleBuilder, instance: &str, x: Signal<'b>, radix: u32) -> Signal<'b> {
    if radix == 1 {
        return x;
    }
    let sign = if x.ty().signed { 's' } else { 'u' };
    let name = format!("sum{radix}_{sign}{}", x.width());
    let kind = Kind { name: &name, doc: "y = sum of all elements of x, exact" };
    let count = x.ty().count / radix;
    b.call_array(instance, count, kind, &[("x", each(x))], |_, x| vec![("y", x[0].sum())])[0]
}

/// The largest power of two of elements whose sum takes no more than this part of the period.
fn sum_radix(b: &ModuleBuilder, width: u32, part: f64) -> u32 {
    let fits = |n: u32| sum_part(b, width, n) <= part;
    (1..=WIDEST_SUM.ilog2()).rev().map(|k| 1 << k).find(|&n| fits(n)).unwrap_or(2)
}

/// The part of the period that the sum of `n` elements takes.
fn sum_part(b: &ModuleBuilder, width: u32, n: u32) -> f64 {
    let Some(timing) = b.timing() else { return 0.0 };
    timing.model.delay(Operation { kind: OpKind::Sum, n: width + n.ilog2(), m: n }) / timing.period_ps
}

/// The largest element of an unsigned bundle, by nodes of four: each compares all its pairs at once.
pub fn max<'b>(b: &'b ModuleBuilder, instance: &str, x: Signal<'b>) -> Signal<'b> {
    let mut x = x;
    let mut level = 0;
    while !x.ty().is_scalar() {
        let count = x.ty().count;
        let radix = count.min(WIDEST_MAX);
        let (groups, rest) = (count / radix, count % radix);
        let mut parts =
            vec![max_nodes(b, &format!("{instance}_l{level}"), x.elements(0, groups * radix), radix)];
        if rest > 0 {
            let rest = x.elements(groups * radix, rest);
            parts.push(max_nodes(b, &format!("{instance}_l{level}_rest"), rest, rest.ty().count));
        }
        x = b.bundle(&parts);
        level += 1;
    }
    x
}

fn max_nodes<'b>(b: &'b ModuleBuilder, instance: &str, x: Signal<'b>, radix: u32) -> Signal<'b> {
    if radix == 1 {
        return x;
    }
    let name = format!("max{radix}_u{}", x.width());
    let kind = Kind { name: &name, doc: "y = max of all elements of x" };
    let count = x.ty().count / radix;
    b.call_array(instance, count, kind, &[("x", each(x))], |_, x| vec![("y", largest(x[0]))])[0]
}

/// Of equal elements the first is taken.
fn largest(x: Signal<'_>) -> Signal<'_> {
    let elements: Vec<_> = (0..x.ty().count).map(|i| x.element(i)).collect();
    let before =
        |i: usize, j: usize| if i < j { !elements[i].lt(elements[j]) } else { elements[j].lt(elements[i]) };
    let (first, others) = elements.split_first().expect("a node has elements");
    if let [other] = others {
        return first.lt(*other).mux(*other, *first);
    }
    let taken = |i: usize| {
        let beats = (0..elements.len()).filter(|&j| j != i).map(|j| before(i, j));
        let wins = beats.reduce(|a, b| a & b).expect("there are others");
        wins.repeat(x.width()) & elements[i]
    };
    (0..elements.len()).map(taken).reduce(|a, b| a | b).expect("a node has elements")
}
