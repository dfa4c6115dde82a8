//! The settings of a bulk load, which live with its connection and end with it.
//!
//! In WAL mode each commit writes every page that it has changed to the log, and a checkpoint writes it again to the
//! file. Keys come in no order, so in a small transaction almost every row changes a page of the key's index of its
//! own: with 500 rows a transaction and a checkpoint every 1000 pages, 57 GB were written for a file of 7 GB. So pages
//! are changed in memory for as long as they fit there, and the log is moved into the file when it is long.

use std::path::{Path, PathBuf};

use libsql::Connection;

use super::connection::{text, texts};
use super::failure::failure;
use crate::Failure;
use crate::support::disk;

/// How long the log may become before its transaction ends and it is moved into the file.
const LONGEST_LOG_BYTES: u64 = 256 << 20;

/// The page cache while loading. What does not fit goes to the log before the end of the transaction.
const CACHE_KIB: i64 = 64 << 10;

/// A load under way.
pub(super) struct BulkLoad {
    log: PathBuf,
    /// The length of the log at which it is moved next.
    due_at_bytes: u64,
    cache_size: String,
    autocheckpoint: String,
}

impl BulkLoad {
    pub(super) async fn begin(connection: &Connection, log: &Path) -> Result<BulkLoad, Failure> {
        let cache_size = text(connection, "PRAGMA cache_size").await?;
        let autocheckpoint = text(connection, "PRAGMA wal_autocheckpoint").await?;
        let load = BulkLoad { log: log.to_owned(), due_at_bytes: LONGEST_LOG_BYTES, cache_size, autocheckpoint };
        // Negative is in KiB, as the driver itself sets it; a cache that the user wants larger stays so.
        if load.cache_size.parse::<i64>().is_ok_and(|size| size > -CACHE_KIB) {
            set(connection, "cache_size", &format!("-{CACHE_KIB}")).await?;
        }
        set(connection, "wal_autocheckpoint", "0").await?;
        Ok(load)
    }

    /// Whether the log is long enough to be moved.
    pub(super) fn is_due(&self) -> bool {
        disk::file_bytes(&self.log) >= self.due_at_bytes
    }

    /// Moves the log into the file. Readers, whom only the file of somebody else can have, may keep it from being
    /// emptied: then it goes on growing for as long again.
    pub(super) async fn checkpoint(&mut self, connection: &Connection) -> Result<(), Failure> {
        texts(connection, "PRAGMA wal_checkpoint(TRUNCATE)", ()).await?;
        self.due_at_bytes = disk::file_bytes(&self.log) + LONGEST_LOG_BYTES;
        Ok(())
    }

    /// Moves what is left of the log and sets the connection back to what it was.
    pub(super) async fn end(mut self, connection: &Connection) -> Result<(), Failure> {
        self.checkpoint(connection).await?;
        set(connection, "cache_size", &self.cache_size).await?;
        set(connection, "wal_autocheckpoint", &self.autocheckpoint).await?;
        connection.execute_batch("PRAGMA shrink_memory").await.map_err(|error| failure(error, &"the page cache"))?;
        Ok(())
    }
}

async fn set(connection: &Connection, pragma: &str, value: &str) -> Result<(), Failure> {
    let set = format!("PRAGMA {pragma} = {value}");
    connection.execute_batch(&set).await.map_err(|error| failure(error, &set)).map(|_| ())
}
