//! `flashrtl check`: what follows from a configuration.

use crate::facts::{BusFacts, CLOCKS, EngineFacts, Facts};
use crate::show::{self, counted, grouped, pairs, table};
use crate::source::ConfigArgs;
use crate::target::Target;
use anyhow::Result;

/// Show what follows from a configuration: interleave, latency, throughput, widths, modules, warnings
#[derive(clap::Args)]
#[command(after_help = "Example: flashrtl check fa2_bf16_d64 --set clock.mhz=800")]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Elaborates the design and prints its figures.
pub fn run(args: &Args) -> Result<()> {
    let target = Target::new(args.config.load()?)?;
    let facts = Facts::new(&target);
    if args.json {
        return show::json(&facts);
    }
    show::text(summary(&target, &facts))?;
    show::text(details(&facts))
}

/// The figures in a few lines, and the warnings.
pub fn summary(target: &Target, facts: &Facts) -> String {
    let clock = match facts.mhz {
        Some(mhz) => {
            let clock = &target.config.clock;
            format!("{mhz} MHz on {}, delay model {}", clock.platform, clock.delay_model)
        }
        None => "untimed: everything between two state registers is combinational".into(),
    };
    let formats: Vec<String> =
        target.formats().iter().map(|(role, format)| format!("{role} {format}")).collect();
    let mut rows = vec![("clock", clock), ("formats", formats.join(", "))];
    match &facts.engine {
        Some(engine) => rows.extend(engine_rows(engine, facts)),
        None => rows.push(("latency", cycles(facts.latency_cycles))),
    }
    rows.extend(facts.bus.as_ref().map(|bus| ("bus", bus_row(bus))));
    let warnings: String = facts.warnings.iter().map(|w| format!("warning: {w}\n")).collect();
    let about = if target.config.description.is_empty() { &facts.top } else { &target.config.description };
    format!("{}: {about}\n{}{warnings}", facts.name, pairs(&rows))
}

fn engine_rows(engine: &EngineFacts, facts: &Facts) -> Vec<(&'static str, String)> {
    let EngineFacts { lanes, interleave, min_interleave, queries_per_block, .. } = engine;
    let per_key = cycles(engine.cycles_per_key);
    let rate = match engine.keys_per_second {
        Some(keys) => format!("{} million keys/s", (keys / 1e4).round() / 100.0),
        None => "one key row".into(),
    };
    vec![
        ("kernel", format!("{}, head_dim {}", engine.kernel, engine.head_dim)),
        ("interleave", format!("{interleave} slots per lane; the recurrences need {min_interleave} or more")),
        ("block", format!("{queries_per_block} queries in {lanes} lanes; {}", engine.block_layout)),
        ("latency", format!("{} from a step to its result", cycles(facts.latency_cycles))),
        ("throughput", format!("{lanes} steps/cycle; {rate} in {per_key} each")),
        (
            "results",
            format!(
                "{} until they have left and the next queries have come, hidden behind a block of {} or more",
                cycles(engine.result_cycles),
                counted(engine.keys_that_hide_results as usize, "key", "keys")
            ),
        ),
        ("accumulator", format!("for {} keys: {}", engine.max_keys, engine.recommended_accumulator)),
        (
            "traffic",
            format!(
                "K and V {:.1} bytes/cycle each, Q {:.3} (blocks of {} keys)",
                engine.k_bytes_per_cycle, engine.q_bytes_per_cycle, engine.max_keys
            ),
        ),
    ]
}

fn bus_row(bus: &BusFacts) -> String {
    format!(
        "a key and its value are {} beats of {} bits: K and V {:.1} bytes/cycle of the {} there are",
        bus.beats_per_key, bus.bits, bus.needed_bytes_per_cycle, bus.bytes_per_cycle
    )
}

fn details(facts: &Facts) -> String {
    let mut text = String::new();
    if !facts.widths.is_empty() {
        let rows =
            facts.widths.iter().map(|w| vec![w.name.to_string(), w.bits.to_string(), w.reason.clone()]);
        text += &format!("\n{}", table(&["width", ">bits", "why"], rows));
    }
    if !facts.recurrences.is_empty() {
        let delay = |ps: u32| if ps == 0 { "-".to_string() } else { grouped(u64::from(ps)) };
        let at = |cycles: &Option<u32>| cycles.map_or("does not fit".into(), |n| n.to_string());
        let rows = facts.recurrences.iter().map(|r| {
            let own = [r.state.clone(), r.cycles.to_string(), delay(r.delay_ps)];
            let module = [r.module.clone()];
            own.into_iter().chain(r.cycles_at.iter().map(at)).chain(module).collect()
        });
        let clocks = CLOCKS.map(|mhz| format!(">at {mhz} MHz"));
        let head = ["recurrence", ">cycles", ">ps", &clocks[0], &clocks[1], "in module"];
        text += &format!("\n{}", table(&head, rows));
    }
    let rows = facts
        .modules
        .iter()
        .map(|m| vec![m.name.clone(), grouped(m.copies), m.latency_cycles.to_string(), m.doc.clone()]);
    text + &format!("\n{}", table(&["module", ">copies", ">latency", "computes"], rows))
}

fn cycles(n: u32) -> String {
    counted(n as usize, "cycle", "cycles")
}
