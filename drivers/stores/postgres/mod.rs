//! PostgreSQL, by its own protocol through tokio-postgres. Other engines that speak it may be given by address; none is
//! tested.
//!
//! A dataset is a schema of its own, `storebench_<name>`, with a table a part. Lists, maps and items are `jsonb`; with
//! `?layout=children`, items are rows of tables of their own (`children/`); `items_layout.rs` says what such a layout is. A session is a connection without pool or
//! task; through a pooler it has to be one process of the server for as long as it lasts (`pooler.rs`). The SQL is that
//! of `sql/` in the dialect of `dialect.rs`; forms that only PostgreSQL has are in `statement.rs` and `copy.rs`.
//! Partitioning, replicas and extensions are not here.
//!
//! Durability (postgresql.org/docs/current/runtime-config-wal.html). `durable`: with `fsync` and `synchronous_commit` on,
//! COMMIT is answered after the log has been flushed, and `full_page_writes` repairs pages that a power cut tore.
//! `relaxed`: `synchronous_commit = off` answers before the flush; nothing is ever torn, but up to three times
//! `wal_writer_delay` (200 ms) of commits may be lost with the power, and with a crash of the server as well: the server
//! has no setting that survives the one and not the other. `memory`: `fsync = off` never waits for the disk, and a power
//! cut may destroy the cluster; without `full_page_writes` it may as well, so no more is claimed.
//!
//! On macOS a flush reaches the drive with `wal_sync_method = fsync_writethrough` only, and is `relaxed` with any other.
//!
//! `synchronous_commit` belongs to a session: ours are set to `off` for `relaxed` and `memory`, and to `on` for `durable`
//! where the server's own is `off`. The other two belong to the server, and are set on throwaway servers only.

mod batch;
mod binary;
mod catalog;
mod children;
mod config;
mod connection;
mod copy;
mod decode;
mod dialect;
mod durability;
mod encode;
mod executor;
mod explain;
mod failure;
mod items_layout;
mod jsonb;
mod launch;
mod load;
mod names;
mod options;
mod passfile;
mod pooler;
mod prepared;
mod request;
mod schema;
mod service;
mod session;
mod socket;
mod statement;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod types;

use std::sync::Arc;
use std::time::Duration;

use crate::support::server::{Program, Server, Site};
use crate::{
    Binding, Capabilities, Capability, Description, Durability, Failure, Footprint, Leftover, Notation, Op, Opening,
    Placement, Store,
};
pub use config::{Config, NestedLayout};
use connection::{ConnectTarget, Connection};
use dialect::PostgresLayout;
use durability::ServerSettings;
use items_layout::ItemsLayout;
use load::BulkLoad;
use schema::Schema;
pub use session::PostgresSession;

/// PostgreSQL, opened for a dataset: how to connect, and which tables are ours.
pub struct Postgres {
    layout: Arc<PostgresLayout>,
    target: ConnectTarget,
    schema: Schema,
    /// What every session sets for itself.
    session_settings: String,
    /// The settings that the server reported at the opening.
    server: ServerSettings,
}

impl Store for Postgres {
    type Config = Config;
    type Session = PostgresSession;
    const NAME: &'static str = "postgres";
    const ABOUT: &'static str = "PostgreSQL: a connection a session, prepared and pipelined statements";
    const ALIASES: &'static [&'static str] = &["cockroach", "cockroachdb", "pg", "pgsql", "psql", "yugabyte"];
    const SCHEMES: &'static [&'static str] = &["postgres", "postgresql"];
    const FOREIGN_NOTATIONS: &'static [Notation] = options::NOTATIONS;
    const LAYOUTS: &'static [&'static str] = &["layout=children"];
    const CAPABILITIES: Capabilities = Capabilities::of(&Capability::ALL);
    const PLACEMENT: Placement = Placement::Remote;
    const BEST_DURABILITY: Durability = Durability::Durable;
    const PROGRAM: Option<Program> = Some(launch::PROGRAM);

    async fn serve(site: Site) -> Result<Server, Failure> {
        launch::serve(site).await
    }

    fn refuse(config: &Config, _tier: Durability) -> Result<(), Failure> {
        config.target(Duration::ZERO).map(|_| ())
    }

    async fn open(config: Config, opening: Opening) -> Result<Self, Failure> {
        let mut target = config.target(opening.timeout)?;
        let schema = Schema::of(&opening.dataset.name);
        let mut connection = target.connect("").await?;
        target.is_pooled = pooler::find(&target, &mut connection).await?;
        connection.leaves_traces = target.is_pooled;
        let server = ServerSettings::read(&mut connection, opening.durability).await?;
        let session_settings = server.session_settings(&config, &opening);
        let layout = Arc::new(dialect::layout(opening.dataset, items_layout(config.layout)));
        Ok(Postgres { layout, target, schema, session_settings, server })
    }

    async fn reset(&self) -> Result<(), Failure> {
        self.schema.create(&mut self.own_connection().await?, &self.layout).await
    }

    async fn read_marker(&self) -> Result<Option<String>, Failure> {
        self.schema.read_marker(&mut self.own_connection().await?).await
    }

    async fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        self.schema.swap_marker(&mut self.own_connection().await?, expected, new).await
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure> {
        schema::leftovers(&mut self.own_connection().await?).await
    }

    async fn after_load(&self) -> Result<(), Failure> {
        self.schema.after_load(&mut self.own_connection().await?, &self.layout).await
    }

    async fn session(&self) -> Result<PostgresSession, Failure> {
        let connection = self.target.connect(&self.session_settings).await?;
        let load = BulkLoad::new(self.server.freezes, self.server.unlimited("SET LOCAL"));
        Ok(PostgresSession::new(connection, self.layout.clone(), load))
    }

    async fn describe(&self) -> Result<Description, Failure> {
        durability::describe(&self.target, &self.session_settings, &self.layout, &self.server).await
    }

    fn explain(&self, op: &Op) -> Binding {
        explain::explain(&self.layout, op)
    }

    async fn footprint(&self) -> Result<Footprint, Failure> {
        let mut connection = self.own_connection().await?;
        let written_bytes = self.server.written_bytes(&mut connection).await?;
        let disk_bytes = Some(self.schema.bytes(&mut connection).await?);
        Ok(Footprint { disk_bytes, memory_bytes: None, written_bytes })
    }

    async fn close(&self, keep: bool) -> Result<(), Failure> {
        if keep { Ok(()) } else { self.schema.remove(&mut self.own_connection().await?).await }
    }
}

impl Postgres {
    /// A connection for work outside operations: it may take long, but does not wait for ever for locks of others.
    async fn own_connection(&self) -> Result<Connection, Failure> {
        let settings = format!(
            "{}; SET lock_timeout = {}; SET client_min_messages = error",
            self.server.unlimited("SET"),
            self.target.timeout.as_millis()
        );
        self.target.connect(&settings).await
    }
}

fn items_layout(layout: NestedLayout) -> &'static dyn ItemsLayout {
    match layout {
        NestedLayout::Jsonb => &jsonb::JsonbLayout,
        NestedLayout::Children => &children::ChildrenLayout,
    }
}
