//! What a gate is asked for by flags, and how it ends, whether its runs were stored or measured for it.

use std::path::Path;

use anyhow::anyhow;

use super::exit::{Exit, Failed};
use super::output::OutputErrors;
use super::terminal::{print, width};
use crate::cli::CompareArgs;
use crate::gate::{CalibratedLoad, GateOptions, GateRecord, GateVerdict, Margins};
use crate::report::gate as report;

/// What the flags ask of a gate, with what is known of its machine.
pub fn options(args: &CompareArgs, margins: Margins, calibrated: Vec<CalibratedLoad>) -> GateOptions {
    let CompareArgs { allow_mismatch, advise, keep_noisy, .. } = *args;
    GateOptions { margins, allows_mismatch: allow_mismatch, advises: advise, keeps_noisy: keep_noisy, calibrated }
}

/// Prints and writes a gate, and decides the exit code.
/// What cannot be written is an error message and an exit code.
pub fn conclude(args: &CompareArgs, record: &GateRecord, folder: &Path, mut errors: OutputErrors) -> Exit {
    let text = if args.quiet { report::verdict(record) } else { report::text(record, width()) };
    errors.collect(print(&text), "gate.json is written all the same");
    errors.write_files(report::files(record), folder, "give --out a folder that can be written to");
    if !args.quiet {
        errors.collect(print(&format!("results: {}\n", folder.display())), "they are there all the same");
    }
    let is_interrupted = record.measured.as_ref().is_some_and(|measured| measured.interrupted);
    let exit = if is_interrupted { Exit::Invalid } else { exit(record.verdict, args.strict) };
    if args.advise && exit != Exit::Ok {
        let would = format!("advise: without --advise this would exit with {}\n", exit as u8);
        errors.collect(print(&would), "the verdict is in gate.json");
    }
    if errors.print_all() {
        Exit::Usage
    } else if args.advise {
        Exit::Ok
    } else {
        exit
    }
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
///
/// # Errors
/// When the file cannot be read, or one of them is no margin.
pub fn margins(args: &CompareArgs) -> Result<Margins, Failed> {
    let usage = |problem: String| Failed::usage(anyhow!(problem));
    let mut margins = Margins::default();
    if let Some(path) = &args.margins {
        let shown = path.display();
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| usage(format!("--margins: cannot read {shown}: {error}")))?;
        margins.add_file(&text).map_err(|problem| usage(format!("--margins: {shown}: {problem}")))?;
    }
    for flag in &args.margin {
        margins.add_flag(flag).map_err(|problem| usage(format!("--margin: {problem}")))?;
    }
    Ok(margins)
}
