//! Skid buffers and the job control of emitted accelerators, proved by Yosys' SAT solver against `testbench/formal`. The proofs
//! are by induction over one step and hold for runs of any length; broken hardware is refuted.

mod support;

use attention::accelerator::{AcceleratorSpec, Interface, WATCHDOG};
use hdl::verilog::{Header, write};
use hdl::{Design, Direction, Module, Port};
use numerics::catalog::BF16;
use sim::Tool;
use std::path::Path;
use std::process::Command;
use support::lint::have;
use support::{FA2, accelerator};

/// A module to prove something of.
struct Subject {
    /// Its Verilog.
    text: String,
    /// Which proof.
    proof: &'static str,
    /// What the proof must know of it, as macros.
    macros: Vec<(&'static str, String)>,
    /// Names in the proof for its registers, which may be several side by side, the high one first.
    registers: Vec<(&'static str, String)>,
}

impl Subject {
    /// Runs the proof; the solver's report when it fails.
    fn prove(&self) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let define = |(name, value): &(&str, String)| format!("`define {name} {value}\n");
        file("macros.v", &self.macros.iter().map(define).collect::<String>());
        file("subject.v", &self.text);
        let proofs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testbench/formal");
        file("proof.v", &std::fs::read_to_string(proofs.join(self.proof)).unwrap());
        let connect = |(name, registers): &(&str, String)| format!("connect -set {name} {registers}\n");
        let connects: String = self.registers.iter().map(connect).collect();
        let script = format!(
            "read_verilog -formal macros.v proof.v subject.v\nhierarchy -check -top proof\nproc\nflatten\n{connects}\
             opt_clean\nsat -verify -tempinduct -maxsteps 2 -set-assumes -prove-asserts\n"
        );
        file("prove.ys", &script);
        let output =
            Command::new("yosys").args(["-Q", "prove.ys"]).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let proved = output.status.success() && said.contains("Induction step proven: SUCCESS!");
        if proved { Ok(()) } else { Err(said) }
    }

    /// The proof holds, and no longer with any of the mutations, which each replace a piece of the Verilog.
    fn check(mut self, mutations: &[[&str; 2]]) {
        self.prove().unwrap_or_else(|said| panic!("{said}"));
        let sound = self.text.clone();
        for [from, to] in mutations {
            assert_eq!(sound.matches(from).count(), 1, "`{from}` is not there to be broken:\n{sound}");
            self.text = sound.replace(from, to);
            let said = self.prove().expect_err(to);
            assert!(said.contains("proof did fail"), "{said}");
        }
    }
}

/// The design's modules of a name, with their Verilog.
fn modules(design: &Design, begins: &str) -> Vec<(String, Module)> {
    let files = write(design, &Header::default());
    let found = design.modules.iter().filter(|module| module.name.starts_with(begins));
    let text = |name: &str| files.iter().find(|f| f.name == format!("{name}.v")).unwrap().text.clone();
    found.map(|module| (text(&module.name), Module::clone(module))).collect()
}

/// Pins of ports, each connected to what `net` calls it.
fn pins<'a>(ports: impl Iterator<Item = &'a Port>, net: impl Fn(&Port) -> String) -> String {
    ports.map(|port| format!(".{}({})", port.name, net(port))).collect::<Vec<_>>().join(", ")
}

