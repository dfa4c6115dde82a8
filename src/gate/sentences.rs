//! What a gate has to say, in sentences.

use super::decision::{Decision, FEWEST, GateVerdict};
use super::margins::Margins;
use super::matching::MatchedRuns;
use super::quantity::Quantity;
use super::record::{GateComparison, GateRecord, Mismatch, TOTAL};
use super::selection::SelectedRuns;
use crate::record::{Experiment, Run};
use crate::units;

/// Why runs of a side are no evidence: they are invalid, missing, or were interrupted.
pub fn unusable(side: &str, experiments: &[Experiment]) -> Vec<String> {
    let mut sentences = Vec::new();
    for experiment in experiments {
        let invalid = experiment.runs.iter().filter(|run| !run.verdict.valid);
        sentences.extend(invalid.map(|run| {
            let reason = run.verdict.reasons.first().map_or("no reason is recorded", String::as_str);
            format!("run {} of the {side} is invalid: {reason}", run.id)
        }));
        let missing = experiment.missing.iter();
        sentences.extend(missing.map(|run| format!("run {} of the {side} is missing: {}", run.id, run.problem)));
        if experiment.interrupted && experiment.missing.is_empty() {
            sentences.push(format!("an experiment of the {side} was interrupted"));
        }
    }
    sentences
}

/// What became of runs that something else has moved.
pub fn noisy(selected: &SelectedRuns<'_>, all: &MatchedRuns<'_>) -> Option<String> {
    let is_noisy = |run: &&&Run| run.verdict.valid && !run.verdict.noisy.is_empty();
    let noisy = all.base.iter().chain(&all.head).filter(is_noisy).count();
    let runs = units::counted((all.base.len() + all.head.len()) as u64, "run");
    let what = match (selected.is_noisy, selected.left_out.is_empty()) {
        _ if noisy == 0 => return None,
        (true, _) => "and without them too few would be left, so nothing is decided; repeat it on a quieter machine",
        (false, false) => "and are left out, with what they are paired with",
        (false, true) => "and are judged like the others, as was asked for",
    };
    Some(format!("{}: {noisy} of the {runs} are marked noisy, {what}", all.title()))
}

/// What kind of evidence it is and what that costs.
pub fn evidence(runs: &MatchedRuns<'_>) -> String {
    let (base, head) = (runs.base.len(), runs.head.len());
    let what = runs.title();
    if runs.orders.is_some() {
        return format!("{what}: {base} pairs of runs that alternate in time, in both orders");
    }
    format!(
        "{what}: {base} runs of the base and {head} of the head that are no pairs: whatever else changed between them counts \
         as a change of the head, and no interval knows of it; runs that alternate, in both orders, are free of that"
    )
}

/// How many runs are missing before anything can be decided.
pub fn too_few(runs: &MatchedRuns<'_>) -> Vec<String> {
    let side = |(name, count): (&str, usize)| {
        (count < FEWEST).then(|| {
            format!(
                "{} has {} in the {name}: a verdict needs {FEWEST} on each side, {} more (--runs {FEWEST})",
                runs.title(),
                units::counted(count as u64, "valid run"),
                FEWEST - count
            )
        })
    };
    [("base", runs.base.len()), ("head", runs.head.len())].into_iter().filter_map(side).collect()
}

/// The same of a gate that measured as many as it may.
pub fn too_few_pairs(selected: &SelectedRuns<'_>) -> Option<String> {
    let last =
        selected.left_out.last().map_or_else(String::new, |pair| format!("; the last that is not: {}", pair.why));
    let count = units::counted(selected.runs.base.len() as u64, "valid pair");
    Some(format!("{} has {count}: a verdict needs {FEWEST}{last}", selected.runs.title()))
}

/// What was flagged, and not shown again on fresh pairs.
pub fn not_confirmed(of: &GateComparison) -> String {
    format!("{}; it looked worse at first, and fresh pairs did not show it again", of.sentence)
}

