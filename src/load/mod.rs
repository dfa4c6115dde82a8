//! The load engine: one workload on one store, once. It goes through the phases and returns the record of the run.
//!
//! Reset, load, settle, warm-up, measure, drain, check. It prints nothing and writes no file but the histogram log that
//! it is given; progress goes to a [`ProgressObserver`].

mod answer;
mod assemble;
mod clean;
mod client;
mod event_loop;
mod lane;
mod lease;
mod measure;
mod outcome;
mod owner;
pub mod pace;
mod prepare;
mod probe;
mod removal;
mod run_context;
mod threads;
mod timer;
mod usage;
mod verdict;
mod work;

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use drivers::launch;
use drivers::server::Server;
use drivers::{Address, Description, Durability, Failure, Placement, Store};
use jiff::Timestamp;
use thiserror::Error;
use tokio::runtime::Runtime;

use crate::audit;
use crate::audit::ledger::Ledger;
use crate::generate::Generator;
use crate::record::{Interval, Run};
use crate::workload::{Arrivals, Plan, Workload};

pub use assemble::PROFILE;
pub use clean::{Cleaned, Extent, clean};
pub use prepare::refuse_what_it_cannot;
pub use probe::{Probe, probe};

use client::PhaseLimit;
use lease::{Lease, Renewal, Standing};
use pace::CancelToken;

/// What to run.
#[derive(Debug, Clone)]
pub struct Request {
    /// Unique in the experiment: `read-heavy-libsql-1`.
    pub id: String,
    /// Which repetition, from 1.
    pub repetition: u32,
    /// The workload as read.
    pub workload: Arc<Workload>,
    /// The workload, sized and seeded.
    pub generator: Arc<Generator>,
    /// Where the store is and how it is set.
    pub address: Address,
    /// The asked tier; none takes the best that the store has.
    pub durability: Option<Durability>,
    /// Whether data that an earlier run kept is used again, if it is still what was loaded.
    pub reuse: bool,
    /// Whether the data stays in the store.
    pub keep: bool,
    /// The load.
    pub load: Load,
    /// Where the histogram log goes.
    pub hlog: PathBuf,
}

impl Request {
    /// The workload, sized.
    pub fn plan(&self) -> &Plan {
        &self.generator.plan
    }

    /// How long the store may take for one step that is not measured, when it holds so many rows beside the loaded ones:
    /// what the user sets, else a minute and half a millisecond a row. Loading, the slowest of them, takes 10 to 50 us a
    /// row on the stores of this suite.
    fn phase_limit(&self, added: u64) -> PhaseLimit {
        let rows = self.plan().rows().saturating_add(added);
        let by_rows = || Duration::from_secs(60) + Duration::from_micros(rows.saturating_mul(500));
        PhaseLimit { phase: self.load.phase_timeout.unwrap_or_else(by_rows), timeout: self.load.timeout }
    }
}

/// How the load is applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Lanes: clients of a closed loop, the in-flight cap of an open one.
    pub clients: u32,
    /// Open loop at this rate; none is a closed loop.
    pub rate_per_s: Option<f64>,
    /// Gaps of the open loop.
    pub arrivals: Arrivals,
    /// End of the measurement.
    pub until: Until,
    /// Length of the warm-up.
    pub warmup: Duration,
    /// Open loop: arrivals later than this are skipped. None: never before the end.
    pub skip_after: Option<Duration>,
    /// Attempts after the first for operations that lost a conflict.
    pub max_retries: u32,
    /// After how long an operation of a remote store is given up.
    pub timeout: Duration,
    /// After how long a step that is not measured is given up; none: by the number of rows.
    pub phase_timeout: Option<Duration>,
    /// Whether the first failed operation ends the run.
    pub stops_on_failure: bool,
}

/// What ends a measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Until {
    /// Time.
    Elapsed(Duration),
    /// A number of operations, over all lanes.
    Operations(u64),
}

impl Until {
    /// The planned length, unless a number of operations ends the measurement.
    pub fn elapsed(self) -> Option<Duration> {
        match self {
            Until::Elapsed(planned) => Some(planned),
            Until::Operations(_) => None,
        }
    }

    /// The planned number of operations, unless time ends the measurement.
    pub fn operations(self) -> Option<u64> {
        match self {
            Until::Elapsed(_) => None,
            Until::Operations(operations) => Some(operations),
        }
    }
}

/// Told about progress. Its methods are called off the clock.
pub trait ProgressObserver: Send {
    /// A phase begins.
    fn phase(&mut self, run: &str, phase: &str);
    /// Rows loaded so far, of how many.
    fn loaded(&mut self, rows: u64, of: u64, elapsed: Duration);
    /// A second has passed.
    fn second(&mut self, line: &Interval);
    /// The histogram log could not be written; the run goes on without it.
    fn output_failed(&mut self, problem: String);
}

/// Watches nothing: for benches and programs of one's own.
#[derive(Debug)]
pub struct NoObserver;

