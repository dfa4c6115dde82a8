//! A workload at a size: what the load engine follows and what operations and data are generated from.
//!
//! Nothing is drawn here and no seed is known; those are in `generate`.

use super::error::WorkloadError;
use super::field::{FieldSpec, KeyChooserSpec};
use super::operation::{Action, KeySource, OperationSpec, Repeat, Slo};
use super::spec::{Check, LoadDefaults, LogSpec, MOST_RECORDS, Require, SeriesSpec, Spec, TableSpec};
use crate::draw::keys::{KeyChooser, expected_inserts};
use crate::draw::rng;
use drivers::{Capabilities, Capability, Dataset, Part};
use std::sync::Arc;

/// A workload at a size.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The workload's name, which is also that of the dataset.
    pub name: String,
    /// The data as stores see it.
    pub dataset: Arc<Dataset>,
    /// The tables and how they are filled.
    pub tables: Vec<TableSpec>,
    /// The logs and how they are filled.
    pub logs: Vec<LogSpec>,
    /// The series and how they are filled.
    pub series: Vec<SeriesSpec>,
    /// Everything that draws keys; each lane works on a copy.
    pub key_choosers: Vec<(KeyChooserSpec, KeyChooser)>,
    /// The operations of the mix; their shares add up to 1.
    pub operations: Vec<OperationSpec>,
    /// Invariants that must hold after the run.
    pub checks: Vec<Check>,
    /// How the load is applied unless the command line says otherwise.
    pub load: LoadDefaults,
    /// Latency limits over all operations.
    pub slo: Slo,
    /// What the store must promise.
    pub require: Require,
}

/// What a run does to a part of the dataset, which decides how it can be verified afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Changes {
    /// Nothing: it is as loaded.
    None,
    /// It only grows, and the content of what is added follows from its number alone.
    Grows,
    /// It only grows, but what is added holds values that operations drew.
    GrowsFreely,
    /// What is there changes or disappears.
    Updated,
}

impl Plan {
    /// Sizes a workload. `records` sets the size of its primary part, and the other parts follow in proportion; `ops` is
    /// how many operations are expected, for whose inserts some ways of choosing keys make room. If it is not known, as in
    /// a run that is bounded by time, the number of records is used, and the room grows with the table beyond that.
    pub(super) fn new(
        name: &str,
        mut spec: Spec,
        records: Option<u64>,
        ops: Option<u64>,
    ) -> Result<Plan, WorkloadError> {
        if let Some(records) = records {
            scale(&mut spec, records)?;
        }
        check_row_counts(&spec)?;
        let key_choosers = key_choosers(&spec, ops.or(spec.load.ops))?;
        Ok(Plan {
            name: name.into(),
            dataset: Arc::new(dataset(name, &spec)),
            tables: spec.tables,
            logs: spec.logs,
            series: spec.series,
            key_choosers,
            operations: spec.operations,
            checks: spec.checks,
            load: spec.load,
            slo: spec.slo,
            require: spec.require,
        })
    }

    /// The number of records, streams or entities of a part.
    pub fn part_size(&self, part: Part) -> u64 {
        match part {
            Part::Table(at) => self.tables[at].records,
            Part::Log(at) => self.logs[at].streams,
            Part::Series(at) => self.series[at].entities,
        }
    }

    /// How many records, events and points are loaded: the exact number of records, and the expected number of the others.
    pub fn rows(&self) -> u64 {
        const SAMPLE: u64 = 1000;
        let records = self.tables.iter().map(|table| table.records);
        let events = self.logs.iter().map(|log| {
            let sampled: i64 = (0..SAMPLE).map(|stream| log.events.int(&mut rng::at(0, stream))).sum();
            (log.streams as f64 * sampled as f64 / SAMPLE as f64) as u64
        });
        let points = self.series.iter().map(|series| {
            let arriving = series.entities as f64 * (1.0 - series.missing);
            (arriving * series.load_ticks as f64) as u64
        });
        records.chain(events).chain(points).fold(0, u64::saturating_add)
    }

    /// What a store with these capabilities lacks, each with what needs it: a part of the dataset or an operation.
    pub fn lacking(&self, capabilities: Capabilities) -> Vec<(String, Capability)> {
        let parts = self.dataset.parts().map(|part| {
            let (what, need) = match part {
                Part::Table(_) => ("table", Capability::Record),
                Part::Log(_) => ("log", Capability::Stream),
                Part::Series(_) => ("series", Capability::Series),
            };
            (format!("{what} `{}`", self.dataset.name_of(part)), need.into())
        });
        let operations = self.operations.iter().map(|operation| {
            let needs = operation.needs();
            (format!("operation `{}`", operation.name), needs)
        });
        let lacks = |(what, needs): (String, Capabilities)| {
            capabilities.lacks(needs).map(move |capability| (what.clone(), capability))
        };
        parts.chain(operations).flat_map(lacks).collect()
    }

    /// Whether every scan of a table has to begin with the record that it starts from: it starts from existing keys, and
    /// none is ever deleted.
    pub fn scans_begin_at_a_record(&self, at: usize) -> bool {
        self.operations.iter().flat_map(|operation| &operation.recipe.steps).all(|step| match &step.action {
            Action::Scan { table, from, .. } => *table != at || matches!(from, KeySource::Chosen(_)),
            Action::Delete { table, .. } => *table != at,
            _ => true,
        })
    }

