//! The command line as typed. What it means is decided in `commands`.

mod calibrate;
mod compare;
mod cpus;
mod history;
mod numbers;
mod shared;
mod sweep;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use drivers::Durability;

use crate::record::PrecisionGoal;
use crate::workload::Arrivals;
pub use calibrate::CalibrateArgs;
pub use compare::{CompareArgs, PairArgs};
pub use cpus::CpuArgs;
pub use history::{HistoryArgs, KeepArgs, MeasuredArgs};
pub use numbers::ClientLevels;
use numbers::{count, rate};
pub use shared::{CALIBRATION, PasswordArgs, PriceArgs, YcsbArgs};
use shared::{DEFAULT_STORE, durability, duration, path, store_help, warmup};
pub use sweep::SweepArgs;

/// Measures data stores so that the figures survive the question "how do you know?".
#[derive(Debug, Parser)]
#[command(name = "storebench", version, about, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do: one of the subcommands
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  storebench run                                  the four headline workloads on embedded libSQL
  storebench run oltp --clients 4 --duration 30s  one workload, four clients, half a minute
  storebench run read-heavy --rate 2000           open loop: 2,000 arrivals a second, whatever the store does
  storebench sweep oltp --slo \"p99 < 10ms\"         how much does it carry within that limit?
  storebench run read-heavy --rate 250,500,1000   three levels of load in one experiment
  storebench run mine.toml --store memory         your own workload (start from `storebench list oltp --toml`)
  storebench run -P workloada -p recordcount=5000 YCSB's files and properties, as its own command line takes them
  storebench check postgres                       is there a server to start, and what would it promise?
  storebench clean redis://localhost              remove what runs that died have left there
  storebench report results/latest                rebuild tables and charts from experiment.json
  storebench cost results/latest                  cost per million operations and per month, and where offers break even
  storebench compare results/main results/branch  did the branch get slower? (8 runs or more of each: run --runs 10)
  storebench compare --base libsql --head \"libsql?cache_mb=1\" oltp
                                                  the same, measured in pairs
  storebench calibrate oltp                       how small a change could be seen on this machine?
  storebench history bench/history.jsonl          since which commit is it slower?

Exit codes: 0 ok, 1 regression, 2 usage, configuration or an output that cannot be written, 3 invalid or incomparable run,
failed check or missed limit, 4 inconclusive (compare --strict).";

/// The subcommands, each with its arguments.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run workloads against stores and write a results folder
    Run(Box<RunArgs>),
    /// Search the highest rate at which stores keep their limits
    Sweep(Box<SweepArgs>),
    /// List workloads and stores, or print one workload
    List(ListArgs),
    /// Rebuild the report of a results folder from its experiment.json, or put several side by side
    Report(ReportArgs),
    /// Try which stores can be measured from here: program found, starts, reached, tier, workloads
    Check(CheckArgs),
    /// Remove from a store what earlier runs have left there
    Clean(CleanArgs),
    /// Compare what the stores of a results folder would cost on offers of the price catalogue
    Cost(CostArgs),
    /// Say whether a head is worse than its base: regression, improved, ok or inconclusive
    Compare(Box<CompareArgs>),
    /// Measure the noise of this machine, so that `compare` knows what it can tell
    Calibrate(Box<CalibrateArgs>),
    /// Say since which commit a figure is slower: where the levels of a history changed
    History(HistoryArgs),
}

/// Arguments of `storebench clean`
#[derive(Debug, Args)]
#[command(after_help = "\
Only what carries a mark of storebench is removed, with the data of --keep; what a living run uses is left alone. Exits
with 0 when nothing is left, and else with 3.")]
pub struct CleanArgs {
    /// The URL or file of the store, as for `run`
    #[arg(value_name = "STORE")]
    pub store: String,

    /// List what would be removed
    #[arg(long)]
    pub dry_run: bool,

    /// Where passwords are
    #[command(flatten)]
    pub passwords: PasswordArgs,

    /// Remove also what has the names that storebench gives and has lost its mark
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `storebench run`
#[derive(Debug, Args)]
#[command(after_help = RUN_HELP)]
pub struct RunArgs {
    /// Built-in workloads (see `storebench list`) or files: storebench's TOML, or YCSB's properties, one workload a file
    /// [default: read-heavy oltp append-only time-series]
    #[arg(value_name = "WORKLOAD")]
    pub workloads: Vec<String>,

    /// Stores to measure, by name, file or URL
    #[arg(long = "store", value_name = "STORE", default_value = DEFAULT_STORE, help = store_help())]
    pub stores: Vec<String>,

    /// Where passwords are
    #[command(flatten)]
    pub passwords: PasswordArgs,

