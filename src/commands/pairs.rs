//! `storebench compare --base STORE --head STORE`: measures pairs until they decide, keeps each run as soon as it is there,
//! and goes on with what an interrupted comparison has left.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use drivers::Address;

use super::exit::{Exit, Failed};
use super::judgement::{conclude, margins, options};
use super::output::{self, Folder, OutputErrors};
use super::progress::Progress;
use super::signals::Signals;
use super::terminal::eprint;
use super::{passwords, run as runs, stores, workloads};
use crate::cli::CompareArgs;
use crate::gate::{
    GateOptions, GateRecord, LiveJudgement, LivePair, Look, MeasuredGate, NextStep, confirmation, family, judge_pairs,
    orders, plan,
};
use crate::generate::Generator;
use crate::host;
use crate::load::RunError;
use crate::record::{Experiment, MissingRun, Run};
use crate::request::{LoadSettings, Pinning, RunRequest, Until};
use crate::units;
use crate::workload::Workload;

const RECORD: &str = "gate.json";
/// Length of a run where nothing says so.
const DURATION: Duration = Duration::from_secs(15);
/// Length of the warm-up where nothing says so.
const WARMUP: Duration = Duration::from_secs(2);
/// Clients where nothing says so: the fewest that can conflict.
const CLIENTS: u32 = 2;

/// Measures pairs and judges them.
///
/// # Errors
/// When the arguments are wrong, a store cannot do what is asked, or there is no folder for the results.
pub fn compare_pairs(args: &CompareArgs, [base, head]: [&str; 2]) -> Result<Exit, Failed> {
    let options = options(args, margins(args)?);
    let addresses: Result<Vec<Address>, String> = [base, head].into_iter().map(stores::parse).collect();
    let mut addresses =
        addresses.map_err(|problem| Failed::usage(anyhow!(problem.replace("--store", "--base, --head"))))?;
    passwords::give(&args.pairs.passwords, &mut addresses).map_err(Failed::usage)?;
    let sides = sides(args, &addresses)?;
    let operations = |side: &PairedRequests| {
        let names: Vec<&str> = side.base.plan().operations.iter().map(|one| one.name.as_str()).collect();
        family(&side.base.workload.name, &names, &options.margins)
    };
    let looks = plan(sides.iter().map(operations).sum(), &[]);
    let measured = MeasuredGate {
        asked: sides.iter().map(PairedRequests::asked).collect(),
        seed: args.pairs.seed,
        looks,
        looked: 0,
        flagged: 0,
        interrupted: true,
    };
    let (experiment, folder) = experiment(args, &sides, &measured)?;
    if !args.quiet {
        announce(&addresses, &sides, &measured, &experiment);
    }
    let signals = Signals::watch()?;
    let labels = [0, 1].map(|at| addresses[at].to_string());
    let mut gate = MeasuringGate {
        sides,
        options,
        labels,
        experiment,
        measured,
        pairs: Vec::new(),
        problem: None,
        folder,
        signals,
        progress: Progress::new(args.quiet),
        quiet: args.quiet,
    };
    let record = gate.measure()?;
    let mut errors = OutputErrors::default();
    gate.progress.finish();
    for problem in gate.progress.take_failed_outputs() {
        errors.collect(Err(anyhow!(problem)), "the record holds the histograms of the whole run");
    }
    if let Err(error) = gate.folder.save(&gate.experiment) {
        errors.rescue(error, &gate.experiment);
    }
    gate.signals.all_is_kept();
    Ok(conclude(args, &record, &gate.folder.path, errors))
}

/// What both sides run of one workload; ids and logs are filled in for each run.
struct PairedRequests {
    base: RunRequest,
    head: RunRequest,
}

impl PairedRequests {
    fn name(&self) -> &str {
        &self.base.workload.name
    }

    /// Everything that has to be the same when a comparison goes on.
    fn asked(&self) -> String {
        let RunRequest { workload, load, generator, durability, .. } = &self.base;
        let rate = load.rate_per_s.map_or_else(|| "closed loop".to_owned(), |rate| units::stated(rate) + "/s");
        let length = match load.until {
            Until::Elapsed(length) => units::seconds(length.as_secs_f64()),
            Until::Operations(operations) => units::counted(operations, "operation"),
        };
        format!(
            "{} ({}) on {} and {}: {rate}, {}, {length} after {} of warm-up, {}, {}",
            workload.name,
            workload.hash,
            self.base.address,
            self.head.address,
            units::counted(load.clients.into(), "client"),
            units::seconds(load.warmup.as_secs_f64()),
            units::counted(generator.plan.rows(), "row"),
            durability.map_or("the best tier up to durable", |tier| tier.name()),
        )
    }
}

