//! The results as comma-separated values: a row for every design in every case.

use super::parts::PARTS;
use super::results::{CaseResults, Figures, PointResults, Results};
use anyhow::Result;

/// The text; the first line names the columns. Changes are fractions; what is not there is empty.
pub fn csv(results: &Results) -> Result<String> {
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(columns(results))?;
    for case in &results.cases {
        for point in &case.points {
            writer.write_record(row(results, case, point))?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// A column of figures: its name, and the figure.
type Column = (&'static str, fn(&Figures) -> String);

const FIGURES: [Column; 23] = [
    ("module", |f| f.module.clone()),
    ("clock_mhz", |f| f.mhz.to_string()),
    ("slack_ps", |f| f.slack_ps.to_string()),
    ("fmax_mhz", |f| f.fmax_mhz.to_string()),
    ("searched_fmax_mhz", |f| f.searched_fmax_mhz.map_or(String::new(), |mhz| mhz.to_string())),
    ("area_um2", |f| f.area_um2.to_string()),
    ("nand2", |f| f.nand2.to_string()),
    ("cells", |f| f.cells.to_string()),
    ("flops", |f| f.flops.to_string()),
    ("gated_flops", |f| f.gated_flops.to_string()),
    ("flattened", |f| f.flattened.to_string()),
    ("recipe", |f| f.recipe.clone()),
    ("power_mw", |f| f.power.total_mw.to_string()),
    ("clock_mw", |f| f.power.clock_mw.to_string()),
    ("registers_mw", |f| f.power.registers_mw.to_string()),
    ("combinational_mw", |f| f.power.combinational_mw.to_string()),
    ("leakage_mw", |f| f.power.leakage_mw.to_string()),
    ("energy_pj", |f| f.power.energy_pj.to_string()),
    ("unit_of_work", |f| f.power.unit_of_work.clone()),
    ("toggle_rate", |f| f.power.toggle_rate.to_string()),
    ("recordings", |f| f.power.recordings.to_string()),
    ("cycles", |f| f.power.cycles.to_string()),
    ("workload", |f| f.power.workload.clone()),
];

fn columns(results: &Results) -> Vec<String> {
    let fixed =
        ["scope", "slots", "head_dim", "design", "config_hash", "input", "interleave", "latency", "status"];
    let changes = results.baselines.iter().flat_map(|b| [format!("area_vs_{b}"), format!("power_vs_{b}")]);
    let published = ["published_area", "published_power", "error"].map(String::from);
    let parts = PARTS.iter().map(|part| format!("{}_um2", part.replace(' ', "_")));
    let fixed = fixed.into_iter().map(String::from);
    let figures = FIGURES.iter().map(|(name, _)| name.to_string());
    fixed.chain(changes).chain(published).chain(figures).chain(parts).collect()
}

fn row(results: &Results, case: &CaseResults, point: &PointResults) -> Vec<String> {
    let number = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
    let fixed = [
        case.scope.clone(),
        case.interleave.clone(),
        case.head_dim.map_or(String::new(), |d| d.to_string()),
        point.label.clone(),
        point.config_hash.clone(),
        point.input.clone(),
        point.interleave.to_string(),
        point.latency.to_string(),
        point.reservation().unwrap_or("compared").to_string(),
    ];
    let changes = results.baselines.iter().flat_map(|baseline| {
        [case.change(point, baseline, |f| f.area_um2), case.change(point, baseline, |f| f.power.total_mw)]
    });
    let published = results.published(&point.label);
    let others =
        [published.map(|p| p.area), published.map(|p| p.power), results.headline_error(point)].map(number);
    let figures = FIGURES.iter().map(|(_, figure)| point.figures().map_or(String::new(), figure));
    let part = |name: &&str| {
        let part = point.figures()?.parts.iter().find(|part| part.part == *name)?;
        Some(part.um2())
    };
    let parts = PARTS.iter().map(|name| number(part(name)));
    fixed.into_iter().chain(changes.map(number)).chain(others).chain(figures).chain(parts).collect()
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::example;
    use super::*;

    #[test]
    fn a_row_has_a_field_for_every_column() {
        let results = example();
        let text = csv(&results).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let names: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
        let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), 8);
        let field = |row: usize, name: &str| {
            let column =
                names.iter().position(|n| n == name).unwrap_or_else(|| panic!("{name} in {names:?}"));
            rows[row].get(column).unwrap().to_string()
        };
        assert_eq!((field(1, "design"), field(1, "status")), ("expmul".into(), "compared".into()));
        assert_eq!((field(1, "area_vs_fa2"), field(1, "published_area")), ("-0.25".into(), "-0.288".into()));
        assert_eq!((field(5, "head_dim"), field(5, "area_um2")), ("64".into(), "30000".into()));
        assert_eq!((field(2, "status"), field(2, "area_vs_fa2")), ("misses the clock".into(), String::new()));
        assert_eq!((field(3, "status"), field(3, "power_mw")), ("failed".into(), String::new()));
        assert_eq!(field(0, "elements_um2"), "5000");
    }
}
