//! The results for the terminal: a table for every case.

use super::results::{CaseResults, Figures, PointResults, Results};
use crate::show::{self, grouped, percent};

/// All cases, and what is not to be compared.
pub fn text(results: &Results) -> String {
    let cases = results.cases.iter().map(|case| format!("{}\n{}\n", case.title, case_table(results, case)));
    cases.collect::<String>() + &notes(results)
}

fn case_table(results: &Results, case: &CaseResults) -> String {
    let against =
        |what: &str| results.baselines.iter().map(move |b| format!(">{what}\nvs {b}")).collect::<Vec<_>>();
    let columns = [
        vec!["design".to_string(), ">slots".into(), ">µm²".into()],
        against("area"),
        vec![">mW".into()],
        against("power"),
        [">pJ per\npair", ">fmax\nMHz", ">error", "netlist"].map(String::from).to_vec(),
    ]
    .concat();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    show::table(&columns, case.points.iter().map(|point| row(results, case, point)))
}

fn row(results: &Results, case: &CaseResults, point: &PointResults) -> Vec<String> {
    let Some(f) = point.figures() else {
        let empty = vec![String::new(); 5 + 2 * results.baselines.len()];
        let name = vec![point.label.clone(), point.interleave.to_string()];
        return [name, empty, vec!["FAILED".into()]].concat();
    };
    let against = |figure: fn(&Figures) -> f64| -> Vec<String> {
        let change = |baseline: &String| match case.change(point, baseline, figure) {
            _ if *baseline == point.label && point.reservation().is_none() => "baseline".to_string(),
            change => change.map_or("-".into(), signed),
        };
        results.baselines.iter().map(change).collect()
    };
    let verdict = match point.reservation() {
        None => "bit-exact, clock met".to_string(),
        Some(why) => why.to_uppercase(),
    };
    [
        vec![point.label.clone(), point.interleave.to_string(), grouped(f.area_um2.round() as u64)],
        against(|f| f.area_um2),
        vec![format!("{:.3}", f.power.total_mw)],
        against(|f| f.power.total_mw),
        vec![
            format!("{:.2}", f.power.energy_pj),
            format!("{:.0}", f.searched_fmax_mhz.unwrap_or(f.fmax_mhz)),
            results.headline_error(point).map_or("-".into(), percent),
            verdict,
        ],
    ]
    .concat()
}

fn notes(results: &Results) -> String {
    let said = results.reservations();
    let lines = said.iter().map(|line| format!("  {line}\n")).collect::<String>();
    if said.is_empty() { String::new() } else { format!("not compared\n{lines}") }
}

/// A change as a percentage with its sign.
pub fn signed(change: f64) -> String {
    format!("{:+.1} %", 100.0 * change)
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::example;
    use super::*;

    #[test]
    fn every_design_has_a_row_and_what_is_not_compared_is_marked() {
        let text = text(&example());
        let row = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_string();
        let words = |start: &str| row(start).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            words("fa2"),
            "fa2 3 10 000 baseline 10.000 baseline 20.00 505 5.10 % bit-exact, clock met"
        );
        assert_eq!(
            words("expmul"),
            "expmul 3 7 500 -25.0 % 7.500 -25.0 % 15.00 505 10.9 % bit-exact, clock met"
        );
        assert_eq!(words("late"), "late 3 5 000 - 5.000 - 10.00 505 0.400 % MISSES THE CLOCK");
        assert_eq!(words("broken"), "broken 3 FAILED");
        assert!(text.contains("not compared\n  lane, d = 16, bf16, own interleave: late misses"), "{text}");
    }
}
