//! What is counted at a cell, so that its energies and its leakage can be weighed by what really happened.

use crate::liberty::{Cell, CellKind, Expr, PinDirection};

/// One thing that is counted.
#[derive(Clone, PartialEq, Debug)]
pub struct Probe {
    /// What happens.
    pub event: Event,
    /// It counts only in these states; the variable [`pulse`] stands for a pulse on the cell's clock.
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

/// The variable of conditions that is 1 in cycles whose pulse reaches the cell's clock pin.
pub fn pulse(cell: &Cell) -> u32 {
    cell.state() + 1
}

/// Everything that is counted at an instance of the cell.
pub fn probes(cell: &Cell) -> Vec<Probe> {
    let clock = cell.clock();
    let mut all = vec![];
    let mut push = |event, when: &Expr, meaning| {
        let parts = states(cell, event, when).into_iter();
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

/// A condition in terms of what is simulated, in parts that each hold for a share of the cycle; impossible parts are
/// left out. The clock is low for one half of every cycle, and high for the other if there is a pulse.
fn states(cell: &Cell, event: Event, when: &Expr) -> Vec<(Expr, f64)> {
    let clock = cell.clock().map(|pin| pin as u32);
    let when = gated_outputs(cell, event, when);
    let internal = (0..cell.pins.len()).filter(|&i| cell.pins[i].direction == PinDirection::Other);
    let unseen = internal.map(|i| i as u32).find(|&i| when.mentions(i));
    let halves = match (clock.filter(|&pin| when.mentions(pin)), unseen) {
        (Some(pin), _) => {
            let high = |i| if i == pin { Expr::Var(pulse(cell)) } else { Expr::Var(i) };
            [when.with(pin, false), when.substitute(&high)]
        }
        (None, Some(pin)) => [when.with(pin, false), when.with(pin, true)],
        _ if when == Expr::Const(false) => return vec![],
        _ => return vec![(when, 1.0)],
    };
    halves
        .iter()
        .flat_map(|half| states(cell, event, half))
        .map(|(when, share)| (when, share / 2.0))
        .collect()
}

/// The condition with the output of a clock gate as what it is: the clock while enabled; and to an edge of the clock,
/// whether it passes.
fn gated_outputs(cell: &Cell, event: Event, when: &Expr) -> Expr {
    let CellKind::ClockGate { clock, enables } = &cell.kind else { return when.clone() };
    let enabled = enables.iter().fold(Expr::Const(false), |any, &pin| Expr::or(any, Expr::var(pin)));
    let on_edge = matches!(event, Event::Edge { pin, .. } if pin == *clock);
    let output = if on_edge { enabled } else { Expr::and(Expr::var(*clock), enabled) };
    let is_output =
        |i: u32| cell.pins.get(i as usize).is_some_and(|pin| pin.direction == PinDirection::Output);
    when.substitute(&|i| if is_output(i) { output.clone() } else { Expr::Var(i) })
}
