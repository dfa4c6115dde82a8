//! The verdict: whether a run's figures may be used, and what their reader should know. Pure.
//!
//! The thresholds are constants here, each with its reason.

use super::overload;
use super::stability::LevelSeries;
use crate::percentile::{Limit, Statistic};
use crate::record::{CheckResult, Client, Counts, Interval, Latency, Mode, Percentile, Phase, Standstill, Verdict};
use crate::stats::{self, Judgement, Reading};
use crate::units;

/// With a larger share of failed operations, the rest is not the workload that was asked for.
const MAX_FAILED_SHARE: f64 = 0.01;
/// If the client's own part is a larger share of a percentile than this, the run says more about the client.
const SHAPED_SHARE: f64 = 0.25;
/// Up to this, the client's own part is what a machine takes to wake a thread: some 100 us where a core is idle, and
/// twice that once in a hundred times.
const SHAPED_FLOOR_NS: u64 = 250_000;
/// A larger share of a percentile than this being the client's own part is worth a note.
const CLIENT_SHARE: f64 = 0.1;
/// Less than this is within the error of the estimate of a reply's wait for its thread (`event_loop.rs`).
const CLIENT_FLOOR_NS: u64 = 100_000;
/// A standstill shorter than this is left to the largest response time.
const STANDSTILL_S: f64 = 1.0;
/// Random arrivals leave gaps: one of 15 times the mean comes once in 3 million (e^15).
const STANDSTILL_GAPS: f64 = 15.0;
/// More of a core than this used by others, or given away by the hypervisor, and the run is noisy.
const NOISY_CPUS: f64 = 0.10;
/// Threads that are busier than this are what is measured: in a queue with random arrivals, the wait for a thread that is
/// busy 85 % of the time is 5.7 times the time that it works on each (M/M/1: share / (1 - share)).
const BUSY: f64 = 0.85;
/// Of the CPU time that a client wanted and that was there, this share is enough: beside one competitor of its own
/// priority on its only CPU it gets a half.
const STARVED_SHARE: f64 = 0.6;
/// Less than this of a core is not missed.
const STARVED_CPUS: f64 = 0.25;
/// A shorter measurement may lie within one bad moment of the machine.
const STARVED_S: f64 = 2.0;
/// From this share on of what the client carries of the same load by itself, most of an operation's time is the client's.
const CLIENT_LIMITED: f64 = 0.5;
/// Of fewer completed operations less than ten are above p99: see `percentile.rs`.
const FEW: u64 = 1_000;

/// What a verdict is reached from: figures of the run, and what was found wrong.
#[derive(Debug)]
pub struct Findings<'a> {
    /// Closed or open loop.
    pub mode: Mode,
    /// Offered rate of an open loop.
    pub rate_per_s: Option<f64>,
    /// All operations by outcome.
    pub counts: Counts,
    /// One line for each second.
    pub timeline: &'a [Interval],
    /// The longest time in which nothing ended.
    pub standstill: Standstill,
    /// Response times over all operations.
    pub response: &'a Latency,
    /// Service times over all operations.
    pub service: &'a Latency,
    /// What the suite itself did and used.
    pub client: &'a Client,
    /// Whether the store holds what was loaded and what it acknowledged.
    pub checks: &'a [CheckResult],
    /// How long failed operations took.
    pub failed: &'a Latency,
    /// How long the measurement lasted for each client, summed over all of them.
    pub clients_s: f64,
    /// What was found wrong with the store itself after the run, each in one sentence.
    pub store_problems: Vec<String>,
    /// Why the measurement ended before its time, if it did.
    pub early_end: Option<String>,
    /// Whether the suite was built without optimisation.
    pub is_debug_build: bool,
    /// Limits that the workload states, each with what was measured.
    pub limits: Vec<MeasuredLimit<'a>>,
}

