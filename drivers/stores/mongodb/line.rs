//! A session's line to the server: one client of the crate with one connection, commands in, replies out and checked.
//!
//! It does not know what the commands mean. Nothing is tried again, except a commit of unknown outcome, which the
//! transactions specification has its drivers repeat.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf};
use mongodb::error::UNKNOWN_TRANSACTION_COMMIT_RESULT;
use mongodb::options::{Acknowledgment, ReadConcern, TransactionOptions, WriteConcern};
use mongodb::{Client, ClientSession, Database};

use super::Asked;
use super::connect::LONGEST_SELECTION;
use super::failure::{failure, told};
use super::given_up::{Begun, GivenUp};
use super::values::malformed;
use crate::{Failure, FailureKind};

/// The line.
pub(super) struct Line {
    database: Database,
    /// The crate makes a session of its own for each command that has none, which costs it a task.
    session: ClientSession,
    id: Arc<Document>,
    given_up: GivenUp,
    /// How long a commit of unknown outcome is repeated.
    patience: Duration,
    /// Whether a change was applied since this was last set to false.
    pub(super) has_changed: bool,
}

/// The pauses before a commit is repeated: each twice as long as the one before it, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

/// What the server says of a command that writes.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// How many documents were added, matched or removed.
    pub(super) count: usize,
    /// Statements that failed, by position.
    pub(super) errors: Vec<Refusal>,
}

/// A statement that failed.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) at: usize,
    code: i32,
    message: String,
}

impl Line {
    /// Starts a session on a client.
    pub(super) async fn new(
        client: &Client,
        database: &str,
        Asked { acknowledged, is_sharded }: Asked,
        patience: Duration,
        given_up: GivenUp,
    ) -> Result<Self, Failure> {
        let by = if acknowledged.majority { Acknowledgment::Majority } else { Acknowledgment::Nodes(1) };
        let concern = WriteConcern::builder().w(by).journal(acknowledged.journal).build();
        let reading = if is_sharded { ReadConcern::snapshot() } else { ReadConcern::local() };
        let transactions = TransactionOptions::builder().read_concern(reading).write_concern(concern).build();
        // The primary answers everything, so it needs no waiting for what this session has seen before.
        let session = client.start_session().causal_consistency(false).default_transaction_options(transactions);
        let session = session.await.map_err(|error| failure(error, "starting a session"))?;
        let id = Arc::new(session.id().clone());
        Ok(Line { database: client.database(database), session, id, given_up, patience, has_changed: false })
    }

    /// Asks and hands over every document of the answer, batch by batch.
    pub(super) async fn ask(
        &mut self,
        command: RawDocumentBuf,
        mut take: impl FnMut(&RawDocument) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let asking = self.database.run_raw_cursor_command(command).session(&mut self.session);
        let mut answer = asking.batch().await.map_err(|error| failure(error, "a query"))?;
        let mut batches = answer.stream(&mut self.session);
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| failure(error, "a query"))?;
            for document in batch.doc_slices().map_err(|error| failure(error, "a query"))? {
                let document = document.map_err(malformed)?.as_document();
                take(document.ok_or_else(|| Failure::broken("mongodb answered a row that is not a document"))?)?;
            }
        }
        Ok(())
    }

    /// Sends a command that writes.
    pub(super) async fn change(&mut self, command: RawDocumentBuf) -> Result<Reply, Failure> {
        let changing = self.database.run_raw_command(command).session(&mut self.session);
        let reply = changing.await.map_err(|error| failure(error, "a change"))?;
        self.has_changed |= !matches!(number(&reply, "n"), Ok(0));
        Reply::of(&reply)
    }

    /// No round trip: the first command of a transaction begins it.
    pub(super) async fn begin(&mut self) -> Result<Begun, Failure> {
        let begun = self.session.start_transaction().await;
        begun.map_err(|error| failure(error, "beginning a transaction"))?;
        Ok(self.given_up.begun(&self.id))
    }

    /// After an error that leaves the outcome unknown, committing again is the documented way to know it. After a
    /// broken connection the crate has already done so once, and a server that is gone is not waited for any longer.
    pub(super) async fn commit(&mut self) -> Result<(), Failure> {
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let Err(error) = self.session.commit_transaction().await else { return Ok(()) };
            let unknown = error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT);
            let failure = failure(error, "a commit");
            let is_cut = failure.kind == FailureKind::Unavailable;
            let limit = if is_cut { self.patience.min(LONGEST_SELECTION) } else { self.patience };
            if !unknown || began.elapsed() + pause > limit {
                return Err(failure);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The crate does not report whether it arrived. If not, the session's next transaction ends this one.
    pub(super) async fn abort(&mut self) {
        let _ = self.session.abort_transaction().await;
    }
}

impl Reply {
    fn of(reply: &Document) -> Result<Self, Failure> {
        if let Some(Bson::Document(concern)) = reply.get("writeConcernError") {
            let refusal = Refusal::of(concern)?;
            return Err(told(refusal.code, &refusal.message, "a write is not acknowledged as requested"));
        }
        let errors = match reply.get("writeErrors") {
            Some(Bson::Array(errors)) => errors.iter().map(|one| match one {
                Bson::Document(error) => Refusal::of(error),
                other => Err(Failure::broken(format!("mongodb answered {other} for an error"))),
            }),
            Some(other) => return Err(Failure::broken(format!("mongodb answered {other} for its errors"))),
            None => return Ok(Reply { count: number(reply, "n")?, errors: Vec::new() }),
        };
        Ok(Reply { count: number(reply, "n")?, errors: errors.collect::<Result<_, Failure>>()? })
    }
}

impl Refusal {
    fn of(error: &Document) -> Result<Self, Failure> {
        let at = if error.contains_key("index") { number(error, "index")? } else { 0 };
        let code = error.get_i32("code").unwrap_or_default();
        Ok(Refusal { at, code, message: error.get_str("errmsg").unwrap_or_default().to_owned() })
    }

    pub(super) fn is_taken_key(&self) -> bool {
        self.code == 11_000
    }

    pub(super) fn failure(&self, what: &str) -> Failure {
        told(self.code, &self.message, what)
    }
}

fn number(reply: &Document, name: &str) -> Result<usize, Failure> {
    let number = match reply.get(name) {
        Some(Bson::Int32(number)) => usize::try_from(*number).ok(),
        Some(Bson::Int64(number)) => usize::try_from(*number).ok(),
        _ => None,
    };
    number.ok_or_else(|| Failure::broken(format!("mongodb answered a change without `{name}`")))
}
