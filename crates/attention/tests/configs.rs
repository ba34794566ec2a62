//! Every configuration of the tree loads, survives its canonical form, and keeps the promises of its name.

use attention::Config;
use attention::accelerator::{AcceleratorSpec, WATCHDOG};
use attention::config::{DesignConfig, Interleave};
use numerics::lse::Accumulator;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

fn load(name: &str, overrides: &[&str]) -> Config {
    Config::load(&folder().join(format!("{name}.toml")), overrides).unwrap_or_else(|e| panic!("{e}"))
}

fn all() -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect()
}

#[test]
fn all_load_under_their_own_name_and_round_trip() {
    let files = all();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let config = Config::load(&file, &[] as &[&str]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(file.file_stem().unwrap().to_str(), Some(config.name.as_str()));
        let text = config.canonical().to_string();
        let again = Config::parse(&text, "canonical", &[]).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(again.canonical(), config.canonical());
        assert_eq!(again.design, config.design);
        assert_eq!(again.hash(), config.hash());
    }
}

#[test]
fn defaults_are_the_baseline() {
    let minimal = "name = \"m\"\n[kernel]\nname = \"fa2\"\n[array]\nhead_dim = 8\nquery_lanes = 1";
    let config = Config::parse(minimal, "m", &[]).unwrap();
    let engine = config.engine().unwrap();
    assert_eq!(engine.array.interleave, Interleave::Auto);
    assert_eq!(engine.format.accumulator, Accumulator::Float(numerics::catalog::BF16));
    assert_eq!(engine.format.align_bits, 24);
    assert_eq!(config.clock.timing.as_ref().unwrap().period_ps, 2000.0);
}

#[test]
fn the_watchdog_of_an_accelerator_is_a_key() {
    let spec = |overrides: &[&str]| {
        let config = load("tour_accelerator", overrides);
        let DesignConfig::Accelerator(accelerator) = &config.design else { panic!("{config:?}") };
        let spec = AcceleratorSpec::new(&config.name, accelerator, config.policy, config.reset);
        (spec.watchdog, config.hash())
    };
    let (usual, short) = (spec(&[]), spec(&["accelerator.watchdog=500"]));
    assert_eq!((usual.0, short.0), (WATCHDOG, 500));
    assert_ne!(usual.1, short.1);
}

#[test]
fn overrides_reach_every_kind_of_key() {
    let config =
        load("fa2_expmul_bf16_d64", &["array.head_dim=32", "kernel.quantize=score-first", "clock.mhz=none"]);
    let engine = config.engine().unwrap();
    assert_eq!(engine.array.head_dim, 32);
    assert_eq!(engine.kernel.kernel.options()["quantize"].as_str(), Some("score-first"));
    assert!(config.clock.timing.is_none());
    let unit = load("expmul_bf16", &["unit.fraction_bits = 3", "reset.kind=\"async\""]);
    let DesignConfig::Unit(unit_config) = &unit.design else { panic!("{unit:?}") };
    assert_eq!(unit_config.parameters["fraction_bits"].as_integer(), Some(3));
    assert_eq!(unit.reset.kind, hdl::ResetKind::Async);
}

#[test]
fn the_hash_follows_the_hardware_and_nothing_else() {
    let hash = |overrides: &[&str]| load("fa2_bf16_d64", overrides).hash();
    let base = hash(&[]);
    assert_eq!(base.len(), 64);
    assert_eq!(base, hash(&["workload.seed=9", "description=other", "clock.mhz=500.0"]));
    let changes =
        ["array.max_keys=64", "format.rounding=rtz", "clock.mhz=501", "kernel.scale=port", "name=x"];
    for change in changes {
        assert_ne!(base, hash(&[change, "workload.keys=8"]), "{change}");
    }
}

#[test]
fn warnings_name_what_will_not_hold() {
    let warnings = load("fa2_expmul_bf16_d64", &[]).warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("stops growing at 256 keys") && warnings[0].contains("\"m14\""));
    assert!(warnings[1].contains("below 0.348"));
    assert!(load("fa2_bf16_d64", &["array.max_keys=256"]).warnings().is_empty());
    assert!(load("fa2_bf16_d64", &["format.accumulator=m14"]).warnings().is_empty());
}

#[test]
fn flash_d_says_what_was_published_and_does_not_hold() {
    let published = ["kernel.sigmoid=direct-8", "kernel.skip=score-delta"];
    let warnings = load("flash_d_bf16_d64", &published).warnings();
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    for (warning, said) in
        warnings.iter().zip(["0, -100, 0", "121 to 144 %", "37 %", "array.key_block = 64 "])
    {
        assert!(warning.contains(said), "{warning}");
    }
    assert_eq!(load("flash_d_fp8_d64", &["array.key_block=64"]).warnings(), warnings[..1]);
}

#[test]
fn platforms_come_by_name_and_by_path() {
    let from_file = attention::config::platform(folder().join("platforms/nangate45.toml").to_str().unwrap());
    assert_eq!(from_file, attention::config::platform("nangate45"));
    let beside = load("tour", &["clock.platform=platforms/nangate45.toml", "clock.mhz=100"]);
    assert!(beside.clock.timing.unwrap().model.setup > 0.0);
    for name in attention::config::platform_names() {
        let platform = attention::config::platform(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(platform.name, name);
    }
}
