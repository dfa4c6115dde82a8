//! PostgreSQL, by its own protocol through tokio-postgres. Other engines that speak it may be given by address; none is
//! tested.
//!
//! A dataset is a schema of its own, `storebench_<name>`, with a table a part. Lists, maps and items are `jsonb`; with
//! `?layout=children`, items are rows of tables of their own (`children.rs`). A session is a connection without pool or
//! task; through a pooler it has to be one process of the server for as long as it lasts (`pooler.rs`). SQL texts, the
//! layout, what is said to the server, bulk paths and settings have files of their own.
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
mod binding;
mod bulk;
mod children;
mod config;
mod copy;
mod failure;
mod items;
mod laid;
mod layout;
mod link;
mod parameters;
mod pooler;
mod request;
mod schema;
mod serve;
mod session;
mod settings;
mod sql;
mod statements;
mod stream;
mod talk;
#[cfg(test)]
mod tests;
mod tls;
mod values;

use std::sync::Arc;

use crate::support::server::{Program, Server, Site};
use crate::{
    Binding, Capabilities, Capability, Description, Durability, Failure, Footprint, Leftover, Op, Opening, Placement,
    Store,
};
use bulk::Load;
pub use config::Config;
use laid::Laid;
pub use laid::Layout;
use link::{Link, Target};
use schema::Schema;
pub use session::PostgresSession;
use settings::Found;

/// The opened store.
pub struct Postgres {
    laid: Arc<Laid>,
    target: Target,
    schema: Schema,
    /// What every session sets for itself.
    session_settings: String,
    /// What was found at the opening.
    found: Found,
}

impl Store for Postgres {
    type Config = Config;
    type Session = PostgresSession;
    const NAME: &'static str = "postgres";
    const ABOUT: &'static str = "PostgreSQL: a connection a session, prepared and pipelined statements";
    const SCHEMES: &'static [&'static str] = &["postgres", "postgresql"];
    const LAYOUTS: &'static [&'static str] = &["layout=children"];
    const CAPABILITIES: Capabilities = Capabilities::of(&Capability::ALL);
    const PLACEMENT: Placement = Placement::Remote;
    const BEST_DURABILITY: Durability = Durability::Durable;
    const PROGRAM: Option<Program> = Some(serve::PROGRAM);

    async fn serve(site: Site) -> Result<Server, Failure> {
        serve::serve(site).await
    }

    async fn open(config: Config, opening: Opening) -> Result<Self, Failure> {
        let mut target = config.target(opening.timeout)?;
        let schema = Schema::of(&opening.dataset.name);
        let mut link = target.connect("").await?;
        target.is_pooled = pooler::find(&target, &mut link).await?;
        link.leaves_traces = target.is_pooled;
        let found = Found::at(&mut link, opening.durability).await?;
        let session_settings = found.session_settings(&config, &opening);
        let laid = Arc::new(Laid::new(opening.dataset, config.layout));
        Ok(Postgres { laid, target, schema, session_settings, found })
    }

    async fn reset(&self) -> Result<(), Failure> {
        self.schema.create(&mut self.own_connection().await?, &self.laid).await
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
        self.schema.after_load(&mut self.own_connection().await?, &self.laid).await
    }

    async fn session(&self) -> Result<PostgresSession, Failure> {
        let link = self.target.connect(&self.session_settings).await?;
        let load = Load::new(self.found.freezes, self.found.unlimited("SET LOCAL"));
        Ok(PostgresSession::new(link, self.laid.clone(), load))
    }

    async fn describe(&self) -> Result<Description, Failure> {
        settings::describe(&self.target, &self.session_settings, &self.laid, &self.found).await
    }

    fn explain(&self, op: &Op) -> Binding {
        binding::binding(&self.laid, op)
    }

    async fn footprint(&self) -> Result<Footprint, Failure> {
        let mut link = self.own_connection().await?;
        let written_bytes = self.found.written_bytes(&mut link).await?;
        let disk_bytes = Some(self.schema.bytes(&mut link).await?);
        Ok(Footprint { disk_bytes, memory_bytes: None, written_bytes })
    }

    async fn close(&self, keep: bool) -> Result<(), Failure> {
        if keep { Ok(()) } else { self.schema.remove(&mut self.own_connection().await?).await }
    }
}

impl Postgres {
    /// A connection for work outside operations: it may take long, but does not wait for ever for locks of others.
    async fn own_connection(&self) -> Result<Link, Failure> {
        let settings = format!(
            "{}; SET lock_timeout = {}; SET client_min_messages = error",
            self.found.unlimited("SET"),
            self.target.timeout.as_millis()
        );
        self.target.connect(&settings).await
    }
}