    /// What the mix does to a part of the dataset.
    pub fn changes(&self, part: Part) -> Changes {
        let steps = self.operations.iter().flat_map(|operation| &operation.recipe.steps);
        let changes = steps.map(|step| match &step.action {
            Action::Insert { table, set } if Part::Table(*table) == part && set.is_empty() => Changes::Grows,
            Action::Insert { table, .. } | Action::InsertDrawn { table, .. } if Part::Table(*table) == part => {
                Changes::GrowsFreely
            }
            Action::Update { table, .. } | Action::Delete { table, .. } | Action::Increment { table, .. }
                if Part::Table(*table) == part =>
            {
                Changes::Updated
            }
            Action::Append { log, .. } if Part::Log(*log) == part => Changes::Grows,
            Action::InsertPoints { series } if Part::Series(*series) == part => Changes::Grows,
            _ => Changes::None,
        });
        changes.max().unwrap_or(Changes::None)
    }
}

/// Sets the size of the primary part, and of the others in proportion: at least 1, but what is empty stays so.
fn scale(spec: &mut Spec, records: u64) -> Result<(), WorkloadError> {
    let largest = MOST_RECORDS.unsigned_abs();
    if records == 0 {
        return Err(WorkloadError::Size("`--records 0` leaves nothing to work on; give at least 1".into()));
    }
    let (_, primary) = name_and_size(spec, spec.primary);
    if primary == 0 {
        return Err(WorkloadError::Size("`--records` needs a workload that loads something; leave it out".into()));
    }
    let sizes = spec.tables.iter_mut().map(|table| &mut table.records);
    let sizes = sizes.chain(spec.logs.iter_mut().map(|log| &mut log.streams));
    for size in sizes.chain(spec.series.iter_mut().map(|series| &mut series.entities)).filter(|size| **size > 0) {
        // Exact for all sizes: both factors are below 2^64.
        let scaled = (u128::from(*size) * u128::from(records) + u128::from(primary / 2)) / u128::from(primary);
        *size = u64::try_from(scaled).ok().filter(|scaled| *scaled <= largest).ok_or_else(|| {
            WorkloadError::Size(format!(
                "`--records {records}` is beyond the {largest} that can be numbered; give less"
            ))
        })?;
        *size = (*size).max(1);
    }
    Ok(())
}

/// Refuses more rows than can be numbered: events and points are numbered like records.
fn check_row_counts(spec: &Spec) -> Result<(), WorkloadError> {
    let events = spec.logs.iter().map(|log| ("log", &log.name, log.streams, log.events.max() as u64));
    let points = spec.series.iter().map(|series| ("series", &series.name, series.entities, series.load_ticks));
    let most = MOST_RECORDS.unsigned_abs();
    match events.chain(points).find(|(.., many, of_each)| many.checked_mul(*of_each).is_none_or(|rows| rows > most)) {
        None => Ok(()),
        Some((what, name, ..)) => Err(WorkloadError::Size(format!(
            "{what} `{name}` would be loaded with more than {most} rows; make it smaller"
        ))),
    }
}

fn name_and_size(spec: &Spec, part: Part) -> (&str, u64) {
    match part {
        Part::Table(at) => (&spec.tables[at].name, spec.tables[at].records),
        Part::Log(at) => (&spec.logs[at].name, spec.logs[at].streams),
        Part::Series(at) => (&spec.series[at].name, spec.series[at].entities),
    }
}

/// Makes the choosers; an impossible choice for this size fails here.
fn key_choosers(spec: &Spec, ops: Option<u64>) -> Result<Vec<(KeyChooserSpec, KeyChooser)>, WorkloadError> {
    let chooser = |chooser: &KeyChooserSpec| {
        let (name, loaded) = name_and_size(spec, chooser.part);
        let inserts = if chooser.grows { inserts(&spec.operations, chooser.part) } else { 0.0 };
        let expected = expected_inserts(ops.unwrap_or(loaded), inserts);
        match KeyChooser::new(chooser.choice, loaded, expected) {
            Ok(made) => Ok((*chooser, made)),
            Err(problem) => Err(WorkloadError::Size(format!("keys of `{name}` cannot be chosen: {problem}"))),
        }
    };
    spec.key_choosers.iter().map(chooser).collect()
}

/// How many records an average operation inserts into a table.
fn inserts(operations: &[OperationSpec], part: Part) -> f64 {
    let steps =
        operations.iter().flat_map(|operation| operation.recipe.steps.iter().map(|step| (operation.share, step)));
    let inserted = steps.map(|(share, step)| match step.action {
        Action::Insert { table, .. } | Action::InsertDrawn { table, .. } if Part::Table(table) == part => {
            share * if let Repeat::Times(times) = &step.repeat { times.max() } else { 1.0 }
        }
        _ => 0.0,
    });
    inserted.sum()
}

fn dataset(name: &str, spec: &Spec) -> Dataset {
    let fields = |fields: &[FieldSpec]| fields.iter().map(FieldSpec::declaration).collect();
    let table = |table: &TableSpec| drivers::Table {
        name: table.name.clone(),
        key: table.key.kind(),
        is_keyed: table.is_keyed,
        fields: fields(&table.fields),
        indexes: table.indexes.clone(),
    };
    let log =
        |log: &LogSpec| drivers::Log { name: log.name.clone(), stream: log.key.kind(), fields: fields(&log.fields) };
    let series = |series: &SeriesSpec| drivers::Series {
        name: series.name.clone(),
        metrics: series.metrics.iter().map(|metric| metric.name.clone()).collect(),
    };
    Dataset {
        name: name.into(),
        tables: spec.tables.iter().map(table).collect(),
        logs: spec.logs.iter().map(log).collect(),
        series: spec.series.iter().map(series).collect(),
    }
}