fn skid((text, module): (String, Module)) -> Subject {
    let payload: Vec<&Port> =
        module.ports.iter().filter(|port| port.name.ends_with(|last: char| last.is_ascii_digit())).collect();
    let inputs: Vec<&Port> = payload.iter().filter(|p| p.direction == Direction::Input).copied().collect();
    let part = |port: &Port| {
        let number = |port: &Port| port.name.rsplit('_').next().unwrap().parse::<usize>().unwrap();
        let low: u32 = inputs[..number(port)].iter().map(|p| p.ty.bits()).sum();
        let data = if port.direction == Direction::Input { "in_data" } else { "out_data" };
        format!("{data}[{}:{low}]", low + port.ty.bits() - 1)
    };
    let spares: Vec<String> = (0..inputs.len()).rev().map(|i| format!("u_dut.spare_{i}_q")).collect();
    Subject {
        text,
        proof: "skid.v",
        macros: vec![
            ("SKID", module.name.to_string()),
            ("WIDTH", inputs.iter().map(|port| port.ty.bits()).sum::<u32>().to_string()),
            ("PAYLOAD", pins(payload.iter().copied(), part)),
        ],
        registers: vec![("spare", spares.join(","))],
    }
}

#[test]
fn skid_buffers_are_queues() {
    if !have(Tool::YOSYS) {
        return;
    }
    for interface in [Interface::Stream, Interface::Dma] {
        let spec = AcceleratorSpec { interface, ..accelerator(&FA2, BF16, [4, 2, 3]) };
        let found = modules(&spec.elaborate(None).unwrap(), "skid_");
        assert_eq!(found.len(), [1, 4][interface as usize]);
        for (i, module) in found.into_iter().enumerate() {
            let mutations = [
                ["valid_q <= accept | spare_q", "valid_q <= accept"],
                ["~moves & (spare_q | accept)", "~moves & accept"],
                ["spare_q ? spare_0_q : in_0", "in_0"],
            ];
            skid(module).check(if i == 0 { &mutations } else { &[] });
        }
    }
}

fn job(spec: &AcceleratorSpec) -> Subject {
    let (text, module) = modules(&spec.elaborate(None).unwrap(), "job").remove(0);
    let named = ["start", "soft_reset", "finished", "quiet", "activity", "heads", "kv_heads"];
    let rest = || module.inputs().map(|(_, port)| port).filter(|port| !named.contains(&&*port.name));
    let input = |port: &Port| format!("input wire [{}:0] {}", port.ty.bits() - 1, port.name);
    let width = |register: &str| {
        let found = module.registers.iter().find(|r| &*r.name == register);
        found.unwrap_or_else(|| panic!("no register {register}")).ty.bits().to_string()
    };
    let probe = |name, register: &str| (name, format!("u_dut.{register}_q"));
    Subject {
        text,
        proof: "job.v",
        macros: vec![
            ("JOB", module.name.to_string()),
            ("WATCHDOG", spec.watchdog.to_string()),
            ("WATCH_WIDTH", width("watch")),
            ("LEAST_DRAIN", "32".into()),
            ("HEADS", spec.heads.to_string()),
            ("HEAD_WIDTH", width("heads_left")),
            ("SETTINGS", rest().map(input).collect::<Vec<_>>().join(", ")),
            ("PINS", pins(rest(), |port| port.name.to_string())),
        ],
        registers: vec![
            probe("checking", "checking"),
            probe("watch", "watch"),
            probe("silence", "silence"),
            probe("refusal", "refusal"),
            probe("heads_left", "heads_left"),
        ],
    }
}

#[test]
fn the_job_control_is_in_a_legal_state_and_comes_to_an_end() {
    if !have(Tool::YOSYS) {
        return;
    }
    for (interface, watchdog) in [(Interface::Stream, WATCHDOG), (Interface::Dma, 100)] {
        let spec = AcceleratorSpec { interface, watchdog, ..accelerator(&FA2, BF16, [4, 2, 3]) };
        job(&spec).check(&[
            ["running_q & ~stop & ~done", "running_q & ~done"],
            ["checking_q & ~checked & ~soft_reset", "checking_q & ~checked"],
            ["idle & start & ~soft_reset", "start & ~soft_reset"],
            ["(silence_q == 6'h20) | watchdog_expired", "(silence_q == 6'h20)"],
            ["silence_q == 6'h20", "silence_q == 6'h22"],
            ["running_q & finished & ~stop", "finished & ~stop"],
        ]);
    }
}
