//! A store that does nothing, as fast as possible: what remains when it is measured is the suite's own floor.
//!
//! It declares every capability so that every workload can be run against it. It keeps nothing, so its answers must not
//! be checked. There is no simulated latency here: that is `sim`.

use std::collections::BTreeMap;

use crate::{
    Binding, Capabilities, Capability, Description, Durability, Failure, Footprint, Guarantees, NoOptions, Op, Opening,
    Outcome, Part, Placement, Row, Rows, Session, Store,
};

/// A store without any content.
pub struct Null;

/// A client whose operations all succeed without rows.
pub struct NullSession;

impl Store for Null {
    type Config = NoOptions;
    type Session = NullSession;
    const NAME: &'static str = "null";
    const ABOUT: &'static str = "does nothing and keeps nothing: the suite's own floor";
    const CAPABILITIES: Capabilities = Capabilities::of(&Capability::ALL);
    const PLACEMENT: Placement = Placement::Embedded;
    const BEST_DURABILITY: Durability = Durability::Memory;
    const KEEPS_DATA: bool = false;
    const KEEPS_CATALOG: bool = false;

    async fn open(_: NoOptions, _: Opening) -> Result<Self, Failure> {
        Ok(Null)
    }

    async fn reset(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn after_load(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn session(&self) -> Result<NullSession, Failure> {
        Ok(NullSession)
    }

    async fn describe(&self) -> Result<Description, Failure> {
        Ok(Description {
            version: env!("CARGO_PKG_VERSION").into(),
            guarantees: Guarantees {
                durability: Durability::Memory,
                isolation: "none".into(),
                because: "it keeps nothing".into(),
            },
            settings: BTreeMap::new(),
            layout: Vec::new(),
            catalog: Vec::new(),
        })
    }

    fn explain(&self, _: &Op) -> Binding {
        Binding::default()
    }

    async fn footprint(&self) -> Result<Footprint, Failure> {
        Ok(Footprint::default())
    }

    async fn close(&self, _: bool) -> Result<(), Failure> {
        Ok(())
    }
}

impl Session for NullSession {
    async fn execute(&mut self, _: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        Ok(Outcome::Applied)
    }

    async fn export(&mut self, _: Part, _: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        Ok(())
    }
}
