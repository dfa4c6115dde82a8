//! Transactions that were begun and that nobody will end: the operation was given up on, or its commit never answered.
//!
//! A transaction belongs to its session on the server and not to a connection. Left alone it keeps its locks there for
//! 60 s (`transactionLifetimeLimitSeconds`), and every operation that meets them fails. The crate aborts only what
//! had one answer before its session was dropped. So such sessions are noted here, and killed before the next one is
//! used; a commit that was carried out stays so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use tokio::time::timeout;

use super::marks::allowed;
use crate::{Failure, FailureKind};

/// The sessions of a store that are to be killed.
#[derive(Debug, Clone, Default)]
pub(super) struct GivenUp(Arc<Mutex<Vec<Arc<Document>>>>);

/// A transaction that was begun. Dropped without [`end`](Begun::end), as by a cancelled operation, it is given up.
pub(super) struct Begun {
    session: Arc<Document>,
    given_up: GivenUp,
    has_ended: bool,
}

impl GivenUp {
    pub(super) fn begun(&self, session: &Arc<Document>) -> Begun {
        Begun { session: Arc::clone(session), given_up: self.clone(), has_ended: false }
    }

    /// Has the server kill these sessions, and waits for it. They stay noted until it has answered. A user needs no
    /// privilege for sessions of its own (mongodb.com/docs/manual/reference/command/killSessions, "Access Control").
    pub(super) async fn kill(&self, client: &Client, limit: Duration) -> Result<(), Failure> {
        let sessions = self.sessions().clone();
        if sessions.is_empty() {
            return Ok(());
        }
        let ids: Vec<Document> = sessions.iter().map(|id| Document::clone(id)).collect();
        let killing = timeout(limit, allowed(client.database("admin"), doc! { "killSessions": ids })).await;
        let silent = |_| {
            let problem = format!("mongodb: the server does not end the transactions of lost sessions in {limit:?}");
            Failure::new(FailureKind::Unavailable, problem)
        };
        killing.map_err(silent)??;
        self.sessions().retain(|noted| !sessions.iter().any(|killed| Arc::ptr_eq(noted, killed)));
        Ok(())
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<Arc<Document>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Begun {
    /// It was committed or aborted.
    pub(super) fn end(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.has_ended {
            self.given_up.sessions().push(Arc::clone(&self.session));
        }
    }
}