/// A limit of latency that the workload states.
#[derive(Debug)]
pub struct MeasuredLimit<'a> {
    /// Whose latency: an operation's, or `all operations`.
    pub of: &'a str,
    /// The stated limit, for a percentile or the maximum.
    pub limit: Limit,
    /// The response times that the limit is for.
    pub response: &'a Latency,
}

/// Judges a run: reasons why it is invalid, what made it noisy, and what else its reader should know.
pub fn reach(findings: &Findings<'_>) -> Verdict {
    let (mut reasons, mut overload, mut is_shaped) = (Vec::new(), None, false);
    let counts = findings.counts;
    reasons.extend(findings.early_end.clone());
    if counts.succeeded == 0 {
        reasons.push("no operation succeeded".to_owned());
    } else if counts.failed as f64 > MAX_FAILED_SHARE * (counts.succeeded + counts.failed) as f64 {
        let share = 100.0 * counts.failed as f64 / (counts.succeeded + counts.failed) as f64;
        reasons.push(format!("{share:.1} % of the operations failed, more than 1 %"));
    }
    for check in findings.checks.iter().filter(|check| !check.passed && !check.undecided) {
        reasons.push(format!("check failed: {}: {}", check.name, check.detail));
    }
    reasons.extend(findings.store_problems.clone());
    if findings.mode == Mode::Closed {
        reasons.extend(away(findings));
    }
    // In less than a second the threads' own start and end weigh too much.
    if let Some(busy) = findings.client.threads_busy.filter(|busy| *busy > BUSY && length_s(findings.timeline) >= 1.0) {
        reasons.push(format!(
            "the client was the limit: its threads were busy {:.0} % of the time; lower --clients or --rate, or run it \
             where it has more CPUs",
            100.0 * busy
        ));
    }
    let starved = starved(findings);
    reasons.extend(starved.iter().filter(|starved| starved.by_quota).map(|starved| starved.sentence.clone()));
    if findings.mode == Mode::Open {
        overload =
            overload::overload(counts, findings.timeline, findings.service, findings.rate_per_s.unwrap_or_default());
        reasons.extend(overload.as_ref().map(overload::reason));
        // In a closed loop the client's own delay also slows the load down; there, busy threads are what is judged.
        let by_client = shaped(findings);
        is_shaped = by_client.is_some();
        reasons.extend(by_client);
    }
    // Beside another reason an overload may be its consequence, and the completed rate no property of the store.
    let overload = overload.filter(|_| reasons.len() == 1);
    let shaped_by_client = is_shaped && reasons.len() == 1;
    let level = LevelSeries::of(findings.mode, findings.timeline);
    let (valid, stability) = (reasons.is_empty(), level.stability());
    let is_named = stability.as_ref().is_some_and(|stability| stability.verdict.is_mark());
    let starved = starved.filter(|starved| !starved.by_quota).map(|starved| starved.sentence);
    let noisy = beside(findings).into_iter().chain(starved).chain(level.shift().filter(|_| !is_named)).collect();
    Verdict { valid, reasons, overload, shaped_by_client, noisy, stability, notes: notes(findings) }
}

/// A client that got much less of the CPUs than it wanted and than were there for it: what is measured is its own waiting.
struct Starved {
    /// A quota withheld them, which is the same in every run: the run is invalid. What other processes took is noise.
    by_quota: bool,
    sentence: String,
}

