//! Synthesis with the real tools: areas, timing, what is kept, what is said when something is missing. A tool that is
//! missing is skipped aloud; with `FLASHRTL_STRICT=1` it fails. The Liberty files are those of Debian's
//! qflow-tech-osu018, and where `FLASHRTL_PDK` is set nangate45's.

mod support;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Call, OSU018, Said, flashrtl, have_tools, pdk};

/// `flashrtl synth` into a folder, on osu018 as Debian has it.
fn synth(folder: &Path, args: &[&str]) -> Call {
    let call = flashrtl(&[&["synth"], args, &["-o", folder.to_str().unwrap()]].concat());
    call.env("FLASHRTL_PDK", "").env("FLASHRTL_ORFS", "")
}

/// The report of the one design.
fn report(said: Said) -> Value {
    let mut all = said.json();
    assert_eq!(all.as_array().unwrap().len(), 1);
    all[0].take()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The folder of a step.
fn step(folder: &Path, prefix: &str) -> PathBuf {
    let mut entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix));
    found.unwrap_or_else(|| panic!("{} has no {prefix}", folder.display()))
}

#[test]
fn a_unit_is_synthesised_once_and_behaves_like_its_rtl() {
    if !have_tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let args = ["expmul_bf16", "--json", "--clock", "100"];
    let first = report(synth(folder.path(), &args).succeeds());
    assert_eq!(first["met"], true);
    let (area, timing) = (&first["chosen"]["area"], &first["chosen"]["timing"]);
    // 50 registers of 96 µm², and the logic; NAND2X1 has 24 µm².
    assert!((10_000.0..30_000.0).contains(&number(&area["um2"])), "{area}");
    assert_eq!(number(&area["nand2"]), number(&area["um2"]) / 24.0);
    assert!(area["flops"] == 50 && number(&area["flop_um2"]) == 4800.0, "{area}");
    assert!((2_000.0..10_000.0).contains(&number(&timing["min_period_ps"])), "{timing}");
    let attempts = first["attempts"].as_array().unwrap();
    let met = attempts.iter().filter(|a| number(&a["timing"]["slack_ps"]) >= 0.0);
    let smallest = met.map(|a| number(&a["area"]["um2"])).fold(f64::MAX, f64::min);
    assert_eq!(number(&area["um2"]), smallest);
    assert!(attempts.len() > 1 && attempts.iter().all(|a| a["cached"] == false));

    let second = report(synth(folder.path(), &args).succeeds());
    assert!(second["attempts"].as_array().unwrap().iter().all(|a| a["cached"] == true));
    assert_eq!(second["chosen"]["area"], first["chosen"]["area"]);
    behaves_like_its_rtl(folder.path(), "expmul_bf16", &first);
}

/// The generated testbench passes with the netlist in the RTL's place, and models of the cells that Yosys makes.
fn behaves_like_its_rtl(folder: &Path, design: &str, report: &Value) {
    let out = folder.join("generated");
    flashrtl(&["generate", design, "-o", out.to_str().unwrap()]).succeeds();
    let (top, netlist) = (report["top"].as_str().unwrap(), report["netlist"].as_str().unwrap());
    let tb = out.join("tb");
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).current_dir(&tb).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{program} {args:?}:\n{said}");
        said
    };
    let models = format!("read_liberty -ignore_miss_func {OSU018}; write_verilog -noattr models.v");
    run("yosys", &["-q", "-p", &models]);
    let (bench, name) = (format!("tb_{top}"), format!("tb_{top}.v"));
    run("iverilog", &["-g2005", "-s", &bench, "-o", "netlist.vvp", &name, "models.v", netlist]);
    let said = run("vvp", &["-n", "netlist.vvp"]);
    assert!(said.contains("PASS"), "{said}");
}