/// Margins for workloads or operations that are not compared: most likely misspelt.
pub fn unknown_margins(margins: &Margins, matched: &[MatchedRuns<'_>]) -> Vec<String> {
    let is_known = |(workload, operation): &(&str, Option<&str>)| {
        matched.iter().filter(|runs| runs.workload == *workload).any(|runs| {
            operation.is_none_or(|name| name == TOTAL || runs.base.iter().any(|run| run.operations.contains_key(name)))
        })
    };
    let unknown = margins.scopes().filter(|scope| !is_known(scope));
    unknown
        .map(|(workload, operation)| match operation {
            Some(operation) => format!("a margin is given for {workload}/{operation}, which is not compared"),
            None => format!("a margin is given for {workload}, which is not compared"),
        })
        .collect()
}

/// Each once, in the order in which they came first.
pub fn distinct<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

/// What was found of one figure.
pub fn of_figure(quantity: Quantity, margin: Option<f64>, counts: [usize; 2], decision: &Decision) -> String {
    let change = change(decision.ratio);
    let between = decision
        .interval
        .map_or_else(String::new, |[low, high]| format!(" ({} to {})", self::change(low), self::change(high)));
    let Some((margin, verdict)) = margin.zip(decision.verdict) else {
        return format!("{change}{between}; shown only");
    };
    let seen = decision.smallest_detectable.map_or_else(
        || "so few runs could have shown nothing".to_owned(),
        |share| format!("anything from {} worse would have been found", percent(share)),
    );
    let margin = percent(margin);
    match verdict {
        GateVerdict::Regression => {
            let worst = decision.interval.map(|ends| ends.map(|end| quantity.worsening(end.ln())));
            let surely = worst.map(|[a, b]| quantity.share_of(a.min(b))).filter(|share| *share > 0.0);
            let surely = surely.map_or_else(String::new, |share| format!(", surely at least {} worse", percent(share)));
            format!("{change}{between}, more than the margin of {margin}{surely}")
        }
        GateVerdict::Improved => format!("{change}{between}: better by more than the margin of {margin}"),
        GateVerdict::Ok => format!("{change}{between}, within the margin of {margin}; {seen}"),
        GateVerdict::Inconclusive | GateVerdict::Incomparable => {
            let more = decision.enough.filter(|enough| *enough > counts[0].min(counts[1]));
            let more = more.map_or_else(String::new, |enough| format!("; about {enough} would tell"));
            format!("{change}{between}, margin {margin}: neither a regression nor its absence is shown; {seen}{more}")
        }
    }
}

/// That the medians of the sides say something else than the estimate, if they do: a reader may meet both.
pub fn at_odds(medians: [Option<f64>; 2], decision: &Decision) -> String {
    let [Some(base), Some(head)] = medians else { return String::new() };
    let apart = head / base;
    // Of counts the interval is a point, and a quotient of equal ones is rounded.
    let is_outside = |[low, high]: &[f64; 2]| !(low * 0.999..=high * 1.001).contains(&apart);
    decision.interval.filter(is_outside).map_or_else(String::new, |_| {
        format!(
            "; the medians of the two sides are {} apart, which is outside of that interval: the runs jump between levels or \
             drift, and gate.json has each of them",
            change(apart)
        )
    })
}

/// The verdict on everything.
pub fn of_gate(record: &GateRecord) -> String {
    let gated = record.comparisons.iter().filter(|one| one.gated).count();
    let count = |verdict| record.with(verdict).count();
    let named = |verdict| {
        let first = record.with(verdict).max_by(|a, b| {
            let size = |one: &GateComparison| one.ratio.map_or(0.0, |ratio| ratio.ln().abs());
            size(a).total_cmp(&size(b))
        });
        first.map_or_else(String::new, |one| {
            let ratio = one.ratio.map_or_else(String::new, |ratio| format!(" {}", change(ratio)));
            one.name() + &ratio
        })
    };
    let of = units::counted(gated as u64, "gated figure");
    let is_interrupted = record.measured.as_ref().is_some_and(|measured| measured.interrupted);
    let sentence = match record.verdict {
        _ if is_interrupted => "interrupted before anything could be decided; --resume goes on".to_owned(),
        GateVerdict::Incomparable => {
            let first = record.problems.first().cloned();
            let first = first.or_else(|| record.mismatches.first().map(Mismatch::sentence)).unwrap_or_default();
            let more = (record.problems.len() + if record.mismatch_allowed { 0 } else { record.mismatches.len() })
                .saturating_sub(1);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            format!("the sides cannot be compared: {first}{more}")
        }
        GateVerdict::Regression => {
            let regressed = count(GateVerdict::Regression);
            format!(
                "{regressed} of {of} got worse by more than the margin, most of all {}",
                named(GateVerdict::Regression)
            )
        }
        GateVerdict::Improved => {
            let improved = count(GateVerdict::Improved);
            format!(
                "{improved} of {of} got better, most of all {}; none got worse by its margin",
                named(GateVerdict::Improved)
            )
        }
        GateVerdict::Ok => format!("each of {of} is shown to be within its margin"),
        GateVerdict::Inconclusive if gated == 0 => "no figure has a margin, so nothing is gated".to_owned(),
        GateVerdict::Inconclusive => {
            format!(
                "no regression is shown, and of {} of {of} its absence is not shown either",
                count(GateVerdict::Inconclusive)
            )
        }
    };
    let allowed = record.mismatch_allowed && !record.mismatches.is_empty();
    let fields: Vec<&str> = record.mismatches.iter().map(|one| one.field.as_str()).collect();
    if allowed { format!("{sentence} (mismatch allowed: {})", fields.join(", ")) } else { sentence }
}

/// A ratio as a change: `+3.1 %`, `-12 %`, `x2.4`.
pub fn change(ratio: f64) -> String {
    if ratio >= 2.0 {
        return format!("x{}", units::quantity(ratio));
    }
    let percent = (ratio - 1.0) * 100.0;
    let places = if percent.abs() < 9.95 { 1 } else { 0 };
    let text = format!("{percent:+.places$} %");
    if text == "-0.0 %" { "+0.0 %".to_owned() } else { text }
}

/// A share: `5 %`, `7.3 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let places = if percent < 9.95 && (percent - percent.round()).abs() > 0.05 { 1 } else { 0 };
    format!("{percent:.places$} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_and_shares_are_short() {
        assert_eq!([1.031, 0.88, 2.4, 0.9999, 1.5].map(change), ["+3.1 %", "-12 %", "x2.40", "+0.0 %", "+50 %"]);
        assert_eq!([0.05, 0.073, 0.0012, 1.4].map(percent), ["5 %", "7.3 %", "0.1 %", "140 %"]);
    }
}