fn starved(findings: &Findings<'_>) -> Option<Starved> {
    let Client { threads_ran, threads_waited, threads_cpus, other_cpus, stolen_cpus, throttled_cpus, .. } =
        *findings.client;
    let (ran, waited, cpus) = (threads_ran?, threads_waited?, threads_cpus?);
    // More threads than CPUs wait for one another, and that is the load that was asked for.
    let wanted = (ran + waited).min(cpus);
    // Threads that arrive in bursts wait for one another beside an idle CPU, too: only what went elsewhere is missing.
    let elsewhere: f64 = [other_cpus, stolen_cpus, throttled_cpus].into_iter().flatten().sum();
    let missing = (wanted - ran).min(elsewhere);
    let is_starved = missing > STARVED_CPUS && ran < STARVED_SHARE * (ran + missing);
    let by_quota = throttled_cpus.unwrap_or_default() >= missing / 2.0;
    (is_starved && length_s(findings.timeline) >= STARVED_S).then(|| Starved {
        by_quota,
        sentence: format!(
            "client-limited: its threads wanted {:.0} % of a core and got {:.0} %, the rest {}; run it where it has its CPUs to \
             itself",
            100.0 * (ran + missing),
            100.0 * ran,
            if by_quota { "being withheld by a quota" } else { "having gone to other processes" }
        ),
    })
}

/// A tail that is the client's own: lanes that woke late although they were free, replies that waited for a thread. Judged
/// at p99, or at a lower percentile where there are too few operations for that.
fn shaped(findings: &Findings<'_>) -> Option<String> {
    let both =
        |at: Percentile| Some((at, findings.client.delay_ns.percentile_ns(at)?, findings.response.percentile_ns(at)?));
    let (at, delay_ns, response_ns) = [Percentile::P99, Percentile::P90, Percentile::P50].into_iter().find_map(both)?;
    let share = delay_ns as f64 / response_ns as f64;
    (delay_ns > SHAPED_FLOOR_NS && share > SHAPED_SHARE).then(|| {
        format!(
            "shaped by the client: its own delay was {:.2} ms at {at}, {:.0} % of the response time's {at}; run it where it \
             has a core to itself, or lower --rate or --clients",
            delay_ns as f64 / 1e6,
            100.0 * share,
            at = at.name()
        )
    })
}

/// What other processes took of this machine's CPUs, where that is not little.
fn beside(findings: &Findings<'_>) -> Option<String> {
    let Client { other_cpus, stolen_cpus, .. } = *findings.client;
    let (others, stolen) = (other_cpus.unwrap_or(0.0), stolen_cpus.unwrap_or(0.0));
    (others + stolen > NOISY_CPUS && length_s(findings.timeline) >= 1.0).then(|| {
        format!(
            "other processes used {:.0} % of a core and the hypervisor took {:.0} %",
            100.0 * others,
            100.0 * stolen
        )
    })
}

/// A client of a closed loop that waits for a failure or a connection sends nothing: an outage of half the run may be one
/// failure for each client, and in no percentile. The share is of the clients' own time: one that waits for a connection
/// at the end lasts longer than the last operation of the timeline.
fn away(findings: &Findings<'_>) -> Option<String> {
    let failed_s = findings.failed.mean * findings.failed.count as f64 / 1e9;
    let away_s = findings.client.disconnected_s + failed_s;
    // A mean of rounded latencies may pass the whole by a thousandth.
    let share = if away_s > 0.0 { (away_s / findings.clients_s).min(1.0) } else { 0.0 };
    (share > MAX_FAILED_SHARE).then(|| {
        format!("clients spent {:.1} % of their time without a connection or on operations that failed", 100.0 * share)
    })
}

fn length_s(timeline: &[Interval]) -> f64 {
    timeline.iter().filter(|line| line.phase != Phase::Warmup).map(|line| line.length_s).sum()
}

/// A time without the end of any operation, too long to be chance.
fn standstill(findings: &Findings<'_>) -> Option<String> {
    let Standstill { from_s, length_s: still_s } = findings.standstill;
    let ended = findings.counts.succeeded + findings.counts.failed;
    let mean_gap_s = length_s(findings.timeline) / ended.max(1) as f64;
    (still_s >= STANDSTILL_S.max(STANDSTILL_GAPS * mean_gap_s))
        .then(|| format!("no operation ended for {still_s:.1} s, from second {from_s:.1}"))
}

