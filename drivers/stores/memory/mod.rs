//! The meaning of every operation, as code: what this store answers, the others must answer.
//!
//! It is written to be read first and to be quick second: ordered maps under one lock, which also makes a transaction
//! serializable. `dataset.rs` has an arm for each operation, `table.rs` and `series.rs` what those do. Nothing survives
//! the process, and there is no simulated latency here: that is `sim`.

mod dataset;
mod series;
mod table;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::{
    Binding, Capabilities, Capability, Dataset, Description, Durability, Failure, Footprint, Guarantees, NoOptions, Op,
    Opening, Outcome, Part, Placement, Row, Rows, Session, Store,
};
use dataset::StoredDataset;

/// A dataset in this process's memory.
pub struct Memory {
    dataset: Arc<Dataset>,
    stored: Arc<RwLock<StoredDataset>>,
}

/// A client of the store, which works on its memory directly.
pub struct MemorySession {
    /// What it works on: in a snapshot a copy of its own.
    stored: Arc<RwLock<StoredDataset>>,
    /// The store's own memory, while there is a snapshot.
    beside_snapshot: Option<Arc<RwLock<StoredDataset>>>,
}

impl Store for Memory {
    type Config = NoOptions;
    type Session = MemorySession;
    const NAME: &'static str = "memory";
    const ABOUT: &'static str = "ordered maps in this process: the reference meaning of every operation";
    const CAPABILITIES: Capabilities = Capabilities::of(&Capability::ALL);
    const PLACEMENT: Placement = Placement::Embedded;
    const BEST_DURABILITY: Durability = Durability::Memory;
    const KEEPS_CATALOG: bool = false;

    async fn open(_: NoOptions, opening: Opening) -> Result<Self, Failure> {
        let stored = Arc::new(RwLock::new(StoredDataset::empty(&opening.dataset)));
        Ok(Memory { dataset: opening.dataset, stored })
    }

    async fn reset(&self) -> Result<(), Failure> {
        *self.stored.write().map_err(poisoned)? = StoredDataset::empty(&self.dataset);
        Ok(())
    }

    /// Does nothing: the indexes are always there.
    async fn after_load(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn session(&self) -> Result<MemorySession, Failure> {
        Ok(MemorySession { stored: self.stored.clone(), beside_snapshot: None })
    }

    async fn describe(&self) -> Result<Description, Failure> {
        let tables = self.dataset.tables.iter().map(|table| format!("{}: ordered map by key", table.name));
        let logs = self.dataset.logs.iter().map(|log| format!("{}: a vector of events for each stream", log.name));
        let series =
            self.dataset.series.iter().map(|series| format!("{}: ordered map by (entity, instant)", series.name));
        Ok(Description {
            version: env!("CARGO_PKG_VERSION").into(),
            guarantees: Guarantees {
                durability: Durability::Memory,
                isolation: "serializable".into(),
                because: "one lock guards maps in this process's memory".into(),
            },
            settings: BTreeMap::new(),
            layout: tables.chain(logs).chain(series).collect(),
            catalog: Vec::new(),
        })
    }

    /// There is no language between an operation and its meaning.
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

impl Session for MemorySession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        match op {
            _ if self.beside_snapshot.is_some() && !op.reads_in_snapshot() => Err(Failure::not_in_snapshot(op)),
            Op::Batch(ops) => self.batch(ops, rows),
            Op::Transact(ops) | Op::Interactive(ops) => self.stored.write().map_err(poisoned)?.transact(ops, rows),
            _ => self.single(op, rows),
        }
    }

    async fn begin_snapshot(&mut self) -> Result<bool, Failure> {
        self.end_snapshot().await?;
        let copy = self.stored.read().map_err(poisoned)?.clone();
        self.beside_snapshot = Some(std::mem::replace(&mut self.stored, Arc::new(RwLock::new(copy))));
        Ok(true)
    }

    async fn end_snapshot(&mut self) -> Result<(), Failure> {
        if let Some(stored) = self.beside_snapshot.take() {
            self.stored = stored;
        }
        Ok(())
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        self.stored.read().map_err(poisoned)?.export(part, sink);
        Ok(())
    }
}

impl MemorySession {
    /// An operation takes the lock once, so other clients see all of it or nothing.
    fn single(&self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        if op.writes() {
            self.stored.write().map_err(poisoned)?.write(op)
        } else {
            self.stored.read().map_err(poisoned)?.read(op, rows).map(|()| Outcome::Applied)
        }
    }

    /// Each operation by itself: others may come between them, and those before a failed one stay.
    fn batch(&self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::Applied;
        for op in ops {
            if self.single(op, rows)? == Outcome::Refused {
                outcome = Outcome::Refused;
            }
        }
        Ok(outcome)
    }
}

/// A session that panicked during a change has left it half done: no answer would be true any more.
fn poisoned<T>(_: PoisonError<T>) -> Failure {
    Failure::broken("memory: a session stopped half-way through a change; the content cannot be trusted")
}