/// A comparison under way.
struct MeasuringGate {
    sides: Vec<PairedRequests>,
    options: GateOptions,
    labels: [String; 2],
    experiment: Experiment,
    measured: MeasuredGate,
    pairs: Vec<LivePair>,
    /// Why no more can be measured.
    problem: Option<String>,
    folder: Folder,
    signals: Signals,
    progress: Progress,
    quiet: bool,
}

/// What became of a pair.
enum PairOutcome {
    Usable,
    /// Noisy, invalid or without a record, and why.
    Flawed {
        why: String,
        is_noisy: bool,
    },
    /// A signal came.
    Interrupted,
}

impl MeasuringGate {
    /// Measures up to the look that decides, and confirms what it flags.
    fn measure(&mut self) -> Result<GateRecord, Failed> {
        let looks = self.measured.looks.clone();
        let all: Vec<usize> = (0..self.sides.len()).collect();
        let mut have = 0;
        for (at, look) in looks.iter().enumerate() {
            let goes_on = self.block(&all, look.pairs - have, at, false)?;
            have = look.pairs;
            if !goes_on {
                return Ok(self.judge(self.measured.interrupted).record);
            }
            self.measured.looked = at + 1;
            let judgement = self.judge(false);
            self.say(&format!("look {} of {}: {}", at + 1, looks.len(), judgement.record.sentence));
            match judgement.next {
                NextStep::Measure => {}
                NextStep::Stop => break,
                NextStep::Confirm => {
                    let Look { pairs, .. } = confirmation(judgement.flagged);
                    self.say(&format!("{} to confirm what looks worse", units::counted(pairs as u64, "fresh pair")));
                    let named =
                        |at: &usize| judgement.flagged_workloads.iter().any(|name| name == self.sides[*at].name());
                    let again: Vec<usize> = all.iter().copied().filter(named).collect();
                    if !self.block(&again, pairs, looks.len(), true)? {
                        return Ok(self.judge(self.measured.interrupted).record);
                    }
                    break;
                }
            }
        }
        (self.measured.interrupted, self.experiment.interrupted) = (false, false);
        Ok(self.judge(false).record)
    }

