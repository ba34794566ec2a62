//! Tensors from files: they run, and files that do not fit are refused with the reason.

mod support;

use npyz::WriterBuilder;
use npyz::npz::NpzWriter;
use npyz::zip::write::FileOptions;
use std::path::{Path, PathBuf};
use support::flashrtl;

/// Heads, rows, elements of a row.
type Shape = [u64; 3];

/// An `.npz` file of arrays with small numbers of either sign.
fn npz(folder: &Path, arrays: &[(&str, Shape)]) -> PathBuf {
    let path = folder.join("qkv.npz");
    let mut archive = NpzWriter::create(&path).unwrap();
    for (at, (name, shape)) in arrays.iter().enumerate() {
        let array = archive.array(name, FileOptions::default()).unwrap().default_dtype();
        let mut writer = array.shape(shape).begin_nd().unwrap();
        let numbers =
            (0..shape.iter().product::<u64>()).map(|i| ((7 * i + at as u64) % 23) as f32 / 8.0 - 1.4);
        writer.extend(numbers).unwrap();
        writer.finish().unwrap();
    }
    path
}

fn simulate(path: &Path, more: &[&str]) -> support::Call {
    flashrtl(&[&["simulate", "tour", "--data", path.to_str().unwrap()], more].concat())
}

#[test]
fn a_file_of_tensors_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = npz(folder.path(), &[("q", [2, 9, 4]), ("k", [2, 11, 4]), ("v", [2, 11, 4])]);
    let report = simulate(&path, &["--json"]).succeeds().json();
    assert_eq!((&report["rows"], &report["compared"]), (&18.into(), &18.into()));
    let heads = report["accuracy"]["heads"].as_array().unwrap();
    assert_eq!(heads.iter().map(|h| h["keys"].as_u64().unwrap()).collect::<Vec<_>>(), [11, 11]);
    let part = simulate(&path, &["--json", "--heads", "1", "--queries", "3"]).succeeds().json();
    assert_eq!(part["rows"], 3);
    assert_eq!(part["accuracy"]["heads"][0]["queries"]["last"], 6);
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[(&str, Shape)], &str); 4] = [
        (&[("k", [1, 5, 4]), ("v", [1, 5, 4])], "has no array q; it holds k [1, 5, 4], v [1, 5, 4]"),
        (&[("q", [1, 5, 4]), ("k", [1, 5, 4]), ("v", [1, 6, 4])], "they must have the same shape"),
        (&[("q", [1, 0, 4]), ("k", [1, 0, 4]), ("v", [1, 0, 4])], "an empty sequence has no attention"),
        (
            &[("q", [1, 5, 8]), ("k", [1, 5, 8]), ("v", [1, 5, 8])],
            "rows have 8 elements, and array.head_dim = 4; set array.head_dim=8",
        ),
    ];
    for (arrays, reason) in cases {
        let path = npz(folder.path(), arrays);
        let said = simulate(&path, &[]).fails();
        assert!(said.err.contains(reason) && said.err.contains("qkv.npz"), "{}", said.err);
    }
}

/// Real tensors, when `FLASHRTL_DATA` points to an `.npz` file of them with rows of 32 elements.
#[test]
fn real_tensors() {
    let Some(path) = std::env::var_os("FLASHRTL_DATA") else { return };
    for (design, low, high) in [("fa2_bf16_d64", 0.04, 0.06), ("fa2_expmul_bf16_d64", 0.09, 0.13)] {
        let args = ["simulate", design, "--set", "array.head_dim=32", "--queries", "16", "--json", "--data"];
        let report = flashrtl(&[&args[..], &[path.to_str().unwrap()]].concat()).succeeds().json();
        let error = report["accuracy"]["overall"]["rounded_inputs"]["relative_l2"].as_f64().unwrap();
        assert!((low..high).contains(&error), "{design}: {error}");
    }
}
