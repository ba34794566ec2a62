//! The life of a job: checks its settings, runs it, and drains everything after an error or a soft reset.
//!
//! ```text
//!        start          settings legal        everything sent
//!  idle ───────► check ───────────────► run ──────────────────► idle  (done)
//!                  │ illegal             │ error, soft reset, watchdog
//!                  ▼                     ▼            quiet
//!                idle  (error)         drain ─────────────────► idle  (error, unless a soft reset)
//! ```
//! A soft reset drains in any state. The watchdog also ends a drain that is never quiet; then a start is refused until the
//! bus has answered everything.
//! The check divides `heads` by `kv_heads` by subtracting; what it finds on the way are the settings in the form that
//! the rest works with.

use super::parts::{Named, flag, minus_one, place, plus_one};
use super::spec::{AcceleratorSpec, Cause, Interface, MaskSupport};
use hdl::{Kind, ModuleBuilder, Outputs, Signal, Type, value_width};

/// Quiet cycles that end a drain: more than any pipeline between the rows' way in and the engine takes, and than a source
/// pauses that has not been stopped yet.
pub(super) const LEAST_DRAIN: u32 = 32;

impl AcceleratorSpec {
    /// Signed numbers that hold any position of a query or key, a block beyond either end.
    pub(super) fn position_type(&self) -> Type {
        let most = u64::from(self.max_queries) + u64::from(self.max_keys) + 2 * u64::from(self.block());
        Type::signed(value_width(most) + 1)
    }

    /// Counts of keys.
    pub(super) fn keys_type(&self) -> Type {
        Type::unsigned(value_width(u64::from(self.max_keys)))
    }

    /// Counts of queries of a block.
    pub(super) fn block_type(&self) -> Type {
        Type::unsigned(value_width(u64::from(self.block())))
    }

    /// Number of a head.
    pub(super) fn head_type(&self) -> Type {
        Type::unsigned(value_width(u64::from(self.heads.max(self.kv_heads))))
    }
}

/// The settings of a running job, in the form that the rest works with. They stand still while it runs.
#[derive(Clone, Copy)]
pub(super) struct Plan<'b> {
    /// The walks over the job begin.
    pub go: Signal<'b>,
    /// Number of the last query of a head.
    pub last_query: Signal<'b>,
    /// Number of the last head.
    pub last_head: Signal<'b>,
    /// Query heads that share a key/value head, less one.
    pub last_of_group: Signal<'b>,
    /// Keys of a head.
    pub keys: Signal<'b>,
    /// Keys less queries.
    pub offset: Signal<'b>,
    /// Keys of the window, cut to what makes a difference, less one.
    pub window_rest: Signal<'b>,
    /// Queries meet no key after their own position.
    pub causal: Signal<'b>,
    /// Queries meet no key before their window.
    pub windowed: Signal<'b>,
    /// Queries begin with states; where there is hardware for it.
    pub initial: Option<Signal<'b>>,
}

/// The job control and what it says.
pub(super) struct Job<'b> {
    pub plan: Plan<'b>,
    /// Any state but idle.
    pub busy: Signal<'b>,
    /// The job runs.
    pub run: Signal<'b>,
    /// What is under way is brought to its end and thrown away.
    pub drain: Signal<'b>,
    pub done_set: Signal<'b>,
    pub error_set: Signal<'b>,
    pub error_cause: Signal<'b>,
}

/// What happens to a running job.
pub(super) struct Events<'b> {
    pub start: Signal<'b>,
    pub soft_reset: Signal<'b>,
    /// The last result has left.
    pub finished: Signal<'b>,
    /// Nothing is under way.
    pub quiet: Signal<'b>,
    /// Nothing of a job that the watchdog has ended may still come.
    pub settled: Signal<'b>,
    /// Something moved.
    pub activity: Signal<'b>,
    /// Errors, the first that is set counts.
    pub errors: Vec<(Cause, Signal<'b>)>,
}

