//! The database file that a user names: where it is, what lies there, and whether it is still the same one.
//!
//! The file may hold the data of others, so whatever can refuse it is found out here without a change to it or beside
//! it. Looked at once, before the engine opens it: closing a file drops the locks that this process has on it by other
//! descriptors (fcntl(2)), those of SQLite too.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::failure::unavailable;
use crate::{Failure, FailureKind};

/// A database file, ours or the user's.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    /// Absolute and free of links, so that SQLite names its log by the same path.
    pub(super) path: PathBuf,
    /// What lay there when it was looked at.
    pub(super) found: Found,
    identity: OnceLock<Identity>,
}

/// What lies where a database is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Found {
    Nothing,
    /// A database whose header asks for a rollback journal, or an empty file, which SQLite takes for one.
    RollbackMode,
    /// One in WAL mode, with its log beside it if somebody has it open or has crashed.
    WalMode {
        log: bool,
    },
}

/// A file apart from its name.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl DatabaseFile {
    /// Looks at what the location names, through links.
    pub(super) fn look_at(location: &Path) -> Result<DatabaseFile, Failure> {
        let path = resolved(location)?;
        let identity = OnceLock::new();
        let beside: Vec<PathBuf> = beside(&path).into_iter().filter(|file| file.symlink_metadata().is_ok()).collect();
        let found = match std::fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Found::Nothing,
            Err(error) => return Err(unavailable(&path, error)),
            Ok(file) if file.is_file() => {
                let _ = identity.set(Identity::of(&file));
                header(&path, &beside)?
            }
            Ok(_) => return Err(refused(&path, "is no regular file; give the name of a database file or a new one")),
        };
        let fits = match found {
            Found::WalMode { log } => !log || beside == log_files(&path),
            Found::Nothing | Found::RollbackMode => beside.is_empty(),
        };
        match beside.first() {
            // SQLite would take it for its own: apply it, or delete it beside a file that is new or empty.
            Some(leftover) if !fits => Err(refused(
                &path,
                &format!(
                    "has {} beside it, of a program that is at work, has crashed or keeps its journal; end that \
                     program, open and close the file with it, or move what lies beside it away",
                    leftover.display()
                ),
            )),
            _ => Ok(DatabaseFile { path, found, identity }),
        }
    }

    /// A name in a folder of our own.
    pub(super) fn new_in(folder: &Path) -> Result<DatabaseFile, Failure> {
        DatabaseFile::look_at(&folder.join("storebench.db"))
    }

    /// Creates it, empty. What has come to lie there since it was looked at stays.
    pub(super) fn create(&self) -> Result<(), Failure> {
        let created = OpenOptions::new().write(true).create_new(true).open(&self.path);
        let file = created.and_then(|file| file.metadata()).map_err(|error| unavailable(&self.path, error))?;
        self.identity.set(Identity::of(&file)).map_err(|_| refused(&self.path, "was there before"))
    }

    /// That the name still leads to the file that was found or created.
    pub(super) fn is_unmoved(&self) -> Result<(), Failure> {
        let now = std::fs::metadata(&self.path).ok().map(|file| Identity::of(&file));
        match now {
            None => Err(Failure::new(FailureKind::Unavailable, format!("libsql: {} is gone", self.path.display()))),
            now if now.as_ref() == self.identity.get() => Ok(()),
            _ => Err(Failure::new(
                FailureKind::Unavailable,
                format!("libsql: {} is another file than the one that the run began with", self.path.display()),
            )),
        }
    }

    /// The file and its log.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        [vec![self.path.clone()], log_files(&self.path)].concat()
    }

    pub(super) fn log(&self) -> PathBuf {
        named(&self.path, "-wal")
    }

    /// Its name as a URI for SQLite (sqlite.org/uri.html), to be read only. Without a log nobody needs to be kept out,
    /// and `immutable` keeps SQLite from making one.
    pub(super) fn read_only_uri(&self) -> Option<String> {
        let parameters = match self.found {
            Found::Nothing => return None,
            Found::RollbackMode | Found::WalMode { log: true } => "mode=ro",
            Found::WalMode { log: false } => "mode=ro&immutable=1",
        };
        let path = self.path.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        Some(format!("file://{path}?{parameters}"))
    }
}

impl Identity {
    fn of(file: &std::fs::Metadata) -> Identity {
        Identity { device: file.dev(), inode: file.ino() }
    }
}

/// Where a location leads, whether or not a file is there: a link to nothing is resolved too, since SQLite would create
/// its target.
fn resolved(location: &Path) -> Result<PathBuf, Failure> {
    /// As many as Linux follows, path_resolution(7).
    const LONGEST_CHAIN: usize = 40;
    let no_file = || {
        let message = format!("libsql: `{}` is not a file in a folder that is there", location.display());
        Failure::new(FailureKind::Unavailable, message)
    };
    let mut path = std::path::absolute(location).map_err(|error| unavailable(location, error))?;
    for _ in 0..LONGEST_CHAIN {
        let folder = path.parent().ok_or_else(no_file)?.canonicalize().map_err(|_| no_file())?;
        path = folder.join(path.file_name().ok_or_else(no_file)?);
        match std::fs::read_link(&path) {
            Ok(target) => path = folder.join(target),
            Err(_) if path.is_dir() => return Err(no_file()),
            Err(_) if path.to_str().is_none() => {
                return Err(refused(&path, "has a name that is not UTF-8, which libSQL's client cannot open"));
            }
            Err(_) => return Ok(path),
        }
    }
    Err(refused(location, "is a chain of links without an end"))
}

/// What the header of a file says (sqlite.org/fileformat2.html, section 1.3), if it can be written to at all.
fn header(path: &Path, beside: &[PathBuf]) -> Result<Found, Failure> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    /// Where the version for reading stands: 2 is WAL.
    const READ_VERSION: usize = 19;
    let opened = OpenOptions::new().read(true).write(true).open(path);
    let file = opened.map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            let message = format!("libsql: {} cannot be written to: {error}", path.display());
            Failure::new(FailureKind::Denied, message).caused_by(error)
        }
        _ => unavailable(path, error),
    })?;
    let mut header = Vec::new();
    File::take(file, 100).read_to_end(&mut header).map_err(|error| unavailable(path, error))?;
    match header.get(READ_VERSION) {
        _ if header.is_empty() => Ok(Found::RollbackMode),
        Some(version) if header.starts_with(MAGIC) && header.len() == 100 => {
            Ok(if *version == 2 { Found::WalMode { log: !beside.is_empty() } } else { Found::RollbackMode })
        }
        _ => Err(refused(path, "is not a SQLite database, or an encrypted one; give another file")),
    }
}

/// What SQLite keeps beside a file.
fn beside(path: &Path) -> Vec<PathBuf> {
    ["-wal", "-shm", "-journal"].map(|suffix| named(path, suffix)).to_vec()
}

/// The log and its index.
fn log_files(path: &Path) -> Vec<PathBuf> {
    ["-wal", "-shm"].map(|suffix| named(path, suffix)).to_vec()
}

fn named(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::broken(format!("libsql: {} {why}", path.display()))
}
