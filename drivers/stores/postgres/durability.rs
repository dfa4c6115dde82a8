//! What sessions set for themselves, the settings that the server reports, and the guarantees that follow from them.

use std::collections::BTreeMap;

use tokio_postgres::types::PgLsn;

use super::catalog;
use super::config::Config;
use super::connection::{ConnectTarget, Connection};
use super::dialect::PostgresLayout;
use super::names::schema_name;
use crate::support::files::{Files, is_in_memory};
use crate::{Description, Durability, Failure, FailureKind, Guarantees, Isolation, Opening};

/// What was found on the server before anything was set.
pub(super) struct ServerSettings {
    synchronous_commit: String,
    isolation: String,
    /// Whether sessions may say how plans are kept (since version 12).
    keeps_plans: bool,
    /// Whether rows copied frozen are marked as such page by page, so that a vacuum passes by. From version 14 on
    /// (postgresql.org/docs/release/14.0); other engines that speak the protocol give older versions as theirs.
    pub(super) freezes: bool,
    /// Whether it can limit the time of transactions (since version 17).
    pub(super) times_transactions: bool,
    /// The end of the write-ahead log. None on a server that has none to show.
    written: Option<u64>,
}

/// Settings that bear on speed or safety. What a server does not have is left out.
const REPORTED: [&str; 46] = [
    "autovacuum",
    "bgwriter_delay",
    "checkpoint_completion_target",
    "checkpoint_timeout",
    "commit_delay",
    "data_checksums",
    "data_directory",
    "default_tablespace",
    "deadlock_timeout",
    "default_toast_compression",
    "default_transaction_isolation",
    "effective_cache_size",
    "effective_io_concurrency",
    "fsync",
    "full_page_writes",
    "huge_pages",
    "io_method",
    "jit",
    "lock_timeout",
    "maintenance_work_mem",
    "max_connections",
    "max_parallel_workers_per_gather",
    "max_wal_size",
    "plan_cache_mode",
    "random_page_cost",
    "server_encoding",
    "server_version",
    "shared_buffers",
    "shared_preload_libraries",
    "ssl",
    "statement_timeout",
    "synchronous_commit",
    "synchronous_standby_names",
    "tcp_keepalives_idle",
    "track_activities",
    "track_io_timing",
    "transaction_timeout",
    "wal_buffers",
    "wal_compression",
    "wal_level",
    "wal_sync_method",
    "wal_writer_delay",
    "wal_writer_flush_after",
    "work_mem",
    "zero_damaged_pages",
    "block_size",
];

impl ServerSettings {
    /// Reads it. Refuses a database that cannot hold every text, and a server on which every commit would hang.
    pub(super) async fn read(connection: &mut Connection, tier: Durability) -> Result<Self, Failure> {
        let query = "SELECT current_setting('server_encoding'), current_setting('synchronous_commit'), \
                     current_setting('default_transaction_isolation'), current_setting('plan_cache_mode', true), \
                     current_setting('server_version_num', true), current_setting('transaction_timeout', true), \
                     current_setting('synchronous_standby_names', true)";
        let rows = connection.query(query, &[]).await?;
        let setting = |at: usize| rows.first().and_then(|row| row.try_get::<_, String>(at).ok()).unwrap_or_default();
        if setting(0) != "UTF8" {
            let encoding = setting(0);
            return Err(Failure::broken(format!(
                "postgres: the database is encoded in {encoding}, which does not hold every text; give one in UTF8"
            )));
        }
        let (commit, names) = (setting(1), setting(6));
        // What makes and removes the tables commits as the server is set, and sessions as the tier asks.
        let waits = waits_for_standbys(&commit) || (commit == "off" && tier == Durability::Durable);
        if waits && !names.is_empty() && standbys(connection).await.is_some_and(|found| found.all == 0) {
            return Err(Failure::broken(format!(
                "postgres: every commit would hang: synchronous_standby_names={names} asks it to wait for a standby, and \
                 none is connected (pg_stat_replication); start one, or set that to ''"
            )));
        }
        let written = log_end(connection).await?;
        let freezes = setting(4).parse().is_ok_and(|version: u32| version >= 140_000);
        Ok(ServerSettings {
            synchronous_commit: commit,
            isolation: setting(2),
            keeps_plans: !setting(3).is_empty(),
            freezes,
            times_transactions: !setting(5).is_empty(),
            written,
        })
    }

