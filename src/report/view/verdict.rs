//! The verdict on an experiment: which runs may be used, which not and why, and what to know about the rest.

use crate::record::{Experiment, Run};
use crate::report::lists::{distinct, listed};
use crate::report::words;
use crate::units;

/// What may be done with the figures of an experiment.
#[derive(Debug)]
pub struct VerdictView {
    /// Whether every run is valid.
    pub valid: bool,
    /// `Valid: 4 of 4 runs may be used.`
    pub headline: String,
    /// Reasons against, each with its runs.
    pub reasons: Vec<Remark>,
    /// What to know about valid runs, each with its runs.
    pub notes: Vec<Remark>,
}

/// A sentence about some runs.
#[derive(Debug, PartialEq)]
pub struct Remark {
    pub text: String,
    /// The runs, or nothing if there is only one in the experiment.
    pub runs: String,
}

impl VerdictView {
    /// With more notes, before the others.
    pub fn with_notes(mut self, sentences: Vec<String>) -> Self {
        let remarks = sentences.into_iter().map(|text| Remark { text, runs: String::new() });
        self.notes.splice(0..0, remarks);
        self
    }
}

/// The verdict on an experiment.
pub fn verdict(experiment: &Experiment) -> VerdictView {
    let all = experiment.runs.len();
    let valid = experiment.runs.iter().filter(|run| run.verdict.valid).count();
    let overloaded = experiment.runs.iter().filter(|run| run.verdict.overload.is_some()).count();
    let invalid = all - valid - overloaded;
    let headline = match (valid, all) {
        (_, 0) => "No runs: nothing was measured.".to_owned(),
        (1, 1) => "Valid: the run may be used.".to_owned(),
        (0, 1) if overloaded == 1 => {
            "OVERLOADED: more was offered than the store carried; its latencies are withheld.".to_owned()
        }
        (0, all) if overloaded == all => {
            format!(
                "OVERLOADED: in all {} runs more was offered than was carried; their latencies are withheld.",
                units::count(all as u64)
            )
        }
        (valid, all) if overloaded > 0 && invalid == 0 => format!(
            "{} of {} runs may be used; {} OVERLOADED: their latencies are withheld.",
            units::count(valid as u64),
            units::count(all as u64),
            units::count(overloaded as u64)
        ),
        (_, all) if overloaded > 0 => format!(
            "{} of {} runs INVALID and {} OVERLOADED: their latencies are withheld.",
            units::count(invalid as u64),
            units::count(all as u64),
            units::count(overloaded as u64)
        ),
        (0, 1) => "INVALID: the figures of the run may not be used and are withheld.".to_owned(),
        (0, all) => format!("INVALID: none of {all} runs may be used; their figures are withheld."),
        (valid, all) if valid == all => format!("Valid: all {} runs may be used.", units::count(all as u64)),
        (valid, all) => format!(
            "{} of {} runs INVALID: their figures are withheld.",
            units::count((all - valid) as u64),
            units::count(all as u64)
        ),
    };
    let headline = match experiment.missing.len() {
        0 => headline,
        missing => format!(
            "{} of {} runs came to NO RESULT. {headline}",
            units::count(missing as u64),
            units::count((all + missing) as u64)
        ),
    };
    let mut notes = of_experiment(experiment);
    let noisy = remarks(experiment, |run| if run.verdict.valid { &run.verdict.noisy } else { &[] });
    notes.extend(
        noisy.into_iter().map(|Remark { text, runs }| Remark { text: format!("Noisy, to be repeated: {text}"), runs }),
    );
    notes.extend(courses(experiment));
    notes.extend(remarks(experiment, |run| if run.verdict.valid { &run.verdict.notes } else { &[] }));
    VerdictView {
        valid: valid == all && all > 0 && experiment.missing.is_empty(),
        headline,
        reasons: reasons(experiment),
        notes,
    }
}

/// What became of the level of each valid run, where it is a mark.
fn courses(experiment: &Experiment) -> impl Iterator<Item = Remark> {
    let single = experiment.runs.len() == 1;
    let marked = experiment.runs.iter().filter(|run| run.verdict.valid);
    let marked = marked.filter(|run| run.verdict.stability.as_ref().is_some_and(|found| found.verdict.is_mark()));
    let remark = move |run: &Run| {
        let runs = if single { String::new() } else { run.id.clone() };
        words::stability(run).map(|text| Remark { text: sentence(&text), runs })
    };
    marked.filter_map(remark)
}

fn reasons(experiment: &Experiment) -> Vec<Remark> {
    let missing = experiment.missing.iter().map(|run| Remark { text: sentence(&run.problem), runs: run.id.clone() });
    missing.chain(of_invalid_runs(experiment)).collect()
}

fn of_invalid_runs(experiment: &Experiment) -> Vec<Remark> {
    let unstated = ["no reason recorded".to_owned()];
    remarks(experiment, |run| match &run.verdict {
        verdict if verdict.valid => &[],
        verdict if verdict.reasons.is_empty() => &unstated,
        verdict => &verdict.reasons,
    })
}

/// What holds for all runs.
fn of_experiment(experiment: &Experiment) -> Vec<Remark> {
    let interrupted = "The experiment was interrupted: runs are missing or shorter than asked.";
    let texts = experiment.interrupted.then_some(interrupted);
    texts.into_iter().map(|text| Remark { text: text.to_owned(), runs: String::new() }).collect()
}

/// Each sentence once, with the runs that it is about.
fn remarks<'a>(experiment: &'a Experiment, of: impl Fn(&'a Run) -> &'a [String]) -> Vec<Remark> {
    let texts = distinct(experiment.runs.iter().flat_map(&of));
    let remark = |text: &String| {
        let about = experiment.runs.iter().filter(|run| of(run).contains(text));
        let ids: Vec<String> = about.map(|run| run.id.clone()).collect();
        let runs = if experiment.runs.len() == 1 { String::new() } else { listed(&ids) };
        Remark { text: sentence(text), runs }
    };
    texts.into_iter().map(remark).collect()
}

/// With a capital, as sentences of a document begin.
fn sentence(text: &str) -> String {
    let mut signs = text.chars();
    signs.next().map(|first| first.to_uppercase().chain(signs).collect()).unwrap_or_default()
}
