//! From the parser's data structure to ours.

use super::table::Axis;
use super::{Cell, CellKind, Energy, Expr, FlipFlop, Leakage, Library, Pin, PinDirection, Table};
use liberty_db::cell::{ClockGatingIntegratedCell, PgType};
use liberty_db::common::items::WordSet;
use liberty_db::expression::{ClearPresetState, Expr as Parsed, LogicBooleanExpression};
use liberty_db::pin::Direction;
use liberty_db::table::{TableLookUp, Variable};
use liberty_db::{DefaultCtx, InternalPower};
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// Why a Liberty file cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LibertyError(String);

impl LibertyError {
    pub(super) fn new(why: impl Into<String>) -> LibertyError {
        LibertyError(why.into())
    }
}

impl fmt::Display for LibertyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LibertyError {}

type ParsedLibrary = liberty_db::Library<DefaultCtx>;
type ParsedCell = liberty_db::Cell<DefaultCtx>;
type ParsedPin = liberty_db::Pin<DefaultCtx>;

pub(super) fn file(path: &Path) -> Result<Library, LibertyError> {
    let parsed = ParsedLibrary::parse_lib_file(path);
    let parsed = parsed.map_err(|e| LibertyError::new(format!("{}: {e}", path.display())))?;
    library(&parsed).map_err(|e| LibertyError::new(format!("{}: {e}", path.display())))
}

pub(super) fn text(text: &str) -> Result<Library, LibertyError> {
    let parsed = ParsedLibrary::parse_lib(text, None);
    library(&parsed.map_err(|e| LibertyError::new(e.to_string()))?)
}

fn library(parsed: &ParsedLibrary) -> Result<Library, LibertyError> {
    let voltage = parsed.nom_voltage.map(|v| v * parsed.voltage_unit.value());
    let voltage = voltage.ok_or(LibertyError::new("`nom_voltage` is missing"))?;
    let farad = parsed.capacitive_load_unit.as_ref().map(|u| u.value());
    let farad = farad.ok_or(LibertyError::new("`capacitive_load_unit` is missing"))?;
    let units = Units {
        farad,
        second: parsed.time_unit.value(),
        // Tables hold energies in units of load × voltage².
        joule: farad * parsed.voltage_unit.value().powi(2),
        watt: parsed.leakage_power_unit.as_ref().map_or(1e-9, |u| u.value()),
        input_capacitance: parsed.default_input_pin_cap.unwrap_or(0.0),
        cell_leakage: parsed.default_cell_leakage_power.unwrap_or(0.0),
    };
    let name = parsed.name.concat();
    let mut library = Library { name, voltage, farad, cells: vec![], by_name: HashMap::new() };
    for parsed in parsed.cell.iter() {
        let read = CellReader::new(&units, parsed).cell();
        library.add(read.map_err(|e| LibertyError::new(format!("cell {}: {e}", parsed.name)))?);
    }
    Ok(library)
}

/// What the numbers of the file count in, and its defaults (in its own units).
struct Units {
    farad: f64,
    second: f64,
    joule: f64,
    watt: f64,
    input_capacitance: f64,
    cell_leakage: f64,
}

struct CellReader<'a> {
    units: &'a Units,
    cell: &'a ParsedCell,
    /// Pins, and the two names of the stored bit.
    variables: HashMap<&'a str, Expr>,
}

impl<'a> CellReader<'a> {
    fn new(units: &'a Units, cell: &'a ParsedCell) -> Self {
        let mut variables: HashMap<&str, Expr> =
            cell.pin.iter().enumerate().map(|(i, p)| (&*p.name, Expr::var(i))).collect();
        if let Some(ff) = cell.ff.iter().next() {
            let state = Expr::var(cell.pin.len());
            variables.insert(&ff.variable2, Expr::not(state.clone()));
            variables.insert(&ff.variable1, state);
        }
        CellReader { units, cell, variables }
    }

    fn cell(&self) -> Result<Cell, LibertyError> {
        let kind = self.kind()?;
        let has_function = !matches!(kind, CellKind::Opaque);
        let pins = self.cell.pin.iter().map(|p| self.pin(p, has_function)).collect::<Result<_, _>>()?;
        let (leakage, default_leakage) = self.leakage()?;
        let area = self.cell.area.unwrap_or(0.0);
        Ok(Cell { name: self.cell.name.clone(), area, pins, kind, leakage, default_leakage })
    }

