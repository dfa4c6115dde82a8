//! The settings of durability that a connection has, and the description in which they are read back.

use std::collections::BTreeMap;
use std::path::Path;

use libsql::Connection;

use super::connection::text;
use crate::sql::sqlite::catalog;
use crate::sql::sqlite::dialect::SqliteLayout;
use crate::sql::sqlite::durability::guarantees;
use crate::support::files::Files;
use crate::{Description, Durability, Failure};

/// The statements that set a connection for a tier.
pub(super) fn pragmas(durability: Durability) -> String {
    let synchronous = match durability {
        Durability::Durable => "FULL",
        Durability::Relaxed => "NORMAL",
        Durability::Memory => "OFF",
    };
    // Elsewhere than on macOS, where fsync leaves data in the drive's cache, `fullfsync` changes nothing.
    let fullfsync = durability == Durability::Durable;
    format!("PRAGMA synchronous = {synchronous}; PRAGMA fullfsync = {fullfsync};")
}

/// The description, read back from a connection that is set so.
pub(super) async fn describe(
    connection: &Connection,
    layout: &SqliteLayout,
    file: &Path,
) -> Result<Description, Failure> {
    const PRAGMAS: [&str; 10] = [
        "auto_vacuum",
        "journal_mode",
        "synchronous",
        "fullfsync",
        "page_size",
        "cache_size",
        "wal_autocheckpoint",
        "busy_timeout",
        "foreign_keys",
        "mmap_size",
    ];
    let mut settings = BTreeMap::new();
    for pragma in PRAGMAS {
        settings.insert(pragma.to_owned(), text(connection, &format!("PRAGMA {pragma}")).await?);
    }
    settings.insert("source_id".into(), text(connection, "SELECT sqlite_source_id()").await?);
    let mut description = Description {
        version: text(connection, "SELECT sqlite_version()").await?,
        guarantees: guarantees(&settings["journal_mode"], &settings["synchronous"]),
        settings,
        layout: layout.describe(),
        catalog: catalog::read(&mut &*connection, layout).await?,
    };
    Files::around(file).judge(&mut description);
    Ok(description)
}
