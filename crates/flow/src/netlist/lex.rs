//! Words of a structural Verilog file.

use super::NetlistError;

/// A word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token<'t> {
    /// An identifier, without the backslash of an escaped one.
    Name(&'t str),
    /// A plain decimal number.
    Number(u32),
    /// A sized constant: size, base and digits.
    Constant(u32, u8, &'t str),
    /// One character of punctuation.
    Sign(u8),
}

/// Splits the text; every token comes with its line.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, usize)>, NetlistError> {
    let mut lexer = Lexer { text, at: 0, line: 1 };
    let mut tokens = Vec::with_capacity(text.len() / 6);
    while let Some(c) = lexer.skip_blank()? {
        let line = lexer.line;
        tokens.push((lexer.token(c)?, line));
    }
    Ok(tokens)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Passes white space, comments and attributes; the first character after them.
    fn skip_blank(&mut self) -> Result<Option<u8>, NetlistError> {
        loop {
            let rest = self.rest();
            let closer = match rest.as_bytes() {
                [] => return Ok(None),
                [c, ..] if c.is_ascii_whitespace() => {
                    self.line += usize::from(*c == b'\n');
                    self.at += 1;
                    continue;
                }
                [b'/', b'/', ..] => "\n",
                [b'/', b'*', ..] => "*/",
                [b'(', b'*', ..] => "*)",
                [c, ..] => return Ok(Some(*c)),
            };
            let end = rest[2..].find(closer);
            let end = end.ok_or_else(|| NetlistError::new(self.line, format!("`{closer}` is missing")))?;
            let length = 2 + end + closer.len();
            self.line += rest[..length].matches('\n').count();
            self.at += length;
        }
    }

    fn token(&mut self, first: u8) -> Result<Token<'t>, NetlistError> {
        let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'$';
        match first {
            b'\\' => {
                self.at += 1;
                Ok(Token::Name(self.take(|c| !c.is_ascii_whitespace())))
            }
            c if c.is_ascii_digit() => {
                let size = self.take(|c| c.is_ascii_digit()).parse();
                let size = size.map_err(|_| NetlistError::new(self.line, "number out of range"))?;
                self.constant(size)
            }
            c if word(c) => Ok(Token::Name(self.take(word))),
            c if b"()[]{},;:=.#".contains(&c) => {
                self.at += 1;
                Ok(Token::Sign(c))
            }
            _ => {
                let odd = self.rest().chars().next().unwrap_or(' ');
                Err(NetlistError::new(self.line, format!("`{odd}` is not part of a structural netlist")))
            }
        }
    }

    /// What follows the number `size`: base and digits, or nothing.
    fn constant(&mut self, size: u32) -> Result<Token<'t>, NetlistError> {
        let [b'\'', base, ..] = self.rest().as_bytes() else { return Ok(Token::Number(size)) };
        let base = base.to_ascii_lowercase();
        if !b"bhd".contains(&base) {
            return Err(NetlistError::new(self.line, "a constant is binary, hexadecimal or decimal"));
        }
        self.at += 2;
        Ok(Token::Constant(size, base, self.take(|c| c.is_ascii_alphanumeric() || c == b'_')))
    }

    fn take(&mut self, belongs: impl Fn(u8) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.bytes().position(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}
