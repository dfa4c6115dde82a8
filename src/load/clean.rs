//! Removes from a store what earlier runs have left there, each dataset under a lease of its own: what a living run uses
//! stays.

use std::sync::Arc;
use std::time::Duration;

use drivers::{Address, Dataset, Durability, Failure, Leftover, Opening, Store};
use tokio::runtime::Runtime;

use super::cancel::CancelToken;
use super::lease::{Lease, Place, Renewal, Standing};
use super::limits::within;
use super::threads;

/// What may be removed.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Whether nothing is removed, and only listed.
    pub is_dry: bool,
    /// Whether what has our names and no mark of ours is removed, too.
    pub is_forced: bool,
}

/// What became of a leftover.
#[derive(Debug, PartialEq)]
pub enum Cleaned {
    /// It is gone. With a sentence for each thing in the store that stays changed.
    Removed(Vec<String>),
    /// It would be removed if this were no dry run.
    Removable,
    /// It is still there, for this reason.
    Left(String),
}

/// How long the store may take to list or remove a dataset: large ones take minutes.
const REMOVAL: Duration = Duration::from_secs(600);

/// How long connecting may take, and an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Goes through what is left in a store and calls `report` with what became of each. `cancel` ends it between two of them.
///
/// # Errors
/// When it cannot be listed.
pub fn clean<S: Store>(
    address: &Address,
    extent: Extent,
    cancel: &Arc<CancelToken>,
    report: &mut dyn FnMut(&Leftover, &Cleaned),
) -> Result<(), Failure> {
    let admin =
        threads::admin_runtime().map_err(|error| Failure::broken("cannot create an event loop").caused_by(error))?;
    let leftovers = admin.block_on(async {
        let store = open::<S>(address, "clean").await?;
        let leftovers = within(REMOVAL, store.leftovers()).await?;
        store.close(true).await?;
        Ok(leftovers)
    })?;
    for leftover in leftovers {
        if cancel.is_cancelled() {
            break;
        }
        let cleaned = remove::<S>(&admin, address, &leftover, extent, cancel);
        report(&leftover, &cleaned.unwrap_or_else(|failure| Cleaned::Left(failure.to_string())));
    }
    Ok(())
}

async fn open<S: Store>(address: &Address, dataset: &str) -> Result<S, Failure> {
    let config = address.config::<S::Config>().map_err(|error| Failure::broken(error.to_string()))?;
    let dataset = Arc::new(Dataset { name: dataset.to_owned(), ..Dataset::default() });
    let opening = Opening { timeout: TIMEOUT, ..Opening::new(dataset, Durability::Durable.min(S::BEST_DURABILITY)) };
    within(TIMEOUT * 2, S::open(config, opening)).await
}

fn remove<S: Store>(
    admin: &Runtime,
    address: &Address,
    leftover: &Leftover,
    extent: Extent,
    cancel: &Arc<CancelToken>,
) -> Result<Cleaned, Failure> {
    let left = |why: &str| Ok(Cleaned::Left(why.to_owned()));
    if !leftover.is_marked && !extent.is_forced {
        return left("no mark says that storebench made it; --force removes it all the same");
    }
    let store = Arc::new(admin.block_on(open::<S>(address, &leftover.dataset))?);
    let lease = Arc::new(Lease::new(format!("the place of {} in {address}", leftover.dataset)));
    let found = match admin.block_on(within(REMOVAL, lease.inspect(&*store, || ())))? {
        Place::Vacant(found) => found,
        Place::Unknown(marker, _) if extent.is_forced => Some(marker),
        Place::Unknown(_, problem) => return left(&format!("{problem}; --force removes it all the same")),
        Place::Occupied(by) => return left(&by),
    };
    if extent.is_dry {
        return Ok(Cleaned::Removable);
    }
    if !leftover.is_marked {
        admin.block_on(within(REMOVAL, store.adopt()))?;
    }
    if let Standing::Lost(why) = admin.block_on(within(TIMEOUT * 2, lease.acquire(&*store, found)))? {
        return left(&why);
    }
    let renewal = Renewal::start(Arc::clone(&lease), Arc::clone(&store), Arc::new(CancelToken::child_of(cancel)));
    let renewal = renewal.map_err(|error| Failure::broken(error.to_string()))?;
    let changed = admin.block_on(within(REMOVAL, store.clean_up()))?;
    admin.block_on(within(REMOVAL, store.close(false)))?;
    drop(renewal);
    Ok(Cleaned::Removed(changed))
}
