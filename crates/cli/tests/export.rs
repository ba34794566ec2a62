//! Exported folders without OpenROAD: their variables as GNU make evaluates them, their constraints in OpenSTA,
//! LibreLane's own loader, FuseSoC's runs; and figures that are read back. A tool that is missing is skipped aloud; with
//! `FLASHRTL_STRICT=1` it fails, LibreLane only in the nightly tests, which install it.

mod support;

use serde_json::{Value, json};
use sim::Tool;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{Said, flashrtl};
use tempfile::TempDir;

/// `flashrtl export` into a folder of its own.
fn export(args: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = ["-o", folder.path().to_str().unwrap()];
    flashrtl(&[&["export"], args, &output].concat()).succeeds();
    folder
}

/// Says that something is skipped, or fails where nothing may be.
fn skipped(why: &str, required: bool) {
    assert!(!required || env::var("FLASHRTL_STRICT").as_deref() != Ok("1"), "{why}");
    eprintln!("SKIPPED: {why}");
}

fn nightly() -> bool {
    env::var("FLASHRTL_NIGHTLY").as_deref() == Ok("1")
}

/// What a command prints; it must end well.
fn prints(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{command:?}\n{out}{err}");
    out
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn write(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The variables of design configurations that OpenROAD-flow-scripts document in `docs/user/FlowVariables.md`, of
/// those that are of use here.
const DOCUMENTED: &[&str] = &[
    "ABC_AREA",
    "ADDITIONAL_GDS",
    "ADDITIONAL_LEFS",
    "ADDITIONAL_LIBS",
    "CORE_AREA",
    "CORE_UTILIZATION",
    "CORNER",
    "DESIGN_NAME",
    "DESIGN_NICKNAME",
    "DIE_AREA",
    "MACRO_PLACE_HALO",
    "PLACE_DENSITY",
    "PLACE_DENSITY_LB_ADDON",
    "PLATFORM",
    "SDC_FILE",
    "SYNTH_ARGS",
    "SYNTH_HIERARCHICAL",
    "SYNTH_MEMORY_MAX_BITS",
    "SYNTH_MINIMUM_KEEP_SIZE",
    "TNS_END_PERCENT",
    "VERILOG_FILES",
];

/// The names that a `config.mk` exports.
fn exported(config: &Path) -> Vec<String> {
    let text = read(config);
    let names = text.lines().filter_map(|line| line.strip_prefix("export ")?.split_whitespace().next());
    names.map(String::from).collect()
}

/// A variable of a `config.mk` as GNU make sees it from a folder, read in the order of the scripts' Makefile: the
/// design's configuration first, then its folder.
fn evaluated(from: &Path, config: &str, variable: &str) -> String {
    let makefile = "include $(DESIGN_CONFIG)\n\
                    export DESIGN_DIR = $(dir $(DESIGN_CONFIG))\n\
                    print-%: ; @echo '$($*)'\n";
    let scratch = tempfile::tempdir().unwrap();
    write(scratch.path().join("Makefile"), makefile);
    let mut make = Command::new("make");
    make.args(["-s", "-f", scratch.path().join("Makefile").to_str().unwrap()]);
    make.args([format!("DESIGN_CONFIG={config}"), format!("print-{variable}")]).current_dir(from);
    prints(&mut make).trim().to_string()
}

fn have_make() -> bool {
    let found = Command::new("make").arg("--version").output().is_ok_and(|o| o.status.success());
    if !found {
        skipped("GNU make is not installed; apt-get install make", true);
    }
    found
}

#[test]
fn orfs_variables_are_documented_ones_and_have_their_values() {
    if !have_make() {
        return;
    }
    let folder = export(&["orfs", "fa2_expmul_bf16_d64", "--platform", "asap7", "--clock", "800"]);
    let design = folder.path().join("designs/asap7/fa2_expmul_bf16_d64");
    for name in exported(&design.join("config.mk")) {
        assert!(DOCUMENTED.contains(&name.as_str()), "{name} is no documented variable");
    }
    let config = design.join("config.mk").display().to_string();
    let value = |variable| evaluated(Path::new("/"), &config, variable);
    let expected = [
        ("PLATFORM", "asap7"),
        ("DESIGN_NAME", "fa2_expmul_bf16_d64"),
        ("DESIGN_NICKNAME", "fa2_expmul_bf16_d64"),
        ("CORE_UTILIZATION", "50"),
        ("PLACE_DENSITY_LB_ADDON", "0.10"),
        ("TNS_END_PERCENT", "100"),
        ("SYNTH_ARGS", "-booth"),
        ("SYNTH_HIERARCHICAL", "1"),
        ("SYNTH_MINIMUM_KEEP_SIZE", "1000"),
        ("CORNER", "TC"),
    ];
    for (variable, expected) in expected {
        assert_eq!(value(variable), expected, "{variable}");
    }
    // The banks of queries alone: two of 64 elements of 16 bits for every slot of 4 lanes, 3 slots each at least.
    assert!(value("SYNTH_MEMORY_MAX_BITS").parse::<u64>().unwrap() > 2 * 1024 * 3 * 4);
    let rtl: Vec<PathBuf> = value("VERILOG_FILES").split_whitespace().map(PathBuf::from).collect();
    assert!(rtl.len() > 10 && rtl.iter().all(|file| file.is_file()), "{rtl:?}");
    assert!(rtl.iter().any(|file| file.ends_with("fa2_expmul_bf16_d64.v")), "{rtl:?}");
    assert_eq!(period(&read(value("SDC_FILE"))), 1250.0);
}

/// The clock period as the scripts find it: in the first line that sets `clk_period` or has a `-period`.
fn period(sdc: &str) -> f64 {
    let mut lines =
        sdc.lines().filter(|line| line.starts_with("set clk_period ") || line.contains("-period "));
    let first = lines.next().unwrap();
    let literal = first.strip_prefix("set clk_period ").unwrap_or_else(|| panic!("{first} has no literal"));
    literal.trim().parse().unwrap_or_else(|_| panic!("{first} has no literal"))
}

#[test]
fn orfs_folders_work_anywhere_and_inside_a_checkout() {
    if !have_make() {
        return;
    }
    let folder = export(&["orfs", "fa2_bf16_d64", "--scope", "element"]);
    let manifest: Value = serde_json::from_str(&read(folder.path().join("manifest.json"))).unwrap();
    let (name, top) = (manifest["name"].as_str().unwrap(), manifest["top"].as_str().unwrap());
    assert!(name == format!("fa2_bf16_d64_{top}") && manifest["period_ps"] == 2000.0, "{manifest}");
    let sdc = read(folder.path().join(format!("designs/nangate45/{name}/constraint.sdc")));
    assert_eq!(period(&sdc), 2.0);
    assert!(sdc.contains("create_clock -name clk -period $clk_period [get_ports clk]"), "{sdc}");
    // As the folder is copied into the checkout's, paths are relative to that.
    let config = format!("./designs/nangate45/{name}/config.mk");
    let rtl = evaluated(folder.path(), &config, "VERILOG_FILES");
    assert!(rtl.split_whitespace().any(|f| f.ends_with(&format!("/../../src/{name}/{top}.v"))), "{rtl}");
    assert_eq!(evaluated(folder.path(), &config, "SYNTH_HIERARCHICAL"), "");
    assert_eq!(evaluated(folder.path(), &config, "DESIGN_NAME"), top);
    let help =
        Command::new("bash").arg(folder.path().join("run.sh")).env("FLASHRTL_ORFS", "").output().unwrap();
    let said = String::from_utf8(help.stderr).unwrap();
    assert!(help.status.code() == Some(2) && said.contains("usage: bash run.sh CHECKOUT"), "{said}");
}

/// `run.sh` on something that has a Makefile where OpenROAD-flow-scripts have one.
#[test]
fn orfs_run_script_calls_make_with_the_places() {
    if !have_make() {
        return;
    }
    let folder = export(&["orfs", "tour", "--clock", "100"]);
    let checkout = tempfile::tempdir().unwrap();
    let makefile = "include $(DESIGN_CONFIG)\nDESIGN_DIR = $(dir $(DESIGN_CONFIG))\n\
                    print-%: ; @echo $* = $($*)\nhome: ; @echo $(FLOW_HOME) $(WORK_HOME) $(TOOLS)\n";
    write(checkout.path().join("flow/Makefile"), makefile);
    write(checkout.path().join("env.sh"), "export TOOLS=found\n");
    let run = |target: &str| {
        let mut bash = Command::new("bash");
        bash.arg(folder.path().join("run.sh")).args([checkout.path().as_os_str(), OsStr::new(target)]);
        prints(&mut bash)
    };
    let [here, there] = [folder.path(), checkout.path()].map(|path| path.canonicalize().unwrap());
    assert_eq!(run("home").trim(), format!("{}/flow {}/run found", there.display(), here.display()));
    assert!(run("print-VERILOG_FILES").contains("/src/tour/tour.v"));
}

/// The Makefile of a checkout, where there is one, with the platform's own files.
#[test]
fn the_scripts_own_makefile_reads_the_folder() {
    let Some(checkout) = env::var_os("FLASHRTL_ORFS").filter(|value| !value.is_empty()).map(PathBuf::from)
    else {
        return skipped("FLASHRTL_ORFS names no checkout of OpenROAD-flow-scripts", false);
    };
    let known = read(checkout.join("flow/scripts/variables.yaml"));
    for platform in ["nangate45", "sky130hd", "asap7", "ihp-sg13g2"] {
        let folder = export(&["orfs", "tour", "--clock", "100", "--platform", platform]);
        let config = folder.path().join(format!("designs/{platform}/tour/config.mk"));
        for name in exported(&config) {
            assert!(known.contains(&format!("\n{name}:")), "{name} is not in variables.yaml");
        }
        let run = |target: &str| {
            let script = folder.path().join("run.sh");
            prints(Command::new("bash").args([script.as_os_str(), checkout.as_os_str(), OsStr::new(target)]))
        };
        assert!(run("print-VERILOG_FILES").contains("/src/tour/tour.v"));
        assert!(run("print-LOG_DIR").contains(&format!("run/logs/{platform}/tour/base")));
        assert!(run("print-PLATFORM_DIR").contains(platform));
        let period = run("print-ABC_CLOCK_PERIOD_IN_PS");
        assert!(period.split_whitespace().any(|word| word.starts_with("10")), "{period}");
    }
}

/// Every file of constraints is read by OpenSTA, for a module with the ports of the design and nothing in it.
#[test]
fn constraints_are_read_by_opensta() {
    if !support::have_tools() {
        return;
    }
    let orfs = export(&["orfs", "tour", "--clock", "100"]);
    let librelane = export(&["librelane", "tour", "--clock", "100"]);
    let files = [
        (
            orfs.path().join("designs/src/tour/tour.v"),
            orfs.path().join("designs/nangate45/tour/constraint.sdc"),
        ),
        (librelane.path().join("src/tour.v"), librelane.path().join("constraint.sdc")),
    ];
    for (rtl, sdc) in files {
        let header = read(&rtl).split_once(");").unwrap().0.replace(" wire ", " ").replace(" reg ", " ");
        let scratch = tempfile::tempdir().unwrap();
        write(scratch.path().join("tour.v"), format!("{header});\nendmodule\n"));
        let script = format!(
            "read_liberty {}\nread_verilog tour.v\nlink_design tour\nsource {}\n\
             puts \"period [get_property [get_clocks clk] period]\"\nexit 0\n",
            support::OSU018,
            sdc.display()
        );
        write(scratch.path().join("run.tcl"), script);
        let mut sta = Command::new("sta");
        sta.args(["-exit", "run.tcl"]).current_dir(scratch.path());
        // What LibreLane sets from the kit and its configuration.
        sta.envs([
            ("CLOCK_PERIOD", "10.0"),
            ("MAX_FANOUT_CONSTRAINT", "10"),
            ("MAX_TRANSITION_CONSTRAINT", "0.75"),
            ("SYNTH_DRIVING_CELL", "BUFX2/Y"),
            ("OUTPUT_CAP_LOAD", "33.4"),
            ("CLOCK_UNCERTAINTY_CONSTRAINT", "0.25"),
            ("CLOCK_TRANSITION_CONSTRAINT", "0.15"),
            ("TIME_DERATING_CONSTRAINT", "5"),
        ]);
        let said = prints(&mut sta);
        assert!(said.contains("period 10") && !said.contains("Error"), "{}:\n{said}", sdc.display());
    }
}

/// The Python interpreter that has a package, among those of the user and the environment of `scripts/install.sh`.
fn python_with(module: &str) -> Option<PathBuf> {
    let data = env::var_os("XDG_DATA_HOME").filter(|v| !v.is_empty()).map(PathBuf::from);
    let data = data.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".local/share")));
    let own = data.map(|data| data.join("flashrtl/venv/bin/python3"));
    let given = env::var_os("FLASHRTL_PYTHON").filter(|v| !v.is_empty()).map(PathBuf::from);
    let all = given.into_iter().chain([PathBuf::from("python3")]).chain(own);
    let has = |python: &PathBuf| {
        Command::new(python)
            .args(["-c", &format!("import {module}")])
            .output()
            .is_ok_and(|o| o.status.success())
    };
    all.into_iter().find(has)
}

