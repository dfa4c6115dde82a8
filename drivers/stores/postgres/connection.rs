//! One connection: made within the time limit, and driven by whoever waits for it.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio_postgres::config::Host;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, NoTls, Row, SimpleQueryMessage};

use super::failure::{failure, statement_failure, too_long, words};
use super::stream::Stream;
use super::tls::Tls;
use crate::seam::address::is_this_machine;
use crate::seam::failure::LONGEST_REPLY_BYTES;
use crate::support::driven::Driven;
use crate::{Failure, FailureKind};

/// Where and how to connect.
#[derive(Clone)]
pub(super) struct ConnectTarget {
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// How long connecting may take.
    pub(super) timeout: Duration,
    /// The URL without its password.
    pub(super) url: String,
    /// Whether it is a pooler's, which hands processes of the server on to others.
    pub(super) is_pooled: bool,
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
    connection: Option<tokio_postgres::Connection<Stream, NoTlsStream>>,
    driven: Driven,
    end: String,
}

impl ConnectTarget {
    /// Whether every host that may be connected to is this machine.
    pub(super) fn is_local(&self) -> bool {
        let is_local = |host: &Host| match host {
            Host::Tcp(name) => is_this_machine(name),
            Host::Unix(_) => true,
        };
        self.config.get_hosts().iter().all(is_local)
    }

    /// A connection to the first of the hosts that takes one.
    async fn connect_to_first(&self) -> Result<(Client, tokio_postgres::Connection<Stream, NoTlsStream>), Failure> {
        let mut last = Failure::broken(format!("postgres: {} names no host", self.url));
        let ports = self.config.get_ports();
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            last = match Stream::connect(host, port, &self.tls).await {
                Ok(stream) => match self.config.connect_raw(stream, NoTls).await {
                    Ok(connected) => return Ok(connected),
                    Err(error) => failure(error, &self.url),
                },
                Err(error) => {
                    let problem = format!("postgres: {}: cannot connect: {error}", self.url);
                    Failure::new(FailureKind::Unavailable, problem).caused_by(error)
                }
            };
        }
        Err(last)
    }

    /// A connection with these settings of its own.
    pub(super) async fn connect(&self, settings: &str) -> Result<Connection, Failure> {
        let connecting = async {
            let (client, connection) = self.connect_to_first().await?;
            let io = ConnectionIo { connection: Some(connection), driven: Driven::default(), end: String::new() };
            let mut connected = Connection { client, io, leaves_traces: self.is_pooled };
            if !settings.is_empty() {
                connected.run(settings).await?;
            }
            Ok(connected)
        };
        tokio::time::timeout(self.timeout, connecting).await.unwrap_or_else(|_| {
            Err(Failure::unreached(format!("postgres: {}: no connection within {:?}", self.url, self.timeout)))
        })
    }
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