    /// Sessions, each with one operation in flight; in an open loop the most that may be in flight. Several, as in 1,8,32,
    /// are levels of load, each measured by itself [default: the workload's, else 2]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = count::<u32>(1..=10_000), allow_negative_numbers = true)]
    pub clients: Vec<u32>,

    /// Open loop: operations that arrive per second, whether the store keeps up or not. Several, as in 250,500,1000, are
    /// levels of load, each measured by itself
    #[arg(long, value_name = "R", value_delimiter = ',', value_parser = rate, allow_negative_numbers = true)]
    pub rate: Vec<f64>,

    /// Closed loop, although the workload has a rate of its own
    #[arg(long, conflicts_with_all = ["rate", "arrivals", "skip_after"])]
    pub closed: bool,

    /// Open loop: gaps between arrivals, poisson or constant
    /// [default: the workload's, else poisson]
    #[arg(long, value_name = "KIND", value_parser = arrivals)]
    pub arrivals: Option<Arrivals>,

    /// Open loop: skip and count arrivals that are later than this when their turn comes
    #[arg(long, value_name = "D", value_parser = duration)]
    pub skip_after: Option<Duration>,

    /// Length of the measurement, such as 30s or 5m [default: the workload's, else 10s]
    #[arg(long, value_name = "D", value_parser = duration, conflicts_with = "ops")]
    pub duration: Option<Duration>,

    /// Measure this many operations instead of a length of time
    #[arg(long, value_name = "N", value_parser = count::<u64>(1..=u64::MAX), allow_negative_numbers = true)]
    pub ops: Option<u64>,

    /// Shortest length of the warm-up, whose figures are kept apart [default: the workload's, else 2s]
    #[arg(long, value_name = "D", value_parser = warmup)]
    pub warmup: Option<Duration>,

    /// Let a warm-up go on for as long as this while response times are seen to change; 0 fixes its length
    /// [default: five times --warmup]
    #[arg(long, value_name = "D", value_parser = warmup)]
    pub max_warmup: Option<Duration>,

    /// Records in the workload's main table; its other parts scale with it [default: the workload's]
    #[arg(long, value_name = "N", value_parser = count::<u64>(1..=u64::MAX), allow_negative_numbers = true)]
    pub records: Option<u64>,

    /// Repetitions of each workload on each store, fresh data each time, stores in random order
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = count::<u32>(1..=1_000), allow_negative_numbers = true)]
    pub runs: u32,

    /// Repeat runs until the 95 % interval of a figure is as narrow as this: "p99 ±10%", "throughput 3%", "pay p99 +-5%".
    /// Their number, and their length where a percentile needs more samples, follow from a pilot, and the time is said first
    #[arg(long, value_name = "FIGURE ±SHARE", value_parser = clap::value_parser!(PrecisionGoal), conflicts_with_all = ["runs", "ops"])]
    pub want: Option<PrecisionGoal>,

    /// All data, operations, arrivals and orders follow from this number
    #[arg(long, value_name = "S", default_value = "42", value_parser = count::<u64>(0..=u64::MAX))]
    pub seed: u64,

    /// What an acknowledged write must survive [default: durable, where the store keeps data at all]
    #[arg(long, value_name = "TIER", value_parser = durability)]
    pub durability: Option<Durability>,

    /// Attempts after the first for an operation that lost a conflict; all stand inside its latency, with the waits that
    /// grow between them on a remote store
    #[arg(long, value_name = "N", default_value = "100", value_parser = count::<u32>(0..=u64::from(u32::MAX)))]
    pub max_retries: u32,

    /// Give an operation of a remote store up after this long: it counts as failed and its client connects anew
    #[arg(long, value_name = "D", value_parser = duration, default_value = "10s")]
    pub timeout: Duration,

    /// What a failed operation does to the run: continue counts it, stop ends the run
    #[arg(long, value_name = "WHAT", value_parser = on_error, default_value = "continue")]
    pub on_error: OnError,

    /// Leave the data in the store, which must have an address of its own, for a later run with --reuse
    #[arg(long)]
    pub keep: bool,

    /// Use the data that an earlier run kept, if workload, size and seed are the same and nothing has changed it;
    /// else load it anew. Keeps it too
    #[arg(long)]
    pub reuse: bool,

    /// CPUs for client and server
    #[command(flatten)]
    pub cpus: CpuArgs,

    /// Give up on a step outside the measurement, such as resetting, settling or reading back, after this long
    /// [default: 1m and 1ms for each row of the workload]
    #[arg(long, value_name = "D", value_parser = duration)]
    pub phase_timeout: Option<Duration>,

    /// Results folder; must not hold an experiment yet [default: results/TIME-WORKLOADS]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub out: Option<PathBuf>,

    /// Print nothing but errors, warnings, verdicts and one table
    #[arg(long, short)]
    pub quiet: bool,

    /// What is said of workloads in YCSB's format
    #[command(flatten)]
    pub ycsb: YcsbArgs,

    /// What the estimates of cost are made with
    #[command(flatten)]
    pub prices: PriceArgs,
}

