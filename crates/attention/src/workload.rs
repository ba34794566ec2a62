//! Workloads: the query, key and value rows that a design is run on.
//!
//! A workload is a list of heads; every head has its own number of rows, because padding is cut off when a file is
//! read. Scores are q·k as it stands: q already carries the factor 1/√d, in files as in generated workloads.
//!
//! | file | arrays |
//! |---|---|
//! | `.npz`, `.safetensors` | `q`: H × S × d; `k` and `v`: H × N × d; optionally `n`: H numbers of valid rows |
//! | `.npy`, one for each | the same |
//!
//! Two dimensions are one head; four are batch and head. Elements are float32 or float16, in safetensors also bfloat16.

mod error;
mod generate;
pub mod groups;
mod npy;
mod quantize;
mod safetensors;
mod tensor;

pub use error::WorkloadError;
pub use quantize::{Quantized, QuantizedHead, Saturation};

use crate::config::{Config, DesignConfig, EngineConfig};
use std::path::Path;
use tensor::{Arrays, Tensor};

/// Query, key and value rows of a number of heads.
#[derive(Clone, PartialEq, Debug)]
pub struct Workload {
    /// Where it comes from, for reports.
    pub source: String,
    /// Elements of a row, d.
    pub head_dim: usize,
    /// The heads.
    pub heads: Vec<Head>,
}

/// The rows of one head.
#[derive(Clone, PartialEq, Debug)]
pub struct Head {
    /// Row numbers of the queries in the sequence they were taken from, ascending.
    pub rows: Vec<usize>,
    /// Queries [rows.len(), d], scaled by 1/√d.
    pub q: Vec<f32>,
    /// Keys [N, d].
    pub k: Vec<f32>,
    /// Values [N, d].
    pub v: Vec<f32>,
}

impl Workload {
    /// Reads an `.npz` or `.safetensors` file.
    ///
    /// # Errors
    /// When the file cannot be read, lacks an array, or the arrays do not fit each other: see [`WorkloadError`].
    pub fn load(path: &Path) -> Result<Workload, WorkloadError> {
        let place = path.display().to_string();
        let arrays = match path.extension().and_then(|e| e.to_str()) {
            Some("npz") => npy::read_npz(path)?,
            Some("safetensors") => safetensors::read(path)?,
            Some("npy") => {
                let problem = "holds a single array; give q, k and v as three .npy files, or one .npz file";
                return Err(WorkloadError::new(place, problem));
            }
            _ => return Err(WorkloadError::new(place, "must end in .npz, .safetensors or .npy")),
        };
        Workload::assemble(place, arrays)
    }

