//! What the server reports about itself: INFO, CONFIG GET and MEMORY STATS. What it amounts to is in `durability.rs`.

use std::collections::BTreeMap;

use super::connection::Connection;
use super::failure::client_failure;
use crate::support::files::Files;
use crate::{Failure, FailureKind};

/// Names and values, as INFO or CONFIG GET answers them.
pub(super) type ServerProperties = BTreeMap<String, String>;

/// Settings of the server that matter for speed or safety.
const SETTINGS: [&str; 12] = [
    "appendonly",
    "appendfsync",
    "appenddirname",
    "dir",
    "no-appendfsync-on-rewrite",
    "auto-aof-rewrite-percentage",
    "save",
    "maxmemory",
    "maxmemory-policy",
    "io-threads",
    "maxclients",
    "min-replicas-to-write",
];

/// Some sections of INFO; empty if this user may not see them.
pub(super) async fn info(connection: &mut Connection, sections: &[&str]) -> Result<ServerProperties, Failure> {
    let mut info = ServerProperties::new();
    for section in sections {
        let text: String = match redis::cmd("INFO").arg(section).query_async(connection).await {
            Ok(text) => text,
            Err(error) if error.code() == Some("NOPERM") => continue,
            Err(error) => return Err(client_failure(error, "INFO")),
        };
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        info.extend(pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())));
    }
    Ok(info)
}

/// The effective settings, without those that this version does not know. `None` if the server lets nobody read them, as
/// hosted servers do.
pub(super) async fn settings(connection: &mut Connection) -> Result<Option<ServerProperties>, Failure> {
    let mut settings = ServerProperties::new();
    for setting in SETTINGS {
        // One by one: several in one command are understood from version 7 on.
        match connection.query::<Vec<(String, String)>>(redis::cmd("CONFIG").arg("GET").arg(setting)).await {
            Ok(pairs) => settings.extend(pairs),
            Err(failure) if matches!(failure.kind, FailureKind::Denied | FailureKind::Broken) => return Ok(None),
            Err(failure) => return Err(failure),
        }
    }
    Ok(Some(settings))
}

/// Bytes of memory that the data takes. INFO's `used_memory_dataset` leaves out the tables of keys, 41 % of what 100,000
/// hashes of two fields take (7.0.15); MEMORY STATS has them, where this user may ask.
pub(super) async fn memory_bytes(connection: &mut Connection, info: &ServerProperties) -> Result<Option<u64>, Failure> {
    let Some(dataset) = info.get("used_memory_dataset").and_then(|bytes| bytes.parse::<u64>().ok()) else {
        return Ok(None);
    };
    let stats: BTreeMap<String, redis::Value> = match connection.query(redis::cmd("MEMORY").arg("STATS")).await {
        Ok(stats) => stats,
        Err(failure) if matches!(failure.kind, FailureKind::Denied | FailureKind::Broken) => return Ok(Some(dataset)),
        Err(failure) => return Err(failure),
    };
    let databases = stats.into_iter().filter(|(name, _)| name.starts_with("db."));
    let tables = databases.filter_map(|(_, sizes)| redis::from_redis_value::<BTreeMap<String, u64>>(sizes).ok());
    Ok(Some(dataset + tables.flat_map(BTreeMap::into_values).sum::<u64>()))
}

/// The version, with the name of a server that is not Redis itself.
pub(super) fn version(info: &ServerProperties) -> String {
    match (info.get("valkey_version"), info.get("redis_version")) {
        (Some(valkey), _) => format!("Valkey {valkey}"),
        (None, Some(redis)) => redis.clone(),
        (None, None) => "unknown".to_owned(),
    }
}

/// The file system of the server's files, if the server runs on this machine. The append-only file has a folder of its own
/// from version 7 on.
pub(super) fn files(settings: Option<&ServerProperties>, info: &ServerProperties) -> Files {
    let pid = info.get("process_id").and_then(|pid| pid.parse().ok());
    let Some((pid, settings)) = pid.zip(settings) else { return Files::default() };
    let setting = |name: &str| settings.get(name).map_or("", String::as_str);
    Files::seen_by(pid, &["redis", "valkey", "keydb"], setting("dir"), setting("appenddirname"))
}
