//! Error messages are part of the product: each is kept as text under `tests/errors` and compared whole.
//! `FLASHRTL_BLESS=1 cargo test -p flashrtl-attention --test errors` rewrites them.

use attention::Config;
use std::fmt::Write;
use std::path::PathBuf;

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
        &["format.accumulator=fp8-e4m3"],
        &["format.score=e5m2"],
        &["format.align_bits=10"],
        &["format.align_bits=128"],
        &["format.subnormals=full"],
        &["format.rounding=rnd"],
        &["kernel.exp_segments=12"],
        &["kernel.fraction_bits=1"],
        &["kernel.scale=2"],
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

/// What these say depends on the platform files, which grow.
#[test]
fn platforms() {
    for (case, expected) in [
        ("clock.mhz=10000", "a period of 100 ps leaves nothing between registers, which take"),
        ("clock.platform=nangate54", "unknown platform; legal: "),
        ("clock.platform=nangate54", "did you mean \"nangate45\"?"),
        ("clock.delay_model=99", "platform \"nangate45\" has no such version; it has 1"),
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
