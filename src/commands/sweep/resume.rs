//! An interrupted sweep, to go on with: the levels that it has measured are answered from its folder, in the same order, so
//! that the search comes to the same next level.

use std::collections::VecDeque;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use crate::record::{Experiment, Run};
use crate::sweep::LevelAsk;
use crate::sweep::{SWEEP_SCHEMA, SweepAnswer, SweepLevel, SweepRecord};

/// The record of a sweep, beside the experiment's.
pub const RECORD: &str = "sweep.json";
/// Flags with a value that nothing measured follows from.
const OF_NO_CONSEQUENCE: [&str; 2] = ["--resume", "--out"];

/// What an interrupted sweep has left.
pub struct Interrupted {
    pub experiment: Experiment,
    pub record: SweepRecord,
}

/// Levels of one answer that need not be measured again.
#[derive(Default)]
pub struct Replay {
    levels: VecDeque<(SweepLevel, Run)>,
}

/// Reads the folder of an interrupted sweep that was asked for what `asked` is asked for.
///
/// # Errors
/// When there is none, it has ended, or it was another sweep, or on another machine.
pub fn read(folder: &Path, asked: &SweepRecord) -> anyhow::Result<Interrupted> {
    let place = folder.display();
    let path = folder.join(RECORD);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("--resume: cannot read {}; give the folder of an interrupted sweep", path.display())
    })?;
    let record: SweepRecord =
        serde_json::from_str(&text).with_context(|| format!("--resume: {} is no record of a sweep", path.display()))?;
    ensure!(record.schema == SWEEP_SCHEMA, "--resume: {place} has schema `{}`, not `{SWEEP_SCHEMA}`", record.schema);
    let experiment = Experiment::read(folder).context("--resume")?;
    if !record.interrupted {
        bail!("--resume: the sweep in {place} has ended; `storebench report {place}` shows it");
    }
    let of = |answers: &[SweepAnswer]| -> Vec<(String, String, Vec<String>)> {
        let key = |answer: &SweepAnswer| (answer.workload.clone(), answer.store.clone(), answer.slo.clone());
        answers.iter().map(key).collect()
    };
    let is_same = record.seed == asked.seed
        && record.budget_s == asked.budget_s
        && of(&record.answers) == of(&asked.answers)
        && significant(&record.command) == significant(&asked.command);
    ensure!(
        is_same,
        "--resume: {place} was made by `{}`; repeat that with --resume {place}",
        drivers::one_line(&record.command)
    );
    let [was, is] = [&record.host, &asked.host].map(|host| (&host.cpu, host.cpus, host.memory_bytes >> 30));
    ensure!(was == is, "--resume: {place} was measured on another machine; levels of two machines are no curve");
    Ok(Interrupted { experiment, record })
}

/// The words of a command line that what is measured follows from.
fn significant(command: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut all = command.split_whitespace();
    while let Some(word) = all.next() {
        if OF_NO_CONSEQUENCE.contains(&word) {
            all.next();
        } else if !OF_NO_CONSEQUENCE.iter().any(|flag| word.starts_with(&format!("{flag}=")))
            && !["--quiet", "-q"].contains(&word)
        {
            words.push(word);
        }
    }
    words
}

impl Replay {
    /// The levels of an answer, taken out of it, with their runs.
    pub fn of(answer: &mut SweepAnswer, experiment: &Experiment) -> Replay {
        let levels = std::mem::take(&mut answer.levels).into_iter();
        // From the first whose run is missing, nothing is known any more.
        let with_run = levels.map_while(|level| {
            let run = experiment.runs.iter().find(|run| run.id == level.run)?.clone();
            Some((level, run))
        });
        Replay { levels: with_run.collect() }
    }

    /// The next level, if it is the one that is asked for; what follows one that is not is forgotten.
    pub fn next(&mut self, ask: &LevelAsk) -> Option<(SweepLevel, Run)> {
        let (level, _) = self.levels.front()?;
        let is_it = level.stage == ask.stage.name()
            && level.offered_per_s == ask.rate_per_s
            && level.window_s == ask.window.as_secs_f64();
        if !is_it {
            self.levels.clear();
        }
        self.levels.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_results_go_is_of_no_consequence() {
        let made = "storebench sweep oltp --store libsql --budget 2m --out a -q";
        assert_eq!(significant(made), significant("storebench sweep oltp --store libsql --budget 2m --resume a"));
        assert_ne!(significant(made), significant("storebench sweep oltp --store libsql --budget 3m --resume a"));
        assert_ne!(significant(made), significant("storebench sweep oltp --store libsql --budget 2m --records 9"));
    }
}
