//! From an address to a store that holds the workload's data: open, reset, load, settle, read back.
//!
//! Nothing here is part of a measurement but the load phase, which is timed as a whole.

use std::sync::Arc;
use std::time::Instant;

use drivers::server::Server;
use drivers::{Address, Capability, Description, Failure, Isolation, Opening, Placement, Session, Store};
use xxhash_rust::xxh3::xxh3_64;

use super::active_run::ActiveRun;
use super::error::{RunError, StoreTask};
use super::lease::{Place, Standing};
use super::limits::{PhaseLimit, unless_cancelled_for, within_phase, within_timeout};
use super::loaded_rows::LoadedRows;
use super::progress::{ProgressObserver, Stage};
use super::threads;
use crate::audit;
use crate::audit::ledger::Ledger;
use crate::audit::snapshot::{self, Snapshot};
use crate::evidence::StoreEvidence;
use crate::generate::{KeyFrontiers, Loader};
use crate::host;
use crate::record::{CheckResult, Footprints, Loading, Phases};
use crate::request::RunRequest;

/// A store ready to be measured.
#[derive(Clone)]
pub struct PreparedStore {
    /// What is known of the store before the measurement.
    pub evidence: StoreEvidence,
    /// What it holds after the load.
    pub snapshot: Snapshot,
    /// What was loaded and has to be found again.
    pub loaded: Arc<LoadedRows>,
    /// How far new keys of each table are numbered: shared by all lanes.
    pub frontiers: Arc<KeyFrontiers>,
}

/// Refuses everything that can be known to be impossible before anything is started.
///
/// # Errors
/// When the store lacks an operation of the workload or the asked durability, or the options of its address contradict each
/// other.
pub fn refuse_what_it_cannot<S: Store>(request: &RunRequest) -> Result<(), RunError> {
    if let Some((need, capability)) = request.plan().lacking(S::CAPABILITIES).first() {
        let instead = match capability {
            Capability::Interactive => {
                "; leave out its `interactive = true`, as `tpcb-pipelined` does in place of `tpcb`"
            }
            _ => "",
        };
        return Err(RunError::Refused(format!(
            "{} lacks {} ({need} in workload {}){instead}",
            S::NAME,
            capability.name(),
            request.plan().name
        )));
    }
    if request.address.is_given() {
        let config = configuration::<S>(&request.address)?;
        let refused = S::refuse(&config, request.tier(S::BEST_DURABILITY));
        let address = request.address.to_string();
        refused.map_err(|failure| RunError::Refused(format!("{address}: {}", failure.without_address(&address))))?;
    }
    if let Some(refusal) = threads::no_room_for(S::PLACEMENT, &request.load) {
        return Err(RunError::Refused(refusal));
    }
    if let Some(program) = S::PROGRAM.filter(|_| !request.address.is_given()) {
        program.find().map_err(|failure| RunError::Refused(failure.to_string()))?;
    }
    if let Some(asked) = request.durability
        && asked > S::BEST_DURABILITY
    {
        return Err(RunError::Refused(format!(
            "{} cannot be {}: its best tier is {}; use --durability {}",
            S::NAME,
            asked.name(),
            S::BEST_DURABILITY.name(),
            S::BEST_DURABILITY.name()
        )));
    }
    Ok(())
}

/// Opens the store, set for the tier that is asked of it. This is where a run reads its configuration, once; the command
/// line has been checked for it before.
///
/// # Errors
/// When its address has options that it does not know, or it cannot be reached.
pub async fn open<S: Store>(request: &RunRequest, server: Option<&Server>) -> Result<S, RunError> {
    let address = match server {
        Some(server) => request.address.at(&server.address),
        None => request.address.clone(),
    };
    let config = configuration::<S>(&address)?;
    let opening = Opening {
        dataset: Arc::clone(&request.plan().dataset),
        durability: request.tier(S::BEST_DURABILITY),
        sessions: request.load.clients as usize + 1,
        isolation: request.plan().require.isolation,
        timeout: request.load.timeout,
    };
    // Several addresses may be tried, each within the limit.
    let opened = within_timeout(request.load.timeout, 2, S::open(config, opening)).await;
    let store = request.address.to_string();
    let opened: S = opened.map_err(|failure| RunError::Store { store, task: StoreTask::Open, failure })?;
    refuse_what_this_one_cannot(request, &opened)?;
    Ok(opened)
}

