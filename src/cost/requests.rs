//! Model B: services that bill what is asked of them.
//!
//! Cost per million operations: `C = 1e6 * sum(w_i * units_i * p_unit)` over the operations of the mix, w_i being the
//! share of operation i among those that succeeded. The units come from the operations' own rows and sizes. Fees,
//! storage and traffic are not here; nor are retries, because another service would have other conflicts.

use serde::{Deserialize, Serialize};

use super::pricing::{BillingUnit, Provisioned, Requests};
use crate::record::{Run, Spread, Work};
use crate::stats::student_t;

/// DynamoDB: a read unit reads up to 4 KB, a write unit writes up to 1 KB (AWS, "DynamoDB read and write operations").
const READ_UNIT_BYTES: f64 = 4_096.0;
const WRITE_UNIT_BYTES: f64 = 1_024.0;

/// Half of a 95 % interval in standard errors, where those are well known.
const NORMAL_95: f64 = 1.96;

/// What a read must see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// All acknowledged writes, as from the one node that was measured.
    #[default]
    Strong,
    /// Some older state will do.
    Eventual,
}

/// Reads and writes in the units of a service.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ReadWriteUnits {
    pub reads: f64,
    pub writes: f64,
}

/// What each operation of a run moves, with its share of all that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand(Vec<Moved>);

/// One operation of the mix.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Moved {
    succeeded: u64,
    share: f64,
    work: Work,
}

impl Demand {
    /// From a run; none if an operation that succeeded does not say what it moves.
    pub fn from_run(run: &Run) -> Option<Demand> {
        let ran = || run.operations.values().filter(|operation| operation.ok > 0 && !operation.is_step);
        let succeeded: u64 = ran().map(|operation| operation.ok).sum();
        let moved = ran().map(|operation| {
            let share = operation.ok as f64 / succeeded as f64;
            Some(Moved { succeeded: operation.ok, share, work: operation.work? })
        });
        moved.collect::<Option<Vec<_>>>().filter(|moved| !moved.is_empty()).map(Demand)
    }

    /// The demand at both 95 % ends of each cause that leaves it open, the others being as measured: how often each
    /// operation came, the sample of each one, and the sizes of items, which are off for all operations alike. `usd` prices
    /// a demand. None where an operation does not say how far its averages may be off: only one of many was counted, or the
    /// record is an old one.
    pub fn ends(&self, usd: impl Fn(Demand) -> Option<f64>) -> Option<Vec<[Demand; 2]>> {
        let samples = (0..self.0.len()).map(|sampled| {
            self.shifted(|at, moved| if at == sampled { moved.sampling_error() } else { Some(Spread::default()) })
        });
        let others = [self.shifted(|_, moved| moved.size_error()), self.mix_ends(usd)];
        samples.chain(others).collect()
    }

    /// The shares are those of N drawn operations. So the mean price of one has the variance
    /// sum(w_i * (c_i - mean)^2) / N, of which these are the ends: shares moved in proportion to w_i * (c_i - mean).
    fn mix_ends(&self, usd: impl Fn(Demand) -> Option<f64>) -> Option<[Demand; 2]> {
        let alone = |moved: &Moved| usd(Demand(vec![Moved { share: 1.0, ..*moved }]));
        let prices: Vec<f64> = self.0.iter().map(alone).collect::<Option<_>>()?;
        let priced = || self.0.iter().zip(&prices);
        let mean: f64 = priced().map(|(moved, price)| moved.share * price).sum();
        let variance: f64 = priced().map(|(moved, price)| moved.share * (price - mean).powi(2)).sum();
        let succeeded: u64 = self.0.iter().map(|moved| moved.succeeded).sum();
        let by = if variance > 0.0 { NORMAL_95 / (variance * succeeded as f64).sqrt() } else { 0.0 };
        let ends = [-by, by].map(|by| {
            let shifted = priced()
                .map(|(moved, price)| Moved { share: (moved.share * (1.0 + by * (price - mean))).max(0.0), ..*moved });
            Demand(shifted.collect())
        });
        Some(ends)
    }

    /// With the averages of each operation lower, and higher, by so much.
    fn shifted(&self, by: impl Fn(usize, &Moved) -> Option<Spread>) -> Option<[Demand; 2]> {
        let by: Vec<Spread> = self.0.iter().enumerate().map(|(at, moved)| by(at, moved)).collect::<Option<_>>()?;
        let shifted = |sign: f64| {
            let shift = |mean: f64, by: f64| (mean + sign * by).max(0.0);
            let moved = self.0.iter().zip(&by).map(|(moved, by)| Moved {
                work: Work {
                    reads: shift(moved.work.reads, by.reads),
                    rows_read: shift(moved.work.rows_read, by.rows_read),
                    bytes_read: shift(moved.work.bytes_read, by.bytes_read),
                    rows_written: shift(moved.work.rows_written, by.rows_written),
                    bytes_written: shift(moved.work.bytes_written, by.bytes_written),
                    ..moved.work
                },
                ..*moved
            });
            Demand(moved.collect())
        };
        Some([shifted(-1.0), shifted(1.0)])
    }

