//! Warm-up, measurement and drain: lanes on their threads, the collector on its own.

use std::sync::atomic::AtomicU64;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use drivers::Store;
use drivers::server::Server;

use crate::draw::rng::Purpose;
use crate::generate::{OpStream, ValueGenerator};
use crate::host::{self, GivenCpu};
use crate::measure::collector::{Collector, Measured};
use crate::measure::recorder::Recorder;
use crate::measure::{Slot, hlog};
use crate::record::Phase;
use crate::workload::Plan;

use super::client::Client;
use super::lane::{Ended, Lane};
use super::pace::{CancelToken, Clock, Schedule, sleep_until};
use super::prepare::Prepared;
use super::run_context::{RunContext, Window};
use super::work::{Sizes, Tally};
use super::{CONNECTING, ProgressObserver, Request, RunError, Until, error};
use super::{threads, usage};
use crate::audit::ledger::Ledger;

/// How long an open loop may work off its backlog after the planned end: long enough for a stall of seconds to be
/// measured whole, short enough for a hopeless backlog to end.
const DRAIN: Duration = Duration::from_secs(10);

/// From the start of the lanes' clock: time to wake the threads that wait for it.
const HEAD_START: Duration = Duration::from_millis(20);

/// What the lanes did.
pub struct Measurement {
    /// What they measured.
    pub measured: Measured,
    /// Why the histogram log is not whole, if it is not.
    pub log_problem: Option<String>,
    /// What was recorded apart.
    pub slots: Vec<Slot>,
    /// What remains of each lane.
    pub ended: Vec<Ended>,
    /// Start of the measurement on the lanes' clock.
    pub measure_ns: u64,
    /// CPU time of this process during the measurement.
    pub cpu: Duration,
    /// CPU time that the machine gave away during the measurement.
    pub given: Option<GivenCpu>,
    /// Wall time of the measurement, drain included.
    pub wall: Duration,
    /// Threads that carried the lanes.
    pub threads: usize,
    /// What a server of our own used.
    pub usage: usage::Samples,
}

/// Runs the lanes.
///
/// # Errors
/// When a session cannot be opened, or the system grants no thread.
pub fn measure<S: Store>(
    prepared: &Prepared<S>,
    server: Option<&Server>,
    request: &Request,
    stop: &Arc<CancelToken>,
    watch: &mut dyn ProgressObserver,
) -> Result<Measurement, RunError> {
    let load = &request.load;
    let lanes = load.clients as usize;
    let threads = threads::count(S::PLACEMENT, load, prepared.shares_machine);
    let open_loop = load.rate_per_s.is_some();
    let (slots, first_slots) = slots(request.plan());
    let (outbox, inbox) = channel();
    let (give, spares): (Vec<_>, Vec<_>) = (0..lanes).map(|_| channel()).unzip();
    let spares = Mutex::new(spares.into_iter().map(Some).collect::<Vec<_>>());
    let collector =
        Collector { slots: &slots, open_loop, warmup: load.warmup, planned: load.until.elapsed(), spares: give };

    let maker = ValueGenerator::new(Arc::clone(&request.generator), Arc::clone(&prepared.frontiers));
    let sizes = &Arc::new(Sizes::new(&request.generator, maker));
    let spares = &spares;
    let build = move |index: usize, client: Client<S>, course: Arc<RunContext>| Lane {
        index,
        client,
        stream: OpStream::new(
            Arc::clone(&request.generator),
            Arc::clone(&prepared.frontiers),
            Purpose::Warmup,
            index as u32,
            load.clients,
        ),
        ledger: Ledger::new(request.plan()),
        tally: Tally::new(Arc::clone(sizes), request.plan().operations.len()),
        recorder: Box::new(Recorder::new(course.slot_count, open_loop)),
        outbox: outbox.clone(),
        spares: spares.lock().unwrap_or_else(PoisonError::into_inner)[index].take(),
        course,
        steps: Vec::new(),
    };
    let (mut cpu, mut given, mut wall) = (Duration::ZERO, None, Instant::now());
    let mut usage = usage::Samples::default();
    let (ended, measured) = thread::scope(|scope| {
        let collect = move || {
            hlog::with_log(&request.hlog, SystemTime::now(), |log| {
                collector.collect(lanes, &inbox, log, &mut |line| watch.second(line))
            })
        };
        let collecting = thread::Builder::new().spawn_scoped(scope, collect);
        let collecting = collecting.map_err(|refused| error(request, CONNECTING, threads::no_thread(refused)))?;
        let start = || Arc::new(run_context::<S>(request, &first_slots, slots.len(), stop));
        let ended = threads::run_lanes(&prepared.store, load, threads, start, &build, |course| {
            sleep_until(&course.clock, course.measure_ns, stop);
            (cpu, given, wall) = (host::cpu_time(), host::given_cpu(), Instant::now());
            if let Some(server) = server {
                usage = usage::sample(server, course);
            }
        });
        cpu = host::cpu_time().saturating_sub(cpu);
        given = host::given_cpu().zip(given).map(|(now, before)| now.since(before));
        // The collector ends when every lane has said so, or when nobody is left who could: `build` holds a sender.
        drop(build);
        Ok::<_, RunError>((ended, collecting.join()))
    })?;
    let ended = ended.map_err(|failure| error(request, CONNECTING, failure))?;
    let collected = measured.map_err(|_| anyhow::anyhow!("the collector panicked; this is a bug in storebench"));
    let (measured, log_problem) = collected?;
    Ok(Measurement {
        measured,
        log_problem,
        slots,
        ended,
        measure_ns: load.warmup.as_nanos() as u64,
        cpu,
        given,
        wall: wall.elapsed(),
        threads,
        usage,
    })
}

