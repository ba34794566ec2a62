//! Random designs: the compiled simulator against a naive one, on every vector unit and with several stimuli.

mod common;

use common::Naive;
use hdl::*;
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sim::{Observe, Program, VectorUnit};
use std::collections::BTreeSet;

/// A random signal with the type asked for, made from what there is.
struct Maker<'b> {
    b: &'b ModuleBuilder,
    rng: StdRng,
    pool: Vec<Signal<'b>>,
    fresh: u32,
}

impl<'b> Maker<'b> {
    fn new(b: &'b ModuleBuilder, seed: u64, pool: Vec<Signal<'b>>) -> Self {
        Maker { b, rng: StdRng::seed_from_u64(seed), pool, fresh: 0 }
    }

    fn any(&mut self) -> Signal<'b> {
        // Recent signals are taken more often, which makes deep graphs.
        let n = self.pool.len();
        let back = self.rng.random_range(0..n).min(self.rng.random_range(0..n));
        self.pool[n - 1 - back]
    }

    fn scalar(&mut self) -> Signal<'b> {
        let s = self.any();
        let s = if s.ty().is_scalar() { s } else { s.element(self.rng.random_range(0..s.ty().count)) };
        if s.width() <= 64 {
            return s;
        }
        let width = self.rng.random_range(1..=64);
        let lo = self.rng.random_range(0..=s.width() - width);
        s.slice(lo + width - 1, lo)
    }

    /// A scalar of at most `max` bits with this sign.
    fn number(&mut self, max: u32, signed: bool) -> Signal<'b> {
        let s = self.scalar().reinterpret(signed);
        if s.width() > max { s.truncate(max) } else { s }
    }

    fn of(&mut self, ty: Type) -> Signal<'b> {
        if ty.count > 1 {
            let parts: Vec<_> = (0..ty.count).map(|_| self.of(ty.element())).collect();
            return self.b.bundle(&parts);
        }
        let s = self.scalar().reinterpret(ty.signed);
        if s.width() >= ty.width { s.truncate(ty.width) } else { s.extend(ty.width) }
    }

    fn bit(&mut self) -> Signal<'b> {
        let s = self.scalar();
        s.bit(self.rng.random_range(0..s.width()))
    }

    fn ty(&mut self) -> Type {
        let count = if self.rng.random_bool(0.3) { self.rng.random_range(2..9) } else { 1 };
        let width = match self.rng.random_range(0..20) {
            0 => self.rng.random_range(65..200),
            1..6 => self.rng.random_range(30..=64),
            _ => self.rng.random_range(1..30),
        };
        Type { width, count, signed: self.rng.random_bool(0.4) }
    }

    fn name(&mut self, base: &str) -> String {
        self.fresh += 1;
        format!("{base}{}", self.fresh)
    }

    fn grow(&mut self) {
        let signed = self.rng.random_bool(0.5);
        let new = match self.rng.random_range(0..31) {
            0..3 => self.number(63, signed) + self.number(63, signed),
            3..5 => self.number(63, signed) - self.number(63, signed),
            5..7 => {
                let a = self.number(63, signed);
                a * self.number(64 - a.width(), signed)
            }
            7 => -self.number(63, signed),
            8 => {
                let (a, b) = (self.number(64, signed), self.number(64, signed));
                match self.rng.random_range(0..4) {
                    0 => a.eq(b),
                    1 => a.ne(b),
                    2 => a.lt(b),
                    _ => a.le(b),
                }
            }
            9 => {
                let (a, n) = (self.number(64, signed), self.number(64, false));
                let n = if self.rng.random_bool(0.7) && n.width() > 6 { n.truncate(6) } else { n };
                let width = self.rng.random_range(1..=64);
                if self.rng.random_bool(0.5) { a.shr(n) } else { a.shl_truncating(n, width) }
            }
            10..13 => {
                let (s, ty) = (self.bit(), self.ty());
                s.mux(self.of(ty), self.of(ty))
            }
            13..15 => {
                let ty = self.ty();
                let (a, b) = (self.of(ty), self.of(ty));
                match self.rng.random_range(0..4) {
                    0 => !a,
                    1 => a & b,
                    2 => a | b,
                    _ => a ^ b,
                }
            }
            15 => {
                let n = self.rng.random_range(1..5);
                let parts: Vec<_> = (0..n).map(|_| self.any()).filter(|s| s.ty().bits() < 300).collect();
                if parts.is_empty() { self.bit() } else { self.b.concat(&parts) }
            }
            16 => {
                let n = self.number(64, signed).width();
                let a = self.number(64 - n.min(20), signed);
                a.shl_const(self.rng.random_range(0..=n.min(20)))
            }
            17 => {
                let rows: Vec<u64> = (0..self.rng.random_range(1..9)).map(|_| self.rng.random()).collect();
                let index = self.number(64, false);
                let rows = &rows[..rows.len().min(1 << index.width().min(4))];
                index.table(rows, 64)
            }
            18 => self.number(64, false).lzc(),
            19 => {
                let s = self.any();
                match self.rng.random_range(0..3) {
                    0 => s.reduce_or(),
                    1 => s.reduce_and(),
                    _ => s.reduce_xor(),
                }
            }
            20 => {
                let s = self.any();
                let divisors: Vec<u32> =
                    (1..=s.ty().bits().min(64)).filter(|n| s.ty().bits() % n == 0).collect();
                let count = divisors[self.rng.random_range(0..divisors.len())];
                s.regroup(count, s.ty().bits() / count)
            }
            21 => {
                let ty = Type { width: self.rng.random_range(1..60), count: 8, signed };
                self.of(ty).sum()
            }
            22 => {
                let s = self.any();
                let start = self.rng.random_range(0..s.ty().count);
                s.elements(start, self.rng.random_range(1..=s.ty().count - start))
            }
            23 => {
                let s = self.any();
                if s.ty().count > 20 { self.bit() } else { s.broadcast(self.rng.random_range(2..5)) }
            }
            24 => {
                let width = self.rng.random_range(1..=64);
                let pattern: u64 = self.rng.random();
                self.b.lit(pattern >> (64 - width), width)
            }
            25 => self.register(),
            26 => self.file(),
            27 => self.memory(),
            28 => {
                let mut s = self.any();
                for _ in 0..self.rng.random_range(1..5) {
                    let name = self.name("delay");
                    let r = self.b.register(&name, s.ty());
                    r.set(s);
                    self.pool.push(r.q);
                    s = r.q;
                }
                s
            }
            _ => {
                let s = self.scalar();
                let ty = Type { count: 1, ..self.ty() };
                let wide = self.of(ty);
                let width = self.rng.random_range(1..=wide.width());
                let lo = self.rng.random_range(0..=wide.width() - width);
                self.pool.push(s.to_signed());
                wide.slice(lo + width - 1, lo)
            }
        };
        if new.ty().bits() <= 2000 {
            self.pool.push(new);
        }
    }

    fn register(&mut self) -> Signal<'b> {
        let ty = self.ty();
        let name = self.name("state");
        let mut r = self.b.register(&name, ty);
        if self.rng.random_bool(0.4) {
            r = r.reset(self.rng.random::<u64>() & (u64::MAX >> (64 - ty.width.min(64))));
        }
        if self.rng.random_bool(0.4) {
            r = r.enable(self.bit());
        }
        self.pool.push(r.q);
        if self.rng.random_bool(0.5) {
            (0..3).for_each(|_| self.grow());
        }
        let next = self.of(ty);
        r.set(next);
        r.q
    }

    fn file(&mut self) -> Signal<'b> {
        let (ty, depth) = (self.ty(), self.rng.random_range(1..9));
        let name = self.name("file");
        let file = self.b.file(&name, depth, ty);
        let addr = self.of(address(depth));
        let read = file.read(addr);
        self.pool.push(read);
        self.grow();
        let (addr, data, enable) = (self.of(address(depth)), self.of(ty), self.bit());
        file.write(addr, data, enable);
        read
    }

    fn memory(&mut self) -> Signal<'b> {
        let (ty, depth) = (self.ty(), self.rng.random_range(1..9));
        let name = self.name("memory");
        let memory = self.b.memory(&name, depth, ty, false);
        let (addr, enable) = (self.of(address(depth)), self.bit());
        let read = memory.read(addr, enable);
        self.pool.push(read);
        self.grow();
        let (addr, data, enable) = (self.of(address(depth)), self.of(ty), self.bit());
        memory.write(addr, data, enable);
        read
    }

    /// An array of a random kind, which has arrays of its own down to `levels`.
    fn array(&mut self, levels: u32, size: usize) -> Vec<Signal<'b>> {
        let count = self.rng.random_range(1..6);
        let seed: u64 = self.rng.random();
        let name = format!("kind_{levels}_{seed:x}");
        let mut inputs = vec![];
        for port in ["a", "b", "c", "d"] {
            let ty = self.ty();
            inputs.push((
                port,
                if self.rng.random_bool(0.5) {
                    Arg::from(self.of(ty))
                } else {
                    each(self.of(ty.times(count)))
                },
            ));
        }
        let instance = self.name("inst");
        let kind = Kind { name: &name, doc: "random" };
        self.b.call_array(&instance, count, kind, &inputs, |b, inputs| {
            let mut maker = Maker::new(b, seed, inputs.to_vec());
            maker.fill(levels, size);
            let last = maker.pool.len() - 1;
            vec![("x", maker.pool[last]), ("y", maker.any()), ("z", maker.scalar())]
        })
    }

    fn fill(&mut self, levels: u32, size: usize) {
        for _ in 0..size {
            self.grow();
            if levels > 0 && self.rng.random_bool(0.1) {
                let out = self.array(levels - 1, size);
                self.pool.extend(out.into_iter().filter(|s| s.ty().bits() <= 4000));
            }
        }
    }
}

