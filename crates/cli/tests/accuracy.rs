//! `flashrtl accuracy`: its JSON and its plot, lengths, tensors, and what it refuses.

mod support;

use npyz::WriterBuilder;
use std::fs;
use std::path::Path;
use support::flashrtl;

/// The JSON report of a call.
#[track_caller]
fn report(args: &[&str]) -> serde_json::Value {
    flashrtl(&[&["accuracy", "--json", "-"], args].concat()).succeeds().json()
}

#[test]
fn json_has_what_the_documentation_says() {
    let report = report(&[
        "tour",
        "flash_d_lse_mid_bf16_d64",
        "--rows",
        "2",
        "--seeds",
        "2",
        "--groups",
        "dip-12,wide",
    ]);
    assert_eq!((&report["rows"], &report["seeds"]), (&2.into(), &vec![1, 2].into()));
    assert!(report["data"].is_null() && report["length_group"].is_null());
    let configs = report["configs"].as_array().unwrap();
    assert_eq!(configs.len(), 2);
    let mid = &configs[1];
    assert_eq!((&mid["name"], &mid["kernel"]), (&"flash_d_lse_mid_bf16_d64".into(), &"flash-d-lse".into()));
    assert_eq!((&mid["formats"]["accumulator"], &mid["max_keys"]), (&"fixed18".into(), &4096.into()));
    assert_eq!(mid["config_hash"].as_str().unwrap().len(), 64);
    let names: Vec<&str> =
        mid["groups"].as_array().unwrap().iter().map(|g| g["group"].as_str().unwrap()).collect();
    assert_eq!(names, ["dip-12", "wide"]);
    let wide = &mid["groups"][1];
    assert_eq!((&wide["keys"], &wide["queries"]), (&256.into(), &4.into()));
    assert_eq!(wide["beyond_max_keys"], false);
    assert_eq!(wide["counts"]["steps"], 4 * 256);
    assert_eq!((&wide["skip_fraction"], &wide["counts"]["saturated_scores"]), (&0.0.into(), &0.into()));
    assert_eq!(wide["counts"]["results"], 4 * 32);
    assert_eq!((&wide["inputs"]["saturated"], &wide["rounded_inputs"]["not_finite"]), (&0.into(), &0.into()));
    for reference in ["rounded_inputs", "unrounded_inputs"] {
        for measure in ["relative_l2", "max_abs", "cosine"] {
            assert!(wide[reference][measure].as_f64().unwrap() > 0.0, "{reference} {measure}");
        }
    }
    let parts = wide["parts"].as_array().unwrap();
    assert_eq!(parts.iter().map(|p| p["seed"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    assert_ne!(parts[0]["rounded_inputs"], parts[1]["rounded_inputs"]);
    assert_eq!(mid["overall"]["queries"], 8);
    assert_eq!(mid["lengths"].as_array().unwrap().len(), 0);
}

#[test]
fn reports_repeat_and_more_rows_are_more() {
    let args = ["tour", "--groups", "alternate-7,dip-100", "--rows"];
    let measured = |rows: &str| report(&[&args[..], &[rows]].concat())["configs"][0]["groups"].clone();
    assert_eq!(measured("3"), measured("3"));
    assert_ne!(measured("3"), measured("4"));
}

#[test]
fn lengths_are_measured_and_plotted() {
    let folder = tempfile::tempdir().unwrap();
    let (plot, json) = (folder.path().join("error.svg"), folder.path().join("error.json"));
    let args = [
        "accuracy",
        "tour",
        "fa2_expmul_bf16_d64",
        "--groups",
        "dip-12",
        "--rows",
        "1",
        "--lengths",
        "300,2,40,2",
        "--plot-group",
        "normal-3",
        "--plot",
        plot.to_str().unwrap(),
        "--json",
        json.to_str().unwrap(),
    ];
    let said = flashrtl(&args).succeeds();
    assert!(
        said.out.contains("note: measured with array.max_keys raised to 300: tour (256)"),
        "{}",
        said.out
    );
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(report["length_group"], "normal-3");
    let lengths = report["configs"][0]["lengths"].as_array().unwrap();
    let keys: Vec<u64> = lengths.iter().map(|l| l["keys"].as_u64().unwrap()).collect();
    assert_eq!(keys, [2, 40, 300]);
    assert_eq!(
        lengths.iter().map(|l| l["beyond_max_keys"] == true).collect::<Vec<_>>(),
        [false, false, true]
    );
    let svg = fs::read_to_string(&plot).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    let shown = [
        "tour",
        "fa2_expmul_bf16_d64",
        "normal-3",
        "sequence length (keys)",
        "relative L2 error",
        "\n300\n",
        "10 %",
    ];
    shown.iter().for_each(|text| assert!(svg.contains(text), "{text}"));
    for external in ["href", "url(", "@import", "<image", "<script"] {
        assert!(!svg.contains(external), "{external}");
    }
}

/// A file of one head whose attention is known: equal scores, so the result is the mean of the values.
fn npz(folder: &Path) -> String {
    let path = folder.join("qkv.npz");
    let mut archive = npyz::npz::NpzWriter::create(&path).unwrap();
    let arrays: [(&str, [u64; 3], [f32; 8]); 3] = [
        ("q", [2, 2, 2], [0.0; 8]),
        ("k", [2, 2, 2], [1.0; 8]),
        ("v", [2, 2, 2], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]),
    ];
    for (name, shape, values) in arrays {
        let array = archive.array(name, npyz::zip::write::FileOptions::default()).unwrap().default_dtype();
        let mut writer = array.shape(&shape).begin_nd().unwrap();
        writer.extend(values).unwrap();
        writer.finish().unwrap();
    }
    path.to_str().unwrap().into()
}

#[test]
fn tensors_are_one_more_group() {
    let folder = tempfile::tempdir().unwrap();
    let path = npz(folder.path());
    let report = report(&["fa2_bf16_d64", "--data", &path, "--groups", "data,dip-12"]);
    assert_eq!(report["data"], path.as_str());
    let data = &report["configs"][0]["groups"][0];
    assert_eq!((&data["group"], &data["keys"], &data["queries"]), (&"data".into(), &2.into(), &4.into()));
    assert_eq!(data["rounded_inputs"]["relative_l2"], 0.0);
    let heads = data["parts"].as_array().unwrap();
    assert_eq!(heads.len(), 2);
    assert_eq!(
        (&heads[1]["head"], &heads[1]["keys"], &heads[1]["rows"]["last"]),
        (&1.into(), &2.into(), &1.into())
    );
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let says = |args: &[&str], code: i32, reason: &str| {
        let said = flashrtl(&[&["accuracy"], args].concat()).ends(code);
        assert!(said.err.contains(reason), "{args:?}: {}", said.err);
    };
    says(&["tour", "--groups", "unifrom"], 2, "unknown group \"unifrom\"; groups are uniform,");
    says(&["tour", "--groups", ""], 2, "unknown group \"\"");
    says(&["tour", "--groups", "dip-12,"], 2, "unknown group \"\"");
    says(&["tour", "--lengths", "0"], 2, "0 is not in 1..=65536");
    says(&["tour", "--lengths", ""], 2, "invalid");
    says(&["tour", "--rows", "0"], 2, "0 is not in 1..=65536");
    says(
        &["tour", "--plot-group", "rise-3"],
        2,
        "rise-3 always has 33 keys; groups of any length are uniform,",
    );
    says(&[], 2, "CONFIG");
    says(&["expmul_bf16"], 1, "expmul_bf16 is a unit; accuracy is measured of query engines");
    says(&["tour", "tour"], 1, "tour is named twice");
    says(&["tour", "--groups", "data"], 1, "name the file by --data");
    says(&["tour", "--data", "nothing.npz"], 1, "nothing.npz: cannot be read");
    says(
        &["tour", "--groups", "dip-12", "--json", "/nonexistent/a.json"],
        1,
        "/nonexistent/a.json: cannot write it",
    );
    says(
        &["tour", "--groups", "dip-12", "--lengths", "4", "--plot", "/nonexistent/a.svg"],
        1,
        "cannot write it",
    );
}

/// Real tensors, when `FLASHRTL_DATA` points to an `.npz` file of them.
#[test]
fn real_tensors() {
    let Some(path) = std::env::var_os("FLASHRTL_DATA") else { return };
    let args = ["fa2_bf16_d64", "flash_d_lse_mid_bf16_d64", "--groups", "data", "--rows", "16", "--data"];
    let report = report(&[&args[..], &[path.to_str().unwrap()]].concat());
    let errors =
        [0, 1].map(|at| report["configs"][at]["overall"]["rounded_inputs"]["relative_l2"].as_f64().unwrap());
    assert!((0.03..0.07).contains(&errors[0]) && errors[1] < 0.006, "{errors:?}");
}
