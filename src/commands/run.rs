//! `storebench run`: workloads on stores, repeated and interleaved, into a results folder.
//!
//! Everything that can be known to be wrong is refused before the first store is started, and the record is written
//! after every run, so that a later failure loses nothing that was measured.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use drivers::{Address, redacted};

use super::calibration::ClientFloors;
use super::cost::Prices;
use super::exit::{Exit, Failed};
use super::measuring::Measuring;
use super::output::{Folder, OutputErrors};
use super::signals::Signals;
use super::terminal::{eprint, print};
use super::{cpus, levels, passwords, report, secrets, stores, want, workloads};
use crate::cli::{OnError, RunArgs};
use crate::generate::Generator;
use crate::host;
use crate::load::RunError;
use crate::record::{Experiment, SCHEMA, Tool};
use crate::report::{render, text};
use crate::request::{LoadSettings, RunRequest};
use crate::workload::{NoteScope, Workload};

/// Runs workloads on stores and reports what was measured.
///
/// # Errors
/// When the arguments are wrong, a store cannot do what is asked, or there is no folder for the results. What cannot be
/// written after something was measured is an error message and an exit code.
pub fn run(args: &RunArgs) -> Result<Exit, Failed> {
    if args.on_error == OnError::GoOn {
        eprint("notice: `--on-error go-on` is now called `--on-error continue`");
    }
    let workloads = workloads(args)?;
    let addresses: Result<Vec<Address>, String> = args.stores.iter().map(|store| stores::parse(store)).collect();
    let mut addresses = addresses.map_err(|problem| Failed::usage(anyhow!(problem)))?;
    passwords::give(&args.passwords, &mut addresses).map_err(Failed::usage)?;
    refuse_duplicates(&addresses)?;
    refuse_to_keep_throwaways(args, &addresses)?;
    let asked = requests(args, &workloads, &addresses, 1..=args.runs)?;
    args.want.iter().try_for_each(|wanted| want::refuse(wanted, &asked))?;
    if !args.quiet {
        levels::announcement(&asked).iter().for_each(|line| eprint(line));
    }
    let prices = Prices::load(&args.prices)?;
    let experiment = Experiment { wanted: args.want.clone(), ..experiment(args.seed) };
    let folder = Folder::claim(args.out.as_deref(), &slug(&workloads), &experiment)?;
    let signals = Signals::watch()?;
    let mut measuring = Measuring::new(experiment, folder, prices, Arc::clone(&signals.cancel), args.quiet);
    match &args.want {
        None => measuring.runs(asked),
        Some(wanted) => {
            let repeat = |repetitions| requests(args, &workloads, &addresses, repetitions);
            want::measure(&mut measuring, wanted, &repeat, args.quiet)?;
        }
    }
    let Measuring { mut experiment, folder, cancel, mut progress, mut errors, failures, .. } = measuring;
    progress.finish();
    for problem in progress.take_failed_outputs() {
        errors.collect(Err(anyhow!(problem)), "the record holds the histograms of the whole run");
    }
    experiment.interrupted = cancel.is_cancelled();
    let saved = folder.save(&experiment);
    let place = saved.map_or_else(|error| errors.rescue(error, &experiment), |()| Some(folder.path.clone()));
    signals.all_is_kept();
    conclude(args, &experiment, place.as_deref(), &failures, errors)
}

/// Refuses a store that is named twice: that would be one more repetition under another name.
///
/// # Errors
/// When two addresses are equal.
pub fn refuse_duplicates(addresses: &[Address]) -> Result<(), Failed> {
    match addresses.iter().enumerate().find(|(at, address)| addresses[..*at].contains(address)) {
        Some((_, address)) => {
            Err(Failed::usage(anyhow!("store `{address}` is named twice; name it once, with --runs")))
        }
        None => Ok(()),
    }
}

/// Refuses --keep and --reuse for a store that is made for each run and removed after it.
fn refuse_to_keep_throwaways(args: &RunArgs, addresses: &[Address]) -> Result<(), Failed> {
    let flag = if args.reuse { "--reuse" } else { "--keep" };
    match addresses.iter().find(|address| (args.keep || args.reuse) && !address.is_given()) {
        Some(address) => Err(Failed::usage(anyhow!(
            "{flag}: `{address}` is made for each run and removed after it; give the URL or file of a store that stays"
        ))),
        None => Ok(()),
    }
}

/// Prints and draws what was measured, and decides the exit code. Whatever cannot be written, the rest is still shown.
fn conclude(
    args: &RunArgs,
    experiment: &Experiment,
    place: Option<&Path>,
    failures: &[(String, RunError)],
    mut errors: OutputErrors,
) -> Result<Exit, Failed> {
    let mut missed = false;
    if !experiment.runs.is_empty() {
        let table = if args.quiet { text::brief(experiment) } else { text::experiment(experiment) };
        let again =
            place.map_or_else(String::new, |place| format!("`storebench report {}` prints it", place.display()));
        errors.collect(print(&table), &again);
        if let Some(place) = place {
            errors.write_report(render(experiment), place);
            if !args.quiet {
                errors.collect(print(&format!("results: {}\n", place.display())), &again);
            }
        }
        missed = report::print_missed_limits(experiment);
    }
    for (run, error) in failures {
        eprint(&format!("error: {run}: {error}"));
    }
    let all_refused =
        experiment.runs.is_empty() && !failures.is_empty() && failures.iter().all(|(_, error)| error.is_usage());
    Ok(if errors.print_all() || all_refused {
        Exit::Usage
    } else if experiment.is_valid() && !missed && text::wanted::is_reached(experiment) {
        Exit::Ok
    } else {
        Exit::Invalid
    })
}

