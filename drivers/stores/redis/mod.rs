//! Redis, over its own protocol: also Valkey, KeyDB and others that speak it.
//!
//! Each session has a connection of its own (`connection.rs`). `layout.rs` says how data lies, `encode.rs` and `decode.rs`
//! what is sent for each operation and what is answered, `durability.rs` which settings make which tier. A record is a hash
//! (`hash/`) or, with `layout=json`, a JSON document in one string (`document/`); everything else is the same in both
//! layouts. A cluster is refused: the scripts touch records, keys and indexes that a cluster would spread over several
//! servers.
//!
//! The client library's defaults are not used where they would affect what is measured: it would give up on an answer after
//! 500 ms and leave TCP_NODELAY off. Its `ConnectionManager`, which silently reconnects, is not used at all.

mod collation;
mod commands;
mod config;
mod connection;
mod decode;
mod document;
mod durability;
mod encode;
mod explain;
mod export;
mod failure;
mod hash;
mod info;
mod launch;
mod layout;
mod marker;
mod options;
mod range;
mod reply_limit;
mod scan;
mod scripts;
mod series;
mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use self::config::ConnectOptions;
pub use self::config::{Config, RecordFormat};
use self::connection::Connection;
use self::durability::AofSize;
use self::layout::{Layout, RecordLayout};
pub use self::session::RedisSession;
use crate::support::files::Files;
use crate::support::server::{Program, Server, Site};
use crate::{
    Binding, Capabilities, Capability, Description, Durability, Failure, Footprint, Leftover, Notation, Op, Opening,
    Placement, Store,
};

/// A server with the keys of one dataset.
pub struct Redis {
    options: ConnectOptions,
    layout: Arc<Layout>,
    /// The append-only file as it was when the store was opened; none without one.
    aof_at_open: Option<AofSize>,
    /// Whether the server may evict our keys.
    may_evict: bool,
    /// Whether there is a dataset that we created or took over.
    is_ours: AtomicBool,
}

