//! A design through the back-ends.
//!
//! ABC sizes a netlist for a delay of its paths, but it sees neither the flip-flops nor the delays outside; OpenSTA
//! does. So each recipe is tried with a target a little shorter than the period, and tried again with the target
//! moved by the slack that came out: tighter when the clock was missed, looser when there was room, because a looser
//! target is a smaller netlist. Of all netlists that meet the clock the smallest is taken.

use crate::error::FlowError;
use crate::library::Library;
use crate::memory::Placed;
use crate::opensta::{OpenSta, Timing};
use crate::process::Slots;
use crate::recipe::{BALANCED, COMPACT, FAST, KEEN, RECIPES, Recipe, SWIFT};
use crate::report::{Attempt, ClockGating, Report, breakdown, copies};
use crate::step::{Done, write};
use crate::yosys::{Context, Hierarchy, Netlist, Yosys};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// First target, as a part of the period: the rest is for flip-flops.
const FIRST: f64 = 0.85;
/// Slack that is aimed at, as a part of the period.
const AIM: f64 = 0.01;
/// Slack up to which a netlist counts as tight, as a part of the period.
const TIGHT: f64 = 0.03;
/// Shortest target, as a part of the period.
const SHORTEST: f64 = 0.3;
/// How much faster than expected a recipe has to turn out, for it to be tried: in the first round, and in the second.
const LUCK: [f64; 2] = [0.01, 0.15];
/// How far a netlist may miss the clock for its late paths to be worth a repair, as a part of the period.
const NEARLY: f64 = 0.04;
/// Netlists per recipe.
const TRIES: usize = 3;
/// What netlists to measure are sized to, as a multiple of the shortest delay: area counts.
pub(crate) const RELAX: f64 = 1.1;
/// Bisections of the search for the highest frequency.
const BISECTIONS: usize = 3;

/// A design to be synthesised.
#[derive(Clone, Debug)]
pub struct Job {
    /// Name of the design, for the report.
    pub design: String,
    /// The top module.
    pub top: String,
    /// Verilog files, name and text.
    pub files: Vec<(String, String)>,
    /// Memories that are in macros in these files.
    pub memories: Vec<Placed>,
    /// What the reader of the results should know of the files.
    pub note: Option<String>,
    /// Timing constraints in nanoseconds; their clock has this period.
    pub sdc: String,
    /// Clock period, ps.
    pub period_ps: f64,
    /// Modules that are mapped once for all their copies, what is between them flat: faster for large designs, and a
    /// little larger. If there are none the design is mapped as one flat module.
    pub once: Vec<String>,
    /// Take the first netlist that meets the clock.
    pub quick: bool,
    /// Look for the highest frequency as well.
    pub fmax: bool,
    /// Folder for everything that is written.
    pub folder: PathBuf,
}

/// The tools and the library; shared by all designs.
pub struct Flow<'a> {
    yosys: Yosys,
    sta: OpenSta,
    library: Library,
    timeout: Duration,
    slots: Slots,
    clock_gating: bool,
    say: &'a (dyn Fn(&str) + Sync),
}

impl<'a> Flow<'a> {
    /// Finds the tools. At most `jobs` of them run at a time, each for at most `timeout`; `say` hears what goes on.
    ///
    /// # Errors
    /// A tool is missing.
    pub fn new(
        library: Library,
        jobs: usize,
        timeout: Duration,
        say: &'a (dyn Fn(&str) + Sync),
    ) -> Result<Flow<'a>, FlowError> {
        let (yosys, sta) = (Yosys::find()?, OpenSta::find()?);
        Ok(Flow { yosys, sta, library, timeout, slots: Slots::new(jobs), clock_gating: true, say })
    }

    /// The same without clock gates: registers hold what they have by multiplexers.
    pub fn without_clock_gating(self) -> Flow<'a> {
        Flow { clock_gating: false, ..self }
    }

    /// Synthesises a design.
    ///
    /// # Errors
    /// A tool failed, or took too long.
    pub fn run(&self, job: &Job) -> Result<Report, FlowError> {
        self.write_inputs(job)?;
        self.search(job).run()
    }

    /// The timing of a design whatever its clock: sized to a tenth more than the shortest delay that is reached.
    ///
    /// # Errors
    /// A tool failed, or took too long.
    pub fn relaxed(&self, job: &Job) -> Result<Timing, FlowError> {
        self.write_inputs(job)?;
        let search = self.search(job);
        let hierarchy = search.hierarchy();
        let front = search.front(hierarchy)?;
        let fastest = search.attempt(&front, hierarchy, &SWIFT, 1)?;
        let target = fastest.netlist.reached_ps.map(|ps| (RELAX * ps).ceil() as u32);
        let relaxed = target.map(|target| search.attempt(&front, hierarchy, &SWIFT, target)).transpose()?;
        Ok(relaxed.unwrap_or(fastest).attempt.timing)
    }

    fn search<'s>(&'s self, job: &'s Job) -> Search<'s> {
        let (library, macros) = (&self.library, self.library.used(&job.memories));
        let (root, timeout) = (&job.folder, self.timeout);
        Search { flow: self, job, context: Context { yosys: &self.yosys, library, macros, root, timeout } }
    }

    /// The tools with their versions.
    pub fn tools(&self) -> Vec<String> {
        vec![self.yosys.version(), self.sta.version()]
    }

    fn write_inputs(&self, job: &Job) -> Result<(), FlowError> {
        let rtl = job.folder.join("rtl");
        fs::create_dir_all(&rtl).map_err(FlowError::io(&rtl))?;
        for (name, text) in &job.files {
            write(&rtl.join(name), text)?;
        }
        write(&job.folder.join("design.sdc"), &job.sdc)
    }
}

