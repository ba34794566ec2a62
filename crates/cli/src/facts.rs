//! What follows from a configuration: latency, interleave, throughput, widths, modules.

use crate::show::percent;
use crate::target::{Kind, Target};
use attention::EngineSpec;
use attention::accelerator::AcceleratorSpec;
use serde::Serialize;

/// The derived figures of a design.
#[derive(Serialize)]
pub struct Facts {
    /// Name of the design.
    pub name: String,
    /// Name of its top module.
    pub top: String,
    /// Hash of everything the hardware depends on.
    pub config_hash: String,
    /// Clock in MHz; none when untimed.
    pub mhz: Option<f64>,
    /// Cycles from a step's first inputs to its last result: of a lane, or of the unit.
    pub latency_cycles: u32,
    /// Figures that only an engine has.
    pub engine: Option<EngineFacts>,
    /// Figures that only an accelerator has.
    pub bus: Option<BusFacts>,
    /// Widths that follow from the formats, with what they hold.
    pub widths: Vec<Width>,
    /// The state recurrences.
    pub recurrences: Vec<Recurrence>,
    /// The module kinds, children before parents.
    pub modules: Vec<ModuleFacts>,
    /// Where the arithmetic will not hold.
    pub warnings: Vec<String>,
}

/// The derived figures of an engine.
#[derive(Serialize)]
pub struct EngineFacts {
    /// Name of the kernel.
    pub kernel: String,
    /// Elements of a row.
    pub head_dim: u32,
    /// Lanes P.
    pub lanes: u32,
    /// Slots per lane.
    pub interleave: u32,
    /// The fewest slots with which the recurrences meet the clock.
    pub min_interleave: u32,
    /// Queries resident together.
    pub queries_per_block: u32,
    /// Where a block's queries are.
    pub block_layout: String,
    /// Cycles that a key row stays.
    pub cycles_per_key: u32,
    /// Query-key steps per cycle.
    pub steps_per_cycle: u32,
    /// Key rows per second at the clock.
    pub keys_per_second: Option<f64>,
    /// Bytes of K, and as many of V, per cycle at full rate.
    pub k_bytes_per_cycle: f64,
    /// Bytes of Q per cycle at full rate, over blocks that meet `max_keys` keys.
    pub q_bytes_per_cycle: f64,
    /// Cycles in which the results of a full block leave and the queries of another come.
    pub result_cycles: u32,
    /// Keys of a block from which on these cost no time.
    pub keys_that_hide_results: u32,
    /// Most keys of a query.
    pub max_keys: u32,
    /// The smallest accumulators that hold so many keys.
    pub recommended_accumulator: String,
}

/// What an accelerator's engine needs of the bus that keys and values come on, beside what there is.
#[derive(Serialize)]
pub struct BusFacts {
    /// Bits of a beat.
    pub bits: u32,
    /// Beats of a key row and its value row.
    pub beats_per_key: u32,
    /// Bytes per cycle that the engine takes at full rate, the padding of rows included.
    pub needed_bytes_per_cycle: f64,
    /// Bytes per cycle that the bus gives at most.
    pub bytes_per_cycle: u32,
}

/// A derived width.
#[derive(Serialize)]
pub struct Width {
    /// What it is the width of.
    pub name: &'static str,
    /// Bits.
    pub bits: u32,
    /// Why so many.
    pub reason: String,
}

/// A state recurrence.
#[derive(Serialize)]
pub struct Recurrence {
    /// The state variable.
    pub state: String,
    /// The module that holds it.
    pub module: String,
    /// Cycles round the loop.
    pub cycles: u32,
    /// Its longest path in picoseconds, registers included; 0 when untimed.
    pub delay_ps: u32,
    /// Cycles round the loop, which is the interleave it needs, at each of [`CLOCKS`]; none where an operation of the
    /// engine does not fit the clock.
    pub cycles_at: Vec<Option<u32>>,
}

/// Clocks in MHz for which the recurrences of an engine are compared.
pub const CLOCKS: [f64; 2] = [500.0, 1000.0];

/// A module kind.
#[derive(Serialize)]
pub struct ModuleFacts {
    /// Its name.
    pub name: String,
    /// Copies in the design.
    pub copies: u64,
    /// Cycles from its first inputs to its last output.
    pub latency_cycles: u32,
    /// What it computes.
    pub doc: String,
}