    /// Reads q, k and v, and the numbers of valid rows if given, from a `.npy` file each.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_npy(q: &Path, k: &Path, v: &Path, n: Option<&Path>) -> Result<Workload, WorkloadError> {
        let place = format!("{}, {}, {}", q.display(), k.display(), v.display());
        let arrays = Arrays {
            q: npy::read_npy("q", q)?,
            k: npy::read_npy("k", k)?,
            v: npy::read_npy("v", v)?,
            valid: n.map(npy::read_lengths).transpose()?,
        };
        Workload::assemble(place, arrays)
    }

    /// The seeded workload of an engine's configuration: k and v standard normal, q such that the scores have the
    /// standard deviation `sigma`.
    pub fn generate(config: &EngineConfig) -> Workload {
        generate::normal(&config.workload, config.array.head_dim as usize)
    }

    /// Keeps the first `heads` heads and `queries` queries of each, the latter evenly spread over the sequence.
    pub fn limit(mut self, heads: Option<usize>, queries: Option<usize>) -> Workload {
        self.heads.truncate(heads.unwrap_or(usize::MAX));
        for head in &mut self.heads {
            let there = head.rows.len();
            let kept = queries.unwrap_or(there).min(there);
            let chosen: Vec<usize> = (0..kept).map(|i| i * there / kept).collect();
            head.q = chosen.iter().flat_map(|&i| head.query(i, self.head_dim).to_vec()).collect();
            head.rows = chosen.iter().map(|&i| head.rows[i]).collect();
        }
        self
    }

    /// The same scores where they are multiplied by `scale` later: q divided by it.
    pub fn unscaled(&self, scale: f64) -> Workload {
        let mut workload = self.clone();
        let elements = workload.heads.iter_mut().flat_map(|head| &mut head.q);
        elements.for_each(|x| *x = (f64::from(*x) / scale) as f32);
        workload
    }

    /// Queries of all heads.
    pub fn queries(&self) -> usize {
        self.heads.iter().map(|head| head.rows.len()).sum()
    }

    /// Whether an engine can run it.
    ///
    /// # Errors
    /// When rows have another length than `array.head_dim`, or there are more keys than `array.max_keys`, or for
    /// an accelerator more queries of a head than `accelerator.max_queries`.
    pub fn check(&self, config: &Config) -> Result<(), WorkloadError> {
        let Some(engine) = config.engine() else {
            let problem = format!("{} is a unit, which takes no tensors", config.name);
            return Err(WorkloadError::new(&self.source, problem));
        };
        let (head_dim, max_keys) = (engine.array.head_dim as usize, engine.array.max_keys as usize);
        if self.head_dim != head_dim {
            let problem = format!(
                "rows have {} elements, and array.head_dim = {head_dim}; set array.head_dim={}",
                self.head_dim, self.head_dim
            );
            return Err(WorkloadError::new(&self.source, problem));
        }
        let keys = ("keys", "array.max_keys", max_keys);
        self.check_lengths(keys, |head| head.keys(head_dim))?;
        match &config.design {
            DesignConfig::Accelerator(accelerator) => {
                let most = accelerator.shape.max_queries as usize;
                self.check_lengths(("queries", "accelerator.max_queries", most), |head| head.rows.len())
            }
            _ => Ok(()),
        }
    }

    /// Whether no head is longer than a key of the configuration says.
    fn check_lengths(
        &self,
        (what, key, most): (&str, &str, usize),
        length: impl Fn(&Head) -> usize,
    ) -> Result<(), WorkloadError> {
        let too_long = self.heads.iter().map(length).enumerate().find(|(_, rows)| *rows > most);
        too_long.map_or(Ok(()), |(head, rows)| {
            let problem =
                format!("head {head} has {rows} {what}, and {key} = {most}; set {key}={rows} or more");
            Err(WorkloadError::new(&self.source, problem))
        })
    }

    /// Cuts the arrays into heads, after checking that they fit each other.
    fn assemble(source: String, arrays: Arrays) -> Result<Workload, WorkloadError> {
        let fail = |problem: String| WorkloadError::new(&source, problem);
        arrays.check_shapes().map_err(fail)?;
        let (_, queries, head_dim) = arrays.q.shape;
        let (heads, keys, _) = arrays.k.shape;
        let valid = arrays.valid_keys().map_err(fail)?;
        let cut = |tensor: &Tensor, head: usize, rows: usize| tensor.rows(head, rows).map_err(fail);
        let head = |h: usize| {
            // Self-attention pads queries and keys alike; otherwise `n` speaks of the keys.
            let rows = if queries == keys { valid[h] } else { queries };
            Ok(Head {
                rows: (0..rows).collect(),
                q: cut(&arrays.q, h, rows)?,
                k: cut(&arrays.k, h, valid[h])?,
                v: cut(&arrays.v, h, valid[h])?,
            })
        };
        let heads = (0..heads).map(head).collect::<Result<_, _>>()?;
        Ok(Workload { source, head_dim, heads })
    }
}

impl Head {
    /// Keys, N.
    pub fn keys(&self, head_dim: usize) -> usize {
        self.k.len() / head_dim
    }

    /// A query row.
    fn query(&self, index: usize, head_dim: usize) -> &[f32] {
        &self.q[index * head_dim..(index + 1) * head_dim]
    }
}
