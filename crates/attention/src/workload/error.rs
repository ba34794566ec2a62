//! What is wrong with a workload.

use std::fmt;

/// An unusable workload: which file, and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkloadError {
    place: String,
    problem: String,
}

impl WorkloadError {
    pub(super) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        WorkloadError { place: place.into(), problem: problem.into() }
    }
}

impl fmt::Display for WorkloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for WorkloadError {}
