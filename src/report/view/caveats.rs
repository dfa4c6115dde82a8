//! What the figures do not say: read from the record where it shows it, and said of every experiment where no record can.

use drivers::Placement;

use crate::record::{Experiment, Mode, Run};
use crate::report::lists::{distinct, listed};
use crate::report::words;
use crate::units;

/// Shorter measurements rarely meet a checkpoint, a compaction or a slow neighbour.
const SHORT_S: f64 = 60.0;

/// Caveats of this experiment, the weightiest first.
pub fn caveats(experiment: &Experiment) -> Vec<String> {
    let mut caveats = Vec::new();
    caveats.extend(build(experiment));
    caveats.extend(repetitions(experiment));
    caveats.extend(loops(experiment));
    caveats.extend(placements(experiment));
    caveats.extend(cached(experiment));
    caveats.extend(short(experiment));
    caveats.extend(machine(experiment));
    caveats
}

/// What no run of this kind tests.
pub fn untested(experiment: &Experiment) -> Vec<String> {
    let loads = distinct(experiment.runs.iter().map(words::load));
    let mut untested = vec![
        format!("Any load but this: {}.", listed(&loads)),
        "Failure: loss of a node, a disk or the network, failover, recovery after a crash, and how long it takes."
            .to_owned(),
        "Replication, backup and restore, upgrades, schema changes under load.".to_owned(),
        "Growth: weeks of churn, fragmentation, data much larger than memory.".to_owned(),
        "Neighbours: other services on the same machine or server.".to_owned(),
    ];
    if experiment.runs.iter().all(|run| run.store.placement == Placement::Embedded) {
        untested.push("The network: every store ran inside the process that used it.".to_owned());
    }
    untested
}

fn build(experiment: &Experiment) -> Option<String> {
    let unfit = matches!(experiment.tool.profile.as_str(), "debug" | "dev");
    unfit.then(|| "This was a debug build of storebench: no figure is comparable with anything.".to_owned())
}

fn repetitions(experiment: &Experiment) -> Option<String> {
    let most = experiment.runs.iter().map(|run| run.repetition).max()?;
    (most < 5).then(|| {
        let runs = if most == 1 { "One run".to_owned() } else { format!("{most} runs") };
        format!(
            "{runs} per store and workload. Restarts of the same store often differ by more than the seconds within a run \
             do, so small differences between stores mean nothing yet; repeat with --runs 5 or more."
        )
    })
}

fn loops(experiment: &Experiment) -> Option<String> {
    experiment.runs.iter().any(|run| run.load.mode == Mode::Closed).then(|| {
        "In a closed loop a store that stalls also stops the load: the operations that would have met the stall were never \
         sent, and their waiting is in no percentile. For latency as users see it, run with --rate."
            .to_owned()
    })
}

fn placements(experiment: &Experiment) -> Option<String> {
    let of = |placement: Placement| experiment.runs.iter().any(|run| run.store.placement == placement);
    let caveat = match (of(Placement::Embedded), of(Placement::Remote)) {
        (true, true) => {
            "Embedded stores and servers stand side by side: an embedded one has no network and no other process in its \
             latency, so this compares architectures, not engines."
        }
        (true, false) => {
            "The store ran inside the suite's process and shared its CPUs: there is no network in any latency, and the \
             client's own work competes with the store's."
        }
        (false, true) => {
            "If a server ran on this same machine, client and server competed for its CPUs and no real network was crossed."
        }
        (false, false) => return None,
    };
    Some(caveat.to_owned())
}

fn cached(experiment: &Experiment) -> Option<String> {
    let weight = |run: &Run| run.footprint.after_run.disk_bytes.unwrap_or(0).max(run.loading.logical_bytes);
    let largest = experiment.runs.iter().map(weight).max()?;
    let memory = experiment.host.memory_bytes;
    (largest > 0 && largest < memory / 2).then(|| {
        format!(
            "The data, at most {}, fits into the memory of {}: reads were served from caches, and say nothing of a store \
             larger than memory.",
            units::bytes(largest),
            units::bytes(memory)
        )
    })
}

fn short(experiment: &Experiment) -> Option<String> {
    let shortest = experiment.runs.iter().map(|run| run.phases.measure_s).min_by(f64::total_cmp)?;
    (shortest < SHORT_S).then(|| {
        format!(
            "The measurement lasted {}: work that a store puts off, such as checkpoints, compaction or vacuum, may not have \
             happened in it.",
            units::seconds(shortest)
        )
    })
}

fn machine(experiment: &Experiment) -> Option<String> {
    let host = &experiment.host;
    let mut traits = Vec::new();
    if let Some(name) = &host.virtualization {
        traits.push(format!("under a hypervisor ({name}), so the load of its neighbours cannot be seen"));
    }
    if let Some(governor) = host.governor.as_deref().filter(|governor| *governor != "performance") {
        traits.push(format!("CPU frequencies governed by `{governor}`, which change with the load"));
    }
    (!traits.is_empty()).then(|| format!("The machine: {}.", traits.join("; ")))
}
