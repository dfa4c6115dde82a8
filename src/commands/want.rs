//! `run --want`: plans how long and how often each store is run from a pilot, so that a figure becomes as sure as it is wanted.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::exit::Failed;
use super::measuring::Measuring;
use super::terminal::eprint;
use crate::percentile::FEWEST_ABOVE;
use crate::record::{PrecisionGoal, Run};
use crate::request::{LoadSettings, RunRequest, Until};
use crate::stats::{MOST_RUNS, PILOT_RUNS, precision, precision_of, runs_needed, value_of};
use crate::units;

/// A run is made so long that this many times the fewest samples lie above the percentile: with 40 the tail's mass is known
/// to 31 %.
const SAMPLES: f64 = 4.0;
/// No run is made longer than this.
const LONGEST: Duration = Duration::from_secs(600);

/// Makes the requests of these repetitions.
type MakeRequests<'a> = dyn Fn(RangeInclusive<u32>) -> Result<Vec<RunRequest>, Failed> + 'a;

/// Refuses what no run of these can tell.
///
/// # Errors
/// When a workload has no operation of that name.
pub fn refuse(wanted: &PrecisionGoal, requests: &[RunRequest]) -> Result<(), Failed> {
    match requests.iter().find(|request| !has(request, wanted)) {
        Some(request) => {
            let name = &request.workload.name;
            Err(Failed::usage(anyhow!("--want: `{wanted}`: workload {name} has no operation of that name")))
        }
        None => Ok(()),
    }
}

/// Runs a pilot of each store, plans by it, and repeats until the figure is as sure as wanted, or no plan makes it so.
///
/// # Errors
/// When a store cannot do what is asked.
pub fn measure(
    measuring: &mut Measuring,
    wanted: &PrecisionGoal,
    repeat: &MakeRequests<'_>,
    quiet: bool,
) -> Result<(), Failed> {
    let first = repeat(1..=1)?;
    let say = |line: String| {
        if !quiet {
            eprint(&format!("want: {line}"));
        }
    };
    let length = |request: &RunRequest| request.load.until.elapsed().map(|length| length + request.load.warmup);
    let planned: Option<Duration> = first.iter().map(length).sum();
    let time = planned.map_or_else(String::new, |planned| {
        format!(", {} of load", units::seconds(PILOT_RUNS as f64 * planned.as_secs_f64()))
    });
    say(format!("{wanted}: a pilot of {PILOT_RUNS} runs each{time}, to which come loading and checks"));
    let mut subjects: Vec<Subject> = first.iter().map(Subject::of).collect();
    let began = Instant::now();
    measuring.runs(first);
    lengthen(measuring, wanted, &mut subjects, &say);
    let mut planned = PILOT_RUNS;
    loop {
        for repetition in 1..=planned as u32 {
            let due = repeat(repetition..=repetition)?.into_iter();
            let due = due.filter_map(|request| Subject::find(&subjects, &request)?.request(request, measuring));
            measuring.runs(due.collect());
            if measuring.cancel.is_cancelled() {
                return Ok(());
            }
        }
        for subject in &mut subjects {
            subject.plan(measuring, wanted, &say);
        }
        let more: usize = subjects.iter().map(|subject| subject.due(measuring)).sum();
        if more == 0 {
            return Ok(());
        }
        let so_far = measuring.experiment.runs.len().max(1) as f64;
        let left_s = began.elapsed().as_secs_f64() / so_far * more as f64;
        say(format!("{} more, about {}", units::counted(more as u64, "run"), units::seconds(left_s)));
        planned = subjects.iter().map(|subject| subject.runs).max().unwrap_or_default();
    }
}

/// One workload on one store under one load.
struct Subject {
    workload: String,
    store: String,
    asked: LoadSettings,
    /// How long its runs are to be, where a pilot has shown that the length that was asked for is too short.
    length: Option<Duration>,
    /// How many repetitions there are to be.
    runs: usize,
    /// Whether no more are planned.
    is_settled: bool,
}

impl Subject {
    fn of(request: &RunRequest) -> Subject {
        Subject {
            workload: request.workload.name.clone(),
            store: request.address.to_string(),
            asked: request.load.clone(),
            length: None,
            runs: PILOT_RUNS,
            is_settled: false,
        }
    }

