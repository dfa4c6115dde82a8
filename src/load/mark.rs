//! The mark that a run leaves beside its data in a store: which run made it, and what was loaded. Other runs of the same
//! workload use the same place, later or at the same time.
//!
//! The last one to claim the place has it. An earlier run that is still at it finds out when it ends, says so and removes
//! nothing. A lock would prevent it, but a lock of a run that died would have to be broken by hand.

use std::time::SystemTime;

use drivers::{Failure, Store};

use super::Request;

/// A run's mark.
pub struct Mark {
    /// What makes loaded data the same: everything that the generator derives it from.
    data: String,
    /// Of this run alone.
    run: String,
    /// Whether the place was claimed, in a store that keeps notes.
    is_set: bool,
}

impl Mark {
    pub fn new(request: &Request) -> Self {
        let plan = request.plan();
        let version = env!("CARGO_PKG_VERSION");
        let (name, hash, rows, seed) = (&plan.name, &request.workload.hash, plan.rows(), request.generator.seed);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        Mark {
            data: format!("{name} {hash}, {rows} rows, seed {seed}, storebench {version}"),
            run: format!("run {}-{since}", std::process::id()),
            is_set: false,
        }
    }

    /// Claims the place for this run, before anything is loaded.
    pub async fn claim<S: Store>(&mut self, store: &S) -> Result<(), Failure> {
        let run = self.run.clone();
        self.set(store, &run).await
    }

    /// Says what lies there, for a run that would load the same.
    pub async fn describe<S: Store>(&mut self, store: &S) -> Result<(), Failure> {
        let both = format!("{}; {}", self.data, self.run);
        self.set(store, &both).await
    }

    async fn set<S: Store>(&mut self, store: &S, note: &str) -> Result<(), Failure> {
        store.note(note).await?;
        self.is_set = store.noted().await?.is_some();
        Ok(())
    }

    /// Whether a run has left there what this one would load.
    pub async fn describes<S: Store>(&self, store: &S) -> Result<bool, Failure> {
        let noted = store.noted().await?;
        Ok(noted.and_then(|note| note.rsplit_once("; ").map(|(data, _)| data == self.data)).unwrap_or(false))
    }

    /// Whether what lies there is this run's to check and to remove. Before the place was claimed: whether nothing is there.
    pub async fn is_there<S: Store>(&self, store: &S) -> Result<bool, Failure> {
        Ok(match (self.is_set, store.noted().await?) {
            (true, noted) => noted.is_some_and(|note| note.ends_with(&self.run)),
            (false, noted) => noted.is_none(),
        })
    }
}
