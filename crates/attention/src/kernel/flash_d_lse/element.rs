//! One element of o: `o + (v − o)·w` or `v − (v − o)·w`, where w = u·2^-(U+k) is the smaller side's weight.

use arith::FpAdd;
use arith::float::{Range, Raw, constant, policy_suffix, round_pack, unpack};
use hdl::{Kind, ModuleBuilder, OpKind, Operation, Signal, Type, value_width};
use numerics::{FixRound, Format, Policy};

/// What every element of a floating-point o is told.
#[derive(Clone, Copy)]
pub(super) struct Weight<'m> {
    /// Weight u·2^-(U+k) of the smaller side.
    pub u: Signal<'m>,
    pub k: Signal<'m>,
    /// The larger side is o, not v.
    pub keeps_o: Signal<'m>,
    /// The smaller side counts; 0 on a first key, a skipped one and one that is not met.
    pub moves: Signal<'m>,
}

/// One element of a floating-point o.
#[derive(Clone, Copy)]
pub(super) struct Float {
    pub format: Format,
    pub policy: Policy,
    pub u_bits: u32,
}

impl Float {
    /// The next o.
    pub fn next<'m>(&self, m: &'m ModuleBuilder, o: Signal<'m>, v: Signal<'m>, w: Weight<'m>) -> Signal<'m> {
        let add = FpAdd { format: self.format, policy: self.policy };
        let difference = add.call_sub(m, "sub", v, o).named("difference");
        let share = self.scaled(m, difference, w.u, w.k);
        let larger = w.keeps_o.mux(o, v).named("larger");
        // Nothing to add is -0, which leaves every number as it is.
        let width = share.width();
        let (subtracts, nothing) = ((!w.keeps_o).named("subtracts"), (!w.moves).named("nothing"));
        let sign = (share.msb() ^ subtracts) | nothing;
        let magnitude = w.moves.mux(share.low(width - 1), m.zero(Type::unsigned(width - 1)));
        let addend = m.concat(&[sign, magnitude]).named("addend");
        add.call(m, "add", larger, addend)
    }

    /// `d·u·2^-(U+k)` rounded once.
    fn scaled<'m>(&self, m: &'m ModuleBuilder, d: Signal<'m>, u: Signal<'m>, k: Signal<'m>) -> Signal<'m> {
        let name = format!(
            "lse_share_{}_u{}_k{}{}",
            self.format.name(),
            self.u_bits,
            k.width(),
            policy_suffix(&self.policy)
        );
        let kind = Kind { name: &name, doc: "y = round(d * u * 2^-(U+k))" };
        m.call("share", kind, &[("d", d), ("u", u), ("k", k)], |m, x| {
            let (u, k) = (x[1], x[2]);
            let d = unpack(self.format, x[0], "d");
            let exp = (d.exp.to_signed() - k.to_signed()).named("exp_shifted");
            let raw = if self.u_bits == 1 {
                Raw { sign: d.sign, exp: exp - constant(m, 1), sig: d.sig, zero: !d.nonzero | !u }
            } else {
                let product = (d.sig * u).named("product");
                let (sig, leading_zeros) = arith::float::normalize(product);
                let exp = exp - leading_zeros.to_signed();
                Raw { sign: d.sign, exp: exp.named("exp"), sig, zero: !(d.nonzero & u.reduce_or()) }
            };
            vec![("y", round_pack(self.format, &self.policy, raw, Range::NO_OVERFLOW))]
        })[0]
    }
}

/// One element of a fixed-point o of f+1 bits: it never leaves the range of the v it has met, so nothing saturates.
///
/// The shift by k is two rows of AND-OR, for the multiples of four and for what remains, with selects that are decoded
/// once for all elements; no select set is no share at all. The rounding is the carry into the one addition.
#[derive(Clone, Copy)]
pub(super) struct Fixed {
    pub frac_bits: u32,
    pub rounding: FixRound,
    pub u_bits: u32,
}

impl Fixed {
    /// The largest k that is decoded. Beyond it the share is 0 when rounded half-up; floor takes it as this one.
    fn most(&self) -> u32 {
        self.frac_bits + 1
    }

    /// k, or a number beyond [`most`](Self::most) that stands for all of them.
    pub fn clip<'m>(&self, m: &'m ModuleBuilder, k: Signal<'m>) -> Signal<'m> {
        let limit = u64::from(self.most()) + u64::from(self.rounding == FixRound::HalfUp);
        let width = value_width(limit);
        if k.width() < width {
            return k.extend(width);
        }
        k.gt(m.lit(limit, k.width())).mux(m.lit(limit, width), k.low(width)).named("places")
    }

