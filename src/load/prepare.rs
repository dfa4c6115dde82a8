//! From an address to a store that holds the workload's data: open, reset, load, settle, read back.
//!
//! Nothing here is part of a measurement but the load phase, which is timed as a whole.

use std::sync::Arc;
use std::time::Instant;

use drivers::{Description, Durability, Isolation, Opening, Session, Store};

use crate::generate::{Frontiers, Loader};
use crate::record::{CheckResult, Footprints, Loading, Phases};

use super::audit::{self, Holding};
use super::ledger::Ledger;
use super::pace::Stop;
use super::{Request, RunError, Watch, error};

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
    pub before: Holding,
    /// Whether that is what was loaded.
    pub checks: Vec<CheckResult>,
    /// What the data weighs.
    pub footprints: Footprints,
    /// The numbering of new keys.
    pub frontiers: Arc<Frontiers>,
    /// How long the phases took.
    pub phases: Phases,
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
    if let Some(asked) = request.durability
        && asked > S::BEST_DURABILITY
    {
        return Err(RunError::Refused(format!(
            "{} cannot be {}: its best tier is {}; say --durability {}",
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
pub async fn open<S: Store>(request: &Request) -> Result<S, RunError> {
    let config = request.address.config::<S::Config>().map_err(|error| RunError::Refused(error.to_string()))?;
    let opening = Opening {
        dataset: Arc::clone(&request.plan().dataset),
        durability: asked_of::<S>(request),
        sessions: request.load.clients as usize + 1,
        isolation: request.plan().require.isolation,
        timeout: request.load.timeout,
    };
    S::open(config, opening).await.map_err(|failure| error(request, "opening", failure))
}

/// The asked tier; where none is asked, durable or the best that the store has.
fn asked_of<S: Store>(request: &Request) -> Durability {
    request.durability.unwrap_or(Durability::Durable).min(S::BEST_DURABILITY)
}

/// Loads the workload's data into an opened store.
///
/// # Errors
/// When the store's effective settings fall short of the asked tier, or it fails on the way.
pub async fn prepare<S: Store>(
    store: &Arc<S>,
    request: &Request,
    stop: &Stop,
    watch: &mut dyn Watch,
) -> Result<Prepared<S>, RunError> {
    let mut phases = Phases::default();
    let failed = |phase| move |failure| error(request, phase, failure);
    watch.phase(&request.id, "reset");
    let began = Instant::now();
    store.reset().await.map_err(failed("reset"))?;
    let asked = asked_of::<S>(request);
    let description = store.describe().await.map_err(failed("describing"))?;
    if description.guarantees.durability < asked {
        return Err(RunError::Refused(format!(
            "{} is not {}: {}; change that setting or say --durability {}",
            request.address,
            asked.name(),
            description.guarantees.because,
            description.guarantees.durability.name()
        )));
    }
    require_isolation(request, &description)?;
    phases.reset_s = began.elapsed().as_secs_f64();

    watch.phase(&request.id, "load");
    let mut session = store.session().await.map_err(failed("opening a session"))?;
    let (mut loading, ledger, frontiers) = load(&mut session, request, stop, watch).await?;
    phases.load_s = loading.rows as f64 / loading.rows_per_s.max(f64::MIN_POSITIVE);

    watch.phase(&request.id, "settle");
    let began = Instant::now();
    store.settle().await.map_err(failed("settling"))?;
    phases.settle_s = began.elapsed().as_secs_f64();

    let mut checks = Vec::new();
    let mut before = Holding::default();
    if S::KEEPS_DATA {
        let dataset = &request.plan().dataset;
        before = audit::read_back(&mut session, dataset, &ledger).await.map_err(failed("reading back the load"))?;
        checks = audit::loaded(dataset, &ledger, &before);
        loading.digests = before.digests(dataset);
    }
    let after_load = store.footprint().await.map_err(failed("measuring the footprint"))?;
    let footprints = Footprints { after_load, ..Footprints::default() };
    Ok(Prepared {
        store: Arc::clone(store),
        description,
        asked,
        loading,
        before,
        checks,
        footprints,
        frontiers,
        phases,
    })
}

/// Refuses a store whose isolation level, as it tells it, is weaker than the workload requires.
fn require_isolation(request: &Request, description: &Description) -> Result<(), RunError> {
    let Some(required) = request.plan().require.isolation else { return Ok(()) };
    let told = &description.guarantees.isolation;
    if Isolation::told(told) >= Some(required) {
        return Ok(());
    }
    Err(RunError::Refused(format!(
        "{} isolates transactions as `{told}`; workload {} requires `{}`",
        request.address,
        request.plan().name,
        required.name()
    )))
}

/// Loads the dataset through the store's bulk path, timed.
async fn load<T: Session>(
    session: &mut T,
    request: &Request,
    stop: &Stop,
    watch: &mut dyn Watch,
) -> Result<(Loading, Ledger, Arc<Frontiers>), RunError> {
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
        session.load(step.op).await.map_err(|failure| error(request, "loading", failure))?;
        ledger.acknowledged(step.op, 0, 0);
        rows += step.rows;
        logical_bytes += step.bytes;
        watch.loaded(rows, of, began.elapsed());
    }
    session.loaded().await.map_err(|failure| error(request, "loading", failure))?;
    let rows_per_s = rows as f64 / began.elapsed().as_secs_f64().max(1e-9);
    let loading = Loading { rows, logical_bytes, rows_per_s, digests: Default::default() };
    Ok((loading, ledger, Arc::new(Frontiers::new(plan))))
}
