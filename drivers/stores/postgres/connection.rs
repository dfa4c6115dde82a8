//! One connection: made within the time limit, and driven by whoever waits for it.

use std::fmt::Display;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::TryStreamExt;
use serde::Deserialize;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, Row, SimpleQueryMessage};

use super::failure::{connect_failure, statement_failure, too_long, words};
use super::socket::Socket;
use super::stream::{Bind, Bound, Stream};
use super::tls::{Encryption, Tls};
use crate::seam::address::is_this_machine;
use crate::seam::failure::LONGEST_REPLY_BYTES;
use crate::seam::options::RecordedOptions;
use crate::support::driven::Driven;
use crate::support::reach::unreachable;
use crate::{Failure, FailureKind, PassedLimit};

/// Where and how to connect.
#[derive(Clone)]
pub(super) struct ConnectTarget {
    /// The servers to try in turn, each with who we are there.
    pub(super) servers: Vec<(Socket, Config)>,
    pub(super) tls: Tls,
    /// What the server has to be.
    pub(super) role: ServerRole,
    /// How long connecting may take.
    pub(super) timeout: Duration,
    /// How long it may take to one of the servers.
    pub(super) attempt: Duration,
    /// Why there may be no password, in words that follow its refusal.
    pub(super) hint: Option<String>,
    /// Settings that the address makes, and options of it that change nothing.
    pub(super) recorded: RecordedOptions,
    /// Whether it is a pooler's, which hands processes of the server on to others.
    pub(super) is_pooled: bool,
}

/// What a server has to be to be taken, as `target_session_attrs` of libpq.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ServerRole {
    #[default]
    Any,
    ReadWrite,
    Primary,
}

/// A connection to the server: its client half, and the half that moves bytes.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) io: ConnectionIo,
    /// Whether its process is handed on with what was set and prepared, unless that is undone.
    pub(super) leaves_traces: bool,
}

/// The half of a connection that does the I/O.
pub(super) struct ConnectionIo {
    connection: Option<tokio_postgres::Connection<Stream, Bound<Stream>>>,
    driven: Driven,
    end: String,
}

impl ConnectTarget {
    /// Whether every host that may be connected to is this machine.
    pub(super) fn is_local(&self) -> bool {
        self.servers.iter().all(|(socket, _)| socket.file().is_some() || is_this_machine(&socket.address))
    }

