//! The load engine: one workload on one store, once. It goes through the phases and returns the record of the run.
//!
//! Reset, load, settle, warm-up, measure, drain, check. It prints nothing and writes no file but the histogram log that
//! it is given; progress goes to a [`Watch`].

mod answer;
mod assemble;
mod audit;
mod lane;
mod ledger;
mod measure;
pub mod pace;
mod prepare;
mod threads;
mod verdict;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drivers::{Address, Durability, Failure, Store};
use thiserror::Error;
use tokio::runtime::Runtime;

use crate::generate::Generator;
use crate::record::{Interval, Run};
use crate::workload::{Arrivals, Plan, Workload};

pub use assemble::PROFILE;
pub use prepare::refuse_what_it_cannot;

use ledger::Ledger;
use pace::Stop;

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
pub trait Watch: Send {
    /// A phase begins.
    fn phase(&mut self, run: &str, phase: &str);
    /// Rows loaded so far, of how many.
    fn loaded(&mut self, rows: u64, of: u64, elapsed: Duration);
    /// A second has passed.
    fn second(&mut self, line: &Interval);
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
    /// Stopped before there was anything to record.
    #[error("stopped before the measurement began")]
    Stopped,
}

/// Runs a workload on a store of type `S`.
///
/// # Errors
/// See [`RunError`]. Failed operations and checks are not errors: they are in the record and its verdict.
pub fn run<S: Store>(request: &Request, stop: &Arc<Stop>, watch: &mut dyn Watch) -> Result<Run, RunError> {
    refuse_what_it_cannot::<S>(request)?;
    let admin = threads::runtime().map_err(anyhow::Error::from)?;
    let store = Arc::new(admin.block_on(prepare::open::<S>(request))?);
    let run = go_through_the_phases(&admin, &store, request, stop, watch);
    // Whatever happened, what was made in the store is removed; but the first error is the one to tell.
    let store = Arc::try_unwrap(store).map_err(|_| anyhow::anyhow!("a lane still holds the store; this is a bug"))?;
    let closed = admin.block_on(store.close()).map_err(|failure| error(request, "closing", failure));
    let run = run?;
    closed.map(|()| run)
}

fn go_through_the_phases<S: Store>(
    admin: &Runtime,
    store: &Arc<S>,
    request: &Request,
    stop: &Arc<Stop>,
    watch: &mut dyn Watch,
) -> Result<Run, RunError> {
    let began_at = now();
    let mut prepared = admin.block_on(prepare::prepare(store, request, stop, watch))?;

    watch.phase(&request.id, "measure");
    let outcome = measure::measure(&prepared, request, stop, watch)?;

    watch.phase(&request.id, "check");
    let began = Instant::now();
    let mut ledger = Ledger::new(request.plan());
    outcome.ended.iter().for_each(|lane| ledger.merge(&lane.ledger));
    admin.block_on(check(&mut prepared, request, &ledger))?;
    prepared.phases.check_s = began.elapsed().as_secs_f64();
    Ok(assemble::assemble(request, &prepared, &outcome, began_at, stop.is_set())?)
}

/// Reads back what the store holds and reconciles it with what it acknowledged.
async fn check<S: Store>(
    prepared: &mut prepare::Prepared<S>,
    request: &Request,
    ledger: &Ledger,
) -> Result<(), RunError> {
    let failed = |failure| error(request, "checking", failure);
    prepared.footprints.after_run = prepared.store.footprint().await.map_err(failed)?;
    if S::KEEPS_DATA {
        let mut session = prepared.store.session().await.map_err(failed)?;
        let after = audit::read_back(&mut session, &request.plan().dataset, ledger).await.map_err(failed)?;
        prepared.checks.extend(audit::reconcile(request.plan(), &prepared.before, ledger, &after));
    }
    Ok(())
}

/// The time of day to the second, RFC 3339, UTC.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn error(request: &Request, phase: &'static str, failure: Failure) -> RunError {
    RunError::Store { store: request.address.to_string(), phase, failure }
}
