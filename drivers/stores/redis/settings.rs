//! What the server says of itself, and what that amounts to.
//!
//! Durability, from redis.io/docs/latest/operate/oss_and_stack/management/persistence/ and `flushAppendOnlyFile` in
//! redis/src/aof.c. The append-only file is written before answers are sent. With `appendfsync always` it is also
//! synced before: `durable`, unless `no-appendfsync-on-rewrite` is on, which leaves the sync out while a child process
//! saves. With `everysec` it is synced in the background once a second, and with `no` when the system likes: `relaxed`.
//! One exception is known: with `everysec`, a write that would have to wait for a running sync is held back for at most
//! 2 s, while answers go out; what was held back is lost if the process ends just then. Snapshots (`save`) alone lose
//! minutes: `memory`. So is a file that is not in force (`aof.rs`), a server that may evict, for it forgets what it
//! acknowledged, and a replica, which does so when it next synchronizes with its primary. Of a primary the tier is its
//! own: replication is asynchronous, so what it acknowledged may be missing where a replica takes over.

use std::collections::BTreeMap;

use super::failures::failure;
use super::link::Link;
use super::session::ask;
use super::{aof, eviction};
use crate::support::files::Files;
use crate::{Durability, Failure, FailureKind, Guarantees};

/// Settings of the server that bear on speed or safety.
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

/// What INFO tells, by name.
pub(super) type Info = BTreeMap<String, String>;

/// Some sections of INFO; nothing of them, if this user may not see it.
pub(super) async fn info(connection: &mut Link, sections: &[&str]) -> Result<Info, Failure> {
    let mut info = Info::new();
    for section in sections {
        let text: String = match redis::cmd("INFO").arg(section).query_async(connection).await {
            Ok(text) => text,
            Err(error) if error.code() == Some("NOPERM") => continue,
            Err(error) => return Err(failure(error, &"INFO")),
        };
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        info.extend(pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())));
    }
    Ok(info)
}

/// Bytes of memory that the data takes. INFO's `used_memory_dataset` leaves out the tables of keys, 41 % of what 100,000
/// hashes of two fields take (7.0.15); MEMORY STATS tells them, where this user may ask.
pub(super) async fn memory_bytes(connection: &mut Link, info: &Info) -> Result<Option<u64>, Failure> {
    let Some(dataset) = info.get("used_memory_dataset").and_then(|bytes| bytes.parse::<u64>().ok()) else {
        return Ok(None);
    };
    let asked = ask::<BTreeMap<String, redis::Value>>(connection, redis::cmd("MEMORY").arg("STATS")).await;
    let stats = match asked {
        Ok(stats) => stats,
        Err(failure) if matches!(failure.kind, FailureKind::Denied | FailureKind::Broken) => return Ok(Some(dataset)),
        Err(failure) => return Err(failure),
    };
    let databases = stats.into_iter().filter(|(name, _)| name.starts_with("db."));
    let tables = databases.filter_map(|(_, sizes)| redis::from_redis_value::<BTreeMap<String, u64>>(sizes).ok());
    Ok(Some(dataset + tables.flat_map(BTreeMap::into_values).sum::<u64>()))
}

/// The settings, read back. One that the server does not know is left out; None if it lets nobody see them, as hosted
/// servers do.
pub(super) async fn settings(connection: &mut Link) -> Result<Option<Info>, Failure> {
    let mut settings = Info::new();
    for setting in SETTINGS {
        // One by one: several in one command are understood from version 7 on.
        match ask::<Vec<(String, String)>>(connection, redis::cmd("CONFIG").arg("GET").arg(setting)).await {
            Ok(pairs) => settings.extend(pairs),
            Err(failure) if matches!(failure.kind, FailureKind::Denied | FailureKind::Broken) => return Ok(None),
            Err(failure) => return Err(failure),
        }
    }
    Ok(Some(settings))
}

/// The version, with the name of a server that is not Redis itself.
pub(super) fn version(info: &Info) -> String {
    let redis = info.get("redis_version").map_or("unknown", String::as_str);
    match info.get("valkey_version") {
        Some(valkey) => format!("Valkey {valkey}"),
        None => redis.to_owned(),
    }
}

/// On what the server's files lie, if it runs on this machine. The append-only file is in a folder of its own from version
/// 7 on.
pub(super) fn files(settings: Option<&Info>, info: &Info) -> Files {
    let pid = info.get("process_id").and_then(|pid| pid.parse().ok());
    let Some((pid, settings)) = pid.zip(settings) else { return Files::default() };
    let told = |name: &str| settings.get(name).map_or("", String::as_str);
    Files::seen_by(pid, &["redis", "valkey", "keydb"], told("dir"), told("appenddirname"))
}

/// What the settings and INFO amount to.
pub(super) fn guarantees(settings: Option<&Info>, info: &Info) -> Guarantees {
    let (durability, mut because) = tier(settings, info);
    match info.get("connected_slaves").map_or("0", String::as_str) {
        "0" => {}
        "1" => because += "; of this node alone: 1 replica may lack the last writes if it takes over",
        many => {
            because +=
                &format!("; of this node alone: {many} replicas may lack the last writes if one of them takes over")
        }
    }
    let isolation = "serializable: commands and scripts run one at a time".into();
    Guarantees { durability, isolation, because }
}

