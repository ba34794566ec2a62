//! `flashrtl export`: a folder that another flow runs on unchanged.

use crate::evaluate::{clock, find_platform};
use crate::output::{MANIFEST, Staging};
use crate::package::constraints::body;
use crate::package::{Package, TOOL, check, header, sha256};
use crate::progress::Progress;
use crate::scope::{self, Origin, Part};
use crate::show;
use crate::source::ConfigArgs;
use crate::target::Target;
use anyhow::{Context, Result, bail, ensure};
use attention::accelerator::MACRO;
use attention::config::{platform, platform_names};
use clap::builder::PossibleValuesParser;
use flow::export::{self, Exporter, Files, Source};
use flow::memory::{self, Macro, Placed};
use flow::registry::EXPORTERS;
use flow::{Places, Platform};
use hdl::verilog::{self, File, Header, identifier};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Write a folder that OpenROAD-flow-scripts, LibreLane or FuseSoC runs on unchanged
///
/// orfs and librelane place and route the design on a platform; `flashrtl report` reads what they bring back. FlashRTL
/// does not run them: their results are theirs. fusesoc makes a core with the self-checking testbench.
#[derive(clap::Args)]
#[command(
    after_help = "Example: flashrtl export orfs fa2_bf16_d64 --scope lane --platform nangate45 -o out/lane && bash \
                  out/lane/run.sh ~/OpenROAD-flow-scripts && flashrtl report out/lane"
)]
pub struct Args {
    /// The flow
    #[arg(value_name = "FLOW", value_parser = PossibleValuesParser::new(EXPORTERS.iter().map(|e| e.name)))]
    flow: String,
    #[command(flatten)]
    config: ConfigArgs,
    /// Platform, or a platform file (`flashrtl list platforms`); nangate45 for orfs, sky130hd for librelane. fusesoc
    /// needs none: of one that is given it takes the macros for memories
    #[arg(long, value_name = "NAME")]
    platform: Option<String>,
    /// Clock in MHz. If left out, the clock that the design is pipelined for, slowed down or sped up by how much slower
    /// or faster the platform's logic is
    #[arg(long, value_name = "MHZ")]
    clock: Option<f64>,
    /// What to export: engine, lane, datapath, element, or a module by its name or the beginning of its name
    #[arg(long, value_name = "MODULE", default_value = scope::WHOLE)]
    scope: String,
    /// Folder to write; out/FLOW/NAME if left out
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write into a folder that was not made by flashrtl; only files of the same name are replaced
    #[arg(long)]
    force: bool,
}

/// What the manifest of an exported folder says; the files behind it are for [`Staging`].
#[derive(Serialize, Deserialize)]
pub struct Manifest {
    tool: String,
    command: String,
    /// What was exported.
    #[serde(flatten)]
    pub exported: Exported,
    files: Vec<Listed>,
}

/// A design that was exported.
#[derive(Serialize, Deserialize)]
pub struct Exported {
    /// Name of the flow.
    pub flow: String,
    /// Name that the design was exported under.
    pub name: String,
    /// Its top module.
    pub top: String,
    /// Hash of everything the hardware depends on.
    pub config_hash: String,
    /// Platform as it was given, for a flow that needs one.
    pub platform: Option<String>,
    /// Clock period asked for, ps.
    pub period_ps: Option<f64>,
    /// Memories in macros.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memories: Vec<Placed>,
    /// What the reader should know of the RTL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Memories of a design in macros of a platform.
#[derive(Default)]
struct Memories {
    placed: Vec<Placed>,
    models: Vec<File>,
    note: Option<String>,
}

impl Memories {
    fn find(platform: Option<&Platform>, part: &Part, header: &Header) -> Result<Memories> {
        let Some(platform) = platform else { return Ok(Memories::default()) };
        let macros = Macro::find(platform, &Places::from_environment())?;
        let placed = memory::place(&part.design, MACRO, &macros, header);
        let models = memory::models(&placed, &macros, header);
        let note = memory::unplaced(&part.design, MACRO, &placed, platform);
        Ok(Memories { placed, models, note })
    }
}

/// A file of the folder.
#[derive(Serialize, Deserialize)]
struct Listed {
    path: String,
    bytes: usize,
    sha256: String,
}

impl Manifest {
    /// The manifest of a folder that was exported.
    ///
    /// Errors say what the folder is not.
    pub fn read(folder: &Path) -> Result<Manifest> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("{}: is no folder of `flashrtl export` (there is no {MANIFEST} in it)", folder.display())
        })?;
        serde_json::from_str(&text)
            .with_context(|| format!("{}: is no manifest of `flashrtl export`", path.display()))
    }
}

/// Exports the design.
pub fn run(args: &Args) -> Result<()> {
    let exporter = exporter(&args.flow)?;
    let target = Target::new(args.config.load()?)?;
    let progress = Progress::spinner("exporting");
    let (manifest, files) = files(args, exporter, &target)?;
    let exported = &manifest.exported;
    let folder = args.output.clone();
    let folder = folder.unwrap_or_else(|| Path::new("out").join(exporter.name).join(&exported.name));
    let mut staging = Staging::new(&folder, args.force)?;
    for (path, text) in &files {
        staging.write(path, text)?;
    }
    staging.write(MANIFEST, &format!("{}\n", serde_json::to_string_pretty(&manifest)?))?;
    staging.commit()?;
    drop(progress);
    let on = match (&exported.platform, exported.period_ps) {
        (Some(platform), Some(period_ps)) => format!(" on {platform} at {:.0} MHz", 1e6 / period_ps),
        _ => String::new(),
    };
    let shown = folder.display();
    let note = exported.note.as_ref().map_or(String::new(), |note| format!("note: {note}\n"));
    show::text(format!(
        "{shown}  {} {}{on}\n{shown}/README.md  how to run it\n{note}",
        exporter.name, exported.name
    ))
}

