//! The measurements as tables.

use crate::show::{self, grouped, percent};
use crate::study::{SetReport, SubjectReport};
use attention::accuracy::ModelReport;

/// Errors side by side, all measures of a single design (of each if `verbose`), errors against length, and notes.
pub fn text(configs: &[SubjectReport], verbose: bool) -> String {
    let mut parts = vec![];
    if configs.len() > 1 {
        parts.push(format!("relative L2 error\n{}", errors(configs, |c| &c.groups, true)));
    }
    if configs.len() == 1 || verbose {
        parts.extend(configs.iter().map(|c| format!("{}\n{}", c.name, measures(c))));
    }
    if !configs[0].lengths.is_empty() {
        let errors = errors(configs, |c| &c.lengths, false);
        parts.push(format!("relative L2 error against sequence length\n{errors}"));
    }
    parts.extend(note(configs));
    parts.join("\n")
}

/// Which designs were measured on more keys than they are made for.
fn note(configs: &[SubjectReport]) -> Option<String> {
    let longest = configs[0].groups.iter().chain(&configs[0].lengths).map(|set| set.keys).max()?;
    let shorter = configs.iter().filter(|c| longest > c.max_keys as usize);
    let names: Vec<String> =
        shorter.map(|c| format!("{} ({})", c.name, grouped(c.max_keys.into()))).collect();
    (!names.is_empty()).then(|| {
        let (longest, names) = (grouped(longest as u64), names.join(", "));
        format!("note: measured with array.max_keys raised to {longest}: {names}\n")
    })
}

/// A row for each set, a column for each design.
fn errors(configs: &[SubjectReport], sets: fn(&SubjectReport) -> &[SetReport], overall: bool) -> String {
    let names = configs.iter().map(|c| format!(">{}", stacked(&c.name)));
    let header: Vec<String> = ["group".into(), ">keys".into()].into_iter().chain(names).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let row = |name: &str, keys: String, report: &dyn Fn(&SubjectReport) -> ModelReport| -> Vec<String> {
        let errors = configs.iter().map(|c| percent(report(c).relative_l2()));
        [name.to_string(), keys].into_iter().chain(errors).collect()
    };
    let set =
        |(at, set): (usize, &SetReport)| row(&set.group, grouped(set.keys as u64), &|c| sets(c)[at].report);
    let all = || row("all", String::new(), &|c| c.overall);
    let rows = sets(&configs[0]).iter().enumerate().map(set);
    show::table(&header, rows.chain(overall.then(all)))
}

/// All measures of one design, set by set.
fn measures(config: &SubjectReport) -> String {
    let row = |name: &str, keys: String, report: &ModelReport| {
        let (rounded, unrounded) = (&report.comparison.rounded_inputs, &report.comparison.unrounded_inputs);
        vec![
            name.to_string(),
            keys,
            grouped(report.queries),
            percent(rounded.relative_l2),
            percent(rounded.max_abs),
            format!("{:.5}", rounded.cosine),
            percent(unrounded.relative_l2),
            percent(report.skip_fraction),
            grouped(report.counts.saturated_scores),
            grouped(report.counts.saturated_results),
        ]
    };
    let sets = config.groups.iter().map(|set| row(&set.group, grouped(set.keys as u64), &set.report));
    let all = row("all", String::new(), &config.overall);
    let header = [
        "group",
        ">keys",
        ">queries",
        ">relative\nL2",
        ">max abs",
        ">cosine",
        ">on unrounded\ninputs",
        ">skipped",
        ">saturated\nscores",
        ">saturated\nresults",
    ];
    show::table(&header, sets.chain([all]))
}

/// A name broken after underscores into lines of at most 12 letters, for the head of a column.
fn stacked(name: &str) -> String {
    let mut lines = vec![String::new()];
    for word in name.split_inclusive('_') {
        let line = lines.last_mut().expect("there is one");
        if line.is_empty() || line.len() + word.len() <= 12 {
            line.push_str(word);
        } else {
            lines.push(word.into());
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_broken_after_underscores() {
        assert_eq!(stacked("tour"), "tour");
        assert_eq!(stacked("flash_d_lse_fine_bf16_d64"), "flash_d_lse_\nfine_bf16_\nd64");
    }
}
