//! What is counted at a cell, so that its energies and its leakage can be weighed by what really happened.

use crate::liberty::{Cell, CellKind, Expr, PinDirection};

/// One thing that is counted.
#[derive(Clone, PartialEq, Debug)]
pub struct Probe {
    /// What happens.
    pub event: Event,
    /// It counts only in these states.
    pub when: Expr,
    /// Share of each occurrence: a half where `when` holds in one of the two halves of a clock cycle.
    pub weight: f64,
    /// What the count is for.
    pub meaning: Meaning,
}

/// Something that may happen in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The cycle passes.
    Cycle,
    /// The pin changed to the value `rise`, while the pin `cause`, if any, changed too. A pin on the clock changes to 1
    /// and to 0 with every pulse that reaches it.
    Edge {
        /// The pin that changed.
        pin: usize,
        /// To 1.
        rise: bool,
        /// The pin that may have caused it.
        cause: Option<usize>,
    },
}

/// What a count stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// Cycles in the state of this entry of [`Cell::leakage`].
    Leakage(usize),
    /// Transitions that take the energy `group` of `pin`.
    Energy {
        /// The pin.
        pin: usize,
        /// Index into its energies.
        group: usize,
        /// Rising or falling.
        rise: bool,
    },
    /// All transitions of an output whose energy depends on more.
    Transitions {
        /// The pin.
        pin: usize,
        /// Rising or falling.
        rise: bool,
    },
}

/// Everything that is counted at an instance of the cell.
pub fn probes(cell: &Cell) -> Vec<Probe> {
    let clock = match &cell.kind {
        CellKind::FlipFlop(ff) => Some(ff.clock),
        CellKind::ClockGate { clock, .. } => Some(*clock),
        _ => None,
    };
    let hidden: Vec<u32> = (0..cell.pins.len())
        .filter(|&i| Some(i) == clock || cell.pins[i].direction == PinDirection::Other)
        .map(|i| i as u32)
        .collect();
    let mut all = vec![];
    let mut push = |event, when: &Expr, meaning| {
        let parts = split(when, &hidden).into_iter();
        all.extend(parts.map(|(when, weight)| Probe { event, when, weight, meaning }));
    };
    for (i, entry) in cell.leakage.iter().enumerate() {
        push(Event::Cycle, &entry.when, Meaning::Leakage(i));
    }
    for (pin, described) in cell.pins.iter().enumerate() {
        let output = described.direction == PinDirection::Output;
        for (group, energy) in described.energies.iter().enumerate() {
            let when = energy.when.clone().unwrap_or(Expr::Const(true));
            // The clock moves in every cycle: as a cause it says nothing.
            let cause = energy.related.filter(|r| output && Some(*r) != clock);
            for rise in [true, false] {
                push(Event::Edge { pin, rise, cause }, &when, Meaning::Energy { pin, group, rise });
            }
        }
        if output && described.energies.len() > 1 {
            for rise in [true, false] {
                let event = Event::Edge { pin, rise, cause: None };
                push(event, &Expr::Const(true), Meaning::Transitions { pin, rise });
            }
        }
    }
    all
}

/// The condition with every hidden variable at 0 and at 1 in equal shares; impossible parts are left out.
fn split(when: &Expr, hidden: &[u32]) -> Vec<(Expr, f64)> {
    let Some(&variable) = hidden.iter().find(|&&v| when.mentions(v)) else {
        return if *when == Expr::Const(false) { vec![] } else { vec![(when.clone(), 1.0)] };
    };
    let half = |value| split(&when.with(variable, value), hidden).into_iter().map(|(e, w)| (e, w / 2.0));
    half(false).chain(half(true)).collect()
}
