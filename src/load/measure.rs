//! Warm-up, measurement and drain: lanes on their threads, the collector on its own.

use std::sync::atomic::AtomicU64;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use drivers::{Failure, Store};

use super::active_run::ActiveRun;
use super::affinity;
use super::answer::AnswerRules;
use super::cancel::CancelToken;
use super::client::StoreClient;
use super::error::{RunError, StoreTask};
use super::lane::{Lane, LaneResult};
use super::pace::{Clock, Schedule};
use super::prepare::PreparedStore;
use super::progress::ProgressObserver;
use super::run_context::{LoadWindow, RunContext};
use super::warmup::MeasureStart;
use super::{threads, usage};
use crate::audit::ledger::Ledger;
use crate::draw::rng::Purpose;
use crate::evidence::work::{Sizes, Tally};
use crate::evidence::{Measurement, UsageSamples};
use crate::generate::{OpStream, ValueGenerator};
use crate::host::{self, RunQueue};
use crate::measure::collector::Collector;
use crate::measure::hlog;
use crate::measure::recorder::{Recorder, RecordingSlot};
use crate::record::Phase;
use crate::request::RunRequest;
use crate::workload::Plan;

/// How long an open loop may work off its backlog after the planned end: long enough for a stall of seconds to be
/// measured whole, short enough for a hopeless backlog to end. Never longer than the measurement itself: what takes that
/// long is overload (`evidence/overload.rs`).
const DRAIN: Duration = Duration::from_secs(10);

/// From the start of the lanes' clock: time to wake the threads that wait for it.
const HEAD_START: Duration = Duration::from_millis(20);

/// What the lanes measured, and what the store acknowledged to them.
pub struct MeasuredLanes {
    /// What goes into the record.
    pub measurement: Measurement,
    /// What the audit compares with the store: the writes of all lanes, in all phases.
    pub ledger: Ledger,
    /// Why the histogram log is not whole, if it is not.
    pub log_problem: Option<String>,
}

/// Runs the lanes. `cancel` ends the measurement, and not the checks that follow it.
///
/// # Errors
/// When a session cannot be opened, or the system grants no thread.
pub fn measure<S: Store>(
    run: &ActiveRun<'_, S>,
    prepared: &PreparedStore,
    cancel: &Arc<CancelToken>,
    observer: &mut dyn ProgressObserver,
) -> Result<MeasuredLanes, RunError> {
    let (request, load) = (run.request, &run.request.load);
    let lanes = load.clients as usize;
    let threads = threads::count(S::PLACEMENT, load, prepared.evidence.shares_machine);
    let open_loop = load.rate_per_s.is_some();
    let (slots, first_slots) = slots(request.plan());
    let (outbox, inbox) = channel();
    let (give, spares): (Vec<_>, Vec<_>) = (0..lanes).map(|_| channel()).unzip();
    let spares = Mutex::new(spares.into_iter().map(Some).collect::<Vec<_>>());
    let measure_start = Arc::new(MeasureStart::new(load.warmup, load.longest_warmup));
    let origin_ns = |phase| measure_start.origin_ns(phase);
    let collector =
        Collector { slots: &slots, open_loop, origin_ns: &origin_ns, planned: load.until.elapsed(), spares: give };

    let values = ValueGenerator::new(Arc::clone(&request.generator), Arc::clone(&prepared.frontiers));
    let sizes = &Arc::new(Sizes::new(&request.generator, values));
    let spares = &spares;
    let build = move |index: usize, client: StoreClient<S>, context: Arc<RunContext>| Lane {
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
        recorder: Box::new(Recorder::new(context.slot_count, open_loop)),
        outbox: outbox.clone(),
        spares: spares.lock().unwrap_or_else(PoisonError::into_inner)[index].take(),
        context,
        steps: Vec::new(),
    };
    let (mut cpu, mut machine, mut wall) = (Duration::ZERO, None, Instant::now());
    let (mut usage, mut warmup) = (UsageSamples::default(), None);
    let cannot_start = |failure: Failure| run.failed(StoreTask::OpenSessions)(failure);
    let (results, collected) = thread::scope(|scope| {
        let collect = move || {
            // Refused to the lanes, too, and told by them.
            let _ = affinity::pin_this_thread(&load.cpus.client);
            hlog::with_log(&request.hlog, SystemTime::now(), |log| {
                collector.collect(lanes, &inbox, log, &mut |line| observer.second(line))
            })
        };
        let collecting = thread::Builder::new().spawn_scoped(scope, collect);
        let collecting = collecting.map_err(|refused| cannot_start(threads::no_thread(refused)))?;
        let start = || {
            let slots = (&first_slots[..], slots.len());
            Arc::new(run_context::<S>(request, prepared, &measure_start, slots, cancel))
        };
        let results = threads::run_lanes(&run.store, load, threads, start, &build, |context| {
            warmup = measure_start.wait(&context.clock, cancel);
            (cpu, machine, wall) = (host::cpu_time(), host::machine_cpu(), Instant::now());
            if let Some(server) = run.server {
                usage = usage::sample(server, context);
            }
        });
        cpu = host::cpu_time().saturating_sub(cpu);
        machine = host::machine_cpu().zip(machine).map(|(now, before)| now.since(before));
        // The collector ends when every lane has said so, or when nobody is left who could: `build` holds a sender.
        drop(build);
        Ok::<_, RunError>((results, collecting.join()))
    })?;
    let results = results.map_err(cannot_start)?;
    let wall = wall.elapsed();
    let collected = collected.map_err(|_| anyhow::anyhow!("the collector panicked; this is a bug in storebench"));
    let (mut collected, log_problem) = collected?;
    let warmed = collected.timeline.iter_mut().filter(|line| line.phase == Phase::Warmup);
    warmed.for_each(|line| line.at_s -= measure_start.put_off_s() as f64);
    let measurement = Measurement {
        collected,
        slots,
        tally: merged_tally(&results),
        scheduled: results.iter().map(|lane| lane.scheduled).sum(),
        reconnects: results.iter().map(|lane| lane.reconnects).sum(),
        disconnected_s: results.iter().map(|lane| lane.disconnected.as_secs_f64()).sum(),
        clients_s: results.iter().map(|lane| lane.measured.as_secs_f64()).sum(),
        measure_ns: measure_start.ns(),
        warmup,
        cpu,
        run_queue: results.iter().filter_map(|lane| lane.run_queue).reduce(RunQueue::plus),
        measured: results.iter().map(|lane| lane.measured).max().unwrap_or_default(),
        machine,
        wall,
        threads,
        usage,
    };
    let mut ledger = Ledger::new(request.plan());
    results.iter().for_each(|lane| ledger.merge(&lane.ledger));
    Ok(MeasuredLanes { measurement, ledger, log_problem })
}

