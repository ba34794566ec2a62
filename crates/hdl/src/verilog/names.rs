//! Legal and unique Verilog identifiers.

use std::collections::HashSet;

/// Words that mean something to Verilog, SystemVerilog or, where simulators translate to it, C++; and the implicit
/// ports. Sorted.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "accept_on", "alias", "always", "always_comb", "always_ff", "always_latch", "and", "and_eq", "asm", "assert",
    "assign", "assume", "auto", "automatic", "before", "begin", "bind", "bins", "binsof", "bit", "bitand", "bitor",
    "bool", "break", "buf", "bufif0", "bufif1", "byte", "case", "casex", "casez", "catch", "cell", "chandle", "char",
    "checker", "class", "clk", "clocking", "cmos", "compl", "config", "const", "const_cast", "constexpr",
    "constraint", "context", "continue", "cover", "covergroup", "coverpoint", "cross", "deassign", "decltype",
    "default", "defparam", "delete", "design", "disable", "dist", "do", "double", "dynamic_cast", "edge", "else",
    "end", "endcase", "endchecker", "endclass", "endclocking", "endconfig", "endfunction", "endgenerate", "endgroup",
    "endinterface", "endmodule", "endpackage", "endprimitive", "endprogram", "endproperty", "endsequence",
    "endspecify", "endtable", "endtask", "enum", "event", "eventually", "expect", "explicit", "export", "extends",
    "extern", "false", "final", "first_match", "float", "for", "force", "foreach", "forever", "fork", "forkjoin",
    "friend", "function", "generate", "genvar", "global", "goto", "highz0", "highz1", "if", "iff", "ifnone",
    "ignore_bins", "illegal_bins", "implements", "implies", "import", "incdir", "include", "initial", "inline",
    "inout", "input", "inside", "instance", "int", "integer", "interconnect", "interface", "intersect", "join",
    "join_any", "join_none", "large", "let", "liblist", "library", "local", "localparam", "logic", "long", "longint",
    "macromodule", "matches", "medium", "modport", "module", "mutable", "namespace", "nand", "negedge", "nettype",
    "new", "nexttime", "nmos", "noexcept", "nor", "noshowcancelled", "not", "not_eq", "notif0", "notif1", "null",
    "nullptr", "operator", "or", "or_eq", "output", "override", "package", "packed", "parameter", "pmos", "posedge",
    "primitive", "priority", "private", "program", "property", "protected", "public", "pull0", "pull1", "pulldown",
    "pullup", "pulsestyle_ondetect", "pulsestyle_onevent", "pure", "rand", "randc", "randcase", "randsequence",
    "rcmos", "real", "realtime", "ref", "reg", "register", "reinterpret_cast", "reject_on", "release", "repeat",
    "restrict", "return", "rnmos", "rpmos", "rst", "rst_n", "rtran", "rtranif0", "rtranif1", "s_always",
    "s_eventually", "s_nexttime", "s_until", "s_until_with", "scalared", "sequence", "short", "shortint",
    "shortreal", "showcancelled", "signed", "sizeof", "small", "soft", "solve", "specify", "specparam", "static",
    "static_assert", "static_cast", "std", "string", "strong", "strong0", "strong1", "struct", "super", "supply0",
    "supply1", "switch", "sync_accept_on", "sync_reject_on", "table", "tagged", "task", "template", "this",
    "throughout", "throw", "time", "timeprecision", "timeunit", "tran", "tranif0", "tranif1", "tri", "tri0", "tri1",
    "triand", "trior", "trireg", "true", "try", "type", "typedef", "typeid", "typename", "union", "unique",
    "unique0", "unsigned", "until", "until_with", "untyped", "use", "using", "uwire", "var", "vectored", "virtual",
    "void", "volatile", "wait", "wait_order", "wand", "wchar_t", "weak", "weak0", "weak1", "while", "wildcard",
    "wire", "with", "within", "wor", "xnor", "xor", "xor_eq",
];

/// The name as the writer spells it where it must not depend on its surroundings (ports and modules): characters that
/// no identifier has become `_`, and a reserved word, or a name of one of the implicit ports, gets a `_` at its end.
pub fn identifier(name: &str) -> String {
    let mut legal: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !legal.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        legal.insert(0, 'n');
    }
    if RESERVED.binary_search(&&*legal).is_ok() {
        legal.push('_');
    }
    legal
}

/// The identifiers of one module.
#[derive(Default)]
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// The name, or the name with the smallest number behind it that makes it new.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let base = identifier(name);
        let numbered = (2..).map(|n| format!("{base}_{n}"));
        let name = std::iter::once(base.clone()).chain(numbered).find(|n| !self.taken.contains(n));
        let name = name.expect("the numbers do not end");
        self.taken.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserved_words_are_sorted() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn names_become_legal_and_unique() {
        assert_eq!(identifier("a.b$c"), "a_b_c");
        assert_eq!(identifier("2x"), "n2x");
        assert_eq!(identifier("logic"), "logic_");
        let mut names = Names::default();
        assert_eq!(["x", "x", "reg", "x_2"].map(|n| names.unique(n)), ["x", "x_2", "reg_", "x_2_2"]);
    }
}