fn configuration<S: Store>(address: &Address) -> Result<S::Config, RunError> {
    address.config().map_err(|error| RunError::Refused(error.to_string()))
}

/// Refuses a workload that needs what stores of this kind have and this one lacks.
fn refuse_what_this_one_cannot<S: Store>(request: &RunRequest, store: &S) -> Result<(), RunError> {
    let Some(lack) = store.lacks() else { return Ok(()) };
    let has = S::CAPABILITIES.without(lack.capabilities);
    match request.plan().lacking(has).first() {
        None => Ok(()),
        Some((need, capability)) => Err(RunError::Refused(format!(
            "{} lacks {} ({need} in workload {}): {}",
            request.address,
            capability.name(),
            request.plan().name,
            lack.because
        ))),
    }
}

/// Takes the place in the store where the workload's data goes, unless a living run holds it. Nothing else is touched.
///
/// # Errors
/// When another run holds it, or the store's settings fall short of what is asked: what an earlier run has kept there is
/// then as it was.
pub async fn take_place<S: Store>(run: &ActiveRun<'_, S>, observer: &mut dyn ProgressObserver) -> Result<(), RunError> {
    let (request, store) = (run.request, &*run.store);
    let look = async {
        let watch_lease = || observer.stage(&request.id, Stage::WatchLease);
        match run.ask(StoreTask::LookForEarlierRuns, run.lease.inspect(store, watch_lease)).await? {
            Place::Occupied(by) => Err(RunError::Refused(by)),
            Place::Unknown(_, problem) => Err(RunError::Refused(format!(
                "{problem}; give this run another place, or remove what is there: storebench clean --force {}",
                request.address
            ))),
            Place::Vacant(None) => Ok(None),
            Place::Vacant(found) => {
                // An embedded store is set by its own reset, and always as it is asked.
                if S::PLACEMENT == Placement::Remote {
                    accepted(run).await?;
                }
                Ok(found)
            }
        }
    };
    let found = run.unless_cancelled(look).await?;
    // Awaited although the run may be cancelled: without the answer nobody could tell whose the place is.
    let taken = within_timeout(request.load.timeout, 2, run.lease.acquire(store, found)).await;
    match taken.map_err(run.failed(StoreTask::Reset))? {
        Standing::Held => Ok(()),
        Standing::Lost(why) => Err(RunError::Refused(why)),
    }
}

/// Brings an opened store to hold the workload's data, loaded now or by an earlier run.
///
/// # Errors
/// When the store's effective settings fall short of the asked tier, or it fails on the way.
pub async fn prepare<S: Store>(
    run: &ActiveRun<'_, S>,
    observer: &mut dyn ProgressObserver,
) -> Result<PreparedStore, RunError> {
    let request = run.request;
    let began_at = host::timestamp();
    let kept = match request.reuse {
        true => run.unless_cancelled(reuse(run, observer)).await?,
        false => None,
    };
    let (mut phases, data) = match kept {
        Some(data) => (Phases::default(), data),
        None => {
            observer.stage(&request.id, Stage::Reset);
            let began = Instant::now();
            run.lease.mark_replaced();
            let reset = run.ask(StoreTask::Reset, run.store.reset());
            unless_cancelled_for(request.load.timeout, &run.cancel, RunError::Stopped, reset).await?;
            let reset_s = began.elapsed().as_secs_f64();
            // The store is asked again below, for the record; but what cannot be measured need not be loaded.
            let acceptable = async {
                accepted(run).await?;
                open_all_sessions(run).await
            };
            run.unless_cancelled(acceptable).await?;
            let (phases, data) = load_and_settle(run, observer).await?;
            (Phases { reset_s, ..phases }, data)
        }
    };
    let describe = async {
        let description = accepted(run).await?;
        Ok((description, run.ask(StoreTask::MeasureFootprint, run.store.footprint()).await?))
    };
    let (description, after_load) = run.unless_cancelled(describe).await?;
    let LoadedData { mut loading, loaded, snapshot, checks } = data;
    if S::KEEPS_DATA {
        loading.digests = snapshot.digests(&request.plan().dataset);
    }
    phases.load_s = if loading.reused { 0.0 } else { loading.rows as f64 / loading.rows_per_s.max(f64::MIN_POSITIVE) };
    let evidence = StoreEvidence {
        began_at,
        description,
        tier: run.tier(),
        loading,
        checks,
        footprints: Footprints { after_load, ..Footprints::default() },
        phases,
        shares_machine: run.shares_machine(),
        problems: Vec::new(),
    };
    let (loaded, frontiers) = (Arc::new(loaded), Arc::new(KeyFrontiers::new(request.plan())));
    Ok(PreparedStore { evidence, snapshot, loaded, frontiers })
}