/// A netlist and its figures.
#[derive(Clone)]
struct Candidate {
    netlist: Netlist,
    attempt: Attempt,
}

impl Candidate {
    fn met(&self) -> bool {
        self.attempt.timing.slack_ps >= 0.0
    }
}

struct Search<'a> {
    flow: &'a Flow<'a>,
    job: &'a Job,
    context: Context<'a>,
}

impl Search<'_> {
    fn run(&self) -> Result<Report, FlowError> {
        let hierarchy = self.hierarchy();
        let front = self.front(hierarchy)?;
        let mut candidates = self.recipes(&front, hierarchy)?;
        let fastest =
            if self.job.fmax { Some(self.fastest(&front, hierarchy, &mut candidates)?) } else { None };
        let chosen = choose(&candidates).expect("each recipe gives a netlist");
        let parts = self.parts(chosen)?;
        let (library, flattened) = (&self.flow.library, hierarchy == Hierarchy::Flat);
        let clock_gating = match flattened {
            true => self.clock_gating(&front, &chosen.netlist)?,
            false => self.clock_gating(&self.front(Hierarchy::All)?, &parts)?,
        };
        let breakdown = breakdown(&parts.modules, &self.job.top, library);
        let netlist = self.job.folder.join("netlist.v");
        write(&netlist, &chosen.netlist.done.read("netlist.v")?)?;
        Ok(Report {
            design: self.job.design.clone(),
            top: self.job.top.clone(),
            platform: library.platform.name.clone(),
            library: library.platform.description.clone(),
            period_ps: self.job.period_ps,
            met: chosen.met(),
            chosen: chosen.attempt.clone(),
            fastest,
            memories: self.job.memories.clone(),
            breakdown_um2: breakdown.iter().map(|row| row.total_um2).sum(),
            breakdown,
            clock_gating,
            flattened,
            tools: self.flow.tools(),
            note: self.note(),
            liberty: library.sources.clone(),
            prepared_liberty: library.path.clone(),
            netlist,
            constraints: self.job.folder.join("design.sdc"),
            attempts: candidates.into_iter().map(|c| c.attempt).collect(),
        })
    }

    /// What the reader should know of the tools and of the files.
    fn note(&self) -> Option<String> {
        let notes: Vec<String> = self.flow.yosys.note().into_iter().chain(self.job.note.clone()).collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    fn hierarchy(&self) -> Hierarchy {
        if self.job.once.is_empty() { Hierarchy::Flat } else { Hierarchy::Some }
    }

    fn say(&self, what: &str) {
        (self.flow.say)(&format!("{}: {what}", self.job.design));
    }

    fn front(&self, hierarchy: Hierarchy) -> Result<Done, FlowError> {
        let _slot = self.flow.slots.take();
        self.say("elaborating");
        let (job, gated) = (self.job, self.ungated().is_none());
        let front = |hierarchy| self.context.front(&job.files, &job.top, hierarchy, gated);
        match hierarchy {
            Hierarchy::Some => self.context.dissolve(&front(Hierarchy::All)?, &job.once),
            _ => front(hierarchy),
        }
    }

    /// Why clocks are not gated; none if they are.
    fn ungated(&self) -> Option<&'static str> {
        match () {
            () if !self.flow.clock_gating => Some("not wanted"),
            () if !self.flow.yosys.gates_clocks() => Some("this Yosys cannot"),
            () if self.flow.library.clock_gates.is_empty() => Some("the library has no cells for it"),
            () => None,
        }
    }

    /// What is behind clock gates in a netlist whose modules are those of `front`.
    fn clock_gating(&self, front: &Done, netlist: &Netlist) -> Result<ClockGating, FlowError> {
        if let Some(why) = self.ungated() {
            return Ok(ClockGating { off: Some(why), ..ClockGating::default() });
        }
        let (modules, behind) = (&netlist.modules, self.context.gated_flops(front)?);
        let gates = |cells: &BTreeMap<String, u64>| {
            let names = self.flow.library.clock_gates.iter().map(|gate| &gate.name);
            names.filter_map(|name| cells.get(name)).sum::<u64>()
        };
        let copies = copies(modules, &self.job.top);
        let sum = |each: &dyn Fn(&str) -> u64| copies.iter().map(|(name, n)| n * each(name)).sum();
        Ok(ClockGating {
            gates: sum(&|name| gates(&modules[name])),
            flops: sum(&|name| behind.get(name).copied().unwrap_or(0)),
            off: None,
        })
    }

    /// The netlists of the two recipes that go for area, or for a quick result of `balanced`; of `compact` where that may
    /// meet the clock too, and of the faster ones while the clock is missed.
    fn recipes(&self, front: &Done, hierarchy: Hierarchy) -> Result<Vec<Candidate>, FlowError> {
        let first: &[&Recipe] = match (self.job.quick, self.flow.yosys.is_modern()) {
            // The ABC of 2022 fails at some of what `balanced` does.
            (_, false) => &[&COMPACT],
            (true, true) => &[&BALANCED],
            (false, true) => &[&COMPACT, &BALANCED],
        };
        let all = std::thread::scope(|scope| {
            let run = |&recipe| scope.spawn(move || self.adapt(front, hierarchy, recipe));
            let runs: Vec<_> = first.iter().map(run).collect();
            runs.into_iter()
                .map(|run| run.join().expect("a search does not panic"))
                .collect::<Result<Vec<_>, _>>()
        });
        let mut all = all?.concat();
        for luck in LUCK {
            for recipe in &RECIPES {
                let done = all.iter().any(|c: &Candidate| c.attempt.recipe == recipe.name);
                let met = choose(&all).is_some_and(Candidate::met);
                if !done && (!met || recipe.name == COMPACT.name) && self.may_meet(recipe, &all, luck) {
                    all.extend(self.adapt(front, hierarchy, recipe)?);
                }
            }
        }
        Ok(all)
    }

    /// Whether a recipe can meet the clock with some luck, from how far others got; the fastest, which is the largest by
    /// far, is the last resort.
    fn may_meet(&self, recipe: &Recipe, so_far: &[Candidate], luck: f64) -> bool {
        let of_compact =
            |c: &Candidate| c.attempt.timing.min_period_ps / Recipe::named(c.attempt.recipe).relative_delay;
        let shortest = so_far.iter().map(of_compact).reduce(f64::min);
        let expected = shortest.map_or(0.0, |ps| ps * recipe.relative_delay);
        match recipe.name == FAST.name {
            true => luck == LUCK[1],
            false => expected <= (1.0 + luck) * self.job.period_ps,
        }
    }

    /// Netlists of one recipe, with the target moved by the slack that came out.
    fn adapt(
        &self,
        front: &Done,
        hierarchy: Hierarchy,
        recipe: &'static Recipe,
    ) -> Result<Vec<Candidate>, FlowError> {
        let period = self.job.period_ps;
        let mut target = FIRST * period;
        let (mut tried, mut all) = (BTreeSet::new(), vec![]);
        while all.len() < TRIES && tried.insert(rounded(target)) {
            let candidate = self.attempt(front, hierarchy, recipe, rounded(target))?;
            let candidate = self.repaired(candidate, recipe)?;
            let slack = candidate.attempt.timing.slack_ps;
            let good = candidate.met() && (self.job.quick || slack < TIGHT * period);
            // Sizing has done what it can: a tighter target gives the same netlist.
            let spent = !candidate.met() && candidate.netlist.reached_ps.is_none_or(|ps| ps > target);
            all.push(candidate);
            if good || spent {
                break;
            }
            target = (target + slack - AIM * period).clamp(SHORTEST * period, period);
        }
        Ok(all)
    }

    /// The netlist with the shortest period: sized as fast as can be, then between that and what has been reached.
    fn fastest(
        &self,
        front: &Done,
        hierarchy: Hierarchy,
        candidates: &mut Vec<Candidate>,
    ) -> Result<Attempt, FlowError> {
        for recipe in [&KEEN, &FAST] {
            candidates.push(self.attempt(front, hierarchy, recipe, 1)?);
        }
        let shortest = |all: &[Candidate]| {
            let periods = all.iter().map(|c| &c.attempt);
            periods.min_by(|a, b| a.timing.min_period_ps.total_cmp(&b.timing.min_period_ps)).cloned()
        };
        let mut best = shortest(candidates).expect("there are two");
        let (mut low, mut high) = (0.5 * best.timing.min_period_ps, best.timing.min_period_ps);
        for _ in 0..BISECTIONS {
            let target = (low + high) / 2.0;
            candidates.push(self.attempt(front, hierarchy, &FAST, rounded(target))?);
            let found = shortest(candidates).expect("there are some");
            // A target that gave nothing better was beyond what can be reached.
            if found.timing.min_period_ps < best.timing.min_period_ps {
                high = target
            } else {
                low = target
            }
            best = found;
        }
        Ok(best)
    }

    fn attempt(
        &self,
        front: &Done,
        hierarchy: Hierarchy,
        recipe: &'static Recipe,
        target_ps: u32,
    ) -> Result<Candidate, FlowError> {
        let _slot = self.flow.slots.take();
        self.say(&format!("mapping, recipe {} for {target_ps} ps", recipe.name));
        let mut netlist = self.context.map(front, hierarchy, recipe, target_ps)?;
        if hierarchy == Hierarchy::Some {
            netlist = self.context.join(&netlist, &self.job.top)?;
        }
        self.measure(netlist, recipe, target_ps, 0)
    }

    /// With larger cells on its late paths, where they are late by little and that helps.
    fn repaired(&self, candidate: Candidate, recipe: &'static Recipe) -> Result<Candidate, FlowError> {
        let slack = candidate.attempt.timing.slack_ps;
        let late_by_little = (-NEARLY * self.job.period_ps..0.0).contains(&slack);
        if !late_by_little {
            return Ok(candidate);
        }
        let _slot = self.flow.slots.take();
        self.say("larger cells on late paths");
        let (job, sta) = (self.job, &self.flow.sta);
        let (netlist, resized) = self.context.repair(sta, &candidate.netlist, &job.top, &job.sdc)?;
        let repaired = self.measure(netlist, recipe, candidate.attempt.target_ps, resized)?;
        Ok(if repaired.attempt.timing.slack_ps > slack { repaired } else { candidate })
    }

    fn measure(
        &self,
        netlist: Netlist,
        recipe: &'static Recipe,
        target_ps: u32,
        resized: u64,
    ) -> Result<Candidate, FlowError> {
        let (job, sta) = (self.job, &self.flow.sta);
        let (timing, timed) = self.context.time(sta, &netlist, &job.top, &job.sdc, job.period_ps)?;
        let sizes = breakdown(&netlist.modules, &job.top, &self.flow.library);
        let attempt = Attempt {
            recipe: recipe.name,
            target_ps,
            resized,
            area: sizes.iter().map(|row| row.each.times(row.copies)).sum(),
            timing,
            seconds: netlist.done.seconds + timed.seconds,
            cached: netlist.done.cached && timed.cached,
            folder: netlist.done.folder.clone(),
        };
        Ok(Candidate { netlist, attempt })
    }

    /// The design with its modules apart, mapped like the chosen netlist.
    fn parts(&self, chosen: &Candidate) -> Result<Netlist, FlowError> {
        let front = self.front(Hierarchy::All)?;
        let _slot = self.flow.slots.take();
        self.say("mapping module by module");
        let recipe = Recipe::named(chosen.attempt.recipe);
        self.context.map(&front, Hierarchy::All, recipe, chosen.attempt.target_ps)
    }
}

/// The smallest netlist that meets the clock; if none does, the one that misses it least.
fn choose(candidates: &[Candidate]) -> Option<&Candidate> {
    let smallest = candidates
        .iter()
        .filter(|c| c.met())
        .min_by(|a, b| a.attempt.area.um2.total_cmp(&b.attempt.area.um2));
    let nearest =
        || candidates.iter().max_by(|a, b| a.attempt.timing.slack_ps.total_cmp(&b.attempt.timing.slack_ps));
    smallest.or_else(nearest)
}

/// Whole picoseconds, as ABC takes them; in steps of five, so that nearly equal targets are one.
fn rounded(target_ps: f64) -> u32 {
    ((target_ps / 5.0).round() * 5.0).max(1.0) as u32
}
