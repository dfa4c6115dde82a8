//! `storebench sweep`: how much each store carries of each workload, within limits. Searches store by store, keeps every level
//! as soon as it is measured, and prints what `sweep.json` says.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use drivers::Address;
use rand::seq::SliceRandom;

use super::cost::Prices;
use super::exit::{Exit, Failed};
use super::output::{self, Folder, OutputErrors};
use super::progress::Progress;
use super::signals::Signals;
use super::terminal::{eprint, print};
use super::{cpus, run as runs, stores, workloads};
use crate::cli::SweepArgs;
use crate::draw::rng::{Purpose, rng};
use crate::generate::Generator;
use crate::host;
use crate::load::{CancelToken, LevelRunner, RunError};
use crate::record::{AtRate, Experiment, Run, SWEEP_SCHEMA, SweepAnswer, SweepLevel, SweepRecord};
use crate::report::chart;
use crate::report::png;
use crate::report::text::sweep as text;
use crate::request::{LoadSettings, RunRequest, Until};
use crate::stats;
use crate::sweep::{
    self, Bound, Breach, LevelAsk, LevelFound, LevelVerdict, SearchPlan, SearchResult, Stage, SweepLimit,
};
use crate::units;
use crate::workload::{Arrivals, Workload};

/// The record of a sweep, beside the experiment's.
const RECORD: &str = "sweep.json";
/// Time for each search where nothing says so.
const BUDGET: Duration = Duration::from_secs(300);
/// The most operations in flight where nothing says so: enough for a capacity that does not hang on the number of clients,
/// few enough for a server on a laptop.
const CLIENTS: u32 = 16;
/// Warm-up of each level where nothing says so.
const WARMUP: Duration = Duration::from_secs(1);

/// One store that is searched, and what with.
struct Search {
    request: RunRequest,
    limits: Vec<SweepLimit>,
    /// Its place among the answers.
    at: usize,
}

