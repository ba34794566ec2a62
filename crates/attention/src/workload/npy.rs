//! NumPy files.

use super::error::WorkloadError;
use super::tensor::{Arrays, Tensor};
use npyz::{Deserialize, NpyFile, NpyHeader, Order};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

type Archive = npyz::npz::NpzArchive<BufReader<File>>;

/// q, k, v and perhaps n of an archive.
pub(super) fn read_npz(path: &Path) -> Result<Arrays, WorkloadError> {
    let fail = |problem: String| WorkloadError::new(path.display().to_string(), problem);
    let mut archive = Archive::open(path).map_err(|e| fail(unreadable(&e)))?;
    let mut tensor = |name| {
        if !archive.array_names().any(|there| there == name) {
            return Err(fail(format!("has no array {name}; it holds {}", contents(&mut archive))));
        }
        read(&mut archive, name).and_then(|file| floats(name, file)).map_err(fail)
    };
    let (q, k, v) = (tensor("q")?, tensor("k")?, tensor("v")?);
    let has_lengths = archive.array_names().any(|there| there == "n");
    let valid = has_lengths.then(|| read(&mut archive, "n").and_then(integers));
    Ok(Arrays { q, k, v, valid: valid.transpose().map_err(fail)? })
}

/// An array that is there.
fn read<'a>(archive: &'a mut Archive, name: &str) -> Result<NpyFile<impl Read + 'a>, String> {
    let file = archive.by_name(name).map_err(|e| damaged(name, &e))?;
    file.ok_or_else(|| format!("array {name} is not there"))
}

/// One array of elements, `q`, `k` or `v`.
pub(super) fn read_npy(name: &'static str, path: &Path) -> Result<Tensor, WorkloadError> {
    open(path)
        .and_then(|file| floats(name, file))
        .map_err(|e| WorkloadError::new(path.display().to_string(), e))
}

/// One array of lengths, `n`.
pub(super) fn read_lengths(path: &Path) -> Result<Vec<i64>, WorkloadError> {
    open(path).and_then(integers).map_err(|e| WorkloadError::new(path.display().to_string(), e))
}

fn open(path: &Path) -> Result<NpyFile<BufReader<File>>, String> {
    let file = File::open(path).map_err(|e| unreadable(&e))?;
    NpyFile::new(BufReader::new(file)).map_err(|e| unreadable(&e))
}

fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}

fn damaged(name: &str, error: &io::Error) -> String {
    format!("array {name} cannot be read: {error}")
}

/// `q [2, 3], v [4]`, or `no arrays`.
fn contents(archive: &mut Archive) -> String {
    let mut names: Vec<String> = archive.array_names().map(String::from).collect();
    names.sort_unstable();
    let mut shape = |name: &String| match archive.by_name(name) {
        Ok(Some(file)) => format!("{name} {:?}", file.shape()),
        _ => name.clone(),
    };
    let listed: Vec<String> = names.iter().map(&mut shape).collect();
    if listed.is_empty() { "no arrays".into() } else { listed.join(", ") }
}

/// float32 or float16 in C order.
fn floats(name: &'static str, file: NpyFile<impl Read>) -> Result<Tensor, String> {
    let shape: Vec<usize> = file.shape().iter().map(|&n| n as usize).collect();
    if file.order() == Order::Fortran && shape.len() > 1 {
        return Err(format!("{name} is in Fortran order; save numpy.ascontiguousarray({name})"));
    }
    let wrong_type = |header: &NpyHeader| {
        format!("{name} has elements of type {}; must be float32 or float16", header.dtype().descr())
    };
    let data = match file.try_data::<f32>() {
        Ok(elements) => collect(name, elements)?,
        Err(file) => match file.try_data::<half::f16>() {
            Ok(elements) => collect(name, elements)?.into_iter().map(f32::from).collect(),
            Err(file) => return Err(wrong_type(&file)),
        },
    };
    Tensor::new(name, &shape, data)
}

/// Any integer type of up to 64 bits.
fn integers(file: NpyFile<impl Read>) -> Result<Vec<i64>, String> {
    macro_rules! first_of {
        ($file:expr; $($type:ty)*) => {{
            let file = $file;
            $(let file = match file.try_data::<$type>() {
                Ok(elements) => {
                    let values = collect("n", elements)?;
                    return values.into_iter().map(|n| i64::try_from(n).map_err(|e| e.to_string())).collect();
                }
                Err(file) => file,
            };)*
            file
        }};
    }
    let file = first_of!(file; i64 i32 i16 i8 u64 u32 u16 u8);
    Err(format!("n has elements of type {}; must be integers", file.dtype().descr()))
}

/// All elements. Nothing is reserved: a damaged header may promise any number of them.
fn collect<T: Deserialize>(name: &str, elements: npyz::NpyReader<T, impl Read>) -> Result<Vec<T>, String> {
    let mut all = vec![];
    for element in elements {
        all.push(element.map_err(|e| damaged(name, &e))?);
    }
    Ok(all)
}
