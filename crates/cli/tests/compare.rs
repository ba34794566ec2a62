//! `flashrtl compare` with the real tools on Debian's osu018, and what it makes of results without them. A tool that is
//! missing is skipped aloud; with `FLASHRTL_STRICT=1` it fails.

mod support;

use serde_json::Value;
use std::fs;
use std::path::Path;
use support::{flashrtl, have_tools};

/// Two small designs, one element of each.
const STUDY: &str = r#"
name = "small"
description = "Two elements"
platform = "osu018"
mhz = 100
baseline = ["fa2"]
quick = true
keys = 8
groups = ["dip-12", "normal-3"]
set = { array.query_lanes = 1, workload.queries = 8, workload.keys = 8, workload.heads = 1 }
[[view]]
scope = "element"
interleave = "same"
head_dim = [2]
[[design]]
label = "fa2"
config = "fa2_bf16_d64"
[[design]]
label = "shift"
config = "flash_d_lse_shift_bf16_d64"
published = { area = -0.5, power = -0.4, source = "nowhere, 3 nm" }
"#;

fn compare(folder: &Path, args: &[&str]) -> support::Call {
    let call = flashrtl(&[&["compare"], args, &["-o", folder.to_str().unwrap()]].concat());
    call.env("FLASHRTL_PDK", "")
        .env("FLASHRTL_ORFS", "")
        .env("FLASHRTL_DATA", "")
        .env("SOURCE_DATE_EPOCH", "0")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_study_is_measured_once_and_its_report_can_be_made_again() {
    if !have_tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (study, out) = (folder.path().join("small.toml"), folder.path().join("out"));
    fs::write(&study, STUDY).unwrap();
    let said = compare(&out, &[study.to_str().unwrap(), "--json"]).succeeds();
    assert!(said.err.contains("1/2 ") && said.err.contains("2/2 "), "{}", said.err);
    let results = said.json();
    assert_eq!((&results["study"], &results["date"]), (&"small".into(), &"1970-01-01T00:00:00Z".into()));
    let points = results["cases"][0]["points"].as_array().unwrap();
    let figures: Vec<&Value> = points.iter().map(|p| &p["outcome"]["measured"]).collect();
    let area = |at: usize| number(&figures[at]["area_um2"]);
    assert!(area(1) < 0.8 * area(0), "an element without a multiplier is smaller: {} {}", area(0), area(1));
    assert_eq!(points[0]["interleave"], points[1]["interleave"]);
    for f in &figures {
        assert!(f["met"] == true && f["power"]["bit_exact"] == true, "{f}");
        let parts = f["parts"].as_array().unwrap();
        assert_eq!(parts.iter().map(|p| p["part"].as_str().unwrap()).collect::<Vec<_>>(), ["elements"]);
        let sum = number(&parts[0]["logic_um2"]) + number(&parts[0]["register_um2"]);
        assert!((0.8..1.25).contains(&(sum / number(&f["area_um2"]))), "{f}");
    }
    let errors = results["errors"].as_array().unwrap();
    assert!(errors.len() == 2 && errors[0]["groups"].as_array().unwrap().len() == 2);

    // Again: everything is there already, and comes out the same.
    let again = compare(&out, &[study.to_str().unwrap(), "--json"]).succeeds().json();
    assert_eq!(again, results);

    // From the file alone, without any tool, into another folder.
    let file = out.join("results.json");
    let other = folder.path().join("other");
    let from = ["--from", file.to_str().unwrap()];
    let said = compare(&other, &from).env("PATH", "").succeeds();
    assert!(
        said.out.contains("element, d = 2, same interleave") && said.out.contains("baseline"),
        "{}",
        said.out
    );
    for name in ["report.html", "results.csv", "results.json"] {
        let same =
            fs::read_to_string(out.join(name)).unwrap() == fs::read_to_string(other.join(name)).unwrap();
        assert!(same, "{name}");
    }
    let page = fs::read_to_string(other.join("report.html")).unwrap();
    assert!(page.contains("nowhere, 3 nm") && page.contains("−50.0"));
    let relative = compare(&other, &[&from[..], &["--baseline", "shift", "--csv"]].concat()).succeeds();
    assert!(relative.out.starts_with("scope,") && relative.out.contains("area_vs_shift"), "{}", relative.out);
}

#[test]
fn what_cannot_be_compared_is_said_before_a_tool_runs() {
    let folder = tempfile::tempdir().unwrap();
    let study = folder.path().join("s.toml");
    let fails = |text: &str, args: &[&str]| {
        fs::write(&study, text).unwrap();
        let call = compare(folder.path(), &[&[study.to_str().unwrap()], args].concat());
        call.env("FLASHRTL_YOSYS", "/nowhere").fails().err
    };
    let said = fails(&STUDY.replace("scope", "scop"), &[]);
    assert!(said.contains("s.toml:12: ") && said.contains("unknown field `scop`"), "{said}");
    let said = fails(&STUDY.replace("head_dim = [2]", "head_dim = [999]"), &[]);
    assert!(said.contains("view.head_dim = 999") && said.contains("from 1 to 256"), "{said}");
    let said = fails(STUDY, &["--scope", "pond"]);
    assert!(said.contains("--scope pond") && said.contains("fa2_element"), "{said}");
    let said = fails(STUDY, &["--set", "format.input=bf17"]);
    assert!(said.contains("design \"fa2\"") && said.contains("format.input"), "{said}");
    let said = fails(STUDY, &["--baseline", "fa3"]);
    assert!(said.contains("baseline = \"fa3\"") && said.contains("\"shift\""), "{said}");
    let said = compare(folder.path(), &["papr"]).fails().err;
    assert!(said.contains("papr: ") && said.contains("papers"), "{said}");
    let said = compare(folder.path(), &["--from", study.to_str().unwrap()]).fails().err;
    assert!(said.contains("s.toml: cannot read the results"), "{said}");
}
