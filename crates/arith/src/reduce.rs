//! Trees over the elements of a bundle: exact sums and maxima of unsigned integers.

use hdl::{Kind, ModuleBuilder, OpKind, Operation, Signal, each};

/// Most elements one adder node sums: the tree's levels are where pipeline registers may go.
const WIDEST_SUM: u32 = 64;

/// The exact sum of all elements of `x`, by nodes of as many elements as fit the clock.
pub fn sum<'b>(b: &'b ModuleBuilder, instance: &str, x: Signal<'b>) -> Signal<'b> {
    let mut x = x;
    let mut level = 0;
    while !x.ty().is_scalar() {
        let fits = sum_radix(b, x.width());
        // One left over joins the last node: a level of its own would cost more than that node is slower.
        let radix = if x.ty().count <= fits + 1 { x.ty().count } else { fits };
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

/// The largest power of two of elements whose sum takes no more than half the period.
fn sum_radix(b: &ModuleBuilder, width: u32) -> u32 {
    let Some(timing) = b.timing() else { return WIDEST_SUM };
    let fits = |n: u32| {
        timing.model.delay(Operation { kind: OpKind::Sum, n: width + n.ilog2(), m: n })
            <= timing.period_ps / 2.0
    };
    (1..=WIDEST_SUM.ilog2()).rev().map(|k| 1 << k).find(|&n| fits(n)).unwrap_or(2)
}

/// The largest element of an unsigned bundle.
pub fn max<'b>(b: &'b ModuleBuilder, instance: &str, x: Signal<'b>) -> Signal<'b> {
    let mut x = x;
    let mut level = 0;
    while !x.ty().is_scalar() {
        let half = x.ty().count / 2;
        let (low, high) = (x.elements(0, half), x.elements(half, half));
        let name = format!("max2_u{}", x.width());
        let kind = Kind { name: &name, doc: "y = max(a, b)" };
        let inputs = [("a", each(low)), ("b", each(high))];
        let larger = b.call_array(&format!("{instance}_l{level}"), half, kind, &inputs, |_, x| {
            vec![("y", x[0].lt(x[1]).mux(x[1], x[0]))]
        })[0];
        let odd = x.ty().count % 2 == 1;
        x = if odd { b.bundle(&[larger, x.element(2 * half)]) } else { larger };
        level += 1;
    }
    x
}
