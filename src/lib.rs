//! storebench measures data stores so that its figures survive the question "how do you know?".
//!
//! # Bird's-eye view
//!
//! A workload file becomes a plan (`workload`), the plan a stream of operations that is a function of the seed
//! (`generate`). Commands ask for runs (`request`). Lanes carry out the operations on a store and time them (`load`),
//! recorders keep what they measured (`measure`), what the store acknowledged is reconciled with what it holds (`audit`), and
//! all of it becomes one record with a verdict (`evidence`, `record`). Everything printed or drawn derives from that record
//! (`report`, with the pure functions of `stats`; `cost`, with its price catalogue; `gate`, which sets a head against its base). The stores live in their own crate,
//! `drivers`, which knows none of this.
//!
//! # Invariants
//!
//! - Imports run one way: `cli` and `commands` on top; below them `load` and `report`, which do not know each other; then
//!   `evidence`, `audit`, `request`, `cost` and `gate`; then `generate` and `stats`; and at the bottom `workload`, `measure`, `record`
//!   and `draw`. `tests/tidy.rs` lists what each module may import and fails on anything else.
//! - Between start and stop of the stopwatch there is nothing but the operation (`load/lane.rs`, the only stopwatch).
//! - Operation i of a lane is a function of (seed, lane, i), but for keys among inserted rows, which depend on what has been
//!   acknowledged; reports are functions of the record.
//! - scheduled = succeeded + failed + skipped, asserted at the end of every run. A failure is never throughput.
//! - Reports never see a store; drivers never see a plan or a histogram. Only `commands` prints.
//!
//! # Glossary
//!
//! One meaning each. What suite and stores say to each other is defined in `drivers`, in its seam.
//!
//! - **workload**: a file that states a dataset, a mix of operations, and what has to hold afterwards. **plan**: a workload with
//!   its sizes resolved.
//! - **operation**: what a workload names, weighs and counts (`place-order`). It has one or more **steps**, each of them an
//!   **op** of the seam, one call of the store.
//! - **experiment**: all runs of one command, in one results folder. **run**: one workload on one store, once. **repetition**:
//!   a run of the same workload on the same store with fresh data.
//! - **phase**: a part of a run: reset, load, settle, warm-up, measure, drain, check.
//! - **client**, **lane**: a session with one operation in flight, as the user and as the code calls it.
//! - **closed loop**: each client sends its next operation after the answer to the last one. **open loop**: operations are due
//!   at the instants of a **schedule**, whatever the store does; each instant is an **arrival**.
//! - **response time**: from the intended start to the end of an operation. **service time**: from the actual start to the end.
//!   **lag**: from the intended to the actual start. **delay**: the client's own part of a response time.
//! - **backlog**: arrivals that are due and not sent. **skipped**: arrivals that were never sent.
//! - **refused**: an operation that the store carried out and whose floor forbade the change; a success. **failed**: an
//!   operation without a valid answer.
//! - **slot**: what has histograms of its own: an operation, or a step of one.
//! - **acknowledged**: a write that the store said it applied. **indeterminate**: a write whose outcome is unknown.
//! - **ledger**: what was acknowledged. **snapshot**: what the store holds. **check**: one comparison of the two.
//! - **marker**: the text that a run leaves beside its data. **lease**: the claim of a living run to that place, in the marker.
//! - **evidence**: all that is known of a run when it has ended. **verdict**: whether its figures may be used. **record**: what
//!   is written of it to `experiment.json`.
//! - **gate**: a head set against its base. **figure**: what it compares: the throughput, a percentile, CPU or a count.
//!   **margin**: the share by which a figure may get worse. **pair**: a run of either side, one right after the other.
//! - **history**: a file with a line for each experiment. **baseline**: the experiments of it that a head is compared with.
//! - **durability tier**: what an acknowledged write survives: a power cut (durable), a crash of the process (relaxed), or
//!   nothing (memory).

pub mod audit;
pub mod cli;
pub mod commands;
pub mod cost;
pub mod draw;
pub mod evidence;
pub mod gate;
pub mod generate;
pub mod host;
pub mod load;
pub mod measure;
pub mod percentile;
pub mod record;
pub mod report;
pub mod request;
pub mod spelling;
pub mod stats;
pub mod sweep;
pub mod units;
pub mod workload;

use std::process::ExitCode;

use clap::Parser;

/// Parses the command line, carries out its command, and returns the exit code.
pub fn main() -> ExitCode {
    commands::survive_the_limit_of_files();
    match cli::Cli::try_parse() {
        Ok(cli) => commands::carry_out(&cli.command),
        Err(answer) => commands::print_usage(&answer),
    }
}