/// What the store holds before the run.
struct LoadedData {
    loading: Loading,
    loaded: LoadedRows,
    snapshot: Snapshot,
    checks: Vec<CheckResult>,
}

/// Loads, settles and reads back; then writes into the marker what was loaded, if it is to be kept.
async fn load_and_settle<S: Store>(
    run: &ActiveRun<'_, S>,
    observer: &mut dyn ProgressObserver,
) -> Result<(Phases, LoadedData), RunError> {
    let request = run.request;
    observer.stage(&request.id, Stage::Load);
    let loading = async {
        let mut session = run.session(StoreTask::OpenSession).await?;
        let made = load(Some(&mut session), run, observer).await?;
        Ok((session, made))
    };
    // It ends by itself between two batches.
    let grace = request.load.timeout;
    let (mut session, (loading, ledger, loaded)) =
        unless_cancelled_for(grace, &run.cancel, RunError::Stopped, loading).await?;

    observer.stage(&request.id, Stage::Settle);
    let began = Instant::now();
    run.unless_cancelled(run.ask(StoreTask::Settle, run.store.after_load())).await?;
    let phases = Phases { settle_s: began.elapsed().as_secs_f64(), ..Phases::default() };

    let (mut snapshot, mut checks) = (Snapshot::default(), Vec::new());
    if S::KEEPS_DATA {
        let dataset = &request.plan().dataset;
        let reading = run.ask(StoreTask::ReadBack, snapshot::read_loaded(&mut session, dataset, &ledger));
        snapshot = run.unless_cancelled(reading).await?;
        checks = audit::check_load(dataset, &ledger, &snapshot);
    }
    if request.keep {
        describe_data(run).await?;
    }
    Ok((phases, LoadedData { loading, loaded, snapshot, checks }))
}

/// Writes into the marker what was loaded.
async fn describe_data<S: Store>(run: &ActiveRun<'_, S>) -> Result<(), RunError> {
    let task = StoreTask::DescribeData;
    let data = data_identity(run).await.map_err(run.failed(task))?;
    match run.ask(task, run.lease.describe(&*run.store, &data)).await? {
        Standing::Held => Ok(()),
        Standing::Lost(why) => Err(RunError::Lost(why)),
    }
}

/// What makes loaded data the same: everything that the generator derives it from, and its layout in the store.
async fn data_identity<S: Store>(run: &ActiveRun<'_, S>) -> Result<String, Failure> {
    let request = run.request;
    let layout = within_phase(PhaseLimit::of(request, 0), run.store.describe()).await?.layout.join("\n");
    let plan = request.plan();
    let (name, hash, rows, seed) = (&plan.name, &request.workload.hash, plan.rows(), request.generator.seed);
    let (version, layout) = (env!("CARGO_PKG_VERSION"), xxh3_64(layout.as_bytes()));
    Ok(format!("{name} {hash}, {rows} rows, seed {seed}, storebench {version}, layout {layout:016x}"))
}

