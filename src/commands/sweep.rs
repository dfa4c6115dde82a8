//! `storebench sweep`: how much each store carries of each workload. In an open loop it searches the highest rate within limits,
//! in a closed loop it measures numbers of clients. Every level is kept as soon as it is measured, and what is printed is what
//! `sweep.json` says.

mod entries;
mod requests;
mod resume;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use rand::seq::SliceRandom;

use self::requests::{Load, Search};
use self::resume::{Interrupted, RECORD, Replay};
use super::cost::Prices;
use super::exit::{Exit, Failed};
use super::output::{self, Folder, OutputErrors};
use super::progress::Progress;
use super::signals::Signals;
use super::terminal::{eprint, print};
use super::{passwords, run as runs, stores};
use crate::cli::SweepArgs;
use crate::draw::rng::{Purpose, rng};
use crate::host;
use crate::load::{CancelToken, LevelRunner, RunError};
use crate::record::{Experiment, Run};
use crate::report::chart;
use crate::report::png;
use crate::report::text::sweep as text;
use crate::request::{LoadSettings, RunRequest, Until};
use crate::stats;
use crate::sweep::{self, ClientsPlan, LevelAsk, LevelFound, SearchPlan, SearchResult, SearchStage};
use crate::sweep::{SweepAnswer, SweepLevel, SweepRecord};
use crate::units;

/// Searches how much stores carry.
///
/// # Errors
/// When the arguments are wrong, a store cannot do what is asked, or there is no folder for the results.
pub fn sweep(args: &SweepArgs) -> Result<Exit, Failed> {
    let workloads = requests::named_workloads(args)?;
    let addresses: Result<Vec<_>, String> = args.stores.iter().map(|store| stores::parse(store)).collect();
    let mut addresses = addresses.map_err(|problem| Failed::usage(anyhow!(problem)))?;
    passwords::give(&args.passwords, &mut addresses).map_err(Failed::usage)?;
    runs::refuse_duplicates(&addresses)?;
    let (mut searches, budget) = requests::searches(args, &workloads, &addresses)?;
    let prices = Prices::load(&args.prices)?;
    let experiment = runs::experiment(args.seed);
    let record = entries::record(&experiment, budget, &searches);
    // Stores in random order: one that always came first would have the machine as it was before the others.
    let is_same_workload = |a: &Search, b: &Search| a.request.workload.name == b.request.workload.name;
    for (round, stores) in searches.chunk_by_mut(is_same_workload).enumerate() {
        stores.shuffle(&mut rng(args.seed, Purpose::Experiment, round as u64, 0));
    }
    let (folder, Interrupted { experiment, record }) = match &args.resume {
        None => {
            let folder = Folder::claim(args.out.as_deref(), &format!("sweep-{}", runs::slug(&workloads)), &experiment)?;
            (folder, Interrupted { experiment, record })
        }
        Some(path) => {
            let folder = Folder::reopen(path)?;
            (folder, resume::read(path, &record).map_err(Failed::usage)?)
        }
    };
    let errors = OutputErrors::default();
    let mut sweep = Sweeping { prices, experiment, record, errors, folder, quiet: args.quiet };
    if !args.quiet {
        announce(&searches, budget);
    }
    let signals = Signals::watch()?;
    let mut progress = Progress::new(args.quiet);
    for search in &searches {
        // What has an answer already is resumed and not asked again.
        if !signals.cancel.is_cancelled() && sweep.record.answers[search.at].problem.is_some() {
            sweep.measure(search, budget, &signals.cancel, &mut progress);
        }
    }
    progress.finish();
    for problem in progress.take_failed_outputs() {
        sweep.errors.collect(Err(anyhow!(problem)), "the record holds the histograms of the whole run");
    }
    let interrupted = signals.cancel.is_cancelled();
    (sweep.record.interrupted, sweep.experiment.interrupted) = (interrupted, interrupted);
    sweep.save();
    signals.all_is_kept();
    conclude(sweep)
}

/// A sweep under way: what is kept of it, and where.
struct Sweeping {
    prices: Prices,
    experiment: Experiment,
    record: SweepRecord,
    errors: OutputErrors,
    folder: Folder,
    quiet: bool,
}