fn random_design(seed: u64, size: usize) -> Design {
    let result = elaborate("top", "random", None, Reset::default(), |b| {
        let types = [
            Type::unsigned(1),
            Type::unsigned(16),
            Type::signed(33),
            Type::unsigned(64),
            Type::signed(100),
            Type::unsigned(8).times(12),
        ];
        let names = ["bit", "half", "long", "word", "wide", "bytes"];
        let inputs = names.iter().zip(types).map(|(name, ty)| b.input(name, ty)).collect();
        let mut maker = Maker::new(b, seed, inputs);
        maker.fill(2, size);
        let pool = maker.pool.clone();
        for (i, s) in pool.iter().skip(6).enumerate().filter(|(i, _)| i % 3 == 0) {
            b.output(&format!("y{i}"), *s);
        }
    });
    result.unwrap_or_else(|e| panic!("seed {seed}: {e}"))
}

fn random_words(rng: &mut StdRng, ty: Type) -> Vec<u64> {
    let mut words = vec![];
    for _ in 0..ty.count {
        for lo in (0..ty.width).step_by(64) {
            let width = (ty.width - lo).min(64);
            let word: u64 = rng.random();
            // Zeros and ones alone meet more corner cases than uniform words do.
            let word = match rng.random_range(0..5) {
                0 => 0,
                1 => u64::MAX,
                2 => word & 7,
                _ => word,
            };
            words.push(word & (u64::MAX >> (64 - width)));
        }
    }
    words
}