/// The job control as an instance; `settings` are the `cfg_` ports.
pub(super) fn call<'b>(
    b: &'b ModuleBuilder,
    spec: &AcceleratorSpec,
    settings: &[(&str, Signal<'b>)],
    events: &Events<'b>,
) -> Job<'b> {
    let kind = Kind { name: "job", doc: "checks the settings of a job, runs it, drains after an error" };
    let mut inputs = vec![
        ("start", events.start),
        ("soft_reset", events.soft_reset),
        ("finished", events.finished),
        ("quiet", events.quiet),
        ("activity", events.activity),
        ("settled", events.settled),
    ];
    let error_names: Vec<String> =
        events.errors.iter().map(|(c, _)| format!("error_{}", *c as u32)).collect();
    inputs.extend(error_names.iter().zip(&events.errors).map(|(name, (_, signal))| (name.as_str(), *signal)));
    inputs.extend(settings.iter().copied().filter(|(name, _)| *name != "scale"));
    let causes: Vec<Cause> = events.errors.iter().map(|(cause, _)| *cause).collect();
    let out = place(b, "job", kind, &inputs, |m, x| body(m, x, spec, &causes));
    let plan = Plan {
        go: out.get("go"),
        last_query: out.get("last_query"),
        last_head: out.get("last_head"),
        last_of_group: out.get("last_of_group"),
        keys: out.get("key_count"),
        offset: out.get("offset"),
        window_rest: out.get("window_rest"),
        causal: out.get("causal"),
        windowed: out.get("windowed"),
        initial: out.find("begins_with_states"),
    };
    let [busy, run, drain] = out.all(["busy", "run", "drain"]);
    let [done_set, error_set, error_cause] = out.all(["done_set", "error_set", "error_cause"]);
    Job { plan, busy, run, drain, done_set, error_set, error_cause }
}

fn body<'m>(m: &'m ModuleBuilder, x: &Named<'m>, spec: &AcceleratorSpec, causes: &[Cause]) -> Outputs<'m> {
    let [start, soft_reset, finished, quiet, activity] =
        x.all(["start", "soft_reset", "finished", "quiet", "activity"]);
    let [check, run, drain] = ["checking", "running", "draining"].map(|name| flag(m, name));
    let idle = (!(check.q | run.q | drain.q)).named("idle");
    let begin = (idle & start & !soft_reset).named("begin");

    let found = refused(m, x, spec);
    let refusal = m.register("refusal", found.ty()).enable(begin);
    refusal.set(found);
    let division = divide(m, x, spec, begin, check.q);
    let odd_heads = refusal.q.is_zero() & division.uneven;
    let checked = (check.q & (division.done | !refusal.q.is_zero())).named("checked");
    let illegal = (checked & (odd_heads | !refusal.q.is_zero())).named("illegal");
    let go = (checked & !illegal & !soft_reset).named("go");

    let watch = m.register("watch", Type::unsigned(value_width(u64::from(spec.watchdog)))).reset(0);
    let expired = watch.q.eq_const(u64::from(spec.watchdog)).named("watchdog_expired");
    watch.set((activity | idle | (expired & run.q)).mux(m.zero(watch.q.ty()), plus_one(watch.q)));
    let hurt = causes.iter().map(|c| x.get(&format!("error_{}", *c as u32))).reduce(|a, b| a | b);
    let failed = (run.q & (hurt.map_or(expired, |hurt| hurt | expired))).named("failed");
    let stop = (failed | (soft_reset & !drain.q)).named("stop");
    let done = (run.q & finished & !stop).named("done");

    // A drain ends when it has been quiet for long enough.
    let silence = m.register("silence", Type::unsigned(value_width(u64::from(LEAST_DRAIN)))).reset(0);
    let long_enough = silence.q.eq_const(u64::from(LEAST_DRAIN));
    silence.set((drain.q & quiet).mux(plus_one(silence.q), m.zero(silence.q.ty())));
    let end = (drain.q & (long_enough | expired)).named("drain_ends");

    check.set(begin | (check.q & !checked & !soft_reset));
    run.set(go | (run.q & !stop & !done));
    drain.set(stop | (drain.q & !end));
    let cause = m.register("cause", Type::unsigned(8)).reset(0).enable(stop | soft_reset);
    let first = causes.iter().rev().fold(m.lit(Cause::Watchdog as u64, 8), |otherwise, c| {
        x.get(&format!("error_{}", *c as u32)).mux(m.lit(*c as u64, 8), otherwise)
    });
    cause.set(failed.mux(first, m.lit(0, 8)));
    let illegal_cause = odd_heads.mux(m.lit(Cause::BadHeads as u64, 8), refusal.q.extend(8));
    let plan_outputs = plan(m, x, spec, begin, &division);
    let mut outputs = vec![
        ("busy", !idle),
        ("run", run.q),
        ("drain", drain.q),
        ("done_set", done),
        ("error_set", (illegal & !soft_reset) | (end & !cause.q.is_zero())),
        ("error_cause", check.q.mux(illegal_cause, cause.q)),
        ("go", go),
    ];
    outputs.extend(plan_outputs);
    outputs
}

