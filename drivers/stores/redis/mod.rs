//! Redis, over its own protocol: also Valkey, KeyDB and others that speak it.
//!
//! Each session has a connection of its own. What operations become is in `redis/requests.rs` and the scripts beside
//! it, how data lies in `redis/shape.rs`, and which settings make which durability tier in `redis/settings.rs`. A record
//! is a hash (`redis/hashes.rs`) or, with `layout=json`, a JSON document in one string (`redis/documents.rs`); all else is
//! the same in both layouts. A cluster is refused: the scripts here touch records, keys and indexes that a cluster would
//! spread over several servers.
//!
//! The crate's defaults are not used where they would be measured: it would give up on an answer after 500 ms and leave
//! TCP_NODELAY off. Its `ConnectionManager`, which makes connections again without a word, is not used at all.

mod aof;
mod binding;
mod document;
mod documents;
mod eviction;
mod failures;
mod hashes;
mod limited;
mod link;
mod mark;
mod order;
mod plan;
mod records;
mod replies;
mod requests;
mod scripts;
mod session;
mod settings;
mod shape;
#[cfg(test)]
mod tests;
mod values;
mod watched;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::files::Files;
use crate::support::server::{Program, Server, Site};
use crate::{
    Binding, Capabilities, Capability, Description, Durability, Failure, FailureKind, Footprint, Leftover, Op, Opening,
    Placement, Store,
};
use aof::Aof;
use link::{Pem, Target};
pub use session::RedisSession;
pub use shape::Layout;
use shape::Shape;

/// The opened store.
pub struct Redis {
    target: Target,
    shape: Arc<Shape>,
    /// The append-only file as it was when the store was opened; nothing without one.
    opened: Option<Aof>,
    /// Whether the server may evict what is ours.
    evicts: bool,
    /// Whether there is a dataset that we made or took over.
    is_ours: AtomicBool,
}

/// Where the server is.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS.
    location: Option<String>,
    /// A file in PEM form with the certificate of the authority that signed the server's, if the system does not know
    /// it.
    tls_ca: Option<PathBuf>,
    /// Files in PEM form with our own certificate and its private key, for a server that asks for them: Redis does
    /// unless it is told otherwise (`tls-auth-clients`).
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    /// How a record lies. `hash`: a hash with a field for each of its fields. `json`: one string, a JSON document, which is
    /// read by one GET; an update or bump of a field then reads the document and puts another in its place, in two round
    /// trips, and may lose against others as a conflict.
    #[serde(default)]
    layout: Layout,
}

