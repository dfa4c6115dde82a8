//! The verdict: whether a run's figures may be used, and what their reader should know. Pure.
//!
//! The thresholds stand here, each with its reason.

use drivers::Guarantees;

use crate::record::{CheckResult, Client, Counts, Interval, Latency, Mode, Percentile, Phase, Verdict};
use crate::stats::{self, Kept, Limit, Reading, Steadiness};

/// More failed operations than this and the rest is not the workload that was asked for.
const MAX_FAILED_SHARE: f64 = 0.01;
/// A backlog must be worth this many median service times before its growth is called instability: a queue of fewer comes
/// and goes with random arrivals.
const BACKLOG_SERVICE_TIMES: u64 = 10;
/// A lag below this is the pacer's own.
const BACKLOG_FLOOR_NS: u64 = 5_000_000;
/// The pacer's lateness, as a share of the median response, above which the client shapes what it measures.
const PACER_SHARE: f64 = 0.1;
/// Threads that are busier than this are what is measured: in a queue with random arrivals, what waits for one that is
/// busy 85 % of the time waits for 5.7 times what it is there for (M/M/1: share / (1 - share)).
const BUSY: f64 = 0.85;
/// A short run that has carried out less than this of what fell due has not kept up.
const KEPT_UP: f64 = 0.95;
/// Fewer completed operations than this carry no p99.
const FEW: u64 = 1_000;

/// What a verdict is reached from.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// Closed or open loop.
    pub mode: Mode,
    /// All operations by outcome.
    pub counts: Counts,
    /// One line a second.
    pub timeline: &'a [Interval],
    /// Response times over all operations.
    pub response: &'a Latency,
    /// Service times over all operations.
    pub service: &'a Latency,
    /// What the suite did.
    pub client: &'a Client,
    /// Reconciliation.
    pub checks: &'a [CheckResult],
    /// How long failed operations took.
    pub failed: &'a Latency,
    /// How long the measurement lasted for each client, summed over all of them.
    pub clients_s: f64,
    /// What was found wrong with the store itself after the run.
    pub wrong: Vec<String>,
    /// Why it was stopped before its end, if it was.
    pub stopped: Option<String>,
    /// `release` or `debug`.
    pub profile: &'a str,
    /// Limits that the workload states, each with what was measured.
    pub limits: Vec<Limited<'a>>,
}

/// A limit of latency that the workload states.
#[derive(Debug)]
pub struct Limited<'a> {
    /// Whose latency: an operation's, or `all operations`.
    pub of: &'a str,
    /// The limit.
    pub limit: Limit,
    /// What was measured.
    pub response: &'a Latency,
}

/// Reaches the verdict.
pub fn reach(evidence: &Evidence<'_>) -> Verdict {
    let mut reasons = Vec::new();
    let counts = evidence.counts;
    reasons.extend(evidence.stopped.clone());
    if counts.succeeded == 0 {
        reasons.push("no operation succeeded".to_owned());
    } else if counts.failed as f64 > MAX_FAILED_SHARE * (counts.succeeded + counts.failed) as f64 {
        let share = 100.0 * counts.failed as f64 / (counts.succeeded + counts.failed) as f64;
        reasons.push(format!("{share:.1} % of the operations failed, more than 1 %"));
    }
    for check in evidence.checks.iter().filter(|check| !check.passed && !check.undecided) {
        reasons.push(format!("check failed: {}: {}", check.name, check.detail));
    }
    reasons.extend(evidence.wrong.clone());
    if evidence.mode == Mode::Closed {
        reasons.extend(away(evidence));
    }
    // In less than a second the threads' own start and end weigh too much.
    if let Some(busy) = evidence.client.threads_busy.filter(|busy| *busy > BUSY && length_s(evidence.timeline) >= 1.0) {
        reasons.push(format!(
            "the client was the limit: its threads were busy {:.0} % of the time; lower --clients or --rate, or run it \
             where it has more CPUs",
            100.0 * busy
        ));
    }
    if evidence.mode == Mode::Open
        && let Some(reason) = unstable(evidence)
    {
        reasons.push(reason);
    }
    Verdict { valid: reasons.is_empty(), reasons, notes: notes(evidence) }
}

