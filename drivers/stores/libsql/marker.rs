//! The marker of a run in a file that several processes may open, and the lock that holds while the run lives.
//!
//! The lock is one of the system's on a file beside the database (`flock`): it ends with the process, so that nothing has
//! to be renewed, which would contend with the writers that are measured. It is not on the database itself, because a
//! closed descriptor of that file ends the locks by which SQLite keeps processes apart
//! (sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use libsql::Connection;

use super::connection::atomically;
use super::failure::unavailable;
use super::schema;
use crate::sql::sqlite::dialect::SqliteLayout;
use crate::sql::sqlite::ownership::{read_marker, write_marker};
use crate::{Failure, FailureKind};

/// A lock that is held. Dropped, it is released and its file removed.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock of a database, unless somebody has it.
    pub(super) fn take(database: &Path) -> Result<Lock, Failure> {
        let path = path_of(database);
        loop {
            let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let file = opened.map_err(|error| unavailable(&path, error))?;
            try_lock(&file, database, &path)?;
            let locked = file.metadata().map_err(|error| unavailable(&path, error))?;
            // Whoever had it before may have removed the file between our two steps: then others lock another one.
            match std::fs::metadata(&path) {
                Ok(there) if (there.dev(), there.ino()) == (locked.dev(), locked.ino()) => {}
                Ok(_) => continue,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(unavailable(&path, error)),
            }
            if locked.len() > 0 {
                let problem = format!("libsql: {} is not empty, so it is no lock of storebench's", path.display());
                return Err(Failure::broken(format!("{problem}; rename it")));
            }
            return Ok(Lock { path, _file: file });
        }
    }

    /// Refuses a database whose lock somebody has. Makes nothing.
    pub(super) fn refuse_taken(database: &Path) -> Result<(), Failure> {
        let path = path_of(database);
        match File::open(&path) {
            Ok(file) => try_lock(&file, database, &path),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unavailable(&path, error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty file that stays is taken by the next run.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn path_of(database: &Path) -> PathBuf {
    let mut path = database.to_owned().into_os_string();
    path.push("-storebench-lock");
    path.into()
}

fn try_lock(file: &File, database: &Path, path: &Path) -> Result<(), Failure> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Failure::new(
            FailureKind::Unavailable,
            format!(
                "libsql: {} is used by another run of storebench, which has locked {}; wait for its end or give another \
                 file",
                database.display(),
                path.display()
            ),
        )),
        Err(TryLockError::Error(error)) => Err(unavailable(path, error)),
    }
}

/// Puts a marker in the place of the expected one, if that is what is there.
pub(super) async fn swap(
    mut connection: &Connection,
    layout: &SqliteLayout,
    expected: Option<&str>,
    new: &str,
) -> Result<bool, Failure> {
    if expected.is_none() {
        schema::refuse_foreign(connection, layout).await?;
    }
    let mut swapped = false;
    atomically(connection, async {
        swapped = read_marker(&mut connection, &layout.name).await?.as_deref() == expected;
        if !swapped {
            return Ok(());
        }
        if expected.is_none() {
            schema::remember(connection).await?;
        }
        write_marker(&mut connection, &layout.name, new, expected.is_none()).await
    })
    .await?;
    Ok(swapped)
}
