//! What the stores promised while they were measured, how the data lay in them, and what each operation was for them:
//! the figures of stores that promise different things do not answer the same question.

use drivers::{Binding, Placement};

use crate::record::{Experiment, Run};
use crate::report::lists::distinct;
use crate::report::words;
use crate::units;

/// A store as it ran.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreView {
    /// Its name, without passwords.
    pub name: String,
    /// The driver that spoke to it.
    pub driver: String,
    /// The engine's version in its own words.
    pub version: String,
    /// Whether the engine ran in the suite's process.
    pub embedded: bool,
    /// What an acknowledged write survives.
    pub tier: String,
    /// The store's word for how transactions are kept apart.
    pub isolation: String,
    /// From which settings that was concluded.
    pub because: String,
    /// Effective settings, by name.
    pub settings: Vec<(String, String)>,
}

/// What a workload was for the stores.
#[derive(Debug)]
pub struct WorkloadBindings {
    pub name: String,
    /// By store: one sentence for each table, log or series.
    pub layouts: Vec<(String, Vec<String>)>,
    pub operations: Vec<OperationBindings>,
}

/// What an operation was for the stores.
#[derive(Debug)]
pub struct OperationBindings {
    pub name: String,
    /// One for each store.
    pub stores: Vec<StoreBinding>,
}

/// What an operation was for one store.
#[derive(Debug, PartialEq)]
pub struct StoreBinding {
    pub store: String,
    /// How often the client waits for the store: `none, in this process`, `2`, `1 to 3`.
    pub round_trips: String,
    /// Statements in their order, by step.
    pub statements: Vec<String>,
}

/// All stores, each once for every way in which it was set.
pub fn stores(experiment: &Experiment) -> Vec<StoreView> {
    distinct(experiment.runs.iter().map(store))
}

fn store(run: &Run) -> StoreView {
    let (info, description) = (&run.store, &run.store.description);
    StoreView {
        name: info.name.clone(),
        driver: info.driver.clone(),
        version: description.version.clone(),
        embedded: info.placement == Placement::Embedded,
        tier: words::tier(run),
        isolation: description.guarantees.isolation.clone(),
        because: description.guarantees.because.clone(),
        settings: description.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

/// All workloads, each with what it was for every store.
pub fn workloads(experiment: &Experiment) -> Vec<WorkloadBindings> {
    let names = distinct(experiment.runs.iter().map(|run| run.workload.name.as_str()));
    names.into_iter().map(|name| workload(name, experiment)).collect()
}

fn workload(name: &str, experiment: &Experiment) -> WorkloadBindings {
    let runs: Vec<&Run> = experiment.runs.iter().filter(|run| run.workload.name == name).collect();
    let operations = distinct(runs.iter().flat_map(|run| run.operations.keys().chain(run.store.bindings.keys())));
    let layouts = runs.iter().map(|run| (words::store(run), run.store.description.layout.clone()));
    WorkloadBindings {
        name: name.to_owned(),
        layouts: distinct(layouts.filter(|(_, layout)| !layout.is_empty())),
        operations: operations
            .into_iter()
            .map(|name| operation(name, &runs))
            .filter(|one| !one.stores.is_empty())
            .collect(),
    }
}

fn operation(name: &str, runs: &[&Run]) -> OperationBindings {
    let bound = runs.iter().filter_map(|run| run.store.bindings.get(name).map(|steps| bound(run, steps)));
    OperationBindings { name: name.to_owned(), stores: distinct(bound) }
}

fn bound(run: &Run, steps: &[Binding]) -> StoreBinding {
    let trips: u32 = steps.iter().map(|step| step.round_trips).sum();
    StoreBinding {
        store: words::store(run),
        round_trips: match run.store.placement {
            Placement::Embedded if trips == 0 => "none: in this process".to_owned(),
            Placement::Embedded | Placement::Remote => units::count(trips.into()),
        },
        statements: steps.iter().flat_map(|step| step.statements.iter().cloned()).collect(),
    }
}
