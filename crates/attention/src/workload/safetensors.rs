//! Safetensors files.

use super::error::WorkloadError;
use super::tensor::{Arrays, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::path::Path;

/// q, k, v and perhaps n.
pub(super) fn read(path: &Path) -> Result<Arrays, WorkloadError> {
    let fail = |problem: String| WorkloadError::new(path.display().to_string(), problem);
    let bytes = std::fs::read(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let tensor = |name| match file.tensor(name) {
        Ok(view) => floats(name, &view).map_err(fail),
        Err(_) => Err(fail(format!("has no array {name}; it holds {}", contents(&file)))),
    };
    let valid = file.tensor("n").ok().map(|view| integers(&view)).transpose().map_err(fail)?;
    Ok(Arrays { q: tensor("q")?, k: tensor("k")?, v: tensor("v")?, valid })
}

/// `q [2, 3], v [4]`, or `no arrays`.
fn contents(file: &SafeTensors) -> String {
    let mut listed: Vec<String> =
        file.iter().map(|(name, view)| format!("{name} {:?}", view.shape())).collect();
    listed.sort_unstable();
    if listed.is_empty() { "no arrays".into() } else { listed.join(", ") }
}

fn floats(name: &'static str, view: &TensorView) -> Result<Tensor, String> {
    let data = match view.dtype() {
        Dtype::F32 => elements(view, f32::from_le_bytes).collect(),
        Dtype::F16 => elements(view, |b| half::f16::from_le_bytes(b).into()).collect(),
        Dtype::BF16 => elements(view, |b| half::bf16::from_le_bytes(b).into()).collect(),
        other => return Err(format!("{name} has elements of type {other:?}; must be F32, F16 or BF16")),
    };
    Tensor::new(name, view.shape(), data)
}

fn integers(view: &TensorView) -> Result<Vec<i64>, String> {
    match view.dtype() {
        Dtype::I32 => Ok(elements(view, i32::from_le_bytes).map(i64::from).collect()),
        Dtype::I64 => Ok(elements(view, i64::from_le_bytes).collect()),
        other => Err(format!("n has elements of type {other:?}; must be I32 or I64")),
    }
}

/// The elements, of N bytes each.
fn elements<'a, const N: usize, T>(
    view: &'a TensorView,
    convert: impl Fn([u8; N]) -> T + 'a,
) -> impl Iterator<Item = T> + 'a {
    let (chunks, _) = view.data().as_chunks::<N>();
    chunks.iter().map(move |bytes| convert(*bytes))
}