/// LibreLane's loader on a configuration, without a process design kit: what it says, and whether it is content.
const LOAD: &str = "
import sys, tempfile
from librelane.config import Config
from librelane.flows import Flow

classic = Flow.factory.get('Classic')
of_design = [v for v in classic.get_all_config_variables(classic) if not v.pdk or v.name == 'STD_CELL_LIBRARY']
kit = {'meta': {'version': 2}, 'PDK': 'sky130A', 'STD_CELL_LIBRARY': 'sky130_fd_sc_hd'}
config, _ = Config.load([kit, sys.argv[1]], of_design, pdk_root=tempfile.mkdtemp(), _load_pdk_configs=False)
print(config['DESIGN_NAME'], config['CLOCK_PERIOD'], len(config['VERILOG_FILES']), config['SYNTH_HIERARCHY_MODE'])
";

#[test]
fn librelane_loads_the_configuration() {
    let Some(python) = python_with("librelane") else {
        let why = "LibreLane is not installed; scripts/install.sh --all";
        return skipped(why, nightly());
    };
    let folder = export(&["librelane", "fa2_bf16_d64"]);
    let config = folder.path().join("config.json");
    let load = |config: &Path| Command::new(&python).arg("-c").arg(LOAD).arg(config).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let loaded = load(&config);
    assert!(loaded.status.success(), "{}", text(loaded.stderr));
    let files = fs::read_dir(folder.path().join("src")).unwrap().count();
    let said = text(loaded.stdout);
    assert!(said.contains(&format!("fa2_bf16_d64 8.0 {files} deferred_flatten")), "{said}");
    // The loader does look: a wrong name, type or path is refused.
    let good = read(&config);
    for (from, to) in
        [("SYNTH_MUL_BOOTH", "SYNTH_MUL_BOTH"), ("\"clk\"", "{}"), ("constraint.sdc", "none.sdc")]
    {
        let bad = folder.path().join("bad.json");
        write(&bad, good.replace(from, to));
        assert!(good.contains(from) && !load(&bad).status.success(), "{to} is accepted");
    }
}

