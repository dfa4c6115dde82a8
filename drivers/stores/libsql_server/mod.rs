//! The libSQL server, sqld: the engine of libSQL behind Hrana 3, spoken over WebSocket with Protocol Buffers.
//!
//! Why not by the crate `libsql`. Its remote half speaks Hrana over HTTP and closes the stream after each statement
//! outside of a transaction, so that the server opens a SQLite connection for each: 430 µs for a read by key on one
//! machine, where one that keeps its stream takes 190 µs, and a WebSocket 118 µs. It has no batches with parameters: a
//! transaction of n statements is n + 2 round trips under the one write lock of the database. It retries on its own and
//! tells an error's code in debugging text only. The protocol's own document calls HTTP the less efficient variant.
//!
//! A session is one WebSocket with one stream: one SQLite connection in the server. Every operation is one round trip,
//! transactions and batches too (`steps.rs`); statements are stored on the server once a session, which nevertheless
//! prepares them for each execution. Data lies as in the embedded driver, under names of the dataset's own
//! (`schema.rs`). Namespaces, which take an administrator, and replicas are not here.
//!
//! Durability. sqld keeps SQLite's log in WAL mode, and PRAGMA synchronous is that of its `durability_mode`, a setting
//! of the admin API (libsql-server/src/connection/config.rs) that holds until sqld ends and that clients can read but
//! not change: `strong` is FULL and syncs the log before a commit is acknowledged, `relaxed`, the default, is NORMAL
//! and syncs at checkpoints, `off` is OFF. Traced in sqld 0.24.32: one fsync of `data-wal` a commit with `strong`, none
//! with the others. Its replication log (`wallog`) is never synced, but it is rebuilt from the database when it is cut
//! or lost, and no commit goes with it (tried, too). So they are the tiers `durable`, `relaxed` and `memory`, by
//! sqlite.org/pragma.html#pragma_synchronous.
//!
//! Checkpoints. By default sqld checkpoints within the commit that fills the log. Its queue of writers loses its place
//! then: of eight sessions that write, all stand still for 5 s, its transaction timeout, again and again, and at worst
//! for ever with a thread that spins (3 runs of 3, and never in 3 with checkpoints by time). A server of our own
//! therefore has `--checkpoint-interval-s 1`, which sets `wal_autocheckpoint` to 0; look there for a server that
//! stalls. Writers that wait also meet SQLITE_BUSY after its busy_timeout of 100 ms: a conflict, for the suite to
//! retry.

mod config;
mod connection;
mod decode;
mod durability;
mod endpoint;
mod explain;
mod hrana;
mod launch;
mod prepared;
mod schema;
mod session;
mod steps;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use crate::sql::sqlite::dialect::SqliteLayout;
use crate::sql::sqlite::ownership::{self, left_alone};
use crate::support::server::{Program, Server, Site};
use crate::{
    Binding, Capabilities, Capability, Description, Durability, Failure, Footprint, Leftover, Notation, Op, Opening,
    Placement, Store,
};
pub use config::Config;
use connection::{Connection, retrying};
use endpoint::Endpoint;
use prepared::PreparedStatements;
pub use session::LibsqlServerSession;

/// A libSQL server, opened for a dataset: how to connect, and what tables are called there.
pub struct LibsqlServer {
    endpoint: Arc<Endpoint>,
    layout: Arc<SqliteLayout>,
}

impl Store for LibsqlServer {
    type Config = Config;
    type Session = LibsqlServerSession;
    const NAME: &'static str = "libsql-server";
    const ABOUT: &'static str = "libSQL server (sqld), over its own protocol Hrana";
    const ALIASES: &'static [&'static str] = &["sqld", "turso"];
    const SCHEMES: &'static [&'static str] = &["http", "https", "libsql", "ws", "wss"];
    const FOREIGN_NOTATIONS: &'static [Notation] = config::NOTATIONS;
    const CAPABILITIES: Capabilities = Capabilities::of(&Capability::ALL);
    const PLACEMENT: Placement = Placement::Remote;
    const BEST_DURABILITY: Durability = Durability::Durable;
    const PROGRAM: Option<Program> = Some(launch::PROGRAM);

    async fn serve(site: Site) -> Result<Server, Failure> {
        launch::serve(site).await
    }

    fn refuse(config: &Config, _tier: Durability) -> Result<(), Failure> {
        Endpoint::new(config, Duration::ZERO).map(|_| ())
    }

    async fn open(config: Config, opening: Opening) -> Result<Self, Failure> {
        let endpoint = Arc::new(Endpoint::new(&config, opening.timeout)?);
        let dialect = schema::dialect(&opening.dataset);
        let layout = Arc::new(SqliteLayout::new(opening.dataset, dialect));
        let store = LibsqlServer { endpoint, layout };
        store.connect().await?;
        Ok(store)
    }

    async fn reset(&self) -> Result<(), Failure> {
        retrying(async || schema::create(&mut self.connect().await?, &self.layout).await).await
    }

    async fn read_marker(&self) -> Result<Option<String>, Failure> {
        retrying(async || ownership::read_marker(&mut self.connect().await?, &self.layout.name).await).await
    }

    async fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        retrying(async || schema::swap_marker(&mut self.connect().await?, &self.layout, expected, new).await).await
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure> {
        retrying(async || ownership::leftovers(&mut self.connect().await?).await).await
    }

    async fn after_load(&self) -> Result<(), Failure> {
        retrying(async || schema::after_load(&mut self.connect().await?, &self.layout).await).await
    }

    async fn session(&self) -> Result<LibsqlServerSession, Failure> {
        Ok(LibsqlServerSession::new(self.connect().await?, self.layout.clone()))
    }

    async fn describe(&self) -> Result<Description, Failure> {
        durability::describe(&mut self.connect().await?, &self.endpoint, &self.layout).await
    }

    fn explain(&self, op: &Op) -> Binding {
        explain::explain(&self.layout, op)
    }

    async fn footprint(&self) -> Result<Footprint, Failure> {
        let bytes = schema::bytes(&mut self.connect().await?, &self.layout).await?;
        Ok(Footprint { disk_bytes: Some(bytes), ..Footprint::default() })
    }

    async fn clean_up(&self) -> Result<Vec<String>, Failure> {
        let replaced = retrying(async || schema::drop_own(&mut self.connect().await?, &self.layout).await).await?;
        let notice = |table: &String| format!("{} {}", self.endpoint.shown, left_alone(table));
        Ok(replaced.iter().map(notice).collect())
    }

    async fn close(&self, keep: bool) -> Result<(), Failure> {
        if keep { Ok(()) } else { self.clean_up().await.map(|_| ()) }
    }
}

impl LibsqlServer {
    /// A connection of its own.
    async fn connect(&self) -> Result<Connection, Failure> {
        Connection::open(&self.endpoint, PreparedStatements::new(self.layout.clone())).await
    }
}