/// A client of a closed loop that waits for a failure or a connection asks nothing: an outage of half the run may be one
/// failure a client, and in no percentile. The whole is the clients' own time: one that waits for a connection at the end
/// is there for longer than the last operation of the timeline.
fn away(evidence: &Evidence<'_>) -> Option<String> {
    let failed_s = evidence.failed.mean * evidence.failed.count as f64 / 1e9;
    let away_s = evidence.client.disconnected_s + failed_s;
    // A mean of rounded latencies may pass the whole by a thousandth.
    let share = if away_s > 0.0 { (away_s / evidence.clients_s).min(1.0) } else { 0.0 };
    (share > MAX_FAILED_SHARE).then(|| {
        format!("clients spent {:.1} % of their time without a connection or on operations that failed", 100.0 * share)
    })
}

fn length_s(timeline: &[Interval]) -> f64 {
    timeline.iter().filter(|line| line.phase != Phase::Warmup).map(|line| line.length_s).sum()
}

/// What the store promises less after the run than before it: somebody has changed its settings in between.
pub fn weakened(before: &Guarantees, after: &Guarantees) -> Option<String> {
    (after.durability < before.durability).then(|| {
        let (was, is) = (before.durability.name(), after.durability.name());
        format!("the store was {was} before the run and is {is} after it: {}", after.because)
    })
}

/// The longest time in which nothing ended, if it is a second or more.
fn standstill(timeline: &[Interval]) -> Option<String> {
    let mut longest: (f64, f64) = (0.0, 0.0);
    let mut idle_s = 0.0;
    for line in timeline.iter().filter(|line| line.phase != Phase::Warmup) {
        idle_s = if line.ok + line.failed == 0 { idle_s + line.length_s } else { 0.0 };
        if idle_s > longest.0 {
            longest = (idle_s, line.at_s + line.length_s - idle_s);
        }
    }
    let (length_s, from_s) = longest;
    (length_s >= 1.0).then(|| format!("no operation ended for {length_s:.0} s, from second {from_s:.0}"))
}

/// Offered more than the store sustains: then latency grows with the length of the run and is no property of the store.
fn unstable(evidence: &Evidence<'_>) -> Option<String> {
    let counts = evidence.counts;
    if counts.skipped > 0 {
        let share = 100.0 * counts.skipped as f64 / counts.scheduled as f64;
        return Some(format!(
            "unstable: {} of {} arrivals ({share:.1} %) were too late to be sent; lower --rate or raise --clients",
            counts.skipped, counts.scheduled
        ));
    }
    let length_s =
        |phase| -> f64 { evidence.timeline.iter().filter(|line| line.phase == phase).map(|line| line.length_s).sum() };
    // Where the run is too short for a trend, its end tells: a backlog as long as the run itself was no stall.
    let (planned_s, late_s) = (length_s(Phase::Measure), length_s(Phase::Drain));
    if late_s > planned_s {
        return Some(format!(
            "unstable: what fell due in {planned_s:.1} s took {late_s:.1} s more; lower --rate or raise --clients"
        ));
    }
    let ended_in = |line: &&Interval| line.phase == Phase::Measure && line.ok + line.failed > 0;
    let measured: Vec<&Interval> = evidence.timeline.iter().filter(ended_in).collect();
    let last = measured.last()?;
    let service_ns = evidence.service.p50.unwrap_or(evidence.service.mean as u64);
    let threshold_ns = (BACKLOG_SERVICE_TIMES * service_ns).max(BACKLOG_FLOOR_NS);
    if backlog_ns(last) <= threshold_ns {
        return None;
    }
    let lags: Vec<(f64, f64)> = measured.iter().map(|line| (line.at_s, backlog_ns(line) as f64)).collect();
    // Without enough seconds for a trend, what was left undone of what fell due.
    let done: u64 = measured.iter().map(|line| line.ok + line.failed).sum();
    let grows = match stats::slope(&lags) {
        Some(slope) => slope.low > 0.0,
        None => (done as f64) < KEPT_UP * counts.scheduled as f64,
    };
    grows.then(|| {
        format!(
            "unstable: the backlog grew to {:.1} s behind schedule; lower --rate or raise --clients",
            backlog_ns(last) as f64 / 1e9
        )
    })
}

/// How late the operations of a second began: half of them, or all where so few carry no median.
fn backlog_ns(second: &Interval) -> u64 {
    second.lag_ns.p50.unwrap_or(second.lag_ns.max)
}