/// FuseSoC, in a home of its own.
fn fusesoc(python: &Path, folder: &Path, target: &str, design: &str) -> Output {
    let core = format!("flashrtl::{design}:{}", env!("CARGO_PKG_VERSION"));
    let mut command = Command::new(python);
    command.args(["-m", "fusesoc.main", "--cores-root", ".", "run", "--target", target, &core]);
    command.env("HOME", folder).env("XDG_CONFIG_HOME", folder).current_dir(folder).output().unwrap()
}

#[test]
fn fusesoc_runs_the_core() {
    let Some(python) = python_with("fusesoc") else {
        return skipped("FuseSoC is not installed; scripts/install.sh", true);
    };
    if let Some(why) = Tool::IVERILOG.unavailable().or_else(|| Tool::VERILATOR.unavailable()) {
        return skipped(&why, true);
    }
    let said = |output: Output| {
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), text)
    };
    let folder = export(&["fusesoc", "tour"]);
    let (passes, text) = said(fusesoc(&python, folder.path(), "sim", "tour"));
    assert!(passes && text.contains("PASS: "), "{text}");
    let (passes, text) = said(fusesoc(&python, folder.path(), "lint", "tour"));
    assert!(passes && !text.contains("%Warning"), "{text}");
    // A testbench that fails is an error.
    let vectors = folder.path().join("tb/tb_tour_expected.hex");
    let (all, last) =
        read(&vectors).trim_end().rsplit_once('\n').map(|(a, l)| (a.to_string(), l.to_string())).unwrap();
    write(&vectors, format!("{all}\n{}\n", last.replace(['0', '1', '2', '3'], "f")));
    let (passes, text) = said(fusesoc(&python, folder.path(), "sim", "tour"));
    assert!(!passes && text.contains("FAIL: "), "{text}");

    let folder = export(&["fusesoc", "expmul_bf16"]);
    let (passes, text) = said(fusesoc(&python, folder.path(), "sim_verilator", "expmul_bf16"));
    assert!(passes && text.contains("PASS: "), "{text}");
}

