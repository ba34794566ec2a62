//! Errors of elaboration and validation.

use std::fmt;

/// What went wrong while a design was built or checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    kind: Kind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// An operation does not fit the clock period.
    Operation { module: String, what: String, needs_ps: u32, period_ps: u32 },
    /// A recurrence does not fit the interleave.
    Loop { module: String, name: String, cycles: u32, interleave: u32, over_ps: u32, fits_ps: u32 },
    /// The graph is not a circuit.
    Graph { module: String, what: String },
}

impl Error {
    pub(crate) fn new(kind: Kind) -> Self {
        Error { kind }
    }

    pub(crate) fn graph(module: &str, what: impl Into<String>) -> Self {
        Error { kind: Kind::Graph { module: module.into(), what: what.into() } }
    }

    /// The recurrence that does not fit the interleave and the cycles it needs, if that is the error.
    pub fn needs_interleave(&self) -> Option<u32> {
        match &self.kind {
            Kind::Loop { cycles, .. } => Some(*cycles),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Operation { module, what, needs_ps, period_ps } => write!(
                f,
                "{module}: {what} takes {needs_ps} ps with register overhead, more than the clock period of \
                 {period_ps} ps; a clock of {} MHz or slower fits",
                1_000_000 / needs_ps.max(&1)
            ),
            Kind::Loop { module, name, cycles, interleave, over_ps, fits_ps } => write!(
                f,
                "{module}: the recurrence of `{name}` needs {cycles} cycles but the interleave is {interleave}: it is \
                 {over_ps} ps too long; interleave = {cycles} fits, or a clock of {} MHz or slower",
                1_000_000 / fits_ps.max(&1)
            ),
            Kind::Graph { module, what } => write!(f, "{module}: {what}"),
        }
    }
}

impl std::error::Error for Error {}
