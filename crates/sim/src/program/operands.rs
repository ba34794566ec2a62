//! Operands as kernels take them: contiguous, in lanes of one size.

use super::net::*;
use super::plan::*;
use super::planner::Planner;

impl Planner {
    /// The lanes as a contiguous operand in lanes of the given size, computed in an earlier step.
    pub(super) fn operand(&mut self, lanes: &Lanes, long: bool) -> Operand {
        if let Some(constant) = self.constant(lanes, long) {
            return constant;
        }
        let lanes = self.converted(lanes, long);
        let len = self.graph.len(&lanes);
        let first = self.graph.lane(&lanes, 0);
        let contiguous = (0..len).all(|i| {
            let lane = self.graph.lane(&lanes, i);
            lane.net == first.net && lane.elem == first.elem + i
        });
        let (net, elem) =
            if contiguous { (first.net, first.elem) } else { (self.graph.gather(&lanes, long), 0) };
        self.visit(net);
        Operand::new(Place::Net(net), elem)
    }

    /// As [`Planner::operand`], but a bit field that is absorbed is taken from where it is cut out.
    pub(super) fn field(&mut self, lanes: &Lanes, long: bool) -> Operand {
        let Lanes::Whole(net) = *lanes else { return self.operand(lanes, long) };
        if !self.absorbs(net) {
            return self.operand(lanes, long);
        }
        let Net { op, args, form, .. } = self.graph.net(net).clone();
        let NetOp::Slice(lo) = op else { unreachable!("fields are absorbed") };
        let field = Some(Field { lo, width: form.width });
        Operand { field, ..self.operand(&args[0], long) }
    }

    pub(super) fn absorbs(&self, net: NetId) -> bool {
        self.absorbed.get(net as usize).copied().unwrap_or(false)
    }

    /// As [`Planner::operand`], but never state that is updated in place: that would have to be read by its successor
    /// before and after its own update.
    pub(super) fn settled(&mut self, lanes: &Lanes, long: bool) -> Operand {
        let operand = self.operand(lanes, long);
        let Place::Net(net) = operand.place else { return operand };
        if self.graph.net(net).op != NetOp::State || self.slides(net) {
            return operand;
        }
        let lanes = self.converted(lanes, long);
        let copy = self.graph.gather(&lanes, long);
        self.visit(copy);
        Operand::new(Place::Net(copy), 0)
    }

    /// Controls with one element for every so many elements that share them all.
    pub(super) fn controls<const N: usize>(&mut self, all: [&Lanes; N]) -> ([Operand; N], u32) {
        let len = self.graph.len(all[0]);
        let changes = |i: u32| all.iter().any(|l| self.graph.lane(l, i) != self.graph.lane(l, i - 1));
        let group = (1..len).filter(|&i| changes(i)).fold(len, gcd);
        let operands = all.map(|lanes| {
            let few = self.graph.pick(lanes, len / group, |i| i * group);
            self.settled(&few, false)
        });
        (operands, group)
    }

    /// The lanes with every net in lanes of the given size.
    pub(super) fn converted(&mut self, lanes: &Lanes, long: bool) -> Lanes {
        let mut convert = |net: NetId| {
            let Net { long: now, ref op, .. } = *self.graph.net(net);
            if now == long || matches!(op, NetOp::Const(_)) { net } else { self.graph.convert(net, long) }
        };
        match lanes {
            Lanes::Whole(net) => Lanes::Whole(convert(*net)),
            Lanes::Map(map) => {
                let map = map.iter().map(|l| Lane { net: convert(l.net), ..*l }).collect();
                self.graph.lanes(map)
            }
        }
    }

    pub(super) fn constant(&mut self, lanes: &Lanes, long: bool) -> Option<Operand> {
        let len = self.graph.len(lanes);
        let value = |l: Lane| match self.graph.net(l.net).op {
            NetOp::Const(value) => Some(value),
            _ => None,
        };
        let first = value(self.graph.lane(lanes, 0))?;
        let values: Option<Vec<u64>> = (0..len).map(|i| value(self.graph.lane(lanes, i))).collect();
        let values = values?;
        let splat = values.iter().all(|&v| v == first);
        let fresh = self.constants.len() as u32;
        let at = if splat {
            *self.splats.entry((first, long)).or_insert(fresh)
        } else {
            *self.vectors.entry((values.clone(), long)).or_insert(fresh)
        };
        if at == fresh {
            let values = if splat { vec![first] } else { values };
            self.constants.push(Constant { values, len, long });
        }
        let known = &mut self.constants[at as usize];
        known.len = known.len.max(len);
        Some(Operand::new(Place::Constant(at), 0))
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
