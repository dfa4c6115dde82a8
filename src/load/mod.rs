//! The load engine: one workload on one store, once. It goes through the phases and returns the record of the run.
//!
//! Reset, load, settle, warm-up, measure, drain, check. It prints nothing and writes no file but the histogram log that
//! it is given; progress goes to a [`ProgressObserver`].

mod active_run;
mod affinity;
mod answer;
mod bookkeeping;
mod cancel;
mod clean;
mod client;
mod error;
mod event_loop;
mod lane;
mod lease;
mod limits;
mod loaded_rows;
mod measure;
mod owner;
pub mod pace;
mod prepare;
mod probe;
mod progress;
mod removal;
mod run_context;
mod threads;
mod timer;
mod usage;
mod warmup;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use drivers::launch;
use drivers::server::Server;
use drivers::{Failure, Store};
use tokio::runtime::Runtime;

use crate::audit::ledger::Ledger;
use crate::audit::queries::Queries;
use crate::audit::{self, Audit};
use crate::evidence::{self, EarlyEnd, RunEvidence};
use crate::record::Run;
use crate::request::RunRequest;
use crate::workload::Changes;

pub use affinity::allowed_cpus;
pub use cancel::CancelToken;
pub use clean::{Cleaned, Extent, clean};
pub use error::{RunError, StoreTask};
pub use prepare::refuse_what_it_cannot;
pub use probe::{Probe, probe};
pub use progress::{NoObserver, ProgressObserver, Stage};

use active_run::ActiveRun;
use affinity::Pinned;
use lease::{Lease, Renewal, Standing};
use limits::{PhaseLimit, unless_cancelled, within_grace, within_phase, within_phase_once_back, within_timeout};
use measure::MeasuredLanes;
use prepare::PreparedStore;

/// How long a store that went away during the run, or with its first failure, is waited for before it is read back.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// Runs a workload on a store of type `S`. `signal` is cancelled when the user wants all runs to end.
///
/// # Errors
/// See [`RunError`]. Failed operations and checks are not errors: they are in the record and its verdict.
pub fn run<S: Store>(
    request: &RunRequest,
    signal: &Arc<CancelToken>,
    observer: &mut dyn ProgressObserver,
) -> Result<Run, RunError> {
    let (mut run, left) = on_open_store::<S, Run>(request, signal, observer, |admin, active, observer| {
        let prepared = admin.block_on(prepare::prepare(active, observer))?;
        let run = measure_and_check(admin, active, prepared, observer)?;
        let added = run.counts.succeeded;
        Ok((run, added))
    })?;
    run.verdict.notes.extend(left);
    Ok(run)
}

