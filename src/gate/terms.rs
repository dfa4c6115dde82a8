//! What has to be equal before two sides may be compared. Builds and versions, of the suite and of the server, may differ:
//! they are what is compared.

use drivers::one_line;

use super::record::Mismatch;
use crate::record::{Experiment, Host, LoadInfo, Run, Tool};
use crate::units;

/// By which share the installed memory may differ: a new kernel keeps a few MiB more or less for itself.
pub const SAME_MEMORY: f64 = 0.02;

/// What a field is called, and its value.
type TermField<'a, T> = (&'a str, &'a dyn Fn(&T) -> String);

/// Fields of the machine and of the build in which the sides differ.
pub fn of_machines(base: &[Experiment], head: &[Experiment]) -> Vec<Mismatch> {
    let fields: [TermField<'_, Experiment>; 6] = [
        ("CPU model", &|one| one.host.cpu.clone()),
        ("CPUs", &|one| one.host.cpus.to_string()),
        ("kernel", &|one| kernel(&one.host)),
        ("virtualisation", &|one| one.host.virtualization.clone().unwrap_or_else(|| "none".to_owned())),
        ("instance type", &|one| one.host.instance.clone().unwrap_or_else(|| "unknown".to_owned())),
        ("build profile", &|one| one.tool.profile.clone()),
    ];
    let mut found: Vec<Mismatch> = fields
        .iter()
        .filter_map(|(field, of)| differing(field, None, base.iter().map(of), head.iter().map(of)))
        .collect();
    let memory = |side: &[Experiment]| side.iter().map(|one| one.host.memory_bytes).collect::<Vec<u64>>();
    let (of_base, of_head) = (memory(base), memory(head));
    let extremes = of_base.iter().chain(&of_head);
    if let (Some(least), Some(most)) = (extremes.clone().min(), extremes.max())
        && (*most as f64) > *least as f64 * (1.0 + SAME_MEMORY)
    {
        let text = |side: &[u64]| listed(side.iter().map(|bytes| units::bytes(*bytes)));
        let (base, head) = (text(&of_base), text(&of_head));
        found.push(Mismatch { field: "memory".to_owned(), workload: None, base, head });
    }
    found
}

/// Whether two builds of the suite, of base and head, were made alike.
pub fn of_builds(tools: &[Tool]) -> Option<Mismatch> {
    let [base, head] = tools else { return None };
    let profiles = [base, head].map(|tool| std::iter::once(tool.profile.clone()));
    let [base, head] = profiles;
    differing("build profile", None, base, head)
}

fn length(load: &LoadInfo) -> String {
    match (load.duration_s, load.ops) {
        (Some(length_s), _) => units::seconds(length_s),
        (None, Some(operations)) => units::counted(operations, "operation"),
        (None, None) => "unknown".to_owned(),
    }
}

/// `Linux 6`: the name and the major version.
pub fn kernel(host: &Host) -> String {
    host.os.split('.').next().unwrap_or_default().to_owned()
}

/// A field of a run by its name.
type RunField = (&'static str, fn(&Run) -> String);

/// What of a run has to be equal on both sides. The last two follow from those before them, unless something is wrong.
const OF_RUN: [RunField; 11] = [
    ("workload hash", |run| run.workload.hash.clone()),
    ("rows", |run| units::count(run.workload.rows)),
    ("durability", |run| run.store.description.guarantees.durability.name().to_owned()),
    ("load mode", |run| format!("{:?} loop", run.load.mode).to_lowercase()),
    ("clients", |run| run.load.clients.to_string()),
    ("rate", |run| run.load.rate_per_s.map_or_else(|| "none".to_owned(), |rate| units::stated(rate) + "/s")),
    ("arrivals", |run| run.load.arrivals.clone().unwrap_or_else(|| "none".to_owned())),
    ("length", |run| length(&run.load)),
    ("warm-up", |run| units::seconds(run.load.warmup_s)),
    ("dataset (digests after the load)", |run| format!("{:?}", run.loading.digests)),
    ("operations (stream hash)", |run| run.workload.stream_hash.clone()),
];

/// All of it as one text: equal for runs that may be compared.
pub fn text(run: &Run) -> String {
    OF_RUN.map(|(field, of)| format!("{field}: {}", of(run))).join("\n")
}

/// Fields of a workload's runs in which the sides differ.
pub fn of_runs(base: &[&Run], head: &[&Run]) -> Vec<Mismatch> {
    let workload = base.first().map(|run| run.workload.name.clone());
    let of = |(field, of): &RunField| {
        differing(field, workload.clone(), base.iter().map(|run| of(run)), head.iter().map(|run| of(run)))
    };
    let found: Vec<Mismatch> = OF_RUN[..9].iter().filter_map(of).collect();
    if found.is_empty() { OF_RUN[9..].iter().find_map(of).into_iter().collect() } else { found }
}

fn differing(
    field: &str,
    workload: Option<String>,
    base: impl Iterator<Item = String>,
    head: impl Iterator<Item = String>,
) -> Option<Mismatch> {
    let sorted = |values: &mut dyn Iterator<Item = String>| {
        let mut values: Vec<String> = values.collect();
        values.sort();
        values.dedup();
        values
    };
    let (base, head) = (sorted(&mut { base }), sorted(&mut { head }));
    let text = |values: Vec<String>| one_line(&listed(values.into_iter())).chars().take(160).collect();
    (base != head).then(|| Mismatch { field: field.to_owned(), workload, base: text(base), head: text(head) })
}

fn listed(values: impl Iterator<Item = String>) -> String {
    let mut values: Vec<String> = values.collect();
    values.dedup();
    values.join(" and ")
}
