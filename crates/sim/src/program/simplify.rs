//! Cheaper nets for the same values: identities, and bit selections seen through what they select from.

use super::fold::pattern;
use super::net::{Form, Graph, Lanes, NetOp};

impl Graph {
    /// The result of an operation without computing it, or by a simpler one.
    pub fn simplify(&mut self, op: &NetOp, args: &[Lanes], form: Form) -> Option<Lanes> {
        let constant = |i: usize| args.get(i).and_then(|a| self.constant(a));
        match op {
            NetOp::Slice(lo) => self.simplify_slice(&args[0], *lo, form),
            NetOp::Add | NetOp::Or | NetOp::Xor if constant(0) == Some(0) => Some(args[1].clone()),
            NetOp::Add | NetOp::Or | NetOp::Xor | NetOp::Sub | NetOp::Shl | NetOp::Shr
                if constant(1) == Some(0) && fits(self.form(&args[0]), form) =>
            {
                Some(args[0].clone())
            }
            NetOp::And | NetOp::Mul if constant(0) == Some(0) => Some(args[0].clone()),
            NetOp::And | NetOp::Mul if constant(1) == Some(0) => Some(args[1].clone()),
            NetOp::And => self.simplify_and(args),
            NetOp::Mul => self.simplify_mul(args, form),
            NetOp::Mux => self.simplify_mux(args),
            NetOp::Join(shift) if constant(1) == Some(0) => {
                Some(self.op(NetOp::ShlConst(*shift), vec![args[0].clone()], form))
            }
            NetOp::Join(_) if constant(0) == Some(0) => Some(args[1].clone()),
            NetOp::ShlConst(0) => Some(args[0].clone()),
            NetOp::Ne if constant(1) == Some(0) && self.form(&args[0]) == Form::BIT => Some(args[0].clone()),
            NetOp::Eq if constant(1) == Some(1) && self.form(&args[0]) == Form::BIT => Some(args[0].clone()),
            _ => None,
        }
    }

    fn simplify_and(&self, args: &[Lanes]) -> Option<Lanes> {
        (0..2).find_map(|i| {
            let form = self.form(&args[i]);
            let mask = self.constant(&args[1 - i])?;
            let all = if form.signed { u64::MAX } else { pattern(u64::MAX, form.width) };
            (mask == all || args[0] == args[1]).then(|| args[i].clone())
        })
    }

    fn simplify_mul(&mut self, args: &[Lanes], form: Form) -> Option<Lanes> {
        (0..2).find_map(|i| {
            let factor = self.constant(&args[1 - i]).filter(|f| f.is_power_of_two() && *f < 1 << 63)?;
            let shift = NetOp::ShlConst(factor.trailing_zeros());
            Some(self.op(shift, vec![args[i].clone()], form))
        })
    }

    fn simplify_mux(&mut self, args: &[Lanes]) -> Option<Lanes> {
        let [select, t, f] = args else { unreachable!("a mux has three operands") };
        if t == f || self.constant(select) == Some(0) {
            return Some(f.clone());
        }
        match (self.constant(select), self.constant(t), self.constant(f)) {
            (Some(_), ..) => Some(t.clone()),
            (_, Some(1), Some(0)) => Some(select.clone()),
            (_, Some(0), Some(1)) => {
                let one = self.splat(1, false, self.len(select));
                Some(self.op(NetOp::Xor, vec![select.clone(), one], Form::BIT))
            }
            _ => None,
        }
    }

    fn simplify_slice(&mut self, x: &Lanes, lo: u32, form: Form) -> Option<Lanes> {
        let from = self.form(x);
        if lo == 0 && fits(from, form) {
            return Some(x.clone());
        }
        if !from.signed && lo >= from.width {
            return Some(self.splat(0, false, self.len(x)));
        }
        // Above the operand's highest bit there are zeros: nothing is left to mask or to sign-extend.
        if !from.signed && lo + form.width > from.width {
            let rest = Form::unsigned(from.width - lo);
            return Some(self.op(NetOp::Slice(lo), vec![x.clone()], rest));
        }
        let net = self.source(x)?;
        match self.net(net).op {
            NetOp::Slice(inner) if lo + form.width <= self.net(net).form.width => {
                let x = self.through(x, net, 0);
                Some(self.op(NetOp::Slice(lo + inner), vec![x], form))
            }
            NetOp::Join(shift) | NetOp::ShlConst(shift) if lo >= shift => {
                let x = self.through(x, net, 0);
                Some(self.op(NetOp::Slice(lo - shift), vec![x], form))
            }
            NetOp::Join(shift) if lo + form.width <= shift => {
                let x = self.through(x, net, 1);
                Some(self.op(NetOp::Slice(lo), vec![x], form))
            }
            NetOp::ShlConst(shift) if lo + form.width <= shift => Some(self.splat(0, false, self.len(x))),
            NetOp::Join(shift) | NetOp::ShlConst(shift) if lo == 0 && form.signed => {
                let high = self.through(x, net, 0);
                let top = Form { width: form.width - shift, signed: true };
                let high = self.op(NetOp::Slice(0), vec![high], top);
                let joined = matches!(self.net(net).op, NetOp::Join(_));
                let mut args = vec![high];
                args.extend(joined.then(|| self.through(x, net, 1)));
                let op = if joined { NetOp::Join(shift) } else { NetOp::ShlConst(shift) };
                Some(self.op(op, args, form))
            }
            _ => None,
        }
    }
}

/// Every value of `from` is a value of `to`.
fn fits(from: Form, to: Form) -> bool {
    match (from.signed, to.signed) {
        (false, false) | (true, true) => from.width <= to.width,
        (false, true) => from.width < to.width,
        (true, false) => false,
    }
}
