//! From an address to a store that holds the workload's data: open, reset, load, settle, read back.
//!
//! Nothing here is part of a measurement but the load phase, which is timed as a whole.

use std::sync::Arc;
use std::time::Instant;

use drivers::server::Server;
use drivers::{Description, Durability, Failure, Isolation, Opening, Placement, Session, Store};
use xxhash_rust::xxh3::xxh3_64;

use crate::generate::{KeyFrontiers, Loader};
use crate::record::{CheckResult, Footprints, Loading, Phases};

use super::client::{unless, unless_after, within_phase, within_timeout};
use super::lease::{Lease, Place, Standing};
use super::pace::CancelToken;
use super::threads;
use super::{CONNECTING, LOOKING, OPENING, ProgressObserver, RESET, Request, RunError, error, shares_machine};
use crate::audit;
use crate::audit::ledger::Ledger;
use crate::audit::snapshot::{self, Snapshot};

/// A store ready to be measured.
pub struct Prepared<S> {
    /// The opened store.
    pub store: Arc<S>,
    /// What it says of itself.
    pub description: Description,
    /// The tier that was asked of it.
    pub asked: Durability,
    /// What the load cost.
    pub loading: Loading,
    /// What it held after the load.
    pub before: Snapshot,
    /// Whether that is what was loaded.
    pub checks: Vec<CheckResult>,
    /// What the data weighs.
    pub footprints: Footprints,
    /// The numbering of new keys.
    pub frontiers: Arc<KeyFrontiers>,
    /// How long the phases took.
    pub phases: Phases,
    /// Whether the store's server runs on this machine too.
    pub shares_machine: bool,
}

