//! `flashrtl list`: what the program carries.

use crate::show;
use crate::source::{embedded_names, load_embedded};
use crate::unit::Unit;
use anyhow::Result;
use arith::registry::OPERATORS;
use attention::config::{DesignConfig, platform, platform_names};
use attention::kernel::{KERNELS, KernelEntry};
use attention::workload::groups::{GROUPS, Group};
use numerics::catalog::CATALOG;
use serde_json::{Map, Value, json};

/// List what there is: designs, kernels, operators, formats, platforms, workload groups
#[derive(clap::Args)]
#[command(after_help = "Example: flashrtl list operators")]
pub struct Args {
    /// What to list; everything if left out
    what: Option<What>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Built-in designs
    Configs,
    /// Attention kernels
    Kernels,
    /// Operators that can be built as units
    Operators,
    /// Number formats
    Formats,
    /// Platforms with their delay models
    Platforms,
    /// Workload groups that accuracy is measured on
    Groups,
}

/// A list: its title, the titles of its columns, and its rows.
struct List {
    title: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

/// Prints the lists.
pub fn run(args: &Args) -> Result<()> {
    let wanted = |what: What| args.what.is_none_or(|w| w == what);
    let all = [
        (What::Configs, configs as fn() -> Result<List>),
        (What::Kernels, kernels),
        (What::Operators, operators),
        (What::Formats, formats),
        (What::Platforms, platforms),
        (What::Groups, groups),
    ];
    let lists: Vec<List> =
        all.into_iter().filter(|(what, _)| wanted(*what)).map(|(_, list)| list()).collect::<Result<_>>()?;
    if args.json {
        return show::json(&lists.iter().map(List::json).collect::<Map<String, Value>>());
    }
    let text: Vec<String> = lists.iter().map(List::text).collect();
    show::text(text.join("\n"))
}

impl List {
    fn text(&self) -> String {
        let table = show::table(self.columns, self.rows.iter().cloned());
        let indented: String = table.lines().map(|line| format!("  {line}\n")).collect();
        format!("{}\n{indented}", self.title)
    }

    fn json(&self) -> (String, Value) {
        let row = |row: &Vec<String>| {
            let entries =
                self.columns.iter().zip(row).map(|(column, cell)| (column.to_string(), cell.clone().into()));
            Value::Object(entries.collect())
        };
        (self.title.into(), json!(self.rows.iter().map(row).collect::<Vec<_>>()))
    }
}

fn configs() -> Result<List> {
    let row = |name: &'static str| {
        let config = load_embedded(name)?;
        let kind = match &config.design {
            DesignConfig::Engine(engine) => engine.kernel.name().to_string(),
            DesignConfig::Accelerator(accelerator) => {
                format!("{} accelerator", accelerator.engine.kernel.name())
            }
            DesignConfig::Unit(unit) => unit.op.clone(),
        };
        Ok(vec![name.to_string(), kind, config.description])
    };
    let rows = embedded_names().map(row).collect::<Result<_>>()?;
    Ok(List { title: "configs", columns: &["name", "builds", "description"], rows })
}

fn kernels() -> Result<List> {
    let row = |k: &KernelEntry| vec![k.name.to_string(), k.options.join(", "), k.summary.to_string()];
    let rows = KERNELS.iter().map(row).collect();
    Ok(List { title: "kernels", columns: &["name", "keys of [kernel]", "description"], rows })
}

fn operators() -> Result<List> {
    let row = |op: &&dyn arith::operator::Operator| {
        vec![op.name().to_string(), Unit::keys(*op).join(", "), op.summary().to_string()]
    };
    let rows = OPERATORS.iter().map(row).collect();
    Ok(List { title: "operators", columns: &["name", "keys of [unit]", "description"], rows })
}

fn formats() -> Result<List> {
    let row = |named: &numerics::catalog::Named| {
        let format = named.format;
        let largest = format.decode(format.max_finite_bits());
        let widths = [format.width(), format.exp_bits, format.man_bits].map(|bits| bits.to_string());
        let [width, exponent, significand] = widths;
        let names = named.aliases.join(", ");
        vec![named.name.to_string(), width, exponent, significand, format!("{largest:.3e}"), names]
    };
    let mut rows: Vec<Vec<String>> = CATALOG.iter().map(row).collect();
    let any = ["eXmY", "1+X+Y", "X", "Y", "", "mY = e8mY; X 2 to 11, Y 1 to 52"];
    rows.push(any.map(String::from).to_vec());
    let fixed = ["qI.F", "I+F", "", "", "", "fixed point, I with the sign, of inputs and results; q8.8"];
    rows.push(fixed.map(String::from).to_vec());
    let columns = &["name", ">bits", ">exponent", ">significand", ">largest", "also"];
    Ok(List { title: "formats", columns, rows })
}

fn platforms() -> Result<List> {
    let row = |name: &'static str| {
        let platform = platform(name).map_err(anyhow::Error::msg)?;
        let models: Vec<&str> = platform.versions().collect();
        let models = if models.is_empty() { "none".into() } else { models.join(", ") };
        Ok(vec![name.to_string(), models, platform.description])
    };
    let rows = platform_names().into_iter().map(row).collect::<Result<_>>()?;
    Ok(List { title: "platforms", columns: &["name", "delay models", "description"], rows })
}

fn groups() -> Result<List> {
    let row = |g: &Group| {
        vec![g.name.to_string(), g.keys.to_string(), g.rule.to_string(), g.values.rule().to_string()]
    };
    let rows = GROUPS.iter().map(row).collect();
    Ok(List { title: "groups", columns: &["name", ">keys", "scores", "values"], rows })
}
