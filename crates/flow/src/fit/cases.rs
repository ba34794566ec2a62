//! The operations that are measured: each kind in several sizes between registers, as the generator writes it.

use hdl::{Design, Kind, ModuleBuilder, OpKind, Operation, Reset, Signal, Type, each, elaborate};

/// Bits of an element on which a broadcast signal acts in each copy of an array.
const COPY_BITS: u32 = 8;

/// An operation between registers.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is measured.
    pub operation: Operation,
    /// Tells it from others of the same kind and size.
    variant: &'static str,
    /// The hardware.
    pub design: Design,
}

impl Case {
    /// Its name, different from those of all other cases.
    pub fn name(&self) -> String {
        let Operation { kind, n, m } = self.operation;
        format!("{kind:?}_{n}_{m}{}", self.variant).to_lowercase()
    }

    fn new<'t>(
        variant: &'static str,
        inputs: &'t [Type],
        body: impl for<'b> Fn(&'b ModuleBuilder, &[Signal<'b>]) -> Signal<'b>,
    ) -> Case {
        let design = between_registers(inputs, body);
        let [operation] = design.top().operations()[..] else {
            panic!("a case is one operation: {:?}", design.top().operations());
        };
        Case { operation, variant, design }
    }
}

/// A register that drives a register.
pub fn register() -> Design {
    between_registers(&[unsigned(8)], |_, x| x[0])
}

/// Every case.
pub fn cases() -> Vec<Case> {
    [arithmetic(), constants(), bits(), selections(), storage(), arrays()].concat()
}

fn between_registers(
    inputs: &[Type],
    body: impl for<'b> Fn(&'b ModuleBuilder, &[Signal<'b>]) -> Signal<'b>,
) -> Design {
    let described =
        elaborate("case_under_test", "An operation between registers", None, Reset::default(), |b| {
            let register = |(i, ty): (usize, &Type)| {
                let register = b.register(&format!("x{i}"), *ty);
                register.set(b.input(&format!("in{i}"), *ty));
                register.q
            };
            let inputs: Vec<Signal<'_>> = inputs.iter().enumerate().map(register).collect();
            let result = body(b, &inputs);
            let register = b.register("y", result.ty());
            register.set(result);
            b.output("out", register.q);
        });
    described.expect("a case is legal hardware")
}

const fn unsigned(width: u32) -> Type {
    Type::unsigned(width)
}

/// A constant with about as many ones as zeros.
fn pattern(b: &ModuleBuilder, width: u32) -> Signal<'_> {
    b.lit(0x5a69_96c3_3ca5_a55a_u64 >> (64 - width), width)
}

fn arithmetic() -> Vec<Case> {
    let mut cases = vec![];
    for w in [2, 4, 8, 11, 16, 24, 32, 48, 62] {
        cases.push(Case::new("", &[unsigned(w); 2], |_, x| x[0] + x[1]));
    }
    for w in [8, 16, 32] {
        cases.push(Case::new("_sub", &[unsigned(w); 2], |_, x| x[0] - x[1]));
    }
    for (a, b) in [(4, 4), (8, 8), (11, 11), (8, 16), (16, 16), (24, 24)] {
        let variant = if a == b { "" } else { "_uneven" };
        cases.push(Case::new(variant, &[unsigned(a), unsigned(b)], |_, x| x[0] * x[1]));
    }
    for (w, count) in
        [(8, 4), (8, 8), (8, 16), (16, 3), (16, 4), (16, 8), (16, 16), (24, 4), (24, 8), (24, 32)]
    {
        cases.push(Case::new("", &[unsigned(w).times(count)], |_, x| x[0].sum()));
    }
    for w in [4, 8, 16, 32, 62] {
        cases.push(Case::new("", &[unsigned(w); 2], |_, x| x[0].lt(x[1])));
        cases.push(Case::new("", &[unsigned(w); 2], |_, x| x[0].eq(x[1])));
    }
    cases
}

