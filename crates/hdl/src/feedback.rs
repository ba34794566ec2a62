//! State recurrences: slot-addressed state whose next value must be ready before the slot comes round again.

use crate::builder::{File, ModuleBuilder, address};
use crate::error::{Error, Kind};
use crate::module::{FileWrite, Loop, NodeId};
use crate::signal::Signal;
use crate::ty::Type;

/// What the body of a recurrence returns.
pub struct Update<'b, R> {
    /// What is written to the slot, variable by variable.
    pub writes: Vec<Write<'b>>,
    /// Whatever else the caller wants out of the loop.
    pub out: R,
}

/// What happens to one variable of the slot.
#[derive(Clone, Copy)]
pub struct Write<'b> {
    /// Its next value.
    pub next: Signal<'b>,
    /// Whether it is written at all; 0 holds it.
    pub enable: Signal<'b>,
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
    /// A recurrence over some variables of one interleave: `body` gets the slot's state and the inputs, all in one
    /// cycle, and returns the next state.
    ///
    /// The state is read as late as the inputs allow. If the body takes more cycles than the interleave, it is tried
    /// once more with registered inputs; if that does not fit either, the elaboration fails and says by how much.
    pub fn feedback<'b, R>(
        &'b self,
        vars: &[StateVar<'_>],
        slot: Signal<'b>,
        inputs: &[Signal<'b>],
        body: impl Fn(&[Signal<'b>], &[Signal<'b>]) -> Update<'b, R>,
    ) -> R {
        let slots = vars[0].interleave;
        assert_eq!(slot.ty(), address(slots), "slot number of `{}`", vars[0].name);
        let before = self.state.borrow().clone();
        let (first, out) = self.attempt(vars, slot, inputs, 0, &body);
        if first.cycles <= slots {
            self.add_loop(first);
            return out;
        }
        self.state.replace(before);
        let (second, out) = self.attempt(vars, slot, inputs, 1, &body);
        if second.cycles > slots {
            self.report_loop(slots, &second);
        }
        self.add_loop(second);
        out
    }

    fn attempt<'b, R>(
        &'b self,
        vars: &[StateVar<'_>],
        slot: Signal<'b>,
        inputs: &[Signal<'b>],
        defer: u32,
        body: &impl Fn(&[Signal<'b>], &[Signal<'b>]) -> Update<'b, R>,
    ) -> (Loop, R) {
        let ids: Vec<NodeId> = inputs.iter().chain([&slot]).map(|s| s.id()).collect();
        let start = self.latest_cycle(&ids) + if self.is_automatic() { defer } else { 0 };
        let inputs: Vec<Signal<'b>> =
            inputs.iter().map(|s| self.signal(self.at_cycle(s.id(), start))).collect();
        let slot = self.signal(self.at_cycle(slot.id(), start));
        let files: Vec<File<'b>> =
            vars.iter().map(|var| self.file(var.name, var.interleave, var.ty)).collect();
        let old = files.iter().zip(vars).map(|(f, var)| f.read(slot).named(&format!("{}_old", var.name)));
        let update = body(&old.collect::<Vec<_>>(), &inputs);
        assert_eq!(update.writes.len(), vars.len(), "a write for each variable");
        let mut longest = Loop { name: vars[0].name.into(), cycles: 0, delay_ps: 0 };
        for ((var, file), write) in vars.iter().zip(&files).zip(&update.writes) {
            let (end, delay_ps) = self.write_state(*var, file, slot, *write, start);
            if (end - start + 1, delay_ps) > (longest.cycles, longest.delay_ps) {
                longest = Loop { name: var.name.into(), cycles: end - start + 1, delay_ps };
            }
        }
        (longest, update.out)
    }

    /// Connects a variable's write port in the first cycle that has everything; that cycle, and the loop's delay.
    fn write_state(
        &self,
        var: StateVar<'_>,
        file: &File<'_>,
        slot: Signal<'_>,
        write: Write<'_>,
        start: u32,
    ) -> (u32, u32) {
        assert_eq!(write.next.ty(), var.ty, "next state of `{}`", var.name);
        let delay = self.timing().map_or(0.0, |t| t.model.load(var.ty.bits()));
        let ends = [write.next.id(), write.enable.id(), slot.id()];
        let (end, arrival) = self.meet(&ends, delay, || format!("writing `{}`", var.name));
        let [data, enable, addr] = ends.map(|id| self.at_cycle(id, end));
        file.set_write(FileWrite { addr, data, enable });
        (end, self.loop_delay(end - start, arrival + delay))
    }

    fn loop_delay(&self, cycles: u32, arrival: f64) -> u32 {
        let Some(timing) = self.timing() else { return 0 };
        (f64::from(cycles) * timing.period_ps + arrival + timing.model.setup).ceil() as u32
    }

    fn report_loop(&self, slots: u32, l: &Loop) {
        let period = self.timing().map_or(0.0, |t| t.period_ps);
        let over = f64::from(l.delay_ps) - f64::from(slots) * period;
        self.library.report(Error::new(Kind::Loop {
            module: self.name(),
            name: l.name.to_string(),
            cycles: l.cycles,
            interleave: slots,
            over_ps: over.max(0.0).ceil() as u32,
            fits_ps: l.delay_ps.div_ceil(slots),
        }));
    }
}
