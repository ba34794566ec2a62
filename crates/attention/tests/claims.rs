//! What the shipped designs promise of their accuracy, from the functional models.

use attention::accuracy::ModelAccuracy;
use attention::workload::groups::{GROUPS, Group};
use attention::{Config, EngineSpec, Workload};
use std::path::Path;

/// Queries of a group.
const ROWS: usize = 2;

fn spec(name: &str, overrides: &[&str]) -> EngineSpec {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../configs/{name}.toml"));
    let config = Config::load(&path, overrides).unwrap_or_else(|e| panic!("{e}"));
    let spec = EngineSpec::new(name, config.engine().unwrap(), config.policy);
    EngineSpec { head_dim: 32, ..spec }
}

fn of_group(spec: &EngineSpec, group: &Group, keys: usize) -> ModelAccuracy {
    let mut accuracy = ModelAccuracy::default();
    for row in 0..ROWS {
        let shape = group.shape(32, spec.dot.operand);
        let workload = group.row(attention::workload::groups::Shape { keys, ..shape }, 1, row);
        accuracy.merge(&ModelAccuracy::of(spec, &workload));
    }
    accuracy
}

fn error(accuracy: &ModelAccuracy) -> f64 {
    let error = accuracy.report().comparison.rounded_inputs.relative_l2;
    assert!(error.is_finite());
    error
}

/// The quantisation-proof kernel is at least as good as the baseline everywhere, and every result is a number.
#[test]
fn fine_is_never_worse_than_the_baseline() {
    let (fa2, fine) = (spec("fa2_bf16_d64", &[]), spec("flash_d_lse_fine_bf16_d64", &[]));
    let floating = spec("flash_d_lse_fine_bf16_d64", &["format.accumulator=m12"]);
    for group in GROUPS {
        let errors = [&fa2, &fine, &floating].map(|spec| error(&of_group(spec, group, group.keys)));
        assert!(errors[1] <= 1.05 * errors[0] && errors[2] <= 1.05 * errors[0], "{}: {errors:?}", group.name);
    }
}

#[test]
fn no_kernel_gives_anything_but_numbers() {
    let names = [
        "fa2_expmul_bf16_d64",
        "fa2_base2_bf16_d64",
        "flash_d_bf16_d64",
        "flash_d_fp8_d64",
        "flash_d_lse_mid_fp8_d64",
        "flash_d_lse_shift_fp8_d64",
        "flash_d_lse_table_fp8_d64",
    ];
    for name in names {
        for group in GROUPS {
            error(&of_group(&spec(name, &[]), group, group.keys.min(300)));
        }
    }
}

#[test]
fn long_uniform_attention_holds() {
    let group = Group::find("uniform-offset").unwrap();
    let flat = ["format.accumulator=m12", "array.max_keys=16384"];
    let blocks =
        ["format.accumulator=m9", "array.key_block=64", "kernel.c_fraction_bits=10", "array.max_keys=16384"];
    for overrides in [&flat[..], &blocks[..]] {
        let error = error(&of_group(&spec("flash_d_lse_mid_bf16_d64", overrides), group, 16384));
        assert!(error < 0.01, "{overrides:?}: {error}");
    }
}

/// Real tensors, when `FLASHRTL_DATA` points to an `.npz` file of them.
#[test]
fn real_heads() {
    let Some(path) = std::env::var_os("FLASHRTL_DATA") else { return };
    let workload = Workload::load(path.as_ref()).unwrap_or_else(|e| panic!("{e}")).limit(None, Some(16));
    let cases: [(&str, &[&str], f64); 8] = [
        ("flash_d_lse_mid_bf16_d64", &[], 0.006),
        ("flash_d_lse_mid_bf16_d64", &["format.accumulator=m12"], 0.006),
        ("flash_d_lse_fine_bf16_d64", &[], 0.003),
        ("flash_d_lse_fine_bf16_d64", &["format.accumulator=m12"], 0.003),
        ("flash_d_lse_table_bf16_d64", &[], 0.04),
        ("flash_d_lse_table_bf16_d64", &["format.accumulator=bf16", "array.key_block=32"], 0.04),
        ("flash_d_lse_shift_bf16_d64", &[], 0.10),
        ("flash_d_lse_shift_bf16_d64", &["kernel.weight_bits=3"], 0.03),
    ];
    for (name, overrides, most) in cases {
        let error = error(&ModelAccuracy::of(&spec(name, overrides), &workload));
        assert!(error <= most, "{name} {overrides:?}: {error}");
    }
}
