//! The division of a result row by its sum, in the kernels of FlashAttention-2: a piecewise-linear 1/ℓ and products.

use crate::config::{ConfigError, Section, segments};
use crate::engine::EngineSpec;
use arith::float::policy_suffix;
use arith::{Convert, FpMul, Reciprocal};
use hdl::{Kind, ModuleBuilder, Signal, each};
use numerics::{Number, RecipSpec, scalar};

/// How a kernel divides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Division {
    /// Segments of the reciprocal's table.
    pub recip_segments: u32,
    /// Some elements of a finished row at a time, while the next block of queries computes
    /// ([`EngineSpec::result_elements`]), instead of all of them in every lane.
    pub serial: bool,
}

impl Division {
    /// Keys of `[kernel]`.
    pub(super) const KEYS: [&str; 2] = ["normalize", "recip_segments"];

    pub(super) fn read(section: &mut Section<'_>) -> Result<Division, ConfigError> {
        let serial = section.choice("normalize", &[("parallel", false), ("serial", true)], Some(false))?;
        Ok(Division { recip_segments: segments(section, "recip_segments", 16, 4096)?, serial })
    }

    /// Its keys with their values.
    pub(super) fn options(&self) -> [(String, toml::Value); 2] {
        let normalize = if self.serial { "serial" } else { "parallel" };
        [
            ("normalize".into(), normalize.into()),
            ("recip_segments".into(), i64::from(self.recip_segments).into()),
        ]
    }

    fn recip(&self, spec: &EngineSpec) -> RecipSpec {
        RecipSpec { segments: self.recip_segments, ..RecipSpec::new(spec.float(), spec.float()) }
    }

    /// 1/ℓ.
    pub(crate) fn inverse<'m>(&self, m: &'m ModuleBuilder, spec: &EngineSpec, sum: Signal<'m>) -> Signal<'m> {
        let recip = Reciprocal { spec: self.recip(spec), policy: spec.policy };
        recip.call(m, "recip", sum).named("inverse_sum")
    }

    /// Name and equation of what makes an element of the row.
    pub(crate) fn element_kind(spec: &EngineSpec) -> (String, &'static str) {
        let (from, to) = (spec.float().name(), spec.output.name());
        let name = format!("normalize_{from}_{to}{}", policy_suffix(&spec.policy));
        (name, "y = round(o * inverse_sum), zeros as +0")
    }

    /// An element of the row in the output format: the product rounded to it, or, where it is fixed point, to the format of
    /// o first.
    pub(crate) fn element<'m>(
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        o: Signal<'m>,
        inverse: Signal<'m>,
    ) -> Signal<'m> {
        let format = spec.float();
        let result = spec.output.float().unwrap_or(format);
        let mul = FpMul { a: format, b: format, result, policy: spec.policy };
        let scaled = mul.call(m, "mul", o, inverse);
        if spec.output != Number::Float(result) {
            let convert = Convert { from: result.into(), to: spec.output, policy: spec.policy };
            return convert.call(m, "quotient_convert", scaled);
        }
        let magnitude = scaled.low(scaled.width() - 1);
        let sign = scaled.msb() & magnitude.reduce_or();
        m.concat(&[sign, magnitude])
    }

    /// The elements of `o` at once, one multiplier each.
    pub(crate) fn row<'m>(
        &self,
        m: &'m ModuleBuilder,
        spec: &EngineSpec,
        o: Signal<'m>,
        sum: Signal<'m>,
    ) -> Signal<'m> {
        let inverse = self.inverse(m, spec, sum);
        let (name, doc) = Division::element_kind(spec);
        let inputs = [("o", each(o)), ("inverse_sum", inverse.into())];
        m.call_array("normalize", o.ty().count, Kind { name: &name, doc }, &inputs, |m, x| {
            vec![("y", Division::element(m, spec, x[0], x[1]))]
        })[0]
    }

    /// The functional counterpart of [`row`](Self::row).
    pub(crate) fn reference(&self, spec: &EngineSpec, o: &[u64], sum: u64) -> Vec<u64> {
        let (format, policy) = (spec.float(), &spec.policy);
        let inverse = self.recip(spec).compute(policy, sum);
        let result = spec.output.float().unwrap_or(format);
        let scaled = |&o: &u64| {
            let y = scalar::mul(format, format, result, policy, o, inverse);
            scalar::convert(result, spec.output, policy, y)
        };
        let positive_zero = |y: u64| if spec.output.is_zero(y) { 0 } else { y };
        o.iter().map(scaled).map(positive_zero).collect()
    }
}