impl Facts {
    /// Derives the figures.
    pub fn new(target: &Target) -> Facts {
        let (config, design) = (&target.config, &target.design);
        let clocks = CLOCKS.map(|mhz| target.loops_at(mhz));
        let recurrence = |(module, l): (&hdl::Module, &hdl::Loop)| Recurrence {
            state: l.name.to_string(),
            module: module.name.to_string(),
            cycles: l.cycles,
            delay_ps: l.delay_ps,
            cycles_at: clocks
                .iter()
                .map(|loops| loops.iter().find(|o| o.name == l.name).map(|o| o.cycles))
                .collect(),
        };
        let module = |(module, copies): (&std::sync::Arc<hdl::Module>, u64)| ModuleFacts {
            name: module.name.to_string(),
            copies,
            latency_cycles: module.latency(),
            doc: module.doc.to_string(),
        };
        let (engine, widths) = match target.kind.engine() {
            Some(spec) => (Some(engine(target, spec)), engine_widths(spec)),
            None => (None, vec![]),
        };
        let (bus, slow) = match &target.kind {
            Kind::Accelerator(spec) => (Some(bus(spec)), slow_bus(spec)),
            _ => (None, None),
        };
        let mut warnings = config.warnings();
        warnings.extend(slow);
        Facts {
            name: config.name.clone(),
            top: design.top().name.to_string(),
            config_hash: config.hash(),
            mhz: config.clock.mhz,
            latency_cycles: target.latency(),
            engine,
            bus,
            widths,
            recurrences: design.loops().map(recurrence).collect(),
            modules: design.modules.iter().zip(design.copies()).map(module).collect(),
            warnings,
        }
    }
}

fn engine(target: &Target, spec: &EngineSpec) -> EngineFacts {
    let max_keys = target.config.engine().map_or(1, |e| e.array.max_keys);
    let interleave = f64::from(spec.interleave);
    let row_bytes = |format: numerics::Number| f64::from(spec.head_dim * format.width()) / 8.0;
    let block_cycles = f64::from(max_keys) * interleave;
    let result_cycles = spec.result_cycles(&target.design);
    EngineFacts {
        kernel: spec.kernel.name().into(),
        head_dim: spec.head_dim,
        lanes: spec.lanes,
        interleave: spec.interleave,
        min_interleave: target.design.min_interleave(),
        queries_per_block: spec.block(),
        block_layout: format!("query n of a block is slot n/{0} of lane n mod {0}", spec.lanes),
        cycles_per_key: spec.interleave,
        steps_per_cycle: spec.lanes,
        keys_per_second: target.config.clock.mhz.map(|mhz| mhz * 1e6 / interleave),
        k_bytes_per_cycle: row_bytes(spec.value) / interleave,
        q_bytes_per_cycle: f64::from(spec.block()) * row_bytes(spec.dot.operand) / block_cycles,
        result_cycles,
        keys_that_hide_results: result_cycles.div_ceil(spec.interleave),
        max_keys,
        recommended_accumulator: target
            .config
            .engine()
            .map_or_else(String::new, |engine| engine.recommended_accumulator()),
    }
}

fn bus(spec: &AcceleratorSpec) -> BusFacts {
    BusFacts {
        bits: spec.bus_bits,
        beats_per_key: spec.row_bytes() / spec.bus_bytes(),
        needed_bytes_per_cycle: f64::from(spec.row_bytes()) / f64::from(spec.engine.interleave),
        bytes_per_cycle: spec.bus_bytes(),
    }
}

/// The widest bus there is, in bits.
const WIDEST_BUS: u32 = 1024;

/// Why the bus cannot keep the lanes busy, and what would.
fn slow_bus(spec: &AcceleratorSpec) -> Option<String> {
    let (interleave, bits) = (spec.engine.interleave, spec.bus_bits);
    let beats = |bits: u32| 2 * spec.row_bits().div_ceil(bits);
    let needed = beats(bits);
    if needed <= interleave {
        return None;
    }
    let mut wider =
        std::iter::successors(Some(2 * bits), |bits| Some(2 * bits)).take_while(|&b| b <= WIDEST_BUS);
    let wider = wider.find(|&bits| beats(bits) <= interleave);
    let or = wider.map_or(String::new(), |bits| format!(", or accelerator.bus_bits = {bits}"));
    Some(format!(
        "a key and its value take {needed} beats of accelerator.bus_bits = {bits}, and array.interleave = {interleave} \
         spends {interleave} cycles on them: the lanes are busy {} of the time at most; use array.interleave = \
         {needed}{or}",
        percent(f64::from(interleave) / f64::from(needed))
    ))
}

fn engine_widths(spec: &EngineSpec) -> Vec<Width> {
    let (dot, terms) = (&spec.dot, spec.head_dim as usize);
    let width = |name, bits, reason: &str| Width { name, bits, reason: reason.into() };
    let mut widths = vec![
        width("product", dot.product_bits(), "exact, twice the significand of q and k"),
        width("alignment window", dot.align_bits, "format.align_bits; what falls below it is cut"),
        width("dot product sum", dot.sum_bits(terms), "window, sign, and growth over head_dim terms"),
    ];
    if dot.scale.is_some() {
        widths.push(width("scaled sum", dot.scaled_bits(terms), "magnitude times the scale's significand"));
    }
    widths.extend(spec.kernel.widths(spec).iter().map(|w| width(w.name, w.bits, w.reason)));
    widths
}