    /// The statements by which a session sets itself. The server ends what runs longer than an operation may: the client
    /// has given up on it, and its locks would stay.
    pub(super) fn session_settings(&self, config: &Config, opening: &Opening) -> String {
        let mut settings =
            format!("SET statement_timeout = {}", opening.timeout.as_millis().clamp(1, i32::MAX as u128));
        match (opening.durability, self.synchronous_commit.as_str()) {
            (Durability::Durable, "off") => settings += "; SET synchronous_commit = on",
            (Durability::Durable, _) => {}
            (Durability::Relaxed | Durability::Memory, _) => settings += "; SET synchronous_commit = off",
        }
        if self.keeps_plans {
            // Left to itself the server plans every statement with a LIMIT or an interval anew each time, because it is
            // cheaper with the number known; here each has one good plan, that of its index (`tests/plans.rs`).
            settings += "; SET plan_cache_mode = force_generic_plan";
        }
        let least = config.isolation.max(opening.isolation);
        if let Some(level) = least.filter(|level| config.isolation.is_some() || *level > level_of(&self.isolation)) {
            settings += &format!("; SET default_transaction_isolation = '{}'", level_for(level));
        }
        settings
    }

    /// Statements that lift limits of time with `SET` or `SET LOCAL`. A transaction is idle while we make rows or look at
    /// them.
    pub(super) fn unlimited(&self, set: &str) -> String {
        let limits = ["statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"];
        let known = if self.times_transactions { &limits[..] } else { &limits[..2] };
        known.iter().map(|limit| format!("{set} {limit} = 0")).collect::<Vec<_>>().join("; ")
    }

    /// Bytes that the whole cluster has added to its write-ahead log since then.
    pub(super) async fn written_bytes(&self, connection: &mut Connection) -> Result<Option<u64>, Failure> {
        let now = log_end(connection).await?;
        Ok(now.zip(self.written).map(|(now, then)| now.saturating_sub(then)))
    }
}

