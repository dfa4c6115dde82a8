//! What the file system tells: of which kind it is, and how much files weigh. What that means for claims of durability
//! is in `files.rs`.

use std::path::{Path, PathBuf};

/// Where files of our own are made: the folder that the user names by TMPDIR, else the one for large temporary files.
/// `/tmp` comes last because it often lies in memory, where nothing is durable.
pub fn scratch_folder() -> PathBuf {
    let var_tmp = PathBuf::from("/var/tmp");
    if std::env::var_os("TMPDIR").is_none() && var_tmp.is_dir() { var_tmp } else { std::env::temp_dir() }
}

/// The kind of the file system that holds a path, `ext4` for instance. `None` where the system does not tell.
pub fn filesystem_of(path: &Path) -> Option<String> {
    filesystem_seen_by("self", path)
}

/// The same among the mounts of a process, which may have others than we. The path must be here too.
pub(crate) fn filesystem_seen_by(process: &str, path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = std::fs::read_to_string(format!("/proc/{process}/mountinfo")).ok()?;
    innermost(&mounts, &path).map(str::to_owned)
}

/// Bytes of the file; nothing if it is not there.
pub(crate) fn file_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// The kind of the last mount among those that reach deepest towards the path. A line is, by proc(5),
/// `id parent device root mount-point options… - kind source options`.
fn innermost<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mount = |line: &'a str| {
        let (left, right) = line.split_once(" - ")?;
        let point = left.split(' ').nth(4)?.replace("\\040", " ");
        path.starts_with(&point).then_some((point.len(), right.split(' ').next()?))
    };
    mounts.lines().filter_map(mount).max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_and_latest_mount_is_the_one_that_holds_the_path() {
        let mounts = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
                      23 22 0:5 / /tmp rw - tmpfs tmpfs rw\n\
                      24 23 0:6 / /tmp/my\\040disk rw - xfs /dev/sdb rw\n\
                      25 22 0:7 / /var rw - xfs /dev/sdc rw\n\
                      26 22 0:8 / /var rw - btrfs /dev/sdd rw\n";
        let kind = |path: &str| innermost(mounts, Path::new(path));
        assert_eq!(kind("/home/a.db"), Some("ext4"));
        assert_eq!(kind("/tmp/a.db"), Some("tmpfs"));
        assert_eq!(kind("/tmpfoo/a.db"), Some("ext4"));
        assert_eq!(kind("/tmp/my disk/a.db"), Some("xfs"));
        assert_eq!(kind("/var/a.db"), Some("btrfs"));
    }
}
