//! Several experiments as one, so that every table and chart puts them side by side: each store carries the label of its
//! experiment, and the report says where the experiments differ.

use super::group::Terms;
use super::lists::distinct;
use super::words;
use crate::record::{Experiment, Host, MissingRun, Run};
use crate::units;

/// One of the experiments of a report.
#[derive(Debug)]
pub struct Side<'a> {
    /// What tells it from the others; empty in a report of one.
    pub label: String,
    /// Its results folder, as seen from the report: empty or ending in `/`.
    pub href: String,
    /// What ran and came out of it.
    pub experiment: &'a Experiment,
}

impl<'a> Side<'a> {
    /// The only experiment of a report.
    pub fn alone(experiment: &'a Experiment) -> Self {
        Side { label: String::new(), href: String::new(), experiment }
    }
}

/// One experiment with the runs of all, stores and runs labelled; of a single one, its copy. `None` without any.
pub fn merged(sides: &[Side<'_>]) -> Option<Experiment> {
    let experiments: Vec<&Experiment> = sides.iter().map(|side| side.experiment).collect();
    let mut merged = Experiment { runs: Vec::new(), missing: Vec::new(), ..(*experiments.first()?).clone() };
    for experiment in &experiments {
        merged.started_at = merged.started_at.min(experiment.started_at.clone());
        merged.finished_at = merged.finished_at.max(experiment.finished_at.clone());
        merged.interrupted |= experiment.interrupted;
    }
    if distinct(experiments.iter().map(|one| &one.host)).len() > 1 {
        merged.host = Host { cpu: "several machines".to_owned(), ..Host::default() };
    }
    if distinct(experiments.iter().map(|one| &one.tool)).len() > 1 {
        merged.tool.version = "in several versions".to_owned();
    }
    merged.command = distinct(experiments.iter().map(|one| one.command.as_str())).join("\n");
    let missing = sides.iter().flat_map(|side| side.experiment.missing.iter().map(|run| (&side.label, run)));
    merged.missing = missing
        .map(|(label, run)| match label.as_str() {
            "" => run.clone(),
            label => MissingRun { id: format!("{label}/{}", run.id), ..run.clone() },
        })
        .collect();
    let joined = are_levels(sides);
    merged.runs = sides
        .iter()
        .flat_map(|side| side.experiment.runs.iter().map(|run| labelled(&side.label, run, joined)))
        .collect();
    Some(merged)
}

/// A run under the label of its experiment; its store keeps its name where the experiments are levels of load.
fn labelled(label: &str, run: &Run, joined: bool) -> Run {
    let mut run = run.clone();
    if !label.is_empty() {
        run.id = format!("{label}/{}", run.id);
        if !joined {
            run.store.name = format!("{label}: {}", run.store.name);
        }
    }
    run
}

/// Whether the experiments are levels of load of the same stores, which a report joins: measured with one program on one
/// machine, with the same data and operations; each store in the same version and with the same promises; no level in two
/// of them, for then they are there to be compared; and a store that several of them have.
pub fn are_levels(sides: &[Side<'_>]) -> bool {
    let experiments: Vec<&Experiment> = sides.iter().map(|side| side.experiment).collect();
    let alike = |a: &&Experiment, b: &&Experiment| a.host == b.host && a.tool == b.tool && a.seed == b.seed;
    if experiments.windows(2).any(|pair| !alike(&pair[0], &pair[1])) {
        return false;
    }
    let mut shared = false;
    for (at, one) in experiments.iter().enumerate() {
        for (a, b) in
            experiments[..at].iter().flat_map(|other| &other.runs).flat_map(|a| one.runs.iter().map(move |b| (a, b)))
        {
            if a.store.name != b.store.name {
                continue;
            }
            let (of_a, of_b) = (&a.store.description, &b.store.description);
            if of_a.version != of_b.version || of_a.guarantees != of_b.guarantees {
                return false;
            }
            let (a, b) = (Terms::from_run(a), Terms::from_run(b));
            if a.workload == b.workload && (a == b || a.hash != b.hash || a.rows != b.rows) {
                return false;
            }
            shared |= a.workload == b.workload;
        }
    }
    shared
}

/// What the experiments do not have in common, one sentence each.
pub fn differences(sides: &[Side<'_>]) -> Vec<String> {
    let joined =
        are_levels(sides).then(|| "The experiments are levels of load of the same stores and are joined.".to_owned());
    let differ = |of: &dyn Fn(&Experiment) -> String| {
        let values = distinct(sides.iter().map(|side| of(side.experiment)));
        (values.len() > 1).then(|| values.join("; "))
    };
    let machine = |one: &Experiment| {
        let host = &one.host;
        format!("{}, {} of memory, {}", words::host(one), units::bytes(host.memory_bytes), host.file_system)
    };
    [
        ("The experiments ran on different machines", differ(&machine)),
        (
            "They were made by different programs",
            differ(&|one| format!("{}, {} build", words::tool(one), one.tool.profile)),
        ),
        ("The seeds differ, and so do data and operations", differ(&|one| one.seed.to_string())),
    ]
    .into_iter()
    .filter_map(|(what, values)| Some(format!("{what}: {}.", values?)))
    .chain(joined)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;
    use crate::report::group::groups;

    #[test]
    fn the_same_store_of_two_experiments_is_compared_not_pooled() {
        let [before, mut after] = [(); 2].map(|()| fixtures::experiment(vec![fixtures::read_heavy()]));
        after.seed = 7;
        after.runs[0].workload.stream_hash = "another".to_owned();
        let side = |label: &str, experiment| Side { label: label.to_owned(), href: format!("../{label}/"), experiment };
        let sides = [side("before", &before), side("after", &after)];
        let merged = merged(&sides).expect("two");
        let groups = groups(&merged);
        assert_eq!(groups.len(), 1);
        let stores: Vec<String> = groups[0].cells.iter().map(|cell| words::store(cell.runs[0])).collect();
        assert_eq!(stores, ["before: libsql 3.45.1", "after: libsql 3.45.1"]);
        assert!(groups[0].warning.starts_with("Not the same stream"), "{}", groups[0].warning);
        assert_eq!(differences(&sides), ["The seeds differ, and so do data and operations: 42; 7."]);
    }

    #[test]
    fn levels_of_several_experiments_are_joined_and_the_store_keeps_its_name() {
        let at = |clients| {
            let mut run = fixtures::read_heavy();
            run.load.clients = clients;
            fixtures::experiment(vec![run])
        };
        let (one, two, three) = (at(1), at(8), at(32));
        let side = |label: &str, experiment| Side { label: label.to_owned(), href: format!("../{label}/"), experiment };
        let merged = merged(&[side("a", &one), side("b", &two), side("c", &three)]).expect("three");
        let cells = crate::report::group::cells(&merged);
        let sweeps = crate::report::load_levels::sweeps(&cells);
        assert_eq!((sweeps.len(), sweeps[0].levels.len(), &*sweeps[0].store), (1, 3, "libsql 3.45.1"));
        assert_eq!(merged.runs[1].id, "b/read-heavy-libsql-1");
        let changed = |change: fn(&mut Experiment)| {
            let mut other = at(8);
            change(&mut other);
            let sides = [("a", &one), ("b", &other)];
            are_levels(&sides.map(|(label, experiment)| Side {
                label: label.to_owned(),
                href: String::new(),
                experiment,
            }))
        };
        assert!(changed(|_| ()));
        assert!(!changed(|other| other.runs[0].load.clients = 1), "the same level is there to be compared");
        assert!(!changed(|other| other.seed = 7));
        assert!(!changed(|other| other.host.cpus = 64));
        assert!(!changed(|other| other.runs[0].workload.rows += 1));
        assert!(!changed(|other| other.runs[0].store.description.version = "3.46".to_owned()));
        assert!(!changed(|other| other.runs[0].store.name = "postgres".to_owned()), "two stores, nothing to join");
    }

    #[test]
    fn an_experiment_alone_keeps_its_names() {
        let experiment = fixtures::experiment(vec![fixtures::read_heavy()]);
        assert_eq!(merged(&[Side::alone(&experiment)]), Some(experiment.clone()));
    }
}
