//! `storebench compare`: whether a head is worse than its base, from the records of both.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::exit::{Exit, Failed};
use super::output::{self, OutputErrors};
use super::terminal::{print, width};
use super::{run, secrets};
use crate::cli::CompareArgs;
use crate::gate::{GateOptions, GateRecord, GateVerdict, Margins, StoredSide, compare};
use crate::record::Experiment;
use crate::report::gate;

/// Compares two sides, prints the verdict and writes `gate.json` with all that derives from it.
///
/// # Errors
/// When a side cannot be read, a margin is none, or there is no folder for the results. An output that cannot be written is
/// an error message and an exit code.
pub fn compare_stored(args: &CompareArgs) -> Result<Exit, Failed> {
    let margins = margins(args).map_err(|problem| Failed::usage(anyhow!(problem)))?;
    let options = GateOptions {
        margins,
        allows_mismatch: args.allow_mismatch,
        advises: args.advise,
        keeps_noisy: args.keep_noisy,
    };
    let [base, head] = [&args.base, &args.head].map(|folder| side(folder)).map(|side| side.map_err(Failed::usage));
    let (base, head) = (base?, head?);
    if base == head {
        let [base, head] = [&args.base, &args.head].map(|folder| folder.display());
        return Err(Failed::usage(anyhow!(
            "{base} and {head} hold the same experiments; a comparison needs runs of its own on either side"
        )));
    }
    let labels = [&args.base, &args.head].map(|folder| secrets::redact(&folder.display().to_string()));
    let stored = |at: usize, experiments| StoredSide { label: &labels[at], experiments };
    let record = compare(stored(0, &base), stored(1, &head), &options, (run::this_tool(), run::command_line()));
    conclude(args, &record)
}

/// Prints and writes a gate, and decides the exit code.
fn conclude(args: &CompareArgs, record: &GateRecord) -> Result<Exit, Failed> {
    let folder = output::new_gate_folder(args.out.as_deref()).map_err(Failed::usage)?;
    let mut errors = OutputErrors::default();
    let text = if args.quiet { gate::verdict(record) } else { gate::text(record, width()) };
    errors.collect(print(&text), "gate.json is written all the same");
    errors.write_files(gate::files(record), &folder, "give --out a folder that can be written to");
    if !args.quiet {
        errors.collect(print(&format!("results: {}\n", folder.display())), "they are there all the same");
    }
    let exit = exit(record.verdict, args.strict);
    if args.advise && exit != Exit::Ok {
        let would = format!("advise: without --advise this would exit with {}\n", exit as u8);
        errors.collect(print(&would), "the verdict is in gate.json");
    }
    Ok(if errors.print_all() {
        Exit::Usage
    } else if args.advise {
        Exit::Ok
    } else {
        exit
    })
}

fn exit(verdict: GateVerdict, is_strict: bool) -> Exit {
    match verdict {
        GateVerdict::Regression => Exit::Regression,
        GateVerdict::Incomparable => Exit::Invalid,
        GateVerdict::Inconclusive if is_strict => Exit::Inconclusive,
        GateVerdict::Inconclusive | GateVerdict::Ok | GateVerdict::Improved => Exit::Ok,
    }
}

/// The margins of the file and of the flags, which go before the file.
fn margins(args: &CompareArgs) -> Result<Margins, String> {
    let mut margins = Margins::default();
    if let Some(path) = &args.margins {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("--margins: cannot read {shown}: {error}"))?;
        margins.add_file(&text).map_err(|problem| format!("--margins: {shown}: {problem}"))?;
    }
    for flag in &args.margin {
        margins.add_flag(flag).map_err(|problem| format!("--margin: {problem}"))?;
    }
    Ok(margins)
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