/// Searches how much stores carry.
///
/// # Errors
/// When the arguments are wrong, a store cannot do what is asked, or there is no folder for the results.
pub fn sweep(args: &SweepArgs) -> Result<Exit, Failed> {
    let workloads = named_workloads(args)?;
    let addresses: Result<Vec<Address>, String> = args.stores.iter().map(|store| stores::parse(store)).collect();
    let addresses = addresses.map_err(|problem| Failed::usage(anyhow!(problem)))?;
    runs::refuse_duplicates(&addresses)?;
    let mut searches = searches(args, &workloads, &addresses)?;
    let budget = budget(args, searches.len())?;
    let prices = Prices::load(&args.prices)?;
    let record = record(args, budget, &searches);
    // Stores in random order: one that always came first would have the machine as it was before the others.
    let is_same_workload = |a: &Search, b: &Search| a.request.workload.name == b.request.workload.name;
    for (round, stores) in searches.chunk_by_mut(is_same_workload).enumerate() {
        stores.shuffle(&mut rng(args.seed, Purpose::Experiment, round as u64, 0));
    }
    let experiment = runs::experiment(args.seed);
    let folder = Folder::claim(args.out.as_deref(), &format!("sweep-{}", runs::slug(&workloads)), &experiment)?;
    let errors = OutputErrors::default();
    let mut sweep = Sweeping { prices, experiment, record, errors, folder, quiet: args.quiet };
    if !args.quiet {
        announce(args, &searches, budget);
    }
    let signals = Signals::watch()?;
    let mut progress = Progress::new(args.quiet);
    for search in &searches {
        if !signals.cancel.is_cancelled() {
            let plan = SearchPlan::new(budget, &search.limits, args.seed);
            sweep.search(search, &plan, &signals.cancel, &mut progress);
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
    /// Searches one store and fills in its answer.
    fn search(&mut self, search: &Search, plan: &SearchPlan, cancel: &Arc<CancelToken>, progress: &mut Progress) {
        let mut began = Instant::now();
        let mut found: Option<SearchResult> = None;
        let mut levels = |runner: &mut LevelRunner<'_>| -> Result<(), RunError> {
            let mut measure = |ask: &LevelAsk| -> Result<LevelFound, RunError> {
                let run = runner(&self.level_request(search, ask))?;
                // A level that a signal or a lost place has cut short says nothing, and nothing follows it.
                if cancel.is_cancelled() {
                    return Err(RunError::Stopped);
                }
                let verdict = sweep::judge_run(&run, &search.limits);
                let completed_per_s = run.throughput_per_s;
                self.keep(search, ask, &verdict, run);
                let spent = began.elapsed();
                began = Instant::now();
                Ok(LevelFound { completed_per_s, spent, verdict })
            };
            found = Some(sweep::search(plan, &mut measure)?);
            Ok(())
        };
        let ended = stores::run_levels(&search.request, cancel, progress, &mut levels);
        let answer = &mut self.record.answers[search.at];
        match ended {
            Ok(left) if left.is_empty() => answer.problem = None,
            Ok(left) => answer.problem = Some(left.join("; ")),
            Err(error) => answer.problem = Some(error.to_string()),
        }
        if let Some(found) = found {
            self.answer(search, &found);
        }
        self.save();
    }

    fn level_request(&self, search: &Search, ask: &LevelAsk) -> RunRequest {
        let nth = self.record.answers[search.at].levels.len() + 1;
        let id = format!("{}-{nth:02}-{}", search.request.id, ask.stage.name());
        let hlog = self.folder.log_file(&id);
        let load = LoadSettings {
            rate_per_s: ask.rate_per_s,
            until: Until::Elapsed(ask.window),
            ..search.request.load.clone()
        };
        RunRequest { id, load, hlog, ..search.request.clone() }
    }

    /// Keeps a level: what was measured is in the folder before the next one begins.
    fn keep(&mut self, search: &Search, ask: &LevelAsk, verdict: &LevelVerdict, mut run: Run) {
        let priced = self.prices.price(&mut run, &self.experiment.host);
        self.errors.collect(priced, "`storebench cost` prices it later");
        let level = level(ask, verdict, &search.limits, &run);
        if !self.quiet {
            eprint(&format!("{}: {}", search.request.id, text::level_line(&level)));
        }
        let answer = &mut self.record.answers[search.at];
        answer.version.clone_from(&run.store.description.version);
        answer.durability = Some(run.store.description.guarantees.durability);
        answer.levels.push(level);
        self.experiment.runs.push(run);
        self.save();
    }

    fn answer(&mut self, search: &Search, found: &SearchResult) {
        let answer = &mut self.record.answers[search.at];
        answer.rate_per_s.low = found.low_per_s;
        answer.rate_per_s.high = found.high_per_s;
        (answer.capacity_per_s, answer.saturated, answer.ran_out) =
            (found.capacity_per_s, found.saturated, found.ran_out);
        answer.broke_first = found.broke_first.as_ref().map(|breach| breach_text(breach, &search.limits));
        let mut curve: Vec<&SweepLevel> = answer.levels.iter().filter(|level| level.offered_per_s.is_some()).collect();
        curve.sort_by(|a, b| a.completed_per_s.total_cmp(&b.completed_per_s));
        let curve: Vec<(f64, f64)> =
            curve.into_iter().filter_map(|level| Some((level.completed_per_s, level.mean_ns?))).collect();
        answer.knee_per_s = stats::knee(&curve).map(|at| curve[at].0);
        let confirmed = answer.levels.iter().rev();
        let at_low = confirmed
            .filter(|level| level.stage != Stage::Ramp.name() && level.verdict == "within")
            .find(|level| found.low_per_s.is_some() && level.offered_per_s == found.low_per_s);
        let run = at_low.and_then(|level| self.experiment.runs.iter().find(|run| run.id == level.run));
        answer.at_low = run.map(|run| at_rate(run, self.experiment.host.cpus));
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

/// Prints the answers, draws the curves, and decides the exit code.
fn conclude(mut sweep: Sweeping) -> Result<Exit, Failed> {
    let place = &sweep.folder.path.clone();
    let again = format!("{} has it", place.join(RECORD).display());
    let levels = if sweep.quiet { String::new() } else { text::levels(&sweep.record) + "\n" };
    let table = levels + &text::answers(&sweep.record);
    sweep.errors.collect(print(&table), &again);
    let written = sweep.folder.save(&sweep.experiment).and_then(|()| sweep.write_record());
    sweep.errors.collect(written, "the table above is all that is left of it");
    let charts = chart::load_curves(&sweep.experiment).and_then(|charts| {
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
    let is_answered = |answer: &SweepAnswer| answer.rate_per_s.low.is_some() && answer.problem.is_none();
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
fn announce(args: &SweepArgs, searches: &[Search], budget: Duration) {
    for search in searches {
        let plan = SearchPlan::new(budget, &search.limits, args.seed).announce(search.request.load.warmup);
        let limits: Vec<String> = search.limits.iter().map(ToString::to_string).collect();
        eprint(&format!(
            "sweep: {}: {}, up to {} of load in at most {}",
            search.request.id,
            if limits.is_empty() { "what it carries, without a limit".to_owned() } else { limits.join(", ") },
            units::counted(plan.levels as u64, "level"),
            units::seconds(plan.budget.as_secs_f64())
        ));
    }
    let all = budget * searches.len() as u32;
    eprint(&format!("sweep: {} in all, in this order", units::seconds(all.as_secs_f64())));
}

/// The workloads that the command line names; the headline four if it names none.
fn named_workloads(args: &SweepArgs) -> Result<Vec<Arc<Workload>>, Failed> {
    let mut found = workloads::find(&args.workloads, &args.ycsb, args.records)?;
    if found.is_empty() {
        found = workloads::find(&Workload::HEADLINE.map(ToString::to_string), &args.ycsb, args.records)?;
    }
    Ok(found.into_iter().map(Arc::new).collect())
}

/// The time of each search.
fn budget(args: &SweepArgs, searches: usize) -> Result<Duration, Failed> {
    let budget = args.budget.map_or(BUDGET, |all| all / searches as u32);
    if budget < SearchPlan::SHORTEST {
        let least = SearchPlan::SHORTEST * searches as u32;
        return Err(Failed::usage(anyhow!(
            "--budget: too short for {}: give at least {}m, one for each store and workload",
            units::counted(searches as u64, "sweep"),
            least.as_secs() / 60
        )));
    }
    Ok(budget)
}

/// Every search, in the order in which they were asked for.
fn searches(args: &SweepArgs, workloads: &[Arc<Workload>], addresses: &[Address]) -> Result<Vec<Search>, Failed> {
    let mut searches = Vec::new();
    for workload in workloads {
        let mut plan = workload.plan(args.records, None).map_err(Failed::usage)?;
        if !args.slo.is_empty() {
            let of = |operation: Option<&str>| {
                let limits = args.slo.iter().filter(move |limit| limit.operation.as_deref() == operation);
                let latency = limits.filter_map(|limit| match limit.bound {
                    Bound::Latency(limit) => Some(limit),
                    Bound::ErrorShare(_) => None,
                });
                latency.collect::<Vec<_>>()
            };
            let operations = plan.operations.iter().map(|operation| operation.name.as_str());
            if let Some(unknown) = args
                .slo
                .iter()
                .filter_map(|limit| limit.operation.as_deref())
                .find(|name| !plan.operations.iter().any(|operation| operation.name == *name))
            {
                return Err(Failed::usage(anyhow!(
                    "--slo: workload {} has no operation `{unknown}`; it has {}",
                    workload.name,
                    operations.collect::<Vec<_>>().join(", ")
                )));
            }
            plan.slo.limits = of(None);
            for operation in &mut plan.operations {
                operation.slo.limits = of(Some(&operation.name));
            }
        }
        let limits = if args.slo.is_empty() { own_limits(&plan) } else { args.slo.clone() };
        let generator = Arc::new(Generator::new(Arc::new(plan), args.seed));
        for (position, address) in addresses.iter().enumerate() {
            let is_one_of_several = addresses.iter().filter(|other| other.store == address.store).count() > 1;
            let number = if is_one_of_several { format!("-{}", position + 1) } else { String::new() };
            let own = &workload.spec.load;
            let request = RunRequest {
                id: format!("{}-{}{number}", workload.name, address.store),
                repetition: 1,
                workload: Arc::clone(workload),
                generator: Arc::clone(&generator),
                address: address.clone(),
                durability: args.durability.or(generator.plan.require.durability),
                reuse: false,
                keep: false,
                load: LoadSettings {
                    clients: args.clients.or(own.clients).unwrap_or(CLIENTS),
                    rate_per_s: None,
                    arrivals: own.arrivals.unwrap_or(Arrivals::Poisson),
                    until: Until::Elapsed(Duration::from_secs(1)),
                    warmup: args.warmup.unwrap_or(WARMUP),
                    longest_warmup: Duration::ZERO,
                    skip_after: None,
                    max_retries: args.max_retries,
                    timeout: args.timeout,
                    phase_timeout: None,
                    stops_on_failure: false,
                    cpus: cpus::pinning(&args.cpus, addresses)?,
                },
                hlog: PathBuf::new(),
            };
            stores::refuse_what_it_cannot(&request).map_err(Failed::usage)?;
            searches.push(Search { request, limits: limits.clone(), at: searches.len() });
        }
    }
    Ok(searches)
}

/// The limits that the workload itself states.
fn own_limits(plan: &crate::workload::Plan) -> Vec<SweepLimit> {
    let overall = plan.slo.limits.iter().map(|limit| (None, *limit));
    let single = plan
        .operations
        .iter()
        .flat_map(|operation| operation.slo.limits.iter().map(|limit| (Some(operation.name.clone()), *limit)));
    overall.chain(single).map(|(operation, limit)| SweepLimit { operation, bound: Bound::Latency(limit) }).collect()
}

/// The record before the first level.
fn record(args: &SweepArgs, budget: Duration, searches: &[Search]) -> SweepRecord {
    let Experiment { tool, host, command, started_at, finished_at, .. } = runs::experiment(args.seed);
    let answer = |search: &Search| SweepAnswer {
        workload: search.request.workload.name.clone(),
        store: search.request.address.to_string(),
        version: String::new(),
        durability: None,
        clients: search.request.load.clients,
        slo: search.limits.iter().map(ToString::to_string).collect(),
        rate_per_s: Default::default(),
        capacity_per_s: None,
        saturated: false,
        knee_per_s: None,
        broke_first: None,
        at_low: None,
        ran_out: false,
        problem: Some("not begun, or not ended: the sweep was interrupted".to_owned()),
        levels: Vec::new(),
    };
    SweepRecord {
        schema: SWEEP_SCHEMA.to_owned(),
        tool,
        host,
        command,
        started_at,
        finished_at,
        seed: args.seed,
        budget_s: budget.as_secs_f64(),
        interrupted: true,
        answers: searches.iter().map(answer).collect(),
    }
}

fn level(ask: &LevelAsk, verdict: &LevelVerdict, limits: &[SweepLimit], run: &Run) -> SweepLevel {
    let response = &run.total.response_ns;
    let shown = |ns: Option<u64>| ns.filter(|_| run.verdict.valid);
    let ended = run.counts.succeeded + run.counts.failed;
    let is_probe = ask.stage == Stage::Probe;
    SweepLevel {
        run: run.id.clone(),
        stage: ask.stage.name().to_owned(),
        offered_per_s: ask.rate_per_s,
        window_s: ask.window.as_secs_f64(),
        completed_per_s: run.throughput_per_s,
        mean_ns: Some(response.mean).filter(|_| run.verdict.valid && response.count > 0),
        p50_ns: shown(response.p50),
        p99_ns: shown(response.p99),
        p999_ns: shown(response.p999),
        failed_share: run.counts.failed as f64 / ended.max(1) as f64,
        verdict: match verdict {
            _ if is_probe => "none",
            LevelVerdict::Within => "within",
            LevelVerdict::Undecided { .. } => "undecided",
            LevelVerdict::Beyond(_) => "beyond",
        }
        .to_owned(),
        broke: verdict.breach().filter(|_| !is_probe).map(|breach| breach_text(breach, limits)),
        noisy: run.verdict.noisy.clone(),
    }
}

fn breach_text(breach: &Breach, limits: &[SweepLimit]) -> String {
    match breach {
        Breach::Overload => "overload".to_owned(),
        Breach::Errors => "errors".to_owned(),
        Breach::Limit(at) => limits[*at].to_string(),
        Breach::Unusable(reason) => reason.clone(),
    }
}

fn at_rate(run: &Run, cpus: u64) -> AtRate {
    let estimate = run.cost.as_ref().and_then(|cost| cost.estimates.first());
    AtRate {
        run: run.id.clone(),
        server_cpus: run.server_cpu_ns_per_op.map(|ns| ns * run.throughput_per_s / 1e9),
        client_cpus: run.client.cpu_share * cpus as f64,
        threads_busy: run.client.threads_busy,
        usd_per_million: estimate.map(|estimate| estimate.usd_per_million),
        offer: estimate.map(|estimate| estimate.offer.id.clone()),
        utilisation: estimate.map(|estimate| estimate.utilisation),
    }
}
