//! `storebench compare --base STORE --head STORE`: measures pairs until they decide, keeps each run as soon as it is there,
//! and goes on with what an interrupted comparison has left.

mod requests;
mod runner;

use std::sync::Arc;

use anyhow::{Context, anyhow};
use drivers::Address;

use super::exit::{Exit, Failed};
use super::history::{History, keep_runs_of_head};
use super::judgement::{conclude, margins, options};
use super::other_build::Builds;
use super::output::{self, Folder};
use super::terminal::eprint;
use super::{calibration, passwords, run as runs, stores};
use crate::cli::CompareArgs;
use crate::gate::{
    BlindMargin, GateOptions, GateRecord, KnownNoise, LiveJudgement, Look, MeasuredGate, NextStep, Quantity, TOTAL,
    blind_margins, confirmation, family, judge_pairs, plan,
};
use crate::host;
use crate::record::{Experiment, Tool};
use crate::units;
pub use requests::{PairedRequests, sides, subject};
pub use runner::PairRunner;

const RECORD: &str = "gate.json";

/// Measures pairs and judges them.
///
/// # Errors
/// When the arguments are wrong, a store cannot do what is asked, or there is no folder for the results.
pub fn compare_pairs(args: &CompareArgs, [base, head]: [&str; 2]) -> Result<Exit, Failed> {
    let calibrated =
        calibration::of_machine(&args.calibration, &host::describe(&drivers::scratch_folder()), &runs::this_tool());
    let options = options(args, margins(args)?, calibrated.map_err(Failed::usage)?);
    let history = History::open(&args.keep)?;
    let addresses: Result<Vec<Address>, String> = [base, head].into_iter().map(stores::parse).collect();
    let mut addresses =
        addresses.map_err(|problem| Failed::usage(anyhow!(problem.replace("--store", "--base, --head"))))?;
    passwords::give(&args.pairs.passwords, &mut addresses).map_err(Failed::usage)?;
    let sides = sides(&args.targets, &args.pairs, [&addresses[0], &addresses[1]])?;
    let written = [(base, &addresses[0]), (head, &addresses[1])];
    let builds = args.base_bin.as_ref().map(|program| Builds::of(&args.pairs, program, written));
    let mut builds = builds.transpose().map_err(Failed::usage)?;
    let operations = |side: &PairedRequests| family(side.name(), &side.operations(), &options.margins);
    let known: Vec<KnownNoise> = sides.iter().flat_map(|side| known_noise(side, &options)).collect();
    let needs: Vec<_> = known.iter().map(|one| (one.metric, one.margin, one.noise)).collect();
    let looks = plan(sides.iter().map(operations).sum(), &needs, args.pairs_at_most);
    let blind = blind_margins(&known, &looks);
    if !(blind.is_empty() || options.advises) {
        let sentences: Vec<String> = blind.iter().map(BlindMargin::sentence).collect();
        return Err(Failed::usage(anyhow!(sentences.join("; "))));
    }
    let measured = MeasuredGate {
        asked: sides.iter().map(PairedRequests::asked).chain(builds.as_ref().map(Builds::sentence)).collect(),
        seed: args.pairs.seed,
        looks,
        looked: 0,
        flagged: 0,
        interrupted: true,
        tools: Vec::new(),
    };
    let (experiment, folder, tools) = experiment(args, &sides, &measured)?;
    if let Some(builds) = &mut builds {
        builds.resume(tools);
    }
    if !args.quiet {
        announce(&addresses, &sides, &measured, &experiment);
        if known.is_empty() {
            eprint(
                "compare: nothing is known of the noise of these runs on this machine; `storebench calibrate` measures it",
            );
        }
    }
    let label = |at: usize| match &builds {
        Some(builds) => builds.label(at, &addresses[at]),
        None => addresses[at].to_string(),
    };
    let labels = [0, 1].map(label);
    let runner = PairRunner::new("compare", args.quiet, sides, experiment, folder)?;
    let runner = PairRunner { builds, keeps_noisy: options.keeps_noisy, ..runner };
    let mut gate = MeasuringGate { runner, options, labels, measured };
    let record = gate.measure()?;
    let mut errors = gate.runner.end();
    if let Some(history) = history {
        let mut of_head = gate.runner.experiment.clone();
        keep_runs_of_head(&mut of_head);
        let measured = [(gate.runner.folder.path.as_path(), &of_head)];
        history.keep(&measured, true, &record, &gate.options.margins, &mut errors);
    }
    Ok(conclude(args, &record, &gate.runner.folder.path, errors))
}

/// A comparison under way.
struct MeasuringGate {
    runner: PairRunner,
    options: GateOptions,
    labels: [String; 2],
    measured: MeasuredGate,
}

