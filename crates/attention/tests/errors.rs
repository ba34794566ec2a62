//! Error messages are part of the product: each is kept as text under `tests/errors` and compared whole.
//! `FLASHRTL_BLESS=1 cargo test -p flashrtl-attention --test errors` rewrites them.

mod support;

use attention::{Config, Workload};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use support::{Array, ramp, write_npy, write_npz};

/// Compares with `tests/errors/<name>.txt`, or writes it.
fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/errors/{name}.txt"));
    if std::env::var_os("FLASHRTL_BLESS").is_some() {
        return std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{} differs; FLASHRTL_BLESS=1 rewrites it", path.display());
}

const GOOD: &str = "\
name = \"small\"

[kernel]
name = \"fa2\"

[array]
head_dim = 16
query_lanes = 2
";

fn fails(text: &str, overrides: &[&str]) -> String {
    Config::parse(text, "small.toml", overrides).expect_err(text).to_string()
}

#[test]
fn configuration() {
    assert!(Config::parse(GOOD, "small.toml", &[]).is_ok());
    let edits = [
        ("unknown key", "head_dim = 16", "head_dim = 16\nhead_dimension = 16"),
        ("unknown key, near a known one", "query_lanes", "querry_lanes"),
        ("unknown section", "[array]", "[arrays]"),
        ("section of the other kind", "[kernel]", "[unit]"),
        ("option of another kernel", "\"fa2\"", "\"fa2\"\nquantize = \"each\""),
        ("unknown kernel", "\"fa2\"", "\"fa3\""),
        ("kernel missing", "name = \"fa2\"", ""),
        ("wrong type", "head_dim = 16", "head_dim = \"16\""),
        ("fraction for an integer", "head_dim = 16", "head_dim = 16.0"),
        ("section as a value", "[kernel]\nname = \"fa2\"", "kernel = \"fa2\""),
        ("head_dim 0", "head_dim = 16", "head_dim = 0"),
        ("head_dim 257", "head_dim = 16", "head_dim = 257"),
        ("head_dim missing", "head_dim = 16", ""),
        ("bad name", "\"small\"", "\"Small-1\""),
        ("name missing", "name = \"small\"", ""),
        ("unknown kind", "[kernel]", "kind = \"engin\"\n[kernel]"),
        ("interleave", "head_dim = 16", "head_dim = 16\ninterleave = 65"),
        ("not TOML", "head_dim = 16", "head_dim = = 16"),
        ("key twice", "head_dim = 16", "head_dim = 16\nhead_dim = 17"),
    ];
    let mut all = String::new();
    for (what, from, to) in edits {
        writeln!(all, "# {what}\n{}\n", fails(&GOOD.replacen(from, to, 1), &[])).unwrap();
    }
    golden("configuration", &all);
}

#[test]
fn overrides() {
    let cases: &[&[&str]] = &[
        &["array.head_dim=257"],
        &["array.head_dim=32", "array.head_dim=none"],
        &["format.input=bf17"],
        &["format.input=e1m3"],
        &["format.input=8"],
        &["format.input=q0.8"],
        &["format.input=q16.16"],
        &["format.score=q8.8"],
        &["format.accumulator=q8.8"],
        &["format.input=q8.8", "format.align_bits=40"],
        &["kernel.name=flash-d-lse", "format.input=q8.8", "format.accumulator=fixed12"],
        &["kernel.name=flash-d-lse", "format.accumulator=fixed16", "format.output=q8.8"],
        &["kernel.scale=port", "format.input=q4.24", "format.score=m15"],
        &["format.accumulator=fp8-e4m3"],
        &["format.score=e5m2"],
        &["kernel.name=flash-d", "format.accumulator=fixed16"],
        &["kernel.name=flash-d", "format.score=fp16"],
        &["kernel.name=flash-d", "kernel.sigmoid=direct-9"],
        &["format.align_bits=10"],
        &["format.align_bits=128"],
        &["format.subnormals=full"],
        &["format.rounding=rnd"],
        &["kernel.exp_segments=12"],
        &["kernel.fraction_bits=1"],
        &["kernel.scale=2"],
        &["kernel.initial=row"],
        &["kernel.initial=state", "kind=merge"],
        &["kind=accelerator", "job.pieces=2"],
        &[
            "kind=accelerator",
            "kernel.initial=state",
            "kernel.result=state",
            "job.pieces=2",
            "job.mask=causal",
        ],
        &["clock.mhz=nan"],
        &["clock.mhz=0"],
        &["clock.platform=nowhere/x.toml"],
        &["reset.active_low=1"],
        &["workload.keys=5000"],
        &["workload.sigma=-1"],
        &["workload.stimuli=5"],
        &["arry.head_dim=32"],
        &["name.first=x"],
        &["array.head_dim"],
        &["array..head_dim=3"],
        &["array=3"],
    ];
    let mut all = String::new();
    for case in cases {
        writeln!(all, "{}\n", fails(GOOD, case)).unwrap();
    }
    golden("overrides", &all);
}

