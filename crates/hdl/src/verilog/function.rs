//! Constant functions of a module: tables and leading-zero counts, each written once per module.

use super::expr::{Expr, literal};
use super::layout::{range, statement};
use super::names::Names;
use crate::ty::value_width;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    /// Rows, index width, row width.
    Table(Arc<Vec<u64>>, u32, u32),
    /// Operand width.
    Lzc(u32),
}

/// The functions a module has called so far.
#[derive(Default)]
pub(super) struct Functions {
    names: HashMap<Key, String>,
    locals: Locals,
    text: String,
}

/// Arguments and variables of functions. They may be the same from function to function, but must not hide a net of
/// the module or, as some linters see it, of the modules above it: hence the prefix, which hardly any net has.
#[derive(Default)]
struct Locals {
    names: HashMap<String, String>,
}

impl Locals {
    fn get(&mut self, names: &mut Names, name: impl Into<String>) -> String {
        let name = name.into();
        let fresh = || names.unique(&format!("f_{name}"));
        self.names.entry(name.clone()).or_insert_with(fresh).clone()
    }
}

impl Functions {
    /// Their declarations, in the order of their first calls.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The function that reads the table; `hint` names it if it is new.
    pub(super) fn table(
        &mut self,
        names: &mut Names,
        rows: &Arc<Vec<u64>>,
        index: u32,
        width: u32,
        hint: &str,
    ) -> String {
        let key = Key::Table(rows.clone(), index, width);
        if let Some(name) = self.names.get(&key) {
            return name.clone();
        }
        let name = names.unique(hint);
        let argument = self.locals.get(names, "index");
        self.text.push_str(&table(&name, &argument, rows, index, width));
        self.names.insert(key, name.clone());
        name
    }

    /// The function that counts the leading zeros of `width` bits.
    pub(super) fn lzc(&mut self, names: &mut Names, width: u32) -> String {
        let key = Key::Lzc(width);
        if let Some(name) = self.names.get(&key) {
            return name.clone();
        }
        let name = names.unique(&format!("lzc_{width}"));
        let text = lzc(&name, width, |local| self.locals.get(names, local));
        self.text.push_str(&text);
        self.names.insert(key, name.clone());
        name
    }
}

/// A pattern as a literal.
pub(super) fn pattern(value: u64, width: u32) -> Expr {
    literal(&(0..width).map(|i| i < 64 && value >> i & 1 == 1).collect::<Vec<_>>())
}

fn table(name: &str, argument: &str, rows: &[u64], index: u32, width: u32) -> String {
    let last = rows[rows.len() - 1];
    let distinct = rows.iter().rposition(|&r| r != last).map_or(0, |i| i + 1);
    let (out_range, in_range) = (range(width), range(index));
    let mut out =
        format!("\n  function {out_range}{name}(input {in_range}{argument});\n    case ({argument})\n");
    for (i, &row) in rows[..distinct].iter().enumerate() {
        let row = pattern(row, width);
        let _ = writeln!(out, "      {index}'d{i}: {name} = {};", row.text());
    }
    let _ = writeln!(out, "      default: {name} = {};", pattern(last, width).text());
    out + "    endcase\n  endfunction\n"
}

/// A balanced tree over the operand with ones behind it, so that there is always a one to find: `some_j` says which
/// groups of 2^j bits hold a one (group 0 always does), `count_j` counts the leading zeros of each group by
///
/// ```text
/// count of a group = its upper half holds a one ? {0, count of the upper half} : {1, count of the lower half}
/// ```
fn lzc(name: &str, width: u32, mut local: impl FnMut(String) -> String) -> String {
    let levels = value_width(u64::from(width));
    let size = 1 << levels;
    let [argument, bits, i] = ["value", "bits", "i"].map(|l| local(l.into()));
    let some: Vec<String> =
        (0..levels).map(|j| if j == 0 { bits.clone() } else { local(format!("some_{j}")) }).collect();
    let count: Vec<String> =
        (0..levels).map(|j| if j == 0 { String::new() } else { local(format!("count_{j}")) }).collect();
    let mut out = format!("\n  function {}{name}(input {}{argument});\n", range(levels), range(width));
    let _ = writeln!(out, "    reg [{}:1] {bits};", size - 1);
    for j in 1..levels {
        let groups = size >> j;
        let _ = writeln!(out, "    reg [{}:1] {};", groups - 1, some[j as usize]);
        let _ = writeln!(out, "    reg [{}:0] {};", groups * j - 1, count[j as usize]);
    }
    if levels > 1 {
        let _ = writeln!(out, "    integer {i};");
    }
    let fill = Expr::replicate(size - 1 - width, &Expr::atom("1'b1"));
    let filled = if size - 1 == width { argument } else { format!("{{{argument}, {}}}", fill.text()) };
    let _ = write!(out, "    begin\n      {bits} = {filled};\n");
    for j in 1..levels {
        let groups = size >> j;
        let (below, some, to) = (&some[j as usize - 1], &some[j as usize], &count[j as usize]);
        let from = &count[j as usize - 1];
        let (upper, lower) = (format!("2*{i}+1"), format!("2*{i}"));
        let parts = [format!("{}*{i}+{}", 2 * (j - 1), j - 1), format!("{}*{i}", 2 * (j - 1))];
        let value = choose(&format!("{below}[{upper}]"), from, j - 1, &parts);
        let target = if j == 1 { format!("{to}[{i}]") } else { format!("{to}[{j}*{i} +: {j}]") };
        let counting = statement(8, &format!("{target} = {value};"));
        let finding = statement(8, &format!("{some}[{i}] = {below}[{upper}] | {below}[{lower}];"));
        let head = |first| format!("      for ({i} = {first}; {i} < {groups}; {i} = {i} + 1)\n");
        let _ = write!(out, "{}{counting}{}{finding}", head(0), head(1));
    }
    let last = levels - 1;
    let parts = [last.to_string(), "0".to_string()];
    let value = choose(&format!("{}[1]", some[last as usize]), &count[last as usize], last, &parts);
    out.push_str(&statement(6, &format!("{name} = {value};")));
    out + "    end\n  endfunction\n"
}

/// The count of a group from the counts, `width` bits each and at `parts` (upper, lower), of its halves.
fn choose(upper_has_one: &str, counts: &str, width: u32, parts: &[String; 2]) -> String {
    let part =
        |at: &str| if width == 1 { format!("{counts}[{at}]") } else { format!("{counts}[{at} +: {width}]") };
    match width {
        0 => format!("~{upper_has_one}"),
        _ => format!("{upper_has_one} ? {{1'b0, {}}} : {{1'b1, {}}}", part(&parts[0]), part(&parts[1])),
    }
}
