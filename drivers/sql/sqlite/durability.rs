//! What SQLite's settings amount to (sqlite.org/pragma.html#pragma_synchronous, sqlite.org/isolation.html).

use crate::{Durability, Guarantees};

/// What a commit is worth under the settings that were read back.
pub(crate) fn guarantees(journal_mode: &str, synchronous: &str) -> Guarantees {
    // PRAGMA synchronous answers 0 OFF, 1 NORMAL, 2 FULL, 3 EXTRA.
    let (durability, meaning) = match (journal_mode, synchronous) {
        ("wal", "2" | "3") => (Durability::Durable, "so each commit is synced to disk"),
        ("wal", "1") => (Durability::Relaxed, "so the log is synced at checkpoints and the last commits may be lost"),
        ("wal", "0") => (Durability::Memory, "so nothing is synced and a power cut may corrupt the file"),
        _ => (Durability::Memory, "and nothing is claimed outside WAL mode"),
    };
    Guarantees {
        durability,
        isolation: "serializable: one writer at a time, readers see a snapshot".into(),
        because: format!("journal_mode={journal_mode} and synchronous={synchronous}, {meaning}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_claimed_in_wal_mode_only_and_by_what_is_synced() {
        let tier = |journal, synchronous| guarantees(journal, synchronous).durability;
        assert_eq!(tier("wal", "3"), Durability::Durable);
        assert_eq!(tier("wal", "2"), Durability::Durable);
        assert_eq!(tier("wal", "1"), Durability::Relaxed);
        assert_eq!(tier("wal", "0"), Durability::Memory);
        assert_eq!(tier("delete", "2"), Durability::Memory);
    }
}
