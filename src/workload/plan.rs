//! A workload at a size: what the load engine follows and what operations and data are generated from.
//!
//! Nothing is drawn here and no seed is known; those are in `generate`.

use super::check::Check;
use super::content::{Choosing, Field};
use super::file::MOST_RECORDS;
use super::load::{LoadDefaults, Require, Slo};
use super::operation::{Action, Aim, Grouping, Operation, Repeat};
use super::spec::{Log, Series, Spec, Table};
use super::{Workload, WorkloadError};
use crate::draw::keys::{KeyChooser, expected_inserts};
use crate::draw::rng;
use drivers::{Capabilities, Capability, Dataset, Part};
use std::sync::Arc;

/// A workload at a size.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The workload's name.
    pub name: String,
    /// The data as stores see it.
    pub dataset: Arc<Dataset>,
    /// The tables and how they are filled.
    pub tables: Vec<Table>,
    /// The logs and how they are filled.
    pub logs: Vec<Log>,
    /// The series and how they are filled.
    pub series: Vec<Series>,
    /// Everything that draws keys; each lane works on a copy.
    pub choosers: Vec<(Choosing, KeyChooser)>,
    /// The mix.
    pub operations: Vec<Operation>,
    /// What must hold at the end.
    pub checks: Vec<Check>,
    /// How it is loaded.
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
    /// how many operations are expected, for whose inserts some ways of choosing keys make room. Unknown, as in a run that
    /// is bounded by time, it is taken to be the number of records, and the room grows with the table beyond that.
    pub fn new(workload: &Workload, records: Option<u64>, ops: Option<u64>) -> Result<Plan, WorkloadError> {
        let mut spec = workload.spec.clone();
        if let Some(records) = records {
            scale(&mut spec, records)?;
        }
        countable(&spec)?;
        let choosers = choosers(&spec, ops.or(spec.load.ops))?;
        Ok(Plan {
            name: workload.name.clone(),
            dataset: Arc::new(dataset(&workload.name, &spec)),
            tables: spec.tables,
            logs: spec.logs,
            series: spec.series,
            choosers,
            operations: spec.operations,
            checks: spec.checks,
            load: spec.load,
            slo: spec.slo,
            require: spec.require,
        })
    }

    /// How many records, events and points are loaded: records exactly, the others as many as are to be expected.
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

    /// What a store with these capabilities lacks, with who needs it: a part of the dataset or an operation.
    pub fn lacking(&self, can: Capabilities) -> Vec<(String, Capability)> {
        let parts = self.dataset.parts().map(|part| {
            let (what, need) = match part {
                Part::Table(_) => ("table", Capability::Record),
                Part::Log(_) => ("log", Capability::Stream),
                Part::Series(_) => ("series", Capability::Series),
            };
            (format!("{what} `{}`", self.dataset.name_of(part)), need.into())
        });
        let operations = self.operations.iter().map(|one| (format!("operation `{}`", one.name), one.needs()));
        let lacks = |(who, needs): (String, Capabilities)| can.lacks(needs).map(move |lack| (who.clone(), lack));
        parts.chain(operations).flat_map(lacks).collect()
    }

    /// Whether every scan of a table has to begin with the record that it starts from: its key is one of those that are
    /// there, and none is ever deleted.
    pub fn scans_begin_at_a_record(&self, at: usize) -> bool {
        self.operations.iter().flat_map(|operation| &operation.recipe.steps).all(|step| match &step.action {
            Action::Scan { table, from: aim, .. } => *table != at || matches!(aim, Aim::Chosen(_)),
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

impl Operation {
    /// The names of the calls that it makes one after the other: the verbs, numbered where one comes again.
    pub fn step_names(&self) -> Vec<String> {
        if self.recipe.grouping != Grouping::Sequence {
            return vec![self.name.clone()];
        }
        let verbs: Vec<_> = self.recipe.steps.iter().map(|step| step.action.verb()).collect();
        let name = |(at, verb): (usize, &&str)| match verbs[..at].iter().filter(|earlier| *earlier == verb).count() {
            0 => (*verb).to_string(),
            again => format!("{verb}-{}", again + 1),
        };
        verbs.iter().enumerate().map(name).collect()
    }

    /// What a store must be able to do for it.
    pub fn needs(&self) -> Capabilities {
        let group = match self.recipe.grouping {
            Grouping::Sequence => Capabilities::default(),
            Grouping::Batch => Capability::Batch.into(),
            Grouping::Transact => Capability::Transact.into(),
        };
        self.recipe.steps.iter().fold(group, |needs, step| needs.with(step.action.needs().into()))
    }
}

impl Action {
    /// The word for it in workload files.
    pub fn verb(&self) -> &'static str {
        match self {
            Action::Insert { .. } | Action::InsertDrawn { .. } => "insert",
            Action::Read { .. } => "read",
            Action::Update { .. } => "update",
            Action::Delete { .. } => "delete",
            Action::Increment { .. } => "bump",
            Action::Scan { .. } => "scan",
            Action::Find { .. } => "find",
            Action::Append { .. } => "append",
            Action::Tail { .. } => "tail",
            Action::InsertPoints { .. } => "ingest",
            Action::LastPoint { .. } => "last",
            Action::PointRange { .. } => "range",
            Action::Window { .. } => "window",
            Action::PointsAbove { .. } => "above",
        }
    }

    fn needs(&self) -> Capability {
        match self {
            Action::Insert { .. } | Action::InsertDrawn { .. } | Action::Read { .. } => Capability::Record,
            Action::Update { .. } | Action::Delete { .. } => Capability::Record,
            Action::Increment { floor: None, .. } => Capability::Counter,
            Action::Increment { floor: Some(_), .. } => Capability::Floor,
            Action::Scan { .. } => Capability::Range,
            Action::Find { .. } => Capability::Index,
            Action::Append { .. } | Action::Tail { .. } => Capability::Stream,
            Action::InsertPoints { .. } | Action::LastPoint { .. } | Action::PointRange { .. } => Capability::Series,
            Action::Window { .. } | Action::PointsAbove { .. } => Capability::Series,
        }
    }
}

/// Sets the size of the primary part, and of the others in proportion: at least 1, but what is empty stays so.
fn scale(spec: &mut Spec, records: u64) -> Result<(), WorkloadError> {
    let largest = MOST_RECORDS.unsigned_abs();
    if records == 0 {
        return Err(WorkloadError::Size("`--records 0` leaves nothing to work on; give at least 1".into()));
    }
    let primary = match spec.primary {
        Part::Table(at) => spec.tables[at].records,
        Part::Log(at) => spec.logs[at].streams,
        Part::Series(at) => spec.series[at].entities,
    };
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

/// Events and points are numbered through like records.
fn countable(spec: &Spec) -> Result<(), WorkloadError> {
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

/// Makes the choosers, which is where an impossible choice for this size shows.
fn choosers(spec: &Spec, ops: Option<u64>) -> Result<Vec<(Choosing, KeyChooser)>, WorkloadError> {
    let chooser = |choosing: &Choosing| {
        let (name, loaded) = match choosing.part {
            Part::Table(at) => (&spec.tables[at].name, spec.tables[at].records),
            Part::Log(at) => (&spec.logs[at].name, spec.logs[at].streams),
            Part::Series(at) => (&spec.series[at].name, spec.series[at].entities),
        };
        let inserted = if choosing.grows { inserts(&spec.operations, choosing.part) } else { 0.0 };
        let expected = expected_inserts(ops.unwrap_or(loaded), inserted);
        let chooser = KeyChooser::new(choosing.choice, loaded, expected);
        let chooser =
            chooser.map_err(|why| WorkloadError::Size(format!("keys of `{name}` cannot be chosen: {why}")))?;
        Ok((*choosing, chooser))
    };
    spec.choosings.iter().map(chooser).collect()
}

/// How many records an average operation inserts into a table.
fn inserts(operations: &[Operation], part: Part) -> f64 {
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
    let fields = |fields: &[Field]| {
        let field = |field: &Field| drivers::Field {
            name: field.name.clone(),
            kind: field.kind.clone(),
            optional: field.present < 1.0,
        };
        fields.iter().map(field).collect()
    };
    let table = |table: &Table| drivers::Table {
        name: table.name.clone(),
        key: table.key.kind(),
        fields: fields(&table.fields),
        indexes: table.indexes.clone(),
    };
    let log = |log: &Log| drivers::Log { name: log.name.clone(), stream: log.key.kind(), fields: fields(&log.fields) };
    let series = |series: &Series| drivers::Series {
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