fn notes(findings: &Findings<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if findings.is_debug_build {
        notes.push("debug build: build with --release before using any figure".to_owned());
    }
    if findings.counts.succeeded < FEW {
        notes.push(format!(
            "only {}: too few for p99 and above",
            units::counted(findings.counts.succeeded, "operation")
        ));
    }
    notes.extend(findings.limits.iter().map(MeasuredLimit::note));
    let undecided = findings.checks.iter().filter(|check| check.undecided).count();
    if undecided > 0 {
        notes.push(format!("{undecided} of {} checks could not be judged", findings.checks.len()));
    }
    notes.extend(client_limited(findings));
    notes.extend(client_part(findings));
    if findings.client.reconnects > 0 || findings.client.disconnected_s > 0.0 {
        let Client { reconnects, disconnected_s, .. } = findings.client;
        notes.push(format!(
            "connections broke: {}; clients were disconnected for {} in all",
            units::counted(*reconnects, "reconnect"),
            units::seconds(*disconnected_s)
        ));
    }
    if findings.client.shares_machine {
        notes.push("client and server shared this machine: each took CPU time from the other".to_owned());
    }
    if findings.client.clamped > 0 {
        notes.push(format!("latencies above one hour, recorded as one hour: {}", findings.client.clamped));
    }
    notes.extend(standstill(findings));
    notes
}

/// A closed loop in which most of an operation's time is the client's own: each client took as long for an operation as the
/// same client on a store that does nothing, and little more.
fn client_limited(findings: &Findings<'_>) -> Option<String> {
    let floor = findings.client.floor_per_s.filter(|_| findings.mode == Mode::Closed)?;
    let per_s = findings.counts.succeeded as f64 / length_s(findings.timeline);
    (per_s > CLIENT_LIMITED * floor).then(|| {
        format!(
            "client-limited: {}/s is {:.0} % of the {}/s that the client carries of this by itself (`storebench calibrate` \
             measured it on null): so much of each operation's time is the client's own",
            units::rate(per_s),
            100.0 * (per_s / floor).min(1.0),
            units::rate(floor)
        )
    })
}

/// How much of the response times the client itself is, where that is not little.
fn client_part(findings: &Findings<'_>) -> Option<String> {
    let parts = [Percentile::P50, Percentile::P99].into_iter().filter_map(|at| {
        let (delay_ns, response_ns) =
            (findings.client.delay_ns.percentile_ns(at)?, findings.response.percentile_ns(at)?);
        let is_much = delay_ns > CLIENT_FLOOR_NS && delay_ns as f64 > CLIENT_SHARE * response_ns as f64;
        is_much.then(|| format!("{} of {} us at {}", delay_ns / 1_000, response_ns / 1_000, at.name()))
    });
    let parts = parts.collect::<Vec<_>>().join(", ");
    (!parts.is_empty()).then(|| format!("response times include the client's own delay: {parts}"))
}

impl MeasuredLimit<'_> {
    /// Whether it was kept. A missed limit makes a run no less valid: it is what the run found out.
    fn note(&self) -> String {
        let MeasuredLimit { of, limit, response } = self;
        let ms = |ns: u64| ns as f64 / 1e6;
        let (name, measured) = match limit.statistic {
            Statistic::Max => ("maximum", format!("{:.3} ms", ms(response.max))),
            Statistic::Percentile(percentile) => (percentile.name(), percentile_ms(response, percentile)),
        };
        let judged = match stats::judge(*limit, &[response]) {
            Judgement::Met => "met",
            Judgement::Undecided => "UNDECIDED",
            Judgement::Missed => "MISSED",
        };
        format!("SLO {judged}: {of}, {name} {measured}, limit {} ms", ms(limit.limit_ns))
    }
}

