//! Stores by name: where the name on the command line becomes a type, once a run.

use std::sync::Arc;

use drivers::{Address, Durability, Failure, Leftover, STORES, Store, Visitor};

use crate::load::{self, CancelToken, Cleaned, Extent, LevelRunner, Probe, ProgressObserver, RunError};
use crate::record::Run;
use crate::request::RunRequest;
use crate::spelling;

/// Reads an address and makes sure that there is such a store and that it takes the options.
///
/// # Errors
/// One sentence that names the store or option.
pub fn parse(text: &str) -> Result<Address, String> {
    let address: Address = text.parse().map_err(|error| format!("--store: {error}"))?;
    match drivers::visit(&address.store, ConfigVisitor(&address)) {
        Some(Ok(())) => Ok(address),
        Some(Err(problem)) => Err(format!("--store: {problem}")),
        None => {
            Err(format!("--store: there is no store `{}` in this build; {}", address.store, instead_of(&address.store)))
        }
    }
}

/// What to write instead of a name that no store has.
fn instead_of(name: &str) -> String {
    let named = |name: &str| STORES.iter().find(|store| store.name == name);
    let alias = STORES.iter().find(|store| store.aliases.contains(&name));
    let meant = alias.or_else(|| spelling::meant(name, STORES.iter().map(|store| store.name)).and_then(named));
    match meant {
        Some(store) => format!("did you mean `{}` ({})?", store.name, store.about),
        None => format!("it has {}", STORES.iter().map(|store| store.name).collect::<Vec<_>>().join(", ")),
    }
}

/// Runs a request on the store that its address names.
///
/// # Errors
/// See [`RunError`].
pub fn run(
    request: &RunRequest,
    cancel: &Arc<CancelToken>,
    observer: &mut dyn ProgressObserver,
) -> Result<Run, RunError> {
    drivers::visit(&request.address.store, RunVisitor { request, cancel, observer })
        .unwrap_or_else(|| Err(RunError::Refused(format!("there is no store `{}`", request.address.store))))
}

/// Measures level after level on the store that the request's address names: see [`load::run_levels`].
///
/// # Errors
/// See [`RunError`].
pub fn run_levels(
    request: &RunRequest,
    cancel: &Arc<CancelToken>,
    observer: &mut dyn ProgressObserver,
    levels: &mut dyn FnMut(&mut LevelRunner<'_>) -> Result<(), RunError>,
) -> Result<Vec<String>, RunError> {
    drivers::visit(&request.address.store, LevelsVisitor { request, cancel, observer, levels })
        .unwrap_or_else(|| Err(RunError::Refused(format!("there is no store `{}`", request.address.store))))
}

/// Refuses what the store cannot do, before anything is started.
///
/// # Errors
/// When it lacks an operation of the workload or the asked durability.
pub fn refuse_what_it_cannot(request: &RunRequest) -> Result<(), RunError> {
    drivers::visit(&request.address.store, RefusalVisitor(request)).unwrap_or(Ok(()))
}

/// Tries whether a store could be measured.
pub fn probe(address: &Address, durability: Durability) -> Probe {
    drivers::visit(&address.store, ProbeVisitor(address, durability)).unwrap_or_default()
}

/// Removes what runs have left in a store, and calls `report` with what became of each thing.
///
/// # Errors
/// When it cannot be listed.
pub fn clean(
    address: &Address,
    extent: Extent,
    cancel: &Arc<CancelToken>,
    report: &mut dyn FnMut(&Leftover, &Cleaned),
) -> Result<(), Failure> {
    drivers::visit(&address.store, CleanVisitor { address, extent, cancel, report }).unwrap_or(Ok(()))
}

struct CleanVisitor<'a> {
    address: &'a Address,
    extent: Extent,
    cancel: &'a Arc<CancelToken>,
    report: &'a mut dyn FnMut(&Leftover, &Cleaned),
}

impl Visitor for CleanVisitor<'_> {
    type Output = Result<(), Failure>;

    fn visit<S: Store>(self) -> Self::Output {
        load::clean::<S>(self.address, self.extent, self.cancel, self.report)
    }
}

struct ProbeVisitor<'a>(&'a Address, Durability);

impl Visitor for ProbeVisitor<'_> {
    type Output = Probe;

    fn visit<S: Store>(self) -> Probe {
        load::probe::<S>(self.0, self.1)
    }
}

struct ConfigVisitor<'a>(&'a Address);

impl Visitor for ConfigVisitor<'_> {
    type Output = Result<(), String>;

    fn visit<S: Store>(self) -> Result<(), String> {
        self.0.config::<S::Config>().map(drop).map_err(|error| error.to_string())
    }
}

struct RefusalVisitor<'a>(&'a RunRequest);

impl Visitor for RefusalVisitor<'_> {
    type Output = Result<(), RunError>;

    fn visit<S: Store>(self) -> Result<(), RunError> {
        load::refuse_what_it_cannot::<S>(self.0)
    }
}

struct LevelsVisitor<'a> {
    request: &'a RunRequest,
    cancel: &'a Arc<CancelToken>,
    observer: &'a mut dyn ProgressObserver,
    levels: &'a mut dyn FnMut(&mut LevelRunner<'_>) -> Result<(), RunError>,
}

impl Visitor for LevelsVisitor<'_> {
    type Output = Result<Vec<String>, RunError>;

    fn visit<S: Store>(self) -> Self::Output {
        load::run_levels::<S>(self.request, self.cancel, self.observer, self.levels)
    }
}

struct RunVisitor<'a> {
    request: &'a RunRequest,
    cancel: &'a Arc<CancelToken>,
    observer: &'a mut dyn ProgressObserver,
}

impl Visitor for RunVisitor<'_> {
    type Output = Result<Run, RunError>;

    fn visit<S: Store>(self) -> Result<Run, RunError> {
        load::run::<S>(self.request, self.cancel, self.observer)
    }
}
