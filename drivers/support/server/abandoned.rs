//! Folders that earlier runs left, with the servers that still run in them. A run that is killed leaves none, as its guard
//! removes them; but whoever kills both, or cuts the power, leaves them.
//!
//! A folder is left if we made it for a store and nobody holds the lock in it (`scratch.rs`): the system takes that from
//! a process that ends, of whatever kind the end is, and from nobody else. A process is a server's if it has the number
//! that was written into the folder, works in the folder and is of the same user as that file: numbers are used again.

use std::fs::{self, File, Metadata};
use std::io::Result;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::usage;
use crate::support::scratch;

/// The folder of a server, made by a run that has ended without removing it.
#[derive(Debug)]
pub struct AbandonedFolder {
    /// The folder that the run made for its server.
    pub folder: PathBuf,
    /// The processes of the server that still runs there.
    pub pids: Vec<i32>,
    /// Ours now, so that nobody else removes it meanwhile.
    _claim: File,
}

/// What ended runs of this user left of a store in this folder for temporary files. Where it cannot be known for certain
/// that it is ours and nobody's any more, it is not among them.
///
/// # Errors
/// When the folder cannot be read.
pub fn abandoned(parent: &Path, store: &str) -> Result<Vec<AbandonedFolder>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let folder = entry?.path();
        if let Some(claim) = scratch::claim_of_dead(&folder, store)
            && let Some(pids) = server_in(&folder)
        {
            found.push(AbandonedFolder { folder, pids, _claim: claim });
        }
    }
    Ok(found)
}

impl AbandonedFolder {
    /// Kills the server and removes the folder.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(self) -> Result<()> {
        for pid in &self.pids {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        if scratch::remove(&self.folder) { Ok(()) } else { fs::remove_dir_all(&self.folder) }
    }
}

/// The server that runs in a folder, with all its processes. None if there is a process of its number of which we cannot
/// tell.
fn server_in(folder: &Path) -> Option<Vec<i32>> {
    let file = folder.join("server.pid");
    let Ok(written) = fs::symlink_metadata(&file) else { return Some(Vec::new()) };
    let pid: i32 = fs::read_to_string(&file).ok()?.trim().parse().ok()?;
    if kill(Pid::from_raw(pid), None) == Err(nix::errno::Errno::ESRCH) {
        return Some(Vec::new());
    }
    let process = PathBuf::from(format!("/proc/{pid}"));
    let user = fs::metadata(&process).as_ref().map(Metadata::uid).ok()?;
    if user != written.uid() || !fs::read_link(process.join("cwd")).ok()?.starts_with(folder) {
        return Some(Vec::new());
    }
    Some(usage::tree(pid))
}
