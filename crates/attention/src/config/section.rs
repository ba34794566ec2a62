//! Reading one section, key by key: type, legal range and default of a key are given where it is read, and what is
//! left over at the end is unknown.

use super::error::{ConfigError, suggestion};
use super::source::Source;
use numerics::{Format, Number, catalog};
use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;
use toml::{Table, Value};

/// A section being read. Keys are taken out as they are read.
pub(crate) struct Section<'s> {
    source: &'s Source,
    path: Vec<&'static str>,
    rest: Table,
    known: Vec<&'static str>,
}

impl<'s> Section<'s> {
    /// The whole file.
    pub(super) fn top(source: &'s Source) -> Self {
        Section { source, path: vec![], rest: source.table().clone(), known: vec![] }
    }

    /// A section of this one; empty when it is missing.
    pub(crate) fn section(&mut self, key: &'static str) -> Result<Section<'s>, ConfigError> {
        let rest = match self.take(key) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(_) => return Err(self.error(key, format!("must be a section, [{key}]"))),
        };
        let path = [self.path.as_slice(), &[key]].concat();
        Ok(Section { source: self.source, path, rest, known: vec![] })
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.rest.remove(key)
    }

    /// An error about a key of this section.
    pub(crate) fn error(&self, key: &str, problem: impl Display) -> ConfigError {
        let path = [self.path.as_slice(), &[key]].concat();
        self.source.error(&path, None, problem)
    }

    /// A required key is missing, or misspelt.
    fn missing(&self, key: &'static str, legal: &str) -> ConfigError {
        let misspelt = self.rest.keys().find_map(|k| Some((k, suggestion(k, [key])?)));
        match misspelt {
            Some((written, hint)) => self.error(written, format!("unknown key{hint}")),
            None => self.error(key, format!("is missing; {legal}")),
        }
    }

    /// A string; required when there is no default.
    pub(crate) fn string(&mut self, key: &'static str, default: Option<&str>) -> Result<String, ConfigError> {
        match (self.take(key), default) {
            (Some(Value::String(s)), _) => Ok(s),
            (Some(_), _) => Err(self.error(key, "must be a string")),
            (None, Some(default)) => Ok(default.into()),
            (None, None) => Err(self.missing(key, "must be a string")),
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, key: &'static str, default: bool) -> Result<bool, ConfigError> {
        match self.take(key) {
            None => Ok(default),
            Some(Value::Boolean(b)) => Ok(b),
            Some(_) => Err(self.error(key, "must be true or false")),
        }
    }

    /// An integer in a range; required when there is no default.
    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        default: Option<i64>,
    ) -> Result<i64, ConfigError> {
        let legal = format!("must be an integer from {} to {}", range.start(), range.end());
        match (self.take(key), default) {
            (Some(Value::Integer(n)), _) if range.contains(&n) => Ok(n),
            (Some(_), _) => Err(self.error(key, legal)),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(self.missing(key, &legal)),
        }
    }

    /// An integer in a range, or `word`, which is the default, for `None`.
    pub(crate) fn integer_or(
        &mut self,
        key: &'static str,
        word: &str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<i64>, ConfigError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(s)) if s == word => Ok(None),
            Some(Value::Integer(n)) if range.contains(&n) => Ok(Some(n)),
            Some(_) => {
                let legal =
                    format!("must be \"{word}\" or an integer from {} to {}", range.start(), range.end());
                Err(self.error(key, legal))
            }
        }
    }

    /// A number in a range.
    pub(crate) fn float(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
        default: f64,
    ) -> Result<f64, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(default) };
        let legal = format!("must be a number from {} to {}", range.start(), range.end());
        number(&value, &range).ok_or_else(|| self.error(key, legal))
    }

    /// A number in a range, or `word` for `None`.
    pub(crate) fn float_or(
        &mut self,
        key: &'static str,
        word: &str,
        range: RangeInclusive<f64>,
        default: f64,
    ) -> Result<Option<f64>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(Some(default)) };
        if value.as_str() == Some(word) {
            return Ok(None);
        }
        let legal = format!("must be \"{word}\" or a number from {} to {}", range.start(), range.end());
        number(&value, &range).map(Some).ok_or_else(|| self.error(key, legal))
    }

    /// One of a list of words; required when there is no default.
    pub(crate) fn choice<T: Copy + Debug>(
        &mut self,
        key: &'static str,
        legal: &[(&str, T)],
        default: Option<T>,
    ) -> Result<T, ConfigError> {
        let words = || legal.iter().map(|(word, _)| *word);
        let list = words().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(" or ");
        let value = match (self.take(key), default) {
            (Some(value), _) => value,
            (None, Some(default)) => return Ok(default),
            (None, None) => return Err(self.missing(key, &format!("must be {list}"))),
        };
        let written = value.as_str().unwrap_or_default();
        match legal.iter().find(|(word, _)| *word == written) {
            Some((_, choice)) => Ok(*choice),
            None => {
                let hint = suggestion(written, words()).unwrap_or_default();
                Err(self.error(key, format!("must be {list}{hint}")))
            }
        }
    }

    /// A floating-point format by name.
    pub(crate) fn format(&mut self, key: &'static str, default: Format) -> Result<Format, ConfigError> {
        self.named(key, default, |name| match Number::parse(name) {
            Ok(Number::Fixed(_)) => {
                Err(format!("must be a floating-point format, and {name} is fixed point"))
            }
            _ => catalog::parse(name),
        })
    }

    /// A number format by name, floating or fixed point.
    pub(crate) fn number(&mut self, key: &'static str, default: Format) -> Result<Number, ConfigError> {
        self.named(key, default.into(), Number::parse)
    }

    fn named<T>(
        &mut self,
        key: &'static str,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(default) };
        let Value::String(name) = &value else {
            return Err(self.error(key, "must be the name of a number format, such as \"bf16\""));
        };
        parse(name).map_err(|problem| {
            let names = catalog::CATALOG.iter().flat_map(|n| n.aliases.iter().chain([&n.name])).copied();
            let hint = suggestion(name, names).filter(|_| problem.starts_with("unknown")); // else a width is wrong
            self.error(key, format!("{problem}{}", hint.unwrap_or_default()))
        })
    }

    /// What has not been read, for somebody else to check.
    pub(crate) fn into_rest(self) -> Table {
        self.rest
    }

    /// Refuses what has not been read.
    pub(crate) fn finish(self) -> Result<(), ConfigError> {
        self.finish_or(|_| None)
    }

    /// Refuses what has not been read, with the better explanation if there is one.
    pub(crate) fn finish_or(self, explain: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        self.only(&[], explain)
    }

    /// Refuses what has neither been read nor is in the list of keys that will be.
    pub(crate) fn only(
        &self,
        later: &[&'static str],
        explain: impl Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        let mut known = [self.known.as_slice(), later].concat();
        known.sort_unstable();
        let Some((key, value)) = self.rest.iter().find(|(key, _)| !known.contains(&key.as_str())) else {
            return Ok(());
        };
        if let Some(explanation) = explain(key) {
            return Err(self.error(key, explanation));
        }
        let what = if value.is_table() { "section" } else { "key" };
        let hint = suggestion(key, known.iter().copied()).unwrap_or(";".into());
        let place = self.path.iter().map(|section| format!(" in [{section}]")).collect::<String>();
        Err(self.error(key, format!("unknown {what}{hint} legal{place}: {}", known.join(", "))))
    }
}

fn number(value: &Value, range: &RangeInclusive<f64>) -> Option<f64> {
    let number = value.as_float().or(value.as_integer().map(|n| n as f64))?;
    range.contains(&number).then_some(number)
}