    fn find<'a>(subjects: &'a [Subject], request: &RunRequest) -> Option<&'a Subject> {
        let store = request.address.to_string();
        subjects.iter().find(|subject| {
            subject.workload == request.workload.name && subject.store == store && subject.asked == request.load
        })
    }

    /// The request with the length that was found, if this repetition is wanted and not there.
    fn request(&self, request: RunRequest, measuring: &Measuring) -> Option<RunRequest> {
        let (runs, missing) = (&measuring.experiment.runs, &measuring.experiment.missing);
        let is_there = runs.iter().any(|run| run.id == request.id) || missing.iter().any(|run| run.id == request.id);
        let until = self.length.map_or(request.load.until, Until::Elapsed);
        let load = LoadSettings { until, ..request.load.clone() };
        (!is_there && request.repetition as usize <= self.runs).then_some(RunRequest { load, ..request })
    }

    fn is_of(&self, run: &Run) -> bool {
        (&run.workload.name, &run.store.name) == (&self.workload, &self.store)
            && (run.load.clients, run.load.rate_per_s) == (self.asked.clients, self.asked.rate_per_s)
    }

    fn values(&self, measuring: &Measuring, wanted: &PrecisionGoal) -> Vec<f64> {
        let valid = measuring.experiment.runs.iter().filter(|run| self.is_of(run) && run.verdict.valid);
        valid.filter_map(|run| value_of(run, wanted)).collect()
    }

    /// How many runs are still to come.
    fn due(&self, measuring: &Measuring) -> usize {
        let there = measuring.experiment.runs.iter().filter(|run| self.is_of(run)).count();
        let missing = measuring.experiment.missing.iter();
        let missing = missing.filter(|run| (&run.workload, &run.store) == (&self.workload, &self.store)).count();
        self.runs.saturating_sub(there + missing)
    }

    /// Decides how many runs there are to be, by those that are there.
    fn plan(&mut self, measuring: &Measuring, wanted: &PrecisionGoal, say: &dyn Fn(String)) {
        if self.is_settled {
            return;
        }
        self.is_settled = true;
        let values = self.values(measuring, wanted);
        let what = format!("{} of {} on {}", wanted.figure(), self.workload, self.store);
        let (Some(reach), Some(needed)) = (precision(&values), runs_needed(&values, wanted.share)) else {
            say(format!("{what}: too few valid runs to plan by"));
            return;
        };
        let reached = format!("{what}: \u{b1}{:.1} % of {} runs", reach * 100.0, values.len());
        if reach <= wanted.share || self.runs >= MOST_RUNS {
            say(reached);
            return;
        }
        match precision_of(&values, MOST_RUNS) {
            Some(most) if needed >= MOST_RUNS && most > wanted.share => say(format!(
                "{reached}; {MOST_RUNS} runs would give \u{b1}{:.1} %, and no more are planned: make runs longer, or the machine quieter",
                most * 100.0
            )),
            _ => {
                say(format!("{reached}; {needed} runs should do"));
                self.is_settled = false;
                // Those that are invalid are made up for.
                self.runs = (self.runs + needed - values.len()).min(MOST_RUNS);
            }
        }
    }
}

/// Whether the workload has the operation.
fn has(request: &RunRequest, wanted: &PrecisionGoal) -> bool {
    let named = |name: &String| request.plan().operations.iter().any(|operation| operation.name == *name);
    wanted.operation.as_ref().is_none_or(named)
}

/// Makes runs longer of which too few samples lie above the percentile: those of all stores of a workload, under one load, by
/// the same. The runs that have shown it are taken back and made again.
fn lengthen(measuring: &mut Measuring, wanted: &PrecisionGoal, subjects: &mut [Subject], say: &dyn Fn(String)) {
    let Some(percentile) = wanted.percentile else { return };
    let mut lengths: Vec<Option<Duration>> = vec![None; subjects.len()];
    for (subject, length) in subjects.iter().zip(&mut lengths) {
        let runs = &measuring.experiment.runs;
        let Some(run) = runs.iter().find(|run| subject.is_of(run) && run.verdict.valid) else { continue };
        let record = wanted.operation.as_ref().map_or(Some(&run.total), |name| run.operations.get(name));
        let count = record.map_or(0, |record| record.response_ns.count);
        let asked = subject.asked.until.elapsed();
        if let Some(asked) = asked.filter(|_| !percentile.is_carried_by(count)) {
            let needed = SAMPLES * FEWEST_ABOVE as f64 / (1.0 - percentile.quantile());
            let longer = asked.as_secs_f64() * needed / count.max(1) as f64;
            *length = Some(Duration::from_secs_f64(longer.min(LONGEST.as_secs_f64()).ceil()));
        }
    }
    for at in 0..subjects.len() {
        let alike = |other: usize| {
            let (a, b) = (&subjects[at], &subjects[other]);
            a.workload == b.workload && a.asked == b.asked
        };
        let longest = (0..subjects.len()).filter(|other| alike(*other)).filter_map(|other| lengths[other]).max();
        let Some(length) = longest else { continue };
        let subject = &mut subjects[at];
        subject.length = Some(length);
        say(format!(
            "{} on {}: too few operations for a {} within ±{}%: {PILOT_RUNS} runs of {} now, and as long ones later",
            subject.workload,
            subject.store,
            percentile.label(),
            wanted.share * 100.0,
            units::seconds(length.as_secs_f64())
        ));
        measuring.take_back(|run| subjects[at].is_of(run));
    }
}
