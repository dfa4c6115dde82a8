//! Workloads by the names and paths of the command line.

use drivers::one_line;

use super::exit::Failed;
use super::terminal::eprint;
use crate::workload::Workload;

/// Finds a workload, and warns about everything in its file that was not understood or not taken over.
///
/// # Errors
/// When there is no such workload, or its file is wrong.
pub fn find(name: &str) -> Result<Workload, Failed> {
    let workload = Workload::find(name).map_err(Failed::usage)?;
    for warning in &workload.warnings {
        eprint(&format!("warning: {}: {}", one_line(name), one_line(warning)));
    }
    Ok(workload)
}