#[test]
fn lines_are_found_in_every_spelling() {
    let start = "name = \"s\"\nkernel.name = \"fa2\"\n";
    for (text, place) in [
        ("array.query_lanes = 1\narray.head_dim = 0", "s.toml:4: array.head_dim = 0:"),
        ("array = { query_lanes = 1,\n head_dim = 0 }", "s.toml:4: array.head_dim = 0:"),
        ("[array]\nquery_lanes = 1\r\n\"head_dim\" = 0", "s.toml:5: array.head_dim = 0:"),
        ("array = [[1, 2],\n[3]]", "s.toml:3: array = [[1, 2], [3]]: must be a section"),
    ] {
        let error = Config::parse(&format!("{start}{text}"), "s.toml", &[]).unwrap_err().to_string();
        assert!(error.starts_with(place), "{error}");
    }
}

/// What these say depends on the platform files, which grow.
#[test]
fn platforms() {
    for (case, expected) in [
        ("clock.mhz=10000", "a period of 100 ps leaves nothing between registers, which take"),
        ("clock.platform=nangate54", "unknown platform; legal: "),
        ("clock.platform=nangate54", "did you mean \"nangate45\"?"),
        ("clock.delay_model=99", "platform \"nangate45\" has no such version; it has 1, 2"),
    ] {
        let error = fails(GOOD, &[case]);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn units() {
    const UNIT: &str = "name = \"mul\"\nkind = \"unit\"\n[unit]\nop = \"fp-mul\"\n";
    assert!(Config::parse(UNIT, "mul.toml", &[]).is_ok());
    let cases = [
        "unit.op=3",
        "unit.format=bf61",
        "array.head_dim=4",
        "format.score=bf16",
        "workload.keys=4",
        "workload.stimuli=0",
    ];
    let mut all = String::new();
    for case in cases {
        let error = Config::parse(UNIT, "mul.toml", &[case]).expect_err(case);
        writeln!(all, "{error}\n").unwrap();
    }
    golden("units", &all);
}

#[test]
fn files_and_late_errors() {
    let missing = Config::load("no/such/design.toml".as_ref(), &[] as &[&str]).unwrap_err();
    let config = Config::parse(GOOD, "small.toml", &["clock.mhz=2000"]).unwrap();
    let late = [
        config.reject("array.head_dim", "too wide for this board"),
        config.reject("clock.mhz", "the loop of o takes 3 slots"),
        config.reject("format.score", "not available in this kernel"),
    ];
    let mut all = format!("{missing}\n\n");
    for error in late {
        writeln!(all, "{error}\n").unwrap();
    }
    golden("files_and_late_errors", &all);
}

/// The error of loading a file, without its folder.
fn load_fails(path: &Path) -> String {
    let folder = format!("{}/", path.parent().unwrap().display());
    Workload::load(path).unwrap_err().to_string().replace(&folder, "")
}

/// q, k, v of 2 heads, 3 queries, 4 keys, 5 elements, with one of them replaced.
fn arrays(replaced: &'static str, array: Array) -> Vec<(&'static str, Array)> {
    let mut all = vec![("q", ramp(&[2, 3, 5])), ("k", ramp(&[2, 4, 5])), ("v", ramp(&[2, 4, 5]))];
    all.retain(|(name, _)| *name != replaced);
    all.push((replaced, array));
    all
}

/// An array with one element replaced.
fn with(shape: &[u64], at: usize, element: f32) -> Array {
    let mut array = ramp(shape);
    array.1[at] = element;
    array
}

#[test]
fn npz_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = String::new();
    let mut fails = |name: &str, arrays: &[(&str, Array)], lengths: Option<&[i32]>| {
        let path = folder.path().join(format!("{name}.npz"));
        write_npz(&path, arrays, lengths);
        writeln!(all, "{}\n", load_fails(&path)).unwrap();
    };
    let good = arrays("v", ramp(&[2, 4, 5]));
    fails("no_q", &good[1..], None);
    fails("no_arrays", &[], None);
    fails("head_dims_differ", &arrays("q", ramp(&[2, 3, 6])), None);
    fails("heads_differ", &arrays("q", ramp(&[1, 3, 5])), None);
    fails("keys_differ", &arrays("v", ramp(&[2, 3, 5])), None);
    fails("one_dimension", &arrays("v", ramp(&[40])), None);
    fails("nan", &arrays("k", with(&[2, 4, 5], 27, f32::NAN)), None);
    fails("infinity", &arrays("v", with(&[2, 4, 5], 3, f32::NEG_INFINITY)), None);
    fails("empty_sequence", &arrays("q", ramp(&[2, 0, 5])), None);
    fails("no_valid_row", &good, Some(&[4, 0]));
    fails("too_many_valid_rows", &good, Some(&[4, 5]));
    fails("lengths_of_other_heads", &good, Some(&[4, 4, 4]));
    golden("npz_files", &all);
}

#[test]
fn other_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let floats = ramp(&[2, 4, 5]);
    write_npy(&path("f32.npy"), &floats.0, &floats.1, npyz::Order::C);
    write_npy(&path("f64.npy"), &[1, 1, 2], &[1.0f64, 2.0], npyz::Order::C);
    write_npy(&path("fortran.npy"), &floats.0, &floats.1, npyz::Order::Fortran);
    let bytes = std::fs::read(path("f32.npy")).unwrap();
    std::fs::write(path("cut.npy"), &bytes[..bytes.len() - 7]).unwrap();
    std::fs::write(path("text.npz"), "no archive").unwrap();
    std::fs::write(path("text.safetensors"), "no header").unwrap();
    std::fs::write(path("tensors.pt"), "").unwrap();
    let dtype = safetensors::Dtype::F64;
    let other = support::safetensors(&[("q", dtype, vec![1, 1], vec![0; 8])]);
    std::fs::write(path("f64.safetensors"), other).unwrap();
    let other = support::safetensors(&[("query", dtype, vec![1, 1], vec![0; 8])]);
    std::fs::write(path("query.safetensors"), other).unwrap();

    let mut all = String::new();
    for name in
        ["f32.npy", "text.npz", "text.safetensors", "tensors.pt", "f64.safetensors", "query.safetensors"]
    {
        writeln!(all, "{}\n", load_fails(&path(name))).unwrap();
    }
    for name in ["f64.npy", "fortran.npy", "cut.npy", "missing.npy"] {
        let good = path("f32.npy");
        let error = Workload::load_npy(&path(name), &good, &good, None).unwrap_err().to_string();
        writeln!(all, "{}\n", error.replace(&format!("{}/", folder.path().display()), "")).unwrap();
    }
    let good = path("f32.npy");
    let error = Workload::load_npy(&good, &good, &good, Some(&good)).unwrap_err().to_string();
    writeln!(all, "{}", error.replace(&format!("{}/", folder.path().display()), "")).unwrap();
    golden("other_files", &all);
}

