//! Model B: services that bill what is asked of them.
//!
//! Cost per million operations: `C = 1e6 * sum(w_i * units_i * p_unit)` over the operations of the mix, w_i being the
//! share of operation i among those that succeeded. The units come from the operations' own rows and sizes. Fees,
//! storage and traffic are not here; nor are retries, because another service would have other conflicts.

use serde::{Deserialize, Serialize};

use super::kind::{Counts, Provisioned, Requests};
use crate::record::{Run, Work};

/// DynamoDB: a read unit reads up to 4 KB, a write unit writes up to 1 KB (AWS, "DynamoDB read and write operations").
const READ_UNIT_BYTES: f64 = 4_096.0;
const WRITE_UNIT_BYTES: f64 = 1_024.0;

/// What a read must see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// All acknowledged writes, as from the one node that was measured.
    #[default]
    Strong,
    /// Some older state.
    Eventual,
}

/// Reads and writes in the units of a service.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Units {
    /// Of reading.
    pub reads: f64,
    /// Of writing.
    pub writes: f64,
}

/// What each operation of a run moves, with its share of all that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand(Vec<(f64, Work)>);

impl Demand {
    /// From a run; none if an operation that succeeded does not say what it moves.
    pub fn of(run: &Run) -> Option<Demand> {
        let ran = || run.operations.values().filter(|operation| operation.ok > 0 && !operation.is_step);
        let succeeded: u64 = ran().map(|operation| operation.ok).sum();
        let shares = ran().map(|operation| Some((operation.ok as f64 / succeeded as f64, operation.work?)));
        shares.collect::<Option<Vec<_>>>().filter(|shares| !shares.is_empty()).map(Demand)
    }

    /// Units per operation, averaged over the mix.
    pub fn units(&self, counts: Counts, consistency: Consistency) -> Units {
        self.0.iter().fold(Units::default(), |sum, (share, work)| {
            let units = units(work, counts, consistency);
            Units { reads: sum.reads + share * units.reads, writes: sum.writes + share * units.writes }
        })
    }

    /// Rows read and written per operation, averaged over the mix.
    pub fn rows(&self) -> f64 {
        self.0.iter().map(|(share, work)| share * (work.rows_read + work.rows_written)).sum()
    }
}

/// Units of one operation.
///
/// Sizes are averages: where the items of one operation are unlike, the units are those of its average item.
pub fn units(work: &Work, counts: Counts, consistency: Consistency) -> Units {
    match counts {
        Counts::Items => items(work, consistency),
        Counts::Kilobytes => Units {
            reads: at_least_one_each(work.reads, work.bytes_read, 1_024.0),
            writes: at_least_one_each(work.rows_written, work.bytes_written, 1_024.0),
        },
        Counts::Commands => Units { reads: work.reads, writes: work.rows_written },
        // A row must be found before it is changed: Turso bills it as read, too.
        Counts::Rows => Units { reads: work.rows_read + work.rows_written, writes: work.rows_written },
        Counts::Objects => Units { reads: work.rows_read, writes: work.rows_written },
    }
}

/// RRU = ceil(size / 4 KB) x {1 strong, 0.5 eventual, 2 transactional} for each request (a query rounds the sum of its
/// rows); WRU = ceil(size / 1 KB) x {1, 2 transactional} for each row.
fn items(work: &Work, consistency: Consistency) -> Units {
    let (per_read, per_write) = match (work.transactional, consistency) {
        (true, _) => (2.0, 2.0),
        (false, Consistency::Strong) => (1.0, 1.0),
        (false, Consistency::Eventual) => (0.5, 1.0),
    };
    Units {
        reads: per_read * rounded_up_each(work.reads, work.bytes_read, READ_UNIT_BYTES),
        writes: per_write * rounded_up_each(work.rows_written, work.bytes_written, WRITE_UNIT_BYTES),
    }
}

fn rounded_up_each(number: f64, bytes: f64, unit_bytes: f64) -> f64 {
    if number > 0.0 { number * (bytes / number / unit_bytes).ceil().max(1.0) } else { 0.0 }
}

/// Fractional above one: 3.2 KB are 3.2 units.
fn at_least_one_each(number: f64, bytes: f64, unit_bytes: f64) -> f64 {
    if number > 0.0 { number * (bytes / number / unit_bytes).max(1.0) } else { 0.0 }
}

/// USD per million operations for reading and for writing.
pub fn usd_per_million(units: Units, offer: &Requests) -> Units {
    Units { reads: units.reads * offer.usd_per_million_reads, writes: units.writes * offer.usd_per_million_writes }
}

/// The same for units held ready: a unit is one request unit a second, so an hour of it is 3,600 at full use, and at
/// utilisation u it costs 1/u as much. Against on-demand it pays above 0.1806 / 0.625 = 28.9 %.
pub fn provisioned_usd_per_million(units: Units, offer: &Provisioned, utilisation: f64) -> Units {
    let per_million = 1e6 / 3_600.0 / utilisation;
    Units {
        reads: units.reads * offer.usd_per_read_unit_hour * per_million,
        writes: units.writes * offer.usd_per_write_unit_hour * per_million,
    }
}
