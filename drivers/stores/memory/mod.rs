//! The meaning of every operation, as code: what this store answers, the others must answer.
//!
//! It is written to be read first and to be quick second: ordered maps under one lock, which also makes a transaction
//! serializable. Nothing survives the process, and there is no simulated latency here: that is `sim`.

mod series;
mod table;

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use crate::{
    Binding, Capabilities, Capability, Dataset, Description, Durability, Failure, Footprint, Guarantees, Key, Op,
    Opening, Outcome, Part, Placement, Record, Row, Rows, Session, Store,
};
use series::Series;
use table::Table;

/// The opened store.
pub struct Memory {
    dataset: Arc<Dataset>,
    content: Arc<RwLock<Content>>,
}

/// One of its clients.
pub struct MemorySession {
    content: Arc<RwLock<Content>>,
}

/// It has no options.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Store for Memory {
    type Config = Config;
    type Session = MemorySession;
    const NAME: &'static str = "memory";
    const ABOUT: &'static str = "ordered maps in this process: the reference meaning of every operation";
    const CAPABILITIES: Capabilities = Capabilities::of(&Capability::ALL);
    const PLACEMENT: Placement = Placement::Embedded;
    const BEST_DURABILITY: Durability = Durability::Memory;

    async fn open(_: Config, opening: Opening) -> Result<Self, Failure> {
        let content = Arc::new(RwLock::new(Content::empty(&opening.dataset)));
        Ok(Memory { dataset: opening.dataset, content })
    }

    async fn reset(&self) -> Result<(), Failure> {
        *self.content.write().map_err(poisoned)? = Content::empty(&self.dataset);
        Ok(())
    }

    /// Nothing to do: its indexes are always there.
    async fn after_load(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn session(&self) -> Result<MemorySession, Failure> {
        Ok(MemorySession { content: self.content.clone() })
    }

    async fn describe(&self) -> Result<Description, Failure> {
        let tables = self.dataset.tables.iter().map(|table| format!("{}: ordered map by key", table.name));
        let logs = self.dataset.logs.iter().map(|log| format!("{}: a vector of events for each stream", log.name));
        let series = self.dataset.series.iter().map(|one| format!("{}: ordered map by (entity, instant)", one.name));
        Ok(Description {
            version: env!("CARGO_PKG_VERSION").into(),
            guarantees: Guarantees {
                durability: Durability::Memory,
                isolation: "serializable".into(),
                because: "one lock guards maps in this process's memory".into(),
            },
            settings: BTreeMap::new(),
            layout: tables.chain(logs).chain(series).collect(),
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
            Op::Batch(ops) => self.batch(ops, rows),
            Op::Transact(ops) => self.content.write().map_err(poisoned)?.transact(ops, rows),
            _ => self.one(op, rows),
        }
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        self.content.read().map_err(poisoned)?.export(part, sink);
        Ok(())
    }
}

impl MemorySession {
    fn one(&self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        if op.writes() {
            self.content.write().map_err(poisoned)?.write(op)
        } else {
            self.content.read().map_err(poisoned)?.read(op, rows)
        }
    }

    /// Each operation by itself: others may come between them, and those before a failed one stay.
    fn batch(&self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        let mut done = Outcome::Applied;
        for op in ops {
            if self.one(op, rows)? == Outcome::Refused {
                done = Outcome::Refused;
            }
        }
        Ok(done)
    }
}

/// Everything that the store holds, by position in the dataset.
struct Content {
    tables: Vec<Table>,
    logs: Vec<BTreeMap<Key, Vec<Record>>>,
    series: Vec<Series>,
}

impl Content {
    fn empty(dataset: &Dataset) -> Self {
        Content {
            tables: dataset.tables.iter().map(Table::empty).collect(),
            logs: dataset.logs.iter().map(|_| BTreeMap::new()).collect(),
            series: dataset.series.iter().map(Series::empty).collect(),
        }
    }

    fn write(&mut self, op: &Op) -> Result<Outcome, Failure> {
        match op {
            Op::Insert { table, key, record } => self.tables[*table].insert(key, record)?,
            Op::Update { table, key, changes } => self.tables[*table].update(key, changes)?,
            Op::Delete { table, key } => self.tables[*table].delete(key)?,
            Op::Increment { table, key, field, by, floor } => {
                return self.tables[*table].bump(key, *field, *by, *floor);
            }
            Op::Append { log, stream, events } => {
                self.logs[*log].entry(stream.clone()).or_default().extend_from_slice(events);
            }
            Op::InsertPoints { series, points } => self.series[*series].ingest(points),
            _ => return Err(Failure::misplaced(op)),
        }
        Ok(Outcome::Applied)
    }

    fn read(&self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        match op {
            Op::Read { table, key, fields } => self.tables[*table].read(key, fields, rows)?,
            Op::Scan { table, from, limit, fields } => self.tables[*table].scan(from, *limit, fields, rows),
            Op::Find { table, field, matching, order, limit, fields } => {
                self.tables[*table].find(*field, matching, *order)?.take(*limit).for_each(|(key, record)| {
                    rows.push(key.clone(), table::chosen(record, fields));
                });
            }
            Op::Tail { log, stream, limit } => {
                let events = self.logs[*log].get(stream).map_or(&[][..], Vec::as_slice);
                events.iter().rev().take(*limit).for_each(|event| rows.push(stream.clone(), event.clone()));
            }
            Op::LastPoint { series, entity } => self.series[*series].last(*entity, rows)?,
            Op::PointRange { series, entity, from_ms, to_ms } => {
                let points = self.series[*series].between(*entity, *from_ms, *to_ms);
                points.for_each(|(at_ms, metrics)| series::push(*entity, at_ms, metrics, rows));
            }
            Op::Window { series, entity, metric, from_ms, to_ms, every_ms, fold } => {
                let points = self.series[*series].between(*entity, *from_ms, *to_ms);
                let observed = points.map(|(at_ms, metrics)| (at_ms, metrics[*metric]));
                series::fold_buckets(*entity, observed, *every_ms, *fold, rows);
            }
            Op::PointsAbove { series, metric, threshold, from_ms, to_ms, limit } => {
                let newest_first = self.series[*series].newest_first(*from_ms, *to_ms);
                let above = newest_first.filter(|(_, _, metrics)| metrics[*metric] > *threshold);
                above.take(*limit).for_each(|(entity, at_ms, metrics)| series::push(entity, at_ms, metrics, rows));
            }
            _ => return Err(Failure::misplaced(op)),
        }
        Ok(Outcome::Applied)
    }

    /// All or nothing: each record about to be changed is kept, and put back if an operation is refused or fails.
    fn transact(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        let mut before = Vec::new();
        for op in ops {
            if let Some((table, key)) = changed_record(op) {
                before.push((table, key, self.tables[table].get(key).cloned()));
            }
            let done = match op {
                _ if !op.transacts() => Err(Failure::misplaced(op)),
                _ if op.writes() => self.write(op),
                _ => self.read(op, rows),
            };
            if !matches!(done, Ok(Outcome::Applied)) {
                rows.clear();
                before.into_iter().rev().for_each(|(table, key, record)| self.tables[table].put(key, record));
                return done;
            }
        }
        Ok(Outcome::Applied)
    }

    fn export(&self, part: Part, sink: &mut dyn FnMut(Row)) {
        match part {
            Part::Table(at) => self.tables[at].export(sink),
            Part::Log(at) => {
                for (stream, events) in &self.logs[at] {
                    events.iter().for_each(|event| sink(Row { key: stream.clone(), values: event.clone() }));
                }
            }
            Part::Series(at) => self.series[at].export(sink),
        }
    }
}

/// The record that an operation changes, if it changes one.
fn changed_record(op: &Op) -> Option<(usize, &Key)> {
    match op {
        Op::Insert { table, key, .. }
        | Op::Update { table, key, .. }
        | Op::Delete { table, key }
        | Op::Increment { table, key, .. } => Some((*table, key)),
        _ => None,
    }
}

/// A session that panicked while it changed the content leaves it half changed: no answer would be true any more.
fn poisoned<T>(_: std::sync::PoisonError<T>) -> Failure {
    Failure::broken("memory: a session stopped half-way through a change; the content cannot be trusted")
}
