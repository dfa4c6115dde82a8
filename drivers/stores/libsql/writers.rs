//! Which of several clients of one file writes next.
//!
//! SQLite lets one client write at a time. Its busy handler has the others try again after waits of up to 100 ms, in no order,
//! and with many clients single ones wait for seconds. Applications that know this put a queue of their own before the lock.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::seam::op::Op;

/// How a client comes to write: `?writers=busy` or `queue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Writers {
    /// It tries, and again and again, as SQLite's busy handler does.
    #[default]
    Busy,
    /// It waits for its turn among the clients of this store, in order of arrival.
    Queue,
}

impl fmt::Display for Writers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Writers::Busy => "busy",
            Writers::Queue => "queue",
        })
    }
}

/// What an operation that writes is preceded by, as it is explained.
pub(super) const TURN: &str = "-- waits for its turn to write, in order of arrival";

/// The queue of clients that want to write, if there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Option<Arc<Mutex<()>>>);

impl Turns {
    /// A queue for `writers=queue`, and none for `busy`.
    pub fn of(writers: Writers) -> Turns {
        // First come, first served: tokio's mutex is fair, the standard library's is not.
        Turns((writers == Writers::Queue).then(Arc::default))
    }

    /// Waits for the turn of an operation that writes; what it returns holds it. Without a queue the operation is not looked at.
    pub async fn wait(&self, op: &Op) -> Option<OwnedMutexGuard<()>> {
        match &self.0 {
            Some(line) if op.writes() => Some(Arc::clone(line).lock_owned().await),
            _ => None,
        }
    }
}
