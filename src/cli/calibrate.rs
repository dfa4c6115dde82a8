//! The command line of `storebench calibrate`.

use std::path::PathBuf;

use clap::Args;

use super::compare::PairArgs;
use super::numbers::count;
use super::shared::{CALIBRATION, DEFAULT_STORE, path, store_help};

/// Arguments of `storebench calibrate`
#[derive(Debug, Args)]
#[command(after_help = CALIBRATE_HELP)]
pub struct CalibrateArgs {
    /// Workloads, as for `run` [default: read-heavy oltp append-only time-series]
    #[arg(value_name = "WORKLOAD")]
    pub workloads: Vec<String>,

    /// The store that is measured against itself, by name, file or URL
    #[arg(long, value_name = "STORE", default_value = DEFAULT_STORE, help = store_help())]
    pub store: String,

    /// Pairs of each workload
    #[arg(long, value_name = "N", default_value = "10", value_parser = count::<usize>(8..=1_000))]
    pub pairs: usize,

    /// Where it is kept, and where `compare` and `run` look for it
    #[arg(long, value_name = "FILE", default_value = CALIBRATION, value_parser = path())]
    pub calibration: PathBuf,

    /// Folder for the runs; must not hold an experiment yet [default: results/TIME-calibrate-WORKLOADS]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub out: Option<PathBuf>,

    /// Print nothing but errors and what was found
    #[arg(long, short)]
    pub quiet: bool,

    /// How pairs are measured
    #[command(flatten)]
    pub load: PairArgs,
}

const CALIBRATE_HELP: &str = "\
A store is compared with itself, in pairs and in shuffled order as `compare` measures them. What differs is noise, and what
it amounts to is kept with the machine: by how much pairs of each figure scatter, what the second place in a pair is worth,
and, of a closed loop, how many operations the client carries by itself (on `null`, a store that does nothing).

`compare --base --head` of the same workload, load, length and store then plans its pairs by it, shows the floor beside each
verdict, and refuses a margin that it could not tell. `run` says when the client was most of what it measured.

Exits with 0 when the noise of each workload is known, and else with 3.";