/// The data that an earlier run kept, if it is this workload's, of this size and seed, and still what was loaded.
async fn reuse<S: Store>(
    run: &ActiveRun<'_, S>,
    observer: &mut dyn ProgressObserver,
) -> Result<Option<LoadedData>, RunError> {
    let (request, task) = (run.request, StoreTask::LookForKeptData);
    let is_wanted = match run.lease.kept_data().await {
        Some(kept) => kept == data_identity(run).await.map_err(run.failed(task))?,
        None => false,
    };
    if !is_wanted {
        observer.stage(&request.id, Stage::NoKeptData);
        return Ok(None);
    }
    observer.stage(&request.id, Stage::CompareKeptData);
    let (loading, ledger, loaded) = load(None, run, observer).await?;
    let dataset = &request.plan().dataset;
    let mut session = run.session(task).await?;
    let snapshot = run.ask(task, snapshot::read_loaded(&mut session, dataset, &ledger)).await?;
    let checks = audit::check_load(dataset, &ledger, &snapshot);
    if checks.iter().any(|check| !check.passed) {
        observer.stage(&request.id, Stage::KeptDataChanged);
        return Ok(None);
    }
    observer.stage(&request.id, Stage::ReuseKeptData);
    Ok(Some(LoadedData { loading, loaded, snapshot, checks }))
}

/// Opens as many sessions as the run will, and closes them: a server without room for them is found out before a load that
/// may take hours.
async fn open_all_sessions<S: Store>(run: &ActiveRun<'_, S>) -> Result<(), RunError> {
    let mut sessions = Vec::new();
    for _ in 0..run.request.load.clients {
        sessions.push(run.session(StoreTask::OpenSessions).await?);
    }
    Ok(())
}

/// What the store says of itself, if that is what was asked for.
async fn accepted<S: Store>(run: &ActiveRun<'_, S>) -> Result<Description, RunError> {
    let description = run.ask(StoreTask::Describe, run.store.describe()).await?.printable();
    let asked = run.tier();
    if description.guarantees.durability < asked {
        return Err(RunError::Refused(format!(
            "{} is not {}: {}; change that setting or use --durability {}",
            run.request.address,
            asked.name(),
            description.guarantees.because,
            description.guarantees.durability.name()
        )));
    }
    require_isolation(run.request, &description)?;
    Ok(description)
}

/// Refuses a store whose isolation level, as it reports it, is weaker than the workload requires.
fn require_isolation(request: &RunRequest, description: &Description) -> Result<(), RunError> {
    let Some(required) = request.plan().require.isolation else { return Ok(()) };
    let reported = &description.guarantees.isolation;
    if Isolation::parse(reported) >= Some(required) {
        return Ok(());
    }
    Err(RunError::Refused(format!(
        "{} isolates transactions as `{reported}`; workload {} requires `{}`",
        request.address,
        request.plan().name,
        required.name()
    )))
}

/// Loads the dataset through the store's bulk path, timed; without a session only what is known of it is made.
async fn load<S: Store>(
    mut session: Option<&mut S::Session>,
    run: &ActiveRun<'_, S>,
    observer: &mut dyn ProgressObserver,
) -> Result<(Loading, Ledger, LoadedRows), RunError> {
    let (request, plan) = (run.request, run.request.plan());
    let (mut ledger, mut loaded) = (Ledger::new(plan), LoadedRows::new(plan));
    let mut loader = Loader::new(Arc::clone(&request.generator), 0, 1);
    let total = plan.rows();
    let (mut rows, mut logical_bytes) = (0, 0);
    let began = Instant::now();
    while let Some(step) = loader.next() {
        if run.cancel.is_cancelled() {
            return Err(RunError::Stopped);
        }
        if let Some(session) = &mut session {
            // A batch is larger than an operation, but far from the work of building an index.
            let loaded = within_timeout(request.load.timeout, 6, session.load(step.op)).await;
            loaded.map_err(run.failed(StoreTask::Load))?;
        }
        ledger.add_acknowledged(step.op, 0, 0);
        loaded.add(step.op);
        rows += step.rows;
        logical_bytes += step.bytes;
        observer.rows_loaded(rows, total, began.elapsed());
    }
    if let Some(session) = &mut session {
        run.ask(StoreTask::Load, session.finish_load()).await?;
    }
    loaded.finish();
    let reused = session.is_none();
    let rows_per_s = if reused { 0.0 } else { rows as f64 / began.elapsed().as_secs_f64().max(1e-9) };
    Ok((Loading { rows, logical_bytes, rows_per_s, reused, ..Loading::default() }, ledger, loaded))
}
