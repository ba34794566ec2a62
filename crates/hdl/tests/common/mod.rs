//! Designs that use everything the graph has, with plain models of what they compute.
#![allow(dead_code)]

use hdl::{Design, Kind, ModuleBuilder, Outputs, Reset, Signal, Type, address, each, elaborate};

/// A small deterministic random generator (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A pattern of `bits` bits; all zeros, all ones and a lone top bit more often than chance.
    pub fn pattern(&mut self, bits: u32) -> u128 {
        let mask = u128::MAX >> (128 - bits);
        match self.next() % 8 {
            0 => 0,
            1 => mask,
            2 => 1 << (bits - 1),
            _ => (u128::from(self.next()) << 64 | u128::from(self.next())) & mask,
        }
    }
}

/// A pattern in 64-bit words.
pub fn words(pattern: u128, bits: u32) -> Vec<u64> {
    let all = [pattern as u64, (pattern >> 64) as u64];
    all[..bits.div_ceil(64) as usize].to_vec()
}

/// The pattern in 64-bit words.
pub fn pattern(words: &[u64]) -> u128 {
    words.iter().rev().fold(0, |p, &w| p << 64 | u128::from(w))
}

/// The integer a two's complement pattern of `bits` bits denotes.
pub fn signed(pattern: u128, bits: u32) -> i128 {
    (pattern << (128 - bits)) as i128 >> (128 - bits)
}

// ---- every combinational operation ----

/// Inputs of the zoo.
pub struct Inputs<'b> {
    pub m: &'b ModuleBuilder,
    pub a: Signal<'b>,
    pub b: Signal<'b>,
    pub s: Signal<'b>,
    pub t: Signal<'b>,
    pub n: Signal<'b>,
    pub sel: Signal<'b>,
    pub w: Signal<'b>,
    pub x: Signal<'b>,
    pub v: Signal<'b>,
}

/// Name and type of each input of the zoo.
pub const PORTS: [(&str, Type); 9] = [
    ("a", Type::unsigned(7)),
    ("b", Type::unsigned(9)),
    ("s", Type::signed(8)),
    ("t", Type::signed(5)),
    ("n", Type::unsigned(4)),
    ("sel", Type::unsigned(1)),
    ("w", Type::unsigned(100)),
    ("x", Type::signed(70)),
    ("v", Type::signed(6).times(5)),
];

/// The values of the inputs, as the integers they denote.
pub struct Values {
    pub a: i128,
    pub b: i128,
    pub s: i128,
    pub t: i128,
    pub n: i128,
    pub sel: bool,
    pub w: u128,
    pub x: i128,
    pub v: [i128; 5],
}

impl Values {
    pub fn new(patterns: &[u128; 9]) -> Values {
        let plain = |i: usize| patterns[i] as i128;
        Values {
            a: plain(0),
            b: plain(1),
            s: signed(patterns[2], 8),
            t: signed(patterns[3], 5),
            n: plain(4),
            sel: patterns[5] == 1,
            w: patterns[6],
            x: signed(patterns[7], 70),
            v: std::array::from_fn(|i| signed(patterns[8] >> (6 * i) & 63, 6)),
        }
    }
}

/// One output of the zoo: how it is built, and the integer it must show (its low bits).
pub struct Case {
    pub name: &'static str,
    pub build: for<'b> fn(&Inputs<'b>) -> Signal<'b>,
    pub expect: fn(&Values) -> i128,
}

macro_rules! cases {
    ($($name:ident: |$i:ident| $build:expr, |$v:ident| $expect:expr;)*) => {
        vec![$(Case {
            name: stringify!($name),
            build: { fn build<'b>($i: &Inputs<'b>) -> Signal<'b> { $build } build },
            expect: |$v| $expect,
        }),*]
    };
}

const MASK100: i128 = (1 << 100) - 1;

