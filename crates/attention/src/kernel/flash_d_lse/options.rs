//! The kernel's keys: a preset, and every width of the scalar path by itself.

use super::super::Kernel;
use super::FlashDLse;
use crate::config::{ConfigError, Section};
use numerics::lse::{LSE_PRESETS, LseKind, LseSpec};
use std::sync::Arc;

/// Every key of the kernel.
pub(super) const KEYS: &[&str] = &[
    "preset",
    "weights",
    "rows",
    "segment_bits",
    "x_fraction_bits",
    "score_fraction_bits",
    "c_fraction_bits",
    "weight_bits",
    "base_fraction_bits",
    "slope_fraction_bits",
    "gain_fraction_bits",
    "score_integer_bits",
    "c_integer_bits",
    "skip_threshold",
];

/// A width of the scalar path: its key, its name in messages of [`LseSpec::check`], and its place.
type Field = (&'static str, &'static str, fn(&mut LseSpec) -> &mut u32);

const FIELDS: [Field; 9] = [
    ("rows", "k_rows", |s| &mut s.k_rows),
    ("segment_bits", "seg_bits", |s| &mut s.seg_bits),
    ("x_fraction_bits", "fx", |s| &mut s.fx),
    ("score_fraction_bits", "fs", |s| &mut s.fs),
    ("c_fraction_bits", "fc", |s| &mut s.fc),
    ("weight_bits", "u_bits", |s| &mut s.u_bits),
    ("base_fraction_bits", "base_frac", |s| &mut s.base_frac),
    ("slope_fraction_bits", "slope_frac", |s| &mut s.slope_frac),
    ("score_integer_bits", "score_int_bits", |s| &mut s.score_int_bits),
];
/// As [`FIELDS`]; read last, as its default follows from the others.
const C_INTEGER_BITS: (&str, &str) = ("c_integer_bits", "c_int_bits");
/// As [`FIELDS`], of tables only.
const GAIN_BITS: (&str, &str) = ("gain_fraction_bits", "h_bits");

/// The kernel of a `[kernel]` section.
pub(super) fn read(section: &mut Section<'_>) -> Result<Arc<dyn Kernel>, ConfigError> {
    let mut spec = section.choice("preset", LSE_PRESETS, Some(LseSpec::MID))?;
    let table = if let LseKind::Table { .. } = spec.kind { spec.kind } else { LseKind::Table { h_bits: 5 } };
    let kinds = [LseKind::Pwl, table, LseKind::Shift].map(|kind| (kind_name(kind), kind));
    spec.kind = section.choice("weights", &kinds, Some(spec.kind))?;
    if let LseKind::Table { h_bits } = &mut spec.kind {
        *h_bits = section.integer(GAIN_BITS.0, 0..=64, Some(i64::from(*h_bits)))? as u32;
    }
    for (key, _, field) in FIELDS {
        let value = field(&mut spec);
        *value = section.integer(key, 0..=64, Some(i64::from(*value)))? as u32;
    }
    let least = i64::from(spec.c_int_bits.max(spec.min_c_int_bits()));
    spec.c_int_bits = section.integer(C_INTEGER_BITS.0, 0..=64, Some(least))? as u32;
    if let Err(problem) = spec.check() {
        let names = FIELDS.iter().map(|(key, name, _)| (*key, *name)).chain([C_INTEGER_BITS, GAIN_BITS]);
        let named = names
            .map(|(key, name)| Some((key, problem.strip_prefix(&format!("{name} = "))?.split_once(": ")?.1)));
        let (key, problem) = named.flatten().next().unwrap_or(("preset", &problem));
        return Err(section.error(key, problem));
    }
    let skip_threshold = section.integer("skip_threshold", 0..=64, Some(0))? as u32;
    Ok(Arc::new(FlashDLse { spec, skip_threshold }))
}

fn kind_name(kind: LseKind) -> &'static str {
    match kind {
        LseKind::Pwl => "pwl",
        LseKind::Table { .. } => "table",
        LseKind::Shift => "shift",
    }
}

/// Every key with its value, from which [`read`] makes the same kernel.
pub(super) fn write(kernel: &FlashDLse) -> toml::Table {
    let integer = |n: u32| toml::Value::from(i64::from(n));
    let mut spec = kernel.spec;
    let mut table: toml::Table =
        FIELDS.iter().map(|(key, _, field)| (key.to_string(), integer(*field(&mut spec)))).collect();
    table.insert("weights".into(), kind_name(spec.kind).into());
    table.insert(C_INTEGER_BITS.0.into(), integer(spec.c_int_bits));
    if let LseKind::Table { h_bits } = spec.kind {
        table.insert(GAIN_BITS.0.into(), integer(h_bits));
    }
    table.insert("skip_threshold".into(), integer(kernel.skip_threshold));
    table
}