/// `4.100 ms [3.900, 4.300]`, or what is known of a percentile that too few samples carry.
fn percentile_ms(latency: &Latency, percentile: Percentile) -> String {
    let ms = |ns: u64| format!("{:.3}", ns as f64 / 1e6);
    match stats::reading(latency, percentile) {
        Reading::Nothing => "unknown".to_owned(),
        Reading::TooFew { at_least_ns: None, above } => {
            format!("unknown ({} above, too few)", units::counted(above, "operation"))
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixtures::seconds;

    fn judge(mode: Mode, timeline: &[Interval], change: impl FnOnce(&mut Findings<'_>)) -> Verdict {
        judge_checked(mode, timeline, &[], change)
    }

    fn judge_checked(
        mode: Mode,
        timeline: &[Interval],
        checks: &[CheckResult],
        change: impl FnOnce(&mut Findings<'_>),
    ) -> Verdict {
        let succeeded = timeline.iter().map(|line| line.ok).sum();
        let latency = Latency { p50: Some(100_000), ..Latency::default() };
        let mut findings = Findings {
            mode,
            rate_per_s: (mode == Mode::Open).then_some(2_000.0),
            counts: Counts { scheduled: succeeded, succeeded, ..Counts::default() },
            timeline,
            standstill: Standstill::default(),
            response: &latency,
            service: &latency,
            client: &Client::default(),
            checks,
            failed: &Latency::default(),
            clients_s: 20.0,
            store_problems: Vec::new(),
            early_end: None,
            is_debug_build: false,
            limits: Vec::new(),
        };
        change(&mut findings);
        reach(&findings)
    }

    #[test]
    fn a_steady_run_is_valid_and_nothing_is_noted() {
        let verdict = judge(Mode::Open, &seconds(Phase::Measure, 0.0, &[(1_000, 0); 9]), |_| ());
        assert_eq!(verdict, Verdict { valid: true, ..Verdict::default() }, "too short for a verdict on its level");
    }

    #[test]
    fn more_than_one_failure_in_a_hundred_makes_a_run_invalid() {
        let line = seconds(Phase::Measure, 0.0, &[(9_900, 0)]);
        assert!(judge(Mode::Closed, &line, |findings| findings.counts.failed = 100).valid);
        let verdict = judge(Mode::Closed, &line, |findings| findings.counts.failed = 101);
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
            judge(Mode::Closed, &lines, |findings| {
                (findings.client, findings.failed) = (client, failed);
                findings.standstill = Standstill { from_s: 2.0, length_s: 8.0 };
            })
        };
        // Two clients, ten seconds, 0.1 s in operations that failed.
        let slight = away(0.05);
        assert!(slight.valid && slight.notes.contains(&"no operation ended for 8.0 s, from second 2.0".to_owned()));
        let reason = "clients spent 80.0 % of their time without a connection or on operations that failed";
        assert_eq!(away(15.9).reasons, [reason]);
    }

    #[test]
    fn no_client_is_away_for_longer_than_it_is_there() {
        // Two clients lost their store at 9 s of 10 and waited 3 s for it, the run's last operation behind them.
        let lines = seconds(Phase::Measure, 0.0, &[(1_000, 0); 9]);
        let client = Client { disconnected_s: 6.0, ..Client::default() };
        let failed = Latency { count: 2, mean: 9.1e9, ..Latency::default() };
        let judged = judge(Mode::Closed, &lines, |findings| {
            (findings.client, findings.failed) = (&*Box::leak(Box::new(client)), &*Box::leak(Box::new(failed)));
            findings.clients_s = 24.2;
        });
        assert_eq!(
            judged.reasons,
            ["clients spent 100.0 % of their time without a connection or on operations that failed"]
        );
    }

    #[test]
    fn a_standstill_is_judged_by_its_length_and_not_by_whole_seconds() {
        let lines = seconds(Phase::Measure, 0.0, &[(1_000, 0); 10]);
        let notes = |from_s, length_s| {
            judge(Mode::Closed, &lines, |findings| findings.standstill = Standstill { from_s, length_s }).notes
        };
        assert_eq!(notes(3.42, 1.9), ["no operation ended for 1.9 s, from second 3.4"]);
        assert!(notes(3.42, 0.9).is_empty());
        let rare = seconds(Phase::Measure, 0.0, &[(2, 0); 10]);
        let verdict =
            judge(Mode::Open, &rare, |findings| findings.standstill = Standstill { from_s: 1.0, length_s: 3.0 });
        assert!(
            !verdict.notes.iter().any(|note| note.contains("ended for")),
            "two a second leave such gaps: {verdict:?}"
        );
    }

    #[test]
    fn a_tail_that_is_the_clients_own_is_not_the_stores() {
        let lines = seconds(Phase::Measure, 0.0, &[(1_000, 0); 10]);
        let judged = |delay_us: u64, response_us: u64| {
            let delay_ns = Latency { count: 10_000, p50: Some(1), p99: Some(1_000 * delay_us), ..Latency::default() };
            let client = Box::leak(Box::new(Client { delay_ns, ..Client::default() }));
            let response = Box::leak(Box::new(Latency {
                count: 10_000,
                p50: Some(100_000),
                p99: Some(1_000 * response_us),
                ..Latency::default()
            }));
            judge(Mode::Open, &lines, |findings| (findings.client, findings.response) = (client, response))
        };
        let shaped = judged(900, 2_560);
        assert!(
            !shaped.valid && shaped.reasons[0].starts_with("shaped by the client: its own delay was 0.90 ms at p99")
        );
        assert!(judged(900, 4_000).valid, "less than a quarter");
        let little = judged(200, 400);
        assert!(
            little.valid && little.notes[0].contains("200 of 400 us at p99"),
            "what waking a thread takes: {little:?}"
        );
        assert!(judged(90, 400).notes.is_empty(), "no more than the estimate may be off by");
    }

    #[test]
    fn others_on_the_machine_and_a_level_that_moves_make_a_run_noisy_and_leave_it_valid() {
        let steady = seconds(Phase::Measure, 0.0, &[(1_000, 0); 10]);
        let judged = |lines: &[Interval], other_cpus, stolen_cpus| {
            let client = Client { other_cpus: Some(other_cpus), stolen_cpus: Some(stolen_cpus), ..Client::default() };
            let client = Box::leak(Box::new(client));
            judge(Mode::Closed, lines, |findings| findings.client = client)
        };
        assert!(judged(&steady, 0.05, 0.04).noisy.is_empty());
        let busy = judged(&steady, 0.45, 0.02);
        assert_eq!(busy.noisy, ["other processes used 45 % of a core and the hypervisor took 2 %"]);
        assert!(busy.valid);
        let swinging: Vec<(u64, u64)> = (0..10).map(|at| (if at < 5 { 16_538 } else { 666 }, 0)).collect();
        let swung = judged(&seconds(Phase::Measure, 0.0, &swinging), 0.0, 0.0);
        assert!(
            swung.valid && swung.noisy[0].starts_with("the throughput moved from 16,538/s to 666/s at 5 s"),
            "{swung:?}"
        );
    }

    #[test]
    fn figures_of_a_busy_client_are_not_the_stores() {
        let line = seconds(Phase::Measure, 0.0, &[(10_000, 0)]);
        let judged = |busy| {
            let client = Box::leak(Box::new(Client { threads_busy: busy, ..Client::default() }));
            judge(Mode::Closed, &line, |findings| findings.client = client).reasons
        };
        assert!(judged(None).is_empty() && judged(Some(0.85)).is_empty());
        assert!(judged(Some(0.97))[0].contains("busy 97 % of the time"));
        let client = Box::leak(Box::new(Client { threads_busy: Some(0.97), ..Client::default() }));
        let short = [Interval { length_s: 0.5, ..line[0].clone() }];
        assert!(judge(Mode::Closed, &short, |findings| findings.client = client).valid, "too short to tell");
    }

    #[test]
    fn a_client_without_its_share_of_the_cpus_is_called_so_and_one_with_many_threads_is_not() {
        let lines = seconds(Phase::Measure, 0.0, &[(10_000, 0); 3]);
        let beside = |ran, waited, cpus: Option<f64>, others: f64, throttled: f64| {
            let client = Client {
                threads_ran: Some(ran),
                threads_waited: Some(waited),
                threads_cpus: cpus,
                other_cpus: Some(others),
                throttled_cpus: Some(throttled),
                ..Client::default()
            };
            let client = Box::leak(Box::new(client));
            let verdict = judge(Mode::Closed, &lines, |findings| findings.client = client);
            let named = |sentence: &String| sentence.starts_with("client-limited");
            let marks: Vec<String> = verdict.noisy.into_iter().filter(named).collect();
            (verdict.reasons, marks)
        };
        let judged = |ran, waited, cpus| beside(ran, waited, cpus, 1.0, 0.0).1;
        let starved = judged(0.5, 0.5, Some(1.0));
        assert!(
            starved[0].starts_with("client-limited: its threads wanted 100 % of a core and got 50 %"),
            "{starved:?}"
        );
        assert!(beside(0.5, 0.5, Some(2.0), 0.0, 0.5).0[0].contains("withheld by a quota"), "an invalid run");
        assert_eq!(
            beside(1.2, 5.0, Some(2.0), 0.1, 0.0),
            (vec![], vec![]),
            "bursts of sixteen threads, and an idle CPU"
        );
        assert!(judged(2.0, 6.0, Some(2.0)).is_empty(), "eight threads on two CPUs");
        assert!(judged(0.8, 1.2, Some(0.8)).is_empty(), "the server has the rest");
        assert!(judged(0.05, 0.1, Some(2.0)).is_empty(), "nothing that is missed");
        assert!(judged(0.5, 0.5, None).is_empty(), "what a foreign server takes is unknown");
    }

    #[test]
    fn a_closed_loop_near_what_its_client_carries_by_itself_is_client_limited() {
        let lines = seconds(Phase::Measure, 0.0, &[(1_000, 0); 10]);
        let judged = |mode, floor| {
            let client = Box::leak(Box::new(Client { floor_per_s: floor, ..Client::default() }));
            let succeeded = Counts { scheduled: 10_000, succeeded: 10_000, ..Counts::default() };
            let verdict = judge(mode, &lines, |findings| (findings.client, findings.counts) = (client, succeeded));
            verdict.notes.into_iter().find(|note| note.starts_with("client-limited"))
        };
        let found = judged(Mode::Closed, Some(1_250.0)).expect("a note");
        assert!(found.contains("1,000/s is 80 % of the 1,250/s"), "{found}");
        assert_eq!(judged(Mode::Closed, Some(5_000.0)), None);
        assert_eq!(judged(Mode::Closed, None), None);
        assert_eq!(judged(Mode::Open, Some(1_250.0)), None, "the rate was offered");
    }

    #[test]
    fn overload_is_a_result_of_its_own_unless_something_else_is_wrong() {
        let growing: Vec<(u64, u64)> = (1..=10).map(|second| (1_000, second * 100_000_000)).collect();
        let lines = seconds(Phase::Measure, 0.0, &growing);
        let only = judge(Mode::Open, &lines, |_| ());
        assert_eq!(
            only.overload.map(|overload| (overload.offered_per_s, overload.completed_per_s)),
            Some((2_000.0, 1_000.0))
        );
        assert!(!only.valid && only.reasons[0].starts_with("overloaded: offered 2000.0/s"), "{only:?}");
        let failing = judge(Mode::Open, &lines, |findings| findings.counts.failed = 1_000);
        assert_eq!((failing.overload, failing.reasons.len()), (None, 2));
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
