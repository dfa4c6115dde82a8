//! Files that commands write: whole or not at all, in a folder that one experiment has for itself, and never through a
//! link that was planted there.
//!
//! A folder belongs to the process that made its `experiment.json`: of two that want it, the file system lets one.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use drivers::one_sentence;
use jiff::Timestamp;

use super::exit::Failed;
use super::terminal::eprint;
use crate::record::Experiment;

const RECORD: &str = "experiment.json";

/// A results folder that this process has claimed.
#[derive(Debug)]
pub struct Folder {
    /// The folder's path, relative where the user gave it so.
    pub path: PathBuf,
    is_default: bool,
    /// Held while this process lives, so that another does not go on with what still runs.
    _lock: Option<File>,
}

impl Folder {
    /// Claims the folder that the user names, or a new one, `results/TIME-SLUG`, by writing the record as it is before
    /// the first run. A disk without room for it is found out before anything is measured.
    ///
    /// # Errors
    /// When the folder holds an experiment or cannot be written to.
    pub fn claim(out: Option<&Path>, slug: &str, experiment: &Experiment) -> Result<Folder, Failed> {
        let folder = match out {
            Some(path) => fs::create_dir_all(path).map(|()| path.to_owned()).with_context(|| cannot_create(path)),
            None => new_folder(Path::new("results"), slug),
        };
        let mut folder = Folder { path: folder.map_err(Failed::usage)?, is_default: out.is_none(), _lock: None };
        folder.write_first_record(experiment).map_err(Failed::usage)?;
        folder._lock = lock(&folder.path).ok();
        Ok(folder)
    }

    /// Takes the folder of an interrupted experiment again.
    ///
    /// # Errors
    /// When it holds none, or the process that made it still runs.
    pub fn reopen(path: &Path) -> Result<Folder, Failed> {
        let lock = lock(path).map_err(Failed::usage)?;
        Ok(Folder { path: path.to_owned(), is_default: false, _lock: Some(lock) })
    }

    fn write_first_record(&self, experiment: &Experiment) -> anyhow::Result<()> {
        let target = self.path.join(RECORD);
        let mut file = match File::create_new(&target) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let path = self.path.display();
                return Err(anyhow!(
                    "{path} holds an experiment already, or one that still runs; give --out another folder"
                ));
            }
            opened => opened.with_context(|| cannot_write(&target))?,
        };
        let written = file.write_all(experiment.to_json()?.as_bytes()).with_context(|| cannot_write(&target));
        let claimed = written.and_then(|()| subfolder(&self.path.join("hlog")));
        if claimed.is_err() {
            let _ = fs::remove_file(&target);
        }
        claimed
    }

    /// The histogram log of a run.
    pub fn log_file(&self, run: &str) -> PathBuf {
        self.path.join("hlog").join(format!("{run}.hlog"))
    }

    /// Replaces the record. `results/latest` points here as soon as something was measured.
    ///
    /// # Errors
    /// When it cannot be written; the one before it is still there.
    pub fn save(&self, experiment: &Experiment) -> anyhow::Result<()> {
        write(&self.path, RECORD, experiment.to_json()?.as_bytes())?;
        if self.is_default && !experiment.runs.is_empty() {
            self.point_latest();
        }
        Ok(())
    }

    /// `results/latest` is a convenience: where links cannot be made, the printed path serves. A new link takes the place
    /// of the old one in one step.
    fn point_latest(&self) {
        #[cfg(unix)]
        if let (Some(parent), Some(name)) = (self.path.parent(), self.path.file_name()) {
            let latest = parent.join("latest");
            let new = partial(&latest);
            let _ = fs::remove_file(&new);
            if (latest.is_symlink() || !latest.exists()) && std::os::unix::fs::symlink(name, &new).is_ok() {
                let renamed = fs::rename(&new, &latest);
                renamed.unwrap_or_else(|_| drop(fs::remove_file(&new)));
            }
        }
    }
}

/// Locks a folder for as long as the returned file is open.
fn lock(path: &Path) -> anyhow::Result<File> {
    let folder = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => Err(anyhow!("{} is of an experiment that still runs", path.display())),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Makes the folder that the user names, or a new one, `results/TIME-compare`.
///
/// # Errors
/// When it cannot be made or holds a gate already.
pub fn new_gate_folder(out: Option<&Path>) -> anyhow::Result<PathBuf> {
    let Some(path) = out else { return new_folder(Path::new("results"), "compare") };
    let shown = path.display();
    anyhow::ensure!(!path.join("gate.json").exists(), "{shown} holds a gate already; give --out another folder");
    fs::create_dir_all(path).with_context(|| cannot_create(path))?;
    Ok(path.to_owned())
}

/// Makes a folder in `parent` that did not exist: of two experiments that begin in one second, the later one gets a number.
fn new_folder(parent: &Path, slug: &str) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(parent).with_context(|| cannot_create(parent))?;
    let name = format!("{}-{slug}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ"));
    let mut number = 1;
    loop {
        let path = parent.join(if number == 1 { name.clone() } else { format!("{name}-{number}") });
        match fs::create_dir(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && number < 10_000 => number += 1,
            made => return made.map(|()| path.clone()).with_context(|| cannot_create(&path)),
        }
    }
}