/// The flow of a name.
pub fn exporter(name: &str) -> Result<&'static Exporter> {
    let found = EXPORTERS.iter().find(|exporter| exporter.name == name);
    found.with_context(|| format!("{name}: there is no such flow"))
}

/// The files of the flow, and the manifest that lists them.
fn files(args: &Args, exporter: &Exporter, target: &Target) -> Result<(Manifest, Files)> {
    let config = &target.config;
    let part = scope::part(target, &args.scope)?;
    let top = identifier(&part.design.top().name);
    let name = match part.origin {
        Origin::Whole => config.name.clone(),
        _ => format!("{}_{top}", config.name),
    };
    let command = args.command();
    let header = header(target, &command);
    let place = place(args, exporter, target)?;
    let memories = Memories::find(args.memory_platform(exporter)?.as_ref(), &part, &header)?;
    let (rtl, bench) = match exporter.platform {
        Some(_) => (rtl(&part, &header)?, vec![]),
        None => simulated(target, &command)?,
    };
    let rtl = memory::replaced(rtl, &memories.placed);
    let source = Source {
        name: &name,
        description: &config.description,
        design: &part.design,
        header: &header,
        rtl: &rtl,
        bench: &bench,
        memories: &memories.placed,
        models: &memories.models,
        constraints: &body(&part.design, part.boundary(config)),
        target: place
            .as_ref()
            .map(|(platform, period_ps)| export::Target { platform, period_ps: *period_ps }),
    };
    let files = (exporter.export)(&source)?;
    let listed = |(path, text): &(String, String)| Listed {
        path: path.clone(),
        bytes: text.len(),
        sha256: sha256(text),
    };
    let manifest = Manifest {
        tool: TOOL.into(),
        command,
        exported: Exported {
            flow: exporter.name.into(),
            name,
            top,
            config_hash: config.hash(),
            platform: args.platform(exporter),
            period_ps: place.map(|(_, period_ps)| period_ps),
            memories: memories.placed,
            note: memories.note,
        },
        files: files.iter().map(listed).collect(),
    };
    Ok((manifest, files))
}

impl Args {
    /// The command that makes the folder, without the folder's place.
    fn command(&self) -> String {
        let mut options = vec![];
        let scope = Some(self.scope.as_str()).filter(|scope| *scope != scope::WHOLE);
        let clock = self.clock.map(|mhz| mhz.to_string());
        let given =
            [("--platform", self.platform.as_deref()), ("--clock", clock.as_deref()), ("--scope", scope)];
        for (option, value) in given {
            options.extend(value.into_iter().flat_map(|value| [option, value]));
        }
        self.config.command(&["export", &self.flow], &options)
    }

    /// The platform whose macros memories may be in.
    fn memory_platform(&self, exporter: &Exporter) -> Result<Option<Platform>> {
        self.platform(exporter).map(|name| find_platform(&name)).transpose()
    }

    /// The platform's name, as it was given.
    fn platform(&self, exporter: &Exporter) -> Option<String> {
        self.platform.clone().or(exporter.platform.map(String::from))
    }
}

/// Platform and clock period in ps, for a flow that needs them.
fn place(args: &Args, exporter: &Exporter, target: &Target) -> Result<Option<(Platform, f64)>> {
    if exporter.platform.is_none() {
        ensure!(
            args.clock.is_none() && args.scope == scope::WHOLE,
            "{}: takes no --clock or --scope: it simulates the whole design",
            exporter.name
        );
        return Ok(None);
    }
    let name = args.platform(exporter).unwrap_or_default();
    let found = find_platform(&name)?;
    let has = |name: &str| platform(name).is_ok_and(|p| p.sections.contains_key(exporter.name));
    if !has(&name) {
        let names: Vec<&str> = platform_names().into_iter().filter(|name| has(name)).collect();
        bail!(
            "--platform {name}: {} does not have it; it has {}, or a platform file with a section [{}]",
            exporter.name,
            names.join(", "),
            exporter.name
        );
    }
    let mhz = clock(args.clock, &found, &target.config)?;
    Ok(Some((found, 1e6 / mhz)))
}

/// The Verilog of a part of the design.
fn rtl(part: &Part, header: &Header) -> Result<Vec<File>> {
    check(&part.design)?;
    Ok(verilog::write(&part.design, header).into_iter().filter(|file| file.name.ends_with(".v")).collect())
}

/// The Verilog of the design, and its testbench with vectors.
fn simulated(target: &Target, command: &str) -> Result<(Vec<File>, Vec<File>)> {
    let package = Package::new(target, command)?;
    let of = |folder: &str| {
        let files = package.files.iter().filter_map(|(path, text)| Some((path.strip_prefix(folder)?, text)));
        let used = files.filter(|(name, _)| name.ends_with(".v") || name.ends_with(".hex"));
        used.map(|(name, text)| File { name: name.into(), text: text.clone() }).collect()
    };
    Ok((of("rtl/"), of("tb/")))
}