/// A folder of PDKs with one macro of a platform: as much of its Liberty file as is looked at.
fn pdk_with(path: &str, cell: &str, ports: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let pins: String = ports.iter().map(|port| format!("pin ({port}) {{ }} ")).collect();
    write(folder.path().join(path), format!("library (l) {{ cell ({cell}) {{ area : 100; {pins} }} }}"));
    folder
}

/// `flashrtl export` of an accelerator whose tile buffers want macros.
fn export_sram(pdk: &TempDir, args: &[&str]) -> (TempDir, Said) {
    let folder = tempfile::tempdir().unwrap();
    let sram = ["--set", "accelerator.tile_buffer=sram", "-o", folder.path().to_str().unwrap()];
    let call = flashrtl(&[&["export"], args, &sram].concat());
    let said = call.env("FLASHRTL_PDK", pdk.path().to_str().unwrap()).env("FLASHRTL_ORFS", "").succeeds();
    (folder, said)
}

const FAKERAM: [&str; 6] = ["clk", "rd_out", "we_in", "ce_in", "addr_in", "wd_in"];

/// The RTL instantiates the macros, the flow gets their files, and simulation models of them.
#[test]
fn memories_are_exported_in_macros() {
    let ram = "fakeram45_64x32";
    let pdk = pdk_with("nangate45/fakeram/fakeram45_64x32.lib", ram, &FAKERAM);
    let (orfs, _) = export_sram(&pdk, &["orfs", "tour_accelerator", "--clock", "100"]);
    let config = read(orfs.path().join("designs/nangate45/tour_accelerator/config.mk"));
    for line in [
        "ADDITIONAL_LEFS          = $(PLATFORM_DIR)/lef/fakeram45_64x32.lef\n",
        "ADDITIONAL_LIBS          = $(PLATFORM_DIR)/lib/fakeram45_64x32.lib\n",
    ] {
        assert!(config.contains(line), "{config}");
    }
    let manifest: Value = serde_json::from_str(&read(orfs.path().join("manifest.json"))).unwrap();
    assert_eq!(manifest["memories"][0]["macros"], json!([{ "name": ram, "count": 4 }]));
    let wrapper = manifest["memories"][0]["module"].as_str().unwrap();
    let rtl = read(orfs.path().join(format!("designs/src/tour_accelerator/{wrapper}.v")));
    assert!(rtl.contains(ram) && !rtl.contains("reg "), "{rtl}");
    assert!(read(orfs.path().join("sim/fakeram45_64x32.v")).contains("for simulation only"));

    let openram = "sky130_sram_1rw1r_44x64_8";
    let ports =
        ["clk0", "csb0", "web0", "wmask0", "addr0", "din0", "dout0", "clk1", "csb1", "addr1", "dout1"];
    let sky130 = pdk_with(&format!("sky130hd/sram/{openram}_TT_1p8V_25C.lib"), openram, &ports);
    let (librelane, _) = export_sram(&sky130, &["librelane", "tour_accelerator", "--clock", "20"]);
    let config: Value = serde_json::from_str(&read(librelane.path().join("config.json"))).unwrap();
    assert_eq!(config["MACROS"][openram]["lef"], json!([format!("dir::macros/{openram}.lef")]));
    let (orfs, _) =
        export_sram(&sky130, &["orfs", "tour_accelerator", "--clock", "20", "--platform", "sky130hd"]);
    let config = read(orfs.path().join("designs/sky130hd/tour_accelerator/config.mk"));
    let gds = format!("$(PLATFORM_DIR)/../sky130ram/{openram}/{openram}.gds\n");
    assert!(config.contains("ADDITIONAL_GDS") && config.contains(&gds), "{config}");

    let (flops, said) =
        export_sram(&pdk, &["orfs", "tour_accelerator", "--clock", "20", "--platform", "sky130hd"]);
    assert!(said.out.contains("note: no Liberty file of a macro of sky130hd was found"), "{}", said.out);
    assert!(!flops.path().join("sim").exists());
}

