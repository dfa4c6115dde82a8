//! The phrases that every report shares: what ran, on what, how, and what went wrong.

use std::fmt::{self, Display, Formatter};

use drivers::Sending;

use super::lists::{distinct, listed};
use crate::record::{CheckResult, Course, Experiment, Mode, Overload, Run, Stability};
use crate::units;

/// `libsql 3.45.1`; `postgres 15.20, pipelined transactions` where the statements of some did not each wait for the one
/// before, which is no small advantage on a network.
pub fn store(run: &Run) -> String {
    let mut sendings = sendings(run);
    sendings.retain(|sending| *sending != Sending::Interactive.name());
    let sendings: Vec<String> = sendings.into_iter().map(str::to_owned).collect();
    if sendings.is_empty() { engine(run) } else { format!("{}, {} transactions", engine(run), listed(&sendings)) }
}

/// The words for how the transactions of a run were sent; none where it has none, or nothing is sent.
pub fn sendings(run: &Run) -> Vec<&'static str> {
    let bindings = run.store.bindings.values().flatten();
    distinct(bindings.filter_map(|binding| binding.transaction).map(Sending::name))
}

/// `libsql 3.45.1`, without what some engines tell of their build.
pub fn engine(run: &Run) -> String {
    let version = &run.store.description.version;
    let short = version.split([',', '(']).next().unwrap_or(version).trim();
    format!("{} {short}", run.store.name)
}

/// The durability tier as read back from the store; the asked one too, should they differ.
pub fn tier(run: &Run) -> String {
    let real = run.store.description.guarantees.durability;
    let asked = run.load.durability;
    if real == asked { real.name().to_owned() } else { format!("{}, {} was asked", real.name(), asked.name()) }
}

/// `closed loop, 2 clients` or `open loop, 2,000/s poisson, cap 16 clients`.
pub fn load(run: &Run) -> String {
    let load = &run.load;
    let clients = units::counted(load.clients.into(), "client");
    let on = |whose: &str, cpus: &[u32]| match cpus {
        [] => String::new(),
        [cpu] => format!(", {whose} on CPU {cpu}"),
        cpus => format!(", {whose} on CPUs {}", units::ranges(cpus)),
    };
    let cpus = on("client", &load.client_cpus) + &on("server", &load.server_cpus);
    match load.mode {
        Mode::Closed => format!("closed loop, {clients}{cpus}"),
        Mode::Open => {
            let rate = load.rate_per_s.map_or_else(|| "unknown rate".to_owned(), |rate| units::stated(rate) + "/s");
            format!("open loop, {rate} {}, cap {clients}{cpus}", load.arrivals.as_deref().unwrap_or("arrivals"))
        }
    }
}

/// `30 s after 5 s of warm-up`, `30 s without warm-up`.
pub fn duration(run: &Run) -> String {
    let measured = units::seconds(run.phases.measure_s);
    match run.phases.warmup_s {
        0.0 => format!("{measured} without warm-up"),
        warmup_s => format!("{measured} after {} of warm-up", units::seconds(warmup_s)),
    }
}

/// The same of several runs, whose warm-ups may have gone on for different times: `10 s after 2 s to 5 s of warm-up`.
pub fn durations(runs: &[&Run]) -> String {
    let Some(first) = runs.first() else { return String::new() };
    let warmups = || runs.iter().map(|run| run.phases.warmup_s);
    let (shortest, longest) = (warmups().fold(f64::INFINITY, f64::min), warmups().fold(0.0, f64::max));
    if shortest == longest {
        return duration(first);
    }
    let [measured, shortest, longest] = [first.phases.measure_s, shortest, longest].map(units::seconds);
    format!("{measured} after {shortest} to {longest} of warm-up")
}

/// `12 failed, 30 skipped`: what is missing from the latencies; empty when nothing is.
pub fn losses(run: &Run) -> String {
    let parts = [(run.counts.failed, "failed"), (run.counts.skipped, "skipped")];
    let named: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", units::count(*n))).collect();
    named.join(", ")
}

/// `closed loop`, `open loop`.
pub fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Closed => "closed loop",
        Mode::Open => "open loop",
    }
}

/// What the latencies of a run mean.
pub fn latency_meaning(mode: Mode) -> &'static str {
    match mode {
        Mode::Closed => "service time (closed loop: waiting for a free client is not included)",
        Mode::Open => "response time, from the instant at which the operation was due",
    }
}

/// What they mean where runs of both kinds meet.
pub const MIXED_MEANING: &str = "service time in closed loops, response time in open loops";

/// What stands below every table and chart with intervals of single runs. Two runs of the same had intervals apart in 14 of
/// 100 pairs.
pub const WITHIN_ONE_RUN: &str = "It is of one run by itself and not for comparing: runs of the same store differ by more. \
                                  To compare stores, repeat with --runs 5.";

/// `storebench 0.1.0`, and the profile if it makes figures incomparable.
pub fn tool(experiment: &Experiment) -> String {
    let tool = &experiment.tool;
    let unfit = tool.profile == "debug" || tool.profile == "dev";
    let remark = if unfit { " (debug build: not comparable)" } else { "" };
    format!("{} {}{remark}", tool.name, tool.version)
}

/// `AMD EPYC 7763, 2 CPUs, Linux 6.1`.
pub fn host(experiment: &Experiment) -> String {
    let host = &experiment.host;
    format!("{}, {}, {}", host.cpu, units::counted(host.cpus, "CPU"), host.os)
}

