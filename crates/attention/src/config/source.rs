//! Where a configuration comes from: the text with its lines, and the overrides laid over it.

use super::error::ConfigError;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// What was written and where, kept to say it in an error.
#[derive(Clone, Debug)]
pub(super) struct Source {
    place: String,
    text: String,
    overrides: Vec<Override>,
    /// The text with the overrides laid over it.
    table: Table,
}

#[derive(Clone, Debug)]
struct Override {
    written: String,
    path: Vec<String>,
}

impl Source {
    /// Parses the text and lays the overrides over it, in their order.
    pub(super) fn new(text: &str, place: &str, overrides: &[&str]) -> Result<Source, ConfigError> {
        let table = parse(text, place)?;
        let mut source = Source { place: place.into(), text: text.into(), overrides: vec![], table };
        for written in overrides {
            let (path, value) = split(written)?;
            insert(&mut source.table, &path, value)
                .map_err(|problem| ConfigError::new(format!("--set {written}"), problem))?;
            source.overrides.push(Override { written: written.to_string(), path });
        }
        Ok(source)
    }

    /// Everything that was written.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// The folder of the file.
    pub(super) fn folder(&self) -> PathBuf {
        Path::new(&self.place).parent().map(Path::to_path_buf).unwrap_or_default()
    }

    /// `place: key = value: problem`. The value is the one written, else `default`; that of a section is left out.
    pub(super) fn error(&self, path: &[&str], default: Option<&Value>, problem: impl Display) -> ConfigError {
        let key = path.join(".");
        let what = match lookup(&self.table, path).or(default).filter(|v| !v.is_table()) {
            Some(value) => format!("{key} = {}: {problem}", brief(value)),
            None => format!("{key}: {problem}"),
        };
        ConfigError::new(self.place_of(path), what)
    }

    /// The last override that gave the key its value, else the line of the key, else of its section, else the file.
    fn place_of(&self, path: &[&str]) -> String {
        let in_text = self.line_of(path).is_some();
        let sets = |o: &&Override| {
            // `a.b` sets `a.b.c` too, and it brings `a` into being when the text has no `a`.
            (o.path.len() <= path.len() || !in_text) && o.path.iter().zip(path).all(|(a, b)| a == b)
        };
        if let Some(o) = self.overrides.iter().rev().find(sets) {
            return format!("--set {}", o.written);
        }
        match (1..=path.len()).rev().find_map(|n| self.line_of(&path[..n])) {
            Some(line) => format!("{}:{line}", self.place),
            None => self.place.clone(),
        }
    }

    /// The line on which the key is written, counted from 1.
    fn line_of(&self, path: &[&str]) -> Option<usize> {
        let root = DeTable::parse(&self.text).ok()?;
        let mut table = root.get_ref();
        let (last, parents) = path.split_last()?;
        for key in parents {
            match table.get(*key)?.get_ref() {
                DeValue::Table(inner) => table = inner,
                _ => return None,
            }
        }
        let (key, _) = table.iter().find(|(k, _)| k.get_ref() == last)?;
        Some(1 + self.text.get(..key.span().start)?.matches('\n').count())
    }
}

/// The value at a path of keys.
pub(super) fn lookup<'t>(table: &'t Table, path: &[&str]) -> Option<&'t Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(*first)?;
    if rest.is_empty() { Some(value) } else { lookup(value.as_table()?, rest) }
}

fn parse(text: &str, place: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().and_then(|s| text.get(..s.start)).map(|before| 1 + before.matches('\n').count());
        let place = line.map_or(place.to_string(), |line| format!("{place}:{line}"));
        ConfigError::new(place, format!("not TOML: {}", e.message().lines().collect::<Vec<_>>().join("; ")))
    })
}

/// `a.b=value` as a path and a TOML value, or a string if it is no TOML value.
fn split(written: &str) -> Result<(Vec<String>, Value), ConfigError> {
    let malformed = || {
        let problem = "must be key=value with a dotted key, for example array.head_dim=32";
        ConfigError::new(format!("--set {written}"), problem)
    };
    let (key, value) = written.split_once('=').ok_or_else(malformed)?;
    let path: Vec<String> = key.split('.').map(|k| k.trim().to_string()).collect();
    let is_bare =
        |k: &String| !k.is_empty() && k.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if !path.iter().all(is_bare) {
        return Err(malformed());
    }
    let text = value.trim();
    let parsed = format!("value = {text}").parse::<Table>().ok().filter(|t| t.len() == 1);
    let value = parsed.and_then(|mut t| t.remove("value")).unwrap_or_else(|| text.into());
    Ok((path, value))
}

fn insert(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    let [key] = path else {
        let inner = table.entry(&path[0]).or_insert_with(|| Table::new().into());
        let Value::Table(inner) = inner else {
            return Err(format!("\"{}\" is a value, not a section", path[0]));
        };
        return insert(inner, &path[1..], value);
    };
    table.insert(key.clone(), value);
    Ok(())
}

/// The value on one line, cut when it is long.
fn brief(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string().replace('\n', " ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
