//! The command line of `storebench history`, and what `compare` says of a history.

use std::path::PathBuf;

use clap::Args;

use super::shared::path;
use crate::gate::Baseline;

/// Arguments of `storebench history`
#[derive(Debug, Args)]
#[command(after_help = HISTORY_HELP)]
pub struct HistoryArgs {
    /// The history: a file of lines, or a folder with a history.jsonl
    #[arg(value_name = "DIR|FILE.jsonl", value_parser = path())]
    pub history: PathBuf,

    /// Add a results folder that no `compare` has added; give it again for more
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub add: Vec<PathBuf>,

    /// What was measured
    #[command(flatten)]
    pub measured: MeasuredArgs,

    /// Folder for history.svg [default: that of the history]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub out: Option<PathBuf>,
}

/// The state of the code that an experiment measured
#[derive(Debug, Args)]
pub struct MeasuredArgs {
    /// With a history: the commit that was measured [default: GITHUB_SHA, CI_COMMIT_SHA, GIT_COMMIT, else git's HEAD here]
    #[arg(long, value_name = "HASH")]
    pub commit: Option<String>,

    /// With a history: the release that was measured, for --baseline release:TAG
    #[arg(long, value_name = "TAG")]
    pub release: Option<String>,
}

/// A history, as `compare` uses it
#[derive(Debug, Args)]
#[command(next_help_heading = "History")]
pub struct KeepArgs {
    /// Add the head's medians to this history, a line for each experiment: a file, or a folder with a history.jsonl
    #[arg(long, value_name = "DIR|FILE.jsonl", value_parser = path())]
    pub history: Option<PathBuf>,

    /// Compare HEAD alone with what the history holds of this machine: last-good, release:TAG, commit:HASH, or median:N (the
    /// runs of the last N good experiments together)
    #[arg(long, value_name = "WHICH", requires = "history", conflicts_with = "base")]
    pub baseline: Option<Baseline>,

    /// What is measured
    #[command(flatten)]
    pub measured: MeasuredArgs,
}

const HISTORY_HELP: &str = "\
Prints for each figure of the last experiment where its level changed on that machine, by how much and between which commits, and
draws history.svg. A change takes 12 experiments of the same work, three of them on either side, and is one that fewer than 1 % of
shuffled histories show. A history finds creep; one commit is judged by `compare`.";