fn constants() -> Vec<Case> {
    let mut cases = vec![];
    for w in [4, 8, 11, 16, 24, 32, 48] {
        cases.push(Case::new("", &[unsigned(w)], |b, x| x[0] + pattern(b, w)));
        cases.push(Case::new("_neg", &[unsigned(w)], |_, x| -x[0]));
        cases.push(Case::new("", &[unsigned(w)], |b, x| x[0].lt(pattern(b, w))));
        cases.push(Case::new("", &[unsigned(w)], |b, x| x[0].eq(pattern(b, w))));
        cases.push(Case::new("", &[unsigned(1), unsigned(w)], |b, x| x[0].mux(x[1], pattern(b, w))));
    }
    for (w, constant) in [(8, 8), (11, 8), (16, 8), (16, 16), (24, 16)] {
        cases.push(Case::new("", &[unsigned(w)], |b, x| x[0] * pattern(b, constant)));
    }
    for (w, amount) in [(8, 3), (16, 4), (24, 5), (32, 5)] {
        cases.push(Case::new("", &[unsigned(amount)], |b, x| b.lit(1, w).shl_truncating(x[0], w)));
    }
    cases
}

fn bits() -> Vec<Case> {
    let mut cases = vec![];
    for w in [1, 8, 32] {
        cases.push(Case::new("_and", &[unsigned(w); 2], |_, x| x[0] & x[1]));
        cases.push(Case::new("_xor", &[unsigned(w); 2], |_, x| x[0] ^ x[1]));
        cases.push(Case::new("", &[unsigned(w)], |_, x| !x[0]));
    }
    for w in [4, 8, 16, 32, 62] {
        cases.push(Case::new("_or", &[unsigned(w)], |_, x| x[0].reduce_or()));
        cases.push(Case::new("_and", &[unsigned(w)], |_, x| x[0].reduce_and()));
    }
    for w in [4, 8, 12, 16, 24, 32, 48, 62] {
        cases.push(Case::new("", &[unsigned(w)], |_, x| x[0].lzc()));
    }
    cases
}

fn selections() -> Vec<Case> {
    let mut cases = vec![];
    for w in [1, 8, 16, 32, 64, 256] {
        cases.push(Case::new("", &[unsigned(1), unsigned(w), unsigned(w)], |_, x| x[0].mux(x[1], x[2])));
    }
    for (w, amount) in [(8, 3), (16, 2), (16, 4), (24, 5), (32, 5), (48, 6), (62, 6)] {
        cases.push(Case::new("", &[unsigned(w), unsigned(amount)], |_, x| x[0].shr(x[1])));
    }
    for (w, amount) in [(16, 4), (32, 5)] {
        cases.push(Case::new("_left", &[unsigned(w), unsigned(amount)], |_, x| x[0].shl_truncating(x[1], w)));
    }
    cases
}

fn storage() -> Vec<Case> {
    let mut cases = vec![];
    for (rows, w) in [(8, 8), (8, 24), (16, 16), (32, 16), (64, 16), (128, 16), (256, 12)] {
        // 2^x − 1 on [0, 1).
        let row = |i: u32| ((f64::from(i) / f64::from(rows)).exp2() - 1.0) * f64::from(1u32 << w);
        let rows: Vec<u64> = (0..rows).map(|i| row(i) as u64).collect();
        let index = unsigned(hdl::index_width(rows.len() as u32));
        cases.push(Case::new("", &[index], |_, x| x[0].table(&rows, w)));
    }
    for (entries, w) in [(2, 16), (4, 16), (5, 16), (8, 16), (2, 64), (4, 64), (2, 256)] {
        let address = hdl::address(entries);
        // Only the address of the read comes out of a register: the write port is fed from outside and not timed.
        cases.push(Case::new("", &[address], |b, x| {
            let file = b.file("f", entries, unsigned(w));
            let write = [b.input("wa", address), b.input("wd", unsigned(w)), b.input("we", unsigned(1))];
            file.write(write[0], write[1], write[2]);
            file.read(x[0])
        }));
    }
    cases
}

/// A signal that selects in each copy of an array.
fn arrays() -> Vec<Case> {
    let case = |copies: u32| {
        let inputs = [unsigned(1), unsigned(COPY_BITS).times(copies)];
        let design = between_registers(&inputs, |b, x| {
            let kind = Kind { name: "copy", doc: "y = s & a" };
            let inputs = [("s", x[0].into()), ("a", each(x[1]))];
            b.call_array("copy", copies, kind, &inputs, |m, x| vec![("y", x[0].mux(x[1], m.zero(x[1].ty())))])
                [0]
        });
        Case { operation: Operation { kind: OpKind::Fanout, n: copies, m: 1 }, variant: "", design }
    };
    [1, 4, 16, 64, 256].map(case).to_vec()
}