impl Sweeping {
    /// Measures the levels of one store and fills in its answer.
    fn measure(&mut self, search: &Search, budget: Duration, cancel: &Arc<CancelToken>, progress: &mut Progress) {
        let mut found = LevelsFound::Nothing;
        let seed = self.record.seed;
        let mut replay = Replay::of(&mut self.record.answers[search.at], &self.experiment);
        let mut began = Instant::now();
        let mut levels = |runner: &mut LevelRunner<'_>| -> Result<(), RunError> {
            let mut measure = |ask: &LevelAsk| -> Result<LevelFound, RunError> {
                if let Some((level, run)) = replay.next(ask) {
                    let spent = Duration::from_nanos(level.spent_ns);
                    self.record.answers[search.at].levels.push(level);
                    began = Instant::now();
                    return Ok(level_found(search, &run, spent));
                }
                let run = runner(&self.level_request(search, ask))?;
                // A level that a signal or a lost place has cut short says nothing, and nothing follows it.
                if cancel.is_cancelled() {
                    return Err(RunError::Stopped);
                }
                let found = level_found(search, &run, began.elapsed());
                began = Instant::now();
                self.keep(search, ask, &found, run);
                Ok(found)
            };
            found = match &search.load {
                Load::Rates => {
                    let plan = SearchPlan::new(budget, &search.limits, seed);
                    LevelsFound::Rate(sweep::search(&plan, &mut measure)?)
                }
                Load::Clients(plan) => {
                    for clients in &plan.order {
                        measure(&LevelAsk::of_clients(*clients, plan.window))?;
                    }
                    LevelsFound::Clients
                }
            };
            Ok(())
        };
        let ended = stores::run_levels(&search.request, cancel, progress, &mut levels);
        let answer = &mut self.record.answers[search.at];
        match ended {
            Ok(left) if left.is_empty() => answer.problem = None,
            Ok(left) => answer.problem = Some(left.join("; ")),
            Err(error) => answer.problem = Some(error.to_string()),
        }
        match found {
            LevelsFound::Rate(found) => self.answer(search, &found),
            LevelsFound::Clients => self.fit(search),
            LevelsFound::Nothing => {}
        }
        self.save();
    }

    fn level_request(&self, search: &Search, ask: &LevelAsk) -> RunRequest {
        let nth = self.record.answers[search.at].levels.len() + 1;
        let id = format!("{}-{nth:02}-{}", search.request.id, ask.stage.name());
        let hlog = self.folder.log_file(&id);
        let load = LoadSettings {
            clients: ask.clients.unwrap_or(search.request.load.clients),
            rate_per_s: ask.rate_per_s,
            until: Until::Elapsed(ask.window),
            ..search.request.load.clone()
        };
        RunRequest { id, load, hlog, ..search.request.clone() }
    }

    /// Keeps a level: what was measured is in the folder before the next one begins.
    fn keep(&mut self, search: &Search, ask: &LevelAsk, found: &LevelFound, mut run: Run) {
        let priced = self.prices.price(&mut run, &self.experiment.host);
        self.errors.collect(priced, "`storebench cost` prices it later");
        let level = entries::level(ask, found, &search.limits, &run);
        if !self.quiet {
            eprint(&format!("{}: {}", search.request.id, text::level_line(&level)));
        }
        let answer = &mut self.record.answers[search.at];
        answer.version.clone_from(&run.store.description.version);
        answer.durability = Some(run.store.description.guarantees.durability);
        answer.levels.push(level);
        // A process that was killed between its two files may have left a run of this level.
        self.experiment.runs.retain(|other| other.id != run.id);
        self.experiment.runs.push(run);
        self.save();
    }

    fn answer(&mut self, search: &Search, found: &SearchResult) {
        let answer = &mut self.record.answers[search.at];
        answer.rate_per_s.low = found.low_per_s;
        answer.rate_per_s.high = found.high_per_s;
        (answer.capacity_per_s, answer.saturated, answer.ran_out) =
            (found.capacity_per_s, found.saturated, found.ran_out);
        answer.broke_first = found.broke_first.as_ref().map(|breach| entries::breach_text(breach, &search.limits));
        // A rate that was measured again is one point, as it was found the last time: that window was the longest.
        let mut curve: Vec<&SweepLevel> = Vec::new();
        for level in answer.levels.iter().filter(|level| level.offered_per_s.is_some() && level.mean_ns.is_some()) {
            curve.retain(|other| other.offered_per_s != level.offered_per_s);
            curve.push(level);
        }
        curve.sort_by(|a, b| a.completed_per_s.total_cmp(&b.completed_per_s));
        let curve: Vec<(f64, f64)> =
            curve.into_iter().filter_map(|level| Some((level.completed_per_s, level.mean_ns?))).collect();
        answer.knee_per_s = stats::knee(&curve).map(|at| curve[at].0);
        let at_low = answer.levels.iter().rev().filter(|level| level.stage != SearchStage::Ramp.name());
        let mut at_low = at_low.filter(|level| found.low_per_s.is_some() && level.offered_per_s == found.low_per_s);
        let at_low = at_low.next();
        let run = at_low.and_then(|level| self.experiment.runs.iter().find(|run| run.id == level.run));
        answer.at_low = run.map(|run| entries::at_rate(run, self.experiment.host.cpus));
    }

    /// The law of scalability through the levels that count.
    fn fit(&mut self, search: &Search) {
        let answer = &mut self.record.answers[search.at];
        let valid = |level: &&SweepLevel| level.broke.is_none();
        let levels: Vec<(f64, f64)> =
            answer.levels.iter().filter(valid).map(|level| (f64::from(level.clients), level.completed_per_s)).collect();
        answer.capacity_per_s = levels.iter().map(|(_, per_s)| *per_s).reduce(f64::max);
        answer.scalability = stats::scalability(&levels, self.record.seed).map(|law| entries::scalability(&law));
    }

    /// Writes both records; what cannot be written now is written after the next level, or reported at the end.
    fn save(&mut self) {
        let now = host::timestamp();
        self.experiment.finished_at.clone_from(&now);
        self.record.finished_at = now;
        let _ = self.folder.save(&self.experiment);
        let _ = self.write_record();
    }

    fn write_record(&self) -> anyhow::Result<()> {
        output::write(&self.folder.path, RECORD, self.record.to_json()?.as_bytes())
    }
}

