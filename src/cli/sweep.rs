//! The command line of `storebench sweep`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use drivers::Durability;

use super::cpus::CpuArgs;
use super::numbers::{ClientLevels, client_levels, count};
use super::shared::{DEFAULT_STORE, PasswordArgs, PriceArgs, YcsbArgs, durability, duration, path, store_help, warmup};
use crate::sweep::SweepLimit;

/// Arguments of `storebench sweep`
#[derive(Debug, Args)]
#[command(after_help = SWEEP_HELP)]
pub struct SweepArgs {
    /// Built-in workloads, .toml files or YCSB .properties files, as for `run`
    #[arg(value_name = "WORKLOAD")]
    pub workloads: Vec<String>,

    /// Stores to measure, by name, file or URL
    #[arg(long = "store", value_name = "STORE", default_value = DEFAULT_STORE, help = store_help())]
    pub stores: Vec<String>,

    /// Where passwords are
    #[command(flatten)]
    pub passwords: PasswordArgs,

    /// A limit that the rate has to keep: "p99 < 10ms", "read p999 < 50ms", "errors < 0.1%"; give it again for more
    /// [default: the workload's, else only that what is offered is carried]
    #[arg(long, value_name = "LIMIT", value_parser = clap::value_parser!(SweepLimit))]
    pub slo: Vec<SweepLimit>,

    /// Time for all of it, loading included; it is kept [default: 5m for each workload and store]
    #[arg(long, value_name = "D", value_parser = duration)]
    pub budget: Option<Duration>,

    /// The most operations in flight, on as many sessions [default: the workload's, else 16]. Several, as in 1,2,4 or 1..64
    /// (doubling), are measured in a closed loop instead, without limits, to see how throughput grows with clients
    #[arg(long, value_name = "N", value_parser = client_levels, allow_negative_numbers = true)]
    pub clients: Option<ClientLevels>,

    /// Length of the warm-up of each level [default: 1s]
    #[arg(long, value_name = "D", value_parser = warmup)]
    pub warmup: Option<Duration>,

    /// Records in the workload's main table; its other parts scale with it [default: the workload's]
    #[arg(long, value_name = "N", value_parser = count::<u64>(1..=u64::MAX), allow_negative_numbers = true)]
    pub records: Option<u64>,

    /// All data, operations, arrivals and orders follow from this number
    #[arg(long, value_name = "S", default_value_t = 42)]
    pub seed: u64,

    /// What an acknowledged write must survive [default: durable, where the store keeps data at all]
    #[arg(long, value_name = "TIER", value_parser = durability)]
    pub durability: Option<Durability>,

    /// Attempts after the first for operations that lost a conflict
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub max_retries: u32,

    /// Give an operation of a remote store up after this long
    #[arg(long, value_name = "D", value_parser = duration, default_value = "10s")]
    pub timeout: Duration,

    /// CPUs for client and server
    #[command(flatten)]
    pub cpus: CpuArgs,

    /// Results folder; must not hold an experiment yet [default: results/TIME-sweep-WORKLOADS]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub out: Option<PathBuf>,

    /// Go on with the interrupted sweep of this folder: repeat its command with this instead of --out. Levels that it has
    /// measured are not measured again
    #[arg(long, value_name = "DIR", value_parser = path(), conflicts_with = "out")]
    pub resume: Option<PathBuf>,

    /// Print nothing but errors, warnings and the table of answers
    #[arg(long, short)]
    pub quiet: bool,

    /// Properties of YCSB
    #[command(flatten)]
    pub ycsb: YcsbArgs,

    /// What the estimates of cost are made with
    #[command(flatten)]
    pub prices: PriceArgs,
}

const SWEEP_HELP: &str = "\
Each search probes with a closed loop, offers rising rates until the store is overloaded, bisects between the last rate
within the limits and the first beyond, and confirms a rate just below and one just above the limit by longer windows. The
answer is that interval, of so many clients. A workload that writes finds its data loaded anew at every level; one that only
reads has it loaded once.

Exits with 0 if every search confirmed a rate within the limits, or enough numbers of clients were measured, and else with 3.";
