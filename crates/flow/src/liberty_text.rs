//! Liberty as text: the statements of a group, without looking into them.
//!
//! This is all that taking cells out of a file needs, and it leaves every other byte as it was.

/// A statement: `keyword : argument;`, `keyword (argument);` or `keyword (argument) { body }`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) keyword: &'a str,
    /// Without the blanks around it.
    pub(crate) argument: &'a str,
    /// What is between the braces of a group.
    pub(crate) body: Option<&'a str>,
    /// All of it.
    pub(crate) text: &'a str,
}

impl<'a> Statement<'a> {
    /// The argument without quotes: the name of a cell.
    pub(crate) fn name(&self) -> &'a str {
        self.argument.trim_matches('"')
    }
}

/// The statements of a file, or of the body of a group.
pub(crate) fn statements(text: &str) -> Result<Vec<Statement<'_>>, String> {
    let mut found = vec![];
    let mut at = skip_blank(text, 0)?;
    while at < text.len() {
        let statement = statement(text, at)?;
        at = skip_blank(text, at + statement.text.len())?;
        found.push(statement);
    }
    Ok(found)
}

fn statement(text: &str, start: usize) -> Result<Statement<'_>, String> {
    let wrong = |what: &str| {
        let line: String = text[start..].lines().next().unwrap_or_default().chars().take(60).collect();
        format!("{what} at `{line}`")
    };
    let word = text[start..].find(|c: char| !(c.is_alphanumeric() || "_-.\"".contains(c)));
    let end = word.map_or(text.len(), |n| start + n);
    let keyword = &text[start..end];
    let at = skip_blank(text, end)?;
    let (argument, mut at) = match text.as_bytes().get(at) {
        Some(b':') => {
            // Some files leave the semicolon out: the line ends the value as well.
            let end = find(text, at + 1, |c| c == b';' || c == b'\n').unwrap_or(text.len());
            (text[at + 1..end].trim(), end)
        }
        Some(b'(') => {
            let end = closing(text, at, b'(', b')').ok_or_else(|| wrong("a parenthesis is not closed"))?;
            (text[at + 1..end].trim(), end + 1)
        }
        _ => return Err(wrong("expected a statement")),
    };
    if keyword.is_empty() {
        return Err(wrong("expected a name"));
    }
    let next = skip_blank(text, at)?;
    let mut body = None;
    if text.as_bytes().get(next) == Some(&b'{') {
        let end = closing(text, next, b'{', b'}').ok_or_else(|| wrong("a group is not closed"))?;
        (body, at) = (Some(&text[next + 1..end]), end + 1);
    }
    Ok(Statement { keyword, argument, body, text: &text[start..at] })
}

/// Over blanks, comments, stray semicolons and line continuations.
fn skip_blank(text: &str, mut at: usize) -> Result<usize, String> {
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at += 2 + text[at + 2..].find("*/").ok_or("a comment is not closed")? + 2;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += text[at..].find('\n').unwrap_or(bytes.len() - at)
            }
            b' ' | b'\t' | b'\r' | b'\n' | b';' | b'\\' => at += 1,
            _ => break,
        }
    }
    Ok(at)
}

/// The first byte from `at` on that is wanted, outside strings and comments.
fn find(text: &str, mut at: usize, mut wanted: impl FnMut(u8) -> bool) -> Option<usize> {
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at += 1 + text[at + 1..].find('"')?,
            b'/' if bytes.get(at + 1) == Some(&b'*') => at += 3 + text[at + 2..].find("*/")?,
            c if wanted(c) => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where the bracket closes that opens at `at`.
fn closing(text: &str, at: usize, open: u8, close: u8) -> Option<usize> {
    let mut depth = 0;
    find(text, at, |c| {
        depth += i32::from(c == open) - i32::from(c == close);
        depth == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_apart() {
        let text = "/* a ; */ unit : \"1ns\" ;\nload (1,\\\n pf);\n bare : 1\n cell(\"A}\") { pin (X) { } } // end\n";
        let found = statements(text).unwrap();
        let parts: Vec<(&str, &str, Option<&str>)> =
            found.iter().map(|s| (s.keyword, s.argument, s.body)).collect();
        let expected = [
            ("unit", "\"1ns\"", None),
            ("load", "1,\\\n pf", None),
            ("bare", "1", None),
            ("cell", "\"A}\"", Some(" pin (X) { } ")),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn unbalanced_text_is_an_error() {
        assert!(statements("library (a) { cell (B) {").unwrap_err().contains("a group is not closed"));
        assert!(statements("library (a").unwrap_err().contains("a parenthesis is not closed"));
        assert!(statements("}").is_err() && statements("module x;").is_err() && statements("/*").is_err());
    }
}