/// The whole accelerator with macros, and models of them, in its self-checking testbench.
#[test]
fn an_accelerator_runs_on_macros() {
    if let Some(why) = Tool::IVERILOG.unavailable() {
        return skipped(&why, true);
    }
    let pdk = pdk_with("nangate45/fakeram/fakeram45_64x32.lib", "fakeram45_64x32", &FAKERAM);
    let (core, _) = export_sram(&pdk, &["fusesoc", "tour_accelerator", "--platform", "nangate45"]);
    let text = read(core.path().join("tour_accelerator.core"));
    assert!(text.contains("sim/fakeram45_64x32.v") && text.contains("[rtl, models, tb]"), "{text}");
    let verilog = "cd tb && iverilog -g2005 -s tb_tour_accelerator -o ../tb.vvp *.v ../rtl/*.v ../sim/*.v && vvp -N ../tb.vvp";
    let said = prints(Command::new("sh").args(["-c", verilog]).current_dir(core.path()));
    assert!(said.contains("PASS: "), "{said}");
}

/// Metrics as OpenROAD-flow-scripts leave them.
fn leave_metrics(folder: &Path, name: &str) {
    let logs = folder.join("run/logs/asap7").join(name).join("base");
    let route = json!({
        "detailedroute__route__wirelength": 1394,
        "detailedroute__route__drc_errors": 0,
        "detailedroute__antenna__violating__nets": 2,
    });
    let finish = json!({
        "finish__design__instance__area": 60.4778,
        "finish__design__instance__count": 605,
        "finish__design__core__area": 197.122,
        "finish__design__instance__utilization": 0.306805,
        "finish__timing__setup__ws": -9.05531,
        "finish__timing__fmax": 2.5e9,
        "finish__power__total": 0.000804209,
    });
    write(logs.join("1_synth.json"), json!({"synth__design__instance__area__stdcell": 47.2392}).to_string());
    write(logs.join("5_2_route.json"), route.to_string());
    write(logs.join("6_report.json"), finish.to_string());
}

