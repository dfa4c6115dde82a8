//! `storebench compare`: whether a head is worse than its base, from the records of both or by pairs that it measures
//! (`pairs`).

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use drivers::redacted;

use super::exit::{Exit, Failed};
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
        (_, _, [base, head]) => compare_stored(args, [base, head]),
        (_, _, targets) => Err(Failed::usage(anyhow!(
            "compare takes two results folders, BASE and HEAD, and here are {}; to measure, give --base STORE --head STORE",
            targets.len()
        ))),
    }
}

/// Compares two sides, prints the verdict and writes `gate.json` with all that derives from it.
fn compare_stored(args: &CompareArgs, folders: [&str; 2]) -> Result<Exit, Failed> {
    let margins = margins(args)?;
    if let Some(flag) = args.pairs.given() {
        return Err(Failed::usage(anyhow!(
            "{flag}: stored runs are as they are; to measure, give --base STORE --head STORE"
        )));
    }
    if let Some(address) = folders.iter().find(|folder| folder.contains("://")) {
        return Err(Failed::usage(anyhow!(
            "`{}`: this is an address; give the path of a results folder, or measure stores with --base and --head",
            redacted(address)
        )));
    }
    let [base, head] = folders.map(|folder| side(Path::new(folder)).map_err(Failed::usage));
    let (base, head) = (base?, head?);
    if base == head {
        return Err(Failed::usage(anyhow!(
            "{} and {} hold the same experiments; a comparison needs runs of its own on either side",
            folders[0],
            folders[1]
        )));
    }
    let calibrated = calibration::of_machine(&args.calibration, &base[0].host, &base[0].tool).map_err(Failed::usage)?;
    let options = options(args, margins, calibrated);
    let labels = folders.map(secrets::redact);
    let stored = |at: usize, experiments| StoredSide { label: &labels[at], experiments };
    let record = gate::compare(stored(0, &base), stored(1, &head), &options, (run::this_tool(), run::command_line()));
    let folder = output::new_gate_folder(args.out.as_deref()).map_err(Failed::usage)?;
    Ok(conclude(args, &record, &folder, OutputErrors::default()))
}

/// The experiments of a side: a record, a results folder, or all results folders in a folder.
fn side(path: &Path) -> anyhow::Result<Vec<Experiment>> {
    if path.is_file() {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let one = Experiment::from_json(&text).with_context(|| format!("cannot use {}", path.display()))?;
        return Ok(vec![one]);
    }
    if !path.is_dir() || path.join("experiment.json").exists() {
        return Ok(vec![Experiment::read(path)?]);
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
    folders.iter().map(|folder| Experiment::read(folder)).collect()
}