/// `5 of 5 passed`, `4 of 5 passed, 1 undecided`, `none`.
pub fn checks(run: &Run) -> String {
    let count = |of: fn(&CheckResult) -> bool| run.checks.iter().filter(|check| of(check)).count();
    let undecided = match count(|check| check.undecided) {
        0 => String::new(),
        some => format!(", {some} undecided"),
    };
    match run.checks.len() {
        0 => "none".to_owned(),
        all => format!("{} of {all} passed{undecided}", count(|check| check.passed)),
    }
}

/// The checks that did not pass or compared only a sample, and what to call them.
pub fn notable_checks(run: &Run) -> impl Iterator<Item = (&'static str, &CheckResult)> {
    run.checks.iter().filter_map(|check| match check {
        CheckResult { passed: true, sampled: true, .. } => Some(("sampled check", check)),
        CheckResult { passed: true, .. } => None,
        CheckResult { undecided: true, .. } => Some(("undecided check", check)),
        CheckResult { .. } => Some(("FAILED CHECK", check)),
    })
}

/// A moment to the second: the fraction of `2026-11-20T13:00:00.074038207Z` tells a reader nothing.
pub fn moment(rfc3339: &str) -> String {
    rfc3339.split_once('.').map_or_else(|| rfc3339.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}

/// What stands beside the figures of valid runs: `noisy`, `drifting`; of several runs `2 drifting`. The evidence is in
/// each run's own remarks.
pub fn marks(valid: &[&Run]) -> Vec<String> {
    let mark = |name: &str, is_marked: &dyn Fn(&Run) -> bool| match valid.iter().filter(|run| is_marked(run)).count() {
        0 => None,
        marked if valid.len() > 1 => Some(format!("{marked} {name}")),
        _ => Some(name.to_owned()),
    };
    let is_on = |run: &Run, course: Course| run.verdict.stability.as_ref().is_some_and(|found| found.verdict == course);
    let noisy = mark("noisy", &|run| !run.verdict.noisy.is_empty());
    let courses = [Course::Drifting, Course::Stepped, Course::NeverSteady];
    let courses = courses.into_iter().filter_map(|course| mark(course.name(), &|run| is_on(run, course)));
    noisy.into_iter().chain(courses).collect()
}

/// The verdict on a run's level with its evidence; in capitals where it is a mark beside the figures.
pub fn stability(run: &Run) -> Option<String> {
    let Stability { verdict, evidence } = run.verdict.stability.as_ref()?;
    Some(if verdict.is_mark() {
        format!("{}: {evidence}; its figures are of no single level", verdict.name().to_uppercase())
    } else {
        format!("{}: {evidence}", verdict.name())
    })
}

/// Why figures of a run are withheld. In a sentence: `INVALID: no operation succeeded`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// `INVALID`; or `OVERLOADED`, whose completed rate stands.
    pub mark: &'static str,
    pub reason: String,
}

impl Display for Withheld {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.mark, self.reason)
    }
}

/// Why figures of the run are withheld; `None` for a valid run.
pub fn withheld(run: &Run) -> Option<Withheld> {
    let reasons = &run.verdict.reasons;
    match &run.verdict.overload {
        _ if run.verdict.valid => None,
        Some(found) => Some(Withheld { mark: "OVERLOADED", reason: overload(found) }),
        None if reasons.is_empty() => Some(Withheld { mark: "INVALID", reason: "no reason recorded".to_owned() }),
        None => Some(Withheld { mark: "INVALID", reason: reasons.join("; ") }),
    }
}

/// Why figures are withheld of runs of which none is valid.
pub fn withheld_of(runs: &[&Run]) -> Option<Withheld> {
    let all_withheld = runs.iter().all(|run| !run.verdict.valid);
    if all_withheld { runs.iter().find_map(|run| withheld(run)) } else { None }
}

/// `offered 6,000/s, completed 4,120/s; the backlog grew to 18,800 arrivals, 3.1 s behind schedule, in 10 s`.
fn overload(found: &Overload) -> String {
    let unsent =
        if found.skipped > 0 { format!(", {} never sent", units::count(found.skipped)) } else { String::new() };
    format!(
        "offered {}/s, completed {}/s; the backlog grew to {} arrivals, {:.1} s behind schedule, in {}{unsent}",
        units::stated(found.offered_per_s),
        units::rate(found.completed_per_s),
        units::count(found.waiting),
        found.behind_s,
        units::seconds(found.planned_s)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;
    use drivers::Binding;

    #[test]
    fn warm_ups_of_different_lengths_are_all_said() {
        let first = fixtures::read_heavy();
        let mut later = first.clone();
        later.phases.warmup_s = 9.0;
        assert_eq!(durations(&[&first, &first]), "30 s after 5 s of warm-up");
        assert_eq!(durations(&[&first, &later]), "30 s after 5 s to 9 s of warm-up");
    }

    #[test]
    fn a_store_is_named_with_the_way_of_its_transactions_unless_each_statement_waited() {
        let mut run = fixtures::read_heavy();
        let mut named = |sendings: &[Option<Sending>]| {
            let bindings =
                sendings.iter().map(|transaction| Binding { transaction: *transaction, ..Binding::default() });
            run.store.bindings = [("pay".to_owned(), bindings.collect())].into();
            (store(&run), engine(&run))
        };
        let bare = "libsql 3.45.1".to_owned();
        for unnamed in [&[][..], &[None], &[Some(Sending::Interactive), None]] {
            assert_eq!(named(unnamed), (bare.clone(), bare.clone()), "{unnamed:?}");
        }
        let several = [Sending::Pipelined, Sending::Interactive, Sending::Pipelined, Sending::Scripted].map(Some);
        assert_eq!(named(&several), ("libsql 3.45.1, pipelined and scripted transactions".to_owned(), bare));
    }
}
