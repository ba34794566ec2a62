//! `flash-d-lse`: softmax division hidden in a sigmoid (FLASH-D, arXiv 2505.14201), with a state that survives
//! quantisation: the base-2 log-sum-exp c of the scores met so far.
//!
//! ```text
//! x = s − c    w = 1/(1 + 2^-x)    c' = max(s, c) + log2(1 + 2^-|x|)    o' = o + (v − o)·w     result = o
//! ```
//! No maximum, no sum, no division. The scalar path is all integer ([`numerics::lse`]); an element of o takes one
//! subtraction, one product with the U bits of u and one addition. A first key has c' = s and o' = v.

use super::{Kernel, KernelEntry, Model, Rescale, ScalarStep, ScalarUpdate, State, Width};
use crate::config::{ConfigError, EngineConfig, Section, enough_bits, most_summands};
use crate::engine::EngineSpec;
use arith::FpAdd;
use arith::float::{Range, Raw, clamp_amount, constant, policy_suffix, round_pack, unpack};
use arith::lse::Lse;
use hdl::{Kind, ModuleBuilder, Signal, Type, value_width};
use numerics::lse::{Accumulator, LSE_PRESETS, LseKernel, LseSpec, LseState};
use numerics::{FixRound, Format, Policy};
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
        let enough = enough_bits(most_summands(engine)).min(12);
        let bits = match format.accumulator {
            Accumulator::Float(format) => format.man_bits,
            Accumulator::Fixed { frac_bits, .. } => frac_bits.saturating_sub(6), // fixed 18 holds what m12 does
        };
        let flat = (bits < enough).then(|| {
            format!(
                "format.accumulator = \"{}\" lets o drift over array.max_keys = {keys}: a weight below half a place of o \
                 is lost (bf16, uniform attention over 4096 keys: 100 % where v drifts); use \"m{enough}\", \
                 \"fixed{}\" or array.key_block = 64",
                format.accumulator,
                enough + 6
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

    fn allows_fixed(&self) -> bool {
        true
    }

    fn state(&self, _: &EngineSpec) -> Vec<(&'static str, Type)> {
        vec![("c", Lse { spec: self.spec }.c_type())]
    }

    fn score<'m>(&self, m: &'m ModuleBuilder, spec: &EngineSpec, score: Signal<'m>) -> Signal<'m> {
        let lse = Lse { spec: self.spec };
        let score = lse.quantize_score(m, "base2_score", spec.score(), score);
        lse.align_score(score).named("score_aligned")
    }

    fn scalar<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        state: &[Signal<'m>],
        step: ScalarStep<'m>,
    ) -> ScalarUpdate<'m> {
        let lse = Lse { spec: self.spec };
        let ScalarStep { score, fresh, update, .. } = step;
        let argument = lse.argument(m, state[0], score);
        let w = lse.gain(m, "gain", argument, frac_bits(spec));
        let larger = w.neg.mux(state[0], score).named("larger");
        let next = (larger + w.g.to_signed()).truncate(lse.c_type().width);
        let (hold, replace) = self.skips(m, argument, step);
        let first = (fresh | replace).named("first");
        let next = first.mux(score, next).named("c_next");
        let write = (update & !(hold & !fresh)).named("write");
        let moves = (write & !first).named("moves");
        let keeps_o = ((w.neg & !first) | !write).named("keeps_o");
        ScalarUpdate { next: vec![next], write, out: vec![w.u, w.k, keeps_o, moves, update] }
    }

    /// u and k of the smaller side's weight, and which side is the larger. A rescaling has w = 1/2 · 2^-shift and v = 0.
    fn controls<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        scalar: &[Signal<'m>],
        rescale: Option<Rescale<'m>>,
    ) -> Vec<(&'static str, Signal<'m>)> {
        let &[u, k, keeps_o, moves, update] = scalar else { unreachable!("five signals") };
        let (u, k, keeps_o, moves) = match rescale {
            None => (u, k, keeps_o, moves),
            Some(Rescale { now, shift }) => {
                let half = m.lit(1 << (self.spec.u_bits - 1), self.spec.u_bits);
                let most =
                    u64::from(self.spec.k_clip(frac_bits(spec).expect("only a fixed-point o is rescaled")));
                let shift = clamp_amount(shift.to_signed(), most);
                let width = k.width().max(shift.width());
                let shift = shift.extend(width).low(width);
                let k = k.extend(width).low(width);
                (now.mux(half, u), now.mux(shift, k), now.mux(!update, keeps_o), now.mux(update, moves))
            }
        };
        vec![("u", u.named("weight")), ("k", k.named("places")), ("keeps_o", keeps_o), ("moves", moves)]
    }

    fn element_kind(&self, spec: &EngineSpec) -> (String, &'static str) {
        let form = match spec.accumulator {
            Accumulator::Float(format) => format!("{}{}", format.name(), policy_suffix(&spec.policy)),
            Accumulator::Fixed { frac_bits, rounding: FixRound::HalfUp } => format!("f{frac_bits}"),
            Accumulator::Fixed { frac_bits, rounding: FixRound::Floor } => format!("f{frac_bits}_floor"),
        };
        let name = format!("lse_element_{form}_u{}_k{}", self.spec.u_bits, self.k_width(spec));
        (name, "o = o + (v - o) * u * 2^-(U+k), or v - (v - o) * u * 2^-(U+k)")
    }

    fn element<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        o: Signal<'m>,
        v: Signal<'m>,
        controls: &[Signal<'m>],
    ) -> Signal<'m> {
        let &[u, k, keeps_o, moves] = controls else { unreachable!("four controls") };
        let weight = Weight { u, k, keeps_o, moves };
        match spec.accumulator {
            Accumulator::Float(format) => {
                Float { format, policy: spec.policy, u_bits: self.spec.u_bits }.next(m, o, v, weight)
            }
            Accumulator::Fixed { frac_bits, rounding } => {
                Fixed { frac_bits, rounding, u_bits: self.spec.u_bits }.next(m, o, v, weight)
            }
        }
    }

    fn model(&self, spec: &EngineSpec) -> Box<dyn Model> {
        let kernel = LseKernel::new(self.spec, spec.accumulator, spec.value, spec.policy);
        let kernel = kernel.expect("checked with the configuration");
        let kernel = if self.skip_threshold > 0 { kernel.with_skip(self.skip_threshold) } else { kernel };
        Box::new(Reference { spec: spec.clone(), lse: self.spec, kernel })
    }
}

