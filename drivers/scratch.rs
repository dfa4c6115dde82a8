//! Folders of our own, removed with what holds them; and the list of those that are there, so that a process that ends
//! at once can remove them too.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::disk;

static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A new folder that nobody else uses or looks into. Dropped, it is removed with all that is in it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A folder where temporary files may be large.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Scratch> {
        Scratch::new_in(&disk::scratch_folder())
    }

    /// A folder in this one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new_in(parent: &Path) -> Result<Scratch> {
        // Made and listed in one: none is missed by `remove_all`.
        let mut folders = folders();
        let ours_alone = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("storebench-").permissions(ours_alone).tempdir_in(parent)?.keep();
        folders.insert(folder.clone());
        Ok(Scratch(folder))
    }

    /// Where it is.
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
    folders.iter().for_each(|folder| remove(folder));
    std::mem::forget(folders);
}

/// Its users are still at work, and a file that they make meanwhile keeps the folder from being removed.
fn remove(folder: &Path) {
    for _ in 0..20 {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => std::thread::sleep(Duration::from_millis(5)),
            _ => return,
        }
    }
}

fn folders() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_listed_while_it_is_there() {
        let scratch = Scratch::new().expect("a folder");
        let path = scratch.path().to_owned();
        std::fs::write(path.join("file"), "content").expect("a file in it");
        assert!(path.is_dir() && folders().contains(&path));
        drop(scratch);
        assert!(!path.exists() && !folders().contains(&path));
    }
}
