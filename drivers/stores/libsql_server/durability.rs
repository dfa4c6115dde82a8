//! The settings that the server reports, and the guarantees that follow from them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::connection::Connection;
use super::endpoint::Endpoint;
use super::hrana::SUBPROTOCOL;
use crate::sql::sqlite::catalog;
use crate::sql::sqlite::dialect::SqliteLayout;
use crate::sql::sqlite::durability as sqlite;
use crate::sql::sqlite::ownership::AdminConnection;
use crate::support::files::Files;
use crate::{Description, Durability, Failure, Guarantees};

/// The description of an opened store.
pub(super) async fn describe(
    connection: &mut Connection,
    endpoint: &Endpoint,
    layout: &SqliteLayout,
) -> Result<Description, Failure> {
    const PRAGMAS: [&str; 8] = [
        "journal_mode",
        "synchronous",
        "page_size",
        "cache_size",
        "wal_autocheckpoint",
        "busy_timeout",
        "foreign_keys",
        "mmap_size",
    ];
    let mut settings = BTreeMap::new();
    for pragma in PRAGMAS {
        settings.insert(pragma.to_owned(), first(connection, &format!("PRAGMA {pragma}")).await?);
    }
    settings.insert("sqlite_version".into(), first(connection, "SELECT sqlite_version()").await?);
    settings.insert("client".into(), format!("{} over WebSocket, one a session", SUBPROTOCOL));
    settings.insert("client_connection".into(), endpoint.describe().into());
    settings.insert("client_response_timeout".into(), format!("{:?}, by the suite", endpoint.timeout));
    settings.extend(endpoint.recorded.clone());
    let version = endpoint.ask("GET", "version", "").await.map(|version| version.trim().to_owned());
    let file = first(connection, "SELECT file FROM pragma_database_list WHERE name = 'main'").await;
    let mut description = Description {
        // What stands between may hide the server's own.
        version: version.unwrap_or_else(|_| format!("libSQL {}", settings["sqlite_version"])),
        guarantees: guarantees(&settings["journal_mode"], &settings["synchronous"]),
        settings,
        layout: layout.describe(),
        catalog: catalog::read(connection, layout).await?,
    };
    files(endpoint, file.ok()).judge(&mut description);
    Ok(description)
}

/// On what the database lies, if its file is on this machine. sqld does not tell its process: its own name for the
/// file, `…/dbs/<namespace>/data`, has to do.
fn files(endpoint: &Endpoint, file: Option<String>) -> Files {
    let file = file.map(PathBuf::from).filter(|file| endpoint.is_local() && file.is_absolute());
    file.map_or_else(Files::default, |file| Files::around(&file))
}

/// What the settings that were read back amount to. That an administrator has set more is not to be read.
pub(super) fn guarantees(journal_mode: &str, synchronous: &str) -> Guarantees {
    let mut guarantees = sqlite::guarantees(journal_mode, synchronous);
    if guarantees.durability == Durability::Relaxed {
        guarantees.because += ", unless an administrator sets durability_mode to strong";
    }
    guarantees
}

/// The first column of the first row that a statement answers, as text.
async fn first(connection: &mut Connection, sql: &str) -> Result<String, Failure> {
    let texts = connection.texts(sql, &[]).await?;
    let nothing = || Failure::broken(format!("libsql-server: nothing is answered to `{sql}`"));
    texts.into_iter().next().ok_or_else(nothing)
}
