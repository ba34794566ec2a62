//! `flash-d-lse`: softmax division hidden in a sigmoid (FLASH-D, arXiv 2505.14201), with a state that survives
//! quantisation: the base-2 log-sum-exp c of the scores met so far.
//!
//! ```text
//! x = s − c    w = 1/(1 + 2^-x)    c' = max(s, c) + log2(1 + 2^-|x|)    o' = o + (v − o)·w     result = o
//! ```
//! No maximum, no sum, no division. The scalar path is all integer ([`numerics::lse`]); an element of o takes one
//! subtraction, one product with the U bits of u and one addition. A first key has c' = s and o' = v.

use super::{Kernel, KernelEntry, QueryModel, Step, Width, state};
use crate::config::{ConfigError, EngineConfig, Section, enough_bits};
use crate::engine::EngineSpec;
use arith::float::{Range, Raw, constant, float_type, policy_suffix, round_pack, unpack};
use arith::lse::Lse;
use arith::{FpAdd, FpConvert};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, Update, each};
use numerics::lse::{Accumulator, LSE_PRESETS, LseKernel, LseSpec, LseState};
use numerics::{Format, Policy};
use std::sync::Arc;

/// The kernel.
#[derive(Clone, Copy, Debug)]
pub struct FlashDLse {
    /// Widths and tables of the scalar path.
    pub spec: LseSpec,
    /// Keys with |x| at or above this many octaves hold or replace the state; 0 for none.
    pub skip_threshold: u32,
}

/// The registry entry.
pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "flash-d-lse",
    summary: "FLASH-D (arXiv 2505.14201) with a base-2 log-sum-exp state: no maximum, no sum, no division",
    options: &["preset", "c_fraction_bits", "weight_bits", "skip_threshold"],
    read,
};

fn read(section: &mut Section<'_>) -> Result<Arc<dyn Kernel>, ConfigError> {
    let preset = section.choice("preset", LSE_PRESETS, Some(LseSpec::MID))?;
    let fc = section.integer("c_fraction_bits", 1..=24, Some(i64::from(preset.fc)))? as u32;
    let u_bits = section.integer("weight_bits", 1..=16, Some(i64::from(preset.u_bits)))? as u32;
    let spec = LseSpec { fc, u_bits, ..preset };
    if let Err(problem) = spec.check() {
        return Err(section.error("preset", format!("with these options: {problem}")));
    }
    let skip_threshold = section.integer("skip_threshold", 0..=64, Some(0))? as u32;
    Ok(Arc::new(FlashDLse { spec, skip_threshold }))
}

impl Kernel for FlashDLse {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn options(&self) -> toml::Table {
        let same = |s: &LseSpec| LseSpec { fc: self.spec.fc, u_bits: self.spec.u_bits, ..*s } == self.spec;
        let preset = LSE_PRESETS.iter().find(|(_, s)| s.u_bits == self.spec.u_bits && same(s));
        let preset = preset.or_else(|| LSE_PRESETS.iter().find(|(_, s)| same(s)));
        toml::Table::from_iter([
            ("preset".to_string(), preset.expect("the kernel was read from a preset").0.into()),
            ("c_fraction_bits".to_string(), i64::from(self.spec.fc).into()),
            ("weight_bits".to_string(), i64::from(self.spec.u_bits).into()),
            ("skip_threshold".to_string(), i64::from(self.skip_threshold).into()),
        ])
    }

    fn warnings(&self, engine: &EngineConfig) -> Vec<String> {
        let (format, keys) = (&engine.format, engine.array.max_keys);
        let wanted = self.spec.score_int_bits + self.spec.fs - 1;
        let coarse = (format.score.man_bits + 1 < wanted).then(|| {
            format!(
                "format.score = \"{}\" rounds large scores more coarsely than kernel flash-d-lse does; use \"m{}\"",
                format.score,
                wanted - 1
            )
        });
        let enough = enough_bits(keys).min(12);
        let flat = (format.accumulator.man_bits < enough).then(|| {
            format!(
                "format.accumulator = \"{}\" lets o drift over array.max_keys = {keys}: a weight below half a place of o \
                 is lost (bf16, uniform attention over 4096 keys: 100 % where v drifts); use \"m{enough}\"",
                format.accumulator
            )
        });
        coarse.into_iter().chain(flat).collect()
    }

