//! Measures pairs: both sides of each back to back, each run kept as soon as it is there, flawed pairs replaced.

use anyhow::anyhow;

use super::requests::PairedRequests;
use crate::commands::exit::Failed;
use crate::commands::other_build::Builds;
use crate::commands::output::{Folder, OutputErrors};
use crate::commands::progress::Progress;
use crate::commands::signals::Signals;
use crate::commands::stores;
use crate::commands::terminal::eprint;
use crate::gate::{LivePair, orders};
use crate::host;
use crate::load::RunError;
use crate::record::{Experiment, MissingRun, Run};
use crate::request::RunRequest;

/// Pairs that are being measured.
pub struct PairRunner {
    /// What is measured, one for each workload.
    pub sides: Vec<PairedRequests>,
    /// All runs so far.
    pub experiment: Experiment,
    /// Which of them are pairs.
    pub pairs: Vec<LivePair>,
    /// Why no more can be measured.
    pub problem: Option<String>,
    /// Where they are kept.
    pub folder: Folder,
    /// Whether to stop.
    pub signals: Signals,
    /// What is shown meanwhile.
    pub progress: Progress,
    /// The builds of the suite that measure, each run in a process of its own; none where this process measures.
    pub builds: Option<Builds>,
    /// Whether noisy pairs are not replaced.
    pub keeps_noisy: bool,
    /// The command, which lines on standard error begin with; none to print none.
    pub says_as: Option<&'static str>,
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

impl PairRunner {
    /// No pair yet; this process measures, and noisy pairs are replaced. `command` is what lines on standard error begin with.
    ///
    /// # Errors
    /// When signals cannot be watched.
    pub fn new(
        command: &'static str,
        quiet: bool,
        sides: Vec<PairedRequests>,
        experiment: Experiment,
        folder: Folder,
    ) -> Result<PairRunner, Failed> {
        Ok(PairRunner {
            sides,
            experiment,
            pairs: Vec::new(),
            problem: None,
            folder,
            signals: Signals::watch()?,
            progress: Progress::new(quiet),
            builds: None,
            keeps_noisy: false,
            says_as: (!quiet).then_some(command),
        })
    }

    /// So many more pairs of each of these workloads, in turn. `keep` is called after each, and says whether the next one
    /// makes sense. Whether to go on.
    ///
    /// # Errors
    /// When the first pair shows that the command line is wrong.
    pub fn block(
        &mut self,
        sides: &[usize],
        pairs: usize,
        block: usize,
        confirms: bool,
        keep: &dyn Fn(&PairRunner) -> bool,
    ) -> Result<bool, Failed> {
        let orders: Vec<Vec<bool>> =
            sides.iter().map(|side| orders(pairs, self.experiment.seed, *side, block)).collect();
        // At most half as many again: what is noisier than that is no place to compare anything.
        let mut spares = vec![pairs / 2; sides.len()];
        for slot in 0..pairs {
            for ((side, orders), spares) in sides.iter().zip(&orders).zip(&mut spares) {
                if !self.slot(*side, orders[slot], confirms, spares, keep)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// One pair, again while it is flawed and there are spares. Whether to go on.
    fn slot(
        &mut self,
        side: usize,
        is_base_first: bool,
        confirms: bool,
        spares: &mut usize,
        keep: &dyn Fn(&PairRunner) -> bool,
    ) -> Result<bool, Failed> {
        loop {
            match self.pair(side, is_base_first, confirms, keep)? {
                PairOutcome::Usable => return Ok(true),
                PairOutcome::Interrupted => return Ok(false),
                PairOutcome::Flawed { is_noisy: true, .. } if *spares == 0 || self.keeps_noisy => {
                    return Ok(true);
                }
                PairOutcome::Flawed { why, .. } if *spares == 0 => {
                    self.problem =
                        Some(format!("too many pairs of {} failed; the last: {why}", self.sides[side].name()));
                    self.experiment.interrupted = false;
                    return Ok(false);
                }
                PairOutcome::Flawed { why, .. } => {
                    *spares -= 1;
                    self.say(&format!("this pair is replaced: {why}"));
                }
            }
        }
    }

    fn pair(
        &mut self,
        side: usize,
        is_base_first: bool,
        confirms: bool,
        keep: &dyn Fn(&PairRunner) -> bool,
    ) -> Result<PairOutcome, Failed> {
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
        if !keep(self) {
            self.experiment.interrupted = false;
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
        let measured = match &mut self.builds {
            Some(builds) => builds.run(is_base, &request, &self.folder.path.join(".build"), &self.signals.cancel),
            None => stores::run(&request, &self.signals.cancel, &mut self.progress),
        };
        match measured {
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

    /// Writes what is left to write. What cannot be written is an error message.
    pub fn end(&mut self) -> OutputErrors {
        let mut errors = OutputErrors::default();
        self.progress.finish();
        for problem in self.progress.take_failed_outputs() {
            errors.collect(Err(anyhow!(problem)), "the record holds the histograms of the whole run");
        }
        if let Err(error) = self.folder.save(&self.experiment) {
            errors.rescue(error, &self.experiment);
        }
        self.signals.all_is_kept();
        errors
    }

    /// Prints a line of what is going on.
    pub fn say(&self, line: &str) {
        if let Some(command) = self.says_as {
            eprint(&format!("{command}: {line}"));
        }
    }
}
