//! Units with their parameters, their cases, and the clock they are pipelined for.

#![allow(dead_code)] // every test file uses a part

pub mod lint;

use arith::operator::{Case, Operator, Params};
use arith::registry::OPERATORS;
use hdl::{DelayModel, Design, Timing};
use numerics::catalog::{BF16, E4M3, FP32};
use numerics::stratified::Stratified;
use numerics::{Format, Policy, Rounding};
use sim::Program;
use std::sync::Arc;

/// An operator with its parameters.
#[derive(Clone, Copy)]
pub struct Unit {
    pub operator: &'static dyn Operator,
    pub params: Params,
}

impl Unit {
    pub fn name(&self) -> String {
        format!("{} {}", self.operator.name(), self.operator.kind_name(&self.params))
    }

    pub fn reference(&self, case: &Case) -> Vec<u64> {
        self.operator.reference(&self.params, case)
    }

    fn input_bits(&self) -> u32 {
        self.operator.inputs(&self.params).iter().map(|(_, ty)| ty.bits()).sum()
    }

    /// Its operands are few enough to try them all.
    pub fn is_exhaustive(&self) -> bool {
        self.input_bits() <= 16
    }

    /// All cases of the unit if its inputs have at most 16 bits, else its directed cases and then random ones, in both
    /// cases without infinities and NaN; at least `count`.
    pub fn cases(&self, count: usize, seed: u64) -> Vec<Case> {
        let mut cases = self.operator.directed(&self.params);
        if self.is_exhaustive() {
            cases.extend(self.exhaustive());
        }
        cases
            .iter()
            .for_each(|case| assert!(self.is_legal(case), "{}: {case:x?} is no operand", self.name()));
        let mut random = Stratified::new(self.params.format, seed);
        let missing = count.saturating_sub(cases.len());
        cases.extend((0..missing).map(|_| self.operator.case(&self.params, &mut random)));
        cases
    }

    /// Every pattern of every input, in an order in which any part of the list is spread over all of them.
    fn exhaustive(&self) -> impl Iterator<Item = Case> {
        let widths: Vec<u32> = self.operator.inputs(&self.params).iter().map(|(_, ty)| ty.bits()).collect();
        let all = 1u64 << self.input_bits();
        let spread = (0..all).map(move |i| i.wrapping_mul(0x9e37_79b1) & (all - 1)); // odd: a permutation
        let split = move |mut bits: u64| {
            let mut part = |width: &u32| {
                let x = bits & ((1 << width) - 1);
                bits >>= width;
                vec![x]
            };
            widths.iter().map(&mut part).collect::<Case>()
        };
        let unit = *self;
        spread.map(split).filter(move |case| unit.is_legal(case))
    }

    fn is_legal(&self, case: &Case) -> bool {
        let inputs = self.operator.inputs(&self.params);
        let fits = |x: u64, width: u32| x >> width == 0;
        inputs.len() == case.len()
            && inputs.iter().zip(case).all(|((_, ty), elements)| {
                let finite = |x: u64| ty.signed || self.params.format.is_finite(x);
                elements.len() == ty.count as usize
                    && elements.iter().all(|&x| fits(x, ty.width) && finite(x))
            })
    }
}

/// Every operator with its defaults.
pub fn units(format: Format) -> Vec<Unit> {
    OPERATORS.iter().map(|&operator| Unit { operator, params: Params::new(operator, format) }).collect()
}

/// Every operator with each of its options, and the rounding, moved away from the default in turn.
pub fn variants(format: Format) -> Vec<Unit> {
    units(format).into_iter().flat_map(variants_of).collect()
}

fn variants_of(unit: Unit) -> Vec<Unit> {
    let base = unit.params;
    let mut all = vec![Params { policy: Policy::with_rounding(Rounding::Rtz), ..base }];
    for &option in unit.operator.options() {
        let set = |values: &[u32], set: fn(Params, u32) -> Params| -> Vec<Params> {
            values.iter().map(|&v| set(base, v)).collect()
        };
        all.extend(match option {
            "result" => [BF16, E4M3, FP32].map(|result| Params { result, ..base }).to_vec(),
            "frac_bits" => set(&[0, 1, 3], |p, v| Params { frac_bits: v, ..p }),
            "int_bits" => set(&[2, 5, 24], |p, v| Params { int_bits: v, ..p }),
            "length" => set(&[1, 3, 33], |p, v| Params { length: v, ..p }),
            "segments" => set(&[1, 4, 32], |p, v| Params { segments: v, ..p }),
            other => panic!("option `{other}` of {} is not varied: add values for it", unit.operator.name()),
        });
    }
    all.retain(|p| *p != base);
    let legal = |p: Params| {
        unit.operator.check(&p).unwrap_or_else(|e| panic!("{}: {e}", unit.operator.name()));
        Unit { params: p, ..unit }
    };
    all.into_iter().map(legal).collect()
}

/// Nangate45 at a clock.
pub fn timing(mhz: f64) -> Timing {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/platforms/nangate45.toml");
    let platform: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let model: DelayModel = platform["delay_model"]["1"].clone().try_into().unwrap();
    Timing { period_ps: 1e6 / mhz, model: Arc::new(model) }
}

/// Independent stimuli of one simulator.
pub const STIMULI: usize = 512;

/// Runs cases from random state, case n as stimulus n mod [`STIMULI`], one per cycle; per case the value of every output
/// port in the cycle in which the port shows that case's result.
pub fn simulate(design: &Design, cases: &[Case]) -> Vec<Vec<u64>> {
    let program = Program::compile(design).unwrap();
    let inputs: Vec<_> = design.top().inputs().map(|(_, p)| program.input(&p.name).unwrap()).collect();
    let outputs = design.top().outputs();
    let outputs: Vec<_> =
        outputs.map(|(_, p)| (program.output(&p.name).unwrap(), p.cycle as usize)).collect();
    let mut simulator = program.simulator(STIMULI);
    simulator.randomize(7);
    simulator.reset();
    let mut results = vec![vec![]; cases.len()];
    for cycle in 0..cases.len().div_ceil(STIMULI) + design.top().latency() as usize {
        for (s, case) in cases.iter().skip(cycle * STIMULI).take(STIMULI).enumerate() {
            inputs.iter().zip(case).for_each(|(port, value)| simulator.set(*port, s, value));
        }
        simulator.step();
        for &(port, late) in outputs.iter().filter(|(_, late)| *late <= cycle) {
            let done = results.iter_mut().skip((cycle - late) * STIMULI).take(STIMULI).enumerate();
            done.for_each(|(s, result)| result.push(simulator.get1(port, s)));
        }
    }
    results
}