fn notes(evidence: &Evidence<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if evidence.profile == "debug" {
        notes.push("debug build: build with --release before using any figure".to_owned());
    }
    if evidence.counts.succeeded < FEW {
        notes.push(format!("only {} operations: too few for p99 and above", evidence.counts.succeeded));
    }
    notes.extend(evidence.limits.iter().map(Limited::note));
    let undecided = evidence.checks.iter().filter(|check| check.undecided).count();
    if undecided > 0 {
        notes.push(format!("{undecided} of {} checks could not be judged", evidence.checks.len()));
    }
    let pacer = &evidence.client.pacer_ns;
    if evidence.mode == Mode::Open
        && let (Some(late_ns), Some(median_ns)) = (pacer.p99, evidence.response.p50)
        && late_ns as f64 > PACER_SHARE * median_ns as f64
    {
        notes.push(format!(
            "the pacer woke up to {} us late (p99), more than a tenth of the median response: the client contributes to the latency",
            late_ns / 1_000
        ));
    }
    if evidence.client.reconnects > 0 || evidence.client.disconnected_s > 0.0 {
        let Client { reconnects, disconnected_s, .. } = evidence.client;
        notes.push(format!(
            "connections broke: {reconnects} reconnects; clients were disconnected for {disconnected_s:.1} s in all"
        ));
    }
    if evidence.client.shares_machine {
        notes.push("client and server shared this machine: each took CPU time from the other".to_owned());
    }
    if evidence.client.clamped > 0 {
        notes.push(format!("{} latencies above one hour were recorded as one hour", evidence.client.clamped));
    }
    let steady = |line: &&Interval| line.phase == Phase::Measure && line.length_s > 0.99;
    let series: Vec<f64> = evidence.timeline.iter().filter(steady).map(|line| line.ok as f64).collect();
    if evidence.mode == Mode::Closed {
        notes.extend(unsteady(&series));
    }
    notes.extend(standstill(evidence.timeline));
    notes
}

impl Limited<'_> {
    /// Whether it was kept. A missed limit makes a run no less valid: it is what the run found out.
    fn note(&self) -> String {
        let Limited { of, limit, response } = self;
        let ms = |ns: u64| ns as f64 / 1e6;
        let (name, measured) = match limit.percentile {
            None => ("maximum", format!("{:.3} ms", ms(response.max))),
            Some(percentile) => (percentile.name(), percentile_ms(response, percentile)),
        };
        let judged = match limit.kept(&[response]) {
            Kept::Met => "met",
            Kept::Undecided => "UNDECIDED",
            Kept::Missed => "MISSED",
        };
        format!("SLO {judged}: {of}, {name} {measured}, limit {} ms", ms(limit.limit_ns))
    }
}

/// `4.100 ms [3.900, 4.300]`, or what is known of a percentile that too few samples carry.
fn percentile_ms(latency: &Latency, percentile: Percentile) -> String {
    let ms = |ns: u64| format!("{:.3}", ns as f64 / 1e6);
    match stats::reading(latency, percentile) {
        Reading::Nothing => "unknown".to_owned(),
        Reading::TooFew { at_least_ns: None, above } => format!("unknown ({above} operations above, too few)"),
        Reading::TooFew { at_least_ns: Some(low), above } => {
            format!("at least {} ms ({above} above, too few)", ms(low))
        }
        Reading::Known { value_ns, interval_ns: None } => format!("{} ms", ms(value_ns)),
        Reading::Known { value_ns, interval_ns: Some((low, high)) } => {
            let end = high.map_or_else(|| "inf)".to_owned(), |high| ms(high) + "]");
            format!("{} ms [{}, {end}", ms(value_ns), ms(low))
        }
    }
}

