//! Writing tensor files for tests.

use npyz::WriterBuilder;
use npyz::npz::NpzWriter;
use npyz::zip::write::FileOptions;
use std::path::Path;

/// An array to write: shape and elements.
pub type Array = (Vec<u64>, Vec<f32>);

/// Elements 0, 1/8, … so that every one is different and exact in bf16 for a while.
pub fn ramp(shape: &[u64]) -> Array {
    let len = shape.iter().product::<u64>();
    (shape.to_vec(), (0..len).map(|i| i as f32 / 8.0).collect())
}

/// Writes an `.npz` file of float32 arrays and, if given, int32 lengths `n`.
pub fn write_npz(path: &Path, arrays: &[(&str, Array)], lengths: Option<&[i32]>) {
    let mut archive = NpzWriter::create(path).unwrap();
    for (name, (shape, data)) in arrays {
        let array = archive.array(name, FileOptions::default()).unwrap().default_dtype();
        let mut writer = array.shape(shape).begin_nd().unwrap();
        writer.extend(data.iter().copied()).unwrap();
        writer.finish().unwrap();
    }
    if let Some(lengths) = lengths {
        let array = archive.array("n", FileOptions::default()).unwrap().default_dtype();
        let mut writer = array.shape(&[lengths.len() as u64]).begin_nd().unwrap();
        writer.extend(lengths.iter().copied()).unwrap();
        writer.finish().unwrap();
    }
}

/// Writes an `.npy` file.
pub fn write_npy<T: npyz::AutoSerialize + Copy>(path: &Path, shape: &[u64], data: &[T], order: npyz::Order) {
    let file = std::fs::File::create(path).unwrap();
    let options = npyz::WriteOptions::new().default_dtype().shape(shape).order(order);
    let mut writer = options.writer(file).begin_nd().unwrap();
    writer.extend(data.iter().copied()).unwrap();
    writer.finish().unwrap();
}

/// The bytes of a safetensors file of little-endian elements.
pub fn safetensors(arrays: &[(&str, safetensors::Dtype, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
    let views = arrays.iter().map(|(name, dtype, shape, data)| {
        (*name, safetensors::tensor::TensorView::new(*dtype, shape.clone(), data).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}