impl ProgressObserver for NoObserver {
    fn phase(&mut self, _: &str, _: &str) {}
    fn loaded(&mut self, _: u64, _: u64, _: Duration) {}
    fn second(&mut self, _: &Interval) {}
    fn output_failed(&mut self, _: String) {}
}

/// Why there is no record of a run.
#[derive(Debug, Error)]
pub enum RunError {
    /// The store cannot do what is asked: nothing was started.
    #[error("{0}")]
    Refused(String),
    /// The store failed outside the measurement.
    #[error("{store}: {phase} failed: {failure}")]
    Store {
        /// Its address without passwords.
        store: String,
        /// What was being done.
        phase: &'static str,
        /// What it said.
        failure: Failure,
    },
    /// The suite's own files or threads failed.
    #[error("{0:#}")]
    Suite(#[from] anyhow::Error),
    /// Somebody took the place of the run's data, or its marker, before there was anything to record.
    #[error("{0}")]
    Lost(String),
    /// Stopped before there was anything to record.
    #[error("stopped before the measurement began")]
    Stopped,
    /// One of these, and something was left behind in the store.
    #[error("{error}; {left}")]
    Left {
        /// The first error.
        error: Box<RunError>,
        /// What was left, and why.
        left: String,
    },
}

/// Runs a workload on a store of type `S`.
///
/// # Errors
/// See [`RunError`]. Failed operations and checks are not errors: they are in the record and its verdict.
pub fn run<S: Store>(
    request: &Request,
    stop: &Arc<CancelToken>,
    watch: &mut dyn ProgressObserver,
) -> Result<Run, RunError> {
    refuse_what_it_cannot::<S>(request)?;
    let admin = threads::runtime().map_err(anyhow::Error::from)?;
    // A signal to the whole process group also ends a server that is about to start.
    let server = admin.block_on(client::unless(stop, RunError::Stopped, serve::<S>(request, watch)));
    let server = server.map_err(|error| if stop.is_set() { RunError::Stopped } else { error })?;
    let opening = prepare::open::<S>(request, server.as_ref());
    let store = Arc::new(admin.block_on(client::unless(stop, RunError::Stopped, opening))?);
    // A lost lease stops this run and no other.
    let signal = stop;
    let stop = Arc::new(CancelToken::under(signal));
    let lease = Arc::new(Lease::new(format!("the place of workload {} in {}", request.plan().name, request.address)));
    let taken = admin.block_on(prepare::take_place(&*store, &lease, request, &stop, watch));
    let renewed = taken.and_then(|()| Ok(Renewal::of(Arc::clone(&lease), Arc::clone(&store), Arc::clone(&stop))?));
    let (renewal, run) = match renewed {
        Ok(renewal) => {
            let run = go_through_the_phases(&admin, &store, &lease, server.as_ref(), request, &stop, watch);
            (Some(renewal), run)
        }
        Err(error) => (None, Err(error)),
    };
    let run = run.map_err(|error| match (error, stop.reason()) {
        (RunError::Stopped, Some(reason)) => RunError::Lost(reason.to_owned()),
        // What a store fails with after that is of no use to whoever has stopped the run.
        (RunError::Store { .. }, _) if signal.is_set() => RunError::Stopped,
        (error, _) => error,
    });
    // The first error is the one to report, and a failed removal must not lose a measured run.
    let limit = request.phase_limit(run.as_ref().map_or(0, |run| run.counts.succeeded));
    let left = admin.block_on(removal::give_up(&*store, &lease, request, server.as_ref(), limit, signal));
    drop(renewal);
    match run {
        Ok(mut run) => {
            run.verdict.notes.extend(left);
            Ok(run)
        }
        Err(error) if left.is_empty() => Err(error),
        Err(error) => Err(RunError::Left { error: Box::new(error), left: left.join("; ") }),
    }
}

/// How long a store that was lost in the run, or with its first failure, is waited for before it is read back.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// Starts a server for a store that is named and not located.
async fn serve<S: Store>(request: &Request, watch: &mut dyn ProgressObserver) -> Result<Option<Server>, RunError> {
    if request.address.is_given() || S::PROGRAM.is_none() {
        return Ok(None);
    }
    watch.phase(&request.id, "start a server");
    let started = launch::start_for::<S>(&request.address, prepare::asked_of::<S>(request)).await;
    started.map(Some).map_err(|failure| error(request, STARTING, failure))
}

/// Whether the store's server takes from the same CPUs as its clients.
fn shares_machine<S: Store>(request: &Request, server: Option<&Server>) -> bool {
    S::PLACEMENT == Placement::Remote && (server.is_some() || request.address.is_local())
}

fn go_through_the_phases<S: Store>(
    admin: &Runtime,
    store: &Arc<S>,
    lease: &Lease,
    server: Option<&Server>,
    request: &Request,
    stop: &Arc<CancelToken>,
    watch: &mut dyn ProgressObserver,
) -> Result<Run, RunError> {
    let began_at = now();
    let mut prepared = admin.block_on(prepare::prepare(store, lease, server, request, stop, watch))?;

    watch.phase(&request.id, "measure");
    let ends = Arc::new(CancelToken::under(stop));
    let mut outcome = measure::measure(&prepared, server, request, &ends, watch)?;
    let log_problem = outcome.log_problem.take();

    watch.phase(&request.id, "check");
    let began = Instant::now();
    let mut ledger = Ledger::new(request.plan());
    outcome.ended.iter().for_each(|lane| ledger.merge(&lane.ledger));
    let mut wrong = Vec::new();
    let checked = client::unless_stopped(stop, check(&mut prepared, lease, request, &ledger, &mut wrong));
    if let Err(why) = admin.block_on(checked) {
        prepared.checks.push(audit::not_carried_out(&why));
        wrong.push(format!("what the store holds after the run could not be checked: {why}"));
    }
    prepared.phases.check_s = began.elapsed().as_secs_f64();
    let mut run = assemble::assemble(request, &prepared, &outcome, began_at, &ends, wrong)?;
    if let Some(problem) = log_problem {
        run.verdict.notes.push(problem.clone());
        watch.output_failed(problem);
    }
    Ok(run)
}

/// Whether the store is still what was measured; then reads back what it holds and reconciles it with what it
/// acknowledged. What is found wrong with the store itself goes to `wrong`.
async fn check<S: Store>(
    prepared: &mut prepare::Prepared<S>,
    lease: &Lease,
    request: &Request,
    ledger: &Ledger,
    wrong: &mut Vec<String>,
) -> Result<(), Failure> {
    let tables = ledger.tables.iter().map(|table| &table.inserted);
    let added = tables.chain(&ledger.logs).chain(&ledger.series).map(|added| added.rows.rows);
    let limit = request.phase_limit(added.sum());
    let description = client::awaited(BACK_WITHIN, limit, || prepared.store.describe()).await?.printable();
    wrong.extend(verdict::weakened(&prepared.description.guarantees, &description.guarantees));
    wrong.extend(evicted(&prepared.description, &description));
    if let Standing::Lost(why) = client::within_phase(limit, lease.renew(&*prepared.store)).await? {
        return Err(Failure::broken(why));
    }
    prepared.footprints.after_run = client::within_phase(limit, prepared.store.footprint()).await?;
    if S::KEEPS_DATA {
        let mut session = client::within_timeout(request.load.timeout, 1, prepared.store.session()).await?;
        let audit = audit::audit(&mut session, request.plan(), &prepared.before, ledger);
        prepared.checks.extend(client::within_phase(limit, audit).await?);
    }
    Ok(())
}

/// What a server with a limit of memory has dropped by itself since the load, if it counts that.
fn evicted(before: &Description, after: &Description) -> Option<String> {
    let count = |description: &Description| description.settings.get("evicted_keys")?.parse::<u64>().ok();
    let evicted = count(after)?.checked_sub(count(before)?).filter(|evicted| *evicted > 0)?;
    let set = |name: &str| after.settings.get(name).map_or("unknown", String::as_str);
    Some(format!(
        "the server has evicted {evicted} keys during the run (maxmemory={}, maxmemory-policy={}): what it holds is not \
         what was written",
        set("maxmemory"),
        set("maxmemory-policy")
    ))
}

/// The time of day to the millisecond, RFC 3339, UTC: read once, and from then on what the monotonic clock adds. A clock
/// that is set meanwhile would have runs end before they begin.
pub fn now() -> String {
    static BEGAN: LazyLock<(Timestamp, Instant)> = LazyLock::new(|| (Timestamp::now(), Instant::now()));
    let (began, clock) = *BEGAN;
    moment(began, clock.elapsed())
}

fn moment(began: Timestamp, elapsed: Duration) -> String {
    began.saturating_add(elapsed).unwrap_or(began).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The phases in which a failure means that the store, as it was named, cannot be used.
const STARTING: &str = "starting a server";
const OPENING: &str = "opening";
const LOOKING: &str = "looking for data of earlier runs";
const RESET: &str = "reset";
const CONNECTING: &str = "opening the sessions";

impl RunError {
    /// Whether the command line or what it names is wrong, rather than the run.
    pub fn is_usage(&self) -> bool {
        match self {
            RunError::Refused(_) => true,
            RunError::Store { phase, .. } => [STARTING, OPENING, LOOKING, RESET, CONNECTING].contains(phase),
            RunError::Left { error, .. } => error.is_usage(),
            RunError::Suite(_) | RunError::Lost(_) | RunError::Stopped => false,
        }
    }
}

fn error(request: &Request, phase: &'static str, failure: Failure) -> RunError {
    RunError::Store { store: request.address.to_string(), phase, failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_of_a_record_follow_the_monotonic_clock() {
        assert_eq!(moment(Timestamp::UNIX_EPOCH, Duration::from_millis(61_500)), "1970-01-01T00:01:01.500Z");
        let (earlier, later) = (now(), now());
        assert!(earlier <= later, "{earlier} {later}");
    }
}
