//! A store for these tests only: `memory` with one declared family, honest about the others or not.

use drivers::memory::{Memory, MemorySession};
use drivers::{
    Binding, Capabilities, Capability, Description, Failure, Footprint, NoOptions, Op, Opening, Outcome, Part,
    Placement, Row, Rows, Session, Store,
};

/// Declares records only. If it is honest it also answers so.
pub struct Narrow<const HONEST: bool>(Memory);

/// One of its clients.
pub struct NarrowSession<const HONEST: bool>(MemorySession);

impl<const HONEST: bool> Store for Narrow<HONEST> {
    type Config = NoOptions;
    type Session = NarrowSession<HONEST>;
    const NAME: &'static str = "narrow";
    const ABOUT: &'static str = "records only";
    const CAPABILITIES: Capabilities = Capabilities::of(&[Capability::Record]);
    const PLACEMENT: Placement = Placement::Embedded;
    const BEST_DURABILITY: drivers::Durability = drivers::Durability::Memory;
    const KEEPS_CATALOG: bool = false;

    async fn open(config: NoOptions, opening: Opening) -> Result<Self, Failure> {
        Memory::open(config, opening).await.map(Narrow)
    }

    async fn reset(&self) -> Result<(), Failure> {
        self.0.reset().await
    }

    async fn after_load(&self) -> Result<(), Failure> {
        self.0.after_load().await
    }

    async fn session(&self) -> Result<Self::Session, Failure> {
        self.0.session().await.map(NarrowSession)
    }

    async fn describe(&self) -> Result<Description, Failure> {
        self.0.describe().await
    }

    fn explain(&self, op: &Op) -> Binding {
        self.0.explain(op)
    }

    async fn footprint(&self) -> Result<Footprint, Failure> {
        self.0.footprint().await
    }

    async fn close(&self, keep: bool) -> Result<(), Failure> {
        self.0.close(keep).await
    }
}

impl<const HONEST: bool> Session for NarrowSession<HONEST> {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        if HONEST && !Narrow::<HONEST>::CAPABILITIES.meets(op.needs()) {
            return Err(Failure::unsupported("narrow", op));
        }
        self.0.execute(op, rows).await
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        self.0.export(part, sink).await
    }
}