/// What the throughput did over time, where it was not steady. Told and drawn, never trimmed.
fn unsteady(per_second: &[f64]) -> Option<String> {
    match stats::steadiness(per_second) {
        Steadiness::Steady | Steadiness::TooShort => None,
        Steadiness::Settling { until_s } => {
            Some(format!("throughput settled only after {until_s} s: lengthen --warmup by at least that"))
        }
        Steadiness::Drifting { from, to } => {
            Some(format!("throughput drifted all along, from {from:.0}/s to {to:.0}/s: never steady, run longer"))
        }
        Steadiness::Step { at_s, from, to } => {
            Some(format!("throughput changed at {at_s} s, from {from:.0}/s to {to:.0}/s"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Brief;

    /// Seconds of a run by what ended in each and how late it began.
    fn seconds(phase: Phase, from_s: f64, seconds: &[(u64, u64)]) -> Vec<Interval> {
        let line = |(nth, (ok, lag_ns)): (usize, &(u64, u64))| Interval {
            at_s: from_s + nth as f64,
            length_s: 1.0,
            phase,
            ok: *ok,
            lag_ns: Brief { p50: Some(*lag_ns), ..Brief::default() },
            ..Interval::default()
        };
        seconds.iter().enumerate().map(line).collect()
    }

    fn judge(mode: Mode, timeline: &[Interval], change: impl FnOnce(&mut Evidence<'_>)) -> Verdict {
        judge_checked(mode, timeline, &[], change)
    }

    fn judge_checked(
        mode: Mode,
        timeline: &[Interval],
        checks: &[CheckResult],
        change: impl FnOnce(&mut Evidence<'_>),
    ) -> Verdict {
        let succeeded = timeline.iter().map(|line| line.ok).sum();
        let latency = Latency { p50: Some(100_000), ..Latency::default() };
        let mut evidence = Evidence {
            mode,
            counts: Counts { scheduled: succeeded, succeeded, ..Counts::default() },
            timeline,
            response: &latency,
            service: &latency,
            client: &Client::default(),
            checks,
            failed: &Latency::default(),
            clients_s: 20.0,
            wrong: Vec::new(),
            stopped: None,
            profile: "release",
            limits: Vec::new(),
        };
        change(&mut evidence);
        reach(&evidence)
    }

    #[test]
    fn a_steady_run_is_valid_and_nothing_is_noted() {
        let verdict = judge(Mode::Open, &seconds(Phase::Measure, 0.0, &[(1_000, 0); 10]), |_| ());
        assert_eq!(verdict, Verdict { valid: true, reasons: vec![], notes: vec![] });
    }

    #[test]
    fn more_than_one_failure_in_a_hundred_makes_a_run_invalid() {
        let line = seconds(Phase::Measure, 0.0, &[(9_900, 0)]);
        assert!(judge(Mode::Closed, &line, |evidence| evidence.counts.failed = 100).valid);
        let verdict = judge(Mode::Closed, &line, |evidence| evidence.counts.failed = 101);
        assert_eq!(verdict.reasons, ["1.0 % of the operations failed, more than 1 %"]);
        assert_eq!(judge(Mode::Closed, &[], |_| ()).reasons, ["no operation succeeded"]);
    }

    #[test]
    fn a_closed_loop_that_was_mostly_without_the_store_is_invalid() {
        let mut lines = seconds(Phase::Measure, 0.0, &[(1_000, 0); 2]);
        lines.extend(seconds(Phase::Measure, 2.0, &[(0, 0); 8]));
        let failed: &Latency = Box::leak(Box::new(Latency { count: 2, mean: 50e6, ..Latency::default() }));
        let away = |seconds: f64| {
            let client = Box::leak(Box::new(Client { disconnected_s: seconds, ..Client::default() }));
            judge(Mode::Closed, &lines, |evidence| (evidence.client, evidence.failed) = (client, failed))
        };
        // Two clients, ten seconds, 0.1 s in operations that failed.
        let slight = away(0.05);
        assert!(slight.valid && slight.notes.contains(&"no operation ended for 8 s, from second 2".to_owned()));
        let reason = "clients spent 80.0 % of their time without a connection or on operations that failed";
        assert_eq!(away(15.9).reasons, [reason]);
    }

    #[test]
    fn no_client_is_away_for_longer_than_it_is_there() {
        // Two clients lost their store at 9 s of 10 and waited 3 s for it, the run's last operation behind them.
        let lines = seconds(Phase::Measure, 0.0, &[(1_000, 0); 9]);
        let client = Client { disconnected_s: 6.0, ..Client::default() };
        let failed = Latency { count: 2, mean: 9.1e9, ..Latency::default() };
        let judged = judge(Mode::Closed, &lines, |evidence| {
            (evidence.client, evidence.failed) = (&*Box::leak(Box::new(client)), &*Box::leak(Box::new(failed)));
            evidence.clients_s = 24.2;
        });
        assert_eq!(
            judged.reasons,
            ["clients spent 100.0 % of their time without a connection or on operations that failed"]
        );
    }

    #[test]
    fn a_short_run_that_did_not_keep_up_is_unstable() {
        let lines = seconds(Phase::Measure, 0.0, &[(900, 200_000_000), (900, 700_000_000)]);
        let judged = |scheduled| {
            judge(Mode::Open, &lines, |evidence| {
                evidence.counts = Counts { scheduled, succeeded: scheduled, ..evidence.counts }
            })
        };
        assert!(judged(1_850).valid);
        assert!(judged(3_000).reasons[0].contains("0.7 s behind schedule"));
    }

    #[test]
    fn a_store_that_promises_less_after_the_run_is_told() {
        let at = |durability| Guarantees { durability, isolation: String::new(), because: "fsync=off".into() };
        let (durable, memory) = (at(drivers::Durability::Durable), at(drivers::Durability::Memory));
        assert_eq!(weakened(&memory, &durable), None);
        let told = weakened(&durable, &memory).expect("weaker");
        assert_eq!(told, "the store was durable before the run and is memory after it: fsync=off");
    }

    #[test]
    fn figures_of_a_busy_client_are_not_the_stores() {
        let line = seconds(Phase::Measure, 0.0, &[(10_000, 0)]);
        let judged = |busy| {
            let client = Box::leak(Box::new(Client { threads_busy: busy, ..Client::default() }));
            judge(Mode::Closed, &line, |evidence| evidence.client = client).reasons
        };
        assert!(judged(None).is_empty() && judged(Some(0.85)).is_empty());
        assert!(judged(Some(0.97))[0].contains("busy 97 % of the time"));
        let client = Box::leak(Box::new(Client { threads_busy: Some(0.97), ..Client::default() }));
        let short = [Interval { length_s: 0.5, ..line[0].clone() }];
        assert!(judge(Mode::Closed, &short, |evidence| evidence.client = client).valid, "too short to tell");
    }

    #[test]
    fn a_backlog_that_grows_is_unstable_and_a_stall_that_passes_is_not() {
        let growing: Vec<(u64, u64)> = (1..=10).map(|second| (1_000, second * 100_000_000)).collect();
        let growing = judge(Mode::Open, &seconds(Phase::Measure, 0.0, &growing), |_| ());
        assert_eq!(growing.reasons.len(), 1);
        assert!(growing.reasons[0].contains("1.0 s behind schedule"), "{growing:?}");
        let mut stalled = vec![(1_000, 0); 4];
        stalled.extend([(0, 0), (0, 0), (3_000, 1_000_000_000), (1_000, 0), (1_000, 0), (1_000, 0)]);
        assert!(judge(Mode::Open, &seconds(Phase::Measure, 0.0, &stalled), |_| ()).valid);
    }

    #[test]
    fn a_backlog_as_long_as_the_run_is_unstable_however_short_that_is() {
        let mut lines = seconds(Phase::Measure, 0.0, &[(1_000, 0)]);
        lines.extend(seconds(Phase::Drain, 1.0, &[(1_000, 0)]));
        assert!(judge(Mode::Open, &lines, |_| ()).valid);
        lines.extend(seconds(Phase::Drain, 2.0, &[(1_000, 0)]));
        let verdict = judge(Mode::Open, &lines, |_| ());
        assert_eq!(
            verdict.reasons,
            ["unstable: what fell due in 1.0 s took 2.0 s more; lower --rate or raise --clients"]
        );
    }

    #[test]
    fn a_check_that_failed_is_a_reason_and_one_that_nobody_can_judge_a_note() {
        let line = seconds(Phase::Measure, 0.0, &[(1_000, 0)]);
        let check = |undecided| CheckResult {
            name: "money is conserved".into(),
            passed: false,
            undecided,
            sampled: false,
            detail: "5 are missing".into(),
        };
        let failed = judge_checked(Mode::Closed, &line, &[check(false)], |_| ());
        assert_eq!(failed.reasons, ["check failed: money is conserved: 5 are missing"]);
        let open = judge_checked(Mode::Closed, &line, &[check(true)], |_| ());
        assert!(open.valid && open.notes[0].contains("could not be judged"), "{open:?}");
    }
}