const RUN_HELP: &str = "\
Without a rate, yours or the workload's, the loop is closed: each client waits for its answer before it asks again, so a
stall of the store also stops the questions, and the latencies of the operations that would have met the stall are
missing. For latency as users would see it, give --rate: response time then counts from the instant at which an
operation was due.

Durability tiers: durable survives a power cut; relaxed survives a crash of the process; memory need survive nothing.
The tier in the table is read back from the store, not copied from this option.";

/// Arguments of `storebench list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// A workload: a built-in's name, or a file in TOML or YCSB's format
    pub name: Option<String>,

    /// Print the workload as a TOML file, to edit and run as your own
    #[arg(long)]
    pub toml: bool,

    /// What is said of a workload in YCSB's format
    #[command(flatten)]
    pub ycsb: YcsbArgs,
}

/// Arguments of `storebench check`
#[derive(Debug, Args)]
#[command(after_help = CHECK_HELP)]
pub struct CheckArgs {
    /// Stores by name, or the addresses of running ones [default: every store of this build]
    #[arg(value_name = "STORE")]
    pub stores: Vec<String>,

    /// Where passwords are
    #[command(flatten)]
    pub passwords: PasswordArgs,

    /// The tier that a server is set for
    #[arg(long, value_name = "TIER", value_parser = durability, default_value = "durable")]
    pub durability: Durability,
}

const CHECK_HELP: &str = "\
A server that is named and not located is started in a temporary folder and removed again; on one that is given by its
URL a small dataset is made and removed. Exit code 2 if a store that was asked for cannot be used.";

/// Arguments of `storebench report`
#[derive(Debug, Args)]
#[command(after_help = REPORT_HELP)]
pub struct ReportArgs {
    /// Results folders, such as results/latest; several are put side by side
    #[arg(value_name = "DIR", required = true, value_parser = path())]
    pub folders: Vec<PathBuf>,

    /// Write and print a decision record, adr.md, with the evidence in it and the decision left open
    #[arg(long)]
    pub adr: bool,

    /// Where the report of several folders goes
    #[arg(long, value_name = "DIR", default_value = "results/side-by-side", value_parser = path())]
    pub out: PathBuf,
}

const REPORT_HELP: &str = "\
Everything is rebuilt from experiment.json: the same record gives the same files, byte for byte. The report of one
folder lies in it; that of several in a folder of its own, in which each store carries the name of its experiment.";

/// Arguments of `storebench cost`
#[derive(Debug, Args)]
#[command(after_help = COST_HELP)]
pub struct CostArgs {
    /// A results folder, such as results/latest
    #[arg(value_name = "DIR", value_parser = path())]
    pub folder: PathBuf,

    /// Offers to compare, by their ids in the catalogue [default: those of the run's own estimate]
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', conflicts_with = "offer")]
    pub offers: Vec<String>,

    /// What the figures are made with
    #[command(flatten)]
    pub prices: PriceArgs,
}

const COST_HELP: &str = "\
A targets file has a table for each store, by its name on the command line or its driver:
  [postgres]
  offer = \"rds.db.m7g.large\"
  copies = 2
  utilisation = 0.4
  consistency = \"strong\"
  [postgres.ownership]
  engineer = { hours_per_month = 4, usd_per_hour = 120 }
  support_usd_per_month = 100
  other_usd_per_month = { audit = 50 }";

fn arrivals(text: &str) -> Result<Arrivals, String> {
    match text {
        "poisson" => Ok(Arrivals::Poisson),
        "constant" => Ok(Arrivals::Constant),
        _ => Err("give poisson (independent clients) or constant (equal gaps)".to_owned()),
    }
}

/// What a failed operation does to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// It is counted, and a broken connection is replaced.
    Continue,
    /// The old word for `continue`.
    GoOn,
    /// It ends the run.
    Stop,
}

fn on_error(text: &str) -> Result<OnError, String> {
    match text {
        "continue" => Ok(OnError::Continue),
        "go-on" => Ok(OnError::GoOn),
        "stop" => Ok(OnError::Stop),
        _ => Err("give continue or stop".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lengths_are_read_as_people_write_them() {
        assert_eq!(duration("30"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(warmup("0"), Ok(Duration::ZERO));
        for nonsense in ["", "0", "-1", "x", "99999999999999999999d", "1e9"] {
            assert!(duration(nonsense).is_err(), "{nonsense}");
        }
    }
}
