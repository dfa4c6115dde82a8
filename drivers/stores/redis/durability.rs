//! What the server's settings and INFO amount to: the durability tier, whether it may evict keys, and the state of its
//! append-only file.
//!
//! Durability, from redis.io/docs/latest/operate/oss_and_stack/management/persistence/ and `flushAppendOnlyFile` in
//! redis/src/aof.c. The append-only file is written before answers are sent. With `appendfsync always` it is also
//! synced before: `durable`, unless `no-appendfsync-on-rewrite` is on, which skips the sync while a child process
//! saves. With `everysec` it is synced in the background once a second, and with `no` when the system decides: `relaxed`.
//! One exception is known: with `everysec`, a write that would have to wait for a running sync is held back for at most
//! 2 s, while answers go out; what was held back is lost if the process ends just then. Snapshots (`save`) alone lose
//! minutes: `memory`. The same tier has a file that is not in force yet, a server that may evict, for it forgets what it
//! acknowledged, and a replica, which does so when it next synchronizes with its primary. The tier of a primary is that
//! of the primary alone: replication is asynchronous, so what it acknowledged may be missing if a replica takes over.
//!
//! `appendonly yes` alone proves nothing. Set while the server runs, it starts a rewrite, and until that has ended
//! everything goes to a temporary file that no restart reads (`startAppendOnly` and `AOF_WAIT_REWRITE` in
//! redis/src/aof.c). INFO does not distinguish this rewrite from an ordinary one, which puts nothing at risk: so we wait for
//! either, and one that does not end in time counts against the server.

use std::time::Duration;

use super::connection::Connection;
use super::info::{self, ServerProperties};
use crate::{Durability, Failure, FailureKind, Guarantees};

/// The guarantees that follow from settings, if they could be read, and INFO.
pub(super) fn guarantees(settings: Option<&ServerProperties>, info: &ServerProperties) -> Guarantees {
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

fn tier(settings: Option<&ServerProperties>, info: &ServerProperties) -> (Durability, String) {
    let memory = |because: String| (Durability::Memory, because);
    if info.get("role").is_some_and(|role| role == "slave") {
        return memory("role=slave, so what is written here is lost when it next synchronizes with its primary".into());
    }
    if let Some(policy) = eviction_policy(info) {
        return memory(format!("{policy}, so what was acknowledged may be evicted"));
    }
    let Some(settings) = settings else {
        let aof = info.get("aof_enabled").map_or("unknown", String::as_str);
        return memory(format!(
            "the server does not let us read its settings (INFO: aof_enabled={aof}), so nothing is claimed"
        ));
    };
    let setting = |name: &str| settings.get(name).map_or("unknown", String::as_str);
    let (aof, fsync, skips) = (setting("appendonly"), setting("appendfsync"), setting("no-appendfsync-on-rewrite"));
    if aof != "yes" {
        let save = setting("save");
        return memory(format!(
            "appendonly={aof} and save=\"{save}\", so what is not in a snapshot is lost with the process"
        ));
    }
    if let Some(problem) = aof_problem(info) {
        return memory(format!(
            "appendonly=yes, but INFO says {problem}, so a restart may find nothing of what is written now"
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
            format!(
                "{set}, so a write is handed to the system before it is answered and synced when the system decides"
            ),
        ),
        _ => memory(format!("{set}, which this driver does not know")),
    }
}

/// The INFO field that shows, as `name=value`, that the append-only file does not hold everything that was answered.
fn aof_problem(info: &ServerProperties) -> Option<String> {
    const IN_FORCE: [(&str, &str); 5] = [
        ("aof_enabled", "1"),
        ("aof_rewrite_in_progress", "0"),
        ("aof_rewrite_scheduled", "0"),
        ("aof_last_bgrewrite_status", "ok"),
        ("aof_last_write_status", "ok"),
    ];
    let reported = |name: &str| info.get(name).map_or("unknown", String::as_str);
    let (name, _) = IN_FORCE.into_iter().find(|(name, needed)| reported(name) != *needed)?;
    Some(format!("{name}={}", reported(name)))
}

/// Waits until no rewrite of the append-only file is in progress, for no longer than `patience`. It does not wait for the
/// retry of a failed one: the server retries, but not soon.
pub(super) async fn wait_for_aof_rewrite(connection: &mut Connection, patience: Duration) -> Result<(), Failure> {
    const INTERVAL: Duration = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        let info = info::info(connection, &["persistence"]).await?;
        let is = |name: &str, value: &str| info.get(name).is_some_and(|reported| reported == value);
        let is_running = is("aof_rewrite_in_progress", "1") || is("aof_rewrite_scheduled", "1");
        if !is_running || is("aof_last_bgrewrite_status", "err") || waited >= patience {
            return Ok(());
        }
        tokio::time::sleep(INTERVAL).await;
        waited += INTERVAL;
    }
}

/// The size of the append-only file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct AofSize {
    pub(super) bytes: u64,
    /// The size after the last rewrite.
    base_bytes: u64,
}

