//! Where a legal configuration will not compute what its user hopes for.

use super::*;
use numerics::Base2Score;

impl Config {
    /// One sentence for each place where the arithmetic will not hold, with the figures.
    pub fn warnings(&self) -> Vec<String> {
        self.engine().map_or(vec![], |engine| engine.kernel.kernel.warnings(engine))
    }
}

/// Keys of a block in the recommendation for two levels.
const BLOCK: u32 = 64;

impl EngineConfig {
    /// The smallest accumulators that hold `max_keys` keys, at one level and in blocks.
    pub fn recommended_accumulator(&self) -> String {
        let (kernel, keys) = (&self.kernel.kernel, self.array.max_keys);
        let flat = kernel.accumulator_bits(keys);
        let blocks = kernel.accumulator_bits(BLOCK.max(keys.div_ceil(BLOCK))).max(9);
        let fixed =
            if kernel.allows_fixed() { format!(" or \"fixed{}\"", fixed_bits(flat)) } else { String::new() };
        if blocks >= flat {
            return format!("\"m{flat}\"{fixed}");
        }
        format!("\"m{flat}\"{fixed} at one level, \"m{blocks}\" with array.key_block = {BLOCK}")
    }
}

/// Magnitude bits of a fixed-point o that holds what `man_bits` of a floating-point one do (18 what m12 does).
pub(crate) fn fixed_bits(man_bits: u32) -> u32 {
    man_bits + 6
}

/// Adding 1 to 2^p is lost by rounding on p significant bits: a running sum ℓ stops there when all scores are equal. With
/// blocks that is so for the keys of a block, and for the blocks.
pub(crate) fn sum_stagnates(engine: &EngineConfig) -> Option<String> {
    let (Accumulator::Float(format), keys) = (engine.format.accumulator, engine.array.max_keys) else {
        return None;
    };
    let stops = 1u64 << format.precision();
    let most = most_summands(engine);
    if u64::from(most) <= stops {
        return None;
    }
    let enough = enough_bits(most);
    Some(format!(
        "format.accumulator = \"{format}\" will not hold array.max_keys = {keys}: with equal scores the running sum \
         stops growing at {stops} keys (bf16 over 4096 keys: 258 to 1490 % error); use \"m{enough}\", \
         array.key_block = 64, or at most {stops} keys"
    ))
}

/// Scores become fixed point; a float format of fewer significant bits rounds large ones first.
pub(crate) fn coarse_score(engine: &EngineConfig, kernel: &str, score: Base2Score) -> Option<String> {
    let (format, wanted) = (engine.format.score, score.bits() - 1);
    (format.precision() < wanted).then(|| {
        format!(
            "format.score = \"{format}\" rounds large scores more coarsely than kernel {kernel} does; use \"m{}\"",
            wanted - 1
        )
    })
}

/// Most states or keys that are added up one after the other at one level.
pub(crate) fn most_summands(engine: &EngineConfig) -> u32 {
    let keys = engine.array.max_keys;
    engine.array.key_block.map_or(keys, |rows| rows.max(keys.div_ceil(rows)))
}

/// Significand bits of an accumulator for that many keys: two more than count them keep the rounding of each step
/// small (m13 to m15 at 4096 keys).
pub(crate) fn enough_bits(keys: u32) -> u32 {
    (keys - 1).max(1).ilog2() + 1 + 2
}
