//! `storebench history`: reads, extends and shows a history; and the part of `compare` that keeps one.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow};

use super::exit::{Exit, Failed};
use super::output::OutputErrors;
use super::terminal::{eprint, print};
use crate::cli::{HistoryArgs, KeepArgs, MeasuredArgs};
use crate::gate::{Baseline, GateRecord, GateVerdict, HistoryLine, HostFingerprint, KeptExperiment, Margins, courses};
use crate::record::Experiment;
use crate::report::history as report;

/// The file of a history that is given as a folder.
const FILE: &str = "history.jsonl";
/// Variables in which CI servers tell the commit: GitHub, GitLab, Jenkins.
const COMMIT_VARIABLES: [&str; 3] = ["GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT"];

/// Adds to a history and shows it.
///
/// # Errors
/// When the history or a folder cannot be read, or nothing can be added.
pub fn history(args: &HistoryArgs) -> Result<Exit, Failed> {
    let mut history = History::at(&args.history, &args.measured, args.add.is_empty())?;
    for folder in &args.add {
        history.add(folder).map_err(Failed::usage)?;
    }
    let shown = history.file.display().to_string();
    let courses = courses(&history.lines);
    let mut errors = OutputErrors::default();
    errors.collect(print(&report::text(&history.lines, &courses, &shown)), "the history is as it was");
    let out = args.out.clone().unwrap_or_else(|| history.folder().to_owned());
    fs::create_dir_all(&out)
        .with_context(|| format!("cannot create the folder {}", out.display()))
        .map_err(Failed::usage)?;
    errors.write_files(report::files(&history.lines, &courses, &shown), &out, "give --out another folder");
    Ok(if errors.print_all() { Exit::Usage } else { Exit::Ok })
}

/// A history that is read, and to which lines may be added.
pub struct History {
    file: PathBuf,
    lines: Vec<HistoryLine>,
    commit: Option<String>,
    release: Option<String>,
}

/// Where runs are, whether only those of the head count, and what they are called.
type BaselineRuns = (PathBuf, bool, String);

