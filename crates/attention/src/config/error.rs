//! What is wrong with a configuration.

use std::fmt;

/// An illegal configuration: where (file and line, or the `--set` override), which key and value, what is legal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    place: String,
    problem: String,
}

impl ConfigError {
    /// `place` is `file`, `file:line` or `--set key=value`.
    pub(super) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        ConfigError { place: place.into(), problem: problem.into() }
    }

    pub(super) fn unreadable(place: &str, error: &std::io::Error) -> Self {
        ConfigError::new(place, format!("cannot read the configuration: {error}"))
    }

    /// The file and line, or the override, that is wrong.
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// `; did you mean "…"?` when one of the legal words is close to what was written, else nothing.
pub(crate) fn suggestion<'a>(word: &str, legal: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Half the letters wrong is no typing error any more..
    let near = |l: &&str| strsim::damerau_levenshtein(word, l) <= (word.chars().count() / 2).min(3);
    let distance = |l: &&str| strsim::damerau_levenshtein(word, l);
    let close = legal.into_iter().filter(near).min_by_key(distance)?;
    Some(format!("; did you mean \"{close}\"?"))
}