/// f of a fixed-point o.
fn frac_bits(spec: &EngineSpec) -> Option<u32> {
    match spec.accumulator {
        Accumulator::Float(_) => None,
        Accumulator::Fixed { frac_bits, .. } => Some(frac_bits),
    }
}

impl FlashDLse {
    /// Width of the k that elements are told.
    fn k_width(&self, spec: &EngineSpec) -> u32 {
        let most =
            frac_bits(spec).map_or(self.spec.c_int_bits, |f| value_width(u64::from(self.spec.k_clip(f))));
        most + u32::from(self.spec.kind == numerics::lse::LseKind::Shift)
    }

    /// x ≤ −T and x ≥ T; a merge skips nothing.
    fn skips<'m>(
        &self,
        m: &'m ModuleBuilder,
        x: Signal<'m>,
        step: ScalarStep<'m>,
    ) -> (Signal<'m>, Signal<'m>) {
        if self.skip_threshold == 0 {
            return (m.lit(0, 1), m.lit(0, 1));
        }
        let threshold = i64::from(self.skip_threshold) << self.spec.fx;
        let of_key = |skips: Signal<'m>| step.merges.map_or(skips, |merges| skips & !merges);
        let (low, high) = (x.le(constant(m, -threshold)), x.ge(constant(m, threshold)));
        (of_key(low).named("holds"), of_key(high).named("replaces"))
    }
}

/// What every element of the lane is told.
#[derive(Clone, Copy)]
struct Weight<'m> {
    /// Weight u·2^-(U+k) of the smaller side.
    u: Signal<'m>,
    k: Signal<'m>,
    /// The larger side is o, not v.
    keeps_o: Signal<'m>,
    /// The smaller side counts; 0 on a first key, a skipped one and one that is not met.
    moves: Signal<'m>,
}

