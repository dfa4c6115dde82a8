//! The runs of an experiment, one after another, each kept as soon as it has ended.

use std::sync::Arc;

use rand::seq::SliceRandom;

use super::cost::Prices;
use super::output::{Folder, OutputErrors};
use super::progress::Progress;
use super::stores;
use crate::draw::rng::{Purpose, rng};
use crate::host;
use crate::load::{CancelToken, RunError};
use crate::record::{Experiment, MissingRun, Run};
use crate::request::RunRequest;

/// An experiment under way: what is kept of it, and where.
pub struct Measuring {
    /// All runs so far.
    pub experiment: Experiment,
    /// Where they are kept.
    pub folder: Folder,
    /// Whether to stop.
    pub cancel: Arc<CancelToken>,
    prices: Prices,
    /// What is shown meanwhile.
    pub progress: Progress,
    /// What could not be written.
    pub errors: OutputErrors,
    /// Runs that came to no result.
    pub failures: Vec<(String, RunError)>,
    /// The ids of runs in the order in which they were asked for, which is that of the record.
    asked: Vec<String>,
}

impl Measuring {
    /// An experiment without a run.
    pub fn new(
        experiment: Experiment,
        folder: Folder,
        prices: Prices,
        cancel: Arc<CancelToken>,
        quiet: bool,
    ) -> Measuring {
        let (errors, failures, asked) = (OutputErrors::default(), Vec::new(), Vec::new());
        Measuring { experiment, folder, cancel, prices, progress: Progress::new(quiet), errors, failures, asked }
    }

    /// Takes back runs that others are to take the place of, with their files.
    pub fn take_back(&mut self, is_one: impl Fn(&Run) -> bool) {
        let (taken, kept): (Vec<Run>, Vec<Run>) =
            std::mem::take(&mut self.experiment.runs).into_iter().partition(|run| is_one(run));
        self.experiment.runs = kept;
        for run in taken {
            self.asked.retain(|id| *id != run.id);
            // The run that takes its place has a log of the same name.
            let _ = std::fs::remove_file(self.folder.log_file(&run.id));
        }
    }

    /// Carries out these runs, in an order of their own, and keeps each as soon as it has ended.
    pub fn runs(&mut self, mut requests: Vec<RunRequest>) {
        self.asked.extend(requests.iter().map(|request| request.id.clone()));
        interleave(&mut requests, self.experiment.seed);
        for mut request in requests {
            if self.cancel.is_cancelled() {
                let problem = "not begun: the experiment was interrupted".to_owned();
                self.experiment.missing.push(missing_run(&request, problem));
                continue;
            }
            request.hlog = self.folder.log_file(&request.id);
            match stores::run(&request, &self.cancel, &mut self.progress) {
                Ok(mut run) => {
                    let priced = self.prices.price(&mut run, &self.experiment.host);
                    self.errors.collect(priced, "`storebench cost` prices it later");
                    self.experiment.runs.push(run);
                    let asked = &self.asked;
                    self.experiment.runs.sort_by_key(|run| asked.iter().position(|id| *id == run.id));
                }
                Err(error) => {
                    self.experiment.missing.push(missing_run(&request, error.to_string()));
                    self.failures.push((request.id.clone(), error));
                }
            }
            self.experiment.finished_at = host::timestamp();
            // A record that cannot be written now is written after the next run, or at the end.
            let _ = self.folder.save(&self.experiment);
        }
    }
}

fn missing_run(request: &RunRequest, problem: String) -> MissingRun {
    let (workload, store) = (request.workload.name.clone(), request.address.to_string());
    MissingRun { id: request.id.clone(), workload, store, problem }
}

/// Puts the runs into the order in which they happen: stores and levels of load shuffled anew for each repetition, so that
/// a slow drift of the machine neither favours the store that always comes first nor poses as the effect of load.
fn interleave(requests: &mut [RunRequest], seed: u64) {
    let is_same_round =
        |a: &RunRequest, b: &RunRequest| a.workload.name == b.workload.name && a.repetition == b.repetition;
    for (round, stores) in requests.chunk_by_mut(is_same_round).enumerate() {
        stores.shuffle(&mut rng(seed, Purpose::Experiment, round as u64, 0));
    }
}
