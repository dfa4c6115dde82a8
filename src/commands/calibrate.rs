//! `storebench calibrate`: a store against itself, so that a gate knows what this machine can tell.

use std::sync::Arc;

use anyhow::anyhow;
use drivers::Address;

use super::exit::{Exit, Failed};
use super::output::{Folder, OutputErrors};
use super::pairs::{PairRunner, PairedRequests, sides};
use super::terminal::{eprint, print};
use super::{calibration, passwords, run as runs, stores};
use crate::cli::CalibrateArgs;
use crate::gate::{CalibratedLoad, CalibrationSubject, GateOptions, Look, MeasuredGate, judge_pairs};
use crate::host;
use crate::record::Run;
use crate::report::gate as report;
use crate::request::RunRequest;

/// The store that does nothing: what it carries is the client's own limit.
const NOTHING: &str = "null";

/// Measures pairs of a store with itself and keeps what they scatter by.
///
/// # Errors
/// When the arguments are wrong, the store cannot do what is asked, or there is no folder for the results. What cannot be
/// written after something was measured is an error message and an exit code.
pub fn calibrate(args: &CalibrateArgs) -> Result<Exit, Failed> {
    calibration::read(&args.calibration).map_err(Failed::usage)?;
    let mut addresses = [stores::parse(&args.store).map_err(|problem| Failed::usage(anyhow!(problem)))?];
    passwords::give(&args.load.passwords, &mut addresses).map_err(Failed::usage)?;
    let [address] = &addresses;
    let sides = sides(&args.workloads, &args.load, [address, address])?;
    let names: Vec<_> = sides.iter().map(|side| Arc::clone(&side.base.workload)).collect();
    let experiment = runs::experiment(args.load.seed);
    let folder = Folder::claim(args.out.as_deref(), &format!("calibrate-{}", runs::slug(&names)), &experiment)?;
    if !args.quiet {
        announce(args, address, &sides);
    }
    let mut runner = PairRunner::new("calibrate", args.quiet, sides, experiment, folder)?;
    let all: Vec<usize> = (0..runner.sides.len()).collect();
    let is_whole = runner.block(&all, args.pairs, 0, false, &|_| true)?;
    let floors = if is_whole { client_floors(&mut runner) } else { Vec::new() };
    runner.experiment.interrupted = runner.signals.cancel.is_cancelled();
    let errors = runner.end();
    conclude(args, &runner, &address.to_string(), &floors, errors)
}

/// What the client carries of each workload by itself: a run against a store that does nothing, for closed loops.
fn client_floors(runner: &mut PairRunner) -> Vec<(String, f64)> {
    let mut floors = Vec::new();
    for at in 0..runner.sides.len() {
        let base = &runner.sides[at].base;
        if base.load.rate_per_s.is_some() || runner.signals.cancel.is_cancelled() {
            continue;
        }
        let id = format!("{}-client", base.workload.name);
        let hlog = runner.folder.log_file(&id);
        let Ok(address) = stores::parse(NOTHING) else { continue };
        let request = RunRequest { id, address, durability: None, hlog, ..base.clone() };
        let workload = request.workload.name.clone();
        match stores::run(&request, &runner.signals.cancel, &mut runner.progress) {
            Ok(run) if run.verdict.valid => {
                floors.push((workload, run.throughput_per_s));
                runner.experiment.runs.push(run);
            }
            Ok(Run { verdict, .. }) => {
                let reason = verdict.reasons.first().cloned().unwrap_or_default();
                runner.say(&format!("what the client carries of {workload} by itself is not known: {reason}"));
            }
            Err(error) => runner.say(&format!("what the client carries of {workload} by itself is not known: {error}")),
        }
    }
    floors
}

/// Prints and keeps what the pairs amount to, and decides the exit code.
fn conclude(
    args: &CalibrateArgs,
    runner: &PairRunner,
    store: &str,
    floors: &[(String, f64)],
    mut errors: OutputErrors,
) -> Result<Exit, Failed> {
    let measured = MeasuredGate {
        asked: Vec::new(),
        seed: args.load.seed,
        looks: vec![Look { pairs: args.pairs, alpha: 0.0 }],
        looked: 1,
        flagged: 0,
        interrupted: runner.experiment.interrupted,
        tools: Vec::new(),
    };
    let labels = [store.to_owned(), store.to_owned()];
    let options = GateOptions::default();
    let record =
        judge_pairs(&runner.experiment, &runner.pairs, measured, &labels, &options, runner.problem.clone()).record;
    let of_workload = |side: &PairedRequests| -> Option<CalibratedLoad> {
        let run =
            runner.experiment.runs.iter().find(|run| run.workload.name == side.name() && run.store.name == store)?;
        let known = CalibratedLoad::from_pairs(&record, CalibrationSubject::of(run), &host::timestamp())?;
        let floor = floors.iter().find(|(workload, _)| workload == side.name()).map(|(_, per_s)| *per_s);
        Some(CalibratedLoad { client_floor_per_s: floor, ..known })
    };
    let known: Vec<CalibratedLoad> = match runner.experiment.interrupted {
        true => Vec::new(),
        false => runner.sides.iter().filter_map(of_workload).collect(),
    };
    record.problems.iter().for_each(|problem| eprint(&format!("error: {problem}")));
    let is_whole = known.len() == runner.sides.len() && record.problems.is_empty();
    if !known.is_empty() {
        errors.collect(print(&report::calibration(&known)), "--calibration keeps it all the same");
        errors.collect(calibration::keep(&args.calibration, known), "give --calibration a file that can be written to");
        errors.collect(print(&format!("kept in {}\n", args.calibration.display())), "it is kept all the same");
    }
    if runner.experiment.interrupted {
        eprint("error: interrupted: nothing is kept of a calibration that has not ended");
    }
    Ok(match (errors.print_all(), is_whole) {
        (true, _) => Exit::Usage,
        (false, true) => Exit::Ok,
        (false, false) => Exit::Invalid,
    })
}

/// What is going to happen and for how long, before it begins.
fn announce(args: &CalibrateArgs, address: &Address, sides: &[PairedRequests]) {
    let names: Vec<&str> = sides.iter().map(PairedRequests::name).collect();
    let time = PairedRequests::time(sides, args.pairs).map_or_else(String::new, |time| format!(", {time} of load"));
    eprint(&format!(
        "calibrate: {} pairs of {address} with itself on {}{time}, to which come loading and checks",
        args.pairs,
        names.join(", ")
    ));
}
