//! Where the program of a server is found, how to get it if it is not, and as whom it runs.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::{Failure, FailureKind};

/// A server's program, as a driver knows it.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The name of its store, for messages and to tell its folders.
    pub name: &'static str,
    /// The name of its file in the folders that are searched.
    pub binary: &'static str,
    /// The environment variable that names the file: asked first.
    pub variable: &'static str,
    /// Where installers put it, beside the folders of PATH; `*` stands for any part of one name, the highest version
    /// first.
    pub folders: &'static [&'static str],
    /// How to get it: one line each for Debian, macOS and Docker.
    pub install: &'static str,
    /// The signal that ends it at once and cleanly enough: what it holds is removed anyway.
    pub stop_signal: &'static str,
    /// Whether it refuses to run as root.
    pub refuses_root: bool,
}

/// The folder that `scripts/servers` fills, unless STOREBENCH_SERVERS names another. None where nothing says whose it
/// would be: a folder that anybody may make is not searched for programs.
fn fetched(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(folder) = variable("STOREBENCH_SERVERS") {
        return Some(folder.into());
    }
    // By the XDG base directory specification a relative path is as good as none.
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("storebench/servers"))
}

impl Program {
    /// The program's file.
    ///
    /// # Errors
    /// `Unavailable` if it is nowhere, with how to get it; `Broken` if the environment variable names what is no file.
    pub fn find(&self) -> Result<PathBuf, Failure> {
        if let Some(named) = std::env::var_os(self.variable) {
            let named = PathBuf::from(named);
            let problem = format!("{}: {} names {}, which is not a file", self.name, self.variable, named.display());
            return if named.is_file() { Ok(named) } else { Err(Failure::broken(problem)) };
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let usual = self.folders.iter().flat_map(|pattern| matching(Path::new(pattern)));
        let fetched = fetched(|name| std::env::var_os(name));
        let folders = std::env::split_paths(&path).chain(usual).chain(fetched.clone());
        let found = folders.map(|folder| folder.join(self.binary)).find(|file| file.is_file());
        found.ok_or_else(|| {
            let last = fetched.map_or("no HOME".to_owned(), |folder| folder.display().to_string());
            let problem = format!("no `{}` on this machine (PATH, the usual folders, {last})", self.binary);
            let remedy =
                format!("{}; or name the file in {}, or give the URL of a running server", self.install, self.variable);
            Failure::new(FailureKind::Unavailable, format!("{}: {problem}. {remedy}", self.name))
        })
    }

    /// As whom it is to run, if not as whoever runs this: as the user that owns nothing. The system's own user of that
    /// name (`postgres`) owns the system's databases.
    pub(super) fn user(&self) -> Result<Option<User>, Failure> {
        if !self.refuses_root || !nix::unistd::geteuid().is_root() {
            return Ok(None);
        }
        let nobody = nix::unistd::User::from_name("nobody").ok().flatten();
        let nobody = nobody.ok_or_else(|| {
            Failure::broken(format!("{} refuses to run as root, and there is no user `nobody`", self.name))
        })?;
        Ok(Some(User { user: nobody.uid.as_raw(), group: nobody.gid.as_raw() }))
    }
}

/// An unprivileged user of this machine.
#[derive(Debug)]
pub(super) struct User {
    user: u32,
    group: u32,
}

impl User {
    pub(super) fn give(&self, path: &Path) -> std::io::Result<()> {
        std::os::unix::fs::chown(path, Some(self.user), Some(self.group))
    }

    /// In a folder that is given already, the user may put something else in the place of a path.
    pub(super) fn give_file(&self, file: &File) -> std::io::Result<()> {
        std::os::unix::fs::fchown(file, Some(self.user), Some(self.group))
    }

    pub(super) fn become_by(&self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

/// The folders that a pattern with at most one `*` stands for, highest version first.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let mut components = pattern.components();
    let has_star = |component: &Component<'_>| component.as_os_str().to_string_lossy().contains('*');
    let before: PathBuf = components.clone().take_while(|component| !has_star(component)).collect();
    let Some(starred) = components.find(has_star) else { return vec![before] };
    let starred = starred.as_os_str().to_string_lossy().into_owned();
    let (prefix, suffix) = starred.split_once('*').unwrap_or((&starred, ""));
    let after = components.as_path();
    let names = std::fs::read_dir(&before).into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_prefix(prefix)?.strip_suffix(suffix)?;
        Some(name)
    });
    let mut names: Vec<String> = names.collect();
    let version = |name: &String| -> Vec<u32> {
        name.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
    };
    names.sort_by_key(|name| std::cmp::Reverse(version(name)));
    names.into_iter().map(|name| before.join(name).join(after)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: Program = Program {
        name: "nowhere",
        binary: "storebench-no-such-server",
        variable: "STOREBENCH_NO_SUCH_VARIABLE",
        folders: &["/usr/lib/no-such/*/bin"],
        install: "Debian: apt install nowhere; macOS: brew install nowhere; Docker: nowhere",
        stop_signal: "TERM",
        refuses_root: false,
    };

    #[test]
    fn a_missing_program_says_how_to_get_it() {
        let failure = NOWHERE.find().expect_err("there is none");
        for word in ["Debian", "macOS", "Docker", "STOREBENCH_NO_SUCH_VARIABLE", "storebench-no-such-server"] {
            assert!(failure.message.contains(word), "{failure}");
        }
        assert!(!failure.message.contains('\n'), "one sentence: {failure}");
    }

    #[test]
    fn only_a_folder_of_the_users_own_is_searched() {
        let searched = |set: &[(&str, &str)]| {
            fetched(|name| Some(set.iter().find(|(known, _)| *known == name)?.1.into()))
                .map(|folder| folder.display().to_string())
        };
        let of_home = Some("/home/ada/.cache/storebench/servers".to_owned());
        assert_eq!(searched(&[("HOME", "/home/ada")]), of_home);
        assert_eq!(searched(&[("HOME", "/home/ada"), ("XDG_CACHE_HOME", "")]), of_home);
        assert_eq!(searched(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]).as_deref(), Some("/c/storebench/servers"));
        assert_eq!(searched(&[("STOREBENCH_SERVERS", "/s"), ("HOME", "/h")]).as_deref(), Some("/s"));
        for nobodys in [&[][..], &[("HOME", "")], &[("XDG_CACHE_HOME", "cache")]] {
            assert_eq!(searched(nobodys), None);
        }
    }

    #[test]
    fn the_highest_version_comes_first() {
        let home = tempfile::tempdir().expect("a folder");
        for version in ["9", "15", "16.2", "not-a-version"] {
            std::fs::create_dir(home.path().join(version)).expect("a folder in it");
        }
        let found = matching(&home.path().join("*/bin"));
        let names: Vec<_> = found.iter().filter_map(|folder| folder.parent()?.file_name()?.to_str()).collect();
        assert_eq!(names, ["16.2", "15", "9", "not-a-version"]);
        assert_eq!(matching(&home.path().join("1*.2/bin")), [home.path().join("16.2/bin")]);
        assert_eq!(matching(Path::new("/usr/bin")), [PathBuf::from("/usr/bin")]);
    }
}
