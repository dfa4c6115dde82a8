//! How offers are priced: the rows of the catalogue, as their TOML has them. What a row amounts to is in the file of
//! each model.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// How an offer is priced.
#[derive(Debug, Clone, PartialEq)]
pub enum Pricing {
    /// By node and hour.
    Node(Node),
    /// By unit of compute and hour.
    Serverless(Serverless),
    /// By what is asked of it.
    Requests(Requests),
    /// By request units held ready.
    Provisioned(Provisioned),
    /// By GB and month.
    Storage(Storage),
    /// A flat price up to a limit.
    Plan(FlatPlan),
}

/// Charges that are not computed, by name: `usd_per_iops_month`, `included_iops`.
pub type OtherCharges = BTreeMap<String, f64>;

/// A machine or a managed node.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// For as many nodes as `nodes` says.
    #[serde(deserialize_with = "amount")]
    pub usd_per_hour: f64,
    /// Of one node; without it the offer is never the nearest.
    #[serde(default, deserialize_with = "some_size")]
    pub vcpus: Option<f64>,
    /// Of one node, GiB.
    #[serde(default, deserialize_with = "some_size")]
    pub memory_gb: Option<f64>,
    /// Nodes that the price covers, each with a copy of the data.
    #[serde(default = "one")]
    pub nodes: u32,
    /// Id of the storage that it is billed with.
    pub storage: Option<String>,
    /// Charged but not computed.
    #[serde(default)]
    pub beside: OtherCharges,
}

/// Compute in units that grow with the load; priced here at a fixed number of them, that of the measured machine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serverless {
    /// What the service calls a unit: `ACU`, `CU`, `OCU`.
    pub unit: String,
    /// Price of one unit for one hour.
    #[serde(deserialize_with = "amount")]
    pub usd_per_unit_hour: f64,
    /// GiB of one unit.
    #[serde(deserialize_with = "size")]
    pub memory_gb_per_unit: f64,
    /// Fewer units than this are never billed.
    #[serde(default, deserialize_with = "amount")]
    pub minimum_units: f64,
    /// Id of the storage that it is billed with.
    pub storage: Option<String>,
    /// Charged but not computed.
    #[serde(default)]
    pub beside: OtherCharges,
}

/// What a service counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BillingUnit {
    /// Read units of 4 KiB and write units of 1 KiB (DynamoDB).
    Items,
    /// KB transferred, at least one a request (ElastiCache's ECPU).
    Kilobytes,
    /// Commands, whatever their size (Upstash).
    Commands,
    /// Rows scanned and written (Turso).
    Rows,
    /// Objects read and written (S3).
    Objects,
}

/// A service that is billed by requests.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// What the service counts as a read and as a write.
    pub counts: BillingUnit,
    /// Of what is counted when reading.
    #[serde(deserialize_with = "amount")]
    pub usd_per_million_reads: f64,
    /// Of what is counted when writing.
    #[serde(deserialize_with = "amount")]
    pub usd_per_million_writes: f64,
    /// The fee that comes on top whatever is used.
    #[serde(default, deserialize_with = "amount")]
    pub usd_per_month: f64,
    /// Reads that the fee covers.
    #[serde(default, deserialize_with = "amount")]
    pub included_reads_per_month: f64,
    /// Writes that the fee covers.
    #[serde(default, deserialize_with = "amount")]
    pub included_writes_per_month: f64,
    /// The service takes no more.
    #[serde(default, deserialize_with = "some_size")]
    pub max_commands_per_s: Option<f64>,
    /// Id of the storage that it is billed with.
    pub storage: Option<String>,
    /// Charged but not computed.
    #[serde(default)]
    pub beside: OtherCharges,
    /// The free tier, which no figure takes into account.
    #[serde(default)]
    pub free: OtherCharges,
}

/// DynamoDB's units held ready: one unit is one request unit a second.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provisioned {
    /// Price of a read capacity unit (RCU) for one hour.
    #[serde(deserialize_with = "amount")]
    pub usd_per_read_unit_hour: f64,
    /// Price of a write capacity unit (WCU) for one hour.
    #[serde(deserialize_with = "amount")]
    pub usd_per_write_unit_hour: f64,
    /// Id of the storage that it is billed with.
    pub storage: Option<String>,
}

/// Where data lies, by the GB and month.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// A GB is 2^30 bytes.
    #[serde(deserialize_with = "amount")]
    pub usd_per_gb_month: f64,
    /// Fewer GB than this are never billed.
    #[serde(default, deserialize_with = "amount")]
    pub minimum_gb: f64,
    /// Whether all copies share one bill.
    #[serde(default)]
    pub shared: bool,
    /// Whether what counts is the data in memory: a service that serves from there does not bill the files that a store of
    /// one's own keeps of it, such as Redis's append-only file with all that was overwritten.
    #[serde(default)]
    pub in_memory: bool,
    /// Charged but not computed.
    #[serde(default)]
    pub beside: OtherCharges,
    /// The free tier, which no figure takes into account.
    #[serde(default)]
    pub free: OtherCharges,
}

/// A flat price. Its limits must be known: without them it would carry any load at that price.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlatPlan {
    /// The whole price, whatever is used.
    #[serde(deserialize_with = "amount")]
    pub usd_per_month: f64,
    /// The plan holds no more than this.
    #[serde(deserialize_with = "size")]
    pub max_gb: f64,
    /// The plan takes no more commands than this.
    #[serde(deserialize_with = "size")]
    pub max_commands_per_s: f64,
    /// Whether `max_gb` is of the data in memory.
    #[serde(default)]
    pub in_memory: bool,
}

fn one() -> u32 {
    1
}

/// A number that is not negative and not infinite: a negative price would pay for itself.
pub(super) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.is_finite() && number >= 0.0 {
        return Ok(number);
    }
    Err(serde::de::Error::custom(format!("{number} is no amount; write a number from 0 up")))
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    match amount(deserializer)? {
        0.0 => Err(serde::de::Error::custom("0 is no size; leave the key out where the size is unknown")),
        size => Ok(size),
    }
}

fn some_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    size(deserializer).map(Some)
}
