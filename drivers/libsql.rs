//! libSQL, embedded: the engine runs in this process, through its own crate.
//!
//! Sessions are connections to one file in WAL mode. The SQL is that of `sqlite.rs`; prepared statements and values have
//! files of their own. The libSQL server is another driver; synchronising replicas are not here.
//!
//! Durability follows sqlite.org/pragma.html#pragma_synchronous. In WAL mode FULL syncs the log at every commit, so that
//! a commit survives a power cut: `durable`. NORMAL syncs at checkpoints only; the file stays consistent and the last
//! commits may be lost: `relaxed`. OFF never syncs and a power cut may corrupt the file: no more than `memory`.

mod binding;
mod marker;
mod schema;
mod session;
mod statements;
#[cfg(test)]
mod tests;
mod values;

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libsql::{Builder, Connection, Database};

use crate::files::Files;
use crate::scratch::Scratch;
use crate::{
    Binding, Capabilities, Capability, Dataset, Description, Durability, Failure, FailureKind, Footprint, Leftover, Op,
    Opening, Placement, Store, disk, sqlite,
};
use marker::Lock;
pub use session::LibsqlSession;

/// The opened store.
pub struct Libsql {
    config: Config,
    dataset: Arc<Dataset>,
    durability: Durability,
    database: Database,
    path: PathBuf,
    /// The folder around a file of our own; it goes when the store does.
    home: Option<Scratch>,
    /// Held from the first marker that we write in a given file.
    lock: Mutex<Option<Lock>>,
    /// Whether there was no such file before.
    is_new: bool,
}

/// Where the file is and how connections are set.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A file to use: one that is there stays there. Without it a new one is made, and removed in the end.
    location: Option<PathBuf>,
    /// Page cache of each connection. The store's own default if not given.
    cache_mb: Option<u32>,
    /// How long an operation waits for the write lock before it fails as a conflict; 5000 if not given.
    busy_timeout_ms: Option<u32>,
}

impl Store for Libsql {
    type Config = Config;
    type Session = LibsqlSession;
    const NAME: &'static str = "libsql";
    const ABOUT: &'static str = "libSQL embedded: SQLite's fork, in this process";
    const CAPABILITIES: Capabilities = Capabilities::of(&Capability::ALL);
    const PLACEMENT: Placement = Placement::Embedded;
    const BEST_DURABILITY: Durability = Durability::Durable;
    const MARKER_IS_LOCKED: bool = true;

    async fn open(config: Config, opening: Opening) -> Result<Self, Failure> {
        let (path, home) = match &config.location {
            Some(location) => (given_file(location)?, None),
            None => {
                let home = Scratch::new().map_err(|error| unavailable(&disk::scratch_folder(), error))?;
                (home.path().join("storebench.db"), Some(home))
            }
        };
        let is_new = !path.exists();
        let database = Builder::new_local(&path).build().await.map_err(|error| failure(error, &path.display()))?;
        let Opening { dataset, durability, .. } = opening;
        Ok(Libsql { config, dataset, durability, database, path, home, lock: Mutex::default(), is_new })
    }

    async fn reset(&self) -> Result<(), Failure> {
        let connection = self.connect().await?;
        let mode = text(&connection, "PRAGMA journal_mode = WAL").await?;
        if mode != "wal" {
            return Err(Failure::broken(format!("libsql: {} stays in journal mode {mode}", self.path.display())));
        }
        schema::create(&connection, &self.dataset).await
    }

    /// Of a file of our own there is none.
    async fn read_marker(&self) -> Result<Option<String>, Failure> {
        if self.home.is_some() || !self.path.exists() {
            return Ok(None);
        }
        if self.lock().is_none() {
            Lock::refuse_taken(&self.path)?;
        }
        marker::read(&self.connect().await?, &self.dataset).await
    }

    async fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        if self.home.is_some() {
            return Ok(true);
        }
        let is_first = self.lock().is_none();
        if is_first {
            *self.lock() = Some(Lock::take(&self.path)?);
        }
        let swapped = marker::swap(&self.connect().await?, &self.dataset, expected, new).await;
        if is_first && !matches!(swapped, Ok(true)) {
            self.lock().take();
        }
        swapped
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        schema::leftovers(&self.connect().await?).await
    }

    async fn settle(&self) -> Result<(), Failure> {
        schema::settle(&self.connect().await?, &self.dataset).await
    }

    async fn session(&self) -> Result<LibsqlSession, Failure> {
        Ok(LibsqlSession::new(self.connect().await?, self.dataset.clone()))
    }

    /// To be asked after `reset`, which puts the file into WAL mode.
    async fn describe(&self) -> Result<Description, Failure> {
        const PRAGMAS: [&str; 9] = [
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
        let connection = self.connect().await?;
        let mut settings = std::collections::BTreeMap::new();
        for pragma in PRAGMAS {
            settings.insert(pragma.to_owned(), text(&connection, &format!("PRAGMA {pragma}")).await?);
        }
        settings.insert("source_id".into(), text(&connection, "SELECT sqlite_source_id()").await?);
        let mut description = Description {
            version: text(&connection, "SELECT sqlite_version()").await?,
            guarantees: sqlite::guarantees::guarantees(&settings["journal_mode"], &settings["synchronous"]),
            settings,
            layout: schema::layout(&self.dataset),
        };
        Files::around(&self.path).judge(&mut description);
        Ok(description)
    }

    fn binding(&self, op: &Op) -> Binding {
        Binding { statements: binding::binding(&self.dataset, op), round_trips: 0 }
    }

    async fn footprint(&self) -> Result<Footprint, Failure> {
        let bytes = self.files().iter().map(|file| disk::file_bytes(file)).sum();
        Ok(Footprint { disk_bytes: Some(bytes), ..Footprint::default() })
    }

    async fn close(&self, keep: bool) -> Result<(), Failure> {
        if let Some(home) = &self.home {
            return if keep { Ok(()) } else { home.empty().map_err(|error| unavailable(&self.path, error)) };
        }
        if self.path.exists() && (self.is_new || !keep) {
            let connection = self.connect().await?;
            if !keep {
                schema::drop_own(&connection, &self.dataset).await?;
            }
            let is_ours = self.is_new && schema::is_empty(&connection).await?;
            drop(connection);
            if is_ours {
                self.remove()?;
            }
        }
        self.lock().take();
        Ok(())
    }
}

