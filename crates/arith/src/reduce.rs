//! Trees over the elements of a bundle: exact sums and maxima of unsigned integers.

use hdl::{Kind, ModuleBuilder, OpKind, Operation, Signal, each, index_width};

/// Most elements one adder node sums: the tree's levels are where pipeline registers may go.
const WIDEST_SUM: u32 = 64;
/// What a node takes of a period at most: the first ones, which share a cycle with what comes before; and others.
const FIRST_SUM: f64 = 0.35;
const OTHER_SUM: f64 = 0.67;
/// Elements this wide that come too late to be summed before they are registered are compressed: four of them to two.
const WORTH_COMPRESSING: u32 = 8;
/// The part of a period by which elements must be there to be compressed by fours in it.
const COMPRESSES_BY: f64 = 0.8;
/// What the sum of the words that come out may take of a period for these to be compressed to two in one cycle.
const MOST_COMPRESSED: f64 = 0.75;
/// What of a period is filled with sums: netlists that go for area take longer for them than the delay model says.
const FILLED: f64 = 0.8;
/// Most elements one node compares.
const WIDEST_MAX: u32 = 4;

/// The exact sum of all elements of `x`, by nodes of as many elements as fit the clock.
pub fn sum<'b>(b: &'b ModuleBuilder, instance: &str, x: Signal<'b>) -> Signal<'b> {
    let bits = x.width() + index_width(x.ty().count);
    let words = sum_words(b, instance, x, bits);
    if words.ty().is_scalar() { words } else { sum_nodes(b, &format!("{instance}_last"), words, 2) }
}

/// One number, or two, with the sum of all elements of `x` in the low `bits`, at least those of an element.
pub fn sum_words<'b>(b: &'b ModuleBuilder, instance: &str, x: Signal<'b>, bits: u32) -> Signal<'b> {
    let (mut x, mut level) = (x, 0);
    let next = |level: u32| format!("{instance}_l{level}");
    let radix = sum_radix(b, x.width(), FIRST_SUM);
    let ends = radix + 1 >= x.ty().count || b.has_time(sum_part(b, x.width(), radix), &[x]);
    if !ends && x.width() >= WORTH_COMPRESSING {
        let radix = sum_radix(b, x.width(), OTHER_SUM).min(x.ty().count);
        let after = FILLED - sum_part(b, x.width(), radix);
        x = compressed(b, &next(0), x, 4, bits, [COMPRESSES_BY, after]);
        level = 1;
        let part = sum_part(b, x.width(), x.ty().count);
        if part > OTHER_SUM && part <= MOST_COMPRESSED {
            return compressed(b, &next(1), x, x.ty().count, bits, [0.0, 0.0]);
        }
    }
    while x.ty().count > 2 {
        let part = if level == 0 { FIRST_SUM } else { OTHER_SUM };
        let radix = sum_radix(b, x.width(), part).min(x.ty().count);
        if level > 0 {
            x = b.by(FILLED - sum_part(b, x.width(), radix), &[x])[0];
        }
        // Two words are left for whoever can do something with them in the time that their sum takes.
        if radix == x.ty().count && level > 0 && x.width() >= WORTH_COMPRESSING {
            return compressed(b, &next(level), x, radix, bits, [1.0, 1.0]);
        }
        x = summed(b, &next(level), x, radix, level == 0);
        level += 1;
    }
    x
}

/// The sums of every `radix` elements, and of the rest; the `first` ones share a cycle with what comes before.
fn summed<'b>(b: &'b ModuleBuilder, instance: &str, x: Signal<'b>, radix: u32, first: bool) -> Signal<'b> {
    let (mut same, mut rest) = (x.ty().count / radix, x.ty().count % radix);
    // One left over joins the last node, where that does not share its cycle: a level of its own would cost more than that
    // node is slower.
    if rest == 1 && (same == 1 || !first) {
        (same, rest) = (same - 1, radix + 1);
    }
    let nodes = |name: String, start: u32, count: u32, radix: u32| {
        (count > 0).then(|| sum_nodes(b, &name, x.elements(start, count), radix))
    };
    let all = nodes(instance.into(), 0, same * radix, radix);
    let rest = nodes(format!("{instance}_rest"), same * radix, rest, rest);
    alike(b, &[all, rest].into_iter().flatten().collect::<Vec<_>>())
}

/// Words with the sum of all elements of `x`, of at most so many bits: two for every `radix` elements, without a carry on
/// its way, and those that are left over. They come and go by these parts of a period.
fn compressed<'b>(
    b: &'b ModuleBuilder,
    instance: &str,
    x: Signal<'b>,
    radix: u32,
    bits: u32,
    [before, after]: [f64; 2],
) -> Signal<'b> {
    let (groups, rest) = (x.ty().count / radix, x.ty().count % radix);
    let sign = if x.ty().signed { 's' } else { 'u' };
    let name = format!("compress{radix}_{sign}{}", x.width());
    let kind = Kind { name: &name, doc: "sum + 2 * carry = sum of all elements of x in as many bits" };
    let x = b.by(before, &[x])[0];
    let elements = x.elements(0, radix * groups);
    let mut words = b.call_array(instance, groups, kind, &[("x", each(elements))], |_, x| {
        let elements = (0..radix).map(|i| x[0].element(i)).collect();
        let (sum, carry) = carry_save_tree(elements, bits);
        vec![("sum", sum), ("carry", carry)]
    });
    words.extend((rest > 0).then(|| x.elements(radix * groups, rest)));
    let mut words = b.by(after, &words);
    let doubled = (0..groups).map(|i| words[1].element(i).shl_const(1));
    words[1] = b.bundle(&doubled.collect::<Vec<_>>());
    alike(b, &words)
}

/// The sum of three numbers or more as that of two, of which the second has twice the weight.
fn carry_save_tree(numbers: Vec<Signal<'_>>, bits: u32) -> (Signal<'_>, Signal<'_>) {
    if let [p, q, r] = numbers[..] {
        let (sum, carry) = carry_save(p, q, r);
        return (sum, carry.truncate(carry.width().min(bits - 1)));
    }
    let next = numbers.chunks(3).flat_map(|chunk| match *chunk {
        [p, q, r] => {
            let (sum, carry) = carry_save(p, q, r);
            let doubled = carry.shl_const(1).truncate(bits.min(carry.width() + 1));
            vec![sum, doubled.named("doubled")]
        }
        _ => chunk.to_vec(),
    });
    carry_save_tree(next.collect(), bits)
}

/// The sum of three numbers as that of two, of which the second has twice the weight.
fn carry_save<'b>(p: Signal<'b>, q: Signal<'b>, r: Signal<'b>) -> (Signal<'b>, Signal<'b>) {
    let width = p.width().max(q.width()).max(r.width());
    let signed = p.ty().signed;
    let [p, q, r] = [p, q, r].map(|x| x.extend(width).reinterpret(false));
    let differ = (p ^ q).named("differ");
    let (sum, carry) = (differ ^ r, (p & q) | (differ & r));
    (sum.reinterpret(signed).named("sum"), carry.reinterpret(signed).named("carry"))
}

/// Bundles of numbers as one, all as wide as the widest.
fn alike<'b>(b: &'b ModuleBuilder, parts: &[Signal<'b>]) -> Signal<'b> {
    let width = parts.iter().map(|part| part.width()).max().expect("there are numbers");
    let widened = parts.iter().map(|part| {
        let elements = (0..part.ty().count).map(|i| part.element(i).extend(width));
        if part.width() == width { *part } else { b.bundle(&elements.collect::<Vec<_>>()) }
    });
    b.bundle(&widened.collect::<Vec<_>>())
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