    /// What the elements are told: a select per multiple of four and one per remainder of the clipped k, which side is
    /// the larger, and u if it is more than a bit.
    pub fn controls<'m>(
        &self,
        m: &'m ModuleBuilder,
        k: Signal<'m>,
        moves: Signal<'m>,
        keeps_o: Signal<'m>,
        u: Signal<'m>,
    ) -> Vec<(&'static str, Signal<'m>)> {
        let some = (moves & k.le(m.lit(u64::from(self.most()), k.width()))).named("shares");
        let select = |part: Signal<'m>, n: u32, on: Option<Signal<'m>>| {
            let each = (0..n).rev().map(|i| part.eq_const(u64::from(i)));
            let each: Vec<Signal<'m>> = each.map(|hit| on.map_or(hit, |on| hit & on)).collect();
            m.concat(&each)
        };
        let coarse = select(k.high(k.width() - 2), self.most() / 4 + 1, Some(some)).named("coarse_select");
        let mut controls = vec![
            ("coarse", coarse),
            ("fine", select(k.low(2), 4, None).named("fine_select")),
            ("keeps_o", keeps_o),
        ];
        if self.u_bits > 1 {
            controls.push(("u", u));
        }
        controls
    }

    /// The next o.
    pub fn next<'m>(
        &self,
        m: &'m ModuleBuilder,
        o: Signal<'m>,
        v: Signal<'m>,
        controls: &[Signal<'m>],
    ) -> Signal<'m> {
        let &[coarse, fine, keeps_o, ref u @ ..] = controls else { unreachable!("three controls or four") };
        let width = self.frac_bits + 1;
        let difference = (v.reinterpret(true) - o.reinterpret(true)).named("difference");
        let product = match u {
            [] => difference,
            [u, ..] => (difference * u.to_signed()).named("product"),
        };
        // Behind the second selection there are fewer bits than here, and between the two of them no fewer. Behind a long
        // product, netlists that go for area take twice as long for them as the delay model says.
        let selections = [selection(product, coarse), selection(product, fine)].concat();
        let selections = selections.repeat(if self.u_bits > 4 { 2 } else { 1 });
        let product = m.before(&selections, &[product])[0];
        let shifted = selected(m, product, coarse, 4).named("shifted_coarse");
        let shifted = selected(m, shifted, fine, 1).named("shifted");
        let subtracts = (!keeps_o).named("subtracts");
        // One place below the lowest: the guard bit of a half-up rounding, or what completes a subtraction.
        let share = match self.rounding {
            FixRound::HalfUp => shifted.shr_const(self.u_bits - 1),
            FixRound::Floor => shifted.shr_const(self.u_bits).shl_const(1),
        };
        let share = share.reinterpret(false).low(width + 1).named("share_halves");
        let addend = (share ^ subtracts.repeat(width + 1)).named("addend");
        let larger = keeps_o.mux(o, v).named("larger");
        let carry = if self.rounding == FixRound::HalfUp { m.lit(1, 1) } else { subtracts };
        let sum = (m.concat(&[larger, carry]) + addend).named("sum_halves");
        sum.slice(width, 1)
    }
}

/// `x` shifted right by `step` times the place of the select that is set; 0 without one.
fn selected<'m>(m: &'m ModuleBuilder, x: Signal<'m>, selects: Signal<'m>, step: u32) -> Signal<'m> {
    let (width, count) = (x.width(), selects.width());
    let x = m.before(&selection(x, selects), &[x])[0];
    let none = m.zero(Type::unsigned(width));
    let term = |i: u32| {
        let shifted = x.shr_const((step * i).min(width - 1)).extend(width).reinterpret(false);
        selects.bit(i).mux(shifted, none).named(&format!("by_{}", step * i))
    };
    any((0..count).map(term).collect()).reinterpret(true)
}

/// The operations of [`selected`], one after the other.
fn selection(x: Signal<'_>, selects: Signal<'_>) -> Vec<Operation> {
    let operation = |kind| Operation { kind, n: x.width(), m: 1 };
    let ors = selects.width().next_power_of_two().ilog2() as usize;
    [vec![operation(OpKind::MuxConst)], vec![operation(OpKind::Logic); ors]].concat()
}

/// The OR of all of them, in pairs.
fn any(mut terms: Vec<Signal<'_>>) -> Signal<'_> {
    while terms.len() > 1 {
        terms = terms
            .chunks(2)
            .map(|pair| pair.iter().copied().reduce(|a, b| a | b).expect("one or two"))
            .collect();
    }
    terms[0]
}