async fn log_end(connection: &mut Connection) -> Result<Option<u64>, Failure> {
    match connection.query("SELECT pg_current_wal_lsn()", &[]).await {
        Ok(rows) => Ok(rows.first().and_then(|row| row.try_get::<_, PgLsn>(0).ok()).map(u64::from)),
        // A standby, a managed server or another engine may have no such function or not let us call it.
        Err(failure) if matches!(failure.kind, FailureKind::Denied | FailureKind::Broken) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Servers that take the log of this one.
struct Standbys {
    all: i64,
    /// Those that hold the whole cluster and so could take over.
    whole: i64,
}

/// None where the server does not show them. Base backups are not counted.
async fn standbys(connection: &mut Connection) -> Option<Standbys> {
    let query = "SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM pg_replication_slots AS slot \
                 WHERE slot.active_pid = standby.pid AND slot.slot_type = 'logical')) \
                 FROM pg_stat_replication AS standby WHERE state IS DISTINCT FROM 'backup'";
    let rows = connection.query(query, &[]).await.ok()?;
    let row = rows.first()?;
    Some(Standbys { all: row.try_get(0).ok()?, whole: row.try_get(1).ok()? })
}

/// Whether a commit waits for standbys, if any are named.
fn waits_for_standbys(synchronous_commit: &str) -> bool {
    matches!(synchronous_commit, "on" | "remote_write" | "remote_apply")
}

/// The server's level that meets ours. Its repeatable read is snapshot isolation
/// (postgresql.org/docs/current/transaction-iso.html).
fn level_for(level: Isolation) -> &'static str {
    match level {
        Isolation::ReadCommitted => "read committed",
        Isolation::RepeatableRead | Isolation::Snapshot => "repeatable read",
        Isolation::Serializable => "serializable",
    }
}

/// Our level that one of the server's meets. Its read uncommitted is read committed.
fn level_of(level: &str) -> Isolation {
    match level {
        "serializable" => Isolation::Serializable,
        "repeatable read" => Isolation::Snapshot,
        _ => Isolation::ReadCommitted,
    }
}

/// The description, read back through a connection that is set as sessions are.
pub(super) async fn describe(
    target: &ConnectTarget,
    session_settings: &str,
    layout: &PostgresLayout,
    server: &ServerSettings,
) -> Result<Description, Failure> {
    let connection = &mut target.connect(session_settings).await?;
    let query = "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY($1)";
    let mut settings = BTreeMap::new();
    for row in connection.query(query, &[&REPORTED.as_slice()]).await? {
        if let (Ok(name), Ok(setting)) = (row.try_get::<_, String>(0), row.try_get(1)) {
            settings.insert(name, setting);
        }
    }
    let client = [
        ("client.connections", "one a session, no pool, no reconnecting"),
        ("client.parameters", "binary"),
        ("client.statements", "prepared once a session, pipelined in groups but for interactive transactions"),
        ("client.tcp_nodelay", "on"),
        ("written_bytes", "write-ahead log of the whole cluster since the opening"),
    ];
    settings.extend(client.map(|(name, setting)| (name.into(), setting.into())));
    settings.extend(target.recorded.clone());
    settings.insert("server.synchronous_commit".into(), server.synchronous_commit.clone());
    settings.extend(standbys(connection).await.map(|found| ("standbys".into(), found.whole.to_string())));
    settings.insert("layout".into(), layout.dialect.items.name().into());
    settings.insert("client.tls".into(), tls(connection).await);
    if target.is_pooled {
        settings.insert("client.pooler".into(), "between us and the server, a process a session".into());
    }
    settings.extend(build(connection).await.map(|build| ("version".into(), build)));
    let version = settings.get("server_version").cloned().unwrap_or_default();
    let files = if target.is_local() {
        files(connection, &schema_name(&layout.name), &settings).await
    } else {
        Files::default()
    };
    let catalog = catalog::read(connection, &schema_name(&layout.name)).await?;
    let layout = layout.describe();
    let mut description = Description { version, guarantees: guarantees(&settings), settings, layout, catalog };
    files.judge(&mut description);
    Ok(description)
}

/// The file systems of the server's files, if it runs on this machine and tells where they are. Only superusers and
/// `pg_read_all_settings` may see the data directory, but everybody sees tablespaces, and one in memory is enough to lose
/// data. Our session's process sees the same mounts as all of the server.
async fn files(connection: &mut Connection, schema: &str, settings: &BTreeMap<String, String>) -> Files {
    let rows = connection.query("SELECT pg_backend_pid()", &[]).await;
    let pid: Option<i32> = rows.ok().and_then(|rows| rows.first().and_then(|row| row.try_get(0).ok()));
    let Some(pid) = pid else { return Files::default() };
    let seen = |folder: &str| Files::seen_by(pid.into(), &["postgres"], folder, "pg_wal");
    let mut files = settings.get("data_directory").map(|folder| seen(folder)).unwrap_or_default();
    let spaces = tablespaces(connection, schema).await.into_iter().map(|folder| seen(&folder).data);
    if let Some(in_memory) = spaces.into_iter().find(|kind| is_in_memory(kind.as_deref())) {
        files.data = in_memory;
    }
    files
}

/// The folders outside the data directory in which tables of ours are, or new ones would be.
async fn tablespaces(connection: &mut Connection, schema: &str) -> Vec<String> {
    let query = "SELECT DISTINCT pg_tablespace_location(space) FROM ( \
                   SELECT dattablespace FROM pg_database WHERE datname = current_database() \
                   UNION SELECT oid FROM pg_tablespace WHERE spcname = current_setting('default_tablespace') \
                   UNION SELECT c.reltablespace FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                   WHERE n.nspname = $1 AND c.reltablespace <> 0) AS used (space) \
                 WHERE pg_tablespace_location(space) <> ''";
    let rows = connection.query(query, &[&schema]).await.unwrap_or_default();
    rows.iter().filter_map(|row| row.try_get(0).ok()).collect()
}

/// The version with the system that the server was built for.
async fn build(connection: &mut Connection) -> Option<String> {
    let rows = connection.query("SELECT version()", &[]).await.ok()?;
    rows.first()?.try_get(0).ok()
}

/// As the server sees this connection. Not every engine has the view.
async fn tls(connection: &mut Connection) -> String {
    let query = "SELECT concat_ws(' ', version, cipher) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";
    let rows = connection.query(query, &[]).await;
    let encrypted = rows.ok().and_then(|rows| rows.first().and_then(|row| row.try_get(0).ok()));
    encrypted.unwrap_or_else(|| "none".into())
}

/// What the settings that were read back amount to.
pub(super) fn guarantees(settings: &BTreeMap<String, String>) -> Guarantees {
    let setting = |name: &str| settings.get(name).map_or("unknown", String::as_str);
    let (fsync, pages, commit) = (setting("fsync"), setting("full_page_writes"), setting("synchronous_commit"));
    let method = setting("wal_sync_method");
    let (durability, meaning) = match (fsync, pages, commit) {
        ("on", "on", "on" | "local" | "remote_write" | "remote_apply")
            if stays_in_the_drive(setting("version"), method) =>
        {
            (
                Durability::Relaxed,
                "but on macOS a flush stops in the drive's cache unless wal_sync_method is fsync_writethrough: set that",
            )
        }
        // `local`, `remote_write`, `on` and `remote_apply` differ in what they ask of standbys.
        ("on", "on", "on" | "local" | "remote_write" | "remote_apply") => {
            (Durability::Durable, "so each commit is flushed to disk before it is answered")
        }
        ("on", "on", "off") => (
            Durability::Relaxed,
            "so commits are answered before the log is flushed and a crash may take the last of them",
        ),
        ("on", _, _) => (Durability::Memory, "so a power cut may leave torn pages that nothing repairs"),
        _ => (Durability::Memory, "so nothing waits for the disk and a power cut may destroy the cluster"),
    };
    let level = setting("default_transaction_isolation");
    let isolation = match level_of(level) {
        Isolation::Snapshot => format!("snapshot: PostgreSQL's {level}"),
        level => level.name().to_owned(),
    };
    let mut because = format!("fsync={fsync}, full_page_writes={pages} and synchronous_commit={commit}, {meaning}");
    if let Some(own) = settings.get("server.synchronous_commit").filter(|own| *own != commit) {
        because += &format!("; our sessions set synchronous_commit={commit}, the server's own is {own}");
    }
    let waits =
        waits_for_standbys(commit) && settings.get("synchronous_standby_names").is_some_and(|is| !is.is_empty());
    if settings.get("standbys").is_some_and(|standbys| standbys != "0") && !waits {
        because += "; the tier is of this node alone: a standby that takes over may lack an acknowledged commit";
    }
    Guarantees { durability, isolation, because }
}

/// Whether what a server of this build flushes by this method may still be lost with the power. On macOS neither fsync
/// nor O_DSYNC makes the drive write its cache, and `fsync_writethrough` alone does, by F_FULLFSYNC
/// (postgresql.org/docs/current/wal-reliability.html). A build names its system as `aarch64-apple-darwin23.6.0`.
fn stays_in_the_drive(build: &str, method: &str) -> bool {
    build.contains("-darwin") && method != "fsync_writethrough"
}
