//! Simulation from the command line: results equal the functional model, whatever the clock, pauses or engine.

mod support;

use std::fs;
use support::flashrtl;

#[test]
fn the_tour_runs_and_agrees_with_the_functional_model() {
    let report = flashrtl(&["simulate", "tour", "--json"]).succeeds().json();
    assert_eq!(report["compared"], 6);
    assert_eq!(report["rows"], 6);
    let error = report["accuracy"]["overall"]["rounded_inputs"]["relative_l2"].as_f64().unwrap();
    assert!((0.0005..0.05).contains(&error), "{error}");
}

/// The measures of accuracy, which depend on every bit of the results.
fn accuracy(args: &[&str]) -> serde_json::Value {
    flashrtl(&[&["simulate", "tour", "--json"], args].concat()).succeeds().json()["accuracy"].clone()
}

#[test]
fn pauses_and_engines_change_no_result() {
    let expected = accuracy(&[]);
    assert_eq!(accuracy(&["--stalls", "0.4"]), expected);
    assert_eq!(accuracy(&["--engine", "rust-hdl"]), expected);
    if sim::Tool::IVERILOG.unavailable().is_none() {
        assert_eq!(accuracy(&["--engine", "icarus"]), expected);
    }
}

/// Partial states are held against attention as the rows that they stand for.
#[test]
fn errors_are_of_result_rows() {
    let run =
        |form: &str| flashrtl(&["simulate", "tour_accelerator", "--json", "--set", form]).succeeds().json();
    let rows = &run("kernel.result=row")["error"];
    let mean = rows[0].as_f64().unwrap();
    assert!((1e-5..0.1).contains(&mean), "{mean}");
    assert_eq!(run("kernel.result=state")["error"], *rows);
}

/// Pauses are those of the memory, and what an accelerator has no choice of is refused.
#[test]
fn options_reach_an_accelerator_or_are_refused() {
    let counters = |args: &[&str]| {
        let report =
            flashrtl(&[&["simulate", "tour_accelerator", "--json"], args].concat()).succeeds().json();
        (report["cycles"].as_u64().unwrap(), report["counters"].clone())
    };
    let paused = counters(&["--stalls", "0.4"]);
    assert!(paused.0 > counters(&[]).0);
    assert_eq!(paused, counters(&["--set", "memory.stalls=0.4"]));
    for option in ["--functional", "--no-functional"] {
        let said = flashrtl(&["simulate", "tour_accelerator", option]).fails();
        assert!(said.err.contains(&format!("{option}: accelerators are always compared")), "{}", said.err);
    }
}

#[test]
fn the_clock_changes_latency_and_no_value() {
    let at = |mhz: &str| {
        let sets = ["--set", &format!("clock.mhz={mhz}"), "--set", "array.interleave=auto"].map(String::from);
        let args: Vec<&str> = sets.iter().map(String::as_str).collect();
        let check = flashrtl(&[&["check", "tour", "--json"][..], &args].concat()).succeeds().json();
        let figures = [&check["latency_cycles"], &check["engine"]["min_interleave"]];
        (figures.map(|f| f.as_u64().unwrap()), accuracy(&args))
    };
    let ((slow, values), (fast, fast_values)) = (at("50"), at("700"));
    assert!(fast[0] > slow[0] && fast[1] > slow[1], "{slow:?} {fast:?}");
    assert_eq!(values, fast_values);
}

#[test]
fn a_unit_runs_its_operands() {
    let report = flashrtl(&["simulate", "expmul_bf16", "--json"]).succeeds().json();
    assert_eq!((&report["random"], &report["mismatches"]), (&1000.into(), &0.into()));
}

#[test]
fn waves_are_written() {
    let folder = tempfile::tempdir().unwrap();
    for design in ["tour", "expmul_bf16", "tour_accelerator"] {
        let path = folder.path().join(format!("{design}.vcd"));
        flashrtl(&["simulate", design, "--vcd", path.to_str().unwrap()]).succeeds();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("$enddefinitions") && text.lines().count() > 100);
    }
    let nowhere = folder.path().join("missing/tour.vcd");
    let said = flashrtl(&["simulate", "tour", "--vcd", nowhere.to_str().unwrap()]).fails();
    assert!(said.err.contains("cannot write it"), "{}", said.err);
}

#[test]
fn every_engine_that_is_installed_is_verified() {
    let strict = std::env::var("FLASHRTL_STRICT").as_deref() == Ok("1");
    let args = [
        "verify", "tour", "--quick", "--json", "--engine", "program", "--engine", "rust-hdl", "--engine",
        "icarus",
    ];
    let report = flashrtl(&[&args[..], if strict { &["--strict"] } else { &[] }].concat()).succeeds().json();
    for engine in report["engines"].as_array().unwrap() {
        let status = engine["status"].as_str().unwrap();
        assert!(status == "equal" || status == "skipped" && !strict, "{engine}");
    }
}

#[test]
fn missing_tools_are_named_and_skipped() {
    let with_empty_path = |args: &[&str]| flashrtl(args).env("PATH", "/nonexistent");
    let said = with_empty_path(&["verify", "tour", "--quick"]).succeeds();
    assert!(said.out.contains("apt-get install verilator") && said.out.contains("apt-get install iverilog"));
    let said = with_empty_path(&["verify", "tour", "--quick", "--strict"]).fails();
    assert!(said.err.contains("skipped: icarus, verilator"), "{}", said.err);
    let said = with_empty_path(&["doctor"]).succeeds();
    assert!(said.out.contains("apt-get install yosys"), "{}", said.out);
    with_empty_path(&["doctor", "--strict"]).fails();
    let folder = tempfile::tempdir().unwrap();
    with_empty_path(&["run", "tour"]).current_dir(folder.path()).succeeds();
}

/// Nothing but the bus or the engine holds them up for long. The largest takes a while.
#[test]
fn built_in_accelerators_reach_their_bound() {
    let nightly = std::env::var("FLASHRTL_NIGHTLY").as_deref() == Ok("1");
    let names =
        ["accelerator_flash_d_lse_d64", "accelerator_flash_d_lse_fp8", "accelerator_flash_d_lse_d128_gqa"];
    for name in &names[..if nightly { 3 } else { 1 }] {
        let report = flashrtl(&["simulate", name, "--json"]).succeeds().json();
        let number = |value: &serde_json::Value| value.as_u64().unwrap();
        let bus: u64 = report["bus_cycles"].as_array().unwrap().iter().map(number).max().unwrap();
        let bound = bus.max(number(&report["compute_cycles"]));
        let cycles = number(&report["cycles"]);
        assert!(cycles * 95 <= bound * 100, "{name}: {cycles} cycles, bound {bound}");
    }
}
