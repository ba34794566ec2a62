//! Where a legal configuration will not compute what its user hopes for.

use super::*;

impl Config {
    /// One sentence for each place where the arithmetic will not hold, with the figures.
    pub fn warnings(&self) -> Vec<String> {
        let Some(engine) = self.engine() else { return vec![] };
        [stagnation(engine), slow_rise(engine)].into_iter().flatten().collect()
    }
}

/// Adding 1 to 2^p is lost by rounding on p significant bits: ℓ stops there when all scores are equal.
fn stagnation(engine: &EngineConfig) -> Option<String> {
    let (format, keys) = (engine.format.accumulator, engine.array.max_keys);
    let stops = 1u64 << format.precision();
    if u64::from(keys) <= stops {
        return None;
    }
    // Three more bits than the count of keys keep the rounding of each step small (m13 to m15 at 4096 keys).
    let enough = (keys - 1).ilog2() + 1 + 2;
    Some(format!(
        "format.accumulator = \"{format}\" will not hold array.max_keys = {keys}: with equal scores the running sum \
         stops growing at {stops} keys (bf16 over 4096 keys: 258 to 1490 % error); use \"m{enough}\" or at most \
         {stops} keys"
    ))
}

/// A correction below half a step of L is rounded to no correction at all, every time.
fn slow_rise(engine: &EngineConfig) -> Option<String> {
    let KernelOptions::Fa2ExpMul { quantize: Quantize::Each, fraction_bits, .. } = engine.kernel.options
    else {
        return None;
    };
    let lost = 0.5 / 1.4375 / f64::from(1u32 << fraction_bits);
    Some(format!(
        "kernel.quantize = \"each\" (as published) loses every rise of the maximum below {lost:.3}, however often it \
         happens (f = 0, scores rising by 0.25 a key: 98 % error; \"score-first\" 17 %, with fraction_bits = 5 0.8 %)"
    ))
}