/// The workloads that the command line names, each with the notes that are true of its runs; the headline four if it names
/// none.
fn workloads(args: &RunArgs) -> Result<Vec<Arc<Workload>>, Failed> {
    let mut workloads = workloads::find(&args.workloads, &args.ycsb, args.records)?;
    if workloads.is_empty() {
        let headline = Workload::HEADLINE.map(ToString::to_string);
        workloads = workloads::find(&headline, &args.ycsb, args.records)?;
    }
    for workload in &mut workloads {
        let levels = levels::levels(args, workload).map_err(Failed::usage)?;
        workload.notes.retain(|note| is_true_of(note.scope, args, &levels[0]));
        workloads::print_notes(workload);
    }
    Ok(workloads.into_iter().map(Arc::new).collect())
}

/// Whether a note of this scope is true of runs under this load.
fn is_true_of(scope: NoteScope, args: &RunArgs, load: &LoadSettings) -> bool {
    match scope {
        NoteScope::Always => true,
        NoteScope::OwnRate => load.rate_per_s.is_some() && args.rate.is_empty(),
        NoteScope::OwnLength => args.duration.is_none() && args.ops.is_none(),
        NoteScope::WithWarmup => !load.warmup.is_zero(),
        NoteScope::WithoutWarmup => load.warmup.is_zero(),
    }
}

/// These repetitions of every run of the experiment, in the order in which they were asked for.
fn requests(
    args: &RunArgs,
    workloads: &[Arc<Workload>],
    addresses: &[Address],
    repetitions: RangeInclusive<u32>,
) -> Result<Vec<RunRequest>, Failed> {
    let mut requests = Vec::new();
    let cpus = cpus::pinning(&args.cpus, addresses)?;
    let floors = ClientFloors::read(&this_tool());
    for workload in workloads {
        let levels = levels::levels(args, workload).map_err(Failed::usage)?;
        let plan = workload.plan(args.records, levels[0].until.operations()).map_err(Failed::usage)?;
        let generator = Arc::new(Generator::new(Arc::new(plan), args.seed));
        for repetition in repetitions.clone() {
            for (address, store) in addresses.iter().zip(passwords::names(addresses)) {
                for load in &levels {
                    let level = if levels.len() > 1 { format!("-{}", levels::slug(load)) } else { String::new() };
                    let mut request = RunRequest {
                        id: format!("{}-{store}{level}-{repetition}", workload.name),
                        repetition,
                        workload: Arc::clone(workload),
                        generator: Arc::clone(&generator),
                        address: address.clone(),
                        durability: args.durability.or(generator.plan.require.durability),
                        reuse: args.reuse,
                        keep: args.keep || args.reuse,
                        load: LoadSettings { cpus: cpus.clone(), ..load.clone() },
                        hlog: PathBuf::new(),
                    };
                    request.load.client_floor_per_s = floors.of(&request);
                    stores::refuse_what_it_cannot(&request).map_err(Failed::usage)?;
                    requests.push(request);
                }
            }
        }
    }
    Ok(requests)
}

/// The record of an experiment that begins now.
pub fn experiment(seed: u64) -> Experiment {
    let now = host::timestamp();
    Experiment {
        schema: SCHEMA.to_owned(),
        tool: this_tool(),
        host: host::describe(&drivers::scratch_folder()),
        command: command_line(),
        started_at: now.clone(),
        finished_at: now,
        seed,
        // Until it has ended: this is what the record of a killed process says.
        interrupted: true,
        wanted: None,
        missing: Vec::new(),
        runs: Vec::new(),
    }
}

/// This program.
pub fn this_tool() -> Tool {
    Tool {
        name: "storebench".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
    }
}

/// Flags whose value is the address of a store.
const STORE_FLAGS: [&str; 3] = ["--store", "--base", "--head"];

/// The command line, with addresses as they are printed: without passwords. What is not valid text is shown as closely as
/// possible.
pub fn command_line() -> String {
    let mut words = vec!["storebench".to_owned()];
    let mut is_store = false;
    for word in std::env::args_os().skip(1) {
        let word = word.to_string_lossy();
        let of_store = || STORE_FLAGS.iter().find_map(|flag| word.strip_prefix(flag)?.strip_prefix('='));
        let address = if is_store { Some(word.as_ref()) } else { of_store() };
        let shown = address.and_then(|text| text.parse::<Address>().ok()).map(|address| address.to_string());
        words.push(match (shown, is_store) {
            (Some(address), true) => address,
            (Some(address), false) => format!("{}={address}", word.split('=').next().unwrap_or_default()),
            (None, _) => secrets::redact(&redacted(&word)),
        });
        is_store = STORE_FLAGS.contains(&word.as_ref());
    }
    words.join(" ")
}

/// What the default folder is named after: the workload, or how many there are.
pub fn slug(workloads: &[Arc<Workload>]) -> String {
    match workloads {
        [one] => one.name.clone(),
        several if several.iter().map(|workload| workload.name.as_str()).eq(Workload::HEADLINE) => {
            "headline".to_owned()
        }
        several => format!("{}-workloads", several.len()),
    }
}