impl AofSize {
    pub(super) fn from_info(info: &ServerProperties) -> Option<Self> {
        let number = |name: &str| info.get(name)?.parse().ok();
        if info.get("aof_enabled")? != "1" {
            return None;
        }
        Some(AofSize { bytes: number("aof_current_size")?, base_bytes: number("aof_base_size")? })
    }

    /// Bytes written since an earlier size; unknown if there was a rewrite in between.
    pub(super) fn growth_since(self, earlier: AofSize) -> Option<u64> {
        if self.base_bytes == earlier.base_bytes { self.bytes.checked_sub(earlier.bytes) } else { None }
    }
}

/// The settings by which a server may evict our keys: with a `maxmemory` and a policy `allkeys-…` it makes room by dropping
/// keys of its choice. The policies `volatile-…` take keys that expire, and ours do not.
pub(super) fn eviction_policy(info: &ServerProperties) -> Option<String> {
    let (limit, policy) = (info.get("maxmemory")?, info.get("maxmemory_policy")?);
    (limit != "0" && policy.starts_with("allkeys")).then(|| format!("maxmemory={limit}, maxmemory-policy={policy}"))
}

/// Adds to a failure for want of `what` that the server may have evicted it, if the server has evicted keys: a record, an
/// index or the marker that is missing would be a riddle otherwise.
pub(super) async fn suspect_eviction(connection: &mut Connection, failure: Failure, what: &str) -> Failure {
    if !matches!(failure.kind, FailureKind::Missing | FailureKind::Broken) {
        return failure;
    }
    match possible_eviction(connection, what).await {
        Some(cause) => Failure { message: format!("{}; {cause}", failure.message), ..failure },
        None => failure,
    }
}

/// That the server may have evicted `what`, if it has evicted keys and tells.
pub(super) async fn possible_eviction(connection: &mut Connection, what: &str) -> Option<String> {
    let info = info::info(connection, &["memory", "stats"]).await.ok()?;
    let evicted = info.get("evicted_keys").filter(|evicted| *evicted != "0")?;
    let policy = eviction_policy(&info)?;
    Some(format!("the server may have evicted {what} (evicted_keys={evicted}, {policy})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[&[(&str, &str)]]) -> ServerProperties {
        pairs.concat().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const SETTINGS: [(&str, &str); 4] =
        [("appendonly", "yes"), ("appendfsync", "always"), ("no-appendfsync-on-rewrite", "no"), ("save", "")];
    const INFO: [(&str, &str); 8] = [
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
        let tier_with = |changes: &[(&str, &str)]| {
            guarantees(Some(&properties(&[&SETTINGS, changes])), &properties(&[&INFO])).durability
        };
        assert_eq!(tier_with(&[]), Durability::Durable);
        assert_eq!(tier_with(&[("no-appendfsync-on-rewrite", "yes")]), Durability::Relaxed);
        assert_eq!(tier_with(&[("appendfsync", "everysec")]), Durability::Relaxed);
        assert_eq!(tier_with(&[("appendfsync", "no")]), Durability::Relaxed);
        assert_eq!(tier_with(&[("appendonly", "no"), ("save", "3600 1")]), Durability::Memory);
        assert_eq!(guarantees(None, &properties(&[&INFO])).durability, Durability::Memory);
    }

    #[test]
    fn what_info_says_takes_claims_away() {
        let tier_of = |changes: &[(&str, &str)]| {
            guarantees(Some(&properties(&[&SETTINGS])), &properties(&[&INFO, changes])).durability
        };
        for changed in [
            ("aof_enabled", "0"),
            ("aof_rewrite_in_progress", "1"),
            ("aof_rewrite_scheduled", "1"),
            ("aof_last_bgrewrite_status", "err"),
            ("aof_last_write_status", "err"),
            ("role", "slave"),
        ] {
            assert_eq!(tier_of(&[changed]), Durability::Memory, "{changed:?}");
        }
        assert_eq!(
            guarantees(Some(&properties(&[&SETTINGS])), &ServerProperties::new()).durability,
            Durability::Memory,
            "INFO is empty"
        );
        assert_eq!(tier_of(&[("maxmemory", "100"), ("maxmemory_policy", "allkeys-lru")]), Durability::Memory);
        assert_eq!(tier_of(&[("maxmemory", "100"), ("maxmemory_policy", "volatile-lru")]), Durability::Durable);
        assert_eq!(tier_of(&[("maxmemory", "100")]), Durability::Durable);
        assert_eq!(tier_of(&[("connected_slaves", "2")]), Durability::Durable);
        let because =
            guarantees(Some(&properties(&[&SETTINGS])), &properties(&[&INFO, &[("connected_slaves", "2")]])).because;
        assert!(because.contains("this node alone: 2 replicas may lack the last writes if one of them"), "{because}");
    }
}
