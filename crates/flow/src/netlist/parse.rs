//! Modules of a structural Verilog file, names not yet resolved.

use super::NetlistError;
use super::lex::{Token, tokens};

/// A module.
pub(super) struct Module<'t> {
    pub name: &'t str,
    /// Ports in order.
    pub ports: Vec<&'t str>,
    pub declarations: Vec<Declaration<'t>>,
    pub assignments: Vec<(Vec<Part<'t>>, Vec<Part<'t>>, usize)>,
    pub instances: Vec<RawInstance<'t>>,
}

/// What a declaration says of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Input,
    Output,
    Wire,
}

/// `input [msb:lsb] name;`
pub(super) struct Declaration<'t> {
    pub kind: Kind,
    pub name: &'t str,
    /// Most and least significant index; `None` for one bit.
    pub range: Option<(u32, u32)>,
    pub line: usize,
}

/// A part of a concatenation.
pub(super) enum Part<'t> {
    /// A name, with the indices selected from it.
    Name(&'t str, Option<(u32, u32)>),
    /// A constant, least significant bit first.
    Constant(Vec<bool>),
}

/// `kind name (.pin(value), …);`
pub(super) struct RawInstance<'t> {
    pub kind: &'t str,
    pub name: &'t str,
    /// Pins and the parts on them, most significant first; no parts where unconnected.
    pub pins: Vec<(&'t str, Vec<Part<'t>>)>,
    pub line: usize,
}

/// All modules of the text.
pub(super) fn modules(text: &str) -> Result<Vec<Module<'_>>, NetlistError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let mut modules = vec![];
    while parser.peek().is_some() {
        modules.push(parser.module()?);
    }
    Ok(modules)
}

