//! Whether a store could be measured here: its program is found, it starts, is reached, lets us make a dataset, and says
//! what it promises. Nothing is measured.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drivers::launch;
use drivers::server::Server;
use drivers::{
    Address, Capabilities, Dataset, Description, Durability, Failure, Field, KeyKind, Kind, Opening, Store, Table,
};

use super::lease::{Lease, Place, Standing};
use super::limits::within;
use super::threads;

/// What was found out about a store, as far as it got.
#[derive(Debug, Default)]
pub struct Probe {
    /// The server program that was started for it.
    pub program: Option<PathBuf>,
    /// How long the start took.
    pub started_in: Option<Duration>,
    /// What it says of itself.
    pub description: Option<Description>,
    /// Which operations it can carry out.
    pub capabilities: Capabilities,
    /// Why this one lacks operations that others of its kind have.
    pub lack: Option<String>,
    /// Why it went no further; none if it can be measured.
    pub failure: Option<Failure>,
}

/// Tries a store: what a run would do before it loads anything.
pub fn probe<S: Store>(address: &Address, durability: Durability) -> Probe {
    let mut probe = Probe { capabilities: S::CAPABILITIES, ..Probe::default() };
    probe.failure = attempt::<S>(address, durability.min(S::BEST_DURABILITY), &mut probe).err();
    probe
}

fn attempt<S: Store>(address: &Address, durability: Durability, probe: &mut Probe) -> Result<(), Failure> {
    let runtime =
        threads::admin_runtime().map_err(|error| Failure::broken("cannot create an event loop").caused_by(error))?;
    let mut server: Option<Server> = None;
    if let Some(program) = S::PROGRAM.filter(|_| !address.is_given()) {
        probe.program = Some(program.find()?);
        let began = Instant::now();
        server = Some(runtime.block_on(launch::start_for::<S>(address, durability))?);
        probe.started_in = Some(began.elapsed());
    }
    let at = server.as_ref().map_or_else(|| address.clone(), |server| address.at(&server.address));
    let config = at.config::<S::Config>().map_err(|error| Failure::broken(error.to_string()))?;
    S::refuse(&config, durability)?;
    runtime.block_on(async {
        let opening = Opening::new(Arc::new(sample()), durability);
        let limit = opening.timeout;
        let store = within(limit, S::open(config, opening)).await?;
        if let Some(lack) = store.lacks() {
            probe.capabilities = probe.capabilities.without(lack.capabilities);
            probe.lack = Some(lack.because);
        }
        let lease = Lease::new(format!("the place of a check in {address}"));
        let found = match within(limit * 2, lease.inspect(&store, || ())).await? {
            Place::Vacant(found) => found,
            Place::Occupied(problem) | Place::Unknown(_, problem) => return Err(Failure::broken(problem)),
        };
        // What the check has made is removed again, whether it succeeded or not; what is not ours is left alone. A file of
        // the user's is not even marked: there the store tries out another one.
        let described = within(limit, async {
            if !S::MARKER_IS_LOCKED
                && let Standing::Lost(why) = lease.acquire(&store, found).await?
            {
                return Err(Failure::broken(why));
            }
            store.rehearse().await
        });
        let described = described.await;
        let is_ours =
            S::MARKER_IS_LOCKED || lease.may_be_held() && within(limit, lease.renew(&store)).await? == Standing::Held;
        let closed = within(limit, store.close(!is_ours)).await;
        probe.description = Some(described?.printable());
        closed
    })
}

/// The smallest dataset that shows whether one can be made.
fn sample() -> Dataset {
    let field = Field { name: "value".into(), kind: Kind::Int, optional: false };
    let table =
        Table { name: "sample".into(), key: KeyKind::Int, is_keyed: true, fields: vec![field], indexes: vec![] };
    // With an underscore, as no workload's name has: `check` neither finds nor removes what a workload kept.
    Dataset { name: "store_check".into(), tables: vec![table], ..Dataset::default() }
}
