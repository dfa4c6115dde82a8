//! Stores by name: where the name on the command line becomes a type, once a run.

use std::sync::Arc;

use drivers::{Address, Durability, Failure, Leftover, STORES, Store, Visitor};

use crate::load::pace::CancelToken;
use crate::load::{self, Cleaned, Extent, Probe, ProgressObserver, Request, RunError};
use crate::record::Run;

/// Reads an address and makes sure that there is such a store and that it takes the options.
///
/// # Errors
/// One sentence that names the store or option.
pub fn parse(text: &str) -> Result<Address, String> {
    let address: Address = text.parse().map_err(|error| format!("--store: {error}"))?;
    match drivers::visit(&address.store, Configured(&address)) {
        Some(Ok(())) => Ok(address),
        Some(Err(problem)) => Err(format!("--store: {problem}")),
        None => Err(format!(
            "--store: there is no store `{}` in this build; it has {}",
            address.store,
            STORES.iter().map(|store| store.name).collect::<Vec<_>>().join(", ")
        )),
    }
}

/// Runs a request on the store that its address names.
///
/// # Errors
/// See [`RunError`].
pub fn run(request: &Request, stop: &Arc<CancelToken>, watch: &mut dyn ProgressObserver) -> Result<Run, RunError> {
    drivers::visit(&request.address.store, Runner { request, stop, watch })
        .unwrap_or_else(|| Err(RunError::Refused(format!("there is no store `{}`", request.address.store))))
}

/// Refuses what the store cannot do, before anything is started.
///
/// # Errors
/// When it lacks an operation of the workload or the asked durability.
pub fn can_run(request: &Request) -> Result<(), RunError> {
    drivers::visit(&request.address.store, Able(request)).unwrap_or(Ok(()))
}

/// Tries whether a store could be measured.
pub fn probe(address: &Address, durability: Durability) -> Probe {
    drivers::visit(&address.store, Prober(address, durability)).unwrap_or_default()
}

/// Removes what runs have left in a store.
///
/// # Errors
/// When it cannot be listed.
pub fn clean(
    address: &Address,
    extent: Extent,
    stop: &Arc<CancelToken>,
    tell: &mut dyn FnMut(&Leftover, &Cleaned),
) -> Result<(), Failure> {
    drivers::visit(&address.store, Cleaner { address, extent, stop, tell }).unwrap_or(Ok(()))
}

struct Cleaner<'a> {
    address: &'a Address,
    extent: Extent,
    stop: &'a Arc<CancelToken>,
    tell: &'a mut dyn FnMut(&Leftover, &Cleaned),
}

impl Visitor for Cleaner<'_> {
    type Output = Result<(), Failure>;

    fn visit<S: Store>(self) -> Self::Output {
        load::clean::<S>(self.address, self.extent, self.stop, self.tell)
    }
}

struct Prober<'a>(&'a Address, Durability);

impl Visitor for Prober<'_> {
    type Output = Probe;

    fn visit<S: Store>(self) -> Probe {
        load::probe::<S>(self.0, self.1)
    }
}

struct Configured<'a>(&'a Address);

impl Visitor for Configured<'_> {
    type Output = Result<(), String>;

    fn visit<S: Store>(self) -> Result<(), String> {
        self.0.config::<S::Config>().map(drop).map_err(|error| error.to_string())
    }
}

struct Able<'a>(&'a Request);

impl Visitor for Able<'_> {
    type Output = Result<(), RunError>;

    fn visit<S: Store>(self) -> Result<(), RunError> {
        load::refuse_what_it_cannot::<S>(self.0)
    }
}

struct Runner<'a> {
    request: &'a Request,
    stop: &'a Arc<CancelToken>,
    watch: &'a mut dyn ProgressObserver,
}

impl Visitor for Runner<'_> {
    type Output = Result<Run, RunError>;

    fn visit<S: Store>(self) -> Result<Run, RunError> {
        load::run::<S>(self.request, self.stop, self.watch)
    }
}