#[test]
fn module_areas_add_up_to_the_netlist() {
    if !have_tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let args = ["tour", "--scope", "element", "--clock", "25", "--quick", "--json"];
    let report = report(synth(folder.path(), &args).succeeds());
    let rows = report["breakdown"].as_array().unwrap();
    let copies = |kind: &str| {
        let row = rows.iter().find(|row| row["module"].as_str().unwrap().starts_with(kind));
        row.unwrap_or_else(|| panic!("{report} has no {kind}"))["copies"].as_u64().unwrap()
    };
    assert_eq!((copies("fa2_element"), copies("fp_mul"), copies("fp_add")), (1, 2, 1));
    let sum: f64 = rows.iter().map(|row| number(&row["each"]["um2"]) * number(&row["copies"])).sum();
    assert_eq!(number(&report["breakdown_um2"]), sum);
    // What Yosys itself counts for the netlist with its modules apart.
    let design = Path::new(report["netlist"].as_str().unwrap()).parent().unwrap();
    let stat = fs::read_to_string(step(design, "map-hier-").join("stat.txt")).unwrap();
    let line = stat.lines().rfind(|line| line.contains("Chip area for top module")).unwrap();
    let chip: f64 = line.split_whitespace().last().unwrap().parse().unwrap();
    assert!((chip - sum).abs() < 1e-3 * sum, "{chip} {sum}");
    assert_eq!(report["flattened"], true);
}

