//! The append-only file, as INFO tells of it: whether it is in force, and how much was written to it.
//!
//! `appendonly yes` alone proves nothing. Set while the server runs, it starts a rewrite, and until that has ended
//! everything goes to a temporary file that no restart reads (`startAppendOnly` and `AOF_WAIT_REWRITE` in
//! redis/src/aof.c). INFO does not tell this rewrite from an ordinary one, which puts nothing at risk: so any is waited
//! for, and one that does not end in time counts against the server.

use std::time::Duration;

use super::link::Link;
use super::settings::{self, Info};
use crate::Failure;

/// What INFO tells of a file that holds all that was answered.
const IN_FORCE: [(&str, &str); 5] = [
    ("aof_enabled", "1"),
    ("aof_rewrite_in_progress", "0"),
    ("aof_rewrite_scheduled", "0"),
    ("aof_last_bgrewrite_status", "ok"),
    ("aof_last_write_status", "ok"),
];

/// What INFO tells otherwise, as `name=value`; nothing if the file is in force.
pub(super) fn doubt(info: &Info) -> Option<String> {
    let told = |name: &str| info.get(name).map_or("unknown", String::as_str);
    let (name, _) = IN_FORCE.into_iter().find(|(name, needed)| told(name) != *needed)?;
    Some(format!("{name}={}", told(name)))
}

/// Waits until no rewrite goes on, for no longer than `patience`. One that has failed is tried again by the server, but
/// not soon.
pub(super) async fn rewritten(connection: &mut Link, patience: Duration) -> Result<(), Failure> {
    const EVERY: Duration = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        let info = settings::info(connection, &["persistence"]).await?;
        let is = |name: &str, value: &str| info.get(name).is_some_and(|told| told == value);
        let goes_on = is("aof_rewrite_in_progress", "1") || is("aof_rewrite_scheduled", "1");
        if !goes_on || is("aof_last_bgrewrite_status", "err") || waited >= patience {
            return Ok(());
        }
        tokio::time::sleep(EVERY).await;
        waited += EVERY;
    }
}

/// Its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Aof {
    pub(super) bytes: u64,
    /// Bytes of it after the last rewrite.
    base_bytes: u64,
}

impl Aof {
    pub(super) fn told(info: &Info) -> Option<Aof> {
        let number = |name: &str| info.get(name)?.parse().ok();
        if info.get("aof_enabled")? != "1" {
            return None;
        }
        Some(Aof { bytes: number("aof_current_size")?, base_bytes: number("aof_base_size")? })
    }

    /// Bytes written since an earlier state. A rewrite in between leaves nobody who knows.
    pub(super) fn grown_since(self, earlier: Aof) -> Option<u64> {
        if self.base_bytes == earlier.base_bytes { self.bytes.checked_sub(earlier.bytes) } else { None }
    }
}
