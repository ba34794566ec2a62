//! The scalar path of `flash-d-lse`: score to fixed point, weight and gain of x, all in integers.
//!
//! The steps, their widths and the tables are those of [`numerics::lse`].

use crate::ToBase2Score;
use crate::float::constant;
use hdl::{Kind, ModuleBuilder, Signal, Type, index_width, value_width};
use numerics::Format;
use numerics::lse::{LseKind, LseSpec};
use numerics::pwl::Segment;

/// x = s − c in units of 2^-Fx, as signals.
#[derive(Clone, Copy)]
pub struct Argument<'b> {
    /// s, in units of 2^-Fc.
    pub score: Signal<'b>,
    /// x.
    pub x: Signal<'b>,
    /// x < 0: the new key is the smaller side.
    pub neg: Signal<'b>,
    /// |x|.
    pub magnitude: Signal<'b>,
}

/// What one x does to c and o, as signals.
#[derive(Clone, Copy)]
pub struct Weights<'b> {
    /// The smaller side's weight is u·2^-(U+k).
    pub u: Signal<'b>,
    /// See `u`.
    pub k: Signal<'b>,
    /// What the larger of s and c gains, in units of 2^-(Fc+1): half of it, rounded half-up, is in units of 2^-Fc.
    pub halves: Signal<'b>,
}

/// The scalar path.
#[derive(Clone, Copy, Debug)]
pub struct Lse {
    /// Widths and tables.
    pub spec: LseSpec,
}

impl Lse {
    /// Type of c, in units of 2^-Fc.
    pub fn c_type(&self) -> Type {
        Type::signed(self.spec.c_bits())
    }

    /// What brings a natural-log score in `format` to units of 2^-Fs in base 2.
    pub fn to_score(&self, format: Format) -> ToBase2Score {
        ToBase2Score { format, score: self.spec.score() }
    }