    fn widths(&self, _: &EngineSpec) -> Vec<Width> {
        vec![
            Width {
                name: "base-2 score",
                bits: self.spec.score_bits(),
                reason: "integer and fraction bits of s",
            },
            Width {
                name: "log-sum-exp c",
                bits: self.spec.c_bits(),
                reason: "head-room for any number of keys",
            },
            Width {
                name: "weight u",
                bits: self.spec.u_bits,
                reason: "significant bits of the smaller weight",
            },
        ]
    }

    fn lane<'m>(&self, m: &'m ModuleBuilder, spec: &EngineSpec, step: &Step<'m>) -> Signal<'m> {
        let format = spec.accumulator;
        let control = self.scalar_path(m, spec, step);
        let name = format!(
            "lse_element_{}_u{}_i{}{}",
            format.name(),
            self.spec.u_bits,
            spec.interleave,
            policy_suffix(&spec.policy)
        );
        let kind = Kind { name: &name, doc: "o = o + (v - o) * u * 2^-(U+k), or v - (v - o) * u * 2^-(U+k)" };
        let inputs = [
            ("v", each(step.v)),
            ("u", control.u.into()),
            ("k", control.k.into()),
            ("keeps_o", control.keeps_o.into()),
            ("moves", control.moves.into()),
            ("slot", step.slot.into()),
            ("write", control.write.into()),
        ];
        let element =
            Element { format, policy: spec.policy, u_bits: self.spec.u_bits, interleave: spec.interleave };
        let o = m.call_array("element", spec.head_dim, kind, &inputs, |m, x| element.body(m, x))[0];
        FpConvert { from: format, to: spec.output, policy: spec.policy }.call(m, "to_output", o)
    }

    fn model(&self, spec: &EngineSpec) -> Box<dyn QueryModel> {
        let accumulator = Accumulator::Float(spec.accumulator);
        let kernel = LseKernel::new(self.spec, accumulator, spec.accumulator, spec.policy);
        let kernel = kernel.expect("checked with the configuration");
        let kernel = if self.skip_threshold > 0 { kernel.with_skip(self.skip_threshold) } else { kernel };
        Box::new(Model { spec: spec.clone(), lse: self.spec, kernel, state: None })
    }
}

/// What every element of the lane is told.
struct Control<'m> {
    /// Weight u·2^-(U+k) of the smaller side.
    u: Signal<'m>,
    k: Signal<'m>,
    /// The larger side is o, not v.
    keeps_o: Signal<'m>,
    /// The smaller side counts; 0 on a first key, a skipped one and one that is not met.
    moves: Signal<'m>,
    /// The slot's state is written.
    write: Signal<'m>,
}

impl FlashDLse {
    fn scalar_path<'m>(&self, m: &'m ModuleBuilder, spec: &EngineSpec, step: &Step<'m>) -> Control<'m> {
        let lse = Lse { spec: self.spec };
        let score = lse.quantize_score(m, "base2_score", spec.score(), step.score);
        let score = lse.align_score(score).named("score_aligned");
        let var = state(spec, "c", lse.c_type());
        m.feedback(var, step.slot, &[score, step.fresh, step.update], |c, x| {
            let &[score, fresh, update] = x else { unreachable!("three inputs") };
            let argument = lse.argument(m, c, score);
            let w = lse.gain(m, "gain", argument, None);
            let (hold, replace) = self.skips(m, argument);
            let larger = w.neg.mux(c, score).named("larger");
            let next = (larger + w.g.to_signed()).truncate(lse.c_type().width);
            let first = (fresh | replace).named("first");
            let next = first.mux(score, next).named("c_next");
            let write = (update & !(hold & !fresh)).named("write");
            let moves = (write & !first).named("moves");
            let keeps_o = ((w.neg & !first) | !write).named("keeps_o");
            Update { next, enable: write, out: Control { u: w.u, k: w.k, keeps_o, moves, write } }
        })
    }

