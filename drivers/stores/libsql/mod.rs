//! libSQL, embedded: the engine runs in this process, through its own crate.
//!
//! Sessions are connections to one file in WAL mode. The SQL is that of `sql/`; prepared statements, parameters and rows
//! have files of their own. The libSQL server is another driver; synchronising replicas are not here.
//!
//! The file may be somebody's. A run that is refused has not touched it: what can refuse is found out by reading
//! (`file.rs`, `peek`) and by trying on a file of our own in the same folder (`rehearse`). What a run changes beside its
//! tables is written down in the file first (`schema.rs`) and set back by `clean_up`, which returns what stays changed.
//!
//! Durability follows sqlite.org/pragma.html#pragma_synchronous. In WAL mode FULL syncs the log at every commit, so that
//! a commit survives a power cut: `durable`. NORMAL syncs at checkpoints only; the file stays consistent and the last
//! commits may be lost: `relaxed`. OFF never syncs and a power cut may corrupt the file: no more than `memory`.

mod config;
mod connection;
mod decode;
mod durability;
mod encode;
mod explain;
mod failure;
mod file;
mod load;
mod marker;
mod prepared;
mod schema;
mod session;
#[cfg(test)]
mod tests;
mod writers;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libsql::{Builder, Connection, OpenFlags};

use crate::sql::sqlite::dialect::{SqliteDialect, SqliteLayout};
use crate::sql::sqlite::ownership::{self, left_alone};
use crate::support::disk;
use crate::support::scratch::Scratch;
use crate::{
    Binding, Capabilities, Capability, Description, Durability, Failure, Footprint, Guarantees, Leftover, Op, Opening,
    Placement, Store,
};
pub use config::Config;
use connection::text;
use failure::{failure, unavailable};
use file::{DatabaseFile, Found};
use marker::Lock;
pub use session::LibsqlSession;
use writers::{TURN, Turns, Writers};

/// A libSQL database in this process, in a file of the user's or of our own.
pub struct Libsql {
    config: Config,
    layout: Arc<SqliteLayout>,
    durability: Durability,
    sessions: usize,
    /// Of the sessions that want to write.
    turns: Turns,
    file: DatabaseFile,
    /// The folder around a file of our own; it goes when the store does.
    home: Option<Scratch>,
    /// Held from the first marker that we write in a given file.
    lock: Mutex<Option<Lock>>,
    state: Mutex<FileState>,
}

/// What has been done to the file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum FileState {
    /// Nothing; there may be tables that an earlier run kept.
    Opened,
    /// Nothing, and nothing will be.
    Untouched,
    /// Our tables were made in it.
    Changed,
}