#[test]
fn figures_come_back_beside_those_of_synthesis() {
    let folder = export(&["orfs", "tour", "--platform", "asap7", "--clock", "100"]);
    leave_metrics(folder.path(), "tour");
    let manifest: Value = serde_json::from_str(&read(folder.path().join("manifest.json"))).unwrap();
    let synth = tempfile::tempdir().unwrap();
    let report = |args: &[&str]| -> Said {
        let dir = ["report", folder.path().to_str().unwrap(), "--synth", synth.path().to_str().unwrap()];
        flashrtl(&[&dir, args].concat()).succeeds()
    };
    let alone = report(&[]).out;
    assert!(alone.contains("tour: module tour on asap7, 100 MHz"), "{alone}");
    assert!(alone.contains("no report of `flashrtl synth`"), "{alone}");

    let of_synthesis = |mhz: f64, um2: f64| {
        json!({
            "config_hash": manifest["config_hash"], "top": "tour", "platform": "asap7", "period_ps": 1e6 / mhz,
            "chosen": {"area": {"um2": um2, "cells": 500}, "timing": {"slack_ps": 12.0, "min_period_ps": 380.0}},
            "power": {"total_mw": 0.5},
        })
    };
    write(synth.path().join("a/report.json"), of_synthesis(400.0, 1.0).to_string());
    write(synth.path().join("b/report.json"), of_synthesis(100.0, 50.0).to_string());
    let both = report(&[]).out;
    let line = |what: &str| {
        both.lines().find(|line| line.trim_start().starts_with(what)).unwrap_or_else(|| panic!("{both}"))
    };
    let words = |what: &str| line(what).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words("cells, synthesised"), "cells, synthesised µm² 50 47.2 -5.52 %");
    assert_eq!(words("cells  "), "cells µm² 50 60.5 +21.0 %");
    assert_eq!(words("setup slack"), "setup slack ps 12 -9.0553");
    assert_eq!(words("fmax"), "fmax MHz 2 632 2 500 -5.00 %");
    assert_eq!(words("power"), "power mW 0.5000 0.8042");
    assert_eq!(words("wires"), "wires µm 1 394");
    assert_eq!(words("antenna"), "antenna violations 2");
    assert!(both.contains("power is not comparable"), "{both}");

    let json = report(&["--json"]).json();
    let layout = &json[0]["layout"];
    assert_eq!((&layout["stage"], &layout["finished"]), (&json!("finish"), &json!(true)));
    assert_eq!((&layout["setup_slack_ps"], &layout["fmax_mhz"]), (&json!(-9.05531), &json!(2500.0)));
    assert_eq!((&json[0]["synthesis"]["area_um2"], &json[0]["flow"]), (&json!(50.0), &json!("orfs")));
    assert_eq!(layout["sources"].as_array().unwrap().len(), 3);
}

#[test]
fn what_cannot_be_reported_is_said() {
    let fails = |args: &[&str]| flashrtl(&[&["report"], args].concat()).fails().err;
    let folder = export(&["orfs", "tour", "--clock", "100"]);
    let path = folder.path().to_str().unwrap();
    let said = fails(&[path]);
    assert!(said.contains("has no metrics of OpenROAD-flow-scripts; run.sh makes them"), "{said}");
    assert!(said.contains("run/logs/nangate45/tour/base"), "{said}");
    write(folder.path().join("run/logs/nangate45/tour/base/6_report.json"), "{\n\"a\": nan}");
    let said = fails(&[path]);
    assert!(said.contains("6_report.json: is no JSON") && said.contains("line 2"), "{said}");
    let core = export(&["fusesoc", "expmul_bf16"]);
    let said = fails(&[core.path().to_str().unwrap()]);
    assert!(said.contains("fusesoc brings no figures back"), "{said}");
    let said = fails(&[core.path().join("rtl").to_str().unwrap()]);
    assert!(said.contains("is no folder of `flashrtl export`"), "{said}");
}