    /// x ≤ −T and x ≥ T.
    fn skips<'m>(&self, m: &'m ModuleBuilder, x: Signal<'m>) -> (Signal<'m>, Signal<'m>) {
        if self.skip_threshold == 0 {
            return (m.lit(0, 1), m.lit(0, 1));
        }
        let threshold = i64::from(self.skip_threshold) << self.spec.fx;
        (x.le(constant(m, -threshold)).named("holds"), x.ge(constant(m, threshold)).named("replaces"))
    }
}

/// One element of a floating-point o.
#[derive(Clone, Copy)]
struct Element {
    format: Format,
    policy: Policy,
    u_bits: u32,
    interleave: u32,
}

impl Element {
    fn body<'m>(&self, m: &'m ModuleBuilder, x: &[Signal<'m>]) -> Outputs<'m> {
        let &[v, u, k, keeps_o, moves, slot, write] = x else { unreachable!("seven inputs") };
        let add = FpAdd { format: self.format, policy: self.policy };
        let var = hdl::StateVar { name: "o", interleave: self.interleave, ty: float_type(self.format) };
        let o = m.feedback(var, slot, &[v, u, k, keeps_o, moves, write], |o, x| {
            let &[v, u, k, keeps_o, moves, write] = x else { unreachable!("six inputs") };
            let difference = add.call_sub(m, "sub", v, o).named("difference");
            let share = self.scaled(m, difference, u, k);
            let larger = keeps_o.mux(o, v).named("larger");
            // Nothing to add is -0, which leaves every number as it is.
            let width = share.width();
            let (subtracts, nothing) = ((!keeps_o).named("subtracts"), (!moves).named("nothing"));
            let sign = (share.msb() ^ subtracts) | nothing;
            let magnitude = moves.mux(share.low(width - 1), m.zero(Type::unsigned(width - 1)));
            let addend = m.concat(&[sign, magnitude]).named("addend");
            let next = add.call(m, "add", larger, addend).named("o_next");
            Update { next, enable: write, out: next }
        });
        vec![("o", o)]
    }

    /// `d·u·2^-(U+k)` rounded once.
    fn scaled<'m>(&self, m: &'m ModuleBuilder, d: Signal<'m>, u: Signal<'m>, k: Signal<'m>) -> Signal<'m> {
        let name = format!(
            "lse_share_{}_u{}_k{}{}",
            self.format.name(),
            self.u_bits,
            k.width(),
            policy_suffix(&self.policy)
        );
        let kind = Kind { name: &name, doc: "y = round(d * u * 2^-(U+k))" };
        m.call("share", kind, &[("d", d), ("u", u), ("k", k)], |m, x| {
            let (u, k) = (x[1], x[2]);
            let d = unpack(self.format, x[0], "d");
            let exp = (d.exp.to_signed() - k.to_signed()).named("exp_shifted");
            let raw = if self.u_bits == 1 {
                Raw { sign: d.sign, exp: exp - constant(m, 1), sig: d.sig, zero: !d.nonzero | !u }
            } else {
                let product = (d.sig * u).named("product");
                let (sig, leading_zeros) = arith::float::normalize(product);
                let exp = exp - leading_zeros.to_signed();
                Raw { sign: d.sign, exp: exp.named("exp"), sig, zero: !(d.nonzero & u.reduce_or()) }
            };
            vec![("y", round_pack(self.format, &self.policy, raw, Range::NO_OVERFLOW))]
        })[0]
    }
}

struct Model {
    spec: EngineSpec,
    lse: LseSpec,
    kernel: LseKernel,
    state: Option<LseState>,
}

impl QueryModel for Model {
    fn step(&mut self, score: u64, v: &[u64]) {
        let score = self.lse.quantize_score(self.spec.score(), score, true);
        self.state = Some(self.kernel.step(self.state.take(), score, v, 0));
    }

    fn result(&self) -> Vec<u64> {
        self.kernel.output(self.state.as_ref().expect("a key was met"), self.spec.output)
    }
}