    fn kind(&self) -> Result<CellKind, LibertyError> {
        let cell = self.cell;
        if let Some(gate) = &cell.clock_gating_integrated_cell {
            return Ok(self.clock_gate(gate));
        }
        let stored = cell.latch.len() + cell.ff_bank.len() + cell.latch_bank.len() > 0;
        let outputs = || cell.pin.iter().filter(|p| p.direction == Some(Direction::Output));
        let unknown = outputs().any(|p| p.function.is_none() || p.three_state.is_some());
        if stored || unknown || cell.ff.len() > 1 || cell.statetable.is_some() {
            return Ok(CellKind::Opaque);
        }
        let Some(ff) = cell.ff.iter().next() else { return Ok(CellKind::Combinational) };
        let clocked_on = self.optional(&ff.clocked_on)?;
        let (clock, falling) = match &clocked_on {
            Some(Expr::Var(pin)) => (*pin as usize, false),
            Some(Expr::Not(pin)) if matches!(**pin, Expr::Var(_)) => match **pin {
                Expr::Var(pin) => (pin as usize, true),
                _ => unreachable!("matched above"),
            },
            _ => return Ok(CellKind::Opaque),
        };
        let Some(next) = self.optional(&ff.next_state)? else { return Ok(CellKind::Opaque) };
        let (clear, preset) = (self.optional(&ff.clear)?, self.optional(&ff.preset)?);
        let both = ff.clear_preset_var1 == Some(ClearPresetState::H);
        Ok(CellKind::FlipFlop(FlipFlop { clock, falling, next, clear, preset, both }))
    }

    /// Only gates with a latch that is open while the clock is low: they pass or suppress whole pulses.
    fn clock_gate(&self, gate: &ClockGatingIntegratedCell) -> CellKind {
        let marked = |mark: fn(&ParsedPin) -> Option<bool>| {
            let pins = self.cell.pin.iter().enumerate();
            pins.filter(move |(_, p)| mark(p) == Some(true)).map(|(i, _)| i)
        };
        let enables = marked(|p| p.clock_gate_enable_pin).chain(marked(|p| p.clock_gate_test_pin)).collect();
        match marked(|p| p.clock_gate_clock_pin).next() {
            Some(clock) if gate.to_string().starts_with("latch_posedge") => {
                CellKind::ClockGate { clock, enables }
            }
            _ => CellKind::Opaque,
        }
    }

    fn pin(&self, pin: &ParsedPin, has_function: bool) -> Result<Pin, LibertyError> {
        let direction = match pin.direction {
            Some(Direction::Input) => PinDirection::Input,
            Some(Direction::Output) => PinDirection::Output,
            _ => PinDirection::Other,
        };
        let default = if direction == PinDirection::Input { self.units.input_capacitance } else { 0.0 };
        let groups = pin.internal_power.iter().filter(|g| !self.of_ground(&g.related_pg_pin));
        let energies = groups.map(|g| self.energies(g)).collect::<Result<Vec<_>, _>>()?;
        Ok(Pin {
            name: pin.name.clone(),
            direction,
            function: if has_function { self.optional(&pin.function)? } else { None },
            capacitance: pin.capacitance.unwrap_or(default) * self.units.farad,
            energies: energies.into_iter().flatten().collect(),
        })
    }

    /// One entry for each related pin.
    fn energies(&self, group: &InternalPower<DefaultCtx>) -> Result<Vec<Energy>, LibertyError> {
        let when = self.optional(&group.when)?;
        let rise = self.table(group.rise_power.as_ref().or(group.power.as_ref()))?;
        let fall = self.table(group.fall_power.as_ref().or(group.power.as_ref()))?;
        let energy = |related| Energy { related, when: when.clone(), rise: rise.clone(), fall: fall.clone() };
        if group.related_pin.inner.is_empty() {
            return Ok(vec![energy(None)]);
        }
        let pin = |name: &String| {
            let found = self.cell.pin.iter().position(|p| p.name == *name);
            found.ok_or_else(|| {
                LibertyError::new(format!("internal_power is related to a missing pin `{name}`"))
            })
        };
        group.related_pin.inner.iter().map(|name| Ok(energy(Some(pin(name)?)))).collect()
    }