/// What the levels of a store came to.
enum LevelsFound {
    Nothing,
    Rate(SearchResult),
    Clients,
}

fn level_found(search: &Search, run: &Run, spent: Duration) -> LevelFound {
    LevelFound {
        completed_per_s: run.throughput_per_s,
        spent,
        headroom: run.verdict.valid.then(|| sweep::headroom(run, &search.limits)).flatten(),
        broke: sweep::broke(run),
        evidence: search.limits.iter().map(|limit| limit.evidence(run)).collect(),
        shaped: run.verdict.shaped_by_client.then(|| run.verdict.reasons.join("; ")),
    }
}

/// Prints the answers, draws the curves, and decides the exit code.
fn conclude(mut sweep: Sweeping) -> Result<Exit, Failed> {
    let place = &sweep.folder.path.clone();
    let again = format!("{} has it", place.join(RECORD).display());
    let levels = if sweep.quiet { String::new() } else { text::levels(&sweep.record) + "\n" };
    let table = levels + &text::answers(&sweep.record);
    sweep.errors.collect(print(&table), &again);
    let written = sweep.folder.save(&sweep.experiment).and_then(|()| sweep.write_record());
    sweep.errors.collect(written, "the table above is all that is left of it");
    let charts = chart::load_curves(&sweep.experiment, &sweep.record.answers).and_then(|charts| {
        let mut files = Vec::new();
        for chart in charts {
            files.push((format!("charts/{}.png", chart.name), png::render(&chart.svg)?));
            files.push((format!("charts/{}.svg", chart.name), chart.svg.into_bytes()));
        }
        Ok(files)
    });
    sweep.errors.write_report(charts, place);
    if !sweep.quiet {
        let place = place.display();
        let line = format!("results: {place}; `storebench report {place}` makes the report of all levels\n");
        sweep.errors.collect(print(&line), "it is there all the same");
    }
    let is_answered = |answer: &SweepAnswer| {
        (answer.rate_per_s.low.is_some() || answer.scalability.is_some()) && answer.problem.is_none()
    };
    let all_checks_passed =
        sweep.experiment.runs.iter().flat_map(|run| &run.checks).all(|check| check.passed || check.undecided);
    Ok(if sweep.errors.print_all() {
        Exit::Usage
    } else if sweep.record.answers.iter().all(is_answered) && all_checks_passed && !sweep.record.interrupted {
        Exit::Ok
    } else {
        Exit::Invalid
    })
}

/// What is going to happen, for how long at most, and in which order.
fn announce(searches: &[Search], budget: Duration) {
    for search in searches {
        let id = &search.request.id;
        let limits: Vec<String> = search.limits.iter().map(ToString::to_string).collect();
        let limits = if limits.is_empty() { "what it carries, without a limit".to_owned() } else { limits.join(", ") };
        let most = units::seconds(budget.as_secs_f64());
        eprint(&match &search.load {
            Load::Rates => {
                let plan = SearchPlan::new(budget, &search.limits, 0).announce(search.request.load.warmup);
                format!(
                    "sweep: {id}: {limits}, up to {} of load in at most {most}",
                    units::counted(plan.levels as u64, "level")
                )
            }
            Load::Clients(ClientsPlan { order, window }) => format!(
                "sweep: {id}: {} of {} each, closed loop, in at most {most}",
                units::counted(order.len() as u64, "level"),
                units::seconds(window.as_secs_f64())
            ),
        });
    }
    let all = budget * searches.len() as u32;
    eprint(&format!("sweep: {} in all, in this order", units::seconds(all.as_secs_f64())));
}
