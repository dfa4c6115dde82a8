//! Real servers for tests, started and stopped as storebench does it. One that is missing fails the test.

use drivers::launch;
use drivers::server::Server;
use drivers::{Durability, Failure, Store, Visitor};

/// A server of the store, set for a tier.
pub fn started(store: &str, durability: Durability) -> Server {
    let started = drivers::visit(store, Start(durability)).unwrap_or_else(|| panic!("{store} is not in this build"));
    started.unwrap_or_else(|failure| panic!("these tests need a server of {store}: {failure}"))
}

struct Start(Durability);

impl Visitor for Start {
    type Output = Result<Server, Failure>;

    fn visit<S: Store>(self) -> Self::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(launch::start::<S>(self.0))
    }
}
