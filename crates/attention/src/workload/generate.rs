//! Seeded workloads.

use super::{Head, Workload};
use crate::config::WorkloadConfig;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// k and v standard normal, q normal with deviation sigma/√d: the scores q·k then have deviation sigma.
/// Every head has a stream of its own, so that more heads leave the first ones as they are.
pub(super) fn normal(config: &WorkloadConfig, head_dim: usize) -> Workload {
    let head = |index: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        rng.set_stream(index as u64);
        let mut draw = |rows: usize, deviation: f64| -> Vec<f32> {
            let element = |x: f64| (x * deviation) as f32;
            (0..rows * head_dim).map(|_| element(rng.sample(StandardNormal))).collect()
        };
        Head {
            rows: (0..config.queries).collect(),
            q: draw(config.queries, config.sigma / (head_dim as f64).sqrt()),
            k: draw(config.keys, 1.0),
            v: draw(config.keys, 1.0),
        }
    };
    let source = format!("normal, sigma {}, seed {}", config.sigma, config.seed);
    Workload { source, head_dim, heads: (0..config.heads).map(head).collect() }
}
