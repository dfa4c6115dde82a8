//! The latency limits that a workload states, whether a store kept them, and what the workload requires, in words.

use crate::percentile::Limit;
use crate::record::{Latency, Requirements, Run};
use crate::stats::{Judgement, judge};
use crate::units;

/// `durability durable`, `isolation serializable`: what the workload requires of its store.
pub fn required(requires: Requirements) -> Vec<String> {
    let durability = requires.durability.map(|tier| format!("durability {}", tier.name()));
    let isolation = requires.isolation.map(|level| format!("isolation {}", level.name()));
    durability.into_iter().chain(isolation).collect()
}

/// `p99 ≤ 5.00 ms`.
pub fn text(limit: &Limit) -> String {
    let most = units::typeset(&units::latency(limit.limit_ns));
    format!("{}\u{a0}\u{2264}\u{a0}{most}", limit.statistic.label())
}

/// The limits of an operation, or those over all (`None`), and whether these runs kept them.
pub fn judged(runs: &[&Run], operation: Option<&str>) -> Vec<(Judgement, String)> {
    let Some(first) = runs.first() else { return Vec::new() };
    let records = runs.iter().filter_map(|run| operation.map_or(Some(&run.total), |name| run.operations.get(name)));
    let latencies: Vec<&Latency> = records.map(|record| &record.response_ns).collect();
    let limits = first.workload.limits(operation).iter();
    limits.map(|limit| (judge(*limit, &latencies), text(limit))).collect()
}

/// The CSS class of a judgement on the page.
pub fn class(judgement: &Judgement) -> &'static str {
    match judgement {
        Judgement::Met => "good-word",
        Judgement::Undecided => "quiet",
        Judgement::Missed => "bad-word",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;
    use crate::report::fixtures::detailed;

    #[test]
    fn a_limit_is_judged_by_the_interval_of_its_percentile() {
        let run = detailed(fixtures::read_heavy());
        let total: Vec<(Judgement, String)> = judged(&[&run], None);
        assert_eq!(total[0], (Judgement::Met, "p99\u{a0}\u{2264}\u{a0}5.00 ms".to_owned()));
        assert_eq!(total[1].0, Judgement::Undecided, "700 us lies within the interval of p99.9");
        assert_eq!(judged(&[&run], Some("read")).len(), 1);
        assert_eq!(judged(&[&run], Some("update")), []);
        let oltp = detailed(fixtures::oltp());
        assert_eq!(judged(&[&oltp], None)[1].0, Judgement::Missed);
    }
}