    /// A score in units of 2^-Fs as a c.
    pub fn align_score<'b>(&self, s: Signal<'b>) -> Signal<'b> {
        s.shl_const(self.spec.fc - self.spec.fs).extend(self.spec.c_bits())
    }

    /// s with what rounds s − c and c − s half-up and half-down to units of 2^-Fx added: outside of the recurrence of c.
    pub fn rounding_terms<'m>(&self, m: &'m ModuleBuilder, s: Signal<'m>) -> Signal<'m> {
        let Some(half) = self.half() else { return s.reinterpret(false) };
        let (up, down) = ((s + constant(m, half)).named("s_up"), (s - constant(m, half - 1)).named("s_down"));
        let width = self.spec.c_bits() + 1;
        m.concat(&[s.reinterpret(false), up.extend(width).low(width), down.extend(width).low(width)])
    }

    /// Half a unit of x in units of 2^-Fc, if s and c are finer.
    fn half(&self) -> Option<i64> {
        let drop = self.spec.fc - self.spec.fx;
        (drop > 0).then(|| 1 << (drop - 1))
    }

    /// x = s − c rounded half-up to units of 2^-Fx, of [`rounding_terms`](Self::rounding_terms), as logic of the calling
    /// module. -x has a subtraction of its own beside that of x.
    pub fn argument<'m>(&self, c: Signal<'m>, terms: Signal<'m>) -> Argument<'m> {
        let (drop, width) = (self.spec.fc - self.spec.fx, self.spec.x_bits());
        let score = terms.high(self.spec.c_bits()).reinterpret(true).named("score");
        let (up, down) = match self.half() {
            None => (score, score),
            Some(_) => {
                let w = self.spec.c_bits() + 1;
                (terms.slice(2 * w - 1, w).reinterpret(true), terms.low(w).reinterpret(true))
            }
        };
        let x = (up - c).shr_const(drop).truncate(width).named("x");
        let opposite = (c - down).shr_const(drop).truncate(width).named("minus_x");
        let neg = x.msb().named("x_negative");
        let magnitude = neg.mux(opposite.low(width - 1), x.low(width - 1)).named("magnitude");
        Argument { score, x, neg, magnitude }
    }

    /// The larger of s and c and what it gains, g = `halves` / 2 rounded half-up, by one addition.
    pub fn next<'m>(&self, m: &'m ModuleBuilder, larger: Signal<'m>, halves: Signal<'m>) -> Signal<'m> {
        let doubled = m.concat(&[larger, m.lit(1, 1)]).reinterpret(true);
        (doubled + halves.to_signed()).shr_const(1).truncate(self.spec.c_bits())
    }

    /// Weight and gain of |x| as an instance. A fixed-point o of `frac_bits` bounds k; in a float o every k counts.
    pub fn gain<'b>(
        &self,
        b: &'b ModuleBuilder,
        instance: &str,
        magnitude: Signal<'b>,
        frac_bits: Option<u32>,
    ) -> Weights<'b> {
        let spec = &self.spec;
        let kind = match spec.kind {
            LseKind::Pwl => "pwl".to_string(),
            LseKind::Table { h_bits } => format!("table{h_bits}"),
            LseKind::Shift => "shift".to_string(),
        };
        let name = format!(
            "lse_gain_{kind}_k{}_b{}_fx{}_fc{}_u{}_c{}_s{}_w{}",
            spec.k_rows,
            spec.seg_bits,
            spec.fx,
            spec.fc,
            spec.u_bits,
            spec.base_frac,
            spec.slope_frac,
            self.k_bits(frac_bits)
        );
        let doc = "weight u * 2^-(U+k) ~ 1/(1 + 2^|x|) and gain ~ log2(1 + 2^-|x|)";
        let out = b.call(instance, Kind { name: &name, doc }, &[("magnitude", magnitude)], |m, x| {
            let w = self.weights(m, x[0], frac_bits);
            vec![("u", w.u), ("k", w.k), ("halves", w.halves)]
        });
        Weights { u: out[0], k: out[1], halves: out[2] }
    }

    /// Width of k before the correction of `shift`.
    fn k_bits(&self, frac_bits: Option<u32>) -> u32 {
        frac_bits.map_or(self.spec.c_int_bits, |f| value_width(u64::from(self.spec.k_clip(f))))
    }

    fn weights<'m>(
        &self,
        m: &'m ModuleBuilder,
        magnitude: Signal<'m>,
        frac_bits: Option<u32>,
    ) -> Weights<'m> {
        let spec = &self.spec;
        let whole = magnitude.high(spec.c_int_bits).named("whole");
        let k = match frac_bits {
            Some(f) => at_most(m, whole, u64::from(spec.k_clip(f)), self.k_bits(frac_bits)).named("k"),
            None => whole,
        };
        let fraction = magnitude.low(spec.fx).named("fraction");
        let row = self.row(m, whole);
        let (segment, offset) = self.segment(m, row, fraction);
        let tables = spec.tables();
        let h = self.line(&tables.h, segment, offset, "h");
        let (u, k_weight) = match spec.kind {
            LseKind::Shift => self.power(m, &tables.powers, m.concat(&[row, fraction]), k),
            LseKind::Table { .. } => (self.line(&tables.u, segment, offset, "u"), k),
            LseKind::Pwl => (self.rounded(m, self.line(&tables.u, segment, offset, "u")), k),
        };
        let u = u.extend(u.width().max(spec.u_bits)).low(spec.u_bits).named("u");
        Weights { u, k: k_weight, halves: self.gain_halves(h, k) }
    }

    /// u of |x| = k + F alone, by the lines of [`LseKind::Pwl`], as logic of the calling module.
    pub(crate) fn small_weight<'m>(
        &self,
        m: &'m ModuleBuilder,
        k: Signal<'m>,
        fraction: Signal<'m>,
    ) -> Signal<'m> {
        let (segment, offset) = self.segment(m, self.row(m, k), fraction);
        let u = self.rounded(m, self.line(&self.spec.tables().u, segment, offset, "u"));
        u.low(self.spec.u_bits).named("u")
    }

    /// r = min(k, K).
    fn row<'m>(&self, m: &'m ModuleBuilder, k: Signal<'m>) -> Signal<'m> {
        at_most(m, k, u64::from(self.spec.k_rows), index_width(self.spec.k_rows + 1)).named("row")
    }

    /// The segment of a row that F falls into, and the offset into it where there is one.
    fn segment<'m>(
        &self,
        m: &'m ModuleBuilder,
        row: Signal<'m>,
        fraction: Signal<'m>,
    ) -> (Signal<'m>, Option<Signal<'m>>) {
        let (index, rest) = (self.spec.seg_bits, self.spec.offset_bits());
        let segment = if index == 0 { row } else { m.concat(&[row, fraction.high(index)]) };
        (segment, (rest > 0).then(|| fraction.low(rest)))
    }

    /// `B·2^(P−C) − S·t`, or the entry as it stands; never negative, P+1 bits.
    fn line<'m>(
        &self,
        rows: &[Segment],
        index: Signal<'m>,
        offset: Option<Signal<'m>>,
        name: &str,
    ) -> Signal<'m> {
        let column = |pick: fn(&Segment) -> i64| -> (Vec<u64>, u32) {
            let values: Vec<u64> = rows.iter().map(|s| pick(s) as u64).collect();
            let width = value_width(values.iter().copied().max().unwrap_or(0));
            (values, width)
        };
        let (bases, width) = column(|s| s.base);
        let base = index.table(&bases, width).named(&format!("{name}_base"));
        if matches!(self.spec.kind, LseKind::Table { .. }) {
            return base;
        }
        let base = base.shl_const(self.spec.h_frac() - self.spec.base_frac);
        let Some(offset) = offset else { return base };
        let (slopes, width) = column(|s| s.slope);
        let slope = index.table(&slopes, width).named(&format!("{name}_slope"));
        let fall = (slope * offset).named(&format!("{name}_fall"));
        (base - fall).low(base.width()).named(&format!("{name}_line"))
    }

    /// Half-up from P to U fraction bits.
    fn rounded<'m>(&self, m: &'m ModuleBuilder, line: Signal<'m>) -> Signal<'m> {
        let drop = self.spec.h_frac() - self.spec.u_bits;
        (line + m.lit(1 << (drop - 1), drop)).shr_const(drop)
    }

    /// `shift`: u and the corrected k from one table.
    fn power<'m>(
        &self,
        m: &'m ModuleBuilder,
        powers: &[numerics::lse::Power],
        index: Signal<'m>,
        k: Signal<'m>,
    ) -> (Signal<'m>, Signal<'m>) {
        let significands: Vec<u64> = powers.iter().map(|p| p.u).collect();
        let u = index.table(&significands, self.spec.u_bits);
        let lifts: Vec<u64> = powers.iter().map(|p| (p.lift + 1) as u64).collect();
        let lift = index.table(&lifts, 2).named("lift_plus_one");
        let lifted = (k + lift) - m.lit(1, 1);
        (u, lifted.low(k.width() + 1).named("k_lifted"))
    }

    /// `h·2^-k` from P to Fc + 1 fraction bits, rounded down; in two steps, the first of which is wiring.
    fn gain_halves<'m>(&self, h: Signal<'m>, k: Signal<'m>) -> Signal<'m> {
        let (p, places) = (self.spec.h_frac(), self.spec.fc + 1);
        let h = h.shr_const(p.saturating_sub(places)).shl_const(places.saturating_sub(p));
        h.shr(k).named("gain_halves")
    }
}

/// The smaller of `x` and `limit`, in `width` bits.
pub(crate) fn at_most<'m>(m: &'m ModuleBuilder, x: Signal<'m>, limit: u64, width: u32) -> Signal<'m> {
    let over = x.gt(m.lit(limit, value_width(limit)));
    over.mux(m.lit(limit, width), x.extend(x.width().max(width)).low(width))
}