pub fn cases() -> Vec<Case> {
    cases! {
        add_u: |i| i.a + i.b, |v| v.a + v.b;
        add_s: |i| i.s + i.t, |v| v.s + v.t;
        sub_u: |i| i.a - i.b, |v| v.a - v.b;
        sub_s: |i| i.t - i.s, |v| v.t - v.s;
        mul_u: |i| i.a * i.b, |v| v.a * v.b;
        mul_s: |i| i.s * i.t, |v| v.s * v.t;
        neg_u: |i| -i.a, |v| -v.a;
        neg_s: |i| -i.s, |v| -v.s;
        not_u: |i| !i.a, |v| !v.a;
        not_1: |i| !i.sel, |v| i128::from(!v.sel);
        not_w: |i| !i.w, |v| !(v.w as i128);
        and_v: |i| i.v & i.v.element(2).broadcast(5), |v| pack(&v.v.map(|e| e & v.v[2]), 6);
        or_s: |i| i.s | i.t.extend(8), |v| v.s | v.t;
        xor_w: |i| i.w ^ i.x.extend(100).reinterpret(false), |v| v.w as i128 ^ (v.x & MASK100);
        eq_u: |i| i.a.eq(i.b), |v| i128::from(v.a == v.b);
        eq_s: |i| i.s.eq(i.t), |v| i128::from(v.s == v.t);
        ne_s: |i| i.t.ne(i.s), |v| i128::from(v.s != v.t);
        lt_u: |i| i.a.lt(i.b), |v| i128::from(v.a < v.b);
        lt_s: |i| i.s.lt(i.t), |v| i128::from(v.s < v.t);
        le_s: |i| i.s.le(i.t), |v| i128::from(v.s <= v.t);
        le_u: |i| i.b.le(i.a), |v| i128::from(v.b <= v.a);
        shl_u: |i| i.a.shl_truncating(i.n, 12), |v| v.a << v.n;
        shl_s: |i| i.t.shl_truncating(i.n, 17), |v| v.t << v.n;
        shl_far: |i| i.a.shl_truncating(i.b, 20), |v| if v.b > 20 { 0 } else { v.a << v.b };
        shr_u: |i| i.b.shr(i.n), |v| v.b >> v.n;
        shr_s: |i| i.s.shr(i.n), |v| v.s >> v.n;
        shr_far: |i| i.s.shr(i.b), |v| v.s >> v.b.min(100);
        mux_u: |i| i.sel.mux(i.a, i.b), |v| if v.sel { v.a } else { v.b };
        mux_v: |i| i.sel.mux(i.v, !i.v), |v| pack(&v.v.map(|e| if v.sel { e } else { !e }), 6);
        slice_w: |i| i.w.slice(98, 31), |v| (v.w >> 31 & ((1 << 68) - 1)) as i128;
        bit_s: |i| i.s.msb(), |v| i128::from(v.s < 0);
        grow_u: |i| i.a.extend(70), |v| v.a;
        grow_s: |i| i.s.extend(90), |v| v.s;
        cut_w: |i| i.w.truncate(65), |v| v.w as i128;
        cut_s: |i| i.s.truncate(4), |v| v.s;
        concat: |i| i.m.concat(&[i.s, i.x, i.sel, i.a]),
            |v| (v.s & 255) << 78 | (v.x & ((1 << 70) - 1)) << 8 | i128::from(v.sel) << 7 | v.a;
        table: |i| i.n.table(&[3, 1, 4, 1, 5, 9, 2, 6, 5], 5), |v| [3, 1, 4, 1, 5, 9, 2, 6, 5][v.n.min(8) as usize];
        table_full: |i| i.sel.table(&[0, u64::MAX], 64), |v| if v.sel { u64::MAX.into() } else { 0 };
        lzc: |i| i.b.lzc(), |v| (0..9).take_while(|k| v.b >> (8 - k) & 1 == 0).count() as i128;
        lzc_1: |i| i.sel.lzc(), |v| i128::from(!v.sel);
        any: |i| i.w.reduce_or(), |v| i128::from(v.w != 0);
        all: |i| i.w.reduce_and(), |v| i128::from(v.w as i128 == MASK100);
        parity: |i| i.v.reduce_xor(), |v| i128::from(pack(&v.v, 6).count_ones() % 2);
        bundle: |i| i.m.bundle(&[i.v, i.s.truncate(6), i.v.element(4)]),
            |v| pack(&[v.v[0], v.v[1], v.v[2], v.v[3], v.v[4], v.s, v.v[4]], 6);
        elements: |i| i.v.elements(1, 3), |v| pack(&v.v[1..4], 6);
        broadcast: |i| i.m.bundle(&[i.a, i.a.reinterpret(false)]).broadcast(3), |v| pack(&[v.a; 6], 7);
        regroup: |i| i.v.regroup(10, 3).element(9), |v| v.v[4] >> 3 & 7;
        sum_s: |i| i.v.sum(), |v| v.v.iter().sum();
        sum_u: |i| i.w.regroup(20, 5).sum(), |v| (0..20).map(|k| (v.w >> (5 * k) & 31) as i128).sum();
        const_wide: |i| i.m.zero(Type::unsigned(80)) | i.w.slice(79, 0), |v| v.w as i128;
        const_s: |i| i.s + i.m.lit_signed(-77, 8), |v| v.s - 77;
        saturate: |i| i.s.saturate(5), |v| v.s.clamp(-16, 15);
        wire: |i| {
            let wire = i.m.wire("loop_free", Type::unsigned(10));
            let y = wire + i.a;
            i.m.drive(wire, i.a + i.b.truncate(9));
            y
        }, |v| v.a + v.a + v.b;
    }
}

fn pack(elements: &[i128], width: u32) -> i128 {
    elements.iter().rev().fold(0, |p, e| p << width | e & ((1 << width) - 1))
}

/// A module with one output `y_<case>` per case.
pub fn zoo() -> Design {
    elaborate("zoo", "One output per operation.", None, Reset::default(), |m| {
        let [a, b, s, t, n, sel, w, x, v] = PORTS.map(|(name, ty)| m.input(name, ty));
        let inputs = Inputs { m, a, b, s, t, n, sel, w, x, v };
        for case in cases() {
            m.output(&format!("y_{}", case.name), (case.build)(&inputs));
        }
    })
    .expect("the zoo is a circuit")
}

