//! Where and how: the machine, the program, the command, and how to do it again.

use crate::record::Experiment;
use crate::report::lists::distinct;
use crate::report::words;
use crate::units;

/// Where an experiment took place, by name.
pub fn machine(experiment: &Experiment) -> Vec<(&'static str, String)> {
    let host = &experiment.host;
    let mut facts = vec![
        ("CPU", host.cpu.clone()),
        ("CPUs available", units::count(host.cpus)),
        ("Memory", units::bytes(host.memory_bytes)),
        ("System", host.os.clone()),
        ("File system of the data", host.file_system.clone()),
    ];
    facts.extend(host.virtualization.clone().map(|name| ("Virtualization", name)));
    facts.extend(host.governor.clone().map(|name| ("Frequency governor", name)));
    facts.push(("Program", words::tool(experiment)));
    facts.push(("Build", experiment.tool.profile.clone()));
    facts.push(("Seed", experiment.seed.to_string()));
    facts.push(("Started", words::moment(&experiment.started_at)));
    facts.push(("Finished", words::moment(&experiment.finished_at)));
    facts
}

/// `2 workloads on 3 stores`, or their names where there is one.
pub fn subject(experiment: &Experiment) -> String {
    let workloads = distinct(experiment.runs.iter().map(|run| run.workload.name.as_str()));
    let stores = distinct(experiment.runs.iter().map(words::engine));
    let workload = match workloads[..] {
        [one] => one.to_owned(),
        _ => units::counted(workloads.len() as u64, "workload"),
    };
    match &stores[..] {
        [one] => format!("{workload} on {one}"),
        _ => format!("{workload} on {}", units::counted(stores.len() as u64, "store")),
    }
}

/// The day of a time stamp.
pub fn day(at: &str) -> &str {
    at.split('T').next().unwrap_or(at)
}
