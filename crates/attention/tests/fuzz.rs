//! Whatever is written in a configuration, the answer is a configuration or an error, never a panic.

use attention::Config;
use proptest::prelude::*;

const TEMPLATES: &[&str] = &[
    include_str!("../../../configs/tour.toml"),
    include_str!("../../../configs/expmul_bf16.toml"),
    include_str!("../../../configs/fa2_expmul_fp8_d64.toml"),
];

/// Keys that exist, and some that do not.
const KEYS: &[&str] = &[
    "name",
    "kind",
    "description",
    "unit",
    "unit.op",
    "unit.format",
    "kernel",
    "kernel.name",
    "kernel.scale",
    "kernel.quantize",
    "kernel.fraction_bits",
    "kernel.exp_segments",
    "array.head_dim",
    "array.query_lanes",
    "array.interleave",
    "array.max_keys",
    "format",
    "format.input",
    "format.score",
    "format.align_bits",
    "format.accumulator",
    "format.output",
    "clock.mhz",
    "clock.platform",
    "clock.delay_model",
    "reset",
    "reset.kind",
    "reset.active_low",
    "workload",
    "workload.queries",
    "workload.keys",
    "workload.sigma",
    "workload.seed",
    "workload.stimuli",
    "x",
    "array.x",
];

const VALUES: &[&str] = &[
    "0",
    "-1",
    "1",
    "2",
    "64",
    "257",
    "9223372036854775807",
    "-9223372036854775808",
    "1e400",
    "-inf",
    "nan",
    "0.5",
    "true",
    "[]",
    "[1]",
    "{}",
    "{ a = 1 }",
    "\"\"",
    "\"é\"",
    "1979-05-27",
    "fa2",
    "fa2-expmul",
    "unit",
    "engine",
    "auto",
    "none",
    "e11m52",
    "m1",
    "fp8-e4m3",
    "q8.8",
    "q1.27",
    "fixed16",
    "/",
    "x.toml",
    "\"\"\"\n",
    "'",
];

fn survives(text: &str, overrides: &[&str]) {
    match Config::parse(text, "fuzz.toml", overrides) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(config) => {
            config.warnings();
            config.reject("array.head_dim", "late").to_string();
            let text = config.canonical().to_string();
            let again = Config::parse(&text, "again", &[]).unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert_eq!(again.hash(), config.hash());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC*") {
        survives(&text, &[]);
    }

    #[test]
    fn text_of_toml_tokens(tokens in prop::collection::vec(
        prop::sample::select(vec!["[", "]", "=", "\n", ".", ",", "{", "}", "\"", "#", "array", "head_dim", "3", "name", " "]),
        0..40,
    )) {
        survives(&tokens.concat(), &[]);
    }

    #[test]
    fn bytes_replaced(template in prop::sample::select(TEMPLATES), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 1..6)) {
        let mut text: Vec<char> = template.chars().collect();
        for (at, with) in edits {
            let at = at.index(text.len());
            text[at] = with;
        }
        survives(&text.into_iter().collect::<String>(), &[]);
    }

    #[test]
    fn keys_overridden(template in prop::sample::select(TEMPLATES), edits in prop::collection::vec((prop::sample::select(KEYS), prop::sample::select(VALUES)), 1..4)) {
        let overrides: Vec<String> = edits.iter().map(|(key, value)| format!("{key}={value}")).collect();
        survives(template, &overrides.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn any_override(over in "\\PC*", other in "[a-z.]*=[a-z0-9 .\"]*") {
        survives(TEMPLATES[0], &[&over]);
        survives(TEMPLATES[0], &[&other]);
    }
}
