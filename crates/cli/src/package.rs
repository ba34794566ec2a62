//! Everything `generate` writes: RTL, testbench with vectors, constraints, manifest.

pub mod constraints;
mod manifest;
mod ports;

use crate::facts::Facts;
use crate::output::{MANIFEST, Staging};
use crate::stimuli;
use crate::target::{Kind, Target};
use anyhow::{Context, Result};
use attention::accelerator::registers;
use constraints::Boundary;
use hdl::Design;
use hdl::verilog::{self, Header};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Name and version of the tool, as generated files give it.
pub const TOOL: &str = concat!("flashrtl ", env!("CARGO_PKG_VERSION"));

const MAKEFILE: &str = include_str!("package/testbench.mk");

/// The generated files of a design.
pub struct Package {
    /// Path in the package and contents, the manifest last.
    pub files: Vec<(String, String)>,
    /// Clock cycles of the testbench.
    pub vector_cycles: usize,
    /// Results that the testbench's vectors hold.
    pub vector_results: usize,
}

impl Package {
    /// Generates everything in memory. No RTL comes out unless rust-hdl's checks pass; the vectors agree with the
    /// functional model. The same configuration and command give the same bytes.
    pub fn new(target: &Target, command: &str) -> Result<Package> {
        let design = &target.design;
        check(design)?;
        let header = header(target, command);
        let top = verilog::identifier(&design.top().name);
        let recorded = stimuli::vectors(target)?;
        let (inputs, outputs) = (&recorded.recording.inputs, &recorded.recording.outputs);
        let rtl = verilog::write(design, &header);
        let bench = sim::testbench_with_vectors(design, inputs, outputs, &header);

        let in_folder =
            |folder: &'static str| move |file: verilog::File| (format!("{folder}/{}", file.name), file.text);
        let mut files: Vec<(String, String)> = rtl.into_iter().map(in_folder("rtl")).collect();
        files.extend(bench.into_iter().map(in_folder("tb")));
        files.push(("tb/Makefile".into(), MAKEFILE.replace("@top@", &top)));
        let constraints = constraints::sdc(design, target.config.clock.mhz, Boundary::Outside, &header);
        files.push((format!("{}.sdc", target.config.name), constraints));
        if let Kind::Accelerator(spec) = &target.kind {
            let name = &spec.name;
            files.push(("registers.md".into(), registers::markdown(spec)));
            files.push((format!("software/{name}_registers.h"), registers::c_header(spec)));
            files.push((format!("software/{name}_driver.h"), registers::c_driver_header(spec)));
            files.push((format!("software/{name}_driver.c"), registers::c_driver(spec)));
        }
        let manifest = manifest::json(target, command, &Facts::new(target), &recorded, &files);
        files.push((MANIFEST.into(), manifest));
        Ok(Package { files, vector_cycles: inputs.cycles, vector_results: recorded.results })
    }

    /// Writes the package to a folder, all of it or nothing.
    pub fn write(&self, folder: &Path, force: bool) -> Result<()> {
        let mut staging = Staging::new(folder, force)?;
        for (path, text) in &self.files {
            staging.write(path, text)?;
        }
        staging.commit()
    }

    /// Bytes of Verilog, without the testbench.
    pub fn rtl_bytes(&self) -> usize {
        self.files.iter().filter(|(path, _)| path.starts_with("rtl/")).map(|(_, text)| text.len()).sum()
    }

    /// Number of modules.
    pub fn modules(&self) -> usize {
        self.files.iter().filter(|(path, _)| path.starts_with("rtl/") && path.ends_with(".v")).count()
    }
}

/// What every design has to pass before its RTL leaves the program.
pub fn check(design: &Design) -> Result<()> {
    hdl::validate(design).context("the design is not a circuit")?;
    hdl::check_handshakes(design).context("a handshake could close a loop")?;
    hdl::rust_hdl::check(design).context("the design fails rust-hdl's checks")
}

/// What generated files begin with.
pub fn header(target: &Target, command: &str) -> Header {
    let policy = target.policy();
    let formats: Vec<String> =
        target.formats().iter().map(|(role, format)| format!("{role} {format}")).collect();
    Header {
        tool: TOOL.into(),
        command: command.into(),
        config_hash: target.config.hash(),
        lines: vec![
            format!("Formats: {}.", formats.join(", ")),
            format!(
                "Rounding {}, subnormals {}, specials {}:",
                policy.rounding, policy.subnormals, policy.specials
            ),
            "NaN and infinity must not come in; overflow saturates.".into(),
        ],
    }
}

/// SHA-256 of a text, in hexadecimal.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
