//! State recurrences: slot-addressed state whose next value must be ready before the slot comes round again.

use crate::builder::{ModuleBuilder, address};
use crate::error::{Error, Kind};
use crate::module::{FileWrite, Loop, NodeId};
use crate::signal::Signal;
use crate::timing::OpKind;
use crate::ty::Type;

/// What the body of a recurrence returns.
pub struct Update<'b, R> {
    /// The slot's next state.
    pub next: Signal<'b>,
    /// Whether the slot is written at all; 0 holds its state.
    pub enable: Signal<'b>,
    /// Whatever else the caller wants out of the loop.
    pub out: R,
}

/// A state variable with one entry per slot.
#[derive(Clone, Copy, Debug)]
pub struct StateVar<'a> {
    /// Its name.
    pub name: &'a str,
    /// Slots that share the datapath in turn; a slot returns no sooner than after this many cycles.
    pub interleave: u32,
    /// Type of one slot's state.
    pub ty: Type,
}

impl ModuleBuilder {
    /// A recurrence: `body` gets the slot's state and the inputs, all in one cycle, and returns the next state.
    ///
    /// The state is read as late as the inputs allow. If the body takes more cycles than the interleave, it is tried
    /// once more with registered inputs; if that does not fit either, the elaboration fails and says by how much.
    pub fn feedback<'b, R>(
        &'b self,
        var: StateVar<'_>,
        slot: Signal<'b>,
        inputs: &[Signal<'b>],
        body: impl Fn(Signal<'b>, &[Signal<'b>]) -> Update<'b, R>,
    ) -> R {
        assert_eq!(slot.ty(), address(var.interleave), "slot number of `{}`", var.name);
        let before = self.state.borrow().clone();
        let (first, out) = self.attempt(var, slot, inputs, 0, &body);
        if first.cycles <= var.interleave {
            self.add_loop(first);
            return out;
        }
        self.state.replace(before);
        let (second, out) = self.attempt(var, slot, inputs, 1, &body);
        if second.cycles > var.interleave {
            self.report_loop(var, &second);
        }
        self.add_loop(second);
        out
    }

    fn attempt<'b, R>(
        &'b self,
        var: StateVar<'_>,
        slot: Signal<'b>,
        inputs: &[Signal<'b>],
        defer: u32,
        body: &impl Fn(Signal<'b>, &[Signal<'b>]) -> Update<'b, R>,
    ) -> (Loop, R) {
        let ids: Vec<NodeId> = inputs.iter().chain([&slot]).map(|s| s.id()).collect();
        let start = self.latest_cycle(&ids) + if self.is_automatic() { defer } else { 0 };
        let inputs: Vec<Signal<'b>> =
            inputs.iter().map(|s| self.signal(self.at_cycle(s.id(), start))).collect();
        let slot_start = self.signal(self.at_cycle(slot.id(), start));
        let file = self.file(var.name, var.interleave, var.ty);
        let state = file.read(slot_start).named(&format!("{}_old", var.name));
        let update = body(state, &inputs);
        assert_eq!(update.next.ty(), var.ty, "next state of `{}`", var.name);
        let write_delay = self.timing().map_or(0.0, |t| t.model.delay(OpKind::Mux, var.ty.bits(), 1));
        let ends = [update.next.id(), update.enable.id(), slot_start.id()];
        let (end, arrival) = self.meet(&ends, write_delay, || format!("writing `{}`", var.name));
        let [data, enable, addr] = ends.map(|id| self.at_cycle(id, end));
        file.set_write(FileWrite { addr, data, enable });
        let name = var.name.into();
        (
            Loop {
                name,
                cycles: end - start + 1,
                delay_ps: self.loop_delay(end - start, arrival + write_delay),
            },
            update.out,
        )
    }

    fn loop_delay(&self, cycles: u32, arrival: f64) -> u32 {
        let Some(timing) = self.timing() else { return 0 };
        (f64::from(cycles) * timing.period_ps + arrival + timing.model.setup).ceil() as u32
    }

    fn report_loop(&self, var: StateVar<'_>, l: &Loop) {
        let period = self.timing().map_or(0.0, |t| t.period_ps);
        let over = f64::from(l.delay_ps) - f64::from(var.interleave) * period;
        self.library.report(Error::new(Kind::Loop {
            module: self.name(),
            name: var.name.into(),
            cycles: l.cycles,
            interleave: var.interleave,
            over_ps: over.max(0.0).ceil() as u32,
            fits_ps: l.delay_ps.div_ceil(var.interleave),
        }));
    }
}