struct Parser<'t> {
    tokens: Vec<(Token<'t>, usize)>,
    at: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.at).map(|(token, _)| *token)
    }

    fn line(&self) -> usize {
        let last = self.tokens.len().saturating_sub(1);
        self.tokens.get(self.at.min(last)).map_or(0, |(_, line)| *line)
    }

    fn expected<T>(&self, what: &str) -> Result<T, NetlistError> {
        let found = match self.peek() {
            None => "the end of the file".to_string(),
            Some(Token::Name(name)) => format!("`{name}`"),
            Some(Token::Number(n)) => format!("`{n}`"),
            Some(Token::Constant(size, base, digits)) => format!("`{size}'{}{digits}`", char::from(base)),
            Some(Token::Sign(c)) => format!("`{}`", char::from(c)),
        };
        Err(NetlistError::new(self.line(), format!("{what} expected, found {found}")))
    }

    /// Passes the sign if it is next.
    fn accept(&mut self, sign: u8) -> bool {
        let found = self.peek() == Some(Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    fn sign(&mut self, sign: u8) -> Result<(), NetlistError> {
        if self.accept(sign) { Ok(()) } else { self.expected(&format!("`{}`", char::from(sign))) }
    }

    fn name(&mut self) -> Result<&'t str, NetlistError> {
        let Some(Token::Name(name)) = self.peek() else { return self.expected("a name") };
        self.at += 1;
        Ok(name)
    }

    fn number(&mut self) -> Result<u32, NetlistError> {
        let Some(Token::Number(n)) = self.peek() else { return self.expected("a number") };
        self.at += 1;
        Ok(n)
    }

    fn module(&mut self) -> Result<Module<'t>, NetlistError> {
        if self.peek() != Some(Token::Name("module")) {
            return self.expected("`module`");
        }
        self.at += 1;
        let name = self.name()?;
        let mut module =
            Module { name, ports: vec![], declarations: vec![], assignments: vec![], instances: vec![] };
        if self.accept(b'(') && !self.accept(b')') {
            module.ports = self.list(Self::name)?;
            self.sign(b')')?;
        }
        self.sign(b';')?;
        while self.peek() != Some(Token::Name("endmodule")) {
            self.item(&mut module)?;
        }
        self.at += 1;
        Ok(module)
    }

    /// One or more, separated by commas.
    fn list<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, NetlistError>,
    ) -> Result<Vec<T>, NetlistError> {
        let mut all = vec![element(self)?];
        while self.accept(b',') {
            all.push(element(self)?);
        }
        Ok(all)
    }

    fn item(&mut self, module: &mut Module<'t>) -> Result<(), NetlistError> {
        let line = self.line();
        let word = self.name()?;
        let kind = match word {
            "input" => Some(Kind::Input),
            "output" => Some(Kind::Output),
            "wire" => Some(Kind::Wire),
            _ => None,
        };
        if let Some(kind) = kind {
            let range = if self.accept(b'[') { Some(self.range()?) } else { None };
            let names = self.list(Self::name)?;
            let declare = |name| Declaration { kind, name, range, line };
            module.declarations.extend(names.into_iter().map(declare));
        } else if word == "assign" {
            let to = self.value()?;
            self.sign(b'=')?;
            module.assignments.push((to, self.value()?, line));
        } else {
            let instance = self.instance(word, line)?;
            module.instances.push(instance);
        }
        self.sign(b';')
    }

    /// `msb:lsb]` or `index]`.
    fn range(&mut self) -> Result<(u32, u32), NetlistError> {
        let msb = self.number()?;
        let lsb = if self.accept(b':') { self.number()? } else { msb };
        self.sign(b']')?;
        Ok((msb, lsb))
    }

    fn instance(&mut self, kind: &'t str, line: usize) -> Result<RawInstance<'t>, NetlistError> {
        let name = self.name()?;
        self.sign(b'(')?;
        let mut pins = vec![];
        if !self.accept(b')') {
            pins = self.list(Self::pin)?;
            self.sign(b')')?;
        }
        Ok(RawInstance { kind, name, pins, line })
    }

    fn pin(&mut self) -> Result<(&'t str, Vec<Part<'t>>), NetlistError> {
        self.sign(b'.')?;
        let name = self.name()?;
        self.sign(b'(')?;
        if self.accept(b')') {
            return Ok((name, vec![]));
        }
        let value = self.value()?;
        self.sign(b')')?;
        Ok((name, value))
    }

    /// Parts, most significant first.
    fn value(&mut self) -> Result<Vec<Part<'t>>, NetlistError> {
        if !self.accept(b'{') {
            return Ok(vec![self.part()?]);
        }
        let parts = self.list(Self::value)?;
        self.sign(b'}')?;
        Ok(parts.into_iter().flatten().collect())
    }

    fn part(&mut self) -> Result<Part<'t>, NetlistError> {
        if let Some(Token::Constant(size, base, digits)) = self.peek() {
            let Some(bits) = constant(size, base, digits) else { return self.expected("a constant") };
            self.at += 1;
            return Ok(Part::Constant(bits));
        }
        let name = self.name()?;
        let range = if self.accept(b'[') { Some(self.range()?) } else { None };
        Ok(Part::Name(name, range))
    }
}

/// Bits of a sized constant, least significant first; an unknown bit is 0, as every choice is right for it.
fn constant(size: u32, base: u8, digits: &str) -> Option<Vec<bool>> {
    let mut bits = vec![];
    if base == b'd' {
        let value: u64 = digits.replace('_', "").parse().ok()?;
        bits.extend((0..64).map(|i| value >> i & 1 == 1));
    } else {
        let (radix, per_digit) = if base == b'b' { (2, 1) } else { (16, 4) };
        for c in digits.chars().rev().filter(|&c| c != '_') {
            let digit = if "xXzZ".contains(c) { 0 } else { c.to_digit(radix)? };
            bits.extend((0..per_digit).map(|i| digit >> i & 1 == 1));
        }
    }
    bits.resize(size as usize, false);
    Some(bits)
}