impl Store for Libsql {
    type Config = Config;
    type Session = LibsqlSession;
    const NAME: &'static str = "libsql";
    const ABOUT: &'static str = "libSQL embedded: SQLite's fork, in this process";
    const ALIASES: &'static [&'static str] = &["sqlite", "sqlite3"];
    const ADDRESSES: &'static [&'static str] = &["libsql", "libsql:FILE"];
    const CAPABILITIES: Capabilities = Capabilities::of(&Capability::ALL);
    const PLACEMENT: Placement = Placement::Embedded;
    const BEST_DURABILITY: Durability = Durability::Durable;
    const MARKER_IS_LOCKED: bool = true;

    async fn open(config: Config, opening: Opening) -> Result<Self, Failure> {
        let (file, home) = match &config.location {
            Some(location) => (DatabaseFile::look_at(location)?, None),
            None => {
                let home = Scratch::new(Self::NAME).map_err(|error| unavailable(&disk::scratch_folder(), error))?;
                (DatabaseFile::new_in(home.path())?, Some(home))
            }
        };
        let Opening { dataset, durability, sessions, .. } = opening;
        let (lock, state) = (Mutex::default(), Mutex::new(FileState::Opened));
        let layout = Arc::new(SqliteLayout::new(dataset, SqliteDialect::default()));
        let turns = Turns::of(config.writers);
        Ok(Libsql { config, layout, durability, sessions, turns, file, home, lock, state })
    }

    async fn reset(&self) -> Result<(), Failure> {
        self.admit().await?;
        self.make().await
    }

    /// Looks for what would refuse a run, and goes through its steps on a file of our own in the same folder.
    async fn rehearse(&self) -> Result<Description, Failure> {
        self.set_state(FileState::Untouched);
        self.rehearsed().await
    }

    /// Of a file of our own there is none.
    async fn read_marker(&self) -> Result<Option<String>, Failure> {
        if self.home.is_some() {
            return Ok(None);
        }
        if self.lock().is_none() {
            Lock::refuse_taken(&self.file.path)?;
        }
        let connection = match self.state() {
            FileState::Changed => Some(self.connect().await?),
            FileState::Opened | FileState::Untouched => self.peek().await?,
        };
        match connection {
            Some(connection) => ownership::read_marker(&mut &connection, &self.layout.name).await,
            None => Ok(None),
        }
    }

    /// The first one is the first change to the file: whatever can refuse the run has been found out before it.
    async fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        if self.home.is_some() {
            return Ok(true);
        }
        let is_first = self.lock().is_none();
        if is_first {
            *self.lock() = Some(Lock::take(&self.file.path)?);
        }
        let swapped = async {
            self.admit().await?;
            marker::swap(&self.connect().await?, &self.layout, expected, new).await
        };
        let swapped = swapped.await;
        match swapped {
            Ok(true) => self.set_state(FileState::Changed),
            _ if is_first => drop(self.lock().take()),
            _ => {}
        }
        swapped
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure> {
        match self.peek().await? {
            Some(connection) => ownership::leftovers(&mut &connection).await,
            None => Ok(Vec::new()),
        }
    }

    async fn after_load(&self) -> Result<(), Failure> {
        schema::after_load(&self.connect().await?, &self.layout).await
    }

    async fn session(&self) -> Result<LibsqlSession, Failure> {
        Ok(LibsqlSession::new(self.connect().await?, self.layout.clone(), self.file.log(), self.turns.clone()))
    }

    /// To be called after `reset`, which puts the file into WAL mode.
    async fn describe(&self) -> Result<Description, Failure> {
        let mut description = durability::describe(&self.connect().await?, &self.layout, &self.file.path).await?;
        description.settings.insert("writers".into(), self.config.writers.to_string());
        Ok(description)
    }

    fn explain(&self, op: &Op) -> Binding {
        let mut statements = explain::explain(&self.layout, op);
        if self.config.writers == Writers::Queue && op.writes() {
            statements.insert(0, TURN.to_owned());
        }
        Binding { statements, ..Binding::default() }
    }

    async fn footprint(&self) -> Result<Footprint, Failure> {
        let bytes = self.file.files().iter().map(|file| disk::file_bytes(file)).sum();
        Ok(Footprint { disk_bytes: Some(bytes), ..Footprint::default() })
    }

    async fn clean_up(&self) -> Result<Vec<String>, Failure> {
        if self.home.is_some() || !self.holds_ours().await? {
            return Ok(Vec::new());
        }
        if let Err(moved) = self.file.is_unmoved() {
            return Ok(vec![format!(
                "{moved}: it was deleted or replaced during the run, so nothing was removed; what is left of the run is \
                 its log, if {} lies there without its database",
                self.file.log().display()
            )]);
        }
        let connection = self.connect().await?;
        let (before, replaced) = schema::drop_own(&connection, &self.layout).await?;
        let is_ours = self.file.found == Found::Nothing && schema::is_empty(&connection).await?;
        let mut changed = match before {
            // Nobody else has it open if it leaves WAL mode, which also removes the log.
            _ if is_ours => schema::leave_wal_mode(&connection).await?,
            Some(before) => schema::set_back(&connection, &before).await?,
            None => Vec::new(),
        };
        changed.extend(replaced.iter().map(|table| left_alone(table)));
        drop(connection);
        if is_ours && changed.is_empty() {
            self.file.is_unmoved()?;
            std::fs::remove_file(&self.file.path).map_err(|error| unavailable(&self.file.path, error))?;
        }
        self.set_state(FileState::Untouched);
        Ok(changed.into_iter().map(|what| format!("libsql: {} {what}", self.file.path.display())).collect())
    }

    async fn close(&self, keep: bool) -> Result<(), Failure> {
        if !keep {
            self.clean_up().await?;
            if let Some(home) = &self.home {
                home.empty().map_err(|error| unavailable(&self.file.path, error))?;
            }
        }
        // A file of our own goes all the same: nobody knows its name.
        self.lock().take();
        Ok(())
    }
}