/// The lowest cause for which the settings are refused, 0 if they are not (but for what division shows).
fn refused<'m>(m: &'m ModuleBuilder, x: &Named<'m>, spec: &AcceleratorSpec) -> Signal<'m> {
    let [queries, keys, heads, kv_heads, mask, window] =
        x.all(["queries", "keys", "heads", "kv_heads", "mask", "window"]);
    let beyond = |x: Signal<'m>, most: u32| x.gt(m.lit(u64::from(most), 32));
    let zero = queries.is_zero() | keys.is_zero() | heads.is_zero() | kv_heads.is_zero();
    let mut checks = vec![
        (Cause::ZeroLength, zero),
        (Cause::TooLong, beyond(queries, spec.max_queries) | beyond(keys, spec.max_keys)),
        (Cause::BadHeads, beyond(heads, spec.heads) | beyond(kv_heads, spec.kv_heads)),
        (Cause::BadMask, beyond(mask, spec.mask as u32)),
        (Cause::ZeroWindow, mask.eq_const(2) & window.is_zero()),
    ];
    if spec.interface == Interface::Dma {
        let low = spec.bus_bytes().ilog2();
        let tensors = spec.tensors().into_iter().map(|t| {
            let [base, row, head] = ["base", "row_stride", "head_stride"].map(|s| x.get(&format!("{t}_{s}")));
            base.low(low) | row.low(low) | head.low(low)
        });
        let tensors: Vec<Signal<'m>> = tensors.collect();
        checks.push((Cause::Unaligned, tensors.into_iter().reduce(|a, b| a | b).expect("four").reduce_or()));
    }
    checks.push((Cause::OpenTransfers, !x.get("settled")));
    let found = checks
        .into_iter()
        .rev()
        .fold(m.lit(0, 4), |otherwise, (cause, bad)| bad.mux(m.lit(cause as u64, 4), otherwise));
    found.named("first_refusal")
}

struct Division<'m> {
    done: Signal<'m>,
    /// There is a remainder.
    uneven: Signal<'m>,
    /// The quotient less one.
    rest: Signal<'m>,
}

/// `heads / kv_heads`, a subtraction a cycle.
fn divide<'m>(
    m: &'m ModuleBuilder,
    x: &Named<'m>,
    spec: &AcceleratorSpec,
    begin: Signal<'m>,
    check: Signal<'m>,
) -> Division<'m> {
    let ty = spec.head_type();
    let narrow = |name: &str| x.get(name).low(ty.width);
    let left = m.register("heads_left", ty).enable(begin | check);
    let quotient = m.register("group_rest", ty).enable(begin | check);
    let kv_heads = narrow("kv_heads");
    let done = left.q.le(kv_heads).named("divided");
    left.set(begin.mux(narrow("heads"), done.mux(left.q, (left.q - kv_heads).low(ty.width))));
    quotient.set(begin.mux(m.zero(ty), done.mux(quotient.q, plus_one(quotient.q))));
    Division { done, uneven: done & left.q.ne(kv_heads), rest: quotient.q }
}

/// The settings as the walks want them.
fn plan<'m>(
    m: &'m ModuleBuilder,
    x: &Named<'m>,
    spec: &AcceleratorSpec,
    begin: Signal<'m>,
    division: &Division<'m>,
) -> Outputs<'m> {
    let kept = |name: &str, value: Signal<'m>| {
        let register = m.register(name, value.ty()).enable(begin);
        register.set(value);
        register.q
    };
    let position = spec.position_type();
    let [queries, keys, heads, mask, window] = x.all(["queries", "keys", "heads", "mask", "window"]);
    let count = |x: Signal<'m>| x.low(position.width - 1).to_signed();
    let longest = u64::from(spec.max_keys) + u64::from(spec.block());
    let cut =
        window.gt(m.lit(longest, 32)).mux(m.lit(longest, position.width - 1), window.low(position.width - 1));
    let window_rest = (cut.to_signed() - m.lit_signed(1, 2)).truncate(position.width);
    let supports = |least: MaskSupport| m.lit(u64::from(spec.mask >= least), 1);
    let windowed = mask.eq_const(2) & supports(MaskSupport::SlidingWindow);
    let causal = (mask.eq_const(1) | windowed) & supports(MaskSupport::Causal);
    let mut plan = vec![
        ("last_query", kept("last_query", minus_one_of(queries, position.width - 1))),
        ("last_head", kept("last_head", minus_one_of(heads, spec.head_type().width))),
        ("last_of_group", division.rest),
        ("key_count", kept("key_count", keys.low(spec.keys_type().width))),
        ("offset", kept("offset", (count(keys) - count(queries)).truncate(position.width))),
        ("window_rest", kept("window_rest", window_rest)),
        ("causal", kept("causal", causal)),
        ("windowed", kept("windowed", windowed)),
    ];
    plan.extend(x.find("initial").map(|initial| ("begins_with_states", kept("begins_with_states", initial))));
    plan
}

fn minus_one_of(x: Signal<'_>, width: u32) -> Signal<'_> {
    minus_one(x.low(width))
}
