//! The answers of a sweep: a table for each workload and durability tier, in the order in which the stores were named, and
//! below it the levels. Stores of different tiers never share a table.

use crate::report::table::{self, Align};
use crate::sweep::{RateInterval, ScalabilityRecord, SweepAnswer, SweepLevel, SweepRecord};
use crate::units;

const COLUMNS: [(&str, Align); 9] = [
    ("store", Align::Left),
    ("highest rate", Align::Right),
    ("", Align::Left), // Its interval.
    ("broke first", Align::Left),
    ("capacity", Align::Right),
    ("knee", Align::Right),
    ("server CPUs", Align::Right),
    ("client CPUs", Align::Right),
    ("USD per million", Align::Right),
];

const SCALABILITY_COLUMNS: [(&str, Align); 6] = [
    ("store", Align::Left),
    ("largest completed", Align::Right),
    ("one client", Align::Right),
    ("contention", Align::Right),
    ("coherency", Align::Right),
    ("peak", Align::Left),
];

const LEVEL_COLUMNS: [(&str, Align); 9] = [
    ("stage", Align::Left),
    ("offered", Align::Right),
    ("completed", Align::Right),
    ("for", Align::Right),
    ("p50", Align::Right),
    ("p99", Align::Right),
    ("p999", Align::Right),
    ("failed", Align::Right),
    ("", Align::Left), // The verdict.
];