impl Libsql {
    fn state(&self) -> FileState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Lock>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_state(&self, state: FileState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Finds out what can refuse the run, and only then makes the file if there was none: before the first change.
    async fn admit(&self) -> Result<(), Failure> {
        if self.state() == FileState::Changed {
            return Ok(());
        }
        self.set_state(FileState::Untouched);
        if self.file.found == Found::Nothing {
            self.file.create()?;
            self.set_state(FileState::Changed);
            return Ok(());
        }
        self.refuse_weaker(&self.rehearsed().await?.guarantees)
    }

    async fn make(&self) -> Result<(), Failure> {
        let connection = self.connect().await?;
        schema::create(&connection, &self.layout).await?;
        self.set_state(FileState::Changed);
        let mode = text(&connection, "PRAGMA journal_mode = WAL").await?;
        if mode != "wal" {
            return Err(Failure::broken(format!("libsql: {} stays in journal mode {mode}", self.file.path.display())));
        }
        Ok(())
    }

    async fn rehearsed(&self) -> Result<Description, Failure> {
        let mut page_size = None;
        if let Some(connection) = self.peek().await? {
            schema::refuse_foreign(&connection, &self.layout).await?;
            page_size = Some(text(&connection, "PRAGMA page_size").await?);
        }
        let folder = self.file.path.parent().unwrap_or(Path::new("/"));
        let home = Scratch::new_in(folder, Self::NAME).map_err(|error| unavailable(folder, error))?;
        let twin = Libsql {
            config: self.config.clone(),
            layout: self.layout.clone(),
            durability: self.durability,
            sessions: self.sessions,
            turns: self.turns.clone(),
            file: DatabaseFile::new_in(home.path())?,
            home: Some(home),
            lock: Mutex::default(),
            state: Mutex::new(FileState::Opened),
        };
        twin.file.create()?;
        if let Some(page_size) = page_size {
            // It is fixed with the first page that is written.
            let sized = format!("PRAGMA page_size = {page_size}; PRAGMA user_version = 0");
            twin.connect().await?.execute_batch(&sized).await.map_err(|error| failure(error, &sized))?;
        }
        twin.make().await?;
        let mut sessions = Vec::new();
        for _ in 0..self.sessions {
            sessions.push(twin.session().await?);
        }
        let description = twin.describe().await?;
        drop(sessions);
        twin.close(false).await?;
        Ok(description)
    }

    /// What the suite would refuse when the file has been changed already.
    fn refuse_weaker(&self, guarantees: &Guarantees) -> Result<(), Failure> {
        let Guarantees { durability, because, .. } = guarantees;
        if *durability >= self.durability {
            return Ok(());
        }
        let (path, wanted, tier) = (self.file.path.display(), self.durability.name(), durability.name());
        Err(Failure::broken(format!("libsql: {path} is not {wanted}: {because}; use --durability {tier}")))
    }

    /// A connection that reads the file and changes nothing, nor beside it. None if there is no file yet.
    async fn peek(&self) -> Result<Option<Connection>, Failure> {
        let Some(uri) = self.file.read_only_uri() else { return Ok(None) };
        self.file.is_unmoved()?;
        let what = self.file.path.display();
        let database = Builder::new_local(uri).flags(OpenFlags::SQLITE_OPEN_READ_ONLY).build().await;
        let connection = database.and_then(|database| database.connect()).map_err(|error| failure(error, &what))?;
        let patience = format!("PRAGMA busy_timeout = {}", self.busy_timeout_ms());
        connection.execute_batch(&patience).await.map_err(|error| failure(error, &what))?;
        // The first access to the file: a failure names the file.
        let read = connection.query("SELECT count(*) FROM sqlite_schema", ()).await;
        read.map_err(|error| failure(error, &what))?.next().await.map_err(|error| failure(error, &what))?;
        Ok(Some(connection))
    }

    /// Whether there are tables of this workload in the file that are ours to remove.
    async fn holds_ours(&self) -> Result<bool, Failure> {
        match self.state() {
            FileState::Changed => Ok(true),
            FileState::Untouched => Ok(false),
            FileState::Opened => match self.peek().await? {
                Some(connection) => ownership::has_marked(&mut &connection, &self.layout.name).await,
                None => Ok(false),
            },
        }
    }

    fn busy_timeout_ms(&self) -> u32 {
        self.config.busy_timeout_ms.unwrap_or(5000)
    }

    /// A connection to the file of the run, set as asked. These settings live with the connection; only the journal mode
    /// lives in the file.
    async fn connect(&self) -> Result<Connection, Failure> {
        self.file.is_unmoved()?;
        let what = self.file.path.display();
        // Without leave to create it: a file that is gone is not replaced by an empty one.
        let database = Builder::new_local(&self.file.path).flags(OpenFlags::SQLITE_OPEN_READ_WRITE).build().await;
        let connection = database.and_then(|database| database.connect()).map_err(|error| failure(error, &what))?;
        let busy_timeout_ms = self.busy_timeout_ms();
        let mut pragmas = format!("PRAGMA busy_timeout = {busy_timeout_ms}; {}", durability::pragmas(self.durability));
        if let Some(cache_mb) = self.config.cache_mb {
            // A negative number counts kibibytes, a positive one pages.
            pragmas += &format!("PRAGMA cache_size = -{};", u64::from(cache_mb) * 1024);
        }
        connection.execute_batch(&pragmas).await.map_err(|error| failure(error, &what))?;
        Ok(connection)
    }
}