impl Libsql {
    fn lock(&self) -> MutexGuard<'_, Option<Lock>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file, its log and the log's index.
    fn files(&self) -> [PathBuf; 3] {
        ["", "-wal", "-shm"].map(|suffix| {
            let mut name = self.path.clone().into_os_string();
            name.push(suffix);
            name.into()
        })
    }

    fn remove(&self) -> Result<(), Failure> {
        self.files().iter().try_for_each(|file| match std::fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(unavailable(file, error)),
            _ => Ok(()),
        })
    }

    /// A connection, set as asked. These settings live with the connection; only the journal mode lives in the file.
    async fn connect(&self) -> Result<Connection, Failure> {
        let connection = self.database.connect().map_err(|error| failure(error, &self.path.display()))?;
        let synchronous = match self.durability {
            Durability::Durable => "FULL",
            Durability::Relaxed => "NORMAL",
            Durability::Memory => "OFF",
        };
        // Elsewhere than on macOS, where fsync leaves data in the drive's cache, `fullfsync` changes nothing.
        let fullfsync = self.durability == Durability::Durable;
        let busy_timeout_ms = self.config.busy_timeout_ms.unwrap_or(5000);
        let mut pragmas = format!(
            "PRAGMA busy_timeout = {busy_timeout_ms}; PRAGMA synchronous = {synchronous}; PRAGMA fullfsync = {fullfsync};"
        );
        if let Some(cache_mb) = self.config.cache_mb {
            // A negative number counts kibibytes, a positive one pages.
            pragmas += &format!("PRAGMA cache_size = -{};", u64::from(cache_mb) * 1024);
        }
        connection.execute_batch(&pragmas).await.map_err(|error| failure(error, &self.path.display()))?;
        Ok(connection)
    }
}

/// The file that was given, as an absolute path: names that SQLite would read otherwise (`:memory:`, `file:…`), which
/// the connections of several sessions could not share, become names of files.
fn given_file(location: &Path) -> Result<PathBuf, Failure> {
    let path = std::path::absolute(location).map_err(|error| unavailable(location, error))?;
    match path.parent() {
        Some(folder) if folder.is_dir() && !path.is_dir() => Ok(path),
        _ => Err(Failure::new(
            FailureKind::Unavailable,
            format!("libsql: `{}` is not a file in a folder that is there", location.display()),
        )),
    }
}

/// The first column of the first row that a statement answers, as text.
async fn text(connection: &Connection, statement: &str) -> Result<String, Failure> {
    let rows = texts(connection, statement, ()).await?;
    rows.into_iter().next().ok_or_else(|| Failure::broken(format!("libsql answers nothing to `{statement}`")))
}

/// The first column of all rows that a statement answers, as text.
async fn texts(
    connection: &Connection,
    statement: &str,
    parameters: impl libsql::params::IntoParams,
) -> Result<Vec<String>, Failure> {
    let mut rows = connection.query(statement, parameters).await.map_err(|error| failure(error, &statement))?;
    let mut texts = Vec::new();
    while let Some(row) = rows.next().await.map_err(|error| failure(error, &statement))? {
        texts.push(row.get_str(0).map_err(|error| failure(error, &statement))?.to_owned());
    }
    Ok(texts)
}

/// What an error of the crate means. Result codes: sqlite.org/rescode.html; the low byte of an extended code is the
/// primary one.
fn failure(error: libsql::Error, what: &dyn Display) -> Failure {
    const PERM: i32 = 3;
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const READONLY: i32 = 8;
    const FULL: i32 = 13;
    const CANNOT_OPEN: i32 = 14;
    const AUTH: i32 = 23;
    const PRIMARY_KEY_TAKEN: i32 = 1555;
    const ROWID_TAKEN: i32 = 2579;
    let kind = match &error {
        libsql::Error::SqliteFailure(PRIMARY_KEY_TAKEN | ROWID_TAKEN, _) => FailureKind::Exists,
        libsql::Error::SqliteFailure(code, _) => match code & 0xff {
            BUSY | LOCKED => FailureKind::Conflict,
            FULL => FailureKind::Overload,
            PERM | READONLY | AUTH => FailureKind::Denied,
            CANNOT_OPEN => FailureKind::Unavailable,
            _ => FailureKind::Broken,
        },
        libsql::Error::ConnectionFailed(_) => FailureKind::Unavailable,
        _ => FailureKind::Broken,
    };
    let failure = match kind {
        FailureKind::Exists => Failure::exists(what),
        _ => Failure::new(kind, format!("libsql: {what}: {error}")),
    };
    failure.caused_by(error)
}

fn unavailable(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(FailureKind::Unavailable, format!("libsql: {}: {error}", path.display())).caused_by(error)
}