impl Store for Redis {
    type Config = Config;
    type Session = RedisSession;
    const NAME: &'static str = "redis";
    const ABOUT: &'static str = "Redis: data structures in memory, with a log on disk";
    const SCHEMES: &'static [&'static str] = &["redis", "rediss"];
    const LAYOUTS: &'static [&'static str] = &["layout=json"];
    const CAPABILITIES: Capabilities = Capabilities::of(&Capability::ALL);
    const PLACEMENT: Placement = Placement::Remote;
    const BEST_DURABILITY: Durability = Durability::Durable;
    const PROGRAM: Option<Program> = Some(Program {
        name: "redis",
        binary: "redis-server",
        variable: "STOREBENCH_REDIS_BIN",
        folders: &["/usr/local/bin", "/opt/homebrew/bin", "/opt/redis/bin"],
        install: "Debian: apt install redis-server; macOS: brew install redis; Docker: docker run -p 6379:6379 redis",
        // Everything that it holds is removed anyway, and TERM would write a snapshot first.
        stop_signal: "KILL",
        refuses_root: false,
    });

    async fn serve(site: Site) -> Result<Server, Failure> {
        let (appendonly, appendfsync) = match site.durability {
            Durability::Durable => ("yes", "always"),
            Durability::Relaxed => ("yes", "everysec"),
            Durability::Memory => ("no", "everysec"),
        };
        // One file does everything and looks at its own name: Debian's redis-server is a link to redis-check-rdb, which
        // is what following the link has found.
        let is_other_name =
            site.binary.file_name().is_some_and(|name| name.to_string_lossy().starts_with("redis-check-"));
        let mut command = site.command(is_other_name.then_some("redis-server"));
        // Who may speak to it may write files as the user that it runs as.
        let password = site.password()?;
        command.arg(site.secret("redis.conf", &format!("requirepass {password}\n"))?);
        command.args(["--port", &site.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.arg("--dir").arg(site.folder());
        command.args(["--appendonly", appendonly, "--appendfsync", appendfsync]);
        let address = format!("redis://:{password}@127.0.0.1:{}", site.port);
        let target = Target::new(&address, Pem::default(), Duration::from_secs(1))?;
        let server = site.start(command, address, || async { target.connect().await.map(|_| ()) }).await?;
        let mut connection = target.connect().await?;
        let info = settings::info(&mut connection, &["server"]).await?;
        if info.get("process_id") != Some(&server.pid().to_string()) {
            return Err(Failure::new(
                FailureKind::Unavailable,
                "redis: somebody else's server answers at the free port",
            ));
        }
        Ok(server)
    }

    async fn open(config: Config, opening: Opening) -> Result<Self, Failure> {
        let Some(location) = &config.location else {
            return Err(Failure::broken("redis: give the URL of a server, such as redis://localhost:6379"));
        };
        let (ca, cert, key) = (config.tls_ca.as_deref(), config.tls_cert.as_deref(), config.tls_key.as_deref());
        let target = Target::new(location, Pem { ca, cert, key }, opening.timeout)?;
        let mut connection = target.connect().await?;
        let info = settings::info(&mut connection, &["server", "persistence", "memory"]).await?;
        let refused = |what: &str| Err(Failure::broken(format!("redis: {target} is {what}")));
        match info.get("redis_mode").map(String::as_str) {
            Some("cluster") => {
                return refused("part of a cluster, which this driver does not speak to: give a single server");
            }
            Some("sentinel") => return refused("a Sentinel, which holds no data: give the primary that it watches"),
            _ => {}
        }
        let shape = Arc::new(Shape::new(config.layout, opening.dataset));
        let (opened, evicts) = (Aof::told(&info), eviction::policy(&info).is_some());
        Ok(Redis { target, shape, opened, evicts, is_ours: AtomicBool::new(false) })
    }

    async fn reset(&self) -> Result<(), Failure> {
        mark::reset(&mut self.target.connect().await?, &self.shape).await?;
        self.is_ours.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn read_marker(&self) -> Result<Option<String>, Failure> {
        let was_ours = self.is_ours.load(Ordering::Relaxed);
        mark::read(&mut self.target.connect().await?, &self.shape, was_ours).await
    }

    async fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        let swapped = mark::swap(&mut self.target.connect().await?, &self.shape, expected, new).await?;
        self.is_ours.fetch_or(swapped, Ordering::Relaxed);
        Ok(swapped)
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure> {
        mark::leftovers(&mut self.target.connect().await?).await
    }

    async fn adopt(&self) -> Result<(), Failure> {
        mark::adopt(&mut self.target.connect().await?, &self.shape).await
    }

    /// Indexes are always there. An append-only file that has grown with the load may be in a rewrite: it ends first.
    async fn after_load(&self) -> Result<(), Failure> {
        aof::rewritten(&mut self.target.connect().await?, Duration::MAX).await
    }

    async fn session(&self) -> Result<RedisSession, Failure> {
        let connection = self.target.connect_for_operations().await?;
        RedisSession::new(connection, Arc::clone(&self.shape), self.evicts).await
    }

    async fn describe(&self) -> Result<Description, Failure> {
        let mut connection = self.target.connect().await?;
        let of_server = settings::settings(&mut connection).await?;
        aof::rewritten(&mut connection, self.target.timeout / 2).await?;
        let told = ["server", "replication", "persistence", "memory", "stats"];
        let info = settings::info(&mut connection, &told).await?;
        let guarantees = settings::guarantees(of_server.as_ref(), &info);
        let files = if self.target.is_local() { settings::files(of_server.as_ref(), &info) } else { Files::default() };
        let mut settings = of_server.unwrap_or_default();
        for told in [
            "redis_mode",
            "role",
            "connected_slaves",
            "aof_enabled",
            "mem_allocator",
            "multiplexing_api",
            "evicted_keys",
        ] {
            settings.extend(info.get(told).map(|value| (told.to_owned(), value.clone())));
        }
        settings.extend(self.client_settings());
        let layout = self.shape.sentences();
        let mut description = Description { version: settings::version(&info), guarantees, settings, layout };
        files.judge(&mut description);
        Ok(description)
    }

    fn explain(&self, op: &Op) -> Binding {
        binding::binding(&self.shape, op)
    }

    /// Redis does not tell what part of its memory or its file belongs to which keys without asking for each of them,
    /// so this is of the whole server.
    async fn footprint(&self) -> Result<Footprint, Failure> {
        let mut connection = self.target.connect().await?;
        let info = settings::info(&mut connection, &["memory", "persistence"]).await?;
        let now = Aof::told(&info);
        let memory_bytes = settings::memory_bytes(&mut connection, &info).await?;
        let written_bytes = now.zip(self.opened).and_then(|(now, opened)| now.grown_since(opened));
        Ok(Footprint { disk_bytes: now.map(|aof| aof.bytes), memory_bytes, written_bytes })
    }

    async fn close(&self, keep: bool) -> Result<(), Failure> {
        if keep {
            return Ok(());
        }
        mark::remove(&mut self.target.connect().await?, &self.shape, self.is_ours.load(Ordering::Relaxed)).await
    }
}

impl Redis {
    /// What is set on our side, in effect.
    fn client_settings(&self) -> BTreeMap<String, String> {
        let timeout_ms = self.target.timeout.as_millis().to_string();
        let settings = [
            ("client_protocol", "RESP2".to_owned()),
            ("client_connections", "one a session, driven by it, never made again".to_owned()),
            ("client_connect_timeout_ms", timeout_ms.clone()),
            ("client_response_timeout_ms", timeout_ms),
            ("client_tcp_nodelay", "true".to_owned()),
            ("client_tls", self.target.tls.is_some().to_string()),
            ("layout", self.shape.layout.name().to_owned()),
        ];
        settings.map(|(name, value)| (name.to_owned(), value)).into()
    }
}
