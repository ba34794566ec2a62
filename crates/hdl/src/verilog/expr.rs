//! Expressions as text, with what is needed to parenthesise them.

use super::plan::Read;
use crate::module::Op;

/// What binds an expression together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// A name, selection, literal, replication or call.
    Atom,
    /// `{…}`.
    Concat,
    /// `~…`.
    Not,
    /// An operator.
    Operator(&'static str),
}

/// An expression whose self-determined width is the width of the value it stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Expr {
    text: String,
    kind: Kind,
}

impl Expr {
    pub(super) fn atom(text: impl Into<String>) -> Expr {
        Expr { text: text.into(), kind: Kind::Atom }
    }

    fn operator(op: &'static str, text: String) -> Expr {
        Expr { text, kind: Kind::Operator(op) }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// A name, or the complement of one: repeating it costs a reader nothing.
    pub(super) fn is_simple(&self) -> bool {
        matches!(self.kind, Kind::Atom | Kind::Not) && !self.text.contains(['(', '{'])
    }

    /// As an operand of a binary operator.
    fn inside(&self, op: &str) -> String {
        let associative = ["&", "|", "^", "+"].contains(&op);
        match self.kind {
            Kind::Operator(own) if !(own == op && associative) => format!("({})", self.text),
            _ => self.text.clone(),
        }
    }

    fn binary(op: &'static str, operands: &[Expr]) -> Expr {
        let terms: Vec<String> = operands.iter().map(|e| e.inside(op)).collect();
        match terms.len() {
            1 => operands[0].clone(),
            _ => Expr::operator(op, terms.join(&format!(" {op} "))),
        }
    }

    fn unary(op: &'static str, operand: &Expr) -> Expr {
        if op == "~" && operand.kind == Kind::Not {
            return Expr::atom(&operand.text[1..]); // `~~` is not Verilog
        }
        let text = format!("{op}{}", operand.inside("unary"));
        if op == "~" { Expr { text, kind: Kind::Not } } else { Expr::operator("unary", text) }
    }

    /// Most significant first; concatenations within are spread out.
    pub(super) fn concat(parts: &[Expr]) -> Expr {
        if let [one] = parts {
            return one.clone();
        }
        let part = |e: &Expr| match e.kind {
            Kind::Concat => e.text[1..e.text.len() - 1].to_string(),
            _ => e.text.clone(),
        };
        let parts: Vec<String> = parts.iter().map(part).collect();
        Expr { text: format!("{{{}}}", parts.join(", ")), kind: Kind::Concat }
    }

    pub(super) fn replicate(times: u32, of: &Expr) -> Expr {
        match (times, of.kind) {
            (1, _) => of.clone(),
            (_, Kind::Concat) => Expr::atom(format!("{{{times}{}}}", of.text)),
            _ => Expr::atom(format!("{{{times}{{{}}}}}", of.text)),
        }
    }

    pub(super) fn call(function: &str, argument: &Expr) -> Expr {
        Expr::atom(format!("{function}({})", argument.text))
    }

    fn signed(&self) -> Expr {
        Expr::call("$signed", self)
    }
}

/// An operand: how it is read, and its text.
pub(super) type Operand = (Read, Expr);

/// A combinational operation on its operands, in the order in which the plan lists them.
///
/// Wiring that has been resolved to a single operand is that operand. Tables, leading-zero counts and reads of files
/// are not here: they mention functions and arrays of the module.
pub(super) fn operation(op: &Op, operands: &[Operand], count: u32) -> Expr {
    use Op::*;
    let texts: Vec<Expr> = operands.iter().map(|(_, e)| e.clone()).collect();
    match op {
        Not(_) => Expr::unary("~", &texts[0]),
        Neg(_) => Expr::unary("-", &texts[0]),
        And(..) => Expr::binary("&", &texts),
        Or(..) => Expr::binary("|", &texts),
        Xor(..) => Expr::binary("^", &texts),
        Add(..) | Sum(_) => Expr::binary("+", &texts),
        Sub(..) => Expr::binary("-", &texts),
        Mul(..) => product(operands),
        Eq(..) => Expr::binary("==", &texts),
        Ne(..) => Expr::binary("!=", &texts),
        Lt(..) => compare("<", operands),
        Le(..) => compare("<=", operands),
        Shl(..) | Shr(..) => shift(matches!(op, Shl(..)), operands),
        Mux(..) => select(&texts[0], &texts[1], &texts[2]),
        ReduceOr(_) => Expr::unary("|", &texts[0]),
        ReduceAnd(_) => Expr::unary("&", &texts[0]),
        ReduceXor(_) => Expr::unary("^", &texts[0]),
        Bundle(_) => Expr::concat(&texts.iter().rev().cloned().collect::<Vec<_>>()),
        Concat(_) => Expr::concat(&texts),
        Broadcast(_) => Expr::replicate(count, &texts[0]),
        Resize(_) | Slice(..) | Elements(..) | Regroup(_) => texts[0].clone(),
        _ => unreachable!("{} is written by the module", op.mnemonic()),
    }
}

/// `sel ? t : f`.
fn select(sel: &Expr, t: &Expr, f: &Expr) -> Expr {
    let chained = f.kind == Kind::Operator("?");
    let otherwise = if chained { f.text.clone() } else { f.inside("?") };
    Expr::operator("?", format!("{} ? {} : {otherwise}", sel.inside("?"), t.inside("?")))
}

fn compare(op: &'static str, operands: &[Operand]) -> Expr {
    let signed = operands.iter().any(|(read, _)| read.signed);
    let side = |(_, e): &Operand| if signed { e.signed() } else { e.clone() };
    Expr::binary(op, &operands.iter().map(side).collect::<Vec<_>>())
}

/// The factors in their own widths; the declared width of the result extends them.
fn product(operands: &[Operand]) -> Expr {
    let signed = operands.iter().any(|(read, _)| read.signed);
    let factor = |(read, e): &Operand| match (signed, read.signed) {
        (false, _) => e.clone(),
        (true, true) => e.signed(),
        (true, false) => Expr::concat(&[Expr::atom("1'b0"), e.clone()]).signed(),
    };
    Expr::binary("*", &operands.iter().map(factor).collect::<Vec<_>>())
}

/// A shift; the third operand, if any, is what an amount has beyond 32 bits, and shifts everything out.
fn shift(left: bool, operands: &[Operand]) -> Expr {
    let (value, text) = &operands[0];
    let (op, text) = match (left, value.signed) {
        (true, _) => ("<<", text.clone()),
        (false, true) => (">>>", text.signed()),
        (false, false) => (">>", text.clone()),
    };
    let low = operands[1].1.clone();
    let amount = match operands.get(2) {
        None => low,
        // 64 places leave nothing of an operand of arithmetic.
        Some((_, beyond)) => select(&Expr::unary("|", beyond), &Expr::atom("32'd64"), &low),
    };
    Expr::binary(op, &[text, amount])
}

/// A literal of the bits given from the low end.
pub(super) fn literal(bits: &[bool]) -> Expr {
    let width = bits.len();
    let digit = |nibble: &[bool]| {
        let value = nibble.iter().rev().fold(0, |v, &b| v << 1 | u32::from(b));
        char::from_digit(value, 16).expect("four bits")
    };
    let hex: String = bits.chunks(4).rev().map(digit).collect();
    let hex = hex.trim_start_matches('0');
    Expr::atom(match (width, hex) {
        (1, "") => "1'b0".to_string(),
        (1, _) => "1'b1".to_string(),
        (_, "") => format!("{width}'d0"),
        (_, digit) if digit.len() == 1 && digit <= "9" => format!("{width}'d{digit}"),
        (_, hex) => format!("{width}'h{hex}"),
    })
}
