//! The results as one HTML file: no scripts, nothing from the network, for the screen and for paper.

mod appendix;
mod axis;
mod bars;
mod frame;
mod scatter;
mod sections;

use super::results::Results;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The page.
pub fn page(results: &Results) -> String {
    let title = format!("Comparison: {}", results.study);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(include_str!("html/style.css"))) }
            }
            body {
                main {
                    (heading(results))
                    (sections::glance(results))
                    (sections::reading(results))
                    @for case in &results.cases { (sections::case(results, case)) }
                    (appendix::errors(results))
                    (appendix::provenance(results))
                }
            }
        }
    };
    page.into_string()
}

fn heading(results: &Results) -> Markup {
    let mut clocks: Vec<f64> =
        results.cases.iter().flat_map(|c| &c.points).filter_map(|p| Some(p.figures()?.mhz)).collect();
    clocks.sort_by(f64::total_cmp);
    clocks.dedup();
    let clocks = clocks.iter().map(|mhz| format!("{mhz} MHz")).collect::<Vec<_>>().join(", ");
    html! {
        header {
            p.kicker { "Hardware comparison · " (results.study) }
            h1 { (results.description) }
            dl.facts {
                div { dt { "Cells" } dd { (results.platform.library) } }
                div { dt { "Clock" } dd { (clocks) } }
                div { dt { "Baseline" } dd { (results.baselines.join(", ")) } }
                div { dt { "Date" } dd { (results.date.split('T').next().unwrap_or_default()) } }
                div { dt { "Made by" } dd { (results.tool) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::example;
    use super::*;

    /// The page as XML: HTML's void elements closed, the document type left out.
    fn parsed(page: &str) -> String {
        let body = page.strip_prefix("<!DOCTYPE html>").expect("a document type");
        let (before, rest) = body.split_once("<meta charset=\"utf-8\">").unwrap();
        let rest = rest.replacen("initial-scale=1\">", "initial-scale=1\"/>", 1);
        format!("{before}{rest}")
    }

    #[test]
    fn the_page_is_well_formed_and_needs_no_network() {
        let page = page(&example());
        let xml = parsed(&page);
        let document = roxmltree::Document::parse(&xml).unwrap_or_else(|e| panic!("{e}"));
        let names = |name: &str| document.descendants().filter(|n| n.has_tag_name(name)).count();
        let charts = document.descendants().filter(|n| n.attribute("role") == Some("img")).count();
        assert_eq!(charts, 2 * 5, "five charts for each case");
        assert_eq!((names("h1"), names("script"), names("link"), names("img")), (1, 0, 0, 0));
        let addresses =
            document.descendants().flat_map(|n| n.attributes()).filter(|a| a.value().contains("://"));
        assert_eq!(addresses.count(), 0);
        let is_number = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
        for node in document.descendants() {
            for name in ["x", "y", "x1", "x2", "y1", "y2", "width", "height", "cx", "cy"] {
                assert!(node.attribute(name).is_none_or(is_number), "{node:?} {name}");
            }
        }
        let text: String = document.descendants().filter_map(|n| n.text()).collect();
        assert!(text.contains("Yosys <said> \"no\" & left"), "what tools say is escaped");
    }

    #[test]
    fn published_figures_stand_beside_measured_ones_with_their_technology() {
        let page = page(&example());
        assert!(page.contains("−28.8") && page.contains("arXiv 2505.14314, 28 nm"));
        assert!(page.contains("−25.0") && page.contains("misses the clock"));
        let mut other = example();
        other.baselines = vec!["expmul".into()];
        let other = super::page(&other);
        assert!(!other.contains("−28.8"), "published figures are relative to another baseline");
        assert!(other.contains("+33.3"));
    }

    #[test]
    fn results_without_a_single_figure_still_make_a_page() {
        let mut results = example();
        let failed = results.cases[0].points[3].outcome.clone();
        let points = results.cases.iter_mut().flat_map(|case| &mut case.points);
        points.for_each(|point| point.outcome = failed.clone());
        results.errors.clear();
        roxmltree::Document::parse(&parsed(&page(&results))).unwrap();
    }
}
