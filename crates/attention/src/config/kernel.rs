//! `[kernel]`: which attention kernel, and the options that belong to it.

use super::error::ConfigError;
use super::section::Section;

/// The kernels a configuration may name.
pub const KERNEL_NAMES: &[&str] = &["fa2", "fa2-expmul"];

/// `[kernel]`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KernelConfig {
    /// Where the factor on the scores comes from.
    pub scale: ScaleInput,
    /// The kernel and its options.
    pub options: KernelOptions,
}

/// Where the factor on the scores comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScaleInput {
    /// It is 1: q is already scaled, and no multiplier is built.
    Unit,
    /// A port, read at run time.
    Port,
}

/// A kernel with its options.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KernelOptions {
    /// FlashAttention-2 with piecewise-linear e^x and 1/x (arXiv 2307.08691).
    Fa2 {
        /// How o/ℓ is computed.
        normalize: Normalize,
        /// Segments of the exponential's table, a power of two.
        exp_segments: u32,
        /// Segments of the reciprocal's table, a power of two.
        recip_segments: u32,
    },
    /// FlashAttention-2 whose products with an exponential are ExpMul units (arXiv 2505.14314).
    Fa2ExpMul {
        /// Where the logarithmic quantisation happens.
        quantize: Quantize,
        /// Fraction bits f of the power of two, 0 to 5; 0 as published.
        fraction_bits: u32,
        /// Segments of the reciprocal's table, a power of two.
        recip_segments: u32,
    },
}

/// How o/ℓ is computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Normalize {
    /// One multiplier for each element.
    Parallel,
}

/// Where ExpMul quantises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantize {
    /// Each correction m_{i-1} − m_i and s − m_i on its own, as published.
    Each,
    /// The base-2 score once; maximum and differences are then exact.
    ScoreFirst,
}

/// Options by kernel, for the message about one that belongs to another.
const OPTIONS: &[(&str, &[&str])] = &[
    ("fa2", &["normalize", "exp_segments", "recip_segments"]),
    ("fa2-expmul", &["quantize", "fraction_bits", "recip_segments"]),
];

impl KernelConfig {
    /// Name of the kernel in configurations.
    pub fn name(&self) -> &'static str {
        match self.options {
            KernelOptions::Fa2 { .. } => "fa2",
            KernelOptions::Fa2ExpMul { .. } => "fa2-expmul",
        }
    }

    pub(super) fn read(section: &mut Section) -> Result<Self, ConfigError> {
        let names: Vec<(&str, &str)> = KERNEL_NAMES.iter().map(|n| (*n, *n)).collect();
        let name = section.choice("name", &names, None)?;
        let scales = [("unit", ScaleInput::Unit), ("port", ScaleInput::Port)];
        let scale = section.choice("scale", &scales, Some(ScaleInput::Unit))?;
        let options = if name == "fa2" { fa2(section)? } else { fa2_expmul(section)? };
        Ok(KernelConfig { scale, options })
    }

    /// Says so if `key` is an option of another kernel.
    pub(super) fn foreign_option(&self, key: &str) -> Option<String> {
        let (owner, _) = OPTIONS.iter().find(|(_, options)| options.contains(&key))?;
        Some(format!("is an option of kernel \"{owner}\", and this is \"{}\"", self.name()))
    }
}

fn fa2(section: &mut Section) -> Result<KernelOptions, ConfigError> {
    Ok(KernelOptions::Fa2 {
        normalize: section.choice(
            "normalize",
            &[("parallel", Normalize::Parallel)],
            Some(Normalize::Parallel),
        )?,
        exp_segments: segments(section, "exp_segments", 8, 1024)?,
        recip_segments: segments(section, "recip_segments", 16, 4096)?,
    })
}

fn fa2_expmul(section: &mut Section) -> Result<KernelOptions, ConfigError> {
    let places = [("each", Quantize::Each), ("score-first", Quantize::ScoreFirst)];
    Ok(KernelOptions::Fa2ExpMul {
        quantize: section.choice("quantize", &places, Some(Quantize::ScoreFirst))?,
        fraction_bits: section.integer("fraction_bits", 0..=5, Some(0))? as u32,
        recip_segments: segments(section, "recip_segments", 16, 4096)?,
    })
}

/// A power of two from 1 to `most`.
fn segments(section: &mut Section, key: &'static str, default: u32, most: u32) -> Result<u32, ConfigError> {
    let count = section.integer(key, 1..=i64::from(most), Some(i64::from(default)))? as u32;
    if !count.is_power_of_two() {
        let problem = format!("must be a power of two from 1 to {most}");
        return Err(section.error(key, problem));
    }
    Ok(count)
}
