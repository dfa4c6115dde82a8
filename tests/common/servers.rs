//! The stores that tests try, from what drivers declare; and real servers, started and stopped as storebench does it. One
//! that is missing fails the test.
//!
//! A store that is given an address by `STOREBENCH_TEST_NAME` (`STOREBENCH_TEST_LIBSQL_SERVER=http://…`) is tested there,
//! which is the only way for a service; without one, the trials of a service are ignored and say so.

#![allow(dead_code)] // Each test file uses its part of this.

use drivers::server::Server;
use drivers::{Declaration, Durability, Failure, STORES, Store, Visitor, launch};
use libtest_mimic::Trial;

/// A store in one of its layouts.
#[derive(Clone)]
pub struct Candidate {
    /// What its driver declares.
    pub declared: Declaration,
    /// What trials call it: `redis?layout=json`.
    pub name: String,
    /// The option that says so, if it is not the usual one.
    layout: &'static str,
    /// None for a service of which the environment says nothing.
    address: Option<String>,
}

/// Every store of this build, in each of its layouts.
pub fn candidates() -> Vec<Candidate> {
    STORES
        .iter()
        .flat_map(|store| [&[""], store.layouts].concat().into_iter().map(|layout| at(store, layout)))
        .collect()
}

/// Those that promise something: what a system would use, and no part of the suite.
pub fn real_stores() -> Vec<Candidate> {
    let mut stores = candidates();
    stores.retain(|store| store.declared.best_durability > Durability::Memory && !store.is_further_layout());
    stores
}

/// The further layouts of the stores, each as a store.
pub fn further_layouts() -> Vec<Candidate> {
    let mut stores = candidates();
    stores.retain(Candidate::is_further_layout);
    stores
}

/// Of the real stores the servers that tests can start.
pub fn servers() -> Vec<Candidate> {
    let mut stores = real_stores();
    stores.retain(|store| store.declared.program.is_some());
    stores
}

/// An address with the option for a layout; the usual one has none.
fn with_option(address: &str, layout: &str) -> String {
    match layout {
        "" => address.to_owned(),
        _ => format!("{address}{}{layout}", if address.contains('?') { '&' } else { '?' }),
    }
}

fn at(store: &Declaration, layout: &'static str) -> Candidate {
    let with_layout = |address: &str| with_option(address, layout);
    let given = std::env::var(variable(store.name)).ok();
    let address = given.as_deref().or(store.addresses.first().copied()).map(with_layout);
    Candidate { declared: *store, name: with_layout(store.name), layout, address }
}

fn variable(store: &str) -> String {
    format!("STOREBENCH_TEST_{}", store.replace('-', "_").to_uppercase())
}

impl Candidate {
    /// A test of this store.
    pub fn trial(&self, case: &str, test: impl FnOnce(&Candidate) + Send + 'static) -> Trial {
        let store = self.clone();
        let trial = trial(format!("{}::{case}", self.name), move || test(&store));
        if self.address.is_some() {
            return trial;
        }
        trial.with_ignored_flag(true).with_kind(format!("{} names no address", variable(self.declared.name)))
    }

    /// Whether there is one to test.
    pub fn has_address(&self) -> bool {
        self.address.is_some()
    }

    /// Where it is, or its bare name if it is started there.
    pub fn address(&self) -> &str {
        self.address.as_deref().expect("a trial without an address is ignored")
    }

    /// The same layout of this store at another address.
    pub fn at(&self, address: &str) -> String {
        with_option(address, self.layout)
    }

    /// Whether it is a server that is started for a run.
    pub fn is_started(&self) -> bool {
        self.declared.program.is_some() && !self.address().contains("://")
    }

    fn is_further_layout(&self) -> bool {
        !self.layout.is_empty()
    }
}

/// A test of one store.
pub type StoreTest = fn(&Candidate);

/// Each test with its name: `named![a_server_that_is_paused, …]`.
#[allow(unused_macros)]
macro_rules! named {
    ($($test:ident),+ $(,)?) => { [$((stringify!($test), $test as $crate::servers::StoreTest)),+] };
}
#[allow(unused_imports)]
pub(crate) use named;

/// Each of these tests on each of these stores.
pub fn trials(stores: &[Candidate], tests: &[(&'static str, StoreTest)]) -> Vec<Trial> {
    stores.iter().flat_map(|store| tests.iter().map(|(case, test)| store.trial(case, *test))).collect()
}

/// A test by itself.
pub fn trial(name: impl Into<String>, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

/// A server of the store, set for a tier.
pub fn started(store: &str, durability: Durability) -> Server {
    drivers::visit(store, Start(durability)).unwrap_or_else(|| panic!("{store} is not in this build"))
}

/// The same of a store whose type is known.
pub fn started_of<S: Store>(durability: Durability) -> Server {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let started: Result<Server, Failure> = runtime.block_on(launch::start::<S>(durability));
    started.unwrap_or_else(|failure| panic!("these tests need a server of {}: {failure}", S::NAME))
}

struct Start(Durability);

impl Visitor for Start {
    type Output = Server;

    fn visit<S: Store>(self) -> Server {
        started_of::<S>(self.0)
    }
}
