//! `storebench list`: what there is to run and to run it on.

use super::{Exit, Failed, stores, tell};
use crate::cli::ListArgs;
use crate::workload::Workload;

/// Prints workloads and stores, or one workload.
///
/// # Errors
/// When the named workload does not exist or is malformed.
pub fn list(args: &ListArgs) -> Result<Exit, Failed> {
    let text = match &args.name {
        None => everything(),
        Some(name) => one(&Workload::find(name).map_err(Failed::usage)?, args.toml),
    };
    tell(&text)?;
    Ok(Exit::Ok)
}

fn everything() -> String {
    let mut text = String::from("Workloads (`storebench list NAME --toml` prints one to edit):\n");
    for workload in Workload::names().filter_map(|name| Workload::builtin(name).ok()) {
        text += &format!("  {:<20} {}\n", workload.name, workload.about);
    }
    text += "\nStores:\n";
    for (name, about) in stores::all() {
        text += &format!("  {name:<20} {about}\n");
    }
    text
}

fn one(workload: &Workload, toml: bool) -> String {
    if toml {
        return workload.text.clone();
    }
    format!("{}: {}\n\n{}", workload.name, workload.about, workload.summary())
}