    /// So many more pairs of each of these workloads, in turn. Whether the gate goes on.
    fn block(&mut self, sides: &[usize], pairs: usize, block: usize, confirms: bool) -> Result<bool, Failed> {
        let orders: Vec<Vec<bool>> = sides.iter().map(|side| orders(pairs, self.measured.seed, *side, block)).collect();
        // At most half as many again: what is noisier than that is no place to compare anything.
        let mut spares = vec![pairs / 2; sides.len()];
        for slot in 0..pairs {
            for ((side, orders), spares) in sides.iter().zip(&orders).zip(&mut spares) {
                if !self.slot(*side, orders[slot], confirms, spares)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// One pair, again while it is flawed and there are spares. Whether the gate goes on.
    fn slot(&mut self, side: usize, is_base_first: bool, confirms: bool, spares: &mut usize) -> Result<bool, Failed> {
        loop {
            match self.pair(side, is_base_first, confirms)? {
                PairOutcome::Usable => return Ok(true),
                PairOutcome::Interrupted => return Ok(false),
                PairOutcome::Flawed { is_noisy: true, .. } if *spares == 0 || self.options.keeps_noisy => {
                    return Ok(true);
                }
                PairOutcome::Flawed { why, .. } if *spares == 0 => {
                    self.problem =
                        Some(format!("too many pairs of {} failed; the last: {why}", self.sides[side].name()));
                    (self.measured.interrupted, self.experiment.interrupted) = (false, false);
                    return Ok(false);
                }
                PairOutcome::Flawed { why, .. } => {
                    *spares -= 1;
                    self.say(&format!("this pair is replaced: {why}"));
                }
            }
        }
    }

    fn pair(&mut self, side: usize, is_base_first: bool, confirms: bool) -> Result<PairOutcome, Failed> {
        let number = self.pairs.len() + 1;
        let workload = self.sides[side].name().to_owned();
        let id = |name: &str| format!("{workload}-{number:03}-{name}");
        let mut pair =
            LivePair { workload: workload.clone(), is_base_first, confirms, base: id("base"), head: id("head") };
        let started = |id: &String| self.experiment.runs.iter().find(|run| run.id == *id).map(|run| &run.started_at);
        if let (Some(base), Some(head)) = (started(&pair.base), started(&pair.head)) {
            pair.is_base_first = base < head;
        }
        self.pairs.push(pair.clone());
        let is_known = |id: &String, kept: &Experiment| {
            kept.runs.iter().any(|run| run.id == *id) || kept.missing.iter().any(|run| run.id == *id)
        };
        // Of an earlier process both runs were made back to back, or the pair is none.
        match [&pair.base, &pair.head].map(|id| is_known(id, &self.experiment)) {
            [false, false] => {}
            [true, true] => return Ok(self.outcome(&pair)),
            _ => return Ok(PairOutcome::Flawed { why: "it was interrupted".to_owned(), is_noisy: false }),
        }
        self.say(&format!("pair {number}: {workload}, {} first", if is_base_first { "base" } else { "head" }));
        for is_base in [is_base_first, !is_base_first] {
            if self.signals.cancel.is_cancelled() {
                return Ok(PairOutcome::Interrupted);
            }
            let id = if is_base { &pair.base } else { &pair.head };
            self.run(side, is_base, id)?;
        }
        let outcome = self.outcome(&pair);
        let record = self.judge(true).record;
        // What cannot be written now is written after the next pair, or reported at the end.
        let _ = output::write(&self.folder.path, RECORD, record.to_json().unwrap_or_default().as_bytes());
        if !record.mismatches.is_empty() && !self.options.allows_mismatch {
            (self.measured.interrupted, self.experiment.interrupted) = (false, false);
            return Ok(PairOutcome::Interrupted);
        }
        Ok(outcome)
    }

    /// Measures one side and keeps what came of it.
    fn run(&mut self, side: usize, is_base: bool, id: &str) -> Result<(), Failed> {
        let requests = &self.sides[side];
        let request = if is_base { &requests.base } else { &requests.head };
        let repetition = self.pairs.len() as u32;
        let request = RunRequest { id: id.to_owned(), repetition, hlog: self.folder.log_file(id), ..request.clone() };
        match stores::run(&request, &self.signals.cancel, &mut self.progress) {
            Ok(run) => self.experiment.runs.push(run),
            Err(RunError::Stopped) => {}
            // The first pair tells whether the command line is right.
            Err(error) if error.is_usage() && self.pairs.len() == 1 => return Err(Failed::usage(error)),
            Err(error) => {
                let (workload, store) = (request.workload.name.clone(), request.address.to_string());
                self.experiment.missing.push(MissingRun {
                    id: request.id,
                    workload,
                    store,
                    problem: error.to_string(),
                });
            }
        }
        self.experiment.finished_at = host::timestamp();
        let _ = self.folder.save(&self.experiment);
        Ok(())
    }

    fn outcome(&self, pair: &LivePair) -> PairOutcome {
        let find = |id: &String| self.experiment.runs.iter().find(|run| run.id == *id);
        let missing = |id: &String| self.experiment.missing.iter().find(|run| run.id == *id);
        let flaw = |id: &String| -> Option<(String, bool)> {
            let first = |reasons: &[String]| reasons.first().cloned().unwrap_or_default();
            match find(id) {
                None => Some((format!("{id}: {}", missing(id)?.problem), false)),
                Some(Run { verdict, .. }) if !verdict.valid => {
                    Some((format!("{id} is invalid: {}", first(&verdict.reasons)), false))
                }
                Some(Run { verdict, .. }) => {
                    (!verdict.noisy.is_empty()).then(|| (format!("{id} is noisy: {}", first(&verdict.noisy)), true))
                }
            }
        };
        if self.signals.cancel.is_cancelled() {
            return PairOutcome::Interrupted;
        }
        let flaws = [flaw(&pair.base), flaw(&pair.head)].into_iter().flatten();
        // A run that is invalid or failed is named before one that is noisy.
        match flaws.min_by_key(|(_, is_noisy)| *is_noisy) {
            Some((why, is_noisy)) => PairOutcome::Flawed { why, is_noisy },
            None => PairOutcome::Usable,
        }
    }

    /// What the pairs so far amount to; what is written before the end is what an interruption leaves.
    fn judge(&self, interrupted: bool) -> LiveJudgement {
        let measured = MeasuredGate { interrupted, ..self.measured.clone() };
        judge_pairs(&self.experiment, &self.pairs, measured, &self.labels, &self.options, self.problem.clone())
    }

    fn say(&self, line: &str) {
        if !self.quiet {
            eprint(&format!("compare: {line}"));
        }
    }
}

/// What is measured of each workload.
fn sides(args: &CompareArgs, addresses: &[Address]) -> Result<Vec<PairedRequests>, Failed> {
    let pairs = &args.pairs;
    let headline = Workload::HEADLINE.map(ToString::to_string);
    let names =
        if args.targets.is_empty() && pairs.ycsb.property_files.is_empty() { &headline[..] } else { &args.targets };
    let found = workloads::find(names, &pairs.ycsb, pairs.records)?;
    let requests = |workload: Workload| -> Result<PairedRequests, Failed> {
        let workload = Arc::new(workload);
        let load = load(args, &workload);
        let plan = workload.plan(pairs.records, load.until.operations()).map_err(Failed::usage)?;
        let generator = Arc::new(Generator::new(Arc::new(plan), pairs.seed));
        let request = |address: &Address| -> Result<RunRequest, Failed> {
            let request = RunRequest {
                id: String::new(),
                repetition: 1,
                workload: Arc::clone(&workload),
                generator: Arc::clone(&generator),
                address: address.clone(),
                durability: pairs.durability.or(generator.plan.require.durability),
                reuse: false,
                keep: false,
                load: load.clone(),
                hlog: PathBuf::new(),
            };
            stores::refuse_what_it_cannot(&request).map_err(Failed::usage)?;
            Ok(request)
        };
        Ok(PairedRequests { base: request(&addresses[0])?, head: request(&addresses[1])? })
    };
    found.into_iter().map(requests).collect()
}

fn load(args: &CompareArgs, workload: &Workload) -> LoadSettings {
    let (pairs, own) = (&args.pairs, &workload.spec.load);
    let until = match (pairs.duration.or(own.duration), own.ops) {
        (Some(length), _) => Until::Elapsed(length),
        (None, Some(operations)) => Until::Operations(operations),
        (None, None) => Until::Elapsed(DURATION),
    };
    LoadSettings {
        clients: pairs.clients.or(own.clients).unwrap_or(CLIENTS),
        rate_per_s: pairs.rate.or(own.rate_per_s),
        arrivals: own.arrivals.unwrap_or_default(),
        until,
        warmup: pairs.warmup.or(own.warmup).unwrap_or(WARMUP),
        // Of the same length on both sides.
        longest_warmup: Duration::ZERO,
        cpus: Pinning::default(),
        skip_after: None,
        max_retries: 100,
        timeout: pairs.timeout,
        phase_timeout: None,
        stops_on_failure: false,
    }
}

/// A new experiment in a folder of its own, or the one to go on with.
fn experiment(
    args: &CompareArgs,
    sides: &[PairedRequests],
    measured: &MeasuredGate,
) -> Result<(Experiment, Folder), Failed> {
    let Some(path) = &args.pairs.resume else {
        let experiment = runs::experiment(args.pairs.seed);
        let names: Vec<_> = sides.iter().map(|side| Arc::clone(&side.base.workload)).collect();
        let folder = Folder::claim(args.out.as_deref(), &format!("compare-{}", runs::slug(&names)), &experiment)?;
        return Ok((experiment, folder));
    };
    let shown = path.display();
    let mut experiment = Experiment::read(path).map_err(Failed::usage)?;
    let text = std::fs::read_to_string(path.join(RECORD));
    let text = text
        .with_context(|| format!("--resume: {shown} holds no {RECORD}; no pair of it was ended"))
        .map_err(Failed::usage)?;
    let before: GateRecord = serde_json::from_str(&text)
        .with_context(|| format!("--resume: {} is no record of a comparison", path.join(RECORD).display()))
        .map_err(Failed::usage)?;
    let before = before.measured.ok_or_else(|| {
        Failed::usage(anyhow!("--resume: {shown} compares stored runs; there is nothing to go on with"))
    })?;
    if (&before.asked, before.seed, &before.looks) != (&measured.asked, measured.seed, &measured.looks) {
        let differs = before.asked.iter().zip(&measured.asked).find(|(before, now)| before != now);
        let differs = differs.map_or_else(
            || "other workloads, margins, or another --seed".to_owned(),
            |(before, now)| format!("it measured {before}, and now it would be {now}"),
        );
        return Err(Failed::usage(anyhow!("--resume: {shown} was asked for something else: {differs}")));
    }
    if !before.interrupted {
        return Err(Failed::usage(anyhow!("--resume: {shown} has come to its end; there is nothing to go on with")));
    }
    experiment.command = runs::command_line();
    Ok((experiment, Folder::reopen(path)?))
}

/// What is going to happen and for how long, before it begins.
fn announce(addresses: &[Address], sides: &[PairedRequests], measured: &MeasuredGate, kept: &Experiment) {
    eprint(&format!("compare: {} (base) with {} (head)", addresses[0], addresses[1]));
    measured.asked.iter().for_each(|asked| eprint(&format!("compare: {asked}")));
    let length = |side: &PairedRequests| Some(side.base.load.until.elapsed()? + side.base.load.warmup);
    let once: Option<Duration> = sides.iter().map(length).sum();
    let minutes = |pairs: usize| {
        once.map_or_else(String::new, |once| format!(" ({})", units::seconds(2.0 * pairs as f64 * once.as_secs_f64())))
    };
    let looks: Vec<String> =
        measured.looks.iter().map(|look| format!("{}{}", look.pairs, minutes(look.pairs))).collect();
    let again = confirmation(1).pairs;
    eprint(&format!(
        "compare: looks at {} pairs of each workload; {again} more{} confirm a regression; load alone, to which come loading \
         and checks",
        looks.join(" and "),
        minutes(again)
    ));
    if !kept.runs.is_empty() {
        eprint(&format!("compare: {} are there already", units::counted(kept.runs.len() as u64, "run")));
    }
}
