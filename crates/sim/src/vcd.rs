//! Waveforms of a simulation as a value change dump (IEEE 1364-2005, clause 18), for GTKWave and Surfer.

use crate::program::{Program, Signal, Simulator};
use ::vcd::{IdCode, ReferenceIndex, SimulationCommand, TimescaleUnit, Value, VarType, Writer};
use std::io::{self, Write};

/// Writes the observed signals of one stimulus, cycle by cycle, as they change.
///
/// The program must have been compiled with [`crate::Program::compile_observed`]; scopes are the instances, a copy of
/// an array being `u_name[i]`. A bundle is one vector, element 0 in its low bits.
pub struct Vcd<W: Write> {
    writer: Writer<W>,
    stimulus: usize,
    clock: IdCode,
    half_period_ps: u64,
    cycles: u64,
    variables: Vec<Variable>,
}

struct Variable {
    signal: Signal,
    copy: u32,
    id: IdCode,
    /// What was written last.
    words: Vec<u64>,
}

/// An instance and what is in it.
#[derive(Default)]
struct Scope {
    name: String,
    variables: Vec<(Signal, u32)>,
    inner: Vec<Scope>,
}

impl<W: Write> Vcd<W> {
    /// Writes the header. `period_ps` is the clock period in picoseconds, at least 2.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W, program: &Program, stimulus: usize, period_ps: u32) -> io::Result<Vcd<W>> {
        let mut writer = Writer::new(out);
        writer.version(concat!("flashrtl ", env!("CARGO_PKG_VERSION")))?;
        writer.timescale(1, TimescaleUnit::PS)?;
        let top = Scope::tree(program.name(), program.signals());
        writer.add_module(&top.name)?;
        let clock = writer.add_wire(1, "clk")?;
        let mut variables = vec![];
        top.declare(&mut writer, &mut variables)?;
        writer.upscope()?;
        writer.enddefinitions()?;
        let half_period_ps = u64::from(period_ps / 2).max(1);
        Ok(Vcd { writer, stimulus, clock, half_period_ps, cycles: 0, variables })
    }

    /// Writes one clock cycle: what has changed since the one before. Call it after every [`Simulator::step`], or
    /// between [`Simulator::eval`] and [`Simulator::clock`].
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn cycle(&mut self, simulator: &Simulator) -> io::Result<()> {
        let start = 2 * self.half_period_ps * self.cycles;
        self.writer.timestamp(start)?;
        if self.cycles == 0 {
            self.writer.begin(SimulationCommand::Dumpvars)?;
        }
        self.writer.change_scalar(self.clock, Value::V1)?;
        let mut words = vec![];
        for variable in &mut self.variables {
            words.clear();
            simulator.signal_into(&variable.signal, variable.copy, self.stimulus, &mut words);
            if variable.words != words {
                variable.words.clone_from(&words);
                variable.write(&mut self.writer)?;
            }
        }
        if self.cycles == 0 {
            self.writer.end()?;
        }
        self.writer.timestamp(start + self.half_period_ps)?;
        self.writer.change_scalar(self.clock, Value::V0)?;
        self.cycles += 1;
        Ok(())
    }

    /// Ends the last cycle and flushes the output.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.timestamp(2 * self.half_period_ps * self.cycles)?;
        self.writer.flush()
    }
}

impl Scope {
    fn tree(name: &str, signals: &[Signal]) -> Scope {
        let mut top = Scope { name: name.to_string(), ..Scope::default() };
        for signal in signals {
            for copy in 0..signal.copies() {
                let mut scope = &mut top;
                for name in signal.scope_of(copy) {
                    scope = scope.enter(name);
                }
                scope.variables.push((signal.clone(), copy));
            }
        }
        top
    }

    /// The scope of this name within this one.
    fn enter(&mut self, name: String) -> &mut Scope {
        let at = self.inner.iter().position(|s| s.name == name).unwrap_or(self.inner.len());
        if at == self.inner.len() {
            self.inner.push(Scope { name, ..Scope::default() });
        }
        &mut self.inner[at]
    }

    fn declare<W: Write>(self, writer: &mut Writer<W>, variables: &mut Vec<Variable>) -> io::Result<()> {
        for (signal, copy) in self.variables {
            let bits = signal.ty.bits();
            let kind = if signal.is_register { VarType::Reg } else { VarType::Wire };
            let range = (bits > 1).then(|| ReferenceIndex::Range(bits as i32 - 1, 0));
            let id = writer.add_var(kind, bits, &signal.name, range)?;
            variables.push(Variable { signal, copy, id, words: vec![] });
        }
        for scope in self.inner {
            writer.add_module(&scope.name)?;
            scope.declare(writer, variables)?;
            writer.upscope()?;
        }
        Ok(())
    }
}

impl Variable {
    fn write<W: Write>(&self, writer: &mut Writer<W>) -> io::Result<()> {
        let value = |bit: u64| if bit == 1 { Value::V1 } else { Value::V0 };
        if self.signal.ty.bits() == 1 {
            return writer.change_scalar(self.id, value(self.words[0]));
        }
        let width = self.signal.ty.width as usize;
        let each = width.div_ceil(64);
        let bits = self.words.chunks(each).rev();
        let bits = bits.flat_map(|e| (0..width).rev().map(|b| value(e[b / 64] >> (b % 64) & 1)));
        writer.change_vector(self.id, bits)
    }
}
