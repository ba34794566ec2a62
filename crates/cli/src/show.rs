//! Standard output: plain text, tables with aligned columns, JSON.

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::{self, Write};

/// Prints a text.
pub fn text(text: impl AsRef<str>) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref().as_bytes())?;
    Ok(out.flush()?)
}

/// Prints one line.
pub fn line(line: impl AsRef<str>) -> Result<()> {
    text(format!("{}\n", line.as_ref()))
}

/// Prints a value as JSON.
pub fn json(value: &impl Serialize) -> Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// A table with a header; a column whose title begins with `>` is aligned to the right.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|title| title.trim_start_matches('>')));
    table.add_rows(rows);
    for (column, title) in table.column_iter_mut().zip(header) {
        column.set_padding((0, 2));
        if title.starts_with('>') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines = table.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

/// The rows of two columns, key and value, indented by two.
pub fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(key, _)| key.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(key, value)| format!("  {key:width$}  {value}\n")).collect()
}

/// A fraction as a percentage with three significant digits.
pub fn percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    match percent.abs() {
        p if p >= 99.95 => format!("{percent:.0} %"),
        p if p >= 9.995 => format!("{percent:.1} %"),
        p if p >= 0.9995 || p == 0.0 => format!("{percent:.2} %"),
        _ => format!("{percent:.3} %"),
    }
}

/// A whole number with thin groups: `12 345 678`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = {
        let first = digits.len() % 3;
        let (head, tail) = digits.split_at(first);
        let tail = (0..tail.len()).step_by(3).map(|i| &tail[i..i + 3]);
        std::iter::once(head).filter(|h| !h.is_empty()).chain(tail).collect()
    };
    groups.join(" ")
}

/// A number with its noun.
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number as u64), if number == 1 { one } else { many })
}

/// Whether the reader of standard output went away, which is no failure of ours.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let shown = [0, 12, 123, 1234, 123_456, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "12", "123", "1 234", "123 456", "1 234 567"]);
    }

    #[test]
    fn percentages_keep_three_digits() {
        let shown = [0.0, 0.00123, 0.0491, 0.109, 1.5].map(percent);
        assert_eq!(shown, ["0.00 %", "0.123 %", "4.91 %", "10.9 %", "150 %"]);
    }

    #[test]
    fn tables_end_without_blanks() {
        let rows = [vec!["a".to_string(), "1".into()], vec!["long".into(), "10".into()]];
        assert_eq!(table(&["name", ">n"], rows), "name   n\na      1\nlong  10\n");
    }
}