/// All answers, and how to read them.
pub fn answers(record: &SweepRecord) -> String {
    let mut text = String::new();
    let mut titles: Vec<String> = Vec::new();
    for title in record.answers.iter().map(title) {
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    let is_closed = |answer: &SweepAnswer| answer.levels.iter().any(|level| level.stage == "clients");
    for of_title in titles {
        let mut layout = |closed: bool, columns: &[(&str, Align)], row: &dyn Fn(&SweepAnswer) -> Vec<String>| {
            let of = record.answers.iter().filter(|answer| title(answer) == of_title && is_closed(answer) == closed);
            let rows: Vec<Vec<String>> = of.map(row).collect();
            if !rows.is_empty() {
                text += &format!("{of_title}:\n{}\n", table::layout(columns, &rows));
            }
        };
        layout(false, &COLUMNS, &row);
        layout(true, &SCALABILITY_COLUMNS, &scalability_row);
    }
    for answer in &record.answers {
        let store = store(answer);
        if let Some(problem) = &answer.problem {
            text += &format!("no whole search of {} on {store}: {problem}\n", answer.workload);
        } else if answer.ran_out {
            text += &format!(
                "{} on {store}: the time did not suffice for a nearer answer; raise --budget\n",
                answer.workload
            );
        }
    }
    if record.answers.iter().any(|answer| !is_closed(answer)) {
        text += "Highest rate: [confirmed within, confirmed beyond). Capacity: the largest completed rate. Knee: the most throughput \
                 for its\nmean response time. CPUs and cost are those at the highest rate, taken as the peak of the load.\n";
    }
    if record.answers.iter().any(is_closed) {
        text += "Contention: share of the work that is done one at a time. Coherency: what agreement costs, for each pair of \
                 clients.\nBoth by the Universal Scalability Law through the levels, with 95 % intervals; a peak beyond twice the \
                 clients measured is not told.\n";
    }
    text
}

/// Every level of every search.
pub fn levels(record: &SweepRecord) -> String {
    let mut text = String::new();
    for answer in &record.answers {
        let rows: Vec<Vec<String>> = answer.levels.iter().map(level).collect();
        text += &format!("{} on {}:\n{}\n", answer.workload, store(answer), table::layout(&LEVEL_COLUMNS, &rows));
    }
    text
}

/// The load of a level in words.
fn offered(level: &SweepLevel) -> String {
    let clients = || units::counted(level.clients.into(), "client");
    level.offered_per_s.map_or_else(clients, |rate| units::stated(rate) + "/s")
}

/// One level in a line: for progress.
pub fn level_line(level: &SweepLevel) -> String {
    let offered = offered(level);
    let p99 = level.p99_ns.map_or_else(String::new, |ns| format!(", p99 {}", units::latency(ns)));
    let judged = match &level.broke {
        Some(reason) if level.verdict != "within" => format!("{}: {reason}", level.verdict),
        _ => judged(level),
    };
    let judged = if judged.is_empty() { judged } else { format!(": {judged}") };
    format!("{} {offered}: completed {}/s{p99}{judged}", level.stage, units::rate(level.completed_per_s))
}

/// The reason without its evidence, which `sweep.json` and the progress lines have: `shaped by the client`.
fn short(reason: &str) -> &str {
    reason.split([':', ';']).next().unwrap_or(reason).trim()
}

fn title(answer: &SweepAnswer) -> String {
    let tier = answer.durability.map_or("unknown", |tier| tier.name());
    if answer.levels.iter().any(|level| level.stage == "clients") {
        return format!("{}, {tier} stores, closed loop", answer.workload);
    }
    let clients = units::counted(answer.clients.into(), "client");
    let limits = if answer.slo.is_empty() { "no limit".to_owned() } else { answer.slo.join(", ") };
    format!("{}, {tier} stores, {limits}, cap {clients}", answer.workload)
}

fn store(answer: &SweepAnswer) -> String {
    let short = answer.version.split([',', '(']).next().unwrap_or_default().trim();
    format!("{} {short}", answer.store).trim_end().to_owned()
}

fn row(answer: &SweepAnswer) -> Vec<String> {
    let rate = |per_s: Option<f64>| per_s.map_or_else(|| "-".to_owned(), |per_s| units::rate(per_s) + "/s");
    let cpus = |cpus: Option<f64>| cpus.map_or_else(|| "-".to_owned(), |cpus| format!("{cpus:.2}"));
    let at = answer.at_low.as_ref();
    let capacity = rate(answer.capacity_per_s);
    vec![
        store(answer),
        match answer.rate_per_s.low {
            Some(low) => units::rate(low) + "/s",
            None => "none".to_owned(),
        },
        interval(answer.rate_per_s),
        answer.broke_first.as_deref().map_or("-", short).to_owned(),
        if answer.saturated { capacity } else { format!(">= {capacity}") },
        rate(answer.knee_per_s),
        cpus(at.and_then(|at| at.server_cpus)),
        cpus(at.map(|at| at.client_cpus)),
        at.and_then(|at| at.usd_per_million).map_or_else(|| "-".to_owned(), units::usd),
    ]
}

fn scalability_row(answer: &SweepAnswer) -> Vec<String> {
    let share = |share: f64| format!("{:.2} %", share * 100.0);
    let interval =
        |[low, value, high]: [f64; 3], of: &dyn Fn(f64) -> String| format!("{} [{}, {}]", of(value), of(low), of(high));
    let fitted =
        |of: &dyn Fn(&ScalabilityRecord) -> String| answer.scalability.as_ref().map_or_else(|| "-".to_owned(), of);
    let most = answer.levels.iter().map(|level| level.clients).max().unwrap_or_default();
    vec![
        store(answer),
        answer.capacity_per_s.map_or_else(|| "-".to_owned(), |per_s| units::rate(per_s) + "/s"),
        fitted(&|law| interval(law.one_client_per_s, &|per_s| units::rate(per_s)) + "/s"),
        fitted(&|law| interval(law.contention, &share)),
        fitted(&|law| interval(law.coherency, &|cost| format!("{:.4} %", cost * 100.0))),
        fitted(&|law| match law.peak_clients.zip(law.peak_per_s) {
            None => format!("none up to {} clients", 2 * most),
            Some((clients, per_s)) => format!(
                "{}/s with {} clients",
                units::rate(per_s[1]),
                interval(clients, &|clients| format!("{clients:.0}"))
            ),
        }),
    ]
}

/// `[3,120, 3,210)`, and `[3,120, ?)` where no rate beyond was confirmed.
fn interval(RateInterval { low, high }: RateInterval) -> String {
    let end = |per_s: Option<f64>| per_s.map_or_else(|| "?".to_owned(), units::rate);
    if low.is_none() && high.is_none() { String::new() } else { format!("[{}, {})", end(low), end(high)) }
}

fn level(level: &SweepLevel) -> Vec<String> {
    let latency = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), units::latency);
    vec![
        level.stage.clone(),
        offered(level),
        units::rate(level.completed_per_s) + "/s",
        units::seconds(level.window_s),
        latency(level.p50_ns),
        latency(level.p99_ns),
        latency(level.p999_ns),
        if level.failed_share > 0.0 { units::percent(level.failed_share) } else { String::new() },
        judged(level),
    ]
}

