//! Folders of our own, removed with what holds them; the list of those that are there, so that a process that ends at
//! once can remove them too; and what tells a folder that is in use from one that a killed run has left.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Result, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::support::disk;

/// Each with its claim.
static FOLDERS: Mutex<BTreeMap<PathBuf, File>> = Mutex::new(BTreeMap::new());

/// What the names of all our folders begin with.
pub(crate) const PREFIX: &str = "storebench-";

/// The file that is locked for as long as the process lives that made the folder.
const CLAIM: &str = "storebench.lock";

/// A new folder that nobody else uses or looks into. Dropped, it is removed with all that is in it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A folder for a store, where temporary files may be large.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(store: &str) -> Result<Scratch> {
        Scratch::new_in(&disk::scratch_folder(), store)
    }

    /// The same in another folder, for what must lie on its file system.
    pub(crate) fn new_in(parent: &Path, store: &str) -> Result<Scratch> {
        // Made and listed in one: none is missed by `remove_all`.
        let mut folders = folders();
        let ours_alone = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(PREFIX).permissions(ours_alone).tempdir_in(parent)?;
        let claim = claim(folder.path(), store)?;
        let folder = folder.keep();
        folders.insert(folder.clone(), claim);
        Ok(Scratch(folder))
    }

    /// The folder, which is there until this is dropped.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes it, for whoever wants to know whether that succeeds.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn empty(&self) -> Result<()> {
        std::fs::remove_dir_all(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
        folders().remove(&self.0);
    }
}

/// Removes every folder that is left. Called by a process that is about to end: no folder can be made or dropped after
/// it.
pub fn remove_all() {
    let folders = folders();
    folders.keys().for_each(|folder| _ = remove(folder));
    std::mem::forget(folders);
}

/// Whether it could be removed. Its users may still be at work, and a file that they make meanwhile keeps it.
pub(crate) fn remove(folder: &Path) -> bool {
    for _ in 0..20 {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => std::thread::sleep(Duration::from_millis(5)),
            _ => return true,
        }
    }
    false
}

/// Says in a folder that it is ours, and for which store, until the file is closed. That is said under a lock only: what
/// cannot be locked is never taken for left.
pub(crate) fn claim(folder: &Path, store: &str) -> Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(CLAIM))?;
    for _ in 0..20 {
        match file.try_lock() {
            Ok(()) => return file.write_all(store.as_bytes()).map(|()| file),
            // Somebody looks whether it is left.
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            Err(TryLockError::Error(_)) => break,
        }
    }
    Ok(file)
}

/// Claims a folder that a process of this user made for a store, if that has ended.
pub(crate) fn claim_of_dead(folder: &Path, store: &str) -> Option<File> {
    let path = folder.join(CLAIM);
    let (directory, file) = (folder.symlink_metadata().ok()?, path.symlink_metadata().ok()?);
    let is_ours = directory.is_dir() && file.is_file() && file.uid() == nix::unistd::geteuid().as_raw();
    if !is_ours || !folder.file_name()?.to_str()?.starts_with(PREFIX) {
        return None;
    }
    let mut file = File::open(path).ok()?;
    file.try_lock().ok()?;
    let mut made_for = String::new();
    file.read_to_string(&mut made_for).ok()?;
    (made_for == store).then_some(file)
}

fn folders() -> MutexGuard<'static, BTreeMap<PathBuf, File>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_listed_while_it_is_there() {
        let scratch = Scratch::new("libsql").expect("a folder");
        let path = scratch.path().to_owned();
        std::fs::write(path.join("file"), "content").expect("a file in it");
        assert!(path.is_dir() && folders().contains_key(&path));
        assert_eq!(path.metadata().expect("a folder").mode() & 0o777, 0o700);
        drop(scratch);
        assert!(!path.exists() && !folders().contains_key(&path));
    }
}
