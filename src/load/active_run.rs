//! A run under way: its request, its store and what it holds there. All phases of the run share it.

use std::sync::Arc;

use drivers::server::Server;
use drivers::{Durability, Failure, Placement, Store};

use super::cancel::CancelToken;
use super::error::{RunError, StoreTask};
use super::lease::Lease;
use super::limits::{PhaseLimit, unless_cancelled, within_phase, within_timeout};
use crate::request::RunRequest;

/// A run under way on a store of type `S`.
pub struct ActiveRun<'a, S> {
    /// What is asked for.
    pub request: &'a RunRequest,
    /// The server that was started for this run; none where the store is embedded or was running already.
    pub server: Option<&'a Server>,
    /// The store, opened with the configuration that its address gives.
    pub store: Arc<S>,
    /// The run's claim to the place of its data.
    pub lease: Arc<Lease>,
    /// Ends this run: a signal does, and a lost lease.
    pub cancel: Arc<CancelToken>,
}

impl<S: Store> ActiveRun<'_, S> {
    /// The durability tier that the store is set for.
    pub fn tier(&self) -> Durability {
        self.request.tier(S::BEST_DURABILITY)
    }

    /// Whether the store's server takes CPU time from its own clients.
    pub fn shares_machine(&self) -> bool {
        S::PLACEMENT == Placement::Remote && (self.server.is_some() || self.request.address.is_local())
    }

    /// Makes the error of a store that failed in a task.
    pub fn failed(&self, task: StoreTask) -> impl Fn(Failure) -> RunError + '_ {
        move |failure| RunError::Store { store: self.request.address.to_string(), task, failure }
    }

    /// What the store answers in a task before the measurement, within the limit of a phase.
    ///
    /// # Errors
    /// [`RunError::Store`] with the task.
    pub async fn ask<T>(
        &self,
        task: StoreTask,
        answer: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, RunError> {
        within_phase(PhaseLimit::of(self.request, 0), answer).await.map_err(self.failed(task))
    }

    /// A session of the store.
    ///
    /// # Errors
    /// [`RunError::Store`] with the task.
    pub async fn session(&self, task: StoreTask) -> Result<S::Session, RunError> {
        within_timeout(self.request.load.timeout, 1, self.store.session()).await.map_err(self.failed(task))
    }

    /// An answer, or [`RunError::Stopped`] soon after the run is cancelled.
    ///
    /// # Errors
    /// What is answered, or that the run was stopped.
    pub async fn unless_cancelled<T>(&self, answer: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
        unless_cancelled(&self.cancel, RunError::Stopped, answer).await
    }
}