#[test]
fn workload_against_configuration() {
    let check = |overrides: &[&str]| {
        let small = Config::parse(GOOD, "small.toml", &[]).unwrap();
        let config = Config::parse(GOOD, "small.toml", overrides).unwrap();
        Workload::generate(small.engine().unwrap()).check(&config).expect_err("fits").to_string()
    };
    let head_dim = check(&["array.head_dim=32"]);
    let keys = check(&["array.max_keys=16"]);
    golden("workload_against_configuration", &format!("{head_dim}\n\n{keys}\n"));
}

/// A memory that is slower than the watchdog allows; streams have no latency.
#[test]
fn latency_and_watchdog() {
    let text =
        format!("kind = \"accelerator\"\n{GOOD}[accelerator]\nwatchdog = 300\n[memory]\nlatency = 299\n");
    assert!(Config::parse(&text, "small.toml", &[]).is_ok());
    assert!(
        Config::parse(&text, "small.toml", &["memory.latency=300", "accelerator.interface=stream"]).is_ok()
    );
    assert_eq!(
        fails(&text, &["memory.latency=300"]),
        "--set memory.latency=300: memory.latency = 300: must be below accelerator.watchdog = 300, which gives a job up \
         after that many cycles without a transfer"
    );
}

/// Queries beyond what an accelerator takes: the configuration's own, and those of a file.
#[test]
fn queries_of_an_accelerator() {
    let text = format!("kind = \"accelerator\"\n{GOOD}[accelerator]\nmax_queries = 8\n");
    let own = fails(&text, &["workload.queries=9"]);
    let config = Config::parse(&text, "small.toml", &[]).unwrap();
    assert_eq!(config.engine().unwrap().workload.queries, 8);
    let longer =
        Config::parse(&text, "small.toml", &["accelerator.max_queries=9", "workload.queries=9"]).unwrap();
    let workload = Workload::generate(longer.engine().unwrap());
    assert!(workload.check(&longer).is_ok());
    let given = workload.check(&config).expect_err("fits").to_string();
    assert_eq!(
        format!("{own}\n{given}"),
        "--set workload.queries=9: workload.queries = 9: must be at most accelerator.max_queries = 8\n\
         normal, sigma 1, seed 1: head 0 has 9 queries, and accelerator.max_queries = 8; set \
         accelerator.max_queries=9 or more"
    );
}
