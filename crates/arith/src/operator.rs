//! What every operator tells the tool about itself, so that it can be generated and tested as a unit.

use hdl::{ModuleBuilder, Outputs, Signal, Type};
use numerics::stratified::Stratified;
use numerics::{Format, Policy};

/// Parameters of a unit; each operator uses those it lists in [`Operator::options`] and `format`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Params {
    /// Format of the operands.
    pub format: Format,
    /// Format of the result.
    pub result: Format,
    /// Rounding and edges.
    pub policy: Policy,
    /// Fraction bits: of the power of two (exp-mul), of the fixed-point side (conversions).
    pub frac_bits: u32,
    /// Integer bits, sign included, of the fixed-point side.
    pub int_bits: u32,
    /// Elements of a vector.
    pub length: u32,
    /// Segments of a piecewise-linear table.
    pub segments: u32,
}

impl Params {
    /// The operator's defaults for one format.
    pub fn new(operator: &dyn Operator, format: Format) -> Params {
        let base = Params {
            format,
            result: format,
            policy: Policy::default(),
            frac_bits: 0,
            int_bits: 8,
            length: 8,
            segments: 8,
        };
        operator.defaults(base)
    }
}

/// One operand list of a unit: per input port the elements of its bundle, as bit patterns.
pub type Case = Vec<Vec<u64>>;

/// An operator with everything the tool needs to know of it.
pub trait Operator: Sync {
    /// Name in configurations.
    fn name(&self) -> &'static str;
    /// One paragraph: what it computes and how.
    fn summary(&self) -> &'static str;
    /// Keys of [`Params`] it uses besides `format` and the policy.
    fn options(&self) -> &'static [&'static str] {
        &[]
    }
    /// Fills in its own defaults.
    fn defaults(&self, params: Params) -> Params {
        params
    }
    /// Whether the parameters are legal; the error names key, value and legal range.
    fn check(&self, _: &Params) -> Result<(), String> {
        Ok(())
    }
    /// Name of the unit's module.
    fn kind_name(&self, p: &Params) -> String;
    /// Input ports.
    fn inputs(&self, p: &Params) -> Vec<(&'static str, Type)>;
    /// The hardware: outputs of the unit for its inputs.
    fn build<'b>(&self, b: &'b ModuleBuilder, p: &Params, x: &[Signal<'b>]) -> Outputs<'b>;
    /// The reference: the elements of every output port, one port after the other.
    fn reference(&self, p: &Params, case: &Case) -> Vec<u64>;
    /// Its corner cases: cancellation, ties, overflow, underflow, signed zeros, saturation.
    fn directed(&self, _: &Params) -> Vec<Case> {
        vec![]
    }
    /// A stratified random case.
    fn case(&self, p: &Params, random: &mut Stratified) -> Case {
        let (a, b) = random.pair();
        [a, b].into_iter().take(self.inputs(p).len()).map(|x| vec![x]).collect()
    }
}

/// One-operand cases of both signs.
pub(crate) fn signed(format: Format, magnitudes: &[u64]) -> Vec<Case> {
    let both = |&x: &u64| [x, x | format.sign_bit()].map(|x| vec![vec![x]]);
    magnitudes.iter().flat_map(both).collect()
}

/// Two-operand cases: each pair of magnitudes with every combination of signs, in both orders.
pub(crate) fn signed_pairs(format: Format, magnitudes: &[(u64, u64)]) -> Vec<Case> {
    let signs = [0, format.sign_bit()];
    let ordered = magnitudes.iter().flat_map(|&(a, b)| [(a, b), (b, a)]);
    let each = |(a, b): (u64, u64)| signs.map(|sa| signs.map(|sb| vec![vec![a | sa], vec![b | sb]]));
    ordered.flat_map(each).flatten().collect()
}

/// A normal magnitude times 2^places, kept within the normal numbers.
pub(crate) fn scaled(format: Format, magnitude: u64, places: i64) -> u64 {
    let man = magnitude & format.man_mask();
    let highest = format.exp_field(format.max_finite_bits()) as i64;
    let field = (format.exp_field(magnitude) as i64 + places).clamp(1, highest) as u64;
    (field << format.man_bits | man).min(format.max_finite_bits())
}

/// A port that holds one float of the operand format.
pub(crate) fn float(p: &Params) -> Type {
    crate::float::float_type(p.format)
}