    /// The servers as messages name them.
    pub(super) fn shown(&self) -> String {
        self.servers.iter().map(|(socket, _)| socket.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// A connection to the first of the servers that takes one. As in libpq, one that refuses our user is the last.
    async fn connect_to_first(&self) -> Result<Connection, Failure> {
        let mut failures = Vec::new();
        for (socket, config) in &self.servers {
            let attempt = tokio::time::timeout(self.attempt, self.connect_to(socket, config)).await;
            let failure = match attempt {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(failure)) => failure,
                Err(_) => unanswered(socket, self.attempt),
            };
            let is_last = failure.kind == FailureKind::Denied;
            failures.push(failure);
            if is_last {
                break;
            }
        }
        let all: Vec<&str> = failures.iter().map(|failure| failure.message.trim_start_matches("postgres: ")).collect();
        let message = format!("postgres: {}", all.join("; "));
        let last = failures.pop().unwrap_or_else(|| Failure::broken("postgres: no host is given"));
        Err(Failure { message, ..last })
    }

    /// A connection to one server, as it has to be, encrypted as asked.
    async fn connect_to(&self, socket: &Socket, config: &Config) -> Result<Connection, Failure> {
        let mut attempts = self.tls.attempts().iter();
        loop {
            let encryption = attempts.next().copied().unwrap_or(Encryption::None);
            match self.try_to_connect(socket, config, encryption).await {
                Ok(mut connected) => return self.accepted(socket, &mut connected).await.map(|()| connected),
                Err(_) if attempts.len() > 0 => {}
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn try_to_connect(
        &self,
        socket: &Socket,
        config: &Config,
        encryption: Encryption,
    ) -> Result<Connection, Failure> {
        let (stream, end_point) = Stream::connect(socket, &self.tls, encryption).await.map_err(|error| {
            // Errors of TLS and of what answers have their own words.
            let problem = match error.kind() {
                std::io::ErrorKind::Other | std::io::ErrorKind::InvalidData if error.get_ref().is_some() => {
                    format!("{socket}: {error}")
                }
                std::io::ErrorKind::UnexpectedEof => format!("{socket} closes the connection: is it PostgreSQL?"),
                _ => unreachable(socket, &error),
            };
            Failure::new(FailureKind::Unavailable, format!("postgres: {problem}")).caused_by(error)
        })?;
        // The stream is encrypted already: the crate only asks what binds a password to it.
        let mut config = config.clone();
        config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
        let connected = config.connect_raw(stream, Bind(end_point)).await;
        let (client, connection) = connected.map_err(|error| connect_failure(error, socket, self.hint.as_deref()))?;
        let io = ConnectionIo { connection: Some(connection), driven: Driven::default(), end: String::new() };
        Ok(Connection { client, io, leaves_traces: self.is_pooled })
    }

    /// Whether a server is what was asked for.
    async fn accepted(&self, socket: &Socket, connection: &mut Connection) -> Result<(), Failure> {
        let (question, wanted, otherwise) = match self.role {
            ServerRole::Any => return Ok(()),
            ServerRole::ReadWrite => ("SHOW transaction_read_only", "off", "takes no writes"),
            ServerRole::Primary => ("SELECT pg_is_in_recovery()", "f", "is a standby"),
        };
        if connection.first_value(question).await? == wanted {
            return Ok(());
        }
        let problem =
            format!("postgres: {socket} {otherwise}, and target_session_attrs asks for another: give the primary");
        Err(Failure::new(FailureKind::Unavailable, problem))
    }

    /// A connection with these settings of its own.
    pub(super) async fn connect(&self, settings: &str) -> Result<Connection, Failure> {
        let connecting = async {
            let mut connected = self.connect_to_first().await?;
            if !settings.is_empty() {
                connected.run(settings).await?;
            }
            Ok(connected)
        };
        tokio::time::timeout(self.timeout, connecting)
            .await
            .unwrap_or_else(|_| Err(unanswered(&self.shown(), self.timeout)))
    }
}

/// The failure of a server that says nothing: it may wait for the rest of a message of another protocol.
fn unanswered(servers: &dyn Display, limit: Duration) -> Failure {
    let problem = format!("postgres: {servers} does not answer within {limit:?}");
    let remedy = "is it PostgreSQL that listens there? If it is slow, raise --timeout";
    Failure { limit: Some(PassedLimit::Remedy), ..Failure::unreached(format!("{problem}: {remedy}")) }
}

impl Connection {
    /// Statements without parameters, separated by semicolons.
    pub(super) async fn run(&mut self, statements: &str) -> Result<(), Failure> {
        let Connection { client, io, .. } = self;
        io.drive(client.batch_execute(statements)).await.map_err(|error| io.failure(error, statements))
    }

    /// The first value that statements without parameters answer, by a message that prepares nothing.
    pub(super) async fn first_value(&mut self, statements: &str) -> Result<String, Failure> {
        let Connection { client, io, .. } = self;
        let query = async {
            let mut replies = pin!(client.simple_query_raw(statements).await?);
            let mut first = None;
            while let Some(message) = replies.try_next().await? {
                if let (SimpleQueryMessage::Row(row), None) = (message, &first) {
                    first = row.get(0).map(str::to_owned);
                }
            }
            Ok(first)
        };
        let first = io.drive(query).await.map_err(|error| io.failure(error, statements))?;
        first.ok_or_else(|| Failure::broken(format!("postgres: no answer to `{statements}`")))
    }

    /// The rows that a statement answers.
    pub(super) async fn query(
        &mut self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let Connection { client, io, .. } = self;
        let query = async {
            let parameters = parameters.iter().copied();
            let mut replies = pin!(client.query_raw(statement, parameters).await?);
            let (mut rows, mut bytes) = (Vec::new(), 0);
            while let Some(row) = replies.try_next().await? {
                bytes += row.raw_size_bytes();
                if bytes > LONGEST_REPLY_BYTES {
                    return Ok(None);
                }
                rows.push(row);
            }
            Ok(Some(rows))
        };
        let rows = io.drive(query).await.map_err(|error| io.failure(error, statement))?;
        rows.ok_or_else(|| too_long(&statement))
    }
}

impl Drop for Connection {
    /// A pooler need not reset what it hands on (PgBouncer with an empty `server_reset_query`). The statement is sent without
    /// waiting for its reply: a pooler whose client leaves in the middle of one closes the process, and else it is done.
    fn drop(&mut self) {
        if !self.leaves_traces {
            return;
        }
        let mut context = Context::from_waker(Waker::noop());
        let _ = pin!(self.client.batch_execute("DISCARD ALL")).poll(&mut context);
        if let Some(connection) = &mut self.io.connection {
            let _ = Pin::new(connection).poll(&mut context);
        }
    }
}

impl ConnectionIo {
    /// Drives the connection until the work is done.
    pub(super) async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let ConnectionIo { connection, driven, end } = self;
        let poll = |context: &mut Context<'_>| {
            let Some(polled) = connection.as_mut().map(|connection| Pin::new(connection).poll(context)) else { return };
            if let Poll::Ready(result) = polled {
                *end = result.err().map_or("the server closed the connection".into(), |error| words(&error));
                // With it goes the channel that the work waits on: it ends as well.
                *connection = None;
            }
        };
        driven.drive(work, poll).await
    }

    /// What an error of a statement means; if it is only that the connection has end, then why.
    fn failure(&self, error: Error, statement: &str) -> Failure {
        self.with_cause(statement_failure(error, statement))
    }

    /// As `failure`, for one created before the cause was known.
    pub(super) fn with_cause(&self, failure: Failure) -> Failure {
        if failure.kind != FailureKind::Unavailable || self.end.is_empty() {
            return failure;
        }
        Failure { message: format!("{} ({})", failure.message, self.end), ..failure }
    }
}
