//! Why an accelerator does not run a job.

use attention::accelerator::{AcceleratorSpec, Cause, Settings};

/// Why the accelerator does not run a job, and which key says so.
pub fn text(spec: &AcceleratorSpec, job: &Settings, cause: Cause) -> String {
    let Settings { queries, keys, heads, kv_heads, .. } = job;
    match cause {
        Cause::ZeroLength => {
            format!(
                "{queries} queries and {keys} keys in {heads} heads of {kv_heads} key/value heads: must be above 0"
            )
        }
        Cause::TooLong if *queries > spec.max_queries => {
            format!(
                "{queries} queries of a head: must be at most accelerator.max_queries = {}",
                spec.max_queries
            )
        }
        Cause::TooLong => {
            format!("{keys} keys of a head: must be at most array.max_keys = {}", spec.max_keys)
        }
        Cause::BadHeads => format!(
            "{heads} heads of {kv_heads} key/value heads: must be at most accelerator.heads = {} of \
             accelerator.kv_heads = {}, and divide",
            spec.heads, spec.kv_heads
        ),
        Cause::BadMask => "job.mask: accelerator.mask has no hardware for it".into(),
        Cause::ZeroWindow => "job.window = 0: must be above 0".into(),
        other => format!("the accelerator refuses the job's settings ({other:?})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accelerate::settings;
    use crate::source::load;
    use crate::target::{Kind, Target};
    use attention::accelerator::MaskMode;
    use attention::config::DesignConfig;

    #[test]
    fn a_refusal_names_key_and_limit() {
        let target = Target::new(load("tour_accelerator", &[]).unwrap()).unwrap();
        let (Kind::Accelerator(spec), DesignConfig::Accelerator(config)) =
            (&target.kind, &target.config.design)
        else {
            panic!("it is an accelerator")
        };
        let legal = settings(spec, &config.job, [64, 64, 4]).unwrap();
        for (job, said) in [
            (
                Settings { queries: 0, ..legal },
                "0 queries and 64 keys in 4 heads of 4 key/value heads: must be above 0",
            ),
            (
                Settings { queries: 65, ..legal },
                "65 queries of a head: must be at most accelerator.max_queries = 64",
            ),
            (Settings { keys: 65, ..legal }, "65 keys of a head: must be at most array.max_keys = 64"),
            (
                Settings { heads: 8, ..legal },
                "must be at most accelerator.heads = 4 of accelerator.kv_heads = 4",
            ),
            (Settings { mask: MaskMode::Window, window: 0, ..legal }, "job.window = 0: must be above 0"),
        ] {
            let text = text(spec, &job, job.check(spec).unwrap_err());
            assert!(text.contains(said), "{text}");
        }
    }
}
