//! Which runs are evidence: valid ones, and of these the ones that nothing else on the machine moved.

use super::decision::FEWEST;
use super::matching::MatchedRuns;
use crate::record::Run;

/// The runs that are evidence, and the others.
#[derive(Debug)]
pub struct SelectedRuns<'a> {
    /// Those that are.
    pub runs: MatchedRuns<'a>,
    /// Those that are not, as pairs where they are pairs.
    pub left_out: Vec<LeftOutPair<'a>>,
    /// Whether noisy runs are among the evidence, since without them too little would be left: then nothing is decided.
    pub is_noisy: bool,
}

/// A pair, or one run, that is no evidence.
#[derive(Debug)]
pub struct LeftOutPair<'a> {
    /// The run of the base.
    pub base: Option<&'a Run>,
    /// The run of the head.
    pub head: Option<&'a Run>,
    /// Whether the base ran first, of a pair.
    pub is_base_first: Option<bool>,
    /// Why, in a sentence.
    pub why: String,
}

/// Leaves out invalid runs, and noisy ones unless they are to be kept or too few would be left. A pair goes with either of
/// its runs. Noise is told by the machine and by the course of a run, never by how base and head compare.
pub fn select<'a>(all: &MatchedRuns<'a>, keeps_noisy: bool) -> SelectedRuns<'a> {
    let (valid, mut left_out) = split(all, |run| (!run.verdict.valid).then_some("invalid"));
    if keeps_noisy {
        return SelectedRuns { runs: valid, left_out, is_noisy: false };
    }
    let (quiet, noisy) = split(&valid, |run| (!run.verdict.noisy.is_empty()).then_some("noisy"));
    if noisy.is_empty() || !is_enough(&quiet) {
        return SelectedRuns { runs: valid, left_out, is_noisy: !noisy.is_empty() };
    }
    left_out.extend(noisy);
    SelectedRuns { runs: quiet, left_out, is_noisy: false }
}

/// Whether a verdict can be given on these: enough of them, and pairs in both orders.
pub fn is_enough(runs: &MatchedRuns<'_>) -> bool {
    let of_order = |order: bool| runs.orders.iter().flatten().filter(|first| **first == order).count();
    let in_both_orders = runs.orders.is_none() || of_order(true).min(of_order(false)) >= 2;
    runs.base.len().min(runs.head.len()) >= FEWEST && in_both_orders
}

fn split<'a>(
    all: &MatchedRuns<'a>,
    flaw: impl Fn(&Run) -> Option<&'static str>,
) -> (MatchedRuns<'a>, Vec<LeftOutPair<'a>>) {
    let why = |run: &Run| {
        let flaw = flaw(run)?;
        let reason = run.verdict.reasons.iter().chain(&run.verdict.noisy).next();
        Some(format!("run {} is {flaw}: {}", run.id, reason.map_or("no reason is recorded", String::as_str)))
    };
    let (mut kept, mut left_out) =
        (MatchedRuns { base: vec![], head: vec![], orders: None, ..all.clone() }, Vec::new());
    match &all.orders {
        Some(orders) => {
            let mut kept_orders = Vec::new();
            for ((base, head), is_base_first) in all.base.iter().zip(&all.head).zip(orders) {
                match why(base).or_else(|| why(head)) {
                    None => {
                        kept.base.push(base);
                        kept.head.push(head);
                        kept_orders.push(*is_base_first);
                    }
                    Some(why) => left_out.push(LeftOutPair {
                        base: Some(base),
                        head: Some(head),
                        is_base_first: Some(*is_base_first),
                        why,
                    }),
                }
            }
            kept.orders = Some(kept_orders);
        }
        None => {
            for base in &all.base {
                match why(base) {
                    None => kept.base.push(base),
                    Some(why) => left_out.push(LeftOutPair { base: Some(base), head: None, is_base_first: None, why }),
                }
            }
            for head in &all.head {
                match why(head) {
                    None => kept.head.push(head),
                    Some(why) => left_out.push(LeftOutPair { base: None, head: Some(head), is_base_first: None, why }),
                }
            }
        }
    }
    (kept, left_out)
}
