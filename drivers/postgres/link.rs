//! One connection: made within the time limit, and driven by whoever waits for it.
//!
//! The crate splits a connection into a handle and a future that does its I/O, which is usually a task of its own. Here
//! the two are polled together: an operation costs no switch between tasks, nothing runs when nobody waits, and a dropped
//! session closes its socket at once.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio_postgres::config::Host;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Connection, Error, Row, Socket};

use super::failure::{failure, statement_failure, words};
use super::tls::{Tls, TlsStream};
use crate::address::is_this_machine;
use crate::{Failure, FailureKind};

/// Where and how to connect.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// How long connecting may take.
    pub(super) timeout: Duration,
    /// The URL without its password.
    pub(super) place: String,
}

/// A connection.
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) wire: Wire,
}

/// The half of a connection that does the I/O.
pub(super) struct Wire {
    connection: Option<Connection<Socket, TlsStream>>,
    /// Why it ended.
    ended: String,
}

impl Target {
    /// Whether every host that may be connected to is this machine.
    pub(super) fn is_local(&self) -> bool {
        let is_local = |host: &Host| match host {
            Host::Tcp(name) => is_this_machine(name),
            Host::Unix(_) => true,
        };
        self.config.get_hosts().iter().all(is_local)
    }

    /// A connection with these settings of its own.
    pub(super) async fn connect(&self, settings: &str) -> Result<Link, Failure> {
        let connecting = async {
            let connected = self.config.connect(self.tls.clone()).await;
            let (client, connection) = connected.map_err(|error| failure(error, &self.place))?;
            let wire = Wire { connection: Some(connection), ended: String::new() };
            let mut link = Link { client, wire };
            link.run(settings).await?;
            Ok(link)
        };
        tokio::time::timeout(self.timeout, connecting).await.unwrap_or_else(|_| {
            let problem = format!("postgres: {}: no connection within {:?}", self.place, self.timeout);
            Err(Failure::new(FailureKind::Unavailable, problem))
        })
    }
}

impl Link {
    /// Statements without parameters, separated by semicolons.
    pub(super) async fn run(&mut self, statements: &str) -> Result<(), Failure> {
        let Link { client, wire } = self;
        wire.drive(client.batch_execute(statements)).await.map_err(|error| wire.failure(error, statements))
    }

    /// The rows that a statement answers.
    pub(super) async fn query(
        &mut self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let Link { client, wire } = self;
        wire.drive(client.query(statement, parameters)).await.map_err(|error| wire.failure(error, statement))
    }
}

impl Wire {
    /// Drives the connection until the work is done, which must wait for nothing else.
    pub(super) async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            // Poll again: driving the connection may have delivered the reply.
            for _ in 0..2 {
                if let Poll::Ready(done) = work.as_mut().poll(context) {
                    return Poll::Ready(done);
                }
                let Some(connection) = &mut self.connection else { continue };
                if let Poll::Ready(end) = Pin::new(connection).poll(context) {
                    self.ended = end.err().map_or("the server closed the connection".into(), |error| words(&error));
                    // With it goes the channel that the work waits on: it ends as well.
                    self.connection = None;
                }
            }
            Poll::Pending
        })
        .await
    }

    /// What an error of a statement means; if it is only that the connection has ended, then why.
    fn failure(&self, error: Error, statement: &str) -> Failure {
        self.explained(statement_failure(error, statement))
    }

    /// As `failure`, for one created before the cause was known.
    pub(super) fn explained(&self, failure: Failure) -> Failure {
        if failure.kind != FailureKind::Unavailable || self.ended.is_empty() {
            return failure;
        }
        Failure { message: format!("{} ({})", failure.message, self.ended), ..failure }
    }
}
