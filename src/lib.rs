//! storebench measures data stores so that its figures survive the question "how do you know?".
//!
//! # Bird's-eye view
//!
//! A workload file becomes a plan (`workload`), the plan a stream of operations that is a function of the seed
//! (`generate`). Lanes carry them out against a store and stop the time (`load`), recorders keep what they measured
//! (`measure`), what the store acknowledged is reconciled with what it holds (`audit`), and all of it becomes one record
//! (`record`). Everything printed or drawn derives from that record
//! (`report`, with the pure functions of `stats`; `cost`, with its price catalogue). The stores live in their own crate,
//! `drivers`, which knows none of this.
//!
//! # Invariants
//!
//! - Imports run one way: `cli` and `commands` on top; below them `load` and `report`, which do not know each other; then
//!   `cost` with its intervals from `stats`, `audit` and `generate`; and at the bottom `workload`, `measure`, `record` and `draw`.
//!   `tests/tidy.rs` lists what each module may import and fails on anything else.
//! - Nothing stands between start and stop of the stopwatch but the operation (`load/lane.rs`, the only stopwatch).
//! - Operation i of a lane is a function of (seed, lane, i), but for keys among inserted rows, which depend on what has been
//!   acknowledged; reports are functions of the record.
//! - scheduled = succeeded + failed + skipped, asserted at the end of every run. A failure is never throughput.
//! - Reports never see a store; drivers never see a plan or a histogram. Only `commands` prints.

pub mod audit;
pub mod cli;
pub mod commands;
pub mod cost;
pub mod draw;
pub mod generate;
pub mod host;
pub mod load;
pub mod measure;
pub mod percentile;
pub mod record;
pub mod report;
pub mod stats;
pub mod units;
pub mod workload;

use std::process::ExitCode;

use clap::Parser;

/// Parses the command line, runs the command, and turns its result into an exit code.
pub fn main() -> ExitCode {
    commands::signals::survive_the_limit_of_files();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return commands::answer(&error),
    };
    let done = match &cli.command {
        cli::Command::Run(args) => commands::run::run(args),
        cli::Command::List(args) => commands::list::list(args),
        cli::Command::Report(args) => commands::report::report(args),
        cli::Command::Check(args) => commands::check::check(args),
        cli::Command::Clean(args) => commands::clean::clean(args),
        cli::Command::Cost(args) => commands::cost::cost(args),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(failed) => failed.told(),
    }
}
