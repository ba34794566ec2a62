//! Lines and columns.

/// Columns a generated line stays within where it has a space to break at.
const COLUMNS: usize = 100;

/// A comment line; line breaks within become spaces.
pub(super) fn comment(text: &str) -> String {
    wrap(text.split_whitespace(), "// ", "// ")
}

/// A statement, broken at spaces, outside brackets where possible; continuation lines are indented by two more levels.
pub(super) fn statement(indent: usize, text: &str) -> String {
    let first = " ".repeat(indent);
    let next = format!("{first}    ");
    let room = COLUMNS - next.len();
    let words = outside_brackets(text).into_iter().flat_map(|group| {
        let whole = group.len() <= room;
        group.split(move |c| c == ' ' && !whole)
    });
    wrap(words, &first, &next)
}

/// The text cut at spaces that are in no brackets.
fn outside_brackets(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(|c| {
        depth += i32::from("({".contains(c)) - i32::from(")}".contains(c));
        c == ' ' && depth == 0
    })
    .collect()
}

fn wrap<'a>(words: impl Iterator<Item = &'a str>, first: &str, next: &str) -> String {
    let mut out = first.to_string();
    let mut column = first.len();
    for (i, word) in words.enumerate() {
        if i > 0 && column + 1 + word.len() > COLUMNS {
            out.push('\n');
            out.push_str(next);
            column = next.len();
        } else if i > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out.push('\n');
    out
}

/// `[width-1:0] ` in front of a vector's name; nothing for one bit.
pub(super) fn range(width: u32) -> String {
    if width == 1 { String::new() } else { format!("[{}:0] ", width - 1) }
}

/// A list of `(range, name)` declarations with aligned names.
pub(super) fn aligned(rows: &[(String, String)]) -> Vec<String> {
    let column = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    rows.iter().map(|(left, name)| format!("{left:column$}{name}")).collect()
}