/// Everything that can be known to be impossible before anything is started.
///
/// # Errors
/// When the store lacks an operation of the workload, or the asked durability.
pub fn refuse_what_it_cannot<S: Store>(request: &Request) -> Result<(), RunError> {
    if let Some((need, capability)) = request.plan().lacking(S::CAPABILITIES).first() {
        return Err(RunError::Refused(format!(
            "{} lacks {} ({need} in workload {})",
            S::NAME,
            capability.name(),
            request.plan().name
        )));
    }
    if let Some(refusal) = threads::no_room_for(S::PLACEMENT, &request.load) {
        return Err(RunError::Refused(refusal));
    }
    if let Some(program) = S::PROGRAM.filter(|_| !request.address.is_given()) {
        program.find().map_err(|failure| RunError::Refused(failure.to_string()))?;
    }
    request.address.config::<S::Config>().map_err(|error| RunError::Refused(error.to_string()))?;
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

/// Opens the store, set for the tier that is asked of it.
///
/// # Errors
/// When its address has options that it does not know, or it cannot be reached.
pub async fn open<S: Store>(request: &Request, server: Option<&Server>) -> Result<S, RunError> {
    let address = match server {
        Some(server) => request.address.at(&server.address),
        None => request.address.clone(),
    };
    let config = address.config::<S::Config>().map_err(|error| RunError::Refused(error.to_string()))?;
    let opening = Opening {
        dataset: Arc::clone(&request.plan().dataset),
        durability: asked_of::<S>(request),
        sessions: request.load.clients as usize + 1,
        isolation: request.plan().require.isolation,
        timeout: request.load.timeout,
    };
    // Several addresses may be tried, each within the limit.
    let opened = within_timeout(request.load.timeout, 2, S::open(config, opening)).await;
    opened.map_err(|failure| error(request, OPENING, failure))
}

/// The asked tier; where none is asked, durable or the best that the store has.
pub fn asked_of<S: Store>(request: &Request) -> Durability {
    request.durability.unwrap_or(Durability::Durable).min(S::BEST_DURABILITY)
}

/// Takes the place in the store where the workload's data goes, unless a living run holds it. Nothing else is touched.
///
/// # Errors
/// When another run holds it, or the store's settings fall short of what is asked: what an earlier run has kept there is
/// then as it was.
pub async fn take_place<S: Store>(
    store: &S,
    lease: &Lease,
    request: &Request,
    stop: &CancelToken,
    watch: &mut dyn ProgressObserver,
) -> Result<(), RunError> {
    let failed = |phase| move |failure| error(request, phase, failure);
    let looking = async {
        let place =
            within_phase(request.phase_limit(0), lease.look(store, |watching| watch.phase(&request.id, watching)))
                .await;
        match place.map_err(failed(LOOKING))? {
            Place::Occupied(by) => Err(RunError::Refused(by)),
            Place::Unknown(_, problem) => Err(RunError::Refused(format!(
                "{problem}; give this run another place, or remove what is there: storebench clean --force {}",
                request.address
            ))),
            Place::Vacant(None) => Ok(None),
            Place::Vacant(found) => {
                // An embedded store is set by its own reset, and always as it is asked.
                if S::PLACEMENT == Placement::Remote {
                    accepted(store, request).await?;
                }
                Ok(found)
            }
        }
    };
    let found = unless(stop, RunError::Stopped, looking).await?;
    // Not given up when somebody wants to stop: nobody could tell then whose the place is.
    let taken = within_timeout(request.load.timeout, 2, lease.take(store, found)).await;
    match taken.map_err(failed(RESET))? {
        Standing::Held => Ok(()),
        Standing::Lost(why) => Err(RunError::Refused(why)),
    }
}

/// Brings an opened store to hold the workload's data, loaded now or by an earlier run.
///
/// # Errors
/// When the store's effective settings fall short of the asked tier, or it fails on the way.
pub async fn prepare<S: Store>(
    store: &Arc<S>,
    lease: &Lease,
    server: Option<&Server>,
    request: &Request,
    stop: &CancelToken,
    watch: &mut dyn ProgressObserver,
) -> Result<Prepared<S>, RunError> {
    let failed = |phase| move |failure| error(request, phase, failure);
    let limit = request.phase_limit(0);
    let kept = match request.reuse {
        true => unless(stop, RunError::Stopped, reuse(store, lease, request, stop, watch)).await?,
        false => None,
    };
    let (mut phases, data) = match kept {
        Some(data) => (Phases::default(), data),
        None => {
            watch.phase(&request.id, "reset");
            let began = Instant::now();
            lease.replace();
            let reset = async { within_phase(limit, store.reset()).await.map_err(failed(RESET)) };
            unless_after(request.load.timeout, stop, RunError::Stopped, reset).await?;
            let reset_s = began.elapsed().as_secs_f64();
            // Told again below, for the record; but what cannot be measured need not be loaded.
            let acceptable = async {
                accepted(&**store, request).await?;
                connect_all(store, request).await
            };
            unless(stop, RunError::Stopped, acceptable).await?;
            let (phases, data) = load_and_settle(store, lease, request, stop, watch).await?;
            (Phases { reset_s, ..phases }, data)
        }
    };
    let (description, after_load) = unless(stop, RunError::Stopped, async {
        let description = accepted(&**store, request).await?;
        let footprint = within_phase(request.phase_limit(0), store.footprint()).await;
        Ok((description, footprint.map_err(failed("measuring the footprint"))?))
    })
    .await?;
    let Data { mut loading, before, checks } = data;
    if S::KEEPS_DATA {
        loading.digests = before.digests(&request.plan().dataset);
    }
    phases.load_s = if loading.reused { 0.0 } else { loading.rows as f64 / loading.rows_per_s.max(f64::MIN_POSITIVE) };
    Ok(Prepared {
        store: Arc::clone(store),
        description,
        asked: asked_of::<S>(request),
        loading,
        before,
        checks,
        footprints: Footprints { after_load, ..Footprints::default() },
        frontiers: Arc::new(KeyFrontiers::new(request.plan())),
        phases,
        shares_machine: shares_machine::<S>(request, server),
    })
}

/// What the store holds before the run.
struct Data {
    loading: Loading,
    before: Snapshot,
    checks: Vec<CheckResult>,
}

/// Loads, settles and reads back; then says in the marker what it is, if it is to be kept.
async fn load_and_settle<S: Store>(
    store: &Arc<S>,
    lease: &Lease,
    request: &Request,
    stop: &CancelToken,
    watch: &mut dyn ProgressObserver,
) -> Result<(Phases, Data), RunError> {
    let failed = |phase| move |failure| error(request, phase, failure);
    let limit = request.phase_limit(0);
    watch.phase(&request.id, "load");
    let loading = async {
        let session = within_timeout(request.load.timeout, 1, store.session()).await;
        let mut session = session.map_err(failed("opening a session"))?;
        let (loading, ledger) = load(Some(&mut session), request, stop, watch).await?;
        Ok((session, loading, ledger))
    };
    // It ends by itself between two batches.
    let (mut session, loading, ledger) = unless_after(request.load.timeout, stop, RunError::Stopped, loading).await?;

    watch.phase(&request.id, "settle");
    let began = Instant::now();
    let settling = async { within_phase(limit, store.after_load()).await.map_err(failed("settling")) };
    unless(stop, RunError::Stopped, settling).await?;
    let phases = Phases { settle_s: began.elapsed().as_secs_f64(), ..Phases::default() };

    let (mut before, mut checks) = (Snapshot::default(), Vec::new());
    if S::KEEPS_DATA {
        let dataset = &request.plan().dataset;
        let reading = async {
            let read = within_phase(limit, snapshot::read_back(&mut session, dataset, &ledger)).await;
            read.map_err(failed("reading back the load"))
        };
        before = unless(stop, RunError::Stopped, reading).await?;
        checks = audit::loaded(dataset, &ledger, &before);
    }
    if request.keep {
        describe(store, lease, request).await?;
    }
    Ok((phases, Data { loading, before, checks }))
}

/// Puts into the marker what was loaded.
async fn describe<S: Store>(store: &Arc<S>, lease: &Lease, request: &Request) -> Result<(), RunError> {
    let failed = |failure| error(request, "saying in the marker what was loaded", failure);
    let data = data(&**store, request).await.map_err(failed)?;
    match within_phase(request.phase_limit(0), lease.describe(&**store, &data)).await.map_err(failed)? {
        Standing::Held => Ok(()),
        Standing::Lost(why) => Err(RunError::Lost(why)),
    }
}

/// What makes loaded data the same: everything that the generator derives it from, and how it lies in the store.
async fn data<S: Store>(store: &S, request: &Request) -> Result<String, Failure> {
    let layout = within_phase(request.phase_limit(0), store.describe()).await?.layout.join("\n");
    let plan = request.plan();
    let (name, hash, rows, seed) = (&plan.name, &request.workload.hash, plan.rows(), request.generator.seed);
    let (version, layout) = (env!("CARGO_PKG_VERSION"), xxh3_64(layout.as_bytes()));
    Ok(format!("{name} {hash}, {rows} rows, seed {seed}, storebench {version}, layout {layout:016x}"))
}

/// The data that an earlier run kept, if it is this workload's, of this size and seed, and still what was loaded.
async fn reuse<S: Store>(
    store: &Arc<S>,
    lease: &Lease,
    request: &Request,
    stop: &CancelToken,
    watch: &mut dyn ProgressObserver,
) -> Result<Option<Data>, RunError> {
    let failed = |failure| error(request, "looking for data to reuse", failure);
    let limit = request.phase_limit(0);
    let is_wanted = match lease.data().await {
        Some(kept) => kept == data(&**store, request).await.map_err(failed)?,
        None => false,
    };
    if !is_wanted {
        watch.phase(&request.id, "nothing to reuse: no data of this workload, size and seed is kept there");
        return Ok(None);
    }
    watch.phase(&request.id, "compare the kept data with what was loaded");
    let (loading, ledger) = load::<S::Session>(None, request, stop, watch).await?;
    let dataset = &request.plan().dataset;
    let mut session = within_timeout(request.load.timeout, 1, store.session()).await.map_err(failed)?;
    let before = within_phase(limit, snapshot::read_back(&mut session, dataset, &ledger)).await.map_err(failed)?;
    let checks = audit::loaded(dataset, &ledger, &before);
    if checks.iter().any(|check| !check.passed) {
        watch.phase(&request.id, "nothing to reuse: the kept data has changed since it was loaded");
        return Ok(None);
    }
    watch.phase(&request.id, "reuse the kept data");
    Ok(Some(Data { loading, before, checks }))
}

/// Makes as many sessions as the run will, and ends them: a server without room for them is found out before a load that
/// may take hours.
async fn connect_all<S: Store>(store: &Arc<S>, request: &Request) -> Result<(), RunError> {
    let mut sessions = Vec::new();
    for _ in 0..request.load.clients {
        let session = within_timeout(request.load.timeout, 1, store.session()).await;
        sessions.push(session.map_err(|failure| error(request, CONNECTING, failure))?);
    }
    Ok(())
}

/// What the store says of itself, if that is what was asked for.
async fn accepted<S: Store>(store: &S, request: &Request) -> Result<Description, RunError> {
    let described = within_phase(request.phase_limit(0), store.describe()).await;
    let description = described.map_err(|failure| error(request, "describing", failure))?.printable();
    let asked = asked_of::<S>(request);
    if description.guarantees.durability < asked {
        return Err(RunError::Refused(format!(
            "{} is not {}: {}; change that setting or use --durability {}",
            request.address,
            asked.name(),
            description.guarantees.because,
            description.guarantees.durability.name()
        )));
    }
    require_isolation(request, &description)?;
    Ok(description)
}

/// Refuses a store whose isolation level, as it tells it, is weaker than the workload requires.
fn require_isolation(request: &Request, description: &Description) -> Result<(), RunError> {
    let Some(required) = request.plan().require.isolation else { return Ok(()) };
    let told = &description.guarantees.isolation;
    if Isolation::parse(told) >= Some(required) {
        return Ok(());
    }
    Err(RunError::Refused(format!(
        "{} isolates transactions as `{told}`; workload {} requires `{}`",
        request.address,
        request.plan().name,
        required.name()
    )))
}

/// Loads the dataset through the store's bulk path, timed; without a session only the ledger of it is made.
async fn load<T: Session>(
    mut session: Option<&mut T>,
    request: &Request,
    stop: &CancelToken,
    watch: &mut dyn ProgressObserver,
) -> Result<(Loading, Ledger), RunError> {
    let plan = request.plan();
    let mut ledger = Ledger::new(plan);
    let mut loader = Loader::new(Arc::clone(&request.generator), 0, 1);
    let of = plan.rows();
    let (mut rows, mut logical_bytes) = (0, 0);
    let began = Instant::now();
    while let Some(step) = loader.next() {
        if stop.is_set() {
            return Err(RunError::Stopped);
        }
        if let Some(session) = &mut session {
            // A batch is larger than an operation, but it is no index that is built.
            let loaded = within_timeout(request.load.timeout, 6, session.load(step.op)).await;
            loaded.map_err(|failure| error(request, "loading", failure))?;
        }
        ledger.acknowledged(step.op, 0, 0);
        rows += step.rows;
        logical_bytes += step.bytes;
        watch.loaded(rows, of, began.elapsed());
    }
    if let Some(session) = &mut session {
        let loaded = within_phase(request.phase_limit(0), session.finish_load()).await;
        loaded.map_err(|failure| error(request, "loading", failure))?;
    }
    let reused = session.is_none();
    let rows_per_s = if reused { 0.0 } else { rows as f64 / began.elapsed().as_secs_f64().max(1e-9) };
    Ok((Loading { rows, logical_bytes, rows_per_s, reused, ..Loading::default() }, ledger))
}
