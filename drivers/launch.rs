//! Starts the server of a store for a run.

use std::path::Path;

use crate::seam::address::Address;
use crate::seam::capability::Durability;
use crate::seam::failure::{Failure, FailureKind};
use crate::store::Store;
use crate::support::disk;
use crate::support::server::{Server, Site};

/// Ports are free when they are chosen and may be taken when they are used.
const ATTEMPTS: u32 = 3;

/// Starts a server of this store, set for a tier.
///
/// # Errors
/// When the store has no program that could be started, the program is not found, or it does not come up.
pub async fn start<S: Store>(durability: Durability) -> Result<Server, Failure> {
    start_set::<S>(durability, &disk::scratch_folder(), &[]).await
}

/// The same for an address that names the store and does not locate it, with what the address wants in its environment.
///
/// # Errors
/// As [`start`]; and when a variable is to be passed on that is not set.
pub async fn start_for<S: Store>(address: &Address, durability: Durability) -> Result<Server, Failure> {
    start_set::<S>(durability, &disk::scratch_folder(), &address.env).await
}

/// The same with its own folder in another one.
#[cfg(test)]
pub(crate) async fn start_in<S: Store>(durability: Durability, parent: &Path) -> Result<Server, Failure> {
    start_set::<S>(durability, parent, &[]).await
}

async fn start_set<S: Store>(
    durability: Durability,
    parent: &Path,
    variables: &[(String, Option<String>)],
) -> Result<Server, Failure> {
    let program = S::PROGRAM.ok_or_else(|| Failure::broken(format!("{} has no server to start", S::NAME)))?;
    let mut attempt = 1;
    loop {
        match S::serve(Site::new(program, durability, parent, variables)?).await {
            Err(failure) if attempt < ATTEMPTS && failure.kind == FailureKind::Unavailable => attempt += 1,
            served => return served,
        }
    }
}