impl MeasuringGate {
    /// Measures up to the look that decides, and confirms what it flags.
    fn measure(&mut self) -> Result<GateRecord, Failed> {
        let looks = self.measured.looks.clone();
        let all: Vec<usize> = (0..self.runner.sides.len()).collect();
        let mut have = 0;
        for (at, look) in looks.iter().enumerate() {
            let goes_on = self.block(&all, look.pairs - have, at, false)?;
            have = look.pairs;
            if !goes_on {
                return Ok(self.judge(self.runner.experiment.interrupted).record);
            }
            self.measured.looked = at + 1;
            let judgement = self.judge(false);
            self.runner.say(&format!("look {} of {}: {}", at + 1, looks.len(), judgement.record.sentence));
            match judgement.next {
                NextStep::Measure => {}
                NextStep::Stop => break,
                NextStep::Confirm => {
                    let Look { pairs, .. } = confirmation(judgement.flagged);
                    self.runner
                        .say(&format!("{} to confirm what looks worse", units::counted(pairs as u64, "fresh pair")));
                    let named = |at: &usize| {
                        judgement.flagged_workloads.iter().any(|name| name == self.runner.sides[*at].name())
                    };
                    let again: Vec<usize> = all.iter().copied().filter(named).collect();
                    if !self.block(&again, pairs, looks.len(), true)? {
                        return Ok(self.judge(self.runner.experiment.interrupted).record);
                    }
                    break;
                }
            }
        }
        self.runner.experiment.interrupted = false;
        Ok(self.judge(false).record)
    }

    /// What the pairs so far amount to; what is written before the end is what an interruption leaves.
    fn judge(&self, interrupted: bool) -> LiveJudgement {
        judge(&self.runner, &self.measured, &self.labels, &self.options, interrupted)
    }

    /// So many more pairs, each of them judged and written.
    fn block(&mut self, sides: &[usize], pairs: usize, block: usize, confirms: bool) -> Result<bool, Failed> {
        let Self { runner, options, labels, measured } = self;
        let keep = |runner: &PairRunner| {
            let record = judge(runner, measured, labels, options, true).record;
            // What cannot be written now is written after the next pair, or reported at the end.
            let _ = output::write(&runner.folder.path, RECORD, record.to_json().unwrap_or_default().as_bytes());
            record.mismatches.is_empty() || options.allows_mismatch
        };
        runner.block(sides, pairs, block, confirms, &keep)
    }
}

/// The gated figures of a workload whose noise is known.
fn known_noise(side: &PairedRequests, options: &GateOptions) -> Vec<KnownNoise> {
    let subjects = side.subjects();
    let names = side.operations();
    let named = names.iter().filter(|_| names.len() > 1).map(|name| Some(*name));
    let figures = [None].into_iter().chain(named).flat_map(|operation| Quantity::ALL.map(|metric| (operation, metric)));
    let known = |(operation, metric): (Option<&str>, Quantity)| {
        let name = operation.unwrap_or(TOTAL);
        Some(KnownNoise {
            figure: format!("{} of {name} ({})", metric.label(), side.name()),
            metric,
            margin: options.margins.of(side.name(), operation, metric)?,
            noise: options.known_noise(&subjects, name, metric)?,
        })
    };
    figures.filter_map(known).collect()
}

fn judge(
    runner: &PairRunner,
    measured: &MeasuredGate,
    labels: &[String; 2],
    options: &GateOptions,
    interrupted: bool,
) -> LiveJudgement {
    let tools = runner.builds.as_ref().map_or_else(Vec::new, Builds::tools);
    let measured = MeasuredGate { interrupted, tools, ..measured.clone() };
    judge_pairs(&runner.experiment, &runner.pairs, measured, labels, options, runner.problem.clone())
}

/// A new experiment in a folder of its own, or the one to go on with.
fn experiment(
    args: &CompareArgs,
    sides: &[PairedRequests],
    measured: &MeasuredGate,
) -> Result<(Experiment, Folder, Vec<Tool>), Failed> {
    let Some(path) = &args.resume else {
        let experiment = runs::experiment(args.pairs.seed);
        let names: Vec<_> = sides.iter().map(|side| Arc::clone(&side.base.workload)).collect();
        let folder = Folder::claim(args.out.as_deref(), &format!("compare-{}", runs::slug(&names)), &experiment)?;
        return Ok((experiment, folder, Vec::new()));
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
    Ok((experiment, Folder::reopen(path)?, before.tools))
}

/// What is going to happen and for how long, before it begins.
fn announce(addresses: &[Address], sides: &[PairedRequests], measured: &MeasuredGate, kept: &Experiment) {
    eprint(&format!("compare: {} (base) with {} (head)", addresses[0], addresses[1]));
    measured.asked.iter().for_each(|asked| eprint(&format!("compare: {asked}")));
    let minutes =
        |pairs: usize| PairedRequests::time(sides, pairs).map_or_else(String::new, |time| format!(" ({time})"));
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