/// Writes a file of a folder by its relative name: to a new file, which then takes the old one's place. There is always a
/// whole one, and a link at its place is replaced and not followed.
///
/// # Errors
/// When it cannot be written, or a folder on its way is none.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let target = folder.join(name);
    if let Some(parent) = Path::new(name).parent().filter(|parent| !parent.as_os_str().is_empty()) {
        subfolder(&folder.join(parent))?;
    }
    replace(&target, bytes).with_context(|| cannot_write(&target))
}

fn replace(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = partial(target);
    // A killed process of the same number may have left one.
    let _ = fs::remove_file(&partial);
    let mut file = File::create_new(&partial)?;
    // Some file systems report only now that there is no room.
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let replaced = written.and_then(|()| fs::rename(&partial, target));
    if replaced.is_err() {
        let _ = fs::remove_file(&partial);
    }
    replaced
}

fn partial(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{}.partial", std::process::id()))
}

/// Makes a folder, or makes sure that what is there is one and no link to somewhere else.
fn subfolder(path: &Path) -> anyhow::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let is_folder = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
            anyhow::ensure!(is_folder, "{} is no folder, or a link to one; remove it", path.display());
            Ok(())
        }
        made => made.with_context(|| cannot_create(path)),
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

fn cannot_create(path: &Path) -> String {
    format!("cannot create the folder {}", path.display())
}

/// Why outputs could not be written. The errors are printed at the end, when all that can be kept was kept.
#[derive(Debug, Default)]
pub struct OutputErrors(Vec<String>);

impl OutputErrors {
    /// Keeps the error of an output that failed, with how to make that output again.
    pub fn collect(&mut self, result: Result<(), impl Into<Failed>>, remedy: &str) {
        self.0.extend(result.err().map(|problem| format!("{}; {remedy}", one_sentence(problem.into().error.as_ref()))));
    }

    /// Writes the files of a report. One that cannot be written does not keep the others from it.
    pub fn write_report(&mut self, files: anyhow::Result<Vec<(String, Vec<u8>)>>, folder: &Path) {
        self.write_files(files, folder, &format!("`storebench report {}` makes it again", folder.display()));
    }

    /// Writes files that derive from a record, of which `again` says how to make them again.
    pub fn write_files(&mut self, files: anyhow::Result<Vec<(String, Vec<u8>)>>, folder: &Path, again: &str) {
        let files = match files {
            Ok(files) => files,
            Err(error) => return self.collect(Err(error.context("cannot draw the report")), again),
        };
        // A full disk is one problem of many files.
        let mut problems: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, bytes) in &files {
            if let Err(error) = write(folder, name, bytes) {
                problems.entry(one_sentence(error.root_cause())).or_default().push(name);
            }
        }
        for (problem, names) in problems {
            let (names, folder) = (names.join(", "), folder.display());
            self.collect(Err(anyhow!("cannot write {names} in {folder}: {problem}")), again);
        }
    }

    /// Keeps a record that could not be written where it belongs, and says where.
    pub fn rescue(&mut self, error: anyhow::Error, experiment: &Experiment) -> Option<PathBuf> {
        let kept = new_folder(&drivers::scratch_folder(), "storebench").and_then(|folder| {
            let written = write(&folder, RECORD, experiment.to_json()?.as_bytes());
            written.inspect_err(|_| drop(fs::remove_dir(&folder)))?;
            Ok(folder)
        });
        let remedy = match &kept {
            Ok(folder) => format!("the record of what was measured is in {}", folder.display()),
            Err(error) => format!("it could not be kept elsewhere either: {}", one_sentence(error.as_ref())),
        };
        self.collect(Err(error), &remedy);
        kept.ok()
    }

    /// Prints each error. Returns whether there is any.
    pub fn print_all(&self) -> bool {
        self.0.iter().for_each(|problem| eprint(&format!("error: {problem}")));
        !self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_at_the_place_of_a_file_is_replaced_and_its_target_left_alone() {
        let scratch = tempfile::tempdir().expect("a folder");
        let (folder, other) = (scratch.path().join("out"), scratch.path().join("precious"));
        fs::create_dir(&folder).expect("a folder");
        fs::write(&other, "mine").expect("a file");
        symlink(&other, folder.join("report.md")).expect("a link");
        write(&folder, "report.md", b"a report").expect("written");
        assert_eq!(fs::read_to_string(&other).expect("the target"), "mine");
        assert_eq!(fs::read_to_string(folder.join("report.md")).expect("the report"), "a report");
        assert!(!folder.join("report.md").is_symlink());
        assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 1, "nothing else is left");
    }

    #[test]
    fn a_folder_that_is_a_link_is_refused() {
        let scratch = tempfile::tempdir().expect("a folder");
        let (folder, other) = (scratch.path().join("out"), scratch.path().join("precious"));
        fs::create_dir(&folder).expect("a folder");
        fs::create_dir(&other).expect("a folder");
        symlink(&other, folder.join("charts")).expect("a link");
        let refused = write(&folder, "charts/latency.svg", b"<svg/>").expect_err("a link").to_string();
        assert!(refused.contains("charts is no folder, or a link to one"), "{refused}");
        assert_eq!(fs::read_dir(&other).expect("the target").count(), 0);
    }

    #[test]
    fn a_folder_that_is_taken_gets_a_number() {
        let scratch = tempfile::tempdir().expect("a folder");
        let made: Vec<PathBuf> = (0..3).map(|_| new_folder(scratch.path(), "oltp").expect("a new one")).collect();
        assert!(made.iter().all(|path| path.is_dir()));
        assert!(made[0] != made[1] && made[1] != made[2] && made[0] != made[2], "{made:?}");
    }
}
