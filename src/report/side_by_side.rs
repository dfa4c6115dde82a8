//! Several experiments as one, so that every table and chart puts them side by side: each store carries the label of its
//! experiment, and the report says where the experiments differ.

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
    merged.runs =
        sides.iter().flat_map(|side| side.experiment.runs.iter().map(|run| labelled(&side.label, run))).collect();
    Some(merged)
}

fn labelled(label: &str, run: &Run) -> Run {
    let mut run = run.clone();
    if !label.is_empty() {
        run.id = format!("{label}/{}", run.id);
        run.store.name = format!("{label}: {}", run.store.name);
    }
    run
}

/// What the experiments do not have in common, one sentence each.
pub fn differences(sides: &[Side<'_>]) -> Vec<String> {
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
    fn an_experiment_alone_keeps_its_names() {
        let experiment = fixtures::experiment(vec![fixtures::read_heavy()]);
        assert_eq!(merged(&[Side::alone(&experiment)]), Some(experiment.clone()));
    }
}
