//! What can go wrong.

use std::fmt::{self, Display};
use std::path::Path;

/// Why a flow did not get to its end: what failed, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlowError(String);

impl FlowError {
    /// An error with its text.
    pub(crate) fn new(what: impl Into<String>) -> FlowError {
        FlowError(what.into())
    }

    /// What the system said about a file.
    pub(crate) fn io(path: &Path) -> impl Fn(std::io::Error) -> FlowError {
        move |error| FlowError(format!("{}: {error}", path.display()))
    }
}

impl Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FlowError {}
