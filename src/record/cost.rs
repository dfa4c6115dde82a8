//! What a run costs, as the record keeps it: the part of the format between the prices and the reports. How the figures
//! come about, and the prices, are in `cost`.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// What one operation moves, averaged over those that succeeded. Sizes are those of whole items, keys and names of
/// fields included, because services bill the item and not the field that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Requests that read: one for each record asked for by its key, and one for each range, search, tail or window.
    pub reads: f64,
    /// Rows that the store answered with.
    pub rows_read: f64,
    /// Logical size of the rows behind the answer.
    pub bytes_read: f64,
    /// Rows inserted, changed, deleted or appended.
    pub rows_written: f64,
    /// Logical size of those rows: for a change, of the whole record.
    pub bytes_written: f64,
    /// Whether all of it is one transaction.
    pub transactional: bool,
    /// How many of them were counted; the averages are over these.
    #[serde(default)]
    pub sampled: u64,
    /// How far the averages may be off; absent of the total and in a record of version 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
}

/// What the averages of [`Work`] leave open.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// Standard deviation of `reads` among the operations that were counted, and so on; 0 where only one was.
    pub reads: f64,
    /// Standard deviation of `rows_read`.
    pub rows_read: f64,
    /// Standard deviation of `bytes_read`.
    pub bytes_read: f64,
    /// Standard deviation of `rows_written`.
    pub rows_written: f64,
    /// Standard deviation of `bytes_written`.
    pub bytes_written: f64,
    /// Standard error that `bytes_read` has because items are taken to be as large as the mean of some generated ones.
    pub item_bytes_read: f64,
    /// The same of `bytes_written`.
    pub item_bytes_written: f64,
}

/// Cost of a run: units per operation, which carry over to any price, and estimates in money where prices are known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// What one operation uses, before any price.
    pub units: Units,
    /// The node-priced estimate first, then the request-priced ones.
    pub estimates: Vec<Estimate>,
    /// Why a figure is missing; one sentence each.
    pub missing: Vec<String>,
}

/// Units per successful operation. Unknown is `None`, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Units {
    /// CPU seconds of the store. For an embedded store, of the process: the suite's own share is in it.
    pub server_cpu_s: Option<f64>,
    /// Whether the suite's own CPU time is part of `server_cpu_s`.
    pub cpu_includes_suite: bool,
    /// Bytes by which the stored data grew; below zero where it shrank.
    pub stored_bytes: Option<f64>,
    /// Bytes written to storage.
    pub written_bytes: Option<f64>,
    /// Read units of 4 KiB, strongly consistent, by DynamoDB's rule.
    pub read_units: Option<f64>,
    /// Write units of 1 KiB, by DynamoDB's rule.
    pub write_units: Option<f64>,
    /// Rows read and written.
    pub rows: Option<f64>,
    /// Not per operation: bytes that the store holds after the run.
    pub held_bytes: Option<u64>,
    /// Held bytes after the load by logical byte loaded: what indexes, pages and bloat add.
    pub amplification: Option<f64>,
}

/// What a figure follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// Compute by the hour, at the measured throughput.
    Nodes,
    /// What a service would bill for the operations' own rows and sizes.
    Requests,
    /// A flat price, or storage alone.
    Flat,
}

/// A figure in money, with all that it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The entry of the price catalogue that was used.
    pub offer: PricedOffer,
    /// How the figure follows from the run.
    pub model: Model,
    /// USD per million successful operations at the stated utilisation, ownership not included.
    pub usd_per_million: f64,
    /// Its 95 % interval, from that of the throughput and, where requests are billed, from the samples that their rows and
    /// bytes were counted in. Absent where one of these is unknown or nothing that was measured moves the figure.
    pub interval: Option<[f64; 2]>,
    /// Average load as a share of the measured throughput, 0 to 1.
    pub utilisation: f64,
    /// Nodes that hold the data, for availability; absent where the service keeps its own copies.
    pub copies: Option<u32>,
    /// The average load in operations per second: utilisation times throughput.
    pub average_per_s: f64,
    /// USD per million operations by line: nodes, copies, reads, writes, storage.
    pub lines: IndexMap<String, f64>,
    /// Ownership lines that the user stated, USD per million operations at the same load. Not part of the figure.
    pub ownership: IndexMap<String, f64>,
    /// The figure at 100, 40 and 10 % utilisation.
    pub by_utilisation: Vec<AtUtilisation>,
    /// Whether the run was measured on the machine that is priced.
    pub measured_on_it: bool,
    /// What a month costs at any load; absent in a record of an older version.
    #[serde(default)]
    pub month: Option<Month>,
    /// What was assumed; one clause each.
    pub assumed: Vec<String>,
    /// What is not in the figure; a few words each.
    pub left_out: Vec<String>,
}

/// What a month costs, as a function of the average load: on one serving node where it is priced by nodes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Month {
    /// The lines of the bill.
    pub lines: Vec<MonthLine>,
    /// The largest average load for which it holds; absent where it holds for any.
    pub carries_per_s: Option<f64>,
}

/// One line of a monthly bill: `fixed + max(0, by load - included)`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MonthLine {
    /// `nodes`, `copies`, `reads`, `writes`, `fee`, `storage`.
    pub name: String,
    /// Due whatever the load.
    pub fixed_usd_per_month: f64,
    /// Whether the fixed amount is due for each serving node.
    pub per_node: bool,
    /// Due for each million operations.
    pub usd_per_million: f64,
    /// Of what is due for operations, this much is covered by a fee.
    pub included_usd_per_month: f64,
}

/// A figure at one utilisation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AtUtilisation {
    /// Share of the measured throughput, 0 to 1.
    pub utilisation: f64,
    /// USD per million operations.
    pub usd_per_million: f64,
}

/// An entry of the price catalogue, as it was when the figure was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PricedOffer {
    /// Its id in the catalogue.
    pub id: String,
    /// Provider and service: `AWS EC2`.
    pub service: String,
    /// Region of the price.
    pub region: String,
    /// The terms of payment, such as `on-demand`.
    pub term: String,
    /// Where the price was read.
    pub source: String,
    /// When, as precisely as known: `2026-10-02`, `2026-06`, `2025` or `undated`.
    pub retrieved: String,
    /// A: the vendor's document or price API. B: several public tables agree. C: unverified.
    pub quality: String,
    /// Days from the retrieval to the run; absent for an undated price.
    pub age_days: Option<i64>,
    /// Whether the price is undated or older than 180 days.
    pub stale: bool,
}