/// Measures one level of load after another on one opened store of type `S`, for as long as `levels` asks for more: it is
/// given what measures a level. Every level starts from the same data. What the workload changes is loaded anew before each
/// level, and what it only reads is loaded once. Returns what could not be removed afterwards, a sentence each.
///
/// # Errors
/// See [`RunError`]; those of a level are given to `levels`.
pub fn run_levels<S: Store>(
    request: &RunRequest,
    signal: &Arc<CancelToken>,
    observer: &mut dyn ProgressObserver,
    levels: &mut dyn FnMut(&mut LevelRunner<'_>) -> Result<(), RunError>,
) -> Result<Vec<String>, RunError> {
    let only_reads = request.plan().dataset.parts().all(|part| request.plan().changes(part) == Changes::None);
    let ((), left) = on_open_store::<S, ()>(request, signal, observer, |admin, active, observer| {
        let (mut as_loaded, mut most_added): (Option<PreparedStore>, u64) = (None, 0);
        levels(&mut |request| {
            let level = ActiveRun {
                request,
                server: active.server,
                store: Arc::clone(&active.store),
                lease: Arc::clone(&active.lease),
                cancel: Arc::clone(&active.cancel),
            };
            let prepared = match as_loaded.clone() {
                Some(mut prepared) => {
                    prepared.evidence.used_again();
                    prepared
                }
                None => admin.block_on(prepare::prepare(&level, observer))?,
            };
            as_loaded = only_reads.then(|| prepared.clone());
            let run = measure_and_check(admin, &level, prepared, observer)?;
            most_added = most_added.max(run.counts.succeeded);
            Ok(run)
        })?;
        Ok(((), most_added))
    })?;
    Ok(left)
}

/// Measures a level of load on a store that is open.
pub type LevelRunner<'a> = dyn FnMut(&RunRequest) -> Result<Run, RunError> + 'a;

/// Opens the store of a request, takes the place of its data, and removes what was made there in the end. `carry_out` says
/// also how many operations may have added to the data. Returns what could not be removed beside what it found out.
fn on_open_store<S: Store, T>(
    request: &RunRequest,
    signal: &Arc<CancelToken>,
    observer: &mut dyn ProgressObserver,
    carry_out: impl FnOnce(&Runtime, &ActiveRun<'_, S>, &mut dyn ProgressObserver) -> Result<(T, u64), RunError>,
) -> Result<(T, Vec<String>), RunError> {
    refuse_what_it_cannot::<S>(request)?;
    let admin = threads::admin_runtime().map_err(anyhow::Error::from)?;
    // A signal to the whole process group also ends a server that is about to start.
    let server = admin.block_on(unless_cancelled(signal, RunError::Stopped, start_server::<S>(request, observer)));
    let server = server.map_err(|error| if signal.is_cancelled() { RunError::Stopped } else { error })?;
    let opening = prepare::open::<S>(request, server.as_ref());
    let store = Arc::new(admin.block_on(unless_cancelled(signal, RunError::Stopped, opening))?);
    let place = format!("the place of workload {} in {}", request.plan().name, request.address);
    let active = ActiveRun {
        request,
        server: server.as_ref(),
        store,
        lease: Arc::new(Lease::new(place)),
        // A lost lease ends this run and no other.
        cancel: Arc::new(CancelToken::child_of(signal)),
    };
    let taken = admin.block_on(prepare::take_place(&active, observer));
    let renewed = taken.and_then(|()| {
        let (lease, store, cancel) = (Arc::clone(&active.lease), Arc::clone(&active.store), Arc::clone(&active.cancel));
        Ok(Renewal::start(lease, store, cancel)?)
    });
    let (renewal, found) = match renewed {
        Ok(renewal) => (Some(renewal), carry_out(&admin, &active, observer)),
        Err(error) => (None, Err(error)),
    };
    let found = found.map_err(|error| match (error, active.cancel.reason()) {
        (RunError::Stopped, Some(reason)) => RunError::Lost(reason.to_owned()),
        // How a store fails after that is of no use to whoever has stopped the run.
        (RunError::Store { .. }, _) if signal.is_cancelled() => RunError::Stopped,
        (error, _) => error,
    });
    // The first error is the one to report, and a failed removal must not lose a measured run.
    let limit = PhaseLimit::of(request, found.as_ref().map_or(0, |(_, added)| *added));
    let left = admin.block_on(removal::remove(&active, limit, signal));
    drop(renewal);
    match found {
        Ok((found, _)) => Ok((found, left)),
        Err(error) if left.is_empty() => Err(error),
        Err(error) => Err(RunError::Left { error: Box::new(error), left: left.join("; ") }),
    }
}

/// Starts a server for a store that is named and not located.
async fn start_server<S: Store>(
    request: &RunRequest,
    observer: &mut dyn ProgressObserver,
) -> Result<Option<Server>, RunError> {
    if request.address.is_given() || S::PROGRAM.is_none() {
        return Ok(None);
    }
    observer.stage(&request.id, Stage::StartServer);
    let cpus = &request.load.cpus.server;
    let store = request.address.to_string();
    // It counts its CPUs when it begins.
    let started = {
        let _pinned = Pinned::this_thread(cpus).context("--server-cpus")?;
        launch::start_for::<S>(&request.address, request.tier(S::BEST_DURABILITY)).await
    };
    let server = started.map_err(|failure| RunError::Store { store, task: StoreTask::StartServer, failure })?;
    affinity::pin_server(&server, cpus).context("--server-cpus")?;
    Ok(Some(server))
}

/// Warm-up, measurement, drain and checks of a store that holds the workload's data.
fn measure_and_check<S: Store>(
    admin: &Runtime,
    run: &ActiveRun<'_, S>,
    mut prepared: PreparedStore,
    observer: &mut dyn ProgressObserver,
) -> Result<Run, RunError> {
    let request = run.request;
    observer.stage(&request.id, Stage::Measure);
    let measuring = Arc::new(CancelToken::child_of(&run.cancel));
    let MeasuredLanes { measurement, ledger, log_problem } = measure::measure(run, &prepared, &measuring, observer)?;

    observer.stage(&request.id, Stage::Check);
    let began = Instant::now();
    let checked = within_grace(&run.cancel, check(run, &mut prepared, &ledger));
    if let Err(why) = admin.block_on(checked) {
        prepared.evidence.checks.push(audit::not_carried_out(&why));
        let problem = format!("what the store holds after the run could not be checked: {why}");
        prepared.evidence.problems.push(problem);
    }
    prepared.evidence.phases.check_s = began.elapsed().as_secs_f64();
    let early_end = measuring.is_cancelled().then(|| match measuring.reason() {
        Some(reason) => EarlyEnd::GivenUp(reason.to_owned()),
        None => EarlyEnd::Interrupted,
    });
    let evidence = RunEvidence { request, store: prepared.evidence, measurement: &measurement, early_end };
    let mut run = evidence::assemble(evidence, &*run.store)?;
    if let Some(problem) = log_problem {
        run.verdict.notes.push(problem.clone());
        observer.output_failed(problem);
    }
    Ok(run)
}

/// Whether the store is still what was measured; then reads back what it holds and reconciles it with what it
/// acknowledged.
async fn check<S: Store>(run: &ActiveRun<'_, S>, prepared: &mut PreparedStore, ledger: &Ledger) -> Result<(), Failure> {
    let (store, evidence) = (&*run.store, &mut prepared.evidence);
    let limit = PhaseLimit::of(run.request, ledger.added_rows());
    let description = within_phase_once_back(BACK_WITHIN, limit, || store.describe()).await?.printable();
    evidence.problems.extend(evidence::store_changes(&evidence.description, &description));
    if let Standing::Lost(why) = within_phase(limit, run.lease.renew(store)).await? {
        return Err(Failure::broken(why));
    }
    evidence.footprints.after_run = within_phase(limit, store.footprint()).await?;
    if S::KEEPS_DATA {
        let mut session = within_timeout(run.request.load.timeout, 1, store.session()).await?;
        let queries = Queries::draw(&run.request.generator, &prepared.frontiers);
        let audit = Audit { plan: run.request.plan(), queries: &queries, before: &prepared.snapshot, ledger };
        evidence.checks.extend(within_phase(limit, audit.carry_out(&mut session)).await?);
    }
    Ok(())
}