/// Random patterns for the zoo's inputs.
pub fn stimulus(random: &mut Random) -> [u128; 9] {
    PORTS.map(|(_, ty)| random.pattern(ty.bits()))
}

// ---- state and hierarchy ----

fn stage<'m>(m: &'m ModuleBuilder, inputs: &[Signal<'m>]) -> Outputs<'m> {
    let q = m.register("q", Type::unsigned(8)).reset(3);
    q.set(inputs[0]);
    vec![("next", (q.q + m.lit(1, 1)).truncate(8)), ("mix", q.q ^ inputs[0])]
}

const STAGE: Kind = Kind { name: "stage", doc: "A register; next = q + 1, mix = q ^ d." };

fn outer<'m>(m: &'m ModuleBuilder, inputs: &[Signal<'m>]) -> Outputs<'m> {
    let own = m.register("own", Type::unsigned(8));
    let inner = m.call("inner", STAGE, &[("d", own.q)], stage);
    own.set(inputs[0] ^ inner[0]);
    let late = m.call("late", STAGE, &[("d", inner[1])], stage);
    vec![("y", (late[0] + own.q).truncate(8))]
}

/// Registers with reset and enable at three levels, chains of instances, an array, a register file and a memory.
pub fn machine(reset: Reset) -> Design {
    elaborate("machine", "State of every sort.", None, reset, |m| {
        let byte = Type::unsigned(8);
        let [x, en, addr, we] =
            [("x", byte), ("en", Type::unsigned(1)), ("addr", address(4)), ("we", Type::unsigned(1))]
                .map(|(name, ty)| m.input(name, ty));
        let acc = m.register("acc", Type::unsigned(16)).reset(5).enable(en);
        acc.set((acc.q + x).truncate(16));
        m.output("acc", acc.q);
        let outer_kind = Kind { name: "outer", doc: "Two stages and a register of its own." };
        let nested = m.call("nested", outer_kind, &[("d", acc.q.low(8))], outer);
        m.output("nested", nested[0]);
        let lanes = m.bundle(&[x, nested[0], acc.q.high(8)]);
        let array = m.call_array("lane", 3, STAGE, &[("d", each(lanes))], stage);
        m.output("next", array[0]);
        m.output("total", array[1].sum());
        let file = m.file("slots", 4, byte);
        file.write(addr, x, we);
        m.output("slot", file.read(addr));
        m.output("slot0", file.read(m.lit(0, 2)));
        let memory = m.memory("tile", 4, byte.times(2), false);
        memory.write(addr, m.bundle(&[x, array[0].element(0)]), we);
        m.output("tile", memory.read((addr + m.lit(1, 1)).low(2), en));
    })
    .expect("the machine is a circuit")
}

/// What [`machine`] does, written down by hand.
pub struct Machine {
    acc: u16,
    own: u8,
    inner: u8,
    late: u8,
    lanes: [u8; 3],
    slots: [u8; 4],
    tile: [u16; 4],
    read: u16,
}

impl Machine {
    /// Power-up: reset values, zero elsewhere.
    pub fn new() -> Machine {
        Machine { acc: 5, own: 0, inner: 3, late: 3, lanes: [3; 3], slots: [0; 4], tile: [0; 4], read: 0 }
    }

    fn nested(&self) -> u8 {
        self.late.wrapping_add(1).wrapping_add(self.own)
    }

    fn lane_inputs(&self, x: u8) -> [u8; 3] {
        [x, self.nested(), (self.acc >> 8) as u8]
    }

    /// Outputs acc, nested, next, total, slot, slot0, tile in this cycle.
    pub fn outputs(&self, x: u8, addr: usize) -> [u128; 7] {
        let next = self.lanes.map(|l| l.wrapping_add(1));
        let mix: u32 = self.lanes.iter().zip(self.lane_inputs(x)).map(|(l, d)| u32::from(l ^ d)).sum();
        let next = u32::from_le_bytes([next[0], next[1], next[2], 0]);
        [
            self.acc.into(),
            self.nested().into(),
            next.into(),
            mix.into(),
            self.slots[addr].into(),
            self.slots[0].into(),
            self.read.into(),
        ]
    }

    /// The clock edge; `reset` is the synchronous reset.
    pub fn clock(&mut self, x: u8, en: bool, addr: usize, we: bool, reset: bool) {
        let lanes = self.lane_inputs(x);
        let own = self.acc as u8 ^ self.inner.wrapping_add(1);
        let (inner, late) = (self.own, self.inner ^ self.own);
        if en {
            self.acc = self.acc.wrapping_add(x.into());
            self.read = self.tile[(addr + 1) % 4];
        }
        if we {
            self.slots[addr] = x;
            self.tile[addr] = u16::from_le_bytes([x, self.lanes[0].wrapping_add(1)]);
        }
        (self.lanes, self.own, self.inner, self.late) = (lanes, own, inner, late);
        if reset {
            self.reset();
        }
    }

    /// What the reset does to registers that have a reset value.
    pub fn reset(&mut self) {
        (self.acc, self.inner, self.late, self.lanes) = (5, 3, 3, [3; 3]);
    }
}