fn merged_tally(results: &[LaneResult]) -> Option<Tally> {
    let (first, others) = results.split_first()?;
    let mut tally = first.tally.clone();
    others.iter().for_each(|lane| tally.merge(&lane.tally));
    Some(tally)
}

/// Each operation's slot and, after it, those of its steps where it has several.
fn slots(plan: &Plan) -> (Vec<RecordingSlot>, Vec<usize>) {
    let (mut slots, mut first) = (Vec::new(), Vec::new());
    for operation in &plan.operations {
        first.push(slots.len());
        slots.push(RecordingSlot { name: operation.name.clone(), is_step: false });
        let names = operation.step_names();
        let steps = names.iter().filter(|_| names.len() > 1);
        slots.extend(steps.map(|step| RecordingSlot { name: format!("{}.{step}", operation.name), is_step: true }));
    }
    (slots, first)
}

/// What all lanes share, with the clock about to start.
fn run_context<S: Store>(
    request: &RunRequest,
    prepared: &PreparedStore,
    start: &Arc<MeasureStart>,
    (first_slots, slot_count): (&[usize], usize),
    cancel: &Arc<CancelToken>,
) -> RunContext {
    let load = &request.load;
    let window = |phase, purpose, length: Option<Duration>, operations: u64, drain: Duration| LoadWindow {
        phase,
        purpose,
        length_ns: length.map(|length| length.as_nanos() as u64),
        operations,
        schedule: load
            .rate_per_s
            .map(|rate| Schedule::new(rate, load.arrivals, request.generator.seed, purpose, operations)),
        skip_after_ns: load.skip_after.map_or(u64::MAX, |limit| limit.as_nanos() as u64),
        drain_ns: drain.as_nanos() as u64,
    };
    let drain = load.until.elapsed().map_or(DRAIN, |planned| planned.min(DRAIN));
    let operations = load.until.operations().unwrap_or(u64::MAX);
    let mut windows = Vec::new();
    if !load.warmup.is_zero() {
        windows.push(window(Phase::Warmup, Purpose::Warmup, None, u64::MAX, Duration::ZERO));
    }
    windows.push(window(Phase::Measure, Purpose::Measure, load.until.elapsed(), operations, drain));
    RunContext {
        clock: Clock::starting_in(HEAD_START),
        start: Arc::clone(start),
        last_second: match (load.rate_per_s, load.until.elapsed()) {
            (None, Some(planned)) => (planned.as_secs_f64().ceil() as i64 - 1).max(0),
            _ => i64::MAX,
        },
        windows,
        stops_on_failure: load.stops_on_failure,
        lanes: u64::from(load.clients),
        threads: threads::count(S::PLACEMENT, load, prepared.evidence.shares_machine) as u64,
        running: AtomicU64::new(u64::from(load.clients)),
        slots: first_slots.to_vec(),
        slot_count,
        answers: S::KEEPS_DATA.then(|| {
            let (generator, frontiers) = (Arc::clone(&request.generator), Arc::clone(&prepared.frontiers));
            AnswerRules::new(generator, frontiers, Arc::clone(&prepared.loaded))
        }),
        max_retries: load.max_retries,
        cancel: Arc::clone(cancel),
    }
}