/// Without the passes for datapaths everything still works, elements mapped once too, and the report says what is lost.
#[test]
fn old_yosys_stands_in() {
    if !have_tools() || !Command::new("yosys").arg("-V").output().is_ok_and(|o| o.status.success()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let args = ["tour", "--clock", "10", "--quick", "--element-once", "--json"];
    let report = report(synth(folder.path(), &args).env("FLASHRTL_YOSYS", "yosys").succeeds());
    assert!(
        report["met"] == true && report["tools"][0].as_str().unwrap().starts_with("Yosys 0."),
        "{report}"
    );
    assert_eq!(report["flattened"], false);
    assert_eq!(report["note"].is_string(), report["tools"][0].as_str().unwrap().contains(" 0.23"));
}

#[test]
fn missing_tools_are_named_with_how_to_install_them() {
    let folder = tempfile::tempdir().unwrap();
    let cells = folder.path().join("cells.lib");
    let cell = |name: &str| format!("cell ({name}) {{ area : 1; }}\n");
    let text =
        format!("library (l) {{ capacitive_load_unit (1, pf);\n{}{}}}", cell("BUFX2"), cell("NAND2X1"));
    fs::write(&cells, text).unwrap();
    let nowhere = folder.path().join("nowhere");
    let none = |args: &[&str]| {
        let call =
            synth(folder.path(), &[&["expmul_bf16", "--liberty", cells.to_str().unwrap()], args].concat());
        let nowhere = nowhere.to_str().unwrap();
        call.env("PATH", nowhere)
            .env("HOME", nowhere)
            .env("XDG_DATA_HOME", nowhere)
            .env("FLASHRTL_PYTHON", "")
    };
    let said = none(&[]).env("FLASHRTL_YOSYS", "").fails();
    assert!(
        said.err.contains("Yosys is not installed") && said.err.contains("scripts/install.sh"),
        "{}",
        said.err
    );
    let fake = folder.path().join("yosys");
    fs::write(&fake, "#!/bin/sh\necho Yosys 0.9 '(git)'\n").unwrap();
    fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let old = none(&[]).env("FLASHRTL_YOSYS", fake.to_str().unwrap()).fails();
    assert!(old.err.contains("0.9 (git) is too old; 0.23 or newer is needed"), "{}", old.err);
    fs::write(&fake, "#!/bin/sh\necho Yosys 0.70 '(git)'\n").unwrap();
    let said = none(&[]).env("FLASHRTL_YOSYS", fake.to_str().unwrap()).fails();
    assert!(said.err.contains("OpenSTA") && said.err.contains("apt-get install opensta"), "{}", said.err);
}

#[test]
fn broken_liberty_files_are_named() {
    if !have_tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cells = folder.path().join("cells.lib");
    let whole = fs::read_to_string(OSU018).unwrap();
    let fails = |text: &str| {
        fs::write(&cells, text).unwrap();
        let args = ["expmul_bf16", "--clock", "100", "--liberty", cells.to_str().unwrap()];
        synth(&folder.path().join("out"), &args).fails().err
    };
    let said = fails(&whole[..whole.len() / 2]);
    assert!(said.contains("cells.lib: is not a usable Liberty file: a group is not closed"), "{said}");
    let said = fails(&whole.replace("cell (BUFX2)", "cell (BUFFER)"));
    assert!(
        said.contains("synthesis.driving_cell = \"BUFX2\" is no usable cell") && said.contains("cells.lib"),
        "{said}"
    );
    // No flip-flop can be mapped: what OpenSTA says about the netlist is shown, with the log.
    let said = fails(&whole.replace("  ff (", "  nothing ("));
    assert!(said.contains("failed at step") && said.contains("log: "), "{said}");
    let log = said.lines().find_map(|line| line.trim().strip_prefix("log: ")).unwrap();
    assert!(fs::metadata(log).unwrap().len() > 0, "{log}");
}

#[test]
fn nangate45_meets_the_clock_it_is_pipelined_for() {
    let Some(pdk) = pdk() else { return };
    let folder = tempfile::tempdir().unwrap();
    let args = ["fa2_expmul_bf16_d64", "--scope", "element", "--platform", "nangate45", "--quick", "--json"];
    let report = report(synth(folder.path(), &args).env("FLASHRTL_PDK", &pdk).succeeds());
    assert!(report["met"] == true && report["period_ps"] == 2000.0, "{report}");
    assert!(report["liberty"][0]["path"].as_str().unwrap().starts_with(&pdk), "{report}");
}

/// A tile bank of four rows of 128 bits in macros: their area, the timing through them, and a netlist that is run.
#[test]
fn tile_buffers_are_in_macros() {
    let Some(pdk) = pdk() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sram = ["tour_accelerator", "--set", "accelerator.tile_buffer=sram", "--scope", "tile_bank_sram"];
    let args = [&sram[..], &["--clock", "200", "--quick", "--json"]].concat();
    let nangate45 = [&args[..], &["--platform", "nangate45", "--vectorless"]].concat();
    let macros = report(synth(folder.path(), &nangate45).env("FLASHRTL_PDK", &pdk).succeeds());
    let memory = &macros["memories"][0];
    assert_eq!(memory["macros"], serde_json::json!([{ "name": "fakeram45_64x32", "count": 4 }]));
    assert_eq!(memory["unused_bits"], 4 * 64 * 32 - 4 * 128);
    let area = &macros["chosen"]["area"];
    assert!(area["macros"] == 4 && area["flops"] == 129, "{area}");
    assert!((number(&area["macro_um2"]) - 4.0 * 1240.624).abs() < 1e-6, "{area}");
    // What reaches the macros is timed up to their setup time, which is 50 ps.
    let timing = &macros["chosen"]["timing"];
    let paths = timing["paths"].as_array().unwrap();
    let into = paths.iter().find(|path| path["to"].as_str().unwrap().contains("u_ram")).unwrap();
    assert_eq!(number(&into["setup_ps"]), 50.0);
    assert!(paths.iter().all(|path| number(&path["delay_ps"]) < 5000.0), "{timing}");
    let power = &macros["power"];
    assert_eq!(power["macros"], 4);
    assert!(number(&power["macros_mw"]) > 0.0, "{power}");
    assert!(macros["note"].is_null(), "{}", macros["note"]);

    let flops = report(synth(folder.path(), &args).succeeds());
    assert_eq!((&flops["memories"], &flops["chosen"]["area"]["macros"]), (&serde_json::json!([]), &0.into()));
    let note = flops["note"].as_str().unwrap();
    assert!(note.contains("no macro of osu018 is known") && note.contains("flip-flops"), "{note}");
}

/// A whole accelerator with its tile buffers in macros: its netlist does what the graph does, over jobs.
#[test]
fn a_netlist_with_macros_does_what_the_graph_does() {
    if std::env::var_os("FLASHRTL_NIGHTLY").is_none() {
        return;
    }
    let Some(pdk) = pdk() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sets =
        ["array.head_dim=2", "array.query_lanes=1", "array.interleave=2", "accelerator.tile_buffer=sram"];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let fixed = ["tour_accelerator", "--platform", "nangate45", "--clock", "20", "--quick", "--element-once"];
    let args = [&fixed[..], &sets, &["--power", "--keys", "8", "--json"]].concat();
    let report = report(synth(folder.path(), &args).env("FLASHRTL_PDK", &pdk).succeeds());
    assert_eq!((&report["power"]["bit_exact"], &report["power"]["macros"]), (&true.into(), &4.into()));
    let purposes = report["purposes"].as_array().unwrap();
    let macros = purposes.iter().find(|share| share["purpose"] == "macros").unwrap();
    assert!((number(&macros["um2"]) - 4.0 * 1240.624).abs() < 1e-6, "{macros}");
}