fn tier(settings: Option<&Info>, info: &Info) -> (Durability, String) {
    let memory = |because: String| (Durability::Memory, because);
    if info.get("role").is_some_and(|role| role == "slave") {
        return memory("role=slave, so what is written here is lost when it next synchronizes with its primary".into());
    }
    if let Some(policy) = eviction::policy(info) {
        return memory(format!("{policy}, so what was acknowledged may be evicted"));
    }
    let Some(settings) = settings else {
        let aof = info.get("aof_enabled").map_or("unknown", String::as_str);
        return memory(format!(
            "the server does not let us read its settings (INFO: aof_enabled={aof}), so nothing is claimed"
        ));
    };
    let of = |name: &str| settings.get(name).map_or("unknown", String::as_str);
    let (aof, fsync, skips) = (of("appendonly"), of("appendfsync"), of("no-appendfsync-on-rewrite"));
    if aof != "yes" {
        let save = of("save");
        return memory(format!(
            "appendonly={aof} and save=\"{save}\", so what is not in a snapshot is lost with the process"
        ));
    }
    if let Some(doubt) = aof::doubt(info) {
        return memory(format!(
            "appendonly=yes, but INFO tells {doubt}, so a restart may find nothing of what is written now"
        ));
    }
    let set = format!("appendonly=yes and appendfsync={fsync}");
    match fsync {
        "always" if skips == "no" => {
            (Durability::Durable, format!("{set}, so a write is synced before it is answered"))
        }
        "always" => (
            Durability::Relaxed,
            format!("{set} and no-appendfsync-on-rewrite={skips}, so nothing is synced while a snapshot is written"),
        ),
        "everysec" => (
            Durability::Relaxed,
            format!(
                "{set}, so a write is handed to the system before it is answered (or, during a sync, within 2 s) and \
                 synced once a second"
            ),
        ),
        "no" => (
            Durability::Relaxed,
            format!("{set}, so a write is handed to the system before it is answered and synced when the system likes"),
        ),
        _ => memory(format!("{set}, which is not understood")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &[&[(&str, &str)]]) -> Info {
        pairs.concat().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const SET: [(&str, &str); 4] =
        [("appendonly", "yes"), ("appendfsync", "always"), ("no-appendfsync-on-rewrite", "no"), ("save", "")];
    const TOLD: [(&str, &str); 8] = [
        ("role", "master"),
        ("maxmemory", "0"),
        ("maxmemory_policy", "noeviction"),
        ("aof_enabled", "1"),
        ("aof_rewrite_in_progress", "0"),
        ("aof_rewrite_scheduled", "0"),
        ("aof_last_bgrewrite_status", "ok"),
        ("aof_last_write_status", "ok"),
    ];

    #[test]
    fn only_what_is_synced_before_the_answer_is_called_durable() {
        let tier_with =
            |changes: &[(&str, &str)]| guarantees(Some(&told(&[&SET, changes])), &told(&[&TOLD])).durability;
        assert_eq!(tier_with(&[]), Durability::Durable);
        assert_eq!(tier_with(&[("no-appendfsync-on-rewrite", "yes")]), Durability::Relaxed);
        assert_eq!(tier_with(&[("appendfsync", "everysec")]), Durability::Relaxed);
        assert_eq!(tier_with(&[("appendfsync", "no")]), Durability::Relaxed);
        assert_eq!(tier_with(&[("appendonly", "no"), ("save", "3600 1")]), Durability::Memory);
        assert_eq!(guarantees(None, &told(&[&TOLD])).durability, Durability::Memory);
    }

    #[test]
    fn what_a_server_tells_of_itself_takes_claims_away() {
        let tier_of = |changes: &[(&str, &str)]| guarantees(Some(&told(&[&SET])), &told(&[&TOLD, changes])).durability;
        for lost in [
            ("aof_enabled", "0"),
            ("aof_rewrite_in_progress", "1"),
            ("aof_rewrite_scheduled", "1"),
            ("aof_last_bgrewrite_status", "err"),
            ("aof_last_write_status", "err"),
            ("role", "slave"),
        ] {
            assert_eq!(tier_of(&[lost]), Durability::Memory, "{lost:?}");
        }
        assert_eq!(guarantees(Some(&told(&[&SET])), &Info::new()).durability, Durability::Memory, "it tells nothing");
        assert_eq!(tier_of(&[("maxmemory", "100"), ("maxmemory_policy", "allkeys-lru")]), Durability::Memory);
        assert_eq!(tier_of(&[("maxmemory", "100"), ("maxmemory_policy", "volatile-lru")]), Durability::Durable);
        assert_eq!(tier_of(&[("maxmemory", "100")]), Durability::Durable);
        assert_eq!(tier_of(&[("connected_slaves", "2")]), Durability::Durable);
        let because = guarantees(Some(&told(&[&SET])), &told(&[&TOLD, &[("connected_slaves", "2")]])).because;
        assert!(because.contains("this node alone: 2 replicas may lack the last writes if one of them"), "{because}");
    }
}
