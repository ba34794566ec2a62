//! Where a legal configuration will not compute what its user hopes for.

use super::*;

impl Config {
    /// One sentence for each place where the arithmetic will not hold, with the figures.
    pub fn warnings(&self) -> Vec<String> {
        let Some(engine) = self.engine() else { return vec![] };
        stagnation(engine).into_iter().chain(engine.kernel.kernel.warnings()).collect()
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
