//! Workloads by the names and paths of the command line.

use anyhow::anyhow;
use drivers::{one_line, redacted};

use super::exit::Failed;
use super::terminal::eprint;
use crate::cli::YcsbArgs;
use crate::workload::{Overrides, Workload};

/// Finds the named workloads and the one of `-P`, and warns about everything in their files that was not understood or has
/// no effect. `records` is what `--records` says.
///
/// # Errors
/// When there is no such workload, its file is wrong, one is named twice, or `-p` has nothing to work on.
pub fn find(names: &[String], ycsb: &YcsbArgs, records: Option<u64>) -> Result<Vec<Workload>, Failed> {
    let overrides = Overrides { properties: ycsb.properties.clone(), records };
    let mut workloads: Vec<Workload> = Vec::new();
    for name in names {
        workloads.push(find_one(name, &overrides)?);
    }
    if !ycsb.property_files.is_empty() {
        workloads.push(Workload::from_properties(&ycsb.property_files, &overrides).map_err(Failed::usage)?);
    }
    for (at, workload) in workloads.iter().enumerate() {
        let name = &workload.name;
        if workloads[..at].iter().any(|other| other.name == *name) {
            return Err(Failed::usage(anyhow!("workload `{name}` is named twice; name it once, with --runs")));
        }
        if !workload.is_converted && !overrides.properties.is_empty() {
            return Err(Failed::usage(anyhow!(
                "-p sets properties of workloads in YCSB's format, and {name} is none; run it by itself"
            )));
        }
    }
    if workloads.is_empty() && !overrides.properties.is_empty() {
        return Err(Failed::usage(anyhow!("-p sets properties of a YCSB file; give the file too, with -P")));
    }
    for workload in &workloads {
        for warning in &workload.warnings {
            eprint(&format!("warning: {}: {}", workload.name, one_line(warning)));
        }
    }
    Ok(workloads)
}

fn find_one(name: &str, overrides: &Overrides) -> Result<Workload, Failed> {
    if name.contains("://") {
        let address = redacted(name);
        return Err(Failed::usage(anyhow!(
            "`{address}` is the address of a store, not a workload; pass it with --store"
        )));
    }
    Workload::find(name, overrides).map_err(Failed::usage)
}

/// Prints what is done otherwise than in YCSB.
pub fn print_notes(workload: &Workload) {
    for note in &workload.notes {
        eprint(&format!("note: {}: {}", workload.name, one_line(&note.text)));
    }
}
