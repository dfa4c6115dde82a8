//! A session's connection to the server: a client of the crate with one connection, commands in, replies out and
//! checked.
//!
//! It does not know what the commands mean. Nothing is tried again, except a commit of unknown outcome, which the
//! transactions specification has its drivers repeat.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, Timestamp, doc, rawdoc};
use mongodb::error::{ErrorKind, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::{ClientOptions, ServerAddress, Tls};
use mongodb::{Client, ClientSession, Database};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::abandoned::{AbandonedSessions, OpenTransaction};
use super::config::LONGEST_SELECTION;
use super::decode::{WriteReply, malformed};
use super::durability::Concerns;
use super::failure::{failure, last_error};
use super::marker::MARKS;
use crate::support::reach::unreachable;
use crate::support::tls;
use crate::{Failure, FailureKind, PassedLimit};

/// One connection with one session of the server.
pub(super) struct Connection {
    database: Database,
    /// The crate makes a session for each command that has none, which costs it a task.
    session: ClientSession,
    id: Arc<Document>,
    abandoned: AbandonedSessions,
    /// How long a commit of unknown outcome is repeated.
    commit_limit: Duration,
    /// Whether a change was applied since this was last set to false.
    pub(super) has_changed: bool,
}

/// The pauses before a commit is repeated: each twice as long as the one before it, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

impl Connection {
    /// Starts a session on a client.
    pub(super) async fn new(
        client: &Client,
        database: &str,
        concerns: Concerns,
        commit_limit: Duration,
        abandoned: AbandonedSessions,
    ) -> Result<Self, Failure> {
        // The primary answers everything, so it needs no waiting for what this session has seen before.
        let session = client.start_session().causal_consistency(false);
        let session = session.default_transaction_options(concerns.transaction_options()).await;
        let session = session.map_err(|error| failure(error, "starting a session"))?;
        let id = Arc::new(session.id().clone());
        Ok(Connection { database: client.database(database), session, id, abandoned, commit_limit, has_changed: false })
    }

    /// Sends a command that reads, and hands over every document of the answer, batch by batch.
    pub(super) async fn query(
        &mut self,
        command: RawDocumentBuf,
        mut sink: impl FnMut(&RawDocument) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let querying = self.database.run_raw_cursor_command(command).session(&mut self.session);
        let mut answer = querying.batch().await.map_err(|error| failure(error, "a query"))?;
        let mut batches = answer.stream(&mut self.session);
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| failure(error, "a query"))?;
            for document in batch.doc_slices().map_err(|error| failure(error, "a query"))? {
                let document = document.map_err(malformed)?.as_document();
                sink(document.ok_or_else(|| Failure::broken("mongodb answered a row that is not a document"))?)?;
            }
        }
        Ok(())
    }

    /// A cluster time from which on nothing is missing that was acknowledged before: the server's own time, because reads
    /// that leave the time to the server are behind that (see `durability.rs`). None of a server that does not read as of
    /// a time.
    pub(super) async fn snapshot_time(&mut self) -> Result<Option<Timestamp>, Failure> {
        /// IllegalOperation, InvalidOptions, CommandNotSupported, NotAReplicaSet, NotImplemented.
        const HAS_NONE: [i32; 5] = [20, 72, 115, 123, 238];
        let now = self.database.run_command(doc! { "ping": 1 }).session(&mut self.session).await;
        let now = now.map_err(|error| failure(error, "its time"))?;
        let Ok(at) = now.get_timestamp("operationTime") else { return Ok(None) };
        // The first read waits until a majority has all that is before it.
        let find = doc! {
            "find": MARKS, "limit": 1, "singleBatch": true, "maxTimeMS": self.commit_limit.as_millis() as i64,
            "readConcern": { "level": "snapshot", "atClusterTime": at },
        };
        match self.database.run_command(find).session(&mut self.session).await {
            Ok(_) => Ok(Some(at)),
            Err(error) => match error.kind.as_ref() {
                ErrorKind::Command(command) if HAS_NONE.contains(&command.code) => Ok(None),
                _ => Err(failure(error, "a snapshot")),
            },
        }
    }

    /// Sends a command that writes.
    pub(super) async fn write(&mut self, command: RawDocumentBuf) -> Result<WriteReply, Failure> {
        let writing = self.database.run_raw_command(command).session(&mut self.session);
        let reply = writing.await.map_err(|error| failure(error, "a change"))?;
        self.has_changed |= !WriteReply::changed_nothing(&reply);
        WriteReply::decode(&reply)
    }

    /// Costs no round trip: the first command of a transaction begins it.
    pub(super) async fn begin(&mut self) -> Result<OpenTransaction, Failure> {
        let beginning = self.session.start_transaction().await;
        beginning.map_err(|error| failure(error, "beginning a transaction"))?;
        Ok(self.abandoned.open_transaction(&self.id))
    }

    /// After an error that leaves the outcome unknown, committing again is the documented way to learn it. After a
    /// broken connection the crate has already done so once, and a server that is gone is not waited for any longer.
    pub(super) async fn commit(&mut self) -> Result<(), Failure> {
        let (start, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let Err(error) = self.session.commit_transaction().await else { return Ok(()) };
            let is_unknown = error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT);
            let failure = failure(error, "a commit");
            let is_cut = failure.kind == FailureKind::Unavailable;
            let limit = if is_cut { self.commit_limit.min(LONGEST_SELECTION) } else { self.commit_limit };
            if !is_unknown || start.elapsed() + pause > limit {
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

/// A client whose connection is made and whose password is checked. Its tasks live on the runtime that calls this.
pub(super) async fn connect(options: &ClientOptions) -> Result<Client, Failure> {
    let limit = options.connect_timeout.unwrap_or(LONGEST_SELECTION);
    check_reachable(&options.hosts, limit).await?;
    let client = Client::with_options(options.clone()).map_err(|error| failure(error, "its options"))?;
    let ping = timeout(limit, client.database("admin").run_raw_command(rawdoc! { "ping": 1 })).await;
    let problem = match ping {
        Ok(Ok(_)) => return Ok(client),
        Ok(Err(error)) => match error.kind.as_ref() {
            ErrorKind::ServerSelection { message, .. } => {
                let said = last_error(message);
                why_no_primary(options, &said).await.caused_by(error)
            }
            _ => failure(error, "connecting"),
        },
        Err(_) => why_no_primary(options, "").await,
    };
    match problem.kind {
        FailureKind::Unavailable if is_turned_away(&options.hosts).await => Err(Failure::new(
            FailureKind::Overload,
            "mongodb: the server closes each connection as it takes it, as mongod does above \
             net.maxIncomingConnections",
        )),
        _ => Err(problem),
    }
}

/// Whether any of the hosts takes a connection. The crate would keep looking until its time limit, and then not
/// distinguish a refused connection from one that is not answered.
async fn check_reachable(hosts: &[ServerAddress], limit: Duration) -> Result<(), Failure> {
    let (mut problems, mut passed) = (Vec::new(), None);
    for host in hosts {
        let ServerAddress::Tcp { host: name, port } = host else { return Ok(()) };
        match timeout(limit, TcpStream::connect((bare(name), port.unwrap_or(27017)))).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => problems.push(unreachable(host, &error)),
            Err(_) => {
                passed = Some(PassedLimit::Length);
                problems.push(format!("{host} does not answer within {limit:?}"));
            }
        }
    }
    let problem = format!("mongodb: {}", problems.join("; "));
    Err(Failure { limit: passed, ..Failure::new(FailureKind::Unavailable, problem) })
}

/// A host without the brackets of an address of IPv6.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Whether a host closes a connection before anything was sent on it.
async fn is_turned_away(hosts: &[ServerAddress]) -> bool {
    const SOON: Duration = Duration::from_millis(200);
    for host in hosts {
        let ServerAddress::Tcp { host, port } = host else { continue };
        let Ok(stream) = TcpStream::connect((bare(host), port.unwrap_or(27017))).await else { continue };
        let is_readable = timeout(SOON, stream.readable()).await.is_ok();
        let is_closed = |stream: &TcpStream| match stream.try_read(&mut [0]) {
            Ok(bytes) => bytes == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        if is_readable && is_closed(&stream) {
            return true;
        }
    }
    false
}

/// A connection is accepted there, but no server that takes writes is found behind it: why, as far as the servers tell.
async fn why_no_primary(options: &ClientOptions, error: &str) -> Failure {
    let unavailable = |problem: String| Failure::new(FailureKind::Unavailable, format!("mongodb: {problem}"));
    let is_plain = !matches!(options.tls, Some(Tls::Enabled(_)));
    for host in &options.hosts {
        let ServerAddress::Tcp { host: name, port } = host else { continue };
        // Of a server with TLS its certificate may be the problem, of which the crate's words tell.
        let speaks_tls = tls::is_spoken_at(bare(name), port.unwrap_or(27017)).await;
        if is_plain && speaks_tls {
            return unavailable(format!("{host} speaks TLS: write tls=true"));
        }
        if !is_plain && !speaks_tls {
            return unavailable(format!("{host} does not speak TLS: write tls=false if it is meant to be without"));
        }
        if let Some(problem) = told_by(options, host).await {
            return unavailable(problem);
        }
    }
    let (limit, hosts) = (options.server_selection_timeout.unwrap_or(LONGEST_SELECTION), names(&options.hosts));
    // The longest limit cannot be raised.
    let remedy = if limit < LONGEST_SELECTION { ", or raise --timeout" } else { "" };
    let problem =
        format!("mongodb: {hosts} does not answer in {limit:?} as a primary{error}: check the address{remedy}");
    Failure { limit: Some(PassedLimit::Remedy), ..Failure::new(FailureKind::Unavailable, problem) }
}

/// What a member that is asked by itself says of its set.
async fn told_by(options: &ClientOptions, host: &ServerAddress) -> Option<String> {
    let mut alone = options.clone();
    alone.hosts = vec![host.clone()];
    alone.repl_set_name = None;
    alone.direct_connection = Some(true);
    alone.credential = None;
    let client = Client::with_options(alone).ok()?;
    let hello = timeout(LONGEST_SELECTION, super::admin::hello(&client)).await.ok()?.ok()?;
    let set = hello.get_str("setName").ok();
    let is_primary = hello.get_bool("isWritablePrimary").unwrap_or(false);
    match (set, options.repl_set_name.as_deref()) {
        (None, Some(asked)) => {
            Some(format!("{host} belongs to no replica set, and not to `{asked}`: leave out replicaSet"))
        }
        (Some(set), Some(asked)) if set != asked => {
            Some(format!("{host} belongs to the replica set `{set}`, and not to `{asked}`: write replicaSet={set}"))
        }
        (Some(set), _) if !is_primary => match hello.get_str("primary") {
            Ok(primary) => {
                Some(format!("{host} is a secondary of the replica set `{set}`: write its primary, {primary}"))
            }
            Err(_) => Some(format!("the replica set `{set}` of {host} has no primary now")),
        },
        (Some(set), Some(_)) => {
            let members: Vec<&str> = hello.get_array("hosts").ok()?.iter().filter_map(|one| one.as_str()).collect();
            Some(format!(
                "the replica set `{set}` calls its members {}, which cannot all be reached from here: write \
                 directConnection=true, or make those names known",
                members.join(", ")
            ))
        }
        _ => None,
    }
}

fn names(hosts: &[ServerAddress]) -> String {
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