/// `within`, `beyond: p99 < 10ms`, `OVERLOADED`.
fn judged(level: &SweepLevel) -> String {
    let noisy = if level.noisy.is_empty() { "" } else { ", noisy" };
    match (level.verdict.as_str(), level.broke.as_deref()) {
        ("none", None) => String::new(),
        (_, Some("overload")) => format!("OVERLOADED{noisy}"),
        ("none", Some(reason)) => format!("invalid: {}{noisy}", short(reason)),
        (verdict, Some(broke)) => format!("{verdict}: {}{noisy}", short(broke)),
        (verdict, None) => format!("{verdict}{noisy}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Host, Tool};
    use crate::sweep::{AtRate, SWEEP_SCHEMA};
    use drivers::Durability;

    fn answer(store: &str, durability: Durability, low: Option<f64>) -> SweepAnswer {
        let level = |offered_per_s: Option<f64>, verdict: &str, broke: Option<&str>| SweepLevel {
            run: "oltp-1".to_owned(),
            stage: "ramp".to_owned(),
            offered_per_s,
            clients: 16,
            spent_ns: 7_000_000_000,
            window_s: 5.0,
            completed_per_s: 412.3,
            mean_ns: Some(1e6),
            p50_ns: Some(900_000),
            p99_ns: broke.is_none().then_some(4_000_000),
            p999_ns: None,
            failed_share: 0.0,
            verdict: verdict.to_owned(),
            broke: broke.map(str::to_owned),
            noisy: Vec::new(),
        };
        SweepAnswer {
            workload: "oltp".to_owned(),
            store: store.to_owned(),
            version: "8.0 (Debian)".to_owned(),
            durability: Some(durability),
            clients: 16,
            slo: vec!["p99 < 10ms".to_owned()],
            rate_per_s: RateInterval { low, high: Some(430.0) },
            capacity_per_s: Some(512.0),
            saturated: low.is_some(),
            knee_per_s: low.map(|_| 250.0),
            broke_first: Some("p99 < 10ms".to_owned()),
            at_low: low.map(|_| AtRate {
                run: "oltp-1".to_owned(),
                server_cpus: Some(0.71),
                client_cpus: 0.2,
                threads_busy: Some(0.1),
                usd_per_million: Some(0.031),
                offer: Some("m7g".to_owned()),
                utilisation: Some(0.4),
            }),
            scalability: None,
            ran_out: low.is_none(),
            problem: None,
            levels: vec![
                level(None, "none", None),
                level(Some(400.0), "within", None),
                level(Some(640.0), "beyond", Some("overload")),
                level(Some(430.0), "beyond", Some("p99 < 10ms")),
            ],
        }
    }

    fn record(answers: Vec<SweepAnswer>) -> SweepRecord {
        SweepRecord {
            schema: SWEEP_SCHEMA.to_owned(),
            tool: Tool { name: "storebench".to_owned(), version: "0.1.0".to_owned(), profile: "release".to_owned() },
            host: Host::default(),
            command: String::new(),
            started_at: String::new(),
            finished_at: String::new(),
            seed: 42,
            budget_s: 300.0,
            interrupted: false,
            answers,
        }
    }

    #[test]
    fn stores_of_one_tier_stand_together_and_of_another_apart() {
        let durable = answer("postgres", Durability::Durable, Some(418.0));
        let relaxed = answer("redis", Durability::Relaxed, Some(420.0));
        let none = answer("mongodb", Durability::Durable, None);
        insta::assert_snapshot!(answers(&record(vec![durable, relaxed, none])), @r"
        oltp, durable stores, p99 < 10ms, cap 16 clients:
          store         highest rate              broke first  capacity   knee  server CPUs  client CPUs  USD per million
          postgres 8.0         418/s  [418, 430)  p99 < 10ms      512/s  250/s         0.71         0.20          $0.0310
          mongodb 8.0           none  [?, 430)    p99 < 10ms   >= 512/s      -            -            -                -

        oltp, relaxed stores, p99 < 10ms, cap 16 clients:
          store      highest rate              broke first  capacity   knee  server CPUs  client CPUs  USD per million
          redis 8.0         420/s  [420, 430)  p99 < 10ms      512/s  250/s         0.71         0.20          $0.0310

        oltp on mongodb 8.0: the time did not suffice for a nearer answer; raise --budget
        Highest rate: [confirmed within, confirmed beyond). Capacity: the largest completed rate. Knee: the most throughput for its
        mean response time. CPUs and cost are those at the highest rate, taken as the peak of the load.
        ");
    }

    #[test]
    fn every_level_has_a_line_and_an_overloaded_one_no_latency() {
        insta::assert_snapshot!(levels(&record(vec![answer("postgres", Durability::Durable, Some(418.0))])), @r"
        oltp on postgres 8.0:
          stage     offered  completed  for     p50      p99  p999
          ramp   16 clients      412/s  5 s  900 us  4.00 ms     -
          ramp        400/s      412/s  5 s  900 us  4.00 ms     -  within
          ramp        640/s      412/s  5 s  900 us        -     -  OVERLOADED
          ramp        430/s      412/s  5 s  900 us        -     -  beyond: p99 < 10ms
        ");
    }
}
