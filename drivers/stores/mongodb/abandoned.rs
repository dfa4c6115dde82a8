//! Abandoned transactions: the suite gave up on the operation, or its commit was never answered.
//!
//! On the server a transaction belongs to its session and not to a connection. Left alone it holds its locks for 60 s
//! (`transactionLifetimeLimitSeconds`), and every operation that needs one of them fails. When the crate drops a
//! session it aborts a transaction only if one of its commands was answered. So such sessions are remembered here, and
//! the server kills them before the next session is used; a commit that was carried out stays so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use tokio::time::timeout;

use super::admin::run_if_allowed;
use crate::{Failure, FailureKind};

/// The sessions of a store whose transactions were abandoned, by the identifiers that the server knows them by.
#[derive(Debug, Clone, Default)]
pub(super) struct AbandonedSessions(Arc<Mutex<Vec<Arc<Document>>>>);

/// A transaction in progress. Dropped without [`finish`](OpenTransaction::finish), as by a cancelled operation, its
/// session counts as abandoned.
pub(super) struct OpenTransaction {
    session: Arc<Document>,
    abandoned: AbandonedSessions,
    is_finished: bool,
}

impl AbandonedSessions {
    pub(super) fn open_transaction(&self, session: &Arc<Document>) -> OpenTransaction {
        OpenTransaction { session: Arc::clone(session), abandoned: self.clone(), is_finished: false }
    }

    /// Has the server kill these sessions, and forgets them once it has answered. A user needs no privilege for
    /// sessions of its own (mongodb.com/docs/manual/reference/command/killSessions, "Access Control").
    pub(super) async fn kill(&self, client: &Client, limit: Duration) -> Result<(), Failure> {
        let sessions = self.sessions().clone();
        if sessions.is_empty() {
            return Ok(());
        }
        let ids: Vec<Document> = sessions.iter().map(|id| Document::clone(id)).collect();
        let killing = timeout(limit, run_if_allowed(client.database("admin"), doc! { "killSessions": ids })).await;
        let unanswered = |_| {
            let problem = format!("mongodb: the server does not end the transactions of lost sessions in {limit:?}");
            Failure::new(FailureKind::Unavailable, problem)
        };
        killing.map_err(unanswered)??;
        self.sessions().retain(|session| !sessions.iter().any(|killed| Arc::ptr_eq(session, killed)));
        Ok(())
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<Arc<Document>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenTransaction {
    /// The transaction was committed or aborted.
    pub(super) fn finish(mut self) {
        self.is_finished = true;
    }
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        if !self.is_finished {
            self.abandoned.sessions().push(Arc::clone(&self.session));
        }
    }
}