impl History {
    /// The history of `compare`, if it keeps one; read before anything is measured.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(args: &KeepArgs) -> Result<Option<History>, Failed> {
        match &args.history {
            Some(path) => History::at(path, &args.measured, args.baseline.is_some()).map(Some),
            None if args.measured.commit.is_some() || args.measured.release.is_some() => {
                Err(Failed::usage(anyhow!("--commit and --release are for a history: give --history FILE as well")))
            }
            None => Ok(None),
        }
    }

    fn at(path: &Path, measured: &MeasuredArgs, must_exist: bool) -> Result<History, Failed> {
        let file = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => String::new(),
            read => {
                read.with_context(|| format!("cannot read the history {}", file.display())).map_err(Failed::usage)?
            }
        };
        let lines = HistoryLine::read_all(&text);
        let lines = lines.map_err(|problem| Failed::usage(anyhow!("{}: {problem}", file.display())))?;
        let commit = measured.commit.clone().or_else(commit_here);
        Ok(History { file, lines, commit, release: measured.release.clone() })
    }

    fn folder(&self) -> &Path {
        self.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
    }

    /// The experiments of a baseline for a head.
    ///
    /// # Errors
    /// When there is none of this machine, or its runs are not there any more.
    pub fn baseline(&self, baseline: &Baseline, head: &(PathBuf, Experiment)) -> anyhow::Result<Vec<BaselineRuns>> {
        let (place, experiment) = head;
        let host = HostFingerprint::of(&experiment.host);
        let shown = self.file.display();
        let found = baseline.of(&self.lines, &host, &self.relative(place));
        let found = found.map_err(|problem| anyhow!("--baseline: {problem} ({shown})"))?;
        let runs = |line: &HistoryLine| {
            let place = self.folder().join(&line.results);
            anyhow::ensure!(
                place.exists(),
                "--baseline: the runs of {} are not at {} any more; keep results folders as long as they may be a baseline",
                line.name(),
                place.display()
            );
            Ok((place, line.of_head, line.name()))
        };
        found.into_iter().map(runs).collect()
    }

    /// Adds a results folder, with the verdict of its gate if it has one.
    fn add(&mut self, folder: &Path) -> anyhow::Result<()> {
        let mut experiment = Experiment::read(folder)?;
        let gate = folder.join("gate.json");
        let gate: Option<GateRecord> = match fs::read_to_string(&gate) {
            Ok(text) => Some(serde_json::from_str(&text).with_context(|| format!("cannot use {}", gate.display()))?),
            Err(_) => None,
        };
        let gate = gate.filter(|gate| gate.measured.is_some());
        let is_whole = gate.as_ref().map_or_else(|| experiment.is_valid(), is_kept);
        anyhow::ensure!(
            is_whole,
            "--add: {} is not added: a run of it is invalid or missing, or it was interrupted",
            folder.display()
        );
        if gate.is_some() {
            keep_runs_of_head(&mut experiment);
        }
        let verdict = gate.as_ref().map(|gate| gate.verdict);
        let place = self.relative(folder);
        let is_known = |line: &HistoryLine| line.results == place && line.at == experiment.finished_at;
        if let Some(at) = self.lines.iter().position(is_known) {
            anyhow::bail!("--add: {} is in the history already, in line {}", folder.display(), at + 1);
        }
        self.append(&experiment, place, verdict, gate.is_some(), &Margins::default())
            .with_context(|| format!("--add: cannot add {}", folder.display()))
    }

    /// Adds a line for each experiment of a head, by its place. `of_head` says that the place holds runs of the base as well.
    pub fn keep(
        mut self,
        measured: &[(&Path, &Experiment)],
        of_head: bool,
        record: &GateRecord,
        margins: &Margins,
        errors: &mut OutputErrors,
    ) {
        if !is_kept(record) {
            let shown = self.file.display();
            return eprint(&format!("notice: {shown} gets no line of what cannot be compared or was interrupted"));
        }
        for (place, experiment) in measured {
            let kept_path = self.relative(place);
            let kept = self.append(experiment, kept_path, Some(record.verdict), of_head, margins);
            errors.collect(kept, &format!("`storebench history --add {}` adds it later", place.display()));
        }
    }

    fn append(
        &mut self,
        experiment: &Experiment,
        results: String,
        verdict: Option<GateVerdict>,
        of_head: bool,
        margins: &Margins,
    ) -> anyhow::Result<()> {
        let kept = KeptExperiment {
            runs: experiment.runs.iter().collect(),
            at: &experiment.finished_at,
            tool: &experiment.tool,
            host: &experiment.host,
            verdict,
            results,
            of_head,
            commit: self.commit.clone(),
            release: self.release.clone(),
        };
        let line = HistoryLine::of(kept, margins).map_err(|problem| anyhow!("{problem}"))?;
        fs::create_dir_all(self.folder()).with_context(|| format!("cannot create {}", self.folder().display()))?;
        let file = OpenOptions::new().create(true).append(true).open(&self.file);
        // In one write, so that two that add at the same time leave two lines.
        let written = file.and_then(|mut file| file.write_all(line.to_json().as_bytes()));
        written.with_context(|| format!("cannot add to {}", self.file.display()))?;
        self.lines.push(line);
        Ok(())
    }

    /// A path as the history keeps it: from its own folder where it lies below that, so that both may move together.
    fn relative(&self, place: &Path) -> String {
        let whole = |path: &Path| fs::canonicalize(path).or_else(|_| std::path::absolute(path));
        let paths = whole(place).and_then(|place| Ok((place, whole(self.folder())?)));
        let kept = paths.map_or_else(
            |_| place.to_owned(),
            |(place, folder)| place.strip_prefix(&folder).map_or_else(|_| place.clone(), Path::to_owned),
        );
        kept.display().to_string()
    }
}

/// Of the runs of a measured gate keeps those of the head, which is what a history remembers of it.
pub fn keep_runs_of_head(experiment: &mut Experiment) {
    experiment.runs.retain(|run| run.id.ends_with("-head"));
}

/// Whether the head of a gate has figures that may be kept.
fn is_kept(record: &GateRecord) -> bool {
    let is_interrupted = record.measured.as_ref().is_some_and(|measured| measured.interrupted);
    record.verdict != GateVerdict::Incomparable && !is_interrupted
}

/// The commit of the code here: what the CI server says, else git's HEAD; none where there is neither.
fn commit_here() -> Option<String> {
    let named = COMMIT_VARIABLES.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    named.or_else(|| {
        let git = Command::new("git").args(["rev-parse", "HEAD"]).stdin(Stdio::null()).stderr(Stdio::null()).output();
        let text = String::from_utf8(git.ok().filter(|output| output.status.success())?.stdout).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    })
}