/// One element of a floating-point o.
#[derive(Clone, Copy)]
struct Float {
    format: Format,
    policy: Policy,
    u_bits: u32,
}

impl Float {
    fn next<'m>(&self, m: &'m ModuleBuilder, o: Signal<'m>, v: Signal<'m>, w: Weight<'m>) -> Signal<'m> {
        let add = FpAdd { format: self.format, policy: self.policy };
        let difference = add.call_sub(m, "sub", v, o).named("difference");
        let share = self.scaled(m, difference, w.u, w.k);
        let larger = w.keeps_o.mux(o, v).named("larger");
        // Nothing to add is -0, which leaves every number as it is.
        let width = share.width();
        let (subtracts, nothing) = ((!w.keeps_o).named("subtracts"), (!w.moves).named("nothing"));
        let sign = (share.msb() ^ subtracts) | nothing;
        let magnitude = w.moves.mux(share.low(width - 1), m.zero(Type::unsigned(width - 1)));
        let addend = m.concat(&[sign, magnitude]).named("addend");
        add.call(m, "add", larger, addend)
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

/// One element of a fixed-point o of f+1 bits: it never leaves the range of the v it has met, so nothing saturates.
#[derive(Clone, Copy)]
struct Fixed {
    frac_bits: u32,
    rounding: FixRound,
    u_bits: u32,
}

impl Fixed {
    fn next<'m>(&self, m: &'m ModuleBuilder, o: Signal<'m>, v: Signal<'m>, w: Weight<'m>) -> Signal<'m> {
        let width = self.frac_bits + 1;
        let (o, v) = (o.reinterpret(true), v.reinterpret(true));
        let difference = w.moves.mux((v - o).reinterpret(false), m.zero(Type::unsigned(width + 1)));
        let difference = difference.reinterpret(true).named("difference");
        let product =
            if self.u_bits == 1 { difference } else { (difference * w.u.to_signed()).named("product") };
        let kept = match self.rounding {
            FixRound::Floor => product.shr(w.k).shr_const(self.u_bits),
            FixRound::HalfUp => {
                let halves = product.shr(w.k).shr_const(self.u_bits - 1).named("share_halves");
                (halves + m.lit_signed(1, 2)).shr_const(1)
            }
        };
        let share = kept.truncate(width + 1).named("share");
        let larger = w.keeps_o.mux(o, v).named("larger");
        let next = w.keeps_o.mux(larger + share, larger - share);
        next.truncate(width).reinterpret(false)
    }
}

struct Reference {
    spec: EngineSpec,
    lse: LseSpec,
    kernel: LseKernel,
}

impl Reference {
    fn decode(&self, state: State) -> LseState {
        let unused = 64 - self.lse.c_bits();
        let c = (state.scalars[0] << unused) as i64 >> unused;
        LseState { c, o: state.elements, anchor: state.anchor }
    }

    fn encode(&self, state: LseState) -> State {
        let c = state.c as u64 & ((1 << self.lse.c_bits()) - 1);
        State { scalars: vec![c], elements: state.o, anchor: state.anchor }
    }
}

impl Model for Reference {
    fn step(&self, state: Option<State>, score: u64, v: &[u64], anchor: u64) -> State {
        let score = self.lse.quantize_score(self.spec.score(), score, true);
        self.encode(self.kernel.step(state.map(|s| self.decode(s)), score, v, anchor))
    }

    fn merge(&self, running: State, other: State) -> State {
        let [a, b] = [running, other].map(|s| Some(self.decode(s)));
        self.encode(self.kernel.merge(a, b).expect("neither is empty"))
    }

    fn rescale(&self, state: State, anchor: u64) -> State {
        self.encode(self.kernel.raise_anchor(self.decode(state), anchor))
    }

    fn result(&self, state: &State) -> Vec<u64> {
        self.kernel.output(&self.decode(state.clone()), self.spec.output)
    }
}
