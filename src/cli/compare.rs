//! The command line of `storebench compare`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use drivers::Durability;

use super::history::KeepArgs;
use super::numbers::{count, rate};
use super::shared::{CALIBRATION, PasswordArgs, YcsbArgs, durability, duration, path, warmup};

/// Arguments of `storebench compare`
#[derive(Debug, Args)]
#[command(after_help = COMPARE_HELP, override_usage = "storebench compare [OPTIONS] BASE HEAD\n       storebench compare \
    [OPTIONS] --base STORE --head STORE [WORKLOAD]...")]
pub struct CompareArgs {
    /// Two results folders, or folders of several: what is compared with, and what is judged. With --base and --head:
    /// workloads, as for `run` [default: read-heavy oltp append-only time-series]
    #[arg(value_name = "BASE HEAD | WORKLOAD")]
    pub targets: Vec<String>,

    /// Measure: the store that is compared with, as --store of `run`
    #[arg(long, value_name = "STORE", requires = "head")]
    pub base: Option<String>,

    /// Measure: the store that is judged. May be the same: then nothing should be found
    #[arg(long, value_name = "STORE", requires = "base")]
    pub head: Option<String>,

    /// By how much a metric may get worse, and that it gates; give it again for more: p99=15%, oltp/p99=20%,
    /// oltp/pay/p99=off [default: throughput, p50, cpu 5%, p99 10%, bytes-written, round-trips 1%]
    #[arg(long, value_name = "[WORKLOAD/[OPERATION/]]METRIC=SHARE")]
    pub margin: Vec<String>,

    /// A file of margins: tables `[margins]`, `[workloads.NAME.margins]` and `[workloads.NAME.operations.NAME]`
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub margins: Option<PathBuf>,

    /// What `storebench calibrate` found on this machine: the floor of each margin
    #[arg(long, value_name = "FILE", default_value = CALIBRATION, value_parser = path())]
    pub calibration: PathBuf,

    /// Compare although machine, workload, data, durability or load differ; the result says so
    #[arg(long)]
    pub allow_mismatch: bool,

    /// Judge noisy runs like the others. Else they are replaced or left out, and if too few are left nothing is decided
    #[arg(long)]
    pub keep_noisy: bool,

    /// Exit with 0 whatever the verdict, and tell what the exit code would have been
    #[arg(long)]
    pub advise: bool,

    /// Exit with 4 when neither a regression nor its absence is shown
    #[arg(long)]
    pub strict: bool,

    /// Folder for gate.json and what derives from it; must not hold a gate yet [default: results/TIME-compare]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub out: Option<PathBuf>,

    /// Compare two builds of the suite: base's runs are carried out by this program, head's by the one that you call, each run
    /// in a process of its own
    #[arg(long, value_name = "PROGRAM", value_parser = path(), requires = "base")]
    pub base_bin: Option<PathBuf>,

    /// Go on with an interrupted comparison: its folder, beside the same arguments
    #[arg(long, value_name = "DIR", value_parser = path(), requires = "base", conflicts_with = "out")]
    pub resume: Option<PathBuf>,

    /// Print nothing but errors and the verdict
    #[arg(long, short)]
    pub quiet: bool,

    /// Measure up to so many pairs of each workload [default: 16, or what the known noise asks for]
    #[arg(long = "pairs", value_name = "N", value_parser = count::<usize>(8..=1_000), requires = "base")]
    pub pairs_at_most: Option<usize>,

    /// The history that is kept
    #[command(flatten)]
    pub keep: KeepArgs,

    /// How pairs are measured
    #[command(flatten)]
    pub pairs: PairArgs,
}

/// How pairs are measured
#[derive(Debug, Args)]
#[command(next_help_heading = "How pairs are measured")]
pub struct PairArgs {
    /// Sessions of each run [default: the workload's, else 2]
    #[arg(long, value_name = "N", value_parser = count::<u32>(1..=10_000))]
    pub clients: Option<u32>,

    /// Open loop: operations that arrive per second; about half of what the slower side carries, to compare latencies
    #[arg(long, value_name = "R", value_parser = rate)]
    pub rate: Option<f64>,

    /// Length of each run [default: the workload's, else 15s]
    #[arg(long, value_name = "D", value_parser = duration)]
    pub duration: Option<Duration>,

    /// Length of the warm-up of each run [default: the workload's, else 2s]
    #[arg(long, value_name = "D", value_parser = warmup)]
    pub warmup: Option<Duration>,

    /// Records in the workload's main table; its other parts scale with it [default: the workload's]
    #[arg(long, value_name = "N", value_parser = count::<u64>(1..=u64::MAX))]
    pub records: Option<u64>,

    /// All data, operations and orders follow from this number
    #[arg(long, value_name = "S", default_value = "42", value_parser = count::<u64>(0..=u64::MAX))]
    pub seed: u64,

    /// What an acknowledged write must survive [default: durable, where the store keeps data at all]
    #[arg(long, value_name = "TIER", value_parser = durability)]
    pub durability: Option<Durability>,

    /// Give an operation of a remote store up after this long
    #[arg(long, value_name = "D", value_parser = duration, default_value = "10s")]
    pub timeout: Duration,

    /// Where passwords are
    #[command(flatten)]
    pub passwords: PasswordArgs,

    /// Properties of YCSB
    #[command(flatten)]
    pub ycsb: YcsbArgs,
}

const COMPARE_HELP: &str = "\
One run is one sample. With --base and --head both sides run back to back on data that is loaded anew each time, in shuffled
and balanced order, and are judged after 10 pairs and after 16 (more for many metrics); a pair with a noisy run is replaced,
and a regression has to show again on 8 fresh pairs before it fails. All that was measured is kept when it is interrupted.

Of stored runs at least 8 on each side are needed. Runs that alternate in time and in both orders are judged as pairs, of
which the effect of the order is taken out, where they are enough (2^-pairs at most 0.5 % by the number of gated metrics: 11
for eight of them); all others as two samples. Of runs that do not alternate, whatever else changed between the two sides
counts as a change of the head.

A regression is worse than chance explains (over all gated metrics 2 % before it is confirmed, 0.5 % of stored runs) and by at
least the margin. OK means that it is shown to be within the margin. \"would see\" is the smallest change for the worse that
nine of ten such comparisons find.

Exit codes: 0 ok, improved or inconclusive; 1 regression; 2 usage; 3 not comparable, an invalid run, an interruption, or a
metric that is missing in the head; 4 inconclusive, with --strict.";

impl PairArgs {
    /// A flag that was given and that only means something where pairs are measured.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--clients", self.clients.is_some()),
            ("--rate", self.rate.is_some()),
            ("--duration", self.duration.is_some()),
            ("--warmup", self.warmup.is_some()),
            ("--records", self.records.is_some()),
            ("--durability", self.durability.is_some()),
        ];
        flags.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }
}