/// Each operation's slot and, after it, those of its steps where it has several.
fn slots(plan: &Plan) -> (Vec<Slot>, Vec<usize>) {
    let (mut slots, mut first) = (Vec::new(), Vec::new());
    for operation in &plan.operations {
        first.push(slots.len());
        slots.push(Slot { name: operation.name.clone(), is_step: false });
        let names = operation.step_names();
        let steps = names.iter().filter(|_| names.len() > 1);
        slots.extend(steps.map(|step| Slot { name: format!("{}.{step}", operation.name), is_step: true }));
    }
    (slots, first)
}

/// What all lanes share, with the clock about to start.
fn run_context<S: Store>(
    request: &Request,
    first_slots: &[usize],
    slot_count: usize,
    stop: &Arc<CancelToken>,
) -> RunContext {
    let load = &request.load;
    let measure_ns = load.warmup.as_nanos() as u64;
    let (until_ns, operations) = match load.until {
        Until::Elapsed(planned) => (measure_ns.saturating_add(planned.as_nanos() as u64), u64::MAX),
        Until::Operations(operations) => (u64::MAX, operations),
    };
    let window = |phase, purpose, from_ns, until_ns, operations: u64, drain_until_ns| Window {
        phase,
        purpose,
        until_ns,
        operations,
        schedule: load.rate_per_s.map(|rate| {
            Schedule::new(rate, load.arrivals, request.generator.seed, purpose, from_ns, until_ns, operations)
        }),
        skip_after_ns: load.skip_after.map_or(u64::MAX, |limit| limit.as_nanos() as u64),
        drain_until_ns,
    };
    let drain_ns = until_ns.saturating_add(DRAIN.as_nanos() as u64);
    let mut windows = Vec::new();
    if measure_ns > 0 {
        windows.push(window(Phase::Warmup, Purpose::Warmup, 0, measure_ns, u64::MAX, measure_ns));
    }
    windows.push(window(Phase::Measure, Purpose::Measure, measure_ns, until_ns, operations, drain_ns));
    RunContext {
        clock: Clock::starting_in(HEAD_START),
        measure_ns,
        last_second: match (load.rate_per_s, load.until.elapsed()) {
            (None, Some(planned)) => (planned.as_secs_f64().ceil() as i64 - 1).max(0),
            _ => i64::MAX,
        },
        windows,
        stops_on_failure: load.stops_on_failure,
        lanes: u64::from(load.clients),
        running: AtomicU64::new(u64::from(load.clients)),
        slots: first_slots.to_vec(),
        slot_count,
        checks_answers: S::KEEPS_DATA,
        scans_begin_at_a_record: (0..request.plan().tables.len())
            .map(|table| request.plan().scans_begin_at_a_record(table))
            .collect(),
        max_retries: load.max_retries,
        stop: Arc::clone(stop),
    }
}
