//! `storebench compare`: whether a head is worse than its base, from the records of both or by pairs that it measures
//! (`pairs`).

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use drivers::redacted;

use super::exit::{Exit, Failed};
use super::history::{History, keep_runs_of_head};
use super::judgement::{conclude, margins, options};
use super::output::{self, OutputErrors};
use super::{calibration, pairs, run, secrets};
use crate::cli::CompareArgs;
use crate::gate::{self, StoredSide};
use crate::record::Experiment;

/// Measures two stores in pairs, or compares two sides of stored runs.
///
/// # Errors
/// When the arguments are wrong, a side cannot be read or measured, or there is no folder for the results. An output that
/// cannot be written is an error message and an exit code.
pub fn compare(args: &CompareArgs) -> Result<Exit, Failed> {
    match (&args.base, &args.head, &args.targets[..]) {
        (Some(base), Some(head), _) => pairs::compare_pairs(args, [base, head]),
        (_, _, [head]) if args.keep.baseline.is_some() => compare_with_history(args, head),
        (_, _, [base, head]) if args.keep.baseline.is_none() => {
            let [base, head] = [base, head].map(|folder| stored(folder));
            compare_stored(args, base?, head?)
        }
        (_, _, targets) if args.keep.baseline.is_some() => Err(Failed::usage(anyhow!(
            "--baseline takes one results folder, HEAD, and here are {}: the base comes from the history",
            targets.len()
        ))),
        (_, _, targets) => Err(Failed::usage(anyhow!(
            "compare takes two results folders, BASE and HEAD, and here are {}; to measure, give --base STORE --head STORE",
            targets.len()
        ))),
    }
}

/// One side as the user named it, with its experiments by their places.
struct NamedSide {
    label: String,
    experiments: Vec<(PathBuf, Experiment)>,
}

impl NamedSide {
    fn records(&self) -> Vec<Experiment> {
        self.experiments.iter().map(|(_, one)| one.clone()).collect()
    }
}

/// Compares two sides, prints the verdict and writes `gate.json` with all that derives from it.
fn compare_stored(args: &CompareArgs, base: NamedSide, head: NamedSide) -> Result<Exit, Failed> {
    let margins = margins(args)?;
    if let Some(flag) = args.pairs.given() {
        return Err(Failed::usage(anyhow!(
            "{flag}: stored runs are as they are; to measure, give --base STORE --head STORE"
        )));
    }
    let history = History::open(&args.keep)?;
    let [of_base, of_head] = [&base, &head].map(NamedSide::records);
    if of_base == of_head {
        return Err(Failed::usage(anyhow!(
            "{} and {} hold the same experiments; a comparison needs runs of its own on either side",
            base.label,
            head.label
        )));
    }
    let calibrated =
        calibration::of_machine(&args.calibration, &of_base[0].host, &of_base[0].tool).map_err(Failed::usage)?;
    let options = options(args, margins, calibrated);
    let made_by = (run::this_tool(), run::command_line());
    let record = gate::compare(
        StoredSide { label: &base.label, experiments: &of_base },
        StoredSide { label: &head.label, experiments: &of_head },
        &options,
        made_by,
    );
    let folder = output::new_gate_folder(args.out.as_deref()).map_err(Failed::usage)?;
    let mut errors = OutputErrors::default();
    if let Some(history) = history {
        let measured: Vec<(&Path, &Experiment)> =
            head.experiments.iter().map(|(place, one)| (place.as_path(), one)).collect();
        history.keep(&measured, false, &record, &options.margins, &mut errors);
    }
    Ok(conclude(args, &record, &folder, errors))
}

/// Compares a head with what its history holds of this machine.
fn compare_with_history(args: &CompareArgs, head: &str) -> Result<Exit, Failed> {
    let history = History::open(&args.keep)?;
    let (Some(history), Some(baseline)) = (history, &args.keep.baseline) else {
        return Err(Failed::usage(anyhow!("--baseline needs --history")));
    };
    let head = stored(head)?;
    let mut base = NamedSide { label: String::new(), experiments: Vec::new() };
    let mut names = Vec::new();
    for (place, of_head, name) in history.baseline(baseline, &head.experiments[0]).map_err(Failed::usage)? {
        for (place, mut experiment) in side(&place).map_err(Failed::usage)? {
            if of_head {
                keep_runs_of_head(&mut experiment);
            }
            base.experiments.push((place, experiment));
        }
        names.push(name);
    }
    base.label = names.join(", ");
    compare_stored(args, base, head)
}

/// A side by its folder.
fn stored(folder: &str) -> Result<NamedSide, Failed> {
    if folder.contains("://") {
        return Err(Failed::usage(anyhow!(
            "`{}`: this is an address; give the path of a results folder, or measure stores with --base and --head",
            redacted(folder)
        )));
    }
    let experiments = side(Path::new(folder)).map_err(Failed::usage)?;
    Ok(NamedSide { label: secrets::redact(folder), experiments })
}

/// The experiments of a side: a record, a results folder, or all results folders in a folder.
fn side(path: &Path) -> anyhow::Result<Vec<(PathBuf, Experiment)>> {
    if path.is_file() {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let one = Experiment::from_json(&text).with_context(|| format!("cannot use {}", path.display()))?;
        return Ok(vec![(path.to_owned(), one)]);
    }
    if !path.is_dir() || path.join("experiment.json").exists() {
        return Ok(vec![(path.to_owned(), Experiment::read(path)?)]);
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    // A link, such as results/latest, would count an experiment twice.
    folders.retain(|folder| !folder.is_symlink() && folder.join("experiment.json").exists());
    folders.sort();
    anyhow::ensure!(
        !folders.is_empty(),
        "{} holds no experiment.json, and no folder in it does; give a folder that `storebench run` made, or one of such \
         folders",
        path.display()
    );
    folders.into_iter().map(|folder| Ok((folder.clone(), Experiment::read(&folder)?))).collect()
}