fn check(design: &Design, seed: u64, stimuli: usize, cycles: usize, observe: Observe) {
    let program = Program::compile_observed(design, observe).unwrap();
    let mut naive: Vec<Naive<'_>> = (0..stimuli).map(|_| Naive::new(design)).collect();
    let mut sims: Vec<_> =
        VectorUnit::available().into_iter().map(|unit| program.simulator_on(unit, stimuli)).collect();
    let mut rng = StdRng::seed_from_u64(seed);
    for cycle in 0..cycles {
        for (s, naive) in naive.iter_mut().enumerate() {
            for (_, port) in design.top().inputs() {
                let words = random_words(&mut rng, port.ty);
                naive.set(&port.name, &words);
                let handle = program.input(&port.name).unwrap();
                sims.iter_mut().for_each(|sim| sim.set(handle, s, &words));
            }
        }
        for sim in &mut sims {
            match cycle % 3 {
                0 => sim.step(),
                1 => sim.eval(),
                _ => {
                    sim.eval();
                    sim.clock();
                }
            }
        }
        for (_, port) in design.top().outputs() {
            let handle = program.output(&port.name).unwrap();
            for (s, naive) in naive.iter_mut().enumerate() {
                let expected = naive.get(&port.name);
                for sim in &sims {
                    let found = sim.get(handle, s);
                    assert_eq!(
                        expected, found,
                        "seed {seed} cycle {cycle} stimulus {s} `{}` {}",
                        port.name, port.ty
                    );
                }
            }
        }
        naive.iter_mut().for_each(Naive::clock);
        if cycle % 3 == 1 {
            sims.iter_mut().for_each(sim::Simulator::clock);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_naive_simulator(seed: u64, size in 3usize..40, stimuli in 1usize..6) {
        check(&random_design(seed, size), seed, stimuli, 8, Observe::Ports);
    }

    #[test]
    fn agrees_when_everything_is_observed(seed: u64, size in 3usize..40) {
        check(&random_design(seed, size), seed, 2, 5, Observe::All);
    }
}

/// Operations that some node of the design does.
fn operations(design: &Design) -> BTreeSet<&'static str> {
    design.modules.iter().flat_map(|m| m.nodes.iter().map(|n| n.op.mnemonic())).collect()
}

/// The designs above would show little if they left out an operation.
#[test]
fn every_operation_occurs() {
    let met: BTreeSet<_> = (0..25).flat_map(|seed| operations(&random_design(seed, 25))).collect();
    let all = "add all and any broadcast bundle concat const elements eq input le lt lzc mem mul mux ne neg not or \
               out parity read reg regroup resize shl shr slice sub sum table xor";
    assert_eq!(met, all.split_whitespace().collect());
}

/// Windows of sliding registers are copied back after some tens of cycles.
#[test]
fn agrees_over_many_cycles() {
    for seed in 0..5 {
        check(&random_design(seed, 15), seed, 3, 150, Observe::Ports);
    }
}

/// A few designs, and with `FLASHRTL_NIGHTLY=1` a few hundred.
#[test]
fn agrees_on_many_designs() {
    let nightly = std::env::var("FLASHRTL_NIGHTLY").as_deref() == Ok("1");
    for seed in 1000..if nightly { 1300 } else { 1010 } {
        let size = 3 + seed as usize % 40;
        check(&random_design(seed, size), seed, 1 + seed as usize % 17, 6, Observe::Ports);
    }
}
