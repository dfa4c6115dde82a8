//! `storebench report`: everything that derives from a record, made again.

use std::path::Path;

use anyhow::Context;

use super::{Exit, Failed};
use crate::cli::ReportArgs;
use crate::record::Experiment;
use crate::report;

/// Rebuilds tables and charts of a results folder and prints the table.
///
/// # Errors
/// When there is no readable record in the folder or the files cannot be written.
pub fn report(args: &ReportArgs) -> Result<Exit, Failed> {
    let experiment = Experiment::read(&args.folder).map_err(Failed::usage)?;
    write(&experiment, &args.folder)?;
    print!("{}", report::text::experiment(&experiment));
    println!("charts and tables: {}", args.folder.display());
    Ok(if experiment.runs.iter().all(|run| run.verdict.valid) { Exit::Ok } else { Exit::Invalid })
}

/// Writes everything that derives from the record.
///
/// # Errors
/// When a file cannot be written.
pub fn write(experiment: &Experiment, folder: &Path) -> anyhow::Result<()> {
    for (name, bytes) in report::render(experiment)? {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
