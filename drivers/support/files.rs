//! On what a store's files lie. Claims of durability are about a disk: a store whose files lie in memory keeps nothing,
//! however it is set.
//!
//! A server tells a path of its own, and the same path may be another folder here, or none: the server may run in a
//! container, or far behind a port that is forwarded. So a path is believed only together with the process that the
//! server says it is, if one of that number and of its program's name is here, and is looked up in the mounts of that
//! process (proc(5), `/proc/pid/comm` and `/proc/pid/mountinfo`, which everybody may read). What cannot be seen proves
//! nothing, and is recorded as unknown.

use std::path::Path;

use crate::support::disk;
use crate::{Description, Durability};

/// File systems that lose everything with the power.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// The kinds of the file systems of a store's files. None where that cannot be seen.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Files {
    /// That of its data, `ext4` for instance.
    pub(crate) data: Option<String>,
    /// That of the log that a commit waits for, which may be a link to elsewhere.
    pub(crate) log: Option<String>,
}

impl Files {
    /// As the process `pid` of one of these programs sees its folder, and the log in it.
    pub(crate) fn seen_by(pid: i64, programs: &[&str], folder: &str, log: &str) -> Files {
        let command = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if !programs.iter().any(|program| command.contains(program)) {
            return Files::default();
        }
        let kind = |path: &Path| disk::filesystem_seen_by(&pid.to_string(), path);
        let folder = Path::new(folder);
        // A relative path is one of the server's working folder, which only its own user may see.
        if !folder.is_absolute() {
            return Files::default();
        }
        Files { data: kind(folder), log: kind(&folder.join(log)) }
    }

    /// Of a file of SQLite, whose log lies beside it.
    pub(crate) fn around(file: &Path) -> Files {
        let kind = disk::filesystem_of(file);
        Files { data: kind.clone(), log: kind }
    }

    /// Records them, and claims no more than they keep.
    pub(crate) fn judge(&self, description: &mut Description) {
        for (name, kind) in [("filesystem", &self.data), ("filesystem_log", &self.log)] {
            let guarantees = &mut description.guarantees;
            if is_in_memory(kind.as_deref()) && guarantees.durability > Durability::Memory {
                guarantees.durability = Durability::Memory;
                guarantees.because += ", but its files lie in memory";
            }
            description.settings.insert(name.into(), kind.clone().unwrap_or_else(|| "unknown".into()));
        }
    }
}

/// Whether nothing that lies on this kind of file system outlives the machine.
pub(crate) fn is_in_memory(filesystem: Option<&str>) -> bool {
    filesystem.is_some_and(|kind| IN_MEMORY.contains(&kind))
}

/// A folder in memory, for tests that nothing in it is called durable.
#[cfg(all(test, target_os = "linux"))]
pub(crate) fn folder_in_memory() -> &'static Path {
    let folder = Path::new("/dev/shm");
    let kind = disk::filesystem_of(folder);
    assert!(is_in_memory(kind.as_deref()), "these tests need /dev/shm in memory, and it is {kind:?}");
    folder
}

/// That a server whose files lie there is seen to keep nothing, whatever it is set to.
#[cfg(all(test, target_os = "linux"))]
pub(crate) fn assert_in_memory(described: &Description) {
    let because = &described.guarantees.because;
    assert_eq!(described.guarantees.durability, Durability::Memory, "{because}");
    assert!(because.ends_with("but its files lie in memory"), "{because}");
    let filesystem = |of: &str| described.settings[of].as_str();
    assert_eq!((filesystem("filesystem"), filesystem("filesystem_log")), ("tmpfs", "tmpfs"));
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::Guarantees;

    fn own() -> (i64, String) {
        let name = std::fs::read_to_string("/proc/self/comm").expect("a name");
        (std::process::id().into(), name.trim().to_owned())
    }

    #[test]
    fn a_folder_is_believed_with_the_process_that_has_it_and_not_alone() {
        let (pid, name) = own();
        let seen = |pid, name: &str, folder: &str| Files::seen_by(pid, &["no-such-program", name], folder, "self");
        let proc = Some("proc".to_owned());
        assert_eq!(seen(pid, &name, "/proc"), Files { data: proc.clone(), log: proc });
        for (pid, name, folder) in [(pid, "redis", "/proc"), (i64::MAX, &name, "/proc"), (pid, &name, "/no/such")] {
            assert_eq!(seen(pid, name, folder), Files::default(), "{pid} {name} {folder}");
        }
        assert_eq!(Files::seen_by(pid, &[&name], "/proc", "no-such").log, None);
        assert_eq!(Files::seen_by(pid, &[&name], "proc", "self").data, None, "a path from where nobody knows");
    }

    #[test]
    fn a_log_that_is_a_link_into_memory_is_seen_there() {
        let (pid, name) = own();
        let folder = tempfile::tempdir_in(disk::scratch_folder()).expect("a folder on a disk");
        std::os::unix::fs::symlink(folder_in_memory(), folder.path().join("pg_wal")).expect("a link");
        let path = folder.path().canonicalize().expect("its path");
        let files = Files::seen_by(pid, &[&name], &path.display().to_string(), "pg_wal");
        assert_eq!(files.log.as_deref(), Some("tmpfs"));
        assert!(files.data.is_some() && files.data != files.log, "{files:?}");
    }

    #[test]
    fn files_in_memory_keep_nothing_and_unknown_ones_what_is_set() {
        let judged = |data: Option<&str>, log: Option<&str>| {
            let guarantees =
                Guarantees { durability: Durability::Durable, isolation: String::new(), because: "set".into() };
            let (settings, layout) = Default::default();
            let mut description =
                Description { version: String::new(), guarantees, settings, layout, catalog: Vec::new() };
            Files { data: data.map(Into::into), log: log.map(Into::into) }.judge(&mut description);
            description
        };
        assert_eq!(judged(Some("ext4"), None).guarantees.durability, Durability::Durable);
        assert_eq!(judged(Some("ext4"), None).settings["filesystem_log"], "unknown");
        for in_memory in [judged(Some("tmpfs"), None), judged(Some("ext4"), Some("tmpfs"))] {
            assert_eq!(in_memory.guarantees.durability, Durability::Memory);
            assert_eq!(in_memory.guarantees.because, "set, but its files lie in memory");
        }
    }
}