    /// Units per operation, averaged over the mix.
    pub fn units(&self, counts: BillingUnit, consistency: Consistency) -> ReadWriteUnits {
        self.0.iter().fold(ReadWriteUnits::default(), |sum, Moved { share, work, .. }| {
            let units = units(work, counts, consistency);
            ReadWriteUnits { reads: sum.reads + share * units.reads, writes: sum.writes + share * units.writes }
        })
    }

    /// Rows read and written per operation, averaged over the mix.
    pub fn rows(&self) -> f64 {
        self.0.iter().map(|Moved { share, work, .. }| share * (work.rows_read + work.rows_written)).sum()
    }
}

impl Moved {
    /// Half of the 95 % intervals that its averages have because not every operation was counted: of n among N,
    /// t * s / sqrt(n) * sqrt(1 - n / N) (Cochran, Sampling Techniques, 3rd ed., 2.6).
    fn sampling_error(&self) -> Option<Spread> {
        let (counted, all) = (self.work.sampled, self.succeeded);
        if counted >= all {
            return Some(Spread::default());
        }
        let degrees = counted.checked_sub(1).filter(|degrees| *degrees > 0)?;
        // Beyond a thousand it is the normal distribution's.
        let width = student_t(0.95, degrees.min(1_000) as usize);
        let (counted, all) = (counted as f64, all as f64);
        let by = width * ((1.0 - counted / all) / counted).sqrt();
        let spread = self.work.spread?;
        Some(Spread {
            reads: by * spread.reads,
            rows_read: by * spread.rows_read,
            bytes_read: by * spread.bytes_read,
            rows_written: by * spread.rows_written,
            bytes_written: by * spread.bytes_written,
            ..Spread::default()
        })
    }

    /// Half of the 95 % intervals that its bytes have because the sizes of items are means of some.
    fn size_error(&self) -> Option<Spread> {
        let spread = self.work.spread?;
        let [bytes_read, bytes_written] =
            [spread.item_bytes_read, spread.item_bytes_written].map(|error| NORMAL_95 * error);
        Some(Spread { bytes_read, bytes_written, ..Spread::default() })
    }
}

/// Units of one operation.
///
/// Sizes are averages: where the items of one operation are unlike, the units are those of its average item.
pub fn units(work: &Work, counts: BillingUnit, consistency: Consistency) -> ReadWriteUnits {
    match counts {
        BillingUnit::Items => items(work, consistency),
        BillingUnit::Kilobytes => ReadWriteUnits {
            reads: at_least_one_each(work.reads, work.bytes_read, 1_024.0),
            writes: at_least_one_each(work.rows_written, work.bytes_written, 1_024.0),
        },
        BillingUnit::Commands => ReadWriteUnits { reads: work.reads, writes: work.rows_written },
        // A row must be found before it is changed: Turso bills it as read, too.
        BillingUnit::Rows => ReadWriteUnits { reads: work.rows_read + work.rows_written, writes: work.rows_written },
        BillingUnit::Objects => ReadWriteUnits { reads: work.rows_read, writes: work.rows_written },
    }
}

/// RRU = ceil(size / 4 KB) x {1 strong, 0.5 eventual, 2 transactional} for each request (a query rounds the sum of its
/// rows); WRU = ceil(size / 1 KB) x {1, 2 transactional} for each row.
fn items(work: &Work, consistency: Consistency) -> ReadWriteUnits {
    let (per_read, per_write) = match (work.transactional, consistency) {
        (true, _) => (2.0, 2.0),
        (false, Consistency::Strong) => (1.0, 1.0),
        (false, Consistency::Eventual) => (0.5, 1.0),
    };
    ReadWriteUnits {
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
pub fn usd_per_million(units: ReadWriteUnits, offer: &Requests) -> ReadWriteUnits {
    ReadWriteUnits {
        reads: units.reads * offer.usd_per_million_reads,
        writes: units.writes * offer.usd_per_million_writes,
    }
}

/// The same for units held ready: a unit is one request unit a second, so an hour of it is 3,600 at full use, and at
/// utilisation u it costs 1/u as much. Against on-demand it pays above 0.1806 / 0.625 = 28.9 %.
pub fn provisioned_usd_per_million(units: ReadWriteUnits, offer: &Provisioned, utilisation: f64) -> ReadWriteUnits {
    let per_million = 1e6 / 3_600.0 / utilisation;
    ReadWriteUnits {
        reads: units.reads * offer.usd_per_read_unit_hour * per_million,
        writes: units.writes * offer.usd_per_write_unit_hour * per_million,
    }
}