    fn table(&self, parsed: Option<&TableLookUp<DefaultCtx>>) -> Result<Table, LibertyError> {
        let Some(parsed) = parsed else { return Ok(Table::constant(0.0)) };
        let unusable = || LibertyError::new(format!("cannot use the power table `{}`", parsed.name));
        let values: Vec<f64> = parsed.values.inner.iter().map(|v| v * self.units.joule).collect();
        let Some(template) = &parsed.extra_ctx.lut_template else {
            return if values.len() == 1 { Ok(Table::constant(values[0])) } else { Err(unusable()) };
        };
        let own_or = |own: &Vec<f64>, template: &Option<Vec<f64>>| {
            if own.is_empty() { template.clone().unwrap_or_default() } else { own.clone() }
        };
        let axes = [
            (template.variable_1, own_or(&parsed.index_1, &template.index_1)),
            (template.variable_2, own_or(&parsed.index_2, &template.index_2)),
        ];
        let axis = |(variable, index): (Option<Variable>, Vec<f64>)| {
            let scaled = |unit: f64| index.iter().map(|x| x * unit).collect();
            match variable? {
                Variable::Time(_) => Some(Ok((Axis::Slew, scaled(self.units.second)))),
                Variable::Capacitance(_) => Some(Ok((Axis::Load, scaled(self.units.farad)))),
                _ => Some(Err(unusable())),
            }
        };
        let axes = axes.into_iter().filter_map(axis).collect::<Result<_, _>>()?;
        match template.variable_3 {
            None => Table::new(axes, values).ok_or_else(unusable),
            Some(_) => Err(unusable()),
        }
    }

    fn leakage(&self) -> Result<(Vec<Leakage>, f64), LibertyError> {
        let groups = || self.cell.leakage_power.iter().filter(|g| !self.of_ground(&g.related_pg_pin));
        let always = groups().filter(|g| g.when.is_none()).map(|g| g.value).reduce(|a, b| a + b);
        let default = always.or(self.cell.cell_leakage_power).unwrap_or(self.units.cell_leakage);
        let conditional = groups().filter_map(|g| Some((g.when.as_ref()?, g.value)));
        let entry = |(when, value): (&LogicBooleanExpression, f64)| {
            Ok(Leakage { when: self.expr(&when.0.expr)?, watts: value * self.units.watt })
        };
        Ok((conditional.map(entry).collect::<Result<_, _>>()?, default * self.units.watt))
    }

    fn of_ground(&self, rails: &WordSet) -> bool {
        let ground = |name: &String| {
            let pin = self.cell.pg_pin.iter().find(|p| p.name == *name);
            let types = [PgType::PrimaryGround, PgType::BackupGround, PgType::InternalGround];
            pin.is_some_and(|p| types.contains(&p.pg_type))
        };
        !rails.inner.is_empty() && rails.inner.iter().all(ground)
    }

    fn optional(&self, parsed: &Option<LogicBooleanExpression>) -> Result<Option<Expr>, LibertyError> {
        parsed.as_ref().map(|e| self.expr(&e.0.expr)).transpose()
    }

    fn expr(&self, parsed: &Parsed) -> Result<Expr, LibertyError> {
        let both = |a: &Parsed, b: &Parsed| Ok((self.expr(a)?, self.expr(b)?));
        Ok(match parsed {
            Parsed::Const(v) => Expr::Const(*v),
            Parsed::Variable(name) => {
                let found = self.variables.get(&**name).cloned();
                found
                    .ok_or_else(|| LibertyError::new(format!("an expression names a missing pin `{name}`")))?
            }
            Parsed::Not(a) => Expr::not(self.expr(a)?),
            Parsed::And(a, b) => both(a, b).map(|(a, b)| Expr::and(a, b))?,
            Parsed::Or(a, b) => both(a, b).map(|(a, b)| Expr::or(a, b))?,
            Parsed::Xor(a, b) => both(a, b).map(|(a, b)| Expr::xor(a, b))?,
            other => return Err(LibertyError::new(format!("expression `{other}` is not Liberty"))),
        })
    }
}