impl Store for Redis {
    type Config = Config;
    type Session = RedisSession;
    const NAME: &'static str = "redis";
    const ABOUT: &'static str = "Redis: data structures in memory, with a log on disk";
    const ALIASES: &'static [&'static str] = &["keydb", "valkey"];
    const SCHEMES: &'static [&'static str] =
        &["redis", "rediss", "valkey", "valkeys", "unix", "redis+unix", "valkey+unix"];
    const FOREIGN_NOTATIONS: &'static [Notation] = options::NOTATIONS;
    const LAYOUTS: &'static [&'static str] = &["layout=json"];
    /// No transaction of this store answers before its end.
    const CAPABILITIES: Capabilities = Capabilities::all_but(Capability::Interactive);
    const PLACEMENT: Placement = Placement::Remote;
    const BEST_DURABILITY: Durability = Durability::Durable;
    const KEEPS_CATALOG: bool = false;
    const PROGRAM: Option<Program> = Some(launch::PROGRAM);

    async fn serve(site: Site) -> Result<Server, Failure> {
        launch::start(site).await
    }

    fn refuse(config: &Config, _tier: Durability) -> Result<(), Failure> {
        config.connect_options(Duration::ZERO).map(|_| ())
    }

    async fn open(config: Config, opening: Opening) -> Result<Self, Failure> {
        let options = config.connect_options(opening.timeout)?;
        let mut connection = Connection::open(&options).await?;
        let info = info::info(&mut connection, &["server", "persistence", "memory"]).await?;
        let refused = |what: &str| Err(Failure::broken(format!("redis: {options} is {what}")));
        match info.get("redis_mode").map(String::as_str) {
            Some("cluster") => {
                return refused("part of a cluster, which this driver does not support: give a single server");
            }
            Some("sentinel") => return refused("a Sentinel, which holds no data: give the primary that it watches"),
            _ => {}
        }
        let layout = Arc::new(Layout::new(record_layout(config.layout), opening.dataset));
        let (aof_at_open, may_evict) = (AofSize::from_info(&info), durability::eviction_policy(&info).is_some());
        Ok(Redis { options, layout, aof_at_open, may_evict, is_ours: AtomicBool::new(false) })
    }

    async fn reset(&self) -> Result<(), Failure> {
        marker::reset(&mut self.connect().await?, &self.layout).await?;
        self.is_ours.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn read_marker(&self) -> Result<Option<String>, Failure> {
        let was_ours = self.is_ours.load(Ordering::Relaxed);
        marker::read_marker(&mut self.connect().await?, &self.layout, was_ours).await
    }

    async fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        let swapped = marker::swap_marker(&mut self.connect().await?, &self.layout, expected, new).await?;
        self.is_ours.fetch_or(swapped, Ordering::Relaxed);
        Ok(swapped)
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure> {
        marker::leftovers(&mut self.connect().await?).await
    }

    async fn adopt(&self) -> Result<(), Failure> {
        marker::adopt(&mut self.connect().await?, &self.layout).await
    }

    /// Indexes are always kept. The append-only file has grown with the load and may be in a rewrite, which ends first.
    async fn after_load(&self) -> Result<(), Failure> {
        durability::wait_for_aof_rewrite(&mut self.connect().await?, Duration::MAX).await
    }

    async fn session(&self) -> Result<RedisSession, Failure> {
        let connection = Connection::open_for_operations(&self.options).await?;
        RedisSession::new(connection, Arc::clone(&self.layout), self.may_evict).await
    }

    async fn describe(&self) -> Result<Description, Failure> {
        let mut connection = self.connect().await?;
        let server_settings = info::settings(&mut connection).await?;
        durability::wait_for_aof_rewrite(&mut connection, self.options.timeout / 2).await?;
        let sections = ["server", "replication", "persistence", "memory", "stats"];
        let info = info::info(&mut connection, &sections).await?;
        let guarantees = durability::guarantees(server_settings.as_ref(), &info);
        let is_local = self.options.is_local();
        let files = if is_local { info::files(server_settings.as_ref(), &info) } else { Files::default() };
        let mut settings = server_settings.unwrap_or_default();
        for name in [
            "redis_mode",
            "role",
            "connected_slaves",
            "aof_enabled",
            "mem_allocator",
            "multiplexing_api",
            "evicted_keys",
        ] {
            settings.extend(info.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        settings.extend(self.client_settings());
        settings.extend(self.options.recorded.clone());
        let layout = self.layout.describe();
        let mut description =
            Description { version: info::version(&info), guarantees, settings, layout, catalog: Vec::new() };
        files.judge(&mut description);
        Ok(description)
    }

    fn explain(&self, op: &Op) -> Binding {
        explain::explain(&self.layout, op)
    }

    /// Redis does not say how much of its memory or its file belongs to which keys without being asked about each of them,
    /// so this is of the whole server.
    async fn footprint(&self) -> Result<Footprint, Failure> {
        let mut connection = self.connect().await?;
        let info = info::info(&mut connection, &["memory", "persistence"]).await?;
        let aof = AofSize::from_info(&info);
        let memory_bytes = info::memory_bytes(&mut connection, &info).await?;
        let written_bytes = aof.zip(self.aof_at_open).and_then(|(now, at_open)| now.growth_since(at_open));
        Ok(Footprint { disk_bytes: aof.map(|aof| aof.bytes), memory_bytes, written_bytes })
    }

    async fn close(&self, keep: bool) -> Result<(), Failure> {
        if keep {
            return Ok(());
        }
        marker::remove(&mut self.connect().await?, &self.layout, self.is_ours.load(Ordering::Relaxed)).await
    }
}

impl Redis {
    async fn connect(&self) -> Result<Connection, Failure> {
        Connection::open(&self.options).await
    }

    /// The effective settings on our side.
    fn client_settings(&self) -> [(String, String); 7] {
        let timeout_ms = self.options.timeout.as_millis().to_string();
        let tls = match (&self.options.tls, self.options.is_unverified) {
            (None, _) => "false",
            (Some(_), false) => "true",
            (Some(_), true) => "true, accepting any certificate",
        };
        let settings = [
            ("client_protocol", "RESP2".to_owned()),
            ("client_connections", "one a session, driven by it, never made again".to_owned()),
            ("client_connect_timeout_ms", timeout_ms.clone()),
            ("client_response_timeout_ms", timeout_ms),
            ("client_tcp_nodelay", "true".to_owned()),
            ("client_tls", tls.to_owned()),
            ("layout", self.layout.records.name().to_owned()),
        ];
        settings.map(|(name, value)| (name.to_owned(), value))
    }
}

fn record_layout(format: RecordFormat) -> &'static dyn RecordLayout {
    match format {
        RecordFormat::Hash => &hash::HashLayout,
        RecordFormat::Json => &document::DocumentLayout,
    }
}
